import { defineConfig } from 'vitest/config';

// Two workers: many tests start server processes, and a machine with two cores should not be asked for more at a time.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    globalSetup: ['test/leftovers.ts', 'test/built.ts'],
  },
});

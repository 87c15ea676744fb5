// Builds `.dist`: plain JavaScript for plain Node, in parts, so that a command loads only what it needs.

import { rmSync } from 'node:fs';
import { type BuildOptions, build } from 'esbuild';

const common: BuildOptions = {
  outdir: '.dist',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  legalComments: 'none',
  minify: true,
  keepNames: true,
  logLevel: 'warning',
  // Loaded by a few designs only, and large, or found by their own files: a native binding, a prebuilt bundle. They are dependencies
  // of the package, so they stand beside it wherever it is installed.
  external: [
    'aedes',
    'aedes-persistence-level',
    'aedes-persistence-redis',
    'ajv',
    'ioredis',
    'level',
    'mqemitter-redis',
    'mqtt',
  ],
  // A bundled dependency may still be CommonJS and ask for `require`.
  banner: {
    js: "import { createRequire as amnesiaRequire } from 'node:module'; const require = amnesiaRequire(import.meta.url);",
  },
};

rmSync('.dist', { recursive: true, force: true });
await build({ ...common, entryPoints: { amnesia: 'src/cli/amnesia.ts' }, splitting: true, chunkNames: 'part-[hash]' });
// A server starts again after every kill, and finding ten small files takes longer than reading one larger one.
await build({ ...common, entryPoints: { host: 'src/lab/host.ts' } });

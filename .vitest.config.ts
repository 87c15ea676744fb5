import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes minutes, in the order in which it is begun: where it came last, one worker would wait for the other. */
const LONG = [/exercises.lint/, /promises/, /points/, /durability/, /cli\//, /golden/, /litmus/, /replica/, /schema/];

/** Vitest begins with what took longest the last time; on a machine that has never run the tests, with the largest files. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONG.findIndex((each) => each.test(moduleId.slice(this.ctx.config.root.length)));
      return found === -1 ? LONG.length : found;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

// Three workers for a machine with two cores: half of what the tests do is waiting, for a process, a disk or a bound on time.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // What hangs is found by them, and nothing else: a machine that is busy takes its time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // A folder of this run's own first: what is built goes into it.
    globalSetup: ['test/leftovers.ts', 'test/built.ts'],
  },
});

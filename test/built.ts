// Before all tests: the program as the package has it, built once from the source as it stands. Tests start thousands of servers,
// and a built one is up in a third of the time. That it also runs from source is for test/cli/source.test.ts to see.

import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { program } from '../.ci/build.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export default async function setup(project: TestProject): Promise<void> {
  // In the folder of this run (test/leftovers.ts), and gone with it.
  const folder = join(process.env.TMPDIR as string, 'program');
  mkdirSync(folder);
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  // The texts and servers of the course lie beside the program, as in the package.
  for (const beside of ['node_modules', 'demos']) symlinkSync(join(ROOT, beside), join(folder, beside), 'junction');
  const built = join(folder, '.dist');
  const build = () => program(built, { minify: false });
  await build();
  // Whoever changes the source while the tests watch it has it built again.
  project.onTestsRerun(build);
  process.env.AMNESIA_HOST = join(built, 'host.js');
}

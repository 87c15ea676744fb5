// Real peers: programs that nobody here wrote. A test that needs one is skipped, in words, where it is missing.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'vitest';

/**
 * The path of a program, or undefined when this machine does not have it. With AMNESIA_REQUIRE_PEERS=1, as on the machine that
 * has them all, a missing one is a failure: a skipped test proves nothing.
 */
export function peer(program: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, process.platform === 'win32' ? `${program}.exe` : program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  if (process.env.AMNESIA_REQUIRE_PEERS === '1') throw new Error(`${missing(program)} (AMNESIA_REQUIRE_PEERS=1)`);
  return undefined;
}

/** The path of a program that a test cannot do without: where it is missing the test is skipped with a line that names it. */
export function needs(context: TestContext, program: string): string {
  return peer(program) ?? context.skip(missing(program));
}

function missing(program: string): string {
  return `${program} is not installed here, and this test needs it as the other end`;
}

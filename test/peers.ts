// Real peers: programs that nobody here wrote. A test that needs one is skipped, in words, where it is missing.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'vitest';

/** The path of a program, or undefined when this machine does not have it. Servers often lie where only root's path leads. */
export function program(name: string): string | undefined {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']) {
    if (folder === '') continue;
    const path = join(folder, process.platform === 'win32' ? `${name}.exe` : name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/**
 * The path of a program that a test wants. With AMNESIA_REQUIRE_PEERS=1, as on the machine that has them all, a missing one is
 * a failure: a skipped test proves nothing.
 */
export function peer(name: string): string | undefined {
  const path = program(name);
  if (path !== undefined) return path;
  if (process.env.AMNESIA_REQUIRE_PEERS === '1') throw new Error(`${missing(name)} (AMNESIA_REQUIRE_PEERS=1)`);
  return undefined;
}

/** The path of a program that a test cannot do without: where it is missing the test is skipped with a line that names it. */
export function needs(context: TestContext, name: string): string {
  return peer(name) ?? context.skip(missing(name));
}

export function missing(name: string): string {
  return `${name} is not installed here, and is needed as the other end`;
}

/**
 * Mermaid's own renderer, a script for a browser. It is too large to be installed with the rest, so its path is given by
 * AMNESIA_MERMAID; without it the test is skipped.
 */
export function needsMermaid(context: TestContext): string {
  const path = process.env.AMNESIA_MERMAID;
  if (path !== undefined) return path;
  const why =
    'mermaid is not here: npm install --prefix SOME_FOLDER mermaid, and AMNESIA_MERMAID=…/dist/mermaid.min.js';
  if (process.env.AMNESIA_REQUIRE_PEERS === '1') throw new Error(`${why} (AMNESIA_REQUIRE_PEERS=1)`);
  return context.skip(why);
}

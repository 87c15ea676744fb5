// Before all tests: a temporary folder for this run alone. After all tests: nothing may be left in it, and no process of ours
// may still live. Every process that a test starts inherits the folder's name, and is known by it, whoever its parent is now.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';

/** A killed process may need a moment to be gone; what is still there then has been left behind. In milliseconds. */
const GRACE = 3000;

export default function setup(): () => Promise<void> {
  // Short: a socket in a folder inside it must fit the 107 bytes that Linux gives to such a name.
  const ours = mkdtempSync(join(tmpdir(), 'tests-'));
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) process.env[name] = ours;

  return async () => {
    const until = Date.now() + GRACE;
    let left = leftovers(ours);
    while (left.length > 0 && Date.now() < until) {
      await after(50);
      left = leftovers(ours);
    }
    rmSync(ours, { recursive: true, force: true });
    if (left.length === 0) return;
    // Vitest prints what a teardown throws, but ends well nevertheless.
    process.exitCode = 1;
    throw new Error(
      `the tests left behind:\n  ${left.join('\n  ')}\nFind the test that started it, and let it clean up.`,
    );
  };
}

/** What a run has left: its folders, and, where /proc tells, its processes. */
export function leftovers(ours: string): string[] {
  const folders = readdirSync(ours)
    .filter((name) => name.startsWith('amnesia-'))
    .map((name) => `folder ${join(ours, name)}`);
  return [...folders, ...processes(ours)];
}

function processes(ours: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) => {
      const words = read(`/proc/${pid}/cmdline`);
      const isOurs = /lab\/host\.|\.dist\/|cli\/amnesia\.|demos\/|redis-server/.test(words);
      return isOurs && read(`/proc/${pid}/environ`).includes(ours) ? [`process ${pid}: ${words.trim()}`] : [];
    });
}

/** Empty when the process is gone or not ours to look at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

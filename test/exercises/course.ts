// What every exercise of the course is held to: its lint, and what the learners of its wrong servers are told, kept in
// `test/golden/exercises/`, 80 columns wide. When that is meant to change: UPDATE_GOLDEN=1, and read the difference before keeping it.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { COURSE } from '../../demos/exercises/index.ts';
import { gapsOf } from '../../src/cli/exercise/lint.ts';
import type { Report } from '../../src/lab/checker.ts';
import { reportLines } from '../../src/log/exercise.ts';
import { paint, widthOf } from '../../src/log/text.ts';
import { amnesia, type Ran } from '../cli/amnesia.ts';

/** Each of its servers is started a few times, in milliseconds. */
const LONG = 150_000;

export const COURSE_FOLDER = fileURLToPath(new URL('../../demos/exercises/', import.meta.url));

/** A report as a terminal of 80 columns shows it. */
export function told(report: Report, { ascii = false } = {}): string[] {
  const look = { width: 80, colour: false, ascii };
  return reportLines(report, 'amnesia-exercises/server.mjs', look).map((line) => paint(line, look));
}

function golden(name: string, lines: string[]): void {
  const path = new URL(`../golden/exercises/${name}.txt`, import.meta.url);
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(new URL('.', path), { recursive: true });
    writeFileSync(path, `${lines.join('\n')}\n`);
  }
  if (!existsSync(path))
    throw new Error(`there is no golden output of ${name}: make it with UPDATE_GOLDEN=1, and read it`);
  // Git may check text out with other line ends.
  for (const line of lines) expect(widthOf(line), line).toBeLessThanOrEqual(80);
  expect(lines, name).toEqual(readFileSync(path, 'utf8').replaceAll('\r\n', '\n').trimEnd().split('\n'));
}

/** What is typed for several exercises, and is the same for all of them, is typed once. */
const typed = new Map<string, Promise<Ran>>();
function types(words: readonly string[], cwd: string): Promise<Ran> {
  const command = words.join(' ');
  const ran = typed.get(command) ?? amnesia(words, { cwd, env: { XDG_CACHE_HOME: `${cwd}/cache` } });
  if (words[0] !== 'exercise') typed.set(command, ran);
  return ran;
}

/** Every `of`-th exercise from `first` on: a file of tests has one worker, and the course is long. */
export function holdToLint(first: number, of: number): void {
  describe.each(COURSE.filter((_entry, index) => index % of === first))('$id', (entry) => {
    test(
      'lacks nothing, and its wrong servers are told what they are',
      async () => {
        const reports = new Map<string, Report>();
        const gaps = await gapsOf(entry, await entry.load(), {
          course: COURSE_FOLDER,
          types,
          told: (server, report) => reports.set(server.replace('/', '-'), report),
        });
        expect(gaps).toEqual([]);
        for (const [server, report] of reports) golden(`${entry.id}-${server}`, told(report));
      },
      LONG,
    );
  });
}

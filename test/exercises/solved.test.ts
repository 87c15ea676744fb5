// Exercises solved in other languages: the checker speaks only over the wire.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { COURSE } from '../../demos/exercises/index.ts';
import { checkServer } from '../../src/lab/checker.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { needs } from '../peers.ts';
import { told } from './course.ts';

const SOLVED = fileURLToPath(new URL('solved/', import.meta.url));
const folder = temporaryFolder();
afterAll(() => folder.remove());

async function passes(id: string, command: readonly string[]): Promise<void> {
  const exercise = await COURSE.find((entry) => entry.id === id)?.load();
  if (exercise?.kind !== 'feature' && exercise?.kind !== 'nature') throw new Error(`no server is written in ${id}`);
  const report = await checkServer(exercise, { seed: 1, cwd: folder.path, command });
  expect(report.verdict, told(report).join('\n')).toBe('passed');
}

describe.each(['echo', 'name-not-path'])('%s', (id) => {
  test('in Python', async (context) => {
    await passes(id, [needs(context, 'python3'), join(SOLVED, `${id}.py`)]);
  });

  test('in C', async (context) => {
    const program = join(folder.path, id);
    await promisify(execFile)(needs(context, 'cc'), [
      '-O1',
      '-Wall',
      '-Werror',
      '-o',
      program,
      join(SOLVED, `${id}.c`),
    ]);
    await passes(id, [program]);
  });
});

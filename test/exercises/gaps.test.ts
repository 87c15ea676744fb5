// The lint of the course finds what is not there, and names it.

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { exercise as echo } from '../../demos/exercises/echo/index.ts';
import { exercise as adversary } from '../../demos/exercises/looks-right/index.ts';
import { exercise as reading } from '../../demos/exercises/read-a-return/index.ts';
import { skeleton } from '../../src/cli/exercise/author.ts';
import { commandsIn, GAP, gapsOf, type LintOptions, registryGaps } from '../../src/cli/exercise/lint.ts';
import type { Build, Exercise } from '../../src/lab/exercise.ts';
import type { Reading } from '../../src/lab/reading.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { ROOT } from '../cli/amnesia.ts';
import { COURSE_FOLDER } from './course.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const course = join(folder.path, 'course');
const written: Build = echo as unknown as Build;

/** A program with which everything goes well, and one that cannot do a thing but begin. */
const types = async () => ({ code: 0, err: '' });
const refuses = (code: number) => async (words: readonly string[]) =>
  words[1] === 'start' ? { code: 0, err: '' } : { code, err: 'amnesia: not today\n' };

/** What is missing in an exercise whose folder has been changed. */
async function gaps(
  exercise: Exercise | Reading,
  change: (own: string) => void = () => {},
  typing: LintOptions['types'] = types,
): Promise<string[]> {
  const own = join(course, exercise.id);
  rmSync(own, { recursive: true, force: true });
  if (existsSync(join(COURSE_FOLDER, exercise.id))) cpSync(join(COURSE_FOLDER, exercise.id), own, { recursive: true });
  change(own);
  const entry = { id: exercise.id, title: 'A title', teaches: 'something', load: async () => exercise };
  return gapsOf(entry, exercise, { course, types: typing });
}

const edit = (name: string, from: string | RegExp, to: string) => (own: string) => {
  const text = readFileSync(join(own, name), 'utf8');
  const edited = text.replace(from, to);
  expect(edited, `${from} is in ${name}`).not.toBe(text);
  writeFileSync(join(own, name), edited);
};

test('the course and its folders are the same', () => {
  expect(registryGaps(COURSE_FOLDER)).toEqual([]);
  mkdirSync(join(course, 'nobody-knows'), { recursive: true });
  expect(registryGaps(course)).toContain('nobody-knows: its folder is there, and no entry of the course');
  expect(registryGaps(course)).toContain('name-not-path: it is in the course, and its folder is not there');
  rmSync(join(course, 'nobody-knows'), { recursive: true });
});

test('of a skeleton every part that is still to be written is named', async () => {
  const own = join(folder.path, 'skeleton', 'my-own');
  const files = skeleton('my-own');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(own, name)), { recursive: true });
    writeFileSync(join(own, name), text.replaceAll("'../../../src/", `'${ROOT}src/`));
  }
  const { exercise } = (await import(pathToFileURL(join(own, 'index.ts')).href)) as { exercise: Exercise };
  const entry = { id: 'my-own', title: 'Mine', teaches: 'something', load: async () => exercise };
  const found = await gapsOf(entry, exercise, { course: join(folder.path, 'skeleton'), types });
  for (const part of ['hint 1', 'hint 3', 'the sentence of kill', 'the question of kill', 'the hint of kill'])
    expect(found).toContain(`${part} is still to be written`);
  for (const [name, text] of Object.entries(files))
    if (name !== 'index.ts') {
      const line = text.split('\n').findIndex((each) => each.includes(GAP)) + 1;
      expect(found).toContain(`${name}:${line} is still to be written`);
    }
});

describe('how it is written', () => {
  const wrong = written.wrong;
  test.each<[string, Exercise | Reading, ((own: string) => void) | undefined, string]>([
    [
      'a hint says nothing',
      { ...written, hints: ['Look.', ...written.hints.slice(1)] as never },
      undefined,
      'hint 1 says next to nothing',
    ],
    ['a server is missing', written, (own) => rmSync(join(own, 'solution.mjs')), 'solution.mjs is not there'],
    [
      'a server belongs to nothing',
      written,
      (own) => writeFileSync(join(own, 'wrong/more.diff'), ''),
      'wrong/more.diff belongs to no check',
    ],
    [
      'a check is not there',
      { ...written, wrong: { ...wrong, text: 'nothing' } },
      undefined,
      'wrong/text.diff is to be caught by nothing, and there is no such check',
    ],
    ['one wrong server', { ...written, wrong: { text: 'same' } }, undefined, 'it needs two wrong servers at least'],
    [
      'an arm for nothing',
      { ...written, arms: { ...written.arms, swap: { is: 'swap', at: { after: 1 } } } },
      undefined,
      'no check looks at the arm swap',
    ],
    [
      'two checks of one name',
      { ...written, checks: [...written.checks, ...written.checks.slice(0, 1)] },
      undefined,
      'two checks are called once',
    ],
    [
      'a server that needs a package',
      written,
      edit('starter.mjs', "'node:dgram'", "'dgram-next'"),
      'starter.mjs imports dgram-next: only node: modules are there',
    ],
    [
      'a part of the problem',
      written,
      edit('problem.md', '## What must survive', '## Else'),
      'problem.md has no part “What must survive”',
    ],
    [
      'a command that is none',
      written,
      edit('problem.md', 'amnesia exercise check echo', 'amnesia exercise judge echo'),
      'problem.md names the command amnesia exercise judge echo -- python3 server.py, and there is none',
    ],
    [
      'another name',
      {
        ...written,
        id: 'echo',
        kind: 'feature',
        hints: written.hints,
        checks: written.checks.map((each) => ({ ...each, cite: '' })),
      },
      undefined,
      'the clause of same says next to nothing',
    ],
  ])('%s', async (_what, exercise, change, gap) => {
    expect(await gaps(exercise, change)).toContain(gap);
  });
});

describe('what its texts tell to type', () => {
  test('commands are found in a line and on a line of their own, also broken in two', () => {
    const text =
      'Type `npm run amnesia -- list`,\nor `amnesia demo\nudp-echo`:\n\n    amnesia points http\n\nAmnesia is a word.';
    expect(commandsIn(text)).toEqual(['list', 'demo udp-echo', 'points http']);
  });

  test('a check may say that it is not done yet; a command that cannot be run is a gap', async () => {
    expect(await gaps(reading, undefined, refuses(1))).toEqual(
      commandsIn(readFileSync(join(COURSE_FOLDER, reading.id, 'problem.md'), 'utf8'))
        .filter((command) => !command.startsWith('exercise'))
        .map((command) => expect.stringContaining(`amnesia ${command}, which its texts name, ends with 1`)),
    );
    expect(await gaps(reading, undefined, refuses(64))).toContain(
      'amnesia exercise check read-a-return, which its texts name, ends with 64: amnesia: not today',
    );
  });
});

describe('how its servers fare', () => {
  test('a starter that passes, a wrong server that is right, and one that is caught by another check', async () => {
    const found = await gaps(written, (own) => {
      writeFileSync(join(own, 'starter.mjs'), readFileSync(join(own, 'solution.mjs')));
      writeFileSync(join(own, 'wrong/one-client.diff'), '--- solution.mjs\n+++ wrong/one-client.mjs\n');
      writeFileSync(join(own, 'wrong/text.diff'), readFileSync(join(own, 'wrong/skips-empty.diff')));
    });
    expect(found).toEqual([
      'the starter passes: there is nothing to do',
      expect.stringMatching(/^wrong\/text.diff is to be caught by same: empty \(/),
      'wrong/one-client.diff is to be caught by path: it passes',
    ]);
  });

  test('a solution that does not pass, and a mistake in what does not stand in it any more', async () => {
    const found = await gaps(written, edit('solution.mjs', 'socket.send(payload,', "socket.send('no',"));
    expect(found.slice(0, 2)).toEqual([
      expect.stringMatching(/^the solution does not pass with seed 1: same \(/),
      expect.stringMatching(/^the solution does not pass with seed 2: same \(/),
    ]);
    expect(found).toContain(
      'wrong/text.diff is no change of solution.mjs as it stands: diff -u solution.mjs OTHER.mjs > wrong/text.diff',
    );
  });

  test('a place that is not what it is said to be, and a search that is none', async () => {
    const cuts = ['kill'] as const;
    const breaks = [1, 2].map((after) => ({ cut: 'kill' as const, after }));
    const found = await gaps({ ...adversary, cuts, breaks } as Exercise);
    expect(found).toEqual([
      'it breaks at half of all places or more: that is no search',
      expect.stringMatching(/^kill after step 1 is to break it, and it is recovered: /),
      expect.stringMatching(/^kill after step 4 is not to break it, and it is broken: /),
    ]);
  });

  test('a blank without a place', async () => {
    const [first] = reading.blanks;
    if (!first) throw new Error('there is no blank');
    const none = { ...first, kind: 'NONE' };
    expect(await gaps({ ...reading, blanks: [first, none, first] })).toEqual([
      'a blank is in NONE no. 1 of the server, and there is none',
    ]);
    expect(await gaps({ ...reading, blanks: [first] })).toContain('it has fewer than three blanks');
  });
});

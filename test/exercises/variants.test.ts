// Solutions that were changed in one place: those that problem.md allows must pass, and of the others each is caught by the check that
// no server in `wrong` is there for.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { COURSE } from '../../demos/exercises/index.ts';
import { checkServer } from '../../src/lab/checker.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { COURSE_FOLDER } from './course.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const EXPECTED = `  if (number === stream.next) {
    stream.delivered += datagram.toString('utf8', 7);
    stream.next++;
  }
`;
const KEPT = `  const early = (stream.early ??= new Map());
  if (number >= stream.next) early.set(number, datagram.toString('utf8', 7));
  for (; early.has(stream.next); stream.next++) stream.delivered += early.get(stream.next);
`;

test.each([
  ['reliable-datagrams', 'a text that comes too early is kept', EXPECTED, KEPT, undefined],
  ['reliable-datagrams', 'the number that came is acknowledged', 'stream.next & 255', 'number & 255', 'acknowledged'],
  [
    'dns-answer',
    'the name of the record is a pointer',
    'record(query.subarray(12, end), found.type',
    'record(Buffer.of(0xc0, 12), found.type',
    undefined,
  ],
  ['dns-answer', 'the ID is not copied', 'query.copy(header, 0, 0, 2);', '', 'id'],
  ['dns-answer', 'RD is not copied', ' | (query.readUInt8(2) & 1)', '', 'flags'],
  [
    'dns-answer',
    'the record is of another name',
    'record(query.subarray(12, end), found.type',
    "record(nameBytes('test'), found.type",
    'address',
  ],
  ['dns-answer', 'no record is no name', 'known ? NOERROR', 'found ? NOERROR', 'nodata'],
  ['dns-cookie', 'no cookie is given', 'Buffer.concat([client, own])', 'client', 'given'],
  ['dns-cookie', 'each cookie is another one', '.update(address)', '.update(String(process.hrtime.bigint()))', 'known'],
  [
    'sequence-wrap',
    'the last number is not left',
    '(known.next + fresh.length) >>> 0',
    'Math.min(known.next + fresh.length, 2 ** 32 - 1)',
    'across',
  ],
] as const)('%s: %s', async (id, _what, right, instead, caught) => {
  const exercise = await COURSE.find((entry) => entry.id === id)?.load();
  if (!exercise || exercise.kind === 'adversary' || exercise.kind === 'read')
    throw new Error(`${id} is no exercise with a server to be written`);
  const solution = readFileSync(join(COURSE_FOLDER, id, 'solution.mjs'), 'utf8').replaceAll('\r\n', '\n');
  expect(solution).toContain(right);
  writeFileSync(join(folder.path, 'server.mjs'), solution.replace(right, instead));
  const command = [process.execPath, 'server.mjs'];
  const { verdict, failure } = await checkServer(exercise, { seed: 1, cwd: folder.path, command });
  expect({ verdict, check: failure?.check.id }).toEqual({
    verdict: caught === undefined ? 'passed' : 'failed',
    check: caught,
  });
});

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { amnesia, home, records } from './amnesia.ts';

const newHome = home();

test('nothing has been played yet: it says what to play', async () => {
  expect(await amnesia(['explain', '5'], { env: await newHome() })).toEqual({
    code: 64,
    out: '',
    err: 'amnesia: no run has been kept yet. Type: amnesia demo udp-echo\n',
  });
});

test('a row of the last run, or of a file: every field, its clause, memory before and after', async () => {
  const env = await newHome();
  const { out } = await amnesia(['demo', 'tcp-session', '--json'], { env });
  const file = join(env.XDG_CACHE_HOME ?? '', 'run.jsonl');
  await mkdir(env.XDG_CACHE_HOME ?? '', { recursive: true });
  await writeFile(file, out);
  const rows = records(out).filter((entry) => 'row' in entry);
  const data = rows.find((entry) => entry.kind === 'DATA')?.row as number;

  const last = await amnesia(['explain', String(data)], { env });
  expect({ code: last.code, err: last.err }).toEqual({ code: 0, err: '' });
  expect(last.out).toMatch(/^tcp-session\/memory, seed 1, control arm\n/);
  for (const part of [
    'DATA seq=1000',
    '0000  14 00',
    'Sequence = 1000',
    '[tcp-session §1]',
    'before\n',
    'after\n',
    'next 1003, 3 bytes delivered',
  ])
    expect(last.out).toContain(part);
  // The token stays out of sight here as well.
  expect(out).toContain('"hex":"1200001c00000001********************************');

  const other = await newHome();
  expect(await amnesia(['explain', String(data), '--run', file], { env: other })).toEqual(last);

  const kill = rows.find((entry) => entry.is === 'cut')?.row as number;
  const severed = await amnesia(['explain', String(kill), '--ascii'], { env });
  expect(severed.out).toMatch(/^tcp-session\/memory, seed 1, severed arm \(kill at read 2 DATA\)\n/);
  expect(severed.out).toContain('SIGKILL session/1');
  expect(severed.out).toMatch(/^[\n -~]+$/);

  const beyond = await amnesia(['explain', String(rows.length + 1), '--run', file], { env: other });
  expect(beyond).toEqual({
    code: 64,
    out: '',
    err: `amnesia: the run has rows 1 to ${rows.length}, and no row ${rows.length + 1}. Type: amnesia explain 1 --run ${file}\n`,
  });
});

test.each([
  ['is not there', undefined, /cannot be read\. Type: .* demo udp-echo\n$/],
  ['is no JSON', 'dear diary\n', /:1 is not JSON\. Type: .* --json > run\.jsonl\n$/],
  ['is empty', '', /is not (JSON|a run)\. Type: .* --json > run\.jsonl\n$/],
  ['is no run', '{"is":"packet"}\n', /is not a run\. Type: .* --json > run\.jsonl\n$/],
  ['is nothing at all', 'null\n', /is not a run\. Type: .* --json > run\.jsonl\n$/],
  [
    'has no records',
    '{"is":"run","version":2,"protocol":"udp-echo","design":"plain","seed":1,"cut":null,"at":null}\n',
    /the run has rows 1 to 0/,
  ],
  [
    'lacks what was played',
    '{"is":"run","version":2}\n',
    /:1 is no record: it must have required property 'protocol'\. Type/,
  ],
])('a file that %s: one line', async (_how, text, says) => {
  const env = await newHome();
  const file = join(env.XDG_CACHE_HOME ?? '', '..', 'run.jsonl');
  if (text !== undefined) await writeFile(file, text);
  const { code, out, err } = await amnesia(['explain', '1', '--run', file], { env });
  expect({ code, out }).toEqual({ code: 64, out: '' });
  expect(err).toMatch(says);
  expect(err.trimEnd()).not.toContain('\n');
});

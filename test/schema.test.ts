// The schema of a run's lines, against real runs: whoever reads runs in another language has nothing else to go by.

import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { RUN_VERSION } from '../src/capture/run.ts';
import { CUTS } from '../src/lab/story.ts';
import { jsonLines } from '../src/log/jsonl.ts';
import { type PlayedRun, playedRun } from './log/runs.ts';

const schema = JSON.parse(readFileSync(new URL('../src/capture/records.schema.json', import.meta.url), 'utf8'));
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);
/** Of a `oneOf` that fails, only the alternative of the record's own kind says anything. */
const wrong = (line: unknown) => {
  if (validate(line)) return [];
  const { is } = line as { is: string };
  const own = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile({
    ...schema,
    oneOf: undefined,
    $ref: `#/$defs/${is}`,
  });
  own(line);
  return (own.errors ?? []).map(
    ({ instancePath, message, params }) => `${is}${instancePath} ${message} ${JSON.stringify(params)}`,
  );
};

const linesOf = ({ header, arms }: PlayedRun): unknown[] => [
  header,
  ...arms.flatMap(({ entries, ledger }) => jsonLines(entries, ledger)).map((line) => JSON.parse(line) as unknown),
];

test.each(['udp-echo/plain', 'dns/cookie', 'tcp-session/memory', 'tcp-session/disk', 'ftp/memory', 'mqtt/memory'])(
  'every line of a run of %s is one that the schema knows',
  async (named) => {
    const lines = linesOf(await playedRun(named));
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.flatMap(wrong)).toEqual([]);
  },
);

test.each(CUTS.filter((cut) => cut !== 'store'))('the cut %s as well', async (is) => {
  const lines = linesOf(await playedRun('mqtt/memory', { is, at: { after: 3 } }));
  expect(lines.flatMap(wrong)).toEqual([]);
  expect(lines.some((line) => (line as { cut?: string }).cut === is)).toBe(true);
});

test('what is no record of a run is refused', () => {
  const header = { is: 'run', version: RUN_VERSION, protocol: 'x', design: 'y', seed: 1, cut: null, at: null };
  expect(wrong(header)).toEqual([]);
  expect(wrong({ ...header, exec: 'amnesia litmus --exec x --protocol mqtt' })).toEqual([]);
  for (const odd of [
    {},
    { ...header, version: 1 },
    { ...header, more: 1 },
    { is: 'gap', t_ns: 0, arm: 1 },
    { is: 'step', t_ns: 1.5, arm: 1 },
  ])
    expect(validate(odd)).toBe(false);
});

test('its version is that of the runs, and it knows every cut', () => {
  expect(schema.$defs.run.properties.version.const).toBe(RUN_VERSION);
  expect(schema.$defs.cut.properties.cut.enum.toSorted()).toEqual([...CUTS].sort());
});

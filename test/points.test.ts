// An exchange, killed at each of its points: what `amnesia points` measures, and what it refuses to say.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { story as http } from '../demos/http.ts';
import { story as mqtt } from '../demos/mqtt.ts';
import { story } from '../demos/tcp-session.ts';
import { points } from '../src/lab/points.ts';
import type { Exchange, Story } from '../src/lab/story.ts';
import { pointsLines, pointsMarkdown } from '../src/log/points.ts';
import { paint } from '../src/log/text.ts';
import type { LettersClient } from '../src/protocols/mqtt/client.ts';
import { amnesia, home } from './cli/amnesia.ts';
import { LITMUS } from './protocol.ts';

const env = await home()();
const [exchange] = story.exchanges as unknown as [Exchange<never>];

const measured = (design: string, asked = exchange) =>
  points({ story: story as unknown as Story, design, exchange: asked, seed: 1, origin: process.hrtime.bigint() });

describe('an exchange killed at each of its points', () => {
  test('what is written down is delivered once wherever the kill falls; what is not is gone', async () => {
    expect((await measured('disk')).map(({ at, outcome }) => [at, outcome])).toEqual([
      [undefined, 'once'],
      ['read 1 DATA', 'once'],
      ['send 1 ACK', 'once'],
      ['sent 1 ACK', 'once'],
    ]);
    const lost = await measured('memory');
    expect(lost.map(({ outcome }) => outcome)).toEqual(['once', 'broken', 'broken', 'broken']);
    expect(lost.at(-1)?.because).toBe('“close it”: the server says: unknown session');
  });

  test('a point that a design never comes to is none of its own', async () => {
    const [, never] = await measured('disk', {
      ...exchange,
      points: [{ on: { moment: 'read', nth: 9, kind: 'DATA' }, tells: 'a ninth DATA' }],
    });
    expect(never).toMatchObject({ at: 'read 9 DATA', outcome: undefined, never: true });
    expect(never).not.toHaveProperty('because');
  });

  test('where all went otherwise than it goes, and nobody was killed, nothing is said', async () => {
    let played = 0;
    const steps = [...exchange.steps, { name: 'count', act: async () => String(played++) }];
    const [uncut, other] = await measured('disk', {
      ...exchange,
      steps,
      points: [{ on: { moment: 'read', nth: 9, kind: 'DATA' }, tells: 'a ninth DATA' }],
    });
    expect(uncut?.outcome).toBe('0');
    expect(other).toMatchObject({ outcome: undefined, because: 'no “read 9 DATA” came' });
    expect(other).not.toHaveProperty('never');
  });
});

test('a point that a design never comes to is a dash, and the dash is explained', async () => {
  const never = { exchange: 'PUT', at: 'read 1 PUT', tells: 'it is read', outcome: undefined, never: true } as const;
  const look = { width: 80, colour: false, ascii: false };
  const lines = pointsLines({ designs: ['token'], results: [[never]] }, look).map((line) => paint(line, look));
  expect(lines.map((line) => line.trimEnd())).toContain('    read 1 PUT  –');
  expect(lines.at(-1)).toBe('  –  the design never comes to this point');
});

test('a letter that a broker fetches while it goes on answering is waited for before it is counted', async () => {
  const fetched = 'letters "Hello"';
  const slow: Pick<LettersClient, 'wake' | 'publish' | 'until'> = {
    wake: async (_name, letters = 0) => `session present 1; ${letters > 0 ? fetched : 'no letters'}`,
    publish: async () => 'acknowledged',
    until: async () => ['"That was all."'],
  };
  for (const { name, steps } of mqtt.exchanges ?? [])
    expect([name, await steps.at(-1)?.act(slow as LettersClient)]).toEqual([name, 'once']);
});

test.each<[string, Story, string[]]>([
  ['points', mqtt as unknown as Story, ['memory', 'disk']],
  ['http points', http as unknown as Story, ['store', 'careless']],
])(
  'what the README shows under “%s” is what is measured',
  async (name, told, designs) => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const table = readme.split(`<!-- ${name} -->\n`)[1]?.split(`\n<!-- /${name} -->`)[0] ?? '';
    const [head = [], , ...rows] = table.split('\n').map((row) => row.slice(2, -2).split(' | '));
    for (const design of designs) {
      const origin = process.hrtime.bigint();
      const found: string[] = [];
      for (const each of (told.exchanges ?? []) as Exchange<never>[])
        for (const point of await points({ story: told, design, exchange: each, seed: 1, origin }))
          found.push(`${point.exchange}, ${point.at ?? '–'}: ${point.outcome}`);
      expect(found).toEqual(rows.map((cells) => `${cells[0]}, ${cells[1]}: ${cells[head.indexOf(design)]}`));
    }
  },
  LITMUS,
);

describe('amnesia points', () => {
  test('--json: one object a point; a protocol without an exchange says what to type', async () => {
    const { code, out, err } = await amnesia(['points', 'tcp-session/disk', '--json'], { env });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const told = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(told.map(({ at, outcome }) => [at, outcome])).toContainEqual(['send 1 ACK', 'once']);
    const refused = await amnesia(['points', 'udp-echo'], { env });
    expect(refused.code).not.toBe(0);
    expect(refused.err).toMatch(/^amnesia: udp-echo has no exchange .* Type: .*\n$/);
  });

  test('six designs fit into 80 columns, and a table for a README has a column for each', () => {
    const designs = ['memory', 'disk', 'redis', 'aedes', 'aedes-level', 'aedes-redis'];
    const of = (outcome: string | undefined) => ({
      exchange: 'QoS 2',
      at: 'read 1 PUBLISH',
      tells: 'nothing yet',
      outcome,
    });
    const table = { designs, results: designs.map((_name, nth) => [of(nth === 2 ? undefined : 'broken')]) };
    const look = { width: 80, colour: false, ascii: false };
    const lines = pointsLines(table, look).map((line) => paint(line, look));
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines.join('\n')).toContain('unknown');
    expect(lines.filter((line) => line.includes('QoS 2'))).toHaveLength(1);
    const [head, rule, row] = pointsMarkdown(table).split('\n');
    expect(head).toBe(`| exchange | killed at | where things stand | ${designs.join(' | ')} |`);
    expect(rule).toBe(`|${' --- |'.repeat(9)}`);
    // Wider ones do not: some come below the others, and each of them says which it is.
    const wide = { designs, results: designs.map(() => [of('none, logged out')]) };
    const blocks = pointsLines(wide, look).map((line) => paint(line, look));
    for (const line of blocks) expect(line.length).toBeLessThanOrEqual(80);
    expect(blocks.filter((line) => line.includes('QoS 2'))).toHaveLength(2);
    expect(blocks.filter((line) => /^ +(memory|disk|redis|aedes)/.test(line))).toEqual([
      expect.stringMatching(/^ +memory +disk +redis *$/),
      expect.stringMatching(/^ +aedes +aedes +aedes *$/),
    ]);
    expect(row).toBe('| QoS 2 | read 1 PUBLISH | nothing yet | broken | broken | unknown | broken | broken | broken |');
  });
});

// Runs that somebody has had their hands in: what the schema allows can be shown and taken along, whatever it means.

import { expect, test } from 'vitest';
import { faultOf } from '../../src/capture/lawful.ts';
import type { Entry } from '../../src/capture/records.ts';
import { armsOf } from '../../src/cli/exports.ts';
import { dice } from '../../src/lab/world.ts';
import { html } from '../../src/log/html.ts';
import { jsonLines } from '../../src/log/jsonl.ts';
import { markdown } from '../../src/log/markdown.ts';
import { mermaid } from '../../src/log/mermaid.ts';
import { pcapng } from '../../src/log/pcapng.ts';
import { accountLines, explainLines, TerminalLog } from '../../src/log/terminal.ts';
import { type PlayedRun, playedRun } from './runs.ts';

const ODD = [0, -1, 1, 2.5, 1e9, 1e15, '', 'x', 'client', '**', 'abc', '\u001b[31m', '__proto__', [], {}, null, true];
const LOOK = { width: 80, colour: false, ascii: false };
const OPTIONS = { level: 'full', bytes: 'all', look: LOOK } as const;

type Place = [inside: Record<string, unknown>, key: string];

function places(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = value as Record<string, unknown>;
  return Object.keys(inside).flatMap((key) => [[inside, key] as Place, ...places(inside[key])]);
}

/** Takes a line away, or says it twice, or has another value somewhere in it. */
function doctored(lines: readonly Entry[], roll: (sides: number) => number): Entry[] {
  const copy = structuredClone(lines) as Entry[];
  for (let times = 1 + roll(2); times > 0; times--) {
    const at = roll(copy.length);
    const line = copy[at] as Entry;
    const how = roll(4);
    if (how === 0) copy.splice(at, 1);
    else if (how === 1) copy.splice(roll(copy.length), 0, structuredClone(line));
    else {
      const all = places(line);
      const [inside, key] = all[roll(all.length)] as Place;
      const alike = ODD.filter((odd) => typeof odd === typeof inside[key]);
      if (roll(4) === 0 && !Array.isArray(inside)) delete inside[key];
      else inside[key] = structuredClone(alike[roll(Math.max(1, alike.length))] ?? null);
    }
  }
  return copy;
}

/** Everything that is made of a run. */
function shown(header: PlayedRun['header'], entries: Entry[]): void {
  const arms = armsOf(entries);
  const ledgers = new Map(arms.map(({ entries: [first], ledger }) => [first?.arm ?? 0, ledger]));
  pcapng({ title: 'odd', port: 7070, entries, ledgers });
  html({ header, entries, ledgers, about: 'odd' });
  markdown({ header, title: 'odd', arms });
  const log = new TerminalLog(OPTIONS);
  for (const { entries: own, ledger } of arms) {
    mermaid(own, ledger);
    for (const entry of own) {
      log.lines(entry, 'row' in entry ? ledger.notes.get(entry.row) : []);
      if ('row' in entry) explainLines(entry, ledger, OPTIONS, 0);
    }
    for (const account of ledger.accounts) accountLines(account, LOOK);
  }
}

test.each(['ftp/memory', 'mqtt/memory'])('%s', async (named) => {
  const { header, arms } = await playedRun(named);
  const lines = arms
    .flatMap(({ entries, ledger }) => jsonLines(entries, ledger))
    .map((line) => JSON.parse(line) as Entry);
  const roll = dice(7);
  let lawful = 0;
  for (let times = 0; times < 50; times++) {
    const odd = doctored(lines, roll);
    if (odd.some((line) => faultOf(line) !== undefined)) continue;
    lawful++;
    shown(header, odd);
  }
  expect(lawful).toBeGreaterThan(10);
  expect(lawful).toBeLessThan(45);
});

test('a datagram is no longer than a datagram can be; what is, is no record', async () => {
  const { header, arms } = await playedRun('udp-echo/plain');
  const lines = arms
    .flatMap(({ entries, ledger }) => jsonLines(entries, ledger))
    .map((line) => JSON.parse(line) as Entry);
  const stretched = (length: number) =>
    lines.map((line) => (line.is === 'packet' ? { ...line, length, hex: '61'.repeat(length), fields: [] } : line));
  const longest = stretched(65_507);
  expect(longest.map(faultOf).filter(Boolean)).toEqual([]);
  shown(header, longest);
  expect(stretched(65_508).map(faultOf).find(Boolean)).toBe('length must be <= 65507');
});

test('what is wrong with a line is said in words', () => {
  for (const [line, says] of [
    [null, 'its "is" names no kind of record'],
    [{ is: 'facts' }, 'its "is" names no kind of record'],
    [{ is: 'toString' }, 'its "is" names no kind of record'],
    [{ is: 'gap', t_ns: 1, arm: 1 }, "it must have required property 'row'"],
    [{ is: 'gap', t_ns: 1.5, arm: 1, row: 1 }, 't_ns must be integer'],
    [{ is: 'gap', t_ns: 1, arm: 1, row: 1, more: 1 }, 'it must NOT have additional properties: "more"'],
    [{ is: 'gap', t_ns: 1, arm: 1, row: 1 }, undefined],
  ] as const)
    expect(faultOf(line)).toBe(says);
});

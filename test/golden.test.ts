// The log as people see it, kept in `golden/`, 80 columns wide. Times, pids and ports are masked. When the log is meant to
// change: UPDATE_GOLDEN=1, and read the difference before keeping it.

import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { SYLLABUS } from '../demos/index.ts';
import { type Ledger, ledger } from '../src/capture/ledger.ts';
import type { Entry } from '../src/capture/records.ts';
import { type Arm, playArm } from '../src/lab/arm.ts';
import type { Cut, Story } from '../src/lab/story.ts';
import { jsonLines } from '../src/log/jsonl.ts';
import { accountLines } from '../src/log/terminal.ts';
import { paint, widthOf } from '../src/log/text.ts';
import { peer } from './peers.ts';
import { entriesOf, type Print, printed } from './promises.ts';

/** The story of one design, told by its own cut unless another one is given, with what happens meanwhile. */
async function told(
  protocol: string,
  design: string,
  other?: Cut,
): Promise<{ story: Story; arm: Arm; entries: Entry[]; book: Ledger }> {
  const lesson = SYLLABUS.find((each) => each.protocol === protocol);
  const story = await lesson?.load();
  const cut = other ?? story?.designs[design]?.cut;
  if (!story || !cut) throw new Error(`there is no story of ${protocol}/${design}`);
  const arm = await playArm({ story, design, seed: 1, origin: process.hrtime.bigint(), cut, asides: true });
  if (arm.fault) throw arm.fault;
  const entries = entriesOf({ story, design }, arm);
  return { story, arm, entries, book: ledger(entries) };
}

/** An arm and its accounts, as `amnesia demo` prints them. */
function log(entries: Entry[], book: Ledger, print: Print = {}): string[] {
  const look = { width: 80, colour: false, ascii: false, ...print.look };
  return [
    ...printed(entries, print),
    ...book.accounts.flatMap((account) => accountLines(account, look)).map((line) => paint(line, look)),
  ];
}

function golden(name: string, lines: string[]): void {
  const path = new URL(`./golden/${name}.txt`, import.meta.url);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, `${lines.join('\n')}\n`);
  // Git may check text out with other line ends.
  expect(lines).toEqual(readFileSync(path, 'utf8').replaceAll('\r\n', '\n').trimEnd().split('\n'));
}

const ASCII: Print = { look: { ascii: true } };

describe.each<[protocol: string, design: string, other?: Cut]>([
  ['udp-echo', 'plain'],
  ['dns', 'plain'],
  ['dns', 'cookie'],
  ['tcp-session', 'memory'],
  ['tcp-session', 'connection'],
  // The first is found again and takes over from its half-open self; the second is never found by anybody.
  ['tcp-session', 'memory', { is: 'silence', at: { after: 2 } }],
  ['ftp', 'memory', { is: 'silence', at: { after: 2 } }],
  ['tcp-session', 'disk'],
  ...(peer('redis-server') ? [['tcp-session', 'shared'] as [string, string]] : []),
  ['ftp', 'memory'],
  ['ftp', 'carried'],
  ['mqtt', 'memory'],
  ['mqtt', 'disk'],
  ...(peer('redis-server') ? [['mqtt', 'redis'] as [string, string]] : []),
  ['http', 'memory'],
  ['http', 'store'],
  ['http', 'token'],
  ...(peer('redis-server') ? [['http', 'hybrid'] as [string, string]] : []),
  ['balancer', 'round-robin'],
  ['balancer', 'cookie'],
  ['websocket', 'memory'],
  ['websocket', 'resume'],
])('%s/%s %s', (protocol, design, other) => {
  const name = [protocol, design, ...(other ? [other.is] : [])].join('-');
  let entries: Entry[];
  let book: Ledger;

  beforeAll(async () => {
    ({ entries, book } = await told(protocol, design, other));
  });

  test('prints the golden log', () => {
    golden(name, log(entries, book));
  });

  test('prints the golden log in ASCII', () => {
    const lines = log(entries, book, ASCII);
    expect(lines.join('\n')).toMatch(/^[\n -~]*$/);
    golden(`${name}-ascii`, lines);
  });

  test.each([60, 80, 120])('no line is wider than %i columns, at any level, in ASCII or not', (width) => {
    for (const level of ['line', 'default', 'full'] as const) {
      for (const bytes of ['marked', 'all', 'none'] as const) {
        for (const ascii of [false, true]) {
          const lines = log(entries, book, { level, bytes, look: { width, ascii } });
          // A line of sixteen bytes, in hexadecimal and drawn, is 78 columns wide and is not broken.
          const wide = lines.filter(
            (line) => widthOf(line) > Math.max(width, /^ {6}[0-9a-f]{4} {2}/.test(line) ? 78 : 0),
          );
          expect(wide).toEqual([]);
        }
      }
    }
  });

  test('every LOST note points at the row that wrote it and the one that took it', () => {
    const isRow = new Set(entries.flatMap((entry) => ('row' in entry ? [entry.row] : [])));
    for (const [row, notes] of book.notes) {
      for (const note of notes) {
        if (note.word !== 'LOST') continue;
        expect(isRow).toContain(note.written);
        expect(isRow).toContain(note.gone);
        expect(note.written).toBeLessThan(note.gone ?? 0);
        expect(note.gone).toBeLessThan(row);
      }
    }
    for (const { outcomes } of book.accounts) {
      for (const { fate, written, gone } of outcomes) {
        expect(isRow).toContain(written);
        if (fate === 'LOST') expect(isRow).toContain(gone);
      }
    }
  });

  test('every note about a field cites its clause, and every other one points at a row or at the packet itself', () => {
    for (const [row, notes] of book.notes) {
      const entry = entries.find((each) => 'row' in each && each.row === row);
      const ids = entry?.is === 'packet' ? entry.fields.map(({ id }) => id) : [];
      for (const note of notes) {
        if (note.field === undefined) {
          if (note.word === 'keeps') expect(note.written).toBe(row);
          continue;
        }
        expect(note.cite).toMatch(/\w/);
        expect(ids).toContain(note.field);
      }
    }
  });

  test('the same entries as JSON: one record a line, and nothing in it that a terminal would obey', () => {
    const lines = jsonLines(entries, book);
    expect(lines).toHaveLength(entries.length);
    expect(lines.map((line) => JSON.parse(line).is)).toEqual(entries.map(({ is }) => is));
    expect(lines.join('')).not.toMatch(/\p{Cc}|\u2028|\u2029/u);
  });
});

test('at level full, with all bytes, everything is shown', async () => {
  const { entries, book } = await told('tcp-session', 'memory');
  golden('tcp-session-memory-full', log(entries, book, { level: 'full', bytes: 'all' }));
});

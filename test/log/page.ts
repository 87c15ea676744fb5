// Runs as pages, for the tests of the page: a story played, or one made up.

import { SYLLABUS } from '../../demos/index.ts';
import { type Ledger, ledger } from '../../src/capture/ledger.ts';
import { type Entry, record } from '../../src/capture/records.ts';
import { playArm } from '../../src/lab/arm.ts';
import { judge } from '../../src/lab/litmus.ts';
import { placeInWords } from '../../src/lab/story.ts';
import type { Page } from '../../src/log/html.ts';

/** Both arms of a story, as its own cut has them. */
export async function played(protocol: string, design: string): Promise<Page> {
  const story = await SYLLABUS.find((each) => each.protocol === protocol)?.load();
  const cut = story?.designs[design]?.cut;
  if (!story || !cut) throw new Error(`there is no story of ${protocol}/${design}`);
  const common = { story, design, seed: 1, origin: process.hrtime.bigint(), asides: true };
  const control = await playArm(common);
  const severed = await playArm({ ...common, cut });
  const before = record(control.traces, { card: story.card, arm: 1 });
  const firstRow = 1 + before.filter((entry) => 'row' in entry).length;
  const after = record(severed.traces, { card: story.card, arm: 2, firstRow });
  const { verdict, because, more, less } = judge(story.card, control, severed);
  const header = { protocol, design, seed: 1, cut: cut.is, at: placeInWords(cut.at), verdict };
  return { header, because, more, less, ...told([...before, ...after]) };
}

/** Entries with their ledgers. */
export function told(entries: readonly Entry[]): Pick<Page, 'entries' | 'ledgers'> {
  const arms = [...new Set(entries.map(({ arm }) => arm))];
  const ledgers = new Map<number, Ledger>();
  for (const arm of arms) ledgers.set(arm, ledger(entries.filter((entry) => entry.arm === arm)));
  return { entries, ledgers };
}

/** A run of one arm with this many messages, all of which write something down. */
export function long(messages: number): Page {
  const entries: Entry[] = [
    { is: 'life', row: 1, arm: 1, t_ns: 0, life: 'echo/1', pid: 1, port: 7, facts: {}, notes: [] },
    ...Array.from(
      { length: messages },
      (_none, index): Entry => message(index + 2, `hello ${index}`, `said[${index % 50}]`),
    ),
  ];
  return { header: { protocol: 'echo', design: 'long', seed: null, cut: null, at: null }, ...told(entries) };
}

/** A message of four bytes: two halves of one, a name, and one that is a secret. */
export function message(row: number, says: string, subject: string, from = 'client', t_ns = row * 1000): Entry {
  return {
    is: 'packet',
    row,
    arm: 1,
    t_ns,
    from,
    to: 'echo/1',
    side: 'client',
    over: 'tcp',
    protocol: 'echo',
    kind: 'SAY',
    says,
    hex: '4f6869**',
    length: 4,
    read: true,
    fields: [
      { id: 'high', label: 'High half', start: 0, end: 1, mask: 0xf0, value: 4, show: '4' },
      { id: 'low', label: 'Low half', start: 0, end: 1, mask: 0x0f, value: 15, show: '15', gloss: 'all of its bits' },
      { id: 'name', label: 'Name', start: 1, end: 3, value: '6869', show: 'hi' },
      { id: 'token', label: 'Token', start: 3, end: 4, value: '***', show: '***', secret: true },
    ],
    leans: [
      { field: 'name', op: 'writes', holder: 'server', key: subject, why: 'it is filed under that', cite: 'RFC 862' },
    ],
    memory: [{ holder: 'echo/1', changes: [{ subject, after: says }] }],
  };
}

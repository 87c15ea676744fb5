// Reading a log before it is shown: a story is played, some of what its messages say is left out, and what belongs there is judged
// against the records.

import { type Entry, record } from '../capture/records.ts';
import { playArm } from './arm.ts';
import type { Cut, Story } from './story.ts';

/** Something left out of a log. */
export interface Blank {
  /** Which message: the `nth` (from 1) of this kind from this end. */
  side: 'client' | 'server';
  kind: string;
  nth: number;
  /** The id of the field that is left out, or `kind` for what the message is called. */
  field: string;
  /** What to think about. */
  ask: string;
  /** For whoever got it wrong. */
  hint: string;
}

/** An exercise in which nothing is written, and much is read. */
export interface Reading {
  id: string;
  kind: 'read';
  cites: string;
  /** The story whose log it is, and how it is told. */
  story: Story;
  design: string;
  cut: Cut;
  blanks: readonly Blank[];
  hints: readonly [string, string, string];
}

/** A blank in a log that was played. */
export interface Found {
  blank: Blank;
  row: number;
  /** What stands there, in all the ways in which it may be said. */
  right: readonly string[];
}

/** Plays the story and finds its blanks. Rejects when the lab fails, or a blank has no place: both are faults of ours. */
export async function playReading(
  { story, design, cut, blanks }: Reading,
  seed: number,
): Promise<{ entries: Entry[]; found: Found[] }> {
  const arm = await playArm({ story, design, cut, seed, origin: process.hrtime.bigint() });
  if (arm.fault) throw arm.fault;
  const entries = record(arm.traces, { card: story.card });
  return { entries, found: blanks.map((blank) => find(blank, entries)) };
}

function find(blank: Blank, entries: readonly Entry[]): Found {
  const { side, kind, nth, field } = blank;
  const packets = entries.filter((entry) => entry.is === 'packet' && entry.side === side && entry.kind === kind);
  const packet = packets[nth - 1];
  if (packet?.is !== 'packet') throw new Error(`a blank is in ${kind} no. ${nth} of the ${side}, and there is none`);
  if (field === 'kind') return { blank, row: packet.row, right: [packet.kind] };
  const named = packet.fields.find(({ id }) => id === field);
  if (!named || !packet.says.includes(named.show))
    throw new Error(`a blank is in the field ${field} of ${kind} no. ${nth}, and its row does not show it`);
  return { blank, row: packet.row, right: [named.show, String(named.value)] };
}

/** Whether an answer says what stands there. Quotes and case are not asked for. */
export function isRight({ right }: Found, answer: string): boolean {
  const plain = (text: string) =>
    text
      .trim()
      .replace(/^["'“]|["'”]$/g, '')
      .toLowerCase();
  return right.some((each) => plain(each) === plain(answer));
}

/** The letter of a blank, counted from 0. */
export function letterOf(index: number): string {
  return String.fromCharCode(97 + index);
}

/** The log with its blanks, and without what would give them away: what the steps were answered, and what anybody remembered. */
export function withBlanks(entries: readonly Entry[], found: readonly Found[]): Entry[] {
  return entries.flatMap((entry): Entry[] => {
    if (entry.is === 'answer' || entry.is === 'memory') return [];
    if (entry.is === 'life' || entry.is === 'cut') return [{ ...entry, facts: {}, unseen: true }];
    if (entry.is !== 'packet') return [entry];
    let { kind, says } = entry;
    found.forEach(({ blank, row, right }, index) => {
      if (row !== entry.row) return;
      const gap = `__(${letterOf(index)})__`;
      if (blank.field === 'kind') kind = gap;
      else says = says.replace(right[0] ?? '', () => gap);
    });
    return [{ ...entry, kind, says }];
  });
}

// What each side remembers, as lanes: one a subject, from the row that wrote it to the row that took it.

import type { Account, Ledger } from '../../capture/ledger.ts';
import type { Entry, Numbered } from '../../capture/records.ts';
import type { Facts } from '../../protocols/shapes.ts';

/** As long as one thing was known of a subject, from one line to another. */
export interface Stay {
  holder: string;
  known: string;
  /** The row that wrote it. */
  from: number;
  at: number;
  until: number;
  /** How it ended, and by which row; undefined for what is known at the end. */
  end?: { is: 'changed' | 'forgotten' | 'taken' | 'left behind'; row: number };
}

export interface Mark {
  at: number;
  row: number;
  word: 'LOST' | 'KEPT' | 'REBUILT';
}

export interface Lane {
  /** What leads to it on the page. */
  id: string;
  side: 'server' | 'client';
  subject: string;
  stays: Stay[];
  marks: Mark[];
}

export interface Lanes {
  lanes: Lane[];
  /** How long a lane is, in lines. */
  length: number;
  cuts: { at: number; row: number }[];
  steps: { at: number; step: number }[];
  of(side: 'server' | 'client', subject: string): Lane | undefined;
}

/**
 * The lanes of one arm. They follow the same rules as the ledger: what a cut takes, the next life has only if it was handed it.
 * `lines`: where each entry stands on the page, so that the lanes of two arms can be compared; without it they count rows.
 */
export function lanes(entries: readonly Entry[], { accounts }: Ledger, lines?: ReadonlyMap<Entry, number>): Lanes {
  const arm = entries[0]?.arm ?? 0;
  const known = new Map<string, Lane>();
  const cuts: { at: number; row: number }[] = [];
  const steps: { at: number; step: number }[] = [];
  const places = new Map<number, number>();
  let length = 0;

  for (const entry of entries) {
    const at = lines?.get(entry) ?? length;
    if (entry.is === 'step' && !entry.aside) steps.push({ at, step: entry.step });
    if (!('row' in entry)) continue;
    places.set(entry.row, at);
    take(entry, at);
    length = at + 1;
  }
  if (lines) length = Math.max(length, ...lines.values());
  for (const lane of known.values()) for (const stay of lane.stays) if (stay.end === undefined) stay.until = length;
  for (const account of accounts) mark(account);
  const all = [...known.values()].toSorted((a, b) => (a.side === b.side ? 0 : a.side === 'server' ? -1 : 1));
  return { lanes: all, length, cuts, steps, of: (side, subject) => known.get(`${side} ${subject}`) };

  function take(entry: Numbered, at: number): void {
    switch (entry.is) {
      case 'packet':
        for (const { holder, changes } of entry.memory)
          for (const { subject, after } of changes) write(holder, subject, after, entry.row, at);
        return;
      case 'memory':
        for (const { subject, after } of entry.changes) write(entry.holder, subject, after, entry.row, at);
        return;
      case 'life':
        closeAll('taken', entry.row, at);
        for (const [subject, is] of Object.entries(entry.facts as Facts)) write(entry.life, subject, is, entry.row, at);
        return;
      case 'cut':
        cuts.push({ at, row: entry.row });
        if (entry.cut === 'kill' || entry.cut === 'forget') closeAll('taken', entry.row, at);
        if (entry.cut === 'swap') closeAll('left behind', entry.row, at);
        return;
      default:
        return;
    }
  }

  function write(holder: string, subject: string, after: string | undefined, row: number, at: number): void {
    const side = holder === 'client' ? 'client' : 'server';
    const lane: Lane = known.get(`${side} ${subject}`) ?? {
      id: `lane-${arm}-${known.size}`,
      side,
      subject,
      stays: [],
      marks: [],
    };
    known.set(`${side} ${subject}`, lane);
    close(lane, after === undefined ? 'forgotten' : 'changed', row, at);
    if (after !== undefined) lane.stays.push({ holder, known: after, from: row, at, until: at });
  }

  function close(lane: Lane, is: NonNullable<Stay['end']>['is'], row: number, at: number): void {
    const last = lane.stays.at(-1);
    if (last && last.end === undefined) Object.assign(last, { until: at, end: { is, row } });
  }

  function closeAll(is: 'taken' | 'left behind', row: number, at: number): void {
    for (const lane of known.values()) if (lane.side === 'server') close(lane, is, row, at);
  }

  /** What became of a subject at a cut: LOST and KEPT stand at the cut, REBUILT where that was done. */
  function mark({ cut, outcomes }: Account): void {
    for (const { subject, fate, gone, rebuilt } of outcomes) {
      const row = fate === 'REBUILT' ? (rebuilt ?? cut.row) : fate === 'LOST' ? (gone ?? cut.row) : cut.row;
      known.get(`server ${subject}`)?.marks.push({ at: places.get(row) ?? 0, row, word: fate });
    }
  }
}

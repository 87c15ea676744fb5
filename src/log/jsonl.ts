// Entries as JSONL: one record a line, safe to print.

import type { Ledger } from '../capture/ledger.ts';
import type { Entry } from '../capture/records.ts';
import { printableJson } from '../wire/printable.ts';

/** One line per entry; a row comes with its notes. */
export function jsonLines(entries: readonly Entry[], { notes }: Ledger): string[] {
  return entries.map((entry) => jsonLine(entry, 'row' in entry ? notes.get(entry.row) : undefined));
}

export function jsonLine(entry: Entry, notes: unknown[] | undefined): string {
  return printableJson(notes && notes.length > 0 ? { ...entry, notes } : entry);
}

// The table of a fleet: one row a policy and an act, and what the users noticed.

import { type Line, widthOf } from './text.ts';

/** What a row must have, whoever measured it. Shares from 0 to 1. */
export interface FleetRow {
  protocol: string;
  design: string;
  policy: string;
  act: string;
  requests: number;
  failed: number;
  loggedOutBefore: number;
  loggedOut: number;
  loadBefore: { maxToMean: number; deviation: number };
  loadAfter: { maxToMean: number; deviation: number };
}

const HEAD = ['policy', 'act', 'logged out', 'of them before', 'requests', 'failed', 'busiest', 'deviation'];

/** As a Markdown table: what the README shows. */
export function fleetMarkdown(rows: readonly FleetRow[]): string {
  const head = ['servers', ...HEAD];
  const body = rows.map((row) => [`${row.protocol}/${row.design}`, ...cellsOf(row)]);
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** As lines for a terminal of 80 columns. */
export function fleetLines(rows: readonly FleetRow[]): Line[] {
  const table = rows.map(cellsOf);
  // Some heads are longer than what stands below them, and take two lines.
  const heads = HEAD.map((head) => head.split(/ (?=\S+$)/));
  const wide = heads.map((parts, nth) =>
    Math.max(...[...parts, ...table.map((cells) => cells[nth] ?? '')].map(widthOf)),
  );
  const line = (cells: readonly string[]) =>
    ` ${cells.map((cell, nth) => ` ${nth < WORDS ? cell.padEnd(wide[nth] ?? 0) : cell.padStart(wide[nth] ?? 0)}`).join('')}`;
  return [
    [{ text: line(heads.map((parts) => (parts.length > 1 ? (parts[0] ?? '') : ''))), style: 'dim' }],
    [{ text: line(heads.map((parts) => parts.at(-1) ?? '')), style: 'dim' }],
    ...table.map((cells): Line => [{ text: line(cells) }]),
    [],
    ...NOTES.map((text): Line => [{ text: `  ${text}`, style: 'dim' }]),
  ];
}

/** The first columns hold words, and the others numbers. */
const WORDS = 2;

const NOTES = [
  'logged out: users whom a server did not know at least once; of them before:',
  'before anything had happened. Of the load, before → after: busiest: the most',
  'that one server had, by the mean; deviation: the standard one, by the mean.',
];

function cellsOf(row: FleetRow): string[] {
  return [
    row.policy,
    row.act,
    percent(row.loggedOut),
    percent(row.loggedOutBefore),
    String(row.requests),
    String(row.failed),
    `${row.loadBefore.maxToMean.toFixed(2)} → ${row.loadAfter.maxToMean.toFixed(2)}`,
    `${row.loadBefore.deviation.toFixed(2)} → ${row.loadAfter.deviation.toFixed(2)}`,
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

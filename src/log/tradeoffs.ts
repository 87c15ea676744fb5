// The table of the trade-offs: one row a design, and what it costs and forgets.

import { type Line, widthOf } from './text.ts';

/** What a row must have, whoever measured it: `undefined` is not known, `null` makes no sense for the design. Shares from 0 to 1. */
export interface TradeoffRow {
  design: string;
  rate: number | undefined;
  p99: number | undefined;
  held: number | undefined;
  crash: number | undefined;
  deploy: number | undefined;
  add: number | undefined;
  storeless: number | null | undefined;
  request: number | undefined;
  again: number | undefined;
  unknown: readonly string[];
}

/** Of the Markdown table; in a terminal they stand in two lines. */
export const HEAD = [
  'design',
  'requests/s',
  'p99',
  'bytes a user',
  'out by crash',
  'out by deploy',
  'out by a new server',
  'failed without store',
  'bytes a request',
  'cookie again',
] as const;

const SHORT = [
  ['', 'design'],
  ['', 'req/s'],
  ['', 'p99'],
  ['bytes', 'a user'],
  ['out by', 'crash'],
  ['out by', 'deploy'],
  ['out by', 'add'],
  ['without', 'store'],
  ['bytes a', 'request'],
  ['cookie', 'again'],
] as const;

const NOTES = [
  'req/s, p99: GET /profile, by those of memory. bytes a user: in a process, for',
  'each who has signed in and has one thing in the cart. out by: users logged',
  'out, of three servers behind a balancer with a sticky cookie, when one is',
  'killed, when each is restarted in turn, when a fourth one joins. without',
  'store: requests that fail while Redis is away. bytes a request: GET /profile;',
  'cookie again: and of the Set-Cookie with each change of the cart.',
];

/** As a Markdown table: what the README shows. */
export function tradeoffsMarkdown(rows: readonly TradeoffRow[]): string {
  return [HEAD, HEAD.map(() => '---'), ...rows.map(cellsOf)].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** As lines for a terminal of 80 columns, and below them why something is not known. */
export function tradeoffsLines(rows: readonly TradeoffRow[]): Line[] {
  const table = rows.map(cellsOf);
  const wide = SHORT.map((head, nth) => Math.max(...[...head, ...table.map((cells) => cells[nth] ?? '')].map(widthOf)));
  const line = (cells: readonly string[]) =>
    ` ${cells.map((cell, nth) => ` ${nth === 0 ? cell.padEnd(wide[nth] ?? 0) : cell.padStart(wide[nth] ?? 0)}`).join('')}`;
  return [
    ...[0, 1].map((row): Line => [{ text: line(SHORT.map((head) => head[row] ?? '')), style: 'dim' }]),
    ...table.map((cells): Line => [{ text: line(cells) }]),
    [],
    ...NOTES.map((text): Line => [{ text: `  ${text}`, style: 'dim' }]),
    ...rows.flatMap(({ design, unknown }) =>
      unknown.map((why): Line => [{ text: `  unknown: ${design}: ${why}`, style: 'warn' }]),
    ),
  ];
}

function cellsOf(row: TradeoffRow): string[] {
  return [
    row.design,
    ...[row.rate, row.p99].map((each) => told(each, (factor) => factor.toFixed(2))),
    told(row.held, (bytes) => String(bytes)),
    ...[row.crash, row.deploy, row.add, row.storeless].map((each) =>
      told(each, (share) => `${(100 * share).toFixed(0)} %`),
    ),
    ...[row.request, row.again].map((each) => told(each, (bytes) => String(bytes))),
  ];
}

function told(figure: number | null | undefined, inWords: (figure: number) => string): string {
  if (figure === null) return '–';
  return figure === undefined ? 'unknown' : inWords(figure);
}

// The table of an exchange: one row a point at which the server was killed, one column a design.

import { type Line, type Style, widthOf } from './text.ts';

/** What a cell must have, whoever measured it. */
export interface Point {
  exchange: string;
  at: string | undefined;
  tells: string;
  outcome: string | undefined;
}

export interface PointsTable {
  /** The columns. */
  designs: readonly string[];
  /** By design, the same points in the same order. */
  results: readonly (readonly Point[])[];
}

const UNKNOWN = 'unknown';

/** As a Markdown table: what the README shows. */
export function pointsMarkdown({ designs, results }: PointsTable): string {
  const head = ['exchange', 'killed at', 'where things stand', ...designs];
  const body = rowsOf(results).map((cells) => [
    cells[0]?.exchange ?? '',
    cells[0]?.at ?? '–',
    cells[0]?.tells ?? '',
    ...cells.map(({ outcome }) => outcome ?? UNKNOWN),
  ]);
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** As lines for a terminal: the exchange as a heading, a line a point, and below it where things stand. Six designs fit 80 columns. */
export function pointsLines({ designs, results }: PointsTable): Line[] {
  const rows = rowsOf(results);
  const names = designs.map((name) => name.split(/(?=-)/));
  const first = Math.max(...rows.map(([cell]) => widthOf(cell?.at ?? 'no kill'))) + 6;
  const wide =
    2 + Math.max(...names.flat().map(widthOf), ...results.flat().map(({ outcome }) => widthOf(outcome ?? UNKNOWN)));
  const lines: Line[] = Array.from({ length: Math.max(...names.map(({ length }) => length)) }, (_none, nth) => [
    { text: ' '.repeat(first) },
    ...names.map((parts) => ({ text: (parts[nth] ?? '').padEnd(wide), style: 'bold' as const })),
  ]);
  let exchange: string | undefined;
  for (const cells of rows) {
    const [cell] = cells;
    if (!cell) continue;
    if (cell.exchange !== exchange) {
      exchange = cell.exchange;
      lines.push([{ text: `  ${exchange}`, style: 'bold' }]);
    }
    lines.push([
      { text: `    ${cell.at ?? 'no kill'}`.padEnd(first) },
      ...cells.map((each, index) => ({
        text: (each.outcome ?? UNKNOWN).padEnd(wide),
        style: styleOf(each, results[index]),
      })),
    ]);
    if (cell.at !== undefined) lines.push([{ text: `      ${cell.tells}`, style: 'dim' }]);
  }
  return lines;
}

/** What comes of the run without a kill is what should come of all. */
function styleOf({ exchange, outcome }: Point, column: readonly Point[] | undefined): Style {
  if (outcome === undefined) return 'warn';
  const uncut = column?.find((each) => each.exchange === exchange && each.at === undefined);
  return outcome === uncut?.outcome ? 'good' : 'bad';
}

/** One row a point, with a cell for each design. */
function rowsOf(results: PointsTable['results']): Point[][] {
  return (results[0] ?? []).map((_point, nth) => results.flatMap((column) => column[nth] ?? []));
}

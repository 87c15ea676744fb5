// The table of an exchange: one row a point at which the server was killed, one column a design.

import { type Line, type Look, type Style, widthOf, wrap } from './text.ts';

/** What a cell must have, whoever measured it. */
export interface Point {
  exchange: string;
  at: string | undefined;
  tells: string;
  outcome: string | undefined;
  /** The design never comes to the point. */
  never?: true;
}

export interface PointsTable {
  /** The columns. */
  designs: readonly string[];
  /** By design, the same points in the same order. */
  results: readonly (readonly Point[])[];
}

const UNKNOWN = 'unknown';
/** Where a design never comes to a point. */
const NEVER = '–';

/** What a cell says. */
function told({ outcome, never }: Point): string {
  return outcome ?? (never ? NEVER : UNKNOWN);
}

/** As a Markdown table: what the README shows. */
export function pointsMarkdown({ designs, results }: PointsTable): string {
  const head = ['exchange', 'killed at', 'where things stand', ...designs];
  const body = rowsOf(results).map((cells) => [
    cells[0]?.exchange ?? '',
    cells[0]?.at ?? '–',
    cells[0]?.tells ?? '',
    ...cells.map(told),
  ]);
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/**
 * As lines for a terminal: the exchange as a heading, a line a point, and below it where things stand. Six designs of MQTT fit 80
 * columns; where they do not fit beside each other, some come below the others.
 */
export function pointsLines({ designs, results }: PointsTable, look: Look): Line[] {
  const cells = results.flat();
  const first = Math.max(...cells.map(({ at }) => widthOf(at ?? NO_KILL))) + 6;
  const words = [...designs.flatMap(parts), ...cells.map(told)];
  const wide = 2 + Math.max(...words.map(widthOf));
  const beside = Math.max(1, Math.floor((look.width - first) / wide));
  const lines: Line[] = [];
  for (let from = 0; from < designs.length; from += beside) {
    if (from > 0) lines.push([]);
    const to = from + beside;
    lines.push(...blockLines({ designs: designs.slice(from, to), results: results.slice(from, to) }, first, wide));
  }
  if (cells.some(({ never }) => never))
    lines.push([], ...wrap([{ text: `  ${NEVER}  the design never comes to this point`, style: 'dim' }], look, 5));
  return lines;
}

const NO_KILL = 'no kill';

/** A name in as many lines as it has words. */
function parts(design: string): string[] {
  return design.split(/(?=-)/);
}

/** Designs beside each other. `first`, `wide`: of the first column, and of each other one. */
function blockLines({ designs, results }: PointsTable, first: number, wide: number): Line[] {
  const names = designs.map(parts);
  const lines: Line[] = Array.from({ length: Math.max(...names.map(({ length }) => length)) }, (_none, nth) => [
    { text: ' '.repeat(first) },
    ...names.map((words) => ({ text: (words[nth] ?? '').padEnd(wide), style: 'bold' as const })),
  ]);
  let exchange: string | undefined;
  for (const cells of rowsOf(results)) {
    const [cell] = cells;
    if (!cell) continue;
    if (cell.exchange !== exchange) {
      exchange = cell.exchange;
      lines.push([{ text: `  ${exchange}`, style: 'bold' }]);
    }
    lines.push([
      { text: `    ${cell.at ?? NO_KILL}`.padEnd(first) },
      ...cells.map((each, index) => ({ text: told(each).padEnd(wide), style: styleOf(each, results[index]) })),
    ]);
    if (cell.at !== undefined) lines.push([{ text: `      ${cell.tells}`, style: 'dim' }]);
  }
  return lines;
}

/** What comes of the run without a kill is what should come of all. */
function styleOf({ exchange, outcome, never }: Point, column: readonly Point[] | undefined): Style {
  if (outcome === undefined) return never ? 'dim' : 'warn';
  const uncut = column?.find((each) => each.exchange === exchange && each.at === undefined);
  return outcome === uncut?.outcome ? 'good' : 'bad';
}

/** One row a point, with a cell for each design. */
function rowsOf(results: PointsTable['results']): Point[][] {
  return (results[0] ?? []).map((_point, nth) => results.flatMap((column) => column[nth] ?? []));
}

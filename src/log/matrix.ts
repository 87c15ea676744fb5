// The matrix: one row a design, one column a cut, and what follows from them.

import type { Line, Look, Style } from './text.ts';

/** What a matrix row must have, whoever made it. */
export interface Row {
  protocol: string;
  design: string;
  cuts: readonly { cut: string; verdict: string }[];
  filedUnder: string;
  heldBy: string;
}

const COLUMNS = ['forget', 'path', 'kill', 'swap', 'store'];
const STYLES: Record<string, Style> = {
  untouched: 'good',
  recovered: 'good',
  lost: 'bad',
  broken: 'bad',
  unknown: 'warn',
};

/** As a Markdown table: what the README shows. */
export function matrixMarkdown(rows: readonly Row[]): string {
  const head = ['protocol/design', ...COLUMNS, 'filed under', 'held by'];
  const body = rows.map((row) => [
    `${row.protocol}/${row.design}`,
    ...COLUMNS.map((cut) => verdictOf(row, cut)),
    row.filedUnder,
    row.heldBy,
  ]);
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** As lines for a terminal: one line a row where it fits, two where it does not. */
export function matrixLines(rows: readonly Row[], look: Look): Line[] {
  const wide = look.width >= 100;
  const lines: Line[] = [
    [
      { text: '  protocol/design         ', style: 'dim' },
      ...COLUMNS.map((cut) => ({ text: cell(cut, wide || cut !== COLUMNS.at(-1)), style: 'dim' as const })),
      ...(wide ? [{ text: 'filed under  held by', style: 'dim' as const }] : []),
    ],
  ];
  for (const row of rows) {
    const name = `${row.protocol}/${row.design}`;
    lines.push([
      { text: `  ${name.padEnd(24)}`, style: 'bold' },
      ...COLUMNS.map((cut) => {
        const verdict = verdictOf(row, cut);
        return { text: cell(verdict, wide || cut !== COLUMNS.at(-1)), style: STYLES[verdict] ?? 'dim' };
      }),
      ...(wide ? [{ text: `${row.filedUnder.padEnd(13)}${row.heldBy}` }] : []),
    ]);
    if (!wide) lines.push([{ text: `      filed under ${row.filedUnder}, held by ${row.heldBy}`, style: 'dim' }]);
  }
  return lines;
}

/** The last cell of a line has nothing to keep away from. */
function cell(text: string, padded: boolean): string {
  return padded ? text.padEnd(11) : text;
}

function verdictOf(row: Row, cut: string): string {
  return row.cuts.find((each) => each.cut === cut)?.verdict ?? '–';
}

// The matrix: one row a design, one column a cut, and what follows from them.

import { type Line, type Look, type Style, wrap } from './text.ts';

/** What a matrix row must have, whoever made it. */
export interface Row {
  protocol: string;
  design: string;
  cuts: readonly { cut: string; verdict: string }[];
  filedUnder: string;
  heldBy: string;
}

/** Where a cut was not made. */
const NONE = '–';
const COLUMNS = ['forget', 'path', 'kill', 'swap', 'silence', 'expire', 'store'];
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

/** As lines for a terminal: one line a row where all fit, two where they do not; what follows goes on below itself. */
export function matrixLines(rows: readonly Row[], look: Look): Line[] {
  const missing = rows.some((row) => COLUMNS.some((cut) => verdictOf(row, cut) === NONE));
  const note = `  ${NONE}  a cut that cannot be made there, or was not asked for`;
  const notes: Line[] = missing ? [[], ...wrap([{ text: note, style: 'dim' }], look, 5)] : [];
  const wide = rows.every((row) => look.width >= WIDE + Math.max(0, follows(row).length - FOLLOWS));
  const name = ({ protocol, design }: Row) => `  ${`${protocol}/${design}`.padEnd(23)} `;
  const cells = (of: (cut: string) => string, style?: Style): Line =>
    COLUMNS.map((cut) => {
      const text = of(cut);
      return { text: cell(text, wide || cut !== COLUMNS.at(-1)), style: style ?? STYLES[text] ?? 'dim' };
    });
  const head: Line = [{ text: '  protocol/design         ', style: 'dim' }];
  if (wide)
    return [
      [...head, ...cells((cut) => cut, 'dim'), { text: 'filed under  held by', style: 'dim' }],
      ...rows.map(
        (row): Line => [
          { text: name(row), style: 'bold' },
          ...cells((cut) => verdictOf(row, cut)),
          { text: follows(row) },
        ],
      ),
      ...notes,
    ];
  return [
    [...head, { text: 'filed under, held by', style: 'dim' }],
    [{ text: INDENT }, ...cells((cut) => cut, 'dim')],
    ...rows.flatMap((row): Line[] => [
      ...wrap(
        [{ text: name(row), style: 'bold' }, { text: `filed under ${row.filedUnder}, held by ${row.heldBy}` }],
        look,
        name(row).length,
      ),
      [{ text: INDENT }, ...cells((cut) => verdictOf(row, cut))],
    ]),
    ...notes,
  ];
}

/** All columns in one line, and the longest of words in each: of these, what follows from our own servers has so many. */
const WIDE = 124;
const FOLLOWS = 28;
const INDENT = '      ';

/** What follows, in the last two columns. */
function follows({ filedUnder, heldBy }: Row): string {
  return `${`${filedUnder} `.padEnd(13)}${heldBy}`;
}

/** The last cell of a line has nothing to keep away from. */
function cell(text: string, padded: boolean): string {
  return padded ? text.padEnd(10) : text;
}

function verdictOf(row: Row, cut: string): string {
  return row.cuts.find((each) => each.cut === cut)?.verdict ?? NONE;
}

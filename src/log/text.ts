// Lines of styled text, laid out for a width. Colour and drawing characters are decided here, and only here.

import { eastAsianWidth } from 'get-east-asian-width';
import { drawn, printable } from '../wire/printable.ts';

/** Eight at most, and none that a reader needs: letters and words say the same. */
export type Style = 'plain' | 'dim' | 'bold' | 'good' | 'bad' | 'warn' | 'life' | 'mark';

export interface Span {
  text: string;
  style?: Style;
}

export type Line = Span[];

export interface Look {
  /** Columns. */
  width: number;
  colour: boolean;
  /** Only characters that every terminal, font and printer has. */
  ascii: boolean;
}

const CODES: Record<Style, string> = {
  plain: '',
  dim: '2',
  bold: '1',
  good: '32',
  bad: '31;1',
  warn: '33',
  life: '36',
  mark: '35',
};

/** What a stream can show: no colour when it is not a terminal or NO_COLOR is set; 80 columns when it does not say. */
export function lookOf(
  stream: { isTTY?: boolean; columns?: number },
  wanted: { color?: boolean | undefined; ascii?: boolean | undefined } = {},
): Look {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const able = FORCE_COLOR !== undefined && FORCE_COLOR !== '0' ? true : stream.isTTY === true && TERM !== 'dumb';
  return {
    width: Math.max(60, Math.min(stream.columns ?? 80, 120)),
    colour: wanted.color ?? (NO_COLOR !== undefined && NO_COLOR !== '' ? false : able),
    ascii: wanted.ascii ?? false,
  };
}

const PLAIN: Record<string, string> = {
  '§': 's.',
  '─': '-',
  '━': '=',
  '▶': '>',
  '◀': '<',
  '→': '->',
  '·': '.',
  '…': '...',
  '│': '|',
  '✓': 'ok',
  '✗': 'x',
  '’': "'",
  '“': '"',
  '”': '"',
  '≥': '>=',
  '×': 'x',
};

/** A line as a terminal takes it. Without the spaces at its end, which in colour would stand inside of the colour's codes. */
export function paint(line: Line, look: Look): string {
  return withoutEnd(line)
    .map(({ text, style = 'plain' }) => {
      // The last door before the terminal. What comes from the wire was drawn long ago; a file of records may hold anything.
      const safe = drawn(text);
      const shown = (look.ascii ? inAscii(safe) : safe).replaceAll('\u00a0', ' ');
      return look.colour && CODES[style] !== '' && shown !== '' ? `\u001b[${CODES[style]}m${shown}\u001b[0m` : shown;
    })
    .join('');
}

/** The same line, its last visible character last. */
function withoutEnd(line: Line): Line {
  const last = line.findLastIndex(({ text }) => /[^ \u00a0]/.test(text));
  return line
    .slice(0, last + 1)
    .map((span, nth) => (nth === last ? { ...span, text: span.text.replace(/[ \u00a0]+$/, '') } : span));
}

export function inAscii(text: string): string {
  return Array.from(text, (character) => {
    // The space that must not be broken at is still needed when lines are laid out; painting makes it an ordinary one.
    if (character <= '~' || character === '\u00a0') return character;
    return PLAIN[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  }).join('');
}

/** Columns that a text takes. Joined emoji need no care: the joiner between them is drawn, so they stand side by side. */
export function widthOf(text: string): number {
  // Nearly all of the log.
  if (/^[ -~─━▶◀→·…]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (!/\p{M}/u.test(character)) width += eastAsianWidth(character.codePointAt(0) ?? 0);
  }
  return width;
}

/**
 * Breaks styled text at spaces so that no line is wider than `width`; lines after the first begin with `indent` spaces. What
 * the look cannot show is replaced first: a replacement may be wider.
 */
export function wrap(spans: Line, look: Look, indent: number, width = look.width): Line[] {
  const lines: Line[] = [];
  let line: Line = [];
  let used = 0;
  const put = (text: string, style: Style | undefined) => {
    line.push(style ? { text, style } : { text });
    used += widthOf(text);
  };
  const endLine = () => {
    lines.push(withoutEnd(line));
  };
  const newLine = () => {
    endLine();
    line = [{ text: ' '.repeat(indent) }];
    used = indent;
  };
  for (const { text: given, style } of spans) {
    const text = look.ascii ? inAscii(given) : given;
    for (const word of text.split(/(?<= )(?=[^ ])/)) {
      let rest = word;
      if (used + widthOf(bare(rest)) > width && used > indent) {
        newLine();
        rest = rest.replace(/^ +/, '');
      }
      // A word longer than a line has no space to be broken at.
      while (bare(rest) !== '' && widthOf(bare(rest)) > width - used) {
        const part = fitting(rest, width - used);
        put(part, style);
        rest = rest.slice(part.length);
        if (bare(rest) !== '') newLine();
      }
      put(rest, style);
    }
  }
  if (used > width) endLine();
  else lines.push(line);
  return lines;
}

/** A word without the spaces after it: at the end of a line nobody sees them. */
function bare(word: string): string {
  return word.replace(/ +$/, '');
}

/** As much of the beginning of a text as `room` columns take, in whole characters: at least one, or it would never end. */
function fitting(text: string, room: number): string {
  let part = '';
  let used = 0;
  for (const character of text) {
    used += widthOf(character);
    if (used > room && part !== '') break;
    part += character;
  }
  return part;
}

/** What peers said is text, whatever it looks like: no table is broken by it, no heading, link or tag made of it. */
export function asMarkdown(text: string): string {
  return printable(text, 400).replace(/[\\`*_{}[\]<>#|&~!]/g, (character) => `&#${character.codePointAt(0)};`);
}

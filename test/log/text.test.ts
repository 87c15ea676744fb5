// Lines for a terminal: never wider than it is, and readable without colour and without any character beyond ASCII.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { dice } from '../../src/lab/world.ts';
import { inAscii, type Line, type Look, lookOf, paint, widthOf, wrap } from '../../src/log/text.ts';

const PLAIN: Look = { width: 80, colour: false, ascii: false };

/** Columns of what these tests are made of, said once more in another way than the program does. */
function columns(text: string): number {
  return Array.from(text).reduce((sum, character) => {
    if (/[\u0300-\u036f\u{fe0f}]/u.test(character)) return sum;
    return sum + (/[\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60\u{1f300}-\u{1faff}]/u.test(character) ? 2 : 1);
  }, 0);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the codes that colour a text
const COLOURS = /\u001b\[[0-9;]*m/g;

function rows(lines: Line[], look: Look): string[] {
  return lines.map((line) => paint(line, look).replace(COLOURS, ''));
}

/** All of a text that is not space, in order. */
function ink(text: string): string {
  return text.replace(/[ \u00a0]/g, '');
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the width of a text', () => {
  test.each<[string, number]>([
    ['', 0],
    ['plain', 5],
    ['─━▶◀→·…', 7],
    ['漢字', 4],
    ['ｆｕｌｌ', 8],
    ['한국어', 6],
    ['e\u0301', 1],
    ['😀', 2],
    ['😀\u200d😀', 5],
    ['Grüße', 5],
    ['a\u00a0b', 3],
  ])('%j takes %i columns', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });
});

describe('wrapping', () => {
  test('breaks at spaces, indents what follows, and loses the spaces at the breaks', () => {
    const lines = wrap([{ text: 'one two three four five' }], PLAIN, 2, 10);
    expect(rows(lines, PLAIN)).toEqual(['one two', '  three', '  four', '  five']);
  });

  test('uses every column there is', () => {
    expect(rows(wrap([{ text: '12345 7890 23456 890' }], PLAIN, 0, 10), PLAIN)).toEqual(['12345 7890', '23456 890']);
    expect(rows(wrap([{ text: '1234567890' }], PLAIN, 0, 10), PLAIN)).toEqual(['1234567890']);
  });

  test('cuts a word that is longer than a line, wherever it has to', () => {
    expect(rows(wrap([{ text: 'abcdefghijklmnopqrstuvwxyz' }], PLAIN, 2, 10), PLAIN)).toEqual([
      'abcdefghij',
      '  klmnopqr',
      '  stuvwxyz',
    ]);
    expect(rows(wrap([{ text: 'an abcdefghijklmno end' }], PLAIN, 0, 10), PLAIN)).toEqual([
      'an',
      'abcdefghij',
      'klmno end',
    ]);
  });

  test('a word of wide characters is cut by columns, and no character is cut in two', () => {
    expect(rows(wrap([{ text: '漢字漢字漢字漢字' }], PLAIN, 1, 6), PLAIN)).toEqual(['漢字漢', ' 字漢', ' 字漢', ' 字']);
    expect(rows(wrap([{ text: '😀😀😀😀' }], PLAIN, 0, 5), PLAIN)).toEqual(['😀😀', '😀😀']);
    expect(rows(wrap([{ text: 'e\u0301e\u0301e\u0301e\u0301' }], PLAIN, 0, 2), PLAIN)).toEqual([
      'e\u0301e\u0301',
      'e\u0301e\u0301',
    ]);
  });

  test('does not break at the space that must not be broken at', () => {
    const lines = wrap([{ text: 'take 10\u00a0ms off' }], PLAIN, 0, 9);
    expect(rows(lines, PLAIN)).toEqual(['take', '10 ms off']);
  });

  test('keeps the style of every span on every line that it reaches', () => {
    const lines = wrap(
      [
        { text: 'good news ', style: 'good' },
        { text: 'and bad news', style: 'bad' },
      ],
      PLAIN,
      0,
      11,
    );
    expect(lines.map((line) => line.filter(({ text }) => text.trim() !== '').map(({ style }) => style))).toEqual([
      ['good', 'good'],
      ['bad', 'bad'],
      ['bad'],
    ]);
  });

  test('no line has more columns than it was given, the spaces at its end included', () => {
    const lines = wrap([{ text: '12345 7890 ' }, { text: '12345 7890   ' }, { text: 'x ' }], PLAIN, 0, 10);
    for (const line of lines) expect(columns(line.map(({ text }) => text).join(''))).toBeLessThanOrEqual(10);
    // In colour a space at the end would be inside the colour codes, and still be a column.
    const colourful = wrap([{ text: '12345 7890 ', style: 'bad' }], PLAIN, 0, 10);
    expect(rows(colourful, { ...PLAIN, colour: true })).toEqual(['12345 7890']);
  });

  test('a line that has no room for even one wide character still comes to an end', () => {
    expect(ink(rows(wrap([{ text: '漢字' }], PLAIN, 0, 1), PLAIN).join(''))).toBe('漢字');
    expect(ink(rows(wrap([{ text: 'ab cd' }], PLAIN, 5, 5), PLAIN).join(''))).toBe('abcd');
  });

  const WORDS = [
    'a',
    'the',
    'session',
    'unacknowledged',
    '漢',
    '漢字かな交じり文の長い言葉',
    '한국어',
    '😀',
    '😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀',
    'Grüße',
    'e\u0301te\u0301',
    '─━▶◀→·…',
    '10\u00a0ms',
    '127.0.0.1:50412',
    'x'.repeat(97),
    '\\u{202e}',
    '…',
    '  ',
    '   deep',
    'end.   ',
  ];

  test.each([1, 2, 3, 4])('no line is wider than asked for, and nothing is lost but spaces (seed %i)', (seed) => {
    const roll = dice(seed);
    for (let round = 0; round < 500; round++) {
      const spans: Line = Array.from({ length: 1 + roll(4) }, () => ({
        text: Array.from({ length: 1 + roll(12) }, () => WORDS[roll(WORDS.length)]).join(roll(3) === 0 ? '' : ' '),
        ...(roll(2) === 0 ? { style: 'bad' as const } : {}),
      }));
      const width = 20 + roll(100);
      const indent = roll(12);
      for (const ascii of [false, true]) {
        for (const colour of [false, true]) {
          const look = { width, colour, ascii };
          const lines = rows(wrap(spans, look, indent), look);
          const said = `${JSON.stringify(spans)} in ${width} columns, indented by ${indent}`;
          for (const line of lines) expect(columns(line), said).toBeLessThanOrEqual(width);
          const all = spans.map(({ text }) => (ascii ? inAscii(text) : text)).join('');
          expect(ink(lines.join('')), said).toBe(ink(all));
          // Every character was kept whole: no half of a pair is left alone.
          expect(lines.join(''), said).not.toMatch(/\p{Cs}/u);
        }
      }
    }
  });
});

describe('ASCII', () => {
  test('draws what it can, names the rest, and leaves nothing that a printer might lack', () => {
    expect(inAscii('━━ a ──▶ b → c · d … “e” ’ ✓ ✗ ≥ × │')).toBe(`== a --> b -> c . d ... "e" ' ok x >= x |`);
    expect(inAscii('Grüße 漢 😀')).toBe('Gr\\u{fc}\\u{df}e \\u{6f22} \\u{1f600}');
    expect(inAscii('\u007f\u009b')).toBe('\\u{7f}\\u{9b}');
    const line: Line = [{ text: 'é ▶ 漢\u00a0😀', style: 'mark' }];
    expect(paint(line, { ...PLAIN, ascii: true })).toMatch(/^[ -~]+$/);
  });

  test('changes nothing that is ASCII already, and nothing twice', () => {
    const all = Array.from({ length: 95 }, (_, nth) => String.fromCharCode(32 + nth)).join('');
    expect(inAscii(all)).toBe(all);
    expect(inAscii(inAscii('漢 … 😀'))).toBe(inAscii('漢 … 😀'));
  });
});

describe('colour', () => {
  const line: Line = [
    { text: 'LOST ', style: 'bad' },
    { text: 'a memory' },
    { text: ' ok ', style: 'good' },
    { text: '  ' },
  ];

  test('is put around each span and taken off again', () => {
    expect(paint(line, { ...PLAIN, colour: true })).toBe('\u001b[31;1mLOST \u001b[0ma memory\u001b[32m ok\u001b[0m');
  });

  test('says nothing that the words do not say as well', () => {
    expect(paint(line, PLAIN)).toBe('LOST a memory ok');
    expect(paint(line, { ...PLAIN, colour: true }).replace(COLOURS, '')).toBe(paint(line, PLAIN));
  });

  test('is not wasted on nothing', () => {
    expect(
      paint(
        [
          { text: '', style: 'bad' },
          { text: '   ', style: 'good' },
        ],
        { ...PLAIN, colour: true },
      ),
    ).toBe('');
  });
});

describe('the look', () => {
  const terminal = { isTTY: true, columns: 100 };
  /** The environment of somebody who has set nothing but this. */
  const within = (set: Record<string, string>) => {
    for (const name of ['NO_COLOR', 'FORCE_COLOR', 'TERM']) vi.stubEnv(name, set[name]);
  };

  test.each<[string, Record<string, string>, { isTTY?: boolean }, { color?: boolean }, boolean]>([
    ['a terminal', {}, { isTTY: true }, {}, true],
    ['a pipe', {}, {}, {}, false],
    ['a terminal that is asked not to', {}, { isTTY: true }, { color: false }, false],
    ['a terminal with NO_COLOR', { NO_COLOR: '1' }, { isTTY: true }, {}, false],
    ['a terminal with NO_COLOR=0, which is set too', { NO_COLOR: '0' }, { isTTY: true }, {}, false],
    ['a terminal with an empty NO_COLOR, which counts as not set', { NO_COLOR: '' }, { isTTY: true }, {}, true],
    ['a dumb terminal', { TERM: 'dumb' }, { isTTY: true }, {}, false],
    ['a pipe with FORCE_COLOR', { FORCE_COLOR: '1' }, {}, {}, true],
    ['a pipe with FORCE_COLOR=0', { FORCE_COLOR: '0' }, {}, {}, false],
    ['a pipe with both: no is no', { FORCE_COLOR: '1', NO_COLOR: '1' }, {}, {}, false],
  ])('%s', (_who, environment, stream, wanted, colour) => {
    within(environment);
    expect(lookOf(stream, wanted).colour).toBe(colour);
  });

  test('is as wide as the terminal, within reason, and 80 columns where nobody says', () => {
    within({});
    expect(lookOf(terminal).width).toBe(100);
    expect(lookOf({ ...terminal, columns: 500 }).width).toBe(120);
    expect(lookOf({ ...terminal, columns: 10 }).width).toBe(60);
    expect(lookOf({}).width).toBe(80);
  });

  test('keeps to ASCII only when asked', () => {
    expect(lookOf(terminal).ascii).toBe(false);
    expect(lookOf(terminal, { ascii: true }).ascii).toBe(true);
  });
});

test('whatever a line holds, no control character leaves by it', () => {
  const look = { width: 80, colour: false, ascii: false };
  expect(paint([{ text: 'a\u001b]0;title\u0007b\u202ec\\d' }], look)).toBe('a\\x1b]0;title\\x07b\\u{202e}c\\d');
});

test('--color is obeyed where there is no terminal, and before NO_COLOR', () => {
  expect(lookOf({}, { color: true }).colour).toBe(true);
  expect(lookOf({ isTTY: true }, { color: false }).colour).toBe(false);
});

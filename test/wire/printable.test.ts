// What comes from the wire and is shown: drawn, never obeyed.

import { describe, expect, test } from 'vitest';
import { printable, printableJson, quoted } from '../../src/wire/printable.ts';

/** Whatever a terminal obeys, hides or reorders, one of each kind at least, and the borders of every range. */
const DANGEROUS: [name: string, character: string, drawn: string][] = [
  ['NUL', '\u0000', '\\x00'],
  ['BEL', '\u0007', '\\x07'],
  ['backspace', '\b', '\\x08'],
  ['tab', '\t', '\\x09'],
  ['line feed', '\n', '\\x0a'],
  ['carriage return', '\r', '\\x0d'],
  ['escape', '\u001b', '\\x1b'],
  ['the last of C0', '\u001f', '\\x1f'],
  ['DEL', '\u007f', '\\x7f'],
  ['the first of C1', '\u0080', '\\x80'],
  ['CSI in one character', '\u009b', '\\x9b'],
  ['the last of C1', '\u009f', '\\x9f'],
  ['soft hyphen', '\u00ad', '\\xad'],
  ['Arabic letter mark', '\u061c', '\\u{61c}'],
  ['zero width space', '\u200b', '\\u{200b}'],
  ['zero width joiner', '\u200d', '\\u{200d}'],
  ['right-to-left mark', '\u200f', '\\u{200f}'],
  ['line separator', '\u2028', '\\u{2028}'],
  ['paragraph separator', '\u2029', '\\u{2029}'],
  ['left-to-right embedding', '\u202a', '\\u{202a}'],
  ['right-to-left override', '\u202e', '\\u{202e}'],
  ['word joiner', '\u2060', '\\u{2060}'],
  ['right-to-left isolate', '\u2067', '\\u{2067}'],
  ['pop directional isolate', '\u2069', '\\u{2069}'],
  ['byte order mark', '\ufeff', '\\u{feff}'],
  ['interlinear annotation', '\ufff9', '\\u{fff9}'],
  ['a tag character', '\u{e0041}', '\\u{e0041}'],
];
const LONE: [name: string, character: string, drawn: string][] = [
  ['the first half of a pair', '\ud83d', '\\u{d83d}'],
  ['the second half of a pair', '\ude00', '\\u{de00}'],
];

describe('printable', () => {
  test.each([...DANGEROUS, ...LONE])('draws %s', (_name, character, drawn) => {
    expect(printable(character)).toBe(drawn);
    expect(printable(`a${character}b${character}`)).toBe(`a${drawn}b${drawn}`);
  });

  test('draws every control character there is, and no other of the first 256 but the backslash and the soft hyphen', () => {
    for (let code = 0; code < 256; code++) {
      const character = String.fromCharCode(code);
      const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0xad || character === '\\';
      expect(printable(character) !== character, `character ${code}`).toBe(isControl);
    }
  });

  test('leaves what can simply be read', () => {
    for (const text of ['', 'plain ~ text', 'Grüße, naïve', '漢字', '😀 e\u0301', 'עברית', 'a\u00a0b'])
      expect(printable(text)).toBe(text);
  });

  test('doubles the backslash, so that what is drawn cannot be confused with what was sent', () => {
    expect(printable('\\x1b')).toBe('\\\\x1b');
    expect(printable('\u001b')).not.toBe(printable('\\x1b'));
    expect(printable('\\\u001b\\')).toBe('\\\\\\x1b\\\\');
  });

  test('stops at its cap and says how much is missing', () => {
    expect(printable('x'.repeat(512))).toBe('x'.repeat(512));
    expect(printable('x'.repeat(513))).toBe(`${'x'.repeat(512)}… (1 more)`);
    expect(printable('abcdef', 2)).toBe('ab… (4 more)');
    // Drawn characters are wider than sent ones: the cap counts what was sent.
    expect(printable('\u0000'.repeat(3), 2)).toBe('\\x00\\x00… (1 more)');
    expect(printable('\u001b'.repeat(100_000)).length).toBeLessThan(4 * 512 + 20);
  });

  test('a cap that falls inside a pair of surrogates lets no half of it through', () => {
    expect(printable('a😀b', 2)).not.toMatch(/\p{Cs}/u);
  });
});

describe('quoted', () => {
  test('shows text as text', () => {
    expect(quoted(Buffer.from('hello'))).toBe('"hello"');
    expect(quoted(Buffer.from('Grüße 漢 😀'))).toBe('"Grüße 漢 😀"');
    expect(quoted(Buffer.alloc(0))).toBe('""');
  });

  test.each(DANGEROUS)('draws %s inside of text', (_name, character, drawn) => {
    expect(quoted(Buffer.from(`a${character}b`))).toBe(`"a${drawn}b"`);
  });

  test('shows what is no text byte by byte: half a character, a surrogate, an overlong slash', () => {
    expect(quoted(Buffer.from([0x61, 0xc3]))).toBe('"a\\xc3"');
    expect(quoted(Buffer.from([0xed, 0xa0, 0x80]))).toBe('"\\xed\\xa0\\x80"');
    expect(quoted(Buffer.from([0xc0, 0xaf, 0x5c, 0x1b]))).toBe('"\\xc0\\xaf\\\\\\x1b"');
  });

  test('no byte whatever leaves it as anything but printable characters', () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(quoted(every)).toMatch(/^[ -~]+$/);
  });

  test('stops at its cap and says how many bytes are missing', () => {
    expect(quoted(Buffer.alloc(512, 'x'))).toBe(`"${'x'.repeat(512)}"`);
    expect(quoted(Buffer.alloc(600, 'x'))).toBe(`"${'x'.repeat(512)}… (88 more)"`);
    expect(quoted(Buffer.alloc(5, 0xff), 2)).toBe('"\\xff\\xff… (3 more)"');
    expect(quoted(Buffer.alloc(5, 0x80), 2)).toBe('"\\x80\\x80… (3 more)"');
  });

  test('text is still text when the cap falls inside a character: that character is left out whole', () => {
    expect(quoted(Buffer.from('aéé'), 2)).toBe('"a… (4 more)"');
    expect(quoted(Buffer.from('a漢b'), 3)).toBe('"a… (4 more)"');
    expect(quoted(Buffer.from('a😀b'), 4)).toBe('"a… (5 more)"');
    expect(quoted(Buffer.from('a😀b'), 5)).toBe('"a😀… (1 more)"');
  });
});

describe('printableJson', () => {
  test.each([...DANGEROUS, ...LONE])('lets no %s through, and loses nothing', (_name, character) => {
    const value = { [`key${character}`]: [`a${character}b`, 1, null] };
    const text = printableJson(value);
    expect(text).not.toContain(character);
    expect(text).toMatch(/^[ -~]+$/);
    expect(JSON.parse(text)).toEqual(value);
  });

  test('leaves readable text readable', () => {
    expect(printableJson({ text: 'Grüße 漢 😀 \\ "' })).toBe('{"text":"Grüße 漢 😀 \\\\ \\""}');
  });
});

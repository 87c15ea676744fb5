// The words of a master file (RFC 1035 §5.1): what is one entry, what is one word of it, and what a word means as bytes.

import { drawn } from '../wire/printable.ts';
import { type Bytes, LABEL, NAME, type Name, ROOT } from './name.ts';

/** A zone that cannot be served: in which file, on which line, and why. */
export class ZoneError extends Error {
  override readonly name = 'ZoneError';
  readonly file: string;
  readonly line: number;
  readonly reason: string;
  constructor(file: string, line: number, reason: string, options?: ErrorOptions) {
    super(`${file}:${line}: ${reason}`, options);
    this.file = file;
    this.line = line;
    this.reason = reason;
  }
}

/** The longest time, in seconds: a TTL is a positive number of 31 bits (RFC 2181 §8). */
const LONGEST = 2 ** 31 - 1;
const SECONDS = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
  ['w', 604_800],
]);

const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const OPEN = 40;
const CLOSE = 41;
const DOT = 46;
const SEMICOLON = 59;
const BACKSLASH = 92;

/** A cursor over a master file: goes from entry to entry, and within one from word to word. */
export class Words {
  /** What relative names are completed with. */
  origin: Name | undefined;
  /** The line on which the entry begins, counted from 1. */
  line = 1;
  /** The entry begins with white space: its owner is the one before. */
  blank = false;
  readonly file: string;
  private readonly text: string;
  private at: number;
  /** The line that `at` is on. */
  private here = 1;
  // The words of this entry as they stand in the file, escapes and all, and the line of each: two arrays, used again and again.
  private readonly words: string[] = [];
  private readonly lines: number[] = [];
  /** How many words have been taken. */
  private taken = 0;
  private readonly scratch = Buffer.alloc(NAME + 1);

  constructor(text: string, file: string, origin?: Name) {
    this.text = text;
    this.file = file;
    this.origin = origin;
    // Some editors begin a file with a byte order mark.
    this.at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  }

  /** Goes to the next entry: one line, or several held together by parentheses. False at the end of the file. */
  next(): boolean {
    const { text, words, lines } = this;
    words.length = lines.length = this.taken = 0;
    this.blank = this.startsBlank();
    let depth = 0;
    let opened = 0;
    while (this.at < text.length) {
      const code = text.charCodeAt(this.at);
      if (code === NEWLINE) {
        this.at++;
        this.here++;
        if (depth > 0) continue;
        if (words.length > 0) return true;
        this.blank = this.startsBlank();
      } else if (code === SPACE || code === TAB || code === RETURN) {
        this.at++;
      } else if (code === SEMICOLON) {
        const end = text.indexOf('\n', this.at);
        this.at = end < 0 ? text.length : end;
      } else if (code === OPEN) {
        if (depth++ === 0) opened = this.here;
        this.at++;
      } else if (code === CLOSE) {
        if (depth-- === 0) throw new ZoneError(this.file, this.here, '")" without a "(" before it');
        this.at++;
      } else {
        if (words.length === 0) this.line = this.here;
        lines.push(this.here);
        words.push(code === QUOTE ? this.quoted() : this.plain());
      }
    }
    if (depth > 0) throw new ZoneError(this.file, opened, 'this "(" is never closed');
    return words.length > 0;
  }

  /** Whether the entry has a word left. */
  get more(): boolean {
    return this.taken < this.words.length;
  }

  /** The next word as it stands in the file, without taking it. */
  peek(): string | undefined {
    return this.words[this.taken];
  }

  /** Takes the next word as it stands in the file: with its quotes, if it has any. */
  take(what: string): string {
    const word = this.words[this.taken++];
    return word ?? this.wrong(`${what} is missing`);
  }

  /** Throws what the word taken last deserves, or the entry before there was any. */
  wrong(reason: string, options?: ErrorOptions): never {
    const line = this.lines[Math.min(this.taken, this.lines.length) - 1] ?? this.line;
    throw new ZoneError(this.file, line, reason, options);
  }

  /** There must be no word left. */
  finish(): void {
    if (this.more) this.wrong(`${shown(this.take(''))} is one word too many`);
  }

  /** A whole number from 0 to `most`. */
  number(what: string, most: number): number {
    const word = this.take(what);
    const value = Number(word);
    if (!/^\d+$/.test(word) || value > most) this.wrong(`${shown(word)} is no ${what}: a number from 0 to ${most}`);
    return value;
  }

  /** A time in seconds, or with units as BIND writes them: `1h30m`. */
  time(what: string): number {
    const word = this.take(what);
    const value = secondsOf(word);
    if (value === undefined || value > LONGEST)
      this.wrong(`${shown(word)} is no ${what}: write seconds up to ${LONGEST}, or units as in 1h30m`);
    return value;
  }

  /** A domain name: absolute with a dot at its end, else completed with the origin; `@` is the origin itself. */
  domain(what: string): Name {
    return this.nameOf(this.take(what));
  }

  nameOf(word: string): Name {
    const { scratch } = this;
    if (word === '@') return this.origin ?? this.homeless(word);
    if (word === '.') return ROOT;
    /** Where the length of the label stands that is being read. */
    let start = 0;
    let at = 1;
    for (let from = 0; from < word.length; from++) {
      let code = word.charCodeAt(from);
      if (code === DOT) {
        if (at - start === 1) this.wrong(`${shown(word)} has an empty label: two dots in a row, or one at the start`);
        scratch[start] = at - start - 1;
        start = at++;
        continue;
      }
      if (code === QUOTE) this.wrong(`${shown(word)} is no name: names are not quoted`);
      if (code > 0x7e) this.foreign(word);
      if (code === BACKSLASH) {
        code = this.escapeAt(word, from);
        const length = escapeLength(word, from);
        if (length === 2 && code > 0x7e) this.foreign(word);
        from += length - 1;
      }
      if (at - start > LABEL) this.wrong(`${shown(word)} has a label of more than ${LABEL} bytes (RFC 1035 §2.3.4)`);
      // The root, or an origin that ends in it, still has to find room.
      if (at >= NAME - 1) this.tooLong(word);
      scratch[at++] = code;
    }
    // It ended in a dot, so the label that was begun is the root.
    if (at - start === 1) {
      scratch[start] = 0;
      return scratch.toString('latin1', 0, at);
    }
    scratch[start] = at - start - 1;
    const origin = this.origin ?? this.homeless(word);
    if (at + origin.length > NAME) this.tooLong(word);
    scratch.write(origin, at, 'latin1');
    return scratch.toString('latin1', 0, at + origin.length);
  }

  /** A character-string (RFC 1035 §5.1), quoted or not, as bytes. What is not ASCII counts as its bytes in UTF-8. */
  string(what: string): Bytes {
    const word = this.take(what);
    const bytes = Buffer.from(word.charCodeAt(0) === QUOTE ? word.slice(1, -1) : word);
    let to = 0;
    for (let from = 0; from < bytes.length; from++) {
      let byte = bytes[from] as number;
      if (byte === BACKSLASH) {
        // The same text in one character a byte, so that an escape is where the bytes have it.
        const rest = bytes.toString('latin1', from, from + 4);
        byte = this.escapeAt(rest, 0);
        from += escapeLength(rest, 0) - 1;
      }
      bytes[to++] = byte;
    }
    return bytes.toString('latin1', 0, to);
  }

  /** A character-string with its length before it, as RDATA has it. */
  counted(what: string): Bytes {
    const bytes = this.string(what);
    if (bytes.length > 255) this.wrong(`${what} has ${bytes.length} bytes, and 255 is the most: make several of it`);
    return u8(bytes.length) + bytes;
  }

  /** All words left, as hexadecimal digits. */
  hex(length: number): Bytes {
    let digits = '';
    while (this.more) digits += this.take('');
    if (!/^[0-9a-f]*$/i.test(digits)) this.wrong(`${shown(digits)} is not hexadecimal`);
    if (digits.length !== 2 * length)
      this.wrong(`${length} bytes are ${2 * length} hexadecimal digits, not ${digits.length}`);
    return Buffer.from(digits, 'hex').toString('latin1');
  }

  private startsBlank(): boolean {
    const code = this.text.charCodeAt(this.at);
    return code === SPACE || code === TAB;
  }

  private plain(): string {
    const start = this.at;
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code <= SPACE && (code === SPACE || code === NEWLINE || code === TAB || code === RETURN)) break;
      if (code === SEMICOLON || code === OPEN || code === CLOSE) break;
      if (code === QUOTE) this.broken('a quote in the middle of a word: put a space before it, or a backslash');
      if (code === BACKSLASH) this.pass();
    }
    return this.text.slice(start, this.at);
  }

  private quoted(): string {
    const start = this.at++;
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code === QUOTE) return this.text.slice(start, ++this.at);
      // Else one forgotten quote would swallow the rest of the file.
      if (code === NEWLINE) break;
      if (code === BACKSLASH) this.pass();
    }
    return this.broken('this quote is not closed on its line');
  }

  /** Steps from a backslash to the character that it escapes, so that it ends no word. */
  private pass(): void {
    const code = this.text.charCodeAt(++this.at);
    if (Number.isNaN(code) || code === NEWLINE) this.broken('the backslash at the end of this line escapes nothing');
  }

  /** The byte that the escape at `from` stands for: `\DDD` in decimal, or `\X` for X itself. */
  private escapeAt(word: string, from: number): number {
    const code = word.charCodeAt(from + 1);
    if (!isDigit(code)) return code;
    const digits = word.slice(from + 1, from + 4);
    if (!/^\d{3}$/.test(digits) || Number(digits) > 255)
      this.wrong(`"\\${drawn(digits)}" is no escape: a backslash and three digits, 000 to 255`);
    return Number(digits);
  }

  private foreign(word: string): never {
    return this.wrong(`${shown(word)} is not ASCII: write a name as xn--… (RFC 5890), other bytes as \\DDD`);
  }

  private broken(reason: string): never {
    throw new ZoneError(this.file, this.here, reason);
  }

  private tooLong(word: string): never {
    return this.wrong(`${shown(word)} becomes a name of more than ${NAME} bytes (RFC 1035 §2.3.4)`);
  }

  private homeless(word: string): never {
    return this.wrong(
      `${shown(word)} is relative, and to what is not known: end it with a dot, or write $ORIGIN before it`,
    );
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function escapeLength(word: string, from: number): number {
  return isDigit(word.charCodeAt(from + 1)) ? 4 : 2;
}

function secondsOf(word: string): number | undefined {
  if (/^\d+$/.test(word)) return Number(word);
  if (!/^(\d+[smhdw])+$/i.test(word)) return undefined;
  let seconds = 0;
  for (const [, count, unit] of word.toLowerCase().matchAll(/(\d+)(\D)/g))
    seconds += Number(count) * (SECONDS.get(unit ?? '') ?? Number.NaN);
  return seconds;
}

/** A word of the file for an error message, cut where it gets long. */
export function shown(word: string): string {
  const cut = word.length > 80 ? `${word.slice(0, 80)}…` : word;
  return `"${drawn(cut)}"`;
}

/** Numbers as bytes in network order. */
export function u8(value: number): Bytes {
  return String.fromCharCode(value);
}

export function u16(value: number): Bytes {
  return String.fromCharCode(value >>> 8, value & 255);
}

export function u32(value: number): Bytes {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

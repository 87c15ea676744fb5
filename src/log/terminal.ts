// Entries as a log for people: what was said, the bytes that matter, the memory they lean on.

import { type Account, hash, type Ledger, type Note } from '../capture/ledger.ts';
import type { CutRow, Entry, LifeRow, Numbered, PacketRow } from '../capture/records.ts';
import type { Facts } from '../protocols/shapes.ts';
import type { Field } from '../wire/fields.ts';
import {
  armInWords,
  cutInWords,
  diedInWords,
  ends,
  GAP,
  healedInWords,
  lifeInWords,
  linkInWords,
  outcomeInWords,
  takenInWords,
  untakenInWords,
} from './events.ts';
import { type Line, type Look, type Span, type Style, widthOf, wrap } from './text.ts';

/** `line`: rows. `default`: and the notes that say something new, with the bytes they are about. `full`: everything. */
export type Level = 'line' | 'default' | 'full';
/** Which bytes are shown: those a note is about, all, or none. */
export type Bytes = 'marked' | 'all' | 'none';

export interface LogOptions {
  level: Level;
  bytes: Bytes;
  look: Look;
  /** Without what is of the moment: times, process numbers, ports; and nothing of memories that nobody can look into. */
  timeless?: boolean;
}

const NOTE_STYLE: Record<Note['word'], Style> = {
  needs: 'warn',
  keeps: 'good',
  LOST: 'bad',
  proof: 'life',
  hint: 'dim',
};
/** What a log without times leaves out of what lives and cuts say. */
const MOMENTARY =
  / \(pid \d+\)| on port \d+|, as it comes: nobody.*$|: gone with its memory: nobody.*$|; what is [^;]*: nobody.*$/g;
/** Where notes begin, and where their text does. */
const NOTE = 6;
const TEXT = 14;

/**
 * Prints entries as they come. It remembers what it has said, so that a note that has been read once is not read again until
 * a cut makes it worth reading.
 */
export class TerminalLog {
  private readonly options: LogOptions;
  private start: number | undefined;
  private readonly said = new Set<string>();

  /** `start`: the moment that times are told from, in nanoseconds of the run; the first entry's unless given. */
  constructor(options: LogOptions, start?: number) {
    this.options = options;
    this.start = start;
  }

  /** The lines of one entry. */
  lines(entry: Entry, notes: readonly Note[] = []): Line[] {
    this.start ??= entry.t_ns;
    switch (entry.is) {
      case 'arm':
        // Times count from the first thing that happens in an arm: that its server listens.
        this.start = undefined;
        return [[], heading(armInWords(entry), this.options.look)];
      case 'step':
        return [
          [
            { text: entry.aside ? '  meanwhile: ' : `  step ${entry.step}: `, style: 'dim' },
            { text: entry.name, style: 'bold' },
          ],
        ];
      case 'answer':
        return wrap(
          [{ text: '      answer  ', style: entry.failed ? 'bad' : 'good' }, { text: entry.answer }],
          this.options.look,
          TEXT,
        );
      case 'packet':
        return this.packet(entry, notes);
      case 'link':
        return this.rule(entry, `${ends(entry)}  `, linkInWords(entry), 'plain', false);
      case 'life':
        return this.life(entry);
      case 'cut':
        // After a cut everything is worth looking at again.
        this.said.clear();
        return this.cut(entry);
      case 'healed':
        return this.rule(entry, '', healedInWords(entry), 'life', true);
      case 'gap':
        return this.rule(entry, '', GAP, 'bad', true);
      case 'note':
        return this.rule(entry, '', `${entry.life}: ${entry.text}`, 'warn', true);
      case 'died':
        return this.rule(entry, '', diedInWords(entry), 'bad', true);
      case 'memory':
        return this.options.level === 'line' ? [] : notes.flatMap((note) => this.note(note, entry));
    }
  }

  private packet(entry: PacketRow & Numbered, notes: readonly Note[]): Line[] {
    const { level, look } = this.options;
    const size = `${entry.length} B`;
    const lines = wrap(
      [
        ...this.stamp(entry),
        { text: entry.unsent ? ends(entry).replace('◀──', '✗──') : ends(entry) },
        { text: `  ${entry.kind}`, style: 'bold' },
        { text: ` ${entry.says}` },
      ],
      look,
      TEXT + 2,
      look.width - widthOf(size) - 2,
    );
    const first = lines[0];
    const last = first?.at(-1);
    // Where a line was broken, the space it was broken at is still there.
    if (last) last.text = last.text.trimEnd();
    if (first)
      first.push(
        { text: ' '.repeat(Math.max(2, look.width - lineWidth(first) - widthOf(size))) },
        { text: size, style: 'dim' },
      );
    if (level === 'line') return lines;

    const shown = level === 'full' ? [...notes] : this.worthSaying(entry, notes);
    const marked = this.marked(entry, shown);
    lines.push(...this.dump(entry, marked));
    marked.forEach((field, index) => {
      lines.push(...fieldInWords(field, letterOf(index), look));
    });
    for (const note of shown) lines.push(...this.note(note));
    return lines;
  }

  /** At most two notes: what is gone or new first, and what has been said in this life not again. */
  private worthSaying(entry: PacketRow, notes: readonly Note[]): Note[] {
    const fresh = notes.flatMap((note): Note[] => {
      if (note.gone !== undefined || note.field === undefined) return [note];
      const key = `${entry.side} ${entry.kind} ${note.field} ${note.word}`;
      if (!this.said.has(key)) {
        this.said.add(key);
        return [note];
      }
      if (note.again === undefined) return [];
      const { word, holder, again, written } = note;
      return [
        {
          word,
          text: again,
          ...(holder === undefined ? {} : { holder }),
          ...(written === undefined ? {} : { written }),
        },
      ];
    });
    // What the server comes to remember says more than what the client does: it is the server that will be cut.
    const rank = (note: Note) =>
      note.word === 'LOST'
        ? 0
        : note.gone !== undefined
          ? 1
          : note.holder === undefined
            ? 2
            : note.holder === 'client'
              ? 4
              : 3;
    return fresh.toSorted((a, b) => rank(a) - rank(b)).slice(0, 2);
  }

  private marked(entry: PacketRow, notes: readonly Note[]): Field[] {
    if (entry.malformed) return entry.fields;
    if (this.options.level === 'full') return entry.fields;
    const about = new Set(notes.map((note) => note.field));
    return entry.fields.filter((field) => about.has(field.id));
  }

  private dump(entry: PacketRow, marked: readonly Field[]): Line[] {
    const { bytes } = this.options;
    if (bytes === 'none' || entry.length === 0 || (bytes === 'marked' && marked.length === 0)) return [];
    const pairs = entry.hex.match(/../g) ?? [];
    const lines: Line[] = [];
    let folded = 0;
    const unfold = () => {
      if (folded > 0) lines.push([{ text: `      ····  ${folded} more bytes`, style: 'dim' }]);
      folded = 0;
    };
    for (let at = 0; at < pairs.length; at += 16) {
      const letters = lettersUnder(marked, at);
      const row = pairs.slice(at, at + 16);
      // Of a long field, its first line is enough to see where it begins.
      const needed =
        bytes === 'all' ||
        marked.some(
          (field) => field.start < at + 16 && field.end > at && (field.start >= at || this.options.level === 'full'),
        );
      if (!needed) {
        folded += row.length;
        continue;
      }
      unfold();
      lines.push([
        { text: `      ${at.toString(16).padStart(4, '0')}  `, style: 'dim' },
        { text: hexLine(row).padEnd(49) },
        { text: ` ${row.map(drawn).join('')}`, style: 'dim' },
      ]);
      if (letters.trim() !== '') lines.push([{ text: `            ${letters}`, style: 'mark' }]);
    }
    // Of a chunk of data, only the beginning was written down.
    folded += entry.length - pairs.length;
    unfold();
    return lines;
  }

  private note(note: Note, row?: Numbered): Line[] {
    // A clause is one word: it is looked up as a whole.
    const cite = note.cite ? ` [${note.cite.replaceAll(' ', '\u00a0')}]` : '';
    const head: Span[] = row ? [...this.stamp(row)] : [{ text: ' '.repeat(NOTE) }];
    return wrap(
      [
        ...head,
        { text: note.word.padEnd(TEXT - NOTE), style: NOTE_STYLE[note.word] },
        { text: note.text },
        { text: cite, style: 'dim' },
      ],
      this.options.look,
      TEXT,
    );
  }

  private life(entry: LifeRow & Numbered): Line[] {
    const lines = this.rule(entry, '', lifeInWords(entry), 'life', true);
    lines.push(...factLines(entry.facts, this.options.look));
    for (const note of entry.notes) lines.push(...this.note({ word: 'hint', text: note }));
    return lines;
  }

  private cut(entry: CutRow & Numbered): Line[] {
    const lines = this.rule(entry, '', cutInWords(entry), 'bad', true);
    if (entry.cut !== 'path') lines.push(...factLines(entry.facts, this.options.look));
    return lines;
  }

  private rule(entry: Numbered, before: string, text: string, style: Style, heavy: boolean): Line[] {
    const head: Span[] = heavy ? [{ text: '━━━ ', style }, ...this.stamp(entry)] : [...this.stamp(entry)];
    const told = this.options.timeless ? text.replace(MOMENTARY, '') : text;
    return wrap([...head, { text: before }, { text: told, style }], this.options.look, TEXT + 2);
  }

  private stamp(entry: Numbered): Span[] {
    if (this.options.timeless) return [{ text: `${hash(entry.row)}  ` }];
    const ms = (entry.t_ns - (this.start ?? 0)) / 1e6;
    const since = ms < 9999.995 ? `+${ms.toFixed(2)}ms` : `+${(ms / 1000).toFixed(1)}s`;
    return [{ text: `${hash(entry.row)} ` }, { text: `${since.padStart(10)}  `, style: 'dim' }];
  }
}

/** The account that follows a cut. */
export function accountLines(account: Account, look: Look): Line[] {
  const { outcomes } = account;
  const lines: Line[] = [[], heading(`ledger: what ${takenInWords(account)} did to memory`, look)];
  if (outcomes.length === 0) lines.push(...wrap([{ text: `  ${untakenInWords(account)}` }], look, 11));
  for (const outcome of outcomes) {
    const style: Style = outcome.fate === 'LOST' ? 'bad' : outcome.fate === 'KEPT' ? 'good' : 'warn';
    lines.push(
      ...wrap(
        [
          { text: `  ${outcome.fate.padEnd(9)}`, style },
          { text: `${outcome.subject}: `, style: 'bold' },
          { text: outcome.known },
        ],
        look,
        11,
      ),
    );
    lines.push(...wrap([{ text: ' '.repeat(11) }, { text: outcomeInWords(outcome), style: 'dim' }], look, 11));
  }
  return lines;
}

/** One row in full, for `explain`. */
export function explainLines(entry: Numbered, { notes, around }: Ledger, options: LogOptions, start: number): Line[] {
  const log = new TerminalLog({ ...options, level: 'full', bytes: 'all' }, start);
  const lines = log.lines(entry, notes.get(entry.row) ?? []);
  for (const { holder, before, after, unseen } of around(entry.row)) {
    if (unseen) {
      lines.push([], [{ text: `  memory of ${holder}`, style: 'bold' }, { text: ': nobody can look into it' }]);
      continue;
    }
    lines.push([], [{ text: `  memory of ${holder} before`, style: 'bold' }], ...orNothing(before, options.look));
    lines.push([{ text: `  memory of ${holder} after`, style: 'bold' }], ...orNothing(after, options.look));
  }
  return lines;
}

function orNothing(facts: Facts, look: Look): Line[] {
  return Object.keys(facts).length === 0
    ? [[{ text: `${' '.repeat(NOTE)}nothing`, style: 'dim' }]]
    : factLines(facts, look);
}

export function heading(text: string, look: Look): Line {
  const before = '── ';
  return [
    { text: before, style: 'dim' },
    { text, style: 'bold' },
    { text: ` ${'─'.repeat(Math.max(0, look.width - widthOf(text) - widthOf(before) - 1))}`, style: 'dim' },
  ];
}

function factLines(facts: Facts, look: Look): Line[] {
  return Object.entries(facts).flatMap(([subject, known]) =>
    wrap([{ text: ' '.repeat(NOTE) }, { text: `${subject}: `, style: 'bold' }, { text: known }], look, TEXT),
  );
}

function fieldInWords(field: Field, letter: string, look: Look): Line[] {
  const bits = field.mask === undefined ? '' : `${drawnBits(field)} `;
  const gloss = field.gloss ? `: ${field.gloss}` : '';
  const dice = field.chance && field.show !== '***' ? ' (rolled by dice)' : '';
  const hidden = field.show === '***' ? ' (a secret)' : '';
  return wrap(
    [
      { text: `            ${letter}  `, style: 'mark' },
      { text: bits, style: 'dim' },
      { text: `${field.label} = ${field.show}${dice}${hidden}${gloss}` },
    ],
    look,
    15,
  );
}

/** `0001 ....`: the bits of a byte that a field is made of. */
export function drawnBits({ mask = 0, value }: Field): string {
  const shift = 31 - Math.clz32(mask & -mask);
  const bits = Array.from({ length: 8 }, (_none, index) => {
    const bit = 7 - index;
    return (mask >> bit) & 1 ? String((Number(value) >> (bit - shift)) & 1) : '.';
  }).join('');
  return `${bits.slice(0, 4)} ${bits.slice(4)}`;
}

/** Letters under the bytes `[at, at + 16)`: as wide as the bytes they stand for. Two parts of one byte take a half each. */
function lettersUnder(marked: readonly Field[], at: number): string {
  const cells = new Array<string>(49).fill(' ');
  marked.forEach((field, index) => {
    const letter = letterOf(index);
    const from = Math.max(field.start, at);
    const to = Math.min(field.end, at + 16);
    if (from >= to) return;
    const [left, right] = [column(from - at), column(to - 1 - at) + 2];
    const low = field.mask !== undefined && (field.mask & 0xf0) === 0;
    const high = field.mask !== undefined && (field.mask & 0x0f) === 0;
    for (let cell = left + (low ? 1 : 0); cell < right - (high ? 1 : 0); cell++) cells[cell] = letter;
  });
  return cells.join('').trimEnd();
}

/** Where a byte stands in {@link hexLine}. */
export function column(index: number): number {
  return index * 3 + (index >= 8 ? 1 : 0);
}

/** Up to 16 bytes, in two halves. */
export function hexLine(pairs: readonly string[]): string {
  return pairs.length > 8 ? `${pairs.slice(0, 8).join(' ')}  ${pairs.slice(8).join(' ')}` : pairs.join(' ');
}

/** One byte as a character, where it is one that can be seen. */
export function drawn(pair: string): string {
  const code = Number.parseInt(pair, 16);
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : pair === '**' ? '*' : '·';
}

function letterOf(index: number): string {
  if (index < 26) return String.fromCharCode(97 + index);
  return index < 52 ? String.fromCharCode(65 + index - 26) : '?';
}

function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

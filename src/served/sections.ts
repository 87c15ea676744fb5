// Records as the bytes of a message's sections, with every name that was written before replaced by a pointer to it.

import { type Stretch, stretchOf, u16At } from '../wire/fields.ts';
import { ASTERISK, type Bytes, lower, type Name, nameEnd } from './name.ts';
import { layoutOf } from './rdata.ts';

/** Where the name of the question begins: right after the header (RFC 1035 §4.1.1). */
const QUESTION = 12;
/** The type and class behind it. */
const TYPE_AND_CLASS = 4;
/** What makes two bytes a pointer. The 14 bits below it are the offset (RFC 1035 §4.1.4). */
const POINTER = 0xc000;
/** A name further on is pointed at no more: sections may still move by the length of a name, and 14 bits must hold the offset then. */
const FURTHEST = 0x4000 - 255;
const IN = 1;

/** Records with where in them the pointers stand that have to follow when the sections are put behind a longer question. */
export interface Movable extends Stretch {
  pointers: readonly number[];
}

/** A cursor that writes records for a message with this question. */
export class Sections {
  readonly pointers: number[] = [];
  private bytes = Buffer.allocUnsafe(512);
  private at = 0;
  private readonly question: Name;
  /** Offset in the message of what is written first here. */
  private readonly base: number;
  /** Where in the message each name, in lower case, can be pointed at. Every name that ends another one is in it too. */
  private readonly names = new Map<Name, number>();
  /** The question stands for all those a wildcard matches: they agree in all labels but what is in place of the first. */
  private readonly synthesised: boolean;

  constructor(question: Name) {
    this.question = question;
    this.base = QUESTION + question.length + TYPE_AND_CLASS;
    this.synthesised = question.startsWith(ASTERISK);
    for (let at = 0; question.charCodeAt(at) !== 0; at += 1 + question.charCodeAt(at)) {
      if (at > 0 || !this.synthesised) this.names.set(question.slice(at), QUESTION + at);
    }
  }

  record(owner: Name, type: number, ttl: number, rdata: Bytes): void {
    if (this.synthesised && owner === this.question) this.u16(POINTER | QUESTION);
    else this.name(owner);
    this.u16(type);
    this.u16(IN);
    this.u16(ttl >>> 16);
    this.u16(ttl);
    const length = this.at;
    this.u16(0);
    const layout = layoutOf(type);
    if (layout?.compressed) {
      this.raw(rdata, 0, layout.before);
      let from = layout.before;
      for (let names = 0; names < layout.names; names++) {
        const end = nameEnd(rdata, from) ?? rdata.length;
        this.name(rdata.slice(from, end));
        from = end;
      }
      this.raw(rdata, from, rdata.length);
    } else {
      this.raw(rdata, 0, rdata.length);
    }
    this.bytes.writeUInt16BE(this.at - length - 2, length);
  }

  /** What was written. The bytes are never written again. */
  take(): Stretch {
    return { bytes: this.bytes, start: 0, end: this.at };
  }

  private name(name: Name): void {
    const sought = lower(name);
    let at = 0;
    for (; name.charCodeAt(at) !== 0; at += 1 + name.charCodeAt(at)) {
      const rest = sought.slice(at);
      const known = this.names.get(rest);
      if (known !== undefined) {
        this.pointers.push(this.at);
        this.u16(POINTER | known);
        return;
      }
      const here = this.base + this.at;
      if (here < FURTHEST) this.names.set(rest, here);
      this.raw(name, at, at + 1 + name.charCodeAt(at));
    }
    this.raw(name, at, at + 1);
  }

  private u16(value: number): void {
    this.room(2);
    this.bytes[this.at++] = value >>> 8;
    this.bytes[this.at++] = value;
  }

  private raw(bytes: Bytes, start: number, end: number): void {
    this.room(end - start);
    for (let from = start; from < end; from++) this.bytes[this.at++] = bytes.charCodeAt(from);
  }

  private room(more: number): void {
    if (this.at + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.at + more));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}

/**
 * The same records behind a question whose name is `by` bytes longer. All that stands behind its first difference moves by as much,
 * so every pointer does, but for those to the whole name asked.
 */
export function moved({ bytes: records, start, end, pointers }: Movable, by: number): Stretch {
  const bytes = Buffer.from(records.subarray(start, end));
  for (const at of pointers) {
    const pointer = u16At(bytes, at) + by;
    bytes[at] = pointer >>> 8;
    bytes[at + 1] = pointer;
  }
  return stretchOf(bytes);
}

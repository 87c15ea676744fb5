// What each type of record holds: its RDATA as words of a master file, and as bytes of a message.

import { type Bytes, nameEnd } from './name.ts';
import { shown, u8, u16, u32, type Words } from './words.ts';

/** Types by number (RFC 1035 §3.2.2 and the IANA registry "Resource Record (RR) TYPEs"). */
export const A = 1;
export const NS = 2;
export const CNAME = 5;
export const SOA = 6;
export const HINFO = 13;
export const PTR = 12;
export const MX = 15;
export const TXT = 16;
export const AAAA = 28;
export const SRV = 33;
export const DNAME = 39;
export const OPT = 41;
export const DS = 43;
export const CAA = 257;
/** Asks for whatever there is: `*` in RFC 1035 §3.2.3, ANY everywhere else. */
export const ANY = 255;

/** RDATA of a fixed build: `before` bytes, then `names` domain names, then `after` bytes. */
export interface Layout {
  before: number;
  names: number;
  after: number;
  /** Names in it may be compressed: only in the types that every reader knows since RFC 1035 (RFC 3597 §4). */
  compressed: boolean;
}

const LAYOUTS: ReadonlyMap<number, Layout> = new Map([
  [A, { before: 4, names: 0, after: 0, compressed: false }],
  [AAAA, { before: 16, names: 0, after: 0, compressed: false }],
  [NS, { before: 0, names: 1, after: 0, compressed: true }],
  [CNAME, { before: 0, names: 1, after: 0, compressed: true }],
  [PTR, { before: 0, names: 1, after: 0, compressed: true }],
  [MX, { before: 2, names: 1, after: 0, compressed: true }],
  [SRV, { before: 6, names: 1, after: 0, compressed: false }],
  [SOA, { before: 0, names: 2, after: 20, compressed: true }],
]);

export function layoutOf(type: number): Layout | undefined {
  return LAYOUTS.get(type);
}

/** The types that a master file may name in words, and how their words are read. */
const TYPES: ReadonlyMap<string, { type: number; read: (words: Words) => Bytes }> = new Map([
  ['A', { type: A, read: ipv4 }],
  ['AAAA', { type: AAAA, read: ipv6 }],
  ['NS', { type: NS, read: (words: Words) => words.domain('name server') }],
  ['CNAME', { type: CNAME, read: (words: Words) => words.domain('canonical name') }],
  ['PTR', { type: PTR, read: (words: Words) => words.domain('name') }],
  ['MX', { type: MX, read: (words: Words) => u16(words.number('preference', 65_535)) + words.domain('mail exchange') }],
  ['TXT', { type: TXT, read: txt }],
  ['SRV', { type: SRV, read: srv }],
  ['SOA', { type: SOA, read: soa }],
  ['CAA', { type: CAA, read: caa }],
]);

/** Reads the type and everything behind it. `\#` and a length stand before RDATA in hexadecimal, of any type (RFC 3597 §5). */
export function readTyped(words: Words): { type: number; rdata: Bytes } {
  const word = words.take('type');
  const number = numbered(word);
  const known =
    TYPES.get(word) ?? TYPES.get(word.toUpperCase()) ?? [...TYPES.values()].find(({ type }) => type === number);
  const type = known?.type ?? number;
  if (type === undefined) {
    return words.wrong(`type ${shown(word)} is not known here: ${[...TYPES.keys()].join(' ')}, or TYPE and its number`);
  }
  if (type === 0 || type === OPT || (type >= 128 && type <= 255))
    words.wrong(`type ${shown(word)} is for questions and messages, no zone can hold it (RFC 6895 §3.1)`);
  if (type === DNAME) words.wrong('DNAME would change what the names below it mean, which this server does not do');
  const rdata = words.peek() === '\\#' ? generic(words, type) : known?.read(words);
  if (rdata === undefined)
    return words.wrong(`${shown(word)} needs RDATA in hexadecimal: \\# LENGTH DIGITS (RFC 3597 §5)`);
  words.finish();
  if (rdata.length > 65_535) words.wrong(`RDATA of ${rdata.length} bytes: 65535 is the most (RFC 1035 §3.2.1)`);
  return { type, rdata };
}

/** Whether the bytes are RDATA of this type. Of a type that is not known here, any bytes are. */
export function wellFormed(type: number, rdata: Bytes): boolean {
  if (type === TXT) return rdata.length > 0 && stringsEnd(rdata);
  if (type === CAA) {
    const tag = rdata.charCodeAt(1);
    return rdata.length >= 2 + tag && /^[a-z0-9]+$/i.test(rdata.slice(2, 2 + tag));
  }
  const layout = LAYOUTS.get(type);
  if (!layout) return true;
  let at = layout.before;
  for (let name = 0; name < layout.names; name++) {
    const end = nameEnd(rdata, at);
    if (end === undefined) return false;
    at = end;
  }
  return at + layout.after === rdata.length;
}

function stringsEnd(rdata: Bytes): boolean {
  let at = 0;
  while (at < rdata.length) at += 1 + rdata.charCodeAt(at);
  return at === rdata.length;
}

function numbered(word: string): number | undefined {
  if (!/^TYPE\d{1,5}$/i.test(word)) return undefined;
  const type = Number(word.slice(4));
  return type <= 65_535 ? type : undefined;
}

function generic(words: Words, type: number): Bytes {
  words.take('');
  const rdata = words.hex(words.number('length', 65_535));
  if (!wellFormed(type, rdata)) words.wrong('these bytes are no RDATA of this type');
  return rdata;
}

function ipv4(words: Words): Bytes {
  const word = words.take('address');
  const parts = word.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    words.wrong(`${shown(word)} is no IPv4 address`);
  return String.fromCharCode(...parts.map(Number));
}

/** RFC 4291 §2.2: eight groups, `::` once for a run of zeros, the last two perhaps as an IPv4 address. */
function ipv6(words: Words): Bytes {
  const word = words.take('address');
  const wrong = () => words.wrong(`${shown(word)} is no IPv6 address`);
  const [, tail] = /^.*:(\d+\.\d+\.\d+\.\d+)$/.exec(word) ?? [];
  let groups = word;
  if (tail !== undefined) {
    const bytes = tail.split('.').map(Number);
    if (!tail.split('.').every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) wrong();
    const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
    groups = `${word.slice(0, -tail.length)}${((first << 8) | second).toString(16)}:${((third << 8) | fourth).toString(16)}`;
  }
  const halves = groups.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const [before = [], after = []] = halves;
  const missing = 8 - before.length - after.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0)) wrong();
  const all = [...before, ...new Array<string>(missing).fill('0'), ...after];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) wrong();
  return String.fromCharCode(
    ...all.flatMap((group) => [Number.parseInt(group, 16) >>> 8, Number.parseInt(group, 16) & 255]),
  );
}

function txt(words: Words): Bytes {
  let rdata = words.counted('text');
  while (words.more) rdata += words.counted('text');
  return rdata;
}

function srv(words: Words): Bytes {
  const [priority, weight, port] = ['priority', 'weight', 'port'].map((what) => u16(words.number(what, 65_535)));
  return `${priority}${weight}${port}${words.domain('target')}`;
}

function soa(words: Words): Bytes {
  const primary = words.domain('primary name server');
  const mailbox = words.take('mailbox');
  if (/^[^\\]+@/.test(mailbox))
    words.wrong(`${shown(mailbox)} is no mailbox: it has a dot where the address has its @ (RFC 1035 §8)`);
  const serial = u32(words.number('serial', 2 ** 32 - 1));
  const times = ['refresh', 'retry', 'expire', 'minimum'].map((what) => u32(words.time(what)));
  return `${primary}${words.nameOf(mailbox)}${serial}${times.join('')}`;
}

/** RFC 8659 §4.1: flags, a tag of letters and digits, a value of any length. */
function caa(words: Words): Bytes {
  const flags = u8(words.number('flags', 255));
  const tag = words.counted('tag');
  if (!/^[a-z0-9]+$/i.test(tag.slice(1)))
    words.wrong(`${shown(tag.slice(1))} is no tag: letters and digits, as in issue`);
  return flags + tag + words.string('value');
}

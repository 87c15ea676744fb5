// Where an HTTP message ends, and whether its lines can be understood in one way only: RFC 9112, sections 2 to 7.

import { byteAt, WireError } from '../fields.ts';
import type { Header, Version } from '../http.ts';
import type { Side } from '../wire.ts';

/** The most that is taken, in bytes: start line and header lines together, and the body with the framing of its chunks. */
export interface Limits {
  head: number;
  body: number;
}

export const LIMITS: Limits = { head: 8_192, body: 16_384 };

/** Start line and header lines of a message. */
export interface Head {
  method: string;
  target: string;
  version: Version;
  /** 0 of a request. */
  status: number;
  reason: string;
  headers: Header[];
  /** The header lines as they stand, without their ends. */
  lines: string[];
  /** Up to and including the empty line, in bytes. */
  length: number;
}

/** `1#tchar` of RFC 9110 §5.6.2: what methods and names of headers are made of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible characters, spaces, tabs, and what is not ASCII: RFC 9110 §5.5. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Visible characters: the target of a request has no space in it. */
const TARGET = /^[\x21-\x7e]+$/;
const STATUS_LINE = /^HTTP\/(\d\.\d) (\d{3}) (.*)$/s;
const EMPTY_LINE = '\r\n\r\n';

/** Reads the head that begins at `start`; undefined while it is not all here. */
export function headOf(bytes: Buffer, start: number, from: Side, limits: Limits): Head | undefined {
  const end = bytes.indexOf(EMPTY_LINE, start, 'latin1');
  const here = (end === -1 ? bytes.length : end + EMPTY_LINE.length) - start;
  if (here > limits.head)
    throw wrong(bytes, start, `more than ${limits.head} bytes of header lines`, limits.head, 'RFC 6585 §5');
  if (end === -1) {
    hopeful(bytes, start);
    return undefined;
  }
  const lines = bytes.toString('latin1', start, end).split('\r\n');
  const [first = '', ...rest] = lines;
  const head: Head = { ...startLine(bytes, start, first, from), headers: [], lines: rest, length: here };
  let at = first.length + 2;
  for (const line of rest) {
    head.headers.push(headerIn(line, (why, offset, cite) => wrong(bytes, start, why, at + offset, cite)));
    at += line.length + 2;
  }
  if (from === 'client') oneHost(bytes, start, head);
  return head;
}

/** Throws when what is here of a head can never become one. */
function hopeful(bytes: Buffer, start: number): void {
  for (let at = start; at < bytes.length; at++) {
    const byte = byteAt(bytes, at);
    if (byte === 0) throw wrong(bytes, start, 'a NUL in a head', at - start, 'RFC 9110 §5.5');
    if (byte === 0x0a && (at === start || byteAt(bytes, at - 1) !== 0x0d))
      throw wrong(bytes, start, 'a line ends in LF alone', at - start, 'RFC 9112 §2.2');
    if (byte === 0x0d && at + 1 < bytes.length && byteAt(bytes, at + 1) !== 0x0a)
      throw wrong(bytes, start, 'a CR that ends no line', at - start, 'RFC 9112 §2.2');
    if (at === start && (byte <= 0x20 || byte >= 0x7f))
      throw wrong(bytes, start, 'no message begins like this', 0, 'RFC 9112 §2.1');
  }
}

function startLine(bytes: Buffer, start: number, line: string, from: Side) {
  if (from === 'server') {
    const [, version, status, reason = ''] = STATUS_LINE.exec(line) ?? [];
    if (version === undefined || !VALUE.test(reason) || Number(status) < 100 || Number(status) > 599)
      throw wrong(bytes, start, 'this is no status line', 0, 'RFC 9112 §4');
    return { method: '', target: '', version: versionOf(bytes, start, version, 5), status: Number(status), reason };
  }
  const [method = '', target = '', protocol = '', more] = line.split(' ');
  if (!TOKEN.test(method)) throw wrong(bytes, start, 'this is no method', 0, 'RFC 9112 §3.1');
  if (!TARGET.test(target) || more !== undefined)
    throw wrong(bytes, start, 'a request line is a method, a target and a version', method.length + 1, 'RFC 9112 §3');
  const at = method.length + target.length + 2;
  if (!protocol.startsWith('HTTP/')) throw wrong(bytes, start, 'this is not HTTP', at, 'RFC 9112 §2.3');
  return { method, target, version: versionOf(bytes, start, protocol.slice(5), at + 5), status: 0, reason: '' };
}

function versionOf(bytes: Buffer, start: number, version: string, at: number): Version {
  if (version === '1.1' || version === '1.0') return version;
  throw wrong(bytes, start, 'this version is not spoken here', at, 'RFC 9112 §2.3');
}

/** One header line, or trailer line. `refuse` makes the error for an offset in the line. */
export function headerIn(line: string, refuse: (why: string, at: number, cite: string) => WireError): Header {
  if (line.startsWith(' ') || line.startsWith('\t'))
    throw refuse('a line that goes on where the last one ended', 0, 'RFC 9112 §5.2');
  const colon = line.indexOf(':');
  const name = colon === -1 ? line : line.slice(0, colon);
  if (/[ \t]$/.test(name) && colon !== -1) throw refuse('a space before the colon', name.length - 1, 'RFC 9112 §5.1');
  if (colon === -1 || !TOKEN.test(name)) throw refuse('this is no header line', 0, 'RFC 9112 §5');
  const value = line.slice(colon + 1);
  if (!VALUE.test(value)) throw refuse('a control character in a header', colon + 1, 'RFC 9110 §5.5');
  return [name, trimmed(value)];
}

/** Without the spaces and tabs around it: `trim` would take other characters for space as well. */
function trimmed(value: string): string {
  let [from, to] = [0, value.length];
  while (from < to && (value[from] === ' ' || value[from] === '\t')) from++;
  while (to > from && (value[to - 1] === ' ' || value[to - 1] === '\t')) to--;
  return value.slice(from, to);
}

function oneHost(bytes: Buffer, start: number, { headers, version }: Head): void {
  const hosts = headers.filter(([name]) => name.toLowerCase() === 'host').length;
  if (hosts > 1 || (hosts === 0 && version === '1.1'))
    throw wrong(bytes, start, `${hosts} Host headers instead of one`, 0, 'RFC 9112 §3.2');
}

/** The length of the whole message, head included; undefined while the chunks do not tell yet. */
export function lengthIn(
  head: Head,
  bytes: Buffer,
  start: number,
  limits: Limits,
  isForHead: boolean,
): number | undefined {
  const lengths = valuesOf(head, 'content-length');
  const encodings = valuesOf(head, 'transfer-encoding');
  const refuse = (why: string, cite: string) => wrong(bytes, start, why, 0, cite);
  if (encodings.length > 0) {
    if (lengths.length > 0)
      throw refuse('Content-Length and Transfer-Encoding say two things about one end', 'RFC 9112 §6.3');
    if (head.version === '1.0') throw refuse('HTTP/1.0 knows no Transfer-Encoding', 'RFC 9112 §6.1');
    if (encodings.length > 1 || encodings[0]?.toLowerCase() !== 'chunked')
      throw refuse('a Transfer-Encoding other than chunked', 'RFC 9112 §6.1');
  }
  if (lengths.length > 1) throw refuse('two Content-Length headers', 'RFC 9112 §6.3');
  const [length] = lengths;
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    throw refuse('this Content-Length is no number', 'RFC 9112 §6.3');
  if (isForHead || hasNone(head.status)) return head.length;
  if (encodings.length > 0) {
    const ends = walkChunks(bytes, start, start + head.length, limits);
    return ends === undefined ? undefined : ends - start;
  }
  if (length === undefined) {
    if (head.status === 0) return head.length;
    throw refuse('an answer that ends with its connection is not read here', 'RFC 9112 §6.3');
  }
  if (Number(length) > limits.body) throw refuse(`a body of ${length} bytes`, 'RFC 9110 §15.5.14');
  return head.length + Number(length);
}

/** Statuses whose answers never have a body, whatever their headers say: RFC 9112 §6.3. */
function hasNone(status: number): boolean {
  return (status >= 100 && status < 200) || status === 204 || status === 304;
}

function valuesOf({ headers }: Head, name: string): string[] {
  return headers.flatMap(([each, value]) => (each.toLowerCase() === name ? [value] : []));
}

/** What stands between the head and the end of a message in chunks, in order. Offsets in `bytes`. */
export interface Chunk {
  /** Of its size line. */
  start: number;
  sizeEnd: number;
  /** Where its data begins, behind extensions and the end of the line. */
  data: number;
  size: number;
}

/** Walks over the chunks that begin at `at`; returns where the message ends, or undefined while that is not here. */
export function walkChunks(
  bytes: Buffer,
  start: number,
  at: number,
  limits: Limits,
  each?: (chunk: Chunk) => void,
  trailer?: (line: string, at: number) => void,
): number | undefined {
  const first = at;
  for (;;) {
    const end = lineEnd(bytes, start, first, at, limits);
    if (end === undefined) return undefined;
    const line = bytes.toString('latin1', at, end);
    const [, digits = ''] = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;.*)?$/.exec(line) ?? [];
    if (digits === '' || !VALUE.test(line))
      throw wrong(bytes, start, 'this is no size of a chunk', at - start, 'RFC 9112 §7.1');
    const size = Number.parseInt(digits, 16);
    const data = end + 2;
    each?.({ start: at, sizeEnd: at + digits.length, data, size });
    if (data - first + size > limits.body)
      throw wrong(bytes, start, `more than ${limits.body} bytes in chunks`, at - start, 'RFC 9110 §15.5.14');
    at = data + size;
    if (size === 0) break;
    if (at + 2 > bytes.length) return undefined;
    if (byteAt(bytes, at) !== 0x0d || byteAt(bytes, at + 1) !== 0x0a)
      throw wrong(bytes, start, 'a chunk that does not end where it said', at - start, 'RFC 9112 §7.1');
    at += 2;
  }
  for (;;) {
    const end = lineEnd(bytes, start, first, at, limits);
    if (end === undefined) return undefined;
    if (end === at) return end + 2;
    const line = bytes.toString('latin1', at, end);
    headerIn(line, (why, offset, cite) => wrong(bytes, start, why, at + offset - start, cite));
    trailer?.(line, at);
    at = end + 2;
  }
}

/** Where the line ends that begins at `at`; undefined while that is not here. */
function lineEnd(bytes: Buffer, start: number, first: number, at: number, limits: Limits): number | undefined {
  const end = bytes.indexOf('\r\n', at, 'latin1');
  const stop = end === -1 ? bytes.length : end;
  if (stop - first > limits.body)
    throw wrong(bytes, start, `more than ${limits.body} bytes in chunks`, at - start, 'RFC 9110 §15.5.14');
  for (let next = at; next < stop; next++) {
    const byte = byteAt(bytes, next);
    if (byte === 0x0a || (byte === 0x0d && next + 1 < bytes.length))
      throw wrong(bytes, start, 'a CR or LF that ends no line', next - start, 'RFC 9112 §2.2');
  }
  return end === -1 ? undefined : end;
}

/** What marks a line that may hold a secret: bytes that could not be read cannot be told apart from it. */
const SECRETS = /cookie|authorization|password/i;

/** The error for bytes of the message at `start`, `at` bytes into it. */
function wrong(bytes: Buffer, start: number, why: string, at: number, cite: string): WireError {
  return new WireError(
    why,
    at,
    cite,
    SECRETS.test(bytes.toString('latin1', start, Math.min(bytes.length, start + 32_768))),
  );
}

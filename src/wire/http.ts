// HTTP/1.1 as bytes with names, for every protocol here that speaks it. RFC 9112 says where a message ends, RFC 9110 what its
// fields mean, RFC 6265 what a cookie is.
//
// A message is a start line, header lines, an empty line, and a body whose length those lines tell:
//
//     POST /orders HTTP/1.1\r\n                  method, target, version
//     Host: 127.0.0.1:8080\r\n                   one header line each: name, colon, value
//     Content-Length: 12\r\n
//     \r\n
//     {"item":"x"}                               12 bytes, since the header said so
//
// Whatever can be understood in two ways is refused: where two readers see two ends, one request can be hidden in another.

import type { Writer } from './fields.ts';
import { type Head, headOf, LIMITS, type Limits, lengthIn } from './http/head.ts';
import { readHttp } from './http/reading.ts';
import { inOriginForm } from './http/target.ts';
import { printable } from './printable.ts';
import type { Seen, Side } from './wire.ts';

export { inOriginForm, LIMITS, type Limits, readHttp };

/** One header line, as sent. The order of the lines is kept; names are compared without regard to case. */
export type Header = readonly [name: string, value: string];

export type Version = '1.0' | '1.1';

interface Sent {
  version: Version;
  headers: readonly Header[];
  /** Without the framing of its chunks. Empty where there is none. */
  body: Buffer;
  /** How the body was cut, in bytes, where it came in chunks; all of it in one chunk unless given. */
  chunks?: readonly number[];
  /** Header lines that came after the last chunk. */
  trailers?: readonly Header[];
}

export interface Request extends Sent {
  type: 'request';
  method: string;
  target: string;
}

export interface Response extends Sent {
  type: 'response';
  status: number;
  reason: string;
}

export type HttpMessage = Request | Response;

/** Requests that wait for their answers are noted in {@link Seen} under this name, one letter each. */
const ASKED = 'http asked';
const HEAD = 'H';
const OTHER = '-';
/** Unanswered requests of one connection that are kept in mind. */
const PIPELINED = 256;

/**
 * The length of the message that begins at `start`; undefined while it is not all here. Throws a {@link WireError} with the clause
 * as soon as the bytes can never become a message, or one that is too long.
 *
 * Whether an answer has a body depends on what was asked (RFC 9112 §6.3), so who frames both directions of a connection gives the
 * same `seen` for both: each whole request is noted there, and crossed out by its answer.
 */
export function frameHttp(
  bytes: Buffer,
  start: number,
  from: Side,
  seen?: Seen,
  limits: Limits = LIMITS,
): number | undefined {
  const head = headOf(bytes, start, from, limits);
  if (!head) return undefined;
  const asked = seen?.get(ASKED) ?? '';
  const length = lengthIn(head, bytes, start, limits, from === 'server' && asked.startsWith(HEAD));
  if (length === undefined || start + length > bytes.length) return length;
  if (seen) note(seen, asked, head, from);
  return length;
}

function note(seen: Seen, asked: string, head: Head, from: Side): void {
  if (from === 'client') seen.set(ASKED, (asked + (head.method === 'HEAD' ? HEAD : OTHER)).slice(-PIPELINED));
  // What is said on the way to an answer, such as 100 Continue, answers nothing yet (RFC 9110 §15.2).
  else if (head.status >= 200 || head.status === 101) seen.set(ASKED, asked.slice(1));
}

/** Characters that would end a line, and so begin another one that nobody meant. */
const LINE_ENDS = /[\r\n\0]/;

/**
 * Writes a message exactly as it stands: no header is added. Throws where it could not be read back, which is a fault of ours:
 * a body that no header announces, or a line with the end of a line inside.
 */
export function writeHttp(writer: Writer, message: HttpMessage): void {
  const { version, headers, body } = message;
  let head =
    message.type === 'request'
      ? `${message.method} ${message.target} HTTP/${version}`
      : `HTTP/${version} ${message.status} ${message.reason}`;
  if (LINE_ENDS.test(head)) throw new Error(`a start line cannot hold the end of a line: ${printable(head)}`);
  head += '\r\n';
  let chunked = false;
  let announced = false;
  for (const header of headers) {
    head += lineOf(header);
    const name = header[0].toLowerCase();
    if (name === 'transfer-encoding') chunked = true;
    if (name === 'content-length') announced = true;
  }
  if (body.length > 0 && !chunked && !announced) throw new Error('a body needs a Content-Length: give it one');
  writer.raw(Buffer.from(`${head}\r\n`, 'latin1'));
  if (chunked) writeChunks(writer, message);
  else writer.raw(body);
}

function writeChunks(writer: Writer, { body, chunks, trailers = [] }: HttpMessage): void {
  let at = 0;
  for (const size of chunks ?? (body.length > 0 ? [body.length] : [])) {
    writer.raw(Buffer.from(`${size.toString(16)}\r\n`, 'latin1'));
    writer.raw(body, at, at + size);
    writer.raw(Buffer.from('\r\n', 'latin1'));
    at += size;
  }
  if (at !== body.length) throw new Error(`the chunks have ${at} bytes and the body ${body.length}`);
  writer.raw(Buffer.from(`0\r\n${trailers.map(lineOf).join('')}\r\n`, 'latin1'));
}

function lineOf([name, value]: Header): string {
  const line = `${name}: ${value}`;
  if (LINE_ENDS.test(line)) throw new Error(`a header line cannot hold the end of a line: ${printable(line)}`);
  return `${line}\r\n`;
}

/** What a message is called: a request by its method, an answer by its status. */
export function kindOfHttp(message: HttpMessage): string {
  return message.type === 'request' ? message.method : String(message.status);
}

/** The rest of it in a few words: what is asked for, or what the status means. */
export function saysHttp(message: HttpMessage): string {
  return message.type === 'request' ? shortTarget(message.target) : printable(message.reason, 40);
}

/** From this length on, a value in a query is a name that somebody rolled, and not a word. */
export const ROLLED = 16;

/** A target without the names in it that were rolled by dice. */
export function shortTarget(target: string): string {
  const [path = '', query] = halves(target, '?');
  if (query === undefined) return printable(path, 60);
  const shown = query.split('&').map((pair) => {
    const [name, value] = halves(pair, '=');
    return value === undefined || value.length < ROLLED ? pair : `${name}=…`;
  });
  return printable(`${path}?${shown.join('&')}`, 60);
}

/** What stands before the first `at` and what stands behind it, if there is one. */
export function halves(text: string, at: string): [string, string | undefined] {
  const found = text.indexOf(at);
  return found === -1 ? [text, undefined] : [text.slice(0, found), text.slice(found + at.length)];
}

/** The value of the first header of this name, in whatever case. `name` in small letters. */
export function headerOf({ headers }: { readonly headers: readonly Header[] }, name: string): string | undefined {
  for (const [each, value] of headers) if (each.length === name.length && each.toLowerCase() === name) return value;
  return undefined;
}

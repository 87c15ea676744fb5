// What each byte of an HTTP message is called. Only who explains a message walks over it by name; others take the head as read.

import type { Reader, Spec } from '../fields.ts';
import { type Header, type HttpMessage, halves, ROLLED } from '../http.ts';
import { printable, quoted } from '../printable.ts';
import type { Seen, Side } from '../wire.ts';
import { nameCookies, nameSetCookie } from './cookies.ts';
import { glossOf, METHODS, STATUSES } from './glosses.ts';
import { type Chunk, type Head, headOf, lengthIn, walkChunks } from './head.ts';

/** Names the next `length` bytes. Ids that come again get a number; nothing is named where nothing stands. */
export type Name = (id: string, label: string, length: number, more?: Partial<Spec<Buffer>>) => void;

/** Reads one whole message, from its first byte to its last. */
export function readHttp(reader: Reader, from: Side, _seen: Seen): HttpMessage {
  const { bytes, at: start } = reader;
  const limits = { head: reader.left, body: reader.left };
  const head = headOf(bytes, start, from, limits);
  if (!head) return reader.wrong('a head without its end', 'RFC 9112 §2.1', reader.left);
  // An answer to HEAD announces a body that does not come.
  const isForHead = from === 'server' && head.length === reader.left;
  const length = lengthIn(head, bytes, start, limits, isForHead);
  if (length === undefined || length > reader.left)
    return reader.wrong('a body without its end', 'RFC 9112 §8', reader.left);
  const name = reader.fields ? namer(reader) : undefined;
  if (name) nameHead(name, head, from);
  else reader.at += head.length;

  const { version, headers } = head;
  const sent = { version, headers, ...bodyOf(reader, name, head, length) };
  return from === 'client'
    ? { type: 'request', method: head.method, target: head.target, ...sent }
    : { type: 'response', status: head.status, reason: head.reason, ...sent };
}

/** Whether an id has been used, and how often. */
function namer(reader: Reader): Name {
  const used = new Map<string, number>();
  return (id, label, length, more = {}) => {
    if (length === 0) return;
    const times = (used.get(id) ?? 0) + 1;
    used.set(id, times);
    const show = (value: Buffer) => printable(value.toString('latin1'), 120);
    reader.raw({ id: times === 1 ? id : `${id}#${times}`, label, show, ...more }, length);
  };
}

function nameHead(name: Name, head: Head, from: Side): void {
  if (from === 'client') {
    name('method', 'Method', head.method.length, { gloss: () => METHODS.get(head.method) });
    name('method.space', 'Space', 1);
    nameTarget(name, head.target);
    name('target.space', 'Space', 1);
    name('version', 'Version', 8);
  } else {
    name('version', 'Version', 8);
    name('version.space', 'Space', 1);
    name('status', 'Status', 3, { gloss: () => STATUSES.get(head.status) });
    name('status.space', 'Space', 1);
    name('reason', 'Reason', head.reason.length, { gloss: () => 'for people; no program may lean on it' });
  }
  name('start.end', 'End of line', 2);
  head.headers.forEach((header, index) => {
    nameHeader(name, header, head.lines[index] ?? '');
  });
  name('head.end', 'Empty line', 2, { gloss: () => 'the head ends here' });
}

function nameTarget(name: Name, target: string): void {
  const [path, query] = halves(target, '?');
  name('target', 'Target', path.length);
  if (query === undefined) return;
  name('query', 'Begin of query', 1);
  query.split('&').forEach((pair, index) => {
    if (index > 0) name('query.and', 'And', 1);
    const [key, value] = halves(pair, '=');
    const id = printable(key, 24);
    name(`query.${id}.name`, 'Query name', key.length + (value === undefined ? 0 : 1));
    if (value !== undefined)
      name(`query.${id}`, `Query ${id}`, value.length, value.length >= ROLLED ? { chance: true } : {});
  });
}

/** Headers whose values are rolled by dice, on one side or the other. */
const ROLLED_HEADERS = new Set(['idempotency-key', 'sec-websocket-key', 'sec-websocket-accept', 'etag']);

function nameHeader(name: Name, [label, value]: Header, line: string): void {
  const id = label.toLowerCase();
  const begin = line.indexOf(value, label.length + 1);
  const start = value === '' ? line.length : begin;
  name(`${id}.name`, 'Header', start, { show: () => label });
  switch (id) {
    case 'cookie':
      nameCookies(name, value);
      break;
    case 'set-cookie':
      nameSetCookie(name, value);
      break;
    case 'authorization':
    case 'proxy-authorization':
      nameCredentials(name, id, label, value);
      break;
    case 'host':
      nameHost(name, value);
      break;
    default:
      name(id, label, value.length, {
        gloss: () => glossOf(id, value),
        ...(ROLLED_HEADERS.has(id) ? { chance: true } : {}),
      });
  }
  name(`${id}.space`, 'Space', line.length - start - value.length);
  name(`${id}.end`, 'End of line', 2);
}

function nameCredentials(name: Name, id: string, label: string, value: string): void {
  const [scheme, credentials] = halves(value, ' ');
  if (credentials === undefined) return name(id, label, value.length, { secret: true });
  name(`${id}.scheme`, 'Scheme', scheme.length + 1);
  name(id, label, credentials.length, { secret: true, chance: true, gloss: () => glossOf(id, value) });
}

/** Ports are rolled by the system wherever nobody names one. */
function nameHost(name: Name, value: string): void {
  const [, host = value, port] = /^(.*):(\d+)$/.exec(value) ?? [];
  name('host', 'Host', host.length, { gloss: () => glossOf('host', value) });
  if (port === undefined) return;
  name('host.colon', 'Colon', 1);
  name('port', 'Port', port.length, { chance: true });
}

/** Passwords in a JSON object or a form, and names in JSON that are as long as what nobody can guess. */
const PASSWORD = /("password"\s*:\s*")((?:[^"\\]|\\.)*)|((?:^|&)password=)([^&]*)|(")([A-Za-z0-9_.-]{22,})(?=")/dg;

/** The body, and how it was cut. The bytes are a view on the message: keep them no longer than it. */
function bodyOf(reader: Reader, name: Name | undefined, head: Head, length: number) {
  const { bytes } = reader;
  const start = reader.at - head.length;
  const left = length - head.length;
  if (left === 0 || !isChunked(head)) {
    const body = bytes.subarray(reader.at, reader.at + left);
    if (name) nameBody(name, body);
    else reader.at += left;
    return { body };
  }
  const parts: Chunk[] = [];
  const trailers: Header[] = [];
  const lines: string[] = [];
  walkChunks(
    bytes,
    start,
    reader.at,
    { head: 0, body: left },
    (chunk) => parts.push(chunk),
    (line) => {
      lines.push(line);
      const [label, value = ''] = halves(line, ':');
      trailers.push([label, value.trim()]);
    },
  );
  const full = parts.filter(({ size }) => size > 0);
  const body = Buffer.concat(full.map(({ data, size }) => bytes.subarray(data, data + size)));
  if (name) nameChunks(name, parts, /password/i.test(body.toString('latin1')), trailers, lines);
  else reader.at = start + length;
  return { body, chunks: full.map(({ size }) => size), ...(trailers.length > 0 ? { trailers } : {}) };
}

function isChunked({ headers }: Head): boolean {
  return headers.some(([name]) => name.toLowerCase() === 'transfer-encoding');
}

function nameBody(name: Name, body: Buffer): void {
  const show = (part: Buffer) => quoted(part, 200);
  let at = 0;
  for (const found of body.toString('latin1').matchAll(PASSWORD)) {
    const which = found[2] !== undefined ? 2 : found[4] !== undefined ? 4 : 6;
    const [start = 0, end = 0] = found.indices?.[which] ?? [];
    name('body', 'Body', start - at, { show });
    if (which === 6) name('body.name', 'Rolled name', end - start, { chance: true });
    else name('password', 'Password', end - start, { secret: true });
    at = end;
  }
  name('body', 'Body', body.length - at, { show });
}

/** A password may be cut in two by the chunks, so all of such a body is one. */
function nameChunks(
  name: Name,
  parts: readonly Chunk[],
  isSecret: boolean,
  trailers: readonly Header[],
  lines: readonly string[],
): void {
  for (const { start, sizeEnd, data, size } of parts) {
    name('chunk.size', 'Chunk size', sizeEnd - start, {
      gloss: () => (size === 0 ? 'no more chunks' : `${size} bytes follow, in hexadecimal`),
    });
    name('chunk.extension', 'Chunk extension', data - 2 - sizeEnd);
    name('chunk.begin', 'End of line', 2);
    if (size === 0) break;
    name('chunk', 'Chunk', size, { show: (part) => quoted(part, 200), ...(isSecret ? { secret: true as const } : {}) });
    name('chunk.end', 'End of line', 2);
  }
  trailers.forEach((trailer, index) => {
    nameHeader((id, ...rest) => name(`trailer.${id}`, ...rest), trailer, lines[index] ?? '');
  });
  name('chunks.end', 'Empty line', 2, { gloss: () => 'the message ends here' });
}

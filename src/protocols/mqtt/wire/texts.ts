// How are texts, topics, filters and numbers read that have no fixed length? UTF-8 and wildcards are judged here (MQTT 5 §1.5, §4.7).

import { byteAt, type Reader, type Spec, u16At } from '../../../wire/fields.ts';
import type { Seen } from '../../../wire/wire.ts';
import type { Version } from '../wire.ts';
import { CODE } from './codes.ts';
import { clause, refuse } from './refusing.ts';
import { FILTER, FILTER_LENGTH, HASH, own, PLUS, SLASH, TOPIC, TOPIC_LENGTH } from './specs.ts';

export const EMPTY = Buffer.alloc(0);

export const SHARE = '$share/';

/** A variable byte integer, in as few bytes as it takes (MQTT-1.5.5-1). */
export function readVariable(reader: Reader, spec: Spec<Buffer>): number {
  const { bytes, at: start } = reader;
  let value = 0;
  for (let at = start, shift = 0; ; at++, shift += 7) {
    if (shift > 21) refuse(`${spec.label} has more than four bytes`, at - 1, 'MQTT 5 §1.5.5');
    if (at >= reader.end) refuse(`${spec.label} does not end`, at, 'MQTT 5 §1.5.5');
    const byte = byteAt(bytes, at);
    value += (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (byte === 0 && at > start) refuse(`${spec.label} has more bytes than it needs`, at, 'MQTT-1.5.5-1');
    if (reader.fields) reader.raw(spec, at + 1 - start);
    else reader.at = at + 1;
    return value;
  }
}

/** Bytes behind a length of two; a view on what is read. */
export function readBinary(reader: Reader, length: Spec<number>, spec: Spec<Buffer>): Buffer {
  const size = announced(reader, length, spec);
  return size > 0 ? reader.raw(spec, size) : EMPTY;
}

/** Two bytes of length, and whether as many bytes are there. */
function announced(reader: Reader, length: Spec<number>, spec: Spec<Buffer>): number {
  const size = reader.u16(length);
  if (size > reader.left)
    refuse(`${spec.label} has ${size} bytes and ${reader.left} are left`, reader.at - 2, 'MQTT 5 §4.13');
  return size;
}

/** Marks of bytes in a text: of the whole alphabet, these decide whether a text may stand where it stands. */
const WIDE = 1;
const NUL = 2;
const WILDCARD = 4;

/** The marks of all bytes together. */
function marksOf(bytes: Buffer, start: number, end: number): number {
  let marks = 0;
  for (let at = start; at < end; at++) {
    const byte = byteAt(bytes, at);
    if (byte > 0x7f) marks |= WIDE;
    else if (byte === PLUS || byte === HASH) marks |= WILDCARD;
    else if (byte === 0) marks |= NUL;
  }
  return marks;
}

/** UTF-8 as it should be (MQTT 5 §1.5.4). Text that is ASCII, as nearly all of it is, needs no decoding. */
export function readText(reader: Reader, version: Version, length: Spec<number>, spec: Spec<Buffer>): string {
  const size = announced(reader, length, spec);
  return size > 0 ? textOf(reader, version, spec, size, marksOf(reader.bytes, reader.at, reader.at + size)) : '';
}

/** The name of one topic. Whether it may be empty, only who reads the rest can tell. */
export function readTopic(reader: Reader, version: Version, length: Spec<number>, spec: Spec<Buffer>): string {
  const size = announced(reader, length, spec);
  if (size === 0) return '';
  const { at, bytes } = reader;
  const marks = marksOf(bytes, at, at + size);
  if (marks & WILDCARD) {
    const wild = bytes.subarray(at, at + size).findIndex((byte) => byte === PLUS || byte === HASH);
    const cite = spec === TOPIC ? 'MQTT-3.3.2-2' : clause(version, 'MQTT-4.7.1-1', 'MQTT-4.7.0-1');
    refuse(`${spec.label} has a wildcard`, at + wild, cite, CODE.topicNameInvalid);
  }
  return textOf(reader, version, spec, size, marks);
}

/**
 * The topic of a PUBLISH. Who publishes mostly does so under the same topic as the time before: that one, noted under `topic`, need not be
 * judged and made into a string again.
 */
export function readPublished(reader: Reader, version: Version, seen: Seen): string {
  const { at, bytes } = reader;
  const before = seen.get('topic');
  if (before !== undefined && !reader.fields && standsAt(before, bytes, at, reader.end)) {
    reader.at = at + 2 + before.length;
    return before;
  }
  const topic = readTopic(reader, version, TOPIC_LENGTH, TOPIC);
  // Only of ASCII are the characters the bytes.
  if (topic !== '' && topic.length === reader.at - at - 2) seen.set('topic', topic);
  return topic;
}

/** Whether this text, which is ASCII, stands at `at` with its length before it. */
function standsAt(text: string, bytes: Buffer, at: number, end: number): boolean {
  const { length } = text;
  if (at + 2 + length > end || u16At(bytes, at) !== length) return false;
  for (let nth = 0; nth < length; nth++) if (text.charCodeAt(nth) !== byteAt(bytes, at + 2 + nth)) return false;
  return true;
}

/** A filter: `#` only as its last level, `+` only as a level of its own (MQTT 5 §4.7.1). */
export function readFilter(reader: Reader, version: Version, where: string): string {
  const spec = own(reader, where, FILTER, '');
  const size = announced(reader, own(reader, where, FILTER_LENGTH), spec);
  const { at: start, bytes } = reader;
  const end = start + size;
  if (size === 0) refuse('a filter without a single character', start - 1, 'MQTT-4.7.3-1', CODE.topicFilterInvalid);
  const marks = marksOf(bytes, start, end);
  if (marks & WILDCARD) {
    for (let at = start; at < end; at++) {
      const byte = byteAt(bytes, at);
      const alone =
        (at === start || byteAt(bytes, at - 1) === SLASH) && (at + 1 === end || byteAt(bytes, at + 1) === SLASH);
      if (byte === HASH && !(alone && at + 1 === end))
        refuse('# is not the last level', at, clause(version, 'MQTT-4.7.1-2', 'MQTT-4.7.1-1'), CODE.topicFilterInvalid);
      if (byte === PLUS && !alone)
        refuse(
          '+ is not a level of its own',
          at,
          clause(version, 'MQTT-4.7.1-3', 'MQTT-4.7.1-2'),
          CODE.topicFilterInvalid,
        );
    }
  }
  const filter = textOf(reader, version, spec, size, marks);
  if (version === 5 && filter.startsWith(SHARE)) {
    const [, share = '', ...rest] = filter.split('/');
    if (share === '')
      refuse('a share without a name', start + SHARE.length - 1, 'MQTT-4.8.2-1', CODE.topicFilterInvalid);
    if (share === '+')
      refuse('a wildcard for the name of a share', start + SHARE.length, 'MQTT-4.8.2-2', CODE.topicFilterInvalid);
    if (rest.join('/') === '') refuse('a share without a filter', end - 1, 'MQTT-4.8.2-2', CODE.topicFilterInvalid);
  }
  return filter;
}

/** Bytes of which the marks are known, as text. */
function textOf(reader: Reader, version: Version, spec: Spec<Buffer>, size: number, marks: number): string {
  const { at: start, bytes } = reader;
  const end = start + size;
  if (marks & NUL)
    refuse(`${spec.label} has a NUL`, bytes.indexOf(0, start), clause(version, 'MQTT-1.5.3-2', 'MQTT-1.5.4-2'));
  const wide = (marks & WIDE) !== 0;
  if (wide) {
    const broken = brokenAt(bytes, start, end);
    if (broken >= 0) refuse(`${spec.label} is not UTF-8`, broken, clause(version, 'MQTT-1.5.3-1', 'MQTT-1.5.4-1'));
  }
  if (reader.fields) reader.raw(spec, size);
  else reader.at = end;
  return bytes.toString(wide ? 'utf8' : 'latin1', start, end);
}

/** Where bytes cease to be UTF-8 (RFC 3629 §4: no surrogates, nothing longer than needed), or -1. */
function brokenAt(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at < end; ) {
    const lead = byteAt(bytes, at);
    const size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (size === 0) return at;
    for (let next = at + 1; next < at + size; next++) {
      const byte = next < end ? byteAt(bytes, next) : 0;
      // The byte after the first has fewer values after some: the others would be surrogates, too long or beyond Unicode.
      const least = next > at + 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      const most = next > at + 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      if (byte < least || byte > most) return Math.min(next, end - 1);
    }
    at += size;
  }
  return -1;
}

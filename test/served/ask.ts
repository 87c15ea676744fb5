// A question put to a zone as a server would, and the reply read twice: by dns-packet, which knows nothing of this project, and by
// hand for what a decoder forgives.

import dns, { type DecodedPacket } from 'dns-packet';
import { parseMasterFile } from '../../src/served/master-file.ts';
import { buildZone, type Zone } from '../../src/served/zone.ts';
import { viewOf } from '../../src/wire/fields.ts';

export const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DS: 43,
  HTTPS: 65,
  ANY: 255,
  CAA: 257,
};

export function zoneOf(text: string, origin?: string): Zone {
  return buildZone(
    parseMasterFile(text, { file: 'test.zone', ...(origin === undefined ? {} : { origin }) }),
    'test.zone',
  );
}

/** A name of plain labels in wire format; `\DDD` stands for a byte. */
export function wireName(text: string): Buffer {
  const labels = text.split('.').filter((label) => label !== '');
  const parts = labels.map((label) => {
    const bytes = label.replace(/\\(\d{3})/g, (_escape, digits) => String.fromCharCode(Number(digits)));
    return Buffer.concat([Buffer.of(bytes.length), Buffer.from(bytes, 'latin1')]);
  });
  return Buffer.concat([...parts, Buffer.of(0)]);
}

/** The whole message: a header, the question as it was asked, the zone's sections. */
export function messageFor(zone: Zone, name: Buffer, type: number): Buffer {
  const said = zone.answer(name, type);
  const { rcode, authoritative, answers, authority, additional } = said;
  const header = [0x1234, 0x8000 | (authoritative ? 0x400 : 0) | rcode, 1, answers, authority, additional];
  const words = Buffer.from([...header, type, 1].flatMap((word) => [word >>> 8, word & 255]));
  return Buffer.concat([words.subarray(0, 12), name, words.subarray(12), viewOf(said)]);
}

/** What the zone says, a line for the header and one for each record. */
export function ask(zone: Zone, name: string, type: string): string[] {
  const message = messageFor(zone, wireName(name), TYPES[type] ?? Number(type));
  const records = walk(message);
  const lines = linesOf(dns.decode(message) as Decoded);
  if (records.length !== lines.length - 1)
    throw new Error(`${records.length} records by hand, ${lines.length - 1} by dns-packet`);
  return lines;
}

// The types of dns-packet do not know all that it returns.
type Decoded = DecodedPacket & { rcode: string };

export function linesOf(packet: Decoded): string[] {
  const section = (title: string, records: readonly unknown[] | undefined) =>
    (records ?? []).map((record) => {
      const { name, ttl, type, data } = record as { name: string; ttl: number; type: string; data: unknown };
      return `${title} ${name} ${ttl} ${type} ${wordsOf(data)}`;
    });
  return [
    `${packet.rcode}${packet.flag_aa ? ' authoritative' : ''}`,
    ...section('answer', packet.answers),
    ...section('authority', packet.authorities),
    ...section('additional', packet.additionals),
  ];
}

function wordsOf(data: unknown): string {
  if (Buffer.isBuffer(data)) return data.toString('hex');
  if (Array.isArray(data)) return data.map((each) => JSON.stringify(String(each))).join(' ');
  if (typeof data === 'object' && data !== null) return Object.values(data).join(' ');
  return String(data);
}

export interface Walked {
  owner: string;
  type: number;
  ttl: number;
  /** Names in it uncompressed. */
  rdata: Buffer;
}

/** How many bytes stand before the names in RDATA and how many names there are, where they may be compressed (RFC 3597 §4). */
const COMPRESSED: Readonly<Record<number, [skip: number, names: number]>> = {
  2: [0, 1],
  5: [0, 1],
  6: [0, 2],
  12: [0, 1],
  15: [2, 1],
};

/**
 * The records of a message, read with no forgiveness: a pointer must point back, below 0x4000, to where a label begins that was
 * itself read before; names have 255 bytes at most; RDLENGTH must be what the RDATA takes; no byte may be left.
 */
export function walk(message: Buffer): Walked[] {
  // The root, asked by itself, has no label, and may still be pointed at.
  const starts = new Set([12]);
  let at = 12;

  function name(): Buffer {
    const parts: Buffer[] = [];
    let jumped: number | undefined;
    for (;;) {
      const length = message.readUInt8(at);
      if (length >= 0xc0) {
        const to = message.readUInt16BE(at) & 0x3fff;
        if (to >= at) throw new Error(`the pointer at ${at} points ahead, to ${to}`);
        if (!starts.has(to)) throw new Error(`the pointer at ${at} points to ${to}, where no label begins`);
        jumped ??= at + 2;
        at = to;
        continue;
      }
      if (length > 63) throw new Error(`no label has ${length} bytes`);
      if (length > 0 && jumped === undefined) starts.add(at);
      parts.push(message.subarray(at, at + 1 + length));
      at += 1 + length;
      if (length === 0) break;
    }
    if (jumped !== undefined) at = jumped;
    const whole = Buffer.concat(parts);
    if (whole.length > 255) throw new Error(`a name of ${whole.length} bytes`);
    return whole;
  }

  name();
  at += 4;
  const count = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  const records: Walked[] = [];
  for (let each = 0; each < count; each++) {
    const owner = name().toString('latin1');
    const type = message.readUInt16BE(at);
    if (message.readUInt16BE(at + 2) !== 1) throw new Error('a class that is not IN');
    const ttl = message.readUInt32BE(at + 4);
    const end = at + 10 + message.readUInt16BE(at + 8);
    at += 10;
    const [skip, names] = COMPRESSED[type] ?? [0, 0];
    const parts = [message.subarray(at, at + skip)];
    at += skip;
    for (let each = 0; each < names; each++) parts.push(name());
    if (at > end) throw new Error('RDLENGTH is too short');
    parts.push(message.subarray(at, end));
    if (end > message.length) throw new Error('the message ends within a record');
    at = end;
    records.push({ owner, type, ttl, rdata: Buffer.concat(parts) });
  }
  if (at !== message.length) throw new Error(`${message.length - at} bytes are left over`);
  return records;
}

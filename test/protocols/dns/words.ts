// DNS messages put together by hand, so that they can also be wrong, and a small zone to ask.

import type { Answer, Zone } from '../../../src/served/zone.ts';
import { stretchOf } from '../../../src/wire/fields.ts';

/** A name in wire format: `www.example.test`, or `.` for the root. */
export function nameOf(text: string): Buffer {
  const labels = text.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label, 'latin1')])),
    Buffer.of(0),
  ]);
}

export function u16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, at) => {
    bytes.writeUInt16BE(value, 2 * at);
  });
  return bytes;
}

export interface Wanted {
  name?: string;
  type?: number;
  class?: number;
  id?: number;
  flags?: number;
  /** QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT; counted unless said. */
  counts?: [number, number, number, number];
  /** Records after the question: in the additional section unless the counts say otherwise. */
  records?: Buffer[];
}

/** A query: for `www.example.test A` with ID 0x1a2b unless told otherwise. */
export function query({
  name = 'www.example.test',
  type = 1,
  class: asked = 1,
  id = 0x1a2b,
  flags = 0,
  ...rest
}: Wanted = {}): Buffer {
  const { records = [], counts = [1, 0, 0, records.length] } = rest;
  return Buffer.concat([u16(id, flags, ...counts), nameOf(name), u16(type, asked), ...records]);
}

/** An OPT record, its options one after the other. */
export function opt({ size = 1232, rcode = 0, version = 0, flags = 0, options = [] as Buffer[] } = {}): Buffer {
  const data = Buffer.concat(options);
  return Buffer.concat([Buffer.of(0), u16(41, size), Buffer.of(rcode, version), u16(flags, data.length), data]);
}

export function option(code: number, data: Buffer | string): Buffer {
  const bytes = Buffer.from(data as string, 'hex');
  return Buffer.concat([u16(code, bytes.length), bytes]);
}

/** A record whose owner is the name of the question. */
export function record(type: number, data: Buffer, { owner = Buffer.of(0xc0, 12) as Buffer, ttl = 300 } = {}): Buffer {
  return Buffer.concat([owner, u16(type, 1, ttl >>> 16, ttl & 0xffff, data.length), data]);
}

/** The length before a message on a stream. */
export function framed(...messages: Buffer[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => [u16(message.length), message]));
}

const NO = { authoritative: true, answers: 0, authority: 0, additional: 0, ...stretchOf(Buffer.alloc(0)) };

/** `www` has an address, `long` a text of 700 bytes, `wide` one of 1,300, `huge` one that no message holds; of others it knows nothing. */
export function smallZone(asked: string[] = []): Zone {
  return {
    origin: 'example.test.',
    names: 3,
    records: 3,
    answer(bytes, type, start = 0): Answer {
      // What follows the name is none of the zone's business.
      const own = bytes.toString('latin1', start, bytes.indexOf(0, start) + 1);
      asked.push(`${own} ${type}`);
      const lower = own.toLowerCase();
      if (!lower.endsWith('\x07example\x04test\0')) return { ...NO, rcode: 5, authoritative: false };
      if (lower.startsWith('\x04long'))
        return { ...NO, rcode: 0, answers: 1, ...stretchOf(record(16, Buffer.alloc(700, 1))) };
      if (lower.startsWith('\x04wide'))
        return { ...NO, rcode: 0, answers: 1, ...stretchOf(record(16, Buffer.alloc(1300, 1))) };
      if (lower.startsWith('\x04huge')) return { ...NO, rcode: 0, answers: 2, ...stretchOf(Buffer.alloc(65_536)) };
      if (!lower.startsWith('\x03www')) return { ...NO, rcode: 3 };
      return { ...NO, rcode: 0, answers: 1, ...stretchOf(record(1, Buffer.of(192, 0, 2, 80))) };
    },
  };
}

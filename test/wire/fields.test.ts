// The cursor: what it reads has a name, what it cannot read has an offset, and what it has written it leaves alone.

import { describe, expect, test } from 'vitest';
import { Reader, type Spec, WireError, Writer } from '../../src/wire/fields.ts';

const FLAGS: Spec<number> = { id: 'flags', label: 'Flags' };
const KIND: Spec<number> = { id: 'kind', label: 'Kind', show: (kind) => `kind ${kind}` };
const SIZE: Spec<number> = { id: 'size', label: 'Size', gloss: (size) => `${size} bytes follow` };
const NUMBER: Spec<number> = { id: 'number', label: 'Number' };
const KEY: Spec<Buffer> = { id: 'key', label: 'Key', chance: true, secret: true };
const REST: Spec<Buffer> = { id: 'rest', label: 'Rest', show: (bytes) => bytes.toString('latin1') };

/** A made-up message that has every kind of field. */
const MESSAGE = Buffer.from([
  0b1010_0110, // flags 101, one bit unused, kind 0110
  0xff, // number, one byte
  0xff,
  0xfe, // size, two bytes
  0xff,
  0xff,
  0xff,
  0xfd, // number, four bytes: above 2^31, and still not negative
  0xca,
  0xfe, // key
  0x68,
  0x69, // rest: "hi"
]);

function walk(reader: Reader) {
  return [
    reader.bits(FLAGS, 0b1110_0000),
    reader.bits({ id: 'unused', label: 'Unused' }, 0b0001_0000),
    reader.bits(KIND, 0b0000_1111),
    reader.u8({ ...NUMBER, id: 'small' }),
    reader.u16(SIZE),
    reader.u32(NUMBER),
    reader.raw(KEY, 2).toString('hex'),
    reader.raw(REST).toString('latin1'),
  ];
}
const VALUES = [0b101, 0, 0b0110, 0xff, 0xfffe, 0xffff_fffd, 'cafe', 'hi'];

function errorOf(act: () => unknown): WireError {
  try {
    act();
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a reader', () => {
  test('reads the same values with and without naming them', () => {
    const plain = new Reader(MESSAGE);
    expect(walk(plain)).toEqual(VALUES);
    expect(plain.fields).toBeUndefined();
    expect(walk(new Reader(MESSAGE, { annotate: true }))).toEqual(VALUES);
  });

  test('names every field it reads: where it is, what it is called, what it means', () => {
    const reader = new Reader(MESSAGE, { annotate: true });
    walk(reader);
    expect(reader.fields).toEqual([
      { id: 'flags', label: 'Flags', start: 0, end: 1, mask: 0b1110_0000, value: 0b101, show: '5' },
      { id: 'unused', label: 'Unused', start: 0, end: 1, mask: 0b0001_0000, value: 0, show: '0' },
      { id: 'kind', label: 'Kind', start: 0, end: 1, mask: 0b0000_1111, value: 6, show: 'kind 6' },
      { id: 'small', label: 'Number', start: 1, end: 2, value: 255, show: '255' },
      { id: 'size', label: 'Size', start: 2, end: 4, value: 0xfffe, show: '65534', gloss: '65534 bytes follow' },
      { id: 'number', label: 'Number', start: 4, end: 8, value: 0xffff_fffd, show: '4294967293' },
      { id: 'key', label: 'Key', start: 8, end: 10, value: 'cafe', show: 'cafe', chance: true, secret: true },
      { id: 'rest', label: 'Rest', start: 10, end: 12, value: '6869', show: 'hi' },
    ]);
  });

  test('leaves no bit unnamed and names none twice', () => {
    const reader = new Reader(MESSAGE, { annotate: true });
    walk(reader);
    const named = Buffer.alloc(MESSAGE.length);
    for (const { start, end, mask } of reader.fields ?? []) {
      for (let at = start; at < end; at++) {
        expect((named[at] ?? 0) & (mask ?? 0xff), `byte ${at}`).toBe(0);
        named[at] = (named[at] ?? 0) | (mask ?? 0xff);
      }
    }
    expect(named).toEqual(Buffer.alloc(MESSAGE.length, 0xff));
  });

  test('moves on to the next byte with the part that holds bit 0, not before', () => {
    const reader = new Reader(Buffer.from([0x80, 0x01]));
    expect(reader.bits(FLAGS, 0x80)).toBe(1);
    expect(reader.at).toBe(0);
    expect(reader.bits(FLAGS, 0x7f)).toBe(0);
    expect(reader.at).toBe(1);
    expect(reader.bits(FLAGS, 0xff)).toBe(1);
    expect(reader.left).toBe(0);
  });

  test('counts offsets from where the message begins, wherever in the chunk that is', () => {
    const chunk = Buffer.concat([Buffer.alloc(7), MESSAGE, Buffer.alloc(3)]);
    const reader = new Reader(chunk, { start: 7, end: 7 + MESSAGE.length, annotate: true });
    expect(walk(reader)).toEqual(VALUES);
    expect(reader.fields?.map(({ start }) => start)).toEqual([0, 0, 0, 1, 2, 4, 8, 10]);
    expect(errorOf(() => reader.u8(FLAGS)).at).toBe(MESSAGE.length);
  });

  test('can be pointed at another message and has forgotten the one before', () => {
    const reader = new Reader(Buffer.from([1, 2, 3]));
    reader.u16(SIZE);
    reader.over(Buffer.from([0, 0, 9, 9]), 2, 3);
    expect(reader.left).toBe(1);
    expect(reader.u8(NUMBER)).toBe(9);
    expect(errorOf(() => reader.u8(NUMBER)).at).toBe(1);
  });

  test.each<[string, number, (reader: Reader) => unknown]>([
    ['one byte', 3, (reader) => reader.u8(NUMBER)],
    ['bits', 3, (reader) => reader.bits(FLAGS, 0x0f)],
    ['two bytes', 2, (reader) => reader.u16(NUMBER)],
    ['four bytes', 1, (reader) => reader.u32(NUMBER)],
    ['as many as told', 1, (reader) => reader.raw(KEY, 3)],
  ])('a message that ends before %s is refused where the missing bytes should begin', (_what, at, read) => {
    const reader = new Reader(Buffer.alloc(3 + 2), { start: 0, end: 3 });
    reader.raw(REST, at);
    // Two more bytes are in the chunk, but they belong to the next message.
    expect(errorOf(() => read(reader)).at).toBe(at);
    expect(reader.at, 'nothing was read').toBe(at);
  });

  test('blames the byte it has just read, or the one it is told', () => {
    const reader = new Reader(Buffer.from([0, 0, 1, 2, 3]), { start: 2 });
    reader.u16(NUMBER);
    expect(errorOf(() => reader.wrong('two is no good', 'RFC 862'))).toMatchObject({
      at: 1,
      cite: 'RFC 862',
      message: 'two is no good (byte 1)',
    });
    expect(errorOf(() => reader.wrong('one is no good', undefined, 0)).at).toBe(0);
  });

  test('a message with bytes left over was not understood: the first of them is the offset', () => {
    const reader = new Reader(Buffer.from([9, 9, 1, 2, 3]), { start: 2 });
    reader.u8(NUMBER);
    expect(errorOf(() => reader.finish())).toMatchObject({ at: 1, message: '2 bytes too many (byte 1)' });
    reader.raw(REST);
    reader.finish();
  });
});

describe('a writer', () => {
  test('writes big-endian, and reads back what it wrote', () => {
    const writer = new Writer();
    writer.u8(0xa6);
    writer.u8(0xff);
    writer.u16(0xfffe);
    writer.u32(0xffff_fffd);
    writer.raw(Buffer.from('cafe', 'hex'));
    writer.raw(Buffer.from('hi'));
    expect(writer.length).toBe(MESSAGE.length);
    expect(writer.take()).toEqual(MESSAGE);
    expect(writer.length).toBe(0);
  });

  test('writes the low 32 bits of a number, signed or not', () => {
    const writer = new Writer();
    writer.u32(-1);
    writer.u32(4_294_967_290);
    writer.u32(-2_147_483_648);
    expect(writer.take().toString('hex')).toBe('fffffffffffffffa80000000');
  });

  test('never touches again what it has handed out, whether the slab lasts or not', () => {
    const writer = new Writer(16);
    const taken: { bytes: Buffer; was: string }[] = [];
    const written: string[] = [];
    for (let round = 0; round < 200; round++) {
      const message = Buffer.alloc(round % 23, round);
      writer.u8(round);
      writer.raw(message);
      writer.u16(round);
      writer.u32(round);
      written.push(`${hex8(round)}${message.toString('hex')}${hex8(0)}${hex8(round)}${'000000'}${hex8(round)}`);
      // Some are taken one by one, some several together.
      if (round % 3 === 2) continue;
      const bytes = writer.take();
      taken.push({ bytes, was: bytes.toString('hex') });
    }
    const last = writer.take();
    taken.push({ bytes: last, was: last.toString('hex') });
    expect(taken.map(({ bytes }) => bytes.toString('hex'))).toEqual(taken.map(({ was }) => was));
    expect(taken.map(({ was }) => was).join('')).toBe(written.join(''));
  });

  test('carries a message that is only begun over to a slab that has room for it', () => {
    const writer = new Writer(4);
    writer.u8(1);
    const before = writer.take();
    writer.u16(0x0203);
    writer.u32(0x0405_0607);
    writer.raw(Buffer.alloc(1000, 8));
    writer.u8(9);
    expect(writer.length).toBe(1007);
    const bytes = writer.take();
    expect(bytes.subarray(0, 6).toString('hex')).toBe('020304050607');
    expect(bytes.subarray(6, 1006)).toEqual(Buffer.alloc(1000, 8));
    expect(bytes[1006]).toBe(9);
    expect(before.toString('hex')).toBe('01');
  });

  test('hands out nothing when nothing was written: the empty datagram', () => {
    const writer = new Writer(8);
    expect(writer.take()).toHaveLength(0);
    writer.raw(Buffer.alloc(0));
    expect(writer.take()).toHaveLength(0);
  });
});

function hex8(value: number): string {
  return (value & 0xff).toString(16).padStart(2, '0');
}

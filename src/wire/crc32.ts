// CRC-32 (ISO 3309), as `node:zlib` computes it. For a message of a few bytes the way into native code and back takes three
// times as long as the sum itself, and a digest is taken of every message.

import { crc32 as native } from 'node:zlib';

/** Where native code begins to win, in bytes. */
const LONG = 256;

/** `TABLES[k][byte]`: what a byte contributes when `k` more bytes follow it in its group of four. */
const TABLES = tables();
const [LAST, THIRD, SECOND, FIRST] = TABLES;

/** The checksum of bytes that follow others whose checksum is `before`. Unsigned 32 bits; `crc32(x)` of nothing is 0. */
export function crc32(bytes: Buffer, before = 0): number {
  if (bytes.length >= LONG) return native(bytes, before >>> 0);
  let sum = ~before;
  let at = 0;
  for (const groups = bytes.length - 3; at < groups; at += 4) {
    sum ^= byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24);
    sum =
      (FIRST[sum & 255] as number) ^
      (SECOND[(sum >>> 8) & 255] as number) ^
      (THIRD[(sum >>> 16) & 255] as number) ^
      (LAST[sum >>> 24] as number);
  }
  for (; at < bytes.length; at++) sum = (LAST[(sum ^ byte(bytes, at)) & 255] as number) ^ (sum >>> 8);
  return ~sum >>> 0;
}

function byte(bytes: Buffer, at: number): number {
  return bytes[at] as number;
}

function tables(): readonly [Int32Array, Int32Array, Int32Array, Int32Array] {
  const first = Int32Array.from({ length: 256 }, (_none, value) => {
    let sum = value;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
    return sum;
  });
  const shifted = (table: Int32Array) => table.map((sum) => (first[sum & 255] as number) ^ (sum >>> 8));
  const second = shifted(first);
  const third = shifted(second);
  return [first, second, third, shifted(third)];
}

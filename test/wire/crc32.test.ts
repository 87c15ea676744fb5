import { randomBytes } from 'node:crypto';
import { crc32 as native } from 'node:zlib';
import { expect, test } from 'vitest';
import { crc32 } from '../../src/wire/crc32.ts';

test('is the checksum that node:zlib computes, at every length and from every start', () => {
  const bytes = randomBytes(1100);
  for (let length = 0; length <= 1100; length++) {
    const part = bytes.subarray(0, length);
    expect(crc32(part)).toBe(native(part));
    expect(crc32(part, 0xffff_fff1)).toBe(native(part, 0xffff_fff1));
    expect(crc32(part, 0xffff_fff1 | 0)).toBe(native(part, 0xffff_fff1));
  }
});

test('goes on from the checksum of what came before, signed or not', () => {
  const [one, two] = [Buffer.from('Do not '), Buffer.from('forget me.')];
  const whole = native(Buffer.concat([one, two]));
  expect(crc32(two, crc32(one))).toBe(whole);
  expect(crc32(two, crc32(one) | 0)).toBe(whole);
});

// Consistent hashing: what moves when a server comes or goes, and how even the shares are.

import { expect, test } from 'vitest';
import { ownersOf, ringOf } from '../../../src/protocols/balancer/rules/ring.ts';

const KEYS = Array.from({ length: 6_000 }, (_none, nth) => `10.0.${nth >> 8}.${nth & 255}`);
const SERVERS = ['1', '2', '3', '4', '5', '6', '7'];

const placed = (names: readonly string[]) => {
  const ring = ringOf(names);
  return KEYS.map((key) => ownersOf(ring, key, 1)[0]);
};

test('a ring without servers leads nowhere', () => {
  expect(ownersOf(ringOf([]), 'key', 2)).toEqual([]);
});

test('the order in which servers are listed makes no difference', () => {
  expect(placed(['3', '1', '2'])).toEqual(placed(['1', '2', '3']));
});

test.each([2, 3, 4, 6])('a server that joins %i others takes its share of the keys, and no other key moves', (n) => {
  const before = placed(SERVERS.slice(0, n));
  const joined = SERVERS[n];
  const after = placed(SERVERS.slice(0, n + 1));
  const moved = after.flatMap((owner, key) => (owner === before[key] ? [] : [owner]));
  expect(new Set(moved)).toEqual(new Set([joined]));
  // About 1/(n+1) of all keys: with 160 virtual nodes a share lies well within a third of what is fair.
  const share = moved.length / KEYS.length;
  expect(share * (n + 1)).toBeGreaterThan(0.67);
  expect(share * (n + 1)).toBeLessThan(1.33);
});

test.each([3, 4, 7])('a server that leaves %i gives up its own keys, and no other key moves', (n) => {
  const before = placed(SERVERS.slice(0, n));
  const after = placed(SERVERS.slice(1, n));
  after.forEach((owner, key) => {
    if (before[key] !== '1') expect(owner).toBe(before[key]);
  });
  expect(after).not.toContain('1');
});

test('the second server for a key is the one that takes it over when the first is gone', () => {
  const names = SERVERS.slice(0, 4);
  const ring = ringOf(names);
  for (const key of KEYS.slice(0, 300)) {
    const [first, second] = ownersOf(ring, key, 2);
    expect(ownersOf(ringOf(names.filter((name) => name !== first)), key, 1)).toEqual([second]);
  }
  expect(ownersOf(ring, 'key', 9)).toHaveLength(4);
});

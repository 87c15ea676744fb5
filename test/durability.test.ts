// The promise of tcp-session/disk, and proof that the checker would notice if it were broken.

import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Message } from '../src/protocols/tcp-session/wire.ts';
import { durability, History } from './durability.ts';
import { needs } from './peers.ts';
import { fromSource } from './source.ts';

fromSource();

const wrong = (name: string) => new URL(`./wrong/${name}.ts`, import.meta.url).href;

test('disk: over kills at random protocol events no acknowledged byte is lost and none is delivered twice', async () => {
  const toll = await durability({ kills: 12, seed: 7, design: 'disk' });
  expect(toll.findings).toEqual([]);
  expect(toll).toMatchObject({ kills: 12, late: 0, lost: 0, lostSessions: 0, twice: 0, phantom: 0 });
  // The check fails on silence: there were streams, they were spoken to, and the server said what it had.
  expect(toll.sessions).toBeGreaterThan(4);
  expect(toll.statements).toBeGreaterThan(200);
  // In the end what was attempted was acknowledged, but for the window of a client that was killed away six times running.
  expect(toll.acknowledged).toBeGreaterThan(0.9 * toll.attempted);
  expect(toll.acknowledged).toBeGreaterThan(10_000);
});

test('shared: an instance dies, the next one knows all that was acknowledged, and nothing is delivered twice', async (context) => {
  needs(context, 'redis-server');
  const toll = await durability({ kills: 8, seed: 7, design: 'shared' });
  expect(toll.findings).toEqual([]);
  expect(toll).toMatchObject({ kills: 8, late: 0, lost: 0, lostSessions: 0, twice: 0, phantom: 0 });
  expect(toll.sessions).toBeGreaterThan(2);
  expect(toll.acknowledged).toBeGreaterThan(1000);
});

test('disk with --sync os: over kills, nothing that was acknowledged is lost either: the kernel outlives the process', async () => {
  const toll = await durability({ kills: 8, seed: 11, design: 'disk', sync: 'os' });
  expect(toll.findings).toEqual([]);
  expect(toll).toMatchObject({ kills: 8, late: 0, lost: 0, lostSessions: 0, twice: 0, phantom: 0 });
  // Killed also between a write and its answer.
  expect(toll.moments.write).toBeGreaterThan(0);
  expect(toll.acknowledged).toBeGreaterThan(5000);
});

test('memory promises nothing beyond the process, and the checker finds what its kills took', async () => {
  const toll = await durability({ kills: 4, seed: 7, design: 'memory' });
  expect(toll.lostSessions).toBeGreaterThan(0);
  expect(toll.lost).toBeGreaterThan(0);
  expect(toll).toMatchObject({ twice: 0, phantom: 0 });
});

test('the checker finds the losses of a server that answers before it writes', async () => {
  const toll = await durability({ kills: 6, seed: 7, design: 'disk', protocol: wrong('hasty') });
  expect(toll.lost).toBeGreaterThan(0);
});

test('the checker finds the losses of a server that does not write everything down', async () => {
  const toll = await durability({ kills: 3, seed: 7, design: 'disk', protocol: wrong('unwritten') });
  expect(toll.lost).toBeGreaterThan(0);
});

test('the checker finds a stream that is as long as it should be and holds other bytes', async () => {
  const toll = await durability({ kills: 3, seed: 7, design: 'disk', protocol: wrong('muddled') });
  expect(toll.twice).toBeGreaterThan(0);
});

// --------------------------------------------------------------------------------------------- the checker, on histories made by hand

const token = 'AAAAAAAAAAAAAAAAAAAAAA';
const sumOf = (text: string) => crc32(Buffer.from(text));
const ack = (next: number, text: string): Message => ({
  type: 'ACK',
  code: 0,
  next,
  window: 4096,
  digest: sumOf(text),
});
const data = (seq: number, text: string): Message => ({ type: 'DATA', seq, payload: Buffer.from(text) });

/** A stream whose first byte has number `first`, in which `hello` was sent and acknowledged. */
function hello(first = 100): History {
  const history = new History();
  history.asked('a', { type: 'OPEN', seq: first });
  history.answered('a', { type: 'OPENED', session: 1, token, next: first, window: 4096 });
  history.asked('a', data(first, 'hello'));
  history.answered('a', ack((first + 5) >>> 0, 'hello'));
  return history;
}

const kinds = (history: History) => history.findings.map(({ is, bytes }) => `${is} ${bytes}`);

test('a stream resumed where it was acknowledged, or further, is sound', () => {
  const history = hello();
  history.asked('a', data(105, ' world'));
  history.asked('b', { type: 'RESUME', session: 1, token });
  // The server had taken the rest before it died; the acknowledgement was lost with it.
  history.answered('b', ack(111, 'hello world'));
  history.answered('b', { type: 'CLOSE', next: 111, digest: sumOf('hello world') });
  expect(kinds(history)).toEqual([]);
  expect(history.statements).toBe(3);
});

test.each([100, 2 ** 32 - 3])('acknowledged and not there is lost (first byte %i)', (first) => {
  const history = hello(first);
  history.asked('b', { type: 'RESUME', session: 1, token });
  history.answered('b', ack((first + 2) >>> 0, 'he'));
  expect(kinds(history)).toEqual(['lost 3']);
});

test('acknowledged bytes of a session that is not known any more are lost, once', () => {
  const history = hello();
  history.asked('b', { type: 'RESUME', session: 1, token });
  history.answered('b', { type: 'RESET', code: 2 });
  history.asked('c', { type: 'RESUME', session: 1, token });
  history.answered('c', { type: 'RESET', code: 2 });
  expect(kinds(history)).toEqual(['lost 5']);
});

test('a session that never acknowledged anything has nothing to lose', () => {
  const history = new History();
  history.asked('a', { type: 'OPEN', seq: 1 });
  history.answered('a', { type: 'OPENED', session: 1, token, next: 1, window: 4096 });
  history.asked('a', data(1, 'hello'));
  history.asked('b', { type: 'RESUME', session: 1, token });
  history.answered('b', { type: 'RESET', code: 2 });
  expect(kinds(history)).toEqual([]);
});

test('more than was ever sent is a phantom', () => {
  const history = hello();
  history.answered('a', ack(106, 'hello!'));
  expect(kinds(history)).toEqual(['phantom 1']);
});

test('as many bytes but not those, in that order, once, are found by their digest', () => {
  const history = hello();
  history.asked('a', data(105, ' world'));
  history.answered('a', ack(111, 'hello hello'));
  expect(kinds(history)).toEqual(['twice 11']);
});

test('a path that begins anew speaks for nobody', () => {
  const history = hello();
  history.begins('a');
  history.answered('a', { type: 'RESET', code: 1 });
  expect(kinds(history)).toEqual([]);
});

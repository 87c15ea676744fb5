// What an echo means and what its server remembers: nothing, and it can be seen.

import { expect, test } from 'vitest';
import { rules } from '../../../src/protocols/udp-echo/state.ts';
import { wire } from '../../../src/protocols/udp-echo/wire.ts';
import { Reader } from '../../../src/wire/fields.ts';
import { decode, encode } from '../../../src/wire/wire.ts';

const PAYLOADS = [Buffer.alloc(0), Buffer.from('hello'), Buffer.from([0, 0xff, 0x1b]), Buffer.alloc(65_507, 'x')];
const WORLD = { now: () => 0, name: () => 'unused' };

test.each(PAYLOADS)('a datagram is one message, whole, whatever is in it: $length bytes', (payload) => {
  expect(wire.frame(payload, 0, 'client')).toBe(payload.length);
  expect(payload.length).toBeLessThanOrEqual(wire.longest);
  for (const from of ['client', 'server'] as const) {
    const message = decode(wire, payload, from);
    expect(message).toEqual({ payload, from });
    expect(encode(wire, message)).toEqual(payload);
  }
});

test.each(PAYLOADS)('its only field is all of it: $length bytes', (payload) => {
  const reader = new Reader(payload, { annotate: true });
  wire.read(reader, 'client', 'udp', new Map());
  reader.finish();
  expect(reader.fields).toMatchObject([{ id: 'payload', start: 0, end: payload.length }]);
});

test('request and reply are the same bytes: only the direction tells them apart', () => {
  const payload = Buffer.from('hello\u001b[2J');
  expect(wire.kind({ payload, from: 'client' })).toBe('ECHO');
  expect(wire.kind({ payload, from: 'server' })).toBe('REPLY');
  expect(wire.says({ payload, from: 'client' })).toBe('"hello\\x1b[2J"');
});

test('the request carries all that the server needs, the reply leans on what the client remembers', () => {
  const payload = Buffer.from('hello');
  expect(wire.leans({ payload, from: 'client' }, 'client', new Map())).toMatchObject([
    { field: 'payload', op: 'carries', holder: 'packet', cite: 'RFC 862' },
  ]);
  expect(wire.leans({ payload, from: 'server' }, 'server', new Map())).toMatchObject([
    { field: 'payload', op: 'reads', holder: 'client', key: 'pending["hello"]', cite: 'RFC 862' },
  ]);
});

test.each(PAYLOADS)('the same bytes go back to whoever sent them, never more: $length bytes', (payload) => {
  const { events, actions } = rules.decide(rules.empty(), { payload, from: 'client' }, '127.0.0.1:40000', WORLD);
  expect(events).toEqual([]);
  expect(actions).toEqual([{ to: '127.0.0.1:40000', say: { payload, from: 'server' } }]);
});

test('after a hundred echoes it knows what it knew before the first: nothing', () => {
  const state = rules.empty();
  const first = rules.decide(state, { payload: Buffer.from('same'), from: 'client' }, 'A', WORLD);
  for (let nth = 0; nth < 100; nth++)
    rules.decide(state, { payload: Buffer.from(String(nth)), from: 'client' }, `path ${nth}`, WORLD);
  expect(state).toEqual({});
  expect(rules.facts(state)).toEqual({});
  expect(rules.decide(state, { payload: Buffer.from('same'), from: 'client' }, 'A', WORLD)).toEqual(first);
  expect(rules.part).toBeUndefined();
});

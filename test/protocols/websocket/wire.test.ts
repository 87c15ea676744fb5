// What the bytes mean, both ways: the examples of RFC 6455, every way in which a frame's header can be wrong, and the chat in it.

import { describe, expect, test } from 'vitest';
import { type Chat, chatIn, partsOf, textOf } from '../../../src/protocols/websocket/wire/chat.ts';
import { closing } from '../../../src/protocols/websocket/wire/frames.ts';
import { wire } from '../../../src/protocols/websocket/wire.ts';
import { Reader } from '../../../src/wire/fields.ts';
import { decode, encode, Inbox, type Side } from '../../../src/wire/wire.ts';
import { untiled } from '../../promises.ts';
import { asking, frame, MASK, said, say } from './frames.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('the examples of RFC 6455 §5.7, both ways', () => {
  const examples: [string, Side, string, ReturnType<typeof frame>][] = [
    ['a text, unmasked', 'server', '81 05 48 65 6c 6c 6f', frame('TEXT', 'Hello')],
    ['the same, masked', 'client', '81 85 37 fa 21 3d 7f 9f 4d 51 58', frame('TEXT', 'Hello', { mask: MASK })],
    ['its beginning, in a fragment', 'server', '01 03 48 65 6c', frame('TEXT', 'Hel', { fin: false })],
    ['and its end', 'server', '80 02 6c 6f', frame('CONTINUATION', 'lo')],
    ['a ping', 'server', '89 05 48 65 6c 6c 6f', frame('PING', 'Hello')],
    ['a pong, masked', 'client', '8a 85 37 fa 21 3d 7f 9f 4d 51 58', frame('PONG', 'Hello', { mask: MASK })],
  ];
  test.each(examples)('%s', (_title, from, bytes, message) => {
    expect(wire.frame(hex(bytes), 0, from)).toBe(hex(bytes).length);
    expect(decode(wire, hex(bytes), from)).toEqual(message);
    expect(encode(wire, message)).toEqual(hex(bytes));
  });

  test.each([
    [256, '82 7e 01 00'],
    [65_536, '82 7f 00 00 00 00 00 01 00 00'],
  ])('%d bytes: a length of its own', (length, head) => {
    const bytes = Buffer.concat([hex(head), Buffer.alloc(length, 7)]);
    expect(wire.frame(bytes, 0, 'server')).toBe(bytes.length);
    expect(encode(wire, decode(wire, bytes, 'server'))).toEqual(bytes);
  });
});

test.each<[string, Side, string, number, string]>([
  ['a client that does not mask', 'client', '81 05', 1, '§5.1'],
  ['a server that does', 'server', '81 85', 1, '§5.1'],
  ['an opcode that nobody knows', 'server', '83', 0, '§5.2'],
  ['a ping in fragments', 'server', '09', 0, '§5.5'],
  ['a ping of more than 125 bytes', 'server', '89 7e', 1, '§5.5'],
  ['a length in two bytes that fits in one', 'server', '82 7e 00 7d', 2, '§5.2'],
  ['a length in eight bytes that fits in two', 'server', '82 7f 00 00 00 00 00 00 ff ff', 2, '§5.2'],
  ['a payload of 4 GB', 'server', '82 7f 00 00 00 01 00 00 00 00', 2, '§7.4.1'],
])('%s is refused from the header alone', (_title, from, bytes, at, cite) => {
  for (let length = 0; length < hex(bytes).length; length++)
    expect(wire.frame(hex(bytes).subarray(0, length), 0, from)).toBeUndefined();
  expect(() => wire.frame(hex(bytes), 0, from)).toThrow(expect.objectContaining({ at, cite: `RFC 6455 ${cite}` }));
});

test('a close of one byte has half a code', () => {
  expect(() => decode(wire, hex('88 01 03'), 'server')).toThrow('two bytes');
});

test('a request, an answer and frames are told apart by their first byte, also one byte at a time', () => {
  const client = [asking('localhost'), said(say('Do', 1)), frame('PING', 'x', { mask: MASK })];
  const answer = {
    type: 'response' as const,
    version: '1.1' as const,
    status: 101,
    reason: 'Switching Protocols',
    headers: [['Upgrade', 'websocket']] as const,
    body: Buffer.alloc(0),
  };
  const server = [answer, frame('TEXT', '{"joined":"bob"}'), closing(1000, 'all is said')];
  for (const [side, messages] of [
    ['client', client],
    ['server', server],
  ] as const) {
    const inbox = new Inbox(wire, side);
    const bytes = Buffer.concat(messages.map((message) => encode(wire, message)));
    const heard = Array.from(bytes, (byte) => inbox.push(Buffer.of(byte))).flatMap(({ messages: whole }) => whole);
    expect(heard.map((message) => encode(wire, message))).toEqual(messages.map((message) => encode(wire, message)));
    expect(inbox.kept).toBe(0);
  }
});

test('under the mask the members of the chat are fields, with what they mean; the bytes are marked as veiled', () => {
  const bytes = encode(wire, said(say('a, {b} "c"', 12)));
  const reader = new Reader(bytes, { annotate: true });
  wire.read(reader, 'client', 'tcp', new Map());
  const fields = reader.fields ?? [];
  expect(untiled(fields, bytes.length)).toEqual([]);
  const shown = Object.fromEntries(fields.map((field) => [field.id, field]));
  expect(shown.say).toMatchObject({
    show: '"a, {b} \\\\"c\\\\""',
    veiled: true,
    gloss: expect.stringContaining('my room'),
  });
  expect(shown.nr).toMatchObject({ show: '12', veiled: true });
  expect(shown.key).toMatchObject({ chance: true });
});

describe('the chat', () => {
  const chats: Chat[] = [
    { is: 'join', room: 'kitchen', name: 'ada', after: undefined },
    { is: 'join', room: 'Küche', name: 'ada.b-c_d', after: 0 },
    { is: 'say', text: 'a "quoted" \\ ü \u2028', nr: 1 },
    { is: 'leave', room: 'kitchen' },
    { is: 'welcome', room: 'k', members: ['a', 'b'], last: 9, nr: 2, missed: 3, gone: 0, anew: false },
    { is: 'welcome', room: 'k', members: ['a'], last: 9, nr: 2, missed: 3, gone: 4, anew: true },
    { is: 'said', id: 1, from: 'ada', nr: 1, text: 'a "quoted" \\ ü \n' },
    { is: 'said', id: 2, from: 'ada', nr: 2, text: 'plain ü 😀' },
    { is: 'said', id: 3, from: 'ada', nr: 3, text: 'half \ud83d, \x7f' },
    { is: 'ack', nr: 1, id: 0 },
    { is: 'error', why: 'no', next: 7 },
    { is: 'joined', name: 'bob' },
    { is: 'left', name: 'bob' },
    { is: 'error', why: 'no' },
  ];
  test.each(chats)('$is, both ways', (chat) => {
    const text = Buffer.from(textOf(chat));
    expect(chatIn(text)).toEqual(chat);
    expect(JSON.parse(text.toString())).toBeTypeOf('object');
    const parts = partsOf(text) ?? [];
    expect(Buffer.concat(parts.map(({ start, end }) => text.subarray(start, end)))).toEqual(text);
    expect(Object.fromEntries(parts.map(({ name, value }) => [name, JSON.parse(value)]))).toEqual(
      JSON.parse(text.toString()),
    );
    expect(wire.kind(frame('TEXT', text))).toBe(chat.is.toUpperCase());
    expect(wire.says(frame('TEXT', text))).not.toContain('\n');
  });

  test.each([
    'Hello',
    '',
    'null',
    '[]',
    '7',
    '{}',
    '{"join":"kitchen"}',
    '{"join":"a room","as":"ada"}',
    '{"join":"kitchen","as":"\\u001b[2J"}',
    `{"join":"kitchen","as":"${'a'.repeat(33)}"}`,
    '{"join":"kitchen","as":"ada","after":-1}',
    '{"join":"kitchen","as":"ada","after":"1"}',
    '{"say":"Hello"}',
    '{"say":"Hello","nr":0}',
    '{"say":"Hello","nr":1.5}',
    '{"say":"Hello","nr":9007199254740992}',
    '{"say":"","nr":1}',
    `{"say":"${'x'.repeat(1001)}","nr":1}`,
    '{"say":{"toString":1},"nr":1}',
    '{"__proto__":{"say":"Hello","nr":1}}',
  ])('%s is no message of it', (text) => {
    expect(chatIn(Buffer.from(text))).toBeUndefined();
    expect(wire.kind(frame('TEXT', text))).toBe('TEXT');
  });

  test('a member named twice is one field with the rest: two fields of one name would be none', () => {
    expect(partsOf(Buffer.from('{"say":"a","nr":1,"nr":2}'))).toBeUndefined();
  });
});

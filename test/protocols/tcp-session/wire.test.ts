// Every message of the session protocol as bytes, and every refusal with the byte that deserves it.

import { describe, expect, test } from 'vitest';
import { type Message, wire } from '../../../src/protocols/tcp-session/wire.ts';
import { Reader, WireError } from '../../../src/wire/fields.ts';
import { decode, encode, Inbox, type Seen, type Side } from '../../../src/wire/wire.ts';

/** Sixteen bytes, and how the rest of the program calls them. */
const TOKEN_BYTES = 'd0d1d2d3d4d5d6d7d8d9dadbdcdddedf';
const TOKEN = '0NHS09TV1tfY2drb3N3e3w';

interface Vector {
  name: string;
  from: Side;
  bytes: string[];
  message: Message;
  says: string;
  fields: string[];
}

const HEADER = ['version', 'type', 'code', 'length'];
const VECTORS: Vector[] = [
  {
    name: 'OPEN',
    from: 'client',
    bytes: [
      '11', // version 1, type 1
      '00', // code: none
      '0004', // 4 bytes follow
      'fffffffa', // sequence: six before the wrap
    ],
    message: { type: 'OPEN', seq: 4_294_967_290 },
    says: 'seq=4294967290',
    fields: [...HEADER, 'seq'],
  },
  {
    name: 'OPENED',
    from: 'server',
    bytes: [
      '12', // version 1, type 2
      '00', // code: none
      '001c', // 28 bytes follow
      '00000007', // session 7
      TOKEN_BYTES, // token
      '00000064', // next: 100
      '00001000', // window: 4096
    ],
    message: { type: 'OPENED', session: 7, token: TOKEN, next: 100, window: 4096 },
    says: 'session=7 next=100 window=4096',
    fields: [...HEADER, 'session', 'token', 'next', 'window'],
  },
  {
    name: 'RESUME',
    from: 'client',
    bytes: [
      '13', // version 1, type 3
      '00', // code: none
      '0014', // 20 bytes follow
      '00000007', // session 7
      TOKEN_BYTES, // token
    ],
    message: { type: 'RESUME', session: 7, token: TOKEN },
    says: 'session=7',
    fields: [...HEADER, 'session', 'token'],
  },
  {
    name: 'DATA',
    from: 'client',
    bytes: [
      '14', // version 1, type 4
      '00', // code: none
      '0009', // 9 bytes follow: the number and five of payload
      '00000064', // sequence: 100
      '68656c6c6f', // payload: "hello"
    ],
    message: { type: 'DATA', seq: 100, payload: Buffer.from('hello') },
    says: 'seq=100 "hello"',
    fields: [...HEADER, 'seq', 'payload'],
  },
  {
    name: 'DATA of one byte, the least, that a terminal must not obey',
    from: 'client',
    bytes: [
      '14', // version 1, type 4
      '00', // code: none
      '0005', // 5 bytes follow
      'ffffffff', // sequence: the last before the wrap
      '1b', // payload: escape
    ],
    message: { type: 'DATA', seq: 4_294_967_295, payload: Buffer.from([0x1b]) },
    says: 'seq=4294967295 "\\x1b"',
    fields: [...HEADER, 'seq', 'payload'],
  },
  {
    name: 'DATA of 1024 bytes, the most',
    from: 'client',
    bytes: [
      '14', // version 1, type 4
      '00', // code: none
      '0404', // 1028 bytes follow
      '00000000', // sequence: 0
      '78'.repeat(1024), // payload
    ],
    message: { type: 'DATA', seq: 0, payload: Buffer.alloc(1024, 'x') },
    says: `seq=0 "${'x'.repeat(40)}… (984 more)"`,
    fields: [...HEADER, 'seq', 'payload'],
  },
  ...['delivered', 'duplicate', 'gap', 'beyond the window'].map(
    (words, code): Vector => ({
      name: `ACK ${words}`,
      from: 'server',
      bytes: [
        '15', // version 1, type 5
        `0${code}`, // code: what became of the DATA
        '000c', // 12 bytes follow
        '00000069', // next: 105
        '00001000', // window: 4096
        '3610a686', // digest: CRC-32 of "hello"
      ],
      message: { type: 'ACK', code: code as 0 | 1 | 2 | 3, next: 105, window: 4096, digest: 0x3610_a686 },
      says: code === 0 ? 'next=105' : `next=105 (${words})`,
      fields: [...HEADER, 'next', 'window', 'digest'],
    }),
  ),
  ...(['client', 'server'] as const).map(
    (from): Vector => ({
      name: `CLOSE from the ${from}`,
      from,
      bytes: [
        '16', // version 1, type 6
        '00', // code: none
        '0008', // 8 bytes follow
        '00000069', // next: 105
        'cbf43926', // digest: CRC-32 of "123456789"
      ],
      message: { type: 'CLOSE', next: 105, digest: 0xcbf4_3926 },
      says: 'next=105 digest=cbf43926',
      fields: [...HEADER, 'next', 'digest'],
    }),
  ),
  ...['no session', 'unknown session', 'taken over', 'malformed', 'digest differs', 'already open'].map(
    (words, nth): Vector => ({
      name: `RESET ${words}`,
      from: 'server',
      bytes: [
        '17', // version 1, type 7
        `0${nth + 1}`, // code: why
        '0000', // nothing follows
      ],
      message: { type: 'RESET', code: (nth + 1) as 1 | 2 | 3 | 4 | 5 | 6 },
      says: words,
      fields: HEADER,
    }),
  ),
];

const bytesOf = ({ bytes }: { bytes: string[] }) => Buffer.from(bytes.join(''), 'hex');

describe.each(VECTORS)('$name', (vector) => {
  const bytes = bytesOf(vector);

  test('reads as what it means, and writes back the same bytes', () => {
    expect(decode(wire, bytes, vector.from)).toEqual(vector.message);
    expect(encode(wire, vector.message).toString('hex')).toBe(bytes.toString('hex'));
    expect(wire.kind(vector.message)).toBe(vector.message.type);
    expect(wire.frame(bytes, 0, 'client')).toBe(bytes.length);
    expect(bytes.length).toBeLessThanOrEqual(wire.longest);
  });

  test('is the same message one byte at a time, and not before the last one', () => {
    const inbox = new Inbox(wire, vector.from);
    for (let at = 0; at < bytes.length; at++) {
      const { messages, error } = inbox.push(bytes.subarray(at, at + 1));
      expect(error, `at byte ${at}`).toBeUndefined();
      expect(messages, `at byte ${at}`).toEqual(at === bytes.length - 1 ? [vector.message] : []);
    }
  });

  test('says what it is in a few words', () => {
    expect(wire.says(vector.message)).toBe(vector.says);
  });

  test('has a name for every bit, and the names that the specification gives', () => {
    const reader = new Reader(bytes, { annotate: true });
    wire.read(reader, vector.from, 'tcp', new Map());
    reader.finish();
    expect(reader.fields?.map(({ id }) => id)).toEqual(vector.fields);
    const named = Buffer.alloc(bytes.length);
    for (const { start, end, mask, id } of reader.fields ?? []) {
      for (let at = start; at < end; at++) {
        expect((named[at] ?? 0) & (mask ?? 0xff), `${id}, byte ${at}`).toBe(0);
        named[at] = (named[at] ?? 0) | (mask ?? 0xff);
      }
    }
    expect(named.every((bits) => bits === 0xff)).toBe(true);
  });

  test('leans on memory only with fields that it has', () => {
    for (const lean of wire.leans(vector.message, vector.from, new Map()))
      expect(vector.fields, lean.why).toContain(lean.field);
  });

  test('is not for the other side to say', () => {
    if (vector.message.type === 'CLOSE') return expect(decode(wire, bytes, 'server')).toEqual(vector.message);
    const other = vector.from === 'client' ? 'server' : 'client';
    expect(refusal(bytes, other)).toMatchObject({
      at: 0,
      cite: 'tcp-session §7',
      message: `${vector.message.type} is not for a ${other} to say (byte 0)`,
    });
  });
});

test('all of them in one stream, of either side, come out in order', () => {
  for (const side of ['client', 'server'] as const) {
    const own = VECTORS.filter(({ from }) => from === side);
    const stream = Buffer.concat(own.map(bytesOf));
    expect(new Inbox(wire, side).push(stream)).toEqual({ messages: own.map(({ message }) => message) });
  }
});

/** What an inbox of the server (or of another side) makes of these bytes: nothing may come of them but an error. */
function refusal(bytes: Buffer, from: Side = 'client'): WireError {
  const { messages, error } = new Inbox(wire, from).push(bytes);
  expect(messages).toEqual([]);
  if (!(error instanceof WireError)) throw new Error('nothing was refused');
  return error;
}

describe('refused, at the byte that can never be right', () => {
  test.each([0, 2, 3, 15])('version %i, from its first byte alone', (version) => {
    expect(refusal(Buffer.from([(version << 4) | 4]))).toMatchObject({
      at: 0,
      cite: 'tcp-session §7',
      message: `version ${version} is not spoken here (byte 0)`,
    });
  });

  test.each([0, 8, 9, 10, 11, 12, 13, 14, 15])('type %i, from its first byte alone', (type) => {
    expect(refusal(Buffer.from([0x10 | type]))).toMatchObject({
      at: 0,
      cite: 'tcp-session §7',
      message: `no message has type ${type} (byte 0)`,
    });
  });

  test('a length that the type cannot have, from the header alone; any that it can have is waited for', () => {
    const most = [0, 4, 28, 20, 1028, 12, 8, 0];
    const least = [0, 4, 28, 20, 5, 12, 8, 0];
    for (let type = 1; type <= 7; type++) {
      const [low, high] = [least[type] ?? 0, most[type] ?? 0];
      for (const length of [0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 19, 20, 21, 27, 28, 29, 1027, 1028, 1029, 65_535]) {
        const header = Buffer.from([0x10 | type, 0, length >> 8, length & 0xff]);
        if (length >= low && length <= high) {
          expect(wire.frame(header, 0, 'client'), `type ${type}, length ${length}`).toBe(4 + length);
        } else {
          const error = refusal(header);
          expect(error.at, `type ${type}, length ${length}`).toBe(2);
          expect(error.message).toMatch(/ cannot be \d+ bytes long/);
        }
      }
    }
  });

  test.each(
    VECTORS.filter(({ name }) => /^(OPEN|OPENED|RESUME|DATA|ACK delivered|CLOSE .*|RESET digest differs)$/.test(name)),
  )('a code that $name does not have', (vector) => {
    const bytes = bytesOf(vector);
    const known = { ACK: [0, 1, 2, 3], RESET: [1, 2, 3, 4, 5, 6, 7, 8] }[vector.message.type as string] ?? [0];
    for (let code = 0; code < 256; code++) {
      bytes[1] = code;
      if (known.includes(code)) {
        expect(encode(wire, decode(wire, bytes, vector.from))).toEqual(bytes);
      } else {
        expect(refusal(bytes, vector.from)).toMatchObject({ at: 1, cite: 'tcp-session §7' });
      }
    }
  });

  test('half a header proves nothing yet', () => {
    expect(wire.frame(Buffer.alloc(0), 0, 'client')).toBeUndefined();
    expect(wire.frame(Buffer.from('14', 'hex'), 0, 'client')).toBeUndefined();
    expect(wire.frame(Buffer.from('14ff', 'hex'), 0, 'client')).toBeUndefined();
    expect(wire.frame(Buffer.from('14ffff', 'hex'), 0, 'client')).toBeUndefined();
    expect(() => wire.frame(Buffer.from('14ffffff', 'hex'), 0, 'client')).toThrow(WireError);
  });

  test('the offset counts from the message that is wrong, whatever came before it', () => {
    const good = encode(wire, { type: 'OPEN', seq: 1 });
    const { messages, error } = new Inbox(wire, 'client').push(
      Buffer.concat([good, good, Buffer.from('14000000', 'hex')]),
    );
    expect(messages).toHaveLength(2);
    expect(error?.at).toBe(2);
  });
});

describe('the token', () => {
  const opened: Message = { type: 'OPENED', session: 7, token: TOKEN, next: 100, window: 4096 };
  const resume: Message = { type: 'RESUME', session: 7, token: TOKEN };

  test.each([opened, resume])('is a secret and a chance in $type, and nobody says it', (message) => {
    const from = message.type === 'OPENED' ? 'server' : 'client';
    const reader = new Reader(encode(wire, message), { annotate: true });
    wire.read(reader, from, 'tcp', new Map());
    const token = reader.fields?.find(({ id }) => id === 'token');
    expect(token).toMatchObject({ secret: true, chance: true, value: TOKEN_BYTES, end: (token?.start ?? 0) + 16 });

    const words = [
      wire.says(message),
      JSON.stringify(wire.leans(message, from, new Map())),
      ...(reader.fields ?? []).map(({ gloss }) => gloss ?? ''),
      ...(reader.fields ?? []).filter(({ secret }) => !secret).map(({ show }) => show),
    ].join(' ');
    expect(words).not.toContain(TOKEN);
    expect(words).not.toContain(TOKEN_BYTES);
  });

  test('keeps its 128 bits on the way there and back, whatever they are', () => {
    for (const fill of [0x00, 0xff, 0x3e, 0x3f, 0xfb]) {
      const token = Buffer.alloc(16, fill).toString('base64url');
      expect(decode(wire, encode(wire, { ...resume, token } as Message), 'client')).toEqual({ ...resume, token });
    }
  });
});

test('an onlooker learns which session a connection means from OPENED or RESUME, and says so of what follows', () => {
  const seen: Seen = new Map();
  const data: Message = { type: 'DATA', seq: 1, payload: Buffer.from('x') };
  const keyOf = (message: Message, from: Side) =>
    wire.leans(message, from, seen).map(({ op, holder, key }) => [op, holder, key]);
  expect(keyOf(data, 'client')).toEqual([['reads', 'server', 'session[?]']]);
  expect(keyOf({ type: 'OPEN', seq: 1 }, 'client')).toEqual([]);
  expect(keyOf({ type: 'OPENED', session: 7, token: TOKEN, next: 1, window: 9 }, 'server')).toEqual([
    ['writes', 'client', 'session[7]'],
  ]);
  expect(keyOf(data, 'client')).toEqual([['reads', 'server', 'session[7]']]);
  expect(keyOf({ type: 'ACK', code: 0, next: 2, window: 9, digest: 0 }, 'server')).toEqual([
    ['reads', 'client', 'session[7]'],
  ]);
  expect(keyOf({ type: 'RESUME', session: 8, token: TOKEN }, 'client')).toEqual([['reads', 'server', 'session[8]']]);
  expect(keyOf({ type: 'CLOSE', next: 2, digest: 0 }, 'client')).toEqual([['reads', 'server', 'session[8]']]);
  expect(keyOf({ type: 'CLOSE', next: 2, digest: 0 }, 'server')).toEqual([['clears', 'client', 'session[8]']]);
  expect([1, 2, 3, 4, 5, 6].flatMap((code) => keyOf({ type: 'RESET', code } as Message, 'server'))).toEqual([
    ['denies', 'server', 'session[8]'],
    ['denies', 'server', 'session[8]'],
  ]);
});

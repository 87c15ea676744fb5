// Every refusal with the byte that deserves it, the clause it offends and the code it is answered with; and that nothing but a
// refusal comes of any bytes.

import { describe, expect, test } from 'vitest';
import { dice } from '../../../src/lab/world.ts';
import {
  CODE,
  codeFor,
  farewell,
  LARGEST,
  type Message,
  opening,
  type Version,
  wire,
} from '../../../src/protocols/mqtt/wire.ts';
import { Reader, WireError } from '../../../src/wire/fields.ts';
import { drawn } from '../../../src/wire/printable.ts';
import { decode, encode, Inbox, type Seen, type Side } from '../../../src/wire/wire.ts';
import { untiled } from '../../promises.ts';
import { packets } from './packets.ts';

/** A packet: its first byte, the length of the rest, the rest. */
function packet(first: string, ...rest: string[]): Buffer {
  const body = Buffer.from(rest.join(''), 'hex');
  const length = [];
  for (let left = body.length; left > 0x7f; left >>>= 7) length.push((left & 0x7f) | 0x80);
  length.push(body.length >>> (7 * length.length));
  return Buffer.concat([Buffer.from(first, 'hex'), Buffer.from(length), body]);
}

/** What is made of these bytes after a CONNECT of this version: nothing may come of them but an error. */
function refusal(bytes: Buffer, version: Version | undefined, from: Side = 'client'): WireError {
  const seen: Seen = version === undefined ? new Map() : new Map([['version', `${version}`]]);
  const { messages, error } = new Inbox(wire, from, seen).push(bytes);
  expect(messages).toEqual([]);
  if (!(error instanceof WireError)) throw new Error('nothing was refused');
  return error;
}

type Wrong = [what: string, bytes: Buffer, version: Version, at: number, cite: string, code: number, from?: Side];

const { malformed, protocolError } = CODE;
const head = (level: string, flags: string) => `00044d5154540${level}${flags}000a`;

const CONNECTS: Wrong[] = [
  ['the reserved flag', packet('10', head('4', '01'), '000163'), 4, 9, 'MQTT-3.1.2-3', malformed],
  ['a will of QoS 3', packet('10', head('4', '1c'), '000163'), 4, 9, 'MQTT-3.1.2-14', malformed],
  ['a will of QoS 3', packet('10', head('5', '1c'), '00000163'), 5, 9, 'MQTT-3.1.2-12', malformed],
  ['QoS without a will', packet('10', head('4', '08'), '000163'), 4, 9, 'MQTT-3.1.2-13', malformed],
  ['QoS without a will', packet('10', head('5', '10'), '00000163'), 5, 9, 'MQTT-3.1.2-11', malformed],
  ['retain without a will', packet('10', head('4', '20'), '000163'), 4, 9, 'MQTT-3.1.2-15', malformed],
  ['retain without a will', packet('10', head('5', '20'), '00000163'), 5, 9, 'MQTT-3.1.2-13', malformed],
  ['password without user', packet('10', head('4', '40'), '000163', '000170'), 4, 9, 'MQTT-3.1.2-22', malformed],
  ['another name', packet('10', '00044d515455', '04', '00', '000a', '000163'), 4, 2, 'MQTT-3.1.2-1', 0x84],
  ['MQTT 3.1', packet('10', '00064d514973647003', '00', '000a', '000163'), 4, 10, 'MQTT-3.1.2-2', 0x84],
  ['level 3', packet('10', head('3', '00'), '000163'), 4, 8, 'MQTT-3.1.2-2', 0x84],
  ['level 6', packet('10', head('6', '00'), '000163'), 5, 8, 'MQTT-3.1.2-2', 0x84],
  ['no client identifier', packet('10', head('4', '00')), 4, 12, 'MQTT 5 §4.13', malformed],
  ['a client identifier cut short', packet('10', head('4', '00'), '000363'), 4, 12, 'MQTT 5 §4.13', malformed],
  ['a byte too many', packet('10', head('4', '00'), '000163', '00'), 4, 15, 'MQTT 5 §4.13', malformed],
  [
    'a wildcard in the will',
    packet('10', head('4', '04'), '000163', '0003612f2b', '0000'),
    4,
    19,
    'MQTT-4.7.1-1',
    0x90,
  ],
  ['a will without topic', packet('10', head('4', '04'), '000163', '0000', '0000'), 4, 15, 'MQTT-4.7.3-1', 0x90],
  ['NUL in the client', packet('10', head('4', '00'), '00036100', '62'), 4, 15, 'MQTT-1.5.3-2', malformed],
  ['a surrogate in the client', packet('10', head('5', '00'), '00', '0003eda080'), 5, 16, 'MQTT-1.5.4-1', malformed],
  [
    'data without a method',
    packet('10', head('5', '00'), '04', '16000101', '0000'),
    5,
    12,
    'MQTT 5 §3.1.2.11.10',
    protocolError,
  ],
  [
    'receive maximum 0',
    packet('10', head('5', '00'), '03', '210000', '0000'),
    5,
    14,
    'MQTT 5 §3.1.2.11.3',
    protocolError,
  ],
  [
    'packet size 0',
    packet('10', head('5', '00'), '05', '2700000000', '0000'),
    5,
    14,
    'MQTT 5 §3.1.2.11.4',
    protocolError,
  ],
  [
    'request response 2',
    packet('10', head('5', '00'), '02', '1902', '0000'),
    5,
    14,
    'MQTT 5 §3.1.2.11.6',
    protocolError,
  ],
  [
    'request problem 2',
    packet('10', head('5', '00'), '02', '1702', '0000'),
    5,
    14,
    'MQTT 5 §3.1.2.11.7',
    protocolError,
  ],
  [
    'a delay outside a will',
    packet('10', head('5', '00'), '05', '1800000000', '0000'),
    5,
    13,
    'MQTT 5 §2.2.2.2',
    malformed,
  ],
  [
    'expiry within a will',
    packet('10', head('5', '04'), '00', '0000', '05', '1100000000', '000161', '0000'),
    5,
    16,
    'MQTT 5 §2.2.2.2',
    malformed,
  ],
];

const PACKETS: Wrong[] = [
  ['type 0', packet('00'), 4, 0, 'MQTT 5 §2.1.2', malformed],
  ['QoS 3', packet('36', '000161', '0001'), 4, 0, 'MQTT-3.3.1-4', malformed],
  ['DUP with QoS 0', packet('38', '000161'), 4, 0, 'MQTT-3.3.1-2', malformed],
  ...['11', '41', '52', '60', '64', '72', '80', '8a', 'a0', 'a6', 'c1', 'e8', 'f1'].map(
    (first): Wrong => [
      `flags of ${first}`,
      packet(first, '0001'),
      5,
      0,
      'MQTT-2.2.2-1 of 3.1.1, MQTT-2.1.3-1 of 5.0',
      malformed,
    ],
  ),
  ...['20', '90', 'b0', 'd0'].map(
    (first): Wrong => [`${first} from a client`, packet(first, '0001'), 5, 0, 'MQTT 5 §2.1.2', protocolError],
  ),
  ...['10', '82', 'a2', 'c0'].map(
    (first): Wrong => [`${first} from a server`, packet(first, '0001'), 5, 0, 'MQTT 5 §2.1.2', protocolError, 'server'],
  ),
  ['a remaining length of five bytes', Buffer.from('3080808080', 'hex'), 4, 4, 'MQTT 5 §1.5.5', malformed],
  [
    'a remaining length longer than it need be',
    Buffer.from('30830000016178', 'hex').subarray(0, 6),
    4,
    2,
    'MQTT-1.5.5-1',
    malformed,
  ],
  ['one byte more than is taken', Buffer.from('30fdff0f', 'hex'), 4, 1, 'MQTT 5 §3.2.2.3.6', 0x95],
  ['a wildcard', packet('30', '0003612f23'), 4, 6, 'MQTT-3.3.2-2', 0x90],
  ['a wildcard', packet('30', '00032b2f61', '00'), 5, 4, 'MQTT-3.3.2-2', 0x90],
  ['a NUL', packet('30', '0003612f00'), 4, 6, 'MQTT-1.5.3-2', malformed],
  ['no UTF-8', packet('30', '0003612fc3', '00'), 5, 6, 'MQTT-1.5.4-1', malformed],
  ['no topic', packet('30', '0000'), 4, 2, 'MQTT-4.7.3-1', protocolError],
  ['no topic and no alias', packet('30', '0000', '00'), 5, 2, 'MQTT 5 §3.3.2.1', protocolError],
  ['a topic cut short', packet('30', '000561'), 4, 2, 'MQTT 5 §4.13', malformed],
  ['half a length', packet('30', '00'), 4, 2, 'MQTT 5 §4.13', malformed],
  ['identifier 0', packet('32', '000161', '0000'), 4, 5, 'MQTT-2.3.1-1', protocolError],
  ['identifier 0', packet('32', '000161', '0000', '00'), 5, 5, 'MQTT-2.2.1-3', protocolError],
  ['no identifier', packet('32', '000161'), 4, 5, 'MQTT 5 §4.13', malformed],
  ['no properties', packet('30', '000161'), 5, 5, 'MQTT 5 §1.5.5', malformed],
  ['properties cut short', packet('30', '000161', '05', '01'), 5, 5, 'MQTT 5 §2.2.2.1', malformed],
  ['a property cut short', packet('30', '000161', '01', '02', '0000'), 5, 7, 'MQTT 5 §4.13', malformed],
  [
    'a text cut short by the others',
    packet('30', '000161', '05', '0300056161', '616161'),
    5,
    7,
    'MQTT 5 §4.13',
    malformed,
  ],
  ['no such property', packet('30', '000161', '02', '0400'), 5, 6, 'MQTT 5 §2.2.2.2', malformed],
  ['a property of CONNACK', packet('30', '000161', '02', '2401'), 5, 6, 'MQTT 5 §2.2.2.2', malformed],
  ['a property twice', packet('30', '000161', '04', '01000100'), 5, 8, 'MQTT 5 §2.2.2.2', protocolError],
  ['a format of 2', packet('30', '000161', '02', '0102'), 5, 7, 'MQTT 5 §3.3.2.3.2', protocolError],
  ['alias 0', packet('30', '000161', '03', '230000'), 5, 7, 'MQTT-3.3.2-8', 0x94],
  ['a wildcard to answer to', packet('30', '000161', '04', '0800012b'), 5, 9, 'MQTT-3.3.2-14', protocolError],
  ['a subscription of a client', packet('30', '000161', '02', '0b01'), 5, 6, 'MQTT-3.3.4-6', protocolError],
  ['subscription 0', packet('30', '000161', '02', '0b00'), 5, 7, 'MQTT 5 §3.8.2.1.2', protocolError, 'server'],
  ['an overlong subscription', packet('30', '000161', '03', '0b8100'), 5, 8, 'MQTT-1.5.5-1', malformed, 'server'],
  [
    'a subscription without end',
    packet('30', '000161', '05', '0b80808080', '01'),
    5,
    10,
    'MQTT 5 §1.5.5',
    malformed,
    'server',
  ],
  ...(['40', '50', '62', '70'] as const).flatMap((first, nth): Wrong[] => [
    [`${first} for 0`, packet(first, '0000'), 4, 2, 'MQTT-2.3.1-1', protocolError],
    [`${first} with more`, packet(first, '000100'), 4, 4, 'MQTT 5 §4.13', malformed],
    [`${first} with less`, packet(first, '00'), 5, 2, 'MQTT 5 §4.13', malformed],
    [`${first} with a code of none`, packet(first, '000101'), 5, 4, `MQTT-3.${4 + nth}.2-1`, protocolError],
    [`${first} with a byte too many`, packet(first, '00010000', '00'), 5, 6, 'MQTT 5 §4.13', malformed],
  ]),
  ['no filter', packet('82', '0001'), 4, 3, 'MQTT-3.8.3-3', protocolError],
  ['no filter', packet('82', '0001', '00'), 5, 4, 'MQTT-3.8.3-2', protocolError],
  ['an empty filter', packet('82', '0001', '0000', '00'), 4, 5, 'MQTT-4.7.3-1', 0x8f],
  ['no options', packet('82', '0001', '000161'), 4, 7, 'MQTT 5 §4.13', malformed],
  ['options of 5.0', packet('82', '0001', '000161', '04'), 4, 7, 'MQTT-3-8.3-4', malformed],
  ['QoS 3', packet('82', '0001', '000161', '03'), 4, 7, 'MQTT-3-8.3-4', malformed],
  ['QoS 3', packet('82', '0001', '00', '000161', '03'), 5, 8, 'MQTT 5 §3.8.3.1', protocolError],
  ['reserved options', packet('82', '0001', '00', '000161', '40'), 5, 8, 'MQTT-3.8.3-5', malformed],
  ['retain handling 3', packet('82', '0001', '00', '000161', '30'), 5, 8, 'MQTT 5 §3.8.3.1', protocolError],
  [
    'no local and shared',
    packet('82', '0001', '00', '000a2473686172652f672f61', '04'),
    5,
    17,
    'MQTT-3.8.3-4',
    protocolError,
  ],
  [
    'two subscription identifiers',
    packet('82', '0001', '04', '0b010b02', '000161', '00'),
    5,
    7,
    'MQTT 5 §2.2.2.2',
    protocolError,
  ],
  ...(
    [
      ['#/a', 0, 2, 1],
      ['a#', 1, 2, 1],
      ['a/#/', 2, 2, 1],
      ['a/+b', 2, 3, 2],
      ['a+', 1, 3, 2],
      ['+a/b', 0, 3, 2],
      ['a/++', 2, 3, 2],
    ] as const
  ).flatMap(([filter, at, four, five]): Wrong[] => {
    const bytes = `000${filter.length}${Buffer.from(filter).toString('hex')}`;
    return [
      [filter, packet('82', '0001', bytes, '00'), 4, 6 + at, `MQTT-4.7.1-${four}`, 0x8f],
      [filter, packet('82', '0001', '00', bytes, '00'), 5, 7 + at, `MQTT-4.7.1-${five}`, 0x8f],
      [filter, packet('a2', '0001', bytes), 4, 6 + at, `MQTT-4.7.1-${four}`, 0x8f],
    ];
  }),
  ...(
    [
      ['$share//a', 6, 1],
      ['$share/+/a', 7, 2],
      ['$share/#', 7, 2],
      ['$share/g', 7, 2],
      ['$share/g/', 8, 2],
    ] as const
  ).map(([filter, at, nth]): Wrong => {
    const bytes = `000${filter.length.toString(16)}${Buffer.from(filter).toString('hex')}`;
    return [filter, packet('82', '0001', '00', bytes, '00'), 5, 7 + at, `MQTT-4.8.2-${nth}`, 0x8f];
  }),
  ['no filter', packet('a2', '0001'), 4, 3, 'MQTT-3.10.3-2', protocolError],
  ['no filter', packet('a2', '0001', '00'), 5, 4, 'MQTT-3.10.3-2', protocolError],
  ['a filter cut short', packet('a2', '0001', '000261'), 4, 4, 'MQTT 5 §4.13', malformed],
  ['more than nothing', packet('c0', '00'), 4, 2, 'MQTT 5 §4.13', malformed],
  ['more than nothing', packet('e0', '00'), 4, 2, 'MQTT 5 §4.13', malformed],
  ['a code of none', packet('e0', '01'), 5, 2, 'MQTT-3.14.2-1', protocolError],
  ['an expiry of a server', packet('e0', '00', '05', '1100000000'), 5, 4, 'MQTT-3.14.2-2', protocolError, 'server'],
  ['a good-bye of a server', packet('e0'), 4, 0, 'MQTT 3.1.1 §2.2.1', protocolError, 'server'],
  ['AUTH in 3.1.1', packet('f0'), 4, 0, 'MQTT 3.1.1 §2.2.1', malformed],
  ['a code of none', packet('f0', '01'), 5, 2, 'MQTT-3.15.2-1', protocolError],
  ['no method', packet('f0', '18', '00'), 5, 3, 'MQTT 5 §3.15.2.2.2', protocolError],
  ['reserved flags', packet('20', '0200'), 4, 2, 'MQTT 3.1.1 §3.2.2.1', malformed, 'server'],
  ['reserved flags', packet('20', '800000'), 5, 2, 'MQTT-3.2.2-1', malformed, 'server'],
  ['a session of nobody', packet('20', '0105'), 4, 2, 'MQTT-3.2.2-4', protocolError, 'server'],
  ['a session of nobody', packet('20', '018700'), 5, 2, 'MQTT-3.2.2-6', protocolError, 'server'],
  ['a code of none', packet('20', '0006'), 4, 3, 'MQTT 3.1.1 §3.2.2.3', protocolError, 'server'],
  ['a code of none', packet('20', '000100'), 5, 3, 'MQTT-3.2.2-8', protocolError, 'server'],
  ['no code', packet('90', '0001'), 4, 3, 'MQTT-3.8.4-5', malformed, 'server'],
  ['no code', packet('90', '0001', '00'), 5, 4, 'MQTT-3.8.4-6', malformed, 'server'],
  ['a code of none', packet('90', '0001', '03'), 4, 4, 'MQTT-3.9.3-2', protocolError, 'server'],
  ['a code of none', packet('90', '0001', '00', '03'), 5, 5, 'MQTT-3.9.3-2', protocolError, 'server'],
  ['no code', packet('b0', '0001', '00'), 5, 4, 'MQTT-3.11.3-1', malformed, 'server'],
  ['a code of none', packet('b0', '0001', '00', '01'), 5, 5, 'MQTT-3.11.3-2', protocolError, 'server'],
  ['codes in 3.1.1', packet('b0', '0001', '00'), 4, 4, 'MQTT 5 §4.13', malformed, 'server'],
];

describe('refused at the byte that can never be right', () => {
  test.each(CONNECTS)('CONNECT with %s', (_what, bytes, _version, at, cite, code) => {
    const error = refusal(bytes, undefined);
    expect({ at: error.at, cite: error.cite, code: codeFor(error) }).toEqual({ at, cite, code });
    // There may be a password in it, wherever it went wrong.
    expect(error.secret).toBe(true);
  });

  test.each(PACKETS)('%s (%#)', (_what, bytes, version, at, cite, code, from) => {
    const error = refusal(bytes, version, from);
    expect({ at: error.at, cite: error.cite, code: codeFor(error) }).toEqual({ at, cite, code });
    expect(error.message).toMatch(new RegExp(`^[^(]+ \\(byte ${at}\\)$`));
  });

  test('what comes before any CONNECT may be one, spoiled, with a password in it', () => {
    const wild = packet('30', '00012b');
    expect(refusal(wild, undefined).secret).toBe(true);
    expect(refusal(wild, 4).secret).toBe(false);
    expect(refusal(wild, undefined, 'server').secret).toBe(false);
  });

  test('the offset counts from the packet that is wrong, whatever came before it', () => {
    const good = packet('30', '000161', '78');
    const { messages, error } = new Inbox(wire, 'client').push(Buffer.concat([good, good, packet('30', '0003612f23')]));
    expect(messages).toHaveLength(2);
    expect(error?.at).toBe(6);
  });

  test('filters and names as they should be are taken', () => {
    for (const filter of ['#', '+', '/', '//', '+/+', '+/#', '/+', '$SYS/#', 'a//b', '$share', '$sharex/+', 'ä/#']) {
      const filters = [filter];
      const message: Message = { version: 5, type: 'UNSUBSCRIBE', id: 1, properties: {}, filters };
      expect(decode(wire, encode(wire, message), 'client', 'tcp', new Map([['version', '5']]))).toEqual(message);
    }
    for (const filter of ['$share/g/#', '$share/g/+/x', '$share/g//', '$share/ä/b']) {
      const message: Message = { version: 5, type: 'UNSUBSCRIBE', id: 1, properties: {}, filters: [filter] };
      expect(decode(wire, encode(wire, message), 'client', 'tcp', new Map([['version', '5']]))).toEqual(message);
    }
    // In 3.1.1 nothing is shared, and the name is one like any other.
    const old: Message = { version: 4, type: 'UNSUBSCRIBE', id: 1, properties: {}, filters: ['$share//a'] };
    expect(decode(wire, encode(wire, old), 'client')).toEqual(old);
  });
});

describe('a length is judged from the header alone', () => {
  test('whatever can still become one is waited for', () => {
    for (const bytes of ['', '30', '3080', '308080', '30808080', '30808080'])
      expect(wire.frame(Buffer.from(bytes, 'hex'), 0, 'client'), bytes).toBeUndefined();
    expect(wire.frame(Buffer.from('30fcff0f', 'hex'), 0, 'client')).toBe(LARGEST.other);
    expect(() => wire.frame(Buffer.from('30fdff0f', 'hex'), 0, 'client')).toThrow(WireError);
    expect(() => wire.frame(Buffer.from('30ffffff7f', 'hex'), 0, 'client')).toThrow('268435460 bytes');
  });

  test('the first packet is CONNECT, and no larger than one', () => {
    const inbox = () => new Inbox(opening, 'client');
    for (const first of ['30', '40', 'c0', 'e0', 'f0', '82']) {
      const { error } = inbox().push(Buffer.from(first, 'hex'));
      expect(error).toMatchObject({ at: 0, cite: 'MQTT-3.1.0-1', secret: true });
      expect(codeFor(error as WireError)).toBe(protocolError);
    }
    expect(opening.frame(Buffer.from('10fd3f', 'hex'), 0, 'client')).toBe(LARGEST.first);
    const { error } = inbox().push(Buffer.from('10fe3f', 'hex'));
    expect(error).toMatchObject({ at: 1, cite: 'MQTT 5 §3.2.2.3.6' });
    expect(codeFor(error as WireError)).toBe(CODE.packetTooLarge);
    expect(inbox().push(packet('10', head('4', '02'), '000163')).messages).toMatchObject([{ type: 'CONNECT' }]);
    expect(opening.frame(Buffer.alloc(0), 0, 'client')).toBeUndefined();
  });
});

describe('what a server says of bytes that it refuses', () => {
  const said = (bytes: Buffer, connected: boolean, seen: Seen = new Map()) => {
    const { error } = new Inbox(wire, 'client', seen).push(bytes);
    return farewell(error as WireError, seen, connected);
  };

  test('to a CONNECT of another level: the old ones are told in the words of 3.1.1, the new ones in those of 5.0', () => {
    const old = { version: 4, type: 'CONNACK', sessionPresent: false, code: 1 };
    const recent = { version: 5, type: 'CONNACK', sessionPresent: false, code: 0x84 };
    expect(said(packet('10', head('3', '00'), '000163'), false)).toMatchObject(old);
    expect(said(packet('10', '00064d514973647003', '00', '000a', '000163'), false)).toMatchObject(old);
    // As a bridge says it, that takes a refusal for a request to leave the top bit out.
    expect(said(packet('10', '00044d515454', '84', '00', '000a', '000163'), false)).toMatchObject(old);
    expect(said(packet('10', '00044d515454', '85', '00', '000a', '00', '000163'), false)).toMatchObject(recent);
    expect(said(packet('10', head('6', '00'), '00', '000163'), false)).toMatchObject(recent);
    expect(said(packet('10', '000448545450', '04', '00', '000a'), false)).toBeUndefined();
  });

  test('in 5.0: CONNACK before it has answered, DISCONNECT after that; in 3.1.1 nothing', () => {
    const reserved = (level: string) => packet('10', head(level, '01'), '000163');
    expect(said(reserved('5'), false)).toMatchObject({ version: 5, type: 'CONNACK', code: malformed });
    expect(said(reserved('4'), false)).toBeUndefined();
    const wild = packet('30', '00012b', '00');
    expect(said(wild, true, new Map([['version', '5']]))).toEqual({ version: 5, type: 'DISCONNECT', code: 0x90 });
    expect(said(wild, true, new Map([['version', '4']]))).toBeUndefined();
    expect(said(packet('00'), false)).toBeUndefined();
  });

  test('to a second CONNECT of another level nothing: CONNACK has been said', () => {
    expect(said(packet('10', head('3', '00'), '000163'), true)).toBeUndefined();
  });

  test('is itself a packet that can be read', () => {
    for (const code of new Set([...CONNECTS, ...PACKETS].map((each) => each[5]))) {
      const message: Message = { version: 5, type: 'DISCONNECT', code };
      if (code === CODE.unsupportedVersion) continue;
      expect(decode(wire, encode(wire, message), 'server', 'tcp', new Map([['version', '5']]))).toEqual(message);
    }
  });

  test('an error that says nothing more is a malformed packet', () => {
    expect(codeFor(new WireError('?', 0))).toBe(malformed);
  });
});

describe('spoiled and cut short', () => {
  test('nothing but a WireError comes of any of it, and what is read is what is written', () => {
    const roll = dice(7);
    let read = 0;
    let refused = 0;
    for (const { message, from } of packets(1500, 3)) {
      const whole = encode(wire, message);
      for (let nth = 0; nth < 6; nth++) {
        const bytes = Buffer.from(whole.subarray(0, nth === 0 ? roll(whole.length) : undefined));
        for (let times = 1 + roll(2); times > 0 && bytes.length > 0; times--) bytes[roll(bytes.length)] = roll(256);
        // The length of the whole is put right at times, so that what is inside is reached.
        if (nth % 2 && bytes.length > 1 && bytes.length < 130) bytes[1] = bytes.length - 2;
        const seen: Seen = new Map([['version', `${message.version}`]]);
        const reader = new Reader(bytes, { annotate: nth % 3 === 0 });
        try {
          const again = wire.read(reader, from, 'tcp', seen);
          reader.finish();
          read++;
          expect(encode(wire, again).toString('hex')).toBe(bytes.toString('hex'));
          if (reader.fields) expect(untiled(reader.fields, bytes.length)).toEqual([]);
          for (const each of [wire.says(again), ...wire.leans(again, from, seen).map(({ key }) => key)])
            expect(drawn(each)).toBe(each);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
          refused++;
          expect(error.cite).toBeDefined();
          expect(error.at).toBeGreaterThanOrEqual(0);
          expect(error.at).toBeLessThanOrEqual(bytes.length);
        }
        try {
          wire.frame(bytes, 0, from);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }
    }
    expect(read).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(3000);
  });
});

// Every part of a DNS message as bytes, both ways, and every refusal with the byte that deserves it.

import { decode as decodePacket } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { dice } from '../../../src/lab/world.ts';
import { type Message, queries, typeName, wire } from '../../../src/protocols/dns/wire.ts';
import { EXAMPLE_ZONE } from '../../../src/served/example.zone.ts';
import { parseMasterFile } from '../../../src/served/master-file.ts';
import { buildZone } from '../../../src/served/zone.ts';
import { type Field, Reader, viewOf, WireError } from '../../../src/wire/fields.ts';
import { decode, encode, Inbox, type Over, type Side } from '../../../src/wire/wire.ts';
import { untiled } from '../../promises.ts';
import { framed, nameOf, opt, option, query, record, u16 } from './words.ts';

function named(bytes: Buffer, side: Side, over: Over = 'udp'): { message: Message; fields: Field[] } {
  const reader = new Reader(bytes, { annotate: true });
  const message = wire.read(reader, side, over, new Map());
  reader.finish();
  return { message, fields: reader.fields ?? [] };
}

const shown = (fields: readonly Field[]) => Object.fromEntries(fields.map(({ id, show }) => [id, show]));

interface Vector {
  name: string;
  from: Side;
  bytes: string[];
  says: string;
  /** Fields after the header, with what is shown of them. */
  fields: Record<string, string>;
}

const QUESTION = [
  '03777777', // www
  '076578616d706c65', // example
  '0474657374', // test
  '00', // root
  '0001', // type A
  '0001', // class IN
];
const ASKED = { 'qd1.name': 'www.example.test', 'qd1.type': '1 A', 'qd1.class': '1 IN' };
const ANSWER_HEADER = [
  '1a2b', // ID
  '8400', // response, authoritative
  '0001', // one question
  '0001', // one answer
  '00000000',
];
const OWNER = { 'an1.name.pointer': '→ byte 12: www.example.test' };

const VECTORS: Vector[] = [
  {
    name: 'a query',
    from: 'client',
    bytes: ['1a2b', '0000', '0001', '0000', '0000', '0000', ...QUESTION],
    says: 'www.example.test A',
    fields: ASKED,
  },
  {
    name: 'an address',
    from: 'server',
    bytes: [...ANSWER_HEADER, ...QUESTION, 'c00c', '0001', '0001', '0000012c', '0004', 'c0000250'],
    says: 'NOERROR www.example.test A → 192.0.2.80',
    fields: {
      ...ASKED,
      ...OWNER,
      'an1.type': '1 A',
      'an1.class': '1 IN',
      'an1.ttl': '300',
      'an1.rdlength': '4',
      'an1.address': '192.0.2.80',
    },
  },
  {
    name: 'a name that goes on elsewhere, in the data',
    from: 'server',
    bytes: [...ANSWER_HEADER, ...QUESTION, 'c00c', '0005', '0001', '0000012c', '0006', '03777732', 'c010'],
    says: 'NOERROR www.example.test A → ww2.example.test',
    fields: {
      ...ASKED,
      ...OWNER,
      'an1.type': '5 CNAME',
      'an1.class': '1 IN',
      'an1.ttl': '300',
      'an1.rdlength': '6',
      'an1.target': 'ww2',
      'an1.target.pointer': '→ byte 16: example.test',
    },
  },
  {
    name: 'mail, service, certificate authority and text',
    from: 'server',
    bytes: [
      '1a2b84000001000400000000',
      ...QUESTION,
      ...['c00c', '000f', '0001', '0000012c', '0004', '000a', 'c010'],
      ...['c00c', '0021', '0001', '0000012c', '0008', '0001', '0002', '0050', 'c010'],
      ...['c00c', '0101', '0001', '0000012c', '0009', '80', '056973737565', '6361'],
      ...['c00c', '0010', '0001', '0000012c', '0005', '026869', '0121'],
    ],
    says: 'NOERROR www.example.test A → 10 example.test, 1 2 80 example.test, 128 "issue" "ca", "hi" …',
    fields: {
      ...ASKED,
      ...OWNER,
      ...{ 'an1.type': '15 MX', 'an1.class': '1 IN', 'an1.ttl': '300', 'an1.rdlength': '4' },
      ...{ 'an1.preference': '10', 'an1.target.pointer': '→ byte 16: example.test' },
      ...{ 'an2.name.pointer': '→ byte 12: www.example.test', 'an2.type': '33 SRV', 'an2.class': '1 IN' },
      ...{ 'an2.ttl': '300', 'an2.rdlength': '8', 'an2.priority': '1', 'an2.weight': '2', 'an2.port': '80' },
      'an2.target.pointer': '→ byte 16: example.test',
      ...{ 'an3.name.pointer': '→ byte 12: www.example.test', 'an3.type': '257 CAA', 'an3.class': '1 IN' },
      ...{ 'an3.ttl': '300', 'an3.rdlength': '9', 'an3.flags': '128', 'an3.tag': '"issue"', 'an3.value': '"ca"' },
      ...{ 'an4.name.pointer': '→ byte 12: www.example.test', 'an4.type': '16 TXT', 'an4.class': '1 IN' },
      ...{ 'an4.ttl': '300', 'an4.rdlength': '5', 'an4.text': '"hi"', 'an4.text2': '"!"' },
    },
  },
  {
    name: 'an address of 128 bits, and a type without a name',
    from: 'server',
    bytes: [
      '1a2b84000001000200000000',
      ...QUESTION,
      ...['c00c', '001c', '0001', '0000012c', '0010', '20010db8000000000001000000000001'],
      ...['c00c', '0041', '0001', '0000012c', '0002', 'cafe'],
    ],
    says: 'NOERROR www.example.test A → 2001:db8::1:0:0:1, \\# 2 cafe',
    fields: {
      ...ASKED,
      ...OWNER,
      ...{ 'an1.type': '28 AAAA', 'an1.class': '1 IN', 'an1.ttl': '300', 'an1.rdlength': '16' },
      'an1.address': '2001:db8::1:0:0:1',
      ...{ 'an2.name.pointer': '→ byte 12: www.example.test', 'an2.type': '65 TYPE65', 'an2.class': '1 IN' },
      ...{ 'an2.ttl': '300', 'an2.rdlength': '2', 'an2.rdata': '\\# 2 cafe' },
    },
  },
  {
    name: 'a name that does not exist, and for how long',
    from: 'server',
    bytes: [
      '1a2b84030001000000010000',
      ...QUESTION,
      ...['c010', '0006', '0001', '0000012c', '001d', '026e73', 'c010', '0161', 'c010'],
      ...['00000001', '00000002', '00000003', '00000004', '00000005'],
    ],
    says: 'NXDOMAIN www.example.test A',
    fields: {
      ...ASKED,
      ...{ 'ns1.name.pointer': '→ byte 16: example.test', 'ns1.type': '6 SOA', 'ns1.class': '1 IN', 'ns1.ttl': '300' },
      ...{ 'ns1.rdlength': '29', 'ns1.mname': 'ns', 'ns1.mname.pointer': '→ byte 16: example.test' },
      ...{ 'ns1.rname': 'a', 'ns1.rname.pointer': '→ byte 16: example.test', 'ns1.serial': '1', 'ns1.refresh': '2' },
      ...{ 'ns1.retry': '3', 'ns1.expire': '4', 'ns1.minimum': '5' },
    },
  },
  {
    name: 'a query with OPT: a cookie with the server’s, and NSID',
    from: 'client',
    bytes: [
      '1a2b01000001000000000001',
      ...QUESTION,
      ...['00', '0029', '04d0', '00', '00', '8000', '0020'],
      ...['000a', '0018', '2464c4abcf10c957', '01', '000000', '5cf79f11', '1f8130c3eee29480'],
      ...['0003', '0000'],
    ],
    says: 'www.example.test A, server cookie',
    fields: {
      ...ASKED,
      ...{ 'opt.name': '.', 'opt.type': '41 OPT', 'opt.size': '1232', 'opt.rcode': '0', 'opt.version': '0' },
      ...{ 'opt.do': '1', 'opt.z': '0', 'opt.z2': '0', 'opt.rdlength': '32' },
      ...{ 'opt.option1.code': '10 COOKIE', 'opt.option1.length': '24', 'opt.cookie.client': '2464c4abcf10c957' },
      ...{ 'opt.cookie.version': '1', 'opt.cookie.reserved': '000000', 'opt.cookie.timestamp': '1559731985' },
      ...{ 'opt.cookie.hash': '1f8130c3eee29480', 'opt.option2.code': '3 NSID', 'opt.option2.length': '0' },
    },
  },
  {
    name: 'BADCOOKIE: the code in two places',
    from: 'server',
    bytes: [
      '1a2b80070001000000000001',
      ...QUESTION,
      ...['00', '0029', '04d0', '01', '00', '0000', '0014'],
      ...['000a', '0010', '2464c4abcf10c957', '0011223344556677'],
    ],
    says: 'BADCOOKIE www.example.test A',
    fields: {
      ...ASKED,
      ...{ 'opt.name': '.', 'opt.type': '41 OPT', 'opt.size': '1232', 'opt.rcode': '1', 'opt.version': '0' },
      ...{ 'opt.do': '0', 'opt.z': '0', 'opt.z2': '0', 'opt.rdlength': '20' },
      ...{ 'opt.option1.code': '10 COOKIE', 'opt.option1.length': '16', 'opt.cookie.client': '2464c4abcf10c957' },
      'opt.cookie.server': '0011223344556677',
    },
  },
];

describe.each(VECTORS)('$name', ({ from, bytes, says, fields }) => {
  const message = Buffer.from(bytes.join(''), 'hex');

  test('reads in words, field by field', () => {
    const { message: read, fields: all } = named(message, from);
    expect(shown(all.slice(15))).toEqual(fields);
    expect(all.slice(0, 15).map(({ id }) => id)).toEqual(
      'id qr opcode aa tc rd ra z ad cd rcode qdcount ancount nscount arcount'.split(' '),
    );
    expect(wire.says(read)).toBe(says);
    expect(wire.kind(read)).toBe(from === 'client' ? 'QUERY' : 'RESPONSE');
  });

  test.each(['udp', 'tcp'] as const)('every bit is explained once over %s, and written back the same', (over) => {
    const whole = over === 'tcp' ? framed(message) : message;
    const { message: read, fields: all } = named(whole, from, over);
    expect(untiled(all, whole.length)).toEqual([]);
    expect(encode(wire, read)).toEqual(whole);
    expect(encode(wire, decode(wire, whole, from, over))).toEqual(whole);
    expect(wire.says(read)).toBe(says);
  });

  test('on a stream, one byte at a time', () => {
    const inbox = new Inbox(wire, from);
    const stream = framed(message, message);
    const read = Array.from(stream, (byte) => inbox.push(Buffer.of(byte)));
    expect(read.flatMap(({ error }) => error ?? [])).toEqual([]);
    expect(read.flatMap(({ messages }) => messages).map((each) => wire.says(each))).toEqual([says, says]);
  });

  test('cut short anywhere, it is no message', () => {
    for (let length = 0; length < message.length; length++) {
      expect(() => decode(wire, message.subarray(0, length), from, 'udp'), `${length} bytes`).toThrow(WireError);
    }
  });
});

describe('what cannot be read', () => {
  const answer = (...records: Buffer[]) => query({ flags: 0x8400, counts: [1, records.length, 0, 0], records });

  test.each<[string, Buffer, string, number]>([
    [
      'a pointer to itself',
      answer(record(1, Buffer.alloc(4), { owner: Buffer.of(0xc0, 34) })),
      'does not lead backward',
      34,
    ],
    [
      'a pointer forward',
      answer(record(1, Buffer.alloc(4), { owner: Buffer.of(0xc0, 40) })),
      'does not lead backward',
      34,
    ],
    [
      'a pointer into the header',
      answer(record(1, Buffer.alloc(4), { owner: Buffer.of(0xc0, 2) })),
      'into the header',
      34,
    ],
    [
      'a question with a pointer',
      Buffer.concat([query().subarray(0, 12), u16(0xc00c, 1, 1)]),
      'does not lead backward',
      12,
    ],
    ['a label type of old', answer(record(5, Buffer.of(0x41, 0))), '01 or 10', 46],
    ['a name of 256 bytes', answer(record(5, nameOf(`${'a.'.repeat(126)}bcd`))), 'longer than 255', 298],
    ['a label that ends outside its record', answer(record(5, Buffer.of(3, 97, 98))), 'does not end', 50],
    [
      'a pointer to a label that ends behind it',
      answer(record(65, Buffer.of(14)), record(1, Buffer.of(0, 0, 0, 0), { owner: Buffer.of(0xc0, 46) })),
      'does not end',
      61,
    ],
    ['an address of five bytes', answer(record(1, Buffer.alloc(5))), '1 bytes too many', 50],
    ['an address of three bytes', answer(record(1, Buffer.alloc(3))), 'needs 4 bytes', 46],
    ['data that is not all there', answer(record(1, Buffer.alloc(4))).subarray(0, 49), '4 bytes of data', 46],
    ['bytes after the end', Buffer.concat([query(), Buffer.of(0)]), '1 bytes too many', 34],
    ['a second OPT', query({ records: [opt(), opt()] }), 'a second OPT', 45],
    ['an OPT among the answers', query({ counts: [1, 1, 0, 0], records: [opt()] }), 'among the others', 34],
    [
      'an OPT with a name',
      query({ records: [Buffer.concat([Buffer.of(0xc0, 12), opt().subarray(1)])] }),
      'belongs to a name',
      34,
    ],
    ['a cookie of 7 bytes', query({ records: [opt({ options: [option(10, '00'.repeat(7))] })] }), 'no cookie is 7', 47],
    ['a cookie of 9 bytes', query({ records: [opt({ options: [option(10, '00'.repeat(9))] })] }), 'no cookie is 9', 47],
    [
      'a cookie of 41 bytes',
      query({ records: [opt({ options: [option(10, '00'.repeat(41))] })] }),
      'no cookie is 41',
      47,
    ],
    ['an option that ends outside', query({ records: [opt({ options: [u16(3, 1)] })] }), '1 bytes of data', 49],
  ])('%s', (_name, bytes, why, at) => {
    const side = bytes.readUInt16BE(2) & 0x8000 ? 'server' : 'client';
    for (const annotate of [false, true]) {
      const reader = new Reader(bytes, { annotate });
      let thrown: unknown;
      try {
        wire.read(reader, side, 'udp', new Map());
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(WireError);
      expect((thrown as WireError).message).toContain(why);
      expect((thrown as WireError).at).toBe(at);
    }
  });

  test('over TCP the offset counts the length before the message', () => {
    const bytes = framed(Buffer.concat([query(), Buffer.of(0)]));
    expect(() => decode(wire, bytes, 'client', 'tcp')).toThrow('(byte 36)');
  });

  test('a chain of pointers is followed as far as a name may have labels, and no further', () => {
    // Byte 34 is where the first record begins: an unknown type whose data is the chain, then one whose owner follows it.
    const last = (length: number) => u16(0xc000 + 46 + 2 * (length - 1));
    const chained = (length: number) => {
      const links = Array.from({ length }, (_none, at) => u16(0xc000 + (at === 0 ? 12 : 46 + 2 * (at - 1))));
      return answer(record(65, Buffer.concat(links)), record(1, Buffer.alloc(4), { owner: last(length) }));
    };
    expect(named(chained(126), 'server').fields.find(({ id }) => id === 'an2.name.pointer')?.show).toContain(
      ': www.example.test',
    );
    expect(() => decode(wire, chained(127), 'server', 'udp')).toThrow('more than 127 pointers');
  });

  test('64 KiB of chained pointers take a moment, not a second', () => {
    const link = (at: number) => u16(0xc000 + (at === 0 ? 12 : Math.min(0x3fff, 34 + 12 * (at - 1))));
    const records = Array.from({ length: 5400 }, (_none, at) => Buffer.concat([link(at), u16(65, 1, 0, 0, 0)]));
    const bytes = query({ flags: 0x8400, counts: [1, records.length, 0, 0], records });
    expect(bytes.length).toBeLessThan(65_535);
    const before = process.cpuUsage();
    try {
      decode(wire, bytes, 'server', 'udp');
    } catch (error) {
      expect(error).toBeInstanceOf(WireError);
    }
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(200);
  });

  test.each([0, 1, 11])('on a stream, a length of %i', (length) => {
    expect(() => wire.frame(u16(length), 0, 'client')).toThrow(`no message is ${length} bytes long`);
  });
});

test('a response code in two places is put together', () => {
  const { fields } = named(query({ flags: 0x8007, records: [opt({ rcode: 1 })] }), 'server');
  expect(fields.find(({ id }) => id === 'opt.rcode')?.gloss).toContain('23 BADCOOKIE');
  const plain = named(query({ flags: 0x8003, records: [opt()] }), 'server').fields;
  expect(plain.find(({ id }) => id === 'opt.rcode')?.gloss).toContain('none');
});

test('of several cookies the first one counts', () => {
  const options = [option(10, '01'.repeat(8)), option(10, '02'.repeat(24))];
  const { message, fields } = named(query({ records: [opt({ options })] }), 'client');
  expect(message.edns?.cookie?.toString('hex')).toBe('01'.repeat(8));
  expect(shown(fields)).toMatchObject({ 'opt.cookie.client': '01'.repeat(8), 'opt.option2.data': '02'.repeat(24) });
});

describe('as a server listens', () => {
  const heard = (bytes: Buffer, over: Over = 'udp') => {
    const reader = new Reader(bytes);
    const message = queries.read(reader, 'client', over, new Map());
    reader.finish();
    return message;
  };

  test('a query that can be read is the same as ever', () => {
    expect(heard(query())).toEqual(decode(wire, query(), 'client', 'udp'));
  });

  test('of one that cannot, the header remains, with what is wrong', () => {
    const bad = heard(Buffer.concat([query({ id: 0x77, flags: 0x2900 }), Buffer.of(1, 2)]));
    expect(bad).toMatchObject({ id: 0x77, flags: 0x2900, questions: 1, question: undefined });
    expect(bad.wrong?.message).toBe('2 bytes too many (byte 34)');
  });

  test('a query longer than anybody needs is not read at all', () => {
    const padded = (length: number) => query({ records: [opt({ options: [option(12, '00'.repeat(length - 49))] })] });
    expect(heard(padded(1232)).wrong).toBeUndefined();
    expect(heard(padded(1233)).wrong?.message).toContain('no query is 1233 bytes long');
    expect(heard(framed(padded(4096)), 'tcp').wrong).toBeUndefined();
    expect(queries.frame(u16(4096), 0, 'client')).toBe(4098);
    expect(() => queries.frame(u16(4097), 0, 'client')).toThrow(WireError);
  });
});

describe('with an independent reader', () => {
  const zone = buildZone(parseMasterFile(EXAMPLE_ZONE, { file: 'example.zone' }), 'example.zone');
  const NAMES = [
    '',
    'www.',
    'alias-of-alias.',
    'mail.',
    '_sip._tcp.',
    'big.',
    'texts.',
    'nothing.',
    'x.sub.',
    'a.wild.',
    '80.2.0.192.rev.',
  ];
  const MESSAGES = NAMES.flatMap((prefix) =>
    [1, 2, 6, 12, 15, 16, 28, 33, 65, 255, 257].map((type) => {
      const name = `${prefix}example.test`;
      const said = zone.answer(nameOf(name), type);
      const { rcode, authoritative, answers, authority, additional } = said;
      return {
        name: `${name} ${typeName(type)}`,
        bytes: query({
          name,
          type,
          flags: 0x8000 | (authoritative ? 0x0400 : 0) | rcode,
          counts: [1, answers, authority, additional],
          records: [viewOf(said)],
        }),
      };
    }),
  );

  test.each(MESSAGES)('$name: dns-packet finds the same names and types', ({ bytes }) => {
    const { message, fields } = named(bytes, 'server');
    const packet = decodePacket(bytes);
    const mine = (section: string) =>
      fields.flatMap(({ id, value }) =>
        new RegExp(`^${section}\\d+\\.type$`).test(id) ? [typeName(Number(value))] : [],
      );
    const theirs = (records: { type: string }[] | undefined) =>
      (records ?? []).map(({ type }) => type.replace('UNKNOWN_', 'TYPE'));
    expect(mine('an')).toEqual(theirs(packet.answers));
    expect(mine('ns')).toEqual(theirs(packet.authorities));
    expect(mine('ar')).toEqual(theirs(packet.additionals));
    const addresses = fields.flatMap(({ id, show }) => (id.endsWith('.address') ? [show] : []));
    const given = [...(packet.answers ?? []), ...(packet.authorities ?? []), ...(packet.additionals ?? [])];
    expect(addresses).toEqual(given.flatMap((each) => (each.type === 'A' || each.type === 'AAAA' ? [each.data] : [])));
    expect(untiled(fields, bytes.length)).toEqual([]);
    expect(encode(wire, message)).toEqual(bytes);
  });

  test('spoiled, each is a message or a WireError, with and without names, and soon', () => {
    const roll = dice(7);
    for (let round = 0; round < 4000; round++) {
      const { bytes } = MESSAGES[roll(MESSAGES.length)] ?? { bytes: query() };
      const spoiled = Buffer.from(bytes);
      for (let times = 1 + roll(3); times > 0; times--) spoiled.writeUInt8(roll(256), roll(spoiled.length));
      const cut = spoiled.subarray(0, roll(4) === 0 ? roll(spoiled.length) : spoiled.length);
      const outcomes = [false, true].map((annotate) => {
        try {
          const reader = new Reader(cut, { annotate });
          const message = wire.read(reader, 'server', 'udp', new Map());
          expect(encode(wire, message)).toEqual(cut);
          expect(wire.says(message)).not.toMatch(/\p{Cc}/u);
          wire.leans(message, 'server', new Map());
          if (annotate) expect(untiled(reader.fields ?? [], cut.length)).toEqual([]);
          return 'read';
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
          return error.message;
        }
      });
      // Who reads by name and who does not must not disagree on what a message is.
      expect(outcomes[0]).toBe(outcomes[1]);
    }
  });
});

test('no name obeys or hides anything on a terminal', () => {
  const name = Buffer.from([6, 0x1b, 0x5b, 0x2e, 0x5c, 0xc3, 0xa4, 1, 0x20, 0]);
  const bytes = Buffer.concat([query().subarray(0, 12), name, u16(1, 1)]);
  expect(wire.says(decode(wire, bytes, 'client', 'udp'))).toBe('\\027[\\.\\\\\\195\\164.\\032 A');
});

describe('what a message leans on', () => {
  const leans = (bytes: Buffer, side: Side) =>
    wire
      .leans(decode(wire, bytes, side, 'udp'), side, new Map())
      .map(({ field, op, holder, key }) => `${field} ${op} ${holder} ${key}`);
  const cookie = (length: number) => opt({ options: [option(10, `00112233445566770100${'00'.repeat(length - 10)}`)] });

  test('a query carries all that its answer needs; the client remembers that it asked', () => {
    expect(leans(query({ name: 'WWW.example.test' }), 'client')).toEqual([
      'qd1.name carries packet question',
      'id writes client pending[www.example.test A]',
    ]);
  });

  test('an answer means something only to who asked', () => {
    expect(leans(query({ flags: 0x8400 }), 'server')).toEqual(['id reads client pending[www.example.test A]']);
  });

  test('a server cookie is checked with a key, and kept by the client', () => {
    expect(leans(query({ records: [cookie(24)] }), 'client')[0]).toBe('opt.cookie.hash reads server secret');
    expect(leans(query({ flags: 0x8400, records: [cookie(24)] }), 'server')).toContain(
      'opt.cookie.hash writes client cookie[server]',
    );
  });

  test('BADCOOKIE says that the key is another one', () => {
    const refused = query({ flags: 0x8007, records: [opt({ rcode: 1 })] });
    expect(leans(refused, 'server')[0]).toBe('opt.rcode denies server secret');
  });

  test('every lean points at a field that is there', () => {
    for (const bytes of [query({ records: [cookie(24)] }), query({ records: [cookie(16)] }), query()]) {
      for (const side of ['client', 'server'] as const) {
        const said = side === 'client' ? bytes : Buffer.concat([bytes.subarray(0, 2), u16(0x8400), bytes.subarray(4)]);
        const { message, fields } = named(said, side);
        const ids = fields.map(({ id }) => id);
        for (const { field } of wire.leans(message, side, new Map())) expect(ids).toContain(field);
      }
    }
  });
});

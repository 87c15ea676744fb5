// What a DNS server answers, and the little that it comes to remember: one query after another, without a socket.

import { describe, expect, test } from 'vitest';
import { type Event, type Options, rulesFor, type State } from '../../../src/protocols/dns/state.ts';
import { FLAG, type Message, queries, rcodeName, rcodeOf, wire } from '../../../src/protocols/dns/wire.ts';
import { SettingError } from '../../../src/protocols/shapes.ts';
import { Reader, viewOf } from '../../../src/wire/fields.ts';
import { decode, encode, type Over } from '../../../src/wire/wire.ts';
import { framed, nameOf, opt, option, query, record, smallZone, u16 } from './words.ts';

const CLIENT = '192.0.2.7:40001';
/** When the vectors of RFC 9018 begin, in seconds since the epoch. */
const NOON = 1_559_731_985;

/** A server without sockets, and a clock that a test moves. */
function server(options: Partial<Options> = {}) {
  const asked: string[] = [];
  const zone = smallZone(asked);
  const rules = rulesFor(() => zone, { cookies: 'none', rate: 0, ...options });
  const state: State = rules.empty();
  const clock = { seconds: NOON, rolled: 0 };
  const world = {
    now: () => clock.seconds * 1000 + 999,
    name: () => Buffer.alloc(16, ++clock.rolled).toString('base64url'),
  };

  /** Everything that comes back, and what was learned from it. */
  function hears(bytes: Buffer, from = CLIENT): { said: Message[]; events: readonly Event[] } {
    const over: Over = from.endsWith('/tcp') ? 'tcp' : 'udp';
    const message = queries.read(new Reader(over === 'tcp' ? framed(bytes) : bytes), 'client', over, new Map());
    const { events, actions } = rules.decide(state, message, from, world);
    for (const event of events) rules.apply(state, event);
    const said = actions.flatMap((action) => {
      expect(action.to).toBe(from);
      if (!('say' in action)) return [];
      const answer = encode(wire, action.say);
      return [decode(wire, answer, 'server', over)];
    });
    return { said, events };
  }

  /** The one answer. */
  function answers(bytes: Buffer, from = CLIENT): Message {
    const { said } = hears(bytes, from);
    expect(said).toHaveLength(1);
    return said[0] as Message;
  }

  return { rules, state, clock, asked, hears, answers };
}

const code = (message: Message) => rcodeName(rcodeOf(message));
const has = (message: Message, flag: number) => (message.flags & flag) !== 0;
const bodyOf = (message: Message) => Buffer.concat(message.body.map(viewOf));
const cookie = (hex: string) => opt({ options: [option(10, hex)] });

describe('an ordinary question', () => {
  test('is repeated byte for byte, whatever its case, with ID, opcode and RD as they came', () => {
    const { answers } = server();
    const answer = answers(query({ name: 'wWw.eXample.TEST', id: 0xbeef, flags: 0x0100 }));
    expect(answer).toMatchObject({ id: 0xbeef, questions: 1, answers: 1, authority: 0, additional: 0 });
    expect(answer.flags).toBe(0x8500);
    expect(bodyOf(answer).subarray(0, 22)).toEqual(Buffer.concat([nameOf('wWw.eXample.TEST'), u16(1, 1)]));
    expect(bodyOf(answer).subarray(22)).toEqual(record(1, Buffer.of(192, 0, 2, 80)));
  });

  test('with a label that holds a dot or a byte that is no text comes back the same', () => {
    const { answers, asked } = server();
    const name = Buffer.concat([Buffer.of(3, 0x61, 0x2e, 0xff), nameOf('example.test')]);
    const bytes = Buffer.concat([query().subarray(0, 12), name, u16(1, 1)]);
    const answer = answers(bytes);
    expect(code(answer)).toBe('NXDOMAIN');
    expect(bodyOf(answer)).toEqual(bytes.subarray(12));
    expect(asked).toEqual([`${name.toString('latin1')} 1`]);
  });

  test('is answered without anything being remembered', () => {
    const { hears, rules, state } = server();
    expect(hears(query()).events).toEqual([]);
    expect(rules.facts(state)).toEqual({});
  });

  test('about a name of another zone is refused, without authority', () => {
    const answer = server().answers(query({ name: 'www.example.net' }));
    expect(code(answer)).toBe('REFUSED');
    expect(has(answer, FLAG.authoritative)).toBe(false);
  });
});

describe('what is not answered as asked', () => {
  test.each<[string, Buffer, string, { questions?: number }]>([
    ['opcode IQUERY', query({ flags: 1 << 11 }), 'NOTIMP', {}],
    ['opcode STATUS', query({ flags: 2 << 11 }), 'NOTIMP', {}],
    ['opcode NOTIFY', query({ flags: 4 << 11 }), 'NOTIMP', {}],
    ['opcode UPDATE', query({ flags: 5 << 11 }), 'NOTIMP', {}],
    ['an opcode without a name', query({ flags: 15 << 11 }), 'NOTIMP', {}],
    [
      'UPDATE with a rest that nobody can read',
      Buffer.concat([query({ flags: 5 << 11 }), Buffer.of(1)]),
      'NOTIMP',
      { questions: 0 },
    ],
    ['no question', query({ counts: [0, 0, 0, 0] }).subarray(0, 12), 'FORMERR', { questions: 0 }],
    [
      'two questions',
      Buffer.concat([query({ counts: [2, 0, 0, 0] }), query().subarray(12)]),
      'FORMERR',
      { questions: 0 },
    ],
    ['an answer in a query', query({ counts: [1, 1, 0, 0], records: [record(1, Buffer.alloc(4))] }), 'FORMERR', {}],
    ['authority in a query', query({ counts: [1, 0, 1, 0], records: [record(1, Buffer.alloc(4))] }), 'FORMERR', {}],
    ['three additional records', query({ records: [0, 1, 2].map(() => record(1, Buffer.alloc(4))) }), 'FORMERR', {}],
    ['two OPT records', query({ records: [opt(), opt()] }), 'FORMERR', { questions: 0 }],
    [
      'a pointer in the question',
      Buffer.concat([query().subarray(0, 12), u16(0xc00c, 1, 1)]),
      'FORMERR',
      { questions: 0 },
    ],
    ['bytes after the end', Buffer.concat([query(), Buffer.of(0)]), 'FORMERR', { questions: 0 }],
    ['a header and nothing else', query().subarray(0, 12), 'FORMERR', { questions: 0 }],
    ['a cookie of 7 bytes', query({ records: [cookie('00'.repeat(7))] }), 'FORMERR', { questions: 0 }],
    ['a cookie of 41 bytes', query({ records: [cookie('00'.repeat(41))] }), 'FORMERR', { questions: 0 }],
    ['EDNS version 1', query({ records: [opt({ version: 1 })] }), 'BADVERS', {}],
    ['class CH', query({ class: 3 }), 'REFUSED', {}],
    ['class ANY', query({ class: 255 }), 'REFUSED', {}],
    ['AXFR', query({ name: 'example.test', type: 252 }), 'REFUSED', {}],
    [
      'IXFR in its proper form',
      query({ type: 251, counts: [1, 0, 1, 0], records: [record(65, Buffer.alloc(1))] }),
      'REFUSED',
      {},
    ],
  ])('%s', (_name, bytes, rcode, { questions = 1 }) => {
    for (const from of [CLIENT, `${CLIENT}/tcp`]) {
      const { answers, asked } = server();
      const answer = answers(bytes, from);
      expect(code(answer)).toBe(rcode);
      expect(answer).toMatchObject({ id: 0x1a2b, questions, answers: 0, authority: 0 });
      expect(answer.flags & FLAG.opcode).toBe(bytes.readUInt16BE(2) & FLAG.opcode);
      expect(has(answer, FLAG.authoritative)).toBe(false);
      // The question ends with its class, two bytes after the root and its type.
      const end = bytes.indexOf(0, 12) + 5;
      if (questions === 1) expect(bodyOf(answer).subarray(0, end - 12)).toEqual(bytes.subarray(12, end));
      expect(asked).toEqual([]);
    }
  });

  test('a response, whatever is in it: silence', () => {
    const { hears } = server({ rate: 5 });
    for (const bytes of [
      query({ flags: 0x8000 }),
      query({ flags: 0x8001, counts: [0, 0, 0, 0] }).subarray(0, 12),
      Buffer.concat([query({ flags: 0xa800 }), Buffer.of(1)]),
    ]) {
      expect(hears(bytes)).toEqual({ said: [], events: [] });
      expect(hears(bytes, `${CLIENT}/tcp`)).toEqual({ said: [], events: [] });
    }
  });

  test('what the server says for an error it does not answer itself: no error ever comes back twice', () => {
    const { rules, state, answers, hears } = server();
    const error = encode(wire, answers(Buffer.concat([query(), Buffer.of(0)])));
    expect(hears(error).said).toEqual([]);
    expect(rules.facts(state)).toEqual({});
  });
});

describe('EDNS (RFC 6891)', () => {
  test('OPT is answered by OPT: our size, version 0, DO as it came, and no option we do not know', () => {
    const answer = server().answers(
      query({ records: [opt({ flags: 0x8000, options: [option(3, ''), option(65_001, 'abcd')] })] }),
    );
    expect(answer.edns).toEqual({ size: 1232, extended: 0, version: 0, dnssec: true, cookie: undefined });
    expect(bodyOf(answer).subarray(-11)).toEqual(opt({ flags: 0x8000 }));
  });

  test('without OPT there is none in the answer, errors included', () => {
    expect(server().answers(query()).edns).toBeUndefined();
    expect(server().answers(query({ flags: 2 << 11 })).additional).toBe(0);
  });

  test('errors carry an OPT as well, and ours speaks of version 0', () => {
    const answer = server().answers(query({ records: [opt({ version: 7 })] }));
    expect(answer.edns).toMatchObject({ version: 0, extended: 1 });
    expect(answer.flags & FLAG.rcode).toBe(0);
  });

  test('OPT and TSIG are two additional records, and both may be there', () => {
    const tsig = record(250, Buffer.alloc(20));
    expect(code(server().answers(query({ records: [opt(), tsig] })))).toBe('NOERROR');
  });

  /** 12 + 23 of the question + 712 of the record, and 11 of OPT: 758 bytes. */
  test.each([
    [undefined, true],
    [0, true],
    [512, true],
    [757, true],
    [758, false],
    [1232, false],
    [65_535, false],
  ])('an answer of 758 bytes to who takes %s: cut short %s', (size, cut) => {
    const answer = server().answers(
      query({ name: 'long.example.test', type: 16, records: size === undefined ? [] : [opt({ size })] }),
    );
    expect(has(answer, FLAG.truncated)).toBe(cut);
    expect(answer).toMatchObject({ questions: 1, answers: cut ? 0 : 1, additional: size === undefined ? 0 : 1 });
    expect(code(answer)).toBe('NOERROR');
    expect(has(answer, FLAG.authoritative)).toBe(true);
    if (!cut) expect(encode(wire, answer)).toHaveLength(758);
  });

  test('nobody takes less than 512 bytes, whatever it says, and nobody is sent more than 1232', () => {
    const { answers } = server();
    expect(answers(query({ records: [opt({ size: 20 })] })).answers).toBe(1);
    const wide = answers(query({ name: 'wide.example.test', type: 16, records: [opt({ size: 65_535 })] }));
    expect(has(wide, FLAG.truncated)).toBe(true);
  });

  test('over TCP the whole of it; what no message can hold is SERVFAIL', () => {
    const { answers } = server();
    expect(answers(query({ name: 'long.example.test', type: 16 }), `${CLIENT}/tcp`).answers).toBe(1);
    const huge = answers(query({ name: 'huge.example.test', records: [opt()] }), `${CLIENT}/tcp`);
    expect(code(huge)).toBe('SERVFAIL');
    expect(huge).toMatchObject({ questions: 1, answers: 0, additional: 1 });
    expect(has(answers(query({ name: 'huge.example.test' })), FLAG.truncated)).toBe(true);
  });
});

describe('cookies (RFC 7873, RFC 9018)', () => {
  const SECRET = 'e5e973e5a6b2a43f48e7dc849e37bfcf';
  const CLIENT_COOKIE = '2464c4abcf10c957';
  const shown = (message: Message) => message.edns?.cookie?.toString('hex');

  test('RFC 9018, A.1: learning a new server cookie', () => {
    const { answers } = server({ cookies: { secret: SECRET } });
    const answer = answers(query({ records: [cookie(CLIENT_COOKIE)] }), '198.51.100.100:1234');
    expect(code(answer)).toBe('NOERROR');
    expect(answer.answers).toBe(1);
    expect(shown(answer)).toBe(`${CLIENT_COOKIE}010000005cf79f111f8130c3eee29480`);
  });

  test('RFC 9018, A.2: the same client later, and its cookie renewed', () => {
    const { answers, clock } = server({ cookies: { secret: SECRET } });
    clock.seconds = 1_559_734_385;
    const answer = answers(
      query({ records: [cookie(`${CLIENT_COOKIE}010000005cf79f111f8130c3eee29480`)] }),
      '198.51.100.100:99',
    );
    expect(code(answer)).toBe('NOERROR');
    expect(shown(answer)).toBe(`${CLIENT_COOKIE}010000005cf7a871d4a564a1442aca77`);
  });

  test('RFC 9018, A.3: another client, with reserved bytes that are not 0', () => {
    const { answers, clock } = server({ cookies: { secret: SECRET } });
    clock.seconds = 1_559_734_700;
    const answer = answers(
      query({ records: [cookie('fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5')] }),
      '203.0.113.203:53',
    );
    // Made at 5cf78f71, 1:47 hours before: genuine, and too old by now.
    expect(code(answer)).toBe('BADCOOKIE');
    expect(shown(answer)).toBe('fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e');
    clock.seconds = 0x5cf78f71 + 10;
    const sooner = answers(
      query({ records: [cookie('fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5')] }),
      '203.0.113.203:53',
    );
    expect(code(sooner)).toBe('NOERROR');
  });

  test('RFC 9018, A.4: over IPv6, under both secrets of a rollover', () => {
    const from = '2001:db8:220:1:59de:d0f4:8769:82b8:5353';
    const old = server({ cookies: { secret: 'dd3bdf9344b678b185a6f5cb60fca715' } });
    old.clock.seconds = 0x5cf7c579;
    const first = '22681ab97d52c298010000005cf7c57926556bd0934c72f8';
    expect(shown(old.answers(query({ records: [cookie(first.slice(0, 16))] }), from))).toBe(first);
    const next = server({ cookies: { secret: '445536bcd2513298075a5d379663c962' } });
    next.clock.seconds = 0x5cf7c609;
    const answer = next.answers(query({ records: [cookie(first)] }), from);
    expect(code(answer)).toBe('BADCOOKIE');
    expect(shown(answer)).toBe('22681ab97d52c298010000005cf7c609a6bb79d16625507a');
  });

  /** A server with a key of its own, and a cookie that it has made. */
  function met() {
    const it = server({ cookies: 'own' });
    const made = shown(it.answers(query({ records: [cookie(CLIENT_COOKIE)] }))) ?? '';
    return { ...it, made };
  }

  test('the first cookie makes the key; later ones do not', () => {
    const { hears, rules, state } = server({ cookies: 'own' });
    expect(hears(query()).events).toEqual([]);
    expect(hears(query({ records: [cookie(CLIENT_COOKIE)] })).events).toEqual([
      { is: 'rolled', secret: 'AQEBAQEBAQEBAQEBAQEBAQ' },
    ]);
    expect(hears(query({ records: [cookie(CLIENT_COOKIE)] })).events).toEqual([]);
    expect(rules.facts(state)).toEqual({ secret: 'a key that nobody else has' });
    expect(JSON.stringify(rules.facts(state))).not.toContain('AQEBAQ');
  });

  test.each([
    [0, 'NOERROR', 'the same'],
    [1800, 'NOERROR', 'the same'],
    [1801, 'NOERROR', 'a fresh one'],
    [3600, 'NOERROR', 'a fresh one'],
    [3601, 'BADCOOKIE', 'a fresh one'],
    [-300, 'NOERROR', 'the same'],
    [-301, 'BADCOOKIE', 'a fresh one'],
  ])('after %i seconds: %s, and with it %s', (seconds, rcode, which) => {
    const { answers, clock, made } = met();
    clock.seconds += seconds;
    const answer = answers(query({ records: [cookie(made)] }));
    expect(code(answer)).toBe(rcode);
    expect(shown(answer) === made ? 'the same' : 'a fresh one').toBe(which);
    expect(shown(answer)?.slice(0, 16)).toBe(CLIENT_COOKIE);
  });

  test('from another port it is good, from another address it is not', () => {
    const { answers, made } = met();
    expect(code(answers(query({ records: [cookie(made)] }), '192.0.2.7:9'))).toBe('NOERROR');
    expect(code(answers(query({ records: [cookie(made)] }), '192.0.2.8:40001'))).toBe('BADCOOKIE');
  });

  test('any bit of it changed, and it is not ours', () => {
    const { answers, made } = met();
    for (let bit = 0; bit < 8 * 24; bit++) {
      const bytes = Buffer.from(made, 'hex');
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(code(answers(query({ records: [cookie(bytes.toString('hex'))] }))), `bit ${bit}`).toBe('BADCOOKIE');
    }
  });

  test.each([16, 17, 23, 25, 32, 40])('one of %i bytes was made by somebody else', (length) => {
    const { answers, made } = met();
    const answer = answers(query({ records: [cookie(made.padEnd(80, '0').slice(0, 2 * length))] }));
    expect(code(answer)).toBe('BADCOOKIE');
    expect(answer).toMatchObject({ questions: 1, answers: 0, additional: 1 });
  });

  test('over TCP a false one is answered all the same, with one that is good', () => {
    const { answers, made } = met();
    const other = server({ cookies: { secret: SECRET } });
    const answer = other.answers(query({ records: [cookie(made)] }), `${CLIENT}/tcp`);
    expect(code(answer)).toBe('NOERROR');
    expect(answer.answers).toBe(1);
    expect(code(other.answers(query({ records: [cookie(shown(answer) ?? '')] })))).toBe('NOERROR');
    expect(code(answers(query({ records: [cookie(made)] }), `${CLIENT}/tcp`))).toBe('NOERROR');
  });

  test('who asks for a cookie and nothing else gets one', () => {
    const only = (hex: string) => Buffer.concat([u16(0x1a2b, 0, 0, 0, 0, 1), cookie(hex)]);
    const { answers, made } = met();
    expect(code(answers(only(CLIENT_COOKIE)))).toBe('NOERROR');
    expect(answers(only(made))).toMatchObject({ questions: 0, answers: 0, additional: 1 });
    expect(code(answers(only(`${made.slice(0, -2)}00`)))).toBe('BADCOOKIE');
    // Over TCP as well: whether the cookie is good is all that was asked.
    expect(code(answers(only(made), `${CLIENT}/tcp`))).toBe('NOERROR');
    expect(code(answers(only(`${made.slice(0, -2)}00`), `${CLIENT}/tcp`))).toBe('BADCOOKIE');
    // Where nobody knows cookies, it is a query without a question.
    expect(code(server().answers(only(CLIENT_COOKIE)))).toBe('FORMERR');
  });

  test('a server without cookies passes them over', () => {
    const answer = server().answers(query({ records: [cookie(`${CLIENT_COOKIE}${'00'.repeat(16)}`)] }));
    expect(code(answer)).toBe('NOERROR');
    expect(answer.edns?.cookie).toBeUndefined();
  });

  test('two instances with one key know each other’s clients; with keys of their own they do not', () => {
    const [one, two] = [server({ cookies: { secret: SECRET } }), server({ cookies: { secret: SECRET } })];
    const made = shown(one.answers(query({ records: [cookie(CLIENT_COOKIE)] }))) ?? '';
    expect(code(two.answers(query({ records: [cookie(made)] })))).toBe('NOERROR');
    expect(two.rules.facts(two.state)).toEqual({});
    const stranger = server({ cookies: 'own' });
    stranger.clock.rolled = 7;
    expect(code(stranger.answers(query({ records: [cookie(made)] })))).toBe('BADCOOKIE');
  });

  test('a server that is to share a key and was given none does not begin', () => {
    const rules = rulesFor(() => smallZone(), { cookies: { secret: undefined }, rate: 0 });
    expect(() => rules.empty()).toThrow(SettingError);
    expect(() => rules.empty()).toThrow('--secret');
  });
});

describe('response rate limiting', () => {
  test('so many answers in a second; then silence and, every second time, “come back over TCP”', () => {
    const { hears, clock, rules, state } = server({ rate: 3 });
    const fates = () =>
      Array.from({ length: 8 }, () => {
        const [answer] = hears(query()).said;
        return !answer ? 'silence' : has(answer, FLAG.truncated) ? 'cut short' : 'answer';
      }).join(', ');
    const expected = 'answer, answer, answer, silence, cut short, silence, cut short, silence';
    expect(fates()).toBe(expected);
    expect(rules.facts(state)).toEqual({ 'rate[192.0.2.0/24]': '3 of 3 answers in this second, 5 too many' });
    clock.seconds++;
    expect(fates()).toBe(expected);
  });

  test('what is told to come back repeats the question, and nothing of the answer', () => {
    const { hears } = server({ rate: 1 });
    hears(query());
    hears(query());
    const [cut] = hears(query({ name: 'long.example.test', records: [opt()] })).said;
    expect(cut).toMatchObject({ questions: 1, answers: 0, authority: 0, additional: 1, id: 0x1a2b });
  });

  test('errors are counted as well: they too can be sent to somebody who has not asked', () => {
    const { hears } = server({ rate: 1 });
    const bad = Buffer.concat([query(), Buffer.of(0)]);
    expect([1, 2].map(() => hears(bad).said.length)).toEqual([1, 0]);
  });

  test('counted are networks: neighbours share, others do not, and TCP is nobody’s flood', () => {
    const { hears } = server({ rate: 1 });
    const answered = (from: string) => hears(query(), from).said.length;
    expect(answered('192.0.2.7:1')).toBe(1);
    expect(answered('192.0.2.200:2')).toBe(0);
    expect(answered('192.0.3.7:1')).toBe(1);
    expect(answered('2001:db8:1:2ff::1:53')).toBe(1);
    expect(answered('2001:db8:1:201::9:53')).toBe(0);
    expect(answered('2001:db8:1:301::9:53')).toBe(1);
    for (let times = 0; times < 5; times++) expect(answered('192.0.2.7:1/tcp')).toBe(1);
  });

  test('who shows a cookie of ours is who he says, and is not counted; who shows a false one is', () => {
    const { hears, answers, rules, state } = server({ rate: 2, cookies: 'own' });
    const made = answers(query({ records: [cookie('00112233445566aa')] })).edns?.cookie?.toString('hex') ?? '';
    for (let times = 0; times < 10; times++) expect(hears(query({ records: [cookie(made)] })).said).toHaveLength(1);
    expect(rules.facts(state)['rate[192.0.2.0/24]']).toBe('1 of 2 answers in this second');
    const forged = `${made.slice(0, -2)}${made.endsWith('00') ? '01' : '00'}`;
    expect([1, 2].map(() => hears(query({ records: [cookie(forged)] })).said.length)).toEqual([1, 0]);
  });

  test('no limit, no memory', () => {
    const { hears, rules, state } = server({ rate: 0 });
    for (let times = 0; times < 500; times++) expect(hears(query()).said).toHaveLength(1);
    expect(rules.facts(state)).toEqual({});
  });

  test('the table has an end: the network heard of longest ago makes room', () => {
    const { hears, clock, state } = server({ rate: 10 });
    for (let network = 0; network < 5000; network++) {
      if (network % 1000 === 0) clock.seconds++;
      hears(query(), `10.${network >> 8}.${network & 255}.1:53`);
      // One that is heard again in each second stays.
      if (network % 1000 === 0) hears(query(), '192.0.2.1:53');
    }
    expect(state.rates.size).toBe(4096);
    expect(state.rates.has('10.0.0.0/24')).toBe(false);
    expect(state.rates.has('10.19.135.0/24')).toBe(true);
    expect(state.rates.has('192.0.2.0/24')).toBe(true);
  });

  test('nothing of it is worth writing down', () => {
    const { rules, hears } = server({ rate: 10, cookies: 'own' });
    const { events } = hears(query({ records: [cookie('00112233445566aa')] }));
    expect(events.map(({ is }) => is)).toEqual(['rolled', 'counted']);
    for (const event of events) expect(rules.lasting(event)).toBe(false);
  });
});

// The other end, which must remember what it asked: in front of servers that answer what a test tells them to.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { seededWorld } from '../../../src/lab/world.ts';
import { connect, type DnsClient } from '../../../src/protocols/dns/client.ts';
import type { Waits } from '../../../src/protocols/shapes.ts';
import { live } from './live.ts';
import { framed, nameOf, opt, option, record, u16 } from './words.ts';

/** Says something to a query: nothing, or so many datagrams or messages. */
type Say = (query: Buffer, nth: number) => Buffer[];

interface Fake {
  port: number;
  /** What has been heard, by transport, without the lengths of a stream. */
  udp: Buffer[];
  tcp: Buffer[];
  /** From where the datagrams came. */
  ports: number[];
  connections: number;
}

/** A server whose every word is made up. `tcp` may also end the connection: by saying `end`. */
async function fake(udp: Say, tcp: (query: Buffer, nth: number) => Buffer[] | 'end' = () => []): Promise<Fake> {
  const listener = net.createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as net.AddressInfo;
  const socket = dgram.createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  const heard: Fake = { port, udp: [], tcp: [], ports: [], connections: 0 };
  socket.on('message', (query, source) => {
    heard.udp.push(query);
    heard.ports.push(source.port);
    for (const answer of udp(query, heard.udp.length)) socket.send(answer, source.port, source.address);
  });
  const open = new Set<net.Socket>();
  listener.on('connection', (line) => {
    heard.connections++;
    open.add(line);
    line.on('error', () => {});
    let rest = Buffer.alloc(0);
    line.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const query = rest.subarray(2, 2 + rest.readUInt16BE(0));
        rest = rest.subarray(2 + rest.readUInt16BE(0));
        heard.tcp.push(query);
        const said = tcp(query, heard.tcp.length);
        if (said === 'end') return void line.destroy();
        for (const answer of said) line.write(answer);
      }
    });
  });
  onTestFinished(() => {
    socket.close();
    listener.close();
    for (const line of open) line.destroy();
  });
  return heard;
}

/** Waits that no clock ends: a dial may be tried again at once, and an answer is overdue when a test says so. */
function patient(): Waits & { redials: number; lapse(): void } {
  const overdue = new Set<() => void>();
  const waits = {
    redials: 0,
    lapse() {
      for (const resolve of overdue) resolve();
    },
    async redial() {
      waits.redials++;
    },
    overdue: (answered: AbortSignal) =>
      new Promise<void>((resolve) => {
        overdue.add(resolve);
        answered.addEventListener('abort', () => overdue.delete(resolve));
      }),
  };
  return waits;
}

async function client(port: number, design = 'plain', waits: Waits = patient()): Promise<DnsClient> {
  const fresh = await connect({ host: '127.0.0.1', port, design, waits, world: seededWorld(1, 'client') });
  onTestFinished(() => fresh.close());
  return fresh;
}

interface Said {
  flags?: number;
  records?: Buffer[];
  /** OPT is added to what is said. */
  edns?: Buffer;
}

/** An answer to this query: its ID and its question, with these flags and records. */
function answer(query: Buffer, { flags = 0x8400, records = [], edns }: Said = {}): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const header = Buffer.concat([query.subarray(0, 2), u16(flags, 1, records.length, 0, edns ? 1 : 0)]);
  return Buffer.concat([header, query.subarray(12, end), ...records, ...(edns ? [edns] : [])]);
}

const ADDRESS = record(1, Buffer.of(192, 0, 2, 80));
const good = (query: Buffer) => answer(query, { records: [ADDRESS] });
/** The same, with an address that nobody asked for. */
const lie = (query: Buffer) => answer(query, { records: [record(1, Buffer.of(192, 0, 2, 66))] });
const shownCookie = (query: Buffer) => query.subarray(query.indexOf(0, 12) + 5 + 15);

describe('over UDP', () => {
  test('an answer in words, with a checksum that only the ID is left out of', async () => {
    const { port, udp } = await fake((query) => [good(query)]);
    const asking = await client(port);
    const first = await asking.ask('www.example.test', 'A');
    expect(first).toMatch(
      /^NOERROR www\.example\.test A 192\.0\.2\.80 \(50 bytes; CRC-32 of all but the id: [0-9a-f]{8}\)$/,
    );
    expect(await asking.ask('www.example.test', 'A')).toBe(first);
    expect(udp.map((query) => query.subarray(2).toString('hex'))).toEqual(
      [0, 1].map(() => Buffer.concat([u16(0, 1, 0, 0, 0), nameOf('www.example.test'), u16(1, 1)]).toString('hex')),
    );
    expect(udp[0]?.readUInt16BE(0)).not.toBe(udp[1]?.readUInt16BE(0));
  });

  test('remembers what it asked until it is answered, and nothing after that', async () => {
    const before: unknown[] = [];
    const { port } = await fake((query) => {
      before.push(asking.facts());
      return [good(query)];
    });
    const asking = await client(port);
    await asking.ask('WWW.example.test', 'A');
    expect(before).toEqual([{ 'pending[www.example.test A]': 'asked over UDP, no answer yet' }]);
    expect(asking.facts()).toEqual({});
  });

  test.each<[string, (query: Buffer) => Buffer]>([
    ['has another ID', (query) => Buffer.concat([u16(query.readUInt16BE(0) ^ 1), lie(query).subarray(2)])],
    ['answers another question', (query) => lie(Buffer.from(query.toString('latin1').replace('www', 'wwx'), 'latin1'))],
    ['asks in another case', (query) => lie(Buffer.from(query.toString('latin1').replace('www', 'wWw'), 'latin1'))],
    ['is of another type', (query) => Buffer.concat([lie(query).subarray(0, 30), u16(28), lie(query).subarray(32)])],
    ['is a query', (query) => query],
    [
      'repeats no question and claims success',
      (query) => Buffer.concat([query.subarray(0, 2), u16(0x8400, 0, 0, 0, 0)]),
    ],
    ['is no message', (query) => Buffer.concat([lie(query), Buffer.of(0)])],
    ['is empty', () => Buffer.alloc(0)],
    ['is noise', () => Buffer.alloc(300, 0xc0)],
  ])('a datagram that %s is somebody else’s', async (_name, wrong) => {
    const { port } = await fake((query) => [wrong(query), good(query)]);
    expect(await (await client(port)).ask('www.example.test', 'A')).toContain('192.0.2.80');
  });

  test('silence is asked again, with the same bytes, four times', async () => {
    const waits = patient();
    const silence = (): Buffer[] => {
      setImmediate(waits.lapse);
      return [];
    };
    const { port, udp } = await fake((query, nth) => (nth === 3 ? [good(query)] : silence()));
    expect(await (await client(port, 'plain', waits)).ask('www.example.test', 'A')).toContain('192.0.2.80');
    expect(new Set(udp.map((each) => each.toString('hex'))).size).toBe(1);
    expect(udp).toHaveLength(3);
    const silent = await fake(silence);
    const asking = await client(silent.port, 'plain', waits);
    await expect(asking.ask('www.example.test', 'A')).rejects.toThrow('no answer to www.example.test A after 4 tries');
    expect(silent.udp).toHaveLength(4);
    expect(asking.facts()).toEqual({});
  });

  test('where nobody listens it waits until it is worth trying again', async () => {
    const socket = dgram.createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    await once(socket, 'close');
    const waits = patient();
    await expect((await client(port, 'plain', waits)).ask('a.test', 'A')).rejects.toThrow('no answer');
    expect(waits.redials).toBe(4);
  });

  test('errors are answers too, with the question or without it', async () => {
    const { port } = await fake((query, nth) =>
      nth === 1 ? [answer(query, { flags: 0x8403 })] : [Buffer.concat([query.subarray(0, 2), u16(0x8001, 0, 0, 0, 0)])],
    );
    const asking = await client(port);
    expect(await asking.ask('www.example.test', 'A')).toMatch(/^NXDOMAIN www\.example\.test A \(34 bytes/);
    expect(await asking.ask('www.example.test', 'A')).toMatch(/^FORMERR www\.example\.test A \(12 bytes/);
  });

  test('an alias, mail, text and a type without a name, in words', async () => {
    const records = [
      record(5, Buffer.of(3, 0x77, 0x77, 0x32, 0xc0, 16)),
      record(15, Buffer.concat([u16(10), Buffer.of(0xc0, 16)])),
      record(16, Buffer.concat([Buffer.of(100), Buffer.alloc(100, 'x')])),
      record(65, Buffer.of(1, 2)),
      record(1, Buffer.of(127, 0, 0, 1), { owner: nameOf('\x1b.test') }),
    ];
    const { port } = await fake((query) => [answer(query, { records })]);
    const words = await (await client(port)).ask('www.example.test', 'CNAME');
    expect(words).toContain('NOERROR www.example.test CNAME ww2.example.test, MX 10 example.test, TXT "xxxx');
    expect(words).toContain('and 68 bytes more, UNKNOWN_65 "\\x01\\x02", \\x1b.test A 127.0.0.1 (');
  });

  test('from another address it is heard as well', async () => {
    const { port, ports } = await fake((query) => [good(query)]);
    const asking = await client(port);
    await asking.ask('www.example.test', 'A');
    await asking.move();
    await asking.ask('www.example.test', 'A');
    expect(new Set(ports).size).toBe(2);
  });
});

describe('over TCP', () => {
  test('what is cut short is asked again on a connection', async () => {
    const { port, udp, tcp } = await fake(
      (query) => [answer(query, { flags: 0x8600 })],
      (query) => [framed(good(query))],
    );
    expect(await (await client(port)).ask('www.example.test', 'A')).toMatch(/^over TCP: NOERROR .* 192\.0\.2\.80 \(50/);
    expect([udp.length, tcp.length]).toEqual([1, 1]);
  });

  test('at once, when it is told to; and an answer that comes byte by byte is one', async () => {
    const { port, udp } = await fake(
      () => [],
      (query) => Array.from(framed(good(query)), (byte) => Buffer.of(byte)),
    );
    expect(await (await client(port)).ask('www.example.test', 'A', { over: 'tcp' })).toContain('192.0.2.80');
    expect(udp).toEqual([]);
  });

  test('several questions on one connection; answers in another order find theirs', async () => {
    const begun: Buffer[] = [];
    const { port, connections, tcp } = await fake(
      () => [],
      (query) => {
        begun.push(query);
        return begun.length === 2 ? [framed(...begun.reverse().map(good))] : [];
      },
    );
    const words = await (await client(port)).askTogether([
      ['one.test', 'A'],
      ['two.test', 'A'],
    ]);
    expect(words).toMatch(/^NOERROR one\.test A .*; NOERROR two\.test A /);
    expect(tcp).toHaveLength(2);
    expect(connections).toBe(0);
  });

  test('a connection that ends is made again, for what is not answered', async () => {
    const names = (query: Buffer) => query.toString('latin1', 13, 16);
    const heard = await fake(
      () => [],
      (query, nth) => (nth === 2 ? 'end' : [framed(good(query))]),
    );
    const words = await (await client(heard.port)).askTogether([
      ['one.test', 'A'],
      ['two.test', 'A'],
      ['six.test', 'A'],
    ]);
    expect(words.match(/NOERROR/g)).toHaveLength(3);
    expect(heard.connections).toBe(2);
    expect(heard.tcp.map(names)).toEqual(['one', 'two', 'two', 'six']);
  });

  test('one that answers something each time is asked for the rest as often as it takes', async () => {
    const heard = await fake(
      () => [],
      (query, nth) => (nth % 2 === 0 ? 'end' : [framed(good(query))]),
    );
    const names = Array.from({ length: 9 }, (_none, nth) => [`n${nth}.test`, 'A'] as const);
    expect((await (await client(heard.port)).askTogether(names)).match(/NOERROR/g)).toHaveLength(9);
    expect(heard.connections).toBe(9);
  });

  test('a server that always hangs up is left in peace after a while', async () => {
    const heard = await fake(
      () => [],
      () => 'end',
    );
    const asking = await client(heard.port);
    await expect(asking.ask('www.example.test', 'A', { over: 'tcp' })).rejects.toThrow('lost 6 times in a row');
    expect(heard.connections).toBe(6);
    expect(asking.facts()).toEqual({});
  });

  test('one that never answers is left, and asked again on another connection', async () => {
    const waits = patient();
    const heard = await fake(
      () => [],
      (query, nth) => {
        if (nth === 2) return [framed(good(query))];
        setImmediate(waits.lapse);
        return [];
      },
    );
    const asking = await client(heard.port, 'plain', waits);
    expect(await asking.ask('www.example.test', 'A', { over: 'tcp' })).toContain('192.0.2.80');
    expect(heard.connections).toBe(2);
  });

  test('noise is an error that says so', async () => {
    const { port } = await fake(
      () => [],
      () => [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(2000))],
    );
    await expect((await client(port)).ask('a.test', 'A', { over: 'tcp' })).rejects.toThrow('no DNS message');
  });

  test('an answer that nobody asked for is passed over', async () => {
    const { port } = await fake(
      () => [],
      (query) => [framed(good(Buffer.concat([u16(query.readUInt16BE(0) ^ 7), query.subarray(2)])), good(query))],
    );
    expect(await (await client(port)).ask('www.example.test', 'A', { over: 'tcp' })).toContain('192.0.2.80');
  });

  test('where nobody listens it gives up after twenty times', async () => {
    const listener = net.createServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as net.AddressInfo;
    listener.close();
    const waits = patient();
    await expect((await client(port, 'plain', waits)).ask('a.test', 'A', { over: 'tcp' })).rejects.toThrow(
      'after 20 tries',
    );
    expect(waits.redials).toBe(19);
  });
});

describe('with cookies', () => {
  const server = (query: Buffer, made: string) =>
    opt({
      options: [
        option(10, Buffer.concat([shownCookie(query).subarray(0, 8), Buffer.from(made, 'hex')]).toString('hex')),
      ],
    });
  const bad = (query: Buffer, made: string): Buffer => {
    const edns = server(query, made);
    edns.writeUInt8(1, 5);
    return answer(query, { flags: 0x8007, edns });
  };
  const ONE = '01'.repeat(16);
  const TWO = '02'.repeat(16);

  test('shows one of its own from the first query on, and the server’s after it has got that', async () => {
    const { port, udp } = await fake((query) => [answer(query, { records: [ADDRESS], edns: server(query, ONE) })]);
    const asking = await client(port, 'cookie');
    const first = await asking.ask('www.example.test', 'A');
    expect(first).toMatch(/192\.0\.2\.80 \(89 bytes; CRC-32 of all but the id and the cookie: [0-9a-f]{8}\)$/);
    expect(Object.keys(asking.facts())).toEqual(['cookie[server]']);
    expect(JSON.stringify(asking.facts())).not.toContain(ONE);
    await asking.ask('www.example.test', 'A');
    const [bare, whole] = udp.map(shownCookie);
    expect(bare).toHaveLength(8);
    expect(whole?.toString('hex')).toBe(`${bare?.toString('hex')}${ONE}`);
  });

  test('the words do not depend on the cookie', async () => {
    const one = await fake((query) => [answer(query, { records: [ADDRESS], edns: server(query, ONE) })]);
    const two = await fake((query) => [answer(query, { records: [ADDRESS], edns: server(query, TWO) })]);
    expect(await (await client(one.port, 'cookie')).ask('a.test', 'A')).toBe(
      await (await client(two.port, 'cookie')).ask('a.test', 'A'),
    );
  });

  test('refused, it takes the fresh one and asks again', async () => {
    const { port, udp } = await fake((query, nth) =>
      nth === 2
        ? [bad(query, TWO)]
        : [answer(query, { records: [ADDRESS], edns: server(query, nth === 1 ? ONE : TWO) })],
    );
    const asking = await client(port, 'cookie');
    const first = await asking.ask('www.example.test', 'A');
    expect(await asking.ask('www.example.test', 'A')).toBe(first);
    expect(udp.map((query) => shownCookie(query).toString('hex').slice(16))).toEqual(['', ONE, TWO]);
    expect(udp[1]?.readUInt16BE(0)).not.toBe(udp[2]?.readUInt16BE(0));
  });

  test('refused again and again, it asks over TCP, and then it has had enough', async () => {
    const refusing = await fake(
      (query) => [bad(query, ONE)],
      (query) => [framed(answer(query, { records: [ADDRESS], edns: server(query, ONE) }))],
    );
    expect(await (await client(refusing.port, 'cookie')).ask('a.test', 'A')).toMatch(/^over TCP: NOERROR/);
    expect([refusing.udp.length, refusing.tcp.length]).toEqual([2, 1]);
    const always = await fake(
      (query) => [bad(query, ONE)],
      (query) => [framed(bad(query, ONE))],
    );
    await expect((await client(always.port, 'cookie')).ask('a.test', 'A')).rejects.toThrow(
      'takes no cookie for a.test A',
    );
    expect([always.udp.length, always.tcp.length]).toEqual([2, 1]);
  });

  test('an answer with another client’s cookie, or with none any more, is forged', async () => {
    const other = (query: Buffer) =>
      answer(query, { flags: 0x8403, edns: opt({ options: [option(10, `${'ff'.repeat(8)}${ONE}`)] }) });
    const { port } = await fake((query, nth) => {
      const genuine = answer(query, { records: [ADDRESS], edns: server(query, ONE) });
      return nth === 1 ? [other(query), genuine] : [other(query), answer(query, { flags: 0x8403 }), genuine];
    });
    const asking = await client(port, 'cookie');
    const first = await asking.ask('a.test', 'A');
    expect(first).toMatch(/^NOERROR/);
    expect(await asking.ask('a.test', 'A')).toBe(first);
  });
});

test('with the server of this folder: the same words from a server that has never met anybody', async () => {
  const [one, two] = [await live(), await live()];
  const words = async (port: number) => {
    const asking = await client(port);
    return [
      await asking.ask('www.example.test', 'A'),
      await asking.ask('long.example.test', 'TXT'),
      await asking.askTogether([
        ['www.example.test', 'A'],
        ['gone.example.test', 'A'],
      ]),
    ];
  };
  expect(await words(one.port)).toEqual(await words(two.port));
});

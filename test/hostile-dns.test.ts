// What a hostile or broken peer sends to a DNS server, and what must be seen instead of a crash. Real servers, real sockets.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ledger } from '../src/capture/ledger.ts';
import { record as recordsOf } from '../src/capture/records.ts';
import { tap } from '../src/capture/tap.ts';
import { clockSince, type Trace } from '../src/capture/trace.ts';
import { beginLife } from '../src/lab/lives.ts';
import { jsonLines } from '../src/log/jsonl.ts';
import { TerminalLog } from '../src/log/terminal.ts';
import { paint } from '../src/log/text.ts';
import { card } from '../src/protocols/dns/index.ts';
import { TYPE, wire } from '../src/protocols/dns/wire.ts';
import { EXAMPLE_ZONE } from '../src/served/example.zone.ts';
import { parseMasterFile } from '../src/served/master-file.ts';
import { decode } from '../src/wire/wire.ts';
import { datagrams, live, liveDesign, stream } from './protocols/dns/live.ts';
import { framed, nameOf, opt, option, query, record, u16 } from './protocols/dns/words.ts';

const host = '127.0.0.1';
const says = (bytes: Buffer) => wire.says(decode(wire, bytes, 'server', 'udp'));
const ANSWER = 'NOERROR www.example.test A → 192.0.2.80';

describe('bytes that are no query', () => {
  const captured = [
    query({ id: 1 }),
    query({
      id: 2,
      flags: 0x0100,
      records: [opt({ options: [option(10, '01'.repeat(24)), option(12, '00'.repeat(9))] })],
    }),
    query({ id: 3, type: TYPE.MX, records: [record(250, Buffer.alloc(9)), opt()] }),
  ];

  /** Each with one byte changed, cut short, doubled, or with one too many. */
  function spoiltOf(whole: Buffer): Buffer[] {
    const spoilt: Buffer[] = [Buffer.concat([whole, whole]), Buffer.concat([whole, Buffer.of(0)])];
    for (let at = 0; at < whole.length; at++) {
      for (const mask of [0x01, 0x40, 0x80, 0xc0, 0xff]) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        spoilt.push(bytes);
      }
      spoilt.push(whole.subarray(0, at));
    }
    return spoilt;
  }

  test('captured queries with any one byte spoiled, as datagrams: a valid one is answered, and no answer is longer than it may be', async () => {
    for (const design of ['plain', 'cookie']) {
      const { port } = await liveDesign(design);
      const { socket, send } = await datagrams(port);
      let longest = 0;
      let well = () => {};
      socket.on('message', (bytes) => {
        longest = Math.max(longest, bytes.length);
        if (bytes.readUInt16BE(0) === 0x1a2b && bytes.readUInt16BE(6) === 1) well();
      });
      const spoilt = captured.flatMap(spoiltOf);
      // No more at a time than the socket of the server holds.
      for (let start = 0; start < spoilt.length; start += 50) {
        const answered = new Promise<void>((heard) => {
          well = heard;
        });
        for (const bytes of spoilt.slice(start, start + 50)) send(bytes);
        send(query());
        await answered;
      }
      expect(longest).toBeLessThanOrEqual(512);
    }
  });

  test('and on streams: each is answered or the end of its connection, and nothing else', async () => {
    const { port } = await live();
    const spoilt = captured.flatMap((each) => spoiltOf(framed(each)));
    for (let start = 0; start < spoilt.length; start += 50) {
      await Promise.all(
        spoilt.slice(start, start + 50).map(async (bytes) => {
          const { socket, ended } = await stream(port);
          socket.end(bytes);
          await ended;
        }),
      );
    }
    const { write, until } = await stream(port);
    write(framed(query()));
    expect((await until(1)).map(says)).toEqual([ANSWER]);
  });

  const END = query().length;
  const owned = (to: number) => Buffer.concat([u16(0xc000 | to), u16(1, 1, 0, 1, 4), Buffer.alloc(4)]);
  const pointing = (to: number) => Buffer.concat([Buffer.of(0), u16(TYPE.CNAME, 1, 0, 1, 2, 0xc000 | to)]);

  test.each<[string, Buffer]>([
    ['to itself', owned(END)],
    ['forward', owned(END + 10)],
    ['into the header', owned(3)],
    ['beyond the message', owned(0x3fff)],
    ['from its data to itself', pointing(END + 11)],
    ['from its data into the header', pointing(0)],
  ])(
    'a pointer that leads %s, in every section, over TCP: FORMERR, and the next one is answered',
    async (_where, bytes) => {
      const { port } = await live();
      const sections: [number, number, number, number][] = [
        [1, 1, 0, 0],
        [1, 0, 1, 0],
        [1, 0, 0, 1],
      ];
      const { write, until } = await stream(port);
      for (const counts of sections) write(framed(query({ counts, records: [bytes] })));
      write(framed(Buffer.concat([u16(9, 0, 1, 0, 0, 0, 0xc00c, 1, 1)]), query()));
      expect((await until(5)).map(says)).toEqual([...Array(4).fill('FORMERR'), ANSWER]);
    },
  );

  test('an OPT record cut short anywhere, or with a length that leads out of it', async () => {
    const { port } = await live();
    const whole = query({ records: [opt({ options: [option(3, ''), option(10, '07'.repeat(8))] })] });
    const end = query().length;
    const wrong = Array.from({ length: whole.length - end - 1 }, (_none, at) => whole.subarray(0, end + 1 + at));
    for (const [at, length] of [
      [end + 9, 0xffff],
      [end + 9, 17],
      [end + 9, 15],
      [end + 13, 0xffff],
      [end + 17, 9],
    ] as const) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt16BE(length, at);
      wrong.push(bytes);
    }
    const { asks } = await datagrams(port);
    const over = await stream(port);
    for (const bytes of wrong) expect(says(await asks(bytes)), bytes.toString('hex')).toBe('FORMERR');
    over.write(framed(...wrong, whole));
    expect((await over.until(wrong.length + 1)).map(says)).toEqual([...wrong.map(() => 'FORMERR'), ANSWER]);
  });

  test('a cookie of every length: 8 and 16 to 40 bytes are one, all others a FORMERR', async () => {
    for (const [design, known] of [
      ['plain', 'NOERROR'],
      ['cookie', 'BADCOOKIE'],
    ] as const) {
      const { port } = await liveDesign(design);
      const { asks } = await datagrams(port);
      for (let length = 0; length <= 48; length++) {
        const cookie = option(10, '01'.repeat(length));
        const [word] = says(await asks(query({ records: [opt({ options: [cookie] })] }))).split(' ');
        const good = length === 8 ? 'NOERROR' : known;
        expect(word, `${length} bytes`).toBe(length === 8 || (length >= 16 && length <= 40) ? good : 'FORMERR');
      }
    }
  });

  test('options that this server has no use for change nothing: NSID, keepalive, client subnet, 290 of none', async () => {
    const { port } = await live();
    const { asks } = await datagrams(port);
    const plain = await asks(query({ records: [opt()] }));
    for (const options of [
      [option(3, '')],
      [option(11, '')],
      [option(11, '0009')],
      [option(8, '0009ffff')],
      [option(12, '00'.repeat(1000))],
      Array<Buffer>(290).fill(option(65_001, '')),
    ])
      expect((await asks(query({ records: [opt({ options })] }))).equals(plain)).toBe(true);
  });

  test('names that mean something to JavaScript are only names', async () => {
    const { port } = await live();
    const { asks } = await datagrams(port);
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
      expect(says(await asks(query({ name: `${name}.example.test` })))).toBe(`NXDOMAIN ${name}.example.test A`);
  });
});

describe('what others could be made to suffer', () => {
  test('no answer over UDP is more than three times its question, with OPT and cookies too', async () => {
    const owners = new Set([...parseMasterFile(EXAMPLE_ZONE, { file: 'example.zone' })].map(({ owner }) => owner));
    const names = [...owners].flatMap((owner) => [
      Buffer.from(owner, 'latin1'),
      Buffer.from(`\x01x${owner}`, 'latin1'),
    ]);
    const { port } = await liveDesign('cookie');
    const { asks } = await datagrams(port);
    const most = { factor: 0, of: '' };
    for (const name of names) {
      for (const type of Object.values(TYPE)) {
        for (const record of [undefined, opt({ size: 4096 }), opt({ options: [option(10, '01'.repeat(8))] })]) {
          const counts = u16(1, 0, 1, 0, 0, record ? 1 : 0);
          const bytes = Buffer.concat([counts, name, u16(type, 1), record ?? Buffer.alloc(0)]);
          const answer = await asks(bytes);
          expect(answer.length).toBeLessThanOrEqual(record ? 1232 : 512);
          // What is more than any datagram should hold comes cut short.
          const factor = answer.length / bytes.length;
          if (factor > most.factor) Object.assign(most, { factor, of: says(answer) });
        }
      }
    }
    expect(most.factor, most.of).toBeLessThanOrEqual(3);
  });

  test('each network has its own limit, and five hundred of them are not in each other’s way', async (context) => {
    const { port, keeper } = await live({ rate: 2 });
    let answers = 0;
    for (let network = 0; network < 500; network++) {
      const socket = dgram.createSocket('udp4');
      onTestFinished(() => void socket.close());
      const bound = await new Promise<boolean>((done) =>
        socket
          .once('error', () => done(false))
          .bind(0, `127.${1 + (network >> 8)}.${network & 255}.1`, () => done(true)),
      );
      if (!bound) context.skip('127.1.0.1 is not an address here');
      const heard = once(socket, 'message');
      socket.send(query(), port, host);
      if (says(((await heard) as [Buffer])[0]) === ANSWER) answers++;
    }
    expect(answers).toBe(500);
    expect(keeper.state.rates.size).toBe(500);
  });

  test('nobody hears this server at another address than its own', async (context) => {
    const { port } = await live();
    const socket = net.connect({ port, host: '127.0.0.2' });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    if (error.code !== 'ECONNREFUSED') context.skip('127.0.0.2 is not an address here');
    const other = dgram.createSocket('udp4');
    onTestFinished(() => void other.close());
    other.connect(port, '127.0.0.2');
    await once(other, 'connect');
    const refused = once(other, 'error');
    other.send(query());
    expect(((await refused) as [NodeJS.ErrnoException])[0].code).toBe('ECONNREFUSED');
  });
});

describe('streams', () => {
  test('a flood of half-open connections: the oldest makes room, and the newcomer is heard', async () => {
    const { port } = await live({}, { connections: 5 });
    const flood = await Promise.all(Array.from({ length: 40 }, () => stream(port)));
    // Half a question is none.
    for (const { write } of flood) write(framed(query()).subarray(0, 20));
    const late = await stream(port);
    late.write(framed(query()));
    expect((await late.until(1)).map(says)).toEqual([ANSWER]);
    await Promise.all(flood.slice(0, 36).map(({ ended }) => ended));
  });

  test('half a question is no first request: whoever stops there is shown out in time', async () => {
    const { port } = await live({}, { handshake: 40 });
    const { write, ended } = await stream(port);
    write(framed(query()).subarray(0, 20));
    await ended;
  });

  test.skipIf(!existsSync('/proc/self/fd'))(
    '200 connections reset in the middle of a question leave no descriptor behind',
    async () => {
      const { port } = await live();
      const { asks } = await datagrams(port);
      await asks(query());
      const before = readdirSync('/proc/self/fd').length;
      for (let round = 0; round < 4; round++) {
        const storm = await Promise.all(Array.from({ length: 50 }, () => stream(port)));
        storm.forEach(({ write }, at) => void write(framed(query(), query()).subarray(0, 1 + at)));
        await asks(query());
        await Promise.all(
          storm.map(({ socket, ended }) => {
            socket.resetAndDestroy();
            return ended;
          }),
        );
      }
      while (readdirSync('/proc/self/fd').length > before) await asks(query());
    },
  );

  test.skipIf(!existsSync('/proc/self/statm'))(
    '48 MB offered by who never reads, or behind a length that no query has: memory stays as it was',
    async () => {
      const life = await beginLife({
        protocol: 'dns',
        design: 'plain',
        who: 'dns/1',
        host,
        port: 0,
        origin: '0',
        bounds: { stall: 300 },
        settings: { rate: '0' },
      });
      onTestFinished(() => life.stop());
      const questions = framed(...Array.from({ length: 20_000 }, (_none, id) => query({ id })));
      let most = 0;
      const look = setInterval(() => {
        most = Math.max(most, resident(life.pid));
      }, 10);
      // In good manners first, so that the machine is warm: the most that it takes for that is no growth.
      for (let rounds = 0; rounds < 12; rounds++) {
        const polite = await stream(life.port);
        polite.socket.removeAllListeners('data').resume();
        polite.socket.end(questions);
        await polite.ended;
      }
      const warm = most;
      for (const first of [framed(query()), u16(0xffff)]) {
        const rude = await stream(life.port);
        rude.socket.removeAllListeners('data').pause();
        rude.socket.write(first);
        for (let offered = 0; offered < 48e6; offered += questions.length) rude.socket.write(questions);
        await rude.ended;
      }
      clearInterval(look);
      // Half of what was offered is far more than what is read at a time, and not yet cleared away.
      expect((most - warm) / 1e6).toBeLessThan(24);
      const well = await stream(life.port);
      well.write(framed(query()));
      await well.until(1);
    },
  );
});

test('whatever a name holds, its log obeys none of it: not on a terminal, not in JSON', async () => {
  const { port } = await live();
  const traces: Trace[] = [{ t: 0, who: 'dns/1', is: 'born', pid: 1, path: `${host}:${port}`, facts: {}, notes: [] }];
  const untap = tap({
    who: 'client',
    clock: clockSince(process.hrtime.bigint()),
    remotePort: () => port,
    // The server lives in this process too; its own end is not what is looked at.
    sink: (trace) => void ('local' in trace && trace.local.endsWith(`:${port}`) ? undefined : traces.push(trace)),
  });
  try {
    const { asks } = await datagrams(port);
    const over = await stream(port);
    const labels = [
      '\x1b[2J\x1b[31mroot#\x07',
      '\x9b31m\x85\x90',
      '\u202e\u2028\u200b',
      '\r\n━━━ SIGKILL dns/1 (pid 1)',
    ];
    for (const label of labels) {
      const bytes = Buffer.from(label);
      const name = Buffer.concat([Buffer.of(bytes.length), bytes, nameOf('example.test')]);
      const asked = Buffer.concat([u16(1, 0, 1, 0, 0, 0), name, u16(1, 1)]);
      await asks(asked);
      await asks(Buffer.concat([asked, bytes]));
      over.write(framed(asked, Buffer.concat([asked, bytes])));
    }
    await over.until(2 * labels.length);
  } finally {
    untap();
  }
  const entries = recordsOf(traces, { card: card as never });
  expect(entries.filter((entry) => entry.is === 'packet').length).toBeGreaterThan(16);
  const found = ledger(entries);
  const log = new TerminalLog({ level: 'full', bytes: 'all', look: { width: 80, colour: false, ascii: false } });
  const drawn = entries
    .flatMap((entry) => log.lines(entry, 'row' in entry ? found.notes.get(entry.row) : undefined))
    .map((line) => paint(line, { width: 80, colour: false, ascii: false }));
  for (const form of [drawn.join('\n'), jsonLines(entries, found).join('\n')]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly the characters that must not get through
    expect(form).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u);
    expect(form).not.toMatch(/^━━━ SIGKILL/m);
    expect(form).toContain('\\027');
  }
});

/** Bytes of memory that a process has in use. */
function resident(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}

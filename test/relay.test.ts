// The relay of `amnesia tap`: both ends must see what they would see without it, and the log must say what either of them did.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Entry, Recorder } from '../src/capture/records.ts';
import { clockSince } from '../src/capture/trace.ts';
import { freePort } from '../src/lab/ports.ts';
import { CLIENTS, datagrams } from '../src/lab/relay/datagrams.ts';
import { type Relay, relay } from '../src/lab/relay/relay.ts';
import { UNSEEN } from '../src/lab/relay/sights.ts';
import { eventInWords } from '../src/log/events.ts';
import { type AnyCard, loadCard } from '../src/protocols/index.ts';
import { over } from './over.ts';

const HOST = '127.0.0.1';

interface Tapped extends Relay {
  entries: Entry[];
  /** What the log says, a line a row. */
  log(): string[];
  /** Resolves when a row says so. */
  says(pattern: RegExp): Promise<void>;
}

async function tapped(protocol: string, to: number, watched = true, connections = 100): Promise<Tapped> {
  const card = (await loadCard(protocol)) as AnyCard;
  const recorder = new Recorder({ card });
  const clock = clockSince(process.hrtime.bigint());
  let look = () => {};
  const link = await relay({
    card,
    at: { host: HOST, port: 0 },
    to: { host: HOST, port: to },
    probes: true,
    connections,
    clock,
    sink: watched
      ? (trace) => {
          recorder.push(trace);
          look();
        }
      : undefined,
  });
  onTestFinished(() => link.close());
  const log = () => recorder.entries.map((entry) => eventInWords(entry) ?? '');
  return Object.assign(link, {
    entries: recorder.entries,
    log,
    says: (pattern: RegExp) =>
      new Promise<void>((resolve) => {
        look = () => log().some((row) => pattern.test(row)) && resolve();
        look();
      }),
  });
}

interface Ear {
  /** What has come and was not read; `parts` behind `rest`. */
  rest: Buffer;
  parts: Buffer[];
  length: number;
  ended: boolean;
  news: () => void;
}
const ears = new WeakMap<Socket, Ear>();

/** What comes is kept, and the socket is read from only while somebody wants to hear. */
function listenTo(socket: Socket): Ear {
  const ear: Ear = { rest: Buffer.alloc(0), parts: [], length: 0, ended: false, news() {} };
  ears.set(socket, ear);
  socket.pause();
  socket.on('data', (chunk: Buffer) => {
    ear.parts.push(chunk);
    ear.length += chunk.length;
    ear.news();
  });
  for (const event of ['end', 'close'])
    socket.on(event, () => {
      ear.ended = true;
      ear.news();
    });
  socket.on('error', () => {});
  return ear;
}

async function until(socket: Socket, met: (ear: Ear) => boolean): Promise<Ear> {
  const ear = ears.get(socket) ?? listenTo(socket);
  await new Promise<void>((resolve) => {
    ear.news = () => {
      if (!met(ear)) return;
      socket.pause();
      resolve();
    };
    socket.resume();
    ear.news();
  });
  return ear;
}

async function read(socket: Socket, length: number): Promise<Buffer> {
  const ear = await until(socket, ({ length: here, ended }) => here >= length || ended);
  const all = Buffer.concat([ear.rest, ...ear.parts.splice(0)]);
  ear.rest = all.subarray(length);
  ear.length = ear.rest.length;
  return all.subarray(0, length);
}

/** All that it still says, to its end. */
async function heard(socket: Socket): Promise<Buffer> {
  const { rest, parts } = await until(socket, ({ ended }) => ended);
  return Buffer.concat([rest, ...parts]);
}

/** A server of the test's own, half-open ends allowed, that hands over each connection on which something is said. */
async function upstream(port = 0) {
  const waiting: Socket[] = [];
  const all = new Set<Socket>();
  let come = () => {};
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    all.add(socket);
    void until(socket, ({ length, ended }) => length > 0 || ended).then(({ length }) => {
      // The relay looks whether anybody is there, and says nothing.
      if (length === 0) return socket.destroy();
      waiting.push(socket);
      come();
    });
  });
  server.listen(port, HOST);
  await once(server, 'listening');
  const stop = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of all) socket.destroy();
    await closed;
  };
  onTestFinished(async () => {
    if (server.listening) await stop();
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop,
    async next(): Promise<Socket> {
      for (;;) {
        const socket = waiting.shift();
        if (socket) return socket;
        await new Promise<void>((resolve) => {
          come = resolve;
        });
      }
    },
  };
}

async function dial(port: number): Promise<Socket> {
  const socket = net.connect({ port, host: HOST, allowHalfOpen: true, noDelay: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  listenTo(socket);
  return socket;
}

/** Both ends of a connection through a relay, after a byte each way. */
async function joined(watched = true) {
  const server = await upstream();
  const link = await tapped('tcp-session', server.port, watched);
  const client = await dial(link.port);
  client.write('c');
  const far = await server.next();
  expect(await read(far, 1)).toEqual(Buffer.from('c'));
  far.write('s');
  expect(await read(client, 1)).toEqual(Buffer.from('s'));
  return { link, server, client, far };
}

/** Both ends of a control connection of FTP, after a command. */
async function control() {
  const server = await upstream();
  const link = await tapped('ftp', server.port);
  const client = await dial(link.port);
  client.write('NOOP\r\n');
  const far = await server.next();
  await read(far, 6);
  return { link, client, far };
}

/** How a connection ends, for who listens to it. */
function ending(socket: Socket): Promise<string> {
  socket.resume();
  return new Promise((resolve) => {
    socket
      .once('end', () => resolve('FIN'))
      .once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? 'error'));
  });
}

/** The same bytes every time. */
function noise(length: number, seed: number): Buffer {
  let x = seed;
  return Buffer.from(
    Array.from({ length }, () => {
      x = (x * 1_103_515_245 + 12_345) & 0x7fffffff;
      return x >> 16;
    }),
  );
}

/** Says all of it in pieces of any length, one of 1 byte among them. */
async function say(socket: Socket, bytes: Buffer, seed: number): Promise<void> {
  const lengths = noise(64, seed);
  for (let at = 0, nth = 0; at < bytes.length; nth++) {
    const length = 1 + (nth % 3 === 0 ? 0 : (lengths[nth % 64] ?? 0) * 40);
    if (!socket.write(bytes.subarray(at, at + length))) await once(socket, 'drain');
    at += length;
  }
}

describe('bytes', () => {
  test('pass as they are, both ways at once, in chunks of any length, each end closing its half when it likes', async () => {
    const { client, far, link } = await joined();
    const [up, down] = [noise(300_001, 1), noise(200_003, 2)];
    const talk = async (socket: Socket, bytes: Buffer, seed: number) => {
      await say(socket, bytes, seed);
      socket.end();
    };
    const [one, other] = await Promise.all([heard(far), heard(client), talk(client, up, 3), talk(far, down, 4)]);
    expect(one.equals(up)).toBe(true);
    expect(other.equals(down)).toBe(true);
    expect(link.fault()).toBeUndefined();
  });

  test('of a protocol whose messages are looked into pass byte by byte as well, whole lines and what is none', async () => {
    const { client, far } = await control();
    const up = Buffer.concat([
      Buffer.from('cwd /\r\nRETR a\r\n'),
      Buffer.alloc(70_000, 0x41),
      Buffer.from('\r\nNOOP\r\nrest'),
    ]);
    const down = Buffer.from('20x no reply\r\n220-a\r\n b\r\n220 c\r\n\xff\r\n200 done\r\n331', 'latin1');
    for (const byte of up.subarray(0, 20)) client.write(Buffer.from([byte]));
    client.end(up.subarray(20));
    for (const byte of down) far.write(Buffer.from([byte]));
    far.end();
    expect((await heard(far)).toString('latin1')).toBe(up.toString('latin1'));
    expect((await heard(client)).toString('latin1')).toBe(down.toString('latin1'));
  });

  test('that nobody understands pass as well, and of each chunk the log keeps the beginning and the length', async () => {
    const { client, far, link } = await joined();
    client.end(noise(1 << 20, 7));
    expect((await heard(far)).equals(noise(1 << 20, 7))).toBe(true);
    const packets = link.entries.flatMap((entry) => (entry.is === 'packet' && entry.side === 'client' ? [entry] : []));
    expect(packets.reduce((sum, { length }) => sum + length, 0)).toBe((1 << 20) + 1);
    expect(packets.length).toBeLessThan(200);
    for (const { hex, length, fields } of packets) {
      expect(hex.length).toBe(2 * Math.min(length, 4096));
      expect(fields.at(-1)?.end).toBe(length);
    }
  });

  test('come no faster than they are read: a peer that does not read stops the other', async () => {
    const { client, far } = await joined(false);
    const block = Buffer.alloc(1 << 20);
    const before = process.memoryUsage().rss;
    let said = 0;
    // Until the kernels of three sockets and the relay have had enough.
    while (
      said < 64 &&
      (await Promise.race([new Promise((ok) => client.write(block, ok)).then(() => true), patience()]))
    )
      said++;
    expect(said).toBeLessThan(32);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
    client.end();
    // What was not taken at once was kept by the client, and comes as well.
    expect((await heard(far)).length).toBe((said + 1) << 20);
  });
});

/** Long enough for a write that is taken at all. */
function patience(): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), 1_000));
}

describe('ends', () => {
  test('half-close: the client ends, and is answered all the same', async () => {
    const { client, far, link } = await joined();
    client.end('question');
    expect((await heard(far)).toString()).toBe('question');
    far.write('answer');
    expect((await read(client, 6)).toString()).toBe('answer');
    far.end();
    expect(await ending(client)).toBe('FIN');
    expect(link.log().filter((row) => /FIN|RST/.test(row))).toEqual([
      'client ──▶ session FIN: nothing more will be said',
      'client ◀── session FIN: nothing more will be said',
    ]);
  });

  test('half-close: the server ends, and hears more all the same', async () => {
    const { client, far } = await joined();
    far.end('bye');
    expect((await heard(client)).toString()).toBe('bye');
    client.end('and thanks');
    expect((await heard(far)).toString()).toBe('and thanks');
  });

  test.each(['client', 'server'] as const)('a reset of the %s is a reset to the other', async (who) => {
    const { client, far, link } = await joined();
    const [one, other] = who === 'client' ? [client, far] : [far, client];
    const end = ending(other);
    one.resetAndDestroy();
    expect(await end).toBe('ECONNRESET');
    expect(link.log().at(-1)).toBe(
      `client ${who === 'client' ? '──▶' : '◀──'} session RST: the path is gone, without a good-bye`,
    );
  });

  test('a reset after a half-close, and after bytes that were not read yet', async () => {
    const { client, far } = await joined();
    client.end();
    expect(await ending(far)).toBe('FIN');
    far.write(noise(100_000, 5));
    const all = read(client, 100_000);
    expect((await all).equals(noise(100_000, 5))).toBe(true);
    const end = ending(client);
    far.resetAndDestroy();
    expect(await end).toBe('ECONNRESET');
  });
});

describe('refusals', () => {
  const refusal = async (port: number) => {
    const socket = net.connect({ port, host: HOST });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    return error.code;
  };

  test('who is not there refuses from the first, until somebody is', async () => {
    const port = await freePort();
    const link = await tapped('tcp-session', port);
    expect(await refusal(link.port)).toBe('ECONNREFUSED');
    const server = await upstream(port);
    await link.says(/accepts connections again/);
    const client = await dial(link.port);
    client.write('x');
    await read(await server.next(), 1);
    expect(link.log().join('\n')).toMatch(
      /session: refuses connections \(ECONNREFUSED\)[\s\S]*accepts connections again/,
    );
  });

  test('a server that ends with its connections: who has heard the end is refused at once', async () => {
    const { client, server, link, far } = await joined();
    const end = ending(client);
    // As a kernel does for a process that is killed: the listener first.
    const stopped = server.stop();
    expect(await end).toMatch(/FIN|ECONNRESET/);
    expect(await refusal(link.port)).toBe('ECONNREFUSED');
    await stopped;
    expect(far.destroyed).toBe(true);
  });

  test('a server that only stops to listen: the one connection that came before it was known is reset', async () => {
    const server = await upstream();
    const link = await tapped('tcp-session', server.port);
    await server.stop();
    const client = await dial(link.port);
    expect(await ending(client)).toBe('ECONNRESET');
    expect(await refusal(link.port)).toBe('ECONNREFUSED');
    expect(link.log().join('\n')).toMatch(/client ──▶ session refused: nobody listens there \(ECONNREFUSED\)/);
  });

  test('a standing connection outlives a shut door', async () => {
    const { client, far, link } = await joined();
    const port = (far.address() as AddressInfo).port;
    expect(port).toBeGreaterThan(0);
    const other = await dial(link.port);
    other.write('o');
    client.write('still here');
    expect((await read(far, 10)).toString()).toBe('still here');
  });
});

describe('datagrams', () => {
  async function echo(port = 0) {
    const socket = dgram.createSocket('udp4');
    const from: number[] = [];
    socket.on('message', (bytes, sender) => {
      if (bytes.length > 0) from.push(sender.port);
      socket.send(bytes, sender.port, sender.address);
    });
    socket.bind(port, HOST);
    await once(socket, 'listening');
    let open = true;
    const stop = async () => {
      if (!open) return;
      open = false;
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    };
    onTestFinished(stop);
    return { port: socket.address().port, from, stop };
  }

  async function asking(port: number) {
    const socket = dgram.createSocket('udp4');
    onTestFinished(() => void socket.close());
    socket.connect(port, HOST);
    await once(socket, 'connect');
    return {
      async ask(text: string): Promise<string> {
        const answer = Promise.race([
          once(socket, 'message').then(([bytes]) => (bytes as Buffer).toString()),
          new Promise<string>((resolve) =>
            socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? '')),
          ),
        ]);
        socket.send(text);
        return answer;
      },
      tell: (text: string) => socket.send(text),
    };
  }

  test('pass both ways, each client from a port of its own; after a cut from another', async () => {
    const server = await echo();
    const link = await tapped('udp-echo', server.port);
    const [one, other] = [await asking(link.port), await asking(link.port)];
    expect(await one.ask('one')).toBe('one');
    expect(await other.ask('other')).toBe('other');
    link.cut();
    expect(await one.ask('again')).toBe('again');
    expect(new Set(server.from).size).toBe(3);
    expect(link.log().filter((row) => /ECHO|REPLY|PATH/.test(row))).toEqual([
      'ECHO "one"',
      'REPLY "one"',
      'ECHO "other"',
      'REPLY "other"',
      'NEW PATH: the client comes back from another address',
      'ECHO "again"',
      'REPLY "again"',
    ]);
    expect(link.entries.filter(({ is }) => is === 'packet').map((entry) => (entry as { from: string }).from)).toEqual([
      'client',
      'echo',
      'client@2',
      'echo',
      'client@3',
      'echo',
    ]);
  });

  test('nobody there: the machine says so to the client, until somebody is', async () => {
    const port = await freePort();
    const link = await tapped('udp-echo', port);
    const client = await asking(link.port);
    expect(await client.ask('anybody?')).toBe('ECONNREFUSED');
    await echo(port);
    await link.says(/takes datagrams again/);
    expect(await client.ask('and now?')).toBe('and now?');
  });

  test('in a silence they are lost, and counted', async () => {
    const server = await echo();
    const link = await tapped('udp-echo', server.port);
    const client = await asking(link.port);
    expect(await client.ask('before')).toBe('before');
    link.silence();
    client.tell('lost');
    await link.says(/ECHO "lost" \(swallowed\)/);
    link.heal();
    expect(await client.ask('after')).toBe('after');
    expect(link.log().join('\n')).toContain(
      'THE LINK HEALS, and has swallowed from the client: 1 datagram, 4 bytes; from echo: nothing',
    );
    expect(server.from).toHaveLength(2);
  });
});

describe('bounds', () => {
  test('so many connections and no more: who comes then is reset, until somebody has left', async () => {
    const server = await upstream();
    const link = await tapped('tcp-session', server.port, true, 2);
    const speak = async () => {
      const socket = await dial(link.port);
      socket.write('x');
      return [socket, await server.next()] as const;
    };
    const [one, far] = await speak();
    await speak();
    const third = net.connect({ port: link.port, host: HOST });
    expect(await ending(third)).toBe('ECONNRESET');
    await link.says(/is reset: 2 connections are all that a tap holds/);
    const closed = Promise.all([over(one), over(far)]);
    one.end();
    await heard(far);
    far.end();
    one.resume();
    await closed;
    // The relay's own halves close in the same turn or the next.
    await new Promise((turn) => setImmediate(turn));
    await speak();
  });

  test('1,024 senders of datagrams are kept in mind, and who was silent longest goes first', async () => {
    const server = dgram.createSocket('udp4').bind(0, HOST);
    await once(server, 'listening');
    const said: string[] = [];
    const all = new Promise<void>((resolve) => {
      server.on('message', (bytes) => said.push(String(bytes)) === 2 && resolve());
    });
    const table = datagrams({
      to: { host: HOST, port: server.address().port },
      sights: UNSEEN,
      say() {},
      refused() {},
      passes: (_from, length) => length === 4,
    });
    try {
      table.hear(Buffer.from('one!'), HOST, 1);
      for (let port = 2; port <= CLIENTS; port++) table.hear(Buffer.from('many'.repeat(2)), HOST, port);
      expect(table.clients).toBe(CLIENTS);
      // The first one has just been heard of again, so it is the second that goes.
      table.hear(Buffer.from('more'), HOST, 1);
      table.hear(Buffer.from('new one'), HOST, CLIENTS + 1);
      expect(table.clients).toBe(CLIENTS);
      await all;
      expect(said).toEqual(['one!', 'more']);
    } finally {
      table.close();
      server.close();
    }
    expect(table.clients).toBe(0);
  });
});

describe('cuts', () => {
  test('path: both ends are reset', async () => {
    const { client, far, link } = await joined();
    const both = Promise.all([ending(client), ending(far)]);
    link.cut();
    expect(await both).toEqual(['ECONNRESET', 'ECONNRESET']);
    const back = await dial(link.port);
    back.write('b');
    await link.says(/client@2 ──▶ session connects/);
  });

  test('silence: nothing passes, a FIN neither; healed, all of it comes late and in order', async () => {
    const { client, far, link } = await joined();
    link.silence();
    client.write('one ');
    far.write('two');
    await link.says(/swallowed/);
    client.end('three');
    await link.says(/FIN, swallowed/);
    far.resume();
    const all = heard(far);
    link.heal();
    expect((await all).toString()).toBe('one three');
    expect((await read(client, 3)).toString()).toBe('two');
    far.end();
    expect(await ending(client)).toBe('FIN');
  });

  test('silence: a reset is lost for good, and the other end learns of it when it says something', async () => {
    const { client, far, link } = await joined();
    link.silence();
    client.resetAndDestroy();
    await link.says(/RST, swallowed/);
    link.heal();
    await link.says(/HALF-OPEN/);
    const end = ending(far);
    far.write('are you there?');
    expect(await end).toBe('ECONNRESET');
    expect(link.log().at(-1)).toContain('RST: the machine of client knows no such connection any more');
  });

  test('silence: who dials is not answered before it heals, and says no more than a window', async () => {
    const { client, far, link, server } = await joined();
    link.silence();
    const late = await dial(link.port);
    late.write('late');
    await link.says(/SYN, swallowed/);
    let taken = 0;
    const block = Buffer.alloc(1 << 20);
    while (
      taken < 32 &&
      (await Promise.race([new Promise((ok) => client.write(block, ok)).then(() => true), patience()]))
    )
      taken++;
    expect(taken).toBeLessThan(16);
    link.heal();
    client.end();
    expect((await heard(far)).length).toBe((taken + 1) << 20);
    expect((await read(await server.next(), 4)).toString()).toBe('late');
  });
});

describe('ftp', () => {
  const line = async (socket: Socket) => {
    let text = '';
    while (!text.endsWith('\n')) text += (await read(socket, 1)).toString('latin1');
    return text;
  };

  test.each([
    ['227', (port: number) => `227 Entering (127,0,0,1,${port >> 8},${port & 255})\r\n`],
    ['229', (port: number) => `229 Extended (|||${port}|)\r\n`],
  ])('passive (%s): the client is led to the relay, the data comes by, and the log has it', async (code, announce) => {
    const { link, client, far } = await control();
    const data = await upstream();
    far.write(announce(data.port));
    const told = await line(client);
    const [, high, low] = /(\d+),(\d+)\)/.exec(told) ?? [];
    const port = code === '227' ? Number(high) * 256 + Number(low) : Number(/\|(\d+)\|/.exec(told)?.[1]);
    expect(port).not.toBe(data.port);
    const near = await dial(port);
    near.write('up');
    const there = await data.next();
    expect((await read(there, 2)).toString()).toBe('up');
    there.end(noise(100_000, 6));
    expect((await heard(near)).equals(noise(100_000, 6))).toBe(true);
    near.end();
    // One connection, as was announced.
    await expect(dial(port)).rejects.toThrow('ECONNREFUSED');
    const log = link.log().join('\n');
    expect(log).toMatch(new RegExp(`${code} [\\s\\S]*this tap has put its own port ${port} in place of ${data.port}`));
    expect(log).toMatch(/client:data ──▶ ftp:data connects: the data connection of #\d+/);
    expect(log).toMatch(/DATA "up"/);
    const entries = link.entries.filter(
      (entry) => entry.is === 'packet' && entry.kind === 'DATA' && entry.side === 'server',
    );
    expect(entries.reduce((sum, entry) => sum + (entry as { length: number }).length, 0)).toBe(100_000);
  });

  test.each([
    ['PORT', (port: number) => `PORT 127,0,0,1,${port >> 8},${port & 255}\r\n`],
    ['EPRT', (port: number) => `EPRT |1|127.0.0.1|${port}|\r\n`],
  ])('active (%s): the server is led to the relay', async (_verb, announce) => {
    const { link, client, far } = await control();
    const ear = await upstream();
    client.write(announce(ear.port));
    const told = await line(far);
    const [, high, low] = /,(\d+),(\d+)\r/.exec(told) ?? [];
    const port = high === undefined ? Number(/\|(\d+)\|\r/.exec(told)?.[1]) : Number(high) * 256 + Number(low);
    expect(port).not.toBe(ear.port);
    const there = await dial(port);
    there.end('the file');
    expect((await heard(await ear.next())).toString()).toBe('the file');
    await link.says(/DATA "the file"/);
    expect(link.log().join('\n')).toMatch(/client:data ◀── ftp:data connects: the data connection of #\d+/);
  });

  test('a third machine is not dialled for anybody, and TLS is neither read nor changed', async () => {
    const { link, client, far } = await control();
    client.write('PORT 10,1,2,3,4,5\r\n');
    expect(await line(far)).toBe('PORT 10,1,2,3,4,5\r\n');
    await link.says(/names a place that this tap cannot stand in for/);
    far.write('234 Go on\r\n');
    expect(await line(client)).toBe('234 Go on\r\n');
    await link.says(/announced in TLS: they cannot be followed/);
    far.write('227 Entering (127,0,0,1,200,10)\r\n');
    expect(await line(client)).toBe('227 Entering (127,0,0,1,200,10)\r\n');
    client.write('PASS secret');
    expect((await read(far, 11)).toString()).toBe('PASS secret');
    expect(link.log().join('\n')).not.toMatch(/227 Entering|secret|PASS/);
    expect(link.log().join('\n')).toContain('TLS begins');
  });

  test('a stranger who finds the port gets nothing, and one that waits in vain is told', async () => {
    const { link, client, far } = await control();
    const port = await freePort();
    far.write(`229 Extended (|||${port}|)\r\n`);
    const own = Number(/\|(\d+)\|/.exec(await line(client))?.[1]);
    const stranger = net.connect({ port: own, host: HOST, localAddress: '127.0.0.2' });
    onTestFinished(() => void stranger.destroy());
    expect(await ending(stranger)).toMatch(/ECONNRESET|FIN/);
    const near = await dial(own);
    expect(await ending(near)).toBe('ECONNRESET');
    await link.says(/nobody waits at the port that was announced/);
  });
});

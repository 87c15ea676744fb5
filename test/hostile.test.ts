// What a hostile or broken peer sends, and what must be seen instead of a crash. Real servers, real sockets, bounded floods.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect as dial, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { ledger } from '../src/capture/ledger.ts';
import { record } from '../src/capture/records.ts';
import { tap } from '../src/capture/tap.ts';
import { clockSince, type Trace } from '../src/capture/trace.ts';
import { diskJournal } from '../src/lab/journals/disk.ts';
import { type Journal, StateKeeper } from '../src/lab/keeper.ts';
import { beginLife } from '../src/lab/lives.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { REAL_WORLD } from '../src/lab/world.ts';
import { jsonLines } from '../src/log/jsonl.ts';
import { TerminalLog } from '../src/log/terminal.ts';
import { paint } from '../src/log/text.ts';
import type { Bounds, Path } from '../src/protocols/shapes.ts';
import { card as session } from '../src/protocols/tcp-session/index.ts';
import type { Event, State } from '../src/protocols/tcp-session/state.ts';
import { ACK, type Message, RESET, type ResetCode, wire } from '../src/protocols/tcp-session/wire.ts';
import { card as echo } from '../src/protocols/udp-echo/index.ts';
import type { Message as Datagram } from '../src/protocols/udp-echo/wire.ts';
import { encode, Inbox } from '../src/wire/wire.ts';

const host = '127.0.0.1';
const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const say = (message: Message) => encode(wire, message);
const open = (seq = 0): Message => ({ type: 'OPEN', seq });
const data = (seq: number, payload: string | Buffer): Message => ({ type: 'DATA', seq, payload: Buffer.from(payload) });
const resume = (session: number, token: string): Message => ({ type: 'RESUME', session, token });
const reset = (code: ResetCode): Message => ({ type: 'RESET', code });

/** A session server in this process. `journal` stands in front of its answers, as on a disk. */
async function serving(bounds: Partial<Bounds> = {}, journal?: Journal<State, Event>, design = 'memory') {
  const rules = session.designs[design]?.rules;
  if (!rules) throw new Error(`no ${design}`);
  const { keeper } = await StateKeeper.open({ rules, wire, world: REAL_WORLD, transport: 'tcp', journal });
  const server = await session.serve(keeper, { host, port: 0 }, bounds);
  endings.push(() => server.close());
  return { port: server.port, keeper };
}

/** Somebody who says bytes and listens. */
class Peer {
  readonly socket: Socket;
  readonly heard: Message[] = [];
  /** Resolves when the connection is over, to how: the server ended it, or reset it. */
  readonly over: Promise<'ended' | 'reset'>;
  private news = promised();

  constructor(port: number) {
    this.socket = dial({ port, host, noDelay: true });
    endings.push(() => void this.socket.destroy());
    const inbox = new Inbox(wire, 'server');
    this.socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      if (error) throw error;
      this.heard.push(...messages);
      this.news.resolve();
      this.news = promised();
    });
    this.over = new Promise((resolve) => {
      let how: 'ended' | 'reset' = 'ended';
      this.socket.on('error', () => {
        how = 'reset';
      });
      this.socket.on('close', () => {
        resolve(how);
        this.news.resolve();
      });
    });
  }

  say(...what: (Message | Buffer)[]): this {
    this.socket.write(Buffer.concat(what.map((each) => (Buffer.isBuffer(each) ? each : say(each)))));
    return this;
  }

  /** The first `count` messages that nobody has taken yet. */
  async hears<T extends Message = Message>(count = 1): Promise<T[]> {
    while (this.heard.length < count) {
      if (this.socket.destroyed) throw new Error(`it is over after ${JSON.stringify(this.heard)}`);
      await this.news.promise;
    }
    return this.heard.splice(0, count) as T[];
  }

  /** All that is still said until the connection is over. */
  async toTheEnd(): Promise<Message[]> {
    await this.over;
    return this.heard.splice(0);
  }

  async reset(): Promise<void> {
    this.socket.resetAndDestroy();
    await this.over;
  }
}

const peer = (port: number) => new Peer(port);

/** A client with an open session. */
async function opened(port: number, first = 0) {
  const client = peer(port).say(open(first));
  const [granted] = await client.hears<Message & { type: 'OPENED' }>();
  if (granted?.type !== 'OPENED') throw new Error('not opened');
  return { client, ...granted };
}

/** A valid request is answered: the server is well. */
async function isWell(port: number): Promise<void> {
  const { client } = await opened(port, 7);
  const [answer] = await client.say(data(7, 'well?')).hears();
  expect(answer).toMatchObject({ type: 'ACK', code: ACK.delivered, next: 12, digest: crc32(Buffer.from('well?')) });
  await client.reset();
}

describe('tcp-session: bytes that are no message', () => {
  const wrong: [string, Buffer][] = [
    ['version 0', Buffer.from('01000004', 'hex')],
    ['version 2', Buffer.from('21', 'hex')],
    ['type 0', Buffer.from('10', 'hex')],
    ['type 8', Buffer.from('18', 'hex')],
    ['type 15', Buffer.from('1f', 'hex')],
    ['an OPEN of no length', Buffer.from('11000000', 'hex')],
    ['an OPEN of five bytes', Buffer.from('110000050000000000', 'hex')],
    ['a DATA without a payload', Buffer.from('1400000400000000', 'hex')],
    ['a DATA with a code', Buffer.from('140100050000000041', 'hex')],
    ['a DATA longer than any, from its header alone', Buffer.from('14000405', 'hex')],
    ['a DATA of 65,535 bytes, from its header alone', Buffer.from('1400ffff', 'hex')],
    ['a RESUME longer than any, from its header alone', Buffer.from('1300ffff', 'hex')],
    ['what only a server says: OPENED', say({ type: 'OPENED', session: 1, token: 'A'.repeat(22), next: 0, window: 1 })],
    ['what only a server says: ACK', say({ type: 'ACK', code: 0, next: 0, window: 0, digest: 0 })],
    ['what only a server says: RESET', say({ type: 'RESET', code: 1 })],
    ['another protocol: HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['another protocol: TLS', Buffer.from('16030100f1010000ed0303', 'hex')],
  ];

  test.each(wrong)('%s: RESET 4, the end of this connection, and nothing else', async (_what, bytes) => {
    const { port } = await serving();
    const { client: bystander } = await opened(port);
    expect(await peer(port).say(bytes).toTheEnd()).toEqual([reset(RESET.malformed)]);
    // In the middle of a session, behind a message that is right: that one is still answered.
    const { client } = await opened(port);
    const heard = await client.say(data(0, 'hello'), bytes).toTheEnd();
    expect(heard).toMatchObject([{ type: 'ACK', code: ACK.delivered, next: 5 }, reset(RESET.malformed)]);
    expect(await bystander.say(data(0, 'me too')).hears()).toMatchObject([{ code: ACK.delivered, next: 6 }]);
  });

  test('what follows them is not read, however well it is formed, and however long the answer takes', async () => {
    const gate = gatedJournal();
    const { port, keeper } = await serving({}, gate.journal);
    const client = peer(port).say(open());
    await gate.asked(1);
    // While the OPEN is on its way to the disk: rubbish, and then, in chunks of their own, messages. When somebody who comes
    // after a chunk has been heard, the chunk has been.
    const others: Peer[] = [];
    for (const bytes of [Buffer.from('ff', 'hex'), say(data(0, 'hello')), Buffer.from('00', 'hex')]) {
      client.say(bytes);
      others.push(peer(port).say(open()));
      await until(() => keeper.state.opened === 1 + others.length);
    }
    gate.release();
    expect(await client.toTheEnd()).toMatchObject([{ type: 'OPENED' }, reset(RESET.malformed)]);
    for (const other of others) await other.hears();
    expect([...keeper.state.sessions.values()].map(({ rcvNxt }) => rcvNxt)).toEqual([0, 0, 0, 0]);
  });

  test('a captured conversation with any one byte spoiled, cut short, doubled or out of order: a valid request is answered', async () => {
    const { port } = await serving();
    const token = REAL_WORLD.name();
    const messages = [say(open()), say(data(0, 'hello')), say(data(5, 'world')), say(resume(1, token))].concat(
      say({ type: 'CLOSE', next: 10, digest: crc32(Buffer.from('helloworld')) }),
    );
    const whole = Buffer.concat(messages);
    const spoilt: Buffer[] = [];
    for (let at = 0; at < whole.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        spoilt.push(bytes);
      }
      spoilt.push(whole.subarray(0, at), Buffer.concat([whole.subarray(0, at), whole]), whole.subarray(at));
    }
    for (const one of messages) for (const two of messages) spoilt.push(Buffer.concat([two, one, two]));
    for (let start = 0; start < spoilt.length; start += 50) {
      await Promise.all(
        spoilt.slice(start, start + 50).map(async (bytes) => {
          const client = peer(port).say(bytes);
          client.socket.end();
          await client.over;
        }),
      );
    }
    await isWell(port);
  });
});

describe('tcp-session: framing', () => {
  const conversation = Buffer.concat(
    [open(9), data(9, 'abc'), data(12, 'defgh'), data(9, 'abc'), data(17, 'i')].map(say),
  );
  const answers = [
    { type: 'OPENED', next: 9 },
    { code: ACK.delivered, next: 12 },
    { code: ACK.delivered, next: 17 },
    { code: ACK.duplicate, next: 17 },
    { code: ACK.delivered, next: 18 },
  ];

  test('split at every point, the same answers', async () => {
    const { port } = await serving();
    for (let at = 1; at < conversation.length; at++) {
      const client = peer(port).say(conversation.subarray(0, at));
      await turn();
      expect(await client.say(conversation.subarray(at)).hears(5), `split at ${at}`).toMatchObject(answers);
      await client.reset();
    }
  });

  test('one byte at a time, the same answers', async () => {
    const { port } = await serving();
    const client = peer(port);
    for (const byte of conversation) {
      client.say(Buffer.from([byte]));
      await turn();
    }
    expect(await client.hears(5)).toMatchObject(answers);
  });

  test('500 messages in one chunk get 500 answers, in order', async () => {
    const { port } = await serving();
    const { client } = await opened(port);
    const numbers = Array.from({ length: 500 }, (_none, index) => index);
    const acks = await client.say(...numbers.map((seq) => data(seq, 'x'))).hears(500);
    expect(acks.map((ack) => ack.type === 'ACK' && ack.next)).toEqual(numbers.map((seq) => seq + 1));
  });

  test('payloads of every length are summed alike', async () => {
    const { port } = await serving();
    const { client } = await opened(port);
    let whole = Buffer.alloc(0);
    for (let length = 1; length <= 1024; length += 31) {
      const payload = Buffer.from(Array.from({ length }, (_none, index) => (index * length * 7 + 13) & 255));
      const [ack] = await client.say(data(whole.length, payload)).hears();
      whole = Buffer.concat([whole, payload]);
      expect(ack).toMatchObject({ code: ACK.delivered, next: whole.length, digest: crc32(whole) });
    }
  });
});

describe('tcp-session: numbers, tokens and owners', () => {
  test.each([
    ['a replay', -5, 'hello', ACK.duplicate],
    ['a replay of a part', -2, 'lo', ACK.duplicate],
    ['a gap of one', 1, 'x', ACK.gap],
    ['the last byte of the window', 4095, 'x', ACK.gap],
    ['one byte beyond the window', 4096, 'x', ACK.beyond],
    ['far in the future', 2 ** 31 - 1, 'x', ACK.beyond],
    ['half the numbers away: behind', -(2 ** 31), 'x', ACK.duplicate],
  ])('%s: answered with the number that is expected, and nothing changes', async (_what, ahead, payload, code) => {
    for (const first of [0, 100, 2 ** 32 - 3]) {
      const { port, keeper } = await serving();
      const { client } = await opened(port, first);
      await client.say(data(first, 'hello')).hears();
      const before = structuredClone(keeper.state);
      const expected = (first + 5) >>> 0;
      const [answer] = await client.say(data((expected + ahead) >>> 0, payload)).hears();
      expect(answer).toEqual({ type: 'ACK', code, next: expected, window: 4096, digest: crc32(Buffer.from('hello')) });
      expect(keeper.state).toEqual(before);
      await client.reset();
    }
  });

  test('a token that was never issued, one bit off, or of another session gets the very same bytes', async () => {
    const { port } = await serving();
    const one = await opened(port);
    const two = await opened(port);
    const bit = Buffer.from(one.token, 'base64url');
    bit[15] = (bit[15] ?? 0) ^ 1;
    const attempts = [
      resume(one.session, REAL_WORLD.name()),
      resume(one.session, bit.toString('base64url')),
      resume(two.session, one.token),
      resume(0, Buffer.alloc(16).toString('base64url')),
      resume(2 ** 32 - 1, Buffer.alloc(16, 255).toString('base64url')),
    ];
    for (const each of attempts) {
      expect(await peer(port).say(each).toTheEnd()).toEqual([reset(RESET.unknownSession)]);
    }
    // Neither owner noticed anything.
    for (const { client } of [one, two]) expect(await client.say(data(0, 'x')).hears()).toMatchObject([{ next: 1 }]);
  });

  test('two owners: the newest wins, the older one is told and ended, and a byte is acknowledged once', async () => {
    const { port, keeper } = await serving();
    const { client: old, session: id, token } = await opened(port);
    await old.say(data(0, 'abc')).hears();
    const fresh = peer(port).say(resume(id, token));
    expect(await fresh.hears()).toMatchObject([{ type: 'ACK', next: 3 }]);
    expect(await old.toTheEnd()).toEqual([reset(RESET.takenOver)]);
    expect(await fresh.say(data(3, 'd')).hears()).toMatchObject([{ code: ACK.delivered, next: 4 }]);
    expect(keeper.facts()[`session[${id}]`]).toContain('4 bytes delivered');
    // Ten at once: one is left, and it is the one that speaks for the session.
    const crowd = Array.from({ length: 10 }, () => peer(port).say(resume(id, token)));
    await Promise.all(crowd.map((each) => each.hears()));
    await until(() => crowd.filter(({ socket }) => socket.destroyed).length === 9);
    const winner = crowd.find(({ socket }) => !socket.destroyed);
    expect(await winner?.say(data(4, 'e')).hears()).toMatchObject([{ code: ACK.delivered, next: 5 }]);
  });

  test('OPEN or RESUME on a connection that has a session ends it; DATA or CLOSE on one that has none, too', async () => {
    const { port } = await serving();
    const { client, session: id, token } = await opened(port);
    expect(await client.say(open()).toTheEnd()).toEqual([reset(RESET.alreadyOpen)]);
    const back = peer(port).say(resume(id, token));
    await back.hears();
    expect(await back.say(resume(id, token)).toTheEnd()).toEqual([reset(RESET.alreadyOpen)]);
    expect(await peer(port).say(data(0, 'x')).toTheEnd()).toEqual([reset(RESET.noSession)]);
    expect(await peer(port).say({ type: 'CLOSE', next: 0, digest: 0 }).toTheEnd()).toEqual([reset(RESET.noSession)]);
  });

  test('a connection from the very address and port of one that was reset speaks for nobody', async () => {
    const { port, keeper } = await serving();
    const again = await sameAddress(port);
    const heard = once(again, 'data');
    again.write(say(data(0, 'whose session is this?')));
    const [bytes] = (await heard) as [Buffer];
    expect(bytes.subarray(0, 4)).toEqual(say(reset(RESET.noSession)));
    for (const { rcvNxt } of keeper.state.sessions.values()) expect(rcvNxt).toBe(0);
  });

  /** Opens a session, resets the connection, and dials at once from where it came from. */
  async function sameAddress(port: number): Promise<Socket> {
    for (;;) {
      const { client } = await opened(port);
      const { localPort } = client.socket;
      client.socket.resetAndDestroy();
      const again = dial({ port, host, localAddress: host, ...(localPort ? { localPort } : {}) });
      endings.push(() => void again.destroy());
      const connected = new Promise<boolean>((resolve) =>
        again.once('connect', () => resolve(true)).once('error', () => resolve(false)),
      );
      // Somebody else on this machine may have been given that port in the meantime.
      if (await connected) return again;
    }
  }
});

describe('tcp-session: floods', () => {
  test('200 connections reset in the middle of a message leave no descriptor behind', async () => {
    const { port, keeper } = await serving();
    await isWell(port);
    await until(() => keeper.state.speakers.size === 0);
    const before = descriptors();
    for (let round = 0; round < 4; round++) {
      const storm = await Promise.all(Array.from({ length: 50 }, () => opened(port)));
      for (const { client } of storm) client.say(say(data(0, 'hello')).subarray(0, 10));
      await turn();
      await Promise.all(storm.map(({ client }) => client.reset()));
    }
    await until(() => keeper.state.speakers.size === 0 && descriptors() <= before);
    await isWell(port);
  });

  test('half-open connections: the oldest makes room, a session in use is not touched, the newcomer is heard', async () => {
    const { port } = await serving({ connections: 8 });
    const { client: settled } = await opened(port);
    const flood = Array.from({ length: 40 }, () => peer(port).say(say(open()).subarray(0, 5)));
    await Promise.all(flood.slice(0, 33).map(async ({ over }) => expect(await over).toBe('reset')));
    const { client: newcomer } = await opened(port);
    for (const client of [settled, newcomer])
      expect(await client.say(data(0, 'x')).hears()).toMatchObject([{ code: ACK.delivered }]);
  });

  test('half a message is no first request: whoever stops there is shown out in time', async () => {
    const { port } = await serving({ handshake: 50 });
    const slow = peer(port).say(say(open()).subarray(0, 7));
    expect(await slow.toTheEnd()).toEqual([]);
  });

  test('a session that nobody speaks on is closed, and can be resumed', async () => {
    const { port } = await serving({ idle: 50 });
    const { client, session: id, token } = await opened(port);
    await client.over;
    expect(await peer(port).say(resume(id, token)).hears()).toMatchObject([{ type: 'ACK', next: 0 }]);
  });

  test('whoever ends its side after the last question still gets the answer, however long the disk takes', async () => {
    const gate = gatedJournal();
    const { port } = await serving({}, gate.journal);
    const client = peer(port);
    client.socket.end(Buffer.concat([open(), data(0, 'hello')].map(say)));
    await gate.asked(1);
    for (let turns = 0; turns < 20; turns++) await turn();
    gate.release();
    expect(await client.toTheEnd()).toMatchObject([{ type: 'OPENED' }, { type: 'ACK', next: 5 }]);
  });

  test('what follows a RESET in the same chunk has no effect', async () => {
    const { port, keeper } = await serving();
    expect(await peer(port).say(data(0, 'x'), open(), data(0, 'x')).toTheEnd()).toEqual([reset(RESET.noSession)]);
    expect(keeper.state.opened).toBe(0);
  });

  test('after a snapshot and a kill no path of the dead process speaks for a session', async () => {
    const { path: folder, remove } = await temporaryFolder();
    endings.push(remove);
    const rules = session.designs.disk?.rules;
    if (!rules) throw new Error('no disk');
    const live = async () => {
      const journal = await diskJournal<State, Event>({ folder, long: 1 });
      return { journal, ...(await StateKeeper.open({ rules, wire, world: REAL_WORLD, transport: 'tcp', journal })) };
    };
    const one = await live();
    const server = await session.serve(one.keeper, { host, port: 0 });
    const { client } = await opened(server.port);
    await client.say(data(0, 'mine')).hears();
    // As a kill leaves it: nobody was told that the connection is gone.
    await one.journal.close();
    const two = await live();
    expect(two.keeper.facts()).toEqual({ 'session[1]': expect.stringContaining('next 4') });
    await two.journal.close();
    await client.reset();
    await server.close();
  });

  const frames = many(400_000);

  test.each(['memory', 'disk'])('%s: who reads slowly gets every answer', async (design) => {
    const { port } = await serving({}, design === 'disk' ? eagerJournal() : undefined, design);
    const { client } = await opened(port);
    client.socket.pause();
    let bytes = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes === 16 * 400_000) client.socket.end();
    });
    client.socket.pause();
    client.socket.write(frames);
    // A second in which others are served: long enough for every buffer on the way to be full.
    for (let others = 0; others < 100; others++) await isWell(port);
    client.socket.resume();
    expect(await client.over).toBe('ended');
    expect(bytes).toBe(16 * 400_000);
  });

  test.skipIf(!existsSync('/proc/self/statm'))(
    '48 MB offered by who never reads, or behind a length that is too long: memory stays as it was',
    async () => {
      const life = await beginLife({
        protocol: 'tcp-session',
        design: 'memory',
        who: 'session/1',
        host,
        port: 0,
        origin: '0',
        bounds: { stall: 300 },
      });
      endings.push(() => life.stop());
      // Three times in good manners, so that the heap has the room that answering takes: that is no growth.
      for (let warm = 0; warm < 3; warm++) {
        const { client: polite } = await opened(life.port);
        let bytes = 0;
        polite.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes === 16 * 400_000) polite.socket.end();
        });
        polite.socket.write(frames);
        await polite.over;
      }

      const start = resident(life.pid);
      const { client: deaf } = await opened(life.port);
      deaf.socket.pause();
      for (let offered = 0; offered < 48e6; offered += frames.length) deaf.socket.write(frames);
      let most = start;
      const look = setInterval(() => {
        most = Math.max(most, resident(life.pid));
      }, 10);
      expect(await deaf.over).toBe('reset');

      const liar = peer(life.port).say(Buffer.from('1400ffff', 'hex'));
      for (let offered = 0; offered < 48e6; offered += frames.length) liar.socket.write(frames);
      await liar.over;
      clearInterval(look);
      expect((most - start) / 1e6).toBeLessThan(10);
      await isWell(life.port);
    },
  );
});

describe('udp-echo', () => {
  /** An echo server here, with everything it hears. */
  async function echoing(bounds: Partial<Bounds> = {}) {
    const rules = echo.designs.plain?.rules;
    if (!rules) throw new Error('no plain');
    const { keeper } = await StateKeeper.open({ rules, wire: echo.wire, world: REAL_WORLD, transport: 'udp' });
    let heard = 0;
    const hear = (from: Path, messages: readonly Datagram[]) => {
      heard += messages.length;
      return keeper.hear(from, messages);
    };
    const server = await echo.serve(
      {
        hear,
        part: (from) => keeper.part(from),
        refuse: (to, message) => keeper.refuse(to, message),
        bye: (to) => keeper.bye(to),
        greet: (to) => keeper.greet(to),
        learn: (from, outcome) => keeper.learn(from, outcome),
        attach: (mouth) => keeper.attach(mouth),
      },
      { host, port: 0 },
      bounds,
    );
    endings.push(() => server.close());
    return { port: server.port, hear, heard: () => heard };
  }

  async function asker(port = 0): Promise<dgram.Socket> {
    const socket = dgram.createSocket('udp4');
    endings.push(() => void socket.close());
    socket.bind(port, host);
    await once(socket, 'listening');
    return socket;
  }

  async function asks(socket: dgram.Socket, port: number, payload: Buffer): Promise<Buffer> {
    const answer = once(socket, 'message');
    socket.send(payload, port, host);
    return ((await answer) as [Buffer])[0];
  }

  test('an answer is exactly as long as its question: none is amplified, the empty and the longest included', async () => {
    const { port } = await echoing();
    const socket = await asker();
    for (const length of [0, 1, 2, 511, 1472, 9000, 65_507]) {
      const payload = Buffer.from(Array.from({ length }, (_none, index) => index & 255));
      expect((await asks(socket, port, payload)).equals(payload), `${length} bytes`).toBe(true);
    }
  });

  test('one question gets one answer', async () => {
    const { port, heard } = await echoing({ rate: 0 });
    const socket = await asker();
    let answers = 0;
    socket.on('message', () => {
      answers++;
    });
    for (let questions = 0; questions < 100; questions++) await asks(socket, port, Buffer.from(String(questions)));
    expect([answers, heard()]).toEqual([100, 100]);
  });

  /** Two servers, and one datagram to each that claims to come from the other. Counts what goes round. */
  async function loop(bounds: Partial<Bounds>, enough: number): Promise<number> {
    const one = await echoing(bounds);
    const two = await echoing(bounds);
    // As if it had arrived with a false sender: from here on both do as they always do.
    one.hear(`${host}:${two.port}`, [{ payload: Buffer.from('to whom it may concern'), from: 'client' }]);
    const others = await asker();
    const count = () => one.heard() + two.heard();
    let before = -1;
    // It has died down when nothing more goes round while somebody else is answered, over and over, by both.
    while (count() !== before && count() < enough) {
      before = count();
      const probe = await asker();
      for (let each = 0; each < 10; each++) {
        for (const { port } of [one, two]) await asks(probe, port, Buffer.from('?'));
      }
      before += 20;
    }
    await asks(others, one.port, Buffer.from('still there?'));
    return count();
  }

  test('two echo servers set upon each other by one false datagram fall silent when the burst is spent', async () => {
    // Each answers the other 20 times in a burst; how often a probe asked comes on top.
    const count = await loop({ rate: 10 }, 10_000);
    expect(count).toBeGreaterThan(40);
    expect(count).toBeLessThan(500);
  });

  test('without the guard they would go on for ever', async () => {
    expect(await loop({ rate: 0 }, 3000)).toBeGreaterThanOrEqual(3000);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'a datagram from the port of a small server is not answered (bounds.test.ts asks the guard where ports are refused)',
    async () => {
      const { port, heard } = await echoing({ rate: 0 });
      const low = await lowPort();
      const other = await asker();
      let answers = 0;
      low.on('message', () => {
        answers++;
      });
      for (let times = 0; times < 5; times++) low.send(Buffer.from('chargen'), port, host);
      for (let times = 0; times < 20; times++) await asks(other, port, Buffer.from('?'));
      expect([answers, heard()]).toEqual([0, 20]);
    },
  );

  async function lowPort(): Promise<dgram.Socket> {
    for (let port = 1023; port > 900; port--) {
      const socket = dgram.createSocket('udp4');
      const bound = new Promise<boolean>((resolve) =>
        socket.once('error', () => resolve(false)).bind(port, host, () => resolve(true)),
      );
      if (await bound) {
        endings.push(() => void socket.close());
        return socket;
      }
      socket.close();
    }
    throw new Error('no port below 1024 is free');
  }

  test('names that mean something to JavaScript are only bytes', async () => {
    const { port } = await echoing();
    const client = await echo.connect({
      design: 'plain',
      host,
      port,
      world: REAL_WORLD,
      waits: { redial: async () => {}, overdue: () => new Promise(() => {}) },
    });
    endings.push(() => client.close());
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const said = client.say(name);
      expect(client.facts()).toEqual({ [`pending["${name}"]`]: 'asked, no answer yet' });
      expect(await said).toBe(name);
      expect(client.facts()).toEqual({});
    }
  });
});

describe('the log of it', () => {
  /** Every character that a terminal would obey or hide. */
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly the characters that must not get through
  const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u;
  const PAYLOADS = [
    '\u001b[2J\u001b[31mroot#\u0007 \u0000 \u007f',
    '\u009b31m \u0090 \u0085',
    '\u202e\u2066gnp.exe\u2069 \u200b \u2028 \u2029 \ufeff',
    '\r\n━━━ SIGKILL server/1 (pid 1)\r\n#01 forged',
    '</script><!-- $(reboot) `id` %s %n',
    '\\x1b[31m',
  ];

  /** Taps a server in this process while `act` speaks to it, and renders all of it in every form. */
  async function logged(
    port: number,
    card: typeof session | typeof echo,
    act: () => Promise<void>,
    showSecrets = false,
  ) {
    const traces: Trace[] = [
      { t: 0, who: `${card.calls}/1`, is: 'born', pid: 1, path: `${host}:${port}`, facts: {}, notes: [] },
    ];
    const untap = tap({
      who: 'client',
      clock: clockSince(process.hrtime.bigint()),
      remotePort: () => port,
      // The server lives in this process too; its own end is not what is looked at.
      sink: (trace) => void ('local' in trace && trace.local.endsWith(`:${port}`) ? undefined : traces.push(trace)),
    });
    await act().finally(untap);
    const entries = record(traces, { card: card as never, showSecrets });
    const found = ledger(entries);
    const forms = [jsonLines(entries, found).join('\n')];
    for (const level of ['line', 'default', 'full'] as const) {
      for (const ascii of [false, true]) {
        const log = new TerminalLog({ level, bytes: 'all', look: { width: 80, colour: false, ascii } });
        const lines = entries.flatMap((entry) =>
          log.lines(entry, 'row' in entry ? found.notes.get(entry.row) : undefined),
        );
        forms.push(lines.map((line) => paint(line, { width: 80, colour: false, ascii })).join('\n'));
      }
    }
    expect(entries.some((entry) => entry.is === 'packet')).toBe(true);
    return forms;
  }

  test('control characters in a payload are drawn, never obeyed: not on a terminal, not in JSON', async () => {
    const { port } = await serving();
    const forms = await logged(port, session, async () => {
      const { client } = await opened(port);
      let at = 0;
      for (const payload of PAYLOADS) {
        await client.say(data(at, payload)).hears();
        at += Buffer.byteLength(payload);
      }
      // And once as bytes that are no message.
      await client.say(Buffer.from(`\u00ff${PAYLOADS.join('')}`)).toTheEnd();
    });
    for (const form of forms) expect(OBEYED.exec(form)?.[0]).toBeUndefined();
    // No payload makes a line of its own.
    for (const form of forms) expect(form).not.toMatch(/^(━━━ SIGKILL server|#01 forged)/m);
    expect(forms[1]).toContain('\\x1b[2J');
  });

  test.each(['memory', 'connection'])('%s: a token is not in the log, unless it is asked for', async (design) => {
    for (const showSecrets of [false, true]) {
      const { port } = await serving({}, undefined, design);
      let token = '';
      const forms = await logged(
        port,
        session,
        async () => {
          const one = await opened(port);
          token = one.token;
          await one.client.reset();
          const back = peer(port).say(resume(one.session, token));
          await back.hears();
          await back.reset();
        },
        showSecrets,
      );
      const bytes = Buffer.from(token, 'base64url');
      const spaced = (bytes.toString('hex').match(/../g) ?? []).slice(0, 4).join(' ');
      const shown = forms.some((form) =>
        [token, bytes.toString('hex'), spaced].some((secret) => form.includes(secret)),
      );
      expect(shown).toBe(showSecrets);
    }
  });
});

/** A journal that does not write before it is told to. */
function gatedJournal(): { journal: Journal<State, Event>; asked(times: number): Promise<void>; release(): void } {
  const gate = promised();
  let asked = 0;
  const journal: Journal<State, Event> = {
    recover: async (state) => ({ state, notes: [] }),
    append() {
      asked++;
      return gate.promise;
    },
    snapshot: () => gate.promise,
    long: false,
    close: async () => {},
  };
  return { journal, asked: (times) => until(() => asked >= times), release: () => gate.resolve() };
}

/** A journal on a disk that needs some turns of the loop for each write. */
function eagerJournal(): Journal<State, Event> {
  return {
    recover: async (state) => ({ state, notes: [] }),
    async append() {
      for (let turns = 0; turns < 10; turns++) await turn();
    },
    snapshot: () => turn(),
    long: false,
    close: async () => {},
  };
}

/** So many DATA of one byte, as one buffer. */
function many(count: number): Buffer {
  const bytes = Buffer.alloc(count * 9);
  for (let index = 0; index < count; index++) {
    bytes.writeUInt32BE(0x14000005, index * 9);
    bytes.writeUInt32BE(index, index * 9 + 4);
  }
  return bytes;
}

function descriptors(): number {
  const open = existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
  return open || process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

/** Bytes of memory that a process has in use. */
function resident(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}

async function turn(): Promise<void> {
  await new Promise((next) => setImmediate(next));
}

async function until(met: () => boolean): Promise<void> {
  while (!met()) await turn();
}

function promised(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((yes) => {
    resolve = yes;
  });
  return { promise, resolve };
}

// TLS on an FTP server (RFC 4217): what was said before it does not count, and a data connection shows whose it is.

import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import tls from 'node:tls';
import { generate } from 'selfsigned';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { passiveIn, type Reply, wire } from '../../../src/protocols/ftp/wire.ts';
import { Inbox } from '../../../src/wire/wire.ts';
import { type HouseOptions, serve, Talker, until } from './house.ts';

let pem: { cert: string; key: string };
beforeAll(async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' });
  pem = { cert: made.cert, key: made.private };
});

const house = (options: HouseOptions = {}) => serve({ certificate: async () => pem, ...options });

/** What TLS of data connections travels on, in order. */
const clears: net.Socket[] = [];

/** Somebody at a control connection through TLS. */
class Private {
  readonly socket: tls.TLSSocket;
  /** The newest ticket: each is good for one connection. */
  ticket: Buffer | undefined;
  private readonly replies: Reply[] = [];

  constructor(clear: net.Socket) {
    const inbox = new Inbox(wire, 'server');
    this.socket = tls.connect({ socket: clear, rejectUnauthorized: false });
    this.socket.on('error', () => {});
    this.socket.on('session', (ticket) => {
      this.ticket = ticket;
    });
    this.socket.on('data', (chunk) => this.replies.push(...(inbox.push(chunk).messages as Reply[])));
    onTestFinished(() => void this.socket.destroy());
  }

  /** Connects, and begins TLS; `behind` is said in the same breath as AUTH. */
  static async meet(port: number, behind = ''): Promise<Private> {
    const talker = await Talker.meet(port);
    talker.write(`AUTH TLS\r\n${behind}`);
    expect(await talker.reply()).toBe(234);
    talker.socket.removeAllListeners('data');
    const made = new Private(talker.socket);
    await once(made.socket, 'secureConnect');
    return made;
  }

  async reply(): Promise<Reply | undefined> {
    await until(() => this.replies.length > 0 || this.socket.destroyed);
    return this.replies.shift();
  }

  async say(line: string): Promise<number | undefined> {
    this.socket.write(`${line}\r\n`);
    return (await this.reply())?.code;
  }

  async enter(): Promise<this> {
    for (const line of ['USER ann', 'PASS secret', 'PBSZ 0', 'PROT P', 'TYPE I']) await this.say(line);
    await until(() => this.ticket !== undefined);
    return this;
  }

  /** A data connection through TLS, which shows this ticket. */
  async data(session: Buffer | undefined): Promise<tls.TLSSocket> {
    this.socket.write('EPSV\r\n');
    const port = passiveIn((await this.reply()) as Reply)?.port as number;
    const clear = net.connect({ port, host: '127.0.0.1' });
    clears.push(clear);
    // A socket that TLS has taken over cannot be reset any more, so it is kept out of its hands.
    const between = new Duplex({
      read() {},
      write: (chunk: Buffer, _encoding, done) => void clear.write(chunk, () => done()),
      final: (done) => void clear.end(done),
    });
    clear.on('data', (chunk) => between.push(chunk)).on('end', () => between.push(null));
    const socket = tls.connect({ socket: between, rejectUnauthorized: false, ...(session ? { session } : {}) });
    socket.on('error', () => {});
    clear.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    return socket;
  }
}

describe('the control connection', () => {
  test('what was said in clear behind AUTH is dropped: no answer to it, and nobody is logged in', async () => {
    const { port } = await house();
    const ann = await Private.meet(port, 'USER ann\r\nPASS secret\r\nMKD evil\r\n');
    expect(await ann.say('NOOP')).toBe(200);
    expect(await ann.say('PWD')).toBe(530);
  });

  test('whoever was logged in before is not any more', async () => {
    const { port } = await house();
    const talker = await Talker.enter(port);
    expect(await talker.say('AUTH TLS')).toBe(234);
    talker.socket.removeAllListeners('data');
    const ann = new Private(talker.socket);
    await once(ann.socket, 'secureConnect');
    expect(await ann.say('PWD')).toBe(530);
  });

  test('a second AUTH is refused, also after all was forgotten', async () => {
    const { port, forget } = await house();
    const ann = await Private.meet(port);
    expect(await ann.say('AUTH TLS')).toBe(503);
    await forget();
    expect(await ann.say('PWD')).toBe(530);
    expect([await ann.say('AUTH TLS'), await ann.say('NOOP')]).toEqual([503, 200]);
  });

  test('bytes that are no TLS end this connection, and nothing else', async () => {
    const { port } = await house();
    const other = await Talker.meet(port);
    const talker = await Talker.meet(port);
    expect(await talker.say('AUTH TLS')).toBe(234);
    talker.socket.removeAllListeners('data').resume();
    talker.write('this is no handshake at all, and long enough to be seen as none\r\n');
    await talker.gone;
    expect(await other.say('NOOP')).toBe(200);
  });

  test('who never begins the handshake is let go of', async () => {
    const { port, facts } = await house({ patience: { coming: 50 } });
    const talker = await Talker.meet(port);
    expect(await talker.say('AUTH TLS')).toBe(234);
    await talker.gone;
    await until(() => Object.keys(facts()).length === 0);
  });

  test('without a certificate: 431, and on in clear', async () => {
    const { port } = await serve();
    const talker = await Talker.meet(port);
    expect(await talker.say('AUTH TLS')).toBe(431);
    expect(await talker.say('NOOP')).toBe(200);
  });
});

describe('data connections', () => {
  const LONG = Buffer.from(Array.from({ length: 100_000 }, (_none, at) => at % 251));

  test('one that shows a ticket of the control connection is served, there and back', async () => {
    const served = await house({ files: { a: LONG } });
    const ann = await (await Private.meet(served.port)).enter();
    const down = await ann.data(ann.ticket);
    expect(await ann.say('RETR a')).toBe(150);
    expect((await buffer(down)).equals(LONG)).toBe(true);
    expect((await ann.reply())?.code).toBe(226);
    const up = await ann.data(ann.ticket);
    expect(await ann.say('STOR b')).toBe(150);
    up.end(LONG);
    expect((await ann.reply())?.code).toBe(226);
    expect(served.file('b').equals(LONG)).toBe(true);
  });

  test('one without a ticket, and one with a ticket of somebody else: 522, and not a byte', async () => {
    const { port } = await house({ files: { a: LONG } });
    const ann = await (await Private.meet(port)).enter();
    const other = await (await Private.meet(port)).enter();
    for (const ticket of [undefined, other.ticket]) {
      const stolen = buffer(await ann.data(ticket)).catch(() => Buffer.alloc(0));
      expect(await ann.say('RETR a')).toBe(150);
      expect((await ann.reply())?.code).toBe(522);
      expect(await stolen).toHaveLength(0);
    }
  });

  test('one that speaks in clear: 425, and the next transfer is served', async () => {
    const { port } = await house({ files: { a: LONG }, patience: { coming: 200 } });
    const ann = await (await Private.meet(port)).enter();
    ann.socket.write('EPSV\r\n');
    const at = passiveIn((await ann.reply()) as Reply)?.port as number;
    const clear = net.connect({ port: at, host: '127.0.0.1' });
    clear.on('error', () => {});
    clear.write('where is my file? This is no TLS.\r\n');
    expect(await ann.say('RETR a')).toBe(150);
    expect((await ann.reply())?.code).toBe(425);
    clear.destroy();
    const down = await ann.data(ann.ticket);
    expect(await ann.say('RETR a')).toBe(150);
    expect((await buffer(down)).equals(LONG)).toBe(true);
  });

  // One that is *ended* without it passes for whole: Node does not tell an end of TLS from an end of TCP.
  test('an upload that is reset is no whole file', async () => {
    const served = await house();
    const ann = await (await Private.meet(served.port)).enter();
    const up = await ann.data(ann.ticket);
    expect(await ann.say('STOR b')).toBe(150);
    up.write(LONG);
    // Some of it is there, so TLS has been agreed on.
    await until(() => served.names().some((name) => served.file(name).length > 0));
    clears.at(-1)?.resetAndDestroy();
    expect((await ann.reply())?.code).toBe(426);
    expect(served.names()).toEqual([]);
  });

  // The machine then tells of an end where there was a reset, and TLS hides it for good.
  test('nor is one whose reset comes together with its last bytes', async () => {
    const served = await house();
    const ann = await (await Private.meet(served.port)).enter();
    for (let turn = 0; turn < 5; turn++) {
      const up = await ann.data(ann.ticket);
      expect(await ann.say(`STOR b${turn}`)).toBe(150);
      up.write(LONG);
      await until(() => served.names().some((name) => served.file(name).length > 0));
      up.write(LONG);
      clears.at(-1)?.resetAndDestroy();
      expect((await ann.reply())?.code).toBe(426);
      expect(served.names()).toEqual([]);
    }
  });
});

// The client of this exercise: it fetches and stores files, and loses its connections when it is told to. What it fetches it dials for
// when it has heard 150, and it reads the control connection again when the data is through: the order in which two connections are
// read would be left to chance otherwise.

import type { Socket } from 'node:net';
import { command, type Message, passiveIn, type Reply, wire } from '../../../src/protocols/ftp/wire.ts';
import type { Client, ClientOptions } from '../../../src/protocols/shapes.ts';
import { dialUntilAnswered } from '../../../src/sockets/dial.ts';
import { printable } from '../../../src/wire/printable.ts';
import { encode, Inbox } from '../../../src/wire/wire.ts';

export interface Fetcher extends Client {
  /** Logs in and asks for bytes as they are. Resolves to the codes of all replies. */
  logIn(): Promise<string>;
  /** Fetches a file from byte `from` on. Resolves to what came, or to the reply that refused it. */
  fetch(name: string, from?: number): Promise<Buffer | string>;
  /** Fetches until `least` bytes have come, and loses both connections then. Resolves to the first `least` of them. */
  fetchSome(name: string, least: number): Promise<Buffer | string>;
  /** Stores a file from byte `from` on. Resolves to the last reply. */
  store(name: string, bytes: Buffer, from?: number): Promise<string>;
  /** The connection is lost, without a good-bye. */
  lose(): Promise<void>;
}

interface Line {
  socket: Socket;
  /** Replies that nobody has asked for yet, or those who wait for one. */
  replies: Reply[];
  waiting: { resolve(reply: Reply): void; reject(error: Error): void } | undefined;
}

export async function connect(options: ClientOptions): Promise<Fetcher> {
  let line: Line | undefined;
  /** The data connection that was dialled last. */
  let carrying: Socket | undefined;

  /** The next reply of the server. */
  function heard(on: Line): Promise<Reply> {
    const next = on.replies.shift();
    if (next) return Promise.resolve(next);
    if (on.socket.destroyed) return Promise.reject(new Error('the connection is lost'));
    return new Promise((resolve, reject) => {
      on.waiting = { resolve, reject };
    });
  }

  function ask(on: Line, verb: string, argument = ''): Promise<Reply> {
    on.socket.write(encode(wire, command(verb, argument)));
    return heard(on);
  }

  /** Dials and hears the welcome. */
  async function dial(): Promise<Line> {
    const socket = await dialUntilAnswered(options);
    const inbox = new Inbox<Message>(wire, 'server');
    const dialled: Line = { socket, replies: [], waiting: undefined };
    const tell = (told: Reply | Error) => {
      const { waiting } = dialled;
      dialled.waiting = undefined;
      if (told instanceof Error) waiting?.reject(told);
      else if (waiting) waiting.resolve(told);
      else dialled.replies.push(told);
    };
    socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      for (const message of messages) if (message.is === 'reply') tell(message);
      if (error) tell(error);
    });
    // Whatever went wrong, `close` follows.
    socket.on('error', () => {});
    socket.on('close', () => tell(new Error('the connection is lost')));
    line = dialled;
    await heard(dialled);
    return dialled;
  }

  /** The connection, logged in: whoever comes by a new one is a stranger. */
  async function present(): Promise<Line> {
    if (line && !line.socket.destroyed) return line;
    const fresh = await dial();
    await introduce(fresh);
    return fresh;
  }

  async function introduce(on: Line): Promise<number[]> {
    const replies = [await ask(on, 'USER', 'ann'), await ask(on, 'PASS', 'guest'), await ask(on, 'TYPE', 'I')];
    return replies.map(({ code }) => code);
  }

  /** Says what is to be transferred, from where on. Resolves to the data connection, or to the reply that refused it. */
  async function begin(on: Line, verb: 'RETR' | 'STOR', name: string, from: number): Promise<Socket | string> {
    const passive = await ask(on, 'EPSV');
    const port = passiveIn(passive)?.port;
    if (port === undefined) return refusal('EPSV', passive);
    // What is stored is sent after 150, so this connection may be there before it, as with most clients.
    if (verb === 'STOR') carrying = await dialForData(port);
    if (from > 0) {
      const rest = await ask(on, 'REST', String(from));
      if (rest.code !== 350) return refusal(`REST ${from}`, rest);
    }
    const reply = await ask(on, verb, name);
    if (reply.code !== 150 && reply.code !== 125) return refusal(`${verb} ${name}`, reply);
    on.socket.pause();
    if (verb === 'RETR') carrying = await dialForData(port);
    if (!carrying) throw new Error('a transfer was to begin, and there is no data connection');
    return carrying;
  }

  async function dialForData(port: number): Promise<Socket> {
    const data = await dialUntilAnswered({ ...options, port });
    data.on('error', () => {});
    return data;
  }

  async function lose(...sockets: Socket[]): Promise<void> {
    for (const socket of sockets) {
      if (socket.destroyed) continue;
      socket.resetAndDestroy();
      await over(socket);
    }
  }

  /** What the server says when the data is through; a refusal unless that is good news. */
  async function finish(on: Line, verb: string): Promise<string | undefined> {
    on.socket.resume();
    const reply = await heard(on);
    return reply.code === 226 || reply.code === 250 ? undefined : refusal(verb, reply);
  }

  return {
    async logIn() {
      return (await introduce(await dial())).join(', ');
    },

    async fetch(name, from = 0) {
      const on = await present();
      const data = await begin(on, 'RETR', name, from);
      if (typeof data === 'string') return data;
      const chunks: Buffer[] = [];
      data.on('data', (chunk) => chunks.push(chunk));
      await over(data);
      return (await finish(on, `RETR ${name}`)) ?? Buffer.concat(chunks);
    },

    async fetchSome(name, least) {
      const on = await present();
      const data = await begin(on, 'RETR', name, 0);
      if (typeof data === 'string') return data;
      let got = Buffer.alloc(0);
      for await (const chunk of data.iterator({ destroyOnReturn: false })) {
        got = Buffer.concat([got, chunk]);
        if (got.length >= least) break;
      }
      await lose(data, on.socket);
      return got.subarray(0, least);
    },

    async store(name, bytes, from = 0) {
      const on = await present();
      const data = await begin(on, 'STOR', name, from);
      if (typeof data === 'string') return data;
      data.resume().end(bytes);
      await over(data);
      return (await finish(on, `STOR ${name}`)) ?? 'stored';
    },

    async lose() {
      if (line) await lose(line.socket);
    },

    facts: () => ({}),

    async move() {
      if (line) await lose(line.socket);
    },

    async close() {
      carrying?.destroy();
      if (!line || line.socket.destroyed) return;
      // Whoever gave up in the middle of a transfer does not read any more: nothing is waited for.
      line.socket.end();
      line.socket.destroySoon();
      await over(line.socket);
    },
  };
}

/** Resolves when a connection is gone, whatever has ended it. */
function over(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

function refusal(said: string, { code, lines }: Reply): string {
  return `${said} is answered by ${code} ${printable(lines.join(' '), 60)}`;
}

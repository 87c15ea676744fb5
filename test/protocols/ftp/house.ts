// A server in this process, and somebody who types commands to it.

import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { StateKeeper } from '../../../src/lab/keeper.ts';
import { temporaryFolder } from '../../../src/lab/tidy.ts';
import { seededWorld } from '../../../src/lab/world.ts';
import { type House, type Patience, serveFrom } from '../../../src/protocols/ftp/server.ts';
import { rulesFor } from '../../../src/protocols/ftp/state.ts';
import { passiveIn, type Reply, wire } from '../../../src/protocols/ftp/wire.ts';
import type { Bounds, Facts } from '../../../src/protocols/shapes.ts';
import { FolderError, type FolderOptions, openFolder } from '../../../src/served/folder.ts';
import { Inbox } from '../../../src/wire/wire.ts';

const rules = rulesFor({ dials: true });

export interface HouseOptions extends FolderOptions {
  files?: Record<string, string | Buffer>;
  /** A folder that this process may look at and not read. Rights would not do: some run the tests as root. */
  unreadable?: string;
  bounds?: Partial<Bounds>;
  patience?: Partial<Patience>;
  certificate?: House['certificate'];
  host?: string;
}

export interface Served {
  port: number;
  /** The folder on this machine. */
  root: string;
  facts(): Facts;
  forget(): Promise<Facts>;
  file(name: string): Buffer;
  /** The names in a folder, with what no client can see. */
  names(folder?: string): string[];
  close(): Promise<void>;
}

/** Serves some files until the test is over. `ann` has the password `secret` and may write; anonymous may read. */
export async function serve({
  files = {},
  unreadable,
  bounds,
  patience,
  certificate,
  host,
  ...folder
}: HouseOptions = {}): Promise<Served> {
  const { path: root, remove } = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    utimesSync(path, 1_767_225_600, 1_767_225_600);
  }
  const { keeper } = await StateKeeper.open({ rules, wire, world: seededWorld(1, 'server'), transport: 'tcp' });
  const opened = await openFolder(root, folder);
  const house: House = {
    folder: {
      ...opened,
      async *list(path) {
        if (path === unreadable) throw new FolderError('denied');
        yield* opened.list(path);
      },
    },
    async check(user, password) {
      if (user === 'anonymous') return 'read';
      return user === 'ann' && password === 'secret' ? 'write' : 'nothing';
    },
    certificate: certificate ?? (() => Promise.reject(new Error('this house has no certificate'))),
  };
  const server = await serveFrom(house, { wrong: 1, ...patience })(
    keeper,
    { host: host ?? '127.0.0.1', port: 0 },
    bounds,
  );
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= server.close();
    return closed;
  };
  onTestFinished(async () => {
    await close();
    await remove();
  });
  return {
    port: server.port,
    root,
    facts: () => keeper.facts(),
    forget: () => keeper.forget(),
    file: (name) => readFileSync(join(root, name)),
    names: (folder = '.') => readdirSync(join(root, folder)).sort(),
    close,
  };
}

/** Somebody at a control connection. */
export class Talker {
  readonly socket: net.Socket;
  /** Resolves when the connection is gone. */
  readonly gone: Promise<unknown>;
  private readonly replies: Reply[] = [];
  private readonly waiting: ((reply: Reply | undefined) => void)[] = [];

  private constructor(socket: net.Socket) {
    this.socket = socket;
    const inbox = new Inbox(wire, 'server');
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      if (error) throw error;
      for (const message of messages) {
        // The bytes are the chunk's.
        const reply = message as Reply;
        const next = this.waiting.shift();
        if (next) next(reply);
        else this.replies.push(reply);
      }
    });
    this.gone = new Promise((resolve) => socket.on('close', resolve));
    void this.gone.then(() => {
      for (const next of this.waiting.splice(0)) next(undefined);
    });
    onTestFinished(() => void socket.destroy());
  }

  /** Connects, and hears the greeting. */
  static async meet(port: number, options: Partial<net.TcpNetConnectOpts> = {}): Promise<Talker> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, ...options });
    const talker = new Talker(socket);
    await once(socket, 'connect');
    const greeting = await talker.reply();
    if (greeting !== 220) throw new Error(`greeted with ${greeting}`);
    return talker;
  }

  /** Connects and logs in. */
  static async enter(port: number, user = 'ann'): Promise<Talker> {
    const talker = await Talker.meet(port);
    await talker.say(`USER ${user}`);
    const code = await talker.say('PASS secret');
    if (code !== 230) throw new Error(`${user} is answered ${code}`);
    return talker;
  }

  /** Says a line, and resolves to the code of the next reply. */
  say(line: string): Promise<number | undefined> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  write(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** The code of the next reply; undefined when the connection ends before one. */
  async reply(): Promise<number | undefined> {
    return (await this.whole())?.code;
  }

  /** The next reply. */
  whole(): Promise<Reply | undefined> {
    const reply = this.replies.shift();
    if (reply) return Promise.resolve(reply);
    if (this.socket.closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Says a line, and resolves to the text of its reply. */
  async ask(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    const reply = await this.whole();
    return reply ? `${reply.code} ${reply.lines.join('|')}` : 'nothing';
  }

  /** The port that EPSV or PASV tells. */
  async passive(verb = 'EPSV'): Promise<number> {
    this.write(`${verb}\r\n`);
    const reply = await this.whole();
    const port = reply && passiveIn(reply)?.port;
    if (port === undefined) throw new Error(`${verb} is answered ${reply?.code}`);
    return port;
  }

  /** A data connection, connected. */
  async data(verb?: string): Promise<net.Socket> {
    const socket = net.connect({ port: await this.passive(verb), host: '127.0.0.1' });
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  /** What a command sends over a data connection, and the codes that it is answered with. */
  async fetch(line: string): Promise<{ bytes: Buffer; codes: (number | undefined)[] }> {
    const data = await this.data();
    const bytes = buffer(data).catch(() => Buffer.alloc(0));
    const codes = [await this.say(line)];
    if (codes[0] === 150) codes.push(await this.reply());
    else data.destroy();
    return { bytes: await bytes, codes };
  }

  /** Sends bytes over a data connection; the codes of the replies. */
  async send(line: string, bytes: Buffer | string): Promise<(number | undefined)[]> {
    const data = await this.data();
    const codes = [await this.say(line)];
    if (codes[0] !== 150) return codes;
    data.end(bytes);
    codes.push(await this.reply());
    return codes;
  }
}

/** Something that will be so soon: asks until it is, a turn of the loop at a time. */
export async function until(what: () => boolean, milliseconds = 5000): Promise<void> {
  const begun = performance.now();
  while (!what()) {
    if (performance.now() - begun > milliseconds) throw new Error(`it is not so after ${milliseconds} ms: ${what}`);
    await new Promise((next) => setTimeout(next, 5));
  }
}

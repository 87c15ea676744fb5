// A chat in this process, and somebody who says bytes to it.

import { connect as dial, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { StateKeeper } from '../../../src/lab/keeper.ts';
import { REAL_WORLD } from '../../../src/lab/world.ts';
import type { Bounds, Facts, Server } from '../../../src/protocols/shapes.ts';
import { serve as serveWith } from '../../../src/protocols/websocket/server.ts';
import { rulesFor, type State } from '../../../src/protocols/websocket/state.ts';
import type { Chat } from '../../../src/protocols/websocket/wire/chat.ts';
import { type Message, wire } from '../../../src/protocols/websocket/wire.ts';
import { encode, Inbox } from '../../../src/wire/wire.ts';
import { asking, said } from './frames.ts';

export interface Served extends Server {
  state(): State;
  facts(): Facts;
  forget(): Promise<Facts>;
}

/** Serves until the test is over. */
export async function serve(bounds: Partial<Bounds> = {}, keeps = true): Promise<Served> {
  const rules = rulesFor(keeps);
  const { keeper } = await StateKeeper.open({ rules, wire, world: REAL_WORLD, transport: 'tcp' });
  const server = await serveWith(keeper, { host: '127.0.0.1', port: 0 }, bounds);
  onTestFinished(() => server.close());
  return { ...server, state: () => keeper.state, facts: () => keeper.facts(), forget: () => keeper.forget() };
}

/** Resolves when `met` is: looked at whenever this process has nothing else to do. */
export async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((turn) => setImmediate(turn));
}

/** Somebody who says messages, or any bytes, and listens. */
export class Talker {
  readonly socket: Socket;
  readonly heard: Message[] = [];
  isOver = false;
  /** Resolves when the connection is over, however it ended. */
  readonly over: Promise<void>;

  constructor(port: number) {
    this.socket = dial({ port, host: '127.0.0.1', allowHalfOpen: true });
    onTestFinished(() => void this.socket.destroy());
    const inbox = new Inbox(wire, 'server');
    this.socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      if (error) throw error;
      this.heard.push(...messages);
    });
    this.socket.on('error', () => {}).on('end', () => this.socket.end());
    this.over = new Promise((resolve) =>
      this.socket.on('close', () => {
        this.isOver = true;
        resolve();
      }),
    );
  }

  /** One that speaks in frames. */
  static async upgraded(port: number): Promise<Talker> {
    const talker = new Talker(port).say(asking('localhost'));
    await until(() => talker.heard.length > 0 || talker.isOver);
    return talker;
  }

  /** One that is in the room. */
  static async joined(port: number, name: string): Promise<Talker> {
    const talker = await Talker.upgraded(port);
    talker.say(said({ is: 'join', room: 'kitchen', name, after: undefined }));
    await until(() => talker.kinds.includes('WELCOME') || talker.isOver);
    return talker;
  }

  say(...messages: (Message | Chat | Buffer)[]): this {
    for (const each of messages)
      this.socket.write(Buffer.isBuffer(each) ? each : encode(wire, 'is' in each ? said(each) : each));
    return this;
  }

  get kinds(): string[] {
    return this.heard.map((message) => wire.kind(message));
  }

  /** What it has heard, in the words of the log. */
  get words(): string[] {
    return this.heard.map((message) => `${wire.kind(message)} ${wire.says(message)}`.trimEnd());
  }

  /** The code of the close frame that it has heard. */
  get code(): number | undefined {
    const last = this.heard.at(-1);
    return last?.type === 'frame' && last.opcode === 'CLOSE' ? last.payload.readUInt16BE() : undefined;
  }
}

// A broker in this process, and somebody who says packets to it.

import { once } from 'node:events';
import { connect as dial } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { type Journal, StateKeeper } from '../../../src/lab/keeper.ts';
import { REAL_WORLD } from '../../../src/lab/world.ts';
import { type Broker, type Doors, serveFrom } from '../../../src/protocols/mqtt/server.ts';
import { type Event, type Given, rulesFor, type State } from '../../../src/protocols/mqtt/state.ts';
import { type Message, type QoS, type Version, wire } from '../../../src/protocols/mqtt/wire.ts';
import type { Bounds, Facts } from '../../../src/protocols/shapes.ts';
import { encode, Inbox, type Seen } from '../../../src/wire/wire.ts';

export const host = '127.0.0.1';

export interface Options {
  doors?: Doors;
  given?: Given;
  bounds?: Partial<Bounds>;
  /** Stands in front of its answers, as on a disk. */
  journal?: Journal<State, Event>;
}

export interface Served extends Broker {
  facts(): Facts;
}

/** Serves until the test is over. */
export async function serve({ doors, given = {}, bounds, journal }: Options = {}): Promise<Served> {
  const rules = rulesFor(given);
  const { keeper } = await StateKeeper.open({ rules, wire, world: REAL_WORLD, transport: 'tcp', journal });
  const broker = await serveFrom(doors)(keeper, { host, port: 0 }, bounds);
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= broker.close();
    return closed;
  };
  onTestFinished(close);
  return { ...broker, close, facts: () => keeper.facts() };
}

/** Resolves when `met` is: looked at whenever this process has nothing else to do. */
export async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((turn) => setImmediate(turn));
}

export const connect = (client: string, more: Partial<Message & { type: 'CONNECT' }> = {}): Message => ({
  version: 4,
  type: 'CONNECT',
  clean: true,
  keepAlive: 0,
  client,
  properties: {},
  ...more,
});

export const publish = (topic: string, payload: string | Buffer, qos: QoS = 0, version: Version = 4): Message => ({
  version,
  type: 'PUBLISH',
  dup: false,
  qos,
  retain: false,
  topic,
  id: qos === 0 ? 0 : 1,
  properties: {},
  payload: Buffer.from(payload),
});

export const subscribe = (filter: string, qos: QoS = 0, version: Version = 4): Message => ({
  version,
  type: 'SUBSCRIBE',
  id: 1,
  properties: {},
  filters: [{ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
});

export const ping = (version: Version = 4): Message => ({ version, type: 'PINGREQ' });

/** Somebody who says packets, or any bytes, and listens. */
export class Talker {
  readonly stream: Duplex;
  readonly heard: Message[] = [];
  /** Resolves when the connection is over, to how: the broker ended it, or it was reset. */
  readonly over: Promise<'ended' | 'reset'>;
  isOver = false;
  private readonly seen: Seen = new Map();

  constructor(stream: Duplex) {
    this.stream = stream;
    onTestFinished(() => void stream.destroy());
    const inbox = new Inbox(wire, 'server', this.seen);
    stream.on('data', (chunk: Buffer) => {
      const { messages, error } = inbox.push(chunk);
      if (error) throw error;
      this.heard.push(...messages);
    });
    this.over = new Promise((resolve) => {
      let how: 'ended' | 'reset' = 'ended';
      stream.on('error', () => {
        how = 'reset';
      });
      stream.on('close', () => {
        this.isOver = true;
        resolve(how);
      });
    });
  }

  static async dial(port: number): Promise<Talker> {
    const socket = dial({ port, host, noDelay: true });
    await once(socket, 'connect');
    return new Talker(socket);
  }

  /** Connects and is accepted. */
  static async meet(port: number, client: string, more: Partial<Message & { type: 'CONNECT' }> = {}): Promise<Talker> {
    const talker = await Talker.dial(port);
    await talker.enter(client, more);
    return talker;
  }

  async enter(client: string, more: Partial<Message & { type: 'CONNECT' }> = {}): Promise<Message> {
    return this.ask(connect(client, more));
  }

  /** What it hears is of this version, whatever it says. */
  speaks(version: Version): this {
    this.seen.set('version', String(version));
    return this;
  }

  say(...what: (Message | Buffer)[]): this {
    for (const each of what) if (!Buffer.isBuffer(each)) this.speaks(each.version);
    this.stream.write(Buffer.concat(what.map((each) => (Buffer.isBuffer(each) ? each : encode(wire, each)))));
    return this;
  }

  /** The next packet; rejects when the connection is over before. */
  async hears(): Promise<Message> {
    await until(() => this.heard.length > 0 || this.isOver);
    const message = this.heard.shift();
    if (!message) throw new Error('the connection is over, and nothing was said');
    return message;
  }

  ask(...what: (Message | Buffer)[]): Promise<Message> {
    return this.say(...what).hears();
  }

  /** All that is still said until the connection is over. */
  async toTheEnd(): Promise<Message[]> {
    await this.over;
    return this.heard.splice(0);
  }
}

/** A letter goes from one to another: the broker is well. */
export async function isWell(port: number): Promise<void> {
  const [one, other] = [await Talker.meet(port, 'well/one'), await Talker.meet(port, 'well/other')];
  await one.ask(subscribe('well'));
  other.say(publish('well', 'yes'));
  const letter = await one.hears();
  if (letter.type !== 'PUBLISH' || letter.payload.toString() !== 'yes') throw new Error('the broker is not well');
  for (const each of [one, other]) {
    each.stream.end(encode(wire, { version: 4, type: 'DISCONNECT' }));
    await each.over;
  }
}

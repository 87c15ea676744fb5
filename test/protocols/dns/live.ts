// A DNS server with real sockets, in this process, for as long as one test takes.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { onTestFinished } from 'vitest';
import { StateKeeper } from '../../../src/lab/keeper.ts';
import { REAL_WORLD } from '../../../src/lab/world.ts';
import { card } from '../../../src/protocols/dns/index.ts';
import { serve } from '../../../src/protocols/dns/server.ts';
import { type Event, type Options, rulesFor, type State } from '../../../src/protocols/dns/state.ts';
import { type Message, wire } from '../../../src/protocols/dns/wire.ts';
import type { Bounds, Rules } from '../../../src/protocols/shapes.ts';
import { smallZone } from './words.ts';

export interface Live {
  port: number;
  asked: string[];
  keeper: StateKeeper<State, Message, Event>;
}

async function begin(rules: Rules<State, Message, Event>, bounds: Partial<Bounds>, asked: string[]): Promise<Live> {
  const { keeper } = await StateKeeper.open({ rules, wire, world: REAL_WORLD, transport: card.transport });
  const server = await serve(keeper, { host: '127.0.0.1', port: 0 }, bounds);
  onTestFinished(() => server.close());
  return { port: server.port, asked, keeper };
}

/** Serves the small zone. */
export function live(options: Partial<Options> = {}, bounds: Partial<Bounds> = {}): Promise<Live> {
  const asked: string[] = [];
  const zone = smallZone(asked);
  return begin(
    rulesFor(() => zone, { cookies: 'none', rate: 0, ...options }),
    bounds,
    asked,
  );
}

/** Serves what the card serves, as `amnesia serve dns` would. */
export async function liveDesign(design: string, settings: Record<string, string> = {}): Promise<Live> {
  const configured = await card.configure?.({ rate: '0', ...settings }, '.');
  const rules = configured?.designs[design]?.rules;
  if (!rules) throw new Error(`there is no design ${design}`);
  return begin(rules, {}, []);
}

/** A socket that sends datagrams to a port and keeps what comes back. */
export async function datagrams(port: number) {
  const socket = dgram.createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  onTestFinished(() => void socket.close());
  const next = async (): Promise<Buffer> => ((await once(socket, 'message')) as [Buffer])[0];
  return {
    socket,
    next,
    send: (bytes: Buffer) => socket.send(bytes),
    asks(bytes: Buffer): Promise<Buffer> {
      const answer = next();
      socket.send(bytes);
      return answer;
    },
  };
}

/** A connection, and the messages that have come over it, without their lengths. */
export async function stream(port: number) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  onTestFinished(() => void socket.destroy());
  const messages: Buffer[] = [];
  const waiting: (() => void)[] = [];
  let rest = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      messages.push(rest.subarray(2, 2 + rest.readUInt16BE(0)));
      rest = rest.subarray(2 + rest.readUInt16BE(0));
    }
    for (const look of waiting.splice(0)) look();
  });
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  return {
    socket,
    messages,
    ended,
    write: (...parts: Buffer[]) => socket.write(Buffer.concat(parts)),
    /** Resolves once so many messages have come. */
    async until(count: number): Promise<Buffer[]> {
      while (messages.length < count) await new Promise<void>((look) => waiting.push(look));
      return messages;
    },
  };
}

// A shop in this process, and somebody who speaks to it in bytes.

import { once } from 'node:events';
import { connect as dial, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Journal, StateKeeper } from '../../../src/lab/keeper.ts';
import { seededWorld, standingClock } from '../../../src/lab/world.ts';
import { type House, serveFrom } from '../../../src/protocols/http/server.ts';
import {
  type Deed,
  type Event,
  type Given,
  type Held,
  LIMITS,
  type Limits,
  type Outcome,
  rulesFor,
  type State,
} from '../../../src/protocols/http/state.ts';
import { type Message, wire } from '../../../src/protocols/http/wire.ts';
import { digest } from '../../../src/protocols/settings.ts';
import type { Bounds, World } from '../../../src/protocols/shapes.ts';
import { passwordsOf } from '../../../src/served/passwords.ts';
import { tokensOf } from '../../../src/served/tokens.ts';
import { headerOf, type Response } from '../../../src/wire/http.ts';
import { Inbox } from '../../../src/wire/wire.ts';

export const host = '127.0.0.1';
export const BY_SESSION: Held = { identity: 'session', things: 'session', keys: 'lasting' };
export const BY_TOKEN: Held = { identity: 'token', things: 'token', keys: 'fleeting' };

export async function houseOf(key = 'a key of the house', certificate?: House['certificate']): Promise<House> {
  return {
    passwords: passwordsOf(new Map([['ann', digest('secret')]]), digest, 1024),
    tokens: await tokensOf(Buffer.from(key.padEnd(32, '.')).subarray(0, 32)),
    certificate,
  };
}

export interface Shop {
  port: number;
  facts(): Record<string, string>;
  close(): Promise<void>;
}

/** Serves until the test is over. */
export async function shop({
  held = BY_SESSION,
  given = {},
  limits = {},
  bounds,
  house,
  journal,
  world,
}: {
  held?: Held;
  given?: Given;
  limits?: Partial<Limits>;
  bounds?: Partial<Bounds>;
  house?: House;
  journal?: Journal<State, Event>;
  world?: World;
} = {}): Promise<Shop> {
  const used = house ?? (await houseOf());
  const rules = rulesFor(held, { secure: used.certificate !== undefined, ...given }, { ...LIMITS, ...limits });
  const { keeper } = await StateKeeper.open<State, Message, Event, Deed, Outcome>({
    rules,
    wire,
    world: world ?? seededWorld(1, 'shop', standingClock()),
    transport: 'tcp',
    journal,
  });
  const server = await serveFrom(used)(keeper, { host, port: 0 }, bounds);
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= server.close();
    return closed;
  };
  onTestFinished(close);
  return { port: server.port, facts: () => keeper.facts(), close };
}

/** Somebody on one connection. */
export interface Guest {
  socket: Socket;
  say(bytes: string | Buffer): void;
  /** The next answer. Rejects when the connection ends without one. */
  next(): Promise<Response>;
  ask(method: string, target: string, more?: Ask): Promise<Response>;
}

export interface Ask {
  headers?: Record<string, string>;
  json?: unknown;
  form?: string;
}

export async function guest(
  { port }: { port: number },
  jar: { cookie?: string } = {},
  localAddress = host,
): Promise<Guest> {
  const socket = dial({ host, port, localAddress, noDelay: true });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  const inbox = new Inbox<Message>(wire, 'server');
  const heard: Response[] = [];
  const waiting: { resolve(response: Response): void; reject(error: Error): void }[] = [];
  socket.on('data', (chunk) => {
    const { messages, error } = inbox.push(chunk);
    for (const message of messages) {
      if (message.type !== 'response') throw new Error('a server does not ask');
      const next = waiting.shift();
      if (next) next.resolve(message);
      else heard.push(message);
    }
    if (error) for (const each of waiting.splice(0)) each.reject(error);
  });
  socket.on('close', () => {
    for (const each of waiting.splice(0)) each.reject(new Error('the connection is closed'));
  });
  const next = () =>
    new Promise<Response>((resolve, reject) => {
      const first = heard.shift();
      if (first) resolve(first);
      else if (socket.closed) reject(new Error('the connection is closed'));
      else waiting.push({ resolve, reject });
    });
  return {
    socket,
    say: (bytes) => void socket.write(bytes),
    next,
    async ask(method, target, { headers = {}, json, form } = {}) {
      const body = form ?? (json === undefined ? '' : JSON.stringify(json));
      const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
      const all = {
        Host: `${host}:${port}`,
        ...(jar.cookie === undefined ? {} : { Cookie: jar.cookie }),
        ...(body === '' ? {} : { 'Content-Type': type }),
        'Content-Length': String(Buffer.byteLength(body)),
        ...headers,
      };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
      const response = await next();
      const set = headerOf(response, 'set-cookie');
      if (set !== undefined) jar.cookie = set.split(';')[0] ?? '';
      return response;
    },
  };
}

export const jsonOf = ({ body }: Response): Record<string, unknown> => JSON.parse(body.toString()) as never;
export const ANN = { json: { user: 'ann', password: 'secret' } };

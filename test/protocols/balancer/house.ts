// A balancer in this process, and small servers behind it that nobody here wrote HTTP for: they count who comes to them.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { StateKeeper } from '../../../src/lab/keeper.ts';
import { realClock } from '../../../src/lab/world.ts';
import type { Member } from '../../../src/protocols/balancer/rules/members.ts';
import type { Policy } from '../../../src/protocols/balancer/rules/policies.ts';
import { type Reread, serveFrom } from '../../../src/protocols/balancer/server.ts';
import { type Deed, type Event, type Outcome, rulesFor, type State } from '../../../src/protocols/balancer/state.ts';
import { type Message, wire } from '../../../src/protocols/balancer/wire.ts';
import type { Bounds } from '../../../src/protocols/shapes.ts';
import type { Response } from '../../../src/wire/http.ts';
import { Inbox, type Seen } from '../../../src/wire/wire.ts';
import { over } from '../../over.ts';

export const KEY = Buffer.alloc(16, 7);

export interface Backend {
  address: string;
  /** Requests that have come, but for the balancer's own looks. */
  requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
  /** Looks of the balancer. */
  looks: number;
  close(): Promise<void>;
}

type Answering = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A server behind: answers every request with its own name unless told otherwise. `hangs`: it never says how it is. */
export async function backend(
  name: string,
  answering: Answering = (_request, response) => void response.end(name),
  { port = 0, hangs = false }: { port?: number; hangs?: boolean } = {},
): Promise<Backend> {
  const requests: Backend['requests'] = [];
  const server = createServer(async (request, response) => {
    if (request.headers['user-agent'] === 'amnesia') {
      kept.looks++;
      if (!hangs) response.end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
    answering(request, response, body);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const kept: Backend = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    looks: 0,
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  onTestFinished(kept.close);
  return kept;
}

export function listed(...backends: Backend[]): Member[] {
  return backends.map(({ address }, nth) => ({ name: String(nth + 1), address, draining: false }));
}

export interface Front {
  port: number;
  keeper: StateKeeper<State, Message, Event, Deed, Outcome>;
  /** Resolves when the state is such. */
  until(holds: (state: State) => boolean): Promise<void>;
}

/** A balancer under this policy. */
export async function front(
  policy: Policy,
  members: Member[],
  { reread, bounds = {} }: { reread?: Reread; bounds?: Partial<Bounds> } = {},
): Promise<Front> {
  const clock = realClock();
  let changed = () => {};
  const rules = rulesFor(policy, { members, key: KEY });
  const { keeper } = await StateKeeper.open<State, Message, Event, Deed, Outcome>({
    rules: {
      ...rules,
      apply(state, event) {
        rules.apply(state, event);
        setImmediate(() => changed());
      },
    },
    wire,
    world: { now: clock.now, name: () => 'unused' },
    wake: (at, ring) => clock.wake(at, ring),
    transport: 'tcp',
  });
  const server = await serveFrom(reread)(keeper, { host: '127.0.0.1', port: 0 }, bounds);
  onTestFinished(async () => {
    clock.wake(undefined, () => {});
    await server.close();
  });
  return {
    port: server.port,
    keeper,
    until: (holds) =>
      new Promise((resolve) => {
        changed = () => {
          if (!holds(keeper.state)) return;
          changed = () => {};
          resolve();
        };
        changed();
      }),
  };
}

export interface Talk {
  socket: Socket;
  /** Says this and resolves to so many answers, and no more that come at once with them; fewer if the connection ends. */
  say(bytes: string | Buffer, answers?: number): Promise<Response[]>;
}

/** A client that says exactly what it is told. */
export async function talk(port: number, localAddress = '127.0.0.1'): Promise<Talk> {
  const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
  await once(socket, 'connect');
  onTestFinished(() => void socket.destroy());
  const seen: Seen = new Map();
  const inbox = new Inbox(wire, 'server', seen);
  const gone = over(socket);
  return {
    socket,
    say(bytes, answers = 1) {
      const text = bytes.toString();
      // What is asked with HEAD has an answer without a body.
      for (const [, method] of text.matchAll(/(?:^|\n)([A-Z]+) \S+ HTTP\/1\.\d\r\n/g))
        wire.frame(Buffer.from(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`), 0, 'client', seen);
      return new Promise((resolve, reject) => {
        const heard: Response[] = [];
        const hear = (chunk: Buffer) => {
          const { messages, error } = inbox.push(chunk);
          if (error) reject(error);
          heard.push(...(messages as Response[]));
          if (heard.length >= answers) done();
        };
        const done = () => {
          socket.off('data', hear);
          resolve(heard);
        };
        socket.on('data', hear);
        void gone.then(done);
        socket.write(bytes);
      });
    },
  };
}

/** A request with a Host, and nothing else unless given. */
export function asking(method: string, target = '/', headers: Record<string, string> = {}, body = ''): string {
  const all = { Host: 'shop.test', ...headers, ...(body === '' ? {} : { 'Content-Length': String(body.length) }) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

/** The value of a cookie that an answer sets. */
export function cookieIn(answer: Response | undefined, name: string): string | undefined {
  for (const [header, value] of answer?.headers ?? [])
    if (header.toLowerCase() === 'set-cookie' && value.startsWith(`${name}=`))
      return value.slice(name.length + 1).split(';')[0];
  return undefined;
}

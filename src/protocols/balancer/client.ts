// The other end: several users, each with an address, a connection and a jar of cookies of their own. They only ever carry back what
// they were given.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { pathOf } from '../../bounds/paths.ts';
import { dialUntilAnswered } from '../../sockets/dial.ts';
import { readSetCookie } from '../../wire/http/cookies.ts';
import { type HttpMessage, headerOf, type Request, type Response } from '../../wire/http.ts';
import { printable } from '../../wire/printable.ts';
import { encode, Inbox, type Seen } from '../../wire/wire.ts';
import type { Client, ClientOptions, Facts } from '../shapes.ts';
import { wire } from './wire.ts';

/** How often a request that may be made again loses its connection before the user gives up. */
const RETURNS = 5;
/** How long a server may take to hang up as well, in milliseconds. */
const FAREWELL = 2_000;

/** The users of a service behind a balancer, by name. */
export interface UsersClient extends Client {
  /** Signs in. Resolves to what came of it, in words. */
  signIn(name: string, password: string): Promise<string>;
  /** Puts a thing into the cart. */
  put(name: string, item: string): Promise<string>;
  /** Looks who the server takes this user for. */
  profile(name: string): Promise<string>;
  /** Looks into the cart. */
  cart(name: string): Promise<string>;
  /** Any request, and its answer. Rejects when nobody answers. */
  request(name: string, asked: Asked): Promise<Response>;
}

/** What is asked: the balancer and the cookies are the client's to add. */
export interface Asked {
  method: string;
  target: string;
  /** As JSON. */
  body?: object;
}

/** One user, and all they remember between two requests. */
interface User {
  name: string;
  /** What they come from: on one machine everybody would be 127.0.0.1, and a balancer could tell nobody apart. */
  address: string;
  cookies: Map<string, string>;
  line: { is: 'down' } | { is: 'up'; socket: Socket; inbox: Inbox<HttpMessage>; seen: Seen };
}

export async function connect({ host, port, waits, introduce }: ClientOptions): Promise<UsersClient> {
  const users = new Map<string, User>();
  let addresses = 0;

  function userOf(name: string): User {
    const known = users.get(name);
    if (known) return known;
    const user: User = { name, address: nextAddress(), cookies: new Map(), line: { is: 'down' } };
    users.set(name, user);
    return user;
  }

  /** From 127.0.1.1 on: all of 127.0.0.0/8 is this machine (RFC 1122 §3.2.1.3), where the system has it so. */
  function nextAddress(): string {
    const nth = addresses++;
    return host.startsWith('127.') ? `127.0.${1 + (nth >> 7)}.${1 + (nth & 127)}` : '';
  }

  async function lineOf(user: User) {
    if (user.line.is === 'up') return user.line;
    const from = user.address === '' ? {} : { localAddress: user.address };
    const socket = await dialUntilAnswered({ host, port, waits, ...from }, (dialled) =>
      introduce?.(pathOf(dialled.localAddress, dialled.localPort), user.name),
    );
    const seen: Seen = new Map();
    const line = { is: 'up' as const, socket, inbox: new Inbox(wire, 'server', seen), seen };
    user.line = line;
    // Whatever went wrong, `close` follows.
    socket.on('error', () => {});
    socket.on('close', () => {
      if (user.line === line) user.line = { is: 'down' };
    });
    return line;
  }

  async function request(name: string, asked: Asked): Promise<Response> {
    const user = userOf(name);
    for (let returns = 0; ; returns++) {
      const { socket, inbox, seen } = await lineOf(user);
      const bytes = encode(wire, written(user, asked));
      // An answer's end depends on what was asked.
      wire.frame(bytes, 0, 'client', seen);
      const heard = answerOn(socket, inbox);
      socket.write(bytes);
      const answer = await heard;
      if (answer) return kept(user, answer);
      if (asked.method === 'POST')
        throw new Error('the connection was lost, and nobody knows what came of the request');
      if (returns === RETURNS) throw new Error(`the connection was lost ${RETURNS + 1} times in a row`);
      await waits.redial(0);
    }
  }

  function written({ cookies }: User, { method, target, body }: Asked): Request {
    const bytes = Buffer.from(body ? JSON.stringify(body) : '');
    const carried = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    return {
      type: 'request',
      method,
      target,
      version: '1.1',
      headers: [
        ['Host', `${host}:${port}`],
        ...(body ? [['Content-Type', 'application/json'] as const] : []),
        ...(method === 'GET' ? [] : [['Content-Length', String(bytes.length)] as const]),
        ...(carried === '' ? [] : [['Cookie', carried] as const]),
      ],
      body: bytes,
    };
  }

  /** Puts into the jar what the answer gives, and takes out what it ends. */
  function kept({ cookies }: User, answer: Response): Response {
    for (const [name, value] of answer.headers) {
      if (name.toLowerCase() !== 'set-cookie') continue;
      const cookie = readSetCookie(value);
      if (cookie.isGone) cookies.delete(cookie.name);
      else cookies.set(cookie.name, cookie.value);
    }
    return answer;
  }

  return {
    request,

    async signIn(name, password) {
      const { status } = await request(name, { method: 'POST', target: '/login', body: { user: name, password } });
      return status < 400 ? `${name} is signed in` : refused(status);
    },

    async put(name, item) {
      const { status } = await request(name, { method: 'PUT', target: `/cart/${item}`, body: { count: 1 } });
      return status < 300 ? `${item} is in the cart` : refused(status);
    },

    async profile(name) {
      const { status } = await request(name, { method: 'GET', target: '/profile' });
      return status === 200 ? `signed in as ${name}` : refused(status);
    },

    async cart(name) {
      const { status, body } = await request(name, { method: 'GET', target: '/cart' });
      return status === 200 ? `the cart: ${printable(body.toString('utf8').trim(), 120)}` : refused(status);
    },

    facts() {
      const known: Facts = {};
      for (const { name, cookies } of users.values())
        if (cookies.size > 0)
          known[`jar[${name}]`] = [...cookies]
            .map(([cookie, value]) => `${printable(cookie, 24)}: ${value.length} characters`)
            .join(', ');
      return known;
    },

    async move() {
      for (const user of users.values()) {
        user.address = nextAddress();
        if (user.line.is === 'down') continue;
        const { socket } = user.line;
        const closed = once(socket, 'close');
        socket.resetAndDestroy();
        await closed;
      }
    },

    async close() {
      for (const { line } of users.values()) {
        if (line.is === 'down') continue;
        const { socket } = line;
        const closed = new Promise((gone) => socket.once('close', gone));
        // One after another, each to its end; who does not end its side is not waited for.
        socket
          .setTimeout(FAREWELL, () => socket.destroy())
          .resume()
          .end();
        await closed;
      }
    },
  };
}

/** The next answer on a connection; undefined when that ends without one. Rejects when what comes is no HTTP. */
function answerOn(socket: Socket, inbox: Inbox<HttpMessage>): Promise<Response | undefined> {
  return new Promise((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      const { messages, error } = inbox.push(chunk);
      const answer = messages.find((each): each is Response => each.type === 'response' && each.status >= 200);
      if (error) done(() => reject(error));
      if (answer) done(() => resolve(answer));
      if (answer && headerOf(answer, 'connection')?.toLowerCase() === 'close') socket.end();
    };
    const end = () => done(() => resolve(undefined));
    const done = (settle: () => void) => {
      socket.off('data', hear).off('close', end);
      settle();
    };
    socket.on('data', hear).on('close', end);
    if (socket.destroyed) end();
  });
}

function refused(status: number): string {
  if (status === 401) return '401: who is asked knows nobody of that name';
  return `${status}: not done`;
}

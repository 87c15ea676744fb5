// The other end: one connection, and a jar of cookies. It carries back what it was given and never asks what that is, so it is the same
// client for every design.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { dialUntilAnswered } from '../../sockets/dial.ts';
import { patiently, type WaitedOn } from '../../sockets/patience.ts';
import { readSetCookie } from '../../wire/http/cookies.ts';
import { type Header, type HttpMessage, headerOf, type Response, saysHttp } from '../../wire/http.ts';
import { encode, Inbox } from '../../wire/wire.ts';
import type { Client, ClientOptions } from '../shapes.ts';
import { type Message, wire } from './wire.ts';

/** How often one request is sent again, when the connection ends without an answer. */
const AGAIN = 5;

export interface WebClient extends Client {
  login(user: string, password: string): Promise<string>;
  logout(): Promise<string>;
  profile(): Promise<string>;
  put(item: string, count: number): Promise<string>;
  drop(item: string): Promise<string>;
  cart(): Promise<string>;
  watch(film: string, minute: number): Promise<string>;
  watched(film: string): Promise<string>;
  /** `key`: under an Idempotency-Key. `again`: without one, and sent again all the same when no answer comes, as people do. */
  order(item: string, count: number, how?: 'key' | 'again'): Promise<string>;
  orders(): Promise<string>;
  /** The next page of the list, read in this way. */
  page(by: 'keyset' | 'cursor'): Promise<string>;
  /** Puts the cookies back that the last log-out had it drop: what somebody would who had made a copy. */
  restore(): Promise<string>;
}

interface Ask {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  target: string;
  json?: unknown;
  key?: string;
  /** Whether it may be sent again when nobody knows if it was heard: what is said twice and means the same (RFC 9110 §9.2.2). */
  again?: boolean;
}

export async function connect({ host, port, waits, world }: ClientOptions): Promise<WebClient> {
  /** The connection, while there is one, and who waits for an answer on it. */
  let line:
    | { socket: Socket; waiting: { resolve(response: Response): void; reject(error: Error): void } | undefined }
    | undefined;
  /** Filed under the name: it is the server's word, and all that it is asked for. */
  const jar = new Map<string, string>();
  /** What the last answer that dropped a cookie took from the jar. */
  let dropped: [name: string, value: string][] = [];
  /** Where to go on in the list. */
  const places = { keyset: '/films?limit=2', cursor: '/films?cursor=new&limit=2' };

  async function ask(what: Ask): Promise<Response> {
    const { again = what.method !== 'POST' } = what;
    for (let times = 0; ; times++) {
      line ??= attend(await dialUntilAnswered({ host, port, waits }));
      const { socket } = line;
      const answered = answerOn(line);
      socket.write(encode(wire, request(what)));
      try {
        const response = await patiently(answered, waits, lineOf(socket));
        take(response);
        return response;
      } catch (error) {
        if (!again || times >= AGAIN) throw error;
        await waits.redial(0);
      }
    }
  }

  function attend(socket: Socket): NonNullable<typeof line> {
    const inbox = new Inbox<Message>(wire, 'server');
    const own: NonNullable<typeof line> = { socket, waiting: undefined };
    socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      for (const message of messages) {
        if (message.type !== 'response' || message.status < 200) continue;
        own.waiting?.resolve(message);
        own.waiting = undefined;
        if (headerOf(message, 'connection')?.toLowerCase() === 'close') leave(own);
      }
      if (error) {
        own.waiting?.reject(error);
        own.waiting = undefined;
        leave(own);
      }
    });
    // Whatever went wrong, `close` follows, and all that counts is that the line is gone.
    socket.on('error', () => {});
    const gone = () => {
      if (line === own) line = undefined;
      own.waiting?.reject(
        new Error('the connection was lost before an answer came, and nobody knows whether it was done'),
      );
      own.waiting = undefined;
    };
    socket.on('end', gone);
    socket.on('close', gone);
    return own;
  }

  function leave(own: NonNullable<typeof line>): void {
    if (line === own) line = undefined;
    own.socket.end();
  }

  function answerOn(on: NonNullable<typeof line>): Promise<Response> {
    return new Promise((resolve, reject) => {
      on.waiting = { resolve, reject };
    });
  }

  function request({ method, target, json, key }: Ask): HttpMessage {
    const body = Buffer.from(json === undefined ? '' : JSON.stringify(json));
    const headers: Header[] = [['Host', `${host.includes(':') ? `[${host}]` : host}:${port}`]];
    if (jar.size > 0) headers.push(['Cookie', [...jar].map((pair) => pair.join('=')).join('; ')]);
    if (key !== undefined) headers.push(['Idempotency-Key', key]);
    if (json !== undefined) headers.push(['Content-Type', 'application/json']);
    if (method !== 'GET') headers.push(['Content-Length', String(body.length)]);
    return { type: 'request', method, target, version: '1.1', headers, body };
  }

  function take(response: Response): void {
    const gone: typeof dropped = [];
    for (const [label, value] of response.headers) {
      if (label.toLowerCase() !== 'set-cookie') continue;
      const cookie = readSetCookie(value);
      const before = jar.get(cookie.name);
      if (!cookie.isGone) jar.set(cookie.name, cookie.value);
      else if (before !== undefined) {
        jar.delete(cookie.name);
        gone.push([cookie.name, before]);
      }
    }
    if (gone.length > 0) dropped = gone;
  }

  /** Asks, and puts a good answer in words; any other speaks for itself. */
  async function told(what: Ask, inWords: (json: Record<string, unknown>) => string): Promise<string> {
    const response = await ask(what);
    const text = response.body.toString('utf8');
    const json = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    if (response.status >= 400) return `${response.status}: ${String(json.title ?? saysHttp(response))}`;
    return `${response.status}: ${inWords(json)}`;
  }

  const list = (json: Record<string, unknown>, name: string) =>
    (json[name] as { item: string; count: number }[]).map(({ item, count }) => `${item} × ${count}`);

  return {
    login: (user, password) =>
      // Logged in twice is logged in.
      told({ method: 'POST', target: '/login', json: { user, password }, again: true }, (json) => `hello ${json.user}`),
    logout: () => told({ method: 'POST', target: '/logout', again: true }, () => 'good-bye'),
    profile: () => told({ method: 'GET', target: '/profile' }, (json) => `you are ${json.user}`),
    put: (item, count) =>
      told({ method: 'PUT', target: `/cart/${encodeURIComponent(item)}`, json: { count } }, () => `${item} × ${count}`),
    drop: (item) => told({ method: 'DELETE', target: `/cart/${encodeURIComponent(item)}` }, () => `no ${item}`),
    cart: () => told({ method: 'GET', target: '/cart' }, (json) => list(json, 'cart').join(', ') || 'empty'),
    watch: (film, minute) =>
      told({ method: 'PUT', target: `/watch/${film}`, json: { minute } }, () => `${film} at minute ${minute}`),
    watched: (film) => told({ method: 'GET', target: `/watch/${film}` }, (json) => `${film} at minute ${json.minute}`),
    order: (item, count, how) =>
      told(
        {
          method: 'POST',
          target: '/orders',
          json: { item, count },
          again: how !== undefined,
          ...(how === 'key' ? { key: world.name() } : {}),
        },
        (json) => `order ${json.order}`,
      ),
    orders: () => told({ method: 'GET', target: '/orders' }, (json) => list(json, 'orders').join(', ') || 'none'),

    page: (by) =>
      told({ method: 'GET', target: places[by] }, (json) => {
        if (by === 'keyset' && typeof json.next === 'string') places.keyset = json.next;
        if (by === 'cursor' && typeof json.cursor === 'string') places.cursor = `/films?cursor=${json.cursor}&limit=2`;
        return (json.films as string[]).join(', ');
      }),

    async restore() {
      for (const [name, value] of dropped) jar.set(name, value);
      return dropped.map(([name]) => name).join(', ') || 'none';
    },

    facts: () => Object.fromEntries([...jar].map(([name, value]) => [`cookie[${name}]`, `${value.length} characters`])),

    async move() {
      if (!line) return;
      const { socket } = line;
      const closed = once(socket, 'close');
      socket.resetAndDestroy();
      await closed;
    },

    async close() {
      if (!line) return;
      const { socket } = line;
      line = undefined;
      const closed = new Promise((gone) => socket.once('close', gone));
      socket.end();
      await patiently(closed, waits, lineOf(socket));
    },
  };
}

/** A connection, as one waits on it. */
function lineOf(socket: Socket): WaitedOn {
  return { heard: () => socket.bytesRead, giveUp: () => socket.destroy() };
}

// The other end: one connection, and a jar of cookies. It carries back what it was given and never asks what that is, so it is the same
// client for every design.

import { visitor } from '../../sockets/visitor.ts';
import type { HttpMessage } from '../../wire/http.ts';
import { saysHttp } from '../../wire/http.ts';
import type { Wire } from '../../wire/wire.ts';
import type { Client, ClientOptions } from '../shapes.ts';
import { wire } from './wire.ts';

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
  const visit = visitor({ host, port, waits, wire: wire as Wire<HttpMessage> });
  const { jar } = visit;
  /** Where to go on in the list. */
  const places = { keyset: '/films?limit=2', cursor: '/films?cursor=new&limit=2' };

  /** Asks, and puts a good answer in words; any other speaks for itself. */
  async function told(what: Ask, inWords: (json: Record<string, unknown>) => string): Promise<string> {
    const { key, ...asked } = what;
    const response = await visit.ask({ ...asked, headers: key === undefined ? [] : [['Idempotency-Key', key]] });
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
      for (const [name, value] of visit.dropped) jar.set(name, value);
      return visit.dropped.map(([name]) => name).join(', ') || 'none';
    },

    facts: () => Object.fromEntries([...jar].map(([name, value]) => [`cookie[${name}]`, `${value.length} characters`])),

    move: () => visit.reset(),
    close: () => visit.close(),
  };
}

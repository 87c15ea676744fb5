// The other end: several users, each with an address, a connection and a jar of cookies of their own. They only ever carry back what
// they were given.

import { pathOf } from '../../bounds/paths.ts';
import { type Asked, type Visitor, visitor } from '../../sockets/visitor.ts';
import type { Header, HttpMessage, Response } from '../../wire/http.ts';
import { printable } from '../../wire/printable.ts';
import type { Wire } from '../../wire/wire.ts';
import type { Client, ClientOptions, Facts } from '../shapes.ts';
import { wire } from './wire.ts';

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

/** One user: where they come from, and all they remember between two requests. */
interface User {
  /** On one machine everybody would be 127.0.0.1, and a balancer could tell nobody apart. */
  address: string;
  visit: Visitor;
}

export async function connect({ host, port, waits, introduce, design }: ClientOptions): Promise<UsersClient> {
  const users = new Map<string, User>();
  let addresses = 0;

  function userOf(name: string): User {
    const known = users.get(name);
    if (known) return known;
    const user: User = {
      address: nextAddress(),
      visit: visitor({
        ...{ host, port, waits, wire: wire as Wire<HttpMessage> },
        from: () => user.address,
        introduced: ({ localAddress, localPort }) => introduce?.(pathOf(localAddress, localPort), name),
      }),
    };
    users.set(name, user);
    return user;
  }

  /** From 127.0.1.1 on: all of 127.0.0.0/8 is this machine (RFC 1122 §3.2.1.3), where the system has it so. */
  function nextAddress(): string {
    const nth = addresses++;
    return host.startsWith('127.') ? `127.0.${1 + (nth >> 7)}.${1 + (nth & 127)}` : '';
  }

  /** Who is led by a name has to say it from the first request on, which is before anybody has given them a cookie. */
  const said = (name: string): readonly Header[] => (design === 'hash' ? [['X-User', name]] : []);

  const request = (name: string, asked: Asked): Promise<Response> =>
    userOf(name).visit.ask({ ...asked, headers: [...(asked.headers ?? []), ...said(name)] });

  return {
    request,

    async signIn(name, password) {
      const { status } = await request(name, {
        method: 'POST',
        target: '/login',
        json: { user: name, password },
        again: true,
      });
      return status < 400 ? `${name} is signed in` : refused(status);
    },

    async put(name, item) {
      const { status } = await request(name, { method: 'PUT', target: `/cart/${item}`, json: { count: 1 } });
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
      for (const [name, { visit }] of users)
        if (visit.jar.size > 0)
          known[`jar[${name}]`] = [...visit.jar]
            .map(([cookie, value]) => `${printable(cookie, 24)}: ${value.length} characters`)
            .join(', ');
      return known;
    },

    async move() {
      for (const user of users.values()) {
        user.address = nextAddress();
        await user.visit.reset();
      }
    },

    async close() {
      // One after another, each to its end.
      for (const { visit } of users.values()) await visit.close();
    },
  };
}

function refused(status: number): string {
  if (status === 401) return '401: the server that was asked does not know this user';
  return `${status}: not done`;
}

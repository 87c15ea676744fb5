// The client of exercises about a login: a guest with a jar of cookies, and strangers who come with cookies of their own making.

import { wire } from '../../src/protocols/http/wire.ts';
import type { Client, ClientOptions } from '../../src/protocols/shapes.ts';
import { type Visitor, visitor } from '../../src/sockets/visitor.ts';
import type { HttpMessage } from '../../src/wire/http.ts';
import type { Wire } from '../../src/wire/wire.ts';
import { inWords, shown } from './answer.ts';

export interface Guest extends Client {
  /** Resolves to `hello ann`, or to the status of a refusal. Rejects when the answer brings no cookie. */
  login(user: string, password: string): Promise<string>;
  /** Resolves to `you are ann`. */
  profile(): Promise<string>;
  logout(): Promise<string>;
  /** Somebody else asks who they are, with this in the cookie. Resolves to `let in as ann`. */
  stranger(cookie: string): Promise<string>;
  /** What the last login has put into the cookie, also when a log-out has taken it from the jar. */
  given(): string;
}

/** How to connect a guest whose session is in the cookie of this name. */
export function guestWith(cookie: string): (options: ClientOptions) => Promise<Guest> {
  return async ({ host, port, waits, introduce }) => {
    const options = { host, port, waits, wire: wire as Wire<HttpMessage> };
    const guest = visitor(options);
    let given = '';

    const whoIs = (visit: Visitor, words: string) =>
      visit
        .ask({ method: 'GET', target: '/profile' })
        .then((answer) => inWords(answer, ({ user }) => `${words} ${shown(user)}`));

    return {
      async login(user, password) {
        // Logged in twice is logged in.
        const answer = await guest.ask({ method: 'POST', target: '/login', json: { user, password }, again: true });
        return inWords(answer, (json) => {
          given = guest.jar.get(cookie) ?? '';
          if (given === '') throw new Error(`the answer brings no cookie named ${cookie}`);
          return `hello ${shown(json.user)}`;
        });
      },
      profile: () => whoIs(guest, 'you are'),
      async logout() {
        return inWords(await guest.ask({ method: 'POST', target: '/logout', again: true }), () => 'good-bye');
      },
      async stranger(content) {
        const other = visitor({
          ...options,
          introduced: ({ localAddress, localPort }) => introduce?.(`${localAddress}:${localPort}`, 'stranger'),
        });
        other.jar.set(cookie, content);
        try {
          return await whoIs(other, 'let in as');
        } finally {
          await other.close();
        }
      },
      given: () => given,
      facts: () =>
        Object.fromEntries([...guest.jar].map(([name, { length }]) => [`cookie[${name}]`, `${length} characters`])),
      move: () => guest.reset(),
      close: () => guest.close(),
    };
  };
}

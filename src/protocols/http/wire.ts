// The wire of http is HTTP itself (src/wire/http.ts); what is said here is where its messages lean on memory.
//
// HTTP has none of its own: "stateless" (RFC 9110 §3.3) says that a server can understand each request alone. Whatever a service
// remembers all the same, it files under something that the client carries along: a cookie, a key, a name in a target.

import { cookieOf, readSetCookie } from '../../wire/http/cookies.ts';
import {
  frameHttp,
  type HttpMessage,
  halves,
  headerOf,
  kindOfHttp,
  LIMITS,
  type Request,
  type Response,
  readHttp,
  saysHttp,
  writeHttp,
} from '../../wire/http.ts';
import type { Lean, Seen, Wire } from '../../wire/wire.ts';

/** What a token says, once its signature has been found good. Times in seconds since the epoch. */
export interface Claims {
  user: string;
  ends: number;
  cart: [item: string, count: number][];
  watch: [film: string, minute: number][];
}

/** A request as the rules hear it: with what takes time to find out, and without what nobody else is to know. */
export interface Heard extends Request {
  /** Of the token in its cookie: its claims, or that it was not signed here. */
  bearer?: Claims | 'wrong';
  /** Whom its body names, where it is to log in; null where it holds no user and password. The body itself is left out. */
  login?: string | null;
}

export type Message = Heard | Response;

/** The cookies, by what they hold: a name that something is filed under, or all of it. */
export const COOKIES = { session: 'session', token: 'token' } as const;

/** A cookie with this prefix is taken from its own host alone, over TLS (draft-ietf-httpbis-rfc6265bis §4.1.3.2). */
export const HOST_PREFIX = '__Host-';

export const wire: Wire<Message> = {
  longest: LIMITS.head + LIMITS.body,
  frame: (bytes, start, from, seen) => frameHttp(bytes, start, from, seen),
  read: (reader, from, _over, seen): HttpMessage => readHttp(reader, from, seen),
  write: writeHttp,
  kind: kindOfHttp,
  says: saysHttp,
  leans: (message, _from, seen) => (message.type === 'request' ? asking(message, seen) : answering(message, seen)),
};

/** The number in a name such as `7.x8Vd…`: it is for people, and alone it opens nothing. */
export function numberOf(name: string): string {
  return /^\d{1,9}(?=\.)/.exec(name)?.[0] ?? '?';
}

function asking(request: Request, seen: Seen): Lean[] {
  const leans: Lean[] = [];
  const session = cookieOf(request, COOKIES.session);
  seen.delete('session');
  if (session !== undefined) {
    const key = `session[${numberOf(session)}]`;
    seen.set('session', key);
    leans.push({
      field: 'cookie.session',
      op: 'reads',
      holder: 'server',
      key,
      why: 'a name says nothing of who carries it: the server must have filed something under it',
      cite: 'RFC 6265 §3',
    });
  }
  if (cookieOf(request, COOKIES.token) !== undefined)
    leans.push({
      field: 'cookie.token',
      op: 'carries',
      holder: 'packet',
      key: 'token',
      why: 'who is asking is written in here and signed: the server need remember nothing of it',
      cite: 'RFC 7519 §1',
    });
  if (headerOf(request, 'idempotency-key') !== undefined)
    leans.push({
      field: 'idempotency-key',
      op: 'reads',
      holder: 'server',
      key: 'keys',
      why: 'only who remembers this key can know that the request has come before',
      cite: 'draft-ietf-httpapi-idempotency-key-header §2.6',
    });
  if (headerOf(request, 'x-forwarded-for') !== undefined)
    leans.push({
      field: 'x-forwarded-for',
      op: 'carries',
      holder: 'packet',
      key: 'source',
      why: 'on this connection everybody comes from the balancer’s address: whose request it is only this header says',
      cite: 'RFC 7239 §7.4',
    });
  const query = new Map((halves(request.target, '?')[1] ?? '').split('&').map((pair) => halves(pair, '=')));
  const cursor = query.get('cursor');
  if (cursor !== undefined && cursor !== 'new')
    leans.push({
      field: 'query.cursor',
      op: 'reads',
      holder: 'server',
      key: `cursor[${numberOf(cursor)}]`,
      why: 'how far the list has been read is not in here: the server must remember it',
      cite: 'RFC 9110 §3.3',
    });
  if (query.has('after'))
    leans.push({
      field: 'query.after',
      op: 'carries',
      holder: 'packet',
      key: 'place',
      why: 'the last film that was seen: any server can go on from here',
      cite: 'RFC 9110 §3.3',
    });
  return leans;
}

function answering(response: Response, seen: Seen): Lean[] {
  const leans: Lean[] = [];
  for (const [name, value] of response.headers) {
    if (name.toLowerCase() !== 'set-cookie') continue;
    const cookie = readSetCookie(value);
    leans.push({
      field: cookie.value === '' ? `set-cookie.${cookie.name}.name` : `set-cookie.${cookie.name}`,
      op: cookie.isGone ? 'clears' : 'writes',
      holder: 'client',
      key: `cookie[${cookie.name}]`,
      why: cookie.isGone
        ? 'the client is to forget it, and who had a copy still has it'
        : 'the client is to bring it along from now on',
      cite: 'RFC 6265 §4.1',
    });
  }
  const session = seen.get('session');
  if (response.status === 401 && session !== undefined)
    leans.push({
      field: 'status',
      op: 'denies',
      holder: 'server',
      key: session,
      why: 'the server has nothing filed under the name that it was shown',
      cite: 'RFC 9110 §15.5.2',
    });
  return leans;
}

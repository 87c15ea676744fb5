// The sticky cookie: the client itself carries which server it belongs to, in a word that only the balancer can make or read.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { cookieOf, setCookie } from '../../../wire/http/cookies.ts';
import type { Header, Request } from '../../../wire/http.ts';

export const COOKIE = 'balancer';
const BYTES = 16;

/**
 * What the cookie says of a server: a keyed digest of its name, 22 characters. Nobody learns an address from it, nobody can make
 * one for another server, and every balancer with the same key reads it. (HAProxy calls the same a dynamic cookie.)
 */
export function wayTo(name: string, key: Buffer): string {
  return createHmac('sha256', key).update(name).digest().subarray(0, BYTES).toString('base64url');
}

/** Which of these servers the request's cookie leads to; undefined where there is none, or none that we made. */
export function ledTo(request: Request, names: Iterable<string>, key: Buffer): string | undefined {
  const carried = cookieOf(request, COOKIE);
  if (carried === undefined) return undefined;
  const said = Buffer.from(carried);
  let found: string | undefined;
  for (const name of names) {
    const way = Buffer.from(wayTo(name, key));
    if (way.length === said.length && timingSafeEqual(way, said)) found = name;
  }
  return found;
}

/** Tells the client to carry the way to this server. A session cookie: it lasts as long as the browser is open. */
export function setWay(name: string, key: Buffer): Header {
  return ['Set-Cookie', setCookie(COOKIE, wayTo(name, key))];
}

/** The header lines without the balancer's own cookie: it is of no use to the servers behind. */
export function withoutWay(headers: readonly Header[]): Header[] {
  return headers.flatMap((header): Header[] => {
    const [name, value] = header;
    if (name.toLowerCase() !== 'cookie' || !value.includes(COOKIE)) return [header];
    const others = pairsIn(value).filter((pair) => !isOurs(pair));
    return others.length > 0 ? [[name, others.join('; ')]] : [];
  });
}

function isOurs(pair: string): boolean {
  return pair.startsWith(`${COOKIE}=`);
}

/** `a=1; b=2` as its pairs (RFC 6265 §4.2.1). */
function pairsIn(value: string): string[] {
  return value.split(';').map((pair) => pair.trim());
}

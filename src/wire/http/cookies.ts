// Cookies: the one thing that HTTP lets a server hand to a client to be carried back. RFC 6265, and
// draft-ietf-httpbis-rfc6265bis for `__Host-`.

import type { Header } from '../http.ts';
import { halves } from '../http.ts';
import { printable } from '../printable.ts';
import type { Name } from './reading.ts';

/** What a server says of a cookie beside its name and value. */
export interface CookieAttributes {
  /** In seconds; 0 has the client drop it. Without it the cookie lives as long as the browser. */
  maxAge?: number;
  /** The client sends it over TLS only. */
  secure?: boolean;
}

/**
 * The value of a `Set-Cookie` header: for every path of this host, hidden from scripts, and left at home by requests that other
 * sites make, save for links that are followed.
 */
export function setCookie(name: string, value: string, { maxAge, secure }: CookieAttributes = {}): string {
  const age = maxAge === undefined ? '' : `; Max-Age=${maxAge}`;
  return `${name}=${value}; Path=/${age}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
}

/** The value of the cookie of this name in a request, the first one if there are several; undefined without it. */
export function cookieOf({ headers }: { readonly headers: readonly Header[] }, name: string): string | undefined {
  for (const [each, value] of headers) {
    if (each.length !== 6 || each.toLowerCase() !== 'cookie') continue;
    for (const pair of value.split(';')) {
      const begin = pair.startsWith(' ') ? 1 : 0;
      if (pair.startsWith(name, begin) && pair[begin + name.length] === '=')
        return pair.slice(begin + name.length + 1).trim();
    }
  }
  return undefined;
}

/** What a client keeps of a `Set-Cookie` value. */
export interface GivenCookie {
  name: string;
  value: string;
  /** It is to be dropped, by its Max-Age. */
  isGone: boolean;
  /** The path below which it goes along with requests, where the server names one. */
  path?: string;
  /** The end of its life as it is written, where there is no Max-Age, which goes first (RFC 6265 §4.1.2.2). */
  expires?: string;
}

export function readSetCookie(value: string): GivenCookie {
  const [pair = '', ...attributes] = value.split(';');
  const [name, content = ''] = halves(pair, '=');
  const said = new Map(
    attributes.map((each) => {
      const [word, text = ''] = halves(each, '=');
      return [word.trim().toLowerCase(), text.trim()];
    }),
  );
  const age = said.get('max-age');
  const [path, expires] = [said.get('path'), age === undefined ? said.get('expires') : undefined];
  return {
    name: name.trim(),
    value: content.trim(),
    isGone: age !== undefined && /^(0|-\d+)$/.test(age),
    ...(path?.startsWith('/') && path !== '/' ? { path } : {}),
    ...(expires === undefined ? {} : { expires }),
  };
}

/** Names the bytes of a `Cookie` value: `session=…; theme=dark`. */
export function nameCookies(name: Name, value: string): void {
  value.split(';').forEach((pair, index) => {
    if (index > 0) name('cookie.and', 'And', 1);
    nameOne(name, 'cookie', pair, 'given by this server before, and carried back with every request');
  });
}

/** Names the bytes of a `Set-Cookie` value: `session=…; Path=/; HttpOnly`. */
export function nameSetCookie(name: Name, value: string): void {
  value.split(';').forEach((part, index) => {
    if (index > 0) name('set-cookie.and', 'And', 1);
    if (index === 0) {
      nameOne(name, 'set-cookie', part, 'the client keeps it, and brings it along from now on');
      return;
    }
    const [word, content] = halves(part.trim(), '=');
    const gloss = ATTRIBUTES.get(word.toLowerCase())?.(content ?? '');
    name(`set-cookie.${printable(word.toLowerCase(), 16)}`, `Attribute ${printable(word, 16)}`, part.length, {
      show: (bytes) => printable(bytes.toString('latin1').trim(), 60),
      ...(gloss === undefined ? {} : { gloss: () => gloss }),
    });
  });
}

function nameOne(name: Name, id: string, pair: string, gloss: string): void {
  const [key, value] = halves(pair, '=');
  const word = printable(key.trim(), 24);
  // A cookie without a name is all value.
  if (value === undefined) return name(`${id}.`, 'Cookie', pair.length, { secret: true, chance: true });
  name(`${id}.${word}.name`, 'Cookie name', key.length + 1, { show: () => word });
  name(`${id}.${word}`, `Cookie ${word}`, value.length, {
    secret: true,
    chance: true,
    gloss: (bytes) => `${bytes.length} characters, ${gloss}`,
  });
}

const ATTRIBUTES = new Map<string, (value: string) => string>([
  ['path', (path) => `it goes along with every request below ${printable(path, 24)}`],
  ['domain', (domain) => `it goes along to every host below ${printable(domain, 40)}, not to this one alone`],
  ['httponly', () => 'no script on the page can read it'],
  ['secure', () => 'it travels over TLS only'],
  [
    'samesite',
    (value) =>
      value.toLowerCase() === 'none'
        ? 'it goes along with requests that other sites make, too'
        : 'requests that other sites make leave it at home',
  ],
  [
    'max-age',
    (age) => (age === '0' ? 'the client is to drop it now' : `the client drops it after ${printable(age, 16)} s`),
  ],
  ['expires', () => 'the client drops it at that time'],
]);

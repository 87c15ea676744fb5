// What can be asked for: the targets of the service, and what must hold before anything is done for anybody.

import { halves, headerOf } from '../../../wire/http.ts';
import type { Heard } from '../wire.ts';
import { type Answer, type Pending, problem } from './answers.ts';
import { type Asked, cookieName, knownTo, type Service } from './asking.ts';
import { filmPage } from './films.ts';
import { login, logout } from './logins.ts';
import { listOrders, order } from './orders.ts';
import { front } from './pages.ts';
import { dropItem, putItem, showCart, showItem, showWatch, watch } from './things.ts';

type Methods = Partial<Record<'GET' | 'PUT' | 'POST' | 'DELETE', (service: Service) => Answer>>;

/** By the first half of a target, and whether there is a second one. */
const SERVICES: ReadonlyMap<string, Methods> = new Map<string, Methods>([
  ['profile', { GET: ({ known }) => ({ status: 200, json: { user: known.user } }) }],
  ['logout', { POST: logout }],
  ['cart', { GET: showCart }],
  ['cart/', { GET: showItem, PUT: putItem, DELETE: dropItem }],
  ['watch/', { GET: showWatch, PUT: watch }],
  ['orders', { GET: listOrders, POST: order }],
  ['films', { GET: filmPage }],
]);

export function respond(asked: Asked): Answer | Pending {
  const { state, request, from, world, how } = asked;
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const isSafe = method === 'GET' || method === 'OPTIONS';
  if (!isSafe && isForeign(request)) return problem(403, 'a page of another site asks for this');
  const [path, query] = halves(request.target, '?');
  const [first, second] = halves(path.slice(1), '/');
  if (path === '/') return method === 'GET' ? front(knownTo(asked)) : notWith('GET');
  if (path === '/login') return method === 'POST' ? login(asked) : notWith('POST');
  const methods = SERVICES.get(second === undefined ? first : `${first}/`);
  if (!methods || second?.includes('/')) return problem(404, 'there is nothing under this name');
  const service = Object.hasOwn(methods, method) ? methods[method as keyof Methods] : undefined;
  if (!service) return notWith(Object.keys(methods).join(', '));
  const name = second === undefined ? '' : decoded(second);
  if (name === undefined) return problem(400, 'the target has a % that begins no character');
  const known = knownTo(asked);
  if (!known) return unknown(asked);
  return service({ state, request, from, world, how, known, name, query });
}

/** Whatever name was shown, the answer is the same: nobody learns which ones there are. */
function unknown({ how }: Asked): Answer {
  return problem(401, 'log in first', [['WWW-Authenticate', `Cookie realm="shop", cookie-name=${cookieName(how)}`]]);
}

function notWith(methods: string): Answer {
  return problem(405, `only ${methods} here`, [['Allow', methods]]);
}

/**
 * Whether a page of another site has had a browser send this, cookies and all. Browsers say so themselves, and what is no browser has
 * no cookies but its own.
 */
function isForeign(request: Heard): boolean {
  const site = headerOf(request, 'sec-fetch-site');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const origin = headerOf(request, 'origin');
  return origin !== undefined && halves(origin, '://')[1] !== headerOf(request, 'host');
}

/** A segment of a target as text; undefined where it is none (RFC 3986 §2.1). */
function decoded(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

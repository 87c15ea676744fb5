// Who is asking for what: the targets of the service, and what must hold before anything is done for anybody.

import { cookieOf } from '../../../wire/http/cookies.ts';
import { halves, headerOf } from '../../../wire/http.ts';
import type { Path, World } from '../../shapes.ts';
import { type Given, type Held, type Limits, type State, type Things, thingsAt, underUser } from '../state.ts';
import { type Claims, COOKIES, type Heard, HOST_PREFIX } from '../wire.ts';
import { type Answer, problem } from './answers.ts';
import { filmPage } from './films.ts';
import { login, logout } from './logins.ts';
import { listOrders, order } from './orders.ts';
import { front } from './pages.ts';
import { dropItem, putItem, showCart, showItem, showWatch, watch } from './things.ts';

export interface Asked {
  state: State;
  request: Heard;
  from: Path;
  world: World;
  how: Held & Given & { limits: Limits };
}

/** Somebody who has logged in. */
export interface Known {
  user: string;
  things: Things;
  /** What is filed here is filed under this; undefined where the token carries it. */
  under: string | undefined;
  claims: Claims | undefined;
}

/** A request of somebody who has logged in, with the second half of its target. */
export interface Service extends Asked {
  known: Known;
  name: string;
  query: string | undefined;
}

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

export function respond(asked: Asked): Answer {
  const { request } = asked;
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const isSafe = method === 'GET' || method === 'OPTIONS';
  if (!isSafe && isForeign(request)) return problem(403, 'a page of another site asks for this');
  const [path, query] = halves(request.target, '?');
  const parts = path.slice(1).split('/');
  const [first = '', second, ...more] = parts;
  if (path === '/') return method === 'GET' ? front(knownTo(asked)) : notWith('GET');
  if (path === '/login') return method === 'POST' ? login(asked) : notWith('POST');
  const methods = more.length === 0 ? SERVICES.get(second === undefined ? first : `${first}/`) : undefined;
  if (!methods) return problem(404, 'there is nothing under this name');
  const service = Object.hasOwn(methods, method) ? methods[method as keyof Methods] : undefined;
  if (!service) return notWith(Object.keys(methods).join(', '));
  const name = second === undefined ? '' : decoded(second);
  if (name === undefined) return problem(400, 'the target has a % that begins no character');
  const known = knownTo(asked);
  if (!known) return unknown(asked);
  return service({ ...asked, known, name, query });
}

/** Who is asking; undefined when nobody can tell. */
export function knownTo({ state, request, world, how }: Asked): Known | undefined {
  const now = world.now();
  if (how.identity === 'session') {
    const id = cookieOf(request, cookieName(how));
    const session = id === undefined ? undefined : state.sessions.get(id);
    // An alarm that rings late must not make a session last longer.
    if (id === undefined || !session || session.ends <= now) return undefined;
    return { user: session.user, things: session, under: id, claims: undefined };
  }
  const claims = request.bearer;
  if (claims === undefined || claims === 'wrong' || claims.ends * 1000 <= now) return undefined;
  const { user } = claims;
  if (how.things === 'token')
    return { user, things: { cart: new Map(claims.cart), watch: new Map(claims.watch) }, under: undefined, claims };
  const under = underUser(user);
  return { user, things: thingsAt(state, under) ?? { cart: new Map(), watch: new Map() }, under, claims };
}

/** What the cookie of this design is called. */
export function cookieName({ identity, secure }: Held & Given): string {
  return secure ? HOST_PREFIX + COOKIES[identity] : COOKIES[identity];
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

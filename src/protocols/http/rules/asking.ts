// Who is asking, as far as a server can tell: by what is filed under their cookie, or by what is written in it.

import { cookieOf } from '../../../wire/http/cookies.ts';
import type { Path, World } from '../../shapes.ts';
import type { Given, Held, Limits, State, Things } from '../state.ts';
import { type Claims, COOKIES, type Heard, HOST_PREFIX } from '../wire.ts';

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

/** Begins what is filed under a user. */
export const OF_USER = 'user ';

/** What is put aside under a session id, or under `user ann`. A session id has no space in it. */
export function thingsAt(state: State, under: string): Things | undefined {
  return under.startsWith(OF_USER) ? state.users.get(under.slice(OF_USER.length)) : state.sessions.get(under);
}

export function underUser(user: string): string {
  return OF_USER + user;
}

// How somebody becomes known, and is forgotten.

import { setCookie } from '../../../wire/http/cookies.ts';
import { type Header, headerOf } from '../../../wire/http.ts';
import type { World } from '../../shapes.ts';
import type { Event, Outcome, State } from '../state.ts';
import { type Answer, leaves, type Pending, problem } from './answers.ts';
import { type Asked, cookieName, knownTo, type Service } from './asking.ts';
import { loginPage } from './pages.ts';
import { sourceOf } from './sources.ts';

/** Whether the password is worth looking at: that takes time and memory, which whoever is refused in any case does not cost. */
export function login(asked: Asked): Answer | Pending {
  const { state, request, world, how } = asked;
  const user = request.login;
  if (typeof user !== 'string') return problem(400, 'log in with a user and a password, as JSON or from a form');
  const source = sourceOf(asked);
  return (
    tooMany(state, triesOf(source, user), how.limits.tries, world) ?? {
      check: {
        user,
        source,
        isForm: isFrom(request),
        isLast: leaves(request),
        old: (how.identity === 'session' ? knownTo(asked)?.under : undefined) ?? null,
      },
    }
  );
}

/** What came of the password is known by now; whether it counts is decided here. */
export function loggedIn(
  { is, slip: { user, source, isForm, old } }: Outcome,
  { state, world, how }: Pick<Asked, 'state' | 'world' | 'how'>,
): Answer {
  if (is === 'busy') return problem(503, 'too many log in at this moment', [['Retry-After', '1']]);
  const under = triesOf(source, user);
  // A right password counts no more than a wrong one, or trying would go on. Others may have been tried while this one was looked at.
  const refused = tooMany(state, under, how.limits.tries, world);
  if (refused) return refused;
  const now = world.now();
  const tries = state.tries.get(under);
  const before = tries && tries.ends > now ? tries : undefined;
  if (is === 'wrong') {
    const ends = before?.ends ?? now + how.limits.while;
    const events: Event[] = tries && !before ? [{ is: 'gone', from: 'tries', under }] : [];
    events.push({ is: 'tried', under, count: (before?.count ?? 0) + 1, ends });
    const wrong = 'this user has not this password';
    return isForm ? { status: 401, page: loginPage(wrong), events } : { ...problem(401, wrong), events };
  }
  const events: Event[] = tries ? [{ is: 'gone', from: 'tries', under }] : [];
  const done: Answer = isForm ? { status: 303, headers: [['Location', '/']] } : { status: 200, json: { user } };
  const ends = now + how.limits.lifetime;
  if (how.identity === 'token')
    return { ...done, events, sign: { user, ends: Math.floor(ends / 1000), cart: [], watch: [] } };
  // A new name for every login: one that somebody else has slipped into the cookie beforehand is never logged in.
  if (old !== null) events.push({ is: 'gone', from: 'sessions', under: old });
  const id = `${state.counted.sessions + 1}.${world.name()}`;
  events.push({ is: 'begun', id, user, ends });
  return { ...done, events, headers: [...(done.headers ?? []), cookie(how, id)] };
}

/** Counted by address and user: who comes from elsewhere is not locked out. */
function triesOf(source: string, user: string): string {
  return `${source} ${user}`;
}

function tooMany({ tries }: State, under: string, most: number, world: World): Answer | undefined {
  const { count = 0, ends = 0 } = tries.get(under) ?? {};
  const left = ends - world.now();
  if (count < most || left <= 0) return undefined;
  return problem(429, 'too many tries', [['Retry-After', String(Math.ceil(left / 1000))]]);
}

/** A session is gone from here. A token is gone from its client's cookie, and good until it ends wherever there is a copy. */
export function logout({ request, known, how }: Service): Answer {
  const headers: Header[] = [
    ['Set-Cookie', setCookie(cookieName(how), '', { maxAge: 0, secure: how.secure === true })],
  ];
  const id = how.identity === 'session' ? known.under : undefined;
  const events: Event[] = id === undefined ? [] : [{ is: 'gone', from: 'sessions', under: id }];
  return isFrom(request)
    ? { status: 303, headers: [['Location', '/'], ...headers], events }
    : { status: 204, headers, events };
}

function cookie(how: Asked['how'], value: string): Header {
  return ['Set-Cookie', setCookie(cookieName(how), value, { secure: how.secure === true })];
}

/** Whether a person has sent this from a page. */
function isFrom(request: Asked['request']): boolean {
  return headerOf(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') === true;
}

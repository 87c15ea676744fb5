// How somebody becomes known, and is forgotten.

import { addressOf } from '../../../bounds/paths.ts';
import { setCookie } from '../../../wire/http/cookies.ts';
import { type Header, headerOf } from '../../../wire/http.ts';
import type { Path } from '../../shapes.ts';
import type { Event } from '../state.ts';
import { type Answer, problem } from './answers.ts';
import { type Asked, cookieName, knownTo, type Service } from './asking.ts';
import { loginPage } from './pages.ts';

/** What came of the password is known by now; whether it counts is decided here. */
export function login(asked: Asked): Answer {
  const { state, request, from, world, how } = asked;
  const { user, is } = request.login ?? { user: '', is: 'none' };
  const isForm = isFrom(request);
  if (is === 'none') return problem(400, 'log in with a user and a password, as JSON or from a form');
  if (is === 'busy') return problem(503, 'too many log in at this moment', [['Retry-After', '1']]);
  const under = `${sourceOf(from)} ${user}`;
  const now = world.now();
  const tries = state.tries.get(under);
  const before = tries && tries.ends > now ? tries : undefined;
  // A right password counts no more than a wrong one, or trying would go on. Who comes from elsewhere is not locked out by it.
  if (before && before.count >= how.limits.tries)
    return problem(429, 'too many tries', [['Retry-After', String(Math.ceil((before.ends - now) / 1000))]]);
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
  const old = knownTo(asked)?.under;
  if (old !== undefined) events.push({ is: 'gone', from: 'sessions', under: old });
  const id = `${state.counted.sessions + 1}.${world.name()}`;
  events.push({ is: 'begun', id, user, ends });
  return { ...done, events, headers: [...(done.headers ?? []), cookie(asked, id)] };
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

function cookie({ how }: Asked, value: string): Header {
  return ['Set-Cookie', setCookie(cookieName(how), value, { secure: how.secure === true })];
}

/** Whether a person has sent this from a page. */
function isFrom(request: Asked['request']): boolean {
  return headerOf(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') === true;
}

/** The address of a path, also of one that instances know by their names. */
function sourceOf(from: Path): string {
  const { address } = addressOf(from);
  return address.slice(address.lastIndexOf(' ') + 1);
}

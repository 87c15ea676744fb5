// Everything this server remembers between two requests, and what each of it is filed under.

import type { Header } from '../../wire/http.ts';
import type { Decision, Facts, Path, Rules, World } from '../shapes.ts';
import { type Answer, deedOf, leaves, problem } from './rules/answers.ts';
import { OF_USER, thingsAt } from './rules/asking.ts';
import { loggedIn } from './rules/logins.ts';
import { respond } from './rules/service.ts';
import type { Claims, Heard, Message } from './wire.ts';

/** What a user has put aside. */
export interface Things {
  /** Filed under the item, which is the user's own word: a Map. How many of it. */
  cart: Map<string, number>;
  /** Filed under the film: the minute that it was left at. */
  watch: Map<string, number>;
}

export interface Session extends Things {
  user: string;
  /** When it ends, whatever is done with it, in milliseconds since the epoch. */
  ends: number;
}

export interface Order {
  user: string;
  item: string;
  count: number;
}

/** An answer that is kept, should its request come again. */
export interface KeptAnswer {
  /** What tells the request from another one under the same key. */
  print: string;
  order: number;
  ends: number;
}

export interface State {
  /** Filed under the session id: 128 random bits behind a number for people, which the client carries in a cookie. In the order in which they end. */
  sessions: Map<string, Session>;
  /** Filed under the user, who is known by what a token says: for the design in which who you are is not held here. */
  users: Map<string, Things>;
  /** Filed under their number. The oldest makes room. */
  orders: Map<number, Order>;
  /** Filed under user and Idempotency-Key, since two users may think of the same one. In the order in which they end. */
  keys: Map<string, KeptAnswer>;
  /** Filed under a name of the server's own: how many films have been read. In the order in which they end. */
  cursors: Map<string, { read: number; ends: number }>;
  /** Filed under address and user: tries to log in since the last one that was right. In the order in which they are forgiven. */
  tries: Map<string, { count: number; ends: number }>;
  /** How many sessions, orders and cursors there ever were: where their numbers come from. */
  counted: { sessions: number; orders: number; cursors: number };
}

/** Everything of which there is a table with an end to each entry. */
export const TABLES = ['sessions', 'keys', 'cursors', 'tries'] as const;
export type Table = (typeof TABLES)[number];

/** `under`: a session id, or `user ann` (see {@link thingsAt}). */
export type Event =
  | { is: 'begun'; id: string; user: string; ends: number }
  | { is: 'gone'; from: Table; under: string }
  | { is: 'put'; under: string; item: string; count: number }
  | { is: 'left'; under: string; film: string; minute: number }
  | { is: 'ordered'; user: string; item: string; count: number }
  | { is: 'kept'; under: string; print: string; order: number; ends: number }
  | { is: 'read'; cursor: string; read: number; ends: number }
  | { is: 'tried'; under: string; count: number; ends: number };

export type Deed =
  /** The answer to the request that was heard last on its path, to be written by the server. `sign`: into a cookie. */
  | { is: 'respond'; status: number; headers: readonly Header[]; body: string; sign?: Claims }
  /** Looks at the password of that request, which the rules never hear. */
  | { is: 'check'; slip: Slip };

/** What the rules will want to know of a log-in when its password has been looked at. */
export type Slip = {
  user: string;
  /** The address that it comes from. */
  source: string;
  isForm: boolean;
  isLast: boolean;
  /** The session that the client was in before. */
  old: string | null;
};

/** What came of a password. `busy`: it was not looked at. */
export type Outcome = { is: 'right' | 'wrong' | 'busy'; slip: Slip };

/** What makes the designs differ. */
export interface Held {
  /** Who somebody is: filed here under the session, or written in a token. */
  identity: 'session' | 'token';
  /** What they have put aside: filed here under session or user, or written in the token. */
  things: 'session' | 'user' | 'token';
  /** Whether an Idempotency-Key is written down as its order is. */
  keys: 'lasting' | 'fleeting';
}

export interface Given {
  /** TLS: cookies are for it alone. */
  secure?: boolean;
  /** Addresses of balancers that are believed when they say whose request they pass on. */
  trusts?: ReadonlySet<string> | undefined;
}

export interface Limits {
  /** Entries of each table. */
  entries: number;
  orders: number;
  /** Items in a cart. A token has to carry them all, in 4 KiB. */
  items: number;
  /** Tries to log in, by address and user, within a while. */
  tries: number;
  /** Milliseconds that a session, a token, a key and a cursor are good for; and a while. */
  lifetime: number;
  while: number;
}
export const LIMITS: Limits = {
  entries: 200_000,
  orders: 50_000,
  items: 20,
  tries: 5,
  lifetime: 600_000,
  while: 60_000,
};

/** The rules of the service, with each thing filed under what you say. */
export function rulesFor(
  held: Held,
  given: Given = {},
  limits: Limits = LIMITS,
): Rules<State, Message, Event, Deed, Outcome> {
  const how = { ...held, ...given, limits };
  /** For who is answered without a look at the state. */
  const nobody = nothing();

  function decide(state: State, request: Heard, from: Path, world: World): Decision<Message, Event, Deed> {
    const answer = respond({ state, request, from, world, how });
    if ('check' in answer) return { events: NONE, actions: [{ to: from, does: { is: 'check', slip: answer.check } }] };
    return { events: answer.events ?? NONE, actions: [{ to: from, does: deedOf(answer, leaves(request), world) }] };
  }

  return {
    empty: nothing,

    // Nobody answers a server.
    decide: (state, message, from, world) =>
      message.type === 'request' ? decide(state, message, from, world) : { events: NONE, actions: [] },

    learn(state, outcome, from, world) {
      const answer = loggedIn(outcome, { state, world, how });
      return {
        events: answer.events ?? NONE,
        actions: [{ to: from, does: deedOf(answer, outcome.slip.isLast, world) }],
      };
    },

    // Whoever carries a token has said who they are, and nobody else need be asked.
    ...(held.identity === 'token'
      ? {
          alone: (message: Message, from: Path, world: World) =>
            message.type === 'request' && message.method === 'GET' && message.target === '/profile'
              ? decide(nobody, message, from, world)
              : undefined,
        }
      : {}),

    due(state) {
      let due: number | undefined;
      for (const table of TABLES) {
        const ends = firstOf<string, { ends: number }>(state[table])?.[1].ends;
        if (ends !== undefined && (due === undefined || ends < due)) due = ends;
      }
      return due;
    },

    pass(state, world) {
      const events: Event[] = [];
      for (const table of TABLES)
        for (const [under, { ends }] of state[table]) {
          if (ends > world.now()) break;
          events.push({ is: 'gone', from: table, under });
        }
      return { events, actions: [] };
    },

    apply: (state, event) => apply(state, event, limits),

    lasting: (event) =>
      event.is !== 'tried' &&
      !(event.is === 'gone' && event.from === 'tries') &&
      !(event.is === 'kept' && held.keys === 'fleeting'),

    outlives: (state) => ({ ...state, tries: new Map(), ...(held.keys === 'fleeting' ? { keys: new Map() } : {}) }),

    // A server-side cursor goes on by being read, and goes the way of all changes.
    asks: (message) => message.type === 'request' && (message.method === 'GET' || message.method === 'HEAD'),

    // Everybody who waits is told, and may come back.
    impatient: true,
    unavailable: (message, to) => {
      const answer: Answer = problem(503, 'what this is kept in does not answer', [['Retry-After', '1']]);
      if (message?.type === 'response') return [];
      // The store's time is not to be had, and an answer without a Date is one too (RFC 9110 §6.6.1).
      const { status, headers, body } = deedOf(answer, true, { now: () => 0, name: () => '' });
      const kept = headers.filter(([name]) => name !== 'Date');
      return [
        {
          to,
          say: {
            type: 'response',
            version: '1.1',
            status,
            reason: 'Service Unavailable',
            headers: kept,
            body: Buffer.from(body),
          },
        },
      ];
    },

    facts,
  };
}

const NONE: readonly Event[] = [];

function nothing(): State {
  return {
    sessions: new Map(),
    users: new Map(),
    orders: new Map(),
    keys: new Map(),
    cursors: new Map(),
    tries: new Map(),
    counted: { sessions: 0, orders: 0, cursors: 0 },
  };
}

function apply(state: State, event: Event, limits: Limits): void {
  switch (event.is) {
    case 'begun':
      state.counted.sessions++;
      put(
        state.sessions,
        event.id,
        { user: event.user, ends: event.ends, cart: new Map(), watch: new Map() },
        limits.entries,
      );
      return;
    case 'gone':
      state[event.from].delete(event.under);
      return;
    case 'put': {
      const { cart } = madeAt(state, event.under) ?? {};
      if (event.count === 0) cart?.delete(event.item);
      else cart?.set(event.item, event.count);
      return;
    }
    case 'left':
      madeAt(state, event.under)?.watch.set(event.film, event.minute);
      return;
    case 'ordered':
      put(
        state.orders,
        ++state.counted.orders,
        { user: event.user, item: event.item, count: event.count },
        limits.orders,
      );
      return;
    case 'kept':
      put(state.keys, event.under, { print: event.print, order: event.order, ends: event.ends }, limits.entries);
      return;
    case 'read':
      if (!state.cursors.has(event.cursor)) state.counted.cursors++;
      // One that is read on stays where it is: it ends when it was to end.
      put(state.cursors, event.cursor, { read: event.read, ends: event.ends }, limits.entries);
      return;
    case 'tried':
      put(state.tries, event.under, { count: event.count, ends: event.ends }, limits.entries);
  }
}

/** Users are as many as have a password here, so their things need no end. */
function madeAt(state: State, under: string): Things | undefined {
  const things = thingsAt(state, under);
  if (things || !under.startsWith(OF_USER)) return things;
  const made: Things = { cart: new Map(), watch: new Map() };
  state.users.set(under.slice(OF_USER.length), made);
  return made;
}

function put<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  const oldest = map.size >= most && !map.has(key) ? firstOf(map) : undefined;
  if (oldest) map.delete(oldest[0]);
  map.set(key, value);
}

function firstOf<K, V>(map: Map<K, V>): [K, V] | undefined {
  for (const entry of map) return entry;
  return undefined;
}

function facts(state: State): Facts {
  const known: Facts = {};
  for (const [id, session] of state.sessions)
    known[`session[${id.slice(0, id.indexOf('.'))}]`] = `${session.user}, ${inWords(session)}`;
  for (const [user, things] of state.users) known[`user[${user}]`] = inWords(things);
  for (const [number, { user, item, count }] of state.orders) known[`order[${number}]`] = `${user}: ${item} × ${count}`;
  if (state.keys.size > 0) known.keys = `${state.keys.size} kept, each with its answer`;
  for (const [name, { read }] of state.cursors)
    known[`cursor[${name.slice(0, name.indexOf('.'))}]`] = `${read} films read`;
  for (const [under, { count }] of state.tries) known[`tries[${under}]`] = `${count} to log in`;
  return known;
}

/** Carts and films in words. */
export function inWords({ cart, watch }: Things): string {
  const items = [...cart].map(([item, count]) => `${item} × ${count}`);
  const films = [...watch].map(([film, minute]) => `${film} at minute ${minute}`);
  return [`cart ${items.join(', ') || 'empty'}`, ...films].join(', ');
}

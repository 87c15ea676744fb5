// Everything this server remembers between two requests: which servers stand behind it, and what its policy needs to find the
// same one again. What it does not remember is who logged in: that is with one of the servers.

import { addressOf } from '../../bounds/paths.ts';
import { dated } from '../../wire/http/date.ts';
import type { Header, Request, Response } from '../../wire/http.ts';
import type { Decision, Facts, Path, Rules, World } from '../shapes.ts';
import { seen, sick } from './rules/looks.ts';
import type { Member } from './rules/members.ts';
import { answered, keepsOpen, passedOn, plain, switched, unfit } from './rules/passing-on.ts';
import { choosing, dropped, firstToGo, type Policy } from './rules/policies.ts';
import { ledTo, setWay, withoutWay } from './rules/way.ts';
import type { Message } from './wire.ts';

export interface Backend extends Member {
  /** As the last look at it, or the last request to it, has shown. Well until shown otherwise. */
  health: 'well' | 'sick';
  /** Requests that it may be at work on: a server that drains is empty when there are none. */
  active: number;
}

export interface State {
  /** Filed under the server's name. A Map keeps the order in which they are listed, which is the order of turns. */
  backends: Map<string, Backend>;
  /** Whose turn it is among those that are well, counted from 0: filed under nothing, one number for all clients. Undefined before the first. */
  turn: number | undefined;
  /** Filed under the client's address. A Map keeps them in the order of their last word, so the first is the next to go. */
  places: Map<string, { name: string; at: number }>;
  /** When the servers are looked at next, in milliseconds since the epoch; undefined while somebody is looking. */
  look: number | undefined;
  /** What is wrong with the list of servers that was read last; the list before that one stands. */
  wrong: string | undefined;
}

export type Event =
  | { is: 'turned'; turn: number }
  | { is: 'placed'; address: string; name: string; at: number }
  | { is: 'dropped'; address: string }
  | { is: 'asked'; names: string[] }
  | { is: 'done'; names: string[] }
  | { is: 'health'; name: string; health: 'well' | 'sick' }
  | { is: 'listed'; members: Member[] }
  | { is: 'misread'; wrong: string }
  | { is: 'looking' }
  | { is: 'looked'; next: number };

/**
 * What the rules will want to know of a request when its answer comes. It rides along with the deed and comes back with the outcome,
 * so that nothing is remembered of a request under way.
 */
export type Slip = {
  /** All that are asked, or would be. */
  names: string[];
  forHead: boolean;
  keepsOpen: boolean;
  /** The server that the client's cookie leads to. */
  led: string | null;
};

export type Deed =
  /** Makes the request to the first of these servers, and to the second if the first one fails. */
  | { is: 'forward'; to: readonly Pick<Member, 'name' | 'address'>[]; request: Request; slip: Slip }
  /** From here on what either end says is passed on to the other as it is: the server that has granted another protocol waits for it. */
  | { is: 'join'; slip: Slip }
  /** Asks each of them how it is, and reads the list of servers again where it is in a file. */
  | { is: 'look'; at: readonly Pick<Member, 'name' | 'address'>[] };

export type Outcome =
  /** `body`: a character for each byte. `failed`: who was asked before, and failed. */
  | {
      is: 'answered';
      by: string;
      failed: string[];
      status: number;
      reason: string;
      headers: [string, string][];
      body: string;
      slip: Slip;
    }
  /** The server has granted what the client asked to go on in: it is not HTTP any more. */
  | { is: 'switched'; by: string; failed: string[]; headers: [string, string][]; slip: Slip }
  /** Nobody has answered, or nobody in time. */
  | { is: 'failed'; failed: string[]; late: boolean; slip: Slip }
  /** One has, with more than is passed on. That is no fault of the server, and another one would say as much. */
  | { is: 'too long'; failed: string[]; slip: Slip }
  /** The client has gone, and nobody waits for the answer any more; or what both went on in is over. */
  | { is: 'abandoned'; slip: Slip }
  /** Who has not answered in time is in neither list: it stays what it was. */
  | { is: 'looked'; well: string[]; sick: string[]; members?: Member[]; wrong?: string };

/** Looks are nobody's request. */
export const HOUSE: Path = 'house';

/** What the rules are given: the servers that are listed when the process starts, and the key of sticky cookies. */
export interface Given {
  members: readonly Member[];
  key: Buffer;
}

type Found = Pick<Outcome & { is: 'switched' }, 'by' | 'failed' | 'slip'>;
type Decided = Decision<Message, Event, Deed>;

/** The rules of the balancer under a policy: the one choice that makes the designs differ. */
export function rulesFor(policy: Policy, { members, key }: Given): Rules<State, Message, Event, Deed, Outcome> {
  const choose = choosing(policy, key);
  const listed = new Map(members.map((member) => [member.name, member]));

  return {
    empty: () => ({
      backends: new Map(members.map((member) => [member.name, fresh(member)])),
      turn: undefined,
      places: new Map(),
      look: 0,
      wrong: undefined,
    }),

    decide(state, message, from, world) {
      if (message.type !== 'request') return say(from, plain(400, 'Bad Request', 'This is no request.'), false, world);
      const no = unfit(message);
      if (no) return say(from, no, keepsOpen(message), world);
      return forward(state, message, from, world);
    },

    learn(state, outcome, from, world) {
      switch (outcome.is) {
        case 'answered':
          return answer(state, outcome, from, world);
        case 'switched':
          return join(state, outcome, from, world);
        case 'failed': {
          const { failed, late, slip } = outcome;
          const why = late
            ? plain(504, 'Gateway Timeout', 'The server behind has not answered in time.')
            : plain(502, 'Bad Gateway', 'The server behind has failed. Whether it did what was asked is not known.');
          const { actions } = say(from, why, slip.keepsOpen, world);
          return { events: [{ is: 'done', names: slip.names }, ...sick(state, failed)], actions };
        }
        case 'too long': {
          const { failed, slip } = outcome;
          const why = plain(
            502,
            'Bad Gateway',
            'The server behind says more than is passed on here. What was asked may be done.',
          );
          return {
            events: [{ is: 'done', names: slip.names }, ...sick(state, failed)],
            actions: say(from, why, slip.keepsOpen, world).actions,
          };
        }
        case 'abandoned':
          return { events: [{ is: 'done', names: outcome.slip.names }], actions: [] };
        case 'looked':
          return { events: seen(state, outcome, world), actions: [] };
      }
    },

    due(state) {
      const { look } = state;
      const going = firstToGo(state);
      return look === undefined || (going !== undefined && going < look) ? going : look;
    },

    pass(state, world) {
      const events = dropped(state, seconds(world));
      if (state.look === undefined || world.now() < state.look) return { events, actions: [] };
      const at = [...state.backends.values()].map(({ name, address }) => ({ name, address }));
      return { events: [...events, { is: 'looking' }], actions: [{ to: HOUSE, does: { is: 'look', at } }] };
    },

    apply,

    // Who holds all this is the process. A balancer that outlives its memory is one that needs none.
    lasting: () => false,

    facts: (state) => facts(state, listed),
  };

  function forward(state: State, request: Request, from: Path, world: World): Decided {
    const { to, events } = choose(state, request, from, seconds(world));
    if (to.length === 0) {
      const wait = [['Retry-After', '1']] as const;
      return say(
        from,
        plain(503, 'Service Unavailable', 'No server can take this now.', wait),
        keepsOpen(request),
        world,
      );
    }
    // What has no effect may be asked twice (RFC 9110 §9.2.1); whether anything else was done by a server that failed, nobody knows.
    const safe = request.method === 'GET' || request.method === 'HEAD';
    const asked = (safe ? to : to.slice(0, 1)).map(({ name, address }) => ({ name, address }));
    const names = asked.map(({ name }) => name);
    const way = policy === 'cookie' ? ledTo(request, state.backends.keys(), key) : undefined;
    const passed = passedOn(request, addressOf(from).address);
    const does: Deed = {
      is: 'forward',
      to: asked,
      request: policy === 'cookie' ? { ...passed, headers: withoutWay(passed.headers) } : passed,
      slip: { names, forHead: request.method === 'HEAD', keepsOpen: keepsOpen(request), led: way ?? null },
    };
    return { events: [...events, { is: 'asked', names }], actions: [{ to: from, does }] };
  }

  /** What is learnt of the servers by it, and what the client is told of the way. */
  function led(state: State, { by, failed, slip }: Found, from: Path, world: World) {
    const events = sick(state, failed);
    const { address } = addressOf(from);
    // Who was led elsewhere belongs there from now on.
    if (policy === 'address' && failed.length > 0 && state.places.has(address))
      events.push({ is: 'placed', address, name: by, at: seconds(world) });
    const more: Header[] = [['X-Served-By', by]];
    if (policy === 'cookie' && slip.led !== by) more.push(setWay(by, key));
    return { events, more };
  }

  /** The server that has granted it is at work for as long as the two go on. */
  function join(state: State, outcome: Outcome & { is: 'switched' }, from: Path, world: World): Decided {
    const { by, headers, slip } = outcome;
    const { events, more } = led(state, outcome, from, world);
    return {
      events: [{ is: 'done', names: slip.names.filter((name) => name !== by) }, ...events],
      actions: [
        { to: from, say: switched(headers, more) },
        { to: from, does: { is: 'join', slip: { ...slip, names: [by] } } },
      ],
    };
  }

  function answer(state: State, outcome: Outcome & { is: 'answered' }, from: Path, world: World): Decided {
    const { status, reason, headers, slip } = outcome;
    const found = led(state, outcome, from, world);
    const events: Event[] = [{ is: 'done', names: slip.names }, ...found.events];
    const { more } = found;
    const body = Buffer.from(outcome.body, 'latin1');
    const whole: Response = { type: 'response', version: '1.1', status, reason, headers, body };
    return { events, actions: say(from, answered(whole, slip.forHead, more), slip.keepsOpen, world).actions };
  }
}

function fresh(member: Member): Backend {
  return { ...member, health: 'well', active: 0 };
}

function seconds(world: World): number {
  return Math.floor(world.now() / 1000);
}

function say(to: Path, answer: Response, keeps: boolean, world: World): Decided {
  const response = dated(answer, world.now());
  if (keeps) return { events: [], actions: [{ to, say: response }] };
  const closing: Response = { ...response, headers: [...response.headers, ['Connection', 'close']] };
  return {
    events: [],
    actions: [
      { to, say: closing },
      { to, hangUp: true },
    ],
  };
}

function apply(state: State, event: Event): void {
  switch (event.is) {
    case 'turned':
      state.turn = event.turn;
      return;
    case 'placed':
      // Taken out and put back, it is the last to go.
      state.places.delete(event.address);
      state.places.set(event.address, { name: event.name, at: event.at });
      return;
    case 'dropped':
      state.places.delete(event.address);
      return;
    case 'asked':
      for (const name of event.names) count(state, name, 1);
      return;
    case 'done':
      for (const name of event.names) count(state, name, -1);
      return;
    case 'health': {
      const backend = state.backends.get(event.name);
      if (backend) backend.health = event.health;
      return;
    }
    case 'listed':
      state.wrong = undefined;
      state.backends = new Map(
        event.members.map((member) => {
          const before = state.backends.get(member.name);
          // The same name at another address is another server.
          return [member.name, { ...(before?.address === member.address ? before : fresh(member)), ...member }];
        }),
      );
      return;
    case 'misread':
      state.wrong = event.wrong;
      return;
    case 'looking':
      state.look = undefined;
      return;
    case 'looked':
      state.look = event.next;
  }
}

/** A server that was taken from the list, or forgotten and met again, may still answer what it was asked before. */
function count(state: State, name: string, by: 1 | -1): void {
  const backend = state.backends.get(name);
  if (backend) backend.active = Math.max(0, backend.active + by);
}

function facts(state: State, listed: ReadonlyMap<string, Member>): Facts {
  const known: Facts = {};
  if (state.turn !== undefined) known.turn = `next in the list: number ${state.turn + 1}`;
  for (const [address, { name }] of state.places) known[`client[${address}]`] = `belongs to server ${name}`;
  for (const [name, { health, draining, address }] of state.backends) {
    const before = listed.get(name);
    const news = [
      ...(before?.address === address ? [] : ['joined since the start']),
      ...(health === 'sick' ? ['sick'] : []),
      ...(draining !== (before?.draining ?? false) ? [draining ? 'draining' : 'taken back'] : []),
    ];
    if (news.length > 0) known[`server[${name}]`] = news.join(', ');
  }
  for (const name of listed.keys()) if (!state.backends.has(name)) known[`server[${name}]`] = 'taken from the list';
  if (state.wrong !== undefined) known.list = `cannot be read, so the one before it stands: ${state.wrong}`;
  return known;
}

// How much memory does a server need for each user who has signed in? Nobody logs in for that: a hundred thousand passwords would take
// hours. The rules decide on what they would have heard, and the heap is weighed before and after.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { card } from '../protocols/http/index.ts';
import type { Outcome, State } from '../protocols/http/state.ts';
import type { Claims, Heard } from '../protocols/http/wire.ts';
import { readSetCookie } from '../wire/http/cookies.ts';
import { type Header, headerOf } from '../wire/http.ts';
import { REAL_WORLD } from './world.ts';

/**
 * Bytes of heap for each of so many users of a design of http, each with one thing in the cart, by its rules alone. Connections are not
 * in it, nor the tokens that a server has just seen (1,024 at most), nor what Redis needs of its own.
 */
export function bytesHeld(design: string, users: number): number {
  const rules = rulesOf(design);
  const learn = (state: State, outcome: Outcome, path: string) =>
    rules.learn?.(state, outcome, path, REAL_WORLD) ?? { events: [], actions: [] };

  /** What a server of this design comes to remember when so many log in, and each puts something into the cart. */
  function grown(count: number) {
    const state = rules.empty();
    for (let nth = 0; nth < count; nth++) {
      const path = `10.${nth >> 16}.${(nth >> 8) & 255}.${nth & 255}:50000`;
      const hear = (asked: Partial<Heard>) => {
        let { events, actions } = rules.decide(state, { ...REQUEST, ...asked }, path, REAL_WORLD);
        const [asking] = actions;
        if (asking && 'does' in asking && asking.does.is === 'check')
          ({ events, actions } = learn(state, { is: 'right', slip: asking.does.slip }, path));
        for (const event of events) rules.apply(state, event);
        const [action] = actions;
        if (!action || !('does' in action) || action.does.is !== 'respond' || action.does.status !== 200)
          throw new Error(`http/${design} does not answer ${asked.method} as it should`);
        return action.does;
      };
      const { headers, sign } = hear({ method: 'POST', target: '/login', login: `user${nth}` });
      hear({ method: 'PUT', target: '/cart/tea', body: CART, ...carried(headers, sign) });
    }
    return state;
  }

  const weigh = scales();
  // The code itself weighs something once it has run.
  grown(WARM);
  const before = weigh();
  const state = grown(users);
  const bytes = (weigh() - before) / users;
  // The state is looked at once more, so that it has lived until here.
  if (state.sessions.size + state.users.size > users) throw new Error(`http/${design} knows more users than there are`);
  return Math.max(0, Math.round(bytes));
}

const WARM = 2_000;
const CART = Buffer.from('{"count":2}');
const REQUEST: Heard = {
  type: 'request',
  method: 'GET',
  target: '/',
  version: '1.1',
  headers: [],
  body: Buffer.alloc(0),
};

function rulesOf(design: string) {
  const rules = card.designs[design]?.rules;
  if (!rules) throw new Error(`nobody can look into http/${design}`);
  return rules;
}

/** What the next request brings along of what was given to its client: a cookie, or a token that has been read by then. */
function carried(headers: readonly Header[], sign: Claims | undefined): Partial<Heard> {
  if (sign) return { bearer: sign };
  const { name, value } = readSetCookie(headerOf({ headers }, 'set-cookie') ?? '');
  return { headers: [['Cookie', `${name}=${value}`]] };
}

/** What weighs the heap, in bytes, without what nobody needs: `--expose-gc` for a process that was started without. */
function scales(): () => number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  return () => {
    // What is freed may have held something else, and what ran once is given up only when it has not run for a while.
    for (let times = 0; times < COLLECTIONS; times++) collect();
    return process.memoryUsage().heapUsed;
  };
}

const COLLECTIONS = 3;

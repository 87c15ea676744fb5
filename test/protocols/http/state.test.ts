// The rules alone: what outlives the process, what ends by itself, and that no table grows without end.

import { expect, test } from 'vitest';
import { seededWorld, standingClock } from '../../../src/lab/world.ts';
import { type Held, LIMITS, type Limits, rulesFor, type State } from '../../../src/protocols/http/state.ts';
import type { Heard } from '../../../src/protocols/http/wire.ts';
import { BY_SESSION } from './shop.ts';

function script(held: Held = BY_SESSION, limits: Partial<Limits> = {}) {
  const rules = rulesFor(held, {}, { ...LIMITS, ...limits });
  const clock = standingClock();
  const world = seededWorld(1, 'rules', clock);
  const state = rules.empty();
  /** What a journal would hold. */
  const written: Parameters<typeof rules.apply>[1][] = [];
  const carryOut = (events: readonly Parameters<typeof rules.apply>[1][]) => {
    for (const event of events) {
      rules.apply(state, event);
      if (rules.lasting(event)) written.push(event);
    }
  };
  return {
    rules,
    state,
    clock,
    /** Resolves to the status and what cookie was set. */
    ask(method: string, target: string, more: Partial<Heard> = {}) {
      const heard: Heard = {
        type: 'request',
        method,
        target,
        version: '1.1',
        headers: [],
        body: Buffer.alloc(0),
        ...more,
      };
      const { events, actions } = rules.decide(state, heard, '127.0.0.1:1', world);
      carryOut(events);
      const [action] = actions;
      if (!action || !('does' in action)) throw new Error('it was not answered');
      const cookie = action.does.headers.find(([name]) => name === 'Set-Cookie')?.[1].split(';')[0] ?? '';
      return { status: action.does.status, cookie };
    },
    pass: () => carryOut(rules.pass?.(state, world).events ?? []),
    /** The state as the next process would have it. */
    folded(): State {
      const next = rules.empty();
      for (const event of written) rules.apply(next, event);
      return next;
    },
  };
}

const login: Partial<Heard> = { login: { user: 'ann', is: 'right' } };
const wrong: Partial<Heard> = { login: { user: 'ann', is: 'wrong' } };
const order = (cookie: string): Partial<Heard> => ({
  headers: [
    ['Cookie', cookie],
    ['Idempotency-Key', 'k'],
  ],
  body: Buffer.from('{"item":"lamp","count":1}'),
});

test('what is written down is the state, but for tries to log in; and for keys where they are fleeting', () => {
  for (const keys of ['lasting', 'fleeting'] as const) {
    const { ask, state, folded, rules } = script({ ...BY_SESSION, keys });
    ask('POST', '/login', { login: { user: 'bob', is: 'wrong' } });
    const { cookie } = ask('POST', '/login', login);
    expect(ask('POST', '/orders', order(cookie)).status).toBe(201);
    expect([state.tries.size, state.keys.size, state.orders.size]).toEqual([1, 1, 1]);
    const next = folded();
    expect([next.tries.size, next.keys.size, next.orders.size]).toEqual([0, keys === 'lasting' ? 1 : 0, 1]);
    expect(rules.outlives?.(state)).toEqual(next);
  }
});

test('everything ends when its time has come, and the alarm is set to the first', () => {
  const { ask, state, clock, rules, pass } = script();
  expect(rules.due?.(state)).toBeUndefined();
  const begun = clock.now();
  ask('POST', '/login', wrong);
  const { cookie } = ask('POST', '/login', { login: { user: 'bob', is: 'right' } });
  ask('POST', '/orders', order(cookie));
  ask('GET', '/films?cursor=new', { headers: [['Cookie', cookie]] });
  expect(rules.due?.(state)).toBe(begun + LIMITS.while);
  // Not a moment before.
  clock.pass(LIMITS.while - 1);
  pass();
  expect([state.tries.size, state.sessions.size]).toEqual([1, 1]);
  clock.pass(1);
  pass();
  expect([state.tries.size, state.sessions.size]).toEqual([0, 1]);
  expect(rules.due?.(state)).toBe(begun + LIMITS.lifetime);
  clock.pass(LIMITS.lifetime - LIMITS.while - 1);
  pass();
  expect([state.sessions.size, state.keys.size, state.cursors.size]).toEqual([1, 1, 1]);
  clock.pass(LIMITS.lifetime);
  pass();
  expect([state.sessions.size, state.keys.size, state.cursors.size, state.orders.size]).toEqual([0, 0, 0, 1]);
  expect(rules.due?.(state)).toBeUndefined();
});

test('no table has more than it may: the oldest makes room', () => {
  const { ask, state } = script(BY_SESSION, { entries: 3, orders: 2 });
  const cookies = Array.from({ length: 5 }, () => ask('POST', '/login', login).cookie);
  expect(state.sessions.size).toBe(3);
  const profile = (cookie = '') => ask('GET', '/profile', { headers: [['Cookie', cookie]] }).status;
  expect(cookies.map(profile)).toEqual([401, 401, 200, 200, 200]);
  const last = cookies.at(-1) ?? '';
  for (let times = 0; times < 4; times++) {
    ask('GET', '/films?cursor=new', { headers: [['Cookie', last]] });
    ask('POST', '/orders', {
      ...order(last),
      headers: [
        ['Cookie', last],
        ['Idempotency-Key', `${times}`],
      ],
    });
  }
  expect([state.cursors.size, state.orders.size, state.keys.size]).toEqual([3, 2, 3]);
  expect([...state.orders.keys()]).toEqual([3, 4]);
  for (let user = 0; user < 5; user++) ask('POST', '/login', { login: { user: `user ${user}`, is: 'wrong' } });
  expect(state.tries.size).toBe(3);
});

// The rules alone: what outlives the process, what ends by itself, and that no table grows without end.

import { expect, test } from 'vitest';
import { seededWorld, standingClock } from '../../../src/lab/world.ts';
import {
  type Given,
  type Held,
  LIMITS,
  type Limits,
  type Outcome,
  rulesFor,
  type State,
} from '../../../src/protocols/http/state.ts';
import { type Heard, wire } from '../../../src/protocols/http/wire.ts';
import { Reader } from '../../../src/wire/fields.ts';
import { BY_SESSION } from './shop.ts';

function script(held: Held = BY_SESSION, limits: Partial<Limits> = {}, given: Given = {}) {
  const rules = rulesFor(held, given, { ...LIMITS, ...limits });
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
    world,
    /** Returns the status and what cookie was set; 0 while a password is looked at, which comes out as `password` says. */
    ask(method: string, target: string, { password, ...more }: Partial<Heard> & { password?: Outcome['is'] } = {}) {
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
      let [action] = actions;
      if (action && 'does' in action && action.does.is === 'check') {
        if (password === undefined) return { status: 0, cookie: '', slip: action.does.slip };
        const learnt = rules.learn?.(state, { is: password, slip: action.does.slip }, '127.0.0.1:1', world);
        carryOut(learnt?.events ?? []);
        [action] = learnt?.actions ?? [];
      }
      if (!action || !('does' in action) || action.does.is !== 'respond') throw new Error('it was not answered');
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

const login = { login: 'ann', password: 'right' } as const;
const wrong = { login: 'ann', password: 'wrong' } as const;
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
    ask('POST', '/login', { login: 'bob', password: 'wrong' });
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
  const { cookie } = ask('POST', '/login', { login: 'bob', password: 'right' });
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
  for (let user = 0; user < 5; user++) ask('POST', '/login', { login: `user ${user}`, password: 'wrong' });
  expect(state.tries.size).toBe(3);
});

test('after five wrong passwords no more are looked at, for a while; who was being tried meanwhile is refused as well', () => {
  const { ask, clock, rules, state, world } = script();
  const pending = ask('POST', '/login', { login: 'ann' });
  for (let tries = 0; tries < 5; tries++) expect(ask('POST', '/login', wrong).status).toBe(401);
  // A 0 would say that it is looked at.
  expect(ask('POST', '/login', { login: 'ann' }).status).toBe(429);
  const late = pending.slip && rules.learn?.(state, { is: 'right', slip: pending.slip }, '127.0.0.1:1', world);
  expect(late).toMatchObject({ events: [], actions: [{ does: { status: 429 } }] });
  expect(ask('POST', '/login', { login: 'bob', password: 'right' }).status).toBe(200);
  clock.pass(LIMITS.while);
  expect(ask('POST', '/login', { login: 'ann' }).status).toBe(0);
});

test('who says whose request it is counts for nothing, but for a balancer that is trusted', () => {
  const said = (value: string) => ({ headers: [['X-Forwarded-For', value]] as const, ...wrong });
  const known = (given: Given, ...values: string[]) => {
    const { ask, state } = script(BY_SESSION, {}, given);
    for (const value of values) ask('POST', '/login', said(value));
    return [...state.tries.keys()];
  };
  expect(known({}, '10.0.0.1')).toEqual(['127.0.0.1 ann']);
  expect(known({ trusts: new Set(['127.0.0.2']) }, '10.0.0.1')).toEqual(['127.0.0.1 ann']);
  const trusts = new Set(['127.0.0.1']);
  // The last one is what the balancer itself has seen; whatever stands before it, anybody may have written.
  expect(known({ trusts }, '10.0.0.1', '10.9.9.9, 10.0.0.2', '::1')).toEqual([
    '10.0.0.1 ann',
    '10.0.0.2 ann',
    '::1 ann',
  ]);
  expect(known({ trusts }, 'unknown', '', '10.0.0.1 bob', 'a'.repeat(46))).toEqual(['127.0.0.1 ann']);
});

test('the log tells what X-Forwarded-For is, and that nothing else says whose request it is', () => {
  const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n');
  const reader = new Reader(bytes, { annotate: true });
  const seen = new Map();
  const [lean] = wire.leans(wire.read(reader, 'client', 'tcp', seen), 'client', seen);
  const field = reader.fields?.find(({ id }) => id === lean?.field);
  expect(lean).toMatchObject({ op: 'carries', holder: 'packet', cite: 'RFC 7239 §7.4' });
  expect(field).toMatchObject({ show: '10.0.0.1', gloss: expect.stringContaining('a balancer saw') });
});

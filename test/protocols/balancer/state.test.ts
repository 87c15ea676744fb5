// The rules of the balancer as scripts: what is asked of whom, and what is remembered for it.

import { expect, test } from 'vitest';
import type { Policy } from '../../../src/protocols/balancer/rules/policies.ts';
import { wayTo } from '../../../src/protocols/balancer/rules/way.ts';
import {
  type Deed,
  type Event,
  HOUSE,
  type Outcome,
  rulesFor,
  type State,
} from '../../../src/protocols/balancer/state.ts';
import type { Message } from '../../../src/protocols/balancer/wire.ts';
import type { Decision } from '../../../src/protocols/shapes.ts';
import type { Header, HttpMessage, Response } from '../../../src/wire/http.ts';
import { KEY } from './house.ts';

const MEMBERS = ['1', '2', '3'].map((name) => ({ name, address: `127.0.0.1:800${name}`, draining: false }));

/** Plays the part of keeper and server: events are applied, deeds and answers are listed. */
function script(policy: Policy, members = MEMBERS) {
  const rules = rulesFor(policy, { members, key: KEY });
  const state = rules.empty();
  let now = 1_000_000;
  const world = { now: () => now, name: () => 'unused' };
  const carryOut = ({ events, actions }: Decision<Message, Event, Deed>) => {
    for (const event of events) {
      expect(JSON.parse(JSON.stringify(event))).toEqual(event);
      rules.apply(state, event);
    }
    const deeds = actions.flatMap((action) => ('does' in action ? [action.does] : []));
    const said = actions.flatMap((action) => ('say' in action ? [action.say as Response] : []));
    return { deeds, said, events };
  };
  const asked = (from: string, method = 'GET', headers: Header[] = []) => {
    const message: HttpMessage = {
      type: 'request',
      method,
      target: '/',
      version: '1.1',
      headers: [['Host', 'a'], ...headers],
      body: Buffer.alloc(0),
    };
    const { deeds, said } = carryOut(rules.decide(state, message, from, world));
    const [deed] = deeds;
    return { deed: deed?.is === 'forward' ? deed : undefined, said };
  };
  return {
    state,
    rules,
    asked,
    /** Who is asked, in order. */
    to: (from: string, method?: string, headers?: Header[]) =>
      asked(from, method, headers).deed?.to.map(({ name }) => name),
    learned: (outcome: Outcome, from = HOUSE) => carryOut(rules.learn?.(state, outcome, from, world) as never),
    passed(by: number) {
      now += by;
      return carryOut(rules.pass?.(state, world) as never);
    },
    sick: (...names: string[]) =>
      carryOut(rules.learn?.(state, { is: 'looked', well: [], sick: names }, HOUSE, world) as never),
    well: (...names: string[]) =>
      carryOut(rules.learn?.(state, { is: 'looked', well: names, sick: [] }, HOUSE, world) as never),
    facts: () => rules.facts(state),
  };
}

const A = '127.0.0.5:1000';
const B = '127.0.0.6:1000';

test.each<Policy>(['round-robin', 'cookie', 'address', 'hash'])(
  '%s: nobody is led to a sick server, nor to one that drains',
  (policy) => {
    const { to, sick, well, learned } = script(policy);
    const everyone = () => new Set(Array.from({ length: 60 }, (_none, nth) => to(`10.0.0.${nth}:1`)?.[0]));
    expect(everyone()).toEqual(new Set(['1', '2', '3']));
    sick('2');
    expect(everyone()).toEqual(new Set(['1', '3']));
    learned({
      is: 'looked',
      well: ['2'],
      sick: [],
      members: MEMBERS.map((member) => ({ ...member, draining: member.name === '3' })),
    });
    expect(everyone()).toEqual(new Set(['1', '2']));
    sick('1', '2');
    expect(everyone()).toEqual(new Set([undefined]));
    well('1');
    expect(everyone()).toEqual(new Set(['1']));
  },
);

test.each<Policy>(['round-robin', 'cookie', 'address', 'hash'])(
  '%s: what is safe may be asked of a second server, anything else of one',
  (policy) => {
    const { to } = script(policy);
    for (const method of ['GET', 'HEAD']) expect(to(A, method)).toHaveLength(2);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) expect(to(A, method)).toHaveLength(1);
  },
);

test('round robin remembers one number, and forgets it', () => {
  const { to, facts } = script('round-robin');
  expect(facts()).toEqual({});
  expect([to(A), to(A), to(B), to(A)].map((each) => each?.[0])).toEqual(['1', '2', '3', '1']);
  expect(facts()).toEqual({ turn: 'next in the list: number 2' });
});

test('a cookie is all that is needed: nothing is remembered of who carries it', () => {
  const { to, facts, state } = script('cookie');
  const carries = (name: string): Header[] => [['Cookie', `balancer=${wayTo(name, KEY)}`]];
  for (let times = 0; times < 5; times++) expect(to(A, 'POST', carries('3'))).toEqual(['3']);
  expect(facts()).toEqual({});
  expect(state.places.size).toBe(0);
  expect(to(A, 'POST', [['Cookie', `balancer=${wayTo('3', Buffer.alloc(16, 8))}`]])).toEqual(['1']);
});

test('an address keeps its place for an hour after its last request', () => {
  const { to, passed, facts } = script('address');
  expect([to(A), to(B), to(A)].map((each) => each?.[0])).toEqual(['1', '2', '1']);
  expect(facts()).toMatchObject({
    'client[127.0.0.5]': 'belongs to server 1',
    'client[127.0.0.6]': 'belongs to server 2',
  });
  for (let times = 0; times < 3; times++) {
    passed(2_000_000);
    expect(to(B)?.[0]).toBe('2');
  }
  expect(to(A)?.[0]).toBe('3');
});

test('an address is forgotten when its hour is over, not when the next one asks', () => {
  const { to, passed, facts, rules, state } = script('address');
  to(A);
  // The servers are being looked at, so nothing else is due.
  passed(0);
  expect(rules.due?.(state)).toBe(1_000_000 + 3_601_000);
  passed(3_600_999);
  expect(facts()).toHaveProperty('client[127.0.0.5]');
  expect(passed(1).deeds).toEqual([]);
  expect(facts()).not.toHaveProperty('client[127.0.0.5]');
  expect(rules.due?.(state)).toBeUndefined();
});

test('of ten thousand addresses the one that was silent longest makes room', () => {
  const { to, state, passed } = script('address');
  const address = (nth: number) => `10.${nth >> 16}.${(nth >> 8) & 255}.${nth & 255}`;
  for (let nth = 0; nth < 10_000; nth++) to(`${address(nth)}:1`);
  expect(state.places.size).toBe(10_000);
  passed(120_000);
  to(`${address(0)}:1`);
  to('11.0.0.1:1');
  expect(state.places.size).toBe(10_000);
  expect(state.places.has(address(0))).toBe(true);
  expect(state.places.has(address(1))).toBe(false);
  passed(4_000_000);
  to('11.0.0.2:1');
  expect([...state.places.keys()]).toEqual(['11.0.0.2']);
});

test('whose server failed belongs from then on to the one that answered', () => {
  const { asked, learned, to, facts } = script('address');
  const { deed } = asked(A);
  if (!deed) throw new Error('nobody was asked');
  expect(deed.to.map(({ name }) => name)).toEqual(['1', '2']);
  const answer = { status: 200, reason: 'OK', headers: [], body: '' };
  const { said } = learned({ is: 'answered', by: '2', failed: ['1'], ...answer, slip: deed.slip }, A);
  expect(said).toMatchObject([{ status: 200 }]);
  expect(facts()).toMatchObject({ 'client[127.0.0.5]': 'belongs to server 2', 'server[1]': 'sick' });
  expect(to(A)?.[0]).toBe('2');
});

test('a server is empty when all that it was asked has come to an end, whatever that was', () => {
  const { asked, learned, state } = script('round-robin');
  const slips = [A, B, A, A].map((from) => asked(from, 'POST').deed?.slip);
  const active = () => [...state.backends.values()].map((each) => each.active);
  expect(active()).toEqual([2, 1, 1]);
  const [one, two, three, four] = slips;
  if (!one || !two || !three || !four) throw new Error('nobody was asked');
  learned({ is: 'abandoned', slip: one }, A);
  learned({ is: 'failed', failed: ['2'], late: true, slip: two }, B);
  learned({ is: 'failed', failed: ['3'], late: false, slip: three }, B);
  expect(active()).toEqual([1, 0, 0]);
});

test('what was asked before a forget may be answered after it', () => {
  const { asked, rules } = script('cookie');
  const slip = asked(A).deed?.slip;
  if (!slip) throw new Error('nobody was asked');
  const other = script('cookie');
  const answer = { status: 200, reason: 'OK', headers: [], body: 'late' };
  const { said } = other.learned({ is: 'answered', by: '1', failed: [], ...answer, slip }, A);
  expect(said[0]?.body.toString()).toBe('late');
  expect([...other.state.backends.values()].map((each) => each.active)).toEqual([0, 0, 0]);
  expect(rules.facts(rules.empty())).toEqual({});
});

test('late is 504, failed is 502, and neither shows an address', () => {
  const { asked, learned } = script('round-robin');
  const [one, two] = [asked(A).deed?.slip, asked(A).deed?.slip];
  if (!one || !two) throw new Error('nobody was asked');
  const said = [
    ...learned({ is: 'failed', failed: ['1', '2'], late: true, slip: one }, A).said,
    ...learned({ is: 'failed', failed: ['2', '3'], late: false, slip: two }, A).said,
  ];
  expect(said.map(({ status }) => status)).toEqual([504, 502]);
  expect(said.map(({ body }) => body.toString()).join()).not.toMatch(/127\.0\.0\.1|800\d/);
});

test('the servers are looked at once a second, and never twice at a time', () => {
  const { passed, rules, state, well } = script('round-robin');
  expect(rules.due?.(state)).toBe(0);
  expect(passed(0).deeds).toMatchObject([{ is: 'look', at: MEMBERS.map(({ name }) => ({ name })) }]);
  expect(rules.due?.(state)).toBeUndefined();
  expect(passed(5_000).deeds).toEqual([]);
  well('1', '2', '3');
  expect(rules.due?.(state)).toBe(1_006_000);
  expect(passed(999).deeds).toEqual([]);
  expect(passed(1).deeds).toHaveLength(1);
});

test('a server of the same name at another address is another server', () => {
  const { learned, sick, state, facts } = script('round-robin');
  sick('1', '2');
  const members = [{ name: '1', address: '127.0.0.1:9001', draining: false }, ...MEMBERS.slice(1)];
  learned({ is: 'looked', well: [], sick: [], members });
  expect([...state.backends.values()].map(({ health }) => health)).toEqual(['well', 'sick', 'well']);
  expect(facts()).toEqual({ 'server[1]': 'joined since the start', 'server[2]': 'sick' });
});

test('an answer is no request', () => {
  const { rules, state } = script('round-robin');
  const answer: Response = {
    type: 'response',
    version: '1.1',
    status: 200,
    reason: 'OK',
    headers: [],
    body: Buffer.alloc(0),
  };
  const world = { now: () => 0, name: () => '' };
  expect(rules.decide(state as State, answer, A, world).actions).toMatchObject([
    { say: { status: 400 } },
    { hangUp: true },
  ]);
});

test('by hash a user is led by name, from any address and through any balancer; who names nobody, by address', () => {
  const [here, there] = [script('hash'), script('hash')];
  const named = (name: string): Header[] => [['X-User', name]];
  const users = Array.from({ length: 60 }, (_none, nth) => `user ${nth}`);
  const places = users.map((name) => here.to('10.0.0.1:1', 'GET', named(name)));
  expect(users.map((name, nth) => there.to(`10.0.${nth}.2:1`, 'POST', named(name))?.[0])).toEqual(
    places.map((place) => place?.[0]),
  );
  expect(new Set(places.map((place) => place?.[0])).size).toBe(3);
  const addresses = users.map((_name, nth) => `10.0.${nth}.1:1`);
  const unnamed = addresses.map((address) => here.to(address));
  expect(new Set(unnamed.map((place) => place?.[0])).size).toBe(3);
  expect(addresses.map((address) => there.to(address, 'GET', named('')))).toEqual(unnamed);
  // A name is no address, even if it looks like one.
  expect(addresses.map((address) => here.to('10.0.0.1:1', 'GET', named(address.split(':')[0] ?? '')))).not.toEqual(
    unnamed,
  );
});

test('by hash the users fall on the servers evenly, and when one joins no more than its share moves, all of them to it', () => {
  const users = Array.from({ length: 3_000 }, (_none, nth) => `user ${nth}`);
  const owners = (count: number) => {
    const { to } = script(
      'hash',
      [...MEMBERS, { name: '4', address: '127.0.0.1:8004', draining: false }].slice(0, count),
    );
    return users.map((name) => to('10.0.0.1:1', 'GET', [['X-User', name]])?.[0]);
  };
  const [before, after] = [owners(3), owners(4)];
  for (const [placed, count] of [
    [before, 3],
    [after, 4],
  ] as const) {
    const counts = new Map<string | undefined, number>();
    for (const owner of placed) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    expect(counts.size).toBe(count);
    for (const each of counts.values()) expect(Math.abs((each * count) / users.length - 1)).toBeLessThan(0.25);
  }
  const moved = after.filter((owner, nth) => owner !== before[nth]);
  expect(new Set(moved)).toEqual(new Set(['4']));
  expect(moved.length / users.length).toBeLessThan(1 / 4 + 0.05);
});

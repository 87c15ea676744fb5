// A shop whose store is a Redis that is killed and started again: who is told what meanwhile, and that it goes on by itself.

import { expect, onTestFinished, test } from 'vitest';
import { redisStream } from '../../../src/lab/journals/redis.ts';
import { Replica } from '../../../src/lab/replica.ts';
import { startStore } from '../../../src/lab/store.ts';
import { temporaryFolder } from '../../../src/lab/tidy.ts';
import { REAL_WORLD } from '../../../src/lab/world.ts';
import { serveFrom } from '../../../src/protocols/http/server.ts';
import {
  type Deed,
  type Event,
  type Held,
  type Outcome,
  rulesFor,
  type State,
} from '../../../src/protocols/http/state.ts';
import { type Message, wire } from '../../../src/protocols/http/wire.ts';
import { headerOf } from '../../../src/wire/http.ts';
import { needs } from '../../peers.ts';
import { ANN, BY_SESSION, guest, host, houseOf, jsonOf } from './shop.ts';

const HYBRID: Held = { identity: 'token', things: 'user', keys: 'lasting' };

async function store() {
  const folder = temporaryFolder();
  const redis = await startStore(folder.path);
  onTestFinished(async () => {
    await redis.stop();
    await folder.remove();
  });
  return redis;
}

async function shared(held: Held, { url }: { url: string }) {
  const keeper = await Replica.open<State, Message, Event, Deed, Outcome>({
    rules: rulesFor(held),
    wire,
    world: REAL_WORLD,
    transport: 'tcp',
    shared: redisStream({ url, name: 'http/test' }),
    who: 'http/1',
    wake: () => {},
  });
  const server = await serveFrom(await houseOf())(keeper, { host, port: 0 });
  onTestFinished(async () => {
    await server.close();
    await keeper.close();
  });
  return server;
}

test('one user, two instances: what one has heard, the other knows', async (context) => {
  needs(context, 'redis-server');
  const redis = await store();
  const [first, second] = [await shared(BY_SESSION, redis), await shared(BY_SESSION, redis)];
  const jar = {};
  const there = await guest(first, jar);
  expect((await there.ask('POST', '/login', ANN)).status).toBe(200);
  await there.ask('PUT', '/cart/lamp', { json: { count: 2 } });
  expect(jsonOf(await (await guest(second, jar)).ask('GET', '/cart'))).toEqual({ cart: [{ item: 'lamp', count: 2 }] });
});

test('the store killed: 503 on standing connections too, and at once when it is known; it goes on by itself', async (context) => {
  needs(context, 'redis-server');
  const redis = await store();
  const server = await shared(BY_SESSION, redis);
  const jar = {};
  const ann = await guest(server, jar);
  await ann.ask('POST', '/login', ANN);
  await redis.kill();
  const begun = performance.now();
  const refused = await ann.ask('GET', '/profile');
  expect([refused.status, headerOf(refused, 'retry-after'), headerOf(refused, 'connection')]).toEqual([
    503,
    '1',
    'close',
  ]);
  expect(performance.now() - begun).toBeLessThan(10_000);
  // From now on nobody waits: it would take two seconds for each of these.
  for (let times = 0; times < 10; times++)
    expect((await (await guest(server, jar)).ask('GET', '/profile')).status).toBe(503);
  expect(performance.now() - begun).toBeLessThan(15_000);
  await redis.restart();
  for (;;) {
    const { status } = await (await guest(server, jar)).ask('GET', '/profile');
    // Without an append-only file Redis comes back empty, and the session with it: what counts is that somebody answers.
    if (status !== 503) {
      expect([200, 401]).toContain(status);
      break;
    }
  }
});

test('hybrid: with the store away it is still known who is asking, on the same connection, and the cart is 503', async (context) => {
  needs(context, 'redis-server');
  const redis = await store();
  const server = await shared(HYBRID, redis);
  const jar = {};
  const ann = await guest(server, jar);
  await ann.ask('POST', '/login', ANN);
  await ann.ask('PUT', '/cart/lamp', { json: { count: 2 } });
  await redis.kill();
  expect(jsonOf(await ann.ask('GET', '/profile'))).toEqual({ user: 'ann' });
  expect((await ann.ask('GET', '/cart')).status).toBe(503);
  expect((await (await guest(server, jar)).ask('GET', '/profile')).status).toBe(200);
});

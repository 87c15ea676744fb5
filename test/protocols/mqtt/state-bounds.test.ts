// What is made of the state to look things up faster has a bound too, whoever subscribes to whatever.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { seededWorld } from '../../../src/lab/world.ts';
import { rulesFor } from '../../../src/protocols/mqtt/state.ts';
import type { Message } from '../../../src/protocols/mqtt/wire.ts';
import { connect, publish, subscribe } from './broker.ts';

test('a thousand sleepers who want everything, and five thousand topics: no table of all of them for each', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const used = () => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  const rules = rulesFor();
  const state = rules.empty();
  const world = seededWorld(1, 'test');
  const hears = (from: string, message: Message) => {
    for (const event of rules.decide(state, message, from, world).events) rules.apply(state, event);
  };
  for (let nth = 0; nth < 1000; nth++) {
    const path = `127.0.0.1:${10_000 + nth}`;
    hears(path, connect(`sleeper ${nth}`, { clean: false }));
    hears(path, subscribe('#', 1));
    hears(path, { version: 4, type: 'DISCONNECT' });
  }
  hears('127.0.0.1:9', connect('sender'));
  const before = used();
  for (let nth = 0; nth < 5000; nth++) hears('127.0.0.1:9', publish(`topic/${nth}`, 'x', 0));
  expect((used() - before) >> 20).toBeLessThan(64);
});

test('sixty full letter boxes are not sixty times five megabytes: there is a bound on all of them together', () => {
  const rules = rulesFor();
  const state = rules.empty();
  const world = seededWorld(1, 'test');
  const hears = (from: string, message: Message) => {
    for (const event of rules.decide(state, message, from, world).events) rules.apply(state, event);
  };
  hears('127.0.0.1:9', connect('sender'));
  for (let nth = 0; nth < 60; nth++) {
    const path = `127.0.0.1:${10_000 + nth}`;
    hears(path, connect(`sleeper ${nth}`, { clean: false }));
    hears(path, subscribe(`own/${nth}`, 1));
    hears(path, { version: 4, type: 'DISCONNECT' });
    for (let letter = 0; letter < 24; letter++) hears('127.0.0.1:9', publish(`own/${nth}`, Buffer.alloc(200_000), 1));
  }
  const waiting = [...state.sessions.values()].reduce((sum, { queued }) => sum + queued, 0);
  expect(waiting >> 20).toBeLessThanOrEqual(128);

  // Whoever goes for good makes room for others.
  for (let nth = 0; nth < 60; nth++) hears(`127.0.0.1:${20_000 + nth}`, connect(`sleeper ${nth}`));
  hears('127.0.0.1:8', connect('another', { clean: false }));
  hears('127.0.0.1:8', subscribe('another', 1));
  hears('127.0.0.1:8', { version: 4, type: 'DISCONNECT' });
  for (let letter = 0; letter < 24; letter++) hears('127.0.0.1:9', publish('another', Buffer.alloc(200_000), 1));
  expect(state.sessions.get('another')).toMatchObject({ dropped: 0, queue: { length: 24 } });
});

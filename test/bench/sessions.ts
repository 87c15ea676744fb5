// Opens a million sessions by the rules alone, and prints how many and how many bytes of heap each of them takes.

import { REAL_WORLD } from '../../src/lab/world.ts';
import { rulesFor } from '../../src/protocols/tcp-session/state.ts';

const SESSIONS = 1_000_000;

const rules = rulesFor('token', { sessions: SESSIONS, ttl: 3600 });
const state = rules.empty();
const collect = (globalThis as { gc?: () => void }).gc;
if (!collect) throw new Error('start this with --expose-gc');

collect();
const before = process.memoryUsage().heapUsed;
for (let i = 0; i < SESSIONS; i++) {
  const path = `127.0.0.1:${i}`;
  for (const event of rules.decide(state, { type: 'OPEN', seq: i * 7919 }, path, REAL_WORLD).events)
    rules.apply(state, event);
  // The client goes away; its session stays. An idle session is one that no connection speaks for.
  for (const event of rules.part?.(state, path, REAL_WORLD).events ?? []) rules.apply(state, event);
}
collect();
process.stdout.write(`${state.sessions.size} ${(process.memoryUsage().heapUsed - before) / SESSIONS}\n`);

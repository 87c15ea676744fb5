// What the rules of MQTT need by themselves, without sockets, in a process of its own (started with --expose-gc):
//
//     sessions COUNT                 opens sleeping sessions with one subscription each; prints bytes of heap and of all memory of each
//     fill FOLDER SESSIONS MESSAGES  writes the journal of a broker that was killed with them; prints its length in bytes
//     fold FOLDER                    recovers from such a journal; prints milliseconds and how many sessions are there
//     match                          prints nanoseconds a match: subscriptions, levels of the topic, nanoseconds

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { diskJournal } from '../../src/lab/journals/disk.ts';
import { REAL_WORLD } from '../../src/lab/world.ts';
import { type Event, rulesFor } from '../../src/protocols/mqtt/state.ts';
import type { Filter, Message } from '../../src/protocols/mqtt/wire.ts';

const [task, ...given] = process.argv.slice(2);
const rules = rulesFor({ limits: { sessions: 2_000_000, subscriptions: 200_000, queuesBytes: 2 ** 31 } });
const state = rules.empty();
let written: Event[] = [];
let keep = false;

function hear(path: string, message: Message): void {
  for (const event of rules.decide(state, message, path, REAL_WORLD).events) take(event);
}

function part(path: string): void {
  for (const event of rules.part?.(state, path, REAL_WORLD).events ?? []) take(event);
}

function take(event: Event): void {
  rules.apply(state, event);
  if (keep && rules.lasting(event)) written.push(event);
}

const connect = (client: string): Message => ({
  ...{ version: 4, type: 'CONNECT', clean: false, keepAlive: 0, client, properties: {} },
});
const subscribe = (filters: string[]): Message => ({
  ...{ version: 4, type: 'SUBSCRIBE', id: 1, properties: {} },
  filters: filters.map(
    (filter): Filter => ({
      ...{ filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    }),
  ),
});
const publish = (topic: string, id: number, qos: 0 | 1): Message => ({
  ...{ version: 4, type: 'PUBLISH', dup: false, qos, retain: false, topic, id, properties: {} },
  payload: Buffer.alloc(64, 0x61),
});

/** A client that came once, subscribed, and sleeps. */
function sleeper(nth: number): void {
  const path = `127.0.0.1:${nth}`;
  hear(path, connect(`sleeper-${nth}`));
  hear(path, subscribe([`house/${nth}/letters`]));
  part(path);
}

function collected(): { heap: number; all: number } {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (!collect) throw new Error('start this with --expose-gc');
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, all: rss };
}

if (task === 'sessions') {
  const count = Number(given[0]);
  const before = collected();
  for (let nth = 0; nth < count; nth++) sleeper(nth);
  const after = collected();
  if (state.sessions.size !== count) throw new Error(`${state.sessions.size} sessions are there, not ${count}`);
  process.stdout.write(`${(after.heap - before.heap) / count} ${(after.all - before.all) / count}\n`);
} else if (task === 'fill') {
  const [folder = '', sessions, messages] = given;
  const journal = await diskJournal<typeof state, Event>({ folder });
  await journal.recover(rules.empty(), rules.apply);
  keep = true;
  const writeDown = async (most: number) => {
    if (written.length <= most) return;
    if (journal.long) await journal.snapshot(rules.outlives?.(state) ?? state);
    else await journal.append(written);
    written = [];
  };
  for (let nth = 0; nth < Number(sessions); nth++) {
    sleeper(nth);
    await writeDown(1000);
  }
  hear('127.0.0.1:1', connect('postman'));
  for (let nth = 0; nth < Number(messages); nth++) {
    hear('127.0.0.1:1', publish(`house/${nth % Number(sessions)}/letters`, 1 + (nth % 65_535), 1));
    await writeDown(1000);
  }
  await writeDown(0);
  await journal.close();
  process.stdout.write(`${statSync(join(folder, 'journal')).size}\n`);
} else if (task === 'fold') {
  const journal = await diskJournal<typeof state, Event>({ folder: given[0] ?? '' });
  const begun = performance.now();
  const recovered = await journal.recover(rules.empty(), rules.apply);
  const took = performance.now() - begun;
  await journal.close();
  process.stdout.write(`${took} ${recovered.state.sessions.size}\n`);
} else {
  const lines: string[] = [];
  let subscribed = 0;
  const depths = [2, 4, 8, 16];
  const clients = 1000;
  for (let nth = 0; nth < clients; nth++) hear(`127.0.0.1:${nth}`, connect(`c${nth}`));
  // So that the first figures are not those of code that nobody has run yet.
  for (const depth of depths) matching(depth, 0);
  for (const most of [1_000, 10_000, 100_000]) {
    for (; subscribed < most; subscribed++)
      hear(`127.0.0.1:${subscribed % clients}`, subscribe([filterOf(subscribed)]));
    for (const depth of depths) lines.push(`${most} ${depth} ${matching(depth, most).toFixed(0)}`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Every shape of wildcard, in trees that share their first levels; topics as {@link matching} asks for match few of them. */
function filterOf(nth: number): string {
  const depth = [2, 4, 8, 16][nth % 4] as number;
  const levels = Array.from({ length: depth - 1 }, (_none, level) => (level === 0 ? `s${nth % 100}` : `l${level}`));
  const kind = (nth >> 2) % 4;
  if (kind === 1) levels[levels.length >> 1] = '+';
  const last = kind === 2 ? '#' : kind === 3 ? `+/n${nth}` : `n${nth}`;
  return [...levels, last].join('/');
}

/** Nanoseconds of processor time that deciding on a PUBLISH takes, each with a topic that nobody has used before. */
function matching(depth: number, seed: number): number {
  const messages = Array.from({ length: 20_000 }, (_none, nth) => {
    const levels = Array.from({ length: depth - 1 }, (_nothing, level) =>
      level === 0 ? `s${nth % 100}` : `l${level}`,
    );
    return publish([...levels, `t${seed}-${depth}-${nth}`].join('/'), 0, 0);
  });
  const begun = process.cpuUsage();
  for (const message of messages)
    for (const event of rules.decide(state, message, '127.0.0.1:0', REAL_WORLD).events) rules.apply(state, event);
  const { user, system } = process.cpuUsage(begun);
  return ((user + system) * 1000) / messages.length;
}

// MQTT: ours beside aedes, with and without Level, and beside mosquitto, under the same load. What a rate is worth is said by
// what each of them promises: mosquitto and bare aedes lose everything on a kill.

import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { discardHost, startHost } from '../../src/lab/lives.ts';
import { aedes, type Broker, mosquitto, ours } from '../brokers.ts';
import { missing } from '../peers.ts';
import { bare, type Contender, cpuOf } from './contenders.ts';
import type { Load, Told } from './mqtt-load.ts';
import { median, type Outcome, promised, rounds, say, spread } from './rounds.ts';

/** Rounds, and how long each contender is under load in one of them, in milliseconds. */
const ROUNDS = 7;
const TIME = 400;

const [MEMORY, OS, DEVICE] = ['mqtt/memory', 'mqtt/disk --sync os', 'mqtt/disk --sync device'] as const;
const [AEDES, LEVEL] = ['aedes', 'aedes-level'] as const;
const MOSQUITTO = 'mosquitto';
const BARE = 'bare net, remembers nothing';

export async function mqtt(folder: string): Promise<boolean[]> {
  return [...(await rates(folder)), ...(await matching()), ...(await memory()), ...(await comingBack(folder))];
}

async function rates(folder: string): Promise<boolean[]> {
  const at = (name: string) => join(folder, name);
  const named = (name: string, broker: Broker) => ({ ...broker, name });
  const contenders: Contender[] = [
    named(MEMORY, await ours({ design: 'memory', folder: at('memory') })),
    named(OS, await ours({ design: 'disk', folder: at('os'), sync: 'os' })),
    named(DEVICE, await ours({ design: 'disk', folder: at('device'), sync: 'device' })),
    named(AEDES, await aedes('aedes')),
    named(LEVEL, await aedes('aedes-level', { where: at('level') })),
    await bare(BARE, 'mqtt'),
  ];
  const others = [await mosquitto(at('mosquitto')), await mosquitto(at('keeping'), { persistent: true })];
  contenders.push(...others.filter((other) => other !== undefined));
  if (!others[0]) say(`\nmqtt: ${missing('mosquitto')}`);
  const load = await generator();
  const kept: boolean[] = [];

  /** What Node's sockets leave room for where each packet is a write: nothing is promised of it. */
  function compare(outcomes: readonly Outcome[]): void {
    const ratios = ratiosOf(outcomes, BARE, MOSQUITTO);
    if (ratios) say(`  for comparison: ${BARE} / ${MOSQUITTO}: ${spread(ratios)}`);
  }

  /** One kind of load on those it says something about. */
  async function race(title: string, of: Omit<Load, 'port' | 'time'>, who: readonly string[]) {
    const outcomes = await rounds(
      `mqtt: ${title}, ${TIME} ms a turn`,
      contenders.filter(({ name }) => who.includes(name)),
      ({ name, port }) => load.run({ ...of, port, time: TIME, loses: name === LEVEL }),
      ROUNDS,
      true,
    );
    compare(outcomes);
    return (name: string, other: string, least: number) => {
      const ratios = ratiosOf(outcomes, name, other);
      if (ratios) kept.push(promised(`${title}: ${name} / ${other} ${spread(ratios)}`, median(ratios), { least }));
    };
  }

  try {
    const all = contenders.map(({ name }) => name);
    for (const subscribers of [1, 100]) {
      const title = `QoS 0, 200 in flight, 1→${subscribers}`;
      const hold = await race(title, { publishers: 1, subscribers, qos: 0, inFlight: 200 }, [
        MEMORY,
        OS,
        AEDES,
        MOSQUITTO,
      ]);
      hold(MEMORY, AEDES, 5);
      hold(MEMORY, MOSQUITTO, 5);
    }
    for (const subscribers of [1, 100]) {
      const title = `QoS 1 to persistent sessions, 50 in flight, 1→${subscribers}`;
      const hold = await race(title, { publishers: 1, subscribers, qos: 1, inFlight: 50 }, all);
      hold(OS, MOSQUITTO, 5);
      hold(OS, LEVEL, 50);
      hold(DEVICE, MEMORY, 0.3);
    }
    const hundred = { publishers: 100, subscribers: 1, qos: 1, inFlight: 1 } as const;
    const some = [MEMORY, OS, DEVICE, AEDES, MOSQUITTO, BARE];
    (await race('QoS 1, 100 publishers, one in flight each', hundred, some))(OS, MOSQUITTO, 1.1);
    const one = { publishers: 1, subscribers: 1, qos: 1, inFlight: 1 } as const;
    (await race('QoS 1, one publisher, one in flight', one, some))(OS, MOSQUITTO, 0.9);
  } finally {
    load.end();
    for (const each of contenders) await each.stop();
  }
  return kept;
}

function ratiosOf(outcomes: readonly Outcome[], name: string, other: string): number[] | undefined {
  const [one, two] = [name, other].map((each) => outcomes.find((outcome) => outcome.name === each));
  return one && two && one.rates.map((rate, round) => rate / (two.rates[round] ?? Number.NaN));
}

/** The load, in a process of its own: one for all, warm for everybody after the first rounds. */
export async function generator(): Promise<{ pid: number; run(load: Load): Promise<number>; end(): void }> {
  const path = fileURLToPath(new URL('./mqtt-load.ts', import.meta.url));
  const child = fork(path, { execArgv: process.execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await once(child, 'message');
  return {
    pid: child.pid ?? 0,
    async run(load) {
      child.send(load);
      const [told] = (await once(child, 'message')) as [Told];
      if ('error' in told) throw new Error(`${told.error} (port ${load.port})`);
      return told.rate;
    },
    end: () => child.disconnect(),
  };
}

/** What the rules print of a task of theirs. */
async function byRules(...task: string[]): Promise<number[][]> {
  const script = fileURLToPath(new URL('./mqtt-rules.ts', import.meta.url));
  const flags = ['--expose-gc', '--max-old-space-size=8192', ...process.execArgv];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script, ...task]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
}

async function matching(): Promise<boolean[]> {
  const measured = await byRules('match');
  const of = (count: number, depth: number) => measured.find(([n, d]) => n === count && d === depth)?.[2] ?? Number.NaN;
  const counts = [...new Set(measured.map(([count = 0]) => count))];
  const depths = [...new Set(measured.map(([, depth = 0]) => depth))];
  say('\nmqtt: deciding on a PUBLISH with a topic that nobody used before, thousands a second');
  say(`  ${'subscriptions'.padEnd(16)}${depths.map((depth) => `${depth} levels`.padStart(12)).join('')}`);
  for (const count of counts) {
    const cells = depths.map((depth) => (1e6 / of(count, depth)).toFixed(0).padStart(12));
    say(`  ${count.toLocaleString('en').padEnd(16)}${cells.join('')}`);
  }
  const few = counts[0] ?? 0;
  const growth = depths.map((depth) => of(100_000, depth) / of(few, depth));
  return [
    promised(
      `time of a match, 100,000 subscriptions / ${few.toLocaleString('en')} (linear would be 100)`,
      median(growth),
      {
        most: 3,
      },
    ),
  ];
}

async function memory(): Promise<boolean[]> {
  const [[heap = Number.NaN, all = Number.NaN] = []] = await byRules('sessions', '100000');
  say('\nmqtt: memory of 100,000 sleeping sessions with one subscription each');
  say(`  ${all.toFixed(0)} bytes of the process each, ${heap.toFixed(0)} of its heap and buffers`);
  return [promised('bytes per sleeping session', heap, { most: 1024 })];
}

/** How long a broker needs from its start until it listens, and how much of that it is at work itself, in milliseconds. */
async function fromKillToListening(folder: string): Promise<{ took: number; cpu: number }> {
  const begun = performance.now();
  const host = startHost();
  try {
    const broker = await ours({ design: 'disk', folder, host });
    const took = performance.now() - begun;
    const cpu = cpuOf(broker.pid);
    await broker.kill();
    return { took, cpu };
  } finally {
    await discardHost(host);
  }
}

async function comingBack(folder: string): Promise<boolean[]> {
  const times = async (where: string, count: number) => {
    const all: { took: number; cpu: number }[] = [];
    for (let round = 0; round < count; round++) all.push(await fromKillToListening(join(folder, where)));
    return { took: all.map(({ took }) => took), cpu: median(all.map(({ cpu }) => cpu)) };
  };
  const empty = await times('empty', 5);
  say(`\nmqtt: from start to listening after a kill; an empty broker needs ${spread(empty.took, 0)} ms`);
  const kept: boolean[] = [];
  for (const [sessions, most, count] of [
    [10_000, 500, 5],
    [100_000, undefined, 2],
  ] as const) {
    const where = `back-${sessions}`;
    const [[bytes = 0] = []] = await byRules('fill', join(folder, where), `${sessions}`, `${2 * sessions}`);
    const what = `${sessions.toLocaleString('en')} sessions and ${(2 * sessions).toLocaleString('en')} queued messages`;
    const full = await times(where, count).catch((error: Error) => error);
    if (full instanceof Error) {
      say(`  ${what}: not back (${full.message})`);
      continue;
    }
    const more = median(full.took) - median(empty.took);
    const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`;
    say(
      `  ${what}: ${seconds(median(full.took))} in all, ${seconds(more)} more than an empty one (${seconds(full.cpu - empty.cpu)} of processor time); ${(bytes / 2 ** 20).toFixed(0)} MiB of journal`,
    );
    if (most !== undefined) kept.push(promised(`${what} back, ms more than an empty one`, more, { most }));
  }
  // A broker keeps no more than 100,000 sessions: this is its journal and its rules, with other limits.
  const many = join(folder, 'many');
  await byRules('fill', many, '1000000', '2000000');
  const [[took = Number.NaN, count = Number.NaN] = []] = await byRules('fold', many);
  say(
    `  ${count.toLocaleString('en')} sessions and 2,000,000 queued messages, by the rules alone: ${(took / 1000).toFixed(2)} s`,
  );
  return kept;
}

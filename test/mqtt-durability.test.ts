// The promises of mqtt/disk and mqtt/redis, and proof that the checker would notice if they were broken.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { startHost } from '../src/lab/lives.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { dice } from '../src/lab/world.ts';
import { type Broker, ours, redis } from './brokers.ts';
import {
  type Contestant,
  contestant,
  type DesignName,
  durability,
  History,
  type House,
  type Publisher,
  promised,
  publisher,
  subscriber,
  textOf,
} from './mqtt-durability.ts';
import { codeOf, dial, hello } from './mqtt-line.ts';
import { needs } from './peers.ts';
import { littleBroker } from './wrong/broker.ts';

const SOUND = { lost: 0, phantom: 0, twice: 0, disorder: 0, forgotten: 0, unanswered: 0 };

// ------------------------------------------------------------------------------------------- the checker, on histories made by hand

/** One publisher, one subscriber, and messages 1, 2 and 3 of which the first two were acknowledged. */
function three(qos: 1 | 2 = 2): History {
  const history = new History();
  history.subscribes('s', 2);
  for (const seq of [1, 2, 3]) history.attempted('p', 't', seq, qos);
  for (const seq of [1, 2]) history.acknowledged(textOf('p', 't', seq));
  return history;
}

const hear = (history: History, ...seqs: number[]) => {
  for (const seq of seqs) history.delivered('s', 't', textOf('p', 't', seq));
  return history.verdict();
};

describe('histories made by hand', () => {
  test('everything acknowledged came, and what was not acknowledged may come or not', () => {
    for (const seqs of [
      [1, 2],
      [1, 2, 3],
    ]) {
      const { attempted, acknowledged, owed, again, ...found } = hear(three(), ...seqs);
      expect({ attempted, acknowledged, owed, again }).toEqual({ attempted: 3, acknowledged: 2, owed: 2, again: 0 });
      expect(found).toEqual({ lost: 0, phantom: 0, twice: 0, disorder: 0, forgotten: 0 });
    }
  });

  test('acknowledged and never seen is lost, once for each subscriber', () => {
    const history = three();
    history.subscribes('other', 1);
    expect(hear(history, 1)).toMatchObject({ owed: 4, lost: 3 });
    expect(history.complete('s')).toBe(false);
    expect(hear(history, 2)).toMatchObject({ lost: 2 });
    expect(history.complete('s')).toBe(true);
  });

  test('seen and never attempted is a phantom: another text, another topic, damage', () => {
    const history = three();
    history.delivered('s', 't', textOf('p', 't', 4));
    history.delivered('s', 'elsewhere', textOf('p', 't', 1));
    history.delivered('s', 't', textOf('p', 't', 1).slice(0, -1));
    expect(history.verdict()).toMatchObject({ phantom: 3, lost: 2 });
  });

  test('more than once is wrong where all of the way is QoS 2, and counted where it is not', () => {
    expect(hear(three(2), 1, 2, 1)).toMatchObject({ twice: 1, again: 0 });
    expect(hear(three(1), 1, 2, 1, 1)).toMatchObject({ twice: 0, again: 2 });
    const history = three(2);
    history.subscribes('careless', 1);
    for (const seq of [1, 1]) history.delivered('careless', 't', textOf('p', 't', seq));
    expect(history.verdict()).toMatchObject({ twice: 0, again: 1 });
  });

  test('order is that of first deliveries, for each publisher and topic', () => {
    expect(hear(three(), 1, 3, 2)).toMatchObject({ disorder: 1 });
    expect(hear(three(1), 1, 2, 1, 3)).toMatchObject({ disorder: 0 });
    const history = three();
    history.attempted('p', 'another', 1, 2);
    history.attempted('q', 't', 1, 2);
    hear(history, 1, 2, 3);
    history.delivered('s', 'another', textOf('p', 'another', 1));
    history.delivered('s', 't', textOf('q', 't', 1));
    expect(history.verdict()).toMatchObject({ disorder: 0, lost: 0 });
  });

  test('whom the broker no longer knows is forgotten, once', () => {
    const history = three();
    for (const who of ['s', 's', 'p', 'p']) history.forgot(who);
    expect(history.verdict()).toMatchObject({ forgotten: 2 });
  });

  test('an acknowledgement of something nobody attempted is a fault of the checker', () => {
    expect(() => three().acknowledged(textOf('p', 't', 9))).toThrow('never attempted');
  });
});

// ------------------------------------------------------------------------------------------- the checker, on brokers that are wrong

const little = (fault?: Parameters<typeof littleBroker>[0]) =>
  durability({ contestant: littleBroker(fault), kills: 3, seed: 7 });

describe('brokers made to be wrong', () => {
  test('a right one is found right', async () => {
    const toll = await little();
    expect(toll).toMatchObject({ ...SOUND, kills: 3 });
    expect(toll.acknowledged).toBeGreaterThan(100);
    expect(toll.owed).toBe(4 * toll.acknowledged);
  });

  test('who sleeps has room for all of a night, with what is sent again after each kill', async () => {
    // All four publishers have 64 in flight at each death; a session of ours holds a thousand letters.
    const contestant = littleBroker(undefined, { queue: 1000, dies: 256 });
    const toll = await durability({ contestant, kills: 4, seed: 7 });
    expect(toll.again).toBeGreaterThan(500);
    expect(toll.lost).toBe(0);
  });

  test.each([
    ['drops', 'lost'],
    ['invents', 'phantom'],
    ['doubles', 'twice'],
    ['swaps', 'disorder'],
    ['forgets', 'forgotten'],
    ['unsubscribes', 'forgotten'],
    ['keepsQuiet', 'unanswered'],
  ] as const)('one that %s is found by what is %s', async (fault, found) => {
    expect((await little(fault))[found]).toBeGreaterThan(0);
  });
});

// ------------------------------------------------------------------------------------------- the designs

async function designed(context: TestContext, design: DesignName): Promise<Contestant> {
  return (await contestant(design)) ?? context.skip(needs(context, 'redis-server'));
}

describe('kills at random protocol events', () => {
  for (const [design, kills] of [
    ['disk', 6],
    ['redis', 4],
  ] as const) {
    test(`${design}: nothing acknowledged is lost, nothing comes twice or out of order, nobody is forgotten`, async (context) => {
      const toll = await durability({ contestant: await designed(context, design), kills, seed: 7 });
      expect(toll.missing).toEqual([]);
      expect(toll).toMatchObject({ ...SOUND, kills });
      // Most deaths came where they were meant to.
      expect(toll.late).toBeLessThan(kills / 2);
      // The check fails on silence.
      expect(toll.owed).toBeGreaterThan(1000);
    });
  }

  for (const [design, kills] of [
    ['memory', 1],
    ['aedes', 1],
    ['aedes-level', 3],
    ['aedes-redis', 2],
  ] as const) {
    test(`${design}: the checker finds what its kills took`, async (context) => {
      let lost = 0;
      // Some of them lose little, and not at every kill.
      for (let seed = 7; lost === 0 && seed < 12; seed++)
        ({ lost } = await durability({ contestant: await designed(context, design), kills, seed }));
      expect(lost).toBeGreaterThan(0);
    });
  }
});

// ------------------------------------------------------------------------------------------- other ends, under load

/** Four publishers with 64 in flight each, one subscriber that is awake, and all that they say and hear. */
async function underLoad(port: () => number) {
  // Fewer than wait for one client at most: what is dropped from a full queue is not lost by accident.
  const most = 800;
  const history = new History();
  let acknowledged = 0;
  const count = history.acknowledged.bind(history);
  history.acknowledged = (text) => {
    acknowledged++;
    count(text);
  };
  let said = 0;
  /** Whoever finds nobody there asks again soon. */
  const house: House = { port, born: () => pause(50), saw: () => {} };
  const roll = dice(1);
  const awake = subscriber(house, history, { name: 'awake', qos: 2, version: 5, filter: 'load/+' });
  await awake.ready;
  const publishers = ([1, 2] as const).flatMap((qos) =>
    ([4, 5] as const).map((version): Publisher => {
      const topics = ['load/1', 'load/2'];
      const name = `p${qos}-${version}`;
      return publisher(house, history, {
        name,
        qos,
        resending: true,
        version,
        topics,
        more: () => ++said <= most,
        roll,
      });
    }),
  );
  const leave = async () => {
    await Promise.all([...publishers, awake].map((each) => each.leave()));
  };
  onTestFinished(leave);
  return {
    history,
    acknowledged: () => acknowledged,
    /** Resolves when at least so many have been acknowledged. */
    async reaches(number: number) {
      while (acknowledged < number) await pause(5);
    },
    /** Everything said is acknowledged and has come. */
    async landed() {
      while (said < most) await pause(5);
      await Promise.all(publishers.map((each) => each.rest()));
      while (!history.complete('awake')) await pause(5);
      return history.verdict();
    },
    leave,
  };
}

const QUIET = { lost: 0, phantom: 0, twice: 0, disorder: 0, forgotten: 0 };

/** A folder that goes when the test is over, after what uses it. */
function folder(): string {
  const { path, remove } = temporaryFolder();
  onTestFinished(remove);
  return path;
}

/** CONNECT, and what the broker says to it: a code, or `silence` after so many milliseconds, or `nobody`. */
async function greeting(port: number, patience: number): Promise<number | 'silence' | 'nobody'> {
  const said = promised();
  let code: number | undefined;
  const line = await dial(port, 5, (packet) => {
    if (packet.cmd === 'connack') code = codeOf(packet);
    said.resolve();
  });
  if (!line) return 'nobody';
  line.write(hello(`greeter-${performance.now()}`, 5, true));
  await Promise.race([said.promise, line.gone, pause(patience)]);
  line.cut();
  return code ?? 'silence';
}

describe('other ends', () => {
  test('a broker frozen for three seconds has lost nothing when it goes on', async () => {
    const broker = await ours({ design: 'disk', folder: join(folder(), 'state') });
    onTestFinished(() => broker.stop());
    const load = await underLoad(() => broker.port);
    await load.reaches(200);
    broker.signal('SIGSTOP');
    await pause(3000);
    broker.signal('SIGCONT');
    expect(await load.landed()).toMatchObject({ ...QUIET, attempted: 800, acknowledged: 800 });
  });

  test('a second broker on the same folder is turned away in words, and the first one does not notice', async () => {
    const state = join(folder(), 'state');
    const broker = await ours({ design: 'disk', folder: state });
    onTestFinished(() => broker.stop());
    const load = await underLoad(() => broker.port);
    await load.reaches(100);
    await expect(ours({ design: 'disk', folder: state, who: 'broker/2' })).rejects.toThrow(/is in use by/);
    expect(await load.landed()).toMatchObject({ ...QUIET, acknowledged: 800 });
  });

  test('a full disk: nothing is acknowledged that is not there, the broker says why and ends, and goes on when there is room', async (context) => {
    const state = join(folder(), 'state');
    const host = startHost();
    // A limit on the length of its files is a full disk that needs no administrator.
    await promisify(execFile)(needs(context, 'prlimit'), [`--pid=${host.child.pid}`, `--fsize=${64 * 1024}`]);
    let broker: Broker = await ours({ design: 'disk', folder: state, host });
    let { port } = broker;
    onTestFinished(() => broker.stop());
    const load = await underLoad(() => port);
    await broker.died;
    const [before, reason] = [load.acknowledged(), await broker.lastWords()];
    expect(reason).toMatch(/cannot be written .*make room/);
    expect(before).toBeGreaterThan(0);
    broker = await ours({ design: 'disk', folder: state, port });
    port = broker.port;
    expect(await load.landed()).toMatchObject({ ...QUIET, acknowledged: 800 });
  });

  test('Redis frozen and killed under load: no acknowledgement without its answer, and all goes on when it is back', async (context) => {
    const where = folder();
    let store = (await redis(join(where, 'redis'), { lasting: true })) ?? context.skip(needs(context, 'redis-server'));
    const broker = await ours({
      design: 'redis',
      folder: join(where, 'state'),
      store: `redis://127.0.0.1:${store.port}`,
    });
    onTestFinished(async () => {
      await broker.stop();
      await store.stop();
    });
    const load = await underLoad(() => broker.port);
    await load.reaches(200);
    store.signal('SIGSTOP');
    // What Redis had answered already is on its way; without its answer nothing follows, or all would.
    let before = -1;
    while (load.acknowledged() !== before) {
      before = load.acknowledged();
      await pause(700);
    }
    expect(before).toBeLessThan(800);

    await store.kill();
    const begun = performance.now();
    const said = await greeting(broker.port, 3000);
    expect(performance.now() - begun).toBeLessThan(3000);
    // Server unavailable (MQTT 5, §3.2.2.2), or turned away at the door.
    expect(said).toBe(0x88);
    expect(load.acknowledged()).toBe(before);

    store = (await redis(join(where, 'redis'), { lasting: true, port: store.port })) as Broker;
    expect(await load.landed()).toMatchObject({ ...QUIET, acknowledged: 800 });
  });
});

// Several instances, one server: what one hears, all decide on, in the order of a stream in a real Redis. The Redis here is killed,
// stopped, filled, wiped and set back; what stands between it and an instance is cut where a test says so.

import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, type TestContext, test, vi } from 'vitest';
import { redisStream } from '../src/lab/journals/redis.ts';
import { type Link, Replica, type ReplicaOptions, type Shared } from '../src/lab/replica.ts';
import { type Store, startStore } from '../src/lab/store.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { dice, REAL_WORLD } from '../src/lab/world.ts';
import type { Decision, Path, Rules } from '../src/protocols/shapes.ts';
import type { Wire } from '../src/wire/wire.ts';
import { needs, peer } from './peers.ts';

/**
 * A server that notes words. `=word` notes one, `+` counts, `roll` notes a name rolled by dice, `I am x` gives this path a name and takes
 * it from whoever had it, `x: text` tells x something, `all: text` tells everybody, `?` asks what is known, `bye` leaves.
 */
interface State {
  words: string[];
  names: Map<string, Path>;
  count: number;
}
type Event = ['word', string] | ['count'] | ['name', string, Path] | ['gone', Path];

const rules: Rules<State, string, Event> = {
  empty: () => ({ words: [], names: new Map(), count: 0 }),
  decide({ words, names, count }, message, from, world): Decision<string, Event> {
    const say = (says: string, to: Path = from) => ({ to, say: `${says};` });
    const [to = '', text] = message.split(': ');
    if (message === '?') return { events: [], actions: [say(`${words.join()} ${count}`)] };
    if (message === 'bye') return { events: [], actions: [say('bye'), { to: from, hangUp: true }] };
    if (message === '+') return { events: [['count']], actions: [say(`${count + 1}`)] };
    if (message === 'roll') {
      const name = world.name();
      return { events: [['word', name]], actions: [say(name)] };
    }
    if (message.startsWith('='))
      return { events: [['word', message.slice(1)]], actions: [say(`noted ${message.slice(1)}`)] };
    if (message.startsWith('I am ')) {
      const name = message.slice(5);
      const before = names.get(name);
      return {
        events: [['name', name, from]],
        actions: [
          ...(before === undefined ? [] : [say('taken over', before), { to: before, hangUp: true as const }]),
          say(`you are ${name}`),
        ],
      };
    }
    if (to === 'all') return { events: [], actions: [{ to: [...names.values()], say: `${text};` }] };
    return { events: [], actions: [say(text ?? '', names.get(to) ?? from)] };
  },
  part: ({ names }, from) => ({ events: [...names.values()].includes(from) ? [['gone', from]] : [], actions: [] }),
  apply(state, event) {
    if (event[0] === 'word') state.words.push(event[1]);
    if (event[0] === 'count') state.count++;
    if (event[0] === 'name') state.names.set(event[1], event[2]);
    if (event[0] === 'gone') for (const [name, path] of state.names) if (path === event[1]) state.names.delete(name);
  },
  lasting: () => true,
  unavailable: (_message, from) => [{ to: from, say: 'unavailable;' }],
  facts: ({ words, names, count }) => ({
    ...(words.length > 0 ? { words: words.join() } : {}),
    ...(count > 0 ? { count: String(count) } : {}),
    ...Object.fromEntries([...names].map(([name, path]) => [`name[${name}]`, path])),
  }),
};
const wire = { write: (writer: { raw(bytes: Buffer): void }, message: string) => writer.raw(Buffer.from(message)) };

let store: Store;
const { path: folder, remove } = temporaryFolder();
const isHere = peer('redis-server') !== undefined;
beforeAll(async () => {
  if (isHere) store = await startStore(join(folder, 'redis'));
});
afterAll(async () => {
  await store?.stop();
  await remove();
});

let servers = 0;
/** A server that nobody has been an instance of yet. */
const fresh = () => `test/${++servers}`;

/** What stands between an instance and the store, for a test to cut. */
function between(shared: Shared) {
  const links = new Set<Link>();
  const control = {
    /** Answers of the store that are held back. */
    held: undefined as (() => void)[] | undefined,
    /** So many entries arrive, and their answer does not. */
    lose: 0,
    /** Each entry arrives twice. */
    twice: false,
    /** What was asked of the store. */
    asked: [] as string[],
    cut: false,
    cutOff() {
      control.cut = true;
      for (const link of links) link.close();
    },
  };
  return {
    control,
    shared: {
      where: shared.where,
      async open(name: string): Promise<Link> {
        if (control.cut) throw new Error('cut off');
        const link = await shared.open(name);
        links.add(link);
        return {
          ...link,
          renew(...given) {
            control.asked.push('renew');
            return link.renew(...given);
          },
          async append(text, counts) {
            control.asked.push('append');
            if (control.twice) await link.append(text, counts);
            const there = await link.append(text, counts);
            if (control.held) await new Promise<void>((answer) => control.held?.push(answer));
            if (control.lose > 0) {
              control.lose--;
              throw new Error('the answer was lost');
            }
            return there;
          },
        };
      },
    } satisfies Shared,
  };
}

interface Instance {
  keeper: Replica<State, string, Event>;
  /** What it said, to whom, in order: `a: noted x;`, `a: (hangs up)`. */
  said: string[];
  told: string[];
  control: ReturnType<typeof between>['control'];
  /** Resolves when it has said so. */
  says(line: string): Promise<void>;
}

async function instance(
  name: string,
  who = 'it/1',
  more: Partial<ReplicaOptions<State, string, Event>> = {},
): Promise<Instance> {
  const { shared, control } = between(redisStream({ url: store.url, name }));
  const said: string[] = [];
  const told: string[] = [];
  const keeper = await Replica.open<State, string, Event>({
    rules,
    wire: wire as unknown as Wire<string>,
    world: REAL_WORLD,
    transport: 'tcp',
    shared,
    who,
    tell: (text) => void told.push(text),
    ...more,
  });
  keeper.attach({
    say: (to, bytes) => void said.push(`${to}: ${bytes}`),
    hangUp: (to) => void said.push(`${to}: (hangs up)`),
  });
  onTestFinished(() => keeper.close());
  const says = (line: string) => vi.waitFor(() => expect(said).toContain(line), { timeout: 10_000, interval: 5 });
  return { keeper, said, told, control, says };
}

/** What somebody who joins now would know. */
function newcomer(name: string) {
  const shared = redisStream({ url: store.url, name });
  return Replica.look<State, string, Event>({
    rules,
    wire: wire as unknown as Wire<string>,
    world: REAL_WORLD,
    transport: 'tcp',
    shared,
    who: 'new/1',
  });
}

/** Everything that the store holds, as text. */
async function inside<T>(use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(store.url);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

const with_ = (what: string, act: (context: TestContext) => Promise<void>, timeout?: number) =>
  test(
    what,
    async (context) => {
      needs(context, 'redis-server');
      await act(context);
    },
    timeout,
  );

describe('two instances', () => {
  with_('know the same, and each talks to its own peers', async () => {
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1'), await instance(name, 'it/2')];
    one.keeper.hear('a', ['=x']);
    await one.says('a: noted x;');
    two.keeper.hear('b', ['?']);
    await two.says('b: x 0;');
    expect([one.said, two.said]).toEqual([['a: noted x;'], ['b: x 0;']]);
  });

  with_('a takeover on one hangs up on the other, and a message finds whoever it is for', async () => {
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1'), await instance(name, 'it/2')];
    one.keeper.hear('a', ['I am x']);
    await one.says('a: you are x;');
    two.keeper.hear('a', ['x: hello']);
    await one.says('a: hello;');
    // The same address and port at another instance is somebody else.
    two.keeper.hear('a', ['I am x']);
    await two.says('a: you are x;');
    await one.says('a: (hangs up)');
    expect(one.said.slice(-2)).toEqual(['a: taken over;', 'a: (hangs up)']);
    expect(one.keeper.facts()).toEqual({ 'name[x]': 'it/2 a' });
    expect(two.keeper.facts()).toEqual({ 'name[x]': 'a' });
    two.keeper.hear('c', ['I am y', 'all: to everybody']);
    one.keeper.hear('d', ['I am z', 'all: and again']);
    await two.says('a: and again;');
    await one.says('d: and again;');
    expect(two.said.filter((line) => line.includes('to everybody'))).toEqual(['a: to everybody;', 'c: to everybody;']);
  });

  with_('roll the same names, and no two alike', async () => {
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1'), await instance(name, 'it/2')];
    one.keeper.hear('a', ['roll', 'roll']);
    two.keeper.hear('b', ['roll']);
    await Promise.all([one.keeper.settled(), two.keeper.settled()]);
    await vi.waitFor(() => expect(one.keeper.state.words).toHaveLength(3));
    await vi.waitFor(() => expect(two.keeper.state.words).toEqual(one.keeper.state.words));
    expect(new Set(one.keeper.state.words).size).toBe(3);
    expect(one.keeper.state.words.every((each) => /^[\w-]{22}$/.test(each))).toBe(true);
  });

  with_('race: thousands of entries, snapshots and trims on the way, and all end with the same state', async () => {
    const name = fresh();
    const long = { entries: 150, length: 1 << 30 };
    const racers = [await instance(name, 'it/1', { long }), await instance(name, 'it/2', { long })];
    await Promise.all(
      racers.map(async ({ keeper }, index) => {
        const roll = dice(41 + index);
        for (let turn = 0; turn < 1500; turn++) {
          const path = `${roll(8)}`;
          const word = `${index}.${turn}`;
          keeper.hear(path, [
            [`=${word}`, '+', 'roll', `I am ${roll(5)}`, `${roll(5)}: hi`, 'all: hello', 'bye'][roll(7)] ?? '?',
          ]);
          if (roll(6) === 0) keeper.part(path);
          if (roll(3) > 0) await keeper.settled();
        }
        await keeper.settled();
      }),
    );
    const [one, two] = racers.map(({ keeper }) => keeper.state);
    await vi.waitFor(() => expect(one).toEqual(two));
    expect(one?.count).toBeGreaterThan(100);
    expect(await newcomer(name)).toMatchObject({ words: one?.words.join(), count: String(one?.count) });
    // Maps keep an order, and that is state too.
    expect([...(one?.names ?? [])]).toEqual([...(two?.names ?? [])]);
    const length = () =>
      inside(async (redis) => {
        const [stream = ''] = await redis.keys(`amnesia:{${name}}:*:stream`);
        const [[id] = ['0-0']] = await redis.xrevrange(stream, '+', '-', 'COUNT', 1);
        return { made: Number(id.slice(2)), kept: await redis.xlen(stream) };
      });
    expect((await length()).made).toBeGreaterThan(1500);
    // What somebody may have still to read, by what it said up to a second ago, is not trimmed before it has said more.
    for (let tries = 0; tries < 20 && (await length()).kept > 500; tries++) {
      for (let turn = 0; turn < long.entries; turn++) {
        racers[tries % 2]?.keeper.hear('1', ['?']);
        await racers[tries % 2]?.keeper.settled();
      }
    }
    expect((await length()).kept).toBeLessThanOrEqual(500);
    expect(await newcomer(name)).toMatchObject({ words: one?.words.join(), count: String(one?.count) });
  });
});

with_(
  'datagrams too: each is answered by the instance it came to, and none of them has a connection to part',
  async () => {
    const name = fresh();
    const transport = 'udp' as const;
    const [one, two] = [await instance(name, 'it/1', { transport }), await instance(name, 'it/2', { transport })];
    one.keeper.hear('a', ['=x', '=y']);
    await one.says('a: noted y;');
    two.keeper.hear('a', ['?']);
    await two.says('a: x,y 0;');
    // Each leaves by itself.
    expect(one.said).toEqual(['a: noted x;', 'a: noted y;']);
  },
);

describe('what only asks', () => {
  const asking = { rules: { ...rules, asks: (message: string) => message === '?' || message === '+' } };
  const entries = ({ control }: Instance) => control.asked.filter((each) => each === 'append').length;

  with_('makes no entry, and knows all that anybody was answered before it was asked', async () => {
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1', asking), await instance(name, 'it/2', asking)];
    const before = entries(two);
    let words = '';
    for (let nth = 1; nth <= 100; nth++) {
      words += `${nth === 1 ? '' : ','}${nth}`;
      one.keeper.hear('a', [`=${nth}`]);
      await one.says(`a: noted ${nth};`);
      two.keeper.hear('b', ['?']);
      await two.keeper.settled();
      expect(two.said.at(-1)).toBe(`b: ${words} 0;`);
    }
    expect(entries(two)).toBe(before);
  });

  with_('goes the way of all others when it changes something all the same', async () => {
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1', asking), await instance(name, 'it/2', asking)];
    for (let nth = 0; nth < 50; nth++) [one, two][nth % 2]?.keeper.hear('a', ['+']);
    await Promise.all([one.keeper.settled(), two.keeper.settled()]);
    const answers = [...one.said, ...two.said].join('').match(/\d+/g) ?? [];
    expect(answers.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_none, nth) => nth + 1));
    await vi.waitFor(() => expect([one.keeper.state.count, two.keeper.state.count]).toEqual([50, 50]));
  });

  with_('is answered in the order in which one peer spoke, whatever stands before and behind it', async () => {
    const one = await instance(fresh(), 'it/1', asking);
    one.keeper.hear('a', ['?']);
    one.keeper.hear('a', ['=x']);
    one.keeper.hear('a', ['?']);
    one.keeper.hear('a', ['=y', '?']);
    await one.keeper.settled();
    expect(one.said.join('').replaceAll('a: ', '')).toBe(' 0;noted x;x 0;noted y;x,y 0;');
  });

  with_('waits for the store, and is answered when that is back; who has gone meanwhile is not', async () => {
    const name = fresh();
    const one = await instance(name, 'it/1', asking);
    one.keeper.hear('a', ['=x']);
    await one.says('a: noted x;');
    one.keeper.hear('b', ['=y']);
    await one.says('b: noted y;');
    one.control.cutOff();
    one.keeper.hear('a', ['?']);
    one.keeper.hear('b', ['?']);
    one.keeper.part('b');
    await vi.waitFor(() => expect(one.told).toHaveLength(1));
    expect(one.said).toEqual(['a: noted x;', 'b: noted y;']);
    one.control.cut = false;
    await one.says('a: x,y 0;');
    await one.keeper.settled();
    expect(one.said).toHaveLength(3);
  });

  with_('who has waited too long is told so, where the protocol has a word for it', async () => {
    const one = await instance(fresh(), 'it/1', { rules: { ...asking.rules, impatient: true } });
    one.keeper.hear('a', ['=x']);
    await one.says('a: noted x;');
    one.control.cutOff();
    one.keeper.hear('a', ['?']);
    await one.says('a: (hangs up)');
    expect(one.said).toEqual(['a: noted x;', 'a: unavailable;', 'a: (hangs up)']);
    one.control.cut = false;
    one.keeper.hear('c', ['?']);
    await vi.waitFor(
      () => {
        one.keeper.hear('d', ['?']);
        expect(one.said).toContain('d: x 0;');
      },
      { timeout: 10_000, interval: 50 },
    );
  });
});

describe('nothing is said before the store has it', () => {
  with_('not before its answer, also when it can be read back already', async () => {
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1'), await instance(name, 'it/2')];
    one.control.held = [];
    one.keeper.hear('a', ['=x']);
    // The other instance has read it, so the store has it.
    await vi.waitFor(() => expect(two.keeper.state.words).toEqual(['x']));
    expect(one.said).toEqual([]);
    one.control.held.splice(0)[0]?.();
    one.control.held = undefined;
    await one.says('a: noted x;');
  });

  with_('what is heard meanwhile shares the next entry', async () => {
    const name = fresh();
    const one = await instance(name);
    one.control.held = [];
    one.keeper.hear('a', ['=1']);
    await vi.waitFor(() => expect(one.control.held).toHaveLength(1));
    one.keeper.hear('a', ['=2']);
    one.keeper.hear('b', ['=3']);
    const { held } = one.control;
    one.control.held = undefined;
    held[0]?.();
    await one.says('b: noted 3;');
    expect(one.said).toEqual(['a: noted 1;', 'a: noted 2;', 'b: noted 3;']);
  });

  with_(
    'an answer that comes when its connection has ended is not for the one that comes from the same port',
    async () => {
      const one = await instance(fresh());
      one.control.held = [];
      one.keeper.hear('a', ['=secret']);
      await vi.waitFor(() => expect(one.control.held).toHaveLength(1));
      one.keeper.part('a');
      one.keeper.hear('a', ['=x']);
      const { held } = one.control;
      one.control.held = undefined;
      held[0]?.();
      await one.says('a: noted x;');
      expect(one.said).toEqual(['a: noted x;']);
    },
  );

  with_('who has been told good-bye is not heard any more, by nobody', async () => {
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1'), await instance(name, 'it/2')];
    one.keeper.hear('a', ['bye', '=x']);
    one.keeper.hear('a', ['=y']);
    await one.keeper.settled();
    one.keeper.part('a');
    one.keeper.hear('a', ['=z']);
    await one.says('a: noted z;');
    await vi.waitFor(() => expect(two.keeper.state.words).toEqual(['z']));
    expect(one.keeper.state.words).toEqual(['z']);
  });

  with_('an entry whose answer was lost is sent again, and counts once', async () => {
    const name = fresh();
    const one = await instance(name);
    for (const lose of [1, 2]) {
      one.control.lose = lose;
      one.keeper.hear('a', ['+']);
      await one.says(`a: ${lose};`);
      await one.keeper.settled();
    }
    expect(one.keeper.state.count).toBe(2);
    expect(await newcomer(name)).toEqual({ count: '2' });
    expect(one.said).toEqual(['a: 1;', 'a: 2;']);
  });

  with_('an entry that came twice counts once, for everybody', async () => {
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1'), await instance(name, 'it/2')];
    one.control.twice = true;
    one.keeper.hear('a', ['+']);
    await one.says('a: 1;');
    one.keeper.hear('a', ['+']);
    await one.says('a: 2;');
    await vi.waitFor(() => expect(two.keeper.state.count).toBe(2));
    await two.keeper.settled();
    expect([one.keeper.state.count, two.keeper.state.count]).toEqual([2, 2]);
    expect(one.said).toEqual(['a: 1;', 'a: 2;']);
    expect(await newcomer(name)).toEqual({ count: '2' });
  });
});

with_('an older snapshot never takes the place of a newer one', async () => {
  const link = await redisStream({ url: store.url, name: fresh() }).open('epoch');
  onTestFinished(() => link.close());
  for (const text of ['a', 'b', 'c']) expect(await link.append(text, false)).toBe(true);
  expect(await link.replace({ number: 3, text: 'newer' }, [])).toBe(3);
  await link.replace({ number: 2, text: 'older' }, []);
  expect(await link.snapshot()).toEqual({ number: 3, text: 'newer' });
  expect(await link.entry(3)).toBe('b');
  expect(await link.entry(2)).toBeUndefined();
});

describe('an instance that is gone', () => {
  with_('takes its peers along: the others part them, and it hangs up on them when it is back', async () => {
    const name = fresh();
    const lease = 600;
    const [one, two] = [await instance(name, 'it/1', { lease }), await instance(name, 'it/2', { lease })];
    one.keeper.hear('a', ['I am x']);
    two.keeper.hear('b', ['I am y']);
    await vi.waitFor(() => expect(two.keeper.facts()).toEqual({ 'name[x]': 'it/1 a', 'name[y]': 'b' }));
    one.control.cutOff();
    await vi.waitFor(() => expect(two.keeper.facts()).toEqual({ 'name[y]': 'b' }), { timeout: 10_000 });
    // What it heard meanwhile was heard by nobody.
    one.keeper.hear('a', ['=lost']);
    one.control.cut = false;
    await one.says('a: (hangs up)');
    one.keeper.hear('a', ['I am x']);
    await vi.waitFor(() => expect(two.keeper.facts()).toEqual({ 'name[y]': 'b', 'name[x]': 'it/1 a' }), {
      timeout: 5000,
    });
    expect(two.keeper.state.words).toEqual([]);
    expect(two.said).toEqual(['b: you are y;']);
  });

  with_('in good order says so itself', async () => {
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1'), await instance(name, 'it/2')];
    one.keeper.hear('a', ['I am x']);
    await vi.waitFor(() => expect(two.keeper.facts()).toEqual({ 'name[x]': 'it/1 a' }));
    await one.keeper.close();
    await vi.waitFor(() => expect(two.keeper.facts()).toEqual({}), { timeout: 1000 });
  });

  with_('counts as gone as soon as it is known and has no lease: so it has one before it is known', async () => {
    const one = await instance(fresh());
    expect(one.control.asked.slice(0, 2)).toEqual(['renew', 'append']);
  });
});

describe('a forget', () => {
  with_('empties all instances, and leaves nothing of it in the store', async () => {
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1'), await instance(name, 'it/2')];
    one.keeper.hear('a', ['=forgetme']);
    await vi.waitFor(() => expect(two.keeper.state.words).toEqual(['forgetme']));
    expect(await two.keeper.forget()).toEqual({ words: 'forgetme' });
    expect(two.keeper.facts()).toEqual({});
    await vi.waitFor(() => expect(one.keeper.facts()).toEqual({}));
    expect(await newcomer(name)).toEqual({});
    const left = await inside(async (redis) => {
      const [stream = ''] = await redis.keys(`amnesia:{${name}}:*:stream`);
      const [snapshot = ''] = await redis.keys(`amnesia:{${name}}:*:snapshot`);
      return JSON.stringify([await redis.xrange(stream, '-', '+'), await redis.hgetall(snapshot)]);
    });
    expect(left).toContain('words');
    expect(left).not.toContain('forgetme');
    // Sockets stay open.
    one.keeper.hear('a', ['=new']);
    await one.says('a: noted new;');
    expect(one.said).toEqual(['a: noted forgetme;', 'a: noted new;']);
  });
});

describe('a store that', () => {
  /** These are hard on their Redis, so each has its own. */
  async function own(more: readonly string[] = []): Promise<Store> {
    const { path, remove } = temporaryFolder();
    const begun = await startStore(join(path, 'redis'), more);
    const common = store;
    store = begun;
    onTestFinished(async () => {
      store = common;
      await begun.stop();
      await remove();
    });
    return begun;
  }

  with_(
    'is killed under load and starts again: nothing acknowledged is lost, newcomers are turned away, and all goes on',
    async () => {
      const redis = await own();
      const name = fresh();
      const both = [await instance(name, 'it/1'), await instance(name, 'it/2')];
      const acknowledged = () =>
        both.flatMap(({ said }) =>
          said.flatMap((line) => [...line.matchAll(/noted ([\d.]+);/g)].map(([, word]) => word ?? '')),
        );
      let over = false;
      let turn = 0;
      const load = (async () => {
        while (!over) {
          for (const [index, { keeper }] of both.entries())
            for (const path of ['a', 'b', 'c']) void keeper.hear(path, [`=${index}.${turn++}`]);
          await new Promise((next) => setTimeout(next, 2));
        }
      })();
      await vi.waitFor(() => expect(acknowledged().length).toBeGreaterThan(100));
      await redis.kill();
      const before = acknowledged().length;
      const late = performance.now();
      both[0]?.keeper.hear('new', ['I am new']);
      over = true;
      await load;
      await both[0]?.says('new: unavailable;');
      expect(performance.now() - late).toBeLessThan(3000);
      expect(both[0]?.said.slice(-1)).toEqual(['new: (hangs up)']);
      // Whoever comes now is not asked to wait.
      both[1]?.keeper.hear('newer', ['=x']);
      expect(both[1]?.said.slice(-2)).toEqual(['newer: unavailable;', 'newer: (hangs up)']);
      expect(acknowledged().length).toBe(before);
      await redis.restart();
      for (const { keeper, said } of both) {
        keeper.hear('a', ['=9.9']);
        await vi.waitFor(() => expect(said.join()).toContain('noted 9.9;'), { timeout: 10_000 });
        await keeper.settled();
      }
      const [one, two] = both.map(({ keeper }) => keeper.state);
      await vi.waitFor(() => expect(one).toEqual(two));
      const words = one?.words ?? [];
      for (const word of acknowledged()) expect(words).toContain(word);
      const own_ = words.filter((word) => word !== '9.9');
      expect(new Set(own_).size).toBe(own_.length);
      // Who was turned away was not heard later.
      expect(one?.names.size).toBe(0);
      expect(await newcomer(name)).toEqual({ words: words.join() });
      for (const { told } of both) {
        expect(told).toHaveLength(2);
        expect(told[0]).toMatch(/^Redis at 127.0.0.1 port \d+ takes nothing \(.*\): nothing is answered until it does/);
        // What a library says of its own options is no reason that anybody can act on.
        expect(told[0]).not.toMatch(/Connection is closed|enableOfflineQueue/);
        expect(told[1]).toMatch(/is back$/);
      }
    },
  );

  with_('is stopped for a while says nothing, loses nobody, and goes on', async () => {
    const redis = await own();
    const name = fresh();
    const lease = 600;
    const [one, two] = [await instance(name, 'it/1', { lease }), await instance(name, 'it/2', { lease })];
    one.keeper.hear('a', ['I am x']);
    two.keeper.hear('b', ['I am y']);
    await vi.waitFor(() => expect(one.keeper.state.names.size).toBe(2));
    process.kill(redis.pid(), 'SIGSTOP');
    try {
      one.keeper.hear('a', ['=x']);
      // What shares an entry with something that was on its way already may be heard, and is parted at once.
      await new Promise((turn) => setTimeout(turn, 10));
      one.keeper.hear('new', ['=y']);
      await one.says('new: unavailable;');
    } finally {
      process.kill(redis.pid(), 'SIGCONT');
    }
    await one.says('a: noted x;');
    await vi.waitFor(() => expect(two.keeper.state.words).toEqual(['x']));
    // All leases have run out meanwhile, and nobody was given up for that.
    await new Promise((later) => setTimeout(later, 3 * lease));
    expect(one.keeper.state.names.size).toBe(2);
    expect([one, two].flatMap(({ said }) => said).filter((line) => line.includes('hangs up'))).toEqual([
      'new: (hangs up)',
    ]);
    // And newcomers are welcome again.
    one.keeper.hear('later', ['=z']);
    await one.says('later: noted z;');
  });

  with_('was away for longer than all leases gives everybody time to come back', async () => {
    const redis = await own();
    const name = fresh();
    const lease = 1500;
    const [one, two] = [await instance(name, 'it/1', { lease }), await instance(name, 'it/2', { lease })];
    two.keeper.hear('b', ['I am y']);
    await vi.waitFor(() => expect(one.keeper.state.names.size).toBe(1));
    two.control.cutOff();
    await redis.kill();
    await new Promise((later) => setTimeout(later, lease));
    await redis.restart();
    await vi.waitFor(() => expect(one.told.join()).toMatch(/is back$/), { timeout: 5000 });
    // The first is back, and has looked for the other at least once.
    one.control.asked = [];
    await vi.waitFor(() => expect(one.control.asked).toContain('renew'), { timeout: 5000 });
    two.control.cut = false;
    two.keeper.hear('b', ['=x']);
    await two.says('b: noted x;');
    expect(two.said).not.toContain('b: (hangs up)');
    expect(one.keeper.state.names.size).toBe(1);
  });

  with_('has no room for more takes nothing, says so once, and goes on when it has', async () => {
    await own(['--maxmemory-policy', 'noeviction']);
    const name = fresh();
    const one = await instance(name);
    one.keeper.hear('a', ['=1']);
    await one.says('a: noted 1;');
    await inside((redis) => redis.config('SET', 'maxmemory', '1'));
    one.keeper.hear('a', ['=2']);
    one.keeper.hear('new', ['=3']);
    await one.says('new: unavailable;');
    expect(one.said).not.toContain('a: noted 2;');
    expect(one.told).toHaveLength(1);
    expect(one.told[0]).toContain('OOM');
    await inside((redis) => redis.config('SET', 'maxmemory', '0'));
    await one.says('a: noted 2;');
    await vi.waitFor(() => expect(one.told[1]).toMatch(/is back$/));
    expect(one.keeper.state.words).toEqual(['1', '2']);
  });

  with_('is emptied under its instances has them start over, and hang up on everybody', async () => {
    await own();
    const name = fresh();
    const [one, two] = [await instance(name, 'it/1'), await instance(name, 'it/2')];
    one.keeper.hear('a', ['=x']);
    two.keeper.hear('b', ['I am y']);
    await vi.waitFor(() => expect(one.keeper.facts()).toEqual({ words: 'x', 'name[y]': 'it/2 b' }));
    await inside((redis) => redis.flushall());
    // Heard before anybody has noticed: never answered from what is not there any more.
    one.keeper.hear('a', ['?']);
    await one.says('a: (hangs up)');
    await two.says('b: (hangs up)');
    expect(one.said).toEqual(['a: noted x;', 'a: (hangs up)']);
    for (const { told } of [one, two]) expect(told.join()).toMatch(/does not hold what it held/);
    one.keeper.hear('c', ['=new']);
    two.keeper.hear('d', ['I am z']);
    await vi.waitFor(() => expect(two.keeper.facts()).toEqual({ words: 'new', 'name[z]': 'd' }));
    await vi.waitFor(() => expect(one.keeper.facts()).toEqual({ words: 'new', 'name[z]': 'it/2 d' }));
  });

  with_('starts again empty, likewise', async () => {
    const redis = await own();
    const one = await instance(fresh());
    one.keeper.hear('a', ['=x']);
    await one.says('a: noted x;');
    await redis.wipe();
    await one.says('a: (hangs up)');
    one.keeper.hear('a', ['?']);
    await one.says('a:  0;');
  });

  with_('has lost its last entries has those start over who had read them', async () => {
    const redis = await own();
    const name = fresh();
    const one = await instance(name);
    one.keeper.hear('a', ['=kept']);
    await one.says('a: noted kept;');
    const { path, remove } = temporaryFolder();
    onTestFinished(remove);
    await cp(redis.folder, path, { recursive: true });
    one.keeper.hear('a', ['=lost']);
    await one.says('a: noted lost;');
    await redis.kill();
    await rm(redis.folder, { recursive: true });
    await cp(path, redis.folder, { recursive: true });
    await redis.restart();
    // Somebody else goes on from there, so that the numbers are the same again.
    const two = await instance(name, 'it/2');
    two.keeper.hear('b', ['=other']);
    await two.says('b: noted other;');
    await one.says('a: (hangs up)');
    await vi.waitFor(() => expect(one.keeper.state.words).toEqual(['kept', 'other']));
    expect(one.told.join()).toMatch(/does not hold what it held/);
  });
});

describe('an address', () => {
  const open = (url: string) =>
    Replica.open<State, string, Event>({
      rules,
      wire: wire as unknown as Wire<string>,
      world: REAL_WORLD,
      transport: 'tcp',
      shared: redisStream({ url, name: 'test' }),
      who: 'it/1',
    });

  test('at which nobody listens is told with what to do', async () => {
    const error = await open('redis://127.0.0.1:1').catch((error: Error) => error);
    expect(error).toMatchObject({
      name: 'JournalError',
      message:
        'Redis at 127.0.0.1 port 1 cannot be used: connect ECONNREFUSED 127.0.0.1:1. Start one with redis-server, or give another address with --store',
    });
  });

  test.each(['', 'localhost', 'http://localhost', 'redis://', 'redis://localhost/zero'])('%j makes no sense', (url) => {
    expect(() => redisStream({ url, name: 'test' })).toThrow(/--store takes redis:\/\/host:port/);
  });
});

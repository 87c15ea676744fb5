// A fleet: three servers of one design behind a balancer, many users at work, and something happens to the servers. Measured is what
// the users notice of it.

import { join } from 'node:path';
import { connect, type UsersClient } from '../protocols/balancer/client.ts';
import type { Policy } from '../protocols/balancer/rules/policies.ts';
import { serveFrom } from '../protocols/balancer/server.ts';
import {
  type Backend,
  type Deed,
  type Event,
  type Outcome,
  rulesFor,
  type State,
} from '../protocols/balancer/state.ts';
import { type Message, wire } from '../protocols/balancer/wire.ts';
import { type AnyCard, loadCard } from '../protocols/index.ts';
import { headerOf } from '../wire/http.ts';
import { settingsFor, storeFor } from './arm.ts';
import { StateKeeper } from './keeper.ts';
import { beginLife, type Life } from './lives.ts';
import { temporaryFolder } from './tidy.ts';
import { dice, REAL_WAITS, REAL_WORLD, realClock, seededWorld } from './world.ts';

export const POLICIES = ['round-robin', 'cookie', 'address', 'hash'] as const satisfies readonly Policy[];

/**
 * What happens to the servers. `crash`: one is killed, and started again. `add`: one more joins. `deploy`: each in turn is stopped and
 * started again; `drain`: the same, each emptied before. `store`: the shared store is killed, and started again a while later.
 */
export const ACTS = ['none', 'crash', 'add', 'deploy', 'drain', 'store'] as const;
export type Act = (typeof ACTS)[number];

export interface FleetOptions {
  /** The protocol and the design of the servers: `http`, `memory`. */
  protocol: string;
  design: string;
  policy: Policy;
  act: Act;
  users: number;
  seed: number;
  /** Told what is going on. */
  progress?: (doing: string) => void;
}

/** How evenly requests fell on the servers that were there. */
export interface Load {
  /** Answers of each server, by its name. */
  servers: Record<string, number>;
  /** The busiest server, by what is fair: 1 is even. */
  maxToMean: number;
  /** Standard deviation, by the mean: 0 is even. */
  deviation: number;
}

export interface FleetResult {
  protocol: string;
  design: string;
  policy: Policy;
  act: Act;
  users: number;
  seed: number;
  /** Requests made after everybody had signed in, and those of them that got no answer or one of 500 and above. */
  requests: number;
  failed: number;
  /** Shares of the users whom a server did not know at least once: before the act, and in the whole run. From 0 to 1. */
  loggedOutBefore: number;
  loggedOut: number;
  /** Before the act, and from the end of the act on. */
  loadBefore: Load;
  loadAfter: Load;
}

const SERVERS = 3;
/** All users have one name: who checks a thousand passwords of a thousand users would be busy with nothing else. */
const [NAME, PASSWORD] = ['ann', 'tea'];
/** How many sign in at a time: checking a password takes a while, by intent. */
const SIGNING_IN = 12;
/** How long a user thinks between two requests, on average and in milliseconds for each user there is: about a thousand requests a second. */
const THINKING = 1;
const LEAST_THINKING = 40;
/** Requests of each user before the act, and after its end. */
const ROUNDS = 3;
/** How long the store is away, in milliseconds. */
const AWAY = 2_000;
/** How often it is looked whether something has come about, in milliseconds, and how long that may take. */
const LOOK = 20;
const PATIENCE = 60_000;

/** One of the servers. */
interface Server {
  name: string;
  number: number;
  life: Life;
  draining: boolean;
}

/** The balancer in front of them. */
interface Front {
  port: number;
  /** Resolves when it knows a server to be so. */
  until(name: string, holds: (backend: Backend) => boolean): Promise<void>;
}

interface User {
  name: string;
  requests: number;
  /** When a server did not know them for the first time. */
  loggedOut: 'never' | 'before' | 'after';
}

/**
 * Plays it once. Rejects when a server does not start, or does not become well again within a minute. Leaves no process and no
 * file behind.
 */
export async function fleet(options: FleetOptions): Promise<FleetResult> {
  const { protocol, design, policy, act, users: count, seed, progress = () => {} } = options;
  const plain = await loadCard(protocol);
  const held = plain?.designs[design];
  if (!plain || !held) throw new Error(`there is no ${protocol}/${design}`);
  if (act === 'store' && held.holds !== 'redis') throw new Error(`${protocol}/${design} has no shared store to lose`);
  const card: AnyCard = plain;
  const { path: folder, remove } = temporaryFolder();
  const origin = String(process.hrtime.bigint());
  const store = await storeFor(card, design, folder);
  const servers: Server[] = [];
  const stops: (() => Promise<void>)[] = [];

  try {
    progress(`${SERVERS} servers start`);
    await Promise.all(Array.from({ length: SERVERS }, (_none, nth) => joinAs(nth + 1)));
    servers.sort((a, b) => a.number - b.number);
    const front = await balancer();
    const client = (await connect({
      host: '127.0.0.1',
      port: front.port,
      world: REAL_WORLD,
      waits: REAL_WAITS,
      design: policy,
    })) as UsersClient;
    stops.push(() => client.close());

    const users = await signIn(client);
    progress(`${count} users are at work`);
    const result = await atWork(client, users, front);
    return { protocol, design, policy, act, users: count, seed, ...result };
  } finally {
    for (const stop of stops.reverse()) await stop();
    await Promise.all(servers.map(({ life }) => life.stop()));
    await store?.stop();
    await remove();
  }

  /** One more server, on the list as soon as it listens. */
  async function joinAs(number: number): Promise<void> {
    servers.push({ name: String(number), number, life: await live(number, 0), draining: false });
  }

  function live(number: number, port: number): Promise<Life> {
    return beginLife({
      protocol,
      design,
      who: `${card.calls}/${number}`,
      host: '127.0.0.1',
      port,
      folder: join(folder, `server-${number}`),
      settings: {
        ...settingsFor(card, design, seed, store),
        ...(card.takes?.includes('users') ? { users: `${NAME}:${PASSWORD}` } : {}),
        // Many sign in at once, and what a password costs is not what is measured.
        ...(card.takes?.includes('cost') ? { cost: '16' } : {}),
        // All users have one name, and none of them may count for the others because the balancer is between.
        ...(card.takes?.includes('trust') ? { trust: '127.0.0.1' } : {}),
      },
      origin,
    });
  }

  async function startAgain(server: Server): Promise<void> {
    server.life = await live(server.number, server.life.port);
  }

  /** The balancer stands in this process: what it knows can be looked at. */
  async function balancer(): Promise<Front> {
    const clock = realClock();
    const key = Buffer.from(seededWorld(seed, 'fleet').name(), 'base64url');
    const listed = () =>
      servers.map(({ name, life, draining }) => `${name}=127.0.0.1:${life.port}${draining ? ' drain' : ''}`).join('\n');
    const members = servers.map(({ name, life }) => ({ name, address: `127.0.0.1:${life.port}`, draining: false }));
    const { keeper } = await StateKeeper.open<State, Message, Event, Deed, Outcome>({
      rules: rulesFor(policy, { members, key }),
      wire,
      world: REAL_WORLD,
      wake: (at, ring) => clock.wake(at, ring),
      transport: 'tcp',
    });
    const bounds = { connections: count + 100, handshake: PATIENCE };
    const server = await serveFrom(async () => listed())(keeper, { host: '127.0.0.1', port: 0 }, bounds);
    stops.push(async () => {
      clock.wake(undefined, () => {});
      await server.close();
    });
    return {
      port: server.port,
      /** Resolves when the balancer knows a server to be so. */
      async until(
        name: string,
        holds: (backend: State['backends'] extends Map<string, infer B> ? B : never) => boolean,
      ) {
        for (let waited = 0; waited < PATIENCE; waited += LOOK) {
          const backend = keeper.state.backends.get(name);
          if (backend && holds(backend)) return;
          await after(LOOK);
        }
        throw new Error(`server ${name} is not as it should be after ${PATIENCE / 1000} s`);
      },
    };
  }

  async function signIn(client: UsersClient): Promise<User[]> {
    const users = Array.from({ length: count }, (_none, nth): User => {
      return { name: `user ${nth + 1}`, requests: 0, loggedOut: 'never' };
    });
    const waiting = [...users];
    let done = 0;
    const one = async (): Promise<void> => {
      for (let user = waiting.shift(); user; user = waiting.shift()) {
        const asked = { method: 'POST', target: '/login', json: { user: NAME, password: PASSWORD }, again: true };
        const { status } = await client.request(user.name, asked);
        if (status >= 400) throw new Error(`a user could not sign in: ${status}`);
        if (++done % 50 === 0) progress(`${done} of ${count} users have signed in`);
      }
    };
    await Promise.all(Array.from({ length: SIGNING_IN }, one));
    return users;
  }

  async function atWork(client: UsersClient, users: readonly User[], front: Front) {
    const roll = dice(seed);
    let [phase, over]: ['before' | 'act' | 'after', boolean] = ['before', false];
    let [requests, failed] = [0, 0];
    const answers = {
      before: new Map<string, number>(),
      act: new Map<string, number>(),
      after: new Map<string, number>(),
    };
    const mean = Math.max(LEAST_THINKING, THINKING * count);

    async function work(user: User): Promise<void> {
      // Nobody begins at the same moment.
      for (await after(roll(mean)); !over; await after(mean / 2 + roll(mean))) {
        const begun = phase;
        const answer = await client.request(user.name, wish(roll)).catch(() => undefined);
        requests++;
        user.requests++;
        if (!answer || answer.status >= 500) failed++;
        if (answer?.status === 401 && user.loggedOut === 'never')
          user.loggedOut = phase === 'before' ? 'before' : 'after';
        const by = answer && headerOf(answer, 'x-served-by');
        if (by !== undefined && begun === phase) answers[phase].set(by, (answers[phase].get(by) ?? 0) + 1);
      }
    }

    /** Resolves when everybody has made some more requests. */
    async function rounds(): Promise<void> {
      const before = users.map((user) => user.requests);
      while (!users.every((user, nth) => user.requests >= (before[nth] ?? 0) + ROUNDS)) await after(LOOK);
    }

    const working = Promise.all(users.map(work));
    try {
      await rounds();
      phase = 'act';
      progress(`${act} happens`);
      await happen(front);
      phase = 'after';
      await rounds();
    } finally {
      over = true;
      await working;
    }
    const share = (holds: (user: User) => boolean) => users.filter(holds).length / users.length;
    return {
      requests,
      failed,
      loggedOutBefore: share(({ loggedOut }) => loggedOut === 'before'),
      loggedOut: share(({ loggedOut }) => loggedOut !== 'never'),
      loadBefore: loadOf(answers.before, servers.slice(0, SERVERS)),
      loadAfter: loadOf(answers.after, servers),
    };
  }

  async function happen({ until }: Front): Promise<void> {
    const isWell = (name: string) => until(name, ({ health, draining }) => health === 'well' && !draining);
    switch (act) {
      case 'none':
        return;
      case 'crash': {
        const [first] = servers as [Server];
        await first.life.kill();
        await until(first.name, ({ health }) => health === 'sick');
        await startAgain(first);
        return isWell(first.name);
      }
      case 'add':
        await joinAs(SERVERS + 1);
        return isWell(String(SERVERS + 1));
      case 'deploy':
      case 'drain':
        for (const server of servers) {
          if (act === 'drain') {
            server.draining = true;
            await until(server.name, ({ draining, active }) => draining && active === 0);
          }
          await server.life.stop();
          await startAgain(server);
          server.draining = false;
          await isWell(server.name);
        }
        return;
      case 'store':
        await store?.kill();
        await after(AWAY);
        await store?.restart();
    }
  }
}

/** What a user does next: mostly look, sometimes put something into the cart. */
function wish(roll: (below: number) => number) {
  const which = roll(5);
  if (which === 0) return { method: 'PUT', target: '/cart/tea', json: { count: 1 + roll(9) } };
  return { method: 'GET', target: which === 1 ? '/cart' : '/profile' };
}

/** How even it was; a server that was never asked counts as well. */
export function loadOf(answers: ReadonlyMap<string, number>, servers: readonly { name: string }[]): Load {
  const counts = servers.map(({ name }) => answers.get(name) ?? 0);
  const mean = counts.reduce((sum, each) => sum + each, 0) / counts.length;
  const variance = counts.reduce((sum, each) => sum + (each - mean) ** 2, 0) / counts.length;
  return {
    servers: Object.fromEntries(servers.map(({ name }, nth) => [name, counts[nth] ?? 0])),
    maxToMean: mean === 0 ? 1 : Math.max(...counts) / mean,
    deviation: mean === 0 ? 0 : Math.sqrt(variance) / mean,
  };
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// What does each design of http cost, and what does it forget? One service, its state held in several places, everything measured in one
// run: under load, in memory, on the wire, in a fleet to which something happens, and with its store gone.

import { join } from 'node:path';
import { card as http } from '../protocols/http/index.ts';
import type { AnyCard } from '../protocols/index.ts';
import type { Header, HttpMessage } from '../wire/http.ts';
import { encode } from '../wire/wire.ts';
import { settingsFor } from './arm.ts';
import { type Act, fleet } from './fleet.ts';
import { bytesHeld } from './holding.ts';
import { beginLife, type Life } from './lives.ts';
import { load } from './load.ts';
import { needsStore, type Store, startStore } from './store.ts';
import { temporaryFolder } from './tidy.ts';

/** The designs that differ in what is measured here: `careless` differs from `store` in nothing but what becomes of an order. */
export const DESIGNS = ['memory', 'store', 'redis', 'token', 'rolled', 'hybrid'] as const;

export interface TradeoffsOptions {
  designs: readonly string[];
  /** At work in each fleet. */
  users: number;
  /** For how long each design is under load, all rounds together. */
  seconds: number;
  seed: number;
  /** Signed in when memory is measured. */
  held?: number;
  /** What happens to a fleet of each design; all of it unless said. */
  acts?: readonly (keyof typeof WORDS)[];
  /** Told what is going on. */
  progress?: (doing: string) => void;
}

/** One design. Shares from 0 to 1; undefined is what could not be measured, and `null` what makes no sense for it. */
export interface Tradeoff {
  design: string;
  /** Answers to `GET /profile` a second, and what 99 of 100 took at most, by those of `memory` in the same round: medians. */
  rate: number | undefined;
  p99: number | undefined;
  /** Bytes that a process holds for each user who has signed in and put one thing into the cart. */
  held: number | undefined;
  /** Users logged out when one server of three is killed, when each in turn is restarted, when a fourth one joins. */
  crash: number | undefined;
  deploy: number | undefined;
  add: number | undefined;
  /** Requests that failed while the store was away. */
  storeless: number | null | undefined;
  /** Bytes of `GET /profile` of such a user, and of the Set-Cookie with each change of the cart. */
  request: number | undefined;
  again: number | undefined;
  /** Why something could not be measured. */
  unknown: string[];
}

/** By which the fleet's users are led: each back to the server that knows them, which is what most balancers are told to do. */
export const POLICY = 'cookie';
/** Connections under load, and the rounds in which every design has its turn. */
export const CONNECTIONS = 64;
const ROUNDS = 5;
/** Users whose memory is measured. */
export const HELD = 100_000;
/** Requests made while the store is away: as the users of a fleet make them, three of five are for the profile alone. */
const STORELESS = [
  ['GET', '/profile'],
  ['GET', '/cart'],
  ['GET', '/profile'],
  ['PUT', '/cart/tea'],
  ['GET', '/profile'],
] as const;
const TIMES = 4;
const [NAME, PASSWORD] = ['ann', 'tea'];

const card = http as unknown as AnyCard;

/** A server of one design, and somebody who is known to it. */
interface Subject {
  design: string;
  life: Life;
  store: Store | undefined;
  cookie: string;
  row: Tradeoff;
}

/**
 * Measures all of it, one design after another but for the load, in which they take turns. Leaves no process and no file behind. What
 * cannot be measured is undefined in its row, which says why; rejects only where a server does not start.
 */
export async function tradeoffs(options: TradeoffsOptions): Promise<Tradeoff[]> {
  const { designs, users, seconds, seed, held = HELD, acts = ACTS, progress = () => {} } = options;
  const rows = designs.map(unmeasured);
  const { path: folder, remove } = temporaryFolder();
  const subjects: Subject[] = [];
  const stops: (() => Promise<void>)[] = [remove];
  try {
    progress('one server of each design starts');
    for (const row of rows) subjects.push(await begin(row, { folder, seed, stops }));
    await underLoad(subjects, seconds * 1000, progress);
    for (const { design, store, row, cookie, life } of subjects) {
      if (!store) row.storeless = null;
      else {
        progress(`${design}: its store is killed`);
        await attempt(row, 'storeless', () => withoutStore(store, life.port, cookie));
      }
    }
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
  for (const row of rows) {
    const { design } = row;
    progress(`${design}: ${held} users sign in`);
    await attempt(row, 'held', async () => bytesHeld(design, held));
    for (const act of acts) {
      progress(`${design}: ${WORDS[act]}, ${users} users at work`);
      await attempt(row, act, () => loggedOut(design, act, users, seed));
    }
  }
  return rows;
}

const WORDS = { crash: 'one server of three is killed', deploy: 'each server is restarted', add: 'a server joins' };
const ACTS = ['crash', 'deploy', 'add'] as const;

function unmeasured(design: string): Tradeoff {
  return {
    design,
    rate: undefined,
    p99: undefined,
    held: undefined,
    crash: undefined,
    deploy: undefined,
    add: undefined,
    storeless: undefined,
    request: undefined,
    again: undefined,
    unknown: [],
  };
}

/** Puts a figure into its row, or the reason why there is none. */
async function attempt(
  row: Tradeoff,
  what: 'held' | 'crash' | 'deploy' | 'add' | 'storeless',
  measure: () => Promise<number>,
): Promise<void> {
  try {
    row[what] = await measure();
  } catch (error) {
    row.unknown.push(`${what}: ${(error as Error).message}`);
  }
}

/** A server of its own for a design, with a user who has signed in and put one thing into the cart. What is to be stopped goes into `stops`. */
async function begin(
  row: Tradeoff,
  { folder, seed, stops }: { folder: string; seed: number; stops: (() => Promise<void>)[] },
): Promise<Subject> {
  const { design } = row;
  const own = join(folder, design);
  const store = needsStore(card, design) ? await startStore(join(own, 'redis')) : undefined;
  if (store) stops.push(() => store.stop());
  const life = await beginLife({
    protocol: card.name,
    design,
    who: `${card.calls}/1`,
    host: '127.0.0.1',
    port: 0,
    folder: join(own, 'state'),
    // What a password costs is the same for all of them.
    settings: { ...settingsFor(card, design, seed, store), users: `${NAME}:${PASSWORD}`, cost: '16' },
    bounds: { connections: 2 * CONNECTIONS },
    origin: String(process.hrtime.bigint()),
  });
  stops.push(() => life.stop());
  const first = await ask(life.port, 'POST', '/login', { body: { user: NAME, password: PASSWORD } });
  const given = carried(first) ?? '';
  const put = await ask(life.port, 'PUT', '/cart/tea', { cookie: given, body: { count: 2 } });
  if (!first.ok || !put.ok)
    throw new Error(`http/${design} answers ${first.status} to a log-in, ${put.status} to a cart`);
  const cookie = carried(put) ?? given;
  row.request = profileOf(life.port, cookie).length;
  const [line] = put.headers.getSetCookie();
  row.again = line === undefined ? 0 : `Set-Cookie: ${line}\r\n`.length;
  return { design, life, store, cookie, row };
}

function ask(
  port: number,
  method: string,
  target: string,
  { cookie, body }: { cookie?: string; body?: object } = {},
): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${target}`, {
    method,
    headers: {
      ...(cookie === undefined ? {} : { cookie }),
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

/** What a client brings along from now on; undefined where nothing new was given to it. */
function carried(answer: Response): string | undefined {
  const [cookie] = answer.headers.getSetCookie();
  return cookie?.slice(0, cookie.indexOf(';'));
}

function profileOf(port: number, cookie: string): Buffer {
  const headers: Header[] = [
    ['Host', `127.0.0.1:${port}`],
    ['Cookie', cookie],
  ];
  const request = {
    type: 'request',
    method: 'GET',
    target: '/profile',
    version: '1.1',
    headers,
    body: Buffer.alloc(0),
  };
  return encode(http.wire, request as HttpMessage);
}

/** Every design in every round, each round beginning with another one; what is compared is the rounds. */
async function underLoad(
  subjects: readonly Subject[],
  milliseconds: number,
  progress: (doing: string) => void,
): Promise<void> {
  const [rates, waits] = [subjects.map((): number[] => []), subjects.map((): number[] => [])];
  const turn = milliseconds / ROUNDS;
  for (let round = -1; round < ROUNDS; round++)
    for (let nth = 0; nth < subjects.length; nth++) {
      const index = (nth + Math.max(0, round)) % subjects.length;
      const { design, life, cookie, row } = subjects[index] as Subject;
      if (row.unknown.length > 0) continue;
      progress(round === -1 ? `${design} warms up` : `${design} under load, round ${round + 1} of ${ROUNDS}`);
      const request = profileOf(life.port, cookie);
      const done = await load({ port: life.port, request, connections: CONNECTIONS, milliseconds: turn }).catch(
        (error: Error) => void row.unknown.push(`load: ${error.message}`),
      );
      // Code that has not run yet is slow, in the same way for all.
      if (!done || round === -1) continue;
      rates[index]?.push(done.rate);
      waits[index]?.push(done.p99);
    }
  const memory = subjects.findIndex(({ design }) => design === 'memory');
  const against = (all: readonly number[][], index: number) =>
    median((all[index] ?? []).map((each, round) => each / (all[memory]?.[round] ?? Number.NaN)));
  for (const [index, { row }] of subjects.entries()) {
    if (row.unknown.length > 0) continue;
    row.rate = against(rates, index);
    row.p99 = against(waits, index);
    if (row.rate === undefined) row.unknown.push('load: there is no memory to compare it with');
  }
}

/** The one in the middle; undefined where one of them is no number, or there is none. */
function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[sorted.length >> 1];
  return values.some(Number.isNaN) ? undefined : middle;
}

/** The share of requests that fail from the moment on at which the store is killed. */
async function withoutStore(store: Store, port: number, cookie: string): Promise<number> {
  await store.kill();
  let failed = 0;
  for (let times = 0; times < TIMES; times++)
    for (const [method, target] of STORELESS) {
      const body = method === 'PUT' ? { body: { count: 1 + times } } : {};
      // Whoever is hung up on has no answer, and that is what is counted.
      const answer = await ask(port, method, target, { cookie, ...body }).catch(() => undefined);
      if (answer?.ok) await answer.arrayBuffer();
      else failed++;
    }
  return failed / (TIMES * STORELESS.length);
}

/** Users logged out in a fleet to which this happens, as a share of all. */
async function loggedOut(design: string, act: Act, users: number, seed: number): Promise<number> {
  const result = await fleet({ protocol: card.name, design, policy: POLICY, act, users, seed });
  return result.loggedOut;
}

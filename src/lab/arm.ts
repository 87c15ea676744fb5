// One run of a workload against a fresh server: uncut, or with one cut at one place.

import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tap } from '../capture/tap.ts';
import { changesBetween, clockSince, readTraces, type Trace } from '../capture/trace.ts';
import type { AnyCard } from '../protocols/index.ts';
import type { Client, Facts, Json, Settings } from '../protocols/shapes.ts';
import { type Behind, startBehind } from './behind.ts';
import { holdDials } from './dials.ts';
import { inOrder, openings } from './endings.ts';
import type { Foreign } from './foreign.ts';
import { diskJournal } from './journals/disk.ts';
import { redisStream } from './journals/redis.ts';
import type { Host } from './lives.ts';
import { storeOf } from './messages.ts';
import { Replica } from './replica.ts';
import { missingStore, needsStore, type Store, StoreError, startStore } from './store.ts';
import { type Cut, expiryOf, placeInWords, type Step, type Story } from './story.ts';
import { type Succession, succession } from './succession.ts';
import { temporaryFolder } from './tidy.ts';
import { seededWorld, standingClock } from './world.ts';

/** How long one step may take unless told otherwise, in milliseconds: what has not been answered by then is not going to be. */
const STEP = 10_000;
/** How long it may take until the client has heard that a dead server's connections are closed, in milliseconds. */
const HEARD = 1_000;

export interface ArmOptions {
  story: Story;
  design: string;
  cut?: Cut;
  seed: number;
  /** `process.hrtime.bigint()` when the run began. */
  origin: bigint;
  /** What a person has set, beside what the lab gives to all instances alike. */
  settings?: Settings;
  /** Shows what happens while the server is dead as well. */
  asides?: boolean;
  /** Called when a step is over and everything it caused has been written down. */
  pause?: (traces: Trace[]) => Promise<void>;
  /** Where processes come from. */
  host?: () => Host;
  /** The server is somebody else's program, and not the one that the story's protocol has here. */
  foreign?: Foreign | undefined;
  /** How long one step may take, in milliseconds: what has not been answered by then is not going to be. */
  patience?: number;
  /** What the client says on a stream reaches the server one byte at a time. */
  bytewise?: boolean | undefined;
  /** What stands behind the server, where it has been started before: it is renewed, and not stopped. */
  behind?: Behind | undefined;
}

export interface StepResult {
  name: string;
  answer: string;
  failed: boolean;
}

export interface Arm {
  cut: Cut | undefined;
  steps: StepResult[];
  /** What the taps and the lab wrote down, in the order in which it happened. */
  traces: Trace[];
  /** Set when the lab itself failed: the arm says nothing about the server. */
  fault?: Error;
}

/** Plays a story's workload once. Leaves no process and no folder behind, however it ends. */
export async function playArm(options: ArmOptions): Promise<Arm> {
  const { story, design, cut, seed, origin, patience = STEP } = options;
  const clock = clockSince(origin);
  const { path: folder, remove } = temporaryFolder();
  const tracePath = join(folder, 'trace');
  const own: Trace[] = [];
  const note = (trace: Trace) => void own.push(trace);
  const steps: StepResult[] = [];
  /** Nobody can ask the server whether it has heard all that its store has to say. */
  const unseen = story.card.designs[design]?.runs !== undefined;
  let store: Store | undefined;
  let behind: Behind | undefined;
  const time = standingClock();
  let lives: Succession | undefined;
  let client: Client | undefined;
  let gone = false;
  /** When the story is over: what is ended after that, the lab ends. */
  let over = Number.POSITIVE_INFINITY;
  let fault: Error | undefined;

  /** Writes down how the client's own memory has changed. */
  let known: Facts = {};
  const lookAtClient = () => {
    const facts = client?.facts() ?? {};
    const changes = changesBetween(known, facts);
    known = facts;
    if (changes.length > 0) note({ t: clock(), who: 'client', is: 'memory', changes });
  };

  // The tap stands before this, or it would not see what comes of a dial that is held.
  const dials = cut?.is === 'silence' ? holdDials() : undefined;
  /** How much has come by at the client. */
  let heard = 0;
  const connections = openings();
  const untap = tap({
    who: 'client',
    clock,
    port: () => lives?.port ?? 0,
    sink(trace) {
      heard++;
      note(trace);
      connections.see(trace);
      // What it remembers for the sake of a message it sends, it remembers already; what it makes of one it reads, it will soon.
      if (trace.is === 'bytes' && trace.way === 'sent') lookAtClient();
      else queueMicrotask(lookAtClient);
    },
  });

  try {
    note({
      t: clock(),
      who: 'lab',
      is: 'arm',
      arm: cut ? 'severed' : 'control',
      ...(cut ? { cut: cut.is, at: placeInWords(cut.at) } : {}),
    });
    store = await storeFor(story.card, design, folder);
    await options.behind?.renew();
    behind = options.behind ?? (await startBehind(story.card, { seed, origin: String(origin) }, options.host));
    lives = await succession({
      options: {
        protocol: story.protocol,
        design,
        host: '127.0.0.1',
        port: 0,
        folder: join(folder, 'state'),
        seed,
        trace: tracePath,
        origin: String(origin),
        settings: { ...settingsFor(story.card, design, seed, store), ...behind?.settings, ...options.settings },
      },
      balanced: cut?.is === 'swap' || cut?.is === 'silence' || options.bytewise === true,
      bytewise: options.bytewise,
      ...(dials ? { dials } : {}),
      calls: story.card.calls,
      step: patience,
      ...(cut && 'on' in cut.at ? { kill: cut.at.on } : {}),
      note,
      clock,
      ...(options.host ? { host: options.host } : {}),
      ...(options.foreign
        ? { foreign: { program: options.foreign, over: story.card.transport, heard: () => heard } }
        : {}),
    });
    client = (await story.card.connect({
      host: '127.0.0.1',
      port: lives.port,
      world: seededWorld(seed, 'client', time),
      waits: lives.waits,
      design,
      introduce: (path, name) => note({ t: clock(), who: 'client', is: 'named', path, name }),
    })) as Client;

    for (const [index, step] of story.steps.entries()) {
      const number = index + 1;
      const result = await take(step, client, { clock, note, number, patience, aside: false });
      steps.push(result);
      lookAtClient();
      await rest();
      // Noted when all is quiet: what else the step set going, such as a FIN, would else come before it or after it by chance.
      note({ t: clock(), who: 'client', is: 'answer', step: number, answer: result.answer, failed: result.failed });
      if (!result.failed && cut && 'after' in cut.at && cut.at.after === number) await sever(cut);
      await options.pause?.(all());
      if (result.failed) break;
    }
    await leave();
    await rest();
    over = clock();
  } catch (error) {
    fault = error as Error;
  }
  try {
    await leave();
    await lives?.stop();
  } catch (error) {
    fault ??= error as Error;
  }
  if (!options.behind) await behind?.stop();
  await store?.stop();
  untap();
  dials?.restore();
  fault ??= lives?.fault();
  const traces = all();
  await remove();
  return { cut, steps, traces, ...(fault ? { fault } : {}) };

  /**
   * Resolves when both ends have come to rest, so that the same run always takes the same order. Three turns, because a FIN is
   * answered by a FIN, and only that one tells the server that the path is gone. A server of others may say that it has a message
   * while its store still has to tell it: it is given what the store has said before it is asked.
   */
  async function rest(): Promise<void> {
    if (!lives) return;
    for (let turns = 0; turns < lives.turns; turns++) {
      if (unseen) await store?.settled();
      await lives.settled();
      await turn();
    }
  }

  /** The client goes, once. */
  async function leave(): Promise<void> {
    if (gone) return;
    gone = true;
    // How it went says nothing of the server; and one that waits for a word which never comes has gone when the server is stopped.
    if (client) await within(patience, client.close(), 'the client has not gone').catch(() => {});
  }

  async function sever({ is }: Cut): Promise<void> {
    if (!lives || !client) return;
    switch (is) {
      case 'forget':
        return lives.forget();
      case 'swap':
        await lives.swap();
        return rest();
      case 'silence':
        return lives.silence();
      case 'expire': {
        const by = expiryOf(story);
        await lives.pass(by);
        time.pass(by);
        lookAtClient();
        return rest();
      }
      case 'path':
        note({ t: clock(), who: 'client', is: 'moved' });
        await within(patience, client.move(), 'the client has not come back');
        return rest();
      case 'kill':
      case 'store':
        await lives.kill();
        await connections.ended(HEARD);
        await turn();
        if (options.asides) {
          const where = { host: '127.0.0.1', port: lives.port };
          for (const [index, step] of (story.whileDead ?? []).entries()) {
            const number = index + 1;
            const { answer, failed } = await take(step, where, { clock, note, number, patience, aside: true });
            note({ t: clock(), who: 'client', is: 'answer', step: number, answer, failed });
          }
        }
        if (is === 'store') {
          const facts = store
            ? await heldInCommon(story, design, store)
            : await heldIn(join(folder, 'state'), story.card.designs[design]);
          await (store ? store.wipe() : wipe(join(folder, 'state')));
          note({ t: clock(), who: 'lab', is: 'wiped', facts, ...(store ? { store: 'redis' } : {}) });
        }
        await lives.rebirth();
    }
  }

  /** Everything written down so far, by all processes, in the order in which it happened. */
  function all(): Trace[] {
    const theirs = existsSync(tracePath) ? readTraces(readFileSync(tracePath, 'utf8')) : [];
    return inOrder([...own, ...theirs].filter(({ t }) => t <= over).sort((a, b) => a.t - b.t));
  }
}

interface Taking {
  clock: () => number;
  note: (trace: Trace) => void;
  number: number;
  /** In milliseconds. */
  patience: number;
  aside: boolean;
}

async function take<C>(
  step: Step<C>,
  client: C,
  { clock, note, number, patience, aside }: Taking,
): Promise<StepResult> {
  note({ t: clock(), who: 'client', is: 'step', step: number, name: step.name, aside });
  return within(patience, step.act(client), 'no answer').then(
    (answer) => ({ name: step.name, answer, failed: false }),
    (error: Error) => ({ name: step.name, answer: error.message, failed: true }),
  );
}

/** Rejects when it has not come about within so many milliseconds: a client that waits for ever is not waited for. */
async function within<T>(patience: number, promised: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${patience / 1000} s`)), patience);
  });
  return Promise.race([promised, late]).finally(() => clearTimeout(timer));
}

/** One turn of this process's loop: what has arrived by now is read. */
function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

/** What all instances of a run are given alike, such as a secret that they share: 128 bits, the same for the same seed. */
export function settingsFor(card: AnyCard, design: string, seed: number, store?: Pick<Store, 'url'>): Settings {
  const common = store ? { store: store.url } : {};
  if (!card.designs[design]?.takes?.includes('secret')) return common;
  return { ...common, secret: Buffer.from(seededWorld(seed, 'shared').name(), 'base64url').toString('hex') };
}

/** The store of a run, where the design needs one. Rejects with a {@link StoreError} where there is no program for it. */
export async function storeFor(card: AnyCard, design: string, folder: string): Promise<Store | undefined> {
  if (!needsStore(card, design)) return undefined;
  const missing = missingStore(card, design);
  if (missing !== undefined) throw new StoreError(missing);
  return startStore(join(folder, 'redis'));
}

/** What another instance would know. */
async function heldInCommon({ card, protocol }: Story, design: string, { url }: Store): Promise<Facts> {
  const rules = card.designs[design]?.rules;
  if (!rules || card.designs[design]?.holds !== 'redis') return {};
  const shared = redisStream(storeOf({ protocol, design, settings: { store: url } }));
  const world = seededWorld(0, 'lab');
  return Replica.look({ rules, wire: card.wire, world, transport: card.transport, shared, who: 'lab/1' });
}

/** What the next process would have known: the fold of what is written down. */
async function heldIn(folder: string, held: AnyCard['designs'][string] | undefined): Promise<Facts> {
  // Of what others write down only they know what it says.
  if (held?.holds !== 'disk' || !held.rules) return {};
  const journal = await diskJournal<unknown, Json>({ folder });
  try {
    return held.rules.facts((await journal.recover(held.rules.empty(), held.rules.apply)).state);
  } finally {
    await journal.close();
  }
}

async function wipe(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
}

// The process that a server lives and dies in. Started by the lab, told what to be over the channel between them; when that
// channel closes, for whatever reason, it ends: a server without its lab would be a server nobody can stop.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { type Change, clockSince, type FileSink, fileSink, type Sink } from '../capture/trace.ts';
import { loadCard } from '../protocols/index.ts';
import { syncOf } from './journals/sync.ts';
import { type Because, StateKeeper } from './keeper.ts';
import { type FromHost, type LifeOptions, storeOf, type ToHost } from './messages.ts';
import { REAL_WORLD, realClock, seededWorld, standingClock } from './world.ts';

/** What the lab asks of a keeper, whichever it is. */
type Kept = Pick<StateKeeper<unknown, unknown, never>, 'facts' | 'forget' | 'settled'>;

interface Begun {
  /** None where nobody can look into the server. */
  keeper?: Kept;
  /** Moves the clock, where it is not that on the wall. */
  pass(by: number): Promise<void>;
  stop(): Promise<void>;
}

let begun: Promise<Begun> | undefined;
let listening = false;
/** Where traces go now. Only its target changes, so the taps need not know. */
let file: FileSink | undefined;
const sink: Sink = (trace) => file?.sink(trace);

process.on('disconnect', () => process.exit());
// Ctrl-C in a terminal goes to the whole group; the lab decides when a server ends.
process.on('SIGINT', () => {});

process.on('message', (message: ToHost) => {
  hear(message).catch((error) => {
    tell({
      is: 'failed',
      reason: inWords(error as NodeJS.ErrnoException),
      ours: !OTHERS.has((error as Error).name) && !(error as NodeJS.ErrnoException).code,
      stack: (error as Error).stack ?? '',
    });
  });
});

/** How long an instance of a seeded run counts as alive without saying so, in milliseconds. */
const PATIENT = 60_000;

/** Errors that a person can set right. */
const OTHERS = new Set(['JournalError', 'SettingError']);

/** What is wrong and what to do about it, for what a person can set right: where the server listens. */
function inWords({
  code,
  message,
  port,
  address,
}: NodeJS.ErrnoException & { port?: number; address?: string }): string {
  switch (code) {
    case 'EADDRINUSE':
      return `${address} port ${port} is in use by another program: stop that one, or give another port with --port`;
    case 'EACCES':
      return port === undefined
        ? message
        : `port ${port} needs more rights than yours: give another one, above 1023, with --port`;
    case 'EADDRNOTAVAIL':
      return `this machine has no address ${address}: give another one with --host`;
    case 'ENOTFOUND':
      return `no machine of that name is known (${message}): give an address with --host`;
    default:
      return message;
  }
}

function tell(message: FromHost): void {
  if (process.connected) process.send?.(message);
}

async function hear(message: ToHost): Promise<void> {
  switch (message.is) {
    case 'begin':
      begun = begin(message.options);
      await begun;
      return;
    case 'trace': {
      const before = file;
      file = fileSink(message.path);
      before?.close();
      return tell({ is: 'tracing', path: message.path });
    }
    case 'ping':
      // Whoever asks wants to know that all is done that had begun.
      if (listening) await (await begun)?.keeper?.settled();
      return tell({ is: 'pong' });
    case 'forget': {
      const life = await begun;
      if (!life?.keeper) throw new Error('nobody can reach into this server and empty its memory');
      const facts = await life.keeper.forget();
      tell({ is: 'forgot', facts, left: life.keeper.facts() });
      return;
    }
    case 'clock':
      await (await begun)?.pass(message.by);
      return tell({ is: 'passed' });
    case 'stop': {
      const life = await begun;
      await life?.stop();
      process.disconnect();
    }
  }
}

/** A port that nothing leads to. */
const NOWHERE = -1;

async function begin(options: LifeOptions): Promise<Begun> {
  const plain = await loadCard(options.protocol);
  const card = plain?.configure
    ? await plain.configure(options.settings ?? {}, options.folder ?? process.cwd())
    : plain;
  const design = card?.designs[options.design];
  if (!card || !design) throw new Error(`there is no ${options.protocol}/${options.design}`);
  let port = 0;

  let untap = () => {};
  const clock = clockSince(BigInt(options.origin));
  const who = options.who;
  // A kill that waits for a message needs a tap, also where nobody is to read what it hears.
  if (options.trace || options.kill) {
    const { tap } = await import('../capture/tap.ts');
    const { armed } = await import('./armed.ts');
    if (options.trace) file = fileSink(options.trace);
    untap = tap({
      who,
      sink,
      clock,
      port: () => port,
      // What a server that is not ours dials by itself, such as its store, is no part of the story; nor is what stands behind one of ours.
      ...(design.runs || card.behind ? { remotePort: () => NOWHERE } : {}),
      group: { hold: (trace) => file?.hold(trace), flush: () => file?.flush() },
      ...(options.kill ? { watch: armed(card, options.kill, { sink, who, clock, port: () => port }) } : {}),
    });
  }

  const observe = options.trace ? sink : undefined;
  const host = isIP(options.host) ? options.host : (await lookup(options.host)).address;
  const at = { host, port: options.port };
  const opening = [...(card.opening ?? [])];

  if (design.runs) {
    const given = { folder: options.folder ?? process.cwd(), settings: options.settings ?? {} };
    const server = await design.runs(at, given);
    port = server.port;
    const path = `${host}:${port}`;
    observe?.({ t: clock(), who, is: 'born', pid: process.pid, path, facts: {}, notes: [], unseen: true });
    tell({ is: 'listening', port, notes: [], opening });
    return {
      async pass() {
        throw new Error('nobody can move the clock of this server');
      },
      async stop() {
        await server.close();
        untap();
      },
    };
  }

  const { diskJournal } = design.holds === 'disk' ? await import('./journals/disk.ts') : { diskJournal: undefined };
  const kill = options.kill;
  const armedAt =
    kill && (kill.moment === 'write' || kill.moment === 'sync')
      ? { at: (await import('./armed.ts')).armedJournal(kill, observe, who, clock) }
      : {};
  const journal = await diskJournal?.({
    folder: options.folder ?? '.',
    sync: syncOf(options.settings ?? {}),
    ...armedAt,
  });

  const standing = options.seed === undefined ? undefined : standingClock(options.passed);
  const time = standing ?? realClock();
  /** What has come to its end before anybody can be served waits until then. */
  let early: (() => void)[] | undefined = [];

  const keeping = {
    rules: design.rules,
    wire: card.wire,
    // Each life rolls dice of its own: a secret made after a kill is another one.
    world: options.seed === undefined ? REAL_WORLD : seededWorld(options.seed, who, time),
    wake: (at: number | undefined, ring: () => void) => time.wake(at, () => (early ? early.push(ring) : ring())),
    transport: card.transport,
    ...(observe
      ? {
          observe: (changes: Change[], because?: Because) =>
            observe({ t: clock(), who, is: 'memory', changes, ...(because ? { because } : {}) }),
          learned: (path: string, outcome: never) => observe({ t: clock(), who, is: 'learned', path, outcome }),
        }
      : {}),
  };
  const { keeper, notes } =
    design.holds === 'redis'
      ? await follow()
      : await StateKeeper.open({
          ...keeping,
          journal,
          failed: (error) => {
            process.exitCode = 1;
            tell({ is: 'failed', reason: error.message, ours: false, stack: '' });
            process.disconnect();
          },
        });

  /** One of several instances, with what they all know. */
  async function follow() {
    const { Replica } = await import('./replica.ts');
    const { redisStream } = await import('./journals/redis.ts');
    const shared = redisStream({ ...storeOf(options), ...armedAt });
    const keeper = await Replica.open({
      ...keeping,
      shared,
      who,
      // In a run whose time and chance are fixed, nobody is given up for the time that the machine took.
      ...(options.seed === undefined ? {} : { lease: PATIENT }),
      tell: (text) => {
        observe?.({ t: clock(), who, is: 'note', text });
        tell({ is: 'note', text });
      },
    });
    return { keeper, notes: [] };
  }

  const server = await card.serve(keeper, at, options.bounds);
  port = server.port;
  observe?.({
    t: clock(),
    who,
    is: 'born',
    pid: process.pid,
    path: `${host}:${server.port}`,
    facts: keeper.facts(),
    notes,
  });
  const rings = early;
  early = undefined;
  for (const ring of rings) ring();
  tell({ is: 'listening', port, notes, opening });
  listening = true;

  return {
    keeper: keeper as never,
    async pass(by) {
      if (!standing) throw new Error('only the clock of a seeded run can be moved');
      observe?.({ t: clock(), who, is: 'passed', by });
      standing.pass(by);
      await keeper.settled();
    },
    async stop() {
      await server.close();
      if ('close' in keeper) await keeper.close();
      else await keeper.settled();
      await journal?.close();
      untap();
    },
  };
}

// One life after another on the same port, and what a client may be told about it.

import type { Trace } from '../capture/trace.ts';
import type { Transport, Waits } from '../protocols/shapes.ts';
import type { Over } from '../wire/wire.ts';
import { type Balancer, balancer } from './balancer.ts';
import type { Dials } from './dials.ts';
import { beginForeign, type Foreign } from './foreign.ts';
import { beginLife, type Host, type Life, LifeError, startHost } from './lives.ts';
import type { KillOn, LifeOptions } from './messages.ts';

/**
 * How long the lab waits for an answer, in milliseconds. A datagram may be lost, and then nobody says so. On a stream every end is
 * heard, and what a link swallows the lab knows: so there it is longer than any step may take, and only bounds what comes after them.
 */
const OVERDUE = { udp: 1_000, tcp: 15_000 };
/** By how much longer than a step, where somebody has said how long that may be. */
const LONGER = 1.5;

export interface SuccessionOptions {
  options: Omit<LifeOptions, 'who' | 'kill'>;
  /** Names the lives: `echo/1`, `echo/2`. */
  calls: string;
  /** Ends the first life at a protocol event. */
  kill?: KillOn;
  /** Puts a balancer in front, for `swap` and `silence`; with `bytewise`, it passes streams on one byte at a time. */
  balanced?: boolean;
  bytewise?: boolean | undefined;
  /** The client's dials, for `silence`. */
  dials?: Dials;
  note: (trace: Trace) => void;
  clock: () => number;
  host?: () => Host;
  /** The lives are somebody else's programs, and no hosts of ours: what they speak on, and how much has come by at the client so far. */
  foreign?: { program: Foreign; over: Transport; heard: () => number } | undefined;
  /** How long a step may take, in milliseconds: on a stream nothing is overdue before that. */
  step?: number;
  /** Told what a person should know of a life that runs. */
  said?: (text: string) => void;
}

export interface Succession {
  port: number;
  waits: Waits;
  /** Resolves when the current life has worked through all that had reached it, or is found dead and has been followed. */
  settled(): Promise<void>;
  forget(): Promise<void>;
  /** Moves the clock of this life forward, and with it that of all that follow, in milliseconds. */
  pass(by: number): Promise<void>;
  /** The current life. */
  current(): Life;
  /** This life and all that follow trace into another file. */
  traceInto(path: string): Promise<void>;
  /** Kills the current life; nobody follows until `rebirth`. */
  kill(): Promise<void>;
  rebirth(): Promise<void>;
  /** Another instance answers from here on. The one before lives on, and nobody is led to it. */
  swap(): Promise<void>;
  /** The link swallows everything, until the client's patience with an answer has run out. */
  silence(): void;
  /** How many turns of their loops both ends need to come to rest: what goes through a balancer takes more. */
  turns: number;
  stop(): Promise<void>;
  /** A life that ended without being told to. */
  fault(): Error | undefined;
}

export async function succession({
  options,
  calls,
  kill,
  balanced = false,
  bytewise,
  dials,
  note,
  clock,
  host = startHost,
  foreign,
  step = 0,
  said,
}: SuccessionOptions): Promise<Succession> {
  let number = 0;
  let stopping = false;
  let fault: Error | undefined;
  /** The life that the lab has killed: nobody else may. */
  let doomed: string | undefined;
  let { trace } = options;
  /** Resolves when the next life listens; renewed with each. */
  let next = promised();
  let { folder } = options;
  let passed = 0;
  let current = await begin(options.port, kill);
  /** Where the lives listen, one after another. */
  let { port } = current;
  const retired: Life[] = [];
  const front = balanced
    ? await balancer({ host: options.host, port, note, clock, bytewise, ...(dials ? { dials } : {}) })
    : undefined;
  /** How many turns of their loops both ends need to come to rest. Who does not tell of its turns is given time instead. */
  const turns = foreign ? 1 : front ? 9 : 3;

  async function begin(at: number, on?: KillOn): Promise<Life> {
    number++;
    const who = `${calls}/${number}`;
    const life = foreign
      ? await beginForeign(
          {
            ...foreign,
            who,
            host: options.host,
            port: at,
            folder: folder ?? '.',
            store: options.settings?.store,
            note,
            clock,
          },
          foreign.program,
        )
      : await beginLife(
          {
            ...options,
            ...(folder ? { folder } : {}),
            ...(passed > 0 ? { passed } : {}),
            port: at,
            who,
            ...(trace ? { trace } : {}),
            ...(on ? { kill: on } : {}),
          },
          host(),
          said,
        );
    void life.died.then(async ({ signal, code }) => {
      if (stopping) return;
      note({ t: clock(), who, is: 'died', signal, code });
      // On Windows a process that ends itself looks as if it had exited with code 1.
      const killed = signal === 'SIGKILL' || (process.platform === 'win32' && on !== undefined && code === 1);
      if (killed && who === doomed) return;
      // A life that was armed to die on an event is followed at once: nobody else knows that it is gone.
      if (killed && on) return rebirth();
      const { reason, ours } = await life.lastWords();
      const how = killed ? 'was killed by somebody else' : `ended by itself (${signal ?? `exit code ${code}`})`;
      fault = new LifeError(ours ? [`${who} ${how}`, reason].filter(Boolean).join(': ') : reason, ours && !killed);
      // Nobody follows, and nobody should wait for it.
      next.reject(fault);
    });
    return life;
  }

  /** The birth under way, if any: whoever stops the lab must wait for it, or a process would be left behind. */
  let birth: Promise<void> | undefined;
  function rebirth(): Promise<void> {
    // Somebody may have asked for the end between a kill and this.
    if (stopping) return Promise.resolve();
    birth = follow();
    return birth;
  }

  async function follow(): Promise<void> {
    try {
      current = await begin(port);
      if (stopping) await current.stop();
      next.resolve();
      next = promised();
    } catch (error) {
      fault = error as Error;
      next.reject(fault);
    }
  }

  /** Resolves once somebody listens, if need be after a rebirth. */
  async function listening(): Promise<void> {
    const { promise } = next;
    const asked = current;
    if (await asked.alive()) return;
    // Neither dead nor answering: it is stopped, or runs in circles.
    if (!asked.dead()) {
      fault ??= new LifeError(`${asked.who} does not answer any more`, true);
      throw fault;
    }
    await promise;
  }

  /** A silence that is coming to its end; whoever dials again or waits for anything does so after that. */
  let patience: Promise<void> | undefined;
  let healing: Promise<void> | undefined;

  /** Resolves when all that was said has arrived, or has been swallowed. */
  async function quiet(): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      await listening();
      await new Promise((done) => setImmediate(done));
    }
  }

  /**
   * Resolves when the patience of whoever waits in the silence has run out: at once, since the silence is longer than any. It ends as
   * soon as nobody waits for anything in it. Who asks by datagrams may ask again right after that, so it ends before; a
   * connection is given up into the silence, so it ends after.
   */
  async function runOut(front: Balancer): Promise<void> {
    await quiet();
    patience = undefined;
    if (!front.waitedOn()) return front.heal();
    healing = quiet().then(() => {
      front.heal();
      healing = undefined;
    });
    // That a life does not answer any more is in `fault` by then, and whoever else waits is told as well.
    healing.catch(() => {});
  }

  /** What is still waited for: when all is over nobody is told any more, or who waits for ever would keep this process alive. */
  const waiting = new Set<NodeJS.Timeout>();

  /** Resolves when there is no point in waiting any longer for what is not coming. */
  function overdue(answered: AbortSignal, over: Over): Promise<void> {
    return new Promise((resolve) => {
      if (answered.aborted || stopping) return;
      const done = () => {
        clearTimeout(timer);
        waiting.delete(timer);
        answered.removeEventListener('abort', done);
      };
      const timer = setTimeout(
        () => {
          done();
          resolve();
        },
        over === 'udp' ? OVERDUE.udp : Math.max(OVERDUE.tcp, LONGER * step),
      );
      waiting.add(timer);
      answered.addEventListener('abort', done);
      // A dead server will not answer; on a stream that is heard, and to leave it before would be another story.
      if (over === 'udp' && !current.dead()) void current.died.then(() => resolve());
    });
  }

  const waits: Waits = {
    // A real client would dial at once and again after a while. Here the first dial waits until it is certain that the server
    // is dead, and the second until the next one listens: the same story, with the same number of refusals, every time.
    async redial(attempt) {
      await healing;
      if (attempt === 0) await current.alive();
      else await listening();
    },
    async overdue(answered, over = 'udp') {
      if (front?.silent && !healing) {
        patience ??= runOut(front);
        return patience;
      }
      await healing;
      return overdue(answered, over);
    },
  };

  return {
    port: front?.port ?? port,
    turns,
    waits,
    current: () => current,
    async traceInto(path) {
      trace = path;
      await listening();
      await current.traceInto(path);
    },
    async settled() {
      await healing;
      front?.answer();
      await listening();
    },
    async forget() {
      const { facts, left } = await current.forget();
      note({ t: clock(), who: current.who, is: 'forgot', facts, left });
    },
    async pass(by) {
      await current.pass(by);
      passed += by;
    },
    async kill() {
      doomed = current.who;
      note({ t: clock(), who: current.who, is: 'kill', pid: current.pid });
      await current.kill();
    },
    rebirth,
    async swap() {
      if (!front) throw new Error('nobody stands in front who could lead to another instance');
      note({ t: clock(), who: current.who, is: 'swapped' });
      retired.push(current);
      await front.drop();
      // That its connections have ended may be heard by others too: each answer of its is one step of that.
      for (let steps = 0; steps < Math.min(3, turns); steps++) await current.alive();
      // Another instance is another machine: it shares neither memory nor disk with the one before.
      if (folder) folder = `${options.folder}-${retired.length + 1}`;
      current = await begin(0);
      port = current.port;
      front.lead(port);
    },
    silence() {
      if (!front) throw new Error('nobody stands in front who could swallow anything');
      front.silence();
    },
    async stop() {
      stopping = true;
      for (const timer of waiting) clearTimeout(timer);
      waiting.clear();
      await birth;
      try {
        await front?.close();
      } finally {
        for (const life of [...retired, current]) await life.stop();
      }
    },
    fault: () => fault,
  };
}

function promised(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = () => {};
  let reject = (_error: Error) => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Nobody may be waiting when it is broken; the fault is told in the arm all the same.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

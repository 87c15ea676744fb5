// One life after another on the same port, and what a client may be told about it.

import type { Trace } from '../capture/trace.ts';
import type { Waits } from '../protocols/shapes.ts';
import { balancer } from './balancer.ts';
import { beginLife, type Host, type Life, LifeError, startHost } from './lives.ts';
import type { KillOn, LifeOptions } from './messages.ts';

/** How long the lab takes silence for an answer that is merely slow, in milliseconds. */
const SILENCE = 1_000;

export interface SuccessionOptions {
  options: Omit<LifeOptions, 'who' | 'kill'>;
  /** Names the lives: `echo/1`, `echo/2`. */
  calls: string;
  /** Ends the first life at a protocol event. */
  kill?: KillOn;
  /** Puts a balancer in front, for `swap`. */
  balanced?: boolean;
  note: (trace: Trace) => void;
  clock: () => number;
  host?: () => Host;
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
  note,
  clock,
  host = startHost,
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
  const front = balanced ? await balancer({ host: options.host, port, note, clock }) : undefined;

  async function begin(at: number, on?: KillOn): Promise<Life> {
    number++;
    const who = `${calls}/${number}`;
    const life = await beginLife(
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

  const waits: Waits = {
    // A real client would dial at once and again after a while. Here the first dial waits until it is certain that the server
    // is dead, and the second until the next one listens: the same story, with the same number of refusals, every time.
    async redial(attempt) {
      if (attempt === 0) await current.alive();
      else await listening();
    },
    overdue(answered) {
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, SILENCE);
        answered.addEventListener('abort', () => clearTimeout(timer), { once: true });
        // A dead server will not answer; there is no point in waiting on.
        if (!current.dead()) void current.died.then(() => resolve());
      });
    },
  };

  return {
    port: front?.port ?? port,
    turns: front ? 9 : 3,
    waits,
    current: () => current,
    async traceInto(path) {
      trace = path;
      await listening();
      await current.traceInto(path);
    },
    settled: listening,
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
      await current.alive();
      // Another instance is another machine: it shares neither memory nor disk with the one before.
      if (folder) folder = `${options.folder}-${retired.length + 1}`;
      current = await begin(0);
      port = current.port;
      front.lead(port);
    },
    async stop() {
      stopping = true;
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

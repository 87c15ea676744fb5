// A life that is somebody else's program: a server in any language, started by a command and told its port. It can be seen from outside
// and it can be killed; nobody can look into it, and nobody asks it anything but what a client would.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { pathOf } from '../bounds/paths.ts';
import type { Trace } from '../capture/trace.ts';
import type { AnyCard } from '../protocols/index.ts';
import { type Beside, SettingError, type Transport } from '../protocols/shapes.ts';
import { printable } from '../wire/printable.ts';
import { listens } from './listens.ts';
import { type Death, type Life, LifeError } from './lives.ts';
import { freePort } from './ports.ts';
import { linesOf } from './printed.ts';
import { heirsOf, portsOf } from './processes.ts';
import { adopt } from './tidy.ts';

/** A program in any language that serves on a port it is told. */
export interface Foreign {
  /** The command: words, or one line for the shell. */
  command: readonly string[] | string;
  /** Where it runs; here unless given. */
  cwd?: string;
  /** Beside PORT, HOST and STATE_DIR, and REDIS_URL where there is a store. */
  env?: Readonly<Record<string, string>>;
  /** Told each line that it prints, drawn so that a terminal may show it, and on which stream. */
  printed?: (who: string, stream: 'stdout' | 'stderr', line: string) => void;
  /** How long it may take to listen, in milliseconds; ten seconds unless given. */
  patience?: number;
}

export interface ForeignOptions {
  /** Its name in the log: `server/1`. */
  who: string;
  host: string;
  /** 0 means any free one. */
  port: number;
  /** STATE_DIR: made if it is not there. */
  folder: string;
  over: Transport;
  /** REDIS_URL: the store of the run. */
  store?: string | undefined;
  note: (trace: Trace) => void;
  clock: () => number;
  /** How much has come by at the client so far, in any unit: what does not change any more has come to rest. */
  heard: () => number;
}

/** How long a program may take to listen, and to end when it is asked to, in milliseconds. */
const PATIENCE = 10_000;
const FAREWELL = 1_000;
/** Between two looks whether it listens, in milliseconds. */
const LOOK = 10;
/** For so long nothing must come by for all to be at rest, and no longer than that is waited for it, in milliseconds. */
const QUIET = 25;
const LONGEST = 500;
/** The last lines that are kept for when it fails. */
const KEPT = 8;

/** What every process of a life inherits, beside what it needs. */
const MARK = 'AMNESIA_LIFE';
const GROUPS = process.platform !== 'win32';

/**
 * The card of a protocol with one design alone, under this name: a server that is not ours. `disk`: it may keep what it likes in
 * STATE_DIR, and whether it does is for the cuts to tell; `redis`: the store that REDIS_URL names can be lost as well.
 */
export function foreignCard(card: AnyCard, design: string, holds: 'disk' | 'redis' = 'disk'): AnyCard {
  const { behind: _none, configure: _neither, ...common } = card;
  const theirs: Beside = {
    holds,
    tells: 'somebody else’s program, as it comes',
    promises: 'whatever its author promises',
    ...(holds === 'redis' ? { takes: ['store'] } : {}),
    async runs() {
      throw new SettingError(`${card.name}/${design} is started by a command of its own, and not by us`);
    },
  };
  return { ...common, designs: { [design]: theirs } };
}

/**
 * Starts it. Resolves when it listens; rejects with a {@link LifeError} that tells what it printed, when it ends before that or does
 * not listen in time. Its birth is noted here, since it writes down nothing. A port that is refused is refused by the machine, as
 * by any server: nobody stands in between.
 */
export async function beginForeign(options: ForeignOptions, foreign: Foreign): Promise<Life> {
  const { who, host, folder, over, note, clock, heard } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const port = options.port || (await freePort(host));
  const running = start(foreign, options, port);
  const { died } = running;
  let death: Death | undefined;
  void died.then((how) => {
    death = how;
  });

  const until = performance.now() + (foreign.patience ?? PATIENCE);
  while (!(await listens(over, host, port))) {
    if (death) throw new LifeError(`${running.called} ${howItEnded(death, running, port)}`, false);
    if (performance.now() > until) {
      const elsewhere = portsOf(running.heirs());
      await running.end();
      throw new LifeError(
        `${running.called} does not listen on ${host} port ${port} after ${(foreign.patience ?? PATIENCE) / 1000} s${elsewhere.length > 0 ? `, but on port ${elsewhere.join(' and ')}: have it take its port from the environment, PORT` : ': it must listen on the port that PORT in its environment names'}${running.words()}`,
        false,
      );
    }
    await after(LOOK);
  }
  note({
    t: clock(),
    who,
    is: 'born',
    pid: running.pid,
    path: pathOf(host, port),
    facts: {},
    notes: [],
    unseen: true,
    untapped: true,
  });

  return {
    who,
    pid: running.pid,
    port,
    notes: [],
    opening: [],
    died,
    dead: () => death !== undefined,
    async lastWords() {
      const how = await died;
      return { reason: `${who} ${howItEnded(how, running)}`, ours: false };
    },
    async alive() {
      if (!death) await quiet(heard);
      return death === undefined;
    },
    async forget() {
      throw new LifeError(`nobody can reach into ${who} and empty its memory`, true);
    },
    async pass() {
      throw new LifeError(`nobody can move the clock of ${who}`, true);
    },
    // Nothing is written down at its end.
    async traceInto() {},
    async kill() {
      if (death) throw new LifeError(`${who} has died already`, true);
      await running.end();
    },
    async stop() {
      if (death) return;
      running.signal('SIGTERM');
      await Promise.race([died, late(FAREWELL)]);
      await running.end();
    },
  };
}

/**
 * Rest, at a server that answers no questions of ours: nothing has come by at the client for a while. It is bounded, since a server
 * may be one that never stops talking.
 */
async function quiet(heard: () => number): Promise<void> {
  const until = performance.now() + LONGEST;
  for (let before = heard(); ; ) {
    await after(QUIET);
    const now = heard();
    if (now === before || performance.now() >= until) return;
    before = now;
  }
}

/** The processes of one life. */
interface Running {
  /** The command, for people. */
  called: string;
  pid: number;
  died: Promise<Death>;
  /** What it has printed last, for the end of a sentence; nothing if it has not. */
  words(): string;
  /** All of its processes, where this machine tells. */
  heirs(): number[];
  /** Whether some of them went on when the first of them had ended. */
  wentOn(): boolean;
  signal(name: NodeJS.Signals): void;
  /** SIGKILL to all of them. Resolves when they are gone, so that the port is free. */
  end(): Promise<void>;
}

function start(foreign: Foreign, options: ForeignOptions, port: number): Running {
  const { command, cwd, env, printed } = foreign;
  const mark = randomBytes(8).toString('hex');
  const words = typeof command === 'string' ? [command] : [...command];
  const child = spawn(words[0] ?? '', words.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: typeof command === 'string',
    // A group of its own: what it starts is killed with it, or a shell's child would live on and keep the port.
    detached: GROUPS,
    ...(cwd === undefined ? {} : { cwd }),
    // All of the user's environment: what their program needs, we cannot know.
    env: {
      ...process.env,
      ...env,
      PORT: String(port),
      HOST: options.host,
      STATE_DIR: options.folder,
      ...(options.store === undefined ? {} : { REDIS_URL: options.store }),
      [MARK]: mark,
    },
  });
  const pid = child.pid ?? 0;
  const heirs = () => heirsOf(`${MARK}=${mark}`);
  /** Every process of it is told, also those that have left the group. */
  const signal = (name: NodeJS.Signals, also: readonly number[] = []) => {
    if (pid === 0) return;
    for (const each of [GROUPS ? -pid : pid, ...also]) {
      try {
        process.kill(each, name);
      } catch (error) {
        // It is gone already, or it has become somebody else's, as a program may that was root.
        if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
  };
  adopt(child, () => signal('SIGKILL', heirs()));
  const stopGuard = guard(pid);
  const last: string[] = [];
  const printing = (['stdout', 'stderr'] as const).map((stream) =>
    linesOf(child[stream], (line) => {
      last.push(line);
      if (last.length > KEPT) last.shift();
      printed?.(options.who, stream, line);
    }),
  );

  let missing: NodeJS.ErrnoException | undefined;
  let wentOn = false;
  const closed = Promise.all(printing);
  const died = new Promise<Death>((resolve) => {
    child.once('exit', async (code, by) => {
      const left = heirs();
      wentOn = left.length > 0;
      // Whatever it has started dies with it; the number of a group with somebody in it is given to nobody else.
      signal('SIGKILL', left);
      stopGuard();
      // Who has inherited its output keeps it open: when that is closed, they are all gone, and all is read that they printed.
      await Promise.race([closed, late(FAREWELL)]);
      resolve({ code, signal: by });
    });
    child.once('error', (error) => {
      missing = error;
      stopGuard();
      resolve({ code: null, signal: null });
    });
  });
  return {
    called: `“${printable(words.join(' '), 200)}”`,
    pid,
    died,
    words() {
      if (missing) return ` (${printable(missing.message, 200)})`;
      return last.length === 0 ? '; it has printed nothing' : `; it printed last: ${last.join(' / ')}`;
    },
    heirs,
    wentOn: () => wentOn,
    signal,
    async end() {
      signal('SIGKILL', heirs());
      await died;
    },
  };
}

/** How it ended by itself, and what to do about it. `port`: it was still to listen there. */
function howItEnded({ signal, code }: Death, running: Running, port?: number): string {
  const words = running.words();
  if (signal === null && code === null) return `cannot be started${words}`;
  const how = signal === null ? `exit code ${code}` : signal;
  const when = port === undefined ? 'ended by itself' : `ended before it listened on port ${port}`;
  // A shell that has lost its child has none by then: whoever goes on has left on purpose.
  if (running.wentOn() && code === 0)
    return `${when} (${how}), and left a process in the background: have it stay in the foreground, so that it can be killed${words}`;
  const taken = /address (is )?(already )?in use|EADDRINUSE/i.test(words)
    ? '. A server that is to come back at once on the port of one that was killed must set SO_REUSEADDR'
    : '';
  return `${when} (${how})${words}${taken}`;
}

/**
 * Kills the group when this process is gone, whatever has ended it: its pipe closes then. Returns what calls that off. Those who have
 * left the group are not reached by it.
 */
function guard(pid: number): () => void {
  if (!GROUPS || pid === 0) return () => {};
  const guarding = spawn('sh', ['-c', 'cat >/dev/null; kill -s KILL -- "-$1" 2>/dev/null', 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guarding.stdin.on('error', () => {});
  guarding.on('error', () => {});
  adopt(guarding);
  return () => void guarding.kill('SIGKILL');
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** As {@link after}, and no reason for this process to go on. */
function late(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}

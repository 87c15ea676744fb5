// The lives of a server: each one a process of its own, started, killed and started again on the same port.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Facts } from '../protocols/shapes.ts';
import type { FromHost, LifeOptions, ToHost } from './messages.ts';
import { adopt } from './tidy.ts';

/** How long a server may take to start, or to answer the lab, in milliseconds. */
const PATIENCE = 20_000;

/** A server failed by itself: its port taken, its folder unusable (`ours` false), or a fault of this program (`ours` true). */
export class LifeError extends Error {
  readonly ours: boolean;
  constructor(message: string, ours: boolean, cause?: unknown) {
    super(message, { cause });
    this.name = 'LifeError';
    this.ours = ours;
  }
}

export interface Death {
  signal: string | null;
  code: number | null;
}

/** One server process, from start to death. */
export interface Life {
  who: string;
  pid: number;
  port: number;
  notes: string[];
  /** What a person who starts it should know. */
  opening: string[];
  /** Resolves when the process is gone; never rejects. */
  died: Promise<Death>;
  dead(): boolean;
  /** What it said of its own end, once that has had time to arrive. */
  lastWords(): Promise<{ reason: string; ours: boolean }>;
  /** Empties its state; its sockets stay open. Resolves to what it knew, and what it still knows: nothing, if the cut took. */
  forget(): Promise<{ facts: Facts; left: Facts }>;
  /** Moves its clock forward, in milliseconds. Resolves when what that brought about is written down and said. */
  pass(by: number): Promise<void>;
  /** Resolves to false when it is found dead, to true when it answers. */
  alive(): Promise<boolean>;
  /** Goes on tracing into another file. */
  traceInto(path: string): Promise<void>;
  /** SIGKILL. Refuses when the process has died already, so that no other one can be hit. */
  kill(): Promise<void>;
  /** Lets it close its sockets and end. */
  stop(): Promise<void>;
}

/** A process that is ready to become a life, its imports done. */
export interface Host {
  child: ChildProcess;
  died: Promise<Death>;
  /** What it said of its own end: a reason it gave, or what it wrote to its standard error. */
  lastWords(): { reason: string; ours: boolean };
}

/** Starts a host process, not yet a server. The lab starts one ahead where it will need many. */
export function startHost({ script, flags } = hostScript()): Host {
  const child = spawn(process.execPath, [...flags, script], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'json',
    // A debugger or a coverage tool of the parent is not meant for its children.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  adopt(child);
  let complaints = '';
  let failure: (FromHost & { is: 'failed' }) | undefined;
  child.on('message', (message: FromHost) => {
    if (message.is === 'failed') failure = message;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-4000);
  });
  const died = new Promise<Death>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  const lastWords = () =>
    failure ? { reason: failure.reason, ours: failure.ours } : { reason: complaints, ours: true };
  return { child, died, lastWords };
}

/** Makes a server of a host: resolves when it listens. `said` is told what a person should know later. */
export async function beginLife(
  options: LifeOptions,
  host: Host = startHost(),
  said: (text: string) => void = () => {},
): Promise<Life> {
  const { child, died } = host;
  child.on('message', (message: FromHost) => {
    if (message.is === 'note') said(message.text);
  });
  let death: Death | undefined;
  died.then((how) => {
    death = how;
  });
  tell(child, { is: 'begin', options });
  const { port, notes, opening } = await answer(host, 'listening').catch(async (error) => {
    // Whatever it is doing instead of listening, nobody will ask it again.
    await discardHost(host);
    throw error;
  });

  return {
    who: options.who,
    pid: child.pid ?? 0,
    port,
    notes,
    opening,
    died,
    dead: () => death !== undefined,
    async lastWords() {
      // Its death may be noticed before the last it wrote has been read.
      if (child.stderr && !child.stderr.closed) await Promise.race([once(child.stderr, 'close'), after(1000)]);
      return host.lastWords();
    },
    async forget() {
      tell(child, { is: 'forget' });
      return answer(host, 'forgot');
    },
    async pass(by) {
      tell(child, { is: 'clock', by });
      await answer(host, 'passed');
    },
    async alive() {
      if (death || !child.connected) return died.then(() => false);
      tell(child, { is: 'ping' });
      const pong = answer(host, 'pong').then(
        () => true,
        () => false,
      );
      return Promise.race([pong, died.then(() => false)]);
    },
    async traceInto(path) {
      tell(child, { is: 'trace', path });
      await answer(host, 'tracing');
    },
    async kill() {
      if (death) throw new LifeError(`${options.who} has died already`, true);
      child.kill('SIGKILL');
      await died;
    },
    async stop() {
      if (death) return;
      tell(child, { is: 'stop' });
      await Promise.race([died, after(2000)]);
      if (!death) child.kill('SIGKILL');
      await died;
    },
  };
}

/** Ends a host that never became a life, or whatever became of it. */
export async function discardHost(host: Host): Promise<void> {
  host.child.kill('SIGKILL');
  await host.died;
}

function tell(child: ChildProcess, message: ToHost): void {
  // A process that died in this moment is noticed by its death, not here.
  if (child.connected) child.send(message, () => {});
}

/** The next message of a kind from a host; rejects when it fails, dies or takes too long. */
function answer<K extends FromHost['is']>(host: Host, kind: K): Promise<FromHost & { is: K }> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => done(() => reject(new LifeError(`the server did not answer within ${PATIENCE / 1000} s`, true))),
      PATIENCE,
    );
    const hear = (message: FromHost) => {
      if (message.is === kind) done(() => resolve(message as FromHost & { is: K }));
      if (message.is === 'failed') {
        done(() => reject(new LifeError(message.reason, message.ours, message.stack)));
      }
    };
    const done = (act: () => void) => {
      clearTimeout(late);
      host.child.off('message', hear);
      act();
    };
    host.child.on('message', hear);
    host.died.then(({ code, signal }) => {
      done(() =>
        reject(
          new LifeError(`the server died (${signal ?? `exit code ${code}`}). ${host.lastWords().reason}`.trim(), true),
        ),
      );
    });
  });
}

/**
 * The host as it can be started here: built JavaScript from a package, TypeScript from source. Whoever needs thousands of lives, as
 * the tests do, builds it first and says where in `AMNESIA_HOST`: that one is up in a third of the time.
 */
function hostScript(): { script: string; flags: readonly string[] } {
  const here = import.meta.url;
  const name = here.endsWith('.js') ? './host.js' : './host.ts';
  const script = process.env.AMNESIA_HOST ?? fileURLToPath(new URL(name, here));
  return { script, flags: flagsFor(script) };
}

/** What Node needs to run a script of ours from any folder: nothing for what is built. */
export function flagsFor(script: string): readonly string[] {
  if (!script.endsWith('.ts')) return [];
  // Never through the `tsx` command: the server would be its child, and a SIGKILL would leave the server answering.
  const { typescript } = process.features as { typescript?: unknown };
  if (typescript) return ['--disable-warning=ExperimentalWarning'];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}

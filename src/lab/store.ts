// A Redis of the lab's own, for designs whose state is in a shared store: started for one run, wiped when the cut asks for it, and
// gone with the run.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { keepOut } from '../capture/tap.ts';
import type { AnyCard } from '../protocols/index.ts';
import { freePort } from './ports.ts';

/** How long a Redis may take to start, in milliseconds, and how often another port is tried when somebody else has taken it. */
const STARTING = 10_000;
const TRIES = 5;

/** The program is not there, or does not start. A person can set it right. */
export class StoreError extends Error {
  /** As an error of a life: no fault of this program. */
  readonly ours = false;
  override readonly name = 'StoreError';
}

export interface Store {
  /** What `--store` takes. */
  url: string;
  port: number;
  folder: string;
  /** Its process, for whoever wants to stop it for a while. Another one after {@link kill} and {@link restart}. */
  pid(): number;
  /** Resolves when it has worked through all that had reached it before, and has said all that comes of that, to whoever listens. */
  settled(): Promise<void>;
  /** SIGKILL. What it had written stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with what it finds in its folder. */
  restart(): Promise<void>;
  /** Killed, its folder emptied, started again on the same port. */
  wipe(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether a design needs a store that is not there; why, and what to do about it. */
export function missingStore(card: AnyCard, design: string): string | undefined {
  if (!needsStore(card, design) || installed()) return undefined;
  return `${card.name}/${design} keeps its state in Redis, and redis-server is not installed here: install it (Debian and Ubuntu: apt install redis-server, macOS: brew install redis)`;
}

export function needsStore(card: AnyCard, design: string): boolean {
  return card.designs[design]?.takes?.includes('store') ?? false;
}

function installed(): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'redis-server'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Starts a Redis that listens on this machine only, at a free port, and answers for nothing that is not on its disk. `folder` is
 * made if it is not there. Rejects with a {@link StoreError} where it cannot.
 */
export async function startStore(folder: string, more: readonly string[] = []): Promise<Store> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  let running: Running | undefined;
  let port = 0;
  for (let tries = 1; !running; tries++) {
    port = await freePort();
    running = await start(folder, port, more).catch((error) => {
      // Between the asking and the taking somebody else may have taken it.
      if (tries < TRIES && /already in use/i.test(error.message)) return undefined;
      throw error;
    });
  }

  const store: Store = {
    url: `redis://127.0.0.1:${port}`,
    port,
    folder,
    pid: () => running?.pid ?? 0,
    async settled() {
      // One thread serves all, in turn, and writes all answers of one turn before it reads again.
      const asking = keepOut(connect({ port, host: '127.0.0.1' }));
      asking.write('PING\r\n');
      try {
        await once(asking, 'data');
      } finally {
        asking.destroy();
      }
    },
    async kill() {
      await running?.kill();
      running = undefined;
    },
    async restart() {
      running = await start(folder, port, more);
    },
    async wipe() {
      await store.kill();
      await rm(folder, { recursive: true });
      await mkdir(folder, { mode: 0o700 });
      await store.restart();
    },
    stop: () => store.kill(),
  };
  return store;
}

interface Running {
  pid: number;
  kill(): Promise<void>;
}

/**
 * Keeps a Redis for as long as its standard input is open: it closes when the lab ends, whatever ends it, and a store without its
 * lab would be one that nobody stops. The number of a child that has not been waited for is given to nobody else.
 */
const KEEPING = `redis-server "$@" & pid=$!; cat >/dev/null; kill -9 $pid 2>/dev/null; wait $pid`;

async function start(folder: string, port: number, more: readonly string[]): Promise<Running> {
  const options = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
    'set-proc-title': 'no',
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const keeper = spawn('sh', ['-c', KEEPING, 'sh', ...words, ...more], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => {
    keeper.once('close', () => resolve());
    keeper.once('error', () => resolve());
  });
  keeper.stdin.on('error', () => {});
  const kill = async () => {
    keeper.stdin.end();
    await ended;
  };
  try {
    return { pid: await ready(keeper, ended), kill };
  } catch (error) {
    await kill();
    throw error;
  }
}

/** Resolves to the number of the process when it takes connections. */
function ready(keeper: ChildProcess, ended: Promise<void>): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    const give = (why: string) => {
      clearTimeout(late);
      reject(new StoreError(`redis-server ${why}: ${said.trim().split('\n').slice(-3).join(' ')}`));
    };
    const late = setTimeout(() => give(`does not take connections after ${STARTING / 1000} s`), STARTING);
    void ended.then(() => give('ended'));
    const hear = (text: string) => {
      said = (said + text).slice(-4000);
      const pid = /\bpid=(\d+)/.exec(said)?.[1] ?? /^(\d+):[MC] /m.exec(said)?.[1];
      if (/Ready to accept connections/.test(said) && pid !== undefined) {
        clearTimeout(late);
        resolve(Number(pid));
      } else if (/aborting|fatal|not found/i.test(said)) give('cannot start');
    };
    for (const stream of [keeper.stdout, keeper.stderr]) stream?.setEncoding('utf8').on('data', hear);
  });
}

// Brokers in processes of their own, ours and those that nobody here wrote, begun and ended in one way.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beginLife, type Host } from '../src/lab/lives.ts';
import type { KillOn } from '../src/lab/messages.ts';
import { freePort } from '../src/lab/ports.ts';
import { adopt } from '../src/lab/tidy.ts';
import type { Settings } from '../src/protocols/shapes.ts';
import { program } from './peers.ts';

/** How long a program may take to listen, in milliseconds. */
const PATIENCE = 10_000;

export interface Broker {
  name: string;
  pid: number;
  port: number;
  /** Resolves when the process is gone, with the signal that ended it. */
  died: Promise<string | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** What it said of its own end. */
  lastWords(): Promise<string>;
  stop(): Promise<void>;
}

export interface OursOptions {
  design: string;
  folder: string;
  port?: number;
  settings?: Settings;
  /** What `disk` promises: `os` survives a kill of the process, `device` a power cut. */
  sync?: 'os' | 'device';
  /** The store that several brokers share. */
  store?: string;
  kill?: KillOn;
  host?: Host;
  who?: string;
}

/** One of ours. */
export async function ours({
  design,
  folder,
  port = 0,
  settings,
  sync,
  store,
  kill,
  host,
  who,
}: OursOptions): Promise<Broker> {
  const life = await beginLife(
    {
      protocol: 'mqtt',
      design,
      who: who ?? 'broker/1',
      host: '127.0.0.1',
      port,
      folder,
      // A load test is a flood by any measure, and comes from one address.
      bounds: { rate: 1_000_000_000, connections: 5000 },
      origin: String(process.hrtime.bigint()),
      settings: { ...settings, ...(sync ? { sync } : {}), ...(store ? { store } : {}) },
      ...(kill ? { kill } : {}),
    },
    host,
  );
  return {
    name: `mqtt/${design}`,
    pid: life.pid,
    port: life.port,
    died: life.died.then(({ signal }) => signal),
    kill: () => life.kill(),
    signal: (name) => void process.kill(life.pid, name),
    lastWords: async () => (await life.lastWords()).reason,
    stop: () => life.stop(),
  };
}

/** A process that will be an aedes of this kind, its imports done. */
export function startAedes(kind: string): ChildProcess {
  const path = fileURLToPath(new URL('./bench/aedes.ts', import.meta.url));
  const child = fork(path, [kind], { execArgv: TSX, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  adopt(child);
  return child;
}

/** aedes as it comes. `where` is a folder for `aedes-level` and a URL for `aedes-redis`. */
export async function aedes(
  kind: string,
  { port = 0, where = '', child = startAedes(kind) }: { port?: number; where?: string; child?: ChildProcess } = {},
): Promise<Broker> {
  child.send({ port, where });
  const [listening] = (await once(child, 'message')) as [number];
  return known(kind, child, listening);
}

/** mosquitto as it comes, `persistent` with its database in `folder`; undefined where it is not installed. */
export async function mosquitto(folder: string, { persistent = false, port = 0 } = {}): Promise<Broker | undefined> {
  const path = program('mosquitto');
  if (!path) return undefined;
  mkdirSync(folder, { recursive: true });
  const at = port || (await freePort());
  const config = join(folder, 'mosquitto.conf');
  // Its limits on queues are lifted, so that nobody is compared with a broker that drops.
  const limits = 'max_queued_messages 0\nmax_inflight_messages 0\n';
  const store = persistent ? `persistence true\npersistence_location ${folder}/\n` : 'persistence false\n';
  const user = process.getuid?.() === 0 ? 'user root\n' : '';
  writeFileSync(
    config,
    `listener ${at} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nlog_dest none\n${limits}${store}${user}`,
  );
  const child = spawn(path, ['-c', config], { stdio: 'ignore' });
  adopt(child);
  await listening(at, child);
  return known(persistent ? 'mosquitto, persistence' : 'mosquitto', child, at);
}

/** A Redis of our own on a port of its own; `lasting`: everything it answered for is on its disk. Undefined where there is none. */
export async function redis(folder: string, { lasting = false, port = 0 } = {}): Promise<Broker | undefined> {
  const path = program('redis-server');
  if (!path) return undefined;
  mkdirSync(folder, { recursive: true });
  const at = port || (await freePort());
  const child = spawn(
    path,
    [
      ...['--port', String(at), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--daemonize', 'no'],
      ...['--appendonly', lasting ? 'yes' : 'no', '--appendfsync', 'always'],
    ],
    { stdio: 'ignore' },
  );
  adopt(child);
  await listening(at, child);
  return known('redis', child, at);
}

/** What a process needs to run TypeScript from source, whoever started this one. */
const TSX = startsWithTsx();

function startsWithTsx(): string[] {
  return process.execArgv.some((argument) => argument.includes('tsx')) ? [...process.execArgv] : ['--import', 'tsx'];
}

function known(name: string, child: ChildProcess, port: number): Broker {
  const died = new Promise<string | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
  return {
    name,
    pid: child.pid ?? 0,
    port,
    died,
    async kill() {
      child.kill('SIGKILL');
      await died;
    },
    signal: (signal) => void child.kill(signal),
    lastWords: async () => '',
    async stop() {
      // Whoever was frozen hears no other signal.
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      await Promise.race([died, after(2000, undefined, { ref: false })]);
      child.kill('SIGKILL');
      await died;
    },
  };
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  const until = Date.now() + PATIENCE;
  while (Date.now() < until && child.exitCode === null) {
    const socket = connect({ port, host: '127.0.0.1' });
    const heard = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (heard) return;
    await after(20);
  }
  child.kill('SIGKILL');
  throw new Error(`${child.spawnfile} does not listen on port ${port}`);
}

// Who is measured: each a server in a process of its own, idle until its turn comes.

import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beginLife } from '../../src/lab/lives.ts';
import type { LifeOptions } from '../../src/lab/messages.ts';
import { adopt } from '../../src/lab/tidy.ts';

export interface Contender {
  name: string;
  pid: number;
  port: number;
  stop(): Promise<void>;
}

/** A script beside this file, in a process of its own; it tells its port when it listens. */
export async function script(name: string, file: string, args: readonly string[]): Promise<Contender> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, args, { execArgv: process.execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const started = new AbortController();
  const died = once(child, 'exit', { signal: started.signal }).then(([code]) => {
    throw new Error(`${name} ended before it listened (exit code ${code})`);
  });
  const [port] = (await Promise.race([once(child, 'message'), died])) as [number];
  died.catch(() => {});
  started.abort();
  return {
    name,
    pid: child.pid ?? 0,
    port,
    async stop() {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

/** A program that nobody here wrote, on a port that it was told; `ready` resolves when it answers there. */
export async function native(
  name: string,
  path: string,
  args: readonly string[],
  port: number,
  ready: (port: number) => Promise<void>,
): Promise<Contender> {
  const child = spawn(path, args, { stdio: 'ignore' });
  // SIGTERM: it has processes of its own.
  const end = () => void child.kill('SIGTERM');
  adopt(child, end);
  const gone = once(child, 'exit');
  await ready(port).catch((error) => {
    // Nobody else knows of it yet.
    end();
    throw error;
  });
  return {
    name,
    pid: child.pid ?? 0,
    port,
    async stop() {
      end();
      await gone;
    },
  };
}

/** A bare echo on `dgram` or `net`, or the least that a broker could do. */
export function bare(name: string, kind: 'dgram' | 'net' | 'mqtt'): Promise<Contender> {
  return script(name, './bare.ts', [kind]);
}

/** Whether a package is there that this project does not depend on. */
export function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** One of ours. `folder` is where it may write: its journal, and with `tapped` its trace. */
export async function ours(
  name: string,
  protocol: string,
  design: string,
  folder: string,
  { tapped = false } = {},
): Promise<Contender> {
  const options: LifeOptions = {
    protocol,
    design,
    who: `${protocol}/1`,
    host: '127.0.0.1',
    port: 0,
    // The guard stays in front and counts, but a load test is a flood by any measure.
    bounds: { rate: 1_000_000_000, connections: 1000 },
    folder: join(folder, `${protocol}-${design}-${tapped}`),
    origin: String(process.hrtime.bigint()),
    ...(tapped ? { trace: join(folder, `trace-${protocol}-${design}`) } : {}),
  };
  const life = await beginLife(options);
  return { name, pid: life.pid, port: life.port, stop: () => life.stop() };
}

/** Processor time a process has used so far, in milliseconds; its resolution is 10 ms (proc(5)). NaN where there is no /proc. */
export function cpuOf(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

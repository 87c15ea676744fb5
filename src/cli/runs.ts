// Runs kept for `explain`: JSONL files in the user's cache, the newest few.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from '../capture/records.ts';
import { UsageError } from './errors.ts';

const KEPT = 20;

/** The first line of a run file: what was played. */
export interface RunHeader {
  is: 'run';
  /** Version of the record format. */
  version: 1;
  protocol: string;
  design: string;
  /** Null for a live server, whose time and chance are real. */
  seed: number | null;
  cut: string | null;
  at: string | null;
  verdict?: string;
}

export function runFolder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'amnesia', 'runs');
}

/** Keeps a run under a name that sorts by time. Returns its path. */
export function keepRun(header: RunHeader, lines: readonly string[], now = new Date()): string {
  const folder = runFolder();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stamp = now.toISOString().replace(/[:.]/g, '-');
  const path = join(folder, `${stamp}-${header.protocol}-${header.design}-${process.pid}.jsonl`);
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  for (const old of kept().slice(0, -KEPT)) rmSync(join(folder, old), { force: true });
  return path;
}

function kept(): string[] {
  return readdirSync(runFolder())
    .filter((name) => name.endsWith('.jsonl'))
    .sort();
}

/** A run from a file, or the last one kept. */
export function readRun(file?: string): { header: RunHeader; entries: Entry[] } {
  const path = file ?? lastRun();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read. Type: amnesia demo udp-echo`, { cause: error });
  }
  const [first, ...rest] = text
    .trimEnd()
    .split('\n')
    .map((line, index) => parsed(line, path, index + 1));
  if ((first as RunHeader | undefined)?.is !== 'run')
    throw new UsageError(`${path} is not a run. Type: amnesia demo udp-echo --json > run.jsonl`);
  const odd = (rest as Partial<Entry>[]).findIndex(
    (entry) => typeof entry?.is !== 'string' || typeof entry.t_ns !== 'number',
  );
  if (odd !== -1)
    throw new UsageError(`${path}:${odd + 2} is no record. Type: amnesia demo udp-echo --json > run.jsonl`);
  return { header: first as RunHeader, entries: rest as Entry[] };
}

function lastRun(): string {
  let names: string[] = [];
  try {
    names = kept();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const last = names.at(-1);
  if (last === undefined) throw new UsageError('no run has been kept yet. Type: amnesia demo udp-echo');
  return join(runFolder(), last);
}

function parsed(line: string, path: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new UsageError(`${path}:${number} is not JSON. Type: amnesia demo udp-echo --json > run.jsonl`, {
      cause: error,
    });
  }
}

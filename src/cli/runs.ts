// Runs kept for `explain`: JSONL files in the user's cache, the newest few.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from '../capture/records.ts';
import { RUN_VERSION, type RunHeader } from '../capture/run.ts';
import { printable } from '../wire/printable.ts';
import { UsageError } from './errors.ts';

const KEPT = 20;

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

/** A run as it is read. */
export interface Run {
  path: string;
  header: RunHeader;
  entries: Entry[];
}

/** A run: the one that a file holds, the nth last one kept (`1` is the last), or the last. Every line of it is a record. */
export async function readRun(which = '1'): Promise<Run> {
  const path = /^\d{1,3}$/.test(which) ? keptRun(Number(which)) : which;
  const lines = linesOf(path);
  const header = headerOf(lines, path);
  const { faultOf } = await import('../capture/lawful.ts');
  const records = lines.map((line, index) => {
    const record = parsed(line, path, index + 1);
    const fault = faultOf(record);
    if (fault === undefined) return record;
    throw new UsageError(`${path}:${index + 1} is no record: ${printable(fault)}. ${ANOTHER}`);
  });
  return { path, header, entries: records.slice(1) as Entry[] };
}

/** What a run that is kept says of itself; its records are not looked at. */
export function readHeader(path: string): RunHeader {
  return headerOf(linesOf(path), path);
}

const ANOTHER = 'Type: amnesia demo udp-echo --json > run.jsonl';

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n');
  } catch (error) {
    throw new UsageError(`${path} cannot be read. Type: amnesia demo udp-echo`, { cause: error });
  }
}

function headerOf([first = '']: readonly string[], path: string): RunHeader {
  const header = parsed(first, path, 1) as RunHeader | null;
  if (header?.is !== 'run') throw new UsageError(`${path} is not a run. ${ANOTHER}`);
  if (header.version !== RUN_VERSION)
    throw new UsageError(
      `${path} is a run of version ${printable(String(header.version))}, and this program reads version ${RUN_VERSION}. ${ANOTHER}`,
    );
  return header;
}

/** The paths of all runs kept, the last one first. */
export function keptRuns(): string[] {
  try {
    return kept()
      .reverse()
      .map((name) => join(runFolder(), name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  }
}

function keptRun(number: number): string {
  const paths = keptRuns();
  const path = paths[number - 1];
  if (path !== undefined) return path;
  if (paths.length === 0) throw new UsageError('no run has been kept yet. Type: amnesia demo udp-echo');
  throw new UsageError(`${paths.length} runs are kept, and there is no run ${number}. Type: amnesia runs`);
}

function parsed(line: string, path: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new UsageError(`${path}:${number} is not JSON. ${ANOTHER}`, {
      cause: error,
    });
  }
}

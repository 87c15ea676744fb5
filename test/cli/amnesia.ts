// The command line as a person has it: a process of its own, with a home of its own.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, onTestFinished } from 'vitest';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
/** The program as the package has it (test/built.ts), and as it is run from source. */
export const PROGRAM = join(dirname(process.env.AMNESIA_HOST as string), 'amnesia.js');
export const SOURCE = join(ROOT, 'src/cli/amnesia.ts');
/** Few commands of ours take so long; one that does is ended, and its test fails. In milliseconds. */
const LONG = 100_000;

export interface Ran {
  code: number | null;
  out: string;
  err: string;
}

export interface Options {
  /** What is typed; the input ends after it. */
  input?: string;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** What to run instead of the program as the package has it. */
  script?: string;
  /** How long it may take, in milliseconds. */
  patience?: number;
  /** A process group of its own, as a shell gives to each command. */
  group?: boolean;
}

export interface Running {
  child: ChildProcessByStdio<Writable, Readable, Readable>;
  ended: Promise<Ran>;
  /** Resolves with the first match in what has been printed so far, or is printed next. Rejects when it ends without. */
  prints(pattern: RegExp, from?: 'out' | 'err'): Promise<RegExpMatchArray>;
}

/** Folders for runs and states, removed when the file's tests are over. */
export function home(): () => Promise<NodeJS.ProcessEnv> {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'home-'));
    folders.push(folder);
    return { XDG_CACHE_HOME: join(folder, 'cache'), XDG_STATE_HOME: join(folder, 'state') };
  };
}

export function start(args: readonly string[], options: Options = {}): Running {
  const { script = PROGRAM, cwd = ROOT, env = {} } = options;
  // A program starts its servers as it would anywhere: built ones if it is built, from source if not.
  const { FORCE_COLOR: _forced, NO_COLOR: _none, AMNESIA_HOST: _ahead, ...inherited } = process.env;
  const loader = script.endsWith('.ts') ? ['--import', TSX] : [];
  const child = spawn(process.execPath, [...loader, script, ...args], {
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...inherited, NODE_OPTIONS: '', ...env },
    detached: options.group ?? false,
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.patience ?? LONG);
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said.err += text;
  });
  // It may be gone before it has read what was typed.
  child.stdin.on('error', () => {});
  if (options.input !== undefined) child.stdin.end(options.input);
  const ended = once(child, 'close').then(([code]) => {
    clearTimeout(timer);
    return { code: code as number | null, ...said };
  });
  return {
    child,
    ended,
    async prints(pattern, from = 'out') {
      for (;;) {
        const found = said[from].match(pattern);
        if (found) return found;
        const over = await Promise.race([
          once(child[from === 'out' ? 'stdout' : 'stderr'], 'data').then(() => undefined),
          ended,
        ]);
        const last = said[from].match(pattern);
        if (last) return last;
        if (over) throw new Error(`it ended (${over.code}) without ${pattern}:\n${over.out}${over.err}`);
      }
    },
  };
}

/** Runs a command to its end. */
export function amnesia(args: readonly string[], options: Options = {}): Promise<Ran> {
  return start(args, { input: '', ...options }).ended;
}

/** A command at a terminal of its own, as a person has it: what it is sent is typed, what it prints is shown. */
export interface Terminal {
  type(keys: string): void;
  /** Resolves when all that has been shown so far matches. */
  shows(pattern: RegExp): Promise<void>;
  ended: Promise<Omit<Ran, 'err'>>;
}

/** Python has terminals on every Unix; Node has none. */
const PTY = 'import os, pty, sys; sys.exit(os.WEXITSTATUS(pty.spawn(sys.argv[1:])))';

export function terminal(python: string, args: readonly string[], env: NodeJS.ProcessEnv): Terminal {
  const child = spawn(python, ['-c', PTY, process.execPath, PROGRAM, ...args, '--no-color'], {
    cwd: ROOT,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  let look = () => {};
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
    look();
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, out }));
  return {
    type: (keys) => void child.stdin.write(keys),
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        look = () => pattern.test(out) && resolve();
        look();
        void ended.then(() => reject(new Error(`it ended without ${pattern}:\n${out}`)));
      }),
    ended: ended.finally(() => child.stdin.destroy()),
  };
}

/** Resolves when a process that is not our child is gone; rejects when it lives on for five seconds. */
export async function gone(pid: number): Promise<void> {
  for (let looks = 0; looks < 250; looks++) {
    if (!lives(pid)) return;
    await after(20);
  }
  throw new Error(`process ${pid} still lives`);
}

/** A process that has ended and whose end nobody has asked about is dead too. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/** The records of a `--json` run. */
export function records(out: string): Record<string, unknown>[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

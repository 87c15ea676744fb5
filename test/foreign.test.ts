// Servers in any language, started by a command: they listen, serve, are killed with all that they have started, and whatever else such a
// program may do ends with a sentence and leaves no process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { story as echo } from '../demos/udp-echo.ts';
import { record } from '../src/capture/records.ts';
import type { Trace } from '../src/capture/trace.ts';
import { playArm } from '../src/lab/arm.ts';
import { beginForeign, type Foreign, type ForeignOptions, foreignCard } from '../src/lab/foreign.ts';
import { listens } from '../src/lab/listens.ts';
import { judge } from '../src/lab/litmus.ts';
import type { Life } from '../src/lab/lives.ts';
import { freePort } from '../src/lab/ports.ts';
import { heirsOf } from '../src/lab/processes.ts';
import { cutsOf, type Story } from '../src/lab/story.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { needs } from './peers.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

/** Every process of this test is known by this. */
const OURS = `foreign-test-${process.pid}`;
const left = () => heirsOf(`OURS=${OURS}`);

const NODE = process.execPath;
/** Says hello to whoever comes. `before`: what it does before it listens. */
const hello = (before = '') =>
  `${before};require('net').createServer((line) => line.on('error', () => {}).end('hello')).listen(process.env.PORT, process.env.HOST)`;
const node = (source: string) => [NODE, '-e', source];

async function begin(command: Foreign['command'], given: Partial<Foreign & ForeignOptions> = {}) {
  const traces: Trace[] = [];
  const { who = 'it/1', host = '127.0.0.1', port = 0, over = 'tcp', ...program } = given;
  const life = await beginForeign(
    {
      who,
      host,
      port,
      over,
      folder: mkdtempSync(join(folder.path, 'state-')),
      note: (trace) => void traces.push(trace),
      clock: () => 0,
      heard: () => 0,
    },
    { command, patience: 5_000, ...program, env: { OURS, ...program.env } },
  );
  onTestFinished(() => life.stop());
  return { life, traces };
}

const isGone = async ({ port }: Life) => !(await listens('tcp', '127.0.0.1', port));

const POSIX = process.platform !== 'win32';

describe.runIf(POSIX)('it listens, and is killed', () => {
  test('a server in Node, as words: it is told its port, its host, and a folder that is there', async () => {
    const said: string[] = [];
    const { life, traces } = await begin(
      node(
        hello(
          'console.log(process.env.HOST, process.env.PORT, require("fs").statSync(process.env.STATE_DIR).isDirectory())',
        ),
      ),
      { printed: (who, stream, line) => said.push(`${who} ${stream} ${line}`) },
    );
    expect(said).toEqual([`it/1 stdout 127.0.0.1 ${life.port} true`]);
    expect(traces).toMatchObject([
      { who: 'it/1', is: 'born', pid: life.pid, path: `127.0.0.1:${life.port}`, unseen: true, untapped: true },
    ]);
    expect(await life.alive()).toBe(true);
    await life.kill();
    expect(await life.alive()).toBe(false);
    expect(await life.died).toEqual({ signal: 'SIGKILL', code: null });
    expect(await isGone(life)).toBe(true);
    await expect(life.kill()).rejects.toThrow('has died already');
  });

  test('a server in Python, from the shell, in a folder of its own', async (context) => {
    const python = needs(context, 'python3');
    const cwd = mkdtempSync(join(folder.path, 'cwd-'));
    const { life } = await begin(`pwd > where.txt; ${python} -m http.server $PORT --bind $HOST`, { cwd });
    expect(readdirSync(cwd)).toEqual(['where.txt']);
    await life.kill();
    expect(await isGone(life)).toBe(true);
    expect(readFileSync(join(cwd, 'where.txt'), 'utf8').trim()).toBe(realpathSync(cwd));
  });

  test('the shell, a pipe and what it starts in the background die with it, and the port is free at once', async () => {
    const server = `${NODE} -e "${hello().replaceAll('"', '\\"')}"`;
    const { life } = await begin(`sleep 600 & ${server} | cat; sleep 600`);
    if (process.platform === 'linux') expect(left().length).toBeGreaterThan(3);
    await life.kill();
    expect(left()).toEqual([]);
    // Another life on the same port.
    const { life: next } = await begin(node(hello()), { port: life.port, who: 'it/2' });
    expect(next.port).toBe(life.port);
    await next.stop();
    expect(left()).toEqual([]);
  });

  test('datagrams: it listens when somebody waits for them', async () => {
    const source = `setTimeout(() => { const s = require('dgram').createSocket('udp4'); s.on('message', (m, from) => s.send(m, from.port)); s.bind(+process.env.PORT, '127.0.0.1') }, 100)`;
    const { life } = await begin(node(source), { over: 'udp' });
    expect(await listens('udp', '127.0.0.1', life.port)).toBe(true);
    await life.kill();
    expect(await listens('udp', '127.0.0.1', life.port)).toBe(false);
  });

  test('one that will not end when it is asked to is ended all the same', async () => {
    const { life } = await begin(node(hello(`process.on('SIGTERM', () => {})`)));
    await life.stop();
    expect(left()).toEqual([]);
    expect(await life.died).toEqual({ signal: 'SIGKILL', code: null });
  });

  test('one that ends when it is asked to has the time for it', async () => {
    const said: string[] = [];
    const { life } = await begin(
      node(hello(`process.on('SIGTERM', () => { console.log('good-bye'); process.exit(7) })`)),
      {
        printed: (_who, _stream, line) => said.push(line),
      },
    );
    await life.stop();
    expect(await life.died).toEqual({ signal: null, code: 7 });
    expect(said).toEqual(['good-bye']);
  });

  test('what it prints is drawn, and never more than bounded', async () => {
    const said: string[] = [];
    const rubbish = String.raw`process.stdout.write('\x1b[2J\x07red\n' + 'x'.repeat(1e6) + '\n'); for (let i = 0; i < 20000; i++) console.error('line', i)`;
    // It prints as fast as it is read: who stops it before that has not heard all.
    let full = () => {};
    const isFull = new Promise<void>((resolve) => {
      full = resolve;
    });
    const { life } = await begin(node(hello(rubbish)), {
      printed(_who, _stream, line) {
        said.push(line);
        if (line === '… more is not shown') full();
      },
    });
    await isFull;
    await life.stop();
    expect(said[0]).toBe(String.raw`\x1b[2J\x07red`);
    expect(said.every((line) => line.length < 500)).toBe(true);
    expect(said.filter((line) => line.startsWith('line')).length).toBeLessThan(10_000);
  });
});

describe.runIf(POSIX)('what cannot be', () => {
  const fails = async (command: Foreign['command'], given: Partial<Foreign & ForeignOptions> = {}): Promise<string> => {
    const error = await begin(command, { ...given }).then(
      () => new Error('it began'),
      (error: Error) => error,
    );
    expect(left()).toEqual([]);
    expect(error).toMatchObject({ name: 'LifeError', ours: false });
    return error.message;
  };

  test('no such program', async () => {
    expect(await fails(['no-such-program'])).toBe('“no-such-program” cannot be started (spawn no-such-program ENOENT)');
    expect(await fails('no-such-program')).toMatch(
      /^“no-such-program” ended before it listened on port \d+ \(exit code 127\); it printed last: .*not found/,
    );
  });

  test('it ends at once', async () => {
    expect(await fails('echo no licence >&2; exit 3')).toMatch(
      /^“echo no licence >&2; exit 3” ended before it listened on port \d+ \(exit code 3\); it printed last: no licence$/,
    );
    expect(await fails('true')).toMatch(/\(exit code 0\); it has printed nothing$/);
  });

  test('it never listens', async () => {
    expect(await fails('sleep 60', { patience: 600 })).toMatch(
      /^“sleep 60” does not listen on 127.0.0.1 port \d+ after 0.6 s: it must listen on the port that PORT in its environment names; it has printed nothing$/,
    );
  });

  test.runIf(process.platform === 'linux')('it listens somewhere else', async () => {
    const other = await freePort();
    expect(await fails(node(hello(`process.env.PORT = ${other}`)), { patience: 2_000 })).toContain(
      `but on port ${other}: have it take its port from the environment, PORT`,
    );
  });

  test('somebody else has its port', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => taken.once('listening', done));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    const source = `require('net').createServer().listen(${port}, '127.0.0.1')`;
    expect(await fails(node(source))).toMatch(/EADDRINUSE.*must set SO_REUSEADDR$/);
  });

  test.runIf(process.platform === 'linux')('it goes to the background', async (context) => {
    const python = needs(context, 'python3');
    const daemon = `import os, time
if os.fork(): os._exit(0)
os.setsid()
time.sleep(600)`;
    expect(await fails([python, '-c', daemon])).toMatch(
      /\(exit code 0\), and left a process in the background: have it stay in the foreground/,
    );
  });
});

test.runIf(process.platform === 'linux')('whatever ends the lab, its programs end with it', async () => {
  const script = join(folder.path, 'lab.mjs');
  const options = `{ who: 'it/1', host: '127.0.0.1', port: 0, folder: ${JSON.stringify(join(folder.path, 'killed'))}, over: 'tcp', note() {}, clock: () => 0, heard: () => 0 }`;
  writeFileSync(
    script,
    `import { beginForeign } from '${new URL('../src/lab/foreign.ts', import.meta.url).href}';
await beginForeign(${options}, { command: ${JSON.stringify(node(hello()))}, env: { OURS: '${OURS}' } });
console.log('it listens');
process.kill(process.pid, 'SIGKILL');`,
  );
  const lab = spawn(NODE, ['--import', createRequire(import.meta.url).resolve('tsx'), script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said, [, signal]] = await Promise.all([text(lab.stdout), once(lab, 'exit')]);
  expect({ said, signal }).toEqual({ said: 'it listens\n', signal: 'SIGKILL' });
  await expect.poll(left, { timeout: 5_000 }).toEqual([]);
});

describe.runIf(POSIX)('an arm', () => {
  /** Echoes datagrams, and numbers them if it is told to. */
  const server = (answer: string) =>
    node(
      `let n = 0; const s = require('dgram').createSocket('udp4'); s.on('message', (m, from) => { n++; s.send(${answer}, from.port, from.address) }); s.bind(+process.env.PORT, process.env.HOST)`,
    );
  const card = foreignCard(echo.card, 'theirs');
  const story = { ...echo, card, steps: echo.steps.slice(0, 3) } as unknown as Story;
  const play = (foreign: Foreign, cut?: 'kill' | 'path' | 'swap' | 'silence' | 'store') =>
    playArm({
      story,
      design: 'theirs',
      seed: 1,
      origin: process.hrtime.bigint(),
      foreign: { ...foreign, env: { OURS } },
      patience: 8_000,
      ...(cut ? { cut: { is: cut, at: { after: 2 } } } : {}),
    });

  test('the cuts that can be made from outside', () => {
    expect(cutsOf(card.designs.theirs as never)).toEqual(['path', 'kill', 'swap', 'silence', 'store']);
  });

  test('an echo that is not ours goes through every cut untouched, and its records say that nobody has looked into it', async () => {
    const foreign = { command: server('m') };
    const control = await play(foreign);
    expect(control.fault).toBeUndefined();
    for (const [cut, verdict] of [
      ['path', 'untouched'],
      ['kill', 'untouched'],
      ['swap', 'untouched'],
      ['silence', 'recovered'],
      ['store', 'untouched'],
    ] as const)
      expect(judge(card, control, await play(foreign, cut)), cut).toMatchObject({ verdict });
    const entries = record(control.traces, { card });
    expect(entries.find(({ is }) => is === 'life')).toMatchObject({ life: 'echo/1', unseen: true, facts: {} });
    // Nobody has seen whether it read them, and that is no loss.
    expect(entries.filter((entry) => entry.is === 'packet' && entry.read === false)).toEqual([]);
    expect(left()).toEqual([]);
  });

  test('a server that ends by itself is no verdict: the arm says so', async () => {
    const { fault } = await play({ command: server('(console.log("I give up"), process.exit(9))') });
    expect(fault?.message).toBe('echo/1 ended by itself (exit code 9); it printed last: I give up');
  });
});

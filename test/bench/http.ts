// HTTP under `wrk`, a load that nobody here wrote: `GET /profile` of somebody who has signed in, by each design, beside a bare node:http
// that says the same bytes, and beside express with its sessions in memory.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { settingsFor } from '../../src/lab/arm.ts';
import { beginLife } from '../../src/lab/lives.ts';
import { missingStore, type Store, startStore } from '../../src/lab/store.ts';
import { card } from '../../src/protocols/http/index.ts';
import type { AnyCard } from '../../src/protocols/index.ts';
import { missing, program } from '../peers.ts';
import { type Contender, script } from './contenders.ts';
import { median, promised, rounds, say, spread } from './rounds.ts';

const run = promisify(execFile);

const CONNECTIONS = 64;
/** Seconds of one turn. */
const TURN = 2;
const ROUNDS = 7;

export async function http(folder: string): Promise<boolean[]> {
  if (!program('wrk')) {
    say(`\nhttp: ${missing('wrk')}`);
    return [];
  }
  const plain = card as unknown as AnyCard;
  const contenders = [
    await script('bare node:http, same bytes', './http-servers.ts', ['bare']),
    await script('bare node:http (control)', './http-servers.ts', ['bare']),
    await script('express + express-session', './http-servers.ts', ['express']),
  ];
  const lacking = missingStore(plain, 'redis');
  if (lacking) say(`\nhttp: ${lacking}`);
  const store = lacking ? undefined : await startStore(join(folder, 'redis'));
  try {
    const designs = ['memory', 'store', 'token', ...(store ? ['redis', 'hybrid'] : [])];
    for (const design of designs) contenders.push(await ours(plain, design, folder, store));
    const cookies = new Map<string, string>();
    for (const { name, port } of contenders) if (!name.startsWith('bare')) cookies.set(name, await signIn(port));
    const outcomes = await rounds(
      `http: wrk, ${CONNECTIONS} connections, GET /profile, ${TURN} s a turn`,
      contenders,
      ({ name, port }) => wrk(port, cookies.get(name) ?? 'session=1.0123456789abcdefghijkl'),
      ROUNDS,
      true,
    );
    /** Round by round, so that what slows the machine down slows both. */
    const against = (name: string, other: string) => {
      const [one, two] = [name, other].map((wanted) => outcomes.find((each) => each.name === wanted)?.rates ?? []);
      return (one ?? []).map((rate, round) => rate / (two?.[round] ?? Number.NaN));
    };
    const held = (name: string, other: string, least: number) => {
      const ratios = against(name, other);
      return promised(`${name} / ${other} ${spread(ratios)}`, median(ratios), { least });
    };
    return [
      held('http/memory', 'bare node:http, same bytes', 0.9),
      held('http/memory', 'express + express-session', 8),
      held('http/token', 'http/memory', 0.6),
      ...(store ? [held('http/redis', 'http/memory', 0.6)] : []),
    ];
  } finally {
    for (const each of contenders) await each.stop();
    await store?.stop();
  }
}

async function ours(plain: AnyCard, design: string, folder: string, store: Store | undefined): Promise<Contender> {
  const name = `http/${design}`;
  const life = await beginLife({
    protocol: 'http',
    design,
    who: 'http/1',
    host: '127.0.0.1',
    port: 0,
    folder: join(folder, `http-${design}`),
    settings: { ...settingsFor(plain, design, 1, store), users: 'ann:tea', cost: '16' },
    origin: String(process.hrtime.bigint()),
  });
  return { name, pid: life.pid, port: life.port, stop: () => life.stop() };
}

/** Resolves to the cookie that a server gives to somebody who signs in. */
async function signIn(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'ann', password: 'tea' }),
  });
  const [cookie] = answer.headers.getSetCookie();
  if (!answer.ok || cookie === undefined) throw new Error(`nobody can sign in on port ${port}: ${answer.status}`);
  return cookie.slice(0, cookie.indexOf(';'));
}

/** Requests answered per second; one that failed is an error, since it would flatter. */
async function wrk(port: number, cookie: string): Promise<number> {
  const { stdout } = await run('wrk', [
    ...['-t', '1', '-c', String(CONNECTIONS), '-d', `${TURN}s`, '-H', `Cookie: ${cookie}`],
    `http://127.0.0.1:${port}/profile`,
  ]);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  if (/Non-2xx|Socket errors/.test(stdout) || !(rate > 0)) throw new Error(`wrk was not answered in full:\n${stdout}`);
  return rate;
}

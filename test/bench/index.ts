// `npm run bench [-- udp dns ftp mqtt http websocket tap tcp disk memory restart start durability]`: the figures, measured here and now. Ratios only mean
// something side by side in one run; rates are this machine's.

import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beginLife, startHost } from '../../src/lab/lives.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { REAL_WAITS, REAL_WORLD } from '../../src/lab/world.ts';
import { card } from '../../src/protocols/udp-echo/index.ts';
import { durability } from '../durability.ts';
import { bare, ours } from './contenders.ts';
import { dns } from './dns.ts';
import { ftp } from './ftp.ts';
import { http } from './http.ts';
import { datagrams, frames } from './load.ts';
import { mqtt } from './mqtt.ts';
import { mqttDurability } from './mqtt-durability.ts';
import { median, promised, rounds, say, spread } from './rounds.ts';
import { tap } from './tap.ts';
import { websocket } from './websocket.ts';

const BENCHES: Record<string, (folder: string) => Promise<boolean[]>> = {
  async udp(folder) {
    const contenders = [
      await bare('bare dgram echo', 'dgram'),
      await bare('bare dgram echo (control)', 'dgram'),
      await ours('udp-echo', 'udp-echo', 'plain', folder),
      await ours('udp-echo, tap writing records', 'udp-echo', 'plain', folder, { tapped: true }),
    ];
    const [, , untapped, tapped] = await rounds(
      'udp-echo: 12,000 datagrams of 32 bytes, 64 outstanding',
      contenders,
      ({ port }) => datagrams(port, 12_000, 32, 64),
    );
    for (const each of contenders) await each.stop();
    return [
      promised('udp-echo untapped / bare dgram', median(untapped?.ratios ?? []), { least: 0.95 }),
      promised('udp-echo tapped / bare dgram', median(tapped?.ratios ?? []), { least: 0.8 }),
    ];
  },

  dns,
  ftp,
  mqtt,
  http,
  websocket,
  tap,

  async tcp(folder) {
    const contenders = [
      await bare('bare net echo', 'net'),
      await bare('bare net echo (control)', 'net'),
      await ours('tcp-session/memory', 'tcp-session', 'memory', folder),
    ];
    const kind = (name: string) => (name.startsWith('bare') ? 'echo' : 'session');
    const many = { connections: 16, inFlight: 64, count: 10_000 };
    const one = { connections: 1, inFlight: 1, count: 5_000 };
    const bulk = await rounds(
      'tcp-session: 16 connections × 64 frames of 32 bytes in flight, 160,000 frames',
      contenders,
      ({ name, port }) => frames(port, kind(name), many),
    );
    const single = await rounds(
      'tcp-session: one connection, one frame in flight, 5,000 frames',
      contenders,
      ({ name, port }) => frames(port, kind(name), one),
    );
    for (const each of contenders) await each.stop();
    return [
      promised('memory / bare net echo, 16 × 64 in flight', median(bulk[2]?.ratios ?? []), { least: 0.45 }),
      promised('memory / bare net echo, one frame at a time', median(single[2]?.ratios ?? []), { least: 0.9 }),
    ];
  },

  async disk(folder) {
    const contenders = [
      await ours('tcp-session/memory', 'tcp-session', 'memory', folder),
      await ours('tcp-session/disk', 'tcp-session', 'disk', folder),
    ];
    const many = { connections: 16, inFlight: 64, count: 4_000 };
    const one = { connections: 1, inFlight: 1, count: 300 };
    const bulk = await rounds(
      'tcp-session: 16 connections × 64 frames in flight, 64,000 frames, the same disk',
      contenders,
      ({ port }) => frames(port, 'session', many),
    );
    const single = await rounds(
      'tcp-session: one connection, one frame in flight, 300 frames',
      contenders,
      ({ port }) => frames(port, 'session', one),
      7,
    );
    for (const each of contenders) await each.stop();
    const each = await syncs(folder);
    say(
      `  one write and fdatasync of 4 KiB on this disk: ${spread(each, 0)} µs; one frame at a time pays one for each answer (ratio ${spread(single[1]?.ratios ?? [])})`,
    );
    return [promised('disk / memory, 16 × 64 in flight', median(bulk[1]?.ratios ?? []), { least: 0.25 })];
  },

  async memory() {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      ...process.execArgv,
      fileURLToPath(new URL('./sessions.ts', import.meta.url)),
    ]);
    const [sessions = 0, bytes = Number.NaN] = stdout.trim().split(' ').map(Number);
    say(`\ntcp-session: memory of ${sessions.toLocaleString('en')} idle sessions`);
    return [promised('bytes per idle session', bytes, { most: 200 })];
  },

  async durability() {
    const kept: boolean[] = [];
    for (const [design, kills] of [
      ['disk', 200],
      ['memory', 10],
    ] as const) {
      const toll = await durability({ kills, seed: 1, design });
      const { sessions, attempted, acknowledged, statements, lost, lostSessions, phantom, twice } = toll;
      say(
        `\ntcp-session/${design}: ${kills} kills at random protocol events, 4 clients with 64 messages in flight each`,
      );
      say(
        `  ${sessions} sessions, ${attempted} bytes attempted, ${acknowledged} acknowledged and there at the end, ${statements} statements of the server compared`,
      );
      say(`  lost ${lost} bytes in ${lostSessions} sessions, phantom ${phantom}, twice ${twice}`);
      if (design === 'disk')
        kept.push(promised('acknowledged bytes lost, phantom or delivered twice', lost + phantom + twice, { most: 0 }));
      // A checker that finds nothing where nothing is promised would prove nothing where something is.
      else kept.push(promised('bytes that memory alone loses', lost, { least: 1 }));
    }
    kept.push(...(await mqttDurability()));
    return kept;
  },

  async restart(folder) {
    await promisify(execFile)('npm', ['run', 'build'], { shell: process.platform === 'win32' });
    const packed = fileURLToPath(new URL('../../.dist/host.js', import.meta.url));
    const kept: boolean[] = [];
    say('\nfrom SIGKILL to answering again (21 kills each, milliseconds, medians, quartiles in brackets)');
    for (const [name, host, most] of [
      ['from source', undefined, 350],
      ['packed', { script: packed, flags: [] }, 100],
    ] as const) {
      const times: number[] = [];
      for (let round = 0; round < 21; round++) times.push(await restart(folder, host));
      say(`  ${name.padEnd(12)} ${spread(times, 0)}`);
      kept.push(promised(`${name}, median`, median(times), { most }));
    }
    return kept;
  },

  async start(folder) {
    await promisify(execFile)('npm', ['run', 'build'], { shell: process.platform === 'win32' });
    const source = [...process.execArgv, fileURLToPath(new URL('../../src/cli/amnesia.ts', import.meta.url))];
    const packed = [fileURLToPath(new URL('../../.dist/amnesia.js', import.meta.url))];
    const kept: boolean[] = [];
    say('\nwhole processes (11 each, milliseconds, medians, quartiles in brackets)');
    for (const [name, args, most] of [
      ['node -e 0', ['-e', '0'], undefined],
      ['amnesia list, from source', [...source, 'list'], 400],
      ['amnesia list, packed', [...packed, 'list'], 100],
      ['amnesia demo udp-echo, from source', [...source, 'demo', 'udp-echo'], 1500],
      ['amnesia demo udp-echo, packed', [...packed, 'demo', 'udp-echo'], 1500],
    ] as const) {
      const times: number[] = [];
      for (let round = 0; round < 11; round++) {
        const begun = performance.now();
        await promisify(execFile)(process.execPath, args, { env: { ...process.env, XDG_CACHE_HOME: folder } });
        times.push(performance.now() - begun);
      }
      say(`  ${name.padEnd(36)} ${spread(times, 0)}`);
      if (most !== undefined) kept.push(promised(`${name}, median`, median(times), { most }));
    }
    return kept;
  },
};

/** Kills a server and has it answer again, on the same port. Resolves to how long that took, in milliseconds. */
async function restart(
  folder: string,
  host: { script: string; flags: readonly string[] } | undefined,
): Promise<number> {
  const options = {
    protocol: 'udp-echo',
    design: 'plain',
    host: '127.0.0.1',
    origin: String(process.hrtime.bigint()),
    folder,
  };
  const begin = (who: string, port: number) => beginLife({ ...options, who, port }, startHost(host));
  const first = await begin('echo/1', 0);
  const client = await card.connect({
    design: 'plain',
    host: '127.0.0.1',
    port: first.port,
    world: REAL_WORLD,
    waits: REAL_WAITS,
  });
  await client.say('are you there?');
  const begun = performance.now();
  await first.kill();
  const second = await begin('echo/2', first.port);
  await client.say('and now?');
  const took = performance.now() - begun;
  await client.close();
  await second.stop();
  return took;
}

/** What the disk takes for one write of 4 KiB that must last, in microseconds. */
async function syncs(folder: string): Promise<number[]> {
  const file = await open(join(folder, 'syncs'), 'w');
  const block = Buffer.alloc(4096);
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const begun = performance.now();
    await file.write(block);
    await file.datasync();
    times.push((performance.now() - begun) * 1000);
  }
  await file.close();
  return times;
}

// Whoever ends it ends those that are measured as well.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in BENCHES));
if (unknown.length > 0)
  throw new Error(`there is no bench ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`);
say(
  `Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}, ${process.platform}`,
);
const kept: boolean[] = [];
for (const [name, bench] of Object.entries(BENCHES)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const { path, remove } = await temporaryFolder();
  try {
    kept.push(...(await bench(path)));
  } finally {
    await remove();
  }
}
say(`\n${kept.filter(Boolean).length} of ${kept.length} figures as promised`);
if (kept.includes(false)) process.exitCode = 1;

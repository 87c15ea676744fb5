// `npm run bench [-- udp tcp disk memory restart start durability]`: the figures, measured here and now. Ratios only mean
// something side by side in one run; rates are this machine's.

import { availableParallelism, cpus } from 'node:os';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { bare, ours } from './contenders.ts';
import { datagrams, frames } from './load.ts';
import { median, promised, rounds, say, spread } from './rounds.ts';

const BENCHES: Record<string, (folder: string) => Promise<boolean[]>> = {
  async udp(folder) {
    const contenders = [
      await bare('bare dgram echo', 'dgram'),
      await bare('bare dgram echo (control)', 'dgram'),
      await ours('udp-echo', 'udp-echo', 'plain', folder),
      await ours('udp-echo, tap writing records', 'udp-echo', 'plain', folder, { tapped: true }),
    ];
    const [, , untapped, tapped] = await rounds('udp-echo: 20,000 datagrams of 32 bytes, 64 outstanding', contenders, ({ port }) => datagrams(port, 20_000, 32, 64));
    for (const each of contenders) await each.stop();
    return [
      promised('udp-echo untapped / bare dgram', median(untapped?.ratios ?? []), { least: 0.95 }),
      promised('udp-echo tapped / bare dgram', median(tapped?.ratios ?? []), { least: 0.8 }),
    ];
  },

  async tcp(folder) {
    const contenders = [
      await bare('bare net echo', 'net'),
      await bare('bare net echo (control)', 'net'),
      await ours('tcp-session/memory', 'tcp-session', 'memory', folder),
    ];
    const kind = (name: string) => (name.startsWith('bare') ? 'echo' : 'session');
    const many = { connections: 16, inFlight: 64, count: 10_000 };
    const one = { connections: 1, inFlight: 1, count: 5_000 };
    const bulk = await rounds('tcp-session: 16 connections × 64 frames of 32 bytes in flight, 160,000 frames', contenders, ({ name, port }) => frames(port, kind(name), many));
    const single = await rounds('tcp-session: one connection, one frame in flight, 5,000 frames', contenders, ({ name, port }) => frames(port, kind(name), one));
    for (const each of contenders) await each.stop();
    return [
      promised('memory / bare net echo, 16 × 64 in flight', median(bulk[2]?.ratios ?? []), { least: 0.45 }),
      promised('memory / bare net echo, one frame at a time', median(single[2]?.ratios ?? []), { least: 0.9 }),
    ];
  },
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in BENCHES));
if (unknown.length > 0) throw new Error(`there is no bench ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`);
say(`Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}, ${process.platform}`);
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
void spread;

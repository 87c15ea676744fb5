// What a tap costs: the same load straight to a server, and through a relay in front of it that writes down nothing, or makes records.

import { connect } from 'node:net';
import { bare, type Contender, ours, script } from './contenders.ts';
import { datagrams, frames } from './load.ts';
import { median, promised, rounds, spread } from './rounds.ts';

/** Bytes of one bulk transfer, there and back. */
const BULK = 64 << 20;

export async function tap(folder: string): Promise<boolean[]> {
  const kept: boolean[] = [];
  const through = (name: string, protocol: string, { port }: Contender, ...log: string[]) =>
    script(name, './relay.ts', [protocol, String(port), ...log]);

  const echo = await bare('bare net echo', 'net');
  const streams = [
    echo,
    { ...echo, name: 'bare net echo (control)' },
    await through('through a tap', 'tcp-session', echo),
  ];
  const bulk = await rounds(
    `tap: ${BULK >> 20} MiB through an echo on one connection, MiB a second`,
    streams,
    ({ port }) => echoed(port),
    7,
  );
  kept.push(
    promised(`through a tap / direct, bulk ${spread(bulk[2]?.ratios ?? [])}`, median(bulk[2]?.ratios ?? []), {
      least: 0.4,
    }),
  );

  const session = await ours('tcp-session/memory', 'tcp-session', 'memory', folder);
  const framed = [
    session,
    { ...session, name: 'tcp-session/memory (control)' },
    await through('through a tap', 'tcp-session', session),
    await through('through a tap, with records', 'tcp-session', session, 'log'),
  ];
  const single = await rounds(
    'tap: one connection, one frame in flight, 2,000 frames',
    framed,
    ({ port }) => frames(port, 'session', { connections: 1, inFlight: 1, count: 2_000 }),
    7,
  );
  for (const [nth, least] of [
    [2, 0.3],
    [3, 0.08],
  ] as const)
    kept.push(
      promised(`${framed[nth]?.name} / direct, one frame at a time`, median(single[nth]?.ratios ?? []), { least }),
    );

  const plain = await bare('bare dgram echo', 'dgram');
  const packets = [
    plain,
    { ...plain, name: 'bare dgram echo (control)' },
    await through('through a tap', 'udp-echo', plain),
    await through('through a tap, with records', 'udp-echo', plain, 'log'),
  ];
  const udp = await rounds(
    'tap: 4,000 datagrams of 32 bytes, 16 outstanding',
    packets,
    ({ port }) => datagrams(port, 4_000, 32, 16),
    7,
  );
  for (const [nth, least] of [
    [2, 0.25],
    [3, 0.05],
  ] as const)
    kept.push(promised(`${packets[nth]?.name} / direct, datagrams`, median(udp[nth]?.ratios ?? []), { least }));

  // The relays first: they lead to the others. A control is the same server twice.
  for (const each of [streams, framed, packets].flatMap((all) => [...all.slice(2), ...all.slice(0, 1)]))
    await each.stop();
  return kept;
}

/** Sends it all to an echo, and hears it all. Resolves to MiB a second. */
function echoed(port: number): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const block = Buffer.alloc(1 << 16);
  const begun = process.hrtime.bigint();
  let [said, heard] = [0, 0];
  const say = () => {
    while (said < BULK) {
      said += block.length;
      if (!socket.write(block)) return;
    }
  };
  return new Promise((resolve, reject) => {
    socket.on('error', reject).on('drain', say);
    socket.on('data', ({ length }) => {
      heard += length;
      if (heard < BULK) return;
      socket.destroy();
      resolve((BULK / (1 << 20)) * (1e9 / Number(process.hrtime.bigint() - begun)));
    });
    say();
  });
}

// The rules on a real socket: what is answered, and what had better not be.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { datagramGuard } from '../../../src/bounds/datagrams.ts';
import { StateKeeper } from '../../../src/lab/keeper.ts';
import { REAL_WORLD } from '../../../src/lab/world.ts';
import type { Bounds, Keeper, Mouth, Server } from '../../../src/protocols/shapes.ts';
import { card } from '../../../src/protocols/udp-echo/index.ts';
import { rules } from '../../../src/protocols/udp-echo/state.ts';
import type { Message } from '../../../src/protocols/udp-echo/wire.ts';

let server: Server | undefined;
const sockets: dgram.Socket[] = [];

afterEach(async () => {
  await server?.close();
  server = undefined;
  for (const socket of sockets.splice(0)) socket.close();
});

/** The real server in this process, with its keeper's door open: what it hears, and the mouth it speaks through. */
async function served(bounds: Partial<Bounds> = {}) {
  const { keeper } = await StateKeeper.open({ rules, wire: card.wire, world: REAL_WORLD, transport: card.transport });
  const heard: string[] = [];
  let mouth: Mouth | undefined;
  const door: Keeper<Message> = {
    hear(from, messages) {
      for (const { payload } of messages) heard.push(payload.toString());
      return keeper.hear(from, messages);
    },
    part: (from) => keeper.part(from),
    refuse: (to, message) => keeper.refuse(to, message),
    bye: (to) => keeper.bye(to),
    greet: (to) => keeper.greet(to),
    learn: (from, outcome) => keeper.learn(from, outcome),
    attach(given) {
      mouth = given;
      keeper.attach(given);
    },
  };
  server = await card.serve(door, { host: '127.0.0.1', port: 0 }, bounds);
  return { port: server.port, heard, mouth: mouth as Mouth | undefined };
}

async function peer(): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4');
  sockets.push(socket);
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

async function asks(socket: dgram.Socket, payload: Buffer | string, port: number): Promise<Buffer> {
  const answer = once(socket, 'message');
  socket.send(payload, port, '127.0.0.1');
  return (await answer)[0] as Buffer;
}

/** The longest datagram: macOS sends no longer ones unless it is told to. */
const LONGEST = process.platform === 'darwin' ? 9_216 : card.wire.longest;

describe('the server', () => {
  test.each([0, 1, 1_472, 1_473, LONGEST])('sends back a datagram of %i bytes as it was', async (length) => {
    const { port } = await served();
    const payload = Buffer.from(Array.from({ length }, (_, at) => at % 251));
    expect((await asks(await peer(), payload, port)).equals(payload)).toBe(true);
  });

  test('answers each of its peers, and to where it asked from', async () => {
    const { port } = await served();
    const peers = await Promise.all(Array.from({ length: 20 }, peer));
    const answers = await Promise.all(peers.map((socket, nth) => asks(socket, `peer ${nth}`, port)));
    expect(answers.map(String)).toEqual(peers.map((_, nth) => `peer ${nth}`));
  });

  test('does not answer itself: a loop of one would never end', async () => {
    const { port, heard, mouth } = await served();
    mouth?.say(`127.0.0.1:${port}`, Buffer.from('to myself'));
    mouth?.say(`127.0.0.1:${port}`, Buffer.from('to myself, again'));
    // Datagrams of one machine arrive in order: when this one is answered, those before it have been passed over.
    await asks(await peer(), 'from somebody', port);
    expect(heard).toEqual(['from somebody']);
  });

  test('answers a source only as often as its bounds say, and the others none the less', async () => {
    // At this rate the burst is one datagram, and the next may be answered in a quarter of an hour.
    const { port, heard } = await served({ rate: 0.001 });
    const [loud, quiet] = [await peer(), await peer()];
    await asks(loud, 'once', port);
    for (let nth = 0; nth < 50; nth++) loud.send('again', port, '127.0.0.1');
    await asks(quiet, 'quiet', port);
    expect(heard).toEqual(['once', 'quiet']);
  });

  test('listens again on the same port as soon as it has closed', async () => {
    const { port } = await served();
    await server?.close();
    const { keeper } = await StateKeeper.open({ rules, wire: card.wire, world: REAL_WORLD, transport: card.transport });
    server = await card.serve(keeper, { host: '127.0.0.1', port });
    expect(String(await asks(await peer(), 'still here?', port))).toBe('still here?');
  });

  test('an answer that cannot be sent is lost, and nothing else happens', async () => {
    const { port, mouth } = await served();
    mouth?.say('127.0.0.1:9', Buffer.alloc(70_000));
    expect(String(await asks(await peer(), 'still here?', port))).toBe('still here?');
  });
});

describe('the guard', () => {
  /** A guard at port 7007 whose clock stands still until it is told to go on. */
  function guard(rate: number) {
    let now = 0;
    const answers = datagramGuard(7007, rate, () => now);
    return {
      /** How many of so many datagrams it lets through. */
      of(count: number, source = '127.0.0.1:40000'): number {
        const port = Number(source.slice(source.lastIndexOf(':') + 1));
        return Array.from({ length: count }, () => answers(source, port)).filter(Boolean).length;
      },
      passes(seconds: number) {
        now += seconds * 1000;
      },
    };
  }

  test.each([1, 7, 19, 53, 69, 123, 1023, 1900, 3702, 5353, 11_211])(
    'answers nothing that comes from port %i: whoever lives there would answer the answer',
    (port) => {
      expect(guard(50).of(3, `192.0.2.1:${port}`)).toBe(0);
      expect(guard(0).of(3, `192.0.2.1:${port}`)).toBe(0);
    },
  );

  test('answers nothing from its own port, on whichever of its addresses', () => {
    for (const address of ['127.0.0.1', '127.0.0.2', '192.0.2.1', '::1']) {
      expect(guard(50).of(3, `${address}:7007`)).toBe(0);
      expect(guard(0).of(3, `${address}:7007`)).toBe(0);
    }
  });

  test.each([1024, 1899, 1901, 7006, 7008, 65_535])('answers an ordinary port: %i', (port) => {
    expect(guard(50).of(3, `192.0.2.1:${port}`)).toBe(3);
  });

  test('lets a burst of twice its rate through, then its rate', () => {
    const bucket = guard(50);
    expect(bucket.of(1000)).toBe(100);
    bucket.passes(0.02);
    expect(bucket.of(10)).toBe(1);
    bucket.passes(1);
    expect(bucket.of(1000)).toBe(50);
    bucket.passes(0.5);
    expect(bucket.of(1000)).toBe(25);
  });

  test('a long rest fills the bucket, and does not make it larger', () => {
    const bucket = guard(50);
    bucket.of(1000);
    bucket.passes(86_400);
    expect(bucket.of(1000)).toBe(100);
  });

  test('knocking on a closed door does not keep it closed', () => {
    const bucket = guard(50);
    bucket.of(1000);
    let answered = 0;
    for (let millisecond = 0; millisecond < 1000; millisecond++) {
      bucket.passes(0.001);
      answered += bucket.of(3);
    }
    expect(answered).toBeGreaterThanOrEqual(49);
    expect(answered).toBeLessThanOrEqual(50);
  });

  test('counts every source for itself', () => {
    const buckets = guard(50);
    expect(buckets.of(1000, '127.0.0.1:40000')).toBe(100);
    expect(buckets.of(1000, '127.0.0.1:40001')).toBe(100);
    expect(buckets.of(1000, '127.0.0.2:40000')).toBe(100);
    expect(buckets.of(1, '127.0.0.1:40000')).toBe(0);
  });

  test('remembers 4096 sources, and no more: the one that has been quiet for longest is forgotten', () => {
    const buckets = guard(50);
    const source = (nth: number) => `192.0.2.${nth % 256}:${20_000 + nth}`;
    buckets.of(100, source(0));
    buckets.of(100, source(1));
    for (let nth = 2; nth < 4096; nth++) buckets.of(1, source(nth));
    expect(buckets.of(1, source(0)), 'still known, so still refused').toBe(0);
    // The table is full; source 1 has been quiet for longest now, since source 0 was just heard.
    buckets.of(1, source(5000));
    expect(buckets.of(1, source(0)), 'spared, since it was heard').toBe(0);
    expect(buckets.of(100, source(1)), 'forgotten, and so as good as new').toBe(100);
  });

  test('can be switched off', () => {
    expect(guard(0).of(100_000)).toBe(100_000);
  });
});

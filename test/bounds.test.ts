// How much a stranger may take: places, time and memory on a connection, answers to datagrams.

import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { BOUNDS } from '../src/bounds/bounds.ts';
import { type Crowd, crowd } from '../src/bounds/connections.ts';
import { datagramGuard } from '../src/bounds/datagrams.ts';
import { addressOf, pathOf } from '../src/bounds/paths.ts';
import type { Bounds } from '../src/protocols/shapes.ts';

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** A house: whoever sends a line has settled, and is told what the host says. */
async function house(
  bounds: Partial<Bounds> = {},
  heard: (guests: Crowd, path: string, text: string) => void = () => {},
) {
  const server = createServer();
  const inside: string[] = [];
  const departed: string[] = [];
  const guests = crowd(server, { ...BOUNDS, ...bounds }, (socket, path) => {
    inside.push(path);
    socket.on('close', () => void departed.push(path));
    socket.on('data', (chunk) => {
      guests.settled(path);
      heard(guests, path, chunk.toString());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  endings.push(async () => {
    const closed = once(server, 'close');
    server.close();
    guests.disperse();
    await closed;
  });
  return { port, guests, inside, departed };
}

/** A guest, and how it left: by a reset, an end, or a close in time. */
async function guest(port: number): Promise<{ socket: Socket; left: Promise<'reset' | 'ended'> }> {
  const socket = dial({ port, host: '127.0.0.1' });
  endings.push(() => void socket.destroy());
  const left = new Promise<'reset' | 'ended'>((resolve) => {
    let reset = false;
    socket.on('error', () => {
      reset = true;
    });
    socket.on('close', () => resolve(reset ? 'reset' : 'ended'));
  });
  // Who is turned away may hear of it before it hears that it was let in.
  await Promise.race([new Promise((connected) => socket.once('connect', connected)), left]);
  return { socket, left };
}

/** One who has said something and was answered: settled. */
async function settled(port: number) {
  const each = await guest(port);
  each.socket.write('hello');
  await once(each.socket, 'data');
  return each;
}

const polite = (guests: Crowd, path: string) => guests.say(path, Buffer.from('welcome'));

test('a full house sheds the oldest that has not finished its first request, not the settled and not the newcomer', async () => {
  const { port } = await house({ connections: 4 }, polite);
  const old = await settled(port);
  const first = await guest(port);
  const second = await guest(port);
  const third = await guest(port);
  // The house is full: one settled, three that have said nothing. Whoever comes now is heard.
  const newcomer = await settled(port);
  expect(await first.left).toBe('reset');
  const another = await settled(port);
  expect(await second.left).toBe('reset');
  for (const { socket } of [old, newcomer, another]) {
    socket.write('still there?');
    await once(socket, 'data');
  }
  expect(third.socket.destroyed).toBe(false);
});

test('a house full of settled guests turns the newcomer away', async () => {
  const { port } = await house({ connections: 2 }, polite);
  const guests = [await settled(port), await settled(port)];
  const late = await guest(port);
  expect(await late.left).toBe('reset');
  for (const { socket } of guests) {
    socket.write('still there?');
    await once(socket, 'data');
  }
});

test('a flood of half-open connections keeps nobody out', async () => {
  const { port, inside } = await house({ connections: 5 }, polite);
  const flood = await Promise.all(Array.from({ length: 60 }, () => guest(port)));
  const late = await settled(port);
  expect(late.socket.destroyed).toBe(false);
  // All but the last four of the flood had to go.
  await Promise.all(flood.slice(0, 56).map(async ({ left }) => expect(await left).toBe('reset')));
  expect(inside).toHaveLength(61);
});

test('who does not finish a first request in time is shown out; who has, may stay', async () => {
  const { port } = await house({ handshake: 40 }, polite);
  const old = await settled(port);
  const silent = await guest(port);
  expect(await silent.left).toBe('ended');
  old.socket.write('still there?');
  await once(old.socket, 'data');
});

test('who says nothing for too long is shown out', async () => {
  const { port } = await house({ idle: 40 }, polite);
  const { left } = await settled(port);
  expect(await left).toBe('ended');
});

test('who never reads is not read from, and then dropped', async () => {
  const answer = Buffer.alloc(64 << 10);
  let heard = 0;
  const { port } = await house({ stall: 60, unread: 1 << 30 }, (guests, path, text) => {
    heard += text.length;
    guests.say(path, answer);
  });
  const { socket, left } = await guest(port);
  socket.pause();
  const request = Buffer.alloc(64 << 10, 'x');
  for (let offered = 0; offered < 48 << 20; offered += request.length) socket.write(request);
  await left;
  // The kernels at both ends took some of the 48 MiB; the server stopped reading long before the end.
  expect(heard).toBeLessThan(24 << 20);
});

test('what a guest has not read may not grow beyond all bounds', async () => {
  const answer = Buffer.alloc(256 << 10);
  const { port, guests, inside, departed } = await house({ unread: 1 << 20, stall: 60_000 }, polite);
  const { socket } = await settled(port);
  socket.pause();
  const [path = ''] = inside;
  // Pushed to somebody who asks for nothing: not reading from it is no help here.
  let told = 0;
  for (; told < 64 << 20 && departed.length === 0; told += answer.length) {
    guests.say(path, answer);
    await new Promise((next) => setImmediate(next));
  }
  expect(departed).toEqual([path]);
  // The kernels took some MiB; of ours there was never more than the bound and the last word.
  expect(told).toBeLessThan(32 << 20);
});

test('being told much at once is no reason to be dropped: a slow reader gets all of it', async () => {
  const much = Buffer.alloc(24 << 20, 'y');
  const { port } = await house({ unread: 1 << 20 }, (guests, path) => guests.say(path, much));
  const { socket } = await guest(port);
  socket.write('all of it, please');
  let got = 0;
  for await (const chunk of socket) {
    got += (chunk as Buffer).length;
    if (got === much.length) break;
  }
  expect(got).toBe(much.length);
});

test('two reasons not to read from a guest: it is read again when both are gone', async () => {
  const heard: string[] = [];
  const { port, guests, inside } = await house({}, (_guests, _path, text) => void heard.push(text));
  const { socket } = await guest(port);
  socket.write('1');
  await until(() => heard.length === 1);
  const [path = ''] = inside;
  const [first, second] = [promised(), promised()];
  guests.hold(path, first.promise);
  guests.hold(path, second.promise);
  socket.write('2');
  first.resolve();
  await roundTrips(port, guests, inside);
  expect(heard.join('')).not.toContain('2');
  second.resolve();
  await until(() => heard.join('').includes('2'));
});

test('a last word is read to its end, though the peer goes on talking', async () => {
  const { port } = await house({}, (guests, path) => {
    guests.say(path, Buffer.from('no, and good-bye'));
    guests.hangUp(path);
    // Once more, as when two answers to one peer both end it.
    guests.hangUp(path);
  });
  const { socket, left } = await guest(port);
  const said: Buffer[] = [];
  socket.on('data', (chunk) => {
    said.push(chunk);
  });
  for (let writes = 0; writes < 64; writes++) socket.write(Buffer.alloc(64 << 10));
  await once(socket, 'end');
  expect(Buffer.concat(said).toString()).toBe('no, and good-bye');
  socket.end();
  await left;
});

test('who is told to leave and keeps its end open is shown out', async () => {
  const { port } = await house({}, (guests, path) => guests.hangUp(path));
  const socket = dial({ port, host: '127.0.0.1', allowHalfOpen: true });
  endings.push(() => void socket.destroy());
  socket.on('error', () => {});
  socket.resume();
  socket.write('hello');
  await once(socket, 'end');
  // Our end stays open; only a write into a closed connection can tell that the other one has gone.
  const talk = setInterval(() => socket.write('more'), 20);
  await new Promise((closed) => socket.once('close', closed));
  clearInterval(talk);
});

test('paths hold an address and a port, of either family', () => {
  expect(addressOf(pathOf('127.0.0.1', 7))).toMatchObject({ address: '127.0.0.1', port: 7 });
  expect(addressOf(pathOf('::1', 50_412))).toMatchObject({ address: '::1', port: 50_412 });
  // One made earlier, and not the last one.
  expect(addressOf('127.0.0.1:7')).toMatchObject({ address: '127.0.0.1', port: 7 });
});

// ------------------------------------------------------------------------------------------------------------- datagrams

test.each([0, 7, 19, 53, 69, 123, 1023, 1900, 3702, 5353, 11_211, 7007])(
  'a datagram from port %i is not answered',
  (port) => {
    for (const rate of [0, 50]) expect(datagramGuard(7007, rate)(`127.0.0.1:${port}`, port)).toBe(false);
  },
);

test.each([1024, 1899, 5354, 50_412])('a datagram from port %i is answered', (port) => {
  expect(datagramGuard(7007, 50)(`127.0.0.1:${port}`, port)).toBe(true);
});

test('each source is answered in a burst of twice the rate, and then at the rate', () => {
  let now = 0;
  const answers = datagramGuard(7007, 50, () => now);
  const asked = (source: string, times: number) =>
    Array.from({ length: times }, () => answers(source, 5000)).filter(Boolean).length;
  expect(asked('a:5000', 500)).toBe(100);
  // Somebody else is not made to pay for it.
  expect(asked('b:5000', 10)).toBe(10);
  now += 1000;
  expect(asked('a:5000', 500)).toBe(50);
  now += 100;
  expect(asked('a:5000', 500)).toBe(5);
  // However long it is quiet, no more than a burst is saved up.
  now += 1_000_000;
  expect(asked('a:5000', 500)).toBe(100);
});

test('rate 0 answers all', () => {
  const answers = datagramGuard(7007, 0);
  expect(Array.from({ length: 1000 }, () => answers('a:5000', 5000)).every(Boolean)).toBe(true);
});

test('fifty thousand sources take the memory of four thousand, and the one in use is not forgotten', () => {
  const answers = datagramGuard(7007, 50, () => 0);
  for (let index = 0; index < 200; index++) answers('busy:5000', 5000);
  expect(answers('busy:5000', 5000)).toBe(false);
  for (let index = 0; index < 50_000; index++) {
    answers(`10.0.0.${index}:5000`, 5000);
    // It keeps asking: still refused, so still known.
    if (index % 1000 === 0) expect(answers('busy:5000', 5000)).toBe(false);
  }
  // Five thousand strangers later it is forgotten: nothing is kept for ever.
  for (let index = 0; index < 5000; index++) answers(`10.0.1.${index}:5000`, 5000);
  expect(answers('busy:5000', 5000)).toBe(true);
});

async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((next) => setImmediate(next));
}

/** So many round trips of somebody else that whatever was under way has arrived. */
async function roundTrips(port: number, guests: Crowd, inside: readonly string[]): Promise<void> {
  const { socket } = await guest(port);
  const path = inside.at(-1) ?? '';
  for (let trips = 0; trips < 20; trips++) {
    guests.say(path, Buffer.from('?'));
    await once(socket, 'data');
  }
}

function promised(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((yes) => {
    resolve = yes;
  });
  return { promise, resolve };
}

test('what is gathered leaves in one write: when the turn is over, or when somebody knows that nothing more comes', async () => {
  const server = createServer();
  const sockets: Socket[] = [];
  const come = new Promise<string>((resolve) => {
    const guests = crowd(
      server,
      BOUNDS,
      (socket, path) => {
        sockets.push(socket);
        guests.settled(path);
        say = (text) => guests.say(path, Buffer.from(text));
        letOut = guests.letOut;
        resolve(path);
      },
      { gathers: true },
    );
    endings.push(() => guests.disperse());
  });
  let say: (text: string) => void = () => {};
  let letOut = () => {};
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => void server.close());
  await guest((server.address() as { port: number }).port);
  await come;
  const written = () => sockets[0]?.bytesWritten;

  say('one');
  say('two');
  expect(written()).toBe(0);
  letOut();
  expect(written()).toBe(6);
  letOut();
  say('three');
  expect(written()).toBe(6);
  while (written() === 6) await new Promise((next) => setImmediate(next));
  expect(written()).toBe(11);
});

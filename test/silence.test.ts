// A link that swallows everything, then heals: what both ends see of it, and what each of them believes afterwards.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tap } from '../src/capture/tap.ts';
import type { Trace } from '../src/capture/trace.ts';
import { type Balancer, balancer } from '../src/lab/balancer.ts';
import { type Dials, holdDials } from '../src/lab/dials.ts';
import { over } from './over.ts';

const HOST = '127.0.0.1';
const closing: (() => unknown)[] = [];
let server: net.Server;
let dials: Dials;
let front: Balancer;
let notes: Trace[];
/** The server's ends, in order, and what each has heard. */
let visitors: { socket: net.Socket; heard: string }[];
let greeted: () => Promise<unknown>;
let datagramsHeard: string[];
/** From where datagrams have come to the server, and what it says of its own accord. */
let askers: number[];
let sayTo: (port: number, words: string) => void;

beforeEach(async () => {
  visitors = [];
  datagramsHeard = [];
  askers = [];
  notes = [];
  server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const visitor = { socket, heard: '' };
    visitors.push(visitor);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      visitor.heard += bytes;
      socket.write(`heard ${bytes}`);
    });
  });
  greeted = () => once(server, 'connection');
  server.listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const datagrams = dgram.createSocket('udp4');
  sayTo = (to, words) => datagrams.send(words, to, HOST);
  datagrams.on('message', (bytes, from) => {
    askers.push(from.port);
    datagramsHeard.push(String(bytes));
    datagrams.send(`heard ${bytes}`, from.port, HOST);
  });
  datagrams.bind(port, HOST);
  await once(datagrams, 'listening');
  dials = holdDials();
  front = await balancer({ host: HOST, port, note: (trace) => void notes.push(trace), clock: () => 0, dials });
  closing.push(() => datagrams.close());
  closing.push(() => server.close());
  closing.push(() => dials.restore());
  closing.push(() => front.close());
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A connection on which something has been said and answered. */
async function standing(): Promise<net.Socket> {
  const arrived = greeted();
  const socket = net.connect({ port: front.port, host: HOST });
  closing.push(() => socket.destroy());
  socket.on('error', () => {});
  await Promise.all([once(socket, 'connect'), arrived]);
  socket.write('a');
  expect(String((await once(socket, 'data'))[0])).toBe('heard a');
  return socket;
}

/** Resolves when the link has swallowed what it was to swallow. */
async function until(
  swallowed: (counts: Balancer['swallowed']['client']) => boolean,
  who: 'client' | 'server' = 'client',
) {
  while (!swallowed(front.swallowed[who])) await new Promise((turn) => setImmediate(turn));
}

/** What both ends of a connection say and hear when the link is as it should be. */
async function answers(socket: net.Socket, words: string): Promise<string> {
  socket.write(words);
  return String((await once(socket, 'data'))[0]);
}

/** Resolves when a half-open end has been answered; the lab asks for that again and again, when all is quiet. */
async function answered(visitor: { socket: net.Socket } | undefined): Promise<void> {
  while (visitor?.socket.closed === false) {
    front.answer();
    await new Promise((turn) => setImmediate(turn));
  }
}

const halfOpen = () => notes.filter((note) => note.is === 'half-open');

describe('datagrams', () => {
  test('are lost both ways, and counted; no later one brings them back', async () => {
    const socket = dgram.createSocket('udp4');
    closing.push(() => socket.close());
    socket.bind(0, HOST);
    await once(socket, 'listening');
    socket.send('first', front.port, HOST);
    await once(socket, 'message');
    const heard: string[] = [];
    socket.on('message', (bytes) => void heard.push(String(bytes)));

    front.silence();
    socket.send('one', front.port, HOST);
    await until(({ datagrams }) => datagrams === 1);
    sayTo(askers[0] ?? 0, 'are you there?');
    await until(({ datagrams }) => datagrams === 1, 'server');
    expect(front.waitedOn()).toBe(false);
    front.heal();
    expect(notes.at(-1)).toMatchObject({
      is: 'healed',
      swallowed: {
        client: { datagrams: 1, dials: 0, ends: 0, bytes: 3 },
        server: { datagrams: 1, dials: 0, ends: 0, bytes: 14 },
      },
    });
    socket.send('two', front.port, HOST);
    await once(socket, 'message');
    expect(heard).toEqual(['heard two']);
    expect(datagramsHeard).toEqual(['first', 'two']);
  });
});

describe('a connection that both ends hold', () => {
  test('hears nothing while every write succeeds, and gets all of it late and in order, both ways', async () => {
    const socket = await standing();
    let heard = '';
    socket.on('data', (bytes) => {
      heard += bytes;
    });
    front.silence();
    expect(socket.write('b')).toBe(true);
    await until(({ bytes }) => bytes === 1);
    expect(socket.write('c')).toBe(true);
    visitors[0]?.socket.write('anybody there?');
    await until(({ bytes }) => bytes === 2);
    await until(({ bytes }) => bytes === 14, 'server');
    expect(front.waitedOn()).toBe(true);
    expect([heard, visitors[0]?.heard]).toEqual(['', 'a']);
    front.heal();
    while (!heard.endsWith('c')) await once(socket, 'data');
    // The two may come in one piece or in two.
    expect(heard).toMatch(/^anybody there\?heard b(heard )?c$/);
    expect(visitors[0]?.heard).toBe('abc');
    expect(halfOpen()).toEqual([]);
    expect(await answers(socket, 'd')).toBe('heard d');
  });

  test('of which more is said than a window holds is read no further, and nothing of it is lost', async () => {
    const socket = await standing();
    front.silence();
    const much = Buffer.alloc(4 << 20, 'x');
    socket.write(much);
    await until(({ bytes }) => bytes >= 1 << 16);
    expect(front.swallowed.client.bytes).toBeLessThan(much.length);
    front.heal();
    socket.resume();
    while ((visitors[0]?.heard.length ?? 0) < much.length + 1) await once(visitors[0]?.socket as net.Socket, 'data');
    expect(visitors[0]?.heard).toHaveLength(much.length + 1);
  });

  test('and on which nothing was said is as it was', async () => {
    const socket = await standing();
    front.silence();
    expect(front.waitedOn()).toBe(false);
    front.heal();
    expect(await answers(socket, 'b')).toBe('heard b');
  });
});

describe('a connection that one end gives up', () => {
  test.each(['destroy', 'resetAndDestroy', 'end'] as const)(
    'is half-open at the server (%s): it hears of no end and of nothing that was said, until it speaks itself',
    async (how) => {
      const socket = await standing();
      const [visitor] = visitors;
      const events: string[] = [];
      for (const event of ['end', 'error', 'close'] as const) visitor?.socket.on(event, () => events.push(event));
      front.silence();
      socket.write('lost');
      await until(({ bytes }) => bytes === 4);
      socket[how]();
      await until(({ ends }) => ends === 1);
      front.heal();
      expect(halfOpen()).toMatchObject([{ at: 'server', near: expect.stringMatching(/^127\.0\.0\.1:\d+$/) }]);
      // Others come by, and are answered, and this one knows of nothing.
      expect(await answers(await standing(), 'b')).toBe('heard b');
      front.answer();
      expect(events).toEqual([]);
      expect(visitor?.heard).toBe('a');

      visitor?.socket.write('still there?');
      const [error] = await Promise.all([once(visitor?.socket as net.Socket, 'error'), answered(visitor)]);
      expect(error[0]).toMatchObject({ code: 'ECONNRESET' });
    },
  );

  test('the server: the client is half-open, and learns of it when it speaks', async () => {
    const socket = await standing();
    front.silence();
    visitors[0]?.socket.destroy();
    await until(({ ends }) => ends === 1, 'server');
    front.heal();
    expect(halfOpen()).toMatchObject([{ at: 'client' }]);
    expect(socket.destroyed).toBe(false);
    socket.write('b');
    const [error] = await Promise.all([once(socket, 'error'), answered({ socket })]);
    expect(error[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  test('both: nobody is left to be half-open', async () => {
    const socket = await standing();
    front.silence();
    socket.destroy();
    visitors[0]?.socket.destroy();
    await until(({ ends }) => ends === 1);
    await until(({ ends }) => ends === 1, 'server');
    front.heal();
    expect(halfOpen()).toEqual([]);
  });
});

describe('a dial into the silence', () => {
  test('is neither accepted nor refused; when the link heals the connection stands, with what was written meanwhile', async () => {
    front.silence();
    const socket = net.connect({ port: front.port, host: HOST });
    closing.push(() => socket.destroy());
    const events: string[] = [];
    for (const event of ['connect', 'error', 'close'] as const) socket.on(event, () => events.push(event));
    socket.write('patient');
    await new Promise((turn) => setTimeout(turn, 50));
    expect(events).toEqual([]);
    expect(socket.connecting).toBe(true);
    expect(front.waitedOn()).toBe(true);
    expect(notes.at(-1)).toMatchObject({ who: 'client', is: 'link', what: 'swallowed' });
    front.heal();
    expect(String((await once(socket, 'data'))[0])).toBe('heard patient');
    expect(events).toEqual(['connect']);
  });

  test('that was given up is not made when the link heals', async () => {
    front.silence();
    const socket = net.connect({ port: front.port, host: HOST });
    socket.destroy();
    await over(socket);
    expect(front.waitedOn()).toBe(false);
    front.heal();
    await standing();
    expect(visitors).toHaveLength(1);
    expect(front.swallowed.client.dials).toBe(1);
  });

  test('is seen by a tap when it stands; dials to anybody else get through', async () => {
    dials.restore();
    await front.close();
    dials = holdDials();
    const traces: Trace[] = [];
    const untap = tap({ who: 'client', clock: () => 0, sink: (trace) => void traces.push(trace) });
    closing.push(() => untap());
    const { port } = server.address() as AddressInfo;
    front = await balancer({ host: HOST, port, note: (trace) => void notes.push(trace), clock: () => 0, dials });
    front.silence();
    const direct = net.connect({ port, host: HOST });
    closing.push(() => direct.destroy());
    await once(direct, 'connect');
    const socket = net.connect({ port: front.port, host: HOST });
    closing.push(() => socket.destroy());
    socket.write('patient');
    front.heal();
    await once(socket, 'data');
    const seen = traces.flatMap((trace) =>
      (trace.is === 'link' || trace.is === 'bytes') &&
      trace.who === 'client' &&
      trace.remote === `${HOST}:${front.port}`
        ? [trace.is === 'link' ? trace.what : `${trace.way} ${Buffer.from(trace.base64, 'base64')}`]
        : [],
    );
    expect(seen).toEqual(['connected', 'sent patient', 'read heard patient']);
  });
});

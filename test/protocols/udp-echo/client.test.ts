// The other end, which must remember what it asked: in front of a socket that answers what a test tells it to.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect, type EchoClient } from '../../../src/protocols/udp-echo/client.ts';

interface Heard {
  payload: string;
  /** The port it came from. */
  port: number;
}

let server: dgram.Socket;
let client: EchoClient;
/** Ends the silence that the client waits in now. */
let overdue: () => void;
/** Waits that the client has begun, and how many of them it has called off. */
let waits: { begun: number; ended: number; redials: number };

async function bound(): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

async function hears(): Promise<Heard> {
  const [payload, { port }] = (await once(server, 'message')) as [Buffer, dgram.RemoteInfo];
  return { payload: payload.toString(), port };
}

const says = (payload: string, port: number, from = server) => from.send(payload, port, '127.0.0.1');

beforeEach(async () => {
  server = await bound();
  waits = { begun: 0, ended: 0, redials: 0 };
  client = await connect({
    design: 'plain',
    host: '127.0.0.1',
    port: server.address().port,
    world: { now: () => 0, name: () => '' },
    waits: {
      redial: async () => {
        waits.redials++;
      },
      overdue: (answered) =>
        new Promise((resolve) => {
          waits.begun++;
          overdue = resolve;
          answered.addEventListener('abort', () => {
            waits.ended++;
            resolve();
          });
        }),
    },
  });
});

afterEach(async () => {
  await client.close();
  server.close();
});

test('an echo is its own answer, and the question is forgotten with it', async () => {
  const said = client.say('hello');
  expect(client.facts()).toEqual({ 'pending["hello"]': 'asked, no answer yet' });
  const { payload, port } = await hears();
  expect(payload).toBe('hello');
  says('hello', port);
  expect(await said).toBe('hello');
  expect(client.facts()).toEqual({});
  expect(waits).toEqual({ begun: 1, ended: 1, redials: 0 });
});

test('an empty question has an empty answer', async () => {
  const said = client.say('');
  const { payload, port } = await hears();
  expect(payload).toBe('');
  says('', port);
  expect(await said).toBe('');
});

test('another answer is not taken for this one, whatever it looks like', async () => {
  const said = client.say('hello');
  const { port } = await hears();
  for (const wrong of ['', 'hell', 'hello!', 'HELLO', 'hello\0']) says(wrong, port);
  // From the wrong place, with the right words: the kernel does not even hand it over on a connected socket.
  const stranger = await bound();
  says('hello', port, stranger);
  stranger.close();
  // Had any of them been taken for the answer, the client would not ask again.
  const again = hears();
  await new Promise(setImmediate);
  overdue();
  expect(await again).toEqual({ payload: 'hello', port });
  says('hello', port);
  expect(await said).toBe('hello');
});

test('two questions at a time get their own answers, in whichever order', async () => {
  const one = client.say('one');
  const first = await hears();
  const two = client.say('two');
  const second = await hears();
  expect(client.facts()).toEqual({
    'pending["one"]': 'asked, no answer yet',
    'pending["two"]': 'asked, no answer yet',
  });
  says('two', second.port);
  expect(await two).toBe('two');
  expect(client.facts()).toEqual({ 'pending["one"]': 'asked, no answer yet' });
  says('one', first.port);
  expect(await one).toBe('one');
});

test('after a silence the same question is asked again, from the same port', async () => {
  const said = client.say('hello');
  const first = await hears();
  const again = hears();
  overdue();
  expect(await again).toEqual(first);
  expect(client.facts()).toEqual({ 'pending["hello"]': 'asked 2 times, no answer yet' });
  says('hello', first.port);
  expect(await said).toBe('hello');
  expect(client.facts()).toEqual({});
});

test('an answer that is late, and so comes twice, is one answer', async () => {
  const said = client.say('hello');
  const { port } = await hears();
  const again = hears();
  overdue();
  await again;
  says('hello', port);
  says('hello', port);
  expect(await said).toBe('hello');
  const next = client.say('next');
  expect((await hears()).payload).toBe('next');
  says('next', port);
  expect(await next).toBe('next');
});

async function givesUp(text: string): Promise<number> {
  const said = client.say(text).then(
    () => 'answered',
    (error) => (error as Error).message,
  );
  let heard = 0;
  const count = () => {
    heard++;
    // The client is waiting by now: it began to when it had sent.
    setImmediate(() => overdue());
  };
  server.on('message', count);
  expect(await said).toBe(`no echo of "${text}" after 4 tries`);
  server.off('message', count);
  return heard;
}

test('after four tries without an answer the client gives up, and forgets that it asked', async () => {
  expect(await givesUp('hello')).toBe(4);
  expect(client.facts()).toEqual({});
});

test('giving up leaves nobody listening: not after any number of questions', async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => void warnings.push(warning);
  process.on('warning', warned);
  for (let nth = 0; nth < 5; nth++) await givesUp(`question ${nth}`);
  await new Promise(setImmediate);
  process.off('warning', warned);
  expect(warnings, 'too many listeners on one socket').toEqual([]);
});

test('when nobody listens there, a connected socket is told so: the client dials again, then gives up', async () => {
  const { port } = server.address();
  const closed = once(server, 'close');
  server.close();
  await closed;
  const failed = client.say('hello').catch((error) => (error as Error).message);
  // Where a system keeps refusals to itself, silence does the same.
  const impatience = setInterval(() => overdue(), 50);
  expect(await failed).toBe('no echo of "hello" after 4 tries');
  clearInterval(impatience);
  if (process.platform === 'linux') expect(waits.redials).toBe(4);
  server = dgram.createSocket('udp4');
  server.bind(port, '127.0.0.1');
  await once(server, 'listening');
});

test('a move is another port; the server need not know', async () => {
  const before = client.say('before');
  const first = await hears();
  says('before', first.port);
  await before;
  await client.move();
  const after = client.say('after');
  const second = await hears();
  expect(second.port).not.toBe(first.port);
  says('after', second.port);
  expect(await after).toBe('after');
});

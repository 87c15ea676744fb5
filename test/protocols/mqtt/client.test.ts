// The client that plays several: what it remembers, what it says again, and when it is sure that there are no letters.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { connect as meet } from '../../../src/protocols/mqtt/client.ts';
import { type Message, wire } from '../../../src/protocols/mqtt/wire.ts';
import { encode, Inbox } from '../../../src/wire/wire.ts';
import { host, serve } from './broker.ts';

async function client(port: number, introduced: string[] = []) {
  const made = await meet({
    host,
    port,
    design: 'memory',
    world: { now: () => 0, name: () => 'name' },
    waits: { redial: () => new Promise((turn) => setImmediate(turn)), overdue: () => new Promise(() => {}) },
    introduce: (_path, name) => void introduced.push(name),
  });
  onTestFinished(() => made.close());
  return made;
}

test('letters wait for a sleeper, in order; a second look finds none', async () => {
  const { port } = await serve();
  const introduced: string[] = [];
  const it = await client(port, introduced);
  expect(await it.connect('sleeper', { clean: false })).toBe('session present 0');
  expect(await it.subscribe('sleeper', 'letters/#', 2)).toBe('subscribed to letters/#, QoS 2');
  await it.sleep('sleeper');
  await it.connect('sender', { version: 5 });
  for (const qos of [1, 2, 1] as const) await it.publish('sender', `letters/${qos}`, 'hello', qos);
  expect(await it.wake('sleeper')).toMatch(
    /^session present 1; letters\/1 "hello", letters\/[12] "hello", letters\/[12] "hello"$/,
  );
  expect(await it.wake('sleeper')).toBe('session present 1; no letters');
  expect(introduced).toEqual(['sleeper', 'sender', 'sleeper']);
  expect(it.facts()).toEqual({ 'session[sleeper]': 'subscribed to letters/# QoS 2' });
  await it.finish('sleeper');
});

test('moved, it comes back under the same name when it has something to say', async () => {
  const { port } = await serve();
  const it = await client(port);
  await it.connect('mover', { clean: false });
  await it.move();
  expect(await it.publish('mover', 'a', 'b', 2)).toBe('acknowledged: PUBCOMP');
  expect(await it.wake('mover')).toBe('session present 1; no letters');
});

test('who vanishes leaves a will; who finishes takes it along', async () => {
  const { port } = await serve();
  const it = await client(port);
  await it.connect('heir', { clean: false });
  await it.subscribe('heir', 'wills/#', 1);
  for (const name of ['vanishes', 'finishes']) {
    await it.connect(name, { will: { topic: `wills/${name}`, payload: 'all of it', qos: 1 } });
  }
  await it.finish('finishes');
  await it.vanish('vanishes');
  let letters = '';
  while (!letters.includes('wills')) letters = await it.wake('heir');
  // It has been there all the time: what it heard of its session is from the beginning.
  expect(letters).toBe('session present 0; wills/vanishes "all of it"');
});

test('what it is refused, it says', async () => {
  const { port } = await serve({ given: { users: new Map() } });
  const it = await client(port);
  await expect(it.connect('nobody', { user: 'a', password: 'b' })).rejects.toThrow(/the broker says: .*[Bb]ad user/);
  await expect(it.wake('stranger')).rejects.toThrow(/connect first/);
});

/** A broker that hangs up, without an answer, on each packet of the kinds it is given, once. */
async function faithless(kinds: string[]) {
  const heard: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const inbox = new Inbox(wire, 'client');
    const say = (message: Message) => socket.write(encode(wire, message));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const message of inbox.push(chunk).messages) {
        const dup = message.type === 'PUBLISH' && message.dup ? ' dup' : '';
        heard.push(`${message.type}${dup}`);
        const nth = kinds.indexOf(message.type);
        if (nth >= 0) {
          kinds.splice(nth, 1);
          return void socket.destroy();
        }
        if (message.type === 'CONNECT')
          say({ version: 4, type: 'CONNACK', sessionPresent: heard.length > 1, code: 0, properties: {} });
        if (message.type === 'PUBLISH') say({ version: 4, type: 'PUBREC', id: message.id });
        if (message.type === 'PUBREL') say({ version: 4, type: 'PUBCOMP', id: message.id });
        if (message.type === 'DISCONNECT') socket.end();
      }
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, heard };
}

test('QoS 2 over lost connections: PUBLISH again with dup, and PUBREL again without PUBLISH [MQTT-4.4.0-1]', async () => {
  const { port, heard } = await faithless(['PUBLISH', 'PUBREL']);
  const it = await client(port);
  await it.connect('insists', { clean: false });
  const said = it.publish('insists', 'a', 'b', 2);
  expect(it.facts()).toEqual({ 'out[insists 1]': 'PUBLISH sent: a "b"' });
  expect(await said).toBe('acknowledged: PUBCOMP');
  expect(heard).toEqual(['CONNECT', 'PUBLISH', 'CONNECT', 'PUBLISH dup', 'PUBREL', 'CONNECT', 'PUBREL']);
  expect(it.facts()).toEqual({});
});

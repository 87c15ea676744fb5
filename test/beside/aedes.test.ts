// Aedes as it comes, in a process that can be killed: what each of its three ways to hold sessions keeps.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { beginLife, type Life } from '../../src/lab/lives.ts';
import { freePort } from '../../src/lab/ports.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import type { Settings } from '../../src/protocols/shapes.ts';
import { needs } from '../peers.ts';

const clients = new Set<MqttClient>();
const lives = new Set<Life>();
let folder: string;
let remove: () => Promise<void>;

beforeEach(() => {
  ({ path: folder, remove } = temporaryFolder());
});
afterEach(async () => {
  for (const client of clients) await client.endAsync(true);
  for (const life of lives) await life.stop();
  clients.clear();
  lives.clear();
  await remove();
});

async function begin(design: string, number: number, settings: Settings = {}): Promise<Life> {
  const life = await beginLife({
    protocol: 'mqtt',
    design,
    who: `broker/${number}`,
    host: '127.0.0.1',
    port: 0,
    folder: join(folder, 'state'),
    settings,
    origin: '0',
  });
  lives.add(life);
  return life;
}

/** Connects under a name that outlives the connection, and tells whether the broker knew it. */
async function connect(
  { port }: Life,
  clientId: string,
): Promise<{ client: MqttClient; known: boolean; next: Promise<string> }> {
  const client = mqtt.connect({
    host: '127.0.0.1',
    port,
    clientId,
    clean: false,
    reconnectPeriod: 0,
    resubscribe: false,
  });
  clients.add(client);
  // What waited for it comes with the connection.
  const next = new Promise<string>((heard) => client.once('message', (topic, payload) => heard(`${topic} ${payload}`)));
  const known = await new Promise<boolean>((connected, failed) => {
    client.once('connect', ({ sessionPresent }) => connected(sessionPresent));
    client.once('error', failed);
  });
  return { client, known, next };
}

/**
 * Kills a broker that a sleeper has subscribed at, and tells whether the next life knows the sleeper, and what reaches it without its
 * having subscribed again. Not what waited for it meanwhile: Aedes may acknowledge a message before anybody holds it.
 */
async function afterKill(design: string, settings: Settings = {}) {
  const first = await begin(design, 1, settings);
  const before = await connect(first, 'sleeper');
  expect(before.known).toBe(false);
  await before.client.subscribeAsync('letters/#', { qos: 1 });
  await before.client.endAsync();
  await first.kill();
  const second = await begin(design, 2, settings);
  const { known, next } = await connect(second, 'sleeper');
  const sender = await connect(second, 'sender');
  await sender.client.publishAsync('letters/one', 'for you', { qos: 1 });
  // A message that reaches nobody is not waited for: this one comes after it, and reaches the sender itself.
  const own = sender.next;
  await sender.client.subscribeAsync('own', { qos: 1 });
  await sender.client.publishAsync('own', 'back', { qos: 1 });
  return { known, heard: await (known ? next : own) };
}

describe.each(['aedes', 'aedes-level'])('%s', (design) => {
  test('what is published reaches who has subscribed, and the process ends when it is told to', async () => {
    const life = await begin(design, 1);
    const [reader, writer] = [await connect(life, 'reader'), await connect(life, 'writer')];
    await reader.client.subscribeAsync('a/+', { qos: 1 });
    await writer.client.publishAsync('a/b', 'hello', { qos: 1 });
    expect(await reader.next).toBe('a/b hello');
    await life.stop();
    expect(await life.died).toEqual({ signal: null, code: 0 });
  });

  test('nobody can make it forget: that is told as it is', async () => {
    const life = await begin(design, 1);
    await expect(life.forget()).rejects.toThrow('nobody can reach into this server');
  });
});

test('in memory: a kill takes the session, and what is sent to it reaches nobody', async () => {
  expect(await afterKill('aedes')).toEqual({ known: false, heard: 'own back' });
});

test('on Level: the next life knows the session and what it has subscribed to', async () => {
  expect(await afterKill('aedes-level')).toEqual({ known: true, heard: 'letters/one for you' });
});

test('in Redis: the next life, on any machine, knows the session and what it has subscribed to', async (context) => {
  const program = needs(context, 'redis-server');
  const port = await freePort();
  const redis = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder]);
  onTestFinished(async () => {
    const gone = once(redis, 'exit');
    redis.kill('SIGKILL');
    await gone;
  });
  await new Promise<void>((ready) => {
    redis.stdout.on('data', (text) => {
      if (String(text).includes('Ready to accept')) ready();
    });
  });
  const settings = { store: `redis://127.0.0.1:${port}` };
  expect(await afterKill('aedes-redis', settings)).toEqual({ known: true, heard: 'letters/one for you' });
});

test('without the address of a Redis it says what to do', async () => {
  await expect(begin('aedes-redis', 1)).rejects.toThrow('--store takes its address');
});

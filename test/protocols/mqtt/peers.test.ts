// Peers that nobody here wrote: mosquitto's clients, a real mosquitto as a bridge, mqtt.js and Python's paho, over kills too.

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connectAsync } from 'mqtt';
import { generate } from 'selfsigned';
import { afterAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { beginLife, type Life } from '../../../src/lab/lives.ts';
import type { LifeOptions } from '../../../src/lab/messages.ts';
import { freePort } from '../../../src/lab/ports.ts';
import { startStore } from '../../../src/lab/store.ts';
import { temporaryFolder } from '../../../src/lab/tidy.ts';
import { missing, needs } from '../../peers.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

let made = 0;
/** A folder of this test. */
function fresh(): string {
  const path = join(folder.path, String(++made));
  mkdirSync(path);
  return path;
}

/** A broker in a process of its own. */
async function serve(design: string, options: Partial<LifeOptions> = {}): Promise<Life> {
  const life = await beginLife({
    protocol: 'mqtt',
    design,
    who: 'broker/1',
    host: '127.0.0.1',
    port: 0,
    origin: '0',
    folder: fresh(),
    ...options,
  });
  onTestFinished(() => life.stop());
  return life;
}

/** Resolves when somebody listens there. */
async function listens(port: number): Promise<void> {
  for (;;) {
    const socket = dial({ port, host: '127.0.0.1' });
    const there = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (there) return;
  }
}

/** A program at work, and what it has said so far. */
class Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  out = '';
  private readonly err: Promise<string>;
  private news = () => {};

  constructor(program: string, args: readonly string[], input?: string) {
    this.child = spawn(program, args, { stdio: 'pipe' });
    onTestFinished(async () => {
      this.child.kill('SIGKILL');
      await this.ended;
    });
    this.child.stdin.on('error', () => {});
    if (input !== undefined) this.child.stdin.end(input);
    this.err = text(this.child.stderr);
    this.child.stdout.setEncoding('utf8').on('data', (part: string) => {
      this.out += part;
      this.news();
    });
    this.ended = (once(this.child, 'close') as Promise<[number | null]>).then(([code]) => {
      this.news();
      return code;
    });
  }

  /** Resolves when it has said this; rejects when it ends before. */
  async says(what: string | RegExp): Promise<void> {
    for (;;) {
      if (typeof what === 'string' ? this.out.includes(what) : what.test(this.out)) return;
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`it ended (${this.child.exitCode}) after “${this.out}”, “${await this.err}”`);
      await new Promise<void>((news) => {
        this.news = news;
      });
    }
  }

  /** Resolves to all that it said, when it has ended well. */
  async well(): Promise<string> {
    const code = await this.ended;
    if (code !== 0) throw new Error(`exit code ${code}: “${this.out}”, “${await this.err}”`);
    return this.out;
  }
}

const at = ({ port }: { port: number }) => ['-h', '127.0.0.1', '-p', String(port)];

/** Runs a program of mosquitto's to its end. */
function run(program: string, life: { port: number }, ...args: string[]): Promise<string> {
  return new Running(program, [...at(life), ...args]).well();
}

describe.each(['mqttv311', 'mqttv5'])('mosquitto_pub and mosquitto_sub, %s', (version) => {
  test('QoS 0, 1 and 2 in both directions, in order', async (context) => {
    const [pub, sub] = [needs(context, 'mosquitto_pub'), needs(context, 'mosquitto_sub')];
    const life = await serve('memory');
    for (const qos of ['0', '1', '2']) {
      // Who hears what is retained has subscribed.
      await run(pub, life, '-V', version, '-r', '-t', `q${qos}/ready`, '-m', 'ready');
      const reader = new Running(sub, [...at(life), '-V', version, '-q', qos, '-t', `q${qos}/#`, '-v', '-C', '11']);
      await reader.says('ready');
      const writer = new Running(
        pub,
        [...at(life), '-V', version, '-q', qos, '-t', `q${qos}/x`, '-l'],
        '0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n',
      );
      await writer.well();
      const lines = Array.from({ length: 10 }, (_none, each) => `q${qos}/x ${each}\n`).join('');
      expect(await reader.well()).toBe(`q${qos}/ready ready\n${lines}`);
    }
  });

  test('retained: kept, replaced, and cleared by an empty one', async (context) => {
    const [pub, sub] = [needs(context, 'mosquitto_pub'), needs(context, 'mosquitto_sub')];
    const life = await serve('memory');
    for (const said of ['first', 'second'])
      await run(pub, life, '-V', version, '-q', '1', '-r', '-t', 'kept', '-m', said);
    expect(await run(sub, life, '-V', version, '-t', 'kept', '-C', '1', '-F', '%r %t %p')).toBe('1 kept second\n');
    await run(pub, life, '-V', version, '-r', '-t', 'kept', '-n');
    await run(pub, life, '-V', version, '-r', '-t', 'mark', '-m', 'last');
    expect(await run(sub, life, '-V', version, '-t', 'kept', '-t', 'mark', '-C', '1', '-F', '%t %p')).toBe(
      'mark last\n',
    );
  });

  test('a will is published when its owner is killed', async (context) => {
    const [pub, sub] = [needs(context, 'mosquitto_pub'), needs(context, 'mosquitto_sub')];
    const life = await serve('memory');
    await run(pub, life, '-V', version, '-r', '-t', 'ready', '-m', 'ready');
    const heir = new Running(sub, [...at(life), '-V', version, '-t', 'ready', '-t', 'wills/#', '-v', '-C', '2']);
    await heir.says('ready');
    const will = ['--will-topic', 'wills/mine', '--will-payload', 'all to you', '--will-qos', '1'];
    const mortal = new Running(sub, [...at(life), '-V', version, '-t', 'ready', ...will]);
    await mortal.says('ready');
    mortal.child.kill('SIGKILL');
    expect(await heir.well()).toBe('ready ready\nwills/mine all to you\n');
  });

  test('-c: letters wait over a kill where they are written down, and are gone where they are not', async (context) => {
    const [pub, sub] = [needs(context, 'mosquitto_pub'), needs(context, 'mosquitto_sub')];
    const expiry = version === 'mqttv5' ? ['-x', '3600'] : [];
    const sleeper = ['-V', version, '-c', ...expiry, '-i', 'sleeper', '-q', '2', '-t', 'letters/#'];
    for (const [design, kept] of [
      ['disk', ['one', 'three', 'two']],
      ['memory', ['late']],
    ] as const) {
      const state = fresh();
      const first = await serve(design, { folder: state });
      await run(sub, first, ...sleeper, '-E');
      for (const [qos, said] of Object.entries({ 0: 'nobody waits for this', 1: 'one', 2: 'two' }))
        await run(pub, first, '-V', version, '-q', qos, '-t', 'letters/x', '-m', said);
      await run(pub, first, '-V', version, '-q', '1', '-t', 'letters/y', '-m', 'three');
      await first.kill();
      const second = await serve(design, { folder: state, port: first.port, who: 'broker/2' });
      // Whoever was forgotten subscribes anew by the same command, and finds what is retained.
      if (design === 'memory') await run(pub, second, '-V', version, '-q', '1', '-r', '-t', 'letters/z', '-m', 'late');
      const heard = await run(sub, second, ...sleeper, '-C', String(kept.length), '-F', '%p');
      // One of QoS 2 is only there when it is released, after others that came later.
      expect(heard.trimEnd().split('\n').sort()).toEqual(kept);
    }
  });
});

test('mosquitto, version 5: properties travel along', async (context) => {
  const [pub, sub] = [needs(context, 'mosquitto_pub'), needs(context, 'mosquitto_sub')];
  const life = await serve('memory');
  const properties = [
    ...['publish', 'user-property', 'name', 'value'],
    ...['publish', 'content-type', 'text/plain'],
    ...['publish', 'response-topic', 'answers'],
    ...['publish', 'correlation-data', 'c7'],
    ...['publish', 'message-expiry-interval', '60'],
  ];
  const given = Array.from({ length: 5 }, (_none, nth) => nth).flatMap((nth) => {
    const own = nth === 0 ? properties.slice(0, 4) : properties.slice(4 + (nth - 1) * 3, 7 + (nth - 1) * 3);
    return ['-D', ...own];
  });
  await run(pub, life, '-V', 'mqttv5', '-r', '-t', 'asked', '-m', 'hello', ...given);
  const heard = await run(sub, life, '-V', 'mqttv5', '-t', 'asked', '-C', '1', '-F', '%C|%D|%R|%P|%p');
  expect(heard).toBe('text/plain|c7|answers|name:value|hello\n');
});

test('mosquitto: users, rights and TLS', async (context) => {
  const [pub, sub] = [needs(context, 'mosquitto_pub'), needs(context, 'mosquitto_sub')];
  const own = fresh();
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' });
  writeFileSync(join(own, 'cert.pem'), made.cert);
  writeFileSync(join(own, 'key.pem'), made.private);
  writeFileSync(join(own, 'acl'), '# ann may do all\nallow ann read #\nallow ann write #\nallow bob read news\n');
  const tls = await freePort();
  const life = await serve('memory', {
    settings: {
      users: 'ann:secret,bob:other',
      acl: join(own, 'acl'),
      tls: String(tls),
      cert: join(own, 'cert.pem'),
      key: join(own, 'key.pem'),
    },
  });
  const as = (user: string, password: string) => ['-u', user, '-P', password, '-i', `${user}:1`];
  await run(pub, life, ...as('ann', 'secret'), '-r', '-t', 'news', '-m', 'good');
  expect(await run(sub, life, ...as('bob', 'other'), '-t', 'news', '-C', '1')).toBe('good\n');
  await expect(run(pub, life, ...as('ann', 'wrong'), '-t', 'news', '-m', 'bad')).rejects.toThrow(
    /not authori[sz]ed|[Bb]ad user/,
  );
  await expect(run(pub, life, '-t', 'news', '-m', 'bad')).rejects.toThrow(/not authori[sz]ed|[Bb]ad user/);
  await run(pub, life, ...as('bob', 'other'), '-r', '-t', 'news', '-m', 'forged');
  const trusted = ['--cafile', join(own, 'cert.pem'), '--insecure'];
  const secure = { port: tls };
  expect(await run(sub, secure, ...trusted, ...as('ann', 'secret'), '-t', 'news', '-C', '1')).toBe('good\n');
});

test('mosquitto, two brokers over one Redis: who sleeps at one finds its letters at the other, also when that one is dead', async (context) => {
  const [pub, sub] = [needs(context, 'mosquitto_pub'), needs(context, 'mosquitto_sub')];
  needs(context, 'redis-server');
  const store = await startStore(fresh());
  onTestFinished(() => store.stop());
  const settings = { store: store.url };
  const one = await serve('redis', { settings });
  const two = await serve('redis', { settings, who: 'broker/2' });
  await run(sub, one, '-c', '-i', 'ada', '-q', '1', '-t', 'letters/#', '-E');
  await run(pub, two, '-q', '1', '-t', 'letters/1', '-m', 'from the other one');
  await run(pub, one, '-q', '2', '-t', 'letters/2', '-m', 'from this one');
  await one.kill();
  const letters = await run(sub, two, '-c', '-i', 'ada', '-q', '1', '-t', 'letters/#', '-v', '-C', '2');
  expect(letters).toBe('letters/1 from the other one\nletters/2 from this one\n');
});

test('a real mosquitto as a bridge to this broker: both ways, and over a kill of ours', async (context) => {
  const [mosquitto, pub, sub] = ['mosquitto', 'mosquitto_pub', 'mosquitto_sub'].map((name) => needs(context, name)) as [
    string,
    string,
    string,
  ];
  const state = fresh();
  const life = await serve('disk', { folder: state });
  const port = await freePort();
  const config = join(fresh(), 'bridge.conf');
  writeFileSync(
    config,
    [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'connection ours',
      `address 127.0.0.1:${life.port}`,
      'topic out/# out 1',
      'topic in/# in 1',
      'cleansession false',
      'restart_timeout 1',
      // Where it speaks to another make, it is told so: a version of its own, and a will to $SYS, are between mosquittos.
      'try_private false',
      'notifications false',
      '',
    ].join('\n'),
  );
  new Running(mosquitto, ['-c', config]);
  await listens(port);
  const ours = new Running(sub, [...at(life), '-t', 'out/#', '-v', '-q', '1', '-c', '-i', 'ours', '-C', '1']);
  const away = { port };
  const theirs = new Running(sub, [...at(away), '-t', 'in/#', '-v', '-q', '1', '-C', '2']);
  // Until all have subscribed, nothing that is said is for sure to arrive.
  const saying = setInterval(() => {
    void run(pub, away, '-q', '1', '-t', 'out/x', '-m', 'to us').catch(() => {});
    void run(pub, life, '-q', '1', '-t', 'in/x', '-m', 'to them').catch(() => {});
  }, 500);
  onTestFinished(() => clearInterval(saying));
  expect(await ours.well()).toBe('out/x to us\n');
  await theirs.says('in/x to them');
  clearInterval(saying);
  // The bridge sleeps through a kill of ours, and what was said meanwhile on its side comes over.
  await life.kill();
  await run(pub, away, '-q', '1', '-t', 'out/y', '-m', 'meanwhile');
  const second = await serve('disk', { folder: state, port: life.port, who: 'broker/2' });
  const again = new Running(sub, [...at(second), '-t', 'out/#', '-v', '-q', '1', '-c', '-i', 'ours']);
  await again.says('out/y meanwhile');
});

describe('mqtt.js', () => {
  test.each([4, 5] as const)(
    'version %i: all qualities of service, wildcards, retained, unsubscribe',
    async (protocolVersion) => {
      const life = await serve('memory');
      const [one, other] = await Promise.all(
        ['one', 'other'].map((clientId) =>
          connectAsync(`mqtt://127.0.0.1:${life.port}`, { clientId, protocolVersion, reconnectPeriod: 0 }),
        ),
      );
      if (!one || !other) throw new Error('nobody came');
      const heard: string[] = [];
      one.on('message', (topic, payload, { qos, retain }) =>
        heard.push(`${topic} ${payload} ${qos}${retain ? ' r' : ''}`),
      );
      await other.publishAsync('a/kept', 'k', { qos: 1, retain: true });
      await one.subscribeAsync('a/+', { qos: 2 });
      for (const qos of [0, 1, 2] as const) await other.publishAsync('a/b', String(qos), { qos });
      await one.unsubscribeAsync('a/+');
      await other.publishAsync('a/b', 'not any more', { qos: 2 });
      await one.publishAsync('end', '', { qos: 1 });
      expect(heard).toEqual(['a/kept k 1 r', 'a/b 0 0', 'a/b 1 1', 'a/b 2 2']);
      await Promise.all([one.endAsync(), other.endAsync()]);
    },
  );
});

/** A client in another language; the words that it prints are the test. */
const PAHO = `
import sys, threading
import paho.mqtt.client as mqtt

port, version = int(sys.argv[1]), int(sys.argv[2])
heard, there = [], threading.Event()

def client(name, **more):
    made = mqtt.Client(name, protocol=version, **more)
    up = threading.Event()
    made.on_connect = lambda *given: up.set()
    made.connect('127.0.0.1', port, 60)
    made.loop_start()
    assert up.wait(10), 'nobody answered'
    return made

def subscribe(who, topic, qos):
    done = threading.Event()
    who.on_subscribe = lambda *given: done.set()
    who.subscribe(topic, qos)
    assert done.wait(10), 'no SUBACK'

clean = {} if version == 5 else {'clean_session': False}
sleeper = client('sleeper', **clean)
subscribe(sleeper, 'letters/#', 2)
def on_message(_client, _data, letter):
    heard.append('%s %s %d' % (letter.topic, letter.payload.decode(), letter.qos))
    if letter.payload == b'end': there.set()
sleeper.on_message = on_message
sender = client('sender')
for qos in (0, 1, 2):
    sender.publish('letters/%d' % qos, 'x' * 3, qos).wait_for_publish(10)
sender.publish('letters/end', 'end', 2).wait_for_publish(10)
assert there.wait(10), heard
print('\\n'.join(heard), flush=True)
for each in (sleeper, sender):
    each.disconnect(); each.loop_stop()
`;

/** A Python that has paho: the one that Debian's package is for need not be the first on the path. */
function pythonWithPaho(context: TestContext): string {
  const found = ['python3', '/usr/bin/python3'].find(
    (python) => spawnSync(python, ['-c', 'import paho.mqtt.client']).status === 0,
  );
  if (found === undefined && process.env.AMNESIA_REQUIRE_PEERS === '1')
    throw new Error(missing('paho (python3-paho-mqtt)'));
  return found ?? context.skip(missing('paho (python3-paho-mqtt)'));
}

test.for([4, 5])("Python's paho, protocol level %i: all qualities of service", async (level, context) => {
  const program = pythonWithPaho(context);
  const life = await serve('disk');
  const python = new Running(program, ['-c', PAHO, String(life.port), String(level)]);
  const lines = (await python.well()).trimEnd().split('\n');
  expect(lines.slice(-4)).toEqual(['letters/0 xxx 0', 'letters/1 xxx 1', 'letters/2 xxx 2', 'letters/end end 2']);
});

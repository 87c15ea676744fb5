// What a hostile or broken peer sends to a broker, and what must be seen instead of a crash. Real brokers, real sockets.

import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ledger } from '../src/capture/ledger.ts';
import { record } from '../src/capture/records.ts';
import { tap } from '../src/capture/tap.ts';
import { clockSince, type Trace } from '../src/capture/trace.ts';
import { beginLife, type Life } from '../src/lab/lives.ts';
import { jsonLines } from '../src/log/jsonl.ts';
import { TerminalLog } from '../src/log/terminal.ts';
import { paint } from '../src/log/text.ts';
import { card } from '../src/protocols/mqtt/index.ts';
import { CODE, CONNACK4, type Message, type QoS, wire } from '../src/protocols/mqtt/wire.ts';
import { encode } from '../src/wire/wire.ts';
import { over } from './over.ts';
import { connect, host, isWell, ping, publish, serve, subscribe, Talker, until } from './protocols/mqtt/broker.ts';

/** A broker in a process of its own, whose memory can be looked at. */
async function alone(design = 'memory'): Promise<Life> {
  return beginLife({ protocol: 'mqtt', design, who: 'broker/1', host, port: 0, origin: '0' });
}

/** Bytes of memory that a process has in use. */
function resident(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}

function descriptors(): number {
  const open = existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
  return open || process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
}

const DISCONNECT: Message = { version: 4, type: 'DISCONNECT' };
const retained = (topic: string, payload: string, qos: QoS): Message => ({
  ...(publish(topic, payload, qos) as Message & { type: 'PUBLISH' }),
  retain: true,
});

/** A publication with this packet id. */
const numbered = (id: number, version: 4 | 5): Message => ({
  ...(publish('numbered', 'x', 2, version) as Message & { type: 'PUBLISH' }),
  id,
});

describe('bytes', () => {
  const captured = [
    connect('captured', {
      version: 5,
      clean: true,
      keepAlive: 60,
      will: { topic: 'w', payload: Buffer.from('will'), qos: 1, retain: false, properties: { willDelay: 1 } },
      properties: { sessionExpiry: 10, receiveMaximum: 5, user: [['a', 'b']] },
    }),
    subscribe('a/+', 2, 5),
    publish('a/b', 'letter', 1, 5),
    publish('a/c', 'letter', 2, 5),
    { version: 5, type: 'PUBREL', id: 1 },
    { version: 5, type: 'UNSUBSCRIBE', id: 2, properties: {}, filters: ['a/+'] },
    ping(5),
    { version: 5, type: 'DISCONNECT' },
  ] as const satisfies Message[];
  const parts = captured.map((message) => encode(wire, message));
  const conversation = Buffer.concat(parts);

  test('a captured conversation with any one byte spoiled, cut short, doubled or out of order: the broker is well, nothing is left', async () => {
    const { port } = await serve();
    const spoilt: Buffer[] = [Buffer.concat([conversation, conversation])];
    parts.forEach((_part, at) => {
      const moved = [...parts];
      const [taken] = moved.splice(at, 1);
      spoilt.push(Buffer.concat(moved));
      if (taken) spoilt.push(Buffer.concat([taken, ...moved]), Buffer.concat([...moved, taken, taken]));
    });
    for (let at = 0; at < conversation.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(conversation);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        spoilt.push(bytes);
      }
      spoilt.push(conversation.subarray(0, at));
    }
    await isWell(port);
    const before = descriptors();
    for (let start = 0; start < spoilt.length; start += 50) {
      await Promise.all(
        spoilt.slice(start, start + 50).map(async (bytes) => {
          const socket = dial({ port, host });
          socket.on('error', () => {}).resume();
          socket.end(bytes);
          await over(socket);
        }),
      );
    }
    await isWell(port);
    await until(() => descriptors() <= before);
  });

  test.each(['before CONNECT', 'after it'])(
    '48 MB behind a length of 256 MB, %s: refused from the header',
    async (when) => {
      const life = await alone();
      try {
        await isWell(life.port);
        const before = resident(life.pid);
        const socket = dial({ port: life.port, host });
        socket.on('error', () => {}).resume();
        if (when === 'after it') {
          socket.write(encode(wire, connect('large')));
          await once(socket, 'data');
        }
        socket.write(Buffer.from(when === 'after it' ? '30ffffff7f' : '10ffffff7f', 'hex'));
        // Whether it ends or is reset is left to the moment.
        const gone = new Promise((resolve) => socket.once('close', resolve));
        for (let sent = 0; sent < 48 && socket.writable; sent++) {
          socket.write(Buffer.alloc(1 << 20));
          await new Promise((turn) => setImmediate(turn));
        }
        await gone;
        expect(resident(life.pid) - before).toBeLessThan(10 << 20);
        await isWell(life.port);
      } finally {
        await life.stop();
      }
    },
  );

  test('200 connections reset in the middle of a packet leave no descriptor behind', async () => {
    const { port, facts } = await serve();
    const before = descriptors();
    await Promise.all(
      Array.from({ length: 200 }, async (_none, nth) => {
        const talker = await Talker.meet(port, `half-${nth}`);
        talker.say(Buffer.from('30640003', 'hex'));
        (talker.stream as ReturnType<typeof dial>).resetAndDestroy();
        await talker.over;
      }),
    );
    await until(() => descriptors() <= before && Object.keys(facts()).length === 0);
    await isWell(port);
  });
});

describe('places', () => {
  test('half-open connections: the oldest makes room, a client is not touched, the newcomer is heard', async () => {
    const { port } = await serve({ bounds: { connections: 10, handshake: 60_000 } });
    const client = await Talker.meet(port, 'settled');
    const flood = Array.from({ length: 40 }, () => new Talker(dial({ port, host })));
    await flood[0]?.over;
    const newcomer = await Talker.meet(port, 'newcomer');
    for (const each of [client, newcomer]) expect((await each.ask(ping())).type).toBe('PINGRESP');
  });

  test('half a CONNECT is none: whoever stops there is shown out in time', async () => {
    const { port } = await serve({ bounds: { handshake: 200 } });
    const talker = (await Talker.dial(port)).say(encode(wire, connect('half')).subarray(0, 9));
    await talker.over;
  });

  test('keep alive 0 lasts as long as the bound on idleness, and 18 hours no longer than is announced', async () => {
    const { port } = await serve({ bounds: { idle: 300 } });
    const silent = await Talker.meet(port, 'silent', { keepAlive: 0 });
    await silent.over;
    const slow = await Talker.dial(port);
    const answer = await slow.enter('slow', { version: 5, keepAlive: 65_535 });
    expect(answer).toMatchObject({ type: 'CONNACK', code: 0 });
    const { serverKeepAlive } = (answer as Message & { type: 'CONNACK' }).properties;
    expect(serverKeepAlive).toBeLessThanOrEqual(600);
  });

  test('a reader that reads nothing at all is dropped in time, and everybody else is served', async () => {
    const { port, facts } = await serve({ bounds: { stall: 500 } });
    const frozen = await Talker.meet(port, 'frozen');
    await frozen.ask(subscribe('flood'));
    frozen.stream.pause();
    const reader = await Talker.meet(port, 'reader');
    await reader.ask(subscribe('flood'));
    const writer = await Talker.meet(port, 'writer');
    // The system keeps some megabytes for it; then the broker has to, and does not do so for long.
    while ('session[frozen]' in facts()) {
      writer.say(publish('flood', Buffer.alloc(64 << 10)));
      await until(() => reader.heard.length === 1);
      reader.heard.length = 0;
    }
    frozen.stream.resume();
    await frozen.over;
    expect((await reader.ask(ping())).type).toBe('PINGRESP');
  });
});

describe('letters', () => {
  test('an offline queue holds 1000 and 5 MB; the oldest are dropped and counted', async () => {
    const { port, facts } = await serve();
    const sleeper = await Talker.meet(port, 'sleeper', { clean: false });
    await sleeper.ask(subscribe('many/#', 1));
    sleeper.say(DISCONNECT);
    await sleeper.over;
    const writer = await Talker.meet(port, 'writer');
    for (let at = 0; at < 1_200; at++) {
      const answer = await writer.ask(publish('many/x', String(at), 1));
      expect(answer.type).toBe('PUBACK');
    }
    expect(facts()['queue[sleeper]']).toMatch(/1000/);
    expect(facts()['queue[sleeper]']).toMatch(/200/);
    for (let at = 0; at < 40; at++) await writer.ask(publish('many/y', Buffer.alloc(200_000), 1));
    const again = await Talker.dial(port);
    await again.enter('sleeper', { clean: false });
    let bytes = 0;
    for (let silent = 0; silent < 2; ) {
      const [letter] = again.heard.splice(0, 1);
      if (letter?.type === 'PUBLISH') {
        bytes += letter.payload.length;
        again.say({ version: 4, type: 'PUBACK', id: letter.id });
      } else if (letter?.type === 'PINGRESP') silent++;
      else {
        again.say(ping());
        await until(() => again.heard.length > 0);
      }
    }
    expect(bytes).toBeLessThanOrEqual(5 << 20);
    expect(bytes).toBeGreaterThan(4 << 20);
  });

  test('QoS 2 without PUBREL: after a hundred it is enough', async () => {
    const { port } = await serve();
    for (const version of [4, 5] as const) {
      const talker = await Talker.meet(port, 'eager', { version });
      for (let id = 1; id <= 100; id++) expect((await talker.ask(numbered(id, version))).type).toBe('PUBREC');
      talker.say(numbered(101, version));
      const last = await talker.toTheEnd();
      if (version === 5) expect(last).toMatchObject([{ type: 'DISCONNECT', code: CODE.receiveMaximumExceeded }]);
      else expect(last).toEqual([]);
    }
    await isWell(port);
  });

  test('a retained message of QoS 2 reaches those who subscribe with QoS 2, and they stay', async () => {
    const { port } = await serve();
    const writer = await Talker.meet(port, 'writer');
    await writer.ask(retained('kept', 'poison?', 2));
    await writer.ask({ version: 4, type: 'PUBREL', id: 1 });
    const reader = await Talker.meet(port, 'reader', { clean: false });
    reader.say(subscribe('kept', 2));
    await until(() => reader.heard.length === 2);
    expect(reader.heard.map(({ type }) => type).sort()).toEqual(['PUBLISH', 'SUBACK']);
    reader.heard.length = 0;
    expect((await reader.ask(ping())).type).toBe('PINGRESP');
  });

  test.each(['$SYS/broker/x', '$CONTROL/dynamic-security/v1'])(
    '%s is not for clients to write, nor for their wills',
    async (topic) => {
      const { port } = await serve();
      const reader = await Talker.meet(port, 'reader');
      await reader.ask(subscribe('$SYS/#'), subscribe('$CONTROL/#'));
      for (const qos of [0, 1, 2] as const) {
        const writer = await Talker.meet(port, `writer-${qos}`);
        writer.say(publish(topic, 'forged', qos), DISCONNECT);
        await writer.over;
      }
      const will = { topic, payload: Buffer.from('forged'), qos: 0, retain: false, properties: {} } as const;
      const mortal = await Talker.dial(port);
      await mortal.enter('mortal', { will }).catch(() => {});
      (mortal.stream as ReturnType<typeof dial>).resetAndDestroy();
      await mortal.over;
      await until(() => reader.heard.some(({ type }) => type === 'SUBACK'));
      reader.heard.length = 0;
      expect((await reader.ask(ping())).type).toBe('PINGRESP');
    },
  );

  test('topics too deep, with wildcards, or with a NUL: no one gets them, and the broker is well', async () => {
    const { port } = await serve();
    const reader = await Talker.meet(port, 'reader');
    await reader.ask(subscribe('#'));
    for (const topic of [`${'a/'.repeat(16)}a`, 'a/+/b', '#', 'a\0b', '', 'x'.repeat(2_000)]) {
      const writer = (await Talker.meet(port, 'writer')).say(publish(topic, 'x'), DISCONNECT);
      await writer.over;
    }
    for (const filter of ['a/#/b', 'a+', '', '\0', 'a/'.repeat(2_000)]) {
      const writer = (await Talker.meet(port, 'writer')).say(subscribe(filter), DISCONNECT);
      const said = await writer.toTheEnd();
      for (const each of said) if (each.type === 'SUBACK') expect(each.codes.every((code) => code >= 0x80)).toBe(true);
    }
    expect((await reader.ask(ping())).type).toBe('PINGRESP');
    await isWell(port);
  });

  test('names that mean something to JavaScript are names', async () => {
    const { port, facts } = await serve();
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const talker = await Talker.meet(port, name);
      await talker.ask(subscribe(`${name}/#`));
      talker.say(retained(`${name}/polluted`, 'yes', 0));
      expect(await talker.hears()).toMatchObject({ type: 'PUBLISH', topic: `${name}/polluted` });
      expect(Object.keys(facts())).toContain(`session[${name}]`);
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    await isWell(port);
  });
});

describe('names', () => {
  test('an empty one that wants to be remembered: CONNACK 2 [MQTT-3.1.3-8]', async () => {
    const { port } = await serve();
    const talker = await Talker.dial(port);
    const answer = await talker.enter('', { clean: false });
    expect(answer).toMatchObject({ type: 'CONNACK', code: CONNACK4.identifierRejected });
    await talker.over;
  });

  test('with users, a name belongs to its user: nobody drains the letter box of another', async () => {
    const { createHash } = await import('node:crypto');
    const known = (password: string) => createHash('sha256').update(password).digest();
    const users = new Map([
      ['ann', known('secret')],
      ['eve', known('other')],
    ]);
    const { port, facts } = await serve({ given: { users } });
    const as = (user: string, password: string) => ({ user, password: Buffer.from(password), clean: false });
    const ann = await Talker.dial(port);
    expect(await ann.enter('ann:phone', as('ann', 'secret'))).toMatchObject({ code: 0 });
    for (const [client, who] of [
      ['ann:phone', as('eve', 'other')],
      ['ann:phone', as('ann', 'wrong')],
      ['ann:phone', as('nobody', 'secret')],
      ['ann:phone', {}],
    ] as const) {
      const thief = await Talker.dial(port);
      const answer = (await thief.enter(client, who)) as Message & { type: 'CONNACK' };
      expect(answer.code).toBeGreaterThan(0);
      await thief.over;
    }
    expect((await ann.ask(ping())).type).toBe('PINGRESP');
    expect(Object.keys(facts()).filter((subject) => subject.startsWith('session'))).toEqual(['session[ann:phone]']);
  });

  test('a takeover hangs up on the one before, and says so in version 5', async () => {
    const { port } = await serve();
    const first = await Talker.meet(port, 'same', { version: 5 });
    await Talker.meet(port, 'same', { version: 5 });
    expect(await first.toTheEnd()).toMatchObject([{ type: 'DISCONNECT', code: CODE.sessionTakenOver }]);
  });
});

test('the log: nothing that a terminal obeys, and no password', async () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly the characters that must not get through
  const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u;
  const evil = '\u001b[2J\u0007\u202e\u2028\r\n━━━ SIGKILL broker/1';
  const { port } = await serve();
  const traces: Trace[] = [
    { t: 0, who: 'broker/1', is: 'born', pid: 1, path: `${host}:${port}`, facts: {}, notes: [] },
  ];
  const untap = tap({
    who: 'client',
    clock: clockSince(process.hrtime.bigint()),
    remotePort: () => port,
    sink: (trace) => void ('local' in trace && trace.local.endsWith(`:${port}`) ? undefined : traces.push(trace)),
  });
  const will = { topic: `w${evil}`, payload: Buffer.from(evil), qos: 0, retain: false, properties: {} } as const;
  const talker = await Talker.dial(port);
  await talker.enter(`id${evil}`, {
    version: 5,
    will,
    user: evil,
    password: Buffer.from('correct horse'),
    properties: { user: [[evil, evil]] },
  });
  talker.say(subscribe(`f${evil}`, 0, 5), publish(`t${evil}`, evil, 1, 5));
  await until(() => talker.heard.length > 0 || talker.isOver);
  talker.say(Buffer.from(`\u0000${evil}`));
  await talker.over;
  untap();
  const entries = record(traces, { card: card as never });
  const found = ledger(entries);
  const forms = [jsonLines(entries, found).join('\n')];
  for (const level of ['line', 'default', 'full'] as const) {
    const look = { width: 80, colour: false, ascii: false };
    const log = new TerminalLog({ level, bytes: 'all', look });
    const lines = entries.flatMap((each) => log.lines(each, 'row' in each ? found.notes.get(each.row) : undefined));
    forms.push(lines.map((line) => paint(line, look)).join('\n'));
  }
  expect(entries.filter((entry) => entry.is === 'packet').length).toBeGreaterThan(3);
  for (const form of forms) {
    expect(OBEYED.exec(form)?.[0]).toBeUndefined();
    expect(form).not.toMatch(/^━━━ SIGKILL/m);
    expect(form).not.toContain('correct horse');
    expect(form).not.toContain(Buffer.from('correct horse').toString('hex'));
  }
});

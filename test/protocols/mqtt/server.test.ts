// The broker at its sockets: packets cut anywhere, what is refused from its header, silence, slow readers, TLS and WebSocket.

import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { connect as dialTls } from 'node:tls';
import { connectAsync } from 'mqtt';
import { generate } from 'selfsigned';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createWebSocketStream, WebSocket } from 'ws';
import { card } from '../../../src/protocols/mqtt/index.ts';
import { CODE, type Version, wire } from '../../../src/protocols/mqtt/wire.ts';
import { SettingError } from '../../../src/protocols/shapes.ts';
import { encode } from '../../../src/wire/wire.ts';
import { over } from '../../over.ts';
import { connect, host, isWell, ping, publish, serve, subscribe, Talker, until } from './broker.ts';

let pem: { cert: string; key: string };
beforeAll(async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' });
  pem = { cert: made.cert, key: made.private };
});

/** A whole conversation in one piece. */
const conversation = (name: string, version: Version = 4) =>
  Buffer.concat(
    [
      connect(name, { version }),
      subscribe(name, 1, version),
      publish(name, 'a letter to myself', 0, version),
      ping(version),
    ].map((message) => encode(wire, message)),
  );

const ANSWERS = ['CONNACK', 'SUBACK', 'PUBLISH', 'PINGRESP'];

describe('a stream of bytes', () => {
  test('cut in two at any place: the same answers', async () => {
    const { port } = await serve();
    const bytes = conversation('cut');
    for (let at = 1; at < bytes.length; at++) {
      const talker = await Talker.dial(port);
      talker.stream.write(bytes.subarray(0, at));
      await new Promise((turn) => setImmediate(turn));
      talker.stream.write(bytes.subarray(at));
      await until(() => talker.heard.length === ANSWERS.length);
      expect(talker.heard.map(({ type }) => type)).toEqual(ANSWERS);
      talker.stream.destroy();
    }
  });

  test.each([4, 5] as const)('in version %i, one byte at a time: the same answers', async (version) => {
    const { port } = await serve();
    const talker = (await Talker.dial(port)).speaks(version);
    for (const byte of conversation('slow', version)) {
      talker.say(Buffer.of(byte));
      await new Promise((turn) => setImmediate(turn));
    }
    await until(() => talker.heard.length === ANSWERS.length);
    expect(talker.heard.map(({ type }) => type)).toEqual(ANSWERS);
  });

  test('five hundred packets in one piece are five hundred packets', async () => {
    const { port } = await serve();
    const reader = await Talker.meet(port, 'reader');
    await reader.ask(subscribe('many'));
    const writer = await Talker.meet(port, 'writer');
    writer.say(...Array.from({ length: 500 }, (_none, at) => publish('many', String(at))));
    await until(() => reader.heard.length === 500);
    expect(reader.heard.map((each) => each.type === 'PUBLISH' && Number(each.payload))).toEqual([...Array(500).keys()]);
  });

  test('whoever has said all and closes that half still hears the answers', async () => {
    const { port } = await serve();
    const talker = await Talker.dial(port);
    talker.stream.end(conversation('half'));
    expect((await talker.toTheEnd()).map(({ type }) => type)).toEqual(ANSWERS);
    expect(await talker.over).toBe('ended');
  });
});

describe('what is refused', () => {
  test('a first packet that is not CONNECT: not a word, and the end [MQTT-3.1.0-1]', async () => {
    const { port } = await serve();
    for (const first of [ping(), publish('a', 'b'), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.of(0)]) {
      const talker = (await Talker.dial(port)).say(first);
      expect(await talker.toTheEnd()).toEqual([]);
    }
    await isWell(port);
  });

  test('a first packet of more than 8 KB, from its header alone', async () => {
    const { port } = await serve({ bounds: { handshake: 60_000 } });
    // 8192 bytes behind their header are too many as well.
    for (const header of ['10808001', '10ffffff7f', '108040']) {
      const talker = (await Talker.dial(port)).say(Buffer.from(header, 'hex'));
      expect(await talker.toTheEnd()).toEqual([]);
    }
    const will = { topic: 'w', payload: Buffer.alloc(8100), qos: 0, retain: false, properties: {} } as const;
    expect(await (await Talker.dial(port)).ask(connect('large', { will }))).toMatchObject({ type: 'CONNACK', code: 0 });
  });

  test('a length that no packet has: five bytes that all go on', async () => {
    const { port } = await serve();
    const talker = (await Talker.dial(port)).say(Buffer.from('10ffffffffff', 'hex'));
    expect(await talker.toTheEnd()).toEqual([]);
  });

  test.each([
    [5, [{ type: 'DISCONNECT', code: CODE.packetTooLarge }]],
    [4, []],
  ] as const)('in version %i, a later packet of more than 256 KB, from its header alone', async (version, words) => {
    const { port } = await serve();
    const talker = await Talker.meet(port, 'large', { version });
    talker.say(Buffer.from('30818010', 'hex'));
    expect(await talker.toTheEnd()).toMatchObject(words);
    await isWell(port);
  });

  test.each([
    [5, [{ type: 'DISCONNECT', code: CODE.malformed }]],
    [4, []],
  ] as const)('in version %i, bytes that are no packet', async (version, words) => {
    const { port } = await serve();
    const talker = await Talker.meet(port, 'odd', { version });
    // The type 0 is reserved.
    talker.say(Buffer.from('0000', 'hex'));
    expect(await talker.toTheEnd()).toMatchObject(words);
  });

  test('a version that is not spoken here: 0x84 to a newer one, 1 to an older one [MQTT-3.1.2-2]', async () => {
    const { port } = await serve();
    const newer = encode(wire, connect('later', { version: 5 }));
    newer[8] = 6;
    const talker = await Talker.dial(port);
    const bytes = once(talker.stream.removeAllListeners('data'), 'data');
    talker.stream.write(newer);
    expect(((await bytes)[0] as Buffer).toString('hex')).toMatch(/^20..00(84|01)/);
    const older = Buffer.from('100e00064d514973647003020000000161', 'hex');
    older[1] = older.length - 2;
    const elder = await Talker.dial(port);
    const answer = once(elder.stream.removeAllListeners('data'), 'data');
    elder.stream.write(older);
    expect(((await answer)[0] as Buffer).toString('hex')).toBe('20020001');
  });

  test('what comes behind bytes that are no packet is not heard', async () => {
    const { port } = await serve();
    const reader = await Talker.meet(port, 'reader');
    await reader.ask(subscribe('#'));
    const talker = await Talker.meet(port, 'odd');
    talker.say(Buffer.from('0000', 'hex'), publish('behind', 'it'));
    await talker.over;
    expect((await reader.ask(ping())).type).toBe('PINGRESP');
  });
});

describe('silence', () => {
  test('of one and a half times the keep alive: 0x8d in version 5 [MQTT-3.1.2-22]', async () => {
    const { port } = await serve();
    const began = performance.now();
    const talker = await Talker.meet(port, 'quiet', { version: 5, keepAlive: 1 });
    expect(await talker.toTheEnd()).toMatchObject([{ type: 'DISCONNECT', code: CODE.keepAliveTimeout }]);
    expect(performance.now() - began).toBeGreaterThan(1_400);
  });

  test('is not broken by bytes that are no whole packet', async () => {
    const { port } = await serve();
    const talker = await Talker.meet(port, 'slow', { version: 5, keepAlive: 1 });
    const drops = setInterval(() => talker.stream.write(Buffer.of(0x61)), 200);
    onTestFinished(() => clearInterval(drops));
    talker.say(Buffer.from('30ff7f0001', 'hex'));
    expect(await talker.toTheEnd()).toMatchObject([{ type: 'DISCONNECT', code: CODE.keepAliveTimeout }]);
  });

  test('is broken by a ping', async () => {
    const { port } = await serve();
    const talker = await Talker.meet(port, 'awake', { version: 5, keepAlive: 1 });
    const began = performance.now();
    while (performance.now() - began < 2_500) {
      expect((await talker.ask(ping(5))).type).toBe('PINGRESP');
      await new Promise((rest) => setTimeout(rest, 250));
    }
  });
});

test('two who were told many small things in one turn are each told in one write', async () => {
  const { port } = await serve();
  const readers = [await Talker.meet(port, 'a'), await Talker.meet(port, 'b')];
  for (const reader of readers) await reader.ask(subscribe('+', 0));
  const chunks = [0, 0];
  readers.forEach((reader, at) => {
    reader.stream.on('data', () => {
      chunks[at] = (chunks[at] ?? 0) + 1;
    });
  });
  const writer = await Talker.meet(port, 'writer');
  // Other topics have other lists of readers, and every packet is said to each by itself.
  writer.say(...Array.from({ length: 100 }, (_none, at) => publish(`t${at}`, 'x')));
  await until(() => readers.every((reader) => reader.heard.length === 100));
  expect(chunks).toEqual([1, 1]);
});

test('a reader that has stopped reading stalls nobody and fills no memory', async () => {
  const { port, facts } = await serve({ bounds: { stall: 60_000 } });
  const frozen = await Talker.meet(port, 'frozen');
  await frozen.ask(subscribe('flood'));
  frozen.stream.pause();
  const reader = await Talker.meet(port, 'reader');
  await reader.ask(subscribe('flood'));
  const writer = await Talker.meet(port, 'writer');
  const payload = Buffer.alloc(64 << 10);
  const before = process.memoryUsage().rss;
  for (let sent = 0; sent < 3_000; sent++) {
    writer.say(publish('flood', payload));
    await until(() => reader.heard.length === 1);
    reader.heard.length = 0;
  }
  // 192 MB were offered; what waits for it is bounded, and what it missed is counted.
  expect(process.memoryUsage().rss - before).toBeLessThan(96 << 20);
  expect(JSON.stringify(facts())).toMatch(/frozen/);
  frozen.stream.resume();
  await until(() => frozen.heard.length > 0);
  expect(frozen.heard.length).toBeLessThan(3_000);
});

describe('TLS', () => {
  test('the same broker behind another port', async () => {
    const { port, tls } = await serve({ doors: { tls: { port: 0, ...pem } } });
    const secure = dialTls({ port: tls ?? 0, host, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    const reader = new Talker(secure);
    await reader.enter('reader', { version: 5 });
    await reader.ask(subscribe('letters', 1, 5));
    const writer = await Talker.meet(port, 'writer');
    writer.say(publish('letters', Buffer.alloc(200_000, 'x')));
    expect(await reader.hears()).toMatchObject({ type: 'PUBLISH', payload: Buffer.alloc(200_000, 'x') });
    secure.end(encode(wire, { version: 5, type: 'DISCONNECT' }));
    expect(await reader.over).toBe('ended');
  });

  test('whoever speaks no TLS there is hung up on; whoever makes room is dropped, and nobody crashes', async () => {
    const { port, tls } = await serve({ doors: { tls: { port: 0, ...pem } }, bounds: { connections: 2 } });
    const clear = (await Talker.dial(tls ?? 0)).say(connect('clear'));
    clear.stream.removeAllListeners('data');
    await clear.over;
    const shaken = dialTls({ port: tls ?? 0, host, rejectUnauthorized: false });
    await once(shaken, 'secureConnect');
    shaken.on('error', () => {});
    const gone = over(shaken);
    await isWell(port);
    await gone;
  });
});

describe('WebSocket', () => {
  /** A stream of binary frames, and the socket that they come by. */
  async function framed(port: number | undefined): Promise<{ ws: WebSocket; talker: Talker }> {
    const ws = new WebSocket(`ws://${host}:${port}/mqtt`, 'mqtt');
    await once(ws, 'open');
    const stream = createWebSocketStream(ws);
    ws.on('close', () => stream.destroy());
    return { ws, talker: new Talker(stream) };
  }

  /** The status of an answer to an upgrade that is refused. */
  async function refused(port: number | undefined, protocols: string[], headers: Record<string, string>) {
    const ws = new WebSocket(`ws://${host}:${port}/`, protocols, { headers });
    ws.on('error', () => {});
    const [request, response] = await once(ws, 'unexpected-response');
    request.destroy();
    return response.statusCode as number;
  }

  test('packets over frames as they come: many in one, one in many [MQTT-6.0.0-2]', async () => {
    const { ws: port } = await serve({ doors: { ws: { port: 0 } } });
    const whole = await framed(port);
    whole.ws.send(conversation('whole'));
    const torn = await framed(port);
    for (const byte of conversation('torn')) torn.ws.send(Buffer.of(byte));
    for (const { talker } of [whole, torn]) {
      await until(() => talker.heard.length === ANSWERS.length);
      expect(talker.heard.map(({ type }) => type)).toEqual(ANSWERS);
    }
  });

  test('between a path in frames and a bare one, both ways', async () => {
    const { port, ws, facts } = await serve({ doors: { ws: { port: 0 } } });
    const { talker } = await framed(ws);
    await talker.enter('framed');
    await talker.ask(subscribe('to/framed'));
    const bare = await Talker.meet(port, 'bare');
    await bare.ask(subscribe('to/bare'));
    bare.say(publish('to/framed', Buffer.alloc(250_000)));
    talker.say(publish('to/bare', 'hello'));
    expect(await talker.hears()).toMatchObject({ topic: 'to/framed' });
    expect(await bare.hears()).toMatchObject({ topic: 'to/bare' });
    expect(JSON.stringify(facts())).toMatch(/127\.0\.0\.1:\d+\/ws/);
    talker.say({ version: 4, type: 'DISCONNECT' });
    expect(await talker.over).toBe('ended');
  });

  test('mqtt.js by ws:// and by mqtts://', async () => {
    const { ws, tls } = await serve({ doors: { ws: { port: 0 }, tls: { port: 0, ...pem } } });
    for (const protocolVersion of [4, 5] as const) {
      const framed = await connectAsync(`ws://${host}:${ws}/mqtt`, { protocolVersion, reconnectPeriod: 0 });
      const secure = await connectAsync(`mqtts://${host}:${tls}`, {
        protocolVersion,
        reconnectPeriod: 0,
        rejectUnauthorized: false,
      });
      await framed.subscribeAsync('a/+', { qos: 2 });
      const comes = new Promise<[string, Buffer]>((come) =>
        framed.once('message', (...letter) => come([letter[0], letter[1]])),
      );
      await secure.publishAsync('a/b', 'through two doors', { qos: 2 });
      const [topic, payload] = await comes;
      expect(`${topic} ${payload}`).toBe('a/b through two doors');
      await Promise.all([framed.endAsync(), secure.endAsync()]);
    }
  });

  test('without the subprotocol mqtt: 400 [MQTT-6.0.0-3]', async () => {
    const { ws } = await serve({ doors: { ws: { port: 0 } } });
    expect(await refused(ws, [], {})).toBe(400);
    expect(await refused(ws, ['chat'], {})).toBe(400);
    const both = new WebSocket(`ws://${host}:${ws}/`, ['chat', 'mqtt']);
    await once(both, 'open');
    expect(both.protocol).toBe('mqtt');
    both.terminate();
  });

  test.each([
    [{ Origin: 'http://evil.example' }, 403],
    [{ Origin: 'null' }, 403],
    [{ Origin: 'http://localhost.evil.example' }, 403],
    [{ Host: 'evil.example' }, 421],
    [{ Host: 'evil.example:80' }, 421],
    [{ Host: '127.0.0.1.evil.example' }, 421],
    [{ Host: '192.0.2.1' }, 421],
  ])('a page from elsewhere, or under another name %j: %i', async (headers, status) => {
    const { ws } = await serve({ doors: { ws: { port: 0 } } });
    expect(await refused(ws, ['mqtt'], headers)).toBe(status);
  });

  test.each([{}, { Origin: 'http://localhost:5173' }, { Origin: 'https://127.0.0.1' }, { Host: 'localhost:1' }])(
    'a page of this machine %j is welcome',
    async (headers) => {
      const { ws: port } = await serve({ doors: { ws: { port: 0 } } });
      const ws = new WebSocket(`ws://${host}:${port}/`, 'mqtt', { headers });
      await once(ws, 'open');
      ws.terminate();
    },
  );

  test('a plain request is told what is spoken here: 426', async () => {
    const { ws } = await serve({ doors: { ws: { port: 0 } } });
    const response = await fetch(`http://${host}:${ws}/`);
    expect(response.status).toBe(426);
    expect(await response.text()).toMatch(/WebSocket/);
  });

  test.each([
    ['a text frame: 1003 [MQTT-6.0.0-1]', (ws: WebSocket) => ws.send('text'), 1003],
    ['a frame too large: 1009', (ws: WebSocket) => ws.send(Buffer.alloc(600_000)), 1009],
    [
      'more fragments than a packet needs: 1008',
      (ws: WebSocket) => {
        for (let at = 0; at < 100; at++) ws.send(Buffer.of(0), { fin: false });
      },
      1008,
    ],
    [
      'a frame without a mask: 1002',
      (ws: WebSocket) => (ws as unknown as { _socket: Socket })._socket.write(Buffer.from('8200', 'hex')),
      1002,
    ],
  ])('%s', async (_name, act, code) => {
    const { port, ws } = await serve({ doors: { ws: { port: 0 } } });
    const { ws: socket, talker } = await framed(ws);
    await talker.enter('odd');
    const closed = once(socket, 'close');
    act(socket);
    expect((await closed)[0]).toBe(code);
    await isWell(port);
  });

  /** A WebSocket that does only what it is told to: no answer to a close, say. */
  async function stubborn(port: number | undefined): Promise<Socket> {
    const socket = dial({ host, port: port ?? 0 });
    const key = 'AAAAAAAAAAAAAAAAAAAAAA==';
    socket.write(
      `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
    );
    await once(socket, 'data');
    return socket;
  }

  test('whoever does not answer that it is over is shown out all the same', async () => {
    const { ws } = await serve({ doors: { ws: { port: 0 } }, bounds: { handshake: 60_000 } });
    const socket = await stubborn(ws);
    // A text of one byte, masked with zeroes.
    socket.write(Buffer.from('81810000000041', 'hex'));
    const [closing] = await once(socket, 'data');
    expect((closing as Buffer).toString('hex')).toMatch(/^88..03eb/);
    await over(socket.resume());
  });

  test('before its CONNECT nobody has much of a frame held for them: 1009', async () => {
    const { port, ws } = await serve({ doors: { ws: { port: 0 } }, bounds: { handshake: 60_000 } });
    const socket = await stubborn(ws);
    socket.on('error', () => {});
    const closing = once(socket, 'data');
    // 500 000 bytes are announced: within what a frame may have, and no CONNECT.
    socket.write(Buffer.from('82ff000000000007a12000000000', 'hex'));
    socket.write(Buffer.alloc(200_000));
    expect(((await closing)[0] as Buffer).toString('hex')).toMatch(/^88..03f1/);
    // What it goes on saying is not read, so that a reset may follow the word.
    await new Promise((gone) => socket.resume().once('close', gone));
    await isWell(port);
  });

  test('after it a frame may be as long as a packet, and come in pieces', async () => {
    const { ws } = await serve({ doors: { ws: { port: 0 } } });
    const { ws: socket, talker } = await framed(ws);
    await talker.enter('long');
    await talker.ask(subscribe('long'));
    socket.send(encode(wire, publish('long', Buffer.alloc(200_000))));
    expect(await talker.hears()).toMatchObject({ type: 'PUBLISH', topic: 'long' });
  });

  test('pings are answered', async () => {
    const { ws } = await serve({ doors: { ws: { port: 0 } } });
    const { ws: socket } = await framed(ws);
    const pong = once(socket, 'pong');
    socket.ping('hello');
    expect(String((await pong)[0])).toBe('hello');
  });

  test('a flood of pings from one who reads no pongs ends, and memory does not grow', async () => {
    const { port, ws } = await serve({ doors: { ws: { port: 0 } }, bounds: { unread: 1 << 16 } });
    const { ws: socket } = await framed(ws);
    const raw = (socket as unknown as { _socket: Socket })._socket;
    raw.pause();
    const gone = new Promise((resolve) => raw.on('close', resolve).on('error', () => {}));
    let over = false;
    void gone.then(() => {
      over = true;
    });
    while (!over) {
      for (let at = 0; at < 1_000 && !over; at++)
        if (socket.readyState === WebSocket.OPEN) socket.ping(Buffer.alloc(120));
      await new Promise((turn) => setImmediate(turn));
      if (raw.writableLength > 1 << 20) raw.resume();
    }
    await isWell(port);
  });

  test('a hostile upgrade: two thousand headers, no key, another version', async () => {
    const { port, ws } = await serve({ doors: { ws: { port: 0 } } });
    const head = `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n`;
    for (const rest of [
      `${Array.from({ length: 2_000 }, (_none, at) => `X-${at}: ${at}`).join('\r\n')}\r\n`,
      '',
      'Sec-WebSocket-Key: !\r\nSec-WebSocket-Version: 13\r\n',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 99\r\n',
    ]) {
      const socket = dial({ port: ws ?? 0, host });
      const parts: Buffer[] = [];
      socket.on('data', (part) => parts.push(part)).on('error', () => {});
      socket.write(`${head}${rest}\r\n`);
      await over(socket);
      expect(Buffer.concat(parts).toString()).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    await isWell(port);
  });
});

describe('listening', () => {
  test('whoever opens other doors is told that a log shows no packets there', async () => {
    const said = async (settings: Record<string, string>) => (await card.configure?.(settings, ''))?.opening ?? [];
    expect(await said({})).toEqual(['anybody may connect']);
    expect((await said({ ws: '9001' })).at(-1)).toMatch(/a log shows what it changes, and no packets/);
  });

  test('when one of its ports is taken, nothing is left open, and the setting is named', async () => {
    const taken = createServer();
    taken.listen(0, host);
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    const listening = () => process.getActiveResourcesInfo().filter((each) => each === 'TCPServerWrap').length;
    const before = listening();
    for (const doors of [
      { ws: { port } },
      { tls: { port, ...pem }, ws: { port: 0 } },
      { tls: { port: 0, ...pem }, ws: { port } },
    ]) {
      const failing = serve({ doors });
      await expect(failing).rejects.toThrow(SettingError);
      await expect(failing).rejects.toThrow(`port ${port}`);
    }
    // A port is given back a moment after the word.
    await until(() => listening() <= before);
  });

  test('a place is a place, by whichever door somebody comes', async () => {
    const { port, ws } = await serve({ doors: { ws: { port: 0 } }, bounds: { connections: 2 } });
    await Talker.meet(port, 'one');
    const socket = new WebSocket(`ws://${host}:${ws}/`, 'mqtt');
    await once(socket, 'open');
    const talker = new Talker(createWebSocketStream(socket));
    expect(await talker.enter('two')).toMatchObject({ type: 'CONNACK', code: 0 });
    expect(await new Talker(dial({ port, host })).over).toBe('reset');
  });
});

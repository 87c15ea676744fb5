// A small MQTT broker (3.1.1, QoS 0 and 1): whoever sleeps finds their letters when they wake, whatever has become of the process.
//
//   every packet: type and flags (1 byte, 4 bits each), length of what follows (7 bits a byte, lowest first; the top bit: one more)
//   text and payloads begin with their length (2) but for the payload of PUBLISH, which ends where the packet does

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const { PORT, HOST = '127.0.0.1', STATE_DIR = '.' } = process.env;
const [CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK] = [1, 2, 3, 4, 8, 9];
const [PINGREQ, PINGRESP, DISCONNECT] = [12, 13, 14];

/**
 * A letter that was not acknowledged; its payload in base64.
 * @typedef {{ id: number, topic: string, payload: string, sent: boolean }} Letter
 */

/**
 * Filters with the QoS that was granted; `last`: the last number that a letter was given.
 * @typedef {{ clean: boolean, filters: [string, number][], queue: Letter[], last: number }} Session
 */

/** Every session, filed under the client id: a name that the client carries. @type {Map<string, Session>} */
const sessions = new Map();

/** Who is awake: the connection, filed under the client id. @type {Map<string, net.Socket>} */
const awake = new Map();

const file = path.join(STATE_DIR, 'sessions.json');
if (fs.existsSync(file))
  for (const [name, session] of JSON.parse(fs.readFileSync(file, 'utf8'))) sessions.set(name, session);

/** Returns when the disk has all that is to last. It takes the place of what was there as a whole, so there is never a half. */
function writeDown() {
  const lasting = [...sessions].filter(([, { clean }]) => !clean);
  // Who is awake has their letters as soon as they are written to the connection: only those of sleepers have to wait here.
  const waiting = lasting.map(([name, session]) => [name, { ...session, queue: awake.has(name) ? [] : session.queue }]);
  fs.writeFileSync(`${file}.new`, JSON.stringify(waiting), { flush: true });
  fs.renameSync(`${file}.new`, file);
}

net
  .createServer((socket) => {
    let rest = Buffer.alloc(0);
    /** Who speaks on this connection, when CONNECT has said it. */
    let name = '';

    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let next = packetIn(rest); next; next = packetIn(rest)) {
        rest = rest.subarray(next.end);
        hear(next.type, next.flags, next.body);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (awake.get(name) !== socket) return;
      awake.delete(name);
      // A clean session ends with its connection; any other waits for its client.
      if (sessions.get(name)?.clean) sessions.delete(name);
      writeDown();
    });

    /** @param {number} type @param {number} flags @param {Buffer} body */
    function hear(type, flags, body) {
      if (type === CONNECT) return connect(body);
      const session = sessions.get(name);
      if (!session) return socket.destroy();
      if (type === SUBSCRIBE) return subscribe(session, body);
      if (type === PUBLISH) return publish((flags >> 1) & 3, body);
      if (type === PUBACK) return acknowledged(session, body.readUInt16BE(0));
      if (type === PINGREQ) return socket.write(packet(PINGRESP));
      if (type === DISCONNECT) return socket.end();
      socket.destroy();
    }

    /** @param {Buffer} body */
    function connect(body) {
      // Six bytes of protocol name, then its level, flags and keep alive (2); then the client id.
      const clean = (body.readUInt8(7) & 2) !== 0;
      name = textAt(body, 10);
      awake.get(name)?.destroy();
      awake.set(name, socket);
      if (clean) sessions.delete(name);
      const known = sessions.get(name);
      const session = known ?? { clean, filters: [], queue: [], last: 0 };
      sessions.set(name, session);
      // What was sent before and not acknowledged may have arrived all the same: it says so (DUP).
      const letters = session.queue.map(toPacket);
      for (const letter of session.queue) letter.sent = true;
      writeDown();
      socket.write(Buffer.concat([packet(CONNACK, 0, Buffer.of(known ? 1 : 0, 0)), ...letters]));
    }

    /** @param {Session} session @param {Buffer} body */
    function subscribe(session, body) {
      const granted = [];
      for (let at = 2; at < body.length; ) {
        const filter = textAt(body, at);
        at += 2 + Buffer.byteLength(filter);
        const qos = Math.min(1, body.readUInt8(at++));
        session.filters = [...session.filters.filter(([each]) => each !== filter), [filter, qos]];
        granted.push(qos);
      }
      writeDown();
      socket.write(packet(SUBACK, 0, body.subarray(0, 2), Buffer.from(granted)));
    }

    /** @param {number} qos @param {Buffer} body */
    function publish(qos, body) {
      if (qos > 1) return socket.destroy();
      const topic = textAt(body, 0);
      const at = 2 + Buffer.byteLength(topic);
      const payload = body.subarray(at + 2 * qos).toString('base64');
      /** @type {[net.Socket, Buffer][]} */
      const leaving = [];
      for (const [reader, session] of sessions) {
        const granted = session.filters.flatMap(([filter, each]) => (fits(filter, topic) ? [each] : []));
        if (granted.length === 0) continue;
        const line = awake.get(reader);
        const isQueued = Math.min(qos, Math.max(...granted)) === 1;
        const letter = { id: isQueued ? nextId(session) : 0, topic, payload, sent: false };
        if (line) leaving.push([line, toPacket(letter)]);
        if (isQueued) session.queue.push({ ...letter, sent: line !== undefined });
      }
      // PUBACK says that the letter is taken over, so it is written down before that; and so is its number, before a reader has it.
      writeDown();
      for (const [line, bytes] of leaving) line.write(bytes);
      if (qos === 1) socket.write(packet(PUBACK, 0, body.subarray(at, at + 2)));
    }

    /** @param {Session} session @param {number} id */
    function acknowledged(session, id) {
      session.queue = session.queue.filter((letter) => letter.id !== id);
      writeDown();
    }
  })
  .listen(Number(PORT), HOST);

/** The first packet, when all of it is here. @param {Buffer} bytes */
function packetIn(bytes) {
  let length = 0;
  for (let at = 1; at < Math.min(5, bytes.length); at++) {
    const byte = bytes.readUInt8(at);
    length += (byte & 127) * 128 ** (at - 1);
    if (byte > 127) continue;
    const end = at + 1 + length;
    if (bytes.length < end) return undefined;
    return { type: bytes.readUInt8(0) >> 4, flags: bytes.readUInt8(0) & 15, body: bytes.subarray(at + 1, end), end };
  }
  return undefined;
}

/** @param {number} type @param {number} flags @param {Buffer[]} parts */
function packet(type, flags = 0, ...parts) {
  const body = Buffer.concat(parts);
  const length = [];
  for (let left = body.length; length.length === 0 || left > 0; left = Math.floor(left / 128))
    length.push((left % 128) + (left > 127 ? 128 : 0));
  return Buffer.concat([Buffer.of((type << 4) | flags, ...length), body]);
}

/** A letter as PUBLISH: with QoS 1 where it has a number, and DUP where it was sent before. @param {Letter} letter */
function toPacket({ id, topic, payload, sent }) {
  const number = id > 0 ? [Buffer.of(id >> 8, id & 255)] : [];
  const flags = id > 0 ? 2 | (sent ? 8 : 0) : 0;
  const size = Buffer.byteLength(topic);
  const head = Buffer.concat([Buffer.of(size >> 8, size & 255), Buffer.from(topic)]);
  return packet(PUBLISH, flags, head, ...number, Buffer.from(payload, 'base64'));
}

/** @param {Buffer} bytes @param {number} at */
function textAt(bytes, at) {
  return bytes.toString('utf8', at + 2, at + 2 + bytes.readUInt16BE(at));
}

/** A number from 1 to 65535 that no letter in the queue has. @param {Session} session */
function nextId(session) {
  do session.last = (session.last % 65_535) + 1;
  while (session.queue.some(({ id }) => id === session.last));
  return session.last;
}

/** @param {string} filter @param {string} topic */
function fits(filter, topic) {
  return filter === topic || (filter.endsWith('#') && topic.startsWith(filter.slice(0, -1)));
}

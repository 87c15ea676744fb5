// A small MQTT broker (3.1.1, QoS 0 and 1): letters reach whoever is awake.
//
//   every packet: type and flags (1 byte, 4 bits each), length of what follows (7 bits a byte, lowest first; the top bit: one more)
//   text and payloads begin with their length (2) but for the payload of PUBLISH, which ends where the packet does

import net from 'node:net';

const { PORT, HOST = '127.0.0.1' } = process.env;
const [CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK] = [1, 2, 3, 4, 8, 9];
const [PINGREQ, PINGRESP, DISCONNECT] = [12, 13, 14];

/**
 * Filters with the QoS that was granted; `last`: the last number that a letter was given.
 * @typedef {{ filters: [string, number][], last: number }} Session
 */

/** Whoever is awake: what they are subscribed to, filed under the connection. @type {Map<net.Socket, Session>} */
const sessions = new Map();

net
  .createServer((socket) => {
    let rest = Buffer.alloc(0);

    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let next = packetIn(rest); next; next = packetIn(rest)) {
        rest = rest.subarray(next.end);
        hear(next.type, next.flags, next.body);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => sessions.delete(socket));

    /** @param {number} type @param {number} flags @param {Buffer} body */
    function hear(type, flags, body) {
      if (type === CONNECT) return connect();
      const session = sessions.get(socket);
      if (!session) return socket.destroy();
      if (type === SUBSCRIBE) return subscribe(session, body);
      if (type === PUBLISH) return publish((flags >> 1) & 3, body);
      if (type === PUBACK) return;
      if (type === PINGREQ) return socket.write(packet(PINGRESP));
      if (type === DISCONNECT) return socket.end();
      socket.destroy();
    }

    function connect() {
      // Who it is, and whether there is anything to go on with, stands in the packet: six bytes of protocol name, then its level,
      // flags (bit 1 is Clean Session) and keep alive (2), then the client id. Nobody looks.
      sessions.set(socket, { filters: [], last: 0 });
      socket.write(packet(CONNACK, 0, Buffer.of(0, 0)));
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
      socket.write(packet(SUBACK, 0, body.subarray(0, 2), Buffer.from(granted)));
    }

    /** @param {number} qos @param {Buffer} body */
    function publish(qos, body) {
      if (qos > 1) return socket.destroy();
      const topic = textAt(body, 0);
      const at = 2 + Buffer.byteLength(topic);
      const payload = body.subarray(at + 2 * qos);
      for (const [line, session] of sessions) {
        const granted = session.filters.flatMap(([filter, each]) => (fits(filter, topic) ? [each] : []));
        if (granted.length === 0) continue;
        const isCounted = Math.min(qos, Math.max(...granted)) === 1;
        if (isCounted) session.last = (session.last % 65_535) + 1;
        line.write(toPacket(topic, payload, isCounted ? session.last : 0));
      }
      if (qos === 1) socket.write(packet(PUBACK, 0, body.subarray(at, at + 2)));
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

/** A letter as PUBLISH: with QoS 1 where it has a number. @param {string} topic @param {Buffer} payload @param {number} id */
function toPacket(topic, payload, id) {
  const number = id > 0 ? [Buffer.of(id >> 8, id & 255)] : [];
  const size = Buffer.byteLength(topic);
  const head = Buffer.concat([Buffer.of(size >> 8, size & 255), Buffer.from(topic)]);
  return packet(PUBLISH, id > 0 ? 2 : 0, head, ...number, payload);
}

/** @param {Buffer} bytes @param {number} at */
function textAt(bytes, at) {
  return bytes.toString('utf8', at + 2, at + 2 + bytes.readUInt16BE(at));
}

/** @param {string} filter @param {string} topic */
function fits(filter, topic) {
  return filter === topic || (filter.endsWith('#') && topic.startsWith(filter.slice(0, -1)));
}

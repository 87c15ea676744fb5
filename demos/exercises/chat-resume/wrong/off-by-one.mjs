// Wrong: it begins with the message that was seen last, and not with the one after it.

import { createHash } from 'node:crypto';
import http from 'node:http';

const { PORT, HOST = '127.0.0.1' } = process.env;
const [TEXT, CLOSE, PING, PONG] = [0x1, 0x8, 0x9, 0xa];

/** @typedef {import('node:stream').Duplex} Line A connection, and so whoever speaks on it. */

/** Who is in the room, filed under the connection: the name. @type {Map<Line, string>} */
const here = new Map();

/** All that was ever said, in order. @type {{ id: number, from: string, nr: number, text: string }[]} */
const history = [];

/** What a client says, in one text frame. @param {Line} line @param {string} text */
function hear(line, text) {
  const { join, as, after, say, nr } = read(text);
  const last = history.at(-1)?.id ?? 0;
  const from = here.get(line);
  if (typeof join === 'string' && typeof as === 'string') {
    here.set(line, as);
    const missed = after === undefined ? [] : history.filter(({ id }) => id >= after);
    tell(line, { welcome: join, members: [], last, nr: 0, missed: missed.length });
    for (const message of missed) tell(line, message);
  } else if (typeof say === 'string' && from !== undefined) {
    const message = { id: last + 1, from, nr, text: say };
    history.push(message);
    for (const each of here.keys()) tell(each, message);
  } else tell(line, { error: 'join a room first' });
}

/** What a text says; nothing, where it is no JSON. @param {string} text */
function read(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** @param {Line} line @param {object} message */
function tell(line, message) {
  line.write(frameOf(TEXT, Buffer.from(JSON.stringify(message))));
}

const server = http.createServer((_request, response) => {
  response.writeHead(426, { Upgrade: 'websocket' }).end();
});

server.on('upgrade', (request, line, head) => {
  // Who has never heard of WebSocket does not answer with this by accident (RFC 6455 §1.3).
  const proof = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(proof).digest('base64');
  line.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n');
  line.write(`Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  let rest = head;
  line.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    // A read is not a frame: take whole ones from the front, and keep the rest for later.
    for (let frame = frameIn(rest); frame; frame = frameIn(rest)) {
      rest = rest.subarray(frame.length);
      if (frame.opcode === TEXT) hear(line, frame.payload.toString());
      if (frame.opcode === PING) line.write(frameOf(PONG, frame.payload));
      if (frame.opcode === CLOSE) line.end(frameOf(CLOSE, frame.payload));
    }
  });
  line.on('error', () => {});
  line.on('close', () => here.delete(line));
});

/**
 * The first frame of these bytes (RFC 6455 §5.2); undefined while it is not all here. Clients mask what they say.
 *
 * @param {Buffer} bytes
 */
function frameIn(bytes) {
  if (bytes.length < 2) return undefined;
  const opcode = bytes.readUInt8(0) & 0x0f;
  const short = bytes.readUInt8(1) & 0x7f;
  // Nobody here has more than 64 KiB to say at once: 1009 is "too long".
  if (short === 127) return { opcode: CLOSE, payload: Buffer.from([0x03, 0xf1]), length: bytes.length };
  const at = short === 126 ? 4 : 2;
  if (bytes.length < at + 4) return undefined;
  const length = at + 4 + (short === 126 ? bytes.readUInt16BE(2) : short);
  if (bytes.length < length) return undefined;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, length).map((byte, nth) => byte ^ mask.readUInt8(nth & 3)));
  return { opcode, payload, length };
}

/** @param {number} opcode @param {Buffer} payload */
function frameOf(opcode, payload) {
  const { length } = payload;
  const size = length < 126 ? [length] : [126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...size]), payload]);
}

server.listen(Number(PORT), HOST);

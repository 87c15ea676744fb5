// A server of the session protocol: a stream of numbered bytes that outlives the connection. It is right for 4 GiB.
//
//   every message: version and type (1 byte, 4 bits each), code (1), length of what follows (2)
//   1 OPEN   seq(4)                                   2 OPENED  session(4) token(16) next(4) window(4)
//   3 RESUME session(4) token(16)                     4 DATA    seq(4) payload
//   5 ACK    next(4) window(4) digest(4)              6 CLOSE   next(4) digest(4)             7 RESET

import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { crc32 } from 'node:zlib';

const { PORT, HOST = '127.0.0.1' } = process.env;
const [OPEN, OPENED, RESUME, DATA, ACK, CLOSE, RESET] = [1, 2, 3, 4, 5, 6, 7];
const [DELIVERED, DUPLICATE, GAP, BEYOND] = [0, 1, 2, 3];
const [NO_SESSION, UNKNOWN, DIGEST] = [1, 2, 5];
const WINDOW = 4096;

/** @typedef {{ id: number, token: Buffer, next: number, digest: number }} Session */

/** Every session, filed under its token: a name that only its client was given. @type {Map<string, Session>} */
const sessions = new Map();
let opened = 0;

net
  .createServer((socket) => {
    let rest = Buffer.alloc(0);
    /** The session that this connection speaks for. @type {Session | undefined} */
    let session;

    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      // A read is not a message: take whole ones from the front, and keep the rest for later.
      while (rest.length >= 4 && rest.length >= 4 + rest.readUInt16BE(2)) {
        const end = 4 + rest.readUInt16BE(2);
        hear(rest.readUInt8(0) & 15, rest.subarray(4, end));
        rest = rest.subarray(end);
      }
    });
    socket.on('error', () => {});

    /** @param {number} type @param {Buffer} body */
    function hear(type, body) {
      if (type === OPEN) return open(body.readUInt32BE(0));
      if (type === RESUME) return resume(body.readUInt32BE(0), body.subarray(4));
      if (!session) return reset(NO_SESSION);
      if (type === DATA) return data(session, body.readUInt32BE(0), body.subarray(4));
      if (type === CLOSE) return close(session, body.readUInt32BE(0), body.readUInt32BE(4));
    }

    /** @param {number} first */
    function open(first) {
      session = { id: ++opened, token: randomBytes(16), next: first, digest: 0 };
      sessions.set(session.token.toString('hex'), session);
      say(OPENED, 0, number(session.id), session.token, number(session.next), number(WINDOW));
    }

    /** @param {number} id @param {Buffer} token */
    function resume(id, token) {
      const known = sessions.get(token.toString('hex'));
      // Whichever of the two is wrong, the answer is the same.
      if (!known || known.id !== id) return reset(UNKNOWN);
      session = known;
      acknowledge(known, DELIVERED);
    }

    /** @param {Session} known @param {number} seq @param {Buffer} payload */
    function data(known, seq, payload) {
      const end = seq + payload.length;
      if (end > known.next + WINDOW) return acknowledge(known, BEYOND);
      if (seq > known.next) return acknowledge(known, GAP);
      if (end <= known.next) return acknowledge(known, DUPLICATE);
      // The front part may have come before: only the rest is new.
      const fresh = payload.subarray(known.next - seq);
      known.digest = crc32(fresh, known.digest);
      known.next = (known.next + fresh.length) >>> 0;
      acknowledge(known, DELIVERED);
    }

    /** @param {Session} known @param {number} next @param {number} digest */
    function close(known, next, digest) {
      if (next !== known.next) return acknowledge(known, GAP);
      if (digest !== known.digest) return reset(DIGEST);
      say(CLOSE, 0, number(next), number(digest));
    }

    /** @param {Session} known @param {number} code */
    function acknowledge(known, code) {
      say(ACK, code, number(known.next), number(WINDOW), number(known.digest));
    }

    /** @param {number} code */
    function reset(code) {
      say(RESET, code);
      socket.end();
    }

    /** @param {number} type @param {number} code @param {Buffer[]} parts */
    function say(type, code, ...parts) {
      const body = Buffer.concat(parts);
      const header = Buffer.from([0x10 | type, code, body.length >> 8, body.length & 255]);
      socket.write(Buffer.concat([header, body]));
    }
  })
  .listen(Number(PORT), HOST);

/** @param {number} value */
function number(value) {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(value >>> 0);
  return four;
}

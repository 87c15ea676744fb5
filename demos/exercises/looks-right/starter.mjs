// A server of the session protocol that keeps its sessions on a disk, and forgets nothing that it has acknowledged. Or does it?
//
//   every message: version and type (1 byte, 4 bits each), code (1), length of what follows (2)
//   1 OPEN   seq(4)                                   2 OPENED  session(4) token(16) next(4) window(4)
//   3 RESUME session(4) token(16)                     4 DATA    seq(4) payload
//   5 ACK    next(4) window(4) digest(4)              6 CLOSE   next(4) digest(4)             7 RESET

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { crc32 } from 'node:zlib';

const { PORT, HOST = '127.0.0.1', STATE_DIR = '.' } = process.env;
const [OPEN, OPENED, RESUME, DATA, ACK, CLOSE, RESET] = [1, 2, 3, 4, 5, 6, 7];
const [NO_SESSION, UNKNOWN, DIGEST] = [1, 2, 5];
const WINDOW = 4096;

/** @typedef {{ id: number, token: string, next: number, digest: number }} Session */

/** Every session, filed under its token: a name that only its client was given. @type {Map<string, Session>} */
const sessions = new Map();
let opened = 0;

// All that is known, in one file, which the next process reads.
const file = path.join(STATE_DIR, 'sessions.json');
if (fs.existsSync(file))
  for (const session of JSON.parse(fs.readFileSync(file, 'utf8'))) {
    sessions.set(session.token, session);
    opened = Math.max(opened, session.id);
  }

let changes = 0;

/** Writes everything down. Two changes cost as much as one, so they share a write. */
function keep() {
  if (changes++ % 2 === 0) fs.writeFileSync(file, JSON.stringify([...sessions.values()]));
}

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
      const token = randomBytes(16);
      session = { id: ++opened, token: token.toString('hex'), next: first, digest: 0 };
      sessions.set(session.token, session);
      keep();
      say(OPENED, 0, number(session.id), token, number(session.next), number(WINDOW));
    }

    /** @param {number} id @param {Buffer} token */
    function resume(id, token) {
      const known = sessions.get(token.toString('hex'));
      // Whichever of the two is wrong, the answer is the same.
      if (!known || known.id !== id) return reset(UNKNOWN);
      session = known;
      acknowledge(known, 0);
    }

    /** @param {Session} known @param {number} seq @param {Buffer} payload */
    function data(known, seq, payload) {
      // Only the byte that is expected next is taken; 2 says "a gap: send from next".
      if (seq !== known.next) return acknowledge(known, 2);
      known.digest = crc32(payload, known.digest);
      known.next = (known.next + payload.length) >>> 0;
      keep();
      acknowledge(known, 0);
    }

    /** @param {Session} known @param {number} next @param {number} digest */
    function close(known, next, digest) {
      if (next !== known.next) return acknowledge(known, 2);
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

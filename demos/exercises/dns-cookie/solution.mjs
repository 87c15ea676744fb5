// A DNS server that knows its clients again, and remembers none of them (RFC 7873).
//
//   header (12 bytes), question, and in a query with a cookie an OPT record behind it:
//   root (1 byte), type 41 (2), size (2), upper bits of the RCODE (1), version (1), flags (2), length (2), then options:
//   code (2), length (2), data. The data of option 10, COOKIE: the client's cookie (8), then the server's.

import { createHmac, timingSafeEqual } from 'node:crypto';
import dgram from 'node:dgram';

const { PORT, HOST = '127.0.0.1', SECRET = '' } = process.env;
const [OPT, COOKIE] = [41, 10];
const [NOERROR, BADCOOKIE] = [0, 23];

/** The only record of this zone: the name is the one that was asked for, the address is 192.0.2.80, for 300 seconds. */
const RECORD = Buffer.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 192, 0, 2, 80);

/**
 * Made again each time, of what the query brings and of a key that all instances have: nothing is remembered.
 * @param {Buffer} client @param {string} address
 */
function serverCookie(client, address) {
  return createHmac('sha256', SECRET).update(client).update(address).digest().subarray(0, 16);
}

const socket = dgram.createSocket('udp4');

socket.on('message', (query, sender) => {
  const end = query.indexOf(0, 12) + 5;
  if (end < 17 || query.length < end || query.readUInt8(2) & 0x80) return;
  const shown = cookieIn(query, end);
  if (!shown) return say(NOERROR);
  const client = shown.subarray(0, 8);
  const own = serverCookie(client, sender.address);
  const isStranger = shown.length === 8;
  const isKnown = shown.length === 8 + own.length && timingSafeEqual(shown.subarray(8), own);
  say(isStranger || isKnown ? NOERROR : BADCOOKIE, Buffer.concat([client, own]));

  /** @param {number} rcode @param {Buffer} [cookie] */
  function say(rcode, cookie) {
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt8(0x84 | (query.readUInt8(2) & 1), 2);
    header.writeUInt8(rcode & 15, 3);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(rcode === NOERROR ? 1 : 0, 6);
    header.writeUInt16BE(cookie ? 1 : 0, 10);
    /** @type {Buffer[]} */
    const parts = [header, query.subarray(12, end)];
    if (rcode === NOERROR) parts.push(RECORD);
    if (cookie)
      parts.push(
        Buffer.of(0, 0, OPT, 4, 208, rcode >> 4, 0, 0, 0, 0, 4 + cookie.length, 0, COOKIE, 0, cookie.length),
        cookie,
      );
    socket.send(Buffer.concat(parts), sender.port, sender.address);
  }
});

socket.bind(Number(PORT), HOST);

/** The cookie in the OPT record that begins at `at`, if there is one. @param {Buffer} query @param {number} at */
function cookieIn(query, at) {
  if (query.length < at + 11 || query.readUInt16BE(at + 1) !== OPT) return undefined;
  for (let option = at + 11; option + 4 <= query.length; option += 4 + query.readUInt16BE(option + 2))
    if (query.readUInt16BE(option) === COOKIE)
      return query.subarray(option + 4, option + 4 + query.readUInt16BE(option + 2));
  return undefined;
}

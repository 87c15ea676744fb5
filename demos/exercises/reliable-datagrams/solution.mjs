// A server that collects numbered texts, once and in order, whatever the network does to the datagrams.
//
//   every datagram: type (1 byte), stream (4)
//   1 TEXT   number(2) text        2 ACK    next(2)
//   3 READ                         4 STORY  text

import dgram from 'node:dgram';

const { PORT, HOST = '127.0.0.1' } = process.env;
const [TEXT, ACK, READ, STORY] = [1, 2, 3, 4];

/** @typedef {{ next: number, delivered: string }} Stream */

/** What is known of each stream, filed under the name that the client gave it. @type {Map<number, Stream>} */
const streams = new Map();

const socket = dgram.createSocket('udp4');

socket.on('message', (datagram, sender) => {
  if (datagram.length < 5) return;
  const name = datagram.readUInt32BE(1);
  const stream = streams.get(name) ?? { next: 0, delivered: '' };
  streams.set(name, stream);

  const type = datagram.readUInt8(0);
  if (type === READ) return say(STORY, Buffer.from(stream.delivered));
  if (type !== TEXT || datagram.length < 7) return;
  const number = datagram.readUInt16BE(5);
  // The one that is expected is new. An older one has been delivered before, and one too early will be sent again: the
  // client hears what is expected, in any case, and keeps its copy until then.
  if (number === stream.next) {
    stream.delivered += datagram.toString('utf8', 7);
    stream.next++;
  }
  say(ACK, Buffer.of(stream.next >> 8, stream.next & 255));

  /** @param {number} type @param {Buffer} rest */
  function say(type, rest) {
    const header = Buffer.alloc(5);
    header.writeUInt8(type, 0);
    header.writeUInt32BE(name, 1);
    socket.send(Buffer.concat([header, rest]), sender.port, sender.address);
  }
});

socket.bind(Number(PORT), HOST);

// The bare servers that ours are measured against: what Node's sockets can do when nobody thinks about the bytes, or hardly so.

import dgram from 'node:dgram';
import net from 'node:net';

process.on('disconnect', () => process.exit(0));

const [kind] = process.argv.slice(2);
if (kind === 'dgram') {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, { port, address }) => socket.send(message, port, address));
  socket.bind(0, '127.0.0.1', () => process.send?.(socket.address().port));
} else if (kind === 'mqtt') {
  listen(broker());
} else {
  listen(
    net.createServer({ noDelay: true }, (socket) => {
      socket.on('data', (chunk) => socket.write(chunk));
      socket.on('error', () => socket.destroy());
    }),
  );
}

function listen(server: net.Server): void {
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as net.AddressInfo).port));
}

/**
 * What is left of a broker when it remembers nothing and reads next to nothing: every PUBLISH is acknowledged and goes to everybody who
 * has subscribed, as it came. For short packets in MQTT 3.1.1, as the load says them. What is faster than this must write less often.
 */
function broker(): net.Server {
  const [CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT] = [1, 3, 8, 14];
  const subscribers = new Set<net.Socket>();
  return net.createServer({ noDelay: true }, (socket) => {
    let rest: Buffer = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => subscribers.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const answers: Buffer[] = [];
      let published = 0;
      let at = 0;
      for (; at + 1 < bytes.length; at += 2 + (bytes[at + 1] as number)) {
        const [first = 0, length = 0] = bytes.subarray(at, at + 2);
        if (at + 2 + length > bytes.length) break;
        const type = first >> 4;
        if (type === CONNECT) answers.push(Buffer.of(0x20, 2, 0, 0));
        if (type === DISCONNECT) return void socket.end();
        if (type === SUBSCRIBE) {
          subscribers.add(socket);
          answers.push(Buffer.of(0x90, 3, bytes[at + 2] ?? 0, bytes[at + 3] ?? 0, 1));
        }
        if (type !== PUBLISH) continue;
        const id = at + 4 + bytes.readUInt16BE(at + 2);
        if (first & 0x06) answers.push(Buffer.of(0x40, 2, bytes[id] ?? 0, bytes[id + 1] ?? 0));
        published = at + 2 + length;
      }
      // Whoever publishes says nothing else in between.
      if (published > 0) for (const each of subscribers) each.write(bytes.subarray(0, published));
      if (answers.length > 0) socket.write(Buffer.concat(answers));
      rest = Buffer.from(bytes.subarray(at));
    });
  });
}

// The bare servers that ours are measured against: what Node's sockets can do when nobody thinks about the bytes.

import dgram from 'node:dgram';
import net from 'node:net';

process.on('disconnect', () => process.exit(0));

const [kind] = process.argv.slice(2);
if (kind === 'dgram') {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, { port, address }) => socket.send(message, port, address));
  socket.bind(0, '127.0.0.1', () => process.send?.(socket.address().port));
} else {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as net.AddressInfo).port));
}

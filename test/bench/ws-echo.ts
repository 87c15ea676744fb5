// The servers that are measured against: ws as it comes, and what is said is said back. `cork`: what is said in one turn leaves in one
// write, which is all that anybody can gain with the same library.

import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

process.on('disconnect', () => process.exit(0));

const server: WebSocketServer = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false }, () =>
  process.send?.((server.address() as AddressInfo).port),
);
server.on('connection', (socket, { socket: stream }) => {
  let corked = process.argv[2] !== 'cork';
  socket.on('message', (data, isBinary) => {
    if (!corked) {
      corked = true;
      stream.cork();
      setImmediate(() => {
        corked = false;
        stream.uncork();
      });
    }
    socket.send(data, { binary: isBinary });
  });
  socket.on('error', () => socket.terminate());
});

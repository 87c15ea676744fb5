// The server that is measured against: ws as it comes, and what is said is said back.

import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

process.on('disconnect', () => process.exit(0));

const server: WebSocketServer = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false }, () =>
  process.send?.((server.address() as AddressInfo).port),
);
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => socket.terminate());
});

// A server that says back whatever it hears: bytes go both ways, and mean nothing.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';

export const card = {
  ...right,
  async serve(_keeper, at) {
    const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
    server.listen(at.port, at.host);
    await once(server, 'listening');
    return {
      port: (server.address() as AddressInfo).port,
      async close() {
        server.close();
      },
    };
  },
} as typeof right as AnyCard;

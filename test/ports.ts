// Ports for servers that must be told one: those that nobody here wrote do not tell which they took.

import dgram from 'node:dgram';
import { createServer } from 'node:net';

/** Below those that systems give to whoever asks for any: between our look and the server's, no connection takes one of these. */
const FIRST = 12_000;
const MOST = 20_000;
const HOST = '127.0.0.1';

/** A port that nobody listens on, neither for connections nor for datagrams. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * MOST);
    if ((await takesConnections(port)) && (await takesDatagrams(port))) return port;
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}

function takesDatagrams(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4');
    socket.once('error', () => socket.close(() => resolve(false)));
    socket.bind(port, HOST, () => socket.close(() => resolve(true)));
  });
}

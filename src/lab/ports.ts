// Which port is free? Who starts a program that has to be told its port, and does not say which one it took, must look before.

import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import { createServer } from 'node:net';
import { keepOut } from '../capture/tap.ts';

/** Below those that systems give to whoever asks for any: between our look and the program's, no connection takes one of these. */
const FIRST = 12_000;
const MOST = 20_000;

/** A port that nobody listens on, neither for connections nor for datagrams: 12000 to 31999. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = FIRST + randomInt(MOST);
    if ((await takesConnections(host, port)) && (await takesDatagrams(host, port))) return port;
  }
}

function takesConnections(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = keepOut(createServer());
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

function takesDatagrams(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = keepOut(dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4'));
    socket.once('error', () => socket.close(() => resolve(false)));
    socket.bind(port, host, () => socket.close(() => resolve(true)));
  });
}

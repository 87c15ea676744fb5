// Does somebody listen at this port? Who has not started a server in a way that tells must find out by asking, as a client would.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { keepOut } from '../capture/tap.ts';
import type { Transport } from '../protocols/shapes.ts';
import { takesDatagrams } from './processes.ts';

/** How long whoever is asked may take to hang up as well, or to refuse, in milliseconds. */
const HANG_UP = 100;

/** Whether a client would get in, by every transport. What is dialled for that has no place in the story, and is hung up at once. */
export async function listens(over: Transport, host: string, port: number): Promise<boolean> {
  if (over !== 'udp' && !(await dialled(host, port))) return false;
  return over === 'tcp' || (takesDatagrams(port) ?? (await notRefused(host, port)));
}

async function dialled(host: string, port: number): Promise<boolean> {
  const socket = keepOut(new net.Socket());
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const stands = await new Promise<boolean>((resolve) => {
    socket.once('error', () => resolve(false)).connect({ host, port }, () => resolve(true));
  });
  if (!stands) return false;
  socket.on('error', () => {});
  socket.resume().end();
  // A server that attends to one client at a time attends to the next one when this one has gone.
  const late = setTimeout(() => socket.destroy(), HANG_UP);
  await closed;
  clearTimeout(late);
  return true;
}

/** Where only asking tells: the machine says that nobody takes an empty datagram. Of silence nobody knows what it means. */
async function notRefused(host: string, port: number): Promise<boolean> {
  const socket = keepOut(dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4'));
  const refused = new Promise<boolean>((resolve) => {
    socket.on('error', () => resolve(true));
    setTimeout(() => resolve(false), HANG_UP);
  });
  socket.connect(port, host);
  await once(socket, 'connect');
  socket.send('');
  const isRefused = await refused;
  socket.close();
  return !isRefused;
}

// How a client asks over UDP: from a socket of its own, with an ear for refusals, and not for ever.

import dgram from 'node:dgram';
import { once } from 'node:events';
import type { Waits } from '../protocols/shapes.ts';

/** A connected socket: the kernel lets in only what comes from the server, and tells us when nobody listens there. */
export async function openTo(host: string, port: number): Promise<dgram.Socket> {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  // Refusals arrive as errors, at any time; whoever waits for an answer listens for them too.
  socket.on('error', () => {});
  socket.connect(port, host);
  await once(socket, 'connect');
  return socket;
}

/**
 * One try: what `taken` makes of the first datagram that it takes for the answer, `refused` when the machine says that nobody
 * listens, or `silence`.
 */
export async function ask<T>(
  socket: dgram.Socket,
  question: Buffer,
  taken: (datagram: Buffer) => T | undefined,
  waits: Waits,
): Promise<T | 'refused' | 'silence'> {
  const answered = new AbortController();
  let stopListening = () => {};
  const heard = new Promise<T | 'refused'>((found) => {
    const listen = (datagram: Buffer) => {
      // Any datagram may be somebody else's answer: only the one that was asked for counts.
      const answer = taken(datagram);
      if (answer !== undefined) done(answer);
    };
    const refuse = (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') done('refused');
    };
    const done = (outcome: T | 'refused') => {
      stopListening();
      found(outcome);
    };
    socket.on('message', listen).on('error', refuse);
    stopListening = () => void socket.off('message', listen).off('error', refuse);
  });
  socket.send(question, (error) => error && socket.emit('error', error));
  try {
    return await Promise.race([heard, waits.overdue(answered.signal).then(() => 'silence' as const)]);
  } finally {
    stopListening();
    answered.abort();
  }
}

// How a server comes by its sockets: one for datagrams, or one for each transport on the same port.

import dgram from 'node:dgram';
import { once } from 'node:events';
import type { Server as Listener } from 'node:net';
import type { Address } from '../protocols/shapes.ts';

/** How many ports are tried until one is free for both transports. */
const TRIES = 20;

/** A socket on which datagrams are answered, not bound yet. */
export function answering(host: string): dgram.Socket {
  const family = host.includes(':') ? 6 : 4;
  // Answers go to an address taken from a datagram: there is no name to look up, and so nothing to wait for.
  const socket = dgram.createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    lookup: (address, _options, found) => found(null, address, family),
  });
  // A datagram that cannot be sent is a datagram lost, as UDP has it: the client asks again.
  return socket.on('error', () => {});
}

/** Binds a socket. Resolves to its port. */
export async function bound(socket: dgram.Socket, { host, port }: Address): Promise<number> {
  const listening = once(socket, 'listening');
  socket.bind(port, host);
  await listening;
  return socket.address().port;
}

/**
 * Both transports on one port, as RFC 7766 §5 has it. Any free port that is wanted (0) may be free for one and taken for the other:
 * then a fresh socket tries the next one. Connections come last, to whoever listens for them already.
 */
export async function bothOn(
  at: Address,
  fresh: () => dgram.Socket,
  listener: Listener,
): Promise<{ socket: dgram.Socket; port: number }> {
  for (let tries = 1; ; tries++) {
    const socket = fresh();
    try {
      const port = await bound(socket, at);
      listener.listen(port, at.host);
      await once(listener, 'listening');
      return { socket, port };
    } catch (error) {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || at.port !== 0 || tries === TRIES) throw error;
    }
  }
}

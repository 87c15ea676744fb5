// How a client reaches a server on a stream: by dialling until somebody answers.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ClientOptions } from '../protocols/shapes.ts';
import { patiently } from './patience.ts';

/** How often a client dials in a row. */
const DIALS = 20;

/**
 * Resolves to a connection, and waits as long as it is worth between two refusals; to hear nothing for too long is as good as one.
 * Rejects after 20 of them. `introduced`: called with the connection when it stands, before anybody else hears of it.
 * `localAddress`: which address of this machine it comes from.
 */
export async function dialUntilAnswered(
  { host, port, waits, localAddress }: Pick<ClientOptions, 'host' | 'port' | 'waits'> & { localAddress?: string },
  introduced?: (socket: Socket) => void,
): Promise<Socket> {
  for (let attempt = 1; ; attempt++) {
    const socket = connect({ host, port, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) });
    if (introduced) socket.prependOnceListener('connect', () => introduced(socket));
    try {
      await patiently(once(socket, 'connect'), waits, {
        heard: () => 0,
        giveUp: () => socket.destroy(new Error('nothing came back')),
      });
      return socket;
    } catch (error) {
      // No waiting gives this machine another address.
      if ((error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL' && localAddress !== undefined)
        throw new Error(
          `this machine has no address ${localAddress}: give it one (macOS: sudo ifconfig lo0 alias ${localAddress})`,
          { cause: error },
        );
      if (attempt >= DIALS) throw new Error(`no answer from ${host}:${port} after ${DIALS} tries`, { cause: error });
      await waits.redial(attempt);
    }
  }
}

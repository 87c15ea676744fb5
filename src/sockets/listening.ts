// How a server of connections begins and ends: the same for every protocol that has one.

import { once } from 'node:events';
import type { AddressInfo, Server as Listener } from 'node:net';
import type { Address, Server } from '../protocols/shapes.ts';

/**
 * Has a server listen. In the end it takes nobody new, and everybody who is there is let go of; then come what else there is to
 * end, `before` the last of them has gone, and what there is to wait for, `after`.
 */
export async function listening(
  listener: Listener,
  at: Address,
  guests: { disperse(): void },
  { before, after }: { before?: () => void; after?: () => Promise<unknown> } = {},
): Promise<Server> {
  listener.listen(at.port, at.host);
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    async close() {
      const closed = once(listener, 'close');
      listener.close();
      guests.disperse();
      before?.();
      await closed;
      await after?.();
    },
  };
}

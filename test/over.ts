// The end of a connection, however it comes about.

import type { EventEmitter } from 'node:events';

/**
 * Resolves when the socket is closed. `once(socket, 'close')` rejects when an error comes first, and whether a server that hangs
 * up is seen as an end or as a reset depends on what lay unread in it at that moment.
 */
export function over(socket: EventEmitter & { readonly closed: boolean }): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.on('error', () => {}).once('close', () => resolve());
  });
}

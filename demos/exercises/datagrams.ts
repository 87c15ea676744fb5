// The client of exercises over UDP: it asks, once, and takes whatever datagram comes for the answer. Whether it is one, the checks say.

import { once } from 'node:events';
import type { Client, ClientOptions } from '../../src/protocols/shapes.ts';
import { ask, openTo } from '../../src/sockets/ask.ts';

/** Sends a datagram. Resolves to the first one that comes back; rejects when none does. `about`: what was said, for that. */
export type Exchange = (question: Buffer, about?: string) => Promise<Buffer>;

export interface Asker extends Pick<Client, 'move' | 'close'> {
  ask: Exchange;
  /** Somebody else asks, from an address of their own, and leaves. */
  stranger<T>(asks: (ask: Exchange) => Promise<T>): Promise<T>;
}

export async function asker({ host, port, waits, introduce }: ClientOptions): Promise<Asker> {
  let socket = await openTo(host, port);

  const through = (own: typeof socket) => async (question: Buffer, about?: string) => {
    const answer = await ask(own, question, (datagram) => datagram, waits);
    if (answer === 'refused') throw new Error('nobody listens');
    if (answer === 'silence') throw new Error(`no datagram came back${about === undefined ? '' : ` for ${about}`}`);
    return answer;
  };

  async function close(): Promise<void> {
    const left = once(socket, 'close');
    socket.close();
    await left;
  }

  return {
    ask: (question, about) => through(socket)(question, about),
    async stranger(asks) {
      const own = await openTo(host, port);
      const { address, port: at } = own.address();
      introduce?.(`${address}:${at}`, 'stranger');
      try {
        return await asks(through(own));
      } finally {
        own.close();
      }
    },
    async move() {
      await close();
      socket = await openTo(host, port);
    },
    close,
  };
}

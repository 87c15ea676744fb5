// Where the rules meet a real socket: one datagram in, the same datagram out.

import { once } from 'node:events';
import { BOUNDS } from '../../bounds/bounds.ts';
import { datagramGuard } from '../../bounds/datagrams.ts';
import { addressOf, pathOf } from '../../bounds/paths.ts';
import { answering, bound } from '../../sockets/listen.ts';
import type { Address, Bounds, Keeper, Server } from '../shapes.ts';
import type { Message } from './wire.ts';

export async function serve(keeper: Keeper<Message>, at: Address, bounds: Partial<Bounds> = {}): Promise<Server> {
  const socket = answering(at.host);
  const port = await bound(socket, at);
  const answers = datagramGuard(port, bounds.rate ?? BOUNDS.rate);

  keeper.attach({
    say(to, bytes) {
      const { address, port } = addressOf(to);
      socket.send(bytes, port, address);
    },
    hangUp() {},
  });

  socket.on('message', (payload, source) => {
    const from = pathOf(source.address, source.port);
    if (answers(from, source.port)) keeper.hear(from, [{ payload, from: 'client' }]);
  });

  return {
    port,
    async close() {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

// Where the rules meet a real socket: one datagram in, the same datagram out.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { BOUNDS } from '../../bounds/bounds.ts';
import { datagramGuard } from '../../bounds/datagrams.ts';
import { addressOf, pathOf } from '../../bounds/paths.ts';
import type { Address, Bounds, Keeper, Server } from '../shapes.ts';
import type { Message } from './wire.ts';

export async function serve(keeper: Keeper<Message>, at: Address, bounds: Partial<Bounds> = {}): Promise<Server> {
  const family = at.host.includes(':') ? 6 : 4;
  // Answers go to an address taken from a datagram: there is no name to look up, and so nothing to wait for.
  const socket = dgram.createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    lookup: (address, _options, found) => found(null, address, family),
  });
  const bound = once(socket, 'listening');
  socket.bind(at.port, at.host);
  await bound;
  const { port } = socket.address();
  const answers = datagramGuard(port, bounds.rate ?? BOUNDS.rate);

  // A datagram that cannot be sent is a datagram lost, as UDP has it: the client asks again.
  socket.on('error', () => {});
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

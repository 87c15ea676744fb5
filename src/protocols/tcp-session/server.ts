// Where the rules meet a real socket: a stream of bytes in, messages to the rules, their answers out.

import { createServer } from 'node:net';
import { BOUNDS } from '../../bounds/bounds.ts';
import { crowd } from '../../bounds/connections.ts';
import { listening } from '../../sockets/listening.ts';
import { Inbox } from '../../wire/wire.ts';
import type { Address, Bounds, Keeper, Server } from '../shapes.ts';
import { type Message, RESET, wire } from './wire.ts';

export async function serve(keeper: Keeper<Message>, at: Address, bounds: Partial<Bounds> = {}): Promise<Server> {
  const server = createServer({ noDelay: true, allowHalfOpen: true });
  const guests = crowd(server, { ...BOUNDS, ...bounds }, (socket, from) => {
    const inbox = new Inbox(wire, 'client');

    socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      if (messages.length > 0) {
        guests.settled(from);
        const full = keeper.hear(from, messages);
        if (full) guests.hold(from, full);
      }
      // Bytes that are no message end this connection, in the protocol's own words, and nothing else (Section 7).
      if (error) keeper.refuse(from, { type: 'RESET', code: RESET.malformed });
    });
    // Whoever has no more to say may still want to hear: answers may be waiting for the disk.
    socket.on('end', () => keeper.bye(from));
    socket.on('close', () => keeper.part(from));
  });
  keeper.attach(guests);

  return listening(server, at, guests);
}

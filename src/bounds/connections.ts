// What a stranger on a connection may take: a place, a while, some memory. Every TCP server here stands behind this.

import type { Server, Socket } from 'node:net';
import type { Bounds, Mouth, Path } from '../protocols/shapes.ts';
import { pathOf } from './paths.ts';

/** The sockets of one server, filed under their path, each within its bounds. */
export interface Crowd extends Mouth {
  /** The peer has finished its first request: it is no longer the first to go when the house is full. */
  settled(path: Path): void;
  /** Reads no more from a peer until `caughtUp` resolves. */
  hold(path: Path, caughtUp: Promise<void>): void;
  /** The guest goes on through this socket, such as TLS over the one it came by; the one it came by ends with it. */
  exchange(path: Path, socket: Socket): void;
  /** Drops everybody. */
  disperse(): void;
}

interface Guest {
  socket: Socket;
  /** Runs out on a guest that has not finished its first request. */
  newcomer: NodeJS.Timeout | undefined;
  /** Runs out on a guest that does not read what it is told. */
  stalled: NodeJS.Timeout | undefined;
  /** Runs out on a guest that does not leave when it has been told to. */
  leaving: NodeJS.Timeout | undefined;
  /** Reasons why it is not read from: it is read again when all of them are gone. */
  holds: number;
}

/** How long a peer may keep its end open after we have ended ours, in milliseconds. */
const FAREWELL = 1_000;
/** How much of what it says after that is read, in bytes. */
const DROPPED = 1 << 20;

/**
 * Stands in front of `server` and hands over only the connections that it admits. `suffix` ends every path, where a protocol
 * speaks over UDP as well.
 */
export function crowd(
  server: Server,
  bounds: Bounds,
  admitted: (socket: Socket, path: Path) => void,
  suffix: '' | '/tcp' = '',
): Crowd {
  /** In order of arrival, so that the first newcomer found is the oldest. */
  const guests = new Map<Path, Guest>();

  server.on('connection', (socket: Socket) => {
    // A peer may reset whenever it likes; that ends its connection, and `close` reports it.
    socket.on('error', () => {});
    if (guests.size >= bounds.connections) makeRoom(guests);
    if (guests.size >= bounds.connections || socket.remoteAddress === undefined) {
      socket.resetAndDestroy();
      return;
    }
    const path = pathOf(socket.remoteAddress, socket.remotePort) + suffix;
    const guest: Guest = {
      socket,
      newcomer: setTimeout(() => socket.destroy(), bounds.handshake).unref(),
      stalled: undefined,
      leaving: undefined,
      holds: 0,
    };
    guests.set(path, guest);
    socket.setTimeout(bounds.idle, () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(guest.newcomer);
      clearTimeout(guest.stalled);
      clearTimeout(guest.leaving);
      if (guests.get(path) === guest) guests.delete(path);
    });
    admitted(socket, path);
  });

  return {
    settled(path) {
      const guest = guests.get(path);
      if (!guest?.newcomer) return;
      clearTimeout(guest.newcomer);
      guest.newcomer = undefined;
    },

    hold(path, caughtUp) {
      const guest = guests.get(path);
      if (!guest) return;
      pause(guest);
      void caughtUp.then(() => resume(guest));
    },

    exchange(path, socket) {
      socket.on('error', () => {});
      const guest = guests.get(path);
      if (!guest) return void socket.destroy();
      guest.socket.setTimeout(0);
      guest.socket = socket;
      socket.setTimeout(bounds.idle, () => socket.destroy());
    },

    say(to, bytes) {
      const guest = guests.get(to);
      if (!guest?.socket.writable || guest.socket.write(bytes)) return;
      const { socket } = guest;
      if (guest.stalled) {
        // It was given time to read, and what it was told since has grown beyond all bounds.
        if (socket.writableLength > bounds.unread) socket.destroy();
        return;
      }
      // Who does not read is not read from either: its requests wait in its own machine.
      guest.stalled = setTimeout(() => socket.destroy(), bounds.stall).unref();
      pause(guest);
      socket.once('drain', () => {
        clearTimeout(guest.stalled);
        guest.stalled = undefined;
        resume(guest);
      });
    },

    hangUp(to) {
      const guest = guests.get(to);
      if (!guest || guest.leaving) return;
      const { socket } = guest;
      guest.leaving = setTimeout(() => socket.destroy(), FAREWELL).unref();
      // What still arrives is read and dropped: unread bytes would turn our FIN into a reset that overtakes our last word. Who
      // has much more to say than that is not read any further, and has until the end of the farewell to hear it.
      let dropped = 0;
      socket
        .removeAllListeners('data')
        .on('data', (chunk: Buffer) => {
          dropped += chunk.length;
          if (dropped > DROPPED) socket.pause();
        })
        .resume();
      socket.end();
    },

    disperse() {
      for (const guest of guests.values()) guest.socket.destroy();
    },
  };
}

function pause(guest: Guest): void {
  guest.holds++;
  if (!guest.leaving) guest.socket.pause();
}

function resume(guest: Guest): void {
  if (--guest.holds === 0) guest.socket.resume();
}

/** The oldest guest that has not finished its first request goes; when all have, nobody does and the newcomer is turned away. */
function makeRoom(guests: Map<Path, Guest>): void {
  for (const [path, guest] of guests) {
    if (!guest.newcomer) continue;
    guests.delete(path);
    guest.socket.resetAndDestroy();
    return;
  }
}

// What a stranger on a connection may take: a place, a while, some memory. Every TCP server here stands behind this.

import { type Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Bounds, Mouth, Path } from '../protocols/shapes.ts';
import { pathOf } from './paths.ts';

/** The sockets of one server, filed under their path, each within its bounds. */
export interface Crowd extends Mouth {
  /** The peer has finished its first request: it is no longer the first to go when the house is full. */
  settled(path: Path): void;
  /** Reads no more from a peer until `caughtUp` resolves. */
  hold(path: Path, caughtUp: Promise<void>): void;
  /** The guest goes on through this stream, such as TLS over the socket it came by; that socket ends with it. */
  exchange(path: Path, stream: Duplex): void;
  /** Another door to the same house: whoever comes by it counts as much, under a path with another suffix. */
  also(server: Server, suffix: Suffix, admitted: Admitted): void;
  /** Writes what is gathered. */
  letOut(): void;
  /** Drops everybody. */
  disperse(): void;
}

/** Ends a path, where one address and port may come by several doors. */
export type Suffix = '' | '/tcp' | '/tls' | '/ws';

type Admitted = (socket: Socket, path: Path) => void;

/** How a crowd is spoken to. */
export interface Manner {
  suffix?: Suffix;
  /** What is said to one guest in one turn of the loop leaves in one write, for a server that says many small things to many. */
  gathers?: boolean;
  /** A guest does not read what it is told: the network holds all that it can for it. */
  lagging?(path: Path): void;
  /** And has read all of it since. */
  caughtUp?(path: Path): void;
}

interface Guest {
  path: Path;
  /** What it came by. */
  socket: Socket;
  /** What it is spoken to through: the same, or TLS over it, say. */
  stream: Duplex;
  /** Said in this turn, and not written yet; and how much that is, in bytes. */
  said: Buffer[];
  saidBytes: number;
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
/** What is gathered for one guest before it is written within the turn, in bytes: whether it reads will be known the sooner. */
const GATHERED = 1 << 16;

/** Stands in front of `server` and hands over only the connections that it admits. */
export function crowd(server: Server, bounds: Bounds, admitted: Admitted, manner: Manner = {}): Crowd {
  /** In order of arrival, so that the first newcomer found is the oldest. */
  const guests = new Map<Path, Guest>();
  /** Those to whom something was said in this turn, and what lets it out when that is over. */
  let spokenTo: Guest[] = [];
  let endOfTurn: NodeJS.Immediate | undefined;

  function also(door: Server, suffix: Suffix, greeted: Admitted): void {
    door.on('connection', (socket: Socket) => {
      // A peer may reset whenever it likes; that ends its connection, and `close` reports it.
      socket.on('error', () => {});
      if (guests.size >= bounds.connections) makeRoom(guests);
      if (guests.size >= bounds.connections || socket.remoteAddress === undefined) {
        socket.resetAndDestroy();
        return;
      }
      const path = pathOf(socket.remoteAddress, socket.remotePort) + suffix;
      const guest: Guest = {
        path,
        socket,
        stream: socket,
        said: [],
        saidBytes: 0,
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
      greeted(socket, path);
    });
  }

  function gather(guest: Guest, bytes: Buffer): void {
    if (guest.said.length === 0) {
      endOfTurn ??= setImmediate(letOut);
      spokenTo.push(guest);
    }
    guest.said.push(bytes);
    guest.saidBytes += bytes.length;
    if (guest.saidBytes > GATHERED) flush(guest);
  }

  function letOut(): void {
    clearImmediate(endOfTurn);
    endOfTurn = undefined;
    const turn = spokenTo;
    spokenTo = [];
    for (const guest of turn) flush(guest);
  }

  function flush(guest: Guest): void {
    const { said } = guest;
    const bytes = said.length > 1 ? Buffer.concat(said, guest.saidBytes) : said[0];
    if (!bytes) return;
    said.length = 0;
    guest.saidBytes = 0;
    write(guest, bytes);
  }

  function write(guest: Guest, bytes: Buffer): void {
    const { path, stream } = guest;
    if (!stream.writable) return;
    // A long write may have left at once, whatever the stream says of it.
    if (stream.write(bytes) || stream.writableLength === 0) return;
    if (guest.stalled) {
      // It was given time to read, and what it was told since has grown beyond all bounds.
      if (stream.writableLength > bounds.unread) stream.destroy();
      return;
    }
    // Who does not read is not read from either: its requests wait in its own machine.
    guest.stalled = setTimeout(() => stream.destroy(), bounds.stall).unref();
    pause(guest);
    stream.once('drain', () => {
      clearTimeout(guest.stalled);
      guest.stalled = undefined;
      resume(guest);
      manner.caughtUp?.(path);
    });
    manner.lagging?.(path);
  }

  also(server, manner.suffix ?? '', admitted);

  return {
    also,

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

    exchange(path, stream) {
      stream.on('error', () => {});
      const guest = guests.get(path);
      if (!guest) return void stream.destroy();
      guest.stream = stream;
      // TLS moves the bytes itself, and the socket beneath sees nothing of them; what else there is leaves that to the socket.
      const moves = stream instanceof Socket ? stream : guest.socket;
      guest.socket.setTimeout(0);
      moves.setTimeout(bounds.idle, () => stream.destroy());
    },

    say(to, bytes) {
      const guest = guests.get(to);
      if (!guest) return;
      if (manner.gathers) gather(guest, bytes);
      else write(guest, bytes);
    },

    letOut,

    hangUp(to) {
      const guest = guests.get(to);
      if (!guest || guest.leaving) return;
      // What others were told before this one is hung up on leaves before.
      letOut();
      const { stream } = guest;
      guest.leaving = setTimeout(() => stream.destroy(), FAREWELL).unref();
      // What still arrives is read and dropped: unread bytes would turn our FIN into a reset that overtakes our last word. Who
      // has much more to say than that is not read any further, and has until the end of the farewell to hear it.
      let dropped = 0;
      stream
        .removeAllListeners('data')
        .on('data', (chunk: Buffer) => {
          dropped += chunk.length;
          if (dropped > DROPPED) stream.pause();
        })
        .resume();
      stream.end();
    },

    disperse() {
      letOut();
      for (const guest of guests.values()) guest.stream.destroy();
    },
  };
}

function pause(guest: Guest): void {
  guest.holds++;
  if (!guest.leaving) guest.stream.pause();
}

function resume(guest: Guest): void {
  if (--guest.holds === 0) guest.stream.resume();
}

/** The oldest guest that has not finished its first request goes; when all have, nobody does and the newcomer is turned away. */
function makeRoom(guests: Map<Path, Guest>): void {
  for (const [path, guest] of guests) {
    if (!guest.newcomer) continue;
    guests.delete(path);
    // Nobody can reset a connection through what lies over it.
    if (guest.stream === guest.socket) guest.socket.resetAndDestroy();
    else guest.stream.destroy();
    return;
  }
}

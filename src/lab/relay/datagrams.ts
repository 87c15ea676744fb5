// Datagrams through a relay: each client has a socket of its own towards the server, which is all that a NAT remembers. Filed under the
// client's address and port, for a minute.

import dgram from 'node:dgram';
import { pathOf } from '../../bounds/paths.ts';
import type { Address, Path } from '../../protocols/shapes.ts';
import type { Side } from '../../wire/wire.ts';
import type { Ends, Sights } from './sights.ts';

/** Clients that are kept in mind, and for how long after their last datagram, in milliseconds. */
export const CLIENTS = 1024;
const LIFETIME = 60_000;
const SWEEP = 10_000;
/** Datagrams of one client that wait for its socket, which takes one turn of the loop. */
const WAITING = 256;

export interface DatagramOptions {
  to: Address;
  sights: Sights;
  /** Says something to a client, from the port that it knows. */
  say(bytes: Buffer, port: number, address: string): void;
  /** The upstream's machine says that nobody listens there. */
  refused(): void;
  /** Whether a datagram passes; of one that does not, how much is lost. */
  passes(from: Side, length: number): boolean;
}

export interface Datagrams {
  /** A client has said something. */
  hear(bytes: Buffer, address: string, port: number): void;
  /** Whoever speaks from now on does so from another port. */
  move(): void;
  readonly clients: number;
  close(): void;
}

interface Client {
  socket: dgram.Socket;
  latest: number;
  /** Said before the socket was ready. */
  waiting: Buffer[] | undefined;
  ends: Ends;
}

export function datagrams({ to, sights, say, refused, passes }: DatagramOptions): Datagrams {
  /** In order of last use: the first one is the first to go. */
  const clients = new Map<Path, Client>();
  const server = pathOf(to.host, to.port);

  function begin(key: Path, address: string, port: number): Client {
    const socket = dgram.createSocket(to.host.includes(':') ? 'udp6' : 'udp4');
    // Whom the server sees is who is told of: it knows nobody behind the relay.
    const client: Client = { socket, latest: 0, waiting: [], ends: { client: key, server, over: 'udp' } };
    socket.on('message', (bytes) => {
      sights.bytes('server', 'sent', client.ends, bytes);
      if (!passes('server', bytes.length)) return;
      sights.bytes('client', 'read', client.ends, bytes);
      say(bytes, port, address);
    });
    // What cannot be sent is lost, as UDP has it; that nobody listens is heard here as well.
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code !== 'ECONNREFUSED') return;
      sights.link('client', 'refused', client.ends);
      refused();
    });
    socket.once('connect', () => {
      const own = socket.address();
      client.ends.client = pathOf(own.address, own.port);
      const { waiting = [] } = client;
      client.waiting = undefined;
      for (const bytes of waiting) forward(client, bytes);
    });
    socket.connect(to.port, to.host);
    return client;
  }

  function forward({ socket, ends }: Client, bytes: Buffer): void {
    sights.bytes('client', 'sent', ends, bytes);
    if (!passes('client', bytes.length)) return;
    sights.bytes('server', 'read', ends, bytes);
    socket.send(bytes);
  }

  function drop(key: Path, { socket }: Client): void {
    clients.delete(key);
    socket.close();
  }

  const sweep = setInterval(() => {
    const old = performance.now() - LIFETIME;
    for (const [key, client] of clients) {
      if (client.latest > old) break;
      drop(key, client);
    }
  }, SWEEP).unref();

  function move(): void {
    for (const [key, client] of clients) drop(key, client);
  }

  return {
    hear(bytes, address, port) {
      const key = pathOf(address, port);
      let client = clients.get(key);
      if (client) clients.delete(key);
      else {
        const [oldest] = clients.size >= CLIENTS ? clients : [];
        if (oldest) drop(...oldest);
        client = begin(key, address, port);
      }
      clients.set(key, client);
      client.latest = performance.now();
      if (!client.waiting) forward(client, bytes);
      else if (client.waiting.length < WAITING) client.waiting.push(bytes);
    },
    move,
    get clients() {
      return clients.size;
    },
    close() {
      clearInterval(sweep);
      move();
    },
  };
}

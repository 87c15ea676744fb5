// A balancer of the lab's own, for the one cut in which the middle is the subject: it leads every client to one instance, until it is
// told to lead them to another. It reads nothing of what it passes on.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { pathOf } from '../bounds/paths.ts';
import { keepOut } from '../capture/tap.ts';
import type { Trace } from '../capture/trace.ts';
import type { Path } from '../protocols/shapes.ts';
import { bothOn } from '../sockets/listen.ts';

export interface Balancer {
  /** One port for connections and datagrams alike. */
  port: number;
  /** Whoever comes from now on is led to this port. */
  lead(port: number): void;
  /** Ends every connection in good order, as a balancer does that takes an instance out, and forgets who sent datagrams. */
  drop(): Promise<void>;
  close(): Promise<void>;
}

export interface BalancerOptions {
  host: string;
  /** The first instance. */
  port: number;
  /** Told who speaks to the instance from which port: its own tap sees only the balancer. */
  note: (trace: Trace) => void;
  clock: () => number;
}

/** How long an end may take to come through, in milliseconds. */
const FAREWELL = 1_000;

/** Clients whose datagrams are led on; the lab has one, which may come from a few addresses. */
const SOURCES = 1024;

/** Where the client's connection comes from, where this machine may speak from there as well. */
function comingFrom({ remoteAddress }: net.Socket, host: string): { localAddress?: string } {
  return host.startsWith('127.') && remoteAddress?.startsWith('127.') ? { localAddress: remoteAddress } : {};
}

/** Stands at a port of its own between the lab's one client and an instance. */
export async function balancer({ host, port: first, note, clock }: BalancerOptions): Promise<Balancer> {
  let instance = first;
  /** The two halves of each connection. */
  const pairs = new Map<net.Socket, net.Socket>();
  /** The socket on which a client's datagrams go on, filed under the client's path: what any NAT remembers. */
  const sources = new Map<Path, dgram.Socket>();

  const udp = () => dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const server = keepOut(net.createServer({ allowHalfOpen: true, noDelay: true }));
  const { socket: datagrams, port } = await bothOn({ host, port: 0 }, () => keepOut(udp()), server);
  note({ t: clock(), who: 'balancer', is: 'balanced', port });

  server.on('connection', (near: net.Socket) => {
    const begun = clock();
    const far = keepOut(new net.Socket({ allowHalfOpen: true }));
    pairs.set(near, far);
    // From the address that the client comes from, as a balancer does that stands in the way: who comes from where may matter.
    far.connect({ host, port: instance, noDelay: true, ...comingFrom(near, host) });
    far.on('connect', () => {
      // The instance may have accepted before we hear of it, so the note is of the time when we dialled.
      const trace = { who: 'balancer', is: 'balanced', port } as const;
      const [from, to] = [pathOf(near.remoteAddress, near.remotePort), pathOf(far.localAddress, far.localPort)];
      note({ t: begun, ...trace, near: from, far: to });
    });
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      // A reset goes through as a reset; any other end has gone through the pipe.
      one.on('error', () => other.resetAndDestroy());
      one.on('close', () => {
        pairs.delete(near);
        if (!other.writableEnded) other.destroy();
      });
    }
  });

  datagrams.on('message', (bytes, client) => void forward(bytes, client.address, client.port));
  datagrams.on('error', () => {});

  async function forward(bytes: Buffer, address: string, from: number): Promise<void> {
    const near = pathOf(address, from);
    const source = sources.get(near) ?? (sources.size < SOURCES ? await open(near, address, from) : undefined);
    if (!source) return;
    source.send(bytes, instance, host);
  }

  async function open(near: Path, address: string, from: number): Promise<dgram.Socket> {
    const source = keepOut(udp());
    sources.set(near, source);
    source.on('error', () => {});
    source.on('message', (bytes) => datagrams.send(bytes, from, address));
    source.bind(0, host);
    await once(source, 'listening');
    note({ t: clock(), who: 'balancer', is: 'balanced', port, near, far: pathOf(host, source.address().port) });
    return source;
  }

  async function drop(): Promise<void> {
    const halves = [...pairs].flat();
    for (const source of sources.values()) source.close();
    sources.clear();
    // Whoever does not read cannot be told in good order, and is not waited for.
    const late = setTimeout(() => {
      for (const half of halves) half.destroy();
    }, FAREWELL);
    await Promise.all(
      halves.map((half) => {
        half.end().destroySoon();
        return half.closed || new Promise((gone) => half.once('close', gone));
      }),
    );
    clearTimeout(late);
  }

  return {
    port,
    lead(to) {
      instance = to;
    },
    drop,
    async close() {
      const closed = Promise.all([once(server, 'close'), once(datagrams, 'close')]);
      server.close();
      datagrams.close();
      await drop();
      await closed;
    },
  };
}

// A balancer of the lab's own, for the two cuts in which the middle is the subject: it leads every client to one instance, until it is
// told to lead them to another (swap), or to swallow all that comes by (silence). It reads nothing of what it passes on. It also takes
// a stream apart into single bytes, for servers that somebody is still writing.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { pathOf } from '../bounds/paths.ts';
import { keepOut } from '../capture/tap.ts';
import type { Swallowed, Trace } from '../capture/trace.ts';
import type { Path } from '../protocols/shapes.ts';
import { bothOn } from '../sockets/listen.ts';
import { oneByOne } from './bytewise.ts';
import type { Dials } from './dials.ts';
import { type Pair, pair } from './pair.ts';

export interface Balancer {
  /** One port for connections and datagrams alike. */
  port: number;
  /** Whoever comes from now on is led to this port. */
  lead(port: number): void;
  /** Ends every connection in good order, as a balancer does that takes an instance out, and forgets who sent datagrams. */
  drop(): Promise<void>;
  /** From here on nothing passes in either direction: datagrams are lost, connections hear nothing, and no dial is answered. */
  silence(): void;
  readonly silent: boolean;
  /** What went into the void since the last silence began. */
  readonly swallowed: Swallowed;
  /** Whether a connection, or one that is being dialled, has had something said into the silence: by whoever waits on it. */
  waitedOn(): boolean;
  /** Everything passes again. Dials come through; of the connections that stood, see {@link AfterSilence}. */
  heal(): void;
  /** Answers half-open ends that have said something with a reset. */
  answer(): void;
  close(): Promise<void>;
}

export interface BalancerOptions {
  host: string;
  /** The first instance. */
  port: number;
  /** Told who speaks to the instance from which port: its own tap sees only the balancer. */
  note: (trace: Trace) => void;
  clock: () => number;
  /** The client's dials, which a silence must hold back. */
  dials?: Dials;
  /** What clients say on connections goes on one byte at a time. */
  bytewise?: boolean | undefined;
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
export async function balancer({
  host,
  port: first,
  note,
  clock,
  dials,
  bytewise,
}: BalancerOptions): Promise<Balancer> {
  let instance = first;
  const pairs = new Map<Pair, Path>();
  let silent = false;
  let swallowed = nothing();
  /** The socket on which a client's datagrams go on, filed under the client's path: what any NAT remembers. */
  const sources = new Map<Path, dgram.Socket>();

  const udp = () => dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const server = keepOut(net.createServer({ allowHalfOpen: true, noDelay: true }));
  const { socket: datagrams, port } = await bothOn({ host, port: 0 }, () => keepOut(udp()), server);
  note({ t: clock(), who: 'balancer', is: 'balanced', port });

  server.on('connection', (near: net.Socket) => {
    const begun = clock();
    const far = keepOut(new net.Socket({ allowHalfOpen: true }));
    const from = pathOf(near.remoteAddress, near.remotePort);
    // From the address that the client comes from, as a balancer does that stands in the way: who comes from where may matter.
    far.connect({ host, port: instance, noDelay: true, ...comingFrom(near, host) });
    far.on('connect', () => {
      // The instance may have accepted before we hear of it, so the note is of the time when we dialled.
      const trace = { who: 'balancer', is: 'balanced', port } as const;
      note({ t: begun, ...trace, near: from, far: pathOf(far.localAddress, far.localPort) });
    });
    const joined = pair(
      near,
      far,
      (who, what) => {
        if (what === 'end') swallowed[who].ends++;
        else swallowed[who].bytes += what.bytes;
      },
      () => pairs.delete(joined),
      bytewise ? oneByOne(far) : undefined,
    );
    pairs.set(joined, from);
  });

  /** Whether a datagram passes. */
  const passes = (who: 'client' | 'server', { length }: Buffer): boolean => {
    if (!silent) return true;
    swallowed[who].datagrams++;
    swallowed[who].bytes += length;
    return false;
  };
  datagrams.on('message', (bytes, client) => {
    if (passes('client', bytes)) void forward(bytes, client.address, client.port);
  });
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
    source.on('message', (bytes) => {
      if (passes('server', bytes)) datagrams.send(bytes, from, address);
    });
    source.bind(0, host);
    await once(source, 'listening');
    note({ t: clock(), who: 'balancer', is: 'balanced', port, near, far: pathOf(host, source.address().port) });
    return source;
  }

  async function drop(): Promise<void> {
    const halves = [...pairs.keys()].flatMap(({ halves }) => halves);
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
    silence() {
      silent = true;
      swallowed = nothing();
      note({ t: clock(), who: 'link', is: 'silenced' });
      for (const each of pairs.keys()) each.silence();
      dials?.swallow(port, () => {
        swallowed.client.dials++;
        const remote = pathOf(host, port);
        note({ t: clock(), who: 'client', is: 'link', over: 'tcp', what: 'swallowed', local: '', remote });
      });
    },
    get silent() {
      return silent;
    },
    get swallowed() {
      return swallowed;
    },
    waitedOn: () => (dials?.waiting ?? 0) > 0 || [...pairs.keys()].some((each) => each.spoken()),
    heal() {
      silent = false;
      note({ t: clock(), who: 'link', is: 'healed', swallowed });
      for (const [each, near] of pairs) {
        const after = each.heal();
        if (after === 'half-open at the server') note({ t: clock(), who: 'link', is: 'half-open', near, at: 'server' });
        if (after === 'half-open at the client') note({ t: clock(), who: 'link', is: 'half-open', near, at: 'client' });
      }
      dials?.letThrough();
    },
    answer() {
      for (const each of pairs.keys()) each.answer();
    },
    async close() {
      const closed = Promise.all([once(server, 'close'), once(datagrams, 'close')]);
      server.close();
      datagrams.close();
      await drop();
      await closed;
    },
  };
}

function nothing(): Swallowed {
  return {
    client: { datagrams: 0, dials: 0, ends: 0, bytes: 0 },
    server: { datagrams: 0, dials: 0, ends: 0, bytes: 0 },
  };
}

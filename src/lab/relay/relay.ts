// A relay between a client and a server that are not ours: it changes nothing of what passes, refuses where the server refuses, and
// can be cut. What is seen of both ends becomes the traces that the log is made of.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { addressOf, pathOf } from '../../bounds/paths.ts';
import type { Sink, Swallowed } from '../../capture/trace.ts';
import type { AnyCard } from '../../protocols/index.ts';
import type { Address } from '../../protocols/shapes.ts';
import { bothOn, bound } from '../../sockets/listen.ts';
import type { Side } from '../../wire/wire.ts';
import { type Datagrams, datagrams } from './datagrams.ts';
import { type Door, door } from './doors.ts';
import { type Line, line } from './line.ts';
import { redirect } from './redirect.ts';
import { type Ends, sights, UNSEEN } from './sights.ts';

/** Connections at a time, unless told otherwise. */
const CONNECTIONS = 1024;

export interface RelayOptions {
  card: AnyCard;
  /** Where clients find it. */
  at: Address;
  /** The server; `host` is an address. */
  to: Address;
  /** Nobody watches without it, and nothing is made of what passes. */
  sink?: Sink | undefined;
  /** Nanoseconds since the run began. */
  clock?: () => number;
  /** Whether the server may be asked, by a connection or a datagram with nothing in it, if it is there. */
  probes: boolean;
  /** How many it holds at a time, those of data included. */
  connections?: number;
}

export interface Relay {
  port: number;
  /** Resets every connection both ways; who sends datagrams does so from another port. */
  cut(): void;
  /** The link swallows everything. */
  silence(): void;
  heal(): void;
  readonly isSilent: boolean;
  /** Why it cannot go on. */
  fault(): Error | undefined;
  close(): Promise<void>;
}

export async function relay({
  card,
  at,
  to,
  sink,
  clock = () => 0,
  probes,
  connections = CONNECTIONS,
}: RelayOptions): Promise<Relay> {
  const seen = sink ? sights(card.calls, sink, clock) : UNSEEN;
  const server = pathOf(to.host, to.port);
  const overTcp = card.transport !== 'udp';
  const overUdp = card.transport !== 'tcp';
  const lines = new Set<Line>();
  /** Those whose dial is on its way, or swallowed. */
  const dialling = new Set<Socket>();
  const dialled: Socket[] = [];
  let isSilent = false;
  let swallowed = nothing();
  let fault: Error | undefined;
  const failed = (error: Error) => {
    fault ??= error;
  };

  // ------------------------------------------------------------------------------------------------------------ connections

  let listener = listening();
  function listening(): net.Server {
    return net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }).on('connection', admit);
  }

  function admit(near: Socket): void {
    near.on('error', () => {});
    if (near.remoteAddress === undefined || isFull(near)) return void near.resetAndDestroy();
    dialling.add(near);
    near.on('close', () => dialling.delete(near));
    if (!isSilent) return lead(near);
    dialled.push(near);
    swallowed.client.dials++;
    seen.link('client', 'swallowed', { client: '', server, over: 'tcp' });
    if (swallowed.client.dials === 1)
      seen.note(
        'a tap cannot lose a SYN: this machine has accepted that connection, on which nothing is heard until the link heals',
      );
  }

  function isFull(near: Socket): boolean {
    if (lines.size + dialling.size < connections) return false;
    seen.note(
      `${pathOf(near.remoteAddress, near.remotePort)} is reset: ${connections} connections are all that a tap holds`,
    );
    return true;
  }

  /** Leads a client to the server. */
  function lead(near: Socket): void {
    const ends: Ends = { client: pathOf(near.remoteAddress, near.remotePort), server, over: 'tcp' };
    const far = dial(to, near.remoteAddress);
    far.once('error', (error: NodeJS.ErrnoException) => {
      if (!dialling.delete(near)) return;
      if (error.code === 'ECONNREFUSED') {
        seen.link('client', 'refused', { ...ends, client: '' });
        seen.note('this connection had been accepted by the tap before it knew, and is reset');
        doors.tcp?.refused();
      } else seen.note(`cannot be reached (${error.code ?? error.message}): the connection is reset`);
      near.resetAndDestroy();
    });
    far.once('connect', () => {
      dialling.delete(near);
      if (near.destroyed) return void far.resetAndDestroy();
      seen.link('client', 'connected', ends);
      seen.link('server', 'accepted', ends);
      const own = card.wire.redirect
        ? redirect({
            wire: card.wire,
            near,
            far,
            ends,
            sights: seen,
            come: (by, port, socket) => data(by, port, socket, ends, near),
          })
        : undefined;
      join(near, far, ends, own);
    });
  }

  function join(near: Socket, far: Socket, ends: Ends, own?: ReturnType<typeof redirect>): void {
    const joined = line({
      near,
      far,
      ends,
      sights: seen,
      swallowed(from, what) {
        if (what === 'end') swallowed[from].ends++;
        else swallowed[from].bytes += what;
      },
      change: own?.change,
      ending: ends.isData ? undefined : () => doors.tcp?.look(),
      closed() {
        lines.delete(joined);
        own?.close();
      },
      failed,
    });
    lines.add(joined);
    if (isSilent) joined.silence();
  }

  /** A data connection has come; `by` waits for it at `port`. */
  function data(by: Side, port: number, come: Socket, { client, server }: Ends, control: Socket): void {
    if (lines.size + dialling.size >= connections) return void come.resetAndDestroy();
    const waits = by === 'server' ? { host: to.host, port } : { host: control.remoteAddress ?? '', port };
    dialling.add(come);
    const gone = dial(waits, by === 'server' ? come.remoteAddress : undefined);
    // Each end sees the other where it would be without us.
    const ends = (): Ends =>
      by === 'server'
        ? {
            client: pathOf(come.remoteAddress, come.remotePort),
            server: pathOf(to.host, port),
            over: 'tcp',
            isData: true,
          }
        : {
            client: pathOf(addressOf(client).address, port),
            server: pathOf(addressOf(server).address, come.remotePort),
            over: 'tcp',
            isData: true,
          };
    const dialler: Side = by === 'server' ? 'client' : 'server';
    gone.once('error', () => {
      if (!dialling.delete(come)) return;
      seen.note('nobody waits at the port that was announced: the data connection is reset');
      come.resetAndDestroy();
    });
    gone.once('connect', () => {
      dialling.delete(come);
      if (come.destroyed) return void gone.resetAndDestroy();
      const own = ends();
      seen.link(dialler, 'connected', own);
      seen.link(by, 'accepted', own);
      if (by === 'server') join(come, gone, own);
      else join(gone, come, own);
    });
  }

  // -------------------------------------------------------------------------------------------------------------- datagrams

  let socket: dgram.Socket | undefined;
  const udp = () =>
    dgram
      .createSocket(at.host.includes(':') ? 'udp6' : 'udp4')
      .on('message', (bytes, from) => exchange?.hear(bytes, from.address, from.port))
      // An answer that cannot be sent is a datagram lost.
      .on('error', () => {});
  const exchange: Datagrams | undefined = overUdp
    ? datagrams({
        to,
        sights: seen,
        say: (bytes, port, address) => socket?.send(bytes, port, address),
        refused: () => doors.udp?.refused(),
        passes(from, length) {
          if (!isSilent) return true;
          swallowed[from].datagrams++;
          swallowed[from].bytes += length;
          return false;
        },
      })
    : undefined;

  // ---------------------------------------------------------------------------------------------------------------- the doors

  let port: number;
  if (overTcp && overUdp) ({ socket, port } = await bothOn(at, udp, listener));
  else if (overUdp) {
    socket = udp();
    port = await bound(socket, at);
  } else {
    listener.listen(at.port, at.host);
    await once(listener, 'listening');
    ({ port } = listener.address() as net.AddressInfo);
  }
  listener.on('error', failed);
  const doors: { tcp?: Door; udp?: Door } = {
    ...(overTcp
      ? {
          tcp: door({
            over: 'tcp',
            to,
            sights: seen,
            probes,
            async open() {
              listener = listening();
              listener.listen(port, at.host);
              await once(listener, 'listening');
              listener.on('error', failed);
            },
            shut: () => void listener.close(),
            failed,
          }),
        }
      : {}),
    ...(overUdp
      ? {
          udp: door({
            over: 'udp',
            to,
            sights: seen,
            probes,
            async open() {
              const fresh = udp();
              await bound(fresh, { host: at.host, port });
              socket = fresh;
            },
            shut() {
              socket?.close();
              socket = undefined;
            },
            failed,
          }),
        }
      : {}),
  };
  seen.born(server, [`${pathOf(at.host, port)} leads to it: a tap, which passes everything on as it comes`]);
  await Promise.all([doors.tcp?.look(), doors.udp?.look()]);

  return {
    port,
    cut() {
      seen.moved();
      for (const each of lines) each.cut();
      exchange?.move();
    },
    silence() {
      if (isSilent) return;
      isSilent = true;
      swallowed = nothing();
      seen.silenced();
      for (const each of lines) each.silence();
    },
    heal() {
      if (!isSilent) return;
      isSilent = false;
      seen.healed(swallowed);
      for (const each of lines) each.heal();
      for (const near of dialled.splice(0)) if (!near.destroyed) lead(near);
    },
    get isSilent() {
      return isSilent;
    },
    fault: () => fault,
    async close() {
      doors.tcp?.close();
      doors.udp?.close();
      exchange?.close();
      const closed = listener.listening ? once(listener, 'close') : undefined;
      listener.close();
      const shut = socket && once(socket, 'close');
      socket?.close();
      for (const near of dialling) near.destroy();
      for (const each of lines) each.close();
      await Promise.all([closed, shut]);
    },
  };
}

/** On this machine, from the address that the client comes from: who comes from where may matter. */
function dial({ host, port }: Address, from: string | undefined): Socket {
  const same = host.startsWith('127.') && from?.startsWith('127.') ? { localAddress: from } : {};
  const socket = net.connect({ host, port, noDelay: true, allowHalfOpen: true, ...same });
  // Whoever joins it to another listens for more.
  return socket.on('error', () => {});
}

function nothing(): Swallowed {
  return {
    client: { datagrams: 0, dials: 0, ends: 0, bytes: 0 },
    server: { datagrams: 0, dials: 0, ends: 0, bytes: 0 },
  };
}

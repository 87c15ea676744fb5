// A relay that listens while nobody is behind it says "connected" where a server would say "refused". So its door is open only while
// the upstream takes connections: who listens for the relay, and how it knows.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import type { Address } from '../../protocols/shapes.ts';
import type { Over } from '../../wire/wire.ts';
import type { Sights } from './sights.ts';

/** How often a shut door asks whether the upstream is back, in milliseconds. */
const PROBE = 250;
/** How long a machine may take to say that nobody listens for datagrams, in milliseconds: it says so at once, or never. */
const SILENCE = 50;

export interface DoorOptions {
  over: Over;
  to: Address;
  sights: Sights;
  /** Whether the upstream may be asked. */
  probes: boolean;
  /** Begins to listen, on the same port as ever. */
  open(): Promise<void>;
  /** Stops to listen. What has come in stays. */
  shut(): void;
  failed(error: Error): void;
}

export interface Door {
  /** The upstream has refused somebody: so does the relay, from here on, until it has been found to accept again. */
  refused(): void;
  /** Asks the upstream whether it still takes anybody. Resolves when the door is as it should be. */
  look(): Promise<void> | undefined;
  readonly isShut: boolean;
  close(): void;
}

export function door({ over, to, sights, probes, open, shut, failed }: DoorOptions): Door {
  let is: 'open' | 'shut' | 'closed' = 'open';
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  const asks = () => (over === 'tcp' ? takesConnections(to) : takesDatagrams(to));

  function refused(): void {
    if (is !== 'open' || !probes) return;
    is = 'shut';
    shut();
    const what = over === 'tcp' ? 'refuses connections' : 'takes no datagrams';
    sights.note(`${what} (ECONNREFUSED): until that changes nobody listens here either`);
    again();
  }

  function again(): void {
    timer = setTimeout(() => {
      asks()
        .then(async (takes) => {
          if (is !== 'shut') return;
          if (!takes) return again();
          await open();
          is = 'open';
          sights.note(
            `${over === 'tcp' ? 'accepts connections' : 'takes datagrams'} again, and so does this tap; whether it is the same process as before cannot be seen`,
          );
        })
        .catch(failed);
    }, PROBE);
  }

  return {
    refused,
    look() {
      if (!probes || is !== 'open') return undefined;
      looking ??= asks()
        .then((takes) => {
          looking = undefined;
          if (!takes) refused();
        })
        .catch(failed);
      return looking;
    },
    get isShut() {
      return is === 'shut';
    },
    close() {
      is = 'closed';
      clearTimeout(timer);
    },
  };
}

/** Whether somebody accepts there: found out by a connection on which nothing is said. */
function takesConnections({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const done = (takes: boolean) => {
      clearTimeout(late);
      socket.destroy();
      resolve(takes);
    };
    // Neither yes nor no is not a refusal.
    const late = setTimeout(() => done(true), PROBE);
    socket.on('connect', () => done(true));
    socket.on('error', ({ code }: NodeJS.ErrnoException) => done(code !== 'ECONNREFUSED'));
  });
}

/** Whether anybody receives there: found out by an empty datagram, which the machine turns away where nobody does. */
async function takesDatagrams({ host, port }: Address): Promise<boolean> {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  let takes = true;
  const heard = new Promise<void>((resolve) => {
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      takes = code !== 'ECONNREFUSED';
      resolve();
    });
    socket.on('message', () => resolve());
    setTimeout(resolve, SILENCE);
  });
  socket.connect(port, host);
  await once(socket, 'connect');
  socket.send(Buffer.alloc(0));
  await heard;
  socket.close();
  return takes;
}

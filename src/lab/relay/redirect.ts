// Where a message announces a connection of its own, as FTP's do, that connection would go past a relay. So the relay listens for it as
// well, and puts its own place into the message. What such messages look like, the protocol's wire knows.

import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { plainAddress } from '../../bounds/paths.ts';
import { Reader, WireError } from '../../wire/fields.ts';
import type { Place, Side, Wire } from '../../wire/wire.ts';
import type { Change } from './line.ts';
import type { Ends, Sights } from './sights.ts';

/** How long an announced connection is waited for, in milliseconds. */
const WAIT = 60_000;

export interface RedirectOptions {
  wire: Wire<unknown>;
  near: Socket;
  far: Socket;
  ends: Ends;
  sights: Sights;
  /** The connection that `by` has announced has come, from the other end: leads it to the port where `by` waits. */
  come: (by: Side, port: number, socket: Socket) => void;
}

/** What is done to the messages of one connection, both ways. */
export interface Redirect {
  change: Record<Side, Change>;
  /** Waits no more for what was announced. */
  close(): void;
}

export function redirect({ wire, near, far, ends, sights, come }: RedirectOptions): Redirect {
  /** One at a time, as the protocol has it: who announces another one means that. */
  let listener: net.Server | undefined;

  /** A place for the connection that `by` waits for at `port`, where the other end can reach it. */
  async function listen(by: Side, port: number): Promise<Place> {
    listener?.close();
    const other = by === 'server' ? near : far;
    const own = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    const late = setTimeout(() => own.close(), WAIT).unref();
    own.on('close', () => clearTimeout(late));
    own.on('connection', (socket: Socket) => {
      socket.on('error', () => {});
      // Somebody else may find the port.
      if (socket.remoteAddress !== other.remoteAddress) return void socket.resetAndDestroy();
      own.close();
      come(by, port, socket);
    });
    listener = own;
    own.listen(0, other.localAddress);
    await once(own, 'listening');
    return { host: plainAddress(other.localAddress), port: (own.address() as net.AddressInfo).port };
  }

  /** The bytes of one message, as they are to go on. */
  function passed(bytes: Buffer, from: Side): Buffer | Promise<Buffer> {
    const message = read(bytes, from);
    if (message === undefined) return bytes;
    if (wire.seals?.(message)) {
      ends.sealed = true;
      sights.note(
        'from here on its data connections are announced in TLS: they cannot be followed, and go past this tap',
      );
    }
    const port = wire.awaits?.(message, from);
    const sender = plainAddress((from === 'client' ? near : far).remoteAddress);
    // Tried out first: whoever names another machine, or one that cannot be named here, is left alone.
    if (port === undefined) return bytes;
    if (!wire.redirect?.(message, from, sender, placeOf(from === 'server' ? near : far))) {
      sights.note('names a place that this tap cannot stand in for: that data connection goes past it');
      return bytes;
    }
    return listen(from, port).then((to) => {
      sights.note(`this tap has put its own port ${to.port} in place of ${port}, so that the data comes by here`);
      return wire.redirect?.(message, from, sender, to) ?? bytes;
    });
  }

  /** Undefined where it is none: that is for its receiver to judge. */
  function read(bytes: Buffer, from: Side): unknown {
    try {
      return wire.read(new Reader(bytes), from, 'tcp', new Map());
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return undefined;
    }
  }

  function way(from: Side): Change {
    let kept: Buffer = Buffer.alloc(0);
    /** In the middle of what is no message: it goes on as it is, to its end. */
    let skipping = false;

    async function rest(before: Buffer[], first: Promise<Buffer>): Promise<Buffer> {
      const parts = [...before, await first];
      for (let next = step(); next; next = step()) parts.push(await next);
      return Buffer.concat(parts);
    }

    /** The next message of what is kept, or whatever else can go on; undefined where nothing can. */
    function step(): Buffer | Promise<Buffer> | undefined {
      if (kept.length === 0) return undefined;
      const take = (length: number) => {
        const taken = kept.subarray(0, length);
        kept = kept.subarray(length);
        return taken;
      };
      if (ends.sealed) return take(kept.length);
      try {
        if (!skipping) {
          const length = wire.frame(kept, 0, from);
          return length === undefined || length > kept.length ? undefined : passed(take(length), from);
        }
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        skipping = true;
      }
      const end = wire.mend?.(kept, 0);
      skipping = end === undefined;
      return take(end ?? kept.length);
    }

    return {
      pass(bytes) {
        kept = kept.length === 0 ? bytes : Buffer.concat([kept, bytes]);
        const parts: Buffer[] = [];
        for (let next = step(); next; next = step()) {
          if (!Buffer.isBuffer(next)) return rest(parts, next);
          parts.push(next);
        }
        return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
      },
      rest() {
        const left = kept;
        kept = Buffer.alloc(0);
        return left;
      },
    };
  }

  return { change: { client: way('client'), server: way('server') }, close: () => void listener?.close() };
}

function placeOf(socket: Socket): Place {
  return { host: plainAddress(socket.localAddress), port: 0 };
}

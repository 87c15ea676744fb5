// How is a SYN lost on a machine that loses none? A port that nobody listens on refuses at once, and one with a listener accepts,
// whoever that is: both say something, and a link that swallows says nothing. So the dial itself is held back, in the client's
// process: its socket is connecting, as it would be, and hears nothing until the link heals, when TCP would have sent the SYN again.

import net from 'node:net';
import { portDialled } from '../capture/tap.ts';

export interface Dials {
  /** From here on no dial to this port gets through; `swallowed` is told of each. */
  swallow(port: number, swallowed: () => void): void;
  /** Dials of which nobody knows yet how they end. */
  readonly waiting: number;
  /** Lets them all through, but for those that were given up. */
  letThrough(): void;
  /** Leaves `net` as it was. */
  restore(): void;
}

/** Stands between `net` and the tap, so that what is dialled is tapped all the same: it must come first, and go last. */
export function holdDials(): Dials {
  const { connect } = net.Socket.prototype;
  let held: { socket: net.Socket; rest: unknown[] }[] = [];
  let silent: { port: number; swallowed: () => void } | undefined;
  const dial = ({ socket, rest }: (typeof held)[number]) =>
    (connect as (...given: unknown[]) => net.Socket).apply(socket, rest);

  net.Socket.prototype.connect = function (this: net.Socket, ...rest: unknown[]) {
    if (silent === undefined || portDialled(rest) !== silent.port) return dial({ socket: this, rest });
    // What is written meanwhile waits for the connection, as behind any other dial.
    Object.assign(this, { connecting: true });
    held.push({ socket: this, rest });
    silent.swallowed();
    return this;
  } as typeof connect;

  return {
    swallow(port, swallowed) {
      silent = { port, swallowed };
    },
    get waiting() {
      return held.filter(({ socket }) => !socket.destroyed).length;
    },
    letThrough() {
      silent = undefined;
      const dials = held;
      held = [];
      for (const each of dials) if (!each.socket.destroyed) dial(each);
    },
    restore() {
      net.Socket.prototype.connect = connect;
    },
  };
}

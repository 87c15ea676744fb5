// One connection through a relay: what comes in at one half goes out at the other, bytes, FIN and RST as they came, no faster than the
// other end reads. And what becomes of it while the link swallows everything.

import type { Socket } from 'node:net';
import type { Side } from '../../wire/wire.ts';
import type { Ends, Sights } from './sights.ts';

/** What is done to the bytes of one direction on their way. */
export interface Change {
  /** What is to go on of these, and of what was kept back before. */
  pass(bytes: Buffer): Buffer | Promise<Buffer>;
  /** What was kept back, at the end. */
  rest(): Buffer;
}

export interface LineOptions {
  /** The half that leads to the client, and the one that leads to the server. Connected, and not read from yet. */
  near: Socket;
  far: Socket;
  ends: Ends;
  sights: Sights;
  /** How much one end says into a silence, in bytes, or that it ends. */
  swallowed: (from: Side, what: number | 'end') => void;
  change?: Record<Side, Change> | undefined;
  /** The server ends first: resolves when that may be passed on. */
  ending?: (() => Promise<void> | undefined) | undefined;
  closed: () => void;
  /** A fault of ours: a change could not be made. */
  failed: (error: Error) => void;
}

export interface Line {
  /** Resets both halves. */
  cut(): void;
  /** From here on nothing passes; both ends believe that all is well. */
  silence(): void;
  /**
   * Everything passes again. As TCP has it (RFC 9293 §3.8.1), what was sent meanwhile is sent again by whoever still holds it, a FIN
   * too, and comes late. A reset is sent once: who has missed it holds a half-open connection until it says something.
   */
  heal(): void;
  /** Ends both halves without a word in the log. */
  close(): void;
}

/** What one end may say into the silence, in bytes, before its machine takes no more of it: a window's worth. */
const WINDOW = 1 << 16;
/** How long what was said before a reset may take to be read, in milliseconds. */
const LINGER = 5_000;

interface Way {
  from: Socket;
  to: Socket;
  who: Side;
  other: Side;
  /** Said into the silence. */
  held: Buffer[];
  heldBytes: number;
  ended?: 'fin' | 'reset';
  /** Set while a change takes its time. */
  busy?: Promise<void>;
}

export function line({ near, far, ends, sights, swallowed, change, ending, closed, failed }: LineOptions): Line {
  let is: 'passing' | 'silent' | 'half-open' | 'over' = 'passing';
  const up: Way = { from: near, to: far, who: 'client', other: 'server', held: [], heldBytes: 0 };
  const down: Way = { from: far, to: near, who: 'server', other: 'client', held: [], heldBytes: 0 };
  const both = [up, down];

  function hear(way: Way, chunk: Buffer): void {
    sights.bytes(way.who, 'sent', ends, chunk);
    if (is === 'half-open') return answer(way);
    if (is === 'silent') return hold(way, chunk);
    deliver(way, chunk);
  }

  function hold(way: Way, chunk: Buffer): void {
    way.held.push(chunk);
    way.heldBytes += chunk.length;
    swallowed(way.who, chunk.length);
    if (way.heldBytes >= WINDOW) way.from.pause();
  }

  function deliver(way: Way, chunk: Buffer): void {
    const changed = change ? change[way.who].pass(chunk) : chunk;
    if (Buffer.isBuffer(changed)) return put(way, changed);
    // Nothing else is heard of this end until it is known what it has said.
    way.from.pause();
    way.busy = changed
      .then((bytes) => {
        delete way.busy;
        put(way, bytes);
        resume(way);
      })
      .catch(failed);
  }

  function put(way: Way, bytes: Buffer): void {
    if (bytes.length === 0 || !way.to.writable) return;
    sights.bytes(way.other, 'read', ends, bytes);
    if (!way.to.write(bytes)) way.from.pause();
  }

  function resume(way: Way): void {
    const full = is === 'silent' && way.heldBytes >= WINDOW;
    if (!way.busy && !full && !way.to.writableNeedDrain) way.from.resume();
  }

  /** Does it when all that came before has been handed on. */
  function after(way: Way, act: () => void): void {
    if (way.busy) void way.busy.then(act);
    else act();
  }

  function end(way: Way, how: 'fin' | 'reset'): void {
    if (is === 'over') return;
    sights.link(way.who, how === 'fin' ? 'fin sent' : 'reset sent', ends);
    if (is === 'half-open') return answer(way);
    way.ended = how;
    if (is === 'silent') return swallowed(way.who, 'end');
    // A server that ends may have died: whoever comes next must find that out as it would without us.
    const known = way === down && !up.ended ? ending?.() : undefined;
    if (known) void known.then(() => after(way, () => passEnd(way)));
    else after(way, () => passEnd(way));
  }

  function passEnd(way: Way): void {
    if (is === 'silent') return swallowed(way.who, 'end');
    if (is !== 'passing' || way.to.destroyed) return;
    if (change) put(way, change[way.who].rest());
    sights.link(way.other, way.ended === 'fin' ? 'fin read' : 'reset read', ends);
    if (way.ended === 'fin') way.to.end();
    else {
      is = 'over';
      reset(way.to);
    }
  }

  /** A machine that knows no such connection any more answers whatever is said on it with a reset. */
  function answer(way: Way): void {
    if (is === 'over') return;
    is = 'over';
    sights.link(way.other, 'reset sent', ends);
    sights.link(way.who, 'reset read', ends);
    reset(way.from);
  }

  for (const way of both) {
    way.from.on('data', (chunk: Buffer) => hear(way, chunk));
    way.to.on('drain', () => resume(way));
    way.from.on('end', () => end(way, 'fin'));
    // A reset, or a write to a connection that had been reset unseen.
    way.from.on('error', () => end(way, 'reset'));
    way.from.on('close', () => {
      if (way.to.closed) closed();
    });
  }
  near.resume();
  far.resume();

  function healed(): void {
    const gone = both.filter(({ ended }) => ended === 'reset');
    const left = both.find(({ ended }) => ended !== 'reset');
    if (gone.length > 0 || !left) {
      is = left ? 'half-open' : 'over';
      if (!left) return;
      sights.halfOpen(ends, left.who);
      // What it has said since is repeated by its machine, and so answered at once.
      if (left.heldBytes > 0 || left.ended) answer(left);
      else left.from.resume();
      return;
    }
    is = 'passing';
    for (const way of both) {
      if (way.heldBytes > 0) deliver(way, Buffer.concat(way.held));
      way.held = [];
      way.heldBytes = 0;
      if (way.ended) after(way, () => passEnd(way));
      else resume(way);
    }
  }

  return {
    cut() {
      if (is === 'over') return;
      is = 'over';
      sights.link('client', 'reset sent', ends);
      sights.link('server', 'reset read', ends);
      for (const { from } of both) reset(from, false);
    },
    silence() {
      if (is === 'passing') is = 'silent';
    },
    heal() {
      if (is === 'silent') healed();
    },
    close() {
      is = 'over';
      for (const { from } of both) from.destroy();
    },
  };
}

const NOTHING = Buffer.alloc(0);

/** Resets a connection, when its other end has been handed what was said before: a kernel hands that over as well. */
export function reset(socket: Socket, patient = true): void {
  if (socket.destroyed) return;
  const now = () => void socket.resetAndDestroy();
  if (!patient || socket.writableLength === 0) {
    // While a FIN is on its way out the system takes no reset.
    if (socket.writableEnded && !socket.writableFinished) socket.once('finish', now);
    else now();
    return;
  }
  const late = setTimeout(now, LINGER);
  socket.once('close', () => clearTimeout(late));
  if (socket.writableEnded) socket.once('finish', now);
  else socket.write(NOTHING, now);
}

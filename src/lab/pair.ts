// One connection through the lab's relay: two halves, one to the client and one to the server, and what passes between them. And
// what does not, while the link swallows everything.

import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/**
 * What a standing connection is after a silence, as TCP has it (RFC 9293 §3.5.1, §3.8.3). Who still holds it has sent again and again
 * what was not acknowledged, so where both do, it comes late, in order, and nothing is lost. Who has given it up meanwhile said so into
 * the silence, and it was longer than their machine repeats that: then the other end is half-open, believes that all is well, and
 * is told nothing until it says something itself. That is answered with a reset, by a machine that knows no such connection.
 */
export type AfterSilence = 'standing' | 'half-open at the server' | 'half-open at the client' | 'gone';

export interface Pair {
  /** Holds what is said from here on, and tells neither half of an end of the other. */
  silence(): void;
  heal(): AfterSilence;
  /** Whether something has been said on it since it fell silent, be it an end. */
  spoken(): boolean;
  /** Answers what a half-open end has said since with a reset. */
  answer(): void;
  /** Both halves, to be ended. */
  halves: readonly [near: Socket, far: Socket];
}

/** Told of what is swallowed: how many bytes, or that an end was. */
export type Swallowed = (from: 'client' | 'server', what: { bytes: number } | 'end') => void;

/** What one end may say into the silence, in bytes, before its machine takes no more of it: a window's worth. */
const WINDOW = 1 << 16;

/** One direction. */
interface Way {
  from: Socket;
  to: Socket;
  held: Buffer[];
  heldBytes: number;
  /** It has ended while nobody could hear of it. */
  ended: boolean;
  hold(chunk: Buffer): void;
}

/**
 * Joins the halves, until both are closed. Neither must have said anything yet. `through`: what the client says goes on to the server
 * by way of this; such a pair cannot be silenced.
 */
export function pair(near: Socket, far: Socket, swallowed: Swallowed, closed: () => void, through?: Writable): Pair {
  let is: 'passing' | 'silent' | 'half-open' = 'passing';
  /** The end that is half-open has said something that nobody is there to hear. */
  let unanswered: Socket | undefined;

  const way = (from: Socket, to: Socket, who: 'client' | 'server'): Way => {
    const self: Way = {
      from,
      to,
      held: [],
      heldBytes: 0,
      ended: false,
      hold(chunk) {
        self.held.push(chunk);
        self.heldBytes += chunk.length;
        swallowed(who, { bytes: chunk.length });
        if (self.heldBytes >= WINDOW) from.pause();
      },
    };
    const end = () => {
      if (is === 'half-open') unanswered = from;
      if (is !== 'silent' || self.ended) return;
      self.ended = true;
      swallowed(who, 'end');
    };
    from.pipe(from === near && through ? through : to);
    from.on('end', end);
    // A reset goes through as a reset; any other end has gone through the pipe. What is being ended already is only ended.
    from.on('error', () => {
      if (is !== 'passing') end();
      else if (to.writableEnded) to.destroy();
      else to.resetAndDestroy();
    });
    from.on('close', () => {
      if (is === 'passing' && !to.writableEnded) to.destroy();
      else if (is === 'silent') end();
      if (to.closed) closed();
    });
    return self;
  };
  const [up, down] = [way(near, far, 'client'), way(far, near, 'server')];

  return {
    halves: [near, far],
    silence() {
      is = 'silent';
      for (const { from, to, hold } of [up, down]) from.unpipe(to).on('data', hold).resume();
    },
    spoken: () => [up, down].some(({ ended, heldBytes }) => ended || heldBytes > 0),
    heal() {
      for (const { from, hold } of [up, down]) from.off('data', hold);
      if (up.ended || down.ended) {
        is = 'half-open';
        for (const { from, ended } of [up, down]) if (!ended) from.on('data', () => (unanswered = from)).resume();
        if (up.ended && down.ended) return 'gone';
        return up.ended ? 'half-open at the server' : 'half-open at the client';
      }
      is = 'passing';
      for (const { from, to, held } of [up, down]) {
        for (const chunk of held.splice(0)) to.write(chunk);
        from.pipe(to);
      }
      for (const each of [up, down]) each.heldBytes = 0;
      return 'standing';
    },
    answer() {
      if (unanswered?.writableEnded) unanswered.destroy();
      else unanswered?.resetAndDestroy();
      unanswered = undefined;
    },
  };
}

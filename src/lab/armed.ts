// A kill that waits for its moment, inside the process that it will end: at exactly this message, before exactly that write.

import { addressOf } from '../bounds/paths.ts';
import type { Watch } from '../capture/tap.ts';
import { DATA, type Sink } from '../capture/trace.ts';
import type { AnyCard } from '../protocols/index.ts';
import { Reader, WireError } from '../wire/fields.ts';
import type { Seen, Side } from '../wire/wire.ts';
import type { Moment } from './journals/disk.ts';
import type { KillOn } from './messages.ts';

/**
 * Counts the messages that pass a tap, and kills this process at the one that was named. `port`: where the server listens.
 * What passes elsewhere is data: each chunk of it counts as one `DATA`.
 */
export function armed(
  card: AnyCard,
  kill: KillOn,
  { sink, who, clock, port }: { sink: Sink; who: string; clock: () => number; port: () => number },
): Watch {
  const { wire } = card;
  let count = 0;
  /** What was read of each conversation, and begun messages, by direction and conversation. */
  const talks = new Map<string, Seen>();
  const begun = new Map<string, Buffer>();

  return (moment, over, local, conversation, bytes) => {
    // What a server says can only be read by who has read what it was told.
    if (moment !== kill.moment && moment !== 'read') return;
    if (addressOf(local).port !== port()) {
      if (moment === kill.moment && kill.kind === DATA && ++count === kill.nth) die(kill, sink, who, clock);
      return;
    }
    const side: Side = moment === 'read' ? 'client' : 'server';
    const stream = over === 'tcp';
    const seen: Seen = talks.get(conversation) ?? new Map();
    talks.set(conversation, seen);
    const way = `${side} ${conversation}`;
    const whole = stream ? Buffer.concat([begun.get(way) ?? Buffer.alloc(0), bytes]) : bytes;
    let start = 0;
    try {
      do {
        const length = stream ? wire.frame(whole, start, side, seen) : whole.length;
        if (length === undefined || start + length > whole.length) break;
        const message = wire.read(new Reader(whole, { start, end: start + length }), side, over, seen);
        if (moment === kill.moment && wire.kind(message) === kill.kind && ++count === kill.nth)
          die(kill, sink, who, clock);
        start += length;
      } while (stream && start < whole.length);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      // Not a message: whatever the server makes of it, it is not the one that is waited for. The rest of this stream is noise.
      start = whole.length;
    }
    if (stream) begun.set(way, whole.subarray(start));
  };
}

/** Counts the writes of a journal, and kills this process right after the one that was named. */
export function armedJournal(
  kill: KillOn,
  sink: Sink | undefined,
  who: string,
  clock: () => number,
): (moment: Moment) => void {
  let count = 0;
  return (moment) => {
    if (moment === kill.moment && ++count === kill.nth) die(kill, sink, who, clock);
  };
}

function die(kill: KillOn, sink: Sink | undefined, who: string, clock: () => number): never {
  sink?.({ t: clock(), who, is: 'kill', pid: process.pid, on: `${kill.moment} ${kill.nth} ${kill.kind}`.trim() });
  process.kill(process.pid, 'SIGKILL');
  // The signal is delivered before the call returns to us, on every system we know; if one day it is not, nothing may go on.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

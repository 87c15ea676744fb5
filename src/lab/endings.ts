// What a dying process leaves open, its kernel closes: all at once, and the client hears of it in an order that nothing in the run has
// decided. The same run must take the same order, so they are told as the connections were opened.

import type { LinkEvent, Trace } from '../capture/trace.ts';
import type { Path } from '../protocols/shapes.ts';

const ENDINGS: ReadonlySet<LinkEvent> = new Set(['fin sent', 'fin read', 'reset sent', 'reset read']);
/** Of these, what leaves nothing more to be heard. */
const LAST: ReadonlySet<LinkEvent> = new Set(['fin read', 'reset sent', 'reset read']);

type Ending = Trace & { is: 'link' };

function isEnding(trace: Trace | undefined): trace is Ending {
  return trace?.is === 'link' && ENDINGS.has(trace.what);
}

/** The same traces, with those endings in order that follow a kill before anything else has happened. Times stay where they are. */
export function inOrder(traces: readonly Trace[]): Trace[] {
  const ordered = [...traces];
  /** Filed under the path: a port may be used again. */
  const opened = new Map<Path, number>();
  for (const [at, trace] of traces.entries()) {
    if (trace.is === 'link' && trace.what === 'connected') opened.set(trace.local, at);
    if (trace.is !== 'kill') continue;
    const places: number[] = [];
    for (let next = at + 1; next < traces.length; next++) {
      if (isEnding(traces[next])) places.push(next);
      else if (traces[next]?.is !== 'died') break;
    }
    const endings = places.map((place) => traces[place] as Ending);
    endings.sort((one, other) => (opened.get(one.local) ?? 0) - (opened.get(other.local) ?? 0));
    for (const [index, place] of places.entries())
      ordered[place] = { ...(endings[index] as Ending), t: (traces[place] as Trace).t };
  }
  return ordered;
}

export interface Openings {
  /** To be told of all that the client's tap sees. */
  see(trace: Trace): void;
  /** Resolves when every connection that the client has open has been ended by the other side, or after so many milliseconds. */
  ended(patience: number): Promise<void>;
}

/** Follows the TCP connections of a client. */
export function openings(): Openings {
  const open = new Set<Path>();
  let none = () => {};
  return {
    see(trace) {
      if (trace.is !== 'link' || trace.over !== 'tcp') return;
      if (trace.what === 'connected') open.add(trace.local);
      if (LAST.has(trace.what)) open.delete(trace.local);
      if (open.size === 0) none();
    },
    ended(patience) {
      return new Promise((resolve) => {
        if (open.size === 0) return resolve();
        // Who reads nothing hears of no end.
        const timer = setTimeout(() => none(), patience);
        none = () => {
          clearTimeout(timer);
          none = () => {};
          resolve();
        };
      });
    },
  };
}

// What the lab and the process of a server say to each other.

import type { Bounds, Facts, Settings } from '../protocols/shapes.ts';

/**
 * A kill bound to a protocol event: at the `nth` message of `kind`, `read` by the server and not yet answered, about to be
 * `send`, or just `sent`; or at the `nth` `write` or `sync` of the journal. The victim's own tap carries it out.
 */
export interface KillOn {
  moment: 'read' | 'send' | 'sent' | 'write' | 'sync';
  nth: number;
  kind: string;
}

/** What one life is to be. */
export interface LifeOptions {
  /** The name of a protocol of ours, or the `file:` address of a module that exports a `card`. */
  protocol: string;
  design: string;
  /** Its name in the log: `echo/1`. */
  who: string;
  host: string;
  port: number;
  bounds?: Partial<Bounds>;
  /** Where a design that writes things down does so, and a server keeps files of its own. */
  folder?: string;
  settings?: Settings;
  /** Fixes time and chance. */
  seed?: number;
  /** By how much the clocks of a seeded run have been moved when this life begins, in milliseconds. */
  passed?: number;
  /** The file that the tap appends to; without it nothing is tapped. */
  trace?: string;
  /** `process.hrtime.bigint()` when the run began, in decimal. */
  origin: string;
  kill?: KillOn;
}

export type ToHost =
  | { is: 'begin'; options: LifeOptions }
  /** Go on tracing into another file, so that this one can be read to its end and removed. */
  | { is: 'trace'; path: string }
  | { is: 'forget' }
  /** Moves the clock of a seeded run forward, in milliseconds. */
  | { is: 'clock'; by: number }
  | { is: 'ping' }
  | { is: 'stop' };

export type FromHost =
  | { is: 'listening'; port: number; notes: string[]; opening: string[] }
  /** What was known before, and what is still known after: nothing, if the cut took. */
  | { is: 'forgot'; facts: Facts; left: Facts }
  /** The clock has been moved, and what that brought about is written down and said. */
  | { is: 'passed' }
  | { is: 'pong' }
  | { is: 'tracing'; path: string }
  /** `ours`: a fault of this program, not of its surroundings. */
  | { is: 'failed'; reason: string; ours: boolean; stack: string };

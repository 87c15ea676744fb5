// Time and chance, fixed for demos and real for `serve`.

import { createHash, randomBytes } from 'node:crypto';
import type { Waits, World } from '../protocols/shapes.ts';

export const REAL_WORLD: World = {
  now: Date.now,
  name: () => randomBytes(16).toString('base64url'),
};

/** When every seeded run takes place: 1 January 2026, in milliseconds since the epoch. */
const EPOCH = Date.UTC(2026, 0, 1);

/** A clock, and the one alarm that is set by it. Times in milliseconds since the epoch. */
export interface Clock {
  now(): number;
  /** Calls `ring` once when the clock has come to `at`, and no more for the time before; never for undefined. Never at once. */
  wake(at: number | undefined, ring: () => void): void;
}

/** A clock that stands still, but for when the lab moves it. */
export interface StandingClock extends Clock {
  /** Moves it forward. Each alarm on the way rings at its own time, before the next one. */
  pass(by: number): void;
}

/** The longest that Node lets a timer run, in milliseconds: about 25 days. A longer one would ring at once. */
const TIMER = 2 ** 31 - 1;

/** The clock on the wall. Its alarm keeps no process alive. */
export function realClock(): Clock {
  let timer: NodeJS.Timeout | undefined;
  return {
    now: Date.now,
    wake(at, ring) {
      clearTimeout(timer);
      if (at === undefined) return;
      const wait = () => {
        timer = setTimeout(look, Math.min(Math.max(0, at - Date.now()), TIMER)).unref();
      };
      // A timer may have been too short, and somebody may have set the clock back meanwhile.
      const look = () => (Date.now() < at ? wait() : ring());
      wait();
    },
  };
}

/** The clock of a seeded run. `passed`: by how much the run's clocks have been moved when this one is made. */
export function standingClock(passed = 0): StandingClock {
  let now = EPOCH + passed;
  let alarm: { at: number; ring: () => void } | undefined;
  /** Rings if the alarm is set to a time up to `end`; says to which it was. */
  const ringUpTo = (end: number): number | undefined => {
    if (!alarm || alarm.at > end) return undefined;
    const { at, ring } = alarm;
    alarm = undefined;
    now = Math.max(now, at);
    ring();
    return at;
  };
  return {
    now: () => now,
    wake(at, ring) {
      alarm = at === undefined ? undefined : { at, ring };
      if (alarm && alarm.at <= now) setImmediate(() => ringUpTo(now));
    },
    pass(by) {
      const end = now + by;
      for (let rung = ringUpTo(end); rung !== undefined; rung = ringUpTo(end)) {
        if (alarm?.at === rung) throw new Error('the rules were told that the time has come, and still wait for it');
      }
      now = end;
    },
  };
}

/** A world in which the same seed always rolls the same names. `part` keeps the dice of two processes apart. */
export function seededWorld(seed: number, part: string, clock: Pick<Clock, 'now'> = standingClock()): World {
  let rolls = 0;
  return {
    now: clock.now,
    name: () =>
      createHash('sha256').update(`${seed} ${part} ${rolls++}`).digest().subarray(0, 16).toString('base64url'),
  };
}

/** A whole number below `below`, from a seeded sequence (mulberry32): enough for choosing places, not for secrets. */
export function dice(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** How long an answer may take outside the lab, in milliseconds: on a stream nothing is lost, so whoever is slow is given time. */
const OVERDUE = { udp: 1_000, tcp: 30_000 };

/** How a client waits outside the lab: with timers, each longer than the one before. */
export const REAL_WAITS: Waits = {
  redial: (attempt) => new Promise((again) => setTimeout(again, Math.min(1000, attempt === 0 ? 0 : 25 * 2 ** attempt))),
  overdue: (answered, over = 'udp') =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, OVERDUE[over]);
      answered.addEventListener('abort', () => clearTimeout(timer), { once: true });
    }),
};

// Time and chance, fixed for demos and real for `serve`.

import { createHash, randomBytes } from 'node:crypto';
import type { Waits, World } from '../protocols/shapes.ts';

export const REAL_WORLD: World = {
  now: Date.now,
  name: () => randomBytes(16).toString('base64url'),
};

/** When every seeded run takes place: 1 January 2026, in milliseconds since the epoch. */
const EPOCH = Date.UTC(2026, 0, 1);

/** A world in which the same seed always rolls the same names. `part` keeps the dice of two processes apart. */
export function seededWorld(seed: number, part: string): World {
  let rolls = 0;
  return {
    now: () => EPOCH,
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

/** How a client waits outside the lab: with timers, each longer than the one before. */
export const REAL_WAITS: Waits = {
  redial: (attempt) => new Promise((again) => setTimeout(again, Math.min(1000, attempt === 0 ? 0 : 25 * 2 ** attempt))),
  overdue: (answered) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, 1000);
      answered.addEventListener('abort', () => clearTimeout(timer), { once: true });
    }),
};

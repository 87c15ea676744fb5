// How much a stranger may take of any server here.

import type { Bounds } from '../protocols/shapes.ts';

/** Sensible for a playground: far more than a lesson needs, far less than would hurt a laptop. */
export const BOUNDS: Bounds = {
  connections: 200,
  handshake: 3_000,
  idle: 600_000,
  unread: 1 << 20,
  stall: 8_000,
  rate: 50,
};

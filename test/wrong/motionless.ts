// A session client that does not move when it is told to: the path cut cuts nothing.

import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';

export const card = {
  ...right,
  connect: async (options) => ({ ...(await right.connect(options)), move: async () => {} }),
} as typeof right as AnyCard;

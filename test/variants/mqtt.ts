// A card for nothing but the three Aedes: nobody reads what is said here, so it has no words.

import { aedesInMemory, aedesOnLevel, aedesOnRedis } from '../../src/beside/aedes.ts';
import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';

export const card = {
  ...right,
  name: 'mqtt',
  calls: 'broker',
  designs: { aedes: aedesInMemory(), 'aedes-level': aedesOnLevel(), 'aedes-redis': aedesOnRedis() },
} as unknown as AnyCard;

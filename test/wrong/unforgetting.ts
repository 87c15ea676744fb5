// Rules whose empty state is always the same one: a forget hands out what was known before.

import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';

const { memory } = right.designs;
if (!memory?.rules) throw new Error('the card has lost its design memory');
const only = memory.rules.empty();

export const card = {
  ...right,
  designs: { memory: { ...memory, rules: { ...memory.rules, empty: () => only } } },
} as typeof right as AnyCard;

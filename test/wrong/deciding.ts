// Rules that change the state while they decide: nobody sees an event, and no journal could write it down.

import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';

const { memory } = right.designs;
if (!memory?.rules) throw new Error('the card has lost its design memory');
const { rules } = memory;

export const card = {
  ...right,
  designs: {
    memory: {
      ...memory,
      rules: {
        ...rules,
        decide(state, message, from, world) {
          const decision = rules.decide(state, message, from, world);
          for (const event of decision.events) rules.apply(state, event);
          return { ...decision, events: [] };
        },
      },
    },
  },
} as typeof right as AnyCard;

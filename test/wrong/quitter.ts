// A session server whose process ends by itself when it hears the second DATA.

import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';

let heard = 0;

export const card = {
  ...right,
  serve(keeper, ...rest) {
    return right.serve(
      {
        hear(from, messages) {
          for (const { type } of messages) if (type === 'DATA' && ++heard === 2) process.exit(7);
          return keeper.hear(from, messages);
        },
        part: (from) => keeper.part(from),
        refuse: (to, message) => keeper.refuse(to, message),
        bye: (to) => keeper.bye(to),
        greet: (to) => keeper.greet(to),
        learn: (from, outcome) => keeper.learn(from, outcome),
        attach: (mouth) => keeper.attach(mouth),
      },
      ...rest,
    );
  },
} as typeof right as AnyCard;

// A session server that does not mind its own boundary: bytes that are no message end the whole process.

import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';
import { WireError } from '../../src/wire/fields.ts';

export const card = {
  ...right,
  serve(keeper, ...rest) {
    return right.serve(
      {
        hear: (from, messages) => keeper.hear(from, messages),
        part: (from) => keeper.part(from),
        bye: (to) => keeper.bye(to),
        greet: (to) => keeper.greet(to),
        learn: (from, outcome) => keeper.learn(from, outcome),
        refuse() {
          throw new WireError('nobody expected this', 0);
        },
        attach: (mouth) => keeper.attach(mouth),
      },
      ...rest,
    );
  },
} as typeof right as AnyCard;

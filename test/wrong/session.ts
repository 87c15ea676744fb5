// What the wrong session servers share: the right card, and one place to change it.

import type { AnyCard } from '../../src/protocols/index.ts';
import type { Keeper } from '../../src/protocols/shapes.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';
import type { Message } from '../../src/protocols/tcp-session/wire.ts';

/** The session server with other words in its mouth. */
export function sessionSaying(twist: (bytes: Buffer) => Buffer): AnyCard {
  return {
    ...right,
    serve(keeper, ...rest) {
      const twisted: Keeper<Message> = {
        hear: (from, messages) => keeper.hear(from, messages),
        part: (from) => keeper.part(from),
        refuse: (to, message) => keeper.refuse(to, message),
        bye: (to) => keeper.bye(to),
        greet: (to) => keeper.greet(to),
        learn: (from, outcome) => keeper.learn(from, outcome),
        attach: (mouth) =>
          keeper.attach({ hangUp: (to) => mouth.hangUp(to), say: (to, bytes) => mouth.say(to, twist(bytes)) }),
      };
      return right.serve(twisted, ...rest);
    },
  } as typeof right as AnyCard;
}

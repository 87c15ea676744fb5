// What the wrong echo servers share: the right card, and one place to change it.

import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/udp-echo/index.ts';

/** The echo server with other words in its mouth: `twist` is given each payload, and says nothing when it returns undefined. */
export function echoSaying(twist: (payload: Buffer) => Buffer | undefined): AnyCard {
  const serve: typeof right.serve = (keeper, ...rest) =>
    right.serve(
      {
        hear: (from, messages) => keeper.hear(from, messages),
        part: (from) => keeper.part(from),
        refuse: (to, message) => keeper.refuse(to, message),
        bye: (to) => keeper.bye(to),
        greet: (to) => keeper.greet(to),
        learn: (from, outcome) => keeper.learn(from, outcome),
        attach: (mouth) =>
          keeper.attach({
            hangUp: (to) => mouth.hangUp(to),
            say(to, bytes) {
              const said = twist(bytes);
              if (said) mouth.say(to, said);
            },
          }),
      },
      ...rest,
    );
  return { ...right, serve } as AnyCard;
}

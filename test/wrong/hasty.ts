// Wrong: it answers first and writes down afterwards, so an acknowledgement promises what a kill can still take.

import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';

/** What the keeper does when a turn is over, as it looks from inside. */
interface Inside {
  answers: { ready(): unknown[] };
  act(answer: unknown): void;
  startWriting(): void;
}

const serve: typeof right.serve = (keeper, ...rest) => {
  const inside = keeper as unknown as Inside;
  const { startWriting } = inside;
  inside.startWriting = () => {
    for (const answer of inside.answers.ready()) inside.act(answer);
    startWriting.call(inside);
  };
  return right.serve(keeper, ...rest);
};

export const card = { ...right, serve } as AnyCard;

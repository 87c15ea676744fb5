// A session server whose sessions have an end of their own: at one o'clock, told to whoever speaks for them.

import type { AnyCard } from '../../src/protocols/index.ts';
import type { Rules } from '../../src/protocols/shapes.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';
import { type Event, rulesFor, type State } from '../../src/protocols/tcp-session/state.ts';
import { type Message, RESET } from '../../src/protocols/tcp-session/wire.ts';

/** An hour after every seeded run begins. */
export const END = Date.UTC(2026, 0, 1, 1);

export const rules: Rules<State, Message, Event> = {
  ...rulesFor('token'),
  due: ({ sessions }) => (sessions.size > 0 ? END : undefined),
  pass: ({ sessions, speakers }, world) => {
    if (world.now() < END) throw new Error('it was woken too early');
    return {
      events: [...sessions.keys()].map((key): Event => ({ is: 'evicted', key })),
      actions: [...speakers.keys()].flatMap((to) => [
        { to, say: { type: 'RESET', code: RESET.unknownSession } as Message },
        { to, hangUp: true as const },
      ]),
    };
  },
};

const designs = { memory: { ...right.designs.memory, rules }, disk: { ...right.designs.disk, rules } };

export const card = { ...right, designs } as AnyCard;

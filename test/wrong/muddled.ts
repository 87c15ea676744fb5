// Wrong: after a resume it has as many bytes as it acknowledged, but another digest: not those bytes, in that order, once.

import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';
import type { Event, State } from '../../src/protocols/tcp-session/state.ts';

const { disk } = right.designs;
if (!disk?.rules) throw new Error('there is no tcp-session/disk');
const { rules } = disk;

function apply(state: State, event: Event): void {
  rules.apply(state, event);
  const session = event.is === 'resumed' ? state.sessions.get(event.key) : undefined;
  if (session) session.digest = ~session.digest;
}

export const card = { ...right, designs: { disk: { ...disk, rules: { ...rules, apply } } } } as AnyCard;

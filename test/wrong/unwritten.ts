// Wrong: it writes down who opened a session and when it ended, but not what was delivered in between.

import type { AnyCard } from '../../src/protocols/index.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';
import type { Event } from '../../src/protocols/tcp-session/state.ts';

const { disk } = right.designs;
if (!disk?.rules) throw new Error('there is no tcp-session/disk');
const { rules } = disk;
const lasting = (event: Event) => event.is !== 'delivered' && rules.lasting(event);

export const card = { ...right, designs: { disk: { ...disk, rules: { ...rules, lasting } } } } as AnyCard;

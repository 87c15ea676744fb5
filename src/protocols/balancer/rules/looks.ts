// What is known of the servers behind, and how it changes: by a look at them, by a request that failed, by the list.

import type { World } from '../../shapes.ts';
import type { Event, Outcome, State } from '../state.ts';
import type { Member } from './members.ts';

/** From one look at the servers to the next, in milliseconds. */
const EVERY = 1_000;

/** Those that have failed get no more requests until a look finds them well. */
export function sick(state: State, failed: readonly string[]): Event[] {
  return failed
    .filter((name) => state.backends.get(name)?.health === 'well')
    .map((name) => ({ is: 'health', name, health: 'sick' }));
}

/** What a look has shown that was not known. */
export function seen(state: State, { well, sick, members, wrong }: Outcome & { is: 'looked' }, world: World): Event[] {
  const events: Event[] = [{ is: 'looked', next: world.now() + EVERY }];
  for (const [names, health] of [
    [well, 'well'],
    [sick, 'sick'],
  ] as const)
    for (const name of names)
      if ((state.backends.get(name)?.health ?? health) !== health) events.push({ is: 'health', name, health });
  if (wrong !== undefined) {
    if (wrong !== state.wrong) events.push({ is: 'misread', wrong });
  } else if (members && (state.wrong !== undefined || !sameList(members, state))) {
    events.push({ is: 'listed', members });
  }
  return events;
}

function sameList(members: readonly Member[], { backends }: State): boolean {
  const before = [...backends.values()];
  return (
    members.length === before.length &&
    members.every(({ name, address, draining }, nth) => {
      const other = before[nth];
      return other?.name === name && other.address === address && other.draining === draining;
    })
  );
}

// Session servers as somebody else might have written them: the lab can start and kill them, and knows nothing of what is inside.

import { join } from 'node:path';
import { diskJournal } from '../../src/lab/journals/disk.ts';
import { StateKeeper } from '../../src/lab/keeper.ts';
import { REAL_WORLD } from '../../src/lab/world.ts';
import type { AnyCard } from '../../src/protocols/index.ts';
import type { Beside } from '../../src/protocols/shapes.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';
import { type Event, rulesFor, type State } from '../../src/protocols/tcp-session/state.ts';

const runs =
  (filedUnder: 'path' | 'token', disk: boolean): Beside['runs'] =>
  async (at, { folder }) => {
    const journal = disk ? await diskJournal<State, Event>({ folder: join(folder, 'theirs') }) : undefined;
    const rules = rulesFor(filedUnder);
    const { keeper } = await StateKeeper.open({
      rules,
      wire: right.wire,
      world: REAL_WORLD,
      transport: 'tcp',
      journal,
    });
    return right.serve(keeper, at);
  };

const told = { tells: 'somebody else’s', promises: 'whatever they promise' };

export const card = {
  ...right,
  designs: {
    memory: { ...told, holds: 'memory', runs: runs('token', false) },
    connection: { ...told, holds: 'memory', runs: runs('path', false) },
    disk: { ...told, holds: 'disk', runs: runs('token', true) },
  } satisfies Record<string, Beside>,
} as unknown as AnyCard;

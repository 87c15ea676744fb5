// Watching one exercise while its learner writes: what is saved is checked again, and a key is enough for the rest.

import { readdirSync, watch as watchFolder } from 'node:fs';
import type { Entry } from '../../../demos/exercises/index.ts';
import { UsageError } from '../errors.ts';
import { untilStopped } from '../running.ts';
import { type Asked, checkOne } from './check.ts';

/** Editors write a file in several steps: it is looked at when nothing has happened for so long, in milliseconds. */
const SETTLED = 150;

const KEYS = '  h hint · l list · n next · r reset (yours is kept) · q quit';

export interface Acts {
  list(): void;
  hint(at: Entry): Promise<number>;
  reset(at: Entry): number;
  /** Begins the exercise that follows, and returns it. */
  next(at: Entry): Promise<Entry>;
}

/** Checks now and after each save, until somebody quits. Resolves to the exit code of the last check. */
export async function watch(first: Entry, asked: Asked, acts: Acts): Promise<number> {
  const { folder, out } = asked;
  let entry = first;
  let code = 0;
  let fault: Error | undefined;
  /** The check that is going on; what is saved meanwhile is checked after it. */
  let going: Promise<void> | undefined;
  let isAskedAgain = false;
  /** What was there when a check began, and what has come about during one: that is the server's, and nobody has saved it. */
  let before = new Set<string>();
  const made = new Set<string>();
  let stop = () => {};

  const check = () => {
    if (going) {
      isAskedAgain = true;
      return;
    }
    going = (async () => {
      do {
        isAskedAgain = false;
        if (!folder.isBegun(entry.id))
          throw new UsageError(
            `${folder.show(entry.id)} is not there any more. Type: amnesia exercise start ${entry.id}`,
          );
        before = new Set(readdirSync(folder.of(entry.id)));
        clear();
        code = await checkOne(entry, asked);
        keys();
      } while (isAskedAgain);
    })()
      .catch((error: Error) => {
        fault = error;
      })
      .finally(() => {
        going = undefined;
      });
  };

  const look = () => {
    stop();
    made.clear();
    let timer: NodeJS.Timeout | undefined;
    const watcher = watchFolder(folder.of(entry.id), (_event, name) => {
      if (going && name !== null && !before.has(name)) made.add(name);
      if (name !== null && made.has(name)) return;
      clearTimeout(timer);
      timer = setTimeout(check, SETTLED);
    });
    watcher.on('error', (error) => {
      fault = error;
    });
    stop = () => {
      clearTimeout(timer);
      watcher.close();
    };
  };

  const keys = () => out.print([{ text: KEYS, style: 'dim' }]);
  /** After a word that is to be read, and not while a check is at it. */
  const said = (act: () => unknown) => async () => {
    await going;
    clear();
    await act();
    keys();
  };

  look();
  check();
  try {
    await untilStopped({
      signal: new Promise(() => {}),
      fault: () => fault,
      keys: {
        h: said(() => acts.hint(entry)),
        l: said(acts.list),
        n: async () => {
          await going;
          clear();
          entry = await acts.next(entry);
          look();
          keys();
        },
        r: said(() => acts.reset(entry)),
      },
    });
  } finally {
    stop();
    await going;
  }
  return code;
}

/** An empty screen, and what was on it above. */
function clear(): void {
  process.stdout.write('\u001b[2J\u001b[3J\u001b[H');
}

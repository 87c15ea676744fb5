import { existsSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Whether the module at this address is the one that Node was started with. `file` is what it is called: in the packed build
 * many modules share one file, and only one of them was meant.
 */
export function ranDirectly(address: string, file: string): boolean {
  const started = process.argv[1];
  // With `node --eval` the first argument need not be a file at all.
  if (started === undefined || !existsSync(started)) return false;
  const path = realpathSync(started);
  return path === fileURLToPath(address) && basename(path).startsWith(`${file}.`);
}

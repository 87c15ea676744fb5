import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Whether the module at this address is the one that Node was started with. */
export function ranDirectly(address: string): boolean {
  const started = process.argv[1];
  return started !== undefined && realpathSync(started) === fileURLToPath(address);
}

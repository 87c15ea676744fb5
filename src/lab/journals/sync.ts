// How far what a disk design promises has got when it answers: to the device, or only to the operating system.

import { type Beside, SettingError, type Settings } from '../../protocols/shapes.ts';

/**
 * `device`: synced before any answer, so a power cut takes nothing that was promised, as far as the disk keeps its word. `os`: written
 * to the kernel and not synced, so a kill of the process takes nothing, and a power cut may.
 */
export const SYNCS = ['device', 'os'] as const;
export type Sync = (typeof SYNCS)[number];

/** The setting `sync`, `device` unless given. Throws a {@link SettingError} for any other word. */
export function syncOf({ sync = 'device' }: Settings): Sync {
  const known = SYNCS.find((each) => each === sync);
  if (!known) throw new SettingError(`"${sync}" is no way to sync: --sync takes ${SYNCS.join(' or ')}`);
  return known;
}

/** What an answer of this design promises with these settings. */
export function promiseOf({ holds, promises }: Pick<Beside, 'holds' | 'promises'>, settings: Settings): string {
  if (holds !== 'disk' || syncOf(settings) === 'device') return promises;
  return 'with --sync os an answer promises that what it says is written, and not that the disk has it: it survives a kill of the server, and not a power cut';
}

// Which files of a folder this process holds open: what a test leaves behind can be counted.

import { readdirSync, readlinkSync } from 'node:fs';

/** Their paths. Only Linux can say; elsewhere none. */
export function openFilesBelow(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      // The one that has just read this folder.
      return [];
    }
  });
}

// What must not outlive this process, however it ends: its children and its temporary folders. A SIGKILL of ours is covered
// too, as far as children go: a host ends when the channel to its lab closes.

import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How each of them is ended. */
const children = new Map<ChildProcess, () => void>();
const folders = new Set<string>();

process.once('exit', () => {
  for (const end of children.values()) end();
  // A child that is just being killed may still hold or make files there.
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
});

/** Takes charge of a child until it has ended. `end`: for one that has children of its own. */
export function adopt(child: ChildProcess, end: () => void = () => void child.kill('SIGKILL')): void {
  children.set(child, end);
  child.once('exit', () => children.delete(child));
}

/** A folder of its own for whoever asks, and the way to be rid of it. `within`: where the system has such folders, unless given. */
export function temporaryFolder(within = tmpdir()): { path: string; remove(): Promise<void> } {
  // In one breath: this process may end at any moment, and then must know of every folder there is.
  const path = mkdtempSync(join(within, 'amnesia-'));
  folders.add(path);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true });
      folders.delete(path);
    },
  };
}

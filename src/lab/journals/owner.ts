// One folder, one server. Two that append to the same journal would each break the other's promises.

import { createHash } from 'node:crypto';
import { lstat, open, realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { JournalError } from './error.ts';

/**
 * Takes the folder for this process, until the returned function is called or the process dies.
 *
 * A lock file would outlive a SIGKILL, and the number of a dead process may be given to another one. A listening socket dies
 * with its owner, whatever kills it: who can still connect to it has found a living owner. Rejects with a JournalError then.
 */
export async function own(folder: string): Promise<() => Promise<void>> {
  const door = await doorOf(folder);
  for (;;) {
    const server = createServer((visitor) => visitor.destroy()).unref();
    if (await listens(server, door)) return () => new Promise((closed) => server.close(() => closed()));
    if (await somebodyHome(door)) {
      throw new JournalError(
        `${folder} is in use by another server: stop that one, or give another folder with --state-dir`,
      );
    }
    await clearAway(folder, door);
  }
}

/** Where the owner listens: a socket in the folder, or a named pipe on Windows, where it goes away by itself. */
async function doorOf(folder: string): Promise<string> {
  const real = await realpath(folder);
  const name = createHash('sha256').update(real).digest('hex').slice(0, 24);
  if (process.platform === 'win32') return `\\\\.\\pipe\\amnesia-${name}`;
  const door = join(real, 'owner');
  // The address of a Unix socket holds about 100 bytes (unix(7)); the socket of a deeper folder stands in the common one.
  return Buffer.byteLength(door) < 100 ? door : join('/tmp', `amnesia-${name}`);
}

function listens(server: Server, door: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(new JournalError(`${door} cannot be made: is the folder writable?`, { cause: error }));
    });
    server.listen(door, () => resolve(true));
  });
}

function somebodyHome(door: string): Promise<boolean> {
  return new Promise((resolve) => {
    const visit = connect(door, () => {
      visit.destroy();
      resolve(true);
    });
    // Only these two mean that nobody listens. An owner that is too busy to answer, or another person's, is an owner.
    visit.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

/**
 * Removes what a killed owner left. Two servers that both found it dead must not remove each other's fresh socket, so only
 * one at a time may clear away, and it looks again before it does.
 */
async function clearAway(folder: string, door: string): Promise<void> {
  const broom = join(folder, 'clearing');
  const held = await open(broom, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST')
      throw new JournalError(`${broom} cannot be made: is the folder writable?`, { cause: error });
    throw new JournalError(
      `another server is taking over ${folder} at this moment: try again, and if that does not help, remove ${broom}`,
    );
  });
  try {
    if (await somebodyHome(door)) return;
    // Whatever else goes by this name belongs to the person who chose the folder.
    const found = await lstat(door).catch(() => undefined);
    if (found && !found.isSocket())
      throw new JournalError(`${door} is not ours: move it away, or give another folder with --state-dir`);
    await rm(door, { force: true });
  } finally {
    await held.close();
    await rm(broom);
  }
}

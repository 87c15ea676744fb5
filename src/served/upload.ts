// What becomes of a file while it arrives: nothing by its name until all of it is on the disk.

import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { copyFile, type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { checked, FolderError, folderError, NO_FOLLOW, type Pin, type Root } from './within.ts';

/** How much may be added below a root. Taken before it is written, and given back when it goes. */
export interface Budget {
  bytes: number;
  names: number;
}

/** Takes from the budget, or throws a FolderError 'quota' and takes nothing. */
export function take(budget: Budget, bytes: number, names: number): void {
  if (bytes > budget.bytes || names > budget.names) throw new FolderError('quota');
  budget.bytes -= bytes;
  budget.names -= names;
}

export function giveBack(budget: Budget, bytes: number, names: number): void {
  budget.bytes += bytes;
  budget.names += names;
}

/** What a file gives back when its name goes: nothing of its bytes when it has another name. */
export function giveBackFile(budget: Budget, stats: Stats): void {
  giveBack(budget, stats.isFile() && stats.nlink === 1 ? stats.size : 0, 1);
}

/** A file on its way in. */
export interface Upload {
  /** The absolute name that it will have. */
  readonly path: string;
  /** How many bytes of the file that was there before are kept in front of what arrives. */
  readonly start: number;
  /** Adds to its end; one call at a time. Rejects with a FolderError, of kind 'quota' or 'full' for instance. */
  write(chunks: readonly Buffer[]): Promise<void>;
  /** Gives it its name, once its bytes and then the name are on the disk. Nothing is left of it when that is refused. */
  commit(): Promise<void>;
  /** Removes what there is of it. Does nothing after {@link commit}, and nothing twice. */
  abort(): Promise<void>;
}

export interface Beginning {
  root: Root;
  budget: Budget;
  path: string;
  /** The folder it goes to; released when the upload is over. */
  folder: Pin;
  name: string;
  /** What stands in front of what arrives: the first `bytes` of this file, which is held open meanwhile. */
  kept?: { from: string; bytes: number };
  /** Refused when the name is taken by then. */
  unique: boolean;
  /** One change of names at a time. */
  inTurn: <T>(act: () => Promise<T>) => Promise<T>;
  /** Told once, when it is over in one way or the other. */
  over: () => void;
}

/**
 * Opens `.part-<random>` in the folder.
 *
 * To resume, or to append, what is there is copied into the part first. To write behind it in place would be quicker, but then a
 * resume that fails leaves a file of neither the old content nor the new one, and readers meanwhile get something in between.
 * Where the file system can share blocks (btrfs, XFS, APFS), the copy takes no time and no room.
 */
export async function beginUpload(beginning: Beginning): Promise<Upload> {
  const { root, budget, path, folder, name, kept, unique, inTurn } = beginning;
  const partName = `.part-${randomBytes(16).toString('hex')}`;
  const part = folder.at(partName);
  let charged = 0;
  const charge = (bytes: number) => {
    take(budget, bytes, 0);
    charged += bytes;
  };
  /** The life of it: bytes are taken while it is open, and both ends of it are final. */
  let life: 'open' | 'committing' | 'over' = 'open';
  let removing: Promise<void> | undefined;

  let handle: FileHandle | undefined;
  const remove = async () => {
    // close() waits for a write that is under way.
    await handle?.close();
    await rm(part, { force: true });
    giveBack(budget, charged, 0);
    await folder.release();
    beginning.over();
  };

  try {
    const { O_WRONLY, O_CREAT, O_EXCL, COPYFILE_EXCL, COPYFILE_FICLONE } = constants;
    if (kept) {
      charge(kept.bytes);
      await copyFile(kept.from, part, COPYFILE_EXCL | COPYFILE_FICLONE);
    }
    handle = await open(part, O_WRONLY | NO_FOLLOW | (kept ? 0 : O_CREAT | O_EXCL));
    const { size } = checked(handle, root, `${folder.real}/${partName}`);
    if (kept && size < kept.bytes) throw new FolderError('beyond');
    if (kept) await handle.truncate(kept.bytes);
  } catch (error) {
    await remove();
    throw folderError(error);
  }
  const file = handle;
  const start = kept?.bytes ?? 0;
  let end = start;
  /** Bytes are sent on to the disk while more of them arrive, so that little is left to wait for at the end. */
  let flushed = start;
  let flushing: Promise<void> | undefined;
  const flush = () => {
    if (flushing || end - flushed < FLUSH) return;
    flushed = end;
    flushing = file.datasync().then(() => {
      flushing = undefined;
    });
    // A disk that fails tells it once, and commit() must hear of it.
    flushing.catch(() => {});
  };

  return {
    path,
    start,
    async write(chunks) {
      if (life !== 'open') throw new Error('nothing can be added to an upload that is over');
      charge(chunks.reduce((sum, { length }) => sum + length, 0));
      try {
        end = await writeAll(file, chunks, end);
        flush();
      } catch (error) {
        throw folderError(error);
      }
    },
    async commit() {
      if (life !== 'open') throw new Error('an upload is over once');
      life = 'committing';
      try {
        await flushing;
        await file.sync();
        await inTurn(async () => {
          // The folder may have been moved by another client meanwhile, and with it the name.
          if (!folder.stays()) throw new FolderError('missing');
          const target = folder.at(name);
          const before = await lstat(target).catch((error: NodeJS.ErrnoException) => {
            if (error.code !== 'ENOENT') throw error;
          });
          if (before && unique) throw new FolderError('exists');
          if (before?.isDirectory()) throw new FolderError('isFolder');
          // A link that leads out, a device: not there for a client, and not to be lost through one.
          if (before && !before.isFile()) throw new FolderError('denied');
          if (budget.names < 1 && !before) throw new FolderError('quota');
          await rename(part, target);
          charged = 0;
          if (before) giveBackFile(budget, before);
          take(budget, 0, 1);
        });
        await syncFolder(folder);
        await file.close();
        await folder.release();
        beginning.over();
      } catch (error) {
        removing = remove();
        await removing;
        throw folderError(error);
      } finally {
        life = 'over';
      }
    },
    async abort() {
      if (life === 'open') {
        life = 'over';
        removing = remove();
      }
      await removing;
    },
  };
}

/** How many bytes are written before the disk is asked to take them for good. */
const FLUSH = 16 << 20;

/** Writes all chunks at a position; a disk that is nearly full may take only a part of them at first. Returns where it ended. */
async function writeAll(file: FileHandle, chunks: readonly Buffer[], position: number): Promise<number> {
  let rest = chunks;
  let at = position;
  while (rest.length > 0) {
    let { bytesWritten } = await file.writev(rest as Buffer[], at);
    at += bytesWritten;
    const first = rest.findIndex(({ length }) => {
      if (bytesWritten < length) return true;
      bytesWritten -= length;
      return false;
    });
    if (first === -1) break;
    rest = [(rest[first] as Buffer).subarray(bytesWritten), ...rest.slice(first + 1)];
  }
  return at;
}

/** The name is part of the folder: without this, a power cut could lose a file whose bytes are all there. Not known to Windows. */
async function syncFolder(folder: Pin): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder.self, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

// The files that a server serves: one folder of this machine, seen through absolute names that begin at its root.

import { hash, randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, opendir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Budget, beginUpload, giveBack, giveBackFile, take, type Upload } from './upload.ts';
import {
  assertNameable,
  checked,
  FolderError,
  folderError,
  inFolder,
  NO_BLOCK,
  NO_FOLLOW,
  nameBelow,
  nameOf,
  PART,
  type Pin,
  parentOf,
  pin,
  pinned,
  type Root,
  realOf,
  rootAt,
} from './within.ts';

export type { Upload } from './upload.ts';
export { FolderError, type FolderErrorKind, resolve } from './within.ts';

/** A file or a folder, as a client may know it. */
export interface Entry {
  kind: 'file' | 'folder';
  /** The last part of `path`; '' for the root. */
  name: string;
  path: string;
  /** In bytes; 0 for a folder. */
  size: number;
  /** When it was changed last, in milliseconds since 1970. */
  mtime: number;
  /** The same for all names of one file that a link inside the root gives it; 16 hexadecimal digits. */
  id: string;
}

/** A file that is open for reading. Whoever opened it closes it. */
export interface Source {
  readonly entry: Entry;
  /** Where the reader wants to begin. */
  readonly offset: number;
  /** Reads at most `into.length` bytes from `position` of the file on; 0 at its end. */
  read(into: Buffer, position: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * All names are absolute, as {@link resolve} makes them. Everything rejects with a {@link FolderError}: 'missing' for what is
 * not there or leads out of the root, 'denied' where this machine says so, 'other' with its cause for what nobody expects.
 */
export interface Folder {
  stat(path: string): Promise<Entry>;
  /** The entries of a folder by name, in the order of their UTF-16 code units. Rejects at the first step when it is none. */
  list(path: string): AsyncIterable<Entry>;
  /** Rejects with 'isFolder', or with 'beyond' when the file is shorter than `offset`. */
  read(path: string, offset?: number): Promise<Source>;
  /**
   * Begins an upload. `offset` keeps that many bytes of the file that is there, `append` all of them; `unique` gives it the
   * first free name of `name`, `name.1`, `name.2` …
   */
  write(path: string, how?: { offset?: number; append?: boolean; unique?: boolean }): Promise<Upload>;
  makeFolder(path: string): Promise<void>;
  /** Rejects with 'notEmpty'. The root stays. */
  removeFolder(path: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** Gives something another name; a file may take the name of another file, which is gone then. Both names are checked. */
  rename(from: string, to: string): Promise<void>;
}

export interface FolderOptions {
  /** How many bytes clients may add below the root in sum; what they remove is given back. Parts of uploads count. 1 GiB. */
  quota?: number;
  /** How many files and folders they may add. 100,000. */
  names?: number;
}

/** Opens the folder `folder` of this machine. Rejects with a FolderError when there is none. */
export async function openFolder(folder: string, options: FolderOptions = {}): Promise<Folder> {
  const root = await rootAt(folder).catch((error) => {
    throw folderError(error);
  });
  await inFolder(root, '/', async () => {});
  const budget: Budget = { bytes: options.quota ?? 2 ** 30, names: options.names ?? 100_000 };
  /** Names that were promised to uploads which are still under way, as paths on this machine. */
  const promised = new Set<string>();

  /** Names change one at a time, so that no client finds a name taken between its check and its use by another client. */
  let before: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const mine = before.then(act);
    before = mine.catch(() => {});
    return mine;
  };

  /** What a name stands for, where it is to be removed or renamed: a link itself, and not what it leads to. */
  const named = async (held: Pin, path: string): Promise<Stats> => {
    // What a client cannot see is not there for it to remove either.
    await realOf(root, path);
    return lstat(held.at(nameOf(path)));
  };

  return {
    stat: (path) => pinned(root, path, async (held) => entryOf(root, path, held.real, held.stats)),

    list: (path) => entriesOf(root, path),

    async read(path, offset = 0) {
      const { handle, stats, real } = await openFile(root, path);
      if (offset > stats.size) {
        await handle.close();
        throw new FolderError('beyond');
      }
      return {
        entry: entryOf(root, path, real, stats),
        offset,
        async read(into, position) {
          const { bytesRead } = await handle.read(into, 0, into.length, position).catch(rethrow);
          return bytesRead;
        },
        close: () => handle.close(),
      };
    },

    async write(path, how = {}) {
      assertNameable(path);
      // A link inside the root is followed: what is replaced is the file that it leads to.
      const found = how.unique ? undefined : await realOf(root, path).catch(unlessMissing);
      const target = found ? nameBelow(root, found) : path;
      const folder = await pin(root, parentOf(target));
      let begun = false;
      let old: Awaited<ReturnType<typeof openFile>> | undefined;
      try {
        if (!folder.stats.isDirectory()) throw new FolderError('notFolder');
        const name = how.unique ? await freeName(folder, nameOf(path), promised) : nameOf(target);
        const there = await lstat(folder.at(name)).catch(unlessMissing);
        if (there?.isDirectory()) throw new FolderError('isFolder');
        if (there && !there.isFile()) throw new FolderError('denied');
        const wanted = how.append ? (there?.size ?? 0) : (how.offset ?? 0);
        if (wanted > 0) {
          if (!there || there.size < wanted) throw new FolderError('beyond');
          old = await openFile(root, target);
        }
        const own = `${folder.real}/${name}`;
        if (how.unique) promised.add(own);
        begun = true;
        return await beginUpload({
          root,
          budget,
          path: how.unique ? `${path.slice(0, path.lastIndexOf('/'))}/${name}` : path,
          folder,
          name,
          ...(old ? { kept: { from: root.proc ? `/proc/self/fd/${old.handle.fd}` : old.real, bytes: wanted } } : {}),
          unique: how.unique ?? false,
          inTurn,
          over: () => how.unique && promised.delete(own),
        });
      } catch (error) {
        if (!begun) await folder.release();
        throw folderError(error);
      } finally {
        await old?.handle.close();
      }
    },

    async makeFolder(path) {
      if (path === '/') throw new FolderError('exists');
      assertNameable(path);
      await inTurn(() =>
        inFolder(root, parentOf(path), async (held) => {
          take(budget, 0, 1);
          await mkdir(held.at(nameOf(path))).catch((error) => {
            giveBack(budget, 0, 1);
            throw error;
          });
        }),
      );
    },

    async removeFolder(path) {
      if (path === '/') throw new FolderError('denied');
      await inTurn(() =>
        inFolder(root, parentOf(path), async (held) => {
          const stats = await named(held, path);
          if (!stats.isDirectory()) throw new FolderError('notFolder');
          await inFolder(root, path, removeStaleParts);
          await rmdir(held.at(nameOf(path)));
          giveBack(budget, 0, 1);
        }),
      );
    },

    async removeFile(path) {
      if (path === '/') throw new FolderError('isFolder');
      await inTurn(() =>
        inFolder(root, parentOf(path), async (held) => {
          const stats = await named(held, path);
          if (stats.isDirectory()) throw new FolderError('isFolder');
          await unlink(held.at(nameOf(path)));
          giveBackFile(budget, stats);
        }),
      );
    },

    async rename(from, to) {
      if (from === '/' || to === '/' || to.startsWith(`${from}/`)) throw new FolderError('denied');
      assertNameable(to);
      await inTurn(() =>
        inFolder(root, parentOf(from), (here) =>
          inFolder(root, parentOf(to), async (there) => {
            const moved = await named(here, from);
            const taken = await lstat(there.at(nameOf(to))).catch(unlessMissing);
            // On a file system that does not tell A from a, the name that is taken may be the one that is given up.
            const same = taken?.ino === moved.ino && taken.dev === moved.dev;
            if (taken && !same) {
              if (taken.isDirectory() || moved.isDirectory()) throw new FolderError('exists');
              if (!taken.isFile()) throw new FolderError('denied');
            }
            await rename(here.at(nameOf(from)), there.at(nameOf(to)));
            if (taken && !same) giveBackFile(budget, taken);
          }),
        ),
      );
    },
  };
}

function entryOf(root: Root, path: string, real: string, stats: Stats): Entry {
  const folder = stats.isDirectory();
  return {
    kind: folder ? 'folder' : 'file',
    name: nameOf(path),
    path,
    size: folder ? 0 : stats.size,
    mtime: Math.floor(stats.mtimeMs),
    // Not the inode: it would be another one on the next machine, for the same tree.
    id: hash('sha256', nameBelow(root, real)).slice(0, 16),
  };
}

/** Opens a file for reading, and gives it to nobody before it is known to be the one that was checked. */
async function openFile(root: Root, path: string): Promise<{ handle: FileHandle; stats: Stats; real: string }> {
  const real = await realOf(root, path);
  // Without waiting: it may be a FIFO, which nobody will ever write to.
  const handle = await open(real, constants.O_RDONLY | NO_FOLLOW | NO_BLOCK).catch(rethrow);
  try {
    const stats = checked(handle, root, real);
    if (stats.isDirectory()) throw new FolderError('isFolder');
    return { handle, stats, real };
  } catch (error) {
    await handle.close();
    throw folderError(error);
  }
}

/** Names that are sorted in one go: about a millisecond of work. */
const RUN = 4096;
/** Files that are looked at together. */
const TOGETHER = 32;

/**
 * The entries of a folder. Names are kept and sorted as they come, a run at a time, and entries are looked up as they are asked
 * for, so that a folder of a hundred thousand files keeps nobody else waiting.
 */
async function* entriesOf(root: Root, path: string): AsyncGenerator<Entry> {
  const held = await pin(root, path);
  try {
    if (!held.stats.isDirectory()) throw new FolderError('notFolder');
    const runs: string[][] = [];
    let run: string[] = [];
    for await (const { name } of await opendir(held.self, { bufferSize: 256 })) {
      // No line of a listing could hold such a name, and no command could say it.
      if (PART.test(name) || /[\r\n]/.test(name)) continue;
      if (run.push(name) === RUN) {
        runs.push(run.sort());
        run = [];
        await nextTurn();
      }
    }
    runs.push(run.sort());
    const prefix = path === '/' ? '/' : `${path}/`;
    let together: Promise<Entry | undefined>[] = [];
    const look = async (name: string): Promise<Entry | undefined> => {
      const stats = await lstat(held.at(name)).catch(unlessMissing);
      const own = prefix + name;
      if (stats?.isFile() || stats?.isDirectory()) return entryOf(root, own, `${held.real}/${name}`, stats);
      // A link inside the root is what it leads to; all else is not there.
      if (!stats?.isSymbolicLink()) return undefined;
      return pinned(root, own, async (led) => entryOf(root, own, led.real, led.stats)).catch(unlessMissing);
    };
    for (const name of merged(runs)) {
      if (together.push(look(name)) < TOGETHER) continue;
      for (const entry of await Promise.all(together)) if (entry) yield entry;
      together = [];
    }
    for (const entry of await Promise.all(together)) if (entry) yield entry;
  } catch (error) {
    throw folderError(error);
  } finally {
    await held.release();
  }
}

/** Sorted runs as one. */
function* merged(runs: string[][]): Generator<string> {
  if (runs.length <= 1) {
    yield* runs[0] ?? [];
    return;
  }
  const half = runs.length >> 1;
  const left = merged(runs.slice(0, half));
  const right = merged(runs.slice(half));
  let [a, b] = [left.next(), right.next()];
  while (!a.done && !b.done) {
    if (a.value <= b.value) {
      yield a.value;
      a = left.next();
    } else {
      yield b.value;
      b = right.next();
    }
  }
  for (; !a.done; a = left.next()) yield a.value;
  for (; !b.done; b = right.next()) yield b.value;
}

/** Names that are tried in order; after so many, order is no help to anybody, and dice are quicker. */
const IN_ORDER = 100;

/** The first free name of name, name.1, name.2 … (STOU). */
async function freeName(folder: Pin, name: string, promised: ReadonlySet<string>): Promise<string> {
  for (let count = 0; ; count++) {
    const suffix = count < IN_ORDER ? `${count}` : randomBytes(8).toString('hex');
    const candidate = count === 0 ? name : `${name}.${suffix}`;
    if (promised.has(`${folder.real}/${candidate}`)) continue;
    if (!(await lstat(folder.at(candidate)).catch(unlessMissing))) return candidate;
  }
}

/** A part that nobody has written to for so long was left by a server that was killed: a transfer stalls much sooner. */
const STALE = 3_600_000;

/** A folder that looks empty can be removed, even when a killed server has left something in it that no client can see. */
async function removeStaleParts(held: Pin): Promise<void> {
  for await (const { name } of await opendir(held.self)) {
    // Nothing but what was surely made here: other programs call their files .part-something too.
    if (!/^\.part-[0-9a-f]{32}$/.test(name)) continue;
    const stats = await lstat(held.at(name)).catch(unlessMissing);
    if (stats?.isFile() && Date.now() - stats.mtimeMs > STALE) await rm(held.at(name), { force: true });
  }
}

/** For `catch`: what is missing is undefined, and all else is thrown. */
function unlessMissing(error: unknown): undefined {
  const failure = folderError(error);
  if (failure.kind !== 'missing') throw failure;
}

function rethrow(error: unknown): never {
  throw folderError(error);
}

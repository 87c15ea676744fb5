// How a name that a stranger sends becomes a file, and never one outside the folder that is served.

import { constants, fstatSync, readlinkSync, type Stats } from 'node:fs';
import { access, type FileHandle, lstat, open, realpath } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';

/** What a client is told, per kind. No name is repeated in it, and no path of this machine. */
const WORDS = {
  missing: 'No such file or folder.',
  notFolder: 'That is not a folder.',
  isFolder: 'That is a folder.',
  exists: 'That name is taken.',
  notEmpty: 'The folder is not empty.',
  denied: 'Permission denied.',
  badName: 'That name cannot be used.',
  beyond: 'The file is shorter than that.',
  full: 'The disk is full.',
  quota: 'This is more than the server takes.',
  other: 'The file system has failed.',
};

export type FolderErrorKind = keyof typeof WORDS;

/** Why something cannot be done with a file. `cause` holds what the file system said, which is for us and not for a client. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
  readonly kind: FolderErrorKind;
  constructor(kind: FolderErrorKind, options?: ErrorOptions) {
    super(WORDS[kind], options);
    this.kind = kind;
  }
}

/** The codes of errno(3) that a client can do something about. */
const KINDS: ReadonlyMap<string, FolderErrorKind> = new Map([
  ['ENOENT', 'missing'],
  ['ELOOP', 'missing'],
  ['ENOTDIR', 'notFolder'],
  ['EISDIR', 'isFolder'],
  ['EEXIST', 'exists'],
  ['ENOTEMPTY', 'notEmpty'],
  ['EACCES', 'denied'],
  ['EPERM', 'denied'],
  ['EROFS', 'denied'],
  ['EBUSY', 'denied'],
  ['ENAMETOOLONG', 'badName'],
  ['EILSEQ', 'badName'],
  ['ENOSPC', 'full'],
  ['EDQUOT', 'full'],
  ['EFBIG', 'full'],
]);

/** Any error of the file system as a {@link FolderError}; one that is ours already stays what it is. */
export function folderError(error: unknown): FolderError {
  if (error instanceof FolderError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return new FolderError(KINDS.get(code) ?? 'other', { cause: error });
}

/** The longest name in bytes: PATH_MAX of Linux. */
const LONGEST = 4096;

/**
 * The absolute name of `name` as seen from the folder `cwd`: '/pub' and '../a//b/.' give '/a/b'. Nothing is above '/', and
 * nothing on disk is asked. Throws a FolderError 'badName' for a name with NUL, CR or LF in it, or of more than 4096 bytes.
 */
export function resolve(cwd: string, name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the characters that no line of FTP can hold, and the end of a C string
  if (/[\u0000\r\n]/.test(name)) throw new FolderError('badName');
  const parts: string[] = [];
  for (const part of (name.startsWith('/') ? name : `${cwd}/${name}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  const resolved = `/${parts.join('/')}`;
  if (Buffer.byteLength(resolved) > LONGEST) throw new FolderError('badName');
  return resolved;
}

/** The folder that holds an absolute name. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

/** The last part of an absolute name; '' for the root. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** An upload that is not complete goes by such a name, which no client can say. A file system may not tell A from a. */
export const PART = /^\.part-/i;

/** What Windows would take for another path, a stream or a device (learn.microsoft.com, "Naming Files, Paths, and Namespaces"). */
const WINDOWS = /[\\:*?"<>|]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** Throws a FolderError 'badName' when a client may not give this name to something new. */
export function assertNameable(path: string): void {
  const name = nameOf(path);
  if (name === '' || PART.test(name)) throw new FolderError('badName');
}

/**
 * The root, and how to hold on to what is below it.
 *
 * A check of a name and the use of that name are two system calls, and in between somebody at this machine may put a symlink in
 * its place. The cure of C is openat(2), which Node does not have. Linux has the same by another name: `/proc/self/fd/7/notes.txt`
 * is notes.txt in the very folder that is open as 7, wherever its path leads by now. So a file or folder is opened first
 * (O_PATH: nothing of it is read, a FIFO does not block), what was opened is checked, and only that is used. Elsewhere the
 * checked path itself is used: a race remains there, for those who can write to the folder without us. FTP has no command that
 * makes a link.
 */
export interface Root {
  real: string;
  /** Whether `/proc/self/fd` is there. */
  proc: boolean;
}

export async function rootAt(folder: string): Promise<Root> {
  const real = await realpath(folder);
  const found = access('/proc/self/fd').then(
    () => true,
    () => false,
  );
  return { real, proc: process.platform === 'linux' && (await found) };
}

/** O_PATH of Linux, which Node has no name for. */
const O_PATH = 0o10000000;
/** Windows has neither. */
export const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
export const NO_BLOCK = constants.O_NONBLOCK ?? 0;

/** Something below the root that is held, whatever its name leads to meanwhile. */
export interface Pin {
  /** Its path without a link in it. */
  real: string;
  stats: Stats;
  /** What to call it. */
  self: string;
  /** What to call a name in it, when it is a folder. */
  at(name: string): string;
  /** Whether it is still where it was found. */
  stays(): boolean;
  release(): Promise<void>;
}

/**
 * Holds the file or folder of an absolute name; links inside the root are followed. Rejects with a FolderError 'missing' for
 * whatever is not there, leads out of the root, or is neither file nor folder: from outside they look the same.
 */
export async function pin(root: Root, path: string): Promise<Pin> {
  const real = await realOf(root, path);
  if (!root.proc) {
    const stats = await lstat(real).catch(rethrow);
    const at = (name: string) => join(real, name);
    return { real, stats: kept(stats), self: real, at, stays: () => true, release: async () => {} };
  }
  const handle = await open(real, O_PATH | NO_FOLLOW).catch(rethrow);
  try {
    const self = `/proc/self/fd/${handle.fd}`;
    const stays = () => readlinkSync(self) === real;
    const stats = checked(handle, root, real);
    return { real, stats, self, at: (name) => `${self}/${name}`, stays, release: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw folderError(error);
  }
}

/** Holds something while `act` is at it. What `act` rejects with is a FolderError afterwards. */
export async function pinned<T>(root: Root, path: string, act: (held: Pin) => Promise<T>): Promise<T> {
  const held = await pin(root, path);
  try {
    return await act(held);
  } catch (error) {
    throw folderError(error);
  } finally {
    await held.release();
  }
}

/** As {@link pinned}, for a folder. Rejects with 'notFolder' when it is a file. */
export async function inFolder<T>(root: Root, path: string, act: (held: Pin) => Promise<T>): Promise<T> {
  return pinned(root, path, (held) => {
    if (!held.stats.isDirectory()) throw new FolderError('notFolder');
    return act(held);
  });
}

/** The path on this machine that an absolute name leads to, with no link in it. */
export async function realOf(root: Root, path: string): Promise<string> {
  if (process.platform === 'win32' && path.split('/').some((part) => WINDOWS.test(part)))
    throw new FolderError('badName');
  const real = await realpath(join(root.real, path)).catch((error: NodeJS.ErrnoException) => {
    // Where a link cannot be followed to its end, it may have led out, and of what is there not even the kind may be told.
    const hidden = error.code === 'EACCES' || error.code === 'ENOTDIR';
    throw hidden ? new FolderError('missing', { cause: error }) : folderError(error);
  });
  const below = root.real.endsWith(sep) ? root.real : root.real + sep;
  if ((real !== root.real && !real.startsWith(below)) || PART.test(basename(real))) throw new FolderError('missing');
  return real;
}

/** The absolute name of a path on this machine that is below the root. */
export function nameBelow(root: Root, real: string): string {
  return `/${relative(root.real, real).split(sep).join('/')}`;
}

/**
 * What is known of an open file, once it is known to be the one at `real` and not what somebody has put there since. Of what is open
 * the kernel has all that is asked here in memory: no disk is waited for, and to ask another thread would take ten times longer.
 */
export function checked({ fd }: FileHandle, root: Root, real: string): Stats {
  if (root.proc && readlinkSync(`/proc/self/fd/${fd}`) !== real) throw new FolderError('missing');
  return kept(fstatSync(fd));
}

/** Only files and folders are served: devices, FIFOs and sockets are not there. */
function kept(stats: Stats): Stats {
  if (stats.isFile() || stats.isDirectory()) return stats;
  throw new FolderError('missing');
}

function rethrow(error: unknown): never {
  throw folderError(error);
}

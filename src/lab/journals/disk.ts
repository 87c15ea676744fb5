// The journal of the `disk` designs: a file that only ever grows, and a snapshot that lets it start over.
//
// A folder holds `journal`, and while a server uses it, `owner`. The journal is lines of text, so that a person can read it:
//
//     amnesia-journal 1                      the format
//     1a2b3c4d snapshot {…}                  the state when this file was begun (not in the first one)
//     5e6f7a8b events [{…},{…}]              what one write brought, in order
//
// Each line begins with the CRC-32 (ISO 3309, eight hexadecimal digits) of the rest of the line. A line is begun only when the
// one before it is on the device, so all that a kill can leave is a last line without its end, and all that a power cut can
// add are NUL bytes where blocks of that line were never written; text has none. Such a tail is cut off when the file is next
// opened: nothing in it was ever promised. Any other damage means that promises were lost, and stops the server.
//
// While a server uses it, the file is filled up with NUL bytes behind its last line, and the next line takes their place: a sync of
// bytes in a file that has the length already need not write down the length as well. A server that ends properly takes them away.
//
// With `sync: 'os'` a line is begun when the one before it is with the kernel. All that a kill can leave is the same; a power cut may
// take any lines that were not on the device yet, and if it takes some from the middle, that is damage like any other.

import { constants, existsSync, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Json } from '../../protocols/shapes.ts';
import { crc32 } from '../../wire/crc32.ts';
import type { Journal } from '../keeper.ts';
import { decodeState, encodeState } from './encode.ts';
import { JournalError } from './error.ts';
import { own } from './owner.ts';
import type { Sync } from './sync.ts';

const FORMAT = 'amnesia-journal 1';
const HEADER = Buffer.from(`${FORMAT}\n`);
/** Where the text of a line begins: behind its checksum and a space. */
const SEALED = 9;
/** Lines up to a third of this are put together in the same memory, in bytes. */
const SLAB = 1 << 18;
const NOWHERE = Buffer.alloc(0);
/** A journal at least this long, in bytes, and four times its snapshot, is begun anew: replay stays short, rewriting rare. */
const LONG = 16 << 20;

/** How many NUL bytes a journal is filled up with at a time: at first, and when it is long. */
const ROOM = { least: 64 << 10, most: 1 << 20 };

/** `write`: bytes handed to the system. `sync`: and known to be on the device. Where the lab may kill a server in between. */
export type Moment = 'write' | 'sync';

export interface DiskOptions {
  /** The folder. Made if it is not there. */
  folder: string;
  /** How far a write must have got before it is answered; to the device unless given. */
  sync?: Sync;
  /** Called at each moment of an append. */
  at?: ((moment: Moment) => void) | undefined;
  /** Journal length that is followed by a snapshot, in bytes. */
  long?: number;
}

/**
 * Opens a folder as the journal of one server. Rejects with a {@link JournalError} when another process uses the folder, when
 * it cannot be written, and, on `recover`, when the journal is damaged.
 */
export async function diskJournal<S, E extends Json>({
  folder,
  sync = 'device',
  at,
  long = LONG,
}: DiskOptions): Promise<Journal<S, E>> {
  await makeFolder(folder);
  const release = await own(folder);
  const path = join(folder, 'journal');
  let file: FileHandle | undefined;
  let length = 0;
  let snapshotLength = 0;
  /** After a failure nobody knows how much of the last line is there, so nothing may be written behind it. */
  let spoilt: JournalError | undefined;

  /** How far the file has been filled with NUL bytes, in bytes. */
  let room = 0;
  /** Where lines are put together. Each is with the kernel before the next one is begun. */
  const slab = Buffer.allocUnsafeSlow(SLAB);

  async function put(to: FileHandle, bytes: Buffer, at: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await to.write(bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
  }

  /**
   * Writes `bytes` at the end of what counts, without waiting: handing bytes to the kernel takes less time than handing them to somebody
   * who does it. After a failure nothing of them counts, since the next reader cuts them off.
   */
  function putAtOnce(to: FileHandle, bytes: Buffer): void {
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(to.fd, bytes, done, bytes.length - done, length + done);
    } catch (error) {
      unwritable(error as Error);
    }
  }

  /** Has the file end further away than `bytes` more will: to sync what takes the place of NUL bytes is many times faster. */
  async function makeRoom(to: FileHandle, bytes: number): Promise<void> {
    if (length + bytes <= room) return;
    const more = Math.max(bytes, Math.min(ROOM.most, Math.max(ROOM.least, length)));
    room = length + more;
    // Where there is no room for that, there may be for what is to be written; if not, that will say so.
    await put(to, Buffer.alloc(more), length).catch(() => {
      room = Number.MAX_SAFE_INTEGER;
    });
  }

  async function begin(bytes: Buffer): Promise<FileHandle> {
    const fresh = await open(`${path}.new`, 'w', 0o600);
    try {
      await put(fresh, bytes, 0);
      await fresh.datasync();
      await rename(`${path}.new`, path);
      await syncFolder(folder);
      return fresh;
    } catch (error) {
      await fresh.close();
      throw error;
    }
  }

  /** Goes on behind the sound part of what an earlier server wrote. */
  async function goOn(end: number): Promise<FileHandle> {
    const found = await open(path, constants.O_WRONLY);
    try {
      await found.truncate(end);
      // The server before may have been killed between a write and its sync: what has been read must be as safe as what was
      // promised, since answers will now be given from it.
      await found.datasync();
      await syncFolder(folder);
      return found;
    } catch (error) {
      await found.close();
      throw error;
    }
  }

  return {
    async recover(empty, apply) {
      const { state, notes, end, snapshotBytes } = await replay(path, empty, apply);
      if (end === undefined) {
        file = await begin(HEADER).catch(unwritable);
        length = HEADER.length;
      } else {
        file = await goOn(end).catch(unwritable);
        length = end;
        snapshotLength = snapshotBytes;
      }
      return { state, notes };
    },

    async append(events) {
      if (!file) throw new Error('the journal has not been recovered yet');
      if (spoilt) throw spoilt;
      const bytes = lineOf(`events ${JSON.stringify(events)}`, slab);
      if (sync === 'device') await makeRoom(file, bytes.length);
      putAtOnce(file, bytes);
      length += bytes.length;
      at?.('write');
      // What begins a file anew is synced in any case: it is rare, and a rename must not come before what it names.
      if (sync === 'os') return;
      await file.datasync().catch(unwritable);
      at?.('sync');
    },

    async snapshot(state) {
      if (spoilt) throw spoilt;
      const bytes = Buffer.concat([HEADER, lineOf(`snapshot ${encodeState(state)}`)]);
      const before = file;
      file = await begin(bytes).catch(unwritable);
      await before?.close();
      snapshotLength = bytes.length - HEADER.length;
      length = bytes.length;
      room = 0;
    },

    get long() {
      return length > long && length > 4 * snapshotLength;
    },

    async close() {
      if (room > length && !spoilt) await file?.truncate(length);
      await file?.close();
      await release();
    },
  };

  function unwritable(error: Error): never {
    spoilt = new JournalError(
      `${path} cannot be written (${error.message}): nothing that depended on it was answered; make room or mend the disk, then start again`,
      { cause: error },
    );
    throw spoilt;
  }
}

/** A line with its checksum, as bytes; `slab` is where they are put if they fit, so that a line a turn costs no memory. */
function lineOf(text: string, slab = NOWHERE): Buffer {
  // No character of JavaScript's takes more than three bytes in UTF-8.
  const isShort = SEALED + 3 * text.length < slab.length;
  const line = isShort ? slab : Buffer.allocUnsafeSlow(SEALED + Buffer.byteLength(text) + 1);
  const end = SEALED + line.write(text, SEALED);
  line.write(`${sumOf(line.subarray(SEALED, end))} `, 0, 'latin1');
  line[end] = 10;
  return line.subarray(0, end + 1);
}

function sumOf(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}

interface Replayed<S> {
  state: S;
  notes: string[];
  /** Where the sound part ends, in bytes; undefined where there is no journal yet. */
  end: number | undefined;
  snapshotBytes: number;
}

/** Folds what is written into a state. */
async function replay<S, E extends Json>(
  path: string,
  empty: S,
  apply: (state: S, event: E) => void,
): Promise<Replayed<S>> {
  let state = empty;
  const notes: string[] = [];
  let end = 0;
  let number = 0;
  let snapshotBytes = 0;
  /** Where a last line begins that was never finished. */
  let tail: number | undefined;

  for await (const { bytes, whole } of lines(path)) {
    number++;
    if (number === 1) {
      if (bytes.toString() !== FORMAT || !whole) {
        throw new JournalError(
          `${path} is not a journal of this version: move it away, or give another folder with --state-dir`,
        );
      }
      end = bytes.length + 1;
      continue;
    }
    const text = whole ? unsealed(bytes) : undefined;
    // Nothing can follow a line that was never finished, so a second one shows that the first was.
    const isSnapshot = number === 2 && bytes.toString('latin1', 9, 18) === 'snapshot ';
    // A snapshot got its place by being renamed when it was safe, so it was never half written either.
    if (tail !== undefined || (text === undefined && (isSnapshot || (whole && !bytes.includes(0))))) {
      const line = tail === undefined ? number : number - 1;
      throw new JournalError(
        `${path} is damaged at byte ${end} (line ${line}), in a part that was promised. Restore it from a copy, or move the folder away to start empty`,
      );
    }
    if (text === undefined) {
      tail = end;
      continue;
    }
    if (text.startsWith('snapshot ')) {
      state = decodeState<S>(text.slice('snapshot '.length));
      snapshotBytes = bytes.length;
    } else {
      for (const event of JSON.parse(text.slice('events '.length)) as E[]) apply(state, event);
    }
    end += bytes.length + 1;
  }
  if (number === 0) {
    // A journal begins with its first line already in it: one that is there and empty has been emptied by somebody.
    if (existsSync(path))
      throw new JournalError(
        `${path} is empty, which no server leaves behind. Restore it from a copy, or remove it to start empty`,
      );
    return { state, notes, end: undefined, snapshotBytes };
  }
  if (tail !== undefined)
    notes.push(
      `the last write was cut short: ${path} goes on from byte ${tail}; nothing in the part cut off was ever promised`,
    );
  return { state, notes, end, snapshotBytes };
}

/** The text of a line whose checksum is right. */
function unsealed(line: Buffer): string | undefined {
  const text = line.subarray(SEALED);
  if (line.length <= SEALED || line.toString('latin1', 0, SEALED) !== `${sumOf(text)} `) return undefined;
  return text.toString();
}

/** A file's lines as bytes; `whole` is false for what follows the last line end. Nothing where there is no file. */
async function* lines(path: string): AsyncGenerator<{ bytes: Buffer; whole: boolean }> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new JournalError(`${path} cannot be read`, { cause: error });
  });
  if (!file) return;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of file.createReadStream({ highWaterMark: 1 << 20 })) {
    let bytes = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10)) {
      yield { bytes: bytes.subarray(0, at), whole: true };
      bytes = bytes.subarray(at + 1);
    }
    rest = bytes;
  }
  // What a line would have come into is nothing that anybody wrote.
  if (rest.some((byte) => byte !== 0)) yield { bytes: rest, whole: false };
}

async function makeFolder(folder: string): Promise<void> {
  try {
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (made === undefined) return;
    // Each folder is only on the device when the one that holds it is.
    const top = dirname(resolve(made));
    for (let at = resolve(folder); at !== top; at = dirname(at)) await syncFolder(dirname(at));
  } catch (error) {
    throw new JournalError(`${folder} cannot be made: give another folder with --state-dir`, { cause: error });
  }
}

/** A rename is only on the device when the folder is. */
async function syncFolder(folder: string): Promise<void> {
  // Windows has no way to sync a folder, and no need of one.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

// Bytes between a file and a socket: as fast as this machine allows, in bounded memory, and stopped at once when they must be.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { FolderError, type Source, type Upload } from './folder.ts';

/** What ends a transfer too soon, besides the {@link FolderError} of a file. */
const WORDS = {
  reset: 'The connection was lost.',
  stalled: 'Nothing has moved for too long.',
  aborted: 'The transfer was aborted.',
};

export type TransferErrorKind = keyof typeof WORDS;

export class TransferError extends Error {
  override readonly name = 'TransferError';
  readonly kind: TransferErrorKind;
  constructor(kind: TransferErrorKind, options?: ErrorOptions) {
    super(WORDS[kind], options);
    this.kind = kind;
  }
}

export interface TransferOptions {
  /** Aborts the transfer at once. */
  signal?: AbortSignal;
  /** How long nothing may move, in milliseconds. 30,000. */
  stall?: number;
  /** Told how many bytes of the wire have passed so far. */
  progress?: (bytes: number) => void;
  /** The socket beneath, where this one is TLS. */
  beneath?: Socket;
}

export interface FileTransferOptions extends TransferOptions {
  /** Ends of lines are CR LF on the wire and LF in the file (RFC 959 §3.1.1.1). */
  ascii?: boolean;
}

/** The first read of a file in bytes: a small file takes a small buffer, and its chunks can be told apart in a log. */
const FIRST = 16 << 10;
/** The largest: above this nothing becomes faster. */
const LARGEST = 1 << 20;
/** How many pieces are read ahead of the one that is on its way. */
const AHEAD = 2;

/**
 * Sends a file from its `offset` to the end that it had when it was opened, and ends the connection, which in stream mode is
 * what says that the file ends here (RFC 959 §3.4.1). Resolves with the bytes sent when the kernel has them and the FIN. The
 * source is closed in any case. Rejects with a TransferError, or with a FolderError when the file cannot be read; then the
 * connection is reset, since a FIN would pass for the end of the file.
 */
export async function sendFile(source: Source, socket: Socket, options: FileTransferOptions = {}): Promise<number> {
  const line = new Line(socket, options);
  const encode = options.ascii ? await encoderFor(source) : (chunk: Buffer) => chunk;
  const end = source.entry.size;
  /** Buffers that are neither being filled nor on their way: one is the kernel's until the write of it has been called back. */
  const free: Buffer[] = [];
  /** Pieces that are being read, the first one first. */
  const coming: Promise<Buffer>[] = [];
  let next = source.offset;
  let most = FIRST;
  let writing: Promise<void> = Promise.resolve();

  /** Keeps some pieces coming: a piece takes longer to be asked for than to be copied. */
  const readAhead = () => {
    while (coming.length < AHEAD && next < end) {
      const wanted = Math.min(most, end - next);
      const ready = free.pop();
      const buffer = ready && ready.length >= wanted ? ready : Buffer.allocUnsafeSlow(wanted);
      const piece = readWhole(source, buffer.subarray(0, wanted), next);
      // One that fails is seen when it is its turn.
      piece.catch(() => {});
      coming.push(piece);
      next += wanted;
      most = Math.min(most * 2, LARGEST);
    }
  };
  try {
    line.check();
    readAhead();
    for (let first = coming.shift(); first; first = coming.shift()) {
      line.check();
      const piece = await first;
      await writing;
      writing = line.write(encode(piece)).then(() => {
        free.push(piece);
      });
      // It may fail while the next piece is being read: that is seen when it is awaited.
      writing.catch(() => {});
      readAhead();
    }
    await writing;
    await line.finish();
    return line.moved;
  } catch (error) {
    // What is cut off now fails as well, and says nothing about why.
    const why = line.reason(error);
    line.cut();
    await Promise.allSettled([writing, ...coming]);
    throw why;
  } finally {
    line.leave();
    await source.close();
  }
}

/** Fills a buffer from a place in a file. Rejects with a FolderError when the file ends before. */
async function readWhole(source: Source, buffer: Buffer, position: number): Promise<Buffer> {
  for (let at = 0; at < buffer.length; ) {
    const got = await source.read(at === 0 ? buffer : buffer.subarray(at), position + at);
    // Somebody has cut the file meanwhile, and what was promised is not there.
    if (got === 0) throw new FolderError('beyond');
    at += got;
  }
  return buffer;
}

/** What may wait for the disk, in bytes and in chunks: a peer may send its bytes one by one, and each chunk has its price. */
const WAITING = 2 << 20;
const WAITING_CHUNKS = 1024;

/**
 * Receives a file until the peer ends the connection. Resolves with the bytes received when all of them are written; to commit
 * the upload is left to the caller. Rejects with a TransferError, or with a FolderError of the upload ('quota', 'full');
 * then the upload is aborted, and the connection is reset.
 *
 * What arrives while the disk is busy is written with the next call, so a slow disk makes for fewer and larger writes.
 */
export async function receiveFile(socket: Socket, upload: Upload, options: FileTransferOptions = {}): Promise<number> {
  const line = new Line(socket, options);
  const decode = options.ascii ? fromNetwork() : undefined;
  let waiting: Buffer[] = [];
  let bytes = 0;
  let ended = false;
  let wake = () => {};
  const heard = (chunk: Buffer) => {
    bytes += chunk.length;
    if (waiting.push(chunk) >= WAITING_CHUNKS || bytes >= WAITING) socket.pause();
    wake();
  };
  const end = () => {
    ended = true;
    wake();
  };
  const closed = () => wake();
  socket.on('data', heard).on('end', end).on('close', closed);
  try {
    for (;;) {
      line.check(ended);
      if (waiting.length === 0) {
        if (ended) break;
        await new Promise<void>((woken) => {
          wake = woken;
        });
        continue;
      }
      const batch = waiting;
      const size = bytes;
      waiting = [];
      bytes = 0;
      socket.resume();
      await upload.write(decode ? batch.map((chunk) => decode(chunk)) : batch);
      line.passed(size);
    }
    const rest = decode?.(undefined);
    if (rest?.length) await upload.write([rest]);
    await line.confirm();
    socket.destroySoon();
    return line.moved;
  } catch (error) {
    line.cut();
    await upload.abort();
    throw line.reason(error);
  } finally {
    socket.off('data', heard).off('end', end).off('close', closed);
    line.leave();
  }
}

/** Text is sent in pieces of about this size. */
const PIECE = 32 << 10;

/**
 * Sends text as it is made, such as the lines of a listing, and ends the connection. As {@link sendFile}; what the maker of the
 * text throws is thrown on.
 */
export async function sendText(
  texts: AsyncIterable<string> | Iterable<string>,
  socket: Socket,
  options: TransferOptions = {},
): Promise<number> {
  const line = new Line(socket, options);
  try {
    let piece = '';
    for await (const text of texts) {
      line.check();
      piece += text;
      if (piece.length < PIECE) continue;
      await line.write(Buffer.from(piece));
      piece = '';
    }
    if (piece !== '') await line.write(Buffer.from(piece));
    await line.finish();
    return line.moved;
  } catch (error) {
    line.cut();
    throw line.reason(error);
  } finally {
    line.leave();
  }
}

/** The data connection of one transfer, and why it failed if it did. */
class Line {
  /** Bytes of the wire that have passed. */
  moved = 0;
  readonly #socket: Socket;
  readonly #options: TransferOptions;
  #failure: TransferError | undefined;

  constructor(socket: Socket, options: TransferOptions) {
    this.#socket = socket;
    this.#options = options;
    // A peer may end its side early, which says nothing about ours.
    socket.allowHalfOpen = true;
    socket.on('error', this.#lost);
    // Every byte that the kernel takes or gives counts, even of a chunk that is under way for long.
    socket.setTimeout(options.stall ?? 30_000).on('timeout', this.#stalled);
    options.signal?.addEventListener('abort', this.#aborted);
    if (options.signal?.aborted) this.#aborted();
  }

  #lost = (cause: Error) => this.#fail('reset', cause);
  #stalled = () => this.#fail('stalled');
  #aborted = () => this.#fail('aborted');

  #fail(kind: TransferErrorKind, cause?: Error): void {
    this.#failure ??= new TransferError(kind, { cause });
    this.cut();
  }

  /** Throws when the transfer has failed. A connection that is gone is a failure, except at the end of what it had to say. */
  check(ended = false): void {
    if (this.#socket.destroyed && !ended) this.#fail('reset');
    if (this.#failure) throw this.#failure;
  }

  /** Resolves when the kernel has all of it. */
  async write(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    // A write that is cut off by a close of ours is called back without an error.
    this.check();
    this.passed(bytes.length);
  }

  passed(bytes: number): void {
    this.moved += bytes;
    this.#options.progress?.(this.moved);
  }

  /**
   * After the peer's end: was it one? libuv reports a reset that arrives together with bytes as an end, and a file that was cut
   * off would pass for whole. To send nothing sends nothing, and fails where there is no connection any more; but TLS does not
   * tell that it failed, so it is sent beneath.
   */
  async confirm(): Promise<void> {
    this.check();
    const socket = this.#options.beneath ?? this.#socket;
    await new Promise<void>((resolve, reject) => {
      socket.write(Buffer.alloc(0), (error) => (error ? reject(error) : resolve()));
    });
    this.check();
  }

  /** Ends our side, and resolves when that is with the kernel; it takes care of the rest. */
  async finish(): Promise<void> {
    this.check();
    await new Promise<void>((resolve, reject) => {
      this.#socket.end((error?: Error) => (error ? reject(error) : resolve()));
    });
    this.#socket.destroy();
  }

  /** Ends the connection so that nobody takes it for the end of the file. TLS has a word of its own for that, which is missing then. */
  cut(): void {
    if (this.#socket.destroyed) return;
    if (this.#socket instanceof TLSSocket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** What is to be thrown for an error: what came first, since one failure brings others about. */
  reason(error: unknown): unknown {
    if (this.#failure || error instanceof FolderError || error instanceof TransferError) return this.#failure ?? error;
    return (error as NodeJS.ErrnoException).code === undefined ? error : new TransferError('reset', { cause: error });
  }

  /** The listener for errors stays: what a closed connection reports late is nobody's business any more. */
  leave(): void {
    this.#socket.off('timeout', this.#stalled).setTimeout(0);
    this.#options.signal?.removeEventListener('abort', this.#aborted);
  }
}

const CR = 0x0d;
const LF = 0x0a;

/** The encoder for a source: one that begins within CR LF must know of the CR in front of it. */
async function encoderFor(source: Source): Promise<(chunk: Buffer) => Buffer> {
  const before = Buffer.alloc(1);
  if (source.offset > 0) await source.read(before, source.offset - 1);
  return toNetwork(before[0]);
}

/** LF becomes CR LF, chunk by chunk; what is CR LF already stays. `before`: the byte in front of the first chunk. */
export function toNetwork(before?: number): (chunk: Buffer) => Buffer {
  let previous = before;
  return (chunk) => {
    const out = Buffer.allocUnsafe(chunk.length * 2);
    let length = 0;
    for (const byte of chunk) {
      if (byte === LF && previous !== CR) out[length++] = CR;
      out[length++] = byte;
      previous = byte;
    }
    return out.subarray(0, length);
  };
}

/** CR LF becomes LF, chunk by chunk; a CR alone stays. At the end it is called with undefined, for a CR that was the last byte. */
export function fromNetwork(): (chunk: Buffer | undefined) => Buffer {
  /** A CR at the end of a chunk waits for what comes after it. */
  let held = false;
  return (chunk) => {
    if (!chunk) return held ? Buffer.of(CR) : Buffer.alloc(0);
    const out = Buffer.allocUnsafe(chunk.length + 1);
    let length = 0;
    for (const byte of chunk) {
      if (held && byte !== LF) out[length++] = CR;
      held = byte === CR;
      if (!held) out[length++] = byte;
    }
    return out.subarray(0, length);
  };
}

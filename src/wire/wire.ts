// What a protocol says about its own bytes. One object per protocol, in `src/protocols/<name>/wire.ts`.

import { Reader, WireError, Writer } from './fields.ts';

/** What carries a message: some protocols write it differently on a stream and in a datagram. */
export type Over = 'tcp' | 'udp';

/** Which end of the path a message comes from: the same bytes may mean different things. */
export type Side = 'client' | 'server';

/** A place where a message leans on memory: the reason why this project shows packets at all. */
export interface Lean {
  /** The id of the field that leans. */
  field: string;
  /** `reads` needs the memory, `writes` makes it, `clears` ends it, `carries` brings it along, `denies` says it is not there. */
  op: 'reads' | 'writes' | 'clears' | 'carries' | 'denies';
  holder: 'client' | 'server' | 'packet';
  /** The subject in the holder's facts, such as `session[1]`. `[path]` stands for the client's path, by the name the log gives it. */
  key: string;
  /** Set by the log: the key is a path, and who comes back on another one has left it behind. */
  byPath?: true;
  /** One sentence. */
  why: string;
  /** The clause that says so, such as `RFC 862`. */
  cite: string;
}

/**
 * What has been noted of one conversation so far, by whoever reads it: a server of its connection, an onlooker of what passes. Where
 * the first message settles how the others are written, as MQTT's CONNECT does, reading needs memory too.
 */
export type Seen = Map<string, string>;

/** What the bytes of one protocol mean. Pure: no socket, no clock, no dice, no memory. */
export interface Wire<M> {
  /** The longest message this protocol may send, in bytes: what a reader must be ready to keep. */
  longest: number;
  /**
   * On a stream: length of the message that begins at `start`, or undefined while too little of it is here to tell or it is not whole.
   * Throws a {@link WireError} as soon as the bytes can never become a message, from the header alone.
   *
   * `seen` is for a protocol in which the end of an answer depends on what was asked, as in HTTP: who frames both directions of a
   * connection gives the same for both, and asks again only for a message that was not whole.
   */
  frame(bytes: Buffer, start: number, from: Side, seen?: Seen): number | undefined;
  /** Reads one whole message. Every byte is read by name. */
  read(reader: Reader, from: Side, over: Over, seen: Seen): M;
  write(writer: Writer, message: M): void;
  /** The message's name in the specification: `DATA`. */
  kind(message: M): string;
  /** The rest of the message in a few words. Peer's bytes only through `printable`. No secrets, nothing rolled by dice. */
  says(message: M): string;
  /** Where this message leans on memory. `seen` is the onlooker's to fill. */
  leans(message: M, from: Side, seen: Seen): Lean[];
  /**
   * Where the next message begins, after bytes at `start` that {@link frame} threw at; undefined while that is not here yet. Only
   * a protocol whose servers go on after such bytes has it.
   */
  mend?(bytes: Buffer, start: number): number | undefined;
  /** After this message both ends go on in TLS. */
  seals?(message: M): boolean;
  /** The TCP port at which this message has its sender wait for a connection of its own: FTP's data connections. */
  awaits?(message: M, from: Side): number | undefined;
  /**
   * The bytes of a message that {@link awaits} a connection, with another place in them: for whoever stands between and must have that
   * connection come by. `by` is its sender's address. Undefined where it names another machine than its sender, or where a place of
   * this kind cannot be written in it.
   */
  redirect?(message: M, from: Side, by: string, to: Place): Buffer | undefined;
}

/** Where somebody listens; the host is an address, not a name. */
export interface Place {
  host: string;
  port: number;
}

/** One message as bytes. */
export function encode<M>(wire: Wire<M>, message: M): Buffer {
  const writer = new Writer(256);
  wire.write(writer, message);
  return writer.take();
}

/** One message from bytes that hold exactly one. */
export function decode<M>(wire: Wire<M>, bytes: Buffer, from: Side, over: Over = 'tcp', seen: Seen = new Map()): M {
  const reader = new Reader(bytes);
  const message = wire.read(reader, from, over, seen);
  reader.finish();
  return message;
}

/** What has arrived of a stream and is not yet a whole message. Never holds more than one message and one chunk. */
export class Inbox<M> {
  private rest: Buffer = Buffer.alloc(0);
  private readonly reader = new Reader(this.rest);
  private readonly wire: Wire<M>;
  private readonly from: Side;
  /** An error has been found: where the next message would begin is unknown, so nothing is read any more. */
  private lost = false;
  private readonly seen: Seen;

  constructor(wire: Wire<M>, from: Side, seen: Seen = new Map()) {
    this.wire = wire;
    this.from = from;
    this.seen = seen;
  }

  /** Bytes kept until the rest of their message comes. */
  get kept(): number {
    return this.rest.length;
  }

  /**
   * The messages that are whole now, in order. When the bytes turn out to be wrong, the messages before them are still
   * returned, with the error beside them: a stream cannot be read on after it, and what still comes is dropped.
   */
  push(chunk: Buffer): { messages: M[]; error?: WireError } {
    if (this.lost) return { messages: [] };
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const messages: M[] = [];
    let start = 0;
    try {
      for (;;) {
        const length = this.wire.frame(bytes, start, this.from, this.seen);
        if (length === undefined || start + length > bytes.length) break;
        // A message of no bytes would be found again and again: such a protocol does not travel on a stream.
        if (length <= 0) throw new Error(`a message on a stream cannot be ${length} bytes long: mend frame()`);
        const reader = this.reader.over(bytes, start, start + length);
        messages.push(this.wire.read(reader, this.from, 'tcp', this.seen));
        reader.finish();
        start += length;
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.rest = EMPTY;
      this.lost = true;
      return { messages, error };
    }
    // A view on a 64 KiB chunk would keep all of it alive for the sake of a few bytes, so the rest is copied.
    this.rest = start === bytes.length ? EMPTY : Buffer.from(bytes.subarray(start));
    return { messages };
  }
}

const EMPTY = Buffer.alloc(0);

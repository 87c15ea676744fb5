// The tap: writes down every byte and every end of a connection at the very socket, from inside the process and outside the
// server's source. Only sockets that come to be while it is on are tapped; when nobody listens, nothing is wrapped at all.

import dgram from 'node:dgram';
import { Server as HttpServer } from 'node:http';
import net from 'node:net';
import { addressOf, pathOf } from '../bounds/paths.ts';
import type { Path } from '../protocols/shapes.ts';
import type { Over } from '../wire/wire.ts';
import type { LinkEvent, Sink, Trace } from './trace.ts';

/** Told of bytes as they pass: `read` before the server sees them, `send` before they leave, `sent` when the kernel has them. */
export type Watch = (moment: 'read' | 'send' | 'sent', over: Over, local: Path, remote: Path, bytes: Buffer) => void;

/** Sockets and servers of the lab itself: what stands in the middle is no end. */
const untapped = new WeakSet<object>();
/** Whether there are any: most processes have none, and looking for each datagram takes time. */
let middle = false;

/** Keeps a socket, or a server and all it accepts, out of every tap. Told before it is used. */
export function keepOut<T extends object>(socket: T): T {
  untapped.add(socket);
  middle = true;
  return socket;
}

export interface TapOptions {
  who: string;
  sink: Sink;
  /** Nanoseconds since the run began. Read before a write and after a read. */
  clock: () => number;
  /** Taps only what leads to this port: the client's process has other sockets too. */
  remotePort?: () => number;
  watch?: Watch;
  /**
   * The port at which the server listens. Of a stream that leads elsewhere, such as a file's, only the beginning of each chunk is
   * written down: a log is no copy of the file.
   */
  port?: () => number;
  /**
   * Where datagrams are written down many at a time: read ones are held, and answers wait until the turn of the loop is over
   * and all of it is written. As with a journal, what has had an effect outside has its record; a write for each of a hundred
   * thousand datagrams a second would take longer than the server.
   */
  group?: { hold: Sink; flush(): void };
}

/** `emit` without its list of known events. */
type Emit = (this: unknown, event: string | symbol, ...rest: unknown[]) => boolean;

type Call = (this: unknown, ...given: unknown[]) => void;

/** Answers that wait for one write, at the most. */
const GROUP = 32;

/** Starts tapping; the function it returns stops it and leaves `net` and `dgram` as they were. */
export function tap(options: TapOptions): () => void {
  const { emit: dgramEmit, send } = dgram.Socket.prototype;
  const { connect } = net.Socket.prototype;
  const wanted = (port: number | undefined) => options.remotePort === undefined || port === options.remotePort();

  // `diagnostics_channel` tells of a connection too late for a server that speaks first, so the event itself is intercepted.
  const serverEmit = net.Server.prototype.emit;
  net.Server.prototype.emit = function (this: net.Server, event: string | symbol, ...rest: unknown[]): boolean {
    const [socket] = rest;
    const isEnd = event === 'connection' && !untapped.has(this);
    if (isEnd && socket instanceof net.Socket && socket.remoteAddress !== undefined) {
      tapSocket(socket, options);
      ends(socket, options, 'accepted');
    }
    const heard = (serverEmit as Emit).call(this, event, ...rest);
    if (this instanceof HttpServer && socket instanceof net.Socket && lines.has(socket)) readHere(socket);
    return heard;
  } as typeof serverEmit;

  net.Socket.prototype.connect = function (this: net.Socket, ...rest: unknown[]) {
    const port = portDialled(rest);
    if (port !== undefined && wanted(port) && !untapped.has(this)) {
      tapSocket(this, options);
      this.prependOnceListener('connect', () => ends(this, options, 'connected'));
    }
    return (connect as (...given: unknown[]) => net.Socket).apply(this, rest);
  } as typeof connect;

  /** Datagrams that wait for their record to be written. */
  let waiting: { socket: dgram.Socket; rest: unknown[]; remote: Path; bytes: Buffer }[] = [];
  let scheduled = false;
  const letOut = () => {
    options.group?.flush();
    const ready = waiting;
    waiting = [];
    for (const { socket, rest, remote, bytes } of ready) {
      options.watch?.('send', 'udp', localOf(socket), remote, bytes);
      (send as Call).apply(socket, rest);
      options.watch?.('sent', 'udp', localOf(socket), remote, bytes);
    }
  };
  const atEndOfTurn = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      letOut();
    });
  };

  dgram.Socket.prototype.send = function (this: dgram.Socket, ...rest: unknown[]) {
    // An unbound socket gets its port first, and comes by here again to send.
    const datagram = hasAddress(this) && !(middle && untapped.has(this)) ? datagramSent(this, rest) : undefined;
    if (!datagram || !wanted(datagram.port)) return (send as Call).apply(this, rest);
    const { bytes, address, port } = datagram;
    const remote = pathOf(address, port);
    const trace = passing(options, 'udp', 'sent', localOf(this), remote, bytes);
    if (options.group) {
      options.group.hold(trace);
      waiting.push({ socket: this, rest, remote, bytes });
      // In a long turn the first answers need not wait for the last: who asked can go on meanwhile.
      if (waiting.length >= GROUP) letOut();
      else atEndOfTurn();
      return;
    }
    options.sink(trace);
    options.watch?.('send', 'udp', localOf(this), remote, bytes);
    (send as Call).apply(this, rest);
    options.watch?.('sent', 'udp', localOf(this), remote, bytes);
  } as typeof send;

  // A socket that is closed lets out what it was told to send before.
  const { close } = dgram.Socket.prototype;
  dgram.Socket.prototype.close = function (this: dgram.Socket, callback?: () => void) {
    letOut();
    return close.call(this, callback);
  };

  const ownEmit = Object.hasOwn(dgram.Socket.prototype, 'emit');
  dgram.Socket.prototype.emit = function (this: dgram.Socket, event: string | symbol, ...rest: unknown[]): boolean {
    if (middle && untapped.has(this)) return (dgramEmit as Emit).call(this, event, ...rest);
    if (event === 'message') {
      const [bytes, from] = rest as [Buffer, dgram.RemoteInfo];
      if (wanted(from.port)) {
        const remote = pathOf(from.address, from.port);
        const trace = passing(options, 'udp', 'read', localOf(this), remote, bytes);
        if (options.group) {
          options.group.hold(trace);
          atEndOfTurn();
        } else {
          options.sink(trace);
        }
        options.watch?.('read', 'udp', localOf(this), remote, bytes);
      }
    } else if (event === 'connect') {
      unconnected.delete(this);
    } else if (event === 'error' && (rest[0] as NodeJS.ErrnoException).code === 'ECONNREFUSED') {
      const remote = remoteOf(this);
      if (remote && wanted(remote.port)) {
        link(options, 'udp', 'refused', localOf(this), pathOf(remote.address, remote.port));
      }
    }
    return (dgramEmit as Emit).call(this, event, ...rest);
  } as typeof dgramEmit;

  return () => {
    net.Socket.prototype.connect = connect;
    letOut();
    dgram.Socket.prototype.send = send;
    dgram.Socket.prototype.close = close;
    Reflect.deleteProperty(net.Server.prototype, 'emit');
    if (ownEmit) dgram.Socket.prototype.emit = dgramEmit;
    else Reflect.deleteProperty(dgram.Socket.prototype, 'emit');
  };
}

/** Streams of a tapped socket's life: who it is between, and which ends it has had. Filed under the socket itself. */
interface Line {
  local: Path;
  remote: Path;
  over: boolean;
}
const lines = new WeakMap<net.Socket, Line>();

function ends(socket: net.Socket, options: TapOptions, what: 'accepted' | 'connected'): void {
  const line = lines.get(socket);
  if (!line) return;
  line.local = pathOf(socket.localAddress, socket.localPort);
  line.remote = pathOf(socket.remoteAddress, socket.remotePort);
  link(options, 'tcp', what, line.local, line.remote);
}

/**
 * `http.Server` has its parser read from the kernel itself, past the socket, for as long as nobody listens to that. Whoever begins to
 * listen ends this for good, and need not go on.
 */
function readHere(socket: net.Socket): void {
  const nothing = () => {};
  socket.on('data', nothing).off('data', nothing);
}

function tapSocket(socket: net.Socket, options: TapOptions): void {
  if (lines.has(socket)) return;
  const line: Line = { local: '', remote: '', over: false };
  lines.set(socket, line);
  const note = (what: LinkEvent) => link(options, 'tcp', what, line.local, line.remote);
  const pass = (way: 'sent' | 'read', bytes: Buffer) => bytesPass(options, way, line.local, line.remote, bytes);

  const { push } = socket;
  socket.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    if (chunk === null) note('fin read');
    else pass('read', chunk);
    return push.call(socket, chunk, encoding);
  };

  const { _write, _writev, _final } = socket;
  /** Before the connection stands there is no path yet, and `net` holds the bytes back as well. */
  const whenConnected = (act: () => void) => (socket.connecting ? socket.once('connect', act) : act());
  socket._write = (chunk: Buffer | string, encoding, callback) => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    whenConnected(() => pass('sent', bytes));
    _write.call(socket, chunk, encoding, callback);
    options.watch?.('sent', 'tcp', line.local, line.remote, bytes);
  };
  if (_writev) {
    socket._writev = (chunks: { chunk: Buffer | string; encoding: BufferEncoding }[], callback) => {
      const bytes = Buffer.concat(
        chunks.map(({ chunk, encoding }) => (typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)),
      );
      whenConnected(() => pass('sent', bytes));
      _writev.call(socket, chunks as never, callback);
      options.watch?.('sent', 'tcp', line.local, line.remote, bytes);
    };
  }
  socket._final = (callback) => {
    whenConnected(() => {
      line.over = true;
      note('fin sent');
    });
    _final.call(socket, callback);
  };

  const { resetAndDestroy } = socket;
  socket.resetAndDestroy = () => {
    if (!line.over && line.remote) note('reset sent');
    line.over = true;
    return resetAndDestroy.call(socket);
  };

  // Not a listener: one more 'error' listener would hide an error that nobody else handles.
  const { emit } = socket;
  socket.emit = (event: string | symbol, ...rest: unknown[]) => {
    if (event === 'error') {
      const { code, address, port } = rest[0] as NodeJS.ErrnoException & { address?: string; port?: number };
      if (code === 'ECONNREFUSED') link(options, 'tcp', 'refused', '', pathOf(address, port));
      if (code === 'ECONNRESET') note('reset read');
      if (code === 'EPIPE') note('broken pipe');
      line.over = true;
    } else if (event === 'close' && !line.over && line.remote) {
      note('fin sent');
    }
    return (emit as Emit).call(socket, event, ...rest);
  };
}

/** What is written down of a chunk that is no message. */
const BEGINNING = 512;

function bytesPass(options: TapOptions, way: 'sent' | 'read', local: Path, remote: Path, bytes: Buffer): void {
  // Whoever writes nothing only asks whether the connection still stands: on a stream, nothing is nothing.
  if (bytes.length === 0) return;
  const port = options.port?.();
  const elsewhere = port !== undefined && addressOf(local).port !== port && addressOf(remote).port !== port;
  if (elsewhere && bytes.length > BEGINNING)
    options.sink({
      ...passing(options, 'tcp', way, local, remote, bytes.subarray(0, BEGINNING)),
      length: bytes.length,
    });
  else options.sink(passing(options, 'tcp', way, local, remote, bytes));
  options.watch?.(way === 'read' ? 'read' : 'send', 'tcp', local, remote, bytes);
}

function passing(
  options: TapOptions,
  over: Over,
  way: 'sent' | 'read',
  local: Path,
  remote: Path,
  bytes: Buffer,
): Trace & { is: 'bytes' } {
  const base64 = bytes.toString('base64');
  return { t: options.clock(), who: options.who, is: 'bytes', over, way, local, remote, base64 };
}

function link(options: TapOptions, over: Over, what: LinkEvent, local: Path, remote: Path): void {
  options.sink({ t: options.clock(), who: options.who, is: 'link', over, what, local, remote });
}

/** The port in the arguments of `socket.connect`, in all their forms; undefined for a path on disk. */
function portDialled(rest: unknown[]): number | undefined {
  const [first] = Array.isArray(rest[0]) ? (rest[0] as unknown[]) : rest;
  const port = typeof first === 'object' && first !== null ? (first as { port?: unknown }).port : first;
  return port === undefined || port === null || Number.isNaN(Number(port)) ? undefined : Number(port);
}

/** What `socket.send` was asked to send, and where to, in all the forms of its arguments. */
function datagramSent(
  socket: dgram.Socket,
  rest: unknown[],
): { bytes: Buffer; address: string; port: number } | undefined {
  const [message, second, third, fourth, fifth] = rest as [string | NodeJS.ArrayBufferView, ...unknown[]];
  const whole = Array.isArray(message) ? Buffer.concat(message.map(bytesOf)) : bytesOf(message);
  const remote = remoteOf(socket);
  const sliced = typeof second === 'number' && typeof third === 'number';
  const bytes = sliced ? whole.subarray(second, second + third) : whole;
  if (remote) return { bytes, ...remote };
  const [port, address] = sliced ? [fourth, fifth] : [second, third];
  return { bytes, port: Number(port), address: typeof address === 'string' ? address : '127.0.0.1' };
}

/** All that `send` takes for bytes: a string, a Buffer, a typed array or a view. */
function bytesOf(part: string | NodeJS.ArrayBufferView): Buffer {
  if (Buffer.isBuffer(part)) return part;
  return typeof part === 'string' ? Buffer.from(part) : Buffer.from(part.buffer, part.byteOffset, part.byteLength);
}

/** Looked up once per socket: each look is a system call, and neither end ever changes. */
const ownAddresses = new WeakMap<dgram.Socket, Path>();

/** The socket looked up last: datagrams come in runs. */
let latest: { socket: dgram.Socket; local: Path } | undefined;

function localOf(socket: dgram.Socket): Path {
  if (latest?.socket === socket) return latest.local;
  let local = ownAddresses.get(socket);
  if (local === undefined) {
    const { address, port } = socket.address();
    local = pathOf(address, port);
    ownAddresses.set(socket, local);
  }
  latest = { socket, local };
  return local;
}

function hasAddress(socket: dgram.Socket): boolean {
  if (latest?.socket === socket) return true;
  if (ownAddresses.has(socket)) return true;
  try {
    return socket.address().port > 0;
  } catch {
    // Not bound yet: that is the answer.
    return false;
  }
}

const unconnected = new WeakSet<dgram.Socket>();

function remoteOf(socket: dgram.Socket): { address: string; port: number } | undefined {
  if (unconnected.has(socket)) return undefined;
  try {
    const { address, port } = socket.remoteAddress();
    return { address, port };
  } catch {
    // Not connected: every datagram says where it goes. Bound servers never become connected.
    unconnected.add(socket);
    return undefined;
  }
}

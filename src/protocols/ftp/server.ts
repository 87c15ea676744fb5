// Where the rules meet real sockets and files: commands in and replies out on one connection, files on others.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { BOUNDS } from '../../bounds/bounds.ts';
import { type Crowd, crowd } from '../../bounds/connections.ts';
import { plainAddress } from '../../bounds/paths.ts';
import { type Entry, type Folder, FolderError } from '../../served/folder.ts';
import { factsLine, listLine } from '../../served/listing.ts';
import { receiveFile, sendFile, sendText, TransferError } from '../../served/transfer.ts';
import { listening } from '../../sockets/listening.ts';
import { Reader } from '../../wire/fields.ts';
import type { Address, Bounds, Keeper, Path, Server } from '../shapes.ts';
import type { Data, Deed, Failure, Outcome, TransferDeed } from './state.ts';
import { type Command, LF, lineIn, type Message } from './wire.ts';

/** What a server is given to serve. */
export interface House {
  folder: Folder;
  /** What somebody may do who shows this password; anything may take its time to find out. */
  check(user: string, password: string): Promise<'nothing' | 'read' | 'write'>;
  /** The certificate and its key in PEM; asked for when somebody wants TLS. */
  certificate(): Promise<{ cert: string; key: string }>;
}

/** How long is waited for what others do, in milliseconds. */
export interface Patience {
  /** A data connection that is to come to us, and TLS on one. */
  coming: number;
  /** One that we make. */
  reaching: number;
  /** A transfer in which nothing moves. */
  stalled: number;
  /** What a wrong password costs. */
  wrong: number;
}

/** From accept to the first command. People type their names by hand, which takes longer than other first requests. */
const HANDSHAKE = 60_000;
/** Bytes of commands that wait for their turn; who has said more is not listened to until they are done. */
const WAITING = 16_384;
/** The most of a listing that is said on the control connection, in bytes: a reply has an end. */
const SAID = 32_768;

/** One control connection. What is remembered of it is not here, but in the state: here are only its sockets and files. */
interface Line {
  path: Path;
  socket: Socket;
  /** Arrived and not heard yet. */
  waiting: Buffer;
  /** Within a command that is too long to be heard. */
  skipping: boolean;
  /** A line was heard without its last byte; should that still come, it belongs there. */
  early: boolean;
  /** Deeds whose outcome is not known yet: until then, the next command waits. */
  busy: number;
  /** Aborted when the connection is gone. */
  gone: AbortController;
  /** Stops the transfer that is under way, and the wait for its connection. */
  transfer: AbortController | undefined;
  /** Where the next data connection comes in. */
  door: Door | undefined;
  /** Keys of this connection alone, so that only its own TLS sessions open its data connections. */
  tls: SecureContext | undefined;
  /** Goes on reading, when reading has been stopped. */
  goOn: (() => void) | undefined;
  /** The client will say no more. */
  ended: boolean;
  /** It has been hung up on, or is gone: nothing is heard or learnt any more. */
  over: boolean;
}

/** A server of this house: what `serve` of a card is. */
export function serveFrom(house: House, given: Partial<Patience> = {}) {
  const patience: Patience = { coming: 10_000, reaching: 5_000, stalled: 30_000, wrong: 1_000, ...given };

  return async function serve(
    keeper: Keeper<Message, Deed, Outcome>,
    at: Address,
    limits: Partial<Bounds> = {},
  ): Promise<Server> {
    const bounds = { ...BOUNDS, handshake: HANDSHAKE, ...limits };
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    /** Filed under the path, as everything the keeper says and does is. */
    const lines = new Map<Path, Line>();
    /** What is under way: a server that is closed lets its files go first. */
    const deeds = new Set<Promise<void>>();
    const reader = new Reader(Buffer.alloc(0));
    let { port } = at;

    const guests = crowd(server, bounds, (socket, path) => {
      const line: Line = {
        path,
        socket,
        waiting: Buffer.alloc(0),
        skipping: false,
        early: false,
        busy: 0,
        gone: new AbortController(),
        transfer: undefined,
        door: undefined,
        tls: undefined,
        goOn: undefined,
        ended: false,
        over: false,
      };
      lines.set(path, line);
      attend(line);
      socket.on('close', () => {
        line.over = true;
        line.goOn?.();
        line.gone.abort();
        line.transfer?.abort();
        line.door?.close();
        lines.delete(path);
        keeper.part(path);
      });
      keeper.greet(path);
    });

    keeper.attach({
      say: guests.say,
      hangUp(to) {
        const line = lines.get(to);
        if (line) line.over = true;
        guests.hangUp(to);
      },
      does(to, deed) {
        const line = lines.get(to);
        if (line) perform(line, deed);
      },
    });

    function attend(line: Line): void {
      line.socket.on('data', (chunk: Buffer) => {
        if (line.over) return;
        const rest = line.early && chunk[0] === LF ? chunk.subarray(1) : chunk;
        line.waiting = line.waiting.length === 0 ? rest : Buffer.concat([line.waiting, rest]);
        // Who sends ABOR as urgent data, as Telnet has it, loses the last byte on the way: it travels out of band.
        line.early = line.transfer !== undefined && isAbort(line.waiting);
        if (line.early) line.waiting = Buffer.concat([line.waiting, Buffer.of(LF)]);
        hearNext(line);
      });
      // Whoever has no more to say may still want to hear, and will not make another connection.
      line.socket.on('end', () => {
        line.ended = true;
        if (line.transfer && !line.door?.taken) line.door?.close();
        hearNext(line);
      });
    }

    /** Hears what has arrived, one command at a time: while a deed is under way, the next one waits. */
    function hearNext(line: Line): void {
      while (!line.over && !line.socket.destroyed) {
        const { command, used, skipping } = lineIn(line.waiting, line.skipping, reader);
        if (command && line.busy > 0 && !(line.transfer && isUrgent(command))) break;
        line.waiting = line.waiting.subarray(used);
        line.skipping = skipping;
        if (command) {
          const full = keeper.hear(line.path, [command]);
          if (full) guests.hold(line.path, full);
        } else if (used === 0) break;
      }
      // A view would keep all of its chunk alive for the sake of a few bytes.
      line.waiting = line.over ? Buffer.alloc(0) : Buffer.from(line.waiting);
      if (line.waiting.length > WAITING && !line.goOn)
        guests.hold(
          line.path,
          new Promise((resolve) => {
            line.goOn = resolve;
          }),
        );
      else if (line.waiting.length <= WAITING && line.goOn) {
        line.goOn();
        line.goOn = undefined;
      }
      if (line.ended && line.busy === 0 && !line.over) keeper.bye(line.path);
    }

    /** Begins a deed. Its outcome is learnt when it is known, unless nobody is there any more to be told. */
    function perform(line: Line, deed: Deed): void {
      switch (deed.is) {
        case 'unlisten':
          line.door?.close();
          line.door = undefined;
          return;
        case 'abort':
          line.transfer?.abort();
          return;
        case 'encrypt':
          return encrypt(line, guests, attend, patience);
      }
      line.busy++;
      const learn = (outcome: Outcome) => {
        if (!line.over) keeper.learn(line.path, outcome);
      };
      const done = carryOut(
        { ...house, patience, ownPorts, idle: bounds.idle, settled: guests.settled },
        line,
        deed,
        learn,
      )
        .catch((error) => learn(failed(error)))
        .finally(() => {
          line.busy--;
          deeds.delete(done);
          hearNext(line);
        });
      deeds.add(done);
    }

    /** The ports at which this server itself listens: it does not dial itself. */
    function ownPorts(): Set<number> {
      return new Set([port, ...[...lines.values()].flatMap(({ door }) => (door ? [door.port] : []))]);
    }

    const own = await listening(server, at, guests, { after: () => Promise.all(deeds) });
    port = own.port;
    return own;
  };
}

/** What may be said while a transfer is under way (RFC 959 §4.1.3). Nothing overtakes what was said before it. */
function isUrgent({ verb, argument }: Command): boolean {
  return verb === 'ABOR' || verb === 'QUIT' || (verb === 'STAT' && argument === '');
}

/** An ABOR of which only the LF is missing. */
function isAbort(bytes: Buffer): boolean {
  return bytes.length < 16 && /^[\xf0-\xff]*ABOR\r$/i.test(bytes.toString('latin1'));
}

/** What deeds are done with. */
interface Means extends House {
  patience: Patience;
  ownPorts(): Set<number>;
  /** How long a control connection may be silent while no transfer is under way, in milliseconds. */
  idle: number;
  settled(path: Path): void;
}

/** Does what takes time. Resolves when it is done and its last outcome is learnt; what it throws is an outcome too. */
async function carryOut(
  means: Means,
  line: Line,
  deed: Exclude<Deed, { is: 'unlisten' | 'abort' | 'encrypt' }>,
  learn: (outcome: Outcome) => void,
): Promise<void> {
  const { folder } = means;
  switch (deed.is) {
    case 'check': {
      const may = await means.check(deed.user, deed.password);
      if (may === 'nothing') await after(means.patience.wrong, line.gone.signal);
      else means.settled(line.path);
      return learn({ is: 'checked', user: deed.user, may });
    }
    case 'certify': {
      // What was forgotten on a live connection is still so.
      if (line.socket instanceof TLSSocket) throw new DeedError('alreadyTls', 'This is TLS already.');
      const pem = await means.certificate().catch((cause) => {
        throw new DeedError('noTls', 'There is no certificate.', cause);
      });
      line.tls = createSecureContext({ ...pem, ticketKeys: randomBytes(48), minVersion: 'TLSv1.2' });
      return learn({ is: 'certified' });
    }
    case 'listen': {
      line.door?.close();
      const host = plainAddress(line.socket.localAddress);
      if (deed.verb === 'PASV' && host.includes(':'))
        throw new DeedError('noConnection', 'PASV knows no IPv6: say EPSV.');
      line.door = await openDoor(host, plainAddress(line.socket.remoteAddress));
      if (line.over) return line.door.close();
      return learn({ is: 'listening', verb: deed.verb, host, port: line.door.port });
    }
    case 'look':
      return learn({ is: 'seen', verb: deed.verb, ...(await folder.stat(deed.path)) });
    case 'list': {
      const lines: string[] = [];
      let room = SAID;
      for await (const entry of listed(folder, await folder.stat(deed.path))) {
        const text = listLine(entry, deed.now, deed.writes);
        room -= Buffer.byteLength(text);
        lines.push(room > 0 ? text : 'And more: LIST has them all.');
        if (room <= 0) break;
      }
      return learn({ is: 'listed', path: deed.path, lines });
    }
    case 'change':
      await change(folder, deed);
      return learn({ is: 'changed', verb: deed.verb, path: deed.path });
    case 'transfer':
      return transfer(means, line, deed, learn);
  }
}

async function change(folder: Folder, { verb, path, from }: Deed & { is: 'change' }): Promise<void> {
  switch (verb) {
    case 'MKD':
      return folder.makeFolder(path);
    case 'RMD':
      return folder.removeFolder(path);
    case 'DELE':
      return folder.removeFile(path);
    case 'RNTO':
      return folder.rename(from, path);
  }
}

/** Opens the file, then the data connection, then moves the bytes: a name that is wrong costs nobody a connection. */
async function transfer(
  { folder, patience, ownPorts, idle }: Means,
  line: Line,
  deed: TransferDeed,
  learn: (outcome: Outcome) => void,
): Promise<void> {
  const control = new AbortController();
  const { signal } = control;
  const { what, ascii } = deed;
  const how = { signal, stall: patience.stalled };
  line.transfer = control;
  /** Lets go of what was opened, when its transfer never begins. */
  let letGo = async () => {};
  try {
    /** `beneath`: the data connection itself, where `socket` is TLS on it. */
    let move: (socket: Socket, beneath: Socket) => Promise<number>;
    let { path } = what;
    let size: number | null = null;
    if (what.is === 'send') {
      const source = await folder.read(path, what.offset);
      size = source.entry.size - source.offset;
      letGo = () => source.close();
      move = (socket) => sendFile(source, socket, { ...how, ascii });
    } else if (what.is === 'receive') {
      const upload = await folder.write(path, what.how);
      path = upload.path;
      letGo = () => upload.abort();
      move = async (socket, beneath) => {
        // It came in paused.
        socket.resume();
        const bytes = await receiveFile(socket, upload, { ...how, ascii, beneath });
        await upload.commit();
        return bytes;
      };
    } else {
      const lines = inLines(listed(folder, await folder.stat(path), what.form === 'MLSD'), what);
      // A folder that may not be read is refused, and nothing announced.
      const first = await lines.next();
      letGo = async () => void (await lines.return(undefined));
      move = (socket) => sendText(resumed(first, lines), socket, how);
    }
    // Nobody stops a transfer before it is known that there is one.
    if (line.over) return await letGo();
    learn({ is: 'opened', path, size });
    // The control connection has nothing to say meanwhile; the data connection has its own patience.
    line.socket.setTimeout(0);
    const socket = await dataConnection(line, deed.over, signal, patience, ownPorts);
    const spoken = deed.tls ? await inPrivate(socket, line.tls, signal, patience) : socket;
    letGo = async () => {};
    learn({ is: 'done', bytes: await move(spoken, socket) });
  } finally {
    await letGo();
    line.transfer = undefined;
    line.door?.close();
    line.door = undefined;
    if (!line.over) line.socket.setTimeout(idle);
  }
}

/** What a listing lists: the entries of a folder, or one file. MLSD takes a folder only, and anything else is refused before it begins. */
function listed(folder: Folder, entry: Entry, folderOnly = false): AsyncIterable<Entry> | Iterable<Entry> {
  if (entry.kind === 'folder') return folder.list(entry.path);
  if (folderOnly) throw new FolderError('notFolder');
  return [entry];
}

async function* inLines(
  entries: AsyncIterable<Entry> | Iterable<Entry>,
  how: TransferDeed['what'] & { is: 'listing' },
): AsyncGenerator<string> {
  for await (const entry of entries) {
    switch (how.form) {
      case 'NLST':
        yield `${entry.name}\r\n`;
        break;
      case 'MLSD':
        yield `${factsLine(entry, how.writes, how.tells)}\r\n`;
        break;
      case 'LIST':
        yield `${listLine(entry, how.now, how.writes)}\r\n`;
    }
  }
}

/** What is made as it is asked for, when the first of it is there already. Who takes no more than that ends all of it. */
async function* resumed<T>(first: IteratorResult<T, void>, rest: AsyncGenerator<T, void>): AsyncGenerator<T> {
  try {
    if (!first.done) yield first.value;
    yield* rest;
  } finally {
    await rest.return();
  }
}

/** A listener for one data connection of one client. */
interface Door {
  port: number;
  /** The connection that has come, until somebody takes it over. */
  taken: Socket | undefined;
  /** Resolves to that connection; rejects when the door is closed before. */
  comes: Promise<Socket>;
  /** Closes it; a connection that nobody has taken over goes with it. */
  close(): void;
}

/**
 * Listens on a port that the system chooses, which nobody can guess, for one connection from the client's address. Others are
 * sent away and disturb nobody. (On loopback everybody has that address; there only TLS tells a thief from the client.)
 */
async function openDoor(host: string, client: string): Promise<Door> {
  // Not read before the transfer begins: what comes early waits in the client's machine.
  const listener = createServer({ noDelay: true, pauseOnConnect: true });
  listener.listen(0, host);
  await once(listener, 'listening').catch((cause) => {
    throw new DeedError('noConnection', 'There is no port to listen on.', cause);
  });
  const arrived = promised<Socket>();
  let came = false;
  const door: Door = {
    port: (listener.address() as AddressInfo).port,
    taken: undefined,
    comes: arrived.promise,
    close() {
      listener.close();
      if (!came) arrived.reject(new DeedError('noConnection', 'No data connection came.'));
      door.taken?.destroy();
    },
  };
  listener.on('error', (cause) => arrived.reject(new DeedError('noConnection', 'No data connection came.', cause)));
  listener.on('connection', (socket: Socket) => {
    socket.on('error', () => {});
    if (plainAddress(socket.remoteAddress) !== client) return void socket.destroy();
    door.taken = socket;
    came = true;
    listener.close();
    arrived.resolve(socket);
  });
  return door;
}

/** The data connection of a transfer: the one that came in, or one that we make. */
async function dataConnection(
  line: Line,
  over: Data,
  signal: AbortSignal,
  patience: Patience,
  ownPorts: () => Set<number>,
): Promise<Socket> {
  if (over.is !== 'active') {
    const { door } = line;
    if (!door) throw new DeedError('noConnection', 'No data connection is awaited.');
    // A client that has ended its control connection will make no other one either.
    const socket = await within(line.ended ? 0 : patience.coming, signal, door.comes);
    door.taken = undefined;
    return socket;
  }
  const { host, port } = over;
  if (ownPorts().has(port)) throw new DeedError('noConnection', 'That port is one of ours.');
  const socket = dial({ host, port, noDelay: true });
  socket.on('error', () => {});
  try {
    await within(patience.reaching, signal, happens(socket, 'connect', 'Nobody can be reached there.'));
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Resolves when a socket says so; rejects when it is gone before, for whatever reason. */
async function happens(socket: Socket, event: 'connect' | 'secure', otherwise: string): Promise<void> {
  const outcome = promised<void>();
  const gone = (cause?: unknown) => outcome.reject(new DeedError('noConnection', otherwise, cause));
  socket.once(event, outcome.resolve).once('error', gone).once('close', gone);
  await outcome.promise;
}

/** What a promise resolves to, if it does so in time and before `signal` aborts. */
async function within<T>(milliseconds: number, signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const over = promised<never>();
  const late = setTimeout(
    () => over.reject(new DeedError('noConnection', 'No data connection came in time.')),
    milliseconds,
  );
  const stop = () => over.reject(new TransferError('aborted'));
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([promise, over.promise]);
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', stop);
  }
}

/** TLS on the control connection, from the next byte on. What had come in clear behind AUTH was said by nobody knows whom. */
function encrypt(line: Line, guests: Crowd, attend: (line: Line) => void, patience: Patience): void {
  const clear = line.socket.removeAllListeners('data').removeAllListeners('end');
  line.waiting = Buffer.alloc(0);
  line.skipping = false;
  const begin = () => {
    const secure = new TLSSocket(clear, { isServer: true, ...(line.tls ? { secureContext: line.tls } : {}) });
    const late = setTimeout(() => secure.destroy(), patience.coming).unref();
    secure.once('secure', () => clearTimeout(late)).once('close', () => clearTimeout(late));
    line.socket = secure;
    guests.exchange(line.path, secure);
    attend(line);
  };
  // The 234 leaves in clear, and whole.
  // Its callback comes when all that was said before has left; 'drain' only comes when somebody had to wait for it.
  if (clear.writableLength > 0) clear.write('', (error) => error ?? begin());
  else begin();
}

/** TLS on a data connection, which must be of the same TLS session as the control connection: then it is the same client. */
async function inPrivate(
  socket: Socket,
  context: SecureContext | undefined,
  signal: AbortSignal,
  patience: Patience,
): Promise<Socket> {
  const secure = new TLSSocket(socket, { isServer: true, ...(context ? { secureContext: context } : {}) });
  secure.on('error', () => {});
  try {
    await within(patience.coming, signal, happens(secure, 'secure', 'TLS was not agreed on.'));
  } catch (error) {
    secure.destroy();
    throw error;
  }
  if (secure.isSessionReused()) return secure;
  // With a good-bye: a client that only hears a broken connection would not look for the reply.
  secure.destroySoon();
  throw new DeedError('notReused', 'This is another TLS session than that of your commands.');
}

/** A deed that cannot be done. */
class DeedError extends Error {
  readonly why: Failure;
  constructor(why: Failure, words: string, cause?: unknown) {
    super(words, { cause });
    this.why = why;
  }
}

/** What is to be said of an error. One that nobody expects is a fault of ours, and is thrown. */
function failed(error: unknown): Outcome {
  if (error instanceof FolderError || error instanceof TransferError)
    return { is: 'failed', why: error.kind, words: error.message };
  if (error instanceof DeedError) return { is: 'failed', why: error.why, words: error.message };
  throw error;
}

/** Resolves after a while, or as soon as nobody waits for it any more. */
function after(milliseconds: number, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    gone.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A promise, and what settles it. Nobody need ever look at it. */
function promised<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: Error): void } {
  let settle: { resolve(value: T): void; reject(error: Error): void } | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => {});
  return { promise, resolve: (value) => settle?.resolve(value), reject: (error) => settle?.reject(error) };
}

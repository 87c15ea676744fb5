// The shapes that every protocol has. Know these and one protocol's folder, and you know all of them.

import type { Over, Wire } from '../wire/wire.ts';

/** Who is speaking, as the network sees it: `127.0.0.1:50412`. It is all that a server knows of a stranger. */
export type Path = string;

/** A state in words: subject → what is known of it. The log prints how facts change. */
export type Facts = Record<string, string>;

/** What a journal can write down: plain JSON, so that a person can read the file. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Time and chance are inputs: demos fix them, `serve` does not. */
export interface World {
  /** Milliseconds since the epoch. */
  now(): number;
  /** A new name that cannot be guessed: 128 random bits in base64url, 22 characters. */
  name(): string;
}

/**
 * What the server does to the outside. `to` need not be who spoke: a takeover hangs up on somebody else. What takes time, such
 * as sending a file, is a deed `D`: `server.ts` does it, and what came of it goes back to the rules as an outcome.
 */
export type Action<M, D = never> =
  | { to: Path; say: M }
  /** The same bytes for many: they are written once. The same list for the same many lets what follows share them. */
  | { to: readonly Path[]; say: M }
  | { to: Path; hangUp: true }
  | ([D] extends [never] ? never : { to: Path; does: D });

/** Everything that hearing one message brings about. */
export interface Decision<M, E, D = never> {
  /** What the server comes to remember. A stateless server is one whose decisions never hold an event. */
  events: readonly E[];
  actions: readonly Action<M, D>[];
}

/** All that a server may remember, and every rule that changes it: `state.ts`. No socket, no clock, no dice. */
export interface Rules<S, M, E extends Json, D = never, O extends Json = never> {
  /** A server that has never met anybody. */
  empty(): S;
  /** Reads the state, never changes it. */
  decide(state: S, message: M, from: Path, world: World): Decision<M, E, D>;
  /** The connection begins, for a protocol in which the server speaks first. */
  greet?(state: S, from: Path, world: World): Decision<M, E, D>;
  /** What came of a deed. */
  learn?(state: S, outcome: O, from: Path, world: World): Decision<M, E, D>;
  /** The connection is gone. Only where state is filed under the path does that decide anything. */
  part?(state: S, from: Path, world: World): Decision<M, E, D>;
  /** When something will end by itself next, such as a lifetime, in milliseconds since the epoch; undefined while nothing will. */
  due?(state: S): number | undefined;
  /** Time has passed: what is due by now comes about. */
  pass?(state: S, world: World): Decision<M, E, D>;
  /** The only place where state changes. */
  apply(state: S, event: E): void;
  /** Whether an event is worth writing down: what is filed under a path is not, since no path outlives the process. */
  lasting(event: E): boolean;
  /**
   * Takes `later` into `earlier`, which nobody has written down yet, where the two are shorter as one; false where they are not. What
   * comes of them stays the same.
   */
  join?(earlier: E, later: E): boolean;
  /** The state as the next process will know it, for a snapshot: without what no lasting event has made. All of it unless given. */
  outlives?(state: S): S;
  /**
   * What a newcomer is told while nothing can be promised, because the store that all instances share does not answer. `message` is what
   * it said first, if it has said anything. It is hung up on after that in any case.
   */
  unavailable?(message: M | undefined, from: Path): readonly Action<M>[];
  /** Not newcomers alone are told so, but whoever waits for an answer: their protocol has a word for it, and they may ask again. */
  impatient?: true;
  /**
   * What is decided without a look at the state, and changes nothing: undefined for everything else. Of several instances each
   * decides on such a message by itself, whether or not their store is there.
   */
  alone?(message: M, from: Path, world: World): Decision<M, E, D> | undefined;
  /**
   * Whether this message may only ask. Of several instances, the one that hears it then decides on it by itself, as soon as it knows
   * all that any of them had heard when it was asked; what would change anything all the same goes the way of all others. Such a
   * message must own its bytes: it is kept meanwhile.
   */
  asks?(message: M): boolean;
  facts(state: S): Facts;
}

/** The rules at work, as `server.ts` sees them: it hears messages and is told what to do, and remembers nothing itself. */
export interface Keeper<M, D = never, O extends Json = never> {
  /**
   * Decides on each message in order, applies, writes down where the design does, then acts through the server's
   * {@link Mouth}. A promise means: too much is waiting to be written down, read no more from this path until it resolves.
   */
  hear(from: Path, messages: readonly M[]): Promise<void> | undefined;
  /** A connection begins. */
  greet(to: Path): void;
  /** A deed has come to its end. */
  learn(from: Path, outcome: O): void;
  /** The peer has said its last word, and still listens: hangs up after all answers before. */
  bye(to: Path): void;
  /** The path is gone. */
  part(from: Path): void;
  /** Says the protocol's own word for bytes that no rule could read, after all answers before it, and hangs up. */
  refuse(to: Path, message: M): void;
  /** Where actions go. Set once by `serve`. */
  attach(mouth: Mouth<D>): void;
}

/** How the keeper reaches the sockets. */
export interface Mouth<D = never> {
  say(to: Path, bytes: Buffer): void;
  hangUp(to: Path): void;
  /** Nothing more is to be said for now: what is gathered for a common write need not wait for more. */
  letOut?(): void;
  /** Begins a deed; its outcome goes to {@link Keeper.learn}. */
  does?(to: Path, deed: D): void;
}

/** Where a server listens. Port 0 means any free one. */
export interface Address {
  host: string;
  port: number;
}

export interface Server {
  port: number;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/** What a client waits for when things go wrong. Real ones use timers; the lab knows, and tells. */
export interface Waits {
  /** Resolves when it is worth dialling again; `attempt` counts refusals from 0. */
  redial(attempt: number): Promise<void>;
  /**
   * Resolves when an answer is overdue, and perhaps when `answered` aborts. A datagram may be lost on its way, or the machine may be
   * slow to say that nobody listens; on a stream (`tcp`) that a server is dead is heard by itself, and only a link that swallows is not.
   */
  overdue(answered: AbortSignal, over?: Over): Promise<void>;
}

export interface ClientOptions extends Address {
  world: World;
  waits: Waits;
  /** Where the client itself holds the state, it is the client that makes the designs differ. */
  design: string;
  /**
   * For a client that plays several: tells the log who speaks on a path, once for each connection, as soon as its path is known.
   * Without it all are `client`.
   */
  introduce?: (path: Path, name: string) => void;
}

/**
 * What a server is given beside its address, by name: a zone file, a folder, the secret that instances share. Read once, before
 * it listens. Files are named by absolute paths.
 */
export type Settings = Readonly<Record<string, string>>;

/** What every client can do, beside the verbs of its protocol. */
export interface Client {
  /** What the client itself remembers, in the same form as a server's state. */
  facts(): Facts;
  /** Comes back from another address: the `path` cut. Must not say goodbye. */
  move(): Promise<void>;
  close(): Promise<void>;
}

/** What is said of a way to hold a protocol's state, whoever wrote the server. */
interface Told {
  /** `disk`: the journal stands in front of the replies. `redis`: so does a stream that all instances of this server follow. */
  holds: 'memory' | 'disk' | 'redis';
  /** One line for `amnesia list`. */
  tells: string;
  /** What a positive answer of this server promises. */
  promises: string;
  /** The settings that this design knows, beside those of its card. */
  takes?: readonly string[];
  /** It signs with a key that it tells nobody: what it says, its rules alone cannot say again. */
  unrepeatable?: true;
}

/** One way to hold a protocol's state. */
export interface Design<S, M, E extends Json, D = never, O extends Json = never> extends Told {
  rules: Rules<S, M, E, D, O>;
  runs?: undefined;
}

/**
 * A server of the same protocol that nobody wrote here, as it comes, beside ours. Its packets can be seen and its process can be
 * killed; into its memory nobody can look, so nobody can empty it, and its clock is that on the wall.
 */
export interface Beside extends Told {
  /** Listens. `folder`: where it may keep files of its own, if it is there or not. */
  runs(at: Address, given: { folder: string; settings: Settings }): Promise<Server>;
  rules?: undefined;
}

export type Transport = Over | 'udp+tcp';

/** What carries the messages of a path. Where a protocol speaks both, the path of a stream ends in `/tcp`. */
export function overOf(path: Path, transport: Transport): Over {
  if (transport !== 'udp+tcp') return transport;
  // A port ends in a digit.
  return path.charCodeAt(path.length - 1) === 0x70 ? 'tcp' : 'udp';
}

/** A protocol, its five files joined: `index.ts`. */
export interface Card<S, M, E extends Json, C extends Client, D = never, O extends Json = never> {
  name: string;
  /** Names its lives in the log: `echo/1`. */
  calls: string;
  title: string;
  transport: Transport;
  /** Where `amnesia serve` listens unless told otherwise: above 1024, so that nobody needs to be root. */
  port: number;
  /** The port that IANA has registered for it, where there is one: other tools know the protocol by it. */
  registered?: number;
  /** The specification. */
  cites: string;
  wire: Wire<M>;
  /** The first one is the default. */
  designs: Readonly<Record<string, Design<S, M, E, D, O> | Beside>>;
  serve(keeper: Keeper<M, D, O>, at: Address, bounds?: Partial<Bounds>): Promise<Server>;
  /**
   * What lies between the wire and the rules, where a library reads and writes the messages: `heard` is what the rules are told of a
   * message, and `said` the message that a deed comes down to; undefined for one that says nothing, and has an outcome.
   */
  between?: { heard(message: M): M | Promise<M>; said(deed: D): Promise<M | undefined> };
  connect(options: ClientOptions): Promise<C>;
  /** The settings that every design of this protocol knows. */
  takes?: readonly string[];
  /**
   * What has to stand behind this server before it is of any use: so many servers of another protocol. The lab starts them for a
   * demo, and gives their addresses as the setting `to`. Cuts are made to the server in front.
   */
  behind?: { protocol: string; design: string; count: number; settings?: Settings };
  /** What a person who starts this server should know of its settings, a line each. */
  opening?: readonly string[];
  /**
   * The same card for these settings. `folder` is where the server may keep files of its own. Rejects with a
   * {@link SettingError} when a setting makes no sense.
   */
  configure?(settings: Settings, folder: string): Promise<Card<S, M, E, C, D, O>>;
}

/** What somebody set is wrong, and can be set right by them. The message says what is wrong, where, and what to do. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

/** How much a stranger may take. Times in milliseconds, sizes in bytes. */
export interface Bounds {
  /** Connections at a time; when full, the oldest that has not finished its first request makes room. */
  connections: number;
  /** From accept to the first whole request. */
  handshake: number;
  /** Without a byte from the peer. */
  idle: number;
  /** Replies that a peer has not read. */
  unread: number;
  /** A peer that reads nothing at all for so long. */
  stall: number;
  /** Datagrams answered per second and source, after a burst of twice as many. 0 answers all. */
  rate: number;
}

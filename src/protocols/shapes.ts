// The shapes that every protocol has. Know these and one protocol's folder, and you know all of them.

import type { Wire } from '../wire/wire.ts';

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

/** What the server does to the outside. `to` need not be who spoke: a takeover hangs up on somebody else. */
export type Action<M> = { to: Path; say: M } | { to: Path; hangUp: true };

/** Everything that hearing one message brings about. */
export interface Decision<M, E> {
  /** What the server comes to remember. A stateless server is one whose decisions never hold an event. */
  events: readonly E[];
  actions: readonly Action<M>[];
}

/** All that a server may remember, and every rule that changes it: `state.ts`. No socket, no clock, no dice. */
export interface Rules<S, M, E extends Json> {
  /** A server that has never met anybody. */
  empty(): S;
  /** Reads the state, never changes it. */
  decide(state: S, message: M, from: Path, world: World): Decision<M, E>;
  /** The connection is gone. Only where state is filed under the path does that decide anything. */
  part?(state: S, from: Path, world: World): Decision<M, E>;
  /** The only place where state changes. */
  apply(state: S, event: E): void;
  /** Whether an event is worth writing down: what is filed under a path is not, since no path outlives the process. */
  lasting(event: E): boolean;
  /** The state as the next process will know it, for a snapshot: without what no lasting event has made. All of it unless given. */
  outlives?(state: S): S;
  facts(state: S): Facts;
}

/** The rules at work, as `server.ts` sees them: it hears messages and is told what to do, and remembers nothing itself. */
export interface Keeper<M> {
  /**
   * Decides on each message in order, applies, writes down where the design does, then acts through the server's
   * {@link Mouth}. A promise means: too much is waiting to be written down, read no more from this path until it resolves.
   */
  hear(from: Path, messages: readonly M[]): Promise<void> | undefined;
  /** The peer has said its last word, and still listens: hangs up after all answers before. */
  bye(to: Path): void;
  /** The path is gone. */
  part(from: Path): void;
  /** Says the protocol's own word for bytes that no rule could read, after all answers before it, and hangs up. */
  refuse(to: Path, message: M): void;
  /** Where actions go. Set once by `serve`. */
  attach(mouth: Mouth): void;
}

/** How the keeper reaches the sockets. */
export interface Mouth {
  say(to: Path, bytes: Buffer): void;
  hangUp(to: Path): void;
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
  /** Resolves when an answer is overdue, or when `answered` aborts. */
  overdue(answered: AbortSignal): Promise<void>;
}

export interface ClientOptions extends Address {
  world: World;
  waits: Waits;
}

/** What every client can do, beside the verbs of its protocol. */
export interface Client {
  /** What the client itself remembers, in the same form as a server's state. */
  facts(): Facts;
  /** Comes back from another address: the `path` cut. Must not say goodbye. */
  move(): Promise<void>;
  close(): Promise<void>;
}

/** One way to hold a protocol's state. */
export interface Design<S, M, E extends Json> {
  rules: Rules<S, M, E>;
  /** `disk`: the journal stands in front of the replies. */
  holds: 'memory' | 'disk';
  /** One line for `amnesia list`. */
  tells: string;
  /** What a positive answer of this server promises. */
  promises: string;
}

/** A protocol, its five files joined: `index.ts`. */
export interface Card<S, M, E extends Json, C extends Client> {
  name: string;
  /** Names its lives in the log: `echo/1`. */
  calls: string;
  title: string;
  transport: 'tcp' | 'udp';
  /** Where `amnesia serve` listens unless told otherwise: above 1024, so that nobody needs to be root. */
  port: number;
  /** The specification. */
  cites: string;
  wire: Wire<M>;
  /** The first one is the default. */
  designs: Readonly<Record<string, Design<S, M, E>>>;
  serve(keeper: Keeper<M>, at: Address, bounds?: Partial<Bounds>): Promise<Server>;
  connect(options: ClientOptions): Promise<C>;
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

// Everything this server remembers between two messages.

import { crc32 } from '../../wire/crc32.ts';
import type { Action, Decision, Facts, Path, Rules, World } from '../shapes.ts';
import { ACK, type AckCode, hex, type Message, RESET, type ResetCode } from './wire.ts';

/** What a session is filed under: its token, a name that the client carries, or the path it was opened on. */
type Key = string;

interface Session {
  /** Open until both ends agreed where the stream ends; then kept a while, as TCP keeps TIME-WAIT (RFC 9293 §3.3.2). */
  is: 'open' | 'closed';
  /** The number that people call it by. Opens nothing. */
  id: number;
  /** Number of the first byte, and of the byte expected next (RCV.NXT). Signed 32 bits: small for the machine, and only compared modulo 2^32. */
  first: number;
  rcvNxt: number;
  /** CRC-32 of all bytes delivered, in order. The bytes themselves have gone to whoever reads them. Signed, as above. */
  digest: number;
  /**
   * Since when no connection speaks for it, in seconds since the epoch; 0 while one does. One whose connection died with the
   * process stays at 0: nobody knows since when, so its time never runs out, and only the cap takes it.
   */
  idle: number;
}

export interface State {
  /** Filed under the key. A Map, because keys come from the wire, and because it keeps the order of opening, resuming and falling idle: the first is the next to go. */
  sessions: Map<Key, Session>;
  /** Filed under the path: which session a connection speaks for. Nothing here outlives the process, so nothing here is written down. */
  speakers: Map<Path, Key>;
  /** How many sessions were ever opened: where the numbers for people come from. */
  opened: number;
}

export type Event =
  | { is: 'opened'; key: Key; id: number; first: number }
  | { is: 'resumed'; key: Key }
  | { is: 'idle'; key: Key; at: number }
  | { is: 'delivered'; key: Key; next: number; digest: number }
  | { is: 'closed'; key: Key }
  | { is: 'evicted'; key: Key }
  | { is: 'spoke'; path: Path; key: Key }
  | { is: 'parted'; path: Path };

/** Bytes from Next on that are taken: more than any one message, far less than would hurt. */
const WINDOW = 4096;

export interface Limits {
  /** Sessions kept; the one in use longest ago makes room. */
  sessions: number;
  /** Seconds after which a session that no connection speaks for is forgotten. */
  ttl: number;
}
const LIMITS: Limits = { sessions: 5000, ttl: 3600 };

/** The rules of the session protocol, with sessions filed under what you say: the one choice that makes the designs differ. */
export function rulesFor(filedUnder: 'path' | 'token', limits: Limits = LIMITS): Rules<State, Message, Event> {
  return {
    empty: () => ({ sessions: new Map(), speakers: new Map(), opened: 0 }),

    decide(state, message, from, world) {
      switch (message.type) {
        case 'OPEN':
          return open(state, message.seq, from, world);
        case 'RESUME':
          return resume(state, message, from, world);
        case 'DATA':
          return data(state, message.seq, message.payload, from);
        case 'CLOSE':
          return close(state, message.next, message.digest, from);
        default:
          return reset(from, RESET.malformed);
      }
    },

    part(state, from, world) {
      const key = state.speakers.get(from);
      if (key === undefined) return NOTHING;
      // Filed under the path, a session ends with it: nobody could ever ask for it again. Under its token it waits.
      const then: Event = filedUnder === 'path' ? { is: 'evicted', key } : { is: 'idle', key, at: seconds(world) };
      return { events: [{ is: 'parted', path: from }, then], actions: [] };
    },

    apply(state, event) {
      switch (event.is) {
        case 'delivered': {
          const session = state.sessions.get(event.key);
          if (session) {
            session.rcvNxt = event.next;
            session.digest = event.digest;
          }
          return;
        }
        case 'opened':
          state.opened = event.id;
          state.sessions.set(event.key, {
            is: 'open',
            id: event.id,
            first: event.first,
            rcvNxt: event.first,
            digest: 0,
            idle: 0,
          });
          return;
        case 'resumed': {
          const session = state.sessions.get(event.key);
          if (!session) return;
          session.idle = 0;
          putLast(state, event.key, session);
          return;
        }
        case 'idle': {
          const session = state.sessions.get(event.key);
          if (!session) return;
          session.idle = event.at;
          putLast(state, event.key, session);
          return;
        }
        case 'closed': {
          const session = state.sessions.get(event.key);
          if (session) session.is = 'closed';
          return;
        }
        case 'evicted':
          state.sessions.delete(event.key);
          return;
        case 'spoke':
          state.speakers.set(event.path, event.key);
          return;
        case 'parted':
          state.speakers.delete(event.path);
      }
    },

    lasting: (event) => event.is !== 'spoke' && event.is !== 'parted',

    outlives: (state) => ({ ...state, speakers: new Map() }),

    unavailable: (_message, from) => reset(from, RESET.unavailable).actions,

    facts,
  };

  function open(state: State, seq: number, from: Path, world: World): Decision<Message, Event> {
    if (state.speakers.has(from)) return reset(from, RESET.alreadyOpen);
    const token = world.name();
    const id = state.opened + 1;
    const key = filedUnder === 'path' ? from : token;
    return {
      events: [
        ...evictions(state, seconds(world)),
        { is: 'opened', key, id, first: seq | 0 },
        { is: 'spoke', path: from, key },
      ],
      actions: [{ to: from, say: { type: 'OPENED', session: id, token, next: seq, window: WINDOW } }],
    };
  }

  function resume(
    state: State,
    asked: { session: number; token: string },
    from: Path,
    world: World,
  ): Decision<Message, Event> {
    if (state.speakers.has(from)) return reset(from, RESET.alreadyOpen);
    const key = asked.token;
    const session = filedUnder === 'path' ? undefined : state.sessions.get(key);
    const before = speakerFor(state, key);
    // Section 7: a wrong token, an expired one and one never issued get the same answer.
    if (!session || session.id !== asked.session || isExpired(session, seconds(world)))
      return reset(from, RESET.unknownSession);
    const events: Event[] = [
      { is: 'resumed', key },
      { is: 'spoke', path: from, key },
    ];
    const actions: Action<Message>[] = [];
    if (before !== undefined) {
      // Section 6: two connections for one session would both be right about Next, so the older one goes first.
      events.unshift({ is: 'parted', path: before });
      actions.push({ to: before, say: { type: 'RESET', code: RESET.takenOver } }, { to: before, hangUp: true });
    }
    actions.push({ to: from, say: ack(ACK.delivered, session) });
    return { events, actions };
  }

  function data(state: State, seq: number, payload: Buffer, from: Path): Decision<Message, Event> {
    const key = state.speakers.get(from);
    const session = key === undefined ? undefined : state.sessions.get(key);
    if (key === undefined || session === undefined) return reset(from, RESET.noSession);
    // How far the first byte lies ahead of the one expected, modulo 2^32: negative means sent before (RFC 9293 §3.4).
    const ahead = (seq - session.rcvNxt) | 0;
    if (ahead + payload.length > WINDOW)
      return { events: NONE, actions: [{ to: from, say: ack(ACK.beyond, session) }] };
    if (ahead > 0) return { events: NONE, actions: [{ to: from, say: ack(ACK.gap, session) }] };
    if (ahead + payload.length <= 0) return { events: NONE, actions: [{ to: from, say: ack(ACK.duplicate, session) }] };
    if (session.is === 'closed') return reset(from, RESET.closed);
    // The front part may have come before: only the rest is new (RFC 9293 §3.10.7.4: it is trimmed).
    const fresh = ahead === 0 ? payload : payload.subarray(-ahead);
    const next = (session.rcvNxt + fresh.length) | 0;
    const digest = crc32(fresh, session.digest) | 0;
    return {
      events: [{ is: 'delivered', key, next, digest }],
      actions: [
        { to: from, say: { type: 'ACK', code: ACK.delivered, next: next >>> 0, window: WINDOW, digest: digest >>> 0 } },
      ],
    };
  }

  function close(state: State, next: number, digest: number, from: Path): Decision<Message, Event> {
    const key = state.speakers.get(from);
    const session = key === undefined ? undefined : state.sessions.get(key);
    if (key === undefined || session === undefined) return reset(from, RESET.noSession);
    if (next !== session.rcvNxt >>> 0) return { events: NONE, actions: [{ to: from, say: ack(ACK.gap, session) }] };
    if (digest !== session.digest >>> 0) return reset(from, RESET.digest);
    return {
      events: session.is === 'closed' ? NONE : [{ is: 'closed', key }],
      actions: [
        { to: from, say: { type: 'CLOSE', next, digest } },
        { to: from, hangUp: true },
      ],
    };
  }

  /** Room for one more: whoever is expired or too many goes, oldest first, except where a connection still speaks for it. */
  function evictions(state: State, at: number): Event[] {
    const spokenFor = new Set(state.speakers.values());
    const events: Event[] = [];
    for (const [key, session] of state.sessions) {
      const tooMany = state.sessions.size - events.length >= limits.sessions;
      // They stand in the order in which they fell idle, so after one whose time has not run out there is none whose has.
      if (!tooMany && session.idle !== 0 && !isExpired(session, at)) break;
      if (tooMany ? !spokenFor.has(key) : isExpired(session, at)) events.push({ is: 'evicted', key });
    }
    return events;
  }

  function isExpired(session: Session, at: number): boolean {
    return session.idle !== 0 && at - session.idle > limits.ttl;
  }
}

/** Taken out and put back, it is the last to go. */
function putLast(state: State, key: Key, session: Session): void {
  state.sessions.delete(key);
  state.sessions.set(key, session);
}

const NONE: readonly Event[] = [];
const NOTHING: Decision<Message, Event> = { events: NONE, actions: [] };

function ack(code: AckCode, session: Session): Message {
  return { type: 'ACK', code, next: session.rcvNxt >>> 0, window: WINDOW, digest: session.digest >>> 0 };
}

function reset(to: Path, code: ResetCode): Decision<Message, Event> {
  return {
    events: NONE,
    actions: [
      { to, say: { type: 'RESET', code } },
      { to, hangUp: true },
    ],
  };
}

/** At most one connection speaks for a session, and connections are few, so a second index is not worth its upkeep. */
function speakerFor(state: State, key: Key): Path | undefined {
  for (const [path, spoken] of state.speakers) if (spoken === key) return path;
  return undefined;
}

function facts(state: State): Facts {
  const known: Facts = {};
  for (const session of state.sessions.values()) {
    const next = session.rcvNxt >>> 0;
    const bytes = (session.rcvNxt - session.first) >>> 0;
    known[`session[${session.id}]`] =
      `${session.is}, next ${next}, ${bytes} bytes delivered, digest ${hex(session.digest)}`;
  }
  for (const [path, key] of state.speakers) {
    const session = state.sessions.get(key);
    known[`path[${path}]`] = session ? `speaks for session[${session.id}]` : 'speaks for a session that is gone';
  }
  return known;
}

function seconds(world: World): number {
  return Math.floor(world.now() / 1000);
}

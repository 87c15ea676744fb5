// Everything this broker remembers between two packets: a letter box under every client's name, and the last word on every topic.
// From top to bottom: the State; what can happen to it (Event); how much of it is kept (Limits); which rule decides on what (rulesFor);
// and what each event changes (apply). The rules themselves stand in rules/, a question to each file.

import type { AccessRule } from '../../served/access.ts';
import { acknowledge, catchUp, draftOf, type LetterBox, resume, type Way } from '../../served/letter-box.ts';
import type { Path, Rules } from '../shapes.ts';
import { puback, pubcomp, pubrec, pubrel } from './rules/acknowledging.ts';
import { connect, refusal } from './rules/connecting.ts';
import { leavingTo } from './rules/delivering.ts';
import { file, newSession, put, putLast, retain, sever, standIn, take, turn, unfile } from './rules/filing.ts';
import { type By, type House, houseOf, NONE, NOTHING, SILENCE } from './rules/house.ts';
import { disconnect, expel, leave, pass } from './rules/leaving.ts';
import { letterTo, POST } from './rules/letters.ts';
import { forgetRoutes, indexOf, set, unset } from './rules/lookup.ts';
import { publish } from './rules/publishing.ts';
import { memberOf, routeOf } from './rules/routes.ts';
import { retainedFor, subscribe, unsubscribe } from './rules/subscribing.ts';
import { heard, heardWill, type ToldBytes, type ToldProperties, type ToldWill } from './rules/told.ts';
import { facts } from './rules/words.ts';
import { CODE, CONNACK4, type Message, type Properties, type QoS, type Version } from './wire.ts';

/** The name that a client goes by, on whatever path it comes (MQTT-3.1.3-2). */
export type ClientId = string;

export interface State {
  /**
   * Filed under the client id, a name that the client carries: that is why a session outlives its path. A Map, because names
   * come from the wire, and because it keeps the order of falling asleep: the first is the next to make room.
   */
  sessions: Map<ClientId, Session>;
  /** Filed under the topic: the last retained message on each. A Map keeps the order of arrival: the first makes room. */
  retained: Map<string, Publication>;
  /** Filed under the path: for whom a connection speaks. No path outlives the process, so nothing in this Map is written down. */
  connections: Map<Path, Connection>;
  /** Filed under the whole `$share/group/filter`: those who take turns. A Map, because filters come from the wire. */
  shares: Map<string, Share>;
  /**
   * Client ids of sessions that were found connected in what was written down: their connections died with the process before.
   * A Set, because each is in it once, and because the first one in is the first to be seen to.
   */
  orphans: Set<ClientId>;
}

/**
 * MQTT 5 §4.1. What most sessions never need is null until they do: there may be a hundred thousand of them asleep. The letter box
 * holds the `queue` of what waits, and `out`: what was sent and is not acknowledged, filed under the packet id, in the order of
 * sending (MQTT-4.6.0-1); after PUBREC only the id counts.
 */
export interface Session extends LetterBox<Letter, Awake> {
  /** Who it belongs to, where there are users: nobody else may take it over. */
  user: string | null;
  /** Seconds that it is kept after its connection; 0 ends it with that (§3.1.2.11.2). */
  expiry: number;
  /** Whether the journal knows of it. All that concerns it is then written down, until its end. */
  kept: boolean;
  /** Filed under the filter as it was asked for, in a Map: the same filter again replaces it (MQTT-3.8.4-3). */
  subscriptions: Map<string, Subscription> | null;
  /** Packet ids of QoS 2 messages that came and are not released. A Set: the same id again is the same message (MQTT-4.3.3-10). */
  in: Set<number> | null;
  will: Will | null;
  /** When a sleeping session ends, in seconds since the epoch. */
  ends: number | null;
}

/** The connection that speaks for a session, as far as it matters to what may be sent. */
export interface Awake extends Way {
  path: Path;
  version: Version;
  /** Messages that may be unacknowledged at a time (Receive Maximum, §3.1.2.11.3). */
  window: number;
  /** Bytes that the client takes in one packet (§3.1.2.11.4). */
  largest: number;
  /** Messages of QoS 0 that it was not told, since it does not read. */
  missed: number;
}

export interface Connection {
  client: ClientId;
  version: Version;
  keepAlive: number;
  /** Whether more than a code may be said of what went wrong (§3.1.2.11.7). */
  problem: boolean;
  /** Filed under the alias: the topic that it stands for, as long as the connection lasts (§3.3.2.3.4). A Map of as many as we allow. */
  aliases: Map<number, string> | null;
}

export interface Subscription {
  qos: QoS;
  noLocal: boolean;
  retainAsPublished: boolean;
  /** Subscription identifier; 0 is none. */
  id: number;
}

/** Members of a shared subscription, in Sets, which keep the order: the one whose turn it is stands first, and goes to the end. */
export interface Share {
  ready: Set<ClientId>;
  /** Asleep, or not reading. */
  away: Set<ClientId>;
}

/** What is passed on unchanged (MQTT-3.3.2-4, -15, -16, -17, -20). */
export type Passed = Pick<Properties, 'payloadFormat' | 'contentType' | 'responseTopic' | 'correlationData' | 'user'>;

export interface Publication {
  topic: string;
  payload: Buffer;
  qos: QoS;
  properties: Passed | null;
  /** When it is of no use any more, in milliseconds since the epoch. */
  expires: number | null;
}

/** A publication on its way to one client. Never changed: many share it. */
export interface Letter {
  publication: Publication;
  qos: QoS;
  retain: boolean;
  /** Subscription identifiers that it is sent for. */
  ids: number[] | null;
}

export interface Will {
  topic: string;
  payload: Buffer;
  qos: QoS;
  retain: boolean;
  properties: Passed | null;
  /** Seconds from publication until it is of no use. */
  expiry: number | null;
  /** Seconds from the end of the connection until it is published (§3.1.3.2.2). */
  delay: number;
  /** The second at which it is published, since the epoch, once the connection has ended. */
  due: number | null;
}

export type Granted = {
  filter: string;
  qos: QoS;
  noLocal: boolean;
  retainAsPublished: boolean;
  id: number;
  tells: boolean;
};

/** `kept`: whether the journal knows the session. `at`: milliseconds since the epoch. */
export type Event =
  | {
      is: 'connected';
      client: ClientId;
      user: string | null;
      expiry: number;
      path: Path;
      version: Version;
      window: number;
      largest: number;
      will: ToldWill | null;
      at: number;
      kept: boolean;
    }
  | { is: 'spoke'; path: Path; client: ClientId; version: Version; keepAlive: number; problem: boolean }
  /** Falls asleep. `will`: the second at which it is due, null for none. */
  | { is: 'parted'; client: ClientId; expiry: number; ends: number | null; will: number | null; kept: boolean }
  | { is: 'ended'; client: ClientId; kept: boolean }
  | { is: 'subscribed'; client: ClientId; filters: Granted[]; at: number; kept: boolean }
  | { is: 'unsubscribed'; client: ClientId; filters: string[]; kept: boolean }
  | Published
  /** PUBREC: from here on only the packet id is on its way. */
  | { is: 'received'; client: ClientId; id: number; kept: boolean }
  /** `ids`: more than one only in what is written down. `at`: only where something waits for it. */
  | { is: 'acknowledged'; client: ClientId; ids: number[]; at?: number; kept: boolean }
  | { is: 'released'; client: ClientId; id: number; kept: boolean }
  | { is: 'lagging'; client: ClientId; kept: boolean }
  | { is: 'caughtUp'; client: ClientId; at: number; kept: boolean }
  | { is: 'missed'; clients: ClientId[] }
  | { is: 'turned'; chosen: [share: string, client: ClientId][] }
  | { is: 'aliased'; path: Path; alias: number; topic: string };

/**
 * One for each publication, however many it goes to: `apply` finds them as `decide` did. What most of them have nothing of is not there
 * at all: it would be written down with every one.
 */
export type Published = {
  is: 'published';
  topic: string;
  payload: ToldBytes;
  qos: QoS;
  /** Who published it. */
  from: ClientId;
  kept: boolean;
  retain?: true;
  properties?: ToldProperties;
  expires?: number;
  /** Under which packet id, if QoS 2. */
  id?: number;
  /** It was the will of `from`. */
  isWill?: true;
  /** Who took their turn. */
  chosen?: [share: string, client: ClientId][];
};

/** `keepAlive`: the connection is silent when nothing came for 1.5 times as many seconds (MQTT-3.1.2-22); 0 is never. */
export type Deed = { is: 'keepAlive'; seconds: number };

/** `lagging`: the peer does not read what it is told. */
export type Outcome = { is: 'silent' } | { is: 'lagging' } | { is: 'caughtUp' };

/** How much is kept for strangers. When a table is full, what has been there longest makes room, unless said otherwise. */
export interface Limits {
  /** Sessions, asleep and awake. The one that has slept longest makes room, and a will that it left is not published. */
  sessions: number;
  /** Seconds that a session is kept after its connection, whatever was asked for. Announced in version 5. */
  sessionExpiry: number;
  /** Per session. Beyond that a SUBSCRIBE is refused with 0x97, in 3.1.1 with 0x80. */
  subscriptions: number;
  /** Messages that wait for one client. */
  queue: number;
  /** Bytes of their topics and payloads. */
  queueBytes: number;
  /** The same of all letter boxes together. When the house is full, each box makes room for its own new letters. */
  queuesBytes: number;
  /** Messages sent to one client and not acknowledged; fewer where its Receive Maximum says so. The rest waits in the queue. */
  inFlight: number;
  /** QoS 2 messages of one client that are not released. Announced as Receive Maximum; beyond it the client has to go. */
  unreleased: number;
  /** Retained messages, and the bytes of their topics and payloads. */
  retained: number;
  retainedBytes: number;
  /** Levels of a topic or a filter, and its characters. */
  topicLevels: number;
  topicLength: number;
  /** Characters of a client id. */
  clientId: number;
  /** Topic aliases of a connection. Announced; there are none the other way. */
  topicAliases: number;
  /** Seconds. Announced in version 5, where a client asks for more; 1.5 times as many is how long any connection may be silent. */
  keepAlive: number;
  /** Topics whose subscribers are known without looking for them again. Only costs time when it is small. */
  routes: number;
  /** Clients that those are, counted once for each topic. */
  routed: number;
}

export const LIMITS: Limits = {
  sessions: 100_000,
  sessionExpiry: 3600,
  subscriptions: 100,
  queue: 1000,
  queueBytes: 5 << 20,
  queuesBytes: 128 << 20,
  inFlight: 100,
  unreleased: 100,
  retained: 10_000,
  retainedBytes: 64 << 20,
  topicLevels: 16,
  topicLength: 1024,
  clientId: 256,
  topicAliases: 16,
  keepAlive: 400,
  routes: 10_000,
  routed: 200_000,
};

export interface Given {
  /** Filed under the name: SHA-256 of the password. Whoever is not in it may not connect. Without it, names mean nothing. */
  users?: ReadonlyMap<string, Buffer>;
  /** What is not allowed by a rule is then denied. */
  acl?: readonly AccessRule[];
  limits?: Partial<Limits>;
}

/** The rules of MQTT 3.1.1 and 5.0, for these users, these rights and these limits. */
export function rulesFor(given: Given = {}): Rules<State, Message, Event, Deed, Outcome> {
  const house = houseOf({ ...LIMITS, ...given.limits }, given.users, given.acl);

  return {
    empty: () => ({
      sessions: new Map(),
      retained: new Map(),
      connections: new Map(),
      shares: new Map(),
      orphans: new Set(),
    }),

    decide(state, message, from, world) {
      const connection = state.connections.get(from);
      if (!connection) {
        if (message.type === 'CONNECT') return connect(house, state, message, from, world);
        // MQTT-3.1.0-1. Whoever was forgotten is a stranger too; a DISCONNECT may only follow a CONNACK (MQTT-3.14.0-1).
        return { events: NONE, actions: [{ to: from, hangUp: true }] };
      }
      const session = state.sessions.get(connection.client);
      if (!session?.awake) throw new Error('a connection speaks for a session that is not awake');
      const { client } = connection;
      const by: By = { house, state, connection, client, session, awake: session.awake, from, world };
      switch (message.type) {
        case 'PUBLISH':
          return publish(by, message);
        case 'PUBACK':
          return puback(by, message);
        case 'PUBREC':
          return pubrec(by, message);
        case 'PUBREL':
          return pubrel(by, message);
        case 'PUBCOMP':
          return pubcomp(by, message);
        case 'SUBSCRIBE':
          return subscribe(by, message);
        case 'UNSUBSCRIBE':
          return unsubscribe(by, message);
        case 'PINGREQ':
          // MQTT-3.12.4-1.
          return { events: NONE, actions: [{ to: from, say: { version: connection.version, type: 'PINGRESP' } }] };
        case 'DISCONNECT':
          return disconnect(by, message);
        case 'CONNECT':
          return expel(by, CODE.protocolError, 'CONNECT comes once (MQTT-3.1.0-2).');
        case 'AUTH':
          // MQTT 5 §4.12: there is nothing to go on with, since no method is ever agreed on.
          return expel(by, CODE.protocolError, 'No authentication method was agreed on.');
        default:
          return expel(by, CODE.protocolError, `${message.type} is for servers to say.`);
      }
    },

    // MQTT-3.2.2-6, MQTT 5 §3.2.2.2: what is kept of this client is out of reach, so nobody may say that there is nothing.
    unavailable: (message, from) =>
      message?.type === 'CONNECT'
        ? refusal(message, from, CODE.serverUnavailable, CONNACK4.serverUnavailable, 'The store is away.')
        : [{ to: from, hangUp: true }],

    learn(state, outcome, from, world) {
      const connection = state.connections.get(from);
      const session = connection && state.sessions.get(connection.client);
      // It may have gone before the news of it came.
      if (!connection || !session?.awake) return NOTHING;
      const { client } = connection;
      const { kept, awake } = session;
      switch (outcome.is) {
        case 'silent':
          // MQTT-3.1.2-22: one and a half times the Keep Alive have passed.
          return expel(
            { house, state, connection, client, session, awake, from, world },
            CODE.keepAliveTimeout,
            'Nothing was heard for too long.',
          );
        case 'lagging':
          return awake.lagging ? NOTHING : { events: [{ is: 'lagging', client, kept }], actions: SILENCE };
        case 'caughtUp': {
          if (!awake.lagging) return NOTHING;
          const at = world.now();
          const draft = draftOf(session);
          return {
            events: [{ is: 'caughtUp', client, at, kept }],
            actions: leavingTo(awake, catchUp(draft, at, POST), at),
          };
        }
      }
    },

    part(state, from, world) {
      const connection = state.connections.get(from);
      if (!connection) return NOTHING;
      // Without a DISCONNECT: its will is to be published (MQTT-3.1.2-8).
      return leave(house, state, connection.client, world.now(), { will: true });
    },

    due(state) {
      if (state.orphans.size > 0) return 0;
      const second = indexOf(house, state).alarms.soonest;
      return second === undefined ? undefined : second * 1000;
    },

    pass: (state, world) => pass(house, state, world),
    apply: (state, event) => apply(house, state, event),

    lasting: (event) => 'kept' in event && event.kept,

    // A subscriber that acknowledges many messages at once is most of what there is to write down.
    join(earlier, later) {
      if (earlier.is !== 'acknowledged' || later.is !== 'acknowledged' || earlier.client !== later.client) return false;
      // What leaves because of the one must not leave because of the other.
      if (earlier.at !== undefined || later.at !== undefined) return false;
      earlier.ids.push(...later.ids);
      return true;
    },

    outlives(state) {
      const sessions = new Map<ClientId, Session>();
      const orphans = new Set<ClientId>();
      for (const [client, session] of state.sessions) {
        if (!session.kept) continue;
        sessions.set(client, session);
        if (session.awake) orphans.add(client);
      }
      const kept = (clients: Set<ClientId>) => new Set([...clients].filter((client) => sessions.has(client)));
      const shares = new Map<string, Share>();
      for (const [name, { ready, away }] of state.shares) {
        const share = { ready: kept(ready), away: kept(away) };
        if (share.ready.size + share.away.size > 0) shares.set(name, share);
      }
      return { ...state, sessions, shares, orphans, connections: new Map() };
    },

    facts,
  };
}

/** The only place where the State changes, and what can be looked up with it. Every route ends when anybody comes, goes or subscribes. */
function apply(house: House, state: State, event: Event): void {
  const index = indexOf(house, state);
  switch (event.is) {
    case 'published': {
      const publication = heard(event);
      const { retain: isRetained = false } = event;
      if (isRetained) retain(house, state, index, publication);
      const sender = state.sessions.get(event.from);
      if (sender && event.id !== undefined) {
        sender.in ??= new Set();
        sender.in.add(event.id);
      }
      if (sender && event.isWill) {
        unset(index, event.from, sender);
        sender.will = null;
        set(index, event.from, sender);
      }
      if (publication.qos > 0)
        for (const target of routeOf(house, state, event.topic).boxes)
          if (!target.noLocal || target.client !== event.from)
            put(house, index, target.session, letterTo(target, publication, publication.qos, isRetained));
      for (const [name, client] of event.chosen ?? []) {
        turn(state, name, client);
        const member = memberOf(state, name, client);
        if (!member) continue;
        const letter = letterTo(member, publication, publication.qos, isRetained);
        if (letter.qos > 0) put(house, index, member.session, letter);
      }
      return;
    }
    case 'acknowledged': {
      const session = state.sessions.get(event.client);
      if (!session) return;
      for (const id of event.ids) take(index, session, () => acknowledge(session, id, event.at ?? 0, POST));
      return;
    }
    case 'received': {
      const session = state.sessions.get(event.client);
      session?.out?.set(event.id, null);
      session?.held?.delete(event.id);
      return;
    }
    case 'released': {
      const session = state.sessions.get(event.client);
      if (session?.in?.delete(event.id) && session.in.size === 0) session.in = null;
      return;
    }
    case 'connected': {
      const session = state.sessions.get(event.client) ?? newSession();
      unset(index, event.client, session);
      index.asleep.delete(event.client);
      session.user = event.user;
      session.expiry = event.expiry;
      session.kept = event.kept;
      session.ends = null;
      session.will = event.will && heardWill(event.will);
      const { path, version, window, largest } = event;
      const awake = { path, version, window, largest, lagging: false, missed: 0 };
      take(index, session, () => resume(session, awake, event.at, POST));
      putLast(state.sessions, event.client, session);
      standIn(state, event.client, session, 'ready');
      // Until its connection speaks: in a journal that is read again, none ever does.
      state.orphans.add(event.client);
      forgetRoutes(index);
      return;
    }
    case 'spoke':
      state.connections.set(event.path, {
        client: event.client,
        version: event.version,
        keepAlive: event.keepAlive,
        problem: event.problem,
        aliases: null,
      });
      state.orphans.delete(event.client);
      return;
    case 'parted': {
      const session = state.sessions.get(event.client);
      if (!session) return;
      sever(state, event.client, session);
      session.expiry = event.expiry;
      session.ends = event.ends;
      if (session.will) session.will = event.will === null ? null : { ...session.will, due: event.will };
      putLast(state.sessions, event.client, session);
      standIn(state, event.client, session, 'away');
      set(index, event.client, session);
      index.asleep.add(event.client);
      forgetRoutes(index);
      return;
    }
    case 'ended': {
      const session = state.sessions.get(event.client);
      if (!session) return;
      unset(index, event.client, session);
      index.asleep.delete(event.client);
      sever(state, event.client, session);
      for (const filter of session.subscriptions?.keys() ?? []) unfile(state, index, event.client, filter);
      state.sessions.delete(event.client);
      index.queued -= session.queued;
      forgetRoutes(index);
      return;
    }
    case 'subscribed': {
      const session = state.sessions.get(event.client);
      if (!session) return;
      for (const granted of event.filters) file(state, index, event.client, session, granted);
      for (const letter of retainedFor(house, state, session.user, event.filters, event.at))
        if (letter.qos > 0) put(house, index, session, letter);
      forgetRoutes(index);
      return;
    }
    case 'unsubscribed': {
      const session = state.sessions.get(event.client);
      if (!session?.subscriptions) return;
      for (const filter of event.filters)
        if (session.subscriptions.delete(filter)) unfile(state, index, event.client, filter);
      if (session.subscriptions.size === 0) session.subscriptions = null;
      forgetRoutes(index);
      return;
    }
    case 'lagging': {
      const session = state.sessions.get(event.client);
      if (!session?.awake) return;
      session.awake.lagging = true;
      standIn(state, event.client, session, 'away');
      forgetRoutes(index);
      return;
    }
    case 'caughtUp': {
      const session = state.sessions.get(event.client);
      if (!session?.awake) return;
      take(index, session, () => catchUp(session, event.at, POST));
      standIn(state, event.client, session, 'ready');
      forgetRoutes(index);
      return;
    }
    case 'missed':
      for (const client of event.clients) {
        const awake = state.sessions.get(client)?.awake;
        if (awake) awake.missed++;
      }
      return;
    case 'turned':
      for (const [name, client] of event.chosen) turn(state, name, client);
      return;
    case 'aliased': {
      const connection = state.connections.get(event.path);
      if (!connection) return;
      connection.aliases ??= new Map();
      connection.aliases.set(event.alias, event.topic);
    }
  }
}

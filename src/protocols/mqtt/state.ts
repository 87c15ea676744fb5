// Everything this broker remembers between two packets: a letter box under every client's name, and the last word on every topic.

import { type AccessRule, isPassword, maySubscribe, mayUse } from '../../served/access.ts';
import { type Alarms, clearAlarm, noAlarms, setAlarm } from '../../served/alarms.ts';
import {
  acknowledge,
  catchUp,
  draftOf,
  type Leaving,
  type LetterBox,
  nextId,
  type Post,
  place,
  resume,
  roomFor,
  type Way,
} from '../../served/letter-box.ts';
import {
  addSubscriber,
  eachSubscriber,
  noSubscribers,
  removeSubscriber,
  type Subscribers,
  sharesFor,
} from '../../served/subscribers.ts';
import {
  eachWithin,
  emptyTree,
  isTopicFilter,
  isTopicName,
  levelsIn,
  plantAt,
  prune,
  sharedIn,
  type TopicTree,
} from '../../served/topics.ts';
import { printable, quoted } from '../../wire/printable.ts';
import type { Action, Decision, Facts, Path, Rules, World } from '../shapes.ts';
import { CODE, CONNACK4, type Filter, LARGEST, type Message, type Properties, type QoS, type Version } from './wire.ts';

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
  /** Filed under the path: for whom a connection speaks. Nothing here outlives the process, so nothing here is written down. */
  connections: Map<Path, Connection>;
  /** Filed under the whole `$share/group/filter`: those who take turns. */
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
  /** Filed under the filter as it was asked for: the same filter again replaces it (MQTT-3.8.4-3). */
  subscriptions: Map<string, Subscription> | null;
  /** Ids of QoS 2 messages that came and are not released: the same id again is the same message (MQTT-4.3.3-10). */
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
  /** Filed under the alias: the topic that it stands for, as long as the connection lasts (§3.3.2.3.4). */
  aliases: Map<number, string> | null;
}

export interface Subscription {
  qos: QoS;
  noLocal: boolean;
  retainAsPublished: boolean;
  /** Subscription identifier; 0 is none. */
  id: number;
}

/** Members of a shared subscription. The one whose turn it is stands first. */
export interface Share {
  ready: Set<ClientId>;
  /** Asleep, or not reading. */
  away: Set<ClientId>;
}

/** What is passed on unchanged (MQTT-3.3.2-4, -15, -16, -17, -20). */
type Passed = Pick<Properties, 'payloadFormat' | 'contentType' | 'responseTopic' | 'correlationData' | 'user'>;

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

/** Plain JSON: bytes are in base64. */
type ToldProperties = {
  payloadFormat?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: string;
  user?: [name: string, value: string][];
};
type ToldWill = {
  topic: string;
  payload: string;
  qos: QoS;
  retain: boolean;
  properties: ToldProperties | null;
  expiry: number | null;
  delay: number;
};
type Granted = { filter: string; qos: QoS; noLocal: boolean; retainAsPublished: boolean; id: number; tells: boolean };

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
  | { is: 'acknowledged'; client: ClientId; id: number; at: number; kept: boolean }
  | { is: 'released'; client: ClientId; id: number; kept: boolean }
  | { is: 'lagging'; client: ClientId; kept: boolean }
  | { is: 'caughtUp'; client: ClientId; at: number; kept: boolean }
  | { is: 'missed'; clients: ClientId[] }
  | { is: 'turned'; chosen: [share: string, client: ClientId][] }
  | { is: 'aliased'; path: Path; alias: number; topic: string };

/** One for each publication, however many it goes to: `apply` finds them as `decide` did. */
type Published = {
  is: 'published';
  topic: string;
  payload: string;
  qos: QoS;
  retain: boolean;
  properties: ToldProperties | null;
  expires: number | null;
  /** Who published it, and under which packet id, if QoS 2; 0 otherwise. */
  from: ClientId;
  id: number;
  /** It was the will of `from`. */
  isWill: boolean;
  /** Who took their turn. */
  chosen: [share: string, client: ClientId][];
  kept: boolean;
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
}

export const LIMITS: Limits = {
  sessions: 100_000,
  sessionExpiry: 3600,
  subscriptions: 100,
  queue: 1000,
  queueBytes: 5 << 20,
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
};

export interface Given {
  /** Filed under the name: SHA-256 of the password. Whoever is not in it may not connect. Without it, names mean nothing. */
  users?: ReadonlyMap<string, Buffer>;
  /** What is not allowed by a rule is then denied. */
  acl?: readonly AccessRule[];
  limits?: Partial<Limits>;
}

/** For ever, in a Session Expiry Interval (§3.1.2.11.2). */
const FOR_EVER = 0xffffffff;
/** The largest packet that MQTT knows: what a client takes that does not say. */
const ANY_SIZE = 268_435_460;
/** A client that takes so much takes whatever another one could send: a packet, and a topic that an alias stood for. */
const ROOMY = LARGEST.other + 0x10000;
/** Endings that one look at the clock brings about. */
const AT_ONCE = 1000;
/** Clients that take less are told codes only. */
const WORDY = 256;

/** What most subscriptions are: one object for all of them. */
const USUAL: Readonly<Record<QoS, Subscription>> = {
  0: { qos: 0, noLocal: false, retainAsPublished: false, id: 0 },
  1: { qos: 1, noLocal: false, retainAsPublished: false, id: 0 },
  2: { qos: 2, noLocal: false, retainAsPublished: false, id: 0 },
};
const NO_PROPERTIES: Properties = {};
const NONE: readonly Event[] = [];
const SILENCE: readonly Action<Message, Deed>[] = [];

type Acts = Action<Message, Deed>[];
type Decided = Decision<Message, Event, Deed>;
const NOTHING: Decided = { events: NONE, actions: SILENCE };

/**
 * What can be looked up faster than the State tells it. Made from the State and of no other use, as the index of a book is made
 * from the book: it is not written down, and may be thrown away at any time.
 */
interface Index {
  /** Who subscribed to what. */
  subscribers: Subscribers<Subscription>;
  /** Filed under the topic: the retained message. */
  retained: TopicTree<Publication>;
  retainedBytes: number;
  /** Filed under the second: who then ends, or has a will to be published. */
  alarms: Alarms;
  /** Client ids in the order of falling asleep. */
  asleep: Set<ClientId>;
  /** Filed under the topic: where a publication goes. Emptied when anybody comes, goes or subscribes. */
  routes: Map<string, Route>;
}

/** Where a publication goes. */
interface Route {
  /** To whom it goes as QoS 0 when it was published so: everybody. */
  all: Fan;
  /** To whom it goes as QoS 0 in any case. */
  plain: Fan;
  /** To whom it goes with an acknowledgement when it was published so. */
  boxes: Target[];
  /** Whether the journal knows one of those. */
  kept: boolean;
  /** Shared subscriptions, each of which gives it to one. */
  shares: string[];
}

/** One client that has subscribed, however many of its filters match: it gets one copy (MQTT 5 §3.3.4). */
interface Target {
  client: ClientId;
  session: Session;
  /** The highest of its subscriptions (MQTT-3.3.4-2). */
  qos: QoS;
  noLocal: boolean;
  retainAsPublished: boolean;
  ids: number[] | null;
}

/** Those who are told at once, and nothing is kept for. One list for all who are told the same bytes. */
interface Fan {
  v4: Path[];
  v5: Path[];
  /** Those who are told bytes of their own. */
  others: Target[];
  /** Those who do not read, and miss it. */
  lagging: ClientId[];
}

/** The rules of MQTT 3.1.1 and 5.0, for these users, these rights and these limits. */
export function rulesFor(given: Given = {}): Rules<State, Message, Event, Deed, Outcome> {
  const { users, acl } = given;
  const limits: Limits = { ...LIMITS, ...given.limits };
  const indexes = new WeakMap<State, Index>();
  /** The one that was asked for last: there is hardly ever another. */
  let latest: { state: State; index: Index } | undefined;

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
        if (message.type === 'CONNECT') return connect(state, message, from, world);
        // MQTT-3.1.0-1. Whoever was forgotten is a stranger too; a DISCONNECT may only follow a CONNACK (MQTT-3.14.0-1).
        return { events: NONE, actions: [{ to: from, hangUp: true }] };
      }
      const session = state.sessions.get(connection.client);
      if (!session?.awake) throw new Error('a connection speaks for a session that is not awake');
      const by: By = { state, connection, client: connection.client, session, awake: session.awake, from, world };
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
            { state, connection, client, session, awake, from, world },
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
      return leave(state, connection.client, world.now(), { will: true });
    },

    due(state) {
      if (state.orphans.size > 0) return 0;
      const second = indexOf(state).alarms.soonest;
      return second === undefined ? undefined : second * 1000;
    },

    pass,
    apply,

    lasting: (event) => 'kept' in event && event.kept,

    outlives(state) {
      const sessions = new Map<ClientId, Session>();
      const orphans = new Set<ClientId>();
      for (const [client, session] of state.sessions) {
        if (!session.kept) continue;
        sessions.set(client, session);
        if (session.awake) orphans.add(client);
      }
      const shares = new Map<string, Share>();
      for (const [name, { ready, away }] of state.shares) {
        const share = { ready: only(ready, sessions), away: only(away, sessions) };
        if (share.ready.size + share.away.size > 0) shares.set(name, share);
      }
      return { ...state, sessions, shares, orphans, connections: new Map() };
    },

    facts,
  };

  // Connecting (MQTT 5 §3.1).

  function connect(state: State, asked: Message & { type: 'CONNECT' }, from: Path, world: World): Decided {
    const { version, properties, clean } = asked;
    if (properties.authMethod !== undefined)
      return refuse(asked, from, CODE.badAuthMethod, CONNACK4.notAuthorized, 'There is only user name and password.');
    // §3.1.2.11.3, §3.1.2.11.4.
    if (properties.receiveMaximum === 0 || properties.maximumPacketSize === 0)
      return refuse(asked, from, CODE.protocolError, CONNACK4.notAuthorized, 'Nothing could ever be sent to you.');
    const user = users ? asked.user : undefined;
    if (users && user === undefined)
      return refuse(asked, from, CODE.notAuthorized, CONNACK4.notAuthorized, 'Who are you?');
    if (users && user !== undefined && !isPassword(users, user, asked.password))
      return refuse(asked, from, CODE.badUserOrPassword, CONNACK4.badUserOrPassword, 'That is not it.');
    const owner = user ?? null;

    // MQTT-3.1.3-6, MQTT-3.1.3-8 of 3.1.1: who has no name cannot be remembered under it. In version 5 one is assigned (MQTT-3.1.3-6).
    if (asked.client === '' && version === 4 && !clean)
      return refuse(asked, from, CODE.clientIdNotValid, CONNACK4.identifierRejected, '');
    if (asked.client.length > limits.clientId)
      return refuse(asked, from, CODE.clientIdNotValid, CONNACK4.identifierRejected, 'The client id is too long.');
    const client = asked.client === '' ? world.name() : asked.client;
    const { will } = asked;
    if (will && !isTopic(will.topic))
      return refuse(asked, from, CODE.topicNameInvalid, CONNACK4.notAuthorized, 'That is no topic for a will.');
    if (will && !mayWrite(owner, will.topic))
      return refuse(asked, from, CODE.notAuthorized, CONNACK4.notAuthorized, 'That will is not allowed.');

    const before = state.sessions.get(client);
    // Whoever knows the name of a session is not yet the one it belongs to.
    if (before && before.user !== owner)
      return refuse(asked, from, CODE.notAuthorized, CONNACK4.notAuthorized, 'That client id is somebody else’s.');

    const at = world.now();
    const events: Event[] = [];
    const actions: Acts = [];
    let session = before;
    if (before?.awake) {
      // MQTT-3.1.4-3: the newest wins. An orphan's path may belong to anybody by now, and is not spoken to.
      if (!state.orphans.has(client)) actions.push(...goodbye(before.awake, CODE.sessionTakenOver, 'Taken over.'));
      const gone = leave(state, client, at, { will: true, ends: clean });
      events.push(...gone.events);
      actions.push(...gone.actions);
      session = gone.draft;
    } else if (before && clean) {
      // MQTT-3.1.2-4: a clean start discards what there was; a session that ends has its will published (MQTT-3.1.2-10).
      const gone = end(state, client, before, at);
      events.push(...gone.events);
      actions.push(...gone.actions);
      session = undefined;
    } else if (!before && state.sessions.size >= limits.sessions) {
      const [oldest] = indexOf(state).asleep;
      const kept = oldest !== undefined && state.sessions.get(oldest)?.kept === true;
      if (oldest === undefined)
        return refuse(asked, from, CODE.quotaExceeded, CONNACK4.serverUnavailable, 'The house is full.');
      events.push({ is: 'ended', client: oldest, kept });
    }

    const wanted = version === 5 ? (properties.sessionExpiry ?? 0) : clean ? 0 : FOR_EVER;
    const expiry = Math.min(wanted, limits.sessionExpiry);
    const awake = awakeOn(from, version, properties, limits.inFlight);
    const connected: Event = {
      is: 'connected',
      client,
      user: owner,
      expiry,
      path: from,
      version,
      window: awake.window,
      largest: awake.largest,
      will: will ? toldWill(will) : null,
      at,
      kept: expiry > 0 || session?.kept === true,
    };
    const problem = properties.requestProblem !== 0;
    const { keepAlive } = asked;
    const seconds = version === 5 && keepAlive > limits.keepAlive ? limits.keepAlive : keepAlive;
    events.push(connected, { is: 'spoke', path: from, client, version, keepAlive: seconds, problem });
    actions.push(
      {
        to: from,
        say: {
          version,
          type: 'CONNACK',
          // MQTT-3.2.2-2, MQTT-3.2.2-3.
          sessionPresent: session !== undefined,
          code: CODE.success,
          properties:
            version === 4
              ? NO_PROPERTIES
              : {
                  ...(expiry === wanted ? {} : { sessionExpiry: expiry }),
                  ...(asked.client === '' ? { assignedClientId: client } : {}),
                  ...(seconds === keepAlive ? {} : { serverKeepAlive: seconds }),
                  receiveMaximum: limits.unreleased,
                  topicAliasMaximum: limits.topicAliases,
                  maximumPacketSize: LARGEST.other,
                },
        },
      },
      { to: from, does: { is: 'keepAlive', seconds } },
    );
    if (session) actions.push(...leavingTo(awake, resume(draftOf(session), awake, at, POST), at));
    return { events, actions };
  }

  function refuse({ version }: Message, from: Path, code: number, code4: number, reason: string): Decided {
    const properties = version === 5 && reason !== '' ? { reason } : NO_PROPERTIES;
    // MQTT-3.2.2-5 of 3.1.1: and then the connection is closed.
    return {
      events: NONE,
      actions: [
        {
          to: from,
          say: { version, type: 'CONNACK', sessionPresent: false, code: version === 5 ? code : code4, properties },
        },
        { to: from, hangUp: true },
      ],
    };
  }

  // Going (MQTT 5 §3.14, §3.1.2.5).

  function disconnect(by: By, { code = CODE.success, properties }: Message & { type: 'DISCONNECT' }): Decided {
    const expiry = properties?.sessionExpiry;
    // §3.14.2.2.2: what was to end with the connection cannot be kept after all.
    if (expiry !== undefined && expiry > 0 && by.session.expiry === 0)
      return expel(by, CODE.protocolError, 'The session was to end with this connection.');
    // MQTT-3.14.4-3: the will is of no use any more; with any other code it is published.
    const gone = leave(by.state, by.client, by.world.now(), {
      will: code !== CODE.success,
      ...(expiry === undefined ? {} : { expiry: Math.min(expiry, limits.sessionExpiry) }),
    });
    return { events: gone.events, actions: [...gone.actions, { to: by.from, hangUp: true }] };
  }

  /** A client that breaks the rules, or has fallen silent, has to go; its will is published (MQTT-4.13.1-1). */
  function expel(by: By, code: number, reason: string): Decided {
    const gone = leave(by.state, by.client, by.world.now(), { will: true });
    return { events: gone.events, actions: [...gone.actions, ...goodbye(by.awake, code, reason)] };
  }

  /**
   * What the end of a connection brings about. A will that is due at once is published while its client still counts as there,
   * so that what `decide` sees is what `apply` will see. `draft`: the session as it then is; undefined when it has ended.
   */
  function leave(
    state: State,
    client: ClientId,
    at: number,
    how: { will: boolean; expiry?: number; ends?: boolean },
  ): Decided & { draft: Session | undefined } {
    const session = state.sessions.get(client);
    if (!session) return { ...NOTHING, draft: undefined };
    const { kept } = session;
    const expiry = how.expiry ?? session.expiry;
    const ends = expiry === 0 || how.ends === true;
    const will = how.will ? session.will : null;
    // MQTT-3.1.3-9: the will comes after its delay, or with the end of the session, whichever is first.
    const now = will && (ends || will.delay === 0) ? publishWill(state, client, will, at) : undefined;
    const events: Event[] = now ? [...now.events] : [];
    events.push(
      ends ? { is: 'ended', client, kept } : parting(client, session, expiry, Math.ceil(at / 1000), now ? null : will),
    );
    if (ends) return { events, actions: now?.actions ?? SILENCE, draft: undefined };
    const draft = draftOf(session);
    for (const letter of now?.own ?? []) place(draft, letter, POST, limits);
    return { events, actions: now?.actions ?? SILENCE, draft };
  }

  /** A sleeping session ends, and its will with it. */
  function end(state: State, client: ClientId, session: Session, at: number): Decided {
    const will = session.will ? publishWill(state, client, session.will, at) : NOTHING;
    return { events: [...will.events, { is: 'ended', client, kept: session.kept }], actions: will.actions };
  }

  function publishWill(state: State, client: ClientId, will: Will, at: number): Spread {
    const { topic, payload, qos, retain, properties, expiry } = will;
    const expires = expiry === null ? null : at + expiry * 1000;
    const publication = { topic, payload, qos, properties, expires };
    return routed(state, publication, { retain, from: client, at, id: 0, isWill: true });
  }

  /** Time has passed. One will at a time, since it may change where the next one goes; the alarm rings again for the rest. */
  function pass(state: State, world: World): Decided {
    const at = world.now();
    const second = Math.floor(at / 1000);
    const events: Event[] = [];
    // When the process before died nobody knows: for its connections, that is now. Their wills are due like any others.
    for (const client of state.orphans) {
      const session = state.sessions.get(client);
      if (events.length >= AT_ONCE) break;
      if (session) events.push(parting(client, session, session.expiry, second, session.will));
    }
    if (events.length > 0) return { events, actions: SILENCE };
    const { buckets, soonest } = indexOf(state).alarms;
    if (soonest === undefined || soonest > second) return NOTHING;
    for (const [when, clients] of buckets) {
      if (when > second) continue;
      for (const client of clients) {
        const session = state.sessions.get(client);
        if (!session) continue;
        const isOver = session.ends !== null && session.ends <= second;
        if (session.will && events.length > 0) return { events, actions: SILENCE };
        if (session.will)
          return isOver ? end(state, client, session, at) : publishWill(state, client, session.will, at);
        events.push({ is: 'ended', client, kept: session.kept });
        if (events.length >= AT_ONCE) return { events, actions: SILENCE };
      }
    }
    return { events, actions: SILENCE };
  }

  // Publishing (MQTT 5 §3.3, §4.3).

  function publish(by: By, message: Message & { type: 'PUBLISH' }): Decided {
    const { state, connection, session, client, from } = by;
    const { qos, id, version, properties } = message;
    let { topic } = message;
    let aliased: Event | undefined;
    const alias = properties.topicAlias;
    if (alias !== undefined) {
      // MQTT-3.3.2-8, MQTT-3.3.2-9.
      if (alias === 0 || alias > limits.topicAliases)
        return expel(by, CODE.topicAliasInvalid, `Aliases go from 1 to ${limits.topicAliases}.`);
      if (topic !== '') aliased = { is: 'aliased', path: from, alias, topic };
      else topic = connection.aliases?.get(alias) ?? '';
    }
    // §3.3.2.3.4: neither a topic nor an alias that stands for one.
    if (topic === '' && version === 5) return expel(by, CODE.protocolError, 'There is no topic.');
    const isKnown = indexOf(state).routes.has(topic);
    // MQTT-3.3.2-2.
    if (!isKnown && !isTopicName(topic)) return expel(by, CODE.topicNameInvalid, 'A topic has no wildcards.');
    // A response topic too (MQTT-3.3.2-14). Subscription identifiers are for servers to say (MQTT-3.3.4-6).
    if (properties.responseTopic !== undefined && !isTopicName(properties.responseTopic))
      return expel(by, CODE.protocolError, 'A response topic has no wildcards.');
    if (properties.subscriptionId) return expel(by, CODE.protocolError, 'Only servers say subscription identifiers.');

    if (qos === 2) {
      // MQTT-4.3.3-10: the same message again, which has been passed on already.
      if (session.in?.has(id)) return answered(by, aliased, 'PUBREC', id);
      // MQTT-3.3.4-7: more than it was told may be on the way.
      if ((session.in?.size ?? 0) >= limits.unreleased)
        return expel(by, CODE.receiveMaximumExceeded, `${limits.unreleased} messages are not released yet.`);
    }
    const word = qos === 1 ? 'PUBACK' : 'PUBREC';
    if (!isKnown && !isTopic(topic)) {
      // In 3.1.1 there is no word for it but to hang up (MQTT-3.3.5-2 of 3.1.1).
      if (version === 4) return expel(by, CODE.topicNameInvalid, '');
      return qos === 0
        ? answered(by, aliased)
        : answered(by, aliased, word, id, CODE.topicNameInvalid, 'The topic is too long or too deep.');
    }
    if ((acl !== undefined || topic.startsWith('$')) && !mayWrite(session.user, topic)) {
      if (qos === 0) return answered(by, aliased);
      // MQTT-3.3.5-2 of 3.1.1: acknowledged all the same, or hung up on; it is not passed on.
      return answered(by, aliased, word, id, CODE.notAuthorized, 'That topic is not yours to write to.');
    }

    const lifetime = properties.messageExpiry;
    const at = qos > 0 || message.retain || lifetime !== undefined ? by.world.now() : 0;
    const publication: Publication = {
      topic,
      payload: message.payload,
      qos,
      properties: passedOn(properties),
      expires: lifetime === undefined ? null : at + lifetime * 1000,
    };
    const spread = routed(state, publication, {
      retain: message.retain,
      from: client,
      at,
      id: qos === 2 ? id : 0,
      isWill: false,
    });
    if (aliased) spread.events.push(aliased);
    if (qos > 0) {
      // §3.4.2.1: nobody has subscribed, and it is not kept for anybody who may.
      const code = version === 5 && spread.reached === 0 && !message.retain ? CODE.noMatchingSubscribers : CODE.success;
      spread.actions.push({ to: from, say: acknowledgement(version, word, id, code) });
    }
    return spread;
  }

  /** An answer to a PUBLISH that is not passed on. */
  function answered(
    { connection, awake, from }: By,
    aliased: Event | undefined,
    type?: 'PUBACK' | 'PUBREC',
    id = 0,
    code: number = CODE.success,
    reason = '',
  ): Decided {
    const events = aliased ? [aliased] : NONE;
    if (!type) return { events, actions: SILENCE };
    const { version } = connection;
    // MQTT-3.1.2-29.
    const words = connection.problem && awake.largest >= WORDY ? reason : '';
    return { events, actions: [{ to: from, say: acknowledgement(version, type, id, code, words) }] };
  }

  /** Passes a publication on to all who have subscribed, keeps it where it is to be kept. */
  function routed(
    state: State,
    publication: Publication,
    how: { retain: boolean; from: ClientId; at: number; id: number; isWill: boolean },
  ): Spread {
    const { topic, qos } = publication;
    const { retain, from, at, id, isWill } = how;
    const route = routeOf(state, topic);
    const events: Event[] = [];
    const actions: Acts = [];
    const own: Letter[] = [];
    let kept = route.kept && qos > 0;
    let isLeft = qos > 0 && route.boxes.length > 0;
    let missed: ClientId[] | undefined;

    const fan = qos === 0 ? route.all : route.plain;
    const { v4, v5 } = fan;
    if (v4.length > 0) actions.push({ to: v4, say: plain(4, publication, at) });
    if (v5.length > 0) actions.push({ to: v5, say: plain(5, publication, at) });
    for (const target of fan.others) {
      if (target.noLocal && target.client === from) continue;
      const { awake } = target.session;
      const letter = letterTo(target, publication, 0, retain);
      if (awake && fits(awake, letter)) actions.push({ to: awake.path, say: letterOn(awake, letter, 0, false, at) });
    }
    if (fan.lagging.length > 0) missed = fan.lagging;

    // Only where one client may be sent two copies does it matter how many it has been sent.
    const sent = route.shares.length > 0 ? new Map<ClientId, number>() : undefined;
    if (qos > 0) {
      for (const target of route.boxes) {
        // MQTT-3.8.3-3.
        if (target.noLocal && target.client === from) continue;
        const letter = letterTo(target, publication, qos, retain);
        if (isWill && target.client === from) own.push(letter);
        if (roomFor(target.session) && sendTo(target.session, letter, 0, at, actions)) sent?.set(target.client, 1);
      }
    }

    const chosen: [share: string, client: ClientId][] = [];
    for (const name of route.shares) {
      const member = turnOf(state, name, topic, qos > 0);
      if (!member) continue;
      const { session, client } = member;
      chosen.push([name, client]);
      const letter = letterTo(member, publication, qos, retain);
      if (letter.qos === 0) {
        const { awake } = session;
        if (awake && fits(awake, letter)) actions.push({ to: awake.path, say: letterOn(awake, letter, 0, false, at) });
        continue;
      }
      isLeft = true;
      kept ||= session.kept;
      if (isWill && client === from) own.push(letter);
      const planned = sent?.get(client) ?? 0;
      if (roomFor(session, planned) && sendTo(session, letter, planned, at, actions)) sent?.set(client, planned + 1);
    }

    const sender = state.sessions.get(from);
    kept ||= retain || ((id !== 0 || isWill) && sender?.kept === true);
    const reached =
      v4.length +
      v5.length +
      fan.others.length +
      fan.lagging.length +
      (qos > 0 ? route.boxes.length : 0) +
      chosen.length;
    // QoS 0 leaves nothing behind, and QoS 1 nothing where nobody acknowledges.
    if (retain || id !== 0 || isWill || isLeft)
      events.push({
        is: 'published',
        topic,
        payload: publication.payload.toString('base64'),
        qos,
        retain,
        properties: publication.properties && toldProperties(publication.properties),
        expires: publication.expires,
        from,
        id,
        isWill,
        chosen,
        kept,
      });
    else if (chosen.length > 0) events.push({ is: 'turned', chosen });
    if (missed) events.push({ is: 'missed', clients: missed });
    return { events, actions, own, reached };
  }

  // Acknowledgements (MQTT 5 §3.4 to §3.7, §4.3).

  function puback(by: By, { id }: Message & { type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP' }): Decided {
    // Of what was never sent, or is finished: nothing to do (§4.13.2 leaves it open).
    return by.session.out?.get(id)?.qos === 1 ? acknowledged(by, id) : NOTHING;
  }

  function pubrec(by: By, { id, code = 0 }: Message & { type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP' }): Decided {
    const { session, client, connection, from } = by;
    const letter = session.out?.get(id);
    if (letter?.qos === 1) return NOTHING;
    // MQTT 5 §4.3.3: it was not taken, and that is the end of it.
    if (letter && code >= 0x80) return acknowledged(by, id);
    // MQTT-4.3.3-4: PUBREL, also again. For an id that is not known version 5 says so; the peer is free to forget it.
    const unknown = letter === undefined && connection.version === 5 ? CODE.packetIdNotFound : CODE.success;
    if (unknown !== CODE.success && code >= 0x80) return NOTHING;
    return {
      events: letter ? [{ is: 'received', client, id, kept: session.kept }] : NONE,
      actions: [{ to: from, say: acknowledgement(connection.version, 'PUBREL', id, unknown) }],
    };
  }

  function pubrel(by: By, { id }: Message & { type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP' }): Decided {
    const { session, client, connection, from } = by;
    const isKnown = session.in?.has(id) === true;
    const code = isKnown || connection.version === 4 ? CODE.success : CODE.packetIdNotFound;
    return {
      events: isKnown ? [{ is: 'released', client, id, kept: session.kept }] : NONE,
      // MQTT-4.3.3-11: answered in any case, or the peer would say it for ever.
      actions: [{ to: from, say: acknowledgement(connection.version, 'PUBCOMP', id, code) }],
    };
  }

  function pubcomp(by: By, { id }: Message & { type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP' }): Decided {
    return by.session.out?.get(id) === null ? acknowledged(by, id) : NOTHING;
  }

  /** A message has arrived for good: there is room for the next (§4.9). */
  function acknowledged({ session, client, awake, world }: By, id: number): Decided {
    const isWaitedFor = session.queue !== null || session.held !== null;
    const at = isWaitedFor ? world.now() : 0;
    return {
      events: [{ is: 'acknowledged', client, id, at, kept: session.kept }],
      actions: isWaitedFor ? leavingTo(awake, acknowledge(draftOf(session), id, at, POST), at) : SILENCE,
    };
  }

  // Subscribing (MQTT 5 §3.8, §3.10).

  function subscribe(by: By, message: Message & { type: 'SUBSCRIBE' }): Decided {
    const { state, session, client, connection, awake, from, world } = by;
    const { version } = connection;
    const id = message.properties.subscriptionId?.[0] ?? 0;
    const codes: number[] = [];
    const filters: Granted[] = [];
    const had = new Set(session.subscriptions?.keys());
    for (const asked of message.filters) {
      const { filter, qos, noLocal, retainAsPublished, retainHandling } = asked;
      const share = sharedIn(filter);
      // MQTT-3.8.3-4.
      if (noLocal && share !== undefined)
        return expel(by, CODE.protocolError, 'A shared subscription has no own messages.');
      const code = verdict(session.user, asked, had);
      codes.push(code < 0x80 || version === 5 ? code : 0x80);
      if (code >= 0x80) continue;
      // MQTT-3.3.1-9 to -11; nothing for a shared subscription (§4.8.2).
      const tells = share === undefined && (retainHandling === 0 || (retainHandling === 1 && !had.has(filter)));
      filters.push({ filter, qos, noLocal, retainAsPublished, id, tells });
      had.add(filter);
    }
    const at = world.now();
    const actions: Acts = [
      // MQTT-3.8.4-1, MQTT-3.8.4-2.
      { to: from, say: { version, type: 'SUBACK', id: message.id, properties: NO_PROPERTIES, codes } },
    ];
    if (filters.length === 0) return { events: NONE, actions };
    let planned = 0;
    for (const letter of retainedFor(state, session.user, filters, at)) {
      if (letter.qos === 0) {
        if (!awake.lagging && fits(awake, letter))
          actions.push({ to: from, say: letterOn(awake, letter, 0, false, at) });
        continue;
      }
      if (!roomFor(session, planned)) continue;
      if (sendTo(session, letter, planned, at, actions)) planned++;
    }
    return { events: [{ is: 'subscribed', client, filters, at, kept: session.kept }], actions };
  }

  /** MQTT-3.8.4-6: a code for each filter. */
  function verdict(user: string | null, { filter, qos }: Filter, had: ReadonlySet<string>): number {
    const share = sharedIn(filter);
    const plainFilter = share === undefined ? filter : share === 'invalid' ? '' : share.filter;
    if (!isTopicFilter(plainFilter) || filter.length > limits.topicLength || levelsIn(plainFilter) > limits.topicLevels)
      return CODE.topicFilterInvalid;
    if (acl && !maySubscribe(acl, user, plainFilter)) return CODE.notAuthorized;
    if (!had.has(filter) && had.size >= limits.subscriptions) return CODE.quotaExceeded;
    return qos;
  }

  /** Retained messages for new subscriptions, in the order of their topics; no more than a queue takes (MQTT-3.3.1-8). */
  function retainedFor(state: State, user: string | null, filters: readonly Granted[], at: number): Letter[] {
    const letters: Letter[] = [];
    let bytes = 0;
    for (const { filter, qos, id, tells } of filters) {
      if (!tells) continue;
      const found: Publication[] = [];
      eachWithin(indexOf(state).retained, filter, (publication) => found.push(publication));
      found.sort((one, other) => (one.topic < other.topic ? -1 : 1));
      for (const publication of found) {
        if (hasExpired(publication, at) || !mayRead(user, publication.topic)) continue;
        bytes += sizeOf(publication);
        if (letters.length >= limits.queue || bytes > limits.queueBytes) return letters;
        letters.push({ publication, qos: least(publication.qos, qos), retain: true, ids: id === 0 ? null : [id] });
      }
    }
    return letters;
  }

  function unsubscribe(by: By, message: Message & { type: 'UNSUBSCRIBE' }): Decided {
    const { session, client, connection, from } = by;
    const { version } = connection;
    const had = new Set(session.subscriptions?.keys());
    const filters: string[] = [];
    const codes = message.filters.map((filter) => {
      if (!had.delete(filter)) return CODE.noSubscriptionExisted;
      filters.push(filter);
      return CODE.success;
    });
    return {
      events: filters.length > 0 ? [{ is: 'unsubscribed', client, filters, kept: session.kept }] : NONE,
      // MQTT-3.10.4-4, MQTT-3.11.3-1.
      actions: [
        {
          to: from,
          say: {
            version,
            type: 'UNSUBACK',
            id: message.id,
            properties: NO_PROPERTIES,
            codes: version === 5 ? codes : [],
          },
        },
      ],
    };
  }

  // What is remembered.

  function apply(state: State, event: Event): void {
    const index = indexOf(state);
    switch (event.is) {
      case 'published': {
        const publication = heard(event);
        if (event.retain) retain(state, index, publication);
        const sender = state.sessions.get(event.from);
        if (sender && event.id !== 0) {
          sender.in ??= new Set();
          sender.in.add(event.id);
        }
        if (sender && event.isWill) {
          unset(index, event.from, sender);
          sender.will = null;
          set(index, event.from, sender);
        }
        if (publication.qos > 0)
          for (const target of routeOf(state, event.topic).boxes)
            if (!target.noLocal || target.client !== event.from)
              place(target.session, letterTo(target, publication, publication.qos, event.retain), POST, limits);
        for (const [name, client] of event.chosen) {
          turn(state, name, client);
          const member = memberOf(state, name, client);
          if (!member) continue;
          const letter = letterTo(member, publication, publication.qos, event.retain);
          if (letter.qos > 0) place(member.session, letter, POST, limits);
        }
        return;
      }
      case 'acknowledged': {
        const session = state.sessions.get(event.client);
        if (session) acknowledge(session, event.id, event.at, POST);
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
        resume(session, { path, version, window, largest, lagging: false, missed: 0 }, event.at, POST);
        putLast(state.sessions, event.client, session);
        standIn(state, event.client, session, 'ready');
        // Until its connection speaks: in a journal that is read again, none ever does.
        state.orphans.add(event.client);
        index.routes.clear();
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
        index.routes.clear();
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
        index.routes.clear();
        return;
      }
      case 'subscribed': {
        const session = state.sessions.get(event.client);
        if (!session) return;
        session.subscriptions ??= new Map();
        for (const { filter, qos, noLocal, retainAsPublished, id } of event.filters) {
          const options = { qos, noLocal, retainAsPublished, id };
          const subscription = noLocal || retainAsPublished || id !== 0 ? options : USUAL[qos];
          session.subscriptions.set(filter, subscription);
          file(state, index, event.client, session, filter, subscription);
        }
        for (const letter of retainedFor(state, session.user, event.filters, event.at))
          if (letter.qos > 0) place(session, letter, POST, limits);
        index.routes.clear();
        return;
      }
      case 'unsubscribed': {
        const session = state.sessions.get(event.client);
        if (!session?.subscriptions) return;
        for (const filter of event.filters)
          if (session.subscriptions.delete(filter)) unfile(state, index, event.client, filter);
        if (session.subscriptions.size === 0) session.subscriptions = null;
        index.routes.clear();
        return;
      }
      case 'lagging': {
        const session = state.sessions.get(event.client);
        if (!session?.awake) return;
        session.awake.lagging = true;
        standIn(state, event.client, session, 'away');
        index.routes.clear();
        return;
      }
      case 'caughtUp': {
        const session = state.sessions.get(event.client);
        if (!session?.awake) return;
        catchUp(session, event.at, POST);
        standIn(state, event.client, session, 'ready');
        index.routes.clear();
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

  /** MQTT-3.3.1-5, -6, -7: the last one on a topic is kept, and an empty one takes it away. */
  function retain(state: State, index: Index, publication: Publication): void {
    forgetRetained(state, index, publication.topic);
    if (publication.payload.length === 0) return;
    state.retained.set(publication.topic, publication);
    plantAt(index.retained, publication.topic, publication);
    index.retainedBytes += sizeOf(publication);
    while (state.retained.size > limits.retained || index.retainedBytes > limits.retainedBytes) {
      const [oldest] = state.retained.keys();
      if (oldest === undefined) return;
      forgetRetained(state, index, oldest);
    }
  }

  // What can be looked up.

  function indexOf(state: State): Index {
    if (latest?.state === state) return latest.index;
    const index = indexes.get(state) ?? newIndex(state);
    indexes.set(state, index);
    latest = { state, index };
    return index;
  }

  function routeOf(state: State, topic: string): Route {
    const { routes } = indexOf(state);
    const known = routes.get(topic);
    if (known) return known;
    const route = newRoute(state, topic);
    if (routes.size >= limits.routes) routes.clear();
    routes.set(topic, route);
    return route;
  }

  function newRoute(state: State, topic: string): Route {
    const index = indexOf(state);
    const targets = new Map<ClientId, Target>();
    const meet = (client: ClientId, { qos, noLocal, retainAsPublished, id }: Subscription) => {
      const target = targets.get(client);
      if (!target) {
        const session = state.sessions.get(client);
        if (!session || !mayRead(session.user, topic)) return;
        targets.set(client, { client, session, qos, noLocal, retainAsPublished, ids: id === 0 ? null : [id] });
        return;
      }
      if (qos > target.qos) target.qos = qos;
      target.noLocal &&= noLocal;
      target.retainAsPublished ||= retainAsPublished;
      // MQTT-3.3.4-3, -4: all of them, each once.
      if (id !== 0 && !target.ids?.includes(id)) target.ids = [...(target.ids ?? []), id].sort((a, b) => a - b);
    };
    eachSubscriber(index.subscribers, topic, meet);
    const all = [...targets.values()];
    const boxes = all.filter(({ qos }) => qos > 0);
    return {
      all: fanOf(all),
      plain: fanOf(all.filter(({ qos }) => qos === 0)),
      boxes,
      kept: boxes.some(({ session }) => session.kept),
      shares: sharesFor(index.subscribers, topic),
    };
  }

  /** Whose turn it is (§4.8.2). One that sleeps has it only where nobody is awake and the message can wait. */
  function turnOf(state: State, name: string, topic: string, canWait: boolean): Target | undefined {
    const share = state.shares.get(name);
    for (const client of share?.ready ?? []) {
      const member = memberOf(state, name, client);
      if (member && mayRead(member.session.user, topic)) return member;
    }
    if (!canWait) return undefined;
    for (const client of share?.away ?? []) {
      const member = memberOf(state, name, client);
      if (member && member.qos > 0 && mayRead(member.session.user, topic)) return member;
    }
    return undefined;
  }

  function isTopic(topic: string): boolean {
    return isTopicName(topic) && topic.length <= limits.topicLength && levelsIn(topic) <= limits.topicLevels;
  }

  /** Topics that begin with $ are for servers to write to (§4.7.2). */
  function mayWrite(user: string | null, topic: string): boolean {
    return !topic.startsWith('$') && (acl === undefined || mayUse(acl, user, 'write', topic));
  }

  function mayRead(user: string | null, topic: string): boolean {
    return acl === undefined || mayUse(acl, user, 'read', topic);
  }
}

/** Who speaks, and all that is known of them. */
interface By {
  state: State;
  connection: Connection;
  client: ClientId;
  session: Session;
  awake: Awake;
  from: Path;
  world: World;
}

interface Spread extends Decided {
  events: Event[];
  actions: Acts;
  /** What of it goes into the box of the one it comes from. */
  own: Letter[];
  /** How many it goes to. */
  reached: number;
}

// Letters out of a session's box.

function newSession(): Session {
  return {
    user: null,
    expiry: 0,
    kept: false,
    subscriptions: null,
    queue: null,
    queued: 0,
    dropped: 0,
    out: null,
    held: null,
    last: 0,
    in: null,
    will: null,
    awake: null,
    ends: null,
  };
}

/** MQTT-3.1.2-25: what the client would not take counts as sent. MQTT-3.3.2-5: what has expired is not sent. */
const POST: Post<Letter, Awake> = {
  sizeOf: ({ publication }) => sizeOf(publication),
  fits,
  hasExpired: ({ publication }, at) => hasExpired(publication, at),
};

function leavingTo(awake: Awake, leaving: readonly Leaving<Letter>[], at: number): Acts {
  return leaving.map(({ id, letter, again }) => ({
    to: awake.path,
    say: letter ? letterOn(awake, letter, id, again, at) : acknowledgement(awake.version, 'PUBREL', id),
  }));
}

/** Says a letter that `apply` will find room for; false for one that the client would not take. */
function sendTo(session: Session, letter: Letter, planned: number, at: number, actions: Acts): boolean {
  const { awake } = session;
  if (!awake || !fits(awake, letter)) return false;
  actions.push({ to: awake.path, say: letterOn(awake, letter, nextId(session, planned), false, at) });
  return true;
}

function parting(client: ClientId, { kept }: Session, expiry: number, second: number, will: Will | null): Event {
  return {
    is: 'parted',
    client,
    expiry,
    ends: expiry === FOR_EVER ? null : second + expiry,
    will: will && second + will.delay,
    kept,
  };
}

// Letters and their words.

function letterTo(
  { qos, retainAsPublished, ids }: Target,
  publication: Publication,
  published: QoS,
  retain: boolean,
): Letter {
  // MQTT-3.3.1-12, MQTT-3.3.1-13: retained is what was there before, unless the subscriber wants to know what was asked.
  return { publication, qos: least(published, qos), retain: retain && retainAsPublished, ids };
}

/** MQTT-3.8.4-8. */
function least(one: QoS, other: QoS): QoS {
  return one < other ? one : other;
}

function letterOn(
  { version }: Awake,
  { publication, qos, retain, ids }: Letter,
  id: number,
  dup: boolean,
  at: number,
): Message {
  const { topic, payload } = publication;
  const properties = version === 4 ? NO_PROPERTIES : propertiesOf(publication, ids, at);
  // No topic aliases: the client says the same words shorter, and the server would have to remember them per connection.
  return { version, type: 'PUBLISH', dup, qos, retain, topic, id, properties, payload };
}

/** As most are told: QoS 0, and nothing of their own. */
function plain(version: Version, publication: Publication, at: number): Message {
  const { topic, payload } = publication;
  const properties = version === 4 ? NO_PROPERTIES : propertiesOf(publication, null, at);
  return { version, type: 'PUBLISH', dup: false, qos: 0, retain: false, topic, id: 0, properties, payload };
}

function propertiesOf({ properties, expires }: Publication, ids: number[] | null, at: number): Properties {
  if (!properties && expires === null && !ids) return NO_PROPERTIES;
  return {
    ...properties,
    // MQTT-3.3.2-6: less the time that it waited here.
    ...(expires === null ? {} : { messageExpiry: Math.max(0, Math.ceil((expires - at) / 1000)) }),
    ...(ids ? { subscriptionId: ids } : {}),
  };
}

function passedOn({ payloadFormat, contentType, responseTopic, correlationData, user }: Properties): Passed | null {
  if (
    payloadFormat === undefined &&
    contentType === undefined &&
    responseTopic === undefined &&
    correlationData === undefined &&
    user === undefined
  )
    return null;
  return {
    ...(payloadFormat === undefined ? {} : { payloadFormat }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData }),
    ...(user === undefined ? {} : { user }),
  };
}

function acknowledgement(
  version: Version,
  type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP',
  id: number,
  code: number = CODE.success,
  reason = '',
): Message {
  if (version === 4 || code === CODE.success) return { version, type, id };
  return reason === '' ? { version, type, id, code } : { version, type, id, code, properties: { reason } };
}

/** The last word to a client. In 3.1.1 a server has none. */
function goodbye({ path, version, largest }: Awake, code: number, reason: string): Acts {
  const properties = largest >= WORDY && reason !== '' ? { properties: { reason } } : {};
  const word: Acts = version === 5 ? [{ to: path, say: { version, type: 'DISCONNECT', code, ...properties } }] : [];
  return [...word, { to: path, hangUp: true }];
}

function awakeOn(path: Path, version: Version, asked: Properties, most: number): Awake {
  const window = Math.min(asked.receiveMaximum ?? 0xffff, most);
  return { path, version, window, largest: asked.maximumPacketSize ?? ANY_SIZE, lagging: false, missed: 0 };
}

function hasExpired({ expires }: Publication, at: number): boolean {
  return expires !== null && expires <= at;
}

function sizeOf({ topic, payload }: Publication): number {
  return topic.length + payload.length;
}

/** MQTT-3.1.2-24. */
function fits({ largest, version }: Awake, letter: Letter): boolean {
  return largest >= ROOMY || lengthOf(letter, version) <= largest;
}

/** Bytes that a PUBLISH takes (§3.3). */
function lengthOf({ publication, qos, ids }: Letter, version: Version): number {
  const { topic, payload, properties, expires } = publication;
  let rest = 2 + Buffer.byteLength(topic) + (qos === 0 ? 0 : 2) + payload.length;
  if (version === 5) {
    let length = expires === null ? 0 : 5;
    for (const id of ids ?? []) length += 1 + variableLength(id);
    if (properties?.payloadFormat !== undefined) length += 2;
    for (const text of [properties?.contentType, properties?.responseTopic, properties?.correlationData])
      if (text !== undefined) length += 3 + Buffer.byteLength(text);
    for (const [name, value] of properties?.user ?? [])
      length += 5 + Buffer.byteLength(name) + Buffer.byteLength(value);
    rest += variableLength(length) + length;
  }
  return 1 + variableLength(rest) + rest;
}

/** §1.5.5: seven bits in a byte. */
function variableLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4;
}

// Letters in the journal.

function toldProperties({ correlationData, ...rest }: Passed): ToldProperties {
  return correlationData === undefined ? rest : { ...rest, correlationData: correlationData.toString('base64') };
}

function heardProperties({ correlationData, ...rest }: ToldProperties): Passed {
  return correlationData === undefined ? rest : { ...rest, correlationData: Buffer.from(correlationData, 'base64') };
}

function heard({ topic, payload, qos, properties, expires }: Published): Publication {
  return {
    topic,
    payload: Buffer.from(payload, 'base64'),
    qos,
    properties: properties && heardProperties(properties),
    expires,
  };
}

function toldWill({
  topic,
  payload,
  qos,
  retain,
  properties,
}: NonNullable<(Message & { type: 'CONNECT' })['will']>): ToldWill {
  const passed = passedOn(properties);
  return {
    topic,
    payload: payload.toString('base64'),
    qos,
    retain,
    properties: passed && toldProperties(passed),
    expiry: properties.messageExpiry ?? null,
    delay: properties.willDelay ?? 0,
  };
}

function heardWill({ payload, properties, ...rest }: ToldWill): Will {
  return {
    ...rest,
    payload: Buffer.from(payload, 'base64'),
    properties: properties && heardProperties(properties),
    due: null,
  };
}

// Where things are filed.

/** Every client that a topic goes to, by what it is told. */
function fanOf(targets: readonly Target[]): Fan {
  const fan: Fan = { v4: [], v5: [], others: [], lagging: [] };
  for (const target of targets) {
    const { awake } = target.session;
    // MQTT 5 §4.1: QoS 0 is not kept for who sleeps.
    if (!awake) continue;
    if (awake.lagging) fan.lagging.push(target.client);
    else if (target.noLocal || target.retainAsPublished || target.ids || awake.largest < ROOMY) fan.others.push(target);
    else fan[awake.version === 4 ? 'v4' : 'v5'].push(awake.path);
  }
  return fan;
}

function newIndex(state: State): Index {
  const index: Index = {
    subscribers: noSubscribers(),
    retained: emptyTree(),
    retainedBytes: 0,
    alarms: noAlarms(),
    asleep: new Set(),
    routes: new Map(),
  };
  for (const [client, session] of state.sessions) {
    for (const [filter, subscription] of session.subscriptions ?? [])
      addSubscriber(index.subscribers, filter, client, subscription);
    if (session.awake) continue;
    index.asleep.add(client);
    set(index, client, session);
  }
  for (const publication of state.retained.values()) {
    plantAt(index.retained, publication.topic, publication);
    index.retainedBytes += sizeOf(publication);
  }
  return index;
}

function file(
  state: State,
  index: Index,
  client: ClientId,
  session: Session,
  filter: string,
  subscription: Subscription,
): void {
  addSubscriber(index.subscribers, filter, client, subscription);
  if (sharedIn(filter) === undefined) return;
  const share = state.shares.get(filter) ?? { ready: new Set(), away: new Set() };
  state.shares.set(filter, share);
  (session.awake && !session.awake.lagging ? share.ready : share.away).add(client);
}

function unfile(state: State, index: Index, client: ClientId, filter: string): void {
  const share = state.shares.get(filter);
  share?.ready.delete(client);
  share?.away.delete(client);
  if (share && share.ready.size + share.away.size > 0) return;
  state.shares.delete(filter);
  removeSubscriber(index.subscribers, filter, client);
}

/** A member comes or goes: its place is at the end of the line. */
function standIn(state: State, client: ClientId, { subscriptions }: Session, where: keyof Share): void {
  for (const filter of subscriptions?.keys() ?? []) {
    const share = state.shares.get(filter);
    if (!share) continue;
    share.ready.delete(client);
    share.away.delete(client);
    share[where].add(client);
  }
}

/** Who has had their turn goes to the end of the line. */
function turn(state: State, name: string, client: ClientId): void {
  const share = state.shares.get(name);
  for (const line of [share?.ready, share?.away]) if (line?.delete(client)) line.add(client);
}

function memberOf(state: State, name: string, client: ClientId): Target | undefined {
  const session = state.sessions.get(client);
  const subscription = session?.subscriptions?.get(name);
  if (!session || !subscription) return undefined;
  const { qos, noLocal, retainAsPublished, id } = subscription;
  return { client, session, qos, noLocal, retainAsPublished, ids: id === 0 ? null : [id] };
}

/** The connection of a session is gone. Its path may speak for another one by now. */
function sever(state: State, client: ClientId, session: Session): void {
  const path = session.awake?.path;
  if (path !== undefined && state.connections.get(path)?.client === client) state.connections.delete(path);
  session.awake = null;
  session.held = null;
  state.orphans.delete(client);
}

function forgetRetained(state: State, index: Index, topic: string): void {
  const publication = state.retained.get(topic);
  if (!publication) return;
  state.retained.delete(topic);
  prune(index.retained, topic);
  index.retainedBytes -= sizeOf(publication);
}

/** When something next happens to a sleeping session, in seconds since the epoch. */
function alarmOf({ awake, ends, will }: Session): number | undefined {
  if (awake) return undefined;
  const due = will?.due ?? undefined;
  if (ends === null) return due;
  return due === undefined ? ends : Math.min(due, ends);
}

function set(index: Index, client: ClientId, session: Session): void {
  const second = alarmOf(session);
  if (second !== undefined) setAlarm(index.alarms, second, client);
}

function unset(index: Index, client: ClientId, session: Session): void {
  const second = alarmOf(session);
  if (second !== undefined) clearAlarm(index.alarms, second, client);
}

/** Taken out and put back, it is the last to go. */
function putLast(sessions: State['sessions'], client: ClientId, session: Session): void {
  sessions.delete(client);
  sessions.set(client, session);
}

function only(clients: Iterable<ClientId>, among: ReadonlyMap<ClientId, unknown>): Set<ClientId> {
  const some = new Set<ClientId>();
  for (const client of clients) if (among.has(client)) some.add(client);
  return some;
}

// In words.

/** How much of a queue is told, and of a payload, in characters. */
const TOLD = { letters: 3, payload: 24, name: 64 } as const;

function facts(state: State): Facts {
  const known: Facts = {};
  for (const [path, { client, version, keepAlive }] of state.connections)
    known[`path[${path}]`] =
      `speaks for session[${name(client)}], MQTT ${version === 4 ? '3.1.1' : '5'}, keep alive ${keepAlive}`;
  for (const [client, session] of state.sessions) {
    const c = name(client);
    known[`session[${c}]`] = sessionInWords(session);
    if (session.queue || session.dropped > 0) known[`queue[${c}]`] = queueInWords(session);
    for (const [id, letter] of session.out ?? [])
      known[`out[${c} ${id}]`] = !letter
        ? 'PUBREC heard'
        : `${session.held?.has(id) ? 'PUBLISH to be sent again' : 'PUBLISH sent'}: ${inWords(letter.publication, letter.qos)}`;
    for (const id of session.in ?? []) known[`in[${c} ${id}]`] = 'heard and passed on, not released';
    if (session.will) {
      const { will } = session;
      const delay = will.delay === 0 ? '' : `, ${will.delay} s after its connection`;
      known[`will[${c}]`] = `${inWords(will, will.qos)}${delay}`;
    }
  }
  for (const [topic, publication] of state.retained)
    known[`retained[${name(topic)}]`] = `${quoted(publication.payload, TOLD.payload)} (QoS ${publication.qos})`;
  return known;
}

function sessionInWords({ subscriptions, awake, expiry, user }: Session): string {
  const filters = Array.from(subscriptions ?? [], ([filter, { qos }]) => `${name(filter)} (QoS ${qos})`);
  const parts = [
    filters.length === 0 ? 'no subscriptions' : `subscriptions: ${filters.join(', ')}`,
    awake ? 'connected' : `asleep, kept for ${expiry} s`,
    ...(user === null ? [] : [`of ${name(user)}`]),
    ...(awake?.lagging ? ['not reading'] : []),
    ...(awake && awake.missed > 0 ? [`missed ${awake.missed} of QoS 0`] : []),
  ];
  return parts.join('; ');
}

function queueInWords({ queue, dropped }: Session): string {
  const letters = (queue ?? []).slice(0, TOLD.letters).map(({ publication, qos }) => inWords(publication, qos));
  const more = (queue?.length ?? 0) - letters.length;
  return [
    `${queue?.length ?? 0} waiting${letters.length > 0 ? `: ${letters.join(', ')}` : ''}${more > 0 ? ` and ${more} more` : ''}`,
    ...(dropped > 0 ? [`${dropped} dropped`] : []),
  ].join('; ');
}

function inWords({ topic, payload }: { topic: string; payload: Buffer }, qos: QoS): string {
  return `${name(topic)} ${quoted(payload, TOLD.payload)} (QoS ${qos})`;
}

function name(text: string): string {
  return printable(text, TOLD.name);
}

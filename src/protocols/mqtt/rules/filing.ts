// Where is a thing filed, and what is filed with it? The changes that `apply` makes in more than one place.

import { place } from '../../../served/letter-box.ts';
import { addSubscriber, removeSubscriber } from '../../../served/subscribers.ts';
import { plantAt, prune, sharedIn } from '../../../served/topics.ts';
import type { ClientId, Granted, Letter, Publication, Session, Share, State, Subscription } from '../state.ts';
import type { QoS } from '../wire.ts';
import type { House } from './house.ts';
import { POST, sizeOf } from './letters.ts';
import type { Index } from './lookup.ts';

/** A letter box that nobody has used yet. */
export function newSession(): Session {
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

/** Puts a letter into a box: where all boxes together are full, this one makes room for it. */
export function put({ limits }: House, index: Index, session: Session, letter: Letter): void {
  const before = session.queued;
  const left = limits.queuesBytes - index.queued;
  const isRoomy = left > limits.queueBytes;
  place(
    session,
    letter,
    POST,
    isRoomy ? limits : { ...limits, queueBytes: Math.min(limits.queueBytes, before + left) },
  );
  index.queued += session.queued - before;
}

/** What leaves a box makes room for others. */
export function take(index: Index, session: Session, leave: () => void): void {
  const before = session.queued;
  leave();
  index.queued += session.queued - before;
}

/** Taken out and put back, it is the last to go. */
export function putLast(sessions: State['sessions'], client: ClientId, session: Session): void {
  sessions.delete(client);
  sessions.set(client, session);
}

/** The connection of a session is gone. Its path may speak for another one by now. */
export function sever(state: State, client: ClientId, session: Session): void {
  const path = session.awake?.path;
  if (path !== undefined && state.connections.get(path)?.client === client) state.connections.delete(path);
  session.awake = null;
  session.held = null;
  state.orphans.delete(client);
}

/** MQTT-3.3.1-5, -6, -7: the last one on a topic is kept, and an empty one takes it away. */
export function retain({ limits }: House, state: State, index: Index, publication: Publication): void {
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

function forgetRetained(state: State, index: Index, topic: string): void {
  const publication = state.retained.get(topic);
  if (!publication) return;
  state.retained.delete(topic);
  prune(index.retained, topic);
  index.retainedBytes -= sizeOf(publication);
}

/** What most subscriptions are: one object for all of them. */
const USUAL: Readonly<Record<QoS, Subscription>> = {
  0: { qos: 0, noLocal: false, retainAsPublished: false, id: 0 },
  1: { qos: 1, noLocal: false, retainAsPublished: false, id: 0 },
  2: { qos: 2, noLocal: false, retainAsPublished: false, id: 0 },
};

/** A subscription under its filter, and, if it is shared, its client in the line of those who take turns. */
export function file(state: State, index: Index, client: ClientId, session: Session, granted: Granted): void {
  const { filter, qos, noLocal, retainAsPublished, id } = granted;
  const options = { qos, noLocal, retainAsPublished, id };
  const subscription = noLocal || retainAsPublished || id !== 0 ? options : USUAL[qos];
  session.subscriptions ??= new Map();
  session.subscriptions.set(filter, subscription);
  addSubscriber(index.subscribers, filter, client, subscription);
  if (sharedIn(filter) === undefined) return;
  const share = state.shares.get(filter) ?? { ready: new Set(), away: new Set() };
  state.shares.set(filter, share);
  (session.awake && !session.awake.lagging ? share.ready : share.away).add(client);
}

/** The reverse, but for the session's own list. */
export function unfile(state: State, index: Index, client: ClientId, filter: string): void {
  const share = state.shares.get(filter);
  share?.ready.delete(client);
  share?.away.delete(client);
  if (share && share.ready.size + share.away.size > 0) return;
  state.shares.delete(filter);
  removeSubscriber(index.subscribers, filter, client);
}

/** A member comes or goes: its place is at the end of the line. */
export function standIn(state: State, client: ClientId, { subscriptions }: Session, where: keyof Share): void {
  for (const filter of subscriptions?.keys() ?? []) {
    const share = state.shares.get(filter);
    if (!share) continue;
    share.ready.delete(client);
    share.away.delete(client);
    share[where].add(client);
  }
}

/** Who has had their turn goes to the end of the line. */
export function turn(state: State, name: string, client: ClientId): void {
  const share = state.shares.get(name);
  for (const line of [share?.ready, share?.away]) if (line?.delete(client)) line.add(client);
}

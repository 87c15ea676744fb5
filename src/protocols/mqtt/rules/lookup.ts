// How is quickly found what the State tells only to who reads all of it?

import { type Alarms, clearAlarm, noAlarms, setAlarm } from '../../../served/alarms.ts';
import { addSubscriber, noSubscribers, type Subscribers } from '../../../served/subscribers.ts';
import { emptyTree, plantAt, type TopicTree } from '../../../served/topics.ts';
import type { ClientId, Publication, Session, State, Subscription } from '../state.ts';
import type { House } from './house.ts';
import { sizeOf } from './letters.ts';
import type { Route } from './routes.ts';

/**
 * What can be looked up faster than the State tells it. Made from the State and of no other use, as the index of a book is made
 * from the book: it is not written down, and may be thrown away at any time.
 */
export interface Index {
  /** Who subscribed to what. */
  subscribers: Subscribers<Subscription>;
  /** Filed under the topic: the retained message. */
  retained: TopicTree<Publication>;
  retainedBytes: number;
  /** Bytes that wait in all letter boxes. */
  queued: number;
  /** Filed under the second: who then ends, or has a will to be published. */
  alarms: Alarms;
  /** Client ids in the order of falling asleep. */
  asleep: Set<ClientId>;
  /** Filed under the topic: where a publication goes. Emptied when anybody comes, goes or subscribes. */
  routes: Map<string, Route>;
  /** How many clients they name: each counts, since many may want every topic. */
  routed: number;
}

/** The index of this State; made where there is none yet. */
export function indexOf(house: House, state: State): Index {
  if (house.latest?.state === state) return house.latest.index;
  const index = house.indexes.get(state) ?? newIndex(state);
  house.indexes.set(state, index);
  house.latest = { state, index };
  return index;
}

function newIndex(state: State): Index {
  const index: Index = {
    subscribers: noSubscribers(),
    retained: emptyTree(),
    retainedBytes: 0,
    queued: 0,
    alarms: noAlarms(),
    asleep: new Set(),
    routes: new Map(),
    routed: 0,
  };
  for (const [client, session] of state.sessions) {
    for (const [filter, subscription] of session.subscriptions ?? [])
      addSubscriber(index.subscribers, filter, client, subscription);
    index.queued += session.queued;
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

/** Somebody has come, gone or subscribed, or the table is full. */
export function forgetRoutes(index: Index): void {
  index.routes.clear();
  index.routed = 0;
}

/** A session has fallen asleep, or sleeps with another will: the alarm is set for it. {@link unset} before any such change. */
export function set(index: Index, client: ClientId, session: Session): void {
  const second = alarmOf(session);
  if (second !== undefined) setAlarm(index.alarms, second, client);
}

export function unset(index: Index, client: ClientId, session: Session): void {
  const second = alarmOf(session);
  if (second !== undefined) clearAlarm(index.alarms, second, client);
}

/** When something next happens to a sleeping session, in seconds since the epoch. */
function alarmOf({ awake, ends, will }: Session): number | undefined {
  if (awake) return undefined;
  const due = will?.due ?? undefined;
  if (ends === null) return due;
  return due === undefined ? ends : Math.min(due, ends);
}

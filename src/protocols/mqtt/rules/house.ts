// What every rule is given beside the message: how much this house keeps, who may do what in it, and who is speaking.

import { type AccessRule, mayUse } from '../../../served/access.ts';
import { isTopicName, levelsIn } from '../../../served/topics.ts';
import type { Action, Decision, Path, World } from '../../shapes.ts';
import type { Awake, ClientId, Connection, Deed, Event, Limits, Session, State } from '../state.ts';
import type { Message } from '../wire.ts';
import type { Index } from './lookup.ts';

/** This house: how much it keeps, who may come, what they may do, and where its index is found. Made once, by {@link houseOf}. */
export interface House {
  limits: Limits;
  /** Filed under the name: SHA-256 of the password. Undefined: names mean nothing. */
  users: ReadonlyMap<string, Buffer> | undefined;
  /** Undefined: everybody may do everything. */
  acl: readonly AccessRule[] | undefined;
  /** Filed under the State that each was made from; goes when that does. */
  indexes: WeakMap<State, Index>;
  /** The one that was asked for last: there is hardly ever another. */
  latest: { state: State; index: Index } | undefined;
}

export function houseOf(limits: Limits, users: House['users'], acl: House['acl']): House {
  return { limits, users, acl, indexes: new WeakMap(), latest: undefined };
}

/** Who speaks, and all that is known of them. */
export interface By {
  house: House;
  state: State;
  connection: Connection;
  client: ClientId;
  session: Session;
  awake: Awake;
  from: Path;
  world: World;
}

export type Acts = Action<Message, Deed>[];
export type Decided = Decision<Message, Event, Deed>;
/** No events; no actions; neither. */
export const NONE: readonly Event[] = [];
export const SILENCE: readonly Action<Message, Deed>[] = [];
export const NOTHING: Decided = { events: NONE, actions: SILENCE };

/** Whether it is the name of a topic, and neither too long nor too deep for this house. */
export function isTopic({ limits }: House, topic: string): boolean {
  return isTopicName(topic) && topic.length <= limits.topicLength && levelsIn(topic) <= limits.topicLevels;
}

/** Topics that begin with $ are for servers to write to (§4.7.2). */
export function mayWrite({ acl }: House, user: string | null, topic: string): boolean {
  return !topic.startsWith('$') && (acl === undefined || mayUse(acl, user, 'write', topic));
}

export function mayRead({ acl }: House, user: string | null, topic: string): boolean {
  return acl === undefined || mayUse(acl, user, 'read', topic);
}

// Where does a publication go? Found once for each topic, and again when anybody has come, gone or subscribed.

import { eachSubscriber, sharesFor } from '../../../served/subscribers.ts';
import type { Path } from '../../shapes.ts';
import type { ClientId, Session, State, Subscription } from '../state.ts';
import type { QoS } from '../wire.ts';
import { type House, mayRead } from './house.ts';
import { ROOMY } from './letters.ts';
import { forgetRoutes, indexOf } from './lookup.ts';

/** Where a publication goes. */
export interface Route {
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
export interface Target {
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

/** The way of this topic, known or found now. */
export function routeOf(house: House, state: State, topic: string): Route {
  const { limits } = house;
  const index = indexOf(house, state);
  const known = index.routes.get(topic);
  if (known) return known;
  const route = newRoute(house, state, topic);
  const { all, boxes } = route;
  const clients = all.v4.length + all.v5.length + all.others.length + all.lagging.length + boxes.length;
  if (index.routes.size >= limits.routes || index.routed + clients > limits.routed) forgetRoutes(index);
  index.routed += clients;
  index.routes.set(topic, route);
  return route;
}

function newRoute(house: House, state: State, topic: string): Route {
  const index = indexOf(house, state);
  const targets = new Map<ClientId, Target>();
  const meet = (client: ClientId, { qos, noLocal, retainAsPublished, id }: Subscription) => {
    const target = targets.get(client);
    if (!target) {
      const session = state.sessions.get(client);
      if (!session || !mayRead(house, session.user, topic)) return;
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

/** Whose turn it is (§4.8.2). One that sleeps has it only where nobody is awake and the message can wait. */
export function turnOf(house: House, state: State, name: string, topic: string, canWait: boolean): Target | undefined {
  const share = state.shares.get(name);
  for (const client of share?.ready ?? []) {
    const member = memberOf(state, name, client);
    if (member && mayRead(house, member.session.user, topic)) return member;
  }
  if (!canWait) return undefined;
  for (const client of share?.away ?? []) {
    const member = memberOf(state, name, client);
    if (member && member.qos > 0 && mayRead(house, member.session.user, topic)) return member;
  }
  return undefined;
}

/** A member of a shared subscription, as one that is sent to. */
export function memberOf(state: State, name: string, client: ClientId): Target | undefined {
  const session = state.sessions.get(client);
  const subscription = session?.subscriptions?.get(name);
  if (!session || !subscription) return undefined;
  const { qos, noLocal, retainAsPublished, id } = subscription;
  return { client, session, qos, noLocal, retainAsPublished, ids: id === 0 ? null : [id] };
}

// What leaves when something is published? Everybody is told who has subscribed, and what must not get lost is to be kept (MQTT 5 §4.3).

import { type Leaving, nextId, roomFor } from '../../../served/letter-box.ts';
import type { Awake, ClientId, Event, Letter, Publication, Session, State } from '../state.ts';
import type { Acts, Decided, House } from './house.ts';
import { acknowledgement, fits, letterOn, letterTo, plain } from './letters.ts';
import { routeOf, turnOf } from './routes.ts';
import { told } from './told.ts';

/** What comes of a publication. */
export interface Spread extends Decided {
  events: Event[];
  actions: Acts;
  /** What of it goes into the box of the one it comes from. */
  own: Letter[];
  /** How many it goes to. */
  reached: number;
}

/** Passes a publication on to all who have subscribed, keeps it where it is to be kept. */
export function routed(
  house: House,
  state: State,
  publication: Publication,
  how: { retain: boolean; from: ClientId; at: number; id: number; isWill: boolean },
): Spread {
  const { topic, qos } = publication;
  const { retain, from, at, id, isWill } = how;
  const route = routeOf(house, state, topic);
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
    const member = turnOf(house, state, name, topic, qos > 0);
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
    v4.length + v5.length + fan.others.length + fan.lagging.length + (qos > 0 ? route.boxes.length : 0) + chosen.length;
  // QoS 0 leaves nothing behind, and QoS 1 nothing where nobody acknowledges.
  if (retain || id !== 0 || isWill || isLeft)
    events.push(told(publication, from, kept, { retain, id, isWill, chosen }));
  else if (chosen.length > 0) events.push({ is: 'turned', chosen });
  if (missed) events.push({ is: 'missed', clients: missed });
  return { events, actions, own, reached };
}

/** Says a letter that `apply` will find room for; false for one that the client would not take. */
export function sendTo(session: Session, letter: Letter, planned: number, at: number, actions: Acts): boolean {
  const { awake } = session;
  if (!awake || !fits(awake, letter)) return false;
  actions.push({ to: awake.path, say: letterOn(awake, letter, nextId(session, planned), false, at) });
  return true;
}

/** What leaves a letter box, as packets. */
export function leavingTo(awake: Awake, leaving: readonly Leaving<Letter>[], at: number): Acts {
  return leaving.map(({ id, letter, again }) => ({
    to: awake.path,
    say: letter ? letterOn(awake, letter, id, again, at) : acknowledgement(awake.version, 'PUBREL', id),
  }));
}

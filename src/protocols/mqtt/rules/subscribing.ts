// Who wants to hear what, and what is there for them already? (MQTT 5 §3.8, §3.10)

import { maySubscribe } from '../../../served/access.ts';
import { roomFor } from '../../../served/letter-box.ts';
import { eachWithin, isTopicFilter, levelsIn, sharedIn } from '../../../served/topics.ts';
import type { Granted, Letter, Publication, State } from '../state.ts';
import { CODE, type Filter, type Message, NO_PROPERTIES } from '../wire.ts';
import { sendTo } from './delivering.ts';
import { type Acts, type By, type Decided, type House, mayRead, NONE } from './house.ts';
import { expel } from './leaving.ts';
import { fits, hasExpired, least, letterOn, sizeOf } from './letters.ts';
import { indexOf } from './lookup.ts';

/** A code for each filter, then the retained messages that were asked for with them. */
export function subscribe(by: By, message: Message & { type: 'SUBSCRIBE' }): Decided {
  const { house, state, session, client, connection, awake, from, world } = by;
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
    const code = verdict(house, session.user, asked, had);
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
  for (const letter of retainedFor(house, state, session.user, filters, at)) {
    if (letter.qos === 0) {
      if (!awake.lagging && fits(awake, letter)) actions.push({ to: from, say: letterOn(awake, letter, 0, false, at) });
      continue;
    }
    if (!roomFor(session, planned)) continue;
    if (sendTo(session, letter, planned, at, actions)) planned++;
  }
  return { events: [{ is: 'subscribed', client, filters, at, kept: session.kept }], actions };
}

/** MQTT-3.8.4-6: a code for each filter. */
function verdict(
  { limits, acl }: House,
  user: string | null,
  { filter, qos }: Filter,
  had: ReadonlySet<string>,
): number {
  const share = sharedIn(filter);
  const plainFilter = share === undefined ? filter : share === 'invalid' ? '' : share.filter;
  if (!isTopicFilter(plainFilter) || filter.length > limits.topicLength || levelsIn(plainFilter) > limits.topicLevels)
    return CODE.topicFilterInvalid;
  if (acl && !maySubscribe(acl, user, plainFilter)) return CODE.notAuthorized;
  if (!had.has(filter) && had.size >= limits.subscriptions) return CODE.quotaExceeded;
  return qos;
}

/** Retained messages for new subscriptions, in the order of their topics; no more than a queue takes (MQTT-3.3.1-9). */
export function retainedFor(
  house: House,
  state: State,
  user: string | null,
  filters: readonly Granted[],
  at: number,
): Letter[] {
  const letters: Letter[] = [];
  let bytes = 0;
  for (const { filter, qos, id, tells } of filters) {
    if (!tells) continue;
    const found: Publication[] = [];
    eachWithin(indexOf(house, state).retained, filter, (publication) => found.push(publication));
    found.sort((one, other) => (one.topic < other.topic ? -1 : 1));
    for (const publication of found) {
      if (hasExpired(publication, at) || !mayRead(house, user, publication.topic)) continue;
      bytes += sizeOf(publication);
      if (letters.length >= house.limits.queue || bytes > house.limits.queueBytes) return letters;
      letters.push({ publication, qos: least(publication.qos, qos), retain: true, ids: id === 0 ? null : [id] });
    }
  }
  return letters;
}

/** What has been sent already is not taken back (MQTT-3.10.4-2, -3). */
export function unsubscribe(by: By, message: Message & { type: 'UNSUBSCRIBE' }): Decided {
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

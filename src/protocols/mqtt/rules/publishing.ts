// May this be published, and what is the publisher told? (MQTT 5 §3.3)

import { isTopicName } from '../../../served/topics.ts';
import type { Event, Publication } from '../state.ts';
import { CODE, type Message } from '../wire.ts';
import { routed } from './delivering.ts';
import { type By, type Decided, isTopic, mayWrite, NONE, SILENCE } from './house.ts';
import { expel } from './leaving.ts';
import { acknowledgement, WORDY } from './letters.ts';
import { indexOf } from './lookup.ts';
import { passedOn } from './told.ts';

/** To all who have subscribed, if it may be; and an acknowledgement to the publisher, if one is due. */
export function publish(by: By, message: Message & { type: 'PUBLISH' }): Decided {
  const { house, state, connection, session, client, from } = by;
  const { limits } = house;
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
  const isKnown = indexOf(house, state).routes.has(topic);
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
  if (!isKnown && !isTopic(house, topic)) {
    // In 3.1.1 there is no word for it but to hang up (MQTT-3.3.5-2 of 3.1.1).
    if (version === 4) return expel(by, CODE.topicNameInvalid, '');
    return qos === 0
      ? answered(by, aliased)
      : answered(by, aliased, word, id, CODE.topicNameInvalid, 'The topic is too long or too deep.');
  }
  if ((house.acl !== undefined || topic.startsWith('$')) && !mayWrite(house, session.user, topic)) {
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
  const spread = routed(house, state, publication, {
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

// What does a publication look like on its way to one client, and does it fit? Letters become packets here.

import type { Post } from '../../../served/letter-box.ts';
import type { Awake, Letter, Publication } from '../state.ts';
import { CODE, LARGEST, type Message, NO_PROPERTIES, type Properties, type QoS, type Version } from '../wire.ts';
import type { Target } from './routes.ts';

/** A client that takes so much takes whatever another one could send: a packet, and a topic that an alias stood for. */
export const ROOMY = LARGEST.other + 0x10000;
/** Clients that take less are told codes only. */
export const WORDY = 256;

/** MQTT-3.1.2-25: what the client would not take counts as sent. MQTT-3.3.2-5: what has expired is not sent. */
export const POST: Post<Letter, Awake> = {
  sizeOf: ({ publication }) => sizeOf(publication),
  fits,
  hasExpired: ({ publication }, at) => hasExpired(publication, at),
};

/** What one client gets of a publication; `published`: its QoS, or 0 for those who are told at once. */
export function letterTo(
  { qos, retainAsPublished, ids }: Target,
  publication: Publication,
  published: QoS,
  retain: boolean,
): Letter {
  // MQTT-3.3.1-12, MQTT-3.3.1-13: retained is what was there before, unless the subscriber wants to know what was asked.
  return { publication, qos: least(published, qos), retain: retain && retainAsPublished, ids };
}

/** MQTT-3.8.4-8. */
export function least(one: QoS, other: QoS): QoS {
  return one < other ? one : other;
}

/** A letter as a packet; `id`: its packet id, 0 for none; `at`: now, in milliseconds since the epoch. */
export function letterOn(
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
export function plain(version: Version, publication: Publication, at: number): Message {
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

/** Without a code where the version has none, or all is well (§3.4.2.1). */
export function acknowledgement(
  version: Version,
  type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP',
  id: number,
  code: number = CODE.success,
  reason = '',
): Message {
  if (version === 4 || code === CODE.success) return { version, type, id };
  return reason === '' ? { version, type, id, code } : { version, type, id, code, properties: { reason } };
}

export function hasExpired({ expires }: Publication, at: number): boolean {
  return expires !== null && expires <= at;
}

/** As the limits count it: its topic and its payload. */
export function sizeOf({ topic, payload }: Publication): number {
  return topic.length + payload.length;
}

/** MQTT-3.1.2-24. */
export function fits({ largest, version }: Awake, letter: Letter): boolean {
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

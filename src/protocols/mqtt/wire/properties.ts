// Which properties are there in 5.0: under which number, in which packets, with which values, and what do they mean?

import type { Properties } from '../wire.ts';
import { CODE } from './codes.ts';
import {
  AUTH,
  CONNACK,
  CONNECT,
  DISCONNECT,
  PUBACK,
  PUBCOMP,
  PUBLISH,
  PUBREC,
  PUBREL,
  SUBACK,
  SUBSCRIBE,
  setOf,
  TYPES,
  UNSUBACK,
  WILL,
} from './types.ts';

/** What a packet without properties has, and every packet of 3.1.1. One for all, so that reading one makes nothing. */
export const NO_PROPERTIES: Properties = Object.freeze({});

/** One kind of property (MQTT 5 §2.2.2.2). */
export interface Property {
  identifier: number;
  key: Exclude<keyof Properties, 'order'>;
  label: string;
  as: 'byte' | 'u16' | 'u32' | 'variable' | 'text' | 'topic' | 'binary' | 'pair';
  /** The types of packet it may stand in. */
  within: ReadonlySet<number>;
  /** The values it may have, where not every one. */
  least?: number;
  most?: number;
  /** The clause about its value or its place, and the code that another value deserves. */
  cite?: string;
  code?: number;
  gloss(value: number | string): string | undefined;
  chance?: true;
  secret?: true;
}

const yesNo = (yes: string, no: string) => (value: number | string) => (value === 1 ? yes : no);
export const seconds = (value: number | string) =>
  value === 0xffff_ffff ? 'for ever' : `${value} ${value === 1 ? 'second' : 'seconds'}`;
const always = (words: string) => () => words;

const PROPERTIES: readonly Property[] = [
  {
    ...{ identifier: 0x01, key: 'payloadFormat', label: 'Payload format indicator', as: 'byte', most: 1 },
    ...{ within: setOf(PUBLISH, WILL), cite: 'MQTT 5 §3.3.2.3.2' },
    gloss: yesNo('the payload is text in UTF-8', 'the payload is bytes'),
  },
  {
    ...{ identifier: 0x02, key: 'messageExpiry', label: 'Message expiry interval', as: 'u32' },
    within: setOf(PUBLISH, WILL),
    gloss: (value) => `worth nothing to anybody after ${seconds(value)}`,
  },
  {
    ...{ identifier: 0x03, key: 'contentType', label: 'Content type', as: 'text' },
    within: setOf(PUBLISH, WILL),
    gloss: always('what the payload is; only those who use it need to know'),
  },
  {
    ...{ identifier: 0x08, key: 'responseTopic', label: 'Response topic', as: 'topic', cite: 'MQTT-3.3.2-14' },
    within: setOf(PUBLISH, WILL),
    gloss: always('publish your answer under this topic'),
  },
  {
    ...{ identifier: 0x09, key: 'correlationData', label: 'Correlation data', as: 'binary' },
    within: setOf(PUBLISH, WILL),
    gloss: always('copy it into your answer: it tells who asked what the answer is to'),
  },
  {
    ...{ identifier: 0x0b, key: 'subscriptionId', label: 'Subscription identifier', as: 'variable', least: 1 },
    ...{ within: setOf(PUBLISH, SUBSCRIBE), cite: 'MQTT 5 §3.8.2.1.2' },
    gloss: always('the client’s own number for a subscription: messages that come because of it carry it'),
  },
  {
    ...{ identifier: 0x11, key: 'sessionExpiry', label: 'Session expiry interval', as: 'u32' },
    within: setOf(CONNECT, CONNACK, DISCONNECT),
    gloss: (value) =>
      value === 0
        ? 'the session ends with the connection'
        : `after the connection has ended the session is remembered ${value === 0xffff_ffff ? '' : 'for '}${seconds(value)}`,
  },
  {
    ...{ identifier: 0x12, key: 'assignedClientId', label: 'Assigned client identifier', as: 'text', chance: true },
    within: setOf(CONNACK),
    gloss: always('you came without a name: this one is yours, and your session is filed under it'),
  },
  {
    ...{ identifier: 0x13, key: 'serverKeepAlive', label: 'Server keep alive', as: 'u16' },
    within: setOf(CONNACK),
    gloss: (value) => `never mind what you asked for: be heard every ${seconds(value)}`,
  },
  {
    ...{ identifier: 0x15, key: 'authMethod', label: 'Authentication method', as: 'text' },
    within: setOf(CONNECT, CONNACK, AUTH),
    gloss: always('how it will be proved who is who'),
  },
  {
    ...{ identifier: 0x16, key: 'authData', label: 'Authentication data', as: 'binary', secret: true },
    within: setOf(CONNECT, CONNACK, AUTH),
    gloss: always('a piece of the proof'),
  },
  {
    ...{ identifier: 0x17, key: 'requestProblem', label: 'Request problem information', as: 'byte', most: 1 },
    ...{ within: setOf(CONNECT), cite: 'MQTT 5 §3.1.2.11.7' },
    gloss: yesNo('tell me in words what went wrong', 'spare me the words when something goes wrong'),
  },
  {
    ...{ identifier: 0x18, key: 'willDelay', label: 'Will delay interval', as: 'u32' },
    within: setOf(WILL),
    gloss: (value) => `wait ${seconds(value)} for me to come back before you publish it`,
  },
  {
    ...{ identifier: 0x19, key: 'requestResponse', label: 'Request response information', as: 'byte', most: 1 },
    ...{ within: setOf(CONNECT), cite: 'MQTT 5 §3.1.2.11.6' },
    gloss: yesNo('tell me under which topics I may ask for answers', 'I need no topics for answers'),
  },
  {
    ...{ identifier: 0x1a, key: 'responseInformation', label: 'Response information', as: 'text' },
    within: setOf(CONNACK),
    gloss: always('topics for answers to you may begin with this'),
  },
  {
    ...{ identifier: 0x1c, key: 'serverReference', label: 'Server reference', as: 'text' },
    within: setOf(CONNACK, DISCONNECT),
    gloss: always('the server to go to instead'),
  },
  {
    ...{ identifier: 0x1f, key: 'reason', label: 'Reason string', as: 'text' },
    within: setOf(CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH),
    gloss: always('for people; no program should make anything of it'),
  },
  {
    ...{ identifier: 0x21, key: 'receiveMaximum', label: 'Receive maximum', as: 'u16', least: 1 },
    ...{ within: setOf(CONNECT, CONNACK), cite: 'MQTT 5 §3.1.2.11.3' },
    gloss: (value) => `I remember up to ${value} packet identifiers of yours at a time: send no more unacknowledged`,
  },
  {
    ...{ identifier: 0x22, key: 'topicAliasMaximum', label: 'Topic alias maximum', as: 'u16' },
    within: setOf(CONNECT, CONNACK),
    gloss: (value) => (value === 0 ? 'I remember no topic aliases' : `I remember up to ${value} topic aliases for you`),
  },
  {
    ...{ identifier: 0x23, key: 'topicAlias', label: 'Topic alias', as: 'u16', least: 1 },
    ...{ within: setOf(PUBLISH), cite: 'MQTT-3.3.2-8', code: CODE.topicAliasInvalid },
    gloss: always('a number that stands for a topic, as long as this connection lasts'),
  },
  {
    ...{ identifier: 0x24, key: 'maximumQoS', label: 'Maximum QoS', as: 'byte', most: 1 },
    ...{ within: setOf(CONNACK), cite: 'MQTT 5 §3.2.2.3.4' },
    gloss: (value) => `I promise no more than QoS ${value}`,
  },
  {
    ...{ identifier: 0x25, key: 'retainAvailable', label: 'Retain available', as: 'byte', most: 1 },
    ...{ within: setOf(CONNACK), cite: 'MQTT 5 §3.2.2.3.5' },
    gloss: yesNo('I keep messages for those who come later', 'I keep no message for those who come later'),
  },
  {
    ...{ identifier: 0x26, key: 'user', label: 'User property', as: 'pair' },
    within: setOf(WILL, ...TYPES.keys()),
    gloss: always('a name and a value that mean something to the two who have agreed on them'),
  },
  {
    ...{ identifier: 0x27, key: 'maximumPacketSize', label: 'Maximum packet size', as: 'u32', least: 1 },
    ...{ within: setOf(CONNECT, CONNACK), cite: 'MQTT 5 §3.1.2.11.4' },
    gloss: (value) => `I take packets of up to ${value} bytes`,
  },
  {
    ...{ identifier: 0x28, key: 'wildcardAvailable', label: 'Wildcard subscription available', as: 'byte', most: 1 },
    ...{ within: setOf(CONNACK), cite: 'MQTT 5 §3.2.2.3.11' },
    gloss: yesNo('a filter may have wildcards', 'a filter must not have wildcards'),
  },
  {
    ...{ identifier: 0x29, key: 'subscriptionIdsAvailable', label: 'Subscription identifiers available' },
    ...{ as: 'byte', most: 1, within: setOf(CONNACK), cite: 'MQTT 5 §3.2.2.3.12' },
    gloss: yesNo('a subscription may have a number', 'I put no number on a subscription'),
  },
  {
    ...{ identifier: 0x2a, key: 'sharedAvailable', label: 'Shared subscription available', as: 'byte', most: 1 },
    ...{ within: setOf(CONNACK), cite: 'MQTT 5 §3.2.2.3.13' },
    gloss: yesNo('several clients may share a subscription', 'nobody shares a subscription here'),
  },
];
export const BY_IDENTIFIER: ReadonlyMap<number, Property> = new Map([
  ...PROPERTIES.map((property) => [property.identifier, property] as const),
]);
export const BY_KEY: ReadonlyMap<string, Property> = new Map([
  ...PROPERTIES.map((property) => [property.key as string, property] as const),
]);

/** Whether it may stand more than once (in a PUBLISH, for subscription identifiers), and is a list. */
export function isListed({ as }: Property): boolean {
  return as === 'pair' || as === 'variable';
}

/** The properties as they stand on the wire, one for one. */
export function inOrder(properties: Properties): [Property, unknown][] {
  const left = new Map<number, [Property, IterableIterator<unknown>]>();
  for (const [key, value] of Object.entries(properties)) {
    const property = BY_KEY.get(key);
    if (property) left.set(property.identifier, [property, (isListed(property) ? value : [value]).values()]);
  }
  const pairs: [Property, unknown][] = [];
  for (const identifier of properties.order ?? []) {
    const [property, values] = left.get(identifier) ?? [];
    const next = values?.next();
    if (property && next && !next.done) pairs.push([property, next.value]);
  }
  // What the order does not name, since it was added later, comes last.
  for (const [property, values] of left.values()) for (const value of values) pairs.push([property, value]);
  return pairs;
}

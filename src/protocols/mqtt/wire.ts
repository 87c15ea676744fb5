// MQTT 3.1.1 and 5.0: what the bytes mean (OASIS standards "MQTT Version 3.1.1" and "MQTT Version 5.0").
//
// Every packet has a fixed header, then as many bytes as that says.
//
//       7     6     5     4     3     2     1     0
//     +-----------------------+-----------------------+
//     | type                  | flags                 |   flags mean something in PUBLISH only; elsewhere they are fixed
//     | remaining length: one to four bytes           |   a variable byte integer: 7 bits a byte, the lowest first,
//     +-----------------------------------------------+   and the top bit says that another byte follows
//     | variable header: packet identifier, reason    |
//     |   code, properties (5.0 only), by type        |
//     | payload, by type                              |
//     +-----------------------------------------------+
//
//      1 CONNECT     client  "it is me"                    8 SUBSCRIBE   client  "send me what is said under these topics"
//      2 CONNACK     server  "come in", or why not         9 SUBACK      server
//      3 PUBLISH     both    a message under a topic      10 UNSUBSCRIBE client
//      4 PUBACK      both    QoS 1: "I have it"           11 UNSUBACK    server
//      5 PUBREC      both    QoS 2: "I have it"           12 PINGREQ     client  "I am still here"
//      6 PUBREL      both    QoS 2: "forget its number"   13 PINGRESP    server
//      7 PUBCOMP     both    QoS 2: "forgotten"           14 DISCONNECT  both    "good-bye"; in 3.1.1 client only
//                                                         15 AUTH        both    5.0 only
//
// Which version is spoken is said once, in CONNECT: nothing in a later packet tells, so whoever reads it has to remember. Clauses
// are cited by their numbers, `MQTT-3.1.2-4`, as they stand in the version that the packet is of; the two count them differently.

import { byteAt, type Reader, type Spec, u16At, WireError, type Writer } from '../../wire/fields.ts';
import { printable, quoted } from '../../wire/printable.ts';
import type { Lean, Seen, Side, Wire } from '../../wire/wire.ts';

/** The protocol level in CONNECT: 4 is MQTT 3.1.1, 5 is MQTT 5.0. It settles how every later packet is written. */
export type Version = 4 | 5;

export type QoS = 0 | 1 | 2;

/** MQTT 5 §2.2.2.2; the keys are in the order in which they stand on the wire. What may stand more than once is a list. */
export interface Properties {
  payloadFormat?: number;
  /** Seconds. */
  messageExpiry?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Buffer;
  subscriptionId?: number[];
  /** Seconds; 0xffffffff is for ever. */
  sessionExpiry?: number;
  assignedClientId?: string;
  /** Seconds. */
  serverKeepAlive?: number;
  authMethod?: string;
  authData?: Buffer;
  requestProblem?: number;
  /** Seconds. */
  willDelay?: number;
  requestResponse?: number;
  responseInformation?: string;
  serverReference?: string;
  reason?: string;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  topicAlias?: number;
  maximumQoS?: number;
  retainAvailable?: number;
  user?: [name: string, value: string][];
  maximumPacketSize?: number;
  wildcardAvailable?: number;
  subscriptionIdsAvailable?: number;
  sharedAvailable?: number;
  /** Identifiers in the order in which they stood, only where one that may stand more than once had others between. */
  order?: readonly number[];
}

export interface Will {
  topic: string;
  payload: Buffer;
  qos: QoS;
  retain: boolean;
  properties: Properties;
}

export interface Filter {
  filter: string;
  qos: QoS;
  /** MQTT 5 §3.8.3.1; in 3.1.1 always false, false and 0. */
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: 0 | 1 | 2;
}

/**
 * In 3.1.1 `properties` is always empty. `code` and `properties` that may be left out on the wire are absent where they were.
 * What a version does not have is not written in it: a PUBACK of 3.1.1 with a `code` is the PUBACK without.
 */
export type Message = { version: Version } & (
  | {
      type: 'CONNECT';
      clean: boolean;
      /** Seconds. */
      keepAlive: number;
      client: string;
      will?: Will;
      user?: string;
      password?: Buffer;
      properties: Properties;
    }
  | { type: 'CONNACK'; sessionPresent: boolean; code: number; properties: Properties }
  | {
      type: 'PUBLISH';
      dup: boolean;
      qos: QoS;
      retain: boolean;
      /** Empty where a topic alias stands for it. */
      topic: string;
      /** Packet identifier, 1 to 65535; 0 with QoS 0, which has none. */
      id: number;
      properties: Properties;
      /** A view on the bytes it came in: copy it to keep it. */
      payload: Buffer;
    }
  | { type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP'; id: number; code?: number; properties?: Properties }
  | { type: 'SUBSCRIBE'; id: number; properties: Properties; filters: Filter[] }
  | { type: 'SUBACK'; id: number; properties: Properties; codes: number[] }
  | { type: 'UNSUBSCRIBE'; id: number; properties: Properties; filters: string[] }
  /** No codes in 3.1.1. */
  | { type: 'UNSUBACK'; id: number; properties: Properties; codes: number[] }
  | { type: 'PINGREQ' }
  | { type: 'PINGRESP' }
  | { type: 'DISCONNECT'; code?: number; properties?: Properties }
  | { type: 'AUTH'; code?: number; properties?: Properties }
);

/** Version 5, §2.4; `CONNACK` of 3.1.1 has codes of its own ({@link CONNACK4}). */
export const CODE = {
  success: 0x00,
  grantedQoS1: 0x01,
  grantedQoS2: 0x02,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecified: 0x80,
  malformed: 0x81,
  protocolError: 0x82,
  implementationSpecific: 0x83,
  unsupportedVersion: 0x84,
  clientIdNotValid: 0x85,
  badUserOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdInUse: 0x91,
  packetIdNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdsNotSupported: 0xa1,
  wildcardsNotSupported: 0xa2,
} as const;

/** MQTT 3.1.1 §3.2.2.3. */
export const CONNACK4 = {
  accepted: 0,
  unacceptableVersion: 1,
  identifierRejected: 2,
  serverUnavailable: 3,
  badUserOrPassword: 4,
  notAuthorized: 5,
} as const;

/** Packet sizes that are taken, in bytes, remaining length and fixed header included: of a first packet, and of any other. */
export const LARGEST = { first: 8 * 1024, other: 256 * 1024 } as const;

/** What a packet without properties has, and every packet of 3.1.1. One for all, so that reading one makes nothing. */
export const NO_PROPERTIES: Properties = Object.freeze({});

/** A {@link WireError} that knows which reason code of 5.0 it deserves (§4.13). */
export class Refusal extends WireError {
  readonly code: number;
  constructor(why: string, at: number, cite: string | undefined, code: number, secret = false) {
    super(why, at, cite, secret);
    this.code = code;
  }
}

/** The reason code of 5.0 that says what was wrong with these bytes; malformed, where nothing says more. */
export function codeFor(error: WireError): number {
  return error instanceof Refusal ? error.code : CODE.malformed;
}

/**
 * What a server says of bytes that it refuses, before it hangs up; undefined where the version has no words for it, or where no CONNECT
 * has told the version. `connected`: the CONNECT of this connection has been answered. `seen`: what {@link wire} has noted of it.
 */
export function farewell(error: WireError, seen: Seen, connected: boolean): Message | undefined {
  const code = codeFor(error);
  const version = seen.get('version');
  if (version === '5' && connected) return { version: 5, type: 'DISCONNECT', code };
  if (version === '5') return { version: 5, type: 'CONNACK', sessionPresent: false, code, properties: NO_PROPERTIES };
  // In 3.1.1 a server has words for one thing only that is wrong with a packet (MQTT-3.1.2-2).
  if (version !== '4' || connected || code !== CODE.unsupportedVersion) return undefined;
  const refused = CONNACK4.unacceptableVersion;
  return { version: 4, type: 'CONNACK', sessionPresent: false, code: refused, properties: NO_PROPERTIES };
}

const CONNECT = 1;
const CONNACK = 2;
const PUBLISH = 3;
const PUBACK = 4;
const PUBREC = 5;
const PUBREL = 6;
const PUBCOMP = 7;
const SUBSCRIBE = 8;
const SUBACK = 9;
const UNSUBSCRIBE = 10;
const UNSUBACK = 11;
const PINGREQ = 12;
const PINGRESP = 13;
const DISCONNECT = 14;
const AUTH = 15;
/** A will has properties of its own, beside those of the CONNECT it is in. */
const WILL = 0;

const TYPES = [
  ...['reserved', 'CONNECT', 'CONNACK', 'PUBLISH', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP'],
  ...['SUBSCRIBE', 'SUBACK', 'UNSUBSCRIBE', 'UNSUBACK', 'PINGREQ', 'PINGRESP', 'DISCONNECT', 'AUTH'],
] as const;
/** Who may say it (MQTT 5 §2.1.2). */
const FROM_CLIENT = setOf(CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ);
const FROM_SERVER = setOf(CONNACK, SUBACK, UNSUBACK, PINGRESP);
/** In these a password or other proof may stand. */
const WITH_PROOF = setOf(CONNECT, CONNACK, AUTH);

/** The most that a variable byte integer can say: four times seven bits. */
const MOST_VARIABLE = 0x0fff_ffff;
const MOST_TEXT = 0xffff;
const EMPTY = Buffer.alloc(0);

/** The reason codes that each packet may carry (MQTT 5 §2.4). */
const PUBLISH_CODES = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const RELEASE_CODES = [0x00, 0x92];
const CODES: ReadonlyMap<number, readonly number[]> = new Map([
  [
    CONNACK,
    [
      ...[0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c],
      ...[0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f],
    ],
  ],
  [PUBACK, PUBLISH_CODES],
  [PUBREC, PUBLISH_CODES],
  [PUBREL, RELEASE_CODES],
  [PUBCOMP, RELEASE_CODES],
  [SUBACK, [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]],
  [UNSUBACK, [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]],
  [
    DISCONNECT,
    [
      ...[0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96],
      ...[0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
    ],
  ],
  [AUTH, [0x00, 0x18, 0x19]],
]);
/** The clause that says so. */
const CODES_CLAUSE: ReadonlyMap<number, string> = new Map([
  [CONNACK, 'MQTT-3.2.2-8'],
  [PUBACK, 'MQTT-3.4.2-1'],
  [PUBREC, 'MQTT-3.5.2-1'],
  [PUBREL, 'MQTT-3.6.2-1'],
  [PUBCOMP, 'MQTT-3.7.2-1'],
  [SUBACK, 'MQTT-3.9.3-2'],
  [UNSUBACK, 'MQTT-3.11.3-2'],
  [DISCONNECT, 'MQTT-3.14.2-1'],
  [AUTH, 'MQTT-3.15.2-1'],
]);

/** Of each reason code: its name, and what it means for someone who has never met it. */
const CODE_WORDS: ReadonlyMap<number, readonly [string, string]> = new Map([
  [0x00, ['success', 'all is well']],
  [0x01, ['granted QoS 1', 'messages will come at least once']],
  [0x02, ['granted QoS 2', 'messages will come exactly once']],
  [0x04, ['disconnect with will', 'good-bye, and publish my will all the same']],
  [0x10, ['no matching subscribers', 'I have it, and nobody wanted it']],
  [0x11, ['no subscription existed', 'there was nothing to take away']],
  [0x18, ['continue authentication', 'one more round of proof, please']],
  [0x19, ['re-authenticate', 'I want to prove again who I am']],
  [0x80, ['unspecified error', 'no, and I do not say why']],
  [0x81, ['malformed packet', 'these bytes are no packet']],
  [0x82, ['protocol error', 'the bytes can be read, and should not have been said']],
  [0x83, ['implementation specific error', 'well said, and I will not do it']],
  [0x84, ['unsupported protocol version', 'I do not speak this version']],
  [0x85, ['client identifier not valid', 'I file nothing under this name']],
  [0x86, ['bad user name or password', 'this does not prove who you are']],
  [0x87, ['not authorized', 'I know who you are, and you may not']],
  [0x88, ['server unavailable', 'not now']],
  [0x89, ['server busy', 'not now, try again later']],
  [0x8a, ['banned', 'never again']],
  [0x8b, ['server shutting down', 'I am about to end']],
  [0x8c, ['bad authentication method', 'I do not know this kind of proof']],
  [0x8d, ['keep alive timeout', 'I have heard nothing from you for too long']],
  [0x8e, ['session taken over', 'a newer connection goes by this client identifier now']],
  [0x8f, ['topic filter invalid', 'I cannot subscribe anybody to this']],
  [0x90, ['topic name invalid', 'I cannot publish anything under this']],
  [0x91, ['packet identifier in use', 'I still remember another message under this number']],
  [0x92, ['packet identifier not found', 'I remember nothing under this number']],
  [0x93, ['receive maximum exceeded', 'more messages are in flight than I said I can remember']],
  [0x94, ['topic alias invalid', 'I do not know which topic this number stands for']],
  [0x95, ['packet too large', 'more bytes than I take']],
  [0x96, ['message rate too high', 'too many, too fast']],
  [0x97, ['quota exceeded', 'you have used up what is yours']],
  [0x98, ['administrative action', 'somebody here has decided so']],
  [0x99, ['payload format invalid', 'the payload is not the text that it is said to be']],
  [0x9a, ['retain not supported', 'I keep no message for those who come later']],
  [0x9b, ['QoS not supported', 'I do not promise that much']],
  [0x9c, ['use another server', 'go elsewhere, for now']],
  [0x9d, ['server moved', 'go elsewhere, from now on']],
  [0x9e, ['shared subscriptions not supported', 'nobody shares a subscription here']],
  [0x9f, ['connection rate exceeded', 'too many connections, too fast']],
  [0xa0, ['maximum connect time', 'you have been here long enough']],
  [0xa1, ['subscription identifiers not supported', 'I put no number on a subscription']],
  [0xa2, ['wildcard subscriptions not supported', 'one topic at a time, please']],
]);
/** MQTT 3.1.1 §3.2.2.3. */
const CONNACK4_WORDS = [
  ['accepted', 'come in'],
  ['unacceptable protocol version', 'I do not speak this version'],
  ['identifier rejected', 'I file nothing under this name'],
  ['server unavailable', 'not now'],
  ['bad user name or password', 'this does not prove who you are'],
  ['not authorized', 'you may not'],
] as const;

/** What a reason code says in a packet of this type: its name, and a sentence. */
function wordsOf(type: number, version: Version, code: number): readonly [string, string | undefined] {
  if (type === CONNACK && version === 4) return CONNACK4_WORDS[code] ?? ['?', undefined];
  if (code === 0 && type === CONNACK) return ['accepted', 'come in'];
  if (code === 0 && type === SUBACK) return ['granted QoS 0', 'messages will come at most once'];
  if (code === 0 && type === DISCONNECT) return ['normal disconnection', 'good-bye: my will shall not be published'];
  if (code === 0x80 && type === SUBACK && version === 4) return ['failure', 'no, and I do not say why'];
  return CODE_WORDS.get(code) ?? ['?', undefined];
}

/** One kind of property (MQTT 5 §2.2.2.2). */
interface Property {
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
const seconds = (value: number | string) =>
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
const BY_IDENTIFIER: ReadonlyMap<number, Property> = new Map([
  ...PROPERTIES.map((property) => [property.identifier, property] as const),
]);
const BY_KEY: ReadonlyMap<string, Property> = new Map([
  ...PROPERTIES.map((property) => [property.key as string, property] as const),
]);

const LIMIT = 64;
const inWords = (bytes: Buffer) => printable(bytes.toString('utf8'), LIMIT);
const hexText = (bytes: Buffer) =>
  bytes.length > 32 ? `${bytes.toString('hex', 0, 32)}… (${bytes.length - 32} more)` : bytes.toString('hex');
const bit = (id: string, label: string, set: string, unset: string): Spec<number> => ({
  id,
  label,
  gloss: (value) => (value ? set : unset),
});
const sized = (id: string, label: string): Spec<number> => ({
  id: `${id}.length`,
  label: `${label}, length`,
  gloss: (length) => `${length} bytes follow`,
});
/** A variable byte integer, and how it comes about: §1.5.5. */
const variable = (id: string, label: string, gloss: (value: number) => string): Spec<Buffer> => ({
  id,
  label,
  show: (bytes) => `${variableOf(bytes)}`,
  gloss(bytes) {
    const value = variableOf(bytes);
    if (bytes.length === 1) return gloss(value);
    const parts = Array.from(bytes, (byte, nth) => `${byte & 0x7f}${nth === 0 ? '' : ` × ${128 ** nth}`}`);
    return `${parts.join(' + ')}: ${gloss(value)}`;
  },
});

const TYPE_BITS: Spec<number> = { id: 'type', label: 'Type', show: (type) => `${type} ${TYPES[type] ?? '?'}` };
const FLAG_BITS: Spec<number> = {
  id: 'flags',
  label: 'Flags',
  gloss: (flags) => `reserved: with this type always ${flags}`,
};
const DUP = bit('dup', 'DUP', 'I may have sent this before', 'I send this for the first time');
const QOS: Spec<number> = {
  id: 'qos',
  label: 'QoS',
  gloss: (qos) =>
    [
      'at most once: nobody remembers anything, and nobody answers',
      'at least once: the sender remembers it until PUBACK, and may send it twice',
      'exactly once: both remember its number until they have agreed to forget it',
    ][qos],
};
const RETAIN = bit(
  'retain',
  'Retain',
  'the broker keeps the last one of a topic, for whoever subscribes later',
  'for those who are subscribed now',
);
const REMAINING = variable('length', 'Remaining length', (length) => `${length} bytes follow`);

const NAME_LENGTH = sized('name', 'Protocol name');
const NAME: Spec<Buffer> = { id: 'name', label: 'Protocol name', show: inWords };
const LEVEL: Spec<number> = {
  id: 'level',
  label: 'Protocol level',
  show: (level) => `${level}${level === 4 ? ' MQTT 3.1.1' : level === 5 ? ' MQTT 5.0' : ''}`,
  gloss: () => 'said here and never again: how every later packet is read depends on it',
};
const USER_FLAG = bit('user.flag', 'User name flag', 'a user name follows', 'no user name');
const PASSWORD_FLAG = bit('password.flag', 'Password flag', 'a password follows', 'no password');
const WILL_RETAIN = bit(
  'will.retain',
  'Will retain',
  'the will is to be kept for whoever subscribes later',
  'the will is for those who are subscribed then',
);
const WILL_QOS: Spec<number> = { id: 'will.qos', label: 'Will QoS' };
const WILL_FLAG = bit(
  'will.flag',
  'Will flag',
  'should I vanish without a good-bye, publish what I leave with you here',
  'no will',
);
const CLEAN: Record<Version, Spec<number>> = {
  4: bit(
    'clean',
    'Clean session',
    '"forget what you remember of me, and remember nothing after this connection"',
    '"carry on from what you remember of me"',
  ),
  5: bit(
    'clean',
    'Clean start',
    '"forget what you remember of me"',
    '"carry on from what you remember of me, if you do"',
  ),
};
const CONNECT_RESERVED: Spec<number> = { id: 'reserved', label: 'Reserved' };
const KEEP_ALIVE: Spec<number> = {
  id: 'keepAlive',
  label: 'Keep alive',
  gloss: (value) =>
    value === 0
      ? 'I may be silent for as long as I like'
      : `when you have heard nothing for one and a half times ${seconds(value)}, I am gone`,
};
const PROPERTIES_LENGTH = variable('properties', 'Property length', (length) =>
  length === 0 ? 'no properties' : `${length} bytes of properties`,
);
const CLIENT_LENGTH = sized('client', 'Client identifier');
const CLIENT: Spec<Buffer> = {
  id: 'client',
  label: 'Client identifier',
  show: inWords,
  gloss: () => 'the name under which the broker files all that it remembers of this client',
};
const WILL_TOPIC_LENGTH = sized('will.topic', 'Will topic');
const WILL_TOPIC: Spec<Buffer> = { id: 'will.topic', label: 'Will topic', show: inWords };
const WILL_PAYLOAD_LENGTH = sized('will.payload', 'Will payload');
const WILL_PAYLOAD: Spec<Buffer> = {
  id: 'will.payload',
  label: 'Will payload',
  show: (payload) => quoted(payload, LIMIT),
};
const USER_LENGTH = sized('user', 'User name');
const USER: Spec<Buffer> = { id: 'user', label: 'User name', show: inWords };
const PASSWORD_LENGTH = sized('password', 'Password');
const PASSWORD: Spec<Buffer> = { id: 'password', label: 'Password', secret: true };

const ACKNOWLEDGE_RESERVED: Spec<number> = { id: 'reserved', label: 'Reserved' };
const SESSION_PRESENT = bit(
  'sessionPresent',
  'Session present',
  '"I remember you: what I had filed under your name is still there"',
  '"I have nothing filed under your name"',
);
const TOPIC_LENGTH = sized('topic', 'Topic name');
const TOPIC: Spec<Buffer> = { id: 'topic', label: 'Topic name', show: inWords };
const PAYLOAD: Spec<Buffer> = { id: 'payload', label: 'Payload', show: (payload) => quoted(payload, LIMIT) };
const ID: Spec<number> = {
  id: 'id',
  label: 'Packet identifier',
  gloss: () => 'a number for the time until it is acknowledged: it means something only to those who remember it',
};
const FILTER: Spec<Buffer> = {
  id: '',
  label: 'Topic filter',
  show: inWords,
  gloss(filter) {
    if (filter.includes(HASH)) return 'all topics that begin like this';
    return filter.includes(PLUS) ? 'all topics like this, with one level of any name for each +' : 'this topic only';
  },
};
const FILTER_LENGTH = sized('', 'Topic filter');
const OPTION_RESERVED: Spec<number> = { id: 'reserved', label: 'Reserved' };
const RETAIN_HANDLING: Spec<number> = {
  id: 'retainHandling',
  label: 'Retain handling',
  gloss: (value) =>
    [
      'send me what you keep under these topics',
      'send me what you keep under these topics, unless I was subscribed already',
      'send me nothing that is older than this',
    ][value],
};
const RETAIN_AS_PUBLISHED = bit(
  'retainAsPublished',
  'Retain as published',
  'pass the retain flag on as it was published',
  'set the retain flag only on what was kept',
);
const NO_LOCAL = bit('noLocal', 'No local', 'spare me what I publish myself', 'send me what I publish myself, too');
const OPTION_QOS: Spec<number> = {
  id: 'qos',
  label: 'Maximum QoS',
  gloss: (qos) =>
    [
      'send me each message at most once',
      'send me each message at least once',
      'send me each message exactly once, if it was published so',
    ][qos],
};

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const SHARE = '$share/';

export const wire: Wire<Message> = {
  longest: LARGEST.other,

  // The first byte and the length alone tell whether the rest is worth waiting for.
  frame(bytes, start, from) {
    return frameOf(bytes, start, from, LARGEST.other);
  },

  // Notes the version that CONNECT settles under `version`, and reads every other packet by it: as one of 3.1.1 while none is noted.
  // A CONNECT that is refused has noted it, if it got so far, so that the refusal can be said in words of that version.
  read(reader, from, _over, seen) {
    const start = reader.at;
    try {
      return readPacket(reader, from, seen);
    } catch (error) {
      // Before any CONNECT has been read, this may be one, spoiled.
      const secret = WITH_PROOF.has(byteAt(reader.bytes, start) >>> 4) || (from === 'client' && !seen.has('version'));
      if (error instanceof Fault) {
        throw new Refusal(error.message, error.at - start, error.cite, error.code, secret);
      }
      // The cursor found that the packet is shorter than what it should hold.
      if (!(error instanceof WireError)) throw error;
      throw new Refusal(error.message.replace(/ \(byte \d+\)$/, ''), error.at, 'MQTT 5 §4.13', CODE.malformed, secret);
    }
  },

  write(writer, message) {
    switch (message.type) {
      case 'PUBLISH':
        return writePublish(writer, message);
      case 'PUBACK':
        return writeAck(writer, PUBACK << 4, message);
      case 'PUBREC':
        return writeAck(writer, PUBREC << 4, message);
      case 'PUBREL':
        return writeAck(writer, (PUBREL << 4) | 2, message);
      case 'PUBCOMP':
        return writeAck(writer, PUBCOMP << 4, message);
      case 'CONNECT':
        return writeConnect(writer, message);
      case 'CONNACK':
        writer.u8(CONNACK << 4);
        writeVariable(writer, 2 + (message.version === 5 ? blockLength(message.properties) : 0));
        writer.u8(message.sessionPresent ? 1 : 0);
        writer.u8(message.code);
        if (message.version === 5) writeProperties(writer, message.properties);
        return;
      case 'SUBSCRIBE': {
        let length = 2 + (message.version === 5 ? blockLength(message.properties) : 0);
        for (const { filter } of message.filters) length += 3 + bytesIn(filter);
        writer.u8((SUBSCRIBE << 4) | 2);
        writeVariable(writer, length);
        writer.u16(message.id);
        if (message.version === 5) writeProperties(writer, message.properties);
        for (const { filter, qos, noLocal, retainAsPublished, retainHandling } of message.filters) {
          writeText(writer, filter);
          if (message.version === 4) writer.u8(qos);
          else writer.u8((retainHandling << 4) | (retainAsPublished ? 8 : 0) | (noLocal ? 4 : 0) | qos);
        }
        return;
      }
      case 'UNSUBSCRIBE': {
        let length = 2 + (message.version === 5 ? blockLength(message.properties) : 0);
        for (const filter of message.filters) length += 2 + bytesIn(filter);
        writer.u8((UNSUBSCRIBE << 4) | 2);
        writeVariable(writer, length);
        writer.u16(message.id);
        if (message.version === 5) writeProperties(writer, message.properties);
        for (const filter of message.filters) writeText(writer, filter);
        return;
      }
      case 'SUBACK':
      case 'UNSUBACK': {
        // MQTT 3.1.1 §3.11: an UNSUBACK says only which UNSUBSCRIBE it answers.
        const codes = message.version === 4 && message.type === 'UNSUBACK' ? [] : message.codes;
        writer.u8((message.type === 'SUBACK' ? SUBACK : UNSUBACK) << 4);
        writeVariable(writer, 2 + (message.version === 5 ? blockLength(message.properties) : 0) + codes.length);
        writer.u16(message.id);
        if (message.version === 5) writeProperties(writer, message.properties);
        for (const code of codes) writer.u8(code);
        return;
      }
      case 'PINGREQ':
        return writer.u16(PINGREQ << 12);
      case 'PINGRESP':
        return writer.u16(PINGRESP << 12);
      case 'DISCONNECT':
        writer.u8(DISCONNECT << 4);
        writeVariable(writer, reasonLength(message));
        return writeReason(writer, message);
      case 'AUTH':
        writer.u8(AUTH << 4);
        writeVariable(writer, reasonLength(message));
        return writeReason(writer, message);
    }
  },

  kind(message) {
    return message.type;
  },

  says(message) {
    switch (message.type) {
      case 'CONNECT': {
        const { client, clean, keepAlive, version, properties, will, user } = message;
        const words = [`client=${name(client) || '""'} clean=${clean ? 1 : 0} keepalive=${keepAlive}`];
        if (version === 5) words.push('v5');
        if (properties.sessionExpiry !== undefined) words.push(`expiry=${properties.sessionExpiry}`);
        if (will) words.push(`will=${name(will.topic)}`);
        if (user !== undefined) words.push(`user=${name(user)}`);
        return words.join(' ');
      }
      case 'CONNACK': {
        const [words] = wordsOf(CONNACK, message.version, message.code);
        const assigned = message.properties.assignedClientId === undefined ? '' : ', with a name for the client';
        return `session-present=${message.sessionPresent ? 1 : 0} ${words}${assigned}`;
      }
      case 'PUBLISH': {
        const { topic, qos, id, dup, retain, properties, payload } = message;
        const words = topic === '' ? [] : [name(topic)];
        if (properties.topicAlias !== undefined) words.push(`alias=${properties.topicAlias}`);
        words.push(`qos=${qos}`);
        if (qos > 0) words.push(`id=${id}`);
        if (dup) words.push('dup');
        if (retain) words.push('retain');
        return `${words.join(' ')} ${quoted(payload, 40)}`;
      }
      case 'PUBACK':
      case 'PUBREC':
      case 'PUBREL':
      case 'PUBCOMP': {
        const { code = 0, version } = message;
        return `id=${message.id}${code === 0 ? '' : ` ${wordsOf(NUMBER[message.type], version, code)[0]}`}`;
      }
      case 'SUBSCRIBE':
        return `id=${message.id} ${listed(message.filters.map(({ filter, qos }) => `${name(filter)} qos=${qos}`))}`;
      case 'UNSUBSCRIBE':
        return `id=${message.id} ${listed(message.filters.map(name))}`;
      case 'SUBACK':
      case 'UNSUBACK': {
        const { type, version, codes } = message;
        return `id=${message.id} ${listed(codes.map((code) => wordsOf(NUMBER[type], version, code)[0]))}`.trim();
      }
      case 'DISCONNECT':
      case 'AUTH': {
        const { code = 0, version, properties } = message;
        const reason = properties?.reason === undefined ? '' : ` "${name(properties.reason)}"`;
        return `${version === 4 ? '' : wordsOf(NUMBER[message.type], version, code)[0]}${reason}`;
      }
      default:
        return '';
    }
  },

  leans(message, from, seen) {
    if (message.type === 'CONNECT') {
      seen.set('client', printable(message.client));
      seen.set('clean', message.clean ? '1' : '0');
      const lasts = message.version === 4 ? !message.clean : (message.properties.sessionExpiry ?? 0) > 0;
      seen.set('lasts', lasts ? '1' : '0');
      seen.set('will', message.will ? '1' : '0');
    }
    if (message.type === 'CONNACK' && message.properties.assignedClientId !== undefined)
      seen.set('client', printable(message.properties.assignedClientId));
    return leansOf(message, from, seen);
  },
};

/**
 * The same wire as a server listens to a connection that has not said who it is: nothing but CONNECT, and nothing large (MQTT-3.1.0-1).
 * What follows CONNECT, if only in the same chunk, is for {@link wire} to frame.
 */
export const opening: Wire<Message> = {
  ...wire,
  longest: LARGEST.first,

  frame(bytes, start, from) {
    if (start < bytes.length && byteAt(bytes, start) >>> 4 !== CONNECT) {
      const type = TYPES[byteAt(bytes, start) >>> 4];
      throw new Refusal(`the first packet is ${type}, not CONNECT`, 0, 'MQTT-3.1.0-1', CODE.protocolError, true);
    }
    return frameOf(bytes, start, from, LARGEST.first);
  },
};

/** The number of each type. */
const NUMBER: Record<Message['type'], number> = {
  CONNECT,
  CONNACK,
  PUBLISH,
  PUBACK,
  PUBREC,
  PUBREL,
  PUBCOMP,
  SUBSCRIBE,
  SUBACK,
  UNSUBSCRIBE,
  UNSUBACK,
  PINGREQ,
  PINGRESP,
  DISCONNECT,
  AUTH,
};

/** What is wrong with bytes that are being read. `at` counts from where the buffer begins: `read` counts it from the packet. */
class Fault extends Error {
  readonly at: number;
  readonly cite: string;
  readonly code: number;
  constructor(why: string, at: number, cite: string, code: number) {
    super(why);
    this.at = at;
    this.cite = cite;
    this.code = code;
  }
}

/** `at`: the byte that proves it, counted in the buffer. */
function refuse(why: string, at: number, cite: string, code: number = CODE.malformed): never {
  throw new Fault(why, at, cite, code);
}

/** What a client says that is no packet may be a CONNECT all the same, with a password in it. */
function frameOf(bytes: Buffer, start: number, from: Side, most: number): number | undefined {
  if (start >= bytes.length) return undefined;
  const secret = from === 'client';
  const wrong = firstByteWrong(byteAt(bytes, start), from);
  if (wrong) throw new Refusal(...wrong, secret);
  let length = 0;
  for (let at = start + 1, shift = 0; ; at++, shift += 7) {
    if (shift > 21)
      throw new Refusal('Remaining length has more than four bytes', 4, 'MQTT 5 §1.5.5', CODE.malformed, secret);
    if (at >= bytes.length) return undefined;
    const byte = byteAt(bytes, at);
    length += (byte & 0x7f) << shift;
    if (byte < 0x80) {
      length += at + 1 - start;
      break;
    }
  }
  if (length > most) {
    const cite = from === 'client' ? 'MQTT-3.2.2-15' : 'MQTT-3.1.2-24';
    throw new Refusal(`${length} bytes, and ${most} are taken`, 1, cite, CODE.packetTooLarge, secret);
  }
  return length;
}

/** Type and flags, as far as they can be judged without knowing the version; undefined when nothing is wrong with them. */
function firstByteWrong(first: number, from: Side): [string, number, string, number] | undefined {
  const type = first >>> 4;
  const flags = first & 0x0f;
  if (type === PUBLISH) {
    if ((flags & 0x06) === 0x06) return ['there is no QoS 3', 0, 'MQTT-3.3.1-4', CODE.malformed];
    if ((flags & 0x0e) === 0x08)
      return ['a PUBLISH with QoS 0 is never sent again, so it cannot be a DUP', 0, 'MQTT-3.3.1-2', CODE.malformed];
    return undefined;
  }
  if (type === 0) return ['no packet has type 0', 0, 'MQTT 5 §2.1.2', CODE.malformed];
  const due = type === PUBREL || type === SUBSCRIBE || type === UNSUBSCRIBE ? 2 : 0;
  if (flags !== due) return [`the flags of ${TYPES[type]} are ${due}, not ${flags}`, 0, FLAGS_CLAUSE, CODE.malformed];
  if ((from === 'server' ? FROM_CLIENT : FROM_SERVER).has(type))
    return [`${TYPES[type]} is not for a ${from} to say`, 0, 'MQTT 5 §2.1.2', CODE.protocolError];
  return undefined;
}

/** 3.1.1 and 5.0 number it differently, and the version is not known where a packet is framed. */
const FLAGS_CLAUSE = 'MQTT-2.2.2-1, MQTT-2.1.3-1';

function readPacket(reader: Reader, from: Side, seen: Seen): Message {
  const { bytes, at: start } = reader;
  if (reader.left < 1) refuse('there is nothing', start, 'MQTT 5 §2.1');
  const first = byteAt(bytes, start);
  const type = first >>> 4;
  const wrong = firstByteWrong(first, from);
  if (wrong) refuse(wrong[0], start, wrong[2], wrong[3]);
  if (reader.fields) {
    reader.bits(TYPE_BITS, 0xf0);
    if (type !== PUBLISH) reader.bits(FLAG_BITS, 0x0f);
    else {
      reader.bits(DUP, 0x08);
      reader.bits(QOS, 0x06);
      reader.bits(RETAIN, 0x01);
    }
  } else reader.at = start + 1;
  const length = readVariable(reader, REMAINING);
  if (length !== reader.left)
    refuse(`${length} bytes are announced and ${reader.left} follow`, start + 1, 'MQTT 5 §2.1.4');
  // Where no CONNECT could be read, the answer to it still tells its version: one of 3.1.1 has no properties, not even their length.
  const speaks5 = seen.has('version') ? seen.get('version') === '5' : type === CONNACK && length !== 2;
  const version = type !== CONNECT && speaks5 ? 5 : 4;
  const message = type === CONNECT ? readConnect(reader, seen) : readBody(reader, type, first, version, from, seen);
  if (reader.left > 0) refuse(`${reader.left} bytes too many`, reader.at, 'MQTT 5 §4.13');
  return message;
}

function readBody(reader: Reader, type: number, first: number, version: Version, from: Side, seen: Seen): Message {
  switch (type) {
    case PUBLISH:
      return readPublish(reader, first, version, from, seen);
    case PUBACK:
    case PUBREC:
    case PUBREL:
    case PUBCOMP:
      return readAck(reader, type, version);
    case CONNACK:
      return readConnack(reader, version);
    case SUBSCRIBE: {
      const id = packetId(reader, version);
      const properties = readProperties(reader, version, SUBSCRIBE);
      const filters: Filter[] = [];
      if (reader.left === 0) {
        const cite = clause(version, 'MQTT-3.8.3-3', 'MQTT-3.8.3-2');
        refuse('a SUBSCRIBE without a filter', reader.at - 1, cite, CODE.protocolError);
      }
      while (reader.left > 0) filters.push(readSubscription(reader, version, filters.length + 1));
      return { version, type: 'SUBSCRIBE', id, properties, filters };
    }
    case UNSUBSCRIBE: {
      const id = packetId(reader, version);
      const properties = readProperties(reader, version, UNSUBSCRIBE);
      const filters: string[] = [];
      if (reader.left === 0)
        refuse('an UNSUBSCRIBE without a filter', reader.at - 1, 'MQTT-3.10.3-2', CODE.protocolError);
      while (reader.left > 0) filters.push(readFilter(reader, version, `filter${filters.length + 1}`));
      return { version, type: 'UNSUBSCRIBE', id, properties, filters };
    }
    case SUBACK:
    case UNSUBACK: {
      const id = packetId(reader, version);
      const properties = readProperties(reader, version, type);
      const codes: number[] = [];
      if (reader.left === 0 && (version === 5 || type === SUBACK))
        refuse(
          `${TYPES[type]} without a code`,
          reader.at - 1,
          type === SUBACK ? clause(version, 'MQTT-3.8.4-5', 'MQTT-3.8.4-6') : 'MQTT-3.11.3-1',
        );
      if (version === 5 || type === SUBACK)
        while (reader.left > 0) codes.push(readCode(reader, type, version, `code${codes.length + 1}`));
      return { version, type: type === SUBACK ? 'SUBACK' : 'UNSUBACK', id, properties, codes };
    }
    case PINGREQ:
      return { version, type: 'PINGREQ' };
    case PINGRESP:
      return { version, type: 'PINGRESP' };
    case DISCONNECT:
      return readDisconnect(reader, version, from);
    default:
      return readAuth(reader, version);
  }
}

type Of<T extends Message['type']> = Extract<Message, { type: T }>;

function readPublish(reader: Reader, first: number, version: Version, from: Side, seen: Seen): Message {
  const { at } = reader;
  const qos = ((first >>> 1) & 3) as QoS;
  const topic = readPublished(reader, version, seen);
  const id = qos > 0 ? packetId(reader, version) : 0;
  const properties = readProperties(reader, version, PUBLISH, '', from);
  if (topic === '' && properties.topicAlias === undefined)
    refuse(
      'neither a topic nor an alias for one',
      at,
      clause(version, 'MQTT-4.7.3-1', 'MQTT 5 §3.3.2.1'),
      CODE.protocolError,
    );
  const payload = reader.left > 0 ? reader.raw(PAYLOAD) : EMPTY;
  const dup = (first & 8) !== 0;
  const retain = (first & 1) !== 0;
  return { version, type: 'PUBLISH', dup, qos, retain, topic, id, properties, payload };
}

/** The code may be left out when it is 0 and there are no properties, and the properties when there are none (§3.4.2.1). */
function readAck(reader: Reader, type: number, version: Version): Message {
  const name = TYPES[type] as 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP';
  const id = packetId(reader, version);
  if (version === 4 || reader.left === 0) return { version, type: name, id };
  const code = readCode(reader, type, version);
  if (reader.left === 0) return { version, type: name, id, code };
  return { version, type: name, id, code, properties: readProperties(reader, version, type) };
}

function readConnect(reader: Reader, seen: Seen): Message {
  const version = readLevel(reader, seen);
  const { at } = reader;
  const userFlag = reader.bits(USER_FLAG, 0x80) === 1;
  const passwordFlag = reader.bits(PASSWORD_FLAG, 0x40) === 1;
  const retain = reader.bits(WILL_RETAIN, 0x20) === 1;
  const qos = reader.bits(WILL_QOS, 0x18);
  const willFlag = reader.bits(WILL_FLAG, 0x04) === 1;
  const clean = reader.bits(CLEAN[version], 0x02) === 1;
  if (reader.bits(CONNECT_RESERVED, 0x01) !== 0) refuse('the reserved flag is set', at, 'MQTT-3.1.2-3');
  if (qos === 3) refuse('there is no QoS 3', at, clause(version, 'MQTT-3.1.2-14', 'MQTT-3.1.2-12'));
  if (!willFlag && qos !== 0)
    refuse('a QoS for a will that is not there', at, clause(version, 'MQTT-3.1.2-13', 'MQTT-3.1.2-11'));
  if (!willFlag && retain)
    refuse('a will is to be retained that is not there', at, clause(version, 'MQTT-3.1.2-15', 'MQTT-3.1.2-13'));
  if (version === 4 && passwordFlag && !userFlag) refuse('a password without a user name', at, 'MQTT-3.1.2-22');
  const keepAlive = reader.u16(KEEP_ALIVE);
  const properties = readProperties(reader, version, CONNECT);
  const client = readText(reader, version, CLIENT_LENGTH, CLIENT);
  const message: Of<'CONNECT'> = { version, type: 'CONNECT', clean, keepAlive, client, properties };
  if (willFlag) {
    const willProperties = readProperties(reader, version, WILL, 'will.');
    const topicAt = reader.at;
    const topic = readTopic(reader, version, WILL_TOPIC_LENGTH, WILL_TOPIC);
    if (topic === '') refuse('a will without a topic', topicAt, 'MQTT-4.7.3-1', CODE.topicNameInvalid);
    const payload = readBinary(reader, WILL_PAYLOAD_LENGTH, WILL_PAYLOAD);
    message.will = { topic, payload, qos: qos as QoS, retain, properties: willProperties };
  }
  if (userFlag) message.user = readText(reader, version, USER_LENGTH, USER);
  if (passwordFlag) message.password = readBinary(reader, PASSWORD_LENGTH, PASSWORD);
  return message;
}

/** Who speaks another version is refused, and `version` is noted as the one of ours in which it understands that best. */
function readLevel(reader: Reader, seen: Seen): Version {
  const { at } = reader;
  const name = readBinary(reader, NAME_LENGTH, NAME).toString('latin1');
  // MQTT 3.1 had another name, and understands the CONNACK of 3.1.1.
  if (name !== 'MQTT' && name !== 'MQIsdp')
    refuse(`the protocol is called MQTT, not ${printable(name, 16)}`, at, 'MQTT-3.1.2-1', CODE.unsupportedVersion);
  const level = reader.u8(LEVEL);
  // Bridges between brokers set the top bit, and go on without it when they are refused.
  const version = name === 'MQTT' && (level & 0x7f) >= 5 ? 5 : 4;
  seen.set('version', `${version}`);
  if (name !== 'MQTT' || level !== version)
    refuse(`${name} level ${level} is not spoken here`, reader.at - 1, 'MQTT-3.1.2-2', CODE.unsupportedVersion);
  return version;
}

function readConnack(reader: Reader, version: Version): Message {
  const { at } = reader;
  const reserved = reader.bits(ACKNOWLEDGE_RESERVED, 0xfe);
  const sessionPresent = reader.bits(SESSION_PRESENT, 0x01) === 1;
  if (reserved !== 0) refuse('a reserved flag is set', at, clause(version, 'MQTT 3.1.1 §3.2.2.1', 'MQTT-3.2.2-1'));
  const code = readCode(reader, CONNACK, version);
  if (sessionPresent && code !== 0)
    refuse(
      'a session is present for a client that is refused',
      at,
      clause(version, 'MQTT-3.2.2-4', 'MQTT-3.2.2-6'),
      CODE.protocolError,
    );
  return { version, type: 'CONNACK', sessionPresent, code, properties: readProperties(reader, version, CONNACK) };
}

function readDisconnect(reader: Reader, version: Version, from: Side): Message {
  if (version === 4) {
    if (from === 'server')
      refuse('a server of 3.1.1 says no DISCONNECT', reader.at - 2, 'MQTT 3.1.1 §2.2.1', CODE.protocolError);
    return { version, type: 'DISCONNECT' };
  }
  if (reader.left === 0) return { version, type: 'DISCONNECT' };
  const code = readCode(reader, DISCONNECT, version);
  if (reader.left === 0) return { version, type: 'DISCONNECT', code };
  return { version, type: 'DISCONNECT', code, properties: readProperties(reader, version, DISCONNECT, '', from) };
}

function readAuth(reader: Reader, version: Version): Message {
  if (version === 4) refuse('there is no AUTH in 3.1.1', reader.at - 2, 'MQTT 3.1.1 §2.2.1');
  if (reader.left === 0) return { version, type: 'AUTH' };
  const code = readCode(reader, AUTH, version);
  if (reader.left === 0) return { version, type: 'AUTH', code };
  const { at } = reader;
  const properties = readProperties(reader, version, AUTH);
  if (properties.authMethod === undefined)
    refuse('AUTH without an authentication method', at, 'MQTT 5 §3.15.2.2.2', CODE.protocolError);
  return { version, type: 'AUTH', code, properties };
}

// The clause on the options of 3.1.1 is spelled as the standard has it, with a hyphen of its own.
function readSubscription(reader: Reader, version: Version, nth: number): Filter {
  const where = `filter${nth}`;
  const filter = readFilter(reader, version, where);
  const { at } = reader;
  const reserved = reader.bits(own(reader, where, OPTION_RESERVED), version === 4 ? 0xfc : 0xc0);
  let noLocal = false;
  let retainAsPublished = false;
  let retainHandling = 0;
  if (version === 5) {
    retainHandling = reader.bits(own(reader, where, RETAIN_HANDLING), 0x30);
    retainAsPublished = reader.bits(own(reader, where, RETAIN_AS_PUBLISHED), 0x08) === 1;
    noLocal = reader.bits(own(reader, where, NO_LOCAL), 0x04) === 1;
  }
  const qos = reader.bits(own(reader, where, OPTION_QOS), 0x03);
  if (reserved !== 0) refuse('a reserved option is set', at, clause(version, 'MQTT-3-8.3-4', 'MQTT-3.8.3-5'));
  if (qos === 3)
    refuse(
      'there is no QoS 3',
      at,
      clause(version, 'MQTT-3-8.3-4', 'MQTT 5 §3.8.3.1'),
      version === 4 ? CODE.malformed : CODE.protocolError,
    );
  if (retainHandling === 3) refuse('there is no retain handling 3', at, 'MQTT 5 §3.8.3.1', CODE.protocolError);
  if (noLocal && filter.startsWith(SHARE))
    refuse('no local, of a subscription that is shared', at, 'MQTT-3.8.3-4', CODE.protocolError);
  return { filter, qos: qos as QoS, noLocal, retainAsPublished, retainHandling: retainHandling as 0 | 1 | 2 };
}

/** `type`: of the packet, or {@link WILL}. `where`: what the ids of fields begin with. */
function readProperties(reader: Reader, version: Version, type: number, where = '', from?: Side): Properties {
  if (version === 4) return NO_PROPERTIES;
  const { at, end } = reader;
  const length = readVariable(reader, own(reader, where, PROPERTIES_LENGTH, ''));
  if (length === 0) return NO_PROPERTIES;
  if (length > reader.left)
    refuse(`${length} bytes of properties are announced and ${reader.left} are left`, at, 'MQTT 5 §2.2.2.1');
  reader.end = reader.at + length;
  const properties: Properties = {};
  /** The identifiers that have been met, and whether one that may stand twice came back after another. */
  const order: number[] = [];
  let scattered = false;
  while (reader.left > 0) {
    const identifierAt = reader.at;
    const nth = reader.fields ? `${where}prop${order.length + 1}` : '';
    const property = readProperty(reader, version, type, nth, properties);
    const { identifier, key } = property;
    if (order.includes(identifier)) {
      if (key !== 'user' && (key !== 'subscriptionId' || type !== PUBLISH))
        refuse(`${property.label} stands twice`, identifierAt, 'MQTT 5 §2.2.2.2', CODE.protocolError);
      if (order.at(-1) !== identifier) scattered = true;
    }
    if (from === 'client' && type === PUBLISH && key === 'subscriptionId')
      refuse('a client names a subscription in PUBLISH', identifierAt, 'MQTT-3.3.4-6', CODE.protocolError);
    if (from === 'server' && type === DISCONNECT && key === 'sessionExpiry')
      refuse('a server says when the session ends', identifierAt, 'MQTT-3.14.2-2', CODE.protocolError);
    order.push(identifier);
  }
  reader.end = end;
  if (properties.authData !== undefined && properties.authMethod === undefined)
    refuse('authentication data without a method', at, 'MQTT 5 §3.1.2.11.10', CODE.protocolError);
  if (scattered) properties.order = order;
  return properties;
}

/** Reads one property into `properties`. */
function readProperty(reader: Reader, version: Version, type: number, where: string, properties: Properties): Property {
  const { at } = reader;
  const property = BY_IDENTIFIER.get(byteAt(reader.bytes, at));
  if (!property) refuse(`no property has identifier ${byteAt(reader.bytes, at)}`, at, 'MQTT 5 §2.2.2.2');
  const { label, within, as } = property;
  if (!within.has(type))
    refuse(`${label} is no property of ${type === WILL ? 'a will' : TYPES[type]}`, at, 'MQTT 5 §2.2.2.2');
  reader.u8(reader.fields ? { id: `${where}.id`, label: 'Property', show: (id) => `${id} ${label}` } : NO_NUMBER);
  const value = readValue(reader, version, property, where);
  if (typeof value === 'number' && (value < (property.least ?? 0) || value > (property.most ?? value))) {
    const { cite = '', code = CODE.protocolError } = property;
    refuse(`${label} cannot be ${value}`, at + 1, cite, code);
  }
  const kept = properties as Record<string, unknown>;
  if (as === 'pair' || as === 'variable') {
    const list = kept[property.key] as unknown[] | undefined;
    if (list) list.push(value);
    else kept[property.key] = [value];
  } else if (kept[property.key] === undefined) kept[property.key] = value;
  return property;
}

function readValue(reader: Reader, version: Version, property: Property, where: string) {
  const { as } = property;
  switch (as) {
    case 'byte':
      return reader.u8(numberSpec(reader, property, where));
    case 'u16':
      return reader.u16(numberSpec(reader, property, where));
    case 'u32':
      return reader.u32(numberSpec(reader, property, where));
    case 'variable':
      return readVariable(reader, variableSpec(reader, property, where));
    case 'binary':
      return readBinary(reader, lengthSpec(reader, property, where), bytesSpec(reader, property, where, hexText));
    case 'pair':
      return [
        readText(reader, version, lengthSpec(reader, property, `${where}.name`), nameSpec(reader, property, where)),
        readText(reader, version, lengthSpec(reader, property, where), bytesSpec(reader, property, where, inWords)),
      ];
    default: {
      const { at } = reader;
      const spec = bytesSpec(reader, property, where, inWords);
      const value = readText(reader, version, lengthSpec(reader, property, where), spec);
      if (as === 'topic' && (value === '' || value.includes('+') || value.includes('#')))
        refuse(`${property.label} must be the name of one topic`, at + 2, property.cite ?? '', CODE.protocolError);
      return value;
    }
  }
}

const NO_NUMBER: Spec<number> = { id: '', label: 'Property' };
const NO_BYTES: Spec<Buffer> = { id: '', label: 'Property' };

function numberSpec(reader: Reader, { label, gloss }: Property, where: string): Spec<number> {
  return reader.fields ? { id: `${where}.value`, label, gloss } : NO_NUMBER;
}

function variableSpec(reader: Reader, { label, gloss }: Property, where: string): Spec<Buffer> {
  return reader.fields ? variable(`${where}.value`, label, (value) => gloss(value) ?? '') : NO_BYTES;
}

function lengthSpec(reader: Reader, { label }: Property, where: string): Spec<number> {
  return reader.fields ? sized(where, label) : NO_NUMBER;
}

function bytesSpec(reader: Reader, property: Property, where: string, show: (bytes: Buffer) => string): Spec<Buffer> {
  if (!reader.fields) return NO_BYTES;
  const { label, gloss, chance, secret } = property;
  return {
    ...{ id: `${where}.value`, label, show, gloss: () => gloss('') },
    ...(chance ? { chance } : {}),
    ...(secret ? { secret } : {}),
  };
}

function nameSpec(reader: Reader, { label }: Property, where: string): Spec<Buffer> {
  return reader.fields ? { id: `${where}.name`, label: `${label}, name`, show: inWords } : NO_BYTES;
}

/** The spec of a field under the name that is its own in this packet: `filter1.qos`. */
function own<V extends string | number | Buffer>(reader: Reader, where: string, spec: Spec<V>, dot = '.'): Spec<V> {
  return reader.fields && where !== ''
    ? { ...spec, id: `${where}${spec.id.startsWith('.') ? '' : dot}${spec.id}` }
    : spec;
}

function readCode(reader: Reader, type: number, version: Version, id = 'code'): number {
  const spec: Spec<number> = reader.fields
    ? {
        id,
        label: type === CONNACK && version === 4 ? 'Return code' : 'Reason code',
        show: (code) => `${code} ${wordsOf(type, version, code)[0]}`,
        gloss: (code) => wordsOf(type, version, code)[1],
      }
    : REASON;
  const code = reader.u8(spec);
  if (version === 5) {
    if (!CODES.get(type)?.includes(code))
      refuse(`${TYPES[type]} has no code ${code}`, reader.at - 1, CODES_CLAUSE.get(type) ?? '', CODE.protocolError);
  } else if (type === CONNACK ? code > CONNACK4.notAuthorized : code > 2 && code !== 0x80) {
    const cite = type === CONNACK ? 'MQTT 3.1.1 §3.2.2.3' : 'MQTT-3.9.3-2';
    refuse(`${TYPES[type]} has no code ${code}`, reader.at - 1, cite, CODE.protocolError);
  }
  return code;
}

const REASON: Spec<number> = { id: 'code', label: 'Reason code' };

function packetId(reader: Reader, version: Version): number {
  const id = reader.u16(ID);
  if (id === 0)
    refuse(
      'packet identifier 0 is none',
      reader.at - 2,
      clause(version, 'MQTT-2.3.1-1', 'MQTT-2.2.1-3'),
      CODE.protocolError,
    );
  return id;
}

/** A variable byte integer, in as few bytes as it takes (MQTT-1.5.5-1). */
function readVariable(reader: Reader, spec: Spec<Buffer>): number {
  const { bytes, at: start } = reader;
  let value = 0;
  for (let at = start, shift = 0; ; at++, shift += 7) {
    if (shift > 21) refuse(`${spec.label} has more than four bytes`, at - 1, 'MQTT 5 §1.5.5');
    if (at >= reader.end) refuse(`${spec.label} does not end`, at, 'MQTT 5 §1.5.5');
    const byte = byteAt(bytes, at);
    value += (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (byte === 0 && at > start) refuse(`${spec.label} has more bytes than it needs`, at, 'MQTT-1.5.5-1');
    if (reader.fields) reader.raw(spec, at + 1 - start);
    else reader.at = at + 1;
    return value;
  }
}

/** The value of bytes that are known to be one. */
function variableOf(bytes: Buffer): number {
  return bytes.reduce((value, byte, nth) => value + (byte & 0x7f) * 128 ** nth, 0);
}

function readBinary(reader: Reader, length: Spec<number>, spec: Spec<Buffer>): Buffer {
  const size = announced(reader, length, spec);
  return size > 0 ? reader.raw(spec, size) : EMPTY;
}

/** Two bytes of length, and whether as many bytes are there. */
function announced(reader: Reader, length: Spec<number>, spec: Spec<Buffer>): number {
  const size = reader.u16(length);
  if (size > reader.left)
    refuse(`${spec.label} has ${size} bytes and ${reader.left} are left`, reader.at - 2, 'MQTT 5 §4.13');
  return size;
}

/** Marks of bytes in a text: of the whole alphabet, these decide whether a text may stand where it stands. */
const WIDE = 1;
const NUL = 2;
const WILDCARD = 4;

/** The marks of all bytes together. */
function marksOf(bytes: Buffer, start: number, end: number): number {
  let marks = 0;
  for (let at = start; at < end; at++) {
    const byte = byteAt(bytes, at);
    if (byte > 0x7f) marks |= WIDE;
    else if (byte === PLUS || byte === HASH) marks |= WILDCARD;
    else if (byte === 0) marks |= NUL;
  }
  return marks;
}

/** UTF-8 as it should be (MQTT 5 §1.5.4). Text that is ASCII, as nearly all of it is, needs no decoding. */
function readText(reader: Reader, version: Version, length: Spec<number>, spec: Spec<Buffer>): string {
  const size = announced(reader, length, spec);
  return size > 0 ? textOf(reader, version, spec, size, marksOf(reader.bytes, reader.at, reader.at + size)) : '';
}

/** The name of one topic. Whether it may be empty, only who reads the rest can tell. */
function readTopic(reader: Reader, version: Version, length: Spec<number>, spec: Spec<Buffer>): string {
  const size = announced(reader, length, spec);
  if (size === 0) return '';
  const { at, bytes } = reader;
  const marks = marksOf(bytes, at, at + size);
  if (marks & WILDCARD) {
    const wild = bytes.subarray(at, at + size).findIndex((byte) => byte === PLUS || byte === HASH);
    refuse(`${spec.label} has a wildcard`, at + wild, 'MQTT-3.3.2-2', CODE.topicNameInvalid);
  }
  return textOf(reader, version, spec, size, marks);
}

/**
 * The topic of a PUBLISH. Who publishes mostly does so under the same topic as the time before: that one, noted under `topic`, need not be
 * judged and made into a string again.
 */
function readPublished(reader: Reader, version: Version, seen: Seen): string {
  const { at, bytes } = reader;
  const before = seen.get('topic');
  if (before !== undefined && !reader.fields && standsAt(before, bytes, at, reader.end)) {
    reader.at = at + 2 + before.length;
    return before;
  }
  const topic = readTopic(reader, version, TOPIC_LENGTH, TOPIC);
  // Only of ASCII are the characters the bytes.
  if (topic !== '' && topic.length === reader.at - at - 2) seen.set('topic', topic);
  return topic;
}

/** Whether this text, which is ASCII, stands at `at` with its length before it. */
function standsAt(text: string, bytes: Buffer, at: number, end: number): boolean {
  const { length } = text;
  if (at + 2 + length > end || u16At(bytes, at) !== length) return false;
  for (let nth = 0; nth < length; nth++) if (text.charCodeAt(nth) !== byteAt(bytes, at + 2 + nth)) return false;
  return true;
}

/** A filter: `#` only as its last level, `+` only as a level of its own (MQTT 5 §4.7.1). */
function readFilter(reader: Reader, version: Version, where: string): string {
  const spec = own(reader, where, FILTER, '');
  const size = announced(reader, own(reader, where, FILTER_LENGTH), spec);
  const { at: start, bytes } = reader;
  const end = start + size;
  if (size === 0) refuse('a filter without a single character', start - 1, 'MQTT-4.7.3-1', CODE.topicFilterInvalid);
  const marks = marksOf(bytes, start, end);
  if (marks & WILDCARD) {
    for (let at = start; at < end; at++) {
      const byte = byteAt(bytes, at);
      const alone =
        (at === start || byteAt(bytes, at - 1) === SLASH) && (at + 1 === end || byteAt(bytes, at + 1) === SLASH);
      if (byte === HASH && !(alone && at + 1 === end))
        refuse('# is not the last level', at, clause(version, 'MQTT-4.7.1-2', 'MQTT-4.7.1-1'), CODE.topicFilterInvalid);
      if (byte === PLUS && !alone)
        refuse(
          '+ is not a level of its own',
          at,
          clause(version, 'MQTT-4.7.1-3', 'MQTT-4.7.1-2'),
          CODE.topicFilterInvalid,
        );
    }
  }
  const filter = textOf(reader, version, spec, size, marks);
  if (version === 5 && filter.startsWith(SHARE)) {
    const [, share = '', ...rest] = filter.split('/');
    if (share === '')
      refuse('a share without a name', start + SHARE.length - 1, 'MQTT-4.8.2-1', CODE.topicFilterInvalid);
    if (share === '+')
      refuse('a wildcard for the name of a share', start + SHARE.length, 'MQTT-4.8.2-2', CODE.topicFilterInvalid);
    if (rest.join('/') === '') refuse('a share without a filter', end - 1, 'MQTT-4.8.2-2', CODE.topicFilterInvalid);
  }
  return filter;
}

function textOf(reader: Reader, version: Version, spec: Spec<Buffer>, size: number, marks: number): string {
  const { at: start, bytes } = reader;
  const end = start + size;
  if (marks & NUL)
    refuse(`${spec.label} has a NUL`, bytes.indexOf(0, start), clause(version, 'MQTT-1.5.3-2', 'MQTT-1.5.4-2'));
  const wide = (marks & WIDE) !== 0;
  if (wide) {
    const broken = brokenAt(bytes, start, end);
    if (broken >= 0) refuse(`${spec.label} is not UTF-8`, broken, clause(version, 'MQTT-1.5.3-1', 'MQTT-1.5.4-1'));
  }
  if (reader.fields) reader.raw(spec, size);
  else reader.at = end;
  return bytes.toString(wide ? 'utf8' : 'latin1', start, end);
}

/** Where bytes cease to be UTF-8 (RFC 3629 §4: no surrogates, nothing longer than needed), or -1. */
function brokenAt(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at < end; ) {
    const lead = byteAt(bytes, at);
    const size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (size === 0) return at;
    for (let next = at + 1; next < at + size; next++) {
      const byte = next < end ? byteAt(bytes, next) : 0;
      // The byte after the first has fewer values after some: the others would be surrogates, too long or beyond Unicode.
      const least = next > at + 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      const most = next > at + 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      if (byte < least || byte > most) return Math.min(next, end - 1);
    }
    at += size;
  }
  return -1;
}

function writePublish(writer: Writer, message: Of<'PUBLISH'>): void {
  const { version, dup, qos, retain, topic, id, properties, payload } = message;
  const size = bytesIn(topic);
  writer.u8((PUBLISH << 4) | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0));
  const block = version === 5 ? blockLength(properties) : 0;
  writeVariable(writer, 2 + size + (qos > 0 ? 2 : 0) + block + payload.length);
  writeSized(writer, topic, size);
  if (qos > 0) writer.u16(id);
  if (version === 5) writeProperties(writer, properties);
  writer.raw(payload);
}

function writeAck(writer: Writer, first: number, message: Of<'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP'>): void {
  writer.u8(first);
  writeVariable(writer, 2 + reasonLength(message));
  writer.u16(message.id);
  writeReason(writer, message);
}

type Reasoned = { version: Version; code?: number; properties?: Properties };

function reasonLength({ version, code, properties }: Reasoned): number {
  if (version === 4) return 0;
  if (properties) return 1 + blockLength(properties);
  return code === undefined ? 0 : 1;
}

function writeReason(writer: Writer, { version, code, properties }: Reasoned): void {
  if (version === 4) return;
  if (properties || code !== undefined) writer.u8(code ?? CODE.success);
  if (properties) writeProperties(writer, properties);
}

function writeConnect(writer: Writer, message: Of<'CONNECT'>): void {
  const { version, clean, keepAlive, client, will, user, password, properties } = message;
  let length = 10 + (version === 5 ? blockLength(properties) : 0) + 2 + bytesIn(client);
  if (will)
    length += (version === 5 ? blockLength(will.properties) : 0) + 4 + bytesIn(will.topic) + will.payload.length;
  if (user !== undefined) length += 2 + bytesIn(user);
  if (password) length += 2 + password.length;
  writer.u8(CONNECT << 4);
  writeVariable(writer, length);
  writeText(writer, 'MQTT');
  writer.u8(version);
  const willFlags = will ? (will.retain ? 0x20 : 0) | (will.qos << 3) | 0x04 : 0;
  writer.u8((user === undefined ? 0 : 0x80) | (password ? 0x40 : 0) | willFlags | (clean ? 0x02 : 0));
  writer.u16(keepAlive);
  if (version === 5) writeProperties(writer, properties);
  writeText(writer, client);
  if (will) {
    if (version === 5) writeProperties(writer, will.properties);
    writeText(writer, will.topic);
    writeBinary(writer, will.payload);
  }
  if (user !== undefined) writeText(writer, user);
  if (password) writeBinary(writer, password);
}

/** The properties as they stand on the wire, one for one. */
function inOrder(properties: Properties): [Property, unknown][] {
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

function isListed({ as }: Property): boolean {
  return as === 'pair' || as === 'variable';
}

/** The bytes of all properties, their length not included. */
function propertiesLength(properties: Properties): number {
  let length = 0;
  for (const key in properties) {
    const property = BY_KEY.get(key);
    if (!property) continue;
    const value = (properties as Record<string, unknown>)[key];
    if (isListed(property)) for (const each of value as unknown[]) length += propertyLength(property, each);
    else length += propertyLength(property, value);
  }
  return length;
}

function propertyLength({ as }: Property, value: unknown): number {
  switch (as) {
    case 'byte':
      return 2;
    case 'u16':
      return 3;
    case 'u32':
      return 5;
    case 'variable':
      return 1 + variableLength(value as number);
    case 'binary':
      return 3 + (value as Buffer).length;
    case 'pair': {
      const [key, text] = value as [string, string];
      return 5 + bytesIn(key) + bytesIn(text);
    }
    default:
      return 3 + bytesIn(value as string);
  }
}

/** The bytes of all properties, and of their length. */
function blockLength(properties: Properties): number {
  if (properties === NO_PROPERTIES) return 1;
  const length = propertiesLength(properties);
  return variableLength(length) + length;
}

function writeProperties(writer: Writer, properties: Properties): void {
  if (properties === NO_PROPERTIES) return writer.u8(0);
  writeVariable(writer, propertiesLength(properties));
  if (properties.order) {
    for (const [property, value] of inOrder(properties)) writeProperty(writer, property, value);
    return;
  }
  for (const key in properties) {
    const property = BY_KEY.get(key);
    if (!property) continue;
    const value = (properties as Record<string, unknown>)[key];
    if (isListed(property)) for (const each of value as unknown[]) writeProperty(writer, property, each);
    else writeProperty(writer, property, value);
  }
}

function writeProperty(writer: Writer, { identifier, as }: Property, value: unknown): void {
  writer.u8(identifier);
  switch (as) {
    case 'byte':
      return writer.u8(value as number);
    case 'u16':
      return writer.u16(value as number);
    case 'u32':
      return writer.u32(value as number);
    case 'variable':
      return writeVariable(writer, value as number);
    case 'binary':
      return writeBinary(writer, value as Buffer);
    case 'pair': {
      const [key, text] = value as [string, string];
      writeText(writer, key);
      return writeText(writer, text);
    }
    default:
      return writeText(writer, value as string);
  }
}

function variableLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

function writeVariable(writer: Writer, value: number): void {
  if (value > MOST_VARIABLE) throw new Error(`${value} is more than a variable byte integer can say: send less`);
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) writer.u8((rest & 0x7f) | 0x80);
  writer.u8(rest);
}

function writeBinary(writer: Writer, bytes: Buffer): void {
  if (bytes.length > MOST_TEXT) throw new Error(`${bytes.length} bytes do not fit behind a length of two: send less`);
  writer.u16(bytes.length);
  writer.raw(bytes);
}

function writeText(writer: Writer, text: string): void {
  writeSized(writer, text, bytesIn(text));
}

/** Up to here text is written letter by letter. */
const FEW = 64;

/** `size`: of the text, in bytes. */
function writeSized(writer: Writer, text: string, size: number): void {
  if (size > MOST_TEXT) throw new Error(`${size} bytes of text do not fit behind a length of two: send less`);
  writer.u16(size);
  if (size > FEW || size !== text.length) return writer.raw(Buffer.from(text));
  for (let at = 0; at < size; at++) writer.u8(text.charCodeAt(at));
}

/** Bytes of a text in UTF-8. */
function bytesIn(text: string): number {
  const { length } = text;
  if (length > FEW) return Buffer.byteLength(text);
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) > 0x7f) return Buffer.byteLength(text);
  return length;
}

function leansOf(message: Message, from: Side, seen: Seen): Lean[] {
  const { version } = message;
  const client = seen.get('client') ?? '?';
  const session = `session[${client}]`;
  const to: Side = from === 'client' ? 'server' : 'client';
  switch (message.type) {
    case 'CONNECT':
      return connectLeans(message, client);
    case 'CONNACK':
      return connackLeans(message, session, seen);
    case 'PUBLISH':
      return publishLeans(message, from, client);
    case 'PUBACK':
      return [
        {
          field: 'id',
          op: 'clears',
          holder: to,
          key: `out[${client} ${message.id}]`,
          why: 'only the sender knows which message this number stands for; it may now forget it',
          cite: clause(version, 'MQTT-4.3.2-1', 'MQTT-4.3.2-3'),
        },
      ];
    case 'PUBREC': {
      const failed = (message.code ?? 0) >= 0x80;
      const out: Lean = {
        field: 'id',
        op: failed ? 'clears' : 'reads',
        holder: to,
        key: `out[${client} ${message.id}]`,
        why: failed
          ? 'only the sender knows which message was refused; it may now forget it'
          : 'only the sender knows which message this number stands for; from now on the number is all it needs',
        cite: clause(version, 'MQTT-4.3.3-1', failed ? 'MQTT-4.3.3-9' : 'MQTT-4.3.3-4'),
      };
      if (failed) return [out];
      return [
        out,
        {
          field: 'id',
          op: 'reads',
          holder: from,
          key: `in[${client} ${message.id}]`,
          why: 'the receiver must know this number again, so that the same message sent twice counts once',
          cite: clause(version, 'MQTT-4.3.3-2', 'MQTT-4.3.3-10'),
        },
      ];
    }
    case 'PUBREL': {
      const heard = `in[${client} ${message.id}]`;
      if (message.code === CODE.packetIdNotFound) return [idDenied(from, `out[${client} ${message.id}]`)];
      return [
        {
          field: 'id',
          op: 'clears',
          holder: to,
          key: heard,
          why: 'only the receiver knows which message came under this number; another one may have it from now on',
          cite: clause(version, 'MQTT-4.3.3-2', 'MQTT-4.3.3-12'),
        },
        {
          field: 'id',
          op: 'reads',
          holder: from,
          key: `out[${client} ${message.id}]`,
          why: 'the sender must remember how far it got: after this the message itself is never sent again',
          cite: clause(version, 'MQTT-4.3.3-1', 'MQTT-4.3.3-6'),
        },
      ];
    }
    case 'PUBCOMP':
      if (message.code === CODE.packetIdNotFound) return [idDenied(from, `in[${client} ${message.id}]`)];
      return [
        {
          field: 'id',
          op: 'clears',
          holder: to,
          key: `out[${client} ${message.id}]`,
          why: 'both have agreed to forget this number',
          cite: clause(version, 'MQTT-4.3.3-1', 'MQTT-4.3.3-5'),
        },
      ];
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE':
      return [
        {
          field: 'filter1',
          op: 'writes',
          holder: 'server',
          key: session,
          why: 'what a client wants to hear is said once; the broker must remember it',
          cite: message.type === 'SUBSCRIBE' ? 'MQTT 5 §3.8.4' : 'MQTT 5 §3.10.4',
        },
        speaker('id'),
      ];
    case 'SUBACK':
    case 'UNSUBACK':
      return [
        {
          field: 'id',
          op: 'writes',
          holder: 'client',
          key: session,
          why: 'only the client knows what it asked for under this number; it may count on it from now on',
          cite: message.type === 'SUBACK' ? 'MQTT-3.8.4-2' : 'MQTT-3.10.4-4',
        },
      ];
    case 'PINGREQ':
      return [speaker('type')];
    case 'DISCONNECT':
      return disconnectLeans(message, from, client, seen);
    default:
      return [];
  }
}

/** Nothing in a packet after CONNECT says who speaks. */
function speaker(field: string): Lean {
  return {
    field,
    op: 'reads',
    holder: 'server',
    key: 'path[path]',
    why: 'no packet after CONNECT says who speaks: the broker must remember it for this connection',
    cite: 'MQTT-3.1.0-1',
  };
}

function idDenied(holder: Side, key: string): Lean {
  return {
    field: 'code',
    op: 'denies',
    holder,
    key,
    why: 'nothing is remembered under this number',
    cite: 'MQTT 5 §4.3.3',
  };
}

function connectLeans({ version, clean, client, will }: Of<'CONNECT'>, shown: string): Lean[] {
  const session = `session[${shown}]`;
  const leans: Lean[] = [];
  if (client !== '') {
    leans.push({
      field: 'client',
      op: clean ? 'clears' : 'reads',
      holder: 'server',
      key: session,
      why: clean
        ? 'whatever is filed under this name is thrown away first'
        : 'the name alone is sent; what was subscribed and what is still to be delivered the broker must have kept under it',
      cite: clean ? clause(version, 'MQTT-3.1.2-6', 'MQTT-3.1.2-4') : clause(version, 'MQTT-3.1.2-4', 'MQTT-3.1.2-5'),
    });
    leans.push({
      field: 'client',
      op: 'writes',
      holder: 'server',
      key: session,
      why: 'what the client asks for from now on is filed under this name',
      cite: 'MQTT-3.1.3-2',
    });
  }
  if (will) {
    leans.push({
      field: 'will.topic',
      op: 'writes',
      holder: 'server',
      key: `will[${shown}]`,
      why: 'the broker must keep the will until the connection ends: who is gone cannot say it any more',
      cite: clause(version, 'MQTT-3.1.2-8', 'MQTT-3.1.2-7'),
    });
  }
  leans.push({
    field: client === '' ? 'client.length' : 'client',
    op: 'writes',
    holder: 'server',
    key: 'path[path]',
    why: 'who speaks on this connection is said here and will not be said again',
    cite: 'MQTT-3.1.0-1',
  });
  return leans;
}

function connackLeans(message: Of<'CONNACK'>, session: string, seen: Seen): Lean[] {
  const { version, code, sessionPresent, properties } = message;
  if (code !== 0) return [];
  const leans: Lean[] = [];
  if (sessionPresent) {
    leans.push({
      field: 'sessionPresent',
      op: 'reads',
      holder: 'server',
      key: session,
      why: 'the broker goes on from what it has filed under this name',
      cite: clause(version, 'MQTT-3.2.2-2', 'MQTT-3.2.2-3'),
    });
  } else if (seen.get('clean') === '0' && properties.assignedClientId === undefined) {
    leans.push({
      field: 'sessionPresent',
      op: 'denies',
      holder: 'server',
      key: session,
      why: 'the broker has nothing filed under this name; the code is still 0, so nothing here is an error',
      cite: 'MQTT-3.2.2-3',
    });
  }
  const assigned = inOrder(properties).findIndex(([{ key }]) => key === 'assignedClientId');
  if (assigned >= 0) {
    leans.push({
      field: `prop${assigned + 1}.value`,
      op: 'writes',
      holder: 'client',
      key: session,
      why: 'the client must keep this name: without it there is no way back to the session',
      cite: 'MQTT-3.2.2-16',
    });
  }
  return leans;
}

function publishLeans(message: Of<'PUBLISH'>, from: Side, client: string): Lean[] {
  const { version, qos, id, dup, retain, topic, payload, properties } = message;
  const to: Side = from === 'client' ? 'server' : 'client';
  const leans: Lean[] = [];
  const retainedKey = `retained[${printable(topic)}]`;
  if (retain && topic !== '') {
    const empty = payload.length === 0;
    leans.push(
      from === 'client'
        ? {
            field: 'retain',
            op: empty ? 'clears' : 'writes',
            holder: 'server',
            key: retainedKey,
            why: empty
              ? 'an empty payload empties the place that is kept for this topic'
              : 'the broker must keep the last message of this topic, for clients that it has not met yet',
            cite: empty ? clause(version, 'MQTT-3.3.1-10', 'MQTT-3.3.1-6') : 'MQTT-3.3.1-5',
          }
        : {
            field: 'retain',
            op: 'reads',
            holder: 'server',
            key: retainedKey,
            why: 'who published it need not be there any more: the broker had kept it',
            cite: clause(version, 'MQTT-3.3.1-8', 'MQTT-3.3.1-9'),
          },
    );
  }
  if (qos > 0) {
    leans.push({
      field: 'id',
      op: dup ? 'reads' : 'writes',
      holder: from,
      key: `out[${client} ${id}]`,
      why: dup
        ? 'only who has kept the message can send it again'
        : `the sender must keep it under this number until ${qos === 1 ? 'PUBACK' : 'PUBREC'} comes`,
      cite: dup ? 'MQTT-4.4.0-1' : clause(version, `MQTT-4.3.${qos + 1}-1`, `MQTT-4.3.${qos + 1}-3`),
    });
  }
  if (qos === 2) {
    leans.push({
      field: 'id',
      op: dup ? 'reads' : 'writes',
      holder: to,
      key: `in[${client} ${id}]`,
      why: 'the receiver must know this number again, so that the same message sent twice counts once',
      cite: clause(version, 'MQTT-4.3.3-2', 'MQTT-4.3.3-10'),
    });
  }
  const alias = inOrder(properties).findIndex(([{ key }]) => key === 'topicAlias');
  if (alias >= 0) {
    const known = topic === '';
    leans.push({
      field: `prop${alias + 1}.value`,
      op: known ? 'reads' : 'writes',
      holder: to,
      key: 'path[path]',
      why: known
        ? 'the topic is not said: this number stands for it, on this connection only'
        : 'from now on this number may stand for the topic, on this connection only',
      cite: 'MQTT 5 §3.3.2.3.4',
    });
  }
  const first = topic === '' ? 'topic.length' : 'topic';
  if (leans.length > 0) return leans;
  if (from === 'client') return [speaker(first)];
  return [
    {
      field: first,
      op: 'reads',
      holder: 'server',
      key: `session[${client}]`,
      why: 'nobody asked for this on this connection just now: the broker remembers who wants to hear what',
      cite: 'MQTT 5 §3.8.4',
    },
  ];
}

function disconnectLeans(message: Of<'DISCONNECT'>, from: Side, client: string, seen: Seen): Lean[] {
  const { version, code = CODE.success, properties } = message;
  const field = message.code === undefined ? 'type' : 'code';
  if (from === 'server') {
    if (code !== CODE.sessionTakenOver) return [];
    return [
      {
        field,
        op: 'clears',
        holder: 'server',
        key: 'path[path]',
        why: 'this connection speaks for nobody any more: a newer one goes by the same name',
        cite: 'MQTT-3.1.4-3',
      },
    ];
  }
  const leans: Lean[] = [];
  if (seen.get('will') === '1' && code === CODE.success) {
    leans.push({
      field,
      op: 'clears',
      holder: 'server',
      key: `will[${client}]`,
      why: 'the client has said good-bye: its will is thrown away, not published',
      cite: 'MQTT-3.14.4-3',
    });
  }
  const expiry = properties?.sessionExpiry;
  const lasts = expiry === undefined ? seen.get('lasts') === '1' : expiry > 0;
  leans.push({
    field,
    op: lasts ? 'reads' : 'clears',
    holder: 'server',
    key: `session[${client}]`,
    why: lasts
      ? 'the connection ends and the session does not: the broker goes on keeping messages under this name'
      : 'the session ends with the connection',
    cite: clause(version, lasts ? 'MQTT-3.1.2-5' : 'MQTT-3.1.2-6', lasts ? 'MQTT-3.1.2-23' : 'MQTT 5 §3.1.2.11.2'),
  });
  return leans;
}

/** A client's words in the log line. */
function name(text: string): string {
  return printable(text, LIMIT);
}

/** A list in the log line: the first few. */
function listed(words: readonly string[]): string {
  const more = words.length > 4 ? ` … (${words.length - 4} more)` : '';
  return `${words.slice(0, 4).join(', ')}${more}`;
}

/** The clause as the version counts it. */
function clause(version: Version, four: string, five: string): string {
  return version === 4 ? four : five;
}

function setOf(...numbers: number[]): ReadonlySet<number> {
  return new Set(numbers);
}

// What does a reason code say, and in which packets may it stand? (MQTT 5 §2.4)

import type { Version } from '../wire.ts';
import { AUTH, CONNACK, DISCONNECT, PUBACK, PUBCOMP, PUBREC, PUBREL, SUBACK, UNSUBACK } from './types.ts';

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

/** The reason codes that each packet may carry (MQTT 5 §2.4). */
const PUBLISH_CODES = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const RELEASE_CODES = [0x00, 0x92];
export const CODES: ReadonlyMap<number, readonly number[]> = new Map([
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
export const CODES_CLAUSE: ReadonlyMap<number, string> = new Map([
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
export function wordsOf(type: number, version: Version, code: number): readonly [string, string | undefined] {
  if (type === CONNACK && version === 4) return CONNACK4_WORDS[code] ?? ['?', undefined];
  if (code === 0 && type === CONNACK) return ['accepted', 'come in'];
  if (code === 0 && type === SUBACK) return ['granted QoS 0', 'messages will come at most once'];
  if (code === 0 && type === DISCONNECT) return ['normal disconnection', 'good-bye: my will shall not be published'];
  if (code === 0x80 && type === SUBACK && version === 4) return ['failure', 'no, and I do not say why'];
  return CODE_WORDS.get(code) ?? ['?', undefined];
}

// MQTT 3.1.1 and 5.0: what the bytes mean.

import type { Wire } from '../../wire/wire.ts';

/** The protocol level in CONNECT: 4 is MQTT 3.1.1, 5 is MQTT 5.0. It settles how every later packet is written. */
export type Version = 4 | 5;

export type QoS = 0 | 1 | 2;

/** MQTT 5 §2.2.2.2, in the order in which they stand on the wire. What may stand more than once is a list. */
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

/** In 3.1.1 `properties` is always empty. `code` and `properties` that may be left out on the wire are absent where they were. */
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

/** Notes the version that CONNECT settles under `version` in `seen`, and reads every other packet by it. */
export declare const wire: Wire<Message>;

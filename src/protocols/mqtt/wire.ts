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

import { byteAt, WireError } from '../../wire/fields.ts';
import { printable } from '../../wire/printable.ts';
import type { Seen, Wire } from '../../wire/wire.ts';
import { CODE, CONNACK4 } from './wire/codes.ts';
import { frameOf } from './wire/framing.ts';
import { leansOf } from './wire/leaning.ts';
import { NO_PROPERTIES } from './wire/properties.ts';
import { readPacket } from './wire/reading.ts';
import { codeFor, Fault, Refusal } from './wire/refusing.ts';
import { saysOf } from './wire/saying.ts';
import { CONNECT, TYPES, WITH_PROOF } from './wire/types.ts';
import { writePacket } from './wire/writing.ts';

export { CODE, CONNACK4 } from './wire/codes.ts';
export { NO_PROPERTIES } from './wire/properties.ts';
export { codeFor, Refusal } from './wire/refusing.ts';

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

/** The message of one type. */
export type Of<T extends Message['type']> = Extract<Message, { type: T }>;

/** Packet sizes that are taken, in bytes, remaining length and fixed header included: of a first packet, and of any other. */
export const LARGEST = { first: 8 * 1024, other: 256 * 1024 } as const;

/** The bytes joined to what they mean: a question to each file of wire/. */
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

  write: writePacket,

  kind: (message) => message.type,

  says: saysOf,

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

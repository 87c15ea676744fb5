// Which packets are there, under which number, and who may say them? (MQTT 5 §2.1.2)

import type { Message } from '../wire.ts';

export const CONNECT = 1;
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBACK = 4;
export const PUBREC = 5;
export const PUBREL = 6;
export const PUBCOMP = 7;
export const SUBSCRIBE = 8;
export const SUBACK = 9;
export const UNSUBSCRIBE = 10;
export const UNSUBACK = 11;
export const PINGREQ = 12;
export const PINGRESP = 13;
export const DISCONNECT = 14;
export const AUTH = 15;
/** A will has properties of its own, beside those of the CONNECT it is in. */
export const WILL = 0;

/** Filed under the number. */
export const TYPES = [
  ...['reserved', 'CONNECT', 'CONNACK', 'PUBLISH', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP'],
  ...['SUBSCRIBE', 'SUBACK', 'UNSUBSCRIBE', 'UNSUBACK', 'PINGREQ', 'PINGRESP', 'DISCONNECT', 'AUTH'],
] as const;

/** The number of each type. */
export const NUMBER: Record<Message['type'], number> = {
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

/** Who may say it (MQTT 5 §2.1.2). */
export const FROM_CLIENT = setOf(CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ);
export const FROM_SERVER = setOf(CONNACK, SUBACK, UNSUBACK, PINGRESP);
/** In these a password or other proof may stand. */
export const WITH_PROOF = setOf(CONNECT, CONNACK, AUTH);

export function setOf(...numbers: number[]): ReadonlySet<number> {
  return new Set(numbers);
}

// Where does a packet end? Its first byte and the length after it tell, and whether the rest is worth waiting for.

import { byteAt } from '../../../wire/fields.ts';
import type { Side } from '../../../wire/wire.ts';
import { CODE } from './codes.ts';
import { Refusal } from './refusing.ts';
import { FROM_CLIENT, FROM_SERVER, PUBLISH, PUBREL, SUBSCRIBE, TYPES, UNSUBSCRIBE } from './types.ts';

/** The bytes of the packet that begins at `start`, undefined while too few are there to tell; throws a {@link Refusal}. `most`: that are taken. */
export function frameOf(bytes: Buffer, start: number, from: Side, most: number): number | undefined {
  if (start >= bytes.length) return undefined;
  // What a client says that is no packet may be a CONNECT all the same, with a password in it.
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
    // By section, since 3.1.1 knows no such limit and has other clauses under the numbers of 5.0.
    const cite = from === 'client' ? 'MQTT 5 §3.2.2.3.6' : 'MQTT 5 §3.1.2.11.4';
    throw new Refusal(`${length} bytes, and ${most} are taken`, 1, cite, CODE.packetTooLarge, secret);
  }
  return length;
}

/** Type and flags, as far as they can be judged without knowing the version; undefined when nothing is wrong with them. */
export function firstByteWrong(first: number, from: Side): [string, number, string, number] | undefined {
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
const FLAGS_CLAUSE = 'MQTT-2.2.2-1 of 3.1.1, MQTT-2.1.3-1 of 5.0';

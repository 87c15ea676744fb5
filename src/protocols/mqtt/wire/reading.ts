// How is each packet read, field by field, and what in it is refused?

import { byteAt, type Reader, type Spec } from '../../../wire/fields.ts';
import { printable } from '../../../wire/printable.ts';
import type { Seen, Side } from '../../../wire/wire.ts';
import type { Filter, Message, Of, QoS, Version } from '../wire.ts';
import { CODE, CODES, CODES_CLAUSE, CONNACK4, wordsOf } from './codes.ts';
import { firstByteWrong } from './framing.ts';
import { readProperties } from './reading-properties.ts';
import { clause, refuse } from './refusing.ts';
import {
  ACKNOWLEDGE_RESERVED,
  CLEAN,
  CLIENT,
  CLIENT_LENGTH,
  CONNECT_RESERVED,
  DUP,
  FLAG_BITS,
  ID,
  KEEP_ALIVE,
  LEVEL,
  NAME,
  NAME_LENGTH,
  NO_LOCAL,
  OPTION_QOS,
  OPTION_RESERVED,
  own,
  PASSWORD,
  PASSWORD_FLAG,
  PASSWORD_LENGTH,
  PAYLOAD,
  QOS,
  REMAINING,
  RETAIN,
  RETAIN_AS_PUBLISHED,
  RETAIN_HANDLING,
  SESSION_PRESENT,
  TYPE_BITS,
  USER,
  USER_FLAG,
  USER_LENGTH,
  WILL_FLAG,
  WILL_PAYLOAD,
  WILL_PAYLOAD_LENGTH,
  WILL_QOS,
  WILL_RETAIN,
  WILL_TOPIC,
  WILL_TOPIC_LENGTH,
} from './specs.ts';
import { EMPTY, readBinary, readFilter, readPublished, readText, readTopic, readVariable, SHARE } from './texts.ts';
import {
  AUTH,
  CONNACK,
  CONNECT,
  DISCONNECT,
  PINGREQ,
  PINGRESP,
  PUBACK,
  PUBCOMP,
  PUBLISH,
  PUBREC,
  PUBREL,
  SUBACK,
  SUBSCRIBE,
  TYPES,
  UNSUBACK,
  UNSUBSCRIBE,
  WILL,
} from './types.ts';

/** A whole packet; throws a {@link Fault} where it is none, and what the cursor throws where it ends too soon. */
export function readPacket(reader: Reader, from: Side, seen: Seen): Message {
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

/** A reason code that this packet may carry. */
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

/** A packet identifier, which is not 0. */
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

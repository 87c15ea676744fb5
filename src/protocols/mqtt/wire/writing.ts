// How is each packet written? Its length stands before it, so everything is measured first.

import type { Writer } from '../../../wire/fields.ts';
import type { Message, Of, Properties, Version } from '../wire.ts';
import { CODE } from './codes.ts';
import { BY_KEY, inOrder, isListed, NO_PROPERTIES, type Property } from './properties.ts';
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
  UNSUBACK,
  UNSUBSCRIBE,
} from './types.ts';

/** The most that a variable byte integer can say: four times seven bits. */
const MOST_VARIABLE = 0x0fff_ffff;
const MOST_TEXT = 0xffff;

/** Up to here text is written letter by letter. */
const FEW = 64;

/** A packet as the version that it is of has it. */
export function writePacket(writer: Writer, message: Message): void {
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

// How are the properties of a packet read, each once and where it may stand? (MQTT 5 §2.2.2)

import { byteAt, type Reader, type Spec } from '../../../wire/fields.ts';
import type { Side } from '../../../wire/wire.ts';
import type { Properties, Version } from '../wire.ts';
import { CODE } from './codes.ts';
import { BY_IDENTIFIER, NO_PROPERTIES, type Property } from './properties.ts';
import { refuse } from './refusing.ts';
import { hexText, inWords, own, PROPERTIES_LENGTH, sized, variable } from './specs.ts';
import { readBinary, readText, readVariable } from './texts.ts';
import { DISCONNECT, PUBLISH, TYPES, WILL } from './types.ts';

/** `type`: of the packet, or {@link WILL}. `where`: what the ids of fields begin with. */
export function readProperties(reader: Reader, version: Version, type: number, where = '', from?: Side): Properties {
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

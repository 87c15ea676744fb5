// mqtt-packet, the codec of most Node projects, and ours mean the same by the same bytes, in both directions.

import mqttPacket, { type Packet } from 'mqtt-packet';
import { expect, test } from 'vitest';
import { type Message, type Properties, type Version, wire } from '../../../src/protocols/mqtt/wire.ts';
import { Reader } from '../../../src/wire/fields.ts';
import { encode, type Seen, type Side } from '../../../src/wire/wire.ts';
import { untiled } from '../../promises.ts';
import { packets } from './packets.ts';

/** What mqtt-packet calls a property, and whether it has a boolean where the wire has a byte. */
const NAMES: readonly [ours: keyof Properties, theirs: string, boolean?: true][] = [
  ['payloadFormat', 'payloadFormatIndicator', true],
  ['messageExpiry', 'messageExpiryInterval'],
  ['contentType', 'contentType'],
  ['responseTopic', 'responseTopic'],
  ['correlationData', 'correlationData'],
  ['subscriptionId', 'subscriptionIdentifier'],
  ['sessionExpiry', 'sessionExpiryInterval'],
  ['assignedClientId', 'assignedClientIdentifier'],
  ['serverKeepAlive', 'serverKeepAlive'],
  ['authMethod', 'authenticationMethod'],
  ['authData', 'authenticationData'],
  ['requestProblem', 'requestProblemInformation', true],
  ['willDelay', 'willDelayInterval'],
  ['requestResponse', 'requestResponseInformation', true],
  ['responseInformation', 'responseInformation'],
  ['serverReference', 'serverReference'],
  ['reason', 'reasonString'],
  ['receiveMaximum', 'receiveMaximum'],
  ['topicAliasMaximum', 'topicAliasMaximum'],
  ['topicAlias', 'topicAlias'],
  ['maximumQoS', 'maximumQoS'],
  ['retainAvailable', 'retainAvailable', true],
  ['user', 'userProperties'],
  ['maximumPacketSize', 'maximumPacketSize'],
  ['wildcardAvailable', 'wildcardSubscriptionAvailable', true],
  ['subscriptionIdsAvailable', 'subscriptionIdentifiersAvailable', true],
  ['sharedAvailable', 'sharedSubscriptionAvailable', true],
];

function theirs(properties: Properties): Record<string, unknown> {
  const pairs = Object.entries(properties).map(([key, value]) => {
    const [, name, boolean] = NAMES.find(([ours]) => ours === key) ?? [key, key];
    if (key === 'user') {
      const named = new Map<string, string[]>();
      for (const [each, text] of value as [string, string][]) named.set(each, [...(named.get(each) ?? []), text]);
      const grouped = [...named].map(([each, texts]) => [each, texts.length === 1 ? texts[0] : texts]);
      return [name, Object.fromEntries(grouped)];
    }
    if (key === 'subscriptionId') return [name, value.length === 1 ? value[0] : value];
    return [name, boolean ? value === 1 : value];
  });
  return Object.fromEntries(pairs);
}

/** A message as mqtt-packet has it. */
function packetOf(message: Message): Record<string, unknown> {
  const { type, version } = message;
  const base = {
    cmd: type.toLowerCase(),
    ...('id' in message && message.id > 0 ? { messageId: message.id } : {}),
    ...('properties' in message && message.properties && Object.keys(message.properties).length > 0
      ? { properties: theirs(message.properties) }
      : {}),
  };
  switch (message.type) {
    case 'CONNECT': {
      const { clean, keepAlive, client, will, user, password } = message;
      return {
        ...base,
        ...{ protocolId: 'MQTT', protocolVersion: version, clean, keepalive: keepAlive, clientId: client },
        ...(user === undefined ? {} : { username: user }),
        ...(password === undefined ? {} : { password }),
        ...(will && {
          will: {
            ...{ topic: will.topic, payload: will.payload, qos: will.qos, retain: will.retain },
            ...(Object.keys(will.properties).length > 0 ? { properties: theirs(will.properties) } : {}),
          },
        }),
      };
    }
    case 'CONNACK': {
      const { sessionPresent, code } = message;
      return { ...base, sessionPresent, ...(version === 4 ? { returnCode: code } : { reasonCode: code }) };
    }
    case 'PUBLISH': {
      const { dup, qos, retain, topic, payload } = message;
      return { ...base, dup, qos, retain, topic, payload };
    }
    case 'SUBSCRIBE':
      return {
        ...base,
        subscriptions: message.filters.map(({ filter, qos, noLocal, retainAsPublished, retainHandling }) => ({
          ...{ topic: filter, qos },
          ...(version === 5 ? { nl: noLocal, rap: retainAsPublished, rh: retainHandling } : {}),
        })),
      };
    case 'UNSUBSCRIBE':
      return { ...base, unsubscriptions: message.filters };
    case 'SUBACK':
      return { ...base, granted: message.codes };
    case 'UNSUBACK':
      return { ...base, ...(version === 5 ? { granted: message.codes } : {}) };
    case 'PINGREQ':
    case 'PINGRESP':
      return base;
    default:
      return { ...base, ...(version === 5 ? { reasonCode: message.code ?? 0 } : {}) };
  }
}

/** Only what mqtt-packet was asked to read: it also notes lengths, and flags of types that have none. */
function parsed(bytes: Buffer, version: Version, like: Record<string, unknown>): Record<string, unknown> {
  const found: Record<string, unknown>[] = [];
  const parser = mqttPacket.parser({ protocolVersion: version });
  parser.on('packet', (packet) => found.push(packet as unknown as Record<string, unknown>));
  parser.on('error', (error) => {
    throw error;
  });
  parser.parse(bytes);
  expect(found).toHaveLength(1);
  const [packet = {}] = found;
  return Object.fromEntries(
    Object.keys({ ...like, properties: 0 }).flatMap((key) =>
      packet[key] === undefined ? [] : [[key, plain(packet[key])]],
    ),
  );
}

/** Without prototypes that differ for no reason of the wire. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value) || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

/** As mqtt-packet writes it, that leaves nothing out which 5.0 lets it leave out. */
function spelledOut(message: Message): Message {
  if (message.version === 4) return message;
  switch (message.type) {
    case 'PUBACK':
    case 'PUBREC':
    case 'PUBREL':
    case 'PUBCOMP':
    case 'DISCONNECT':
    case 'AUTH':
      return { ...message, code: message.code ?? 0, properties: message.properties ?? {} };
    default:
      return message;
  }
}

function read(bytes: Buffer, from: Side, version: Version): Message {
  const seen: Seen = new Map([['version', `${version}`]]);
  const reader = new Reader(bytes, { annotate: true });
  const message = wire.read(reader, from, 'tcp', seen);
  reader.finish();
  expect(untiled(reader.fields ?? [], bytes.length)).toEqual([]);
  expect(wire.frame(bytes, 0, from)).toBe(bytes.length);
  return message;
}

const ROLLED = packets(4000, 11);

test('the packets are of every type, and no property is missing', () => {
  const types = new Set(ROLLED.map(({ message }) => `${message.type} ${message.version}`));
  expect(types.size).toBe(29);
  const keys = ROLLED.flatMap(({ message }) => [
    ...Object.keys('properties' in message ? (message.properties ?? {}) : {}),
    ...(message.type === 'CONNECT' ? Object.keys(message.will?.properties ?? {}) : []),
  ]);
  expect([...new Set(keys)].sort()).toEqual(NAMES.map(([ours]) => ours).sort());
});

test('what we write, mqtt-packet reads as what we mean, and so do we', () => {
  let checked = 0;
  for (const { message, from } of ROLLED) {
    const bytes = encode(wire, message);
    expect(read(bytes, from, message.version)).toEqual(message);
    // An AUTH that leaves out its code (§3.15.2.1) is refused by mqtt-packet.
    if (message.type === 'AUTH' && message.code === undefined) continue;
    const packet = packetOf(message);
    expect(parsed(bytes, message.version, packet)).toEqual(packet);
    checked++;
  }
  expect(checked).toBeGreaterThan(3800);
});

test('what mqtt-packet writes, we read as what it means, and write the same bytes', () => {
  let checked = 0;
  for (const { message, from } of ROLLED) {
    // A password without a user name, which 5.0 allows (§3.1.2.9), is not written by mqtt-packet.
    if (message.type === 'CONNECT' && message.password && message.user === undefined) continue;
    // It writes an AUTH without a method, too, and we do not read that (§3.15.2.2.2).
    if (message.type === 'AUTH' && message.code === undefined) continue;
    const bytes = mqttPacket.generate(packetOf(message) as unknown as Packet, { protocolVersion: message.version });
    const meant = spelledOut(message);
    const found = read(bytes, from, message.version);
    // Of an acknowledgement that succeeds it leaves out what it can.
    expect(spelledOut(found)).toEqual(meant);
    expect(encode(wire, found).toString('hex')).toBe(bytes.toString('hex'));
    checked++;
  }
  expect(checked).toBeGreaterThan(3800);
});

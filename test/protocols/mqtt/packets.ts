// Packets of every type in both versions with everything that may stand in them, rolled from a seed.

import { dice } from '../../../src/lab/world.ts';
import type { Filter, Message, Properties, QoS, Version, Will } from '../../../src/protocols/mqtt/wire.ts';
import type { Side } from '../../../src/wire/wire.ts';

export interface Rolled {
  message: Message;
  from: Side;
}

const CLIENTS = ['CONNECT', 'PUBLISH', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'SUBSCRIBE', 'UNSUBSCRIBE', 'PINGREQ'];
const SERVERS = ['CONNACK', 'PUBLISH', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'SUBACK', 'UNSUBACK', 'PINGRESP'];
const BOTH = ['DISCONNECT', 'AUTH'];

/** `count` packets. Properties of one kind stand together, user properties of one name too, and last: so mqtt-packet writes them. */
export function packets(count: number, seed: number): Rolled[] {
  const roll = dice(seed);
  return Array.from({ length: count }, () => {
    const from: Side = roll(2) ? 'client' : 'server';
    const version: Version = roll(2) ? 4 : 5;
    const types = [...(from === 'client' ? CLIENTS : SERVERS), ...BOTH];
    const type = types[roll(types.length)] ?? 'PINGREQ';
    if (version === 4 && (type === 'AUTH' || (type === 'DISCONNECT' && from === 'server')))
      return { from, message: { version, type: 'PUBACK', id: 1 } };
    return { from, message: rolled(roll, type as Message['type'], version, from) };
  });
}

type Roll = (sides: number) => number;

function rolled(roll: Roll, type: Message['type'], version: Version, from: Side): Message {
  const id = 1 + roll(65_535);
  const properties = (...keys: (keyof Properties)[]) => (version === 4 ? {} : someOf(roll, keys));
  switch (type) {
    case 'CONNECT': {
      const auth = version === 5 && roll(3) === 0;
      const user = roll(2) ? text(roll) : undefined;
      const client = roll(4) ? text(roll) : '';
      const message: Message = {
        ...{ version, type, clean: client === '' || roll(2) === 1, keepAlive: roll(65_536), client },
        properties: {
          ...properties('sessionExpiry', 'receiveMaximum', 'maximumPacketSize', 'topicAliasMaximum'),
          ...(auth ? { authMethod: text(roll), authData: bytes(roll, 9) } : {}),
          ...properties('requestResponse', 'requestProblem', 'user'),
        },
        ...(user === undefined ? {} : { user }),
        ...(roll(2) && (user !== undefined || version === 5) ? { password: bytes(roll, 40) } : {}),
      };
      if (roll(2) === 0) return message;
      const will: Will = {
        ...{ topic: topic(roll), payload: bytes(roll, 300), qos: roll(3) as QoS, retain: roll(2) === 1 },
        properties: properties(
          ...(['willDelay', 'payloadFormat', 'messageExpiry', 'contentType', 'responseTopic'] as const),
          ...(['correlationData', 'user'] as const),
        ),
      };
      return { ...message, will };
    }
    case 'CONNACK': {
      const code = one(roll, version === 4 ? [0, 1, 2, 3, 4, 5] : [0, 0x80, 0x81, 0x84, 0x87, 0x8c, 0x9d, 0x9f]);
      return {
        ...{ version, type, code, sessionPresent: code === 0 && roll(2) === 1 },
        properties: properties(
          ...(['sessionExpiry', 'receiveMaximum', 'maximumQoS', 'retainAvailable', 'maximumPacketSize'] as const),
          ...(['assignedClientId', 'topicAliasMaximum', 'reason', 'wildcardAvailable'] as const),
          ...(['subscriptionIdsAvailable', 'sharedAvailable', 'serverKeepAlive', 'responseInformation'] as const),
          ...(['serverReference', 'authMethod', 'user'] as const),
        ),
      };
    }
    case 'PUBLISH': {
      const qos = roll(3) as QoS;
      const properties_ = properties(
        ...(['payloadFormat', 'messageExpiry', 'topicAlias', 'responseTopic', 'correlationData'] as const),
        ...(from === 'server' ? (['subscriptionId'] as const) : []),
        ...(['contentType', 'user'] as const),
      );
      return {
        ...{ version, type, dup: qos > 0 && roll(2) === 1, qos, retain: roll(2) === 1, id: qos && id },
        topic: properties_.topicAlias !== undefined && roll(2) ? '' : topic(roll),
        ...{ properties: properties_, payload: bytes(roll, one(roll, [0, 1, 60, 130, 20_000])) },
      };
    }
    case 'PUBACK':
    case 'PUBREC':
    case 'PUBREL':
    case 'PUBCOMP': {
      const codes = type === 'PUBACK' || type === 'PUBREC' ? [0, 0x10, 0x80, 0x87, 0x91, 0x99] : [0, 0x92];
      if (version === 4 || roll(4) === 0) return { version, type, id };
      const code = one(roll, codes);
      return roll(3) === 0
        ? { version, type, id, code }
        : { version, type, id, code, properties: properties('reason', 'user') };
    }
    case 'SUBSCRIBE':
      return {
        ...{ version, type, id },
        // One identifier at most, of one to four bytes.
        properties: {
          ...(version === 5 && roll(2) ? { subscriptionId: [one(roll, [1, 127, 128, 70_000, 268_435_455])] } : {}),
          ...properties('user'),
        },
        filters: Array.from({ length: 1 + roll(4) }, (): Filter => {
          const filter = one(roll, ['#', '+/b', 'a/+/#', topic(roll)]);
          const qos = roll(3) as QoS;
          if (version === 4) return { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 };
          const retainHandling = roll(3) as 0 | 1 | 2;
          return { filter, qos, noLocal: roll(2) === 1, retainAsPublished: roll(2) === 1, retainHandling };
        }),
      };
    case 'UNSUBSCRIBE': {
      const filters = Array.from({ length: 1 + roll(4) }, () => one(roll, ['#', '+/b', topic(roll)]));
      return { version, type, id, properties: properties('user'), filters };
    }
    case 'SUBACK': {
      const codes = version === 4 ? [0, 1, 2, 0x80] : [0, 1, 2, 0x80, 0x87, 0x8f, 0xa2];
      return { version, type, id, properties: properties('reason', 'user'), codes: some(roll, codes) };
    }
    case 'UNSUBACK':
      return {
        ...{ version, type, id, properties: properties('reason', 'user') },
        codes: version === 4 ? [] : some(roll, [0, 0x11, 0x87, 0x91]),
      };
    case 'DISCONNECT': {
      if (version === 4 || roll(4) === 0) return { version, type };
      const code = one(roll, [0, 0x04, 0x81, 0x8e, 0x95, 0xa2]);
      if (roll(3) === 0) return { version, type, code };
      const own = from === 'client' ? (['sessionExpiry'] as const) : (['serverReference'] as const);
      return { version, type, code, properties: properties(...own, 'reason', 'user') };
    }
    case 'AUTH': {
      if (roll(4) === 0) return { version, type };
      const auth: Properties = { authMethod: text(roll), authData: bytes(roll, 20) };
      return {
        version,
        type,
        code: one(roll, [0, 0x18, 0x19]),
        properties: { ...auth, ...properties('reason', 'user') },
      };
    }
    default:
      return { version, type };
  }
}

function someOf(roll: Roll, keys: readonly (keyof Properties)[]): Properties {
  const pairs = keys.filter(() => roll(2) === 1).map((key) => [key, value(roll, key)]);
  return Object.fromEntries(pairs);
}

function value(roll: Roll, key: keyof Properties): Properties[keyof Properties] {
  switch (key) {
    case 'user':
      return [['a', text(roll)], ...(roll(2) ? [['a', '']] : []), ...(roll(2) ? [['ключ', text(roll)]] : [])] as [
        string,
        string,
      ][];
    case 'subscriptionId':
      return Array.from({ length: 1 + roll(3) }, () => one(roll, [1, 127, 128, 16_384, 268_435_455]));
    case 'correlationData':
      return bytes(roll, 40);
    case 'contentType':
    case 'assignedClientId':
    case 'authMethod':
    case 'responseInformation':
    case 'serverReference':
    case 'reason':
      return text(roll);
    case 'responseTopic':
      return topic(roll);
    case 'sessionExpiry':
    case 'messageExpiry':
    case 'willDelay':
      return one(roll, [0, 1, 3600, 0x8000_0000, 0xffff_ffff]);
    case 'maximumPacketSize':
      return one(roll, [1, 1024, 0xffff_ffff]);
    case 'receiveMaximum':
    case 'topicAlias':
    case 'serverKeepAlive':
    case 'topicAliasMaximum':
      return 1 + roll(65_535);
    default:
      return roll(2);
  }
}

function one<T>(roll: Roll, choices: readonly [T, ...T[]] | readonly T[]): T {
  return choices[roll(choices.length)] as T;
}

function some<T>(roll: Roll, choices: readonly T[]): T[] {
  return Array.from({ length: 1 + roll(5) }, () => one(roll, choices));
}

const TEXTS = ['c1', 'a longer name', 'ä', '日本', '𝄞 clef', '\u001b[2J', 'x'.repeat(70), 'é'.repeat(100)];

function text(roll: Roll): string {
  return one(roll, TEXTS);
}

function topic(roll: Roll): string {
  return one(roll, [
    'a',
    'a/b',
    '/',
    'sensors/kitchen/temperature',
    '$SYS/x',
    'ä/日',
    `t/${roll(1000)}`,
    'l/'.repeat(90),
  ]);
}

function bytes(roll: Roll, most: number): Buffer {
  return Buffer.from(Array.from({ length: most === 0 ? 0 : roll(most + 1) }, () => roll(256)));
}

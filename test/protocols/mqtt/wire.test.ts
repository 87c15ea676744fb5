// Every packet of MQTT 3.1.1 and 5.0 as bytes, both ways.

import { describe, expect, test } from 'vitest';
import {
  CODE,
  LARGEST,
  type Message,
  NO_PROPERTIES,
  type Properties,
  type Version,
  wire,
} from '../../../src/protocols/mqtt/wire.ts';
import { type Field, Reader } from '../../../src/wire/fields.ts';
import { decode, encode, Inbox, type Seen, type Side } from '../../../src/wire/wire.ts';
import { untiled } from '../../promises.ts';

interface Vector {
  name: string;
  from: Side;
  bytes: string[];
  message: Message;
  says: string;
  /** The ids of all fields, or some of them with what is shown. */
  fields: string[] | Record<string, string>;
}

/** As if a CONNECT of this version had been read. */
const inVersion = (version: Version): Seen => new Map([['version', `${version}`]]);
const text = (value: string) => Buffer.from(value);
const HEADER = ['type', 'flags', 'length'];
const CONNECT_HEAD = [
  ...HEADER,
  ...['name.length', 'name', 'level', 'user.flag', 'password.flag', 'will.retain', 'will.qos', 'will.flag'],
  ...['clean', 'reserved', 'keepAlive'],
];

const ACKS: Vector[] = (
  [
    ['PUBACK', '40'],
    ['PUBREC', '50'],
    ['PUBREL', '62'],
    ['PUBCOMP', '70'],
  ] as const
).flatMap(([type, first]): Vector[] => [
  {
    name: `${type} of 3.1.1`,
    from: 'client',
    bytes: [first, '02', '0007'],
    message: { version: 4, type, id: 7 },
    says: 'id=7',
    fields: [...HEADER, 'id'],
  },
  {
    name: `${type} of 5.0, that leaves out code and properties`,
    from: 'server',
    bytes: [first, '02', 'ffff'],
    message: { version: 5, type, id: 65_535 },
    says: 'id=65535',
    fields: [...HEADER, 'id'],
  },
  {
    name: `${type} with a code`,
    from: 'client',
    bytes: [first, '03', '0007', first < '60' ? '80' : '92'],
    message: { version: 5, type, id: 7, code: first < '60' ? 0x80 : 0x92 },
    says: first < '60' ? 'id=7 unspecified error' : 'id=7 packet identifier not found',
    fields: [...HEADER, 'id', 'code'],
  },
  {
    name: `${type} with code and properties`,
    from: 'server',
    bytes: [
      first,
      '0c', // 12 bytes follow
      '0007', // identifier
      '00', // success
      '08', // 8 bytes of properties
      '1f', // reason string
      '0005',
      '6e6f706521', // nope!
    ],
    message: { version: 5, type, id: 7, code: 0, properties: { reason: 'nope!' } },
    says: 'id=7',
    fields: [...HEADER, 'id', 'code', 'properties', 'prop1.id', 'prop1.length', 'prop1.value'],
  },
]);

const EVERY_CONNACK_PROPERTY: Properties = {
  sessionExpiry: 0xffff_ffff,
  receiveMaximum: 20,
  maximumQoS: 1,
  retainAvailable: 1,
  maximumPacketSize: 262_144,
  assignedClientId: 'x1',
  topicAliasMaximum: 10,
  reason: 'ok',
  user: [['a', 'b']],
  wildcardAvailable: 1,
  subscriptionIdsAvailable: 0,
  sharedAvailable: 1,
  serverKeepAlive: 30,
  responseInformation: 'r',
  serverReference: 's',
  authMethod: 'm',
  authData: Buffer.from([1, 2]),
};

const VECTORS: Vector[] = [
  {
    name: 'CONNECT of 3.1.1, no more than it needs',
    from: 'client',
    bytes: [
      '10', // type 1, flags 0
      '0e', // 14 bytes follow
      '00044d515454', // MQTT
      '04', // level 4
      '00', // no flags: clean session 0
      '003c', // keep alive: 60
      '00026331', // client c1
    ],
    message: {
      ...{ version: 4, type: 'CONNECT', clean: false, keepAlive: 60, client: 'c1' },
      properties: {},
    },
    says: 'client=c1 clean=0 keepalive=60',
    fields: [...CONNECT_HEAD, 'client.length', 'client'],
  },
  {
    name: 'CONNECT of 3.1.1 with everything',
    from: 'client',
    bytes: [
      '10',
      '1d', // 29 bytes follow
      '00044d515454',
      '04',
      'f6', // user, password, will retain, will QoS 2, will, clean session
      '0000', // keep alive: none
      '0000', // no client identifier
      '0003612f62', // will topic a/b
      '00027179', // will payload
      '000175', // user u
      '000370c3a4', // password
    ],
    message: {
      ...{ version: 4, type: 'CONNECT', clean: true, keepAlive: 0, client: '', properties: {} },
      will: { topic: 'a/b', payload: text('qy'), qos: 2, retain: true, properties: {} },
      user: 'u',
      password: text('pä'),
    },
    says: 'client="" clean=1 keepalive=0 will=a/b user=u',
    fields: [
      ...[...CONNECT_HEAD, 'client.length', 'will.topic.length', 'will.topic', 'will.payload.length', 'will.payload'],
      ...['user.length', 'user', 'password.length', 'password'],
    ],
  },
  {
    name: 'CONNECT of 5.0 with every property that it and a will may have',
    from: 'client',
    bytes: [
      '10',
      '70', // 112 bytes follow
      '00044d515454',
      '05', // level 5
      '6e', // password (without a user name), will retain, will QoS 1, will, clean start
      '000a',
      '2f', // 47 bytes of properties
      '1100000e10', // session expiry 3600
      '210014', // receive maximum 20
      '2700010000', // maximum packet size 65536
      '22000a', // topic alias maximum 10
      '1901', // request response information
      '1700', // request problem information
      '26000161000162', // user property a=b
      '260001610000', // user property a, of nothing
      '150005706c61696e', // authentication method plain
      '160003010203', // authentication data
      '00026331', // client c1
      '26', // 38 bytes of properties of the will
      '1800000005', // will delay 5
      '0101', // text
      '020000003c', // message expiry 60
      '03000474657874', // content type text
      '080003726570', // response topic rep
      '090002beef', // correlation data
      '2600016b00027676', // user property k=vv
      '00027774', // will topic wt
      '000121', // will payload
      '00023132', // password
    ],
    message: {
      ...{ version: 5, type: 'CONNECT', clean: true, keepAlive: 10, client: 'c1' },
      properties: {
        sessionExpiry: 3600,
        receiveMaximum: 20,
        maximumPacketSize: 65_536,
        topicAliasMaximum: 10,
        requestResponse: 1,
        requestProblem: 0,
        user: [
          ['a', 'b'],
          ['a', ''],
        ],
        authMethod: 'plain',
        authData: Buffer.from([1, 2, 3]),
      },
      will: {
        topic: 'wt',
        payload: text('!'),
        qos: 1,
        retain: true,
        properties: {
          willDelay: 5,
          payloadFormat: 1,
          messageExpiry: 60,
          contentType: 'text',
          responseTopic: 'rep',
          correlationData: Buffer.from('beef', 'hex'),
          user: [['k', 'vv']],
        },
      },
      password: text('12'),
    },
    says: 'client=c1 clean=1 keepalive=10 v5 expiry=3600 will=wt',
    fields: {
      length: '112',
      level: '5 MQTT 5.0',
      properties: '47',
      'prop1.id': '17 Session expiry interval',
      'prop1.value': '3600',
      'prop2.value': '20',
      'prop3.value': '65536',
      'prop7.name': 'a',
      'prop7.value': 'b',
      'prop9.value': 'plain',
      'prop10.value': '010203',
      'will.properties': '38',
      'will.prop1.value': '5',
      'will.prop4.value': 'text',
      'will.prop6.value': 'beef',
      'will.topic': 'wt',
      'will.payload': '"!"',
    },
  },
  {
    name: 'CONNACK of 3.1.1',
    from: 'server',
    bytes: ['20', '02', '00', '00'],
    message: { version: 4, type: 'CONNACK', sessionPresent: false, code: 0, properties: {} },
    says: 'session-present=0 accepted',
    fields: [...HEADER, 'reserved', 'sessionPresent', 'code'],
  },
  {
    name: 'CONNACK of 3.1.1 that refuses',
    from: 'server',
    bytes: ['20', '02', '00', '02'],
    message: { version: 4, type: 'CONNACK', sessionPresent: false, code: 2, properties: {} },
    says: 'session-present=0 identifier rejected',
    fields: { code: '2 identifier rejected' },
  },
  {
    name: 'CONNACK of 5.0 with every property it may have',
    from: 'server',
    bytes: [
      '20',
      '42', // 66 bytes follow
      '01', // session present
      '00', // accepted
      '3f', // 63 bytes of properties
      '11ffffffff', // session expiry: never
      '210014', // receive maximum 20
      '2401', // maximum QoS 1
      '2501', // retain available
      '2700040000', // maximum packet size
      '1200027831', // assigned client identifier x1
      '22000a', // topic alias maximum
      '1f00026f6b', // reason string ok
      '26000161000162', // user property a=b
      '2801', // wildcards
      '2900', // no subscription identifiers
      '2a01', // shared subscriptions
      '13001e', // server keep alive 30
      '1a000172', // response information
      '1c000173', // server reference
      '1500016d', // authentication method
      '1600020102', // authentication data
    ],
    message: { version: 5, type: 'CONNACK', sessionPresent: true, code: 0, properties: EVERY_CONNACK_PROPERTY },
    says: 'session-present=1 accepted, with a name for the client',
    fields: { sessionPresent: '1', code: '0 accepted', 'prop6.value': 'x1', 'prop13.value': '30' },
  },
  {
    name: 'PUBLISH with QoS 0 of 3.1.1',
    from: 'client',
    bytes: [
      '30', // type 3, no flags
      '07', // 7 bytes follow
      '0003612f62', // a/b
      '6869', // hi
    ],
    message: {
      ...{ version: 4, type: 'PUBLISH', dup: false, qos: 0, retain: false, topic: 'a/b', id: 0 },
      ...{ properties: {}, payload: text('hi') },
    },
    says: 'a/b qos=0 "hi"',
    fields: ['type', 'dup', 'qos', 'retain', 'length', 'topic.length', 'topic', 'payload'],
  },
  {
    name: 'PUBLISH with QoS 1, again, retained, of 3.1.1',
    from: 'server',
    bytes: [
      '3b', // type 3: DUP, QoS 1, retain
      '08',
      '0003612f62',
      '0003', // identifier 3
      '1b', // what a terminal must not obey
    ],
    message: {
      ...{ version: 4, type: 'PUBLISH', dup: true, qos: 1, retain: true, topic: 'a/b', id: 3 },
      ...{ properties: {}, payload: Buffer.from([0x1b]) },
    },
    says: 'a/b qos=1 id=3 dup retain "\\x1b"',
    fields: ['type', 'dup', 'qos', 'retain', 'length', 'topic.length', 'topic', 'id', 'payload'],
  },
  {
    name: 'PUBLISH with QoS 2 of 5.0, an alias for a topic and nothing in it',
    from: 'client',
    bytes: [
      '34', // QoS 2
      '08',
      '0000', // no topic
      '0009', // identifier 9
      '03', // 3 bytes of properties
      '230005', // topic alias 5
    ],
    message: {
      ...{ version: 5, type: 'PUBLISH', dup: false, qos: 2, retain: false, topic: '', id: 9 },
      ...{ properties: { topicAlias: 5 }, payload: Buffer.alloc(0) },
    },
    says: 'alias=5 qos=2 id=9 ""',
    fields: [
      ...['type', 'dup', 'qos', 'retain', 'length', 'topic.length', 'id'],
      ...['properties', 'prop1.id', 'prop1.value'],
    ],
  },
  {
    name: 'PUBLISH from a server with every property, and user properties with others between them',
    from: 'server',
    bytes: [
      '30',
      '38', // 56 bytes follow
      '0002c3a4', // ä
      '32', // 50 bytes of properties
      '26000161000131', // user property a=1
      '0100', // bytes
      '020000000a', // message expiry 10
      '230001', // topic alias 1
      '08000172', // response topic
      '09000163', // correlation data
      '0bffffff7f', // subscription identifier: the largest
      '0b01', // another: 1
      '03000174', // content type
      '26000162000132', // user property b=2
      '26000161000133', // user property a=3
      'ff', // payload
    ],
    message: {
      ...{ version: 5, type: 'PUBLISH', dup: false, qos: 0, retain: false, topic: 'ä', id: 0 },
      properties: {
        user: [
          ['a', '1'],
          ['b', '2'],
          ['a', '3'],
        ],
        payloadFormat: 0,
        messageExpiry: 10,
        topicAlias: 1,
        responseTopic: 'r',
        correlationData: text('c'),
        subscriptionId: [268_435_455, 1],
        contentType: 't',
        order: [0x26, 0x01, 0x02, 0x23, 0x08, 0x09, 0x0b, 0x0b, 0x03, 0x26, 0x26],
      },
      payload: Buffer.from([0xff]),
    },
    says: 'ä alias=1 qos=0 "\\xff"',
    fields: { topic: 'ä', 'prop7.value': '268435455', 'prop8.value': '1', 'prop10.name': 'b', 'prop11.value': '3' },
  },
  ...ACKS,
  {
    name: 'SUBSCRIBE of 3.1.1',
    from: 'client',
    bytes: [
      '82', // type 8, flags 2
      '0c', // 12 bytes follow
      '000a', // identifier 10
      '0003612f23', // a/#
      '01', // QoS 1
      '00012b', // +
      '02', // QoS 2
    ],
    message: {
      ...{ version: 4, type: 'SUBSCRIBE', id: 10, properties: {} },
      filters: [
        { filter: 'a/#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
        { filter: '+', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 },
      ],
    },
    says: 'id=10 a/# qos=1, + qos=2',
    fields: [
      ...[...HEADER, 'id', 'filter1.length', 'filter1', 'filter1.reserved', 'filter1.qos'],
      ...['filter2.length', 'filter2', 'filter2.reserved', 'filter2.qos'],
    ],
  },
  {
    name: 'SUBSCRIBE of 5.0 with every option',
    from: 'client',
    bytes: [
      '82',
      '1b', // 27 bytes follow
      '000a',
      '03', // 3 bytes of properties
      '0bc102', // subscription identifier 65 + 2 × 128 = 321
      '0005', // a filter of 5
      '612f2b2f23', // a/+/#
      '2d', // retain handling 2, retain as published, no local, QoS 1
      '000a', // a filter of 10
      '2473686172652f672f62', // $share/g/b
      '10', // retain handling 1, QoS 0
    ],
    message: {
      ...{ version: 5, type: 'SUBSCRIBE', id: 10, properties: { subscriptionId: [321] } },
      filters: [
        { filter: 'a/+/#', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 },
        { filter: '$share/g/b', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 1 },
      ],
    },
    says: 'id=10 a/+/# qos=1, $share/g/b qos=0',
    fields: [
      ...[...HEADER, 'id', 'properties', 'prop1.id', 'prop1.value', 'filter1.length', 'filter1', 'filter1.reserved'],
      ...['filter1.retainHandling', 'filter1.retainAsPublished', 'filter1.noLocal', 'filter1.qos', 'filter2.length'],
      ...['filter2', 'filter2.reserved', 'filter2.retainHandling', 'filter2.retainAsPublished', 'filter2.noLocal'],
      'filter2.qos',
    ],
  },
  {
    name: 'SUBACK of 3.1.1',
    from: 'server',
    bytes: ['90', '06', '000a', '00', '01', '02', '80'],
    message: { version: 4, type: 'SUBACK', id: 10, properties: {}, codes: [0, 1, 2, 0x80] },
    says: 'id=10 granted QoS 0, granted QoS 1, granted QoS 2, failure',
    fields: [...HEADER, 'id', 'code1', 'code2', 'code3', 'code4'],
  },
  {
    name: 'SUBACK of 5.0',
    from: 'server',
    bytes: ['90', '0a', '000a', '05', '1f00026e6f', '00', '87'],
    message: { version: 5, type: 'SUBACK', id: 10, properties: { reason: 'no' }, codes: [0, 0x87] },
    says: 'id=10 granted QoS 0, not authorized',
    fields: [...HEADER, 'id', 'properties', 'prop1.id', 'prop1.length', 'prop1.value', 'code1', 'code2'],
  },
  {
    name: 'UNSUBSCRIBE of 3.1.1',
    from: 'client',
    bytes: ['a2', '08', '000b', '00012b', '000123'],
    message: { version: 4, type: 'UNSUBSCRIBE', id: 11, properties: {}, filters: ['+', '#'] },
    says: 'id=11 +, #',
    fields: [...HEADER, 'id', 'filter1.length', 'filter1', 'filter2.length', 'filter2'],
  },
  {
    name: 'UNSUBSCRIBE of 5.0',
    from: 'client',
    bytes: ['a2', '0d', '000b', '07', '26000161000162', '000161'],
    message: { version: 5, type: 'UNSUBSCRIBE', id: 11, properties: { user: [['a', 'b']] }, filters: ['a'] },
    says: 'id=11 a',
    fields: [
      ...[...HEADER, 'id', 'properties', 'prop1.id', 'prop1.name.length', 'prop1.name', 'prop1.length', 'prop1.value'],
      ...['filter1.length', 'filter1'],
    ],
  },
  {
    name: 'UNSUBACK of 3.1.1, that has no codes',
    from: 'server',
    bytes: ['b0', '02', '000b'],
    message: { version: 4, type: 'UNSUBACK', id: 11, properties: {}, codes: [] },
    says: 'id=11',
    fields: [...HEADER, 'id'],
  },
  {
    name: 'UNSUBACK of 5.0',
    from: 'server',
    bytes: ['b0', '05', '000b', '00', '00', '11'],
    message: { version: 5, type: 'UNSUBACK', id: 11, properties: {}, codes: [0, 0x11] },
    says: 'id=11 success, no subscription existed',
    fields: [...HEADER, 'id', 'properties', 'code1', 'code2'],
  },
  ...([4, 5] as const).flatMap((version): Vector[] => [
    {
      name: `PINGREQ, version ${version}`,
      from: 'client',
      bytes: ['c0', '00'],
      message: { version, type: 'PINGREQ' },
      says: '',
      fields: HEADER,
    },
    {
      name: `PINGRESP, version ${version}`,
      from: 'server',
      bytes: ['d0', '00'],
      message: { version, type: 'PINGRESP' },
      says: '',
      fields: HEADER,
    },
    {
      name: `DISCONNECT without a word, version ${version}`,
      from: 'client',
      bytes: ['e0', '00'],
      message: { version, type: 'DISCONNECT' },
      says: version === 4 ? '' : 'normal disconnection',
      fields: HEADER,
    },
  ]),
  {
    name: 'DISCONNECT with a code',
    from: 'client',
    bytes: ['e0', '01', '04'],
    message: { version: 5, type: 'DISCONNECT', code: 4 },
    says: 'disconnect with will',
    fields: [...HEADER, 'code'],
  },
  {
    name: 'DISCONNECT with properties',
    from: 'client',
    bytes: ['e0', '07', '00', '05', '1100000000'],
    message: { version: 5, type: 'DISCONNECT', code: 0, properties: { sessionExpiry: 0 } },
    says: 'normal disconnection',
    fields: [...HEADER, 'code', 'properties', 'prop1.id', 'prop1.value'],
  },
  {
    name: 'DISCONNECT from a server',
    from: 'server',
    bytes: ['e0', '0d', '9d', '0b', '1c0003682f31', '1f00026279'],
    message: {
      ...{ version: 5, type: 'DISCONNECT', code: 0x9d },
      properties: { serverReference: 'h/1', reason: 'by' },
    },
    says: 'server moved "by"',
    fields: { code: '157 server moved', 'prop1.value': 'h/1' },
  },
  {
    name: 'AUTH without a word',
    from: 'server',
    bytes: ['f0', '00'],
    message: { version: 5, type: 'AUTH' },
    says: 'success',
    fields: HEADER,
  },
  {
    name: 'AUTH',
    from: 'client',
    bytes: ['f0', '0b', '18', '09', '1500016d', '1600020102'],
    message: {
      ...{ version: 5, type: 'AUTH', code: 0x18 },
      properties: { authMethod: 'm', authData: Buffer.from([1, 2]) },
    },
    says: 'continue authentication',
    fields: [
      ...[...HEADER, 'code', 'properties', 'prop1.id', 'prop1.length', 'prop1.value'],
      ...['prop2.id', 'prop2.length', 'prop2.value'],
    ],
  },
];

const bytesOf = ({ bytes }: Vector) => Buffer.from(bytes.join(''), 'hex');

function fieldsOf(bytes: Buffer, from: Side, seen: Seen): Field[] {
  const reader = new Reader(bytes, { annotate: true });
  wire.read(reader, from, 'tcp', seen);
  reader.finish();
  return reader.fields ?? [];
}

describe.each(VECTORS)('$name', (vector) => {
  const bytes = bytesOf(vector);
  const { from, message, fields } = vector;
  const seen = () => (message.type === 'CONNECT' ? new Map<string, string>() : inVersion(message.version));

  test('reads as what it means, and writes back the same bytes', () => {
    expect(decode(wire, bytes, from, 'tcp', seen())).toEqual(message);
    expect(encode(wire, message).toString('hex')).toBe(bytes.toString('hex'));
    expect(wire.kind(message)).toBe(message.type);
    expect(wire.frame(bytes, 0, from)).toBe(bytes.length);
  });

  test('is the same message one byte at a time, and not before the last one', () => {
    const inbox = new Inbox(wire, from, seen());
    for (let at = 0; at < bytes.length; at++) {
      const { messages, error } = inbox.push(bytes.subarray(at, at + 1));
      expect(error, `at byte ${at}`).toBeUndefined();
      expect(messages, `at byte ${at}`).toEqual(at === bytes.length - 1 ? [message] : []);
    }
  });

  test('says what it is in a few words', () => {
    expect(wire.says(message)).toBe(vector.says);
  });

  test('has a name for every bit', () => {
    const named = fieldsOf(bytes, from, seen());
    expect(untiled(named, bytes.length)).toEqual([]);
    if (Array.isArray(fields)) expect(named.map(({ id }) => id)).toEqual(fields);
    else expect(Object.fromEntries(named.map(({ id, show }) => [id, show]))).toMatchObject(fields);
  });

  test('leans on memory only with fields that it has', () => {
    const ids = fieldsOf(bytes, from, seen()).map(({ id }) => id);
    const noted: Seen = new Map([
      ['clean', '0'],
      ['will', '1'],
    ]);
    for (const lean of wire.leans(message, from, noted)) expect(ids, lean.why).toContain(lean.field);
  });
});

test('no type is missing here, in either version', () => {
  const types = (version: Version) =>
    [
      ...new Set(VECTORS.filter(({ message }) => message.version === version).map(({ message }) => message.type)),
    ].sort();
  expect(types(5)).toHaveLength(15);
  expect(types(4)).toEqual(types(5).filter((type) => type !== 'AUTH'));
});

test('a conversation of either version comes out in order; what CONNECT settles holds for both directions', () => {
  for (const version of [4, 5] as const) {
    const seen: Seen = new Map();
    const own = VECTORS.filter(({ message }) => message.version === version);
    const said = own.filter(({ from }) => from === 'client');
    const answered = own.filter(({ from }) => from === 'server');
    expect(said[0]?.message.type).toBe('CONNECT');
    for (const [from, vectors] of [
      ['client', said],
      ['server', answered],
    ] as const)
      expect(new Inbox(wire, from, seen).push(Buffer.concat(vectors.map(bytesOf)))).toEqual({
        messages: vectors.map(({ message }) => message),
      });
  }
});

test('while no CONNECT has been read, packets are read as those of 3.1.1', () => {
  expect(decode(wire, Buffer.from('30050001610162', 'hex'), 'client')).toMatchObject({
    version: 4,
    topic: 'a',
    payload: Buffer.from([1, 0x62]),
  });
});

test('a packet without properties makes no object for them', () => {
  const message = decode(wire, Buffer.from('300400016100', 'hex'), 'client', 'tcp', inVersion(5)) as {
    properties: object;
  };
  expect(message.properties).toBe(NO_PROPERTIES);
  expect(Object.isFrozen(NO_PROPERTIES)).toBe(true);
});

test('what a version does not have is not written in it', () => {
  const properties: Properties = { reason: 'no' };
  expect(encode(wire, { version: 4, type: 'PUBACK', id: 7, code: 0x87, properties }).toString('hex')).toBe('40020007');
  expect(encode(wire, { version: 4, type: 'DISCONNECT', code: 0x87, properties }).toString('hex')).toBe('e000');
  const codes = [0x11];
  expect(encode(wire, { version: 4, type: 'UNSUBACK', id: 7, codes, properties }).toString('hex')).toBe('b0020007');
  // Properties come after a code, even when it could be left out.
  expect(encode(wire, { version: 5, type: 'PUBACK', id: 7, properties: {} }).toString('hex')).toBe('400400070000');
});

test('a property that was added to some in an order of their own comes last', () => {
  const properties: Properties = {
    user: [
      ['a', '1'],
      ['b', '2'],
    ],
    topicAlias: 5,
    order: [0x26, 0x23, 0x26],
  };
  const message: Message = {
    ...{ version: 5, type: 'PUBLISH', dup: false, qos: 0, retain: false, topic: 't', id: 0 },
    ...{ properties: { ...properties, messageExpiry: 1 }, payload: Buffer.alloc(0) },
  };
  const bytes = encode(wire, message).toString('hex');
  expect(bytes).toBe(['30', '1a', '000174', '16', '26000161000131', '230005', '26000162000132', '0200000001'].join(''));
});

test('thousands of properties in disorder are no more work than their number', () => {
  const count = 60_000;
  const message: Message = {
    ...{ version: 5, type: 'PUBLISH', dup: false, qos: 0, retain: false, topic: 't', id: 0 },
    properties: {
      subscriptionId: Array.from({ length: count / 2 }, () => 1),
      user: Array.from({ length: count / 2 }, (): [string, string] => ['', '']),
      order: Array.from({ length: count }, (_none, nth) => (nth % 2 ? 0x26 : 0x0b)),
    },
    payload: Buffer.alloc(0),
  };
  expect(decode(wire, encode(wire, message), 'server', 'tcp', inVersion(5))).toEqual(message);
});

describe('a topic that is published to again', () => {
  const publish = (topic: string): Buffer =>
    encode(wire, {
      ...{ version: 4, type: 'PUBLISH', dup: false, qos: 0, retain: false, topic, id: 0 },
      ...{ properties: {}, payload: text('x') },
    });

  test('is the same string, and another one of its length is not', () => {
    const seen = inVersion(4);
    for (const topic of ['a/b', 'a/b', 'a/c', 'b/c', 'a', 'a/b', 'ä/b', 'ä/b', 'a/b/', 'a/b'])
      expect(decode(wire, publish(topic), 'client', 'tcp', seen)).toMatchObject({ topic });
  });

  test('does not let anything through that would be refused the first time', () => {
    const seen = inVersion(4);
    decode(wire, publish('é'), 'client', 'tcp', seen);
    expect(() => decode(wire, Buffer.from('30030001e9', 'hex'), 'client', 'tcp', seen)).toThrow('is not UTF-8');
    decode(wire, publish('abc'), 'client', 'tcp', seen);
    expect(() => decode(wire, Buffer.from('300400036162', 'hex'), 'client', 'tcp', seen)).toThrow('2 are left');
  });
});

describe('text', () => {
  const withTopic = (bytes: Buffer) =>
    Buffer.concat([Buffer.of(0x30, bytes.length + 2, bytes.length >> 8, bytes.length & 0xff), bytes]);

  test.each(['ä', '€', '𝄞', '\ufeffa', 'a\u0001', '\uffff', '\u{10ffff}', 'é'.repeat(40)])(
    '%j is kept as it is',
    (topic) => {
      const message = decode(wire, withTopic(text(topic)), 'client');
      expect(message).toMatchObject({ topic });
      expect(encode(wire, message)).toEqual(withTopic(text(topic)));
    },
  );

  test('is what the platform’s own decoder takes, and nothing else', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const bytes = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef];
    const all = [...bytes, 0xf0, 0xf1, 0xf4, 0xf5, 0xff];
    let taken = 0;
    for (const first of all)
      for (const second of all)
        for (const third of [undefined, 0x41, 0x80, 0xbf, 0xc2])
          for (const fourth of [undefined, 0x80, 0xc0]) {
            const each = Buffer.from([first, second, third, fourth].filter((byte) => byte !== undefined));
            let expected: string | undefined;
            try {
              expected = decoder.decode(each);
            } catch {
              expected = undefined;
            }
            let got: string | undefined;
            try {
              got = (decode(wire, withTopic(each), 'client') as { topic: string }).topic;
              taken++;
            } catch (error) {
              expect((error as Error).message).toContain('is not UTF-8');
            }
            expect(got, each.toString('hex')).toBe(expected);
          }
    expect(taken).toBeGreaterThan(20);
  });
});

describe('what is rolled by dice, and what is secret', () => {
  test('an assigned client identifier is chance, and nobody says it', () => {
    const message: Message = {
      ...{ version: 5, type: 'CONNACK', sessionPresent: false, code: 0 },
      properties: { assignedClientId: 'rolled-by-dice' },
    };
    const fields = fieldsOf(encode(wire, message), 'server', inVersion(5));
    expect(fields.find(({ id }) => id === 'prop1.value')).toMatchObject({ chance: true, show: 'rolled-by-dice' });
    expect(wire.says(message)).not.toContain('rolled');
  });

  test('a password and authentication data are secret, and nobody says them', () => {
    const message: Message = {
      ...{ version: 5, type: 'CONNECT', clean: true, keepAlive: 0, client: 'c', user: 'u' },
      properties: { authMethod: 'm', authData: text('hidden!') },
      password: text('hidden!'),
    };
    const seen: Seen = new Map();
    const fields = fieldsOf(encode(wire, message), 'client', seen);
    expect(fields.filter(({ secret }) => secret).map(({ id }) => id)).toEqual(['prop2.value', 'password']);
    const words = [
      wire.says(message),
      JSON.stringify(wire.leans(message, 'client', seen)),
      JSON.stringify([...seen]),
      ...fields.map(({ gloss }) => gloss ?? ''),
      ...fields.filter(({ secret }) => !secret).map(({ show }) => show),
    ].join(' ');
    expect(words).not.toContain('hidden');
    expect(words).not.toContain(text('hidden!').toString('hex'));
  });
});

test('peers’ bytes reach words only drawn', () => {
  const evil = 'a\u001b[2J\u202e\n';
  const messages: [Message, Side][] = [
    [{ version: 5, type: 'CONNECT', clean: false, keepAlive: 0, client: evil, user: evil, properties: {} }, 'client'],
    [
      {
        ...{ version: 5, type: 'PUBLISH', dup: false, qos: 2, retain: true, topic: evil, id: 1 },
        ...{ properties: { contentType: evil, user: [[evil, evil]] }, payload: text(evil) },
      },
      'client',
    ],
    [
      {
        ...{ version: 5, type: 'SUBSCRIBE', id: 1, properties: {} },
        filters: [{ filter: evil, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
      },
      'client',
    ],
    [{ version: 5, type: 'UNSUBSCRIBE', id: 1, properties: {}, filters: [evil] }, 'client'],
    [{ version: 5, type: 'DISCONNECT', code: 0, properties: { reason: evil } }, 'server'],
  ];
  const seen: Seen = new Map();
  for (const [message, from] of messages) {
    const words = [
      wire.says(message),
      ...wire.leans(message, from, seen).flatMap(({ key, why }) => [key, why]),
      ...fieldsOf(encode(wire, message), from, inVersion(5)).flatMap(({ show, gloss }) => [show, gloss ?? '']),
    ].join('');
    expect(words).toContain('\\x1b');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be there
    expect(words).not.toMatch(/[\u0000-\u001f\u202e]/);
  }
});

test('the gloss of a variable byte integer shows how it comes about', () => {
  const message: Message = {
    ...{ version: 4, type: 'PUBLISH', dup: false, qos: 0, retain: false, topic: 't', id: 0 },
    ...{ properties: {}, payload: Buffer.alloc(318) },
  };
  const field = fieldsOf(encode(wire, message), 'client', inVersion(4)).find(({ id }) => id === 'length');
  expect(field).toMatchObject({ show: '321', value: 'c102', gloss: '65 + 2 × 128: 321 bytes follow' });
});

test('one byte follows, and two follow', () => {
  const glossOf = (payload: number) =>
    fieldsOf(
      encode(wire, {
        ...{ version: 5, type: 'PUBLISH', dup: false, qos: 0, retain: false, topic: 't'.repeat(payload), id: 0 },
        ...{ properties: {}, payload: Buffer.alloc(payload) },
      } as Message),
      'client',
      inVersion(5),
    ).find(({ id }) => id === 'topic.length')?.gloss;
  expect([glossOf(1), glossOf(2)]).toEqual(['1 byte follows', '2 bytes follow']);
});

test('remaining lengths of one to four bytes, up to the largest packet taken', () => {
  for (const size of [0, 124, 125, 16_379, 16_380, LARGEST.other - 7]) {
    const message: Message = {
      ...{ version: 4, type: 'PUBLISH', dup: false, qos: 0, retain: false, topic: 't', id: 0 },
      ...{ properties: {}, payload: Buffer.alloc(size, 'x') },
    };
    const bytes = encode(wire, message);
    expect(wire.frame(bytes, 0, 'client')).toBe(bytes.length);
    expect(new Inbox(wire, 'client').push(bytes)).toEqual({ messages: [message] });
    expect(bytes.length).toBeLessThanOrEqual(wire.longest);
  }
});

test('a fault of ours is no packet', () => {
  const base = { version: 5, type: 'PUBLISH', dup: false, qos: 0, retain: false, id: 0 } as const;
  const payload = Buffer.alloc(0);
  expect(() => encode(wire, { ...base, topic: 'é'.repeat(32_768), properties: {}, payload })).toThrow('65536 bytes');
  const correlationData = Buffer.alloc(65_536);
  expect(() => encode(wire, { ...base, topic: 't', properties: { correlationData }, payload })).toThrow('65536 bytes');
  const subscriptionId = [0x1000_0000];
  expect(() => encode(wire, { ...base, topic: 't', properties: { subscriptionId }, payload })).toThrow('send less');
});

describe('what a packet leans on', () => {
  const keys = (message: Message, from: Side, seen: Seen) =>
    wire.leans(message, from, seen).map(({ op, holder, key }) => `${op} ${holder} ${key}`);
  const connect = (version: Version, clean: boolean, client = 'c1'): Message => ({
    ...{ version, type: 'CONNECT', clean, keepAlive: 0, client, properties: {} },
  });
  const connack = (version: Version, sessionPresent: boolean, properties: Properties = {}): Message => ({
    ...{ version, type: 'CONNACK', sessionPresent, code: 0, properties },
  });
  const publish = (qos: 0 | 1 | 2, more: Partial<Message> = {}): Message =>
    ({
      ...{ version: 4, type: 'PUBLISH', dup: false, qos, retain: false, topic: 't', id: qos && 7 },
      ...{ properties: {}, payload: text('x') },
      ...more,
    }) as Message;

  test('a client’s name leans on what is filed under it; session present 0 denies that there is any', () => {
    const seen: Seen = new Map();
    expect(keys(connect(4, false), 'client', seen)).toEqual([
      'reads server session[c1]',
      'writes server session[c1]',
      'writes server path[path]',
    ]);
    expect(keys(connack(4, false), 'server', seen)).toEqual(['denies server session[c1]']);
    expect(keys(connack(4, true), 'server', seen)).toEqual(['reads server session[c1]']);
    expect(keys(connect(4, true), 'client', seen)[0]).toBe('clears server session[c1]');
    expect(keys(connack(4, false), 'server', seen)).toEqual([]);
    const refused: Message = { version: 4, type: 'CONNACK', sessionPresent: false, code: 5, properties: {} };
    expect(keys(refused, 'server', seen)).toEqual([]);
  });

  test('a name that the broker assigns is the client’s to keep, and names what follows', () => {
    const seen: Seen = new Map();
    expect(keys(connect(5, true, ''), 'client', seen)).toEqual(['writes server path[path]']);
    const properties: Properties = { receiveMaximum: 9, assignedClientId: 'x1' };
    expect(wire.leans(connack(5, false, properties), 'server', seen)).toMatchObject([
      { op: 'writes', holder: 'client', key: 'session[x1]', field: 'prop2.value' },
    ]);
    expect(keys(publish(1), 'client', seen)).toEqual(['writes client out[x1 7]']);
  });

  test.each(['client', 'server'] as const)('a packet identifier of the %s means something on both sides', (from) => {
    const to = from === 'client' ? 'server' : 'client';
    const seen: Seen = new Map([['client', 'c1']]);
    const ack = (type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP', code?: number): Message => ({
      ...{ version: 5, type, id: 7 },
      ...(code === undefined ? {} : { code }),
    });
    // The broker has filed a letter under its number when it lets it go; how a client does it, nobody else sees.
    const files = from === 'client' ? 'writes' : 'reads';
    expect(keys(publish(1), from, seen)).toEqual([`${files} ${from} out[c1 7]`]);
    expect(keys(publish(1, { dup: true }), from, seen)).toEqual([`reads ${from} out[c1 7]`]);
    expect(keys(ack('PUBACK'), to, seen)).toEqual([`clears ${from} out[c1 7]`]);
    expect(keys(publish(2), from, seen)).toEqual([`${files} ${from} out[c1 7]`, `writes ${to} in[c1 7]`]);
    expect(keys(ack('PUBREC'), to, seen)).toEqual([`reads ${from} out[c1 7]`, `reads ${to} in[c1 7]`]);
    expect(keys(ack('PUBREC', 0x87), to, seen)).toEqual([`clears ${from} out[c1 7]`]);
    expect(keys(ack('PUBREL'), from, seen)).toEqual([`clears ${to} in[c1 7]`, `reads ${from} out[c1 7]`]);
    expect(keys(ack('PUBREL', 0x92), from, seen)).toEqual([`denies ${from} out[c1 7]`]);
    expect(keys(ack('PUBCOMP'), to, seen)).toEqual([`clears ${from} out[c1 7]`]);
    expect(keys(ack('PUBCOMP', 0x92), to, seen)).toEqual([`denies ${to} in[c1 7]`]);
  });

  test('a topic, an alias, and who wants to hear what', () => {
    const seen: Seen = new Map([['client', 'c1']]);
    expect(keys(publish(0), 'client', seen)).toEqual(['reads server path[path]']);
    expect(keys(publish(0), 'server', seen)).toEqual(['reads server session[c1]']);
    expect(keys(publish(0, { retain: true }), 'client', seen)).toEqual(['writes server retained[t]']);
    expect(keys(publish(0, { retain: true, payload: Buffer.alloc(0) }), 'client', seen)).toEqual([
      'clears server retained[t]',
    ]);
    expect(keys(publish(0, { retain: true }), 'server', seen)).toEqual(['reads server retained[t]']);
    const alias: Partial<Message> = { version: 5, properties: { topicAlias: 3 } };
    expect(keys(publish(0, alias), 'client', seen)).toEqual(['writes server path[path]']);
    expect(keys(publish(0, { ...alias, topic: '' } as Partial<Message>), 'server', seen)).toEqual([
      'reads client path[path]',
    ]);
  });

  test('subscriptions, signs of life and good-byes', () => {
    const seen: Seen = new Map();
    const will = { topic: 'w', payload: text('x'), qos: 0, retain: false, properties: {} } as const;
    expect(keys({ ...connect(4, false), will } as Message, 'client', seen)).toContain('writes server will[c1]');
    const unsubscribe: Message = { version: 4, type: 'UNSUBSCRIBE', id: 1, properties: {}, filters: ['a'] };
    expect(keys(unsubscribe, 'client', seen)).toEqual(['writes server session[c1]', 'reads server path[path]']);
    const suback: Message = { version: 4, type: 'SUBACK', id: 1, properties: {}, codes: [0] };
    expect(keys(suback, 'server', seen)).toEqual(['writes client session[c1]']);
    expect(keys({ version: 4, type: 'PINGREQ' }, 'client', seen)).toEqual(['reads server path[path]']);
    expect(keys({ version: 4, type: 'PINGRESP' }, 'server', seen)).toEqual([]);
    const bye: Message = { version: 4, type: 'DISCONNECT' };
    expect(keys(bye, 'client', seen)).toEqual(['clears server will[c1]', 'reads server session[c1]']);
    keys(connect(4, true), 'client', seen);
    expect(keys(bye, 'client', seen)).toEqual(['clears server session[c1]']);
    const withWill: Message = { version: 5, type: 'DISCONNECT', code: 4, properties: { sessionExpiry: 60 } };
    keys({ ...connect(5, true), will } as Message, 'client', seen);
    expect(keys(withWill, 'client', seen)).toEqual(['reads server session[c1]']);
    const takenOver: Message = { version: 5, type: 'DISCONNECT', code: CODE.sessionTakenOver };
    expect(keys(takenOver, 'server', seen)).toEqual(['clears server path[path]']);
  });

  test.each<[Message, Side, four: string | undefined, five: string]>([
    [{ version: 5, type: 'PUBREC', id: 7, code: 0x87 }, 'server', undefined, 'MQTT-4.4.0-2'],
    [{ version: 5, type: 'PUBREL', id: 7, code: 0x92 }, 'client', undefined, 'MQTT 5 §3.6.2.1'],
    [{ version: 5, type: 'PUBCOMP', id: 7, code: 0x92 }, 'server', undefined, 'MQTT 5 §3.7.2.1'],
    [
      { version: 5, type: 'UNSUBACK', id: 1, properties: {}, codes: [0] },
      ...(['server', 'MQTT-3.10.4-4', 'MQTT-3.10.4-5'] as const),
    ],
    [
      { version: 5, type: 'UNSUBSCRIBE', id: 1, properties: {}, filters: ['a'] },
      ...(['client', 'MQTT 3.1.1 §3.10.4', 'MQTT 5 §3.10.4'] as const),
    ],
    [publish(0), 'server', 'MQTT 3.1.1 §3.8.4', 'MQTT 5 §3.8.4'],
  ])('%j of the %s: the clause as its version counts it', (message, from, four, five) => {
    const cite = (version: Version) => wire.leans({ ...message, version }, from, new Map([['client', 'c1']]))[0]?.cite;
    expect(cite(5)).toBe(five);
    if (four !== undefined) expect(cite(4)).toBe(four);
  });

  test('every one of them says why in a sentence and cites its clause', () => {
    const seen: Seen = new Map();
    const all = VECTORS.flatMap(({ message, from }) => wire.leans(message, from, seen));
    expect(all.length).toBeGreaterThan(40);
    for (const { why, cite, key } of all) {
      expect(why.split(' ').length, why).toBeGreaterThan(4);
      expect(cite).toMatch(/^MQTT(-\d+\.\d+\.\d+-\d+| 3\.1\.1 §\d| 5 §\d)/);
      expect(key).toMatch(/^(session|out|in|retained|will|path)\[/);
    }
  });
});

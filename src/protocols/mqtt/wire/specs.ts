// What is each field called, and what does it mean to somebody who has never met it? In the order of the packets.

import type { Reader, Spec } from '../../../wire/fields.ts';
import { printable, quoted } from '../../../wire/printable.ts';
import type { Version } from '../wire.ts';
import { seconds } from './properties.ts';
import { TYPES } from './types.ts';

export const SLASH = 0x2f;
export const PLUS = 0x2b;
export const HASH = 0x23;

export const LIMIT = 64;
/** The bytes of a text, as a line of the log shows them. */
export const inWords = (bytes: Buffer) => printable(bytes.toString('utf8'), LIMIT);
export const hexText = (bytes: Buffer) =>
  bytes.length > 32 ? `${bytes.toString('hex', 0, 32)}… (${bytes.length - 32} more)` : bytes.toString('hex');
const bit = (id: string, label: string, set: string, unset: string): Spec<number> => ({
  id,
  label,
  gloss: (value) => (value ? set : unset),
});
const follow = (length: number) => (length === 1 ? '1 byte follows' : `${length} bytes follow`);
export const sized = (id: string, label: string): Spec<number> => ({
  id: `${id}.length`,
  label: `${label}, length`,
  gloss: follow,
});
/** A variable byte integer, and how it comes about: §1.5.5. */
export const variable = (id: string, label: string, gloss: (value: number) => string): Spec<Buffer> => ({
  id,
  label,
  show: (bytes) => `${variableOf(bytes)}`,
  gloss(bytes) {
    const value = variableOf(bytes);
    if (bytes.length === 1) return gloss(value);
    const parts = Array.from(bytes, (byte, nth) => `${byte & 0x7f}${nth === 0 ? '' : ` × ${128 ** nth}`}`);
    return `${parts.join(' + ')}: ${gloss(value)}`;
  },
});

export const TYPE_BITS: Spec<number> = { id: 'type', label: 'Type', show: (type) => `${type} ${TYPES[type] ?? '?'}` };
export const FLAG_BITS: Spec<number> = {
  id: 'flags',
  label: 'Flags',
  gloss: (flags) => `reserved: with this type always ${flags}`,
};
export const DUP = bit('dup', 'DUP', 'I may have sent this before', 'I send this for the first time');
export const QOS: Spec<number> = {
  id: 'qos',
  label: 'QoS',
  gloss: (qos) =>
    [
      'at most once: nobody remembers anything, and nobody answers',
      'at least once: the sender remembers it until PUBACK, and may send it twice',
      'exactly once: both remember its number until they have agreed to forget it',
    ][qos],
};
export const RETAIN = bit(
  'retain',
  'Retain',
  'the broker keeps the last one of a topic, for whoever subscribes later',
  'for those who are subscribed now',
);
export const REMAINING = variable('length', 'Remaining length', follow);

export const NAME_LENGTH = sized('name', 'Protocol name');
export const NAME: Spec<Buffer> = { id: 'name', label: 'Protocol name', show: inWords };
export const LEVEL: Spec<number> = {
  id: 'level',
  label: 'Protocol level',
  show: (level) => `${level}${level === 4 ? ' MQTT 3.1.1' : level === 5 ? ' MQTT 5.0' : ''}`,
  gloss: () => 'said here and never again: how every later packet is read depends on it',
};
export const USER_FLAG = bit('user.flag', 'User name flag', 'a user name follows', 'no user name');
export const PASSWORD_FLAG = bit('password.flag', 'Password flag', 'a password follows', 'no password');
export const WILL_RETAIN = bit(
  'will.retain',
  'Will retain',
  'the will is to be kept for whoever subscribes later',
  'the will is for those who are subscribed then',
);
export const WILL_QOS: Spec<number> = { id: 'will.qos', label: 'Will QoS' };
export const WILL_FLAG = bit(
  'will.flag',
  'Will flag',
  'should I vanish without a good-bye, publish what I leave with you here',
  'no will',
);
export const CLEAN: Record<Version, Spec<number>> = {
  4: bit(
    'clean',
    'Clean session',
    '"forget what you remember of me, and remember nothing after this connection"',
    '"carry on from what you remember of me"',
  ),
  5: bit(
    'clean',
    'Clean start',
    '"forget what you remember of me"',
    '"carry on from what you remember of me, if you do"',
  ),
};
export const CONNECT_RESERVED: Spec<number> = { id: 'reserved', label: 'Reserved' };
export const KEEP_ALIVE: Spec<number> = {
  id: 'keepAlive',
  label: 'Keep alive',
  gloss: (value) =>
    value === 0
      ? 'I may be silent for as long as I like'
      : `when you have heard nothing for one and a half times ${seconds(value)}, I am gone`,
};
export const PROPERTIES_LENGTH = variable('properties', 'Property length', (length) =>
  length === 0 ? 'no properties' : `${length} ${length === 1 ? 'byte' : 'bytes'} of properties`,
);
export const CLIENT_LENGTH = sized('client', 'Client identifier');
export const CLIENT: Spec<Buffer> = {
  id: 'client',
  label: 'Client identifier',
  show: inWords,
  gloss: () => 'the name under which the broker files all that it remembers of this client',
};
export const WILL_TOPIC_LENGTH = sized('will.topic', 'Will topic');
export const WILL_TOPIC: Spec<Buffer> = { id: 'will.topic', label: 'Will topic', show: inWords };
export const WILL_PAYLOAD_LENGTH = sized('will.payload', 'Will payload');
export const WILL_PAYLOAD: Spec<Buffer> = {
  id: 'will.payload',
  label: 'Will payload',
  show: (payload) => quoted(payload, LIMIT),
};
export const USER_LENGTH = sized('user', 'User name');
export const USER: Spec<Buffer> = { id: 'user', label: 'User name', show: inWords };
export const PASSWORD_LENGTH = sized('password', 'Password');
export const PASSWORD: Spec<Buffer> = { id: 'password', label: 'Password', secret: true };

export const ACKNOWLEDGE_RESERVED: Spec<number> = { id: 'reserved', label: 'Reserved' };
export const SESSION_PRESENT = bit(
  'sessionPresent',
  'Session present',
  '"I remember you: what I had filed under your name is still there"',
  '"I have nothing filed under your name"',
);
export const TOPIC_LENGTH = sized('topic', 'Topic name');
export const TOPIC: Spec<Buffer> = { id: 'topic', label: 'Topic name', show: inWords };
export const PAYLOAD: Spec<Buffer> = { id: 'payload', label: 'Payload', show: (payload) => quoted(payload, LIMIT) };
export const ID: Spec<number> = {
  id: 'id',
  label: 'Packet identifier',
  gloss: () => 'a number for the time until it is acknowledged: it means something only to those who remember it',
};
export const FILTER: Spec<Buffer> = {
  id: '',
  label: 'Topic filter',
  show: inWords,
  gloss(filter) {
    if (filter.includes(HASH)) return 'all topics that begin like this';
    return filter.includes(PLUS) ? 'all topics like this, with one level of any name for each +' : 'this topic only';
  },
};
export const FILTER_LENGTH = sized('', 'Topic filter');
export const OPTION_RESERVED: Spec<number> = { id: 'reserved', label: 'Reserved' };
export const RETAIN_HANDLING: Spec<number> = {
  id: 'retainHandling',
  label: 'Retain handling',
  gloss: (value) =>
    [
      'send me what you keep under these topics',
      'send me what you keep under these topics, unless I was subscribed already',
      'send me nothing that is older than this',
    ][value],
};
export const RETAIN_AS_PUBLISHED = bit(
  'retainAsPublished',
  'Retain as published',
  'pass the retain flag on as it was published',
  'set the retain flag only on what was kept',
);
export const NO_LOCAL = bit(
  'noLocal',
  'No local',
  'spare me what I publish myself',
  'send me what I publish myself, too',
);
export const OPTION_QOS: Spec<number> = {
  id: 'qos',
  label: 'Maximum QoS',
  gloss: (qos) =>
    [
      'send me each message at most once',
      'send me each message at least once',
      'send me each message exactly once, if it was published so',
    ][qos],
};

/** The spec of a field under the name that is its own in this packet: `filter1.qos`. */
export function own<V extends string | number | Buffer>(
  reader: Reader,
  where: string,
  spec: Spec<V>,
  dot = '.',
): Spec<V> {
  return reader.fields && where !== ''
    ? { ...spec, id: `${where}${spec.id.startsWith('.') ? '' : dot}${spec.id}` }
    : spec;
}

/** The value of bytes that are known to be one. */
function variableOf(bytes: Buffer): number {
  return bytes.reduce((value, byte, nth) => value + (byte & 0x7f) * 128 ** nth, 0);
}

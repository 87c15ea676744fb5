// What does a packet say, in one line of the log?

import { printable, quoted } from '../../../wire/printable.ts';
import type { Message } from '../wire.ts';
import { wordsOf } from './codes.ts';
import { LIMIT } from './specs.ts';
import { CONNACK, NUMBER } from './types.ts';

/** What a packet says, in a line of the log. */
export function saysOf(message: Message): string {
  switch (message.type) {
    case 'CONNECT': {
      const { client, clean, keepAlive, version, properties, will, user } = message;
      const words = [`client=${name(client) || '""'} clean=${clean ? 1 : 0} keepalive=${keepAlive}`];
      if (version === 5) words.push('v5');
      if (properties.sessionExpiry !== undefined) words.push(`expiry=${properties.sessionExpiry}`);
      if (will) words.push(`will=${name(will.topic)}`);
      if (user !== undefined) words.push(`user=${name(user)}`);
      return words.join(' ');
    }
    case 'CONNACK': {
      const [words] = wordsOf(CONNACK, message.version, message.code);
      const assigned = message.properties.assignedClientId === undefined ? '' : ', with a name for the client';
      return `session-present=${message.sessionPresent ? 1 : 0} ${words}${assigned}`;
    }
    case 'PUBLISH': {
      const { topic, qos, id, dup, retain, properties, payload } = message;
      const words = topic === '' ? [] : [name(topic)];
      if (properties.topicAlias !== undefined) words.push(`alias=${properties.topicAlias}`);
      words.push(`qos=${qos}`);
      if (qos > 0) words.push(`id=${id}`);
      if (dup) words.push('dup');
      if (retain) words.push('retain');
      return `${words.join(' ')} ${quoted(payload, 40)}`;
    }
    case 'PUBACK':
    case 'PUBREC':
    case 'PUBREL':
    case 'PUBCOMP': {
      const { code = 0, version } = message;
      return `id=${message.id}${code === 0 ? '' : ` ${wordsOf(NUMBER[message.type], version, code)[0]}`}`;
    }
    case 'SUBSCRIBE':
      return `id=${message.id} ${listed(message.filters.map(({ filter, qos }) => `${name(filter)} qos=${qos}`))}`;
    case 'UNSUBSCRIBE':
      return `id=${message.id} ${listed(message.filters.map(name))}`;
    case 'SUBACK':
    case 'UNSUBACK': {
      const { type, version, codes } = message;
      return `id=${message.id} ${listed(codes.map((code) => wordsOf(NUMBER[type], version, code)[0]))}`.trim();
    }
    case 'DISCONNECT':
    case 'AUTH': {
      const { code = 0, version, properties } = message;
      const reason = properties?.reason === undefined ? '' : ` "${name(properties.reason)}"`;
      return `${version === 4 ? '' : wordsOf(NUMBER[message.type], version, code)[0]}${reason}`;
    }
    default:
      return '';
  }
}

/** A client's words in the log line. */
export function name(text: string): string {
  return printable(text, LIMIT);
}

/** A list in the log line: the first few. */
function listed(words: readonly string[]): string {
  const more = words.length > 4 ? ` … (${words.length - 4} more)` : '';
  return `${words.slice(0, 4).join(', ')}${more}`;
}

// Numbered datagrams: what their bytes mean. The smallest protocol in which a text arrives once and in order all the same.
//
//      byte 0     bytes 1 to 4
//     +----------+-----------+
//     |  Type    |  Stream   |   every datagram
//     +----------+-----------+
//
//     1 TEXT   client   Number (2)  Text          "this is the text with that number"
//     2 ACK    server   Next (2)                  "I have delivered every text before Next"
//     3 READ   client                             "what have you delivered?"
//     4 STORY  server   Text                      "this, in this order"

import type { Spec } from '../../../src/wire/fields.ts';
import { quoted } from '../../../src/wire/printable.ts';
import type { Wire } from '../../../src/wire/wire.ts';

export type Message =
  | { type: 'TEXT'; stream: number; number: number; text: Buffer }
  | { type: 'ACK'; stream: number; next: number }
  | { type: 'READ'; stream: number }
  | { type: 'STORY'; stream: number; text: Buffer };

const TYPES = ['', 'TEXT', 'ACK', 'READ', 'STORY'] as const;

const TYPE: Spec<number> = { id: 'type', label: 'Type', show: (type) => `${type} ${TYPES[type] ?? '?'}` };
const STREAM: Spec<number> = {
  id: 'stream',
  label: 'Stream',
  chance: true,
  gloss: () => 'a name that the client has made up for itself, and brings along each time',
};
const NUMBER: Spec<number> = { id: 'number', label: 'Number', gloss: (number) => `text ${number} of this stream` };
const NEXT: Spec<number> = {
  id: 'next',
  label: 'Next',
  gloss: (next) => `every text before number ${next} is delivered`,
};
const TEXT: Spec<Buffer> = { id: 'text', label: 'Text', show: (text) => quoted(text, 64) };

export const wire: Wire<Message> = {
  longest: 1232,

  // A datagram is a message by itself.
  frame(bytes, start) {
    return bytes.length - start;
  },

  read(reader, from) {
    const type = reader.u8(TYPE);
    if (type < 1 || type > 4) reader.wrong(`no datagram has type ${type}`, undefined, 0);
    const isServers = type === 2 || type === 4;
    if (isServers !== (from === 'server')) reader.wrong(`${TYPES[type]} is not for a ${from} to say`, undefined, 0);
    const stream = reader.u32(STREAM);
    switch (type) {
      case 1:
        return { type: 'TEXT', stream, number: reader.u16(NUMBER), text: reader.raw(TEXT) };
      case 2:
        return { type: 'ACK', stream, next: reader.u16(NEXT) };
      case 3:
        return { type: 'READ', stream };
      default:
        return { type: 'STORY', stream, text: reader.raw(TEXT) };
    }
  },

  write(writer, message) {
    writer.u8(TYPES.indexOf(message.type));
    writer.u32(message.stream);
    if (message.type === 'TEXT') writer.u16(message.number);
    if (message.type === 'ACK') writer.u16(message.next);
    if ('text' in message) writer.raw(message.text);
  },

  kind: (message) => message.type,

  says(message) {
    switch (message.type) {
      case 'TEXT':
        return `number=${message.number} ${quoted(message.text, 24)}`;
      case 'ACK':
        return `next=${message.next}`;
      case 'READ':
        return '';
      case 'STORY':
        return quoted(message.text, 40);
    }
  },

  // What leans on what is the question of the exercise: the log of a learner's server shows no notes.
  leans: () => [],
};

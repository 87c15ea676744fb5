// What the bytes mean: a request that asks for another protocol, the answer that grants it, and from then on frames.
//
// What begins here can be told from its first byte, by whoever has heard nothing before: a request begins with a capital letter and
// an answer with `HTTP/`. In a frame such a byte would have a reserved bit set, which no extension here has asked for.

import { byteAt } from '../../wire/fields.ts';
import { frameHttp, type HttpMessage, headerOf, kindOfHttp, readHttp, saysHttp, writeHttp } from '../../wire/http.ts';
import { printable } from '../../wire/printable.ts';
import type { Lean, Side, Wire } from '../../wire/wire.ts';
import { type Chat, chatIn, saysChat, textOf } from './wire/chat.ts';
import { type Frame, frameLength, MOST, readFrame, saysClose, writeFrame } from './wire/frames.ts';

export type Message = HttpMessage | Frame;

/** The bits of a first byte that no frame has. */
const RESERVED = 0x70;

export const wire: Wire<Message> = {
  longest: 14 + MOST,

  frame(bytes, start, from, seen) {
    if (start >= bytes.length) return undefined;
    if ((byteAt(bytes, start) & RESERVED) === 0) return frameLength(bytes, start, from);
    return frameHttp(bytes, start, from, seen);
  },

  read(reader, from, _over, seen) {
    if ((byteAt(reader.bytes, reader.at) & RESERVED) === 0) return readFrame(reader);
    return readHttp(reader, from, seen);
  },

  write(writer, message) {
    if (message.type === 'frame') writeFrame(writer, message);
    else writeHttp(writer, message);
  },

  kind(message) {
    if (message.type !== 'frame') return kindOfHttp(message);
    return chatOf(message)?.is.toUpperCase() ?? message.opcode;
  },

  says(message) {
    if (message.type !== 'frame') return saysHttp(message);
    const chat = chatOf(message);
    if (chat) return saysChat(chat);
    if (message.opcode === 'CLOSE') return saysClose(message);
    return `${message.payload.length} B${message.fin ? '' : ', more follow'}`;
  },

  leans,
};

/** What a whole text frame says in the chat; undefined for anything else. */
export function chatOf({ opcode, fin, payload }: Frame): Chat | undefined {
  return opcode === 'TEXT' && fin ? chatIn(payload) : undefined;
}

/** A text frame of the chat, as a server says it. */
export function frameOf(chat: Chat): Frame {
  return { type: 'frame', opcode: 'TEXT', fin: true, payload: Buffer.from(textOf(chat)) };
}

const HERE = 'path[path]';

function leans(message: Message, from: Side, seen: Map<string, string>): Lean[] {
  if (message.type === 'response') return message.status === 101 ? [granted(message)] : [];
  const chat = message.type === 'frame' ? chatOf(message) : undefined;
  if (!chat) return [];
  if (chat.is === 'join' || chat.is === 'welcome') seen.set('room', printable(chat.room));
  if (chat.is === 'join') seen.set('as', printable(chat.name));
  const room = `room[${seen.get('room') ?? '?'}]`;
  switch (chat.is) {
    case 'join':
      return [
        {
          field: 'join',
          op: 'writes',
          holder: 'server',
          key: HERE,
          why: 'said once: from now on this connection is the name and the room of whoever speaks on it',
          cite: 'wire/chat.ts',
        },
        ...(chat.after === undefined
          ? []
          : [
              {
                field: 'after',
                op: 'reads' as const,
                holder: 'server' as const,
                key: room,
                why: 'a number says nothing by itself: what was said after it must still be kept there',
                cite: 'wire/chat.ts',
              },
            ]),
      ];
    case 'say':
      return [
        {
          field: 'say',
          op: 'reads',
          holder: 'server',
          key: HERE,
          why: 'neither room nor name is said: the server must remember them for this connection',
          cite: 'wire/chat.ts',
        },
      ];
    case 'welcome':
      return chat.anew
        ? [
            {
              field: 'anew',
              op: 'denies',
              holder: 'server',
              key: room,
              why: 'the room has been forgotten',
              cite: 'wire/chat.ts',
            },
          ]
        : [];
    case 'error':
      return chat.why === STRANGER
        ? [
            {
              field: 'error',
              op: 'denies',
              holder: 'server',
              key: HERE,
              why: 'nothing is known of this connection',
              cite: 'wire/chat.ts',
            },
          ]
        : [];
    case 'said':
      return from === 'server'
        ? [
            {
              field: 'id',
              op: 'writes',
              holder: 'client',
              key: `seen[${seen.get('as') ?? '?'}]`,
              why: 'whoever keeps this number can ask for all that comes after it',
              cite: 'wire/chat.ts',
            },
          ]
        : [];
    default:
      return [];
  }
}

/** Who speaks before it has joined is told so in these words. */
export const STRANGER = 'join a room first';
/** And who says something under a number that leaves some out. */
export const OUT_OF_ORDER = 'this is not your next number';

function granted(message: HttpMessage): Lean {
  return {
    field: headerOf(message, 'sec-websocket-accept') === undefined ? 'status' : 'sec-websocket-accept',
    op: 'writes',
    holder: 'server',
    key: HERE,
    why: 'no request comes after this one: whatever is said next is known by the connection it comes on',
    cite: 'RFC 6455 §1.3',
  };
}

// What the bytes of an echo mean: nothing, to the server. RFC 862 has no header, no id, no order: only a payload.
//
//      0                   1                   2                   3
//      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//     +---------------------------------------------------------------+
//     |                 payload, 0 to 65,507 bytes                ...  |
//     +---------------------------------------------------------------+

import type { Spec } from '../../wire/fields.ts';
import { quoted } from '../../wire/printable.ts';
import type { Wire } from '../../wire/wire.ts';

export interface Message {
  payload: Buffer;
  /** An echo and its request are the same bytes; only the direction tells them apart. */
  from: 'client' | 'server';
}

const PAYLOAD: Spec<Buffer> = {
  id: 'payload',
  label: 'Payload',
  show: (payload) => quoted(payload, 64),
  gloss: () => 'the whole message: no header, no number, no name',
};

export const wire: Wire<Message> = {
  longest: 65_507,

  // A datagram is a message by itself, the empty one included.
  frame(bytes, start) {
    return bytes.length - start;
  },

  read(reader, from) {
    return { payload: reader.raw(PAYLOAD), from };
  },

  write(writer, message) {
    writer.raw(message.payload);
  },

  kind(message) {
    return message.from === 'client' ? 'ECHO' : 'REPLY';
  },

  says(message) {
    return quoted(message.payload, 40);
  },

  leans(message) {
    if (message.from === 'client') {
      return [
        {
          field: 'payload',
          op: 'carries',
          holder: 'packet',
          key: 'payload',
          why: 'all that the server needs for its answer is in this datagram',
          cite: 'RFC 862',
        },
      ];
    }
    return [
      {
        field: 'payload',
        op: 'reads',
        holder: 'client',
        key: `pending[${quoted(message.payload, 24)}]`,
        why: 'only the client knows that it asked; without that memory these bytes mean nothing',
        cite: 'RFC 862',
      },
    ];
  },
};

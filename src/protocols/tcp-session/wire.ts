// The session protocol, version 1: what its bytes mean.
//
// A client speaks to a server in one ordered stream of bytes that outlives the TCP connection it travels on. TCP numbers
// bytes too, but forgets them with the connection; here the numbers belong to the session. All integers are big-endian.
//
//      0                   1                   2                   3
//      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//     +-------+-------+---------------+-------------------------------+
//     |Version| Type  |     Code      |  Length of what follows       |   every message, 4 bytes
//     +-------+-------+---------------+-------------------------------+
//
//     1 OPEN    client   Sequence (4)                                  "begin a session; my first byte has this number"
//     2 OPENED  server   Session (4) Token (16) Next (4) Window (4)    "it is filed under this token"
//     3 RESUME  client   Session (4) Token (16)                        "carry on from what you remember of me"
//     4 DATA    client   Sequence (4) Payload (1 to 1024)              "these bytes begin at this number"
//     5 ACK     server   Next (4) Window (4) Digest (4)                "I have everything before Next"; Code below
//     6 CLOSE   both     Next (4) Digest (4)                           "the stream ends here", and the other end agrees
//     7 RESET   server   nothing                                       "no, and good-bye"; Code says why
//
// Section 1, numbers. A byte's sequence number is 32 bits and wraps; numbers are compared modulo 2^32, as TCP does
//   (RFC 9293 §3.4). Next is RCV.NXT: the number of the byte the server expects.
// Section 2, window. A server takes bytes in [Next, Next + Window). It keeps no byte that it cannot deliver at once.
// Section 3, answers. Every DATA is answered by one ACK, with Code
//     0 delivered   the bytes from Next on were new and have been delivered
//     1 duplicate   every byte was delivered before; acknowledged again, not delivered again
//     2 gap         Sequence is not Next; nothing was delivered, send from Next
//     3 beyond      the bytes reach past the window; nothing was delivered or kept
// Section 4, digest. CRC-32 (ISO 3309) of every byte delivered so far, in order: both ends can see at any time that
//   nothing was lost, doubled or swapped.
// Section 5, close. CLOSE whose Next is not RCV.NXT is answered by an ACK with code 2; with another digest, by RESET 5. A
//   closed session is remembered for a while, so that a CLOSE whose answer was lost can be asked again.
// Section 6, resume. RESUME is answered by an ACK with code 0, whose Next says where to go on. The newest RESUME wins: the
//   connection that spoke for the session before is told RESET 3.
// Section 7, errors. RESET ends the connection. Code
//     1 no session        DATA or CLOSE on a connection that has neither opened nor resumed
//     2 unknown session   nothing is filed under this token and number; whichever is wrong, the answer is the same
//     3 taken over        another connection has resumed this session
//     4 malformed         bytes that are no message of version 1
//     5 digest            the two ends do not agree on what was said
//     6 already open      OPEN or RESUME on a connection that speaks for a session
//     7 closed            new bytes for a session that has ended
//     8 unavailable       the server cannot reach what it keeps sessions in; nothing was heard, come back later

import type { Reader, Spec } from '../../wire/fields.ts';
import { byteAt, u16At, WireError } from '../../wire/fields.ts';
import { quoted } from '../../wire/printable.ts';
import type { Lean, Wire } from '../../wire/wire.ts';

export type Message =
  | { type: 'OPEN'; seq: number }
  | { type: 'OPENED'; session: number; token: string; next: number; window: number }
  | { type: 'RESUME'; session: number; token: string }
  | { type: 'DATA'; seq: number; payload: Buffer }
  | { type: 'ACK'; code: AckCode; next: number; window: number; digest: number }
  | { type: 'CLOSE'; next: number; digest: number }
  | { type: 'RESET'; code: ResetCode };

/** Section 3. */
export const ACK = { delivered: 0, duplicate: 1, gap: 2, beyond: 3 } as const;
export type AckCode = (typeof ACK)[keyof typeof ACK];
const ACK_WORDS = ['delivered', 'duplicate', 'gap', 'beyond the window'];

/** Section 7. */
export const RESET = {
  noSession: 1,
  unknownSession: 2,
  takenOver: 3,
  malformed: 4,
  digest: 5,
  alreadyOpen: 6,
  closed: 7,
  unavailable: 8,
} as const;
export type ResetCode = (typeof RESET)[keyof typeof RESET];
const RESET_WORDS = [
  '',
  'no session',
  'unknown session',
  'taken over',
  'malformed',
  'digest differs',
  'already open',
  'closed',
  'unavailable',
];

/** The longest payload of one DATA, in bytes. */
export const MOST = 1024;

const VERSION = 1;
const HEADER = 4;
const TYPES = ['', 'OPEN', 'OPENED', 'RESUME', 'DATA', 'ACK', 'CLOSE', 'RESET'] as const;
const TYPE_NUMBER: Record<Message['type'], number> = {
  OPEN: 1,
  OPENED: 2,
  RESUME: 3,
  DATA: 4,
  ACK: 5,
  CLOSE: 6,
  RESET: 7,
};
/** Bytes after the header, by type: least and most. */
const LENGTHS = [
  [0, 0],
  [4, 4],
  [28, 28],
  [20, 20],
  [5, 4 + MOST],
  [12, 12],
  [8, 8],
  [0, 0],
] as const;

const VERSION_BITS: Spec<number> = { id: 'version', label: 'Version' };
const TYPE_BITS: Spec<number> = { id: 'type', label: 'Type', show: (type) => `${type} ${TYPES[type] ?? '?'}` };
const CODE: Spec<number> = { id: 'code', label: 'Code' };
const ACK_CODE: Spec<number> = {
  id: 'code',
  label: 'Code',
  show: (code) => `${code} ${ACK_WORDS[code] ?? '?'}`,
  gloss: (code) =>
    [
      'everything before Next is delivered',
      'I had these; I acknowledge them again and deliver nothing',
      'this is not the byte I expect; send from Next',
      'more than I can take; nothing was kept',
    ][code],
};
const RESET_CODE: Spec<number> = {
  id: 'code',
  label: 'Code',
  show: (code) => `${code} ${RESET_WORDS[code] ?? '?'}`,
  gloss: (code) =>
    [
      undefined,
      'this connection speaks for no session',
      'I have nothing filed under that token and number',
      'a newer connection speaks for this session now',
      'these bytes are no message',
      'we do not agree on what was said',
      'this connection speaks for a session already',
      'this stream has ended; nothing can be added',
    ][code],
};
const LENGTH: Spec<number> = { id: 'length', label: 'Length', gloss: (length) => `${length} bytes follow the header` };
const SEQUENCE: Spec<number> = {
  id: 'seq',
  label: 'Sequence',
  gloss: (seq) => `the first byte of the payload is number ${seq}`,
};
const FIRST: Spec<number> = { id: 'seq', label: 'Sequence', gloss: (seq) => `my first byte will be number ${seq}` };
const NEXT: Spec<number> = { id: 'next', label: 'Next', gloss: (next) => `I have every byte before number ${next}` };
const END: Spec<number> = { id: 'next', label: 'Next', gloss: (next) => `the stream ends before number ${next}` };
const WINDOW: Spec<number> = {
  id: 'window',
  label: 'Window',
  gloss: (window) => `I take up to ${window} bytes from Next on`,
};
const DIGEST: Spec<number> = {
  id: 'digest',
  label: 'Digest',
  show: hex,
  gloss: () => 'CRC-32 of every byte delivered so far',
};
const SESSION: Spec<number> = {
  id: 'session',
  label: 'Session',
  gloss: () => 'a number for people; alone it opens nothing',
};
const TOKEN: Spec<Buffer> = {
  id: 'token',
  label: 'Token',
  chance: true,
  secret: true,
  gloss: () => 'a name that only this client was given, to be known by',
};
const PAYLOAD: Spec<Buffer> = { id: 'payload', label: 'Payload', show: (payload) => quoted(payload, 64) };

export const wire: Wire<Message> = {
  longest: HEADER + 4 + MOST,

  // The header alone tells whether the rest is worth waiting for: a length that no message has is refused at once.
  frame(bytes, start) {
    if (start >= bytes.length) return undefined;
    const first = byteAt(bytes, start);
    const lengths = LENGTHS[first & 0x0f];
    if (first >>> 4 !== VERSION) throw new WireError(`version ${first >>> 4} is not spoken here`, 0, 'tcp-session §7');
    if (lengths === undefined || first === VERSION << 4)
      throw new WireError(`no message has type ${first & 0x0f}`, 0, 'tcp-session §7');
    if (start + HEADER > bytes.length) return undefined;
    const length = u16At(bytes, start + 2);
    if (length < lengths[0] || length > lengths[1]) {
      throw new WireError(`${TYPES[first & 0x0f]} cannot be ${length} bytes long`, 2, 'tcp-session §7');
    }
    return HEADER + length;
  },

  read(reader, from) {
    reader.bits(VERSION_BITS, 0xf0);
    const type = reader.bits(TYPE_BITS, 0x0f);
    const fromServer = type === 2 || type === 5 || type === 7;
    if (type !== 6 && fromServer !== (from === 'server')) {
      reader.wrong(`${TYPES[type]} is not for a ${from} to say`, 'tcp-session §7', 0);
    }
    const code = reader.u8(type === 5 ? ACK_CODE : type === 7 ? RESET_CODE : CODE);
    if (code > (type === 5 ? 3 : type === 7 ? RESET.unavailable : 0) || (type === 7 && code === 0)) {
      reader.wrong(`${TYPES[type]} has no code ${code}`, 'tcp-session §7', 1);
    }
    const length = reader.u16(LENGTH);
    switch (type) {
      case 4:
        return { type: 'DATA', seq: reader.u32(SEQUENCE), payload: reader.raw(PAYLOAD, length - 4) };
      case 5:
        return ack(code as AckCode, reader);
      case 1:
        return { type: 'OPEN', seq: reader.u32(FIRST) };
      case 2:
        return {
          type: 'OPENED',
          session: reader.u32(SESSION),
          token: reader.raw(TOKEN, 16).toString('base64url'),
          next: reader.u32(NEXT),
          window: reader.u32(WINDOW),
        };
      case 3:
        return { type: 'RESUME', session: reader.u32(SESSION), token: reader.raw(TOKEN, 16).toString('base64url') };
      case 6:
        return { type: 'CLOSE', next: reader.u32(END), digest: reader.u32(DIGEST) };
      default:
        return { type: 'RESET', code: code as ResetCode };
    }
  },

  write(writer, message) {
    writer.u8((VERSION << 4) | TYPE_NUMBER[message.type]);
    writer.u8(message.type === 'ACK' || message.type === 'RESET' ? message.code : 0);
    switch (message.type) {
      case 'ACK':
        writer.u16(12);
        writer.u32(message.next);
        writer.u32(message.window);
        writer.u32(message.digest);
        return;
      case 'DATA':
        writer.u16(4 + message.payload.length);
        writer.u32(message.seq);
        writer.raw(message.payload);
        return;
      case 'OPEN':
        writer.u16(4);
        writer.u32(message.seq);
        return;
      case 'OPENED':
        writer.u16(28);
        writer.u32(message.session);
        writer.raw(Buffer.from(message.token, 'base64url'));
        writer.u32(message.next);
        writer.u32(message.window);
        return;
      case 'RESUME':
        writer.u16(20);
        writer.u32(message.session);
        writer.raw(Buffer.from(message.token, 'base64url'));
        return;
      case 'CLOSE':
        writer.u16(8);
        writer.u32(message.next);
        writer.u32(message.digest);
        return;
      case 'RESET':
        writer.u16(0);
    }
  },

  kind(message) {
    return message.type;
  },

  says(message) {
    switch (message.type) {
      case 'OPEN':
        return `seq=${message.seq}`;
      case 'OPENED':
        return `session=${message.session} next=${message.next} window=${message.window}`;
      case 'RESUME':
        return `session=${message.session}`;
      case 'DATA':
        return `seq=${message.seq} ${quoted(message.payload, 40)}`;
      case 'ACK':
        return `next=${message.next}${message.code === ACK.delivered ? '' : ` (${ACK_WORDS[message.code]})`}`;
      case 'CLOSE':
        return `next=${message.next} digest=${hex(message.digest)}`;
      case 'RESET':
        return `${RESET_WORDS[message.code]}`;
    }
  },

  leans(message, from, seen): Lean[] {
    // Only OPENED and RESUME name the session; everything after them on this connection means it without saying so.
    if (message.type === 'OPENED' || message.type === 'RESUME') seen.set('session', String(message.session));
    const key = `session[${seen.get('session') ?? '?'}]`;
    switch (message.type) {
      case 'OPENED':
        return [
          {
            field: 'token',
            op: 'writes',
            holder: 'client',
            key,
            why: 'the client must keep this token: without it there is no way back',
            cite: 'tcp-session §6',
          },
        ];
      case 'RESUME':
        return [
          {
            field: 'token',
            op: 'reads',
            holder: 'server',
            key,
            why: 'a token means something only to who has filed something under it',
            cite: 'tcp-session §6',
          },
        ];
      case 'DATA':
        return [
          {
            field: 'seq',
            op: 'reads',
            holder: 'server',
            key,
            why: 'a number alone says nothing: the server must remember what it expects',
            cite: 'tcp-session §1',
          },
        ];
      case 'ACK':
        return [
          {
            field: 'next',
            op: 'reads',
            holder: 'client',
            key,
            why: 'only the client knows which bytes these numbers stand for; it may now forget them',
            cite: 'tcp-session §1',
          },
        ];
      case 'CLOSE':
        return from === 'client'
          ? [
              {
                field: 'next',
                op: 'reads',
                holder: 'server',
                key,
                why: 'both ends must remember the same stream to agree where it ends',
                cite: 'tcp-session §5',
              },
            ]
          : [
              {
                field: 'next',
                op: 'clears',
                holder: 'client',
                key,
                why: 'both ends agree where the stream ends and what it said',
                cite: 'tcp-session §5',
              },
            ];
      case 'RESET':
        if (message.code !== RESET.noSession && message.code !== RESET.unknownSession) return [];
        return [
          {
            field: 'code',
            op: 'denies',
            holder: 'server',
            key,
            why: 'the server has nothing filed under what it was shown',
            cite: 'tcp-session §7',
          },
        ];
      default:
        return [];
    }
  },
};

function ack(code: AckCode, reader: Reader): Message {
  return { type: 'ACK', code, next: reader.u32(NEXT), window: reader.u32(WINDOW), digest: reader.u32(DIGEST) };
}

/** A digest as people compare it: eight hexadecimal digits. */
export function hex(digest: number): string {
  return (digest >>> 0).toString(16).padStart(8, '0');
}

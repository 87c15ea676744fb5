// Where a frame begins and ends, and what its bytes mean: RFC 6455 §5.
//
//      0                   1                   2                   3
//      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//     +-+-+-+-+-------+-+-------------+-------------------------------+
//     |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//     |I|S|S|S|  (4)  |A|     (7)     |   (16, where the first says   |
//     |N|V|V|V|       |S|             |    126; 64, where it is 127)  |
//     | |1|2|3|       |K|             |                               |
//     +-+-+-+-+-------+-+-------------+-------------------------------+
//     |    Masking key (32), in what clients say, and Payload         |
//     +---------------------------------------------------------------+

import { byteAt, type Reader, type Spec, u16At, u32At, WireError, type Writer } from '../../../wire/fields.ts';
import { printable, quoted } from '../../../wire/printable.ts';
import type { Side } from '../../../wire/wire.ts';
import { GLOSSES, partsOf } from './chat.ts';

/** RFC 6455 §5.2. */
export const OPCODES = { CONTINUATION: 0x0, TEXT: 0x1, BINARY: 0x2, CLOSE: 0x8, PING: 0x9, PONG: 0xa } as const;
export type Opcode = keyof typeof OPCODES;

function opcodeOf(number: number): Opcode | undefined {
  return (Object.keys(OPCODES) as Opcode[]).find((name) => OPCODES[name] === number);
}

/** One frame. What is said in several is put together elsewhere. */
export interface Frame {
  type: 'frame';
  opcode: Opcode;
  /** Whether the message ends here. */
  fin: boolean;
  /** The masking key of a frame from a client, 4 bytes. */
  mask?: Buffer;
  /** Unmasked. */
  payload: Buffer;
}

/** RFC 6455 §7.4.1, and 1013 of its registry. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  protocol: 1002,
  unsupported: 1003,
  notUtf8: 1007,
  policy: 1008,
  tooLong: 1009,
  /** From 4000 on a code is the application's own: another connection speaks for this name now. */
  takenOver: 4001,
  /** The peer has not answered a ping. */
  silent: 4002,
} as const;
const CLOSE_WORDS: ReadonlyMap<number, string> = new Map([
  [1000, 'all is said'],
  [1001, 'this end is going away'],
  [1002, 'this is no WebSocket'],
  [1003, 'this kind of data is not taken here'],
  [1005, 'no code was given'],
  [1007, 'this is no UTF-8'],
  [1008, 'this is against the rules here'],
  [1009, 'more than I take'],
  [1011, 'my fault'],
  [1012, 'I am starting again'],
  [1013, 'not now: come back later'],
  [4001, 'another connection speaks for this name now'],
  [4002, 'you did not answer, and are taken to be gone'],
]);

/** The longest payload of one frame, in bytes. */
export const MOST = 65_536;
/** The longest payload of a control frame, in bytes (RFC 6455 §5.5). */
const CONTROL = 125;

const FIN: Spec<number> = {
  id: 'fin',
  label: 'FIN',
  gloss: (fin) => (fin ? 'the message ends with this frame' : 'more frames of this message follow'),
};
const RSV: Spec<number> = { id: 'rsv', label: 'Reserved', gloss: () => 'for extensions, and none was agreed on' };
const OPCODE: Spec<number> = {
  id: 'opcode',
  label: 'Opcode',
  show: (number) => `${number} ${opcodeOf(number) ?? '?'}`,
  gloss: (number) =>
    ({
      CONTINUATION: 'this goes on where the last frame ended',
      TEXT: 'UTF-8 text',
      BINARY: 'bytes',
      CLOSE: 'nothing more will be said from this end',
      PING: 'are you there?',
      PONG: 'I am here',
    })[opcodeOf(number) ?? 'TEXT'],
};
const MASKED: Spec<number> = {
  id: 'masked',
  label: 'Mask',
  gloss: (is) =>
    is
      ? 'the payload is masked, so that no page can choose the bytes that pass a proxy'
      : 'as it is: a server says everything unmasked',
};
const LENGTH: Spec<number> = {
  id: 'length',
  label: 'Payload length',
  gloss: (length) => (length < 126 ? undefined : `the length stands in the next ${length === 126 ? 2 : 8} bytes`),
};
const LENGTH16: Spec<number> = { id: 'length16', label: 'Extended length' };
const LENGTH_HIGH: Spec<number> = { id: 'lengthHigh', label: 'Extended length, high half' };
const LENGTH_LOW: Spec<number> = { id: 'lengthLow', label: 'Extended length, low half' };
const KEY: Spec<Buffer> = {
  id: 'key',
  label: 'Masking key',
  chance: true,
  gloss: () => 'each byte of the payload is XORed with one of these four, in turn',
};

/**
 * Length of the frame that begins at `start`; undefined while too little of it is here to tell. Throws a {@link WireError} from the
 * header alone.
 */
export function frameLength(bytes: Buffer, start: number, from: Side): number | undefined {
  if (start >= bytes.length) return undefined;
  const first = byteAt(bytes, start);
  const wrong = (why: string, at: number, cite: string): never => {
    throw new WireError(why, at, cite);
  };
  const opcode = opcodeOf(first & 0x0f) ?? wrong(`no frame has opcode ${first & 0x0f}`, 0, 'RFC 6455 §5.2');
  if ((first & 0x70) !== 0) wrong('a reserved bit is set, and no extension was agreed on', 0, 'RFC 6455 §5.2');
  const isControl = (first & 0x08) !== 0;
  if (isControl && (first & 0x80) === 0) wrong(`${opcode} came in fragments`, 0, 'RFC 6455 §5.5');
  if (start + 2 > bytes.length) return undefined;
  const second = byteAt(bytes, start + 1);
  if (second >>> 7 === 0 && from === 'client') wrong('what a client says must be masked', 1, 'RFC 6455 §5.1');
  if (second >>> 7 === 1 && from === 'server') wrong('what a server says must not be masked', 1, 'RFC 6455 §5.1');
  const short = second & 0x7f;
  if (isControl && short > CONTROL) wrong(`${opcode} is longer than ${CONTROL} bytes`, 1, 'RFC 6455 §5.5');
  const key = second >>> 7 === 1 ? 4 : 0;
  if (short < 126) return 2 + key + short;
  if (short === 126) {
    if (start + 4 > bytes.length) return undefined;
    const length = u16At(bytes, start + 2);
    if (length < 126) wrong('a length takes no more bytes than it needs', 2, 'RFC 6455 §5.2');
    return 4 + key + length;
  }
  if (start + 10 > bytes.length) return undefined;
  const length = u32At(bytes, start + 2) * 2 ** 32 + u32At(bytes, start + 6);
  if (length < 65_536) wrong('a length takes no more bytes than it needs', 2, 'RFC 6455 §5.2');
  if (length > MOST) wrong(`a payload of ${length} bytes is more than ${MOST}`, 2, 'RFC 6455 §7.4.1');
  return 10 + key + length;
}

/** Reads one whole frame. */
export function readFrame(reader: Reader): Frame {
  const fin = reader.bits(FIN, 0x80) === 1;
  reader.bits(RSV, 0x70);
  const opcode = opcodeOf(reader.bits(OPCODE, 0x0f)) ?? reader.wrong('no frame has this opcode', 'RFC 6455 §5.2');
  const masked = reader.bits(MASKED, 0x80) === 1;
  const short = reader.bits(LENGTH, 0x7f);
  let length = short;
  if (short === 126) length = reader.u16(LENGTH16);
  else if (short === 127) length = reader.u32(LENGTH_HIGH) * 2 ** 32 + reader.u32(LENGTH_LOW);
  const mask = masked ? Buffer.from(reader.raw(KEY, 4)) : undefined;
  if (length > reader.left) reader.wrong(`the payload has ${reader.left} bytes instead of ${length}`, 'RFC 6455 §5.2');
  const at = reader.at;
  const payload = unmasked(reader.bytes.subarray(at, at + length), mask);
  if (opcode === 'CLOSE' && length === 1) reader.wrong('a code takes two bytes', 'RFC 6455 §5.5.1', undefined);
  if (reader.fields) namePayload(reader, opcode, payload, mask);
  else reader.at = at + length;
  return { type: 'frame', opcode, fin, ...(mask ? { mask } : {}), payload };
}

/** Names the bytes of a payload by what they mean unmasked. */
function namePayload(reader: Reader, opcode: Opcode, payload: Buffer, mask: Buffer | undefined): void {
  const name = (id: string, label: string, length: number, show: string, gloss?: string): void => {
    if (length === 0) return;
    const spec: Spec<Buffer> = { id, label, show: () => show, gloss: () => gloss, ...(mask ? { veiled: true } : {}) };
    reader.raw(spec, length);
  };
  if (opcode === 'CLOSE' && payload.length >= 2) {
    const code = payload.readUInt16BE();
    name('code', 'Code', 2, String(code), CLOSE_WORDS.get(code));
    name('reason', 'Reason', payload.length - 2, quoted(payload.subarray(2)), 'for people');
    return;
  }
  const parts = opcode === 'TEXT' ? partsOf(payload) : undefined;
  if (!parts) return name('payload', 'Payload', payload.length, quoted(payload, 200));
  for (const { name: member, value, start, end } of parts)
    name(member, printable(member, 24), end - start, printable(value, 120), GLOSSES.get(member));
}

/** What is under the mask, or what lies over it: the same twice is what it was (RFC 6455 §5.3). A copy in any case. */
function unmasked(bytes: Buffer, mask: Buffer | undefined): Buffer {
  const plain = Buffer.from(bytes);
  if (mask) for (let at = 0; at < plain.length; at++) plain[at] = byteAt(plain, at) ^ byteAt(mask, at & 3);
  return plain;
}

export function writeFrame(writer: Writer, { opcode, fin, mask, payload }: Frame): void {
  const { length } = payload;
  writer.u8((fin ? 0x80 : 0) | OPCODES[opcode]);
  const masked = mask ? 0x80 : 0;
  if (length < 126) writer.u8(masked | length);
  else if (length < 65_536) {
    writer.u8(masked | 126);
    writer.u16(length);
  } else {
    writer.u8(masked | 127);
    writer.u32(Math.floor(length / 2 ** 32));
    writer.u32(length);
  }
  if (mask) writer.raw(mask);
  writer.raw(mask ? unmasked(payload, mask) : payload);
}

/** Code and reason of a close frame; 1005 stands for none (RFC 6455 §7.1.5). */
export function closeIn({ payload }: Frame): { code: number; reason: string } {
  if (payload.length < 2) return { code: 1005, reason: '' };
  return { code: payload.readUInt16BE(), reason: payload.toString('utf8', 2) };
}

/** A close frame as a server says it, with a reason that fits a control frame. */
export function closing(code: number, reason = ''): Frame {
  const words = Buffer.from(reason).subarray(0, CONTROL - 2);
  const payload = Buffer.alloc(2 + words.length);
  payload.writeUInt16BE(code);
  words.copy(payload, 2);
  return { type: 'frame', opcode: 'CLOSE', fin: true, payload };
}

/** The code of a close frame in words. */
export function saysClose(frame: Frame): string {
  const { code, reason } = closeIn(frame);
  return `${code}${reason === '' ? '' : ` ${printable(reason, 60)}`}`;
}

// The frames of a WebSocket put together to messages, by ws: masks, fragments, UTF-8, and every way in which a frame can be wrong.

import { Receiver } from 'ws';

declare module 'ws' {
  /** Reads frames and emits `message`, `ping`, `pong`, `conclude`; ws exports it by name, and its types leave it out. */
  export class Receiver {
    constructor(options: { isServer: boolean; maxPayload: number; maxFragments: number });
    write(chunk: Buffer): boolean;
    on(event: 'message', heard: (payload: Buffer, isBinary: boolean) => void): this;
    on(event: 'ping' | 'pong', heard: (payload: Buffer) => void): this;
    on(event: 'conclude', heard: (code: number, reason: Buffer) => void): this;
    on(event: 'error', heard: (error: Error & { code?: string }) => void): this;
  }
}

/** One message, or one control frame, as if it had come in one frame. The payload is unmasked. */
export interface Whole {
  type: 'frame';
  fin: true;
  opcode: 'TEXT' | 'BINARY' | 'PING' | 'PONG' | 'CLOSE';
  payload: Buffer;
}

/** The most that a peer may say in one message, in bytes, and the most frames that it may come in. */
const MOST = 65_536;
const FRAGMENTS = 64;

/** Codes of RFC 6455 §7.4.1, by the names that ws gives to what it finds. Whatever is not in here is a wrong frame: 1002. */
const CODES: ReadonlyMap<string | undefined, number> = new Map([
  ['WS_ERR_INVALID_UTF8', 1007],
  ['WS_ERR_TOO_MANY_BUFFERED_PARTS', 1008],
  ['WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 1009],
  ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
]);

/**
 * Reads what a client says. Whoever calls it with a chunk is told of the messages that are whole now, and `wrong` of the code that a
 * connection ends with, once: after that nothing is read any more.
 */
export function framesFrom(wrong: (code: number) => void): (chunk: Buffer) => Whole[] {
  const receiver = new Receiver({ isServer: true, maxPayload: MOST, maxFragments: FRAGMENTS });
  let whole: Whole[] = [];
  let over = false;
  const put = (opcode: Whole['opcode'], payload: Buffer) =>
    void whole.push({ type: 'frame', fin: true, opcode, payload });
  receiver
    .on('message', (payload, isBinary) => put(isBinary ? 'BINARY' : 'TEXT', payload))
    .on('ping', (payload) => put('PING', payload))
    .on('pong', (payload) => put('PONG', payload))
    .on('conclude', (code, reason) => {
      over = true;
      const payload = Buffer.alloc(code === 1005 ? 0 : 2 + reason.length);
      if (code !== 1005) reason.copy(payload, payload.writeUInt16BE(code));
      put('CLOSE', payload);
    })
    .on('error', (error) => {
      over = true;
      wrong(CODES.get(error.code) ?? 1002);
    });
  return (chunk) => {
    if (over) return [];
    // It tells of all that is whole before it returns.
    receiver.write(chunk);
    const heard = whole;
    whole = [];
    return heard;
  };
}

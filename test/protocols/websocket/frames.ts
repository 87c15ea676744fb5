// Frames and chat as tests say them.

import { type Chat, textOf } from '../../../src/protocols/websocket/wire/chat.ts';
import type { Frame, Opcode } from '../../../src/protocols/websocket/wire/frames.ts';
import type { Request } from '../../../src/wire/http.ts';

/** The masking key of the examples in RFC 6455 §5.7. */
export const MASK = Buffer.from('37fa213d', 'hex');

export const frame = (opcode: Opcode, payload: string | Buffer = '', more: Partial<Frame> = {}): Frame => ({
  type: 'frame',
  opcode,
  fin: true,
  payload: Buffer.from(payload),
  ...more,
});

/** A message of the chat as a client says it, masked. */
export const said = (chat: Chat): Frame => frame('TEXT', textOf(chat), { mask: MASK });

export const join = (name: string, after?: number, room = 'kitchen'): Chat => ({ is: 'join', room, name, after });
export const say = (text: string, nr: number): Chat => ({ is: 'say', text, nr });

/** The request of RFC 6455 §1.3, for this host. */
export function asking(host: string, change: Readonly<Record<string, string | undefined>> = {}): Request {
  const headers = {
    Host: host,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    ...change,
  };
  return {
    type: 'request',
    method: 'GET',
    target: '/',
    version: '1.1',
    headers: Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
    body: Buffer.alloc(0),
  };
}

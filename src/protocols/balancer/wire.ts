// What the bytes mean: HTTP/1.1 (src/wire/http.ts), and where a request leans on what a balancer remembers.

import type { Reader, WireError } from '../../wire/fields.ts';
import { cookieOf } from '../../wire/http/cookies.ts';
import {
  frameHttp,
  type HttpMessage,
  headerOf,
  kindOfHttp,
  LIMITS,
  type Limits,
  type Response,
  readHttp,
  saysHttp,
  writeHttp,
} from '../../wire/http.ts';
import { printable } from '../../wire/printable.ts';
import type { Lean, Seen, Side, Wire } from '../../wire/wire.ts';
import { plain } from './rules/passing-on.ts';
import { USER } from './rules/policies.ts';
import { COOKIE } from './rules/way.ts';

/** Which of the servers behind has answered: nobody could follow a balancer that does not say. */
const SERVED_BY = 'x-served-by';

/** What is taken of an answer, in bytes: the balancer's own clients read what the servers behind may say. */
const ANSWERS: Limits = { head: 2 * LIMITS.head, body: 1 << 20 };

/** Bytes of another protocol, once both ends have agreed on it: they are passed on as they come, and not looked into. */
export interface Passing {
  type: 'passing';
  bytes: Buffer;
}

export type Message = HttpMessage | Passing;

/** Noted in {@link Seen} once a server has granted another protocol. */
const SWITCHED = 'http switched';

export const wire: Wire<Message> = {
  longest: ANSWERS.head + ANSWERS.body,
  frame(bytes, start, from, seen) {
    // Who passes them on does not know where their messages end: whatever has come is one.
    if (seen?.has(SWITCHED)) return start < bytes.length ? bytes.length - start : undefined;
    const length = frameHttp(bytes, start, from, seen, from === 'server' ? ANSWERS : LIMITS);
    if (length !== undefined && from === 'server' && start + length <= bytes.length) note(bytes, start, seen);
    return length;
  },
  read(reader: Reader, from, _over, seen) {
    if (!isPassing(reader, seen)) {
      const message = readHttp(reader, from, seen);
      // Who explains messages may not be who has framed them.
      if (message.type === 'response' && message.status === 101) seen.set(SWITCHED, 'yes');
      return message;
    }
    return { type: 'passing', bytes: reader.raw({ id: 'passing', label: 'Of another protocol' }, reader.left) };
  },
  write(writer, message) {
    if (message.type === 'passing') writer.raw(message.bytes);
    else writeHttp(writer, message);
  },
  kind: (message) => (message.type === 'passing' ? 'PASSING' : kindOfHttp(message)),
  says(message) {
    if (message.type === 'passing') return 'in another protocol';
    const by = headerOf(message, SERVED_BY);
    return `${saysHttp(message)}${by === undefined ? '' : `, by server ${printable(by, 32)}`}`;
  },
  leans: leansOf,
};

/** After 101 it is another protocol (RFC 9110 §15.2.2). */
function note(bytes: Buffer, start: number, seen: Seen | undefined): void {
  if (bytes.toString('latin1', start, start + 12) === 'HTTP/1.1 101') seen?.set(SWITCHED, 'yes');
}

/** Whether these are such bytes: the 101 itself is framed when it has been noted, and is none. */
function isPassing({ bytes, at }: Reader, seen: Seen): boolean {
  return seen.has(SWITCHED) && bytes.toString('latin1', at, at + 12) !== 'HTTP/1.1 101';
}

/** Only the sticky cookie and a user's name show in the bytes. What else leads a client to its server is nothing that anybody says. */
function leansOf(message: Message, from: Side): Lean[] {
  if (message.type === 'passing') return [];
  const isRequest = message.type === 'request' && from === 'client';
  if (isRequest && headerOf(message, USER) !== undefined)
    return [
      {
        field: USER,
        op: 'carries',
        holder: 'packet',
        key: 'user',
        why: 'from this name every balancer works out the same server, with nothing to look up',
        cite: 'RFC 9110 §3.7',
      },
    ];
  if (isRequest && cookieOf(message, COOKIE) !== undefined)
    return [
      {
        field: `cookie.${COOKIE}`,
        op: 'carries',
        holder: 'packet',
        key: `cookie[${COOKIE}]`,
        why: 'the client itself brings along which server it belongs to: the balancer need not know',
        cite: 'RFC 6265 §4.2',
      },
    ];
  const sets = message.headers.some(([name, value]) => /^set-cookie$/i.test(name) && value.startsWith(`${COOKIE}=`));
  if (message.type !== 'response' || !sets) return [];
  return [
    {
      field: `set-cookie.${COOKIE}`,
      op: 'writes',
      holder: 'client',
      key: `cookie[${COOKIE}]`,
      why: 'from now on the client carries the way to its server',
      cite: 'RFC 6265 §4.1',
    },
  ];
}

/** The answer to bytes that are no request (RFC 9110 §15.5). */
export function malformed(error: WireError): Response {
  const close = [['Connection', 'close']] as const;
  switch (error.cite) {
    case 'RFC 6585 §5':
      return plain(431, 'Request Header Fields Too Large', 'The header lines are too long.', close);
    case 'RFC 9110 §15.5.14':
      return plain(413, 'Content Too Large', 'The body is too long.', close);
    default:
      return plain(400, 'Bad Request', 'This is no request that can be understood in one way only.', close);
  }
}

/** The answer to a request that does not come to its end (RFC 9110 §15.5.9). */
export function tooSlow(): Response {
  return plain(408, 'Request Timeout', 'The request did not come to its end in time.', [['Connection', 'close']]);
}

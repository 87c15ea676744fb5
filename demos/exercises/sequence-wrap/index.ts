// Numbers that wrap: a stream that comes to its 4,294,967,296th byte and goes on at number 0.

import type { Socket } from 'node:net';
import type { Build } from '../../../src/lab/exercise.ts';
import { answers, survived } from '../../../src/lab/exercise.ts';
import type { Client, ClientOptions } from '../../../src/protocols/shapes.ts';
import { card } from '../../../src/protocols/tcp-session/index.ts';
import { type Message, wire } from '../../../src/protocols/tcp-session/wire.ts';
import { dialUntilAnswered } from '../../../src/sockets/dial.ts';
import { crc32 } from '../../../src/wire/crc32.ts';
import { encode, Inbox } from '../../../src/wire/wire.ts';

interface Sender extends Client {
  /** Opens a session whose first byte has this number. Resolves to the answer in words, as all verbs do. */
  open(first: number): Promise<string>;
  /** Sends text as the bytes from this number on, be that right or not. */
  data(seq: number, text: string): Promise<string>;
  /** Says where the stream ends, and what it was. */
  finish(next: number, text: string): Promise<string>;
}

/** Unlike the client of tcp-session it says what it is told to, once, and takes what comes for the answer. */
async function connect(options: ClientOptions): Promise<Sender> {
  let line: { socket: Socket; next: () => Promise<Message> } | undefined;
  let session: { id: number; token: string } | undefined;

  /** The connection; on a new one the session is resumed first. */
  async function reach(): Promise<NonNullable<typeof line>> {
    if (line) return line;
    const socket = await dialUntilAnswered(options);
    line = { socket, next: listener(socket) };
    if (session) {
      const { type } = await exchange({ type: 'RESUME', session: session.id, token: session.token });
      if (type !== 'ACK') throw new Error(`RESUME was answered by ${type}`);
    }
    return line;
  }

  async function exchange(message: Message): Promise<Message> {
    const { socket, next } = await reach();
    const answer = next();
    socket.write(encode(wire, message));
    return answer;
  }

  return {
    async open(first) {
      const answer = await exchange({ type: 'OPEN', seq: first });
      if (answer.type !== 'OPENED') return inWords(answer);
      session = { id: answer.session, token: answer.token };
      return `open, the server expects byte ${answer.next}`;
    },
    data: async (seq, text) => inWords(await exchange({ type: 'DATA', seq, payload: Buffer.from(text) })),
    finish: async (next, text) => inWords(await exchange({ type: 'CLOSE', next, digest: crc32(Buffer.from(text)) })),
    facts: () => ({}),
    move: () => leave((socket) => socket.resetAndDestroy()),
    close: () => leave((socket) => socket.destroySoon()),
  };

  async function leave(by: (socket: Socket) => void): Promise<void> {
    const socket = line?.socket;
    line = undefined;
    if (!socket || socket.closed) return;
    const closed = new Promise((gone) => socket.once('close', gone));
    by(socket);
    await closed;
  }
}

/** Each call resolves to the next message that comes. */
function listener(socket: Socket): () => Promise<Message> {
  const inbox = new Inbox(wire, 'server');
  let settle: { resolve(message: Message): void; reject(error: Error): void } | undefined;
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    const { messages, error } = inbox.push(chunk);
    if (messages[0]) settle?.resolve(messages[0]);
    else if (error) settle?.reject(error);
  });
  socket.on('close', () => settle?.reject(new Error('the connection was lost before an answer came')));
  return () =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
}

function inWords(message: Message): string {
  return `${message.type} ${wire.says(message)}`;
}

/** Six numbers are left before 0. */
const FIRST = 2 ** 32 - 6;
const TEXT = 'Do not forget me. Ever.';
/** The number of the byte of the text at this place. */
const at = (place: number) => (FIRST + place) % 2 ** 32;
const send = (from: number, to: number, what: string) => ({
  name: `send "${TEXT.slice(from, to)}" at ${at(from)}${what}`,
  act: (client: Sender) => client.data(at(from), TEXT.slice(from, to)),
});
const [AHEAD, ACROSS, AGAIN, OVERLAP, ONWARD, END] = [2, 3, 4, 5, 6, 7];

export const exercise: Build<Sender> = {
  id: 'sequence-wrap',
  kind: 'feature',
  cites: 'RFC 9293 §3.4',
  card,
  connect,
  steps: [
    { name: `open a session at byte ${FIRST}`, act: (client) => client.open(FIRST) },
    send(10, 14, ', too early'),
    send(0, 7, ', across the wrap'),
    send(0, 7, ' again'),
    send(3, 18, ', which is old in part'),
    send(18, 23, ''),
    { name: `close it at byte ${at(23)}`, act: (client) => client.finish(at(23), TEXT) },
  ],
  arms: { path: { is: 'path', at: { after: ONWARD } } },
  checks: [
    {
      id: 'ahead',
      stage: 'right',
      sentence: 'A number beyond the wrap is ahead of those before it, though it is smaller.',
      cite: 'RFC 9293 §3.4',
      look: answers(
        AHEAD,
        `ACK next=${FIRST} (gap)`,
        `ACK with code 2: byte ${at(10)} comes ten after ${FIRST}, and those between are missing`,
        'code',
      ),
      ask: 'From 4294967290, how many steps forward is it to 4, and how many back?',
      hint: 'Do not compare the numbers, but their distance modulo 2^32: (seq - next) | 0 in JavaScript, (int32_t)(seq - next) in C.',
    },
    {
      id: 'across',
      stage: 'right',
      sentence: 'After the last number comes 0.',
      cite: 'RFC 9293 §3.4: arithmetic modulo 2^32',
      look: answers(ACROSS, 'ACK next=1', 'next=1: the seventh byte had number 0', 'next'),
      ask: 'What is 4294967295 + 1 in 32 bits?',
      hint: 'Wrap the sum: (next + length) >>> 0 in JavaScript, % 2**32 in Python, uint32_t in C.',
    },
    {
      id: 'again',
      stage: 'right',
      sentence: 'A number before the wrap is old after it, though it is larger.',
      cite: 'RFC 9293 §3.4',
      look: answers(AGAIN, 'ACK next=1 (duplicate)', 'ACK with code 1: these seven bytes have been delivered', 'code'),
      ask: 'A distance of 4294967289 forward: how far is that backward?',
      hint: 'A distance has a sign: from 2^31 on it is backward. Where it is negative, and all of the payload lies before next, it is a duplicate.',
    },
    {
      id: 'overlap',
      stage: 'right',
      sentence: 'Of bytes that are half old only the new ones are delivered.',
      cite: 'RFC 9293 §3.10.7.4: trimmed',
      look: answers(OVERLAP, `ACK next=${at(18)}`, `next=${at(18)}, and a digest of each byte once`, 'next'),
      ask: 'How many bytes at the front of the payload have been delivered, when the distance is -4?',
      hint: 'Drop as many bytes as the distance is negative, and deliver what is left.',
    },
    {
      id: 'onward',
      stage: 'right',
      sentence: 'Beyond the wrap the stream goes on.',
      cite: 'RFC 9293 §3.4',
      look: answers(ONWARD, `ACK next=${at(23)}`, `next=${at(23)}: these are the bytes that were expected`, 'code'),
      ask: 'Which number does your server expect at this moment, as it is kept and as it is written?',
      hint: 'Whatever is compared must be wrapped: 4294967308 and 12 are the same number on the wire, and not in your variable.',
    },
    {
      id: 'end',
      stage: 'right',
      sentence: 'Both ends agree where the stream ends, and what it was.',
      cite: 'tcp-session §5',
      look: answers(
        END,
        `CLOSE ${wire.says({ type: 'CLOSE', next: at(23), digest: crc32(Buffer.from(TEXT)) })}`,
        'CLOSE: each byte was delivered once, in order',
        'code',
        'next',
      ),
      ask: 'Is the number that you compare here wrapped, and does your digest hold each byte once?',
      hint: 'A RESET 5 means that another text was delivered than was sent; an ACK with code 2, that next is another number.',
    },
    {
      id: 'path',
      stage: 'survives',
      arm: 'path',
      sentence: 'A stream that has wrapped is found again from another address.',
      cite: 'tcp-session §6',
      look: survived,
      ask: 'What has become of the session between the two connections?',
      hint: 'The server that you were given does this; file the session under its token, and do not touch it in RESUME.',
    },
  ],
  hints: [
    'Sequence numbers are not numbers but places on a circle. On a circle, is 4 before 4294967290 or after it?',
    'Take the difference, modulo 2^32, and read it as a number with a sign: negative is before, positive is after.',
    'const ahead = (seq - next) | 0: ahead > 0 is a gap, ahead + length <= 0 a duplicate, and otherwise -ahead bytes are old.',
  ],
  wrong: {
    unsigned: 'again',
    'plain-trim': 'overlap',
    'never-wraps': 'end',
  },
};

// Reliable datagrams: they are lost, come twice, and overtake each other; a text must arrive once and in order all the same.

import type { Build, Check } from '../../../src/lab/exercise.ts';
import { answers, during, field, type Packet, survived } from '../../../src/lab/exercise.ts';
import type { AnyCard } from '../../../src/protocols/index.ts';
import type { Client, ClientOptions } from '../../../src/protocols/shapes.ts';
import { card as echo } from '../../../src/protocols/udp-echo/index.ts';
import { WireError } from '../../../src/wire/fields.ts';
import { quoted } from '../../../src/wire/printable.ts';
import { decode, encode } from '../../../src/wire/wire.ts';
import { asker, type Exchange } from '../datagrams.ts';
import { type Message, wire } from './wire.ts';

/** Datagrams as udp-echo has them, with a meaning of their own. */
const card: AnyCard = {
  ...echo,
  name: 'reliable-datagrams',
  title: 'numbered datagrams',
  cites: 'problem.md: What is said',
  wire,
};

/** How often a text is sent again that the server does not yet have. */
const AGAIN = 3;

interface Teller extends Client {
  /** Sends the texts with these numbers in this order, then again what the server lacks of them. Resolves to what it expects next. */
  tell(...numbers: number[]): Promise<string>;
  /** Resolves to all that the server has delivered. */
  read(): Promise<string>;
  /** Somebody else, at another address, with a stream of their own, sends its first text. */
  other(): Promise<string>;
}

const TEXTS = ['one ', 'two ', 'three '];

/**
 * The network is not asked to lose, double or reorder anything: this client sends as if it had. It takes whatever comes for the answer;
 * whether it is one, the checks say.
 */
async function connect(options: ClientOptions): Promise<Teller> {
  const { ask, stranger, move, close } = await asker(options);
  const stream = streamOf(options.world.name());

  async function exchange(through: Exchange, message: Message): Promise<Message> {
    const answer = await through(encode(wire, message), message.type);
    try {
      return decode(wire, answer, 'server', 'udp');
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new Error(`what came back is no numbered datagram: ${error.message}`, { cause: error });
    }
  }

  /** One text; resolves to the number that the server expects after it. */
  async function sent(through: Exchange, from: number, number: number): Promise<number> {
    const text = Buffer.from(TEXTS[number] ?? '');
    const answer = await exchange(through, { type: 'TEXT', stream: from, number, text });
    if (answer.type !== 'ACK') throw new Error(`TEXT was answered by ${answer.type}`);
    return answer.next;
  }

  return {
    async tell(...numbers) {
      let next = 0;
      for (const number of numbers) next = await sent(ask, stream, number);
      // What was acknowledged before is not here any more.
      for (let times = 0; times < AGAIN && numbers.includes(next); times++) next = await sent(ask, stream, next);
      return `the server expects number ${next}`;
    },
    async read() {
      const answer = await exchange(ask, { type: 'READ', stream });
      if (answer.type !== 'STORY') throw new Error(`READ was answered by ${answer.type}`);
      return quoted(answer.text);
    },
    async other() {
      const next = await stranger((through) => sent(through, streamOf(options.world.name()), 0));
      return `the server expects number ${next}`;
    },
    facts: () => ({}),
    move,
    close,
  };
}

function streamOf(name: string): number {
  return Buffer.from(name, 'base64url').readUInt32BE(0);
}

const [REPEATED, OVERTAKEN, OTHER, READ] = [2, 3, 4, 6];
const WHOLE = quoted(Buffer.from(TEXTS.join('')));

/** What is said to a text that has overtaken another one. */
const early: Check['look'] = (run) => {
  const first = during(run, OVERTAKEN).find(
    (entry): entry is Packet => entry.is === 'packet' && entry.side === 'server',
  );
  // A step that was never reached has been told of already.
  if (!first || field(first, 'next') === 1) return undefined;
  const place = first.fields.find(({ id }) => id === 'next');
  return {
    row: first.row,
    ...(place ? { at: place.start, count: place.end - place.start } : {}),
    expected: 'next=1: text 2 has come, and text 1 has not',
    found: `${first.kind} ${first.says}`,
  };
};

export const exercise: Build<Teller> = {
  id: 'reliable-datagrams',
  kind: 'feature',
  cites: 'RFC 768, and RFC 9293 §3.4',
  card,
  connect,
  steps: [
    { name: 'send text 0', act: (client) => client.tell(0) },
    { name: 'send it again: its acknowledgement was lost', act: (client) => client.tell(0) },
    { name: 'text 2 overtakes text 1', act: (client) => client.tell(2, 1) },
    { name: 'somebody else sends text 0 of a stream of their own', act: (client) => client.other() },
    { name: 'a second copy of text 1 arrives late', act: (client) => client.tell(1) },
    { name: 'ask what was delivered', act: (client) => client.read() },
  ],
  arms: { path: { is: 'path', at: { after: OTHER } } },
  checks: [
    {
      id: 'acknowledged',
      stage: 'right',
      sentence: 'A text is acknowledged by the number that is expected after it.',
      cite: 'RFC 9293 §3.4',
      look: answers(
        1,
        'the server expects number 1',
        'next=1: text 0 has come, and the one after it is number 1',
        'next',
      ),
      ask: 'What does the client have to hear, so that it may throw its copy away?',
      hint: 'Next is not the number that has come, but the one that has not come yet.',
    },
    {
      id: 'again',
      stage: 'right',
      sentence: 'A text that comes again is acknowledged again.',
      cite: 'RFC 9293 §3.10.7.4',
      look: answers(REPEATED, 'the server expects number 1', 'the same acknowledgement as the first time', 'next'),
      ask: 'Why would a client send a text again, if you had acknowledged it?',
      hint: 'A client that has heard nothing repeats for ever. Whatever comes, answer with the number that you expect.',
    },
    {
      id: 'early',
      stage: 'right',
      sentence: 'A text that has overtaken another one does not move what is expected.',
      cite: 'RFC 9293 §3.4: all before it',
      look: early,
      ask: 'Which texts does the client throw away, when it hears this number?',
      hint: 'Compare the number of the text with the one that you expect: only when they are the same is there something to deliver.',
    },
    {
      id: 'streams',
      stage: 'right',
      sentence: 'Each stream has numbers of its own.',
      cite: 'problem.md: the session key',
      look: answers(OTHER, 'the server expects number 1', 'next=1: it is the first text of that stream', 'next'),
      ask: 'How many clients does your server know?',
      hint: 'Keep a Map from the stream to what you know of it: what was delivered, and what is expected next.',
    },
    {
      id: 'once',
      stage: 'right',
      sentence: 'Every text is delivered once, and in the order of the numbers.',
      cite: 'RFC 768: no duplicate protection',
      look: answers(READ, WHOLE, `${WHOLE}: each once, in order`, 'text'),
      ask: 'Which datagrams of the story above have put a text where it should not be?',
      hint: 'Deliver a text only when its number is the one that you expect. An older one has been delivered, a newer one is too early.',
    },
    {
      id: 'path',
      stage: 'survives',
      arm: 'path',
      sentence: 'A stream goes on from another address.',
      cite: 'problem.md: the session key',
      look: survived,
      ask: 'What in the datagram is the same as before, and what is not?',
      hint: 'File what you know under the stream, which the client brings along, and not under the address of the sender.',
    },
  ],
  hints: [
    'Every datagram may be lost, come twice, or come late. Which of these does your server notice?',
    'Know one number for each stream: the one that you expect. It tells what is new, what has been, and what is too early.',
    'If number === next: deliver it, and next + 1. In any case: send an ACK with next.',
  ],
  wrong: {
    'counts-arrivals': 'again',
    'keeps-silent': 'again',
    'one-counter': 'streams',
    'keeps-each-copy': 'once',
    'by-address': 'path',
  },
};

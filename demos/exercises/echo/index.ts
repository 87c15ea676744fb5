// Echo: what comes in goes out, to whoever sent it. Passed by removing one line.

import type { Build } from '../../../src/lab/exercise.ts';
import { answers, type Check, type Finding, said, survived } from '../../../src/lab/exercise.ts';
import type { Client, ClientOptions } from '../../../src/protocols/shapes.ts';
import { card } from '../../../src/protocols/udp-echo/index.ts';
import { quoted } from '../../../src/wire/printable.ts';
import { asker } from '../datagrams.ts';

interface Caller extends Client {
  /** Sends a datagram, once. Resolves to the first one that comes back, whatever is in it. */
  say(payload: Buffer): Promise<string>;
}

/** Unlike the client of udp-echo, it takes any answer for the one to its question: whether it is, the checks say. */
async function connect(options: ClientOptions): Promise<Caller> {
  const { ask, move, close } = await asker(options);
  return {
    async say(payload) {
      return quoted(await ask(payload));
    },
    facts: () => ({}),
    move,
    close,
  };
}

const say = (name: string, payload: Buffer | string) => ({
  name: `say ${name}`,
  act: (client: Caller) => client.say(Buffer.from(payload)),
});

/** A datagram more than were asked for. */
const extra: Check['look'] = (run) => {
  let asked = 0;
  let more: number | undefined;
  for (const packet of run.entries) {
    if (packet.is !== 'packet') continue;
    asked += packet.side === 'client' ? 1 : -1;
    if (asked < 0) more ??= packet.row;
  }
  const last = said(run, 'server').at(-1)?.row;
  return asked >= 0
    ? undefined
    : {
        row: more ?? last,
        expected: 'one answer to each datagram',
        found: `${asked < -9 ? 'many' : -asked} more than were asked for`,
      };
};

/** Every answer, held against the question before it. */
const same: Check['look'] = (run): Finding | undefined => {
  let asked = '';
  for (const packet of run.entries) {
    if (packet.is !== 'packet') continue;
    if (packet.side === 'client') {
      asked = packet.hex;
      continue;
    }
    const at = firstDifference(asked, packet.hex);
    if (at === undefined) continue;
    const lengths = `${packet.length} of the ${asked.length / 2} bytes that were sent`;
    return {
      row: packet.row,
      at,
      expected: 'the payload of the datagram before it, all of it and nothing else',
      found: packet.length * 2 < asked.length ? lengths : `from byte ${at} on, something else than was sent`,
    };
  }
  return undefined;
};

function firstDifference(one: string, other: string): number | undefined {
  for (let at = 0; at < Math.max(one.length, other.length); at += 2)
    if (one.slice(at, at + 2) !== other.slice(at, at + 2)) return at / 2;
  return undefined;
}

export const exercise: Build<Caller> = {
  id: 'echo',
  kind: 'feature',
  cites: 'RFC 862',
  card,
  connect,
  steps: [
    say('one', 'one'),
    say('a longer sentence', 'nothing is kept, so nothing can be lost'),
    say('four bytes that are no text', Buffer.from([0x00, 0xff, 0xfe, 0x80])),
    say('nothing at all', ''),
  ],
  arms: {
    path: { is: 'path', at: { after: 2 } },
    kill: { is: 'kill', at: { after: 2 } },
  },
  checks: [
    {
      id: 'once',
      stage: 'right',
      sentence: 'Each datagram is answered once.',
      cite: 'RFC 862: "in an answering datagram"',
      look: extra,
      ask: 'How many datagrams leave for each that arrives?',
      hint: 'One call of send for each message event. Whoever misses an answer asks again, and who sends more than was asked for can be turned against others: senders can be forged.',
    },
    {
      id: 'same',
      stage: 'right',
      sentence: 'What comes back is what was sent, byte for byte.',
      cite: 'RFC 862: "the data from it is sent back"',
      look: same,
      ask: 'Between the datagram that arrives and the one that leaves, which line touches the bytes?',
      hint: 'An echo does nothing with the payload: it sends the very buffer that it was given.',
    },
    {
      id: 'empty',
      stage: 'right',
      sentence: 'A datagram without a single byte is answered by one.',
      cite: 'RFC 768: a datagram is a header and its data, of which there may be none',
      look: (run) =>
        run.steps[3]?.failed
          ? {
              row: said(run, 'client').at(-1)?.row,
              expected: 'an empty datagram: its address is all that an answer needs',
              found: run.steps[3].answer,
            }
          : answers(4, '""', 'an empty datagram')(run),
      ask: 'Is an empty datagram nothing, or a datagram with nothing in it?',
      hint: 'The event comes for it as for any other; only a condition of your own can leave it out.',
    },
    {
      id: 'path',
      stage: 'survives',
      arm: 'path',
      sentence: 'Whoever asks from a new address is answered there.',
      cite: 'RFC 862: "sends back to the originating source"',
      look: survived,
      ask: 'Where does your server take the address from that it answers to?',
      hint: 'Each datagram brings the address of its sender. An address that was kept from an earlier one is a memory, and it is wrong.',
    },
    {
      id: 'kill',
      stage: 'survives',
      arm: 'kill',
      sentence: 'A kill between two datagrams is not noticed.',
      cite: 'RFC 862: each answer needs nothing but its datagram',
      look: survived,
      ask: 'What does your server know that the next process does not?',
      hint: 'Bind to PORT at once when you start: the process after a kill is given the same one.',
    },
  ],
  hints: [
    'Look at the first answer that was wrong, and at its length.',
    'Read the server from the datagram that arrives to the one that leaves: it is four lines.',
    'One line shortens the payload. Remove it, and nothing else.',
  ],
  wrong: { twice: 'once', text: 'same', 'skips-empty': 'empty', 'one-client': 'path' },
};

// Written down: an ACK is a promise, and a promise that only a process knows dies with it.

import type { Build, Check, Finding, Packet, Run } from '../../../src/lab/exercise.ts';
import { answers, field, firstDifference, said, survived } from '../../../src/lab/exercise.ts';
import type { ClientOptions } from '../../../src/protocols/shapes.ts';
import type { SessionClient } from '../../../src/protocols/tcp-session/client.ts';
import { card } from '../../../src/protocols/tcp-session/index.ts';
import { hex, wire } from '../../../src/protocols/tcp-session/wire.ts';
import { answerTo } from '../newcomer.ts';

interface Guest extends SessionClient {
  /** Somebody else opens a session, on a connection of their own, and leaves. Resolves to the number that they were given. */
  newcomer(): Promise<string>;
}

async function connect(options: ClientOptions): Promise<Guest> {
  const client = await card.connect(options);
  return {
    ...client,
    async newcomer() {
      const message = await answerTo({ type: 'OPEN', seq: 7 }, 'newcomer', options);
      return message.type === 'OPENED' ? `session ${message.session}` : `${wire.kind(message)} ${wire.says(message)}`;
    },
  };
}

const send = (text: string) => ({ name: `send "${text}"`, act: (client: SessionClient) => client.send(text) });
const FIRST = 1000;
const NEWCOMER = 5;

/** The answer to the RESUME of a severed arm; undefined when there was none of either. */
function resumed({ entries }: Run): Packet | undefined {
  const asked = entries.findIndex((entry) => entry.is === 'packet' && entry.kind === 'RESUME');
  if (asked === -1) return undefined;
  return entries.slice(asked).find((entry): entry is Packet => entry.is === 'packet' && entry.side === 'server');
}

/** Holds a field of the ACK after RESUME against the last one before the cut. */
function asBefore(id: 'next' | 'digest', show: (value: number) => string): Check['look'] {
  return (run): Finding | undefined => {
    const answer = resumed(run);
    const before = said(run, 'server').findLast(({ kind, row }) => kind === 'ACK' && row < (answer?.row ?? 0));
    if (!answer || !before) return survived(run);
    const [promised, kept] = [field(before, id), field(answer, id)];
    if (promised === kept) return undefined;
    const place = answer.fields.find((each) => each.id === id) ?? answer.fields.find((each) => each.id === 'code');
    return {
      row: answer.row,
      ...(place ? { at: place.start, count: place.end - place.start } : {}),
      expected: `${id} ${show(Number(promised))}, as row ${before.row} has promised`,
      found: kept === undefined ? `${answer.kind} ${answer.says}` : `${id} ${show(Number(kept))}`,
    };
  };
}

export const exercise: Build<Guest> = {
  id: 'written-down',
  kind: 'feature',
  cites: 'src/protocols/tcp-session/wire.ts',
  card,
  connect,
  steps: [
    { name: 'open a session', act: (client) => client.open(FIRST) },
    send('Do not '),
    send('forget me.'),
    { name: 'close it', act: (client) => client.finish() },
    { name: 'somebody else opens a session', act: (client) => client.newcomer() },
  ],
  arms: {
    'kill-opened': { is: 'kill', at: { after: 1 } },
    kill: { is: 'kill', at: { after: 3 } },
  },
  checks: [
    {
      id: 'opened',
      stage: 'survives',
      arm: 'kill-opened',
      sentence: 'A session that was granted is found again after a kill, before a byte was sent on it.',
      cite: 'tcp-session §6',
      // What the newcomer is told, the check of numbers looks at.
      look: (run) => (run.control && firstDifference(run.control, run) === NEWCOMER ? undefined : survived(run)),
      ask: 'When OPENED arrives, the client believes in its token. What do you have by then that a kill leaves?',
      hint: 'OPENED is a promise as well. Write the session down, with its token, before it leaves; read the file when you start.',
    },
    {
      id: 'next',
      stage: 'survives',
      arm: 'kill',
      sentence: 'Every byte that was acknowledged is still acknowledged after a kill.',
      cite: 'tcp-session §1, §3',
      look: asBefore('next', String),
      ask: 'The client has let go of these bytes, because you said you had them. Who has them now?',
      hint: 'Each ACK makes a new promise: write down where the session stands before every one of them, not only once.',
    },
    {
      id: 'digest',
      stage: 'survives',
      arm: 'kill',
      sentence: 'What was said is still known after a kill, and not only how much of it.',
      cite: 'tcp-session §4',
      look: asBefore('digest', hex),
      ask: 'Which of the fields of an ACK can be worked out from the others?',
      hint: 'The bytes themselves are gone, so their digest cannot be made again: it belongs into the line beside next.',
    },
    {
      id: 'numbers',
      stage: 'survives',
      arm: 'kill-opened',
      sentence: 'A number that was given to one session is given to no other, not even after a kill.',
      cite: 'problem.md: what is remembered',
      look: answers(NEWCOMER, 'session 2', 'session 2: the first one is still there', 'session'),
      ask: 'Is everything that your server remembers in the file, or everything but one variable?',
      hint: 'How many sessions were opened is a memory too. The highest number in the file tells it.',
    },
    {
      id: 'kill',
      stage: 'survives',
      arm: 'kill',
      sentence: 'The stream ends after a kill as it would have without one.',
      cite: 'tcp-session §5',
      look: survived,
      ask: 'What does the second process answer otherwise than the first one would have?',
      hint: 'Compare the two arms from the RESUME on: the answers must be the same, message by message.',
    },
  ],
  hints: [
    'Where does the session lie when the process is gone? Something in STATE_DIR must say all that the Map says.',
    'Append a line to a file in STATE_DIR for every change: number, token, next and digest. Read all lines when you start; the last one of a session counts.',
    'Open the file once with openSync(…, "a+"). In open() and data(), before say(…): writeSync one line of JSON, then fsyncSync. Take the highest number in it for `opened`.',
  ],
  wrong: {
    'acknowledges-first': 'opened',
    'only-opened': 'next',
    'no-digest': 'digest',
    'counts-anew': 'numbers',
  },
};

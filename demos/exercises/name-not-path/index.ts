// A name, not the path: the same session, filed under something that outlives a connection.

import type { Build, Check } from '../../../src/lab/exercise.ts';
import { during, field, lastAnswer, natureOf, type Packet, survived } from '../../../src/lab/exercise.ts';
import type { ClientOptions } from '../../../src/protocols/shapes.ts';
import type { SessionClient } from '../../../src/protocols/tcp-session/client.ts';
import { card } from '../../../src/protocols/tcp-session/index.ts';
import { type Message, wire } from '../../../src/protocols/tcp-session/wire.ts';
import { answerTo } from '../newcomer.ts';

interface Guest extends SessionClient {
  /** Asks for session `id` from a connection of its own, with a token that nobody was given. Resolves to the answer in words. */
  guess(id: number): Promise<string>;
}

async function connect(options: ClientOptions): Promise<Guest> {
  const client = await card.connect(options);
  return {
    ...client,
    async guess(id) {
      const token = Buffer.alloc(16, 0x2a).toString('base64url');
      return inWords(await answerTo({ type: 'RESUME', session: id, token }, 'stranger', options));
    },
  };
}

function inWords(message: Message): string {
  return message.type === 'RESET' ? 'turned away' : `let in: ${wire.kind(message)} ${wire.says(message)}`;
}

const send = (text: string) => ({ name: `send "${text}"`, act: (client: SessionClient) => client.send(text) });
/** The first step on the new path: it begins with RESUME. */
const RETURN = 3;
const GUESS = 4;

const arms: Build['arms'] = {
  path: { is: 'path', at: { after: 2 } },
  kill: { is: 'kill', at: { after: 2 } },
  // Whoever holds it on a disk is known again after a kill; another machine has another disk.
  swap: { is: 'swap', at: { after: 2 } },
};

/** What comes back first on the new path is the answer to RESUME. */
const carriedOn: Check['look'] = (run) => {
  const answer = during(run, RETURN).find((entry): entry is Packet => entry.is === 'packet' && entry.side === 'server');
  if (!answer || (answer.kind === 'ACK' && field(answer, 'code') === 0)) return undefined;
  return {
    row: answer.row,
    at: answer.kind === 'ACK' ? 1 : 0,
    expected: 'ACK with code 0, whose next says where to go on',
    found: `${answer.kind} ${answer.says}`,
  };
};

const filedUnderAName: Check['look'] = (run) => {
  const { filedUnder } = natureOf(arms, run);
  if (filedUnder === 'a name') return undefined;
  return {
    expected: 'filed under a name: a new path changes nothing, and who has never met the client does not know it',
    found:
      filedUnder === 'nothing'
        ? 'filed under nothing: neither a kill nor another instance takes anything, so it is held where no cut reaches, or nothing that is answered leans on what was said'
        : `filed under: ${filedUnder}`,
  };
};

export const exercise: Build<Guest> = {
  id: 'name-not-path',
  kind: 'nature',
  cites: 'src/protocols/tcp-session/wire.ts',
  card,
  connect,
  steps: [
    { name: 'open a session', act: (client) => client.open(1000) },
    send('Do not '),
    send('forget me.'),
    { name: 'a stranger asks for session 1, with a token of its own making', act: (client) => client.guess(1) },
    { name: 'close it', act: (client) => client.finish() },
  ],
  arms,
  checks: [
    {
      id: 'token',
      stage: 'right',
      sentence: 'The number of a session opens nothing: only its token does.',
      cite: 'tcp-session §7, code 2',
      look(run) {
        const result = run.steps[GUESS - 1];
        if (!result || result.answer === 'turned away') return undefined;
        const packet = lastAnswer(run, GUESS);
        return {
          row: packet?.row,
          ...(packet ? { at: 0 } : {}),
          expected: 'RESET with code 2: nothing is filed under that token and number',
          found: result.answer,
        };
      },
      ask: 'What does somebody know who has guessed a number from 1 on?',
      hint: 'File the session under the token, and compare the number too: whichever is wrong, the answer is the same.',
    },
    {
      id: 'path',
      stage: 'survives',
      arm: 'path',
      sentence: 'A session is found again from another address, by its token, where it stood.',
      cite: 'tcp-session §6',
      look: survived,
      ask: 'Under what can the server find a session, when all that the client brings is in its RESUME?',
      hint: 'A Map outside of the connection, filed under the token; the connection only knows for which session it speaks.',
    },
    {
      id: 'carried-on',
      stage: 'survives',
      arm: 'path',
      sentence: 'RESUME is answered by an ACK with code 0.',
      cite: 'tcp-session §6',
      look: carriedOn,
      ask: 'Is it a new session that the client is told of, or the one that it has?',
      hint: 'acknowledge(session, 0) says all that the client has to know: where to go on, how much it may send, and the digest so far.',
    },
    {
      id: 'nature',
      stage: 'survives',
      arm: 'all',
      sentence: 'The session is filed under a name, by the same measure as in `amnesia litmus tcp-session/memory`.',
      cite: 'README: what follows from the cuts',
      look: filedUnderAName,
      ask: 'Who holds the session now, and what would take it from them?',
      hint: 'Hold it in the process, or in the folder that STATE_DIR names: whoever is started elsewhere must not know it.',
    },
  ],
  hints: [
    'The client carries a token, and shows it in RESUME. Who could recognise it?',
    'What the connection holds in a variable of its own dies with the connection. It has to lie outside, filed under what the client brings.',
    'Keep a Map from the token (as a hexadecimal string) to the session; fill it in open(), look there in resume(), and answer ACK with code 0.',
  ],
  wrong: { 'by-number': 'token', 'ends-with-path': 'path', 'starts-over': 'path', 'opens-again': 'carried-on' },
};

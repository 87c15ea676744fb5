// Reading a return: what a client and a server say to each other after a kill, and what each of them still knew.

import type { Reading } from '../../../src/lab/reading.ts';
import type { Story } from '../../../src/lab/story.ts';
import { story } from '../../tcp-session.ts';

export const exercise: Reading = {
  id: 'read-a-return',
  kind: 'read',
  cites: 'src/protocols/tcp-session/wire.ts',
  story: story as unknown as Story,
  design: 'disk',
  cut: { is: 'kill', at: { on: { moment: 'sync', nth: 3, kind: '' } } },
  blanks: [
    {
      side: 'server',
      kind: 'ACK',
      nth: 1,
      field: 'next',
      ask: 'Three bytes have arrived, and the first of them has number 1000. Which one does the server expect next?',
      hint: 'The numbers count bytes: 1000, 1001 and 1002 are there.',
    },
    {
      side: 'client',
      kind: 'RESUME',
      nth: 1,
      field: 'kind',
      ask: 'The client is back, on a new connection. What does it say first, so that the server knows it again?',
      hint: 'It was given a token when it opened the session, and does not open another one: see the table in problem.md.',
    },
    {
      side: 'server',
      kind: 'ACK',
      nth: 2,
      field: 'next',
      ask: 'The server was killed when it had written "not " down, and had not answered. From which byte on does it want to hear?',
      hint: 'What is on the disk, the next process knows, whether anybody was told or not: "not " has four bytes.',
    },
    {
      side: 'client',
      kind: 'DATA',
      nth: 3,
      field: 'seq',
      ask: 'What number has the first byte of what the client sends next?',
      hint: 'It sends from the byte that the server has just said it expects: does "not " have to go out again?',
    },
  ],
  hints: [
    'Write down which bytes the client has sent, with their numbers, and which of them the server has.',
    'An answer that never left changes nothing of what was written down before it. The client learns of it from the first ACK after its return.',
    'The numbers are 1003, then RESUME, then 1007, and 1007 again: "not " was delivered, and is not sent twice.',
  ],
};

// It looks right: a server with its sessions on a disk, and one habit that shows at some places and at no others.

import type { Adversary } from '../../../src/lab/exercise.ts';
import type { SessionClient } from '../../../src/protocols/tcp-session/client.ts';
import { card } from '../../../src/protocols/tcp-session/index.ts';

const send = (text: string) => ({ name: `send "${text}"`, act: (client: SessionClient) => client.send(text) });

export const exercise: Adversary<SessionClient> = {
  id: 'looks-right',
  kind: 'adversary',
  cites: 'src/protocols/tcp-session/wire.ts',
  card,
  steps: [
    { name: 'open a session', act: (client) => client.open(1000) },
    send('Do '),
    send('not '),
    send('forget me.'),
    { name: 'close it', act: (client) => client.finish() },
  ],
  cuts: ['path', 'kill'],
  breaks: [
    { cut: 'kill', after: 2 },
    { cut: 'kill', after: 4 },
  ],
  because:
    'Two changes share one write, and the first of them is acknowledged before it. Whoever wants one write for several answers has to hold the answers back until it is done.',
  hints: [
    'An acknowledgement promises something. Which cut takes everything that was promised and is nowhere but in memory?',
    'Follow one DATA through the server, up to its ACK. Then follow the next one: is it the same way?',
    'keep() writes at every other call. Count the calls, step by step, and kill it after a step whose call wrote nothing.',
  ],
};

// Logged out, or not: a signed token and a list of those that are good no more. It looks right.

import type { Adversary } from '../../../src/lab/exercise.ts';
import { card } from '../../../src/protocols/http/index.ts';
import { type Guest, guestWith } from '../guest.ts';

export const exercise: Adversary<Guest> = {
  id: 'logged-out',
  kind: 'adversary',
  cites: 'RFC 7519 and RFC 6265',
  card,
  connect: guestWith('token'),
  env: { SECRET: 'a secret that the servers share, and the client does not know' },
  steps: [
    { name: 'ann logs in', act: (client) => client.login('ann', 'correct horse') },
    { name: 'ann asks who she is', act: (client) => client.profile() },
    { name: 'ann logs out', act: (client) => client.logout() },
    { name: 'a stranger comes with a copy of her cookie', act: (client) => client.stranger(client.given()) },
    { name: 'ann logs in again', act: (client) => client.login('ann', 'correct horse') },
  ],
  cuts: ['path', 'kill', 'swap'],
  breaks: [{ cut: 'swap', after: 3 }],
  because:
    'A token is good wherever the secret is known, and a log-out only where it was heard. Whoever wants to take back what was signed has to tell every server, and is back at a store that all of them share.',
  hints: [
    'Two things are remembered here, and by two holders. Who holds a login, and who holds a log-out?',
    'A login is in the cookie. A log-out is on the disk of the machine that has heard it. Which cut leads away from that disk?',
    'Another server has the same SECRET and another STATE_DIR. Lead the stranger there, between the log-out and the copy.',
  ],
};

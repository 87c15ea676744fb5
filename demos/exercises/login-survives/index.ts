// A login that survives: the name in the cookie stays, and so must what is filed under it.

import type { Build, Check } from '../../../src/lab/exercise.ts';
import { answers, survived } from '../../../src/lab/exercise.ts';
import { card } from '../../../src/protocols/http/index.ts';
import { type Guest, guestWith } from '../guest.ts';

const [LOGIN, GUESS, PROFILE, COPY] = [1, 2, 3, 5];
const TURNED_AWAY = 'refused with 401';

/** Another machine, with a folder of its own, must not know what was said to this one: here the arms have to part. */
const isOfThisDisk: Check['look'] = (run) =>
  run.steps.length < PROFILE
    ? survived(run)
    : answers(PROFILE, TURNED_AWAY, 'refused with 401: nobody has logged in on this STATE_DIR', 'status')(run);

export const exercise: Build<Guest> = {
  id: 'login-survives',
  kind: 'nature',
  cites: 'RFC 6265 and RFC 9110',
  card,
  connect: guestWith('session'),
  steps: [
    { name: 'ann logs in', act: (client) => client.login('ann', 'correct horse') },
    { name: 'a stranger comes with a cookie made up: session=1', act: (client) => client.stranger('1') },
    { name: 'ann asks who she is', act: (client) => client.profile() },
    { name: 'ann logs out', act: (client) => client.logout() },
    { name: 'a stranger comes with a copy of her cookie', act: (client) => client.stranger(client.given()) },
  ],
  arms: {
    kill: { is: 'kill', at: { after: 2 } },
    'kill-late': { is: 'kill', at: { after: 4 } },
    swap: { is: 'swap', at: { after: 2 } },
  },
  checks: [
    {
      id: 'login',
      stage: 'right',
      sentence: 'Who shows the right password is welcome.',
      cite: 'RFC 9110 §15.3.1',
      look: answers(LOGIN, 'hello ann', '200, {"user":"ann"} and a cookie named session', 'status'),
      ask: 'What must the answer to a login hold, in its head and in its body?',
      hint: 'Set-Cookie: session=…, and the user as JSON. The starter answers in this way: begin from there.',
    },
    {
      id: 'guess',
      stage: 'right',
      sentence: 'A name that was given to nobody opens nothing.',
      cite: 'RFC 6265 §8.4',
      look: answers(GUESS, TURNED_AWAY, 'refused with 401: this name was given to nobody', 'status'),
      ask: 'How many tries does it take to find a name of yours?',
      hint: 'A name that can be counted can be guessed: roll 16 bytes or more by dice, as the starter does.',
    },
    {
      id: 'known',
      stage: 'right',
      sentence: 'Who comes back with the cookie is known by it.',
      cite: 'RFC 6265 §3',
      look: answers(PROFILE, 'you are ann', 'the user that is filed under the name in the cookie', 'status'),
      ask: 'What does the request bring along, and what have you filed under it?',
      hint: 'The header Cookie holds session=…, exactly what your Set-Cookie gave. Look it up.',
    },
    {
      id: 'logout',
      stage: 'right',
      sentence: 'Who has logged out is logged out, whoever comes with a copy of the cookie.',
      cite: 'RFC 6265 §8.4',
      look: answers(COPY, TURNED_AWAY, 'refused with 401: what was filed under this name is gone', 'status'),
      ask: 'Max-Age=0 takes the cookie from one client. Who else may have it?',
      hint: 'The cookie is only the name. What must go is what the server has filed under it.',
    },
    {
      id: 'kill',
      stage: 'survives',
      arm: 'kill',
      sentence: 'Who is logged in stays so when the server is killed, and need not even know.',
      cite: 'RFC 6265 §3: the cookie is all that the client holds',
      look: survived,
      ask: 'The cookie is the same as before. What is missing, and where was it?',
      hint: 'Write name and user down in STATE_DIR before the login is answered, and read the file when you start. Nobody tells you before a SIGKILL.',
    },
    {
      id: 'kill-late',
      stage: 'survives',
      arm: 'kill-late',
      sentence: 'Who has logged out stays so when the server is killed.',
      cite: 'RFC 6265 §8.4',
      look: survived,
      ask: 'Which of all that happened does the next process read in the file?',
      hint: 'A log-out is something to remember as much as a login: write it down too, and before you answer.',
    },
    {
      id: 'swap',
      stage: 'survives',
      arm: 'swap',
      sentence: 'It is the disk that holds the session: another machine, with another disk, does not know her.',
      cite: 'README: what follows from the cuts',
      look: isOfThisDisk,
      ask: 'Who told this machine that ann has logged in, if not the cookie itself?',
      hint: 'A cookie that says who it is needs no memory; and then a log-out on one machine is unknown to all others. Give out a name, and keep the rest.',
    },
  ],
  hints: [
    'After the kill the client still carries the same name. Who is to recognise it?',
    'The Map is filled by two events, a login and a log-out. What fills it again must lie in STATE_DIR, and be there before the answer leaves.',
    'Append one line of JSON for each ({"name":"…","user":"ann"}, and without a user for a log-out) with appendFileSync, and play the lines again into the Map when you start.',
  ],
  wrong: {
    'by-number': 'guess',
    'cookie-only': 'logout',
    'logins-only': 'kill-late',
    'in-the-cookie': 'swap',
  },
};

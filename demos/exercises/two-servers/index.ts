// One login, two servers: what is signed need not be remembered, and so it makes no difference who is asked.

import { createHmac } from 'node:crypto';
import type { Build } from '../../../src/lab/exercise.ts';
import { answers, survived } from '../../../src/lab/exercise.ts';
import { card } from '../../../src/protocols/http/index.ts';
import type { ClientOptions } from '../../../src/protocols/shapes.ts';
import { type Guest, guestWith } from '../guest.ts';

/** What all servers share; this client as well, since it speaks for one of them. */
const SECRET = 'a secret that the servers share, and the client does not know';

/** Seconds since 1970: in 2001, and in 2100. */
const [PAST, FUTURE] = [1_000_000_000, 4_102_444_800];

async function connect(options: ClientOptions): Promise<Guest> {
  const guest = await guestWith('token')(options);
  return {
    ...guest,
    async login(user, password) {
      const said = await guest.login(user, password);
      const token = guest.given();
      // What has no three parts is none yet, and may be a name of something that ends.
      const ends = token.split('.').length !== 3 || typeof claimsIn(token).exp === 'number';
      return ends ? said : `${said}, with a token that never ends`;
    },
  };
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function claimsIn(token: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()));
  } catch (error) {
    throw new Error('the second part of the token is no JSON in base64url', { cause: error });
  }
}

/** A token as any server makes it who knows the secret. */
function signed(sub: string, exp: number): string {
  const said = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded({ sub, exp })}`;
  return `${said}.${createHmac('sha256', SECRET).update(said).digest('base64url')}`;
}

/** Her token with another name in it, under her signature. One that has no parts is another one by its last letters. */
function changed(token: string): string {
  const [head, , signature] = token.split('.');
  if (signature === undefined) return `${token.slice(0, -4)}AAAA`;
  return `${head}.${encoded({ sub: 'bob', exp: FUTURE })}.${signature}`;
}

const unsigned = () => `${encoded({ alg: 'none', typ: 'JWT' })}.${encoded({ sub: 'bob', exp: FUTURE })}.`;

const [LOGIN, PROFILE, CHANGED, UNSIGNED, EXPIRED, ELSEWHERE] = [1, 2, 3, 4, 5, 6];
const TURNED_AWAY = 'refused with 401';

export const exercise: Build<Guest> = {
  id: 'two-servers',
  kind: 'nature',
  cites: 'RFC 7519 and RFC 8725',
  card,
  connect,
  env: { SECRET },
  steps: [
    { name: 'ann logs in', act: (client) => client.login('ann', 'correct horse') },
    { name: 'ann asks who she is', act: (client) => client.profile() },
    {
      name: 'a stranger has written another name into her token',
      act: (client) => client.stranger(changed(client.given())),
    },
    { name: 'a stranger brings a token that nobody has signed', act: (client) => client.stranger(unsigned()) },
    {
      name: 'somebody brings a token that ended in 2001',
      act: (client) => client.stranger(signed('bob', PAST)),
    },
    {
      name: 'bob brings a token that another server has signed',
      act: (client) => client.stranger(signed('bob', FUTURE)),
    },
  ],
  arms: {
    kill: { is: 'kill', at: { after: 1 } },
    swap: { is: 'swap', at: { after: 1 } },
  },
  checks: [
    {
      id: 'login',
      stage: 'right',
      sentence: 'Who shows the right password is given a token, and the token says when it ends.',
      cite: 'RFC 7519 §4.1.4',
      look: answers(
        LOGIN,
        'hello ann',
        '200, {"user":"ann"}, and a cookie named token, whose exp is a number',
        'status',
      ),
      ask: 'What does somebody have for ever who has found a token without an end?',
      hint: 'Beside sub there must be exp: Math.floor(Date.now() / 1000) + 600.',
    },
    {
      id: 'known',
      stage: 'right',
      sentence: 'Who comes back with the token is known by it.',
      cite: 'RFC 7519 §7.2',
      look: answers(PROFILE, 'you are ann', 'the user that the token names', 'status'),
      ask: 'Are the bytes whose signature you check the very bytes that you have signed?',
      hint: 'Sign the two parts as they stand in the token, with the dot between them, and do not encode them anew to check.',
    },
    {
      id: 'changed',
      stage: 'right',
      sentence: 'A token in which one word was changed is refused.',
      cite: 'RFC 7515 §5.2',
      look: answers(CHANGED, TURNED_AWAY, 'refused with 401: its signature is that of another text', 'status'),
      ask: 'Which line of yours would notice that somebody has written a token with a text editor?',
      hint: 'Make the signature anew over the first two parts, and compare it with the third. Read the claims only after that.',
    },
    {
      id: 'unsigned',
      stage: 'right',
      sentence: 'A token cannot choose how it is checked.',
      cite: 'RFC 8725 §2.1 and §3.1',
      look: answers(UNSIGNED, TURNED_AWAY, 'refused with 401: nobody has signed it', 'status'),
      ask: 'Who wrote the “alg” that you are reading?',
      hint: 'You sign with HS256 and nothing else: check with HS256, whatever the token says of itself.',
    },
    {
      id: 'expired',
      stage: 'right',
      sentence: 'A token whose time has passed is refused, however well it is signed.',
      cite: 'RFC 7519 §4.1.4',
      look: answers(EXPIRED, TURNED_AWAY, 'refused with 401: it was good until 2001', 'status'),
      ask: 'The signature is right. What else does the token say of itself?',
      hint: 'Compare exp with Date.now() / 1000 when you have found the signature good; exp is in seconds.',
    },
    {
      id: 'kill',
      stage: 'survives',
      arm: 'kill',
      sentence: 'A token is good at the process after a kill.',
      cite: 'RFC 7519 §1: what is to be known is in the token',
      look: survived,
      ask: 'The token is the same as before. What is it checked with, and where does that come from?',
      hint: 'The key must be the same in every process: it is in the environment, as SECRET.',
    },
    {
      id: 'swap',
      stage: 'survives',
      arm: 'swap',
      sentence: 'A token is good at another server, which has never seen it.',
      cite: 'RFC 7519 §1: what is to be known is in the token',
      look: survived,
      ask: 'What does the second server have of the login at the first: its memory, its disk, or what the client brings?',
      hint: 'Whatever is in STATE_DIR the other server does not have. Put user and end into the cookie, and sign them with SECRET.',
    },
    {
      id: 'elsewhere',
      stage: 'survives',
      sentence: 'A token is good whoever has signed it, as long as they knew the secret.',
      cite: 'RFC 7515 §5.2',
      look: answers(ELSEWHERE, 'let in as bob', 'the user that the token names: it is signed with SECRET', 'status'),
      ask: 'Does your server know the secret, or something that only its own copies know?',
      hint: 'Take the key from process.env.SECRET as it is, all of it and nothing else, and leave nothing of it in the source.',
    },
  ],
  hints: [
    'The second server cannot ask the first. What would the client have to bring, so that it need not?',
    'A text, and a proof that a server has written it: HMAC-SHA256 of the text, with a key that only servers know. createHmac of node:crypto makes it.',
    'tokenFor(user) joins three parts with dots; userOf(token) splits them, makes the signature anew, compares lengths and then bytes (timingSafeEqual), and only then reads sub and exp.',
  ],
  wrong: {
    'reads-only': 'changed',
    'asks-the-token': 'unsigned',
    'never-ends': 'expired',
    'own-key': 'kill',
    'in-the-source': 'elsewhere',
  },
};

// DNS cookies with no memory: a server that knows its clients again, and keeps no list of them.

import type { Build } from '../../../src/lab/exercise.ts';
import { answers, survived } from '../../../src/lab/exercise.ts';
import { card as dns } from '../../../src/protocols/dns/index.ts';
import { optRecord, RCODE, rcodeName, rcodeOf, wire } from '../../../src/protocols/dns/wire.ts';
import type { AnyCard } from '../../../src/protocols/index.ts';
import type { Client, ClientOptions } from '../../../src/protocols/shapes.ts';
import { viewOf, WireError } from '../../../src/wire/fields.ts';
import { decode } from '../../../src/wire/wire.ts';
import { asker, type Exchange } from '../datagrams.ts';

/** By datagrams alone: on a stream the connection proves the address, and nobody needs a cookie (RFC 7873 §5.2.3). */
const card: AnyCard = { ...dns, transport: 'udp' };

interface Guest extends Client {
  /** Asks for www.example.test with its client cookie alone. All three resolve to the answer in words: `NOERROR, with a cookie`. */
  meet(): Promise<string>;
  /** Asks with the cookie that it was given, or with one that differs from it in the last bit. */
  again(as: 'given' | 'changed'): Promise<string>;
  /** Somebody else asks, with a client cookie of their own, and the server cookie that this client was given. */
  steal(): Promise<string>;
}

/** `www.example.test`, A, IN. */
const QUESTION = Buffer.from('\x03www\x07example\x04test\0\0\x01\0\x01', 'latin1');
const SIZE = 1232;
const CLIENT_COOKIE = 8;

/** Unlike the client of dns it takes BADCOOKIE for an answer, and does not ask again. */
async function connect(options: ClientOptions): Promise<Guest> {
  const { ask, stranger, move, close } = await asker(options);
  const own = rolled().subarray(0, CLIENT_COOKIE);
  /** The server's cookie for this client: the last one it was given with an answer. */
  let given: Buffer | undefined;

  function rolled(): Buffer {
    return Buffer.from(options.world.name(), 'base64url');
  }

  /** Asks once. Resolves to the answer in words, and the server cookie in it. */
  async function exchange(through: Exchange, client: Buffer, server: Buffer = Buffer.alloc(0)) {
    const opt = viewOf(optRecord(SIZE, 0, false, Buffer.concat([client, server])));
    const header = Buffer.concat([rolled().subarray(0, 2), Buffer.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 1)]);
    const answer = await through(Buffer.concat([header, QUESTION, opt]));
    try {
      const message = decode(wire, answer, 'server', 'udp');
      const cookie = message.edns?.cookie;
      const shown = cookieInWords(cookie, client);
      const rcode = rcodeOf(message);
      const found = rcode === RCODE.NOERROR ? `: ${message.answers || 'no'} address` : '';
      return {
        words: `${rcodeName(rcode)}${found}, ${shown}`,
        server: cookie?.subarray(CLIENT_COOKIE),
      };
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new Error(`what came back is no DNS message: ${error.message}`, { cause: error });
    }
  }

  return {
    async meet() {
      const { words, server } = await exchange(ask, own);
      given = server && Buffer.from(server);
      return words;
    },
    async again(as) {
      const shown = Buffer.from(given ?? '');
      if (shown.length === 0) throw new Error('the server has given no cookie');
      if (as === 'changed') shown.writeUInt8(shown.readUInt8(shown.length - 1) ^ 1, shown.length - 1);
      return (await exchange(ask, own, shown)).words;
    },
    async steal() {
      const { words } = await stranger((through) => exchange(through, rolled().subarray(0, CLIENT_COOKIE), given));
      return words;
    },
    facts: () => (given ? { 'cookie[server]': 'the one that the server made for this client' } : {}),
    move,
    close,
  };
}

function cookieInWords(cookie: Buffer | undefined, client: Buffer): string {
  if (cookie === undefined) return 'without a cookie';
  if (!cookie.subarray(0, CLIENT_COOKIE).equals(client)) return 'with another client’s cookie';
  return cookie.length === CLIENT_COOKIE ? 'with the client’s cookie alone' : 'with a cookie';
}

const KNOWN = 'NOERROR: 1 address, with a cookie';
const REFUSED = 'BADCOOKIE, with a cookie';
/** After it, the next step shows the cookie that was given before. */
const CUT = 4;

export const exercise: Build<Guest> = {
  id: 'dns-cookie',
  kind: 'nature',
  cites: 'RFC 7873 and RFC 9018',
  card,
  connect,
  env: { SECRET: '8f1c2b9a3d4e5f60718293a4b5c6d7e8' },
  steps: [
    { name: 'ask with a client cookie alone', act: (client) => client.meet() },
    { name: 'ask with the cookie that came back', act: (client) => client.again('given') },
    { name: 'ask with that cookie, but for its last bit', act: (client) => client.again('changed') },
    { name: 'somebody else asks with the same server cookie', act: (client) => client.steal() },
    { name: 'ask with the cookie that came back, once more', act: (client) => client.again('given') },
  ],
  arms: {
    path: { is: 'path', at: { after: CUT } },
    kill: { is: 'kill', at: { after: CUT } },
    swap: { is: 'swap', at: { after: CUT } },
  },
  checks: [
    {
      id: 'given',
      stage: 'right',
      sentence: 'A client that brings its own cookie is answered, and given one by the server.',
      cite: 'RFC 7873 §5.2.3',
      look: answers(
        1,
        KNOWN,
        'the address, and the client’s cookie with 8 to 32 bytes of yours behind it',
        'opt.cookie.client',
        'opt.rdlength',
        'arcount',
      ),
      ask: 'By what will you know this client again?',
      hint: 'The answer has a COOKIE option: the eight bytes of the client, then yours.',
    },
    {
      id: 'known',
      stage: 'right',
      sentence: 'A client that shows both cookies is answered.',
      cite: 'RFC 7873 §5.2.5',
      look: answers(2, KNOWN, 'the address, and the cookies again', 'opt.rcode', 'rcode'),
      ask: 'What makes the cookie that you compare with, and is it the same each time?',
      hint: 'Make the server cookie of this client again, and compare it with the one that is shown.',
    },
    {
      id: 'forged',
      stage: 'right',
      sentence: 'A server cookie that differs in one bit is refused with BADCOOKIE.',
      cite: 'RFC 7873 §5.2.4',
      look: answers(
        3,
        REFUSED,
        'BADCOOKIE: 1 in the OPT record, 7 in the header; and a good cookie',
        'opt.rcode',
        'rcode',
      ),
      ask: 'What is a cookie worth that nobody compares?',
      hint: 'Compare all bytes behind the first eight with those that you make yourself; crypto.timingSafeEqual tells nobody how far they are alike.',
    },
    {
      id: 'stranger',
      stage: 'right',
      sentence: 'A server cookie is good with the client cookie that it was made for, and with no other.',
      cite: 'RFC 7873 §4.2: made of the client’s cookie',
      look: answers(4, REFUSED, 'BADCOOKIE: it was made for another client', 'opt.rcode', 'rcode'),
      ask: 'For whom is your cookie good, when it is made of the address alone?',
      hint: 'Put the client’s eight bytes into the hash, too.',
    },
    {
      id: 'path',
      stage: 'survives',
      arm: 'path',
      sentence: 'A client that asks from another port is known again.',
      cite: 'RFC 7873 §4.2: made of the IP address',
      look: survived,
      ask: 'How long does a client keep the port that it asks from?',
      hint: 'The address of the sender belongs into the cookie, its port does not: resolvers ask from another one each time.',
    },
    {
      id: 'kill',
      stage: 'survives',
      arm: 'kill',
      sentence: 'A cookie is good after a kill.',
      cite: 'RFC 7873 §4.2: made with a secret',
      look: survived,
      ask: 'Who holds, at this moment, all that you would need to know this client again?',
      hint: 'Do not remember the cookie: make it again, each time, of what the query brings and of SECRET.',
    },
    {
      id: 'swap',
      stage: 'survives',
      arm: 'swap',
      sentence: 'A cookie is good at another instance, which has the same SECRET and another STATE_DIR.',
      cite: 'RFC 9018 §1: several servers at one address',
      look: survived,
      ask: 'What do the two instances have in common, and what not?',
      hint: 'What one instance rolls or writes down, the other never learns. Both have the same SECRET in their environment.',
    },
  ],
  hints: [
    'The client brings its cookie along each time, and yours. What must you have kept, to tell whether it is yours?',
    'A keyed hash is a signature: whoever has the key can make it again, and nobody else can make it at all.',
    'createHmac("sha256", SECRET).update(client).update(address).digest().subarray(0, 16) is the server cookie, each time.',
  ],
  wrong: {
    'takes-any': 'forged',
    'same-for-all': 'stranger',
    'port-too': 'path',
    'rolled-key': 'kill',
    'key-on-disk': 'swap',
  },
};

// A DNS answer: the header bit by bit, the question sent back, a record with its lifetime, and two kinds of "no".

import { decode as decodePacket } from 'dns-packet';
import type { Build, Check, Finding, Packet, Run } from '../../../src/lab/exercise.ts';
import { answers, field, lastAnswer, said, survived } from '../../../src/lab/exercise.ts';
import { card as dns } from '../../../src/protocols/dns/index.ts';
import { rcodeName, rcodeOf, TYPE, wire } from '../../../src/protocols/dns/wire.ts';
import type { AnyCard } from '../../../src/protocols/index.ts';
import type { Client, ClientOptions } from '../../../src/protocols/shapes.ts';
import { WireError } from '../../../src/wire/fields.ts';
import { printable } from '../../../src/wire/printable.ts';
import { decode } from '../../../src/wire/wire.ts';
import { asker } from '../datagrams.ts';

/** By datagrams alone: a server for one exercise need not listen on a stream as well. */
const card: AnyCard = { ...dns, transport: 'udp' };

interface Resolver extends Client {
  /** Asks, once. Resolves to the answer in words: `NOERROR: 192.0.2.80 for 300 s`, `NOERROR, no record`, `NXDOMAIN`. */
  ask(name: string, type: 'A' | 'AAAA' | 'SOA', options?: { recursion: boolean }): Promise<string>;
}

/** Unlike a real resolver it takes whatever datagram comes for its answer: whether it is one, the checks say. */
async function connect(options: ClientOptions): Promise<Resolver> {
  const { ask, move, close } = await asker(options);
  return {
    async ask(name, type, { recursion } = { recursion: false }) {
      const id = Buffer.from(options.world.name(), 'base64url').subarray(0, 2);
      const labels = name.split('.').flatMap((label) => [Buffer.of(label.length), Buffer.from(label)]);
      const query = Buffer.concat([
        id,
        Buffer.of(recursion ? 1 : 0, 0, 0, 1, 0, 0, 0, 0, 0, 0),
        ...labels,
        Buffer.of(0, 0, TYPE[type], 0, 1),
      ]);
      return inWords(await ask(query), name);
    },
    facts: () => ({}),
    move,
    close,
  };
}

function inWords(bytes: Buffer, name: string): string {
  try {
    const rcode = rcodeName(rcodeOf(decode(wire, bytes, 'server', 'udp')));
    const records = (decodePacket(bytes).answers ?? []).map((record) => {
      if (record.name.toLowerCase() !== name.toLowerCase()) return `${OTHER} ${printable(record.name) || '.'}`;
      return record.type === 'A' ? `${record.data} for ${record.ttl} s` : `a record of type ${record.type}`;
    });
    if (records.length > 0) return `${rcode}: ${records.join(', ')}`;
    return rcode === 'NOERROR' ? 'NOERROR, no record' : rcode;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new Error(`what came back is no DNS message: ${error.message}`, { cause: error });
  }
}

/** Looks at each answer beside the question that it was given to. */
function each(look: (query: Packet, answer: Packet) => Finding | undefined): Check['look'] {
  return (run) => {
    const given = said(run, 'server');
    for (const [index, query] of said(run, 'client').entries()) {
      const answer = given[index];
      const finding = answer && look(query, answer);
      if (finding) return finding;
    }
    return undefined;
  };
}

const HEADER = 12;
const OTHER = 'the record of another name:';

const sameId = each((query, answer) =>
  query.hex.slice(0, 4) === answer.hex.slice(0, 4)
    ? undefined
    : { row: answer.row, at: 0, count: 2, expected: 'the ID of the query before it', found: 'another number' },
);

const sameQuestion = each((query, answer) => {
  for (let at = HEADER; at < query.length; at++) {
    if (query.hex.slice(2 * at, 2 * at + 2) === answer.hex.slice(2 * at, 2 * at + 2)) continue;
    const isCase = letter(query, at) === letter(answer, at);
    return {
      row: answer.row,
      at,
      expected: 'the question as it was asked, byte for byte',
      found: isCase
        ? 'the same letter in another case'
        : 'something else than was asked, or nothing, from this byte on',
    };
  }
  return undefined;
});

/** A byte of a message as a letter, without its case. */
function letter({ hex }: Packet, at: number): string {
  return Buffer.from(hex.slice(2 * at, 2 * at + 2), 'hex')
    .toString('latin1')
    .toLowerCase();
}

const flags = each((query, answer) => {
  const right: [id: string, value: number | string | undefined, why: string][] = [
    ['qr', 1, 'QR=1: this is a response'],
    ['opcode', 0, 'opcode 0, copied from the query'],
    ['aa', 1, 'AA=1: you are in charge of this name, and nobody knows better'],
    ['tc', 0, 'TC=0: nothing was cut off'],
    ['rd', field(query, 'rd'), `RD=${field(query, 'rd')}, copied from the query`],
    ['ra', 0, 'RA=0: you ask nobody else on behalf of a client'],
  ];
  for (const [id, value, why] of right) {
    const found = answer.fields.find((each) => each.id === id);
    if (found && found.value !== value)
      return { row: answer.row, at: found.start, expected: why, found: `${found.label}=${found.value}` };
  }
  return undefined;
});

/** The record that a step is answered by: whose it is, what is in it, and for how long it is good. */
function recordOf(run: Run, step: number, address: string, ttl: number): Finding | undefined {
  const why = `${address}, and a TTL of ${ttl} seconds`;
  const marked = answerMark(lastAnswer(run, step), run.steps[step - 1]?.answer ?? '', address);
  return answers(step, `NOERROR: ${address} for ${ttl} s`, why, ...marked)(run);
}

/** The fields of a wrong record that show it. */
function answerMark(answer: Packet | undefined, words: string, address: string): string[] {
  const shown = answer?.fields.find(({ id }) => id === 'an1.address')?.show;
  if (words.includes(OTHER)) return ['an1.name', 'an1.name.pointer'];
  if (shown === undefined) return ['ancount'];
  return [shown === address ? 'an1.ttl' : 'an1.address'];
}

const NO_DATA = 3;
const NO_NAME = 4;
const APEX = 6;

const inCharge: Check['look'] = (run) => {
  for (const step of [NO_DATA, NO_NAME]) {
    const answer = lastAnswer(run, step);
    if (!answer || field(answer, 'ns1.type') === TYPE.SOA) continue;
    return {
      row: answer.row,
      at: 8,
      count: 2,
      expected: 'the SOA record of example.test in the authority section, for both kinds of "no"',
      found: `NSCOUNT=${field(answer, 'nscount')}${field(answer, 'nscount') === 0 ? '' : ', and the first record there is no SOA'}`,
    };
  }
  return undefined;
};

const WWW = 'NOERROR: 192.0.2.80 for 300 s';

export const exercise: Build<Resolver> = {
  id: 'dns-answer',
  kind: 'feature',
  cites: 'RFC 1035 §4.1',
  card,
  connect,
  steps: [
    { name: 'ask for www.example.test A', act: (client) => client.ask('www.example.test', 'A') },
    {
      name: 'ask for wWw.eXaMpLe.tEsT A, recursion desired',
      act: (client) => client.ask('wWw.eXaMpLe.tEsT', 'A', { recursion: true }),
    },
    { name: 'ask for www.example.test AAAA', act: (client) => client.ask('www.example.test', 'AAAA') },
    { name: 'ask for nowhere.example.test A', act: (client) => client.ask('nowhere.example.test', 'A') },
    { name: 'ask for mail.example.test A', act: (client) => client.ask('mail.example.test', 'A') },
    { name: 'ask for example.test SOA', act: (client) => client.ask('example.test', 'SOA') },
  ],
  arms: { kill: { is: 'kill', at: { after: 2 } } },
  checks: [
    {
      id: 'id',
      stage: 'right',
      sentence: 'The ID is copied from the query.',
      cite: 'RFC 1035 §4.1.1',
      look: sameId,
      ask: 'How would a client that has asked ten questions know which one this is the answer to?',
      hint: 'The first two bytes of the answer are the first two bytes of the query.',
    },
    {
      id: 'question',
      stage: 'right',
      sentence: 'The question is sent back as it was asked, byte for byte.',
      cite: 'RFC 1035 §4.1, RFC 4343 §4.1',
      look: sameQuestion,
      ask: 'Does your answer hold the bytes of the question, or what you have made of them?',
      hint: 'Look the name up in lower case, and send back the bytes from 12 to the end of the question: a copy, not another spelling.',
    },
    {
      id: 'flags',
      stage: 'right',
      sentence: 'The flags say: a response, from who is in charge, whole; and RD is as in the query.',
      cite: 'RFC 1035 §4.1.1',
      look: flags,
      ask: 'Which bits of the third byte are yours to set, and which are copied?',
      hint: 'Byte 2 is QR, opcode (4 bits), AA, TC, RD, from high to low: 0x84, and the lowest bit of the query’s byte 2.',
    },
    {
      id: 'address',
      stage: 'right',
      sentence: 'A name that has an address is answered by it, and by how long it may be remembered.',
      cite: 'RFC 1035 §3.2.1, §3.4.1',
      look: (run) => recordOf(run, 1, '192.0.2.80', 300) ?? recordOf(run, 5, '192.0.2.25', 3600),
      ask: 'What will a resolver do with this record, and for how long?',
      hint: 'A record is: name, type (2), class (2), TTL in seconds (4), length of the data (2), and four bytes of address.',
    },
    {
      id: 'case',
      stage: 'right',
      sentence: 'A name is found in whatever case it is asked for.',
      cite: 'RFC 4343 §3',
      look: answers(2, WWW, 'the address of www.example.test: the case of a name makes no difference', 'rcode'),
      ask: 'Are wWw and www two names?',
      hint: 'Names differ in case only for who reads them: look them up in lower case, and leave the question as it is.',
    },
    {
      id: 'nodata',
      stage: 'right',
      sentence: 'A name that has no record of this type is answered by NOERROR and no record.',
      cite: 'RFC 2308 §2.2',
      look: answers(NO_DATA, 'NOERROR, no record', 'NOERROR and no record: the name exists, and has no AAAA', 'rcode'),
      ask: 'What would a resolver that hears NXDOMAIN for AAAA answer, when it is asked for A?',
      hint: 'Two questions: does the name exist, with any type? And does it have a record of this one?',
    },
    {
      id: 'nxdomain',
      stage: 'right',
      sentence: 'A name that does not exist is answered by NXDOMAIN.',
      cite: 'RFC 2308 §2.1',
      look: answers(NO_NAME, 'NXDOMAIN', 'RCODE 3: this name does not exist, with any type', 'rcode'),
      ask: 'How many questions may a resolver answer by itself, when it has heard that a name does not exist?',
      hint: 'The RCODE is the lower half of byte 3, and 3 is NXDOMAIN.',
    },
    {
      id: 'apex',
      stage: 'right',
      sentence: 'The name of the zone itself is a name like the others, and has the SOA record.',
      cite: 'RFC 1034 §4.3.2, step 3a',
      look: answers(APEX, 'NOERROR: a record of type SOA', 'the SOA record, as an answer', 'rcode'),
      ask: 'What would a resolver conclude of www.example.test, when it hears that example.test does not exist?',
      hint: 'example.test is in the zone, with one record: its SOA. Who asks for that gets it in the answer section.',
    },
    {
      id: 'negative',
      stage: 'right',
      sentence: 'A "no" comes with the SOA record of the zone, which says how long it may be remembered.',
      cite: 'RFC 2308 §3',
      look: inCharge,
      ask: 'For how long may a resolver remember that there is nothing?',
      hint: 'The SOA record stands in the authority section, and NSCOUNT, bytes 8 and 9, is 1 then.',
    },
    {
      id: 'kill',
      stage: 'survives',
      arm: 'kill',
      sentence: 'A kill between two questions is not noticed.',
      cite: 'RFC 1035 §4.1: a query carries all that its answer needs',
      look: survived,
      ask: 'What does your server know of its clients?',
      hint: 'Read the zone when you start, and keep nothing of a query when it has been answered.',
    },
  ],
  hints: [
    'Much of an answer is a copy of the question. Which parts must be, and which must not?',
    'Bytes 0 and 1: copied. Byte 2: 0x84, and RD copied. From byte 12 to the end of the question: copied, whatever its case.',
    'RCODE 3 if no name of the zone is this one; otherwise 0, with the record in the answer section if it is of the type that was asked for, and with the SOA record in the authority section if not.',
  ],
  wrong: {
    'lower-case': 'question',
    milliseconds: 'address',
    'exact-case': 'case',
    'always-noerror': 'nxdomain',
    'no-apex': 'apex',
    'bare-no': 'negative',
  },
};

// Consistent hashing: where a key belongs is computed by everybody alike, and changes for no more keys than must move.

import {
  type Build,
  type Check,
  type Finding,
  lastAnswer,
  type Packet,
  type Run,
  survived,
} from '../../../src/lab/exercise.ts';
import { card } from '../../../src/protocols/http/index.ts';
import { wire } from '../../../src/protocols/http/wire.ts';
import type { Client, ClientOptions } from '../../../src/protocols/shapes.ts';
import { visitor } from '../../../src/sockets/visitor.ts';
import type { HttpMessage } from '../../../src/wire/http.ts';
import { Inbox, type Wire } from '../../../src/wire/wire.ts';
import { inWords, objectIn, shown } from '../answer.ts';

interface Asker extends Client {
  /** Asks whose the keys are. Resolves to how many were answered: whether it is right, the checks say. */
  owners(servers: readonly string[]): Promise<string>;
}

const KEYS = Array.from({ length: 200 }, (_none, nth) => `k${nth + 1}`);

async function connect({ host, port, waits }: ClientOptions): Promise<Asker> {
  const visit = visitor({ host, port, waits, wire: wire as Wire<HttpMessage> });
  return {
    async owners(servers) {
      const answer = await visit.ask({ method: 'POST', target: '/owners', json: { servers, keys: KEYS }, again: true });
      // Each question has a connection of its own: nothing may lean on what was asked before.
      await visit.close();
      return inWords(answer, (json) => `${listIn(json).length} owners`);
    },
    facts: () => ({}),
    move: () => visit.reset(),
    close: () => visit.close(),
  };
}

function listIn({ owners }: Record<string, unknown>): unknown[] {
  if (!Array.isArray(owners)) throw new Error('there is no list "owners" in the answer');
  return owners;
}

const countOf = (owners: readonly unknown[], name: unknown) => owners.filter((each) => each === name).length;

const THREE = ['red', 'green', 'blue'];
const [JOINS, GOES] = ['yellow', 'red'];
const ASKED = [
  { name: 'whose are 200 keys, of red, green and blue?', servers: THREE },
  { name: 'yellow joins: whose are they now?', servers: [...THREE, JOINS] },
  { name: 'and when the four are named in another order?', servers: [JOINS, 'blue', 'red', 'green'] },
  { name: 'red goes: whose are they now?', servers: ['green', 'blue', JOINS] },
  { name: 'it is red, green and blue again: whose are they?', servers: THREE },
];
const [FIRST, JOINED, TURNED, GONE, AGAIN] = [1, 2, 3, 4, 5];

/** Of the fair share, the least and the most that a server may have. */
const [LEAST, MOST] = [0.5, 1.5];
/** Keys that may move to a server that joins: its share is 50. */
const [FEWEST, MANY] = [20, 80];

/** The bytes of a message, with something in the place of those of secrets. */
function bytesOf({ hex }: Packet): Buffer {
  return Buffer.from(hex.replaceAll('**', '2a'), 'hex');
}

/** Who owns each key, by the answer in a step; undefined where it is not there, which another check tells of. */
function ownersAt(run: Run, step: number): unknown[] | undefined {
  const packet = lastAnswer(run, step);
  if (!packet || run.steps[step - 1]?.failed !== false) return undefined;
  const [message] = new Inbox(wire, 'server').push(bytesOf(packet)).messages;
  return message?.type === 'response' && message.status === 200 ? listIn(objectIn(message)) : undefined;
}

/** Where in the message of a step the owner of the nth key stands. */
function placeIn(packet: Packet | undefined, nth: number): Pick<Finding, 'row' | 'at' | 'count'> {
  // All of it, or the first chunk.
  const body = packet?.fields.find(({ id }) => id === 'body' || id === 'chunk');
  if (!packet || !body) return { row: packet?.row };
  const text = bytesOf(packet).subarray(body.start, body.end).toString('latin1');
  // The first name is that of the list.
  const found = [...text.matchAll(/"(?:[^"\\]|\\.)*"/g)][nth + 1];
  return found ? { row: packet.row, at: body.start + found.index, count: found[0].length } : { row: packet.row };
}

/** Looks at the answers to two steps, and tells of the first key whose owner is not as it should be. */
function keyByKey(
  before: number,
  after: number,
  expected: string,
  isRight: (was: unknown, is: unknown) => boolean,
): Check['look'] {
  return (run) => {
    const [was, is] = [ownersAt(run, before), ownersAt(run, after)];
    if (!was || !is) return undefined;
    const astray = KEYS.flatMap((_key, nth) => (isRight(was[nth], is[nth]) ? [] : [nth]));
    const [nth] = astray;
    if (nth === undefined) return undefined;
    return {
      ...placeIn(lastAnswer(run, after), nth),
      expected,
      found: `${astray.length} of 200 keys are not where they should be, ${KEYS[nth]} the first: it was with ${shown(was[nth])} and is with ${shown(is[nth])}`,
    };
  };
}

const isList: Check['look'] = (run) => {
  for (const [index, result] of run.steps.entries()) {
    const packet = lastAnswer(run, index + 1);
    // One that is not answered at all is told of by the frame.
    if (!packet || ownersAt(run, index + 1)?.length === KEYS.length) continue;
    const status = packet.fields.find(({ id }) => id === 'status');
    return {
      row: packet.row,
      ...(status ? { at: status.start, count: status.end - status.start } : {}),
      expected: '200, and a list "owners" as long as the list of keys, which has 200',
      found: `“${result.name}” was answered: ${result.answer}`,
    };
  }
  return undefined;
};

const isNamed: Check['look'] = (run) => {
  for (const [index, { servers }] of ASKED.entries()) {
    const owners = ownersAt(run, index + 1) ?? [];
    const nth = owners.findIndex((each) => !servers.includes(String(each)));
    if (nth === -1) continue;
    return {
      ...placeIn(lastAnswer(run, index + 1), nth),
      expected: `200 owners, each of them one of ${servers.join(', ')}`,
      found: `${KEYS[nth]} belongs to ${shown(owners[nth])}, who was not named`,
    };
  }
  return undefined;
};

const isEven: Check['look'] = (run) => {
  const owners = ownersAt(run, FIRST);
  if (!owners) return undefined;
  const share = KEYS.length / THREE.length;
  const counts = THREE.map((name) => countOf(owners, name));
  if (counts.every((count) => count >= share * LEAST && count <= share * MOST)) return undefined;
  return {
    row: lastAnswer(run, FIRST)?.row,
    expected: `between ${Math.ceil(share * LEAST)} and ${Math.floor(share * MOST)} keys for each: a third of them is fair`,
    found: THREE.map((name, nth) => `${counts[nth]} keys for ${name}`).join(', '),
  };
};

/** Goes on as without the cut, which lies between these two steps, and has the same owners for the same servers after it. */
const asBefore: Check['look'] = (run) =>
  survived(run) ??
  keyByKey(JOINED, TURNED, 'the same owners as before the cut, for the same servers', (was, is) => was === is)(run);

const isItsShare: Check['look'] = (run) => {
  const owners = ownersAt(run, JOINED);
  const got = owners ? countOf(owners, JOINS) : FEWEST;
  if (got >= FEWEST && got <= MANY) return undefined;
  return {
    row: lastAnswer(run, JOINED)?.row,
    expected: `between ${FEWEST} and ${MANY} keys for ${JOINS}: its share is 50`,
    found: `${got} keys for ${JOINS}`,
  };
};

export const exercise: Build<Asker> = {
  id: 'consistent-hashing',
  kind: 'feature',
  cites: 'D. Karger and others, Consistent Hashing and Random Trees, STOC 1997',
  card,
  connect,
  steps: ASKED.map(({ name, servers }) => ({ name, act: (client: Asker) => client.owners(servers) })),
  arms: {
    kill: { is: 'kill', at: { after: 2 } },
    swap: { is: 'swap', at: { after: 2 } },
  },
  checks: [
    {
      id: 'list',
      stage: 'right',
      sentence: 'For each key there is an owner, in the order of the keys.',
      cite: 'problem.md: POST /owners',
      look: isList,
      ask: 'What is the request called, and what its answer?',
      hint: 'POST /owners, with the lists "servers" and "keys" in its body, is answered by 200 and a list "owners". The starter does it: begin from there.',
    },
    {
      id: 'owners',
      stage: 'right',
      sentence: 'Each key belongs to one of the servers that were named.',
      cite: 'problem.md: POST /owners',
      look: isNamed,
      ask: 'From which request do you know the servers: this one, or one before?',
      hint: 'Take the servers from the body of this request, and forget them with it.',
    },
    {
      id: 'even',
      stage: 'right',
      sentence: 'Each server has between a half and one and a half of its fair share.',
      cite: 'Karger 1997 §4: balance',
      look: isEven,
      ask: 'How far apart do a few places on a circle lie, when they are chosen by chance?',
      hint: 'Give each server a hundred places instead of one: placeOf("red 0"), placeOf("red 1") and so on.',
    },
    {
      id: 'joins',
      stage: 'right',
      sentence: 'When a server joins, keys move to it, and no other key moves.',
      cite: 'Karger 1997 §4: monotonicity',
      look: keyByKey(
        FIRST,
        JOINED,
        `every key where it was, or with ${JOINS}`,
        (was, is) => was === is || is === JOINS,
      ),
      ask: 'What is the remainder of the same hash by three, and by four?',
      hint: 'The number of servers must not be in the rule. Give each server places of its own on a circle of hashes, and each key to the next server from its place on.',
    },
    {
      id: 'share',
      stage: 'right',
      sentence: 'A server that joins gets its share of the keys.',
      cite: 'Karger 1997 §4: balance',
      look: isItsShare,
      ask: 'What would make a key move to the new server?',
      hint: 'Compute the owner anew for each request: what was answered before has no say in it.',
    },
    {
      id: 'order',
      stage: 'right',
      sentence: 'It makes no difference in which order the servers are named.',
      cite: 'problem.md: POST /owners',
      look: keyByKey(JOINED, TURNED, 'the same owners, whoever is named first', (was, is) => was === is),
      ask: 'Does a server have its places from its name, or from its number in the list?',
      hint: 'Two lists are seldom in the same order. Only the name of a server is its own.',
    },
    {
      id: 'goes',
      stage: 'right',
      sentence: 'When a server goes, its keys move, and no others.',
      cite: 'Karger 1997 §4: monotonicity',
      look: keyByKey(
        TURNED,
        GONE,
        `every key where it was, but those of ${GOES}`,
        (was, is) => was === GOES || was === is,
      ),
      ask: 'Whose places on the circle changed when this server went?',
      hint: 'The places of the others must stay: they come from their names and from nothing else.',
    },
    {
      id: 'again',
      stage: 'right',
      sentence: 'The same question has the same answer, whatever was asked meanwhile.',
      cite: 'problem.md: nothing is remembered',
      look: keyByKey(FIRST, AGAIN, 'the same owners as for the same servers before', (was, is) => was === is),
      ask: 'What does your server still know from the questions in between?',
      hint: 'Nothing outside of ownersOf may change when it is called.',
    },
    {
      id: 'kill',
      stage: 'survives',
      arm: 'kill',
      sentence: 'The process after a kill gives the same answers.',
      cite: 'problem.md: nothing is remembered',
      look: asBefore,
      ask: 'What does the first process know of a server, beside its name?',
      hint: 'Nothing else may go into the hash: neither a number that servers are given as they come, nor dice, such as some languages roll for their own hashes when they start.',
    },
    {
      id: 'swap',
      stage: 'survives',
      arm: 'swap',
      sentence: 'Another instance gives the same answers, and has never heard of this one.',
      cite: 'problem.md: nothing is remembered',
      look: asBefore,
      ask: 'What does the first machine have that this one has not?',
      hint: 'Nothing of STATE_DIR, of its address or its port may go into the answer.',
    },
  ],
  hints: [
    'A remainder changes for nearly every key when the divisor changes. What would change for a few only?',
    'Think of all hashes as a circle. Servers stand on it, at the hashes of their names; a key belongs to the first server from its own place on. Who joins takes from one neighbour.',
    'For each server a hundred places, placeOf("red 0") to placeOf("red 99"); sort them all; for each key the first place that is not below placeOf(key), or else the very first.',
  ],
  wrong: {
    'never-leaves': 'owners',
    sticky: 'share',
    'one-place': 'even',
    'by-number': 'order',
    'as-they-come': 'kill',
    'as-written-down': 'swap',
  },
};

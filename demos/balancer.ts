// Balancer: three servers that each remember their own users, and four ways to find the right one again.

import { ranDirectly } from '../src/lab/direct.ts';
import type { Step, Story, Telling } from '../src/lab/story.ts';
import type { UsersClient } from '../src/protocols/balancer/client.ts';
import { card } from '../src/protocols/balancer/index.ts';

const step = (name: string, act: Step<UsersClient>['act']): Step<UsersClient> => ({ name, act });

const designs: Record<'round-robin' | 'cookie' | 'address' | 'hash', Telling> = {
  'round-robin': {
    cut: { is: 'kill', at: { after: 2 } },
    verdict: 'lost',
    predict: {
      ask: 'Three servers, each with the sessions it made itself in its own memory, and a balancer that leads each request to the next one. Bob and Ann have signed in. Ann puts tea into her cart. And then?',
      choices: [
        'it is in her cart: she is signed in',
        'the server that answers does not know her',
        'the servers ask each other who she is',
      ],
      right: 1,
    },
    claims: {
      forget: 'lost',
      path: 'recovered',
      kill: 'lost',
      swap: 'lost',
      silence: 'recovered',
      expire: 'untouched',
    },
    why: [
      'Nothing had to be cut for that: with sessions in the memory of one server, being led elsewhere is being logged out.',
      'The balancer remembers one number, the turn, for everybody together. Killed, it begins anew, and other users are lucky.',
      'Turns are fair to the servers. They are fair to users only where the servers hold nothing, or hold it in common.',
    ],
    next: 'amnesia demo balancer/cookie',
  },
  cookie: {
    cut: { is: 'kill', at: { after: 3 } },
    verdict: 'recovered',
    predict: {
      ask: 'With its first answer the balancer gave each user a cookie. Now it is killed, and starts again with its memory empty. Who is led to the wrong server?',
      choices: ['everybody', 'whoever does not come first', 'nobody'],
      right: 2,
    },
    claims: {
      forget: 'untouched',
      path: 'recovered',
      kill: 'recovered',
      swap: 'recovered',
      silence: 'recovered',
      expire: 'untouched',
    },
    why: [
      'Which server a user belongs to is in the cookie: the user carries it, and the balancer has nothing to forget.',
      'It is a keyed digest of the name of a server. Every balancer with the key reads it, and nobody else can make one.',
      'The session itself is still in the memory of one server. Kill that one, and no cookie helps: amnesia fleet counts who is logged out.',
    ],
    next: 'amnesia demo balancer/address',
  },
  address: {
    cut: { is: 'path', at: { after: 3 } },
    verdict: 'lost',
    predict: {
      ask: 'The balancer keeps a table: who comes from which address belongs to which server. Both users change their network, and with it their address. And then?',
      choices: [
        'they are led to their servers: the cookies of their sessions are the same',
        'they are strangers, led in turn, and perhaps logged out',
        'they are refused',
      ],
      right: 1,
    },
    claims: { forget: 'lost', path: 'lost', kill: 'lost', swap: 'lost', silence: 'recovered', expire: 'lost' },
    why: [
      'The table is filed under an address, and no address belongs to a user: it changes with the network they are in.',
      'And the process holds it. After a kill whoever comes first is led to the first server, whosever session is there.',
      'Nor does one address mean one user: behind a NAT a whole town is led to one server.',
    ],
    next: 'amnesia demo balancer/hash',
  },
  hash: {
    cut: { is: 'path', at: { after: 3 } },
    verdict: 'recovered',
    predict: {
      ask: 'No table and no cookie: each request names its user, and the balancer works out from the name where it falls on a ring of the servers. Bob and Ann change their network, and with it their addresses. Who is led to the wrong server?',
      choices: ['both: nobody knows the new addresses', 'whoever does not come first', 'nobody'],
      right: 2,
    },
    claims: {
      forget: 'untouched',
      path: 'recovered',
      kill: 'recovered',
      swap: 'recovered',
      silence: 'recovered',
      expire: 'untouched',
    },
    why: [
      'What is worked out from the request alone cannot be forgotten, and every balancer works out the same.',
      'It is the name that counts. A request that names nobody goes by its address, and moves with it.',
      'When a server joins, it takes its share of the ring, and only the users there are led elsewhere.',
    ],
    next: 'amnesia fleet http/memory --policy hash --act add',
  },
};

export const story: Story<UsersClient> = {
  card,
  protocol: 'balancer',
  // Both are signed in, and neither has been led anywhere since.
  middle: 2,
  about:
    'Bob and Ann sign in to a shop with three servers behind one balancer, each from an address of their own. Each server keeps the sessions it has made in its own memory.',
  steps: [
    step('bob signs in', (client) => client.signIn('bob', 'milk')),
    step('ann signs in', (client) => client.signIn('ann', 'tea')),
    step('ann puts tea into her cart', (client) => client.put('ann', 'tea')),
    step('bob looks at his profile', (client) => client.profile('bob')),
    step('ann looks into her cart', (client) => client.cart('ann')),
  ],
  designs,
};

if (ranDirectly(import.meta.url, 'balancer')) await (await import('../src/cli/amnesia.ts')).runStory(story);

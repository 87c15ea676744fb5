// HTTP: one login, one cart, one client; and what a cut takes depends on where they are held.

import { ranDirectly } from '../src/lab/direct.ts';
import type { Cut, Exchange, Step, Story, Telling } from '../src/lab/story.ts';
import type { WebClient } from '../src/protocols/http/client.ts';
import { card } from '../src/protocols/http/index.ts';

/** Everything is in its place, and the first pages are read. */
const settled: Cut = { is: 'kill', at: { after: 4 } };

const designs: Record<'memory' | 'store' | 'redis' | 'careless' | 'token' | 'rolled' | 'hybrid', Telling> = {
  memory: {
    cut: settled,
    verdict: 'lost',
    predict: {
      ask: 'Ann has logged in, put lamps in her cart and begun a film. The server is killed, and started again. She asks for the next page. What does she see?',
      choices: ['the next page', 'the page to log in', 'an error of the connection'],
      right: 1,
    },
    claims: { forget: 'lost', path: 'recovered', kill: 'lost', swap: 'lost', silence: 'recovered', expire: 'lost' },
    why: [
      'The cookie is a name, and what was filed under it was in the process: user, cart, film and cursor.',
      'Her browser did everything right, and still carries the cookie. Nobody is left who knows what it means.',
      'From another address she would have been known: a session is filed under the cookie, not under the connection.',
    ],
    next: 'amnesia demo http/store',
  },
  store: {
    cut: settled,
    verdict: 'recovered',
    predict: {
      ask: 'The same server, only that it writes down each change before it answers. It is killed at the same moment. What does Ann notice?',
      choices: ['nothing but a new connection', 'her cart is empty', 'she has to log in'],
      right: 0,
    },
    claims: {
      forget: 'lost',
      path: 'recovered',
      kill: 'recovered',
      swap: 'lost',
      silence: 'recovered',
      expire: 'lost',
      store: 'lost',
    },
    why: [
      'The same rules as http/memory; only a journal stands between a decision and the answer that promises it.',
      'The next life folds the journal into the same state, session ids and all: the old cookie opens it again.',
      'But it is the disk of one machine. A balancer that leads her elsewhere leads her to somebody who has never met her.',
    ],
    next: 'amnesia demo http/redis',
  },
  redis: {
    cut: { is: 'swap', at: { after: 4 } },
    verdict: 'recovered',
    predict: {
      ask: 'Two servers behind a balancer, and one Redis. Ann logged in at the first, and is led to the second. What does it know of her?',
      choices: ['all of it', 'who she is, but not her cart', 'nothing'],
      right: 0,
    },
    claims: {
      forget: 'lost',
      path: 'recovered',
      kill: 'recovered',
      swap: 'recovered',
      silence: 'recovered',
      expire: 'lost',
      store: 'lost',
    },
    why: [
      'What a server hears goes into a stream in Redis, and all of them follow it: they are one.',
      'So it makes no difference who is asked, or who dies. What remains is the one thing that all of them lean on.',
      'While that is away each request is answered 503; lose it, and all have forgotten together.',
    ],
    next: 'amnesia demo http/redis --cut store',
  },
  careless: {
    cut: { is: 'kill', at: { after: 4 } },
    verdict: 'recovered',
    predict: {
      ask: 'This one writes down sessions and orders, and keeps Idempotency-Keys in its process. It is killed between two pages. What does Ann notice?',
      choices: ['nothing but a new connection', 'her cart is empty', 'she has to log in'],
      right: 0,
    },
    claims: {
      forget: 'lost',
      path: 'recovered',
      kill: 'recovered',
      swap: 'lost',
      silence: 'recovered',
      expire: 'lost',
      store: 'lost',
    },
    why: [
      'Nothing of what she does here leans on a key, so nothing is missing: this mistake passes every such test.',
      'It shows when an order has been made and its answer has not left: sent again, it is made again.',
      'A key must be written down together with what it stands for, or it guards nothing at the one moment it is for.',
    ],
    next: 'amnesia points http/careless',
  },
  token: {
    cut: settled,
    verdict: 'recovered',
    predict: {
      ask: 'The cookie is a signed token that carries user, cart and film; the server keeps nothing. It is killed and started again. And when Ann logs out, and somebody has a copy of her cookie?',
      choices: [
        'the kill is not noticed, and the copy still opens everything',
        'the kill is not noticed, and the copy is worth nothing',
        'the kill logs her out',
      ],
      right: 0,
    },
    claims: {
      forget: 'untouched',
      path: 'recovered',
      kill: 'recovered',
      swap: 'recovered',
      silence: 'recovered',
      expire: 'lost',
    },
    why: [
      'The server holds nothing, so there is nothing to lose: any server with the key knows her from the cookie alone.',
      'The price: what is not held cannot be taken back. Logged out, a copy of the token is good until it ends.',
      'And it takes no orders: what remembers nothing cannot know that it has already taken one. Nor is it small.',
    ],
    next: 'amnesia demo http/rolled',
  },
  rolled: {
    cut: settled,
    verdict: 'lost',
    predict: {
      ask: 'The same tokens; only that each process rolls a key of its own when it starts. It is killed and started again. What does Ann see?',
      choices: ['the next page: her token says all', 'the page to log in', 'her name, and an empty cart'],
      right: 1,
    },
    claims: {
      forget: 'untouched',
      path: 'recovered',
      kill: 'lost',
      swap: 'lost',
      silence: 'recovered',
      expire: 'lost',
    },
    why: [
      'A token needs no memory of its owner, and still leans on one: on the key that it was signed with.',
      'The new process has another key, and to it her token is what any forger could have written.',
      'Rolling the key is the one way to take all tokens back at once, and this is what it costs: everyone is logged out.',
    ],
    next: 'amnesia demo http/hybrid',
  },
  hybrid: {
    cut: { is: 'store', at: { after: 4 } },
    verdict: 'lost',
    predict: {
      ask: 'A token says who Ann is; her cart and films are in Redis, filed under her name. Redis is lost with all it held. What is left of her?',
      choices: ['nothing: she has to log in', 'who she is, and an empty cart', 'all of it'],
      right: 1,
    },
    claims: {
      forget: 'lost',
      path: 'recovered',
      kill: 'recovered',
      swap: 'recovered',
      silence: 'recovered',
      expire: 'lost',
      store: 'lost',
    },
    why: [
      'Who you are is carried, what you did is held: each is lost by a cut of its own.',
      'Here Redis came back empty. While it is away, her profile is still shown and her cart is answered 503: half a service instead of none.',
      'It has both prices too: a store to look after, and a log-out that does not reach the copies.',
    ],
    next: 'amnesia points http/careless',
  },
};

type Steps = readonly Step<WebClient>[];

const login: Step<WebClient> = { name: 'log in as ann', act: (client) => client.login('ann', 'correct horse') };
const order = (how: 'key' | 'again'): Step<WebClient> => ({
  name: how === 'key' ? 'order a lamp, under a key' : 'order a lamp, and click again when nothing comes',
  act: (client) => client.order('lamp', 1, how),
});
/** Looks at the orders, after a new login where the old one is gone. */
const count: Step<WebClient> = {
  name: 'count the orders',
  async act(client) {
    const first = await client.orders();
    const isOut = first.startsWith('401');
    if (isOut) await client.login('ann', 'correct horse');
    const orders = isOut ? await client.orders() : first;
    const copies = orders.split('lamp').length - 1;
    return `${['none', 'one', 'two'][copies] ?? copies}${isOut ? ', logged out' : ''}`;
  },
};
const put: Steps = [
  login,
  { name: 'put two lamps in the cart', act: (client) => client.put('lamp', 2) },
  {
    name: 'look at the cart',
    async act(client) {
      const cart = await client.cart();
      return cart.includes('lamp × 2') ? 'two lamps' : cart.startsWith('401') ? 'none, logged out' : cart;
    },
  },
];
const pages = (by: 'keyset' | 'cursor'): Steps => [
  login,
  { name: 'page one', act: (client) => client.page(by) },
  {
    name: 'page two',
    async act(client) {
      const page = await client.page(by);
      if (page.includes('Nosferatu')) return 'page two';
      return page.includes('Potemkin') ? 'page three' : page.slice(0, 3);
    },
  },
];

const on = (moment: 'read' | 'send' | 'sent', nth: number, kind: string) => ({ moment, nth, kind });
const posted: Exchange<WebClient>['points'] = [
  { on: on('read', 2, 'POST'), tells: 'the server has read the order, and nothing came of it yet' },
  { on: on('send', 1, '201'), tells: 'the order is made, and its answer has not left' },
  { on: on('sent', 1, '201'), tells: 'the answer is on its way' },
];

const exchanges: Exchange<WebClient>[] = [
  { name: 'POST, no key', steps: [login, order('again'), count], points: posted },
  { name: 'POST, with a key', steps: [login, order('key'), count], points: posted },
  {
    name: 'PUT',
    steps: put,
    points: [
      { on: on('read', 1, 'PUT'), tells: 'the server has read it, and nothing came of it yet' },
      { on: on('send', 2, '200'), tells: 'it is done, and its answer has not left' },
    ],
  },
  {
    name: 'a page by cursor',
    steps: pages('cursor'),
    points: [
      { on: on('read', 2, 'GET'), tells: 'the server has read the request for page two' },
      { on: on('send', 3, '200'), tells: 'the cursor has moved on, and page two has not left' },
    ],
  },
  {
    name: 'a page by keyset',
    steps: pages('keyset'),
    points: [
      { on: on('read', 2, 'GET'), tells: 'the server has read the request for page two' },
      { on: on('send', 3, '200'), tells: 'page two has not left' },
    ],
  },
];

const both = async (client: WebClient) => `${await client.page('keyset')}; by cursor ${await client.page('cursor')}`;

export const story: Story<WebClient> = {
  card,
  protocol: 'http',
  about:
    'Ann logs in, fills her cart, begins a film and reads a list page by page. Then she logs out, and her old cookie is tried again.',
  // What a session, a token and a cursor are good for.
  lifetime: 600_000,
  steps: [
    login,
    { name: 'put two lamps in the cart', act: (client) => client.put('lamp', 2) },
    { name: 'watch metropolis up to minute 42', act: (client) => client.watch('metropolis', 42) },
    { name: 'read page one of the films, in both ways', act: both },
    { name: 'read page two', act: both },
    {
      name: 'look at profile, cart and film',
      act: async (client) => `${await client.profile()}; ${await client.cart()}; ${await client.watched('metropolis')}`,
    },
    { name: 'log out', act: (client) => client.logout() },
    {
      name: 'try the old cookie again',
      async act(client) {
        await client.restore();
        return client.profile();
      },
    },
  ],
  designs,
  exchanges,
};

if (ranDirectly(import.meta.url, 'http')) await (await import('../src/cli/amnesia.ts')).runStory(story);

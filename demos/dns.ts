// DNS: a server that answers without knowing anybody, and one that knows its clients again without keeping a list.

import { ranDirectly } from '../src/lab/direct.ts';
import type { Step, Story, Telling } from '../src/lab/story.ts';
import type { DnsClient } from '../src/protocols/dns/client.ts';
import { card } from '../src/protocols/dns/index.ts';

const ask = (name: string, type: string): Step<DnsClient> => ({
  name: `ask for ${name} ${type}`,
  act: (client) => client.ask(name, type),
});

const designs: Record<'plain' | 'cookie' | 'cookie-shared', Telling> = {
  plain: {
    cut: { is: 'kill', at: { after: 2 } },
    verdict: 'untouched',
    predict: {
      ask: 'After the second answer the server is killed and started again. Later the first question is asked once more. What does its answer look like?',
      choices: [
        'an error, until the client has introduced itself again',
        'the same address, but the bytes differ: this is another process',
        'the same bytes as at first, except for the ID that the client rolled',
      ],
      right: 2,
    },
    claims: {
      forget: 'untouched',
      path: 'untouched',
      kill: 'untouched',
      swap: 'untouched',
      silence: 'recovered',
      expire: 'untouched',
    },
    why: [
      'A query carries all that its answer needs: a name, a type and an ID. The server finds the rest in its zone.',
      'What it does count, answers per network, is lost with it. Only a flood would ask for that; nobody misses it.',
      'The one memory that matters is the client’s: pending[www.example.test A]. Without it an ID means nothing.',
    ],
    next: 'amnesia demo dns --at "send 6 RESPONSE"',
  },
  cookie: {
    cut: { is: 'kill', at: { after: 2 } },
    verdict: 'recovered',
    predict: {
      ask: 'This server sends every client a cookie and keeps no list of them. It is killed after the second answer. What does it make of the cookie that the client shows with its third question?',
      choices: [
        'it takes it: all of the proof is in the cookie',
        'it refuses it and sends another one; the client asks again',
        'it passes it over and answers: a cookie changes nothing',
      ],
      right: 1,
    },
    claims: {
      forget: 'recovered',
      path: 'untouched',
      kill: 'recovered',
      swap: 'recovered',
      silence: 'recovered',
      expire: 'recovered',
    },
    why: [
      'A cookie is a hash of the client’s address under a key. The client keeps it, so the server needs no list.',
      'The key is all that the server remembers. With another one each of its own cookies looks forged: BADCOOKIE.',
      'With that refusal comes a cookie made with the new key. The client asks once more, and nothing is lost but time.',
    ],
    next: 'amnesia demo dns/cookie-shared',
  },
  'cookie-shared': {
    cut: { is: 'swap', at: { after: 2 } },
    verdict: 'untouched',
    predict: {
      ask: 'Every instance of this server is given the same key. After the second answer another instance takes over. What does it make of a cookie that it has not made?',
      choices: [
        'it takes it: whoever has the key would have made the same',
        'it refuses it: it has never met this client',
        'it asks the first instance',
      ],
      right: 0,
    },
    claims: {
      forget: 'untouched',
      path: 'untouched',
      kill: 'untouched',
      swap: 'untouched',
      silence: 'recovered',
      expire: 'recovered',
    },
    why: [
      'The same cookies as in dns/cookie; only the key comes from outside and is the same for every instance.',
      'So no instance remembers anything that another does not know: the client brings the rest along.',
      'What was memory has become a setting. It outlives every process, and somebody has to look after it.',
    ],
    next: 'amnesia litmus',
  },
};

export const story: Story<DnsClient> = {
  card,
  protocol: 'dns',
  about:
    'A client asks an authoritative server for an address, an alias, a name that is not there, a long text, two things at once, and the first again.',
  steps: [
    ask('www.example.test', 'A'),
    ask('alias.example.test', 'A'),
    ask('nothing.example.test', 'A'),
    ask('big.example.test', 'TXT'),
    {
      name: 'ask two questions on one connection',
      act: (client) =>
        client.askTogether([
          ['mail.example.test', 'A'],
          ['example.test', 'MX'],
        ]),
    },
    ask('www.example.test', 'A'),
  ],
  designs,
};

if (ranDirectly(import.meta.url, 'dns')) await (await import('../src/cli/amnesia.ts')).runStory(story);

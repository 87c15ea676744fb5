// WebSocket: a chat, where whoever is not connected hears nothing, unless it can say what it has heard last.

import { ranDirectly } from '../src/lab/direct.ts';
import type { Exchange, Story, Telling } from '../src/lab/story.ts';
import type { ChatClient } from '../src/protocols/websocket/client.ts';
import { card } from '../src/protocols/websocket/index.ts';

const designs: Record<'memory' | 'resume' | 'redis', Telling> = {
  memory: {
    cut: { is: 'path', at: { after: 3 } },
    verdict: 'lost',
    predict: {
      ask: 'Ada and Bob are in one room. Both lose their connections for a moment, as in a tunnel. Bob is back at once and says two more things; then Ada comes back, into the same room, under the same name. What does she hear?',
      choices: [
        'the two things that Bob has said meanwhile',
        'nothing, and nothing tells her that she has missed something',
        'nothing, and the server tells her how much she has missed',
      ],
      right: 1,
    },
    claims: { forget: 'lost', path: 'lost', kill: 'lost', swap: 'lost', silence: 'recovered', expire: 'untouched' },
    why: [
      'A room is the list of connections that are in it: who is there is filed under the path, and gone with it.',
      'What is said is told to whoever is there at that moment. Nobody keeps it, so nobody can be asked for it.',
      'The server lived on, and forgot nothing that it had ever filed: it was filed under what did not last.',
    ],
    next: 'amnesia demo websocket/resume',
  },
  resume: {
    cut: { is: 'kill', at: { after: 4 } },
    verdict: 'recovered',
    predict: {
      ask: 'The same room; but what is said is numbered and written down, and who comes back names the last number it has seen. The server is killed after Bob’s second message. He says a third one; then Ada comes back. What does she hear?',
      choices: [
        'all of it, the first two perhaps twice',
        'all of it, each thing once',
        'only what was said after the kill',
      ],
      right: 1,
    },
    claims: {
      forget: 'lost',
      path: 'recovered',
      kill: 'recovered',
      swap: 'lost',
      silence: 'recovered',
      expire: 'untouched',
      store: 'lost',
    },
    why: [
      'The connections are gone with the process as before; what was said is filed under the room and a number.',
      'The client carries that number. “After 2” is all that the server must be told to know what is missing.',
      'Who is in the room is not kept: whoever comes back says so, and whoever does not is not there.',
    ],
    next: 'amnesia points websocket',
  },
  redis: {
    cut: { is: 'swap', at: { after: 4 } },
    verdict: 'recovered',
    predict: {
      ask: 'Two servers, and a balancer in front. Both members are led to the second one, which has never met them and shares neither memory nor disk with the first. Bob says a third thing. What does Ada hear when she comes back?',
      choices: ['only the third', 'all three, in order', 'an error: the room is on the other server'],
      right: 1,
    },
    claims: {
      forget: 'lost',
      path: 'recovered',
      kill: 'recovered',
      swap: 'recovered',
      silence: 'recovered',
      expire: 'untouched',
      store: 'lost',
    },
    why: [
      'What a server hears goes into a stream in Redis, and all servers read it in the same order: a room spans them all.',
      'So messages have one order and one numbering, whichever server somebody is connected to.',
      'Lose the stream, and all of them have forgotten together; then the numbers begin anew, and they say so.',
    ],
    next: 'amnesia demo websocket/redis --cut store',
  },
};

type Steps = Exchange<ChatClient>['steps'];

const come = (name: string, stays = false): Steps[number] => ({
  name: `${name}: join the kitchen`,
  act: (client) => client.join(name, 'kitchen', { stays }),
});
const say = (text: string): Steps[number] => ({ name: `bob: say “${text}”`, act: (client) => client.say('bob', text) });
/** What ada has heard of it. */
const count: Steps[number] = {
  name: 'ada: count',
  act: async (client) => {
    const copies = (await client.hear('ada')).split('“Hello”').length - 1;
    return ['lost', 'once', 'twice'][copies] ?? `${copies} times`;
  },
};

const on = (moment: 'read' | 'send' | 'sent', nth: number, kind: string) => ({ moment, nth, kind });

const exchanges: Exchange<ChatClient>[] = [
  {
    name: 'to one who stays',
    steps: [come('ada', true), come('bob'), say('Hello'), count],
    points: [
      { on: on('read', 1, 'SAY'), tells: 'the server has read it, and told nobody' },
      { on: on('send', 1, 'SAID'), tells: 'it is about to be told to ada' },
      { on: on('sent', 1, 'SAID'), tells: 'ada has been told, and bob does not know it' },
      { on: on('sent', 2, 'SAID'), tells: 'both have been told' },
    ],
  },
  {
    name: 'to one who is away',
    steps: [come('ada'), come('bob'), { name: 'ada: go', act: (client) => client.vanish('ada') }, say('Hello'), count],
    points: [
      { on: on('read', 1, 'SAY'), tells: 'the server has read it, and told nobody' },
      { on: on('send', 1, 'SAID'), tells: 'it is about to be told to bob, who said it' },
      { on: on('sent', 1, 'SAID'), tells: 'bob has been told that it was said' },
    ],
  },
];

export const story: Story<ChatClient> = {
  card,
  protocol: 'websocket',
  about: 'Ada and Bob are in a chat room. Bob says three things, and Ada hears what was said.',
  steps: [
    come('ada'),
    come('bob'),
    say('Do'),
    say('not'),
    say('forget me.'),
    { name: 'ada: hear what was said', act: (client) => client.hear('ada') },
  ],
  designs,
  exchanges,
};

if (ranDirectly(import.meta.url, 'websocket')) await (await import('../src/cli/amnesia.ts')).runStory(story);

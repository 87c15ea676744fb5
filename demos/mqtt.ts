// MQTT: a letter box under your name, which a kill empties unless it is written down.

import { ranDirectly } from '../src/lab/direct.ts';
import type { Cut, Exchange, Story, Telling } from '../src/lab/story.ts';
import type { LettersClient } from '../src/protocols/mqtt/client.ts';
import { card } from '../src/protocols/mqtt/index.ts';
import type { QoS } from '../src/protocols/mqtt/wire.ts';

/** All letters are in the box, and the sleeper has not come for them yet. */
const unread: Cut = { is: 'kill', at: { after: 5 } };

const designs: Record<'memory' | 'disk' | 'redis' | 'aedes' | 'aedes-level' | 'aedes-redis', Telling> = {
  memory: {
    cut: unread,
    verdict: 'lost',
    predict: {
      ask: 'A sleeper has subscribed and gone away. Three letters come for it, and each is acknowledged. Then the broker is killed, and started again. The sleeper comes back and asks to carry on. What does it get?',
      choices: [
        'the three letters: each of them was acknowledged',
        'an error: the broker does not know this session',
        'nothing: no letters, and no error anywhere',
      ],
      right: 2,
    },
    claims: { forget: 'lost', path: 'recovered', kill: 'lost', swap: 'lost', silence: 'recovered', expire: 'lost' },
    why: [
      'Subscriptions and letters are filed under the client id, so the sleeper finds them again from any address.',
      'But the process holds them. A PUBACK said “I have it”, which was true, and never “I will still have it”.',
      'Session present 0 is an answer, not an error: whoever does not look at that one bit never learns of the loss.',
    ],
    next: 'amnesia demo mqtt/disk',
  },
  disk: {
    cut: unread,
    verdict: 'untouched',
    predict: {
      ask: 'The same broker, killed at the same moment; only that it wrote everything down before it said PUBACK. What does the sleeper get?',
      choices: [
        'the three letters, in order',
        'the three letters, some of them twice',
        'session present 1, but no letters: only sessions were written down',
      ],
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
      'The same rules as mqtt/memory; only a journal stands between a decision and the PUBACK that promises it.',
      'The next life folds the journal into the same state: the session under its client id, its letters in their order.',
      'The sleeper notices nothing. Whoever sends notices a lost connection, and sends again what was not acknowledged.',
    ],
    next: 'amnesia demo mqtt/redis',
  },
  redis: {
    cut: { is: 'swap', at: { after: 5 } },
    verdict: 'untouched',
    predict: {
      ask: 'Two brokers, and a balancer in front. The letters were acknowledged by the first; the sleeper comes back and is led to the second, which has never met it. What does it get?',
      choices: ['the three letters, in order', 'session present 0', 'session present 1, and letters later'],
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
      'What a broker hears goes into a stream in Redis, and all brokers read it in the same order: they are one.',
      'A session is filed under the client id and held by none of them, so it makes no difference who is asked.',
      'Lose the stream, and all of them have forgotten together.',
    ],
    next: 'amnesia demo mqtt/redis --cut store',
  },
  aedes: {
    cut: unread,
    verdict: 'lost',
    predict: {
      ask: 'The same clients in front of a broker that many projects use. It has acknowledged three letters for a sleeper, and is killed. What does the sleeper get?',
      choices: [
        'the three letters',
        'nothing, and no error anywhere',
        'an error: the broker does not know this session',
      ],
      right: 1,
    },
    claims: { path: 'recovered', kill: 'lost', swap: 'lost', silence: 'recovered' },
    why: [
      'Aedes as it comes holds sessions in its process, as mqtt/memory does: the packets tell the same story.',
      'Nobody can look into it, so the log has no ledger of it: that a session was there is seen by session present 1.',
      'Ask of any broker what its acknowledgement means, and whether anybody has killed it to find out.',
    ],
    next: 'amnesia points mqtt',
  },
  'aedes-level': {
    cut: { is: 'swap', at: { after: 5 } },
    verdict: 'lost',
    predict: {
      ask: 'This one keeps its sessions in a database on its disk. Between the letters and the sleeper, a balancer leads to another instance. What does the sleeper get?',
      choices: ['the three letters', 'session present 1, and no letters', 'session present 0, and no letters'],
      right: 2,
    },
    // What a kill takes depends on how far the database had come: no author can claim it.
    claims: { path: 'recovered', swap: 'lost', silence: 'recovered', store: 'lost' },
    why: [
      'The sessions are on the disk of the first instance, and another machine has another disk.',
      'A kill it can survive: but it says PUBACK before the letter is stored, so it depends on the moment.',
      'One kill after a pause shows what a server can do; what it promises is shown by many, in the middle of things.',
    ],
    next: 'amnesia points mqtt/aedes-level',
  },
  'aedes-redis': {
    cut: { is: 'store', at: { after: 5 } },
    verdict: 'lost',
    predict: {
      ask: 'This one keeps its sessions in a Redis that other brokers can share. The Redis is lost with all it held. What does the sleeper get?',
      choices: ['the three letters: the broker has seen them', 'session present 0, and no letters', 'an error'],
      right: 1,
    },
    // Whether another broker has caught up when the sleeper comes depends on the moment as well.
    claims: { path: 'recovered', silence: 'recovered', store: 'lost' },
    why: [
      'Held by a shared store: swap the broker and the sleeper finds its letters; lose the store, and they are gone.',
      'It says PUBACK before the letter is stored, so what a kill takes depends on the moment.',
      'Nothing here is an error, for anybody: all of it was acknowledged.',
    ],
    next: 'amnesia points mqtt/aedes-redis',
  },
};

type Steps = Exchange<LettersClient>['steps'];

const come = (qos: QoS): Steps[number] => ({
  name: 'sleeper: subscribe',
  act: async (client) => {
    await client.connect('sleeper', { clean: false });
    return client.subscribe('sleeper', 'letters', qos);
  },
});
const sleep: Steps[number] = { name: 'sleeper: go to sleep', act: (client) => client.sleep('sleeper') };
const publish = (qos: QoS): Steps[number] => ({
  name: 'sender: publish',
  act: async (client) => {
    await client.connect('sender', { clean: false });
    return client.publish('sender', 'letters', 'Hello', qos);
  },
});
/** Whoever sleeps wakes up, and the letter is counted. */
const count = (qos: QoS): Steps[number] => ({
  name: 'sleeper: count',
  act: async (client) => {
    // A broker that fetches what it has kept while it goes on answering may pass on the last letter before it.
    const found = await client.wake('sleeper', 1);
    // What a sender says on one topic comes in order: after this letter nothing is still on its way.
    await client.publish('sender', 'letters', 'That was all.', qos);
    const said = [found, ...(await client.until('sleeper', 'That was all.'))];
    const copies = said.join(' ').split('"Hello"').length - 1;
    return ['lost', 'once', 'twice'][copies] ?? `${copies} times`;
  },
});

const on = (moment: 'read' | 'send' | 'sent', kind: string) => ({ moment, nth: 1, kind });

// A letter comes to the broker from its sender, and goes from there to the sleeper: two exchanges, each with its own packet id.
// Were the sleeper awake, they would run side by side, and which packet comes first would be left to chance.
const exchanges: Exchange<LettersClient>[] = [
  {
    name: 'QoS 0, both awake',
    steps: [come(0), publish(0), count(0)],
    points: [
      { on: on('read', 'PUBLISH'), tells: 'the broker has read it, and passed it to nobody' },
      { on: on('sent', 'PUBLISH'), tells: 'it is on its way to the sleeper' },
    ],
  },
  {
    name: 'QoS 1, from the sender',
    steps: [come(1), sleep, publish(1), count(1)],
    points: [
      { on: on('read', 'PUBLISH'), tells: 'the broker has read it, and nothing came of it yet' },
      { on: on('send', 'PUBACK'), tells: 'the broker has taken it over, and PUBACK has not left' },
      { on: on('sent', 'PUBACK'), tells: 'the sender may forget it' },
    ],
  },
  {
    name: 'QoS 1, to the sleeper',
    steps: [come(1), sleep, publish(1), count(1)],
    points: [
      { on: on('send', 'PUBLISH'), tells: 'the broker is about to tell the sleeper' },
      { on: on('sent', 'PUBLISH'), tells: 'the letter is on its way' },
      { on: on('read', 'PUBACK'), tells: 'the sleeper has acknowledged it, and the broker has not noted that' },
    ],
  },
  {
    name: 'QoS 2, from the sender',
    steps: [come(2), sleep, publish(2), count(2)],
    points: [
      { on: on('read', 'PUBLISH'), tells: 'the broker has read it, and nothing came of it yet' },
      { on: on('send', 'PUBREC'), tells: 'the broker has taken it over, and PUBREC has not left' },
      { on: on('sent', 'PUBREC'), tells: 'the sender may forget the letter, and keeps its number' },
      { on: on('read', 'PUBREL'), tells: 'the broker is told to forget the number, and has not yet' },
      { on: on('send', 'PUBCOMP'), tells: 'the number is released, and PUBCOMP has not left' },
      { on: on('sent', 'PUBCOMP'), tells: 'the sender may forget the number as well' },
    ],
  },
  {
    name: 'QoS 2, to the sleeper',
    steps: [come(2), sleep, publish(2), count(2)],
    points: [
      { on: on('sent', 'PUBLISH'), tells: 'the letter is on its way' },
      { on: on('read', 'PUBREC'), tells: 'the sleeper has it, and the broker has not noted that' },
      { on: on('send', 'PUBREL'), tells: 'the broker has noted it, and PUBREL has not left' },
      { on: on('read', 'PUBCOMP'), tells: 'the sleeper is done, and the broker has not noted that' },
    ],
  },
];

export const story: Story<LettersClient> = {
  card,
  protocol: 'mqtt',
  about: 'A sleeper subscribes to letters and goes away. A sender publishes three. The sleeper comes back for them.',
  // What the broker grants to whoever names no Session Expiry Interval.
  lifetime: 3_600_000,
  steps: [
    {
      name: 'sleeper: subscribe to letters/#, to be remembered',
      act: async (client) => {
        const known = await client.connect('sleeper', { clean: false });
        return `${known}; ${await client.subscribe('sleeper', 'letters/#', 1)}`;
      },
    },
    { name: 'sleeper: go to sleep', act: (client) => client.sleep('sleeper') },
    {
      name: 'sender: come, and publish letters/1 "Do "',
      act: async (client) => {
        await client.connect('sender');
        return client.publish('sender', 'letters/1', 'Do ', 1);
      },
    },
    {
      name: 'sender: publish letters/2 "not "',
      act: (client) => client.publish('sender', 'letters/2', 'not ', 1),
    },
    {
      name: 'sender: publish letters/3 "forget me.", and leave',
      act: async (client) => {
        const said = await client.publish('sender', 'letters/3', 'forget me.', 1);
        await client.finish('sender');
        return said;
      },
    },
    { name: 'sleeper: wake up', act: (client) => client.wake('sleeper', 3) },
  ],
  designs,
  exchanges,
};

if (ranDirectly(import.meta.url, 'mqtt')) await (await import('../src/cli/amnesia.ts')).runStory(story);

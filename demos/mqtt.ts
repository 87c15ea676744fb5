// MQTT: a letter box under your name, which a kill empties unless it is written down.

import { ranDirectly } from '../src/lab/direct.ts';
import type { Cut, Story, Telling } from '../src/lab/story.ts';
import type { LettersClient } from '../src/protocols/mqtt/client.ts';
import { card } from '../src/protocols/mqtt/index.ts';

/** All letters are in the box, and the sleeper has not come for them yet. */
const unread: Cut = { is: 'kill', at: { after: 5 } };

const designs: Record<'memory' | 'disk', Telling> = {
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
    claims: { forget: 'lost', path: 'recovered', kill: 'lost', swap: 'lost', expire: 'lost' },
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
    claims: { forget: 'lost', path: 'recovered', kill: 'recovered', swap: 'lost', expire: 'lost', store: 'lost' },
    why: [
      'The same rules as mqtt/memory; only a journal stands between a decision and the PUBACK that promises it.',
      'The next life folds the journal into the same state: the session under its client id, its letters in their order.',
      'The sleeper notices nothing. Whoever sends notices a lost connection, and sends again what was not acknowledged.',
    ],
    next: 'amnesia demo mqtt/disk --cut forget',
  },
};

export const story: Story<LettersClient> = {
  card,
  protocol: 'mqtt',
  about: 'A sleeper subscribes to letters and goes away. A sender publishes three. The sleeper comes back for them.',
  // What the broker grants to whoever names no Session Expiry Interval.
  lifetime: 3_600_000,
  steps: [
    {
      name: 'sleeper: subscribe to letters/#, and ask to be remembered',
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
    { name: 'sleeper: wake up', act: (client) => client.wake('sleeper') },
  ],
  designs,
};

if (ranDirectly(import.meta.url, 'mqtt')) await (await import('../src/cli/amnesia.ts')).runStory(story);

// TCP session: the same session under four roofs, and what a cut takes from each.

import { ranDirectly } from '../src/lab/direct.ts';
import type { Step, Story, Telling } from '../src/lab/story.ts';
import type { SessionClient } from '../src/protocols/tcp-session/client.ts';
import { card } from '../src/protocols/tcp-session/index.ts';

const send = (text: string): Step<SessionClient> => ({ name: `send "${text}"`, act: (client) => client.send(text) });

const designs: Record<'memory' | 'connection' | 'disk' | 'shared', Telling> = {
  memory: {
    cut: { is: 'kill', at: { on: { moment: 'read', nth: 2, kind: 'DATA' } } },
    verdict: 'broken',
    predict: {
      ask: 'The server is killed when it has read the second DATA and not answered yet. It starts again; the client comes back with its token. And then?',
      choices: [
        'it carries on, and sends the second DATA again',
        'it carries on, but the first bytes are gone',
        'the server does not know the token',
      ],
      right: 2,
    },
    claims: {
      forget: 'broken',
      path: 'recovered',
      kill: 'broken',
      swap: 'broken',
      silence: 'recovered',
      expire: 'untouched',
    },
    why: [
      'The session is filed under a token that the client carries: from another address it would be found again.',
      'But the process holds it. Killed, it takes along the number it expected, the digest, and the token itself.',
      'The client did everything right. What it holds is a name, and nobody is left who files anything under it.',
    ],
    next: 'amnesia demo tcp-session/disk',
  },
  connection: {
    cut: { is: 'path', at: { after: 3 } },
    verdict: 'broken',
    predict: {
      ask: 'The server lives on; the client comes back from another address, as a phone does that leaves its Wi-Fi. Does the server know it?',
      choices: [
        'yes: it shows the same token',
        'no: its session was filed under the old connection',
        'yes, after it has opened a new session',
      ],
      right: 1,
    },
    claims: {
      forget: 'broken',
      path: 'broken',
      kill: 'broken',
      swap: 'broken',
      silence: 'broken',
      expire: 'untouched',
    },
    why: [
      'Here the session is filed under the connection itself: who speaks is known by the path they speak on.',
      'When that path ends, nobody could ever ask for the session again, so the server drops it.',
      'No process died and no memory was short: the state was filed under something that did not last.',
    ],
    next: 'amnesia demo tcp-session/memory --cut path',
  },
  disk: {
    cut: { is: 'kill', at: { on: { moment: 'sync', nth: 3, kind: '' } } },
    verdict: 'recovered',
    predict: {
      ask: 'The server is killed right after the second DATA reached its disk and before the ACK left. The client sends it again. Is it delivered twice?',
      choices: [
        'yes: the server cannot know that it had it',
        'no: it is acknowledged again, and delivered once',
        'no: the server refuses the session',
      ],
      right: 1,
    },
    claims: {
      forget: 'broken',
      path: 'recovered',
      kill: 'recovered',
      swap: 'broken',
      silence: 'recovered',
      expire: 'untouched',
      store: 'broken',
    },
    why: [
      'The same rules as tcp-session/memory; only a journal stands between a decision and the answer that promises it.',
      'What was promised is on the disk, so the next life folds the journal into the same state and knows the token.',
      'The number the server expects tells the client what arrived: each byte is delivered once, kill or no kill.',
    ],
    next: 'amnesia demo tcp-session/shared',
  },
  shared: {
    cut: { is: 'swap', at: { after: 3 } },
    verdict: 'recovered',
    predict: {
      ask: 'After the second message a balancer leads to another instance: another process, which has never met this client and shares neither memory nor disk with the first. The client shows its token. And then?',
      choices: [
        'the other instance does not know the token',
        'it knows the token, and expects the first bytes again',
        'it carries on where the first one stopped',
      ],
      right: 2,
    },
    claims: {
      forget: 'broken',
      path: 'recovered',
      kill: 'recovered',
      swap: 'recovered',
      silence: 'recovered',
      expire: 'untouched',
      store: 'broken',
    },
    why: [
      'What an instance hears goes into a stream in Redis, and is answered when it comes back from there.',
      'Every instance reads the same stream in the same order and obeys the same rules, so all know the same session.',
      'Which of them dies or is asked makes no difference. Lose the stream, and all of them have forgotten together.',
    ],
    next: 'amnesia litmus',
  },
};

export const story: Story<SessionClient> = {
  card,
  protocol: 'tcp-session',
  about: 'A client opens a session, sends its bytes in three messages and closes it. Both ends number every byte.',
  steps: [
    { name: 'open a session', act: (client) => client.open(1000) },
    send('Do '),
    send('not '),
    send('forget me.'),
    { name: 'close it', act: (client) => client.finish() },
  ],
  designs,
  exchanges: [
    {
      name: 'one DATA',
      steps: [
        { name: 'open a session', act: (client) => client.open(1000) },
        send('Do '),
        {
          name: 'close it',
          // The server agrees with what it was told only if each byte was delivered, and delivered once.
          act: (client) => client.finish().then(() => 'once'),
        },
      ],
      points: [
        { on: { moment: 'read', nth: 1, kind: 'DATA' }, tells: 'the server has read DATA, and nothing came of it yet' },
        { on: { moment: 'send', nth: 1, kind: 'ACK' }, tells: 'delivered, and the ACK has not left' },
        { on: { moment: 'sent', nth: 1, kind: 'ACK' }, tells: 'the ACK is on its way' },
      ],
    },
  ],
};

if (ranDirectly(import.meta.url, 'tcp-session')) await (await import('../src/cli/amnesia.ts')).runStory(story);

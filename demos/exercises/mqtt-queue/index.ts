// An MQTT queue: letters for somebody who sleeps, and what a kill may take of them.

import type { Build, Check, Finding } from '../../../src/lab/exercise.ts';
import { answers, during, field, type Packet, survived } from '../../../src/lab/exercise.ts';
import { card } from '../../../src/protocols/mqtt/index.ts';
import { connect, type Talker } from '../packets.ts';

const [WAKE, AGAIN, ANEW] = [5, 6, 7];

const publish = (topic: string, said: string, id: number) => ({
  name: `sender: publish ${topic} "${said}"`,
  act: (client: Talker) => client.publish('sender', { topic, said, qos: 1, id }),
});

/** The first packet of a kind that the server says in a step. */
function firstOf(run: Parameters<Check['look']>[0], step: number, kind: string): Packet | undefined {
  return during(run, step).find(
    (entry): entry is Packet => entry.is === 'packet' && entry.side === 'server' && entry.kind === kind,
  );
}

/** Looks at the bit in which a CONNACK says whether there is a session. */
function presence(step: number, right: 0 | 1, why: string): Check['look'] {
  return (run): Finding | undefined => {
    const connack = firstOf(run, step, 'CONNACK');
    if (!connack || field(connack, 'sessionPresent') === right) return undefined;
    const place = connack.fields.find(({ id }) => id === 'sessionPresent');
    return {
      row: connack.row,
      ...(place ? { at: place.start } : {}),
      expected: `session present ${right}: ${why}`,
      found: `session present ${field(connack, 'sessionPresent')}`,
    };
  };
}

export const exercise: Build<Talker> = {
  id: 'mqtt-queue',
  kind: 'feature',
  cites: 'MQTT 3.1.1 (OASIS)',
  card,
  connect,
  steps: [
    {
      name: 'sleeper: come, and subscribe to letters/#',
      act: async (client) =>
        `${await client.come('sleeper', false)}; ${await client.subscribe('sleeper', 'letters/#', 1)}`,
    },
    { name: 'sleeper: go to sleep', act: (client) => client.leave('sleeper') },
    {
      name: 'sender: come, and publish letters/ann "Do not"',
      async act(client) {
        await client.come('sender', true);
        return client.publish('sender', { topic: 'letters/ann', said: 'Do not', qos: 1, id: 1 });
      },
    },
    publish('letters/ann', 'forget me.', 2),
    {
      name: 'sleeper: wake, acknowledge the first letter, lose the connection',
      async act(client) {
        const present = await client.come('sleeper', false);
        const letters = await client.letters('sleeper', 1);
        // Whatever is answered now, the PUBACK has been heard before it.
        await client.letters('sleeper', 0);
        await client.lose('sleeper');
        return `${present}; ${letters}`;
      },
    },
    {
      name: 'sleeper: come back, and acknowledge all',
      async act(client) {
        const present = await client.come('sleeper', false);
        const letters = await client.letters('sleeper');
        await client.leave('sleeper');
        return `${present}; ${letters}`;
      },
    },
    {
      name: 'sleeper: come to begin anew (clean session)',
      act: async (client) => `${await client.come('sleeper', true)}; ${await client.letters('sleeper')}`,
    },
  ],
  arms: {
    'kill-subscribed': { is: 'kill', at: { after: 2 } },
    'kill-queued': { is: 'kill', at: { after: 4 } },
    'kill-acknowledged': { is: 'kill', at: { after: 5 } },
  },
  checks: [
    {
      id: 'present',
      stage: 'right',
      sentence: 'Who comes back with Clean Session 0 is told that the session is present.',
      cite: 'MQTT-3.2.2-2',
      look: presence(WAKE, 1, 'this client id has subscribed, and has not been asked to begin anew'),
      ask: 'By what could a broker recognise somebody whose connection is a new one?',
      hint: 'The client id stands in CONNECT. File the session under it, and leave it there when the connection ends.',
    },
    {
      id: 'queued',
      stage: 'right',
      sentence: 'Letters with QoS 1 that come for a sleeper are sent when it wakes, in order.',
      cite: 'MQTT-3.1.2-5, MQTT-4.6.0-6',
      look: answers(
        WAKE,
        'session present 1; "Do not", "forget me."',
        'both letters, between CONNACK and PINGRESP, for the first time',
        'dup',
        'payload',
      ),
      ask: 'Where does a letter go whose reader is not there?',
      hint: 'Give every session a queue. What fits a filter goes in with a number of its own, and is sent behind CONNACK.',
    },
    {
      id: 'again',
      stage: 'right',
      sentence: 'What was sent and not acknowledged is sent again, what was acknowledged is not.',
      cite: 'MQTT-4.4.0-1, MQTT-4.3.2-1',
      look(run) {
        const words = 'the second letter alone: only PUBACK takes a letter from the queue';
        return run.steps[AGAIN - 1]?.answer === 'session present 1; "forget me."'
          ? undefined
          : answers(AGAIN, 'session present 1; "forget me." again', words)(run);
      },
      ask: 'What does a broker know of a letter when it has sent it, and what when PUBACK has come?',
      hint: 'A letter stays in the queue until a PUBACK with its number comes; to send it changes nothing of that.',
    },
    {
      id: 'dup',
      stage: 'right',
      sentence: 'A letter that is sent again says so: DUP is 1.',
      cite: 'MQTT-3.3.1-1',
      look(run) {
        const sent = firstOf(run, AGAIN, 'PUBLISH');
        const place = sent?.fields.find(({ id }) => id === 'dup');
        return sent && field(sent, 'dup') === 0
          ? {
              row: sent.row,
              at: place?.start,
              expected: 'DUP 1: this letter was sent before, and not acknowledged',
              found: 'DUP 0',
            }
          : undefined;
      },
      ask: 'How would the sleeper know that it may have this letter already?',
      hint: 'Bit 3 of the first byte of PUBLISH. Keep with each letter whether it has been sent before.',
    },
    {
      id: 'clean',
      stage: 'right',
      sentence: 'Clean Session 1 begins anew: whatever was remembered is gone, and it is told so.',
      cite: 'MQTT-3.1.2-6, MQTT-3.2.2-1',
      look: presence(ANEW, 0, 'the client has asked to begin anew'),
      ask: 'Who may forget a session, and in which bit is that said?',
      hint: 'Bit 1 of the flags of CONNECT. When it is 1, drop what is filed under the client id before you look whether there is anything.',
    },
    {
      id: 'kill-subscribed',
      stage: 'survives',
      arm: 'kill-subscribed',
      sentence: 'A subscription outlives a kill: letters that come later find their reader.',
      cite: 'MQTT 3.1.1 §4.1: a session lasts longer than a connection',
      look: survived,
      ask: 'SUBACK has said that the sleeper will be told. Who knows that, when the process is gone?',
      hint: 'Write sessions and filters to a file in STATE_DIR before SUBACK leaves, and read it when you start.',
    },
    {
      id: 'kill-queued',
      stage: 'survives',
      arm: 'kill-queued',
      sentence: 'A letter that was acknowledged to its sender outlives a kill.',
      cite: 'MQTT-4.3.2-2',
      look: survived,
      ask: 'The sender has its PUBACK and has let go of the letter. Where is it now?',
      hint: 'Write the queue down with the session, and before PUBACK leaves.',
    },
    {
      id: 'kill-acknowledged',
      stage: 'survives',
      arm: 'kill-acknowledged',
      sentence: 'After a kill no letter comes again that its reader has acknowledged.',
      cite: 'MQTT-4.3.2-1',
      look: survived,
      ask: 'What in your file says that a letter has arrived?',
      hint: 'PUBACK changes what is remembered as well: write it down.',
    },
  ],
  hints: [
    'Everything here is filed under the connection. What does the client bring along when it comes by another one?',
    'A Map from client id to session: its filters, and a queue of letters with numbers. CONNECT finds it again, PUBACK takes letters out.',
    'After every change write JSON.stringify([...sessions]) to a file beside the right one, and rename it over that; read it when you start. Do so before SUBACK and PUBACK leave.',
  ],
  wrong: {
    'sent-is-gone': 'again',
    'no-dup': 'dup',
    'keeps-clean': 'clean',
    'no-letters': 'kill-queued',
    'not-done': 'kill-acknowledged',
  },
};

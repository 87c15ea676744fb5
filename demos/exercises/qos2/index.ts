// QoS 2: a letter that is sent twice and taken over once, and how long its number must be remembered for that.

import type { Build, Check, Finding } from '../../../src/lab/exercise.ts';
import { answers, during, lastAnswer, type Packet, survived } from '../../../src/lab/exercise.ts';
import { card } from '../../../src/protocols/mqtt/index.ts';
import { connect, type Talker } from '../packets.ts';

/** Each letter has the same number: what is taken over once is told by the number alone only while it is not released. */
const NUMBER = 7;
const [SENT, AGAIN, OTHER, RELEASED, COUNTED] = [2, 3, 4, 5, 7];

const letter = (said: string) => ({ topic: 'orders', said, qos: 2 as const, id: NUMBER });

/** Looks how often the sleeper gets a letter. */
function once(said: string, why: string): Check['look'] {
  return (run): Finding | undefined => {
    const answer = run.steps[COUNTED - 1]?.answer;
    const copies = (answer ?? '').split(`"${said}"`).length - 1;
    if (answer === undefined || copies === 1) return undefined;
    const came = during(run, COUNTED).filter(
      (entry): entry is Packet => entry.is === 'packet' && entry.kind === 'PUBLISH' && entry.says.includes(`"${said}"`),
    );
    const last = came.at(-1) ?? lastAnswer(run, COUNTED);
    const place = came.at(-1)?.fields.find(({ id }) => id === 'payload');
    return {
      row: last?.row,
      ...(place ? { at: place.start, count: place.end - place.start } : {}),
      expected: `"${said}" once: ${why}`,
      found: answer,
    };
  };
}

export const exercise: Build<Talker> = {
  id: 'qos2',
  kind: 'feature',
  cites: 'MQTT 3.1.1 (OASIS) §4.3.3',
  card,
  connect,
  steps: [
    {
      name: 'sleeper: come, subscribe to orders, and go to sleep',
      async act(client) {
        await client.come('sleeper', false);
        const granted = await client.subscribe('sleeper', 'orders', 1);
        await client.leave('sleeper');
        return granted;
      },
    },
    {
      name: `sender: come, and publish "a lamp" as number ${NUMBER}`,
      async act(client) {
        await client.come('sender', false);
        return client.publish('sender', letter('a lamp'));
      },
    },
    {
      name: 'sender: lose the connection, come back, and publish it again',
      async act(client) {
        await client.lose('sender');
        const present = await client.come('sender', false);
        return `${present}; ${await client.publish('sender', { ...letter('a lamp'), dup: true })}`;
      },
    },
    {
      name: `other: come, publish "a table" as number ${NUMBER}, and release it`,
      async act(client) {
        await client.come('other', false);
        const taken = await client.publish('other', letter('a table'));
        return `${taken}; ${await client.release('other', NUMBER)}`;
      },
    },
    {
      name: `sender: release number ${NUMBER}, and once more`,
      act: async (client) => `${await client.release('sender', NUMBER)}; ${await client.release('sender', NUMBER)}`,
    },
    {
      name: `sender: publish "a chair" as number ${NUMBER}, and release it`,
      async act(client) {
        const taken = await client.publish('sender', letter('a chair'));
        return `${taken}; ${await client.release('sender', NUMBER)}`;
      },
    },
    {
      name: 'sleeper: wake, and count',
      async act(client) {
        await client.come('sleeper', false);
        return client.letters('sleeper');
      },
    },
  ],
  arms: {
    'kill-received': { is: 'kill', at: { after: SENT } },
    'kill-released': { is: 'kill', at: { after: RELEASED } },
  },
  checks: [
    {
      id: 'received',
      stage: 'right',
      sentence: 'A letter with QoS 2 is answered by PUBREC, each time it is sent.',
      cite: 'MQTT-4.3.3-2',
      look: (run) =>
        answers(SENT, `PUBREC id=${NUMBER}`, `PUBREC with the number of the letter: ${NUMBER}`, 'type')(run) ??
        answers(
          AGAIN,
          `session present 1; PUBREC id=${NUMBER}`,
          'the session is present, and PUBREC is said again',
          'type',
        )(run),
      ask: 'Which packet tells the sender that it may forget the letter, and still not its number?',
      hint: 'Bits 1 and 2 of the flags are the QoS. Answer QoS 2 with type 5, PUBREC, and the packet id.',
    },
    {
      id: 'completed',
      stage: 'right',
      sentence: 'PUBREL is answered by PUBCOMP, also when nothing is left to be released.',
      cite: 'MQTT-4.3.3-2',
      look: (run) =>
        answers(
          OTHER,
          `PUBREC id=${NUMBER}; PUBCOMP id=${NUMBER}`,
          'PUBREC for the letter, then PUBCOMP for its PUBREL',
          'type',
        )(run) ?? answers(RELEASED, `PUBCOMP id=${NUMBER}; PUBCOMP id=${NUMBER}`, 'PUBCOMP, both times', 'type')(run),
      ask: 'The sender says PUBREL again because PUBCOMP was lost. What can it do without an answer?',
      hint: 'PUBREL is type 6 with flags 2, and a packet id. Answer it with type 7, PUBCOMP, whether or not you know the number.',
    },
    {
      id: 'once',
      stage: 'right',
      sentence: 'A letter that is sent again before it is released is not taken over again.',
      cite: 'MQTT-4.3.3-2',
      look: once('a lamp', `number ${NUMBER} of this sender was not released when it was sent again`),
      ask: 'The second PUBLISH came by another connection. By what is it the same letter?',
      hint: 'Remember the number in the session of its sender, under the client id, until PUBREL comes.',
    },
    {
      id: 'other',
      stage: 'right',
      sentence: 'The same number from another client is another letter.',
      cite: 'MQTT 3.1.1 §2.3.1: each client counts for itself',
      look: once('a table', `another client has sent it, and its number ${NUMBER} is its own`),
      ask: 'Who has made up the number of a letter, and what do they know of other senders?',
      hint: 'A number alone is the name of nothing. Client id and number together are.',
    },
    {
      id: 'released',
      stage: 'right',
      sentence: 'A number that was released means a new letter when it comes again.',
      cite: 'MQTT-4.3.3-2, MQTT 3.1.1 §2.3.1',
      look: once('a chair', `number ${NUMBER} had been released before it was sent`),
      ask: 'There are 65535 numbers. What happens to the letter after that, if none is ever forgotten?',
      hint: 'PUBREL is the word by which a sender lets you forget the number. Forget it.',
    },
    {
      id: 'kill-received',
      stage: 'survives',
      arm: 'kill-received',
      sentence: 'A letter that was received is known again after a kill: it is not taken over twice.',
      cite: 'MQTT-4.3.3-2, MQTT-4.1.0-1',
      look: survived,
      ask: 'PUBREC had left. What must be on the disk by then, beside the letter itself?',
      hint: 'Letter and number are written down in one piece and before PUBREC: the number is what keeps the letter from coming twice.',
    },
    {
      id: 'kill-released',
      stage: 'survives',
      arm: 'kill-released',
      sentence: 'A number that was released is free after a kill as well: the next letter is not swallowed.',
      cite: 'MQTT-4.3.3-2, MQTT-4.1.0-1',
      look: survived,
      ask: 'What does the second process take the new letter for, and who told the first one otherwise?',
      hint: 'To forget is a change as well: write it down before PUBCOMP leaves.',
    },
  ],
  hints: [
    'Two promises are made one after the other: PUBREC lets the sender forget the letter, PUBCOMP its number. What do you keep in between?',
    'A list of numbers in the session of each sender: PUBLISH with QoS 2 adds one and passes the letter on, if it is not in there; PUBREL takes it out.',
    'Add received: [] to a new session. PUBLISH: in the list? PUBREC alone; else push, queue the letters, writeDown(), PUBREC. PUBREL: filter it out, writeDown(), PUBCOMP.',
  ],
  wrong: {
    'by-connection': 'once',
    'by-number': 'other',
    'never-released': 'released',
    'numbers-in-memory': 'kill-received',
    'release-in-memory': 'kill-released',
  },
};

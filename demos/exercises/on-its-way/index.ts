// On its way: a broker with its queues on a disk, that takes a letter for delivered when it has only been sent.

import type { Adversary } from '../../../src/lab/exercise.ts';
import { card } from '../../../src/protocols/mqtt/index.ts';
import { connect, type Talker } from '../packets.ts';

const publish = (said: string, id: number) => ({
  name: `sender: publish "${said}"`,
  act: (client: Talker) => client.publish('sender', { topic: 'letters', said, qos: 1, id }),
});

/** That a letter comes for the second time is no loss: DUP says so, and the reader knows. */
async function letters(client: Talker): Promise<string> {
  return (await client.letters('reader')).replaceAll(' again', '');
}

export const exercise: Adversary<Talker> = {
  id: 'on-its-way',
  kind: 'adversary',
  cites: 'MQTT 3.1.1 (OASIS)',
  card,
  connect,
  steps: [
    {
      name: 'reader and sender come; reader subscribes, and stays awake',
      async act(client) {
        await client.come('reader', false);
        await client.come('sender', true);
        return client.subscribe('reader', 'letters', 1);
      },
    },
    publish('Do not', 1),
    {
      name: 'reader: read, acknowledge, and go to sleep',
      async act(client) {
        const read = await letters(client);
        await client.leave('reader');
        return read;
      },
    },
    publish('forget me.', 2),
    {
      name: 'reader: wake, and read',
      async act(client) {
        await client.come('reader', false);
        return letters(client);
      },
    },
  ],
  cuts: ['path', 'kill'],
  breaks: [{ cut: 'kill', after: 2 }],
  because:
    'A letter that was written to a connection is on its way, and no more than that. The sender has its PUBACK and the reader has said nothing: until it does, the letter belongs on the disk, whoever is awake (MQTT-4.3.2-1).',
  hints: [
    'A letter has a sender, a broker and a reader. Between which two of the five steps does only one of them have it?',
    'The reader sleeps once and is awake once when a letter comes. Compare what the broker has on its disk after either.',
    'Read writeDown(), and find the moment at which a letter is acknowledged to its sender, is not to its reader, and is in no file.',
  ],
};

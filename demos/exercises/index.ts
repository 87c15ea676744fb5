// The course: every exercise, in the order in which to meet them. The only registry.

import type { Exercise } from '../../src/lab/exercise.ts';
import type { Reading } from '../../src/lab/reading.ts';

export interface Entry {
  id: string;
  /** A few words, for lists. */
  title: string;
  /** What it teaches, in a line. */
  teaches: string;
  load: () => Promise<Exercise | Reading>;
}

export const COURSE: readonly Entry[] = [
  {
    id: 'echo',
    title: 'Echo',
    teaches: 'a datagram carries all that its answer needs: the payload, and the address it came from',
    load: async () => (await import('./echo/index.ts')).exercise,
  },
  {
    id: 'name-not-path',
    title: 'A name, not the path',
    teaches: 'a session filed under a name that the client carries outlives the connection it was opened on',
    load: async () => (await import('./name-not-path/index.ts')).exercise,
  },
  {
    id: 'read-a-return',
    title: 'Reading a return',
    teaches: 'what a client may conclude from an answer that never came, and from the first one after it',
    load: async () => (await import('./read-a-return/index.ts')).exercise,
  },
  {
    id: 'written-down',
    title: 'Written down',
    teaches: 'an acknowledgement is a promise: what it says must be on the disk before it leaves',
    load: async () => (await import('./written-down/index.ts')).exercise,
  },
  {
    id: 'looks-right',
    title: 'It looks right',
    teaches: 'an acknowledgement promises what has been written down, after every step and not after most of them',
    load: async () => (await import('./looks-right/index.ts')).exercise,
  },
  {
    id: 'ftp-rest',
    title: 'FTP REST',
    teaches: 'an offset that the client carries needs no memory at the server, and holds for one transfer',
    load: async () => (await import('./ftp-rest/index.ts')).exercise,
  },
  {
    id: 'mqtt-queue',
    title: 'An MQTT queue',
    teaches: 'a letter stays with the broker until its reader has acknowledged it, whatever becomes of the broker',
    load: async () => (await import('./mqtt-queue/index.ts')).exercise,
  },
  {
    id: 'on-its-way',
    title: 'On its way',
    teaches: 'what was sent has not arrived: whoever promised to deliver it holds it until the reader has said so',
    load: async () => (await import('./on-its-way/index.ts')).exercise,
  },
  {
    id: 'qos2',
    title: 'QoS 2, exactly once',
    teaches: 'a number must be remembered for as long as its letter may be sent again, and no longer',
    load: async () => (await import('./qos2/index.ts')).exercise,
  },
  {
    id: 'idempotent-order',
    title: 'An order, once',
    teaches: 'a key must be written down together with what it stands for, before the answer leaves',
    load: async () => (await import('./idempotent-order/index.ts')).exercise,
  },
];

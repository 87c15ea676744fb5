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
    id: 'reliable-datagrams',
    title: 'Reliable datagrams',
    teaches:
      'what may be lost, doubled or late arrives once and in order, when it is numbered, repeated and acknowledged',
    load: async () => (await import('./reliable-datagrams/index.ts')).exercise,
  },
  {
    id: 'dns-answer',
    title: 'A DNS answer',
    teaches: 'an answer repeats its question, and says how long it may be remembered, also when it is a "no"',
    load: async () => (await import('./dns-answer/index.ts')).exercise,
  },
  {
    id: 'dns-cookie',
    title: 'Cookies with no memory',
    teaches: 'a keyed hash that the client carries: a server can know its clients again, and keep no list of them',
    load: async () => (await import('./dns-cookie/index.ts')).exercise,
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
    id: 'sequence-wrap',
    title: 'Numbers that wrap',
    teaches: 'sequence numbers lie on a circle: earlier and later are distances with a sign, modulo 2^32',
    load: async () => (await import('./sequence-wrap/index.ts')).exercise,
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
    id: 'login-survives',
    title: 'A login that survives',
    teaches: 'a name in a cookie is worth what is filed under it: log-ins and log-outs alike are written down',
    load: async () => (await import('./login-survives/index.ts')).exercise,
  },
  {
    id: 'two-servers',
    title: 'One login, two servers',
    teaches: 'what the client carries signed no server need remember, and any server that shares the secret can read',
    load: async () => (await import('./two-servers/index.ts')).exercise,
  },
  {
    id: 'logged-out',
    title: 'Logged out, or not',
    teaches: 'what is remembered in two places is forgotten in two ways: a cut for each of them',
    load: async () => (await import('./logged-out/index.ts')).exercise,
  },
  {
    id: 'idempotent-order',
    title: 'An order, once',
    teaches: 'a key must be written down together with what it stands for, before the answer leaves',
    load: async () => (await import('./idempotent-order/index.ts')).exercise,
  },
  {
    id: 'consistent-hashing',
    title: 'No more than its share',
    teaches: 'where a key belongs can be computed by everybody alike, and need not be remembered by anybody',
    load: async () => (await import('./consistent-hashing/index.ts')).exercise,
  },
  {
    id: 'chat-resume',
    title: 'A chat that resumes',
    teaches:
      'a client that keeps the number of what it saw last can be told the rest, if numbers and messages are kept',
    load: async () => (await import('./chat-resume/index.ts')).exercise,
  },
];

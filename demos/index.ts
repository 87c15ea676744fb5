// The syllabus: every story, in the order in which to meet them. The only registry.

import type { Story } from '../src/lab/story.ts';

interface Lesson {
  protocol: string;
  /** One line for lists. */
  tells: string;
  load: () => Promise<Story>;
}

export const SYLLABUS: readonly Lesson[] = [
  {
    protocol: 'udp-echo',
    tells: 'a server that cannot forget, because it never remembered',
    load: async () => (await import('./udp-echo.ts')).story as unknown as Story,
  },
  {
    protocol: 'dns',
    tells: 'answers that need no memory, and a server that knows you again without keeping a list',
    load: async () => (await import('./dns.ts')).story as unknown as Story,
  },
  {
    protocol: 'tcp-session',
    tells: 'the same session under four roofs, and what a cut takes from each',
    load: async () => (await import('./tcp-session.ts')).story as unknown as Story,
  },
  {
    protocol: 'ftp',
    tells: 'everything is filed under the connection, and a client that carries it all can come back',
    load: async () => (await import('./ftp.ts')).story as unknown as Story,
  },
  {
    protocol: 'mqtt',
    tells: 'a letter box under your name, which a kill empties unless it is written down',
    load: async () => (await import('./mqtt.ts')).story as unknown as Story,
  },
  {
    protocol: 'http',
    tells: 'one login, one cart, one client; and what a cut takes depends on where they are held',
    load: async () => (await import('./http.ts')).story as unknown as Story,
  },
  {
    protocol: 'websocket',
    tells: 'a room is who is connected, until somebody keeps what was said and you say what you have seen',
    load: async () => (await import('./websocket.ts')).story as unknown as Story,
  },
];

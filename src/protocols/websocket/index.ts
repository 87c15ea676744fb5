// The card of websocket: one chat, and what becomes of what was said while somebody was away.

import type { Card } from '../shapes.ts';
import type { ChatClient } from './client.ts';
import { serve } from './server.ts';
import { type Deed, type Event, type Outcome, rulesFor, type State } from './state.ts';
import { type Message, wire } from './wire.ts';

const keeping = rulesFor(true);

export const card: Card<State, Message, Event, ChatClient, Deed, Outcome> = {
  name: 'websocket',
  calls: 'chat',
  title: 'WebSocket',
  transport: 'tcp',
  port: 8090,
  registered: 80,
  cites: 'RFC 6455, and src/protocols/websocket/wire/chat.ts',
  wire,
  designs: {
    memory: {
      rules: rulesFor(false),
      holds: 'memory',
      tells: 'a room is the connections that are in it; what is said is told to those, and kept by nobody',
      promises: 'a message that comes back to its sender promises that it was told to all who were there',
    },
    resume: {
      rules: keeping,
      holds: 'disk',
      takes: ['sync'],
      tells: 'what was said is kept, written down before it is told; who comes back names the last message it has seen',
      promises:
        'a message that comes back to its sender promises that it is on the disk: it survives a kill and, as far as the disk keeps its word, a power cut',
    },
    redis: {
      rules: keeping,
      holds: 'redis',
      takes: ['store'],
      tells:
        'the same rules; what is heard goes into a Redis stream that all instances follow: a room spans all of them',
      promises:
        'a message that comes back to its sender promises what Redis promises: with appendfsync always, that it is on its disk; with everysec, all but the last second; with no append-only file, its default, that Redis lives',
    },
  },
  serve,

  // A server's process has no use for a client.
  connect: async (options) => (await import('./client.ts')).connect(options),

  opening: [
    'anybody may join, under any name; a page of it is served at /, for a browser on this machine',
    'by hand: {"join":"kitchen","as":"ada"}, and then {"say":"Hello","nr":1}, the next under 2, and so on',
  ],
};

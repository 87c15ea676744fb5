// The card of tcp-session: one protocol, four ways to hold the same session.

import type { Card } from '../shapes.ts';
import { connect, type SessionClient } from './client.ts';
import { serve } from './server.ts';
import { type Event, rulesFor, type State } from './state.ts';
import { type Message, wire } from './wire.ts';

const byToken = rulesFor('token');

export const card: Card<State, Message, Event, SessionClient> = {
  name: 'tcp-session',
  calls: 'session',
  title: 'TCP session',
  transport: 'tcp',
  port: 7070,
  cites: 'src/protocols/tcp-session/wire.ts',
  wire,
  designs: {
    memory: {
      rules: byToken,
      holds: 'memory',
      tells: 'sessions filed under a token the client carries, held by the process',
      promises: 'an ACK promises that the bytes were delivered, and is forgotten with the process',
    },
    connection: {
      rules: rulesFor('path'),
      holds: 'memory',
      tells: 'sessions filed under the TCP connection, and gone with it',
      promises: 'an ACK promises that the bytes were delivered, and is forgotten with the connection',
    },
    disk: {
      rules: byToken,
      holds: 'disk',
      takes: ['sync'],
      tells: 'the same rules; every change is written down and synced before an ACK leaves',
      promises:
        'an ACK promises that the bytes are on the disk: it survives a kill and, as far as the disk keeps its word, a power cut',
    },
    shared: {
      rules: byToken,
      holds: 'redis',
      takes: ['store'],
      tells: 'the same rules; what is heard goes into a Redis stream that all instances follow',
      promises:
        'an ACK promises what Redis promises: with appendfsync always, that the bytes are on its disk; with everysec, all but the last second; with no append-only file, its default, that Redis lives',
    },
  },
  serve,
  connect,
};

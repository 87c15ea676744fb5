// The card of udp-echo: the simplest server there is, and the only kind that cannot forget.

import type { Card } from '../shapes.ts';
import { connect, type EchoClient } from './client.ts';
import { serve } from './server.ts';
import { type Event, rules, type State } from './state.ts';
import { type Message, wire } from './wire.ts';

export const card: Card<State, Message, Event, EchoClient> = {
  name: 'udp-echo',
  calls: 'echo',
  title: 'UDP echo',
  transport: 'udp',
  port: 7007,
  registered: 7,
  cites: 'RFC 862',
  wire,
  designs: {
    plain: {
      rules,
      holds: 'memory',
      tells: 'sends back what it is sent and remembers nothing',
      promises: 'a reply promises nothing beyond itself',
    },
  },
  serve,
  connect,
};

// Everything this server remembers between two datagrams.

import type { Rules } from '../shapes.ts';
import type { Message } from './wire.ts';

/** Nothing. There is no field to file anything under, and so nothing that a cut could take. */
export type State = Record<string, never>;

/** Nothing ever happens to a server that remembers nothing. */
export type Event = never;

export const rules: Rules<State, Message, Event> = {
  empty: () => ({}),

  // "When a datagram is received, the data from it is sent back in an answering datagram" (RFC 862, on UDP).
  // Who asked is not remembered either: the answer goes where the datagram says it came from.
  decide(_state, message, from) {
    return { events: [], actions: [{ to: from, say: { payload: message.payload, from: 'server' } }] };
  },

  apply() {},

  lasting: () => false,

  facts: () => ({}),
};

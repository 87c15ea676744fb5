// The other end: it asks, and must remember that it asked. Nobody else does.

import { once } from 'node:events';
import { ask, openTo } from '../../sockets/ask.ts';
import { quoted } from '../../wire/printable.ts';
import type { Client, ClientOptions, Facts } from '../shapes.ts';

/** How many times one question is sent before the client gives up. */
const TRIES = 4;

export interface EchoClient extends Client {
  /** Sends `text` and waits for it to come back, asking again when no answer comes. Resolves to what came back. */
  say(text: string): Promise<string>;
}

/** Everything this client remembers between two datagrams. */
interface State {
  /** Filed under the payload itself, because an echo has no other name. How often each was sent. */
  pending: Map<string, number>;
}

export async function connect({ host, port, waits }: ClientOptions): Promise<EchoClient> {
  const state: State = { pending: new Map() };
  let socket = await openTo(host, port);

  return {
    async say(text) {
      const payload = Buffer.from(text);
      for (let tries = 1; tries <= TRIES; tries++) {
        state.pending.set(quoted(payload, 24), tries);
        const outcome = await ask(socket, payload, (reply) => (reply.equals(payload) ? reply : undefined), waits);
        if (outcome !== 'silence') state.pending.delete(quoted(payload, 24));
        if (Buffer.isBuffer(outcome)) return outcome.toString();
        if (outcome === 'refused') await waits.redial(tries);
      }
      state.pending.delete(quoted(payload, 24));
      throw new Error(`no echo of ${quoted(payload, 24)} after ${TRIES} tries`);
    },

    facts() {
      const facts: Facts = {};
      for (const [payload, times] of state.pending) {
        facts[`pending[${payload}]`] = times === 1 ? 'asked, no answer yet' : `asked ${times} times, no answer yet`;
      }
      return facts;
    },

    async move() {
      const left = once(socket, 'close');
      socket.close();
      await left;
      socket = await openTo(host, port);
    },

    async close() {
      const left = once(socket, 'close');
      socket.close();
      await left;
    },
  };
}

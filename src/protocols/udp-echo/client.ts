// The other end: it asks, and must remember that it asked. Nobody else does.

import dgram from 'node:dgram';
import { once } from 'node:events';
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
  let socket = await open();

  /** A connected socket: the kernel files our port under the server's, and so can tell us when nobody listens there. */
  async function open(): Promise<dgram.Socket> {
    const fresh = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
    // Refusals arrive as errors, at any time; whoever waits for an answer listens for them too.
    fresh.on('error', () => {});
    fresh.connect(port, host);
    await once(fresh, 'connect');
    return fresh;
  }

  /** One try: the echo, `refused` when the machine says that nobody listens, or `silence`. */
  async function attempt(payload: Buffer): Promise<Buffer | 'refused' | 'silence'> {
    const answered = new AbortController();
    const asked = socket;
    let stopListening = () => {};
    const heard = new Promise<Buffer | 'refused'>((resolve) => {
      const listen = (reply: Buffer) => {
        // Any datagram may be somebody else's answer: only the one that was asked for counts.
        if (reply.equals(payload)) done(reply);
      };
      const refuse = (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') done('refused');
      };
      const done = (outcome: Buffer | 'refused') => {
        stopListening();
        state.pending.delete(quoted(payload, 24));
        resolve(outcome);
      };
      asked.on('message', listen).on('error', refuse);
      stopListening = () => void asked.off('message', listen).off('error', refuse);
    });
    asked.send(payload, (error) => error && asked.emit('error', error));
    try {
      return await Promise.race([heard, waits.overdue(answered.signal).then(() => 'silence' as const)]);
    } finally {
      stopListening();
      answered.abort();
    }
  }

  return {
    async say(text) {
      const payload = Buffer.from(text);
      for (let tries = 1; tries <= TRIES; tries++) {
        state.pending.set(quoted(payload, 24), tries);
        const outcome = await attempt(payload);
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
      socket = await open();
    },

    async close() {
      const left = once(socket, 'close');
      socket.close();
      await left;
    },
  };
}

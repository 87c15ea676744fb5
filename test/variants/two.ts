// A client that plays two: each speaks on connections of its own, and tells the log who it is.

import { once } from 'node:events';
import { connect as dial, type Socket } from 'node:net';
import { pathOf } from '../../src/bounds/paths.ts';
import type { Step, Story } from '../../src/lab/story.ts';
import type { AnyCard } from '../../src/protocols/index.ts';
import type { Client, ClientOptions } from '../../src/protocols/shapes.ts';
import { card as right } from '../../src/protocols/tcp-session/index.ts';
import { type Message, wire } from '../../src/protocols/tcp-session/wire.ts';
import { encode, Inbox } from '../../src/wire/wire.ts';

interface Pair extends Client {
  /** Says something on this one's connection, and resolves to what comes back. */
  ask(who: string, message: Message): Promise<string>;
}

async function connect({ host, port, waits, introduce }: ClientOptions): Promise<Pair> {
  const sockets = new Map<string, Socket>();

  async function socketOf(who: string): Promise<Socket> {
    const open = sockets.get(who);
    if (open && !open.destroyed) return open;
    for (let attempt = 0; ; attempt++) {
      const socket = dial({ host, port, noDelay: true });
      socket.on('error', () => {});
      try {
        await once(socket, 'connect');
        introduce?.(pathOf(socket.localAddress, socket.localPort), who);
        sockets.set(who, socket);
        return socket;
      } catch (error) {
        if (attempt > 5) throw error;
        await waits.redial(attempt);
      }
    }
  }

  return {
    async ask(who, message) {
      const socket = await socketOf(who);
      const inbox = new Inbox(wire, 'server');
      const heard = new Promise<string>((resolve, reject) => {
        socket.once('close', () => reject(new Error(`${who} is cut off`)));
        socket.on('data', (chunk) => {
          for (const each of inbox.push(chunk).messages) resolve(`${wire.kind(each)} ${wire.says(each)}`.trim());
        });
      });
      socket.write(encode(wire, message));
      return heard.finally(() => socket.removeAllListeners('data').removeAllListeners('close'));
    },
    facts: () => ({}),
    async move() {
      for (const socket of sockets.values()) {
        const closed = once(socket, 'close');
        socket.resetAndDestroy();
        await closed;
      }
    },
    async close() {
      for (const socket of sockets.values()) {
        if (socket.destroyed) continue;
        const closed = once(socket, 'close');
        socket.end();
        socket.resume();
        await closed;
      }
    },
  };
}

export const card = { ...right, connect } as unknown as AnyCard;

const step = (who: string, message: Message): Step<Pair> => ({
  name: `${who} says ${wire.kind(message)}`,
  act: (client) => client.ask(who, message),
});
const data = (seq: number, text: string): Message => ({ type: 'DATA', seq, payload: Buffer.from(text) });

export const story = {
  card,
  protocol: new URL(import.meta.url).href,
  about: 'Two clients in one process, each with a session of its own.',
  steps: [
    step('sleeper', { type: 'OPEN', seq: 1000 }),
    step('sender', { type: 'OPEN', seq: 2000 }),
    step('sleeper', data(1000, 'zzz')),
    step('sender', data(2000, 'wake up')),
  ],
  designs: {},
} as unknown as Story;

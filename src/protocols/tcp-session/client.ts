// The other end: it keeps every byte until the server has acknowledged it, and the token that leads back to its session.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { dialUntilAnswered } from '../../sockets/dial.ts';
import { patiently } from '../../sockets/patience.ts';
import { crc32 } from '../../wire/crc32.ts';
import { quoted } from '../../wire/printable.ts';
import { encode, Inbox } from '../../wire/wire.ts';
import type { Client, ClientOptions } from '../shapes.ts';
import { ACK, hex, type Message, MOST, wire } from './wire.ts';

/** How often in a row a client comes back without an acknowledgement, before it gives up. */
const RETURNS = 5;

export interface SessionClient extends Client {
  /** Opens a session whose first byte has number `first`. Resolves to what the server granted. */
  open(first: number): Promise<string>;
  /** Adds `bytes` to the stream. Resolves when the server has acknowledged all of them. */
  send(bytes: Buffer | string): Promise<string>;
  /** Ends the stream. Resolves when both ends agree where it ends and what it said. */
  finish(): Promise<string>;
}

/** Everything this client remembers between two messages. */
interface State {
  /** The connection, which may die at any time. */
  line: { is: 'down' } | { is: 'dialling' } | { is: 'resuming' | 'up'; socket: Socket };
  /** The way back, once the server has granted it. */
  session: { id: number; token: string } | undefined;
  /** Numbers as in RFC 9293 §3.3.1: oldest byte not acknowledged, next byte to send; then how many the server takes from `una` on. */
  una: number;
  next: number;
  window: number;
  /** The bytes from `una` on, sent or not. Only an ACK lets go of them. */
  kept: Buffer;
  /** CRC-32 of every acknowledged byte: what the server's digest must be. */
  digest: number;
  finishing: 'no' | 'wanted' | 'said';
  /** Times in a row that the connection was lost before anything was acknowledged. */
  returns: number;
}

/** A promise given to the caller: kept when a message makes `met` return words, broken when the session is lost. */
interface Promised {
  met(message: Message): string | undefined;
  resolve(words: string): void;
  reject(error: Error): void;
}

export async function connect({ host, port, waits }: ClientOptions): Promise<SessionClient> {
  const state: State = {
    line: { is: 'down' },
    session: undefined,
    una: 0,
    next: 0,
    window: 0,
    kept: Buffer.alloc(0),
    digest: 0,
    finishing: 'no',
    returns: 0,
  };
  const promised = new Set<Promised>();

  function promise(met: Promised['met']): Promise<string> {
    const kept = new Promise<string>((resolve, reject) => {
      promised.add({ met, resolve, reject });
      if (state.line.is === 'down') void reach();
      else pump();
    });
    return patiently(kept, waits, {
      heard: () => ('socket' in state.line ? state.line.socket.bytesRead : 0),
      giveUp() {
        if ('socket' in state.line) state.line.socket.destroy();
      },
    });
  }

  /** Dials until somebody answers, then says who we are: RESUME with the token, or OPEN. */
  async function reach(): Promise<void> {
    state.line = { is: 'dialling' };
    try {
      const socket = await dialUntilAnswered({ host, port, waits });
      state.line = { is: 'resuming', socket };
      attend(socket);
      say(
        state.session
          ? { type: 'RESUME', session: state.session.id, token: state.session.token }
          : { type: 'OPEN', seq: state.una },
      );
    } catch (error) {
      state.line = { is: 'down' };
      breakPromises(error as Error);
    }
  }

  function attend(socket: Socket): void {
    const inbox = new Inbox(wire, 'server');
    socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      for (const message of messages) hear(message);
      if (error) {
        breakPromises(error);
        socket.destroy();
      }
    });
    // Whatever went wrong, `close` follows, and all that counts is that the line is gone.
    socket.on('error', () => {});
    socket.on('close', async () => {
      if (!('socket' in state.line) || state.line.socket !== socket) return;
      state.line = { is: 'down' };
      // With nobody waiting there is no hurry: the next request brings us back.
      if (promised.size === 0) return;
      if (!state.session) {
        return breakPromises(new Error('the connection was lost before the server granted a session'));
      }
      if (++state.returns > RETURNS) {
        const times = state.returns;
        // Whoever asks after this has as many tries again.
        state.returns = 0;
        return breakPromises(
          new Error(`the connection was lost ${times} times in a row, and nothing was acknowledged in between`),
        );
      }
      state.line = { is: 'dialling' };
      await waits.redial(0);
      await reach();
    });
  }

  function say(message: Message): void {
    if ('socket' in state.line) state.line.socket.write(encode(wire, message));
  }

  /** Sends what may be sent now: bytes within the window, then the CLOSE. */
  function pump(): void {
    if (state.line.is !== 'up') return;
    const frames: Buffer[] = [];
    for (;;) {
      const sent = (state.next - state.una) >>> 0;
      const length = Math.min(MOST, state.kept.length - sent, state.window - sent);
      if (length <= 0) break;
      frames.push(encode(wire, { type: 'DATA', seq: state.next, payload: state.kept.subarray(sent, sent + length) }));
      state.next = (state.next + length) >>> 0;
    }
    if (frames.length > 0) state.line.socket.write(Buffer.concat(frames));
    if (state.kept.length === 0 && state.finishing === 'wanted') {
      state.finishing = 'said';
      say({ type: 'CLOSE', next: state.una, digest: state.digest });
    }
  }

  function hear(message: Message): void {
    if (message.type === 'RESET') return breakPromises(new Error(`the server says: ${wire.says(message)}`));
    if (message.type === 'OPENED') opened(message);
    if (message.type === 'ACK') acknowledged(message);
    for (const each of promised) {
      const words = each.met(message);
      if (words === undefined) continue;
      promised.delete(each);
      each.resolve(words);
    }
    pump();
  }

  function opened(message: Message & { type: 'OPENED' }): void {
    if (state.line.is !== 'resuming') return;
    state.line = { is: 'up', socket: state.line.socket };
    state.session = { id: message.session, token: message.token };
    state.window = message.window;
  }

  function acknowledged(message: Message & { type: 'ACK' }): void {
    const count = (message.next - state.una) >>> 0;
    const end = (state.una + state.kept.length) >>> 0;
    // Only bytes that we still keep can be acknowledged. To ask again for others would be to ask for ever.
    if (count > state.kept.length) {
      return disagree(
        (count | 0) < 0
          ? `the server has lost what it acknowledged: it had every byte before ${state.una} and now expects ${message.next}`
          : `the server acknowledges every byte before ${message.next}, and the stream so far ends before ${end}`,
      );
    }
    state.digest = crc32(state.kept.subarray(0, count), state.digest);
    state.kept = state.kept.subarray(count);
    state.una = message.next;
    state.window = message.window;
    if (count > 0) state.returns = 0;
    if (state.digest !== message.digest) {
      return disagree(
        `the server's digest is ${hex(message.digest)}, ours ${hex(state.digest)}: the stream did not arrive as it was sent`,
      );
    }
    const overtaken = ((state.next - state.una) | 0) < 0;
    if (state.line.is === 'resuming' || message.code === ACK.gap || overtaken) {
      // Whatever the server does not have goes out again, from the byte it expects (go back N).
      state.next = state.una;
      if (state.finishing === 'said') state.finishing = 'wanted';
    }
    if (state.line.is === 'resuming') state.line = { is: 'up', socket: state.line.socket };
  }

  /** The two ends do not remember the same stream: nothing that is said on this connection can mend that. */
  function disagree(why: string): void {
    breakPromises(new Error(why));
    if ('socket' in state.line) state.line.socket.destroy();
  }

  function breakPromises(error: Error): void {
    for (const each of promised) each.reject(error);
    promised.clear();
  }

  return {
    open(first) {
      state.una = first;
      state.next = first;
      return promise((message) =>
        message.type === 'OPENED'
          ? `session ${message.session} is open, the server expects byte ${message.next}`
          : undefined,
      );
    },

    send(bytes) {
      const added = Buffer.from(bytes);
      const end = (state.una + state.kept.length + added.length) >>> 0;
      state.kept = Buffer.concat([state.kept, added]);
      const met = () =>
        ((state.una - end) | 0) >= 0 ? `acknowledged up to ${end}, digest ${hex(state.digest)}` : undefined;
      // No bytes to send, and none on their way: no answer will come, and none is needed.
      const words = met();
      return words === undefined ? promise(met) : Promise.resolve(words);
    },

    finish() {
      state.finishing = 'wanted';
      return promise((message) =>
        message.type === 'CLOSE'
          ? `closed at ${message.next}, both ends have digest ${hex(message.digest)}`
          : undefined,
      );
    },

    facts() {
      const { session, kept } = state;
      if (!session) return {};
      const waiting = kept.length === 0 ? 'nothing unacknowledged' : `unacknowledged ${quoted(kept, 40)}`;
      return { [`session[${session.id}]`]: `token, SND.UNA ${state.una}, SND.NXT ${state.next}, ${waiting}` };
    },

    async move() {
      if (!('socket' in state.line)) return;
      const { socket } = state.line;
      const closed = once(socket, 'close');
      socket.resetAndDestroy();
      await closed;
    },

    async close() {
      if (!('socket' in state.line)) return;
      const { socket } = state.line;
      state.line = { is: 'down' };
      const closed = once(socket, 'close');
      socket.end();
      socket.destroySoon();
      await closed;
    },
  };
}

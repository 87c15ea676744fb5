// A client of the two MQTT exercises: it says packet by packet what a step tells it to, repeats what a good client would not, and
// resolves to what came.

import type { Socket } from 'node:net';
import { type Message, NO_PROPERTIES, type Of, type QoS, wire } from '../../src/protocols/mqtt/wire.ts';
import type { Client, ClientOptions } from '../../src/protocols/shapes.ts';
import { dialUntilAnswered } from '../../src/sockets/dial.ts';
import { printable, quoted } from '../../src/wire/printable.ts';
import { encode, Inbox } from '../../src/wire/wire.ts';

/** Several clients in one, by name. The name is the client id. */
export interface Talker extends Client {
  /** Dials and says CONNECT. Resolves to what the broker says of the session. */
  come(name: string, clean: boolean): Promise<string>;
  /** Resolves to what the broker has granted. */
  subscribe(name: string, filter: string, qos: QoS): Promise<string>;
  /** Says PUBLISH, and resolves to the answer to it. */
  publish(name: string, letter: { topic: string; said: string; qos: 1 | 2; id: number; dup?: true }): Promise<string>;
  /** Says PUBREL, and resolves to the answer to it. */
  release(name: string, id: number): Promise<string>;
  /**
   * Resolves to the letters that come before the answer to a PINGREQ, in the order in which they come. The first `acknowledged` of
   * them are acknowledged, all unless given.
   */
  letters(name: string, acknowledged?: number): Promise<string>;
  /** Says DISCONNECT, and waits until the broker has hung up. */
  leave(name: string): Promise<string>;
  /** The connection is lost, without a good-bye. */
  lose(name: string): Promise<void>;
}

/** A connection that has said CONNECT. */
interface Line {
  socket: Socket;
  clean: boolean;
  /** Letters that have come and were not asked for yet. */
  letters: Of<'PUBLISH'>[];
  /** Everything else. */
  answers: Message[];
  waiting: { resolve(answer: Message): void; reject(error: Error): void } | undefined;
}

const LOST = 'the connection was lost before an answer came';
/** Seconds: longer than any step may take. */
const KEEP_ALIVE = 60;

export async function connect(options: ClientOptions): Promise<Talker> {
  const lines = new Map<string, Line>();

  async function dial(name: string, clean: boolean): Promise<Of<'CONNACK'>> {
    const socket = await dialUntilAnswered(options, ({ localAddress, localPort }) =>
      options.introduce?.(`${localAddress}:${localPort}`, name),
    );
    const line: Line = { socket, clean, letters: [], answers: [], waiting: undefined };
    lines.set(name, line);
    const inbox = new Inbox(wire, 'server');
    const tell = (told: Message | Error) => {
      const { waiting } = line;
      line.waiting = undefined;
      if (told instanceof Error) waiting?.reject(told);
      else if (waiting) waiting.resolve(told);
      else line.answers.push(told);
    };
    socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      for (const message of messages) {
        // A view would change with the next chunk.
        if (message.type === 'PUBLISH') line.letters.push({ ...message, payload: Buffer.from(message.payload) });
        else tell(message);
      }
      if (error) tell(error);
    });
    // Whatever went wrong, `close` follows.
    socket.on('error', () => {});
    socket.on('close', () => tell(new Error(LOST)));
    const answer = await ask(line, {
      version: 4,
      type: 'CONNECT',
      clean,
      keepAlive: KEEP_ALIVE,
      client: name,
      properties: NO_PROPERTIES,
    });
    if (answer.type !== 'CONNACK') throw new Error(`CONNECT is answered by ${inWords(answer)}`);
    if (answer.code !== 0) throw new Error(`the broker refuses: ${inWords(answer)}`);
    return answer;
  }

  /** The connection of this name; a new one when that is lost. */
  async function present(name: string): Promise<Line> {
    const line = lines.get(name);
    if (!line) throw new Error(`nobody here is called ${name}`);
    if (!line.socket.destroyed) return line;
    await dial(name, line.clean);
    return present(name);
  }

  function ask(line: Line, message: Message): Promise<Message> {
    line.socket.write(encode(wire, message));
    const next = line.answers.shift();
    if (next) return Promise.resolve(next);
    if (line.socket.destroyed) return Promise.reject(new Error(LOST));
    return new Promise((resolve, reject) => {
      line.waiting = { resolve, reject };
    });
  }

  async function lose({ socket }: Line): Promise<void> {
    if (socket.destroyed) return;
    socket.resetAndDestroy();
    await over(socket);
  }

  return {
    async come(name, clean) {
      const { sessionPresent } = await dial(name, clean);
      return `session present ${sessionPresent ? 1 : 0}`;
    },

    async subscribe(name, filter, qos) {
      const asked = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
      const answer = await ask(await present(name), {
        version: 4,
        type: 'SUBSCRIBE',
        id: 1,
        properties: NO_PROPERTIES,
        filters: [asked],
      });
      return inWords(answer);
    },

    async publish(name, { topic, said, qos, id, dup }) {
      const answer = await ask(await present(name), {
        version: 4,
        type: 'PUBLISH',
        dup: dup ?? false,
        qos,
        retain: false,
        topic,
        id,
        properties: NO_PROPERTIES,
        payload: Buffer.from(said),
      });
      return inWords(answer);
    },

    async release(name, id) {
      return inWords(await ask(await present(name), { version: 4, type: 'PUBREL', id }));
    },

    async letters(name, acknowledged = Number.POSITIVE_INFINITY) {
      const line = await present(name);
      const answer = await ask(line, { version: 4, type: 'PINGREQ' });
      if (answer.type !== 'PINGRESP') throw new Error(`PINGREQ is answered by ${inWords(answer)}`);
      const letters = line.letters.splice(0);
      for (const { qos, id } of letters.slice(0, acknowledged))
        if (qos === 1) line.socket.write(encode(wire, { version: 4, type: 'PUBACK', id }));
      const said = letters.map(({ payload, dup }) => `${quoted(payload, 40)}${dup ? ' again' : ''}`);
      return said.join(', ') || 'no letters';
    },

    async leave(name) {
      const { socket } = await present(name);
      socket.write(encode(wire, { version: 4, type: 'DISCONNECT' }));
      await over(socket);
      return 'gone';
    },

    async lose(name) {
      const line = lines.get(name);
      if (line) await lose(line);
    },

    facts: () => ({}),

    async move() {
      for (const line of lines.values()) await lose(line);
    },

    async close() {
      for (const { socket } of lines.values()) {
        if (socket.destroyed) continue;
        socket.end();
        socket.destroySoon();
        await over(socket);
      }
    },
  };
}

function inWords(message: Message): string {
  return `${message.type} ${printable(wire.says(message), 80)}`.trim();
}

/** Resolves when a connection is gone, whatever has ended it. */
function over(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

// Where the rules meet real sockets: one port, on which datagrams are answered one by one and streams message by message.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { BOUNDS } from '../../bounds/bounds.ts';
import { crowd } from '../../bounds/connections.ts';
import { addressOf, pathOf } from '../../bounds/paths.ts';
import { answering, bothOn } from '../../sockets/listen.ts';
import { Reader } from '../../wire/fields.ts';
import { Inbox, type Seen } from '../../wire/wire.ts';
import { type Address, type Bounds, type Keeper, overOf, type Path, type Server } from '../shapes.ts';
import { HEADER, type Message, queries } from './wire.ts';

/** Connections at a time, and how long one may be silent, in milliseconds (RFC 7766 §6.2.3): a query over TCP is soon over. */
const CONNECTIONS = 100;
const IDLE = 10_000;
/** Questions of one stream that are answered in one write: together their answers are a megabyte at the most. */
const TOGETHER = 16;

export async function serve(keeper: Keeper<Message>, at: Address, bounds: Partial<Bounds> = {}): Promise<Server> {
  const listener = createServer({ noDelay: true, allowHalfOpen: true });
  const reader = new Reader(Buffer.alloc(0));
  /** Each datagram is a conversation of its own: nothing is ever noted here. */
  const seen: Seen = new Map();

  const guests = crowd(
    listener,
    { ...BOUNDS, connections: CONNECTIONS, idle: IDLE, ...bounds },
    (stream, from) => {
      const inbox = new Inbox(queries, 'client');
      /** Heard and not answered yet. While the peer takes no answers, it is given none: one chunk may ask for a hundred megabytes. */
      let waiting: Message[] = [];
      let over = false;
      const answer = () => {
        while (waiting.length > 0) {
          if (stream.writableNeedDrain) return void stream.once('drain', answer);
          guests.settled(from);
          const full = keeper.hear(from, waiting.slice(0, TOGETHER));
          waiting = waiting.slice(TOGETHER);
          if (full) guests.hold(from, full);
        }
        if (over) keeper.bye(from);
      };
      // Idle is who asks nothing: a byte now and then keeps no place (RFC 7766 §6.2.3).
      const late = setTimeout(() => stream.destroy(), bounds.idle ?? IDLE).unref();
      stream.on('data', (chunk) => {
        const { messages, error } = inbox.push(chunk);
        if (messages.length > 0) late.refresh();
        waiting.push(...messages);
        // After a length that cannot be, nobody knows where the next message begins.
        if (error) over = true;
        answer();
      });
      stream.on('end', () => {
        over = true;
        answer();
      });
      stream.on('close', () => {
        clearTimeout(late);
        keeper.part(from);
      });
    },
    { suffix: '/tcp' },
  );

  /** What has come in this turn of the loop: Node reads no more than a few dozen datagrams in one. */
  let heard: { bytes: Buffer; from: Path }[] = [];
  let serving = false;
  /** First all is read that has come, then all is answered: under load that is faster than going to and fro between the two. */
  function answerAll(): void {
    if (!serving) return;
    const all = heard;
    heard = [];
    for (const { bytes, from } of all) {
      keeper.hear(from, [queries.read(reader.over(bytes, 0, bytes.length), 'client', 'udp', seen)]);
    }
  }

  const listening = () =>
    answering(at.host).on('message', (bytes, source) => {
      // Too short for an answer to say what it answers, or from a port that no answer can go to.
      if (bytes.length < HEADER || source.port === 0) return;
      if (heard.push({ bytes, from: pathOf(source.address, source.port) }) === 1) setImmediate(answerAll);
    });
  const { socket, port } = await bothOn(at, listening, listener);

  keeper.attach({
    say(to, bytes) {
      if (overOf(to, 'udp+tcp') === 'tcp') return guests.say(to, bytes);
      const { address, port } = addressOf(to);
      socket.send(bytes, port, address);
    },
    hangUp: guests.hangUp,
  });
  serving = true;
  // What came before there was anybody to answer it.
  answerAll();

  return {
    port,
    async close() {
      const gone = Promise.all([once(socket, 'close'), once(listener, 'close')]);
      serving = false;
      socket.close();
      listener.close();
      guests.disperse();
      await gone;
    },
  };
}

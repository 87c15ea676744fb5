// The other end: a stub resolver. It must remember what it has asked, and under which number: nobody else does.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type Answer, decode as decodePacket, encode as encodePacket, type RecordType } from 'dns-packet';
import { ask, openTo } from '../../sockets/ask.ts';
import { dialUntilAnswered } from '../../sockets/dial.ts';
import { patiently } from '../../sockets/patience.ts';
import { crc32 } from '../../wire/crc32.ts';
import { viewOf, WireError } from '../../wire/fields.ts';
import { printable, quoted } from '../../wire/printable.ts';
import { decode, encode, Inbox, type Over } from '../../wire/wire.ts';
import type { Client, ClientOptions, Facts } from '../shapes.ts';
import { FLAG, type Message, RCODE, rcodeName, rcodeOf, wire } from './wire.ts';

/** How many times one question is sent over UDP, and how often a client comes back for the rest. */
const TRIES = 4;
const RETURNS = 5;

export interface DnsClient extends Client {
  /**
   * Asks for the records of a name: over UDP unless told otherwise, and over TCP when the answer does not fit into a datagram.
   * Resolves to the answer in words, with a checksum of its bytes.
   */
  ask(name: string, type: string, options?: { over?: Over }): Promise<string>;
  /** Asks several questions at once on one TCP connection, and resolves when the last one is answered. */
  askTogether(questions: readonly (readonly [name: string, type: string])[]): Promise<string>;
}

/** One question on its way. */
interface Asked {
  name: string;
  type: string;
  over: Over;
  /** Which message of this client it is. */
  id: number;
  /** The query, without a length before it. */
  bytes: Buffer;
  /** How the answer must repeat it. */
  question: Buffer;
}

interface Reply {
  message: Message;
  /** Without a length before it. */
  bytes: Buffer;
}

/** Everything this client remembers between two messages. */
interface State {
  /** Filed under the ID, the only thing in an answer that nobody else can know. */
  pending: Map<number, Asked>;
  /** 8 bytes that only this client and its server know of, and the server's cookie for it: 8 to 32 bytes (RFC 7873 §5.1). */
  cookie: { client: Buffer; server: Buffer | undefined } | undefined;
}

export async function connect({ host, port, world, waits, design }: ClientOptions): Promise<DnsClient> {
  const state: State = {
    pending: new Map(),
    cookie: design === 'plain' ? undefined : { client: rolled().subarray(0, 8), server: undefined },
  };
  let socket = await openTo(host, port);
  let line: Socket | undefined;

  function rolled(): Buffer {
    return Buffer.from(world.name(), 'base64url');
  }

  /** Writes the question down, and its query: with the cookie as it is known now. */
  function prepare(name: string, type: string, over: Over): Asked {
    let id = rolled().readUInt16BE(0);
    while (state.pending.has(id)) id = rolled().readUInt16BE(0);
    const { cookie } = state;
    const opt = {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 1232,
      flags: 0,
      options: [{ code: 'COOKIE', data: cookie && Buffer.concat([cookie.client, cookie.server ?? Buffer.alloc(0)]) }],
    };
    const bytes = encodePacket({
      type: 'query',
      id,
      flags: 0,
      questions: [{ name, type: type.replace(/^TYPE(?=\d)/, 'UNKNOWN_') as RecordType }],
      // The types of dns-packet know an OPT record only as it is read.
      additionals: cookie ? [opt as unknown as Answer] : [],
    });
    const { question } = decode(wire, bytes, 'client', 'udp');
    const asked = {
      name,
      type,
      over,
      id,
      bytes,
      question: question ? viewOf(question) : Buffer.alloc(0),
    };
    state.pending.set(id, asked);
    return asked;
  }

  /** Whether these bytes answer that question. Anybody may send a datagram: what does not fit is not ours. */
  function answers(asked: Asked, bytes: Buffer): Reply | undefined {
    const message = readable(bytes);
    if (!message || message.id !== asked.id || (message.flags & FLAG.response) === 0) return undefined;
    const repeated = message.question && viewOf(message.question);
    // Who could not read a question cannot repeat it.
    const nothingToRepeat = message.questions === 0 && rcodeOf(message) !== RCODE.NOERROR;
    if (!nothingToRepeat && (message.questions !== 1 || !repeated?.equals(asked.question))) return undefined;
    // Who has seen the question has seen the cookie in it (RFC 7873 §5.3).
    const { cookie } = state;
    const shown = message.edns?.cookie;
    if (cookie?.server && !shown && !nothingToRepeat) return undefined;
    if (cookie && shown) {
      if (!shown.subarray(0, 8).equals(cookie.client)) return undefined;
      if (shown.length > 8) cookie.server = Buffer.from(shown.subarray(8));
    }
    return { message, bytes };
  }

  /** The answer, when these bytes are it: then nothing is pending any more. */
  function taken(asked: Asked, bytes: Buffer): Reply | undefined {
    const reply = answers(asked, bytes);
    if (reply) state.pending.delete(asked.id);
    return reply;
  }

  /** Asks over UDP until there is an answer: the same query again, since nothing tells how far it came. */
  async function exchange(asked: Asked): Promise<Reply> {
    try {
      for (let tries = 1; tries <= TRIES; tries++) {
        const outcome = await ask(socket, asked.bytes, (bytes) => taken(asked, bytes), waits);
        if (typeof outcome === 'object') return outcome;
        if (outcome === 'refused') await waits.redial(tries);
      }
    } finally {
      state.pending.delete(asked.id);
    }
    throw new Error(`no answer to ${asked.name} ${asked.type} after ${TRIES} tries over UDP`);
  }

  /** Asks on one connection, and on the next one what has not been answered when that one ends. */
  async function exchangeTogether(all: readonly Asked[]): Promise<Map<Asked, Reply>> {
    const replies = new Map<Asked, Reply>();
    try {
      for (let returns = 0; returns <= RETURNS; returns++) {
        const before = replies.size;
        line = await dialUntilAnswered({ host, port, waits });
        await converse(line, all, replies).finally(() => {
          line = undefined;
        });
        if (replies.size === all.length) return replies;
        // Whoever answers something each time is asked for the rest as often as it takes.
        if (replies.size > before) returns = 0;
        await waits.redial(0);
      }
    } finally {
      for (const { id } of all) state.pending.delete(id);
    }
    const { name, type } = all.find((asked) => !replies.has(asked)) ?? { name: '?', type: '?' };
    throw new Error(`no answer to ${name} ${type}: the connection was lost ${RETURNS + 1} times in a row`);
  }

  /** Sends what is not answered yet in one go, and listens until all of it is or the connection ends. */
  async function converse(through: Socket, all: readonly Asked[], replies: Map<Asked, Reply>): Promise<void> {
    const inbox = new Inbox(wire, 'server');
    const closed = new Promise((gone) => through.on('close', gone));
    // Whatever went wrong, `close` follows, and all that counts is that the line is gone.
    through.on('error', () => {});
    let wrong: WireError | undefined;
    through.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      for (const message of messages) {
        const bytes = encode(wire, { ...message, over: 'udp' });
        const asked = all.find((each) => !replies.has(each) && each.id === message.id);
        const reply = asked && answers(asked, bytes);
        if (!reply) continue;
        state.pending.delete(asked.id);
        replies.set(asked, reply);
      }
      wrong = error;
      if (error) through.destroy();
      else if (replies.size === all.length) through.end();
    });
    const waiting = all.filter((asked) => !replies.has(asked));
    through.write(Buffer.concat(waiting.map(({ bytes }) => framed(bytes))));
    // Who does not answer on a connection is left, and asked again on another one.
    await patiently(closed, waits, { heard: () => through.bytesRead, giveUp: () => through.destroy() });
    if (wrong) throw new Error(`what came back is no DNS message: ${wrong.message}`, { cause: wrong });
  }

  /** The answer over this transport, or over TCP where it does not fit into a datagram, or where no cookie will do. */
  async function resolve(name: string, type: string, over: Over): Promise<Reply & { over: Over }> {
    let reply = over === 'udp' ? await exchange(prepare(name, type, over)) : undefined;
    // The server does not know the cookie any more and has sent another one: that must do (RFC 7873 §5.3).
    if (reply && isBadCookie(reply)) reply = await exchange(prepare(name, type, over));
    if (reply && !isBadCookie(reply) && (reply.message.flags & FLAG.truncated) === 0) return { ...reply, over: 'udp' };
    const asked = prepare(name, type, 'tcp');
    const answer = (await exchangeTogether([asked])).get(asked);
    if (!answer || isBadCookie(answer))
      throw new Error(`the server takes no cookie for ${name} ${type}, not even its own`);
    return { ...answer, over: 'tcp' };
  }

  return {
    async ask(name, type, { over = 'udp' } = {}) {
      const reply = await resolve(name, type, over);
      return `${reply.over === 'tcp' ? 'over TCP: ' : ''}${inWords(reply, name, type)}`;
    },

    async askTogether(questions) {
      const all = questions.map(([name, type]) => prepare(name, type, 'tcp'));
      const replies = await exchangeTogether(all);
      return all
        .flatMap((asked) => {
          const reply = replies.get(asked);
          return reply ? [inWords(reply, asked.name, asked.type)] : [];
        })
        .join('; ');
    },

    facts() {
      const facts: Facts = {};
      for (const { name, type, over } of state.pending.values()) {
        facts[`pending[${name.toLowerCase()} ${type}]`] = `asked over ${over.toUpperCase()}, no answer yet`;
      }
      if (state.cookie?.server) facts['cookie[server]'] = 'the client’s cookie and the one that the server made for it';
      return facts;
    },

    async move() {
      const left = Promise.all([once(socket, 'close'), line && once(line, 'close')]);
      socket.close();
      line?.resetAndDestroy();
      await left;
      socket = await openTo(host, port);
    },

    async close() {
      const left = Promise.all([once(socket, 'close'), line && once(line, 'close')]);
      socket.close();
      line?.destroy();
      await left;
    },
  };
}

/** A message from bytes that may be anything. Our own reader first: it follows no pointer that leads astray. */
function readable(bytes: Buffer): Message | undefined {
  try {
    return decode(wire, bytes, 'server', 'udp');
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function isBadCookie({ message }: Reply): boolean {
  return rcodeOf(message) === RCODE.BADCOOKIE;
}

/** RFC 1035 §4.2.2. */
function framed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** `NOERROR www.example.test A 192.0.2.80 (50 bytes; CRC-32 of all but the id: 1a2b3c4d)`: nothing rolled by dice is in it. */
function inWords({ message, bytes }: Reply, name: string, type: string): string {
  const same = Buffer.from(bytes);
  const cookie = message.edns?.cookie;
  if (cookie) same.fill(0, cookie.byteOffset - bytes.byteOffset, cookie.byteOffset - bytes.byteOffset + cookie.length);
  const sum = crc32(same.subarray(2)).toString(16).padStart(8, '0');
  const butFor = cookie ? 'the id and the cookie' : 'the id';
  return `${rcodeName(rcodeOf(message))} ${name} ${type}${found(bytes, name, type)} (${bytes.length} bytes; CRC-32 of all but ${butFor}: ${sum})`;
}

/** The records of the answer section; of those that were asked for only the data, of others the name and the type too. */
function found(bytes: Buffer, name: string, type: string): string {
  const { answers = [] } = decodePacket(bytes);
  const words = answers.map((answer) => {
    if (answer.name.toLowerCase() !== name.toLowerCase()) {
      return `${printable(answer.name)} ${answer.type} ${dataInWords(answer)}`;
    }
    return answer.type === type ? dataInWords(answer) : `${answer.type} ${dataInWords(answer)}`;
  });
  return words.length === 0 ? '' : ` ${words.join(', ')}`;
}

function dataInWords(answer: Answer): string {
  if (!('data' in answer)) return '';
  const { data } = answer;
  if (typeof data === 'string') return printable(data);
  if (Buffer.isBuffer(data)) return quoted(data, 40);
  if (Array.isArray(data)) {
    const text = Buffer.concat(data.map((part) => Buffer.from(part)));
    return text.length > 40 ? `${quoted(text.subarray(0, 32))} and ${text.length - 32} bytes more` : quoted(text);
  }
  return Object.values(data)
    .map((value) => printable(String(value)))
    .join(' ');
}

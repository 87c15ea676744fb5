// The other end: several members of the chat in one, by name. Each keeps the number of the last message that it has seen, and what
// it has said and nobody has acknowledged. ws would roll the key of its request where nobody can fix it, so this speaks by our wire.

import type { Socket } from 'node:net';
import { pathOf } from '../../bounds/paths.ts';
import { dialUntilAnswered } from '../../sockets/dial.ts';
import { patiently, type WaitedOn } from '../../sockets/patience.ts';
import { headerOf } from '../../wire/http.ts';
import { printable } from '../../wire/printable.ts';
import { encode, Inbox } from '../../wire/wire.ts';
import type { Client, ClientOptions, Facts } from '../shapes.ts';
import { acceptFor } from './rules/upgrading.ts';
import type { Chat } from './wire/chat.ts';
import { closing, type Frame, saysClose } from './wire/frames.ts';
import { chatOf, frameOf, type Message, OUT_OF_ORDER, STRANGER, wire } from './wire.ts';

/** How often one request may lose its connection before the client gives up. */
const RETURNS = 5;

/** What whoever says something is told when the room has it. */
const SAID = 'said';

export interface ChatClient extends Client {
  /** Comes into a room under this name. `stays`: whenever its connection is lost, it comes back before anybody else goes on. */
  join(name: string, room: string, given?: { stays?: boolean }): Promise<string>;
  /** Resolves when the server has said it to the room. Lost on the way, it is said again under the same number. */
  say(name: string, text: string): Promise<string>;
  /** Comes back if need be, and resolves to all that was said by then and has not been told yet. */
  hear(name: string): Promise<string>;
  /** Says good-bye, and goes. */
  leave(name: string): Promise<string>;
  /** Goes without a word: its connection is reset. It knows still what it has seen. */
  vanish(name: string): Promise<string>;
}

/** One member, and all it remembers between two messages. */
interface Player {
  name: string;
  room: string;
  stays: boolean;
  line: { is: 'down' } | { is: 'up'; socket: Socket };
  /** Resolves when the connection that was dialled last is gone. */
  gone: Promise<undefined>;
  /** The number of the last message it has seen in its room; undefined before it has been there. */
  last: number | undefined;
  /** The number of the last thing it said. */
  nr: number;
  /** Said and not acknowledged, filed under the number. */
  unheard: Map<number, string>;
  /** Who is there, as far as it knows. */
  members: Set<string>;
  /** What was said, and not told yet. */
  news: string[];
  /** Those who wait for a message. */
  waiting: Set<(message: Message) => void>;
  /** What the server said when it hung up. */
  refusal: string | undefined;
}

export async function connect({ host, port, world, waits, introduce }: ClientOptions): Promise<ChatClient> {
  const players = new Map<string, Player>();

  /** Bytes that nobody can guess (RFC 6455 §4.1 and §5.3). */
  const rolled = (length: number) => Buffer.from(world.name(), 'base64url').subarray(0, length);

  function send({ line }: Player, frame: Frame): void {
    if (line.is === 'up') line.socket.write(encode(wire, { ...frame, mask: rolled(4) }));
  }

  /** Resolves to what `met` makes of a message, or to undefined when the connection is gone, or given up since nothing came by it. */
  async function until<T>(player: Player, met: (message: Message) => T | undefined): Promise<T | undefined> {
    let look = (_message: Message) => {};
    const heard = new Promise<T>((resolve) => {
      look = (message) => {
        const found = met(message);
        if (found !== undefined) resolve(found);
      };
    });
    player.waiting.add(look);
    try {
      return await patiently(Promise.race([heard, player.gone]), waits, lineOf(player));
    } finally {
      player.waiting.delete(look);
    }
  }

  /** The connection is of no use any more. */
  async function drop({ line, gone }: Player): Promise<void> {
    if (line.is === 'up') line.socket.destroy();
    await gone;
  }

  /** Asks until it is answered, and comes back as often as the connection is lost on the way. */
  async function insist<T>(player: Player, ask: () => void, met: (message: Message) => T | undefined): Promise<T> {
    for (let returns = 0; ; returns++) {
      if (player.line.is === 'down') await reach(player);
      const answer = until(player, met);
      ask();
      const heard = await answer;
      if (heard !== undefined) return heard;
      await drop(player);
      if (player.refusal !== undefined) throw new Error(player.refusal);
      if (returns >= RETURNS) throw new Error(`the connection was lost ${returns + 1} times in a row`);
      await waits.redial(0);
    }
  }

  /** Dials, upgrades and joins; those who stay come back first. */
  async function reach(player: Player): Promise<void> {
    await reachOne(player, async () => {
      // Only now somebody listens again, and so by now everybody has heard that the one before is gone.
      for (const other of players.values())
        if (other !== player && other.stays && other.line.is === 'down') await reachOne(other);
    });
  }

  /** `before`: what comes about between the dialling and the rest. */
  async function reachOne(player: Player, before = async () => {}): Promise<void> {
    for (let returns = 0; ; returns++) {
      player.refusal = undefined;
      const socket = await dialUntilAnswered({ host, port, waits }, ({ localAddress, localPort }) =>
        introduce?.(pathOf(localAddress, localPort), player.name),
      );
      attend(player, socket);
      await before();
      if ((await upgrade(player, socket)) && (await enter(player))) return;
      await drop(player);
      if (player.refusal !== undefined) throw new Error(player.refusal);
      if (returns >= RETURNS) throw new Error(`the connection was lost ${returns + 1} times in a row`);
      await waits.redial(0);
    }
  }

  function attend(player: Player, socket: Socket): void {
    const line = { is: 'up' as const, socket };
    const inbox = new Inbox(wire, 'server');
    player.line = line;
    socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      for (const message of messages) hear(player, message);
      if (!error) return;
      player.refusal = `the server makes no sense: ${error.message}`;
      socket.destroy();
    });
    // Whatever went wrong, `close` follows, and all that counts is that the line is gone.
    socket.on('error', () => {});
    player.gone = new Promise((resolve) =>
      socket.on('close', () => {
        if (player.line === line) player.line = { is: 'down' };
        resolve(undefined);
      }),
    );
  }

  async function upgrade(player: Player, socket: Socket): Promise<boolean> {
    const key = rolled(16).toString('base64');
    const granted = until(player, (message) => {
      if (message.type !== 'response') return undefined;
      if (message.status === 101 && headerOf(message, 'sec-websocket-accept') === acceptFor(key)) return true;
      player.refusal = `the server answers ${message.status} ${printable(message.reason, 40)}`;
      return false;
    });
    socket.write(
      encode(wire, {
        type: 'request',
        method: 'GET',
        target: '/',
        version: '1.1',
        headers: [
          ['Host', `${host.includes(':') ? `[${host}]` : host}:${port}`],
          ['Upgrade', 'websocket'],
          ['Connection', 'Upgrade'],
          ['Sec-WebSocket-Key', key],
          ['Sec-WebSocket-Version', '13'],
        ],
        body: Buffer.alloc(0),
      }),
    );
    return (await granted) ?? false;
  }

  /** Says who it is and what it has seen last. Resolves when it has heard all that it missed. */
  async function enter(player: Player): Promise<boolean> {
    let missing: number | undefined;
    const entered = until(player, (message) => {
      const chat = message.type === 'frame' ? chatOf(message) : undefined;
      if (chat?.is === 'error') player.refusal = `the server says: ${printable(chat.why, 80)}`;
      if (chat?.is === 'error') return false;
      if (chat?.is === 'welcome') missing = chat.missed;
      else if (chat?.is === 'said' && missing !== undefined) missing--;
      return missing === 0 ? true : undefined;
    });
    send(player, frameOf({ is: 'join', room: player.room, name: player.name, after: player.last }));
    return (await entered) ?? false;
  }

  function hear(player: Player, message: Message): void {
    if (message.type === 'frame') {
      const chat = chatOf(message);
      if (chat) learn(player, chat);
      if (message.opcode === 'PING') send(player, { ...message, opcode: 'PONG' });
      if (message.opcode === 'CLOSE') player.refusal = `the server closes: ${saysClose(message)}`;
    }
    for (const look of player.waiting) look(message);
  }

  function learn(player: Player, chat: Chat): void {
    switch (chat.is) {
      case 'welcome':
        player.members = new Set(chat.members);
        // Whatever it has counted itself: the server may have forgotten, and others may speak under the same name.
        player.nr = chat.nr;
        // What it missed comes after this, one by one.
        player.last = chat.last - chat.missed;
        return;
      case 'said':
        player.last = chat.id;
        player.news.push(`${printable(chat.from)}: “${printable(chat.text, 80)}”`);
        if (chat.from === player.name) player.unheard.delete(chat.nr);
        return;
      case 'ack':
        player.unheard.delete(chat.nr);
        return;
      case 'error':
        if (chat.next !== undefined) player.nr = chat.next - 1;
        return;
      case 'joined':
        player.members.add(chat.name);
        return;
      case 'left':
        player.members.delete(chat.name);
    }
  }

  /** Its connection has ended. Resolves when those who are in the same room have heard of it, so that what comes next comes next. */
  async function parted({ name, room }: Player): Promise<void> {
    for (const other of players.values()) {
      if (other.name === name || other.room !== room || !other.members.has(name) || other.line.is === 'down') continue;
      await until(other, (message) => {
        const chat = message.type === 'frame' ? chatOf(message) : undefined;
        return chat?.is === 'left' && chat.name === name ? true : undefined;
      });
    }
  }

  async function reset(player: Player): Promise<void> {
    if (player.line.is === 'down') return;
    player.line.socket.resetAndDestroy();
    await player.gone;
    await parted(player);
  }

  /** Says that it is going, and resolves when the server has hung up, as RFC 6455 §7.1.1 has it. */
  async function goodBye(player: Player): Promise<void> {
    if (player.line.is === 'down') return;
    send(player, closing(1000));
    await patiently(player.gone, waits, lineOf(player));
  }

  function find(name: string): Player {
    const player = players.get(name);
    if (!player) throw new Error(`nobody here is called ${name}: join first`);
    return player;
  }

  return {
    async join(name, room, { stays = false } = {}) {
      const player: Player = {
        name,
        room,
        stays,
        line: { is: 'down' },
        gone: Promise.resolve(undefined),
        last: undefined,
        nr: 0,
        unheard: new Map(),
        members: new Set(),
        news: [],
        waiting: new Set(),
        refusal: undefined,
      };
      players.set(name, player);
      await reach(player);
      return `in ${printable(room)}, ${player.last ?? 0} said there before`;
    },

    async say(name, text) {
      const player = find(name);
      if (player.line.is === 'down') await reach(player);
      let nr = 0;
      const ask = () => {
        // What the server has counted already keeps its number, and so is known to be the same; anything else has the next one.
        if (nr === 0 || nr > player.nr) {
          player.unheard.delete(nr);
          nr = ++player.nr;
          player.unheard.set(nr, text);
        }
        send(player, frameOf({ is: 'say', text, nr }));
      };
      const heard = (message: Message) => {
        const chat = message.type === 'frame' ? chatOf(message) : undefined;
        if (chat?.is === 'said' && chat.from === name && chat.nr === nr) return SAID;
        if (chat?.is === 'ack' && chat.nr === nr) return SAID;
        return chat?.is === 'error' ? chat.why : undefined;
      };
      for (let returns = 0; ; returns++) {
        const answer = await insist(player, ask, heard);
        if (answer === SAID) return SAID;
        // Whom the server does not know any more comes in again, and says it again; so does, under another number, who was out of order.
        if (answer === OUT_OF_ORDER && returns < RETURNS) continue;
        if (answer !== STRANGER || returns >= RETURNS) throw new Error(`the server says: ${printable(answer, 80)}`);
        if (!(await enter(player))) await drop(player);
      }
    },

    async hear(name) {
      const player = find(name);
      const heard = (message: Message) => (message.type === 'frame' && message.opcode === 'PONG' ? true : undefined);
      const ping: Frame = { type: 'frame', opcode: 'PING', fin: true, payload: Buffer.alloc(0) };
      // The server answers in order: whatever was said before has come by then.
      await insist(player, () => send(player, ping), heard);
      const news = player.news.splice(0);
      return news.length === 0 ? 'nothing' : news.join(', ');
    },

    async leave(name) {
      const player = find(name);
      if (player.line.is === 'up') {
        await goodBye(player);
        await parted(player);
      }
      players.delete(name);
      return 'left';
    },

    async vanish(name) {
      await reset(find(name));
      return 'gone without a word';
    },

    facts() {
      const facts: Facts = {};
      for (const { name, room, last, unheard } of players.values()) {
        if (last !== undefined) facts[`seen[${printable(name)}]`] = `${printable(room)}, up to ${last}`;
        for (const [nr, text] of unheard)
          facts[`out[${printable(name)} ${nr}]`] = `said and not heard: “${printable(text, 40)}”`;
      }
      return facts;
    },

    async move() {
      for (const player of players.values()) await reset(player);
    },

    async close() {
      // Nobody waits to hear that another one has left: of whom the server has forgotten nobody ever hears.
      for (const player of players.values()) await goodBye(player);
      players.clear();
    },
  };
}

/** The connection of a player, as one waits on it. */
function lineOf({ line }: Player): WaitedOn {
  if (line.is === 'down') return { heard: () => 0, giveUp: () => {} };
  return { heard: () => line.socket.bytesRead, giveUp: () => line.socket.destroy() };
}

// The other end: mqtt.js, as people use it, once for every name that this client plays. It keeps what is not acknowledged yet.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { IClientOptions, IConnackPacket, MqttClient, Packet, Store } from 'mqtt';
import { pathOf } from '../../bounds/paths.ts';
import { dialUntilAnswered } from '../../sockets/dial.ts';
import { patiently, type WaitedOn } from '../../sockets/patience.ts';
import { printable, quoted } from '../../wire/printable.ts';
import type { Client, ClientOptions, Facts } from '../shapes.ts';
import type { QoS, Version } from './wire.ts';

/** How often one request may lose its connection before the client gives up. */
const RETURNS = 5;
/** Seconds between two packets at the most: what CONNECT promises. */
const KEEP_ALIVE = 60;

/** How somebody introduces themselves. */
export interface Introduction {
  /** Begin anew, whatever the broker remembers. */
  clean?: boolean;
  /** Seconds that the session outlives the connection; only version 5 has a word for it. */
  expiry?: number;
  will?: { topic: string; payload: string; qos?: QoS; retain?: boolean };
  version?: Version;
  user?: string;
  password?: string;
}

/** Several MQTT clients in one, by name. The name is the client id. */
export interface LettersClient extends Client {
  /** Introduces itself under this name. Resolves to what the broker remembers of it. */
  connect(name: string, introduction?: Introduction): Promise<string>;
  subscribe(name: string, filter: string, qos: QoS): Promise<string>;
  /** Resolves when the broker has acknowledged it; with QoS 0, when it has left. */
  publish(name: string, topic: string, payload: string, qos: QoS, retain?: boolean): Promise<string>;
  /** Says good-bye and goes away. Its session stays, unless it was clean. */
  sleep(name: string): Promise<string>;
  /** Goes without a word: its connection is reset. */
  vanish(name: string): Promise<string>;
  /**
   * Comes back, and resolves to all letters that have come by then. What is still to come after that was not there yet; only a broker
   * that fetches letters while it goes on answering may take longer, so where the session was present, `letters` are waited for.
   */
  wake(name: string, letters?: number): Promise<string>;
  /** Waits for a letter that says this, until it is overdue. Resolves to what all letters said that have come since the last time. */
  until(name: string, said: string): Promise<string[]>;
  /** Says good-bye for good: its session ends. */
  finish(name: string): Promise<string>;
}

/** One of those that this client plays, and all it remembers between two messages. */
interface Player {
  name: string;
  version: Version;
  mqtt: MqttClient;
  socket: Socket | undefined;
  line: 'down' | 'up';
  /** Resolves when the connection that was dialled last is gone. */
  gone: Promise<undefined>;
  /** What the broker said of the session when it was last asked. */
  present: boolean;
  /** What it believes to be subscribed to. */
  subscriptions: Map<string, number>;
  /** Sent and not acknowledged, filed under the packet id: resent when the connection is lost. */
  outgoing: Map<number, Packet>;
  /** QoS 2 letters that were received and not released, filed under the packet id. */
  incoming: Map<number, Packet>;
  /** What has arrived and was not told yet. */
  letters: { topic: string; said: string }[];
  /** Packets that have brought letters, or are about to. */
  news: number;
  /** What the broker said when it hung up, or refused. */
  refusal: Error | undefined;
}

export async function connect({ host, port, waits, introduce }: ClientOptions): Promise<LettersClient> {
  const library = await import('mqtt');
  const players = new Map<string, Player>();

  /** A store that keeps what it holds when its connection ends, and shows it. `resent`: that is for sending it again. */
  function storeOf(kept: Map<number, Packet>, resent: boolean): Store {
    const store = new library.Store({ clean: false });
    const put = store.put.bind(store);
    const del = store.del.bind(store);
    store.put = (packet, done) => {
      // What is stored leaves again only on another connection, and says so (MQTT-3.3.1-1). mqtt.js leaves that out.
      if (resent && packet.cmd === 'publish') packet.dup = true;
      kept.set(Number(packet.messageId), packet);
      return put(packet, done);
    };
    store.del = (packet, done) => {
      kept.delete(Number(packet.messageId));
      return del(packet, done);
    };
    return store;
  }

  function playerOf(name: string, given: Introduction): Player {
    const { clean = true, expiry, will, version = 4, user, password } = given;
    const outgoing = new Map<number, Packet>();
    const incoming = new Map<number, Packet>();
    const options: IClientOptions = {
      clientId: name,
      clean,
      protocolVersion: version,
      keepalive: KEEP_ALIVE,
      // When to dial again is not for a timer to say, and neither is what a session still knows.
      manualConnect: true,
      reconnectPeriod: 0,
      resubscribe: false,
      connectTimeout: 2 ** 31 - 1,
      messageIdProvider: new library.UniqueMessageIdProvider(),
      outgoingStore: storeOf(outgoing, true),
      incomingStore: storeOf(incoming, false),
      ...(version === 5 && expiry !== undefined ? { properties: { sessionExpiryInterval: expiry } } : {}),
      ...(user === undefined ? {} : { username: user }),
      ...(password === undefined ? {} : { password }),
      ...(will ? { will: { qos: 0, retain: false, ...will, payload: Buffer.from(will.payload) } } : {}),
    };
    const player: Player = {
      name,
      version,
      mqtt: new library.MqttClient(() => player.socket as Socket, options),
      socket: undefined,
      line: 'down',
      gone: Promise.resolve(undefined),
      present: false,
      subscriptions: new Map(),
      outgoing,
      incoming,
      letters: [],
      news: 0,
      refusal: undefined,
    };
    player.mqtt
      .on('message', (topic, payload) => {
        player.letters.push({ topic: printable(topic, 80), said: quoted(payload, 80) });
      })
      .on('packetreceive', ({ cmd }) => {
        if (cmd === 'publish' || cmd === 'pubrel') player.news++;
      })
      .on('disconnect', (packet) => {
        player.refusal = new Error(`the broker hangs up with reason ${hex(packet.reasonCode)}`);
      })
      // A connection that is lost is told by `close`; what is left is what the broker will not have.
      .on('error', (error) => {
        if (typeof (error as { code?: unknown }).code === 'number')
          player.refusal = new Error(`the broker says: ${printable(error.message, 120)}`);
      })
      .on('close', () => {
        player.line = 'down';
      });
    return player;
  }

  /** Dials and introduces itself, until the broker has answered that, and has acknowledged all that was sent before. */
  async function reach(player: Player): Promise<void> {
    for (let returns = 0; ; returns++) {
      player.refusal = undefined;
      player.socket = await dialUntilAnswered({ host, port, waits }, ({ localAddress, localPort }) =>
        introduce?.(pathOf(localAddress, localPort), player.name),
      );
      const { mqtt } = player;
      player.gone = new Promise((resolve) => mqtt.once('close', () => resolve(undefined)));
      let accepted = (_connack: IConnackPacket) => {};
      const answered = new Promise<IConnackPacket>((resolve) => {
        accepted = resolve;
      });
      mqtt.once('connect', accepted).connect();
      const connack = await patiently(Promise.race([answered, player.gone]), waits, lineOf(player));
      mqtt.off('connect', accepted);
      if (connack) {
        player.line = 'up';
        player.present = connack.sessionPresent;
        return;
      }
      if (player.refusal) throw player.refusal;
      if (returns >= RETURNS) throw new Error(`the connection was lost ${returns + 1} times in a row`);
      await waits.redial(0);
    }
  }

  /** Asks, and if the connection is lost before the answer, dials and asks again: `ask` decides whether that is needed. */
  async function insist<T>(player: Player, ask: (mqtt: MqttClient) => Promise<T>): Promise<T> {
    for (let returns = 0; ; returns++) {
      if (player.line === 'down') await reach(player);
      const answer = ask(player.mqtt).then(
        (value) => ({ value }),
        (error: Error) => ({ error }),
      );
      const heard = await patiently(Promise.race([answer, player.gone]), waits, lineOf(player));
      if (heard && 'value' in heard) return heard.value;
      if (heard && player.line === 'up') throw heard.error;
      if (returns >= RETURNS)
        throw player.refusal ?? new Error(`the connection was lost ${returns + 1} times in a row`);
      await waits.redial(0);
    }
  }

  /** Resolves when the broker has answered all that it was asked before, and no letter has come meanwhile. */
  async function quiet(player: Player): Promise<void> {
    for (;;) {
      const before = player.news;
      await new Promise<void>((resolve) => {
        const heard = ({ cmd }: Packet) => {
          if (cmd !== 'pingresp') return;
          player.mqtt.off('packetreceive', heard);
          resolve();
        };
        player.mqtt.on('packetreceive', heard);
        player.mqtt.sendPing();
      });
      if (player.news === before) return;
    }
  }

  /** Resolves when the letters that have come are `enough`, or the next one is overdue. */
  async function arrived(player: Player, enough: (letters: Player['letters']) => boolean): Promise<void> {
    const come = new AbortController();
    const look = () => {
      if (enough(player.letters)) come.abort();
    };
    player.mqtt.on('message', look);
    look();
    if (!come.signal.aborted) await Promise.race([waits.overdue(come.signal), once(come.signal, 'abort')]);
    player.mqtt.off('message', look);
  }

  /** Says DISCONNECT, and resolves when the broker has hung up. */
  async function leave(player: Player, properties = {}): Promise<void> {
    const { socket } = player;
    if (player.line === 'down' || !socket) return;
    // Both hang up after DISCONNECT, and who is first would be left to chance: so here the broker goes first.
    socket.end = () => socket;
    socket.once('end', () => Reflect.deleteProperty(socket, 'end'));
    // What is not acknowledged stays in the store; to wait for it is not to leave.
    player.mqtt.outgoing = {};
    player.mqtt.end(false, properties);
    await patiently(player.gone, waits, lineOf(player));
    await new Promise((turn) => setImmediate(turn));
  }

  async function reset(player: Player): Promise<void> {
    if (player.line === 'down' || !player.socket) return;
    player.socket.resetAndDestroy();
    await player.gone;
  }

  function find(name: string): Player {
    const player = players.get(name);
    if (!player) throw new Error(`nobody here is called ${name}: connect first`);
    return player;
  }

  return {
    async connect(name, introduction = {}) {
      const player = playerOf(name, introduction);
      players.set(name, player);
      await reach(player);
      return presence(player);
    },

    async subscribe(name, filter, qos) {
      const player = find(name);
      const granted = await insist(player, (mqtt) => mqtt.subscribeAsync(filter, { qos }));
      for (const each of granted) player.subscriptions.set(each.topic, each.qos);
      return `subscribed to ${printable(filter, 80)}, QoS ${granted.map((each) => each.qos).join(', ')}`;
    },

    async publish(name, topic, payload, qos, retain = false) {
      const player = find(name);
      /** Whatever needs an acknowledgement is sent once by us, and as often as it takes by mqtt.js, from its store. */
      let acknowledged: Promise<unknown> | undefined;
      await insist(player, (mqtt) => {
        acknowledged ??= mqtt.publishAsync(topic, payload, { qos, retain });
        return acknowledged;
      });
      return qos === 0 ? 'sent; nobody acknowledges QoS 0' : `acknowledged: ${qos === 1 ? 'PUBACK' : 'PUBCOMP'}`;
    },

    async sleep(name) {
      await leave(find(name));
      return 'asleep';
    },

    async vanish(name) {
      await reset(find(name));
      return 'gone without a word';
    },

    async wake(name, expected = 0) {
      const player = find(name);
      // Whoever wakes wants to go on, whatever they wanted at first.
      player.mqtt.options.clean = false;
      await insist(player, () => quiet(player));
      if (player.present) await arrived(player, (letters) => letters.length >= expected);
      const letters = player.letters.splice(0).map(({ topic, said }) => `${topic} ${said}`);
      return `${presence(player)}; ${letters.length === 0 ? 'no letters' : letters.join(', ')}`;
    },

    async until(name, said) {
      const player = find(name);
      const last = quoted(Buffer.from(said), 80);
      await arrived(player, (letters) => letters.some((letter) => letter.said === last));
      return player.letters.splice(0).map((letter) => letter.said);
    },

    async finish(name) {
      const player = find(name);
      await leave(player, player.version === 5 ? { reasonCode: 0, properties: { sessionExpiryInterval: 0 } } : {});
      players.delete(name);
      return 'left for good';
    },

    facts() {
      const facts: Facts = {};
      for (const { name, subscriptions, outgoing, incoming } of players.values()) {
        const who = printable(name, 40);
        const filters = [...subscriptions].map(([filter, qos]) => `${printable(filter, 80)} QoS ${qos}`);
        if (filters.length > 0) facts[`session[${who}]`] = `subscribed to ${filters.join(', ')}`;
        for (const [id, packet] of outgoing) facts[`out[${who} ${id}]`] = sent(packet);
        for (const [id, packet] of incoming) facts[`in[${who} ${id}]`] = `PUBREC sent for ${letter(packet)}`;
      }
      return facts;
    },

    async move() {
      for (const player of players.values()) await reset(player);
    },

    async close() {
      for (const player of players.values()) await leave(player);
      players.clear();
    },
  };
}

/** The connection of a player, as one waits on it. */
function lineOf(player: Player): WaitedOn {
  return { heard: () => player.socket?.bytesRead ?? 0, giveUp: () => player.socket?.destroy() };
}

function presence({ present }: Player): string {
  return `session present ${present ? 1 : 0}`;
}

/** How far a letter has come that is not acknowledged. */
function sent(packet: Packet): string {
  return packet.cmd === 'pubrel' ? 'PUBREC heard, PUBREL sent' : `PUBLISH sent: ${letter(packet)}`;
}

function letter(packet: Packet): string {
  return packet.cmd === 'publish' ? `${printable(packet.topic, 80)} ${quoted(Buffer.from(packet.payload), 40)}` : '';
}

function hex(code = 0): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}

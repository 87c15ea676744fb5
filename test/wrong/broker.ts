// A little broker inside the process of the test, whose state outlives its kills because they only end its sockets: right unless
// it is told to be wrong. Knows no more of MQTT 3.1.1 than the durability checker uses.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import mqtt, { type Packet } from 'mqtt-packet';
import type { Broker } from '../brokers.ts';
import type { Contestant } from '../mqtt-durability.ts';

export const FAULTS = ['drops', 'invents', 'doubles', 'swaps', 'forgets', 'unsubscribes', 'keepsQuiet'] as const;
export type Fault = (typeof FAULTS)[number];

interface Letter {
  id: number;
  topic: string;
  text: string;
  qos: 1 | 2;
  released: boolean;
}

interface Session {
  qos: 1 | 2 | undefined;
  prefix: string;
  socket: Socket | undefined;
  out: Letter[];
  in: Set<number>;
  last: number;
  /** Where letters are swapped: held back until the next one on the same topic has gone before it. */
  late: { topic: string; text: string; qos: 1 | 2 } | undefined;
}

export interface LittleOptions {
  /** Letters that one session holds; what comes beyond them is dropped. */
  queue?: number;
  /** Answers a PUBLISH only when it comes again, and dies when so many are unanswered: all of them are sent again after each death. */
  dies?: number;
}

export function littleBroker(fault?: Fault, { queue = Infinity, dies }: LittleOptions = {}): Contestant {
  const sessions = new Map<string, Session>();
  let unanswered = 0;
  let die = () => {};
  let taken = 0;
  /** How many came, by QoS: whichever is said faster than the other, each has its tenth. */
  const routed = { 1: 0, 2: 0 };

  function send(socket: Socket | undefined, packet: Packet): void {
    socket?.write(mqtt.generate(packet));
  }

  function deliver({ socket }: Session, { id, topic, text, qos, released }: Letter, dup: boolean): void {
    if (released) send(socket, { cmd: 'pubrel', messageId: id });
    else send(socket, { cmd: 'publish', messageId: id, topic, payload: text, qos, dup, retain: false });
  }

  function route(topic: string, text: string, qos: 1 | 2): void {
    taken++;
    const tenth = ++routed[qos] % 10 === 0;
    if (fault === 'drops' && tenth) return;
    for (const session of sessions.values()) {
      if (session.qos === undefined || !topic.startsWith(session.prefix)) continue;
      const least = Math.min(qos, session.qos) as 1 | 2;
      const post = (said: string, as = least) => {
        if (session.out.length >= queue) return;
        session.last = (session.last % 65_535) + 1;
        const letter = { id: session.last, topic, text: said, qos: as, released: false };
        session.out.push(letter);
        deliver(session, letter, false);
      };
      if (fault === 'swaps' && tenth && !session.late) {
        session.late = { topic, text, qos: least };
        continue;
      }
      post(text);
      if (fault === 'invents' && tenth) post(`${text} and more`);
      if (fault === 'doubles' && tenth) post(text);
      if (session.late?.topic !== topic) continue;
      post(session.late.text, session.late.qos);
      session.late = undefined;
    }
  }

  function hear(socket: Socket, who: Session | undefined, packet: Packet): Session | undefined {
    if (packet.cmd === 'connect') {
      const found = packet.clean ? undefined : sessions.get(packet.clientId);
      const known = fault === 'forgets' && taken > 100 ? undefined : found;
      const session: Session = known ?? {
        ...{ qos: undefined, prefix: '', socket, out: [], in: new Set(), last: 0, late: undefined },
      };
      session.socket = socket;
      sessions.set(packet.clientId, session);
      send(socket, { cmd: 'connack', returnCode: 0, sessionPresent: known !== undefined });
      for (const each of session.out) deliver(session, each, true);
      if (fault === 'unsubscribes') session.qos = undefined;
      return session;
    }
    if (!who) return undefined;
    const id = packet.messageId ?? 0;
    const letter = who.out.find((each) => each.id === id);
    switch (packet.cmd) {
      case 'subscribe': {
        const [{ topic = '', qos = 1 } = {}] = packet.subscriptions;
        Object.assign(who, { qos, prefix: topic.replace('+', '') });
        send(socket, { cmd: 'suback', messageId: id, granted: [qos] });
        break;
      }
      case 'publish': {
        const fresh = packet.qos === 1 || !who.in.has(id);
        if (packet.qos === 2) who.in.add(id);
        if (fresh && packet.qos !== 0) route(packet.topic, packet.payload.toString(), packet.qos);
        if (dies !== undefined && !packet.dup) {
          if (++unanswered === dies) die();
          break;
        }
        // The same ones when they come again: who insists is not answered either.
        if (fault !== 'keepsQuiet' || id % 10 !== 0)
          send(socket, { cmd: packet.qos === 2 ? 'pubrec' : 'puback', messageId: id });
        break;
      }
      case 'pubrel':
        who.in.delete(id);
        send(socket, { cmd: 'pubcomp', messageId: id });
        break;
      case 'pubrec':
        if (letter) letter.released = true;
        send(socket, { cmd: 'pubrel', messageId: id });
        break;
      case 'puback':
      case 'pubcomp':
        who.out = who.out.filter((each) => each !== letter);
        break;
      case 'disconnect':
        socket.end();
    }
    return who;
  }

  return {
    async begin({ port }): Promise<Broker> {
      const sockets = new Set<Socket>();
      const server = createServer({ noDelay: true }, (socket) => {
        sockets.add(socket);
        let who: Session | undefined;
        const parser = mqtt.parser({ protocolVersion: 4 });
        parser.on('packet', (packet) => {
          who = hear(socket, who, packet);
        });
        socket.on('data', (bytes) => parser.parse(bytes));
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          if (who?.socket === socket) who.socket = undefined;
        });
      });
      unanswered = 0;
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      let end = (_signal: string) => {};
      const died = new Promise<string>((resolve) => {
        end = resolve;
      });
      const kill = async () => {
        server.close();
        for (const socket of sockets) socket.destroy();
        end('SIGKILL');
      };
      die = kill;
      const { port: listening } = server.address() as AddressInfo;
      return {
        name: 'a little broker',
        pid: 0,
        port: listening,
        died,
        kill,
        signal: () => {},
        lastWords: async () => '',
        stop: kill,
      };
    },
    // Who dies by itself is not killed as well.
    ...{ armed: dies !== undefined, writes: false, versions: [4], silence: 300 },
    end: async () => {},
  };
}

// What PUBACK and PUBREC are worth. Brokers are killed at random protocol events while clients publish and subscribe, and a
// checker that only reads the wire keeps the history: what was attempted, what was acknowledged, what came out, to whom.

import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { discardHost, type Host, startHost } from '../src/lab/lives.ts';
import type { KillOn } from '../src/lab/messages.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { dice } from '../src/lab/world.ts';
import { aedes, type Broker, mosquitto, ours, redis, startAedes } from './brokers.ts';
import { codeOf, dial, hello, type Line, type Packet, type Version } from './mqtt-line.ts';
import { program } from './peers.ts';

/** Messages that a publisher has in flight. */
const IN_FLIGHT = 64;
/**
 * Messages between two nights, with those that are sent again: a sleeper's queue holds a thousand (LIMITS in the broker's state.ts), and
 * what it drops is no loss by a kill. What two publishers have in flight may come again once more after the last one.
 */
const NIGHT = 1000 - 2 * IN_FLIGHT - 50;
/** Kills in a night at most. */
const KILLS = 10;
/** A kill bound to an event that does not come is carried out after so long, in milliseconds. */
const PATIENCE = 4_000;
const TOPICS = 3;
/** Lost messages that are named. */
const NAMED = 10;

// ----------------------------------------------------------------------------------------------------------------- the history

/** What one publisher said on one topic, in its order. */
interface Said {
  publisher: string;
  topic: string;
  /** 1, 2, 3 … for each publisher and topic. */
  seq: number;
  qos: 1 | 2;
  acknowledged: boolean;
}

/** What one subscriber's application was given. */
interface Heard {
  /** The QoS it asked for. */
  qos: 1 | 2;
  /** How often each message came, in the order of first deliveries. */
  times: Map<string, number>;
  forgotten: boolean;
}

export interface Verdict {
  attempted: number;
  acknowledged: number;
  /** Acknowledged messages times subscribers: what had to come out. */
  owed: number;
  /** Of those, what nobody ever saw. */
  lost: number;
  /** Seen, and never attempted. */
  phantom: number;
  /** Given to an application more than once although all of the way was QoS 2. */
  twice: number;
  /** The same where QoS 1 allows it. */
  again: number;
  /** First deliveries that came after a later message of the same publisher and topic. */
  disorder: number;
  /** Subscribers, and publishers with a session, whom the broker no longer knew. */
  forgotten: number;
}

/** A message says who it is, and cannot be taken for another one when it is damaged. */
export function textOf(publisher: string, topic: string, seq: number): string {
  return `${publisher} ${topic} ${seq} ${'.'.repeat((seq * 7) % 50)}`;
}

/** Judges the history, never the implementation. Everybody in it subscribes to all topics before anything is said. */
export class History {
  private readonly said = new Map<string, Said>();
  private readonly heard = new Map<string, Heard>();
  private readonly strangers = new Set<string>();
  private phantoms = 0;

  subscribes(subscriber: string, qos: 1 | 2): void {
    this.heard.set(subscriber, { qos, times: new Map(), forgotten: false });
  }

  attempted(publisher: string, topic: string, seq: number, qos: 1 | 2): void {
    const text = textOf(publisher, topic, seq);
    if (!this.said.has(text)) this.said.set(text, { publisher, topic, seq, qos, acknowledged: false });
  }

  /** PUBACK, or PUBREC: with either the broker has accepted ownership (MQTT 3.1.1 and 5, §4.3.2 and §4.3.3). */
  acknowledged(text: string): void {
    const said = this.said.get(text);
    if (!said) throw new Error(`acknowledged and never attempted: ${text}`);
    said.acknowledged = true;
  }

  /** The application has it. What the protocol holds back, as QoS 2 does with a packet id it knows, is not given here. */
  delivered(subscriber: string, topic: string, text: string): void {
    const heard = this.heard.get(subscriber);
    const said = this.said.get(text);
    if (!heard || said?.topic !== topic) {
      this.phantoms++;
      return;
    }
    heard.times.set(text, (heard.times.get(text) ?? 0) + 1);
  }

  /** The broker does not know somebody whom it has known. */
  forgot(client: string): void {
    const heard = this.heard.get(client);
    if (heard) heard.forgotten = true;
    else this.strangers.add(client);
  }

  /** Whether everything owed to a subscriber has come. */
  complete(subscriber: string): boolean {
    const { times } = this.heard.get(subscriber) as Heard;
    for (const [text, { acknowledged }] of this.said) if (acknowledged && !times.has(text)) return false;
    return true;
  }

  /** Whether anything of a publisher has come to a subscriber. */
  reached(subscriber: string, publisher: string): boolean {
    const { times } = this.heard.get(subscriber) as Heard;
    return [...times.keys()].some((text) => this.said.get(text)?.publisher === publisher);
  }

  /** What is lost, the first few: who did not get which message. */
  missing(): string[] {
    const missing: string[] = [];
    for (const [subscriber, { times }] of this.heard)
      for (const [text, { acknowledged }] of this.said)
        if (acknowledged && !times.has(text) && missing.length < NAMED) missing.push(`${subscriber}: ${text}`);
    return missing;
  }

  verdict(): Verdict {
    const all = [...this.said];
    const verdict = {
      attempted: all.length,
      acknowledged: all.filter(([, { acknowledged }]) => acknowledged).length,
      ...{ owed: 0, lost: 0, twice: 0, again: 0, disorder: 0 },
      phantom: this.phantoms,
      forgotten: this.strangers.size,
    };
    for (const { qos, times, forgotten } of this.heard.values()) {
      if (forgotten) verdict.forgotten++;
      for (const [text, said] of all) {
        if (!said.acknowledged) continue;
        verdict.owed++;
        if (!times.has(text)) verdict.lost++;
      }
      const latest = new Map<string, number>();
      for (const [text, count] of times) {
        const said = this.said.get(text) as Said;
        if (count > 1 && qos === 2 && said.qos === 2) verdict.twice += count - 1;
        else verdict.again += count - 1;
        const key = `${said.publisher} ${said.topic}`;
        if (said.seq < (latest.get(key) ?? 0)) verdict.disorder++;
        else latest.set(key, said.seq);
      }
    }
    return verdict;
  }
}

// ----------------------------------------------------------------------------------------------------------------- the clients

/** Where the broker is, and how to wait for it. */
export interface House {
  port(): number;
  /** Resolves when a broker listens that nobody has been turned away by. */
  born(): Promise<void>;
  /** Told of every packet that a client sees. */
  saw(): void;
}

export interface Played {
  name: string;
  /** Resolves when it has reached what it was made for: it is subscribed, or connected. */
  ready: Promise<void>;
  /** When the last packet came, in milliseconds of `performance.now()`. */
  lastHeard(): number;
  /** Says good-bye and comes back no more; what its session holds stays. */
  leave(): Promise<void>;
}

interface Part {
  name: string;
  version: Version;
  clean: boolean;
  /** Connected; `present`: the broker says that it knows the session. */
  welcome(line: Line, present: boolean, window: number): void;
  hear(line: Line, packet: Packet): void;
}

/** Connects, and again after each end, until it leaves. */
function play(house: House, { name, version, clean, welcome, hear }: Part, ready: Promise<void>): Played {
  let leaving = false;
  let current: Line | undefined;
  let lastHeard = performance.now();
  let refused = 0;

  async function live(): Promise<void> {
    while (!leaving) {
      const next = house.born();
      const line = await dial(house.port(), version, (packet) => {
        lastHeard = performance.now();
        house.saw();
        if (packet.cmd !== 'connack') {
          if (current) hear(current, packet);
          return;
        }
        if (codeOf(packet) === 0 && current)
          welcome(current, packet.sessionPresent, packet.properties?.receiveMaximum ?? 65_535);
      });
      if (!line) {
        await next;
        continue;
      }
      current = line;
      line.write(hello(name, version, clean));
      const born = performance.now();
      await line.gone;
      current = undefined;
      // A broker that lives and hangs up at once is not asked in a loop without end.
      if (performance.now() - born < 20 && ++refused > 10) await after(20);
    }
  }
  const lived = live();
  return {
    name,
    ready,
    lastHeard: () => lastHeard,
    async leave() {
      leaving = true;
      await current?.leave();
      await lived;
    },
  };
}

export interface Publisher extends Played {
  /** Says nothing new. Resolves when nothing is in flight any more; never where the broker owes an answer for ever. */
  rest(): Promise<void>;
}

export interface PublisherOptions {
  name: string;
  qos: 1 | 2;
  /** Whether it keeps its session and sends again what was not acknowledged, or begins anew with what comes next. */
  resending: boolean;
  version: Version;
  topics: readonly string[];
  /** Whether there is something to say. */
  more(): boolean;
  /** Told how many messages it sends again: of QoS 1, whoever sleeps may get each of them twice. */
  again?(messages: number): void;
  roll(below: number): number;
}

export function publisher(
  house: House,
  history: History,
  { name, qos, resending, version, topics, more, again, roll }: PublisherOptions,
): Publisher {
  /** In flight, filed under the packet id, in the order in which they were sent. */
  const pending = new Map<number, { topic: string; text: string; released: boolean }>();
  const seqs = new Map<string, number>();
  let id = 0;
  let known = false;
  let window = IN_FLIGHT;
  let resting = false;
  const landed = promised();
  const ready = promised();

  const packet = (at: number, dup: boolean): Packet => {
    const { topic, text, released } = pending.get(at) as { topic: string; text: string; released: boolean };
    if (released) return { cmd: 'pubrel', messageId: at };
    return { cmd: 'publish', messageId: at, topic, payload: text, qos, dup, retain: false };
  };
  const fill = (line: Line) => {
    const packets: Packet[] = [];
    while (!resting && pending.size < window && more()) {
      do id = (id % 65_535) + 1;
      while (pending.has(id));
      const topic = topics[roll(topics.length)] as string;
      const seq = (seqs.get(topic) ?? 0) + 1;
      seqs.set(topic, seq);
      history.attempted(name, topic, seq, qos);
      pending.set(id, { topic, text: textOf(name, topic, seq), released: false });
      packets.push(packet(id, false));
    }
    if (packets.length > 0) line.writeAll(packets);
    if (resting && pending.size === 0) landed.resolve();
  };
  const played = play(
    house,
    {
      name,
      version,
      clean: !resending,
      welcome(line, present, receiveMaximum) {
        window = Math.min(IN_FLIGHT, receiveMaximum);
        if (resending && known && !present) history.forgot(name);
        known = true;
        if (resending) {
          again?.(pending.size);
          line.writeAll([...pending.keys()].map((at) => packet(at, true)));
        } else pending.clear();
        ready.resolve();
        fill(line);
      },
      hear(line, heard) {
        const at = heard.messageId ?? 0;
        const flying = pending.get(at);
        if (heard.cmd === 'puback' || heard.cmd === 'pubrec') {
          const refused = (heard.reasonCode ?? 0) >= 0x80;
          if (flying && !refused) history.acknowledged(flying.text);
          if (heard.cmd === 'puback' || refused) pending.delete(at);
          else {
            if (flying) flying.released = true;
            line.write({ cmd: 'pubrel', messageId: at });
          }
        }
        if (heard.cmd === 'pubcomp') pending.delete(at);
        fill(line);
      },
    },
    ready.promise,
  );
  return {
    ...played,
    rest() {
      resting = true;
      if (pending.size === 0) landed.resolve();
      return landed.promise;
    },
  };
}

export interface SubscriberOptions {
  name: string;
  qos: 1 | 2;
  version: Version;
  filter: string;
  /** Set for somebody who comes back from sleep: the broker should know it, and it does not subscribe again. */
  known?: boolean;
}

export function subscriber(
  house: House,
  history: History,
  { name, qos, version, filter, known = false }: SubscriberOptions,
): Played {
  /** Packet ids of QoS 2 that were taken and not yet released (MQTT §4.3.3). */
  const held = new Set<number>();
  let subscribed = known;
  const ready = promised();
  const subscribe = (line: Line) =>
    line.write({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: filter, qos, nl: false, rap: false, rh: 0 }],
    });

  if (!known) history.subscribes(name, qos);
  return play(
    house,
    {
      name,
      version,
      clean: false,
      welcome(line, present) {
        if (!present) {
          if (subscribed) history.forgot(name);
          // What the broker has forgotten the client must not go on with (MQTT-3.2.2-5).
          held.clear();
        }
        if (!subscribed || (!present && !known)) subscribe(line);
        else ready.resolve();
      },
      hear(line, packet) {
        if (packet.cmd === 'suback') {
          subscribed = true;
          ready.resolve();
        }
        if (packet.cmd === 'pubrel') {
          held.delete(packet.messageId ?? 0);
          line.write({ cmd: 'pubcomp', messageId: packet.messageId ?? 0 });
        }
        if (packet.cmd !== 'publish') return;
        const messageId = packet.messageId ?? 0;
        if (packet.qos === 2) {
          if (!held.has(messageId)) history.delivered(name, packet.topic, packet.payload.toString());
          held.add(messageId);
          line.write({ cmd: 'pubrec', messageId });
        } else {
          history.delivered(name, packet.topic, packet.payload.toString());
          line.write({ cmd: 'puback', messageId });
        }
      },
    },
    ready.promise,
  );
}

// ----------------------------------------------------------------------------------------------------------------- the kills

/** Begins a broker on a port, 0 for any; `kill` is where it is to die, for those who can be told. */
export type Begin = (life: { port: number; nth: number; kill: KillOn | undefined }) => Promise<Broker>;

export interface Contestant {
  begin: Begin;
  /** What its kills are bound to: the lab's own events, or the packets that clients see. */
  armed: boolean;
  /** What its journal does may be interrupted as well. */
  writes: boolean;
  versions: readonly Version[];
  /** How long silence must last until what has not come is given up, in milliseconds. */
  silence: number;
  end(): Promise<void>;
}

export interface DurabilityOptions {
  contestant: Contestant;
  kills: number;
  seed: number;
  /** Told after each kill. */
  progress?: (killed: number) => void;
}

export interface Toll extends Verdict {
  kills: number;
  /** Kills whose event did not come, carried out at no particular moment. */
  late: number;
  /** By the moment they were bound to. */
  moments: Record<string, number>;
  /** Publishers whose last messages were never answered, also when all was quiet. */
  unanswered: number;
  /** Of what is lost, the first few. */
  missing: string[];
}

/** Kills brokers while clients speak to them, and counts what their acknowledgements were worth. */
export async function durability({ contestant, kills, seed, progress }: DurabilityOptions): Promise<Toll> {
  const roll = dice(seed);
  // Their own dice: when the clients roll depends on the network, and the same seed must kill at the same events.
  const rollKill = dice(seed);
  const moments: Record<string, number> = {};
  const total: Toll = {
    ...{ kills: 0, late: 0, moments, missing: [], unanswered: 0, attempted: 0, acknowledged: 0, owed: 0 },
    ...{ lost: 0, phantom: 0, twice: 0, again: 0, disorder: 0, forgotten: 0 },
  };
  let broker: Broker | undefined;
  let port = 0;
  let nth = 0;
  let birth = promised();
  /** What is done when a client sees the next packet. */
  let onPacket = () => {};
  const house: House = { port: () => port, born: () => birth.promise, saw: () => onPacket() };

  async function begin(kill?: KillOn): Promise<Broker> {
    const next = await contestant.begin({ port, nth: ++nth, kill });
    broker = next;
    port = next.port;
    birth.resolve();
    birth = promised();
    return next;
  }

  /** One life that ends by a kill. `spent`: resolves when there is nothing more to say that could bring its event about. */
  async function lifeAndDeath(first: boolean, spent: Promise<void>): Promise<void> {
    const kill = contestant.armed ? someEvent(rollKill, contestant.writes, first) : undefined;
    let left = 1 + rollKill(400);
    let name = kill ? `${kill.moment} ${kill.kind}`.trim() : 'a packet seen';
    const victim = await begin(kill);
    const by = (how: string) => {
      name = how;
      victim.kill().catch(() => {});
    };
    if (!kill)
      onPacket = () => {
        if (--left === 0) by(name);
      };
    let dead = false;
    void spent.then(() => {
      if (!dead) by('all was said');
    });
    const patience = setTimeout(() => {
      total.late++;
      by('late');
    }, PATIENCE);
    const signal = await victim.died;
    dead = true;
    clearTimeout(patience);
    onPacket = () => {};
    if (signal !== 'SIGKILL') throw new Error(`${victim.name} ended by itself (${signal ?? 'exit'})`);
    moments[name] = (moments[name] ?? 0) + 1;
    total.kills++;
    progress?.(total.kills);
  }

  async function night(number: number, most: number): Promise<void> {
    const history = new History();
    const topics = Array.from({ length: TOPICS }, (_none, topic) => `night/${number}/${topic}`);
    const filter = `night/${number}/+`;
    const version = () => contestant.versions[roll(contestant.versions.length)] as Version;
    let said = 0;
    const spent = promised();
    const more = () => {
      if (said >= NIGHT) {
        spent.resolve();
        return false;
      }
      said++;
      return true;
    };
    const again = (messages: number) => {
      said += messages;
    };
    const names = (kind: string) =>
      ([1, 2] as const).map((qos) => ({ name: `${kind}${qos}-${number}`, qos, version: version(), filter }));
    const [awakeOnes, sleepers] = [names('awake'), names('asleep')];
    let publishers: Publisher[] = [];
    const clients: Played[] = [];

    try {
      let failed: Error | undefined;
      const lives = (async () => {
        for (let killed = 0; killed < most && said < NIGHT; killed++) await lifeAndDeath(killed === 0, spent.promise);
        // The last life of the night is not killed: in it everything is brought to its end.
        await begin();
      })().catch((error: Error) => {
        failed = error;
        birth.resolve();
      });
      const unlessFailed = <T>(what: Promise<T>) => Promise.race([what, lives.then(() => failedOr(failed))]);

      const awake = awakeOnes.map((each) => subscriber(house, history, each));
      const toSleep = sleepers.map((each) => subscriber(house, history, each));
      clients.push(...awake, ...toSleep);
      await unlessFailed(Promise.all(clients.map(({ ready }) => ready)));
      await Promise.all(toSleep.map((each) => each.leave()));
      publishers = ([1, 2] as const).flatMap((qos) =>
        [false, true].map((resending) => {
          const name = `${resending ? 'resending' : 'fresh'}${qos}-${number}`;
          return publisher(house, history, { name, qos, resending, version: version(), topics, more, again, roll });
        }),
      );
      clients.push(...publishers);
      await lives;
      if (failed) throw failed;
      // Whoever has not come between two kills comes now, and has at least what it says at first: a night in which one of the two
      // QoS is not spoken proves nothing of it.
      await Promise.all(publishers.map((each) => each.ready));

      const quiet = async (whom: readonly Played[], done: () => boolean) => {
        const begun = performance.now();
        const idle = () => performance.now() - Math.max(begun, ...whom.map(({ lastHeard }) => lastHeard()));
        while (!done() && idle() < contestant.silence) await after(10);
      };
      let resting = publishers.length;
      for (const each of publishers) void each.rest().then(() => resting--);
      await quiet(publishers, () => resting === 0);
      total.unanswered += resting;

      // One message to everybody who is still known.
      const probed: PublisherOptions = {
        ...{ name: `probe-${number}`, qos: 1, resending: false, version: 4, topics: [topics[0] as string], roll },
        more: () => probes-- > 0,
      };
      let probes = 1;
      const probe = publisher(house, history, probed);
      clients.push(probe);
      await probe.ready;
      let probing = true;
      void probe.rest().then(() => {
        probing = false;
      });
      await quiet([probe], () => !probing);

      const woken = sleepers.map((each) => subscriber(house, history, { ...each, known: true }));
      clients.push(...woken);
      await Promise.all(woken.map(({ ready }) => Promise.race([ready, after(contestant.silence)])));
      const everybody = [...awake, ...woken];
      await quiet(everybody, () => everybody.every(({ name }) => history.complete(name)));
      for (const { name } of everybody) if (!history.reached(name, probed.name)) history.forgot(name);
    } finally {
      // Nothing of this night stays behind.
      await Promise.all(clients.map((each) => each.leave()));
    }
    await Promise.all([...awakeOnes, ...sleepers].map(({ name, version }) => forget(port, name, version)));

    const verdict = history.verdict();
    for (const [what, count] of Object.entries(verdict)) total[what as keyof Verdict] += count;
    total.missing.push(...history.missing());
    // The next night begins with a kill too, when nothing is on its way.
    await broker?.kill();
  }

  try {
    for (let number = 1; total.kills < kills; number++) await night(number, Math.min(KILLS, kills - total.kills));
    return total;
  } finally {
    if (broker) await broker.stop().catch(() => {});
    await contestant.end();
  }
}

function failedOr(error: Error | undefined): never | Promise<never> {
  if (error) throw error;
  // All lives are over, and none failed: what is waited for decides.
  return new Promise(() => {});
}

/** Where a broker is to die: while it reads, before it answers, just after, or between a write and its sync. */
function someEvent(roll: (below: number) => number, writes: boolean, first: boolean): KillOn {
  const at = (moment: KillOn['moment'], kind: string, most: number): KillOn => ({ moment, kind, nth: 1 + roll(most) });
  const events = [
    at('read', 'PUBLISH', 150),
    at('send', 'PUBACK', 60),
    at('sent', 'PUBACK', 60),
    at('send', 'PUBREC', 60),
    at('sent', 'PUBREC', 60),
    at('read', 'PUBREL', 60),
    at('sent', 'PUBCOMP', 60),
    at('send', 'PUBLISH', 200),
    at('sent', 'PUBLISH', 200),
    at('read', 'PUBACK', 60),
    at('read', 'PUBREC', 60),
    at('sent', 'PUBREL', 60),
    at('read', 'PUBCOMP', 60),
    first ? at('sent', 'SUBACK', 4) : at('read', 'CONNECT', 6),
  ];
  if (writes) events.push(at('write', '', 30), at('sync', '', 30), at('write', '', 30), at('sync', '', 30));
  return events[roll(events.length)] as KillOn;
}

/** Has a session end, with all that it holds. */
async function forget(port: number, name: string, version: Version): Promise<void> {
  const known = promised();
  const line = await dial(port, version, (packet) => {
    if (packet.cmd === 'connack') known.resolve();
  });
  line?.write(hello(name, version, true));
  await known.promise;
  await line?.leave();
}

export function promised(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((yes) => {
    resolve = yes;
  });
  return { promise, resolve };
}

// ----------------------------------------------------------------------------------------------------------------- the designs

export const DESIGNS = ['memory', 'disk', 'redis', 'aedes', 'aedes-level', 'aedes-redis', 'mosquitto'] as const;
export type DesignName = (typeof DESIGNS)[number];

/** A design, or another broker, with all it needs; undefined where this machine has no Redis or no mosquitto. */
export async function contestant(design: DesignName): Promise<Contestant | undefined> {
  if (design === 'mosquitto' && !program('mosquitto')) return undefined;
  const folder = temporaryFolder();
  const store = design.endsWith('redis') ? await redis(join(folder.path, 'redis')) : undefined;
  if (design.endsWith('redis') && !store) {
    await folder.remove();
    return undefined;
  }
  const url = `redis://127.0.0.1:${store?.port}`;
  const state = join(folder.path, 'state');
  const end = async () => {
    await store?.stop();
    await folder.remove();
  };
  if (design === 'mosquitto') {
    const begin: Begin = async ({ port }) => (await mosquitto(state, { persistent: true, port })) as Broker;
    return { begin, armed: false, writes: false, versions: [4, 5], silence: 500, end };
  }
  if (design.startsWith('aedes')) {
    const where = store ? url : state;
    let ahead = startAedes(design);
    const begin: Begin = ({ port }) => {
      const child = ahead;
      ahead = startAedes(design);
      return aedes(design, { port, where, child });
    };
    const endAll = async () => {
      ahead.kill('SIGKILL');
      await once(ahead, 'exit');
      await end();
    };
    return { begin, armed: false, writes: false, versions: [4], silence: 500, end: endAll };
  }
  /** The next one does its imports while this one lives. */
  let host: Host = startHost();
  return {
    async begin({ port, nth, kill }) {
      const used = host;
      host = startHost();
      return ours({
        design,
        folder: state,
        port,
        host: used,
        who: `broker/${nth}`,
        ...(kill ? { kill } : {}),
        ...(store ? { store: url } : {}),
      });
    },
    armed: true,
    writes: design === 'disk',
    versions: [4, 5],
    // Where nothing is lost, nobody waits so long: a disk that many write to may take seconds for one sync.
    silence: design === 'memory' ? 500 : 30_000,
    async end() {
      await discardHost(host);
      await end();
    },
  };
}

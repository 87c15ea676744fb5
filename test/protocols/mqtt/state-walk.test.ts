// Many clients saying what they may in any order, with kills in between: what was promised is kept, whatever happens.

import { describe, expect, test } from 'vitest';
import { decodeState, encodeState } from '../../../src/lab/journals/encode.ts';
import { dice } from '../../../src/lab/world.ts';
import { type Event, type Outcome, rulesFor, type State } from '../../../src/protocols/mqtt/state.ts';
import type { Message, QoS, Version } from '../../../src/protocols/mqtt/wire.ts';
import type { World } from '../../../src/protocols/shapes.ts';
import { ack, connect, disconnect, publish, shown, subscribe, unsubscribe } from './script.ts';

const TOPICS = ['a', 'a/b', 'a/c', 'b'];
const LIMITS = { queue: 1_000_000, queueBytes: 1 << 30, inFlight: 5, unreleased: 8, routes: 3 };

/** A reader: one session, which it comes back to. */
interface Reader {
  client: string;
  version: Version;
  qos: QoS;
  filter: string;
  path: string | undefined;
  window: number;
  /** QoS 2 ids that it has, and has not seen released. */
  in: Set<number>;
  /** Ids of what came and is not answered yet: it takes its time. */
  owed: Message[];
  /** What it has got, in order. */
  got: string[];
  unacknowledged: Set<number>;
}

/** A writer, which says everything again until it is acknowledged. */
interface Writer {
  client: string;
  qos: QoS;
  path: string | undefined;
  next: number;
  /** Filed under the packet id: what is on its way, with PUBREL after PUBREC. */
  out: Map<number, { topic: string; text: string; released: boolean }>;
  /** By text: what was said, and what was acknowledged. */
  said: Map<string, string>;
  done: Set<string>;
}

function matches(filter: string, topic: string): boolean {
  if (filter === '#') return true;
  if (filter === 'a/+') return topic.startsWith('a/');
  return filter === topic;
}

describe.each([1, 2, 3])('seed %i', (seed) => {
  test.each(['journal', 'snapshot'] as const)(
    'nothing acknowledged is lost, nothing is made up, and it stays in order (kills, %s)',
    (back) => {
      const roll = dice(seed);
      const rules = rulesFor({ limits: LIMITS });
      let clock = 1_000_000_000;
      let names = 0;
      let paths = 0;
      const world: World = { now: () => clock, name: () => `name-${++names}` };
      let state: State = rules.empty();
      let journal: Event[] = [];
      let base: string | undefined;

      const readers: Reader[] = [
        ['r0', 4, 0, '#'],
        ['r1', 4, 1, '#'],
        ['r2', 5, 2, '#'],
        ['r3', 5, 1, 'a/+'],
        ['r4', 4, 2, 'a/b'],
      ].map(([client, version, qos, filter]) => ({
        client: client as string,
        version: version as Version,
        qos: qos as QoS,
        filter: filter as string,
        path: undefined,
        window: 5,
        in: new Set(),
        owed: [],
        got: [],
        unacknowledged: new Set(),
      }));
      const writers: Writer[] = [1, 2, 2].map((qos, nth) => ({
        client: `w${nth}`,
        qos: qos as QoS,
        path: undefined,
        next: 0,
        out: new Map(),
        said: new Map(),
        done: new Set(),
      }));
      const everybody = () => [...readers, ...writers];

      function carryOut({ events, actions }: ReturnType<typeof rules.decide>): void {
        for (const event of events) {
          rules.apply(state, event);
          if (!rules.lasting(event)) continue;
          const told: Event = JSON.parse(JSON.stringify(event));
          const last = journal.at(-1);
          if (last === undefined || !rules.join?.(last, told)) journal.push(told);
        }
        for (const action of actions) {
          if ('does' in action) continue;
          for (const to of typeof action.to === 'string' ? [action.to] : action.to) {
            const reader = readers.find(({ path }) => path === to);
            const writer = writers.find(({ path }) => path === to);
            if ('hangUp' in action) throw new Error(`${to} was hung up on`);
            if (reader) hearReader(reader, action.say);
            if (writer) hearWriter(writer, action.say);
          }
        }
      }
      const hear = (from: string, message: Message) => carryOut(rules.decide(state, message, from, world));
      const learn = (from: string, outcome: Outcome) => {
        const { learn: learned } = rules;
        if (learned) carryOut(learned(state, outcome, from, world));
      };

      function hearReader(reader: Reader, message: Message): void {
        if (message.type === 'PUBLISH') {
          if (message.qos > 0) {
            reader.unacknowledged.add(message.id);
            expect(reader.unacknowledged.size, 'the window is kept').toBeLessThanOrEqual(reader.window);
          }
          expect(message.qos, 'never more than was asked for').toBeLessThanOrEqual(reader.qos);
          const isKnown = message.qos === 2 && reader.in.has(message.id);
          // What comes twice at QoS 1 says so; at QoS 2 it has the id that is known.
          const again = message.dup && reader.got.includes(message.payload.toString());
          if (!isKnown && !(message.qos === 1 && again)) reader.got.push(message.payload.toString());
          if (message.qos === 2) reader.in.add(message.id);
          if (message.qos > 0)
            reader.owed.push(ack(message.qos === 1 ? 'PUBACK' : 'PUBREC', message.id, reader.version));
        } else if (message.type === 'PUBREL') {
          reader.in.delete(message.id);
          reader.unacknowledged.add(message.id);
          reader.owed.push(ack('PUBCOMP', message.id, reader.version));
        }
      }

      function hearWriter(writer: Writer, message: Message): void {
        if (message.type === 'PUBACK' || message.type === 'PUBCOMP') {
          const sent = writer.out.get(message.id);
          if (!sent) return;
          writer.out.delete(message.id);
          writer.done.add(sent.text);
        } else if (message.type === 'PUBREC') {
          const sent = writer.out.get(message.id);
          if (!sent) return;
          sent.released = true;
          writer.done.add(sent.text);
          if (roll(4) > 0 && writer.path) hear(writer.path, ack('PUBREL', message.id));
        }
      }

      function come(one: Reader | Writer): void {
        const path = `p${++paths}`;
        one.path = path;
        if ('got' in one) {
          one.owed = [];
          one.unacknowledged.clear();
          one.window = one.version === 5 ? 1 + roll(5) : 5;
          const properties = { sessionExpiry: 3600, receiveMaximum: one.window };
          hear(
            path,
            connect(one.client, {
              version: one.version,
              clean: false,
              properties: one.version === 5 ? properties : {},
            }),
          );
          if (roll(3) === 0)
            hear(
              path,
              subscribe(1, [{ filter: one.filter, qos: one.qos, retainHandling: 2 }], { version: one.version }),
            );
          return;
        }
        hear(path, connect(one.client, { clean: false }));
        for (const [id, { topic, text, released }] of [...one.out])
          hear(path, released ? ack('PUBREL', id) : publish(topic, text, { qos: one.qos, id, dup: true }));
      }

      function settle(reader: Reader, most: number): void {
        for (let nth = 0; nth < most && reader.path !== undefined; nth++) {
          const owed = reader.owed.shift();
          if (!owed || !('id' in owed)) return;
          if (owed.type !== 'PUBREC') reader.unacknowledged.delete(owed.id);
          hear(reader.path, owed);
        }
      }

      function kill(): void {
        if (back === 'snapshot' && roll(2) === 0) {
          base = encodeState(rules.outlives?.(state) ?? state);
          journal = [];
        }
        const before = shown(strip(rules.outlives?.(state) ?? state));
        state = base === undefined ? rules.empty() : decodeState<State>(base);
        for (const event of journal) rules.apply(state, event);
        expect(shown(strip(rules.outlives?.(state) ?? state)), 'the journal tells what was known').toBe(before);
        for (const each of everybody()) each.path = undefined;
        pass();
      }

      function pass(): void {
        for (let rounds = 0; (rules.due?.(state) ?? Number.POSITIVE_INFINITY) <= clock; rounds++) {
          expect(rounds).toBeLessThan(1000);
          const { pass: passes } = rules;
          if (passes) carryOut(passes(state, world));
        }
      }

      for (const reader of readers) {
        come(reader);
        if (reader.path)
          hear(reader.path, subscribe(1, [{ filter: reader.filter, qos: reader.qos }], { version: reader.version }));
      }
      let count = 0;
      for (let step = 0; step < 1000; step++) {
        clock += roll(50);
        const reader = readers[roll(readers.length)];
        const writer = writers[roll(writers.length)];
        if (!reader || !writer) throw new Error('somebody');
        const turn = roll(100);
        if (turn < 40) {
          if (!writer.path) come(writer);
          if (writer.out.size < 8 && writer.path) {
            writer.next = (writer.next % 20) + 1;
            while (writer.out.has(writer.next)) writer.next = (writer.next % 20) + 1;
            const text = `${writer.client} ${++count}`;
            const topic = TOPICS[roll(TOPICS.length)] ?? 'a';
            writer.out.set(writer.next, { topic, text, released: false });
            writer.said.set(text, topic);
            hear(writer.path, publish(topic, text, { qos: writer.qos, id: writer.next }));
          }
        } else if (turn < 75) settle(reader, 1 + roll(6));
        else if (turn < 82) {
          if (reader.path) {
            const { path } = reader;
            reader.path = undefined;
            if (roll(2) === 0) hear2(path, disconnect(reader.version));
            else carryOut(rules.part?.(state, path, world) ?? { events: [], actions: [] });
          } else come(reader);
        } else if (turn < 86) {
          if (writer.path) {
            const { path } = writer;
            writer.path = undefined;
            carryOut(rules.part?.(state, path, world) ?? { events: [], actions: [] });
          }
        } else if (turn < 92) {
          if (reader.path) learn(reader.path, { is: roll(2) === 0 ? 'lagging' : 'caughtUp' });
        } else if (turn < 94) kill();
        else if (turn < 97 && reader.path) {
          hear(reader.path, subscribe(2, 'other/#', { version: reader.version }));
          hear(reader.path, unsubscribe(3, 'other/#', reader.version));
        }
      }

      /** A good-bye ends in a hang-up, which is no fault here. */
      function hear2(path: string, message: Message): void {
        const { events, actions } = rules.decide(state, message, path, world);
        carryOut({ events, actions: actions.filter((each) => !('hangUp' in each)) });
      }

      // In the end all are there and listen until nothing is left.
      for (const each of everybody()) if (!each.path) come(each);
      for (const reader of readers) if (reader.path) learn(reader.path, { is: 'caughtUp' });
      for (const writer of writers)
        for (const [id, { released }] of [...writer.out])
          if (released && writer.path) hear(writer.path, ack('PUBREL', id));
      for (const reader of readers) while (reader.owed.length > 0) settle(reader, 1);

      const said = new Map(writers.flatMap((writer) => [...writer.said]));
      expect(said.size).toBeGreaterThan(100);
      for (const reader of readers) {
        const own = new Set(reader.got);
        expect(own.size, 'nothing comes twice').toBe(reader.got.length);
        for (const text of own) {
          const topic = said.get(text);
          if (topic === undefined || !matches(reader.filter, topic))
            throw new Error(`${reader.client} got ${text}, which nobody said`);
        }
        for (const writer of writers) {
          if (reader.qos > 0)
            for (const text of writer.done)
              if (matches(reader.filter, writer.said.get(text) ?? '') && !own.has(text))
                throw new Error(`${reader.client} never got ${text}, which was acknowledged`);
          // MQTT-4.6.0-6, per topic and publisher.
          for (const topic of TOPICS) {
            const numbers = reader.got
              .filter((text) => text.startsWith(`${writer.client} `) && said.get(text) === topic)
              .map((text) => Number(text.split(' ')[1]));
            expect(numbers, `${reader.client} hears ${writer.client} on ${topic} in order`).toEqual(
              [...numbers].sort((a, b) => a - b),
            );
          }
        }
      }
      for (const [client, session] of state.sessions) {
        expect(session.queue, client).toBeNull();
        expect(session.out, client).toBeNull();
        expect(session.in, client).toBeNull();
        expect(session.queued, client).toBe(0);
      }
    },
  );
});

/** What no lasting event has made is not compared: who has missed what, and the turns of a share. */
function strip(state: State): unknown {
  return {
    ...state,
    orphans: [...state.orphans].sort(),
    sessions: new Map(
      [...state.sessions].map(([client, session]) => [
        client,
        { ...session, awake: session.awake && { ...session.awake, missed: 0 } },
      ]),
    ),
  };
}

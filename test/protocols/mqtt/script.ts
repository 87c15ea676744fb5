// A script of what a broker hears and must say, played on the rules alone. When a line of it fails, the error tells the steps so
// far. On every line it also holds the rules to their word: deciding changes nothing, and what was learned, told again from the
// beginning as a journal has it, leads to the same state, also through a snapshot.

import { isDeepStrictEqual } from 'node:util';
import { decodeState, encodeState } from '../../../src/lab/journals/encode.ts';
import {
  type Deed,
  type Event,
  type Given,
  type Outcome,
  rulesFor,
  type State,
} from '../../../src/protocols/mqtt/state.ts';
import type { Filter, Message, Properties, QoS, Version, Will } from '../../../src/protocols/mqtt/wire.ts';
import type { Action, Decision, Facts, World } from '../../../src/protocols/shapes.ts';

export type Act = Action<Message, Deed>;
type Decided = Decision<Message, Event, Deed>;

/** What must come of one line: the kinds of its events, and everything that leaves, in order. What is not given is not looked at. */
export interface Then {
  learns?: Event['is'][];
  says?: Act[];
}

/** How many of the last steps a failure tells. */
const SHOWN = 60;

export class Script {
  readonly rules: ReturnType<typeof rulesFor>;
  state: State;
  /** Everything learned so far, as a journal has it. */
  readonly events: Event[] = [];
  /** What the line before made leave. */
  said: readonly Act[] = [];
  private readonly steps: string[] = [];
  private replayed: State;
  /** Seconds since the epoch. */
  clock = 1_000_000;
  private names = 0;
  private readonly world: World = {
    now: () => this.clock * 1000,
    name: () => `assigned-${++this.names}`,
  };

  constructor(given: Given = {}) {
    this.rules = rulesFor(given);
    this.state = this.rules.empty();
    this.replayed = this.rules.empty();
  }

  /** A message comes along a path. */
  hears(from: string, message: Message, then: Then = {}): this {
    this.steps.push(`${from} says ${shown(message)}`);
    const before = shown(message);
    const decided = this.deciding(() => this.rules.decide(this.state, message, from, this.world));
    this.same(shown(message), before, 'deciding must leave the message as it was');
    return this.carryOut(decided, then);
  }

  /** The path is gone. */
  loses(from: string, then: Then = {}): this {
    this.steps.push(`${from} is gone`);
    return this.carryOut(
      this.deciding(() => this.rules.part?.(this.state, from, this.world) ?? { events: [], actions: [] }),
      then,
    );
  }

  learns(from: string, outcome: Outcome, then: Then = {}): this {
    this.steps.push(`${from} is ${outcome.is}`);
    return this.carryOut(
      this.deciding(() => this.rules.learn?.(this.state, outcome, from, this.world) ?? { events: [], actions: [] }),
      then,
    );
  }

  /** Time goes by, and all that is due comes about. */
  waits(seconds: number, then: Then = {}): this {
    this.steps.push(`${seconds} s go by`);
    this.clock += seconds;
    const events: Event['is'][] = [];
    const says: Act[] = [];
    for (let rounds = 0; (this.rules.due?.(this.state) ?? Number.POSITIVE_INFINITY) <= this.world.now(); rounds++) {
      if (rounds > 10_000) throw this.failure('what is due never comes to an end');
      const { pass } = this.rules;
      if (!pass) throw this.failure('these rules have no pass');
      const decided = this.deciding(() => pass(this.state, this.world));
      if (decided.events.length === 0) throw this.failure('something is due, and nothing comes about');
      this.carryOut(decided, {});
      events.push(...decided.events.map(({ is }) => is));
      says.push(...decided.actions);
    }
    if (then.says) this.same(shown(says), shown(then.says), 'what is said');
    if (then.learns) this.same(events, then.learns, 'what is learned');
    this.said = says;
    return this;
  }

  /** A kill: only the lasting events are left. The alarm then rings at once. */
  restarts(how: { snapshot?: boolean; rings?: boolean } = {}): this {
    this.steps.push(`killed, and started again from ${how.snapshot ? 'a snapshot' : 'the journal'}`);
    if (how.snapshot) {
      const text = encodeState(this.rules.outlives?.(this.state) ?? this.state);
      this.state = decodeState<State>(text);
      this.replayed = decodeState<State>(text);
    } else {
      const lasting: Event[] = [];
      for (const event of structuredClone(this.events)) {
        const last = lasting.at(-1);
        if (this.rules.lasting(event) && (last === undefined || !this.rules.join?.(last, event))) lasting.push(event);
      }
      this.state = this.rules.empty();
      this.replayed = this.rules.empty();
      for (const event of lasting) {
        this.rules.apply(this.state, event);
        this.rules.apply(this.replayed, event);
      }
      this.events.splice(0, this.events.length, ...lasting);
    }
    return how.rings === false ? this : this.waits(0);
  }

  forgets(): this {
    this.state = this.rules.empty();
    this.replayed = this.rules.empty();
    this.events.length = 0;
    return this;
  }

  /** The state in words, all of it. */
  knows(facts: Facts): this {
    this.same(this.rules.facts(this.state), facts, 'what is known');
    return this;
  }

  /** The state in words, of one subject. */
  knowsOf(subject: string, words: string | undefined): this {
    this.same(this.rules.facts(this.state)[subject], words, `what is known of ${subject}`);
    return this;
  }

  private deciding(decide: () => Decided): Decided {
    const before = shown(this.state);
    const decided = decide();
    this.same(shown(this.state), before, 'deciding must not change the state');
    return decided;
  }

  private carryOut({ events, actions }: Decided, { learns, says }: Then): this {
    for (const each of actions) this.steps.push(`  ${shown(each)}`);
    for (const each of events) this.steps.push(`  learned: ${JSON.stringify(each)}`);
    if (says) this.same(shown(actions), shown(says), 'what is said');
    if (learns)
      this.same(
        events.map(({ is }) => is),
        learns,
        'what is learned',
      );
    for (const event of events) {
      this.rules.apply(this.state, event);
      // As a journal has it: text, and nothing that the two states could share.
      const told = JSON.parse(JSON.stringify(event)) as Event;
      if (!isDeepStrictEqual(told, event)) throw this.failure(`an event is not plain JSON: ${shown(event)}`);
      this.rules.apply(this.replayed, told);
      this.events.push(told);
    }
    this.same(shown(this.replayed), shown(this.state), 'the events, told again, must lead to the same state');
    this.said = actions;
    return this;
  }

  private same(is: unknown, should: unknown, what: string): void {
    if (!isDeepStrictEqual(is, should))
      throw this.failure(`${what}\n  is        ${shown(is)}\n  should be ${shown(should)}`);
  }

  private failure(why: string): Error {
    const numbered = this.steps.map((step, nth) => `${String(nth + 1).padStart(3)} ${step}`);
    return new Error(`${why}\nafter these steps:\n${numbered.slice(-SHOWN).join('\n')}`);
  }
}

/** As text, the order of a Map included: it says who goes next. Bytes as text. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value, function (this: Record<string, unknown>, key, each) {
    const own = this[key];
    if (own instanceof Map) return { map: [...own] };
    if (own instanceof Set) return { set: [...own] };
    if (Buffer.isBuffer(own)) return `bytes ${own.toString('latin1')}`;
    // The order of a plain object's keys says nothing.
    if (each !== null && typeof each === 'object' && !Array.isArray(each))
      return Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1)));
    return each;
  });
}

// What clients say. Version 3.1.1 where it is not said.

interface Connecting {
  version?: Version;
  clean?: boolean;
  keepAlive?: number;
  will?: Partial<Will> & { topic: string; text?: string };
  user?: string;
  password?: string;
  properties?: Properties;
}

export function connect(client: string, how: Connecting = {}): Message {
  const { version = 4, clean = true, keepAlive = 60, will, user, password, properties = {} } = how;
  return {
    version,
    type: 'CONNECT',
    clean,
    keepAlive,
    client,
    ...(will
      ? {
          will: {
            topic: will.topic,
            payload: Buffer.from(will.text ?? ''),
            qos: will.qos ?? 0,
            retain: will.retain ?? false,
            properties: will.properties ?? {},
          },
        }
      : {}),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password: Buffer.from(password) }),
    properties,
  };
}

interface Publishing {
  version?: Version;
  qos?: QoS;
  id?: number;
  retain?: boolean;
  dup?: boolean;
  properties?: Properties;
}

export function publish(topic: string, text: string, how: Publishing = {}): Message {
  const { version = 4, id = 0, qos = id === 0 ? 0 : 1, retain = false, dup = false, properties = {} } = how;
  return { version, type: 'PUBLISH', dup, qos, retain, topic, id, properties, payload: Buffer.from(text) };
}

export function ack(
  type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP',
  id: number,
  version: Version = 4,
  code = 0,
): Message {
  return { version, type, id, ...(code === 0 ? {} : { code }) };
}

export function subscribe(
  id: number,
  filters: string | (Partial<Filter> & { filter: string })[],
  how: { version?: Version; qos?: QoS; subscriptionId?: number } = {},
): Message {
  const { version = 4, qos = 1, subscriptionId } = how;
  const list = typeof filters === 'string' ? filters.split(' ').map((filter) => ({ filter })) : filters;
  return {
    version,
    type: 'SUBSCRIBE',
    id,
    properties: subscriptionId === undefined ? {} : { subscriptionId: [subscriptionId] },
    filters: list.map((each) => ({ qos, noLocal: false, retainAsPublished: false, retainHandling: 0, ...each })),
  };
}

export function unsubscribe(id: number, filters: string, version: Version = 4): Message {
  return { version, type: 'UNSUBSCRIBE', id, properties: {}, filters: filters.split(' ') };
}

export const disconnect = (version: Version = 4, code = 0, properties?: Properties): Message => ({
  version,
  type: 'DISCONNECT',
  ...(code === 0 ? {} : { code }),
  ...(properties ? { properties } : {}),
});

// What is said to them.

export const say = (to: string, message: Message): Act => ({ to, say: message });
export const hangUp = (to: string): Act => ({ to, hangUp: true });
/** To all of one list. */
export const tell = (to: string[], message: Message): Act => ({ to, say: message });

export const SUPPORTED: Properties = { receiveMaximum: 100, topicAliasMaximum: 16, maximumPacketSize: 256 * 1024 };

export function welcome(
  to: string,
  {
    version = 4,
    present = false,
    properties = {},
    keepAlive = 60,
  }: {
    version?: Version;
    present?: boolean;
    properties?: Properties;
    keepAlive?: number;
  } = {},
): Act[] {
  return [
    say(to, {
      version,
      type: 'CONNACK',
      sessionPresent: present,
      code: 0,
      properties: version === 4 ? {} : { ...properties, ...SUPPORTED },
    }),
    { to, does: { is: 'keepAlive', seconds: keepAlive } },
  ];
}

export function turnedAway(to: string, version: Version, code: number, reason = ''): Act[] {
  const properties = reason === '' ? {} : { reason };
  return [say(to, { version, type: 'CONNACK', sessionPresent: false, code, properties }), hangUp(to)];
}

export function sentAway(to: string, code: number, reason: string): Act[] {
  return [say(to, { version: 5, type: 'DISCONNECT', code, properties: { reason } }), hangUp(to)];
}

export function suback(to: string, id: number, codes: number[], version: Version = 4): Act {
  return say(to, { version, type: 'SUBACK', id, properties: {}, codes });
}

// A script of what a session server hears and must say, played on the rules alone. When a line of it fails, the error tells
// the steps so far. On every line it also holds the rules to their word: deciding changes nothing, and what was learned,
// told again from the beginning, leads to the same state.

import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import type { Action, Decision, Facts, World } from '../../../src/protocols/shapes.ts';
import { type Event, rulesFor, type State } from '../../../src/protocols/tcp-session/state.ts';
import { ACK, type Message, RESET, wire } from '../../../src/protocols/tcp-session/wire.ts';

/** What must come of one line: the kinds of its events, and everything that leaves, in order. */
export interface Then {
  learns?: Event['is'][];
  says?: Action<Message>[];
}

/** How many of the last steps a failure tells. */
const SHOWN = 60;

export class Script {
  readonly rules: ReturnType<typeof rulesFor>;
  state: State;
  /** Everything learned so far. */
  readonly events: Event[] = [];
  private readonly steps: string[] = [];
  private replayed: State;
  private clock = 1_000_000;
  private names = 0;
  private readonly world: World = {
    now: () => this.clock * 1000,
    name: () => tokenOf(++this.names),
  };

  constructor(...rules: Parameters<typeof rulesFor>) {
    this.rules = rulesFor(...rules);
    this.state = this.rules.empty();
    this.replayed = this.rules.empty();
  }

  /** A message comes along a path. */
  hears(from: string, message: Message, then: Then): this {
    this.steps.push(`${from} says ${wire.kind(message)} ${wire.says(message)}`);
    const before = JSON.stringify(message);
    const decided = this.deciding(() => this.rules.decide(this.state, message, from, this.world));
    this.same(JSON.stringify(message), before, 'deciding must leave the message as it was');
    return this.carryOut(decided, then);
  }

  /** The path is gone. */
  loses(from: string, then: Then): this {
    this.steps.push(`${from} is gone`);
    const { part } = this.rules;
    if (!part) throw this.failure('these rules have no part');
    return this.carryOut(
      this.deciding(() => part(this.state, from, this.world)),
      then,
    );
  }

  /** Time goes by. */
  waits(seconds: number): this {
    this.steps.push(`${seconds} s go by`);
    this.clock += seconds;
    return this;
  }

  /** Lives through something that no journal writes down: a kill, with the lasting events kept. */
  restarts(): this {
    this.steps.push('killed, and started again from the journal');
    const lasting = this.events.filter((event) => this.rules.lasting(event));
    this.events.splice(0, this.events.length, ...lasting);
    this.state = this.rules.empty();
    this.replayed = this.rules.empty();
    for (const event of lasting) {
      this.rules.apply(this.state, event);
      this.rules.apply(this.replayed, event);
    }
    return this;
  }

  /** The state in words, all of it. */
  knows(facts: Facts): this {
    this.same(this.rules.facts(this.state), facts, 'what is known');
    return this;
  }

  private deciding(decide: () => Decision<Message, Event>): Decision<Message, Event> {
    const before = shown(this.state);
    const decided = decide();
    this.same(shown(this.state), before, 'deciding must not change the state');
    return decided;
  }

  private carryOut({ events, actions }: Decision<Message, Event>, { learns = [], says = [] }: Then): this {
    for (const each of actions)
      this.steps.push(
        'hangUp' in each
          ? `  ${each.to} is hung up on`
          : `  to ${each.to}: ${wire.kind(each.say)} ${wire.says(each.say)}`,
      );
    for (const each of events) this.steps.push(`  learned: ${JSON.stringify(each)}`);
    this.same(actions, says, 'what is said');
    this.same(
      events.map(({ is }) => is),
      learns,
      'what is learned',
    );
    for (const event of events) {
      this.rules.apply(this.state, event);
      // As a journal has it: text, and nothing that the two states could share.
      const told = JSON.parse(JSON.stringify(event)) as Event;
      this.rules.apply(this.replayed, told);
      this.events.push(told);
    }
    this.same(shown(this.replayed), shown(this.state), 'the events, told again, must lead to the same state');
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

/** As text, the order of a Map included: it says who goes next. */
function shown(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_key, each) => (each instanceof Map ? { map: [...each] } : each));
}

/** The nth token that a script's world rolls. */
export function tokenOf(nth: number): string {
  return Buffer.from(`token ${nth}`.padEnd(16)).toString('base64url');
}

export const open = (seq: number): Message => ({ type: 'OPEN', seq });
export const data = (seq: number, text: string): Message => ({ type: 'DATA', seq, payload: Buffer.from(text) });
export const resume = (session: number, token: string): Message => ({ type: 'RESUME', session, token });
export const close = (next: number, heard: string): Message => ({ type: 'CLOSE', next, digest: crc32(heard) });

/** Answers. `heard` is the whole stream as it was delivered so far: its digest must be that of these bytes. */
export const opened = (to: string, session: number, next: number): Action<Message> => ({
  to,
  say: { type: 'OPENED', session, token: tokenOf(session), next, window: 4096 },
});
export const ack = (to: string, code: keyof typeof ACK, next: number, heard: string): Action<Message> => ({
  to,
  say: { type: 'ACK', code: ACK[code], next, window: 4096, digest: crc32(heard) },
});
export const closed = (to: string, next: number, heard: string): Action<Message>[] => [
  { to, say: { type: 'CLOSE', next, digest: crc32(heard) } },
  { to, hangUp: true },
];
export const reset = (to: string, code: keyof typeof RESET): Action<Message>[] => [
  { to, say: { type: 'RESET', code: RESET[code] } },
  { to, hangUp: true },
];

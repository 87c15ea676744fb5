// Decide, apply, write down, then answer. The one loop under every server here: the rules of a protocol on one side, its
// sockets on the other, and between them a journal or none. Who holds the state is only where the journal is.

import { type Change, changesBetween, type Trace } from '../capture/trace.ts';
import {
  type Action,
  type Decision,
  type Facts,
  type Json,
  type Keeper,
  type Mouth,
  overOf,
  type Path,
  type Rules,
  type Transport,
  type World,
} from '../protocols/shapes.ts';
import type { Wire } from '../wire/wire.ts';
import { Answers, act, type Outgoing } from './answers.ts';
import { Tally } from './tally.ts';

/** What stands between a decision and the answer that promises it. */
export interface Journal<S, E> {
  /** The state as it was left, folded from what was written down, with a line for people about anything odd. */
  recover(empty: S, apply: (state: S, event: E) => void): Promise<{ state: S; notes: string[] }>;
  /** Resolves when the events are where no kill can take them. A rejection means that nothing after it may be promised. */
  append(events: E[]): Promise<void>;
  /** Replaces all that was written by the state itself. */
  snapshot(state: S): Promise<void>;
  /** Whether what was written has grown so long that a snapshot is due. */
  readonly long: boolean;
  close(): Promise<void>;
}

/** The message that a change of memory is put down to. `later`: not when it was heard, but when a deed it asked for was done. */
export type Because = NonNullable<(Trace & { is: 'memory' })['because']>;

/** Told how the facts change, and by which message (the `nth` that came along `path`): the ledger's only source. */
export type Observe = (changes: Change[], because?: Because) => void;

export interface KeeperOptions<S, M, E extends Json, D = never, O extends Json = never> {
  rules: Rules<S, M, E, D, O>;
  wire: Wire<M>;
  world: World;
  /** Datagrams must leave one by one; what is said on a stream in one turn may leave in one write. */
  transport: Transport;
  journal?: Journal<S, E> | undefined;
  observe?: Observe | undefined;
  /** Told of the outcomes of deeds: with the messages, all that the rules ever hear. */
  learned?: ((path: Path, outcome: O) => void) | undefined;
  /** Calls back once when the world's clock has come to `at`, and no more for the time it was told before; never for undefined. */
  wake?: ((at: number | undefined, ring: () => void) => void) | undefined;
  /** Called when the journal fails: nothing more is said or heard. */
  failed?: ((error: Error) => void) | undefined;
}

/**
 * Bytes of answers that wait for the journal beyond which a path is read no further. What is being written and what waits for
 * the next write must together stay well within what a peer may leave unread, or it would be dropped for our slowness.
 */
const TOO_MUCH = 1 << 17;
/** The same of events, in characters: what is not answered, such as a retained message of QoS 0, must be written down all the same. */
const TOO_MANY = 1 << 22;
/** As many characters an event counts that was taken into the one before. */
const JOINED = 8;
/**
 * How long an event may wait for the next write when no answer depends on it, in milliseconds. Nobody was promised anything: a subscriber
 * that acknowledges a message and hears nothing of that must be ready to get it twice, whenever it is written down.
 */
const LATER = 10;

export class StateKeeper<S, M, E extends Json, D = never, O extends Json = never> implements Keeper<M, D, O> {
  state: S;
  private readonly options: KeeperOptions<S, M, E, D, O>;
  private mouth: Mouth<D> | undefined;
  private readonly answers: Answers<M, D>;
  /** Those who are to be hung up on when their answers are out. */
  private readonly leaving = new Set<Path>();
  /** Events decided and not yet given to the journal. */
  private unwritten: E[] = [];
  /** Characters in them. */
  private unwrittenLength = 0;
  private writing = false;
  /** Runs out on events that no answer depends on. */
  private later: NodeJS.Timeout | undefined;
  private acting = false;
  private dead = false;
  /** Those who wait for the journal to catch up. */
  private waiting: (() => void)[] = [];
  /** Those who wait for the state to be emptied. */
  private forgetting: ((forgotten: Facts) => void)[] = [];
  /** What the alarm is set to, in milliseconds since the epoch. */
  private alarm: number | undefined;
  /** Messages heard, by path: only counted for an observer. */
  private readonly heard = new Tally();

  private constructor(options: KeeperOptions<S, M, E, D, O>, state: S) {
    this.options = options;
    this.answers = new Answers(options.wire, options.transport);
    this.state = state;
  }

  /** A keeper whose state is what the journal tells, or empty without one. */
  static async open<S, M, E extends Json, D = never, O extends Json = never>(
    options: KeeperOptions<S, M, E, D, O>,
  ): Promise<{ keeper: StateKeeper<S, M, E, D, O>; notes: string[] }> {
    const { rules, journal } = options;
    const { state, notes } = journal
      ? await journal.recover(rules.empty(), rules.apply)
      : { state: rules.empty(), notes: [] };
    const keeper = new StateKeeper(options, state);
    keeper.setAlarm();
    return { keeper, notes };
  }

  attach(mouth: Mouth<D>): void {
    this.mouth = mouth;
  }

  greet(to: Path): void {
    const { rules, world } = this.options;
    if (this.dead || !rules.greet) return;
    this.carryOut(rules.greet(this.state, to, world));
    this.release();
  }

  learn(from: Path, outcome: O): void {
    const { rules, world, learned } = this.options;
    if (this.dead) return;
    if (!rules.learn) throw new Error(`nobody can learn what came of a deed: the rules have no learn()`);
    learned?.(from, outcome);
    this.carryOut(rules.learn(this.state, outcome, from, world), this.heard.later(from));
    this.release();
  }

  hear(from: Path, messages: readonly M[]): Promise<void> | undefined {
    if (this.dead) return undefined;
    const { rules, world } = this.options;
    for (const message of messages) {
      // Whoever has been told good-bye is not heard, also while the good-bye waits to be said.
      if (this.leaving.size > 0 && this.leaving.has(from)) break;
      const because = this.options.observe && this.heard.next(from);
      this.carryOut(rules.decide(this.state, message, from, world), because);
    }
    return this.release();
  }

  part(from: Path): void {
    const { rules, world } = this.options;
    if (this.dead) return;
    this.heard.drop(from);
    if (!rules.part) return;
    this.carryOut(rules.part(this.state, from, world));
    this.release();
  }

  refuse(to: Path, message: M): void {
    if (this.dead) return;
    this.carryOut({
      events: [],
      actions: [
        { to, say: message },
        { to, hangUp: true },
      ],
    });
    this.release();
  }

  bye(to: Path): void {
    if (this.dead || this.leaving.has(to)) return;
    this.plan({ to, hangUp: true });
    this.release();
  }

  facts(): Facts {
    return this.options.rules.facts(this.state);
  }

  /** Empties the state, and what was written of it. Sockets stay open. Resolves to what was forgotten. */
  forget(): Promise<Facts> {
    return new Promise((resolve) => {
      this.forgetting.push(resolve);
      if (this.options.journal) this.startWriting();
      else this.empty();
    });
  }

  /** Resolves when all that has been decided by now is written down and let out. */
  async settled(): Promise<void> {
    while (!this.dead && (this.writing || this.unwritten.length > 0)) {
      this.startWriting();
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  private empty(): void {
    const forgotten = this.facts();
    this.state = this.options.rules.empty();
    this.setAlarm();
    for (const resolve of this.forgetting.splice(0)) resolve(forgotten);
  }

  private carryOut(decision: Decision<M, E, D>, because?: Because): void {
    const { rules, journal, observe } = this.options;
    const before = observe && decision.events.length > 0 ? this.facts() : undefined;
    for (const event of decision.events) {
      rules.apply(this.state, event);
      if (!journal || !rules.lasting(event)) continue;
      this.note(event);
    }
    if (observe && before) {
      const changes = changesBetween(before, this.facts());
      if (changes.length > 0) observe(changes, because);
    }
    for (const action of decision.actions) this.plan(action);
  }

  /** Puts an event among those that are to be written down. */
  private note(event: E): void {
    const last = this.unwritten.at(-1);
    if (last !== undefined && this.options.rules.join?.(last, event)) {
      this.unwrittenLength += JOINED;
      return;
    }
    this.unwritten.push(event);
    this.unwrittenLength += lengthOf(event);
  }

  private plan(action: Action<M, D>): void {
    const { transport, journal } = this.options;
    if ('hangUp' in action) this.leaving.add(action.to);
    if ('say' in action && typeof action.to === 'string' && overOf(action.to, transport) === 'udp') {
      // Nothing that was decided before can wait where nothing is written down, and a datagram gains nothing by company.
      if (!journal && !this.acting && this.answers.waiting === 0)
        return this.mouth?.say(action.to, this.answers.written(action.say));
    }
    this.answers.plan(action);
  }

  /** Has the rules look at the clock when the next of their times comes. */
  private setAlarm(): void {
    const { rules, wake } = this.options;
    const at = rules.due?.(this.state);
    if (at === this.alarm) return;
    this.alarm = at;
    wake?.(at, () => this.pass());
  }

  private pass(): void {
    const { rules, world } = this.options;
    this.alarm = undefined;
    if (this.dead || !rules.pass) return;
    this.carryOut(rules.pass(this.state, world));
    this.release();
  }

  /** Lets the answers out: at once where nothing is written down, after the sync where something is. */
  private release(): Promise<void> | undefined {
    this.setAlarm();
    this.answers.endTurn();
    if (!this.options.journal) {
      if (this.answers.waiting === 0) return undefined;
      // A deed may have its outcome at once: what that brings about comes after what was decided before.
      if (this.acting) return undefined;
      this.acting = true;
      try {
        while (this.answers.waiting > 0) for (const each of this.answers.ready()) this.act(each);
      } finally {
        this.acting = false;
      }
      return undefined;
    }
    const full = this.answers.bytes > TOO_MUCH || this.unwrittenLength > TOO_MANY;
    if (full || this.answers.waiting > 0) this.startWriting();
    else this.writeLater();
    return full ? new Promise((resolve) => this.waiting.push(resolve)) : undefined;
  }

  /** What no answer depends on costs no write and no sync of its own where others follow soon. */
  private writeLater(): void {
    if (this.unwritten.length === 0 || this.later) return;
    this.later = setTimeout(() => {
      this.later = undefined;
      if (this.unwritten.length > 0) this.startWriting();
    }, LATER);
  }

  private startWriting(): void {
    if (this.writing || this.dead) return;
    this.writing = true;
    // Whatever else arrives in this turn of the loop, from anybody, shares the write and the sync.
    setImmediate(() => void this.writeDown());
  }

  private async writeDown(): Promise<void> {
    const { journal, rules } = this.options;
    if (!journal) return;
    do {
      const events = this.unwritten;
      this.unwritten = [];
      this.unwrittenLength = 0;
      // Answers that promise nothing new wait as well: they may speak of what is still being written.
      const ready = this.answers.ready();
      try {
        if (this.forgetting.length > 0) {
          this.empty();
          await journal.snapshot(rules.outlives?.(this.state) ?? this.state);
        } else if (journal.long) {
          await journal.snapshot(rules.outlives?.(this.state) ?? this.state);
        } else if (events.length > 0) {
          await journal.append(events);
        }
      } catch (error) {
        // Nobody who waits is told to go on: nothing after this may be promised.
        this.dead = true;
        this.options.failed?.(error as Error);
        return;
      }
      for (const each of ready) this.act(each);
      this.mouth?.letOut?.();
      for (const resolve of this.waiting.splice(0)) resolve();
    } while (this.answers.waiting + this.forgetting.length > 0 || this.unwrittenLength > TOO_MANY);
    this.writing = false;
    this.writeLater();
  }

  private act(each: Outgoing<D>): void {
    // From here on the server does not listen to it any more.
    if ('hangUp' in each) this.leaving.delete(each.to);
    act(each, this.mouth);
  }
}

/** About as many characters as an event is when it is written down. */
function lengthOf(event: Json): number {
  if (typeof event === 'string') return event.length;
  if (typeof event !== 'object' || event === null) return 4;
  let length = 2;
  for (const key in event) {
    const each = (event as Record<string, Json | undefined>)[key];
    if (each !== undefined) length += 8 + lengthOf(each);
  }
  return length;
}

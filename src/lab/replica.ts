// Many instances, one server. What an instance hears goes into a stream that all of them follow, and each decides on all of it, in
// the stream's order: since the rules are pure, all come to the same state, and each carries out what concerns its own peers.
//
// What was heard is shared, not what was decided: an instance cannot decide on a state that others are changing meanwhile. Nothing
// is said before the stream has what it answers, so an answer promises what the store promises. A takeover, or a message for somebody
// on another instance, needs no code: the entry reaches whoever the action is for.
//
// What only asks is not shared. It is answered once this instance has read as far as the stream had come when it was asked (what Raft
// calls a read index, §6.4 of Ongaro's thesis), so that an answer never knows less than any that was given before the question.

import { createHash, randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { changesBetween } from '../capture/trace.ts';
import {
  type Action,
  type Decision,
  type Facts,
  type Json,
  type Keeper,
  type Mouth,
  overOf,
  type Path,
  type World,
} from '../protocols/shapes.ts';
import { Answers, act } from './answers.ts';
import { decodeState, encodeState } from './journals/encode.ts';
import { JournalError } from './journals/error.ts';
import type { Because, KeeperOptions } from './keeper.ts';
import { Tally } from './tally.ts';

/** An entry of the stream, or a state as it stood after that entry. Entries are numbered from 1, without a gap. */
export interface Numbered {
  number: number;
  text: string;
}

/** A store that several instances share. */
export interface Shared {
  /** What people call it. */
  where: string;
  /** Connects to it. `fresh` becomes the name of a new stream where there is none. Rejects when it does not answer. */
  open(fresh: string): Promise<Link>;
}

/** A connection to the store. All of its promises reject once it is lost; it never comes back, and another one is opened. */
export interface Link {
  /** The name of the stream: another one is another stream, and nothing is known of this one any more. */
  epoch: string;
  /** Resolves when the store has it; to false when there is no stream any more. `counts`: a peer was heard in it. */
  append(text: string, counts: boolean): Promise<boolean>;
  /** Some of the entries after that number; waits for one, so many milliseconds. */
  read(after: number, patience: number): Promise<Numbered[]>;
  /** The number of the last entry; undefined when there is no stream any more. */
  reach(): Promise<number | undefined>;
  /** The text of one entry, undefined where it has been trimmed or never was. */
  entry(number: number): Promise<string | undefined>;
  exists(): Promise<boolean>;
  snapshot(): Promise<Numbered | undefined>;
  /** Puts a newer snapshot in place and trims what it covers and all instances have read. Resolves to the first entry kept. */
  replace(snapshot: Numbered, instances: readonly string[]): Promise<number>;
  /** Says that an instance lives, for so many milliseconds, and which entry it has come to. */
  renew(instance: string, number: number, lifetime: number): Promise<void>;
  release(instance: string): Promise<void>;
  /** Those that have not said so for too long. */
  lapsed(instances: readonly string[]): Promise<string[]>;
  close(): void;
}

/** What one instance heard in one turn, in order. `from` and `to` are paths as all instances know them (see {@link Replica.known}). */
type Heard<M, O> =
  | { is: 'hello' }
  | { is: 'greet'; to: Path }
  | { is: 'hear'; from: Path; messages: readonly M[] }
  | { is: 'learn'; from: Path; outcome: O }
  | { is: 'bye'; to: Path }
  | { is: 'refuse'; to: Path; message: M }
  | { is: 'part'; from: Path }
  | { is: 'pass' }
  | { is: 'forget' }
  | { is: 'gone'; instance: string };

interface Entry<M, O> {
  by: string;
  /** Counts the entries of its instance, from 1. One whose answer was lost is sent again, and is then passed over if it had come. */
  nth: number;
  /** The time at that instance, in milliseconds since the epoch. */
  at: number;
  /** 128 random bits, from which all replicas roll the same names. */
  dice: string;
  heard: Heard<M, O>[];
}

/** What all replicas have in common after the same entry; a snapshot holds exactly this. */
interface Common<S> {
  state: S;
  /**
   * Those that live, by name: how many of their entries have counted, and who speaks to them. A late entry of one that is not in
   * here any more does not count, since it is not its first.
   */
  instances: Map<string, { nth: number; paths: Set<Path> }>;
  /** Connections that have been told good-bye: what they still say is not heard. */
  leaving: Set<Path>;
  /** The time never goes back, whosever clock it is. */
  at: number;
  /** Characters and entries since a snapshot was due. */
  length: number;
  entries: number;
}

/** What waits to be heard by all. */
interface Item {
  /** Whose it is. */
  path: Path | undefined;
  text: string;
}

/** A message that only asks, and waits until this instance knows enough. */
interface Question<M> {
  /** Whose it is, as all instances know it. */
  from: Path;
  message: M;
  since: number;
  /** The connection on which the end of the stream was looked up for it, and the last entry, once that is known. */
  link?: Link;
  reach?: number;
}

interface Sent {
  nth: number;
  items: Item[];
  since: number;
  text: string;
  counts: boolean;
  /** The connection on which the store has said that it has it. */
  taken?: Link;
}

export interface ReplicaOptions<S, M, E extends Json, D = never, O extends Json = never>
  extends Omit<KeeperOptions<S, M, E, D, O>, 'journal' | 'failed'> {
  shared: Shared;
  /** What the instance is called: `session/1`. What makes it unique is added. */
  who: string;
  /** Told, in words for people, when the store is lost, is back, or has lost what it held. */
  tell?: ((text: string) => void) | undefined;
  /** How long an instance counts as alive without saying so, in milliseconds. */
  lease?: number | undefined;
  /** After so many entries, or characters, the state itself is written beside the stream. */
  long?: { entries: number; length: number } | undefined;
}

/** How long a newcomer waits for the store before it is turned away, in milliseconds. */
const PATIENCE = 2_000;
/** How often the patience of newcomers is looked after. */
const LOOK = 250;
/** How long an instance counts as alive without saying so; it says so three times as often. */
const LEASE = 3_000;
const LONG = { entries: 4096, length: 4 << 20 };
/** How long one reading waits for an entry. */
const READING = 500;
/** After how long a lost store is dialled again. */
const REDIAL = 200;
/** Characters that wait for the store beyond which nobody who speaks is read further, and beyond which newcomers are turned away. */
const TOO_MUCH = 1 << 17;
const MOST = 4 << 20;
/** One entry takes no more than this, in characters; what is heard beyond it goes into the next one. */
const ENTRY = 1 << 18;
/** What a question counts for among the characters that wait. */
const QUESTION = 256;

/** The stream is not the one that was followed: it has been wiped, or trimmed beyond what was read. */
class LostTrack extends Error {}

export class Replica<S, M, E extends Json, D = never, O extends Json = never> implements Keeper<M, D, O> {
  private readonly options: ReplicaOptions<S, M, E, D, O>;
  private readonly answers: Answers<M, D>;
  private mouth: Mouth<D> | undefined;
  private common: Common<S>;
  /** Its name among the instances. Another one when the others have given it up, or the stream is another one. */
  private instance: string;
  /** Which stream is followed, the last entry that was read of it, and what that said. */
  private epoch: string | undefined;
  private last = 0;
  private lastText = '';
  private link: Link | undefined;

  /** Connections as the socket names them → as all instances do, and the other way round. Both end with the connection. */
  private readonly known = new Map<Path, Path>();
  private readonly live = new Map<Path, Path>();
  private connections = 0;
  /** Lists of paths → those of them that are ours. Kept for as long as nobody comes or goes. */
  private lists = new WeakMap<readonly Path[], Path[]>();
  /** Connections that have not been heard by all yet, oldest first; of impatient rules, those whose last words have not. */
  private readonly newcomers = new Map<Path, { path: Path; message: M | undefined; since: number }>();

  /** Entries made: the last one's number among those of this instance. */
  private nth = 0;
  /** Heard here, and not yet in an entry. */
  private waiting: Item[] = [];
  private waitingSince: number | undefined;
  /** Entries made and not yet read back, in order. */
  private sent: Sent[] = [];
  /** Asked, and not yet answered, in order. */
  private questions: Question<M>[] = [];
  private lookScheduled = false;
  /** Characters in all of them. */
  private pending = 0;
  private sending = false;
  private scheduled = false;
  /** The entry that the store has not answered yet. */
  private asked: { text: string; answer: Promise<boolean> } | undefined;
  /** Since when the store is not there, or does not take anything. */
  private lostSince: number | undefined;
  private complained = false;
  private fault: unknown;
  /** Since when the leases of others can be judged: after a pause of the store all of them may have run out. */
  private steadySince = 0;
  /** Instances that have been reported as gone. */
  private readonly reported = new Set<string>();
  private closing = false;
  private readonly timers: NodeJS.Timeout[] = [];
  private following: Promise<void> | undefined;

  /** Those who wait until less is pending, until nothing is, and for the state to be emptied. */
  private held: (() => void)[] = [];
  private settling: (() => void)[] = [];
  private forgetting: ((forgotten: Facts) => void)[] = [];
  private alarm: number | undefined;
  private readonly heard = new Tally();
  private begun = false;

  private constructor(options: ReplicaOptions<S, M, E, D, O>) {
    this.options = options;
    this.answers = new Answers(options.wire, options.transport);
    this.instance = named(options.who);
    this.common = this.nothing();
  }

  /** An instance that has come to the end of the stream, and has said hello. Rejects when the store does not answer. */
  static async open<S, M, E extends Json, D = never, O extends Json = never>(
    options: ReplicaOptions<S, M, E, D, O>,
  ): Promise<Replica<S, M, E, D, O>> {
    const replica = new Replica(options);
    await replica.begin().catch((error: Error) => replica.unusable(error));
    return replica;
  }

  /** What the next instance would know, without becoming one. */
  static async look<S, M, E extends Json, D = never, O extends Json = never>(
    options: ReplicaOptions<S, M, E, D, O>,
  ): Promise<Facts> {
    const replica = new Replica(options);
    (await replica.connect().catch((error: Error) => replica.unusable(error))).close();
    return replica.facts();
  }

  get state(): S {
    return this.common.state;
  }

  attach(mouth: Mouth<D>): void {
    this.mouth = mouth;
  }

  /** What is known, with the peers of other instances called by those: `session/2 127.0.0.1:5000`. */
  facts(): Facts {
    const plain = (text: string) =>
      text.replace(QUALIFIED, (_whole, who: string, dice: string) =>
        `${who}#${dice}` === this.instance ? '' : `${who} `,
      );
    return Object.fromEntries(
      Object.entries(this.options.rules.facts(this.common.state)).map(([subject, is]) => [plain(subject), plain(is)]),
    );
  }

  // What the server's sockets tell.

  greet(to: Path): void {
    if (!this.options.rules.greet) return;
    const known = this.introduced(to, undefined);
    if (known !== undefined) this.put({ is: 'greet', to: known }, known);
  }

  hear(from: Path, all: readonly M[]): Promise<void> | undefined {
    const { alone } = this.options.rules;
    const messages = alone ? all.filter((message) => !this.decidedAlone(from, message)) : all;
    if (messages.length === 0) return undefined;
    const known = this.introduced(from, messages[0]);
    if (known === undefined) return undefined;
    if (this.onlyAsks(known, messages)) this.ask(known, messages);
    else {
      // What one peer says is heard in order.
      for (const { message } of this.withdrawn(known))
        this.put({ is: 'hear', from: known, messages: [message] }, known);
      this.put({ is: 'hear', from: known, messages }, known);
    }
    return this.pending > TOO_MUCH ? new Promise((resolve) => this.held.push(resolve)) : undefined;
  }

  /** Carries out what the rules decide without a look at the state; false where they do not. */
  private decidedAlone(from: Path, message: M): boolean {
    const { rules, world, observe } = this.options;
    const decision = rules.alone?.(message, from, world);
    if (!decision) return false;
    if (decision.events.length > 0) throw new Error('what is decided alone cannot change what all have in common');
    if (observe) this.heard.next(from);
    for (const action of decision.actions) this.answers.plan(action);
    this.answers.endTurn();
    for (const each of this.answers.ready()) act(each, this.mouth);
    return true;
  }

  /** Whether these may be decided here. Not while the same peer waits for the others to hear it. */
  private onlyAsks(known: Path, messages: readonly M[]): boolean {
    const { asks } = this.options.rules;
    if (!asks || !messages.every((message) => asks(message))) return false;
    const isTheirs = ({ path }: Item) => path === known;
    return !this.waiting.some(isTheirs) && !this.sent.some(({ items }) => items.some(isTheirs));
  }

  private ask(from: Path, messages: readonly M[]): void {
    const since = performance.now();
    for (const message of messages) this.questions.push({ from, message, since });
    this.pending += QUESTION * messages.length;
    this.scheduleLook();
  }

  private scheduleLook(): void {
    if (this.lookScheduled) return;
    this.lookScheduled = true;
    // Whatever else is asked in this turn of the loop, by anybody, shares the look-up.
    setImmediate(() => {
      this.lookScheduled = false;
      void this.look();
    });
  }

  /** Takes back what somebody has asked and was not answered yet. */
  private withdrawn(from: Path): Question<M>[] {
    if (this.questions.length === 0) return [];
    const theirs = this.questions.filter((each) => each.from === from);
    if (theirs.length > 0) this.questions = this.questions.filter((each) => each.from !== from);
    this.pending -= QUESTION * theirs.length;
    return theirs;
  }

  /** Looks up how far the stream has come, once for all that was asked until now. The next look need not wait for this one. */
  private async look(): Promise<void> {
    const { link } = this;
    const fresh = link ? this.questions.filter((question) => question.link !== link) : [];
    if (!link || fresh.length === 0) return;
    for (const question of fresh) {
      question.link = link;
      delete question.reach;
    }
    try {
      const reach = await link.reach();
      if (reach === undefined) throw new LostTrack('the stream is not there any more');
      // What another connection has said of another store, perhaps, says nothing of this one.
      for (const question of fresh) if (question.link === link) question.reach = reach;
      this.isBack();
      this.act(() => this.answerQuestions());
    } catch (error) {
      if (error instanceof Mistake) throw error.cause;
      // Whoever follows the stream opens another connection, and looks again.
      if (this.link === link) this.fault ??= error;
      link.close();
    }
  }

  /** Decides on what was asked and can be answered by now. */
  private answerQuestions(): void {
    const { rules, world, observe } = this.options;
    const { common } = this;
    const now = Math.max(common.at, world.now());
    for (
      let first = this.questions[0];
      first?.reach !== undefined && first.reach <= this.last;
      first = this.questions[0]
    ) {
      this.questions.shift();
      this.pending -= QUESTION;
      const { from, message } = first;
      const path = this.ours(from);
      // Whoever has gone meanwhile, or was told good-bye, is not answered.
      if (path === undefined || common.leaving.has(from)) continue;
      // A name that is rolled here is rolled in vain: what makes one goes the way of all others.
      const decision = rules.decide(common.state, message, from, {
        now: () => now,
        name: () => world.name(),
      });
      if (decision.events.length > 0) {
        this.put({ is: 'hear', from, messages: [message] }, from);
        continue;
      }
      this.newcomers.delete(from);
      if (observe) this.heard.next(path);
      for (const action of decision.actions) this.plan(action);
    }
  }

  learn(from: Path, outcome: O): void {
    if (!this.options.rules.learn) throw new Error(`nobody can learn what came of a deed: the rules have no learn()`);
    const known = this.isStream(from) ? this.known.get(from) : `${this.instance} ${from}`;
    if (known === undefined) return;
    // Its peer waits as much as when it had just spoken.
    if (this.options.rules.impatient && this.isStream(from) && !this.newcomers.has(known))
      this.newcomers.set(known, { path: from, message: undefined, since: performance.now() });
    this.put({ is: 'learn', from: known, outcome }, known);
  }

  bye(to: Path): void {
    const known = this.known.get(to);
    // Whoever has said nothing has nothing to wait for.
    if (known === undefined) this.mouth?.hangUp(to);
    else this.put({ is: 'bye', to: known }, known);
  }

  refuse(to: Path, message: M): void {
    const known = this.known.get(to);
    if (known === undefined) this.sayAndHangUp(to, [{ to, say: message }]);
    else this.put({ is: 'refuse', to: known, message }, known);
  }

  part(from: Path): void {
    const known = this.known.get(from);
    if (known === undefined) return;
    this.disown(from, known);
    this.put({ is: 'part', from: known }, known);
  }

  /** Empties the state of all instances, and what was written of it. Sockets stay open. Resolves to what was forgotten. */
  forget(): Promise<Facts> {
    return new Promise((resolve) => {
      this.forgetting.push(resolve);
      this.put({ is: 'forget' });
    });
  }

  /** Resolves when all that was heard here has been heard by all, or nobody can say when that will be. */
  settled(): Promise<void> {
    if (this.pending === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const late = setTimeout(resolve, PATIENCE);
      this.settling.push(() => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  /** Leaves the others in good order: they need not wait for its lease to run out. */
  async close(): Promise<void> {
    this.closing = true;
    // Nothing of this was answered, and nobody is there any more to be answered.
    this.waiting = [];
    this.questions = [];
    this.pending = this.sent.reduce((sum, { text }) => sum + text.length, 0);
    const { link } = this;
    for (const timer of this.timers) clearInterval(timer);
    if (!link) return;
    this.put({ is: 'gone', instance: this.instance });
    await this.settled();
    // The lease runs out by itself where the store is lost at this moment.
    await link.release(this.instance).catch(() => {});
    link.close();
    await this.following;
  }

  // From here to the stream.

  /**
   * The path as all instances know it: `session/1#0123456789ab.7 127.0.0.1:5000`. Every connection has a number of its own, since another
   * one may come from the same port while answers to the first still wait. Undefined for whoever had to be turned away.
   */
  private introduced(path: Path, message: M | undefined): Path | undefined {
    const tooMuch = this.isDown() || this.pending > MOST;
    // A datagram's path never ends, and nobody can be hung up on.
    if (!this.isStream(path)) return tooMuch ? undefined : `${this.instance} ${path}`;
    const before = this.known.get(path);
    const { impatient } = this.options.rules;
    if (before !== undefined && !(impatient && tooMuch)) {
      if (impatient && !this.newcomers.has(before))
        this.newcomers.set(before, { path, message, since: performance.now() });
      return before;
    }
    if (tooMuch) {
      if (before !== undefined) {
        this.disown(path, before);
        this.put({ is: 'part', from: before }, before);
      }
      this.turnAway(path, message);
      return undefined;
    }
    const known = `${this.instance}.${++this.connections} ${path}`;
    this.known.set(path, known);
    this.live.set(known, path);
    this.lists = new WeakMap();
    this.newcomers.set(known, { path, message, since: performance.now() });
    return known;
  }

  /** Nothing is said on this path any more, and whoever comes on it next is somebody else. */
  private disown(path: Path, known: Path): void {
    this.known.delete(path);
    this.live.delete(known);
    this.lists = new WeakMap();
    this.newcomers.delete(known);
    this.heard.drop(path);
  }

  private isStream(path: Path): boolean {
    return overOf(path, this.options.transport) === 'tcp';
  }

  /** Whether the store has not answered for so long that nobody should begin to wait for it. */
  private isDown(): boolean {
    const since = this.lostSince ?? this.sent[0]?.since ?? this.waitingSince ?? this.questions[0]?.since;
    return since !== undefined && performance.now() - since > PATIENCE;
  }

  private turnAway(path: Path, message: M | undefined): void {
    this.sayAndHangUp(path, this.options.rules.unavailable?.(message, path) ?? []);
  }

  private sayAndHangUp(path: Path, actions: readonly Action<M>[]): void {
    for (const action of actions)
      if ('say' in action && action.to === path) this.mouth?.say(path, this.answers.written(action.say));
    this.mouth?.hangUp(path);
  }

  /** Turns away those who have waited long enough for their first answer. What they said is not to be heard later. */
  private lookAfterNewcomers(): void {
    for (const [known, { path, message, since }] of this.newcomers) {
      if (performance.now() - since <= PATIENCE) break;
      this.disown(path, known);
      this.withdrawn(known);
      const isTheirs = ({ path }: Item) => path === known;
      this.drop(this.waiting, isTheirs);
      if (this.waiting.length === 0) this.waitingSince = undefined;
      const isInDoubt = this.sent.some(({ items }) => items.some(isTheirs));
      for (const entry of this.sent) {
        if (this.drop(entry.items, isTheirs) > 0) entry.text = '';
      }
      // The store may have it all the same.
      if (isInDoubt) this.put({ is: 'part', from: known }, known);
      this.turnAway(path, message);
    }
  }

  private drop(items: Item[], isTheirs: (item: Item) => boolean): number {
    const stay = items.filter((item) => !isTheirs(item));
    const dropped = items.length - stay.length;
    for (const item of items) if (isTheirs(item)) this.pending -= item.text.length;
    items.splice(0, items.length, ...stay);
    return dropped;
  }

  private put(heard: Heard<M, O>, path?: Path): void {
    // Written down at once: a message may be a view on bytes that are about to be something else.
    const text = encodeState(heard);
    this.waiting.push({ path, text });
    this.waitingSince ??= performance.now();
    this.pending += text.length;
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled || this.sending) return;
    this.scheduled = true;
    // Whatever else arrives in this turn of the loop, from anybody, shares the entry.
    setImmediate(() => {
      this.scheduled = false;
      void this.send();
    });
  }

  /** One entry at a time: all that is heard meanwhile shares the next one, and their order is never in doubt. */
  private async send(): Promise<void> {
    const { link } = this;
    if (!link || this.sending) return;
    this.sending = true;
    try {
      for (let entry = this.next(link); entry; entry = this.next(link)) {
        // Whoever is in the stream and has no lease counts as gone.
        if (entry.nth === 1) await link.renew(this.instance, this.last, this.lease);
        const answer = link.append(entry.text, entry.counts);
        this.asked = { text: entry.text, answer };
        if (!(await answer)) throw new LostTrack('the stream is not there any more');
        entry.taken = link;
        this.isBack();
      }
    } catch (error) {
      this.fault ??= error;
      link.close();
    } finally {
      this.sending = false;
      this.asked = undefined;
      // Another connection may have been made meanwhile.
      if (this.link && this.link !== link) this.schedule();
    }
  }

  /** The next entry that the store has not taken on this connection. What it took on another one and was not read back, it may have lost. */
  private next(link: Link): Sent | undefined {
    const again = this.sent.find(({ taken }) => taken !== link);
    if (again) {
      again.text ||= this.written(again);
      return again;
    }
    if (this.waiting.length === 0) return undefined;
    let length = 0;
    let count = 0;
    // The first entry says hello and nothing else: coming again after its instance was given up, it would count again.
    while (count < this.waiting.length && (count === 0 || (this.nth > 0 && length < ENTRY)))
      length += this.waiting[count++]?.text.length ?? 0;
    const items = this.waiting.splice(0, count);
    const entry: Sent = {
      nth: ++this.nth,
      items,
      since: this.waitingSince ?? performance.now(),
      text: '',
      counts: items.some(({ path }) => path !== undefined),
    };
    if (this.waiting.length === 0) this.waitingSince = undefined;
    entry.text = this.written(entry);
    this.sent.push(entry);
    return entry;
  }

  private written({ nth, items }: Sent): string {
    const { world } = this.options;
    const head = { by: this.instance, nth, at: world.now(), dice: world.name() };
    return `${JSON.stringify(head).slice(0, -1)},"heard":[${items.map(({ text }) => text).join()}]}`;
  }

  // From the stream to here.

  private async begin(): Promise<void> {
    const link = await this.connect();
    this.link = link;
    try {
      this.put({ is: 'hello' });
      await this.send();
      if (this.fault) throw this.fault;
      while (!this.common.instances.has(this.instance)) this.takeAll(await link.read(this.last, READING));
    } catch (error) {
      link.close();
      throw error;
    }
    this.begun = true;
    this.setAlarm();
    this.timers.push(setInterval(() => this.lookAfterNewcomers(), LOOK).unref());
    this.timers.push(setInterval(() => void this.beat(), this.lease / 3).unref());
    this.following = this.follow(link);
  }

  /** Follows the stream for as long as this instance lives, over as many connections as that takes. */
  private async follow(first: Link): Promise<void> {
    let link: Link | undefined = first;
    while (!this.closing) {
      try {
        link ??= await this.connect();
        this.link = link;
        this.steadySince = performance.now();
        if (this.pending === 0) this.isBack();
        void this.send();
        void this.look();
        void this.beat();
        await this.read(link);
      } catch (error) {
        if (error instanceof Mistake) throw error.cause;
        const reason = this.fault ?? error;
        if (!this.closing && !(reason instanceof LostTrack)) this.complain(reason);
      }
      link?.close();
      link = undefined;
      this.link = undefined;
      this.fault = undefined;
      if (this.lostSince !== undefined && !this.closing) await new Promise((again) => setTimeout(again, REDIAL));
    }
    for (const resolve of this.settling.splice(0)) resolve();
  }

  private async read(link: Link): Promise<never> {
    for (;;) {
      const entries = await link.read(this.last, READING);
      if (entries.length === 0 && !(await link.exists())) throw new LostTrack('the stream is not there any more');
      // The store shows an entry to those who wait for it at the moment it answers for it; whoever sent it goes by the answer.
      if (this.asked && entries.some(({ text }) => text === this.asked?.text)) await this.asked.answer;
      this.takeAll(entries);
    }
  }

  /** A connection, and all that the stream holds by now. */
  private async connect(): Promise<Link> {
    for (;;) {
      const link = await this.options.shared.open(randomBytes(6).toString('hex'));
      try {
        // A store that has lost its end, and got another one since, has another entry where this one was.
        const isSame =
          this.epoch === link.epoch && (this.last === 0 || (await link.entry(this.last)) === this.lastText);
        if (!isSame) await this.startOver(link);
        for (;;) {
          const entries = await link.read(this.last, 0);
          if (entries.length === 0) return link;
          this.takeAll(entries);
        }
      } catch (error) {
        link.close();
        // Others may trim what a newcomer is about to read; then there is a newer snapshot to begin from.
        if (!(error instanceof LostTrack)) throw error;
      }
    }
  }

  /** What was followed until now is not what is there: forgets it, and everybody who was answered by it, and reads what is there. */
  private async startOver(link: Link): Promise<void> {
    const before = this.facts();
    const snapshot = await link.snapshot();
    this.epoch = link.epoch;
    this.last = snapshot?.number ?? 0;
    this.lastText = (snapshot && (await link.entry(snapshot.number))) ?? '';
    this.common = snapshot ? decodeState<Common<S>>(snapshot.text) : this.nothing();
    if (!this.begun) return;
    const changes = changesBetween(before, this.facts());
    if (changes.length > 0) this.options.observe?.(changes);
    this.options.tell?.(
      `${this.options.shared.where} does not hold what it held: this server starts over with what is there, and hangs up on everybody it knew`,
    );
    this.becomeAnother();
  }

  /** The others do not know this instance any more: all who spoke to it are gone for them, and so they are for it. */
  private becomeAnother(): void {
    for (const [path, known] of [...this.known]) {
      this.disown(path, known);
      this.mouth?.hangUp(path);
    }
    this.waiting = [];
    this.waitingSince = undefined;
    this.sent = [];
    this.questions = [];
    this.pending = 0;
    this.nth = 0;
    this.instance = named(this.options.who);
    if (this.closing) return;
    this.put({ is: 'hello' });
    for (const _each of this.forgetting) this.put({ is: 'forget' });
  }

  private takeAll(entries: readonly Numbered[]): void {
    for (const [index, { number }] of entries.entries())
      if (number !== this.last + 1 + index) throw new LostTrack('entries were trimmed before they were read');
    this.act(() => {
      for (const entry of entries) this.take(entry);
      this.setAlarm();
      this.answerQuestions();
    });
  }

  /** Decides, carries out what was decided for peers of this instance, and lets those go on who waited for that. */
  private act(decide: () => void): void {
    try {
      decide();
      this.answers.endTurn();
      for (const each of this.answers.ready()) act(each, this.mouth);
    } catch (error) {
      // What the rules or the sockets throw is no matter of the store's.
      throw new Mistake('a fault of ours', { cause: error });
    }
    if (this.pending <= TOO_MUCH) for (const resolve of this.held.splice(0)) resolve();
    if (this.pending === 0) for (const resolve of this.settling.splice(0)) resolve();
  }

  /** One entry comes about, here as everywhere. */
  private take({ number, text }: Numbered): void {
    const { common } = this;
    this.last = number;
    this.lastText = text;
    common.length += text.length;
    common.entries++;
    const isDue = this.isLong();
    if (isDue) {
      common.length = 0;
      common.entries = 0;
    }
    // A stream begins with an entry of nobody's.
    if (text === '') return;
    const { by, nth, at, dice, heard } = decodeState<Entry<M, O>>(text);
    const instance = common.instances.get(by);
    // It came twice, since its first answer was lost, or comes from one that is gone.
    if (nth !== (instance?.nth ?? 0) + 1) return;
    if (instance) instance.nth = nth;
    else common.instances.set(by, { nth, paths: new Set() });
    common.at = Math.max(common.at, at);
    const world = worldOf(common.at, dice);
    const isOurs = by === this.instance;
    if (isOurs) for (const { text } of this.sent.shift()?.items ?? []) this.pending -= text.length;
    for (const each of heard) this.happens(each, by, world);
    if (isOurs && (isDue || heard.some(({ is }) => is === 'forget'))) void this.writeSnapshot(heard);
  }

  private happens(heard: Heard<M, O>, by: string, world: World): void {
    const { rules, learned } = this.options;
    const { common } = this;
    switch (heard.is) {
      case 'hello':
        return;
      case 'greet':
        this.meets(by, heard.to);
        if (rules.greet) this.carryOut(rules.greet(common.state, heard.to, world));
        return;
      case 'hear': {
        const { from } = heard;
        this.meets(by, from);
        const path = this.ours(from);
        for (const message of heard.messages) {
          if (common.leaving.has(from)) break;
          const because = this.options.observe && path !== undefined ? this.heard.next(path) : undefined;
          this.carryOut(rules.decide(common.state, message, from, world), because);
        }
        return;
      }
      case 'learn': {
        this.newcomers.delete(heard.from);
        const path = this.ours(heard.from);
        if (path !== undefined) learned?.(path, heard.outcome);
        const because = path === undefined ? undefined : this.heard.later(path);
        if (rules.learn) this.carryOut(rules.learn(common.state, heard.outcome, heard.from, world), because);
        return;
      }
      case 'bye':
      case 'refuse':
        if (common.leaving.has(heard.to)) return;
        if (heard.is === 'refuse') this.plan({ to: heard.to, say: heard.message });
        return this.plan({ to: heard.to, hangUp: true });
      case 'part':
        return this.parts(by, heard.from, world);
      case 'pass':
        if (rules.pass) this.carryOut(rules.pass(common.state, world));
        return;
      case 'forget': {
        const forgotten = this.facts();
        common.state = rules.empty();
        if (this.begun && by !== this.instance) {
          const changes = changesBetween(forgotten, this.facts());
          if (changes.length > 0) this.options.observe?.(changes);
        }
        if (by === this.instance) this.forgotten.push(forgotten);
        return;
      }
      case 'gone': {
        const gone = common.instances.get(heard.instance);
        if (!gone) return;
        for (const path of gone.paths) this.parts(heard.instance, path, world);
        common.instances.delete(heard.instance);
        this.reported.delete(heard.instance);
        if (heard.instance === this.instance) this.becomeAnother();
      }
    }
  }

  private readonly forgotten: Facts[] = [];

  /** Somebody speaks to an instance: should that die, all know who is gone with it. */
  private meets(by: string, path: Path): void {
    this.newcomers.delete(path);
    if (this.isStream(path)) this.common.instances.get(by)?.paths.add(path);
  }

  private parts(by: string, path: Path, world: World): void {
    const { rules } = this.options;
    this.common.leaving.delete(path);
    if (!this.common.instances.get(by)?.paths.delete(path) || !rules.part) return;
    this.carryOut(rules.part(this.common.state, path, world));
  }

  private carryOut(decision: Decision<M, E, D>, because?: Because): void {
    const { rules, observe } = this.options;
    const before = observe && this.begun && decision.events.length > 0 ? this.facts() : undefined;
    for (const event of decision.events) rules.apply(this.common.state, event);
    if (observe && before) {
      const changes = changesBetween(before, this.facts());
      if (changes.length > 0) observe(changes, because);
    }
    for (const action of decision.actions) this.plan(action);
  }

  /** Everybody's actions are decided here, and only our own are carried out. */
  private plan(action: Action<M, D>): void {
    if ('hangUp' in action && this.isStream(action.to)) this.common.leaving.add(action.to);
    if (typeof action.to === 'string') {
      const to = this.ours(action.to);
      if (to !== undefined) this.answers.plan({ ...action, to } as Action<M, D>);
      return;
    }
    let to = this.lists.get(action.to);
    if (!to) {
      to = action.to.flatMap((each) => this.ours(each) ?? []);
      this.lists.set(action.to, to);
    }
    if (to.length > 0 && 'say' in action) this.answers.plan({ to, say: action.say });
  }

  /** The path of a socket here, undefined for everybody else's. */
  private ours(known: Path): Path | undefined {
    if (this.isStream(known)) return this.live.get(known);
    return known.startsWith(`${this.instance} `) ? known.slice(this.instance.length + 1) : undefined;
  }

  private setAlarm(): void {
    const { rules, wake } = this.options;
    if (!this.begun) return;
    const at = rules.due?.(this.common.state);
    if (at === this.alarm) return;
    this.alarm = at;
    wake?.(at, () => {
      this.alarm = undefined;
      // Each instance has its alarm, and the first to ring does it for all.
      this.put({ is: 'pass' });
    });
  }

  // The store itself.

  private isLong(): boolean {
    const { entries, length } = this.options.long ?? LONG;
    return this.common.entries >= entries || this.common.length >= length;
  }

  /** Writes down the state as it stands now. Whoever made the entry after which it is due does it, so that only one does. */
  private async writeSnapshot(heard: readonly Heard<M, O>[]): Promise<void> {
    const { link, last, forgotten } = this;
    const snapshot = { number: last, text: encodeState(this.common) };
    const answers = forgotten.splice(0);
    const resolves = this.forgetting.splice(0, answers.length);
    try {
      let kept = (await link?.replace(snapshot, [...this.common.instances.keys()])) ?? last;
      // What is to be forgotten must not be read again by anybody. Those who have still to read it do so within their lease.
      for (
        const begun = performance.now();
        heard.some(({ is }) => is === 'forget') && kept < last && performance.now() - begun < this.lease;
      ) {
        await link?.renew(this.instance, this.last, this.lease);
        kept = (await link?.replace(snapshot, [...this.common.instances.keys()])) ?? last;
        if (kept < last) await new Promise((again) => setTimeout(again, 50));
      }
    } catch (error) {
      // The next one will do; that the store is lost is noticed where it is read.
      this.fault ??= error;
      link?.close();
    }
    for (const [index, resolve] of resolves.entries()) resolve(answers[index] ?? {});
  }

  private get lease(): number {
    return this.options.lease ?? LEASE;
  }

  /** Says that this instance lives, and looks who else does. */
  private async beat(): Promise<void> {
    const { link } = this;
    if (!link || this.closing) return;
    const asked = performance.now();
    try {
      await link.renew(this.instance, this.last, this.lease);
      // While the store paused, nobody could renew anything.
      if (performance.now() - asked > this.lease / 3) this.steadySince = performance.now();
      if (performance.now() - this.steadySince < this.lease) return;
      const others = [...this.common.instances.keys()].filter((each) => each !== this.instance);
      for (const instance of await link.lapsed(others)) {
        if (this.reported.has(instance) || this.closing) continue;
        this.reported.add(instance);
        this.put({ is: 'gone', instance });
      }
    } catch {
      this.steadySince = performance.now();
    }
  }

  private unusable(error: Error): never {
    if (error instanceof Mistake) throw error.cause;
    if (error instanceof JournalError) throw error;
    const { where } = this.options.shared;
    const old = error.message.includes('Invalid stream ID') ? ' (it takes Redis 7.0 or newer)' : '';
    throw new JournalError(
      `${where} cannot be used: ${error.message}${old}. Start one with redis-server, or give another address with --store`,
      { cause: error },
    );
  }

  private complain(error: unknown): void {
    this.lostSince ??= performance.now();
    if (this.complained) return;
    this.complained = true;
    this.options.tell?.(
      `${this.options.shared.where} takes nothing (${inWords(error as Error)}): nothing is answered until it does, and newcomers are turned away`,
    );
  }

  private isBack(): void {
    this.lostSince = undefined;
    if (!this.complained) return;
    this.complained = false;
    this.options.tell?.(`${this.options.shared.where} is back`);
  }

  private nothing(): Common<S> {
    return {
      state: this.options.rules.empty(),
      instances: new Map(),
      leaving: new Set(),
      at: 0,
      length: 0,
      entries: 0,
    };
  }
}

/** A fault of this program, on its way out of what deals with faults of the store. */
class Mistake extends Error {}

/** An instance in a path: who it is, what makes it unique, and the number of the connection. */
const QUALIFIED = /([\w-]+\/\d+)#([0-9a-f]{12})(?:\.\d+)? /g;

function named(who: string): string {
  return `${who}#${randomBytes(6).toString('hex')}`;
}

/** Time and chance of one entry: the same in every replica. From one name nobody can tell the next. */
function worldOf(at: number, dice: string): World {
  let rolls = 0;
  return {
    now: () => at,
    name: () => createHash('sha256').update(`${dice} ${rolls++}`).digest().subarray(0, 16).toString('base64url'),
  };
}

/** Of a connection that is over, the library tells in the words of its own options; a person at the keyboard wants to know what is the matter. */
function inWords({ message }: Error): string {
  return /Connection is closed|enableOfflineQueue/.test(message) ? 'its connection is lost' : message;
}

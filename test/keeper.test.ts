// The one loop under every server: decide, apply, write down, then answer. The journal here does only what the test says, and
// when; the mouth notes everything that is said.

import { describe, expect, test } from 'vitest';
import { type Journal, type KeeperOptions, StateKeeper } from '../src/lab/keeper.ts';
import { seededWorld } from '../src/lab/world.ts';
import type { Decision, Path, Rules } from '../src/protocols/shapes.ts';
import type { Wire } from '../src/wire/wire.ts';

/** A server that notes words. `=word` notes it once, `?` asks for all of them, `~word` is only for this path, `bye` leaves. */
type State = { words: string[]; onPath: string[] };
type Said = { to: Path; says: string } | { to: Path; hangUp: true };

const rules: Rules<State, string, string> = {
  empty: () => ({ words: [], onPath: [] }),
  decide({ words }, message, from): Decision<string, string> {
    const say = (says: string) => ({ to: from, say: says });
    if (message === '?') return { events: [], actions: [say(`[${words}]`)] };
    if (message === 'bye') return { events: [], actions: [say('bye'), { to: from, hangUp: true }] };
    if (message.startsWith('~')) return { events: [message], actions: [say(`${message};`)] };
    if (words.includes(message.slice(1))) return { events: [], actions: [say(`again ${message.slice(1)};`)] };
    return { events: [message.slice(1)], actions: [say(`noted ${message.slice(1)};`)] };
  },
  part: ({ onPath }) => ({ events: onPath.length > 0 ? ['~gone'] : [], actions: [] }),
  apply({ words, onPath }, event) {
    if (event.startsWith('~')) onPath.push(event);
    else words.push(event);
  },
  lasting: (event) => !event.startsWith('~'),
  facts: ({ words }) => (words.length > 0 ? { words: words.join() } : {}),
};

const wire: Pick<Wire<string>, 'write'> = { write: (writer, message) => writer.raw(Buffer.from(message)) };

/** A journal whose every write waits for the test. */
class FakeJournal implements Journal<State, string> {
  /** What was asked of it, in order: a batch of events, or a state as text. */
  readonly asked: (string[] | { snapshot: string })[] = [];
  long = false;
  private readonly waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  private readonly before: string[];

  constructor(before: string[] = []) {
    this.before = before;
  }
  async recover(empty: State, apply: (state: State, event: string) => void) {
    for (const event of this.before) apply(empty, event);
    return { state: empty, notes: ['as it was left'] };
  }
  append(events: string[]): Promise<void> {
    this.asked.push([...events]);
    return this.wait();
  }
  snapshot(state: State): Promise<void> {
    this.asked.push({ snapshot: state.words.join() });
    return this.wait();
  }
  async close() {}

  /** The oldest write is done, and whatever follows from it at once has followed. */
  async done(): Promise<void> {
    this.next().resolve();
    await turn();
  }
  async failed(error: Error): Promise<void> {
    this.next().reject(error);
    await turn();
  }
  private wait(): Promise<void> {
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
  private next() {
    const first = this.waiting.shift();
    if (!first) throw new Error('nothing is being written');
    return first;
  }
}

/** Lets this turn of the event loop end, and the next one too. */
async function turn(): Promise<void> {
  for (let turns = 0; turns < 2; turns++) await new Promise((next) => setImmediate(next));
}

async function keeping(journal?: FakeJournal, more: Partial<KeeperOptions<State, string, string>> = {}) {
  const said: Said[] = [];
  const failures: Error[] = [];
  const { keeper, notes } = await StateKeeper.open<State, string, string>({
    rules,
    wire: wire as Wire<string>,
    world: seededWorld(1, 'test'),
    transport: 'tcp',
    journal,
    failed: (error) => void failures.push(error),
    ...more,
  });
  keeper.attach({
    say: (to, bytes) => void said.push({ to, says: bytes.toString() }),
    hangUp: (to) => void said.push({ to, hangUp: true }),
  });
  return { keeper, notes, said, failures };
}

test('without a journal the answer leaves before hear returns', async () => {
  const { keeper, said } = await keeping();
  expect(keeper.hear('a', ['=x', '?'])).toBeUndefined();
  expect(said).toEqual([{ to: 'a', says: 'noted x;[x]' }]);
});

describe('deeds', () => {
  /** `do` says “begun”, then has a deed done, then says “asked”; its outcome is answered as well. */
  const deeds = {
    ...rules,
    decide: (state: State, message: string, from: string) =>
      message === 'do'
        ? {
            events: [],
            actions: [
              { to: from, say: 'begun;' },
              { to: from, does: 'it' },
              { to: from, say: 'asked;' },
            ],
          }
        : (rules.decide(state, message, from, seededWorld(1, 'test')) as never),
    learn: (_state: State, outcome: string, from: string) => ({
      events: [],
      actions: [{ to: from, say: `learnt ${outcome};` }],
    }),
  };

  async function doing(does: (to: string, deed: string) => void, more: object = {}) {
    const done: string[] = [];
    const learned: string[] = [];
    const { keeper } = await StateKeeper.open<State, string, never, string, string>({
      rules: deeds as never,
      wire: wire as Wire<string>,
      world: seededWorld(1, 'test'),
      transport: 'tcp',
      learned: (path, outcome) => void learned.push(`${path} ${outcome}`),
      ...more,
    });
    keeper.attach({
      say: (_to, bytes) => void done.push(bytes.toString()),
      hangUp: () => {},
      does(to, deed) {
        done.push(`does ${deed}`);
        does(to, deed);
      },
    });
    return { keeper, done, learned };
  }

  test('are done where they stand among the answers, and their outcome comes back to the rules', async () => {
    const { keeper, done, learned } = await doing(() => {});
    keeper.hear('a', ['do']);
    expect(done).toEqual(['begun;', 'does it', 'asked;']);
    keeper.learn('a', 'well');
    expect(done.slice(3)).toEqual(['learnt well;']);
    expect(learned).toEqual(['a well']);
  });

  test('whose outcome is there at once are answered after what was decided before', async () => {
    const { keeper, done } = await doing((to) => keeper.learn(to, 'at once'));
    keeper.hear('a', ['do']);
    expect(done).toEqual(['begun;', 'does it', 'asked;', 'learnt at once;']);
  });

  test('that throw are a fault of ours, and the next one is heard all the same', async () => {
    let faulty = true;
    const { keeper, done } = await doing(() => {
      if (faulty) throw new Error('no hands');
    });
    expect(() => keeper.hear('a', ['do'])).toThrow('no hands');
    faulty = false;
    keeper.hear('b', ['do']);
    expect(done.slice(-3)).toEqual(['begun;', 'does it', 'asked;']);
  });
});

test('who has been told good-bye is not heard any more, not even what came along with its last request', async () => {
  const { keeper, said } = await keeping();
  keeper.hear('a', ['=x', 'bye', '=y']);
  keeper.hear('b', ['?']);
  expect(said).toEqual([
    { to: 'a', says: 'noted x;bye' },
    { to: 'a', hangUp: true },
    { to: 'b', says: '[x]' },
  ]);
});

test('who waits for its good-bye behind a write is not heard either; whoever has that path next is', async () => {
  const journal = new FakeJournal();
  const { keeper, said } = await keeping(journal);
  keeper.hear('a', ['=x', 'bye']);
  await turn();
  keeper.hear('a', ['=y']);
  await journal.done();
  expect(said.at(-1)).toEqual({ to: 'a', hangUp: true });
  keeper.part('a');
  keeper.hear('a', ['?']);
  await turn();
  expect(journal.asked).toEqual([['x']]);
  expect(said.at(-1)).toEqual({ to: 'a', says: '[x]' });
});

test('with a journal no answer leaves before the write is done', async () => {
  const journal = new FakeJournal();
  const { keeper, said } = await keeping(journal);
  keeper.hear('a', ['=x']);
  await turn();
  expect(journal.asked).toEqual([['x']]);
  expect(said).toEqual([]);
  await journal.done();
  expect(said).toEqual([{ to: 'a', says: 'noted x;' }]);
});

test('what a write lets out is followed by word that nothing more is to be said for now', async () => {
  const journal = new FakeJournal();
  const { keeper } = await keeping(journal);
  const done: string[] = [];
  keeper.attach({
    say: (to, bytes) => void done.push(`${to}: ${bytes}`),
    hangUp: () => {},
    letOut: () => void done.push('out'),
  });
  keeper.hear('a', ['=1']);
  keeper.hear('b', ['=2']);
  await turn();
  expect(done).toEqual([]);
  await journal.done();
  expect(done).toEqual(['a: noted 1;', 'b: noted 2;', 'out']);
});

test('an answer that promises nothing new waits too: it may speak of what is still being written', async () => {
  const journal = new FakeJournal();
  const { keeper, said } = await keeping(journal);
  keeper.hear('a', ['=x']);
  await turn();
  // The same again, from somebody else, while x is on its way to the disk.
  keeper.hear('b', ['=x']);
  keeper.hear('b', ['?']);
  await turn();
  expect(said).toEqual([]);
  await journal.done();
  expect(said).toEqual([
    { to: 'a', says: 'noted x;' },
    { to: 'b', says: 'again x;' },
    { to: 'b', says: '[x]' },
  ]);
  expect(journal.asked).toEqual([['x']]);
});

test('a question about a state at rest is answered without a write', async () => {
  const journal = new FakeJournal(['x']);
  const { keeper, notes, said } = await keeping(journal);
  expect(notes).toEqual(['as it was left']);
  keeper.hear('a', ['?']);
  await turn();
  expect(said).toEqual([{ to: 'a', says: '[x]' }]);
  expect(journal.asked).toEqual([]);
});

test('all that arrives in one turn, whoever it is from, shares one write', async () => {
  const journal = new FakeJournal();
  const { keeper, said } = await keeping(journal);
  keeper.hear('a', ['=1', '=2']);
  keeper.hear('b', ['=3']);
  keeper.hear('a', ['=4']);
  await turn();
  expect(journal.asked).toEqual([['1', '2', '3', '4']]);
  await journal.done();
  expect(said).toEqual([
    { to: 'a', says: 'noted 1;noted 2;' },
    { to: 'b', says: 'noted 3;' },
    { to: 'a', says: 'noted 4;' },
  ]);
});

test('what arrives during a write goes into the next one, and is answered after that', async () => {
  const journal = new FakeJournal();
  const { keeper, said } = await keeping(journal);
  keeper.hear('a', ['=1']);
  await turn();
  keeper.hear('a', ['=2']);
  keeper.hear('b', ['=3']);
  await turn();
  expect(journal.asked).toEqual([['1']]);
  await journal.done();
  expect(said).toEqual([{ to: 'a', says: 'noted 1;' }]);
  expect(journal.asked).toEqual([['1'], ['2', '3']]);
  await journal.done();
  expect(said.slice(1)).toEqual([
    { to: 'a', says: 'noted 2;' },
    { to: 'b', says: 'noted 3;' },
  ]);
});

test.each([false, true])('answers and hang-ups keep their order (with a journal: %s)', async (written) => {
  const journal = written ? new FakeJournal() : undefined;
  const { keeper, said } = await keeping(journal);
  keeper.hear('a', ['=1', 'bye']);
  keeper.hear('b', ['=2']);
  keeper.refuse('b', 'nonsense');
  keeper.hear('c', ['?']);
  await turn();
  await journal?.done();
  expect(said).toEqual([
    { to: 'a', says: 'noted 1;bye' },
    { to: 'a', hangUp: true },
    { to: 'b', says: 'noted 2;' },
    { to: 'b', says: 'nonsense' },
    { to: 'b', hangUp: true },
    { to: 'c', says: '[1,2]' },
  ]);
});

test('when a write fails nothing is said ever after, and it is told once', async () => {
  const journal = new FakeJournal();
  const { keeper, said, failures } = await keeping(journal);
  keeper.hear('a', ['=1']);
  await turn();
  keeper.hear('b', ['=2']);
  await journal.failed(new Error('disk full'));
  keeper.hear('b', ['=3', '?', 'bye']);
  keeper.refuse('c', 'nonsense');
  keeper.part('b');
  await turn();
  expect(said).toEqual([]);
  expect(failures.map(({ message }) => message)).toEqual(['disk full']);
  expect(journal.asked).toEqual([['1']]);
  // What came after it was not even heard.
  expect(keeper.facts()).toEqual({ words: '1,2' });
});

test('a snapshot that is due stands for the events that were not written, and none of them comes back twice', async () => {
  const journal = new FakeJournal(['0']);
  const { keeper, said } = await keeping(journal);
  journal.long = true;
  keeper.hear('a', ['=1', '=2']);
  await turn();
  expect(journal.asked).toEqual([{ snapshot: '0,1,2' }]);
  expect(said).toEqual([]);
  journal.long = false;
  // Heard while the snapshot is under way: not in it, so it must be written after it.
  keeper.hear('a', ['=3']);
  await journal.done();
  expect(said).toEqual([{ to: 'a', says: 'noted 1;noted 2;' }]);
  expect(journal.asked).toEqual([{ snapshot: '0,1,2' }, ['3']]);
  await journal.done();
  expect(said[1]).toEqual({ to: 'a', says: 'noted 3;' });
});

test('a forget in the middle of a write: all that was heard is answered, and nothing of it is left, in memory or on the disk', async () => {
  const journal = new FakeJournal();
  const { keeper, said } = await keeping(journal);
  keeper.hear('a', ['=1']);
  await turn();
  keeper.hear('a', ['=2']);
  const forgotten = keeper.forget();
  await journal.done();
  // What was known when it was forgotten includes what had been heard but not yet written.
  expect(await forgotten).toEqual({ words: '1,2' });
  expect(keeper.facts()).toEqual({});
  expect(journal.asked).toEqual([['1'], { snapshot: '' }]);
  keeper.hear('b', ['=3']);
  await journal.done();
  expect(said).toEqual([
    { to: 'a', says: 'noted 1;' },
    { to: 'a', says: 'noted 2;' },
  ]);
  await journal.done();
  expect(journal.asked.at(-1)).toEqual(['3']);
  expect(keeper.facts()).toEqual({ words: '3' });
});

test('a forget without a journal takes effect at once', async () => {
  const { keeper } = await keeping();
  keeper.hear('a', ['=1']);
  const forgotten = keeper.forget();
  expect(keeper.facts()).toEqual({});
  expect(await forgotten).toEqual({ words: '1' });
});

test('who says more than the journal can follow is asked to wait, and told when it may go on', async () => {
  const journal = new FakeJournal();
  const { keeper } = await keeping(journal);
  expect(keeper.hear('a', ['=1'])).toBeUndefined();
  const full = keeper.hear('a', [`=${'x'.repeat(1 << 20)}`]);
  expect(full).toBeInstanceOf(Promise);
  let goesOn = false;
  void full?.then(() => {
    goesOn = true;
  });
  await turn();
  expect(goesOn).toBe(false);
  await journal.done();
  expect(goesOn).toBe(true);
  expect(keeper.hear('a', ['=2'])).toBeUndefined();
});

test('so is who says more than the journal can follow and is answered nothing', async () => {
  const journal = new FakeJournal();
  const silent: typeof rules = {
    ...rules,
    decide: (state, message, from, world) => ({ ...rules.decide(state, message, from, world), actions: [] }),
  };
  const { keeper } = await keeping(journal, { rules: silent });
  const long = 'x'.repeat(1 << 20);
  let full: Promise<void> | undefined;
  let count = 0;
  while (!full && count < 10) full = keeper.hear('a', [`=${count++}${long}`]);
  expect(count).toBe(4);
  let goesOn = false;
  void full?.then(() => {
    goesOn = true;
  });
  await turn();
  expect(goesOn).toBe(false);
  await journal.done();
  expect(goesOn).toBe(true);
  expect(keeper.hear('a', ['=short'])).toBeUndefined();
});

test('who waits when the journal fails is never told to go on', async () => {
  const journal = new FakeJournal();
  const { keeper, failures } = await keeping(journal);
  let goesOn = false;
  void keeper.hear('a', [`=${'x'.repeat(1 << 20)}`])?.then(() => {
    goesOn = true;
  });
  await turn();
  await journal.failed(new Error('disk full'));
  expect(goesOn).toBe(false);
  expect(failures).toHaveLength(1);
});

test('datagrams leave one by one, the empty one too; what is said on a stream leaves together', async () => {
  const datagrams = await keeping(undefined, { transport: 'udp', rules: { ...rules, decide: echo } });
  datagrams.keeper.hear('a', ['1', '', '2']);
  expect(datagrams.said).toEqual([
    { to: 'a', says: '1' },
    { to: 'a', says: '' },
    { to: 'a', says: '2' },
  ]);
  const stream = await keeping(undefined, { rules: { ...rules, decide: echo } });
  stream.keeper.hear('a', ['1', '', '2']);
  expect(stream.said).toEqual([{ to: 'a', says: '12' }]);
});

function echo(_state: State, message: string, from: Path): Decision<string, string> {
  return { events: [], actions: [{ to: from, say: message }] };
}

test('only lasting events are written down: what is filed under a path is known, and dies with the process', async () => {
  const journal = new FakeJournal();
  const { keeper, said } = await keeping(journal);
  keeper.hear('a', ['~here', '=1', '~there']);
  await turn();
  expect(keeper.state.onPath).toEqual(['~here', '~there']);
  expect(journal.asked).toEqual([['1']]);
  await journal.done();
  // Nothing lasting: nothing to write, and the answer still leaves.
  keeper.hear('a', ['~alone']);
  await turn();
  expect(journal.asked).toEqual([['1']]);
  expect(said.at(-1)).toEqual({ to: 'a', says: '~alone;' });
  keeper.part('a');
  await turn();
  expect(keeper.state.onPath.at(-1)).toBe('~gone');
  expect(journal.asked).toEqual([['1']]);
});

describe('what no answer depends on', () => {
  /** `.word` is noted, and nobody is told. */
  const quiet: typeof rules = {
    ...rules,
    decide: (state, message, from, world) =>
      message.startsWith('.') ? { events: [message], actions: [] } : rules.decide(state, message, from, world),
  };

  test('waits for the next write, and comes before what was decided after it', async () => {
    const journal = new FakeJournal();
    const { keeper, said } = await keeping(journal, { rules: quiet });
    keeper.hear('a', ['.1']);
    keeper.hear('b', ['=2', '.3']);
    await turn();
    expect(journal.asked).toEqual([['.1', '2', '.3']]);
    await journal.done();
    expect(said).toEqual([{ to: 'b', says: 'noted 2;' }]);
  });

  test('is written down before anybody is told what there is', async () => {
    const journal = new FakeJournal();
    const { keeper, said } = await keeping(journal, { rules: quiet });
    keeper.hear('a', ['.1']);
    await turn();
    expect(journal.asked).toEqual([]);
    keeper.hear('b', ['?']);
    await turn();
    expect(journal.asked).toEqual([['.1']]);
    expect(said).toEqual([]);
    await journal.done();
    expect(said).toEqual([{ to: 'b', says: '[.1]' }]);
  });

  test('is written down by itself when nothing else comes, also what came during a write', async () => {
    const journal = new FakeJournal();
    const { keeper } = await keeping(journal, { rules: quiet });
    keeper.hear('a', ['.1']);
    keeper.hear('a', ['.2']);
    while (journal.asked.length === 0) await turn();
    keeper.hear('a', ['.3']);
    await turn();
    await journal.done();
    expect(journal.asked).toEqual([['.1', '.2']]);
    while (journal.asked.length === 1) await turn();
    expect(journal.asked).toEqual([['.1', '.2'], ['.3']]);
  });

  test('is written down at once for whoever waits until all is settled', async () => {
    const journal = new FakeJournal();
    const { keeper } = await keeping(journal, { rules: quiet });
    let isSettled = false;
    keeper.hear('a', ['.1']);
    const settled = keeper.settled().then(() => {
      isSettled = true;
    });
    await turn();
    keeper.hear('a', ['.2']);
    await journal.done();
    expect([journal.asked, isSettled]).toEqual([[['.1'], ['.2']], false]);
    await journal.done();
    await settled;
    // Nothing is left to wait for.
    await keeper.settled();
  });
});

test('what the rules say is shorter as one is written down as one, and only what nobody has written yet', async () => {
  const journal = new FakeJournal();
  type Words = { words: string[] };
  const counting: Rules<State, string, Words> = {
    ...(rules as unknown as Rules<State, string, Words>),
    decide: (_state, message, from) => ({ events: [{ words: [message] }], actions: [{ to: from, say: message }] }),
    apply: (state, { words }) => void state.words.push(...words),
    lasting: ({ words }) => words[0] !== 'here',
    join(earlier, later) {
      if (earlier.words[0]?.[0] !== later.words[0]?.[0]) return false;
      earlier.words.push(...later.words);
      return true;
    },
  };
  const { keeper } = await keeping(journal, { rules: counting as never });
  keeper.hear('a', ['a1', 'here', 'a2', 'b1', 'a3']);
  await turn();
  keeper.hear('a', ['a4']);
  await turn();
  await journal.done();
  const told = journal.asked as unknown as Words[][];
  expect(told.map((batch) => batch.map(({ words }) => words))).toEqual([[['a1', 'a2'], ['b1'], ['a3']], [['a4']]]);
  expect(keeper.state.words).toEqual(['a1', 'here', 'a2', 'b1', 'a3', 'a4']);
});

test('the bytes handed to the mouth stay as they are while more is being said', async () => {
  const kept: Buffer[] = [];
  const { keeper } = await keeping();
  keeper.attach({ say: (_to, bytes) => void kept.push(bytes), hangUp: () => {} });
  for (let index = 0; index < 20_000; index++) keeper.hear('a', [`=${index}`]);
  expect(kept.map(String)).toEqual(Array.from({ length: 20_000 }, (_none, index) => `noted ${index};`));
});

test('an observer is told how the facts changed, and by which message of which path', async () => {
  const observed: unknown[] = [];
  const { keeper } = await keeping(undefined, {
    observe: (changes, because) => void observed.push([changes, because]),
  });
  keeper.hear('a', ['?', '=1']);
  keeper.hear('b', ['=2']);
  keeper.hear('a', ['=2', '=3']);
  expect(observed).toEqual([
    [[{ subject: 'words', after: '1' }], { path: 'a', nth: 2 }],
    [[{ subject: 'words', before: '1', after: '1,2' }], { path: 'b', nth: 1 }],
    [[{ subject: 'words', before: '1,2', after: '1,2,3' }], { path: 'a', nth: 4 }],
  ]);
});

test('a snapshot holds only what outlives the process', async () => {
  const journal = new FakeJournal();
  const snapshots: State[] = [];
  journal.snapshot = async (state) => void snapshots.push(structuredClone(state));
  const { keeper } = await keeping(journal, { rules: { ...rules, outlives: (state) => ({ ...state, onPath: [] }) } });
  journal.long = true;
  keeper.hear('a', ['~here', '=1']);
  await turn();
  expect(snapshots).toEqual([{ words: ['1'], onPath: [] }]);
  expect(keeper.state.onPath).toEqual(['~here']);
});

test.each([false, true])(
  'after a last word nothing more is heard from that path (with a journal: %s)',
  async (written) => {
    const journal = written ? new FakeJournal() : undefined;
    const { keeper, said } = await keeping(journal);
    keeper.hear('a', ['=1', 'bye', '=2']);
    if (written) keeper.hear('a', ['=3']);
    await turn();
    await journal?.done();
    expect(said).toEqual([
      { to: 'a', says: 'noted 1;bye' },
      { to: 'a', hangUp: true },
    ]);
    expect(keeper.facts()).toEqual({ words: '1' });
  },
);

test('who has said its last word is hung up on after the answers, not before', async () => {
  const journal = new FakeJournal();
  const { keeper, said } = await keeping(journal);
  keeper.hear('a', ['=1']);
  keeper.bye('a');
  await turn();
  expect(said).toEqual([]);
  await journal.done();
  expect(said).toEqual([
    { to: 'a', says: 'noted 1;' },
    { to: 'a', hangUp: true },
  ]);
});

// The tests of the tests: small wrong servers, each wrong in one way, and the verdicts that must notice.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { story as session } from '../demos/tcp-session.ts';
import { story as echo } from '../demos/udp-echo.ts';
import type { Trace } from '../src/capture/trace.ts';
import { type Arm, playArm } from '../src/lab/arm.ts';
import { type CutResult, derive, judge, litmus, worst } from '../src/lab/litmus.ts';
import type { Cut, CutKind, Story, Verdict } from '../src/lab/story.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { type AnyCard, loadCard } from '../src/protocols/index.ts';
import type { ClientOptions } from '../src/protocols/shapes.ts';
import { card as udpEcho } from '../src/protocols/udp-echo/index.ts';
import {
  play,
  type Subject,
  saidIn,
  torn,
  unexplained,
  unforgotten,
  unlawful,
  unlawfulIn,
  unruly,
  unsettled,
  untiled,
} from './promises.ts';
import { fromSource } from './source.ts';
import { story as boastful } from './wrong/claims.ts';

fromSource();

const addressOf = (name: string) => new URL(`./wrong/${name}.ts`, import.meta.url).href;

/** The right story, told by a wrong server. */
async function wrong(name: string, right: Story): Promise<Story> {
  const card = await loadCard(addressOf(name));
  if (!card) throw new Error(`test/wrong/${name}.ts exports no card`);
  return { ...right, card, protocol: addressOf(name) };
}

const ECHO: Subject = { story: echo as unknown as Story, design: 'plain' };
const SESSION: Subject = { story: session as unknown as Story, design: 'memory' };

/** What the litmus says of one cut: the control arm, one severed arm, and their comparison. */
async function verdictOf(subject: Subject, cut: Cut) {
  const origin = process.hrtime.bigint();
  const control = await playArm({ ...subject, seed: 1, origin });
  const severed = await playArm({ ...subject, seed: 1, origin, cut });
  return judge(subject.story.card, control, severed);
}

const AFTER_TWO = { after: 2 } as const;

describe('a wrong server does not pass', () => {
  test('a wrong claim is contradicted by the litmus', async () => {
    const row = await litmus({ story: boastful, design: 'memory', seed: 1, origin: process.hrtime.bigint() });
    const found = Object.fromEntries(row.cuts.map(({ cut, verdict }) => [cut, verdict]));
    expect(found).toEqual(session.designs.memory?.claims);
    expect(found).not.toEqual(boastful.designs.memory?.claims);
  });

  test('a memory beside the state is found by forgetting, by replaying, and by reading the source', async () => {
    const subject = { ...SESSION, story: await wrong('hidden-memory', SESSION.story) };
    expect(await unforgotten(subject)).toEqual([expect.stringMatching(/^a memory outlived the forgetting/)]);
    const source = readFileSync(fileURLToPath(addressOf('hidden-memory')), 'utf8');
    expect(unlawfulIn('server.ts', source)).toContain('remembers something in “let served = 0;”');
  });

  test('answers that are not those of the rules are found by replaying', async () => {
    const subject = { ...SESSION, story: await wrong('parrot', SESSION.story) };
    const arm = await playArm({ ...subject, seed: 1, origin: process.hrtime.bigint() });
    expect(await unruly(subject, arm.traces)).toEqual([
      expect.stringMatching(/^the server said .*, and its rules say /),
    ]);
  });

  test('a byte that no field explains is named', async () => {
    const story = await wrong('unread-byte', ECHO.story);
    const arm = await play({ ...ECHO, story });
    expect(unexplained(story.card, saidIn(story.card, arm.traces))).toContainEqual(
      expect.stringMatching(/byte 2 is not explained/),
    );
  });

  test('rules that change the state while they decide are found', async () => {
    const subject = { ...SESSION, story: await wrong('deciding', SESSION.story) };
    const arm = await play(subject);
    expect(await unruly(subject, arm.traces)).toContain('decide changed the state when it heard OPEN');
  });

  test('an empty state that is not empty is found by forgetting, and the cut is unknown', async () => {
    const subject = { ...SESSION, story: await wrong('unforgetting', SESSION.story) };
    expect(await unforgotten(subject)).toContainEqual(expect.stringMatching(/^it was told to forget and still knows/));
    expect(await verdictOf(subject, { is: 'forget', at: AFTER_TWO })).toMatchObject({
      verdict: 'unknown',
      because: 'the forgetting left no trace: the server still knows what it knew',
    });
  });

  test('a client that does not move leaves the path cut unknown', async () => {
    const subject = { ...SESSION, story: await wrong('motionless', SESSION.story) };
    expect(await verdictOf(subject, { is: 'path', at: AFTER_TWO })).toMatchObject({
      verdict: 'unknown',
      because: 'the new path left no trace: nothing came from another address',
    });
  });

  test('a kill that waits for an event which never comes is unknown', async () => {
    const cut: Cut = { is: 'kill', at: { on: { moment: 'read', nth: 99, kind: 'DATA' } } };
    expect(await verdictOf(SESSION, cut)).toMatchObject({
      verdict: 'unknown',
      because: expect.stringMatching(
        /^the kill never happened: no “read 99 DATA” came; the client said OPEN, DATA \d+ times/,
      ),
    });
  });

  test('a server that never answers is unknown', async () => {
    // One step is enough: each waits for its patience to end.
    const story = { ...(await wrong('silent', ECHO.story)), steps: ECHO.story.steps.slice(0, 1) };
    const arm = await playArm({ story, design: 'plain', seed: 1, origin: process.hrtime.bigint() });
    const judgement = judge(story.card, arm, arm);
    expect(judgement.verdict).toBe('unknown');
    expect(judgement.because).toMatch(/^the control arm failed at “say "one"”/);
  });

  test('a server whose process ends by itself is a fault, told at once, and never a verdict', async () => {
    const story = await wrong('quitter', SESSION.story);
    const arm = await playArm({ story, design: 'memory', seed: 1, origin: process.hrtime.bigint() });
    expect(arm.fault?.message).toBe('session/1 ended by itself (exit code 7)');
    expect(judge(story.card, arm, arm).verdict).toBe('unknown');
  });

  test.each(['garbage', 'parrot'])('a server that answers like %s is unknown', async (name) => {
    const subject = { ...SESSION, story: await wrong(name, SESSION.story) };
    const { verdict, because } = await verdictOf(subject, { is: 'kill', at: AFTER_TWO });
    expect(verdict).toBe('unknown');
    expect(because).toMatch(/^the control arm failed at “open a session”/);
  });

  test('a server that spoiled bytes can crash is found', async () => {
    const subject = { ...SESSION, story: await wrong('fragile', SESSION.story) };
    const arm = await play(SESSION);
    const said = saidIn(SESSION.story.card, arm.traces).slice(0, 3);
    expect(await unsettled(subject, said)).toContainEqual(expect.stringMatching(/^spoiled packets killed it/));
  });

  test('a server that answers spoiled bytes with garbage is found', async () => {
    const arm = await play(SESSION);
    const [parrot, garbage] = [await loadCard(addressOf('parrot')), await loadCard(addressOf('garbage'))];
    for (const card of [parrot, garbage]) {
      const said = [
        { side: 'server' as const, over: 'tcp' as const, bytes: Buffer.from('garbage!'), seen: new Map() },
        ...saidIn(SESSION.story.card, arm.traces),
      ];
      expect(torn(card as AnyCard, said)).not.toEqual([]);
      expect(unexplained(card as AnyCard, said)).not.toEqual([]);
    }
  });
});

describe('the rules for source', () => {
  test('a folder with another file, or without one of the five, is refused', () => {
    expect(unlawful(fileURLToPath(new URL('./wrong', import.meta.url)))[0]).toMatch(
      /^the files are broker\.ts, claims\.ts, /,
    );
  });

  test('a folder of rules is held to what the rules are held to, and no other folder is there', async () => {
    const { path, remove } = temporaryFolder();
    const folder = join(path, 'echo');
    cpSync(fileURLToPath(new URL('../src/protocols/udp-echo', import.meta.url)), folder, { recursive: true });
    expect(unlawful(folder)).toEqual([]);
    const write = (name: string, source: string) => {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), source);
    };
    write(
      'rules/leaving.ts',
      "import type { State } from '../state.ts';\nexport const isOver = (_state: State) => true;\n",
    );
    expect(unlawful(folder)).toEqual([]);
    write('rules/late.ts', 'export const isLate = (at: number) => Date.now() > at;\n');
    write('rules/socket.ts', "import net from 'node:net';\nexport const heard = new Map<string, net.Socket>();\n");
    write('rules/notes.md', 'What I wanted to say.\n');
    write('more/memory.ts', 'export let last = 0;\n');
    expect(unlawful(folder).sort()).toEqual([
      'more/memory.ts: remembers something in “export let last = 0;”',
      'rules/late.ts: uses Date',
      'rules/notes.md is no source',
      'rules/socket.ts: imports node:net',
      'rules/socket.ts: remembers something in “export const heard = new Map<string, net.Socket>();”',
      'there is a folder more/',
    ]);
    await remove();
  });

  test.each([
    ['state.ts', "import net from 'node:net';", 'imports node:net'],
    ['state.ts', "import { readFileSync } from 'node:fs';", 'imports node:fs'],
    ['wire.ts', "import { setTimeout } from 'node:timers/promises';", 'imports node:timers/promises'],
    ['wire.ts', "const cp = await import('node:child_process');", 'imports node:child_process'],
    ['state.ts', 'const at = Date.now();', 'uses Date'],
    ['state.ts', 'const roll = Math.random();', 'uses Math.random'],
    ['state.ts', "import { randomBytes } from 'node:crypto';", 'uses randomBytes'],
    ['wire.ts', 'setTimeout(() => {}, 1);', 'uses setTimeout'],
    ['state.ts', 'const at = performance.now();', 'uses performance'],
    ['state.ts', 'let sessions = 0;', 'remembers something in “let sessions = 0;”'],
    ['server.ts', 'export let last: string;', 'remembers something in “export let last: string;”'],
    ['server.ts', 'var last;', 'remembers something in “var last;”'],
    [
      'server.ts',
      'const seen = new Map<string, string>();',
      'remembers something in “const seen = new Map<string, string>();”',
    ],
    ['server.ts', 'const seen: string[] = [];', 'may remember something in “const seen: string[] = [];”'],
    ['server.ts', 'const seen = {};', 'may remember something in “const seen = {};”'],
    ['server.ts', "  console.log('hello');", 'it logs'],
    [
      'client.ts',
      "import { tap } from '../../capture/tap.ts';",
      'imports ../../capture/tap.ts: it must not know who is watching',
    ],
    ['index.ts', "import { card } from '../udp-echo/index.ts';", 'imports ../udp-echo/index.ts: another protocol'],
    ['rules/a.ts', "import { rules } from '../../dns/state.ts';", 'imports ../../dns/state.ts: another protocol'],
    ['rules/a.ts', "import { serve } from '../server.ts';", 'imports ../server.ts: it is not pure'],
    ['state.ts', "import { serve } from './server.ts';", 'imports ./server.ts: it is not pure'],
    ['wire/a.ts', 'const roll = Math.random();', 'uses Math.random'],
  ])('%s may not hold “%s”', (name, source, found) => {
    expect(unlawfulIn(name, source)).toContain(found);
  });

  test('rules in a folder may know the files that they belong to, and what all protocols share', () => {
    const source = ['../state.ts', '../wire.ts', './other.ts', '../../shapes.ts', '../../../wire/fields.ts'];
    expect(unlawfulIn('rules/a.ts', source.map((path) => `import { a } from '${path}';`).join('\n'))).toEqual([]);
  });

  test('words in comments and in what is said to people are free', () => {
    expect(unlawfulIn('state.ts', "// Not Date.now(): time is an input.\nconst ARE = 'no Date here';\n")).toEqual([]);
  });
});

describe('fields that do not tile', () => {
  const field = (id: string, start: number, end: number, mask?: number) => ({
    id,
    label: id,
    start,
    end,
    value: 0,
    show: '0',
    ...(mask === undefined ? {} : { mask }),
  });

  test.each([
    ['a gap', [field('a', 0, 1), field('b', 2, 3)], 3, 'byte 1 is not explained (bits 00000000 are)'],
    ['an overlap', [field('a', 0, 2), field('b', 1, 3)], 3, 'byte 1 is explained twice, by b the second time'],
    [
      'a missing bit',
      [field('a', 0, 1, 0xf0), field('b', 0, 1, 0x07)],
      1,
      'byte 0 is not explained (bits 11110111 are)',
    ],
    [
      'a bit twice',
      [field('a', 0, 1, 0xf0), field('b', 0, 1, 0x1f)],
      1,
      'byte 0 is explained twice, by b the second time',
    ],
    ['a field outside', [field('a', 0, 2)], 1, 'a lies outside the message'],
    ['one name twice', [field('a', 0, 1), field('a', 1, 2)], 2, 'two fields are called a'],
  ])('%s', (_what, fields, length, found) => {
    expect(untiled(fields, length)).toContain(found);
  });

  test('two halves of a byte tile it', () => {
    expect(untiled([field('a', 0, 1, 0xf0), field('b', 0, 1, 0x0f)], 1)).toEqual([]);
  });
});

/** A hand-made arm of udp-echo: what was said, step by step, and a cut in between. */
function arm({
  answers = ['one', 'two'],
  said = answers,
  cut,
  rows = [],
  paths = [],
  fault,
  failed,
}: {
  answers?: string[];
  said?: string[];
  cut?: Cut;
  /** Put after the first answer. */
  rows?: Trace[];
  /** The client's port for each thing said. */
  paths?: number[];
  fault?: Error;
  failed?: number;
}): Arm {
  let t = 0;
  const server = '127.0.0.1:7';
  const born = (who: string, pid: number): Trace => ({
    t: t++,
    who,
    is: 'born',
    pid,
    path: server,
    facts: {},
    notes: [],
  });
  const traces: Trace[] = [born('echo/1', 1)];
  said.forEach((text, index) => {
    const local = `127.0.0.1:${paths[index] ?? 50_000}`;
    const base64 = Buffer.from(text).toString('base64');
    traces.push({ t: t++, who: 'client', is: 'bytes', over: 'udp', way: 'sent', local, remote: server, base64 });
    traces.push({ t: t++, who: 'client', is: 'bytes', over: 'udp', way: 'read', local, remote: server, base64 });
    if (index === 0) traces.push(...rows.map((row) => ({ ...row, t: t++ })));
  });
  return {
    cut,
    steps: answers.map((answer, index) => ({ name: `step ${index + 1}`, answer, failed: index + 1 === failed })),
    traces,
    ...(fault ? { fault } : {}),
  };
}

const KILL: Cut = { is: 'kill', at: { after: 1 } };
const KILLED: Trace = { t: 0, who: 'echo/1', is: 'kill', pid: 1 };
const REBORN: Trace = { t: 0, who: 'echo/2', is: 'born', pid: 2, path: '127.0.0.1:7', facts: {}, notes: [] };
const FORGOT: Trace = { t: 0, who: 'echo/1', is: 'forgot', facts: {}, left: {} };
const SWAP: Cut = { is: 'swap', at: { after: 1 } };
const SWAPPED: Trace = { t: 0, who: 'echo/1', is: 'swapped' };
const SILENCE: Cut = { is: 'silence', at: { after: 1 } };
const SILENCED: Trace = { t: 0, who: 'link', is: 'silenced' };
const HEALED: Trace = {
  t: 0,
  who: 'link',
  is: 'healed',
  swallowed: {
    client: { datagrams: 0, dials: 0, ends: 0, bytes: 0 },
    server: { datagrams: 0, dials: 0, ends: 0, bytes: 0 },
  },
};
const judged = (control: Arm, severed: Arm) => judge(udpEcho as AnyCard, control, severed);

describe('the verdicts', () => {
  const control = arm({});

  test('untouched: same answers, same packets', () => {
    expect(judged(control, arm({ cut: KILL, rows: [KILLED, REBORN] }))).toMatchObject({
      verdict: 'untouched',
      more: [],
      less: [],
    });
  });

  test('untouched by a swap as well, when the other instance has been asked', () => {
    expect(judged(control, arm({ cut: SWAP, rows: [SWAPPED, REBORN] }))).toMatchObject({ verdict: 'untouched' });
  });

  test('a silence is judged by what is said again, and by dials that nobody answered', () => {
    const dialled: Trace = {
      t: 0,
      who: 'client',
      is: 'link',
      over: 'tcp',
      what: 'swallowed',
      local: '',
      remote: '127.0.0.1:7',
    };
    expect(judged(control, arm({ cut: SILENCE, rows: [SILENCED, dialled, HEALED] }))).toMatchObject({
      verdict: 'recovered',
      more: ['dial into silence'],
    });
    expect(judged(control, arm({ cut: SILENCE, rows: [SILENCED] }))).toMatchObject({ verdict: 'untouched' });
  });

  test('recovered: same answers, but the client had to say more', () => {
    const severed = arm({ cut: KILL, rows: [KILLED, REBORN], said: ['one', 'two', 'two'] });
    expect(judged(control, severed)).toMatchObject({ verdict: 'recovered', more: ['ECHO "two"'], less: [] });
  });

  test('lost: it goes on, but an answer differs', () => {
    const severed = arm({ cut: KILL, rows: [KILLED, REBORN], answers: ['one', 'nothing'], said: ['one', 'two'] });
    expect(judged(control, severed)).toMatchObject({
      verdict: 'lost',
      because: '“step 2” is answered “nothing” instead of “two”',
    });
  });

  test('broken: a step cannot be completed', () => {
    const severed = arm({ cut: KILL, rows: [KILLED, REBORN], answers: ['one', 'refused'], said: ['one'], failed: 2 });
    expect(judged(control, severed)).toMatchObject({
      verdict: 'broken',
      because: '“step 2” cannot be completed: refused',
      less: ['ECHO "two"'],
    });
  });

  test.each<[string, Arm, Arm, RegExp]>([
    [
      'the control arm failed',
      arm({ failed: 1 }),
      arm({ cut: KILL, rows: [KILLED, REBORN] }),
      /^the control arm failed at “step 1”/,
    ],
    ['nobody was swapped', control, arm({ cut: SWAP }), /^the swap never happened/],
    [
      'the same process goes on',
      control,
      arm({ cut: SWAP, rows: [SWAPPED, { ...REBORN, pid: 1 } as Trace] }),
      /same process/,
    ],
    [
      'nobody asked the other instance',
      control,
      arm({ cut: SWAP, rows: [SWAPPED, REBORN], said: ['one'] }),
      /^the swap left no trace: nobody has said anything/,
    ],
    [
      'nobody said anything while the link was silent',
      control,
      arm({ cut: SILENCE, rows: [SILENCED, HEALED] }),
      /^the silence left no trace: nobody said anything/,
    ],
    ['the control arm was not played', arm({ fault: new Error('no room') }), control, /could not be played: no room$/],
    [
      'the severed arm was not played',
      control,
      arm({ cut: KILL, fault: new Error('no room') }),
      /^the severed arm could not be played/,
    ],
    [
      'nothing was said at all',
      arm({ said: [] }),
      arm({ cut: KILL, said: [] }),
      /^no byte came from the client: silence proves nothing$/,
    ],
    ['the kill never happened', control, arm({ cut: KILL }), /^the kill never happened: its place was not reached$/],
    ['nobody was born after the kill', control, arm({ cut: KILL, rows: [KILLED] }), /nobody was born after it$/],
    [
      'the same process goes on',
      control,
      arm({ cut: KILL, rows: [KILLED, { ...REBORN, pid: 1 } as Trace] }),
      /the same process goes on$/,
    ],
    [
      'the store was not wiped',
      control,
      arm({ cut: { is: 'store', at: { after: 1 } }, rows: [KILLED, REBORN] }),
      /^the store was not wiped$/,
    ],
    [
      'the forgetting left something',
      control,
      arm({
        cut: { is: 'forget', at: { after: 1 } },
        rows: [{ ...FORGOT, facts: { a: 'b' }, left: { a: 'b' } } as Trace],
      }),
      /^the forgetting left no trace/,
    ],
    [
      'nothing came from another address',
      control,
      arm({ cut: { is: 'path', at: { after: 1 } }, rows: [{ t: 0, who: 'client', is: 'moved' }] }),
      /^the new path left no trace/,
    ],
  ])('unknown: %s', (_what, before, after, because) => {
    const judgement = judged(before, after);
    expect(judgement.verdict).toBe('unknown');
    expect(judgement.because).toMatch(because);
  });

  test('unknown: the server never said a byte', () => {
    const silent = arm({});
    silent.traces = silent.traces.filter((trace) => !(trace.is === 'bytes' && trace.way === 'read'));
    expect(judged(silent, arm({ cut: KILL, rows: [KILLED, REBORN] }))).toMatchObject({
      verdict: 'unknown',
      because: 'no byte came from the server: silence proves nothing',
    });
  });

  test('a path cut that took is judged', () => {
    const severed = arm({
      cut: { is: 'path', at: { after: 1 } },
      rows: [{ t: 0, who: 'client', is: 'moved' }],
      paths: [50_000, 50_001],
    });
    expect(judged(control, severed)).toMatchObject({ verdict: 'untouched' });
  });

  test('a forget that took is judged', () => {
    expect(judged(control, arm({ cut: { is: 'forget', at: { after: 1 } }, rows: [FORGOT] }))).toMatchObject({
      verdict: 'untouched',
    });
  });
});

describe('the worst place', () => {
  test.each<[Verdict[], Verdict]>([
    [[], 'unknown'],
    [['untouched', 'untouched'], 'untouched'],
    [['untouched', 'recovered', 'untouched'], 'recovered'],
    [['lost', 'recovered'], 'lost'],
    [['lost', 'broken', 'untouched'], 'broken'],
    [['broken', 'unknown'], 'unknown'],
  ])('of %j is %s', (verdicts, expected) => {
    expect(worst(verdicts)).toBe(expected);
  });
});

describe('what follows from the cuts', () => {
  const results = (verdicts: Partial<Record<CutKind, Verdict>>): CutResult[] =>
    Object.entries(verdicts).map(([cut, verdict]) => ({ cut: cut as CutKind, verdict, places: [] }));

  test.each<[Partial<Record<CutKind, Verdict>>, string, string]>([
    [{ forget: 'untouched', path: 'untouched', kill: 'untouched', swap: 'untouched' }, 'nothing', 'nobody'],
    [{ forget: 'untouched', path: 'recovered', kill: 'recovered', swap: 'recovered' }, 'nothing', 'nobody'],
    [{ forget: 'recovered', path: 'recovered', kill: 'recovered', swap: 'recovered' }, 'nothing', 'the client'],
    [{ forget: 'recovered', path: 'untouched', kill: 'recovered', swap: 'recovered' }, 'nothing', 'the client'],
    [{ forget: 'broken', path: 'recovered', kill: 'broken' }, 'a name', 'the process'],
    [{ forget: 'lost', path: 'untouched', kill: 'lost' }, 'a name', 'the process'],
    [{ forget: 'broken', path: 'broken', kill: 'broken' }, 'the path', 'the process'],
    [{ forget: 'broken', path: 'recovered', kill: 'recovered', swap: 'broken', store: 'broken' }, 'a name', 'a disk'],
    [{ forget: 'broken', path: 'lost', kill: 'untouched', swap: 'lost', store: 'lost' }, 'the path', 'a disk'],
    [
      { forget: 'broken', path: 'recovered', kill: 'recovered', swap: 'recovered', store: 'broken' },
      'a name',
      'a shared store',
    ],
    // What the cuts do not tell stays unknown.
    [{ forget: 'unknown', path: 'untouched', kill: 'untouched' }, 'unknown', 'unknown'],
    [{ forget: 'broken', path: 'unknown', kill: 'unknown' }, 'unknown', 'unknown'],
    [{ forget: 'broken', path: 'untouched', kill: 'untouched' }, 'a name', 'unknown'],
    [{ forget: 'broken', path: 'untouched', kill: 'untouched', store: 'unknown' }, 'a name', 'unknown'],
    [{ forget: 'broken', path: 'untouched', kill: 'untouched', store: 'broken' }, 'a name', 'unknown'],
    [{ forget: 'untouched', path: 'untouched', kill: 'untouched' }, 'nothing', 'unknown'],
    [{ forget: 'untouched', path: 'untouched', kill: 'untouched', swap: 'broken' }, 'nothing', 'unknown'],
    // Nobody remembers anything, and yet who comes from elsewhere is somebody else.
    [{ forget: 'untouched', path: 'broken', kill: 'untouched', swap: 'untouched' }, 'the path', 'nobody'],
    [{}, 'unknown', 'unknown'],
  ])('%j: filed under %s, held by %s', (verdicts, filedUnder, heldBy) => {
    expect(derive(results(verdicts))).toEqual({ filedUnder, heldBy });
  });
});

test.each([
  ['close', undefined, undefined],
  ['move', 'path', 'the client has not come back within 1 s'],
] as const)('a client whose %s never ends is not waited for', async (verb, cut, says) => {
  const connect = async (options: ClientOptions) => ({
    ...(await echo.card.connect(options)),
    [verb]: () => new Promise<void>(() => {}),
  });
  const { fault, steps } = await playArm({
    story: { ...echo, card: { ...echo.card, connect } } as unknown as Story,
    design: 'plain',
    seed: 1,
    origin: process.hrtime.bigint(),
    patience: 1000,
    ...(cut ? { cut: { is: cut, at: { after: 1 } } } : {}),
  });
  expect(fault?.message).toBe(says);
  if (says === undefined) expect(steps).toHaveLength(echo.steps.length);
});

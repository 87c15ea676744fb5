// Several clients in one process: each is called by the name it gave itself, on all of its paths, from its first row on.

import { expect, test } from 'vitest';
import { ledger } from '../src/capture/ledger.ts';
import { type Entry, Recorder, record } from '../src/capture/records.ts';
import type { Trace } from '../src/capture/trace.ts';
import { judge } from '../src/lab/litmus.ts';
import type { Cut } from '../src/lab/story.ts';
import { card as session } from '../src/protocols/tcp-session/index.ts';
import { entriesOf, play, printed } from './promises.ts';
import { fromSource } from './source.ts';
import { card, story } from './variants/two.ts';

fromSource();

const subject = { story, design: 'connection' };
const SERVER = '127.0.0.1:7070';
const [ONE, TWO] = ['127.0.0.1:50001', '127.0.0.1:50002'];

const rows = (entries: readonly Entry[]) =>
  entries.flatMap((entry) => {
    if (entry.is === 'packet') return [`${entry.from} → ${entry.to} ${entry.kind}`];
    return entry.is === 'link' ? [`${entry.from} → ${entry.to} ${entry.what}`] : [];
  });

function traced(...traces: object[]): Trace[] {
  return traces.map((trace, t) => ({ t, over: 'tcp', ...trace }) as Trace);
}
const link = (who: string, what: string, local: string, remote: string) => ({ who, is: 'link', what, local, remote });
const named = (path: string, name: string) => ({ who: 'client', is: 'named', path, name });
const born = { who: 'session/1', is: 'born', pid: 1, path: SERVER, facts: {}, notes: [] };

test('each is called by its name, in packets, links and what is filed under its path', async () => {
  const entries = entriesOf(subject, await play(subject));
  expect(rows(entries).filter((each) => / → session\/1 (connected|OPEN|DATA)/.test(each))).toEqual([
    'sleeper → session/1 connected',
    'sleeper → session/1 OPEN',
    'sender → session/1 connected',
    'sender → session/1 OPEN',
    'sleeper → session/1 DATA',
    'sender → session/1 DATA',
  ]);
  expect(rows(entries).join('\n')).not.toContain('client');
  const subjects = entries.flatMap((entry) =>
    entry.is === 'packet' ? entry.memory.flatMap(({ changes }) => changes.map((change) => change.subject)) : [],
  );
  expect(subjects).toContain('path[sleeper]');
  expect(subjects).toContain('path[sender]');
  const log = printed(entries).join('\n');
  expect(log).toContain('sleeper ──▶ session/1  connects: a new path');
  expect(log).toContain('sender ◀── session/1  ACK');
  expect(log).not.toMatch(/──▶ s(leeper|ender)/);
});

test.each<Cut['is']>(['path', 'kill', 'swap'])('after a %s each comes back under its own name', async (is) => {
  const cut: Cut = { is, at: { after: 2 } };
  const severed = await play(subject, cut);
  const judgement = judge(card, await play(subject), severed);
  expect(judgement).toMatchObject({ verdict: 'lost', more: ['sleeper: connect', 'sender: connect'], less: [] });
  const entries = entriesOf(subject, severed);
  const after = rows(entries.slice(entries.findIndex((entry) => entry.is === 'cut')));
  const life = is === 'path' ? 'session/1' : 'session/2';
  expect(after.filter((each) => / (connected|DATA)$/.test(each))).toEqual([
    `sleeper@2 → ${life} connected`,
    `sleeper@2 → ${life} DATA`,
    `sender@2 → ${life} connected`,
    `sender@2 → ${life} DATA`,
  ]);
});

test('what was filed under a path is found again by whose path it was, and never as that of another', () => {
  const forgotten = (subject: string) => [
    { is: 'memory', holder: 'ftp/1', changes: [{ subject, after: 'logged in' }] },
    { is: 'memory', holder: 'ftp/1', changes: [{ subject, before: 'logged in' }] },
  ];
  const denied = (name: string) => ({
    is: 'packet',
    from: 'ftp/1',
    to: name,
    side: 'server',
    leans: [
      { field: 'code', op: 'denies', holder: 'server', key: `session[${name}]`, byPath: true, why: '', cite: '' },
    ],
    memory: [],
  });
  const told = [
    { is: 'life', life: 'ftp/1', facts: {} },
    ...forgotten('session[sleeper]'),
    ...forgotten('session[sender]'),
    ...['sleeper@2', 'sender@2', 'sleep@2'].map(denied),
  ].map((each, index) => ({ t_ns: 0, arm: 1, row: index + 1, ...each }) as unknown as Entry);
  const { notes } = ledger(told);
  expect([6, 7, 8].map((row) => notes.get(row)?.[0]?.text)).toEqual([
    'session[sleeper] (logged in): last written by #02 into ftp/1, gone with #03; session[sleeper@2] is another path',
    'session[sender] (logged in): last written by #04 into ftp/1, gone with #05; session[sender@2] is another path',
    'ftp/1 never had session[sleep@2]: nothing was lost here',
  ]);
});

test('whoever took over a port is told apart from who had it, and from who gave no name', () => {
  const entries = record(
    traced(
      born,
      link('session/1', 'accepted', SERVER, ONE),
      link('client', 'connected', ONE, SERVER),
      named(ONE, 'sleeper'),
      link('client', 'fin sent', ONE, SERVER),
      link('client', 'connected', TWO, SERVER),
      link('session/1', 'fin read', SERVER, ONE),
      link('session/1', 'fin sent', SERVER, ONE),
      link('client', 'connected', ONE, SERVER),
      link('session/1', 'accepted', SERVER, ONE),
      named(ONE, 'sender'),
      link('client', 'reset sent', ONE, SERVER),
      link('client', 'connected', ONE, SERVER),
      named(ONE, 'sleeper'),
    ),
    { card: session },
  );
  expect(rows(entries)).toEqual([
    'sleeper → session/1 connected',
    'sleeper → session/1 fin sent',
    'client → session/1 connected',
    'session/1 → sleeper fin sent',
    'sender → session/1 connected',
    'sender → session/1 reset sent',
    'sleeper@2 → session/1 connected',
  ]);
});

test('who learns of a name only when it is told goes on from there', () => {
  const recorder = new Recorder({ card: session });
  const traces = traced(
    born,
    link('client', 'connected', ONE, SERVER),
    named(ONE, 'sleeper'),
    link('client', 'fin sent', ONE, SERVER),
  );
  for (const trace of traces) recorder.push(trace);
  expect(rows(recorder.entries)).toEqual(['client → session/1 connected', 'sleeper → session/1 fin sent']);
});

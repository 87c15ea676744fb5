// The ledger: what was remembered, by whom, since which row, and what became of it at each cut.

import { describe, expect, test } from 'vitest';
import { Book, ledger } from '../src/capture/ledger.ts';
import type { Entry, Numbered, Row } from '../src/capture/records.ts';
import type { Change } from '../src/capture/trace.ts';
import type { Lean } from '../src/wire/wire.ts';

/** Rows in order, numbered from 1. */
function rows(...list: object[]): Entry[] {
  return list.map((what, index) => ({ t_ns: index, arm: 1, row: index + 1, ...(what as Row) }) as Entry);
}
const life = (name: string, facts = {}) => ({ is: 'life', life: name, pid: 1, port: 7, facts, notes: [] });
const cut = (kind: 'kill' | 'forget' | 'path' | 'store' | 'swap' | 'expire', who = 'session/1') => ({
  is: 'cut',
  cut: kind,
  who,
  facts: {},
});
/** A packet that brings about what `holder` remembers from now on; `undefined` forgets it. */
const packet = (
  known: Record<string, string | undefined> = {},
  lean?: Partial<Lean>,
  holder = 'session/1',
  more = {},
) => ({
  is: 'packet',
  from: 'client',
  to: holder,
  side: 'client',
  protocol: 'tcp-session',
  kind: 'DATA',
  says: '',
  hex: '',
  length: 0,
  fields: [],
  leans: lean
    ? [{ field: 'f', op: 'reads', holder: 'server', key: 's', why: 'because', cite: 'Section 1', ...lean }]
    : [],
  memory: Object.keys(known).length > 0 ? [{ holder, changes: changesOf(known) }] : [],
  ...more,
});
const memory = (known: Record<string, string | undefined>, holder = 'session/1') => ({
  is: 'memory',
  holder,
  changes: changesOf(known),
});
const changesOf = (known: Record<string, string | undefined>): Change[] =>
  Object.entries(known).map(([subject, after]) =>
    after === undefined ? { subject, before: '?' } : { subject, after },
  );

const fates = (entries: Entry[]) => ledger(entries).accounts.map(({ outcomes }) => outcomes);
const notesOf = (entries: Entry[]) => ledger(entries).notes.get(entries.length) ?? [];

describe('what a cut does', () => {
  test('kill: what the next life does not know is LOST', () => {
    expect(
      fates(rows(life('session/1'), packet({ s: 'one' }), packet({ s: 'two' }), cut('kill'), life('session/2'))),
    ).toEqual([[{ subject: 's', known: 'two', fate: 'LOST', written: 3, gone: 4 }]]);
  });

  test('kill: what the next life knows without having been told was KEPT', () => {
    expect(
      fates(rows(life('session/1'), packet({ s: 'one', p: 'here' }), cut('kill'), life('session/2', { s: 'one' }))),
    ).toEqual([
      [
        { subject: 's', known: 'one', fate: 'KEPT', written: 2 },
        { subject: 'p', known: 'here', fate: 'LOST', written: 2, gone: 3 },
      ],
    ]);
  });

  test('kill: what a client brings back is REBUILT', () => {
    expect(
      fates(
        rows(
          life('session/1'),
          packet({ 'p[1]': 'here' }),
          cut('kill'),
          life('session/2'),
          packet({ 'p[1]': 'there' }, undefined, 'session/2'),
          packet({ 'p[1]': 'here' }, undefined, 'session/2'),
        ),
      ),
    ).toEqual([[{ subject: 'p[1]', known: 'here', fate: 'REBUILT', written: 2, gone: 3, rebuilt: 6 }]]);
  });

  test.each([
    ['something else under the same name', 'p[1]', 'there'],
    ['a thing of the process’s own, such as a key, though it is told in the same words', 'secret', 'here'],
  ])('kill: %s is no rebuilding, and the row that wrote it is told', (_what, subject, known) => {
    const again = packet({ [subject]: known }, undefined, 'session/2');
    expect(
      fates(rows(life('session/1'), packet({ [subject]: 'here' }), cut('kill'), life('session/2'), again)),
    ).toEqual([[{ subject, known: 'here', fate: 'LOST', written: 2, gone: 3, rebuilt: 5 }]]);
  });

  test('swap: what the other instance does not know is LOST, and was left behind', () => {
    expect(fates(rows(life('session/1'), packet({ s: 'one' }), cut('swap'), life('session/2')))).toEqual([
      [{ subject: 's', known: 'one', fate: 'LOST', written: 2, gone: 3, leftBehind: true }],
    ]);
    expect(fates(rows(life('session/1'), packet({ s: 'one' }), cut('swap'), life('session/2', { s: 'one' })))).toEqual([
      [{ subject: 's', known: 'one', fate: 'KEPT', written: 2 }],
    ]);
  });

  test('forget: the same life no longer knows it', () => {
    expect(fates(rows(life('session/1'), packet({ s: 'one' }), cut('forget'), packet({ t: 'new' })))).toEqual([
      [{ subject: 's', known: 'one', fate: 'LOST', written: 2, gone: 3 }],
    ]);
  });

  test('path: the server forgets nothing by itself', () => {
    expect(fates(rows(life('session/1'), packet({ s: 'one' }), cut('path', 'client')))).toEqual([
      [{ subject: 's', known: 'one', fate: 'KEPT', written: 2 }],
    ]);
  });

  test('path: what goes with the path, unasked, is LOST, and what comes back is REBUILT', () => {
    expect(
      fates(
        rows(
          life('session/1'),
          packet({ s: 'one', 'p[1]': 'here' }),
          cut('path', 'client'),
          memory({ s: undefined, 'p[1]': undefined }),
          packet({ 'p[1]': 'here' }),
        ),
      ),
    ).toEqual([
      [
        { subject: 's', known: 'one', fate: 'LOST', written: 2, gone: 4 },
        { subject: 'p[1]', known: 'here', fate: 'REBUILT', written: 2, gone: 4, rebuilt: 5 },
      ],
    ]);
  });

  test('path: what a message asks to be forgotten is not the doing of the cut', () => {
    expect(
      fates(rows(life('session/1'), packet({ s: 'one' }), cut('path', 'client'), packet({ s: undefined }))),
    ).toEqual([[{ subject: 's', known: 'one', fate: 'KEPT', written: 2 }]]);
  });

  test('expire: what the clock takes is LOST; what goes with a path that was ended in good order is not its doing', () => {
    const fin = { is: 'link', what: 'fin sent', from: 'client', to: 'session/1', side: 'client', over: 'tcp' };
    expect(
      fates(
        rows(
          life('session/1'),
          packet({ s: 'one', 'p[1]': 'here' }),
          cut('expire'),
          memory({ s: undefined }),
          packet(),
          fin,
          memory({ 'p[1]': undefined }),
        ),
      ),
    ).toEqual([
      [
        { subject: 's', known: 'one', fate: 'LOST', written: 2, gone: 4 },
        { subject: 'p[1]', known: 'here', fate: 'KEPT', written: 2 },
      ],
    ]);
  });

  test('store: it belongs to the kill before it, and takes what the kill would have left', () => {
    expect(
      fates(rows(life('session/1'), packet({ s: 'one' }), cut('kill'), cut('store', 'disk'), life('session/2'))),
    ).toEqual([[{ subject: 's', known: 'one', fate: 'LOST', written: 2, gone: 3 }]]);
  });

  test('store: what the disk still held goes with the store, and the rest had gone with the process', () => {
    const entries = rows(
      life('session/1'),
      packet({ s: 'one', p: 'here' }),
      cut('kill'),
      { ...cut('store', 'disk'), facts: { s: 'one' } },
      life('session/2'),
      packet({}, { op: 'denies' }),
    );
    expect(fates(entries)).toEqual([
      [
        { subject: 's', known: 'one', fate: 'LOST', written: 2, gone: 4 },
        { subject: 'p', known: 'here', fate: 'LOST', written: 2, gone: 3 },
      ],
    ]);
    expect(ledger(entries).accounts[0]?.store).toBe(4);
    expect(notesOf(entries)[0]).toMatchObject({ word: 'LOST', gone: 4 });
  });

  test('a server that remembers nothing has nothing to lose', () => {
    expect(fates(rows(life('echo/1'), packet(), cut('kill'), life('echo/2')))).toEqual([[]]);
  });

  test('the client’s memory is not the server’s to lose', () => {
    expect(
      fates(rows(life('session/1'), packet({ s: 'mine' }, undefined, 'client'), cut('kill'), life('session/2'))),
    ).toEqual([[]]);
  });

  test('each cut has an account of its own', () => {
    const accounts = fates(
      rows(
        life('session/1'),
        packet({ s: 'one' }),
        cut('forget'),
        packet({ s: 'two' }),
        cut('kill'),
        life('session/2'),
      ),
    );
    expect(accounts).toEqual([
      [{ subject: 's', known: 'one', fate: 'LOST', written: 2, gone: 3, rebuilt: 4 }],
      [{ subject: 's', known: 'two', fate: 'LOST', written: 4, gone: 5 }],
    ]);
  });
});

describe('the notes under a packet', () => {
  const killed = [life('session/1'), packet({ s: 'one' }), cut('kill'), life('session/2')];

  test('keeps: what a message writes is told with why, and only where it was written', () => {
    expect(notesOf(rows(life('session/1'), packet({ s: 'one' }, { op: 'writes' })))).toMatchObject([
      { word: 'keeps', field: 'f', text: 'session/1: s = one: because', again: 'session/1: s = one', written: 2 },
    ]);
    // Refused: nothing was written, and nothing is told.
    expect(notesOf(rows(life('session/1'), packet({}, { op: 'writes' })))).toEqual([]);
  });

  test('needs: points at the row that wrote what is needed', () => {
    expect(notesOf(rows(life('session/1'), packet({ s: 'one' }), packet({}, { op: 'reads' })))).toEqual([
      { word: 'needs', field: 'f', cite: 'Section 1', written: 2, text: 'session/1: s, last written by #02: because' },
    ]);
  });

  test('needs: and at the one that took it', () => {
    expect(notesOf(rows(...killed, packet({}, { op: 'reads' })))).toEqual([
      {
        word: 'needs',
        field: 'f',
        cite: 'Section 1',
        written: 2,
        gone: 3,
        text: 'session/2: s, last written by #02 into session/1, gone with #03; session/2 does not have it',
      },
    ]);
  });

  test('what the very request has made is nothing that it could have been denied', () => {
    const answer = (to: string) =>
      packet({}, { op: 'denies', key: 'session[a]' }, 'session/1', { side: 'server', from: 'session/1', to });
    const asked = packet({ 'session[a]': 'one' });
    const [note] = notesOf(rows(life('session/1'), asked, answer('client')));
    expect(note).toMatchObject({
      word: 'hint',
      text: 'session/1 had nothing filed under session[a] before #02: nothing was lost here',
    });
    // What was there before and has only been changed is refused.
    const [changed] = notesOf(rows(life('session/1'), asked, packet({ 'session[a]': 'two' }), answer('client')));
    expect(changed).toMatchObject({
      text: 'session/1 has session[a], and refuses all the same: nothing was lost here',
    });
    // And so is what somebody else has made.
    const other = packet({}, undefined, 'session/1', { from: 'client@2' });
    const [another] = notesOf(rows(life('session/1'), asked, other, answer('client@2')));
    expect(another).toMatchObject({
      text: 'session/1 has session[a], and refuses all the same: nothing was lost here',
    });
  });

  test('LOST: only what was there once, and is in the ledger', () => {
    expect(notesOf(rows(...killed, packet({}, { op: 'denies' })))).toEqual([
      {
        word: 'LOST',
        field: 'f',
        cite: 'Section 1',
        written: 2,
        gone: 3,
        text: 's (one): last written by #02 into session/1, gone with #03',
      },
    ]);
  });

  test('hint: what was denied and never there is no loss', () => {
    expect(notesOf(rows(...killed, packet({}, { op: 'denies', key: 'other' })))).toMatchObject([
      { word: 'hint', text: 'session/2 never had other: nothing was lost here' },
    ]);
  });

  test('proof: a packet that carries all it needs proves something only to a life that never met the client', () => {
    expect(notesOf(rows(life('echo/1'), packet({}, { op: 'carries' })))).toMatchObject([
      { word: 'proof', text: 'because' },
    ]);
    expect(notesOf(rows(life('echo/1'), cut('kill'), life('echo/2'), packet({}, { op: 'carries' })))).toMatchObject([
      { word: 'proof', text: 'echo/2 has never met this client: because' },
    ]);
  });

  test('keeps: of a list only what differs', () => {
    const changes = [{ subject: 's', before: 'open, next 1003, 3 bytes', after: 'open, next 1007, 7 bytes' }];
    expect(
      notesOf(
        rows(life('session/1'), packet({}, undefined, 'session/1', { memory: [{ holder: 'session/1', changes }] })),
      ),
    ).toEqual([
      expect.objectContaining({ word: 'keeps', text: 'session/1: s: next 1003 → 1007, 3 → 7 bytes', written: 2 }),
    ]);
  });

  test.each([
    ['1 to 2 kept', '1 to 3 kept', '1 to 2 → 3 kept'],
    ['1 kept', '1 to 2 kept', '1 kept → 1 to 2 kept'],
    ['anonymous by name', 'anonymous may read', 'anonymous by name → may read'],
  ])('keeps: %s and then %s', (before, after, words) => {
    const changes = [{ subject: 's', before, after }];
    const [note] = notesOf(
      rows(life('chat/1'), packet({}, undefined, 'chat/1', { memory: [{ holder: 'chat/1', changes }] })),
    );
    expect(note?.text).toBe(`chat/1: s: ${words}`);
  });

  test('proof: what nobody read proves nothing', () => {
    const unread = packet({}, { op: 'carries' }, 'nobody', { read: false });
    expect(notesOf(rows(life('echo/1'), cut('kill'), unread))).toMatchObject([
      { word: 'hint', text: 'nobody reads this: the process it is meant for is dead' },
    ]);
  });

  test('hint: a packet that nobody read, and bytes that are no message', () => {
    expect(notesOf(rows(life('echo/1'), packet({}, undefined, 'echo/1', { read: false })))).toMatchObject([
      { word: 'hint', text: expect.stringMatching(/^nobody read this/) },
    ]);
    expect(
      notesOf(rows(life('echo/1'), packet({}, undefined, 'echo/1', { malformed: { why: 'too short', at: 3 } }))),
    ).toMatchObject([{ word: 'hint', text: 'no message of tcp-session: too short' }]);
  });
});

test('around a row: what everybody knew before and after it', () => {
  const { around } = ledger(rows(life('session/1'), packet({ s: 'one' }), packet({ s: 'two', t: 'x' })));
  expect(around(3)).toEqual([
    { holder: 'session/1', before: { s: 'one' }, after: { s: 'two', t: 'x' } },
    { holder: 'client', before: {}, after: {} },
  ]);
  expect(around(99)).toEqual([]);
});

test('around any row of a long run, in any order', () => {
  // As many facts at every row would fill all memory.
  const MANY = 20_000;
  const told = Array.from({ length: MANY }, (_none, index) => ({
    is: 'memory',
    holder: 'session/1',
    changes: [{ subject: `s[${index + 2}]`, after: 'x' }],
  }));
  const { around } = ledger(rows(life('session/1'), ...told));
  const known = (row: number) =>
    around(row).map(({ before, after }) => [before, after].map((f) => Object.keys(f).length));
  for (const row of [MANY + 1, 2, 100, 101])
    expect(known(row)).toEqual([
      [row - 2, row - 1],
      [0, 0],
    ]);
});

test('losses are not remembered for ever', () => {
  const book = new Book();
  const add = (row: number, what: object) => book.add({ t_ns: 0, arm: 1, row, ...(what as Row) } as Numbered);
  add(1, life('session/1'));
  let row = 1;
  for (let at = 0; at < 6000; at++) {
    add(++row, packet({ [`s${at}`]: 'x' }));
    add(++row, memory({ [`s${at}`]: undefined }));
  }
  const asked = (key: string) => add(++row, packet({}, { op: 'denies', key })).map(({ word }) => word);
  expect(asked('s0')).toEqual(['hint']);
  expect(asked('s5999')).toEqual(['LOST']);
});

test('an answer that never left needs nothing and proves nothing', () => {
  const notes = notesOf(rows(life('session/1'), packet({}, { op: 'reads' }, 'session/1', { unsent: true })));
  expect(notes).toEqual([
    { word: 'hint', text: 'this never left: the process was killed when it was about to be sent' },
  ]);
});

test('of a client that is not watched nothing is claimed', () => {
  const book = new Book({ seesClient: false });
  const [, asked] = rows(life('session/1'), packet({}, { op: 'reads', holder: 'client' }));
  expect(book.add(asked as Numbered)[0]?.text).toMatch(/^the client \(not seen from here\): s: /);
});

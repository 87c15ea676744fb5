// Servers that are not ours: tapped, killed and judged like any other, and nothing is said of a memory that nobody can see.

import { describe, expect, test } from 'vitest';
import { story as session } from '../../demos/tcp-session.ts';
import { ledger } from '../../src/capture/ledger.ts';
import { demo } from '../../src/cli/demo.ts';
import { UsageError } from '../../src/cli/errors.ts';
import { derive, litmus } from '../../src/lab/litmus.ts';
import { cutsOf, type Story } from '../../src/lab/story.ts';
import { accountLines } from '../../src/log/terminal.ts';
import { entriesOf, isBeside, play, printed, saidIn, unexplained, unsettled } from '../promises.ts';
import { fromSource } from '../source.ts';
import { card } from '../variants/beside.ts';

fromSource();

const story = {
  ...session,
  card,
  protocol: new URL('../variants/beside.ts', import.meta.url).href,
} as unknown as Story;
const subject = { story, design: 'memory' };
const LOOK = { width: 100, colour: false, ascii: false };

test('which cuts there are: nobody empties it or moves its clock', () => {
  const { memory, disk } = card.designs;
  expect(cutsOf(memory as never)).toEqual(['path', 'kill', 'swap', 'silence']);
  expect(cutsOf(disk as never)).toEqual(['path', 'kill', 'swap', 'silence', 'store']);
  expect(cutsOf({ holds: 'disk' })).toEqual(['forget', 'path', 'kill', 'swap', 'silence', 'expire', 'store']);
  expect(isBeside(subject)).toBe(true);
});

test.each([
  ['memory', 'a name', 'the process', ['recovered', 'broken', 'broken', 'recovered']],
  ['connection', 'the path', 'the process', ['broken', 'broken', 'broken', 'broken']],
  ['disk', 'a name', 'a disk', ['recovered', 'recovered', 'broken', 'recovered', 'broken']],
])('%s: what the cuts that can be made say of it', async (design, filedUnder, heldBy, verdicts) => {
  const row = await litmus({ story, design, seed: 1, origin: process.hrtime.bigint(), brief: true });
  expect(row).toMatchObject({ filedUnder, heldBy });
  expect(row.cuts.map(({ verdict }) => verdict)).toEqual(verdicts);
});

test('what the cuts do not say stays unknown', () => {
  const found = (verdicts: Record<string, string>) =>
    derive(Object.entries(verdicts).map(([cut, verdict]) => ({ cut, verdict, places: [] }) as never));
  expect(found({ path: 'untouched', kill: 'untouched', swap: 'untouched' })).toEqual({
    filedUnder: 'nothing',
    heldBy: 'nobody',
  });
  expect(found({ path: 'recovered', kill: 'recovered', swap: 'recovered' }).heldBy).toBe('the client');
  expect(found({ path: 'untouched', kill: 'recovered', swap: 'recovered', store: 'broken' })).toEqual({
    filedUnder: 'a name',
    heldBy: 'a shared store',
  });
  expect(found({ path: 'untouched', kill: 'unknown', swap: 'untouched' })).toEqual({
    filedUnder: 'unknown',
    heldBy: 'unknown',
  });
  // A forget that was tried and told nothing is not made up for by another cut; what a kill takes the process held.
  expect(found({ forget: 'unknown', path: 'untouched', kill: 'broken', swap: 'broken' })).toEqual({
    filedUnder: 'unknown',
    heldBy: 'the process',
  });
});

describe('the log of a kill', () => {
  test('says once that nobody can look into it, shows every packet, and claims nothing of its memory', async () => {
    const severed = await play(subject, { is: 'kill', at: { after: 2 } });
    const entries = entriesOf(subject, severed);
    expect(unexplained(card, saidIn(card, severed.traces))).toEqual([]);
    expect(entries.filter((entry) => entry.is === 'memory' && entry.holder !== 'client')).toEqual([]);
    const log = printed(entries).join('\n').replace(/\s+/g, ' ');
    expect(log).toContain('listens on port 54321, as it comes: nobody can look into its memory');
    expect(log).toContain('gone with its memory: nobody can look into it');
    const { notes, accounts } = ledger(entries);
    const told = [...notes.values()].flat().filter(({ holder }) => holder !== 'client');
    expect(told.filter(({ word }) => word === 'keeps' || word === 'LOST')).toEqual([]);
    expect(told.map(({ text }) => text).join('\n')).not.toMatch(/never had|never met|nothing was lost/);
    const [account] = accounts;
    if (!account) throw new Error('a kill has an account');
    const words = accountLines(account, LOOK)
      .flat()
      .map(({ text }) => text);
    expect(words.join('')).toContain('unknown: nobody can look into session/1');
    const cut = entries.find((entry) => entry.is === 'cut');
    const around = ledger(entries).around(cut && 'row' in cut ? cut.row : 0);
    expect(around).toMatchObject([{ holder: 'session/1', unseen: true }, { holder: 'client' }]);
  });

  test('spoiled packets leave it alive', async () => {
    const control = await play(subject);
    expect(await unsettled(subject, saidIn(card, control.traces).slice(0, 2))).toEqual([]);
  });
});

test.each([
  [{ cut: 'forget' }, 'nobody can reach into it and empty its memory'],
  [{ cut: 'expire' }, 'nobody can reach into it and move its clock'],
  [{ cut: 'kill', at: 'write 2' }, 'nobody can see when it writes'],
])('demo %o is a mistake, told in plain words', async (asked, says) => {
  const telling = session.designs.disk;
  if (!telling) throw new Error('there is no tcp-session/disk');
  const fault = await demo({ story, design: 'disk', telling }, { ...asked, seed: 1, log: 'line', bytes: 'none' }).catch(
    (error: unknown) => error,
  );
  expect(fault).toBeInstanceOf(UsageError);
  expect((fault as Error).message).toContain(says);
  expect((fault as Error).message).toContain('. Type: amnesia demo tcp-session/disk --cut kill');
});

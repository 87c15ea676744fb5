// What every protocol promises (design, section 8), as tests. Whoever is in the syllabus is held to it: nothing here names a protocol.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SYLLABUS } from '../demos/index.ts';
import type { Arm } from '../src/lab/arm.ts';
import { judge, litmus, type MatrixRow } from '../src/lab/litmus.ts';
import { missingStore } from '../src/lab/store.ts';
import { cutsOf, type Telling } from '../src/lab/story.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import {
  entriesOf,
  isBeside,
  play,
  printed,
  type Subject,
  saidIn,
  settingsAlone,
  torn,
  unexplained,
  unforgotten,
  unlawful,
  unruly,
  unsettled,
  withoutChance,
} from './promises.ts';

/** A litmus plays a story some forty times; a machine that is busy takes its time. In milliseconds. */
export const LITMUS = 300_000;

export const folderOf = (protocol: string) => fileURLToPath(new URL(`../src/protocols/${protocol}`, import.meta.url));

/**
 * Holds a protocol to its promises. `part`: one of two halves of its designs, where all of them would make one file that all others
 * wait for in the end.
 */
export async function keepsItsPromises(protocol: string, part?: 'first half' | 'second half'): Promise<void> {
  const story = await SYLLABUS.find((lesson) => lesson.protocol === protocol)?.load();
  if (!story) throw new Error(`there is no lesson of ${protocol}`);
  const all = Object.keys(story.card.designs);
  const half = Math.ceil(all.length / 2);
  const designs = part === undefined ? all : part === 'first half' ? all.slice(0, half) : all.slice(half);
  describe(protocol, () => {
    /** Made and removed only where anything of this file is run. */
    let folder: ReturnType<typeof temporaryFolder>;
    beforeAll(() => {
      folder = temporaryFolder();
    });
    afterAll(() => folder.remove());

    test('its source has five files, its rules perhaps a folder, and in them is no hidden memory, clock, dice, log or hook', () => {
      expect(unlawful(folderOf(protocol))).toEqual([]);
    });

    // With AMNESIA_REQUIRE_PEERS=1 what is missing is a failure (test/peers.ts).
    const possible = (design: string) =>
      process.env.AMNESIA_REQUIRE_PEERS === '1' || missingStore(story.card, design) === undefined;
    const [can, cannot] = [true, false].map((is) => designs.filter((design) => possible(design) === is));
    test.skip.each(cannot ?? [])('%s: redis-server is not installed here, and is needed as its store', () => {});

    describe.each(can ?? [])('%s', (design) => {
      const subject: Subject = { story, design };
      const { card } = story;
      const telling = story.designs[design];
      let rules: (typeof card.designs)[string]['rules'] | undefined;
      let control: Arm;

      beforeAll(async () => {
        const configured = (await card.configure?.(settingsAlone(card, design, 1), folder.path)) ?? card;
        rules = configured.designs[design]?.rules;
        control = await play(subject);
      });

      test('the workload is answered, step by step', () => {
        expect(control.steps.filter((step) => step.failed)).toEqual([]);
        expect(control.steps.map(({ name }) => name)).toEqual(story.steps.map(({ name }) => name));
      });

      test('fields explain every bit of every message once, and what is read writes back the same bytes', () => {
        expect(unexplained(card, saidIn(card, control.traces))).toEqual([]);
      });

      test('the same stream fed one byte at a time gives the same messages', () => {
        expect(torn(card, saidIn(card, control.traces))).toEqual([]);
      });

      // Who has no rules of ours cannot be held to them.
      const ours = isBeside(subject) ? () => {} : test;

      ours('a server that has met nobody knows nothing', () => {
        expect(rules?.facts(rules.empty())).toEqual({});
        expect(rules?.empty()).not.toBe(rules?.empty());
      });

      ours('what the server says is what its rules say', async () => {
        expect(await unruly(subject, control.traces)).toEqual([]);
      });

      ours('a forget forgets everything: the same process then answers like one that never met anybody', async () => {
        expect(await unforgotten(subject)).toEqual([]);
      });

      ours(
        'spoiled packets end their own conversation, and a valid workload is answered by the same process',
        async () => {
          expect(await unsettled(subject, saidIn(card, control.traces))).toEqual([]);
        },
      );

      // Who reads the clock on the wall, and rolls dice that nobody fixes, tells the same story otherwise each time.
      ours('the same seed prints the same log', async () => {
        const again = await play(subject);
        for (const level of ['line', 'default', 'full'] as const) {
          expect(printed(entriesOf(subject, again), { level })).toEqual(
            printed(entriesOf(subject, control), { level }),
          );
        }
      });

      ours('another seed differs only where a field is marked as rolled by dice', async () => {
        const other = await play({ ...subject, seed: 2 });
        const log = (arm: Arm) =>
          printed(withoutChance(entriesOf(subject, arm, true)), { level: 'full', bytes: 'all' });
        expect(log(other)).toEqual(log(control));
        const full = (arm: Arm) => printed(entriesOf(subject, arm, true), { level: 'full', bytes: 'all' });
        const dice = entriesOf(subject, control).some(
          (entry) =>
            // The system rolls ports, whatever the seed.
            entry.is === 'packet' && entry.fields.some((field) => field.chance && field.id !== 'port'),
        );
        // Dice that fall alike for all seeds would be no dice.
        expect(isSame(full(other), full(control))).toBe(!dice);
      });

      test('the cut that the story is about does what its author claims, and prints the same log twice', async () => {
        const cut = telling?.cut;
        const severed = await play(subject, cut);
        expect(judge(card, control, severed)).toMatchObject({ verdict: telling?.verdict });
        if (isBeside(subject)) return;
        const again = await play(subject, cut);
        expect(printed(entriesOf(subject, again))).toEqual(printed(entriesOf(subject, severed)));
      });

      test('every cut at its worst place does what its author claims', { timeout: LITMUS }, async () => {
        const row = await litmus({ story, design, seed: 1, origin: process.hrtime.bigint() });
        const verdicts = Object.fromEntries(row.cuts.map(({ cut, verdict }) => [cut, verdict]));
        const held = card.designs[design];
        const possible = held ? cutsOf(held) : [];
        if (isBeside(subject)) {
          // Where it depends on the moment, nobody can claim anything; but something is claimed, and it holds.
          expect(Object.keys(telling?.claims ?? {}).length).toBeGreaterThan(1);
          return expect(verdicts, reasons(row, telling?.claims)).toMatchObject(telling?.claims ?? {});
        }
        // A claim for each: an author who claims nothing could never be wrong.
        expect(Object.keys(telling?.claims ?? {}).sort()).toEqual([...possible].sort());
        expect(verdicts, reasons(row, telling?.claims)).toEqual(telling?.claims);
        expect(row.filedUnder).not.toBe('unknown');
        expect(row.heldBy).not.toBe('unknown');
      });
    });
  });
}

/** What was found at each place of the cuts that did something else than was claimed. */
function reasons({ cuts }: MatrixRow, claims: Telling['claims'] = {}): string {
  return cuts
    .filter(({ cut, verdict }) => claims[cut] !== undefined && verdict !== claims[cut])
    .flatMap(({ cut, places }) =>
      places.map(({ place, judgement: { verdict, because } }) => `${cut} ${place}: ${verdict}, ${because}`),
    )
    .join('\n');
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.join('\n') === other.join('\n');
}

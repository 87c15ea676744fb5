// An exercise: a server to be extended, and what the wire must show before it counts as done. It is judged by records alone, never by
// the server's source or by what it prints, so it may be written in any language.

import type { Entry } from '../capture/records.ts';
import type { AnyCard } from '../protocols/index.ts';
import type { Client, ClientOptions } from '../protocols/shapes.ts';
import type { StepResult } from './arm.ts';
import { type CutResult, derive, type Judgement, type MatrixRow } from './litmus.ts';
import type { Cut, Step } from './story.ts';

/** The order in which checks are made: only the first that fails is told. */
export const STAGES = ['reachable', 'framed', 'right', 'survives'] as const;
export type Stage = (typeof STAGES)[number];

/** What every exercise says of itself. Its folder in `demos/exercises/` has the same name as its id, and its title stands in the course. */
interface About<C extends Client> {
  id: string;
  /** The specification that it leans on. */
  cites: string;
  /** Whose wire reads what the server says, and whose client speaks to it unless `connect` is given. */
  card: AnyCard;
  /** The design whose client it is, where the client makes the designs differ. */
  design?: string;
  /** A client of the exercise's own: such as one that says what no good client would. */
  connect?(options: ClientOptions): Promise<C>;
  /** In the server's environment beside PORT, HOST and STATE_DIR, the same for every life and every instance: such as a secret. */
  env?: Readonly<Record<string, string>>;
  /** The workload. An answer is what came, in words; nothing rolled by dice may be in it, and whether it is right the checks say. */
  steps: readonly Step<C>[];
  /** From a nudge to nearly the answer. */
  hints: readonly [string, string, string];
}

/**
 * A server to be changed. `feature`: it cannot do something yet. `nature`: it can, and what its state is filed under, or who holds it,
 * must change.
 */
export interface Build<C extends Client = Client> extends About<C> {
  kind: 'feature' | 'nature';
  /** By name. The control arm (`control`) and, on a stream, the one in which every byte arrives alone (`bytewise`) are always played. */
  arms: Readonly<Record<string, Cut>>;
  /** In the order in which to make them within their stage. The frame's own come before them (src/lab/checker.ts). */
  checks: readonly Check[];
  /** Servers in the folder `wrong`, by the check that must catch each. */
  wrong: Readonly<Record<string, string>>;
}

/** A server to be broken: it looks right, and the cut and the place are to be found that show it is not. The folder `wrong` is not there: the server that is given is the wrong one. */
export interface Adversary<C extends Client = Client> extends About<C> {
  kind: 'adversary';
  /** Cuts that may be tried, after each step but the last. */
  cuts: readonly Cut['is'][];
  /** Those that break it. Most places must not be among them. */
  breaks: readonly { cut: Cut['is']; after: number }[];
  /** What is wrong with it, told when it has been found. */
  because: string;
}

export type Exercise = Build | Adversary;

/** A line that the learner's server printed. */
export interface Printed {
  stream: 'stdout' | 'stderr';
  line: string;
}

/** One arm as the checks see it. */
export interface Run {
  /** `control`, `bytewise`, or the name of a severed arm. */
  name: string;
  entries: readonly Entry[];
  steps: readonly StepResult[];
  /** Bytes that the client has heard, be they whole messages or not. */
  heard: number;
  /** Why the server ended by itself, if it did. */
  died?: string;
  /** What the cut did, in a severed arm. */
  judgement?: Judgement;
  /** The control arm, in any other. */
  control?: Run;
  /** What the server printed, the last lines of it. */
  printed: readonly Printed[];
  /** All arms that have been played so far. */
  all: ReadonlyMap<string, Run>;
}

/** What is wrong. */
export interface Finding {
  /** The row of the message that was wrong. Without one, the story is told to its end. */
  row?: number | undefined;
  /** The byte of that message, counted from 0, and how many are wrong from there on: one unless given. */
  at?: number | undefined;
  count?: number | undefined;
  expected: string;
  found: string;
  /** Nothing was shown either way: it did not fail, and did not pass. */
  unknown?: true;
}

/** A sentence about a right server, and how to see whether it is true. */
export interface Check {
  /** Short and stable: what a wrong server is caught by. */
  id: string;
  stage: Stage;
  sentence: string;
  /** The clause that demands it. */
  cite: string;
  /** Which arm it looks at: the control arm unless given. `all` looks at the control arm when all have been played. */
  arm?: string;
  /** What is wrong, or undefined when nothing is. A message that never came is for it to notice as well. */
  look(run: Run): Finding | undefined;
  /** One question that leads on. */
  ask: string;
  /** A hint for whoever fails this check. */
  hint: string;
}

/** A message in the records. */
export type Packet = Entry & { is: 'packet' };

/** The messages of one end, in order. */
export function said(run: Run, side: 'client' | 'server'): Packet[] {
  return run.entries.filter((entry): entry is Packet => entry.is === 'packet' && entry.side === side);
}

/** The value of a message's field as its wire names it; undefined when it has none. */
export function field(packet: Packet, id: string): string | number | undefined {
  return packet.fields.find((each) => each.id === id)?.value;
}

/** The entries that belong to a step (counted from 1), from its beginning to its answer. */
export function during(run: Run, step: number): readonly Entry[] {
  const { entries } = run;
  const from = entries.findIndex((entry) => entry.is === 'step' && entry.step === step && !entry.aside);
  if (from === -1) return [];
  const to = entries.findIndex((entry, index) => index > from && entry.is === 'answer' && entry.step === step);
  return entries.slice(from, to === -1 ? entries.length : to + 1);
}

/** The last message that the server said in a step. */
export function lastAnswer(run: Run, step: number): Packet | undefined {
  return during(run, step).findLast((entry): entry is Packet => entry.is === 'packet' && entry.side === 'server');
}

/**
 * Looks whether a step (counted from 1) is answered as it must be. `why`: what was expected, in words. The bytes that are marked are
 * those of the first of the fields `at` that the message has.
 */
export function answers(step: number, right: string, why: string, ...at: string[]): Check['look'] {
  return (run) => {
    const result = run.steps[step - 1];
    // A step that was never reached is somebody else's to tell of: an earlier one has failed.
    if (!result || result.answer === right) return undefined;
    const packet = lastAnswer(run, step);
    const place = packet?.fields.find(({ id }) => at.includes(id));
    return {
      row: packet?.row,
      ...(place ? { at: place.start, count: place.end - place.start } : {}),
      expected: why,
      found: `“${result.name}” was answered: ${result.answer}`,
    };
  };
}

/** Looks whether a severed arm came to the same answers as the control arm: untouched or recovered. */
export function survived(run: Run): Finding | undefined {
  const { judgement, control } = run;
  if (!judgement || !control) throw new Error(`the arm ${run.name} has no cut: it cannot have survived one`);
  if (judgement.verdict === 'untouched' || judgement.verdict === 'recovered') return undefined;
  const step = firstDifference(control, run);
  const rows = step === undefined ? [] : during(run, step).filter((entry) => 'row' in entry);
  const told = step === undefined ? undefined : lastAnswer(run, step);
  const last = rows.at(-1);
  const part = told && step !== undefined ? parting(lastAnswer(control, step), told) : undefined;
  return {
    row: told?.row ?? (last && 'row' in last ? last.row : undefined),
    ...(part ? { at: part.start, count: part.end - part.start } : {}),
    expected:
      step === undefined ? 'the same answers as without the cut' : `“${control.steps[step - 1]?.answer}”, as ever`,
    found: judgement.because,
    ...(judgement.verdict === 'unknown' ? { unknown: true as const } : {}),
  };
}

/** Fields that say how long a message is, or when it was said: they differ for no reason of their own. */
const INCIDENTAL = new Set(['date', 'content-length', 'chunk.size', 'length']);

/** The first field in which a message differs from the one that the control arm had in its place, dice apart. */
function parting(control: Packet | undefined, { fields }: Packet): Packet['fields'][number] | undefined {
  if (!control) return undefined;
  return fields.find(({ id, show, chance, secret }) => {
    const other = control.fields.find((each) => each.id === id);
    return !chance && !secret && !INCIDENTAL.has(id) && other?.show !== show;
  });
}

/** The first step (counted from 1) that two arms do not answer alike; undefined when there is none. */
export function firstDifference(one: Run, other: Run): number | undefined {
  for (let index = 0; index < Math.max(one.steps.length, other.steps.length); index++) {
    const [a, b] = [one.steps[index], other.steps[index]];
    if (!a || !b || a.failed !== b.failed || a.answer !== b.answer) return index + 1;
  }
  return undefined;
}

/** What the cuts say that its state is filed under, and who holds it: the litmus' own derivation, over the arms of an exercise. */
export function natureOf(arms: Build['arms'], run: Run): Pick<MatrixRow, 'filedUnder' | 'heldBy'> {
  const results = Object.entries(arms).flatMap(([name, cut]): CutResult[] => {
    const judgement = run.all.get(name)?.judgement;
    return judgement ? [{ cut: cut.is, verdict: judgement.verdict, places: [] }] : [];
  });
  return derive(results);
}

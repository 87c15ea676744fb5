// The litmus for a server that is not ours: its workload twice uncut, since what differs then no cut has done, and then with one cut at each
// place. What follows is said as far as it follows, and no farther.

import type { Client } from '../../protocols/shapes.ts';
import { printable } from '../../wire/printable.ts';
import { type Arm, playArm } from '../arm.ts';
import type { Foreign } from '../foreign.ts';
import { type CutResult, derive, type Judgement, judge, type MatrixRow, worst } from '../litmus.ts';
import { type Cut, type CutKind, placeInWords, type Story } from '../story.ts';
import type { ExpectingStep } from './http-steps.ts';
import { differing } from './selecting.ts';

export interface ExecOptions {
  /** The card of a server that is not ours, and the steps of the workload. */
  story: Pick<Story, 'card' | 'protocol'> & { steps: readonly ExpectingStep<Client>[] };
  design: string;
  foreign: Foreign;
  cuts: readonly CutKind[];
  /** How long a step may take, in milliseconds. */
  patience?: number;
  seed: number;
  origin: bigint;
  /** What was compared of each step's answer in the last run, in full, where the answers in words are short. */
  compared?: () => readonly string[];
  /** Called before each run with how many are done, of how many. */
  progress?: (done: number, of: number) => void;
}

/** A cut at the place where it did the worst, to be looked at. */
export interface Worst {
  cut: Cut;
  arm: Arm;
  judgement: Judgement;
}

export interface ExecResult {
  row: MatrixRow;
  control: Arm;
  worst: Worst[];
  /** Why nothing was cut: two runs without a cut do not say the same, or not what their author expects. */
  unsteady?: string[];
}

/** Plays it all. Rejects with what went wrong when the server cannot even be started and asked. */
export async function execLitmus(options: ExecOptions): Promise<ExecResult> {
  const { story, design, foreign, cuts, patience, seed, origin, compared, progress } = options;
  const { card, steps } = story;
  const told: Story = { card, protocol: story.protocol, about: '', steps, designs: {} };
  const places = Array.from({ length: steps.length - 1 }, (_none, index) => index + 1);
  const total = 2 + cuts.length * places.length;
  let done = 0;
  const play = (cut?: Cut): Promise<Arm> => {
    progress?.(done++, total);
    return playArm({
      story: told,
      design,
      seed,
      origin,
      foreign,
      ...(patience === undefined ? {} : { patience }),
      ...(cut ? { cut } : {}),
    });
  };

  const first = await play();
  if (first.fault) throw first.fault;
  const before = [...(compared?.() ?? [])];
  const control = await play();
  if (control.fault) throw control.fault;
  const unsteady = differences(options, first, control, before, compared?.() ?? []);
  const row = (results: CutResult[]): MatrixRow => ({
    protocol: card.name,
    design,
    cuts: results,
    ...derive(results),
  });
  if (unsteady.length > 0) {
    const none = cuts.map((cut): CutResult => ({ cut, verdict: 'unknown', places: [] }));
    return { row: row(none), control, worst: [], unsteady };
  }

  const results: CutResult[] = [];
  const found: Worst[] = [];
  for (const is of cuts) {
    const judged: CutResult['places'] = [];
    // Only the worst is to be looked at, and each run holds all that was said.
    let at: Worst | undefined;
    for (const after of places) {
      const cut: Cut = { is, at: { after } };
      const arm = await play(cut);
      const judgement = judge(card, control, arm);
      judged.push({ place: placeInWords(cut.at), judgement });
      if (!at || worst([at.judgement.verdict, judgement.verdict]) !== at.judgement.verdict)
        at = { cut, arm, judgement };
    }
    results.push({ cut: is, verdict: worst(judged.map(({ judgement }) => judgement.verdict)), places: judged });
    if (at) found.push(at);
  }
  return { row: row(results), control, worst: found };
}

/** Why two runs without a cut are nothing to compare a third one with: a sentence each. */
function differences(
  { story: { card, steps } }: ExecOptions,
  first: Arm,
  second: Arm,
  before: readonly string[],
  after: readonly string[],
): string[] {
  const found = steps.flatMap(({ name, expect }, index): string[] => {
    const [one, other] = [first.steps[index], second.steps[index]];
    const which = `step ${index + 1}, “${printable(name, 80)}”,`;
    if (one?.failed || other?.failed)
      return [`${which} fails where nothing was cut: ${(one?.failed ? one : other)?.answer}`];
    if (!one || !other) return [];
    if (expect !== undefined && !one.answer.includes(expect))
      return [`${which} is expected to be answered with “${printable(expect, 80)}”, and is answered “${one.answer}”`];
    if (one.answer === other.answer) return [];
    const where = differing(bodyIn(before[index]), bodyIn(after[index]));
    const advice = where?.length
      ? `. Leave out what is rolled or told by a clock: ${where
          .slice(0, SHOWN)
          .map((pointer) => `--leave-out "json ${printable(pointer, 80)}"`)
          .join(' ')}`
      : card.name === 'http'
        ? '. Leave out what is rolled or told by a clock, such as: --leave-out "pattern [0-9:]{8}"'
        : '. Whatever is rolled or told by a clock must not be in an answer';
    return [
      `${which} is unsteady: without any cut it was answered “${one.answer}” and then “${other.answer}”${advice}`,
    ];
  });
  if (found.length > 0) return found;
  const { verdict, because, more, less } = judge(card, first, second);
  if (verdict === 'untouched') return [];
  const done = [...less.map((each) => `${each} (first)`), ...more.map((each) => `${each} (then)`)];
  return [
    `two runs without a cut are not the same: ${done.length > 0 ? `${done.slice(0, SHOWN).join(', ')}` : because}`,
  ];
}

/** Differences that are named. */
const SHOWN = 5;

/** The body of what was compared, where status and body were. */
function bodyIn(compared = ''): string {
  return compared.slice(compared.indexOf('\n') + 1);
}

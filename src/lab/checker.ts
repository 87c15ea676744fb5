// The checker of exercises: plays a server that somebody else wrote, arm by arm, and finds the first thing that is wrong with it.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { record } from '../capture/records.ts';
import { type Arm, playArm } from './arm.ts';
import {
  type Adversary,
  type Build,
  type Check,
  type Exercise,
  type Finding,
  type Printed,
  type Run,
  STAGES,
} from './exercise.ts';
import { type Foreign, foreignCard } from './foreign.ts';
import { frameOf } from './frame.ts';
import { type Judgement, judge } from './litmus.ts';
import { LifeError } from './lives.ts';
import { type Cut, placeInWords, type Story } from './story.ts';

/** How long one step may take, in milliseconds: short, since a server that is being written often does not answer. */
const PATIENCE = 2_500;
/** The same where every byte is kept apart from the next. */
const SLOWLY = 5_000;
/** How long a server may take to listen, in milliseconds: it has little to load, and its machine may be busy. */
const START = 5_000;

/** Lines of the learner's own output that are kept: the last ones say what went wrong. */
const LINES = 12;

export interface CheckOptions {
  seed: number;
  /** The server, and where it is started. */
  command: readonly string[];
  cwd: string;
  /** Told what is being played. */
  progress?: (doing: string) => void;
}

/** What came of it. `unknown` is never a pass. */
export interface Report {
  verdict: 'passed' | 'failed' | 'unknown';
  /** What was seen to be true, in order. */
  held: readonly Check[];
  /** The first thing that was not, and the arm that shows it. */
  failure?: { check: Check; finding: Finding; run: Run };
  /** Files that were written where it is started: what lies outside of STATE_DIR is still there in the arm after. */
  beside: readonly string[];
}

/** All checks of an exercise in the order in which they are made: stage by stage, the frame's own around those of its author. */
export function checksOf(exercise: Build): Check[] {
  const frame = frameOf(exercise.card);
  return STAGES.flatMap((stage) => [
    ...frame.before.filter((check) => check.stage === stage),
    ...exercise.checks.filter((check) => check.stage === stage),
    ...frame.after.filter((check) => check.stage === stage),
  ]);
}

/** Checks a server. Rejects only when the fault is ours. */
export async function checkServer(exercise: Build, options: CheckOptions): Promise<Report> {
  const arms = playing(exercise, exercise.arms, options);
  const held: Check[] = [];
  const since = Date.now();
  // The server itself may be saved while it is checked.
  const beside = () =>
    writtenIn(options.cwd, since).filter((name) => !options.command.some((word) => word.endsWith(name)));
  for (const check of checksOf(exercise)) {
    if (check.arm === 'all') for (const name of Object.keys(exercise.arms)) await arms.play(name);
    const run = await arms.play(check.arm === undefined || check.arm === 'all' ? 'control' : check.arm);
    const finding = lookAt(check, run);
    if (finding) {
      const verdict = finding.unknown ? 'unknown' : 'failed';
      return { verdict, held, failure: { check, finding, run }, beside: beside() };
    }
    held.push(check);
  }
  return { verdict: 'passed', held, beside: beside() };
}

/** The files of a folder that were written since then, but for hidden ones. */
function writtenIn(folder: string, since: number): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((each) => each.isFile() && !each.name.startsWith('.'))
    .map(({ name }) => name)
    .filter((name) => (statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0) >= since)
    .sort();
}

/** What a cut at a place did to the server of an adversary. */
export interface Attempt {
  cut: Cut;
  judgement: Judgement;
  run: Run;
}

/** Tries cuts on the server of an adversary, each in an arm of its own. */
export async function tryCuts(
  exercise: Adversary,
  cuts: readonly Cut[],
  options: CheckOptions,
): Promise<readonly Attempt[]> {
  const named = new Map(cuts.map((cut) => [`${cut.is} after ${placeInWords(cut.at)}`, cut]));
  const arms = playing(exercise, Object.fromEntries(named), options);
  const attempts: Attempt[] = [];
  for (const [name, cut] of named) {
    const run = await arms.play(name);
    if (!run.judgement) throw new Error(`the arm ${name} was played, and not judged`);
    attempts.push({ cut, judgement: run.judgement, run });
  }
  return attempts;
}

/** A server that ended by itself fails whatever was to be seen in that arm. */
function lookAt(check: Check, run: Run): Finding | undefined {
  const dead = check.arm === 'all' ? [...run.all.values()].find((each) => each.died !== undefined) : run;
  if (dead?.died === undefined || check.stage === 'reachable') return check.look(run);
  return { expected: 'a server that goes on', found: dead.died };
}

/** The arms of one server, each played when it is asked for, and once. */
function playing(exercise: Exercise, cuts: Readonly<Record<string, Cut>>, options: CheckOptions) {
  const { seed, command, cwd, progress } = options;
  const design = exercise.design ?? 'yours';
  const story = storyOf(exercise, design);
  const origin = process.hrtime.bigint();
  const played = new Map<string, { run: Run; arm: Arm }>();
  const all = new Map<string, Run>();

  async function armOf(name: string): Promise<{ run: Run; arm: Arm }> {
    const known = played.get(name);
    if (known) return known;
    const cut = Object.hasOwn(cuts, name) ? cuts[name] : undefined;
    if (!cut && name !== 'control' && name !== 'bytewise') throw new Error(`${exercise.id} has no arm ${name}`);
    const control = name === 'control' ? undefined : await armOf('control');
    progress?.(name);
    const printed: Printed[] = [];
    const foreign: Foreign = {
      command,
      cwd,
      ...(exercise.env ? { env: exercise.env } : {}),
      patience: START,
      printed(_who, stream, line) {
        printed.push({ stream, line });
        if (printed.length > LINES) printed.shift();
      },
    };
    const arm = await playArm({
      story: name === 'bytewise' ? { ...story, steps: story.steps.slice(0, answered(control?.run)) } : story,
      design,
      seed,
      origin,
      foreign,
      ...(name === 'bytewise' ? { bytewise: true, patience: SLOWLY } : { patience: PATIENCE }),
      ...(cut ? { cut } : {}),
    });
    const { fault } = arm;
    // What is not the server's doing is no finding.
    if (fault && !(fault instanceof LifeError && !fault.ours)) throw fault;
    const run: Run = {
      name,
      entries: record(arm.traces, { card: exercise.card }),
      steps: arm.steps,
      heard: heard(arm),
      printed,
      all,
      ...(fault ? { died: withoutMoment(fault.message) } : {}),
      ...(control ? { control: control.run } : {}),
      ...(control && cut ? { judgement: judge(exercise.card, control.arm, arm) } : {}),
    };
    all.set(name, run);
    played.set(name, { run, arm });
    return { run, arm };
  }

  return { play: async (name: string) => (await armOf(name)).run };
}

/** What is said of an end, without the port of this run, the path of this machine's Node, and what is shown beside it. */
function withoutMoment(text: string): string {
  const own = text.replace(/; it printed last: .*?(?=\. A server that is to come back|$)/s, '');
  return own
    .replace(/, but on port \d+( and \d+)*:/, ', but on another port:')
    .replace(/ port \d+/g, ' PORT')
    .replaceAll(process.execPath, 'node');
}

/** How many steps were answered before one was not: what the control arm did not answer would only be waited for once more. */
function answered(control: Run | undefined): number {
  const failed = control?.steps.findIndex((step) => step.failed) ?? -1;
  return failed === -1 ? (control?.steps.length ?? 0) : failed;
}

function heard({ traces }: Arm): number {
  return traces.reduce(
    (sum, trace) =>
      trace.is === 'bytes' && trace.who === 'client' && trace.way === 'read'
        ? sum + (trace.length ?? Buffer.byteLength(trace.base64, 'base64'))
        : sum,
    0,
  );
}

/** The workload as the lab plays it, against a server that is not ours. */
function storyOf({ card, connect, id, steps }: Exercise, design: string): Story {
  const theirs = { ...foreignCard(card, design), calls: 'server', ...(connect ? { connect } : {}) };
  return { card: theirs, protocol: card.name, about: id, steps, designs: {} };
}

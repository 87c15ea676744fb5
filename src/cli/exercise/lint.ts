// What an exercise still lacks: the course is checked as its learners are, by playing every server that belongs to it.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyPatch } from 'diff';
import { COURSE, type Entry } from '../../../demos/exercises/index.ts';
import { type CheckOptions, checkServer, checksOf, type Report, tryCuts } from '../../lab/checker.ts';
import type { Adversary, Build, Exercise } from '../../lab/exercise.ts';
import { letterOf, playReading, type Reading } from '../../lab/reading.ts';
import type { Cut } from '../../lab/story.ts';
import { temporaryFolder } from '../../lab/tidy.ts';
import { COMMANDS } from '../commands.ts';
import { EXIT } from '../errors.ts';
import { ACTIONS } from '../exercise.ts';

/** What marks a gap in a skeleton. */
export const GAP = 'FILL IN';

/** A solution must pass with each of these. */
const SEEDS = [1, 2];

/** The parts of problem.md: written like a small RFC, the same for every exercise. */
const HEADINGS = ['What is said', 'What is remembered', 'What must survive', 'Your turn'];

/** A text that is shorter says nothing, in characters. */
const SHORT = 20;

export interface LintOptions {
  /** The folder of the course. */
  course: string;
  /** Types `amnesia` and these words in a folder, where no run of the author's is touched. */
  types: (words: readonly string[], cwd: string) => Promise<{ code: number | null; err: string }>;
  /** What each wrong server's learner would be told. */
  told?: (server: string, report: Report) => void;
  progress?: (doing: string) => void;
}

/** Everything that an exercise lacks, in sentences; nothing when it is finished. */
export async function gapsOf(entry: Entry, exercise: Exercise | Reading, options: LintOptions): Promise<string[]> {
  const own = join(options.course, entry.id);
  const gaps = textGaps(entry, exercise, own);
  // What is not there cannot be played.
  if (gaps.length > 0) return gaps;
  return [...(await runGaps(exercise, own, options)), ...(await playGaps(exercise, own, options))];
}

function playGaps(exercise: Exercise | Reading, own: string, options: LintOptions): Promise<string[]> {
  if (exercise.kind === 'read') return blankGaps(exercise, options);
  return exercise.kind === 'adversary' ? placeGaps(exercise, own, options) : serverGaps(exercise, own, options);
}

/** Folders that are not in the course, and entries that have none. */
export function registryGaps(course: string): string[] {
  const folders = readdirSync(course, { withFileTypes: true }).flatMap((each) =>
    each.isDirectory() ? [each.name] : [],
  );
  const ids = COURSE.map(({ id }) => id);
  return [
    ...folders
      .filter((name) => !ids.includes(name))
      .map((name) => `${name}: its folder is there, and no entry of the course`),
    ...ids.filter((id) => !folders.includes(id)).map((id) => `${id}: it is in the course, and its folder is not there`),
    ...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id}: it is in the course twice`),
  ];
}

/** The commands that a text tells its reader to type, in its lines or on a line of their own, without `amnesia`. */
export function commandsIn(text: string): string[] {
  const found = text.matchAll(/`(?:npm run )?amnesia(?: --)? ([^`]+)`|^ {4}(?:npm run )?amnesia(?: --)? (.+)$/gm);
  return [...found].map(([, within, alone]) => (within ?? alone ?? '').replace(/\s+/g, ' '));
}

/** What is wrong with how it is written. */
function textGaps({ id, title, teaches }: Entry, exercise: Exercise | Reading, own: string): string[] {
  const files = ['problem.md', ...serversOf(exercise)];
  const there = files.filter((name) => existsSync(join(own, name)));
  const texts = textsOf(exercise);
  return [
    ...(exercise.id === id ? [] : [`its folder and its entry are called ${id}, and it calls itself ${exercise.id}`]),
    ...(title === '' || teaches === '' ? ['its title or what it teaches is empty'] : []),
    ...files.filter((name) => !there.includes(name)).map((name) => `${name} is not there`),
    ...(exercise.kind === 'feature' || exercise.kind === 'nature' ? formGaps(exercise, own) : []),
    ...texts.filter(([, text]) => text.trim().length < SHORT).map(([what]) => `${what} says next to nothing`),
    ...texts.filter(([, text]) => text.includes(GAP)).map(([what]) => `${what} is still to be written`),
    ...texts.flatMap(([what, text]) => commandGaps(what, text)),
    ...there.flatMap((name) => fileGaps(name, readFileSync(join(own, name), 'utf8'))),
  ];
}

/** The servers that belong to an exercise. A wrong one is the difference to the solution: the mistake, and nothing else. */
function serversOf(exercise: Exercise | Reading): string[] {
  if (exercise.kind === 'read') return [];
  if (exercise.kind === 'adversary') return ['starter.mjs'];
  return ['starter.mjs', 'solution.mjs', ...Object.keys(exercise.wrong).map((name) => `wrong/${name}.diff`)];
}

/** A text that learners read, and where it stands. */
type Text = [what: string, text: string];

function textsOf(exercise: Exercise | Reading): Text[] {
  return [...exercise.hints.map((hint, index): Text => [`hint ${index + 1}`, hint]), ...textsByKind(exercise)];
}

function textsByKind(exercise: Exercise | Reading): Text[] {
  if (exercise.kind === 'adversary') return [['because', exercise.because]];
  if (exercise.kind === 'read')
    return exercise.blanks.flatMap(({ ask, hint }, index): Text[] => [
      [`the question of blank ${letterOf(index)}`, ask],
      [`the hint of blank ${letterOf(index)}`, hint],
    ]);
  return exercise.checks.flatMap(({ id, sentence, cite, ask, hint }): Text[] => [
    [`the sentence of ${id}`, sentence],
    [`the hint of ${id}`, hint],
    [`the question of ${id}`, ask],
    // A clause may be short, and must be there.
    [`the clause of ${id}`, cite.padEnd(cite === '' ? 0 : SHORT, '.')],
  ]);
}

/** Commands in a text that nobody could type. */
function commandGaps(what: string, text: string): string[] {
  return commandsIn(text).flatMap((command) => {
    const [first = '', second = '', third] = command.split(' ');
    const isThere = first.startsWith('-') || COMMANDS.includes(first);
    const isKnown = first !== 'exercise' || second === '' || ACTIONS.some((each) => each === second);
    const isMeant =
      first !== 'exercise' || third === undefined || /^-|^my-/.test(third) || COURSE.some(({ id }) => id === third);
    return isThere && isKnown && isMeant ? [] : [`${what} names the command amnesia ${command}, and there is none`];
  });
}

/** Commands in its texts that do not do what they are there for. */
async function runGaps(exercise: Exercise | Reading, own: string, { types, progress }: LintOptions): Promise<string[]> {
  const files = ['problem.md', ...serversOf(exercise)].map((name) => readFileSync(join(own, name), 'utf8'));
  const commands = new Set([...textsOf(exercise).map(([, text]) => text), ...files].flatMap(commandsIn));
  const there = temporaryFolder();
  const gaps: string[] = [];
  try {
    for (const command of commands) {
      progress?.(`amnesia ${command}`);
      const words = command.split(' ');
      const [first, , id] = words;
      if (first === 'exercise' && id !== undefined) await types(['exercise', 'start', id], there.path);
      const { code, err } = await types(words, there.path);
      // Of an exercise that has only been begun, a check may well say that it is not done yet, or that nobody answers.
      const isFine =
        code === EXIT.asClaimed || (first === 'exercise' && (code === EXIT.notAsClaimed || code === EXIT.unknown));
      if (!isFine)
        gaps.push(`amnesia ${command}, which its texts name, ends with ${code}: ${err.trim().split('\n').at(-1)}`);
    }
  } finally {
    await there.remove();
  }
  return gaps;
}

/** Checks, arms and wrong servers that do not fit together. */
function formGaps(exercise: Build, own: string): string[] {
  const { arms, checks, wrong } = exercise;
  const ids = checksOf(exercise).map((check) => check.id);
  const used = checks.map((check) => check.arm ?? 'control');
  const known = ['control', 'all', 'bytewise', ...Object.keys(arms)];
  const folder = join(own, 'wrong');
  const files = existsSync(folder) ? readdirSync(folder).map((name) => name.replace(/\.diff$/, '')) : [];
  return [
    ...(Object.keys(wrong).length < 2 ? ['it needs two wrong servers at least'] : []),
    ...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `two checks are called ${id}`),
    ...used.filter((arm) => !known.includes(arm)).map((arm) => `a check looks at the arm ${arm}, and there is none`),
    ...Object.keys(arms)
      .filter((arm) => !used.includes(arm) && !used.includes('all'))
      .map((arm) => `no check looks at the arm ${arm}`),
    ...Object.entries(wrong)
      .filter(([, id]) => !ids.includes(id))
      .map(([name, id]) => `wrong/${name}.diff is to be caught by ${id}, and there is no such check`),
    ...files.filter((name) => !Object.hasOwn(wrong, name)).map((name) => `wrong/${name}.diff belongs to no check`),
  ];
}

function fileGaps(name: string, text: string): string[] {
  const gaps = text
    .split('\n')
    .flatMap((line, index) => (line.includes(GAP) ? [`${name}:${index + 1} is still to be written`] : []));
  if (name === 'problem.md') {
    const missing = HEADINGS.filter((heading) => !text.includes(`\n## ${heading}\n`));
    gaps.push(...commandGaps(name, text));
    return [...gaps, ...missing.map((heading) => `problem.md has no part “${heading}”`)];
  }
  // A server is copied into a folder where nothing else is.
  const imports = [...text.matchAll(/from '([^']+)'|import\('([^']+)'\)/g)].map(([, one, other]) => one ?? other ?? '');
  return [
    ...gaps,
    ...imports
      .filter((from) => !from.startsWith('node:'))
      .map((from) => `${name} imports ${from}: only node: modules are there`),
  ];
}

/** A wrong server: the solution with one mistake in it. Undefined where the difference is to another text than the solution. */
export function wrongServer(own: string, name: string): string | undefined {
  const [solution = '', mistake = ''] = ['solution.mjs', join('wrong', `${name}.diff`)].map((file) =>
    readFileSync(join(own, file), 'utf8').replaceAll('\r\n', '\n'),
  );
  return applyPatch(solution, mistake) || undefined;
}

/** How the servers of an exercise fare. */
async function serverGaps(exercise: Build, own: string, { told, progress }: LintOptions): Promise<string[]> {
  const gaps: string[] = [];
  const played = (name: string, cwd = own, seed = 1) => {
    progress?.(name);
    return checkServer(exercise, { seed, cwd, command: [process.execPath, `${name}.mjs`] });
  };
  const starter = await played('starter');
  if (starter.verdict === 'passed') gaps.push('the starter passes: there is nothing to do');
  told?.('starter', starter);
  for (const seed of SEEDS) {
    const { verdict, failure } = await played('solution', own, seed);
    if (verdict !== 'passed') gaps.push(`the solution does not pass with seed ${seed}: ${said(failure)}`);
  }
  const built = temporaryFolder();
  try {
    for (const [name, id] of Object.entries(exercise.wrong)) {
      const file = `wrong/${name}.diff`;
      const server = wrongServer(own, name);
      if (server === undefined) {
        gaps.push(`${file} is no change of solution.mjs as it stands: diff -u solution.mjs OTHER.mjs > ${file}`);
        continue;
      }
      writeFileSync(join(built.path, `${name}.mjs`), server);
      const report = await played(name, built.path);
      if (report.failure?.check.id !== id)
        gaps.push(`${file} is to be caught by ${id}: ${report.failure ? said(report.failure) : 'it passes'}`);
      told?.(`wrong/${name}`, report);
    }
  } finally {
    await built.remove();
  }
  return gaps;
}

function said(failure: Report['failure']): string {
  return failure ? `${failure.check.id} (${failure.finding.found})` : 'nothing was found';
}

/** Whether it breaks where it is said to, and nowhere else. */
async function placeGaps(exercise: Adversary, cwd: string, { progress }: LintOptions): Promise<string[]> {
  const { breaks, cuts, steps } = exercise;
  const all = cuts.flatMap((is) => steps.slice(1).map((_step, index): Cut => ({ is, at: { after: index + 1 } })));
  const gaps: string[] = [];
  if (breaks.length === 0) gaps.push('it breaks nowhere: there is nothing to find');
  if (breaks.length * 2 >= all.length) gaps.push('it breaks at half of all places or more: that is no search');
  const options: CheckOptions = {
    seed: 1,
    cwd,
    command: [process.execPath, 'starter.mjs'],
    ...(progress ? { progress } : {}),
  };
  for (const { cut, judgement } of await tryCuts(exercise, all, options)) {
    const { verdict, because } = judgement;
    const after = 'after' in cut.at ? cut.at.after : 0;
    const place = `${cut.is} after step ${after}`;
    const isMeant = breaks.some((each) => each.cut === cut.is && each.after === after);
    if (verdict === 'unknown') gaps.push(`${place} shows nothing: ${because}`);
    else if (isMeant !== (verdict === 'lost' || verdict === 'broken'))
      gaps.push(`${place} is ${isMeant ? '' : 'not '}to break it, and it is ${verdict}: ${because}`);
  }
  return gaps;
}

/** Whether every blank has its place, and is worth asking for. */
async function blankGaps(reading: Reading, { progress }: LintOptions): Promise<string[]> {
  progress?.('the log');
  const gaps = reading.blanks.length < 3 ? ['it has fewer than three blanks'] : [];
  try {
    for (const seed of SEEDS) {
      const { found } = await playReading(reading, seed);
      const same = found.every(({ right }) => right[0] === found[0]?.right[0]);
      if (same) gaps.push('the same belongs in every blank');
    }
  } catch (error) {
    gaps.push((error as Error).message);
  }
  return gaps;
}

// Checking one exercise: the server is started as its learner says, and what came of it is told.

import { join } from 'node:path';
import type { Entry } from '../../../demos/exercises/index.ts';
import { type CheckOptions, checkServer, tryCuts } from '../../lab/checker.ts';
import type { Adversary, Build } from '../../lab/exercise.ts';
import type { Cut } from '../../lab/story.ts';
import { attemptLines, reportLines } from '../../log/exercise.ts';
import { type Line, wrap } from '../../log/text.ts';
import { EXIT, UsageError } from '../errors.ts';
import type { Screen } from '../screen.ts';
import { typed } from '../typed.ts';
import { COURSE_FOLDER, type Folder, nextAfter, SERVER } from './folder.ts';

export interface Asked {
  folder: Folder;
  seed: number;
  out: Screen;
  /** The server's command, from now on. */
  command?: readonly string[] | undefined;
  /** For a log with blanks: what belongs there, and whether a person can be asked. */
  answers?: string[] | undefined;
  prompts?: boolean | undefined;
  /** For an adversary: where to cut. */
  cut?: string | undefined;
  at?: number | undefined;
}

/** A command to be typed in this folder. */
export function commandIn({ given }: Folder, command: string): string {
  return typed(`amnesia exercise ${command}${given === undefined ? '' : ` --dir ${given}`}`);
}

/** Checks one exercise, tells what came of it, and notes it. Returns the exit code. */
export async function checkOne(entry: Entry, asked: Asked): Promise<number> {
  const { folder, out, seed } = asked;
  const { id } = entry;
  const exercise = await entry.load();
  if (!folder.isBegun(id))
    throw new UsageError(
      `nothing of ${id} is in ${folder.path}. Type: amnesia exercise start ${id}${folder.given === undefined ? '' : ` --dir ${folder.given}`}`,
    );
  if (exercise.kind === 'read') {
    const code = await (await import('./read.ts')).readLog(entry, exercise, asked);
    return code === EXIT.asClaimed ? passed(entry, folder, out) : code;
  }
  if (exercise.kind === 'adversary') return attack(entry, exercise, asked);
  if (asked.command) folder.note(id, { command: asked.command });
  const own = folder.standing(id).command;
  const options: CheckOptions = {
    seed,
    command: own ?? [process.execPath, SERVER],
    cwd: folder.of(id),
    progress: (doing) => out.progress(`${id}: ${doing}…`),
  };
  // What is started by a command of its own may be any file in there.
  const file = own ? `${folder.show(id)}: ${own.join(' ')}` : folder.show(id, SERVER);
  return build(entry, exercise, options, asked, file);
}

async function build(
  entry: Entry,
  exercise: Build,
  options: CheckOptions,
  { folder, out }: Asked,
  file: string,
): Promise<number> {
  const { id } = entry;
  const report = await checkServer(exercise, options);
  out.progress('');
  out.print(...reportLines(report, file, out.look));
  if (report.verdict === 'passed') return passed(entry, folder, out);
  folder.note(id, { failed: report.failure?.check.id ?? '' });
  out.print(next(commandIn(folder, `hint ${id}`)));
  return report.verdict === 'unknown' ? EXIT.unknown : EXIT.notAsClaimed;
}

async function attack(
  entry: Entry,
  exercise: Adversary,
  { folder, out, seed, cut, at, command }: Asked,
): Promise<number> {
  const { id } = entry;
  if (command)
    throw new UsageError(`the server of ${id} is given, and not written. Type: amnesia exercise check ${id}`);
  // The server that was given, whatever has become of the learner's copy: it is for reading.
  const options: CheckOptions = {
    seed,
    command: [process.execPath, join(COURSE_FOLDER, id, 'starter.mjs')],
    cwd: folder.of(id),
    progress: (doing) => out.progress(`${id}: ${doing}…`),
  };
  const file = folder.show(id, SERVER);
  const example = `check ${id} --cut ${exercise.cuts[0]} --at 1`;
  const last = exercise.steps.length - 1;
  if (cut === undefined || at === undefined) {
    out.print(
      [{ text: `  This server looks right. Name the cut and the place that break it.`, style: 'bold' }],
      ...exercise.steps.map(({ name }, index): Line => [{ text: `  ${index + 1}  ${name}` }]),
      [{ text: `  cuts: ${exercise.cuts.join(', ')}; after any step from 1 to ${last}` }],
      [{ text: `  ${file}` }],
      next(commandIn(folder, example)),
    );
    return EXIT.unknown;
  }
  const is = exercise.cuts.find((each) => each === cut);
  if (!is || at > last)
    throw new UsageError(
      `${id} can be cut by ${exercise.cuts.join(', ')}, after step 1 to ${last}. Type: amnesia exercise ${example}`,
    );
  const tried: Cut = { is, at: { after: at } };
  const [attempt] = await tryCuts(exercise, [tried], options);
  if (!attempt) throw new Error('a cut was to be tried, and none was');
  out.progress('');
  out.print(...attemptLines(attempt, file, out.look));
  const { verdict } = attempt.judgement;
  if (verdict === 'lost' || verdict === 'broken') {
    out.print([], ...wrap([{ text: `  ${exercise.because}` }], out.look, 2));
    return passed(entry, folder, out);
  }
  out.print(next(commandIn(folder, `hint ${id}`)));
  return verdict === 'unknown' ? EXIT.unknown : EXIT.notAsClaimed;
}

function passed(entry: Entry, folder: Folder, out: Screen): number {
  folder.note(entry.id, { passed: true });
  const after = nextAfter(entry.id, folder);
  out.print(
    [
      { text: '  passed: ', style: 'good' },
      { text: entry.title, style: 'bold' },
    ],
    next(after ? commandIn(folder, `start ${after.id}`) : typed('amnesia litmus')),
  );
  return EXIT.asClaimed;
}

/** The command to type next. */
export function next(command: string): Line {
  return [
    { text: '  next: ', style: 'dim' },
    { text: command, style: 'bold' },
  ];
}

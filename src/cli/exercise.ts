// `amnesia exercise`: a course of servers to be extended, and a checker that looks at nothing but the wire.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COURSE, type Entry } from '../../demos/exercises/index.ts';
import { checksOf } from '../lab/checker.ts';
import type { Exercise } from '../lab/exercise.ts';
import { letterOf, playReading, type Reading } from '../lab/reading.ts';
import { heading } from '../log/terminal.ts';
import { type Line, wrap } from '../log/text.ts';
import { EXIT, UsageError } from './errors.ts';
import { type Asked, checkOne, commandIn, next } from './exercise/check.ts';
import { COURSE_FOLDER, entryOf, type Folder, folderAt, nextAfter, SERVER } from './exercise/folder.ts';
import { watch } from './exercise/watch.ts';
import { type Screen, screen } from './screen.ts';

/** What can follow `amnesia exercise`. */
export const ACTIONS = ['list', 'start', 'check', 'hint', 'solution', 'reset', 'new', 'lint'] as const;
export type Action = (typeof ACTIONS)[number];

export interface ExerciseOptions {
  dir?: string | undefined;
  seed: number;
  all?: boolean | undefined;
  spoil?: boolean | undefined;
  cut?: string | undefined;
  at?: number | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
  answer?: string[] | undefined;
  /** What stood behind `--`. */
  command?: readonly string[] | undefined;
}

export async function exercise(
  action: Action | undefined,
  id: string | undefined,
  options: ExerciseOptions,
): Promise<number> {
  const out = screen(options);
  const folder = folderAt(options.dir);
  const isAttended = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const asked: Asked = { ...options, folder, out, answers: options.answer, prompts: isAttended };
  const meant = () => (id === undefined ? folder.current() : entryOf(id));
  if (options.command && action !== 'check')
    throw new UsageError(
      `only check starts a server by a command. Type: amnesia exercise check -- ${options.command.join(' ')}`,
    );
  switch (action) {
    case undefined:
      return go(meant(), asked);
    case 'list':
      list(folder, out);
      return EXIT.asClaimed;
    case 'start':
      return start(meant(), folder, out);
    case 'check':
      return options.all ? checkAll(asked) : checkOne(meant(), asked);
    case 'hint':
      return hint(meant(), folder, out);
    case 'solution':
      return solution(meant(), folder, out, options.spoil === true);
    case 'reset':
      return reset(meant(), folder, out);
    case 'new':
      return (await import('./exercise/author.ts')).write(id, out);
    case 'lint':
      return (await import('./exercise/author.ts')).lint(id, out);
  }
}

/** Without a word: begins where they are, and watches while a person does. */
async function go(entry: Entry, asked: Asked): Promise<number> {
  const { folder, out } = asked;
  if (!folder.isBegun(entry.id)) {
    await start(entry, folder, out);
    out.text();
  }
  const { kind } = await entry.load();
  if (!asked.prompts || kind === 'adversary' || kind === 'read') return checkOne(entry, asked);
  return watch(
    entry,
    { ...asked, prompts: false },
    {
      list: () => list(folder, out),
      hint: (at) => hint(at, folder, out),
      reset: (at) => reset(at, folder, out),
      async next(at) {
        const after = nextAfter(at.id, folder) ?? at;
        await start(after, folder, out);
        return after;
      },
    },
  );
}

function list(folder: Folder, out: Screen): void {
  const { look } = out;
  const here = folder.current().id;
  const done = COURSE.filter(({ id }) => folder.standing(id).passed).length;
  out.print(heading(`the course: ${done} of ${COURSE.length} passed`, look));
  for (const { id, title, teaches } of COURSE) {
    const { passed } = folder.standing(id);
    const tick = passed ? '✓' : id === here ? '▶' : ' ';
    out.print(
      ...wrap(
        [
          { text: `  ${tick} `, style: passed ? 'good' : 'mark' },
          { text: id.padEnd(20), style: 'bold' },
          { text: `${title}: ` },
          { text: teaches, style: 'dim' },
        ],
        look,
        24,
      ),
    );
  }
  const then = folder.standing(here).passed ? nextAfter(here, folder)?.id : here;
  if (then !== undefined) out.print(next(commandIn(folder, `${folder.isBegun(then) ? 'check' : 'start'} ${then}`)));
}

async function start(entry: Entry, folder: Folder, out: Screen): Promise<number> {
  const { id, title, teaches } = entry;
  const isNew = folder.begin(id);
  const { kind } = await entry.load();
  out.print(heading(`${title} · ${id}`, out.look), ...wrap([{ text: `  ${teaches}` }], out.look, 2));
  const said = isNew ? '' : ' (as you left it)';
  const isGiven = kind === 'adversary';
  out.print(
    [{ text: `  read  ${folder.show(id, 'problem.md')}` }],
    ...(kind === 'read' ? [] : [[{ text: `  ${isGiven ? 'read' : 'edit'}  ${folder.show(id, SERVER)}${said}` }]]),
    next(commandIn(folder, `check ${id}`)),
  );
  return EXIT.asClaimed;
}

async function checkAll(asked: Asked): Promise<number> {
  if (asked.command)
    throw new UsageError(
      'each exercise has a server of its own: name the one that this starts. Type: amnesia exercise check --help',
    );
  let worst: number = EXIT.asClaimed;
  const begun = COURSE.filter(({ id }) => asked.folder.isBegun(id));
  if (begun.length === 0)
    throw new UsageError(`nothing is in ${asked.folder.path} yet. Type: amnesia exercise start ${COURSE[0]?.id}`);
  for (const entry of begun) {
    asked.out.print(heading(`${entry.title} · ${entry.id}`, asked.out.look));
    worst = Math.max(worst, await checkOne(entry, asked));
  }
  return worst;
}

async function hint(entry: Entry, folder: Folder, out: Screen): Promise<number> {
  const { id } = entry;
  const exercise = await entry.load();
  const { failed, hints = 0 } = folder.standing(id);
  const about = hintFor(exercise, failed);
  const level = Math.min(hints + 1, exercise.hints.length);
  folder.note(id, { hints: level });
  const lines: Line[] = [heading(`hints for ${id}`, out.look)];
  if (about) lines.push(...wrap([{ text: '  what failed  ', style: 'warn' }, { text: about }], out.look, 15));
  for (const [index, text] of exercise.hints.slice(0, level).entries())
    lines.push(
      ...wrap([{ text: `  hint ${index + 1} of ${exercise.hints.length}  `, style: 'mark' }, { text }], out.look, 15),
    );
  out.print(
    ...lines,
    next(
      commandIn(
        folder,
        level < exercise.hints.length ? `hint ${id}` : `solution ${id}${folder.standing(id).passed ? '' : ' --spoil'}`,
      ),
    ),
  );
  return EXIT.asClaimed;
}

/** The hint of what failed last. */
function hintFor(exercise: Exercise | Reading, failed: string | undefined): string | undefined {
  if (exercise.kind === 'adversary') return undefined;
  if (exercise.kind === 'read') return exercise.blanks.find((_each, index) => letterOf(index) === failed)?.hint;
  return checksOf(exercise).find((check) => check.id === failed)?.hint;
}

async function solution(entry: Entry, folder: Folder, out: Screen, spoil: boolean): Promise<number> {
  const { id } = entry;
  if (!spoil && !folder.standing(id).passed)
    throw new UsageError(
      `the solution of ${id} opens when you have passed it, or at once with --spoil. Type: amnesia exercise solution ${id} --spoil`,
    );
  const exercise = await entry.load();
  if (exercise.kind === 'adversary') {
    const places = exercise.breaks.map(({ cut, after }) => `${cut} after step ${after}`).join(', ');
    out.print(...wrap([{ text: `  ${places}: ${exercise.because}` }], out.look, 2));
    return EXIT.asClaimed;
  }
  if (exercise.kind === 'read') {
    const { found } = await playReading(exercise, 1);
    for (const [index, { row, right }] of found.entries())
      out.text(`  (${letterOf(index)}) row #${String(row).padStart(2, '0')}: ${right[0]}`);
    return EXIT.asClaimed;
  }
  const text = readFileSync(join(COURSE_FOLDER, id, 'solution.mjs'), 'utf8');
  for (const line of text.trimEnd().split('\n')) out.text(line);
  return EXIT.asClaimed;
}

function reset(entry: Entry, folder: Folder, out: Screen): number {
  const { id } = entry;
  if (!folder.isBegun(id))
    throw new UsageError(`nothing of ${id} is in ${folder.path}. Type: amnesia exercise start ${id}`);
  const kept = folder.reset(id);
  if (kept === undefined)
    throw new UsageError(
      `nothing is written in ${id}, so there is nothing to put back. Type: amnesia exercise check ${id}`,
    );
  out.print(
    [{ text: `  ${folder.show(id, SERVER)} is the starter again; yours is ${folder.show(id, kept)}` }],
    next(commandIn(folder, `check ${id}`)),
  );
  return EXIT.asClaimed;
}

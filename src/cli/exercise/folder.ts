// Where a learner works: a folder with one folder for each exercise begun, and a file that remembers how far they have come.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COURSE, type Entry } from '../../../demos/exercises/index.ts';
import { UsageError } from '../errors.ts';

/** Where the texts and servers of the course lie: beside the source, and in the package as well. */
export const COURSE_FOLDER = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../../demos/exercises/' : '../demos/exercises/', import.meta.url),
);

/** Where to work unless somebody says otherwise. */
export const DEFAULT_FOLDER = 'amnesia-exercises';

/** What the learner's server is called, and what it is made of at first. */
export const SERVER = 'server.mjs';
const PROBLEM = 'problem.md';
const PROGRESS = '.amnesia.json';

/** How far somebody has come with one exercise. */
export interface Standing {
  passed?: true;
  /** Levels of hints that were read. */
  hints?: number;
  /** The check that failed last, by its id. */
  failed?: string;
  /** How the server is started, where it is not `node server.mjs`. */
  command?: readonly string[];
}

interface Progress {
  version: 1;
  /** The exercise they are at. */
  current?: string;
  exercises: Record<string, Standing>;
}

export interface Folder {
  /** As it was named, for commands that are to be typed. */
  given: string | undefined;
  path: string;
  /** The exercise that is meant when none is named: the one they are at, or the first that has not been passed. */
  current(): Entry;
  isBegun(id: string): boolean;
  standing(id: string): Standing;
  note(id: string, change: Partial<Standing>): void;
  /** Writes problem and starter, if they are not there, and makes it the current one. Says whether there was anything to write. */
  begin(id: string): boolean;
  /** Puts the starter back, and starts it as it was started at first. Returns what the server that was there is called now; undefined where there is no starter. */
  reset(id: string): string | undefined;
  /** A path in the folder of an exercise, as a person would type it from here. */
  show(id: string, file?: string): string;
  /** The folder of an exercise. */
  of(id: string): string;
}

export function folderAt(given: string | undefined): Folder {
  const path = resolve(given ?? DEFAULT_FOLDER);
  const file = join(path, PROGRESS);
  const of = (id: string) => join(path, id);

  function progress(): Progress {
    if (!existsSync(file)) return { version: 1, exercises: {} };
    try {
      const read = JSON.parse(readFileSync(file, 'utf8')) as Progress;
      if (read.version === 1 && typeof read.exercises === 'object' && read.exercises !== null) return read;
    } catch (error) {
      throw unreadable(error as Error);
    }
    throw unreadable();
  }

  function unreadable(cause?: Error): UsageError {
    return new UsageError(
      `${file} is not what this program has written there: move it away, and the course begins anew. Type: amnesia exercise list`,
      { cause },
    );
  }

  function keep(now: Progress): void {
    mkdirSync(path, { recursive: true });
    // In one step: whoever stops us in the middle of a write keeps what was there before.
    writeFileSync(`${file}.new`, `${JSON.stringify(now, null, 2)}\n`);
    renameSync(`${file}.new`, file);
  }

  function standing(id: string): Standing {
    const { exercises } = progress();
    return (Object.hasOwn(exercises, id) ? exercises[id] : undefined) ?? {};
  }

  function starter(id: string): void {
    const from = join(COURSE_FOLDER, id, 'starter.mjs');
    // Where only a log is read there is none.
    if (existsSync(from)) writeFileSync(join(of(id), SERVER), readFileSync(from));
  }

  return {
    given,
    path,
    current() {
      const { current } = progress();
      const found =
        COURSE.find(({ id }) => id === current) ?? COURSE.find(({ id }) => !standing(id).passed) ?? COURSE.at(-1);
      if (!found) throw new Error('there is no exercise in the course');
      return found;
    },
    isBegun: (id) => existsSync(of(id)),
    standing,
    note(id, change) {
      const now = progress();
      keep({ ...now, exercises: { ...now.exercises, [id]: { ...standing(id), ...change } } });
    },
    begin(id) {
      const isNew = !existsSync(join(of(id), PROBLEM));
      mkdirSync(of(id), { recursive: true });
      if (isNew) writeFileSync(join(of(id), PROBLEM), readFileSync(join(COURSE_FOLDER, id, PROBLEM)));
      // A server in another language may have taken its place.
      if (isNew && !existsSync(join(of(id), SERVER))) starter(id);
      keep({ ...progress(), current: id });
      return isNew;
    },
    reset(id) {
      if (!existsSync(join(COURSE_FOLDER, id, 'starter.mjs'))) return undefined;
      let number = 1;
      while (existsSync(join(of(id), `${SERVER}.${number}`))) number++;
      const kept = `${SERVER}.${number}`;
      const own = join(of(id), SERVER);
      if (existsSync(own)) renameSync(own, join(of(id), kept));
      starter(id);
      const { command: _theirs, ...rest } = standing(id);
      const now = progress();
      keep({ ...now, exercises: { ...now.exercises, [id]: rest } });
      return kept;
    },
    show: (id, name = '') => relative(process.cwd(), join(of(id), name)) || '.',
    of,
  };
}

/** The entry of the course with this id. */
export function entryOf(id: string): Entry {
  const found = COURSE.find((each) => each.id === id);
  if (found) return found;
  throw new UsageError(
    `there is no exercise ${JSON.stringify(id)}; there are ${COURSE.map((each) => each.id).join(', ')}. Type: amnesia exercise list`,
  );
}

/** The one after it in the course that has not been passed; undefined at the end. */
export function nextAfter(id: string, folder: Folder): Entry | undefined {
  const at = COURSE.findIndex((each) => each.id === id);
  return [...COURSE.slice(at + 1), ...COURSE.slice(0, at)].find((each) => !folder.standing(each.id).passed);
}

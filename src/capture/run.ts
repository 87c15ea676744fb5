// What a run file holds beside its records: one line at its head that says what was played.

import type { Settings } from '../protocols/shapes.ts';

/** Raised whenever a reader of the last version would misread a record. */
export const RUN_VERSION = 2;

/** The first line of a run file. */
export interface RunHeader {
  is: 'run';
  version: typeof RUN_VERSION;
  protocol: string;
  design: string;
  /** Null for a live server, whose time and chance are real. */
  seed: number | null;
  cut: string | null;
  at: string | null;
  verdict?: string;
  /** Why: the comparison in a sentence. */
  because?: string;
  /** What the client had to say beyond what it said in the control arm, and what it never said. */
  more?: readonly string[];
  less?: readonly string[];
  /** What the server was given beside what every run gives it. */
  settings?: Settings;
  /** The command that has measured a server that is not ours; this run is one of those that it played. */
  exec?: string;
}

/** What a run's first line must say for it to be told. */
export type Played = Omit<RunHeader, 'is' | 'version' | 'because' | 'more' | 'less'>;

/** The command that plays it again; undefined for what was served. */
export function commandOf({ protocol, design, seed, cut, at, settings, exec }: Played): string | undefined {
  if (exec !== undefined) return exec;
  if (seed === null) return undefined;
  const words = [`amnesia demo ${protocol}/${design}`, `--cut ${cut ?? 'none'}`];
  if (at !== null) words.push(`--at ${/^\d+$/.test(at) ? at : `"${at}"`}`);
  words.push(`--seed ${seed}`, ...Object.entries(settings ?? {}).map(([name, value]) => `--${name} ${value}`));
  return words.join(' ');
}

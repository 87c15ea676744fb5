// The points of an exchange: the server killed at each of them in turn, and what became of what was being said.

import { record } from '../capture/records.ts';
import { playArm } from './arm.ts';
import type { Host } from './lives.ts';
import { type Exchange, placeInWords, type Story } from './story.ts';

/** What one kill did. */
export interface PointResult {
  exchange: string;
  /** As `--at` takes it: `read 1 PUBLISH`. Undefined for the run without a kill. */
  at: string | undefined;
  tells: string;
  /** The last step's answer; `broken` when a step could not be completed. Undefined when nothing can be said, or nothing was killed. */
  outcome: string | undefined;
  /** This design never comes to the point: all went as it goes without a kill, and nothing was killed. */
  never?: true;
  /** Why it is broken, or why nothing can be said. */
  because?: string;
}

export interface PointsOptions {
  story: Story;
  design: string;
  exchange: Exchange<never>;
  seed: number;
  origin: bigint;
  host?: () => Host;
  /** Called before each run with how many are done, of how many. */
  progress?: (done: number, of: number) => void;
}

/** Plays the exchange once as it should go, and once for each point with a kill there. */
export async function points({
  story,
  design,
  exchange,
  seed,
  origin,
  host,
  progress,
}: PointsOptions): Promise<PointResult[]> {
  const results: PointResult[] = [];
  /** What each step came to without a kill. */
  let uncut: string | undefined;
  for (const point of [undefined, ...exchange.points]) {
    progress?.(results.length, exchange.points.length + 1);
    const { steps, fault, traces } = await playArm({
      story: { ...story, steps: exchange.steps as Story['steps'] },
      design,
      seed,
      origin,
      ...(host ? { host } : {}),
      ...(point ? { cut: { is: 'kill', at: { on: point.on } } } : {}),
    });
    const result = (outcome: string | undefined, because?: string, never = false): void =>
      void results.push({
        exchange: exchange.name,
        at: point && placeInWords({ on: point.on }),
        tells: point?.tells ?? 'nobody is killed',
        outcome,
        ...(never ? { never } : {}),
        ...(because === undefined ? {} : { because }),
      });
    const answers = steps.map(({ answer }) => answer).join('\n');
    if (!point) uncut = answers;
    const stuck = steps.find(({ failed }) => failed);
    if (fault) result(undefined, fault.message);
    else if (point && !record(traces, { card: story.card }).some(({ is }) => is === 'cut')) {
      const goesOn = answers === uncut;
      result(undefined, goesOn ? undefined : `no “${placeInWords({ on: point.on })}” came`, goesOn);
    } else if (stuck) result('broken', `“${stuck.name}”: ${stuck.answer}`);
    else result(steps.at(-1)?.answer);
  }
  return results;
}

// Ratios on a noisy machine: everybody runs in every round, side by side, and what is compared is the rounds.

import { type Contender, cpuOf } from './contenders.ts';

export interface Outcome {
  name: string;
  /** Per second, by round. */
  rates: number[];
  /** Rate relative to the first contender, by round. */
  ratios: number[];
  /** Processor time of the server per unit of work relative to the first contender, over all rounds. */
  cpu: number;
}

/**
 * Runs every contender in every round, each round beginning with another one, and prints what came of it. `load` resolves to units
 * a second; all loads are of the same number of units, or, if `timed`, of the same time.
 */
export async function rounds(
  title: string,
  contenders: readonly Contender[],
  load: (contender: Contender) => Promise<number>,
  count = 15,
  timed = false,
): Promise<Outcome[]> {
  for (const contender of contenders) await load(contender);
  const rates = contenders.map((): number[] => []);
  const used = contenders.map(() => 0);
  for (let round = 0; round < count; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const index = (turn + round) % contenders.length;
      const contender = contenders[index];
      if (!contender) continue;
      const before = cpuOf(contender.pid);
      rates[index]?.push(await load(contender));
      used[index] = (used[index] ?? 0) + cpuOf(contender.pid) - before;
    }
  }
  const outcomes = contenders.map(({ name }, index): Outcome => {
    const own = rates[index] ?? [];
    const ratios = own.map((rate, round) => rate / (rates[0]?.[round] ?? Number.NaN));
    const perUnit = (which: number) => {
      const units = rates[which]?.reduce((sum, rate) => sum + (timed ? rate : 1), 0) ?? 0;
      return (used[which] ?? Number.NaN) / units;
    };
    return { name, rates: own, ratios, cpu: perUnit(index) / perUnit(0) };
  });
  say(`\n${title} (${count} rounds, medians, quartiles in brackets)`);
  for (const { name, rates: own, ratios, cpu } of outcomes) {
    say(
      `  ${name.padEnd(34)} ${Math.round(median(own)).toString().padStart(8)}/s   ratio ${spread(ratios)}   cpu per unit ${cpu.toFixed(2)}`,
    );
  }
  return outcomes;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** `0.98 [0.95 to 1.02]`. */
export function spread(values: readonly number[], digits = 2): string {
  return `${median(values).toFixed(digits)} [${quantile(values, 0.25).toFixed(digits)} to ${quantile(values, 0.75).toFixed(digits)}]`;
}

function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * at;
  const [low = Number.NaN, high = low] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return low + (high - low) * (place - Math.floor(place));
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Holds a figure to what the project promises, and says so either way. */
export function promised(what: string, figure: number, promise: { least?: number; most?: number }): boolean {
  const kept = figure >= (promise.least ?? -Infinity) && figure <= (promise.most ?? Infinity);
  const bound = promise.least === undefined ? `≤ ${promise.most}` : `≥ ${promise.least}`;
  say(`  ${kept ? 'kept  ' : 'MISSED'}  ${what}: ${figure.toFixed(2)} (promised ${bound})`);
  return kept;
}

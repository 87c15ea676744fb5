// What ends when, so that the next one is known at any time without a search: names in a bucket for every second.

export interface Alarms {
  /** Filed under the second at which they ring, since the epoch. Never an empty bucket. */
  buckets: Map<number, Set<string>>;
  /** The first second of all; undefined while there is none. */
  soonest: number | undefined;
}

export function noAlarms(): Alarms {
  return { buckets: new Map(), soonest: undefined };
}

export function setAlarm(alarms: Alarms, second: number, name: string): void {
  const bucket = alarms.buckets.get(second);
  if (bucket) bucket.add(name);
  else alarms.buckets.set(second, new Set([name]));
  if (alarms.soonest === undefined || second < alarms.soonest) alarms.soonest = second;
}

export function clearAlarm(alarms: Alarms, second: number, name: string): void {
  const bucket = alarms.buckets.get(second);
  if (!bucket?.delete(name) || bucket.size > 0) return;
  alarms.buckets.delete(second);
  if (second !== alarms.soonest) return;
  alarms.soonest = undefined;
  // There are no more buckets than the longest lifetime has seconds.
  for (const each of alarms.buckets.keys())
    if (alarms.soonest === undefined || each < alarms.soonest) alarms.soonest = each;
}

// Two arms side by side: which lines of one stand beside which of the other, and where they part.

import type { Entry } from '../../capture/records.ts';
import { eventInWords } from '../events.ts';

/** One line of the page: an entry of either arm, or of both. */
export interface Slot {
  control?: Entry;
  severed?: Entry;
  /** Both are there, and do not say the same. */
  differs: boolean;
}

export interface Aligned {
  slots: Slot[];
  /** The number of the slot where the arms part; undefined where they never do, or there is only one. */
  parts: number | undefined;
}

/** Step stands beside step, and within a step message beside message of the same kind from the same side. */
export function aligned(control: readonly Entry[], severed: readonly Entry[]): Aligned {
  const slots = matched(inSteps(control), inSteps(severed), (step) => step.key).flatMap(([one, other]) =>
    matched(one?.entries ?? [], other?.entries ?? [], kindOf).map(
      ([left, right]): Slot => ({
        ...(left ? { control: left } : {}),
        ...(right ? { severed: right } : {}),
        differs: left !== undefined && right !== undefined && inWords(left) !== inWords(right),
      }),
    ),
  );
  const part = control.length === 0 || severed.length === 0 ? -1 : slots.findIndex(apart);
  return { slots, parts: part === -1 ? undefined : part };
}

/** Which of two ends closes first is a race that nobody loses: it does not make two runs different ones. */
function apart({ control, severed, differs }: Slot): boolean {
  if (differs) return true;
  const alone = control && severed ? undefined : (control ?? severed);
  if (alone === undefined || alone.is === 'memory') return false;
  return !(alone.is === 'link' && alone.what.startsWith('fin'));
}

interface Step {
  key: string;
  entries: Entry[];
}

function inSteps(entries: readonly Entry[]): Step[] {
  const steps: Step[] = [{ key: 'before', entries: [] }];
  for (const entry of entries) {
    if (entry.is === 'arm') continue;
    if (entry.is === 'step') steps.push({ key: `${entry.aside} ${entry.step} ${entry.name}`, entries: [] });
    steps.at(-1)?.entries.push(entry);
  }
  return steps;
}

/** What makes two entries the same event, whatever they say. */
function kindOf(entry: Entry): string {
  switch (entry.is) {
    case 'packet':
      return `packet ${entry.side} ${client(entry)} ${entry.kind}`;
    case 'link':
      return `link ${entry.side} ${client(entry)} ${entry.what}`;
    case 'memory':
      return `memory ${entry.holder.split('/')[0]} ${withoutPath(entry.changes.map(({ subject }) => subject).join())}`;
    case 'cut':
      // The control arm has none.
      return `cut ${entry.row}`;
    default:
      return entry.is;
  }
}

function client({ from, to, side }: { from: string; to: string; side: string }): string {
  return withoutPath(side === 'client' ? from : to);
}

function withoutPath(name: string): string {
  return name.replace(/@\d+/g, '');
}

/** An entry in words, without what is of the moment: process numbers, ports, numbers of rows, what is rolled by dice. */
function inWords(entry: Entry): string {
  if (entry.is === 'memory') return entry.changes.map(({ subject, after }) => `${subject} ${after}`).join();
  if (entry.is === 'link') return entry.what;
  if (entry.is === 'packet') {
    const dice = entry.fields.filter(({ chance, show }) => chance && show.length > 1).map(({ show }) => show);
    const heard = entry.unsent ? 'never left' : entry.read === false ? 'read by nobody' : 'heard';
    return dice.reduce((says, show) => says.replaceAll(show, '•'), `${heard}: ${entry.kind} ${entry.says}`);
  }
  return (eventInWords(entry) ?? '').replace(/\(pid \d+\)|port \d+|#\d+/g, '•');
}

/** The largest table that is worth filling: two arms of 2,000 lines without a step between them. */
const LARGEST = 4_000_000;

/** Pairs what two lists have in common, in order (the longest common subsequence); what only one of them has stands alone. */
export function matched<T>(
  one: readonly T[],
  other: readonly T[],
  keyOf: (item: T) => string,
): [one: T | undefined, other: T | undefined][] {
  const [keys, otherKeys] = [one.map(keyOf), other.map(keyOf)];
  const width = otherKeys.length + 1;
  const pairs: [T | undefined, T | undefined][] = [];
  // Beside each other as they come: too long to be compared line by line.
  if ((keys.length + 1) * width > LARGEST)
    return Array.from({ length: Math.max(one.length, other.length) }, (_none, at) => [one[at], other[at]]);
  // common[at * width + otherAt]: how much the rests from there have in common.
  const common = new Uint16Array((keys.length + 1) * width);
  const rest = (at: number, otherAt: number) => common[at * width + otherAt] ?? 0;
  for (let at = keys.length - 1; at >= 0; at--)
    for (let otherAt = otherKeys.length - 1; otherAt >= 0; otherAt--)
      common[at * width + otherAt] =
        keys[at] === otherKeys[otherAt]
          ? rest(at + 1, otherAt + 1) + 1
          : Math.max(rest(at + 1, otherAt), rest(at, otherAt + 1));
  let [at, otherAt] = [0, 0];
  while (at < keys.length || otherAt < otherKeys.length) {
    if (at < keys.length && otherAt < otherKeys.length && keys[at] === otherKeys[otherAt])
      pairs.push([one[at++], other[otherAt++]]);
    else if (otherAt === otherKeys.length || (at < keys.length && rest(at + 1, otherAt) >= rest(at, otherAt + 1)))
      pairs.push([one[at++], undefined]);
    else pairs.push([undefined, other[otherAt++]]);
  }
  return pairs;
}

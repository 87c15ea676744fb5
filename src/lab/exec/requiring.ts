// What follows from the cuts for a server that is not ours, in words that are never more than was measured; and whether somebody's
// requirements of it are met.

import { type MatrixRow, worst } from '../litmus.ts';
import { CUTS, type CutKind, VERDICTS, type Verdict } from '../story.ts';

/** Filed under what, held by whom, and what may be otherwise all the same. */
export interface Following {
  filedUnder: string;
  heldBy: string;
  /** Why the words are no stronger. */
  proviso?: string;
}

export const UNTOLD = 'a store that we were not told of';

/**
 * What the row of a server says that is not ours. Nobody can empty it, and nobody knows what else it writes to: what survives every cut is
 * held by nobody, by the client, or by something that no cut has reached. `store`: whether it was given a store of its own to lose.
 */
export function following(row: MatrixRow, store: boolean): Following {
  const { filedUnder, cuts } = row;
  const heldBy = holderOf(row);
  const survives = (cut: CutKind) => {
    const verdict = cuts.find((each) => each.cut === cut)?.verdict;
    return verdict === undefined || verdict === 'unknown'
      ? undefined
      : verdict === 'untouched' || verdict === 'recovered';
  };
  if (heldBy === 'nobody' || heldBy === 'the client')
    return {
      filedUnder: filedUnder === 'nothing' ? 'nothing that a cut has reached' : filedUnder,
      heldBy: `${heldBy}, or ${UNTOLD}`,
      proviso: store
        ? 'What this workload needs outlives the process, another instance and the loss of the Redis it was given: if the server keeps it anywhere else, no cut has reached that place.'
        : 'What this workload needs outlives the process, another instance and the loss of STATE_DIR: if the server keeps it anywhere else, in a database say, no cut has reached that place. --store redis gives it a Redis to lose.',
    };
  // Another instance has the store and not the disk; where the store's loss takes nothing, the disk held it.
  if (store && survives('kill') && survives('swap') === false && survives('store'))
    return { filedUnder, heldBy: 'a disk' };
  if (heldBy === 'unknown' && survives('kill') && survives('swap') === false && survives('store'))
    return {
      filedUnder,
      heldBy,
      proviso:
        'It outlives a kill and not a swap, and the loss of STATE_DIR takes nothing: it is kept on this machine, somewhere else.',
    };
  const untried = (['path', 'kill', 'swap', 'store'] as const).filter((cut) => survives(cut) === undefined);
  if ((heldBy === 'unknown' || filedUnder === 'unknown') && untried.length > 0)
    return {
      filedUnder,
      heldBy,
      proviso: `Nothing is known of ${untried.join(', ')}, and so not all of this follows.`,
    };
  return { filedUnder, heldBy };
}

/**
 * Where nobody can make it forget, only what the client said more tells whether it made something good. To connect again, and to ask what
 * was not answered, is nothing that it holds for the server.
 */
function holderOf({ heldBy, cuts }: MatrixRow): MatrixRow['heldBy'] {
  if (heldBy !== 'the client') return heldBy;
  const more = cuts.flatMap(({ cut, places }) =>
    cut === 'kill' || cut === 'swap' ? places.flatMap(({ judgement }) => judgement.more) : [],
  );
  return more.every((each) => /^(.{1,80}: )?(connect|be refused)$/.test(each)) ? 'nobody' : 'the client';
}

/** What somebody requires of a server: `stateless`, `filed under: a name`, `held by: a disk`, `kill: recovered`. */
export type Requirement =
  | { is: 'stateless' }
  | { is: 'filed under' | 'held by'; what: string }
  | { is: 'verdict'; cut: CutKind; verdict: Verdict };

const FILED = ['nothing', 'a name', 'the path'];
const HELD = ['nobody', 'the client', 'the process', 'a disk', 'a shared store'];
const PASSING = VERDICTS.filter((verdict) => verdict !== 'unknown');

export const REQUIREMENTS = `stateless; filed under: ${FILED.join(' | ')}; held by: ${HELD.join(' | ')}; path | kill | swap | silence | store: ${PASSING.join(' | ')} (that, or better)`;

/** The requirement that words make; undefined when they make none. */
export function requirementOf(words: string): Requirement | undefined {
  const text = words.trim();
  if (text === 'stateless') return { is: 'stateless' };
  const [, subject = '', what = ''] = /^([a-z ]+?)\s*:\s*([a-z ]+)$/.exec(text) ?? [];
  if (subject === 'filed under' && FILED.includes(what)) return { is: subject, what };
  if (subject === 'held by' && HELD.includes(what)) return { is: subject, what };
  const [cut, verdict] = [CUTS.find((each) => each === subject), PASSING.find((each) => each === what)];
  return cut && verdict ? { is: 'verdict', cut, verdict } : undefined;
}

export interface Answer {
  is: 'met' | 'not met' | 'unknown';
  /** What was found, in place of what was required. */
  found: string;
}

/** Whether a row meets it. A verdict is met by a better one: who is untouched has recovered. */
export function answerTo(requirement: Requirement, row: MatrixRow, follows: Following): Answer {
  if (requirement.is === 'verdict') {
    const verdict = row.cuts.find(({ cut }) => cut === requirement.cut)?.verdict;
    if (verdict === undefined) return { is: 'unknown', found: `${requirement.cut} was not tried` };
    if (verdict === 'unknown') return { is: 'unknown', found: `nothing is known of ${requirement.cut}` };
    const kept = worst([verdict, requirement.verdict]) === requirement.verdict;
    return { is: kept ? 'met' : 'not met', found: `${requirement.cut} is ${verdict}` };
  }
  if (requirement.is === 'stateless') {
    // One cut that takes something is enough: whoever takes it, it was remembered.
    const lost = row.cuts.find(({ cut, verdict }) => cut !== 'silence' && (verdict === 'lost' || verdict === 'broken'));
    if (lost) return { is: 'not met', found: `${lost.cut} is ${lost.verdict}: it remembers something` };
    const isStateless = row.filedUnder === 'nothing' && ['nobody', 'the client'].includes(row.heldBy);
    return isStateless
      ? { is: 'met', found: `filed under ${follows.filedUnder}; held by ${follows.heldBy}` }
      : { is: 'unknown', found: 'not all cuts that it takes to know were tried, or tell' };
  }
  const said = requirement.is === 'held by' ? follows.heldBy : follows.filedUnder;
  const found = `${requirement.is} ${said}`;
  if (said === 'unknown') return { is: 'unknown', found };
  // What is said with a proviso is met with it: it stands beside the answer.
  const met = [
    requirement.what,
    `${requirement.what}, or ${UNTOLD}`,
    `${requirement.what} that a cut has reached`,
  ].includes(said);
  return { is: met ? 'met' : 'not met', found };
}

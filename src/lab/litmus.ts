// The litmus: the same workload, uncut and then with one cut at each place, and what the difference says about the server.
// It judges what was heard and said, never the server's source.

import type { Entry } from '../capture/records.ts';
import { record } from '../capture/records.ts';
import type { AnyCard } from '../protocols/index.ts';
import type { Side } from '../wire/wire.ts';
import { type Arm, playArm } from './arm.ts';
import { type Behind, startBehind } from './behind.ts';
import { discardHost, type Host, startHost } from './lives.ts';
import type { KillOn } from './messages.ts';
import { type Cut, type CutKind, cutsOf, middleOf, placeInWords, type Story, VERDICTS, type Verdict } from './story.ts';

/** A verdict, and what it rests on. */
export interface Judgement {
  verdict: Verdict;
  /** One sentence. */
  because: string;
  /** What the client had to do that it did not have to do in the control arm, and what it was spared. */
  more: string[];
  less: string[];
}

/** Compares a severed arm with the control arm. */
export function judge(card: AnyCard, control: Arm, severed: Arm): Judgement {
  const none = { more: [], less: [] };
  const unknown = (because: string): Judgement => ({ verdict: 'unknown', because, ...none });
  const broke = (arm: Arm) => arm.steps.find((step) => step.failed);

  if (control.fault) return unknown(`the control arm could not be played: ${control.fault.message}`);
  if (severed.fault) return unknown(`the severed arm could not be played: ${severed.fault.message}`);
  const uncut = broke(control);
  if (uncut) return unknown(`the control arm failed at “${uncut.name}”: ${uncut.answer}`);
  const before = record(control.traces, { card });
  const after = record(severed.traces, { card });
  for (const side of ['client', 'server'] as const) {
    if (!before.some((entry) => entry.is === 'packet' && entry.side === side))
      return unknown(`no byte came from the ${side}: silence proves nothing`);
  }
  const malformed = before.find((entry) => entry.is === 'packet' && entry.malformed);
  if (malformed) return unknown('in the control arm somebody said what is no message of the protocol');
  const missing = severed.cut && noTrace(severed.cut, after);
  if (missing) return unknown(missing);

  const effort = difference(saidByClient(before), saidByClient(after));
  const stuck = broke(severed);
  if (stuck) return { verdict: 'broken', because: `“${stuck.name}” cannot be completed: ${stuck.answer}`, ...effort };
  const at = severed.steps.findIndex((step, index) => step.answer !== control.steps[index]?.answer);
  const changed = severed.steps[at];
  if (changed) {
    // By its place: the same thing may be done twice, under the same name.
    const was = control.steps[at]?.answer;
    return {
      verdict: 'lost',
      because: `“${changed.name}” is answered “${changed.answer}” instead of “${was}”`,
      ...effort,
    };
  }
  if (effort.more.length + effort.less.length > 0)
    return {
      verdict: 'recovered',
      because: `same answers, but the client had ${effort.more.length > 0 ? 'to do more' : 'less to do'}`,
      ...effort,
    };
  return { verdict: 'untouched', because: 'same answers, same packets', ...none };
}

/** Each of a list once, in the order in which they first stand there, and how often. */
export function timesOf(list: readonly string[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const each of list) times.set(each, (times.get(each) ?? 0) + 1);
  return times;
}

/** What did come where a cut waited for something else: each kind, and how often. Nothing where it waited for a write. */
function whatCame({ moment, kind }: KillOn, entries: readonly Entry[]): string {
  if (kind === '') return '';
  const side = moment === 'read' ? 'client' : 'server';
  const said = entries.flatMap((entry) => (entry.is === 'packet' && entry.side === side ? [entry.kind] : []));
  const kinds = [...timesOf(said)].map(([each, count]) => (count === 1 ? each : `${each} ${count} times`));
  return `; the ${side} said ${kinds.length === 0 ? 'nothing' : kinds.join(', ')}`;
}

/** Why the records do not show that the cut took place; undefined when they do. */
function noTrace(cut: Cut, entries: readonly Entry[]): string | undefined {
  const at = entries.findIndex((entry) => entry.is === 'cut');
  const row = entries[at];
  if (row?.is !== 'cut') {
    const why =
      'on' in cut.at ? `no “${placeInWords(cut.at)}” came${whatCame(cut.at.on, entries)}` : 'its place was not reached';
    return `the ${cut.is} never happened: ${why}`;
  }
  const before = entries.slice(0, at);
  const after = entries.slice(at + 1);
  switch (cut.is) {
    case 'kill':
    case 'swap':
    case 'store': {
      const lives = [before.findLast((entry) => entry.is === 'life'), after.find((entry) => entry.is === 'life')];
      const [old, young] = lives;
      if (young?.is !== 'life' || old?.is !== 'life') return `the ${cut.is} left no trace: nobody was born after it`;
      if (old.pid === young.pid) return `the ${cut.is} left no trace: the same process goes on`;
      if (cut.is === 'swap' && !after.some((entry) => entry.is === 'packet' && entry.to === young.life))
        return 'the swap left no trace: nobody has said anything to the other instance';
      if (cut.is === 'store' && Object.keys(young.facts).length > 0)
        return 'the lost store left no trace: the next life still knows what was written down';
      if (cut.is === 'store' && !after.some((entry) => entry.is === 'cut' && entry.cut === 'store'))
        return 'the store was not wiped';
      return undefined;
    }
    case 'silence':
      // Bytes, datagrams and dials alike: what nobody has said cannot have been swallowed.
      return after.some((entry) => (entry.is === 'packet' || entry.is === 'link') && entry.swallowed)
        ? undefined
        : 'the silence left no trace: nobody said anything while it lasted';
    case 'expire':
      return (row.by ?? 0) > 0 ? undefined : 'the passing of time left no trace: the clock stood still';
    case 'forget':
      return row.left ? 'the forgetting left no trace: the server still knows what it knew' : undefined;
    case 'path': {
      const paths = (list: readonly Entry[]) =>
        new Set(list.flatMap((entry) => (entry.is === 'packet' && entry.side === 'client' ? [entry.from] : [])));
      const old = paths(before);
      return [...paths(after)].some((path) => !old.has(path))
        ? undefined
        : 'the new path left no trace: nothing came from another address';
    }
  }
}

/** What a client said and did, message by message. Asides are not part of the workload. */
function saidByClient(entries: readonly Entry[]): string[] {
  const said: string[] = [];
  let aside = false;
  for (const entry of entries) {
    if (entry.is === 'step') aside = entry.aside;
    if (entry.is === 'life') aside = false;
    if (aside) continue;
    if (entry.is === 'packet' && entry.side === 'client')
      said.push(`${by(entry)}${entry.kind} ${entry.says}`.trimEnd());
    if (entry.is === 'link' && entry.what === 'connected') said.push(`${by(entry)}connect`);
    if (entry.is === 'link' && entry.what === 'refused') said.push(`${by(entry)}be refused`);
    if (entry.is === 'link' && entry.what === 'swallowed') said.push(`${by(entry)}dial into silence`);
  }
  return said;
}

/** Who did it, where there are several with names: `sleeper: `, from whichever address. */
function by({ from, side }: { from: string; side: Side }): string {
  const [who = ''] = from.split(/@\d+/);
  return side === 'server' || who.startsWith('client') ? '' : `${who}: `;
}

function difference(control: string[], severed: string[]): { more: string[]; less: string[] } {
  const less = [...control];
  const more = severed.filter((each) => {
    const index = less.indexOf(each);
    if (index === -1) return true;
    less.splice(index, 1);
    return false;
  });
  return { more, less };
}

/** All places of one cut, and the worst of what was found. */
export interface CutResult {
  cut: CutKind;
  verdict: Verdict;
  /** Judgements by place, in order. */
  places: { place: string; judgement: Judgement }[];
}

/** One row of the matrix. */
export interface MatrixRow {
  protocol: string;
  design: string;
  cuts: CutResult[];
  /** What the state is filed under, and who holds it: derived, never asserted. */
  filedUnder: 'nothing' | 'a name' | 'the path' | 'unknown';
  heldBy: 'nobody' | 'the client' | 'the process' | 'a disk' | 'a shared store' | 'unknown';
}

export interface LitmusOptions {
  story: Story;
  design: string;
  seed: number;
  origin: bigint;
  /** Cuts after one step only, in the middle of the workload: quick, and not the worst place for certain. */
  brief?: boolean;
  /** Called before each arm with how many are done, of how many. */
  progress?: (done: number, of: number) => void;
}

/** Plays the control arm, then every cut at every place. */
export async function litmus({
  story,
  design,
  seed,
  origin,
  brief = false,
  progress,
}: LitmusOptions): Promise<MatrixRow> {
  const { card } = story;
  const held = card.designs[design];
  if (!held) throw new Error(`there is no ${card.name}/${design}`);
  const cuts = cutsOf(held);
  const all = Array.from({ length: story.steps.length - 1 }, (_none, index) => index + 1);
  const places = brief ? [middleOf(story)] : all;
  const total = 1 + cuts.length * places.length;
  let done = 0;
  const spare = spares();
  let behind: Behind | undefined;
  const play = async (cut?: Cut): Promise<Arm> => {
    progress?.(done++, total);
    return playArm({ story, design, seed, origin, host: spare.take, behind, ...(cut ? { cut } : {}) });
  };
  try {
    behind = await startBehind(card, { seed, origin: String(origin) });
    const control = await play();
    const results: CutResult[] = [];
    for (const cut of cuts) {
      const judged: CutResult['places'] = [];
      for (const after of places) {
        const severed = await play({ is: cut, at: { after } });
        judged.push({ place: placeInWords({ after }), judgement: judge(card, control, severed) });
      }
      results.push({ cut, verdict: worst(judged.map(({ judgement }) => judgement.verdict)), places: judged });
    }
    return { protocol: card.name, design, cuts: results, ...derive(results) };
  } finally {
    await behind?.stop();
    await spare.discard();
  }
}

/** The verdict of a cut is that of its worst place; one place that is unknown leaves the cut unknown. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce<Verdict>(
    (a, b) => (VERDICTS.indexOf(b) > VERDICTS.indexOf(a) ? b : a),
    verdicts.length === 0 ? 'unknown' : 'untouched',
  );
}

/** Filed under what, and held by whom. What the cuts do not tell stays unknown. */
export function derive(results: readonly CutResult[]): Pick<MatrixRow, 'filedUnder' | 'heldBy'> {
  const verdictOf = (cut: CutKind) => results.find((each) => each.cut === cut)?.verdict;
  const survives = (cut: CutKind): boolean | undefined => {
    const verdict = verdictOf(cut);
    return verdict === undefined || verdict === 'unknown'
      ? undefined
      : verdict === 'untouched' || verdict === 'recovered';
  };
  const [forget, path, kill, store] = [survives('forget'), survives('path'), survives('kill'), survives('store')];
  const swap = survives('swap');
  // Where nobody can make it forget: what any other cut takes was remembered, and a kill takes all that memory holds.
  const elsewhere = [kill, swap, store].includes(false) ? false : kill;
  const kept = verdictOf('forget') === undefined ? elsewhere : forget;

  let filedUnder: MatrixRow['filedUnder'] = 'unknown';
  if (kept === true && path === true) filedUnder = 'nothing';
  if (kept === false && path === true) filedUnder = 'a name';
  // Also where nothing is kept: who is known by an address alone is a stranger at another one, whether anybody remembers or not.
  if (path === false && kept !== undefined) filedUnder = 'the path';

  let heldBy: MatrixRow['heldBy'] = 'unknown';
  // A kill also takes what no forgetting empties, such as a key that was rolled at the start.
  if (kill === false) heldBy = 'the process';
  // Nothing but memory is touched by a forget: whatever the client must then do more, it does with what it holds itself.
  if (kill === true && swap === true && kept === true)
    heldBy = (verdictOf('forget') ?? verdictOf('kill')) === 'untouched' ? 'nobody' : 'the client';
  if (kill === true && kept === false && swap === false && store === false) heldBy = 'a disk';
  if (kill === true && kept === false && swap === true && store === false) heldBy = 'a shared store';
  return { filedUnder, heldBy };
}

/** Starts the next process while the present one is at work: a litmus needs many, and most of a start is waiting. */
function spares(): { take: () => Host; discard: () => Promise<void> } {
  let ready: Host | undefined = startHost();
  return {
    take() {
      const host = ready ?? startHost();
      ready = startHost();
      return host;
    },
    async discard() {
      if (ready) await discardHost(ready);
      ready = undefined;
    },
  };
}

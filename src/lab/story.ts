// A story: the ordered steps that a client takes, the cut it is told about, and what its author claims will happen.

import type { AnyCard } from '../protocols/index.ts';
import type { Address, Beside, Client } from '../protocols/shapes.ts';
import type { KillOn } from './messages.ts';

/**
 * The acts that sever state. `store`: killed, and what it had written down is wiped before it starts again. `swap`: a balancer
 * leads to another instance, which shares neither memory nor disk with the one before. `silence`: the link swallows everything,
 * for longer than anybody waits for an answer, then heals. `expire`: the clocks of both ends go past the lifetime of what was
 * granted; nothing else happens, and no timer of a socket runs out.
 */
export const CUTS = ['forget', 'path', 'kill', 'swap', 'silence', 'expire', 'store'] as const;
export type CutKind = (typeof CUTS)[number];

/**
 * The cuts that can be made. Nobody reaches into a server that is not ours, to empty it or to move its clock, and where nothing is
 * written down no store can be lost. All others come from outside: they make sense for every protocol and every design.
 */
export function cutsOf({ holds, runs }: Pick<Beside, 'holds'> & { runs?: unknown }): CutKind[] {
  return CUTS.filter((cut) => {
    if (cut === 'store') return holds !== 'memory';
    return !runs || (cut !== 'forget' && cut !== 'expire');
  });
}

/** Where in the workload a cut falls: after a step (counted from 1), or, for a kill, on a protocol event. */
export type Place = { after: number } | { on: KillOn };

export interface Cut {
  is: CutKind;
  at: Place;
}

/** What a cut did, by comparing the severed arm with the control arm. */
export const VERDICTS = ['untouched', 'recovered', 'lost', 'broken', 'unknown'] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface Step<C> {
  /** What the client does, as a reader of the log would say it. */
  name: string;
  /** Does it, and resolves to the answer in words. Nothing rolled by dice may be in it. */
  act(client: C): Promise<string>;
}

/** Asked before the severed arm is shown. */
export interface Prediction {
  ask: string;
  choices: readonly string[];
  /** Index of the right one. */
  right: number;
}

/** How a story is told for one design. */
export interface Telling {
  /** The cut that the story is about, and its verdict at that place. */
  cut: Cut;
  verdict: Verdict;
  predict: Prediction;
  /** The verdict of each cut at its worst place between two steps; held to by the tests. */
  claims: Partial<Record<CutKind, Verdict>>;
  /** Three lines on why. */
  why: readonly [string, string, string];
  /** The next command to try. */
  next: string;
}

/**
 * An exchange that promises something, such as a publication and its acknowledgement: `amnesia points` kills the server at each of
 * its points and asks what became of what was said.
 */
export interface Exchange<C> {
  /** Such as `QoS 1`. */
  name: string;
  /** The steps that lead to the exchange, play it, and look what came of it: the last answer is the outcome, in a word or two. */
  steps: readonly Step<C>[];
  /** In the order in which they come. `tells`: what stands and what does not at that moment. */
  points: readonly { on: KillOn; tells: string }[];
}

/**
 * What `expire` lets pass unless a story names a lifetime, in milliseconds: a day, which is longer than anything here is granted for,
 * and a minute, since what lasts until a moment is still good at that moment.
 */
const DAY = 24 * 3600_000;
const MORE = 60_000;

/** How far `expire` moves the clocks, in milliseconds. */
export function expiryOf({ lifetime = DAY }: Pick<Story, 'lifetime'>): number {
  return lifetime + MORE;
}

export interface Story<C extends Client = Client> {
  card: AnyCard;
  /** Where the host process finds the card: its name, or a `file:` address. */
  protocol: string;
  /** What a newcomer is about to see, in a sentence. */
  about: string;
  steps: readonly Step<C>[];
  /** The step after which to cut when nobody says where; the one in the middle unless given. */
  middle?: number;
  /** How long what the server grants is good for, in milliseconds: `expire` lets a little more pass. A day unless given. */
  lifetime?: number;
  /** Shown in a demo while a killed server is dead. Not part of the workload that is judged. */
  whileDead?: readonly Step<Address>[];
  designs: Readonly<Record<string, Telling>>;
  exchanges?: readonly Exchange<C>[];
}

/** Where in a workload to cut when nobody says where. */
export function middleOf({ steps, middle }: Pick<Story, 'steps' | 'middle'>): number {
  return middle ?? Math.ceil(steps.length / 2);
}

/** A place in words: what `--at` takes. */
export function placeInWords(place: Place): string {
  if ('after' in place) return String(place.after);
  const { moment, nth, kind } = place.on;
  return `${moment} ${nth}${kind && ` ${kind}`}`;
}

const MOMENTS = ['read', 'send', 'sent', 'write', 'sync'] as const;

/** The place that words name: `3`, `read 2 DATA`, `send 1 ACK`, `sync 2`. Undefined when they name none. */
export function placeFromWords(words: string): Place | undefined {
  if (/^[1-9]\d{0,5}$/.test(words)) return { after: Number(words) };
  const [moment, nth, kind = '', ...rest] = words.trim().split(/\s+/);
  const known = MOMENTS.find((each) => each === moment);
  if (!known || !/^[1-9]\d{0,5}$/.test(nth ?? '') || rest.length > 0) return undefined;
  const onJournal = known === 'write' || known === 'sync';
  if (onJournal === (kind !== '')) return undefined;
  return { on: { moment: known, nth: Number(nth), kind: kind.toUpperCase() } };
}

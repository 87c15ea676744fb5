// The time line of one arm's memory, with the cut through it, and the account that follows the cut.

import { hash, type Ledger } from '../../capture/ledger.ts';
import { outcomeInWords, takenInWords, untakenInWords } from '../events.ts';
import type { Lane, Lanes, Mark, Stay } from './lanes.ts';
import { linked, type Markup, markup, rowLink, short } from './markup.ts';

/** Lanes that are shown at once; the others unfold. */
const SHOWN = 24;

export function memoryFigure(title: Markup, all: Lanes): Markup {
  const { lanes } = all;
  if (lanes.length === 0)
    return markup`<figure class="memory">${caption(title)}<p class="nothing">Nobody remembered anything, at any time.</p></figure>`;
  const drawn = lanes.map((lane, index) => {
    const first = index === 0 || lanes[index - 1]?.side !== lane.side;
    return markup`${first && markup`<li class="whose">${lane.side === 'server' ? 'the server remembers' : 'the client remembers'}${axisLine(all)}</li>`}${laneItem(lane, all)}`;
  });
  return markup`<figure class="memory">${caption(title)}
<svg class="axis" aria-hidden="true">${axis(all)}</svg>
<ul class="lanes">${drawn.slice(0, SHOWN)}</ul>${
    drawn.length > SHOWN &&
    markup`<details class="more"><summary>${drawn.length - SHOWN} more</summary><ul class="lanes">${drawn.slice(SHOWN)}</ul></details>`
  }
<p class="known"></p>
</figure>`;
}

function caption(title: Markup): Markup {
  return markup`<figcaption>${title}</figcaption>`;
}

function x(at: number, { length }: Lanes): string {
  return `${((at / Math.max(1, length)) * 100).toFixed(2)}%`;
}

/** Step numbers where they begin, as far apart as can be read, and the cuts. */
function axis(all: Lanes): Markup {
  const every = Math.ceil(all.steps.length / 16);
  const steps = all.steps
    .filter((_step, index) => index % every === 0)
    .map(
      ({ at, step }) =>
        markup`<text x="${x(at, all)}" y="26">${step}</text><line class="tick" x1="${x(at, all)}" x2="${x(at, all)}" y1="30" y2="34"/>`,
    );
  const cuts = all.cuts.map(({ at, row }, index) => {
    // A label stands on the side where there is room: not at the edge, and not on the next one.
    const room = (all.cuts[index + 1]?.at ?? all.length) - at;
    const late = room / Math.max(1, all.length) < 0.25;
    return markup`<line class="cut" x1="${x(at, all)}" x2="${x(at, all)}" y1="2" y2="100%"/><text class="cut${late ? ' left' : ''}" x="${x(at, all)}" dx="${late ? -5 : 5}" y="10">cut ${hash(row)}</text>`;
  });
  return markup`${all.steps.length > 0 && markup`<text class="unit" x="0" y="10">steps</text>`}${steps}${cuts}`;
}

function axisLine(all: Lanes): Markup {
  return markup`<svg class="through" aria-hidden="true">${cutLines(all)}</svg>`;
}

function cutLines(all: Lanes): Markup[] {
  return all.cuts.map(({ at }) => markup`<line class="cut" x1="${x(at, all)}" x2="${x(at, all)}" y2="100%"/>`);
}

function laneItem(lane: Lane, all: Lanes): Markup {
  const kept = lane.marks.filter(({ word }) => word === 'KEPT').map(({ at }) => across(lane, at, all));
  const bars = lane.stays.map((stay) => bar(lane, stay, all));
  const marks = lane.marks.map((mark) => markOf(mark, all));
  return markup`<li class="lane" id="${lane.id}"><svg class="track" role="group" aria-label="${short(lane.subject, 120)}">${cutLines(all)}${kept}${bars}${marks}<text class="subject" x="2" y="12">${short(lane.subject, 60)}</text></svg></li>`;
}

function bar(lane: Lane, { holder, known, from, at, until, end }: Stay, all: Lanes): Markup {
  const width = `${((Math.max(until - at, 0.35) / Math.max(1, all.length)) * 100).toFixed(2)}%`;
  const how = end === undefined ? 'still known at the end' : `${end.is} by ${hash(end.row)}`;
  const told = `${holder}: ${short(lane.subject, 120)}: ${short(known)}, written by ${hash(from)}, ${how}`;
  const torn = end?.is === 'taken' || end?.is === 'left behind';
  return markup`<a href="#r${from}" aria-label="${told}"><rect class="${lane.side}" x="${x(at, all)}" y="18" width="${width}" height="11"/><line class="${torn ? 'torn' : 'seam'}" x1="${x(until, all)}" x2="${x(until, all)}" y1="${torn ? 15 : 18}" y2="${torn ? 32 : 29}"/></a>`;
}

/** From the process that is gone to the one that has it again, something else held it. */
function across(lane: Lane, at: number, all: Lanes): Markup | undefined {
  const next = lane.stays.find((stay) => stay.at > at);
  return next && markup`<line class="across" x1="${x(at, all)}" x2="${x(next.at, all)}" y1="23.5" y2="23.5"/>`;
}

const SIGNS: Record<Mark['word'], string> = { LOST: '✗', KEPT: '●', REBUILT: '↻' };

function markOf({ at, word, row }: Mark, all: Lanes): Markup {
  const late = at / Math.max(1, all.length) > 0.75;
  return markup`<text class="mark ${word}${late ? ' left' : ''}" x="${x(at, all)}" dx="${late ? -6 : 6}" y="12"><title>${word} ${hash(row)}</title>${SIGNS[word]} ${word}</text>`;
}

/** The line of the ledger that a subject has: who held it, since which row, and what took it. */
export function ledgerLine({ subject, stays, marks }: Lane): Markup {
  const lives = stays.reduce<Stay[][]>((runs, stay) => {
    const last = runs.at(-1)?.at(-1);
    if (last?.end?.is === 'changed' && last.end.row === stay.from) runs.at(-1)?.push(stay);
    else runs.push([stay]);
    return runs;
  }, []);
  const told = lives.slice(-3).map((run, index) => {
    const [first, last] = [run[0], run.at(-1)];
    if (!first || !last) return markup``;
    const changed = run.length > 1 && markup`, last changed by ${rowLink(last.from)}`;
    const ended =
      last.end && markup`, ${last.end.is === 'changed' ? 'changed' : last.end.is} with ${rowLink(last.end.row)}`;
    return markup`${index > 0 && '; '}in ${last.holder} since ${rowLink(first.from)}${changed}${ended}`;
  });
  const fates = marks.map(({ word }) => markup` <span class="fate ${word}">${SIGNS[word]} ${word}</span>`);
  return markup`<b>${short(subject, 120)}</b>: ${told}${fates}`;
}

/** What the cuts of an arm did to memory. */
export function accounts({ accounts: told }: Ledger, rows: ReadonlySet<number>): Markup[] {
  return told.map((account) => {
    const fates = account.outcomes.map(
      (outcome) =>
        markup`<li class="${outcome.fate}"><span class="fate ${outcome.fate}">${SIGNS[outcome.fate]} ${outcome.fate}</span> <span><b>${short(outcome.subject, 120)}</b>: ${short(outcome.known)} <small>${linked(outcomeInWords(outcome), rows)}</small></span></li>`,
    );
    return markup`<section class="account"><h3>The ledger: what ${linked(takenInWords(account), rows)} did to memory</h3>${
      fates.length > 0 ? markup`<ul>${fates}</ul>` : markup`<p>${untakenInWords(account)}</p>`
    }</section>`;
  });
}

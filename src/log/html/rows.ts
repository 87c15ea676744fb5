// One entry of a run as one line of the page.

import { hash, type Note } from '../../capture/ledger.ts';
import type { Entry, LinkRow, Numbered, PacketRow } from '../../capture/records.ts';
import type { Facts } from '../../protocols/shapes.ts';
import { cutInWords, ends, eventInWords, lifeInWords, linkInWords } from '../events.ts';
import type { Ladder } from './ladder.ts';
import type { Lanes } from './lanes.ts';
import { type Markup, markup, short } from './markup.ts';
import { noteItem, opened, SIGNS } from './opened.ts';

/** What the lines of one arm are made with. */
export interface Arm {
  ladder: Ladder;
  lanes: Lanes;
  notes: ReadonlyMap<number, readonly Note[]>;
  /** When its first row was, in nanoseconds of the run. */
  start: number;
  /** The rows of the whole page. */
  rows: ReadonlySet<number>;
}

/** `differs`: beside it, in the other arm, something else is said. */
export function line(entry: Entry, differs: boolean, arm: Arm): Markup {
  const apart = differs ? ' differs' : '';
  switch (entry.is) {
    case 'arm':
      return markup``;
    case 'step':
      return markup`<h4 class="step">${entry.aside ? 'meanwhile' : markup`step ${entry.step}`} <b>${entry.name}</b></h4>`;
    case 'answer':
      return markup`<div class="answer${apart}${entry.failed && ' failed'}">${arm.ladder.drawing(entry)}<p><span class="word">${entry.failed ? '✗ no answer' : '= answer'}</span> ${short(entry.answer, 800)}${sign(differs)}</p></div>`;
    case 'packet':
      return packet(entry, apart, arm);
    case 'link':
      return plain(entry, `link${apart}`, markup`${heard(ends(entry))}${linkInWords(entry as LinkRow)}`, arm);
    case 'life':
      return plain(
        entry,
        `life${apart}`,
        markup`${lifeInWords(entry)}${sign(differs)}${facts(entry.facts)}${entry.notes.map((note) => markup`<span class="fact">${note}</span>`)}`,
        arm,
      );
    case 'cut':
      return plain(
        entry,
        'cut bar',
        markup`<strong>${cutInWords(entry).trim()}</strong>${entry.cut === 'path' ? '' : facts(entry.facts)}`,
        arm,
      );
    case 'memory':
      return plain(
        entry,
        'memory',
        markup`<ul class="notes">${notesOf(entry, arm).map((note) => noteItem(note, arm.rows))}</ul>`,
        arm,
      );
    case 'healed':
    case 'note':
      return plain(entry, 'told bar', markup`${eventInWords(entry)}`, arm);
    case 'died':
    case 'gap':
      return plain(entry, 'cut bar', markup`<strong>${eventInWords(entry)}</strong>`, arm);
  }
}

function packet(entry: PacketRow & Numbered, apart: string, arm: Arm): Markup {
  const notes = notesOf(entry, arm);
  const words = [...new Set(notes.map(({ word }) => word))];
  const lost = notes.filter(({ word }) => word === 'LOST');
  const unread = entry.unsent
    ? ' (never left)'
    : entry.swallowed && entry.read !== true
      ? ' (swallowed)'
      : entry.read === false
        ? ' (nobody read it)'
        : '';
  return markup`<details class="row packet${apart}" id="r${entry.row}"${notes.length > 0 && markup` data-noted="${words.join(' ')}"`}>
<summary>${number(entry, arm)}<span class="lane">${arm.ladder.drawing(entry)}<span class="say ${startOf(entry, arm)}">${heard(ends(entry))}<b>${entry.kind}</b> ${short(entry.says, 160)}${unread}${sign(apart !== '')}</span><span class="shaft"></span>${lost.map(
    ({ text, cite }) =>
      markup`<span class="loud"><span class="word">✗ LOST</span> ${short(text)}${cite && markup` <cite>[${cite}]</cite>`}</span>`,
  )}</span><span class="tags">${words.map((word) => markup`<span class="tag ${word}"><span aria-hidden="true">${SIGNS[word]}</span> <span>${word}</span></span>`)}</span></summary>
${opened(entry, notes, arm.lanes, arm.rows)}</details>`;
}

function plain(entry: Numbered, style: string, words: Markup, arm: Arm): Markup {
  const noted = notesOf(entry, arm).length > 0 ? markup` data-noted="keeps"` : false;
  return markup`<div class="row ${style}" id="r${entry.row}" tabindex="-1"${noted}>${number(entry, arm)}<div class="lane">${arm.ladder.drawing(entry)}<div class="say ${startOf(entry, arm)}">${words}</div></div></div>`;
}

function number(entry: Numbered, { start }: Arm): Markup {
  const ms = (entry.t_ns - start) / 1e6;
  const since =
    ms < 9999.995 ? markup`+${ms.toFixed(2)}<span class="unit"> ms</span>` : markup`+${(ms / 1000).toFixed(1)} s`;
  return markup`<span class="no">${hash(entry.row)}<small>${since}</small></span>`;
}

/** Where the words of a line begin, as a class of the page's style. */
function startOf(entry: Entry, { ladder }: Arm): string {
  return `at-${ladder.columns.length}-${ladder.startOf(entry)}`;
}

/** Who speaks to whom: the arrow says so to those who see it. */
function heard(who: string): Markup {
  return markup`<span class="heard">${who}: </span>`;
}

function sign(differs: boolean): Markup | false {
  return differs && markup` <span class="differ">≠ differs</span>`;
}

function facts(known: Facts): Markup[] {
  return Object.entries(known).map(
    ([subject, is]) => markup`<span class="fact"><b>${short(subject, 120)}</b>: ${short(is)}</span>`,
  );
}

function notesOf(entry: Numbered, { notes }: Arm): readonly Note[] {
  return notes.get(entry.row) ?? [];
}

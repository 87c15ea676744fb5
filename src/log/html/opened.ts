// A message opened: its bytes, its fields, the notes, and the lines of the ledger that it leans on.

import type { Note } from '../../capture/ledger.ts';
import type { PacketRow } from '../../capture/records.ts';
import type { Field } from '../../wire/fields.ts';
import { ends } from '../events.ts';
import { drawn, drawnBits } from '../terminal.ts';
import type { Lanes } from './lanes.ts';
import { linked, type Markup, markup, short } from './markup.ts';
import { ledgerLine } from './memory.ts';

/** Bytes and fields that are shown of one message: a page is no archive. */
const BYTES = 2048;
const FIELDS = 200;
/** Bytes in a line: twice that does not fit a telephone. */
const WIDE = 8;
/** More lines than these may have to be scrolled. */
const FEW = 8;

export function opened(entry: PacketRow, notes: readonly Note[], lanes: Lanes, rows: ReadonlySet<number>): Markup {
  const { fields } = entry;
  return markup`<div class="open">
<p class="whole">${ends(entry)} <b>${entry.kind}</b> ${short(entry.says, 600)} <small>${entry.protocol.toUpperCase()} over ${entry.over.toUpperCase()}, ${entry.length} ${entry.length === 1 ? 'byte' : 'bytes'}</small></p>
<div class="halves"><div class="bytes">${dump(entry)}</div>
<ul class="fields">${fields.slice(0, FIELDS).map(fieldItem)}${
    fields.length > FIELDS && markup`<li class="rest">${fields.length - FIELDS} more fields</li>`
  }</ul></div>
${notes.length > 0 && markup`<ul class="notes">${notes.map((note) => noteItem(note, rows))}</ul>`}
${ledgerOf(entry, lanes)}</div>`;
}

/** Lines of text, which the page's script makes bytes of that light up: `0000  10 0c 00 04 4d 51 54 54  ····MQTT`. */
function dump({ hex, length }: PacketRow): Markup {
  const pairs = hex.slice(0, BYTES * 2).match(/../g) ?? [];
  const lines: Markup[] = [];
  for (let at = 0; at < pairs.length; at += WIDE) {
    const row = pairs.slice(at, at + WIDE);
    const offset = at.toString(16).padStart(4, '0');
    lines.push(
      markup`${offset}  ${row.join(' ').padEnd(Math.min(WIDE, pairs.length) * 3 - 1)}  ${row.map(drawn).join('')}\n`,
    );
  }
  const more = length - pairs.length;
  return markup`<pre class="hex"${lines.length > FEW && markup` tabindex="0" role="group" aria-label="bytes"`}>${lines}</pre>${more > 0 && markup`<p class="rest">${more} more bytes</p>`}<p class="byte"></p>`;
}

function fieldItem(field: Field): Markup {
  const { id, label, start, end, mask, show, gloss, chance } = field;
  const place = end - start > 1 ? `${start}–${end - 1}` : `${start}`;
  const aside = show === '***' ? ' (a secret)' : chance ? ' (rolled by dice)' : '';
  const bits = mask !== undefined && markup`<code class="bits">${drawnBits(field)}</code> `;
  return markup`<li data-at="${start}" data-to="${end}"${mask !== undefined && markup` data-mask="${mask}"`} data-field="${id}"><span class="at">${place}</span><span>${bits}<b>${label}</b> = <code>${short(show)}</code>${aside}${gloss && markup`: <span class="gloss">${short(gloss)}</span>`}</span></li>`;
}

export function noteItem({ word, text, field, cite }: Note, rows: ReadonlySet<number>): Markup {
  return markup`<li class="${word}"${field !== undefined && markup` data-field="${field}"`}><span class="word">${SIGNS[word]} ${word}</span> <span>${linked(short(text, 800), rows)}${cite && markup` <cite>[${cite}]</cite>`}</span></li>`;
}

/** A shape for each word, so that none hangs on its colour. */
export const SIGNS: Record<Note['word'], string> = { needs: '○', keeps: '●', LOST: '✗', proof: '◇', hint: '·' };

function ledgerOf({ leans, memory }: PacketRow, lanes: Lanes): Markup | false {
  const fields = new Map<string, string[]>();
  for (const { key, holder, field } of leans) {
    const subject = `${holder === 'client' ? 'client' : 'server'} ${key}`;
    fields.set(subject, [...(fields.get(subject) ?? []), field]);
  }
  for (const { holder, changes } of memory)
    for (const { subject } of changes) {
      const key = `${holder === 'client' ? 'client' : 'server'} ${subject}`;
      fields.set(key, fields.get(key) ?? []);
    }
  const lines = [...fields].flatMap(([key, ids]) => {
    const [side, ...subject] = key.split(' ');
    const lane = lanes.of(side === 'client' ? 'client' : 'server', subject.join(' '));
    if (!lane) return [];
    return [
      markup`<li data-fields="${JSON.stringify(ids)}" data-lane="${lane.id}">${ledgerLine(lane)} <a class="toLane" href="#${lane.id}">time line</a></li>`,
    ];
  });
  return lines.length > 0 && markup`<div class="ledger"><h5>in the ledger</h5><ul>${lines}</ul></div>`;
}

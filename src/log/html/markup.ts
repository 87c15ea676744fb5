// Text for a page: whatever is put into markup is escaped there, and only there.

import { drawn } from '../../wire/printable.ts';

/** What no text and no object of a file can have: only what was made here is taken for HTML. */
const HTML = Symbol('html');

/** HTML that is whole: text in it has been escaped. */
export interface Markup {
  readonly [HTML]: string;
}

type Part = Markup | string | number | false | undefined | readonly Part[];

/** A template whose literal text is HTML, and whose values are text. Safe between tags and in quoted attributes, nowhere else. */
export function markup(literals: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return asItIs(literals.reduce((html, literal, index) => html + inHtml(parts[index - 1]) + literal));
}

/** HTML of our own, taken as it is. */
export function asItIs(html: string): Markup {
  return { [HTML]: html };
}

export function htmlOf(markup: Markup): string {
  return markup[HTML];
}

function inHtml(part: Part): string {
  if (part === undefined || part === false) return '';
  if (Array.isArray(part)) return part.map(inHtml).join('');
  if (typeof part === 'object' && HTML in part) return part[HTML];
  return escaped(String(part));
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** The last door before the browser: what comes from the wire was drawn long ago, and a file of records may hold anything. */
function escaped(text: string): string {
  return drawn(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** A text in which `#12` leads to row 12, where there is one. */
export function linked(text: string, rows: ReadonlySet<number>): Markup {
  return markup`${text
    .split(/(#\d+)/)
    .map((part) => (part.startsWith('#') && rows.has(Number(part.slice(1))) ? rowLink(Number(part.slice(1))) : part))}`;
}

export function rowLink(row: number): Markup {
  return markup`<a href="#r${row}">#${String(row).padStart(2, '0')}</a>`;
}

/** What nobody would read to its end, cut. */
export function short(text: string, most = 300): string {
  return text.length > most ? `${text.slice(0, most)}… (${text.length - most} more)` : text;
}

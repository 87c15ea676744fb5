// A run as one page: a single file that needs no network, no server and, to be read, no script. What moves on it is in
// html/browser.ts, and how it looks in the style sheets beside it; html/inlined.ts is made of both.

import { createHash } from 'node:crypto';
import type { Ledger } from '../capture/ledger.ts';
import type { Entry } from '../capture/records.ts';
import { commandOf, type Played } from '../capture/run.ts';
import { armInWords } from './events.ts';
import { type Aligned, aligned } from './html/align.ts';
import { GUIDE, HELP } from './html/guide.ts';
import { SCRIPT, STYLE } from './html/inlined.ts';
import { type Ladder, ladder, TIPS_DRAWN } from './html/ladder.ts';
import { type Lanes, lanes } from './html/lanes.ts';
import { asItIs, htmlOf, type Markup, markup, rowLink, short } from './html/markup.ts';
import { accounts, memoryFigure } from './html/memory.ts';
import { type Arm, line } from './html/rows.ts';

/** What a page is made of. */
export interface Page {
  header: Played;
  entries: readonly Entry[];
  /** By arm. */
  ledgers: ReadonlyMap<number, Ledger>;
  /** What the verdict rests on, in one sentence. Without it, the first answer that differs is told. */
  because?: string;
  /** What the client had to do that it did not have to do in the control arm, and what it was spared. */
  more?: readonly string[];
  less?: readonly string[];
  /** The story in a sentence or two, and what its author has to say of the claimed verdict. */
  about?: string;
  why?: readonly string[];
  /** What to type to play it again. */
  command?: string;
}

/** One arm on the page. */
interface Shown {
  name: 'control' | 'severed' | 'live';
  title: string;
  entries: readonly Entry[];
  ledger: Ledger;
  lanes: Lanes;
  ladder: Ladder;
}

const EMPTY: Ledger = { notes: new Map(), accounts: [], around: () => [] };

/** One self-contained HTML file. It asks for nothing from anywhere, and its Content-Security-Policy sees to that. */
export function html(page: Page): string {
  const own = armEntries(page);
  const slots = aligned(own.get('control') ?? own.get('live') ?? [], own.get('severed') ?? []);
  const shown = armsOf(page, slots);
  const rows = new Set(page.entries.flatMap((entry) => ('row' in entry ? [entry.row] : [])));
  const style = `${STYLE}${placesOf(shown, slots.slots.length + (slots.parts === undefined ? 2 : 3))}`;
  const { header } = page;
  const name = `${header.protocol}/${header.design}`;
  const body = markup`<body>
<a class="skip" href="#log">To what was said</a>
${TIPS_DRAWN}
${masthead(page, slots, rows)}
<main>
${shown.length > 1 && SWITCH}
<section id="memory"><h2>What each side remembers</h2>
<div class="pair">${shown.map((arm) => markup`<div class="side ${arm.name}">${memoryFigure(markup`<h3>${arm.title}</h3>`, arm.lanes)}${accounts(arm.ledger, rows)}</div>`)}</div></section>
<section id="log"><h2>What was said</h2>
<div class="heads" aria-hidden="true">${shown.map(heads)}</div>
<div class="arms">${shown.map((arm) => side(arm, slots, rows))}</div></section>
</main>
${GUIDE}
${HELP}
<script>${asItIs(SCRIPT)}</script>
</body>`;
  const policy = `default-src 'none'; style-src '${sha(style)}'; script-src '${sha(SCRIPT)}'; base-uri 'none'; form-action 'none'`;
  const head = markup`<head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${asItIs(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name}${header.verdict !== undefined && `: ${header.verdict}`} · Amnesia</title>
<style>${asItIs(style)}</style></head>`;
  return htmlOf(markup`<!doctype html>
<html lang="en">${head}
${body}</html>
`);
}

function sha(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function armsOf({ entries, ledgers }: Page, { slots }: Aligned): Shown[] {
  const lines = new Map<Entry, number>();
  slots.forEach((slot, index) => {
    for (const entry of [slot.control, slot.severed]) if (entry) lines.set(entry, index);
  });
  return [...byArm(entries)].map(([arm, own]) => {
    const start = own.find((entry) => entry.is === 'arm');
    const ledger = ledgers.get(arm) ?? EMPTY;
    return {
      name: nameOf(own),
      title: start?.is === 'arm' ? armInWords(start) : 'a live server',
      entries: own,
      ledger,
      lanes: lanes(own, ledger, lines),
      ladder: ladder(own),
    };
  });
}

function byArm(entries: readonly Entry[]): Map<number, readonly Entry[]> {
  const numbers = new Set(entries.map(({ arm }) => arm));
  return new Map([...numbers].map((arm) => [arm, entries.filter((entry) => entry.arm === arm)]));
}

function armEntries({ entries }: Page): Map<Shown['name'], readonly Entry[]> {
  return new Map([...byArm(entries).values()].map((own) => [nameOf(own), own]));
}

/** What a live server heard and said is the only arm there is. */
function nameOf(entries: readonly Entry[]): Shown['name'] {
  const start = entries.find((entry) => entry.is === 'arm');
  return start?.is === 'arm' ? start.name : 'live';
}

/** The part of the style that hangs on this page: how many columns and lines there are. */
function placesOf(shown: readonly Shown[], lines: number): string {
  const widths = new Set(shown.map(({ ladder }) => ladder.columns.length));
  const starts = [...widths].flatMap((width) =>
    Array.from({ length: Math.max(1, width) }, (_none, at) => {
      const left = width === 0 ? 0 : (100 * (at + 0.5)) / width;
      return `.at-${width}-${at}{margin-left:calc(${left.toFixed(2)}% + 5px);max-width:calc(${(100 - left).toFixed(2)}% - 5px)}`;
    }),
  );
  return `${starts.join('\n')}\n.arm{--lines:${lines}}\n`;
}

const VERDICT_SIGNS: Record<string, string> = { untouched: '=', recovered: '↻', lost: '✗', broken: '✗', unknown: '?' };

function masthead(page: Page, slots: Aligned, rows: ReadonlySet<number>): Markup {
  const { header } = page;
  const { verdict = '' } = header;
  const because = page.because ?? firstDifference(slots);
  const cut = page.entries.find((entry) => entry.is === 'cut');
  const part = slots.parts !== undefined && markup`<a href="#part">here they part</a>`;
  const command = page.command ?? commandOf(header);
  return markup`<header class="masthead"><div class="title"><p class="eyebrow">Amnesia</p><button type="button" id="theme" hidden>dark or light</button><button type="button" id="keys" hidden>keys <kbd>?</kbd></button></div>
<h1>${header.protocol}<span>/${header.design}</span></h1>
${page.about && markup`<p class="about">${page.about}</p>`}
<p class="played">${playedInWords(header)}</p>
${verdict !== '' && markup`<div class="verdict ${verdict in VERDICT_SIGNS ? verdict : 'unknown'}"><p><strong>${VERDICT_SIGNS[verdict] ?? '?'} ${verdict}</strong>${because && markup` ${because}`}</p>${did('The client also had to', page.more)}${did('It never sent', page.less)}${(page.why ?? []).length > 0 && markup`<ul>${(page.why ?? []).map((why) => markup`<li>${why}</li>`)}</ul>`}</div>`}
<p class="jumps">${rows.size} rows${part && markup` · ${part}`}${cut?.is === 'cut' && markup` · the cut is ${rowLink(cut.row)}`}</p>
${command && markup`<p class="command"><span>play it again</span> <code>${command}</code></p>`}
</header>`;
}

function did(what: string, said: readonly string[] = []): Markup | false {
  return said.length > 0 && markup`<p class="effort">${what}: ${short(said.join(', '), 600)}.</p>`;
}

function playedInWords({ seed, cut, at }: Played): string {
  if (seed === null) return 'A live server, as it was served: time and chance were real.';
  if (cut === null) return `Nothing was cut. Seed ${seed}.`;
  return `Played twice, with seed ${seed}: once as it should go, and once with a ${cut} ${/^\d+$/.test(at ?? '') ? `after step ${at}` : `on event “${at ?? ''}”`}.`;
}

function firstDifference({ slots }: Aligned): string | undefined {
  for (const { control, severed, differs } of slots)
    if (differs && control?.is === 'answer' && severed?.is === 'answer')
      return `The answer of step ${severed.step} is “${short(severed.answer)}” instead of “${short(control.answer)}”.`;
  return undefined;
}

const SWITCH = markup`<fieldset class="switch"><legend>Show</legend>${['both', 'control', 'severed'].map(
  (which) =>
    markup`<label><input type="radio" name="arms" id="show-${which}"${which === 'both' && markup` checked`}> ${which === 'both' ? 'both arms' : `the ${which} arm`}</label>`,
)}</fieldset>`;

function heads({ name, ladder }: Shown): Markup {
  const { columns } = ladder;
  return markup`<div class="head ${name}"><svg>${columns.map(
    (column, index) =>
      markup`<text x="${(((index + 0.5) / columns.length) * 100).toFixed(2)}%" y="16">${column}</text>`,
  )}</svg></div>`;
}

/** The lines of one arm: as many as the other has, with gaps where only that one has something. */
function side(shown: Shown, { slots, parts }: Aligned, rows: ReadonlySet<number>): Markup {
  const arm: Arm = {
    ladder: shown.ladder,
    lanes: shown.lanes,
    notes: shown.ledger.notes,
    start: shown.entries.find((entry) => 'row' in entry)?.t_ns ?? 0,
    rows,
  };
  const severed = shown.name === 'severed';
  const end = slots.findLastIndex((slot) => slot[severed ? 'severed' : 'control'] !== undefined);
  let last: Entry | undefined;
  const lines = slots.map(({ control, severed: other, differs }, index) => {
    const entry = severed ? other : control;
    last = entry ?? last;
    const own = entry
      ? line(entry, differs, arm)
      : markup`<div class="gap">${index < end && arm.ladder.after(last)}</div>`;
    const part = markup`<p class="part"${!severed && markup` id="part"`}>here they part</p>`;
    return index === parts ? markup`${part}\n${own}\n` : markup`${own}\n`;
  });
  return markup`<section class="arm ${shown.name}" aria-label="${shown.title}"><h3>${shown.title}</h3>
<div class="own" aria-hidden="true">${heads(shown)}</div>
${lines}</section>`;
}

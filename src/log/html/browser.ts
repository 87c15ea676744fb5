// What moves on the page. It runs in the browser, knows nothing but the page that it stands in, and asks for nothing.

/** A byte, a field, a note or a line of the ledger that is lit while something of it is pointed at. */
const LIT = 'lit';

/** The row that has, or had last, the reader's attention. */
let here: HTMLElement | undefined;

const all = <T extends Element = HTMLElement>(selector: string, within: ParentNode = document): T[] => [
  ...within.querySelectorAll<T>(selector),
];
const one = <T extends Element = HTMLElement>(selector: string): T | undefined =>
  document.querySelector<T>(selector) ?? undefined;
const elementOf = ({ target }: Event): Element | undefined => (target instanceof Element ? target : undefined);

// --------------------------------------------------------------------------------------------------------------------- rows

function focusRow(row: HTMLElement | undefined): void {
  if (!row) return;
  here = row;
  const stop = row.querySelector<HTMLElement>(':scope > summary') ?? row;
  stop.focus({ preventScroll: true });
  stop.scrollIntoView({ block: 'nearest' });
}

/** The arm that is looked at. With both on the page, it is the severed one: it is the one that says something. */
function armHere(): Element | undefined {
  const own = here?.closest('.arm');
  if (own?.checkVisibility()) return own;
  return all('.arm')
    .filter((arm) => arm.checkVisibility())
    .at(-1);
}

function move(by: 1 | -1, wanted: (row: HTMLElement) => boolean = () => true): void {
  const arm = armHere();
  if (!arm) return;
  const rows = all('.row', arm);
  const at = here ? rows.indexOf(here) : -1;
  for (let next = at + by; next >= 0 && next < rows.length; next += by) {
    const row = rows[next];
    if (row && wanted(row)) return focusRow(row);
  }
}

/** To the same height in the other arm: both have as many lines. */
function changeSides(): void {
  const arm = here?.closest('.arm');
  const line = here;
  const other = all('.arm').find((each) => each !== arm && each.checkVisibility());
  if (!arm || !line || !other) return;
  for (let at = [...arm.children].indexOf(line); at >= 0; at--) {
    const beside = other.children[at];
    if (beside instanceof HTMLElement && beside.matches('.row')) return focusRow(beside);
  }
}

function toTarget(): void {
  const target = location.hash === '' ? null : document.getElementById(location.hash.slice(1));
  if (!target) return;
  const both = one<HTMLInputElement>('#show-both');
  if (!target.checkVisibility() && both) both.checked = true;
  for (let around = target.parentElement; around; around = around.parentElement)
    if (around instanceof HTMLDetailsElement) around.open = true;
  if (!target.matches('.row')) return target.scrollIntoView({ block: 'center' });
  if (target instanceof HTMLDetailsElement) target.open = true;
  focusRow(target);
}

// --------------------------------------------------------------------------------------------------------- an open message

/** Makes bytes of a dump's text, which light up, and fields that can be walked through. Once for each message. */
function lightable(row: Element): void {
  const pre = row.querySelector<HTMLElement>('pre.hex:not([data-ready])');
  if (!pre) return;
  pre.dataset.ready = '';
  const lines = (pre.textContent ?? '').split('\n').filter((line) => line !== '');
  pre.textContent = '';
  for (const line of lines) {
    const start = Number.parseInt(line.slice(0, 4), 16);
    const pairs = line.slice(6).split('  ', 1)[0]?.split(' ') ?? [];
    const drawn = line.slice(-pairs.length);
    pre.append(`${line.slice(0, 4)}  `);
    pairs.forEach((pair, index) => {
      pre.append(byteOf(start + index, pair), index < pairs.length - 1 ? ' ' : '');
    });
    pre.append(line.slice(6 + pairs.join(' ').length, -pairs.length));
    [...drawn].forEach((character, index) => {
      pre.append(byteOf(start + index, character));
    });
    pre.append('\n');
  }
  all('.fields > li[data-at]', row).forEach((field, index) => {
    field.tabIndex = index === 0 ? 0 : -1;
  });
}

function byteOf(at: number, text: string): HTMLElement {
  const byte = document.createElement('span');
  byte.dataset.byte = String(at);
  byte.textContent = text;
  return byte;
}

/** What is lit now. A long run has a hundred thousand elements: nobody looks through them all for every move of a hand. */
const lit: Element[] = [];

/** Where a byte is told of in words. */
let described: Element | null = null;

function kindle(element: Element | null, ...how: string[]): void {
  if (!element) return;
  element.classList.add(LIT, ...how);
  lit.push(element);
}

function dark(): void {
  for (const element of lit.splice(0)) element.classList.remove(LIT, 'high', 'low');
  if (described) described.textContent = '';
}

/** Lights fields, their bytes, and the memory that they lean on. */
function light(row: Element, fields: readonly HTMLElement[], byte?: number): void {
  dark();
  for (const field of fields) {
    kindle(field);
    const { at, to, mask, field: id = '' } = field.dataset;
    if (byte === undefined) lightBytes(row, Number(at), Number(to), mask === undefined ? 0xff : Number(mask));
    for (const note of all('.notes > li', row)) if (note.dataset.field === id) kindle(note);
    for (const line of all('.ledger li', row)) {
      if (!(JSON.parse(line.dataset.fields ?? '[]') as string[]).includes(id)) continue;
      kindle(line);
      kindle(document.getElementById(line.dataset.lane ?? ''));
    }
  }
  if (byte !== undefined) {
    lightBytes(row, byte, byte + 1, 0xff);
    bring(row.querySelector('.fields'), fields[0]);
    describe(row, byte);
  }
}

/** Scrolls a list that is longer than its window, and never the page, until an element of it is in sight. */
function bring(list: Element | null, element: Element | null | undefined): void {
  if (!list || !element || list.matches(':hover')) return;
  const [window, own] = [list.getBoundingClientRect(), element.getBoundingClientRect()];
  if (own.top < window.top || own.bottom > window.bottom) list.scrollTop += own.top - window.top - window.height / 3;
}

function lightBytes(row: Element, from: number, to: number, mask: number): void {
  bring(row.querySelector('pre.hex'), row.querySelector(`[data-byte="${from}"]`));
  for (let at = from; at < to; at++)
    for (const byte of all(`[data-byte="${at}"]`, row))
      kindle(byte, ...((mask & 0x0f) === 0 ? ['high'] : (mask & 0xf0) === 0 ? ['low'] : []));
}

function describe(row: Element, at: number): void {
  described = row.querySelector('p.byte');
  const pair = row.querySelector(`[data-byte="${at}"]`)?.textContent ?? '';
  const value = Number.parseInt(pair, 16);
  if (!described) return;
  const bits = Number.isNaN(value)
    ? 'a secret'
    : value
        .toString(2)
        .padStart(8, '0')
        .replace(/(....)/, '$1 ');
  described.textContent = `byte ${at}: ${pair}, ${bits}`;
}

function pointed(event: Event): void {
  const element = elementOf(event);
  const row = element?.closest('details.row');
  const stay = element?.closest('.track a');
  if (stay) {
    const known = stay.closest('figure')?.querySelector('.known');
    if (known) known.textContent = stay.getAttribute('aria-label');
  }
  if (!row || !element) return;
  const fields = all('.fields > li[data-at]', row);
  const byte = element.closest<HTMLElement>('[data-byte]')?.dataset.byte;
  if (byte !== undefined) {
    const at = Number(byte);
    return light(
      row,
      fields.filter(({ dataset }) => Number(dataset.at) <= at && at < Number(dataset.to)),
      at,
    );
  }
  const field = element.closest<HTMLElement>('.fields > li[data-at]');
  if (field) return light(row, [field]);
  const about = element.closest<HTMLElement>('.notes > li[data-field]')?.dataset.field;
  if (about !== undefined)
    light(
      row,
      fields.filter(({ dataset }) => dataset.field === about),
    );
}

/** Along the fields of an open message; false where there is none in that direction. */
function moveInside(by: 1 | -1): boolean {
  const focused = document.activeElement;
  const row = focused?.closest('details.row');
  if (!(row instanceof HTMLDetailsElement) || !row.open || !focused) return false;
  const stops = [row.querySelector<HTMLElement>('summary'), ...all('.fields > li[data-at]', row)];
  const at = stops.findIndex((stop) => stop?.isSameNode(focused));
  const next = at === -1 ? undefined : stops[at + by];
  if (!next) return false;
  for (const stop of stops.slice(1)) if (stop) stop.tabIndex = stop === next ? 0 : -1;
  next.focus();
  return true;
}

function open(row: HTMLElement | undefined, wanted: boolean): void {
  if (!(row instanceof HTMLDetailsElement)) return;
  row.open = wanted;
  if (!wanted) focusRow(row);
}

// --------------------------------------------------------------------------------------------------------------------- keys

function theme(): void {
  const { dataset } = document.documentElement;
  const isDark = dataset.theme ? dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  dataset.theme = isDark ? 'light' : 'dark';
}

const help = one<HTMLDialogElement>('#help');

const KEYS: Record<string, () => unknown> = {
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => moveInside(1) || move(1),
  ArrowUp: () => moveInside(-1) || move(-1),
  ArrowRight: () => open(here, true),
  ArrowLeft: () => open(here, false),
  Escape: () => open(here, false),
  n: () => move(1, (row) => row.dataset.noted !== undefined),
  c: () => focusRow(all('.row.cut').find((row) => row.checkVisibility())),
  p: () => one('.part')?.scrollIntoView({ block: 'center' }),
  s: changeSides,
  d: theme,
  '?': () => help?.showModal(),
};

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
  // Radio buttons have their own use for arrows.
  if (event.target instanceof HTMLInputElement) return;
  const act = KEYS[event.key];
  // Before any row was chosen the arrows scroll, as they do everywhere.
  if (!act || (event.key.startsWith('Arrow') && !here)) return;
  event.preventDefault();
  act();
});

document.addEventListener('focusin', (event) => {
  const row = elementOf(event)?.closest<HTMLElement>('.row');
  if (row) here = row;
  pointed(event);
});
document.addEventListener('focusout', dark);
document.addEventListener('pointerover', pointed);
document.addEventListener('pointerout', dark);
document.addEventListener(
  'toggle',
  ({ target }) => {
    if (target instanceof HTMLDetailsElement && target.open && target.matches('.row')) lightable(target);
  },
  true,
);
addEventListener('hashchange', toTarget);

/** On paper everything that has a note is open. */
let openedForPrint: HTMLDetailsElement[] = [];
matchMedia('print').addEventListener('change', ({ matches }) => {
  if (matches) openedForPrint = all<HTMLDetailsElement>('details[data-noted]:not([open])');
  for (const row of openedForPrint) row.open = matches;
});

for (const [id, act] of [
  ['theme', theme],
  ['keys', () => help?.showModal()],
  ['close', () => help?.close()],
] as const) {
  const button = one<HTMLButtonElement>(`#${id}`);
  if (!button) continue;
  button.hidden = false;
  button.addEventListener('click', act);
}
for (const known of all('p.known'))
  known.textContent = 'Point at a bar: it says what was known, and leads to the row that wrote it.';
for (const row of all('details.row[open]')) lightable(row);
toTarget();

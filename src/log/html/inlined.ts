// Made from the style sheets and browser.ts by: npm run page

export const STYLE = `/* How a run looks: paper and ink, one colour a meaning, and no meaning in colour alone. */

:root {
  color-scheme: light;
  --paper: #fcfbf8;
  --card: #f4f1ea;
  --ink: #22201b;
  --dim: #666157;
  --rule: #dad5c9;
  --bad: #b3261e;
  --bad-paper: #fbe9e6;
  --good: #2a6b3c;
  --warn: #855300;
  --life: #1d5f7d;
  --mark: #6a3ea1;
  --lit: #ffe08a;
  --server: #5f95ad;
  --client: #9a83bd;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  --serif:
    Charter, "Bitstream Charter", "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, "DejaVu Serif", serif;
}

@media (prefers-color-scheme: dark) {
  :root:not([data-theme="light"]) {
    color-scheme: dark;
    --paper: #17181b;
    --card: #202226;
    --ink: #e8e4db;
    --dim: #a39d90;
    --rule: #3a3c42;
    --bad: #ff9188;
    --bad-paper: #3a1f1f;
    --good: #8acb9a;
    --warn: #e3b661;
    --life: #85c3df;
    --mark: #c9abf2;
    --lit: #6b5514;
    --server: #3f7f9c;
    --client: #7c64a6;
  }
}

:root[data-theme="dark"] {
  color-scheme: dark;
  --paper: #17181b;
  --card: #202226;
  --ink: #e8e4db;
  --dim: #a39d90;
  --rule: #3a3c42;
  --bad: #ff9188;
  --bad-paper: #3a1f1f;
  --good: #8acb9a;
  --warn: #e3b661;
  --life: #85c3df;
  --mark: #c9abf2;
  --lit: #6b5514;
  --server: #3f7f9c;
  --client: #7c64a6;
}

* {
  box-sizing: border-box;
}

html {
  scroll-padding: 3.5rem 0 2rem;
  -webkit-text-size-adjust: 100%;
  text-size-adjust: 100%;
}

body {
  margin: 0 auto;
  max-width: 1560px;
  padding: 1.5rem clamp(0.75rem, 3vw, 3rem) 4rem;
  background: var(--paper);
  color: var(--ink);
  font: 16px / 1.5 var(--serif);
  font-variant-numeric: oldstyle-nums;
  overflow-wrap: anywhere;
}

a {
  color: inherit;
  text-decoration-color: var(--dim);
  text-underline-offset: 0.15em;
}

a:hover {
  text-decoration-color: currentColor;
  text-decoration-thickness: 2px;
}

:focus-visible {
  outline: 2px solid var(--life);
  outline-offset: 1px;
}

code,
pre,
kbd,
cite,
.no,
.say,
.bits,
.fact b,
svg {
  font-family: var(--mono);
  font-variant-numeric: normal;
}

cite {
  white-space: nowrap;
  font-style: normal;
  font-size: 0.86em;
  color: var(--dim);
}

.skip:not(:focus),
.heard {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

.tips {
  position: absolute;
}

button {
  padding: 0.15rem 0.6rem;
  border: 1px solid var(--rule);
  border-radius: 99px;
  background: none;
  color: var(--dim);
  font: 13px / 1.5 var(--serif);
  cursor: pointer;
}

button:hover {
  color: var(--ink);
  border-color: var(--dim);
}

kbd {
  padding: 0 0.3em;
  border: 1px solid var(--rule);
  border-radius: 3px;
  font-size: 0.85em;
}

/* ---- what was played */

.masthead {
  max-width: 46rem;
  margin-bottom: 2.5rem;
}

.title {
  display: flex;
  gap: 0.5rem;
  align-items: baseline;
}

.eyebrow {
  flex: 1;
  margin: 0;
  color: var(--dim);
  font-style: italic;
}

h1 {
  margin: 0.2rem 0 0.3rem;
  font-size: clamp(2rem, 5vw, 3rem);
  font-weight: 400;
  line-height: 1.1;
  letter-spacing: -0.01em;
}

h1 span {
  color: var(--dim);
}

.about,
.played {
  margin: 0.3rem 0;
}

.about {
  font-size: 1.12rem;
}

.played,
.jumps,
.command span,
.effort {
  color: var(--dim);
}

.verdict {
  margin: 1.2rem 0;
  padding-left: 1rem;
  border-left: 3px solid var(--verdict, var(--dim));
}

.verdict p,
.verdict ul {
  margin: 0.2rem 0;
}

.verdict ul {
  padding-left: 1.1em;
}

.verdict strong {
  margin-right: 0.5em;
  color: var(--verdict, var(--ink));
  font-size: 1.5rem;
  line-height: 1.2;
}

.verdict.untouched,
.verdict.recovered {
  --verdict: var(--good);
}

.verdict.lost,
.verdict.broken {
  --verdict: var(--bad);
}

.verdict.unknown {
  --verdict: var(--warn);
}

.jumps,
.command {
  margin: 0.4rem 0;
}

.command code {
  margin-left: 0.4em;
  padding: 0.15rem 0.5rem;
  border-radius: 4px;
  background: var(--card);
  font-size: 0.85rem;
  user-select: all;
}

h2 {
  margin: 2.2rem 0 0.8rem;
  padding-bottom: 0.25rem;
  border-bottom: 1px solid var(--rule);
  font-size: 1.35rem;
  font-weight: 400;
}

h3 {
  margin: 0 0 0.3rem;
  font-size: 1rem;
  font-style: italic;
  font-weight: 400;
}

.switch {
  display: flex;
  flex-wrap: wrap;
  gap: 0.2rem 1.2rem;
  margin: 0;
  padding: 0;
  border: 0;
  color: var(--dim);
}

.switch legend {
  float: left;
  padding: 0;
  margin-right: 1rem;
}

.switch input {
  accent-color: var(--life);
}

/* How memory is drawn: lanes, bars, the cut through them, and the account. */

.pair,
.arms,
.heads {
  display: grid;
  grid-template-columns: minmax(0, 1fr);
  gap: 2.5rem 3rem;
}

figure {
  margin: 0;
}

figure svg {
  display: block;
  width: 100%;
  overflow: visible;
  font-size: 11.5px;
}

figure text {
  fill: var(--ink);
}

.axis {
  height: 34px;
}

.axis text,
.axis .unit {
  fill: var(--dim);
}

.axis .tick {
  stroke: var(--dim);
}

.axis text.cut {
  fill: var(--bad);
  font-weight: 600;
}

text.left {
  text-anchor: end;
}

line.cut {
  stroke: var(--bad);
  stroke-width: 1.5;
  stroke-dasharray: 4 2;
}

.lanes {
  margin: 0;
  padding: 0;
  list-style: none;
}

.whose {
  position: relative;
  padding: 0.45rem 0 0.1rem;
  color: var(--dim);
  font-size: 0.85rem;
  font-style: italic;
}

.whose .through {
  position: absolute;
  inset: 0;
  height: 100%;
}

.lane {
  min-width: 0;
}

li.lane {
  border-bottom: 1px solid var(--rule);
}

li.lane.lit {
  background: color-mix(in srgb, var(--lit) 45%, transparent);
}

.track {
  height: 34px;
}

.track rect.server {
  fill: var(--server);
}

.track rect.client {
  fill: var(--client);
}

.track a:is(:hover, :focus-visible) rect {
  fill: var(--ink);
}

.track .seam {
  stroke: var(--paper);
  stroke-width: 2;
}

.track .torn {
  stroke: var(--bad);
  stroke-width: 3;
}

.track .across {
  stroke: var(--good);
  stroke-width: 2;
  stroke-dasharray: 2 2;
}

.track .subject {
  paint-order: stroke;
  stroke: var(--paper);
  stroke-width: 4px;
}

.track .mark {
  paint-order: stroke;
  stroke: var(--paper);
  stroke-width: 4px;
  font-weight: 700;
}

text.LOST {
  fill: var(--bad);
}

text.KEPT {
  fill: var(--good);
}

text.REBUILT {
  fill: var(--warn);
}

.known {
  min-height: 1.5em;
  margin: 0.4rem 0 0;
  color: var(--dim);
  font-size: 0.85rem;
}

.account {
  margin-top: 0.5rem;
}

.account ul {
  margin: 0;
  padding: 0;
  list-style: none;
  font-size: 0.92rem;
}

.account li {
  display: grid;
  grid-template-columns: 6rem minmax(0, 1fr);
  padding: 0.15rem 0;
}

.account small {
  color: var(--dim);
}

.fate {
  font-weight: 700;
}

.fate.LOST {
  color: var(--bad);
}

.fate.KEPT {
  color: var(--good);
}

.fate.REBUILT {
  color: var(--warn);
}

/* How an arm is drawn: heads, lines, arrows, bars, steps and answers. */

.heads {
  position: sticky;
  top: 0;
  z-index: 2;
  background: var(--paper);
  border-bottom: 1px solid var(--rule);
}

.head,
.row,
.row summary,
.answer {
  --left: 4.6rem;
  --right: 4rem;
}

.head {
  padding: 0.3rem var(--right) 0.3rem var(--left);
}

.head svg {
  display: block;
  width: 100%;
  height: 22px;
  overflow: visible;
  font-size: 12px;
  font-weight: 600;
}

.head text {
  fill: var(--life);
  text-anchor: middle;
}

.arm > h3 {
  margin: 0.8rem 0 0.2rem;
}

.row,
.answer {
  position: relative;
  font-size: 12px;
  line-height: 18px;
}

details.row {
  display: block;
}

.row:not(details),
.row > summary {
  display: grid;
  grid-template-columns: var(--left) minmax(0, 1fr) var(--right);
  list-style: none;
}

.row > summary {
  cursor: pointer;
}

.row > summary::-webkit-details-marker {
  display: none;
}

.row > summary:hover,
.row:target > summary,
.row:target:not(details) {
  background: var(--card);
}

.row > summary:hover .say,
.row:target .say {
  background: var(--card);
}

.no {
  padding: 2px 0 0 2px;
  font-size: 11.5px;
}

.no small {
  display: block;
  color: var(--dim);
  font-size: 10px;
  line-height: 13px;
  white-space: nowrap;
}

.row .lane {
  position: relative;
  display: block;
  min-height: 34px;
  padding-bottom: 4px;
}

.ladder {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  overflow: visible;
  pointer-events: none;
  font-size: 11.5px;
}

.ladder svg {
  overflow: visible;
}

.say {
  position: relative;
  display: block;
  width: fit-content;
  padding: 1px 3px 0;
  background: var(--paper);
}

.packet .say {
  overflow: hidden;
  white-space: nowrap;
  text-overflow: ellipsis;
}

.packet .say,
.link .say {
  height: 18px;
}

.link .say {
  overflow: hidden;
  color: var(--dim);
  white-space: nowrap;
  text-overflow: ellipsis;
}

.shaft {
  display: block;
  height: 13px;
}

.loud {
  position: relative;
  display: block;
  margin: 2px calc(-1 * var(--right)) 2px 0;
  padding: 2px 6px;
  border-left: 3px solid var(--bad);
  background: var(--bad-paper);
  font: 13px / 1.4 var(--serif);
}

.loud .word {
  color: var(--bad);
  font-weight: 700;
}

.loud cite {
  color: inherit;
}

.ladder line,
.ladder path {
  stroke: var(--ink);
  fill: none;
}

.ladder .alive {
  stroke: var(--rule);
  stroke-width: 2;
}

.ladder .said {
  stroke-width: 1.4;
}

.ladder .data {
  stroke-width: 3;
}

.ladder .begins,
.ladder .ends {
  stroke: var(--dim);
  stroke-dasharray: 1 3;
  stroke-linecap: round;
}

.ladder .bad,
.ladder .end {
  stroke: var(--bad);
}

.ladder .end {
  stroke-width: 2.5;
}

.ladder rect.head {
  fill: var(--life);
}

.ladder text.head {
  fill: var(--paper);
  font-weight: 600;
  text-anchor: middle;
}

.ladder .dot {
  fill: var(--good);
}

.tip {
  fill: var(--ink);
}

.ring {
  fill: var(--paper);
  stroke: var(--dim);
}

.stop {
  stroke: var(--dim);
  stroke-width: 2;
}

.cross {
  fill: none;
  stroke: var(--bad);
  stroke-width: 2;
}

.life .say {
  margin: 24px calc(-1 * var(--right)) 2px 0;
  max-width: none;
  color: var(--life);
  font-family: var(--serif);
  font-size: 13px;
}

.cut .say {
  margin: 22px 0 4px;
}

.bar .say {
  margin-right: calc(-1 * var(--right));
  max-width: none;
}

.bar .say {
  width: auto;
  padding: 4px 8px;
  border-left: 3px solid var(--bad);
  background: var(--bad-paper);
  font: 13px / 1.4 var(--serif);
}

.bar strong {
  color: var(--bad);
}

.told .say {
  border-color: var(--warn);
  background: var(--card);
}

.fact {
  display: block;
  padding-left: 1em;
  color: var(--ink);
}

.fact b {
  font-size: 11.5px;
  font-weight: 600;
}

.tags {
  padding: 2px 0 0 6px;
  font-size: 11px;
  line-height: 12px;
}

.tag {
  display: block;
}

.needs,
dt.needs {
  --word: var(--warn);
}

.keeps {
  --word: var(--good);
}

.LOST {
  --word: var(--bad);
}

.proof {
  --word: var(--life);
}

.hint {
  --word: var(--dim);
}

.tag,
.notes .word,
dt {
  color: var(--word);
}

.tag.LOST {
  font-weight: 700;
}

.differ {
  color: var(--mark);
  font: italic 12px var(--serif);
}

.step {
  margin: 0.9rem 0 0.3rem;
  padding-top: 0.35rem;
  border-top: 1px solid var(--rule);
  color: var(--dim);
  font-size: 0.95rem;
  font-weight: 400;
}

.step b {
  color: var(--ink);
}

.answer {
  padding: 3px var(--right) 6px var(--left);
}

.answer .ladder {
  left: var(--left);
  width: calc(100% - var(--left) - var(--right));
}

.answer p {
  position: relative;
  width: fit-content;
  margin: 0;
  padding: 1px 8px;
  border-radius: 4px;
  background: var(--card);
  font: 13px / 1.5 var(--serif);
}

.answer .word {
  color: var(--good);
  font-weight: 600;
}

.answer.failed .word {
  color: var(--bad);
}

.gap {
  position: relative;
}

.gap .ladder {
  left: 4.6rem;
  width: calc(100% - 8.6rem);
}

.part {
  display: flex;
  gap: 0.8rem;
  align-items: center;
  margin: 0.8rem 0;
  color: var(--mark);
  font-style: italic;
}

.part::before,
.part::after {
  content: "";
  flex: 1;
  border-top: 2px solid var(--mark);
}

/* How an open message is drawn: bytes, fields, notes and the ledger. */

.open {
  container-type: inline-size;
  margin: 2px 0 10px;
  padding: 0.6rem 0.8rem;
  border-left: 3px solid var(--life);
  background: var(--card);
  font: 14px / 1.45 var(--serif);
}

.whole {
  margin: 0 0 0.5rem;
}

.whole small,
.rest,
p.byte {
  color: var(--dim);
}

.halves {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem 1.5rem;
}

.bytes {
  flex: 0 1 auto;
}

.hex {
  margin: 0;
  font-size: 12px;
  line-height: 1.6;
  white-space: pre;
  overflow-wrap: normal;
  max-height: 26rem;
  overflow-y: auto;
  padding: 1px 2px;
}

/* Bytes stay in sight while fields pass under them. */
@container (max-width: 560px) {
  .bytes {
    position: sticky;
    top: 2rem;
    z-index: 1;
    flex-basis: 100%;
    background: var(--card);
  }

  .bytes .hex {
    max-height: 9.6rem;
  }

  .halves .fields {
    max-height: none;
  }
}

.rest,
p.byte {
  margin: 0;
  font-size: 12px;
  min-height: 1.5em;
}

.hex .lit,
.fields .lit,
.notes .lit,
.ledger .lit {
  background: var(--lit);
}

.hex .lit {
  box-shadow: 0 0 0 1px var(--ink);
}

.hex .lit.high {
  background: linear-gradient(90deg, var(--lit) 50%, transparent 50%);
}

.hex .lit.low {
  background: linear-gradient(90deg, transparent 50%, var(--lit) 50%);
}

.fields,
.notes,
.ledger ul {
  margin: 0;
  padding: 0;
  list-style: none;
}

.fields {
  flex: 1 1 15rem;
  min-width: 0;
  max-height: 26rem;
  overflow-y: auto;
}

.fields li {
  display: grid;
  grid-template-columns: 3.2rem minmax(0, 1fr);
  padding: 1px 3px;
}

.fields .at {
  color: var(--dim);
  font: 11.5px / 1.75 var(--mono);
}

.fields code {
  font-size: 0.88em;
}

.fields .bits {
  color: var(--mark);
  white-space: nowrap;
}

.fields .lit .at,
.fields .lit .bits,
.notes .lit cite,
.ledger .lit small {
  color: inherit;
}

.gloss {
  font-style: italic;
}

.open .notes {
  margin-top: 0.5rem;
  padding-top: 0.4rem;
  border-top: 1px solid var(--rule);
}

.notes li {
  display: grid;
  grid-template-columns: 4.6rem minmax(0, 1fr);
  padding: 2px 3px;
}

.notes .word {
  font-weight: 700;
}

.notes .lit .word {
  color: inherit;
}

.row.memory .notes {
  font: 13px / 1.4 var(--serif);
}

h5 {
  margin: 0.5rem 0 0;
  padding-top: 0.4rem;
  border-top: 1px solid var(--rule);
  color: var(--dim);
  font-size: 0.9rem;
  font-style: italic;
  font-weight: 400;
}

.ledger li {
  padding: 2px 3px;
  font-size: 0.92em;
}

.ledger b {
  font: 600 0.9em var(--mono);
}

.ledger .lit .fate {
  color: inherit;
}

/* The end of the page, and where it stands: side by side, on a telephone, on paper. */

footer {
  max-width: 46rem;
  margin-top: 3rem;
  padding-top: 0.8rem;
  border-top: 1px solid var(--rule);
}

.guide dl > div {
  display: grid;
  grid-template-columns: 5.5rem minmax(0, 1fr);
}

dl {
  margin: 0.5rem 0;
}

dt {
  font-weight: 600;
}

dd {
  margin: 0;
}

summary {
  cursor: pointer;
}

dialog {
  max-width: min(26rem, calc(100vw - 2rem));
  padding: 1rem 1.5rem 1.5rem;
  border: 1px solid var(--rule);
  border-radius: 8px;
  background: var(--paper);
  color: var(--ink);
}

dialog h2 {
  margin-top: 0;
}

dialog dl > div {
  display: grid;
  grid-template-columns: 7rem minmax(0, 1fr);
  padding: 2px 0;
}

dialog::backdrop {
  background: rgb(0 0 0 / 45%);
}

@media (min-width: 900px) {
  body:has(#show-both:checked) :is(.pair, .arms, .heads) {
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    row-gap: 0;
  }

  body:not(:has(#show-both:checked)) :is(.pair, .arms, .heads) {
    grid-template-columns: minmax(0, 60rem);
  }

  /* Line beside line: each arm has as many, and they share the heights. */
  body:has(#show-both:checked) .arm {
    display: grid;
    grid-row: 1 / span var(--lines);
    grid-template-columns: minmax(0, 1fr);
    grid-template-rows: subgrid;
  }

  body:has(#show-both:checked) :is(.row:not(details), .row:not([open]) > summary) {
    height: 100%;
  }

  .own {
    display: none;
  }
}

@media (max-width: 899px) {
  /* One under the other: there is nothing to stand beside. */
  .gap {
    display: none;
  }

  .heads {
    display: none;
  }

  .own {
    position: sticky;
    top: 0;
    z-index: 2;
    background: var(--paper);
    border-bottom: 1px solid var(--rule);
  }
}

@media (max-width: 560px) {
  .head,
  .row,
  .row summary,
  .answer {
    --left: 3.1rem;
    --right: 1.1rem;
  }

  .no small {
    font-size: 9px;
  }

  .no .unit {
    display: none;
  }

  .row.memory .notes li {
    display: block;
  }

  .tag span:last-child {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
  }

  .tags {
    padding-left: 4px;
  }

  .open {
    padding: 0.5rem;
  }

  .hex {
    font-size: 11px;
  }

  .fields li {
    grid-template-columns: 2.8rem minmax(0, 1fr);
  }
}

/* The last word about what is shown: an arm that was not asked for is not. */
body:has(#show-control:checked) :is(.severed, .gap),
body:has(#show-severed:checked) :is(.control, .gap) {
  display: none;
}

@media (prefers-reduced-motion: no-preference) {
  .hex span,
  .fields li,
  .notes li {
    transition: background-color 0.12s;
  }
}

@media print {
  :root:root:root {
    color-scheme: light;
    --paper: #fff;
    --card: #fff;
    --ink: #000;
    --dim: #444;
    --rule: #bbb;
    --bad: #a01810;
    --bad-paper: #fff;
    --good: #1d5a2c;
    --warn: #6d4300;
    --life: #124b66;
    --mark: #532a8a;
  }

  body {
    padding: 0;
    font-size: 11pt;
  }

  button,
  .switch,
  .known,
  .byte,
  .toLane,
  .skip {
    display: none;
  }

  .heads {
    position: static;
  }

  .fields {
    max-height: none;
  }

  .row,
  .account,
  li.lane {
    break-inside: avoid;
  }
}
`;

export const SCRIPT = `(() => {
  const LIT = "lit";
  let here;
  const all = (selector, within = document) => [
    ...within.querySelectorAll(selector)
  ];
  const one = (selector) => document.querySelector(selector) ?? void 0;
  const elementOf = ({ target }) => target instanceof Element ? target : void 0;
  function focusRow(row) {
    if (!row) return;
    here = row;
    const stop = row.querySelector(":scope > summary") ?? row;
    stop.focus({ preventScroll: true });
    stop.scrollIntoView({ block: "nearest" });
  }
  function armHere() {
    const own = here?.closest(".arm");
    if (own?.checkVisibility()) return own;
    return all(".arm").filter((arm) => arm.checkVisibility()).at(-1);
  }
  function move(by, wanted = () => true) {
    const arm = armHere();
    if (!arm) return;
    const rows = all(".row", arm);
    const at = here ? rows.indexOf(here) : -1;
    for (let next = at + by; next >= 0 && next < rows.length; next += by) {
      const row = rows[next];
      if (row && wanted(row)) return focusRow(row);
    }
  }
  function changeSides() {
    const arm = here?.closest(".arm");
    const line = here;
    const other = all(".arm").find((each) => each !== arm && each.checkVisibility());
    if (!arm || !line || !other) return;
    for (let at = [...arm.children].indexOf(line); at >= 0; at--) {
      const beside = other.children[at];
      if (beside instanceof HTMLElement && beside.matches(".row")) return focusRow(beside);
    }
  }
  function toTarget() {
    const target = location.hash === "" ? null : document.getElementById(location.hash.slice(1));
    if (!target) return;
    const both = one("#show-both");
    if (!target.checkVisibility() && both) both.checked = true;
    for (let around = target.parentElement; around; around = around.parentElement)
      if (around instanceof HTMLDetailsElement) around.open = true;
    if (!target.matches(".row")) return target.scrollIntoView({ block: "center" });
    if (target instanceof HTMLDetailsElement) target.open = true;
    focusRow(target);
  }
  function lightable(row) {
    const pre = row.querySelector("pre.hex:not([data-ready])");
    if (!pre) return;
    pre.dataset.ready = "";
    const lines = (pre.textContent ?? "").split("\\n").filter((line) => line !== "");
    pre.textContent = "";
    for (const line of lines) {
      const start = Number.parseInt(line.slice(0, 4), 16);
      const pairs = line.slice(6).split("  ", 1)[0]?.split(" ") ?? [];
      const drawn = line.slice(-pairs.length);
      pre.append(\`\${line.slice(0, 4)}  \`);
      pairs.forEach((pair, index) => {
        pre.append(byteOf(start + index, pair), index < pairs.length - 1 ? " " : "");
      });
      pre.append(line.slice(6 + pairs.join(" ").length, -pairs.length));
      [...drawn].forEach((character, index) => {
        pre.append(byteOf(start + index, character));
      });
      pre.append("\\n");
    }
    all(".fields > li[data-at]", row).forEach((field, index) => {
      field.tabIndex = index === 0 ? 0 : -1;
    });
  }
  function byteOf(at, text) {
    const byte = document.createElement("span");
    byte.dataset.byte = String(at);
    byte.textContent = text;
    return byte;
  }
  const lit = [];
  let described = null;
  function kindle(element, ...how) {
    if (!element) return;
    element.classList.add(LIT, ...how);
    lit.push(element);
  }
  function dark() {
    for (const element of lit.splice(0)) element.classList.remove(LIT, "high", "low");
    if (described) described.textContent = "";
  }
  function light(row, fields, byte) {
    dark();
    for (const field of fields) {
      kindle(field);
      const { at, to, mask, field: id = "" } = field.dataset;
      if (byte === void 0) lightBytes(row, Number(at), Number(to), mask === void 0 ? 255 : Number(mask));
      for (const note of all(".notes > li", row)) if (note.dataset.field === id) kindle(note);
      for (const line of all(".ledger li", row)) {
        if (!JSON.parse(line.dataset.fields ?? "[]").includes(id)) continue;
        kindle(line);
        kindle(document.getElementById(line.dataset.lane ?? ""));
      }
    }
    if (byte !== void 0) {
      lightBytes(row, byte, byte + 1, 255);
      bring(row.querySelector(".fields"), fields[0]);
      describe(row, byte);
    }
  }
  function bring(list, element) {
    if (!list || !element || list.matches(":hover")) return;
    const [window, own] = [list.getBoundingClientRect(), element.getBoundingClientRect()];
    if (own.top < window.top || own.bottom > window.bottom) list.scrollTop += own.top - window.top - window.height / 3;
  }
  function lightBytes(row, from, to, mask) {
    bring(row.querySelector("pre.hex"), row.querySelector(\`[data-byte="\${from}"]\`));
    for (let at = from; at < to; at++)
      for (const byte of all(\`[data-byte="\${at}"]\`, row))
        kindle(byte, ...(mask & 15) === 0 ? ["high"] : (mask & 240) === 0 ? ["low"] : []);
  }
  function describe(row, at) {
    described = row.querySelector("p.byte");
    const pair = row.querySelector(\`[data-byte="\${at}"]\`)?.textContent ?? "";
    const value = Number.parseInt(pair, 16);
    if (!described) return;
    const bits = Number.isNaN(value) ? "a secret" : value.toString(2).padStart(8, "0").replace(/(....)/, "$1 ");
    described.textContent = \`byte \${at}: \${pair}, \${bits}\`;
  }
  function pointed(event) {
    const element = elementOf(event);
    const row = element?.closest("details.row");
    const stay = element?.closest(".track a");
    if (stay) {
      const known = stay.closest("figure")?.querySelector(".known");
      if (known) known.textContent = stay.getAttribute("aria-label");
    }
    if (!row || !element) return;
    const fields = all(".fields > li[data-at]", row);
    const byte = element.closest("[data-byte]")?.dataset.byte;
    if (byte !== void 0) {
      const at = Number(byte);
      return light(
        row,
        fields.filter(({ dataset }) => Number(dataset.at) <= at && at < Number(dataset.to)),
        at
      );
    }
    const field = element.closest(".fields > li[data-at]");
    if (field) return light(row, [field]);
    const about = element.closest(".notes > li[data-field]")?.dataset.field;
    if (about !== void 0)
      light(
        row,
        fields.filter(({ dataset }) => dataset.field === about)
      );
  }
  function moveInside(by) {
    const focused = document.activeElement;
    const row = focused?.closest("details.row");
    if (!(row instanceof HTMLDetailsElement) || !row.open || !focused) return false;
    const stops = [row.querySelector("summary"), ...all(".fields > li[data-at]", row)];
    const at = stops.findIndex((stop) => stop?.isSameNode(focused));
    const next = at === -1 ? void 0 : stops[at + by];
    if (!next) return false;
    for (const stop of stops.slice(1)) if (stop) stop.tabIndex = stop === next ? 0 : -1;
    next.focus();
    return true;
  }
  function open(row, wanted) {
    if (!(row instanceof HTMLDetailsElement)) return;
    row.open = wanted;
    if (!wanted) focusRow(row);
  }
  function theme() {
    const { dataset } = document.documentElement;
    const isDark = dataset.theme ? dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    dataset.theme = isDark ? "light" : "dark";
  }
  const help = one("#help");
  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => moveInside(1) || move(1),
    ArrowUp: () => moveInside(-1) || move(-1),
    ArrowRight: () => open(here, true),
    ArrowLeft: () => open(here, false),
    Escape: () => open(here, false),
    n: () => move(1, (row) => row.dataset.noted !== void 0),
    c: () => focusRow(all(".row.cut").find((row) => row.checkVisibility())),
    p: () => one(".part")?.scrollIntoView({ block: "center" }),
    s: changeSides,
    d: theme,
    "?": () => help?.showModal()
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
    if (event.target instanceof HTMLInputElement) return;
    const act = KEYS[event.key];
    if (!act || event.key.startsWith("Arrow") && !here) return;
    event.preventDefault();
    act();
  });
  document.addEventListener("focusin", (event) => {
    const row = elementOf(event)?.closest(".row");
    if (row) here = row;
    pointed(event);
  });
  document.addEventListener("focusout", dark);
  document.addEventListener("pointerover", pointed);
  document.addEventListener("pointerout", dark);
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (target instanceof HTMLDetailsElement && target.open && target.matches(".row")) lightable(target);
    },
    true
  );
  addEventListener("hashchange", toTarget);
  let openedForPrint = [];
  matchMedia("print").addEventListener("change", ({ matches }) => {
    if (matches) openedForPrint = all("details[data-noted]:not([open])");
    for (const row of openedForPrint) row.open = matches;
  });
  for (const [id, act] of [
    ["theme", theme],
    ["keys", () => help?.showModal()],
    ["close", () => help?.close()]
  ]) {
    const button = one(\`#\${id}\`);
    if (!button) continue;
    button.hidden = false;
    button.addEventListener("click", act);
  }
  for (const known of all("p.known"))
    known.textContent = "Point at a bar: it says what was known, and leads to the row that wrote it.";
  for (const row of all("details.row[open]")) lightable(row);
  toTarget();
})();
`;

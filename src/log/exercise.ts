// What came of an exercise, for whoever is at it: the story so far, the byte that was wrong, what was expected and why, where the arms
// part, and one question. No times, ports or process numbers: the same server is told the same.

import type { Entry, Numbered } from '../capture/records.ts';
import type { Attempt, Report } from '../lab/checker.ts';
import type { Finding, Printed, Run } from '../lab/exercise.ts';
import { printable } from '../wire/printable.ts';
import { armInWords } from './events.ts';
import { column, drawn, heading, hexLine, TerminalLog } from './terminal.ts';
import { type Line, type Look, type Span, wrap } from './text.ts';

/** Rows of the story that are told: what led to the failure, and no more than a screen holds. */
const ROWS = 8;
/** A longer citation is a sentence, in characters. */
const CLAUSE = 40;
/** Lines of bytes that are shown, at the most. */
const DUMPED = 3;
/** Where texts behind a word begin. */
const TEXT = 12;

/** A report, but for the command to type next. `file`: where the server stands. */
export function reportLines({ held, failure, verdict, beside }: Report, file: string, look: Look): Line[] {
  const lines: Line[] = [];
  if (!failure) {
    for (const { sentence } of held)
      lines.push(...wrap([{ text: '  ✓ ', style: 'good' }, { text: sentence }], look, 4));
    return [...lines, [], [{ text: `  ${file}` }]];
  }
  const { check, finding, run } = failure;
  const told = upTo(run.entries, finding.row);
  const arm = run.entries.find((entry) => entry.is === 'arm');
  const name = ARMS[run.name] ?? (arm?.is === 'arm' ? armInWords(arm) : run.name);
  const isBegun = run.entries.some((entry) => entry.is === 'life');
  lines.push(heading(isBegun ? `${name}: the story so far` : 'before the story begins', look));
  lines.push(...storyLines(told, look));
  lines.push(...caretLines(told.at(-1), finding, look));
  lines.push(...printedLines(run.printed, look), []);
  lines.push(...paragraph('expected', finding.expected, look, check.cite));
  lines.push(...paragraph('found', finding.found, look));
  lines.push(...partingLines(run, look));
  if (beside.length > 0) lines.push(...paragraph('remark', besideInWords(beside), look));
  lines.push([], ...paragraph('think', check.ask, look), []);
  const style = verdict === 'unknown' ? 'warn' : 'bad';
  const verb = verdict === 'unknown' ? 'not shown' : 'not yet';
  lines.push([{ text: `  ${file}` }]);
  lines.push(
    ...wrap(
      [
        { text: `  ${verb} (${check.stage}): `, style },
        { text: check.sentence, style: 'bold' },
      ],
      look,
      4,
    ),
  );
  return lines;
}

/** What nobody is judged by, and may wonder at. */
function besideInWords(files: readonly string[]): string {
  const [first = '', ...more] = files.map((name) => printable(name, 60));
  const what = more.length === 0 ? first : `${first} and ${more.length} more`;
  return `${what} was written beside your server: what lies outside of STATE_DIR is still there when the next arm begins`;
}

const ARMS: Readonly<Record<string, string>> = {
  control: 'nothing is cut',
  bytewise: 'every byte arrives alone',
};

/** What the learner's server printed, so that nobody takes it for ours. */
function printedLines(printed: readonly Printed[], look: Look): Line[] {
  return printed.flatMap(({ line }) => wrap([{ text: '  your server │ ', style: 'life' }, { text: line }], look, 16));
}

/** The rows up to and with one of them, or all. */
function upTo(entries: readonly Entry[], row: number | undefined): readonly Entry[] {
  const last = row === undefined ? -1 : entries.findIndex((entry) => 'row' in entry && entry.row === row);
  return last === -1 ? entries : entries.slice(0, last + 1);
}

/** The last rows of a story, with the steps that they belong to, and before them the cuts: what comes after one is because of it. */
function storyLines(entries: readonly Entry[], look: Look): Line[] {
  const log = new TerminalLog({ level: 'line', bytes: 'none', look, timeless: true });
  const rows = entries.filter((entry): entry is Numbered => 'row' in entry && entry.is !== 'memory');
  const first = rows.at(-ROWS)?.row ?? 0;
  const from = entries.findIndex((entry) => 'row' in entry && entry.row === first);
  // The step that the first row belongs to is named too.
  const step = entries.slice(0, Math.max(0, from)).findLast((entry) => entry.is === 'step' || entry.is === 'answer');
  const shown = [...(step?.is === 'step' ? [step] : []), ...entries.slice(Math.max(0, from))];
  const lines: Line[] = [];
  /** How many of them have been told or left out. */
  let count = 0;
  const leaveOut = (some: number, where: string) => {
    if (some > 0) lines.push([{ text: `  (${some} ${some === 1 ? 'row' : 'rows'} ${where})`, style: 'dim' }]);
  };
  for (const [place, row] of rows.slice(0, -ROWS).entries()) {
    if (row.is !== 'cut') continue;
    leaveOut(place - count, count === 0 ? 'before this' : 'between');
    lines.push(...log.lines(row));
    count = place + 1;
  }
  leaveOut(rows.length - ROWS - count, count === 0 ? 'before these' : 'between');
  for (const entry of shown) {
    if (entry.is === 'answer') lines.push(...log.lines({ ...entry, answer: timeless(entry.answer) }));
    else if (entry.is !== 'arm') lines.push(...log.lines(entry));
  }
  return lines;
}

/** The bytes around the ones that were wrong, and a caret under each. */
function caretLines(entry: Entry | undefined, { at, count = 1 }: Finding, look: Look): Line[] {
  if (at === undefined || entry?.is !== 'packet') return [];
  const pairs: string[] = entry.hex.match(/../g) ?? [];
  // What is rolled by dice, or tells the time, is another one in each run.
  for (const { start, end, id, chance } of entry.fields) if (chance || id === 'date') pairs.fill('??', start, end);
  const lines: Line[] = [];
  // A byte that is missing has its place behind the last one.
  for (let start = at - (at % 16); start < at + count && lines.length < 2 * DUMPED; start += 16) {
    const row = pairs.slice(start, start + 16);
    const [left, right] = [column(Math.max(at - start, 0)), column(Math.min(at + count - start, 16) - 1) + 2];
    const isFirst = start <= at;
    const word = isFirst ? ` byte ${at}${at < entry.length ? '' : ' is not there'}` : '';
    lines.push(
      [
        { text: `      ${start.toString(16).padStart(4, '0')}  `, style: 'dim' },
        { text: hexLine(row).padEnd(49) },
        { text: ` ${row.map(drawn).join('')}`, style: 'dim' },
      ],
      ...wrap(
        [
          { text: `            ${' '.repeat(left)}` },
          { text: '^'.repeat(right - left), style: 'bad' },
          { text: word, style: 'bad' },
        ],
        look,
        12,
      ),
    );
  }
  return lines;
}

/** Where a severed arm, or the bytewise one, ceases to be like the control arm. */
function partingLines(run: Run, look: Look): Line[] {
  const { control } = run;
  if (!control) return [];
  const step = control.steps.findIndex(
    (each, index) => each.answer !== run.steps[index]?.answer || each.failed !== run.steps[index]?.failed,
  );
  const [before, after] = [control.steps[step], run.steps[step]];
  if (!before) return [];
  return [
    [],
    ...paragraph('they part', `at step ${step + 1}, “${before.name}”`, look),
    ...paragraph('  control', timeless(before.answer), look),
    ...paragraph('  here', after ? timeless(after.answer) : 'never reached', look),
  ];
}

/** A word at the left, and its text beside it. */
export function paragraph(word: string, text: string, look: Look, cite?: string): Line[] {
  // A clause is looked up as a whole; a sentence is only read.
  const clause = cite && cite.length <= CLAUSE ? cite.replaceAll(' ', '\u00a0') : cite;
  const behind: Span[] = clause ? [{ text: ` [${clause}]`, style: 'dim' }] : [];
  const head: Span = { text: `  ${word.padEnd(TEXT - 2)}`, style: 'warn' };
  return wrap([head, { text: timeless(text) }, ...behind], look, TEXT);
}

/** Addresses of this machine are of the moment. */
function timeless(text: string): string {
  return text.replace(/\b127\.0\.0\.1:\d+/g, 'your server');
}

/** What a cut did to a server that looked right. */
export function attemptLines({ judgement, run }: Attempt, file: string, look: Look): Line[] {
  const { verdict, because } = judgement;
  const holds = verdict === 'untouched' || verdict === 'recovered';
  const arm = run.entries.find((entry) => entry.is === 'arm');
  return [
    heading(arm?.is === 'arm' ? armInWords(arm) : run.name, look),
    ...storyLines(run.entries, look),
    ...printedLines(run.printed, look),
    ...partingLines(run, look),
    [],
    [{ text: `  ${file}` }],
    ...wrap(
      [
        { text: `  ${verdict}`, style: holds ? 'good' : 'bad' },
        { text: `: ${timeless(because)}`, style: 'bold' },
      ],
      look,
      4,
    ),
    ...(holds ? wrap([{ text: '  It holds here. Most places are such: look for the one that is not.' }], look, 2) : []),
  ];
}

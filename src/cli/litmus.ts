// `amnesia litmus`: every cut at every place, and the matrix that follows.

import { type MatrixRow, litmus as measure } from '../lab/litmus.ts';
import { missingStore } from '../lab/store.ts';
import { VERDICTS, type Verdict } from '../lab/story.ts';
import { matrixLines, matrixMarkdown } from '../log/matrix.ts';
import { heading } from '../log/terminal.ts';
import { wrap } from '../log/text.ts';
import { printableJson } from '../wire/printable.ts';
import { EXIT } from './errors.ts';
import { type Picked, pickAll } from './pick.ts';
import { type Screen, screen } from './screen.ts';
import { typed } from './typed.ts';

export interface LitmusOptions {
  seed: number;
  json?: boolean | undefined;
  markdown?: boolean | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
}

export async function litmus(named: readonly string[], options: LitmusOptions): Promise<number> {
  const asked = await pickAll(named, 'litmus');
  const out = screen(options);
  const picked = possible(asked);
  if (picked.length === 0) return EXIT.unknown;
  const rows = await matrix(picked, options.seed, out);
  if (options.json) {
    process.stdout.write(rows.map((row) => `${printableJson(row)}\n`).join(''));
  } else if (options.markdown) {
    process.stdout.write(`${matrixMarkdown(rows)}\n`);
  } else {
    const arms = rows.reduce(
      (sum, row) => sum + 1 + row.cuts.reduce((places, cut) => places + cut.places.length, 0),
      0,
    );
    out.print(heading(`what ${arms} runs say, each cut at its worst place`, out.look), ...matrixLines(rows, out.look));
    report(picked, rows, out);
    if (rows.length === 1 && picked[0])
      out.print(
        [],
        [
          { text: '  next: ', style: 'dim' },
          { text: typed(`amnesia demo ${rows[0]?.protocol}/${rows[0]?.design}`), style: 'bold' },
        ],
      );
  }
  // What could not be measured is not known, and not known is never a pass.
  return Math.max(exitCode(picked, rows), picked.length < asked.length ? EXIT.unknown : EXIT.asClaimed);
}

/** Those that can be played here; the others are named, with what they lack. */
export function possible(picked: readonly Picked[]): Picked[] {
  return picked.filter(({ story, design }) => {
    const missing = missingStore(story.card, design);
    if (missing !== undefined) process.stderr.write(`amnesia: skipped: ${missing}\n`);
    return missing === undefined;
  });
}

/** Measures all rows, with progress while a person watches. */
export async function matrix(
  picked: readonly Picked[],
  seed: number,
  out: Screen,
  { brief = false } = {},
): Promise<MatrixRow[]> {
  const rows: MatrixRow[] = [];
  const origin = process.hrtime.bigint();
  for (const { story, design } of picked) {
    rows.push(
      await measure({
        story,
        design,
        seed,
        origin,
        brief,
        progress: (done, of) => out.progress(`${story.card.name}/${design}: run ${done + 1} of ${of}…`),
      }),
    );
  }
  out.progress('');
  return rows;
}

/** Where a claim and a measurement disagree. A claim is about the worst place: where not all were tried, better is no contradiction. */
export function contradicting({ story, telling }: Picked, row: MatrixRow | undefined): string[] {
  if (!row) return [];
  const better = (verdict: Verdict, claim: Verdict, places: number) =>
    places < story.steps.length - 1 && VERDICTS.indexOf(verdict) < VERDICTS.indexOf(claim);
  return row.cuts.flatMap(({ cut, verdict, places }) => {
    const claim = telling.claims[cut];
    return claim === undefined || claim === verdict || verdict === 'unknown' || better(verdict, claim, places.length)
      ? []
      : [`${row.protocol}/${row.design}: its author claims ${claim} for ${cut}, and it is ${verdict}`];
  });
}

/** Says where a measurement contradicts a claim, or tells nothing, and why. Returns the exit code that follows. */
export function report(picked: readonly Picked[], rows: readonly MatrixRow[], out: Screen): number {
  for (const text of contradictions(picked, rows))
    out.print(...wrap([{ text: `  NOT AS CLAIMED: ${text}`, style: 'bad' }], out.look, 4));
  for (const row of rows) {
    for (const { cut, places } of row.cuts) {
      for (const { place, judgement } of places) {
        if (judgement.verdict !== 'unknown') continue;
        const where = `${row.protocol}/${row.design} ${cut} --at ${place}`;
        out.print(...wrap([{ text: `  unknown: ${where}: ${judgement.because}`, style: 'warn' }], out.look, 4));
      }
    }
  }
  return exitCode(picked, rows);
}

function contradictions(picked: readonly Picked[], rows: readonly MatrixRow[]): string[] {
  return picked.flatMap((each, index) => contradicting(each, rows[index]));
}

function exitCode(picked: readonly Picked[], rows: readonly MatrixRow[]): number {
  if (contradictions(picked, rows).length > 0) return EXIT.notAsClaimed;
  const unknown = rows.some(
    (row) =>
      row.filedUnder === 'unknown' || row.heldBy === 'unknown' || row.cuts.some(({ verdict }) => verdict === 'unknown'),
  );
  return unknown ? EXIT.unknown : EXIT.asClaimed;
}

// `amnesia replay`: the same story, seed and cut once more. The same log comes of it, or it is shown where it does not.

import { isDeepStrictEqual } from 'node:util';
import { type Entry, record } from '../capture/records.ts';
import { still } from '../capture/still.ts';
import { playArm } from '../lab/arm.ts';
import { judge } from '../lab/litmus.ts';
import { discardHost, type Host, startHost } from '../lab/lives.ts';
import { type Cut, type CutKind, placeFromWords } from '../lab/story.ts';
import { eventInWords } from '../log/events.ts';
import { heading } from '../log/terminal.ts';
import { wrap } from '../log/text.ts';
import { EXIT, UsageError } from './errors.ts';
import { titleOf } from './exports.ts';
import { pick } from './pick.ts';
import { readRun } from './runs.ts';
import { screen } from './screen.ts';

export interface ReplayOptions {
  ascii?: boolean | undefined;
  color?: boolean | undefined;
  showSecrets?: boolean | undefined;
}

export async function replay(which: string | undefined, options: ReplayOptions): Promise<number> {
  const { header, entries, path } = readRun(which);
  const { seed } = header;
  if (seed === null)
    throw new UsageError(
      `${path} was served to clients of flesh and blood: their time and chance do not come back. Type: amnesia show ${which ?? 1}`,
    );
  if (header.exec !== undefined)
    throw new UsageError(`${path} was played with a server that is not ours. Type: ${header.exec}`);
  const { story, design } = await pick(`${header.protocol}/${header.design}`);
  const at = header.at === null ? undefined : placeFromWords(header.at);
  const cut: Cut | undefined = header.cut === null || !at ? undefined : { is: header.cut as CutKind, at };
  const out = screen(options);
  const origin = process.hrtime.bigint();
  const ahead: Host[] = [startHost(), ...(cut ? [startHost()] : [])];
  const host = () => ahead.shift() ?? startHost();
  const again: Entry[] = [];
  let verdict: string | undefined;
  try {
    const play = async (arm: number, withCut?: Cut) => {
      out.progress(`playing the ${withCut ? 'severed' : 'control'} arm again…`);
      const settings = header.settings ?? {};
      const played = await playArm({
        story,
        design,
        seed,
        origin,
        settings,
        asides: true,
        host,
        ...(withCut ? { cut: withCut } : {}),
      });
      if (played.fault) throw played.fault;
      const firstRow = again.reduce((last, entry) => ('row' in entry ? entry.row + 1 : last), 1);
      again.push(...record(played.traces, { card: story.card, arm, firstRow }));
      return played;
    };
    const control = await play(1);
    if (cut) verdict = judge(story.card, control, await play(2, cut)).verdict;
  } finally {
    out.progress('');
    for (const each of ahead) await discardHost(each);
  }

  out.print(heading(`replay: ${titleOf(header)}`, out.look));
  const differs = firstDifference(entries, again);
  if (!differs && verdict === header.verdict) {
    const rows = again.filter((entry) => 'row' in entry).length;
    out.print(
      ...wrap(
        [
          { text: '  the same', style: 'good' },
          {
            text: `: ${rows} rows, byte for byte; only times, process numbers and ports are others${verdict ? `; ${verdict}, as before` : ''}`,
          },
        ],
        out.look,
        4,
      ),
    );
    return EXIT.asClaimed;
  }
  if (differs) {
    out.print([{ text: '  another one', style: 'bad' }, { text: ': the two part here' }]);
    for (const [name, entry] of [
      ['then', differs.before],
      ['now', differs.after],
    ] as const)
      out.print(
        ...wrap(
          [
            { text: `    ${name.padEnd(5)}`, style: 'mark' },
            { text: entry ? inWords(entry) : 'nothing: it had ended' },
          ],
          out.look,
          9,
        ),
      );
    for (const line of differs.where) out.print(...wrap([{ text: `         ${line}`, style: 'dim' }], out.look, 9));
  }
  if (verdict !== header.verdict)
    out.print(
      ...wrap(
        [
          { text: '  verdict', style: 'bad' },
          { text: `: it was ${header.verdict ?? 'none'}, and now it is ${verdict ?? 'none'}` },
        ],
        out.look,
        4,
      ),
    );
  return EXIT.notAsClaimed;
}

/** A record as it is compared: as JSON has it, without the notes, which are made from all the others. */
function compared(entry: Entry): Entry {
  const { notes: _notes, ...plain } = JSON.parse(JSON.stringify(entry)) as Entry & { notes?: unknown };
  return still(plain as Entry);
}

function firstDifference(then: readonly Entry[], now: readonly Entry[]) {
  for (let at = 0; at < Math.max(then.length, now.length); at++) {
    const [before, after] = [then[at], now[at]];
    const [one, other] = [before && compared(before), after && compared(after)];
    if (isDeepStrictEqual(one, other)) continue;
    return { before, after, where: one && other ? namesOfDifferences(one, other) : [] };
  }
  return undefined;
}

/** Which parts of two records of one kind differ. */
function namesOfDifferences(one: Entry, other: Entry): string[] {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return names.flatMap((name) => {
    const [before, after] = [(one as never)[name], (other as never)[name]];
    if (isDeepStrictEqual(before, after) || name === 'fields' || name === 'leans') return [];
    return [`${name}: ${JSON.stringify(before)} → ${JSON.stringify(after)}`];
  });
}

function inWords(entry: Entry): string {
  return `${'row' in entry ? `#${entry.row} ` : ''}${eventInWords(entry) ?? `${entry.is} of ${'holder' in entry ? entry.holder : ''}`}`;
}

// An exercise in reading: the log with its blanks, the answers, and then the log as it was.

import type { Entry } from '../../../demos/exercises/index.ts';
import { ledger } from '../../capture/ledger.ts';
import { type Found, isRight, letterOf, playReading, type Reading, withBlanks } from '../../lab/reading.ts';
import { heading, TerminalLog } from '../../log/terminal.ts';
import { type Line, wrap } from '../../log/text.ts';
import { printable } from '../../wire/printable.ts';
import { EXIT, UsageError } from '../errors.ts';
import { askLines } from '../keys.ts';
import type { Asked } from './check.ts';
import { commandIn, next } from './check.ts';

/** Shows the log, takes the answers, and judges them. Resolves to the exit code; 0 only when all are right. */
export async function readLog(entry: Entry, reading: Reading, asked: Asked): Promise<number> {
  const { out, folder, seed, answers, prompts } = asked;
  const { id } = entry;
  if (answers && answers.length !== reading.blanks.length)
    throw new UsageError(
      `the log of ${id} has ${reading.blanks.length} blanks, and there are ${answers.length} answers. Type: amnesia exercise check ${id}`,
    );
  out.progress(`${id}: playing the story…`);
  const { entries, found } = await playReading(reading, seed);
  out.progress('');
  const given = answers ?? [];
  if (!answers) {
    const log = new TerminalLog({ level: 'line', bytes: 'none', look: out.look, timeless: true });
    for (const each of withBlanks(entries, found)) out.print(...log.lines(each));
    out.print([], heading('what belongs there?', out.look));
    for (const [index, each] of found.entries()) out.print(...question(each, index, asked));
    if (!prompts) {
      const words = found.map((_each, index) => `--answer ${letterOf(index).toUpperCase()}`).join(' ');
      out.print([], next(commandIn(folder, `check ${id} ${words}`)));
      return EXIT.unknown;
    }
    const lines = await askLines(found.map((_each, index) => `  (${letterOf(index)}) `));
    if (lines === undefined) return EXIT.unknown;
    given.push(...lines);
  }
  const wrong = found.findIndex((each, index) => !isRight(each, given[index] ?? ''));
  const first = found[wrong];
  if (first) {
    out.print(
      [],
      ...wrap(
        [
          { text: `  (${letterOf(wrong)}) `, style: 'mark' },
          { text: `“${printable(given[wrong] ?? '', 60)}” does not stand there. `, style: 'bad' },
          { text: first.blank.hint },
        ],
        out.look,
        6,
      ),
      next(commandIn(folder, `hint ${id}`)),
    );
    folder.note(id, { failed: letterOf(wrong) });
    return EXIT.notAsClaimed;
  }
  const book = ledger(entries);
  const log = new TerminalLog({ level: 'default', bytes: 'marked', look: out.look, timeless: true });
  for (const each of entries) out.print(...log.lines(each, 'row' in each ? book.notes.get(each.row) : []));
  return EXIT.asClaimed;
}

function question({ blank, row }: Found, index: number, { out }: Asked): Line[] {
  return wrap(
    [
      { text: `  (${letterOf(index)}) `, style: 'mark' },
      { text: `row #${String(row).padStart(2, '0')}: ` },
      { text: blank.ask },
    ],
    out.look,
    6,
  );
}

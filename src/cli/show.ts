// `amnesia runs`, `amnesia show`: runs that were kept, listed, and shown again as they were or as a file.

import { statSync } from 'node:fs';
import { commandOf } from '../capture/run.ts';
import { jsonLines } from '../log/jsonl.ts';
import { accountLines, type Bytes, heading, type Level, TerminalLog } from '../log/terminal.ts';
import { wrap } from '../log/text.ts';
import { printableJson } from '../wire/printable.ts';
import { EXIT } from './errors.ts';
import { armsOf, type ExportOptions, exportRun, possible, titleOf } from './exports.ts';
import { keptRuns, readHeader, readRun } from './runs.ts';
import { screen } from './screen.ts';
import { typed } from './typed.ts';

export interface ShowOptions extends ExportOptions {
  log: Level;
  bytes: Bytes;
  json?: boolean | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
}

/** `which`: a number of `amnesia runs`, or a file of records. */
export async function show(which: string | undefined, options: ShowOptions): Promise<number> {
  possible(options);
  const run = await readRun(which);
  const { header, entries } = run;
  const written = await exportRun(run, options);
  const arms = armsOf(entries);
  if (options.json) {
    const lines = arms.flatMap(({ entries, ledger }) => jsonLines(entries, ledger));
    process.stdout.write(`${[printableJson(header), ...lines].join('\n')}\n`);
    for (const line of written) process.stderr.write(`${line}\n`);
    return EXIT.asClaimed;
  }
  const out = screen(options);
  // Who asks for a file wants the file.
  if (written.length > 0) {
    for (const line of written) out.text(line);
    return EXIT.asClaimed;
  }
  out.print(heading(titleOf(header), out.look));
  const log = new TerminalLog({ level: options.log, bytes: options.bytes, look: out.look });
  for (const { entries, ledger } of arms) {
    for (const entry of entries) out.print(...log.lines(entry, 'row' in entry ? ledger.notes.get(entry.row) : []));
    for (const account of ledger.accounts) out.print(...accountLines(account, out.look));
  }
  if (header.verdict)
    out.print(
      [],
      heading('verdict', out.look),
      ...wrap([{ text: `  ${header.verdict}: `, style: 'bold' }, { text: header.because ?? '' }], out.look, 4),
    );
  const command = commandOf(header);
  if (command) out.print([{ text: '  played by: ', style: 'dim' }, { text: typed(command) }]);
  return EXIT.asClaimed;
}

/** Every run that is kept, the last one first. */
export function runs(options: {
  json?: boolean | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
}): number {
  const out = screen(options);
  const paths = keptRuns();
  for (const [index, path] of paths.entries()) {
    const header = readHeader(path);
    const { mtime } = statSync(path);
    if (options.json) {
      process.stdout.write(`${printableJson({ number: index + 1, path, kept: mtime.toISOString(), ...header })}\n`);
      continue;
    }
    const when = mtime.toISOString().slice(0, 16).replace('T', ' ');
    out.print(
      ...wrap(
        [
          { text: `${String(index + 1).padStart(3)}  `, style: 'mark' },
          { text: `${when}Z  `, style: 'dim' },
          { text: `${titleOf(header)}${header.verdict ? `: ${header.verdict}` : ''}` },
        ],
        out.look,
        5,
      ),
    );
  }
  if (paths.length === 0 && !options.json) out.text('No run has been kept yet.');
  if (!options.json)
    out.print([
      { text: '  next: ', style: 'dim' },
      { text: typed(paths.length === 0 ? 'amnesia demo udp-echo' : 'amnesia show 1 --html run.html'), style: 'bold' },
    ]);
  return EXIT.asClaimed;
}

// `amnesia explain`: one row of a run, in full.

import { ledger } from '../capture/ledger.ts';
import { explainLines } from '../log/terminal.ts';
import { EXIT, UsageError } from './errors.ts';
import { readRun } from './runs.ts';
import { screen } from './screen.ts';

export interface ExplainOptions {
  run?: string | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
}

export async function explain(row: number, options: ExplainOptions): Promise<number> {
  const { header, entries } = await readRun(options.run);
  const rows = entries.filter((entry) => 'row' in entry);
  const entry = rows.find((each) => each.row === row);
  const again = options.run ? `amnesia explain 1 --run ${options.run}` : 'amnesia explain 1';
  if (!entry) throw new UsageError(`the run has rows 1 to ${rows.at(-1)?.row ?? 0}, and no row ${row}. Type: ${again}`);
  const arm = entries.filter((each) => each.arm === entry.arm);
  const out = screen(options);
  const start = arm[0];
  out.text(
    `${header.protocol}/${header.design}, ${header.seed === null ? 'live' : `seed ${header.seed}`}, ${start?.is === 'arm' && start.name === 'severed' ? `severed arm (${header.cut} at ${header.at})` : header.seed === null ? 'as it was served' : 'control arm'}`,
  );
  out.print(
    [],
    ...explainLines(
      entry,
      ledger(arm),
      { level: 'full', bytes: 'all', look: out.look },
      arm.find((each) => 'row' in each)?.t_ns ?? 0,
    ),
  );
  return EXIT.asClaimed;
}

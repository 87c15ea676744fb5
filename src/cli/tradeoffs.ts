// `amnesia tradeoffs`: what each design of http costs, and what it forgets, measured here and now.

import { DESIGNS, tradeoffs as measure } from '../lab/tradeoffs.ts';
import { heading } from '../log/terminal.ts';
import { tradeoffsLines, tradeoffsMarkdown } from '../log/tradeoffs.ts';
import { printableJson } from '../wire/printable.ts';
import { EXIT } from './errors.ts';
import { possible } from './litmus.ts';
import { pick } from './pick.ts';
import { screen } from './screen.ts';

export interface TradeoffsOptions {
  users: number;
  seconds: number;
  seed: number;
  json?: boolean | undefined;
  markdown?: boolean | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
}

export async function tradeoffs({ users, seconds, seed, ...shown }: TradeoffsOptions): Promise<number> {
  const designs = possible(await Promise.all(DESIGNS.map((design) => pick(`http/${design}`)))).map(
    ({ design }) => design,
  );
  const out = screen(shown);
  const rows = await measure({ designs, users, seconds, seed, progress: (doing) => out.progress(`${doing}…`) }).finally(
    () => out.progress(''),
  );
  if (shown.json) process.stdout.write(rows.map((row) => `${printableJson(row)}\n`).join(''));
  else if (shown.markdown) process.stdout.write(`${tradeoffsMarkdown(rows)}\n`);
  else out.print(heading('what each design of http costs, and what it forgets', out.look), ...tradeoffsLines(rows));
  // What could not be measured is not known, and not known is never a pass.
  const isKnown = designs.length === DESIGNS.length && rows.every(({ unknown }) => unknown.length === 0);
  return isKnown ? EXIT.asClaimed : EXIT.unknown;
}

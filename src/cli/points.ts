// `amnesia points`: an exchange, killed at each of its points, under every design.

import { discardHost, type Host, startHost } from '../lab/lives.ts';
import { points as measure, type PointResult } from '../lab/points.ts';
import { pointsLines, pointsMarkdown } from '../log/points.ts';
import { heading } from '../log/terminal.ts';
import { wrap } from '../log/text.ts';
import { printableJson } from '../wire/printable.ts';
import { EXIT, UsageError } from './errors.ts';
import type { LitmusOptions } from './litmus.ts';
import { pickAll } from './pick.ts';
import { screen } from './screen.ts';

export async function points(named: string, options: LitmusOptions): Promise<number> {
  const picked = await pickAll([named], 'points');
  const exchanges = picked[0]?.story.exchanges ?? [];
  if (exchanges.length === 0)
    throw new UsageError(`${named} has no exchange to kill in the middle of. Type: amnesia points mqtt`);
  const out = screen(options);
  const origin = process.hrtime.bigint();
  let ready: Host = startHost();
  // The next process starts while the present one is at work.
  const host = (): Host => {
    const taken = ready;
    ready = startHost();
    return taken;
  };
  const results: PointResult[][] = [];
  try {
    for (const { story, design } of picked) {
      const column: PointResult[] = [];
      for (const exchange of exchanges)
        column.push(
          ...(await measure({
            story,
            design,
            exchange,
            seed: options.seed,
            origin,
            host,
            progress: (done, of) =>
              out.progress(`${story.card.name}/${design}, ${exchange.name}: run ${done + 1} of ${of}…`),
          })),
        );
      results.push(column);
    }
  } finally {
    await discardHost(ready);
    out.progress('');
  }

  const table = { designs: picked.map(({ design }) => design), results };
  if (options.json) {
    for (const [nth, { story, design }] of picked.entries())
      process.stdout.write(
        (results[nth] ?? [])
          .map((result) => `${printableJson({ protocol: story.card.name, design, ...result })}\n`)
          .join(''),
      );
  } else if (options.markdown) process.stdout.write(`${pointsMarkdown(table)}\n`);
  else {
    out.print(
      heading('killed at each point of an exchange: what became of it', out.look),
      ...pointsLines(table, out.look),
    );
    for (const [nth, { design }] of picked.entries())
      for (const { exchange, at, because } of results[nth] ?? [])
        if (because)
          out.print(
            ...wrap([{ text: `  ${design}, ${exchange}, ${at ?? 'no kill'}: ${because}`, style: 'warn' }], out.look, 4),
          );
  }
  return results.flat().some(({ outcome, never }) => outcome === undefined && !never) ? EXIT.unknown : EXIT.asClaimed;
}

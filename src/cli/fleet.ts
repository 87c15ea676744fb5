// `amnesia fleet`: what users notice when something happens to one of the servers behind a balancer.

import { type Act, type FleetResult, fleet as play } from '../lab/fleet.ts';
import { fleetLines, fleetMarkdown } from '../log/fleet.ts';
import { heading } from '../log/terminal.ts';
import type { Policy } from '../protocols/balancer/rules/policies.ts';
import { printableJson } from '../wire/printable.ts';
import { EXIT, UsageError } from './errors.ts';
import { possible } from './litmus.ts';
import { pick } from './pick.ts';
import { screen } from './screen.ts';

export interface FleetOptions {
  policy: readonly Policy[];
  act: readonly Act[];
  users: number;
  seed: number;
  json?: boolean | undefined;
  markdown?: boolean | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
}

/** Every policy with every act, one after another. */
export async function fleet(named: string, options: FleetOptions): Promise<number> {
  const picked = await pick(named);
  const { story, design } = picked;
  const protocol = story.card.name;
  const { behind } = (await pick('balancer')).story.card;
  if (protocol !== behind?.protocol)
    throw new UsageError(
      `a balancer leads to servers of ${behind?.protocol}. Type: amnesia fleet ${behind?.protocol}/${behind?.design}`,
    );
  if (options.act.includes('store') && story.card.designs[design]?.holds !== 'redis')
    throw new UsageError(`${protocol}/${design} has no shared store to lose. Type: amnesia fleet ${protocol}/redis`);
  if (possible([picked]).length === 0) return EXIT.unknown;
  const out = screen(options);
  const results: FleetResult[] = [];
  try {
    for (const policy of options.policy)
      for (const act of options.act) {
        const progress = (doing: string) => out.progress(`${protocol}/${design}, ${policy}, ${act}: ${doing}…`);
        const result = await play({
          protocol,
          design,
          policy,
          act,
          users: options.users,
          seed: options.seed,
          progress,
        });
        if (options.json) process.stdout.write(`${printableJson(result)}\n`);
        results.push(result);
      }
  } finally {
    out.progress('');
  }
  if (options.markdown) process.stdout.write(`${fleetMarkdown(results)}\n`);
  else if (!options.json)
    out.print(
      heading(`${options.users} users of ${protocol}/${design} behind a balancer`, out.look),
      ...fleetLines(results),
    );
  return EXIT.asClaimed;
}

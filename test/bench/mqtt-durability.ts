// The checker of what an MQTT broker's acknowledgements are worth, run for longer, over every design and beside mosquitto.

import { card } from '../../src/protocols/mqtt/index.ts';
import { contestant, DESIGNS, type DesignName, durability, type Toll } from '../mqtt-durability.ts';
import { missing } from '../peers.ts';
import { promised, say } from './rounds.ts';

/** Kills, and whether the broker promises to survive them. */
const RUNS: Record<DesignName, [kills: number, survives: boolean]> = {
  memory: [10, false],
  disk: [60, true],
  redis: [40, true],
  aedes: [10, false],
  'aedes-level': [10, false],
  'aedes-redis': [10, false],
  mosquitto: [10, false],
};

/** What those promise who are not ours to say it. */
const OTHERS: Partial<Record<DesignName, string>> = {
  mosquitto: 'that it is in the process; with persistence it is written down every 1,800 s and at a proper end',
};

const COLUMNS: [title: string, of: (toll: Toll) => number][] = [
  ['kills', ({ kills }) => kills],
  ['messages', ({ attempted }) => attempted],
  ['acked', ({ acknowledged }) => acknowledged],
  ['owed', ({ owed }) => owed],
  ['lost', ({ lost }) => lost],
  ['phantom', ({ phantom }) => phantom],
  ['twice', ({ twice }) => twice],
  ['again', ({ again }) => again],
  ['disorder', ({ disorder }) => disorder],
  ['forgotten', ({ forgotten }) => forgotten],
  ['unanswered', ({ unanswered }) => unanswered],
];

export async function mqttDurability(): Promise<boolean[]> {
  const kept: boolean[] = [];
  const rows: string[] = [];
  for (const design of DESIGNS) {
    const [kills, survives] = RUNS[design];
    const it = await contestant(design);
    if (!it) {
      say(`\nmqtt/${design}: ${missing(design === 'mosquitto' ? 'mosquitto' : 'redis-server')}`);
      continue;
    }
    const toll = await durability({ contestant: it, kills, seed: 1 });
    rows.push(design.padEnd(14) + COLUMNS.map(([title, of]) => String(of(toll)).padStart(title.length + 2)).join(''));
    const { lost, phantom, twice, disorder, forgotten, unanswered } = toll;
    const sins = lost + phantom + twice + disorder + forgotten + unanswered;
    if (survives)
      kept.push(promised(`mqtt/${design}: everything from lost to unanswered, but again`, sins, { most: 0 }));
    // A checker that finds nothing where nothing is promised would prove nothing where something is.
    else kept.push(promised(`${design}: messages that its kills take`, lost, { least: 1 }));
  }
  say(
    '\nmqtt: kills at random protocol events; 4 publishers with 64 in flight each, fresh and resending; QoS 1 and 2;',
  );
  say(
    'subscribers awake and asleep. Owed: acknowledged messages times subscribers. Lost: of those, never seen. Twice: where',
  );
  say('all of the way is QoS 2; again: where QoS 1 allows it. Disorder: per topic and publisher, first deliveries.\n');
  say(`  ${''.padEnd(14)}${COLUMNS.map(([title]) => title.padStart(title.length + 2)).join('')}`);
  for (const row of rows) say(`  ${row}`);
  say('\nwhat an acknowledgement promises:');
  for (const design of DESIGNS)
    say(`  ${design.padEnd(14)}  ${card.designs[design]?.promises ?? OTHERS[design] ?? '(not said)'}`);
  return kept;
}

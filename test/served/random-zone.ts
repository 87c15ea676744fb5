// Zones made by dice, from so few labels that names meet: wildcards, aliases, delegations and names that only others make exist.

import { dice } from '../../src/lab/world.ts';
import { parseMasterFile, ZoneError } from '../../src/served/master-file.ts';
import { buildZone } from '../../src/served/zone.ts';

const LABELS = ['a', 'b', 'cc', '*', 'X', 'mail'];

export interface RandomZone {
  origin: string;
  text: string;
  /** Names worth asking for: in the zone, near it, and far. */
  names: string[];
}

export function randomZone(seed: number): RandomZone {
  const roll = dice(seed);
  const pick = <T>(from: readonly T[]): T => from[roll(from.length)] as T;
  const origin = `z${seed}.test.`;
  const name = () => [...Array.from({ length: roll(4) }, () => pick(LABELS)), origin].join('.');
  const target = () => (roll(5) === 0 ? 'www.example.net.' : name());
  const rdata: (() => string)[] = [
    () => `A 192.0.2.${roll(4)}`,
    () => `A 192.0.2.${roll(4)}`,
    () => `AAAA 2001:db8::${roll(4)}`,
    () => `CNAME ${target()}`,
    () => `CNAME ${target()}`,
    () => `NS ${target()}`,
    () => `MX ${roll(3)} ${target()}`,
    () => `TXT "${pick(LABELS)}" b`,
    () => `SRV 1 2 3 ${target()}`,
    () => `PTR ${target()}`,
    () => 'TYPE65280 \\# 3 010203',
    () => `TYPE43 \\# 24 00010801${'ab'.repeat(20)}`,
  ];
  const head = `$TTL 600\n${origin} SOA ns.${origin} host.${origin} 1 2 3 4 ${pick([60, 6000])}\n${origin} NS ns.${origin}\nns.${origin} A 192.0.2.53\n`;
  let text = head;
  for (let count = 4 + roll(16); count > 0; count--) {
    const line = `${name()} ${pick(rdata)()}\n`;
    try {
      buildZone(parseMasterFile(text + line, { file: 'z' }), 'z');
      text += line;
    } catch (error) {
      // Dice do not know the rules of a zone: what breaks one is left out.
      if (!(error instanceof ZoneError)) throw error;
    }
  }
  const names = new Set([origin, 'test.', 'www.example.net.', `badz${seed}.test.`, `NS.${origin.toUpperCase()}`]);
  while (names.size < 60) names.add(roll(3) === 0 ? `${pick(['q', 'A', '*'])}.${name()}` : name());
  return { origin, text, names: [...names] };
}

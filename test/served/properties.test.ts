// What holds of every answer, whatever the zone: it can be read, it says nothing new the second time, it keeps the case asked.

import dns from 'dns-packet';
import { expect, test } from 'vitest';
import type { Ready } from '../../src/served/tree.ts';
import type { Answer } from '../../src/served/zone.ts';
import { viewOf } from '../../src/wire/fields.ts';
import { messageFor, TYPES, walk, wireName, zoneOf } from './ask.ts';
import { randomZone } from './random-zone.ts';

/** An answer with nothing but what it promises. */
function plain(answer: Answer) {
  const { rcode, authoritative, answers, authority, additional } = answer;
  return { rcode, authoritative, answers, authority, additional, sections: viewOf(answer).toString('hex') };
}

const SEEDS = Array.from({ length: 150 }, (_none, seed) => seed + 1);
const ASKED = [...Object.values(TYPES), 65_280];

test('every answer of every zone can be read to its last byte, by hand and by dns-packet', () => {
  const met = new Map<string, number>();
  for (const seed of SEEDS) {
    const { text, names } = randomZone(seed);
    const zone = zoneOf(text);
    for (const name of names) {
      for (const type of ASKED) {
        const message = messageFor(zone, wireName(name), type);
        const records = walk(message);
        const packet = dns.decode(message);
        const [answers = [], authorities = [], additionals = []] = [
          packet.answers,
          packet.authorities,
          packet.additionals,
        ];
        expect(answers.length + authorities.length + additionals.length).toBe(records.length);
        const rcode = message.readUInt16BE(2) & 15;
        const authoritative = (message.readUInt16BE(2) & 0x400) !== 0;
        const kind = `${rcode} ${authoritative} ${answers.length > 0} ${authorities.map((each) => each.type)[0] ?? ''}`;
        met.set(kind, (met.get(kind) ?? 0) + 1);
      }
    }
  }
  // These kinds of answer there are, each met, and no other.
  expect([...met.keys()].sort()).toEqual([
    '0 false false NS', // a referral
    '0 true false SOA', // no such type
    '0 true true ', // an answer
    '0 true true NS', // an alias below a delegation
    '0 true true SOA', // an alias to a name without the type
    '3 true false SOA', // no such name
    '3 true true SOA', // an alias to no name
    '5 false false ', // not ours
  ]);
  expect(Math.min(...met.values())).toBeGreaterThan(10);
});

test('a zone that has been asked everything answers as one that never was', () => {
  for (const seed of SEEDS.slice(0, 40)) {
    const { text, names } = randomZone(seed);
    const asked = zoneOf(text);
    for (let times = 0; times < 2; times++) {
      for (const name of names) for (const type of ASKED) asked.answer(wireName(name), type);
    }
    for (const name of names) {
      const fresh = zoneOf(text);
      for (const type of ASKED)
        expect(
          messageFor(asked, wireName(name), type).equals(messageFor(fresh, wireName(name), type)),
          `${seed} ${name} ${type}`,
        ).toBe(true);
    }
  }
});

test('a name keeps no more answers than there are types to ask for, however often it is asked', () => {
  let most = 0;
  for (const seed of SEEDS.slice(0, 20)) {
    const { text, names } = randomZone(seed);
    const zone = zoneOf(text);
    for (let times = 0; times < 20; times++) {
      for (const name of names) {
        for (const type of ASKED) {
          let kept = 0;
          for (let each = zone.answer(wireName(name), type) as Partial<Ready>; each.next; each = each.next) kept++;
          most = Math.max(most, kept);
        }
      }
    }
  }
  expect(most).toBeGreaterThan(2);
  expect(most).toBeLessThan(ASKED.length);
});

test('in whatever case a name is asked, the sections are the same bytes, and what points to it has its case', () => {
  for (const seed of SEEDS.slice(0, 40)) {
    const { text, names } = randomZone(seed);
    const zone = zoneOf(text);
    for (const name of names) {
      for (const type of ASKED) {
        const [lower, upper] = [wireName(name.toLowerCase()), wireName(name.toUpperCase())];
        expect(plain(zone.answer(upper, type))).toEqual(plain(zone.answer(lower, type)));
        const [first] = walk(messageFor(zone, upper, type));
        if (first && zone.answer(upper, type).answers > 0) expect(first.owner).toBe(upper.toString('latin1'));
      }
    }
  }
});

test('nobody’s question changes a byte of another answer', () => {
  const { text, names } = randomZone(7);
  const zone = zoneOf(text);
  const first = names.flatMap((name) => ASKED.map((type) => zone.answer(wireName(name), type)));
  const before = first.map((each) => viewOf(each).toString('hex'));
  for (const name of [...names].reverse()) for (const type of ASKED) zone.answer(wireName(`q.${name}`), type);
  expect(first.map((each) => viewOf(each).toString('hex'))).toEqual(before);
});

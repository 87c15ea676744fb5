// The zone that comes with the package: it is one, it has one of everything, and it is of little use for hitting others.

import dns from 'dns-packet';
import { expect, test } from 'vitest';
import { EXAMPLE_ZONE } from '../../src/served/example.zone.ts';
import { parseMasterFile } from '../../src/served/master-file.ts';
import { nameText } from '../../src/served/name.ts';
import { ask, messageFor, TYPES, zoneOf } from './ask.ts';

const zone = zoneOf(EXAMPLE_ZONE);
const records = [...parseMasterFile(EXAMPLE_ZONE, { file: 'example.zone' })];
const wire = (name: string) => Buffer.from(name, 'latin1');

test('one of everything', () => {
  expect(zone.origin).toBe('example.test.');
  expect(zone.records).toBe(records.length);
  expect([...new Set(records.map(({ type }) => type))].sort((one, other) => one - other)).toEqual([
    TYPES.A,
    TYPES.NS,
    TYPES.CNAME,
    TYPES.SOA,
    TYPES.PTR,
    TYPES.MX,
    TYPES.TXT,
    TYPES.AAAA,
    TYPES.SRV,
    TYPES.HTTPS,
    TYPES.CAA,
  ]);
  expect(ask(zone, 'www.example.test', 'A')).toEqual([
    'NOERROR authoritative',
    'answer www.example.test 3600 A 192.0.2.80',
  ]);
  expect(ask(zone, 'alias-of-alias.example.test', 'AAAA')).toHaveLength(4);
  expect(ask(zone, 'away.example.test', 'A')).toHaveLength(2);
  expect(ask(zone, 'nothing.example.test', 'A')[0]).toBe('NXDOMAIN authoritative');
  expect(ask(zone, 'empty.example.test', 'A')[0]).toBe('NOERROR authoritative');
  expect(ask(zone, 'any.thing.wild.example.test', 'TXT')[1]).toBe(
    'answer any.thing.wild.example.test 3600 TXT "made for the one who asked"',
  );
  expect(ask(zone, 'tame.wild.example.test', 'TXT')).toHaveLength(2);
  expect(ask(zone, 'host.sub.example.test', 'A').filter((line) => line.startsWith('additional'))).toHaveLength(2);
  expect(ask(zone, 'www.example.test', 'HTTPS')[1]).toBe(
    'answer www.example.test 3600 UNKNOWN_65 00010000010003026832',
  );
  expect(ask(zone, 'texts.example.test', 'TXT')[1]).toBe(
    'answer texts.example.test 3600 TXT "one" "two" "and; three" "a \\"quote\\", a \\\\ and byte \\u0007"',
  );
});

test('big TXT is more than any datagram should hold, and nothing else is', () => {
  const sizes = new Map(
    records.map(({ owner, type }) => [`${nameText(owner)} ${type}`, messageFor(zone, wire(owner), type).length]),
  );
  expect(sizes.get('big.example.test. 16')).toBeGreaterThan(2000);
  sizes.delete('big.example.test. 16');
  expect(Math.max(...sizes.values())).toBeLessThan(512);
  const packet = dns.decode(messageFor(zone, wire('\x03big\x07example\x04test\0'), 16)) as {
    answers?: { data?: unknown }[];
  };
  const strings = packet.answers?.[0]?.data as Buffer[];
  expect(strings.map((each) => each.length)).toEqual(new Array(8).fill(255));
});

test('what it says is at most three times as long as the question, but for big TXT', () => {
  const most = { factor: 0, of: '' };
  const ours = [...new Set(records.map(({ owner }) => owner))];
  for (const name of [...ours, ...ours.map((each) => `\x01x${each}`), '\x05empty\x07example\x04test\0', '\x04test\0']) {
    for (const type of Object.values(TYPES)) {
      if (type === TYPES.TXT && name.startsWith('\x03big')) continue;
      const factor = messageFor(zone, wire(name), type).length / (12 + name.length + 4);
      if (factor > most.factor) Object.assign(most, { factor, of: `${nameText(name)} ${type}` });
    }
  }
  expect(most).toEqual({ factor: 3, of: 'sub.example.test. 1' });
});

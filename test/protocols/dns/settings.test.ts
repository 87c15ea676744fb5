// What a DNS server may be told before it listens, and what it says to settings that make no sense.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { REAL_WORLD } from '../../../src/lab/world.ts';
import { card } from '../../../src/protocols/dns/index.ts';
import { wire } from '../../../src/protocols/dns/wire.ts';
import { SettingError } from '../../../src/protocols/shapes.ts';
import { decode, encode } from '../../../src/wire/wire.ts';
import { opt, option, query } from './words.ts';

const folder = mkdtempSync(join(tmpdir(), 'amnesia-dns-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const configured = async (settings: Record<string, string>) => (await card.configure?.(settings, folder)) ?? card;

/** What a server of this design says to its first query, and what it remembers then. */
async function says(settings: Record<string, string>, bytes = query(), design = 'plain') {
  const { rules } = (await configured(settings)).designs[design] ?? {};
  if (!rules) throw new Error(`there is no design ${design}`);
  const state = rules.empty();
  const { events, actions } = rules.decide(state, decode(wire, bytes, 'client', 'udp'), '192.0.2.1:53', REAL_WORLD);
  for (const event of events) rules.apply(state, event);
  const [action] = actions;
  const said = action && 'say' in action ? decode(wire, encode(wire, action.say), 'server', 'udp') : undefined;
  return { words: said && wire.says(said), facts: rules.facts(state) };
}

const ZONE = '$ORIGIN own.test.\n$TTL 60\n@ SOA ns admin 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n';

describe('--zone', () => {
  test('a zone of your own', async () => {
    const zone = file('own.zone', ZONE);
    expect((await says({ zone }, query({ name: 'ns.own.test' }))).words).toBe('NOERROR ns.own.test A → 192.0.2.1');
    expect((await says({ zone })).words).toBe('REFUSED www.example.test A');
  });

  test('and what it includes, from its own folder', async () => {
    file('more.zone', 'www A 192.0.2.9\n');
    const zone = file('including.zone', `${ZONE}$INCLUDE more.zone\n`);
    expect((await says({ zone }, query({ name: 'www.own.test' }))).words).toBe('NOERROR www.own.test A → 192.0.2.9');
  });

  test.each([
    ['wrong.zone', `${ZONE}www A 192.0.2.300\n`, 'wrong.zone:6: '],
    ['empty.zone', '', 'empty.zone:'],
  ])('%s: the file, the line and the reason', async (name, text, expected) => {
    const zone = file(name, text);
    await expect(configured({ zone })).rejects.toThrow(SettingError);
    await expect(configured({ zone })).rejects.toThrow(expected);
  });

  test.each(['missing.zone', '.'])('%s cannot be read, and the message says what to do', async (name) => {
    const zone = join(folder, name);
    await expect(configured({ zone })).rejects.toThrow(SettingError);
    await expect(configured({ zone })).rejects.toThrow('--zone');
  });

  test('without one, the zone that comes with it', async () => {
    expect((await says({})).words).toBe('NOERROR www.example.test A → 192.0.2.80');
  });
});

describe('--rate', () => {
  test('is counted against', async () => {
    expect((await says({ rate: '7' })).facts).toEqual({ 'rate[192.0.2.0/24]': '1 of 7 answers in this second' });
    expect((await says({})).facts).toEqual({ 'rate[192.0.2.0/24]': '1 of 200 answers in this second' });
    expect((await says({ rate: '0' })).facts).toEqual({});
  });

  test.each(['', '-1', '1.5', 'many', '1e3', '12345678901'])('“%s” is no rate', async (rate) => {
    await expect(configured({ rate })).rejects.toThrow(SettingError);
    await expect(configured({ rate })).rejects.toThrow('--rate');
  });
});

describe('--secret', () => {
  const withCookie = query({ records: [opt({ options: [option(10, '0011223344556677')] })] });

  test.each(['', 'abc', '0'.repeat(31), '0'.repeat(33), 'g'.repeat(32)])('“%s” is no key', async (secret) => {
    await expect(configured({ secret })).rejects.toThrow(SettingError);
    await expect(configured({ secret })).rejects.toThrow('--secret');
  });

  test('is never told, not even in an error', async () => {
    const secret = `${'0123456789abcdef'.repeat(2)}0`;
    await expect(configured({ secret })).rejects.not.toThrow(secret);
    const { facts } = await says({ secret: secret.slice(1), rate: '0' }, withCookie, 'cookie-shared');
    expect(facts).toEqual({});
  });

  test('dns/cookie-shared does not begin without one', async () => {
    await expect(says({}, withCookie, 'cookie-shared')).rejects.toThrow('--secret');
  });

  test('dns/cookie has a key of its own, whatever it is given', async () => {
    const { facts } = await says({ secret: '0'.repeat(32), rate: '0' }, withCookie, 'cookie');
    expect(facts).toEqual({ secret: 'a key that nobody else has' });
  });
});

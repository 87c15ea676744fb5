// A fleet in short: what must be so of each policy and each act, whatever the figures are.

import { describe, expect, test } from 'vitest';
import { type Act, type FleetResult, fleet, loadOf } from '../src/lab/fleet.ts';
import { fleetLines, fleetMarkdown } from '../src/log/fleet.ts';
import type { Policy } from '../src/protocols/balancer/rules/policies.ts';

const USERS = 30;

const play = (design: string, policy: Policy, act: Act) =>
  fleet({ protocol: 'http', design, policy, act, users: USERS, seed: 1 });

/** Whoever was at work asked several times, and each server answered some of it. */
function worked({ requests, loadBefore }: FleetResult): void {
  expect(requests).toBeGreaterThanOrEqual(6 * USERS);
  for (const answers of Object.values(loadBefore.servers)) expect(answers).toBeGreaterThan(0);
}

describe('with sessions in the memory of one server', () => {
  test('turns log most users out before anything has happened, and are even', async () => {
    const result = await play('memory', 'round-robin', 'none');
    worked(result);
    // Of three requests in a row two go elsewhere, but for who happens to ask each time when its turn has come round.
    expect(result.loggedOutBefore).toBeGreaterThan(0.8);
    expect(result.failed).toBe(0);
    // But for the requests that were on their way when they were counted, each user's one.
    expect(result.loadBefore.maxToMean).toBeLessThan(1.25);
  });

  test('with a sticky cookie the crash of one server of three logs out its third, and nobody else', async () => {
    const result = await play('memory', 'cookie', 'crash');
    worked(result);
    expect(result.loggedOutBefore).toBe(0);
    // They were led in turn when they signed in, so it is a third but for who came when.
    expect(result.loggedOut).toBeGreaterThan(0.25);
    expect(result.loggedOut).toBeLessThan(0.42);
    // What has no effect is asked again elsewhere; only what was being changed on the server that died may have failed.
    expect(result.failed).toBeLessThan(0.1 * result.requests);
  });

  test('by the hash of their name only those move who are the new server’s', async () => {
    const result = await play('memory', 'hash', 'add');
    worked(result);
    expect([result.loggedOutBefore, result.failed]).toEqual([0, 0]);
    // A quarter is fair; these thirty names are always the same ones.
    expect(result.loggedOut).toBeGreaterThan(0.05);
    expect(result.loggedOut).toBeLessThan(0.5);
    expect(result.loadAfter.servers['4']).toBeGreaterThan(0);
  });

  test('a rolling deploy that empties each server first fails no request, and still logs everybody out', async () => {
    const result = await play('memory', 'cookie', 'drain');
    worked(result);
    expect([result.loggedOutBefore, result.failed, result.loggedOut]).toEqual([0, 0, 1]);
  });
});

test('whoever carries a token is logged out by nothing of all this', async () => {
  const result = await play('token', 'round-robin', 'crash');
  worked(result);
  expect(result.loggedOut).toBe(0);
});

test('a fleet of what has no store cannot lose it', async () => {
  await expect(play('memory', 'cookie', 'store')).rejects.toThrow('no shared store');
});

test('evenness: who was never asked counts as well', () => {
  const load = loadOf(
    new Map([
      ['1', 3],
      ['2', 3],
    ]),
    ['1', '2', '3'].map((name) => ({ name })),
  );
  expect(load.servers).toEqual({ 1: 3, 2: 3, 3: 0 });
  expect(load.maxToMean).toBeCloseTo(1.5);
  expect(load.deviation).toBeCloseTo(Math.SQRT1_2);
  expect(loadOf(new Map(), [{ name: '1' }])).toEqual({ servers: { 1: 0 }, maxToMean: 1, deviation: 0 });
});

test('the table fits 80 columns, and says the same as Markdown', () => {
  const load = { maxToMean: 1.234, deviation: 0.5678 };
  const row = {
    protocol: 'http',
    design: 'memory',
    policy: 'round-robin',
    act: 'deploy',
    requests: 123_456,
    failed: 12_345,
    loggedOutBefore: 1,
    loggedOut: 1,
    loadBefore: load,
    loadAfter: load,
  };
  const lines = fleetLines([row]).map((line) => line.map(({ text }) => text).join(''));
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines[2]).toMatch(/round-robin +deploy +100\.0 % +100\.0 % +123456 +12345 +1\.23 → 1\.23 +0\.57 → 0\.57/);
  expect(fleetMarkdown([row]).split('\n')[2]).toBe(
    '| http/memory | round-robin | deploy | 100.0 % | 100.0 % | 123456 | 12345 | 1.23 → 1.23 | 0.57 → 0.57 |',
  );
});

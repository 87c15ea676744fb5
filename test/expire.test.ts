// The passing of time: on the lab's clock, which stands still until it is moved, and on the one on the wall.

import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { story as dns } from '../demos/dns.ts';
import { story as session } from '../demos/tcp-session.ts';
import { ledger } from '../src/capture/ledger.ts';
import { playArm } from '../src/lab/arm.ts';
import { judge } from '../src/lab/litmus.ts';
import { beginLife } from '../src/lab/lives.ts';
import { expiryOf, type Story } from '../src/lab/story.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { REAL_WAITS, realClock, seededWorld, standingClock } from '../src/lab/world.ts';
import type { ClientOptions, World } from '../src/protocols/shapes.ts';
import { card as right } from '../src/protocols/tcp-session/index.ts';
import { entriesOf, play, printed } from './promises.ts';
import { fromSource } from './source.ts';
import { card } from './variants/lease.ts';

fromSource();

const HOUR = 3600_000;
const START = Date.UTC(2026, 0, 1);

describe("the lab's clock", () => {
  test('stands still until it is moved, and stands where it was moved to', () => {
    const clock = standingClock();
    expect(clock.now()).toBe(START);
    clock.pass(HOUR);
    expect(clock.now()).toBe(START + HOUR);
    expect(standingClock(HOUR).now()).toBe(START + HOUR);
  });

  test('every alarm on the way rings once, at its own time, in order', () => {
    const clock = standingClock();
    const rung: number[] = [];
    const ring = () => {
      rung.push(clock.now() - START);
      if (rung.length < 3) clock.wake(clock.now() + HOUR, ring);
    };
    clock.wake(START + HOUR, ring);
    clock.pass(HOUR - 1);
    expect(rung).toEqual([]);
    clock.pass(1);
    expect(rung).toEqual([HOUR]);
    clock.pass(24 * HOUR);
    expect(rung).toEqual([HOUR, 2 * HOUR, 3 * HOUR]);
    expect(clock.now()).toBe(START + 25 * HOUR);
  });

  test('an alarm that is set again or taken back does not ring for the time before', () => {
    const clock = standingClock();
    const ring = vi.fn();
    clock.wake(START + 1, ring);
    clock.wake(undefined, ring);
    clock.pass(HOUR);
    expect(ring).not.toHaveBeenCalled();
    clock.wake(START + 2 * HOUR, ring);
    clock.wake(START + 3 * HOUR, ring);
    clock.pass(HOUR);
    expect(ring).not.toHaveBeenCalled();
    clock.pass(HOUR);
    expect(ring).toHaveBeenCalledTimes(1);
  });

  test('what is due already rings soon, and never while it is being set', async () => {
    const clock = standingClock();
    const ring = vi.fn();
    clock.wake(START, ring);
    expect(ring).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(ring).toHaveBeenCalledTimes(1));
  });

  test('rules that wait for ever for the same moment are a fault, not a circle', () => {
    const clock = standingClock();
    const ring = () => clock.wake(START + 1, ring);
    ring();
    expect(() => clock.pass(HOUR)).toThrow('still wait for it');
  });
});

describe('the clock on the wall', () => {
  afterEach(() => void vi.useRealTimers());

  test('rings at a time that is further away than any timer can be set', () => {
    vi.useFakeTimers();
    const clock = realClock();
    const ring = vi.fn();
    const days = 60 * 24 * HOUR;
    clock.wake(clock.now() + days, ring);
    vi.advanceTimersByTime(days - 1);
    expect(ring).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ring).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(days);
    expect(ring).toHaveBeenCalledTimes(1);
  });

  test('waits on when the clock was set back, and rings for the last time it was told only', () => {
    vi.useFakeTimers();
    const clock = realClock();
    const [first, second] = [vi.fn(), vi.fn()];
    clock.wake(clock.now() + 1000, first);
    clock.wake(clock.now() + 2000, second);
    vi.setSystemTime(Date.now() - 5000);
    vi.advanceTimersByTime(6999);
    expect(second).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(second).toHaveBeenCalledTimes(1);
    expect(first).not.toHaveBeenCalled();
    clock.wake(clock.now() + 1000, first);
    clock.wake(undefined, first);
    vi.advanceTimersByTime(2000);
    expect(first).not.toHaveBeenCalled();
  });

  test('keeps no process alive', () => {
    const before = process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length;
    const clock = realClock();
    clock.wake(clock.now() + HOUR, () => {});
    expect(process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length).toBe(before);
    clock.wake(undefined, () => {});
  });
});

describe('the cut', () => {
  const address = new URL('./variants/lease.ts', import.meta.url).href;
  const leased = { ...session, card, protocol: address, lifetime: HOUR } as unknown as Story;
  const cut = { is: 'expire', at: { after: 2 } } as const;

  test('lets a day and a minute pass, or a minute more than the lifetime that the story names', () => {
    expect(expiryOf({})).toBe(24 * HOUR + 60_000);
    expect(expiryOf({ lifetime: HOUR })).toBe(HOUR + 60_000);
  });

  test.each(['memory', 'disk'])(
    '%s: what ends by itself has a row of its own, is told, and is lost',
    async (design) => {
      const subject = { story: leased, design };
      const severed = await play(subject, cut);
      expect(judge(card, await play(subject), severed)).toMatchObject({ verdict: 'broken' });
      const entries = entriesOf(subject, severed);
      const at = entries.findIndex((entry) => entry.is === 'cut');
      expect(entries.slice(at, at + 3)).toMatchObject([
        { is: 'cut', cut: 'expire', who: 'session/1', by: HOUR + 60_000 },
        { is: 'memory', holder: 'session/1', changes: [{ subject: 'session[1]' }, { subject: 'path[client]' }] },
        { is: 'packet', side: 'server', kind: 'RESET' },
      ]);
      const [account] = ledger(entries).accounts;
      expect(account?.outcomes[0]).toMatchObject({ subject: 'session[1]', fate: 'LOST' });
      const log = printed(entries).join('\n');
      expect(log).toContain('AN HOUR PASSES for session/1');
      expect(log).toContain('forgets session[1]');
    },
  );

  test('what the story says is shorter than the lifetime takes nothing', async () => {
    const subject = { story: { ...leased, lifetime: HOUR - 120_000 }, design: 'memory' };
    const severed = await play(subject, cut);
    expect(judge(card, await play(subject), severed)).toMatchObject({ verdict: 'untouched' });
  });

  test('a cookie is good for an hour: a client that shows it later is told so, and asks again', async () => {
    const play = (lifetime: number | undefined) =>
      playArm({
        story: { ...dns, ...(lifetime === undefined ? {} : { lifetime }) } as unknown as Story,
        design: 'cookie-shared',
        seed: 1,
        origin: process.hrtime.bigint(),
        cut,
      });
    const control = await playArm({
      story: dns as unknown as Story,
      design: 'cookie-shared',
      seed: 1,
      origin: process.hrtime.bigint(),
    });
    expect(judge(dns.card, control, await play(undefined))).toMatchObject({ verdict: 'recovered' });
    expect(judge(dns.card, control, await play(58 * 60_000))).toMatchObject({ verdict: 'untouched' });
  });

  test("the client's clock goes along", async () => {
    const worlds: World[] = [];
    const connect = (options: ClientOptions) => {
      worlds.push(options.world);
      return card.connect(options);
    };
    await play({ story: { ...leased, card: { ...card, connect } }, design: 'memory' }, cut);
    expect(worlds.map((world) => world.now())).toEqual([START + HOUR + 60_000]);
  });

  test('a clock that stood still is no passing of time', async () => {
    const subject = { story: leased, design: 'memory' };
    const [control, severed] = [await play(subject), await play(subject, cut)];
    const still = severed.traces.map((trace) => (trace.is === 'passed' ? { ...trace, by: 0 } : trace));
    expect(judge(card, control, { ...severed, traces: still })).toMatchObject({
      verdict: 'unknown',
      because: 'the passing of time left no trace: the clock stood still',
    });
  });

  test.each([
    ['still there', HOUR / 2, { 'session[1]': expect.stringContaining('open') }],
    ['gone before anybody is answered', 2 * HOUR, {}],
  ])('what came to its end while nobody lived: %s', async (_name, passed, known) => {
    const { path: folder, remove } = temporaryFolder();
    onTestFinished(remove);
    const begin = (who: string, passed: number) =>
      beginLife({
        protocol: address,
        design: 'disk',
        who,
        host: '127.0.0.1',
        port: 0,
        folder,
        seed: 1,
        passed,
        origin: '0',
      });
    const first = await begin('session/1', 0);
    const { port } = first;
    const world = seededWorld(1, 'client');
    const client = await right.connect({ host: '127.0.0.1', port, world, waits: REAL_WAITS, design: 'disk' });
    await client.open(1000);
    await client.close();
    await first.kill();
    const second = await begin('session/2', passed);
    expect((await second.forget()).facts).toEqual(known);
    await second.stop();
  });
});

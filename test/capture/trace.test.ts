// What a run writes down while it goes on, so that no kill can take it.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { changesBetween, clockSince, fileSink, readTraces, type Trace } from '../../src/capture/trace.ts';

describe('a sink into a file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'amnesia-'));
    path = join(folder, 'run.jsonl');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const written = () => readTraces(readFileSync(path, 'utf8'));

  const bytes = (nth: number): Trace => ({
    t: nth,
    who: 'echo/1',
    is: 'bytes',
    over: 'tcp',
    way: 'read',
    local: '127.0.0.1:7007',
    remote: '[::1]:50412',
    base64: Buffer.from(`datagram ${nth}`).toString('base64'),
  });
  const EVERY: Trace[] = [
    { t: 1, who: 'lab', is: 'arm', arm: 'severed', cut: 'kill', at: 'hello' },
    { t: 2, who: 'echo/1', is: 'born', pid: 4300, path: '127.0.0.1:7007', facts: { a: 'é "quoted"\n' }, notes: [] },
    { t: 3, who: 'lab', is: 'step', step: 0, name: 'says "hello"', aside: false },
    bytes(4),
    { ...bytes(5), way: 'sent', base64: '' } as Trace,
    { t: 6, who: 'client', is: 'link', over: 'tcp', what: 'reset read', local: 'a', remote: 'b' },
    { t: 7, who: 'echo/1', is: 'memory', because: { path: 'a', nth: 2 }, changes: [{ subject: 'a', before: 'x' }] },
    { t: 8, who: 'lab', is: 'kill', pid: 4300, on: '2nd ECHO' },
    { t: 9, who: 'echo/1', is: 'died', signal: 'SIGKILL', code: null },
  ];

  test('every kind of trace is one line, and reads back as it was: the empty datagram, too', () => {
    const file = fileSink(path);
    for (const trace of EVERY) file.sink(trace);
    file.close();
    expect(written()).toEqual(EVERY);
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(EVERY.length + 2);
  });

  test('is written when the call returns, without any closing', () => {
    const file = fileSink(path);
    for (const [nth, trace] of EVERY.entries()) {
      file.sink(trace);
      expect(written()).toEqual(EVERY.slice(0, nth + 1));
    }
    file.close();
  });

  test('what is held waits for a flush, and never for its turn: order is kept', () => {
    const file = fileSink(path);
    file.hold(bytes(1));
    file.hold(bytes(2));
    expect(written()).toEqual([]);
    file.flush();
    expect(written()).toEqual([bytes(1), bytes(2)]);
    file.flush();
    file.hold(bytes(3));
    file.sink(bytes(4));
    expect(written()).toEqual([1, 2, 3, 4].map(bytes));
    file.hold(bytes(5));
    file.close();
    expect(written()).toEqual([1, 2, 3, 4, 5].map(bytes));
  });

  test('a kill in the middle of a write costs that trace, and no other', () => {
    const file = fileSink(path);
    for (const trace of EVERY) file.sink(trace);
    file.close();
    const whole = readFileSync(path, 'utf8');
    const ends = Array.from(whole.matchAll(/\n/g), ({ index }) => index);
    for (let cut = 0; cut <= whole.length; cut++)
      expect(readTraces(whole.slice(0, cut))).toEqual(
        EVERY.slice(0, Math.max(0, ends.filter((end) => end < cut).length - 1)),
      );
  });

  test('a file that is full says so, and grows no more', () => {
    const file = fileSink(path, 300);
    for (let nth = 0; nth < 100; nth++) file.sink(bytes(nth));
    file.close();
    const traces = written();
    expect(traces.length).toBeLessThan(20);
    expect(traces.at(-1)).toMatchObject({ is: 'gap', t: traces.at(-2)?.t });
  });

  test('what a kill cut short costs the next life nothing, wherever it was cut', () => {
    const before = fileSink(path);
    for (const trace of [bytes(1), EVERY[1]]) if (trace) before.sink(trace);
    before.close();
    const whole = readFileSync(path, 'utf8');
    const ends = Array.from(whole.matchAll(/\n/g), ({ index }) => index);
    for (let cut = 0; cut <= whole.length; cut++) {
      writeFileSync(path, whole.slice(0, cut));
      const next = fileSink(path);
      next.sink(bytes(9));
      next.close();
      const kept = Math.max(0, ends.filter((end) => end < cut).length - 1);
      expect(written()).toEqual([bytes(1), EVERY[1]].slice(0, kept).concat(bytes(9)));
    }
  });

  test('goes on behind what is there: two processes write one file', () => {
    const [one, two] = [fileSink(path), fileSink(path)];
    for (let nth = 0; nth < 10; nth++) (nth % 2 === 0 ? one : two).sink(bytes(nth));
    one.close();
    two.close();
    expect(written()).toEqual(Array.from({ length: 10 }, (_, nth) => bytes(nth)));
  });

  test('holds what was said in secret: nobody else on the machine may read it', () => {
    const file = fileSink(path);
    file.close();
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe('how facts differ', () => {
  test('subject by subject: gone, changed, new; what stayed is not mentioned', () => {
    const before = { gone: '1', changed: '2', stayed: '3' };
    const after = { stayed: '3', changed: 'two', fresh: '4' };
    expect(changesBetween(before, after)).toEqual([
      { subject: 'gone', before: '1' },
      { subject: 'changed', before: '2', after: 'two' },
      { subject: 'fresh', after: '4' },
    ]);
  });

  test('from nothing, to nothing, and not at all', () => {
    expect(changesBetween({}, { a: '1' })).toEqual([{ subject: 'a', after: '1' }]);
    expect(changesBetween({ a: '1' }, {})).toEqual([{ subject: 'a', before: '1' }]);
    expect(changesBetween({ a: '1', b: '' }, { b: '', a: '1' })).toEqual([]);
  });
});

test('the clock of a run counts nanoseconds from its origin, and never backwards', () => {
  const clock = clockSince(process.hrtime.bigint() - 5_000_000_000n);
  const readings = Array.from({ length: 100 }, clock);
  expect(readings[0]).toBeGreaterThanOrEqual(5_000_000_000);
  expect(readings).toEqual(readings.toSorted((a, b) => a - b));
  expect(readings.every(Number.isSafeInteger)).toBe(true);
});

import { describe, expect, test } from 'vitest';
import type { LinkEvent, Trace } from '../src/capture/trace.ts';
import { inOrder, openings } from '../src/lab/endings.ts';

let t = 0;
const link = (local: string, what: LinkEvent): Trace => ({
  ...{ t: t++, who: 'client', is: 'link', over: 'tcp', what },
  ...{ local: `127.0.0.1:${local}`, remote: '127.0.0.1:1' },
});
const kill = (): Trace => ({ t: t++, who: 'server/1', is: 'kill', pid: 1 });
const died = (): Trace => ({ t: t++, who: 'server/1', is: 'died', signal: 'SIGKILL', code: null });
const step = (): Trace => ({ t: t++, who: 'client', is: 'step', step: 1, name: '', aside: false });
/** Who does what, without times. */
const told = (traces: readonly Trace[]) =>
  traces.map((trace) => (trace.is === 'link' ? `${trace.local.slice(10)} ${trace.what}` : trace.is));

describe('endings after a kill', () => {
  test('are told as the connections were opened, whichever came first; times stay where they are', () => {
    const traces = [
      ...[link('7', 'connected'), link('5', 'connected'), kill(), link('5', 'fin read'), died(), link('5', 'fin sent')],
      ...[link('7', 'reset read'), step()],
    ];
    const ordered = inOrder(traces);
    expect(told(ordered)).toEqual([
      ...['7 connected', '5 connected', 'kill', '7 reset read', 'died', '5 fin read', '5 fin sent', 'step'],
    ]);
    expect(ordered.map((trace) => trace.t)).toEqual(traces.map((trace) => trace.t));
  });

  test('a port that is used again belongs to the later connection', () => {
    const traces = [
      ...[link('5', 'connected'), link('5', 'fin read'), link('7', 'connected'), link('5', 'connected'), kill()],
      ...[link('5', 'fin read'), link('7', 'fin read')],
    ];
    expect(told(inOrder(traces)).slice(5)).toEqual(['7 fin read', '5 fin read']);
  });

  test('what came after anything else had happened has an order, and keeps it', () => {
    const traces = [
      ...[link('7', 'connected'), link('5', 'connected'), link('5', 'fin read'), link('7', 'fin sent')],
      ...[kill(), link('5', 'fin sent'), step(), link('7', 'fin read')],
    ];
    expect(inOrder(traces)).toEqual(traces);
  });
});

describe('open connections', () => {
  test('are waited for until the other side has ended each of them', async () => {
    const connections = openings();
    for (const path of ['5', '7']) connections.see(link(path, 'connected'));
    const seen: string[] = [];
    const ended = connections.ended(60_000).then(() => seen.push('ended'));
    connections.see(link('5', 'fin read'));
    connections.see(link('7', 'fin sent'));
    await new Promise(setImmediate);
    seen.push('one is open');
    connections.see(link('7', 'reset read'));
    await ended;
    expect(seen).toEqual(['one is open', 'ended']);
    await connections.ended(60_000);
  });

  test('are not waited for without end', async () => {
    const connections = openings();
    connections.see(link('5', 'connected'));
    await connections.ended(1);
  });
});

import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Trace } from '../src/capture/trace.ts';
import { readTraces } from '../src/capture/trace.ts';
import { beginLife, type Life, LifeError, startHost } from '../src/lab/lives.ts';
import type { KillOn, LifeOptions } from '../src/lab/messages.ts';
import { succession } from '../src/lab/succession.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { gone, home, lives, start } from './cli/amnesia.ts';

const origin = process.hrtime.bigint();
const folder = temporaryFolder();
afterAll(() => folder.remove());
const newHome = home();

let made = 0;
/** A path in the folder of these tests that nobody has used yet. */
const fresh = (name: string) => join(folder.path, `${name}-${++made}`);

async function life(options: Partial<LifeOptions> & { protocol: string; design: string }): Promise<Life> {
  const begun = await beginLife({
    who: 'it/1',
    host: '127.0.0.1',
    port: 0,
    origin: String(origin),
    folder: fresh('state'),
    ...options,
  });
  onTestFinished(() => begun.stop());
  return begun;
}

describe('one life after another', () => {
  test('a SIGKILL, nobody there, then the next life on the same port in another process', async () => {
    const notes: Trace[] = [];
    const line = await succession({
      options: { protocol: 'tcp-session', design: 'memory', host: '127.0.0.1', port: 0, origin: String(origin) },
      calls: 'session',
      note: (trace) => notes.push(trace),
      clock: () => 0,
    });
    onTestFinished(() => line.stop());
    const first = line.current();
    expect(await dial(line.port)).toBe('connected');
    await line.kill();
    expect(await first.died).toEqual({ signal: 'SIGKILL', code: null });
    expect(lives(first.pid)).toBe(false);
    expect(await dial(line.port)).toBe('ECONNREFUSED');
    await line.rebirth();
    const second = line.current();
    expect([first.who, second.who]).toEqual(['session/1', 'session/2']);
    expect(second.port).toBe(first.port);
    expect(second.pid).not.toBe(first.pid);
    expect(await dial(line.port)).toBe('connected');
    expect(notes.map(({ is, who }) => `${who} ${is}`)).toEqual(['session/1 kill', 'session/1 died']);
    expect(line.fault()).toBeUndefined();
  });

  test("what has died already is not killed again: the number might be somebody else's by now", async () => {
    const it = await life({ protocol: 'udp-echo', design: 'plain' });
    await it.kill();
    expect(it.dead()).toBe(true);
    await expect(it.kill()).rejects.toThrow('it/1 has died already');
    await expect(it.alive()).resolves.toBe(false);
    // Nor is it told to stop.
    await it.stop();
  });

  test('a life that ends without being told to is a fault, and is named', async () => {
    const line = await succession({
      options: { protocol: 'udp-echo', design: 'plain', host: '127.0.0.1', port: 0, origin: String(origin) },
      calls: 'echo',
      note: () => {},
      clock: () => 0,
    });
    onTestFinished(() => line.stop());
    const { pid, died } = line.current();
    process.kill(pid, 'SIGTERM');
    await died;
    await vi.waitFor(() => expect(line.fault()?.message).toBe('echo/1 ended by itself (SIGTERM)'));
  });
});

/** The end of a socket, whether or not an error comes before it. */
function closeOf(socket: net.Socket | dgram.Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function dial(port: number): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return 'connected';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'no code';
  } finally {
    socket.destroy();
  }
}

describe('a life that cannot begin says why, and leaves no process', () => {
  const begin = async (options: Partial<LifeOptions>, script?: Parameters<typeof startHost>[0]) => {
    const host = startHost(script);
    const fault = await beginLife(
      { protocol: 'udp-echo', design: 'plain', who: 'it/1', host: '127.0.0.1', port: 0, origin: '0', ...options },
      host,
    ).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(LifeError);
    expect(host.child.exitCode ?? host.child.signalCode).not.toBeNull();
    return fault as LifeError;
  };

  test('its port is taken: not our fault', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as net.AddressInfo;
    const fault = await begin({ protocol: 'tcp-session', design: 'memory', port });
    expect(fault.ours).toBe(false);
    expect(fault.message).toBe(
      `127.0.0.1 port ${port} is in use by another program: stop that one, or give another port with --port`,
    );
  });

  test("its state folder is another server's: not our fault", async () => {
    const state = fresh('state');
    await life({ protocol: 'tcp-session', design: 'disk', folder: state });
    const fault = await begin({ protocol: 'tcp-session', design: 'disk', folder: state });
    expect(fault.ours).toBe(false);
    expect(fault.message).toContain(`${state} is in use by another server`);
  });

  test('there is no such design: our fault', async () => {
    const fault = await begin({ design: 'paper' });
    expect(fault.ours).toBe(true);
    expect(fault.message).toBe('there is no udp-echo/paper');
  });

  test('its process dies first: its last words are handed on', async () => {
    const script = fresh('dies.mjs');
    await writeFile(script, 'throw new Error("no bed in this house");');
    const fault = await begin({}, { script, flags: [] });
    expect(fault.message).toMatch(/^the server died \(exit code 1\)\. [\s\S]*no bed in this house/);
  });

  test('its process hears and does nothing: it is not waited for for ever, and is ended', async () => {
    const script = fresh('idle.mjs');
    await writeFile(script, 'process.on("message", () => {});');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const begun = begin({}, { script, flags: [] });
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await begun).message).toBe('the server did not answer within 20 s');
  });
});

describe('nobody is left behind', () => {
  const CONNECTED = /session\/1 \(pid (\d+)\) listens on port\s+(\d+)/;

  test('Ctrl-C reaches the whole group: the lab ends, and its server with it', async () => {
    const serving = start(['serve', 'tcp-session', '--port', '0', '--log', 'line'], {
      env: await newHome(),
      group: true,
    });
    const [, pid, port] = await serving.prints(CONNECTED);
    const { end } = await connection(Number(port));
    process.kill(-(serving.child.pid ?? 0), 'SIGINT');
    expect((await serving.ended).code).toBe(0);
    await end;
    await gone(Number(pid));
  });

  test('Ctrl-C in the middle of a demo: exit code 130, and no server is left', async () => {
    const env = await newHome();
    const playing = start(['demo', 'udp-echo', '--predict', '--log', 'line'], { env, group: true });
    // It waits for an answer, with the second arm's server already started.
    await playing.prints(/your answer/, 'err');
    const servers = childrenOf(playing.child.pid ?? 0);
    process.kill(-(playing.child.pid ?? 0), 'SIGINT');
    expect((await playing.ended).code).toBe(130);
    for (const pid of servers) await gone(pid);
    if (process.platform === 'linux') expect(servers.length).toBeGreaterThan(0);
  });

  test('the lab itself is killed: its server notices that nobody could stop it any more, and ends', async () => {
    // Killed like this it cannot tidy up its folder of traces: that stays where temporary files stay.
    const env = { ...(await newHome()), TMPDIR: folder.path };
    const serving = start(['serve', 'tcp-session', '--port', '0', '--log', 'line'], { env });
    const [, pid, port] = await serving.prints(CONNECTED);
    const { end } = await connection(Number(port));
    serving.child.kill('SIGKILL');
    await serving.ended;
    await end;
    await gone(Number(pid));
  });

  /** Connects, and hands back the end of that connection to wait for. */
  async function connection(port: number): Promise<{ end: Promise<unknown> }> {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    socket.resume();
    return { end: closeOf(socket) };
  }

  function childrenOf(pid: number): number[] {
    if (process.platform !== 'linux') return [];
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  }
});

/** OPEN, then DATA after DATA, as bytes: a client that nobody helps. */
const OPEN = Buffer.from('11000004000003e8', 'hex');
function data(nth: number): Buffer {
  const bytes = Buffer.from('1400000500000000' + '61', 'hex');
  bytes.writeUInt32BE(1000 + nth - 1, 4);
  return bytes;
}

/** How many answers a client gets that asks, waits for the answer, and asks again. */
async function answersInStep(port: number): Promise<number> {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  const closed = closeOf(socket);
  let heard = 0;
  let answers = 0;
  socket.write(OPEN);
  socket.on('data', (chunk) => {
    heard += chunk.length;
    // OPENED has 32 bytes, an ACK 16.
    if (heard < 32 + 16 * answers) return;
    answers++;
    if (answers > 6) socket.destroy();
    else socket.write(data(answers));
  });
  await closed;
  return answers;
}

async function echoesInStep(port: number, died: Promise<unknown>): Promise<number> {
  const socket = dgram.createSocket('udp4').on('error', () => {});
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let answers = 0;
  socket.on('message', () => {
    answers++;
    if (answers < 6) socket.send(`${answers}`, () => {});
  });
  socket.send('0');
  await died;
  // Whatever it sent before it died is in our socket already; one more turn of the loop reads it.
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  const closed = closeOf(socket);
  socket.close();
  await closed;
  return answers;
}

describe('a kill on an event is exact, every time', () => {
  const on = (moment: KillOn['moment'], nth: number, kind = ''): KillOn => ({ moment, nth, kind });
  const RUNS = 10;

  test.each([
    ['memory', on('read', 1, 'OPEN'), 0, 'nothing is answered'],
    ['memory', on('read', 3, 'DATA'), 3, 'OPENED and two ACKs'],
    ['memory', on('send', 3, 'ACK'), 3, 'OPENED and two ACKs: the third was about to leave'],
    ['memory', on('sent', 3, 'ACK'), 4, 'OPENED and three ACKs: the third had just left'],
    ['disk', on('write', 3), 2, 'OPENED and one ACK: the second is written, and not safe'],
    ['disk', on('sync', 3), 2, 'OPENED and one ACK: the second is safe, and not answered'],
  ])('tcp-session/%s, %o: %i answers (%s)', async (design, kill, answers) => {
    const run = async () => {
      const it = await life({ protocol: 'tcp-session', design, kill, trace: fresh('trace') });
      const heard = await answersInStep(it.port);
      expect(await it.died).toMatchObject({ signal: 'SIGKILL' });
      return heard;
    };
    expect(await times(RUNS, run)).toEqual(Array(RUNS).fill(answers));
  });

  test.each([
    [on('read', 3, 'ECHO'), 2],
    [on('send', 3, 'REPLY'), 2],
    [on('sent', 3, 'REPLY'), 3],
  ])('udp-echo, %o: %i answers', async (kill, answers) => {
    const run = async () => {
      const it = await life({ protocol: 'udp-echo', design: 'plain', kill, trace: fresh('trace') });
      const heard = await echoesInStep(it.port, it.died);
      expect(await it.died).toMatchObject({ signal: 'SIGKILL' });
      return heard;
    };
    expect(await times(RUNS, run)).toEqual(Array(RUNS).fill(answers));
  });

  /** Two at a time: there may be no more cores. */
  async function times<T>(count: number, run: () => Promise<T>): Promise<T[]> {
    const results: T[] = [];
    while (results.length < count) results.push(...(await Promise.all([run(), run()])));
    return results;
  }
});

describe('a SIGKILL in the middle of traffic loses no record of what had an effect outside', () => {
  const tracesOf = (path: string) => readTraces(readFileSync(path, 'utf8')).filter((trace) => trace.is === 'bytes');

  test.each(['memory', 'disk'])(
    'tcp-session/%s: every byte that was answered was read and sent on the record',
    async (design) => {
      const trace = fresh('trace');
      const it = await life({ protocol: 'tcp-session', design, trace });
      const socket = net.connect(it.port, '127.0.0.1').on('error', () => {});
      const closed = closeOf(socket);
      const heard: Buffer[] = [];
      let answers = 0;
      let asked = 0;
      let killed: Promise<void> | undefined;
      const ask = () => {
        // Sixteen in flight, in one write or in several.
        const batch: Buffer[] = [];
        while (asked < answers + 16) batch.push(data(++asked));
        if (batch.length > 0) socket.write(Buffer.concat(batch));
      };
      socket.write(OPEN);
      socket.on('data', (chunk) => {
        heard.push(chunk);
        answers = Math.floor((Buffer.concat(heard).length - 32) / 16);
        ask();
        if (answers > 300) killed ??= it.kill();
      });
      await closed;
      await killed;
      const seen = Buffer.concat(heard);
      const bytes = tracesOf(trace);
      const all = (way: string) =>
        Buffer.concat(
          bytes.flatMap((each) =>
            each.is === 'bytes' && each.way === way ? [Buffer.from(each.base64, 'base64')] : [],
          ),
        );
      expect(seen.length).toBeGreaterThan(300 * 16);
      expect(all('sent').subarray(0, seen.length).equals(seen)).toBe(true);
      const acknowledged = seen.readUInt32BE(32 + (Math.floor((seen.length - 32) / 16) - 1) * 16 + 4) - 1000;
      expect(all('read').length).toBeGreaterThanOrEqual(OPEN.length + acknowledged * data(1).length);
    },
  );

  test('udp-echo: every echo that came back was read and sent on the record', async () => {
    const trace = fresh('trace');
    const it = await life({ protocol: 'udp-echo', design: 'plain', trace, bounds: { rate: 0 } });
    const socket = dgram.createSocket('udp4').on('error', () => {});
    socket.connect(it.port, '127.0.0.1');
    await once(socket, 'connect');
    const heard: string[] = [];
    let asked = 0;
    let killed: Promise<void> | undefined;
    const ask = () => {
      while (asked < heard.length + 16) socket.send(`question ${asked++}`, () => {});
    };
    socket.on('message', (reply) => {
      heard.push(reply.toString('base64'));
      if (!killed) ask();
      if (heard.length > 300) killed ??= it.kill();
    });
    ask();
    await it.died;
    await killed;
    const closed = closeOf(socket);
    socket.close();
    await closed;
    const bytes = tracesOf(trace);
    for (const way of ['read', 'sent']) {
      const recorded = new Set(bytes.flatMap((each) => (each.is === 'bytes' && each.way === way ? [each.base64] : [])));
      expect(
        heard.filter((reply) => !recorded.has(reply)),
        way,
      ).toEqual([]);
    }
    expect(heard.length).toBeGreaterThan(300);
  });
});

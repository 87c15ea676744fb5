import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../src/lab/ports.ts';
import { startStore } from '../../src/lab/store.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { needs } from '../peers.ts';
import {
  amnesia,
  gone,
  home,
  lives,
  type Options,
  PROGRAM,
  ROOT,
  type Running,
  records,
  start,
  terminal,
} from './amnesia.ts';

const newHome = home();

interface Serving extends Running {
  port: number;
  stop(signal?: NodeJS.Signals): ReturnType<typeof amnesia>;
}

/** `amnesia serve`, on any free port, until the test is over. */
async function serve(args: readonly string[], options: Options = {}): Promise<Serving> {
  const running = start(['serve', ...args, '--port', '0'], { env: await newHome(), ...options });
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
    running.child.kill(signal);
    return running.ended;
  };
  onTestFinished(async () => void (await stop()));
  const printed = args.includes('--json') ? 'err' : 'out';
  const [, port] = await running.prints(/listens on \S+ port (\d+) [\s\S]*?(Ctrl-C stops it|q quit)/, printed);
  return { ...running, port: Number(port), stop };
}

/** Says something on a connection of its own, and resolves to so many bytes of what comes back. */
async function ask(port: number, bytes: Buffer, length: number): Promise<Buffer> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  try {
    socket.write(bytes);
    let heard = Buffer.alloc(0);
    for await (const chunk of socket) {
      heard = Buffer.concat([heard, chunk]);
      if (heard.length >= length) break;
    }
    return heard;
  } finally {
    socket.destroy();
  }
}

/** Sends one datagram and resolves to what comes back. */
async function echo(port: number, text: string): Promise<string> {
  const socket = dgram.createSocket('udp4');
  try {
    const heard = once(socket, 'message');
    socket.send(text, port, '127.0.0.1');
    const [reply] = (await heard) as [Buffer];
    return reply.toString();
  } finally {
    socket.close();
  }
}

describe('two servers over one Redis', () => {
  test('are one: a session opened at the first goes on at the second, also when the first has ended', async (context) => {
    needs(context, 'redis-server');
    const folder = temporaryFolder();
    const store = await startStore(join(folder.path, 'redis'));
    onTestFinished(async () => {
      await store.stop();
      await folder.remove();
    });
    const one = await serve(['tcp-session/shared', '--store', store.url]);
    const two = await serve(['tcp-session/shared', '--store', store.url]);
    await one.prints(
      new RegExp(
        `its state is in ${store.url}; every\\s+tcp-session/shared\\s+there\\s+is\\s+an\\s+instance\\s+of\\s+this\\s+server`,
      ),
    );
    const opened = await ask(one.port, Buffer.from('11000004000003e8', 'hex'), 32);
    expect(opened.readUInt8(0)).toBe(0x12);
    // RESUME with the number and the token that OPENED gave; the answer is an ACK, code 0, next 1000.
    const resume = Buffer.concat([Buffer.from('13000014', 'hex'), opened.subarray(4, 24)]);
    const resumed = await ask(two.port, resume, 16);
    expect(resumed.toString('hex', 0, 8)).toBe('1500000c000003e8');
    await one.stop();
    expect((await ask(two.port, resume, 16)).toString('hex', 0, 8)).toBe('1500000c000003e8');
  });

  test('and none without it: it says what to do', async () => {
    const ran = await amnesia(['serve', 'tcp-session/shared', '--port', '0', '--store', 'redis://127.0.0.1:1'], {
      env: await newHome(),
    });
    expect(ran.code).toBe(3);
    expect(ran.err).toBe(
      'amnesia: Redis at 127.0.0.1 port 1 cannot be used: connect ECONNREFUSED 127.0.0.1:1. Start one with redis-server, or give another address with --store\n',
    );
    const other = await amnesia(['serve', 'tcp-session/disk', '--store', 'redis://127.0.0.1:1'], {
      env: await newHome(),
    });
    expect(other.err).toContain('--store means nothing to tcp-session/disk');
  });
});

describe('a client of your own is served', () => {
  test('udp-echo: it says where, what an answer means and how to stop it; then it answers, untapped and silent', async () => {
    const server = await serve(['udp-echo']);
    expect(await echo(server.port, 'hello')).toBe('hello');
    expect(await server.stop()).toEqual({
      code: 0,
      out: `udp-echo/plain listens on 127.0.0.1 port ${server.port} (UDP), for this machine only\nwhat an answer means: a reply promises nothing beyond itself\nCtrl-C stops it\n`,
      err: '',
    });
  });

  test('--log default shows each packet with its bytes, and draws what a terminal would obey', async () => {
    const server = await serve(['udp-echo', '--log', 'default']);
    await echo(server.port, 'red \u001b[31m');
    await server.prints(/echo\/1 {2}REPLY/);
    const { code, out } = await server.stop();
    expect(code).toBe(0);
    expect(out).toMatch(/echo\/1 \(pid \d+\) listens on port/);
    expect(out).toMatch(/#02 .*client ──▶ echo\/1 {2}ECHO "red \\x1b\[31m" +9 B/);
    expect(out).toMatch(/#03 .*client ◀── echo\/1 {2}REPLY "red/);
    expect(out).toContain('72 65 64 20 1b');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the character that must not come through
    expect(out).not.toMatch(/\u001b/);
  });

  test('tcp-session --json: records only on stdout, the run first; the token stays out of them', async () => {
    const server = await serve(['tcp-session', '--json']);
    const socket = net.connect(server.port, '127.0.0.1');
    socket.write(Buffer.from('11000004000003e8', 'hex'));
    const [opened] = (await once(socket, 'data')) as [Buffer];
    expect(opened.subarray(0, 4).toString('hex')).toBe('1200001c');
    socket.end();
    await once(socket, 'close');
    await server.prints(/"kind":"OPENED"/);
    const { out, err } = await server.stop();
    const [run, ...entries] = records(out);
    expect(run).toEqual({
      is: 'run',
      version: 2,
      protocol: 'tcp-session',
      design: 'memory',
      seed: null,
      cut: null,
      at: null,
    });
    expect(entries.filter(({ is }) => is === 'packet').map(({ kind }) => kind)).toEqual(['OPEN', 'OPENED']);
    expect(out).not.toContain(opened.toString('hex', 8, 24));
    expect(err).toContain('tcp-session/memory listens on');
  });

  test('mqtt --json: letters beyond ASCII stay whole, however the trace is cut into pieces', async () => {
    const { port, stop } = await serve(['mqtt', '--json']);
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`);
    const topics = Array.from({ length: 400 }, (_none, nth) => `${nth}/${'忘'.repeat(50)}`);
    await Promise.all(topics.map((topic) => client.publishAsync(topic, '記', { qos: 1, retain: true })));
    await client.endAsync();
    const { out } = await stop();
    expect(out.match(/忘{50}/g)?.length).toBeGreaterThan(topics.length);
    expect(out).not.toContain('\ufffd');
  });

  test('tcp-session/disk: what was acknowledged is there when it is started again on the same folder', async () => {
    const env = await newHome();
    const folder = join(env.XDG_STATE_HOME ?? '', 'deep', 'state');
    const first = await serve(['tcp-session/disk', '--state-dir', folder], { env });
    await first.prints(/it writes to .*deep\/state/);
    const socket = net.connect(first.port, '127.0.0.1').on('error', () => {});
    socket.write(Buffer.from('11000004000003e8' + '14000007000003e8' + '446f20', 'hex'));
    const replies = await bytes(socket, 32 + 16);
    const token = replies.subarray(8, 24);
    expect((await first.stop('SIGINT')).code).toBe(0);

    const second = await serve(['tcp-session/disk', '--state-dir', folder], { env });
    const back = net.connect(second.port, '127.0.0.1').on('error', () => {});
    back.write(Buffer.concat([Buffer.from('13000014', 'hex'), replies.subarray(4, 8), token]));
    const ack = await bytes(back, 16);
    // ACK, next 1003: three bytes were delivered, and the next life knows it.
    expect(ack.toString('hex', 0, 8)).toBe('1500000c000003eb');
    back.destroy();
  });
});

async function bytes(socket: net.Socket, length: number): Promise<Buffer> {
  let heard = Buffer.alloc(0);
  while (heard.length < length) heard = Buffer.concat([heard, ((await once(socket, 'data')) as [Buffer])[0]]);
  return heard;
}

describe('what it says of itself', () => {
  test.each([
    ['dns'],
    ['websocket'],
    ['ftp'],
    ['http/token', '--log', 'line'],
    ['mqtt/memory', '--ws', 'PORT', '--log', 'line'],
    ['balancer/cookie', '--to', '127.0.0.1:8001,127.0.0.1:8002,127.0.0.1:8003,127.0.0.1:8004'],
  ])('%s: no line is longer than a terminal is wide', async (...args) => {
    const port = String(await freePort());
    const server = await serve(args.map((word) => (word === 'PORT' ? port : word)));
    const { out } = await server.stop();
    // A path is left whole.
    expect(out.split('\n').filter((line) => line.length > 80 && !line.startsWith('it writes to'))).toEqual([]);
  });
});

describe('other machines', () => {
  test('--expose lets them in, with one warning line that names the interfaces', async () => {
    const server = await serve(['tcp-session', '--host', '0.0.0.0', '--expose']);
    const { out } = await server.stop();
    const warnings = out.split('\n').filter((line) => line.startsWith('WARNING'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/listens on 0\.0\.0\.0, reachable through .*127\.0\.0\.1.*: anybody there can use it$/);
  });

  test.each(['localhost', '127.0.0.2'])('%s is this machine: no warning, and no --expose needed', async (host) => {
    const server = await serve(['udp-echo', '--host', host]);
    const { code, out } = await server.stop();
    expect(code).toBe(0);
    expect(out).toContain('for this machine only');
    expect(out).not.toContain('WARNING');
  });
});

describe('what cannot be: one line that says what to do, exit code 3, no stack', () => {
  const lineOf = (err: string) => expect(err).toMatch(/^amnesia: .*\n$/);

  test('the port is taken (TCP)', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as net.AddressInfo;
    const { code, out, err } = await amnesia(['serve', 'tcp-session', '--port', String(port)], {
      env: await newHome(),
    });
    expect({ code, out }).toEqual({ code: 3, out: '' });
    lineOf(err);
    expect(err).toContain(`127.0.0.1 port ${port} is in use by another program`);
    expect(err.trimEnd()).toMatch(/give another port with --port$/);
  });

  test('the port is taken (UDP)', async () => {
    const taken = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address();
    const { code, err } = await amnesia(['serve', 'udp-echo', '--port', String(port)], {
      env: await newHome(),
    });
    expect(code).toBe(3);
    lineOf(err);
    expect(err).toContain(`127.0.0.1 port ${port} is in use by another program`);
  });

  test('the state folder is in use, and its owner serves on', async () => {
    const env = await newHome();
    const owner = await serve(['tcp-session/disk'], { env });
    const { code, out, err } = await amnesia(['serve', 'tcp-session/disk', '--port', '0'], { env });
    expect({ code, out }).toEqual({ code: 3, out: '' });
    lineOf(err);
    expect(err).toMatch(/is in use by another server: .*--state-dir\n$/);
    const socket = net.connect(owner.port, '127.0.0.1');
    socket.write(Buffer.from('11000004000003e8', 'hex'));
    expect((await bytes(socket, 32)).toString('hex', 0, 4)).toBe('1200001c');
    socket.destroy();
  });

  test('a balancer with nobody behind it', async () => {
    const { code, out, err } = await amnesia(['serve', 'balancer', '--port', '0'], { env: await newHome() });
    expect({ code, out }).toEqual({ code: 3, out: '' });
    lineOf(err);
    expect(err).toContain('no server is listed');
  });

  test('the state folder cannot be made', async () => {
    const { code, err } = await amnesia(
      ['serve', 'tcp-session/disk', '--port', '0', '--state-dir', join(ROOT, 'package.json')],
      {
        env: await newHome(),
      },
    );
    expect(code).toBe(3);
    lineOf(err);
    expect(err).toMatch(/--state-dir\n$/);
  });
});

describe('the end', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s: exit code 0, its connections end, and no process is left',
    async (signal) => {
      const server = await serve(['tcp-session', '--log', 'line']);
      const [, pid] = await server.prints(/session\/1 \(pid (\d+)\)/);
      const socket = net.connect(server.port, '127.0.0.1');
      await once(socket, 'connect');
      const closed = once(socket, 'close');
      socket.resume();
      expect(lives(Number(pid))).toBe(true);
      expect(await server.stop(signal)).toMatchObject({ code: 0, err: '' });
      await closed;
      await gone(Number(pid));
    },
  );

  test('Ctrl-C while it still starts: no folder and no process is left', async () => {
    const env = await newHome();
    const temporary = join(env.XDG_STATE_HOME ?? '', 'tmp');
    await mkdir(temporary, { recursive: true });
    const looking = watch(temporary);
    const made = new Promise<void>((resolve) => {
      looking.on('change', (_what, name) => String(name).startsWith('amnesia-') && resolve());
    });
    const server = start(['serve', 'udp-echo', '--log', 'line', '--port', '0'], { env: { ...env, TMPDIR: temporary } });
    await made;
    looking.close();
    server.child.kill('SIGINT');
    expect(await server.ended).toMatchObject({ code: 0, err: '' });
    expect((await readdir(temporary)).filter((name) => name.startsWith('amnesia-'))).toEqual([]);
  });

  test.skipIf(process.platform === 'win32')(
    'Ctrl-C that ends the server’s process as well, which is not yet able to mind it: that is no fault',
    async () => {
      const env = await newHome();
      await mkdir(env.XDG_STATE_HOME ?? '', { recursive: true });
      // As the terminal does it: everybody in the group is told, also who is still loading.
      const loading = join(env.XDG_STATE_HOME ?? '', 'loading.mjs');
      await writeFile(loading, `process.kill(0, 'SIGINT'); setInterval(() => {}, 1000);`);
      const args = ['serve', 'udp-echo', '--log', 'line', '--port', '0'];
      const server = start(args, { env: { ...env, AMNESIA_HOST: loading }, group: true });
      expect(await server.ended).toEqual({ code: 0, out: '', err: '' });
    },
  );

  test('a server that dies by itself is an error, told in a line', async () => {
    const server = await serve(['udp-echo', '--log', 'line']);
    const [, pid] = await server.prints(/echo\/1 \(pid (\d+)\)/);
    process.kill(Number(pid), 'SIGTERM');
    const { code, err } = await server.ended;
    expect(code).toBe(3);
    expect(err).toContain('echo/1 ended by itself (SIGTERM)');
  });

  test('a server that somebody else kills is an error, told in a line, and nobody waits for it', async () => {
    const server = await serve(['udp-echo', '--log', 'line']);
    const [, pid] = await server.prints(/echo\/1 \(pid (\d+)\)/);
    process.kill(Number(pid), 'SIGKILL');
    const { code, err } = await server.ended;
    expect(code).toBe(3);
    expect(err).toBe('amnesia: echo/1 was killed by somebody else\n');
  });

  test.skipIf(process.platform === 'win32')(
    'a full disk ends it with the reason, and without an acknowledgement',
    async () => {
      // The shell’s limit on the size of a file stands in for a disk that is full.
      const limited = [
        '-c',
        `trap '' XFSZ; ulimit -f 1; exec "$0" "$@"`,
        process.execPath,
        PROGRAM,
        'serve',
        'tcp-session/disk',
        '--port',
        '0',
      ];
      const child = spawn('bash', limited, {
        env: { ...process.env, ...(await newHome()) },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      let [out, err] = ['', ''];
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        err += text;
      });
      const port = await new Promise<number>((resolve) => {
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          out += text;
          const found = /port (\d+) [\s\S]*stops it/.exec(out);
          if (found) resolve(Number(found[1]));
        });
      });
      const client = net.connect(port, '127.0.0.1');
      onTestFinished(() => void client.destroy());
      client.on('error', () => {});
      client.write(Buffer.from('11000004000003e8', 'hex'));
      let seq = 1000;
      client.on('data', () => {
        const frame = Buffer.alloc(8 + 64);
        frame.writeUInt32BE(0x14000000 | (4 + 64), 0);
        frame.writeUInt32BE(seq, 4);
        seq += 64;
        client.write(frame);
      });
      const [code] = (await once(child, 'close')) as [number | null];
      expect(code).toBe(3);
      expect(err).toMatch(/^amnesia: .*journal cannot be written \(EFBIG.*start again\n$/);
    },
  );

  test('on a terminal, k and then q at once: it ends, and no server is left', async (context) => {
    const args = ['serve', 'udp-echo', '--port', '0', '--log', 'line'];
    const { type, shows, ended } = terminal(needs(context, 'python3'), args, await newHome());
    await shows(/quit[\s\S]*echo\/1 .*listens/);
    type('kq');
    const { code, out } = await ended;
    expect(code, out).toBe(0);
  });

  test('on a terminal, keys: f forgets, k kills and starts again, q ends; the terminal is given back', async (context) => {
    const args = ['serve', 'tcp-session', '--port', '0', '--log', 'line'];
    const { type, shows, ended } = terminal(needs(context, 'python3'), args, await newHome());
    await shows(/keys: f forget, k kill and start again, q quit[\s\S]*session\/1 .*listens/);
    type('f');
    await shows(/FORGET session\/1/);
    type('k');
    await shows(/SIGKILL session\/1[\s\S]*session\/2 .*listens/);
    type('q');
    const { code, out } = await ended;
    expect(code, out).toBe(0);
  });
});

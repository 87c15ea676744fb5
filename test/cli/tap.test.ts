// `amnesia tap` as a person has it, in front of servers that nobody here wrote, asked by clients that nobody here wrote.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { run } from '../../src/cli/commands.ts';
import { UsageError } from '../../src/cli/errors.ts';
import { freePort } from '../../src/lab/ports.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { EXAMPLE_ZONE } from '../../src/served/example.zone.ts';
import { mosquitto, ours, redis } from '../brokers.ts';
import { needs, program } from '../peers.ts';
import { nsdWith } from '../served/nsd.ts';
import { amnesia, home, ROOT, records, start, terminal } from './amnesia.ts';

const LOGIN = JSON.stringify({ user: 'ann', password: 'correct horse' });
const newHome = home();

/** `amnesia tap`, on any free port, until the test is over. */
async function tap(protocol: string, to: number, ...args: string[]) {
  const words = ['tap', protocol, '--listen', '0', '--to', `127.0.0.1:${to}`, ...args];
  const running = start(words, { env: await newHome() });
  const stop = () => {
    running.child.kill('SIGTERM');
    return running.ended;
  };
  onTestFinished(async () => void (await stop()));
  const [, port] = await running.prints(
    /a tap on \S+ port (\d+) [\s\S]*stops it/,
    args.includes('--json') ? 'err' : 'out',
  );
  return { ...running, port: Number(port), stop };
}

interface Ran {
  code: number | string | null;
  out: string;
  err: string;
}

/** Runs a client to its end. */
function client(path: string, ...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(path, args, { timeout: 20_000, maxBuffer: 16 << 20, encoding: 'latin1' }, (error, out, err) =>
      resolve({ code: error ? (error.code ?? error.signal ?? 'failed') : 0, out, err }),
    );
  });
}

/** A folder that is gone when the test is over. */
function folder(): string {
  const { path, remove } = temporaryFolder();
  onTestFinished(remove);
  return path;
}

/** A server that nobody here wrote, once it accepts on its port, and until the test is over. */
async function server(path: string, args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn(path, args, { stdio: 'ignore' });
  const gone = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  for (let tries = 0; tries < 200; tries++) {
    const socket = net.connect(port, '127.0.0.1');
    const stands = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (stands) return child;
    await after(50);
  }
  throw new Error(`${path} does not listen`);
}

/** Rows on one line each, without number and time. */
const rows = (out: string) =>
  out
    .replace(/\n {3,}(?! *hint)/g, ' ')
    .split('\n')
    .map((row) => row.replace(/^(━━━ )?#\d+ +\+\S+ +/, '').replace(/ +/g, ' '));

describe('in front of mosquitto', () => {
  test('mosquitto_sub and mosquitto_pub: the log of a stranger, --json as elsewhere, --pcap while it runs', async (context) => {
    const [sub, pub] = [needs(context, 'mosquitto_sub'), needs(context, 'mosquitto_pub')];
    needs(context, 'mosquitto');
    const place = folder();
    const broker = await mosquitto(join(place, 'broker'));
    onTestFinished(async () => void (await broker?.stop()));
    const pcap = join(place, 'run.pcapng');
    const { port, stop, prints } = await tap('mqtt', broker?.port ?? 0, '--json', '--pcap', pcap);
    const at = ['-h', '127.0.0.1', '-p', String(port)];
    const heard = client(sub, ...at, '-i', 'ada', '-t', 'letters/#', '-q', '1', '-C', '1');
    await prints(/"kind":"SUBACK"/);
    expect(await client(pub, ...at, '-i', 'bob', '-t', 'letters/ada', '-q', '1', '-m', 'dear ada')).toMatchObject({
      code: 0,
    });
    expect((await heard).out).toBe('dear ada\n');
    await prints(/"kind":"DISCONNECT"[\s\S]*"kind":"DISCONNECT"/);
    // Who is not there refuses: as itself it would, and so does the tap.
    await broker?.kill();
    expect((await client(pub, ...at, '-t', 'letters/ada', '-m', 'x')).code).not.toBe(0);
    expect((await client(pub, ...at, '-t', 'letters/ada', '-m', 'x')).err).toContain('refused');
    const { out, code } = await stop();
    expect(code).toBe(0);
    const [head, life, ...rest] = records(out);
    expect(head).toMatchObject({ is: 'run', protocol: 'mqtt', design: 'tap', seed: null });
    expect(life).toMatchObject({ is: 'life', life: 'broker', port: broker?.port, unseen: true, facts: {} });
    expect(life).not.toHaveProperty('pid');
    const packets = rest.filter(({ is }) => is === 'packet');
    expect(packets.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['CONNECT', 'CONNACK', 'SUBSCRIBE', 'SUBACK', 'PUBLISH', 'PUBACK', 'DISCONNECT']),
    );
    expect(packets.filter(({ malformed, read }) => malformed || read === false)).toEqual([]);
    // Nobody sees into mosquitto, and nobody says so.
    expect(out).not.toMatch(/"word":"(LOST|proof)"[^}]*never met|memory":\[\{/);
    if (process.platform !== 'win32') expect(statSync(pcap).mode & 0o777).toBe(0o600);
    const tshark = program('tshark');
    if (!tshark) return;
    const shown = await client(tshark, '-r', pcap, '-Y', 'mqtt || _ws.malformed', '-T', 'fields', '-e', '_ws.col.Info');
    expect(shown.out.trim().split('\n')).toHaveLength(packets.length);
    expect(shown.out).not.toMatch(/malformed/i);
  });

  test('--cut path --after "1 PUBLISH": the client comes back, and says it again', async (context) => {
    const pub = needs(context, 'mosquitto_pub');
    needs(context, 'mosquitto');
    const broker = await mosquitto(join(folder(), 'broker'));
    onTestFinished(async () => void (await broker?.stop()));
    const { port, stop, prints } = await tap(
      'mqtt',
      broker?.port ?? 0,
      '--log',
      'line',
      '--cut',
      'path',
      '--after',
      '1 PUBLISH',
    );
    const asked = client(pub, '-h', '127.0.0.1', '-p', String(port), '-i', 'bob', '-t', 'a', '-q', '2', '-m', 'once');
    await prints(/NEW PATH[\s\S]*RST/);
    await asked;
    const { out } = await stop();
    const told = rows(out).join('\n');
    expect(told).toMatch(
      /PUBLISH a qos=2[\s\S]*NEW PATH: the client comes back from another address\nclient ──▶ broker RST: the path is gone/,
    );
  });
});

describe('in front of name servers', () => {
  test('dnsmasq and dig, over UDP and TCP; a silence that heals, and a port that nobody has', async (context) => {
    const [dig, dnsmasq] = [needs(context, 'dig'), needs(context, 'dnsmasq')];
    const own = await freePort();
    const rest = ['--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--bind-interfaces', '--pid-file='];
    const user = process.getuid?.() === 0 ? ['--user=root'] : [];
    const names = await server(
      dnsmasq,
      [
        '--keep-in-foreground',
        `--port=${own}`,
        '--listen-address=127.0.0.1',
        '--host-record=www.example.test,192.0.2.7',
        ...rest,
        ...user,
      ],
      own,
    );
    const { port, stop, prints } = await tap(
      'dns',
      own,
      '--log',
      'line',
      '--cut',
      'silence',
      '--after',
      '3 QUERY',
      '--heal-after',
      '1 QUERY',
    );
    const ask = (...more: string[]) =>
      client(dig, '+short', '+time=2', '+tries=4', '@127.0.0.1', '-p', String(port), 'www.example.test', ...more);
    expect((await ask()).out).toBe('192.0.2.7\n');
    expect((await ask('+tcp')).out).toBe('192.0.2.7\n');
    // The third question passes and its answer is swallowed, the fourth is swallowed, and the fifth is answered.
    expect((await ask()).out).toContain('192.0.2.7');
    await prints(/THE LINK HEALS/);
    names.kill('SIGKILL');
    await once(names, 'exit');
    const refused = await ask('+tries=2');
    expect(refused.code).not.toBe(0);
    expect(refused.out).toContain('refused');
    const { out } = await stop();
    const told = rows(out).join('\n');
    expect(told).toMatch(
      /SILENCE: from here[\s\S]*RESPONSE[\s\S]*THE LINK HEALS, and has swallowed from the client: 1 datagram, 57 bytes; from dns: 1 datagram/,
    );
    expect(told).toContain('takes no datagrams (ECONNREFUSED)');
    expect(told).not.toContain('MALFORMED');
  });
});

test('in front of NSD, dig over UDP and TCP, and kdig with a cookie that NSD does not take', async (context) => {
  const [dig, kdig, nsd] = [needs(context, 'dig'), needs(context, 'kdig'), needs(context, 'nsd')];
  const own = await nsdWith(nsd, [{ origin: 'example.test.', text: EXAMPLE_ZONE }]);
  const { port, stop } = await tap('dns', own, '--log', 'line');
  const at = ['@127.0.0.1', '-p', String(port)];
  const direct = ['@127.0.0.1', '-p', String(own)];
  for (const words of [
    ['+short', 'www.example.test'],
    ['+short', '+tcp', 'www.example.test', 'AAAA'],
    ['+short', 'alias.example.test'],
  ]) {
    const { out } = await client(dig, ...at, ...words);
    expect(out).not.toBe('');
    expect(out).toBe((await client(dig, ...direct, ...words)).out);
  }
  expect((await client(kdig, ...at, '+cookie', 'nobody.example.test')).out).toContain('NXDOMAIN');
  const { out, code } = await stop();
  expect(code).toBe(0);
  const told = rows(out).join('\n');
  expect(told.match(/ QUERY /g)).toHaveLength(4);
  expect(told.match(/ RESPONSE /g)).toHaveLength(4);
  expect(told).toMatch(/RESPONSE .*NXDOMAIN/);
  expect(told).not.toContain('MALFORMED');
});

describe('in front of an FTP server', () => {
  test('vsftpd with curl and lftp: passive and active, the data comes by and is in the log', async (context) => {
    const [curl, lftp, vsftpd] = [needs(context, 'curl'), needs(context, 'lftp'), needs(context, 'vsftpd')];
    const place = folder();
    const root = join(place, 'root');
    mkdirSync(root, { mode: 0o755 });
    const film = Buffer.alloc(200_000, 'film ');
    writeFileSync(join(root, 'film'), film);
    const own = await freePort();
    const config = join(place, 'vsftpd.conf');
    writeFileSync(
      config,
      `${[
        ...[
          'listen=YES',
          'listen_address=127.0.0.1',
          `listen_port=${own}`,
          'background=NO',
          'run_as_launching_user=YES',
        ],
        ...[
          'anonymous_enable=YES',
          'no_anon_password=YES',
          `anon_root=${root}`,
          'seccomp_sandbox=NO',
          'xferlog_enable=NO',
        ],
      ].join('\n')}\n`,
    );
    await server(vsftpd, [config], own);
    const { port, stop } = await tap('ftp', own, '--log', 'line');
    const url = `ftp://127.0.0.1:${port}/film`;
    for (const how of [[], ['--disable-epsv'], ['--ftp-port', '-'], ['--ftp-port', '-', '--disable-eprt']]) {
      const got = await client(curl, '--silent', '--show-error', ...how, url);
      expect(got.err, how.join(' ')).toBe('');
      expect(Buffer.from(got.out, 'latin1').equals(film), how.join(' ')).toBe(true);
    }
    const listed = await client(lftp, '-c', `set net:max-retries 1; open -p ${port} 127.0.0.1; cls`);
    expect(listed.out).toBe('film\n');
    const { out } = await stop();
    const told = rows(out).join('\n');
    for (const kind of ['229', '227', 'EPRT', 'PORT'])
      expect(told, kind).toMatch(
        new RegExp(`(──▶|◀──) ftp ${kind} [^\\n]*\\nftp: this tap has put its own port \\d+ in place of`),
      );
    expect(told.match(/connects: the data connection of #\d+/g)?.length).toBeGreaterThanOrEqual(5);
    expect(told).toContain('ftp:data DATA "film film');
  });
});

describe('in front of Python’s http.server', () => {
  test('curl: pages, a large one, HEAD, and what is not there; --ascii, and 80 columns', async (context) => {
    const [curl, python] = [needs(context, 'curl'), needs(context, 'python3')];
    const root = folder();
    const large = Buffer.alloc(300_000, 'large ');
    writeFileSync(join(root, 'index.html'), 'hello\n');
    writeFileSync(join(root, 'large'), large);
    const own = await freePort();
    await server(python, ['-m', 'http.server', String(own), '--bind', '127.0.0.1', '--directory', root], own);
    const { port, stop } = await tap('http', own, '--ascii');
    const url = `http://127.0.0.1:${port}`;
    expect((await client(curl, '--silent', `${url}/`)).out).toBe('hello\n');
    expect(Buffer.from((await client(curl, '--silent', `${url}/large`)).out, 'latin1').equals(large)).toBe(true);
    expect((await client(curl, '--silent', '--head', `${url}/`)).out).toMatch(/^HTTP\/1\.0 200/);
    expect((await client(curl, '--silent', '--fail', `${url}/none`)).code).toBe(22);
    const { out } = await stop();
    expect(out).toMatch(/GET \/large/);
    expect(out).toMatch(/404/);
    expect(out).toMatch(/^[\n -~]+$/);
    expect(out.split('\n').filter((each) => each.length > 80)).toEqual([]);
  });
});

test('in front of nginx, curl on one connection, and a balancer of nginx before two servers of ours', async (context) => {
  const [curl, nginx] = [needs(context, 'curl'), needs(context, 'nginx')];
  const backs = await Promise.all(
    [1, 2].map(async () => {
      const back = start(['serve', 'http', '--port', '0'], { env: await newHome() });
      onTestFinished(async () => {
        back.child.kill('SIGTERM');
        await back.ended;
      });
      const [, port] = await back.prints(/listens on \S+ port (\d+)/);
      return port;
    }),
  );
  const own = await freePort();
  const root = folder();
  writeFileSync(join(root, 'page'), 'hello\n');
  const config = join(root, 'nginx.conf');
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${root}/${name};`,
  );
  writeFileSync(
    config,
    `daemon off; master_process off; pid ${root}/pid; error_log ${root}/error;
events {}
http {
  access_log off; ${scratch.join(' ')}
  upstream pair { ${backs.map((port) => `server 127.0.0.1:${port};`).join(' ')} }
  server {
    listen 127.0.0.1:${own};
    location /static/ { alias ${root}/; }
    location / { proxy_pass http://pair; proxy_set_header Host $http_host; proxy_redirect off; }
  }
}
`,
  );
  await server(nginx, ['-p', root, '-c', config], own);
  const { port, stop } = await tap('http', own, '--log', 'line');
  const url = `http://127.0.0.1:${port}`;
  const page = await client(curl, '--silent', '--include', `${url}/static/page`, `${url}/static/none`);
  expect(page.out).toMatch(/200 OK[\s\S]*Server: nginx[\s\S]*hello\n[\s\S]*404 Not Found/);
  // Logged in at one, and a stranger to the other: what the balancer before them does not know.
  const jar = join(root, 'jar');
  const json = ['--header', 'Content-Type: application/json'];
  const login = await client(curl, '--silent', '--cookie-jar', jar, ...json, '--data', LOGIN, `${url}/login`);
  expect(login.out).toContain('ann');
  const codes = [];
  for (let times = 0; times < 4; times++) {
    const asked = ['--silent', '--output', join(root, 'out'), '--write-out', '%{http_code}', '--cookie', jar];
    codes.push((await client(curl, ...asked, `${url}/profile`)).out);
  }
  expect(codes.toSorted()).toEqual(['200', '200', '401', '401']);
  const { out } = await stop();
  expect(out).toMatch(/POST \/login/);
  expect(out.match(/ 401 /g)).toHaveLength(2);
  expect(out).not.toContain('MALFORMED');
});

test('in front of one of two brokers that share a store in Redis: said to the one, heard from the other', async (context) => {
  const [sub, pub] = [needs(context, 'mosquitto_sub'), needs(context, 'mosquitto_pub')];
  needs(context, 'redis-server');
  const place = folder();
  const shared = await redis(join(place, 'redis'));
  onTestFinished(async () => void (await shared?.stop()));
  const store = `redis://127.0.0.1:${shared?.port}`;
  const pair = await Promise.all(
    [1, 2].map((each) => ours({ design: 'redis', folder: join(place, `${each}`), store })),
  );
  onTestFinished(async () => void (await Promise.all(pair.map((each) => each.stop()))));
  const [one, other] = pair;
  const { port, stop, prints } = await tap('mqtt', one?.port ?? 0, '--log', 'line');
  const heard = client(sub, ...at(other?.port), '-i', 'ada', '-t', 'letters/#', '-q', '1', '-C', '1', '-W', '15');
  const quick = client(sub, ...at(port), '-i', 'eve', '-t', 'letters/#', '-q', '1', '-C', '1', '-W', '15');
  await prints(/ SUBACK /);
  // The other's subscriber may not be there yet: what is retained it hears all the same.
  const letter = ['-t', 'letters/ada', '-q', '1', '-r', '-m', 'dear ada'];
  expect((await client(pub, ...at(port), '-i', 'bob', ...letter)).code).toBe(0);
  expect((await heard).out).toBe('dear ada\n');
  expect((await quick).out).toBe('dear ada\n');
  const { out } = await stop();
  expect(out).toMatch(/ PUBLISH [\s\S]* PUBACK /);
  expect(out).not.toContain('MALFORMED');

  function at(port: number | undefined): string[] {
    return ['-h', '127.0.0.1', '-p', String(port)];
  }
});

describe('in front of ours', () => {
  test('websocket: a room, spoken to through a tap', async () => {
    const chat = start(['serve', 'websocket', '--port', '0'], { env: await newHome() });
    onTestFinished(async () => {
      chat.child.kill('SIGTERM');
      await chat.ended;
    });
    const [, own] = await chat.prints(/listens on \S+ port (\d+)/);
    const { port, stop, prints } = await tap('websocket', Number(own), '--log', 'line');
    const socket = new (await import('ws')).WebSocket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'open');
    socket.send(JSON.stringify({ is: 'join', room: 'kitchen', name: 'ada' }));
    await once(socket, 'message');
    socket.close();
    await prints(/FIN[\s\S]*FIN/);
    const { out } = await stop();
    expect(out).toMatch(/101/);
    expect(out).not.toContain('MALFORMED');
  });

  test('a moment that never comes: it is said that nothing was cut, and no script takes it for done', async () => {
    const { stop } = await tap('mqtt', await freePort(), '--cut', 'silence', '--after', '1 PUBLSH');
    const { code, out } = await stop();
    expect(out).toMatch(/\nno “1 PUBLSH” has passed: nothing was cut\n$/);
    expect(code).toBe(2);
  });

  test('on a terminal, keys: c cuts, s swallows, h heals, q ends', async (context) => {
    const own = await freePort();
    const { type, shows, ended } = terminal(
      needs(context, 'python3'),
      ['tap', 'udp-echo', '--listen', '0', '--to', `127.0.0.1:${own}`, '--log', 'line'],
      await newHome(),
    );
    await shows(/keys: c cut the link, s swallow, h heal, q quit/);
    type('c');
    await shows(/NEW PATH/);
    type('s');
    await shows(/SILENCE/);
    type('h');
    await shows(/THE LINK HEALS/);
    type('q');
    const { code, out } = await ended;
    expect(code, out).toBe(0);
  });

  test('--max-bytes: the file ends with a GAP, is no longer than that, and the log goes on', async () => {
    const echo = start(['serve', 'udp-echo', '--port', '0', '--rate', '0'], { env: await newHome() });
    onTestFinished(async () => {
      echo.child.kill('SIGTERM');
      await echo.ended;
    });
    const [, own] = await echo.prints(/listens on \S+ port (\d+)/);
    const pcap = join(folder(), 'run.pcapng');
    writeFileSync(pcap, 'was here before', { mode: 0o644 });
    const { port, stop, prints } = await tap(
      'udp-echo',
      Number(own),
      '--log',
      'line',
      '--pcap',
      pcap,
      '--max-bytes',
      '4096',
    );
    const { createSocket } = await import('node:dgram');
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    for (let nth = 0; nth < 20; nth++) {
      socket.send(`datagram ${nth} ${'x'.repeat(200)}`, port, '127.0.0.1');
      await once(socket, 'message');
    }
    await prints(/REPLY "datagram 19/);
    const { out } = await stop();
    expect(rows(out).join('\n')).toContain('has grown to its --max-bytes, and nothing more goes into it');
    const bytes = readFileSync(pcap);
    expect(bytes.length).toBeLessThan(4096 + 300);
    expect(bytes.toString('latin1')).toContain('GAP: more passed than could be written down');
    expect(bytes.toString('latin1')).not.toContain('datagram 19');
    if (process.platform !== 'win32') expect(statSync(pcap).mode & 0o777).toBe(0o600);
  });
});

describe('what cannot be', () => {
  test.each([
    ['gopher --listen 1 --to a:1', 'there is no protocol "gopher" to tap'],
    ['mqtt/memory --listen 1 --to a:1', 'there is no protocol "mqtt/memory" to tap'],
    ['mqtt --to 127.0.0.1:1883', 'tap needs --listen'],
    ['mqtt --listen 1884', 'tap needs --to HOST:PORT'],
    ['mqtt --listen 1884 --to 1883', 'tap needs --to HOST:PORT'],
    ['mqtt --listen 1884 --to 127.0.0.1:0', 'tap needs --to HOST:PORT'],
    ['mqtt --listen 1884 --to 127.0.0.1:1884', 'it would lead to itself'],
    ['mqtt --listen 1884 --to localhost:1884', 'it would lead to itself'],
    ['mqtt --listen 1884 --to [::1]:1884', 'it would lead to itself'],
    ['mqtt --listen 1884 --to 192.0.2.1:1883', '192.0.2.1:1883 is not on this machine'],
    ['mqtt --listen 1884 --to 127.0.0.1:1883 --host 0.0.0.0', 'anybody there could use this tap'],
    ['mqtt --listen 1884 --to 127.0.0.1:1883 --cut path', '--cut path needs --after'],
    ['mqtt --listen 1884 --to 127.0.0.1:1883 --after 3', '--cut what'],
    ['mqtt --listen 1884 --to 127.0.0.1:1883 --cut path --after soon', 'is no moment'],
    ['mqtt --listen 1884 --to 127.0.0.1:1883 --cut silence --after "1 PUBLISH" --heal-after soon', 'neither seconds'],
    [
      'mqtt --listen 1884 --to 127.0.0.1:1883 --cut path --after "1 PUBLISH" --heal-after "1 s"',
      'a path does not heal',
    ],
    ['mqtt --listen 1884 --to 127.0.0.1:1883 --pcap run.pcap', 'in the format pcapng'],
    ['mqtt --listen 1884 --to 127.0.0.1:1883 --max-bytes 5', '--max-bytes takes one whole number from 1024 on'],
  ])('amnesia tap %s', async (typed, says) => {
    const words = (`tap ${typed}`.match(/"[^"]*"|\S+/g) ?? []).map((each) => each.replaceAll('"', ''));
    const fault = await run(words).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(UsageError);
    const { message } = fault as UsageError;
    expect(message).toContain(says);
    expect(message).not.toContain('\n');
    expect(message).toMatch(/\. Type: (amnesia tap|--pcap) [^\n]+$/);
  });

  test('another machine, and others let in: one line each says what that means, and nobody is dialled unasked', async () => {
    const args = [
      'tap',
      'mqtt',
      '--listen',
      '0',
      '--to',
      '192.0.2.1:1883',
      '--allow-remote',
      '--host',
      '0.0.0.0',
      '--expose',
    ];
    const { child, ended, prints } = start(args, { env: await newHome() });
    await prints(/Ctrl-C stops it/);
    child.kill('SIGINT');
    const { code, out } = await ended;
    expect(code).toBe(0);
    expect(out.split('\n').filter((line) => line.startsWith('WARNING'))).toEqual([
      expect.stringMatching(
        /^WARNING: this tap listens on 0\.0\.0\.0, reachable through .*127\.0\.0\.1.*: anybody there reaches 192\.0\.2\.1:1883 through it$/,
      ),
      expect.stringMatching(
        /^WARNING: 192\.0\.2\.1:1883 is another machine: all that is said on port \d+ goes there from this one/,
      ),
    ]);
  });

  test('a port that is taken: a line, exit code 3', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as net.AddressInfo;
    const { code, err } = await amnesia(['tap', 'mqtt', '--listen', String(port), '--to', '127.0.0.1:1'], {
      env: await newHome(),
      cwd: ROOT,
    });
    expect(code).toBe(3);
    expect(err).toBe(`amnesia: 127.0.0.1 port ${port} is in use by another program: give another port with --listen\n`);
  });
});

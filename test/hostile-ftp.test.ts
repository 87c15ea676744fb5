// What a hostile or broken peer sends to an FTP server, and what must be seen instead of a crash. Real servers, real sockets.

import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ledger } from '../src/capture/ledger.ts';
import { record } from '../src/capture/records.ts';
import { tap } from '../src/capture/tap.ts';
import { clockSince, type Trace } from '../src/capture/trace.ts';
import { beginLife } from '../src/lab/lives.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { jsonLines } from '../src/log/jsonl.ts';
import { TerminalLog } from '../src/log/terminal.ts';
import { paint } from '../src/log/text.ts';
import { card } from '../src/protocols/ftp/index.ts';
import { verbs } from '../src/protocols/ftp/wire.ts';
import { amnesia, home, start } from './cli/amnesia.ts';
import { over } from './over.ts';
import { serve, Talker, until } from './protocols/ftp/house.ts';
import { openFilesBelow } from './served/open-files.ts';

const host = '127.0.0.1';
const LONG = Buffer.alloc(8 << 20, 'once upon a time ');
const newHome = home();

/** A log-in is taken and a file comes whole: the server is well. */
async function isWell(port: number): Promise<void> {
  const ann = await Talker.enter(port);
  expect((await ann.fetch('RETR story')).bytes.toString()).toBe('once');
  ann.socket.destroy();
  await ann.gone;
}

const certificate = async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' });
  return { cert: made.cert, key: made.private };
};

describe('lines that are no command', () => {
  const captured = [
    'USER ann',
    'PASS secret',
    'CWD pub',
    'PORT 127,0,0,1,200,0',
    'EPSV',
    'REST 3',
    'MKD b',
    'STAT',
    'QUIT',
  ];
  const conversation = Buffer.from(captured.map((line) => `${line}\r\n`).join(''));

  test('a captured conversation with any one byte spoiled, cut short or doubled: the server is well, and nothing is left', async () => {
    const { port, root } = await serve({ files: { story: 'once', 'pub/a': 'a' } });
    const spoilt: Buffer[] = [Buffer.concat([conversation, conversation])];
    for (let at = 0; at < conversation.length; at++) {
      for (const mask of [0x01, 0x20, 0x80, 0xff]) {
        const bytes = Buffer.from(conversation);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        spoilt.push(bytes);
      }
      spoilt.push(conversation.subarray(0, at));
    }
    await isWell(port);
    const before = descriptors();
    for (let start = 0; start < spoilt.length; start += 50) {
      await Promise.all(
        spoilt.slice(start, start + 50).map(async (bytes) => {
          const socket = net.connect({ port, host });
          socket.on('error', () => {}).resume();
          socket.end(bytes);
          await over(socket);
        }),
      );
    }
    await isWell(port);
    await until(() => descriptors() <= before);
    expect(openFilesBelow(root)).toEqual([]);
  });

  test.each([...verbs, '', ' ', '\0', 'XYZZY', '__proto__', 'constructor', `${'A'.repeat(2040)}`])(
    '%j, with nothing, with rubbish and with much behind it: each is answered, and the next command as well',
    async (verb) => {
      const { port } = await serve({ files: { story: 'once' }, patience: { coming: 20, reaching: 20 } });
      for (const rest of ['', ' ', ' \0', ' __proto__', ' ../..', ` ${'x'.repeat(1000)}`, ` ${'x'.repeat(5000)}`]) {
        const ann = await Talker.enter(port);
        expect(await ann.say(`${verb}${rest}`)).toBeGreaterThanOrEqual(150);
        if (verb === 'QUIT' && rest.length < 5000) await ann.gone;
        else if (verb === 'AUTH' || verb === 'REIN' || verb === 'USER') expect(await ann.say('NOOP')).toBe(200);
        else expect(await ann.say('PWD')).toBe(257);
        ann.socket.destroy();
      }
    },
  );

  test('a name that means something to JavaScript is nobody’s', async () => {
    const configured = await card.configure?.({ users: 'ann:secret', anonymous: 'no' }, temporary());
    expect(configured).toBeDefined();
    const { StateKeeper } = await import('../src/lab/keeper.ts');
    const { REAL_WORLD } = await import('../src/lab/world.ts');
    const rules = configured?.designs.memory?.rules;
    if (!configured || !rules) throw new Error('no memory');
    const { keeper } = await StateKeeper.open({ rules, wire: card.wire, world: REAL_WORLD, transport: 'tcp' });
    const server = await configured.serve(keeper, { host, port: 0 });
    onTestFinished(() => server.close());
    const names = ['__proto__', 'constructor', 'toString', 'anonymous'];
    await Promise.all(
      names.map(async (name) => {
        const talker = await Talker.meet(server.port);
        expect(await talker.say(`USER ${name}`)).toBe(331);
        expect(await talker.say(`PASS ${name}`)).toBe(530);
      }),
    );
  });

  test('who never reads the replies is not listened to, and is left when it goes on like that', async () => {
    const { port } = await serve({ files: { story: 'once' }, bounds: { stall: 100 } });
    for (const line of ['HELP\r\n', 'NOOP\r\n']) {
      const socket = net.connect({ port, host });
      socket.on('error', () => {}).pause();
      const gone = new Promise<void>((left) => socket.on('close', () => left()));
      const many = Buffer.from(line.repeat(10_000));
      let taken = 0;
      for (let offered = 0; offered < 48e6; offered += many.length)
        socket.write(many, (error) => {
          if (!error) taken += many.length;
        });
      await gone;
      // The sockets on the way hold some of it.
      expect(taken).toBeLessThan(24e6);
      await isWell(port);
    }
  });

  test.skipIf(!existsSync('/proc/self/statm'))('128 MB in one line, before any log-in, take no memory', async () => {
    const life = await beginLife({
      protocol: 'ftp',
      design: 'memory',
      who: 'ftp/1',
      host,
      port: 0,
      origin: '0',
      folder: temporary(),
      settings: {},
    });
    onTestFinished(() => life.stop());
    const pour = async (pieces: number) => {
      const talker = await Talker.meet(life.port);
      const piece = Buffer.alloc(1 << 20, 'A');
      for (let at = 0; at < pieces; at++) await new Promise<void>((done) => talker.socket.write(piece, () => done()));
      talker.write('\r\nNOOP\r\n');
      expect([await talker.reply(), await talker.reply()]).toEqual([500, 200]);
      talker.socket.destroy();
    };
    // Once, so that the machine is warm.
    await pour(4);
    const start = resident(life.pid);
    await pour(128);
    // What is read at a time is cleared away only from time to time.
    expect((resident(life.pid) - start) / 1e6).toBeLessThan(64);
  });
});

describe('the house', () => {
  test('a flood of half-open connections: the oldest makes room, and the newcomer is served', async () => {
    const { port } = await serve({ files: { story: 'once' }, bounds: { connections: 5 } });
    const flood = await Promise.all(Array.from({ length: 40 }, () => Talker.meet(port).catch(() => undefined)));
    // Half a command is none.
    for (const each of flood) each?.write('USER an');
    await isWell(port);
    const left = flood.filter((each) => each && !each.socket.destroyed);
    expect(left.length).toBeLessThanOrEqual(4);
  });

  test('half a command is no first request: whoever stops there is shown out in time', async () => {
    const { port } = await serve({ bounds: { handshake: 40 } });
    const talker = await Talker.meet(port);
    talker.write('USER an');
    await talker.gone;
  });

  test('who says nothing for too long is shown out, and its data port is closed', async () => {
    const { port } = await serve({ bounds: { idle: 60 } });
    const ann = await Talker.enter(port);
    const at = await ann.passive();
    await ann.gone;
    while (await listens(at, host)) await new Promise((next) => setImmediate(next));
  });

  test('neither commands nor data are listened for at any other address', async (context) => {
    const { port } = await serve();
    const ann = await Talker.enter(port);
    const doors = [port, await ann.passive('EPSV')];
    if (await listens(port, '127.0.0.2')) expect.unreachable('commands are heard at 127.0.0.2');
    const probe = net.createServer().listen(0, '127.0.0.2');
    const able = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    probe.close();
    if (!able) context.skip('127.0.0.2 is not an address here');
    for (const door of doors) expect(await listens(door, '127.0.0.2')).toBe(false);
  });

  test('exposed to others, it dials nobody unless it is told to', async () => {
    for (const [flags, code] of [
      [[], 502],
      [['--active', 'on'], 200],
    ] as const) {
      const running = start(['serve', 'ftp', '--host', '0.0.0.0', '--expose', '--port', '0', ...flags], {
        env: await newHome(),
      });
      onTestFinished(async () => {
        running.child.kill('SIGTERM');
        await running.ended;
      });
      const [, port] = await running.prints(/listens on \S+ port (\d+) [\s\S]*?Ctrl-C stops it/);
      const talker = await Talker.enter(Number(port), 'anonymous');
      expect(await talker.say('PORT 127,0,0,1,200,0')).toBe(code);
      // The data port is open where the commands came in, and nowhere else.
      expect(await talker.ask('PASV')).toMatch(/^227 .*\(127,0,0,1,/);
    }
    expect((await amnesia(['serve', 'ftp', '--host', '0.0.0.0'], { env: await newHome() })).code).toBe(64);
  });
});

describe('data connections', () => {
  test('five hundred PASV in one breath leave one listener; a reset in the middle of them leaves none', async () => {
    const { port } = await serve({ files: { story: 'once' } });
    await isWell(port);
    const before = descriptors();
    const ann = await Talker.enter(port);
    ann.write('PASV\r\nEPSV\r\n'.repeat(250));
    for (let at = 0; at < 250; at++) expect([await ann.reply(), await ann.reply()]).toEqual([227, 229]);
    // Its two ends, both in this process, and one listener.
    await until(() => descriptors() <= before + 3);
    for (let round = 0; round < 20; round++) {
      const other = await Talker.enter(port);
      other.write('PASV\r\n'.repeat(20));
      if (round % 2) await other.reply();
      other.socket.resetAndDestroy();
      await other.gone;
    }
    ann.socket.destroy();
    await until(() => descriptors() <= before);
  });

  test('uploads that are reset at every stage: no part, no name, no descriptor is left', async () => {
    const { port, root, names } = await serve({ files: { story: 'once' } });
    await isWell(port);
    const before = descriptors();
    const some = Buffer.alloc(100_000, 1);
    for (let at = 0; at < 40; at++) {
      const ann = await Talker.enter(port);
      await ann.say('TYPE I');
      const data = await ann.data();
      if (at % 5 === 0) data.resetAndDestroy();
      const resumed = at % 4 === 0;
      if (resumed) expect(await ann.say('REST 2')).toBe(350);
      ann.write(resumed ? 'STOR story\r\n' : `${at % 4 === 1 ? 'APPE' : 'STOR'} new-${at}\r\n`);
      if (at % 3 !== 0) expect(await ann.reply()).toBe(150);
      if (at % 5 > 1) await new Promise<void>((sent) => data.write(some, () => sent()));
      // Either connection may be the one that goes, or both of them.
      if (at % 2) ann.socket.resetAndDestroy();
      else data.resetAndDestroy();
      if (at % 2 === 0) expect([426, 150]).toContain(await ann.reply());
      data.resetAndDestroy();
      ann.socket.destroy();
      await ann.gone;
    }
    await until(() => descriptors() <= before && openFilesBelow(root).length === 0);
    expect(names()).toEqual(['story']);
    await isWell(port);
  });

  test('ABOR by the hundred, with and without a transfer: each is answered', async () => {
    const { port } = await serve({ files: { a: LONG } });
    const ann = await Talker.enter(port);
    ann.write('ABOR\r\n'.repeat(300));
    for (let at = 0; at < 300; at++) expect(await ann.reply()).toBe(226);
    await ann.say('TYPE I');
    const data = await ann.data();
    data.pause();
    expect(await ann.say('RETR a')).toBe(150);
    ann.write(`${'ABOR\r\n'.repeat(100)}NOOP\r\n`);
    const codes: (number | undefined)[] = [];
    do codes.push(await ann.reply());
    while (codes.at(-1) === 426 || codes.at(-1) === 226);
    expect(codes.slice(0, 2)).toEqual([426, 226]);
    expect(codes.at(-1)).toBe(200);
  });

  test('who waits for a listing of many names and never reads it keeps nobody else waiting, and is let go of', async () => {
    const files = Object.fromEntries(Array.from({ length: 3000 }, (_none, at) => [`many/${'n'.repeat(200)}${at}`, '']));
    const { port, root } = await serve({ files: { ...files, story: 'once' }, patience: { stalled: 300 } });
    const deaf = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const ann = await Talker.enter(port);
        const data = await ann.data();
        data.pause();
        ann.write('MLSD many\r\n');
        expect(await ann.reply()).toBe(150);
        return ann;
      }),
    );
    await isWell(port);
    // What the sockets between them hold is sent, and the rest may never be.
    for (const each of deaf) expect([226, 426]).toContain(await each.reply());
    await until(() => openFilesBelow(root).length === 0);
  });
});

test('every way out of the root, by every command that takes a name: nothing outside is read or changed', async () => {
  const outside = temporary();
  writeFileSync(join(outside, 'secret'), 'SECRET');
  mkdirSync(join(outside, 'folder'));
  const { port, root } = await serve({ files: { story: 'once', 'pub/a': 'a' } });
  symlinkSync(outside, join(root, 'out'));
  symlinkSync(join(outside, 'secret'), join(root, 'leak'));
  symlinkSync(join(outside, 'new'), join(root, 'dangling'));
  symlinkSync('loop', join(root, 'loop'));
  const ways = [
    'leak',
    'dangling',
    'loop',
    'out/secret',
    'out/folder',
    'out/../out/secret',
    'pub/../out/secret',
    `../../../../../../..${outside}/secret`,
    `${outside}/secret`,
    '/proc/self/root/etc/passwd',
  ];
  const ann = await Talker.enter(port);
  await ann.say('TYPE I');
  for (const way of ways) {
    for (const verb of ['CWD', 'SIZE', 'MDTM', 'MLST', 'STAT', 'DELE', 'RMD', 'RNFR'])
      expect(await ann.say(`${verb} ${way}`), `${verb} ${way}`).toBe(550);
    expect([550, 553], `MKD ${way}`).toContain(await ann.say(`MKD ${way}`));
    expect([await ann.say('RNFR story'), await ann.say(`RNTO ${way}`)], `RNTO ${way}`).toEqual([350, 550]);
    for (const verb of ['RETR', 'LIST', 'NLST', 'MLSD']) {
      const { bytes, codes } = await ann.fetch(`${verb} ${way}`);
      expect(bytes.toString(), `${verb} ${way}`).toBe('');
      expect(codes[0], `${verb} ${way}`).toBe(550);
    }
    for (const verb of ['STOR', 'APPE']) expect([...(await ann.send(`${verb} ${way}`, 'pwned'))], way).toEqual([550]);
  }
  expect((await ann.fetch('NLST')).bytes.toString().split('\r\n')).toEqual(['pub', 'story', '']);
  expect(readdirSync(outside).sort()).toEqual(['folder', 'secret']);
  expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('SECRET');
  expect(readdirSync(join(outside, 'folder'))).toEqual([]);
});

test('names that hold control characters, a terminal’s orders and line ends: listed as they are, and none makes a line of its own', async () => {
  const names = ['\x1b[2Jevil\x07', '\u202egnp.exe', ' leading', '\x85next', '213 End', '250-no'];
  const { port } = await serve({ files: Object.fromEntries([...names, 'two\r\n226 lines'].map((name) => [name, ''])) });
  const ann = await Talker.enter(port);
  const listed = (await ann.fetch('NLST')).bytes.toString().split('\r\n').slice(0, -1);
  expect(listed.sort()).toEqual([...names].sort());
  ann.write('STAT /\r\n');
  expect((await ann.whole())?.lines).toHaveLength(names.length + 2);
  for (const name of names) expect(await ann.say(`MLST /${name}`)).toBe(250);
});

describe('TLS', () => {
  test('rubbish after AUTH, or a reset at any moment of it: those connections end, and no descriptor is left', async () => {
    const pem = await certificate();
    const { port, facts } = await serve({
      files: { story: 'once' },
      certificate: async () => pem,
      patience: { coming: 200 },
      bounds: { connections: 30 },
    });
    await isWell(port);
    const before = descriptors();
    const rubbish = [
      Buffer.from('USER ann\r\nPASS secret\r\n'),
      Buffer.from('16030100f1010000ed0303', 'hex'),
      Buffer.alloc(300, 0x16),
      Buffer.alloc(0),
    ];
    for (let at = 0; at < 60; at++) {
      const talker = await Talker.meet(port);
      talker.write('AUTH TLS\r\n');
      if (at % 3) await talker.reply();
      talker.socket.removeAllListeners('data').resume();
      talker.write(rubbish[at % rubbish.length] as Buffer);
      if (at % 2) talker.socket.resetAndDestroy();
      else talker.socket.end();
      await talker.gone;
    }
    await until(() => descriptors() <= before && Object.keys(facts()).length === 0);
    await isWell(port);
  });
});

test('a password is in no log, however it is sent; and whatever a line holds, its log obeys none of it', async () => {
  const { port } = await serve({ files: { story: 'once' } });
  const password = 'sw0rdfish';
  const orders = ['\x1b[2J\x1b]0;root#\x07', '\u202e\u2066gnp.exe\u2028\u200b', '\x85\x9b31m'];
  const forms = await logged(port, async () => {
    const talker = await Talker.meet(port);
    const sends = [
      `USER ann\r\nPASS ${password}\r\n`,
      `USER ann\r\npass ${password}\r\n`,
      `pAsS  ${password}\r\n`,
      `PASS ${password}\n`,
    ];
    for (const bytes of sends) talker.write(bytes);
    for (let at = 0; at < 6; at++) await talker.reply();
    talker.socket.destroy();
    for (const order of orders) {
      const other = await Talker.enter(port);
      for (const line of [`USER ${order}`, `PASS ${order}${password}`, `CWD ${order}`, `${order}`, `HELP ${order}`])
        expect(await other.say(line)).toBeGreaterThan(199);
      await other.say('USER ann');
      await other.say('PASS secret');
      await other.say(`MKD ${order}`);
      other.write(Buffer.concat([Buffer.from('CWD '), Buffer.from(order, 'latin1'), Buffer.from('\r\n')]));
      await other.reply();
      await other.send(`STOR up${order}`, order);
      other.socket.destroy();
    }
  });
  const hidden = [
    password,
    Buffer.from(password).toString('base64').slice(0, 10),
    Buffer.from(password).toString('hex'),
  ];
  for (const form of forms) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly the characters that must not get through
    expect(form).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u);
    for (const secret of [...hidden, '73 77 30 72']) expect(form.includes(secret), secret).toBe(false);
    expect(form).toContain('PASS');
  }
});

/** Taps what `act` says to a server in this process, and renders all of it: for a terminal, and as JSON. */
async function logged(port: number, act: () => Promise<void>): Promise<string[]> {
  const traces: Trace[] = [{ t: 0, who: 'ftp/1', is: 'born', pid: 1, path: `${host}:${port}`, facts: {}, notes: [] }];
  const untap = tap({
    who: 'client',
    clock: clockSince(process.hrtime.bigint()),
    remotePort: () => port,
    // The server lives in this process too; its own end is not what is looked at.
    sink: (trace) => void ('local' in trace && trace.local.endsWith(`:${port}`) ? undefined : traces.push(trace)),
  });
  await act().finally(untap);
  const entries = record(traces, { card: card as never });
  expect(entries.some((entry) => entry.is === 'packet')).toBe(true);
  const found = ledger(entries);
  const look = { width: 80, colour: false, ascii: false };
  const forms = (['line', 'default', 'full'] as const).map((level) => {
    const log = new TerminalLog({ level, bytes: 'all', look });
    const lines = entries.flatMap((each) => log.lines(each, 'row' in each ? found.notes.get(each.row) : undefined));
    return lines.map((line) => paint(line, look)).join('\n');
  });
  return [jsonLines(entries, found).join('\n'), ...forms];
}

/** A folder until the test is over. */
function temporary(): string {
  const { path, remove } = temporaryFolder();
  onTestFinished(remove);
  return path;
}

async function listens(port: number, at: string): Promise<boolean> {
  const socket = net.connect({ port, host: at });
  const answered = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return answered;
}

/** Open descriptors of this process; where nobody can say, sockets. */
function descriptors(): number {
  const open = existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
  return open || process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
}

/** Bytes of memory that a process has in use. */
function resident(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}

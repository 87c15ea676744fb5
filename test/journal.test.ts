// What the journal of the `disk` designs promises: what was appended comes back, what was cut short is told, what is damaged
// stops the server, and one folder serves one server.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type DiskOptions, diskJournal } from '../src/lab/journals/disk.ts';
import { decodeState, encodeState } from '../src/lab/journals/encode.ts';
import { JournalError } from '../src/lab/journals/error.ts';
import { own } from '../src/lab/journals/owner.ts';
import { syncOf } from '../src/lab/journals/sync.ts';
import type { Journal } from '../src/lab/keeper.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { SettingError } from '../src/protocols/shapes.ts';

/** The simplest state there is: the words said so far. */
type Words = string[];

let folder: string;
let remove: () => Promise<void>;
const opened = new Set<Journal<Words, string>>();
const children = new Set<ChildProcess>();

beforeEach(async () => {
  const temporary = await temporaryFolder();
  folder = temporary.path;
  remove = temporary.remove;
});

afterEach(async () => {
  for (const journal of opened) await close(journal);
  for (const child of children) {
    child.kill('SIGKILL');
    await ended(child);
  }
  children.clear();
  await remove();
});

/** Opens the folder as the next server would, and says what it finds there. */
async function open(options: Partial<DiskOptions> = {}) {
  const journal = await diskJournal<Words, string>({ folder, ...options });
  opened.add(journal);
  const { state: words, notes } = await journal.recover([], (state, word) => void state.push(word));
  return { journal, words, notes };
}

async function close(journal: Journal<Words, string>): Promise<void> {
  opened.delete(journal);
  await journal.close();
}

/** A journal written by a server that has ended. */
async function written(...batches: Words[]): Promise<Buffer> {
  const { journal } = await open();
  for (const batch of batches) await journal.append(batch);
  await close(journal);
  return readFileSync(join(folder, 'journal'));
}

/** Opens and closes: what a server finds in a file that holds `bytes`. */
async function found(bytes: Buffer | string) {
  writeFileSync(join(folder, 'journal'), bytes);
  const { journal, words, notes } = await open();
  await close(journal);
  return { words, notes };
}

/** The error that opening ends with. The folder is free again afterwards, as it is when the process ends. */
async function refusal(options: Partial<DiskOptions> = {}): Promise<Error> {
  const error = await open(options).then(
    () => undefined,
    (reason: Error) => reason,
  );
  for (const journal of opened) await close(journal);
  if (!error) throw new Error('the folder was opened');
  return error;
}

/** A line as the journal seals it. */
function sealed(text: string): string {
  return `${crc32(text).toString(16).padStart(8, '0')} ${text}\n`;
}

test('what was appended comes back in order, batch after batch, life after life', async () => {
  const first = await open();
  expect(first.words).toEqual([]);
  await first.journal.append(['a', 'b']);
  await first.journal.append(['c']);
  await close(first.journal);

  const second = await open();
  expect(second.words).toEqual(['a', 'b', 'c']);
  expect(second.notes).toEqual([]);
  await second.journal.append(['d\nwith a line end', 'ü ☂ 𝄞']);
  await close(second.journal);

  expect((await open()).words).toEqual(['a', 'b', 'c', 'd\nwith a line end', 'ü ☂ 𝄞']);
});

test('a last line cut short at any byte is cut off, with a line that says so, and the journal goes on', async () => {
  const before = (await written(['one'], ['two'])).length;
  const whole = await written(['three', 'drei']);

  for (let length = before; length < whole.length; length++) {
    writeFileSync(join(folder, 'journal'), whole.subarray(0, length));
    const { journal, words, notes } = await open();
    expect(words, `${length} of ${whole.length} bytes`).toEqual(['one', 'two']);
    // At the very boundary nothing is missing.
    if (length === before) expect(notes).toEqual([]);
    else expect(notes).toEqual([expect.stringMatching(`cut short: .*journal goes on from byte ${before};`)]);
    await journal.append(['four']);
    await close(journal);

    const after = await open();
    expect(after.words, `${length} of ${whole.length} bytes, and one more line`).toEqual(['one', 'two', 'four']);
    expect(after.notes).toEqual([]);
    await close(after.journal);
  }
  expect((await found(whole)).words).toEqual(['one', 'two', 'three', 'drei']);
});

test('blocks that a power cut left unwritten in the last line are a tail too', async () => {
  const sound = await written(['one']);
  const last = sealed('events ["two, and so many more words that the line takes several blocks of a disk"]');
  const holes = Buffer.from(last).fill(0, 20, 40);
  const { words, notes } = await found(Buffer.concat([sound, holes]));
  expect(words).toEqual(['one']);
  expect(notes).toHaveLength(1);
});

test('one damaged byte anywhere in what was promised stops the server, and the message says where', async () => {
  const header = 'amnesia-journal 1\n'.length;
  const sound = await written(['one'], ['two'], ['three']);
  const second = sound.indexOf(10, header) + 1;
  const third = sound.indexOf(10, second) + 1;

  for (let at = header; at < sound.length - 1; at++) {
    const spoilt = Buffer.from(sound);
    spoilt[at] = (spoilt[at] ?? 0) ^ 0x01;
    writeFileSync(join(folder, 'journal'), spoilt);
    const error = await refusal();
    expect(error, `byte ${at}`).toBeInstanceOf(JournalError);
    const [line, byte] = at < second ? [2, header] : at < third ? [3, second] : [4, third];
    expect(error.message).toContain(`${join(folder, 'journal')} is damaged at byte ${byte} (line ${line})`);
    // Nothing was mended behind anybody's back.
    expect(readFileSync(join(folder, 'journal')).equals(spoilt)).toBe(true);
  }
});

test('a line that was never finished and yet is followed by others is damage, not a tail', async () => {
  const sound = await written(['one']);
  const hole = Buffer.from(sealed('events ["two"]')).fill(0, 12, 14);
  writeFileSync(join(folder, 'journal'), Buffer.concat([sound, hole, Buffer.from(sealed('events ["three"]'))]));
  const error = await refusal();
  expect(error).toBeInstanceOf(JournalError);
  expect(error.message).toContain(`byte ${sound.length} (line 3)`);
});

test.each([
  ['another version', 'amnesia-journal 2\n'],
  ['another program', '{"users":[]}\n'],
  ['bytes', Buffer.from([0xff, 0xfe, 0x00, 0x0a])],
  ['another version, cut short', 'amnesia-journal 2'],
])('a file of %s is refused and left as it is', async (_whose, bytes) => {
  writeFileSync(join(folder, 'journal'), bytes);
  const error = await refusal();
  expect(error).toBeInstanceOf(JournalError);
  expect(error.message).toContain('not a journal of this version');
  expect(readFileSync(join(folder, 'journal'))).toEqual(Buffer.from(bytes));
});

test('a header alone is the journal of a server that has met nobody', async () => {
  writeFileSync(join(folder, 'journal'), 'amnesia-journal 1\n');
  const { journal, words } = await open();
  expect(words).toEqual([]);
  await journal.append(['first']);
  await close(journal);
  expect((await open()).words).toEqual(['first']);
});

test('a journal that is empty, or has not even its header, was not left by a server', async () => {
  const header = 'amnesia-journal 1\n';
  for (let length = 0; length < header.length; length++) {
    const place = join(folder, String(length));
    mkdirSync(place);
    writeFileSync(join(place, 'journal'), header.slice(0, length));
    const journal = await diskJournal<Words, string>({ folder: place });
    await expect(
      journal.recover([], () => {}),
      `${length} bytes`,
    ).rejects.toThrow(JournalError);
    await journal.close();
  }
});

test('a snapshot cut short was never a kill’s doing: it is damage, not a tail', async () => {
  const { journal } = await open();
  await journal.append(['one']);
  await journal.snapshot(['one']);
  await close(journal);
  const path = join(folder, 'journal');
  writeFileSync(path, readFileSync(path).subarray(0, -6));
  await expect(open()).rejects.toThrow(/damaged at byte 18 \(line 2\)/);
});

test('a snapshot replaces the file, and replay gives the same state', async () => {
  const { journal } = await open();
  for (let index = 0; index < 100; index++) await journal.append([`word ${index}`]);
  const long = readFileSync(join(folder, 'journal')).length;
  await journal.snapshot(['all', 'of', 'it']);
  await journal.append(['and', 'more']);
  await close(journal);

  expect(readFileSync(join(folder, 'journal')).length).toBeLessThan(long / 10);
  expect(readdirSync(folder)).toEqual(['journal']);
  const after = await open();
  expect(after.words).toEqual(['all', 'of', 'it', 'and', 'more']);
  expect(after.notes).toEqual([]);
});

test('a snapshot that a kill cut short leaves the journal before it in force', async () => {
  await written(['one']);
  writeFileSync(join(folder, 'journal.new'), 'amnesia-journal 1\n12345678 snaps');
  const { journal, words } = await open();
  expect(words).toEqual(['one']);
  await journal.snapshot(['two']);
  await close(journal);
  expect((await open()).words).toEqual(['two']);
});

test('a snapshot is due when the file is long, and not again until it is four times as long as the snapshot', async () => {
  const { journal } = await open({ long: 1000 });
  expect(journal.long).toBe(false);
  await journal.append(['x'.repeat(1000)]);
  expect(journal.long).toBe(true);
  await journal.snapshot(['x'.repeat(1000)]);
  expect(journal.long).toBe(false);
  await journal.append(['y'.repeat(2000)]);
  expect(journal.long).toBe(false);
  await close(journal);
  // The next server knows as much: of the file, and of the snapshot it begins with.
  const next = (await open({ long: 1000 })).journal;
  expect(next.long).toBe(false);
  await next.append(['z'.repeat(2000)]);
  expect(next.long).toBe(true);
  await close(next);
  expect((await open({ long: 1000 })).journal.long).toBe(true);
});

// ------------------------------------------------------------------------------------------------------- one folder, one server

const OWNER = new URL('../src/lab/journals/owner.ts', import.meta.url).href;
const DISK = new URL('../src/lab/journals/disk.ts', import.meta.url).href;

/** Another process that runs `script`; its lines as they come. */
function otherProcess(script: string, { prelude = '' } = {}) {
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script, '--', folder];
  const [command, ...words] = prelude === '' ? node : ['/bin/sh', '-c', `${prelude}; exec "$@"`, 'sh', ...node];
  const child = spawn(command ?? '', words, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  children.add(child);
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

test('a folder in use by another process is refused in words, and free again when that process is killed', async () => {
  const { child, lines } = otherProcess(`
    import { own } from ${JSON.stringify(OWNER)};
    await own(process.argv.at(-1));
    console.log('taken');
    setInterval(() => {}, 1e6);`);
  expect((await lines.next()).value).toBe('taken');

  const error = await refusal();
  expect(error).toBeInstanceOf(JournalError);
  expect(error.message).toContain(`${folder} is in use by another server: stop that one, or give another folder`);
  expect(existsSync(join(folder, 'journal'))).toBe(false);

  // An owner that is only stopped still owns.
  child.kill('SIGSTOP');
  expect((await refusal()).message).toContain('in use');

  child.kill('SIGKILL');
  await ended(child);
  if (process.platform !== 'win32') expect(existsSync(join(folder, 'owner'))).toBe(true);
  const { words } = await open();
  expect(words).toEqual([]);
});

test('the folder is free again after a server that has ended in peace, and holds nothing but the journal', async () => {
  await written(['one']);
  expect(readdirSync(folder)).toEqual(['journal']);
  expect((await open()).words).toEqual(['one']);
});

/** What a killed owner leaves: the name of a socket on which nobody listens. */
async function leaveStaleSocket(): Promise<void> {
  const killed = createServer().listen(join(folder, 'gone'));
  await once(killed, 'listening');
  renameSync(join(folder, 'gone'), join(folder, 'owner'));
  await new Promise((closed) => killed.close(closed));
}

test.skipIf(process.platform === 'win32')(
  'of several that take over a dead owner’s folder at once exactly one wins',
  async () => {
    for (let round = 0; round < 40; round++) {
      await leaveStaleSocket();
      // Not all at the very same moment: one may find the owner dead and come to clear away when another has moved in.
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, async (_none, index) => {
          for (let turns = 0; turns < (index * round) % 11; turns++) await new Promise((next) => setImmediate(next));
          return own(folder);
        }),
      );
      const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      const losers = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(winners, `round ${round}`).toHaveLength(1);
      for (const { reason } of losers) expect(reason).toBeInstanceOf(JournalError);
      // The winner stands: nobody cleared its socket away.
      await expect(own(folder)).rejects.toThrow('in use');
      for (const { value: release } of winners) await release();
    }
  },
);

test.skipIf(process.platform === 'win32')('a file of somebody else’s that is called owner is not touched', async () => {
  writeFileSync(join(folder, 'owner'), 'my list of owners');
  const error = await refusal();
  expect(error).toBeInstanceOf(JournalError);
  expect(readFileSync(join(folder, 'owner'), 'utf8')).toBe('my list of owners');
  expect(readdirSync(folder)).toEqual(['owner']);
});

test('a folder too deep for the name of a socket serves as well as any', async () => {
  const deep = join(folder, 'd'.repeat(60), 'e'.repeat(60));
  const { journal } = await open({ folder: deep });
  await journal.append(['one']);
  await expect(own(deep)).rejects.toThrow('in use');
  await close(journal);
  expect((await open({ folder: deep })).words).toEqual(['one']);
});

// ------------------------------------------------------------------------------------------------------- disks that do not do as told

test('a folder that cannot be made is refused in words', async () => {
  writeFileSync(join(folder, 'file'), '');
  const error = await refusal({ folder: join(folder, 'file', 'state') });
  expect(error).toBeInstanceOf(JournalError);
  expect(error.message).toContain('cannot be made: give another folder');
});

test.skipIf(process.platform === 'win32')(
  'a folder that cannot be written to is refused in words, deep or not',
  async () => {
    // Root may write anywhere, so for this test it is somebody else.
    const root = process.getuid?.() === 0;
    const deep = join(folder, 'd'.repeat(60), 'e'.repeat(60));
    mkdirSync(deep, { recursive: true });
    const shut = [folder, deep];
    for (const each of shut) chmodSync(each, 0o555);
    if (root) chmodSync(dirname(folder), 0o711);
    if (root) process.seteuid?.(65_534);
    try {
      for (const each of shut) {
        const error = await refusal({ folder: each });
        expect(error, each).toBeInstanceOf(JournalError);
        expect(error.message).toMatch(
          each === deep ? /cannot be written \(EACCES/ : /cannot be made: is the folder writable/,
        );
      }
    } finally {
      if (root) process.seteuid?.(0);
      if (root) chmodSync(dirname(folder), 0o700);
      for (const each of shut) chmodSync(each, 0o700);
    }
  },
);

test.skipIf(process.platform !== 'linux')(
  'a full disk: a snapshot is refused, and the journal before it stays in force',
  async () => {
    const { journal } = await open();
    await journal.append(['one']);
    symlinkSync('/dev/full', join(folder, 'journal.new'));
    const error = await journal.snapshot(['two']).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error).toBeInstanceOf(JournalError);
    expect(error?.message).toContain('ENOSPC');
    expect(error?.message).toContain('nothing that depended on it was answered');
    // Room is made, but nobody knows any more what is on the disk: only the next server, which reads it, may go on.
    rmSync(join(folder, 'journal.new'));
    await expect(journal.append(['three'])).rejects.toThrow(JournalError);
    await close(journal);
    expect((await open()).words).toEqual(['one']);
  },
);

test.skipIf(process.platform !== 'linux')('a full disk at the first start is refused in words', async () => {
  symlinkSync('/dev/full', join(folder, 'journal.new'));
  const error = await refusal();
  expect(error).toBeInstanceOf(JournalError);
  expect(error.message).toContain('ENOSPC');
});

// A limit on the length of a file is a full disk that needs no administrator: the write is cut short in just the same way.
test.skipIf(process.platform === 'win32')(
  'a disk that fills up: the append rejects, none after it is believed, and all before it is there',
  async () => {
    const { child, lines } = otherProcess(
      `
    import { diskJournal } from ${JSON.stringify(DISK)};
    const journal = await diskJournal({ folder: process.argv.at(-1) });
    await journal.recover([], () => {});
    let count = 0;
    let error;
    while (!error) await journal.append(['word ' + count + '.'.repeat(400)]).then(() => count++, (reason) => { error = reason; });
    const again = await journal.append(['small']).then(() => 'accepted', (reason) => reason.name);
    const whole = await journal.snapshot([]).then(() => 'accepted', (reason) => reason.name);
    console.log(JSON.stringify({ count, name: error.name, message: error.message, again, whole }));`,
      { prelude: 'ulimit -f 16' },
    );
    const told = JSON.parse((await lines.next()).value ?? '{}');
    expect(told).toMatchObject({ name: 'JournalError', again: 'JournalError', whole: 'JournalError' });
    expect(told.message).toContain('make room or mend the disk');
    expect(told.count).toBeGreaterThan(5);
    await ended(child);

    const { words, notes } = await open();
    expect(words).toHaveLength(told.count);
    expect(notes).toEqual([expect.stringContaining('cut short')]);
  },
);

test('what one server left whole but never synced is read by the next one, which makes it safe before it answers', async () => {
  // A kill between write and sync leaves a whole line. It was not promised, but it is there, and stays.
  const sound = await written(['one']);
  const { words } = await found(Buffer.concat([sound, Buffer.from(sealed('events ["two"]'))]));
  expect(words).toEqual(['one', 'two']);
  expect((await open()).words).toEqual(['one', 'two']);
});

test('every append passes its moments in order: written, then synced, then promised', async () => {
  const moments: string[] = [];
  const { journal } = await open({ at: (moment) => void moments.push(moment) });
  const promised = journal.append(['one']).then(() => void moments.push('promised'));
  expect(moments).toEqual([]);
  await promised;
  expect(moments).toEqual(['write', 'sync', 'promised']);
});

test('a copy of the folder is a journal of its own', async () => {
  await written(['one']);
  mkdirSync(join(folder, 'copy'));
  copyFileSync(join(folder, 'journal'), join(folder, 'copy', 'journal'));
  const { words } = await open({ folder: join(folder, 'copy') });
  expect(words).toEqual(['one']);
});

// ------------------------------------------------------------------------------------------------------- states as text

test('Maps, Sets and Buffers come back as what they were, however deep', () => {
  const state = {
    nothing: null,
    plain: [1, 'two', { three: true }],
    sessions: new Map<unknown, unknown>([
      ['token', { next: -5, seen: new Set([1, 2]), bytes: Buffer.from([0, 255, 10]) }],
      [7, new Map([['inner', new Set([new Map()])]])],
    ]),
    empty: { map: new Map(), set: new Set(), bytes: Buffer.alloc(0) },
    text: '\u2028 ☂ \ud83d\ude00 "$kind"',
    of: ['a key of ours is nobody else’s business'],
  };
  const back = decodeState<typeof state>(encodeState(state));
  expect(back).toEqual(state);
  expect([...back.sessions.keys()]).toEqual(['token', 7]);
  expect(Buffer.isBuffer((back.sessions.get('token') as { bytes: Buffer }).bytes)).toBe(true);
});

test('keys that come from the wire are only keys', () => {
  const state = {
    known: new Map([
      ['__proto__', 1],
      ['constructor', 2],
    ]),
    plain: JSON.parse('{"__proto__": {"x": 1}, "$kin": 1}'),
  };
  const back = decodeState<typeof state>(encodeState(state));
  expect([...back.known]).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
  ]);
  expect(Object.keys(back.plain)).toEqual(['__proto__', '$kin']);
  expect(Object.getPrototypeOf(back.plain)).toBe(Object.prototype);
  expect(({} as { x?: number }).x).toBeUndefined();
});

test.each([
  ['alone', { $kind: 'map' }],
  ['with all that a marker has', { $kind: 'map', of: [] }],
  ['deep inside', new Map([['a', [{ $kind: 'bytes', of: '' }]]])],
])('a state that looks like a marker is refused rather than changed: %s', (_where, state) => {
  expect(() => encodeState(state)).toThrow('cannot have a key named $kind');
});

test('a new folder may be named from where one stands, and be several deep', async () => {
  const deep = relative(process.cwd(), join(folder, 'one', 'two'));
  const { journal } = await open({ folder: deep });
  await journal.append(['here']);
  await close(journal);
  expect((await open({ folder: join(folder, 'one', 'two') })).words).toEqual(['here']);
});

test.each([
  ['device', 'once for each append', ['write', 'sync', 'write', 'sync'], 2],
  ['os', 'never for an append', ['write', 'write'], 0],
] as const)('--sync %s: the device is waited for %s; both come back', async (sync, _name, moments, syncs) => {
  const came: string[] = [];
  const { journal } = await open({ sync, at: (moment) => void came.push(moment) });
  const probe = await openFile(join(folder, 'journal'), 'r');
  const datasync = vi.spyOn(Object.getPrototypeOf(probe) as typeof probe, 'datasync');
  await probe.close();
  await journal.append(['one']);
  await journal.append(['two']);
  expect(came).toEqual(moments);
  expect(datasync).toHaveBeenCalledTimes(syncs);
  // What begins the file anew replaces all there is, so it is synced however fast the rest is to be.
  await journal.snapshot(['one', 'two']);
  expect(datasync).toHaveBeenCalledTimes(syncs + 1);
  datasync.mockRestore();
  await close(journal);
  expect((await open()).words).toEqual(['one', 'two']);
});

test('--sync takes two words, and device is what it is without', () => {
  expect([syncOf({}), syncOf({ sync: 'device' }), syncOf({ sync: 'os' })]).toEqual(['device', 'device', 'os']);
  expect(() => syncOf({ sync: 'never' })).toThrow(
    new SettingError('"never" is no way to sync: --sync takes device or os'),
  );
});

// What a stranger can and cannot do to a folder that is served to them.

import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { type Folder, FolderError, type FolderOptions, openFolder, resolve } from '../../src/served/folder.ts';
import { openFilesBelow } from './open-files.ts';

/** A folder with these files in it, a secret beside it, and nothing left open at the end. */
async function served(files: Record<string, string> = {}, options: FolderOptions = {}) {
  const temporary = temporaryFolder();
  const root = join(temporary.path, 'root');
  const outside = join(temporary.path, 'outside');
  mkdirSync(root);
  mkdirSync(join(outside, 'deep'), { recursive: true });
  writeFileSync(join(outside, 'secret'), 'secret');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const folder = await openFolder(root, options);
  onTestFinished(async () => {
    const open = openFilesBelow(temporary.path);
    await temporary.remove();
    expect(open).toEqual([]);
  });
  return { folder, root, outside };
}

async function names(folder: Folder, path: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of folder.list(path)) found.push(name);
  return found;
}

async function text(folder: Folder, path: string, offset?: number): Promise<string> {
  const source = await folder.read(path, offset);
  const into = Buffer.alloc(1 << 16);
  const got = await source.read(into, source.offset);
  await source.close();
  return into.toString('utf8', 0, got);
}

async function put(folder: Folder, path: string, content: string, how?: Parameters<Folder['write']>[1]) {
  const upload = await folder.write(path, how);
  try {
    await upload.write([Buffer.from(content)]);
    await upload.commit();
  } finally {
    await upload.abort();
  }
  return upload;
}

const refused = (kind: string) => ({ name: 'FolderError', kind });

describe('names', () => {
  test.each([
    ['/', '', '/'],
    ['/', '.', '/'],
    ['/', '..', '/'],
    ['/pub', '../../../..', '/'],
    ['/pub', '../../etc/passwd', '/etc/passwd'],
    ['/pub', '/etc/passwd', '/etc/passwd'],
    ['/pub', 'a//b/./c/', '/pub/a/b/c'],
    ['/pub/a', '../b', '/pub/b'],
    ['/pub', '...', '/pub/...'],
    ['/pub', '..\\..\\x', '/pub/..\\..\\x'],
    ['/pub', ' leading and trailing ', '/pub/ leading and trailing '],
    ['/pub', '%2e%2e/x', '/pub/%2e%2e/x'],
    ['/pub', '~root', '/pub/~root'],
    ['/pub', 'a"b', '/pub/a"b'],
    ['/pub', '__proto__', '/pub/__proto__'],
  ])('in %s, %j is %j', (cwd, name, expected) => expect(resolve(cwd, name)).toBe(expected));

  test.each([
    'a\0b',
    'a\rb',
    'a\nb',
    `/${'x'.repeat(4096)}`,
    `/${'é'.repeat(2048)}`,
    '../'.repeat(3) + 'y'.repeat(5000),
  ])('no name at all: %#', (name) =>
    expect(() => resolve('/', name)).toThrow(expect.objectContaining(refused('badName'))),
  );

  test('4,096 bytes are a name, whatever the file system says of it', async () => {
    const { folder } = await served();
    const long = `/${'x'.repeat(4095)}`;
    expect(resolve('/', long)).toBe(long);
    await expect(folder.stat(long)).rejects.toMatchObject(refused('badName'));
    await expect(folder.write(`/${'x'.repeat(256)}`)).rejects.toMatchObject(refused('badName'));
    await put(folder, `/${'x'.repeat(255)}`, 'as long as can be');
    expect(await names(folder, '/')).toEqual(['x'.repeat(255)]);
  });

  test('a composed and a decomposed é are two names, and both come back as they were said', async () => {
    const { folder } = await served();
    await put(folder, '/\u00e9', 'NFC');
    await put(folder, '/e\u0301', 'NFD');
    const found = await names(folder, '/');
    // A file system that takes both for one (APFS) holds the second text under the first name.
    expect(found.map((name) => name.normalize('NFC')).every((name) => name === '\u00e9')).toBe(true);
    if (found.length === 2) expect(await text(folder, '/\u00e9')).toBe('NFC');
    expect(await text(folder, '/e\u0301')).toBe('NFD');
  });

  test('control characters and leading spaces are part of a name; what no line can hold is not listed', async () => {
    const { folder, root } = await served({ ' led': '', 'bell\u0007': '', '\u001b[31m': '' });
    writeFileSync(join(root, 'two\nlines'), '');
    writeFileSync(join(root, 'carriage\rreturn'), '');
    expect(await names(folder, '/')).toEqual(['\u001b[31m', ' led', 'bell\u0007']);
  });
});

describe('no path leads out', () => {
  async function withLinks() {
    const { folder, root, outside } = await served({ 'pub/notes.txt': 'notes', 'pub/deep/end.txt': 'end' });
    const link = (name: string, target: string) => symlinkSync(target, join(root, name));
    link('file-out', join(outside, 'secret'));
    link('file-out-relative', '../outside/secret');
    link('folder-out', outside);
    link('chain-out', 'chain-out-2');
    link('chain-out-2', 'folder-out');
    link('in-and-out', 'pub/../../outside/secret');
    link('dangling', 'nowhere');
    link('dangling-out', join(outside, 'nowhere'));
    link('loop', 'loop');
    link('to-slash', '/');
    link('to-parent', '..');
    // Begins with the same letters as the root, and is another folder.
    mkdirSync(`${root}-2`);
    writeFileSync(join(`${root}-2`, 'secret'), 'secret');
    link('neighbour', `${root}-2`);
    link('file-in', 'pub/notes.txt');
    link('file-in-absolute', join(root, 'pub/notes.txt'));
    link('folder-in', 'pub');
    link('chain-in', 'folder-in');
    link('pub/up', '..');
    return { folder, root, outside };
  }

  const OUT = [
    '/file-out',
    '/file-out-relative',
    '/folder-out',
    '/folder-out/secret',
    '/folder-out/deep',
    '/folder-out/nothing',
    '/chain-out',
    '/chain-out/secret',
    '/in-and-out',
    '/dangling',
    '/dangling-out',
    '/loop',
    '/loop/x',
    '/to-slash',
    '/to-slash/etc/passwd',
    '/to-parent',
    '/to-parent/outside/secret',
    '/neighbour',
    '/neighbour/secret',
  ];

  test.each(OUT)('%s does not exist, whatever is asked of it', async (path) => {
    const { folder, root, outside } = await withLinks();
    const before = [await readdir(outside), await readdir(root)];
    const missing = refused('missing');
    await expect(folder.stat(path)).rejects.toMatchObject(missing);
    await expect(folder.read(path)).rejects.toMatchObject(missing);
    await expect(names(folder, path)).rejects.toMatchObject(missing);
    await expect(folder.removeFile(path)).rejects.toMatchObject(missing);
    await expect(folder.removeFolder(path)).rejects.toMatchObject(missing);
    await expect(folder.rename(path, '/pub/taken')).rejects.toMatchObject(missing);
    await expect(folder.write(`${path}/new`)).rejects.toMatchObject(missing);
    await expect(folder.makeFolder(`${path}/new`)).rejects.toMatchObject(missing);
    await expect(folder.rename('/pub/notes.txt', `${path}/new`)).rejects.toMatchObject(missing);
    // The link itself stays too: it is the owner's, and a name that a client cannot have.
    await expect(folder.write(path)).rejects.toThrow(FolderError);
    await expect(folder.write(path, { append: true })).rejects.toThrow(FolderError);
    await expect(folder.makeFolder(path)).rejects.toThrow(FolderError);
    await expect(folder.rename('/pub/notes.txt', path)).rejects.toThrow(FolderError);
    expect([await readdir(outside), await readdir(root)]).toEqual(before);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  test('a listing shows what is there: links inside as what they lead to, and no others', async () => {
    const { folder } = await withLinks();
    const kinds: string[] = [];
    for await (const { name, kind } of folder.list('/')) kinds.push(`${name} ${kind}`);
    expect(kinds).toEqual([
      'chain-in folder',
      'file-in file',
      'file-in-absolute file',
      'folder-in folder',
      'pub folder',
    ]);
  });

  test('links inside are followed, and a file has one id under all its names', async () => {
    const { folder } = await withLinks();
    for (const path of [
      '/file-in',
      '/file-in-absolute',
      '/folder-in/notes.txt',
      '/chain-in/notes.txt',
      '/pub/up/pub/notes.txt',
    ])
      expect(await text(folder, path), path).toBe('notes');
    const { id } = await folder.stat('/pub/notes.txt');
    expect((await folder.stat('/chain-in/notes.txt')).id).toBe(id);
    expect((await folder.stat('/pub/deep/end.txt')).id).not.toBe(id);
    const listed: string[] = [];
    for await (const entry of folder.list('/')) if (entry.name === 'file-in') listed.push(entry.id);
    expect(listed).toEqual([id]);
  });

  test('an upload to a link inside replaces what it leads to; removing a link removes the link', async () => {
    const { folder, root } = await withLinks();
    expect((await put(folder, '/file-in', 'new notes')).path).toBe('/file-in');
    expect(readFileSync(join(root, 'pub/notes.txt'), 'utf8')).toBe('new notes');
    await folder.removeFile('/file-in');
    expect(await text(folder, '/pub/notes.txt')).toBe('new notes');
    await expect(folder.removeFolder('/folder-in')).rejects.toMatchObject(refused('notFolder'));
  });

  test('a link that a rename turns outwards is gone with its first use', async () => {
    const { folder, root, outside } = await served({ 'a/b/x.txt': 'x', 'a/outside/secret': 'mine' });
    symlinkSync('../outside/secret', join(root, 'a/b/link'));
    expect(await text(folder, '/a/b/link')).toBe('mine');
    // From /b it would lead to what stands beside the root, under the same name.
    await folder.rename('/a/b', '/b');
    symlinkSync('../../outside/secret', join(root, 'b/link-2'));
    expect(readFileSync(join(root, 'b/link-2'), 'utf8')).toBe('secret');
    await expect(folder.read('/b/link-2')).rejects.toMatchObject(refused('missing'));
    expect(await names(folder, '/b')).toEqual(['x.txt']);
    expect(existsSync(join(outside, 'secret'))).toBe(true);
  });

  test('devices, FIFOs and sockets are not there, and nobody waits for them', async () => {
    const { folder, root } = await served({ 'file.txt': '' });
    execFileSync('mkfifo', [join(root, 'fifo')]);
    symlinkSync('/dev/zero', join(root, 'zero'));
    await expect(folder.read('/fifo')).rejects.toMatchObject(refused('missing'));
    await expect(folder.stat('/fifo')).rejects.toMatchObject(refused('missing'));
    await expect(folder.write('/fifo')).rejects.toThrow(FolderError);
    await expect(folder.read('/zero')).rejects.toMatchObject(refused('missing'));
    expect(await names(folder, '/')).toEqual(['file.txt']);
  });

  test('an error says nothing of this machine', async () => {
    const { folder, root } = await served();
    const error = await folder.stat('/nothing').catch((thrown: FolderError) => thrown);
    expect(error).toBeInstanceOf(FolderError);
    expect((error as FolderError).message).not.toContain(root);
    expect((error as FolderError).cause).toMatchObject({ code: 'ENOENT' });
    await expect(openFolder(join(root, 'nothing'))).rejects.toMatchObject(refused('missing'));
    writeFileSync(join(root, 'file'), '');
    await expect(openFolder(join(root, 'file'))).rejects.toThrow(FolderError);
  });
});

describe('reading', () => {
  test('what is known of a file and a folder', async () => {
    const { folder, root } = await served({ 'pub/notes.txt': '12345' });
    const then = new Date('2026-01-01T00:00:00Z');
    utimesSync(join(root, 'pub/notes.txt'), then, then);
    expect(await folder.stat('/pub/notes.txt')).toEqual({
      kind: 'file',
      name: 'notes.txt',
      path: '/pub/notes.txt',
      size: 5,
      mtime: then.getTime(),
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(await folder.stat('/')).toMatchObject({ kind: 'folder', name: '', path: '/', size: 0 });
    for await (const listed of folder.list('/pub')) expect(listed).toEqual(await folder.stat('/pub/notes.txt'));
  });

  test('from an offset, up to the very end of it, and not beyond', async () => {
    const { folder } = await served({ 'notes.txt': '12345' });
    expect(await text(folder, '/notes.txt', 3)).toBe('45');
    expect(await text(folder, '/notes.txt', 5)).toBe('');
    await expect(folder.read('/notes.txt', 6)).rejects.toMatchObject(refused('beyond'));
    await expect(folder.read('/')).rejects.toMatchObject(refused('isFolder'));
    await expect(folder.read('/notes.txt/x')).rejects.toMatchObject(refused('missing'));
    await expect(names(folder, '/notes.txt')).rejects.toMatchObject(refused('notFolder'));
    await expect(names(folder, '/nothing')).rejects.toMatchObject(refused('missing'));
  });

  test('many entries come in order, and others get their turn meanwhile', async () => {
    const { folder, root } = await served();
    const count = 10_000;
    for (let index = 0; index < count; index++) writeFileSync(join(root, `${(index * 7919) % count}`), '');
    let turns = 0;
    let listing = true;
    const turn = () => {
      turns++;
      if (listing) setImmediate(turn);
    };
    turn();
    const found = await names(folder, '/');
    listing = false;
    expect(found).toEqual(Array.from({ length: count }, (_, index) => `${index}`).sort());
    expect(turns).toBeGreaterThan(count / 64);
  });

  test('a listing that nobody wants to the end lets go of the folder', async () => {
    const { folder, root } = await served({ a: '', b: '', c: '' });
    for await (const entry of folder.list('/')) if (entry.name === 'b') break;
    expect(openFilesBelow(root)).toEqual([]);
  });

  test('what is removed while it is being listed is left out', async () => {
    const { folder } = await served(
      Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`${index + 100}`, ''])),
    );
    const found: string[] = [];
    for await (const { name } of folder.list('/')) {
      if (found.push(name) === 1) await folder.removeFile('/199');
    }
    expect(found).toHaveLength(99);
  });
});

describe('an upload', () => {
  const parts = async (root: string) => (await readdir(root)).filter((name) => name.startsWith('.part-'));

  test('has no name before all of it is there', async () => {
    const { folder, root } = await served();
    const upload = await folder.write('/new.txt');
    await upload.write([Buffer.from('half '), Buffer.from('and ')]);
    await upload.write([Buffer.from('half')]);
    expect(await names(folder, '/')).toEqual([]);
    expect(await parts(root)).toHaveLength(1);
    await expect(folder.stat('/new.txt')).rejects.toMatchObject(refused('missing'));
    await upload.commit();
    expect(await text(folder, '/new.txt')).toBe('half and half');
    expect(await readdir(root)).toEqual(['new.txt']);
    await upload.abort();
    expect(await text(folder, '/new.txt')).toBe('half and half');
    await expect(upload.commit()).rejects.toThrow('over once');
    await expect(upload.write([Buffer.from('more')])).rejects.toThrow('over');
  });

  test('is invisible under the name that it has meanwhile', async () => {
    const { folder, root } = await served();
    const upload = await folder.write('/new.txt');
    const [name = ''] = await parts(root);
    for (const path of [`/${name}`, `/${name.toUpperCase()}`]) {
      await expect(folder.stat(path)).rejects.toMatchObject(refused('missing'));
      await expect(folder.read(path)).rejects.toMatchObject(refused('missing'));
      await expect(folder.removeFile(path)).rejects.toMatchObject(refused('missing'));
      await expect(folder.rename(path, '/mine')).rejects.toMatchObject(refused('missing'));
      await expect(folder.write(path)).rejects.toMatchObject(refused('badName'));
      await expect(folder.makeFolder(path)).rejects.toMatchObject(refused('badName'));
    }
    await put(folder, '/other', '');
    await expect(folder.rename('/other', '/.PART-x')).rejects.toMatchObject(refused('badName'));
    await upload.abort();
  });

  test('that is aborted leaves nothing, and does so once', async () => {
    const { folder, root } = await served({ 'old.txt': 'old' });
    const upload = await folder.write('/old.txt');
    await upload.write([Buffer.from('new')]);
    await Promise.all([upload.abort(), upload.abort()]);
    expect(await readdir(root)).toEqual(['old.txt']);
    expect(await text(folder, '/old.txt')).toBe('old');
  });

  test('that is aborted in the middle of a write waits for it, and then removes it', async () => {
    const { folder, root } = await served();
    const upload = await folder.write('/new.txt');
    const writing = upload.write([Buffer.alloc(8 << 20)]).catch(() => {});
    await upload.abort();
    await writing;
    expect(await readdir(root)).toEqual([]);
  });

  test('goes on from an offset: what is behind it is replaced, what is in front is kept', async () => {
    const { folder } = await served({ 'old.txt': '0123456789' });
    expect((await put(folder, '/old.txt', 'abc', { offset: 4 })).start).toBe(4);
    expect(await text(folder, '/old.txt')).toBe('0123abc');
    await put(folder, '/old.txt', 'def', { append: true });
    expect(await text(folder, '/old.txt')).toBe('0123abcdef');
    await put(folder, '/fresh.txt', 'first', { append: true });
    expect(await text(folder, '/fresh.txt')).toBe('first');
  });

  test('cannot go on from beyond the end', async () => {
    const { folder, root } = await served({ 'old.txt': '0123' });
    await expect(folder.write('/old.txt', { offset: 5 })).rejects.toMatchObject(refused('beyond'));
    await expect(folder.write('/nothing.txt', { offset: 1 })).rejects.toMatchObject(refused('beyond'));
    expect(await readdir(root)).toEqual(['old.txt']);
  });

  test.each(['offset', 'append'] as const)('resumed by %s and aborted does not touch the old file', async (how) => {
    const { folder, root } = await served({ 'old.txt': '0123456789' });
    const upload = await folder.write('/old.txt', how === 'append' ? { append: true } : { offset: 2 });
    await upload.write([Buffer.from('xxxxxxxxxxxxxxxx')]);
    expect(await text(folder, '/old.txt')).toBe('0123456789');
    await upload.abort();
    expect(await text(folder, '/old.txt')).toBe('0123456789');
    expect(await readdir(root)).toEqual(['old.txt']);
  });

  test('of a unique name gets one, though others are asking for it too', async () => {
    const { folder } = await served({ 'in/a': 'old' });
    const first = await folder.write('/in/a', { unique: true });
    const second = await folder.write('/in/a', { unique: true });
    expect([first.path, second.path]).toEqual(['/in/a.1', '/in/a.2']);
    await first.abort();
    await second.commit();
    expect((await put(folder, '/in/a', '', { unique: true })).path).toBe('/in/a.1');
    expect((await put(folder, '/top', '', { unique: true })).path).toBe('/top');
    // Its name is taken while it is under way by somebody who did not ask for a unique one.
    const third = await folder.write('/in/b', { unique: true });
    await put(folder, '/in/b', 'theirs');
    await expect(third.commit()).rejects.toMatchObject(refused('exists'));
    expect(await text(folder, '/in/b')).toBe('theirs');
    expect(await names(folder, '/in')).toEqual(['a', 'a.1', 'a.2', 'b']);
  });

  test('is found a name even where very many have been given', async () => {
    const { folder } = await served(
      Object.fromEntries(Array.from({ length: 150 }, (_, i) => [i ? `a.${i}` : 'a', ''])),
    );
    const { path } = await put(folder, '/a', '', { unique: true });
    expect(path).toMatch(/^\/a\.[0-9a-f]{16}$/);
  });

  test('to a folder, into a file, or to nowhere is refused', async () => {
    const { folder } = await served({ 'pub/notes.txt': '' });
    await expect(folder.write('/pub')).rejects.toMatchObject(refused('isFolder'));
    await expect(folder.write('/')).rejects.toMatchObject(refused('badName'));
    await expect(folder.write('/pub/notes.txt/x')).rejects.toMatchObject(refused('notFolder'));
    await expect(folder.write('/nowhere/x')).rejects.toMatchObject(refused('missing'));
  });

  test('finds its name turned into a folder, or its folder moved: nothing is left of it', async () => {
    const { folder, root } = await served({ 'pub/notes.txt': '' });
    const upload = await folder.write('/pub/new');
    await folder.makeFolder('/pub/new');
    await expect(upload.commit()).rejects.toMatchObject(refused('isFolder'));
    const moved = await folder.write('/pub/newer');
    await folder.rename('/pub', '/elsewhere');
    await expect(moved.commit()).rejects.toMatchObject(refused('missing'));
    expect(await readdir(join(root, 'elsewhere'))).toEqual(['new', 'notes.txt']);
  });

  test('two of one name: the last to be complete is the one that stays', async () => {
    const { folder } = await served();
    const [first, second] = [await folder.write('/x'), await folder.write('/x')];
    await first.write([Buffer.from('first')]);
    await second.write([Buffer.from('second')]);
    await second.commit();
    await first.commit();
    expect(await text(folder, '/x')).toBe('first');
  });
});

describe('the disk fails', () => {
  /** What all open files of this process do, until the test is over. */
  async function prototype(): Promise<FileHandle> {
    const handle = await open('/dev/null');
    await handle.close();
    onTestFinished(() => void vi.restoreAllMocks());
    return Object.getPrototypeOf(handle);
  }
  const failure = (code: string) => Object.assign(new Error(`${code}: /root/secret/path`), { code });

  test('full: the upload is refused, and aborting leaves nothing', async () => {
    const { folder, root } = await served();
    const upload = await folder.write('/x');
    vi.spyOn(await prototype(), 'writev').mockRejectedValueOnce(failure('ENOSPC'));
    await expect(upload.write([Buffer.from('x')])).rejects.toMatchObject(refused('full'));
    await upload.abort();
    expect(await readdir(root)).toEqual([]);
  });

  test('takes only a part of each write: the rest is written after it', async () => {
    const { folder } = await served();
    const upload = await folder.write('/x');
    const proto = await prototype();
    const { writev } = proto;
    vi.spyOn(proto, 'writev').mockImplementation(function (this: FileHandle, buffers, position) {
      // Three bytes at a time, which is now within a chunk and now across two.
      const some = Buffer.concat(buffers as Buffer[]).subarray(0, 3);
      return writev.call(this, [some], position) as never;
    });
    await upload.write(['ab', 'cde', '', 'f', 'ghijkl'].map((each) => Buffer.from(each)));
    await upload.write([Buffer.from('m')]);
    await upload.commit();
    expect(await text(folder, '/x')).toBe('abcdefghijklm');
  });

  test.each(['sync', 'datasync'] as const)(
    'cannot keep what it took (%s): there is no file, and the client is told',
    async (how) => {
      const { folder, root } = await served({ x: 'old' });
      const upload = await folder.write('/x');
      vi.spyOn(await prototype(), how).mockRejectedValueOnce(failure('EIO'));
      await upload.write([Buffer.alloc(17 << 20)]);
      const error = await upload.commit().catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ ...refused('other'), cause: { code: 'EIO' } });
      expect((error as Error).message).not.toContain('secret');
      expect(await readdir(root)).toEqual(['x']);
      expect(await text(folder, '/x')).toBe('old');
    },
  );
});

describe('quota', () => {
  const bytes = (count: number) => [Buffer.alloc(count)];

  test('counts what is written, refuses what is too much, and gives back what goes', async () => {
    const { folder, root } = await served({}, { quota: 100 });
    const upload = await folder.write('/a');
    await upload.write(bytes(60));
    const other = await folder.write('/b');
    await expect(other.write(bytes(41))).rejects.toMatchObject(refused('quota'));
    await other.write(bytes(40));
    await expect(other.write(bytes(1))).rejects.toMatchObject(refused('quota'));
    await other.abort();
    await upload.write(bytes(40));
    await upload.commit();
    await expect(put(folder, '/b', 'x')).rejects.toMatchObject(refused('quota'));
    await folder.removeFile('/a');
    await put(folder, '/b', 'x'.repeat(100));
    expect((await readdir(root)).filter((name) => !name.startsWith('.part-'))).toEqual(['b']);
  });

  test('what is replaced is given back, by an upload and by a rename', async () => {
    const { folder } = await served({}, { quota: 100 });
    for (let round = 0; round < 5; round++) await put(folder, '/a', 'x'.repeat(50));
    await put(folder, '/b', 'x'.repeat(50));
    await folder.rename('/b', '/a');
    await put(folder, '/c', 'x'.repeat(50));
    const upload = await folder.write('/d');
    await expect(upload.write(bytes(1))).rejects.toMatchObject(refused('quota'));
    await upload.abort();
  });

  test('what a resumed upload keeps counts while there are two of it', async () => {
    const { folder, root } = await served({}, { quota: 100 });
    await put(folder, '/a', 'x'.repeat(60));
    await expect(folder.write('/a', { append: true })).rejects.toMatchObject(refused('quota'));
    expect(await readdir(root)).toEqual(['a']);
    await put(folder, '/a', 'y'.repeat(10), { offset: 30 });
    expect((await folder.stat('/a')).size).toBe(40);
    await put(folder, '/b', 'z'.repeat(60));
  });

  test('a file that has another name gives nothing back with one of them', async () => {
    const { folder, root } = await served({}, { quota: 100 });
    await put(folder, '/a', 'x'.repeat(100));
    linkSync(join(root, 'a'), join(root, 'b'));
    await folder.removeFile('/a');
    await expect(put(folder, '/c', 'x')).rejects.toMatchObject(refused('quota'));
    await folder.removeFile('/b');
    await put(folder, '/c', 'x');
  });

  test('the last name that is left is given once, however many ask for it at a time', async () => {
    const { folder, root } = await served({}, { names: 1 });
    const uploads = await Promise.all(['/a', '/b', '/c'].map((path) => folder.write(path)));
    const outcomes = await Promise.allSettled(uploads.map((upload) => upload.commit()));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(refused('quota'));
    expect(await readdir(root)).toHaveLength(1);
  });

  test('names are counted as well', async () => {
    const { folder, root } = await served({ old: '' }, { names: 2 });
    await folder.makeFolder('/a');
    await put(folder, '/b', '');
    await expect(folder.makeFolder('/c')).rejects.toMatchObject(refused('quota'));
    const upload = await folder.write('/c');
    await expect(upload.commit()).rejects.toMatchObject(refused('quota'));
    await put(folder, '/old', 'replaced');
    await expect(folder.makeFolder('/a')).rejects.toThrow(FolderError);
    await folder.removeFolder('/a');
    await folder.makeFolder('/c');
    await folder.removeFile('/b');
    await put(folder, '/d', '');
    await expect(folder.makeFolder('/e')).rejects.toMatchObject(refused('quota'));
    expect((await readdir(root)).sort()).toEqual(['c', 'd', 'old']);
  });
});

describe('folders and names', () => {
  test('are made and removed', async () => {
    const { folder } = await served({ 'pub/notes.txt': '' });
    await folder.makeFolder('/pub/a');
    await folder.makeFolder('/pub/a/b');
    await expect(folder.makeFolder('/pub/a')).rejects.toMatchObject(refused('exists'));
    await expect(folder.makeFolder('/')).rejects.toMatchObject(refused('exists'));
    await expect(folder.makeFolder('/x/y')).rejects.toMatchObject(refused('missing'));
    await expect(folder.removeFolder('/pub/a')).rejects.toMatchObject(refused('notEmpty'));
    await expect(folder.removeFolder('/pub/notes.txt')).rejects.toMatchObject(refused('notFolder'));
    await expect(folder.removeFile('/pub/a')).rejects.toMatchObject(refused('isFolder'));
    await expect(folder.removeFolder('/')).rejects.toMatchObject(refused('denied'));
    await expect(folder.removeFile('/')).rejects.toMatchObject(refused('isFolder'));
    await folder.removeFolder('/pub/a/b');
    await folder.removeFolder('/pub/a');
    await folder.removeFile('/pub/notes.txt');
    expect(await names(folder, '/pub')).toEqual([]);
  });

  test('a folder that looks empty can be removed, when what is in it was left by a killed server', async () => {
    const { folder, root } = await served({ 'in/.part-browser': 'somebody else has such names too' });
    const left = join(root, 'in', `.part-${'0'.repeat(32)}`);
    writeFileSync(left, 'left');
    const live = await folder.write('/in/x');
    await expect(folder.removeFolder('/in')).rejects.toMatchObject(refused('notEmpty'));
    const long = new Date(Date.now() - 7_200_000);
    utimesSync(left, long, long);
    await expect(folder.removeFolder('/in')).rejects.toMatchObject(refused('notEmpty'));
    expect(existsSync(left)).toBe(false);
    await live.commit();
    expect((await readdir(join(root, 'in'))).sort()).toEqual(['.part-browser', 'x']);
  });

  test('are renamed', async () => {
    const { folder } = await served({ 'a/x': 'x', 'b/y': 'y' });
    await folder.rename('/a/x', '/b/z');
    expect(await text(folder, '/b/z')).toBe('x');
    await folder.rename('/b/z', '/b/y');
    expect(await text(folder, '/b/y')).toBe('x');
    await folder.rename('/b/y', '/b/y');
    expect(await text(folder, '/b/y')).toBe('x');
    await folder.rename('/b', '/b');
    await folder.rename('/b', '/c');
    expect(await names(folder, '/c')).toEqual(['y']);
    await expect(folder.rename('/c', '/a')).rejects.toMatchObject(refused('exists'));
    await expect(folder.rename('/c/y', '/a')).rejects.toMatchObject(refused('exists'));
    await expect(folder.rename('/c', '/c/d')).rejects.toMatchObject(refused('denied'));
    await expect(folder.rename('/', '/d')).rejects.toMatchObject(refused('denied'));
    await expect(folder.rename('/c', '/')).rejects.toMatchObject(refused('denied'));
    await expect(folder.rename('/nothing', '/d')).rejects.toMatchObject(refused('missing'));
    await expect(folder.rename('/c/y', '/nowhere/y')).rejects.toMatchObject(refused('missing'));
  });

  test('many at once are done one by one, and none is lost', async () => {
    const { folder, root } = await served();
    await Promise.all(Array.from({ length: 50 }, (_, index) => put(folder, `/${index}`, `${index}`)));
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        await folder.makeFolder(`/d${index}`);
        await folder.rename(`/${index}`, `/d${index}/x`);
      }),
    );
    for (let index = 0; index < 50; index++) expect(await readFile(join(root, `d${index}/x`), 'utf8')).toBe(`${index}`);
  });
});

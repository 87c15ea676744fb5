// Somebody at this machine puts a link in the place of what was checked, between the check and the use. Each such moment is
// forced here, by calls of the file system that let them have their way first.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import type * as Promises from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { openFolder } from '../../src/served/folder.ts';
import { openFilesBelow } from './open-files.ts';

/** What is done once, before or after the next call of this name. */
const intrusions = new Map<string, () => void>();

vi.mock('node:fs/promises', async (original) => {
  const real = (await original()) as typeof Promises;
  const intrude = (moment: string) => {
    const intrusion = intrusions.get(moment);
    intrusions.delete(moment);
    intrusion?.();
  };
  const wrapped = Object.fromEntries(
    (['realpath', 'open', 'lstat', 'mkdir', 'unlink', 'rmdir', 'rename', 'copyFile', 'opendir'] as const).map(
      (name) => [
        name,
        async (...given: unknown[]) => {
          intrude(`before ${name}`);
          const result = await (real[name] as (...given: unknown[]) => Promise<unknown>)(...given);
          intrude(`after ${name}`);
          return result;
        },
      ],
    ),
  );
  return { ...real, ...wrapped };
});

beforeEach(() => intrusions.clear());

/** /pub with a file in it, and a folder outside that has the same names. `swap` puts a link to it in the place of /pub. */
async function served() {
  const temporary = temporaryFolder();
  const root = join(temporary.path, 'root');
  const outside = join(temporary.path, 'outside');
  for (const [base, text] of [
    [join(root, 'pub'), 'public'],
    [outside, 'secret'],
  ] as const) {
    mkdirSync(join(base, 'sub'), { recursive: true });
    writeFileSync(join(base, 'notes.txt'), text);
  }
  const folder = await openFolder(root);
  onTestFinished(async () => {
    const open = openFilesBelow(temporary.path);
    await temporary.remove();
    expect(open).toEqual([]);
  });
  const away = join(root, 'away');
  const swap = () => {
    renameSync(join(root, 'pub'), away);
    symlinkSync(outside, join(root, 'pub'));
  };
  const swapFile = () => {
    renameSync(join(root, 'pub/notes.txt'), away);
    symlinkSync(join(outside, 'notes.txt'), join(root, 'pub/notes.txt'));
  };
  /** The intrusion, and what is outside when all is over: the same as ever. */
  const when = (moment: string, act: () => void) => intrusions.set(moment, act);
  const untouched = () => {
    expect(intrusions.size).toBe(0);
    expect(readdirSync(outside)).toEqual(['notes.txt', 'sub']);
  };
  return { folder, root, outside, away, swap, swapFile, when, untouched };
}

const MISSING = { name: 'FolderError', kind: 'missing' };

describe.runIf(existsSync('/proc/self/fd'))('between check and use', () => {
  test.each(['swap', 'swapFile'] as const)('a file is not read through a link (%s)', async (how) => {
    const at = await served();
    at.when('after realpath', at[how]);
    await expect(at.folder.read('/pub/notes.txt')).rejects.toMatchObject(MISSING);
    at.untouched();
  });

  test.each(['swap', 'swapFile'] as const)('nor is anything told of what it leads to (%s)', async (how) => {
    const at = await served();
    at.when('after realpath', at[how]);
    await expect(at.folder.stat('/pub/notes.txt')).rejects.toMatchObject(MISSING);
    at.untouched();
  });

  test('a file that was opened before the swap is the one that was asked for', async () => {
    const at = await served();
    const source = await at.folder.read('/pub/notes.txt');
    at.swap();
    const into = Buffer.alloc(6);
    await source.read(into, 0);
    await source.close();
    expect(into.toString()).toBe('public');
  });

  test('a folder is not listed through a link', async () => {
    const at = await served();
    at.when('after realpath', at.swap);
    await expect(at.folder.list('/pub')[Symbol.asyncIterator]().next()).rejects.toMatchObject(MISSING);
    at.untouched();
  });

  test('a listing that has begun is of the folder that was asked for', async () => {
    const at = await served();
    at.when('before opendir', at.swap);
    const sizes: number[] = [];
    writeFileSync(join(at.root, 'pub/notes.txt'), 'of this length');
    for await (const { kind, size } of at.folder.list('/pub')) if (kind === 'file') sizes.push(size);
    expect(sizes).toEqual(['of this length'.length]);
    at.untouched();
  });

  test.each(['after realpath', 'before mkdir'])('no folder is made outside (%s)', async (moment) => {
    const at = await served();
    at.when(moment, at.swap);
    await at.folder.makeFolder('/pub/new').catch((error) => expect(error).toMatchObject(MISSING));
    at.untouched();
  });

  test.each(['after realpath', 'before lstat', 'before unlink'])('no file is removed outside (%s)', async (moment) => {
    const at = await served();
    at.when(moment, at.swap);
    await at.folder.removeFile('/pub/notes.txt').catch((error) => expect(error).toMatchObject(MISSING));
    at.untouched();
  });

  test.each(['after realpath', 'before lstat', 'before rmdir'])('no folder is removed outside (%s)', async (moment) => {
    const at = await served();
    at.when(moment, at.swap);
    await at.folder.removeFolder('/pub/sub').catch((error) => expect(error).toMatchObject(MISSING));
    at.untouched();
  });

  test.each(['after realpath', 'before lstat', 'before rename'])(
    'nothing is renamed to outside (%s)',
    async (moment) => {
      const at = await served();
      writeFileSync(join(at.root, 'mine.txt'), 'mine');
      at.when(moment, at.swap);
      await at.folder.rename('/mine.txt', '/pub/new.txt').catch((error) => expect(error).toMatchObject(MISSING));
      at.untouched();
    },
  );

  test.each(['after realpath', 'before lstat', 'before open'])('no upload is begun outside (%s)', async (moment) => {
    const at = await served();
    at.when(moment, at.swap);
    await at.folder
      .write('/pub/new.txt')
      .then((upload) => upload.abort())
      .catch((error) => expect(error).toMatchObject(MISSING));
    at.untouched();
  });

  test.each(['before lstat', 'before rename'])('no upload is completed outside (%s)', async (moment) => {
    const at = await served();
    const upload = await at.folder.write('/pub/new.txt');
    await upload.write([Buffer.from('new')]);
    at.when(moment, at.swap);
    await upload.commit().catch((error) => expect(error).toMatchObject(MISSING));
    at.untouched();
  });

  test('an upload that goes on does not begin with what stands outside', async () => {
    const at = await served();
    at.when('before copyFile', at.swapFile);
    const upload = await at.folder.write('/pub/notes.txt', { offset: 6 });
    const [part = ''] = readdirSync(join(at.root, 'pub')).filter((name) => name.startsWith('.part-'));
    expect(readFileSync(join(at.root, 'pub', part), 'utf8')).toBe('public');
    // The name belongs to a link by now, which is the owner's.
    await expect(upload.commit()).rejects.toMatchObject({ kind: 'denied' });
    expect(readdirSync(join(at.root, 'pub'))).toEqual(['notes.txt', 'sub']);
    at.untouched();
  });

  test('an upload whose folder has moved is not completed, and its part is removed where it is by now', async () => {
    const at = await served();
    const upload = await at.folder.write('/pub/new.txt');
    at.swap();
    await expect(upload.commit()).rejects.toMatchObject(MISSING);
    expect(readdirSync(at.away)).toEqual(['notes.txt', 'sub']);
    at.untouched();
  });
});

test('a link that may not be followed to its end is not there either', async () => {
  const at = await served();
  at.when('before realpath', () => {
    throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
  });
  await expect(at.folder.stat('/pub/notes.txt')).rejects.toMatchObject(MISSING);
});

// The tree that comes with the server.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { openFolder } from '../../src/served/folder.ts';
import { furnish } from '../../src/served/library.ts';
import { factsLine } from '../../src/served/listing.ts';

let path: string;
let tree: string;
beforeEach(() => {
  const folder = temporaryFolder();
  path = folder.path;
  tree = join(path, 'deep', 'tree');
  return () => folder.remove();
});

/** Every entry as MLSD lists it, folder by folder. */
async function listed(): Promise<string[]> {
  const folder = await openFolder(tree);
  const lines: string[] = [];
  const visit = async (name: string): Promise<void> => {
    for await (const entry of folder.list(name)) {
      lines.push(factsLine(entry, false, ['type', 'size', 'modify'], entry.path));
      if (entry.kind === 'folder') await visit(entry.path);
    }
  };
  lines.push(factsLine(await folder.stat('/'), false, ['type', 'modify'], '/'));
  await visit('/');
  return lines;
}

test('the tree is the same on every machine', async () => {
  await furnish(tree);
  expect(await listed()).toEqual([
    'type=dir;modify=20260101000000; /',
    'type=dir;modify=20260101000000; /incoming',
    'type=dir;modify=20260101000000; /pub',
    expect.stringMatching(/^type=file;size=\d+;modify=20260101000000; \/pub\/about-forgetting.txt$/),
    expect.stringMatching(/^type=file;size=\d+;modify=20260101000000; \/pub\/about-state.txt$/),
    'type=dir;modify=20260101000000; /pub/exercises',
    'type=dir;modify=20260101000000; /pub/exercises/answers',
    expect.stringMatching(/^type=file;size=\d+;modify=20260101000000; \/pub\/exercises\/answers\/cut.txt$/),
    expect.stringMatching(/^type=file;size=\d+;modify=20260101000000; \/pub\/exercises\/cut.txt$/),
    'type=file;size=102400;modify=20260101000000; /pub/long.txt',
    expect.stringMatching(/^type=file;size=\d+;modify=20260101000000; \/welcome.txt$/),
  ]);
  expect(readdirSync(join(path, 'deep'))).toEqual(['tree']);
});

test('every line of the long text says where it is', async () => {
  await furnish(tree);
  const text = readFileSync(join(tree, 'pub/long.txt'), 'latin1');
  const lines = text.split('\n');
  expect(lines).toHaveLength(1601);
  expect(new Set(lines).size).toBe(1601);
  expect(lines.at(-1)).toBe('');
  for (const line of lines.slice(0, -1)) {
    expect(line).toHaveLength(63);
    expect(text.indexOf(line)).toBe(Number(/byte (\d+)/.exec(line)?.[1]));
  }
  expect(lines[1]).toMatch(/^line 0002, byte 000064: /);
});

test('texts fit a terminal, and are plain', async () => {
  await furnish(tree);
  for (const name of readdirSync(tree, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.txt')) continue;
    const text = readFileSync(join(tree, name), 'latin1');
    expect(text, name).toMatch(/^[\n -~]+\n$/);
    for (const line of text.split('\n')) expect(line.length, `${name}: ${line}`).toBeLessThanOrEqual(80);
  }
});

test('an empty folder is furnished; one with anything in it is left alone', async () => {
  mkdirSync(tree, { recursive: true });
  await furnish(tree);
  expect(readdirSync(tree)).toEqual(['incoming', 'pub', 'welcome.txt']);
  rmSync(join(tree, 'pub'), { recursive: true });
  writeFileSync(join(tree, 'welcome.txt'), 'mine');
  await furnish(tree);
  expect(readdirSync(tree)).toEqual(['incoming', 'welcome.txt']);
  expect(readFileSync(join(tree, 'welcome.txt'), 'utf8')).toBe('mine');
});

test('two that furnish at once make one tree', async () => {
  await Promise.all([furnish(tree), furnish(tree), furnish(tree)]);
  expect(await listed()).toHaveLength(11);
  expect(readdirSync(join(path, 'deep'))).toEqual(['tree']);
});

test('a file in its place is nobody to be overwritten', async () => {
  mkdirSync(join(path, 'deep'));
  writeFileSync(tree, 'mine');
  await expect(furnish(tree)).rejects.toMatchObject({ code: 'ENOTDIR' });
  expect(readFileSync(tree, 'utf8')).toBe('mine');
  expect(readdirSync(join(path, 'deep'))).toEqual(['tree']);
});

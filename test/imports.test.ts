// Imports run one way: cli and demos → lab and log → capture → protocols → bounds and wire. Types may look anywhere below. Servers
// that are not ours stand beside: the card of their protocol lists them, and they know the shapes that all share.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What each folder may load when it runs. */
const MAY: Record<string, string[]> = {
  'src/wire': [],
  'src/bounds': ['src/wire'],
  'src/served': ['src/wire'],
  'src/sockets': ['src/wire'],
  'src/protocols': ['src/wire', 'src/bounds', 'src/served', 'src/sockets', 'src/beside'],
  'src/beside': ['src/protocols'],
  'src/capture': ['src/wire', 'src/bounds', 'src/protocols'],
  'src/lab': ['src/wire', 'src/bounds', 'src/sockets', 'src/protocols', 'src/capture'],
  'src/log': ['src/wire', 'src/capture'],
  demos: ['src/lab', 'src/protocols', 'src/sockets', 'src/wire', 'src/cli'],
  'src/cli': ['src/wire', 'src/bounds', 'src/protocols', 'src/capture', 'src/lab', 'src/log', 'demos'],
};

function folderOf(file: string): string {
  return Object.keys(MAY).find((folder) => file.startsWith(`${folder}/`)) ?? file;
}

/** The modules that a file loads when it runs, as paths from the root. */
function loads(file: string): string[] {
  const source = readFileSync(join(ROOT, file), 'utf8');
  const statements = source.matchAll(/^(?:import|export) (?!type )[^;]*?from '(\.[^']+)'|import\('(\.[^']+)'\)/gm);
  return [...statements].map(([, stated, asked]) => normalize(join(dirname(file), stated ?? asked ?? '')));
}

/** Every source file below a folder, as paths from the root. */
function list(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((each) => {
    const path = `${folder}/${each.name}`;
    return each.isDirectory() ? list(path) : path.endsWith('.ts') ? [path] : [];
  });
}

const FILES = ['src', 'demos'].flatMap((folder) => list(folder));

test('nothing loads what stands above it', () => {
  expect(FILES.length).toBeGreaterThan(40);
  const wrong = FILES.flatMap((file) => {
    const own = folderOf(file);
    return loads(file)
      .filter((other) => folderOf(other) !== own && !MAY[own]?.includes(folderOf(other)))
      .map((other) => `${file} loads ${other}`);
  });
  expect(wrong).toEqual([]);
});

test('a server beside ours knows the shapes of protocols, and none of them', () => {
  const loaded = new Set(FILES.filter((file) => folderOf(file) === 'src/beside').flatMap(loads));
  expect([...loaded]).toEqual(['src/protocols/shapes.ts']);
});

/** Which protocol a file is of; undefined for what all of them share. */
function protocolOf(file: string): string | undefined {
  return /^src\/protocols\/([^/]+)\//.exec(file)?.[1];
}

test('no protocol knows another one', () => {
  const wrong = FILES.filter((file) => protocolOf(file) !== undefined).flatMap((file) =>
    loads(file)
      .filter((other) => protocolOf(other) !== undefined && protocolOf(other) !== protocolOf(file))
      .map((other) => `${file} loads ${other}`),
  );
  expect(wrong).toEqual([]);
});

test('no file of a protocol needs itself: what it loads can be read first', () => {
  const files = FILES.filter((file) => protocolOf(file) !== undefined);
  const read = new Set<string>();
  for (let before = -1; before < read.size; ) {
    before = read.size;
    for (const file of files)
      if (loads(file).every((other) => protocolOf(other) === undefined || read.has(other))) read.add(file);
  }
  expect(files.filter((file) => !read.has(file))).toEqual([]);
});

// The syllabus, the protocols and the tests of their promises, which are in test/protocols/<name>/promises*.test.ts: none is left out.

import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { SYLLABUS } from '../demos/index.ts';
import { PROTOCOLS } from '../src/protocols/index.ts';
import { folderOf } from './protocol.ts';

test('every protocol has a lesson, and every lesson a protocol with a telling for each of its designs', async () => {
  const folders = readdirSync(folderOf('.'), { withFileTypes: true }).filter((each) => each.isDirectory());
  expect(SYLLABUS.map(({ protocol }) => protocol).sort()).toEqual(folders.map(({ name }) => name).sort());
  expect([...PROTOCOLS].sort()).toEqual(folders.map(({ name }) => name).sort());
  for (const { protocol, load } of SYLLABUS) {
    const story = await load();
    expect(story.card.name).toBe(protocol);
    expect(Object.keys(story.designs)).toEqual(Object.keys(story.card.designs));
  }
});

test.each(PROTOCOLS)('%s is held to its promises', (protocol) => {
  const at = (name: string) => fileURLToPath(new URL(`./protocols/${protocol}/${name}`, import.meta.url));
  const halves = existsSync(at('promises-1.test.ts')) && existsSync(at('promises-2.test.ts'));
  expect(halves || existsSync(at('promises.test.ts'))).toBe(true);
});

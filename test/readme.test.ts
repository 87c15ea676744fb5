// The README is held to what the program does: its matrix, its excerpt, its commands, its files.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { COURSE } from '../demos/exercises/index.ts';
import { SYLLABUS } from '../demos/index.ts';
import { record } from '../src/capture/records.ts';
import { derive } from '../src/lab/litmus.ts';
import { CUTS, type Story } from '../src/lab/story.ts';
import { matrixMarkdown } from '../src/log/matrix.ts';
import { entriesOf, play, printed } from './promises.ts';

const root = new URL('..', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');

const ours = ({ designs, card }: Story) => Object.entries(designs).filter(([design]) => card.designs[design]?.rules);

test('its matrix is the one that the claims make, and the claims are what the litmus measures (test/protocol.ts)', async () => {
  const stories = await Promise.all(SYLLABUS.map((lesson) => lesson.load()));
  const rows = stories.flatMap((story) =>
    // Servers that are not ours have a table of their own: what a kill takes from them depends on the moment.
    ours(story).map(([design, telling]) => {
      const cuts = CUTS.flatMap((cut) => {
        const verdict = telling.claims[cut];
        return verdict === undefined ? [] : [{ cut, verdict, places: [] }];
      });
      return { protocol: story.card.name, design, cuts, ...derive(cuts) };
    }),
  );
  const shown = /<!-- matrix -->\n(.*)\n<!-- \/matrix -->/s.exec(readme)?.[1];
  expect(shown).toBe(matrixMarkdown(rows));
});

test('its course is the course', async () => {
  const rows = await Promise.all(
    COURSE.map(async ({ id, teaches, load }) => `| \`${id}\` | ${(await load()).kind} | ${teaches} |`),
  );
  const shown = /<!-- course -->\n(.*)\n<!-- \/course -->/s.exec(readme)?.[1];
  expect(shown?.split('\n').slice(2)).toEqual(rows);
});

test('its excerpt is what the demo prints, but for times, process numbers and ports', async () => {
  const lesson = SYLLABUS.find(({ protocol }) => protocol === 'tcp-session');
  const story = await lesson?.load();
  const telling = story?.designs.memory;
  if (!story || !telling) throw new Error('the README shows tcp-session/memory, and it is not there');
  const subject = { story, design: 'memory' };
  const control = await play(subject);
  const rows = entriesOf(subject, control).filter((entry) => 'row' in entry).length;
  const { traces } = await play(subject, telling.cut);
  const severed = printed(record(traces, { card: story.card, firstRow: rows + 1 }));
  const excerpt = /```\n(━━━.*?)\n```/s.exec(readme)?.[1]?.split('\n') ?? [];
  expect(excerpt.length).toBeGreaterThan(10);
  const plain = (lines: readonly string[]) =>
    lines.map((line) => line.replace(/ *\+[\d.]+ms|pid \S+|port \S+(?=,)/g, '~')).join('\n');
  expect(plain(severed)).toContain(plain(excerpt));
});

test('every command it names exists, with the options it is given', async () => {
  const commands = new Set([...readme.matchAll(/`amnesia ([a-z][^`]*)`/g)].map((match) => match[1] ?? ''));
  expect(commands.size).toBeGreaterThan(8);
  const source = readFileSync(new URL('src/cli/commands.ts', root), 'utf8');
  for (const command of commands) {
    const [name] = command.split(' ');
    expect(source, command).toMatch(new RegExp(`['"]${name}[ '"]`));
    for (const [, option = ''] of command.matchAll(/--([a-z-]+)/g)) {
      expect(source, command).toMatch(new RegExp(`option\\(\\s*'${option.replace(/^no-/, '')}'`));
    }
  }
});

test('every file it points at is there', () => {
  const paths = [...readme.matchAll(/`((?:src|demos|test)\/[^`<>* ]*)`/g)].map((match) => match[1] ?? '');
  expect(paths.length).toBeGreaterThan(10);
  for (const path of paths) expect(existsSync(fileURLToPath(new URL(path, root))), path).toBe(true);
});

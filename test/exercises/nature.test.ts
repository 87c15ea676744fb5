// What the state is filed under is measured, not recognised: other ways to hold the same session pass, and what no cut reaches does not.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { exercise } from '../../demos/exercises/name-not-path/index.ts';
import { checkServer, type Report } from '../../src/lab/checker.ts';
import type { Build } from '../../src/lab/exercise.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { COURSE_FOLDER, told } from './course.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

/** A server that writes every change down, into the folder that this expression names. */
function onDisk(place: string): Promise<Report> {
  const source = readFileSync(join(COURSE_FOLDER, 'looks-right/starter.mjs'), 'utf8');
  const always = source
    .replace('if (changes++ % 2 === 0) ', '')
    .replace('path.join(STATE_DIR,', `path.join(${place},`)
    // Else who opens a session in one arm would hear of those in the arm before.
    .replace('opened = Math.max(opened, session.id);', '');
  expect(always).not.toMatch(/% 2|Math\.max/);
  expect(always).toContain(`path.join(${place},`);
  writeFileSync(join(folder.path, 'server.mjs'), always);
  const options = { seed: 1, cwd: folder.path, command: [process.execPath, 'server.mjs'] };
  return checkServer(exercise as unknown as Build, options);
}

test('a session on a disk is filed under a name as well: another machine does not know it', async () => {
  expect(await onDisk('STATE_DIR')).toMatchObject({ verdict: 'passed', beside: [] });
});

test('a session that neither a kill nor another instance takes is filed under nothing, as far as anybody can see', async () => {
  const report = await onDisk("'.'");
  const { verdict, failure, beside } = report;
  expect({ verdict, check: failure?.check.id }).toEqual({ verdict: 'failed', check: 'nature' });
  expect(failure?.finding.found).toMatch(/^filed under nothing: neither a kill nor another instance takes anything/);
  expect(beside).toEqual(['sessions.json']);
  expect(told(report).join('\n')).toMatch(/remark {4}sessions\.json was written beside your server: /);
});

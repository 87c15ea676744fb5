// What a broker is given: users, rights, doors; and what is said of settings that make no sense.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../../src/lab/tidy.ts';
import { card } from '../../../src/protocols/mqtt/index.ts';
import { SettingError, type Settings } from '../../../src/protocols/shapes.ts';

/** A file with these lines. */
function file(...lines: string[]): string {
  const { path, remove } = temporaryFolder();
  onTestFinished(() => remove());
  writeFileSync(join(path, 'given'), lines.map((line) => `${line}\n`).join(''));
  return join(path, 'given');
}

async function refusal(settings: Settings): Promise<string> {
  const error = await card.configure?.(settings, '.').then(
    () => undefined,
    (error: Error) => error,
  );
  if (!(error instanceof SettingError)) throw new Error(`it took ${JSON.stringify(settings)}`, { cause: error });
  return error.message;
}

test.each([
  [['allow ada write'], /line 1: a rule has four words/],
  [['# first', '', 'permit ada write a/#'], /line 3: “permit” is neither allow nor deny/],
  [['deny * delete a'], /line 1: “delete” is neither read nor write/],
  [['allow * read a/#/b'], /line 1: “a\/#\/b” is no topic filter/],
  [['perm\x1b[2J * read a'], /line 1: “perm/],
])('an access list with %j is refused with file, line and reason', async (lines, reason) => {
  const acl = file(...lines);
  const said = await refusal({ acl });
  expect(said).toContain(acl);
  expect(said).toMatch(reason);
  expect(said).not.toContain('\x1b');
});

test('an access list may have remarks and empty lines, and any filter', async () => {
  const acl = file('# who may do what', '', 'allow ada write letters/#', '  deny * read private/+  ');
  await expect(card.configure?.({ acl }, '.')).resolves.toMatchObject({ name: 'mqtt' });
});

test.each<[Settings, RegExp]>([
  [{ acl: '/nowhere/at/all' }, /cannot be read.*--acl/],
  [{ tls: '0' }, /“0” is no port.*--tls/],
  [{ ws: '65536' }, /“65536” is no port.*--ws/],
  [{ cert: '/nowhere', key: '/nowhere' }, /cannot be read|give a port with --tls/],
  [{ users: 'ada' }, /password/],
])('%j makes no sense, and says why', async (settings, reason) => {
  expect(await refusal(settings)).toMatch(reason);
});

test('whoever starts it is told who may come, and by which doors', async () => {
  const configured = await card.configure?.({ users: 'ada:secret', ws: '8083' }, '.');
  expect(configured?.opening?.join('\n')).toMatch(/1 user may connect[\s\S]*WebSocket on port 8083/);
  expect(configured?.opening?.join('\n')).not.toContain('secret');
  expect((await card.configure?.({}, '.'))?.opening?.[0]).toMatch(/anybody may connect/);
});

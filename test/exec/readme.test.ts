// The commands of the README's section on servers that are not ours, run as they stand there, and their rows in its table.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { home, ROOT } from '../cli/amnesia.ts';
import { needs } from '../peers.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const section = readme.slice(readme.indexOf('## Your own server'));
const commands = (/```sh\n(.*?)```/s.exec(section)?.[1] ?? '').trimEnd().split('\n');
const rows = (/<!-{2} yours -->\n(.*?)\n<!-{2} \/yours -->/s.exec(section)?.[1] ?? '').split('\n');
const newHome = home();

/** The programs that commands need, beside what is installed with the tests. */
const PEERS: Record<string, RegExp> = {
  mosquitto: /mosquitto/,
  vsftpd: /vsftpd/,
  nsd: /nsd/,
  python3: /python3/,
  'redis-server': /redis/,
};

test('each command has its row, and each row its command', () => {
  const named = commands.map((command) => /--as (\S+)/.exec(command)?.[1]);
  expect(named.length).toBeGreaterThan(8);
  expect(rows.slice(2).map((row) => /^\| [a-z-]+\/(\S+) /.exec(row)?.[1])).toEqual(named);
});

/** `recovered or lost` is either. */
const cellsOf = (row: string) => row.split('|').map((cell) => cell.trim());

/** Some dozens of lives each, one after another. */
const PATIENCE = 180_000;

test.skipIf(process.platform === 'win32').for(commands)('%s', { timeout: PATIENCE }, async (command, context) => {
  for (const [peer, named] of Object.entries(PEERS)) if (named.test(command)) needs(context, peer);
  const name = /--as (\S+)/.exec(command)?.[1];
  const expected = cellsOf(rows.find((row) => row.includes(`/${name} |`)) ?? '');
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const script = `amnesia() { ${JSON.stringify(process.execPath)} --import ${tsx} src/cli/amnesia.ts "$@"; }\n${command} --markdown`;
  const env = { ...process.env, ...(await newHome()), NODE_OPTIONS: '' };
  const { stdout } = await promisify(execFile)('sh', ['-c', script], { cwd: ROOT, env }).catch((error) => {
    const { code, signal, stdout, stderr } = error as { [part: string]: unknown };
    throw new Error(`ended with ${code ?? signal}: ${stderr}${stdout}`, { cause: error });
  });
  const found = cellsOf(stdout.trimEnd().split('\n').at(-1) ?? '');
  expect(found.length).toBe(expected.length);
  for (const [index, cell] of found.entries()) {
    const wanted = expected[index] ?? '';
    // Some verdicts depend on the moment, and the table says so.
    expect(wanted === cell || wanted.split(' or ').includes(cell), `${cell} instead of ${wanted}`).toBe(true);
  }
});

// From source, as somebody has it who reads the servers and changes them: all other tests start what is built (test/built.ts).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { onwards } from '../../src/cli/tour.ts';
import { beginLife, startHost } from '../../src/lab/lives.ts';
import { paint } from '../../src/log/text.ts';
import { fromSource } from '../source.ts';
import { amnesia, home, records, SOURCE } from './amnesia.ts';

const env = await home()();

test('what is built is what the package has', () => {
  const { bin } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(process.env.AMNESIA_HOST).toContain(join(bin.amnesia, '..', 'host.js'));
});

test('a demo, its command and its servers', async () => {
  const { code, out, err } = await amnesia(['demo', 'tcp-session/disk', '--json'], { env, script: SOURCE });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(records(out)[0]).toMatchObject({ is: 'run', verdict: 'recovered' });
});

test('commands that start no server', async () => {
  const { code, out, err } = await amnesia(['explain', '3'], { env, script: SOURCE });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain('tcp-session/disk');
  expect(await amnesia(['bogus'], { env, script: SOURCE })).toEqual({
    code: 64,
    out: '',
    err: 'amnesia: there is no command "bogus". Type: npm run amnesia -- --help\n',
  });
});

test('what the tour ends with fits into 80 columns, also with the longer commands of a checkout', () => {
  const lines = onwards().map((line) => paint(line, { width: 80, colour: false, ascii: false }));
  expect(lines[0]).toContain('npm run amnesia -- demo udp-echo');
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});

test('a life, where nobody has built a host before', async () => {
  fromSource();
  const host = startHost();
  const options = { protocol: 'udp-echo', design: 'plain', host: '127.0.0.1', port: 0, origin: '0', who: 'echo/1' };
  const life = await beginLife(options, host);
  onTestFinished(() => life.stop());
  expect(host.child.spawnargs.at(-1)).toBe(join(import.meta.dirname, '../../src/lab/host.ts'));
  expect(await life.alive()).toBe(true);
});

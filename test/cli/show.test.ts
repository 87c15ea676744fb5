// Runs that were kept: listed, shown again, taken along, played again.

import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { amnesia, home, records } from './amnesia.ts';

const newHome = home();

async function played(...words: string[]): Promise<{ env: NodeJS.ProcessEnv; folder: string; out: string }> {
  const env = await newHome();
  const { out, code, err } = await amnesia(['demo', ...words], { env });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const folder = env.XDG_CACHE_HOME ?? '';
  await mkdir(folder, { recursive: true });
  return { env, folder, out };
}

test('nothing has been played yet', async () => {
  const env = await newHome();
  expect((await amnesia(['runs'], { env })).out).toBe('No run has been kept yet.\n  next: amnesia demo udp-echo\n');
  expect(await amnesia(['runs', '--json'], { env })).toEqual({ code: 0, out: '', err: '' });
  for (const command of ['show', 'replay'])
    expect(await amnesia([command], { env })).toEqual({
      code: 64,
      out: '',
      err: 'amnesia: no run has been kept yet. Type: amnesia demo udp-echo\n',
    });
});

test('runs are numbered from the last; each can be shown again, the same as it was', async () => {
  const { env, out } = await played('udp-echo');
  await amnesia(['demo', 'udp-echo', '--cut', 'none', '--seed', '7'], { env });
  const list = await amnesia(['runs'], { env });
  expect(list.out).toMatch(
    /^ {2}1 {2}[-\d]+ [\d:]+Z {2}amnesia udp-echo\/plain, seed 7\n {2}2 {2}[-\d]+ [\d:]+Z {2}amnesia udp-echo\/plain, seed 1, kill at \d: \w+\n {2}next: /,
  );
  const [first] = records((await amnesia(['runs', '--json'], { env })).out);
  expect(first).toMatchObject({ number: 1, protocol: 'udp-echo', design: 'plain', seed: 7, cut: null });

  const shown = (await amnesia(['show', '2'], { env })).out;
  // The story itself, line for line, as the demo has told it.
  const told = out.slice(out.indexOf('── control arm'), out.indexOf('── verdict'));
  expect(shown).toContain(told.trim());
  expect(shown).toMatch(/── verdict ─+\n {2}\w+: /);
  expect(shown).toMatch(/played by: amnesia demo udp-echo\/plain --cut kill --at \d --seed 1\n$/);
  expect((await amnesia(['show', '9'], { env })).err).toBe(
    'amnesia: 2 runs are kept, and there is no run 9. Type: amnesia runs\n',
  );
});

test('a demo writes the files it is asked for, a run shown from a file writes the same ones', async () => {
  const env = await newHome();
  const folder = env.XDG_CACHE_HOME ?? '';
  await mkdir(folder, { recursive: true });
  const at = (name: string) => join(folder, name);
  const files = (prefix: string) => [
    ...['--pcap', at(`${prefix}.pcapng`), '--mermaid', at(`${prefix}.mmd`)],
    ...['--markdown', at(`${prefix}.md`), '--html', at(`${prefix}.html`)],
  ];
  const { out, err, code } = await amnesia(['demo', 'tcp-session', '--json', ...files('a')], { env });
  expect(code).toBe(0);
  expect(err.match(/^ {2}written: /gm)).toHaveLength(4);
  await writeFile(at('run.jsonl'), out);
  const shown = await amnesia(['show', at('run.jsonl'), ...files('b')], { env: await newHome() });
  expect({ code: shown.code, err: shown.err }).toEqual({ code: 0, err: '' });
  for (const end of ['pcapng', 'mmd', 'md', 'html']) {
    expect(shown.out).toContain(at(`b.${end}`));
    const [one, other] = await Promise.all(['a', 'b'].map((prefix) => readFile(at(`${prefix}.${end}`))));
    expect(one?.equals(other as Buffer), end).toBe(true);
    // There may be names and contents in it that are nobody else's business.
    if (process.platform !== 'win32') expect((await stat(at(`a.${end}`))).mode & 0o777).toBe(0o600);
  }
});

test.each([
  ['--pcap', 'run.pcap', /run\.pcap: the file is in the format pcapng.* Type: --pcap .*run\.pcapng\n$/],
  ['--html', 'nowhere/run.html', /there is no folder .*nowhere for .* Type: mkdir -p .*nowhere\n$/],
])('%s %s is refused before anything is played', async (option, name, says) => {
  const env = await newHome();
  await mkdir(env.XDG_CACHE_HOME ?? '', { recursive: true });
  const { code, out, err } = await amnesia(['demo', 'udp-echo', option, join(env.XDG_CACHE_HOME ?? '', name)], { env });
  expect({ code, out }).toEqual({ code: 64, out: '' });
  expect(err).toMatch(says);
});

test('a run played again is the same; one that has been tampered with is shown where it parts', async () => {
  const { env, folder } = await played('tcp-session', '--seed', '3', '--log', 'line');
  const again = await amnesia(['replay'], { env });
  expect(again.err).toBe('');
  expect(again.out).toMatch(
    /── replay: amnesia tcp-session\/memory, seed 3, kill at read 2 DATA ─+\n {2}the same: \d+ rows, byte for byte/,
  );
  expect(again.code).toBe(0);

  const json = (await amnesia(['show', '--json'], { env })).out;
  const file = join(folder, 'odd.jsonl');
  await writeFile(file, json.replace('"says":"seq=', '"says":"seq=9'));
  const odd = await amnesia(['replay', file], { env });
  expect(odd.code).toBe(1);
  expect(odd.out).toMatch(/another one: the two part here\n {4}then +#\d+ \w+ seq=9\d+\n {4}now +#\d+ \w+ seq=\d+/);
  expect(odd.out).toContain('says: "seq=9');

  await writeFile(file, json.replace(/"verdict":"\w+"/, '"verdict":"untouched"'));
  expect((await amnesia(['replay', file], { env })).out).toMatch(/verdict: it was untouched, and now it is broken/);
});

test('a run that somebody has had their hands in: which line, and what is wrong with it', async () => {
  const { env, folder } = await played('udp-echo');
  const json = (await amnesia(['show', '--json'], { env })).out;
  const file = join(folder, 'odd.jsonl');
  const number = json.split('\n').findIndex((line) => line.includes('"is":"packet"')) + 1;
  await writeFile(file, json.replace(/"hex":"\w+"/, '"hex":7'));
  for (const words of [
    ['show', file, '--pcap', join(folder, 'odd.pcapng')],
    ['show', file],
    ['replay', file],
  ]) {
    const { code, out, err } = await amnesia(words, { env });
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(err).toContain(`odd.jsonl:${number} is no record: hex must be string. Type: `);
  }
});

test('what was served cannot be played again', async () => {
  const env = await newHome();
  const file = join(env.XDG_CACHE_HOME ?? '', '..', 'live.jsonl');
  await writeFile(
    file,
    '{"is":"run","version":2,"protocol":"udp-echo","design":"plain","seed":null,"cut":null,"at":null}\n',
  );
  const { code, err } = await amnesia(['replay', file], { env });
  expect(code).toBe(64);
  expect(err).toMatch(/time and chance do not come back\. Type: amnesia show .*live\.jsonl\n$/);
});

test('a run of another version says so', async () => {
  const env = await newHome();
  const file = join(env.XDG_CACHE_HOME ?? '', '..', 'old.jsonl');
  await writeFile(
    file,
    '{"is":"run","version":1,"protocol":"udp-echo","design":"plain","seed":1,"cut":null,"at":null}\n',
  );
  const { code, err } = await amnesia(['show', file], { env });
  expect(code).toBe(64);
  expect(err).toMatch(/is a run of version 1, and this program reads version 2/);
});

// The verdict on servers that are not ours: small ones, each with its state in another place, and what is said when nothing can be said.

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { readRun } from '../../src/cli/runs.ts';
import { answerTo, following, requirementOf } from '../../src/lab/exec/requiring.ts';
import { derive, type MatrixRow } from '../../src/lab/litmus.ts';
import { heirsOf } from '../../src/lab/processes.ts';
import { startStore } from '../../src/lab/store.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { amnesia, home, type Ran } from '../cli/amnesia.ts';
import { needs } from '../peers.ts';
import { LITMUS } from '../protocol.ts';

vi.setConfig({ testTimeout: LITMUS });

const folder = temporaryFolder();
afterAll(() => folder.remove());
const newHome = home();

const OURS = `exec-test-${process.pid}`;
const put = (name: string, text: string) => {
  const path = join(mkdtempSync(join(folder.path, 'files-')), name);
  writeFileSync(path, text);
  return path;
};

/** A service in a few lines: `answer` is an expression of `url`, `cookie` and what it remembers, `kept`. */
const service = (answer: string, before = '') => {
  const script = put(
    'server.cjs',
    `const kept = new Map(); ${before};
require('http').createServer((request, response) => {
  const { url, headers: { cookie = '' } } = request;
  const text = String(${answer});
  response.setHeader('Content-Length', Buffer.byteLength(text)).end(text);
}).listen(process.env.PORT, process.env.HOST);`,
  );
  return `${process.execPath} ${script}`;
};

const workload = (...steps: unknown[]) => put('workload.json', JSON.stringify({ protocol: 'http', steps }));
const TWO = [{ request: 'PUT /a' }, { request: 'GET /a' }];

async function run(command: string, file: string, ...more: string[]): Promise<Ran & { kept: string }> {
  const env: NodeJS.ProcessEnv = { ...(await newHome()), OURS };
  const args = ['litmus', '--exec', command, '--protocol', 'http', '--workload', file, ...more];
  const ran = await amnesia(args, { env, patience: LITMUS });
  expect(heirsOf(`OURS=${OURS}`)).toEqual([]);
  return { ...ran, kept: env.XDG_CACHE_HOME ?? '' };
}

const COUNTER = service(`(kept.set(url, (kept.get(url) ?? 0) + 1), kept.get(url))`);

describe.skipIf(process.platform === 'win32')('a server in a few lines', () => {
  test('one that counts in its process: named, required, kept for show, and its records in a file', async () => {
    const records = join(folder.path, 'records.jsonl');
    const ran = await run(
      COUNTER,
      workload({ request: 'GET /a' }, { request: 'GET /a' }),
      ...['--cuts', 'kill,path', '--as', 'counter', '--records', records],
      ...['--require', 'held by: the process', '--require', 'path: recovered'],
    );
    expect(ran.err).toBe('');
    expect(ran.out).toContain('http/counter            filed under a name, held by the process');
    expect(ran.out).toMatch(/kill after step 1: lost: “GET \/a” is answered “200: 1” instead of “200: 2”/);
    expect(ran.out).toMatch(/required: held by: the process: met/);
    expect(ran.out).toMatch(/next: .*amnesia (-- )?show 2 {2}\(2 is kill, 1 is path\)/);
    expect(ran.code).toBe(0);
    for (const line of ran.out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);

    const { header, entries } = await readRun(records);
    expect(header).toMatchObject({
      protocol: 'http',
      design: 'counter',
      cut: null,
      exec: expect.stringContaining('--as counter'),
    });
    expect(new Set(entries.map(({ arm }) => arm))).toEqual(new Set([1, 2, 3]));
    const env = { XDG_CACHE_HOME: ran.kept };
    const shown = await amnesia(['show', '2'], { env });
    expect(shown.out).toContain('SIGKILL http/1');
    // Where a line ends depends on how long a process's number is.
    expect(shown.out.replace(/\s+/g, ' ')).toContain('nobody can look into it');
    expect(shown.out).toMatch(/lost: “GET \/a” is answered/);
    expect(shown.out).toContain('played by: ');
    expect(shown.out).not.toMatch(/never left|nobody read this/);
    const page = join(folder.path, 'run.html');
    expect((await amnesia(['show', '2', '--html', page], { env })).code).toBe(0);
    expect(readFileSync(page, 'utf8')).toContain('A server that is not ours');
    expect(await amnesia(['replay', '2'], { env })).toMatchObject({
      code: 64,
      err: expect.stringContaining('was played with a server that is not ours. Type: '),
    });
  });

  test('a requirement that is not met is exit code 1, and named', async () => {
    const ran = await run(
      COUNTER,
      workload(...TWO),
      '--cuts',
      'kill',
      '--json',
      '--require',
      'stateless',
      '--require',
      'kill: recovered',
    );
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('amnesia: not met: stateless: kill is lost: it remembers something\n');
    expect(ran.err).toContain('amnesia: not met: kill: recovered: kill is lost\n');
    expect(JSON.parse(ran.out)).toMatchObject({
      cuts: [{ cut: 'kill', verdict: 'lost', places: [{ place: '1' }] }],
      required: [{ is: 'not met' }, { is: 'not met' }],
    });
  });

  test('a clock in an answer: unknown, with what to leave out; left out, there is a verdict', async () => {
    const clock = service(`JSON.stringify({ url, at: { ns: String(process.hrtime.bigint()) } })`);
    const ran = await run(clock, workload(...TWO), '--cuts', 'kill');
    expect(ran.code).toBe(2);
    const text = ran.out.replace(/\s+/g, ' ');
    expect(text).toMatch(/step 1, “PUT \/a”, is unsteady: without any cut it was answered “200: .*” and then “200: /);
    expect(text).toContain('Leave out what is rolled or told by a clock: --leave-out "json /at/ns"');
    const again = await run(
      clock,
      workload(...TWO),
      '--cuts',
      'kill',
      '--leave-out',
      'json /at/ns',
      '--require',
      'kill: recovered',
    );
    expect(again.code, again.out).toBe(0);
  });

  test('a name that is rolled and kept by the workload is no difference', async () => {
    const rolled = service(
      `url === '/new' ? JSON.stringify({ id: (kept.set('id', require('crypto').randomUUID()), kept.get('id')) }) : url === '/' + kept.get('id')`,
    );
    const steps = [
      { request: 'POST /new', keep: { id: 'json /id' } },
      { request: 'GET /{{id}}', expect: 'true' },
    ];
    const ran = await run(rolled, workload(...steps), '--cuts', 'path,kill', '--json');
    expect(ran.err).toBe('');
    expect(JSON.parse(ran.out)).toMatchObject({ filedUnder: 'a name', heldBy: 'the process' });
  });

  test.runIf(process.platform === 'linux')(
    'a recording of a browser; on a new path it comes from another address',
    async () => {
      const entry = (method: string, path: string) => ({
        request: { method, url: `http://a.test${path}`, headers: [] },
      });
      const entries = [entry('PUT', '/'), entry('GET', '/seen')];
      const file = put('recording.har', JSON.stringify({ log: { entries } }));
      // Known by the address alone, whatever the port: the mistake of a balancer that goes by addresses.
      const known = service(
        `url === '/seen' ? kept.has(request.socket.remoteAddress) : (kept.set(request.socket.remoteAddress, 1), 'seen')`,
      );
      const ran = await run(known, file, '--cuts', 'path,kill', '--json');
      expect(ran.err).toMatch(
        /recording.har: 2 requests to http:\/\/a.test, played in order; left out: recorded answers/,
      );
      expect(JSON.parse(ran.out)).toMatchObject({ filedUnder: 'the path', heldBy: 'the process' });
    },
  );

  test('a workload that fails, or is not answered as its author expects, without a cut: unknown', async () => {
    const ran = await run(COUNTER, workload({ request: 'GET /a', expect: 'seven' }, { request: 'GET /{{id}}' }));
    expect(ran.code).toBe(2);
    const text = ran.out.replace(/\s+/g, ' ');
    expect(text).toContain('step 1, “GET /a”, is expected to be answered with “seven”, and is answered “200: 1”');
    expect(text).toContain('step 2, “GET /{{id}}”, fails where nothing was cut: nothing was kept as {{id}}');
  });

  test('state in STATE_DIR is held by a disk; in a place we were not told of, it is not said to be nowhere', async () => {
    const file = (where: string) =>
      service(
        `url === '/b' ? require('fs').existsSync(where) : (require('fs').writeFileSync(where, 'x'), 'kept')`,
        `const where = ${where}`,
      );
    const steps = workload({ request: 'PUT /a' }, { request: 'GET /b' });
    const told = await run(file(`process.env.STATE_DIR + '/state'`), steps, '--json', '--cuts', 'path,kill,swap,store');
    expect(JSON.parse(told.out)).toMatchObject({ filedUnder: 'a name', heldBy: 'a disk' });
    const untold = await run(
      file(JSON.stringify(join(folder.path, 'elsewhere'))),
      steps,
      '--require',
      'stateless',
      '--cuts',
      'path,kill,swap,store',
    );
    const text = untold.out.replace(/\s+/g, ' ');
    expect(text).toContain(
      'filed under nothing that a cut has reached, held by nobody, or a store that we were not told of',
    );
    expect(text).toContain('if the server keeps it anywhere else, in a database say, no cut has reached that place');
    expect(text).toContain(
      'required: stateless: met (filed under nothing that a cut has reached; held by nobody, or a store that we were not told of)',
    );
    expect(untold.code).toBe(0);
  });

  test('a Redis that it was given can be lost; one of its own cannot', async (context) => {
    needs(context, 'redis-server');
    const shop = (url = '') => `${url}${process.execPath} demos/yours/shop.mjs`;
    const common = ['--json', '--cuts', 'kill,swap,store,path'];
    const store = await startStore(join(folder.path, 'redis'));
    onTestFinished(() => store.stop());
    const untold = await run(shop(`REDIS_URL=${store.url} `), 'demos/yours/shop.json', ...common);
    expect(JSON.parse(untold.out)).toMatchObject({
      filedUnder: 'nothing that a cut has reached',
      heldBy: expect.stringMatching(/, or a store that we were not told of$/),
      proviso: expect.stringContaining('--store redis'),
    });
  });
});

describe.skipIf(process.platform === 'win32')('what cannot be', () => {
  const fails = async (command: string, ...more: string[]) => {
    const ran = await run(command, workload(...TWO), '--cuts', 'kill', ...more);
    expect(ran.out).toBe('');
    expect(ran.code).toBe(3);
    return ran.err;
  };

  test('a command that ends at once', async () => {
    const said = await fails('echo "\\033[2Jno licence"; exit 4');
    expect(said).toMatch(
      /^amnesia: “echo .*” ended before it listened on port \d+ \(exit code 4\); it printed last: \\x1b\[2Jno licence\n$/,
    );
  });

  test('what it prints is shown on request', async () => {
    expect(await fails('echo hello; exit 4', '--show-output')).toMatch(/^http\/1 +\| hello\n/);
  });

  test('a server that does not start again after a kill: unknown, and why', async () => {
    const locked = service('url', `require('fs').writeFileSync(process.env.STATE_DIR + '/lock', '', { flag: 'wx' })`);
    const ran = await run(locked, workload(...TWO), '--cuts', 'kill');
    expect(ran.code).toBe(2);
    expect(ran.out.replace(/\s+/g, ' ')).toMatch(
      /kill after step 1: unknown: the severed arm could not be played: .* ended before it listened on port \d+ \(exit code 1\); .*EEXIST/,
    );
  });

  test('a server that is slow to start is given the time that somebody says', async () => {
    const late = `sleep 1.5; exec ${service('url')}`;
    expect(await fails(late, '--patience', '1')).toMatch(/does not listen on 127.0.0.1 port \d+ after 1 s/);
  });

  test('a server that ends in the middle of a run', async () => {
    const said = await fails(service(`(console.error('that was all'), process.exit(5))`));
    expect(said).toMatch(/^amnesia: http\/1 ended by itself \(exit code 5\); it printed last: that was all\n$/);
  });
});

describe('the command line', () => {
  const refused = async (...args: string[]) => {
    const { code, err, out } = await amnesia(['litmus', ...args], { env: await newHome() });
    expect(out).toBe('');
    expect(code).toBe(64);
    return err;
  };

  test('says what is missing, and what is known', async () => {
    expect(await refused('--exec', 'true')).toMatch(/--protocol says what the server speaks: udp-echo, dns, .*Type: /);
    expect(await refused('--exec', 'true', '--protocol', 'http')).toContain('http needs a workload');
    expect(await refused('--exec', 'true', '--protocol', 'mqtt', '--cuts', 'forget')).toContain(
      'nobody can reach into a server that is not ours',
    );
    expect(await refused('--exec', 'true', '--protocol', 'mqtt', '--cuts', 'kil')).toContain('there is no such cut');
    expect(await refused('--exec', 'true', '--protocol', 'mqtt', '--require', 'fast')).toContain(
      '--require "fast" is none that is known here: stateless; filed under:',
    );
    expect(await refused('mqtt', '--exec', 'true')).toContain('choose one');
    const http = ['--exec', 'true', '--protocol', 'http', '--workload'];
    expect(await refused(...http, 'nowhere.json')).toMatch(
      /^amnesia: nowhere.json cannot be read: ENOENT.*Type: .*litmus --help\n$/,
    );
    // The reason quotes the file, and is one line all the same.
    expect(await refused(...http, 'README.md')).toMatch(/^amnesia: README.md is no JSON: .*Type: .*\n$/);
    expect(await refused(...http, workload({ request: 'GET /' }, { reqest: 'GET /' }))).toMatch(
      /^amnesia: .*“reqest” means nothing here.*\n$/,
    );
    expect(await refused(...http, workload(...TWO), '--leave-out', 'cookies')).toMatch(/^amnesia: .*--leave-out.*\n$/);
    expect(await refused('mqtt', '--workload', 'a.json')).toContain('--workload is for a server of your own');
  });
});

describe('what follows', () => {
  const row = (verdicts: Record<string, string>): MatrixRow => {
    const cuts = Object.entries(verdicts).map(([cut, verdict]) => ({
      cut,
      verdict,
      places: [],
    })) as unknown as MatrixRow['cuts'];
    return { protocol: 'x', design: 'y', cuts, ...derive(cuts) };
  };
  const ALL = { path: 'untouched', kill: 'untouched', swap: 'untouched', store: 'untouched' };
  const said = (verdicts: Record<string, string>, store = false) => {
    const { filedUnder, heldBy } = following(row(verdicts), store);
    return [filedUnder, heldBy];
  };
  const NOTHING = 'nothing that a cut has reached';

  test.each([
    [ALL, false, [NOTHING, 'nobody, or a store that we were not told of']],
    [{ ...ALL, kill: 'recovered' }, true, [NOTHING, 'nobody, or a store that we were not told of']],
    [{ ...ALL, kill: 'lost', swap: 'lost', store: 'lost' }, false, ['a name', 'the process']],
    [{ ...ALL, path: 'broken', kill: 'lost', swap: 'lost', store: 'lost' }, false, ['the path', 'the process']],
    [{ ...ALL, swap: 'lost', store: 'lost' }, false, ['a name', 'a disk']],
    // What the disk holds, the loss of a Redis does not take.
    [{ ...ALL, swap: 'lost' }, true, ['a name', 'a disk']],
    [{ ...ALL, store: 'lost' }, true, ['a name', 'a shared store']],
    [{ ...ALL, swap: 'lost' }, false, ['a name', 'unknown']],
    [{ kill: 'untouched', path: 'untouched' }, false, ['unknown', 'unknown']],
    [{ kill: 'lost', path: 'untouched' }, false, ['a name', 'the process']],
    [{ ...ALL, store: 'unknown' }, true, ['unknown', 'unknown']],
    [{ path: 'untouched', kill: 'untouched', swap: 'untouched' }, true, ['unknown', 'unknown']],
    [{ ...ALL, kill: 'unknown' }, false, ['unknown', 'unknown']],
  ])('%j, a store given: %s', (verdicts, store, expected) => {
    expect(said(verdicts, store)).toEqual(expected);
  });

  const answer = (words: string, verdicts: Record<string, string>, store = false) => {
    const requirement = requirementOf(words);
    if (!requirement) throw new Error(`${words} requires nothing`);
    const found = row(verdicts);
    return answerTo(requirement, found, following(found, store)).is;
  };

  test.each([
    ['stateless', ALL, 'met'],
    ['stateless', { ...ALL, kill: 'lost' }, 'not met'],
    ['stateless', { ...ALL, store: 'lost' }, 'not met'],
    ['stateless', { ...ALL, silence: 'broken' }, 'met'],
    ['stateless', { kill: 'untouched', path: 'untouched' }, 'unknown'],
    ['stateless', { ...ALL, swap: 'unknown' }, 'unknown'],
    ['stateless', { path: 'untouched', kill: 'untouched', swap: 'untouched' }, 'unknown'],
    ['filed under: nothing', { path: 'untouched', kill: 'untouched' }, 'unknown'],
    ['kill: recovered', ALL, 'met'],
    ['kill: untouched', { ...ALL, kill: 'recovered' }, 'not met'],
    ['kill:lost', { ...ALL, kill: 'broken' }, 'not met'],
    ['silence: recovered', ALL, 'unknown'],
    ['kill: broken', { ...ALL, kill: 'unknown' }, 'unknown'],
    ['held by: nobody', ALL, 'met'],
    ['held by: the client', ALL, 'not met'],
    ['filed under: nothing', ALL, 'met'],
    ['filed under: a name', ALL, 'not met'],
    ['held by: a disk', { ...ALL, swap: 'lost', store: 'lost' }, 'met'],
    ['held by: a disk', { kill: 'untouched' }, 'unknown'],
  ])('%s of %j: %s', (words, verdicts, expected) => {
    expect(answer(words, verdicts)).toBe(expected);
  });

  test.each(['', 'statless', 'kill', 'kill: fine', 'kill: unknown', 'held by: me', 'held by a disk'])(
    '“%s” requires nothing',
    (words) => {
      expect(requirementOf(words)).toBeUndefined();
    },
  );

  test('who only connects again holds nothing for the server; who says something again does', () => {
    const recovered = (more: string[]) => {
      const found = row({ ...ALL, kill: 'recovered' });
      for (const { cut, places } of found.cuts)
        if (cut === 'kill')
          places.push({ place: '1', judgement: { verdict: 'recovered', because: '', more, less: [] } });
      return following(found, false).heldBy.split(',')[0];
    };
    expect(recovered(['connect', 'sender: connect', 'be refused'])).toBe('nobody');
    expect(recovered(['connect', 'PASS ***'])).toBe('the client');
  });

  test('what survives all cuts is never said without a proviso', () => {
    for (const store of [false, true])
      expect(following(row(ALL), store).proviso).toMatch(/no cut has reached that place/);
    expect(readFileSync('README.md', 'utf8')).toContain('nobody, or a store that we were not told of');
  });
});

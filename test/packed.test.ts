import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from 'basic-ftp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { adopt, temporaryFolder } from '../src/lab/tidy.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const folder = temporaryFolder();
afterAll(() => folder.remove());
const env = { ...process.env, NODE_OPTIONS: '', XDG_CACHE_HOME: join(folder.path, 'cache') };
/** Where the package stands once it is installed, and the command that npm would have linked. */
const installed = join(folder.path, 'user', 'node_modules', 'amnesia');
const command = join(folder.path, 'user', 'node_modules', '.bin', 'amnesia');
let packed: string[] = [];

/** `amnesia …` as somebody types it who has installed the package. Run by plain Node, whatever `node` the machine has. */
async function amnesia(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await run(process.execPath, [command, ...args], { env, cwd: folder.path }).then(
    (ended) => ({ code: 0, ...ended }),
    (error) => error as { code: number; stdout: string; stderr: string },
  );
  return { code, out: stdout, err: stderr };
}

beforeAll(async () => {
  // Packed from a copy: the build begins by removing the one before it, and somebody may be using that.
  const copy = join(folder.path, 'copy');
  await mkdir(copy);
  for (const name of ['package.json', 'tsconfig.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'src', 'demos', '.ci'])
    await cp(join(ROOT, name), join(copy, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'junction');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const flags = ['--ignore-scripts=false', '--foreground-scripts=false', '--offline', '--json'];
  const { stdout } = await run(npm, ['pack', ...flags, '--pack-destination', folder.path], {
    cwd: copy,
    env: { ...env, npm_config_cache: join(folder.path, 'npm') },
    shell: process.platform === 'win32',
  });
  const [tarball] = JSON.parse(stdout.slice(stdout.indexOf('['))) as { filename: string; files: { path: string }[] }[];
  packed = tarball?.files.map(({ path }) => path) ?? [];

  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(folder.path, tarball?.filename ?? ''), '--strip-components=1', '-C', installed]);
  // What `npm install` would fetch: the dependencies of the package, theirs, and nothing that only its makers need.
  await link('amnesia', JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')));
  await mkdir(dirname(command));
  await symlink(join('..', 'amnesia', '.dist', 'amnesia.js'), command);
});

async function link(name: string, { dependencies = {} }: { dependencies?: Record<string, string> }): Promise<void> {
  for (const needed of Object.keys(dependencies)) {
    const [there, here] = [join(ROOT, 'node_modules', needed), join(installed, '..', needed)];
    await mkdir(dirname(here), { recursive: true });
    const fresh = await cp(there, here, { recursive: true, errorOnExist: true, force: false }).then(
      () => true,
      () => false,
    );
    if (fresh) await link(`${name} > ${needed}`, JSON.parse(await readFile(join(there, 'package.json'), 'utf8')));
  }
}

describe('the package, as somebody has it who installed it', () => {
  test('holds the program, its source and its licence, and no test', () => {
    for (const path of [
      '.dist/amnesia.js',
      '.dist/host.js',
      'src/protocols/udp-echo/state.ts',
      'demos/udp-echo.ts',
      'demos/exercises/echo/problem.md',
      'demos/exercises/echo/starter.mjs',
      'demos/exercises/echo/wrong/text.diff',
      'README.md',
      'LICENSE',
    ])
      expect(packed).toContain(path);
    expect(packed.filter((path) => /^(test|node_modules|\.ci)\/|\.test\.ts$|^\.npmrc$/.test(path))).toEqual([]);
  });

  test('amnesia list', async () => {
    const { code, out, err } = await amnesia('list');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('tcp-session/disk');
  });

  test('amnesia demo udp-echo --log line: two lives, on plain Node with no loader', async () => {
    const { code, out, err } = await amnesia('demo', 'udp-echo', '--log', 'line');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const part of ['SIGKILL echo/1', 'echo/2', 'untouched']) expect(out).toContain(part);
  });

  test('the tap and the journal are in it too', async () => {
    const { code, out } = await amnesia('demo', 'tcp-session/disk', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out.slice(0, out.indexOf('\n')))).toMatchObject({ is: 'run', verdict: 'recovered' });
    const { out: row } = await amnesia('explain', '3');
    expect(row).toContain('tcp-session/disk');
  });

  test('what it leans on comes with it: a client library, brokers that are not ours, a database with a binary of its own', async () => {
    for (const design of ['memory', 'aedes-level']) {
      const { code, out, err } = await amnesia('demo', `mqtt/${design}`, '--cut', 'path', '--log', 'line');
      expect({ code, err }, out).toEqual({ code: 0, err: '' });
    }
  });

  test('a certificate is made where one is needed', async () => {
    const server = spawn(process.execPath, [command, 'serve', 'ftp', '--port', '0'], {
      env: { ...env, XDG_STATE_HOME: join(folder.path, 'state') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    adopt(server);
    onTestFinished(async () => {
      server.kill();
      await once(server, 'exit');
    });
    const [said] = await once(server.stdout, 'data');
    const client = new Client();
    onTestFinished(() => client.close());
    await client.access({
      host: '127.0.0.1',
      port: Number(/ port (\d+) /.exec(String(said))?.[1]),
      secure: true,
      secureOptions: { rejectUnauthorized: false },
    });
    expect((await client.list()).map(({ name }) => name)).toContain('welcome.txt');
  });

  test('the course comes with it, and its servers run on plain Node with no loader', async () => {
    const dir = join(folder.path, 'course');
    expect((await amnesia('exercise', '--dir', dir)).out).toContain('next: amnesia exercise hint echo --dir ');
    const own = join(dir, 'echo', 'server.mjs');
    await writeFile(own, (await amnesia('exercise', 'solution', '--spoil', '--dir', dir)).out);
    const { code, out, err } = await amnesia('exercise', 'check', '--dir', dir);
    expect({ code, err }, out).toEqual({ code: 0, err: '' });
    expect((await amnesia('exercise', 'lint', 'echo')).code).toBe(0);
  });

  test('it knows its version, and errors name the command as it is typed here', async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    expect((await amnesia('--version')).out).toBe(`${version}\n`);
    expect(await amnesia('bogus')).toEqual({
      code: 64,
      out: '',
      err: 'amnesia: there is no command "bogus". Type: amnesia --help\n',
    });
  });

  test('a workload in TypeScript knows what its client can do', async () => {
    const user = join(folder.path, 'user');
    await writeFile(join(user, 'package.json'), '{ "type": "module" }');
    const tsconfig = { module: 'nodenext', strict: true, noEmit: true, target: 'es2022', types: ['node'] };
    const compilerOptions = { ...tsconfig, typeRoots: [join(ROOT, 'node_modules', '@types')] };
    await writeFile(join(user, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['shop.ts'] }));
    const example = await readFile(join(ROOT, 'demos', 'yours', 'shop.ts'), 'utf8');
    const outside = example.replace("'../../src/workload.ts'", "'amnesia'");
    expect(outside).not.toBe(example);
    const tsc = [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'];
    const compiles = (source: string) =>
      writeFile(join(user, 'shop.ts'), source)
        .then(() => run(process.execPath, tsc, { cwd: user }))
        .then(
          () => '',
          ({ stdout }: { stdout: string }) => stdout,
        );
    expect(await compiles(outside)).toBe('');
    expect(await compiles(outside.replace('client.ask(', 'client.aks('))).toContain("'aks' does not exist");
  });

  test('the command is a program by itself where files can be', async () => {
    if (process.platform === 'win32') return;
    const { stdout } = await run(command, ['list', '--json'], { env });
    expect(stdout).toContain('"protocol":"udp-echo"');
  });
});

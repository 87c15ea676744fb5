// The course as a learner has it: a folder of their own, and a command for each thing they may want.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { COURSE } from '../../demos/exercises/index.ts';
import { commandsIn } from '../../src/cli/exercise/lint.ts';
import { ACTIONS } from '../../src/cli/exercise.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { needs } from '../peers.ts';
import { amnesia, ROOT, terminal } from './amnesia.ts';

const folders: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const remove of folders) await remove();
});

/** A learner at a place of their own. */
function learner() {
  const { path, remove } = temporaryFolder();
  folders.push(remove);
  const dir = join(path, 'course');
  return {
    dir,
    file: (id: string, name = 'server.mjs') => join(dir, id, name),
    types: (...args: string[]) => {
      const at = args.indexOf('--');
      const [own, theirs] = at === -1 ? [args, []] : [args.slice(0, at), args.slice(at)];
      return amnesia(['exercise', ...own, '--dir', dir, ...theirs]);
    },
  };
}

describe('from nothing to the first pass', () => {
  const ann = learner();
  const server = ann.file('echo');

  test('without a word: the first exercise is written, checked, and fails with a sentence that helps', async () => {
    const { code, out, err } = await ann.types();
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(readdirSync(join(ann.dir, 'echo')).sort()).toEqual(['problem.md', 'server.mjs']);
    const last = out.trimEnd().split('\n').slice(-3);
    expect(last[0]).toContain(join('echo', 'server.mjs'));
    expect(last[1]).toBe('  not yet (right): What comes back is what was sent, byte for byte.');
    expect(last[2]).toMatch(/^ {2}next: amnesia exercise hint echo --dir /);
  });

  test('the solution stays shut until it is passed, and opens with --spoil', async () => {
    const { code, err } = await ann.types('solution');
    expect(code).toBe(64);
    expect(err).toMatch(/opens when you have passed it.*Type: amnesia exercise solution echo --spoil/);
    const { out } = await ann.types('solution', '--spoil');
    expect(out.trimEnd()).toBe(readFileSync(join(ROOT, 'demos/exercises/echo/solution.mjs'), 'utf8').trimEnd());
  });

  test('hints: one for what failed, and one more each time', async () => {
    const first = (await ann.types('hint')).out;
    expect(first).toContain('what failed  An echo does nothing with the payload');
    expect(first).toContain('hint 1 of 3');
    expect(first).not.toContain('hint 2 of 3');
    expect((await ann.types('hint')).out).toContain('hint 2 of 3');
    // What has been begun is checked, and not begun again.
    expect((await ann.types('list')).out).toMatch(/next: .*exercise check echo /);
    const third = (await ann.types('hint')).out;
    expect(third).toContain('hint 3 of 3');
    expect(third).toContain('solution echo --spoil');
  });

  test('one line less, and it passes; the list says so, and the next one is named', async () => {
    const lines = readFileSync(server, 'utf8').split('\n');
    const less = lines.filter((line) => !line.includes('Remove this line'));
    expect(less).toHaveLength(lines.length - 1);
    writeFileSync(server, less.join('\n'));
    const { code, out } = await ann.types('check');
    expect(code, out).toBe(0);
    expect(out).toContain('  passed: Echo\n');
    expect(out).toContain(`exercise start ${COURSE[1]?.id}`);
    expect((await ann.types('list')).out).toMatch(/1 of \d+ passed[\s\S]*✓ echo /);
    expect((await ann.types('solution')).code).toBe(0);
  });

  test('reset puts the starter back, and keeps what was there', async () => {
    const own = readFileSync(server, 'utf8');
    expect((await ann.types('reset')).out).toContain('server.mjs.1');
    expect(readFileSync(`${server}.1`, 'utf8')).toBe(own);
    expect(readFileSync(server, 'utf8')).toContain('Remove this line');
    expect((await ann.types('check', '--all')).code).toBe(1);
  });
});

test('a server that looks right: a place where it holds, and one where it breaks', async () => {
  const bob = learner();
  await bob.types('start', 'looks-right');
  expect((await bob.types('check')).code).toBe(2);
  // Whatever becomes of the copy: the one that was given is tried.
  writeFileSync(bob.file('looks-right'), 'throw new Error();');
  const holds = await bob.types('check', '--cut', 'path', '--at', '2');
  expect({ code: holds.code, err: holds.err }).toEqual({ code: 1, err: '' });
  expect(holds.out).toContain('It holds here.');
  const breaks = await bob.types('check', '--cut', 'kill', '--at', '4');
  expect(breaks.code, breaks.out).toBe(0);
  expect(breaks.out).toMatch(/broken: [\s\S]*Two changes share one write[\s\S]*passed: /);
  expect((await bob.types('check', '--cut', 'swap', '--at', '1')).code).toBe(64);
});

test('a server that stays silent is waited for, and not for ever: the command ends', async () => {
  const sam = learner();
  await sam.types('start', 'name-not-path');
  const silent = "import net from 'node:net';\nnet.createServer((socket) => socket.resume()).listen(process.env.PORT);";
  writeFileSync(sam.file('name-not-path'), silent);
  const { code, out, err } = await sam.types('check');
  expect({ code, err }, out).toEqual({ code: 2, err: '' });
  expect(out).toContain('  not shown (reachable): The server answers.\n');
});

test('a log with blanks: shown without what belongs there, judged, and then shown as it was', async () => {
  const eve = learner();
  await eve.types('start', 'read-a-return');
  expect(existsSync(eve.file('read-a-return'))).toBe(false);
  const shown = await eve.types('check');
  expect(shown.code).toBe(2);
  expect(shown.out).toContain('ACK next=__(a)__');
  expect(shown.out).not.toContain('next 1007');
  const answers = (...given: string[]) => given.flatMap((each) => ['--answer', each]);
  const wrong = await eve.types('check', ...answers('1003', 'resume', '1003', '1007'));
  expect(wrong.code).toBe(1);
  expect(wrong.out).toContain('(c) “1003” does not stand there.');
  const right = await eve.types('check', ...answers('1003', 'resume', '1007', '1007'));
  expect(right.code, right.out).toBe(0);
  expect(right.out).toContain('next 1003 → 1007, 3 → 7 bytes delivered');
  expect((await eve.types('check', '--answer', '1')).code).toBe(64);
});

test('a log with blanks, in a terminal: answers that are pasted together each go to their question', async (context) => {
  const ida = learner();
  await ida.types('start', 'read-a-return');
  const { type, shows, ended } = terminal(needs(context, 'python3'), ['exercise', '--dir', ida.dir], {});
  await shows(/\(d\) row[\s\S]*\(a\) /);
  type('1003\rresume\r1007\r1007\r');
  const { code, out } = await ended;
  expect(code, out).toBe(0);
  expect(out).toContain('passed: Reading a return');
});

describe('what cannot be is told in one line, with what to type', () => {
  const zoe = learner();
  test.each([
    [['start', 'nothing'], /there is no exercise "nothing"; there are echo, .*Type: /],
    [['check', 'echo'], /nothing of echo is in .*Type: .*exercise start echo/],
    [['check', '--all'], /nothing is in .*Type: .*exercise start echo/],
    [['list', '--', 'python3'], /only check starts a server by a command/],
    [['check', 'echo', '--'], /a command is to follow the --/],
    [['new', 'my-own'], /an exercise is written in a checkout/],
    [['bogus'], /Invalid values/],
  ])('%s', async (args, says) => {
    const { code, out, err } = await zoe.types(...args);
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(err).toMatch(says);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });
});

test('a server in another language is started by its command, now and from then on', async (context) => {
  const python = needs(context, 'python3');
  const kim = learner();
  await kim.types('start', 'echo');
  writeFileSync(kim.file('echo', 'server.py'), readFileSync(new URL('../exercises/solved/echo.py', import.meta.url)));
  const first = await kim.types('check', '--', python, 'server.py');
  expect(first.code, first.out).toBe(0);
  expect(first.out).toContain(`: ${python} server.py`);
  expect((await kim.types('check')).code).toBe(0);
  await kim.types('reset');
  expect((await kim.types('check')).out).toContain('not yet (right)');
});

test('in a terminal what is saved is checked again, and a key is enough for the rest', async (context) => {
  const lea = learner();
  const { type, shows, ended } = terminal(needs(context, 'python3'), ['exercise', '--dir', lea.dir], {});
  /** Waits for what is shown, with the keys below it. */
  const then = (next: string) => shows(new RegExp(`${next}[\\s\\S]*?q quit`));
  await then('not yet \\(right\\)');
  type('h');
  await then('hint 1 of 3');
  const right = readFileSync(lea.file('echo'), 'utf8').replace(/.*Remove this line.*\n/, '');
  // It writes beside itself, which is no save.
  const busy = `import fs from 'node:fs';\nfs.writeFileSync(\`log-\${process.pid}\`, '');\n${right}`;
  writeFileSync(lea.file('echo'), busy);
  await then('passed: Echo');
  type('l');
  await then('1 of \\d+ passed');
  type('r');
  // Which is a save.
  await then('starter again[\\s\\S]*?not yet \\(right\\)');
  type('n');
  await then(`edit .*${COURSE[1]?.id}`);
  type('q');
  const { code, out } = await ended;
  expect(code).toBe(1);
  expect(out.split('passed: Echo')).toHaveLength(2);
});

test('in a terminal, and its folder is taken away: a line, and no fault of ours', async (context) => {
  const tom = learner();
  const { shows, ended } = terminal(needs(context, 'python3'), ['exercise', '--dir', tom.dir], {});
  await shows(/not yet \(right\)[\s\S]*?q quit/);
  rmSync(join(tom.dir, 'echo'), { recursive: true });
  const { code, out } = await ended;
  expect(out).toMatch(/echo is not there any more\. Type: .*exercise start echo/);
  expect(code).toBe(64);
});

describe('what learners read', () => {
  const source = readFileSync(join(ROOT, 'src/cli/commands.ts'), 'utf8');
  const problems = COURSE.map(({ id }) => readFileSync(join(ROOT, 'demos', 'exercises', id, 'problem.md'), 'utf8'));

  test('every option of a command in it exists', () => {
    const commands = problems.flatMap(commandsIn);
    expect(commands.length).toBeGreaterThan(3);
    for (const command of commands)
      for (const [, option = ''] of command.replace(/ -- .*/, '').matchAll(/--([a-z-]+)/g))
        expect(source, command).toMatch(new RegExp(`option\\(\\s*'${option}'`));
  });

  test('the command line offers what there is', async () => {
    for (const action of ACTIONS) expect(source).toContain(`'${action}'`);
    const { out } = await amnesia(['exercise', '--help']);
    expect(out).toContain('Examples:');
    expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    const asked = ['--get-yargs-completions', 'amnesia', 'exercise', 'start', ''];
    const offered = (await amnesia(asked, { env: { SHELL: '/bin/bash' } })).out.split('\n');
    expect(offered).toEqual(expect.arrayContaining(COURSE.map(({ id }) => id)));
  });
});

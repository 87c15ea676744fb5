// Servers that fail every exercise alike: what they are told must help, and silence must never be a pass.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { COURSE } from '../../demos/exercises/index.ts';
import { checkServer, type Report } from '../../src/lab/checker.ts';
import { answers, type Build } from '../../src/lab/exercise.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { COURSE_FOLDER, told } from './course.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
let files = 0;

async function exerciseCalled(id: string) {
  const exercise = await COURSE.find((entry) => entry.id === id)?.load();
  if (exercise?.kind !== 'feature' && exercise?.kind !== 'nature')
    throw new Error(`${id} is no exercise with a server to be written`);
  return exercise;
}

/** Checks a server with this source. */
async function checked(id: string, source: string): Promise<Report> {
  const name = `server-${++files}.mjs`;
  writeFileSync(join(folder.path, name), source);
  return checkServer(await exerciseCalled(id), { seed: 1, cwd: folder.path, command: [process.execPath, name] });
}

const TCP = "import net from 'node:net';\nconst { PORT, HOST } = process.env;\n";
const UDP = "import dgram from 'node:dgram';\nconst { PORT, HOST } = process.env;\n";

describe.each([
  ['name-not-path', TCP],
  ['echo', UDP],
])('%s', (id, head) => {
  const isTcp = head === TCP;
  const silent = isTcp
    ? `${head}net.createServer((socket) => { socket.resume(); socket.on('error', () => {}); }).listen(PORT, HOST);`
    : `${head}dgram.createSocket('udp4').bind(PORT, HOST);`;

  test('an empty file ends before it listens', async () => {
    const { verdict, failure, held } = await checked(id, '');
    expect({ verdict, check: failure?.check.id, held }).toEqual({ verdict: 'failed', check: 'listens', held: [] });
    expect(failure?.finding.found).toContain('ended before it listened on PORT (exit code 0)');
  });

  test('one that throws is told what it printed', async () => {
    const report = await checked(id, "throw new Error('no such thing');");
    expect(report.failure?.check.id).toBe('listens');
    expect(told(report).join('\n')).toMatch(/^── before the story begins[\s\S]*your server │ .*Error: no such thing/);
    expect(report.failure?.finding.found).toMatch(
      /^“node server-\d+\.mjs” ended before it listened on PORT \(exit code 1\)$/,
    );
  });

  test('silence is unknown, and not a pass', async () => {
    const report = await checked(id, silent);
    expect({ verdict: report.verdict, check: report.failure?.check.id }).toEqual({
      verdict: 'unknown',
      check: 'answers',
    });
    expect(report.failure?.finding.found).toBe('not one byte came back');
  });

  test('one that ends when a client comes is told so', async () => {
    const source = isTcp
      ? `${head}net.createServer((socket) => socket.on('data', () => process.exit(3))).listen(PORT, HOST);`
      : `${head}dgram.createSocket('udp4').bind(PORT, HOST).on('message', () => process.exit(3));`;
    const { failure } = await checked(id, source);
    expect({ check: failure?.check.id, found: failure?.finding.found }).toEqual({
      check: 'stays',
      found: expect.stringContaining('ended by itself (exit code 3)'),
    });
  });
});

test('one that listens elsewhere is told where it should', async () => {
  const { failure } = await checked('echo', `${UDP}dgram.createSocket('udp4').bind(0, HOST);`);
  expect(failure?.check.id).toBe('listens');
  expect(failure?.finding.found).toMatch(/does not listen .*PORT/);
});

// Where it listens instead, only Linux tells.
test.runIf(process.platform === 'linux')('a port of its own is not told as if it were PORT', async () => {
  const { failure } = await checked('name-not-path', `${TCP}net.createServer().listen(0, HOST);`);
  expect(failure?.finding.found).toMatch(
    /does not listen on 127\.0\.0\.1 PORT after 5 s, but on another port: have it take its port from the environment, PORT;/,
  );
});

test.each(['name-not-path', 'idempotent-order'])('an echo is no server of %s: its first byte is marked', async (id) => {
  const report = await checked(
    id,
    `${TCP}net.createServer((socket) => { socket.pipe(socket); socket.on('error', () => {}); }).listen(PORT, HOST);`,
  );
  expect({ verdict: report.verdict, check: report.failure?.check.id, at: report.failure?.finding.at }).toEqual({
    verdict: 'failed',
    check: 'formed',
    at: 0,
  });
  expect(told(report).join('\n')).toMatch(/\n {12}\^\^ byte 0\n/);
  expect(told(report, { ascii: true }).join('\n')).toMatch(/^[\n -~]+$/);
});

test('half a message is not silence: it is told as what it is', async () => {
  const half = `${TCP}net.createServer((socket) => { socket.on('data', () => socket.write(Buffer.from([0x12, 0]))); socket.on('error', () => {}); }).listen(PORT, HOST);`;
  const { verdict, failure } = await checked('name-not-path', half);
  expect({ verdict, check: failure?.check.id, found: failure?.finding.found }).toEqual({
    verdict: 'failed',
    check: 'whole',
    found: '2 bytes came back, which are the beginning of a message and not all of it',
  });
});

test('one that takes a read for a message is found out by a byte at a time, and by nothing else', async () => {
  const { readFileSync } = await import('node:fs');
  const right = readFileSync(join(COURSE_FOLDER, 'name-not-path/solution.mjs'), 'utf8');
  const whole = 'rest = Buffer.concat([rest, chunk]);';
  expect(right).toContain(whole);
  const { verdict, failure, held } = await checked('name-not-path', right.replace(whole, 'rest = chunk;'));
  expect({ verdict, check: failure?.check.id }).toEqual({ verdict: 'failed', check: 'bytewise' });
  expect(held.map(({ id }) => id)).toEqual(['listens', 'stays', 'answers', 'whole', 'formed']);
});

test('what it prints is shown, marked and drawn', async () => {
  const report = await checked(
    'echo',
    `${UDP}console.log('\\u001b[31mhello');\ndgram.createSocket('udp4').bind(PORT, HOST);`,
  );
  expect(told(report)).toContain('  your server │ \\x1b[31mhello');
});

test('what an exercise gives its servers is in their environment, in every life and every instance', async () => {
  const exercise: Build = {
    ...(await exerciseCalled('echo')),
    env: { SECRET: 'tell nobody' },
    arms: { kill: { is: 'kill', at: { after: 1 } }, swap: { is: 'swap', at: { after: 1 } } },
    checks: ['control', 'kill', 'swap'].map((arm) => ({
      id: arm,
      stage: 'survives',
      arm,
      sentence: 'The secret is known.',
      cite: 'none',
      look: answers(2, '"tell nobody"', 'what the environment says'),
      ask: 'Is it?',
      hint: 'It is.',
    })),
  };
  writeFileSync(
    join(folder.path, 'secret.mjs'),
    `${UDP}const socket = dgram.createSocket('udp4').bind(PORT, HOST);
socket.on('message', (_bytes, from) => socket.send(process.env.SECRET, from.port, from.address));`,
  );
  const report = await checkServer(exercise, { seed: 1, cwd: folder.path, command: [process.execPath, 'secret.mjs'] });
  expect(report.failure?.finding).toBeUndefined();
  expect(report.held.map(({ id }) => id)).toEqual(expect.arrayContaining(['control', 'kill', 'swap']));
});

test('the same server is told the same, fifty times', async () => {
  const whole = await exerciseCalled('echo');
  // As far as the answer that is wrong: each time is a process that starts.
  const exercise = { ...whole, steps: whole.steps.slice(0, 2) };
  const options = { seed: 1, cwd: join(COURSE_FOLDER, 'echo'), command: [process.execPath, 'starter.mjs'] };
  const outputs = new Set<string>();
  for (let times = 0; times < 50; times++) outputs.add(told(await checkServer(exercise, options)).join('\n'));
  expect([...outputs]).toHaveLength(1);
});

// A client that nobody here wrote: curl, with a jar for its cookies, through the balancer.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../src/lab/tidy.ts';
import { needs } from '../../peers.ts';
import { backend, front, listed } from './house.ts';

const run = promisify(execFile);

test('curl with a cookie jar comes back to its server, each time on a new connection', async (context) => {
  const curl = needs(context, 'curl');
  const backends = [await backend('one'), await backend('two'), await backend('three')];
  const { port } = await front('cookie', listed(...backends));
  const { path, remove } = temporaryFolder();
  const jar = join(path, 'jar');
  const asked = async (...more: string[]) => (await run(curl, ['-sS', ...more, `http://127.0.0.1:${port}/`])).stdout;
  const said: string[] = [];
  for (let times = 0; times < 4; times++) said.push(await asked('-b', jar, '-c', jar));
  // Whoever keeps no cookies is led in turn.
  for (let times = 0; times < 3; times++) said.push(await asked());
  await remove();
  expect(said).toEqual(['one', 'one', 'one', 'one', 'two', 'three', 'one']);
});

test('curl -0 speaks HTTP/1.0, with and without a Host, and is hung up on each time', async (context) => {
  const curl = needs(context, 'curl');
  const one = await backend('one');
  const { port } = await front('round-robin', listed(one));
  const url = `http://127.0.0.1:${port}/`;
  for (const more of [[], ['-H', 'Host:'], ['-d', 'a body', '-H', 'Host:']]) {
    const { stdout } = await run(curl, ['-sSi', '-0', ...more, url]);
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n\r\none$/);
  }
  expect(one.requests.map(({ method, body }) => `${method} ${body}`)).toEqual(['GET ', 'GET ', 'POST a body']);
});

test('curl sends a body in chunks, asks with HEAD, and goes on with the same connection', async (context) => {
  const curl = needs(context, 'curl');
  const one = await backend('one');
  const { port } = await front('round-robin', listed(one));
  const url = `http://127.0.0.1:${port}/`;
  const format = ['-sS', '-o', '/dev/null', '-w', '%{http_code} %{num_connects} '];
  const chunked = ['-X', 'POST', '-H', 'Transfer-Encoding: chunked', '-d', 'in chunks'];
  const next = ['--next', ...format];
  const { stdout } = await run(curl, [...format, ...chunked, url, ...next, '-I', url, ...next, url]);
  expect(stdout.trim()).toBe('200 1 200 0 200 0');
  expect(one.requests.map(({ method, body }) => `${method} ${body}`)).toEqual(['POST in chunks', 'HEAD ', 'GET ']);
});

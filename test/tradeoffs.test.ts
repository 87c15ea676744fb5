// The trade-offs in short: what must be so of each design, whatever the figures are, and the table in the README.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { bytesHeld } from '../src/lab/holding.ts';
import { load } from '../src/lab/load.ts';
import { missingStore } from '../src/lab/store.ts';
import { DESIGNS, type Tradeoff, tradeoffs } from '../src/lab/tradeoffs.ts';
import { HEAD, tradeoffsLines, tradeoffsMarkdown } from '../src/log/tradeoffs.ts';
import { loadCard } from '../src/protocols/index.ts';

const card = await loadCard('http');
const hasRedis = card !== undefined && missingStore(card, 'redis') === undefined;

test.skipIf(!hasRedis)('memory, redis, token and hybrid, measured small', { timeout: 180_000 }, async () => {
  const designs = ['memory', 'redis', 'token', 'hybrid'];
  const rows = await tradeoffs({ designs, users: 15, seconds: 0.5, seed: 1, held: 2_000, acts: ['crash'] });
  expect(rows.map(({ design, unknown }) => [design, unknown])).toEqual(designs.map((design) => [design, []]));
  const [memory, redis, token, hybrid] = rows as [Tradeoff, Tradeoff, Tradeoff, Tradeoff];

  expect([memory.rate, memory.p99]).toEqual([1, 1]);
  for (const { rate, p99 } of rows) {
    expect(rate).toBeGreaterThan(0);
    expect(p99).toBeGreaterThan(0);
  }

  // A third of the users was led to the server that is killed.
  expect(memory.crash).toBeGreaterThan(0.2);
  expect(memory.crash).toBeLessThan(0.5);
  expect([redis.crash, token.crash, hybrid.crash]).toEqual([0, 0, 0]);
  // What was not asked for is not known, and no figure stands in for it.
  expect([memory.deploy, memory.add]).toEqual([undefined, undefined]);

  // Who somebody is, a token says without the store; everything else is in it.
  expect([memory.storeless, redis.storeless, token.storeless, hybrid.storeless]).toEqual([null, 1, null, 0.4]);

  expect(token.request).toBeGreaterThan((memory.request ?? 0) + 100);
  expect(hybrid.request).toBeLessThan(token.request ?? 0);
  expect(redis.request).toBe(memory.request);
  expect(token.again).toBeGreaterThan(100);
  expect([memory.again, redis.again, hybrid.again]).toEqual([0, 0, 0]);
});

describe('memory for each user', () => {
  test('whoever carries a token costs nothing here, and everybody else some hundred bytes', () => {
    expect(bytesHeld('token', 5_000)).toBeLessThan(20);
    const bytes = bytesHeld('memory', 5_000);
    expect(bytes).toBeGreaterThan(200);
    expect(bytes).toBeLessThan(2_000);
  });
});

describe('the load', () => {
  const REQUEST = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');

  /** Puts a load on a server that answers so. */
  async function loaded(status: number, connections = 4) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(status, { 'Content-Length': 5 });
      // In two parts, as a network might deliver it.
      response.write('he');
      response.end('llo');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      return { result: await load({ port, request: REQUEST, connections, milliseconds: 100 }), asked };
    } finally {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  }

  test('counts what is answered, on every connection', async () => {
    const { result, asked } = await loaded(200);
    expect(asked.length).toBeGreaterThanOrEqual(4);
    // It is over when the last one has its answer, a while after those 100 ms.
    expect(result.rate).toBeGreaterThan(0);
    expect(result.rate).toBeLessThanOrEqual(asked.length / 0.1);
    expect(result.p99).toBeGreaterThan(0);
  });

  test('does not count who is turned away', async () => {
    await expect(loaded(401)).rejects.toThrow('not right: HTTP/1.1 401');
    await expect(load({ port: 1, request: REQUEST, connections: 2, milliseconds: 10 })).rejects.toThrow('ECONNREFUSED');
  });
});

const ROW = {
  design: 'memory',
  rate: 0.987,
  p99: 12.345,
  held: 1_234,
  crash: 1,
  deploy: 1,
  add: 0.254,
  storeless: null,
  request: undefined,
  again: 1_234,
  unknown: ['load: the server hung up under load'],
};

test('the table fits 80 columns, and says the same as Markdown; what is not known is called so', () => {
  const lines = tradeoffsLines([ROW]).map((line) => line.map(({ text }) => text).join(''));
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
  expect(lines[2]).toMatch(/memory +0\.99 +12\.35 +1234 +100 % +100 % +25 % +– +unknown +1234/);
  expect(lines.at(-1)).toBe('  unknown: memory: load: the server hung up under load');
  expect(tradeoffsMarkdown([ROW]).split('\n')[2]).toBe(
    '| memory | 0.99 | 12.35 | 1234 | 100 % | 100 % | 25 % | – | unknown | 1234 |',
  );
});

test('the README has the columns and the designs that are measured', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const shown = /<!-- tradeoffs -->\n(.*)\n<!-- \/tradeoffs -->/s.exec(readme)?.[1]?.split('\n') ?? [];
  const cells = shown.map((line) => line.slice(2, -2).split(' | '));
  expect(cells[0]).toEqual([...HEAD]);
  expect(cells.slice(2).map(([design]) => design)).toEqual([...DESIGNS]);
  for (const row of cells.slice(2)) {
    expect(row).toHaveLength(HEAD.length);
    for (const cell of row.slice(1)) expect(cell).toMatch(/^(\d+(\.\d+)?( %)?|–|unknown)$/);
  }
});

// One byte at a time, and what comes of it when the other end goes first.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { afterEach, expect, test } from 'vitest';
import { oneByOne } from '../src/lab/bytewise.ts';
import { over } from './over.ts';

const server = createServer({ allowHalfOpen: true });
afterEach(() => {
  server.close();
});

/** A connection, from both ends. */
async function pair(): Promise<[here: Socket, there: Socket]> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const here = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [there] = (await once(server, 'connection')) as [Socket];
  return [here, there];
}

test('what is written arrives, and then the end', async () => {
  const [here, there] = await pair();
  const chunks: Buffer[] = [];
  there.on('data', (chunk) => chunks.push(chunk));
  const slow = oneByOne(here);
  slow.end('every byte');
  await once(there, 'end');
  expect(Buffer.concat(chunks).toString()).toBe('every byte');
  there.end();
  await over(here);
});

test('a connection that has ended already takes no more, and that is no fault', async () => {
  const [here, there] = await pair();
  there.resume();
  const slow = oneByOne(here);
  here.end();
  await once(there, 'end');
  there.end();
  await over(here);
  slow.end('too late');
  await finished(slow);
});

// The jar of whoever visits an HTTP server that nobody here wrote: which cookies go along, and when one has gone.

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { REAL_WAITS } from '../../src/lab/world.ts';
import { wire } from '../../src/protocols/http/wire.ts';
import { visitor } from '../../src/sockets/visitor.ts';
import type { HttpMessage } from '../../src/wire/http.ts';
import type { Wire } from '../../src/wire/wire.ts';

async function visiting(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as AddressInfo;
  const visit = visitor({ host: '127.0.0.1', port, waits: REAL_WAITS, wire: wire as Wire<HttpMessage> });
  onTestFinished(async () => {
    await visit.close();
    server.close();
  });
  return async (target: string, more: { method?: string; body?: Buffer } = {}) => {
    const { body } = await visit.ask({ method: 'GET', target, ...more });
    return body.toString();
  };
}

/** Answers with the cookies that came along, and gives those that a target names. */
const GIVES: Record<string, string[]> = {
  '/give': ['a=1', 'b=2; Path=/shop; HttpOnly', 'c=3; Expires=Wed, 21 Oct 2099 07:28:00 GMT'],
  '/take': ['a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'c=; Max-Age=0'],
};

test('a cookie goes along below its path, and until it is taken away', async () => {
  const ask = await visiting((request, response) => {
    for (const each of GIVES[request.url ?? ''] ?? []) response.appendHeader('Set-Cookie', each);
    const text = request.headers.cookie ?? 'none';
    response.setHeader('Content-Length', text.length).end(text);
  });
  expect(await ask('/give')).toBe('none');
  expect(await ask('/')).toBe('a=1; c=3');
  expect(await ask('/shopping')).toBe('a=1; c=3');
  for (const below of ['/shop', '/shop?x=1', '/shop/lamp']) expect(await ask(below)).toBe('a=1; b=2; c=3');
  expect(await ask('/take')).toBe('a=1; c=3');
  expect(await ask('/shop')).toBe('b=2');
});

test('bytes are sent as they are, also with a GET', async () => {
  const ask = await visiting((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = `${request.headers['content-length']} ${Buffer.concat(parts).toString('hex')}`;
      response.setHeader('Content-Length', text.length).end(text);
    });
  });
  expect(await ask('/', { method: 'POST', body: Buffer.from('00ff0d0a', 'hex') })).toBe('4 00ff0d0a');
  expect(await ask('/', { body: Buffer.from('x') })).toBe('1 78');
});

test('who speaks HTTP/1.0 hangs up after each answer, and the next request comes by another connection', async () => {
  const from = new Set<number | undefined>();
  const ask = await visiting((request, response) => {
    from.add(request.socket.remotePort);
    request.socket.end('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok');
    response.destroy();
  });
  expect(await ask('/')).toBe('ok');
  expect(await ask('/')).toBe('ok');
  expect(from.size).toBe(2);
});

// WebSocket through the balancer: granted or refused by the server, and from then on bytes that are passed on as they come.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { wire } from '../../../src/protocols/balancer/wire.ts';
import { Reader } from '../../../src/wire/fields.ts';
import { Inbox, type Seen, type Side } from '../../../src/wire/wire.ts';
import { over } from '../../over.ts';
import { asking, backend, front, type Talk, talk } from './house.ts';

/** A server behind that says back what it hears, with its name before it, and knows who is connected. */
async function echo(name: string) {
  const http = createServer((_request, response) => void response.writeHead(426).end('only WebSocket'));
  const server = new WebSocketServer({ server: http });
  const asked: IncomingMessage[] = [];
  server.on('connection', (socket, request) => {
    asked.push(request);
    socket.on('message', (data, isBinary) => socket.send(isBinary ? data : `${name}: ${data}`, { binary: isBinary }));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const close = async () => {
    for (const each of server.clients) each.terminate();
    if (!http.listening) return;
    const closed = once(http, 'close');
    http.close();
    http.closeAllConnections();
    await closed;
  };
  onTestFinished(close);
  const address = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  return { server, asked, close, member: { name, address, draining: false } };
}

async function dial(port: number, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, { headers });
  onTestFinished(() => socket.terminate());
  let answer: IncomingMessage | undefined;
  socket.on('upgrade', (response) => {
    answer = response;
  });
  await once(socket, 'open');
  const say = async (words: string | Buffer) => {
    socket.send(words);
    const [data] = (await once(socket, 'message')) as [Buffer];
    return data;
  };
  return { socket, say, headers: () => answer?.headers };
}

const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

test('each connection is led to a server and stays there, and what is said arrives both ways', async () => {
  const [one, two] = [await echo('one'), await echo('two')];
  const { port, keeper, until } = await front('round-robin', [one.member, two.member]);
  const [ann, bob] = [await dial(port), await dial(port)];
  for (const words of ['Do', 'not', 'forget me.']) {
    expect(String(await ann.say(words))).toBe(`one: ${words}`);
    expect(String(await bob.say(words))).toBe(`two: ${words}`);
  }
  expect(ann.headers()).toMatchObject({ 'x-served-by': 'one', via: '1.1 amnesia', upgrade: 'websocket' });
  expect(one.asked[0]?.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', host: `127.0.0.1:${port}` });
  // A server is not empty while somebody is connected to it.
  expect(keeper.state.backends.get('one')?.active).toBe(1);
  ann.socket.close(4000, 'enough');
  expect((await once(ann.socket, 'close'))[0]).toBe(4000);
  await until(({ backends }) => backends.get('one')?.active === 0);
  expect(keeper.state.backends.get('two')?.active).toBe(1);
});

test('more than any side keeps goes through, whole and in order', async () => {
  const one = await echo('one');
  const { port } = await front('round-robin', [one.member]);
  const ann = await dial(port);
  const bytes = Buffer.alloc(24 << 20, 'amnesia');
  expect((await ann.say(bytes)).equals(bytes)).toBe(true);
});

test('a sticky cookie leads a WebSocket as it leads a request', async () => {
  const [one, two] = [await echo('one'), await echo('two')];
  const { port } = await front('cookie', [one.member, two.member]);
  await dial(port);
  const bob = await dial(port);
  const [cookie = ''] = bob.headers()?.['set-cookie'] ?? [];
  const back = await dial(port, { Cookie: cookie.split(';')[0] ?? '' });
  expect(String(await back.say('hello'))).toBe('two: hello');
});

test('who is refused by the server is told so, and may ask something else on the same connection', async () => {
  const plain = await backend('plain', (_request, response) => void response.writeHead(403).end('no'));
  const { port, until } = await front('round-robin', [{ name: '1', address: plain.address, draining: false }]);
  const ann = await talk(port);
  const [refused] = await ann.say(asking('GET', '/', UPGRADE));
  expect(refused?.status).toBe(403);
  expect((await ann.say(asking('GET')))[0]?.status).toBe(403);
  await until(({ backends }) => backends.get('1')?.active === 0);
});

test('no other protocol is passed on, nor WebSocket that is asked for in another way than its own', async () => {
  const plain = await backend('plain');
  const { port } = await front('round-robin', [{ name: '1', address: plain.address, draining: false }]);
  const ann = await talk(port);
  await ann.say(asking('GET', '/', { ...UPGRADE, Upgrade: 'h2c' }));
  await ann.say(asking('POST', '/', UPGRADE));
  await ann.say(asking('GET', '/', { Upgrade: 'websocket' }));
  expect(plain.requests.map(({ headers }) => headers.upgrade)).toEqual([undefined, undefined, undefined]);
});

test.each([
  ['the server dies', (_near: Talk, far: Socket) => far.resetAndDestroy()],
  ['the client dies', (near: Talk) => near.socket.resetAndDestroy()],
])('%s: the other end hears of it', async (_name, die) => {
  const one = await echo('one');
  const { port, until } = await front('round-robin', [one.member]);
  const accepted = once(one.server, 'connection');
  const ann = await talk(port);
  await ann.say(asking('GET', '/', UPGRADE));
  const [, request] = (await accepted) as [unknown, IncomingMessage];
  const gone = [over(ann.socket), over(request.socket)];
  die(ann, request.socket);
  await Promise.all(gone);
  await until(({ backends }) => backends.get('one')?.active === 0);
});

test('a client that goes while its WebSocket is being granted leaves nobody behind', async () => {
  const one = await echo('one');
  const { port, until } = await front('round-robin', [one.member]);
  const accepted = once(one.server, 'connection');
  const ann = await talk(port);
  ann.socket.write(asking('GET', '/', UPGRADE));
  const [, request] = (await accepted) as [unknown, IncomingMessage];
  const gone = over(request.socket);
  ann.socket.resetAndDestroy();
  await gone;
  await until(({ backends }) => backends.get('one')?.active === 0);
});

test('what comes before the answer may be meant in either protocol: nobody passes it on', async () => {
  const one = await echo('one');
  const { port } = await front('round-robin', [one.member]);
  const ann = await talk(port);
  ann.socket.resume().write(`${asking('GET', '/', UPGRADE)}${asking('GET', '/hidden')}`);
  await over(ann.socket);
  expect(one.asked.map(({ url }) => url)).toEqual(['/']);
});

test('who explains what others have framed, as the log does, knows from the 101 on', () => {
  const seen: Seen = new Map();
  const granted = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const read = (bytes: string, side: Side) => {
    const message = wire.read(new Reader(Buffer.from(bytes, 'latin1'), { annotate: true }), side, 'tcp', seen);
    return `${wire.kind(message)} ${wire.says(message)}`;
  };
  expect(read(asking('GET', '/chat', UPGRADE), 'client')).toBe('GET /chat');
  expect(read(granted, 'server')).toBe('101 Switching Protocols');
  expect(read('\x81\x02hi', 'server')).toBe('PASSING in another protocol');
  expect(read('\x81\x82abcd', 'client')).toBe('PASSING in another protocol');
});

test('a reader of the log frames what passes by chunks, and looks into none', () => {
  const seen: Seen = new Map();
  const [asks, answers] = [new Inbox(wire, 'client', seen), new Inbox(wire, 'server', seen)];
  asks.push(Buffer.from(asking('GET', '/', UPGRADE)));
  const granted = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const { messages } = answers.push(Buffer.from(`${granted}\x81\x02hi`));
  expect(messages.map((each) => `${wire.kind(each)} ${wire.says(each)}`)).toEqual([
    '101 Switching Protocols',
    'PASSING in another protocol',
  ]);
  expect(asks.push(Buffer.from('81', 'hex'))).toEqual({
    messages: [{ type: 'passing', bytes: Buffer.from('81', 'hex') }],
  });
});

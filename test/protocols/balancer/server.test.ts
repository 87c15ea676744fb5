// The balancer over real sockets: who answers, what is passed on, and what a hostile or broken peer on either side gets.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { headerOf, type Response } from '../../../src/wire/http.ts';
import { over } from '../../over.ts';
import { asking, backend, cookieIn, front, listed, talk } from './house.ts';

const bodyOf = (answer: Response | undefined) => answer?.body.toString();
const statusesOf = (answers: readonly Response[]) => answers.map(({ status }) => status);
/** When an answer was given, as it says itself. */
const datesOf = ({ headers }: Response) => headers.flatMap(([name, value]) => (name === 'Date' ? [value] : []));

async function three() {
  return [await backend('one'), await backend('two'), await backend('three')] as const;
}

test('round robin leads each request to the next server, whoever asks', async () => {
  const { port } = await front('round-robin', listed(...(await three())));
  const [ann, bob] = [await talk(port), await talk(port)];
  const said: (string | undefined)[] = [];
  for (const who of [ann, bob, ann, ann]) said.push(bodyOf((await who.say(asking('GET')))[0]));
  expect(said).toEqual(['one', 'two', 'three', 'one']);
});

test('a sticky cookie leads back to its server, from any address and through another balancer', async () => {
  const members = listed(...(await three()));
  const [here, there] = [await front('cookie', members), await front('cookie', members)];
  await (await talk(here.port)).say(asking('GET'));
  const [first] = await (await talk(here.port)).say(asking('GET'));
  const way = cookieIn(first, 'balancer');
  expect(bodyOf(first)).toBe('two');
  expect(way).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(headerOf(first as Response, 'set-cookie')).toMatch(/HttpOnly.*SameSite=Lax|SameSite=Lax.*HttpOnly/);
  for (const { port } of [here, there]) {
    const [answer] = await (await talk(port)).say(asking('GET', '/', { Cookie: `a=b; balancer=${way}; c=d` }));
    expect(bodyOf(answer)).toBe('two');
    // Who carries the right way is not told again.
    expect(cookieIn(answer, 'balancer')).toBeUndefined();
  }
});

test('the balancer’s own cookie stays with it, and the others are passed on', async () => {
  const [one] = await three();
  const { port } = await front('cookie', listed(one));
  const ann = await talk(port);
  await ann.say(asking('GET', '/', { Cookie: 'session=abc; balancer=x; theme=dark' }));
  await ann.say(asking('GET', '/', { Cookie: 'balancer=x' }));
  expect(one.requests.map(({ headers }) => headers.cookie)).toEqual(['session=abc; theme=dark', undefined]);
});

test.each([
  ['a character changed', (way: string) => `${way.startsWith('A') ? 'B' : 'A'}${way.slice(1)}`],
  ['cut short', (way: string) => way.slice(0, -1)],
  ['an address', () => '127.0.0.1:22'],
  ['a name', () => '2'],
  ['nothing', () => ''],
  ['far too much', () => 'A'.repeat(4_000)],
])(
  'a sticky cookie that we did not make (%s) is no way: the client is led in turn, and given a new one',
  async (_what, spoil) => {
    const { port } = await front('cookie', listed(...(await three())));
    const ann = await talk(port);
    const [first] = await ann.say(asking('GET'));
    const [answer] = await ann.say(
      asking('GET', '/', { Cookie: `balancer=${spoil(cookieIn(first, 'balancer') ?? '')}` }),
    );
    expect(bodyOf(answer)).toBe('two');
    expect(cookieIn(answer, 'balancer')).toMatch(/^[A-Za-z0-9_-]{22}$/);
  },
);

test('by address, each address keeps its server', async () => {
  const { port } = await front('address', listed(...(await three())));
  const said: (string | undefined)[] = [];
  for (const from of ['127.0.1.1', '127.0.1.2', '127.0.1.1', '127.0.1.3', '127.0.1.2'])
    said.push(bodyOf((await (await talk(port, from)).say(asking('GET')))[0]));
  expect(said).toEqual(['one', 'two', 'one', 'three', 'two']);
});

test('by its hash, an address finds the same server through a balancer that has never met it', async () => {
  const members = listed(...(await three()));
  const [here, there] = [await front('hash', members), await front('hash', members)];
  const found = new Set<string | undefined>();
  for (let nth = 1; nth <= 12; nth++) {
    const [one, other] = await Promise.all(
      [here, there].map(async ({ port }) => (await (await talk(port, `127.0.1.${nth}`)).say(asking('GET')))[0]),
    );
    expect(bodyOf(one)).toBe(bodyOf(other));
    found.add(bodyOf(one));
  }
  expect(found.size).toBeGreaterThan(1);
});

test('a request is written anew: hop-by-hop headers stay here, and where it came from is ours to say', async () => {
  const [one] = await three();
  const { port } = await front('round-robin', listed(one));
  const lies = {
    'X-Forwarded-For': '10.0.0.1',
    'X-Forwarded-Host': 'bank.test',
    'X-Forwarded-Proto': 'https',
    Forwarded: 'for=10.0.0.1',
    Connection: 'X-Secret, Host, keep-alive',
    'X-Secret': 'of this connection',
    'Keep-Alive': 'timeout=5',
    TE: 'trailers',
    Upgrade: 'h2c',
    'Proxy-Authorization': 'Basic eDp5',
    'X-Kept': 'end to end',
  };
  const [answer] = await (await talk(port)).say(asking('POST', '/path?q=1', lies, 'a body'));
  expect(answer?.status).toBe(200);
  const [request] = one.requests;
  expect(request).toMatchObject({ method: 'POST', url: '/path?q=1', body: 'a body' });
  expect(request?.headers).toEqual({
    host: 'shop.test',
    'x-kept': 'end to end',
    'content-length': '6',
    via: '1.1 amnesia',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'shop.test',
    connection: 'close',
  });
});

test('a body in chunks is passed on whole', async () => {
  const [one] = await three();
  const { port } = await front('round-robin', listed(one));
  const chunked = `${asking('PUT', '/', { 'Transfer-Encoding': 'chunked' })}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`;
  await (await talk(port)).say(chunked);
  expect(one.requests[0]).toMatchObject({ body: 'abcde', headers: { 'content-length': '5' } });
  expect(one.requests[0]?.headers['transfer-encoding']).toBeUndefined();
});

test('an answer is written anew: in chunks, to HEAD, without a body', async () => {
  const one = await backend('one', (request, response) => {
    if (request.url === '/none') return void response.writeHead(204, { 'Set-Cookie': ['a=1', 'b=2'] }).end();
    response.setHeader('Connection', 'X-Inner');
    response.setHeader('X-Inner', 'of the inner connection');
    response.write('in ');
    response.end('chunks');
  });
  const { port } = await front('round-robin', listed(one));
  const ann = await talk(port);
  const [chunked] = await ann.say(asking('GET'));
  expect(bodyOf(chunked)).toBe('in chunks');
  expect(headerOf(chunked as Response, 'content-length')).toBe('9');
  for (const name of ['transfer-encoding', 'x-inner', 'connection'])
    expect(headerOf(chunked as Response, name)).toBeUndefined();
  expect(headerOf(chunked as Response, 'x-served-by')).toBe('1');
  const [toHead] = await ann.say(asking('HEAD'));
  expect(toHead).toMatchObject({ status: 200, body: Buffer.alloc(0) });
  const [none] = await ann.say(asking('GET', '/none'));
  expect(none?.headers.filter(([name]) => name === 'Set-Cookie')).toEqual([
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
  ]);
  expect(headerOf(none as Response, 'content-length')).toBeUndefined();
});

test('pipelined requests are answered in their order, fed one byte at a time', async () => {
  const slow = await backend('slow', (_request, response) => void setTimeout(() => response.end('slow'), 30));
  const quick = await backend('quick');
  const { port } = await front('round-robin', listed(slow, quick));
  const ann = await talk(port);
  const bytes = Buffer.from(Array.from({ length: 6 }, (_none, nth) => asking('GET', `/${nth}`)).join(''));
  const heard = ann.say(Buffer.alloc(0), 6);
  for (const byte of bytes) ann.socket.write(Buffer.of(byte));
  expect((await heard).map(bodyOf)).toEqual(['slow', 'quick', 'slow', 'quick', 'slow', 'quick']);
});

test('who has ended its side is answered all the same', async () => {
  const { port } = await front('round-robin', listed(...(await three())));
  const ann = await talk(port);
  const heard = ann.say(asking('GET') + asking('GET'), 2);
  ann.socket.end();
  expect((await heard).map(bodyOf)).toEqual(['one', 'two']);
  await over(ann.socket);
});

test('Connection: close, and HTTP/1.0, are answered and hung up on', async () => {
  const { port } = await front('round-robin', listed(...(await three())));
  for (const bytes of [asking('GET', '/', { Connection: 'close' }), 'GET / HTTP/1.0\r\n\r\n']) {
    const ann = await talk(port);
    const [answer] = await ann.say(bytes + asking('GET', '/never'));
    expect(headerOf(answer as Response, 'connection')).toBe('close');
    await over(ann.socket);
  }
});

test('HTTP/1.0 without a Host is asked of the server in 1.1, which wants one: its own', async () => {
  const [one] = await three();
  const { port } = await front('round-robin', listed(one));
  for (const bytes of ['GET / HTTP/1.0\r\n\r\n', 'POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi']) {
    const ann = await talk(port);
    const heard = ann.say(Buffer.alloc(0));
    for (const byte of Buffer.from(bytes)) ann.socket.write(Buffer.of(byte));
    const [answer] = await heard;
    expect([answer?.status, bodyOf(answer), headerOf(answer as Response, 'connection')]).toEqual([200, 'one', 'close']);
    await over(ann.socket);
  }
  expect(one.requests.map(({ headers }) => headers.host)).toEqual([one.address, one.address]);
  expect(one.requests.map(({ headers }) => headers['x-forwarded-host'])).toEqual([undefined, undefined]);
  expect(one.requests[1]?.body).toBe('hi');
  // What 1.0 does not know is refused: nobody can tell where such a body ends (RFC 9112 §6.1).
  const [refused] = await (await talk(port)).say('POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
  expect(refused?.status).toBe(400);
});

test.each([
  ['GET', 200],
  ['HEAD', 200],
  ['POST', 502],
  ['PUT', 502],
  ['DELETE', 502],
])(
  'when a server fails, %s is answered with %i: what may have had an effect is not asked twice',
  async (method, status) => {
    const failing = await backend('failing', (request) => void request.socket.destroy());
    const two = await backend('two');
    const { port, keeper } = await front('round-robin', listed(failing, two));
    const [answer] = await (await talk(port)).say(asking(method));
    expect(answer?.status).toBe(status);
    expect(failing.requests).toHaveLength(1);
    expect(two.requests).toHaveLength(status === 200 ? 1 : 0);
    expect(keeper.state.backends.get('1')?.active).toBe(0);
    expect(keeper.state.backends.get('2')?.active).toBe(0);
  },
);

test('a request is made elsewhere once, and not until somebody answers', async () => {
  const failing = await Promise.all(
    ['one', 'two', 'three'].map((name) => backend(name, (request) => void request.socket.destroy())),
  );
  const { port } = await front('round-robin', listed(...failing));
  expect(statusesOf(await (await talk(port)).say(asking('GET')))).toEqual([502]);
  expect(failing.map(({ requests }) => requests.length)).toEqual([1, 1, 0]);
});

test('a connection that was kept and has just ended is no server that failed', async () => {
  const asked = new Map<object, number>();
  const leaving = await backend('leaving', (request, response) => {
    const times = (asked.get(request.socket) ?? 0) + 1;
    asked.set(request.socket, times);
    if (times > 1) request.socket.destroy();
    else response.end('here');
  });
  const other = await backend('other');
  const { port, keeper } = await front('cookie', listed(leaving, other));
  const ann = await talk(port);
  const way = cookieIn((await ann.say(asking('GET')))[0], 'balancer');
  const said: (string | undefined)[] = [];
  for (const method of ['GET', 'GET', 'POST', 'GET', 'DELETE'])
    said.push(bodyOf((await ann.say(asking(method, '/', { Cookie: `balancer=${way}` })))[0]));
  expect(said).toEqual(['here', 'here', 'here', 'here', 'here']);
  expect(keeper.state.backends.get('1')?.health).toBe('well');
});

test('a server that breaks off in the middle of its answer has not answered', async () => {
  const broken = await backend('broken', (_request, response) => {
    response.writeHead(200, { 'Content-Length': '100' });
    response.write('half of', () => response.destroy());
  });
  const { port } = await front('round-robin', listed(broken));
  const [answer] = await (await talk(port)).say(asking('GET'));
  expect(answer?.status).toBe(502);
  expect(bodyOf(answer)).not.toContain('half');
});

test('an answer that grows beyond all bounds is not read to its end, and takes no server out: others are served as before', async () => {
  const endless = () =>
    backend('endless', (request, response) => {
      if (request.url !== '/endless') return void response.end('well');
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
  const both = [await endless(), await endless()];
  const { port, keeper } = await front('round-robin', listed(...both));
  const ann = await talk(port);
  const [refused] = await ann.say(asking('GET', '/endless'));
  expect([refused?.status, bodyOf(refused)]).toEqual([502, expect.stringContaining('more than is passed on')]);
  expect(both.map(({ requests }) => requests.length)).toEqual([1, 0]);
  expect([...keeper.state.backends.values()].map(({ health, active }) => [health, active])).toEqual([
    ['well', 0],
    ['well', 0],
  ]);
  expect(statusesOf(await ann.say(asking('GET')))).toEqual([200]);
});

test('a server behind that speaks no HTTP is a server that fails', async () => {
  const nonsense = createServer((socket) => void socket.on('error', () => {}).end('220 ready\r\n'));
  nonsense.listen(0, '127.0.0.1');
  await once(nonsense, 'listening');
  onTestFinished(() => void nonsense.close());
  const address = `127.0.0.1:${(nonsense.address() as AddressInfo).port}`;
  const { port, until } = await front('round-robin', [{ name: '1', address, draining: false }]);
  await until(({ backends }) => backends.get('1')?.health === 'sick');
  expect(statusesOf(await (await talk(port)).say(asking('GET')))).toEqual([503]);
});

test('a client that goes away lets go of the server behind', async () => {
  let asked = () => {};
  const coming = new Promise<void>((resolve) => (asked = resolve));
  let left = () => {};
  const leaving = new Promise<void>((resolve) => (left = resolve));
  const patient = await backend('patient', (_request, response) => {
    response.once('close', left);
    asked();
  });
  const { port, until } = await front('round-robin', listed(patient));
  const ann = await talk(port);
  void ann.say(asking('GET'));
  await coming;
  ann.socket.resetAndDestroy();
  await leaving;
  await until(({ backends }) => backends.get('1')?.active === 0);
});

test('a look finds who is sick, and who is well again', async () => {
  const one = await backend('one');
  const two = await backend('two');
  const { port, until } = await front('round-robin', listed(one, two));
  await one.close();
  await until(({ backends }) => backends.get('1')?.health === 'sick');
  const ann = await talk(port);
  expect(bodyOf((await ann.say(asking('POST')))[0])).toBe('two');
  const again = await backend('one again', undefined, { port: Number(one.address.split(':')[1]) });
  await until(({ backends }) => backends.get('1')?.health === 'well');
  expect(again.looks).toBeGreaterThan(0);
});

test('a server that is slow to say how it is keeps its users: slow is not dead', async () => {
  const slow = await backend('slow', undefined, { hangs: true });
  const two = await backend('two');
  const { port, until } = await front('cookie', listed(slow, two));
  const ann = await talk(port);
  const way = cookieIn((await ann.say(asking('GET')))[0], 'balancer');
  // The second look begins when the first has been given up.
  await until(() => slow.looks > 1);
  expect(bodyOf((await ann.say(asking('GET', '/', { Cookie: `balancer=${way}` })))[0])).toBe('slow');
});

test('a cookie for a dead server is answered by another one, which it leads to from then on', async () => {
  const [one, two, three_] = await three();
  const { port, until } = await front('cookie', listed(one, two, three_));
  const ann = await talk(port);
  const way = cookieIn((await ann.say(asking('GET')))[0], 'balancer');
  await one.close();
  await until(({ backends }) => backends.get('1')?.health === 'sick');
  const [answer] = await ann.say(asking('GET', '/', { Cookie: `balancer=${way}` }));
  expect(bodyOf(answer)).not.toBe('one');
  const other = cookieIn(answer, 'balancer');
  expect(other).not.toBe(way);
  const [after] = await ann.say(asking('GET', '/', { Cookie: `balancer=${other}` }));
  expect(bodyOf(after)).toBe(bodyOf(answer));
});

test('the list is read again: servers join, drain and leave while a client goes on asking', async () => {
  const [one, two, joined] = await three();
  let list = `blue=${one.address}\ngreen=${two.address}`;
  const members = [
    { name: 'blue', address: one.address, draining: false },
    { name: 'green', address: two.address, draining: false },
  ];
  const { port, until, keeper } = await front('round-robin', members, { reread: async () => list });
  const ann = await talk(port);
  const heard = async (times: number) => {
    const said = new Set<string | undefined>();
    for (let nth = 0; nth < times; nth++) said.add(bodyOf((await ann.say(asking('GET')))[0]));
    return [...said].sort();
  };
  expect(await heard(4)).toEqual(['one', 'two']);
  list = `${list} drain\n# and a new one\nred=${joined.address}`;
  await until(({ backends }) => backends.has('red'));
  expect(await heard(6)).toEqual(['one', 'three']);
  expect(keeper.facts()).toMatchObject({ 'server[green]': 'draining', 'server[red]': 'joined since the start' });
  // By its place it would be called otherwise as soon as another one is taken out.
  list = `blue=${one.address}\n${joined.address}`;
  await until(({ wrong }) => wrong !== undefined);
  expect(keeper.facts().list).toContain(`entry 2: ${joined.address} needs a name`);
  list = `blue=${one.address}\nred=oops`;
  await until(({ wrong }) => wrong?.includes('oops') === true);
  expect(await heard(6)).toEqual(['one', 'three']);
  expect(keeper.facts().list).toContain('entry 2: “oops” is no address');
  list = `red=${joined.address}`;
  await until(({ backends }) => backends.size === 1);
  expect(await heard(3)).toEqual(['three']);
});

test('a server that drains finishes what it has begun', async () => {
  let finish = () => {};
  let asked = () => {};
  const coming = new Promise<void>((resolve) => (asked = resolve));
  const slow = await backend('slow', (_request, response) => {
    finish = () => response.end('finished');
    asked();
  });
  const two = await backend('two');
  let list = `1=${slow.address},2=${two.address}`;
  const { port, until, keeper } = await front('round-robin', listed(slow, two), { reread: async () => list });
  const begun = (await talk(port)).say(asking('POST'));
  await coming;
  list = `1=${slow.address} drain,2=${two.address}`;
  await until(({ backends }) => backends.get('1')?.draining === true);
  expect(keeper.state.backends.get('1')?.active).toBe(1);
  expect(bodyOf((await (await talk(port)).say(asking('GET')))[0])).toBe('two');
  finish();
  expect(bodyOf((await begun)[0])).toBe('finished');
  expect(keeper.state.backends.get('1')?.active).toBe(0);
});

test.each([
  ['two lengths', 'Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc', 400],
  ['a length and chunks', 'Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG', 400],
  ['chunks of another name', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n', 400],
  ['chunks twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n', 400],
  ['a space before the colon', 'Content-Length : 3\r\n\r\nabc', 400],
  ['a line that goes on', 'X: a\r\n Content-Length: 3\r\n\r\nabc', 400],
  ['LF alone', 'X: a\nContent-Length: 3\r\n\r\nabc', 400],
  ['a CR alone', 'X: a\rContent-Length: 3\r\n\r\nabc', 400],
  ['a NUL', 'X: a\0b\r\n\r\n', 400],
  ['a length with a sign', 'Content-Length: +3\r\n\r\nabc', 400],
  ['a chunk that is no number', 'Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n', 400],
  ['two hosts', 'Host: bank.test\r\n\r\n', 400],
  ['a body beyond all bounds', 'Content-Length: 999999\r\n\r\n', 413],
  ['headers beyond all bounds', `X: ${'a'.repeat(9_000)}\r\n\r\n`, 431],
])(
  'an ambiguous request (%s) gets one answer and the end, and no server behind sees anything of it',
  async (_what, rest, status) => {
    const [one] = await three();
    const { port } = await front('round-robin', listed(one));
    const ann = await talk(port);
    const hidden = asking('GET', '/hidden');
    const heard = await ann.say(`POST / HTTP/1.1\r\nHost: shop.test\r\n${rest}${hidden}`, 2);
    expect(statusesOf(heard)).toEqual([status]);
    expect(datesOf(heard[0] as Response)).toEqual([expect.stringMatching(/ GMT$/)]);
    await over(ann.socket);
    expect(one.requests).toEqual([]);
  },
);

test.each([
  ['CONNECT 127.0.0.1:22 HTTP/1.1', 501],
  ['TRACE / HTTP/1.1', 501],
  ['GET bank.test:80 HTTP/1.1', 400],
  ['GET http://ann@bank.test/ HTTP/1.1', 400],
  ['GET / HTTP/2.0', 400],
  ['GET /a b HTTP/1.1', 400],
])('%s is not passed on', async (line, status) => {
  const [one] = await three();
  const { port } = await front('round-robin', listed(one));
  const heard = await (await talk(port)).say(`${line}\r\nHost: shop.test\r\n\r\n`);
  expect(statusesOf(heard)).toEqual([status]);
  expect(one.requests).toEqual([]);
});

test.each<[status: number, hosts: string[]]>([
  [400, ['a b', 'bank.test:80:80', 'bank.test:x', '[::1', 'ann@bank.test', 'bank.test/a', 'b%4']],
  [200, ['', 'bank.test', 'bank.test:', 'BANK-1.test:8080', '[::1]:80', '127.0.0.1', 'b%C3%A4nk.test']],
])('a Host that is one is passed on as it is, and no other (RFC 9112 §3.2): %i', async (status, hosts) => {
  for (const host of hosts) {
    const [one] = await three();
    const { port } = await front('round-robin', listed(one));
    const ann = await talk(port);
    expect(statusesOf(await ann.say(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)), host).toEqual([status]);
    expect(one.requests.map(({ headers }) => headers.host)).toEqual(status === 200 ? [host] : []);
  }
});

test('of a target that names the host the path is passed on, and the host as Host (RFC 9112 §3.2.2)', async () => {
  const [one] = await three();
  const { port } = await front('round-robin', listed(one));
  const ann = await talk(port);
  for (const target of ['http://bank.test:80/a?b=c', 'http://bank.test?b=c']) {
    expect(statusesOf(await ann.say(asking('GET', target)))).toEqual([200]);
    expect(one.requests.at(-1)?.headers).toMatchObject({ host: target.split(/[/?]/)[2] });
  }
  expect(one.requests.map(({ url }) => url)).toEqual(['/a?b=c', '/?b=c']);
});

test('an answer without a time is given one; with one it keeps that (RFC 9110 §6.6.1)', async () => {
  const own = 'Thu, 01 Jan 2026 00:00:00 GMT';
  const one = await backend('1', ({ url }, response) => {
    if (url === '/dated') response.setHeader('Date', own);
    else response.sendDate = false;
    response.end();
  });
  const { port } = await front('round-robin', listed(one));
  const ann = await talk(port);
  const dates = async (method: string, target: string) =>
    datesOf((await ann.say(asking(method, target)))[0] as Response);
  expect(await dates('GET', '/dated')).toEqual([own]);
  expect(await dates('GET', '/')).toEqual([expect.stringMatching(/ GMT$/)]);
  expect(await dates('TRACE', '/')).toEqual([expect.stringMatching(/ GMT$/)]);
});

test('a malformed % is the server’s to judge: it arrives as it was sent', async () => {
  const [one] = await three();
  const { port } = await front('round-robin', listed(one));
  expect(statusesOf(await (await talk(port)).say(asking('GET', '/%E0%A4%A')))).toEqual([200]);
  expect(one.requests[0]?.url).toBe('/%E0%A4%A');
});

test('a balancer that leads to itself does not do so for ever', async () => {
  let list = '1=127.0.0.1:9';
  const own = await front('round-robin', [], { reread: async () => list });
  list = `1=127.0.0.1:${own.port}`;
  await own.until(({ backends }) => backends.get('1')?.address === `127.0.0.1:${own.port}`);
  // Its own look comes round to it until it has come too often.
  await own.until(({ backends }) => backends.get('1')?.health === 'sick');
  const via = Array.from({ length: 5 }, () => '1.1 amnesia').join(', ');
  expect(statusesOf(await (await talk(own.port)).say(asking('POST', '/', { Via: via })))).toEqual([508]);
});

test('with nobody behind who is well, 503 says when to come back', async () => {
  const { port } = await front('round-robin', []);
  const [answer] = await (await talk(port)).say(asking('GET'));
  expect(answer?.status).toBe(503);
  expect(headerOf(answer as Response, 'retry-after')).toBe('1');
});

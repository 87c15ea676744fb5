// The shop over real sockets: what is answered to whom, and what nobody is told.

import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { seededWorld, standingClock } from '../../../src/lab/world.ts';
import type { Passwords, Try } from '../../../src/served/passwords.ts';
import { headerOf, LIMITS } from '../../../src/wire/http.ts';
import { over } from '../../over.ts';
import { ANN, BY_SESSION, BY_TOKEN, guest, houseOf, jsonOf, shop } from './shop.ts';

test('a user logs in, puts things aside, orders, and logs out', async () => {
  const served = await shop();
  const ann = await guest(served);
  const hello = await ann.ask('POST', '/login', ANN);
  expect([hello.status, jsonOf(hello)]).toEqual([200, { user: 'ann' }]);
  expect(jsonOf(await ann.ask('GET', '/profile'))).toEqual({ user: 'ann' });
  expect((await ann.ask('PUT', '/cart/lamp', { json: { count: 2 } })).status).toBe(200);
  expect((await ann.ask('PUT', '/cart/t%C3%A9', { json: { count: 1 } })).status).toBe(200);
  expect(jsonOf(await ann.ask('GET', '/cart/lamp'))).toEqual({ item: 'lamp', count: 2 });
  expect((await ann.ask('DELETE', '/cart/lamp')).status).toBe(204);
  expect((await ann.ask('GET', '/cart/lamp')).status).toBe(404);
  expect(jsonOf(await ann.ask('GET', '/cart'))).toEqual({ cart: [{ item: 'té', count: 1 }] });
  expect((await ann.ask('PUT', '/watch/general', { json: { minute: 7 } })).status).toBe(200);
  expect(jsonOf(await ann.ask('GET', '/watch/general'))).toEqual({ film: 'general', minute: 7 });
  const made = await ann.ask('POST', '/orders', { json: { item: 'lamp', count: 1 } });
  expect([made.status, headerOf(made, 'location')]).toEqual([201, '/orders/1']);
  expect(jsonOf(await ann.ask('GET', '/orders'))).toEqual({ orders: [{ order: 1, item: 'lamp', count: 1 }] });
  expect((await ann.ask('POST', '/logout')).status).toBe(204);
  expect((await ann.ask('GET', '/profile')).status).toBe(401);
  expect(served.facts()).toEqual({ 'order[1]': 'ann: lamp × 1' });
});

test('the list is read in both ways, to its end', async () => {
  const ann = await guest(await shop());
  await ann.ask('POST', '/login', ANN);
  const byKeyset: string[] = [];
  for (let target = '/films?limit=3'; target; ) {
    const page = jsonOf(await ann.ask('GET', target));
    byKeyset.push(...(page.films as string[]));
    target = (page.next as string | undefined) ?? '';
  }
  const byCursor: string[] = [];
  for (let cursor = 'new'; cursor; ) {
    const page = jsonOf(await ann.ask('GET', `/films?cursor=${cursor}&limit=3`));
    byCursor.push(...(page.films as string[]));
    cursor = (page.cursor as string | undefined) ?? '';
  }
  expect(byKeyset).toHaveLength(8);
  expect(byCursor).toEqual(byKeyset);
  expect((await ann.ask('GET', '/films?cursor=1.guessed')).status).toBe(410);
  expect((await ann.ask('GET', '/films?after=nothing')).status).toBe(422);
});

test('an order under a key is made once; another one under the same key is refused', async () => {
  const ann = await guest(await shop());
  await ann.ask('POST', '/login', ANN);
  const order = (count: number, key: string) =>
    ann.ask('POST', '/orders', { json: { item: 'lamp', count }, headers: { 'Idempotency-Key': key } });
  const first = await order(1, 'k');
  const again = await order(1, 'k');
  expect([again.status, again.body, headerOf(again, 'location')]).toEqual([201, first.body, '/orders/1']);
  expect((await order(2, 'k')).status).toBe(422);
  expect(jsonOf(await order(1, 'other'))).toMatchObject({ order: 2 });
  expect((await order(1, 'x'.repeat(65))).status).toBe(400);
});

describe('cookies', () => {
  test('are hidden from scripts, and stay home when other sites ask', async () => {
    for (const held of [BY_SESSION, BY_TOKEN]) {
      const ann = await guest(await shop({ held }));
      const set = headerOf(await ann.ask('POST', '/login', ANN), 'set-cookie') ?? '';
      expect(set).toMatch(/^(session=1\.[\w-]{22}|token=[\w.-]+); Path=\/; HttpOnly; SameSite=Lax$/);
    }
  });

  test('a name that somebody slipped in is never logged in, and a login ends the session before', async () => {
    const served = await shop();
    const jar = { cookie: 'session=1.aaaaaaaaaaaaaaaaaaaaaa' };
    const ann = await guest(served, jar);
    await ann.ask('POST', '/login', ANN);
    const first = jar.cookie;
    expect(first).not.toContain('aaaaaaaa');
    await ann.ask('POST', '/login', ANN);
    expect(jar.cookie).not.toBe(first);
    expect((await (await guest(served, { cookie: first })).ask('GET', '/profile')).status).toBe(401);
    expect(
      (await (await guest(served, { cookie: 'session=1.aaaaaaaaaaaaaaaaaaaaaa' })).ask('GET', '/profile')).status,
    ).toBe(401);
  });
});

describe('tokens', () => {
  const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const forged = (header: unknown, key: string | undefined, claims: unknown = { sub: 'ann', exp: 4_000_000_000 }) => {
    const text = `${segment(header)}.${segment(claims)}`;
    return `token=${text}.${key === undefined ? '' : createHmac('sha256', key).update(text).digest('base64url')}`;
  };
  const key = 'a key of the house'.padEnd(32, '.').slice(0, 32);

  test('a token carries what the user put aside, to any server with the key, and is good after a log-out', async () => {
    const jar: { cookie?: string } = {};
    const [first, second] = [await shop({ held: BY_TOKEN }), await shop({ held: BY_TOKEN })];
    const ann = await guest(first, jar);
    await ann.ask('POST', '/login', ANN);
    await ann.ask('PUT', '/cart/lamp', { json: { count: 2 } });
    const kept = { ...jar };
    expect(jsonOf(await (await guest(second, { ...kept })).ask('GET', '/cart'))).toEqual({
      cart: [{ item: 'lamp', count: 2 }],
    });
    await ann.ask('POST', '/logout');
    expect((await (await guest(first, kept)).ask('GET', '/profile')).status).toBe(200);
    expect(first.facts()).toEqual({});
    expect((await (await guest(first, kept)).ask('POST', '/orders', { json: { item: 'lamp', count: 1 } })).status).toBe(
      501,
    );
  });

  test.each([
    ['no signature', forged({ alg: 'none' }, undefined)],
    ['another key', forged({ alg: 'HS256' }, 'another key')],
    ['another algorithm', forged({ alg: 'HS384' }, key)],
    ['no end', forged({ alg: 'HS256' }, key, { sub: 'ann' })],
    ['no user', forged({ alg: 'HS256' }, key, { exp: 4_000_000_000 })],
    ['an end that has been', forged({ alg: 'HS256' }, key, { sub: 'ann', exp: 1_000_000_000 })],
    ['no token', 'token=x'],
    ['a token of 5000 characters', `token=${'x'.repeat(5000)}`],
  ])('%s is not believed', async (_name, cookie) => {
    const served = await shop({ held: BY_TOKEN });
    expect((await (await guest(served, { cookie })).ask('GET', '/profile')).status).toBe(401);
  });

  test('what is too much for a cookie is refused, and what was carried before is still carried', async () => {
    const ann = await guest(await shop({ held: BY_TOKEN }), {});
    await ann.ask('POST', '/login', ANN);
    const put = async (nth: number) =>
      (
        await ann.ask('PUT', `/cart/${encodeURIComponent('\u{20000}'.repeat(38) + String(nth))}`, {
          json: { count: 999 },
        })
      ).status;
    let held = 0;
    while ((await put(held)) === 200) held++;
    expect(await put(held)).toBe(422);
    const { cart } = jsonOf(await ann.ask('GET', '/cart'));
    expect(cart).toHaveLength(held);
  });

  test('the right key is believed, until the time that it tells, also by who has verified it before', async () => {
    const clock = standingClock();
    const served = await shop({ held: BY_TOKEN, world: seededWorld(1, 'x', clock) });
    const exp = Math.floor(clock.now() / 1000) + 60;
    const ann = await guest(served, { cookie: forged({ alg: 'HS256' }, key, { sub: 'ann', exp }) });
    expect((await ann.ask('GET', '/profile')).status).toBe(200);
    clock.pass(59_000);
    expect((await ann.ask('GET', '/profile')).status).toBe(200);
    clock.pass(1_000);
    expect((await ann.ask('GET', '/profile')).status).toBe(401);
  });

  test('a key of its own in each process: what one signs, the next does not believe', async () => {
    const jar: { cookie?: string } = {};
    await (await guest(await shop({ held: BY_TOKEN }), jar)).ask('POST', '/login', ANN);
    const next = await shop({ held: BY_TOKEN, house: await houseOf('another') });
    expect((await (await guest(next, jar)).ask('GET', '/profile')).status).toBe(401);
  });
});

describe('logging in', () => {
  test('what is no user and password is refused, whatever it is', async () => {
    const ann = await guest(await shop());
    for (const json of [
      { user: ['ann'], password: 'secret' },
      { user: 'ann' },
      { user: 'ann', password: { $ne: '' } },
      [],
      null,
    ])
      expect((await ann.ask('POST', '/login', { json })).status).toBe(400);
    const long = { user: 'ann', password: 'x'.repeat(257) };
    expect((await ann.ask('POST', '/login', { json: long })).status).toBe(400);
    expect((await ann.ask('POST', '/login', { form: 'user=ann&password=secret' })).status).toBe(303);
    expect((await ann.ask('POST', '/login', { form: 'user=ann&password=wrong' })).status).toBe(401);
  });

  test('a wrong password and an unknown user get the same answer', async () => {
    const ann = await guest(await shop());
    const wrong = await ann.ask('POST', '/login', { json: { user: 'ann', password: 'wrong' } });
    const unknown = await ann.ask('POST', '/login', { json: { user: 'nobody', password: 'wrong' } });
    expect(unknown).toEqual(wrong);
    expect(wrong.status).toBe(401);
  });

  test('after five wrong ones the right one does not count either, for a while and from there alone', async () => {
    const clock = standingClock();
    const served = await shop({ world: seededWorld(1, 'x', clock) });
    const ann = await guest(served);
    for (let tries = 0; tries < 5; tries++)
      expect((await ann.ask('POST', '/login', { json: { user: 'ann', password: 'wrong' } })).status).toBe(401);
    const refused = await ann.ask('POST', '/login', ANN);
    expect([refused.status, headerOf(refused, 'retry-after')]).toEqual([429, '60']);
    clock.pass(60_000);
    expect((await ann.ask('POST', '/login', ANN)).status).toBe(200);
  });

  test('who is refused in any case costs no hash', async () => {
    const house = await houseOf();
    let checked = 0;
    const counting = {
      check(tried: Try) {
        checked++;
        return house.passwords.check(tried);
      },
    };
    const ann = await guest(await shop({ house: { ...house, passwords: counting } }));
    for (let tries = 0; tries < 9; tries++)
      await ann.ask('POST', '/login', { json: { user: 'ann', password: 'wrong' } });
    expect(checked).toBe(5);
  });

  test('too many at a time are told to come back, and who comes from elsewhere gets in meanwhile', async () => {
    const house = await houseOf();
    /** Nobody's password is looked at before the other one has come. */
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const slow: Passwords = {
      async check(tried) {
        if (tried.from === '127.0.0.1') await gate;
        return tried.from === '127.0.0.1' && tried.password.equals(Buffer.from('busy'))
          ? 'busy'
          : house.passwords.check(tried);
      },
    };
    const served = await shop({ house: { ...house, passwords: slow } });
    const flood = await Promise.all(Array.from({ length: 20 }, () => guest(served)));
    const asked = flood.map((each) => each.ask('POST', '/login', { json: { user: 'ann', password: 'busy' } }));
    const ann = await guest(served, {}, '127.0.1.1');
    expect((await ann.ask('POST', '/login', ANN)).status).toBe(200);
    open();
    for (const answer of await Promise.all(asked))
      expect([answer.status, headerOf(answer, 'retry-after')]).toEqual([503, '1']);
  });

  test('behind a balancer that is trusted, tries count for whom it names; whom nobody trusts names nobody', async () => {
    const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });
    for (const [trusts, status] of [
      [new Set(['127.0.0.1']), 200],
      [undefined, 429],
    ] as const) {
      const front = await guest(await shop({ given: { trusts } }));
      const wrong = { json: { user: 'ann', password: 'wrong' }, ...from('10.0.0.1') };
      for (let tries = 0; tries < 5; tries++) await front.ask('POST', '/login', wrong);
      expect((await front.ask('POST', '/login', { ...ANN, ...from('10.0.0.1') })).status).toBe(429);
      expect((await front.ask('POST', '/login', { ...ANN, ...from('10.0.0.2') })).status).toBe(status);
    }
  });
});

describe('what is not answered as asked', () => {
  test('what a page of another site has a browser send', async () => {
    const ann = await guest(await shop());
    await ann.ask('POST', '/login', ANN);
    const put = (headers: Record<string, string>) =>
      ann.ask('PUT', '/cart/lamp', { json: { count: 1 }, headers }).then(({ status }) => status);
    expect(await put({ Origin: 'http://evil.test' })).toBe(403);
    expect(await put({ Origin: 'null' })).toBe(403);
    expect(await put({ 'Sec-Fetch-Site': 'cross-site' })).toBe(403);
    expect(await put({ 'Sec-Fetch-Site': 'same-site' })).toBe(403);
    expect(
      await put({
        Origin: `http://${(ann.socket as { remoteAddress?: string }).remoteAddress}:${ann.socket.remotePort}`,
      }),
    ).toBe(200);
    expect(await put({ 'Sec-Fetch-Site': 'same-origin' })).toBe(200);
    expect((await ann.ask('GET', '/profile', { headers: { 'Sec-Fetch-Site': 'cross-site' } })).status).toBe(200);
  });

  test.each([
    ['two hosts', 'GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n', 400],
    ['a user before the host', 'GET / HTTP/1.1\r\nHost: evil.test@localhost\r\n\r\n', 421],
    ['a way through', 'CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
    ['another host', 'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n', 421],
    [
      'another host in the target, whatever Host says',
      'GET http://evil.test/ HTTP/1.1\r\nHost: localhost\r\n\r\n',
      421,
    ],
    ['a target that leads to no path', 'GET localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['a user in the target', 'GET http://ann@localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['no Host beside a target that names one', 'GET http://localhost/ HTTP/1.1\r\n\r\n', 400],
    ['two lengths', 'POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx', 400],
    [
      'a length and chunks',
      'POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a folded line', 'GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n', 400],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : localhost\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['no HTTP', '\x16\x03\x01\x02\x00\r\n\r\n', 400],
    ['a head of 9 KB', `GET / HTTP/1.1\r\nHost: localhost\r\nA: ${'x'.repeat(9000)}\r\n\r\n`, 431],
    ['a body of 17 KB, announced', 'POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17000\r\n\r\n', 413],
    [
      'a body of 17 KB, in chunks',
      `POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4268\r\n${'x'.repeat(17_000)}\r\n0\r\n\r\n`,
      413,
    ],
  ])('%s: one answer, and good-bye', async (_name, bytes, status) => {
    const served = await shop();
    const stranger = await guest(served);
    // Whatever comes after it may have been meant to be hidden.
    stranger.say(`${bytes}GET /profile HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const { status: said, headers } = await stranger.next();
    expect(said).toBe(status);
    expect(headers).toContainEqual(['Date', expect.stringMatching(/ GMT$/)]);
    await expect(stranger.next()).rejects.toThrow('closed');
    expect((await (await guest(served)).ask('GET', '/profile')).status).toBe(401);
  });

  test('a target that names the host as well is taken, and Host is not looked at (RFC 9112 §3.2.2)', async () => {
    const ann = await guest(await shop());
    expect((await ann.ask('POST', 'http://localhost/login', ANN)).status).toBe(200);
    await ann.ask('PUT', '/cart/tea', { json: { count: 2 } });
    const asked = { headers: { Host: 'evil.test', Origin: 'http://localhost:80' } };
    expect((await ann.ask('PUT', 'http://localhost:80/cart/lamp', { ...asked, json: { count: 1 } })).status).toBe(200);
    expect(jsonOf(await ann.ask('GET', 'HTTP://127.0.0.1/cart')).cart).toHaveLength(2);
    expect((await ann.ask('GET', 'http://localhost')).status).toBe(200);
  });

  test.each([
    ['a % that begins no character', 'GET', '/cart/%E0%A4%A', 400],
    ['a name nobody knows', 'GET', '/nothing/here/at/all', 404],
    ['a name that every object has', 'GET', '/constructor', 404],
    ['a method of another target', 'DELETE', '/profile', 405],
    ['a method that every object has', 'constructor', '/profile', 400],
  ])('%s', async (_name, method, target, status) => {
    const ann = await guest(await shop());
    await ann.ask('POST', '/login', ANN);
    const response = await ann.ask(method, target);
    expect(response.status).toBe(status);
    // No stack, no path of this machine, nothing of the peer's.
    expect(Object.keys(jsonOf(response)).sort()).toEqual(['status', 'title']);
  });

  test('items that are none, or too many of them', async () => {
    const ann = await guest(await shop({ limits: { items: 2 } }));
    await ann.ask('POST', '/login', ANN);
    const put = async (item: string, json: unknown) => (await ann.ask('PUT', `/cart/${item}`, { json })).status;
    for (const json of [{}, { count: 0 }, { count: 1.5 }, { count: '1' }, { count: 1000 }, [], null])
      expect(await put('lamp', json)).toBe(422);
    expect(await put('%3Cscript%3E', { count: 1 })).toBe(422);
    expect([await put('a', { count: 1 }), await put('b', { count: 1 }), await put('c', { count: 1 })]).toEqual([
      200, 200, 422,
    ]);
    expect(await put('b', { count: 2 })).toBe(200);
  });
});

test('requests that come together are answered one after the other, also behind a login', async () => {
  const served = await shop();
  const ann = await guest(served);
  const login = '{"user":"ann","password":"secret"}';
  const films = 'GET /profile HTTP/1.1\r\nHost: localhost\r\n\r\n';
  ann.say(
    `POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${login.length}\r\n\r\n${login}${films}GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
  );
  expect([(await ann.next()).status, (await ann.next()).status, (await ann.next()).status]).toEqual([200, 401, 200]);
  await over(ann.socket);
});

test.each([
  ['a request without a body', (headers: string) => `GET /cart/tea HTTP/1.1\r\n${headers}\r\n`, 200],
  ['a request that is not for this server', () => 'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n', 421],
  ['a way through', (headers: string) => `CONNECT localhost:22 HTTP/1.1\r\n${headers}\r\n`, 405],
  [
    'a body that is too long',
    (headers: string) => `PUT /cart/a HTTP/1.1\r\n${headers}Content-Length: 99999\r\n\r\n`,
    413,
  ],
])('%s does not overtake the body before it', async (_what, behind, status) => {
  const jar: { cookie?: string } = {};
  const ann = await guest(await shop(), jar);
  await ann.ask('POST', '/login', ANN);
  const headers = `Host: localhost\r\nCookie: ${jar.cookie}\r\n`;
  ann.say(`PUT /cart/tea HTTP/1.1\r\n${headers}Content-Length: 11\r\n\r\n{"count":2}${behind(headers)}`);
  expect([(await ann.next()).status, (await ann.next()).status]).toEqual([200, status]);
});

test('behind a body that is too long nothing is heard', async () => {
  const served = await shop();
  const ann = await guest(served);
  const long = 'x'.repeat(LIMITS.body + 1);
  const headers = 'Host: localhost\r\n';
  ann.say(
    `POST /login HTTP/1.1\r\n${headers}Transfer-Encoding: chunked\r\n\r\n${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\nGET / HTTP/1.1\r\n${headers}\r\n`,
  );
  expect((await ann.next()).status).toBe(413);
  await expect(ann.next()).rejects.toThrow('closed');
});

test('what was whole is answered, and then what was wrong behind it', async () => {
  const ann = await guest(await shop());
  const login = '{"user":"ann","password":"secret"}';
  ann.say(
    `POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${login.length}\r\n\r\n${login}no request\r\n\r\n`,
  );
  expect([(await ann.next()).status, (await ann.next()).status]).toEqual([200, 400]);
  await over(ann.socket);
});

test('who asks for another protocol is answered in this one, and nothing is read behind it', async () => {
  const ann = await guest(await shop());
  const upgrade = 'Connection: Upgrade\r\nUpgrade: h2c\r\n';
  ann.say(`GET / HTTP/1.1\r\nHost: localhost\r\n${upgrade}\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const answer = await ann.next();
  expect([answer.status, headerOf(answer, 'connection')]).toEqual([200, 'close']);
  await expect(ann.next()).rejects.toThrow('closed');
});

test('who asks and asks, and reads no answer, is dropped', { timeout: 30_000 }, async () => {
  const served = await shop({ bounds: { stall: 100, handshake: 60_000 } });
  const jar: { cookie?: string } = {};
  const ann = await guest(served, jar);
  await ann.ask('POST', '/login', ANN);
  // A long page and many requests, since the network itself holds some megabytes each way.
  for (let nth = 0; nth < 20; nth++)
    await ann.ask('PUT', `/cart/${encodeURIComponent('\u{20000}'.repeat(38) + String(nth))}`, { json: { count: 1 } });
  // Who never ends a head has five seconds. Without a bound of its own the deaf one would be found by the same, as it is cut in a head.
  const slow = await guest(served);
  slow.say('GET / HTTP/1.1\r\n');
  const deaf = await guest(served);
  deaf.socket.removeAllListeners('data').pause();
  deaf.say(`GET / HTTP/1.1\r\nHost: localhost\r\nCookie: ${jar.cookie}\r\n\r\n`.repeat(100_000));
  await over(deaf.socket);
  expect(slow.socket.closed).toBe(false);
  // Who reads is answered as before.
  expect((await ann.ask('GET', '/')).status).toBe(200);
});

test('a head that never ends is given up, and nobody else waits for it', async () => {
  const served = await shop({ bounds: { handshake: 100 } });
  const slow = await guest(served);
  slow.say('GET / HTTP/1.1\r\nHost: loc');
  const ann = await guest(served);
  expect((await ann.ask('GET', '/profile')).status).toBe(401);
  await over(slow.socket);
});

test('a page for people: to log in, and then what is known of them, with nothing in it that a browser would run', async () => {
  const ann = await guest(await shop());
  const login = await ann.ask('GET', '/');
  expect(login.body.toString()).toContain('action="/login"');
  expect(headerOf(login, 'content-security-policy')).toContain("default-src 'none'");
  await ann.ask('POST', '/login', ANN);
  await ann.ask('PUT', '/cart/lamp', { json: { count: 2 } });
  expect((await ann.ask('GET', '/')).body.toString()).toMatch(/Hello, ann[\s\S]*lamp × 2/);
  const head = await ann.ask('GET', '/');
  expect(headerOf(head, 'content-length')).toBe(String(head.body.length));
});

test('a session ends when its time has come, whatever is done with it', async () => {
  const clock = standingClock();
  const served = await shop({ world: seededWorld(1, 'x', clock), limits: { lifetime: 1000 } });
  const ann = await guest(served);
  await ann.ask('POST', '/login', ANN);
  clock.pass(999);
  expect((await ann.ask('GET', '/profile')).status).toBe(200);
  clock.pass(1);
  expect((await ann.ask('GET', '/profile')).status).toBe(401);
});

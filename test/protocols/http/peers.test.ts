// Real clients: curl with a jar for its cookies, and a browser that is logged in, cut off, and shown the page to log in again.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { beginLife } from '../../../src/lab/lives.ts';
import { temporaryFolder } from '../../../src/lab/tidy.ts';
import { throwaway } from '../../../src/protocols/settings.ts';
import { needs } from '../../peers.ts';
import { host, houseOf, shop } from './shop.ts';

const run = promisify(execFile);

test('curl logs in, fills a cart, orders and logs out, with nothing but its jar', async (context) => {
  const curl = needs(context, 'curl');
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  const { port } = await shop();
  const jar = join(folder.path, 'jar');
  const ask = async (method: string, target: string, ...more: string[]) => {
    const url = `http://${host}:${port}${target}`;
    const { stdout } = await run(curl, [
      '-sS',
      '-b',
      jar,
      '-c',
      jar,
      '-X',
      method,
      '-w',
      ' %{http_code}',
      ...more,
      url,
    ]);
    return stdout;
  };
  const json = (value: unknown) => ['-H', 'Content-Type: application/json', '-d', JSON.stringify(value)];
  expect(await ask('GET', '/profile')).toMatch(/ 401$/);
  expect(await ask('POST', '/login', ...json({ user: 'ann', password: 'secret' }))).toBe('{"user":"ann"} 200');
  expect(await ask('PUT', '/cart/lamp', ...json({ count: 2 }))).toBe('{"item":"lamp","count":2} 200');
  expect(await ask('GET', '/cart')).toBe('{"cart":[{"item":"lamp","count":2}]} 200');
  expect(await ask('POST', '/orders', '-H', 'Idempotency-Key: 1', ...json({ item: 'lamp', count: 1 }))).toMatch(
    / 201$/,
  );
  expect(await ask('GET', '/profile', '-H', 'Transfer-Encoding: chunked', '-d', 'x')).toBe('{"user":"ann"} 200');
  expect((await run(curl, ['-sSI', '-b', jar, `http://${host}:${port}/profile`])).stdout).toContain('200 OK');
  // As to a proxy: the request line holds the whole address.
  const proxied = ['-x', `http://${host}:${port}`, '--noproxy', '', `http://${host}:${port}/profile`];
  expect((await run(curl, ['-sSI', '-b', jar, ...proxied])).stdout).toContain('200 OK');
  expect(await ask('POST', '/logout')).toBe(' 204');
  expect(await ask('GET', '/profile')).toMatch(/ 401$/);
});

test('over TLS the cookie is for this host and TLS alone', async (context) => {
  const curl = needs(context, 'curl');
  const { port } = await shop({ house: await houseOf('a key', await throwaway()) });
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  const jar = join(folder.path, 'jar');
  const url = `https://localhost:${port}`;
  const ask = (...more: string[]) =>
    run(curl, ['-sSik', '--resolve', `localhost:${port}:${host}`, '-b', jar, '-c', jar, ...more]);
  const { stdout } = await ask('-d', 'user=ann&password=secret', `${url}/login`);
  expect(stdout).toMatch(/Set-Cookie: __Host-session=1\.[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax; Secure\r\n/);
  expect((await ask(`${url}/profile`)).stdout).toContain('{"user":"ann"}');
});

test('a browser logs in; the server is killed and started again; a reload shows the page to log in', async (context) => {
  const executablePath = needs(context, 'chromium');
  const { chromium } = await import('playwright-core');
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  const begin = (port: number, nth: number) =>
    beginLife({
      protocol: 'http',
      design: 'memory',
      who: `http/${nth}`,
      host,
      port,
      folder: join(folder.path, 'state'),
      origin: String(process.hrtime.bigint()),
      settings: { users: 'ann:secret' },
    });
  const first = await begin(0, 1);
  onTestFinished(() => void first.kill().catch(() => {}));
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`http://${host}:${first.port}/`);
  await page.fill('input[name=user]', 'ann');
  await page.fill('input[name=password]', 'secret');
  await page.click('button');
  await page.waitForSelector('h1:has-text("Hello, ann")');
  const [cookie] = await page.context().cookies();
  expect(cookie).toMatchObject({ name: 'session', httpOnly: true, sameSite: 'Lax', path: '/', secure: false });
  await page.reload();
  await page.waitForSelector('h1:has-text("Hello, ann")');

  await first.kill();
  const second = await begin(first.port, 2);
  onTestFinished(() => second.stop());
  await page.reload();
  await page.waitForSelector('h1:has-text("Log in")');
  // It still carries what nobody files anything under.
  expect((await page.context().cookies())[0]?.value).toBe(cookie?.value);
}, 60_000);

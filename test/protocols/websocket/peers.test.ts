// Peers that nobody here wrote: ws, curl and a real Chromium, over kills too; and two servers on one Redis.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { beginLife, type Life } from '../../../src/lab/lives.ts';
import type { LifeOptions } from '../../../src/lab/messages.ts';
import { startStore } from '../../../src/lab/store.ts';
import { temporaryFolder } from '../../../src/lab/tidy.ts';
import { needs } from '../../peers.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

let made = 0;

/** A chat in a process of its own. */
async function serve(design: string, options: Partial<LifeOptions> = {}): Promise<Life> {
  const life = await beginLife({
    protocol: 'websocket',
    design,
    who: 'chat/1',
    host: '127.0.0.1',
    port: 0,
    origin: '0',
    folder: join(folder.path, String(++made)),
    ...options,
  });
  onTestFinished(() => life.stop());
  return life;
}

/** A member that speaks by ws, and what it has heard. */
class Member {
  readonly heard: Record<string, unknown>[] = [];
  private readonly socket: WebSocket;
  private waiting: (() => void)[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    onTestFinished(() => socket.terminate());
    socket.on('message', (data) => {
      this.heard.push(JSON.parse(String(data)) as Record<string, unknown>);
      for (const look of this.waiting.splice(0)) look();
    });
  }

  static async of({ port }: { port: number }, as: string, after?: number): Promise<Member> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    const member = new Member(socket);
    await once(socket, 'open');
    member.say({ join: 'kitchen', as, after });
    await member.hears('welcome', 'kitchen');
    return member;
  }

  say(what: object): void {
    this.socket.send(JSON.stringify(what));
  }

  /** Resolves to the first message with this member and value. */
  async hears(name: string, value: unknown): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.heard.find((each) => each[name] === value);
      if (found) return found;
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  /** Says good-bye, and resolves to the code that comes back. */
  async leave(): Promise<number> {
    this.socket.close(1000);
    const [code] = (await once(this.socket, 'close')) as [number];
    return code;
  }
}

test('ws: two members, presence, and a close in good order', async () => {
  const life = await serve('memory');
  const ada = await Member.of(life, 'ada');
  const bob = await Member.of(life, 'bob');
  expect(await ada.hears('joined', 'bob')).toEqual({ joined: 'bob' });
  bob.say({ say: 'Hällo, “ada”\n', nr: 1 });
  expect(await ada.hears('id', 1)).toEqual({ id: 1, from: 'bob', nr: 1, text: 'Hällo, “ada”\n' });
  expect(await bob.leave()).toBe(1000);
  expect(await ada.hears('left', 'bob')).toEqual({ left: 'bob' });
});

test('ws, over a kill of a server that keeps what was said: who comes back hears what it missed, and says nothing twice', async () => {
  const state = join(folder.path, 'kept');
  const first = await serve('resume', { folder: state });
  const [ada, bob] = [await Member.of(first, 'ada'), await Member.of(first, 'bob')];
  bob.say({ say: 'one', nr: 1 });
  await ada.hears('id', 1);
  bob.say({ say: 'two', nr: 2 });
  await bob.hears('id', 2);
  await first.kill();
  const second = await serve('resume', { folder: state });
  const bobAgain = await Member.of(second, 'bob', 2);
  expect(bobAgain.heard).toEqual([{ welcome: 'kitchen', members: ['bob'], last: 2, nr: 2, missed: 0 }]);
  bobAgain.say({ say: 'two', nr: 2 });
  expect(await bobAgain.hears('ack', 2)).toEqual({ ack: 2, id: 2 });
  bobAgain.say({ say: 'three', nr: 3 });
  await bobAgain.hears('id', 3);
  const adaAgain = await Member.of(second, 'ada', 1);
  await adaAgain.hears('id', 3);
  expect(adaAgain.heard.map(({ missed, text }) => missed ?? text)).toEqual([2, 'two', 'three']);
});

test('two servers over one Redis: one room, one order; and what was missed at one is heard at the other', async (context) => {
  needs(context, 'redis-server');
  const store = await startStore(join(folder.path, 'redis'));
  onTestFinished(() => store.stop());
  const settings = { store: store.url };
  const one = await serve('redis', { settings });
  const two = await serve('redis', { settings, who: 'chat/2' });
  const ada = await Member.of(one, 'ada');
  const bob = await Member.of(two, 'bob');
  expect(await ada.hears('joined', 'bob')).toEqual({ joined: 'bob' });
  for (let nr = 1; nr <= 20; nr++) {
    ada.say({ say: `a${nr}`, nr });
    bob.say({ say: `b${nr}`, nr });
  }
  await Promise.all([ada.hears('id', 40), bob.hears('id', 40)]);
  const texts = ({ heard }: Member) => heard.flatMap(({ text }) => (text === undefined ? [] : [text]));
  expect(texts(ada)).toEqual(texts(bob));
  expect([...texts(ada)].sort()).toEqual(
    [...Array.from({ length: 20 }, (_, nr) => [`a${nr + 1}`, `b${nr + 1}`])].flat().sort(),
  );
  await one.kill();
  bob.say({ say: 'Are you there?', nr: 21 });
  await bob.hears('id', 41);
  const again = await Member.of(two, 'ada', 40);
  expect(await again.hears('id', 41)).toMatchObject({ text: 'Are you there?' });
});

test('curl: the page, and who is refused', async (context) => {
  const curl = needs(context, 'curl');
  const { port } = await serve('memory');
  const ask = async (...options: string[]) =>
    (await promisify(execFile)(curl, ['-s', '-i', '--max-time', '10', ...options, `http://127.0.0.1:${port}/`])).stdout;
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  const asHeaders = (...headers: string[]) => headers.flatMap((header) => ['-H', header]);
  const page = await ask();
  expect(page).toContain('HTTP/1.1 200 OK');
  expect(page).toContain("Content-Security-Policy: default-src 'none'");
  expect(page).toContain('<title>Amnesia: chat</title>');
  expect(await ask('-X', 'POST', '-d', 'x=1')).toContain('HTTP/1.1 405 ');
  expect(await ask(...asHeaders(...upgrade))).toContain('HTTP/1.1 426 ');
  const asked = [...upgrade, 'Sec-WebSocket-Version: 13'];
  expect(await ask(...asHeaders(...asked, 'Origin: https://attacker.example'))).toContain('HTTP/1.1 403 ');
  expect(await ask(...asHeaders(...asked, 'Host: attacker.example'))).toContain('HTTP/1.1 421 ');
});

test('a real Chromium: its page joins and talks, comes back after a kill, and shows what was said meanwhile', async (context) => {
  const executablePath = needs(context, 'chromium');
  const state = join(folder.path, 'browsed');
  const first = await serve('resume', { folder: state });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(`http://localhost:${first.port}/`);
  await page.fill('input[name=name]', 'ada');
  await page.click('#join button');
  await page.getByText('In; 0 missed.').waitFor();
  const bob = await Member.of(first, 'bob');
  await page.locator('#members', { hasText: 'ada, bob' }).waitFor();
  await page.fill('input[name=text]', '<b>Hello</b>');
  await page.click('#say button');
  expect(await bob.hears('id', 1)).toMatchObject({ from: 'ada', text: '<b>Hello</b>' });
  await first.kill();
  await page.getByText('Connection lost').waitFor();
  // While it is away, bob is back elsewhere: another server, with what the first one had written down.
  const elsewhere = await serve('resume', { folder: state });
  const bobAgain = await Member.of(elsewhere, 'bob', 1);
  bobAgain.say({ say: 'Are you there?', nr: 1 });
  await bobAgain.hears('id', 2);
  await elsewhere.stop();
  await serve('resume', { folder: state, port: first.port });
  await page.getByText('bob: Are you there?').waitFor();
  expect(await page.locator('#said li').allTextContents()).toEqual(['ada: <b>Hello</b>', 'bob: Are you there?']);
  expect(faults).toEqual([]);
}, 60_000);

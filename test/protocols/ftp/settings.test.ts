// What a server of FTP is given: a folder, users, a certificate; and what is said of settings that make no sense.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StateKeeper } from '../../../src/lab/keeper.ts';
import { temporaryFolder } from '../../../src/lab/tidy.ts';
import { REAL_WORLD } from '../../../src/lab/world.ts';
import { card } from '../../../src/protocols/ftp/index.ts';
import { SettingError, type Settings } from '../../../src/protocols/shapes.ts';
import { Talker } from './house.ts';

function folder(): string {
  const { path, remove } = temporaryFolder();
  onTestFinished(() => remove());
  return path;
}

/** A server with these settings; undefined for the card as it is. */
async function serve(settings: Settings | undefined): Promise<number> {
  if (!card.configure) throw new Error('the card has lost a part');
  const given = settings === undefined ? card : await card.configure(settings, folder());
  const rules = given.designs.memory?.rules;
  if (!rules) throw new Error('the card has lost a design');
  const { keeper } = await StateKeeper.open({ rules, wire: card.wire, world: REAL_WORLD, transport: 'tcp' });
  const server = await given.serve(keeper, { host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  return server.port;
}

async function logIn(port: number, user: string, password: string): Promise<string> {
  const talker = await Talker.meet(port);
  await talker.say(`USER ${user}`);
  return talker.ask(`PASS ${password}`);
}

test.each([[undefined], [{}]])('with settings %j: the built-in library, for everybody to read', async (settings) => {
  const port = await serve(settings);
  const guest = await Talker.enter(port, 'anonymous');
  await guest.say('TYPE I');
  expect(await guest.ask('SIZE /pub/long.txt')).toBe('213 102400');
  expect(await guest.say('DELE /pub/long.txt')).toBe(550);
});

test('a folder of yours', async () => {
  const root = folder();
  writeFileSync(join(root, 'mine'), 'mine');
  const guest = await Talker.enter(await serve({ root }), 'anonymous');
  expect((await guest.fetch('NLST')).bytes.toString()).toBe('mine\r\n');
});

describe('whether it dials its clients', () => {
  const ASKS = ['PORT 127,0,0,1,200,10', 'EPRT |1|127.0.0.1|51210|'] as const;

  test('it does, unless it is told otherwise', async () => {
    for (const settings of [{}, { active: 'on' }]) {
      const guest = await Talker.enter(await serve(settings), 'anonymous');
      for (const asks of ASKS) expect(await guest.say(asks)).toBe(200);
    }
  });

  test('and then says so, and another way', async () => {
    const guest = await Talker.enter(await serve({ active: 'off' }), 'anonymous');
    for (const asks of ASKS) expect(await guest.ask(asks)).toBe('502 Nobody is dialled from here: say EPSV or PASV.');
    expect(await guest.say('EPSV')).toBe(229);
  });

  test('another word is refused', async () => {
    await expect(serve({ active: 'maybe' })).rejects.toThrow(/active may be on or off/);
  });
});

test('it opens with what it serves, and to whom', async () => {
  const root = folder();
  const openingOf = async (settings: Settings) => (await card.configure?.(settings, folder()))?.opening?.join();
  expect(await openingOf({ root })).toBe(`the files in ${root}: anonymous may read`);
  expect(await openingOf({ root, anonymous: 'no', users: 'ann:secret' })).toBe(
    `the files in ${root}: users may read and write, nobody else may log in`,
  );
  expect(await openingOf({ root, anonymous: 'no' })).toBe(`the files in ${root}: nobody may log in`);
  expect(await openingOf({ root, users: 'ann:secret' })).toBe(
    `the files in ${root}: anonymous may read, users may read and write`,
  );
  expect(await openingOf({ anonymous: 'write' })).toMatch(
    /^its own small library, kept in .*: anonymous may read and write$/,
  );
});

describe('users', () => {
  test.each(['list', 'file'])('from a %s: they may write, with their password and no other', async (how) => {
    const text = how === 'list' ? 'ann:se:cret,bob:b' : '# who may write\nann:se:cret\r\n\nbob:b\n';
    const file = join(folder(), 'users');
    writeFileSync(file, text);
    const port = await serve({ users: how === 'list' ? text : file });
    expect(await logIn(port, 'ann', 'se:cret')).toMatch(/^230 .*write/);
    expect(await logIn(port, 'bob', 'b')).toMatch(/^230 .*write/);
    expect(await logIn(port, 'anonymous', '')).toMatch(/^230 .*read\./);
    for (const [user, password] of [
      ['bob', 'se:cret'],
      ['ann', 'SE:CRET'],
      ['ann', ''],
      ['__proto__', 'x'],
    ] as const)
      expect(await logIn(port, user, password)).toMatch(/^530/);
  });

  test('without any, only anonymous gets in, by either of its names', async () => {
    const port = await serve({});
    expect(await logIn(port, 'FTP', 'x')).toMatch(/^230/);
    expect(await logIn(port, 'ann', '')).toMatch(/^530/);
  });

  test.each([
    ['no', /^530/],
    ['read', /^230 .*read\./],
    ['write', /^230 .*write/],
  ])('anonymous: %s', async (anonymous, answer) => {
    expect(await logIn(await serve({ anonymous }), 'anonymous', 'x')).toMatch(answer);
  });
});

test('a certificate of yours', async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' });
  const own = folder();
  const [cert, key] = [join(own, 'cert.pem'), join(own, 'key.pem')];
  writeFileSync(cert, made.cert);
  writeFileSync(key, made.private);
  const talker = await Talker.meet(await serve({ cert, key }));
  expect(await talker.say('AUTH TLS')).toBe(234);
});

test.each<[string, (own: string) => Settings, RegExp]>([
  ['a folder that is not there', (own) => ({ root: join(own, 'nowhere') }), /nowhere is no folder: .*--root/],
  ['a file for a folder', (own) => ({ root: join(own, 'file') }), /file is no folder: .*--root/],
  ['a file of users that is not there', (own) => ({ users: join(own, 'nobody') }), /nobody cannot be read: .*--users/],
  ['a user without a password', () => ({ users: 'ann:a,bob' }), /^entry 2 of --users is no name:password: write/],
  ['a password without a user', () => ({ users: ':hunter2' }), /^entry 1 of --users/],
  ['an anonymous that is not known', () => ({ anonymous: 'yes' }), /“yes”.*--anonymous/],
  ['a certificate without its key', (own) => ({ cert: join(own, 'file') }), /both, --cert and --key/],
  ['a key that is none', (own) => ({ cert: join(own, 'file'), key: join(own, 'file') }), /not in PEM: .*--cert/],
])('%s is said, with what to do', async (_name, settings, words) => {
  const own = folder();
  writeFileSync(join(own, 'file'), 'hunter2');
  mkdirSync(join(own, 'empty'));
  const failure = await card.configure?.(settings(own), join(own, 'empty')).catch((error: Error) => error);
  expect(failure).toBeInstanceOf(SettingError);
  expect((failure as Error).message).toMatch(words);
  // What may be a password is not shown.
  expect((failure as Error).message).not.toContain('hunter2');
});

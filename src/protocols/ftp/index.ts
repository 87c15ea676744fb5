// The card of ftp: one server, and two clients, one of which carries what the server will forget.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type Folder, openFolder } from '../../served/folder.ts';
import { furnish } from '../../served/library.ts';
import { printable } from '../../wire/printable.ts';
import { type Card, SettingError, type Settings } from '../shapes.ts';
import type { FtpClient } from './client.ts';
import { type House, serveFrom } from './server.ts';
import { type Deed, type Event, type Outcome, rulesFor, type State } from './state.ts';
import { type Message, wire } from './wire.ts';

type FtpCard = Card<State, Message, Event, FtpClient, Deed, Outcome>;

export const card: FtpCard = {
  name: 'ftp',
  calls: 'ftp',
  title: 'FTP',
  transport: 'tcp',
  port: 2121,
  cites: 'RFC 959',
  wire,
  designs: designsFor({ dials: true }),

  async serve(keeper, at, bounds) {
    const folder = await mkdtemp(join(tmpdir(), 'amnesia-ftp-'));
    const { serve } = await configured({}, folder);
    const { port, close } = await serve(keeper, at, bounds);
    return {
      port,
      async close() {
        await close();
        await rm(folder, { recursive: true });
      },
    };
  },

  // A server's process has no use for a client.
  connect: async (options) => (await import('./client.ts')).connect(options),

  /**
   * `root`: the folder to serve, the built-in library without it. `users`: `name:password,name2:password2`, or a file with one
   * of them a line; they may write. `anonymous`: `read`, `write` or `no`. `active`: `on`, or `off` to take neither PORT nor EPRT.
   * `cert` and `key`: PEM files for AUTH TLS.
   */
  takes: ['root', 'users', 'anonymous', 'active', 'cert', 'key'],
  configure: configured,
};

function designsFor(how: { dials: boolean }): FtpCard['designs'] {
  const rules = rulesFor(how);
  return {
    memory: {
      rules,
      holds: 'memory',
      tells: 'user, folder, type and offset filed under the connection, and gone with it',
      promises: 'a 226 promises that an upload is on the disk; who is logged in is forgotten with the connection',
    },
    carried: {
      rules,
      holds: 'memory',
      tells: 'the same server; the client carries all of it too, and says it again: USER, CWD, TYPE, REST',
      promises: 'a 226 promises that an upload is on the disk; what is forgotten of a client, it can tell again',
    },
  };
}

async function configured(settings: Settings, folder: string): Promise<FtpCard> {
  const root = settings.root ?? join(folder, 'library');
  if (settings.root === undefined) await furnish(root);
  else if (!(await stat(root).catch(() => undefined))?.isDirectory())
    throw new SettingError(`${root} is no folder: give one that is there with --root`);
  const served = await openFolder(root).catch((cause) => {
    throw new SettingError(
      `${root} cannot be served: ${(cause as Error).message} Give a folder that is there with --root`,
      { cause },
    );
  });
  const { active = 'on' } = settings;
  if (active !== 'on' && active !== 'off')
    throw new SettingError(`active may be on or off, not “${printable(active, 40)}”: give one of them with --active`);
  return {
    ...card,
    designs: designsFor({ dials: active === 'on' }),
    serve: serveFrom(await houseOf(settings, served)),
    opening: [openingOf(settings, root)],
  };
}

/** Whose files these are, and who may do what with them. */
function openingOf({ root, users, anonymous = 'read' }: Settings, where: string): string {
  const anybody = { no: 'nobody', read: 'anonymous may read', write: 'anonymous may read and write' }[anonymous];
  const others = users === undefined ? '' : ', users may write';
  return `${root === undefined ? 'its own small library, kept in' : 'the files in'} ${where}: ${anybody}${others}`;
}

async function houseOf(settings: Settings, folder: Folder): Promise<House> {
  const users = settings.users === undefined ? new Map<string, Buffer>() : await usersIn(settings.users);
  const { anonymous = 'read', cert, key } = settings;
  if (anonymous !== 'no' && anonymous !== 'read' && anonymous !== 'write')
    throw new SettingError(
      `anonymous may be no, read or write, not “${printable(anonymous, 40)}”: give one of them with --anonymous`,
    );
  if ((cert === undefined) !== (key === undefined))
    throw new SettingError('a certificate and its key go together: give both, --cert and --key, or neither');
  const given =
    cert === undefined || key === undefined ? undefined : { cert: await pem(cert, 'cert'), key: await pem(key, 'key') };
  if (given) {
    try {
      createSecureContext(given);
    } catch (cause) {
      throw new SettingError(
        `${cert} and ${key} are no certificate and its key (${(cause as Error).message}): give two that go together`,
        { cause },
      );
    }
  }
  let made: ReturnType<House['certificate']> | undefined;
  /** What no password is equal to: whoever is not known is compared with it, and it takes the same time. */
  const nobody = randomBytes(32);

  return {
    folder,
    async check(user, password) {
      if (/^(anonymous|ftp)$/i.test(user)) return anonymous === 'no' ? 'nothing' : anonymous;
      return timingSafeEqual(digest(password), users.get(user) ?? nobody) ? 'write' : 'nothing';
    },
    certificate() {
      made ??= given ? Promise.resolve(given) : throwaway();
      return made;
    },
  };
}

/** Names and what their passwords are known by. */
async function usersIn(setting: string): Promise<Map<string, Buffer>> {
  const isFile = isAbsolute(setting);
  if (!isFile && !setting.includes(':'))
    throw new SettingError('--users takes name:password, more of them after commas, or a file of them that is there');
  const text = isFile ? await read(setting, 'users') : setting;
  const entries = text
    .split(isFile ? /\r?\n/ : ',')
    .filter((entry) => entry !== '' && !(isFile && entry.startsWith('#')));
  return new Map(
    entries.map((entry, nth) => {
      const [, user, password] = /^([^:]+):(.+)$/.exec(entry) ?? [];
      // The entry itself is not shown: it may be a password.
      if (user === undefined || password === undefined)
        throw new SettingError(
          `entry ${nth + 1} of --users is no name:password${isFile ? ` (${setting})` : ''}: write a name, a colon and a password`,
        );
      return [user, digest(password)];
    }),
  );
}

function digest(password: string): Buffer {
  return createHash('sha256').update(password).digest();
}

async function pem(path: string, setting: string): Promise<string> {
  const text = await read(path, setting);
  if (!text.includes('-----BEGIN '))
    throw new SettingError(`${path} is not in PEM: give a file that begins with -----BEGIN with --${setting}`);
  return text;
}

function read(path: string, setting: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause) => {
    throw new SettingError(`${path} cannot be read: ${(cause as Error).message}. Give another file with --${setting}`, {
      cause,
    });
  });
}

/** A certificate that nobody has signed, for a server that was given none. Made when it is first asked for: it takes a while. */
async function throwaway(): Promise<{ cert: string; key: string }> {
  const { generate } = await import('selfsigned');
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' });
  return { cert: made.cert, key: made.private };
}

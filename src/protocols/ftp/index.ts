// The card of ftp: one server, and two clients, one of which carries what the server will forget.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Folder, openFolder } from '../../served/folder.ts';
import { furnish } from '../../served/library.ts';
import { printable } from '../../wire/printable.ts';
import { certificateIn, digest, throwaway, usersIn } from '../settings.ts';
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
  registered: 21,
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
  const anybody = { no: [], read: ['anonymous may read'], write: ['anonymous may read and write'] }[anonymous] ?? [];
  const others = users === undefined ? [] : ['users may read and write'];
  const nobody = anonymous === 'no' ? [users === undefined ? 'nobody may log in' : 'nobody else may log in'] : [];
  const who = [...anybody, ...others, ...nobody].join(', ');
  return `${root === undefined ? 'its own small library, kept in' : 'the files in'} ${where}: ${who}`;
}

async function houseOf(settings: Settings, folder: Folder): Promise<House> {
  const users = settings.users === undefined ? new Map<string, Buffer>() : await usersIn(settings.users);
  const { anonymous = 'read' } = settings;
  if (anonymous !== 'no' && anonymous !== 'read' && anonymous !== 'write')
    throw new SettingError(
      `anonymous may be no, read or write, not “${printable(anonymous, 40)}”: give one of them with --anonymous`,
    );
  const given = await certificateIn(settings);
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

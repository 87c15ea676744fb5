// What a server is told by files and lists: who its users are, and the certificate it shows. Servers of several protocols take these.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { createSecureContext } from 'node:tls';
import { SettingError, type Settings } from './shapes.ts';

/** A certificate and its private key, in PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

/** The text of a file that `--setting` names. Rejects with a {@link SettingError} when it cannot be read. */
export function readSetting(path: string, setting: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause) => {
    throw new SettingError(`${path} cannot be read: ${(cause as Error).message}. Give another file with --${setting}`, {
      cause,
    });
  });
}

/**
 * Names, and what their passwords are known by ({@link digest}): `name:password,name2:password2`, or a file with one of them a
 * line. Rejects with a {@link SettingError} that never shows an entry: it may be a password.
 */
export async function usersIn(setting: string): Promise<Map<string, Buffer>> {
  const isFile = isAbsolute(setting);
  if (!isFile && !setting.includes(':'))
    throw new SettingError('--users takes name:password, more of them after commas, or a file of them that is there');
  const text = isFile ? await readSetting(setting, 'users') : setting;
  const entries = text
    .split(isFile ? /\r?\n/ : ',')
    .filter((entry) => entry !== '' && !(isFile && entry.startsWith('#')));
  return new Map(
    entries.map((entry, nth) => {
      const [, user, password] = /^([^:]+):(.+)$/.exec(entry) ?? [];
      if (user === undefined || password === undefined)
        throw new SettingError(
          `entry ${nth + 1} of --users is no name:password${isFile ? ` (${setting})` : ''}: write a name, a colon and a password`,
        );
      return [user, digest(password)];
    }),
  );
}

/** What a password is known by: digests are all of one length, so comparing them takes the same time for all. */
export function digest(password: string | Buffer): Buffer {
  return createHash('sha256').update(password).digest();
}

/**
 * The certificate that the settings `cert` and `key` name; undefined when they name none. Rejects with a {@link SettingError} when
 * one is missing, cannot be read, or the two do not go together.
 */
export async function certificateIn({ cert, key }: Settings): Promise<Certificate | undefined> {
  if ((cert === undefined) !== (key === undefined))
    throw new SettingError('a certificate and its key go together: give both, --cert and --key, or neither');
  if (cert === undefined || key === undefined) return undefined;
  const given = { cert: await pem(cert, 'cert'), key: await pem(key, 'key') };
  try {
    createSecureContext(given);
  } catch (cause) {
    throw new SettingError(
      `${cert} and ${key} are no certificate and its key (${(cause as Error).message}): give two that go together`,
      { cause },
    );
  }
  return given;
}

async function pem(path: string, setting: string): Promise<string> {
  const text = await readSetting(path, setting);
  if (!text.includes('-----BEGIN '))
    throw new SettingError(`${path} is not in PEM: give a file that begins with -----BEGIN with --${setting}`);
  return text;
}

/** A certificate that nobody has signed, for a server that was given none. It takes a while to make. */
export async function throwaway(): Promise<Certificate> {
  const { generate } = await import('selfsigned');
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' });
  return { cert: made.cert, key: made.private };
}

// The card of http: one service, one client, and the same login, cart and films held in several places.

import { createHash, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { COST, passwordsOf } from '../../served/passwords.ts';
import { tokensOf } from '../../served/tokens.ts';
import { certificateIn, digest, readSetting, usersIn } from '../settings.ts';
import { type Card, SettingError, type Settings } from '../shapes.ts';
import type { WebClient } from './client.ts';
import { between, type House, serveFrom } from './server.ts';
import { type Deed, type Event, type Given, type Outcome, rulesFor, type State } from './state.ts';
import { type Message, wire } from './wire.ts';

type HttpCard = Card<State, Message, Event, WebClient, Deed, Outcome>;

/** Who may log in where nobody was named. */
const USERS = 'ann:correct horse,bob:battery staple';

export const card: HttpCard = {
  name: 'http',
  calls: 'http',
  title: 'HTTP',
  transport: 'tcp',
  port: 8080,
  registered: 80,
  cites: 'RFC 9110 and RFC 9112',
  wire,
  designs: designsFor({}),

  async serve(keeper, at, bounds) {
    return serveFrom(await houseOf({}))(keeper, at, bounds);
  },

  // A server's process has no use for a client.
  connect: async (options) => (await import('./client.ts')).connect(options),

  /**
   * `users`: `name:password,name2:password2`, or a file with one of them a line. `cert` and `key`: PEM files for TLS. `cost`: of trying
   * a password, scrypt's N. `trust`: addresses of balancers that are believed when they say whose request they pass on.
   */
  takes: ['users', 'cert', 'key', 'cost', 'trust'],
  configure: configured,
};

function designsFor(given: Given): HttpCard['designs'] {
  const bySession = rulesFor({ identity: 'session', things: 'session', keys: 'lasting' }, given);
  const byToken = rulesFor({ identity: 'token', things: 'token', keys: 'fleeting' }, given);
  return {
    memory: {
      rules: bySession,
      holds: 'memory',
      tells: 'a session id in a cookie; user, cart and films filed under it, held by the process',
      promises: 'a 200 or 201 promises that it is in this process, and is forgotten with it',
    },
    store: {
      rules: bySession,
      holds: 'disk',
      takes: ['sync'],
      tells: 'the same rules; every change is written down and synced before its answer leaves',
      promises:
        'a 200 or 201 promises that it is on the disk: it survives a kill and, as far as the disk keeps its word, a power cut',
    },
    redis: {
      rules: bySession,
      holds: 'redis',
      takes: ['store'],
      tells: 'the same rules; what is heard goes into a Redis stream that all instances follow',
      promises:
        'a 200 or 201 promises what Redis promises: with appendfsync always, that it is on its disk; with everysec, all but the last second; with no append-only file, its default, that Redis lives',
    },
    careless: {
      rules: rulesFor({ identity: 'session', things: 'session', keys: 'fleeting' }, given),
      holds: 'disk',
      takes: ['sync'],
      tells: 'as store, but for Idempotency-Keys, which stay in the process: a common mistake',
      promises:
        'a 201 promises that the order is on the disk, and not that it will be known again when it is sent again',
    },
    token: {
      rules: byToken,
      holds: 'memory',
      takes: ['secret', 'jwt-key-file'],
      tells: 'a signed token in a cookie carries user, cart and films; the server holds nothing',
      promises: 'a 200 promises that it is in the cookie; nothing is held here, and orders are not taken',
    },
    rolled: {
      rules: byToken,
      holds: 'memory',
      unrepeatable: true,
      tells: 'as token, with a key that each process rolls for itself: whoever restarts it logs everyone out',
      promises: 'a 200 promises that it is in the cookie, which is good for as long as this process lives',
    },
    hybrid: {
      rules: rulesFor({ identity: 'token', things: 'user', keys: 'lasting' }, given),
      holds: 'redis',
      takes: ['store', 'secret', 'jwt-key-file'],
      tells: 'a token says who you are; cart, films and orders are filed under the user in Redis',
      promises: 'a 200 or 201 promises what Redis promises; who you are is known without it',
    },
  };
}

async function configured(settings: Settings): Promise<HttpCard> {
  const house = await houseOf(settings);
  return {
    ...card,
    designs: designsFor({ secure: house.certificate !== undefined, trusts: trustedIn(settings) }),
    serve: serveFrom(house),
    between: between(house),
    opening: openingOf(settings),
  };
}

/** Addresses with commas between them. */
function trustedIn({ trust }: Settings): ReadonlySet<string> | undefined {
  if (trust === undefined) return undefined;
  const addresses = trust.split(',').map((each) => each.trim());
  if (!addresses.every((each) => isIP(each) > 0))
    throw new SettingError('--trust takes the addresses of balancers, such as 127.0.0.1, with commas between them');
  return new Set(addresses);
}

function openingOf({ users, cert, trust }: Settings): string[] {
  return [
    ...(trust === undefined ? [] : [`whoever comes from ${trust} is believed when it says whose request it passes on`]),
    users === undefined ? `these may log in: ${USERS.replaceAll(',', ', ')}` : 'the users it was given may log in',
    ...(cert === undefined ? ['without TLS: passwords and cookies can be read on the way'] : []),
  ];
}

async function houseOf(settings: Settings): Promise<House> {
  const certificate = await certificateIn(settings);
  return {
    passwords: passwordsOf(await usersIn(settings.users ?? USERS), digest, Number(settings.cost ?? COST)),
    tokens: await tokensOf(await keyIn(settings)),
    certificate,
  };
}

/** The key that tokens are signed with, 32 bytes: of a file, of a secret that all instances share, or this process's own. */
async function keyIn({ secret, 'jwt-key-file': file }: Settings): Promise<Buffer> {
  if (file !== undefined) {
    const text = (await readSetting(file, 'jwt-key-file')).trim();
    if (text.length < 32)
      throw new SettingError(
        `the key in ${file} is too short to be safe: give a file with 32 characters or more with --jwt-key-file, such as openssl rand -hex 32 writes`,
      );
    return hash(text);
  }
  if (secret === undefined) return randomBytes(32);
  if (secret.length < 32)
    throw new SettingError('this secret is too short to be safe: give 32 characters or more with --secret');
  return hash(secret);
}

function hash(text: string): Buffer {
  return createHash('sha256').update(`http token ${text}`).digest();
}

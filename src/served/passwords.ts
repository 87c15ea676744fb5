// Who knows their password. Hashed with scrypt (RFC 7914), which takes memory as well as time, so that a stolen list is of little use.

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { turns } from './turns.ts';

/** scrypt's N: 16 MiB and some tens of milliseconds a try. */
export const COST = 16_384;
const LENGTH = 32;
/** How many are checked at a time, and how many may wait for that: each takes a thread and its memory. */
const AT_ONCE = 2;
const WAITING = 32;
/** How many of one user from one address are checked or wait: who counts tries learns of them when they have been made. */
const ALIKE = 5;

/** Somebody who wants in. `from`: the address that they come from. */
export interface Try {
  user: string;
  password: Buffer;
  from: string;
}

export interface Passwords {
  /** `busy`: so many are being tried that this one was not. It takes the same time whether or not there is such a user. */
  check(tried: Try): Promise<'right' | 'wrong' | 'busy'>;
}

interface Kept {
  salt: Buffer;
  hash: Buffer;
}

/**
 * Keeps a hash of each of the passwords: a user's is what a digest of it says, as `usersIn` of the settings hands it over. Nobody has to
 * wait for the hashing but who logs in before it is done.
 */
export function passwordsOf(
  users: ReadonlyMap<string, Buffer>,
  digest: (password: Buffer) => Buffer,
  cost = COST,
): Passwords {
  const hashing = Promise.all([...users].map(async ([user, secret]) => [user, await keep(secret, cost)] as const));
  const kept = hashing.then((all) => new Map(all));
  /** What no password is equal to: whoever is not known is compared with it. */
  const nobody: Kept = { salt: randomBytes(16), hash: randomBytes(LENGTH) };
  const queue = turns({ atOnce: AT_ONCE, waiting: WAITING });
  /** Filed under address and user: tries that are under way, no more than the queue has room for. */
  const alike = new Map<string, number>();

  return {
    async check({ user, password, from }) {
      const who = `${from} ${user}`;
      const others = alike.get(who) ?? 0;
      if (others >= ALIKE) return 'busy';
      alike.set(who, others + 1);
      try {
        if (!(await queue.come([`from ${from}`, `as ${user}`]))) return 'busy';
        try {
          const { salt, hash } = (await kept).get(user) ?? nobody;
          return timingSafeEqual(await hashed(digest(password), salt, cost), hash) ? 'right' : 'wrong';
        } finally {
          queue.over();
        }
      } finally {
        const left = (alike.get(who) ?? 1) - 1;
        if (left > 0) alike.set(who, left);
        else alike.delete(who);
      }
    },
  };
}

async function keep(secret: Buffer, cost: number): Promise<Kept> {
  const salt = randomBytes(16);
  return { salt, hash: await hashed(secret, salt, cost) };
}

function hashed(secret: Buffer, salt: Buffer, cost: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, LENGTH, { N: cost, r: 8, p: 1 }, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
}

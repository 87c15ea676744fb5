// Who may read and write which topics. The first rule that speaks of a user and a topic decides; what no rule speaks of is denied.

import { createHash, timingSafeEqual } from 'node:crypto';
import { covers, overlaps } from './topics.ts';

/** One line of an access list: `allow anna write home/anna/#`. */
export interface AccessRule {
  allow: boolean;
  /** `*` is everybody, also whoever gave no name. */
  user: string;
  /** Writing is publishing, reading is being sent what was published. */
  may: 'read' | 'write';
  /** A topic filter. */
  filter: string;
}

/** Whether a user, null for one without a name, may read or write this topic. */
export function mayUse(
  rules: readonly AccessRule[],
  user: string | null,
  may: AccessRule['may'],
  topic: string,
): boolean {
  return rules.find((rule) => speaksOf(rule, user, may) && covers(rule.filter, topic))?.allow ?? false;
}

/**
 * Whether a user may subscribe to a filter: whether there can be a topic in it that this user may read. A filter may be wider
 * than what is allowed, as in a subscription to `#`; each topic is looked at again when something is published there.
 */
export function maySubscribe(rules: readonly AccessRule[], user: string | null, filter: string): boolean {
  for (const rule of rules) {
    if (!speaksOf(rule, user, 'read')) continue;
    if (rule.allow ? overlaps(rule.filter, filter) : covers(rule.filter, filter)) return rule.allow;
  }
  return false;
}

function speaksOf(rule: AccessRule, user: string | null, may: AccessRule['may']): boolean {
  return rule.may === may && (rule.user === '*' || rule.user === user);
}

/** Whether this is the user's password, of which `users` knows the SHA-256. Takes the same time whatever is wrong. */
export function isPassword(users: ReadonlyMap<string, Buffer>, user: string, password: Buffer | undefined): boolean {
  const known = users.get(user);
  const given = createHash('sha256')
    .update(password ?? '')
    .digest();
  return timingSafeEqual(given, known ?? Buffer.alloc(given.length)) && known !== undefined && password !== undefined;
}

// Which pages may speak here. A browser leads any page to this machine, and says which one it comes from; a name that leads here
// without being this machine's own is somebody's trick (DNS rebinding).

import { isIP } from 'node:net';
import { plainAddress } from './paths.ts';

/** What a request says of where it was made and what for; `at` is the address that it has come to. */
export interface Asked {
  host: string | undefined;
  origin: string | undefined;
  at: string | undefined;
}

/** Why a request may not be answered, as an HTTP status; undefined when it may. Nobody but a browser sends an Origin. */
export function unwelcome({ host, origin, at }: Asked): 421 | 403 | undefined {
  if (!isOwnHost(host, at)) return 421;
  return origin === undefined || isOwnHost(hostIn(origin), at) ? undefined : 403;
}

/** Whether a Host names this machine itself, or the address that it has come to, with a port or without (RFC 9110 §7.2). */
export function isOwnHost(host: string | undefined, at: string | undefined): boolean {
  const [, name, address = name] = /^(\[([^\]]*)\]|[^:]*)(?::\d{0,5})?$/.exec(host?.toLowerCase() ?? '') ?? [];
  if (name === undefined || address === undefined) return false;
  return /^(localhost|127\.0\.0\.1|\[::1\])$/.test(name) || (isIP(address) > 0 && address === plainAddress(at));
}

function hostIn(url: string): string | undefined {
  try {
    return new URL(url).host;
  } catch {
    // `null`, or no address at all: a page of nobody we know.
    return undefined;
  }
}

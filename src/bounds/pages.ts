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
  const own = (name: string | undefined) => name !== undefined && isOwn(name, at);
  if (!own(hostOf(`ws://${host}`))) return 421;
  return origin === undefined || own(hostOf(origin)) ? undefined : 403;
}

function isOwn(name: string, at: string | undefined): boolean {
  const bare = name.replace(/^\[|\]$/g, '');
  return /^(localhost|127\.0\.0\.1|\[::1\])$/.test(name) || (isIP(bare) > 0 && bare === plainAddress(at));
}

function hostOf(url: string): string | undefined {
  try {
    return new URL(url).hostname;
  } catch {
    // `null`, or no address at all: a page of nobody we know.
    return undefined;
  }
}

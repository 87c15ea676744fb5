// A path in words: the address and port that a peer speaks from.

import type { Path } from '../protocols/shapes.ts';

export function pathOf(address: string | undefined, port: number | undefined): Path {
  return `${address ?? '?'}:${port ?? 0}`;
}

/** The address and port of a path. IPv6 addresses hold colons too, so only the last one counts. */
export function addressOf(path: Path): { address: string; port: number } {
  const colon = path.lastIndexOf(':');
  return { address: path.slice(0, colon), port: Number(path.slice(colon + 1)) };
}

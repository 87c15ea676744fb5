// A path in words: the address and port that a peer speaks from.

import type { Path } from '../protocols/shapes.ts';

/** The path made last. Peers come in runs, and making the same text again for each datagram costs more than looking here. */
let latest = { path: '?:0', address: '?', port: 0 };

export function pathOf(address = '?', port = 0): Path {
  if (port !== latest.port || address !== latest.address) latest = { path: `${address}:${port}`, address, port };
  return latest.path;
}

/** The address and port of a path. IPv6 addresses hold colons too, so only the last one counts. */
export function addressOf(path: Path): { address: string; port: number } {
  if (path === latest.path) return latest;
  const colon = path.lastIndexOf(':');
  return { address: path.slice(0, colon), port: Number(path.slice(colon + 1)) };
}

/** An address as IPv4 where it is one: a socket for both families shows `::ffff:127.0.0.1`. */
export function plainAddress(address = ''): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

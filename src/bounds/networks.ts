// Which network a path comes from. Whoever can put a forged source on a packet can put that of any neighbour on it, so what is
// counted against floods is counted per network.

import type { Path } from '../protocols/shapes.ts';
import { addressOf } from './paths.ts';

/** The network found last. Peers come in runs, as paths do. */
let latest = { path: '?:0', network: '?/0' };

/** The /24 of an IPv4 path, the /56 of an IPv6 one: `127.0.0.0/24`, `2001:db8:0:100::/56`. */
export function networkOf(path: Path): string {
  if (path !== latest.path) latest = { path, network: networkIn(addressOf(path).address) };
  return latest.network;
}

function networkIn(address: string): string {
  const bytes = addressBytes(address);
  if (bytes.length === 4) return `${bytes.subarray(0, 3).join('.')}.0/24`;
  const groups = [0, 2, 4].map((at) => bytes.readUInt16BE(at).toString(16));
  return `${groups.join(':')}:${(bytes.readUInt8(6) << 8).toString(16)}::/56`;
}

/** The 4 bytes of an IPv4 address, also of one mapped into IPv6, or the 16 bytes of an IPv6 one, as sockets write them. */
export function addressBytes(address: string): Buffer {
  const [plain = ''] = address.split('%');
  const dotted = plain.slice(plain.lastIndexOf(':') + 1);
  if (dotted.includes('.')) return Buffer.from(dotted.split('.').map(Number));
  const [before = '', after] = plain.split('::');
  const [high, low] = [groupsIn(before), groupsIn(after ?? '')];
  const bytes = Buffer.alloc(16);
  high.forEach((group, at) => {
    bytes.writeUInt16BE(group, 2 * at);
  });
  low.forEach((group, at) => {
    bytes.writeUInt16BE(group, 16 - 2 * (low.length - at));
  });
  return bytes;
}

function groupsIn(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

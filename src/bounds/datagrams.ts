// Which datagrams are not answered. Anyone can write any source address on a datagram, so a server that answers everything
// can be made to talk to itself, or to another echo, for ever.

import type { Path } from '../protocols/shapes.ts';

/** Services that answer whatever they are sent: SSDP, WS-Discovery, mDNS, memcached. Below 1024 all the small servers live. */
const REFLECTORS = new Set([1900, 3702, 5353, 11211]);
const SOURCES = 4096;

/**
 * A guard for one socket: says whether a datagram from this source should be answered at all.
 *
 * It counts datagrams per source in a token bucket: a burst of `2 × rate`, then `rate` per second, so that even a loop
 * with a peer on an ordinary port dies down to a trickle. That count is this guard's only memory. It is lost with the process
 * and nobody misses it; it never changes what an answer says, only whether a flood gets one. `rate` 0 switches it off.
 */
export function datagramGuard(own: number, rate: number, now: () => number = () => performance.now()) {
  /** Filed under the source's path; a Map keeps them in order of last use, so the first one is the one to drop. */
  const buckets = new Map<Path, { tokens: number; at: number }>();
  const burst = 2 * rate;
  /** The source at the end of the table, which need not be moved there. */
  let latest: Path | undefined;

  return (source: Path, port: number): boolean => {
    if (port < 1024 || REFLECTORS.has(port)) return false;
    // From our own port: we are being made to answer ourselves. On another of this machine's addresses it is still us.
    if (port === own) return false;
    if (rate === 0) return true;
    const at = now();
    const bucket = buckets.get(source);
    if (!bucket) {
      if (buckets.size >= SOURCES) {
        const oldest = buckets.keys().next().value;
        if (oldest !== undefined) buckets.delete(oldest);
      }
      buckets.set(source, { tokens: burst - 1, at });
      latest = source;
      return true;
    }
    bucket.tokens = Math.min(burst, bucket.tokens + ((at - bucket.at) * rate) / 1000);
    bucket.at = at;
    if (source !== latest) {
      buckets.delete(source);
      buckets.set(source, bucket);
      latest = source;
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  };
}

// Consistent hashing: who is asked about a key, worked out from the names of the servers alone. Nothing is remembered, and when a
// server comes or goes only the keys move that it takes over or leaves behind (Karger et al., STOC 1997).

import { createHash } from 'node:crypto';

/**
 * Places of each server on the ring. One place each would make arcs of very different lengths; with this many, the share of a server
 * is within about a tenth of what is fair.
 */
const VIRTUAL_NODES = 160;

/** A circle of 2^32 places. A key belongs to the first server at its own place or after it. */
export interface Ring {
  /** Where the virtual nodes stand, in ascending order. */
  places: Uint32Array;
  /** Whose they are. */
  owners: readonly string[];
}

export function ringOf(names: readonly string[]): Ring {
  const nodes = names.flatMap((name) =>
    Array.from({ length: VIRTUAL_NODES }, (_none, nth) => ({ at: placeOf(`${name}#${nth}`), name })),
  );
  // Two nodes at one place are rare; the name decides, so that every balancer sees the same ring.
  nodes.sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1));
  return { places: Uint32Array.from(nodes, ({ at }) => at), owners: nodes.map(({ name }) => name) };
}

/** The servers for this key, the nearest first, each once: at most `most` of them. */
export function ownersOf({ places, owners }: Ring, key: string, most: number): string[] {
  const found: string[] = [];
  const first = firstAtOrAfter(places, placeOf(key));
  for (let step = 0; step < owners.length && found.length < most; step++) {
    const owner = owners[(first + step) % owners.length];
    if (owner !== undefined && !found.includes(owner)) found.push(owner);
  }
  return found;
}

/** Any hash that spreads well would do: nobody gains by a collision but a place on the same server. */
function placeOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0);
}

function firstAtOrAfter(places: Uint32Array, at: number): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

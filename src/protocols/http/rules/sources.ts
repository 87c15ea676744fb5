// Where a request comes from. Behind a balancer every connection is the balancer's, which says whose request it passes on; anybody can
// write that, so only those are believed whom somebody has named.

import { addressOf } from '../../../bounds/paths.ts';
import { headerOf } from '../../../wire/http.ts';
import type { Asked } from './asking.ts';

/** An address as it is written, and nothing else that could be put into such a header. */
const ADDRESS = /^[0-9A-Fa-f:.]{2,45}$/;

/** The address that a request comes from, as far as anybody can tell. */
export function sourceOf({ request, from, how }: Pick<Asked, 'request' | 'from' | 'how'>): string {
  const { address } = addressOf(from);
  // Instances know a path by their names, with the address behind.
  const peer = address.slice(address.lastIndexOf(' ') + 1);
  if (how.trusts?.has(peer) !== true) return peer;
  // Whoever passes a request on writes what it has seen behind what it was told (RFC 7239 §7.4): the last one is its own word.
  const said = headerOf(request, 'x-forwarded-for')?.split(',').at(-1)?.trim() ?? '';
  return ADDRESS.test(said) ? said : peer;
}

// What a request is for: a path with its query, on the host that the request names.

import type { Header, Request } from '../http.ts';

/** `http://host:port/path?query`. Nobody is named before the host (RFC 9110 §4.2.4). */
const ABSOLUTE = /^https?:\/\/([^/?#@]+)([/?][^#]*)?$/i;

/**
 * The request with its target in origin form, `/path?query` (RFC 9112 §3.2.1). In the absolute form, which every server must take, the
 * target names the host as well, and that holds whatever Host says (§3.2.2). Undefined for any other form of a target.
 */
export function inOriginForm<R extends Pick<Request, 'target' | 'headers'>>(request: R): R | undefined {
  const { target, headers } = request;
  if (target.startsWith('/')) return request;
  const [, host, path = '/'] = ABSOLUTE.exec(target) ?? [];
  if (host === undefined) return undefined;
  const others = headers.filter(([name]) => name.toLowerCase() !== 'host');
  const told: readonly Header[] = [['Host', host], ...others];
  return { ...request, target: path.startsWith('/') ? path : `/${path}`, headers: told };
}

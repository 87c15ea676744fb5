// An answer in HTTP's own words, with every header in it: nothing is added on the way out.

import { httpDate } from '../../../wire/http/date.ts';
import { type Header, headerOf, type Request } from '../../../wire/http.ts';
import type { World } from '../../shapes.ts';
import type { Deed, Event, Slip } from '../state.ts';
import type { Claims } from '../wire.ts';

/** What is said to one request, and what the server comes to remember by it. */
export interface Answer {
  status: number;
  /** The body: plain JSON, or a page for people. */
  json?: unknown;
  page?: string;
  headers?: readonly Header[];
  /** To be signed, and given to the client in its cookie. */
  sign?: Claims;
  events?: readonly Event[];
}

/** No answer yet: a password is looked at first. */
export interface Pending {
  check: Slip;
}

export const REASONS: ReadonlyMap<number, string> = new Map([
  [200, 'OK'],
  [201, 'Created'],
  [204, 'No Content'],
  [303, 'See Other'],
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [408, 'Request Timeout'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [413, 'Content Too Large'],
  [421, 'Misdirected Request'],
  [422, 'Unprocessable Content'],
  [429, 'Too Many Requests'],
  [431, 'Request Header Fields Too Large'],
  [500, 'Internal Server Error'],
  [501, 'Not Implemented'],
  [503, 'Service Unavailable'],
]);

/** What is wrong, for programs (RFC 9457) and in a sentence for people. Nothing of the peer's is in it. */
export function problem(status: number, title: string, headers: readonly Header[] = []): Answer {
  return { status, json: { status, title }, headers: [['Content-Type', 'application/problem+json'], ...headers] };
}

/** No script runs on our pages, nobody frames them, and their forms lead here. */
const PAGE: readonly Header[] = [
  ['Content-Type', 'text/html; charset=utf-8'],
  [
    'Content-Security-Policy',
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
  ],
];
const JSON_TYPE: Header = ['Content-Type', 'application/json'];
const PRIVATE: Header = ['Cache-Control', 'no-store'];
const STAYS: Header = ['Connection', 'keep-alive'];
const ENDS: Header = ['Connection', 'close'];

type Said = Deed & { is: 'respond' };

/** The answer as what is to be done. `isLast`: the client is hung up on after it. */
export function deedOf({ status, json, page, headers = [], sign }: Answer, isLast: boolean, world: World): Said {
  const body = page ?? (json === undefined ? '' : JSON.stringify(json));
  const all: Header[] = [['Date', httpDate(world.now())], PRIVATE];
  if (page !== undefined) all.push(...PAGE);
  else if (json !== undefined && headers[0]?.[0] !== 'Content-Type') all.push(JSON_TYPE);
  all.push(...headers);
  // RFC 9110 §8.6: 204 has none.
  if (status !== 204) all.push(['Content-Length', String(Buffer.byteLength(body))]);
  all.push(isLast ? ENDS : STAYS);
  const deed: Said = { is: 'respond', status, headers: all, body };
  return sign ? { ...deed, sign } : deed;
}

/**
 * Whether this was the client's last request here (RFC 9112 §9.3). What comes behind a request for another protocol might be meant
 * in that one (RFC 9110 §7.8), so it is answered in this one and nothing behind it is read.
 */
export function leaves(request: Request): boolean {
  return (
    request.version === '1.0' ||
    headerOf(request, 'upgrade') !== undefined ||
    headerOf(request, 'connection')?.toLowerCase().includes('close') === true
  );
}

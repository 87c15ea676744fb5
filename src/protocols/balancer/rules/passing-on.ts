// What is passed on, and what is not: a request is read whole and written anew, so that no server behind can understand it in
// another way than the balancer did.

import { type Header, headerOf, inOriginForm, type Request, type Response } from '../../../wire/http.ts';

/** How this balancer calls itself in Via. */
const PSEUDONYM = 'amnesia';
/** Balancers that one request may pass: one that leads to itself would else lead there for ever. */
const HOPS = 4;

/** Of one connection only, whatever Connection says besides (RFC 9110 §7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** What a client says of its own way here is a claim: the balancer says what it has seen. */
const OURS_TO_SAY = new Set(['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip']);
/** Answered by the balancer when it took the body. */
const ANSWERED = 'expect';

/** A name or an address, and perhaps a port (RFC 3986 §3.2.2, RFC 9110 §7.2). Any other Host is to be refused (RFC 9112 §3.2). */
const HOST = /^(\[[0-9a-f:.]+\]|([\w.~!$&'()*+,;=-]|%[0-9a-f]{2})*)(:\d{0,5})?$/i;

/** Why a request cannot be passed on, as the answer to it; undefined when it can. */
export function unfit(request: Request): Response | undefined {
  if (request.method === 'CONNECT' || request.method === 'TRACE')
    return plain(501, 'Not Implemented', `${request.method} is not passed on here.`);
  const origin = inOriginForm(request);
  if (!origin && !(request.method === 'OPTIONS' && request.target === '*'))
    return plain(400, 'Bad Request', 'The request line holds a path, or an address with http:// before it.');
  if (!HOST.test(headerOf(origin ?? request, 'host') ?? ''))
    return plain(400, 'Bad Request', 'The host is none that could be looked up.');
  const hops = viaOf(request).split(',').length;
  if (hops > HOPS) return plain(508, 'Loop Detected', 'This request has come through too many balancers.');
  return undefined;
}

/**
 * Whether the request asks to go on in WebSocket (RFC 6455 §4.1), with nothing but its head. Any other Upgrade is of this connection
 * only, and stays here: whoever is asked need not grant it (RFC 9110 §7.8).
 */
export function switches(request: Request): boolean {
  return (
    request.method === 'GET' &&
    request.version === '1.1' &&
    request.body.length === 0 &&
    listIn(headerOf(request, 'upgrade') ?? '').includes('websocket') &&
    listIn(headerOf(request, 'connection') ?? '').includes('upgrade')
  );
}

/** What both sides say of it, on this connection and on the next. */
const SWITCHING: readonly Header[] = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
];

/** The request as a server behind gets it. `address`: where it came from. */
export function passedOn(heard: Request, address: string): Request {
  const request = inOriginForm(heard) ?? heard;
  const host = headerOf(request, 'host');
  const via = viaOf(request);
  const dropped = droppedOf(request.headers);
  const headers = request.headers.filter(([name]) => {
    const small = name.toLowerCase();
    return !(dropped.has(small) || OURS_TO_SAY.has(small) || small === ANSWERED || small === 'via');
  });
  const hasBody = request.body.length > 0 || !(request.method === 'GET' || request.method === 'HEAD');
  return {
    type: 'request',
    method: request.method,
    target: request.target,
    version: '1.1',
    headers: [
      ...headers,
      ...(hasBody ? [['Content-Length', String(request.body.length)] as const] : []),
      ...(switches(request) ? SWITCHING : []),
      ['Via', `${via === '' ? '' : `${via}, `}${request.version} ${PSEUDONYM}`],
      ['X-Forwarded-For', address],
      ['X-Forwarded-Proto', 'http'],
      ...(host === undefined ? [] : [['X-Forwarded-Host', host] as const]),
    ],
    body: request.body,
  };
}

/** What a server is asked to see how it is. Only an error of its own (5xx), or no answer, says that it is not well. */
export function looking(): Request {
  const headers = [
    ['Host', '127.0.0.1'],
    ['User-Agent', PSEUDONYM],
  ] as const;
  return { type: 'request', method: 'HEAD', target: '/', version: '1.1', headers, body: Buffer.alloc(0) };
}

/** What the client is told: a server's answer, read whole and written anew. `more`: what the balancer adds to it. */
export function answered(answer: Response, forHead: boolean, more: readonly Header[]): Response {
  const dropped = droppedOf(answer.headers);
  const bodiless = answer.status === 204 || answer.status === 304 || answer.status < 200;
  // To HEAD the length is told of a body that does not come (RFC 9110 §9.3.2).
  const told = forHead ? headerOf(answer, 'content-length') : bodiless ? undefined : String(answer.body.length);
  return {
    type: 'response',
    version: '1.1',
    status: answer.status,
    reason: answer.reason,
    headers: [
      ...answer.headers.filter(([name]) => !dropped.has(name.toLowerCase())),
      ...(told === undefined ? [] : [['Content-Length', told] as const]),
      ['Via', `1.1 ${PSEUDONYM}`],
      ...more,
    ],
    body: forHead || bodiless ? Buffer.alloc(0) : answer.body,
  };
}

/** The answer after which both ends go on in another protocol, as the client is told. */
export function switched(headers: readonly Header[], more: readonly Header[]): Response {
  const dropped = droppedOf(headers);
  return {
    type: 'response',
    version: '1.1',
    status: 101,
    reason: 'Switching Protocols',
    headers: [
      ...SWITCHING,
      ...headers.filter(([name]) => !dropped.has(name.toLowerCase())),
      ['Via', `1.1 ${PSEUDONYM}`],
      ...more,
    ],
    body: Buffer.alloc(0),
  };
}

/** An answer of the balancer's own, in a sentence. */
export function plain(status: number, reason: string, why: string, more: readonly Header[] = []): Response {
  const body = Buffer.from(`${why}\n`);
  return {
    type: 'response',
    version: '1.1',
    status,
    reason,
    headers: [['Content-Type', 'text/plain; charset=utf-8'], ['Content-Length', String(body.length)], ...more],
    body,
  };
}

/** Whether the client may say more on the same connection (RFC 9112 §9.3). One of HTTP/1.0 would have to ask, and is hung up on. */
export function keepsOpen(request: Request): boolean {
  return request.version === '1.1' && !listIn(headerOf(request, 'connection') ?? '').includes('close');
}

/** The headers of this connection alone, and the framing, which is ours to write. */
function droppedOf(headers: readonly Header[]): Set<string> {
  const listed = headers.flatMap(([name, value]) => (name.toLowerCase() === 'connection' ? listIn(value) : []));
  // Whoever lists such a header would have us take away what the servers rely on.
  const spared = listed.filter((name) => name !== 'host' && name !== 'cookie' && name !== 'authorization');
  return new Set([...HOP_BY_HOP, ...spared, 'content-length']);
}

function listIn(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((each) => each.trim());
}

function viaOf({ headers }: Request): string {
  return headers.flatMap(([name, value]) => (name.toLowerCase() === 'via' ? [value] : [])).join(', ');
}

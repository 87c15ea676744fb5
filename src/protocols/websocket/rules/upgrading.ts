// What is answered to a request: the upgrade, the page, or why not. RFC 6455 §4.2.

import { createHash } from 'node:crypto';
import { PAGE, PAGE_POLICY } from '../../../served/chat-page.ts';
import { type Header, headerOf, inOriginForm, type Request, type Response } from '../../../wire/http.ts';

/** Appended to the key, so that nobody who has never heard of WebSocket can answer by accident (RFC 6455 §1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** What answers this key: the SHA-1 of key and GUID, in base64. */
export function acceptFor(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** The answer to a request. After 101 both ends go on in frames; after any other one this end hangs up. */
export function answerTo(request: Request): Response {
  if (request.method !== 'GET') return refusal(405, [['Allow', 'GET']]);
  if (!has(request, 'upgrade', 'websocket')) {
    if (inOriginForm(request)?.target !== '/') return refusal(404);
    return response(200, page(), Buffer.from(PAGE));
  }
  if (request.version !== '1.1' || !has(request, 'connection', 'upgrade')) return refusal(400);
  if (headerOf(request, 'sec-websocket-version') !== '13') return refusal(426, [['Sec-WebSocket-Version', '13']]);
  const key = headerOf(request, 'sec-websocket-key') ?? '';
  if (!KEY.test(key)) return refusal(400);
  return {
    type: 'response',
    version: '1.1',
    status: 101,
    reason: REASONS[101],
    headers: [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Accept', acceptFor(key)],
    ],
    body: NOTHING,
  };
}

const NOTHING = Buffer.alloc(0);
const REASONS = {
  101: 'Switching Protocols',
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  421: 'Misdirected Request',
  426: 'Upgrade Required',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
} as const;

/** An answer without a body, after which this end hangs up. */
export function refusal(status: Exclude<keyof typeof REASONS, 101 | 200>, headers: readonly Header[] = []): Response {
  // 426 must say what would be taken (RFC 9110 §15.5.22), and with Upgrade goes the option of Connection.
  return status === 426
    ? response(status, [['Upgrade', 'websocket'], ...headers], NOTHING, 'Upgrade, close')
    : response(status, headers, NOTHING);
}

function response(
  status: keyof typeof REASONS,
  headers: readonly Header[],
  body: Buffer,
  connection = 'close',
): Response {
  return {
    type: 'response',
    version: '1.1',
    status,
    reason: REASONS[status],
    headers: [...headers, ['Connection', connection], ['Content-Length', String(body.length)]],
    body,
  };
}

function page(): Header[] {
  return [
    ['Content-Type', 'text/html; charset=utf-8'],
    ['Content-Security-Policy', PAGE_POLICY],
    ['X-Content-Type-Options', 'nosniff'],
    ['Cache-Control', 'no-store'],
  ];
}

/** Whether a header that lists words has this one, in whatever case. */
function has({ headers }: Request, name: string, word: string): boolean {
  return headers.some(
    ([each, value]) =>
      each.toLowerCase() === name && value.split(',').some((listed) => listed.trim().toLowerCase() === word),
  );
}

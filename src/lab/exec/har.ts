// A recording of a browser, played again: its requests in order, and none of its answers. HAR 1.2 is what the developer tools of browsers
// write ("Save all as HAR").

import type { HttpStep } from './http-steps.ts';
import { objectIn, refuse, shown } from './refusing.ts';
import { STEPS } from './steps.ts';

/** What a recording holds, as far as it is played. */
interface Entry {
  request: {
    method: string;
    url: string;
    headers?: { name: string; value: string }[];
    postData?: { mimeType?: string; text?: string; params?: { name: string; value?: string }[] };
  };
}

/** The requests of a recording, as steps of a workload, and what was left out of it, in a sentence. */
export interface Recording {
  steps: HttpStep[];
  told: string;
}

/**
 * Header lines that are not sent again: those that belong to one connection, those that the client makes itself, and those by which a
 * cache asks, since this client has none.
 */
const OWN = new Set([
  ...['host', 'cookie', 'content-length', 'connection', 'transfer-encoding', 'accept-encoding', 'keep-alive', 'te'],
  ...[
    'if-none-match',
    'if-modified-since',
    'upgrade-insecure-requests',
    'cache-control',
    'pragma',
    'expect',
    'upgrade',
  ],
]);

/** Whether this is a recording: an object with a log of entries. */
export function isHar(json: unknown): boolean {
  const { log } = (json ?? {}) as { log?: { entries?: unknown } };
  return Array.isArray(log?.entries);
}

/** Reads a recording. The first request's host and port stand for the server; requests to others are left out. Throws a `SettingError`. */
export function recordingIn(json: unknown, file: string): Recording {
  const entries = (json as { log: { entries: unknown[] } }).log.entries;
  const played = entries.map((each, index) => requestIn(each, `${file}: entry ${index + 1}`));
  const origin = played[0]?.url.origin;
  const ours = played.filter(({ url }) => url.origin === origin);
  if (ours.length < 2)
    refuse(file, `only ${ours.length} to ${origin ?? 'anybody'}, and a cut falls between two requests`);
  if (ours.length > STEPS)
    refuse(file, `${ours.length} requests, and at most ${STEPS} are played: record less, or cut the recording down`);
  const others = played.length - ours.length;
  const left = [
    'recorded answers, cookies and times',
    ...(others > 0 ? [`${others} ${others === 1 ? 'request' : 'requests'} to other hosts`] : []),
  ];
  return {
    steps: ours.map(({ step }) => step),
    told: `${ours.length} requests to ${origin}, played in order; left out: ${left.join(', ')}`,
  };
}

function requestIn(given: unknown, where: string): { url: URL; step: HttpStep } {
  const entry = objectIn(given, where, 'an entry is an object');
  const {
    method,
    url: text,
    headers = [],
    postData,
  } = objectIn(entry.request, where, '“request” must be an object') as unknown as Entry['request'];
  const url = URL.canParse(String(text))
    ? new URL(String(text))
    : refuse(where, `“url” is ${shown(text)}, which is none`);
  if (typeof method !== 'string' || !/^[A-Z]{1,20}$/.test(method))
    refuse(where, `“method” is ${shown(method)}, which is none`);
  if (!Array.isArray(headers)) refuse(where, `“headers” must be a list, and is ${shown(headers)}`);
  const sent: Record<string, string> = {};
  for (const { name, value } of headers) {
    const word = String(name).toLowerCase();
    // Who asks, and from which page: where that named the recorded server, it names this one.
    if (!word.startsWith(':') && !OWN.has(word))
      sent[String(name)] = literal(String(value)).replaceAll(url.origin, '{{origin}}');
  }
  const target = `${url.pathname}${url.search}`;
  return {
    url,
    step: {
      request: literal(`${method} ${target}`),
      ...(Object.keys(sent).length > 0 ? { headers: sent } : {}),
      ...bodyOf(postData),
    },
  };
}

function bodyOf(data: Entry['request']['postData']): Pick<HttpStep, 'body' | 'form'> {
  if (typeof data?.text === 'string' && data.text !== '') return { body: literal(data.text) };
  if (!Array.isArray(data?.params) || data.params.length === 0) return {};
  return {
    form: Object.fromEntries(data.params.map(({ name, value = '' }) => [String(name), literal(String(value))])),
  };
}

/** Whatever was recorded is meant as it stands, braces and all. */
function literal(text: string): string {
  return text.replaceAll('{{', '{{braces}}');
}

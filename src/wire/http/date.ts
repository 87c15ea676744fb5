// The time as HTTP writes it (RFC 9110 §5.6.7): `Thu, 01 Jan 2026 00:00:00 GMT`.

import type { Response } from '../http.ts';

/** The second written last: answers come many to a second, and the text is the same for all of them. */
let latest = { second: Number.NaN, text: '' };

/** `at` in milliseconds since the epoch. */
export function httpDate(at: number): string {
  const second = Math.floor(at / 1000);
  if (second !== latest.second) latest = { second, text: new Date(second * 1000).toUTCString() };
  return latest.text;
}

/** An answer with the time at which it was given: who answers or passes an answer on says it where nobody has (RFC 9110 §6.6.1). `at` as above. */
export function dated(answer: Response, at: number): Response {
  const isDated = answer.status < 200 || answer.headers.some(([name]) => name.toLowerCase() === 'date');
  return isDated ? answer : { ...answer, headers: [['Date', httpDate(at)], ...answer.headers] };
}

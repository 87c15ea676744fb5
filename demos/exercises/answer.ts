// What the clients of exercises over HTTP make of an answer.

import type { Response } from '../../src/wire/http.ts';
import { printable, quoted } from '../../src/wire/printable.ts';

/** The object of JSON that an answer brings. Throws where it is none: there is nothing that could be put in words. */
export function objectIn({ body }: Response): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw new Error(`the body of the answer is no JSON: ${quoted(body, 60)}`, { cause: error });
  }
  throw new Error(`the body of the answer is no object: ${quoted(body, 60)}`);
}

/** What is in a good answer, in words; of any other its status. */
export function inWords(answer: Response, good: (json: Record<string, unknown>) => string): string {
  return answer.status < 300 ? good(objectIn(answer)) : `refused with ${answer.status}`;
}

/** A value from an answer, as it may be shown. */
export function shown(value: unknown): string {
  return printable(typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'), 60);
}

// How is it said that bytes are no packet: which byte proves it, by which clause, and which reason code does it deserve?

import { WireError } from '../../../wire/fields.ts';
import type { Version } from '../wire.ts';
import { CODE } from './codes.ts';

/** A {@link WireError} that knows which reason code of 5.0 it deserves (§4.13). */
export class Refusal extends WireError {
  readonly code: number;
  constructor(why: string, at: number, cite: string | undefined, code: number, secret = false) {
    super(why, at, cite, secret);
    this.code = code;
  }
}

/** The reason code of 5.0 that says what was wrong with these bytes; malformed, where nothing says more. */
export function codeFor(error: WireError): number {
  return error instanceof Refusal ? error.code : CODE.malformed;
}

/** What is wrong with bytes that are being read. `at` counts from where the buffer begins: `read` counts it from the packet. */
export class Fault extends Error {
  readonly at: number;
  readonly cite: string;
  readonly code: number;
  constructor(why: string, at: number, cite: string, code: number) {
    super(why);
    this.at = at;
    this.cite = cite;
    this.code = code;
  }
}

/** `at`: the byte that proves it, counted in the buffer. */
export function refuse(why: string, at: number, cite: string, code: number = CODE.malformed): never {
  throw new Fault(why, at, cite, code);
}

/** The standard of this version, by its name: the sections of the two are numbered alike only in part. */
export function standard(version: Version): string {
  return version === 4 ? 'MQTT 3.1.1' : 'MQTT 5';
}

/** The clause as the version counts it. */
export function clause(version: Version, four: string, five: string): string {
  return version === 4 ? four : five;
}

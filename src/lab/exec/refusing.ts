// What is wrong with a workload, in a line: where, what, and what is allowed.

import { SettingError } from '../../protocols/shapes.ts';
import { printable } from '../../wire/printable.ts';

/** Refuses what is in a file. `where`: the file and the step. */
export function refuse(where: string, why: string): never {
  throw new SettingError(`${where}: ${why}`);
}

/** Whatever has no meaning is refused: a word that was spelt wrong would else be passed over in silence. */
export function onlyKnown(given: Record<string, unknown>, known: readonly string[], where: string): void {
  const odd = Object.keys(given).find((name) => !known.includes(name));
  if (odd !== undefined) refuse(where, `“${printable(odd, 40)}” means nothing here: allowed are ${known.join(', ')}`);
}

export function objectIn(value: unknown, where: string, why: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  return refuse(where, `${why}, and this is ${shown(value)}`);
}

export function optionalText(given: Record<string, unknown>, name: string, where: string): string | undefined {
  const value = given[name];
  if (value === undefined || typeof value === 'string') return value;
  return refuse(where, `“${name}” must be a text, and is ${shown(value)}`);
}

export function shown(value: unknown): string {
  return value === undefined ? 'missing' : printable(JSON.stringify(value), 60);
}

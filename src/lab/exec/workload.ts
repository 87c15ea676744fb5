// What does a client do with a server that is not ours? The steps come from a file: a module that exports them, JSON, or the recording of a
// browser; or from our own story of that protocol, where it makes sense for any server of it.

import { readFileSync, statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Client } from '../../protocols/shapes.ts';
import { SettingError } from '../../protocols/shapes.ts';
import { printable } from '../../wire/printable.ts';
import { isHar, recordingIn } from './har.ts';
import type { ExpectingStep } from './http-steps.ts';
import { objectIn, optionalText, refuse, shown } from './refusing.ts';
import type { Selector } from './selecting.ts';
import { STEPS, stepsIn } from './steps.ts';

export interface Workload {
  steps: readonly ExpectingStep<Client>[];
  /** What a person should know of it. */
  told?: string;
}

/** The most that a file may have, in bytes: recordings hold whole pages. */
const LARGEST = 64 << 20;

const MODULES = ['.ts', '.mts', '.js', '.mjs'];

/**
 * The workload in a file, for a server of this protocol. Rejects with a {@link SettingError} that says which step is wrong, what is wrong
 * with it, and what is allowed. `leaveOut`: of every answer over HTTP.
 */
export async function workloadIn(
  file: string,
  protocol: string,
  leaveOut: readonly Selector[] = [],
): Promise<Workload> {
  const path = resolve(file);
  if (MODULES.includes(extname(path))) return { steps: await stepsOf(path, file) };
  const json = jsonIn(path, file);
  if (!isHar(json)) return { steps: stepsIn(json, file, protocol, leaveOut) };
  if (protocol !== 'http')
    refuse(file, `a recording of a browser, and the server is to speak ${protocol} (--protocol)`);
  const { steps, told } = recordingIn(json, file);
  return { steps: stepsIn({ protocol, steps }, file, protocol, leaveOut), told: `${file}: ${told}` };
}

function jsonIn(path: string, file: string): unknown {
  let text: string;
  try {
    if (statSync(path).size > LARGEST) refuse(file, `larger than ${LARGEST >> 20} MiB: cut it down`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof SettingError) throw error;
    throw new SettingError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    // What Windows writes before a text is no part of it.
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    // Node quotes the file in its reason, with the ends of its lines.
    throw new SettingError(`${file} is no JSON: ${printable((error as Error).message, 200)}`, { cause: error });
  }
}

async function stepsOf(path: string, file: string): Promise<ExpectingStep<Client>[]> {
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    const typed = (error as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION';
    const why = typed ? 'this Node runs no TypeScript; Node 22.18 and newer do' : (error as Error).message;
    throw new SettingError(`${file} cannot be loaded: ${why}`, { cause: error });
  }
  const { steps } = module;
  if (!Array.isArray(steps) || steps.length < 2)
    refuse(file, `it must export “steps”, a list of two or more: export const steps: Step<Client>[] = […]`);
  if (steps.length > STEPS) refuse(file, `${steps.length} steps, and at most ${STEPS} are played`);
  return steps.map((step: unknown, index) => {
    const where = `${file}: step ${index + 1}`;
    const given = objectIn(step, where, 'a step is an object: { name, act(client) }');
    if (typeof given.name !== 'string') refuse(where, `“name” must be a text, and is ${shown(given.name)}`);
    if (typeof given.act !== 'function')
      refuse(
        `${where} “${given.name}”`,
        '“act” must be a function that is given the client and resolves to the answer',
      );
    optionalText(given, 'expect', where);
    return step as ExpectingStep<Client>;
  });
}

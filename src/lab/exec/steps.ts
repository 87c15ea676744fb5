// From a workload in JSON to steps that a client takes. Whatever is wrong with it is said in a line: which step, what, and what is allowed.

import type { Client } from '../../protocols/shapes.ts';
import { printable } from '../../wire/printable.ts';
import { type ExpectingStep, type HttpStep, httpStep } from './http-steps.ts';
import { objectIn, onlyKnown, optionalText, refuse, shown } from './refusing.ts';
import type { Selector } from './selecting.ts';
import { type Given, type Parameter, VERBS, type Verb } from './verbs.ts';

/** The most that a workload may have: each step is a place to cut at. */
export const STEPS = 200;

/**
 * The steps of a workload as JSON has it: `{ "protocol": "mqtt", "steps": [ … ] }`. Throws a {@link SettingError}. `leaveOut`: of all
 * answers over HTTP.
 */
export function stepsIn(
  json: unknown,
  file: string,
  protocol: string,
  leaveOut: readonly Selector[] = [],
): ExpectingStep<Client>[] {
  const workload = objectIn(json, file, 'a workload is an object: { "protocol": …, "steps": [ … ] }');
  onlyKnown(workload, ['$schema', 'protocol', 'about', 'steps'], file);
  if (workload.protocol !== protocol)
    refuse(file, `“protocol” is ${shown(workload.protocol)}, and the server is to speak ${protocol} (--protocol)`);
  const { steps } = workload;
  if (!Array.isArray(steps) || steps.length < 2)
    refuse(file, '“steps” must be a list of two steps or more: a cut falls between two of them');
  if (steps.length > STEPS) refuse(file, `${steps.length} steps, and at most ${STEPS} are played`);
  return steps.map((step: unknown, index) => {
    const where = `${file}: step ${index + 1}${titleOf(step)}`;
    const given = objectIn(step, where, 'a step is an object');
    if (protocol === 'http') return httpStep(given as unknown as HttpStep & Record<string, unknown>, where, leaveOut);
    return verbStep(given, where, protocol);
  });
}

function verbStep(given: Record<string, unknown>, where: string, protocol: string): ExpectingStep<Client> {
  const verbs = VERBS.get(protocol) ?? refuse(where, `there are no steps for ${protocol}`);
  const named = given.do;
  const verb = typeof named === 'string' && Object.hasOwn(verbs, named) ? verbs[named] : undefined;
  if (!verb) refuse(where, `“do” is ${shown(named)}: allowed are ${Object.keys(verbs).join(', ')}`);
  onlyKnown(given, ['name', 'do', 'expect', ...Object.keys(verb.takes)], where);
  for (const [name, parameter] of Object.entries(verb.takes)) check(given[name], name, parameter, where);
  const name = optionalText(given, 'name', where);
  const expect = optionalText(given, 'expect', where);
  return {
    name: name ?? described(String(named), verb, given),
    act: (client) => verb.act(client, reading(given)),
    ...(expect === undefined ? {} : { expect }),
  };
}

function check(value: unknown, name: string, parameter: Parameter, where: string): void {
  if (value === undefined && parameter.optional) return;
  const of = parameter.of;
  const type = { text: 'string', number: 'number', 'yes or no': 'boolean' }[parameter.is];
  const right = of ? of.includes(value as never) : typeof value === type;
  const whole = parameter.is !== 'number' || (Number.isSafeInteger(value) && Number(value) >= 0);
  if (right && whole) return;
  const what = of
    ? of.map((each) => JSON.stringify(each)).join(' or ')
    : parameter.is === 'text'
      ? 'a text'
      : parameter.is === 'number'
        ? 'a whole number from 0 on'
        : 'true or false';
  refuse(where, `“${name}” (${parameter.tells}) must be ${what}, and is ${shown(value)}`);
}

function reading(given: Record<string, unknown>): Given {
  return {
    text: (name) => String(given[name]),
    number: (name, otherwise = 0) => (given[name] === undefined ? otherwise : Number(given[name])),
    some: (...names) =>
      Object.fromEntries(names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]]))),
  };
}

/** `sleeper: subscribe letters/#`: what a step is called that has no name. */
function described(does: string, { takes }: Verb, given: Record<string, unknown>): string {
  const { who } = given;
  const words = Object.keys(takes)
    .filter((name) => name !== 'who' && !/password/.test(name) && typeof given[name] === 'string')
    .map((name) => printable(String(given[name]), 40));
  return [...(who === undefined ? [] : [`${printable(String(who), 40)}:`]), does, ...words].join(' ');
}

function titleOf(step: unknown): string {
  const { name } = (step ?? {}) as { name?: unknown };
  return typeof name === 'string' ? ` “${printable(name, 60)}”` : '';
}

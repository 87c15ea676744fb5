// One request of a workload in JSON, and which part of its answer is compared: status and body unless it says otherwise.

import { createHash } from 'node:crypto';
import type { Client } from '../../protocols/shapes.ts';
import type { Header, Response } from '../../wire/http.ts';
import { printable, quoted } from '../../wire/printable.ts';
import type { Step } from '../story.ts';
import type { HttpClient } from './browser.ts';
import { objectIn, onlyKnown, optionalText, refuse, shown } from './refusing.ts';
import { SELECTORS, type Selector, selected, selectorOf, without } from './selecting.ts';

/** A step of a workload. `expect`: the answer must have this in it, or the workload is not what its author thinks. */
export interface ExpectingStep<C extends Client> extends Step<C> {
  expect?: string;
}

/** As a file has it. */
export interface HttpStep {
  name?: string;
  /** `POST /login`. Whatever stands in `{{ }}` is what an earlier step has kept, or `{{origin}}`. */
  request: string;
  headers?: Record<string, string>;
  /** A text goes as it is, anything else as JSON. */
  body?: unknown;
  /** Fields of a form, in place of a body. */
  form?: Record<string, string>;
  /** What is compared; `["status", "body"]` unless given. */
  answer?: readonly string[];
  /** Parts of the body that are not. */
  leaveOut?: readonly string[];
  /** What is kept of the answer for later requests, by name. */
  keep?: Record<string, string>;
  /** Whether it may be sent again when the connection was lost: all but POST unless given. */
  again?: boolean;
  expect?: string;
}

/** With what each of its members means: for the schema, and for who reads it. */
export const HTTP_STEP: Readonly<Record<keyof HttpStep, { type: string | string[]; tells: string }>> = {
  name: { type: 'string', tells: 'what the step is called; the request unless given' },
  request: {
    type: 'string',
    tells: 'method and target: POST /login. {{NAME}} stands for what was kept, {{origin}} for http://host:port',
  },
  headers: { type: 'object', tells: 'header lines beside Host, Cookie and Content-Length' },
  body: {
    type: ['string', 'object', 'array', 'number', 'boolean'],
    tells: 'a text goes as it is, anything else as JSON',
  },
  form: { type: 'object', tells: 'fields of a form, in place of a body' },
  answer: { type: 'array', tells: `what is compared; status and body unless given. Each is one of: ${SELECTORS}` },
  leaveOut: { type: 'array', tells: 'parts of the body that are not compared: json POINTER or pattern REGEX' },
  keep: { type: 'object', tells: 'what is kept of the answer for later requests: a name, and one of the above' },
  again: {
    type: 'boolean',
    tells: 'whether it may be sent again when the connection was lost; all but POST unless given',
  },
  expect: { type: 'string', tells: 'what must be in the answer, or the workload is not what its author thinks' },
};

/** Bytes of a request's body. */
const LARGEST = 1 << 20;
/** Characters of an answer that are told; of a longer one, how long it is and its SHA-256. */
const TOLD = 160;

/** A step from what a file has. `leaveOut`: of every answer. Throws a `SettingError` where it makes no sense. */
export function httpStep(
  given: HttpStep & Record<string, unknown>,
  where: string,
  leaveOutOfAll: readonly Selector[] = [],
): ExpectingStep<Client> {
  onlyKnown(given, Object.keys(HTTP_STEP), where);
  const [, method = '', target = ''] =
    /^([A-Z]{1,20}) (\/\S*|\*)$/.exec(typeof given.request === 'string' ? given.request : '') ??
    refuse(where, `“request” must be a method and a target, such as "POST /login", and is ${shown(given.request)}`);
  const headers = textsIn(given, 'headers', where);
  const form = textsIn(given, 'form', where);
  if (form && given.body !== undefined) refuse(where, '“form” and “body”: a request has one of them');
  const answer = selectorsIn(given, 'answer', where) ?? [{ is: 'status' }, { is: 'body' }];
  const leaveOut = [...(selectorsIn(given, 'leaveOut', where) ?? []), ...leaveOutOfAll];
  for (const { is } of leaveOut)
    if (is !== 'json' && is !== 'pattern')
      refuse(where, `“leaveOut” takes parts of the body, json POINTER or pattern REGEX, and ${is} is none`);
  const keep = Object.entries(textsIn(given, 'keep', where) ?? {}).map(
    ([name, words]) => [name, oneSelector(words, 'keep', where)] as const,
  );
  if (given.again !== undefined && typeof given.again !== 'boolean')
    refuse(where, `“again” must be true or false, and is ${shown(given.again)}`);
  const expect = optionalText(given, 'expect', where);
  const body = form
    ? new URLSearchParams(form).toString()
    : given.body === undefined || typeof given.body === 'string'
      ? given.body
      : JSON.stringify(given.body);
  if (body !== undefined && body.length > LARGEST) refuse(where, `a body of ${body.length} bytes; ${LARGEST} are sent`);
  const type = form
    ? 'application/x-www-form-urlencoded'
    : typeof given.body === 'string'
      ? undefined
      : 'application/json';
  const own = Object.entries(headers ?? {});
  const named = own.some(([name]) => name.toLowerCase() === 'content-type');

  async function act(client: HttpClient): Promise<string> {
    const fill = (text: string) => filled(text, client);
    const lines: Header[] = own.map(([name, value]) => [name, fill(value)]);
    if (body !== undefined && type !== undefined && !named) lines.push(['Content-Type', type]);
    const response = await client.ask({
      method,
      target: fill(target),
      headers: lines,
      ...(body === undefined ? {} : { body: fill(body) }),
      ...(given.again === undefined ? {} : { again: given.again }),
    });
    for (const [name, selector] of keep) {
      const found = selected(selector, response);
      if (found !== undefined) client.keep(name, found);
    }
    // What was kept of an answer was rolled for this run, and is no part of what is compared.
    const parts = answer.map((selector) => unkept(part(selector, response, leaveOut), client));
    client.compared.push(parts.join('\n'));
    return parts.map(told).join(': ');
  }
  return {
    name: optionalText(given, 'name', where) ?? printable(given.request, 60),
    act: act as ExpectingStep<Client>['act'],
    ...(expect === undefined ? {} : { expect }),
  };
}

function part(selector: Selector, response: Response, leaveOut: readonly Selector[]): string {
  if (selector.is === 'body') return without(response.body, leaveOut);
  return selected(selector, response) ?? 'nothing';
}

function told(text: string): string {
  if (text.length <= TOLD) return text === '' ? 'no body' : printable(text.trimEnd(), TOLD * 2);
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${quoted(Buffer.from(text.slice(0, 60)))} and so on, ${Buffer.byteLength(text)} bytes, SHA-256 ${digest}…`;
}

function unkept(text: string, { kept }: HttpClient): string {
  let left = text;
  for (const [name, value] of kept) if (value.length >= SHORTEST) left = left.replaceAll(value, `{{${name}}}`);
  return left;
}

/** A shorter value would be found in everything. */
const SHORTEST = 4;

/** With what was kept in place of its names. Throws where nothing was kept under one, since to ask without it would be another question. */
function filled(text: string, client: HttpClient): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_all, name: string) => {
    const value = name === 'origin' ? client.origin : name === 'braces' ? '{{' : client.kept.get(name);
    if (value === undefined) throw new Error(`nothing was kept as {{${name}}}: no answer so far had it`);
    return value;
  });
}

function textsIn(given: Record<string, unknown>, name: string, where: string): Record<string, string> | undefined {
  if (given[name] === undefined) return undefined;
  const texts = objectIn(given[name], where, `“${name}” must be an object of texts`);
  const odd = Object.entries(texts).find(([, value]) => typeof value !== 'string');
  if (odd) refuse(where, `“${name}” has ${shown(odd[1])} as “${printable(odd[0], 40)}”, which is no text`);
  return texts as Record<string, string>;
}

function selectorsIn(given: Record<string, unknown>, name: string, where: string): Selector[] | undefined {
  const list = given[name];
  if (list === undefined) return undefined;
  if (!Array.isArray(list) || list.length === 0)
    return refuse(where, `“${name}” must be a list, and is ${shown(list)}`);
  return list.map((words: unknown) => oneSelector(words, name, where));
}

export function oneSelector(words: unknown, name: string, where: string): Selector {
  try {
    const found = typeof words === 'string' ? selectorOf(words) : undefined;
    if (found) return found;
  } catch (error) {
    refuse(where, `“${name}” has a pattern that makes no sense: ${(error as Error).message}`);
  }
  return refuse(where, `“${name}” has ${shown(words)}: allowed are ${SELECTORS}`);
}

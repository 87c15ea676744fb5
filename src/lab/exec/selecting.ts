// Which part of an answer is meant? A few words say it: `status`, `body`, `header location`, `json /user/name`, `pattern "id":"(\w+)"`.

import { headerOf, type Response } from '../../wire/http.ts';

/** A part of an answer: of its body all, one place of its JSON (RFC 6901), or what a pattern finds in it. */
export type Selector =
  | { is: 'status' }
  | { is: 'body' }
  | { is: 'header'; name: string }
  | { is: 'json'; pointer: readonly string[] }
  | { is: 'pattern'; pattern: RegExp };

export const SELECTORS =
  'status, body, header NAME, json POINTER (such as json /user/name), pattern REGEX (such as pattern id=(\\w+))';

/** The part that words name; undefined when they name none. Throws a `SyntaxError` where a pattern makes no sense. */
export function selectorOf(words: string): Selector | undefined {
  const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(words) ?? [];
  switch (word) {
    case 'status':
    case 'body':
      return rest === '' ? { is: word } : undefined;
    case 'header':
      return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(rest) ? { is: 'header', name: rest.toLowerCase() } : undefined;
    case 'json':
      return rest === '' || rest.startsWith('/') ? { is: 'json', pointer: stepsOf(rest) } : undefined;
    case 'pattern':
      return rest === '' ? undefined : { is: 'pattern', pattern: new RegExp(rest, 'g') };
    default:
      return undefined;
  }
}

function stepsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The part of an answer, as text; undefined where it has none. Of a pattern, its first group or else all that it found. */
export function selected(selector: Selector, response: Response): string | undefined {
  const { body } = response;
  switch (selector.is) {
    case 'status':
      return String(response.status);
    case 'body':
      return body.toString('utf8');
    case 'header':
      return headerOf(response, selector.name);
    case 'json': {
      const found = valueAt(jsonOf(body), selector.pointer);
      return found === undefined ? undefined : typeof found === 'string' ? found : JSON.stringify(found);
    }
    case 'pattern': {
      const [found] = body.toString('utf8').matchAll(selector.pattern);
      return found && (found[1] ?? found[0]);
    }
  }
}

/** The same body without these parts of it: what a server rolls, or reads from a clock, is nothing to compare. */
export function without(body: Buffer, leftOut: readonly Selector[]): string {
  let json = jsonOf(body);
  const pointers = leftOut.flatMap((each) => (each.is === 'json' ? [each.pointer] : []));
  for (const pointer of pointers) json = removed(json, pointer);
  const text = pointers.length === 0 || json === undefined ? body.toString('utf8') : JSON.stringify(json);
  return leftOut.reduce((left, each) => (each.is === 'pattern' ? left.replace(each.pattern, '…') : left), text);
}

function valueAt(json: unknown, pointer: readonly string[]): unknown {
  return pointer.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, step)
        ? (value as Record<string, unknown>)[step]
        : undefined,
    json,
  );
}

function removed(json: unknown, pointer: readonly string[]): unknown {
  const last = pointer.at(-1);
  if (last === undefined) return undefined;
  const holder = valueAt(json, pointer.slice(0, -1));
  if (typeof holder === 'object' && holder !== null) Reflect.deleteProperty(holder, last);
  return json;
}

/** Undefined where it is none. */
function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Where two JSON texts differ, as pointers; undefined where one of them is none. */
export function differing(one: string, other: string): string[] | undefined {
  const [a, b] = [jsonOf(Buffer.from(one)), jsonOf(Buffer.from(other))];
  return a === undefined || b === undefined ? undefined : pointersTo(a, b, '');
}

function pointersTo(a: unknown, b: unknown, at: string): string[] {
  if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null) {
    const names = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...names].flatMap((name) =>
      pointersTo(valueAt(a, [name]), valueAt(b, [name]), `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`),
    );
  }
  return Object.is(a, b) ? [] : [at];
}

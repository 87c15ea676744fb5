// Whether a line of a run file is one: a file may have been cut short, mended by hand, or made by somebody else.

import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import schema from './records.schema.json' with { type: 'json' };

const ajv = new Ajv2020({ allowUnionTypes: true }).addSchema(schema, 'run');

/** What is wrong with a line, in words; undefined where nothing is. `line` is any JSON value. */
export function faultOf(line: unknown): string | undefined {
  const is = typeof line === 'object' && line !== null && 'is' in line ? line.is : undefined;
  // Asked of its own kind alone: that it is none of the others says nothing.
  const known =
    typeof is === 'string' &&
    Object.hasOwn(schema.$defs, is) &&
    schema.oneOf.some(({ $ref }) => $ref === `#/$defs/${is}`);
  if (!known) return 'its "is" names no kind of record';
  const validate = ajv.getSchema(`run#/$defs/${is}`);
  if (!validate) throw new Error(`the schema cannot be asked for ${is}`);
  return validate(line) ? undefined : inWords(validate.errors?.[0]);
}

function inWords(error: ErrorObject | undefined): string {
  if (!error) return 'it is no record';
  const { instancePath, message, keyword, params } = error;
  const where = instancePath === '' ? 'it' : instancePath.slice(1).replaceAll('/', '.');
  const which = keyword === 'additionalProperties' ? `: ${JSON.stringify(params.additionalProperty)}` : '';
  return `${where} ${message ?? 'is wrong'}${which}`;
}

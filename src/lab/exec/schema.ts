// The JSON Schema of a workload, made of the same tables that validate one. `workload.schema.json` is what comes of it; a test compares.

import { HTTP_STEP } from './http-steps.ts';
import { STEPS } from './steps.ts';
import { type Parameter, VERBS, type Verb } from './verbs.ts';

type Schema = Record<string, unknown>;

export function workloadSchema(): Schema {
  const protocols = [...VERBS].map(([protocol, verbs]): [string, Schema] => [
    protocol,
    { oneOf: Object.entries(verbs).map(([name, verb]) => verbSchema(name, verb)) },
  ]);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'amnesia-workload',
    title: 'A workload for amnesia litmus --exec',
    description:
      'What a client does with a server, step by step. Each answer is compared with that of a run in which nothing was cut.',
    oneOf: [...protocols, ['http', httpSchema()] as const].map(([protocol, step]) => ({
      type: 'object',
      properties: {
        $schema: { type: 'string' },
        protocol: { const: protocol },
        about: { type: 'string', description: 'For whoever reads it.' },
        steps: { type: 'array', minItems: 2, maxItems: STEPS, items: step },
      },
      required: ['protocol', 'steps'],
      additionalProperties: false,
    })),
  };
}

const COMMON: Schema = {
  name: { type: 'string', description: 'what the step is called' },
  expect: { type: 'string', description: HTTP_STEP.expect.tells },
};

function verbSchema(name: string, { tells, takes }: Verb): Schema {
  return {
    type: 'object',
    description: tells,
    properties: {
      ...COMMON,
      do: { const: name },
      ...Object.fromEntries(Object.entries(takes).map(([key, parameter]) => [key, parameterSchema(parameter)])),
    },
    required: ['do', ...Object.entries(takes).flatMap(([key, { optional }]) => (optional ? [] : [key]))],
    additionalProperties: false,
  };
}

function parameterSchema({ is, of, tells: description }: Parameter): Schema {
  if (of) return { enum: of, description };
  if (is === 'number') return { type: 'integer', minimum: 0, description };
  return { type: is === 'text' ? 'string' : 'boolean', description };
}

function httpSchema(): Schema {
  const texts = { additionalProperties: { type: 'string' } };
  const more: Record<string, Schema> = {
    request: { pattern: '^[A-Z]{1,20} (/\\S*|\\*)$' },
    headers: texts,
    form: texts,
    keep: texts,
    answer: { items: { type: 'string' }, minItems: 1 },
    leaveOut: { items: { type: 'string', pattern: '^(json|pattern)' }, minItems: 1 },
  };
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(HTTP_STEP).map(([name, { type, tells }]) => [name, { type, ...more[name], description: tells }]),
    ),
    required: ['request'],
    additionalProperties: false,
  };
}

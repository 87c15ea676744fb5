// A workload in a file: what is wrong with one is said in a line, its schema knows the same, and what is left out of an answer is not compared.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, test } from 'vitest';
import { recordingIn } from '../../src/lab/exec/har.ts';
import { workloadSchema } from '../../src/lab/exec/schema.ts';
import { differing, selected, selectorOf, without } from '../../src/lab/exec/selecting.ts';
import { stepsIn } from '../../src/lab/exec/steps.ts';
import { VERBS } from '../../src/lab/exec/verbs.ts';
import { workloadIn } from '../../src/lab/exec/workload.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { SettingError } from '../../src/protocols/shapes.ts';
import type { Response } from '../../src/wire/http.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const file = (name: string, text: string) => {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  return path;
};

const SCHEMA = fileURLToPath(new URL('../../src/lab/exec/workload.schema.json', import.meta.url));
const two = (protocol: string, ...steps: unknown[]) => ({
  protocol,
  steps: [...steps, ...steps].slice(0, Math.max(2, steps.length)),
});

test('the schema is what the tables make of it', () => {
  const made = workloadSchema();
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(SCHEMA, `${JSON.stringify(made, undefined, 2)}\n`);
  expect(JSON.parse(readFileSync(SCHEMA, 'utf8'))).toEqual(made);
});

const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(workloadSchema());
const refusal = (workload: unknown): string | undefined => {
  try {
    stepsIn(workload, 'w.json', (workload as { protocol?: string }).protocol ?? 'mqtt');
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(SettingError);
    return (error as Error).message;
  }
};

test.each([
  two(
    'mqtt',
    { do: 'connect', who: 'ada', clean: false, version: 5 },
    { do: 'publish', who: 'ada', topic: 'a', payload: '' },
  ),
  two('ftp', { do: 'type', type: 'I' }, { name: 'look', do: 'list', expect: 'x' }),
  two('dns', { do: 'ask', domain: 'example.test', type: 'A', over: 'tcp' }),
  two('tcp-session', { do: 'open' }, { do: 'send', text: 'x' }),
  two('websocket', { do: 'join', who: 'ada', room: 'lobby', stays: true }),
  two('udp-echo', { do: 'say', text: 'x' }),
  two('http', {
    request: 'POST /a?b={{c}}',
    form: { a: 'b' },
    keep: { c: 'json /c' },
    leaveOut: ['pattern x'],
    answer: ['header ETag'],
  }),
  two('http', {
    request: 'GET /',
    headers: { Accept: '*/*' },
    body: [1, { a: null }],
    again: false,
    name: 'n',
    expect: '',
  }),
])('%j is one', (workload) => {
  expect(refusal(workload)).toBeUndefined();
  expect(isValid(workload), JSON.stringify(isValid.errors)).toBe(true);
});

test.each([
  [[], 'w.json: a workload is an object: { "protocol": …, "steps": [ … ] }, and this is []'],
  [{ protocol: 'mqtt' }, 'w.json: “steps” must be a list of two steps or more: a cut falls between two of them'],
  [{ protocol: 'mqtt', steps: [{}] }, /two steps or more/],
  [
    { protocol: 'mqtt', steps: new Array(201).fill({ do: 'wake', who: 'a' }) },
    'w.json: 201 steps, and at most 200 are played',
  ],
  [{ protocol: 'mqtt', stepz: [] }, 'w.json: “stepz” means nothing here: allowed are $schema, protocol, about, steps'],
  [two('mqtt', 7), 'w.json: step 1: a step is an object, and this is 7'],
  [
    two('mqtt', { name: 'hm', do: 'subscrib' }),
    'w.json: step 1 “hm”: “do” is "subscrib": allowed are connect, subscribe, publish, sleep, vanish, wake, finish',
  ],
  [two('mqtt', { do: 'constructor', who: 'a' }), /“do” is "constructor"/],
  [
    two('mqtt', { do: 'sleep' }),
    'w.json: step 1: “who” (which of the clients that this workload plays) must be a text, and is missing',
  ],
  [two('mqtt', { do: 'subscribe', who: 'a', topic: 'b', qos: 3 }), /“qos” .* must be 0 or 1 or 2, and is 3$/],
  [two('mqtt', { do: 'wake', who: 'a', letters: -1 }), /“letters” .* must be a whole number from 0 on, and is -1$/],
  [
    two('mqtt', { do: 'sleep', who: 'a', topic: 'b' }),
    'w.json: step 1: “topic” means nothing here: allowed are name, do, expect, who',
  ],
  [two('ftp', { do: 'type', type: 'X' }), /must be "A" or "I", and is "X"$/],
  [
    two('http', { request: 'POST' }),
    'w.json: step 1: “request” must be a method and a target, such as "POST /login", and is "POST"',
  ],
  [two('http', { request: 'GET http://x/' }), /must be a method and a target/],
  [two('http', { request: 'GET /', headers: { a: 1 } }), 'w.json: step 1: “headers” has 1 as “a”, which is no text'],
  [
    two('http', { request: 'GET /', answer: ['stauts'] }),
    /“answer” has "stauts": allowed are status, body, header NAME, json POINTER/,
  ],
  [two('http', { request: 'GET /', answer: [] }), /“answer” must be a list/],
  [two('http', { request: 'GET /', leaveOut: ['status'] }), /“leaveOut” takes parts of the body/],
  [
    two('http', { request: 'GET /', leaveOut: ['pattern ('] }),
    /“leaveOut” has a pattern that makes no sense: .*Unterminated group/,
  ],
  [two('http', { request: 'GET /', body: 'a', form: {} }), /a request has one of them/],
  [two('http', { request: 'GET /', again: 'yes' }), /“again” must be true or false, and is "yes"/],
])('%j is none', (workload, why) => {
  const said = refusal(workload);
  if (typeof why === 'string') expect(said).toBe(why);
  else expect(said).toMatch(why);
  // What only a look at another member or into a pattern tells, a schema does not.
  const beyond = /makes no sense|one of them|stauts/.test(String(said));
  if (!beyond) expect(isValid(workload)).toBe(false);
});

test('every verb has words for each of its parameters, and asks for nothing else', () => {
  for (const [protocol, verbs] of VERBS)
    for (const [name, verb] of Object.entries(verbs)) {
      const asked = new Set<string>();
      const given = {
        text: (key: string) => `${asked.add(key).size}`,
        number: (key: string) => asked.add(key).size,
        some(...keys: string[]) {
          for (const key of keys) asked.add(key);
          return {};
        },
      };
      const client = new Proxy({}, { get: () => async () => 'done' });
      void verb.act(client as never, given);
      expect([...asked].sort(), `${protocol} ${name}`).toEqual(Object.keys(verb.takes).sort());
    }
});

describe('a file', () => {
  test('of a module: its steps, if they are some', async () => {
    const good = file(
      'good.mjs',
      `export const steps = [{ name: 'a', act: async () => 'b' }, { name: 'c', act: async () => 'd' }];`,
    );
    expect((await workloadIn(good, 'http')).steps.map(({ name }) => name)).toEqual(['a', 'c']);
    await expect(workloadIn(file('none.mjs', 'export const step = 1;'), 'http')).rejects.toThrow(
      /none.mjs: it must export “steps”/,
    );
    const odd = file('odd.mjs', `export const steps = [{ name: 'a', act: 1 }, { name: 'b' }];`);
    await expect(workloadIn(odd, 'http')).rejects.toThrow(/odd.mjs: step 1 “a”: “act” must be a function/);
    await expect(workloadIn(file('wrong.mjs', 'throw new Error("hm")'), 'http')).rejects.toThrow(
      /cannot be loaded: hm/,
    );
  });

  test('that is not there, is no JSON, or speaks of another protocol', async () => {
    await expect(workloadIn('nowhere.json', 'http')).rejects.toThrow(/^nowhere.json cannot be read: ENOENT/);
    await expect(workloadIn(file('bad.json', '{'), 'http')).rejects.toThrow(/bad.json is no JSON/);
    await expect(workloadIn(file('ftp.json', JSON.stringify(two('ftp', { do: 'list' }))), 'http')).rejects.toThrow(
      /“protocol” is "ftp", and the server is to speak http/,
    );
    await expect(workloadIn(file('r.har', '{"log":{"entries":[]}}'), 'mqtt')).rejects.toThrow(
      /a recording of a browser, and the server/,
    );
  });
});

describe('a recording', () => {
  const entry = (method: string, url: string, more: Record<string, unknown> = {}) => ({
    request: { method, url, headers: [], ...more },
    response: { status: 200 },
    time: 12,
  });
  const har = (...entries: unknown[]) => ({ log: { version: '1.2', entries } });

  test('its requests in order, to the server in place of the recorded one, without what belongs to the recording', () => {
    const { steps, told } = recordingIn(
      har(
        entry('GET', 'http://shop.test:8080/?q=1', {
          headers: [
            { name: ':authority', value: 'shop.test' },
            { name: 'Cookie', value: 'sid=old' },
            { name: 'Referer', value: 'http://shop.test:8080/before' },
            { name: 'If-None-Match', value: '"1"' },
            { name: 'Accept', value: 'text/{{html' },
          ],
        }),
        entry('GET', 'http://ads.test/pixel'),
        entry('POST', 'http://shop.test:8080/login', {
          headers: [{ name: 'Content-Type', value: 'application/json' }],
          postData: { mimeType: 'application/json', text: '{"a":1}' },
        }),
        entry('POST', 'http://shop.test:8080/form', { postData: { params: [{ name: 'a', value: 'b c' }] } }),
      ),
      'r.har',
    );
    expect(steps).toEqual([
      { request: 'GET /?q=1', headers: { Referer: '{{origin}}/before', Accept: 'text/{{braces}}html' } },
      { request: 'POST /login', headers: { 'Content-Type': 'application/json' }, body: '{"a":1}' },
      { request: 'POST /form', form: { a: 'b c' } },
    ]);
    expect(told).toBe(
      '3 requests to http://shop.test:8080, played in order; left out: recorded answers, cookies and times, 1 request to other hosts',
    );
    expect(stepsIn({ protocol: 'http', steps }, 'r.har', 'http')).toHaveLength(3);
  });

  test('what is none is refused', () => {
    expect(() => recordingIn(har(entry('GET', 'http://a/')), 'r.har')).toThrow(
      'r.har: only 1 to http://a, and a cut falls between two requests',
    );
    expect(() => recordingIn(har(entry('GET', 'nowhere')), 'r.har')).toThrow(
      'r.har: entry 1: “url” is "nowhere", which is none',
    );
    expect(() => recordingIn(har({}), 'r.har')).toThrow(
      'r.har: entry 1: “request” must be an object, and this is missing',
    );
    const many = new Array(201).fill(entry('GET', 'http://a/'));
    expect(() => recordingIn(har(...many), 'r.har')).toThrow('201 requests, and at most 200 are played');
  });
});

describe('parts of an answer', () => {
  const answer = (body: string, headers: Response['headers'] = []): Response => ({
    type: 'response',
    version: '1.1',
    status: 200,
    reason: 'OK',
    headers,
    body: Buffer.from(body),
  });
  const part = (words: string, response: Response) => {
    const selector = selectorOf(words);
    if (!selector) throw new Error(`${words} names nothing`);
    return selected(selector, response);
  };

  test('each by its words', () => {
    const json = answer('{"a":{"b/c":[1,"x"]},"id":"id=7"}', [['X-A', 'y']]);
    expect(part('status', json)).toBe('200');
    expect(part('header x-a', json)).toBe('y');
    expect(part('header x-b', json)).toBeUndefined();
    expect(part('json /a/b~1c/1', json)).toBe('x');
    expect(part('json /a/b~1c', json)).toBe('[1,"x"]');
    expect(part('json /__proto__', json)).toBeUndefined();
    expect(part('json /a', answer('<html>'))).toBeUndefined();
    expect(part('pattern id=(\\d+)', json)).toBe('7');
    expect(part('pattern id=', json)).toBe('id=');
    for (const odd of ['', 'status 1', 'header', 'header a b', 'json a', 'pattern', 'text'])
      expect(selectorOf(odd), odd).toBeUndefined();
  });

  test('what is left out is not there, and all the rest is', () => {
    const leave = (...words: string[]) => words.flatMap((each) => selectorOf(each) ?? []);
    expect(without(Buffer.from('{"a":1,"b":{"c":2}}'), leave('json /a', 'json /b/c', 'json /b/d/e'))).toBe('{"b":{}}');
    expect(without(Buffer.from('at 12:30, at 12:31'), leave('pattern \\d\\d:\\d\\d'))).toBe('at …, at …');
    // What is no JSON has no place in it, and stays as it is.
    expect(without(Buffer.from('{"a":1'), leave('json /a'))).toBe('{"a":1');
    expect(without(Buffer.from('{ "a": 1 }'), [])).toBe('{ "a": 1 }');
  });

  test('where two differ', () => {
    expect(differing('{"a":1,"b":[1,{"c/d":2}]}', '{"a":1,"b":[1,{"c/d":3}],"e":1}')).toEqual(['/b/1/c~1d', '/e']);
    expect(differing('{}', '<html>')).toBeUndefined();
  });
});

// HTTP as bytes with names: vectors both ways, whole and byte by byte, and what must be refused with which clause.

import { expect, test } from 'vitest';
import { type Field, Reader, WireError } from '../../src/wire/fields.ts';
import { cookieOf, readSetCookie, setCookie } from '../../src/wire/http/cookies.ts';
import {
  frameHttp,
  type HttpMessage,
  headerOf,
  inOriginForm,
  kindOfHttp,
  LIMITS,
  readHttp,
  saysHttp,
  writeHttp,
} from '../../src/wire/http.ts';
import { decode, encode, Inbox, type Seen, type Side, type Wire } from '../../src/wire/wire.ts';
import { untiled } from '../promises.ts';

const wire: Wire<HttpMessage> = {
  longest: LIMITS.head + LIMITS.body,
  frame: frameHttp,
  read: (reader, from, _over, seen) => readHttp(reader, from, seen),
  write: writeHttp,
  kind: kindOfHttp,
  says: saysHttp,
  leans: () => [],
};

const lines = (...all: string[]) => all.join('\r\n');
const NO_BODY = Buffer.alloc(0);

const login = '{"user":"ann","password":"correct horse"}';
const VECTORS: { says: string; from: Side; text: string; message: HttpMessage; fields: string[] }[] = [
  {
    says: 'a request without a body',
    from: 'client',
    text: lines('GET /films?after=3&limit=2 HTTP/1.1', 'Host: localhost:8080', '', ''),
    message: {
      type: 'request',
      method: 'GET',
      target: '/films?after=3&limit=2',
      version: '1.1',
      headers: [['Host', 'localhost:8080']],
      body: NO_BODY,
    },
    fields: ['method GET', 'target /films', 'query.after 3', 'query.limit 2', 'version HTTP/1.1', 'host localhost'],
  },
  {
    says: 'a request with a body, cookies and a key',
    from: 'client',
    text: lines(
      'POST /orders HTTP/1.1',
      'Host: [::1]',
      'Cookie: session=abc; theme=dark',
      'Idempotency-Key: 12',
      'Content-Length: 12',
      '',
      '{"item":"x"}',
    ),
    message: {
      type: 'request',
      method: 'POST',
      target: '/orders',
      version: '1.1',
      headers: [
        ['Host', '[::1]'],
        ['Cookie', 'session=abc; theme=dark'],
        ['Idempotency-Key', '12'],
        ['Content-Length', '12'],
      ],
      body: Buffer.from('{"item":"x"}'),
    },
    fields: ['cookie.session abc', 'cookie.theme dark', 'idempotency-key 12', 'body "{"item":"x"}"'],
  },
  {
    says: 'an answer that gives a cookie',
    from: 'server',
    text: lines('HTTP/1.1 204 No Content', `Set-Cookie: ${setCookie('session', 'abc', { maxAge: 60 })}`, '', ''),
    message: {
      type: 'response',
      version: '1.1',
      status: 204,
      reason: 'No Content',
      headers: [['Set-Cookie', 'session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax']],
      body: NO_BODY,
    },
    fields: ['status 204', 'set-cookie.session abc', 'set-cookie.path Path=/', 'set-cookie.httponly HttpOnly'],
  },
  {
    says: 'an answer in chunks, with an empty header and a trailer',
    from: 'server',
    text: lines(
      'HTTP/1.1 200 OK',
      'Empty: ',
      'Transfer-Encoding: chunked',
      '',
      '5',
      'hello',
      'a',
      ' the world',
      '0',
      'X-Sum: 1',
      '',
      '',
    ),
    message: {
      type: 'response',
      version: '1.1',
      status: 200,
      reason: 'OK',
      headers: [
        ['Empty', ''],
        ['Transfer-Encoding', 'chunked'],
      ],
      body: Buffer.from('hello the world'),
      chunks: [5, 10],
      trailers: [['X-Sum', '1']],
    },
    fields: ['chunk.size 5', 'chunk "hello"', 'chunk.size#2 a', 'chunk#2 " the world"', 'trailer.x-sum 1'],
  },
];

for (const { says, from, text, message, fields } of VECTORS) {
  test(`${says} is read by name, byte by byte, and written back`, () => {
    const bytes = Buffer.from(text, 'latin1');
    expect(decode(wire, bytes, from)).toEqual(message);
    expect(encode(wire, message).toString('latin1')).toBe(text);

    const inbox = new Inbox(wire, from);
    const parts = Array.from(Buffer.concat([bytes, bytes]), (byte) => inbox.push(Buffer.of(byte)));
    expect(parts.flatMap(({ error }) => (error ? [error] : []))).toEqual([]);
    expect(parts.flatMap(({ messages }) => messages)).toEqual([message, message]);
    expect(inbox.kept).toBe(0);

    const named = fieldsOf(text, from);
    expect(untiled(named, bytes.length)).toEqual([]);
    for (const each of fields) expect(named.map(({ id, show }) => `${id} ${show}`)).toContain(each);
  });
}

function fieldsOf(text: string, from: Side): Field[] {
  const reader = new Reader(Buffer.from(text, 'latin1'), { annotate: true });
  readHttp(reader, from, new Map());
  reader.finish();
  return reader.fields ?? [];
}

function withBody(type: string, body: string): string {
  return lines('POST /login HTTP/1.1', 'Host: x', `Content-Type: ${type}`, `Content-Length: ${body.length}`, '', body);
}

test('what must never be shown is a secret, and no more than that', () => {
  const secrets = (text: string, from: Side = 'client') =>
    fieldsOf(text, from).flatMap(({ secret, value }) =>
      secret ? [Buffer.from(String(value), 'hex').toString('latin1')] : [],
    );
  expect(secrets(withBody('application/json', login))).toEqual(['correct horse']);
  expect(secrets(withBody('application/json', '{"password" : "a\\"b","user":"ann"}'))).toEqual(['a\\"b']);
  expect(secrets(withBody('application/x-www-form-urlencoded', 'user=ann&password=a%20b&x=1'))).toEqual(['a%20b']);
  expect(secrets(withBody('application/x-www-form-urlencoded', 'password=a'))).toEqual(['a']);
  expect(secrets(withBody('text/plain', 'nothing'))).toEqual([]);
  const carried = lines('GET / HTTP/1.1', 'Host: x', 'cookie: a=1; b=2', 'AUTHORIZATION: Bearer e.y.J', '', '');
  expect(secrets(carried)).toEqual(['1', '2', 'e.y.J']);
  expect(secrets(lines('HTTP/1.1 204 x', 'Set-Cookie: a=1; Path=/', 'set-cookie: b=2', '', ''), 'server')).toEqual([
    '1',
    '2',
  ]);
  // A password may be cut in two by the chunks.
  const torn = lines('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked', '', '4', 'pass', '8', 'word=abc', '0');
  expect(secrets(`${torn}\r\n\r\n`)).toEqual(['pass', 'word=abc']);
});

test('names rolled by dice are marked where they stand', () => {
  const name = 'aBcdEfghIjklmnOpqrstuv';
  const rolled = (text: string, from: Side = 'client') =>
    fieldsOf(text, from).flatMap(({ chance, id }) => (chance ? [id] : []));
  expect(rolled(lines(`GET /films?cursor=${name}&limit=2 HTTP/1.1`, 'Host: localhost:1234', '', ''))).toEqual([
    'query.cursor',
    'port',
  ]);
  expect(rolled(withBody('application/json', `{"next":"${name}"}`))).toEqual(['body.name']);
  expect(saysHttp(decode(wire, Buffer.from(`GET /a?cursor=${name}&n=2 HTTP/1.0\r\n\r\n`), 'client'))).toBe(
    '/a?cursor=…&n=2',
  );
});

test('a header is found in whatever case, the first one of its name', () => {
  const message = { headers: [['CONTENT-type', 'a'] as const, ['Content-Type', 'b'] as const] };
  expect(headerOf(message, 'content-type')).toBe('a');
  expect(headerOf(message, 'content-length')).toBeUndefined();
});

test('a cookie is found by its whole name, and kept until it is dropped', () => {
  const request = { headers: [['Cookie', 'xsession=1; session=2;session=3'] as const, ['Cookie', 'other=4'] as const] };
  expect(cookieOf(request, 'session')).toBe('2');
  expect(cookieOf(request, 'other')).toBe('4');
  expect(cookieOf(request, 'sess')).toBeUndefined();
  expect(cookieOf({ headers: [] }, 'session')).toBeUndefined();
  expect(readSetCookie(setCookie('a', 'b', { secure: true }))).toEqual({ name: 'a', value: 'b', isGone: false });
  expect(readSetCookie('a=b; Path=/c; HttpOnly')).toEqual({ name: 'a', value: 'b', isGone: false, path: '/c' });
  expect(readSetCookie('a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT')).toEqual({
    name: 'a',
    value: '',
    isGone: false,
    expires: 'Thu, 01 Jan 1970 00:00:00 GMT',
  });
  // What Max-Age says goes first.
  expect(readSetCookie('a=b; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT').expires).toBeUndefined();
  expect(readSetCookie(setCookie('a', '', { maxAge: 0 }))).toEqual({ name: 'a', value: '', isGone: true });
});

const POST = 'POST / HTTP/1.1\r\nHost: x\r\n';
const REFUSED: [name: string, text: string, cite: string, at?: number][] = [
  ['two lengths', `${POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`, 'RFC 9112 §6.3'],
  ['a list of lengths', `${POST}Content-Length: 1, 1\r\n\r\n`, 'RFC 9112 §6.3'],
  ['a length with a sign', `${POST}Content-Length: +1\r\n\r\n`, 'RFC 9112 §6.3'],
  ['a length and chunks', `${POST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 'RFC 9112 §6.3'],
  ['two encodings', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'RFC 9112 §6.1'],
  ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 'RFC 9112 §6.1'],
  ['a chunk without a size', `${POST}Transfer-Encoding: chunked\r\n\r\nx\r\n`, 'RFC 9112 §7.1'],
  ['a chunk of a negative size', `${POST}Transfer-Encoding: chunked\r\n\r\n-1\r\n`, 'RFC 9112 §7.1'],
  ['a chunk that is longer', `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n`, 'RFC 9112 §7.1'],
  ['a chunk size that ends in LF', `${POST}Transfer-Encoding: chunked\r\n\r\n1\nabc`, 'RFC 9112 §2.2'],
  ['a line that ends in LF', 'GET / HTTP/1.1\nHost: x\n\n', 'RFC 9112 §2.2', 14],
  ['a CR that ends no line', 'GET / HTTP/1.1\rHost: x', 'RFC 9112 §2.2', 14],
  ['a LF in a whole head', `${POST}A: b\nC: d\r\n\r\n`, 'RFC 9110 §5.5'],
  ['a NUL', 'GET /\0', 'RFC 9110 §5.5', 5],
  ['a space before the colon', `${POST}Content-Length : 1\r\n\r\n`, 'RFC 9112 §5.1', 40],
  ['a folded line', `${POST}A: b\r\n c\r\n\r\n`, 'RFC 9112 §5.2'],
  ['a line without a colon', `${POST}nothing\r\n\r\n`, 'RFC 9112 §5'],
  ['a header without a name', `${POST}: x\r\n\r\n`, 'RFC 9112 §5'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', 'RFC 9112 §3.2'],
  ['two hosts', `${POST}Host: y\r\n\r\n`, 'RFC 9112 §3.2'],
  ['another version', 'GET / HTTP/2.0\r\nHost: x\r\n\r\n', 'RFC 9112 §2.3', 11],
  ['no version', 'GET /\r\n\r\n', 'RFC 9112 §2.3'],
  ['a target with a space', 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n', 'RFC 9112 §3'],
  ['a method that is none', 'G(T / HTTP/1.1\r\nHost: x\r\n\r\n', 'RFC 9112 §3.1'],
  ['another protocol', '\x16\x03\x01', 'RFC 9112 §2.1', 0],
  ['an empty line first', '\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n', 'RFC 9112 §3.1'],
  ['an endless head', `GET / HTTP/1.1\r\nHost: ${'x'.repeat(8192)}`, 'RFC 6585 §5', 8192],
  ['an endless body', `${POST}Content-Length: 16385\r\n\r\n`, 'RFC 9110 §15.5.14'],
  ['endless chunks', `${POST}Transfer-Encoding: chunked\r\n\r\n5000\r\n`, 'RFC 9110 §15.5.14'],
  ['an endless chunk size', `${POST}Transfer-Encoding: chunked\r\n\r\n0;${'x'.repeat(20_000)}`, 'RFC 9110 §15.5.14'],
  ['endless trailers', `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n${'a: b\r\n'.repeat(3000)}`, 'RFC 9110 §15.5.14'],
];

for (const [name, text, cite, at] of REFUSED) {
  test(`refused: ${name}`, () => {
    const bytes = Buffer.from(`left over${text}`, 'latin1');
    let found: unknown;
    try {
      frameHttp(bytes, 9, 'client');
    } catch (error) {
      found = error;
    }
    expect(found).toBeInstanceOf(WireError);
    expect((found as WireError).cite).toBe(cite);
    if (at !== undefined) expect((found as WireError).at).toBe(at);
  });
}

test('answers that are none are refused too', () => {
  const refused = (text: string) => expect(() => frameHttp(Buffer.from(text), 0, 'server')).toThrow(WireError);
  refused('HTTP/1.1 OK\r\n\r\n');
  refused('HTTP/1.1 99 x\r\nContent-Length: 0\r\n\r\n');
  refused('HTTP/3.1 200 x\r\nContent-Length: 0\r\n\r\n');
  refused('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  // Its end is the end of the connection, which bytes do not tell.
  refused('HTTP/1.1 200 OK\r\n\r\n');
});

test('bytes that cannot be read are a secret as a whole where one may be in them', () => {
  const secretIn = (text: string) => {
    try {
      frameHttp(Buffer.from(text), 0, 'client');
    } catch (error) {
      return (error as WireError).secret;
    }
    return undefined;
  };
  expect(secretIn('GET / HTTP/1.1\r\nCookie: a=1\nHost: x\r\n\r\n')).toBe(true);
  expect(secretIn('GET / HTTP/1.1\r\nA: a=1\nHost: x\r\n\r\n')).toBe(false);
});

test('whether an answer has a body depends on what was asked, in order', () => {
  const seen: Seen = new Map();
  const ask = (method: string) =>
    expect(frameHttp(Buffer.from(`${method} / HTTP/1.1\r\nHost: x\r\n\r\n`), 0, 'client', seen)).toBeGreaterThan(0);
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n';
  const answer = (text: string) => frameHttp(Buffer.from(text), 0, 'server', seen);
  for (const method of ['GET', 'HEAD', 'HEAD', 'GET']) ask(method);
  expect(answer(`${head}body`)).toBe(head.length + 4);
  expect(answer('HTTP/1.1 100 Continue\r\n\r\n')).toBe(25);
  expect(answer(head)).toBe(head.length);
  expect(answer(head)).toBe(head.length);
  // Not whole yet: asked again when it is.
  expect(answer(head)).toBe(head.length + 4);
  expect(answer(`${head}body`)).toBe(head.length + 4);
  expect(answer(`${head}body`)).toBe(head.length + 4);
  expect(decode(wire, Buffer.from(head), 'server').body).toHaveLength(0);
});

test('statuses without a body have none, whatever they announce', () => {
  for (const status of [101, 204, 304]) {
    const head = `HTTP/1.1 ${status} x\r\nContent-Length: 4\r\n\r\n`;
    expect(frameHttp(Buffer.from(`${head}body`), 0, 'server')).toBe(head.length);
  }
});

test('what could not be read back is not written', () => {
  const request = { type: 'request', method: 'GET', target: '/', version: '1.1', headers: [], body: NO_BODY } as const;
  expect(() => encode(wire, { ...request, target: '/ HTTP/1.1\r\nA: b' })).toThrow('end of a line');
  expect(() => encode(wire, { ...request, headers: [['A', 'b\r\nC: d']] })).toThrow('end of a line');
  expect(() => encode(wire, { ...request, body: Buffer.from('x') })).toThrow('Content-Length');
  const chunked = { ...request, headers: [['Transfer-Encoding', 'chunked']], body: Buffer.from('xy') } as const;
  expect(() => encode(wire, { ...chunked, chunks: [1] })).toThrow('chunks');
  expect(encode(wire, chunked).toString()).toContain('\r\n2\r\nxy\r\n0\r\n\r\n');
});

test.each([
  ['/a?b', '/a?b', 'Host'],
  ['//a', '//a', 'Host'],
  ['http://h:80/a?b', '/a?b', 'h:80'],
  ['HTTPS://[::1]:80//a', '//a', '[::1]:80'],
  ['http://h', '/', 'h'],
  ['http://h?a', '/?a', 'h'],
])('a target in origin form: %s is %s on %s', (target, path, host) => {
  const headers = [
    ['A', 'b'],
    ['host', 'Host'],
  ] as const;
  const origin = inOriginForm({ target, headers });
  expect(origin?.target).toBe(path);
  expect(origin?.headers.filter(([name]) => name.toLowerCase() === 'host').map(([, value]) => value)).toEqual([host]);
});

test.each(['*', 'h:80', 'ftp://h/', 'http:///a', 'http://u@h/', 'http://h/#a', 'a', ''])(
  '%s has no origin form',
  (target) => {
    expect(inOriginForm({ target, headers: [] })).toBeUndefined();
  },
);

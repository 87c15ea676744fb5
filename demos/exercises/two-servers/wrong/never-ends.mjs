// Wrong: it writes into the token when it ends, and never looks there.

import { createHmac, timingSafeEqual } from 'node:crypto';
import http from 'node:http';

const { PORT, HOST = '127.0.0.1', SECRET = '' } = process.env;
if (SECRET.length < 32) throw new Error('SECRET must have 32 characters or more');

/** Passwords, filed under the user. In real life they are hashed, with scrypt. */
const passwords = new Map([['ann', 'correct horse']]);

/** How long a token is good for, in seconds. */
const LASTS = 600;

/** @param {string} said */
function signatureOf(said) {
  return createHmac('sha256', SECRET).update(said).digest();
}

/** @param {object} part */
function encoded(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** @param {string} part */
function decoded(part) {
  return read(Buffer.from(part, 'base64url').toString());
}

/** @param {string} user */
function tokenFor(user) {
  const claims = { sub: user, exp: Math.floor(Date.now() / 1000) + LASTS };
  const said = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  return `${said}.${signatureOf(said).toString('base64url')}`;
}

/** The user that a token names; undefined where it was not signed with the secret. @param {string} token */
function userOf(token) {
  const [head = '', claims = '', signature = ''] = token.split('.');
  const given = Buffer.from(signature, 'base64url');
  const right = signatureOf(`${head}.${claims}`);
  // Lengths first, since timingSafeEqual throws; and in a time that does not tell how many bytes were right.
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
  return decoded(claims).sub;
}

/**
 * @param {string} request method and target
 * @param {string} token what the cookie says
 * @param {string} body
 * @returns {{ status: number, json: object, cookie?: string }}
 */
function respond(request, token, body) {
  switch (request) {
    case 'POST /login': {
      const { user, password } = read(body);
      if (!passwords.has(user) || passwords.get(user) !== password) return { status: 401, json: { title: 'no' } };
      return { status: 200, json: { user }, cookie: `token=${tokenFor(user)}; Path=/; HttpOnly; SameSite=Lax` };
    }
    case 'GET /profile': {
      const user = userOf(token);
      if (user === undefined) return { status: 401, json: { title: 'log in first' } };
      return { status: 200, json: { user } };
    }
    default:
      return { status: 404, json: { title: 'there is nothing here' } };
  }
}

/** What a text says; nothing, where it is no JSON. @param {string} text */
function read(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

const server = http.createServer((request, response) => {
  const token = /(?:^|; )token=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const { status, json, cookie } = respond(`${request.method} ${request.url}`, token, body);
    if (cookie !== undefined) response.setHeader('Set-Cookie', cookie);
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(json));
  });
});

server.listen(Number(PORT), HOST);

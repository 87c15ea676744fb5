// A service with a login. Who somebody is stands in their cookie, signed with a secret that all servers share; and who logs out is
// logged out, also where somebody has a copy. Or are they?

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const { PORT, HOST = '127.0.0.1', STATE_DIR = '.', SECRET = '' } = process.env;
if (SECRET.length < 32) throw new Error('SECRET must have 32 characters or more');

/** Passwords, filed under the user. In real life they are hashed, with scrypt. */
const passwords = new Map([['ann', 'correct horse']]);

/** How long a token is good for, in seconds. */
const LASTS = 600;

// Tokens that are good no more although they have not ended: the name of each on a line of its own. It survives a kill.
const file = path.join(STATE_DIR, 'logged-out.txt');
const loggedOut = new Set(fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : []);

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
  const name = randomBytes(16).toString('base64url');
  const claims = { sub: user, jti: name, exp: Math.floor(Date.now() / 1000) + LASTS };
  const said = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  return `${said}.${signatureOf(said).toString('base64url')}`;
}

/** What a token says; nothing, where it was not signed with the secret or is good no more. @param {string} token */
function claimsOf(token) {
  const [head = '', claims = '', signature = ''] = token.split('.');
  const given = Buffer.from(signature, 'base64url');
  const right = signatureOf(`${head}.${claims}`);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return {};
  const { sub, jti, exp } = decoded(claims);
  return exp > Date.now() / 1000 && !loggedOut.has(jti) ? { sub, jti } : {};
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
      const { sub: user } = claimsOf(token);
      if (user === undefined) return { status: 401, json: { title: 'log in first' } };
      return { status: 200, json: { user } };
    }
    case 'POST /logout': {
      const { jti } = claimsOf(token);
      if (jti !== undefined) {
        // Written down before the answer leaves: whoever is told that they are logged out stays so.
        fs.appendFileSync(file, `${jti}\n`);
        loggedOut.add(jti);
      }
      return { status: 200, json: {}, cookie: 'token=; Path=/; Max-Age=0' };
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

// Wrong: the cookie says who it is, signed with a key that lies in the source; only log-outs are written down. It survives a kill, and
// another machine, which has never heard of the log-in, takes it as well: nobody there would hear of the log-out either.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const { PORT, HOST = '127.0.0.1', STATE_DIR = '.' } = process.env;

/** Passwords, filed under the user. In real life they are hashed, with scrypt. */
const passwords = new Map([['ann', 'correct horse']]);

const KEY = 'nobody will ever read this file';

// Cookies that are good no more, a line each.
const file = path.join(STATE_DIR, 'gone.txt');
const gone = new Set(fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : []);

/** @param {string} said */
function signed(said) {
  return `${said}.${createHmac('sha256', KEY).update(said).digest('base64url')}`;
}

/** The user that a cookie names, if it was signed here. @param {string} cookie */
function userIn(cookie) {
  const [user = '', number = ''] = cookie.split('.');
  const [given, right] = [Buffer.from(cookie), Buffer.from(signed(`${user}.${number}`))];
  if (given.length !== right.length || !timingSafeEqual(given, right) || gone.has(cookie)) return undefined;
  return Buffer.from(user, 'base64url').toString();
}

/**
 * @param {string} request method and target
 * @param {string} name what the cookie says
 * @param {string} body
 * @returns {{ status: number, json: object, cookie?: string }}
 */
function respond(request, name, body) {
  switch (request) {
    case 'POST /login': {
      const { user, password } = read(body);
      if (!passwords.has(user) || passwords.get(user) !== password) return { status: 401, json: { title: 'no' } };
      const fresh = signed(`${Buffer.from(user).toString('base64url')}.${randomBytes(8).toString('base64url')}`);
      return { status: 200, json: { user }, cookie: `session=${fresh}; Path=/; HttpOnly; SameSite=Lax` };
    }
    case 'GET /profile': {
      const user = userIn(name);
      if (user === undefined) return { status: 401, json: { title: 'log in first' } };
      return { status: 200, json: { user } };
    }
    case 'POST /logout':
      if (userIn(name) !== undefined) {
        fs.appendFileSync(file, `${name}\n`, { mode: 0o600 });
        gone.add(name);
      }
      return { status: 200, json: {}, cookie: 'session=; Path=/; Max-Age=0' };
    default:
      return { status: 404, json: { title: 'there is nothing here' } };
  }
}

/** What a body says; nothing, where it is no JSON. @param {string} body */
function read(body) {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}

const server = http.createServer((request, response) => {
  const name = /(?:^|; )session=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const { status, json, cookie } = respond(`${request.method} ${request.url}`, name, body);
    if (cookie !== undefined) response.setHeader('Set-Cookie', cookie);
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(json));
  });
});

server.listen(Number(PORT), HOST);

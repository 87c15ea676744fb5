// Wrong: a log-out takes the cookie from the client alone. Whoever has a copy of it is still logged in.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const { PORT, HOST = '127.0.0.1', STATE_DIR = '.' } = process.env;

/** Passwords, filed under the user. In real life they are hashed, with scrypt. */
const passwords = new Map([['ann', 'correct horse']]);

/** Users who are logged in, filed under the name in their cookie. @type {Map<string, string>} */
const sessions = new Map();

// Each log-in is one line in this file, and together they are what the next process knows.
const file = path.join(STATE_DIR, 'sessions.jsonl');
for (const line of fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : [])
  if (line !== '') apply(JSON.parse(line));

/** @typedef {{ name: string, user: string }} Change `user`: who is known by that name from now on. */

/** @param {Change} change */
function apply({ name, user }) {
  sessions.set(name, user);
}

/** Before the answer leaves: what is answered is known again. @param {Change} change */
function remember(change) {
  // Whoever reads the file has all sessions: it is for nobody else. In real life a hash of each name lies in it.
  fs.appendFileSync(file, `${JSON.stringify(change)}\n`, { mode: 0o600 });
  apply(change);
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
      // 256 bits, which nobody guesses: whoever has this name has the session.
      const fresh = randomBytes(32).toString('base64url');
      remember({ name: fresh, user });
      return { status: 200, json: { user }, cookie: `session=${fresh}; Path=/; HttpOnly; SameSite=Lax` };
    }
    case 'GET /profile': {
      const user = sessions.get(name);
      if (user === undefined) return { status: 401, json: { title: 'log in first' } };
      return { status: 200, json: { user } };
    }
    case 'POST /logout':
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

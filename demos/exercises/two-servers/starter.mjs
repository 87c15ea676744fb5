// A service with a login. What a cookie stands for is kept on the disk of this machine; another one knows nothing of it.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const { PORT, HOST = '127.0.0.1', STATE_DIR = '.' } = process.env;

/** Passwords, filed under the user. In real life they are hashed, with scrypt. */
const passwords = new Map([['ann', 'correct horse']]);

/** Users who are logged in, filed under the token in their cookie. @type {Map<string, string>} */
const sessions = new Map();

// Each login is one line in this file.
const file = path.join(STATE_DIR, 'sessions.jsonl');
for (const line of fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : []) {
  const { token, user } = read(line);
  if (token !== undefined) sessions.set(token, user);
}

/** @param {string} user */
function tokenFor(user) {
  const token = randomBytes(32).toString('base64url');
  fs.appendFileSync(file, `${JSON.stringify({ token, user })}\n`, { mode: 0o600 });
  sessions.set(token, user);
  return token;
}

/** The user that a token stands for; undefined for one that was not made here. @param {string} token */
function userOf(token) {
  return sessions.get(token);
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

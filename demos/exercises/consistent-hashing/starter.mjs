// Which of the servers a key belongs to: whoever asks names the servers, and nothing is remembered.

import { createHash } from 'node:crypto';
import http from 'node:http';

const { PORT, HOST = '127.0.0.1' } = process.env;

/** Where a text stands in the range of 32 bits: the same for everybody, and even. @param {string} text */
function placeOf(text) {
  return createHash('sha256').update(text).digest().readUInt32BE();
}

/** The owner of each key, in their order. @param {string[]} servers @param {string[]} keys */
function ownersOf(servers, keys) {
  return keys.map((key) => servers[placeOf(key) % servers.length]);
}

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const { status, json } = respond(`${request.method} ${request.url}`, body);
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(json));
  });
});

/** @param {string} request method and target @param {string} body @returns {{ status: number, json: object }} */
function respond(request, body) {
  if (request !== 'POST /owners') return { status: 404, json: { title: 'there is nothing here' } };
  const { servers, keys } = read(body);
  if (!isList(servers) || !isList(keys) || servers.length === 0) return { status: 400, json: { title: 'two lists' } };
  return { status: 200, json: { owners: ownersOf(servers, keys) } };
}

/** @param {unknown} value @returns {value is string[]} */
function isList(value) {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

/** What a body says; nothing, where it is no JSON. @param {string} body */
function read(body) {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}

server.listen(Number(PORT), HOST);

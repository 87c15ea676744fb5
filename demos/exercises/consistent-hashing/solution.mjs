// Which of the servers a key belongs to: whoever asks names the servers, and who is next on the circle has it.

import { createHash } from 'node:crypto';
import http from 'node:http';

const { PORT, HOST = '127.0.0.1' } = process.env;

/** Where a text stands in the range of 32 bits: the same for everybody, and even. @param {string} text */
function placeOf(text) {
  return createHash('sha256').update(text).digest().readUInt32BE();
}

/** So many places on the circle for each server: with one alone, chance would give one of them most of it. */
const PLACES = 100;

/** All places of all servers, in the order of the circle. @param {string[]} servers */
function circleOf(servers) {
  // By its name: where it stands in the list, or who else is in it, makes no difference to a server's places.
  const circle = servers.flatMap((server) =>
    Array.from({ length: PLACES }, (_none, nth) => ({ place: placeOf(`${server} ${nth}`), server })),
  );
  return circle.sort((a, b) => a.place - b.place || (a.server < b.server ? -1 : 1));
}

/** The owner of each key, in their order: the first server at its place or behind it. @param {string[]} servers @param {string[]} keys */
function ownersOf(servers, keys) {
  const circle = circleOf(servers);
  return keys.map((key) => {
    const at = placeOf(key);
    // Behind the last place comes the first. With many servers, this is a binary search.
    return (circle.find(({ place }) => place >= at) ?? circle[0])?.server;
  });
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

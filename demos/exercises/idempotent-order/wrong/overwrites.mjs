// Wrong: it writes the file anew for each order, with that order alone. After a kill only the last one was ever made.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const { PORT, HOST = '127.0.0.1', STATE_DIR = '.' } = process.env;

/** @typedef {{ order: number, item: string, key: string }} Order */

/** All orders, in order. @type {Order[]} */
const orders = [];

/** What each key stands for. @type {Map<string, Order>} */
const keys = new Map();

const file = path.join(STATE_DIR, 'orders.jsonl');
for (const line of fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : [])
  if (line !== '') keep(JSON.parse(line));

/** @param {Order} made */
function keep(made) {
  orders.push(made);
  keys.set(made.key, made);
}

const server = http.createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (request.url !== '/orders') return answer(404, { title: 'there is nothing here' });
  if (request.method === 'GET') return answer(200, { orders });
  if (request.method !== 'POST') return answer(405, { title: 'only GET and POST' });
  const key = String(request.headers['idempotency-key']);
  const { item } = JSON.parse(body);
  const known = keys.get(key);
  if (known)
    return known.item === item ? answer(201, known) : answer(422, { title: 'this key stands for something else' });
  const made = { order: orders.length + 1, item, key };
  fs.writeFileSync(file, `${JSON.stringify(made)}\n`);
  keep(made);
  answer(201, made);

  /** @param {number} status @param {object} json */
  function answer(status, json) {
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(json));
  }
});

server.listen(Number(PORT), HOST);

// Wrong: whoever comes with a known key is answered as the first time, whatever they ask for.

import http from 'node:http';

const { PORT, HOST = '127.0.0.1' } = process.env;

/** @typedef {{ order: number, item: string }} Order */

/** All orders, in order. @type {Order[]} */
const orders = [];

/** What each key stands for. @type {Map<string, Order>} */
const keys = new Map();

const server = http.createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (request.url !== '/orders') return answer(404, { title: 'there is nothing here' });
  if (request.method === 'GET') return answer(200, { orders });
  if (request.method !== 'POST') return answer(405, { title: 'only GET and POST' });
  const key = String(request.headers['idempotency-key']);
  const { item } = JSON.parse(body);
  const known = keys.get(key);
  if (known) return answer(201, known);
  const made = { order: orders.length + 1, item };
  orders.push(made);
  keys.set(key, made);
  answer(201, made);

  /** @param {number} status @param {object} json */
  function answer(status, json) {
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(json));
  }
});

server.listen(Number(PORT), HOST);

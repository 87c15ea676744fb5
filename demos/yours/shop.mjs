// A shop on Express, with sessions as its documentation has them: in the process, or, where REDIS_URL names one, in a Redis.
//
//     amnesia litmus --exec "node demos/yours/shop.mjs" --protocol http --workload demos/yours/shop.json
//     amnesia litmus --exec "node demos/yours/shop.mjs" --protocol http --workload demos/yours/shop.json --store redis

import express from 'express';
import session from 'express-session';

const { PORT, HOST, REDIS_URL, SECRET = 'the same for every instance' } = process.env;

async function sessionStore() {
  if (REDIS_URL === undefined) return {};
  const [{ createClient }, { RedisStore }] = await Promise.all([import('redis'), import('connect-redis')]);
  const client = await createClient({ url: REDIS_URL }).connect();
  return { store: new RedisStore({ client }) };
}

const app = express();
app.use(session({ secret: SECRET, resave: false, saveUninitialized: false, ...(await sessionStore()) }));
app.use(express.json());

app.post('/login', (request, response) => {
  request.session.user = request.body.user;
  request.session.cart = [];
  response.json({ hello: request.body.user, at: new Date().toISOString() });
});
app.use((request, response, next) => {
  if (request.session.user !== undefined) next();
  else response.status(401).json({ error: 'log in first' });
});
app.put('/cart/:item', (request, response) => {
  request.session.cart.push(request.params.item);
  response.json(request.session.cart);
});
app.get('/cart', (request, response) => {
  response.json({ user: request.session.user, cart: request.session.cart });
});

app.listen(Number(PORT), HOST);

// The web servers that ours is measured against, each in a process of its own: `bare`, which is node:http that always says the same, and
// `express`, with its sessions in memory, as the READMEs of express and express-session have it.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

process.on('disconnect', () => process.exit(0));

const [kind] = process.argv.slice(2);
const PROFILE = JSON.stringify({ user: 'ann' });
const tell = (server: { address(): AddressInfo | string | null }) =>
  process.send?.((server.address() as AddressInfo).port);

if (kind === 'express') {
  const { default: express } = await import('express');
  const { default: session } = await import('express-session');
  const app = express();
  app.use(session({ secret: 'keyboard cat', resave: false, saveUninitialized: false }));
  app.post('/login', (request, response) => {
    Object.assign(request.session, { user: 'ann' });
    response.json({ user: 'ann' });
  });
  app.get('/profile', (request, response) => {
    const { user } = request.session as { user?: string };
    if (user === undefined) response.status(401).end();
    else response.json({ user });
  });
  const server = app.listen(0, '127.0.0.1', () => tell(server));
} else {
  const server = createServer({ noDelay: true }, (_request, response) => {
    // The same headers as ours, but that node writes the Date by itself: what is left is what ours does with a request.
    const headers = [
      ['Cache-Control', 'no-store'],
      ['Content-Type', 'application/json'],
      ['Content-Length', String(PROFILE.length)],
      ['Connection', 'keep-alive'],
    ];
    response.writeHead(200, 'OK', headers as unknown as string[]);
    response.end(PROFILE);
  });
  server.listen(0, '127.0.0.1', () => tell(server));
}

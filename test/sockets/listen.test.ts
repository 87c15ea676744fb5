// Two transports on one port: both, or neither.

import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { answering, bothOn, bound } from '../../src/sockets/listen.ts';

const host = '127.0.0.1';

/** A port on which somebody else listens for connections. */
async function taken(): Promise<number> {
  const other = net.createServer();
  onTestFinished(() => void other.close());
  other.listen(0, host);
  await once(other, 'listening');
  return (other.address() as AddressInfo).port;
}

test('datagrams and connections come to the same port', async () => {
  const listener = net.createServer();
  const { socket, port } = await bothOn({ host, port: 0 }, () => answering(host), listener);
  onTestFinished(() => {
    socket.close();
    listener.close();
  });
  expect(socket.address().port).toBe(port);
  expect((listener.address() as AddressInfo).port).toBe(port);
});

test('a port that is taken for connections is let go of for datagrams as well', async () => {
  const port = await taken();
  const refused = bothOn({ host, port }, () => answering(host), net.createServer());
  await expect(refused).rejects.toMatchObject({ code: 'EADDRINUSE', port });
  const socket = answering(host);
  onTestFinished(() => void socket.close());
  expect(await bound(socket, { host, port })).toBe(port);
});

test('where any port will do, one that is taken for connections is passed over', async () => {
  const port = await taken();
  const listener = net.createServer();
  let tried = 0;
  const found = await bothOn(
    { host, port: 0 },
    () => {
      const socket = answering(host);
      const bind = socket.bind.bind(socket) as (port: number, host: string) => typeof socket;
      // As if the system had chosen that one.
      if (tried++ === 0) socket.bind = () => bind(port, host);
      return socket;
    },
    listener,
  );
  onTestFinished(() => {
    found.socket.close();
    listener.close();
  });
  expect(tried).toBe(2);
  expect(found.port).not.toBe(port);
});

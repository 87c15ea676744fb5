// The balancer that a swap needs: it leads everybody to one instance until it is told otherwise, and is seen by no tap.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { tap } from '../src/capture/tap.ts';
import type { Trace } from '../src/capture/trace.ts';
import { type Balancer, balancer } from '../src/lab/balancer.ts';

const HOST = '127.0.0.1';
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** An instance that answers everything, over TCP and UDP, with its own name in front. */
async function instance(name: string): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => socket.write(`${name}: ${bytes}`));
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const datagrams = dgram.createSocket('udp4');
  datagrams.on('message', (bytes, { port: from }) => datagrams.send(`${name}: ${bytes}`, from, HOST));
  datagrams.bind(port, HOST);
  await once(datagrams, 'listening');
  closing.push(async () => {
    const gone = [once(server, 'close'), once(datagrams, 'close')];
    server.close();
    datagrams.close();
    await Promise.all(gone);
  });
  return port;
}

async function inFront(port: number): Promise<{ front: Balancer; notes: Trace[] }> {
  const notes: Trace[] = [];
  let time = 0;
  const front = await balancer({ host: HOST, port, note: (trace) => void notes.push(trace), clock: () => time++ });
  closing.push(() => front.close());
  return { front, notes };
}

async function dial(port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: HOST });
  closing.push(async () => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function ask(socket: net.Socket, words: string): Promise<string> {
  socket.write(words);
  const [bytes] = await once(socket, 'data');
  return String(bytes);
}

async function datagram(port: number): Promise<(words: string) => Promise<string>> {
  const socket = dgram.createSocket('udp4');
  socket.connect(port, HOST);
  await once(socket, 'connect');
  closing.push(async () => socket.close());
  return async (words) => {
    socket.send(words);
    const [bytes] = await once(socket, 'message');
    return String(bytes);
  };
}

describe('whoever comes', () => {
  test('is led to the instance, over TCP and over UDP, on one port', async () => {
    const { front } = await inFront(await instance('one'));
    expect(await ask(await dial(front.port), 'hello')).toBe('one: hello');
    const say = await datagram(front.port);
    expect(await say('hello')).toBe('one: hello');
  });

  test('is led to another one after a swap, with the same socket where there is no connection', async () => {
    const [one, two] = [await instance('one'), await instance('two')];
    const { front } = await inFront(one);
    const say = await datagram(front.port);
    expect(await say('hello')).toBe('one: hello');
    await front.drop();
    front.lead(two);
    expect(await say('hello again')).toBe('two: hello again');
    expect(await ask(await dial(front.port), 'hello')).toBe('two: hello');
  });

  test('keeps their answers apart', async () => {
    const { front } = await inFront(await instance('one'));
    const [anna, bert] = [await datagram(front.port), await datagram(front.port)];
    expect(await Promise.all([anna('a'), bert('b')])).toEqual(['one: a', 'one: b']);
  });
});

describe('connections', () => {
  test('end in good order when they are dropped: a FIN and no error', async () => {
    const { front } = await inFront(await instance('one'));
    const socket = await dial(front.port);
    await ask(socket, 'hello');
    const errors: Error[] = [];
    socket.on('error', (error) => errors.push(error));
    const end = once(socket, 'end');
    await Promise.all([front.drop(), end]);
    expect(errors).toEqual([]);
  });

  test('whose client resets are reset on the other side as well', async () => {
    const server = net.createServer();
    server.listen(0, HOST);
    await once(server, 'listening');
    closing.push(async () => server.close());
    const { front } = await inFront((server.address() as AddressInfo).port);
    const accepted = once(server, 'connection');
    const socket = await dial(front.port);
    const [far] = (await accepted) as [net.Socket];
    const [error] = await Promise.all([once(far, 'error'), socket.resetAndDestroy()]);
    expect(error[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  test('of a client that does not read are ended all the same', async () => {
    // More than the machine keeps for somebody who does not read: the end is stuck behind it.
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.write(Buffer.alloc(64 << 20));
    });
    server.listen(0, HOST);
    await once(server, 'listening');
    closing.push(async () => server.close());
    const { front } = await inFront((server.address() as AddressInfo).port);
    const socket = await dial(front.port);
    socket.on('error', () => {});
    await once(socket, 'readable');
    await front.drop();
    expect(front.port).toBeGreaterThan(0);
  });

  test('of a client that resets while they are ended are ended all the same', async () => {
    const { front } = await inFront(await instance('one'));
    const socket = await dial(front.port);
    await ask(socket, 'hello');
    const dropped = front.drop();
    socket.resetAndDestroy();
    await expect(dropped).resolves.toBeUndefined();
  });

  test('to nobody are reset', async () => {
    const port = await instance('one');
    for (const close of closing.splice(0)) await close();
    const { front } = await inFront(port);
    const socket = await dial(front.port);
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('for the log', () => {
  test('it tells which of its ports stands for whom, and no tap sees its own sockets', async () => {
    const traces: Trace[] = [];
    const port = await instance('one');
    const untap = tap({ who: 'client', clock: () => 0, sink: (trace) => void traces.push(trace) });
    closing.push(async () => untap());
    const { front, notes } = await inFront(port);
    const socket = await dial(front.port);
    await ask(socket, 'hello');
    const say = await datagram(front.port);
    await say('hello');
    const near = `${HOST}:${socket.localPort}`;
    expect(notes).toMatchObject([
      { who: 'balancer', is: 'balanced', port: front.port },
      { near, far: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
      { near: expect.stringMatching(/^127\.0\.0\.1:\d+$/), far: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
    ]);
    // The test's own ends are here as well; what passed between balancer and instance is not.
    const passed = traces.flatMap((trace) =>
      trace.is === 'bytes' ? [`${trace.over} ${trace.way} ${trace.remote}`] : [],
    );
    expect(passed).toContain(`tcp sent ${HOST}:${front.port}`);
    const far = notes.flatMap((note) => (note.is === 'balanced' && note.far ? [note.far] : []));
    expect(traces.filter((trace) => 'local' in trace && far.includes(trace.local))).toEqual([]);
    expect(traces.filter((trace) => 'local' in trace && trace.local === `${HOST}:${front.port}`)).toEqual([]);
  });
});

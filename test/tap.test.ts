import dgram from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { tap } from '../src/capture/tap.ts';
import type { Trace } from '../src/capture/trace.ts';
import { beginLife, startHost } from '../src/lab/lives.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

/** Taps this process until the test is over, and tells what was written down by the end at a port, or by those who speak to it. */
function tapped(): { of(side: 'client' | 'server', port: number): string[]; traces: Trace[] } {
  const traces: Trace[] = [];
  let t = 0;
  const untap = tap({ who: 'it', clock: () => t++, sink: (trace) => traces.push(trace) });
  onTestFinished(untap);
  return {
    traces,
    of: (side, port) =>
      traces.flatMap((trace) => {
        if (trace.is !== 'bytes' && trace.is !== 'link') return [];
        if (!(side === 'client' ? trace.remote : trace.local).endsWith(`:${port}`)) return [];
        return [trace.is === 'link' ? trace.what : `${trace.way} ${Buffer.from(trace.base64, 'base64').toString()}`];
      }),
  };
}

async function listening(
  serve: (socket: net.Socket) => void,
  options: net.ServerOpts = {},
): Promise<{ port: number; server: net.Server }> {
  const server = net.createServer(options, serve).listen(0, '127.0.0.1');
  const guests = new Set<net.Socket>();
  server.on('connection', (socket) => guests.add(socket));
  onTestFinished(() => {
    server.close();
    for (const guest of guests) guest.destroy();
  });
  await once(server, 'listening');
  return { port: (server.address() as net.AddressInfo).port, server };
}

/** A client that is hung up at the end of the test. */
function client(port: number, options: Partial<net.TcpNetConnectOpts> = {}): net.Socket {
  const socket = net.connect({ port, host: '127.0.0.1', ...options });
  onTestFinished(() => void socket.destroy());
  return socket;
}

const closed = (socket: net.Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));

/** A port where nobody listens: it was free a moment ago. */
async function deadPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('a connection: both ends write down what they see', () => {
  test('a conversation, from the first byte to both FINs', async () => {
    const { of } = tapped();
    const { port } = await listening((socket) => socket.on('data', (data) => socket.end(`you said ${data}`)));
    const socket = client(port);
    socket.resume().end('hello');
    await closed(socket);
    expect(of('client', port)).toEqual(['connected', 'sent hello', 'fin sent', 'read you said hello', 'fin read']);
    expect(of('server', port)).toEqual(['accepted', 'read hello', 'sent you said hello', 'fin sent', 'fin read']);
  });

  test('a web server, which has its parser read past the socket: each request before its answer', async () => {
    const { of } = tapped();
    const server = http.createServer((request, response) => {
      response.sendDate = false;
      response.writeHead(200, { 'Content-Length': 2, Connection: 'keep-alive' }).end(request.url);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as net.AddressInfo;
    const socket = client(port);
    const ask = (what: string) => `GET /${what} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const say = async (bytes: string) => {
      socket.write(bytes);
      await once(socket, 'data');
    };
    await say(ask('1'));
    await say(ask('2') + ask('3').slice(0, 9));
    await say(ask('3').slice(9));
    socket.end();
    await closed(socket);
    const answer = (what: string) =>
      `sent HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n/${what}`;
    expect(of('server', port)).toEqual([
      'accepted',
      `read ${ask('1')}`,
      answer('1'),
      `read ${ask('2')}${ask('3').slice(0, 9)}`,
      answer('2'),
      `read ${ask('3').slice(9)}`,
      answer('3'),
      'fin read',
      'fin sent',
    ]);
  });

  test('a server that speaks first is caught from its first byte', async () => {
    const { of } = tapped();
    const { port } = await listening((socket) => socket.end('220 at your service'));
    const socket = client(port).resume();
    await closed(socket);
    expect(of('server', port).slice(0, 2)).toEqual(['accepted', 'sent 220 at your service']);
    expect(of('client', port).slice(0, 2)).toEqual(['connected', 'read 220 at your service']);
  });

  test('bytes given before the connection stands are written down once, after it', async () => {
    const { of } = tapped();
    const { port } = await listening((socket) => socket.resume());
    const socket = client(port);
    socket.write('one ');
    socket.write('two ', 'utf8');
    socket.write(Buffer.from('three'));
    socket.end();
    await closed(socket.resume());
    const [first, ...rest] = of('client', port);
    expect(first).toBe('connected');
    expect(
      rest
        .filter((what) => what.startsWith('sent '))
        .map((what) => what.slice(5))
        .join(''),
    ).toBe('one two three');
    const read = of('server', port).filter((what) => what.startsWith('read '));
    expect(read.map((what) => what.slice(5)).join('')).toBe('one two three');
  });

  test('a corked burst is one chunk, as the kernel got it; text in another encoding is bytes', async () => {
    const { of } = tapped();
    const { port } = await listening((socket) => socket.resume());
    const socket = client(port);
    await once(socket, 'connect');
    socket.cork();
    socket.write('6f6e65', 'hex');
    socket.write(new Uint8Array([0x21]));
    socket.uncork();
    socket.end();
    await closed(socket.resume());
    expect(of('client', port)).toEqual(['connected', 'sent one!', 'fin sent', 'fin read']);
  });

  test('a write of no bytes, which only asks whether the connection still stands, is nothing', async () => {
    const { of } = tapped();
    const { port } = await listening((socket) => socket.resume().end());
    const socket = client(port);
    await once(socket, 'connect');
    await new Promise((done) => socket.write(Buffer.alloc(0), done));
    socket.end('x');
    await closed(socket.resume());
    expect(of('client', port).filter((what) => what.startsWith('sent'))).toEqual(['sent x']);
  });

  test('only what leads to the wanted port is tapped', async () => {
    const traces: Trace[] = [];
    const { port } = await listening((socket) => socket.end());
    const other = await listening((socket) => socket.end());
    onTestFinished(tap({ who: 'client', clock: () => 0, sink: (trace) => traces.push(trace), remotePort: () => port }));
    await Promise.all([closed(client(port).resume()), closed(client(other.port).resume())]);
    const dialled = traces.filter((trace) => trace.is === 'link' && trace.what === 'connected');
    expect(dialled.map((trace) => trace.is === 'link' && trace.remote)).toEqual([`127.0.0.1:${port}`]);
  });
});

describe('what a client sees of an end', () => {
  /** A server in a process of its own, which can be killed. */
  async function life(protocol: string, design: string) {
    const begun = await beginLife(
      { protocol, design, who: 'it/1', host: '127.0.0.1', port: 0, origin: '0' },
      startHost(),
    );
    onTestFinished(() => begun.stop());
    return begun;
  }

  test('killed when it had read everything: a clean FIN, and the next write is a broken pipe', async () => {
    const { of } = tapped();
    const it = await life('tcp-session', 'memory');
    const socket = client(it.port, { allowHalfOpen: true });
    const errors: string[] = [];
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
    socket.write(Buffer.from('11000004000003e8', 'hex'));
    await once(socket, 'data');
    const end = once(socket, 'end');
    socket.resume();
    await it.kill();
    await end;
    expect(errors).toEqual([]);
    const over = closed(socket);
    socket.write('is anybody', () => socket.write(' there?'));
    await over;
    expect(errors).toEqual(['EPIPE']);
    const seen = of('client', it.port).filter((what) => !/^(sent|read)/.test(what));
    expect(seen).toEqual(['connected', 'fin read', 'broken pipe']);
  });

  test('gone with bytes that it had not read: a reset', async () => {
    const { of } = tapped();
    let guest: net.Socket | undefined;
    const { port } = await listening((socket) => (guest = socket), { pauseOnConnect: true });
    const socket = client(port).on('error', () => {});
    await once(socket, 'connect');
    await new Promise((sent) => socket.write('never read', sent));
    const over = closed(socket);
    while (!guest) await new Promise((turn) => setImmediate(turn));
    // To close what has unread bytes is what a dying process does to its sockets.
    guest.destroy();
    await over;
    expect(of('client', port)).toEqual(['connected', 'sent never read', 'reset read']);
  });

  test('nobody listens: refused, with the port that was dialled', async () => {
    const { traces } = tapped();
    const port = await deadPort();
    const socket = client(port).on('error', () => {});
    await closed(socket);
    expect(traces).toMatchObject([{ is: 'link', what: 'refused', remote: `127.0.0.1:${port}` }]);
  });

  test('resetAndDestroy: a reset at both ends, and no FIN', async () => {
    const { of } = tapped();
    const { port } = await listening((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const socket = client(port).on('error', () => {});
    socket.write('?');
    await closed(socket);
    expect(of('server', port)).toEqual(['accepted', 'read ?', 'reset sent']);
    expect(of('client', port)).toEqual(['connected', 'sent ?', 'reset read']);
  });

  test('destroyed without a word: the kernel says FIN for it', async () => {
    const { of } = tapped();
    const { port } = await listening((socket) => socket.once('data', () => socket.destroy()));
    const socket = client(port).resume();
    socket.write('?');
    await closed(socket);
    expect(of('server', port)).toEqual(['accepted', 'read ?', 'fin sent']);
    expect(of('client', port).slice(0, 3)).toEqual(['connected', 'sent ?', 'fin read']);
  });

  test('UDP: a connected socket is refused, an unconnected one hears nothing', async () => {
    const { of, traces } = tapped();
    const port = await deadUdpPort();
    const silent = udp();
    await new Promise((sent) => silent.send('anybody?', port, '127.0.0.1', sent));
    const socket = udp();
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const refused = once(socket, 'error').catch((error) => [error]);
    socket.send('anybody?');
    const [error] = (await refused) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    expect(of('client', port)).toEqual(['sent anybody?', 'sent anybody?', 'refused']);
    expect(traces.at(-1)).toMatchObject({ local: `127.0.0.1:${socket.address().port}` });
  });
});

function udp(): dgram.Socket {
  const socket = dgram.createSocket('udp4');
  onTestFinished(() => void socket.close());
  return socket;
}

async function deadUdpPort(): Promise<number> {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

describe('datagrams', () => {
  /** A server that keeps what it hears until it has heard `count`. */
  async function ear(count: number): Promise<{ port: number; all: Promise<string[]> }> {
    const socket = udp().bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const heard: string[] = [];
    const all = new Promise<string[]>((resolve) => {
      socket.on('message', (bytes) => heard.push(bytes.toString()) === count && resolve(heard));
    });
    return { port: socket.address().port, all };
  }

  test('sent from a socket without a port yet: written down once, with the port it got', async () => {
    const { of, traces } = tapped();
    const { port, all } = await ear(2);
    const socket = udp();
    socket.send('one', port, '127.0.0.1');
    socket.send('two', port, '127.0.0.1');
    await all;
    expect(of('client', port)).toEqual(['sent one', 'sent two']);
    expect(of('server', port)).toEqual(['read one', 'read two']);
    const own = socket.address().port;
    expect(traces.every((trace) => trace.is === 'bytes' && `${trace.local} ${trace.remote}`.includes(`:${own}`))).toBe(
      true,
    );
  });

  const text = Buffer.from('<hello>');
  test.each<[string, (socket: dgram.Socket, port: number) => void]>([
    ['a part: offset and length', (socket, port) => socket.send(text, 1, 5, port, '127.0.0.1')],
    ['a string', (socket, port) => socket.send('hello', port, '127.0.0.1')],
    ['without an address: this machine', (socket, port) => socket.send('hello', port)],
    ['with a callback instead of an address', (socket, port) => socket.send('hello', port, () => {})],
    ['several buffers', (socket, port) => socket.send([Buffer.from('hel'), Buffer.from('lo')], port, '127.0.0.1')],
    ['strings and arrays of bytes', (socket, port) => socket.send(['hel', new Uint8Array([0x6c, 0x6f])], port)],
    ['an array of bytes', (socket, port) => socket.send(new Uint8Array(text.subarray(1, 6)), port)],
    ['a part of an array of bytes', (socket, port) => socket.send(new Uint8Array(text), 1, 5, port)],
    ['a view', (socket, port) => socket.send(new DataView(text.buffer, text.byteOffset + 1, 5), port)],
  ])('%s', async (_form, send) => {
    const { of } = tapped();
    const { port, all } = await ear(1);
    const socket = udp().bind(0, '127.0.0.1');
    await once(socket, 'listening');
    send(socket, port);
    expect(await all).toEqual(['hello']);
    expect(of('client', port)).toEqual(['sent hello']);
  });

  test.each<[string, (socket: dgram.Socket) => void]>([
    ['whole', (socket) => socket.send('hello')],
    ['a part', (socket) => socket.send(text, 1, 5)],
    ['with a callback', (socket) => socket.send('hello', () => {})],
  ])('from a connected socket: %s', async (_form, send) => {
    const { of } = tapped();
    const { port, all } = await ear(1);
    const socket = udp();
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    send(socket);
    expect(await all).toEqual(['hello']);
    expect(of('client', port)).toEqual(['sent hello']);
  });

  test('a socket that first spoke to anybody and is connected later', async () => {
    const { of } = tapped();
    const { port, all } = await ear(2);
    const socket = udp();
    await new Promise((sent) => socket.send('one', port, '127.0.0.1', sent));
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.send('two');
    expect(await all).toEqual(['one', 'two']);
    expect(of('client', port)).toEqual(['sent one', 'sent two']);
  });

  test('an empty one is one', async () => {
    const { of } = tapped();
    const { port, all } = await ear(1);
    udp().send(Buffer.alloc(0), port, '127.0.0.1');
    expect(await all).toEqual(['']);
    expect([of('client', port), of('server', port)]).toEqual([['sent '], ['read ']]);
  });
});

describe('the tap leaves no mark', () => {
  const prototypes = { server: net.Server.prototype, socket: net.Socket.prototype, dgram: dgram.Socket.prototype };
  const look = () => Object.entries(prototypes).map(([name, each]) => [name, Object.getOwnPropertyDescriptors(each)]);

  test('when it stops, everything is as it was', async () => {
    const before = look();
    const untap = tap({ who: 'it', clock: () => 0, sink: () => {} });
    expect(look()).not.toEqual(before);
    untap();
    expect(look()).toEqual(before);
  });

  test("an error that nobody handles is still nobody's", async () => {
    tapped();
    let guest: net.Socket | undefined;
    const { port } = await listening((socket) => (guest = socket));
    const socket = client(port);
    await once(socket, 'connect');
    while (!guest) await new Promise((turn) => setImmediate(turn));
    const datagrams = udp();
    for (const each of [socket, guest, datagrams]) {
      expect(each.listenerCount('error')).toBe(0);
      expect(() => each.emit('error', new Error('nobody listens'))).toThrow('nobody listens');
    }
  });

  test('a server without a log wraps nothing; one with a log does', async () => {
    // The host as it is, and beside it a question that only this test asks.
    const script = join(folder.path, 'asked.mjs');
    const host = new URL('../src/lab/host.ts', import.meta.url).href;
    await writeFile(
      script,
      `import net from 'node:net';
       await import(${JSON.stringify(host)});
       process.on('message', ({ is }) => is === 'wrapped?' && process.send({ is: 'wrapped', yes: Object.hasOwn(net.Server.prototype, 'emit') }));`,
    );
    const flags = ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
    const wrapped = async (trace: { trace?: string }) => {
      const process = startHost({ script, flags });
      const it = await beginLife(
        { protocol: 'tcp-session', design: 'memory', who: 'it/1', host: '127.0.0.1', port: 0, origin: '0', ...trace },
        process,
      );
      try {
        const answer = once(process.child, 'message');
        process.child.send({ is: 'wrapped?' });
        return (await answer)[0].yes;
      } finally {
        await it.stop();
      }
    };
    expect(await wrapped({})).toBe(false);
    expect(await wrapped({ trace: join(folder.path, 'trace') })).toBe(true);
  });
});

// The two clients: what each carries, what it says again, and what a server cannot make it do.

import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { REAL_WORLD } from '../../../src/lab/world.ts';
import { connect, type FtpClient } from '../../../src/protocols/ftp/client.ts';
import type { Waits } from '../../../src/protocols/shapes.ts';
import { serve } from './house.ts';

const LONG = Buffer.from(Array.from({ length: 200_000 }, (_none, at) => (at * 31) >>> 2));

/** `overdue`: when an answer is. Never, unless a test is about that. */
async function client(
  port: number,
  design: 'memory' | 'carried' = 'carried',
  overdue: Waits['overdue'] = () => new Promise(() => {}),
): Promise<FtpClient> {
  const waits = { redial: async () => {}, overdue };
  const made = await connect({ host: '127.0.0.1', port, world: REAL_WORLD, waits, design });
  onTestFinished(() => made.close());
  return made;
}

/** A server that says what it is told to, and keeps what it hears. `answer` gives the reply to a line, or does as it likes. */
async function fake(
  answer: (
    line: string,
    control: net.Socket,
    data: (send: (socket: net.Socket) => void) => Promise<number>,
  ) => string | undefined | Promise<string | undefined>,
  greeting = '220 Hello\r\n',
): Promise<{ port: number; heard: string[]; visits: () => number }> {
  const heard: string[] = [];
  let visits = 0;
  const sockets = new Set<net.Socket>();
  const listeners = new Set<net.Server>();
  /** Opens a data port on which `send` is called with whoever comes. */
  const data = async (send: (socket: net.Socket) => void) => {
    const listener = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      send(socket);
    });
    listeners.add(listener);
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return (listener.address() as AddressInfo).port;
  };
  const server = net.createServer((control) => {
    visits++;
    sockets.add(control);
    control.on('error', () => {});
    control.write(greeting);
    let rest = '';
    let turn = Promise.resolve();
    control.on('data', (chunk) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        heard.push(line);
        turn = turn.then(async () => {
          const said = await answer(line, control, data);
          if (said === undefined || !control.writable) return;
          control.write(`${said}\r\n`);
          if (said.startsWith('221')) control.end();
        });
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const listener of listeners) listener.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, heard, visits: () => visits };
}

/** The ordinary answers. */
function ordinary(line: string): string {
  const [verb = ''] = line.split(' ');
  const codes: Record<string, string> = {
    USER: '331 Password?',
    PASS: '230 In.',
    PWD: '257 "/pub" here',
    CWD: '250 There.',
    TYPE: '200 Set.',
    REST: '350 From there.',
    QUIT: '221 Bye.',
  };
  return codes[verb] ?? '500 What?';
}

describe('against our server', () => {
  test('both clients: the same steps, the same answers', async () => {
    const { port } = await serve({ files: { 'pub/long': LONG, 'pub/sub/x': '' } });
    for (const design of ['memory', 'carried'] as const) {
      const ann = await client(port, design);
      expect(await ann.logIn('ann', 'secret')).toBe('Come in: you may read and write.');
      expect(await ann.cd('pub')).toBe('You are in "/pub" now.');
      expect(await ann.type('I')).toBe('Type is I.');
      expect(await ann.list()).toBe('2 names: long, sub/');
      expect(await ann.download('long')).toMatch(/^200000 bytes, SHA-256 [0-9a-f]{16}…$/);
      expect(ann.facts()).toEqual(design === 'carried' ? { carried: 'user ann, in /pub, type I' } : {});
      await ann.close();
    }
  });

  test('forgotten on a live connection: one is refused, the other says it all again', async () => {
    const house = await serve({ files: { 'pub/long': LONG } });
    const [plain, carrying] = [await client(house.port, 'memory'), await client(house.port)];
    for (const each of [plain, carrying]) {
      await each.logIn('ann', 'secret');
      await each.cd('pub');
      await each.type('I');
    }
    const whole = await carrying.download('long');
    await house.forget();
    await expect(plain.download('long')).rejects.toThrow(/^530/);
    expect(await carrying.download('long')).toBe(whole);
  });

  test('from another address: the same', async () => {
    const house = await serve({ files: { 'pub/long': LONG } });
    const [plain, carrying] = [await client(house.port, 'memory'), await client(house.port)];
    for (const each of [plain, carrying]) {
      await each.logIn('ann', 'secret');
      await each.cd('pub');
      await each.move();
    }
    await expect(plain.list()).rejects.toThrow(/^530/);
    expect(await carrying.list()).toBe('1 names: long');
  });

  test('a wrong password is wrong, and not tried again', async () => {
    const { port } = await serve();
    const ann = await client(port);
    await expect(ann.logIn('ann', 'wrong')).rejects.toThrow(/^530/);
    expect(ann.facts()).toEqual({});
  });
});

describe('lost in the middle of a file', () => {
  /** Serves LONG, and loses its connection after `first` bytes the first time. */
  const losing = (first: number) => {
    let transfers = 0;
    let offset = 0;
    let came: Promise<net.Socket>;
    return fake(async (line, control, data) => {
      const [verb = '', argument = ''] = line.split(' ');
      if (verb === 'REST') offset = Number(argument);
      if (verb === 'EPSV') {
        let arrive: (socket: net.Socket) => void = () => {};
        came = new Promise((resolve) => {
          arrive = resolve;
        });
        return `229 Entering (|||${await data(arrive)}|)`;
      }
      if (verb !== 'RETR') return ordinary(line);
      control.write('150 Here\r\n');
      const socket = await came;
      if (transfers++ > 0) {
        socket.end(LONG.subarray(offset));
        return '226 Done.';
      }
      socket.write(LONG.subarray(0, first));
      // The bytes are read before the end is.
      setTimeout(() => {
        control.end();
        socket.end();
      }, 50);
      return undefined;
    });
  };

  test('the client that carries goes on from the byte it has, and the file is whole', async () => {
    const server = await losing(123_456);
    const ann = await client(server.port);
    await ann.logIn('ann', 'secret');
    await ann.cd('pub');
    await ann.type('I');
    const whole = await ann.download('long');
    expect(whole).toMatch(/^200000 bytes/);
    // Where it stood says `/pub`, whatever it was called when it was said first.
    expect(server.heard).toEqual([
      ...['USER ann', 'PASS secret', 'CWD pub', 'PWD', 'TYPE I', 'EPSV', 'RETR long'],
      ...['USER ann', 'PASS secret', 'CWD /pub', 'TYPE I', 'EPSV', 'REST 123456', 'RETR long'],
    ]);
    const other = await losing(0);
    const bob = await client(other.port);
    await bob.logIn('bob', 'x');
    await bob.type('I');
    expect(await bob.download('long')).toBe(whole);
  });

  test('as text it begins anew: the same number would be another byte', async () => {
    const server = await losing(123_456);
    const ann = await client(server.port);
    await ann.logIn('ann', 'secret');
    await ann.type('A');
    expect(await ann.download('long')).toMatch(/^200000 bytes/);
    expect(server.heard.filter((line) => line.startsWith('REST'))).toEqual([]);
  });

  test('the client that carries nothing says the same command again, and nothing else', async () => {
    const server = await losing(123_456);
    const ann = await client(server.port, 'memory');
    await ann.logIn('ann', 'secret');
    await ann.type('I');
    // This server lets anybody in.
    expect(await ann.download('long')).toMatch(/^200000 bytes/);
    expect(server.heard.slice(3)).toEqual(['EPSV', 'RETR long', 'EPSV', 'RETR long']);
  });
});

describe('hostile servers', () => {
  test('an endless banner is not read to its end', async () => {
    const server = await fake(() => undefined, `220-${'x'.repeat(1 << 20)}`);
    const ann = await client(server.port);
    await expect(ann.logIn('ann', 'x')).rejects.toThrow(/maximum allowed size/);
    expect(server.visits()).toBe(1);
  });

  test('one that hangs up again and again is given up', async () => {
    const server = await fake((_line, control) => void control.end());
    const ann = await client(server.port);
    await expect(ann.logIn('ann', 'x')).rejects.toThrow(/FIN packet|closed connection/);
    expect(server.visits()).toBe(6);
  });

  test('one that says 530 to everything is given up', async () => {
    const server = await fake((line) => (/^(USER|PASS|QUIT)/.test(line) ? ordinary(line) : '530 No.'));
    const ann = await client(server.port);
    await ann.logIn('ann', 'x');
    await expect(ann.cd('pub')).rejects.toThrow(/^530/);
    expect(server.heard.filter((line) => line === 'CWD pub').length).toBeLessThanOrEqual(6);
  });

  test('where nobody answers, it stops dialling', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const ann = await client(port);
    await expect(ann.logIn('ann', 'x')).rejects.toThrow(`no answer from 127.0.0.1:${port} after 20 tries`);
  });

  test('a listing with names that lead elsewhere, or that a terminal would obey, is only text', async () => {
    const server = await fake(async (line, control, data) => {
      if (line === 'EPSV') {
        const port = await data((socket) => {
          socket.end('-rw-r--r-- 1 a a 1 Jan 1 2026 ../../etc/passwd\r\n-rw-r--r-- 1 a a 1 Jan 1 2026 \x1b[2Jx\r\n');
          setTimeout(() => control.write('226 Done.\r\n'), 20);
        });
        return `229 Entering (|||${port}|)`;
      }
      return line.startsWith('LIST') ? '150 Here' : ordinary(line);
    });
    const ann = await client(server.port);
    await ann.logIn('ann', 'x');
    expect(await ann.list()).toBe('2 names: ../../etc/passwd, \\x1b[2Jx');
  });

  test('a file without an end is let go of', async () => {
    const server = await fake(async (line, _control, data) => {
      if (line !== 'EPSV') return line.startsWith('RETR') ? '150 Here' : ordinary(line);
      const port = await data((socket) => {
        const piece = Buffer.alloc(1 << 20);
        const pour = () => {
          while (socket.write(piece));
        };
        socket.on('drain', pour);
        pour();
      });
      return `229 Entering (|||${port}|)`;
    });
    const ann = await client(server.port);
    await ann.logIn('ann', 'x');
    await ann.type('I');
    await expect(ann.download('endless')).rejects.toThrow('longer than 67108864 bytes');
    expect(server.visits()).toBe(1);
  });

  test('a data connection to another host is not made: there is none to be named', async () => {
    const server = await fake((line) =>
      line === 'EPSV' ? '227 Entering Passive Mode (192,0,2,1,156,64)' : ordinary(line),
    );
    const ann = await client(server.port);
    await ann.logIn('ann', 'x');
    await expect(ann.list()).rejects.toThrow(/Can't parse/);
    expect(server.heard).not.toContain('PASV');
  });
});

describe('good-byes', () => {
  test('who moves does not say any; who closes does, once', async () => {
    const server = await fake(ordinary);
    const ann = await client(server.port);
    await ann.logIn('ann', 'x');
    await ann.move();
    await ann.type('I');
    await ann.close();
    expect(server.heard.filter((line) => line === 'QUIT')).toHaveLength(1);
    expect(server.heard.at(-1)).toBe('QUIT');
  });

  test('a server that does not hang up is left after a while', async () => {
    let runOut = () => {};
    const server = await fake((line, control) => {
      if (line !== 'QUIT') return ordinary(line);
      control.write('221 Bye, but stay.\r\n');
      // Only who has waited for the end of it as well can run out of patience with that.
      setInterval(() => runOut(), 20).unref();
      return undefined;
    });
    const ann = await client(
      server.port,
      'carried',
      () =>
        new Promise((resolve) => {
          runOut = resolve;
        }),
    );
    await ann.logIn('ann', 'x');
    await ann.close();
    expect(server.heard.at(-1)).toBe('QUIT');
  });

  test('a server that says nothing at all is left, and asked again on another connection', async () => {
    let mute = true;
    let runOut = () => {};
    const server = await fake((line) => {
      if (!line.startsWith('TYPE') || !mute) return ordinary(line);
      mute = false;
      runOut();
      return undefined;
    });
    const ann = await client(
      server.port,
      'carried',
      (answered) =>
        new Promise((resolve) => {
          if (!answered.aborted) runOut = resolve;
        }),
    );
    await ann.logIn('ann', 'x');
    await ann.type('I');
    expect(server.visits()).toBe(2);
    expect(server.heard.filter((line) => line === 'TYPE I')).toHaveLength(2);
    expect(server.heard).not.toContain('QUIT');
  });
});

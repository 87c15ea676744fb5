// The server over real sockets: order, the life of data connections, and what strangers may do to it.

import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openFilesBelow } from '../../served/open-files.ts';
import { serve, Talker, until } from './house.ts';

const LONG = Buffer.from(Array.from({ length: 100_000 }, (_none, at) => at % 251));

describe('a visit', () => {
  test('log in, look around, fetch a file', async () => {
    const { port } = await serve({ files: { 'pub/hello.txt': 'hello\nthere\n' } });
    const ann = await Talker.meet(port);
    expect(await ann.say('USER ann')).toBe(331);
    expect(await ann.say('PASS secret')).toBe(230);
    expect(await ann.ask('PWD')).toMatch(/^257 "\/" /);
    expect(await ann.ask('CWD pub')).toMatch(/^250 .*"\/pub"/);
    expect((await ann.fetch('LIST')).bytes.toString()).toBe(
      '-rw-r--r--   1 ftp      ftp                12 Jan  1 00:00 hello.txt\r\n',
    );
    expect((await ann.fetch('NLST')).bytes.toString()).toBe('hello.txt\r\n');
    expect((await ann.fetch('MLSD')).bytes.toString()).toMatch(
      /^type=file;size=12;modify=20260101000000;perm=adfrw;unique=[0-9a-f]{16}; hello.txt\r\n$/,
    );
    expect((await ann.fetch('RETR hello.txt')).bytes.toString()).toBe('hello\r\nthere\r\n');
    expect(await ann.say('TYPE I')).toBe(200);
    expect((await ann.fetch('RETR hello.txt')).bytes.toString()).toBe('hello\nthere\n');
    expect(await ann.say('REST 6')).toBe(350);
    expect((await ann.fetch('RETR hello.txt')).bytes.toString()).toBe('there\n');
    // The offset was for that one transfer.
    expect((await ann.fetch('RETR hello.txt')).bytes.toString()).toBe('hello\nthere\n');
    expect(await ann.ask('SIZE hello.txt')).toBe('213 12');
    expect(await ann.ask('MDTM hello.txt')).toBe('213 20260101000000');
    expect(await ann.say('QUIT')).toBe(221);
    await ann.gone;
  });

  test('what is not there, may not be read, or is no folder for MLSD, is refused before anything is announced', async () => {
    const { port } = await serve({ files: { 'pub/hello.txt': 'hello', 'own/diary': 'Dear' }, unreadable: '/own' });
    const ann = await Talker.enter(port);
    for (const verb of ['LIST', 'NLST', 'MLSD']) expect((await ann.fetch(`${verb} own`)).codes).toEqual([550]);
    expect((await ann.fetch('MLSD pub/hello.txt')).codes).toEqual([501]);
    for (const verb of ['LIST', 'NLST', 'MLSD', 'RETR']) expect((await ann.fetch(`${verb} none`)).codes).toEqual([550]);
    expect((await ann.fetch('LIST pub/hello.txt')).codes).toEqual([150, 226]);
  });

  test('store, append, resume, rename, remove; folders too', async () => {
    const house = await serve();
    const ann = await Talker.enter(house.port);
    await ann.say('TYPE I');
    expect(await ann.say('MKD in')).toBe(257);
    expect(await ann.send('STOR in/a', 'one ')).toEqual([150, 226]);
    expect(await ann.send('APPE in/a', 'two ')).toEqual([150, 226]);
    expect(await ann.say('REST 4')).toBe(350);
    expect(await ann.send('STOR in/a', 'three')).toEqual([150, 226]);
    expect(house.file('in/a').toString()).toBe('one three');
    expect(await ann.say('RNFR in/a')).toBe(350);
    expect(await ann.say('RNTO in/b')).toBe(250);
    expect(house.names('in')).toEqual(['b']);
    expect(await ann.say('RMD in')).toBe(550);
    expect(await ann.say('DELE in/b')).toBe(250);
    expect(await ann.say('RMD in')).toBe(250);
    expect(house.names()).toEqual([]);
  });

  test('STOU finds a name and tells it; as text, CRLF becomes LF', async () => {
    const house = await serve({ files: { note: 'taken' } });
    const ann = await Talker.enter(house.port);
    const data = await ann.data();
    expect(await ann.ask('STOU note')).toBe('150 FILE: /note.1');
    data.end('a\r\nb\r\n');
    expect(await ann.reply()).toBe(226);
    expect(house.file('note.1').toString()).toBe('a\nb\n');
    expect(house.file('note').toString()).toBe('taken');
  });

  test('anonymous may read, and is told so when it would write', async () => {
    const { port, names } = await serve({ files: { a: 'a' } });
    const guest = await Talker.enter(port, 'anonymous');
    expect((await guest.fetch('RETR a')).codes).toEqual([150, 226]);
    for (const line of ['STOR b', 'APPE a', 'STOU', 'DELE a', 'MKD b', 'RMD b', 'RNFR a', 'RNTO b'])
      expect(await guest.say(line)).toBe(550);
    expect(names()).toEqual(['a']);
  });

  test('active mode: the server dials who asks, by PORT and by EPRT', async () => {
    const { port } = await serve({ files: { a: 'over here' } });
    const ann = await Talker.enter(port);
    const listener = net.createServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    onTestFinished(() => void listener.close());
    const at = (listener.address() as AddressInfo).port;
    for (const line of [`PORT 127,0,0,1,${at >> 8},${at & 255}`, `EPRT |1|127.0.0.1|${at}|`]) {
      expect(await ann.say(line)).toBe(200);
      const dialled = once(listener, 'connection');
      expect(await ann.say('RETR a')).toBe(150);
      const [socket] = (await dialled) as [net.Socket];
      expect((await buffer(socket)).toString()).toBe('over here');
      expect(await ann.reply()).toBe(226);
    }
  });

  test('STAT of a folder answers on the control connection', async () => {
    const { port } = await serve({ files: { a: '1', b: '22' } });
    const ann = await Talker.enter(port);
    const [head, first, second, last] = (await ann.ask('STAT -l /')).split('|');
    expect([head, last]).toEqual(['213 /:', 'End']);
    expect(first).toMatch(/ a$/);
    expect(second).toMatch(/ b$/);
  });

  test('IPv6: EPSV works, and PASV says what to do instead', async (context) => {
    const house = await serve({ files: { a: 'six' }, host: '::1' }).catch(() => context.skip('no IPv6 here'));
    const ann = await Talker.meet(house.port, { host: '::1' });
    await ann.say('USER ann');
    await ann.say('PASS secret');
    expect(await ann.ask('PASV')).toMatch(/^425 .*EPSV/);
    expect(await ann.say('EPSV 1')).toBe(522);
    const data = net.connect({ port: await ann.passive('EPSV 2'), host: '::1' });
    const bytes = buffer(data);
    expect(await ann.say('RETR a')).toBe(150);
    expect((await bytes).toString()).toBe('six');
    expect(await ann.reply()).toBe(226);
  });
});

describe('one command at a time', () => {
  test('everything in one segment, everything byte by byte: the same replies in the same order', async () => {
    const { port } = await serve({ files: { 'pub/a': 'x' } });
    const script =
      'USER ann\r\nPASS secret\r\nCWD pub\r\nPWD\r\nSIZE a\r\ntype i\r\nSiZe a\r\nNOOP\nBLAH\r\n\r\nQUIT\r\nNOOP\r\n';
    const expected = [331, 230, 250, 257, 550, 200, 213, 200, 500, 500, 221, undefined];
    for (const piece of [script.length, 1]) {
      const talker = await Talker.meet(port);
      for (let at = 0; at < script.length; at += piece) talker.write(script.slice(at, at + piece));
      const codes = [];
      for (const _code of expected) codes.push(await talker.reply());
      expect(codes).toEqual(expected);
    }
  });

  test('a command behind a transfer waits for it', async () => {
    const { port, names } = await serve({ files: { a: LONG } });
    const ann = await Talker.enter(port);
    await ann.say('TYPE I');
    const data = await ann.data();
    ann.write('RETR a\r\nDELE a\r\nNOOP\r\n');
    expect(await ann.reply()).toBe(150);
    expect(names()).toEqual(['a']);
    expect((await buffer(data)).equals(LONG)).toBe(true);
    expect([await ann.reply(), await ann.reply(), await ann.reply()]).toEqual([226, 250, 200]);
  });

  test('STAT and ABOR are heard during a transfer; ABOR is answered by 426 and 226', async () => {
    const house = await serve({ files: { a: LONG } });
    const ann = await Talker.enter(house.port);
    await ann.data();
    expect(await ann.say('STOR b')).toBe(150);
    expect(await ann.ask('STAT')).toMatch(/^211 .*STOR \/b/);
    expect(await ann.say('ABOR')).toBe(426);
    expect(await ann.reply()).toBe(226);
    expect(house.names()).toEqual(['a']);
    expect(await ann.say('NOOP')).toBe(200);
    // With nothing under way there is nothing to stop.
    expect(await ann.say('ABOR')).toBe(226);
  });

  test('ABOR as Telnet sends it: IAC IP, and IAC DM as urgent data of which a byte is missing', async () => {
    const { port } = await serve();
    for (const signal of ['fff4fff2', 'fff4ff', 'fff4f2', 'f2']) {
      const ann = await Talker.enter(port);
      await ann.data();
      expect(await ann.say('STOR b')).toBe(150);
      ann.write(Buffer.concat([Buffer.from(signal, 'hex'), Buffer.from('ABOR\r\n')]));
      expect([await ann.reply(), await ann.reply()]).toEqual([426, 226]);
    }
  });

  test('ABOR whose line end was the urgent byte is heard all the same; and the line end, should it come later, is none', async () => {
    const { port } = await serve();
    const ann = await Talker.enter(port);
    await ann.data();
    expect(await ann.say('STOR b')).toBe(150);
    ann.write('ABOR\r');
    expect([await ann.reply(), await ann.reply()]).toEqual([426, 226]);
    ann.write('\nNOOP\r\n');
    expect(await ann.reply()).toBe(200);
    await ann.data();
    expect(await ann.say('STOR b')).toBe(150);
    ann.write('ABOR\r');
    expect([await ann.reply(), await ann.reply()]).toEqual([426, 226]);
    expect(await ann.say('NOOP')).toBe(200);
  });

  test('QUIT during a transfer is answered when the transfer is over', async () => {
    const house = await serve();
    const ann = await Talker.enter(house.port);
    const data = await ann.data();
    expect(await ann.say('STOR b')).toBe(150);
    ann.write('QUIT\r\n');
    data.end('all of it');
    expect([await ann.reply(), await ann.reply(), await ann.reply()]).toEqual([226, 221, undefined]);
    expect(house.file('b').toString()).toBe('all of it');
  });

  test('who has said everything and ended its side hears all the answers', async () => {
    const { port } = await serve();
    const talker = await Talker.meet(port, { allowHalfOpen: true });
    talker.socket.end('USER ann\r\nPASS secret\r\nPASV\r\nLIST\r\nPWD\r\n');
    const codes = [];
    for (let at = 0; at < 7; at++) codes.push(await talker.reply());
    // Nobody is left who would open the data connection.
    expect(codes).toEqual([331, 230, 227, 150, 425, 257, undefined]);
  });

  test('nor does anybody wait for a data connection when that side ends before the transfer, or in the middle of waiting', async () => {
    const { port } = await serve({ files: { a: 'a' }, patience: { wrong: 50, coming: 60_000 } });
    const early = await Talker.meet(port, { allowHalfOpen: true });
    early.socket.end('USER ann\r\nPASS wrong\r\nUSER ann\r\nPASS secret\r\nPASV\r\nRETR a\r\n');
    for (const code of [331, 530, 331, 230, 227, 150, 425, undefined]) expect(await early.reply()).toBe(code);
    const late = await Talker.meet(port, { allowHalfOpen: true });
    late.write('USER ann\r\nPASS secret\r\nPASV\r\nRETR a\r\n');
    for (const code of [331, 230, 227, 150]) expect(await late.reply()).toBe(code);
    late.socket.end();
    expect([await late.reply(), await late.reply()]).toEqual([425, undefined]);
  });

  test('nothing that stands behind QUIT is done', async () => {
    const { port, names, close } = await serve({ files: { a: 'a' } });
    const ann = await Talker.enter(port);
    ann.write('QUIT\r\nDELE a\r\n');
    expect(await ann.reply()).toBe(221);
    // A closed server has done all that it had begun.
    await close();
    expect(names()).toEqual(['a']);
  });
});

describe('forgotten', () => {
  test('on a live connection: folder, type, offset and name are gone, and it can log in again', async () => {
    const house = await serve({ files: { 'pub/a': 'abc' } });
    const ann = await Talker.enter(house.port);
    await ann.say('CWD pub');
    await ann.say('TYPE I');
    await ann.say('REST 1');
    // Who, where, how, and from which byte.
    expect(Object.values(await house.forget())).toEqual(['ann may write', '/pub', 'I', '1']);
    expect(house.facts()).toEqual({});
    for (const line of ['PWD', 'RETR a', 'EPSV', 'CWD pub']) expect(await ann.say(line)).toBe(530);
    await ann.say('USER ann');
    expect(await ann.say('PASS secret')).toBe(230);
    expect(await ann.ask('PWD')).toMatch(/^257 "\/" /);
  });

  test('between USER and PASS: the password is nobody’s', async () => {
    const house = await serve();
    const ann = await Talker.meet(house.port);
    await ann.say('USER ann');
    await house.forget();
    expect(await ann.say('PASS secret')).toBe(503);
  });

  test('during a transfer: what is under way needs no memory, and ends well', async () => {
    const house = await serve();
    const ann = await Talker.enter(house.port);
    const data = await ann.data();
    expect(await ann.say('STOR b')).toBe(150);
    await house.forget();
    data.end('all of it');
    expect(await ann.reply()).toBe(226);
    expect(await ann.say('PWD')).toBe(530);
    expect(house.facts()).toEqual({});
  });

  test('with its connection', async () => {
    const house = await serve();
    const ann = await Talker.enter(house.port);
    expect(Object.keys(house.facts())).toHaveLength(3);
    ann.socket.resetAndDestroy();
    await until(() => Object.keys(house.facts()).length === 0);
  });
});

describe('data connections', () => {
  test('the first one in is the one; later ones are turned away', async () => {
    const { port } = await serve({ files: { a: LONG } });
    const ann = await Talker.enter(port);
    await ann.say('TYPE I');
    const at = await ann.passive();
    const first = net.connect({ port: at, host: '127.0.0.1' });
    await once(first, 'connect');
    expect(await ann.say('RETR a')).toBe(150);
    const thief = net.connect({ port: at, host: '127.0.0.1' });
    const [error] = (await once(thief, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toMatch(/ECONNREFUSED|ECONNRESET/);
    expect((await buffer(first)).equals(LONG)).toBe(true);
    expect(await ann.reply()).toBe(226);
  });

  test('a peer with another address gets nothing, and disturbs nobody', async (context) => {
    const { port } = await serve({ files: { a: LONG } });
    const ann = await Talker.enter(port);
    await ann.say('TYPE I');
    const at = await ann.passive();
    const thief = net.connect({ port: at, host: '127.0.0.1', localAddress: '127.0.0.2' });
    const stolen = await buffer(thief).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRNOTAVAIL' || error.code === 'EINVAL') context.skip('127.0.0.2 is not an address here');
      return Buffer.alloc(0);
    });
    expect(stolen).toHaveLength(0);
    const own = net.connect({ port: at, host: '127.0.0.1' });
    const bytes = buffer(own);
    expect(await ann.say('RETR a')).toBe(150);
    expect((await bytes).equals(LONG)).toBe(true);
    expect(await ann.reply()).toBe(226);
  });

  test('a hundred PASV leave one listener; the end of the connection leaves none', async () => {
    const { port } = await serve();
    const ann = await Talker.enter(port);
    const ports: number[] = [];
    for (let at = 0; at < 100; at++) ports.push(await ann.passive());
    const listening = async (at: number) => {
      const socket = net.connect({ port: at, host: '127.0.0.1' });
      const answered = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      return answered;
    };
    const last = ports.pop() as number;
    expect(await Promise.all([...new Set(ports)].filter((at) => at !== last).map(listening))).not.toContain(true);
    ann.socket.destroy();
    await ann.gone;
    await until(() => readdirSync('/proc/self/fd').length > 0);
    let open = true;
    await until(() => {
      void listening(last).then((answered) => {
        open = answered;
      });
      return !open;
    });
  });

  test('nobody comes: 425 after a while, and the file is closed', async () => {
    const { port, names } = await serve({ files: { a: LONG }, patience: { coming: 20 } });
    const ann = await Talker.enter(port);
    const before = openFiles();
    for (const line of ['RETR a', 'RETR a', 'RETR a', 'STOR b', 'APPE a', 'LIST']) {
      await ann.passive();
      expect(await ann.say(line)).toBe(150);
      expect(await ann.reply()).toBe(425);
    }
    await until(() => openFiles() <= before);
    expect(names()).toEqual(['a']);
    // Without PASV or PORT there is nothing to wait for.
    expect(await ann.say('RETR a')).toBe(425);
  });

  test('nobody listens where PORT leads: 425', async () => {
    const { port } = await serve({ files: { a: 'a' } });
    const ann = await Talker.enter(port);
    const listener = net.createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const at = (listener.address() as AddressInfo).port;
    listener.close();
    await once(listener, 'close');
    expect(await ann.say(`EPRT |1|127.0.0.1|${at}|`)).toBe(200);
    expect(await ann.say('RETR a')).toBe(150);
    expect(await ann.reply()).toBe(425);
  });

  test('bounce: nobody else, no low port, no service, and none of our own listeners', async () => {
    const { port } = await serve({ files: { a: 'a' } });
    const ann = await Talker.enter(port);
    const refused = [
      'PORT 10,0,0,1,200,0',
      'PORT 127,0,0,2,200,0',
      'PORT 127,0,0,1,0,25',
      'PORT 127,0,0,1,24,235',
      'PORT 127,0,0,1,127,255',
      'PORT 256,0,0,1,200,0',
      'PORT 127,0,0,1,200',
      'PORT',
      'EPRT |1|192.0.2.1|40000|',
      'EPRT |1|127.0.0.1|6379|',
      'EPRT |1|127.0.0.1|70000|',
      'EPRT |1|localhost|40000|',
    ];
    for (const line of refused) expect([line, await ann.say(line)]).toEqual([line, 501]);
    expect(await ann.say('EPRT |2|::1|40000|')).toBe(522);
    // Nothing of that was kept.
    expect(await ann.say('RETR a')).toBe(425);
    const other = await Talker.enter(port);
    for (const own of [port, await other.passive()].filter((each) => each >= 32_768)) {
      expect(await ann.say(`EPRT |1|127.0.0.1|${own}|`)).toBe(200);
      expect(await ann.say('RETR a')).toBe(150);
      expect(await ann.ask('NOOP')).toMatch(/^425 .*ours/);
      expect(await ann.reply()).toBe(200);
    }
  });

  test('a download that is reset, or aborted, anywhere in its course: 426, and the server lives on', async () => {
    const { port } = await serve({ files: { a: Buffer.alloc(8 << 20) } });
    const ann = await Talker.enter(port);
    await ann.say('TYPE I');
    for (let at = 0; at < 40; at++) {
      const data = await ann.data();
      let got = 0;
      data.on('data', (chunk: Buffer) => {
        got += chunk.length;
        if (got < at * 50_000) return;
        got = Number.NEGATIVE_INFINITY;
        if (at % 2 === 0) data.resetAndDestroy();
        else ann.write('ABOR\r\n');
      });
      expect(await ann.say('RETR a')).toBe(150);
      // What had left before it knew may have been all there is.
      expect([426, 226]).toContain(await ann.reply());
      if (at % 2 === 1) expect(await ann.reply()).toBe(226);
    }
    expect(await ann.say('NOOP')).toBe(200);
  });

  test('a listing that is aborted before its first line has left: its folder is let go', async () => {
    const house = await serve({ files: { a: LONG, b: LONG } });
    const ann = await Talker.enter(house.port);
    for (let at = 0; at < 20; at++) {
      const data = await ann.data();
      ann.write('LIST\r\nABOR\r\n');
      expect([await ann.reply(), await ann.reply(), await ann.reply()]).toEqual([150, 426, 226]);
      data.destroy();
    }
    expect(openFilesBelow(house.root)).toEqual([]);
  });

  test('a download that is not read is cut off after a while: 426', async () => {
    const { port } = await serve({ files: { a: Buffer.alloc(32 << 20) }, patience: { stalled: 200 } });
    const ann = await Talker.enter(port);
    await ann.say('TYPE I');
    const data = await ann.data();
    data.pause();
    expect(await ann.say('RETR a')).toBe(150);
    expect(await ann.reply()).toBe(426);
    expect(await ann.say('NOOP')).toBe(200);
  });

  test('an upload that stands still, one that is reset, one whose control connection goes: no part is left', async () => {
    const house = await serve({ files: { a: 'as it was' }, patience: { stalled: 200 } });
    const ann = await Talker.enter(house.port);
    const silent = await ann.data();
    expect(await ann.say('STOR a')).toBe(150);
    silent.write('half');
    expect(await ann.reply()).toBe(426);
    const reset = await ann.data();
    expect(await ann.say('STOR a')).toBe(150);
    reset.write('half', () => reset.resetAndDestroy());
    expect(await ann.reply()).toBe(426);
    expect(house.names()).toEqual(['a']);
    const left = await ann.data();
    expect(await ann.say('STOR a')).toBe(150);
    left.write('half');
    await until(() => house.names().length === 2);
    ann.socket.resetAndDestroy();
    await until(() => house.names().length === 1);
    expect(house.file('a').toString()).toBe('as it was');
  });

  test('a quota is a quota: 552, and nothing is left of it', async () => {
    const house = await serve({ quota: 50_000 });
    const ann = await Talker.enter(house.port);
    await ann.say('TYPE I');
    const data = await ann.data();
    expect(await ann.say('STOR big')).toBe(150);
    data.write(LONG);
    expect(await ann.reply()).toBe(552);
    expect(house.names()).toEqual([]);
    expect(await ann.send('STOR small', 'fits')).toEqual([150, 226]);
  });

  test('before a log-in there is none', async () => {
    const { port } = await serve();
    const stranger = await Talker.meet(port);
    for (const line of [
      'PASV',
      'EPSV',
      'PORT 127,0,0,1,200,0',
      'EPRT |1|127.0.0.1|50000|',
      'LIST',
      'RETR a',
      'STAT',
      'ABOR',
      'REST 1',
      'TYPE I',
    ])
      expect([line, await stranger.say(line)]).toEqual([line, 530]);
  });
});

describe('lines', () => {
  test('one that is too long is answered once, dropped to its end, and the next one is heard', async () => {
    const { port } = await serve();
    const talker = await Talker.meet(port);
    talker.write('A'.repeat(10_000));
    expect(await talker.reply()).toBe(500);
    talker.write('A'.repeat(10_000));
    talker.write('still the same line\r\nNOOP\r\n');
    expect(await talker.reply()).toBe(200);
    talker.write(`NOOP ${'x'.repeat(5000)}\r\nSYST\r\n`);
    expect([await talker.reply(), await talker.reply()]).toEqual([500, 215]);
  });

  test('an endless line, 32 MB of it, takes no memory', async () => {
    const { port } = await serve();
    const talker = await Talker.meet(port);
    const piece = Buffer.alloc(1 << 20, 0x41);
    const before = process.memoryUsage().rss;
    for (let sent = 0; sent < 32; sent++) await new Promise<void>((done) => talker.socket.write(piece, () => done()));
    talker.write('\r\nNOOP\r\n');
    expect([await talker.reply(), await talker.reply()]).toEqual([500, 200]);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
  });

  test('commands that wait are bounded: who says more is not read', async () => {
    const { port } = await serve();
    const ann = await Talker.enter(port);
    const data = await ann.data();
    expect(await ann.say('STOR b')).toBe(150);
    let taken = 0;
    const line = Buffer.from('NOOP\r\n'.repeat(10_000));
    const pour = () => {
      while (taken < 1000 && ann.socket.write(line)) taken++;
    };
    ann.socket.on('drain', () => {
      taken++;
      pour();
    });
    pour();
    let before = -1;
    while (taken !== before) {
      before = taken;
      await new Promise((quiet) => setTimeout(quiet, 300));
    }
    expect(taken).toBeLessThan(500);
    // When the transfer is over, they are answered.
    data.end();
    expect(await ann.reply()).toBe(226);
    for (let at = 0; at < 1000; at++) expect(await ann.reply()).toBe(200);
  });

  test('a name with what no name can have: 501', async () => {
    const { port } = await serve();
    const ann = await Talker.enter(port);
    for (const name of ['a\0b', 'a\rb', 'a\xff'.repeat(1)]) {
      ann.write(Buffer.concat([Buffer.from('DELE '), Buffer.from(name, 'latin1'), Buffer.from('\r\n')]));
      // A byte of Telnet is no byte of the name.
      expect(await ann.reply()).toBe(name.includes('\xff') ? 550 : 501);
    }
    ann.write(Buffer.concat([Buffer.from('DELE caf'), Buffer.of(0xe9), Buffer.from('\r\n')]));
    expect(await ann.reply()).toBe(501);
  });

  test('no way out of the root', async () => {
    const { port } = await serve({ files: { 'pub/a': 'a' } });
    const ann = await Talker.enter(port);
    expect(await ann.ask('CWD ../../..')).toMatch(/"\/"/);
    expect(await ann.ask('CDUP')).toMatch(/"\/"/);
    for (const name of ['../../etc/passwd', '/etc/passwd', 'pub/../../etc/passwd', '..\\..\\etc\\passwd'])
      expect(await ann.say(`SIZE ${name}`)).toBe(550);
    expect(await ann.ask('MKD a"b')).toMatch(/^257 "\/a""b"/);
  });
});

describe('guessing', () => {
  test('three wrong passwords, and the server hangs up; whether the name is known makes no difference', async () => {
    const { port } = await serve();
    for (const name of ['ann', 'nobody']) {
      const guesser = await Talker.meet(port);
      const heard = [];
      for (let at = 0; at < 3; at++) {
        heard.push(await guesser.ask(`USER ${name}`), await guesser.ask(`PASS ${at}`));
      }
      expect(heard.map((text) => text.slice(0, 3))).toEqual(['331', '530', '331', '530', '331', '421']);
      expect(await guesser.reply()).toBe(undefined);
    }
  });

  test('a wrong one takes its time, on which the next one waits', async () => {
    const { port } = await serve({ patience: { wrong: 100 } });
    const guesser = await Talker.meet(port);
    const begun = performance.now();
    guesser.write('USER ann\r\nPASS 1\r\nUSER ann\r\nPASS 2\r\nUSER ann\r\nPASS secret\r\n');
    const codes = [];
    for (let at = 0; at < 6; at++) codes.push(await guesser.reply());
    expect(codes).toEqual([331, 530, 331, 530, 331, 230]);
    // Timers may be a millisecond early.
    expect(performance.now() - begun).toBeGreaterThan(195);
  });

  test('a server that is closed does not wait for it', async () => {
    const { port, close } = await serve({ patience: { wrong: 60_000 } });
    const guesser = await Talker.meet(port);
    await guesser.say('USER ann');
    guesser.write('PASS wrong\r\n');
    await new Promise((read) => setTimeout(read, 50));
    await close();
  });
});

describe('what is left', () => {
  test('two hundred visitors that are cut off at every stage leave no file open', async () => {
    const { port } = await serve({ files: { a: LONG }, bounds: { connections: 300 } });
    await (await Talker.enter(port)).say('QUIT');
    const before = openFiles();
    const stages = ['USER ann', 'PASS secret', 'TYPE I', 'EPSV', 'RETR a'];
    await Promise.all(
      Array.from({ length: 200 }, async (_none, at) => {
        const socket = net.connect({ port, host: '127.0.0.1' });
        socket.on('error', () => {});
        await once(socket, 'data');
        const said = `${stages.slice(0, 1 + (at % stages.length)).join('\r\n')}\r\n`;
        await new Promise<void>((left) => socket.write(said, () => left()));
        // Some wait for an answer first.
        if (at % 3 === 0) await once(socket, 'data');
        socket.resetAndDestroy();
        if (!socket.closed) await once(socket, 'close');
      }),
    );
    await until(() => openFiles() <= before);
  });

  test('a closed server lets its transfers go', async () => {
    const house = await serve();
    const ann = await Talker.enter(house.port);
    const data = await ann.data();
    expect(await ann.say('STOR b')).toBe(150);
    data.write('half');
    await until(() => house.names().length === 1);
    await house.close();
    expect(house.names()).toEqual([]);
  });
});

/** Open files of this process. */
function openFiles(): number {
  // One that was opened last has the lowest free number, whatever else is open.
  const fd = openSync('/dev/null', 'r');
  closeSync(fd);
  return readdirSync('/proc/self/fd').length;
}

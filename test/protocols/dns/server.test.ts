// The sockets of a DNS server: datagrams and streams on one port, however they are cut up and whoever sends them.

import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { wire } from '../../../src/protocols/dns/wire.ts';
import { decode } from '../../../src/wire/wire.ts';
import { datagrams, live, stream } from './live.ts';
import { framed, opt, option, query, u16 } from './words.ts';

const says = (bytes: Buffer) => wire.says(decode(wire, bytes, 'server', 'udp'));
const idOf = (bytes: Buffer) => bytes.readUInt16BE(0);
const ANSWER = 'NOERROR www.example.test A → 192.0.2.80';

describe('datagrams', () => {
  test('one question, one answer', async () => {
    const { port } = await live();
    const { asks } = await datagrams(port);
    expect(says(await asks(query()))).toBe(ANSWER);
  });

  test('many at once are answered each to its own asker, in the order they came', async () => {
    const { port, asked } = await live();
    const askers = [await datagrams(port), await datagrams(port)];
    const heard = askers.map((): Buffer[] => []);
    const all = Promise.all(
      askers.map(
        ({ socket }, who) =>
          new Promise<void>((done) => socket.on('message', (bytes) => heard[who]?.push(bytes) === 60 && done())),
      ),
    );
    for (let id = 0; id < 60; id++) {
      askers[0]?.send(query({ id }));
      askers[1]?.send(query({ id: 1000 + id, name: 'nobody.example.test' }));
    }
    await all;
    expect(heard[0]?.map(idOf)).toEqual(Array.from({ length: 60 }, (_none, id) => id));
    expect(heard[1]?.map(idOf)).toEqual(Array.from({ length: 60 }, (_none, id) => 1000 + id));
    expect(new Set(heard[0]?.map(says))).toEqual(new Set([ANSWER]));
    expect(new Set(heard[1]?.map(says))).toEqual(new Set(['NXDOMAIN nobody.example.test A']));
    expect(asked).toHaveLength(120);
  });

  test('what deserves no answer gets none: what is too short, and every response', async () => {
    const { port, asked } = await live();
    const { send, next } = await datagrams(port);
    const first = next();
    for (let length = 0; length < 12; length++) send(query().subarray(0, length));
    send(query({ flags: 0x8000 }));
    send(Buffer.concat([query({ flags: 0x8000 }), Buffer.of(1, 2, 3)]));
    send(query({ id: 77 }));
    // Datagrams on this machine arrive in order: the first answer is the one to the last of them.
    expect(idOf(await first)).toBe(77);
    expect(asked).toHaveLength(1);
  });

  test('two servers that are made to talk to each other fall silent at once', async () => {
    const [one, two] = [await live(), await live()];
    const { asks } = await datagrams(one.port);
    const refused = await asks(query({ flags: 2 << 11 }));
    const other = await datagrams(two.port);
    const next = other.next();
    other.send(refused);
    other.send(query({ id: 5 }));
    expect(idOf(await next)).toBe(5);
  });

  test('what cannot be read is told so, and the next one is answered', async () => {
    const { port } = await live();
    const { asks } = await datagrams(port);
    expect(says(await asks(Buffer.concat([query(), Buffer.of(9)])))).toBe('FORMERR');
    expect(says(await asks(query({ records: [opt({ options: [option(10, '00'.repeat(7))] })] })))).toBe('FORMERR');
    expect(says(await asks(query()))).toBe(ANSWER);
  });

  test('a datagram longer than any query is a format error, not a strain', async () => {
    const { port } = await live();
    const { asks } = await datagrams(port);
    expect(says(await asks(Buffer.concat([query(), Buffer.alloc(60_000)])))).toBe('FORMERR');
  });

  test('what does not fit is cut short, and whole over TCP on the same port', async () => {
    const { port } = await live();
    const { asks } = await datagrams(port);
    const long = query({ name: 'long.example.test', type: 16 });
    expect(says(await asks(long))).toBe('NOERROR, truncated long.example.test TXT');
    const { write, until } = await stream(port);
    write(framed(long));
    const [whole] = await until(1);
    expect(whole).toHaveLength(747);
  });
});

describe('streams', () => {
  test('one byte at a time', async () => {
    const { port } = await live();
    const { socket, until } = await stream(port);
    for (const byte of framed(query({ id: 1 }), query({ id: 2 }))) {
      await new Promise((sent) => socket.write(Buffer.of(byte), sent));
    }
    expect((await until(2)).map(idOf)).toEqual([1, 2]);
  });

  test('many questions in one piece, each answered, in order', async () => {
    const { port } = await live();
    const { write, until } = await stream(port);
    const ids = Array.from({ length: 500 }, (_none, id) => id);
    write(...ids.map((id) => framed(query({ id }))));
    expect((await until(500)).map(idOf)).toEqual(ids);
  });

  test('split anywhere', async () => {
    const { port } = await live();
    const { socket, until } = await stream(port);
    const whole = framed(query({ id: 1 }), query({ id: 2 }));
    for (let at = 1; at < whole.length; at++) {
      await new Promise((sent) => socket.write(whole.subarray(0, at), sent));
      await new Promise((sent) => socket.write(whole.subarray(at), sent));
    }
    expect((await until(2 * (whole.length - 1))).map(idOf)).toEqual(
      Array.from({ length: whole.length - 1 }, () => [1, 2]).flat(),
    );
  });

  test('a message that cannot be read is a format error; where the next one begins is known, so it is answered', async () => {
    const { port } = await live();
    const { write, until } = await stream(port);
    write(framed(query({ id: 1 }), Buffer.concat([query({ id: 2 }), Buffer.of(0)]), query({ id: 3 })));
    expect((await until(3)).map(says)).toEqual([ANSWER, 'FORMERR', ANSWER]);
  });

  test.each([
    ['0', u16(0)],
    ['11', u16(11)],
    ['4097, longer than any query', u16(4097)],
    ['65535', u16(65_535)],
  ])('a length of %s ends the connection, after the answers before it', async (_name, length) => {
    const { port } = await live();
    const { write, messages, ended } = await stream(port);
    write(framed(query({ id: 1 })), length);
    await ended;
    expect(messages.map(idOf)).toEqual([1]);
  });

  test('a response on a stream is passed over', async () => {
    const { port } = await live();
    const { write, until } = await stream(port);
    write(framed(query({ id: 1, flags: 0x8000 }), query({ id: 2 })));
    expect((await until(1)).map(idOf)).toEqual([2]);
  });

  test('what no message can hold is SERVFAIL', async () => {
    const { port } = await live();
    const { write, until } = await stream(port);
    write(framed(query({ name: 'huge.example.test' })));
    expect((await until(1)).map(says)).toEqual(['SERVFAIL huge.example.test A']);
  });

  test('who has said all it has to say still hears the answer', async () => {
    const { port } = await live();
    const { socket, messages, ended } = await stream(port);
    socket.end(framed(query()));
    await ended;
    expect(messages.map(says)).toEqual([ANSWER]);
  });

  test('who says nothing is left', async () => {
    const { port } = await live({}, { idle: 40 });
    const { write, until, ended } = await stream(port);
    write(framed(query()));
    await until(1);
    await ended;
  });

  test('who does not read is not read from, and is left when it goes on like that', async () => {
    const { port, asked } = await live({}, { stall: 300 });
    const socket = net.connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    socket.on('error', () => {});
    socket.pause();
    const question = framed(...Array.from({ length: 100 }, () => query({ name: 'long.example.test', type: 16 })));
    const closed = new Promise<void>((gone) => socket.on('close', () => gone()));
    // 15 MB of questions for 300 MB of answers: far more than the sockets between them hold.
    const QUESTIONS = 400_000;
    let offered = 0;
    const offer = () => {
      while (offered < QUESTIONS && !socket.destroyed) {
        offered += 100;
        if (!socket.write(question)) return void socket.once('drain', offer);
      }
    };
    offer();
    await closed;
    expect(asked.length).toBeLessThan(QUESTIONS / 10);
  });

  test('a full house makes room for a newcomer by sending off who has not asked anything', async () => {
    const { port } = await live({}, { connections: 2 });
    const [busy, idle] = [await stream(port), await stream(port)];
    busy.write(framed(query({ id: 1 })));
    await busy.until(1);
    const third = await stream(port);
    third.write(framed(query({ id: 3 })));
    await idle.ended;
    expect((await third.until(1)).map(idOf)).toEqual([3]);
    busy.write(framed(query({ id: 2 })));
    expect((await busy.until(2)).map(idOf)).toEqual([1, 2]);
  });
});

test('a flood of forged questions is answered so many times and no more', async () => {
  const { port } = await live({ rate: 5 });
  const { socket } = await datagrams(port);
  const heard: Buffer[] = [];
  socket.on('message', (bytes) => heard.push(bytes));
  const began = Math.floor(Date.now() / 1000);
  for (let id = 0; id < 100; id++) await new Promise((sent) => socket.send(query({ id }), sent));
  const over = await stream(port);
  over.write(framed(query({ id: 500 })));
  await over.until(1);
  const seconds = Math.floor(Date.now() / 1000) - began + 1;
  const whole = heard.filter((bytes) => bytes.readUInt16BE(6) === 1);
  expect(whole.length).toBeGreaterThanOrEqual(5);
  expect(whole.length).toBeLessThanOrEqual(5 * seconds);
  expect(heard.length).toBeLessThanOrEqual(whole.length + Math.ceil((100 - whole.length) / 2));
});

test('a port that is taken is an error, in either transport', async () => {
  const { port } = await live();
  const { serve } = await import('../../../src/protocols/dns/server.ts');
  const keeper = (await live()).keeper;
  await expect(serve(keeper, { host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

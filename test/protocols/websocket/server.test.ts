// The server at real sockets: what a hostile or broken peer sends, and what must be seen instead of a crash. Each time somebody who
// does nothing wrong is in the room, and is answered afterwards.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { beginLife } from '../../../src/lab/lives.ts';
import { wire } from '../../../src/protocols/websocket/wire.ts';
import { encode } from '../../../src/wire/wire.ts';
import { asking, frame, join, MASK, said, say } from './frames.ts';
import { type Served, serve, Talker, until } from './house.ts';

/** Whoever does nothing wrong is served: alone in the room, but for those who are named. */
async function isWell(server: Served, others: string[] = []): Promise<void> {
  const well = await Talker.joined(server.port, 'well');
  expect(well.words[1]).toMatch(new RegExp(`^WELCOME ${[...others, 'well'].join(', ')};`));
  well.say(say('Hello', 1));
  await until(() => well.kinds.includes('SAID'));
  well.socket.destroy();
}

describe('the request', () => {
  test.each([
    ['another host', asking('attacker.example'), '421 Misdirected Request'],
    [
      'another host in the target',
      Buffer.from('GET http://attacker.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      '421 Misdirected Request',
    ],
    ['no host that is one', asking('local host'), '421 Misdirected Request'],
    ['a page from elsewhere', asking('localhost', { Origin: 'https://attacker.example' }), '403 Forbidden'],
    ['a page of nobody', asking('localhost', { Origin: 'null' }), '403 Forbidden'],
    [
      'a page of a name that only looks like ours',
      asking('localhost', { Origin: 'http://localhost.attacker.example' }),
      '403 Forbidden',
    ],
    ['another version', asking('localhost', { 'Sec-WebSocket-Version': '7' }), '426 Upgrade Required'],
    ['a bad key', asking('localhost', { 'Sec-WebSocket-Key': 'x' }), '400 Bad Request'],
    [
      '2000 header lines',
      asking('localhost', Object.fromEntries(Array.from({ length: 2000 }, (_, nth) => [`X-${nth}`, '1']))),
      '431 Request Header Fields Too Large',
    ],
    ['no host at all', Buffer.from('GET / HTTP/1.1\r\n\r\n'), '400 Bad Request'],
    ['a space before a colon', Buffer.from('GET / HTTP/1.1\r\nHost : localhost\r\n\r\n'), '400 Bad Request'],
    ['frames first', encode(wire, said(join('eve'))), '400 Bad Request'],
  ])('%s', async (_title, request, answer) => {
    const server = await serve();
    const talker = new Talker(server.port).say(request);
    await talker.over;
    expect(talker.words).toEqual([answer]);
    expect(talker.heard[0]).toMatchObject({
      headers: expect.arrayContaining([['Date', expect.stringMatching(/ GMT$/)]]),
    });
    await isWell(server);
  });

  test.each(['localhost', '127.0.0.1:80', '[::1]:8090'])('host %s is ours, and so are its pages', async (host) => {
    const { port } = await serve();
    const talker = new Talker(port).say(asking(host, { Origin: `http://${host}` }));
    await until(() => talker.heard.length > 0);
    expect(talker.kinds).toEqual(['101']);
  });

  test('one byte at a time, with the first frames behind it', async () => {
    const { port } = await serve();
    const bytes = Buffer.concat(
      [asking('localhost'), said(join('ada')), said(say('Do', 1))].map((each) => encode(wire, each)),
    );
    const slow = new Talker(port);
    for (const byte of bytes) slow.say(Buffer.of(byte));
    const whole = new Talker(port).say(bytes);
    await until(() => slow.kinds.at(-1) === 'SAID' || slow.isOver);
    await until(() => whole.kinds.includes('ACK'));
    expect([slow.kinds[0], whole.kinds[0]]).toEqual(['101', '101']);
  });

  test('it has its time, and who is slow is dropped', async () => {
    const { port } = await serve({ handshake: 50 });
    const talker = new Talker(port).say(Buffer.from('GET / HTTP/1.1\r\n'));
    await talker.over;
    expect(talker.heard).toEqual([]);
  });

  test('a full house: the oldest that has not asked makes room', async () => {
    const server = await serve({ connections: 2 });
    const strange = new Talker(server.port).say(Buffer.from('GET'));
    const ada = await Talker.joined(server.port, 'ada');
    const bob = await Talker.joined(server.port, 'bob');
    await strange.over;
    ada.say(say('Do', 1));
    await until(() => bob.kinds.includes('SAID'));
  });
});

describe('frames', () => {
  const text = (payload: string | Buffer, more = {}) => encode(wire, frame('TEXT', payload, { mask: MASK, ...more }));
  const hex = (bytes: string) => Buffer.from(bytes, 'hex');
  test.each<[string, number, Buffer]>([
    ['not masked', 1002, encode(wire, frame('TEXT', '{}'))],
    ['a reserved bit', 1002, hex('c18037fa213d')],
    ['an opcode that nobody knows', 1002, hex('838037fa213d')],
    ['a ping in fragments', 1002, hex('098037fa213d')],
    ['a ping of 126 bytes', 1002, hex('89fe007e37fa213d')],
    ['a continuation of nothing', 1002, hex('808037fa213d')],
    ['a message within a message', 1002, Buffer.concat([text('{', { fin: false }), text('}')])],
    ['half a close code', 1002, hex('888137fa213d00')],
    ['a close code that nobody may say', 1002, encode(wire, frame('CLOSE', hex('03ed'), { mask: MASK }))],
    ['no UTF-8', 1007, text(hex('c328'))],
    ['no UTF-8 in a reason', 1007, encode(wire, frame('CLOSE', hex('03e8c328'), { mask: MASK }))],
    ['UTF-8 cut by the end', 1007, text(hex('e282'))],
    ['bytes', 1003, encode(wire, frame('BINARY', 'x', { mask: MASK }))],
    [
      '65 fragments',
      1008,
      Buffer.concat([text('{', { fin: false }), ...Array.from({ length: 64 }, () => hex('008137fa213d00'))]),
    ],
    ['64 KB and one byte, from the header alone', 1009, hex('81ff000000000001000137fa213d')],
    ['4 GB', 1009, hex('81ff000000010000000037fa213d')],
    [
      'more than 64 KB in two fragments',
      1009,
      Buffer.concat([text(Buffer.alloc(40_000, 97), { fin: false }), hex('80fe9c4037fa213d')]),
    ],
  ])('%s: %i', async (_title, code, bytes) => {
    const server = await serve();
    const ada = await Talker.joined(server.port, 'ada');
    const eve = await Talker.joined(server.port, 'eve');
    eve.say(bytes);
    await eve.over;
    expect(eve.code).toBe(code);
    await until(() => ada.words.at(-1) === 'LEFT eve');
    await isWell(server, ['ada']);
  });

  test('64 fragments are one message, and a ping may come between them', async () => {
    const { port } = await serve();
    const ada = await Talker.joined(port, 'ada');
    const whole = '{"say":"in many parts","nr":1}';
    const parts = [...whole].map((letter, nth) =>
      encode(wire, frame(nth === 0 ? 'TEXT' : 'CONTINUATION', letter, { mask: MASK, fin: nth === whole.length - 1 })),
    );
    ada.say(...parts.slice(0, 9), frame('PING', 'here', { mask: MASK }), ...parts.slice(9));
    await until(() => ada.kinds.includes('SAID'));
    expect(ada.words.slice(2)).toEqual(['PONG 4 B', 'SAID 1 from ada “in many parts”']);
  });

  test('a flood of 20,000 pings from one who reads nothing ends its connection, and costs no more than its bound', async () => {
    const { port, pid, stop } = await beginLife({
      protocol: 'websocket',
      design: 'memory',
      who: 'chat/1',
      host: '127.0.0.1',
      port: 0,
      origin: '0',
      bounds: { stall: 300 },
    });
    const resident = () => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
    try {
      const eve = await Talker.joined(port, 'eve');
      const before = resident();
      eve.socket.pause();
      const pings = Buffer.concat(
        Array.from({ length: 1000 }, () => encode(wire, frame('PING', Buffer.alloc(125), { mask: MASK }))),
      );
      // What the network holds takes many: until the server reads no more, and then ends it.
      while (!eve.isOver && eve.socket.bytesWritten < 400 * pings.length) {
        if (!eve.socket.write(pings))
          await Promise.race([eve.over, new Promise((drained) => eve.socket.once('drain', drained))]);
      }
      eve.socket.resume();
      await eve.over;
      expect(resident() - before).toBeLessThan(40 << 20);
      const well = await Talker.joined(port, 'well');
      expect(well.words[1]).toBe('WELCOME well; last 0, missed 0');
      well.socket.destroy();
    } finally {
      await stop();
    }
  });

  test('after a close nothing is heard, and the server hangs up first', async () => {
    const server = await serve();
    const ada = await Talker.joined(server.port, 'ada');
    ada.say(frame('CLOSE', Buffer.from('03e8', 'hex'), { mask: MASK }), say('after', 1));
    await ada.over;
    expect(ada.words.slice(2)).toEqual(['CLOSE 1000']);
    expect(Object.keys(server.facts())).toEqual([]);
  });

  test('a reset in the middle of a frame ends presence, and nothing else', async () => {
    const server = await serve();
    const ada = await Talker.joined(server.port, 'ada');
    const eve = await Talker.joined(server.port, 'eve');
    eve.say(text('{"say":"half').subarray(0, 9));
    eve.socket.resetAndDestroy();
    await until(() => ada.words.at(-1) === 'LEFT eve');
    await isWell(server, ['ada']);
  });
});

describe('silence', () => {
  test('who is quiet is asked, and stays as long as it answers', async () => {
    const { port } = await serve({ idle: 1_000, stall: 60_000 });
    const ada = await Talker.joined(port, 'ada');
    for (let asked = 1; asked <= 3; asked++) {
      await until(() => ada.kinds.filter((kind) => kind === 'PING').length === asked);
      ada.say(frame('PONG', '', { mask: MASK }));
    }
    expect(ada.isOver).toBe(false);
  });

  test('who does not answer is half-open: its presence ends, and the others are told', async () => {
    const server = await serve({ idle: 2_000, stall: 100 });
    const ada = await Talker.joined(server.port, 'ada');
    const gone = await Talker.joined(server.port, 'gone');
    const answering = setInterval(() => ada.say(frame('PONG', '', { mask: MASK })), 20);
    await until(() => ada.words.at(-1) === 'LEFT gone');
    clearInterval(answering);
    await gone.over;
    expect(gone.words.slice(-2)).toEqual(['PING 0 B', 'CLOSE 4002']);
  });

  test('who comes back before that takes the place of its older connection', async () => {
    const { port } = await serve();
    const old = await Talker.joined(port, 'ada');
    const young = await Talker.joined(port, 'ada');
    await old.over;
    expect(old.code).toBe(4001);
    young.say(say('Do', 1));
    await until(() => young.kinds.includes('SAID'));
  });
});

test('what is said in one turn to one peer leaves in one piece, and all hear it in one order', async () => {
  const { port } = await serve();
  const [ada, bob] = [await Talker.joined(port, 'ada'), await Talker.joined(port, 'bob')];
  let pieces = 0;
  bob.socket.on('data', () => void pieces++);
  ada.socket.write(
    Buffer.concat(Array.from({ length: 32 }, (_none, nth) => encode(wire, said(say(`${nth}`, nth + 1))))),
  );
  const count = ({ kinds }: Talker) => kinds.filter((kind) => kind === 'SAID').length;
  await until(() => count(ada) === 32 && count(bob) === 32);
  expect(pieces).toBeLessThan(8);
  const order = ({ words }: Talker) => words.filter((each) => each.startsWith('SAID'));
  expect(order(ada)).toEqual(order(bob));
});

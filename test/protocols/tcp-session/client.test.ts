// Our client in front of a server that a test speaks for: what it says, what it keeps, and when it gives up.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect, type SessionClient } from '../../../src/protocols/tcp-session/client.ts';
import type { Message } from '../../../src/protocols/tcp-session/wire.ts';
import { FakeServer, type Line } from './fake.ts';
import { ack as acked, closed, data, opened as granted, resume, tokenOf } from './script.ts';

/** What the server says, without saying to whom. */
const wordOf = (action: ReturnType<typeof acked> | undefined): Message => {
  if (!action || !('say' in action)) throw new Error('this action says nothing');
  return action.say;
};
const ack = (...[code, next, heard]: [Parameters<typeof acked>[1], number, string]) =>
  wordOf(acked('', code, next, heard));
const opened = (next: number) => wordOf(granted('', 1, next));
const closes = (next: number, heard: string) => wordOf(closed('', next, heard)[0]);
const RESUME = resume(1, tokenOf(1));

let server: FakeServer;
let client: SessionClient;
/** How often the client has waited to dial again. */
let redials: number;

beforeEach(async () => {
  redials = 0;
  server = await FakeServer.listen();
  client = await connect({
    design: 'memory',
    host: '127.0.0.1',
    port: server.port,
    world: { now: () => 0, name: () => '' },
    waits: {
      redial: async () => {
        redials++;
      },
      overdue: () => new Promise(() => {}),
    },
  });
});
afterEach(async () => {
  await client.close();
  await server.close();
});

/** A session opened at byte `first`, on the server's line. */
async function session(first: number, window = 4096): Promise<Line> {
  const granting = client.open(first);
  const line = await server.accepts();
  expect(await line.hears()).toEqual({ type: 'OPEN', seq: first });
  line.says({ ...opened(first), window } as Message);
  expect(await granting).toBe(`session 1 is open, the server expects byte ${first}`);
  return line;
}

/** What went wrong with a promise that was given. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    (kept) => {
      throw new Error(`the promise was kept: ${kept}`);
    },
    (error) => error as Error,
  );
}

describe('a stream', () => {
  test('is opened, acknowledged and closed, over the wrap of the numbers', async () => {
    const line = await session(4_294_967_290);
    const sending = client.send('hello, you');
    expect(await line.hears()).toEqual(data(4_294_967_290, 'hello, you'));
    line.says(ack('delivered', 4, 'hello, you'));
    expect(await sending).toMatch(/^acknowledged up to 4, digest [0-9a-f]{8}$/);

    const finishing = client.finish();
    expect(await line.hears()).toEqual(closes(4, 'hello, you'));
    line.says(closes(4, 'hello, you'));
    expect(await finishing).toMatch(/^closed at 4, both ends have digest [0-9a-f]{8}$/);
  });

  test('reaches the client one byte at a time, and it understands the same', async () => {
    const granting = client.open(100);
    const line = await server.accepts();
    await line.hears();
    await line.drips(opened(100));
    expect(await granting).toBe('session 1 is open, the server expects byte 100');

    const sending = client.send('hello');
    await line.hears();
    await line.drips(ack('delivered', 105, 'hello'));
    expect(await sending).toBe('acknowledged up to 105, digest 3610a686');
  });

  test('is sent in messages of 1024 bytes at most, and never past the window', async () => {
    const line = await session(0, 2500);
    const text = 'abcdefghij'.repeat(300);
    const sending = client.send(text);
    expect(await line.hears()).toEqual(data(0, text.slice(0, 1024)));
    expect(await line.hears()).toEqual(data(1024, text.slice(1024, 2048)));
    expect(await line.hears()).toEqual(data(2048, text.slice(2048, 2500)));
    // The next thing it says is what the next acknowledgement makes room for, so it has said nothing in between.
    line.says({ ...ack('delivered', 1024, text.slice(0, 1024)), window: 1480 } as Message);
    expect(await line.hears()).toEqual(data(2500, text.slice(2500, 2504)));
    line.says({ ...ack('delivered', 2048, text.slice(0, 2048)), window: 0 } as Message);
    line.says({ ...ack('delivered', 2504, text.slice(0, 2504)), window: 1 } as Message);
    expect(await line.hears()).toEqual(data(2504, text.slice(2504, 2505)));
    line.says(ack('delivered', 2505, text.slice(0, 2505)));
    expect(await line.hears()).toEqual(data(2505, text.slice(2505)));
    line.says(ack('delivered', 3000, text));
    await sending;
  });

  test('several sends are one stream: each is done when its own last byte is acknowledged', async () => {
    const line = await session(0);
    const done: string[] = [];
    const first = client.send('one').then(() => done.push('first'));
    const second = client.send('two').then(() => done.push('second'));
    expect(await line.hears()).toEqual(data(0, 'one'));
    expect(await line.hears()).toEqual(data(3, 'two'));
    line.says(ack('delivered', 3, 'one'));
    await first;
    expect(done).toEqual(['first']);
    line.says(ack('delivered', 6, 'onetwo'));
    await second;
    expect(done).toEqual(['first', 'second']);
  });

  test('nothing to send is done at once', async () => {
    await session(7);
    expect(await client.send('')).toBe('acknowledged up to 7, digest 00000000');
  });

  test('a gap is answered by going back: everything from the expected byte on is sent again', async () => {
    const line = await session(0);
    const sending = Promise.all([client.send('one'), client.send('two'), client.send('three')]);
    for (let nth = 0; nth < 3; nth++) await line.hears();
    line.says(ack('gap', 3, 'one'));
    expect(await line.hears()).toEqual(data(3, 'twothree'));
    line.says(ack('delivered', 11, 'onetwothree'));
    await sending;
  });

  test('a gap in the close, too: the bytes first, then the close again', async () => {
    const line = await session(0);
    const sending = client.send('hello');
    await line.hears();
    line.says(ack('delivered', 5, 'hello'));
    await sending;
    const finishing = client.finish();
    expect(await line.hears()).toEqual(closes(5, 'hello'));
    line.says(ack('gap', 5, 'hello'));
    expect(await line.hears()).toEqual(closes(5, 'hello'));
    line.says(closes(5, 'hello'));
    await finishing;
  });

  test('an acknowledgement that comes twice says nothing new', async () => {
    const line = await session(0);
    const one = client.send('one');
    await line.hears();
    line.says(ack('delivered', 3, 'one'), ack('duplicate', 3, 'one'));
    await one;
    const two = client.send('two');
    expect(await line.hears()).toEqual(data(3, 'two'));
    line.says(ack('delivered', 6, 'onetwo'));
    await two;
    expect(client.facts()).toEqual({
      'session[1]': 'token, SND.UNA 6, SND.NXT 6, nothing unacknowledged',
    });
  });
});

describe('a connection that dies', () => {
  test('is replaced: RESUME with the token, then every byte that was not acknowledged', async () => {
    const line = await session(4_294_967_290);
    const sending = Promise.all([client.send('Do not '), client.send('forget '), client.send('me.')]);
    for (let nth = 0; nth < 3; nth++) await line.hears();
    line.says(ack('delivered', 1, 'Do not '));
    line.resets();

    const back = await server.accepts();
    expect(await back.hears()).toEqual(RESUME);
    // The acknowledgement may or may not have got through before the reset; after the RESUME it is said again.
    back.says(ack('delivered', 1, 'Do not '));
    expect(await back.hears()).toEqual(data(1, 'forget me.'));
    back.says(ack('delivered', 11, 'Do not forget me.'));
    await sending;
  });

  test('and had delivered everything: nothing is sent again', async () => {
    const line = await session(0);
    const sending = client.send('hello');
    await line.hears();
    line.resets();
    const back = await server.accepts();
    expect(await back.hears()).toEqual(RESUME);
    back.says(ack('delivered', 5, 'hello'));
    expect(await sending).toBe('acknowledged up to 5, digest 3610a686');
    // What it says next is the close: it had nothing to say in between.
    const finishing = client.finish();
    expect(await back.hears()).toEqual(closes(5, 'hello'));
    back.says(closes(5, 'hello'));
    await finishing;
  });

  test('in the middle of a message: the half is dropped, the rest is not taken for a new one', async () => {
    const line = await session(0);
    const sending = client.send('hello');
    await line.hears();
    await line.ends(Buffer.from('1500000c0000', 'hex'));
    const back = await server.accepts();
    expect(await back.hears()).toEqual(RESUME);
    back.says(ack('delivered', 5, 'hello'));
    expect(await sending).toBe('acknowledged up to 5, digest 3610a686');
  });

  test('after the CLOSE and before its answer: the close is asked again', async () => {
    const line = await session(0);
    const finishing = client.finish();
    expect(await line.hears()).toEqual(closes(0, ''));
    line.resets();
    const back = await server.accepts();
    expect(await back.hears()).toEqual(RESUME);
    back.says(ack('delivered', 0, ''));
    expect(await back.hears()).toEqual(closes(0, ''));
    back.says(closes(0, ''));
    await finishing;
  });

  test('while nobody waits for anything: it is left alone until there is something to say', async () => {
    const line = await session(0);
    await line.ends();
    expect(redials).toBe(0);
    const sending = client.send('hello');
    const back = await server.accepts();
    expect(await back.hears()).toEqual(RESUME);
    back.says(ack('delivered', 0, ''));
    expect(await back.hears()).toEqual(data(0, 'hello'));
    back.says(ack('delivered', 5, 'hello'));
    await sending;
  });

  test('a move is such a death, from the other end: another address, the same session, no good-bye', async () => {
    const line = await session(0);
    await client.move();
    expect(await line.hears()).toBe('gone');
    const sending = client.send('hello');
    const back = await server.accepts();
    expect(await back.hears()).toEqual(RESUME);
    back.says(ack('delivered', 0, ''));
    expect(await back.hears()).toEqual(data(0, 'hello'));
    back.says(ack('delivered', 5, 'hello'));
    await sending;
  });

  test('again and again without an acknowledgement: the client gives up, and says what it tried', async () => {
    const line = await session(0);
    const failure = failureOf(client.send('hello'));
    await line.hears();
    line.resets();
    for (let nth = 0; nth < 5; nth++) {
      const back = await server.accepts();
      expect(await back.hears()).toEqual(RESUME);
      // Being answered is no progress: only an acknowledgement of something new is.
      back.says(ack('delivered', 0, ''));
      expect(await back.hears()).toEqual(data(0, 'hello'));
      back.resets();
    }
    expect((await failure).message).toBe(
      'the connection was lost 6 times in a row, and nothing was acknowledged in between',
    );

    // Whoever asks again has as many tries again.
    const again = client.send('!');
    (await server.accepts()).resets();
    const back = await server.accepts();
    expect(await back.hears()).toEqual(RESUME);
    back.says(ack('delivered', 0, ''));
    expect(await back.hears()).toEqual(data(0, 'hello!'));
    back.says(ack('delivered', 6, 'hello!'));
    await again;
  });

  test('before a session was granted: there is nothing to come back to', async () => {
    const failure = failureOf(client.open(0));
    const line = await server.accepts();
    await line.hears();
    await line.ends();
    expect((await failure).message).toBe('the connection was lost before the server granted a session');
  });

  test('when nobody listens any more, the client dials twenty times and keeps the cause', async () => {
    const line = await session(0);
    await line.ends();
    await server.close();
    const error = await failureOf(client.send('hello'));
    expect(error.message).toMatch(/^no answer from 127\.0\.0\.1:\d+ after 20 tries$/);
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect(redials).toBe(19);
    server = await FakeServer.listen();
  });
});

describe('a server that is wrong', () => {
  test('another digest is reported: the stream did not arrive as it was sent', async () => {
    const line = await session(0);
    const failure = failureOf(client.send('hello'));
    await line.hears();
    line.says(ack('delivered', 5, 'hallo'));
    expect((await failure).message).toMatch(
      /^the server's digest is [0-9a-f]{8}, ours 3610a686: the stream did not arrive as it was sent$/,
    );
    expect(await line.hears()).toBe('gone');

    // Whoever asks again gets an answer again, even when it is the first thing that a new connection says.
    const again = failureOf(client.send('!'));
    const back = await server.accepts();
    expect(await back.hears()).toEqual(RESUME);
    back.says(ack('delivered', 5, 'hallo'));
    expect((await again).message).toMatch(/the stream did not arrive as it was sent$/);
    expect(await back.hears()).toBe('gone');
  });

  test('one that has lost bytes it acknowledged is reported, not asked for ever', async () => {
    const line = await session(0);
    const sending = client.send('hello');
    await line.hears();
    line.says(ack('delivered', 5, 'hello'));
    await sending;
    line.resets();

    const failure = failureOf(client.send(', you'));
    const back = await server.accepts();
    expect(await back.hears()).toEqual(RESUME);
    back.says(ack('delivered', 2, 'he'));
    expect((await failure).message).toBe(
      'the server has lost what it acknowledged: it had every byte before 5 and now expects 2',
    );
  });

  test('one that acknowledges what was never sent is reported', async () => {
    const line = await session(0);
    const failure = failureOf(client.send('hello'));
    await line.hears();
    line.says(ack('delivered', 6, 'hello!'));
    expect((await failure).message).toBe(
      'the server acknowledges every byte before 6, and the stream so far ends before 5',
    );
  });

  test.each<[string, Buffer]>([
    ['another version', Buffer.from('25', 'hex')],
    ['no type', Buffer.from('10', 'hex')],
    ['a length that no ACK has', Buffer.from('1500000d', 'hex')],
    ['a code that no ACK has', Buffer.from('1509000c000000050000100000000000', 'hex')],
    ['what only a client says: DATA', Buffer.from('140000050000000078', 'hex')],
    ['what only a client says: OPEN', Buffer.from('1100000400000000', 'hex')],
    ['plain text', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('%s: the promise is broken and the connection ended', async (_what, bytes) => {
    const line = await session(0);
    const failure = failureOf(client.send('hello'));
    await line.hears();
    line.sends(bytes);
    expect(await failure).toMatchObject({ name: 'WireError', cite: 'tcp-session §7' });
    expect(await line.hears()).toBe('gone');
  });

  test('what came before the wrong bytes still counts', async () => {
    const line = await session(0);
    const one = client.send('one');
    const failure = failureOf(client.send('two'));
    await line.hears();
    await line.hears();
    line.sends(Buffer.from('1500000c00000003000010007a6c86f1ff', 'hex'));
    expect(await one).toBe('acknowledged up to 3, digest 7a6c86f1');
    expect(await failure).toMatchObject({ name: 'WireError', at: 0 });
  });

  test('a RESET breaks every promise, with the reason in words; the next request may come back', async () => {
    const line = await session(0);
    const failures = Promise.all([failureOf(client.send('hello')), failureOf(client.finish())]);
    await line.hears();
    line.says({ type: 'RESET', code: 3 });
    for (const { message } of await failures) expect(message).toBe('the server says: taken over');
    await line.ends();

    const again = failureOf(client.send('!'));
    const back = await server.accepts();
    expect(await back.hears()).toEqual(RESUME);
    back.says({ type: 'RESET', code: 2 });
    expect((await again).message).toBe('the server says: unknown session');
  });
});

describe('what the client remembers', () => {
  test('in words: nothing, then a session, then what is not acknowledged; never the token', async () => {
    expect(client.facts()).toEqual({});
    const line = await session(4_294_967_290);
    expect(client.facts()).toEqual({
      'session[1]': 'token, SND.UNA 4294967290, SND.NXT 4294967290, nothing unacknowledged',
    });
    const sending = client.send('hello, you');
    expect(client.facts()).toEqual({
      'session[1]': 'token, SND.UNA 4294967290, SND.NXT 4, unacknowledged "hello, you"',
    });
    await line.hears();
    line.says(ack('delivered', 4, 'hello, you'));
    await sending;
    expect(client.facts()).toEqual({ 'session[1]': 'token, SND.UNA 4, SND.NXT 4, nothing unacknowledged' });
    expect(JSON.stringify(client.facts())).not.toContain(tokenOf(1));
  });

  test('a client that never spoke can move and close', async () => {
    await client.move();
    await client.close();
    expect(client.facts()).toEqual({});
  });
});

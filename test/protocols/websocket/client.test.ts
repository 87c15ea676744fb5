// The client against a server that is cut off in the middle of things: what it says again, what it hears once, when it gives up.

import { createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { REAL_WAITS, seededWorld } from '../../../src/lab/world.ts';
import type { Waits } from '../../../src/protocols/shapes.ts';
import { type ChatClient, connect } from '../../../src/protocols/websocket/client.ts';
import { wire } from '../../../src/protocols/websocket/wire.ts';
import { encode } from '../../../src/wire/wire.ts';
import { join, say } from './frames.ts';
import { serve, Talker, until } from './house.ts';

async function client(port: number, waits: Waits = REAL_WAITS): Promise<ChatClient> {
  const options = { host: '127.0.0.1', port, world: seededWorld(1, 'client'), waits, design: 'resume' };
  const made = await connect(options);
  onTestFinished(() => made.close());
  return made;
}

/** Stands between a client and a server until it is told to do something: whatever the server says of this kind is the last it says. */
async function between(port: number, cutAt: { kind?: string; swallow?: boolean }): Promise<number> {
  const { connect: dial } = await import('node:net');
  const sockets = new Set<Socket>();
  const relay = createServer((near) => {
    const far = dial({ port, host: '127.0.0.1' });
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}));
    near.on('data', (chunk) => far.write(chunk)).on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    let before = Buffer.alloc(0);
    far.on('data', (chunk) => {
      before = Buffer.concat([before, chunk]);
      for (;;) {
        const length = wire.frame(before, 0, 'server');
        if (length === undefined || length > before.length) return;
        const bytes = before.subarray(0, length);
        const kind = kindOf(bytes);
        if (kind === cutAt.kind) {
          delete cutAt.kind;
          if (cutAt.swallow) far.removeAllListeners('data').resume();
          else near.resetAndDestroy();
          return;
        }
        near.write(bytes);
        before = before.subarray(length);
      }
    });
  });
  await new Promise<void>((listening) => relay.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  const address = relay.address();
  if (address === null || typeof address === 'string') throw new Error('a relay listens on a port');
  return address.port;
}

function kindOf(bytes: Buffer): string {
  return /"(welcome|id|ack)"/.exec(bytes.toString())?.[1] ?? '';
}

test('somebody else has spoken under a name meanwhile, or the server has forgotten: it goes on from the number that the server tells', async () => {
  const { port, state } = await serve();
  const bob = await client(port);
  const ada = await Talker.joined(port, 'ada');
  await bob.join('bob', 'kitchen');
  for (const text of ['Do', 'not']) expect(await bob.say('bob', text)).toBe('said');
  await bob.vanish('bob');
  const other = await Talker.joined(port, 'bob');
  other.say(say('mine', 3));
  await until(() => other.words.at(-1)?.startsWith('SAID 3') === true);
  expect(await bob.say('bob', 'forget me.')).toBe('said');
  await until(() => ada.words.at(-1)?.startsWith('SAID 4') === true);
  // A name that has said nothing for long makes room for others, while it is there.
  state().rooms.get('kitchen')?.numbers.delete('bob');
  expect(await bob.say('bob', 'Again.')).toBe('said');
  await until(() => ada.words.at(-1) === 'SAID 5 from bob “Again.”');
});

describe('a message whose acknowledgement is lost', () => {
  test('is said again under its number, and the others hear it once', async () => {
    const { port } = await serve();
    const bob = await client(await between(port, { kind: 'id' }));
    const ada = await Talker.joined(port, 'ada');
    await bob.join('bob', 'kitchen');
    expect(await bob.say('bob', 'Do')).toBe('said');
    expect(await bob.say('bob', 'not')).toBe('said');
    expect(bob.facts()).toEqual({ 'seen[bob]': 'kitchen, up to 2' });
    await until(() => ada.words.at(-1)?.startsWith('SAID 2') === true);
    expect(ada.words.filter((each) => each.startsWith('SAID'))).toEqual([
      'SAID 1 from bob “Do”',
      'SAID 2 from bob “not”',
    ]);
  });

  test('by a link that says nothing: it is left when patience has run out', async () => {
    const { port } = await serve();
    // Patience runs out whenever nothing comes for a while: here that is short.
    const overdue: Waits['overdue'] = () => new Promise((resolve) => setTimeout(resolve, 200));
    const bob = await client(await between(port, { kind: 'id', swallow: true }), { ...REAL_WAITS, overdue });
    await bob.join('bob', 'kitchen');
    expect(await bob.say('bob', 'Do')).toBe('said');
    expect(await bob.hear('bob')).toBe('bob: “Do”');
  });

  test('where nothing is kept it is said twice', async () => {
    const { port } = await serve({}, false);
    const bob = await client(await between(port, { kind: 'id' }));
    const ada = await Talker.joined(port, 'ada');
    await bob.join('bob', 'kitchen');
    await bob.say('bob', 'Do');
    await until(() => ada.kinds.filter((kind) => kind === 'SAID').length === 2);
  });
});

test('a welcome that is lost is asked for again', async () => {
  const { port } = await serve();
  const ada = await client(await between(port, { kind: 'welcome' }));
  expect(await ada.join('ada', 'kitchen')).toBe('in kitchen, 0 said there before');
});

test('who comes back on its own hears what it missed, and a newcomer begins with what comes', async () => {
  const { port } = await serve();
  const chat = await client(port);
  await chat.join('ada', 'kitchen');
  await chat.join('bob', 'kitchen');
  await chat.say('bob', 'Do');
  await chat.vanish('ada');
  await chat.say('bob', 'not');
  await chat.join('cy', 'kitchen');
  expect(await chat.hear('ada')).toBe('bob: “Do”, bob: “not”');
  expect(await chat.hear('ada')).toBe('nothing');
  expect(await chat.hear('cy')).toBe('nothing');
  expect(await chat.leave('ada')).toBe('left');
  await expect(chat.hear('ada')).rejects.toThrow('join first');
});

test('whom the server does not know any more comes in again, and says it again', async () => {
  const server = await serve();
  const chat = await client(server.port);
  await chat.join('bob', 'kitchen');
  await chat.say('bob', 'Do');
  await server.forget();
  expect(await chat.say('bob', 'not')).toBe('said');
  expect(Object.keys(server.facts())[0]).toBe('room[kitchen]');
  // The room has begun anew.
  expect(chat.facts()).toEqual({ 'seen[bob]': 'kitchen, up to 1' });
});

test('who refuses is believed, and who makes no sense is not asked again', async () => {
  const full = createServer((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n')),
  );
  const senseless = createServer((socket) =>
    socket.once('data', () =>
      socket.write(
        encode(wire, { type: 'frame', opcode: 'TEXT', fin: true, payload: Buffer.from('x'), mask: Buffer.alloc(4) }),
      ),
    ),
  );
  for (const [server, why] of [
    [full, 'the server answers 503 Service Unavailable'],
    [senseless, 'the server makes no sense'],
  ] as const) {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const chat = await client(port);
    await expect(chat.join('ada', 'kitchen')).rejects.toThrow(why);
  }
});

test('its key and its masks are those of its world: the same seed says the same bytes', async () => {
  const said: string[] = [];
  for (let turn = 0; turn < 2; turn++) {
    const heard: Buffer[] = [];
    const { port } = await serve();
    const { connect: dial } = await import('node:net');
    const relay = createServer((near) => {
      const far = dial({ port, host: '127.0.0.1' });
      near
        .on('data', (chunk: Buffer) => void heard.push(chunk))
        .pipe(far)
        .pipe(near);
    });
    await new Promise<void>((listening) => relay.listen(0, '127.0.0.1', listening));
    const chat = await client((relay.address() as { port: number }).port);
    await chat.join('ada', 'kitchen');
    await chat.say('ada', 'Do');
    await chat.close();
    relay.close();
    said.push(
      Buffer.concat(heard)
        .toString('latin1')
        .replace(/127\.0\.0\.1:\d+/, 'here'),
    );
  }
  expect(said[0]).toBe(said[1]);
  expect(said[0]).not.toContain(JSON.stringify(join('ada')));
  expect(said[0]).not.toContain(say('Do', 1).is === 'say' ? '"Do"' : '');
});

// WebSocket: the chat beside a plain ws echo, with the same messages from the same load. The chat does more with each: it reads the
// JSON, numbers it, and says it to the room that its sender is in, here alone.

import { connect, type Socket } from 'node:net';
import { frameOf, type Message, wire } from '../../src/protocols/websocket/wire.ts';
import { encode } from '../../src/wire/wire.ts';
import { ours, script } from './contenders.ts';
import { median, promised, rounds, spread } from './rounds.ts';

const CONNECTIONS = 16;
const IN_FLIGHT = 32;
/** Messages on each connection, in one turn. */
const COUNT = 2_000;
const CHAT = 'websocket/memory';
const MASK = Buffer.from([1, 2, 3, 4]);

const masked = (message: ReturnType<typeof frameOf>) => encode(wire, { ...message, mask: MASK });
/** 32 characters of text, 50 bytes of JSON. Where nothing is kept the same number is taken again and again. */
const ONE = masked(frameOf({ is: 'say', text: 'x'.repeat(32), nr: 1 }));
/** As many as are ever said at once. */
const MANY = Buffer.concat(Array.from({ length: IN_FLIGHT }, () => ONE));

export async function websocket(folder: string): Promise<boolean[]> {
  const contenders = [
    await script('plain ws echo', './ws-echo.ts', []),
    await script('plain ws echo (control)', './ws-echo.ts', []),
    await script('ws echo, corked', './ws-echo.ts', ['cork']),
    await ours(CHAT, 'websocket', 'memory', folder),
  ];
  try {
    const outcomes = await rounds(
      `websocket: ${CONNECTIONS} connections × ${IN_FLIGHT} messages in flight, ${CONNECTIONS * COUNT} messages`,
      contenders,
      ({ name, port }) => load(port, name === CHAT),
      7,
    );
    const ratios = outcomes[3]?.ratios ?? [];
    return [promised(`${CHAT} / plain ws echo ${spread(ratios)}`, median(ratios), { least: 6 })];
  } finally {
    for (const each of contenders) await each.stop();
  }
}

/** Resolves to messages a second. */
export async function load(port: number, joins: boolean): Promise<number> {
  const ears = await Promise.all(Array.from({ length: CONNECTIONS }, (_, nth) => enter(port, joins ? nth : undefined)));
  const begun = process.hrtime.bigint();
  await Promise.all(ears.map((ear) => ear.pump(COUNT)));
  const took = Number(process.hrtime.bigint() - begun);
  for (const ear of ears) ear.socket.destroy();
  return (CONNECTIONS * COUNT * 1e9) / took;
}

interface Ear {
  socket: Socket;
  /** Keeps its messages in flight until so many have come back. */
  pump(count: number): Promise<void>;
}

/** A connection that has been upgraded, and, where there are rooms, is alone in one. */
async function enter(port: number, room: number | undefined): Promise<Ear> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let rest: Buffer = Buffer.alloc(0);
  let heard = 0;
  let told = () => {};
  const failed = new Promise<never>((_, reject) =>
    socket.on('error', reject).on('close', () => reject(new Error('the server hung up'))),
  );
  failed.catch(() => {});
  const until = (met: () => boolean) =>
    Promise.race([
      failed,
      new Promise<void>((resolve) => {
        told = () => met() && resolve();
        told();
      }),
    ]);

  let upgraded = false;
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    if (!upgraded) {
      const end = rest.indexOf('\r\n\r\n');
      if (end === -1) return;
      at = end + 4;
      upgraded = true;
    }
    // Frames are counted by their length, which is less than 126 in all of them, and not looked into.
    for (;;) {
      const end = at + 2 + (rest[at + 1] ?? rest.length);
      if (end > rest.length) break;
      at = end;
      heard++;
    }
    rest = rest.subarray(at);
    told();
  });

  const request: Message = {
    type: 'request',
    method: 'GET',
    target: '/',
    version: '1.1',
    headers: [
      ['Host', 'localhost'],
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ['Sec-WebSocket-Version', '13'],
    ],
    body: Buffer.alloc(0),
  };
  socket.write(encode(wire, request));
  await until(() => upgraded);
  if (room !== undefined) {
    socket.write(masked(frameOf({ is: 'join', room: `room${room}`, name: 'ada', after: undefined })));
    await until(() => heard === 1);
  }

  return {
    socket,
    async pump(count) {
      heard = 0;
      let sent = 0;
      await until(() => {
        const room = Math.min(heard + IN_FLIGHT, count) - sent;
        if (room > 0) {
          socket.write(MANY.subarray(0, room * ONE.length));
          sent += room;
        }
        return heard >= count;
      });
    },
  };
}

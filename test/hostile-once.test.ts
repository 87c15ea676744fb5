// Attacks on DNS and FTP that got through once.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { generate } from 'selfsigned';
import { expect, onTestFinished, test, vi } from 'vitest';
import { StateKeeper } from '../src/lab/keeper.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { REAL_WORLD } from '../src/lab/world.ts';
import { serve as serveDns } from '../src/protocols/dns/server.ts';
import { rulesFor } from '../src/protocols/dns/state.ts';
import { wire } from '../src/protocols/dns/wire.ts';
import { card } from '../src/protocols/ftp/index.ts';
import { SettingError } from '../src/protocols/shapes.ts';
import type { Zone } from '../src/served/zone.ts';
import { stretchOf } from '../src/wire/fields.ts';
import { over } from './over.ts';
import { framed, query, record, smallZone } from './protocols/dns/words.ts';
import { serve, Talker, until } from './protocols/ftp/house.ts';

const host = '127.0.0.1';
const pem = async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', algorithm: 'sha256' });
  return { cert: made.cert, key: made.private };
};

/** The server's end of the next connection. */
function nextEnd(): Promise<net.Socket> {
  const { emit } = net.Server.prototype;
  return new Promise((found) => {
    net.Server.prototype.emit = function (this: net.Server, ...rest: unknown[]) {
      if (rest[0] === 'connection') {
        net.Server.prototype.emit = emit;
        found(rest[1] as net.Socket);
      }
      return (emit as (...rest: unknown[]) => boolean).apply(this, rest);
    } as typeof emit;
  });
}

test('AUTH behind replies that are still on their way: TLS begins when they are out', async () => {
  const made = await pem();
  const { port } = await serve({ certificate: async () => made });
  const coming = nextEnd();
  const talker = await Talker.meet(port);
  const end = await coming;
  // As if the client's machine took nothing more for a while.
  end.cork();
  talker.write('NOOP\r\nAUTH TLS\r\n');
  await until(() => end.writableLength > '200 Yes.\r\n'.length + 4);
  end.uncork();
  expect([await talker.reply(), await talker.reply()]).toEqual([200, 234]);
  talker.socket.removeAllListeners('data');
  const secure = tls.connect({ socket: talker.socket, rejectUnauthorized: false });
  onTestFinished(() => void secure.destroy());
  await Promise.race([
    once(secure, 'secureConnect'),
    new Promise((_none, late) => setTimeout(() => late(new Error('no TLS')), 1000)),
  ]);
});

test('nothing is heard of who has just been dropped, least of all a wish for a listener', async () => {
  const { port } = await serve();
  const coming = nextEnd();
  const ann = await Talker.enter(port);
  const end = await coming;
  const listen = vi.spyOn(net.Server.prototype, 'listen');
  onTestFinished(() => listen.mockRestore());
  const { write } = end;
  end.write = ((...rest: never[]) => {
    end.destroy();
    return (write as (...rest: never[]) => boolean).apply(end, rest);
  }) as never;
  ann.write('NOOP\r\nEPSV\r\n');
  await ann.gone;
  expect(listen.mock.calls.map(([, at]) => at)).toEqual([]);
});

test('who has said something but is nobody is still the first to go when the house is full', async () => {
  const { port } = await serve({ bounds: { connections: 3 } });
  const hogs = await Promise.all(Array.from({ length: 3 }, () => Talker.meet(port)));
  for (const hog of hogs) expect(await hog.say('')).toBe(500);
  const ann = await Talker.enter(port);
  expect(await ann.say('PWD')).toBe(257);
});

test('three wrong passwords are three, whoever logs in in between', async () => {
  const { port } = await serve();
  const guesser = await Talker.meet(port);
  const codes: (number | undefined)[] = [];
  for (let at = 0; at < 3; at++) {
    await guesser.say('USER ann');
    codes.push(await guesser.say(`PASS ${at}`));
    await guesser.say('USER anonymous');
    await guesser.say('PASS -');
  }
  expect(codes).toEqual([530, 530, 421]);
});

test('DNS: one segment of questions for long answers, from who reads none of them, is answered only as far as they are taken', async () => {
  let asked = 0;
  const zone: Zone = {
    ...smallZone(),
    answer: () => {
      asked++;
      const records = stretchOf(record(16, Buffer.alloc(60_000, 1)));
      return { rcode: 0, authoritative: true, answers: 1, authority: 0, additional: 0, ...records };
    },
  };
  const rules = rulesFor(() => zone, { cookies: 'none', rate: 0 });
  const { keeper } = await StateKeeper.open({ rules, wire, world: REAL_WORLD, transport: 'udp+tcp' });
  const server = await serveDns(keeper, { host, port: 0 }, { stall: 200 });
  onTestFinished(() => server.close());
  const coming = nextEnd();
  const socket = net.connect({ port: server.port, host });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {}).pause();
  const end = await coming;
  socket.write(framed(...Array.from({ length: 1800 }, (_none, id) => query({ id }))));
  await over(end);
  // Ten megabytes are more than the sockets between them hold.
  expect(asked * 60_000).toBeLessThan(20e6);
});

test('a certificate that goes with another key is refused at the start, not when somebody asks for TLS', async () => {
  const { path, remove } = temporaryFolder();
  onTestFinished(remove);
  const [one, two] = [await pem(), await pem()];
  writeFileSync(join(path, 'cert'), one.cert);
  writeFileSync(join(path, 'key'), two.key);
  const settings = { cert: join(path, 'cert'), key: join(path, 'key') };
  await expect(card.configure?.(settings, path)).rejects.toBeInstanceOf(SettingError);
});

test('DNS: a byte now and then keeps no place: idle is who asks nothing', async () => {
  const { keeper } = await StateKeeper.open({
    rules: rulesFor(smallZone, { cookies: 'none', rate: 0 }),
    wire,
    world: REAL_WORLD,
    transport: 'udp+tcp',
  });
  const server = await serveDns(keeper, { host, port: 0 }, { idle: 150 });
  onTestFinished(() => server.close());
  const socket = net.connect({ port: server.port, host });
  socket.on('error', () => {});
  socket.write(framed(query({ id: 1 })));
  await once(socket, 'data');
  // The length of a query, and then its bytes, for as long as it takes.
  socket.write(Buffer.of(1, 0));
  const drip = setInterval(() => socket.write(Buffer.of(0)), 20);
  onTestFinished(() => clearInterval(drip));
  await over(socket.resume());
});

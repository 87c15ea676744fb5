// The loads: bounded in count, to loopback only, the same bytes for everybody.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Echoes `count` datagrams of `size` bytes, `outstanding` at a time. Resolves to datagrams per second. */
export async function datagrams(port: number, count: number, size: number, outstanding: number): Promise<number> {
  const socket = dgram.createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setRecvBufferSize(1 << 20);
  const payload = Buffer.alloc(size, 0x61);
  let sent = 0;
  let heard = 0;
  const begun = process.hrtime.bigint();
  return new Promise((resolve, reject) => {
    // Loopback loses a datagram when a buffer is full; a load that waits for it would wait for ever.
    const lost = setInterval(() => {
      if (heard === last) reject(new Error(`${sent - heard} datagrams were lost`));
      last = heard;
    }, 2000);
    let last = -1;
    const ask = () => {
      sent++;
      socket.send(payload);
    };
    socket.on('message', () => {
      heard++;
      if (sent < count) ask();
      else if (heard === count) {
        clearInterval(lost);
        socket.close();
        resolve(perSecond(count, begun));
      }
    });
    for (let i = 0; i < outstanding; i++) ask();
  });
}

export interface FrameLoad {
  connections: number;
  /** Frames in flight on each connection. */
  inFlight: number;
  /** Frames on each connection. */
  count: number;
}

/** Bytes of one DATA frame with its payload of 24. */
export const FRAME = 32;
const HEADER = 8;

/**
 * Sends DATA frames of 32 bytes on each connection and waits for the answers. To a server of ours it opens a session first,
 * and each answer is an ACK of 16 bytes; a bare echo sends the same 32 bytes back. Resolves to frames per second.
 */
export async function frames(
  port: number,
  kind: 'session' | 'echo',
  { connections, inFlight, count }: FrameLoad,
): Promise<number> {
  const answer = kind === 'session' ? 16 : FRAME;
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      await once(socket, 'connect');
      if (kind === 'session') {
        socket.write(Buffer.from([0x11, 0, 0, 4, 0, 0, 0, 0]));
        await once(socket, 'data');
      }
      return socket;
    }),
  );
  const begun = process.hrtime.bigint();
  await Promise.all(sockets.map((socket) => pump(socket, answer, inFlight, count)));
  const rate = perSecond(connections * count, begun);
  for (const socket of sockets) socket.destroy();
  return rate;
}

function pump(socket: Socket, answer: number, inFlight: number, count: number): Promise<void> {
  let seq = 0;
  let sent = 0;
  let heardBytes = 0;
  const send = (frames: number) => {
    const bytes = Buffer.alloc(frames * FRAME, 0x61);
    for (let at = 0; at < bytes.length; at += FRAME) {
      bytes.writeUInt32BE(0x1400001c, at);
      bytes.writeUInt32BE(seq, at + 4);
      seq += FRAME - HEADER;
    }
    sent += frames;
    socket.write(bytes);
  };
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server hung up')));
    socket.on('data', (chunk) => {
      heardBytes += chunk.length;
      const heard = Math.floor(heardBytes / answer);
      if (heard >= count) return resolve();
      const room = Math.min(heard + inFlight, count) - sent;
      if (room > 0) send(room);
    });
    send(Math.min(inFlight, count));
  });
}

function perSecond(count: number, begun: bigint): number {
  return (count * 1e9) / Number(process.hrtime.bigint() - begun);
}

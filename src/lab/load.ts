// A load of HTTP: the same request again and again, on connections that stay. How many are answered a second, and how long each waits?

import { connect } from 'node:net';

export interface LoadOptions {
  port: number;
  /** One request, as it goes over the wire. */
  request: Buffer;
  /** Each has one request on its way at a time. */
  connections: number;
  milliseconds: number;
}

export interface LoadResult {
  /** Answers a second. */
  rate: number;
  /** What 99 of 100 answers took at most, in milliseconds. */
  p99: number;
}

const END = Buffer.from('\r\n\r\n');

/**
 * Asks for so long, from this machine and this process. Rejects when an answer is none of 200, or a connection ends: who is refused is
 * served quickly, and that would flatter.
 */
export async function load({ port, request, connections, milliseconds }: LoadOptions): Promise<LoadResult> {
  /** What each answer took, in nanoseconds. */
  const took: number[] = [];
  const sockets = Array.from({ length: connections }, () => connect({ port, host: '127.0.0.1', noDelay: true }));
  const begun = process.hrtime.bigint();
  const over = begun + BigInt(Math.round(milliseconds * 1e6));
  try {
    await Promise.all(
      sockets.map(
        (socket) =>
          new Promise<void>((resolve, reject) => {
            let rest: Buffer = Buffer.alloc(0);
            let asked = 0n;
            const ask = () => {
              asked = process.hrtime.bigint();
              socket.write(request);
            };
            socket.on('connect', ask);
            socket.on('data', (chunk) => {
              rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
              const length = lengthOf(rest);
              if (length === undefined || rest.length < length) return;
              if (rest.length > length || rest.toString('latin1', 9, 12) !== '200')
                return reject(new Error(`an answer under load was not right: ${rest.toString('latin1', 0, 12)}`));
              rest = rest.subarray(length);
              const now = process.hrtime.bigint();
              took.push(Number(now - asked));
              if (now < over) ask();
              else resolve();
            });
            socket.on('error', reject);
            socket.on('close', () => reject(new Error('the server hung up under load')));
          }),
      ),
    );
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  took.sort((a, b) => a - b);
  return { rate: took.length / seconds, p99: (took[Math.ceil(took.length * 0.99) - 1] ?? Number.NaN) / 1e6 };
}

/** Bytes of an answer with a Content-Length; undefined while its head is not all here. */
function lengthOf(answer: Buffer): number | undefined {
  const end = answer.indexOf(END);
  if (end === -1) return undefined;
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.toString('latin1', 0, end))?.[1];
  if (length === undefined) throw new Error('an answer under load does not say how long it is');
  return end + END.length + Number(length);
}

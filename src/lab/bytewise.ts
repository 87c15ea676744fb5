// One byte at a time: a stream says nothing of where its writes began and ended, so a server that leans on that is found out here.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';

/**
 * How many bytes at either end of what was written in one piece are kept apart by some time, and by how much, in milliseconds: there
 * headers end and bodies begin. Whether the other process has read a byte nobody here can tell, so it is given time to.
 */
const EDGE = 20;
const APART = 2;

/** Passes on to `to` whatever is written, in writes of one byte. */
export function oneByOne(to: Socket): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      void drip(chunk).then(() => done());
    },
    final(done) {
      // The other end may have gone first, or goes now: then there is nobody to be told, and what ended it is not for us to say.
      if (to.writable) to.end(() => done());
      else done();
    },
  });

  async function drip(chunk: Buffer): Promise<void> {
    // Why it never came about, whoever dialled is told.
    if (to.connecting) await once(to, 'connect').catch(() => {});
    for (const [at, byte] of chunk.entries()) {
      if (!to.writable) return;
      to.write(Buffer.of(byte));
      await (at < EDGE || at >= chunk.length - EDGE ? after(APART) : turn());
    }
  }
}

function after(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

// Where the rules meet a real socket: one request, and if it is granted, frames from then on.

import { createServer, type Socket } from 'node:net';
import { BOUNDS } from '../../bounds/bounds.ts';
import { crowd } from '../../bounds/connections.ts';
import { unwelcome } from '../../bounds/pages.ts';
import { framesFrom } from '../../sockets/frames.ts';
import { listening } from '../../sockets/listening.ts';
import { Reader, WireError } from '../../wire/fields.ts';
import { dated } from '../../wire/http/date.ts';
import { frameHttp, headerOf, inOriginForm, type Request, readHttp } from '../../wire/http.ts';
import type { Address, Bounds, Keeper, Path, Server } from '../shapes.ts';
import { refusal } from './rules/upgrading.ts';
import type { Deed, Outcome } from './state.ts';
import { closing } from './wire/frames.ts';
import type { Message } from './wire.ts';

/** Who has said nothing for this share of the time that it may is asked whether it is there, and has as long as a reader to answer. */
const QUIET = 1 / 20;

export async function serve(
  keeper: Keeper<Message, Deed, Outcome>,
  at: Address,
  limits: Partial<Bounds> = {},
): Promise<Server> {
  const bounds = { ...BOUNDS, ...limits };
  /** Filed under the path: what makes a connection go on in frames, once its request has been granted. */
  const granted = new Map<Path, () => void>();
  const server = createServer({ noDelay: true, allowHalfOpen: true });
  const guests = crowd(server, bounds, attend, { gathers: true });
  keeper.attach({ say: guests.say, hangUp: guests.hangUp, does: (to) => granted.get(to)?.() });

  function attend(socket: Socket, path: Path): void {
    /** What has come of the request, or after it. */
    let begun: Buffer = Buffer.alloc(0);
    let ear: { heard(): void; close(): void } | undefined;

    const refuse = (message: Message) => {
      socket.removeAllListeners('data').pause();
      keeper.refuse(path, message);
    };

    const asked = (chunk: Buffer) => {
      begun = Buffer.concat([begun, chunk]);
      try {
        const length = frameHttp(begun, 0, 'client');
        if (length === undefined || length > begun.length) return;
        const request = readHttp(new Reader(begun, { end: length }), 'client', new Map()) as Request;
        begun = begun.subarray(length);
        const host = headerOf(inOriginForm(request) ?? request, 'host');
        const no = unwelcome({ host, origin: headerOf(request, 'origin'), at: socket.localAddress });
        if (no !== undefined) return refuse(dated(refusal(no), Date.now()));
        // What follows is read when the answer has been decided on: only then it is known what it is.
        socket.off('data', asked);
        guests.hold(path, new Promise((resolve) => granted.set(path, () => resolve(goOn()))));
        keeper.hear(path, [request]);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        refuse(dated(refusal(statusFor(error)), Date.now()));
      }
    };

    const goOn = () => {
      guests.settled(path);
      const line = watch(socket, bounds, (is) => keeper.learn(path, { is }));
      ear = line;
      const read = framesFrom((code) => refuse(closing(code)));
      const framed = (chunk: Buffer) => {
        line.heard();
        const messages = read(chunk);
        const full = messages.length > 0 ? keeper.hear(path, messages) : undefined;
        if (full) guests.hold(path, full);
      };
      socket.on('data', framed);
      if (begun.length > 0) framed(begun);
    };

    socket.on('data', asked);
    // Whoever has no more to say may still want to hear: answers may be waiting for the disk.
    socket.on('end', () => keeper.bye(path));
    socket.on('close', () => {
      ear?.close();
      granted.delete(path);
      keeper.part(path);
    });
  }

  return listening(server, at, guests);
}

/** How a request that cannot be read is answered. */
function statusFor({ cite }: WireError): 431 | 413 | 400 {
  if (cite === 'RFC 6585 §5') return 431;
  return cite === 'RFC 9110 §15.5.14' ? 413 : 400;
}

/**
 * Tells of a peer that has said nothing for a while, `quiet`, and of one that was asked and has not answered, `silent`. While it is
 * we who do not read, nobody can say that it is.
 */
function watch(socket: Socket, { idle, stall }: Bounds, tell: (is: Outcome['is']) => void) {
  let asked = false;
  let timer = setTimeout(look, idle * QUIET).unref();
  function begin(isAsked: boolean): void {
    clearTimeout(timer);
    asked = isAsked;
    timer = setTimeout(look, asked ? stall : idle * QUIET).unref();
  }
  function look(): void {
    if (socket.isPaused()) return begin(false);
    if (asked) return tell('silent');
    begin(true);
    tell('quiet');
  }
  return {
    heard: () => (asked ? begin(false) : void timer.refresh()),
    close: () => clearTimeout(timer),
  };
}

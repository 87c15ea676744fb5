// Where the rules meet real sockets: packets in and out on TCP, in TLS, and in WebSocket frames.

import { once } from 'node:events';
import { createServer as createWebServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Server as Listener, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import { BOUNDS } from '../../bounds/bounds.ts';
import { crowd } from '../../bounds/connections.ts';
import { unwelcome } from '../../bounds/pages.ts';
import { pathOf } from '../../bounds/paths.ts';
import { WireError } from '../../wire/fields.ts';
import { Inbox, type Seen } from '../../wire/wire.ts';
import { type Address, type Bounds, type Keeper, type Path, type Server, SettingError } from '../shapes.ts';
import type { Deed, Outcome } from './state.ts';
import { farewell, LARGEST, type Message, opening, wire } from './wire.ts';

/** Where else this broker listens, beside its own port. Port 0 means any free one. */
export interface Doors {
  tls?: { port: number; cert: string; key: string } | undefined;
  ws?: { port: number } | undefined;
}

export interface Broker extends Server {
  /** The ports of the other doors that are open. */
  tls: number | undefined;
  ws: number | undefined;
}

/** What a stream that cannot tell at once whether its bytes have left may hold of them before its peer counts as slow, in bytes. */
const SLOW = 1 << 18;
/** Frames of one WebSocket message. */
const FRAGMENTS = 64;
/** One WebSocket message, in bytes: the largest packet, and what was said along with it. */
const FRAMED = 2 * LARGEST.other;

/** What may come of the first one before that is whole, in bytes: it holds a CONNECT, and whoever says that is a stranger until then. */
const FRAMED_FIRST = 1 << 16;
/** How long a peer may take to answer that the conversation is over, in milliseconds. */
const FAREWELL = 1_000;

/** One connection. What is remembered of it is not here, but in the state. */
interface Line {
  stream: Duplex;
  /** Runs out on a peer that has promised to say something now and then. */
  silence: NodeJS.Timeout | undefined;
}

/** A broker with these doors: what `serve` of a card is. */
export function serveFrom(doors: Doors = {}) {
  return async function serve(
    keeper: Keeper<Message, Deed, Outcome>,
    at: Address,
    limits: Partial<Bounds> = {},
  ): Promise<Broker> {
    const bounds = { ...BOUNDS, ...limits };
    /** Filed under the path, as everything the keeper says and does is. */
    const lines = new Map<Path, Line>();
    const open: Listener[] = [];

    const plain = createServer({ noDelay: true, allowHalfOpen: true });
    const guests = crowd(plain, bounds, (socket, path) => attend(socket, socket, path), {
      gathers: true,
      lagging: (path) => keeper.learn(path, { is: 'lagging' }),
      caughtUp: (path) => keeper.learn(path, { is: 'caughtUp' }),
    });

    keeper.attach({
      say: guests.say,
      hangUp: guests.hangUp,
      letOut: guests.letOut,
      does(to, { seconds }) {
        const line = lines.get(to);
        if (!line) return;
        clearTimeout(line.silence);
        line.silence = undefined;
        if (seconds > 0) line.silence = watch(line.stream, seconds, () => keeper.learn(to, { is: 'silent' }));
      },
    });

    /** Hears what comes by `stream`, which lies over `socket`, until that is gone. */
    function attend(stream: Duplex, socket: Socket, path: Path): void {
      const line: Line = { stream, silence: undefined };
      const seen: Seen = new Map();
      const inbox = new Inbox(wire, 'client', seen);
      /** What is here of the first packet, while that is not whole: nothing else is read before it, and nothing large. */
      let first: Buffer | undefined = Buffer.alloc(0);
      lines.set(path, line);

      const refuse = (error: WireError, connected: boolean) => {
        stream.removeAllListeners('data').pause();
        const word = farewell(error, seen, connected);
        if (word) keeper.refuse(path, word);
        else keeper.bye(path);
      };

      stream.on('data', (chunk: Buffer) => {
        let bytes = chunk;
        if (first) {
          bytes = Buffer.concat([first, chunk]);
          try {
            const length = opening.frame(bytes, 0, 'client');
            if (length === undefined || length > bytes.length) {
              first = bytes;
              return;
            }
          } catch (error) {
            if (!(error instanceof WireError)) throw error;
            return refuse(error, false);
          }
        }
        const { messages, error } = inbox.push(bytes);
        if (messages.length > 0) {
          first = undefined;
          guests.settled(path);
          line.silence?.refresh();
          const full = keeper.hear(path, messages);
          if (full) guests.hold(path, full);
        }
        if (error) refuse(error, first === undefined);
      });
      // Whoever has no more to say may still want to hear: acknowledgements may be waiting for the disk.
      stream.on('end', () => keeper.bye(path));
      socket.on('close', () => {
        clearTimeout(line.silence);
        lines.delete(path);
        keeper.part(path);
      });
    }

    /** TLS from the first byte on. */
    function behindTls({ cert, key }: { cert: string; key: string }): Listener {
      const secureContext = createSecureContext({ cert, key, minVersion: 'TLSv1.2' });
      const listener = createServer({ noDelay: true, allowHalfOpen: true });
      guests.also(listener, '/tls', (socket, path) => {
        const options = { isServer: true, secureContext, highWaterMark: SLOW };
        const secure = new TLSSocket(socket, options);
        guests.exchange(path, secure);
        attend(secure, socket, path);
      });
      return listener;
    }

    /** MQTT in WebSocket frames (MQTT 5 §6). */
    function behindWebSocket(): Listener {
      const listener = createServer({ noDelay: true, allowHalfOpen: true });
      // It reads requests and never listens itself: connections come to it through the crowd, within its bounds.
      const web = createWebServer({ maxHeaderSize: 8_192 }, (_request, response) => {
        response.writeHead(426, { Connection: 'close', Upgrade: 'websocket' });
        response.end('Here MQTT is spoken in WebSocket frames.\n');
      });
      const manner = {
        noServer: true,
        clientTracking: false,
        perMessageDeflate: false,
        maxPayload: FRAMED,
        maxFragments: FRAGMENTS,
        // A flood of pings from one who reads no pongs would fill our memory.
        autoPong: false,
        closeTimeout: FAREWELL,
        handleProtocols: () => 'mqtt',
      };
      const frames = new WebSocketServer(manner);
      web.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
        const no = unwelcomePage(request);
        if (no) return void socket.end(`HTTP/1.1 ${no}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
        frames.handleUpgrade(request, socket, head, (ws) => {
          const path = `${pathOf(socket.remoteAddress, socket.remotePort)}/ws`;
          const stream = streamOver(ws, socket, bounds.unread);
          guests.exchange(path, stream);
          attend(stream, socket, path);
        });
      });
      guests.also(listener, '/ws', (socket) => void web.emit('connection', socket));
      return listener;
    }

    async function listen(listener: Listener, port: number): Promise<number> {
      listener.listen(port, at.host);
      await once(listener, 'listening');
      open.push(listener);
      return (listener.address() as AddressInfo).port;
    }

    /** Listens at a door that somebody asked for by a setting of this name. */
    async function listenBeside(listener: Listener, port: number, setting: string): Promise<number> {
      return await listen(listener, port).catch((cause) => {
        throw new SettingError(
          `port ${port} cannot be listened on (${(cause as Error).message}): give another one with --${setting}`,
          { cause },
        );
      });
    }

    async function close(): Promise<void> {
      const closed = Promise.all(open.map((listener) => once(listener, 'close')));
      for (const listener of open) listener.close();
      guests.disperse();
      await closed;
    }

    try {
      return {
        port: await listen(plain, at.port),
        tls: doors.tls && (await listenBeside(behindTls(doors.tls), doors.tls.port, 'tls')),
        ws: doors.ws && (await listenBeside(behindWebSocket(), doors.ws.port, 'ws')),
        close,
      };
    } catch (error) {
      // A broker that is only half there helps nobody.
      await close();
      throw error;
    }
  };
}

/**
 * Tells of a peer that has said nothing for one and a half times as long as it promised (MQTT-3.1.2-22). While it is we who do not
 * read, nobody can say that it is silent.
 */
function watch(stream: Duplex, seconds: number, silent: () => void): NodeJS.Timeout {
  const timer = setTimeout(() => (stream.isPaused() ? timer.refresh() : silent()), seconds * 1_500).unref();
  return timer;
}

/** Why a request may not go on in frames, as an HTTP status; undefined when it may. */
function unwelcomePage({ headers, socket }: IncomingMessage): string | undefined {
  const why = unwelcome({ host: headers.host, origin: headers.origin, at: socket.localAddress });
  if (why !== undefined) return why === 421 ? '421 Misdirected Request' : '403 Forbidden';
  // MQTT-6.0.0-3.
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.includes('mqtt') ? undefined : '400 Bad Request';
}

/** A WebSocket as a stream of bytes: packets begin and end where they like, whatever the frames do (MQTT-6.0.0-2). */
function streamOver(ws: WebSocket, socket: Socket, unread: number): Duplex {
  const stream = new Duplex({
    writableHighWaterMark: SLOW,
    read: () => ws.resume(),
    write: (bytes: Buffer, _encoding, done) => ws.send(bytes, done),
    final(done) {
      ws.close(1000);
      done();
    },
    destroy(error, done) {
      ws.terminate();
      done(error);
    },
  });
  ws.on('message', (bytes: Buffer, isBinary: boolean) => {
    // MQTT-6.0.0-1.
    if (!isBinary) ws.removeAllListeners('message').close(1003, 'MQTT is not text');
    else if (!stream.push(bytes)) ws.pause();
  });
  // What is here of a message is held until that is whole, and nobody else counts it. Whatever is whole has been told by then.
  let early = 0;
  const count = (chunk: Buffer) => {
    early += chunk.length;
    if (early <= FRAMED_FIRST) return;
    socket.off('data', count);
    ws.pause();
    ws.close(1009, 'no CONNECT is so long');
  };
  socket.on('data', count);
  ws.once('message', () => socket.off('data', count));
  ws.on('ping', (bytes) => (ws.bufferedAmount > unread ? ws.terminate() : ws.pong(bytes)));
  // It has told its peer by then what was wrong, in a code of its own, and closes.
  ws.on('error', () => {});
  ws.on('close', () => stream.destroy());
  return stream;
}

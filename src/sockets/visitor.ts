// Who visits an HTTP server: one connection at a time, and a jar of cookies. It carries back what it was given, and never asks what
// that is.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { ClientOptions } from '../protocols/shapes.ts';
import { type GivenCookie, readSetCookie } from '../wire/http/cookies.ts';
import { type Header, type HttpMessage, halves, headerOf, type Request, type Response } from '../wire/http.ts';
import { encode, Inbox, type Seen, type Wire } from '../wire/wire.ts';
import { dialUntilAnswered } from './dial.ts';
import { patiently } from './patience.ts';

/** How often one request is sent again, when the connection ends without an answer. */
const AGAIN = 5;
/** How long a server may take to hang up as well, in milliseconds. */
const FAREWELL = 2_000;

export interface VisitorOptions extends Pick<ClientOptions, 'host' | 'port' | 'waits'> {
  wire: Wire<HttpMessage>;
  /** Which address of this machine the next connection comes from; any unless given. */
  from?: () => string;
  /** Called with each connection when it stands, before anybody else hears of it. */
  introduced?: (socket: Socket) => void;
}

/** What is asked: host, cookies and length are the visitor's to add. */
export interface Asked {
  method: string;
  target: string;
  json?: unknown;
  /** In place of JSON: any bytes, of which the headers say what they are. */
  body?: Buffer;
  /** Header lines beside those. */
  headers?: readonly Header[];
  /**
   * Whether it may be sent again when nobody knows if it was heard (RFC 9110 §9.2.2): what means the same when it is said twice.
   * Everything but POST, unless given.
   */
  again?: boolean;
}

export interface Visitor {
  /** Filed under the name: it is the server's word, and all that it is asked for. */
  readonly jar: Map<string, string>;
  /** What the last answer that dropped a cookie took from the jar. */
  readonly dropped: readonly (readonly [name: string, value: string])[];
  /** Resolves to the answer. Rejects when nobody answers, or what comes is no HTTP. */
  ask(asked: Asked): Promise<Response>;
  /** Leaves the connection without a good-bye: the next request comes by another one. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

interface Line {
  socket: Socket;
  seen: Seen;
  waiting: { resolve(response: Response): void; reject(error: Error): void } | undefined;
}

export function visitor({ host, port, waits, wire, from, introduced }: VisitorOptions): Visitor {
  /** The connection, while there is one. */
  let line: Line | undefined;
  const jar = new Map<string, string>();
  /** Cookies that do not go along with every request, by name: below which path they do. */
  const paths = new Map<string, string>();
  let dropped: Visitor['dropped'] = [];

  async function ask(asked: Asked): Promise<Response> {
    const { again = asked.method !== 'POST' } = asked;
    for (let times = 0; ; times++) {
      const on = line ?? attend(await dial());
      const { socket, seen } = on;
      const answer = new Promise<Response>((resolve, reject) => {
        on.waiting = { resolve, reject };
      });
      const bytes = encode(wire, written(asked));
      // An answer's end depends on what was asked.
      wire.frame(bytes, 0, 'client', seen);
      socket.write(bytes);
      try {
        return keep(await patiently(answer, waits, { heard: () => socket.bytesRead, giveUp: () => socket.destroy() }));
      } catch (error) {
        if (!again || times >= AGAIN) throw error;
        await waits.redial(0);
      }
    }
  }

  function dial(): Promise<Socket> {
    const localAddress = from?.();
    return dialUntilAnswered({ host, port, waits, ...(localAddress ? { localAddress } : {}) }, introduced);
  }

  function attend(socket: Socket): Line {
    const seen: Seen = new Map();
    const inbox = new Inbox(wire, 'server', seen);
    const own: Line = { socket, seen, waiting: undefined };
    const settle = (act: (waiting: NonNullable<Line['waiting']>) => void) => {
      const { waiting } = own;
      own.waiting = undefined;
      if (waiting) act(waiting);
    };
    const leave = () => {
      if (line === own) line = undefined;
      socket.end();
    };
    socket.on('data', (chunk) => {
      const { messages, error } = inbox.push(chunk);
      for (const message of messages) {
        // What is said on the way to an answer, such as 100 Continue, is none.
        if (message.type !== 'response' || message.status < 200) continue;
        settle(({ resolve }) => resolve(message));
        if (isLast(message)) leave();
      }
      if (!error) return;
      settle(({ reject }) => reject(error));
      leave();
    });
    // Whatever went wrong, `close` follows, and all that counts is that the line is gone.
    socket.on('error', () => {});
    const gone = () => {
      if (line === own) line = undefined;
      const lost = new Error('the connection was lost before an answer came, and nobody knows whether it was done');
      settle(({ reject }) => reject(lost));
    };
    socket.on('end', gone);
    socket.on('close', gone);
    line = own;
    return own;
  }

  function written({ method, target, json, headers: more = [], ...asked }: Asked): Request {
    const body = asked.body ?? Buffer.from(json === undefined ? '' : JSON.stringify(json));
    const headers: Header[] = [['Host', `${host.includes(':') ? `[${host}]` : host}:${port}`]];
    const cookies = [...jar].filter(([name]) => isBelow(target, paths.get(name)));
    if (cookies.length > 0) headers.push(['Cookie', cookies.map((pair) => pair.join('=')).join('; ')]);
    headers.push(...more);
    if (json !== undefined) headers.push(['Content-Type', 'application/json']);
    if (method !== 'GET' || body.length > 0) headers.push(['Content-Length', String(body.length)]);
    return { type: 'request', method, target, version: '1.1', headers, body };
  }

  /** Puts into the jar what the answer gives, and takes out what it ends. */
  function keep(response: Response): Response {
    const gone: [name: string, value: string][] = [];
    for (const [label, value] of response.headers) {
      if (label.toLowerCase() !== 'set-cookie') continue;
      const cookie = readSetCookie(value);
      const before = jar.get(cookie.name);
      if (cookie.path === undefined) paths.delete(cookie.name);
      else paths.set(cookie.name, cookie.path);
      if (!isOver(cookie)) jar.set(cookie.name, cookie.value);
      else if (before !== undefined) {
        jar.delete(cookie.name);
        gone.push([cookie.name, before]);
      }
    }
    if (gone.length > 0) dropped = gone;
    return response;
  }

  return {
    jar,
    get dropped() {
      return dropped;
    },
    ask,

    async reset() {
      if (!line) return;
      const { socket } = line;
      const closed = once(socket, 'close');
      socket.resetAndDestroy();
      await closed;
    },

    async close() {
      if (!line) return;
      const { socket } = line;
      line = undefined;
      const closed = new Promise((gone) => socket.once('close', gone));
      // To its end; who does not end its side is not waited for.
      socket
        .setTimeout(FAREWELL, () => socket.destroy())
        .resume()
        .end();
      await closed;
    },
  };
}

/** Whether a cookie that is for a path goes along with a request for this target (RFC 6265 §5.1.4). */
function isBelow(target: string, path: string | undefined): boolean {
  if (path === undefined) return true;
  const [asked] = halves(target, '?');
  return asked === path || asked.startsWith(path.endsWith('/') ? path : `${path}/`);
}

/** Whether a cookie is to be dropped, by the clock on the wall where the server names a time. */
function isOver({ isGone, expires }: GivenCookie): boolean {
  return isGone || (expires !== undefined && Date.parse(expires) <= Date.now());
}

/** Whether the server hangs up after this answer (RFC 9112 §9.3). */
function isLast(response: Response): boolean {
  const said = headerOf(response, 'connection')?.toLowerCase();
  return said === 'close' || (response.version === '1.0' && said !== 'keep-alive');
}

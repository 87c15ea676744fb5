// A client for any service that speaks HTTP: it sends what it is told, and carries back the cookies that it was given.

import type { Client, ClientOptions } from '../../protocols/shapes.ts';
import { visitor } from '../../sockets/visitor.ts';
import { frameHttp, type Header, type HttpMessage, type Limits, type Response, saysHttp } from '../../wire/http.ts';
import type { Wire } from '../../wire/wire.ts';

/** What is taken of a request and of an answer, in bytes. */
const MOST: Limits = { head: 65_536, body: 4 << 20 };

/** One request. Host, Cookie and Content-Length are added to its headers. */
export interface HttpRequest {
  method: string;
  target: string;
  headers?: readonly Header[];
  /** Text goes as it is; of bytes, the headers say what they are. */
  body?: string | Buffer;
  /** Whether it may be sent again when the connection was lost and nobody knows if it was heard: all but POST unless given. */
  again?: boolean;
}

export interface HttpClient extends Client {
  /** `http://127.0.0.1:12345`. */
  readonly origin: string;
  /** The cookies, by name. */
  readonly jar: ReadonlyMap<string, string>;
  /** What a workload keeps of an answer, for a later request. */
  readonly kept: ReadonlyMap<string, string>;
  keep(name: string, value: string): void;
  /** What was compared of each answer, in full. */
  readonly compared: string[];
  /** Resolves to the answer, whatever its status; a redirect is an answer like any other. Rejects when nobody answers. */
  ask(request: HttpRequest): Promise<Response>;
}

/**
 * `rolled`: filled with what a workload keeps, so that it can be left out where two runs are compared: value → name. On a new `path` it
 * comes from another address of this machine, where the system has more than one for itself (Linux).
 */
export function browser(wire: Wire<HttpMessage>, rolled: Map<string, string>) {
  return async ({ host, port, waits }: ClientOptions): Promise<HttpClient> => {
    let moves = 0;
    const visit = visitor({
      host,
      port,
      waits,
      wire,
      ...(canMove(host) ? { from: () => `127.0.0.${1 + moves}` } : {}),
    });
    const kept = new Map<string, string>();
    return {
      origin: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
      jar: visit.jar,
      kept,
      keep(name, value) {
        kept.set(name, value);
        if (value.length >= SHORTEST && rolled.size < KEPT) rolled.set(value, name);
      },
      compared: [],
      ask: ({ body, ...asked }) => visit.ask({ ...asked, ...(body === undefined ? {} : { body: Buffer.from(body) }) }),
      facts: () =>
        Object.fromEntries([...visit.jar.keys()].map((name) => [`cookie[${name}]`, 'a value that it was given'])),
      async move() {
        await visit.reset();
        moves = Math.min(moves + 1, 250);
      },
      close: visit.close,
    };
  };
}

/** Values that are known again in what is said, and from which length on: a shorter one would be found in everything. */
const KEPT = 1_000;
const SHORTEST = 4;

function canMove(host: string): boolean {
  return process.platform === 'linux' && host === '127.0.0.1';
}

/** HTTP with more room than our own servers give, and without the names in it that were rolled for one run. */
export function roomy(wire: Wire<HttpMessage>, rolled: ReadonlyMap<string, string>): Wire<HttpMessage> {
  return {
    ...wire,
    longest: MOST.head + MOST.body,
    frame: (bytes, start, from, seen) => frameHttp(bytes, start, from, seen, MOST),
    says(message) {
      if (message.type !== 'request') return saysHttp(message);
      let { target } = message;
      for (const [value, name] of rolled) target = target.replaceAll(value, `{{${name}}}`);
      return saysHttp({ ...message, target });
    },
  };
}

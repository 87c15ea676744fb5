// Where the rules meet a real socket: node:http reads the requests and writes the answers, and the rules say which.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { BOUNDS } from '../../bounds/bounds.ts';
import { crowd } from '../../bounds/connections.ts';
import { isOwnHost } from '../../bounds/pages.ts';
import { pathOf } from '../../bounds/paths.ts';
import type { Passwords } from '../../served/passwords.ts';
import type { Tokens } from '../../served/tokens.ts';
import { listening } from '../../sockets/listening.ts';
import { Writer } from '../../wire/fields.ts';
import { cookieOf, setCookie } from '../../wire/http/cookies.ts';
import { dated } from '../../wire/http/date.ts';
import {
  type Header,
  headerOf,
  inOriginForm,
  LIMITS,
  type Request,
  type Response,
  writeHttp,
} from '../../wire/http.ts';
import type { Certificate } from '../settings.ts';
import type { Address, Bounds, Keeper, Path, Server } from '../shapes.ts';
import { REASONS } from './rules/answers.ts';
import type { Deed, Outcome, Slip } from './state.ts';
import { type Claims, COOKIES, type Heard, HOST_PREFIX, type Message } from './wire.ts';

/** What a server is given beside its rules. */
export interface House {
  passwords: Passwords;
  tokens: Tokens;
  certificate?: Certificate | undefined;
}

/** A request, and what answers it. `heard` is undefined while its body is on its way. */
interface Turn {
  heard: Heard | undefined;
  response: ServerResponse;
}

/** One connection. Its requests are heard one after the other, so an answer is always that to the one heard last. */
interface Line {
  stream: Duplex;
  asked: { heard: Heard; response: ServerResponse } | undefined;
  /** In the order in which they were begun: node:http tells of a next one before the body of this one is handed over. */
  waiting: Turn[];
  /** What is said when all that was asked before is answered, and then no more. */
  last: Buffer | undefined;
}

/** Requests that wait for the one before, on one connection. */
const PIPELINED = 64;
/** All that the rules look at; and what is not heard need not be told to other instances either. */
const isHeard = (name: string) =>
  name === 'cookie' ||
  name === 'host' ||
  name === 'content-type' ||
  name === 'connection' ||
  name === 'upgrade' ||
  name === 'origin' ||
  name === 'sec-fetch-site' ||
  name === 'x-forwarded-for' ||
  name === 'idempotency-key';

const MANY = 500;

/** A server of this house: what `serve` of a card is. */
export function serveFrom(house: House) {
  const { heard: known, said } = between(house);

  return async function serve(
    keeper: Keeper<Message, Deed, Outcome>,
    at: Address,
    bounds: Partial<Bounds> = {},
  ): Promise<Server> {
    /** Filed under the path, as everything the keeper says and does is. */
    const lines = new Map<Path, Line>();
    const { certificate } = house;
    // Times in milliseconds: nobody may take for ever to ask.
    const reading = {
      maxHeaderSize: LIMITS.head,
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 65_000,
      noDelay: true,
    };
    const server = certificate
      ? createSecureServer({ ...reading, ...certificate, minVersion: 'TLSv1.2' })
      : createServer(reading);
    const all: Bounds = { ...BOUNDS, connections: MANY, ...bounds };
    const guests = crowd(server, all, (socket, path) => {
      lines.set(path, { stream: socket, asked: undefined, waiting: [], last: undefined });
      socket.on('close', () => {
        lines.delete(path);
        keeper.part(path);
      });
    });
    const pathTo = (socket: Socket) => pathOf(socket.remoteAddress, socket.remotePort);

    server.on('secureConnection', (secure: Socket) => {
      const path = pathTo(secure);
      const line = lines.get(path);
      if (!line) return void secure.destroy();
      line.stream = secure;
      guests.exchange(path, secure);
    });

    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const path = pathTo(request.socket);
      const line = lines.get(path);
      if (!line) return void request.socket.destroy();
      guests.settled(path);
      if (line.last) return;
      const { method = '', url = '', httpVersion, rawHeaders, headers } = request;
      const told: Header[] = [];
      for (let at = 0; at < rawHeaders.length; at += 2) {
        const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]];
        if (isHeard(name.toLowerCase())) told.push([name, value]);
      }
      const wrong = misdirected(request, told);
      if (wrong) return close(line, path, wrong);
      const version = httpVersion === '1.0' ? '1.0' : '1.1';
      const heard: Heard = { type: 'request', method, target: url, version, headers: told, body: NO_BODY };
      if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined)
        return take(line, path, { heard, response });
      if (Number(headers['content-length'] ?? 0) > LIMITS.body) return close(line, path, 413);
      const turn: Turn = { heard: undefined, response };
      take(line, path, turn);
      const parts: Buffer[] = [];
      let length = 0;
      request.on('data', (part: Buffer) => {
        parts.push(part);
        length += part.length;
        if (length <= LIMITS.body) return;
        request.removeAllListeners('data');
        const place = line.waiting.indexOf(turn);
        if (place === -1) return;
        // It is the last that is answered, whatever stands behind it.
        line.waiting.length = place;
        line.last = undefined;
        close(line, path, 413);
      });
      request.on('end', () => {
        turn.heard = { ...heard, body: Buffer.concat(parts) };
        if (line.waiting[0] === turn) next(line, path);
      });
    });

    // Nobody is led on from here; left to itself, node:http ends the connection without a word.
    server.on('connect', (_request: IncomingMessage, stream: Duplex) => {
      const path = pathTo(stream as Socket);
      const line = lines.get(path);
      if (line) close(line, path, 405);
      else stream.destroy();
    });

    // Not a request, or one that takes too long. Whatever was asked before on this connection is answered before.
    server.on('clientError', (error: NodeJS.ErrnoException, stream: Duplex) => {
      const path = pathTo(stream as Socket);
      const line = lines.get(path);
      if (!line || !stream.writable || error.code === 'ECONNRESET') return void stream.destroy();
      const status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code ?? ''] ?? 400;
      // A body that was whole before what is wrong is handed over at the end of this turn; what is not whole by then never will be.
      setImmediate(() => {
        line.waiting = line.waiting.filter(({ heard }) => heard !== undefined);
        close(line, path, status);
      });
    });

    keeper.attach({
      say: guests.say,
      hangUp: guests.hangUp,
      does(to, deed) {
        if (deed.is === 'check') void check(to, deed.slip);
        // Signing takes time, and what needs none waits for nothing.
        else if (deed.sign) void said(deed).then((answer) => answer && respond(to, answer));
        else later(to, deed);
      },
    });

    function take(line: Line, path: Path, turn: Turn): void {
      if (line.waiting.length >= PIPELINED) return void line.stream.destroy();
      line.waiting.push(turn);
      next(line, path);
    }

    function next(line: Line, path: Path): void {
      if (line.asked) return;
      const [first] = line.waiting;
      if (!first) {
        if (line.last) farewell(path, line.last);
        return;
      }
      const { heard, response } = first;
      if (!heard) return;
      line.waiting.shift();
      line.asked = { heard, response };
      const message = known(heard);
      if (message instanceof Promise) void message.then((found) => tell(path, found));
      else tell(path, message);
    }

    function tell(path: Path, message: Message): void {
      // It may have gone while its password was looked at.
      if (!lines.has(path)) return;
      const full = keeper.hear(path, [message]);
      if (full) guests.hold(path, full);
    }

    /** Its password has been kept from the rules: it stands in the request that waits for its answer. */
    async function check(to: Path, slip: Slip): Promise<void> {
      const line = lines.get(to);
      const asked = line?.asked;
      const given = asked && credentialsIn(asked.heard);
      if (!given) return;
      const password = Buffer.from(given.password);
      const is = await house.passwords.check({ user: slip.user, password, from: slip.source });
      // It may have gone meanwhile, and somebody else have come by the same path.
      if (lines.get(to) === line && line?.asked === asked) keeper.learn(to, { is, slip });
    }

    let answers: { to: Path; deed: Answering }[] = [];
    /** What was decided in one turn leaves at its end: answers that follow each other closely cost a fifth less. */
    function later(to: Path, deed: Answering): void {
      if (answers.length === 0) setImmediate(letOut);
      answers.push({ to, deed });
    }

    function letOut(): void {
      const turn = answers;
      answers = [];
      for (const { to, deed } of turn) respond(to, deed);
    }

    function respond(to: Path, { headers, body, status }: Answering | Response): void {
      const line = lines.get(to);
      if (!line?.asked) return;
      const { response } = line.asked;
      response.sendDate = false;
      response.writeHead(status, REASONS.get(status) ?? '', headers as unknown as string[]);
      response.end(body);
      if (response.writableLength > 0) unread(line, response);
      line.asked = undefined;
      next(line, to);
    }

    /** Most answers leave at once. While one waits for its peer to read, nothing else that node:http knows of would end the wait. */
    function unread(line: Line, response: ServerResponse): void {
      const stalled = setTimeout(() => line.stream.destroy(), all.stall).unref();
      response.once('close', () => clearTimeout(stalled));
    }

    /** The last word on a connection, after the answers to all that was asked before. What else comes is not read. */
    function close(line: Line, path: Path, status: number): void {
      if (line.last || lines.get(path) !== line) return;
      line.last = lastWord(status);
      next(line, path);
    }

    function farewell(path: Path, word: Buffer): void {
      guests.say(path, word);
      guests.hangUp(path);
    }

    return listening(server, at, guests);
  };
}

type Answering = Deed & { is: 'respond' };

const NO_BODY = Buffer.alloc(0);

/** What lies between the wire and the rules of this house: passwords and tokens, which take time. */
export function between({ tokens, certificate }: House) {
  const cookie = certificate ? HOST_PREFIX + COOKIES.token : COOKIES.token;

  return {
    /** A request with who it says is asking. Its password goes no further than this. */
    heard(asked: Message): Message | Promise<Message> {
      if (asked.type !== 'request') return asked;
      // The first who looks at the target: what is a log-in in one form of it must be one in the other.
      const message = inOriginForm(asked) ?? asked;
      if (message.method === 'POST' && message.target === '/login')
        return { ...message, body: NO_BODY, login: credentialsIn(message)?.user ?? null };
      const token = cookieOf(message, cookie);
      const claims = token === undefined ? undefined : tokens.read(token);
      if (claims instanceof Promise) return claims.then((found) => withBearer(message, bearerOf(found)));
      return token === undefined ? message : withBearer(message, bearerOf(claims));
    },

    /** The answer that a deed comes down to, with the token signed that it is to give; undefined where something is done first. */
    async said(deed: Deed): Promise<Response | undefined> {
      if (deed.is === 'check') return undefined;
      const { status, headers, body, sign } = deed;
      const all = [...headers];
      if (sign) {
        const { user, ends, cart, watch } = sign;
        const token = await tokens.sign({ sub: user, exp: ends, cart, watch });
        all.splice(2, 0, ['Set-Cookie', setCookie(cookie, token, { secure: certificate !== undefined })]);
      }
      return {
        type: 'response',
        version: '1.1',
        status,
        reason: REASONS.get(status) ?? '',
        headers: all,
        body: Buffer.from(body),
      };
    },
  };
}

/** One by one: a spread of what was not always made in one place takes longer than all the rest. */
function withBearer({ type, method, target, version, headers, body }: Request, bearer: Claims | 'wrong'): Heard {
  return { type, method, target, version, headers, body, bearer };
}

function bearerOf(claims: { sub?: string; exp?: number } | undefined): Claims | 'wrong' {
  if (claims?.sub === undefined || claims.exp === undefined) return 'wrong';
  const { cart = [], watch = [] } = claims as Partial<Claims>;
  return { user: claims.sub, ends: claims.exp, cart, watch };
}

/** The longest user and password, in characters. */
const LONGEST = 256;

/** User and password of a JSON object or a form: two strings, neither empty. */
function credentialsIn(message: Request): { user: string; password: string } | undefined {
  const type = headerOf(message, 'content-type') ?? '';
  const text = message.body.toString('utf8');
  let user: unknown;
  let password: unknown;
  if (type.startsWith('application/x-www-form-urlencoded')) {
    const form = new URLSearchParams(text);
    [user, password] = [form.get('user'), form.get('password')];
  } else {
    try {
      ({ user, password } = Object(JSON.parse(text)) as Record<string, unknown>);
    } catch {
      return undefined;
    }
  }
  if (typeof user !== 'string' || typeof password !== 'string') return undefined;
  if (user === '' || password === '' || user.length > LONGEST || password.length > LONGEST) return undefined;
  return { user, password };
}

/**
 * The status for a request that is not for this server: a name that leads here without being this machine's own is somebody's trick
 * (DNS rebinding), and the target must lead to a path.
 */
function misdirected({ url = '', socket, httpVersion }: IncomingMessage, told: readonly Header[]): number | undefined {
  const hosts = told.filter(([name]) => name.toLowerCase() === 'host');
  // Of two, each reader may take another one, so neither counts, and one there must be, whatever the target says (RFC 9112 §3.2).
  if (hosts.length > 1 || (hosts.length === 0 && httpVersion !== '1.0')) return 400;
  const asked = inOriginForm({ target: url, headers: hosts });
  if (!asked) return 400;
  const [host] = asked.headers;
  return host === undefined || isOwnHost(host[1], socket.localAddress) ? undefined : 421;
}

/** An answer by the server itself, after which it hangs up. */
function lastWord(status: number): Buffer {
  const reason = REASONS.get(status) ?? '';
  const body = Buffer.from(JSON.stringify({ status, title: reason }));
  const writer = new Writer(512);
  const headers: Header[] = [
    ['Content-Type', 'application/problem+json'],
    ['Content-Length', String(body.length)],
    ['Connection', 'close'],
  ];
  writeHttp(writer, dated({ type: 'response', version: '1.1', status, reason, headers, body }, Date.now()));
  return writer.take();
}

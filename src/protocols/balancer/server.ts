// Where the rules meet real sockets: clients on one side, the servers behind on the other, and between them requests that are read
// whole and written anew.

import { Agent, type IncomingMessage, request as makeRequest } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { BOUNDS } from '../../bounds/bounds.ts';
import { crowd } from '../../bounds/connections.ts';
import { listening } from '../../sockets/listening.ts';
import type { WireError } from '../../wire/fields.ts';
import { dated } from '../../wire/http/date.ts';
import { type Header, headerOf, type Request } from '../../wire/http.ts';
import { Inbox, type Seen } from '../../wire/wire.ts';
import type { Address, Bounds, Keeper, Path, Server } from '../shapes.ts';
import { hostAndPort, type Member, membersIn } from './rules/members.ts';
import { looking, switches } from './rules/passing-on.ts';
import { type Deed, HOUSE, type Outcome, type Slip } from './state.ts';
import { type Message, malformed, tooSlow, wire } from './wire.ts';

/** Reads the list of servers again. Rejects when it cannot be read. */
export type Reread = () => Promise<string>;

/** How long a server behind may take to answer, and to say how it is, in milliseconds. */
const PATIENCE = 10_000;
const LOOK = 3_000;
/** The head and the body of its answer, in bytes: what is read whole has to be kept whole. */
const HEAD = 8_192;
const BODY = 1 << 20;
/** Connections to each of the servers behind, kept open for whoever asks next. */
const SOCKETS = 64;
/** How long a request may take to arrive from its first byte to its last, in milliseconds. */
const REQUEST = 10_000;

/** One connection of a client. What is remembered of clients is not here, but in the state. */
interface Line {
  socket: Socket;
  inbox: Inbox<Message>;
  /** The connection to a server that has granted another protocol, with what it has said in that already. */
  far: { socket: Duplex; said: Buffer } | undefined;
  /** Read, and not yet heard: answers leave in the order of requests (RFC 9112 §9.3.2), so they are taken one at a time. */
  waiting: Message[];
  /** One is being answered. */
  busy: boolean;
  /** The client will say no more: it has ended its side, or said what nobody could read. */
  over: 'no' | 'ended' | WireError;
  /** Resumes reading. */
  resume: (() => void) | undefined;
  /** Ends what the servers behind are asked for this client. */
  gone: AbortController;
  /** Runs out on a request that does not come to its end. */
  slow: NodeJS.Timeout | undefined;
}

/** A balancer whose list of servers is read again at each look, where it can be. What `serve` of a card is. */
export function serveFrom(reread?: Reread) {
  return async function serve(
    keeper: Keeper<Message, Deed, Outcome>,
    at: Address,
    bounds: Partial<Bounds> = {},
  ): Promise<Server> {
    /** Filed under the path, as everything the keeper says and does is. */
    const lines = new Map<Path, Line>();
    const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS, maxFreeSockets: SOCKETS });
    const listener = createServer({ noDelay: true, allowHalfOpen: true });
    const closing = new AbortController();

    const guests = crowd(listener, { ...BOUNDS, ...bounds }, (socket, path) => {
      const seen: Seen = new Map();
      const inbox = new Inbox(wire, 'client', seen);
      const line: Line = {
        socket,
        inbox,
        far: undefined,
        waiting: [],
        busy: false,
        over: 'no',
        resume: undefined,
        gone: new AbortController(),
        slow: undefined,
      };
      lines.set(path, line);

      socket.on('data', (chunk: Buffer) => {
        const { messages, error } = inbox.push(chunk);
        if (messages.length > 0) guests.settled(path);
        line.waiting.push(...messages);
        if (error) line.over = error;
        if (inbox.kept === 0 || messages.length > 0 || error) {
          clearTimeout(line.slow);
          line.slow = undefined;
        }
        if (inbox.kept > 0 && !line.slow)
          line.slow = setTimeout(() => keeper.refuse(path, dated(tooSlow(), Date.now())), REQUEST).unref();
        next(path, line);
        // Who says more before it has heard the answer waits, and so does what it says. In which protocol it is, the answer decides.
        const last = messages.at(-1);
        const mayLeave = last?.type === 'request' && switches(last);
        if ((line.waiting.length > 0 || mayLeave) && !line.resume)
          guests.hold(path, new Promise<void>((resume) => (line.resume = resume)));
      });
      socket.on('end', () => {
        if (line.over === 'no') line.over = 'ended';
        next(path, line);
      });
      socket.on('close', () => {
        clearTimeout(line.slow);
        lines.delete(path);
        line.gone.abort();
        line.far?.socket.destroy();
        keeper.part(path);
      });
    });

    /** The rules hear the next request of a connection, once the one before is answered. */
    function next(path: Path, line: Line): void {
      if (line.busy) return;
      const message = line.waiting.shift();
      if (message) {
        line.busy = true;
        keeper.hear(path, [message]);
        return;
      }
      line.resume?.();
      line.resume = undefined;
      if (line.over === 'ended') keeper.bye(path);
      else if (line.over !== 'no') keeper.refuse(path, dated(malformed(line.over), Date.now()));
    }

    keeper.attach({
      hangUp: guests.hangUp,
      say(to, bytes) {
        guests.say(to, bytes);
        const line = lines.get(to);
        if (!line?.busy) return;
        line.busy = false;
        // In a turn of its own: whoever says this may have more to do with it first, such as hanging up.
        setImmediate(() => next(to, line));
      },
      does(to, deed) {
        if (deed.is === 'look') void look(deed.at).then((outcome) => keeper.learn(HOUSE, outcome));
        else if (deed.is === 'join') join(to, deed.slip);
        else void forward(to, deed).then((outcome) => keeper.learn(to, outcome));
      },
    });

    /** Both ends go on in what they have agreed on; neither is read faster than the other reads. */
    function join(path: Path, slip: Slip): void {
      const line = lines.get(path);
      const { socket: near, far, inbox, waiting, over } = line ?? {};
      const end = () => keeper.learn(path, { is: 'abandoned', slip });
      if (!line || !near || !far) return end();
      line.busy = true;
      clearTimeout(line.slow);
      near.removeAllListeners('data');
      far.socket.once('close', end).on('error', () => near.resetAndDestroy());
      // What came before the answer may have been meant in either protocol (RFC 9110 §7.8).
      if (inbox?.kept !== 0 || waiting?.length !== 0 || over !== 'no') return void near.destroy();
      far.socket.once('close', () => near.writableEnded || near.destroy());
      if (far.said.length > 0) near.write(far.said);
      near.pipe(far.socket);
      far.socket.pipe(near);
      line.resume?.();
      line.resume = undefined;
    }

    async function forward(path: Path, { to, request, slip }: Deed & { is: 'forward' }): Promise<Outcome> {
      const gone = lines.get(path)?.gone.signal;
      const failed: string[] = [];
      let late = false;
      for (const { name, address } of to) {
        if (!gone || gone.aborted) return { is: 'abandoned', slip };
        const signal = AbortSignal.any([gone, closing.signal, AbortSignal.timeout(PATIENCE)]);
        const answer = await asked(address, request, signal).catch((error: Error) =>
          error instanceof TooLongError ? error : undefined,
        );
        if (answer instanceof TooLongError) return { is: 'too long', failed, slip };
        if (answer && 'far' in answer) {
          const line = lines.get(path);
          if (!line || gone.aborted) answer.far.socket.destroy();
          else {
            line.far = answer.far;
            return { is: 'switched', by: name, failed, headers: answer.headers, slip };
          }
        } else if (answer) return { is: 'answered', by: name, failed, ...answer, slip };
        if (gone.aborted) return { is: 'abandoned', slip };
        late = signal.aborted;
        failed.push(name);
      }
      return { is: 'failed', failed, late, slip };
    }

    /**
     * Asks a server on a connection that was kept, and once more on a fresh one if that fails: the server may have ended the old one at
     * this very moment (RFC 9112 §9.3.1). What must not be asked twice gets a fresh one from the start.
     */
    async function asked(address: string, request: Request, signal: AbortSignal): Promise<Answer | Switched> {
      const isSafe = request.method === 'GET' || request.method === 'HEAD';
      // A connection that is to be another protocol's is nobody's afterwards.
      if (!isSafe || switches(request)) return exchange(address, request, undefined, signal);
      return exchange(address, request, agent, signal).catch((error: Error) => {
        if (error instanceof StaleError) return exchange(address, request, undefined, signal);
        throw error;
      });
    }

    async function look(members: readonly Pick<Member, 'name' | 'address'>[]): Promise<Outcome> {
      const [list, ...found] = await Promise.all([
        listed(reread),
        ...members.map(async ({ name, address }) => {
          const late = AbortSignal.timeout(LOOK);
          // A connection of its own: one that was left over would say how the server was.
          const signal = AbortSignal.any([closing.signal, late]);
          const answer = await exchange(address, looking(), undefined, signal).catch(() => undefined);
          if (answer && 'status' in answer) return { name, is: answer.status < 500 ? 'well' : 'sick' };
          return { name, is: late.aborted ? 'late' : 'sick' };
        }),
      ]);
      const those = (are: string) => found.filter(({ is }) => is === are).map(({ name }) => name);
      // Who is late may be busy: to take it out would log its users out, and lead them to others that are as busy.
      return { is: 'looked', well: those('well'), sick: those('sick'), ...list };
    }

    return listening(listener, at, guests, {
      before() {
        closing.abort();
        agent.destroy();
      },
    });
  };
}

/** What the list says now; nothing where it is not in a file. */
async function listed(reread: Reread | undefined): Promise<{ members?: Member[]; wrong?: string }> {
  if (!reread) return {};
  return reread().then(
    (text) => membersIn(text, { changes: true }),
    (error: Error) => ({ wrong: error.message }),
  );
}

/** A connection that had been kept has ended before anything was answered on it. */
class StaleError extends Error {
  override readonly name = 'StaleError';
}

/** An answer that is not read to its end, since it would have to be kept whole. */
class TooLongError extends Error {
  override readonly name = 'TooLongError';
}

type Answer = Pick<Outcome & { is: 'answered' }, 'status' | 'reason' | 'headers' | 'body'>;
type Switched = { headers: [string, string][]; far: NonNullable<Line['far']> };

/** Makes a request to a server and reads its answer whole, or the head of the one that grants another protocol. Rejects when that fails, ends too soon, or grows too long. */
function exchange(
  address: string,
  { method, target, headers, body }: Request,
  agent: Agent | undefined,
  signal: AbortSignal,
): Promise<Answer | Switched> {
  // Who speaks HTTP/1.0 need not say for which host (RFC 9112 §3.2), and the server is asked in 1.1: as itself then.
  const hosts: Header[] = headerOf({ headers }, 'host') === undefined ? [['Host', address]] : [];
  return new Promise((resolve, reject) => {
    const asking = makeRequest(
      {
        ...hostAndPort(address),
        method,
        path: target,
        // As an array they go out as they are, in their order; the types only know the other form.
        headers: [...hosts, ...headers].map(([name, value]) => [name, value]) as never,
        agent: agent ?? false,
        maxHeaderSize: HEAD,
        insecureHTTPParser: false,
        signal,
      },
      (answer) => void wholeOf(answer).then(resolve, reject),
    );
    // Once an answer has begun, what is wrong with it is no matter of the connection.
    let begun = false;
    asking.on('response', () => {
      begun = true;
    });
    // From here on it is not bound to the patience for an answer.
    asking.on('upgrade', (answer, socket, said) => resolve({ headers: headersOf(answer), far: { socket, said } }));
    asking.on('error', (cause) => {
      const stale = asking.reusedSocket && !begun && !signal.aborted;
      reject(stale ? new StaleError('the connection that was kept has ended', { cause }) : cause);
    });
    asking.end(body);
  });
}

async function wholeOf(answer: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Leaving the loop ends the connection: the rest would be of no use.
    if (length > BODY) throw new TooLongError(`the answer has more than ${BODY} bytes`);
    chunks.push(chunk);
  }
  const { statusCode = 0, statusMessage = '' } = answer;
  return {
    status: statusCode,
    reason: statusMessage,
    headers: headersOf(answer),
    body: Buffer.concat(chunks, length).toString('latin1'),
  };
}

function headersOf({ rawHeaders }: IncomingMessage): [string, string][] {
  const headers: [string, string][] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) headers.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '']);
  return headers;
}

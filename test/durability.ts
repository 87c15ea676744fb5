// What an acknowledgement is worth. Real servers are killed at random protocol events while clients speak to them, and a
// checker that only reads the wire keeps the history: what was attempted, what was acknowledged, what the server has.

import { once } from 'node:events';
import { connect as dial } from 'node:net';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { tap } from '../src/capture/tap.ts';
import { clockSince, type Trace } from '../src/capture/trace.ts';
import { storeFor } from '../src/lab/arm.ts';
import type { Sync } from '../src/lab/journals/sync.ts';
import { beginLife, discardHost, type Life, startHost } from '../src/lab/lives.ts';
import type { KillOn } from '../src/lab/messages.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { dice, REAL_WORLD } from '../src/lab/world.ts';
import { loadCard } from '../src/protocols/index.ts';
import type { Path, Waits } from '../src/protocols/shapes.ts';
import type { SessionClient } from '../src/protocols/tcp-session/client.ts';
import { type Message, RESET, wire } from '../src/protocols/tcp-session/wire.ts';
import { encode, Inbox } from '../src/wire/wire.ts';

/** Publishers at a time, messages each has in flight, and the longest of them in bytes. */
const PUBLISHERS = 4;
const IN_FLIGHT = 64;
const LONGEST = 64;
/** A kill bound to an event that does not come is carried out after so long, in milliseconds. */
const PATIENCE = 4_000;

/** One stream of bytes, as the wire has shown it. */
interface Stream {
  session: number;
  token: string;
  /** Number of its first byte. */
  first: number;
  /** Every byte that was ever sent, in its place. */
  attempted: Buffer;
  /** How many of them the client was told are safe. */
  acknowledged: number;
  /** A prefix of `attempted` whose CRC-32 is known already. */
  summed: { length: number; sum: number };
}

export interface Finding {
  is: 'lost' | 'phantom' | 'twice';
  /** Number of the first byte of the stream it is about. */
  first: number;
  bytes: number;
  why: string;
}

/**
 * Judges the history, never the implementation. `lost`: acknowledged, and the server no longer has it. `phantom`: the server
 * has more than was ever sent. `twice`: it has as many bytes as it says, but not those, in that order, once.
 */
export class History {
  readonly streams = new Map<string, Stream>();
  readonly findings: Finding[] = [];
  /** How often the server said how far it is. */
  statements = 0;
  private readonly opening = new Map<Path, number>();
  private readonly speaking = new Map<Path, Stream>();
  private readonly found: (finding: Finding) => void;

  constructor(found: (finding: Finding) => void = () => {}) {
    this.found = found;
  }

  /** A path belongs to somebody new. */
  begins(path: Path): void {
    this.opening.delete(path);
    this.speaking.delete(path);
  }

  /** What a client says, before it leaves. */
  asked(path: Path, message: Message): void {
    const stream = this.speaking.get(path);
    if (message.type === 'OPEN') this.opening.set(path, message.seq);
    if (message.type === 'RESUME') {
      const known = this.streams.get(message.token);
      if (known) this.speaking.set(path, known);
    }
    if (message.type === 'DATA' && stream) attempt(stream, (message.seq - stream.first) >>> 0, message.payload);
  }

  /** What a server says, as it arrives. */
  answered(path: Path, message: Message): void {
    const opening = this.opening.get(path);
    if (message.type === 'OPENED' && opening !== undefined) {
      const { session, token } = message;
      const attempted = Buffer.alloc(0);
      const stream = { session, token, first: opening, attempted, acknowledged: 0, summed: { length: 0, sum: 0 } };
      this.streams.set(token, stream);
      this.speaking.set(path, stream);
    }
    const stream = this.speaking.get(path);
    if (!stream) return;
    if (message.type === 'ACK' || message.type === 'CLOSE') this.states(stream, message.next, message.digest);
    if (message.type === 'RESET' && (message.code === RESET.unknownSession || message.code === RESET.noSession)) {
      this.statements++;
      this.has(stream, 0, 'the server knows nothing of the session');
    }
    if (message.type === 'RESET' && message.code === RESET.digest)
      this.find({ is: 'twice', first: stream.first, bytes: 0, why: 'the server says that the digests differ' });
  }

  private states(stream: Stream, next: number, digest: number): void {
    this.statements++;
    const length = (next - stream.first) >>> 0;
    const { first, attempted } = stream;
    if (length > attempted.length) {
      const why = `${attempted.length} bytes were sent and the server has ${length}`;
      this.find({ is: 'phantom', first, bytes: length - attempted.length, why });
      return;
    }
    this.has(stream, length, `the server has ${length} bytes and had acknowledged ${stream.acknowledged}`);
    if (prefixSum(stream, length) !== digest)
      this.find({ is: 'twice', first, bytes: length, why: `the digest of the first ${length} bytes is another one` });
    stream.acknowledged = length;
  }

  private has(stream: Stream, length: number, why: string): void {
    const bytes = stream.acknowledged - length;
    if (bytes <= 0) return;
    // Told once: from here on it is known to be gone.
    stream.acknowledged = length;
    this.find({ is: 'lost', first: stream.first, bytes, why });
  }

  private find(finding: Finding): void {
    this.findings.push(finding);
    this.found(finding);
  }
}

function attempt(stream: Stream, at: number, payload: Buffer): void {
  const again = stream.attempted.subarray(at, at + payload.length);
  if (at > stream.attempted.length || !again.equals(payload.subarray(0, again.length)))
    throw new Error(`the client did not send the same stream again (byte ${at})`);
  stream.attempted = Buffer.concat([stream.attempted, payload.subarray(again.length)]);
}

function prefixSum(stream: Stream, length: number): number {
  let { length: at, sum } = stream.summed;
  if (at > length) [at, sum] = [0, 0];
  sum = crc32(stream.attempted.subarray(at, length), sum);
  stream.summed = { length, sum };
  return sum;
}

export interface DurabilityOptions {
  kills: number;
  seed: number;
  /** A design of tcp-session. */
  design: string;
  /** The `file:` address of another card with the same wire: the small wrong servers. */
  protocol?: string;
  /** How far a disk design writes before it answers. */
  sync?: Sync;
  /** Told after each kill. */
  progress?: (killed: number) => void;
}

export interface Toll {
  kills: number;
  /** Kills whose event did not come, carried out at no particular moment. */
  late: number;
  /** By the moment they were bound to. */
  moments: Record<string, number>;
  sessions: number;
  attempted: number;
  acknowledged: number;
  /** How often the server said how far it is: what the checker compared. */
  statements: number;
  /** Bytes that were acknowledged and are gone, and the sessions they belonged to. */
  lost: number;
  lostSessions: number;
  twice: number;
  phantom: number;
  findings: Finding[];
}

/** Kills servers while clients speak to them, and counts what their acknowledgements were worth. Leaves nothing behind. */
export async function durability({
  kills,
  seed,
  design,
  protocol = 'tcp-session',
  sync,
  progress,
}: DurabilityOptions): Promise<Toll> {
  const roll = dice(seed);
  // Their own dice: when the publishers roll depends on the network, and the same seed must kill at the same events.
  const rollKill = dice(seed);
  const card = await loadCard(protocol);
  if (!card) throw new Error(`there is no ${protocol}`);
  const writes = card.designs[design]?.holds !== 'memory';
  const { path: folder, remove } = await temporaryFolder();
  const store = await storeFor(card, design, folder);
  const origin = process.hrtime.bigint();
  /** Told that a stream has lost bytes: nobody can go on with it. Filed under its first number, which no two share. */
  const despair = new Map<number, (error: Error) => void>();
  const history = new History(({ first, why }) => despair.get(first)?.(new Error(why)));
  const moments: Record<string, number> = {};
  let life: Life | undefined;
  let host = startHost();
  let { lastWords } = host;
  let port = 0;
  let late = 0;
  let over = false;
  let birth = promised();

  const untap = tap({ who: 'client', clock: clockSince(origin), remotePort: () => port, sink: listener(history) });

  async function begin(number: number, kill?: KillOn): Promise<Life> {
    const trace = join(folder, `trace-${number % 2}`);
    const next = await beginLife(
      {
        protocol,
        design,
        who: `session/${number}`,
        host: '127.0.0.1',
        port,
        origin: String(origin),
        ...(kill ? { kill, trace } : {}),
        ...(writes ? { folder: join(folder, 'state') } : {}),
        settings: { ...(sync ? { sync } : {}), ...(store ? { store: store.url } : {}) },
      },
      host,
    );
    ({ lastWords } = host);
    // The next one does its imports while this one lives.
    host = startHost();
    life = next;
    port = next.port;
    birth.resolve();
    birth = promised();
    return next;
  }

  const waits: Waits = {
    // The first dial is at once, and may meet a dead port; the second waits for somebody to listen.
    async redial(attempt) {
      if (attempt === 0) return;
      const { promise } = birth;
      if (!(await life?.alive())) await promise;
    },
    overdue: () => new Promise(() => {}),
  };

  /** One stream after the other, each of some hundred messages: fresh ones and resuming ones find different faults. */
  async function publish(): Promise<void> {
    while (!over) {
      const first = roll(2) === 0 ? 2 ** 32 - 1 - roll(2000) : roll(2 ** 32);
      if (despair.has(first)) continue;
      const client = (await card?.connect({
        design,
        host: '127.0.0.1',
        port,
        world: REAL_WORLD,
        waits,
      })) as SessionClient;
      try {
        const lost = new Promise<never>((_resolve, reject) => despair.set(first, reject));
        await Promise.race([speak(client, first, 100 + roll(1500)), lost]);
      } catch {
        // The history knows whether anything was lost. Whoever cannot go on begins anew.
      } finally {
        await client.close();
      }
    }
  }

  async function speak(client: SessionClient, first: number, count: number): Promise<void> {
    await client.open(first);
    let flying = 0;
    let landed = promised();
    let failed: Error | undefined;
    for (let sent = 0; sent < count && !over && !failed; sent++) {
      flying++;
      client
        .send(Buffer.from(Array.from({ length: 1 + roll(LONGEST) }, () => roll(256))))
        .catch((error) => {
          failed = error;
        })
        .finally(() => {
          flying--;
          landed.resolve();
          landed = promised();
        });
      while (flying >= IN_FLIGHT) await landed.promise;
    }
    while (flying > 0) await landed.promise;
    if (failed) throw failed;
    await client.finish();
  }

  try {
    let publishers: Promise<void>[] = [];
    for (let killed = 0; killed < kills; killed++) {
      const kill = someEvent(rollKill, writes, killed === 0, sync);
      const victim = await begin(killed + 1, kill);
      if (killed === 0) publishers = Array.from({ length: PUBLISHERS }, publish);
      const patience = setTimeout(() => {
        late++;
        victim.kill().catch(() => {});
      }, PATIENCE);
      const { signal, code } = await victim.died;
      clearTimeout(patience);
      if (signal !== 'SIGKILL')
        throw new Error(`${victim.who} ended by itself (${signal ?? `exit code ${code}`}). ${lastWords().reason}`);
      const name = `${kill.moment} ${kill.kind}`.trim();
      moments[name] = (moments[name] ?? 0) + 1;
      progress?.(killed + 1);
    }
    // The last life is not killed: in it everything is brought to its end, and every stream is asked for once more.
    await begin(kills + 1);
    over = true;
    await Promise.all(publishers);
    for (const stream of history.streams.values()) await askOnce(port, stream);
  } finally {
    over = true;
    untap();
    await life?.stop();
    await discardHost(host);
    await store?.stop();
    await remove();
  }

  const streams = [...history.streams.values()];
  const of = (kind: Finding['is']) => history.findings.filter(({ is }) => is === kind);
  const lost = of('lost');
  return {
    kills,
    late,
    moments,
    sessions: streams.length,
    attempted: streams.reduce((sum, { attempted }) => sum + attempted.length, 0),
    acknowledged: streams.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
    statements: history.statements,
    lost: lost.reduce((sum, { bytes }) => sum + bytes, 0),
    lostSessions: new Set(lost.map(({ first }) => first)).size,
    twice: of('twice').length,
    phantom: of('phantom').length,
    findings: history.findings,
  };
}

/** Where a server is to die: while it reads, before it answers, just after, or between a write and its sync. */
function someEvent(roll: (below: number) => number, writes: boolean, first: boolean, sync: Sync = 'device'): KillOn {
  const events: KillOn[] = [
    { moment: 'read', kind: 'DATA', nth: 1 + roll(300) },
    { moment: 'send', kind: 'ACK', nth: 1 + roll(300) },
    { moment: 'sent', kind: 'ACK', nth: 1 + roll(300) },
    first ? { moment: 'sent', kind: 'OPENED', nth: 1 + roll(PUBLISHERS) } : { moment: 'read', kind: 'RESUME', nth: 1 },
  ];
  if (writes) {
    events.push({ moment: 'write', kind: '', nth: 1 + roll(30) });
    if (sync === 'device') events.push({ moment: 'sync', kind: '', nth: 1 + roll(30) });
  }
  return events[roll(events.length)] as KillOn;
}

/** Resumes a stream only to hear how far the server has come with it. */
async function askOnce(port: number, { session, token }: Stream): Promise<void> {
  const socket = dial({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  socket.write(encode(wire, { type: 'RESUME', session, token }));
  await once(socket, 'data');
  socket.destroy();
  await once(socket, 'close');
}

/** Reads the wire for the history. */
function listener(history: History): (trace: Trace) => void {
  const inboxes = new Map<string, Inbox<Message>>();
  return (trace) => {
    if (trace.is === 'link' && trace.what === 'connected') {
      for (const way of ['sent', 'read']) inboxes.delete(`${way} ${trace.local}`);
      history.begins(trace.local);
    }
    if (trace.is !== 'bytes') return;
    const { way, local, base64 } = trace;
    const key = `${way} ${local}`;
    const inbox = inboxes.get(key) ?? new Inbox(wire, way === 'sent' ? 'client' : 'server');
    inboxes.set(key, inbox);
    const { messages, error } = inbox.push(Buffer.from(base64, 'base64'));
    if (error) throw error;
    for (const message of messages) {
      if (way === 'sent') history.asked(local, message);
      else history.answered(local, message);
    }
  };
}

function promised(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((yes) => {
    resolve = yes;
  });
  return { promise, resolve };
}

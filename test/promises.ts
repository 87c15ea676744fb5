// What every protocol promises (see protocol.ts), as checks that list what is wrong and stay empty when nothing is.
// They are functions so that the small wrong servers in `wrong/` can be held to them too.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join, posix } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { addressOf } from '../src/bounds/paths.ts';
import { ledger } from '../src/capture/ledger.ts';
import { type Entry, record } from '../src/capture/records.ts';
import { still, without } from '../src/capture/still.ts';
import { tap } from '../src/capture/tap.ts';
import { clockSince, type Trace } from '../src/capture/trace.ts';
import { type Arm, playArm, settingsFor, storeFor } from '../src/lab/arm.ts';
import { type Behind, startBehind } from '../src/lab/behind.ts';
import { StateKeeper } from '../src/lab/keeper.ts';
import { beginLife, type Life } from '../src/lab/lives.ts';
import type { Cut, Story } from '../src/lab/story.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { dice, REAL_WAITS, seededWorld } from '../src/lab/world.ts';
import { type Level, TerminalLog } from '../src/log/terminal.ts';
import { type Look, paint } from '../src/log/text.ts';
import type { AnyCard } from '../src/protocols/index.ts';
import { type Client, overOf, type Settings } from '../src/protocols/shapes.ts';
import { type Field, Reader, type Stretch, viewOf } from '../src/wire/fields.ts';
import { decode, encode, Inbox, type Over, type Seen, type Side } from '../src/wire/wire.ts';

export interface Subject {
  story: Story;
  design: string;
  seed?: number;
}

/** Plays a story once, uncut or with one cut. A fault of the lab is not a finding: it is thrown. */
export async function play({ story, design, seed = 1 }: Subject, cut?: Cut): Promise<Arm> {
  const arm = await playArm({ story, design, seed, origin: process.hrtime.bigint(), ...(cut ? { cut } : {}) });
  if (arm.fault) throw arm.fault;
  return arm;
}

/** One message as it stood on the wire. */
export interface Said {
  side: Side;
  over: Over;
  bytes: Buffer;
  /** What its conversation has told a reader: the same object for all messages of one. */
  seen: Seen;
}

/** The ports at which the servers of a run listened, and a balancer in front of them: what passes elsewhere is no message. */
function portsIn(traces: readonly Trace[]): Set<number> {
  return new Set(
    traces.flatMap((trace) =>
      trace.is === 'born' ? [addressOf(trace.path).port] : trace.is === 'balanced' ? [trace.port] : [],
    ),
  );
}

/** The messages that the client's end of a run saw, in order. */
export function saidIn(card: AnyCard, traces: readonly Trace[]): Said[] {
  const begun = new Map<string, Buffer>();
  const talks = new Map<string, Seen>();
  const framing = new Map<string, Seen>();
  const ports = portsIn(traces);
  return traces.flatMap((trace): Said[] => {
    if (trace.is !== 'bytes' || trace.who !== 'client') return [];
    if (ports.size > 0 && !ports.has(addressOf(trace.remote).port)) return [];
    const side: Side = trace.way === 'sent' ? 'client' : 'server';
    const chunk = Buffer.from(trace.base64, 'base64');
    const { over } = trace;
    const seen: Seen = talks.get(trace.local) ?? new Map();
    talks.set(trace.local, seen);
    const framed: Seen = framing.get(trace.local) ?? new Map();
    framing.set(trace.local, framed);
    if (over === 'udp') return [{ side, over, bytes: chunk, seen }];
    const key = `${side} ${trace.local}`;
    const bytes = Buffer.concat([begun.get(key) ?? Buffer.alloc(0), chunk]);
    const said: Said[] = [];
    let start = 0;
    for (;;) {
      const length = card.wire.frame(bytes, start, side, framed);
      if (length === undefined || start + length > bytes.length) break;
      said.push({ side, over, bytes: bytes.subarray(start, start + length), seen });
      start += length;
    }
    begun.set(key, bytes.subarray(start));
    return said;
  });
}

/** Fields tile every message, and what is read writes back the same bytes. */
export function unexplained(card: AnyCard, said: readonly Said[]): string[] {
  const wrong: string[] = [];
  for (const side of ['client', 'server']) {
    if (!said.some((each) => each.side === side)) wrong.push(`no byte came from the ${side}`);
  }
  for (const { side, over, bytes, seen } of said) {
    const name = `${side}'s ${bytes.toString('hex')}`;
    const reader = new Reader(bytes, { annotate: true });
    let message: unknown;
    try {
      message = card.wire.read(reader, side, over, seen);
    } catch (error) {
      wrong.push(`${name} cannot be read: ${(error as Error).message}`);
      continue;
    }
    wrong.push(...untiled(reader.fields ?? [], bytes.length).map((each) => `${name}: ${each}`));
    const again = encode(card.wire, message);
    if (!again.equals(bytes)) wrong.push(`${name} is written back as ${again.toString('hex')}`);
  }
  return wrong;
}

/** The bits of a message that no field explains, or more than one. */
export function untiled(fields: readonly Field[], length: number): string[] {
  const wrong: string[] = [];
  const bits = new Array<number>(length).fill(0);
  for (const { id, start, end, mask = 0xff } of fields) {
    if (mask !== 0xff && end - start !== 1) wrong.push(`${id} masks more than one byte`);
    if (start < 0 || end > length || start > end) wrong.push(`${id} lies outside the message`);
    for (let at = start; at < end && at < length; at++) {
      if (((bits[at] ?? 0) & mask) !== 0) wrong.push(`byte ${at} is explained twice, by ${id} the second time`);
      bits[at] = (bits[at] ?? 0) | mask;
    }
  }
  bits.forEach((explained, at) => {
    if (explained !== 0xff)
      wrong.push(`byte ${at} is not explained (bits ${explained.toString(2).padStart(8, '0')} are)`);
  });
  const ids = fields.map(({ id }) => id);
  for (const id of new Set(ids)) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`two fields are called ${id}`);
  return wrong;
}

/** The same stream, whole and one byte at a time. */
export function torn(card: AnyCard, said: readonly Said[]): string[] {
  const streamed = said.filter(({ over }) => over === 'tcp');
  return [...new Set(streamed.map(({ seen }) => seen))].flatMap((seen) =>
    tornOne(
      card,
      streamed.filter((each) => each.seen === seen),
    ),
  );
}

function tornOne(card: AnyCard, streamed: readonly Said[]): string[] {
  // Whoever reads what a server says has read what it was told.
  const seenBefore = streamed[0]?.seen;
  return (['client', 'server'] as const).flatMap((side) => {
    const stream = Buffer.concat(streamed.filter((each) => each.side === side).map(({ bytes }) => bytes));
    const count = streamed.filter((each) => each.side === side).length;
    // Kept beyond the next push: what a reader hands out may be a view on the bytes.
    const whole = new Inbox(card.wire, side, new Map(seenBefore)).push(Buffer.from(stream));
    const slow = new Inbox(card.wire, side, new Map(seenBefore));
    const parts = Array.from(stream, (byte) => slow.push(Buffer.of(byte)));
    const wrong = [whole, ...parts].flatMap(({ error }) => (error ? [`${side}: ${error.message}`] : []));
    if (whole.messages.length !== count) wrong.push(`${side}: ${whole.messages.length} messages instead of ${count}`);
    const together = parts.flatMap(({ messages }) => messages);
    if (!isDeepStrictEqual(placeless(together), placeless(whole.messages)))
      wrong.push(`${side}: fed one byte at a time, the stream says something else`);
    if (slow.kept !== 0) wrong.push(`${side}: ${slow.kept} bytes are left over`);
    return wrong;
  });
}

/** The same with every {@link Stretch} as the bytes that it means: where they stand in the reader's memory says nothing. */
function placeless(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value) || value instanceof Error) return value;
  if (Array.isArray(value)) return value.map(placeless);
  const plain = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, placeless(each)]));
  if (!('bytes' in value && 'start' in value && 'end' in value)) return plain;
  return { ...plain, bytes: viewOf(value as Stretch), start: 0, end: 0 };
}

/** What a server is told where only its rules are asked: of what stands behind it they need to know how many there are. */
export function settingsAlone(card: AnyCard, design: string, seed: number): Settings {
  const behind = Array.from({ length: card.behind?.count ?? 0 }, (_none, nth) => `127.0.0.1:${nth + 1}`);
  return { ...settingsFor(card, design, seed), ...(card.behind ? { to: behind.join(',') } : {}) };
}

/** What the server sent in this run, and what its rules alone say to the same messages, in the same world. */
export async function unruly({ story, design, seed = 1 }: Subject, traces: readonly Trace[]): Promise<string[]> {
  const { path: folder, remove } = temporaryFolder();
  const card = (await story.card.configure?.(settingsAlone(story.card, design, seed), folder)) ?? story.card;
  await remove();
  const { rules } = card.designs[design] ?? {};
  if (!rules) throw new Error(`there is no ${card.name}/${design}`);
  if (card.designs[design]?.unrepeatable) return [];
  const { between } = card;
  const wrong: string[] = [];
  const world = seededWorld(seed, `${card.calls}/1`);
  // Instances that share a store roll their names from what is in it; where clients bring them back, they must be the same.
  const told = card.designs[design]?.holds === 'redis' && between ? namesIn(card, traces) : [];
  const { keeper } = await StateKeeper.open({
    rules: {
      ...rules,
      decide(state: unknown, message: unknown, from: string, world: never) {
        const before = structuredClone(state);
        const decision = rules.decide(state, message, from, world);
        // Both as clones: a Buffer's clone is plain bytes.
        if (!isDeepStrictEqual(structuredClone(state), before))
          wrong.push(`decide changed the state when it heard ${card.wire.kind(message)}`);
        for (const event of decision.events) {
          if (!isDeepStrictEqual(JSON.parse(JSON.stringify(event)), event))
            wrong.push(`an event is not plain JSON: ${String(event)}`);
        }
        return decision;
      },
    },
    wire: card.wire,
    world: { ...world, name: () => told.shift() ?? world.name() },
    transport: card.transport,
  });
  const [sent, ruled] = [new Map<string, Buffer[]>(), new Map<string, Buffer[]>()];
  const put = (into: Map<string, Buffer[]>, path: string, bytes: Buffer) =>
    into.set(path, [...(into.get(path) ?? []), bytes]);
  /** What deeds come down to, where a library writes the messages: in the order in which they were decided. */
  const deeds: [to: string, said: unknown][] = [];
  keeper.attach({
    say: (to, bytes) => void put(ruled, to, bytes),
    hangUp: () => {},
    does: (to, deed) => void (between && deeds.push([to, between.said(deed)])),
  });

  const inboxes = new Map<string, Inbox<unknown>>();
  const ports = portsIn(traces);
  for (const trace of traces) {
    if (trace.who === 'client') continue;
    // What came of its deeds is no message; the rules were told.
    if (trace.is === 'learned') keeper.learn(trace.path, trace.outcome as never);
    if (trace.is !== 'bytes' && trace.is !== 'link') continue;
    if (!ports.has(addressOf(trace.local).port)) continue;
    const { over } = trace;
    const path = over === 'tcp' && card.transport === 'udp+tcp' ? `${trace.remote}/tcp` : trace.remote;
    if (trace.is === 'link') {
      if (trace.what === 'accepted') keeper.greet(path);
      continue;
    }
    const bytes = Buffer.from(trace.base64, 'base64');
    if (trace.way === 'sent') {
      put(sent, path, bytes);
      continue;
    }
    if (over === 'udp') {
      keeper.hear(path, [decode(card.wire, bytes, 'client', over)]);
      continue;
    }
    const inbox = inboxes.get(path) ?? new Inbox<unknown>(card.wire, 'client');
    inboxes.set(path, inbox);
    for (const message of inbox.push(bytes).messages)
      keeper.hear(path, [between ? await between.heard(message) : message]);
  }
  for (const [to, saying] of deeds) {
    const said = await saying;
    if (said !== undefined) put(ruled, to, encode(card.wire, said));
  }
  for (const path of new Set([...sent.keys(), ...ruled.keys()])) {
    const [real, pure] = [sent.get(path) ?? [], ruled.get(path) ?? []].map((list) =>
      // Instances that share a store roll their names from what the store holds, and all roll the same.
      card.designs[design]?.holds === 'redis' || between
        ? undicedStream(card, list)
        : // A stream may be cut into chunks as it likes; a datagram is what it is.
          overOf(path, card.transport) === 'tcp'
          ? Buffer.concat(list).toString('hex')
          : list.map((each) => each.toString('hex')).join(' '),
    );
    if (real !== pure) wrong.push(`the server said ${real}, and its rules say ${pure}`);
  }
  if (sent.size === 0) wrong.push('the server said nothing');
  return wrong;
}

/** The names of 22 characters that the server told in a run, in order: each once, and without the number for people before it. */
function namesIn(card: AnyCard, traces: readonly Trace[]): string[] {
  const names = saidIn(card, traces).flatMap(({ side, over, bytes, seen }) => {
    const reader = new Reader(bytes, { annotate: true });
    card.wire.read(reader, side, over, seen);
    const rolled = (reader.fields ?? []).filter(({ chance }) => chance && side === 'server');
    return rolled.flatMap(
      ({ start, end }) => /^\d+\.([\w-]{22})$/.exec(bytes.toString('latin1', start, end))?.[1] ?? [],
    );
  });
  return [...new Set(names)];
}

/** What a server said on a stream, message by message, without what was rolled by dice. */
function undicedStream(card: AnyCard, list: readonly Buffer[]): string {
  const bytes = Buffer.concat(list);
  const seen: Seen = new Map();
  const said: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const length = card.wire.frame(bytes, start, 'server', seen) ?? bytes.length;
    said.push(undiced(card, { side: 'server', over: 'tcp', bytes: bytes.subarray(start, start + length), seen }));
    start += length;
  }
  return said.join(' ');
}

/** Whether the server is not ours: it has no rules to be held to, and nobody can make it forget. */
export function isBeside({ story, design }: Subject): boolean {
  return story.card.designs[design]?.runs !== undefined;
}

/** A live server of this design, for as long as `use` takes. */
export async function living<T>(
  { story, design, seed = 1 }: Subject,
  use: (life: Life, behind: Behind | undefined) => Promise<T>,
): Promise<T> {
  const { path, remove } = await temporaryFolder();
  const store = await storeFor(story.card, design, path);
  const origin = String(process.hrtime.bigint());
  const behind = await startBehind(story.card, { seed, origin });
  const life = await beginLife({
    protocol: story.protocol,
    design,
    who: `${story.card.calls}/1`,
    host: '127.0.0.1',
    port: 0,
    folder: join(path, 'state'),
    bounds: { rate: 0, connections: 500 },
    settings: {
      ...settingsFor(story.card, design, seed, store),
      ...behind?.settings,
      ...(story.card.takes?.includes('rate') ? { rate: '0' } : {}),
      // Passwords that are dear to try are not what is looked at.
      ...(story.card.takes?.includes('cost') ? { cost: '16' } : {}),
    },
    seed,
    origin,
  });
  try {
    return await use(life, behind);
  } finally {
    await life.stop();
    await behind?.stop();
    await store?.stop();
    await remove();
  }
}

/** The workload against a live server: its answers, and what the server said, with what is rolled by dice left out. */
export async function workload({ story, design, seed = 1 }: Subject, life: Life, keep: Client[] = []) {
  const { card } = story;
  const traces: Trace[] = [];
  const untap = tap({
    who: 'client',
    clock: clockSince(0n),
    remotePort: () => life.port,
    sink: (trace) => void traces.push(trace),
  });
  let client: Client | undefined;
  try {
    client = (await card.connect({
      host: '127.0.0.1',
      port: life.port,
      world: seededWorld(seed, 'client'),
      waits: REAL_WAITS,
      design,
    })) as Client;
    const answers: string[] = [];
    for (const step of story.steps) answers.push(await inTime(step.act(client), step.name));
    const heard = saidIn(card, traces).filter(({ side }) => side === 'server');
    // Which of two connections is read first, nobody promises: what is said on each is in order.
    const talks = [...new Set(heard.map(({ seen }) => seen))].map((talk) => heard.filter(({ seen }) => seen === talk));
    return { answers, heard: talks.flat().map((each) => undiced(card, each)) };
  } finally {
    untap();
    if (client && keep.length === 0) await client.close();
    else if (client) keep.push(client);
  }
}

/** A promise that must be kept within a few seconds. */
async function inTime<T>(promise: Promise<T>, what: string, milliseconds = 5000): Promise<T> {
  const over = new AbortController();
  const late = after(milliseconds, undefined, { signal: over.signal, ref: false }).then(() => {
    throw new Error(`“${what}” was not answered within ${milliseconds / 1000} s`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}

/** A message in hexadecimal, `??` for what is rolled by dice. */
function undiced(card: AnyCard, { side, over, bytes, seen }: Said): string {
  const reader = new Reader(bytes, { annotate: true });
  card.wire.read(reader, side, over, seen);
  const pairs: string[] = bytes.toString('hex').match(/../g) ?? [];
  for (const field of reader.fields ?? []) if (field.chance || field.veiled) pairs.fill('??', field.start, field.end);
  return pairs.join('');
}

/** A forget forgets everything: the same process then answers as one that never met anybody. */
export async function unforgotten(subject: Subject): Promise<string[]> {
  return living(subject, async (life) => {
    const wrong: string[] = [];
    const first = await workload(subject, life);
    const { facts, left } = await life.forget();
    if (Object.keys(left).length > 0) wrong.push(`it was told to forget and still knows ${JSON.stringify(left)}`);
    if (Object.values(facts).some((known) => typeof known !== 'string')) wrong.push('facts are not words');
    const second = await workload(subject, life).catch((error: Error) => {
      wrong.push(`after it forgot, it does not answer: ${error.message}`);
    });
    if (second && !isDeepStrictEqual(second, first)) {
      wrong.push(`a memory outlived the forgetting: ${JSON.stringify(second)} instead of ${JSON.stringify(first)}`);
    }
    return wrong;
  });
}

const FILES = ['client.ts', 'index.ts', 'server.ts', 'state.ts', 'wire.ts'];
/** Where the rest of state.ts and of wire.ts stands, when one file would be too long to read: as pure as these are. */
const FOLDERS = ['rules', 'wire'];

/** What the source of a protocol must not hold: a memory where no cut finds it, a clock, dice, a log. */
export function unlawful(folder: string): string[] {
  const all = readdirSync(folder, { withFileTypes: true });
  const files = all.filter((each) => !each.isDirectory()).map(({ name }) => name);
  const folders = all.filter((each) => each.isDirectory()).map(({ name }) => name);
  const wrong: string[] = [];
  if (!isDeepStrictEqual(files.sort(), FILES)) wrong.push(`the files are ${files.join(', ')}`);
  for (const inner of folders) {
    const names = readdirSync(join(folder, inner));
    if (!FOLDERS.includes(inner)) wrong.push(`there is a folder ${inner}/`);
    if (names.length === 0) wrong.push(`${inner}/ is empty`);
    for (const name of names) {
      if (name.endsWith('.ts')) files.push(`${inner}/${name}`);
      else wrong.push(`${inner}/${name} is no source`);
    }
  }
  for (const name of files.sort())
    wrong.push(...unlawfulIn(name, readFileSync(join(folder, name), 'utf8')).map((each) => `${name}: ${each}`));
  return wrong;
}

/** Words that only a socket, a clock, dice or a process of its own have. `node:crypto` may hash, and nothing else. */
const IMPURE =
  /\b(Date|performance|process|setTimeout|setInterval|setImmediate|queueMicrotask|randomBytes|randomUUID|randomInt|getRandomValues|fetch)\b|Math\.random/;
const IMPURE_MODULES =
  /^node:(net|dgram|tls|dns|http|https|http2|fs|timers|child_process|worker_threads|cluster|perf_hooks|process)(\/|$)/;

/** `name`: of the file, as its protocol's folder knows it: `state.ts`, `rules/leaving.ts`. */
export function unlawfulIn(name: string, source: string): string[] {
  const wrong: string[] = [];
  const isPure = name === 'state.ts' || name === 'wire.ts' || name.includes('/');
  const code = withoutComments(source);
  const imports = [...code.matchAll(/(?:from\s+|import\s*\(?\s*)'([^']+)'/g)].map(([, path]) => path ?? '');
  for (const path of imports) {
    if (/\/(lab|capture|log|cli)\//.test(path)) wrong.push(`imports ${path}: it must not know who is watching`);
    const from = path.startsWith('.') ? posix.join(posix.dirname(name), path) : path;
    if (/^\.\.\/(?!\.\.\/|(?:shapes|settings)\.ts$)/.test(from)) wrong.push(`imports ${path}: another protocol`);
    if (isPure && IMPURE_MODULES.test(path)) wrong.push(`imports ${path}`);
    if (isPure && /^(?:client|index|server)\.ts$/.test(from)) wrong.push(`imports ${path}: it is not pure`);
  }
  if (/\bconsole\s*\./.test(code) || /process\.(stdout|stderr)/.test(code)) wrong.push('it logs');
  if (isPure) {
    // A property that happens to have such a name is none of them.
    const [found] = IMPURE.exec(code.replace(/'(?:[^'\\\n]|\\.)*'|`[^`$]*`/g, "''")) ?? [];
    if (found) wrong.push(`uses ${found}`);
  }
  if (name !== 'client.ts') {
    for (const [line] of code.matchAll(/^(?:export\s+)?(?:let|var)\s.*$/gm))
      wrong.push(`remembers something in “${line}”`);
    for (const [line] of code.matchAll(
      /^(?:export\s+)?const\s[^=\n]*=\s*new\s+(?:Map|Set|WeakMap|WeakSet|Array|Inbox|Writer|Reader)\b.*$/gm,
    )) {
      // A set of constants is written down where it is made.
      if (!/new\s+(?:Set|Map)(?:<[^>]*>)?\(\[/.test(line) || name === 'server.ts')
        wrong.push(`remembers something in “${line}”`);
    }
    if (name === 'server.ts') {
      for (const [line] of code.matchAll(/^(?:export\s+)?const\s[^=\n]*=\s*[[{].*$/gm))
        wrong.push(`may remember something in “${line}”`);
    }
  }
  return wrong;
}

function withoutComments(source: string): string {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/\s\/\/ .*$/gm, '');
}

/** What the client said in a run, spoiled: one byte changed, cut short, doubled, out of order. Each a conversation of its own. */
export function spoiled(said: readonly Said[], seed: number): Buffer[][] {
  const roll = dice(seed);
  const own = said.filter(({ side }) => side === 'client').map(({ bytes }) => bytes);
  const conversations: Buffer[][] = [];
  own.forEach((message, index) => {
    const before = own.slice(0, index);
    // Every byte of a short message, a handful of a long one.
    const places = Array.from({ length: message.length <= 64 ? message.length : 8 }, (_none, at) =>
      message.length <= 64 ? at : roll(message.length),
    );
    for (const at of places) {
      const changed = Buffer.from(message);
      changed.writeUInt8(changed.readUInt8(at) ^ (1 + roll(255)), at);
      conversations.push([...before, changed, ...own.slice(index + 1)], [...before, message.subarray(0, at)]);
    }
    conversations.push([...before, message, message, ...own.slice(index + 1)]);
    const swapped = [...own];
    const other = roll(own.length);
    [swapped[index], swapped[other]] = [swapped[other] ?? message, message];
    conversations.push(swapped);
  });
  return conversations;
}

/** Spoiled packets end their own conversation and nothing else: the same process goes on, and answers who asks well. */
export async function unsettled(subject: Subject, said: readonly Said[], seed = 1): Promise<string[]> {
  const { card } = subject.story;
  return living(subject, async (life, behind) => {
    const wrong: string[] = [];
    const crashed: string[] = [];
    const first = await workload(subject, life);
    for (const [over, talk] of [
      ['tcp', overTcp],
      ['udp', overUdp],
    ] as const) {
      const own = said.filter((each) => each.over === over);
      const conversations = spoiled(own, seed);
      const AT_ONCE = 16;
      for (let begin = 0; begin < conversations.length; begin += AT_ONCE) {
        const heard = await Promise.all(
          conversations.slice(begin, begin + AT_ONCE).map((each) => talk(card, life.port, each)),
        );
        wrong.push(...heard.flat());
      }
    }
    if (!(await life.alive())) return [...wrong, `spoiled packets killed it: ${JSON.stringify(await life.died)}`];
    // What the protocol of others says to nonsense is theirs to choose, and what they remember of it as well; they must live and answer.
    if (isBeside(subject)) {
      await workload(subject, life).catch((error: Error) => {
        crashed.push(`it no longer answers: ${error.message}`);
      });
      return crashed;
    }
    // Whatever the others made it remember is theirs; forgotten, the valid client must be served as the first was.
    await workload(subject, life).catch((error: Error) => void wrong.push(`it no longer answers: ${error.message}`));
    await Promise.all([life.forget(), behind?.renew()]);
    const last = await workload(subject, life).catch(
      (error: Error) => void wrong.push(`it no longer answers: ${error.message}`),
    );
    if (last && !isDeepStrictEqual(last, first)) wrong.push('it answers otherwise than before');
    return wrong;
  });
}

/** Says everything on one connection, ends it, and listens to the end: what comes back must be the protocol's own words. */
async function overTcp(card: AnyCard, port: number, messages: readonly Buffer[]): Promise<string[]> {
  const wrong: string[] = [];
  const inbox = new Inbox<unknown>(card.wire, 'server');
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    const { error } = inbox.push(chunk);
    if (error) wrong.push(`it answers ${chunk.toString('hex')}: ${error.message}`);
  });
  // A reset is an end like any other.
  const closed = new Promise((gone) => socket.on('close', gone));
  socket.end(Buffer.concat(messages));
  const over = new AbortController();
  await Promise.race([
    closed,
    // On a busy machine the passwords in sixteen conversations at once take their time.
    after(20_000, undefined, { signal: over.signal }).then(
      () => wrong.push('it keeps a connection that has ended'),
      () => {},
    ),
  ]);
  over.abort();
  socket.destroy();
  return wrong;
}

/** Sends every datagram; answers are none of our business here, since any of them may be lost. */
async function overUdp(_card: AnyCard, port: number, messages: readonly Buffer[]): Promise<string[]> {
  const socket = dgram.createSocket('udp4');
  socket.on('error', () => {});
  for (const message of messages) await new Promise((sent) => socket.send(message, port, '127.0.0.1', sent));
  const closed = once(socket, 'close');
  socket.close();
  await closed;
  return [];
}

/** Entries with everything rolled by dice left out. */
export function withoutChance(entries: readonly Entry[]): Entry[] {
  return entries.map((entry) =>
    entry.is === 'packet' ? without(entry, ({ chance, veiled }) => chance === true || veiled === true) : entry,
  );
}

export interface Print {
  level?: Level;
  bytes?: 'marked' | 'all' | 'none';
  look?: Partial<Look>;
}

/** An arm as the terminal shows it, one line each, with times, pids and ports masked at their own width. */
export function printed(
  entries: readonly Entry[],
  { level = 'default', bytes = 'marked', look = {} }: Print = {},
): string[] {
  const full: Look = { width: 80, colour: false, ascii: false, ...look };
  const log = new TerminalLog({ level, bytes, look: full });
  const { notes } = ledger(entries);
  return entries
    .map(still)
    .flatMap((entry) => log.lines(entry, 'row' in entry ? notes.get(entry.row) : []))
    .map((line) => paint(line, full));
}

/** The entries of an arm. */
export function entriesOf({ story }: Subject, arm: Arm, showSecrets = false): Entry[] {
  return record(arm.traces, { card: story.card, ...(showSecrets ? { showSecrets } : {}) });
}

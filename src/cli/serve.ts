// `amnesia serve`: a server for your own client, with the live log.

import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { clockSince, readTraces, type Trace } from '../capture/trace.ts';
import { promiseOf } from '../lab/journals/sync.ts';
import { type Succession, succession } from '../lab/succession.ts';
import { temporaryFolder } from '../lab/tidy.ts';
import type { Bytes, Level } from '../log/terminal.ts';
import { wrap } from '../log/text.ts';
import type { AnyCard } from '../protocols/index.ts';
import type { Settings } from '../protocols/shapes.ts';
import { EXIT, UsageError } from './errors.ts';
import { LOOK, liveView } from './live.ts';
import type { Picked } from './pick.ts';
import { interfaces, isLoopback, stopSignals, untilStopped } from './running.ts';
import { type Screen, screen } from './screen.ts';

export interface ServeOptions {
  host: string;
  port?: number | undefined;
  expose?: boolean | undefined;
  stateDir?: string | undefined;
  rate?: number | undefined;
  log?: Level | undefined;
  bytes: Bytes;
  json?: boolean | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
  showSecrets?: boolean | undefined;
  zone?: string | undefined;
  secret?: string | undefined;
  root?: string | undefined;
  users?: string | undefined;
  trust?: string | undefined;
  anonymous?: string | undefined;
  active?: string | undefined;
  cert?: string | undefined;
  'jwt-key-file'?: string | undefined;
  key?: string | undefined;
  acl?: string | undefined;
  tls?: number | undefined;
  ws?: number | undefined;
  store?: string | undefined;
  sync?: string | undefined;
  to?: string | undefined;
  'to-file'?: string | undefined;
}

/** What a protocol may be told, beside where it listens. */
const SETTINGS = [
  ...(['zone', 'secret', 'root', 'users', 'trust', 'anonymous', 'active', 'cert', 'key'] as const),
  ...(['jwt-key-file', 'acl', 'tls', 'ws', 'store', 'sync', 'to', 'to-file'] as const),
] as const;
/** Where Redis listens unless it was told otherwise. */
const STORE = 'redis://127.0.0.1:6379';
/** Those that name a file or a folder. A list of users is one only if there is such a file. */
const PATHS: readonly string[] = ['zone', 'root', 'cert', 'key', 'acl', 'jwt-key-file', 'to-file'];

/** A trace file that has grown so long, in bytes, is followed by a new one. */
const LONG = 8 << 20;
/** How much of a trace file is read at a time, in bytes. */
const BUDGET = 4 << 20;

/** Serves until it is told to stop: Ctrl-C, SIGTERM, or the key `q`. */
export async function serve({ story, design }: Picked, options: ServeOptions): Promise<number> {
  const { card } = story;
  const out = screen(options);
  const name = `${card.name}/${design}`;
  const { host } = options;
  const exposed = !isLoopback(host);
  if (exposed && !options.expose)
    throw new UsageError(
      `${options.host} can be reached by others, and anybody there could use this server. Type: amnesia serve ${name} --host ${options.host} --expose`,
    );

  const held = card.designs[design];
  const holds = held?.holds;
  // A library that comes with a server has to be somewhere as well.
  const keeps = card.takes?.includes('root') && options.root === undefined;
  if (options.stateDir !== undefined && holds !== 'disk' && !keeps)
    throw new UsageError(
      `${name} writes nothing down, so --state-dir means nothing to it. Type: amnesia serve ${name}`,
    );
  if (options.rate !== undefined && card.transport === 'tcp')
    throw new UsageError(`--rate is for datagrams, and ${name} speaks TCP. Type: amnesia serve ${name}`);
  const settings = settingsOf(story.card, design, options);

  const logs = options.log !== undefined || options.json === true;
  const signals = stopSignals();
  const temporary = logs ? temporaryFolder() : undefined;
  const traces = temporary?.path;
  const writes = holds === 'disk';
  const folder =
    options.stateDir ??
    join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'amnesia', `${card.name}-${design}`);
  const origin = process.hrtime.bigint();
  const clock = clockSince(origin);
  const own: Trace[] = [];
  const notice = (text: string) => (options.json ? process.stderr.write(`${text}\n`) : out.text(text));
  /** A sentence, folded. What holds an address or a path stands in one line, for whoever looks for it in there. */
  const tell = (text: string) => {
    for (const line of wrap([{ text }], out.look, 2)) notice(line.map(({ text }) => text).join(''));
  };
  let lives: Succession | undefined;
  let log: LiveLog | undefined;
  try {
    lives = await succession({
      options: {
        protocol: story.protocol,
        design,
        host: options.host,
        port: options.port ?? card.port,
        origin: String(origin),
        ...(writes || card.configure ? { folder } : {}),
        settings,
        ...(traces ? { trace: join(traces, 'trace-0') } : {}),
        ...(options.rate === undefined ? {} : { bounds: { rate: options.rate } }),
      },
      calls: card.calls,
      note: (trace) => void own.push(trace),
      clock,
      // With the log, rows say so.
      said: (text) => void (logs || tell(text)),
    }).catch((error: Error) => {
      // Ctrl-C in a terminal ends a server's process as well that has not got so far as to leave that to us: it was wanted.
      if (signals.have()) return undefined;
      throw error;
    });
    if (!lives) return EXIT.asClaimed;
    if (exposed)
      notice(
        `WARNING: ${name} listens on ${options.host}, reachable through ${interfaces(host)}: anybody there can use it`,
      );
    notice(
      `${name} listens on ${options.host} port ${lives.port} (${card.transport.toUpperCase()}), for this machine${exposed ? ' and others' : ' only'}`,
    );
    tell(`what an answer means: ${held ? promiseOf(held, settings) : ''}`);
    if (writes) notice(`it writes to ${folder}`);
    if (settings.store !== undefined)
      tell(`its state is in ${withoutPassword(settings.store)}; every ${name} there is an instance of this server`);
    if (settings.secret !== undefined && options.secret === undefined)
      tell('its key was rolled for this run; --secret gives it one that another instance can share');
    for (const note of [...lives.current().opening, ...lives.current().notes]) tell(note);
    const keys = process.stdin.isTTY === true;
    notice(keys ? `keys: ${held?.runs ? '' : 'f forget, '}k kill and start again, q quit` : 'Ctrl-C stops it');
    if (traces) log = liveLog(traces, own, lives, { card, design, options, out });
    await untilStopped({
      signal: signals.come,
      // With the log, rows say so.
      keys: keys ? keysOf(lives, !held?.runs, logs ? () => {} : notice) : undefined,
      fault: () => lives?.fault(),
    });
    return EXIT.asClaimed;
  } finally {
    await lives?.stop();
    await log?.stop();
    await temporary?.remove();
    signals.ignore();
  }
}

/** What this server is told; whatever means nothing to it is refused. */
function settingsOf(card: AnyCard, design: string, options: ServeOptions): Settings {
  const name = `${card.name}/${design}`;
  const takes = [...(card.takes ?? []), ...(card.designs[design]?.takes ?? [])];
  const settings: Record<string, string> = {};
  for (const setting of SETTINGS) {
    const given = options[setting]?.toString();
    if (given === undefined) continue;
    if (!takes.includes(setting))
      throw new UsageError(`--${setting} means nothing to ${name}. Type: amnesia serve ${name}`);
    // The server's process may stand in another folder.
    const isPath = PATHS.includes(setting) || (setting === 'users' && existsSync(given));
    settings[setting] = isPath ? resolve(given) : given;
  }
  // Whoever can make a server dial can make it dial others.
  if (takes.includes('active') && options.expose) settings.active ??= 'off';
  if (takes.includes('rate') && options.rate !== undefined) settings.rate = String(options.rate);
  if (takes.includes('store')) settings.store ??= STORE;
  // Every life that follows a kill is handed the same one. Who has another instance elsewhere says which.
  if (takes.includes('secret') && settings['jwt-key-file'] === undefined)
    settings.secret ??= randomBytes(16).toString('hex');
  return settings;
}

/** What a person at the keyboard can do to it. */
function keysOf(lives: Succession, forgets: boolean, notice: (text: string) => void) {
  return {
    ...(forgets ? { f: () => lives.forget().then(() => notice(`${lives.current().who} has forgotten`)) } : {}),
    async k() {
      await lives.kill();
      await lives.rebirth();
      notice(`killed; ${lives.current().who} listens`);
    },
  };
}

interface LiveLog {
  /** Shows what is left, and stops looking. */
  stop(): Promise<void>;
}

/** Follows the trace files of a running server and prints what they tell. */
function liveLog(
  folder: string,
  own: Trace[],
  lives: Succession,
  { card, design, options, out }: { card: Picked['story']['card']; design: string; options: ServeOptions; out: Screen },
): LiveLog {
  const view = liveView({ card, design, options, out });
  let number = 0;
  let fd = openSync(join(folder, 'trace-0'), 'r');
  let read = 0;
  let rest = '';
  let turning = false;
  const chunk = Buffer.alloc(1 << 16);
  /** A letter may begin in one chunk and end in the next. */
  const decoder = new StringDecoder('utf8');

  /** Reads what has been written, but only so much at a time; says whether there is more. */
  function pull(): boolean {
    let more = true;
    for (let budget = BUDGET; budget > 0; budget -= chunk.length) {
      const length = readSync(fd, chunk, 0, chunk.length, null);
      more = length > 0;
      if (!more) break;
      read += length;
      rest += decoder.write(chunk.subarray(0, length));
    }
    const end = rest.lastIndexOf('\n') + 1;
    // What the lab has noted comes after what the server wrote down before, also where that has not all been read yet.
    const noted = more ? [] : own.splice(0);
    const traces = [...noted, ...readTraces(rest.slice(0, end))].sort((a, b) => a.t - b.t);
    rest = rest.slice(end);
    for (const trace of traces) view.push(trace);
    return more;
  }

  async function turn(): Promise<void> {
    turning = true;
    const next = join(folder, `trace-${number + 1}`);
    await lives.traceInto(next);
    // The old file grows no more; it is read to its end, with a turn for everybody else in between.
    while (pull()) {
      view.show();
      await new Promise((turn) => setImmediate(turn));
    }
    closeSync(fd);
    rmSync(join(folder, `trace-${number}`));
    number++;
    fd = openSync(next, 'r');
    read = 0;
    turning = false;
  }

  const timer = setInterval(() => {
    if (turning) return;
    pull();
    view.show();
    // A life that dies at this very moment cannot be asked; the next look asks the one that follows it.
    if (read > LONG)
      turn().catch(() => {
        turning = false;
      });
  }, LOOK);

  return {
    async stop() {
      clearInterval(timer);
      while (pull()) view.show();
      view.show();
      view.show();
      closeSync(fd);
    },
  };
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@]*@/, '//***@');
}

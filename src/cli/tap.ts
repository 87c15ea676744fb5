// `amnesia tap`: the annotated log for a client and a server that are not ours, and a link between them that can be cut.

import { lookup } from 'node:dns/promises';
import { closeSync, fchmodSync, openSync, writeSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Note } from '../capture/ledger.ts';
import type { Entry } from '../capture/records.ts';
import { clockSince } from '../capture/trace.ts';
import { LifeError } from '../lab/lives.ts';
import { type Relay, relay } from '../lab/relay/relay.ts';
import type { Bytes, Level } from '../log/terminal.ts';
import { type AnyCard, loadCard, PROTOCOLS } from '../protocols/index.ts';
import type { Address } from '../protocols/shapes.ts';
import { EXIT, UsageError } from './errors.ts';
import { possible } from './exports.ts';
import { LOOK, liveView } from './live.ts';
import { interfaces, isLoopback, stopSignals, untilStopped } from './running.ts';
import { screen } from './screen.ts';

export interface TapOptions {
  listen?: number | undefined;
  to?: string | undefined;
  host: string;
  expose?: boolean | undefined;
  allowRemote?: boolean | undefined;
  log?: Level | undefined;
  bytes: Bytes;
  json?: boolean | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
  showSecrets?: boolean | undefined;
  pcap?: string | undefined;
  maxBytes: number;
  cut?: 'path' | 'silence' | undefined;
  after?: string | undefined;
  healAfter?: string | undefined;
}

/** A moment: so many messages of a kind have been seen. */
interface Count {
  nth: number;
  kind: string;
}

/** Stands between a client and a server until it is told to stop: Ctrl-C, SIGTERM, or the key `q`. */
export async function tap(protocol: string, options: TapOptions): Promise<number> {
  const card = PROTOCOLS.includes(protocol) ? await loadCard(protocol) : undefined;
  if (!card)
    throw new UsageError(
      `there is no protocol ${JSON.stringify(protocol)} to tap; there are ${PROTOCOLS.join(', ')}. Type: ${exampleOf('mqtt')}`,
    );
  const plan = planOf(protocol, options);
  possible({ pcap: options.pcap });
  const { at, to } = await ends(card, options);

  const out = screen(options);
  const signals = stopSignals();
  const clock = clockSince(process.hrtime.bigint());
  const notice = (text: string) => (options.json ? process.stderr.write(`${text}\n`) : out.text(text));
  const title = `amnesia tap ${protocol} in front of ${options.to}`;
  const file = options.pcap === undefined ? undefined : await capture(options.pcap, title, card, options.maxBytes);
  const view = liveView({
    card,
    design: 'tap',
    options,
    out,
    also(entry, notes) {
      if (!file?.add(entry, notes)) return;
      const text = `GAP: ${options.pcap} has grown to its --max-bytes, and nothing more goes into it; this log goes on`;
      view.push({ t: clock(), who: card.calls, is: 'note', text });
    },
  });

  let link: Relay | undefined;
  let healing: NodeJS.Timeout | undefined;
  const look = setInterval(view.show, LOOK);
  const counted = counting(plan, {
    cut() {
      if (plan?.cut === 'path') return link?.cut();
      link?.silence();
      if (typeof plan?.heal === 'number') healing = setTimeout(() => link?.heal(), plan.heal * 1000);
    },
    heal: () => link?.heal(),
  });
  try {
    link = await relay({
      card,
      at,
      to,
      clock,
      // What may be asked without anybody minding is on this machine.
      probes: isLoopback(to.host),
      sink(trace) {
        for (const entry of view.push(trace)) counted.count(entry);
      },
    }).catch((error: NodeJS.ErrnoException) => {
      throw whyNot(error, at);
    });
    if (!isLoopback(at.host))
      notice(
        `WARNING: this tap listens on ${at.host}, reachable through ${interfaces(at.host)}: anybody there reaches ${options.to} through it`,
      );
    if (!isLoopback(to.host))
      notice(
        `WARNING: ${options.to} is another machine: all that is said on port ${link.port} goes there from this one, and whether it still listens is not asked`,
      );
    notice(
      `a tap on ${at.host} port ${link.port} leads to ${options.to} (${card.transport.toUpperCase()}), ${protocol}`,
    );
    const keys = process.stdin.isTTY === true;
    notice(keys ? 'keys: c cut the link, s swallow, h heal, q quit' : 'Ctrl-C stops it');
    await untilStopped({
      signal: signals.come,
      keys: keys ? { c: () => link?.cut(), s: () => link?.silence(), h: () => link?.heal() } : undefined,
      fault() {
        const error = link?.fault();
        return file?.fault() ?? (error && whyNot(error, { ...at, port: link?.port ?? at.port }));
      },
    });
  } finally {
    clearTimeout(healing);
    clearInterval(look);
    await link?.close();
    view.show();
    view.show();
    // The last word may be that the file is full.
    view.show();
    file?.close();
    signals.ignore();
  }
  const missed = counted.missed();
  if (!missed) return EXIT.asClaimed;
  // Whoever wrote it in a script would take what has passed for what a cut has left.
  notice(missed);
  return EXIT.unknown;
}

function exampleOf(protocol: string): string {
  return `amnesia tap ${protocol} --listen 1884 --to 127.0.0.1:1883`;
}

/** What is cut, when, and when it heals: a number of seconds, or a count. */
interface Plan {
  cut: 'path' | 'silence';
  after: Count;
  heal?: number | Count;
}

function planOf(protocol: string, { cut, after, healAfter }: TapOptions): Plan | undefined {
  const usage = `amnesia tap ${protocol} --listen 1884 --to 127.0.0.1:1883 --cut silence --after "3 PUBLISH" --heal-after "5 s"`;
  if (cut === undefined && (after !== undefined || healAfter !== undefined))
    throw new UsageError(`--after and --heal-after say when, and --cut what: path or silence. Type: ${usage}`);
  if (cut === undefined) return undefined;
  if (after === undefined) throw new UsageError(`--cut ${cut} needs --after: when. Type: ${usage}`);
  const moment = countOf(after);
  if (!moment) throw new UsageError(`--after "${after}" is no moment: a number and a kind of message. Type: ${usage}`);
  if (healAfter === undefined) return { cut, after: moment };
  if (cut === 'path') throw new UsageError(`a path does not heal: who was reset comes back on another. Type: ${usage}`);
  const [, seconds] = /^(\d+(?:\.\d+)?) ?s$/.exec(healAfter) ?? [];
  const heal = seconds === undefined ? countOf(healAfter) : Number(seconds);
  // Node's timers take no more.
  if (heal === undefined || (typeof heal === 'number' && heal > 86_400))
    throw new UsageError(
      `--heal-after "${healAfter}" is neither seconds, to a day, nor a count of messages. Type: ${usage}`,
    );
  return { cut, after: moment, heal };
}

function countOf(text: string): Count | undefined {
  const [, nth, kind] = /^([1-9]\d{0,8}) (\S+)$/.exec(text) ?? [];
  return nth === undefined || kind === undefined ? undefined : { nth: Number(nth), kind };
}

interface Counting {
  count(entry: Entry): void;
  /** The moment that never came, and what did not happen for it; undefined when all has happened. */
  missed(): string | undefined;
}

/** Counts messages until it is time to cut, and then until it is time to heal. */
function counting(plan: Plan | undefined, does: { cut(): void; heal(): void }): Counting {
  const heal = typeof plan?.heal === 'object' ? plan.heal : undefined;
  let left = plan?.after.nth ?? 0;
  let awaited: (Count & { act: () => void; otherwise: string }) | undefined = plan && {
    ...plan.after,
    otherwise: 'nothing was cut',
    act() {
      does.cut();
      awaited = heal && { ...heal, otherwise: 'the link was not healed', act: does.heal };
      left = heal?.nth ?? 0;
    },
  };
  return {
    count(entry) {
      if (entry.is !== 'packet' || entry.kind !== awaited?.kind || --left > 0) return;
      const { act } = awaited;
      awaited = undefined;
      // It has been seen, and passes all the same; what answers it has not come yet.
      setImmediate(act);
    },
    missed: () => awaited && `no “${awaited.nth} ${awaited.kind}” has passed: ${awaited.otherwise}`,
  };
}

/** Where it listens and where it leads, in addresses. */
async function ends(
  card: AnyCard,
  { listen, to, host, expose, allowRemote }: TapOptions,
): Promise<{ at: Address; to: Address }> {
  const example = exampleOf(card.name);
  if (listen === undefined) throw new UsageError(`tap needs --listen, a port for the client. Type: ${example}`);
  const [, bare, bracketed, port] = /^(?:([^:[\]]+)|\[([^\]]+)\]):(\d{1,5})$/.exec(to ?? '') ?? [];
  const named = bare ?? bracketed;
  if (named === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw new UsageError(`tap needs --to HOST:PORT, where the server is. Type: ${example}`);
  if (!isLoopback(host) && !expose)
    throw new UsageError(
      `${host} can be reached by others, and anybody there could use this tap. Type: amnesia tap ${card.name} --listen ${listen} --to ${to} --host ${host} --expose`,
    );
  const found = await lookup(named, { order: 'ipv4first' }).catch((error: Error) => {
    throw new UsageError(`no machine is known as ${named} (${error.message}). Type: ${example}`, { cause: error });
  });
  // Asked once: whatever the name means tomorrow, it leads to the same machine.
  const upstream = { host: found.address, port: Number(port) };
  if (!isLoopback(upstream.host) && !allowRemote)
    throw new UsageError(
      `${to} is not on this machine: whoever uses this tap would speak to it in your name. Type: amnesia tap ${card.name} --listen ${listen} --to ${to} --allow-remote`,
    );
  if (listen === upstream.port && isOwn(upstream.host))
    throw new UsageError(`--to ${to} is where the tap itself would listen: it would lead to itself. Type: ${example}`);
  return { at: { host, port: listen }, to: upstream };
}

/** Whether an address is one of this machine's. */
function isOwn(address: string): boolean {
  return (
    isLoopback(address) ||
    Object.values(networkInterfaces()).some((own) => own?.some((each) => each.address === address))
  );
}

function whyNot(error: NodeJS.ErrnoException, { host, port }: Address): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new LifeError(
        `${host} port ${port} is in use by another program: give another port with --listen`,
        false,
        error,
      );
    case 'EACCES':
      return new LifeError(`port ${port} needs more rights than yours: give another one with --listen`, false, error);
    case 'EADDRNOTAVAIL':
      return new LifeError(`this machine has no address ${host}: give another one with --host`, false, error);
    case 'ENOTFOUND':
      return new LifeError(`no machine is known as ${host}: give an address with --host`, false, error);
    default:
      return error;
  }
}

/** A file for Wireshark that grows while the tap is there, and no further than `most` bytes. */
async function capture(path: string, title: string, card: AnyCard, most: number) {
  const { capturing } = await import('../log/pcapng.ts');
  const { head, add } = capturing({ title, port: card.registered ?? card.port });
  let fd: number;
  try {
    fd = openSync(path, 'w', 0o600);
    // There may be names and contents in it that are nobody else's business, also where the file was there before.
    fchmodSync(fd, 0o600);
  } catch (error) {
    throw new UsageError(`${path} cannot be written (${(error as Error).message}): name another file`, {
      cause: error,
    });
  }
  let written = writeSync(fd, head);
  let isFull = false;
  let fault: LifeError | undefined;
  return {
    /** Says whether the file is full since this entry. */
    add(entry: Entry, notes: readonly Note[]): boolean {
      if (isFull) return false;
      const bytes = add(entry, notes);
      isFull = written + bytes.length > most;
      const gap =
        isFull && 'row' in entry ? add({ t_ns: entry.t_ns, arm: entry.arm, row: entry.row, is: 'gap' }) : bytes;
      try {
        written += writeSync(fd, gap);
      } catch (error) {
        const why = `${path} cannot be written any more (${(error as Error).message}): make room, or name another file`;
        fault = new LifeError(why, false, error);
        isFull = true;
        return false;
      }
      return isFull;
    },
    fault: () => fault,
    close: () => closeSync(fd),
  };
}

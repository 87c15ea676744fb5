// What the taps and the lab write down while a run goes on: raw, one line each, in no particular order between processes. Records for people (`records.ts`) are made from these.

import { closeSync, openSync, writeSync } from 'node:fs';
import type { Facts, Json, Path } from '../protocols/shapes.ts';
import type { Over } from '../wire/wire.ts';

/** One subject of a state that was not as it is now. */
export interface Change {
  subject: string;
  before?: string;
  after?: string;
}

/** `t` is in nanoseconds since the run began; all processes of one machine share the clock. `who` is `client` or a life. `length` is that of all the bytes, where only the beginning of them was written down. */
export type Trace = { t: number; who: string } & (
  | { is: 'bytes'; over: Over; way: 'sent' | 'read'; local: Path; remote: Path; base64: string; length?: number }
  | { is: 'link'; over: Over; what: LinkEvent; local: Path; remote: Path }
  | { is: 'memory'; because?: { path: Path; nth: number; later?: true }; changes: Change[] }
  /** The rules were told what came of a deed. With the bytes read, it is all that they ever hear. */
  | { is: 'learned'; path: Path; outcome: Json }
  /**
   * `unseen`: nobody can look into its memory. `untapped`: nor at its end of a connection, so what it has read is not known. Of a
   * process that nobody here has started the number is not known either.
   */
  | { is: 'born'; pid?: number; path: Path; facts: Facts; notes: string[]; unseen?: true; untapped?: true }
  | { is: 'died'; signal: string | null; code: number | null }
  | { is: 'kill'; pid: number; on?: string }
  | { is: 'forgot'; facts: Facts; left: Facts }
  /** Who speaks on this path from its last connection on, where one process plays several clients. */
  | { is: 'named'; path: Path; name: string }
  | { is: 'moved' }
  /** The clock of this life was moved forward, in milliseconds. */
  | { is: 'passed'; by: number }
  /** From here on another instance is asked. */
  | { is: 'swapped' }
  /** From here on the link swallows everything. */
  | { is: 'silenced' }
  /** Everything passes again. */
  | { is: 'healed'; swallowed: Swallowed }
  /** After a silence this end of the client's connection holds it still, and the other has given it up. */
  | { is: 'half-open'; near: Path; at: 'client' | 'server' }
  /** The lab's balancer stands in front, on this port; what comes to it from `near` goes on from `far`. */
  | { is: 'balanced'; port: number; near?: Path; far?: Path }
  | { is: 'wiped'; facts: Facts; store?: string }
  /** Something that no packet shows: the store that instances share is lost, or back. */
  | { is: 'note'; text: string }
  /** The file was full, and what followed was not written down. */
  | { is: 'gap' }
  | { is: 'step'; step: number; name: string; aside: boolean }
  | { is: 'answer'; step: number; answer: string; failed: boolean }
  | { is: 'arm'; arm: 'control' | 'severed'; cut?: string; at?: string }
);

/** What went into the void, by who said it. A dial is a SYN, an end a FIN or a reset; `bytes` are those of datagrams and connections. */
export type Swallowed = Record<'client' | 'server', { datagrams: number; dials: number; ends: number; bytes: number }>;

/** What a chunk on a data connection is called, where messages have kinds. */
export const DATA = 'DATA';

/** A trace file grows no longer than this, in bytes. */
const MOST = 64 << 20;

/** Ends whatever stands unfinished before it. No trace ends so. */
const TORN = '~\n';

/** What one end can notice of a connection, beside its bytes. */
export type LinkEvent =
  | 'connected'
  | 'accepted'
  | 'refused'
  /** Dialled, and nothing came back: neither a connection nor a refusal. */
  | 'swallowed'
  | 'fin sent'
  | 'fin read'
  | 'reset sent'
  | 'reset read'
  | 'broken pipe'
  | 'sealed';

/** Takes traces. Writing is done when the call returns: a SIGKILL right after it loses nothing. */
export type Sink = (trace: Trace) => void;

/** A sink into a file that outlives the process. */
export interface FileSink {
  sink: Sink;
  /** Keeps a trace for the next write, for whoever lets nothing out before it has called `flush`. */
  hold: Sink;
  flush(): void;
  close(): void;
}

/**
 * Every write is one synchronous call on a descriptor opened for appending, so a SIGKILL right after it loses nothing; what a
 * kill in the middle of a write leaves is a line without an end, or one that the next life has marked; readers pass over both.
 */
export function fileSink(path: string, most = MOST): FileSink {
  const fd = openSync(path, 'a', 0o600);
  // Another life may have been killed in the middle of a line: this ends it, and marks it as not whole.
  let held = TORN;
  let latest = 0;
  let written = 0;
  let full = false;
  const write = (lines: string) => {
    held = '';
    if (lines === '' || full) return;
    written += writeSync(fd, lines);
    if (written < most) return;
    // Whoever reads the file does not keep up. A server must not fill a disk for the sake of its log.
    full = true;
    writeSync(fd, line({ t: latest, who: 'tap', is: 'gap' }));
  };
  return {
    sink(trace) {
      latest = trace.t;
      write(held + line(trace));
    },
    hold(trace) {
      latest = trace.t;
      held += line(trace);
    },
    flush: () => write(held),
    close() {
      write(held);
      closeSync(fd);
    },
  };
}

/**
 * A trace as a line of a file: JSON, but for bytes, which pass by in their thousands: `t who over way local remote base64 [length]`, since
 * writing down each datagram as JSON takes half as long again.
 */
function line(trace: Trace): string {
  if (trace.is !== 'bytes') return `${JSON.stringify(trace)}\n`;
  const { t, who, over, way, local, remote, base64, length } = trace;
  const cut = length === undefined ? '' : ` ${length}`;
  return `${t} ${who} ${over} ${way} ${local} ${remote} ${base64}${cut}\n`;
}

/** The whole lines of a trace file. What a kill cut short has no line end, and is passed over. */
export function readTraces(text: string): Trace[] {
  const end = text.lastIndexOf('\n');
  if (end === -1) return [];
  return text
    .slice(0, end)
    .split('\n')
    .filter((each) => !each.endsWith(TORN.trimEnd()))
    .map((each): Trace => {
      if (each.startsWith('{')) return JSON.parse(each) as Trace;
      const [t, who = '', over, way, local = '', remote = '', base64 = '', length] = each.split(' ');
      return {
        t: Number(t),
        who,
        is: 'bytes',
        over: over === 'udp' ? 'udp' : 'tcp',
        way: way === 'read' ? 'read' : 'sent',
        local,
        remote,
        base64,
        ...(length === undefined ? {} : { length: Number(length) }),
      };
    });
}

/** The clock of a run: nanoseconds since `origin`, which is a reading of `process.hrtime.bigint()`. */
export function clockSince(origin: bigint): () => number {
  return () => Number(process.hrtime.bigint() - origin);
}

/** How facts differ, subject by subject. */
export function changesBetween(before: Facts, after: Facts): Change[] {
  const changes: Change[] = [];
  for (const [subject, was] of Object.entries(before)) {
    const is = Object.hasOwn(after, subject) ? after[subject] : undefined;
    if (is === undefined) changes.push({ subject, before: was });
    else if (is !== was) changes.push({ subject, before: was, after: is });
  }
  for (const [subject, is] of Object.entries(after))
    if (!Object.hasOwn(before, subject)) changes.push({ subject, after: is });
  return changes;
}

// Traces made into records: what happened, in order, with every byte named. Everything that a person sees is made from these.

import { addressOf } from '../bounds/paths.ts';
import type { AnyCard } from '../protocols/index.ts';
import { type Facts, overOf, type Path } from '../protocols/shapes.ts';
import { type Field, Reader, WireError } from '../wire/fields.ts';
import { quoted } from '../wire/printable.ts';
import type { Lean, Over, Seen, Side } from '../wire/wire.ts';
import { type Change, DATA, type LinkEvent, type Swallowed, type Trace } from './trace.ts';

/** What one holder's memory became when a message was handled. */
export interface MemoryChange {
  holder: string;
  changes: Change[];
}

/** `t_ns`: nanoseconds since the run began. `row`: the number that the log shows; steps, answers and arms have none. */
export type Entry = { t_ns: number; arm: number } & (
  | { is: 'arm'; name: 'control' | 'severed'; cut?: string; at?: string }
  | { is: 'step'; step: number; name: string; aside: boolean }
  | { is: 'answer'; step: number; answer: string; failed: boolean }
  | ({ row: number } & Row)
);

export type Row = PacketRow | LinkRow | LifeRow | CutRow | HealedRow | MemoryRow | DiedRow | GapRow | NoteRow;

/** One message (TCP), or one datagram (UDP). */
export interface PacketRow {
  is: 'packet';
  /** `client`, or a name that it gave itself, `client@2` after it came back from another address, a life, or `nobody`. */
  from: string;
  to: string;
  side: Side;
  over: Over;
  protocol: string;
  kind: string;
  says: string;
  /** For a chunk on a data connection: the row of the message that had one end wait for that connection, and where it waited. */
  opened?: number;
  waits?: Waits;
  /** Two hexadecimal digits a byte, `**` for a byte of a secret. */
  hex: string;
  length: number;
  /** Written down when it was about to leave, and then the process was killed: nobody ever saw it. */
  unsent?: true;
  /** Said while the link swallowed everything. If it was read all the same, it came late. */
  swallowed?: true;
  /** Whether the other end's process has read it; undefined where that end is not tapped. */
  read?: boolean;
  fields: Field[];
  leans: Lean[];
  /** Set when the bytes are no message of this protocol, at the offset of the byte that proves it. */
  malformed?: { why: string; at: number; cite?: string };
  memory: MemoryChange[];
}

/** A connection begins, is refused, or ends. */
export interface LinkRow {
  is: 'link';
  /** `half-open`: the end it comes from holds a connection that the other has given up. */
  what: LinkEvent | 'half-open';
  /** Said while the link swallowed everything. */
  swallowed?: true;
  /** The machine of an end that has given the connection up answers for it. */
  unknown?: true;
  from: string;
  to: string;
  /** Which end did it. */
  side: Side;
  over: Over;
  /** The process that it comes from is dead: its kernel did this. */
  dead?: true;
  /** For a data connection: the row of the message that had one end wait for it, and where it waited. */
  opened?: number;
  waits?: Waits;
}

/** The end of a data connection that listened for it, and on which port. */
export interface Waits {
  by: Side;
  port: number;
}

export interface LifeRow {
  is: 'life';
  life: string;
  /** Not known of a process that nobody here has started. */
  pid?: number;
  port: number;
  /** What it remembered when it began to listen. */
  facts: Facts;
  notes: string[];
  /** It is not ours, and nobody can look into its memory: what it remembers is unknown, not nothing. */
  unseen?: true;
}

export interface CutRow {
  is: 'cut';
  cut: 'kill' | 'forget' | 'path' | 'store' | 'swap' | 'silence' | 'expire';
  /** Whose memory it took: a life, `client` for the path, `link` for a silence, `disk` or `redis` for the store. */
  who: string;
  pid?: number;
  /** The protocol event that a kill was bound to. */
  on?: string;
  /** What that life knew at this moment, or the disk held. */
  facts: Facts;
  /** A forget that did not take: what it still knew. */
  left?: Facts;
  /** How much time passed, in milliseconds. */
  by?: number;
  /** Nobody can look into that life: what it knew is unknown, not nothing. */
  unseen?: true;
}

/** The link passes everything again, and what it has not. */
export interface HealedRow {
  is: 'healed';
  /** Who the link leads to. */
  life: string;
  swallowed: Swallowed;
}

/** Memory that changed without a message: a connection ended, say. */
export interface MemoryRow {
  is: 'memory';
  holder: string;
  changes: Change[];
}

/** More passed than could be written down: what follows is not all that happened. */
export interface GapRow {
  is: 'gap';
}

/** What a life has to say that no packet shows. */
export interface NoteRow {
  is: 'note';
  life: string;
  text: string;
}

/** A life that ended by itself. */
export interface DiedRow {
  is: 'died';
  life: string;
  signal: string | null;
  code: number | null;
}

export type Numbered = Entry & { row: number };

interface Stream {
  /** Bytes of a message not whole yet, per end. */
  begun: { sent: Buffer; read: Buffer };
  /** Messages framed so far, per end. */
  count: { sent: number; read: number };
  /** By number, the last {@link WINDOW} of them. */
  packets: Map<number, PacketRow & { row: number }>;
  /** Why no more messages can be framed, per end: each comes to that point in its own time. */
  lost: { sent?: WireError; read?: WireError };
  /** Bytes since then, per end. */
  lumped: { sent: number; read: number };
  /** Why no more messages can be read, though they can be framed. */
  unreadable?: WireError;
  /** The one that the server read last. */
  latest?: PacketRow & { row: number };
}

interface Conversation {
  client: Path;
  /** Set for a data connection. */
  data?: Awaited;
  up: Stream;
  down: Stream;
  seen: Seen;
  /** What each end needs to know to tell where messages end: the two see them at different times. */
  framed: { client: Seen; server: Seen };
  /** Ends and beginnings that have a row. */
  links: Set<string>;
  /** One end has given it up, and the other was never told. */
  halfOpen?: true;
}

/** A connection that a message has announced: who waits for it, and which row said so. */
interface Awaited {
  opened: number;
  waits: Waits;
  /** The client's path on the connection that announced it. */
  client: Path;
}

export interface RecorderOptions {
  card: AnyCard;
  /** Shows secrets as they are. */
  showSecrets?: boolean;
  /** Number of the first row, and of this arm. */
  firstRow?: number;
  arm?: number;
}

/** The two ends of one event of a connection are one row. */
const PAIRS: Partial<Record<LinkEvent, LinkEvent>> = {
  accepted: 'connected',
  'fin read': 'fin sent',
  'reset read': 'reset sent',
};

/**
 * Turns traces, given in order of time, into entries. Entries already handed out are still completed: a packet learns that
 * it was read, and what it changed, after it was sent.
 */
export class Recorder {
  readonly entries: Entry[] = [];
  private readonly options: RecorderOptions;
  private nextRow: number;
  private readonly conversations = new Map<string, Conversation>();
  /** Names for paths, in order of appearance. */
  private readonly names = new Map<Path, string>();
  /** How many paths have each name. */
  private readonly namesGiven = new Map<string, number>();
  /** Packets kept in all streams, oldest first; those before `letGo` are no longer. */
  private readonly kept: { stream: Stream; nth: number; bytes: number }[] = [];
  private keptBytes = 0;
  private letGo = 0;
  /** What the server wrote last, in one piece. */
  private leaving: PacketRow[] = [];
  /** Secrets that have passed by, to know them again in bytes that are no message. */
  private readonly secrets = new Set<string>();
  /** `retired`: it lives, and the balancer leads nobody to it any more. */
  private life:
    | { who: string; facts: Facts; alive: boolean; retired?: true; unseen?: true; untapped?: true }
    | undefined;
  private serverPort = 0;
  /** The port of the balancer in front, where there is one, and whose words come from its ports: back end's view → client. */
  private front: number | undefined;
  private readonly through = new Map<Path, Path>();
  /** The link swallows everything. */
  private silent = false;
  /** Data connections that were announced, by who waits and on which port; the last {@link CONVERSATIONS} of them. */
  private readonly awaited = new Map<string, Awaited>();
  /** How often entries were handed over. */
  private takes = 0;
  /** The packet that the client handled last: its memory changes belong to that. */
  private lastOfClient: PacketRow | undefined;

  constructor(options: RecorderOptions) {
    this.options = options;
    this.nextRow = options.firstRow ?? 1;
  }

  /** Hands over the entries so far and lets go of them. Until the next time but one they are still completed. */
  take(): Entry[] {
    this.takes++;
    return this.entries.splice(0);
  }

  push(trace: Trace): void {
    const t_ns = trace.t;
    const arm = this.options.arm ?? 1;
    const row = (what: Row): void => {
      const unseen = what.is === 'cut' && this.life?.unseen ? { unseen: true as const } : {};
      this.entries.push({ t_ns, arm, row: this.nextRow++, ...what, ...unseen });
    };
    switch (trace.is) {
      case 'arm':
        this.entries.push({
          t_ns,
          arm,
          is: 'arm',
          name: trace.arm,
          ...(trace.cut ? { cut: trace.cut } : {}),
          ...(trace.at ? { at: trace.at } : {}),
        });
        return;
      case 'step':
        // What the client comes to remember now is not the doing of a message from before.
        this.lastOfClient = undefined;
        this.entries.push({ t_ns, arm, is: 'step', step: trace.step, name: trace.name, aside: trace.aside });
        return;
      case 'answer':
        this.entries.push({
          t_ns,
          arm,
          is: 'answer',
          step: trace.step,
          answer: this.named(trace.answer),
          failed: trace.failed,
        });
        return;
      case 'born':
        this.serverPort = Number(trace.path.slice(trace.path.lastIndexOf(':') + 1));
        this.life = {
          who: trace.who,
          facts: this.namedFacts(trace.facts),
          alive: true,
          ...(trace.unseen ? { unseen: true } : {}),
          ...(trace.untapped ? { untapped: true } : {}),
        };
        // A new process starts to count its connections anew.
        this.conversations.clear();
        this.awaited.clear();
        return row({
          is: 'life',
          life: trace.who,
          ...(trace.pid === undefined ? {} : { pid: trace.pid }),
          port: this.serverPort,
          facts: { ...this.life.facts },
          notes: trace.notes,
          ...(trace.unseen ? { unseen: true } : {}),
        });
      case 'kill':
        this.killed();
        if (trace.on?.startsWith('send ')) for (const packet of this.leaving) packet.unsent = true;
        return row({
          is: 'cut',
          cut: 'kill',
          who: trace.who,
          pid: trace.pid,
          facts: { ...this.life?.facts },
          ...(trace.on ? { on: trace.on } : {}),
        });
      case 'died':
        // A life that was killed has its row already; one that is not asked any more is no part of the story.
        if (this.life?.alive === false || trace.who !== this.life?.who) return;
        this.killed();
        return row({ is: 'died', life: trace.who, signal: trace.signal, code: trace.code });
      case 'forgot': {
        const left = this.namedFacts(trace.left);
        if (this.life) this.life.facts = { ...left };
        return row({
          is: 'cut',
          cut: 'forget',
          who: trace.who,
          facts: this.namedFacts(trace.facts),
          ...(Object.keys(left).length > 0 ? { left } : {}),
        });
      }
      case 'named':
        this.call(trace.path, trace.name);
        return;
      case 'moved':
        return row({ is: 'cut', cut: 'path', who: 'client', facts: { ...this.life?.facts } });
      case 'passed':
        // What time takes is not the doing of a message from before.
        this.lastOfClient = undefined;
        return row({ is: 'cut', cut: 'expire', who: trace.who, facts: { ...this.life?.facts }, by: trace.by });
      case 'swapped':
        if (this.life) this.life.retired = true;
        return row({ is: 'cut', cut: 'swap', who: this.life?.who ?? '', facts: { ...this.life?.facts } });
      case 'silenced':
        this.silent = true;
        return row({ is: 'cut', cut: 'silence', who: 'link', facts: { ...this.life?.facts } });
      case 'healed':
        this.silent = false;
        return row({ is: 'healed', life: this.life?.who ?? '', swallowed: trace.swallowed });
      case 'half-open': {
        const conversation = this.conversations.get(keyOf('tcp', trace.near));
        if (conversation) {
          conversation.halfOpen = true;
          // Whoever gave it up with a reset will say so again, by its machine.
          conversation.links.delete(`reset sent by ${trace.at === 'server' ? 'client' : 'server'}`);
        }
        const [client, server] = [this.name(trace.near), this.life?.who ?? 'nobody'];
        const [from, to] = trace.at === 'server' ? [server, client] : [client, server];
        return row({ is: 'link', what: 'half-open', from, to, side: trace.at, over: 'tcp' });
      }
      case 'balanced':
        this.front = trace.port;
        makeRoom(this.through);
        if (trace.near && trace.far) this.through.set(trace.far, trace.near);
        return;
      case 'learned':
        // It was the cause of what follows, and has no bytes.
        return;
      case 'wiped':
        return row({ is: 'cut', cut: 'store', who: trace.store ?? 'disk', facts: this.namedFacts(trace.facts) });
      case 'note':
        return this.isPast(trace) ? undefined : row({ is: 'note', life: trace.who, text: trace.text });
      case 'gap':
        return row({ is: 'gap' });
      case 'memory':
        return this.remembered(trace, row);
      case 'link':
        return this.linked(trace, row);
      case 'bytes':
        return this.passed(trace, row);
    }
  }

  private killed(): void {
    if (this.life) this.life.alive = false;
  }

  /** A path by its name; paths in texts are ports of the moment, and no two runs have the same. */
  private name(path: Path): string {
    return this.names.get(path) ?? this.call(path, 'client');
  }

  /** Gives a path the next name of somebody: `client`, then `client@2`. */
  private call(path: Path, who: string): string {
    const count = (this.namesGiven.get(who) ?? 0) + 1;
    makeRoom(this.namesGiven);
    this.namesGiven.set(who, count);
    const name = count === 1 ? who : `${who}@${count}`;
    makeRoom(this.names);
    this.names.set(path, name);
    return name;
  }

  private named(text: string): string {
    return text.replace(PATH, (path) => this.names.get(this.through.get(path) ?? path) ?? path);
  }

  private namedFacts(facts: Facts): Facts {
    return Object.fromEntries(
      Object.entries(facts).map(([subject, known]) => [this.named(subject), this.named(known)]),
    );
  }

  private remembered(trace: Trace & { is: 'memory' }, row: (what: Row) => void): void {
    if (this.isPast(trace)) return;
    const changes = trace.changes.map((change) => ({
      subject: this.named(change.subject),
      ...(change.before === undefined ? {} : { before: this.named(change.before) }),
      ...(change.after === undefined ? {} : { after: this.named(change.after) }),
    }));
    if (trace.who === 'client') {
      if (this.lastOfClient) this.lastOfClient.memory.push({ holder: 'client', changes });
      else row({ is: 'memory', holder: 'client', changes });
      return;
    }
    if (this.life)
      for (const { subject, after } of changes) {
        if (after === undefined) delete this.life.facts[subject];
        else this.life.facts[subject] = after;
      }
    const { because } = trace;
    const packet = because && this.cause(because);
    if (packet && this.isOpen(packet, because)) packet.memory.push({ holder: trace.who, changes });
    else row({ is: 'memory', holder: trace.who, changes });
  }

  /** What a life that is not asked any more makes of its end of things is no part of the story. */
  private isPast(trace: Trace): boolean {
    if (trace.who === 'client' || !this.life) return false;
    return this.life.retired === true || trace.who !== this.life.who;
  }

  /**
   * Whether a change may still be told with the packet: what a deed brought about only while nothing else has happened since, or it
   * would seem to have been there all the time; and nothing with a row that has been shown.
   */
  private isOpen(packet: PacketRow & { row?: number }, { later }: { later?: true } = {}): boolean {
    if (later && packet.row !== this.nextRow - 1) return false;
    return this.takes - (takenAt.get(packet) ?? 0) <= 1;
  }

  /**
   * The packet that a change of memory is put down to. Of datagrams some may not have been let through to the rules, so it is the
   * one read last; of a stream's messages many may be read in one go, and all are heard.
   */
  private cause({ path, nth }: { path: Path; nth: number }): PacketRow | undefined {
    const over = overOf(path, this.options.card.transport);
    const own = path.replace(/\/tcp$/, '');
    const conversation = this.conversations.get(keyOf(over, this.through.get(own) ?? own));
    if (over === 'udp') return conversation?.up.latest;
    return conversation?.up.packets.get(nth - 1) ?? conversation?.up.latest;
  }

  private conversation(key: string, client: Path, data?: Awaited): Conversation {
    let conversation = this.conversations.get(key);
    if (!conversation) {
      const stream = (): Stream => ({
        begun: { sent: NO_BYTES, read: NO_BYTES },
        count: { sent: 0, read: 0 },
        packets: new Map(),
        lost: {},
        lumped: { sent: 0, read: 0 },
      });
      conversation = {
        client,
        up: stream(),
        down: stream(),
        seen: new Map(),
        framed: { client: new Map(), server: new Map() },
        links: new Set(),
        ...(data ? { data } : {}),
      };
      makeRoom(this.conversations);
    } else this.conversations.delete(key);
    // In order of use: the one that was silent longest is the first to be let go of.
    this.conversations.set(key, conversation);
    return conversation;
  }

  /**
   * Which conversation a trace belongs to: the client's path, the key it is filed under, and what announced it if it is a data
   * connection. Undefined for what is none of this protocol's: the process of either end may have other sockets.
   */
  private belongs(trace: Trace & { local: Path; remote: Path; over: Over }) {
    const byClient = trace.who === 'client';
    const far = byClient ? trace.local : trace.remote;
    const client = byClient ? far : (this.through.get(far) ?? far);
    const server = byClient ? trace.remote : trace.local;
    const at = addressOf(server).port;
    // Whose first row has no life before it is told by a trace that begins in the middle.
    if (this.serverPort === 0 || at === this.serverPort || at === this.front)
      return { byClient, client, key: keyOf(trace.over, client) };
    if (trace.over === 'udp') return undefined;
    const key = `data ${client} ${at}`;
    const known = this.conversations.get(key)?.data;
    if (known) return { byClient, client, key, data: known };
    // Whoever is dialled is known by the port it waits at, and whoever dials comes from any.
    const dialledByServer = trace.is === 'link' && trace.what === 'connected' && !byClient;
    const { address, port } = addressOf(client);
    for (const waits of dialledByServer ? [`client ${port}`] : [`server ${at}`, `client ${port}`]) {
      const data = this.awaited.get(waits);
      // Somebody else may find the port: it is not the connection that was announced.
      if (data && address === addressOf(data.client).address) return { byClient, client, key, data, waits };
    }
    return undefined;
  }

  private linked(trace: Trace & { is: 'link' }, row: (what: Row) => void): void {
    const found = this.isPast(trace) ? undefined : this.belongs(trace);
    if (!found) return;
    const { byClient, client, key, data, waits } = found;
    // An announcement is for one connection.
    if (waits !== undefined) this.awaited.delete(waits);
    const what = PAIRS[trace.what] ?? trace.what;
    const fromClient = byClient === (what === trace.what);
    if (client) {
      // A port may be used again: whoever connects from where another connection has ended is somebody new.
      const before = this.conversations.get(key);
      if (what === 'connected' && before && [...before.links].some((each) => /^(fin|reset)/.test(each)))
        this.conversations.delete(key);
      const { links } = this.conversation(key, client, data);
      const event = `${what} by ${fromClient ? 'client' : 'server'}`;
      // The other end's view of what has its row already.
      if (links.has(event)) return;
      // A data connection ends with its data: the other end's FIN says nothing, and races with what is said on the first
      // connection; so does what the kernel says for a process that is dead.
      const ended = data && what === 'fin sent' && (links.has(`${what} by client`) || links.has(`${what} by server`));
      links.add(event);
      if (ended || (data && what !== 'connected' && !this.life?.alive)) {
        if (ended) this.conversations.delete(key);
        return;
      }
      if (what === 'reset sent' && data) this.conversations.delete(key);
    }
    const name = this.clientName(client, data);
    const unknown = what === 'reset sent' && this.conversations.get(key)?.halfOpen === true;
    const common = {
      ...({ is: 'link', what, over: trace.over } as const),
      ...announced(data),
      ...(this.silent ? { swallowed: true as const } : {}),
      ...(unknown ? { unknown: true as const } : {}),
    };
    if (fromClient) row({ ...common, from: name, to: this.serverName(data), side: 'client' });
    else
      row({
        ...common,
        from: this.life?.retired ? 'balancer' : dataEnd(this.life?.who ?? 'nobody', data),
        to: name,
        side: 'server',
        ...(this.life?.alive ? {} : { dead: true }),
      });
  }

  /** The client's end, by name. That of a data connection is called by the connection that announced it. */
  private clientName(client: Path, data: Awaited | undefined): string {
    if (data) return dataEnd(this.name(data.client), data);
    return client ? this.name(client) : 'client';
  }

  /** Who stands at the server's end: when the process is dead, what still arrives was its kernel's doing. */
  private serverName(data?: Awaited): string {
    if (this.life?.retired) return 'balancer';
    return this.life?.alive ? dataEnd(this.life.who, data) : 'nobody';
  }

  private passed(trace: Trace & { is: 'bytes' }, row: (what: Row) => void): void {
    const found = this.isPast(trace) ? undefined : this.belongs(trace);
    if (!found) return;
    const { byClient, client, key, data } = found;
    const { over } = trace;
    const up = byClient === (trace.way === 'sent');
    const conversation = this.conversation(key, client, data);
    const stream = up ? conversation.up : conversation.down;
    const side: Side = up ? 'client' : 'server';
    const name = this.clientName(client, data);
    const ends = up
      ? { from: name, to: this.serverName(data) }
      : { from: dataEnd(byClient ? (this.life?.who ?? 'nobody') : trace.who, data), to: name };
    const chunk = Buffer.from(trace.base64, 'base64');
    if (!byClient && trace.way === 'sent') this.leaving = [];

    const add = (explained: Explained): PacketRow & { row: number } => {
      const packet: PacketRow = {
        is: 'packet',
        ...ends,
        side,
        over,
        protocol: this.options.card.name,
        ...explained,
        memory: [],
      };
      if (this.silent && trace.way === 'sent') packet.swallowed = true;
      if (trace.way === 'read') packet.read = true;
      else if (byClient && !explained.malformed && !(this.life?.untapped && this.life.alive)) packet.read = false;
      row(packet);
      // The entry is what is handed out, so the entry is what must be completed later.
      const entry = this.entries.at(-1) as PacketRow & { row: number };
      takenAt.set(entry, this.takes);
      if (byClient && !data) this.lastOfClient = entry;
      else if (!byClient && trace.way === 'sent') this.leaving.push(entry);
      return entry;
    };

    if (data) {
      const { fresh, length } = unseen(stream, trace.way, chunk, trace.length);
      if (length > 0) {
        const entry = add({
          ...this.veiled(fresh, [dataField(fresh, length)]),
          length,
          kind: DATA,
          says: length > 24 ? `${quoted(fresh.subarray(0, 24))} …` : quoted(fresh),
          leans: [],
          ...announced(data),
        });
        // Filed under where the chunk ends: the other end may cut the stream elsewhere.
        stream.packets.set(Math.max(stream.lumped.sent, stream.lumped.read), entry);
        this.keepWithin(stream, Math.max(stream.lumped.sent, stream.lumped.read), fresh.length);
      }
      for (const [end, packet] of stream.packets) {
        if (byClient) this.lastOfClient = packet;
        if (end > stream.lumped.read) break;
        packet.read = true;
        stream.packets.delete(end);
      }
      return;
    }

    const { messages, lump } = this.framed(
      stream,
      side,
      over,
      trace.way,
      chunk,
      byClient ? conversation.framed.client : conversation.framed.server,
    );
    for (const { bytes: message, wrong } of messages) {
      const nth = stream.count[trace.way]++;
      const known = over === 'udp' ? unread(stream, message, trace.way) : stream.packets.get(nth);
      if (known) {
        if (trace.way === 'read') known.read = true;
        if (byClient) this.lastOfClient = known;
        if (up && trace.way === 'read') stream.latest = known;
        continue;
      }
      const { awaits, sealed, ...explained } = this.explain(message, side, over, conversation, stream, wrong);
      const entry = add(explained);
      raw.set(entry, message);
      if (up && trace.way === 'read') stream.latest = entry;
      if (awaits !== undefined) {
        makeRoom(this.awaited);
        this.awaited.set(`${side} ${awaits}`, { opened: entry.row, waits: { by: side, port: awaits }, client });
      }
      if (sealed) row({ is: 'link', what: 'sealed', ...ends, side, over });
      stream.packets.set(nth, entry);
      stream.packets.delete(nth - WINDOW);
      this.keepWithin(stream, nth, message.length);
    }
    const { fresh } = unseen(stream, trace.way, lump);
    if (fresh.length > 0) {
      const shown = this.explain(fresh.subarray(0, LUMP), side, over, conversation, stream, stream.lost[trace.way]);
      const rest = shown.fields.at(-1);
      if (rest) rest.end += fresh.length - shown.length;
      add({ ...shown, length: fresh.length });
    }
  }

  /** Lets go of the oldest packets when all that are kept have too many bytes: a flood of large ones would fill the memory. */
  private keepWithin(stream: Stream, nth: number, bytes: number): void {
    this.kept.push({ stream, nth, bytes });
    this.keptBytes += bytes;
    while (this.keptBytes > KEPT_BYTES || this.kept.length - this.letGo > KEPT_PACKETS) {
      const oldest = this.kept[this.letGo++];
      if (!oldest) break;
      oldest.stream.packets.delete(oldest.nth);
      this.keptBytes -= oldest.bytes;
    }
    if (this.letGo > WINDOW) {
      this.kept.splice(0, this.letGo);
      this.letGo = 0;
    }
  }

  /** The whole messages among what one end has let through. Once a stream is wrong, the rest of it is one lump per chunk. */
  private framed(
    stream: Stream,
    side: Side,
    over: Over,
    way: 'sent' | 'read',
    chunk: Buffer,
    seen: Seen,
  ): { messages: Framed[]; lump: Buffer } {
    const { wire } = this.options.card;
    if (over === 'udp') return { messages: [{ bytes: chunk }], lump: NO_BYTES };
    if (stream.lost[way]) return { messages: [], lump: chunk };
    const bytes = Buffer.concat([stream.begun[way], chunk]);
    const messages: Framed[] = [];
    let start = 0;
    while (start < bytes.length) {
      try {
        const length = wire.frame(bytes, start, side, seen);
        if (length === undefined || start + length > bytes.length) break;
        messages.push({ bytes: bytes.subarray(start, start + length) });
        start += length;
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        const end = wire.mend?.(bytes, start);
        if (end === undefined && wire.mend && bytes.length - start <= MENDED) break;
        if (end === undefined) {
          // Of a protocol that goes on after such bytes nobody knows what is said in them.
          stream.lost[way] = wire.mend ? new WireError('this never comes to an end', 0, error.cite, true) : error;
          stream.begun[way] = NO_BYTES;
          return { messages, lump: bytes.subarray(start) };
        }
        messages.push({ bytes: bytes.subarray(start, end), wrong: error });
        start = end;
      }
    }
    stream.begun[way] = bytes.subarray(start);
    return { messages, lump: NO_BYTES };
  }

  /** `wrong`: already known to be no message. */
  private explain(
    bytes: Buffer,
    side: Side,
    over: Over,
    { client, seen }: Conversation,
    stream: Stream,
    wrong = stream.unreadable,
  ): Explained {
    const { wire } = this.options.card;
    const reader = new Reader(bytes, { annotate: true });
    const fields = reader.fields ?? [];
    try {
      if (wrong) throw wrong;
      const message = wire.read(reader, side, over, seen);
      reader.finish();
      const name = this.name(client);
      const leans = wire
        .leans(message, side, seen)
        .map((lean) =>
          lean.key.includes('[path]')
            ? { ...lean, key: lean.key.replace('[path]', `[${name}]`), byPath: true as const }
            : lean,
        );
      const explained = { kind: wire.kind(message), says: wire.says(message), ...this.veiled(bytes, fields), leans };
      const awaits = wire.awaits?.(message, side);
      return {
        ...explained,
        ...(awaits === undefined ? {} : { awaits }),
        ...(wire.seals?.(message) ? { sealed: true as const } : {}),
      };
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      // A stream cannot be read on after an error; the next datagram has nothing to do with this one.
      if (over === 'tcp' && !wire.mend) stream.unreadable = error;
      const { shown, spans } = this.withoutSecrets(bytes, error.secret);
      // What could be read keeps its names; the rest is shown as what it is, bytes.
      if (reader.at < bytes.length) {
        fields.push({
          id: 'rest',
          label: 'Not understood',
          start: reader.at,
          end: bytes.length,
          value: shown.toString('hex', reader.at),
          show: quoted(shown.subarray(reader.at), 64),
        });
      }
      const malformed = { why: error.message, at: error.at, ...(error.cite ? { cite: error.cite } : {}) };
      return { kind: 'MALFORMED', says: quoted(shown, 32), ...this.veiled(bytes, fields, spans), leans: [], malformed };
    }
  }

  /** The bytes as text, without those of secrets. */
  private veiled(bytes: Buffer, fields: Field[], spans: [number, number][] = []) {
    const pairs: string[] = bytes.toString('hex').match(/../g) ?? [];
    if (this.options.showSecrets) return { hex: pairs.join(''), length: bytes.length, fields };
    for (const [start, end] of spans) pairs.fill('**', start, end);
    for (const field of fields) {
      if (!field.secret) continue;
      const length = field.end - field.start;
      if (this.secrets.size < SECRETS && length >= SHORTEST && length <= LONGEST)
        this.secrets.add(bytes.toString('latin1', field.start, field.end));
      pairs.fill('**', field.start, field.end);
      field.value = '***';
      field.show = '***';
    }
    return { hex: pairs.join(''), length: bytes.length, fields };
  }

  /**
   * Bytes that nobody understood, with every secret that this log has met blotted out, and where those were. `all`: there may
   * be one in them that it has not met.
   */
  private withoutSecrets(bytes: Buffer, all: boolean): { shown: Buffer; spans: [number, number][] } {
    const shown = Buffer.from(bytes);
    if (this.options.showSecrets) return { shown, spans: [] };
    const spans: [number, number][] = all ? [[0, bytes.length]] : [];
    if (!all)
      for (const secret of this.secrets) {
        const { length } = secret;
        for (let at = bytes.indexOf(secret, 0, 'latin1'); at !== -1; at = bytes.indexOf(secret, at + length, 'latin1'))
          spans.push([at, at + length]);
      }
    for (const [start, end] of spans) shown.fill('*', start, end);
    return { shown, spans };
  }
}

/** What is told of a packet's bytes. */
type Explained = Pick<
  PacketRow,
  'kind' | 'says' | 'hex' | 'length' | 'fields' | 'leans' | 'malformed' | 'opened' | 'waits'
> & {
  /** The port at which its sender now waits for a data connection. */
  awaits?: number;
  /** TLS begins behind it. */
  sealed?: true;
};

/** One message of a stream, or bytes after which the stream goes on although they are none. */
interface Framed {
  bytes: Buffer;
  wrong?: WireError;
}

/** Conversations are filed under the client's path; two of them may share it, one over UDP and one over TCP. */
function keyOf(over: Over, client: Path): string {
  return `${over} ${client}`;
}

/** What is told of a data connection beside its ends. */
function announced(data: Awaited | undefined): Pick<LinkRow, 'opened' | 'waits'> {
  return data ? { opened: data.opened, waits: data.waits } : {};
}

/** One end of a data connection, by name. */
function dataEnd(name: string, data: Awaited | undefined): string {
  return data ? `${name}:data` : name;
}

/** `length`: of all of the chunk, of which `bytes` is the beginning. */
function dataField(bytes: Buffer, length: number): Field {
  return {
    id: 'data',
    label: 'Data',
    start: 0,
    end: length,
    value: '',
    show: `${quoted(bytes, 64)}${length > bytes.length ? ` of ${length} bytes` : ''}`,
    gloss: 'no header, no name, no length: what these bytes are, only the connection that asked for them knows',
  };
}

/** Whatever may be a path in a text: an IPv4 or IPv6 address, a colon, a port. */
const PATH = /[0-9a-f.:]{0,45}[0-9a-f]:\d{1,5}/g;

const NO_BYTES = Buffer.alloc(0);

/** Secrets that are kept in mind, and how long they are: a shorter one would be found in everything, by chance. */
const SECRETS = 256;
const SHORTEST = 6;
const LONGEST = 1024;
/** How much of what is no message is kept, in bytes, until its end is here. */
const MENDED = 65_536;
/** How much is shown of a chunk that is no message, in bytes: of a stream that nobody understands the beginning says it all. */
const LUMP = 4096;

/** Packets per direction, conversations and names that are kept in mind: a server that runs for days is logged in bounds. */
const WINDOW = 1024;
const CONVERSATIONS = 4096;
/** Bytes of packets that are kept in mind, over all conversations. */
const KEPT_BYTES = 8 << 20;
const KEPT_PACKETS = 65_536;

function makeRoom(map: Map<unknown, unknown>): void {
  const oldest = map.size >= CONVERSATIONS ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}

/** After how many hand-overs a packet was made. */
const takenAt = new WeakMap<PacketRow, number>();

/** The bytes of a packet, to find the other end's view of the same datagram. */
const raw = new WeakMap<PacketRow, Buffer>();

/** Datagrams may be lost, so the first one with these bytes that the other end has not seen yet is the one. */
function unread(stream: Stream, message: Buffer, way: 'sent' | 'read'): (PacketRow & { row: number }) | undefined {
  if (way === 'sent') return undefined;
  // What was swallowed is lost, and what comes is another one that says the same.
  for (const packet of stream.packets.values())
    if (packet.read !== true && !packet.swallowed && raw.get(packet)?.equals(message)) return packet;
  return undefined;
}

/**
 * The part of a lump that the other end has not shown yet, and how long it is: of `length` bytes only the beginning may be here.
 * The two ends cut a stream into chunks as they like.
 */
function unseen(stream: Stream, way: 'sent' | 'read', lump: Buffer, length = lump.length) {
  const { lumped } = stream;
  const shown = Math.max(lumped.sent, lumped.read);
  lumped[way] += length;
  const fresh = Math.max(0, Math.min(length, lumped[way] - shown));
  return { fresh: lump.subarray(Math.min(lump.length, length - fresh)), length: fresh };
}

/** The entries of a whole arm, from its traces. */
export function record(traces: readonly Trace[], options: RecorderOptions): Entry[] {
  const recorder = new Recorder(options);
  for (const trace of introduced(traces)) recorder.push(trace);
  return recorder.entries;
}

/** A client knows its path only when it is connected, which has a row by then: it is named before anything is told of that path. */
function introduced(traces: readonly Trace[]): readonly Trace[] {
  if (!traces.some(({ is }) => is === 'named')) return traces;
  // What goes through a balancer is seen by the server on another path.
  const near = new Map(
    traces.flatMap((trace) => (trace.is === 'balanced' && trace.near && trace.far ? [[trace.far, trace.near]] : [])),
  );
  const ordered: Trace[] = [];
  for (const trace of traces) {
    if (trace.is !== 'named') {
      ordered.push(trace);
      continue;
    }
    let first = ordered.length;
    let begun = false;
    for (let at = ordered.length - 1; at >= 0; at--) {
      const before = ordered[at];
      if (before?.is !== 'link' && before?.is !== 'bytes') continue;
      const client = before.who === 'client' ? before.local : (near.get(before.remote) ?? before.remote);
      if (client !== trace.path) continue;
      const begins = before.is === 'link' && (before.what === 'connected' || before.what === 'accepted');
      // The port was somebody else's before.
      if (begun && !begins) break;
      begun ||= begins;
      first = at;
    }
    ordered.splice(first, 0, trace);
  }
  return ordered;
}

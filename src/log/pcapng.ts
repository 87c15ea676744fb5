// A run for Wireshark: the messages of the records as packets of a pcapng file, with our notes as their comments.
//
// Only the bytes of messages were captured. The headers around them, IPv4 with UDP, TCP or ICMP, are made up here: addresses that
// have names, the port by which Wireshark knows the protocol, sequence numbers and checksums that are right. A comment in the file
// says so. Blocks after draft-ietf-opsawg-pcapng, sections 4.1 to 4.3 and 4.5; the journal's is in section 3.1 of
// draft-richardson-opsawg-pcapng-extras.

import type { Ledger, Note } from '../capture/ledger.ts';
import type { Entry, LinkRow, PacketRow } from '../capture/records.ts';
import { drawn } from '../wire/printable.ts';
import { eventInWords, noteInWords } from './events.ts';
import { icmpUnreachable, type Packet, type Socket, segment, tcp, udp } from './packets.ts';

/** What a file is made of. */
export interface Capture {
  /** What was played: a line for the file's own comment. */
  title: string;
  /** The port that Wireshark knows the protocol by. */
  port: number;
  entries: readonly Entry[];
  /** By arm. */
  ledgers: ReadonlyMap<number, Ledger>;
}

/** Addresses are 10.<arm>.<kind>.<number>: the arms never mix, and nobody takes them for real ones. */
const KIND = { client: 0, life: 1, other: 2 } as const;
/** The first port of a client. The name that the log gives to its second path, `client@2`, comes from the port after this one. */
const FIRST_PORT = 50_000;
/** So many paths have a port of their own; who has seen more begins again. */
const PATHS = 5_000;
/** Ports of connections that were refused, by their row. */
const FIRST_REFUSED = 40_000;
const MOST_REFUSED = 10_000;
/** Longest part of a message in one packet, so that an IPv4 packet's 65,535 bytes hold it with its headers. */
const PART = 60_000;
/** LINKTYPE_IPV4: packets that begin with the IPv4 header. Type 101 may not stand twice in a file that tcpdump reads. */
const IPV4 = 228;

const BLOCK = { section: 0x0a0d0d0a, interface: 1, names: 4, packet: 6, journal: 9 } as const;
const OPTION = { comment: 1, interfaceName: 2, interfaceDescription: 3, resolution: 9 } as const;

/** One TCP connection, or the exchange of datagrams between two ends. */
interface Talk {
  client: Socket;
  server: Socket;
  life: string;
  /** Next sequence number of each end; undefined for datagrams. */
  next?: { client: number; server: number };
  /** The latest datagram of the client, for what ICMP quotes of it. */
  latest?: Packet;
}

/** A whole file. */
export function pcapng({ title, port, entries, ledgers }: Capture): Buffer {
  const file = capturing({ title, port });
  const notesOf = (entry: Entry) => ('row' in entry ? ledgers.get(entry.arm)?.notes.get(entry.row) : undefined);
  return Buffer.concat([file.head, ...entries.map((entry) => file.add(entry, notesOf(entry)))]);
}

/** A file that is written while the run goes on. */
export interface Capturing {
  /** What it begins with. */
  head: Buffer;
  /** What it goes on with; entries come in order. Interfaces and names are told before the first packet that needs them. */
  add(entry: Entry, notes?: readonly Note[]): Buffer;
}

export function capturing({ title, port }: Pick<Capture, 'title' | 'port'>): Capturing {
  const blocks: Buffer[] = [];
  /** Those of the entry that is added. */
  let notes: readonly Note[] = [];
  /** Interface numbers, by arm and life. */
  const interfaces = new Map<string, number>();
  const hosts = new Map<string, { address: string; name: string }>();
  const talks = new Map<string, Talk>();
  const arms = new Map<number, string>();
  /** The life that listens, or listened last, by arm. */
  const lives = new Map<number, string>();

  return {
    head: section(title),
    add(entry, told = []) {
      notes = told;
      add(entry);
      return Buffer.concat(blocks.splice(0));
    },
  };

  function add(entry: Entry): void {
    if (entry.is === 'arm') arms.set(entry.arm, entry.name);
    if (entry.is === 'life') {
      lives.set(entry.arm, entry.life);
      faceOf(entry.arm, entry.life);
    }
    if (entry.is === 'packet' && !entry.unsent) passed(entry);
    else if (entry.is === 'link') linked(entry);
    else told(entry);
  }

  function faceOf(arm: number, life: string): number {
    const key = `${arm} ${life}`;
    const known = interfaces.get(key);
    if (known !== undefined) return known;
    const number = interfaces.size;
    interfaces.set(key, number);
    blocks.push(face(`${life} ${arms.get(arm) ?? 'live'}`, `all that reached ${life}, or was said by it`));
    return number;
  }

  function host(arm: number, who: string): string {
    const [base = who, nth] = who.split('/');
    const key = `${arm} ${who}`;
    const known = hosts.get(key);
    if (known) return known.address;
    const isLife = nth !== undefined || lives.get(arm) === who;
    const kind = who === 'nobody' || who === 'balancer' ? KIND.other : isLife ? KIND.life : KIND.client;
    const number = [...hosts.keys()].filter((each) => each.startsWith(`${arm} `)).length + 1;
    const address = `10.${arm & 255}.${kind}.${number & 255}`;
    const name = [base, nth]
      .filter(Boolean)
      .join('-')
      .replace(/[^\w.-]/g, '_');
    const named = { address, name: `${name}.${arms.get(arm) ?? 'live'}` };
    hosts.set(key, named);
    blocks.push(names([named]));
    return address;
  }

  /** The two ends of a row. A name that is used again on a stream stands for another connection (`fresh`). */
  function talkOf(entry: (PacketRow | LinkRow) & { arm: number }, fresh = false): Talk {
    const fromClient = entry.side === 'client';
    const who = fromClient ? entry.from : entry.to;
    const far = fromClient ? entry.to : entry.from;
    const key = `${entry.arm} ${who} ${entry.over}${entry.opened === undefined ? '' : ` ${entry.opened}`}`;
    const known = talks.get(key);
    if (known && !fresh) return known;
    const [name = who, path = '1'] = who.replace(/:data$/, '').split('@');
    const spoken = far.replace(/:data$/, '');
    const life = spoken === 'nobody' || spoken === 'balancer' ? (lives.get(entry.arm) ?? spoken) : spoken;
    const own = FIRST_PORT + (Number(path) % PATHS);
    const waits = entry.opened === undefined ? undefined : entry.waits;
    const talk: Talk = {
      client: {
        address: host(entry.arm, name),
        port: waits?.by === 'client' ? waits.port : waits ? own + 10_000 - ((entry.opened ?? 0) % 5000) : own,
      },
      server: {
        address: host(entry.arm, life),
        port: waits?.by === 'server' ? waits.port : waits ? port - 1 : port,
      },
      life,
    };
    talks.set(key, talk);
    return talk;
  }

  function begin(entry: (PacketRow | LinkRow) & { arm: number; t_ns: number }, talk: Talk): void {
    const next = { client: 0, server: 0 };
    talk.next = next;
    const dials = entry.waits?.by === 'client' ? 'server' : 'client';
    const answers = dials === 'client' ? 'server' : 'client';
    emit(entry, talk, segment(talk[dials], talk[answers], { seq: next[dials]++, syn: true }));
    emit(entry, talk, segment(talk[answers], talk[dials], { seq: next[answers]++, ack: next[dials], syn: true }));
    emit(entry, talk, segment(talk[dials], talk[answers], { seq: next[dials], ack: next[answers] }));
  }

  function passed(entry: PacketRow & { row: number; arm: number; t_ns: number }): void {
    const talk = talkOf(entry);
    const bytes = Buffer.from(entry.hex.replaceAll('**', '2a'), 'hex');
    const comments = commentsOf(entry);
    const from = entry.side;
    const to = from === 'client' ? 'server' : 'client';
    if (entry.over === 'udp') {
      const packet = udp(talk[from], talk[to], bytes);
      if (from === 'client') talk.latest = packet;
      emit(entry, talk, packet, comments);
      return;
    }
    if (!talk.next) begin(entry, talk);
    const { next } = talk as Required<Pick<Talk, 'next'>>;
    for (let start = 0; start < entry.length || start === 0; start += PART) {
      const length = Math.min(PART, entry.length - start);
      const part = bytes.subarray(start, start + length);
      const numbers = { seq: next[from], ack: next[to], push: true };
      emit(entry, talk, tcp(talk[from], talk[to], numbers, part, length), start === 0 ? comments : []);
      next[from] += length;
    }
  }

  function linked(entry: LinkRow & { row: number; arm: number; t_ns: number }): void {
    const from = entry.side;
    const to = from === 'client' ? 'server' : 'client';
    switch (entry.what) {
      case 'connected':
      case 'accepted': {
        const talk = talkOf(entry, true);
        return begin(entry, talk);
      }
      case 'swallowed':
      case 'refused': {
        const talk = talkOf(entry, entry.over === 'tcp');
        const comments = commentsOf(entry);
        if (entry.over === 'udp') {
          if (talk.latest) emit(entry, talk, icmpUnreachable(talk.server, talk.client, talk.latest), comments);
          return;
        }
        // Every try comes from a port of its own, and the log does not name one that led nowhere.
        const tries = { ...talk[from], port: FIRST_REFUSED + (entry.row % MOST_REFUSED) };
        if (entry.what === 'swallowed')
          return emit(entry, talk, segment(tries, talk[to], { seq: 0, syn: true }), comments);
        emit(entry, talk, segment(tries, talk[to], { seq: 0, syn: true }));
        return emit(entry, talk, segment(talk[to], tries, { seq: 0, ack: 1, reset: true }), comments);
      }
      case 'fin sent':
      case 'fin read':
      case 'reset sent':
      case 'reset read': {
        const talk = talkOf(entry);
        if (!talk.next) begin(entry, talk);
        const { next } = talk as Required<Pick<Talk, 'next'>>;
        const fin = entry.what.startsWith('fin');
        const numbers = { seq: next[from], ack: next[to], fin, reset: !fin };
        if (fin) next[from]++;
        return emit(entry, talk, segment(talk[from], talk[to], numbers), commentsOf(entry));
      }
      default:
        return told(entry);
    }
  }

  /** What has no packet is a line of a journal, between the packets. */
  function told(entry: Entry): void {
    const text = eventInWords(entry);
    if (text === undefined) return;
    const arm = arms.get(entry.arm);
    blocks.push(journal(entry.t_ns, [arm ? `${arm}: ${text}` : text, ...notes.map(noteInWords)].join(' · ')));
  }

  function commentsOf(entry: (PacketRow | LinkRow) & { row: number; arm: number; t_ns: number }): string[] {
    return [`#${entry.row} ${eventInWords(entry as Entry) ?? ''}`.trim(), ...notes.map(noteInWords)];
  }

  function emit(
    { t_ns, arm }: { t_ns: number; arm: number },
    { life }: Talk,
    { bytes, length }: { bytes: Buffer; length: number },
    comments: readonly string[] = [],
  ): void {
    blocks.push(packet(faceOf(arm, life), t_ns, bytes, length, comments));
  }
}

// ------------------------------------------------------------------------------------------------------------------- blocks

/** Section header (4.1). */
function section(title: string): Buffer {
  const fixed = Buffer.alloc(16);
  fixed.writeUInt32LE(0x1a2b3c4d, 0);
  fixed.writeUInt16LE(1, 4);
  fixed.writeBigInt64LE(-1n, 8);
  const said = `${title}. The bytes of messages are as they passed (a secret's are shown as 2a). Everything around them is made up: IPv4, TCP, UDP and ICMP headers, addresses and ports. Times are those since the run began.`;
  return block(BLOCK.section, fixed, [[OPTION.comment, text(said)]]);
}

/** Interface description (4.2). */
function face(name: string, description: string): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16LE(IPV4, 0);
  return block(BLOCK.interface, fixed, [
    [OPTION.interfaceName, text(name)],
    [OPTION.interfaceDescription, text(`${description}; headers are reconstructed`)],
    // Times are in nanoseconds.
    [OPTION.resolution, Buffer.of(9)],
  ]);
}

/** Name resolution (4.5): a record of type 1 for each address, and one of type 0 at the end. */
function names(hosts: readonly { address: string; name: string }[]): Buffer {
  const records = hosts.map(({ address, name }) => {
    const value = Buffer.concat([Buffer.from(address.split('.').map(Number)), Buffer.from(`${name}\0`, 'latin1')]);
    const head = Buffer.alloc(4);
    head.writeUInt16LE(1, 0);
    head.writeUInt16LE(value.length, 2);
    return Buffer.concat([head, padded(value)]);
  });
  return block(BLOCK.names, Buffer.concat([...records, Buffer.alloc(4)]), []);
}

/** Enhanced packet (4.3). `length`: what the packet was long, of which `bytes` may be the beginning. */
function packet(face: number, t_ns: number, bytes: Buffer, length: number, comments: readonly string[]): Buffer {
  const fixed = Buffer.alloc(20);
  const time = BigInt(Math.round(t_ns));
  fixed.writeUInt32LE(face, 0);
  fixed.writeUInt32LE(Number(time >> 32n), 4);
  fixed.writeUInt32LE(Number(time & 0xffffffffn), 8);
  fixed.writeUInt32LE(bytes.length, 12);
  fixed.writeUInt32LE(length, 16);
  return block(
    BLOCK.packet,
    Buffer.concat([fixed, padded(bytes)]),
    comments.map((comment) => [OPTION.comment, text(comment)]),
  );
}

/** A line of a systemd journal (4.8), which Wireshark shows as a row of its own. */
function journal(t_ns: number, message: string): Buffer {
  const fields = [
    `__REALTIME_TIMESTAMP=${Math.floor(t_ns / 1000)}`,
    'SYSLOG_IDENTIFIER=amnesia',
    `MESSAGE=${drawn(message)}`,
  ];
  return block(BLOCK.journal, padded(Buffer.from(`${fields.join('\n')}\n`)), undefined);
}

/** The longest comment: an option's length has 16 bits, and nobody reads more. */
const LONGEST = 4000;

function text(said: string): Buffer {
  return Buffer.from(drawn(said)).subarray(0, LONGEST);
}

function block(
  type: number,
  body: Buffer,
  options: readonly (readonly [code: number, value: Buffer])[] | undefined,
): Buffer {
  const written = (options ?? []).map(([code, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(code, 0);
    head.writeUInt16LE(value.length, 2);
    return Buffer.concat([head, padded(value)]);
  });
  // The end of options stands only where there are any.
  const tail = written.length > 0 ? [Buffer.alloc(4)] : [];
  const inside = Buffer.concat([body, ...written, ...tail]);
  const head = Buffer.alloc(8);
  const length = inside.length + 12;
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  const end = Buffer.alloc(4);
  end.writeUInt32LE(length, 0);
  return Buffer.concat([head, inside, end]);
}

function padded(bytes: Buffer): Buffer {
  return bytes.length % 4 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
}

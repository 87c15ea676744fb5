// What the bytes of a DNS message mean (RFC 1035 §4.1). Query and answer have one format: the answer repeats the question, and
// adds records to it. Over TCP two bytes of length come first (§4.2.2); every offset inside a message is counted after them.
//
//                                     1  1  1  1  1  1
//       0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5
//     +-----------------------------------------------+
//     |                      ID                       |   rolled by who asks, copied by who answers
//     |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
//     |                    QDCOUNT                    |   questions
//     |                    ANCOUNT                    |   records that answer
//     |                    NSCOUNT                    |   records that say who is in charge
//     |                    ARCOUNT                    |   records that may help, and OPT (RFC 6891)
//     +-----------------------------------------------+
//     | question: name, type, class                   |
//     | record: name, type, class, TTL, length, data  |   each answer, authority, additional
//     +-----------------------------------------------+
//
// A name is labels, each after a byte of its length, up to the empty label of the root. From any label on it may go on
// somewhere earlier in the message: two bytes that begin with the bits 11 point there (§4.1.4).

import { byteAt, Reader, type Spec, type Stretch, stretchOf, u16At, WireError } from '../../wire/fields.ts';
import { quoted } from '../../wire/printable.ts';
import { encode, type Lean, type Over, type Wire } from '../../wire/wire.ts';

export interface Message {
  over: Over;
  id: number;
  /** The 16 bits after the ID, see {@link FLAG}. */
  flags: number;
  /** QDCOUNT, ANCOUNT, NSCOUNT and ARCOUNT. */
  questions: number;
  answers: number;
  authority: number;
  additional: number;
  /** Everything after the header as it stands on the wire, in one part or more. */
  body: readonly Stretch[];
  /** The first question. */
  question: Question | undefined;
  edns: Edns | undefined;
  /** Set on a query of which only the header could be read: what is wrong with the rest. */
  wrong: WireError | undefined;
}

/**
 * A question as it stands on the wire: first the name, labels with their lengths, in the case that was asked, up to the empty one;
 * then type and class.
 */
export interface Question extends Stretch {
  type: number;
  class: number;
}

/** What an OPT record says about its sender (RFC 6891 §6.1). */
export interface Edns {
  /** The longest datagram that the sender takes, in bytes. */
  size: number;
  /** The upper eight bits of the RCODE. */
  extended: number;
  version: number;
  /** DO: the sender wants DNSSEC records (RFC 3225). */
  dnssec: boolean;
  /** The data of the first COOKIE option (RFC 7873 §4): 8 bytes of the client's, or 16 to 40 with the server's after them. */
  cookie: Buffer | undefined;
}

/** Bits of {@link Message.flags}. */
export const FLAG = {
  response: 0x8000,
  opcode: 0x7800,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  rcode: 0x000f,
} as const;

/** Response codes (RFC 1035 §4.1.1, RFC 6891 §9, RFC 7873 §8). Those above 15 need the OPT record for their upper bits. */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
  BADCOOKIE: 23,
} as const;

export const CLASS_IN = 1;

/** Record types (RFC 1035 §3.2.2 and those after it). What is not here is written as RFC 3597 has it: `TYPE65`. */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DNAME: 39,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
} as const;

/** Bytes of the header: a message is never shorter. */
export const HEADER = 12;
/** The longest query that a server here listens to, in bytes: in a datagram, and on a stream. */
export const QUERY = { udp: 1232, tcp: 4096 } as const;
/** The longest message, in bytes: its length has 16 bits over TCP. */
export const LONGEST = 65_535;

const PREFIX = 2;
const MOST_NAME = 255;
/** A name has 127 labels at most, so one that needs more pointers than that says nothing. */
const MOST_JUMPS = 127;
const COOKIE = 10;

const TYPE_NAMES = new Map<number, string>([...Object.entries(TYPE).map(([name, number]) => [number, name] as const)]);
const RCODE_NAMES = new Map<number, string>([
  ...Object.entries(RCODE).map(([name, number]) => [number, name] as const),
]);
const OPCODES = ['QUERY', 'IQUERY', 'STATUS', '3', 'NOTIFY', 'UPDATE', 'DSO'];
const CLASSES = ['', 'IN', 'CS', 'CH', 'HS'];
const OPTIONS = new Map([
  [3, 'NSID'],
  [8, 'client subnet'],
  [9, 'EXPIRE'],
  [COOKIE, 'COOKIE'],
  [11, 'TCP keepalive'],
  [12, 'padding'],
  [15, 'extended error'],
]);

/** The name of a type, such as `MX` or `TYPE65`. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}

/** The name of a response code, such as `NXDOMAIN`. */
export function rcodeName(rcode: number): string {
  return RCODE_NAMES.get(rcode) ?? `RCODE${rcode}`;
}

/** The whole response code of a message: its lower four bits are in the header, the others in the OPT record. */
export function rcodeOf({ flags, edns }: Message): number {
  return (flags & FLAG.rcode) | ((edns?.extended ?? 0) << 4);
}

/** A name in wire format as people write it (RFC 1035 §5.1): nothing in it that a terminal would obey. `.` is the root. */
export function nameText({ bytes, start }: Stretch): string {
  return spelled(bytes, start, start) || '.';
}

/** A question as it names a memory: `www.example.test A`. Case makes no difference (RFC 4343), so there is none. */
export function questionText(question: Question): string {
  return asked(question, nameText(question).toLowerCase());
}

function asked({ type, class: among }: Question, name: string): string {
  return `${name}${among === CLASS_IN ? '' : ` ${className(among)}`} ${typeName(type)}`;
}

/** The OPT record of an answer (RFC 6891 §6.1.2), with a COOKIE option or none. */
export function optRecord(size: number, extended: number, dnssec: boolean, cookie: Buffer | undefined): Stretch {
  const opt = Buffer.alloc(cookie ? 15 + cookie.length : 11);
  opt.writeUInt16BE(TYPE.OPT, 1);
  opt.writeUInt16BE(size, 3);
  opt[5] = extended;
  if (dnssec) opt[7] = 0x80;
  if (!cookie) return stretchOf(opt);
  opt.writeUInt16BE(4 + cookie.length, 9);
  opt.writeUInt16BE(COOKIE, 11);
  opt.writeUInt16BE(cookie.length, 13);
  cookie.copy(opt, 15);
  return stretchOf(opt);
}

const LENGTH: Spec<number> = {
  id: 'length',
  label: 'Length',
  gloss: (length) => `${length} bytes follow: on a stream a message must say where it ends`,
};
const ID: Spec<number> = {
  id: 'id',
  label: 'ID',
  chance: true,
  show: (id) => `0x${id.toString(16).padStart(4, '0')}`,
  gloss: () => 'the client’s number for this question, copied into the answer: the only link between the two',
};
const FLAGS: Spec<number> = { id: 'flags', label: 'Flags' };
const bit = (id: string, label: string, set: string, unset: string): Spec<number> => ({
  id,
  label,
  show: (value) => `${value}`,
  gloss: (value) => (value ? set : unset),
});
const QR = bit('qr', 'QR', 'this is a response', 'this is a query');
const OPCODE: Spec<number> = {
  id: 'opcode',
  label: 'Opcode',
  show: (opcode) => `${opcode} ${OPCODES[opcode] ?? '?'}`,
  gloss: (opcode) => (opcode === 0 ? 'an ordinary question' : undefined),
};
const AA = bit('aa', 'AA', 'from a server in charge of this name', 'not from who is in charge of this name');
const TC = bit('tc', 'TC', 'truncated, since it would not fit: ask again over TCP', 'whole, nothing was cut off');
const RD = bit('rd', 'RD', 'please ask others for me if you do not know', 'answer from what you know yourself');
const RA = bit('ra', 'RA', 'I would ask others for you', 'I never ask others for you');
const Z = bit('z', 'Z', 'reserved, and should be 0', 'reserved');
const AD = bit('ad', 'AD', 'checked by signatures', 'not checked by signatures');
const CD = bit('cd', 'CD', 'do not check signatures for me', 'check signatures for me if you do that');
const RCODE_BITS: Spec<number> = {
  id: 'rcode',
  label: 'RCODE',
  show: (rcode) => `${rcode} ${rcodeName(rcode)}`,
  gloss: (rcode) =>
    [
      'no error',
      'I cannot make sense of this query',
      'I have failed, and it is not your fault',
      'this name does not exist, with any type',
      'I do not do this kind of query',
      'I will not answer this',
    ][rcode],
};
const QDCOUNT: Spec<number> = { id: 'qdcount', label: 'QDCOUNT', gloss: (count) => counted(count, 'question') };
const ANCOUNT: Spec<number> = { id: 'ancount', label: 'ANCOUNT', gloss: (count) => counted(count, 'answer') };
const NSCOUNT: Spec<number> = {
  id: 'nscount',
  label: 'NSCOUNT',
  gloss: (count) => `${counted(count, 'record')} on who is in charge`,
};
const ARCOUNT: Spec<number> = {
  id: 'arcount',
  label: 'ARCOUNT',
  gloss: (count) => counted(count, 'additional record'),
};

const NAME: Spec<Buffer> = { id: 'name', label: 'Name' };
const POINTER: Spec<Buffer> = { id: 'pointer', label: 'Pointer' };
const TYPE_FIELD: Spec<number> = {
  id: 'type',
  label: 'Type',
  show: (type) => `${type} ${typeName(type)}`,
  gloss: (type) =>
    ({
      [TYPE.A]: 'an IPv4 address',
      [TYPE.NS]: 'a server in charge of a zone',
      [TYPE.CNAME]: 'this name is another one’s alias',
      [TYPE.SOA]: 'where a zone begins, and how long "no" may be remembered',
      [TYPE.PTR]: 'from an address back to a name',
      [TYPE.HINFO]: 'what kind of host this is',
      [TYPE.MX]: 'a server that takes mail for this name',
      [TYPE.TXT]: 'text',
      [TYPE.AAAA]: 'an IPv6 address',
      [TYPE.SRV]: 'the host and port of a service',
      [TYPE.OPT]: 'no record of any name: what the sender can do (EDNS)',
      [TYPE.AXFR]: 'the whole zone',
      [TYPE.ANY]: 'whatever there is',
      [TYPE.CAA]: 'who may sign certificates for this name',
    })[type],
};
const CLASS: Spec<number> = {
  id: 'class',
  label: 'Class',
  show: (asked) => `${asked} ${className(asked)}`,
  gloss: (asked) => (asked === CLASS_IN ? 'the Internet' : undefined),
};
const TTL: Spec<number> = {
  id: 'ttl',
  label: 'TTL',
  gloss: (ttl) => `whoever hears this may remember it for ${ttl} seconds`,
};
const RDLENGTH: Spec<number> = { id: 'rdlength', label: 'RDLENGTH', gloss: (length) => `${length} bytes of data` };

const IPV4: Spec<Buffer> = { id: 'address', label: 'Address', show: (bytes) => bytes.join('.') };
const IPV6: Spec<Buffer> = { id: 'address', label: 'Address', show: ipv6Text };
const PREFERENCE: Spec<number> = {
  id: 'preference',
  label: 'Preference',
  gloss: () => 'the lowest one is tried first',
};
const PRIORITY: Spec<number> = { id: 'priority', label: 'Priority', gloss: () => 'the lowest one is tried first' };
const WEIGHT: Spec<number> = {
  id: 'weight',
  label: 'Weight',
  gloss: () => 'among equals, how often to choose this one',
};
const PORT: Spec<number> = { id: 'port', label: 'Port' };
const TARGET: Spec<Buffer> = { id: 'target', label: 'Target' };
const MNAME: Spec<Buffer> = { id: 'mname', label: 'MNAME' };
const RNAME: Spec<Buffer> = { id: 'rname', label: 'RNAME' };
const SOA_NUMBERS: readonly Spec<number>[] = [
  { id: 'serial', label: 'Serial', gloss: () => 'the version of the zone' },
  { id: 'refresh', label: 'Refresh', gloss: (seconds) => `copies look for a newer version every ${seconds} seconds` },
  { id: 'retry', label: 'Retry', gloss: (seconds) => `and after ${seconds} seconds when they found nobody` },
  { id: 'expire', label: 'Expire', gloss: (seconds) => `and are worth nothing after ${seconds} seconds of that` },
  { id: 'minimum', label: 'Minimum', gloss: (seconds) => `"no" may be remembered for ${seconds} seconds (RFC 2308)` },
];
const STRING: Spec<Buffer> = {
  id: 'text',
  label: 'Text',
  show: (string) => quoted(string.subarray(1), 64),
  gloss: (string) => `a byte of length, then ${string.length - 1} bytes`,
};
const CAA_FLAGS: Spec<number> = {
  id: 'flags',
  label: 'Flags',
  gloss: (flags) => (flags & 0x80 ? 'critical: who does not know the tag must not sign' : 'not critical'),
};
const TAG: Spec<Buffer> = { id: 'tag', label: 'Tag', show: (string) => quoted(string.subarray(1), 64) };
const VALUE: Spec<Buffer> = { id: 'value', label: 'Value', show: (value) => quoted(value, 64) };
const RDATA: Spec<Buffer> = { id: 'rdata', label: 'RDATA', show: (data) => `\\# ${data.length} ${hexText(data)}` };

const ROOT: Spec<Buffer> = {
  id: 'name',
  label: 'Name',
  show: () => '.',
  gloss: () => 'the root: OPT belongs to no name',
};
const UDP_SIZE: Spec<number> = {
  id: 'size',
  label: 'UDP payload size',
  gloss: (size) => `I can take datagrams of up to ${size} bytes`,
};
const EXTENDED: Spec<number> = {
  id: 'rcode',
  label: 'Extended RCODE',
  gloss: () => 'the upper eight bits of the RCODE: none are set',
};
const VERSION: Spec<number> = { id: 'version', label: 'EDNS version' };
const DO = bit('do', 'DO', 'I want signatures (DNSSEC)', 'I do not want signatures');
const OPT_Z: Spec<number> = { id: 'z', label: 'Z', gloss: () => 'reserved' };
const OPT_Z2: Spec<number> = { id: 'z2', label: 'Z', gloss: () => 'reserved' };
const OPTION_CODE: Spec<number> = {
  id: 'code',
  label: 'Option',
  show: (code) => `${code}${OPTIONS.has(code) ? ` ${OPTIONS.get(code)}` : ''}`,
};
const OPTION_LENGTH: Spec<number> = { id: 'length', label: 'Length' };
const OPTION_DATA: Spec<Buffer> = { id: 'data', label: 'Data', show: hexText };
const CLIENT_COOKIE: Spec<Buffer> = {
  id: 'client',
  label: 'Client cookie',
  chance: true,
  gloss: () => 'rolled by the client: an answer without it comes from somebody who has not seen the question',
};
const COOKIE_VERSION: Spec<number> = { id: 'version', label: 'Cookie version', gloss: () => 'made as RFC 9018 has it' };
const COOKIE_RESERVED: Spec<Buffer> = { id: 'reserved', label: 'Reserved' };
const COOKIE_TIME: Spec<number> = {
  id: 'timestamp',
  label: 'Timestamp',
  gloss: () => 'when the server made it, in seconds since 1970: good for an hour',
};
const COOKIE_HASH: Spec<Buffer> = {
  id: 'hash',
  label: 'Hash',
  chance: true,
  gloss: () => 'of the rest of the cookie and the client’s address, under a key that only the server has',
};
const COOKIE_OTHER: Spec<Buffer> = {
  id: 'server',
  label: 'Server cookie',
  chance: true,
  gloss: () => 'something that only the server who made it can read',
};

export const wire: Wire<Message> = {
  longest: PREFIX + LONGEST,

  // On a stream; a datagram is a message by itself.
  frame(bytes, start) {
    if (start + PREFIX > bytes.length) return undefined;
    const length = u16At(bytes, start);
    if (length < HEADER) throw new WireError(`no message is ${length} bytes long`, 0, 'RFC 1035 §4.2.2');
    return PREFIX + length;
  },

  read(reader, _from, over) {
    const start = reader.at;
    if (over === 'tcp') prefix(reader);
    const walk: Walk = {
      reader,
      start,
      origin: reader.at,
      said: reader.fields ? { answer: [], authority: [] } : undefined,
    };
    const message = header(reader, over);
    for (let nth = 1; nth <= message.questions; nth++) {
      const question = readQuestion(walk, nth);
      message.question ??= question;
    }
    readRecords(walk, 'an', message.answers, message);
    readRecords(walk, 'ns', message.authority, message);
    readRecords(walk, 'ar', message.additional, message);
    reader.finish();
    return message;
  },

  write(writer, { over, id, flags, questions, answers, authority, additional, body }) {
    if (over === 'tcp') {
      let length = HEADER;
      for (const { start, end } of body) length += end - start;
      if (length > LONGEST) throw new Error(`${length} bytes do not fit into a message`);
      writer.u16(length);
    }
    writer.u16(id);
    writer.u16(flags);
    writer.u16(questions);
    writer.u16(answers);
    writer.u16(authority);
    writer.u16(additional);
    for (const { bytes, start, end } of body) writer.raw(bytes, start, end);
  },

  kind(message) {
    return message.flags & FLAG.response ? 'RESPONSE' : 'QUERY';
  },

  says(message) {
    const { flags, question, edns } = message;
    const opcode = (flags & FLAG.opcode) >>> 11;
    const about = question ? ` ${asked(question, nameText(question))}` : '';
    if ((flags & FLAG.response) === 0) {
      const proof = edns?.cookie ? (edns.cookie.length > 8 ? ', server cookie' : ', client cookie') : '';
      return `${opcode === 0 ? '' : `${OPCODES[opcode] ?? opcode}`}${about}${proof}`.trim();
    }
    const truncated = flags & FLAG.truncated ? ', truncated' : '';
    return `${rcodeName(rcodeOf(message))}${truncated}${about}${answerText(message)}`;
  },

  leans(message, from) {
    const { question, edns, flags } = message;
    const pending = question && `pending[${questionText(question)}]`;
    const cookie = edns?.cookie;
    const leans: Lean[] = [];
    if (from === 'client') {
      if (cookie && cookie.length > 8) {
        leans.push({
          field: cookieField(cookie),
          op: 'reads',
          holder: 'server',
          key: 'secret',
          why: 'only the key that made this hash can tell that it is genuine: the server keeps one key, and no list of clients',
          cite: 'RFC 9018 §4',
        });
      } else if (question) {
        leans.push({
          field: 'qd1.name',
          op: 'carries',
          holder: 'packet',
          key: 'question',
          why: 'all that the server needs for its answer is in this packet',
          cite: 'RFC 1035 §4.1.2',
        });
      }
      if (pending) {
        leans.push({
          field: 'id',
          op: 'writes',
          holder: 'client',
          key: pending,
          why: 'the client must remember that it asked, and under which number',
          cite: 'RFC 1035 §4.1.1',
        });
      }
      return leans;
    }
    if ((flags & FLAG.response) === 0) return leans;
    if (rcodeOf(message) === RCODE.BADCOOKIE) {
      leans.push({
        field: 'opt.rcode',
        op: 'denies',
        holder: 'server',
        key: 'secret',
        why: 'the hash was not made with the key that this server has',
        cite: 'RFC 7873 §5.2.4',
      });
    }
    if (pending) {
      leans.push({
        field: 'id',
        op: 'reads',
        holder: 'client',
        key: pending,
        why: 'only the client knows that it asked; without that memory this number means nothing',
        cite: 'RFC 1035 §4.1.1',
      });
    }
    if (cookie && cookie.length > 8) {
      leans.push({
        field: cookieField(cookie),
        op: 'writes',
        holder: 'client',
        key: 'cookie[server]',
        why: 'the proof that they have met is kept by the client, and brought along with the next question',
        cite: 'RFC 7873 §5.3',
      });
    }
    return leans;
  },
};

/**
 * The same wire as a server listens to it. A query whose rest cannot be read is a message all the same, since it deserves an
 * answer: its header, with what is {@link Message.wrong}. And nobody needs to say as much in a query as in an answer.
 */
export const queries: Wire<Message> = {
  ...wire,

  frame(bytes, start, from) {
    const length = wire.frame(bytes, start, from);
    if (length !== undefined && length > PREFIX + QUERY.tcp) {
      throw new WireError(`no query is ${length - PREFIX} bytes long`, 0);
    }
    return length;
  },

  read(reader, from, over, seen) {
    const { at, end, bytes } = reader;
    try {
      if (over === 'udp' && end - at > QUERY.udp)
        reader.wrong(`no query is ${end - at} bytes long`, undefined, QUERY.udp);
      return wire.read(reader, from, over, seen);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      reader.over(bytes, at, end);
      if (over === 'tcp') prefix(reader);
      const message = header(reader, over);
      message.wrong = error;
      reader.at = end;
      return message;
    }
  },
};

/** One reading of one message. */
interface Walk {
  reader: Reader;
  /** Where the message begins, and where its ID does: over TCP two bytes later. Pointers are counted from there. */
  start: number;
  origin: number;
  /** The data of records in words, when somebody reads the fields. */
  said: { answer: string[]; authority: string[] } | undefined;
}

type Section = 'an' | 'ns' | 'ar';

function prefix(reader: Reader): void {
  const length = reader.u16(LENGTH);
  if (length !== reader.left)
    reader.wrong(`${length} bytes were announced and ${reader.left} follow`, 'RFC 1035 §4.2.2', 0);
}

/** The header, and everything after it as it stands. */
function header(reader: Reader, over: Over): Message {
  if (reader.left < HEADER) {
    const at = over === 'tcp' ? PREFIX : 0;
    reader.wrong(`the header needs ${HEADER} bytes and ${reader.left} are left`, 'RFC 1035 §4.1.1', at);
  }
  return {
    over,
    id: reader.u16(ID),
    flags: reader.fields ? flagByFlag(reader) : reader.u16(FLAGS),
    questions: reader.u16(QDCOUNT),
    answers: reader.u16(ANCOUNT),
    authority: reader.u16(NSCOUNT),
    additional: reader.u16(ARCOUNT),
    body: [{ bytes: reader.bytes, start: reader.at, end: reader.end }],
    question: undefined,
    edns: undefined,
    wrong: undefined,
  };
}

/** The same 16 bits, each by its name. */
function flagByFlag(reader: Reader): number {
  let flags = reader.bits(QR, 0x80) << 15;
  flags |= reader.bits(OPCODE, 0x78) << 11;
  flags |= reader.bits(AA, 0x04) << 10;
  flags |= reader.bits(TC, 0x02) << 9;
  flags |= reader.bits(RD, 0x01) << 8;
  flags |= reader.bits(RA, 0x80) << 7;
  flags |= reader.bits(Z, 0x40) << 6;
  flags |= reader.bits(AD, 0x20) << 5;
  flags |= reader.bits(CD, 0x10) << 4;
  return flags | reader.bits(RCODE_BITS, 0x0f);
}

function readQuestion(walk: Walk, nth: number): Question {
  const { reader } = walk;
  const where = reader.fields ? `qd${nth}` : '';
  const start = reader.at;
  name(walk, where, NAME);
  const type = reader.u16(own(reader, where, TYPE_FIELD));
  const among = reader.u16(own(reader, where, CLASS));
  return { bytes: reader.bytes, start, end: reader.at, type, class: among };
}

function readRecords(walk: Walk, section: Section, count: number, message: Message): void {
  for (let nth = 1; nth <= count; nth++) readRecord(walk, section, nth, message);
}

function readRecord(walk: Walk, section: Section, nth: number, message: Message): void {
  const { reader } = walk;
  const at = reader.at;
  const isOpt = typeAhead(reader) === TYPE.OPT;
  const where = !reader.fields ? '' : isOpt ? 'opt' : `${section}${nth}`;
  if (isOpt) {
    if (section !== 'ar') wrongAt(walk, at, 'an OPT record stands among the others', 'RFC 6891 §6.1.1');
    if (message.edns) wrongAt(walk, at, 'a second OPT record', 'RFC 6891 §6.1.1');
    message.edns = readOpt(walk, where, message.flags & FLAG.rcode);
    return;
  }
  name(walk, where, NAME);
  const type = reader.u16(own(reader, where, TYPE_FIELD));
  if (type === TYPE.OPT) wrongAt(walk, at, 'an OPT record that belongs to a name', 'RFC 6891 §6.1.2');
  reader.u16(own(reader, where, CLASS));
  reader.u32(own(reader, where, TTL));
  const length = reader.u16(own(reader, where, RDLENGTH));
  const data = within(walk, length, () => readData(walk, where, type));
  if (section === 'an') walk.said?.answer.push(data);
  if (section === 'ns') walk.said?.authority.push(`${typeName(type)} ${data}`);
}

/** The type of the record that begins here, when its owner is the root, as that of OPT must be (RFC 6891 §6.1.2). */
function typeAhead({ bytes, at, end }: Reader): number | undefined {
  return at + 3 <= end && byteAt(bytes, at) === 0 ? u16At(bytes, at + 1) : undefined;
}

/** Reads `length` bytes of data: no less and no more. */
function within<T>({ reader, start }: Walk, length: number, read: () => T): T {
  const { end } = reader;
  if (length > reader.left) {
    reader.wrong(
      `${length} bytes of data are announced and ${reader.left} are left`,
      'RFC 1035 §3.2.1',
      reader.at - start,
    );
  }
  reader.end = reader.at + length;
  const data = read();
  reader.finish();
  reader.end = end;
  return data;
}

/** The data of a record, by its type (RFC 1035 §3.3 and those after it). Resolves to it in words when somebody listens. */
function readData(walk: Walk, where: string, type: number): string {
  const { reader } = walk;
  switch (type) {
    case TYPE.A:
      return text(reader, IPV4, reader.raw(own(reader, where, IPV4), 4));
    case TYPE.AAAA:
      return text(reader, IPV6, reader.raw(own(reader, where, IPV6), 16));
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
    case TYPE.DNAME:
      return name(walk, where, TARGET);
    case TYPE.MX: {
      const preference = reader.u16(own(reader, where, PREFERENCE));
      return `${preference} ${name(walk, where, TARGET)}`;
    }
    case TYPE.SRV: {
      const priority = reader.u16(own(reader, where, PRIORITY));
      const weight = reader.u16(own(reader, where, WEIGHT));
      const port = reader.u16(own(reader, where, PORT));
      return `${priority} ${weight} ${port} ${name(walk, where, TARGET)}`;
    }
    case TYPE.SOA: {
      const names = `${name(walk, where, MNAME)} ${name(walk, where, RNAME)}`;
      const numbers = SOA_NUMBERS.map((spec) => reader.u32(own(reader, where, spec)));
      return `${names} ${numbers.join(' ')}`;
    }
    case TYPE.TXT:
    case TYPE.HINFO:
      return strings(reader, where);
    case TYPE.CAA: {
      const flags = reader.u8(own(reader, where, CAA_FLAGS));
      const tag = string(reader, where, TAG);
      const value = reader.raw(own(reader, where, VALUE));
      return `${flags} ${text(reader, TAG, tag)} ${text(reader, VALUE, value)}`;
    }
    default:
      if (reader.left === 0) return '\\# 0';
      return text(reader, RDATA, reader.raw(own(reader, where, RDATA)));
  }
}

/** A value in words, when somebody listens. */
function text(reader: Reader, spec: Spec<Buffer>, value: Buffer): string {
  return reader.fields ? (spec.show?.(value) ?? '') : '';
}

/** A character-string: a byte of length, and as many bytes (RFC 1035 §3.3). */
function string(reader: Reader, where: string, spec: Spec<Buffer>): Buffer {
  const length = reader.left > 0 ? byteAt(reader.bytes, reader.at) : 0;
  return reader.raw(own(reader, where, spec), 1 + length);
}

function strings(reader: Reader, where: string): string {
  const said: string[] = [];
  for (let nth = 1; reader.left > 0; nth++) {
    const value = string(reader, where, nth === 1 ? STRING : { ...STRING, id: `${STRING.id}${nth}` });
    if (reader.fields && nth === 1) said.push(quoted(value.subarray(1), 24));
    else if (reader.fields && nth === 2) said.push('…');
  }
  return said.join(' ');
}

/** `lower`: the four bits of the RCODE that are in the header. */
function readOpt(walk: Walk, where: string, lower: number): Edns {
  const { reader } = walk;
  reader.raw(own(reader, where, ROOT), 1);
  reader.u16(own(reader, where, TYPE_FIELD));
  const edns: Edns = {
    size: reader.u16(own(reader, where, UDP_SIZE)),
    extended: reader.u8(extendedOver(reader, where, lower)),
    version: reader.u8(own(reader, where, VERSION)),
    dnssec: reader.bits(own(reader, where, DO), 0x80) === 1,
    cookie: undefined,
  };
  reader.bits(own(reader, where, OPT_Z), 0x7f);
  reader.u8(own(reader, where, OPT_Z2));
  const length = reader.u16(own(reader, where, RDLENGTH));
  within(walk, length, () => {
    for (let nth = 1; reader.left > 0; nth++) {
      const option = reader.fields ? `${where}.option${nth}` : '';
      const code = reader.u16(own(reader, option, OPTION_CODE));
      const size = reader.u16(own(reader, option, OPTION_LENGTH));
      within(walk, size, () => {
        if (code === COOKIE) edns.cookie ??= readCookie(walk, `${where}.cookie`);
        // A second COOKIE is passed over (RFC 7873 §5.2).
        if (reader.left > 0) reader.raw(own(reader, option, OPTION_DATA));
      });
    }
  });
  return edns;
}

/** The upper bits of a code mean something only together with the lower ones. */
function extendedOver(reader: Reader, where: string, lower: number): Spec<number> {
  const spec = own(reader, where, EXTENDED);
  if (!reader.fields) return spec;
  const together = (upper: number) => (upper << 4) | lower;
  const gloss = (upper: number) =>
    upper === 0
      ? spec.gloss?.(upper)
      : `with the lower four bits in the header: ${together(upper)} ${rcodeName(together(upper))}`;
  return { ...spec, gloss };
}

function readCookie({ reader, start }: Walk, where: string): Buffer {
  const { at, left, bytes, end } = reader;
  if (left !== 8 && (left < 16 || left > 40)) {
    reader.wrong(`no cookie is ${left} bytes long`, 'RFC 7873 §4', at - start - 2);
  }
  reader.raw(own(reader, where, CLIENT_COOKIE), 8);
  if (reader.left === 16 && byteAt(bytes, reader.at) === 1) {
    reader.u8(own(reader, where, COOKIE_VERSION));
    reader.raw(own(reader, where, COOKIE_RESERVED), 3);
    reader.u32(own(reader, where, COOKIE_TIME));
    reader.raw(own(reader, where, COOKIE_HASH), 8);
  } else if (reader.left > 0) reader.raw(own(reader, where, COOKIE_OTHER));
  return bytes.subarray(at, end);
}

/**
 * A name: the labels that stand here, and where they go on. Pointers lead backward only, each before where the one before it
 * led, so that every name comes to an end (RFC 1035 §4.1.4: "a prior occurrence"). Returns it in words when somebody listens.
 */
function name(walk: Walk, where: string, spec: Spec<Buffer>): string {
  const { reader, origin } = walk;
  const { bytes } = reader;
  const begin = reader.at;
  let at = begin;
  let length = 0;
  /** What may be read: here no more than the record has, elsewhere anything before the end of the message. */
  let end = reader.end;
  /** Where the labels began that are being read. */
  let run = begin;
  /** Where the name goes on for the first time. */
  let pointer = -1;
  for (let jumps = 0; ; ) {
    if (at >= end) wrongAt(walk, at, 'the name does not end', 'RFC 1035 §3.1');
    const size = byteAt(bytes, at);
    if (size < 0x40) {
      length += 1 + size;
      if (length > MOST_NAME) wrongAt(walk, at, `the name is longer than ${MOST_NAME} bytes`, 'RFC 1035 §3.1');
      at += 1 + size;
      if (size === 0) break;
      continue;
    }
    if (size < 0xc0) wrongAt(walk, at, 'no label begins with the bits 01 or 10', 'RFC 6891 §5');
    if (at + 1 >= end) wrongAt(walk, at, 'the pointer is cut short', 'RFC 1035 §4.1.4');
    const target = origin + (u16At(bytes, at) & 0x3fff);
    if (target >= run) wrongAt(walk, at, 'the pointer does not lead backward', 'RFC 1035 §4.1.4');
    if (target < origin + HEADER) wrongAt(walk, at, 'the pointer leads into the header', 'RFC 1035 §4.1.4');
    if (++jumps > MOST_JUMPS) wrongAt(walk, at, `the name has more than ${MOST_JUMPS} pointers`, 'RFC 1035 §4.1.4');
    if (pointer < 0) {
      pointer = at;
      end = begin;
    }
    at = target;
    run = target;
  }
  const here = (pointer < 0 ? at : pointer) - begin;
  if (!reader.fields) {
    reader.at = begin + here + (pointer < 0 ? 0 : 2);
    return '';
  }
  const full = spelled(bytes, begin, origin) || '.';
  if (here > 0) {
    const part = pointer < 0 ? full : labelsIn(bytes, begin, pointer);
    const labels = labelLengths(bytes, begin, begin + here);
    reader.raw(own(reader, where, { ...spec, show: () => part, gloss: () => labels }), here);
  }
  if (pointer >= 0) {
    const to = u16At(bytes, pointer) & 0x3fff;
    const rest = spelled(bytes, origin + to, origin) || '.';
    reader.raw(
      own(reader, where, {
        ...POINTER,
        id: `${spec.id}.pointer`,
        label: `${spec.label}, pointer`,
        show: () => `→ byte ${to}: ${rest}`,
        gloss: () => (here > 0 ? 'the rest of the name stands there already' : 'the name stands there already'),
      }),
      2,
    );
  }
  return full;
}

/** The labels from `at` on, up to the root, following pointers that have been found to be good. */
function spelled(bytes: Buffer, at: number, origin: number): string {
  const labels: string[] = [];
  for (;;) {
    const size = byteAt(bytes, at);
    if (size === 0) return labels.join('.');
    if (size >= 0xc0) at = origin + (u16At(bytes, at) & 0x3fff);
    else {
      labels.push(labelText(bytes, at + 1, size));
      at += 1 + size;
    }
  }
}

function labelsIn(bytes: Buffer, at: number, end: number): string {
  const labels: string[] = [];
  for (; at < end; at += 1 + byteAt(bytes, at)) labels.push(labelText(bytes, at + 1, byteAt(bytes, at)));
  return labels.join('.');
}

function labelLengths(bytes: Buffer, at: number, end: number): string {
  const labels: string[] = [];
  for (; at < end; at += 1 + byteAt(bytes, at)) {
    const size = byteAt(bytes, at);
    labels.push(size === 0 ? '0' : `${size} ${labelText(bytes, at + 1, size)}`);
  }
  return `${labels.join(', ')}: each label after its length`;
}

/** RFC 1035 §5.1: a dot or a backslash inside a label has a backslash before it, what is no printable ASCII is `\DDD`. */
function labelText(bytes: Buffer, at: number, size: number): string {
  let label = '';
  for (const byte of bytes.subarray(at, at + size)) {
    if (byte === 0x2e || byte === 0x5c) label += `\\${String.fromCharCode(byte)}`;
    else if (byte > 0x20 && byte < 0x7f) label += String.fromCharCode(byte);
    else label += `\\${String(byte).padStart(3, '0')}`;
  }
  return label;
}

/** The records of a response in a few words; for that it is read once more, by name. */
function answerText(message: Message): string {
  const bytes = encode(wire, { ...message, over: 'udp' });
  const reader = new Reader(bytes, { annotate: true });
  const said = { answer: [] as string[], authority: [] as string[] };
  const walk: Walk = { reader, start: 0, origin: 0, said };
  const again = header(reader, 'udp');
  for (let nth = 1; nth <= again.questions; nth++) readQuestion(walk, nth);
  readRecords(walk, 'an', again.answers, again);
  readRecords(walk, 'ns', again.authority, again);
  const { answer, authority } = said;
  if (answer.length > 0) {
    const more = answer.length > 4 ? ` … (${answer.length - 4} more)` : '';
    return ` → ${answer.slice(0, 4).join(', ')}${more}`;
  }
  const [first] = authority;
  if (first?.startsWith('NS ')) return ` → ask ${first.slice(3)}`;
  return first?.startsWith('SOA ') && rcodeOf(message) === RCODE.NOERROR ? ' → nothing of this type' : '';
}

/** The spec of a field under the name that is its own in this message: `an1.ttl`. */
function own<V extends string | number | Buffer>(reader: Reader, where: string, spec: Spec<V>): Spec<V> {
  return reader.fields ? { ...spec, id: `${where}.${spec.id}` } : spec;
}

function wrongAt({ reader, start }: Walk, at: number, why: string, cite: string): never {
  return reader.wrong(why, cite, at - start);
}

function cookieField(cookie: Buffer): string {
  return cookie.length === 24 && byteAt(cookie, 8) === 1 ? 'opt.cookie.hash' : 'opt.cookie.server';
}

function className(number: number): string {
  return CLASSES[number] || (number === 255 ? 'ANY' : `CLASS${number}`);
}

function counted(count: number, what: string): string {
  return `${count === 0 ? 'no' : count} ${what}${count === 1 ? '' : 's'}`;
}

function hexText(bytes: Buffer): string {
  return bytes.length > 32 ? `${bytes.toString('hex', 0, 32)}… (${bytes.length - 32} more)` : bytes.toString('hex');
}

/** An IPv6 address as RFC 5952 writes it: the longest run of zeros left out. */
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_none, at) => u16At(bytes, 2 * at).toString(16));
  const written = groups.join(':');
  const runs = written.match(/\b0(:0)+\b/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest === '') return written;
  const [before = '', after = ''] = split(written, longest);
  return `${before.replace(/:$/, '')}::${after.replace(/^:/, '')}`;
}

function split(text: string, at: string): [string, string] {
  const found = text.indexOf(at);
  return [text.slice(0, found), text.slice(found + at.length)];
}

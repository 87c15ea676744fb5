// The control connection of FTP: what its lines mean (RFC 959 §4 and §5).
//
// A client says commands, a server says replies; both are lines of text that end in CRLF, by the rules of Telnet.
//
//     RETR pub/story.txt CRLF                   a verb of three or four letters, in any case; a space; an argument
//     230 Logged in CRLF                        three digits, a space, words for people
//     211-Features: CRLF                        a hyphen: more lines follow, up to one that begins with the same code
//      REST STREAM CRLF                         and a space. All of them are one reply
//     211 End CRLF
//
// The files themselves travel on other connections, which only these lines announce: 227, 229, PORT and EPRT say where.

import { byteAt, type Reader, type Spec, WireError } from '../../wire/fields.ts';
import { printable, quoted } from '../../wire/printable.ts';
import type { Lean, Place, Wire } from '../../wire/wire.ts';

export interface Command {
  is: 'command';
  /** In capitals, whatever the client typed; empty when the line does not begin with a letter. */
  verb: string;
  /** Everything after the first space, without the line end; empty when there is nothing. */
  argument: string;
  /** The line as it came. */
  raw: Buffer;
}

export interface Reply {
  is: 'reply';
  code: number;
  /** The text of each line, without codes and line ends. */
  lines: string[];
  raw: Buffer;
}

export type Message = Command | Reply;

/** The longest command line, its end included: far more than any name here, in bytes. */
export const LINE = 2048;
/** The longest reply, all lines together: what the strictest of the common clients still takes. */
const REPLY = 65_536;

/** A command as a client says it. */
export function command(verb: string, argument = ''): Command {
  return { is: 'command', verb, argument, raw: Buffer.from(`${verb}${argument && ` ${argument}`}\r\n`) };
}

/** A reply of one line or several. A line end inside a text would begin another reply, so there is none. */
export function reply(code: number, ...lines: string[]): Reply {
  const last = lines.length - 1;
  const text = lines.map((line, nth) => {
    const safe = line.replace(/[\r\n\0]/g, ' ');
    if (nth === last) return `${code} ${safe}\r\n`;
    // Lines in the middle must not look like the last one (RFC 959 §4.2).
    return nth === 0 ? `${code}-${safe}\r\n` : `${/^\d/.test(safe) ? ' ' : ''}${safe}\r\n`;
  });
  return { is: 'reply', code, lines, raw: Buffer.from(text.join('')) };
}

/** A line longer than {@link LINE}, as the rules hear it: no verb is so long. */
const TOO_LONG: Command = { is: 'command', verb: '', argument: '', raw: Buffer.alloc(0) };

/** What a server has of a control connection's bytes: the next command, if it is whole, and how many bytes that used up. */
export interface Heard {
  command?: Command;
  used: number;
  /** What follows still belongs to a line that was too long, up to its end. */
  skipping: boolean;
}

/** The next line of `bytes`. A line that is too long is heard once, as nothing at all, and dropped to its end. */
export function lineIn(bytes: Buffer, skipping: boolean, reader: Reader): Heard {
  const end = bytes.indexOf(LF) + 1;
  if (skipping) return { used: end || bytes.length, skipping: end === 0 };
  if (end > LINE) return { command: TOO_LONG, used: end, skipping: false };
  if (end > 0) return { command: readCommand(reader.over(bytes, 0, end)), used: end, skipping: false };
  if (bytes.length > LINE) return { command: TOO_LONG, used: bytes.length, skipping: true };
  return { used: 0, skipping: false };
}

export const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const HYPHEN = 0x2d;
/** Telnet's "interpret as command" (RFC 854); WILL, WONT, DO and DONT have an option after them. */
const IAC = 0xff;
const WILL = 0xfb;

const text = (bytes: Buffer) => bytes.toString('utf8');
const inWords = (bytes: Buffer) => quoted(bytes, 120);
const character = (byte: number) => (byte === SPACE ? 'space' : printable(String.fromCharCode(byte)));

/** What each verb asks for, and what it leans on. */
interface Verb {
  asks: string;
  leans?: (Omit<Lean, 'key' | 'holder' | 'field'> & { of?: string })[];
}

const NEEDS_FOLDER = 'a name means a file only together with the folder that the server remembers for this connection';
const NEEDS_LISTED =
  'without a name it is the folder that the server remembers for this connection; a name is meant from there';
const NEEDS_TYPE = 'how the bytes will look depends on the type that the server remembers for this connection';
const NEEDS_OFFSET = 'where it begins is not said here: the server must remember the REST before it';

/** `of`: which part of what is filed under the connection. */
const reads = (why: string, cite: string, of = 'session') => ({ op: 'reads' as const, why, cite, of });
const writes = (why: string, cite: string, of = 'session') => ({ op: 'writes' as const, why, cite, of });

const DATA_PORT = 'the server must remember where the next transfer is to go';

const VERBS: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  [
    'USER',
    {
      asks: 'this is who I am',
      leans: [writes('whose password comes next is remembered, not repeated', 'RFC 959 §4.1.1')],
    },
  ],
  [
    'PASS',
    {
      asks: 'and this proves it',
      leans: [
        reads('a password means nothing without the USER before it', 'RFC 959 §4.1.1'),
        writes(
          'from here on the connection itself is the proof: nothing the client says later shows who it is',
          'RFC 959 §4.1.1',
        ),
      ],
    },
  ],
  [
    'CWD',
    {
      asks: 'go to this folder',
      leans: [writes('every name from now on is meant from this folder', 'RFC 959 §4.1.1', 'folder')],
    },
  ],
  [
    'CDUP',
    { asks: 'go one folder up', leans: [reads('up from where, only the server knows', 'RFC 959 §4.1.1', 'folder')] },
  ],
  [
    'PWD',
    { asks: 'which folder am I in?', leans: [reads('the answer is the memory itself', 'RFC 959 §4.1.3', 'folder')] },
  ],
  ['QUIT', { asks: 'good-bye', leans: [{ op: 'clears', why: 'nobody can ask for it again', cite: 'RFC 959 §4.1.1' }] }],
  [
    'REIN',
    { asks: 'start over', leans: [{ op: 'clears', why: 'all but the connection is as new', cite: 'RFC 959 §4.1.1' }] },
  ],
  [
    'TYPE',
    {
      asks: 'send the bytes like this: A as text with CRLF, I as they are',
      leans: [writes('it holds for every transfer until it is changed', 'RFC 959 §4.1.2', 'type')],
    },
  ],
  ['MODE', { asks: 'send them in this mode; S is a plain stream' }],
  ['STRU', { asks: 'the file has this structure; F is none' }],
  [
    'PASV',
    { asks: 'tell me where to connect for the data', leans: [writes(DATA_PORT, 'RFC 959 §4.1.2', 'data port')] },
  ],
  [
    'EPSV',
    { asks: 'tell me which port to connect to for the data', leans: [writes(DATA_PORT, 'RFC 2428 §3', 'data port')] },
  ],
  ['PORT', { asks: 'connect to me here for the data', leans: [writes(DATA_PORT, 'RFC 959 §4.1.2', 'data port')] }],
  ['EPRT', { asks: 'connect to me here for the data', leans: [writes(DATA_PORT, 'RFC 2428 §2', 'data port')] }],
  [
    'REST',
    {
      asks: 'begin the next transfer at this byte',
      leans: [
        {
          op: 'carries',
          why: 'the offset was kept by the client and is told anew: any server can go on from it',
          cite: 'RFC 3659 §5',
          of: 'offset',
        },
        writes('the RETR after this will not repeat it', 'RFC 3659 §5', 'offset'),
      ],
    },
  ],
  [
    'RETR',
    {
      asks: 'send me this file',
      leans: [reads(NEEDS_FOLDER, 'RFC 959 §4.1.3', 'folder'), reads(NEEDS_OFFSET, 'RFC 3659 §5', 'offset')],
    },
  ],
  [
    'STOR',
    {
      asks: 'take this file',
      leans: [reads(NEEDS_FOLDER, 'RFC 959 §4.1.3', 'folder'), reads(NEEDS_OFFSET, 'RFC 3659 §5', 'offset')],
    },
  ],
  ['APPE', { asks: 'add this to the file', leans: [reads(NEEDS_FOLDER, 'RFC 959 §4.1.3', 'folder')] }],
  [
    'STOU',
    { asks: 'take this file under a name of your own', leans: [reads(NEEDS_FOLDER, 'RFC 959 §4.1.3', 'folder')] },
  ],
  [
    'RNFR',
    {
      asks: 'rename this',
      leans: [writes('what is to be renamed is remembered until RNTO', 'RFC 959 §4.1.3', 'renaming')],
    },
  ],
  [
    'RNTO',
    {
      asks: 'to this',
      leans: [reads('a new name for what? Only the RNFR before it says', 'RFC 959 §4.1.3', 'renaming')],
    },
  ],
  ['DELE', { asks: 'remove this file', leans: [reads(NEEDS_FOLDER, 'RFC 959 §4.1.3', 'folder')] }],
  ['RMD', { asks: 'remove this folder', leans: [reads(NEEDS_FOLDER, 'RFC 959 §4.1.3', 'folder')] }],
  ['MKD', { asks: 'make this folder', leans: [reads(NEEDS_FOLDER, 'RFC 959 §4.1.3', 'folder')] }],
  ['LIST', { asks: 'list the folder for people', leans: [reads(NEEDS_LISTED, 'RFC 959 §4.1.3', 'folder')] }],
  ['NLST', { asks: 'list the names in the folder', leans: [reads(NEEDS_LISTED, 'RFC 959 §4.1.3', 'folder')] }],
  ['MLSD', { asks: 'list the folder for programs', leans: [reads(NEEDS_LISTED, 'RFC 3659 §7', 'folder')] }],
  ['MLST', { asks: 'tell me about this one', leans: [reads(NEEDS_FOLDER, 'RFC 3659 §7', 'folder')] }],
  [
    'SIZE',
    {
      asks: 'how long is this file?',
      leans: [reads(NEEDS_FOLDER, 'RFC 3659 §4', 'folder'), reads(NEEDS_TYPE, 'RFC 3659 §4', 'type')],
    },
  ],
  ['MDTM', { asks: 'when was this file changed?', leans: [reads(NEEDS_FOLDER, 'RFC 3659 §3', 'folder')] }],
  ['STAT', { asks: 'how do things stand?', leans: [reads('the answer is the memory itself', 'RFC 959 §4.1.3')] }],
  [
    'ABOR',
    {
      asks: 'stop the transfer',
      leans: [reads('which transfer, only the server knows', 'RFC 959 §4.1.3', 'transfer')],
    },
  ],
  ['HELP', { asks: 'which commands do you know?' }],
  ['NOOP', { asks: 'are you there?' }],
  ['SYST', { asks: 'what kind of system are you?' }],
  ['FEAT', { asks: 'what can you do beyond RFC 959?' }],
  ['OPTS', { asks: 'do this command so from now on' }],
  ['ALLO', { asks: 'make room for this many bytes' }],
  ['AUTH', { asks: 'from now on let us speak through this' }],
  ['PBSZ', { asks: 'protect in blocks of this size; with TLS always 0' }],
  ['PROT', { asks: 'the data connections are to be P private or C clear' }],
]);

/** The verbs that are explained here, for HELP. */
export const verbs: readonly string[] = [...VERBS.keys()].sort();

/** What a verb asks for, in a few words. */
export function asksFor(verb: string): string | undefined {
  return VERBS.get(verb)?.asks;
}

const TELNET: Spec<Buffer> = {
  id: 'telnet',
  label: 'Telnet signal',
  show: (bytes) => bytes.toString('hex'),
  gloss: () => 'Telnet’s way to get attention before a command; no part of it (RFC 959 §4.1.3, RFC 854)',
};
const VERB: Spec<Buffer> = {
  id: 'verb',
  label: 'Command',
  show: inWords,
  gloss: (bytes) => {
    const asks = asksFor(text(bytes).toUpperCase());
    return asks && `“${asks}”`;
  },
};
const BLANK: Spec<number> = { id: 'space', label: 'Space', show: character };
const ARGUMENT: Spec<Buffer> = { id: 'argument', label: 'Argument', show: inWords };
const PASSWORD: Spec<Buffer> = { id: 'argument', label: 'Password', show: inWords, secret: true };
const BEFORE: Spec<Buffer> = { id: 'before', label: 'Text', show: inWords };
const HOST: Spec<Buffer> = { id: 'host', label: 'Host', show: text };
const MARK: Spec<number> = { id: 'mark', label: 'Separator', show: character };
const PORT: Spec<Buffer> = {
  id: 'port',
  label: 'Data port',
  show: (bytes) => (bytes.includes(0x2c) ? `${text(bytes)} = ${portIn(text(bytes))}` : text(bytes)),
  gloss: () => 'rolled for this one data connection: here its sender waits',
  chance: true,
};
const AFTER: Spec<Buffer> = { id: 'after', label: 'Text', show: inWords };
const END: Spec<Buffer> = { id: 'end', label: 'Line end', show: (bytes) => (bytes.length === 2 ? 'CRLF' : 'LF') };

/** RFC 959 §4.2: each of the three digits has a meaning of its own. */
const FIRST: Spec<number> = {
  id: 'first',
  label: 'First digit',
  show: character,
  gloss: (byte) =>
    [
      'begun: another reply follows',
      'done',
      'so far so good: the rest of it, please',
      'not now: it may go better another time',
      'no: not like this',
    ][byte - 0x31],
};
const SECOND: Spec<number> = {
  id: 'second',
  label: 'Second digit',
  show: character,
  gloss: (byte) =>
    [
      'about the words of the command',
      'information',
      'about the connections',
      'about who you are',
      undefined,
      'about the files',
    ][byte - 0x30],
};
const THIRD: Spec<number> = {
  id: 'third',
  label: 'Third digit',
  show: character,
  gloss: () => 'a finer shade of the same',
};
const SEPARATOR: Spec<number> = {
  id: 'space',
  label: 'Separator',
  show: character,
  gloss: (byte) => (byte === HYPHEN ? 'a hyphen: more lines follow' : undefined),
};
const WORDS: Spec<Buffer> = {
  id: 'text',
  label: 'Text',
  show: inWords,
  gloss: () => 'for people: programs read the digits',
};
const MIDDLE: Spec<Buffer> = { id: 'lines', label: 'Lines', show: inWords };
const AGAIN: Spec<Buffer> = { id: 'again', label: 'Code again', show: inWords, gloss: () => 'this line is the last' };

export const wire: Wire<Message> = {
  longest: REPLY,

  frame(bytes, start, from) {
    if (start >= bytes.length) return undefined;
    return from === 'server' ? frameReply(bytes, start) : frameLine(bytes, start, LINE, 'a command');
  },

  // A line that is too long has an end all the same, and the server goes on behind it.
  mend(bytes, start) {
    const end = bytes.indexOf(LF, start);
    return end === -1 ? undefined : end + 1;
  },

  seals: (message) => message.is === 'reply' && message.code === 234,

  read: (reader, from) => (from === 'client' ? readCommand(reader) : readReply(reader)),

  write(writer, message) {
    writer.raw(message.raw);
  },

  kind(message) {
    if (message.is === 'reply') return String(message.code);
    return /^[A-Z]{3,4}$/.test(message.verb) ? message.verb : 'COMMAND';
  },

  says(message) {
    if (message.is === 'reply') {
      const [first = ''] = message.lines;
      // Ports are rolled by the system.
      const words = message.code === 227 || message.code === 229 ? first.replace(/ ?\(.*/, '') : first;
      return message.lines.length > 1
        ? `${printable(words, 80)} … (${message.lines.length} lines)`
        : printable(words, 80);
    }
    if (mayBePassword(message.verb, message.argument)) return '';
    switch (message.verb) {
      case 'PORT':
      case 'EPRT':
        return printable(endpointIn(message)?.host ?? '', 80);
      default:
        return printable(message.argument, 80);
    }
  },

  leans(message, from) {
    if (from === 'client' && message.is === 'command') {
      const field = message.argument !== '' && !endpointIn(message) ? 'argument' : 'verb';
      const leans = VERBS.get(message.verb)?.leans ?? [];
      // An absolute name needs no folder.
      const own = message.argument.startsWith('/')
        ? leans.filter(({ why }) => why !== NEEDS_FOLDER && why !== NEEDS_LISTED)
        : leans;
      return own.map(({ of = 'session', ...lean }) => ({
        ...lean,
        field,
        key: `${of}[path]`,
        holder: lean.op === 'carries' ? 'packet' : 'server',
      }));
    }
    if (message.is === 'reply' && message.code === 530) {
      const why = 'for the server this connection is a stranger: it has nobody filed under it';
      return [{ field: 'second', op: 'denies', holder: 'server', key: 'session[path]', why, cite: 'RFC 959 §4.2' }];
    }
    return [];
  },

  awaits(message, from) {
    if (from === 'server' && message.is === 'reply') return passiveIn(message)?.port;
    return from === 'client' && message.is === 'command' ? endpointIn(message)?.port : undefined;
  },

  redirect(message, from, by, to) {
    if (from === 'server') return message.is === 'reply' ? passiveTo(message, to) : undefined;
    return message.is === 'command' && endpointIn(message)?.host === by ? activeTo(message, to) : undefined;
  },
};

/** A 227 or a 229 that names another place; all else in it stays as it is. */
function passiveTo(message: Reply, { host, port }: Place): Buffer | undefined {
  const whole = message.raw.toString('latin1');
  const found = passiveIn(message);
  if (found?.host === undefined)
    return (
      found &&
      Buffer.from(
        whole.replace(/\(([!-~])\1\1\d{1,5}\1\)/, (_all, mark: string) => `(${mark.repeat(3)}${port}${mark})`),
        'latin1',
      )
    );
  if (!IPV4.test(host)) return undefined;
  return Buffer.from(whole.replace(/\d{1,3}(?:,\d{1,3}){5}/, numbersOf(host, port)), 'latin1');
}

/** A PORT or an EPRT that names another place. */
function activeTo({ verb, argument, raw }: Command, { host, port }: Place): Buffer | undefined {
  const isIPv4 = IPV4.test(host);
  if (verb === 'PORT' && !isIPv4) return undefined;
  const mark = argument[0] ?? '';
  const place = verb === 'PORT' ? numbersOf(host, port) : ['', isIPv4 ? '1' : '2', host, String(port), ''].join(mark);
  // A function, since a mark may be a `$`, which means something in a replacement.
  return Buffer.from(
    raw.toString('latin1').replace(argument, () => place),
    'latin1',
  );
}

const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/** `127,0,0,1,156,64` */
function numbersOf(host: string, port: number): string {
  return [...host.split('.'), port >> 8, port & 0xff].join(',');
}

/** An address in the argument of PORT (`127,0,0,1,156,64`) or EPRT (`|1|127.0.0.1|40000|`); undefined when it is none. */
export function endpointIn({ verb, argument }: Command): { host: string; port: number; family: string } | undefined {
  if (verb === 'PORT') {
    const [, host, port] = /^(\d{1,3}(?:,\d{1,3}){3}),(\d{1,3},\d{1,3})$/.exec(argument) ?? [];
    if (host === undefined || port === undefined || argument.split(',').some((part) => Number(part) > 255))
      return undefined;
    return { host: host.replaceAll(',', '.'), port: portIn(port), family: '1' };
  }
  if (verb === 'EPRT') {
    // Any character may separate; the same one does so all along (RFC 2428 §2).
    const [, , family, host, port] = /^([!-~])(\d)\1([\da-fA-F.:]+)\1(\d{1,5})\1$/.exec(argument) ?? [];
    if (family === undefined || host === undefined || port === undefined || Number(port) > 65_535) return undefined;
    return { host, port: Number(port), family };
  }
  return undefined;
}

/** Where a 227 or a 229 has the client connect to. A 229 names no host: it is the one of the control connection. */
export function passiveIn({ code, lines }: Reply): { host?: string; port: number } | undefined {
  const words = lines[0] ?? '';
  if (code === 227) {
    const [, host, port] = /(\d{1,3}(?:,\d{1,3}){3}),(\d{1,3},\d{1,3})/.exec(words) ?? [];
    return host === undefined || port === undefined
      ? undefined
      : { host: host.replaceAll(',', '.'), port: portIn(port) };
  }
  if (code === 229) {
    const [, , port] = /\(([!-~])\1\1(\d{1,5})\1\)/.exec(words) ?? [];
    return port === undefined ? undefined : { port: Number(port) };
  }
  return undefined;
}

/** `156,64` as 40000. */
function portIn(numbers: string): number {
  const [high = 0, low = 0] = numbers.split(',').map(Number);
  return high * 256 + low;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isLetter(byte: number): boolean {
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}

function frameLine(bytes: Buffer, start: number, most: number, what: string): number | undefined {
  const end = bytes.indexOf(LF, start);
  const length = (end === -1 ? bytes.length : end + 1) - start;
  if (length > most) {
    const secret = /^\s*PASS/i.test(bytes.toString('latin1', start, start + 64));
    // No clause says so: the bound is ours.
    throw new WireError(`${what} is longer than ${most} bytes`, most, undefined, secret);
  }
  return end === -1 ? undefined : length;
}

/** A reply goes on until a line that begins with its code and no hyphen. */
function frameReply(bytes: Buffer, start: number): number | undefined {
  let length = frameLine(bytes, start, REPLY, 'a reply');
  if (length === undefined || bytes[start + 3] !== HYPHEN) return length;
  for (;;) {
    const at = start + length;
    const line = frameLine(bytes, at, REPLY - length, 'a reply');
    if (line === undefined) return undefined;
    length += line;
    const isLast = bytes.compare(bytes, start, start + 3, at, at + 3) === 0 && bytes[at + 3] !== HYPHEN;
    if (isLast && !isDigit(bytes[at + 3] ?? 0)) return length;
  }
}

/** Bytes of the line end that `bytes` has before `end`: CRLF as it should be, or the bare LF that people type. */
function lineEnd(bytes: Buffer, start: number, end: number): number {
  if (end - start === 0 || bytes[end - 1] !== LF) return 0;
  return end - start > 1 && bytes[end - 2] === CR ? 2 : 1;
}

function readCommand(reader: Reader): Command {
  const { bytes, at: start, end } = reader;
  // A signal sent out of band arrives without one of its bytes, so whatever stands before the verb and can be no letter of it
  // is taken for the rest of one.
  let letters = start;
  while (letters < end && byteAt(bytes, letters) >= 0xf0) letters += signalAt(bytes, letters, end);
  if (letters > start) reader.raw(TELNET, letters - start);
  let blank = letters;
  while (blank < end && isLetter(byteAt(bytes, blank))) blank++;
  const typed = reader.raw(VERB, blank - letters);
  const verb = text(typed).toUpperCase();
  const rest = end - lineEnd(bytes, blank, end);
  let argument = '';
  if (rest > blank) {
    const spaced = byteAt(bytes, blank) === SPACE;
    if (spaced) reader.u8(BLANK);
    argument = text(withoutTelnet(readArgument(reader, verb, rest - reader.at)));
    // Glued to its verb, an argument makes it another word.
    if (!spaced)
      return { ...ended(reader), verb: '', argument: `${text(typed)}${argument}`, raw: bytes.subarray(start, end) };
  }
  return { ...ended(reader), verb, argument, raw: bytes.subarray(start, end) };
}

function ended(reader: Reader): { is: 'command' } {
  reader.raw(END);
  return { is: 'command' };
}

/** PASS and whatever somebody types who means it: a tab behind it, a space before it, a longer word. */
function mayBePassword(verb: string, argument: string): boolean {
  return verb.startsWith('PASS') || (verb === '' && /^\s*PASS/i.test(argument));
}

function readArgument(reader: Reader, verb: string, length: number): Buffer {
  const { bytes, at } = reader;
  if (length === 0) return bytes.subarray(at, at);
  const whole = bytes.subarray(at, at + length);
  if (mayBePassword(verb, text(whole))) return reader.raw(PASSWORD, length);
  const endpoint = endpointIn({ is: 'command', verb, argument: text(whole), raw: whole });
  if (!endpoint) return reader.raw(ARGUMENT, length);
  // `|1|127.0.0.1|40000|` or `127,0,0,1,156,64`
  const host = endpoint.host.length;
  const ahead = verb === 'EPRT' ? 3 : 0;
  if (ahead > 0) reader.raw(BEFORE, ahead);
  reader.raw(HOST, host);
  reader.u8(MARK);
  reader.raw(PORT, length - ahead - host - 1 - (ahead > 0 ? 1 : 0));
  if (ahead > 0) reader.raw(AFTER, 1);
  return whole;
}

/** Bytes of the Telnet command at `at`: its code may be missing when it travelled out of band. */
function signalAt(bytes: Buffer, at: number, end: number): number {
  const code = byteAt(bytes, at) === IAC && at + 1 < end ? byteAt(bytes, at + 1) : 0;
  if (code < 0xf0) return 1;
  return code >= WILL && code < IAC ? Math.min(3, end - at) : 2;
}

/** An argument without Telnet's commands; a doubled IAC is the byte itself (RFC 854). */
function withoutTelnet(bytes: Buffer): Buffer {
  if (!bytes.includes(IAC)) return bytes;
  const kept: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const byte = byteAt(bytes, at);
    if (byte !== IAC) kept.push(byte);
    else if (bytes[at + 1] === IAC) kept.push(IAC);
    at += byte === IAC ? signalAt(bytes, at, bytes.length) : 1;
  }
  return Buffer.from(kept);
}

function readReply(reader: Reader): Reply {
  const { bytes, at: start, end } = reader;
  const code = [FIRST, SECOND, THIRD].reduce((sum, digit) => {
    const byte = reader.u8(digit);
    if (!isDigit(byte)) reader.wrong('a reply begins with three digits', 'RFC 959 §4.2');
    return sum * 10 + byte - 0x30;
  }, 0);
  const firstEnd = bytes.indexOf(LF, start) + 1;
  if (firstEnd === 0) reader.wrong('a reply ends with a line end', 'RFC 959 §4.2', end - start);
  const lines = [readText(reader, code, firstEnd === end ? end : firstEnd)];
  if (firstEnd === end) reader.raw(END);
  else {
    const last = bytes.lastIndexOf(LF, end - 2) + 1;
    if (last > firstEnd)
      lines.push(
        ...text(reader.raw(MIDDLE, last - firstEnd))
          .split(/\r?\n/)
          .slice(0, -1),
      );
    reader.raw(AGAIN, Math.min(4, end - lineEnd(bytes, last, end) - last));
    const rest = end - lineEnd(bytes, reader.at, end) - reader.at;
    lines.push(rest > 0 ? text(reader.raw({ ...WORDS, id: 'text2' }, rest)) : '');
    reader.raw(END);
  }
  return { is: 'reply', code, lines, raw: bytes.subarray(start, end) };
}

/** The text of a reply's first line; in one that announces a data connection, where that is. */
function readText(reader: Reader, code: number, end: number): string {
  const { bytes } = reader;
  const whole = reader.end === end;
  const rest = end - lineEnd(bytes, reader.at, end);
  if (rest > reader.at && (byteAt(bytes, reader.at) === SPACE || byteAt(bytes, reader.at) === HYPHEN))
    reader.u8(SEPARATOR);
  // Of several lines, the first one keeps its line end: it is the end of no message.
  const from = reader.at;
  const words = text(bytes.subarray(from, rest));
  const passive = whole ? passiveIn({ is: 'reply', code, lines: [words], raw: bytes }) : undefined;
  if (!passive) {
    const length = (whole ? rest : end) - from;
    if (length > 0) reader.raw(WORDS, length);
    return words;
  }
  const host = passive.host?.length ?? 0;
  const port = host > 0 ? /\d{1,3},\d{1,3}(?=\D*$)/.exec(words) : /\d+(?=\D*$)/.exec(words);
  const at = from + (port?.index ?? 0);
  reader.raw(BEFORE, at - from - (host > 0 ? host + 1 : 0));
  if (host > 0) {
    reader.raw(HOST, host);
    reader.u8(MARK);
  }
  reader.raw(PORT, port?.[0].length ?? 0);
  if (rest > reader.at) reader.raw(AFTER, rest - reader.at);
  return words;
}

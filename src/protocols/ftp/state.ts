// Everything this server remembers between two commands: who is logged in, where, and how the next file is to travel.

import { addressOf, plainAddress } from '../../bounds/paths.ts';
import { type Entry, FolderError, type FolderErrorKind, resolve } from '../../served/folder.ts';
import { FACTS, type Fact, factsLine, modifyStamp } from '../../served/listing.ts';
import { printable } from '../../wire/printable.ts';
import type { Action, Decision, Facts, Path, Rules } from '../shapes.ts';
import { asksFor, type Command, endpointIn, type Message, type Reply, reply, verbs } from './wire.ts';

export interface State {
  /**
   * Filed under the path: no command says who speaks, so the connection itself is all that tells. A Map, because paths come
   * from outside. Nothing here outlives its connection, so nothing is written down; a path that is missing is a stranger's.
   */
  sessions: Map<Path, Session>;
}

/** What is agreed about the connection, before anybody has logged in and whoever has. */
interface Channel {
  /** Commands and replies travel through TLS (RFC 4217). */
  tls: boolean;
  /** PBSZ has been said, without which there is no PROT. */
  pbsz: boolean;
  /** Data connections: C in clear, P private. */
  prot: 'C' | 'P';
  /** Wrong passwords so far. */
  wrong: number;
  /** The facts that MLSD and MLST tell (RFC 3659 §7.9). */
  tells: Fact[];
}

/** One connection, from its first reply to its end (RFC 959 §4.1.1). */
export type Session = Channel & (Greeted | Named | LoggedIn);

interface Greeted {
  is: 'greeted';
}

/** USER has been said; PASS has to follow. */
interface Named {
  is: 'named';
  user: string;
}

export interface LoggedIn {
  is: 'loggedIn';
  user: string;
  writes: boolean;
  /** The folder that names are meant from: CWD (§4.1.1). */
  cwd: string;
  /** TYPE (§4.1.2): A, as RFC 959 begins, has line ends changed on the way; I leaves the bytes alone. */
  type: 'A' | 'I';
  /** REST: the byte at which the next transfer begins. Taken by that transfer. */
  rest: number;
  /** RNFR: what the next RNTO renames. */
  renaming: string | undefined;
  /** Where the next data connection comes from. Each is used once. */
  data: Data;
  /** EPSV ALL has been said: no other way to a data connection is wanted (RFC 2428 §3). */
  onlyEpsv: boolean;
  transfer: Transfer;
}

/** `passive`: the client dials us, `active`: we dial it (§3.3). */
/** The port of a passive one is with the socket that listens. */
export type Data = { is: 'none' } | { is: 'passive' } | { is: 'active'; host: string; port: number };

/** What is on its way. `after`: what was asked meanwhile, and is answered when it is over. */
type Transfer = { is: 'none' } | { is: 'under way'; verb: string; path: string; after: 'go on' | 'abort' | 'quit' };

/** What comes to be remembered, or ceases to be, of one path. */
type Change =
  | { is: 'greeted' }
  | { is: 'parted' }
  | { is: 'named'; user: string }
  | { is: 'refused' }
  | { is: 'loggedIn'; user: string; writes: boolean }
  | { is: 'reinitialised' }
  | { is: 'secured' }
  | { is: 'protected'; prot: 'C' | 'P' | null }
  | { is: 'told'; tells: Fact[] }
  | { is: 'changedFolder'; cwd: string }
  | { is: 'changedType'; type: 'A' | 'I' }
  | { is: 'restarted'; rest: number }
  | { is: 'renaming'; from: string | null }
  | { is: 'data'; data: Data }
  | { is: 'onlyEpsv' }
  | { is: 'began'; verb: string; file: string }
  | { is: 'interrupted'; after: 'abort' | 'quit' }
  | { is: 'ended' };

export type Event = Change & { path: Path };

/** What takes time, or needs a socket or a file. `server.ts` does it, and what came of it is an {@link Outcome}. */
export type Deed =
  | { is: 'check'; user: string; password: string }
  | { is: 'listen'; verb: 'PASV' | 'EPSV' }
  /** No data connection is awaited any more. Has no outcome. */
  | { is: 'unlisten' }
  | { is: 'look'; verb: Look; path: string }
  | { is: 'list'; path: string; now: number; writes: boolean }
  | { is: 'change'; verb: Alter; path: string; from: string }
  | TransferDeed
  /** The transfer is to stop; it is the transfer that has an outcome. */
  | { is: 'abort' }
  /** Gets ready for TLS. */
  | { is: 'certify' }
  /** Speaks TLS from the next byte on. Has no outcome. */
  | { is: 'encrypt' };

export interface TransferDeed {
  is: 'transfer';
  what:
    | { is: 'send'; path: string; offset: number }
    | { is: 'receive'; path: string; how: { offset?: number; append?: boolean; unique?: boolean } }
    | { is: 'listing'; path: string; form: 'LIST' | 'NLST' | 'MLSD'; now: number; writes: boolean; tells: Fact[] };
  over: Data;
  ascii: boolean;
  tls: boolean;
}

type Look = 'CWD' | 'SIZE' | 'MDTM' | 'MLST' | 'RNFR';
type Alter = 'MKD' | 'RMD' | 'DELE' | 'RNTO';

export type Outcome =
  | { is: 'checked'; user: string; may: 'nothing' | 'read' | 'write' }
  | { is: 'listening'; verb: 'PASV' | 'EPSV'; host: string; port: number }
  | { is: 'seen'; verb: Look; kind: Entry['kind']; name: string; path: string; size: number; mtime: number; id: string }
  | { is: 'listed'; path: string; lines: string[] }
  | { is: 'changed'; verb: Alter; path: string }
  /** A transfer's file is open: it may begin. */
  | { is: 'opened'; path: string; size: number | null }
  | { is: 'done'; bytes: number }
  | { is: 'certified' }
  | { is: 'failed'; why: Failure; words: string };

/** Why a deed failed: what the file system says, or what became of a connection. */
export type Failure =
  | FolderErrorKind
  | 'unsupported'
  | 'noConnection'
  | 'notReused'
  | 'noTls'
  | 'alreadyTls'
  | 'reset'
  | 'stalled'
  | 'aborted';

/** RFC 959 §4.2.2 and §5.4; 431 is of RFC 2228 §5, 522 of RFC 4217, 554 of RFC 1123 §4.1.3.4. */
const FAILURES: Readonly<Record<Failure, number>> = {
  missing: 550,
  notFolder: 550,
  isFolder: 550,
  exists: 550,
  notEmpty: 550,
  denied: 550,
  badName: 553,
  beyond: 554,
  full: 452,
  quota: 552,
  other: 451,
  unsupported: 522,
  noConnection: 425,
  notReused: 522,
  noTls: 431,
  alreadyTls: 503,
  reset: 426,
  stalled: 426,
  aborted: 426,
};

/** Wrong passwords that are taken before the server hangs up. */
const TRIES = 3;

/** A stranger: who has just been greeted, and whoever was forgotten. */
const NOBODY: Session = { is: 'greeted', tls: false, pbsz: false, prot: 'C', wrong: 0, tells: [...FACTS] };

/** What a rule has to say to one message: in this order. */
interface Answer {
  remember?: Change;
  say?: Reply | Reply[];
  do?: Deed;
  hangUp?: true;
}

/** A command, and all that its rule may look at. */
interface Said<S extends Session = Session> {
  session: S;
  /** The verb, by its name in RFC 959. */
  verb: string;
  argument: string;
  from: Path;
  now: number;
  command: Command;
  /** Whether this server dials its clients at all. */
  dials: boolean;
}
type Rule<S extends Session = Session> = (said: Said<S>) => Answer;
type Insider = Session & LoggedIn;
type InsiderRule = Rule<Insider>;

/** The rules of FTP. `dials`: whether PORT and EPRT are taken, which make the server connect to somebody. */
export function rulesFor({ dials }: { dials: boolean }): Rules<State, Message, Event, Deed, Outcome> {
  return {
    empty: () => ({ sessions: new Map() }),

    greet: (_state, from) =>
      decided(from, {
        remember: { is: 'greeted' },
        say: reply(220, 'This server remembers you as long as this connection lasts.'),
      }),

    decide(state, message, from, world) {
      const session = state.sessions.get(from) ?? NOBODY;
      if (message.is !== 'command') return decided(from, { say: reply(500, 'That is a reply, and nobody asked.') });
      const verb = ALIASES.get(message.verb) ?? message.verb;
      const said = { session, verb, argument: message.argument, from, now: world.now(), command: message, dials };
      return decided(from, answer(said));
    },

    learn: (state, outcome, from) => decided(from, learn(state.sessions.get(from) ?? NOBODY, outcome)),

    part: (state, from) => decided(from, state.sessions.has(from) ? { remember: { is: 'parted' } } : {}),

    apply,

    // What is filed under a path ends with it.
    lasting: () => false,

    facts,
  };
}

function answer(said: Said): Answer {
  const { session, verb } = said;
  const open = ANYBODY.get(verb);
  if (open) return open(said);
  const rule = INSIDERS.get(verb);
  if (!rule)
    return {
      say: UNWANTED.includes(verb) ? reply(502, `${verb} is not done here.`) : reply(500, 'There is no such command.'),
    };
  if (session.is !== 'loggedIn') return { say: reply(530, 'Log in first, with USER and PASS.') };
  if (WRITERS.has(verb) && !session.writes) return { say: reply(550, `${printable(session.user, 40)} may only read.`) };
  return rule({ ...said, session });
}

/** What a stranger may say. PBSZ and PROT belong to AUTH (RFC 4217). */
const ANYBODY: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['USER', user],
  ['PASS', pass],
  ['AUTH', auth],
  ['PBSZ', pbsz],
  ['PROT', prot],
  ['FEAT', features],
  ['OPTS', options],
  ['HELP', help],
  ['NOOP', () => ({ say: reply(200, 'Yes.') })],
  ['SYST', () => ({ say: reply(215, 'UNIX Type: L8') })],
  ['QUIT', quit],
]);

/** What only those may say who are logged in. */
const INSIDERS: ReadonlyMap<string, InsiderRule> = new Map<string, InsiderRule>([
  // Where names are meant from. Only when the folder turns out to be there does the server remember it.
  ['CWD', (said) => looking(said, 'CWD')],
  ['CDUP', (said) => looking({ ...said, argument: '..' }, 'CWD')],
  ['PWD', ({ session }) => ({ say: reply(257, `${inQuotes(session.cwd)} is where you are.`) })],

  // How the next file is to travel.
  ['TYPE', type],
  ['MODE', ({ argument }) => ({ say: reply(/^S$/i.test(argument) ? 200 : 504, 'MODE is S: a stream.') })],
  ['STRU', ({ argument }) => ({ say: reply(/^F$/i.test(argument) ? 200 : 504, 'STRU is F: bytes, and no records.') })],
  ['ALLO', () => ({ say: reply(202, 'There is no need to.') })],
  ['REST', rest],

  // Where the next data connection comes from.
  ['PASV', ({ session }) => (session.onlyEpsv ? AFTER_EPSV_ALL : { do: { is: 'listen', verb: 'PASV' } })],
  ['EPSV', epsv],
  ['PORT', aim],
  ['EPRT', aim],

  // Files on their way.
  ['RETR', (said) => named(said, (path) => transfer(said, { is: 'send', path, offset: said.session.rest }))],
  ['STOR', (said) => receiving(said, { offset: said.session.rest })],
  ['APPE', (said) => receiving(said, { append: true })],
  ['STOU', (said) => receiving({ ...said, argument: said.argument || 'file' }, { unique: true })],
  ['LIST', listing],
  ['NLST', listing],
  ['MLSD', listing],
  ['ABOR', abort],

  // Files where they are.
  ['STAT', status],
  ['SIZE', size],
  ['MDTM', (said) => looking(said, 'MDTM')],
  ['MLST', (said) => looking({ ...said, argument: said.argument || '.' }, 'MLST')],
  ['MKD', (said) => named(said, (path) => ({ do: { is: 'change', verb: 'MKD', path, from: '' } }))],
  ['RMD', (said) => named(said, (path) => ({ do: { is: 'change', verb: 'RMD', path, from: '' } }))],
  ['DELE', (said) => named(said, (path) => ({ do: { is: 'change', verb: 'DELE', path, from: '' } }))],
  ['RNFR', (said) => looking(said, 'RNFR')],
  ['RNTO', rename],
  ['REIN', reinitialise],
]);

/** Commands that change files. */
const WRITERS: ReadonlySet<string> = new Set(['STOR', 'APPE', 'STOU', 'DELE', 'MKD', 'RMD', 'RNFR', 'RNTO']);

/** Commands that there are, and that nobody needs here. */
const UNWANTED: readonly string[] = ['ACCT', 'ADAT', 'CCC', 'CONF', 'ENC', 'HOST', 'LANG', 'MIC', 'SITE', 'SMNT'];

/** Other words for the same, which programs still say (RFC 1123 §4.1.3.1). */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['XCUP', 'CDUP'],
  ['XCWD', 'CWD'],
  ['XMKD', 'MKD'],
  ['XPWD', 'PWD'],
  ['XRMD', 'RMD'],
]);

// Who speaks (RFC 959 §4.1.1).

function user({ session, argument }: Said): Answer {
  if (argument === '') return { say: reply(501, 'USER needs a name.') };
  // Whoever it is, the answer is the same: it does not tell which names there are.
  return {
    remember: { is: 'named', user: argument },
    say: reply(331, 'And the password?'),
    ...(hasData(session) ? { do: { is: 'unlisten' } } : {}),
  };
}

function pass({ session, argument }: Said): Answer {
  if (session.is !== 'named') return { say: reply(503, 'USER comes first.') };
  return { do: { is: 'check', user: session.user, password: argument } };
}

/** The password was right or wrong. */
function checked(session: Session, { user, may }: Outcome & { is: 'checked' }): Answer {
  // Forgotten, while the password was looked at.
  if (session.is !== 'named' || session.user !== user) return { say: reply(503, 'USER comes first.') };
  if (may !== 'nothing') {
    const words = may === 'write' ? 'Come in: you may read and write.' : 'Come in: you may read.';
    return { remember: { is: 'loggedIn', user, writes: may === 'write' }, say: reply(230, words) };
  }
  if (session.wrong + 1 < TRIES) return { remember: { is: 'refused' }, say: reply(530, 'That is not it.') };
  return { remember: { is: 'refused' }, say: reply(421, 'That is not it either. Good-bye.'), hangUp: true };
}

function reinitialise({ session }: Said): Answer {
  if (session.tls) return { say: reply(502, 'Not over TLS: QUIT, and connect again.') };
  return { remember: { is: 'reinitialised' }, say: reply(220, 'As new.'), do: { is: 'unlisten' } };
}

/** During a transfer, the good-bye waits for its end. */
function quit({ session }: Said): Answer {
  if (transferOf(session)) return { remember: { is: 'interrupted', after: 'quit' } };
  return { say: reply(221, 'Good-bye.'), hangUp: true };
}

// Through what one speaks (RFC 4217).

function auth({ session, argument }: Said): Answer {
  if (!/^(TLS|TLS-C|SSL)$/i.test(argument)) return { say: reply(504, 'Only AUTH TLS is spoken here.') };
  return session.tls ? { say: reply(503, 'This is TLS already.') } : { do: { is: 'certify' } };
}

function pbsz({ session }: Said): Answer {
  if (!session.tls) return { say: reply(503, 'AUTH comes first.') };
  return { remember: { is: 'protected', prot: null }, say: reply(200, 'PBSZ=0') };
}

function prot({ session, argument }: Said): Answer {
  const prot = argument.toUpperCase();
  if (!session.pbsz) return { say: reply(503, 'PBSZ comes first.') };
  if (prot === 'S' || prot === 'E') return { say: reply(536, 'TLS is either P or C.') };
  if (prot !== 'P' && prot !== 'C') return { say: reply(504, 'PROT is P or C.') };
  return {
    remember: { is: 'protected', prot },
    say: reply(200, `Data connections are ${prot === 'P' ? 'private' : 'clear'}.`),
  };
}

// What can be done here.

function features({ session }: Said): Answer {
  const facts = FACTS.map((fact) => `${fact}${session.tells.includes(fact) ? '*' : ''};`).join('');
  const lines = [
    'AUTH TLS',
    'EPRT',
    'EPSV',
    'MDTM',
    `MLST ${facts}`,
    'PBSZ',
    'PROT',
    'REST STREAM',
    'SIZE',
    'TVFS',
    'UTF8',
  ];
  return { say: reply(211, 'Beyond RFC 959:', ...lines.map((line) => ` ${line}`), 'End') };
}

/** OPTS UTF8 ON (draft-ietf-ftpext-utf-8-option) changes nothing: names are UTF-8 in any case (RFC 2640). OPTS MLST chooses facts (RFC 3659 §7.9). */
function options({ argument }: Said): Answer {
  const [, what = '', rest = ''] = /^(\S*) ?(.*)$/s.exec(argument) ?? [];
  if (/^UTF-?8$/i.test(what)) return { say: reply(/^(ON)?$/i.test(rest) ? 200 : 501, 'Names are UTF-8.') };
  if (!/^MLST$/i.test(what)) return { say: reply(501, 'OPTS is for MLST and UTF8.') };
  const asked = new Set(rest.toLowerCase().split(';'));
  const tells = FACTS.filter((fact) => asked.has(fact));
  const told = tells.map((fact) => `${fact};`).join('');
  return { remember: { is: 'told', tells }, say: reply(200, told === '' ? 'MLST OPTS' : `MLST OPTS ${told}`) };
}

function help({ argument }: Said): Answer {
  const verb = argument.toUpperCase();
  if (verb !== '') {
    const asks = asksFor(verb);
    return { say: asks === undefined ? reply(501, 'There is no such command.') : reply(214, `${verb} asks: ${asks}`) };
  }
  const rows = verbs.flatMap((_verb, at) => (at % 10 === 0 ? [` ${verbs.slice(at, at + 10).join(' ')}`] : []));
  return { say: reply(214, 'These commands are known:', ...rows, 'HELP and one of them says more.') };
}

// How and where to (RFC 959 §4.1.2).

function type({ argument }: Said): Answer {
  const [, type] = /^([AI]|A N|L 8)$/i.exec(argument) ?? [];
  if (type === undefined) return { say: reply(504, 'TYPE is A or I.') };
  const kept = /^A/i.test(type) ? 'A' : 'I';
  return { remember: { is: 'changedType', type: kept }, say: reply(200, `Type is ${kept}.`) };
}

function rest({ session, argument }: Said<Insider>): Answer {
  const rest = /^\d{1,15}$/.test(argument) ? Number(argument) : undefined;
  if (rest === undefined) return { say: reply(501, 'REST needs the number of a byte.') };
  // As text a file has other bytes at each end, and the same number would mean two places.
  if (session.type === 'A' && rest > 0) return { say: reply(504, 'Not as text: say TYPE I first.') };
  return { remember: { is: 'restarted', rest }, say: reply(350, `The next transfer begins at byte ${rest}.`) };
}

function epsv({ argument, from }: Said): Answer {
  if (/^ALL$/i.test(argument)) return { remember: { is: 'onlyEpsv' }, say: reply(200, 'EPSV it is.') };
  const own = familyOf(addressIn(from));
  if (argument !== '' && argument !== own) return { say: reply(522, `This connection speaks (${own}).`) };
  return { do: { is: 'listen', verb: 'EPSV' } };
}

/** RFC 2428 §3. */
const AFTER_EPSV_ALL: Answer = { say: reply(501, 'You said EPSV ALL.') };

/** Services that nobody may be made to speak to, even where the port would be allowed: databases, caches, screens. */
const SERVICES: ReadonlySet<number> = new Set([
  1433, 1521, 2049, 2375, 2376, 2379, 3306, 3389, 4369, 5432, 5672, 5900, 5984, 6000, 6379, 8086, 9042, 9092, 9200,
  9300, 11211, 27017, 33060, 50070,
]);

/**
 * PORT and EPRT: where the client waits for us. A server that dials whatever it is told can be made to attack others in its own
 * name (the bounce, RFC 2577 §3), so it dials only who asks, and no port at which a service may listen. On loopback the first
 * rule protects nobody, since everybody is 127.0.0.1 there: only ports that the system hands out are dialled.
 */
function aim({ session, verb, from, command, dials }: Said<Insider>): Answer {
  if (!dials) return { say: reply(502, 'Nobody is dialled from here: say EPSV or PASV.') };
  if (session.onlyEpsv) return AFTER_EPSV_ALL;
  const where = endpointIn(command);
  if (!where)
    return { say: reply(501, verb === 'PORT' ? 'PORT needs six numbers.' : 'EPRT needs |family|host|port|.') };
  const own = addressIn(from);
  const family = familyOf(own);
  if (where.family !== family) return { say: reply(522, `This connection speaks (${family}).`) };
  if (plainAddress(where.host) !== own) return { say: reply(501, 'Only your own address is dialled.') };
  const least = own === '::1' || own.startsWith('127.') ? 32_768 : 1024;
  if (where.port < least || SERVICES.has(where.port))
    return { say: reply(501, `No port below ${least}, and none of a known service, is dialled.`) };
  const data: Data = { is: 'active', host: own, port: where.port };
  return { remember: { is: 'data', data }, say: reply(200, 'You will be dialled.'), do: { is: 'unlisten' } };
}

/** There is a listener. */
function listening({ host, port, verb }: Outcome & { is: 'listening' }): Answer {
  const numbers = [...host.split('.'), port >>> 8, port & 255].join(',');
  const where =
    verb === 'EPSV'
      ? reply(229, `Entering Extended Passive Mode (|||${port}|)`)
      : reply(227, `Entering Passive Mode (${numbers}).`);
  return { remember: { is: 'data', data: { is: 'passive' } }, say: where };
}

// Files (RFC 959 §4.1.3).

/** A file or a listing goes over the next data connection, which is used up by it; so is the offset. */
function transfer({ session, verb }: Said<Insider>, what: TransferDeed['what']): Answer {
  const { data: over, type, prot } = session;
  if (over.is === 'none') return { say: reply(425, 'Over which connection? Say PASV or PORT first.') };
  return {
    remember: { is: 'began', verb, file: what.path },
    do: { is: 'transfer', what, over, ascii: type === 'A', tls: prot === 'P' },
  };
}

function receiving(said: Said<Insider>, how: (TransferDeed['what'] & { is: 'receive' })['how']): Answer {
  return named(said, (path) => transfer(said, { is: 'receive', path, how }));
}

/** LIST and NLST take options as `ls` does, and everybody sends some: they are for people, and change nothing here. */
function listing(said: Said<Insider>): Answer {
  const { verb, session, now } = said;
  const argument = verb === 'MLSD' ? said.argument : withoutOptions(said.argument);
  const form = verb === 'MLSD' || verb === 'NLST' ? verb : 'LIST';
  return named({ ...said, argument: argument || '.' }, (path) =>
    transfer(said, { is: 'listing', path, form, now, writes: session.writes, tells: session.tells }),
  );
}

/** STAT alone is answered from memory, also during a transfer; of a name it is a LIST over this connection. */
function status(said: Said<Insider>): Answer {
  const { session, now, argument } = said;
  if (argument === '')
    return {
      say: reply(
        211,
        'What is remembered of you:',
        ...Object.entries(remembered(session)).map(([part, known]) => ` ${part} ${known}`),
        'End',
      ),
    };
  return named({ ...said, argument: withoutOptions(argument) || '.' }, (path) => ({
    do: { is: 'list', path, now, writes: session.writes },
  }));
}

function abort({ session }: Said): Answer {
  if (transferOf(session)) return { remember: { is: 'interrupted', after: 'abort' }, do: { is: 'abort' } };
  return {
    remember: { is: 'data', data: { is: 'none' } },
    say: reply(226, 'Nothing is under way.'),
    do: { is: 'unlisten' },
  };
}

function size(said: Said<Insider>): Answer {
  if (said.session.type === 'I') return looking(said, 'SIZE');
  return { say: reply(550, 'As text it has another size, and nobody has counted: say TYPE I first.') };
}

/** RNFR is remembered for one RNTO, whatever comes of that. */
function rename(said: Said<Insider>): Answer {
  const { renaming: from } = said.session;
  if (from === undefined) return { say: reply(503, 'RNFR comes first.') };
  return named(said, (path) => ({
    remember: { is: 'renaming', from: null },
    do: { is: 'change', verb: 'RNTO', path, from },
  }));
}

/** Whether something is there, and what it is, only the files can tell. */
function looking(said: Said<Insider>, verb: Look): Answer {
  return named(said, (path) => ({ do: { is: 'look', verb, path } }));
}

/** Goes on with the absolute name that the argument means here, or says that it is none. */
function named({ session, argument, verb }: Said<Insider>, go: (path: string) => Answer): Answer {
  if (argument === '') return { say: reply(501, `${verb} needs a name.`) };
  // Bytes that are no UTF-8 have become this character: what they meant is lost (RFC 2640 §3).
  if (argument.includes('\ufffd')) return { say: reply(501, 'Names are UTF-8.') };
  try {
    return go(resolve(session.cwd, argument));
  } catch (error) {
    if (!(error instanceof FolderError)) throw error;
    return { say: reply(501, error.message) };
  }
}

/** What came of a deed: only now is it known what to answer, and what is worth remembering. */
function learn(session: Session, outcome: Outcome): Answer {
  switch (outcome.is) {
    case 'checked':
      return checked(session, outcome);
    case 'certified':
      return { remember: { is: 'secured' }, say: reply(234, 'TLS from the next byte on.'), do: { is: 'encrypt' } };
    case 'listening':
      return listening(outcome);
    case 'seen':
      return seen(session, outcome);
    case 'listed':
      return { say: reply(213, `${outcome.path}:`, ...outcome.lines.map((line) => ` ${line}`), 'End') };
    case 'changed':
      if (outcome.verb === 'MKD') return { say: reply(257, `${inQuotes(outcome.path)} is there now.`) };
      return {
        say: reply(250, outcome.verb === 'RNTO' ? `It is called ${inQuotes(outcome.path)} now.` : 'It is gone.'),
      };
    case 'opened':
      return { say: reply(150, begun(session, outcome)) };
    case 'done':
      return ended(session, reply(226, `That was all: ${outcome.bytes} bytes.`));
    case 'failed': {
      // RFC 3659 §7.2.1 has its own word for a file where MLSD wants a folder.
      const code = outcome.why === 'notFolder' && transferOf(session)?.verb === 'MLSD' ? 501 : FAILURES[outcome.why];
      return ended(session, reply(code, outcome.words));
    }
  }
}

/** Something is there. What that means depends on who asked. */
function seen(session: Session, entry: Outcome & { is: 'seen' }): Answer {
  const isFile = entry.kind === 'file';
  const where = inQuotes(entry.path);
  switch (entry.verb) {
    case 'CWD':
      if (isFile) return { say: reply(550, 'That is not a folder.') };
      return { remember: { is: 'changedFolder', cwd: entry.path }, say: reply(250, `You are in ${where} now.`) };
    case 'SIZE':
      return { say: isFile ? reply(213, String(entry.size)) : reply(550, 'That is a folder.') };
    case 'MDTM':
      return { say: isFile ? reply(213, modifyStamp(entry.mtime)) : reply(550, 'That is a folder.') };
    case 'MLST': {
      const line = factsLine(entry, session.is === 'loggedIn' && session.writes, session.tells, entry.path);
      return { say: reply(250, 'About it:', ` ${line}`, 'End') };
    }
    case 'RNFR':
      return { remember: { is: 'renaming', from: entry.path }, say: reply(350, 'And its new name?') };
  }
}

/** STOU tells the name in words that programs know (RFC 1123 §4.1.2.9), and many look for a size in brackets. */
function begun(session: Session, { path, size }: Outcome & { is: 'opened' }): string {
  if (transferOf(session)?.verb === 'STOU') return `FILE: ${path}`;
  return size === null ? `Ready for ${path}` : `Here comes ${path} (${size} bytes)`;
}

/** A deed is over, well or not. If it was a transfer, what was asked meanwhile is answered now. */
function ended(session: Session, how: Reply): Answer {
  const transfer = transferOf(session);
  if (!transfer) return { say: how };
  const remember: Change = { is: 'ended' };
  if (transfer.after === 'abort') return { remember, say: [how, reply(226, 'It was stopped.')] };
  if (transfer.after === 'quit') return { remember, say: [how, reply(221, 'Good-bye.')], hangUp: true };
  return { remember, say: how };
}

function apply(state: State, event: Event): void {
  const { path } = event;
  const session = state.sessions.get(path) ?? NOBODY;
  const { tls, pbsz, prot, wrong, tells } = session;
  const channel: Channel = { tls, pbsz, prot, wrong, tells };
  const put = (changed: Session) => void state.sessions.set(path, changed);
  /** Changes something of who is logged in; who is not, or was forgotten meanwhile, has nothing to change. */
  const change = (changed: Partial<LoggedIn>) => {
    if (session.is === 'loggedIn') put({ ...session, ...changed });
  };
  switch (event.is) {
    case 'greeted':
      return put(NOBODY);
    case 'parted':
      return void state.sessions.delete(path);
    case 'named':
      return put({ ...channel, is: 'named', user: event.user });
    case 'refused':
      return put({ ...channel, is: 'greeted', wrong: wrong + 1 });
    case 'loggedIn':
      return put({
        ...channel,
        is: 'loggedIn',
        user: event.user,
        writes: event.writes,
        cwd: '/',
        type: 'A',
        rest: 0,
        renaming: undefined,
        data: { is: 'none' },
        onlyEpsv: false,
        transfer: { is: 'none' },
      });
    case 'reinitialised':
      return put(NOBODY);
    case 'secured':
      // Whatever was said in clear may have been said by somebody else: USER and PASS have to be said anew (RFC 2228 §3).
      return put({ ...NOBODY, wrong, tls: true });
    case 'protected':
      return put({ ...session, pbsz: true, prot: event.prot ?? prot });
    case 'told':
      return put({ ...session, tells: event.tells });
    case 'changedFolder':
      return change({ cwd: event.cwd });
    case 'changedType':
      return change(event.type === 'A' ? { type: 'A', rest: 0 } : { type: 'I' });
    case 'restarted':
      return change({ rest: event.rest });
    case 'renaming':
      return change({ renaming: event.from ?? undefined });
    case 'data':
      return change({ data: event.data });
    case 'onlyEpsv':
      return change({ onlyEpsv: true });
    case 'began':
      return change({
        rest: 0,
        data: { is: 'none' },
        transfer: { is: 'under way', verb: event.verb, path: event.file, after: 'go on' },
      });
    case 'interrupted':
      if (session.is === 'loggedIn' && session.transfer.is !== 'none')
        change({ transfer: { ...session.transfer, after: event.after } });
      return;
    case 'ended':
      return change({ transfer: { is: 'none' } });
  }
}

function facts({ sessions }: State): Facts {
  return Object.fromEntries(
    [...sessions].flatMap(([path, session]) =>
      Object.entries(remembered(session)).map(([part, known]) => [`${part}[${path}]`, known]),
    ),
  );
}

/** A session in words, part by part: each is written and used by commands of its own. Ports are rolled by the system and left out. */
function remembered(session: Session): Facts {
  const { tls, wrong, prot, tells } = session;
  const also = [
    ...(wrong === 0 ? [] : [`wrong passwords ${wrong}`]),
    ...(tls ? ['TLS'] : []),
    ...(prot === 'P' ? ['private data connections'] : []),
    ...(tells.length === FACTS.length ? [] : [`MLST tells ${tells.join(' ') || 'nothing'}`]),
  ];
  if (session.is === 'greeted') return { session: ['greeted', ...also].join(', ') };
  const user = printable(session.user, 40);
  if (session.is === 'named') return { session: [`${user} by name`, ...also].join(', ') };
  const { writes, cwd, type, rest, renaming, data, transfer, onlyEpsv } = session;
  const who = [`${user} ${writes ? 'may write' : 'may read'}`, ...(onlyEpsv ? ['EPSV only'] : []), ...also];
  return {
    session: who.join(', '),
    folder: printable(cwd, 120),
    type,
    ...(rest === 0 ? {} : { offset: String(rest) }),
    ...(renaming === undefined ? {} : { renaming: printable(renaming, 120) }),
    ...(data.is === 'none' ? {} : { 'data port': data.is }),
    ...(transfer.is === 'none' ? {} : { transfer: `${transfer.verb} ${printable(transfer.path, 120)}` }),
  };
}

function transferOf(session: Session): (Transfer & { is: 'under way' }) | undefined {
  return session.is === 'loggedIn' && session.transfer.is !== 'none' ? session.transfer : undefined;
}

function hasData(session: Session): boolean {
  return session.is === 'loggedIn' && session.data.is !== 'none';
}

/** The address in a path, as IPv4 where it is one. */
function addressIn(path: Path): string {
  return plainAddress(addressOf(path).address);
}

/** The number of an address family in EPRT and EPSV (RFC 2428 §2). */
function familyOf(address: string): '1' | '2' {
  return address.includes(':') ? '2' : '1';
}

function withoutOptions(argument: string): string {
  return argument.replace(/^(-\S*(\s+|$))+/, '');
}

/** A name in quotes, quotes in it doubled (RFC 959, appendix II). */
function inQuotes(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}

function decided(to: Path, { remember, say = [], do: deed, hangUp }: Answer): Decision<Message, Event, Deed> {
  const actions: Action<Message, Deed>[] = [say].flat().map((each) => ({ to, say: each }));
  if (deed) actions.push({ to, does: deed });
  if (hangUp) actions.push({ to, hangUp });
  return { events: remember ? [{ ...remember, path: to }] : [], actions };
}

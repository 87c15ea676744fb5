// Everything this server remembers between two commands: who is logged in, where, and how the next file is to travel.

import { type Entry, FolderError, type FolderErrorKind, resolve } from '../../served/folder.ts';
import { FACTS, type Fact, factsLine, modifyStamp } from '../../served/listing.ts';
import { printable } from '../../wire/printable.ts';
import type { Action as AnyAction, Decision as AnyDecision, Facts, Path, Rules, World } from '../shapes.ts';
import { asksFor, type Command, endpointIn, type Message, reply, verbs } from './wire.ts';

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
  /** EPSV ALL has been said: no other way to a data connection is wanted (RFC 2428 §4). */
  onlyEpsv: boolean;
  transfer: Transfer;
}

/** `passive`: the client dials us, `active`: we dial it (§3.3). */
export type Data = { is: 'none' } | { is: 'passive' } | { is: 'active'; host: string; port: number };

/** What is on its way. `after`: what was asked meanwhile, and is answered when it is over. */
type Transfer = { is: 'none' } | { is: 'under way'; verb: string; path: string; after: 'go on' | 'abort' | 'quit' };

export type Event =
  | { is: 'greeted'; path: Path }
  | { is: 'parted'; path: Path }
  | { is: 'named'; path: Path; user: string }
  | { is: 'refused'; path: Path }
  | { is: 'loggedIn'; path: Path; user: string; writes: boolean }
  | { is: 'reinitialised'; path: Path }
  | { is: 'secured'; path: Path }
  | { is: 'protected'; path: Path; prot: 'C' | 'P' | null }
  | { is: 'told'; path: Path; tells: Fact[] }
  | { is: 'changedFolder'; path: Path; cwd: string }
  | { is: 'changedType'; path: Path; type: 'A' | 'I' }
  | { is: 'restarted'; path: Path; rest: number }
  | { is: 'renaming'; path: Path; from: string | null }
  | { is: 'data'; path: Path; data: Data }
  | { is: 'onlyEpsv'; path: Path }
  | { is: 'began'; path: Path; verb: string; file: string }
  | { is: 'interrupted'; path: Path; after: 'abort' | 'quit' }
  | { is: 'ended'; path: Path };

/** What takes time, or needs a socket or a file. `server.ts` does it, and what came of it is an {@link Outcome}. */
export type Deed =
  | { is: 'check'; user: string; password: string }
  | { is: 'listen'; verb: 'PASV' | 'EPSV' }
  /** No data connection is awaited any more. Has no outcome. */
  | { is: 'unlisten' }
  | { is: 'look'; verb: Look; path: string }
  | { is: 'list'; path: string; now: number; writes: boolean }
  | { is: 'change'; verb: Change; path: string; from: string }
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
type Change = 'MKD' | 'RMD' | 'DELE' | 'RNTO';

export type Outcome =
  | { is: 'checked'; user: string; may: 'nothing' | 'read' | 'write' }
  | { is: 'listening'; verb: 'PASV' | 'EPSV'; host: string; port: number }
  | { is: 'seen'; verb: Look; kind: Entry['kind']; name: string; path: string; size: number; mtime: number; id: string }
  | { is: 'listed'; path: string; lines: string[] }
  | { is: 'changed'; verb: Change; path: string }
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
  | 'reset'
  | 'stalled'
  | 'aborted';

/** RFC 959 §4.2.2 and §5.4; 522 and 431 are of RFC 4217, 554 of RFC 3659. */
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
  reset: 426,
  stalled: 426,
  aborted: 426,
};

/** Wrong passwords that are taken before the server hangs up. */
const TRIES = 3;

/** A stranger: who has just been greeted, and whoever was forgotten. */
const NOBODY: Session = { is: 'greeted', tls: false, pbsz: false, prot: 'C', wrong: 0, tells: [...FACTS] };

type Action = AnyAction<Message, Deed>;
type Decision = AnyDecision<Message, Event, Deed>;

/** A command, and all that its rule may look at. */
interface Said<S extends Session = Session> {
  session: S;
  verb: string;
  argument: string;
  from: Path;
  now: number;
  command: Command;
}
type Rule<S extends Session = Session> = (said: Said<S>) => Decision;
type Insider = Session & LoggedIn;

export const rules: Rules<State, Message, Event, Deed, Outcome> = {
  empty: () => ({ sessions: new Map() }),

  greet: (_state, from) =>
    both(
      [{ is: 'greeted', path: from }],
      say(from, 220, 'This server remembers you as long as this connection lasts.'),
    ),

  decide(state, message, from, world) {
    if (message.is !== 'command') return only(say(from, 500, 'That is a reply, and nobody asked.'));
    const session = state.sessions.get(from) ?? NOBODY;
    const verb = ALIASES.get(message.verb) ?? message.verb;
    const said = { session, verb, argument: message.argument, from, now: world.now(), command: message };
    const open = ANYBODY.get(verb);
    if (open) return open(said);
    const rule = INSIDERS.get(verb);
    if (!rule)
      return only(
        UNWANTED.has(verb) ? say(from, 502, `${verb} is not done here.`) : say(from, 500, 'There is no such command.'),
      );
    if (session.is !== 'loggedIn') return only(say(from, 530, 'Log in first, with USER and PASS.'));
    if (WRITERS.has(verb) && !session.writes)
      return only(say(from, 550, `${printable(session.user, 40)} may only read.`));
    return rule({ ...said, session });
  },

  learn,

  part: (state, from) => (state.sessions.has(from) ? both([{ is: 'parted', path: from }]) : NOTHING),

  apply,

  // What is filed under a path ends with it.
  lasting: () => false,

  facts,
};

/** The verbs of RFC 775, which are other words for the same. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['XCUP', 'CDUP'],
  ['XCWD', 'CWD'],
  ['XMKD', 'MKD'],
  ['XPWD', 'PWD'],
  ['XRMD', 'RMD'],
]);

/** Commands that there are, and that nobody needs here. */
const UNWANTED: ReadonlySet<string> = new Set([
  'ACCT',
  'SMNT',
  'SITE',
  'ADAT',
  'CCC',
  'CONF',
  'ENC',
  'MIC',
  'LANG',
  'HOST',
]);

/** Commands that change files. */
const WRITERS: ReadonlySet<string> = new Set(['STOR', 'APPE', 'STOU', 'DELE', 'MKD', 'RMD', 'RNFR', 'RNTO']);

/** What a stranger may say (threats: the commands before a log-in; PBSZ and PROT belong to AUTH). */
const ANYBODY: ReadonlyMap<string, Rule> = new Map([
  [
    'USER',
    ({ session, argument, from }) =>
      argument === ''
        ? only(say(from, 501, 'USER needs a name.'))
        : both(
            [{ is: 'named', path: from, user: argument }],
            // Whoever it is, the answer is the same: it does not tell which names there are.
            ...(hasData(session) ? [does(from, { is: 'unlisten' })] : []),
            say(from, 331, 'And the password?'),
          ),
  ],
  [
    'PASS',
    ({ session, argument, from }) =>
      session.is === 'named'
        ? only(does(from, { is: 'check', user: session.user, password: argument }))
        : only(say(from, 503, 'USER comes first.')),
  ],
  [
    'QUIT',
    ({ session, from }) =>
      session.is === 'loggedIn' && session.transfer.is !== 'none'
        ? both([{ is: 'interrupted', path: from, after: 'quit' }])
        : only(say(from, 221, 'Good-bye.'), { to: from, hangUp: true }),
  ],
  ['NOOP', ({ from }) => only(say(from, 200, 'Yes.'))],
  ['SYST', ({ from }) => only(say(from, 215, 'UNIX Type: L8'))],
  [
    'FEAT',
    ({ session, from }) => {
      const told = FACTS.map((fact) => `${fact}${session.tells.includes(fact) ? '*' : ''};`).join('');
      const lines = [
        'AUTH TLS',
        'EPRT',
        'EPSV',
        'MDTM',
        `MLST ${told}`,
        'PBSZ',
        'PROT',
        'REST STREAM',
        'SIZE',
        'TVFS',
        'UTF8',
      ];
      return only(say(from, 211, 'Beyond RFC 959:', ...lines.map((line) => ` ${line}`), 'End'));
    },
  ],
  [
    'HELP',
    ({ argument, from }) => {
      const verb = argument.toUpperCase();
      if (verb !== '' && asksFor(verb) === undefined) return only(say(from, 501, 'There is no such command.'));
      if (verb !== '') return only(say(from, 214, `${verb} asks: ${asksFor(verb)}`));
      const rows = verbs.flatMap((_verb, at) => (at % 10 === 0 ? [` ${verbs.slice(at, at + 10).join(' ')}`] : []));
      return only(say(from, 214, 'These commands are known:', ...rows, 'HELP and one of them says more.'));
    },
  ],
  ['OPTS', options],
  [
    'AUTH',
    ({ session, argument, from }) => {
      if (!/^(TLS|TLS-C|SSL)$/i.test(argument)) return only(say(from, 504, 'Only AUTH TLS is spoken here.'));
      return only(session.tls ? say(from, 503, 'This is TLS already.') : does(from, { is: 'certify' }));
    },
  ],
  [
    'PBSZ',
    ({ session, from }) =>
      session.tls
        ? both([{ is: 'protected', path: from, prot: null }], say(from, 200, 'PBSZ=0'))
        : only(say(from, 503, 'AUTH comes first.')),
  ],
  [
    'PROT',
    ({ session, argument, from }) => {
      const prot = argument.toUpperCase();
      if (!session.pbsz) return only(say(from, 503, 'PBSZ comes first.'));
      if (prot === 'S' || prot === 'E') return only(say(from, 536, 'TLS is either P or C.'));
      if (prot !== 'P' && prot !== 'C') return only(say(from, 504, 'PROT is P or C.'));
      return both(
        [{ is: 'protected', path: from, prot }],
        say(from, 200, `Data connections are ${prot === 'P' ? 'private' : 'clear'}.`),
      );
    },
  ],
]);

/** What only those may say who are logged in. */
const INSIDERS: ReadonlyMap<string, Rule<Insider>> = new Map([
  [
    'REIN',
    ({ session, from }) =>
      session.tls
        ? only(say(from, 502, 'Not over TLS: QUIT, and connect again.'))
        : both([{ is: 'reinitialised', path: from }], does(from, { is: 'unlisten' }), say(from, 220, 'As new.')),
  ],

  // Where names are meant from. Only when the folder turns out to be there does the server remember it.
  ['CWD', (said) => named(said, said.argument, (path) => only(does(said.from, { is: 'look', verb: 'CWD', path })))],
  ['CDUP', (said) => named(said, '..', (path) => only(does(said.from, { is: 'look', verb: 'CWD', path })))],
  ['PWD', ({ session, from }) => only(say(from, 257, `${inQuotes(session.cwd)} is where you are.`))],

  // How the next file is to travel.
  [
    'TYPE',
    ({ argument, from }) => {
      const [, type] = /^([AI]|A N|L 8)$/i.exec(argument) ?? [];
      if (type === undefined) return only(say(from, 504, 'TYPE is A or I.'));
      const kept = type[0]?.toUpperCase() === 'A' ? 'A' : 'I';
      return both([{ is: 'changedType', path: from, type: kept }], say(from, 200, `Type is ${kept}.`));
    },
  ],
  ['MODE', onlyOne('S', 'MODE is S: a stream.')],
  ['STRU', onlyOne('F', 'STRU is F: no structure but bytes.')],
  ['ALLO', ({ from }) => only(say(from, 202, 'There is no need to.'))],
  [
    'REST',
    ({ session, argument, from }) => {
      const rest = /^\d{1,15}$/.test(argument) ? Number(argument) : undefined;
      if (rest === undefined) return only(say(from, 501, 'REST needs the number of a byte.'));
      // As text a file has other bytes at each end, and the same number would mean two places.
      if (session.type === 'A' && rest > 0) return only(say(from, 504, 'Not as text: say TYPE I first.'));
      return both([{ is: 'restarted', path: from, rest }], say(from, 350, `The next transfer begins at byte ${rest}.`));
    },
  ],

  // Where the next data connection comes from.
  [
    'PASV',
    (said) => (said.session.onlyEpsv ? afterEpsvAll(said) : only(does(said.from, { is: 'listen', verb: 'PASV' }))),
  ],
  [
    'EPSV',
    ({ argument, from }) => {
      if (argument.toUpperCase() === 'ALL')
        return both([{ is: 'onlyEpsv', path: from }], say(from, 200, 'EPSV it is.'));
      const own = addressIn(from).includes(':') ? '2' : '1';
      if (argument !== '' && argument !== own) return only(say(from, 522, `This connection speaks (${own}).`));
      return only(does(from, { is: 'listen', verb: 'EPSV' }));
    },
  ],
  ['PORT', aim],
  ['EPRT', aim],

  // Files and folders on their way.
  [
    'RETR',
    (said) => named(said, said.argument, (path) => transfer(said, { is: 'send', path, offset: said.session.rest })),
  ],
  [
    'STOR',
    (said) =>
      named(said, said.argument, (path) => transfer(said, { is: 'receive', path, how: { offset: said.session.rest } })),
  ],
  [
    'APPE',
    (said) => named(said, said.argument, (path) => transfer(said, { is: 'receive', path, how: { append: true } })),
  ],
  [
    'STOU',
    (said) =>
      named(said, said.argument || 'file', (path) => transfer(said, { is: 'receive', path, how: { unique: true } })),
  ],
  ['LIST', listing],
  ['NLST', listing],
  ['MLSD', listing],
  [
    'ABOR',
    ({ session, from }) =>
      session.transfer.is === 'none'
        ? both(
            [{ is: 'data', path: from, data: { is: 'none' } }],
            does(from, { is: 'unlisten' }),
            say(from, 226, 'Nothing is under way.'),
          )
        : both([{ is: 'interrupted', path: from, after: 'abort' }], does(from, { is: 'abort' })),
  ],

  // Files and folders where they are.
  ['STAT', status],
  ['MLST', (said) => named(said, said.argument, (path) => only(does(said.from, { is: 'look', verb: 'MLST', path })))],
  ['MDTM', (said) => named(said, said.argument, (path) => only(does(said.from, { is: 'look', verb: 'MDTM', path })))],
  [
    'SIZE',
    (said) =>
      said.session.type === 'A'
        ? only(say(said.from, 550, 'As text it has another size, and nobody has counted: say TYPE I first.'))
        : named(said, said.argument, (path) => only(does(said.from, { is: 'look', verb: 'SIZE', path }))),
  ],
  ['MKD', changing('MKD')],
  ['RMD', changing('RMD')],
  ['DELE', changing('DELE')],
  ['RNFR', (said) => named(said, said.argument, (path) => only(does(said.from, { is: 'look', verb: 'RNFR', path })))],
  [
    'RNTO',
    (said) => {
      const { renaming: from } = said.session;
      if (from === undefined) return only(say(said.from, 503, 'RNFR comes first.'));
      return named(said, said.argument, (path) =>
        both(
          [{ is: 'renaming', path: said.from, from: null }],
          does(said.from, { is: 'change', verb: 'RNTO', path, from }),
        ),
      );
    },
  ],
]);

/** What came of a deed: only now is it known what to answer, and what is worth remembering. */
function learn(state: State, outcome: Outcome, from: Path, _world: World): Decision {
  const session = state.sessions.get(from) ?? NOBODY;
  switch (outcome.is) {
    case 'checked':
      return checked(session, outcome, from);
    case 'certified':
      return both(
        [{ is: 'secured', path: from }],
        say(from, 234, 'TLS from the next byte on.'),
        does(from, { is: 'encrypt' }),
      );
    case 'listening': {
      const { host, port, verb } = outcome;
      const numbers = [...host.split('.'), port >>> 8, port & 255].join(',');
      const where =
        verb === 'EPSV'
          ? say(from, 229, `Entering Extended Passive Mode (|||${port}|)`)
          : say(from, 227, `Entering Passive Mode (${numbers}).`);
      return both([{ is: 'data', path: from, data: { is: 'passive' } }], where);
    }
    case 'seen':
      return seen(session, outcome, from);
    case 'listed':
      return only(say(from, 213, `${outcome.path}:`, ...outcome.lines.map((line) => ` ${line}`), 'End'));
    case 'changed':
      return only(
        outcome.verb === 'MKD'
          ? say(from, 257, `${inQuotes(outcome.path)} is there now.`)
          : say(from, 250, outcome.verb === 'RNTO' ? `It is called ${inQuotes(outcome.path)} now.` : 'It is gone.'),
      );
    case 'opened':
      return only(say(from, 150, begun(session, outcome)));
    case 'done':
      return ended(session, from, say(from, 226, `That was all: ${outcome.bytes} bytes.`));
    case 'failed': {
      const transfer = session.is === 'loggedIn' && session.transfer.is !== 'none' ? session.transfer : undefined;
      // RFC 3659 §7.2.1 has its own word for a file where MLSD wants a folder.
      const code = outcome.why === 'notFolder' && transfer?.verb === 'MLSD' ? 501 : FAILURES[outcome.why];
      return transfer ? ended(session, from, say(from, code, outcome.words)) : only(say(from, code, outcome.words));
    }
  }
}

/** The password was right or wrong. */
function checked(session: Session, { user, may }: Outcome & { is: 'checked' }, from: Path): Decision {
  // Forgotten, while the password was looked at.
  if (session.is !== 'named' || session.user !== user) return only(say(from, 503, 'USER comes first.'));
  if (may !== 'nothing')
    return both(
      [{ is: 'loggedIn', path: from, user, writes: may === 'write' }],
      say(from, 230, may === 'write' ? 'Come in: you may read and write.' : 'Come in: you may read.'),
    );
  if (session.wrong + 1 < TRIES) return both([{ is: 'refused', path: from }], say(from, 530, 'That is not it.'));
  return both([{ is: 'refused', path: from }], say(from, 421, 'That is not it either. Good-bye.'), {
    to: from,
    hangUp: true,
  });
}

/** Something is there. What that means depends on who asked. */
function seen(session: Session, entry: Outcome & { is: 'seen' }, from: Path): Decision {
  const isFile = entry.kind === 'file';
  switch (entry.verb) {
    case 'CWD':
      if (isFile) return only(say(from, 550, 'That is not a folder.'));
      return both(
        [{ is: 'changedFolder', path: from, cwd: entry.path }],
        say(from, 250, `You are in ${inQuotes(entry.path)} now.`),
      );
    case 'SIZE':
      return only(isFile ? say(from, 213, String(entry.size)) : say(from, 550, 'That is a folder.'));
    case 'MDTM':
      return only(isFile ? say(from, 213, modifyStamp(entry.mtime)) : say(from, 550, 'That is a folder.'));
    case 'MLST': {
      const line = factsLine(entry, session.is === 'loggedIn' && session.writes, session.tells, entry.path);
      return only(say(from, 250, 'About it:', ` ${line}`, 'End'));
    }
    case 'RNFR':
      return both([{ is: 'renaming', path: from, from: entry.path }], say(from, 350, 'And its new name?'));
  }
}

/** STOU tells the name in words that programs know (RFC 1123 §4.1.2.9), and many look for a size in brackets. */
function begun(session: Session, { path, size }: Outcome & { is: 'opened' }): string {
  if (session.is === 'loggedIn' && session.transfer.is !== 'none' && session.transfer.verb === 'STOU')
    return `FILE: ${path}`;
  return size === null ? `Ready for ${path}` : `Here comes ${path} (${size} bytes)`;
}

/** A transfer is over, well or not. What was asked meanwhile is answered now. */
function ended(session: Session, from: Path, how: Action): Decision {
  const after = session.is === 'loggedIn' && session.transfer.is !== 'none' ? session.transfer.after : 'go on';
  const actions: Action[] = [how];
  if (after === 'abort') actions.push(say(from, 226, 'It was stopped.'));
  if (after === 'quit') actions.push(say(from, 221, 'Good-bye.'), { to: from, hangUp: true });
  return both([{ is: 'ended', path: from }], ...actions);
}

/** OPTS UTF8 ON (RFC 2640) changes nothing: names are UTF-8 in any case. OPTS MLST chooses facts (RFC 3659 §7.9). */
function options({ argument, from }: Said): Decision {
  const [, what = '', rest = ''] = /^(\S*) ?(.*)$/s.exec(argument) ?? [];
  if (/^(UTF8|UTF-8)$/i.test(what))
    return only(
      /^(ON)?$/i.test(rest) ? say(from, 200, 'Names are UTF-8.') : say(from, 501, 'Names are UTF-8, always.'),
    );
  if (!/^MLST$/i.test(what)) return only(say(from, 501, 'OPTS is for MLST and UTF8.'));
  const asked = new Set(rest.toLowerCase().split(';'));
  const tells = FACTS.filter((fact) => asked.has(fact));
  return both(
    [{ is: 'told', path: from, tells }],
    say(from, 200, `MLST OPTS ${tells.map((fact) => `${fact};`).join('')}`),
  );
}

/** MODE and STRU: RFC 959 has others, and nobody has used them for decades. */
function onlyOne(value: string, words: string): Rule {
  return ({ argument, from }) => only(say(from, argument.toUpperCase() === value ? 200 : 504, words));
}

function changing(verb: 'MKD' | 'RMD' | 'DELE'): Rule<Insider> {
  return (said) => named(said, said.argument, (path) => only(does(said.from, { is: 'change', verb, path, from: '' })));
}

/** Services that a server must not be made to speak to, even where the port would be allowed: databases and caches. */
const SERVICES: ReadonlySet<number> = new Set([
  1433, 1521, 2049, 2375, 2376, 2379, 3306, 3389, 4369, 5432, 5672, 5900, 5984, 6000, 6379, 8086, 9042, 9092, 9200,
  9300, 11211, 27017, 33060, 50070,
]);

/**
 * PORT and EPRT: where the client waits for us. A server that dials whatever it is told can be made to attack others in its own
 * name (the bounce, RFC 2577 §3), so it dials only who asks, and no port at which a service may listen. On loopback the first
 * rule protects nobody, since everybody is 127.0.0.1 there: only ports that the system hands out are dialled.
 */
function aim(said: Said<Insider>): Decision {
  const { session, verb, from, command } = said;
  if (session.onlyEpsv) return afterEpsvAll(said);
  // The verb as it was said: X-variants have no PORT.
  const where = endpointIn(command);
  if (!where)
    return only(say(from, 501, verb === 'PORT' ? 'PORT needs six numbers.' : 'EPRT needs |family|host|port|.'));
  const own = addressIn(from);
  const family = own.includes(':') ? '2' : '1';
  if (where.family !== family) return only(say(from, 522, `This connection speaks (${family}).`));
  if (plain(where.host) !== own) return only(say(from, 501, 'Only your own address is dialled.'));
  const least = own === '::1' || own.startsWith('127.') ? 32_768 : 1024;
  if (where.port < least || SERVICES.has(where.port))
    return only(say(from, 501, `No port below ${least}, and none of a known service, is dialled.`));
  const data: Data = { is: 'active', host: own, port: where.port };
  return both(
    [{ is: 'data', path: from, data }],
    does(from, { is: 'unlisten' }),
    say(from, 200, 'You will be dialled.'),
  );
}

function afterEpsvAll({ from }: Said): Decision {
  return only(say(from, 501, 'You said EPSV ALL.'));
}

/** A file or a listing goes over the next data connection, which is used up by it; so is the offset. */
function transfer({ session, verb, from }: Said<Insider>, what: TransferDeed['what']): Decision {
  if (session.data.is === 'none') return only(say(from, 425, 'Over which connection? Say PASV or PORT first.'));
  const deed: Deed = {
    is: 'transfer',
    what,
    over: session.data,
    ascii: session.type === 'A',
    tls: session.prot === 'P',
  };
  return both([{ is: 'began', path: from, verb, file: what.path }], does(from, deed));
}

/** LIST and NLST take options as `ls` does, and everybody sends some: they are for people, and change nothing here. */
function listing(said: Said<Insider>): Decision {
  const { verb, session, now } = said;
  const name = verb === 'MLSD' ? said.argument : said.argument.replace(/^(-\S*(\s+|$))+/, '');
  const form = verb === 'MLSD' || verb === 'NLST' ? verb : 'LIST';
  return named(said, name || '.', (path) =>
    transfer(said, { is: 'listing', path, form, now, writes: session.writes, tells: session.tells }),
  );
}

/** STAT alone is answered from memory, also during a transfer; of a name it is a LIST over this connection (§4.1.3). */
function status(said: Said<Insider>): Decision {
  const { session, from, now } = said;
  if (said.argument !== '') {
    const name = said.argument.replace(/^(-\S*(\s+|$))+/, '');
    return named(said, name || '.', (path) => only(does(from, { is: 'list', path, now, writes: session.writes })));
  }
  return only(say(from, 211, 'What is remembered of you:', ...remembered(session).map((line) => ` ${line}`), 'End'));
}

/** Goes on with the absolute name that `name` means here, or says that it is none. */
function named({ session, from, verb }: Said<Insider>, name: string, go: (path: string) => Decision): Decision {
  if (name === '' && verb !== 'MLST') return only(say(from, 501, `${verb} needs a name.`));
  // Bytes that are no UTF-8 have become this character: what they meant is lost (RFC 2640 §3).
  if (name.includes('\ufffd')) return only(say(from, 501, 'Names are UTF-8.'));
  try {
    return go(resolve(session.cwd, name));
  } catch (error) {
    if (!(error instanceof FolderError)) throw error;
    return only(say(from, 501, error.message));
  }
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
        wrong: 0,
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
      // Whatever was said in clear may have been said by somebody else (RFC 4217 §4).
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
    [...sessions].map(([path, session]) => [`session[${path}]`, remembered(session).join(', ')]),
  );
}

/** A session in words, part by part. Ports are rolled by the system and are no part of it. */
function remembered(session: Session): string[] {
  const tls = session.tls ? ['TLS'] : [];
  if (session.is === 'greeted') return ['greeted', ...tls];
  const user = printable(session.user, 40);
  if (session.is === 'named') return [`${user} by name`, ...tls];
  const { cwd, type, rest, renaming, data, transfer } = session;
  return [
    user,
    `in ${printable(cwd, 120)}`,
    `type ${type}`,
    `offset ${rest}`,
    data.is === 'none' ? 'no data port' : `${data.is} data port`,
    transfer.is === 'none' ? 'no transfer' : `${transfer.verb} ${printable(transfer.path, 120)}`,
    ...(renaming === undefined ? [] : [`renaming ${printable(renaming, 120)}`]),
    ...tls,
  ];
}

function hasData(session: Session): boolean {
  return session.is === 'loggedIn' && session.data.is !== 'none';
}

/** The address in a path, as IPv4 where it is one. */
function addressIn(path: Path): string {
  return plain(path.slice(0, path.lastIndexOf(':')));
}

/** An IPv4 address that a socket for both families shows as `::ffff:127.0.0.1`. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** A name in quotes, quotes in it doubled (RFC 959, appendix II). */
function inQuotes(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}

const NONE: readonly Event[] = [];
const NOTHING: Decision = { events: NONE, actions: [] };

function say(to: Path, code: number, ...lines: string[]): Action {
  return { to, say: reply(code, ...lines) };
}

function does(to: Path, deed: Deed): Action {
  return { to, does: deed };
}

function only(...actions: Action[]): Decision {
  return { events: NONE, actions };
}

function both(events: Event[], ...actions: Action[]): Decision {
  return { events, actions };
}

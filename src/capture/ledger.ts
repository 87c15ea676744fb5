// The ledger: all that was remembered, by which life, since which row. It turns records into the notes under a packet, and
// into the account that follows a cut. It knows only what the records show.

import type { Facts } from '../protocols/shapes.ts';
import type { Lean } from '../wire/wire.ts';
import type { CutRow, Entry, LifeRow, Numbered, PacketRow } from './records.ts';

/** `protocol` notes cite a clause; `measured` ones point at a row of the ledger. */
export interface Note {
  word: 'needs' | 'keeps' | 'LOST' | 'proof' | 'hint';
  text: string;
  /** Whose memory has changed. */
  holder?: string;
  /** What has changed, without why: enough where why has been said before. */
  again?: string;
  /** Id of the field it is about. */
  field?: string;
  cite?: string;
  /** The row in which the memory was last written, and the one that took it. */
  written?: number;
  gone?: number;
}

/** One subject as the ledger has it. */
interface Line {
  holder: string;
  subject: string;
  known: string;
  /** The row since which something has been known of it, and the row that wrote what is known now. */
  began: number;
  written: number;
  /** The row that took it, and what it was then. */
  gone?: number;
  /** It was not taken: whoever has it is not asked any more. */
  leftBehind?: true;
}

/** What became of one subject at a cut. */
export interface Outcome {
  subject: string;
  known: string;
  fate: 'LOST' | 'KEPT' | 'REBUILT';
  /** The row that wrote it, that took it, that rebuilt it or wrote something else in its place. */
  written: number;
  gone?: number;
  leftBehind?: true;
  rebuilt?: number;
}

export interface Account {
  cut: CutRow & { row: number };
  /** The row in which the store was lost as well. */
  store?: number;
  outcomes: Outcome[];
}

export interface Ledger {
  /** Notes by row number. */
  notes: Map<number, Note[]>;
  /** One account per cut. */
  accounts: Account[];
  /** Facts of every holder just before and after a row, for `explain`. */
  around(row: number): Around[];
}

export interface Around {
  holder: string;
  before: Facts;
  after: Facts;
  /** Nobody can look into it. */
  unseen?: true;
}

/** The ledger of a whole arm. */
export function ledger(entries: readonly Entry[]): Ledger {
  const rows = entries.filter((entry): entry is Numbered => 'row' in entry);
  const book = new Book();
  const notes = new Map(rows.map((entry) => [entry.row, book.add(entry)]));
  // Facts at every row would be as many facts as rows, times rows. They are made for whoever asks, who mostly asks in order.
  const places = new Map(rows.map(({ row }, index) => [row, index]));
  let told = new Book();
  let read = 0;
  const around = (row: number): Around[] => {
    const at = places.get(row);
    const entry = at === undefined ? undefined : rows[at];
    if (at === undefined || !entry) return [];
    if (at < read) [told, read] = [new Book(), 0];
    for (const before of rows.slice(read, at)) told.add(before);
    const was = told.known();
    told.add(entry);
    read = at + 1;
    const is = told.known();
    return was.map(({ holder, facts, unseen }, index) => ({
      holder,
      before: facts,
      after: is[index]?.facts ?? {},
      ...(unseen ? { unseen } : {}),
    }));
  };
  return { notes, accounts: book.accounts, around };
}

/** Losses that are kept in mind. A lesson has a handful; a server that runs for days must not be remembered for ever. */
const GRAVES = 5000;
const MET = 5000;

/** The ledger as it is written, one row after another. */
export class Book {
  readonly accounts: Account[] = [];
  /** What the server, and what the client, remembers now: subject → line. */
  private readonly server = new Map<string, Line>();
  private readonly client = new Map<string, Line>();
  /** What was remembered once and is gone. Filed under the subject; the last loss counts. */
  private readonly graves = new Map<string, Line>();
  /** Whether the client is tapped as well: of a stranger nobody knows what it remembers. */
  private readonly seesClient: boolean;
  private life: string | undefined;
  /** Nobody can look into this life, so nothing is known of what it remembers. */
  private unseen = false;
  /** Somebody lived here before this life. */
  private restarted = false;
  /** Who has said something to this life, by name, and the row of what they said last; the last {@link MET} of them. */
  private readonly met = new Map<string, number>();
  /** Paths that a client has given up without the server's knowing, by name. A link of the lab's own makes them. */
  private readonly forsaken = new Set<string>();
  /** The account of the last cut, while its consequences unfold. */
  private watched: Account | undefined;
  /** A path has been ended in good order, and nobody has said anything since. What goes now goes with it. */
  private ended = false;
  /** After a kill, until the next life shows what it was handed. */
  private awaitingBirth = false;

  constructor({ seesClient = true } = {}) {
    this.seesClient = seesClient;
  }

  /** Writes down one row, and returns the notes that it deserves. */
  add(entry: Numbered): Note[] {
    switch (entry.is) {
      case 'life':
        this.begin(entry);
        return [];
      case 'cut':
        this.ended = false;
        this.cut(entry);
        return [];
      case 'packet':
        this.ended = false;
        return this.packet(entry);
      case 'link':
        if (entry.what === 'half-open' && entry.side === 'server') this.forsaken.add(entry.to);
        if (entry.side === 'client') this.ended = entry.what === 'fin sent';
        return [];
      case 'memory':
        for (const change of entry.changes) this.remember(entry.holder, change.subject, change.after, entry.row, false);
        return [
          {
            word: 'keeps',
            holder: entry.holder,
            text: `${entry.holder}: ${entry.changes.map(inWords).join('; ')}`,
            written: entry.row,
          },
        ];
      default:
        return [];
    }
  }

  /** What everybody knows at this point. */
  known(): { holder: string; facts: Facts; unseen?: true }[] {
    return [
      {
        holder: this.life ?? 'the server',
        facts: inFacts(this.server),
        ...(this.unseen ? { unseen: true } : {}),
      },
      { holder: 'client', facts: inFacts(this.client) },
    ];
  }

  private packet(entry: PacketRow & Numbered): Note[] {
    if (entry.unsent)
      return [{ word: 'hint', text: 'this never left: the process was killed when it was about to be sent' }];
    // What nobody read proves nothing.
    const leans = entry.read === false ? entry.leans.filter(({ op }) => op !== 'carries') : entry.leans;
    const isFirst = entry.side === 'client' && !this.met.has(entry.from);
    const asked = entry.side === 'server' ? this.met.get(entry.to) : undefined;
    if (entry.side === 'client') this.meet(entry);
    const untold = entry.memory.map(({ holder, changes }) => ({ holder, changes: [...changes] }));
    const found: Note[] = [];
    for (const lean of leans) {
      if (lean.op !== 'writes' || (lean.holder === 'client' && !this.seesClient)) {
        found.push(this.leaning(lean, isFirst, asked));
        continue;
      }
      // What was meant to be written need not have been: a command may be refused. Only what has changed is told, with why.
      const own = untold.find(({ holder }) => (holder === 'client') === (lean.holder === 'client'));
      const change = own?.changes.find(({ subject }) => subject === lean.key);
      if (!own || !change) continue;
      own.changes = own.changes.filter((each) => each !== change);
      const again = `${own.holder}: ${inWords(change)}`;
      const { field, cite } = lean;
      found.push({
        word: 'keeps',
        holder: own.holder,
        field,
        cite,
        again,
        text: `${again}: ${lean.why}`,
        written: entry.row,
      });
    }
    for (const { holder, changes } of entry.memory)
      for (const change of changes) this.remember(holder, change.subject, change.after, entry.row, true);
    for (const { holder, changes } of untold)
      if (changes.length > 0)
        found.push({
          word: 'keeps',
          holder,
          text: `${holder}: ${changes.map(inWords).join('; ')}`,
          written: entry.row,
        });
    if (entry.malformed)
      found.push({
        word: 'hint',
        text: `no message of ${entry.protocol}: ${entry.malformed.why}`,
        ...(entry.malformed.cite ? { cite: entry.malformed.cite } : {}),
      });
    else if (entry.read === false)
      found.push({
        word: 'hint',
        text:
          entry.to === 'nobody'
            ? 'nobody reads this: the process it is meant for is dead'
            : entry.swallowed
              ? 'the link swallowed this: nobody read it, and nobody says so'
              : 'nobody read this: it was lost on the way, or with the process it was sent to',
      });
    else if (entry.swallowed)
      found.push({
        word: 'hint',
        text: entry.read
          ? 'the link swallowed this; TCP sent it again when the link had healed, and it came late'
          : 'the link swallowed this',
      });
    return found;
  }

  private meet({ from, row }: PacketRow & Numbered): void {
    this.met.delete(from);
    const oldest = this.met.size >= MET ? this.met.keys().next().value : undefined;
    if (oldest !== undefined) this.met.delete(oldest);
    this.met.set(from, row);
  }

  /** `asked`: the row of the request that is answered here, as far as that is known. */
  private leaning({ op, holder, key, why, cite, field, byPath }: Lean, isFirst: boolean, asked?: number): Note {
    const ofClient = holder === 'client';
    const line = (ofClient ? this.client : this.server).get(key);
    const left = byPath && op === 'denies' ? this.leftOnAnotherPath(key) : undefined;
    const grave = ofClient ? undefined : (this.graves.get(key) ?? left);
    const whose = ofClient ? (this.seesClient ? 'client' : 'the client (not seen from here)') : (this.life ?? 'server');
    const loss = grave?.gone === undefined ? undefined : { written: grave.written, gone: grave.gone };
    const wasWritten =
      loss &&
      `last written by ${hash(loss.written)} into ${grave?.holder}, ${grave?.leftBehind ? 'left behind' : 'gone'} with ${hash(loss.gone)}`;
    switch (op) {
      case 'denies': {
        if (loss) {
          const another = grave === left ? `; ${key} is another path` : '';
          return {
            word: 'LOST',
            field,
            cite,
            ...loss,
            text: `${grave?.subject} (${grave?.known}): ${wasWritten}${another}`,
          };
        }
        if (this.unseen && !ofClient)
          return { word: 'hint', field, cite, text: `${whose} says that it does not have ${key}: ${why}` };
        const forsaken = byPath && this.onForsakenPath(key);
        if (forsaken)
          return {
            word: 'hint',
            field,
            cite,
            written: forsaken.written,
            text: `${whose} still has ${forsaken.subject} (${forsaken.known}), last written by ${hash(forsaken.written)}, under a path that nobody speaks on any more; ${key} is another one`,
          };
        // What the very request that is answered here has made is nothing that it could have asked for.
        if (line && !ofClient && line.began === asked)
          return {
            word: 'hint',
            field,
            cite,
            text: `${whose} had nothing filed under ${key} before ${hash(line.began)}: nothing was lost here`,
          };
        if (line)
          return {
            word: 'hint',
            field,
            cite,
            text: `${whose} has ${key}, and refuses all the same: nothing was lost here`,
          };
        return { word: 'hint', field, cite, text: `${whose} never had ${key}: nothing was lost here` };
      }
      case 'reads':
        if (line)
          return {
            word: 'needs',
            field,
            cite,
            written: line.written,
            text: `${whose}: ${key}, last written by ${hash(line.written)}: ${why}`,
          };
        if (loss)
          return {
            word: 'needs',
            field,
            cite,
            ...loss,
            text: `${whose}: ${key}, ${wasWritten}; ${whose} does not have it`,
          };
        return { word: 'needs', field, cite, text: `${whose}: ${key}: ${why}` };
      case 'carries':
        return {
          word: 'proof',
          field,
          cite,
          text: this.restarted && isFirst && !this.unseen ? `${whose} has never met this client: ${why}` : why,
        };
      case 'writes':
        return { word: 'keeps', field, cite, text: `${whose}: ${key}: ${why}` };
      case 'clears':
        return { word: 'hint', field, cite, text: `${whose} may forget ${key}: ${why}` };
    }
  }

  /** What this client had filed under the path it spoke from before, as far as it is known who that was. */
  private leftOnAnotherPath(key: string): Line | undefined {
    if (!this.seesClient) return undefined;
    const own = withoutPath(key);
    return [...this.graves.values()].findLast(({ subject }) => subject !== key && withoutPath(subject) === own);
  }

  /** What this client had filed under a path that it has given up, and the server was never told. */
  private onForsakenPath(key: string): Line | undefined {
    const own = withoutPath(key);
    return [...this.server.values()].find(
      ({ subject }) =>
        subject !== key &&
        withoutPath(subject) === own &&
        [...this.forsaken].some((name) => subject.endsWith(`[${name}]`)),
    );
  }

  /** `asked`: a message brought it about. What goes without one goes because a path did. */
  private remember(holder: string, subject: string, known: string | undefined, row: number, asked: boolean): void {
    const ofClient = holder === 'client';
    const memory = ofClient ? this.client : this.server;
    const line = memory.get(subject);
    const outcome = ofClient ? undefined : this.watched?.outcomes.find((each) => each.subject === subject);
    if (known === undefined) {
      memory.delete(subject);
      if (!line || ofClient) return;
      this.bury({ ...line, gone: row });
      if (outcome?.fate !== 'KEPT' || asked || !this.watched || takes(this.watched.cut)) return;
      // Time ends no connection. One that is closed when all has been said takes along what was filed under it on any day.
      if (this.watched.cut.cut === 'expire' && this.ended) return;
      Object.assign(outcome, { fate: 'LOST', gone: row });
      return;
    }
    memory.set(subject, { holder, subject, known, began: line?.began ?? row, written: row });
    if (outcome?.fate !== 'LOST') return;
    outcome.rebuilt ??= row;
    // Another thing under the same name is not what was lost. And what is filed under no name at all is the process's own, such as
    // a key: another one may look the same in words, and is not.
    if (known === outcome.known && subject.includes('[')) Object.assign(outcome, { fate: 'REBUILT', rebuilt: row });
  }

  private bury(line: Line): void {
    this.graves.delete(line.subject);
    this.graves.set(line.subject, line);
    const oldest = this.graves.size > GRAVES ? this.graves.keys().next().value : undefined;
    if (oldest !== undefined) this.graves.delete(oldest);
  }

  private begin(entry: LifeRow & Numbered): void {
    this.restarted = this.life !== undefined;
    this.met.clear();
    this.life = entry.life;
    this.unseen = entry.unseen === true;
    this.server.clear();
    for (const [subject, known] of Object.entries(entry.facts)) {
      const outcome = this.awaitingBirth ? this.watched?.outcomes.find((each) => each.subject === subject) : undefined;
      const written = outcome?.written ?? entry.row;
      this.server.set(subject, { holder: entry.life, subject, known, began: written, written });
      this.graves.delete(subject);
      // What the next life knows without having been told was kept by something that outlived the one before.
      if (!outcome) continue;
      outcome.fate = 'KEPT';
      delete outcome.gone;
      delete outcome.leftBehind;
    }
    this.awaitingBirth = false;
  }

  private cut(entry: CutRow & Numbered): void {
    if (entry.cut === 'store') {
      // What the disk still held when its process was dead is lost only now. It belongs to the account of that kill.
      if (this.watched) this.watched.store = entry.row;
      for (const outcome of this.watched?.outcomes ?? [])
        if (entry.facts[outcome.subject] !== undefined) outcome.gone = entry.row;
      for (const subject of Object.keys(entry.facts)) {
        const grave = this.graves.get(subject);
        if (grave) grave.gone = entry.row;
      }
      return;
    }
    const lines = [...this.server.values()];
    const taken = takes(entry);
    const gone = { gone: entry.row, ...(entry.cut === 'swap' ? { leftBehind: true as const } : {}) };
    const fate = taken ? { fate: 'LOST' as const, ...gone } : { fate: 'KEPT' as const };
    this.watched = {
      cut: entry,
      outcomes: lines.map(({ subject, known, written }) => ({ subject, known, written, ...fate })),
    };
    this.accounts.push(this.watched);
    if (!taken) return;
    for (const line of lines) this.bury({ ...line, ...gone });
    this.server.clear();
    this.awaitingBirth = entry.cut === 'kill' || entry.cut === 'swap';
  }
}

/** `session[client@2]` as `session[client]`: filed under which client, and not under which of its paths. */
function withoutPath(subject: string): string {
  return subject.replace(/@\d+\]$/, ']');
}

/** Whether a cut takes all memory at once. A new path, a silence and the passing of time leave it to the rules what goes. */
function takes({ cut }: CutRow): boolean {
  return cut !== 'path' && cut !== 'silence' && cut !== 'expire';
}

/** A row as the log numbers it. */
export function hash(row: number): string {
  return `#${String(row).padStart(2, '0')}`;
}

function inFacts(memory: Map<string, Line>): Facts {
  return Object.fromEntries([...memory].map(([subject, { known }]) => [subject, known]));
}

/** A change in as few words as tell it: of a list, only the parts that differ. */
function inWords({ subject, before, after }: { subject: string; before?: string; after?: string }): string {
  if (after === undefined) return `forgets ${subject}`;
  if (before === undefined) return `${subject} = ${after}`;
  const [was, is] = [before.split(', '), after.split(', ')];
  if (was.length !== is.length) return `${subject} = ${after}`;
  const parts = is.flatMap((part, index) => (part === was[index] ? [] : [became(was[index] ?? '', part)]));
  return `${subject}: ${parts.join(', ')}`;
}

/** `next 1003` and `next 1007` as `next 1003 → 1007`, `3 bytes` and `7 bytes` as `3 → 7 bytes`: words in common are said once. */
function became(before: string, after: string): string {
  const [was, is] = [before.split(' '), after.split(' ')];
  const differ = was.findIndex((word, index) => word !== is[index]);
  // What both end with must not follow the arrow alone: it would read as all that is left.
  if (differ >= 0 && was.length === is.length && was.slice(differ + 1).join(' ') === is.slice(differ + 1).join(' '))
    return [...was.slice(0, differ + 1), '→', ...is.slice(differ)].join(' ');
  if (differ > 0 && differ < is.length && was.at(-1) !== is.at(-1)) return `${before} → ${is.slice(differ).join(' ')}`;
  return `${before} → ${after}`;
}

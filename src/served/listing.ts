// Files in lines: as a person reads them (LIST), and as a program does (MLSD, MDTM). All times are UTC.

import type { Entry } from './folder.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** What is older than this, or of a time to come, is listed with its year and without its hour, as `ls -l` does. */
const RECENT = 180 * 86_400_000;

/**
 * An entry as `ls -l` prints it in the C locale, without an end of line. RFC 959 demands no form; this is the one that all
 * clients know. The owner is always `ftp`: who owns a file on this machine is no concern of a stranger. `now` in milliseconds.
 */
export function listLine(entry: Entry, now: number, mayWrite: boolean): string {
  const write = mayWrite ? 'w' : '-';
  const mode = entry.kind === 'folder' ? `dr${write}xr-xr-x` : `-r${write}-r--r--`;
  const time = new Date(entry.mtime);
  const recent = entry.mtime <= now && now - entry.mtime <= RECENT;
  const clock = `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}`;
  const date = `${MONTHS[time.getUTCMonth()]} ${String(time.getUTCDate()).padStart(2)}`;
  const when = `${date} ${recent ? clock : String(time.getUTCFullYear()).padStart(5)}`;
  return `${mode}   1 ftp      ftp      ${String(entry.size).padStart(12)} ${when} ${entry.name}`;
}

/** The facts that {@link factsLine} can tell, in its order, as FEAT lists them (RFC 3659 §7.8). */
export const FACTS = ['type', 'size', 'modify', 'perm', 'unique'] as const;

export type Fact = (typeof FACTS)[number];

/**
 * An entry as MLSD lists it: `type=file;size=12;modify=20260101000000;perm=r;unique=…; name` (RFC 3659 §7.2), without an end of
 * line. MLST gives the absolute name in place of the last part of it. A folder has no size that would mean anything.
 */
export function factsLine(
  entry: Entry,
  mayWrite: boolean,
  wanted: Iterable<Fact> = FACTS,
  name: string = entry.name,
): string {
  const facts = new Map<Fact, string>([
    ['type', entry.kind === 'folder' ? 'dir' : 'file'],
    ['modify', modifyStamp(entry.mtime)],
    ['perm', permissions(entry, mayWrite)],
    ['unique', entry.id],
  ]);
  if (entry.kind === 'file') facts.set('size', String(entry.size));
  const told = new Set(wanted);
  const words = FACTS.filter((fact) => told.has(fact) && facts.has(fact)).map((fact) => `${fact}=${facts.get(fact)};`);
  return `${words.join('')} ${name}`;
}

/** What may be done with it, a letter each (RFC 3659 §7.5.5). The root can be neither renamed nor removed. */
function permissions(entry: Entry, mayWrite: boolean): string {
  if (entry.kind === 'file') return mayWrite ? 'adfrw' : 'r';
  if (!mayWrite) return 'el';
  return entry.path === '/' ? 'celmp' : 'cdeflmp';
}

/** The years that four digits can say: a file may be dated before Christ. */
const EARLIEST = Date.parse('0000-01-01T00:00:00Z');
const LATEST = Date.parse('9999-12-31T23:59:59Z');

/** A time as MDTM and the `modify` fact give it: `20260101000000` (RFC 3659 §2.3). `time` in milliseconds since 1970. */
export function modifyStamp(time: number): string {
  const [stamp = ''] = new Date(Math.min(Math.max(time, EARLIEST), LATEST)).toISOString().split('.');
  return stamp.replace(/[-:T]/g, '');
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

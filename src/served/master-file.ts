// What a zone file says: the master files of RFC 1035 §5, read record by record.

import { type Bytes, type Name, ROOT } from './name.ts';
import { readTyped } from './rdata.ts';
import { shown, Words, ZoneError } from './words.ts';

export { ZoneError };

/** One resource record, and where it was written. */
export interface ZoneRecord {
  /** In the case it was written in. */
  owner: Name;
  type: number;
  /** In seconds. */
  ttl: number;
  /** As bytes of a message, names uncompressed. */
  rdata: Bytes;
  file: string;
  line: number;
}

export interface MasterFileOptions {
  /** Names the file in errors. */
  file: string;
  /** What relative names are completed with until the file says otherwise, such as `example.test`. The root must be asked for: `.`. */
  origin?: string;
  /** The text of a file that `$INCLUDE` names in the file `from`. Without it there is no including. */
  include?: (path: string, from: string) => string;
}

/** Files within files within files: more is a file that includes itself. */
const DEPTH = 8;
/** Classes in words or by number (RFC 1035 §3.2.4, RFC 3597 §5). */
const CLASS = /^(IN|CS|CH|HS|CLASS\d+)$/i;
const INTERNET = /^(IN|CLASS1)$/i;

/** What one entry leaves for the next, in a file and in those that it includes. */
interface Left {
  owner: Name | undefined;
  /** The TTL stated last (RFC 1035 §5.1), and the one of `$TTL`, which goes before it (RFC 2308 §4). */
  stated: number | undefined;
  ttl: number | undefined;
}

/**
 * The records of a master file in order, one at a time, so that a file of a million records never stands in memory twice. Throws a
 * {@link ZoneError} at the first entry that makes no sense.
 */
export function* parseMasterFile(text: string, options: MasterFileOptions): Generator<ZoneRecord> {
  const words = new Words(text, options.file);
  if (options.origin !== undefined) words.origin = originOf(options.origin, options.file);
  yield* entries(words, { owner: undefined, stated: undefined, ttl: undefined }, options.include, 1);
}

function* entries(
  words: Words,
  left: Left,
  include: MasterFileOptions['include'],
  depth: number,
): Generator<ZoneRecord> {
  while (words.next()) {
    const first = words.peek() ?? '';
    if (words.blank || !first.startsWith('$')) {
      yield readRecord(words, left);
      continue;
    }
    switch (words.take('').toUpperCase()) {
      case '$ORIGIN':
        words.origin = words.domain('origin');
        words.finish();
        break;
      case '$TTL':
        left.ttl = words.time('TTL');
        words.finish();
        break;
      case '$INCLUDE': {
        const inner = included(words, include, depth);
        const { owner } = left;
        yield* entries(inner, left, include, depth + 1);
        // The origin and the owner are again what they were; a $TTL stays.
        left.owner = owner;
        break;
      }
      default:
        words.wrong(`${shown(first)} is not known here: $ORIGIN, $TTL and $INCLUDE are`);
    }
  }
}

function included(words: Words, include: MasterFileOptions['include'], depth: number): Words {
  const path = Buffer.from(words.string('file'), 'latin1').toString();
  const origin = words.more ? words.domain('origin') : words.origin;
  words.finish();
  if (!include) words.wrong('this zone may not include other files');
  if (depth >= DEPTH) words.wrong(`$INCLUDE in a file that is the ${DEPTH}th within another: does it include itself?`);
  try {
    return new Words(include(path, words.file), path, origin);
  } catch (cause) {
    return words.wrong(`${shown(path)} cannot be included: ${(cause as Error).message}`, { cause });
  }
}

/** `[owner] [TTL] [class] type RDATA`, TTL and class in either order (RFC 1035 §5.1). */
function readRecord(words: Words, left: Left): ZoneRecord {
  if (!words.blank) left.owner = words.domain('owner');
  const { owner } = left;
  if (owner === undefined) words.wrong('the first record needs an owner: a name at the very start of its line');
  let stated: number | undefined;
  let internet = false;
  for (;;) {
    const word = words.peek() ?? '';
    if (stated === undefined && /^\d/.test(word)) {
      stated = words.time('TTL');
    } else if (!internet && CLASS.test(word)) {
      words.take('');
      if (!INTERNET.test(word)) words.wrong(`class ${shown(word)}: only IN is served here`);
      internet = true;
    } else break;
  }
  left.stated = stated ?? left.stated;
  const ttl = stated ?? left.ttl ?? left.stated;
  const { line } = words;
  const { type, rdata } = readTyped(words);
  if (ttl === undefined) {
    throw new ZoneError(words.file, line, 'no TTL: write one before the type, or a $TTL line above (RFC 2308 §4)');
  }
  return { owner, type, ttl, rdata, file: words.file, line };
}

/** The origin in an option is absolute, with its last dot or without. */
function originOf(text: string, file: string): Name {
  const words = new Words('', file, ROOT);
  return words.nameOf(text.endsWith('.') && !text.endsWith('\\.') ? text : `${text}.`);
}

// Lines of listings, as clients have read them for forty years.

import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/served/folder.ts';
import { FACTS, factsLine, listLine, modifyStamp } from '../../src/served/listing.ts';

const NEW_YEAR = Date.parse('2026-01-01T00:00:00Z');
const DAY = 86_400_000;

const file: Entry = {
  kind: 'file',
  name: 'notes.txt',
  path: '/pub/notes.txt',
  size: 1234,
  mtime: NEW_YEAR,
  id: '0123456789abcdef',
};
const folder: Entry = { ...file, kind: 'folder', name: 'pub', path: '/pub', size: 0 };
const root: Entry = { ...folder, name: '', path: '/' };

describe('LIST, as ls -l in the C locale', () => {
  test.each<[string, Entry, number, boolean, string]>([
    ['a file', file, NEW_YEAR + DAY, true, '-rw-r--r--   1 ftp      ftp              1234 Jan  1 00:00 notes.txt'],
    [
      'that may not be written',
      file,
      NEW_YEAR,
      false,
      '-r--r--r--   1 ftp      ftp              1234 Jan  1 00:00 notes.txt',
    ],
    ['a folder', folder, NEW_YEAR, true, 'drwxr-xr-x   1 ftp      ftp                 0 Jan  1 00:00 pub'],
    ['nor this', folder, NEW_YEAR, false, 'dr-xr-xr-x   1 ftp      ftp                 0 Jan  1 00:00 pub'],
    [
      '180 days old',
      file,
      NEW_YEAR + 180 * DAY,
      true,
      '-rw-r--r--   1 ftp      ftp              1234 Jan  1 00:00 notes.txt',
    ],
    [
      'older than that',
      file,
      NEW_YEAR + 180 * DAY + 1,
      true,
      '-rw-r--r--   1 ftp      ftp              1234 Jan  1  2026 notes.txt',
    ],
    [
      'of a time to come',
      file,
      NEW_YEAR - 1,
      true,
      '-rw-r--r--   1 ftp      ftp              1234 Jan  1  2026 notes.txt',
    ],
    [
      'late in a year, and large',
      { ...file, mtime: Date.parse('2025-12-31T23:59:59.999Z'), size: 2 ** 53 - 1 },
      NEW_YEAR,
      true,
      '-rw-r--r--   1 ftp      ftp      9007199254740991 Dec 31 23:59 notes.txt',
    ],
    [
      'a name of blanks and more',
      { ...file, name: '  two  \t\u001b[31mé 😀' },
      NEW_YEAR,
      true,
      '-rw-r--r--   1 ftp      ftp              1234 Jan  1 00:00   two  \t\u001b[31mé 😀',
    ],
  ])('%s', (_, entry, now, mayWrite, line) => expect(listLine(entry, now, mayWrite)).toBe(line));
});

describe('MLSD (RFC 3659 §7)', () => {
  test.each<[Entry, boolean, string]>([
    [file, true, 'type=file;size=1234;modify=20260101000000;perm=adfrw;unique=0123456789abcdef; notes.txt'],
    [file, false, 'type=file;size=1234;modify=20260101000000;perm=r;unique=0123456789abcdef; notes.txt'],
    [folder, true, 'type=dir;modify=20260101000000;perm=cdeflmp;unique=0123456789abcdef; pub'],
    [folder, false, 'type=dir;modify=20260101000000;perm=el;unique=0123456789abcdef; pub'],
    [root, true, 'type=dir;modify=20260101000000;perm=celmp;unique=0123456789abcdef; '],
    [
      { ...file, name: ' a; b=c ' },
      false,
      'type=file;size=1234;modify=20260101000000;perm=r;unique=0123456789abcdef;  a; b=c ',
    ],
  ])('%#', (entry, mayWrite, line) => expect(factsLine(entry, mayWrite)).toBe(line));

  test('only the facts that are wanted, always in the same order; none at all is a name alone', () => {
    expect(factsLine(file, true, ['perm', 'size'])).toBe('size=1234;perm=adfrw; notes.txt');
    expect(factsLine(folder, true, ['size'])).toBe(' pub');
    expect(factsLine(file, true, [])).toBe(' notes.txt');
  });

  test('MLST gives the absolute name', () =>
    expect(factsLine(folder, false, ['type'], folder.path)).toBe('type=dir; /pub'));

  test('every fact is told of a file', () => expect(factsLine(file, true).match(/[a-z]+(?==)/g)).toEqual([...FACTS]));
});

test.each([
  [NEW_YEAR, '20260101000000'],
  [Date.parse('2024-02-29T12:34:56.789Z'), '20240229123456'],
  [0, '19700101000000'],
  [-1, '19691231235959'],
  // Four digits are all that the form has for a year.
  [-1e15, '00000101000000'],
  [1e15, '99991231235959'],
])('%d is %s', (time, stamp) => expect(modifyStamp(time)).toBe(stamp));

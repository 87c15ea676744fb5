// Master files read word by word, and every one that makes no sense with its line and reason.

import { describe, expect, test } from 'vitest';
import { dice } from '../../src/lab/world.ts';
import { type MasterFileOptions, parseMasterFile, ZoneError } from '../../src/served/master-file.ts';
import { lower, nameEnd, nameText } from '../../src/served/name.ts';
import { Words } from '../../src/served/words.ts';

function read(text: string, options: Partial<MasterFileOptions> = {}) {
  return [...parseMasterFile(text, { file: 'f', origin: 'example.test', ...options })];
}

/** Each record as `line owner TTL TYPEn RDATA`, RDATA in hexadecimal. */
function lines(text: string, options: Partial<MasterFileOptions> = {}): string[] {
  return read(text, options).map(
    ({ line, owner, ttl, type, rdata }) => `${line} ${nameText(owner)} ${ttl} TYPE${type} ${hex(rdata)}`,
  );
}

function hex(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('hex');
}

/** RDATA of one record of this type and these words, in hexadecimal with a space wherever the test has one. */
function rdata(words: string): string {
  const [record] = read(`@ 60 IN ${words}\n`);
  return hex(record?.rdata ?? '');
}

const WWW = '03777777 076578616d706c65 0474657374 00'.replaceAll(' ', '');
const EXAMPLE_TEST = WWW.slice(8);

describe('an entry', () => {
  test('owner, TTL, class, type and RDATA, with what may be left out and in either order', () => {
    expect(
      lines(
        [
          '$TTL 100',
          'www 60 IN A 192.0.2.1',
          'www IN 61 A 192.0.2.1',
          'www 62 A 192.0.2.1',
          'www in a 192.0.2.1',
          '    A 192.0.2.2',
          '\tIN\tA\t192.0.2.3',
          'WwW.Example.Test. CLASS1 A 192.0.2.4',
          '@ A 192.0.2.5',
        ].join('\n'),
      ),
    ).toEqual([
      '2 www.example.test. 60 TYPE1 c0000201',
      '3 www.example.test. 61 TYPE1 c0000201',
      '4 www.example.test. 62 TYPE1 c0000201',
      '5 www.example.test. 100 TYPE1 c0000201',
      '6 www.example.test. 100 TYPE1 c0000202',
      '7 www.example.test. 100 TYPE1 c0000203',
      '8 WwW.Example.Test. 100 TYPE1 c0000204',
      '9 example.test. 100 TYPE1 c0000205',
    ]);
  });

  test('parentheses hold lines together, comments end with their line, and the line counted is the first', () => {
    expect(
      lines(
        '; a zone\n\n  ; nothing yet\nwww 60 ( ; one\n  A ; two (((\n\n) 192.0.2.1 ; three\r\nftp 60 ((A) 192.0.2.2)\r\n',
      ),
    ).toEqual(['4 www.example.test. 60 TYPE1 c0000201', '8 ftp.example.test. 60 TYPE1 c0000202']);
  });

  test('a line of white space or a comment is no entry, and the next line begins for itself', () => {
    expect(
      lines(
        'www 60 A 192.0.2.1\n; comment\n  A 192.0.2.2\n   \nftp A 192.0.2.3\n\n\tA 192.0.2.4\n  ; comment\n@ A 192.0.2.5\n',
      ),
    ).toEqual([
      '1 www.example.test. 60 TYPE1 c0000201',
      '3 www.example.test. 60 TYPE1 c0000202',
      '5 ftp.example.test. 60 TYPE1 c0000203',
      '7 ftp.example.test. 60 TYPE1 c0000204',
      '9 example.test. 60 TYPE1 c0000205',
    ]);
  });

  test('the last line needs no end, and a byte order mark no name', () => {
    expect(lines('\ufeffwww 60 A 192.0.2.1')).toEqual(['1 www.example.test. 60 TYPE1 c0000201']);
    expect(lines('')).toEqual([]);
    expect(lines('; nothing')).toEqual([]);
  });

  test('an owner may look like a class, a type or a TTL', () => {
    expect(lines('IN 60 IN A 192.0.2.1\nA 60 A 192.0.2.1\n60 60 A 192.0.2.1\n')).toEqual([
      '1 IN.example.test. 60 TYPE1 c0000201',
      '2 A.example.test. 60 TYPE1 c0000201',
      '3 60.example.test. 60 TYPE1 c0000201',
    ]);
  });
});

describe('TTLs', () => {
  test('one that is left out is that of $TTL, else the last one stated (RFC 2308 §4, RFC 1035 §5.1)', () => {
    const ttls = read('a 10 A 192.0.2.1\nb A 192.0.2.1\n$TTL 20\nc A 192.0.2.1\nd 30 A 192.0.2.1\ne A 192.0.2.1\n');
    expect(ttls.map(({ ttl }) => ttl)).toEqual([10, 10, 20, 30, 20]);
  });

  test.each([
    ['0', 0],
    ['2147483647', 2 ** 31 - 1],
    ['1s', 1],
    ['1h30m', 5400],
    ['1W2D3H4M5S', 788_645],
    ['30m', 1800],
  ])('%s is %i seconds', (text, seconds) => {
    expect(read(`a ${text} A 192.0.2.1`)[0]?.ttl).toBe(seconds);
    expect(read(`$TTL ${text}\na A 192.0.2.1`)[0]?.ttl).toBe(seconds);
  });
});

describe('$ORIGIN and $INCLUDE', () => {
  test('$ORIGIN completes what is relative from there on, and is itself completed', () => {
    expect(
      lines(
        '$ORIGIN sub\n@ 1 A 192.0.2.1\na A 192.0.2.1\n$origin other.test.\na A 192.0.2.1\n$ORIGIN .\na A 192.0.2.1\n',
      ),
    ).toEqual([
      '2 sub.example.test. 1 TYPE1 c0000201',
      '3 a.sub.example.test. 1 TYPE1 c0000201',
      '5 a.other.test. 1 TYPE1 c0000201',
      '7 a. 1 TYPE1 c0000201',
    ]);
  });

  test('$INCLUDE reads another file in its place, with an origin of its own, and then the owner and origin are as before', () => {
    const files = new Map([
      ['hosts', '$TTL 7\na A 192.0.2.1\n$INCLUDE "more \\"hosts\\"" deep\n$ORIGIN lost.test.\nb A 192.0.2.3'],
      ['more "hosts"', 'c A 192.0.2.2'],
    ]);
    const asked: string[] = [];
    const include = (path: string, from: string) => {
      asked.push(`${path} in ${from}`);
      return files.get(path) ?? '';
    };
    const records = read('www 60 A 192.0.2.9\n$INCLUDE hosts inner\n  AAAA 2001:db8::1\nx A 192.0.2.4', { include });
    expect(records.map(({ file, line, owner, ttl }) => `${file}:${line} ${nameText(owner)} ${ttl}`)).toEqual([
      'f:1 www.example.test. 60',
      'hosts:2 a.inner.example.test. 7',
      'more "hosts":1 c.deep.inner.example.test. 7',
      'hosts:5 b.lost.test. 7',
      'f:3 www.example.test. 7',
      'f:4 x.example.test. 7',
    ]);
    expect(asked).toEqual(['hosts in f', 'more "hosts" in hosts']);
  });

  test('errors in an included file name that file', () => {
    const include = () => '\n\na A nonsense';
    expect(() => read('$TTL 1\n$INCLUDE hosts', { include })).toThrow('hosts:3: "nonsense" is no IPv4 address');
  });

  test('a file that cannot be read keeps its cause', () => {
    const cause = new Error('ENOENT: no such file');
    const include = () => {
      throw cause;
    };
    let thrown: unknown;
    try {
      read('\n$INCLUDE hosts', { include });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ZoneError);
    expect(thrown).toMatchObject({ message: 'f:2: "hosts" cannot be included: ENOENT: no such file', cause });
  });
});

describe('RDATA', () => {
  test.each([
    ['A 192.0.2.255', 'c00002ff'],
    ['A 0.0.0.0', '00000000'],
    ['AAAA 2001:db8::1', '20010db8000000000000000000000001'],
    ['AAAA ::', '00000000000000000000000000000000'],
    ['AAAA 1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['AAAA ::FFFF:192.0.2.1', '00000000000000000000ffffc0000201'],
    ['AAAA 1:2:3:4:5:6:192.0.2.1', '000100020003000400050006c0000201'],
    ['NS www', WWW],
    ['CNAME WWW', `03575757${EXAMPLE_TEST}`],
    ['PTR .', '00'],
    ['MX 10 www', `000a${WWW}`],
    ['MX 0 .', '000000'],
    ['SRV 1 2 65535 www', `00010002ffff${WWW}`],
    ['TXT one', '036f6e65'],
    ['TXT one "two words" ""', '036f6e65 0974776f20776f726473 00'.replaceAll(' ', '')],
    [
      'TXT "semicolon; (parentheses)"',
      `19${Buffer.from('semicolon; (parentheses)').toString('hex')}`.replace('19', '18'),
    ],
    ['TXT \\"a\\;b\\(\\ c', `07${Buffer.from('"a;b( c').toString('hex')}`],
    ['TXT "\\000\\255\\\\\\""', '0400ff5c22'],
    ['TXT "é \\é"', '05c3a920c3a9'],
    ['CAA 128 issue "ca.example.net; a=b"', `8005${Buffer.from('issueca.example.net; a=b').toString('hex')}`],
    ['CAA 0 iodef ""', `0005${Buffer.from('iodef').toString('hex')}`],
    [
      'SOA www host\\.master 1 2h 3 4 5m',
      `${WWW}0b686f73742e6d6173746572${EXAMPLE_TEST}0000000100001c2000000003000000040000012c`,
    ],
    ['SOA . . 4294967295 0 0 0 0', '0000ffffffff00000000000000000000000000000000'],
    ['TYPE65 \\# 4 0a000001', '0a000001'],
    ['type65535 \\# 0', ''],
    ['TYPE1 \\# 4 0a000001', '0a000001'],
    ['TYPE1 10.0.0.1', '0a000001'],
    ['A \\# 4 0A0000 01', '0a000001'],
    [`MX \\# 20 000a ${WWW}`, `000a${WWW}`],
    ['CAA \\# 8 00 05 69 73 73 75 65 3b', '000569737375653b'],
    ['TXT \\# 3 02 6162', '026162'],
  ])('%s', (words, bytes) => {
    expect(rdata(words)).toBe(bytes);
  });

  test('a CAA value may be longer than the 255 bytes of a character-string', () => {
    expect(rdata(`CAA 0 issue "${'x'.repeat(300)}"`)).toBe(
      `0005${Buffer.from(`issue${'x'.repeat(300)}`).toString('hex')}`,
    );
  });
});

describe('names', () => {
  const label63 = 'a'.repeat(63);
  const label61 = 'b'.repeat(61);
  const longest = `${label63}.${label63}.${label63}.${label61}.`;

  test('63 bytes a label and 255 a name are just possible', () => {
    const [record] = read(`${longest} 1 CNAME ${longest}`);
    expect(record?.owner.length).toBe(255);
    expect(record?.rdata.length).toBe(255);
    // 241 bytes and the 14 of example.test.
    const relative = `${label63}.${label63}.${label63}.${'c'.repeat(48)}`;
    expect(read(`${relative} 1 A 192.0.2.1`)[0]?.owner.length).toBe(255);
    expect(() => read(`c${relative} 1 A 192.0.2.1`)).toThrow(ZoneError);
    expect(() => read(`${relative}c 1 A 192.0.2.1`)).toThrow(/f:1: .* becomes a name of more than 255 bytes/);
    expect(() => read(`c.${longest} 1 A 192.0.2.1`)).toThrow(/more than 255/);
    expect(() => read(`${label63}.${label63}.${label63}.${label61}c. 1 A 192.0.2.1`)).toThrow(/more than 255/);
    expect(() => read(`${label63}a 1 A 192.0.2.1`)).toThrow(/label of more than 63/);
  });

  test('escapes: \\X is the character, \\DDD the byte, and an escaped dot is no end of a label', () => {
    const [record] = read('a\\.b.\\001\\255\\@.\\;\\(\\" 1 A 192.0.2.1');
    expect(hex(record?.owner ?? '')).toBe(`03612e62 0301ff40 033b2822 ${EXAMPLE_TEST}`.replaceAll(' ', ''));
    expect(nameText(record?.owner ?? '')).toBe('a\\.b.\\001\\255\\@.\\;\\(\\".example.test.');
  });

  test('whatever bytes a name has, its text reads as the same name', () => {
    const roll = dice(35);
    for (let round = 0; round < 2000; round++) {
      let name = '';
      for (let labels = roll(6); labels > 0; labels--) {
        const length = 1 + roll(roll(8) === 0 ? 63 : 6);
        const label = Array.from({ length }, () => String.fromCharCode(roll(256))).join('');
        if (name.length + label.length + 2 <= 255) name += String.fromCharCode(length) + label;
      }
      name += '\0';
      const text = nameText(name);
      const words = new Words(`${text}\n`, 'f');
      expect(words.next()).toBe(true);
      expect(words.domain('name'), text).toBe(name);
      expect(nameEnd(name, 0)).toBe(name.length);
    }
  });

  test('whatever bytes a string has, \\DDD for each reads as the same string', () => {
    const roll = dice(1035);
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(Array.from({ length: roll(256) }, () => roll(256)));
      const text = Array.from(bytes, (byte) => `\\${String(byte).padStart(3, '0')}`).join('');
      expect(rdata(`TXT "${text}"`)).toBe(`${Buffer.of(bytes.length).toString('hex')}${bytes.toString('hex')}`);
      const plain = bytes
        .toString('latin1')
        .replace(/[^!-~]|["\\;()]/g, (character) =>
          /[!-~]/.test(character) ? `\\${character}` : `\\${String(character.charCodeAt(0)).padStart(3, '0')}`,
        );
      if (plain !== '')
        expect(rdata(`TXT ${plain}`)).toBe(`${Buffer.of(bytes.length).toString('hex')}${bytes.toString('hex')}`);
    }
  });

  test('A to Z are compared as a to z, and no other letter has a case (RFC 4343)', () => {
    expect(lower('\x05AZ\xc0[\xdd\0')).toBe('\x05az\xc0[\xdd\0');
    expect(lower('\x03www\0')).toBe('\x03www\0');
  });

  test('a name in bytes ends where its root is, or is none', () => {
    expect(nameEnd('\x01a\0rest', 0)).toBe(3);
    expect(nameEnd('xx\x01a\0', 2)).toBe(5);
    expect(nameEnd('', 0)).toBeUndefined();
    expect(nameEnd('\x01a', 0)).toBeUndefined();
    expect(nameEnd('\x05a\0', 0)).toBeUndefined();
    expect(nameEnd(`\x3f${'a'.repeat(63)}\0`, 0)).toBe(65);
    expect(nameEnd(`\x40${'a'.repeat(64)}\0`, 0)).toBeUndefined();
    expect(nameEnd(`\x02aa${'\x01a'.repeat(126)}\0`, 0)).toBeUndefined();
    expect(nameEnd('\xc0\x0c', 0)).toBeUndefined();
    expect(nameEnd(`${'\x01a'.repeat(127)}\0`, 0)).toBe(255);
    expect(nameEnd(`${'\x01a'.repeat(128)}\0`, 0)).toBeUndefined();
  });
});

describe('what cannot be read', () => {
  const wrong: [text: string, message: string][] = [
    // RDATA
    ['@ 1 A 192.0.2.300', 'f:1: "192.0.2.300" is no IPv4 address'],
    ['@ 1 A 192.0.2', 'f:1: "192.0.2" is no IPv4 address'],
    ['@ 1 A 192.0.2.01', 'f:1: "192.0.2.01" is no IPv4 address'],
    ['@ 1 A 192.0.2.-1', 'f:1: "192.0.2.-1" is no IPv4 address'],
    ['@ 1 A', 'f:1: address is missing'],
    ['@ 1 A 192.0.2.1 192.0.2.2', 'f:1: "192.0.2.2" is one word too many'],
    ['@ 1 AAAA 192.0.2.1', 'f:1: "192.0.2.1" is no IPv6 address'],
    ['@ 1 AAAA 1:2:3:4:5:6:7:8:9', 'f:1: "1:2:3:4:5:6:7:8:9" is no IPv6 address'],
    ['@ 1 AAAA 1::2::3', 'f:1: "1::2::3" is no IPv6 address'],
    ['@ 1 AAAA 1:2:3:4::5:6:7:8::9', 'f:1: "1:2:3:4::5:6:7:8::9" is no IPv6 address'],
    ['@ 1 AAAA 1:2:3:4:5:6:7::8', 'f:1: "1:2:3:4:5:6:7::8" is no IPv6 address'],
    ['@ 1 AAAA :1:2:3:4:5:6:7', 'f:1: ":1:2:3:4:5:6:7" is no IPv6 address'],
    ['@ 1 AAAA 12345::', 'f:1: "12345::" is no IPv6 address'],
    ['@ 1 AAAA fe80::1%eth0', 'f:1: "fe80::1%eth0" is no IPv6 address'],
    ['@ 1 AAAA ::192.0.2.256', 'f:1: "::192.0.2.256" is no IPv6 address'],
    ['@ 1 MX www 10', 'f:1: "www" is no preference: a number from 0 to 65535'],
    ['@ 1 MX 65536 www', 'f:1: "65536" is no preference: a number from 0 to 65535'],
    ['@ 1 MX 10', 'f:1: mail exchange is missing'],
    ['@ 1 SRV 1 2 www', 'f:1: "www" is no port: a number from 0 to 65535'],
    ['@ 1 TXT', 'f:1: text is missing'],
    [`@ 1 TXT ${'x'.repeat(256)}`, 'f:1: text has 256 bytes, and 255 is the most: make several of it'],
    [`@ 1 TXT ${`${'x'.repeat(255)} `.repeat(256)}`, 'f:1: RDATA of 65536 bytes: 65535 is the most (RFC 1035 §3.2.1)'],
    ['@ 1 TXT \\256', 'f:1: "\\256" is no escape: a backslash and three digits, 000 to 255'],
    ['@ 1 TXT "\\25"', 'f:1: "\\25" is no escape: a backslash and three digits, 000 to 255'],
    ['@ 1 CAA 256 issue ca', 'f:1: "256" is no flags: a number from 0 to 255'],
    ['@ 1 CAA 0 is-sue ca', 'f:1: "is-sue" is no tag: letters and digits, as in issue'],
    ['@ 1 CAA 0 issue', 'f:1: value is missing'],
    ['@ 1 SOA a b 1 2 3 4', 'f:1: minimum is missing'],
    ['@ 1 SOA a b -1 2 3 4 5', 'f:1: "-1" is no serial: a number from 0 to 4294967295'],
    ['@ 1 SOA a b 1 2 3 4 5y', 'f:1: "5y" is no minimum: write seconds up to 2147483647, or units as in 1h30m'],
    [
      '@ 1 SOA a b@c.test. 1 2 3 4 5',
      'f:1: "b@c.test." is no mailbox: it has a dot where the address has its @ (RFC 1035 §8)',
    ],
    ['@ 1 TYPE65 1 . alpn=h2', 'f:1: "TYPE65" needs RDATA in hexadecimal: \\# LENGTH DIGITS (RFC 3597 §5)'],
    ['@ 1 TYPE65 \\# 4 0a0000', 'f:1: 4 bytes are 8 hexadecimal digits, not 6'],
    ['@ 1 TYPE65 \\# 4 0a00000g', 'f:1: "0a00000g" is not hexadecimal'],
    ['@ 1 TYPE65 \\# 65536 00', 'f:1: "65536" is no length: a number from 0 to 65535'],
    ['@ 1 A \\# 3 0a0000', 'f:1: these bytes are no RDATA of this type'],
    ['@ 1 A \\# 5 0a00000100', 'f:1: these bytes are no RDATA of this type'],
    ['@ 1 NS \\# 2 0000', 'f:1: these bytes are no RDATA of this type'],
    ['@ 1 NS \\# 2 c00c', 'f:1: these bytes are no RDATA of this type'],
    ['@ 1 MX \\# 4 000a 0161', 'f:1: these bytes are no RDATA of this type'],
    ['@ 1 TXT \\# 0', 'f:1: these bytes are no RDATA of this type'],
    ['@ 1 TXT \\# 2 0261', 'f:1: these bytes are no RDATA of this type'],
    ['@ 1 CAA \\# 3 000561', 'f:1: these bytes are no RDATA of this type'],
    ['@ 1 CAA \\# 2 0000', 'f:1: these bytes are no RDATA of this type'],
    ['@ 1 SOA \\# 21 000000000000000000000000000000000000000000', 'f:1: these bytes are no RDATA of this type'],
    // Types and classes
    [
      '@ 1 SPF "v=spf1"',
      'f:1: type "SPF" is not known here: A AAAA NS CNAME PTR MX TXT SRV SOA CAA, or TYPE and its number',
    ],
    [
      '@ 1 TYPE65536 \\# 0',
      'f:1: type "TYPE65536" is not known here: A AAAA NS CNAME PTR MX TXT SRV SOA CAA, or TYPE and its number',
    ],
    ['@ 1 TYPE255 \\# 0', 'f:1: type "TYPE255" is for questions and messages, no zone can hold it (RFC 6895 §3.1)'],
    ['@ 1 TYPE41 \\# 0', 'f:1: type "TYPE41" is for questions and messages, no zone can hold it (RFC 6895 §3.1)'],
    ['@ 1 TYPE0 \\# 0', 'f:1: type "TYPE0" is for questions and messages, no zone can hold it (RFC 6895 §3.1)'],
    ['@ 1 TYPE39 \\# 1 00', 'f:1: DNAME would change what the names below it mean, which this server does not do'],
    ['@ 1 CH A 192.0.2.1', 'f:1: class "CH": only IN is served here'],
    ['@ 1 CLASS3 A 192.0.2.1', 'f:1: class "CLASS3": only IN is served here'],
    ['@ 1', 'f:1: type is missing'],
    [
      '@ 1 IN IN A 192.0.2.1',
      'f:1: type "IN" is not known here: A AAAA NS CNAME PTR MX TXT SRV SOA CAA, or TYPE and its number',
    ],
    // TTLs
    ['\n\n@ A 192.0.2.1', 'f:3: no TTL: write one before the type, or a $TTL line above (RFC 2308 §4)'],
    ['@ 2147483648 A 192.0.2.1', 'f:1: "2147483648" is no TTL: write seconds up to 2147483647, or units as in 1h30m'],
    ['@ 1x A 192.0.2.1', 'f:1: "1x" is no TTL: write seconds up to 2147483647, or units as in 1h30m'],
    ['$TTL soon', 'f:1: "soon" is no TTL: write seconds up to 2147483647, or units as in 1h30m'],
    ['$TTL', 'f:1: TTL is missing'],
    ['$TTL 1 2', 'f:1: "2" is one word too many'],
    // Names
    ['a..b 1 A 192.0.2.1', 'f:1: "a..b" has an empty label: two dots in a row, or one at the start'],
    ['.a 1 A 192.0.2.1', 'f:1: ".a" has an empty label: two dots in a row, or one at the start'],
    ['"a" 1 A 192.0.2.1', 'f:1: ""a"" is no name: names are not quoted'],
    ['bücher 1 A 192.0.2.1', 'f:1: "bücher" is not ASCII: write a name as xn--… (RFC 5890), other bytes as \\DDD'],
    ['b\\ücher 1 A 192.0.2.1', 'f:1: "b\\ücher" is not ASCII: write a name as xn--… (RFC 5890), other bytes as \\DDD'],
    ['a\\999 1 A 192.0.2.1', 'f:1: "\\999" is no escape: a backslash and three digits, 000 to 255'],
    [' 1 A 192.0.2.1', 'f:1: the first record needs an owner: a name at the very start of its line'],
    ['$ORIGIN', 'f:1: origin is missing'],
    // The file itself
    ['\n@ 1 A (\n\n192.0.2.1', 'f:2: this "(" is never closed'],
    ['@ 1 A (\n(192.0.2.1)\n', 'f:1: this "(" is never closed'],
    ['\n@ 1 A 192.0.2.1 )', 'f:2: ")" without a "(" before it'],
    ['@ 1 TXT "abc\ndef"', 'f:1: this quote is not closed on its line'],
    ['@ 1 TXT "abc', 'f:1: this quote is not closed on its line'],
    ['@ 1 TXT a"b"', 'f:1: a quote in the middle of a word: put a space before it, or a backslash'],
    ['@ 1 TXT a\\\n', 'f:1: the backslash at the end of this line escapes nothing'],
    ['@ 1 TXT "a\\', 'f:1: the backslash at the end of this line escapes nothing'],
    ['@ 1 TXT a\\', 'f:1: the backslash at the end of this line escapes nothing'],
    ['$GENERATE 1-9 a A 192.0.2.$', 'f:1: "$GENERATE" is not known here: $ORIGIN, $TTL and $INCLUDE are'],
    ['$INCLUDE hosts', 'f:1: this zone may not include other files'],
    ['$INCLUDE', 'f:1: file is missing'],
    // The line is that of the word, not of the entry.
    [
      '@ 1 SOA ns host (\n1 ; serial\n2 ; refresh\nx ; retry\n4 5)',
      'f:4: "x" is no retry: write seconds up to 2147483647, or units as in 1h30m',
    ],
    // What a terminal would obey is drawn.
    ['@ 1 A \x1b[2J', 'f:1: "\\x1b[2J" is no IPv4 address'],
    [`@ 1 A ${'9'.repeat(100)}`, `f:1: "${'9'.repeat(80)}…" is no IPv4 address`],
  ];
  test.each(wrong)('%j', (text, message) => {
    let thrown: unknown;
    try {
      read(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ZoneError);
    const error = thrown as ZoneError;
    expect(error.message).toBe(message);
    expect(`${error.file}:${error.line}: ${error.reason}`).toBe(message);
  });

  test('what is relative needs to know to what', () => {
    expect(() => [...parseMasterFile('www 1 A 192.0.2.1', { file: 'f' })]).toThrow(
      'f:1: "www" is relative, and to what is not known: end it with a dot, or write $ORIGIN before it',
    );
    expect(() => [...parseMasterFile('@ 1 A 192.0.2.1', { file: 'f' })]).toThrow(/"@" is relative/);
    expect(() => [...parseMasterFile('$ORIGIN a', { file: 'f' })]).toThrow(/"a" is relative/);
    expect([...parseMasterFile('www.test. 1 A 192.0.2.1', { file: 'f' })]).toHaveLength(1);
  });

  test('an origin that is none is an error too, with a dot at its end or without', () => {
    expect(() => read('', { origin: 'a..b' })).toThrow(ZoneError);
    expect(lines('@ 1 A 192.0.2.1', { origin: 'other.test.' })).toEqual(['1 other.test. 1 TYPE1 c0000201']);
    expect(lines('@ 1 A 192.0.2.1', { origin: '.' })).toEqual(['1 . 1 TYPE1 c0000201']);
  });

  test('a file that includes itself comes to an end', () => {
    let times = 0;
    const include = () => {
      times++;
      return '$INCLUDE f';
    };
    expect(() => read('$INCLUDE f', { include })).toThrow(/f:1: \$INCLUDE in a file .* does it include itself\?/);
    expect(times).toBe(7);
  });

  test('whatever is done to a good file, it is read or refused with a line, never anything else', () => {
    const good =
      '$ORIGIN example.test.\n$TTL 1h\n@ IN SOA ns host (1 2 3 4 5)\n NS ns\nns A 192.0.2.1\nt TXT "a \\"b\\" \\007" c\nx TYPE65 \\# 2 0a0b\n';
    const roll = dice(5);
    for (let round = 0; round < 3000; round++) {
      const at = roll(good.length);
      const piece = good.slice(roll(good.length)).slice(0, roll(12));
      const spoiled = [
        () => good.slice(0, at),
        () => good.slice(0, at) + String.fromCharCode(roll(300)) + good.slice(at + 1),
        () => good.slice(0, at) + good.slice(at + 1 + roll(8)),
        () => good.slice(0, at) + piece + good.slice(at),
      ][roll(4)]?.();
      try {
        read(spoiled ?? '');
      } catch (error) {
        expect(error, spoiled).toBeInstanceOf(ZoneError);
        expect((error as ZoneError).message).toMatch(/^f:[1-8]: \S/);
      }
    }
  });
});

// Lines of FTP, both ways: each vector is read and written back, explained to the last byte, and heard byte by byte.

import { describe, expect, test } from 'vitest';
import {
  command,
  endpointIn,
  LINE,
  lineIn,
  type Message,
  passiveIn,
  type Reply,
  reply,
  wire,
} from '../../../src/protocols/ftp/wire.ts';
import { Reader, WireError } from '../../../src/wire/fields.ts';
import { decode, encode, Inbox, type Side } from '../../../src/wire/wire.ts';
import { untiled } from '../../promises.ts';

/** A line as it stands on the wire; `latin1`, so that every byte can be written down. */
const bytesOf = (text: string) => Buffer.from(text, 'latin1');

const COMMANDS: [line: string, verb: string, argument: string, kind: string, says: string][] = [
  ['USER anonymous\r\n', 'USER', 'anonymous', 'USER', 'anonymous'],
  ['user anonymous\n', 'USER', 'anonymous', 'USER', 'anonymous'],
  ['PASS s3cret word\r\n', 'PASS', 's3cret word', 'PASS', ''],
  ['PASS\r\n', 'PASS', '', 'PASS', ''],
  // Whatever somebody types who means it is not said aloud.
  ['PASS\ts3cret\r\n', '', 'PASS\ts3cret', 'COMMAND', ''],
  [' pass s3cret\r\n', '', 'pass s3cret', 'COMMAND', ''],
  ['PASSWORD s3cret\r\n', 'PASSWORD', 's3cret', 'COMMAND', ''],
  ['RETR a b.txt\r\n', 'RETR', 'a b.txt', 'RETR', 'a b.txt'],
  // Only the first space is the separator; what follows is the name, to its last space.
  ['RETR  a \r\n', 'RETR', ' a ', 'RETR', ' a '],
  ['RETR caf\xc3\xa9\r\n', 'RETR', 'café', 'RETR', 'café'],
  ['RETR \x1b[2J\r\n', 'RETR', '\x1b[2J', 'RETR', '\\x1b[2J'],
  ['RETR a\rb\r\n', 'RETR', 'a\rb', 'RETR', 'a\\x0db'],
  ['XPWD\r\n', 'XPWD', '', 'XPWD', ''],
  ['NO\r\n', 'NO', '', 'COMMAND', ''],
  ['NONSENSE x\r\n', 'NONSENSE', 'x', 'COMMAND', 'x'],
  ['GET/ HTTP/1.1\r\n', '', 'GET/ HTTP/1.1', 'COMMAND', 'GET/ HTTP/1.1'],
  ['\r\n', '', '', 'COMMAND', ''],
  ['\n', '', '', 'COMMAND', ''],
  [' NOOP\r\n', '', 'NOOP', 'COMMAND', 'NOOP'],
  // Telnet's signals before a command, whole and without the byte that travelled out of band; its commands within one.
  ['\xff\xf4\xff\xf2ABOR\r\n', 'ABOR', '', 'ABOR', ''],
  ['\xff\xf4\xffABOR\r\n', 'ABOR', '', 'ABOR', ''],
  ['\xff\xf4\xf2ABOR\r\n', 'ABOR', '', 'ABOR', ''],
  ['\xff\xfb\x01NOOP\r\n', 'NOOP', '', 'NOOP', ''],
  ['RETR a\xff\xf4b\xff\xff\r\n', 'RETR', 'ab\ufffd', 'RETR', 'ab\ufffd'],
  // Ports are rolled by the system, and not said.
  ['PORT 127,0,0,1,156,64\r\n', 'PORT', '127,0,0,1,156,64', 'PORT', '127.0.0.1'],
  ['EPRT |1|127.0.0.1|40000|\r\n', 'EPRT', '|1|127.0.0.1|40000|', 'EPRT', '127.0.0.1'],
  ['EPRT |2|::1|40000|\r\n', 'EPRT', '|2|::1|40000|', 'EPRT', '::1'],
  ['PORT nonsense\r\n', 'PORT', 'nonsense', 'PORT', ''],
];

const REPLIES: [text: string, code: number, lines: string[], says: string][] = [
  ['220 Welcome\r\n', 220, ['Welcome'], 'Welcome'],
  ['220 Welcome\n', 220, ['Welcome'], 'Welcome'],
  ['226\r\n', 226, [''], ''],
  ['226 \r\n', 226, [''], ''],
  [
    '211-Features:\r\n SIZE\r\n UTF8\r\n211 End\r\n',
    211,
    ['Features:', ' SIZE', ' UTF8', 'End'],
    'Features: … (4 lines)',
  ],
  ['230-Hello\r\n230 there\r\n', 230, ['Hello', 'there'], 'Hello … (2 lines)'],
  // A line within may begin with the code too, or with another.
  ['230-a\r\n230-b\r\n 230 c\r\n229 d\r\n230 e\r\n', 230, ['a', '230-b', ' 230 c', '229 d', 'e'], 'a … (5 lines)'],
  ['230-a\n230\n', 230, ['a', ''], 'a … (2 lines)'],
  ['257 "/a""b" is there\r\n', 257, ['"/a""b" is there'], '"/a""b" is there'],
  [
    '227 Entering Passive Mode (127,0,0,1,156,64).\r\n',
    227,
    ['Entering Passive Mode (127,0,0,1,156,64).'],
    'Entering Passive Mode',
  ],
  ['227 =127,0,0,1,156,64\r\n', 227, ['=127,0,0,1,156,64'], '=127,0,0,1,156,64'],
  [
    '229 Entering Extended Passive Mode (|||40000|)\r\n',
    229,
    ['Entering Extended Passive Mode (|||40000|)'],
    'Entering Extended Passive Mode',
  ],
  ['229 no port\r\n', 229, ['no port'], 'no port'],
  ['550 \x1b]0;evil\x07\r\n', 550, ['\x1b]0;evil\x07'], '\\x1b]0;evil\\x07'],
];

const VECTORS: [Side, string][] = [
  ...COMMANDS.map(([line]): [Side, string] => ['client', line]),
  ...REPLIES.map(([text]): [Side, string] => ['server', text]),
];

function explained(side: Side, text: string) {
  const reader = new Reader(bytesOf(text), { annotate: true });
  wire.read(reader, side, 'tcp', new Map());
  reader.finish();
  return reader.fields ?? [];
}

describe('vectors', () => {
  test.each(COMMANDS)('%j is a command', (line, verb, argument, kind, says) => {
    const message = decode(wire, bytesOf(line), 'client');
    expect(message).toMatchObject({ is: 'command', verb, argument });
    expect([wire.kind(message), wire.says(message)]).toEqual([kind, says]);
  });

  test.each(REPLIES)('%j is a reply', (text, code, lines, says) => {
    const message = decode(wire, bytesOf(text), 'server');
    expect(message).toMatchObject({ is: 'reply', code, lines });
    expect([wire.kind(message), wire.says(message)]).toEqual([String(code), says]);
  });

  test.each(VECTORS)(
    'from the %s, %j: one message by its frame, every byte explained once, and written back',
    (side, text) => {
      const bytes = bytesOf(text);
      expect(untiled(explained(side, text), bytes.length)).toEqual([]);
      expect(encode(wire, decode(wire, bytes, side)).equals(bytes)).toBe(true);
      if (wire.frame(bytes, 0, side) === undefined) throw new Error('not a whole message');
      expect(wire.frame(Buffer.concat([Buffer.from('x\n'), bytes, Buffer.from('NOOP\r\n')]), 2, side)).toBe(
        bytes.length,
      );
      for (let end = 0; end < bytes.length; end++) expect(wire.frame(bytes.subarray(0, end), 0, side)).toBeUndefined();
    },
  );

  test.each(['client', 'server'] as const)(
    'all that the %s says, in one piece, byte by byte, and cut anywhere',
    (side) => {
      const own = VECTORS.filter(([each]) => each === side).map(([, text]) => bytesOf(text));
      const stream = Buffer.concat(own);
      const whole = new Inbox(wire, side).push(Buffer.from(stream)).messages;
      expect(whole).toHaveLength(own.length);
      const slow = new Inbox(wire, side);
      expect(Array.from(stream, (byte) => slow.push(Buffer.of(byte)).messages).flat()).toEqual(whole);
      for (let at = 1; at < stream.length; at += 3) {
        const torn = new Inbox(wire, side);
        const messages = [
          ...torn.push(Buffer.from(stream.subarray(0, at))).messages,
          ...torn.push(Buffer.from(stream.subarray(at))).messages,
        ];
        expect(messages).toEqual(whole);
      }
    },
  );
});

describe('what is made', () => {
  test('a command and a reply of ours are read as they were meant', () => {
    expect(encode(wire, command('NOOP')).toString()).toBe('NOOP\r\n');
    expect(decode(wire, command('CWD', 'a b').raw, 'client')).toEqual(command('CWD', 'a b'));
    expect(decode(wire, reply(200, 'Yes.').raw, 'server')).toEqual(reply(200, 'Yes.'));
    const several = reply(211, 'This:', ' one', '211 looks like the end', 'End');
    expect(several.raw.toString()).toBe('211-This:\r\n one\r\n 211 looks like the end\r\n211 End\r\n');
    expect(wire.frame(several.raw, 0, 'server')).toBe(several.raw.length);
  });

  test('no text ends its line: a name cannot become a reply of its own', () => {
    const evil = reply(257, '"a\r\n230 Logged in\r\n" is there');
    expect(evil.raw.toString()).toBe('257 "a  230 Logged in  " is there\r\n');
    expect(wire.frame(evil.raw, 0, 'server')).toBe(evil.raw.length);
  });

  test('a client’s line that looks like the beginning of a long reply is a line, and waits for no end', () => {
    expect(wire.frame(bytesOf('211-Hello\r\n'), 0, 'client')).toBe(11);
    expect(wire.frame(bytesOf('211-Hello\r\n'), 0, 'server')).toBeUndefined();
  });
});

describe('fields', () => {
  test('each digit has its meaning', () => {
    const glosses = explained('server', '530 Log in\r\n').map(({ id, show, gloss }) => [id, show, gloss]);
    expect(glosses.slice(0, 2)).toEqual([
      ['first', '5', 'no: not like this'],
      ['second', '3', 'about who you are'],
    ]);
  });

  test('a password is secret, and nobody says or leans on it', () => {
    const fields = explained('client', 'PASS s3cret\r\n');
    expect(fields.filter(({ secret }) => secret).map(({ start, end }) => [start, end])).toEqual([[5, 11]]);
    const message = decode(wire, bytesOf('PASS s3cret\r\n'), 'client');
    expect(wire.says(message) + JSON.stringify(wire.leans(message, 'client', new Map()))).not.toContain('s3cret');
  });

  test('ports are rolled, and only ports', () => {
    const rolled = (side: Side, text: string) =>
      explained(side, text).flatMap(({ chance, start, end }) => (chance ? [text.slice(start, end)] : []));
    expect(rolled('server', '227 Entering Passive Mode (127,0,0,1,156,64).\r\n')).toEqual(['156,64']);
    expect(rolled('server', '229 Entering Extended Passive Mode (|||40000|)\r\n')).toEqual(['40000']);
    expect(rolled('client', 'PORT 127,0,0,1,156,64\r\n')).toEqual(['156,64']);
    expect(rolled('client', 'EPRT |2|::1|40000|\r\n')).toEqual(['40000']);
    expect(rolled('client', 'RETR 127,0,0,1,156,64\r\n')).toEqual([]);
  });

  test('whatever leans names a field that is there', () => {
    for (const [side, text] of VECTORS) {
      const ids = new Set(explained(side, text).map(({ id }) => id));
      const leans = wire.leans(decode(wire, bytesOf(text), side), side, new Map());
      expect([text, leans.filter(({ field }) => !ids.has(field))]).toEqual([text, []]);
      for (const { key, cite } of leans)
        expect([key, cite]).toEqual([
          expect.stringMatching(/^(session|folder|type|offset|renaming|data port|transfer)\[path\]$/),
          expect.stringMatching(/^RFC \d+ §/),
        ]);
    }
  });

  const leaning = (side: Side, text: string) =>
    wire.leans(decode(wire, bytesOf(text), side), side, new Map()).map(({ op }) => op);
  test.each([
    ['client', 'USER ann\r\n', ['writes']],
    ['client', 'PASS x\r\n', ['reads', 'writes']],
    ['client', 'RETR a\r\n', ['reads', 'reads']],
    // An absolute name needs no folder.
    ['client', 'RETR /a\r\n', ['reads']],
    ['client', 'REST 5\r\n', ['carries', 'writes']],
    ['client', 'QUIT\r\n', ['clears']],
    ['client', 'NOOP\r\n', []],
    ['server', '530 no\r\n', ['denies']],
    ['server', '550 no\r\n', []],
  ] as const)('from the %s, %j leans: %j', (side, text, ops) => {
    expect(leaning(side, text)).toEqual(ops);
  });
});

describe('where data connections go', () => {
  const awaited = (side: Side, message: Message) => wire.awaits?.(message, side);
  test('the sender of 227, 229, PORT and EPRT waits there, and nobody else', () => {
    expect(awaited('server', reply(227, 'Entering Passive Mode (127,0,0,1,156,64).'))).toBe(40_000);
    expect(awaited('server', reply(229, 'Extended (|||40000|)'))).toBe(40_000);
    expect(awaited('client', command('PORT', '127,0,0,1,156,64'))).toBe(40_000);
    expect(awaited('client', command('EPRT', '|1|127.0.0.1|40000|'))).toBe(40_000);
    expect(awaited('server', reply(226, '(|||40000|)'))).toBeUndefined();
    expect(awaited('client', command('RETR', '127,0,0,1,156,64'))).toBeUndefined();
  });

  test.each(['', '127,0,0,1,156', '127,0,0,1,156,256', '127,0,0,1,156,64,1', '127.0.0.1,156,64', '1,2,3,4,5,6 '])(
    'PORT %j is no address',
    (argument) => expect(endpointIn(command('PORT', argument))).toBeUndefined(),
  );

  test.each(['|1|127.0.0.1|70000|', '|1|localhost|1|', '1|127.0.0.1|40000', '|1|127.0.0.1!40000|', '|1|1|1|1|'])(
    'EPRT %j is no address',
    (argument) => expect(endpointIn(command('EPRT', argument))).toBeUndefined(),
  );

  test('any separator will do, as long as it is always the same one', () => {
    expect(endpointIn(command('EPRT', '!1!127.0.0.1!40000!'))).toMatchObject({ host: '127.0.0.1', port: 40_000 });
    expect(passiveIn(reply(229, '(!!!40000!)'))).toEqual({ port: 40_000 });
    expect(passiveIn(reply(229, '(|!|40000|)'))).toBeUndefined();
  });
});

describe('bounds', () => {
  test('a command may be 2048 bytes long, and no longer', () => {
    const longest = Buffer.from(`RETR ${'x'.repeat(LINE - 7)}\r\n`);
    expect(wire.frame(longest, 0, 'client')).toBe(LINE);
    expect(() => wire.frame(Buffer.from(`RETR ${'x'.repeat(LINE - 6)}\r\n`), 0, 'client')).toThrow(WireError);
    expect(wire.frame(Buffer.alloc(LINE, 0x41), 0, 'client')).toBeUndefined();
    expect(() => wire.frame(Buffer.alloc(LINE + 1, 0x41), 0, 'client')).toThrow(WireError);
  });

  test('an endless reply, in one line or in many, is refused', () => {
    expect(() => wire.frame(Buffer.from(`220 ${'x'.repeat(70_000)}`), 0, 'server')).toThrow(WireError);
    expect(() => wire.frame(Buffer.from(`220-\r\n${' x\r\n'.repeat(20_000)}`), 0, 'server')).toThrow(WireError);
  });

  test('a reply that is none', () => {
    expect(() => decode(wire, Buffer.from('hello\r\n'), 'server')).toThrow(WireError);
    expect(() => decode(wire, Buffer.from('22\r\n'), 'server')).toThrow(WireError);
    expect(() => decode(wire, Buffer.from('220 no end'), 'server')).toThrow(WireError);
  });
});

describe('a server’s ear', () => {
  /** All that is heard of these chunks: verbs, in order. */
  function heard(chunks: readonly Buffer[]): string[] {
    const reader = new Reader(Buffer.alloc(0));
    let [waiting, skipping] = [Buffer.alloc(0), false];
    const verbs: string[] = [];
    for (const chunk of chunks) {
      waiting = Buffer.concat([waiting, chunk]);
      for (;;) {
        const next = lineIn(waiting, skipping, reader);
        waiting = waiting.subarray(next.used);
        skipping = next.skipping;
        if (next.command) verbs.push(next.command.verb || '-');
        else if (next.used === 0) break;
      }
      expect(waiting.length).toBeLessThanOrEqual(LINE);
    }
    return verbs;
  }

  test('goes on after a line that is too long, however it is cut', () => {
    const stream = Buffer.from(`NOOP\r\n${'x'.repeat(3 * LINE)}\r\nPWD\r\n${'y'.repeat(LINE)}\r\n\r\nQUIT\r\n`);
    const expected = ['NOOP', '-', 'PWD', '-', '-', 'QUIT'];
    for (const size of [1, 7, 100, LINE, LINE + 1, stream.length]) {
      const chunks = [];
      for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size));
      expect(heard(chunks)).toEqual(expected);
    }
  });
});

test('a Reply keeps what another server says, as it says it', () => {
  const said = bytesOf('220-caf\xe9\n220 \xff\r\n');
  const message = decode(wire, said, 'server') as Reply;
  expect(message.raw.equals(said)).toBe(true);
});

describe('another place, for whoever stands between', () => {
  const put = (line: string, from: Side, to: { host: string; port: number }, by = '127.0.0.1') =>
    wire.redirect?.(decode(wire, bytesOf(line), from), from, by, to)?.toString('latin1');
  const at = { host: '10.0.0.7', port: 40_001 };

  test.each<[line: string, from: Side, put: string]>([
    ['227 Entering Passive Mode (127,0,0,1,195,80).\r\n', 'server', '227 Entering Passive Mode (10,0,0,7,156,65).\r\n'],
    ['227 =192,168,1,9,0,21\n', 'server', '227 =10,0,0,7,156,65\n'],
    ['229 Extended (|||50000|)\r\n', 'server', '229 Extended (|||40001|)\r\n'],
    ['229 Extended ($$$50000$)\r\n', 'server', '229 Extended ($$$40001$)\r\n'],
    ['PORT 127,0,0,1,195,80\r\n', 'client', 'PORT 10,0,0,7,156,65\r\n'],
    ['eprt |1|127.0.0.1|50000|\n', 'client', 'eprt |1|10.0.0.7|40001|\n'],
    ['EPRT $1$127.0.0.1$50000$\r\n', 'client', 'EPRT $1$10.0.0.7$40001$\r\n'],
  ])('%j', (line, from, wanted) => {
    expect(put(line, from, at)).toBe(wanted);
    // What has been put in is read as what it is, and puts the same back.
    const there = decode(wire, bytesOf(wanted), from);
    expect(wire.awaits?.(there, from)).toBe(at.port);
    const back = {
      host: line.includes('192') ? '192.168.1.9' : '127.0.0.1',
      port: wire.awaits?.(decode(wire, bytesOf(line), from), from) ?? 0,
    };
    expect(put(wanted, from, back, at.host)).toBe(line);
  });

  test('of the other family: only EPRT can say it', () => {
    const six = { host: '::1', port: 40_001 };
    expect(put('EPRT |1|127.0.0.1|50000|\r\n', 'client', six)).toBe('EPRT |2|::1|40001|\r\n');
    expect(put('PORT 127,0,0,1,195,80\r\n', 'client', six)).toBeUndefined();
    expect(put('227 Entering (127,0,0,1,195,80)\r\n', 'server', six)).toBeUndefined();
    expect(put('229 Extended (|||50000|)\r\n', 'server', six)).toBe('229 Extended (|||40001|)\r\n');
  });

  test('a client that names another machine than its own is left alone, and so is all else', () => {
    expect(put('PORT 10,9,9,9,195,80\r\n', 'client', at)).toBeUndefined();
    for (const line of ['PORT nonsense\r\n', 'RETR 127,0,0,1,195,80\r\n'])
      expect(put(line, 'client', at)).toBeUndefined();
    expect(put('226 (127,0,0,1,195,80)\r\n', 'server', at)).toBeUndefined();
  });
});

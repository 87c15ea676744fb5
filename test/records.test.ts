// Traces become records: both ends of one message are one row, every byte has a name, and nothing is kept for ever.

import { describe, expect, test } from 'vitest';
import { ledger } from '../src/capture/ledger.ts';
import { type Entry, type PacketRow, Recorder, record } from '../src/capture/records.ts';
import { type LinkEvent, readTraces, type Trace } from '../src/capture/trace.ts';
import { card as ftp } from '../src/protocols/ftp/index.ts';
import type { AnyCard } from '../src/protocols/index.ts';
import { card as session } from '../src/protocols/tcp-session/index.ts';
import type { Message } from '../src/protocols/tcp-session/wire.ts';
import { card as echo } from '../src/protocols/udp-echo/index.ts';
import type { Reader } from '../src/wire/fields.ts';
import { encode, type Side } from '../src/wire/wire.ts';

const SERVER = '127.0.0.1:7070';
const ANNA = '127.0.0.1:50001';
const BERT = '127.0.0.1:50002';
const TOKEN = 'AAECAwQFBgcICQoLDA0ODw';

/** What happened, in order: each trace gets the next nanosecond. */
function story(...traces: object[]): Trace[] {
  return traces.map((trace, t) => ({ t, ...trace }) as Trace);
}
const born = (who = 'session/1', pid = 1, facts = {}) => ({ who, is: 'born', pid, path: SERVER, facts, notes: [] });
const bytes = (who: string, way: 'sent' | 'read', local: string, remote: string, what: Buffer | string) => ({
  who,
  is: 'bytes',
  way,
  local,
  remote,
  base64: Buffer.from(what).toString('base64'),
});
/** Said by a client at `path`, as its own end saw it; and heard by the server, as the server's end saw it. */
const says = (path: string, what: Buffer | string) => bytes('client', 'sent', path, SERVER, what);
const hears = (path: string, what: Buffer | string) => bytes('session/1', 'read', SERVER, path, what);
const answers = (path: string, what: Buffer | string) => bytes('session/1', 'sent', SERVER, path, what);
const learns = (path: string, what: Buffer | string) => bytes('client', 'read', path, SERVER, what);
const link = (who: string, what: LinkEvent, local: string, remote: string) => ({
  who,
  is: 'link',
  what,
  local,
  remote,
});
const wired = (message: Message) => encode(session.wire, message);

const OPEN = wired({ type: 'OPEN', seq: 1000 });
const OPENED = wired({ type: 'OPENED', session: 1, token: TOKEN, next: 1000, window: 4096 });
const DATA = wired({ type: 'DATA', seq: 1000, payload: Buffer.from('hi') });
const ACK = wired({ type: 'ACK', code: 0, next: 1002, window: 4096, digest: 7 });

const recorded = (traces: Trace[], card: unknown = session, more = {}) => {
  const { transport } = card as AnyCard;
  const over = transport === 'udp' ? 'udp' : 'tcp';
  return record(
    traces.map((trace) => (trace.is === 'bytes' || trace.is === 'link' ? { ...trace, over } : trace)),
    { card: card as AnyCard, ...more },
  );
};
const packets = (entries: readonly Entry[]) =>
  entries.filter((entry): entry is Entry & PacketRow & { row: number } => entry.is === 'packet');
const inShort = (entries: readonly Entry[]) =>
  entries.map((entry) => {
    if (entry.is === 'packet')
      return `${entry.from} → ${entry.to} ${entry.kind}${entry.read === false ? ' (not read)' : ''}`;
    if (entry.is === 'link') return `${entry.from} → ${entry.to} ${entry.what}${entry.dead ? ' (dead)' : ''}`;
    return entry.is;
  });

describe('both ends of one message are one row', () => {
  test('sent here and read there, cut into chunks as the network likes', () => {
    const entries = recorded(
      story(
        born(),
        says(ANNA, Buffer.concat([OPEN, DATA])),
        hears(ANNA, OPEN.subarray(0, 3)),
        hears(ANNA, Buffer.concat([OPEN.subarray(3), DATA.subarray(0, 1)])),
        hears(ANNA, DATA.subarray(1)),
        answers(ANNA, Buffer.concat([OPENED, ACK])),
        learns(ANNA, Buffer.concat([OPENED, ACK.subarray(0, 5)])),
        learns(ANNA, ACK.subarray(5)),
      ),
    );
    expect(inShort(entries)).toEqual([
      'life',
      'client → session/1 OPEN',
      'client → session/1 DATA',
      'session/1 → client OPENED',
      'session/1 → client ACK',
    ]);
    expect(packets(entries).map(({ read, row }) => ({ read, row }))).toEqual(
      [2, 3, 4, 5].map((row) => ({ read: true, row })),
    );
  });

  test('whichever end is seen first', () => {
    expect(inShort(recorded(story(born(), answers(ANNA, OPENED), learns(ANNA, OPENED))))).toEqual(
      inShort(recorded(story(born(), learns(ANNA, OPENED), answers(ANNA, OPENED)))),
    );
  });

  test('a datagram that nobody read says so, and the same bytes sent again are read in its stead', () => {
    const entries = recorded(
      story(
        born(),
        says(ANNA, 'one'),
        says(ANNA, 'two'),
        hears(ANNA, 'two'),
        answers(ANNA, 'two'),
        learns(ANNA, 'two'),
      ),
      echo,
    );
    expect(inShort(entries)).toEqual([
      'life',
      'client → session/1 ECHO (not read)',
      'client → session/1 ECHO',
      'session/1 → client REPLY',
    ]);
  });

  test('an empty datagram is a row too', () => {
    const entries = packets(recorded(story(born(), says(ANNA, ''), hears(ANNA, '')), echo));
    expect(entries).toMatchObject([{ kind: 'ECHO', length: 0, hex: '', read: true }]);
  });

  test('conversations side by side do not get mixed up', () => {
    const entries = recorded(
      story(
        born(),
        says(ANNA, OPEN),
        says(BERT, OPEN.subarray(0, 5)),
        hears(BERT, OPEN.subarray(0, 5)),
        hears(ANNA, OPEN),
        says(BERT, OPEN.subarray(5)),
        answers(ANNA, OPENED),
        hears(BERT, OPEN.subarray(5)),
        answers(BERT, OPENED),
        learns(BERT, OPENED),
        learns(ANNA, OPENED),
      ),
    );
    expect(inShort(entries)).toEqual([
      'life',
      'client → session/1 OPEN',
      'client@2 → session/1 OPEN',
      'session/1 → client OPENED',
      'session/1 → client@2 OPENED',
    ]);
    expect(packets(entries).every(({ read }) => read)).toBe(true);
  });
});

describe('what a connection goes through', () => {
  test('connected and accepted are one row, and so are the two ends of a FIN and of a reset', () => {
    const entries = recorded(
      story(
        born(),
        link('client', 'connected', ANNA, SERVER),
        link('session/1', 'accepted', SERVER, ANNA),
        link('session/1', 'fin sent', SERVER, ANNA),
        link('client', 'fin read', ANNA, SERVER),
        link('client', 'fin sent', ANNA, SERVER),
        link('session/1', 'fin read', SERVER, ANNA),
        link('session/1', 'accepted', SERVER, BERT),
        link('client', 'connected', BERT, SERVER),
        link('client', 'reset sent', BERT, SERVER),
        link('session/1', 'reset read', SERVER, BERT),
      ),
    );
    expect(inShort(entries)).toEqual([
      'life',
      'client → session/1 connected',
      'session/1 → client fin sent',
      'client → session/1 fin sent',
      'client@2 → session/1 connected',
      'client@2 → session/1 reset sent',
    ]);
  });

  test('what a dead process seems to do is its kernel', () => {
    const entries = recorded(
      story(
        born(),
        link('client', 'connected', ANNA, SERVER),
        { who: 'session/1', is: 'kill', pid: 1 },
        link('client', 'fin read', ANNA, SERVER),
        link('client', 'broken pipe', ANNA, SERVER),
        link('client', 'refused', '', SERVER),
        { who: 'session/1', is: 'died', signal: 'SIGKILL', code: null },
        born('session/2', 2),
        link('client', 'connected', BERT, SERVER),
      ),
    );
    expect(inShort(entries)).toEqual([
      'life',
      'client → session/1 connected',
      'cut',
      'session/1 → client fin sent (dead)',
      'client → nobody broken pipe',
      'client → nobody refused',
      'life',
      'client@2 → session/2 connected',
    ]);
  });

  test('unread bytes of a dead process come back as a reset', () => {
    const entries = recorded(
      story(
        born(),
        link('client', 'connected', ANNA, SERVER),
        { who: 'session/1', is: 'kill', pid: 1 },
        link('client', 'reset read', ANNA, SERVER),
      ),
    );
    expect(inShort(entries).at(-1)).toBe('session/1 → client reset sent (dead)');
  });

  test('a life that ended by itself has a row; one that was killed has only that of the kill', () => {
    const died = { who: 'session/1', is: 'died', signal: null, code: 1 };
    expect(inShort(recorded(story(born(), died)))).toEqual(['life', 'died']);
    expect(inShort(recorded(story(born(), { who: 'session/1', is: 'kill', pid: 1 }, died)))).toEqual(['life', 'cut']);
  });
});

test('what was about to leave when its process was killed is marked, and only that', () => {
  const kill = (on: string) => ({ who: 'session/1', is: 'kill', pid: 1, on });
  const traces = (on: string) => story(born(), answers(ANNA, OPENED), answers(ANNA, ACK), kill(on));
  expect(packets(recorded(traces('send 1 ACK'))).map(({ unsent }) => unsent)).toEqual([undefined, true]);
  expect(packets(recorded(traces('sent 1 ACK'))).map(({ unsent }) => unsent)).toEqual([undefined, undefined]);
});

test('who connects from a port on which another connection has ended is somebody new', () => {
  const entries = recorded(
    story(
      born(),
      link('client', 'connected', ANNA, SERVER),
      says(ANNA, 'rubbish'),
      link('client', 'reset sent', ANNA, SERVER),
      link('client', 'connected', ANNA, SERVER),
      says(ANNA, OPEN),
    ),
  );
  expect(inShort(entries).filter((each) => each.includes('connected'))).toHaveLength(2);
  expect(packets(entries).map(({ kind }) => kind)).toEqual(['MALFORMED', 'OPEN']);
});

test('where a log could not keep up, it says so', () => {
  expect(recorded(story(born(), { who: 'tap', is: 'gap' })).at(-1)).toMatchObject({ is: 'gap', row: 2 });
});

describe('bytes that are no message', () => {
  test('keep the names of what could be read, and tell where it went wrong', () => {
    const wrong = Buffer.from([0x15, 0, 0, 12, ...new Array(12).fill(0)]);
    const [packet] = packets(recorded(story(born(), says(ANNA, wrong), hears(ANNA, wrong))));
    expect(packet).toMatchObject({
      kind: 'MALFORMED',
      malformed: { at: 0, why: 'ACK is not for a client to say (byte 0)' },
      length: 16,
      read: true,
    });
    expect(packet?.fields.map(({ id, start, end }) => [id, start, end])).toEqual([
      ['version', 0, 1],
      ['type', 0, 1],
      ['rest', 1, 16],
    ]);
  });

  const NOISE = 'GET / HTTP/1.1';

  test('spoil nothing before them, in the same chunk or not', () => {
    const together = Buffer.concat([OPEN, Buffer.from(NOISE)]);
    const entries = packets(
      recorded(
        story(born(), says(ANNA, together), hears(ANNA, together), says(ANNA, 'Host: x'), hears(ANNA, 'Host: x')),
      ),
    );
    expect(entries.map(({ kind, says }) => `${kind} ${says}`)).toEqual([
      'OPEN seq=1000',
      `MALFORMED "${NOISE}"`,
      'MALFORMED "Host: x"',
    ]);
    expect(entries[0]?.read).toBe(true);
  });

  test.each([
    ['sent in two, read in one', [NOISE.slice(0, 5), NOISE.slice(5)], [NOISE]],
    ['sent in one, read in two', [NOISE], [NOISE.slice(0, 5), NOISE.slice(5)]],
  ])('are shown once: %s', (_how, sent, read) => {
    const entries = packets(
      recorded(story(born(), ...sent.map((part) => says(ANNA, part)), ...read.map((part) => hears(ANNA, part)))),
    );
    expect(entries.map(({ length }) => length)).toEqual(sent.map((part) => part.length));
    const other = packets(
      recorded(story(born(), ...read.map((part) => hears(ANNA, part)), ...sent.map((part) => says(ANNA, part)))),
    );
    expect(other.map(({ length }) => length)).toEqual(read.map((part) => part.length));
  });

  test('do not give a secret away that was met before', () => {
    const resume = encode(session.wire, { type: 'RESUME', session: 1, token: TOKEN });
    const secret = Buffer.from(TOKEN, 'base64url');
    const traces = story(born(), says(ANNA, resume), says(ANNA, NOISE), says(ANNA, resume));
    const shown = packets(recorded(traces)).map((packet) => JSON.stringify(packet));
    expect(shown).toHaveLength(3);
    for (const packet of shown) {
      expect(packet).not.toContain(secret.toString('hex'));
      expect(packet).not.toContain(secret.toString('latin1').slice(8));
    }
    expect(packets(recorded(traces))[2]?.hex).toBe(`13000014${'00000001'}${'**'.repeat(16)}`);
    const open = packets(record(traces, { card: session as unknown as AnyCard, showSecrets: true }));
    expect(open[2]?.hex).toBe(resume.toString('hex'));
  });

  test('that can be framed and not read make the rest of the stream unreadable', () => {
    const wrong = Buffer.from(OPEN);
    wrong.writeUInt8(9, 1);
    const entries = packets(recorded(story(born(), says(ANNA, Buffer.concat([OPEN, wrong])), says(ANNA, OPEN))));
    expect(entries.map(({ kind }) => kind)).toEqual(['OPEN', 'MALFORMED', 'MALFORMED']);
  });

  test('in a datagram say nothing about the next one', () => {
    const fussy = {
      ...echo,
      wire: {
        ...echo.wire,
        read: (reader: Reader, from: Side) =>
          reader.left === 0 ? reader.wrong('too short', undefined, 0) : echo.wire.read(reader, from, 'tcp', new Map()),
      },
    };
    const entries = packets(recorded(story(born(), says(ANNA, ''), says(ANNA, 'x')), fussy));
    expect(entries.map(({ kind }) => kind)).toEqual(['MALFORMED', 'ECHO']);
  });

  test('control characters are drawn, never obeyed', () => {
    const [packet] = packets(recorded(story(born(), says(ANNA, '\u001b[2J\u202e')), echo));
    expect(packet?.says).toBe('"\\x1b[2J\\u{202e}"');
  });
});

describe('secrets', () => {
  const secret = Buffer.from(TOKEN, 'base64url').toString('hex');

  test('are veiled in the bytes and in the fields', () => {
    const [packet] = packets(recorded(story(born(), answers(ANNA, OPENED))));
    expect(packet?.hex).toBe(`1200001c00000001${'**'.repeat(16)}000003e800001000`);
    expect(packet?.fields.find(({ id }) => id === 'token')).toMatchObject({ value: '***', show: '***' });
    expect(JSON.stringify(packet)).not.toContain(secret);
    expect(JSON.stringify(packet)).not.toContain(TOKEN);
  });

  test('are shown when somebody asks for them', () => {
    const [packet] = packets(recorded(story(born(), answers(ANNA, OPENED)), session, { showSecrets: true }));
    expect(packet?.hex).toBe(OPENED.toString('hex'));
    expect(packet?.fields.find(({ id }) => id === 'token')).toMatchObject({ show: secret });
  });
});

describe('memory', () => {
  const changes = [{ subject: 'session[1]', after: `open, spoken for by ${ANNA}` }];

  test('stands with the packet that brought it about, whoever is in between, with paths by their names', () => {
    const entries = packets(
      recorded(
        story(
          born(),
          says(ANNA, OPEN),
          hears(ANNA, OPEN),
          says(BERT, OPEN),
          hears(BERT, OPEN),
          {
            who: 'session/1',
            is: 'memory',
            because: { path: BERT, nth: 1 },
            changes: [{ subject: `path[${BERT}]`, after: 'x' }],
          },
          { who: 'session/1', is: 'memory', because: { path: ANNA, nth: 1 }, changes },
        ),
      ),
    );
    expect(entries.map(({ memory }) => memory)).toEqual([
      [{ holder: 'session/1', changes: [{ subject: 'session[1]', after: 'open, spoken for by client' }] }],
      [{ holder: 'session/1', changes: [{ subject: 'path[client@2]', after: 'x' }] }],
    ]);
  });

  test('that changed without a message has a row of its own', () => {
    const entries = recorded(
      story(born(), says(ANNA, OPEN), hears(ANNA, OPEN), { who: 'session/1', is: 'memory', changes }),
    );
    expect(entries.at(-1)).toMatchObject({ is: 'memory', holder: 'session/1', row: 3 });
  });

  test('of the client stands with what it sent or read last, and not across a step', () => {
    const known = { who: 'client', is: 'memory', changes: [{ subject: 'a', after: 'b' }] };
    const step = { who: 'client', is: 'step', step: 2, name: 'next', aside: false };
    const [packet, ...rest] = recorded(story(says(ANNA, OPEN), known, step, known));
    expect(packet).toMatchObject({ memory: [{ holder: 'client' }] });
    expect(rest.map(({ is }) => is)).toEqual(['step', 'memory']);
  });

  test('is what a cut finds', () => {
    const entries = recorded(
      story(
        born('session/1', 1, { old: 'x' }),
        {
          who: 'session/1',
          is: 'memory',
          changes: [
            { subject: 'new', after: 'y' },
            { subject: 'old', before: 'x' },
          ],
        },
        { who: 'session/1', is: 'kill', pid: 1, on: 'read 2 DATA' },
      ),
    );
    expect(entries.at(-1)).toMatchObject({
      is: 'cut',
      cut: 'kill',
      who: 'session/1',
      on: 'read 2 DATA',
      facts: { new: 'y' },
    });
  });

  test('that a forget left behind is told', () => {
    const forgot = (left: object) =>
      recorded(story(born(), { who: 'session/1', is: 'forgot', facts: { a: 'b' }, left })).at(-1);
    expect(forgot({})).not.toHaveProperty('left');
    expect(forgot({ a: 'b' })).toMatchObject({ cut: 'forget', facts: { a: 'b' }, left: { a: 'b' } });
  });
});

describe('bounds', () => {
  test('a line that a kill cut short is passed over', () => {
    const whole = JSON.stringify({ t: 1, who: 'client', is: 'moved' });
    expect(readTraces(`${whole}\n${whole.slice(0, 20)}`)).toHaveLength(1);
    expect(readTraces(`${whole}\n`)).toHaveLength(1);
    expect(readTraces(whole.slice(0, 20))).toEqual([]);
    expect(readTraces('')).toEqual([]);
  });

  test('entries that were taken are let go of, and a packet taken is still completed', () => {
    const recorder = new Recorder({ card: session as unknown as AnyCard });
    const [first, says1, heard] = story(born(), says(ANNA, OPEN), hears(ANNA, OPEN));
    for (const trace of [first, says1]) if (trace) recorder.push({ ...trace, over: 'tcp' } as Trace);
    const taken = recorder.take();
    expect(recorder.entries).toEqual([]);
    if (heard) recorder.push({ ...heard, over: 'tcp' } as Trace);
    expect(recorder.entries).toEqual([]);
    expect(packets(taken)).toMatchObject([{ read: true }]);
  });

  test('of a long conversation the last thousand packets are kept in mind, and of many clients the last four thousand', () => {
    const recorder = new Recorder({ card: echo as unknown as AnyCard });
    const push = (trace: object) => recorder.push({ t: 0, ...trace, over: 'udp' } as Trace);
    push(born());
    for (let at = 0; at < 1500; at++) push(says(ANNA, `${at}`));
    for (let at = 0; at < 5000; at++) push(says(`127.0.1.1:${10_000 + at}`, 'x'));
    const { conversations, names } = recorder as unknown as {
      conversations: Map<string, { up: { packets: Map<number, unknown> } }>;
      names: Map<string, string>;
    };
    expect(conversations.size).toBe(4096);
    expect(names.size).toBe(4096);
    // Anna was the first to be let go of; another long talker shows the window.
    for (let at = 0; at < 1500; at++) push(says(BERT, `${at}`));
    expect(conversations.get(`udp ${BERT}`)?.up.packets.size).toBe(1024);
  });

  test('numbers go on from where the arm before stopped', () => {
    const entries = recorded(story(born(), says(ANNA, OPEN)), session, { firstRow: 16, arm: 2 });
    expect(entries).toMatchObject([
      { row: 16, arm: 2 },
      { row: 17, arm: 2 },
    ]);
  });
});

describe('a swap', () => {
  const BACK = '127.0.0.1:60001';
  const FRONT = '127.0.0.1:41000';
  const through = { who: 'balancer', is: 'balanced', port: 41000 };
  /** As the two ends see it through the balancer: neither sees the other. */
  const asks = (what: Buffer) => bytes('client', 'sent', ANNA, FRONT, what);
  const heard = (who: string, far: string, what: Buffer) => bytes(who, 'read', SERVER, far, what);

  test('leads to the next life: both ends of what goes through the balancer are one row, under the client’s name', () => {
    const entries = recorded(
      story(
        through,
        born(),
        { ...through, near: ANNA, far: BACK },
        asks(OPEN),
        heard('session/1', BACK, OPEN),
        {
          who: 'session/1',
          is: 'memory',
          because: { path: BACK, nth: 1 },
          changes: [{ subject: `path[${BACK}]`, after: 'speaks' }],
        },
        { who: 'session/1', is: 'swapped' },
        link('client', 'fin read', ANNA, FRONT),
        link('session/1', 'fin read', SERVER, BACK),
        { who: 'session/1', is: 'memory', changes: [{ subject: `path[${BACK}]`, before: 'speaks' }] },
        born('session/2', 2),
        { ...through, near: BERT, far: '127.0.0.1:60002' },
        bytes('client', 'sent', BERT, FRONT, OPEN),
        heard('session/2', '127.0.0.1:60002', OPEN),
      ),
    );
    expect(inShort(entries)).toEqual([
      'life',
      'client → session/1 OPEN',
      'cut',
      'balancer → client fin sent',
      'life',
      'client@2 → session/2 OPEN',
    ]);
    expect(entries[1]).toMatchObject({ read: true, memory: [{ changes: [{ subject: 'path[client]' }] }] });
    expect(entries[2]).toMatchObject({ cut: 'swap', who: 'session/1', facts: { 'path[client]': 'speaks' } });
  });
});

describe('a silence', () => {
  const silenced = { who: 'link', is: 'silenced' };
  const counts = { datagrams: 0, dials: 0, ends: 0, bytes: 0 };
  const healed = {
    who: 'link',
    is: 'healed',
    swallowed: { client: { ...counts, datagrams: 1, bytes: 3 }, server: counts },
  };

  test('swallows a datagram for good: what is read later is the one that was sent after it', () => {
    const entries = recorded(
      story(born(), silenced, says(ANNA, 'one'), healed, says(ANNA, 'one'), hears(ANNA, 'one')),
      echo,
    );
    expect(packets(entries)).toMatchObject([{ swallowed: true, read: false }, { read: true }]);
    expect(packets(entries)[1]).not.toHaveProperty('swallowed');
    expect(entries.at(-2)).toMatchObject({ is: 'healed', life: 'session/1', swallowed: healed.swallowed });
  });

  test('holds up what is said on a connection: it is one row, which was read all the same', () => {
    const entries = recorded(
      story(born(), says(ANNA, OPEN), hears(ANNA, OPEN), silenced, says(ANNA, DATA), healed, hears(ANNA, DATA)),
    );
    expect(packets(entries)).toMatchObject([{ kind: 'OPEN' }, { kind: 'DATA', swallowed: true, read: true }]);
    expect(ledger(entries).notes.get(packets(entries)[1]?.row ?? 0)).toContainEqual({
      word: 'hint',
      text: 'the link swallowed this; TCP sent it again when the link had healed, and it came late',
    });
  });

  test('leaves a connection half-open: its end had no hearer, and what is said on it then is answered by a machine', () => {
    const entries = recorded(
      story(
        born(),
        link('client', 'connected', ANNA, SERVER),
        says(ANNA, OPEN),
        hears(ANNA, OPEN),
        silenced,
        link('client', 'fin sent', ANNA, SERVER),
        { ...link('client', 'swallowed', '', SERVER) },
        healed,
        { who: 'link', is: 'half-open', near: ANNA, at: 'server' },
        answers(ANNA, ACK),
        link('session/1', 'reset read', SERVER, ANNA),
      ),
    );
    expect(entries.filter(({ is }) => is === 'link')).toMatchObject([
      { what: 'connected' },
      { what: 'fin sent', from: 'client', swallowed: true },
      { what: 'swallowed', from: 'client', swallowed: true },
      { what: 'half-open', from: 'session/1', to: 'client', side: 'server' },
      { what: 'reset sent', from: 'client', to: 'session/1', unknown: true },
    ]);
  });
});

describe('data connections', () => {
  const DATA_PORT = '127.0.0.1:40001';
  const ANNAS_DATA = '127.0.0.1:50009';
  /** A protocol whose OPENED says where a data connection is waited for. */
  const card = {
    ...session,
    wire: { ...session.wire, awaits: (message: Message) => (message.type === 'OPENED' ? 40_001 : undefined) },
  };
  const announced = [born(), says(ANNA, OPEN), hears(ANNA, OPEN), answers(ANNA, OPENED), learns(ANNA, OPENED)];
  const sends = (what: string) => bytes('session/1', 'sent', DATA_PORT, ANNAS_DATA, what);
  const gets = (what: string) => bytes('client', 'read', ANNAS_DATA, DATA_PORT, what);

  test('are in the log, under the name of the connection that asked for them, with the row that announced them', () => {
    const entries = recorded(
      story(
        ...announced,
        link('client', 'connected', ANNAS_DATA, DATA_PORT),
        link('session/1', 'accepted', DATA_PORT, ANNAS_DATA),
        sends('first second'),
        gets('first '),
        sends(' third'),
        gets('second thi'),
        link('session/1', 'fin sent', DATA_PORT, ANNAS_DATA),
      ),
      card,
    );
    expect(inShort(entries)).toEqual([
      'life',
      'client → session/1 OPEN',
      'session/1 → client OPENED',
      'client:data → session/1:data connected',
      'session/1:data → client:data DATA',
      'session/1:data → client:data DATA',
      'session/1:data → client:data fin sent',
    ]);
    expect(entries.slice(3)).toMatchObject([
      { opened: 3 },
      { opened: 3, read: true, length: 12 },
      { opened: 3, length: 6 },
      { opened: 3 },
    ]);
    // The client has not read the end of the last chunk.
    expect(packets(entries)[3]?.read).toBeUndefined();
  });

  test('of an upload are not read until the server has read all of the chunk', () => {
    const puts = (what: string) => bytes('client', 'sent', ANNAS_DATA, DATA_PORT, what);
    const takes = (what: string) => bytes('session/1', 'read', DATA_PORT, ANNAS_DATA, what);
    const entries = packets(recorded(story(...announced, puts('one'), puts('two'), takes('onet')), card));
    expect(entries.slice(2).map(({ read }) => read)).toEqual([true, false]);
  });

  test('of which only the beginning was written down are as long as they are', () => {
    const cut = { ...sends('begin'), length: 1_000_000 };
    const [, , chunk] = packets(recorded(story(...announced, cut), card));
    expect(chunk).toMatchObject({ length: 1_000_000, hex: Buffer.from('begin').toString('hex') });
    expect(chunk?.fields).toMatchObject([{ start: 0, end: 1_000_000, show: '"begin" of 1000000 bytes' }]);
  });

  test('that somebody else makes from another address are not the one that was announced', () => {
    const thief = link('session/1', 'accepted', DATA_PORT, '127.0.0.2:50009');
    expect(inShort(recorded(story(...announced, thief), card)).at(-1)).toBe('session/1 → client OPENED');
  });

  test('are announced for one connection: the next one from that port is somebody else’s', () => {
    const again = link('client', 'connected', '127.0.0.1:50010', DATA_PORT);
    const first = link('client', 'connected', ANNAS_DATA, DATA_PORT);
    expect(
      inShort(recorded(story(...announced, first, again), card)).filter((each) => each.includes('connected')),
    ).toHaveLength(1);
  });

  test('in their thousands do not make the recorder forget the connection that asked for them', () => {
    const recorder = new Recorder({ card: card as unknown as AnyCard });
    const push = (trace: object) => recorder.push({ t: 0, over: 'tcp', ...trace } as Trace);
    for (const trace of announced) push(trace);
    for (let nth = 0; nth < 5000; nth++) {
      push(answers(ANNA, OPENED));
      const [from, at] = [`127.0.0.1:${10_000 + nth}`, DATA_PORT];
      push(link('session/1', 'accepted', at, from));
      push(bytes('session/1', 'sent', at, from, 'x'));
      push(link('session/1', 'fin sent', at, from));
      push(link('session/1', 'fin read', at, from));
    }
    const { conversations } = recorder as unknown as { conversations: Map<string, unknown> };
    expect([...conversations.keys()]).toEqual([`tcp ${ANNA}`]);
  });

  test('that nobody announced are none of this protocol’s, and neither are other sockets of these processes', () => {
    const elsewhere = [
      link('client', 'connected', ANNAS_DATA, '127.0.0.1:40002'),
      bytes('client', 'sent', ANNAS_DATA, '127.0.0.1:40002', 'x'),
      bytes('session/1', 'sent', '127.0.0.1:40003', '127.0.0.1:6379', 'x'),
    ];
    expect(inShort(recorded(story(...announced, ...elsewhere), card))).toEqual([
      'life',
      'client → session/1 OPEN',
      'session/1 → client OPENED',
    ]);
  });
});

describe('what a deed brings about', () => {
  const change = (after: string, later = true) => ({
    who: 'session/1',
    is: 'memory',
    because: { path: ANNA, nth: 1, ...(later ? { later } : {}) },
    changes: [{ subject: 'session[1]', after }],
  });

  test('is told with the message that asked for it, while nothing else has happened', () => {
    const entries = recorded(story(born(), hears(ANNA, OPEN), change('open')));
    expect(entries).toMatchObject([{ is: 'life' }, { is: 'packet', memory: [{ holder: 'session/1' }] }]);
  });

  test('and has a row of its own when it comes later: the message did not know of it', () => {
    const entries = recorded(
      story(born(), hears(ANNA, OPEN), change('begun', false), answers(ANNA, OPENED), change('done')),
    );
    expect(entries.slice(1)).toMatchObject([
      { is: 'packet', memory: [{ changes: [{ after: 'begun' }] }] },
      { is: 'packet', memory: [] },
      { is: 'memory', changes: [{ after: 'done' }] },
    ]);
  });

  test('is not lost when the row has been shown long ago', () => {
    const recorder = new Recorder({ card: session as unknown as AnyCard });
    const push = (trace: object) => recorder.push({ t: 0, over: 'tcp', ...trace } as Trace);
    push(born());
    push(hears(ANNA, OPEN));
    const shown = recorder.take();
    push(change('soon', false));
    expect(packets(shown)).toMatchObject([{ memory: [{ changes: [{ after: 'soon' }] }] }]);
    recorder.take();
    push(change('late', false));
    expect(recorder.take()).toMatchObject([{ is: 'memory', changes: [{ after: 'late' }] }]);
  });

  test('what a life that is gone still tells is not put down to the one that follows', () => {
    const entries = recorded(
      story(
        born('session/1', 1),
        { who: 'session/1', is: 'swapped' },
        born('session/2', 2, { 'session[1]': 'open' }),
        { who: 'session/1', is: 'memory', changes: [{ subject: 'session[1]', before: 'open' }] },
        link('session/1', 'fin read', SERVER, ANNA),
        { who: 'session/2', is: 'kill', pid: 2 },
      ),
    );
    expect(inShort(entries)).toEqual(['life', 'cut', 'life', 'cut']);
    expect(entries.at(-1)).toMatchObject({ facts: { 'session[1]': 'open' } });
  });
});

describe('a protocol whose server goes on after bytes that are no message', () => {
  const says = (what: string) => bytes('client', 'sent', ANNA, SERVER, what);
  const LONG = 'x'.repeat(3000);

  test('is read on behind them, however they are cut', () => {
    for (const chunks of [[`USER a\r\n${LONG}\r\nNOOP\r\n`], ['USER a\r\n', LONG, '\r', '\nNO', 'OP\r\n']]) {
      const entries = packets(recorded(story(born('ftp/1'), ...chunks.map(says)), ftp));
      expect(entries.map(({ kind }) => kind)).toEqual(['USER', 'MALFORMED', 'NOOP']);
      expect(entries[1]).toMatchObject({ length: 3002, malformed: { why: expect.stringContaining('is longer than') } });
      // The bound is ours, and no clause of the standard.
      expect(entries[1]?.malformed?.cite).toBeUndefined();
    }
  });

  test('and a password in them, or behind them, stays hidden', () => {
    const secrets = [
      `PASS ${LONG}\r\n`,
      `${LONG}\r\nPASS hunter2hunter2\r\n`,
      `${'y'.repeat(70_000)}`,
      '\r\nPASS hunter2\r\n',
    ];
    const told = JSON.stringify(recorded(story(born('ftp/1'), ...secrets.map(says)), ftp));
    expect(told).not.toContain('hunter2');
    expect(told).not.toContain(Buffer.from('hunter2').toString('hex'));
    expect(told.slice(0, 3000)).not.toContain('xxxxxx');
  });

  test('secrets of the peer’s own choice are found again in bounded time, short ones not at all', () => {
    const many = Array.from({ length: 2000 }, (_none, nth) => `PASS ${'a'.repeat(1 + (nth % 900))}\r\n`);
    const entries = packets(
      recorded(story(born('ftp/1'), says(many.join('')), says(`a\rb${'a'.repeat(60_000)}`), says('\r\n')), ftp),
    );
    expect(entries).toHaveLength(2001);
    expect(entries.at(-1)?.length).toBe(60_005);
  });
});

describe('what is said after TLS begins', () => {
  test('is not seen, and a row says so', () => {
    const replies = ['220 Hello\r\n', '234 TLS\r\n'].map((text) => bytes('session/1', 'sent', SERVER, ANNA, text));
    const entries = recorded(story(born(), ...replies), ftp);
    expect(inShort(entries)).toEqual([
      'life',
      'session/1 → client 220',
      'session/1 → client 234',
      'session/1 → client sealed',
    ]);
  });
});

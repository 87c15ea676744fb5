// What a session server comes to remember, and what it answers: scripts of what is heard and what is said, without a socket.

import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { dice } from '../../../src/lab/world.ts';
import { rulesFor } from '../../../src/protocols/tcp-session/state.ts';
import { ACK, type Message, RESET } from '../../../src/protocols/tcp-session/wire.ts';
import { ack, close, closed, data, open, opened, reset, resume, Script, tokenOf } from './script.ts';

/** Numbers to begin at: nothing special, and everything that is special about 32 bits. */
const FIRSTS = [0, 100, 2_147_483_640, 2_147_483_648, 4_294_967_290, 4_294_967_295];
const mod = (number: number) => number >>> 0;
const OPENING = { learns: ['opened', 'spoke'] } as const;

/** A script in which A has opened session 1 at `first`. */
function begun(first: number, ...rules: ConstructorParameters<typeof Script> | []): Script {
  return new Script(...(rules.length > 0 ? (rules as ['token']) : (['token'] as const))).hears('A', open(first), {
    learns: [...OPENING.learns],
    says: [opened('A', 1, first)],
  });
}

describe.each(['token', 'path'] as const)('filed under the %s', (filedUnder) => {
  describe.each(FIRSTS)('from byte %i on', (first) => {
    const at = (offset: number) => mod(first + offset);

    test('data in order is delivered and acknowledged, byte by byte and over the wrap', () => {
      begun(first, filedUnder)
        .hears('A', data(at(0), 'Do not '), { learns: ['delivered'], says: [ack('A', 'delivered', at(7), 'Do not ')] })
        .hears('A', data(at(7), 'f'), { learns: ['delivered'], says: [ack('A', 'delivered', at(8), 'Do not f')] })
        .hears('A', data(at(8), 'orget'), {
          learns: ['delivered'],
          says: [ack('A', 'delivered', at(13), 'Do not forget')],
        })
        .knows({
          'session[1]': `open, next ${at(13)}, 13 bytes delivered, digest ${crc32('Do not forget').toString(16).padStart(8, '0')}`,
          'path[A]': 'speaks for session[1]',
        });
    });

    test('a duplicate is acknowledged again, and nothing comes of it', () => {
      begun(first, filedUnder)
        .hears('A', data(at(0), 'hello'), { learns: ['delivered'], says: [ack('A', 'delivered', at(5), 'hello')] })
        .hears('A', data(at(0), 'hello'), { says: [ack('A', 'duplicate', at(5), 'hello')] })
        .hears('A', data(at(3), 'lo'), { says: [ack('A', 'duplicate', at(5), 'hello')] })
        // Even with other bytes: what was delivered stays delivered.
        .hears('A', data(at(0), 'HELLO'), { says: [ack('A', 'duplicate', at(5), 'hello')] })
        .hears('A', data(at(5), '!'), { learns: ['delivered'], says: [ack('A', 'delivered', at(6), 'hello!')] });
    });

    test('a gap is answered with the number that is expected, and the bytes after it are not kept', () => {
      begun(first, filedUnder)
        .hears('A', data(at(1), 'ello'), { says: [ack('A', 'gap', at(0), '')] })
        .hears('A', data(at(0), 'h'), { learns: ['delivered'], says: [ack('A', 'delivered', at(1), 'h')] })
        .hears('A', data(at(3), 'lo'), { says: [ack('A', 'gap', at(1), 'h')] })
        .hears('A', data(at(1), 'el'), { learns: ['delivered'], says: [ack('A', 'delivered', at(3), 'hel')] });
    });

    test('the front of a message that came before is trimmed, the rest delivered', () => {
      begun(first, filedUnder)
        .hears('A', data(at(0), 'hello'), { learns: ['delivered'], says: [ack('A', 'delivered', at(5), 'hello')] })
        .hears('A', data(at(2), 'llo, you'), {
          learns: ['delivered'],
          says: [ack('A', 'delivered', at(10), 'hello, you')],
        })
        .hears('A', data(at(9), 'u!'), { learns: ['delivered'], says: [ack('A', 'delivered', at(11), 'hello, you!')] });
    });

    test('bytes past the window are refused, the last one within it is not', () => {
      begun(first, filedUnder)
        .hears('A', data(at(4096), 'x'), { says: [ack('A', 'beyond', at(0), '')] })
        .hears('A', data(at(4095), 'xy'), { says: [ack('A', 'beyond', at(0), '')] })
        .hears('A', data(at(4095), 'x'), { says: [ack('A', 'gap', at(0), '')] })
        .hears('A', data(at(1_000_000), 'x'), { says: [ack('A', 'beyond', at(0), '')] })
        .hears('A', data(at(0x7fff_ffff), 'x'), { says: [ack('A', 'beyond', at(0), '')] })
        .hears('A', data(at(0), 'x'), { learns: ['delivered'], says: [ack('A', 'delivered', at(1), 'x')] });
    });

    test('numbers from half the circle on lie behind: such bytes were sent before', () => {
      begun(first, filedUnder)
        .hears('A', data(at(0x8000_0000), 'x'), { says: [ack('A', 'duplicate', at(0), '')] })
        .hears('A', data(at(-1), 'x'), { says: [ack('A', 'duplicate', at(0), '')] });
    });

    test('a close that both ends agree on ends the session and the connection', () => {
      begun(first, filedUnder)
        .hears('A', data(at(0), 'hello'), { learns: ['delivered'], says: [ack('A', 'delivered', at(5), 'hello')] })
        .hears('A', close(at(5), 'hello'), { learns: ['closed'], says: closed('A', at(5), 'hello') })
        .knows({
          'session[1]': `closed, next ${at(5)}, 5 bytes delivered, digest 3610a686`,
          'path[A]': 'speaks for session[1]',
        });
    });

    test('a close with another number is a gap; with another digest the two ends part in anger', () => {
      begun(first, filedUnder)
        .hears('A', data(at(0), 'hello'), { learns: ['delivered'], says: [ack('A', 'delivered', at(5), 'hello')] })
        .hears('A', close(at(6), 'hello'), { says: [ack('A', 'gap', at(5), 'hello')] })
        .hears('A', close(at(4), 'hello'), { says: [ack('A', 'gap', at(5), 'hello')] })
        .hears('A', close(at(5), 'hallo'), { says: reset('A', 'digest') })
        .hears('A', close(at(5), 'hello'), { learns: ['closed'], says: closed('A', at(5), 'hello') });
    });
  });

  test('a session without a byte can be closed too', () => {
    begun(7, filedUnder).hears('A', close(7, ''), { learns: ['closed'], says: closed('A', 7, '') });
  });

  test('a close can be asked again: the answer may have been lost', () => {
    begun(7, filedUnder)
      .hears('A', close(7, ''), { learns: ['closed'], says: closed('A', 7, '') })
      .hears('A', close(7, ''), { says: closed('A', 7, '') });
  });

  test('after the close, old data is still known, and nothing can be added', () => {
    begun(7, filedUnder)
      .hears('A', data(7, 'hello'), { learns: ['delivered'], says: [ack('A', 'delivered', 12, 'hello')] })
      .hears('A', close(12, 'hello'), { learns: ['closed'], says: closed('A', 12, 'hello') })
      .hears('A', data(7, 'hello'), { says: [ack('A', 'duplicate', 12, 'hello')] })
      .hears('A', data(12, '!'), { says: reset('A', 'closed') })
      .hears('A', data(10, 'lo!'), { says: reset('A', 'closed') });
  });

  test('data or a close on a connection that speaks for nothing is told so', () => {
    new Script(filedUnder)
      .hears('A', data(0, 'x'), { says: reset('A', 'noSession') })
      .hears('A', close(0, ''), { says: reset('A', 'noSession') })
      .knows({});
  });

  test('a connection speaks for one session: a second OPEN, or a RESUME, is refused', () => {
    begun(7, filedUnder)
      .hears('A', open(7), { says: reset('A', 'alreadyOpen') })
      .hears('A', resume(1, tokenOf(1)), { says: reset('A', 'alreadyOpen') })
      .knows({ 'session[1]': 'open, next 7, 0 bytes delivered, digest 00000000', 'path[A]': 'speaks for session[1]' });
  });

  test('what only a server may say is answered as malformed', () => {
    const words: Message[] = [
      { type: 'OPENED', session: 1, token: tokenOf(1), next: 0, window: 0 },
      { type: 'ACK', code: ACK.delivered, next: 0, window: 0, digest: 0 },
      { type: 'RESET', code: 1 },
    ];
    for (const word of words) begun(7, filedUnder).hears('A', word, { says: reset('A', 'malformed') });
  });

  test('two connections are two sessions, and neither hears of the other', () => {
    begun(100, filedUnder)
      .hears('B', open(500), { learns: [...OPENING.learns], says: [opened('B', 2, 500)] })
      .hears('A', data(100, 'for A'), { learns: ['delivered'], says: [ack('A', 'delivered', 105, 'for A')] })
      .hears('B', data(500, 'for B'), { learns: ['delivered'], says: [ack('B', 'delivered', 505, 'for B')] })
      .hears('A', data(105, '.'), { learns: ['delivered'], says: [ack('A', 'delivered', 106, 'for A.')] })
      .knows({
        'session[1]': `open, next 106, 6 bytes delivered, digest ${crc32('for A.').toString(16).padStart(8, '0')}`,
        'session[2]': `open, next 505, 5 bytes delivered, digest ${crc32('for B').toString(16).padStart(8, '0')}`,
        'path[A]': 'speaks for session[1]',
        'path[B]': 'speaks for session[2]',
      });
  });

  test('a path that speaks for nothing may go without a trace', () => {
    new Script(filedUnder).loses('A', {}).knows({});
  });

  test('knows nothing when it is empty', () => {
    new Script(filedUnder).knows({});
  });

  test('only what is filed under a path is not worth writing down', () => {
    const { rules } = new Script(filedUnder);
    expect(rules.lasting({ is: 'spoke', path: 'A', key: 'k' })).toBe(false);
    expect(rules.lasting({ is: 'parted', path: 'A' })).toBe(false);
    expect(rules.lasting({ is: 'opened', key: 'k', id: 1, first: 0 })).toBe(true);
    expect(rules.lasting({ is: 'resumed', key: 'k' })).toBe(true);
    expect(rules.lasting({ is: 'idle', key: 'k', at: 1 })).toBe(true);
    expect(rules.lasting({ is: 'delivered', key: 'k', next: 1, digest: 0 })).toBe(true);
    expect(rules.lasting({ is: 'closed', key: 'k' })).toBe(true);
    expect(rules.lasting({ is: 'evicted', key: 'k' })).toBe(true);
  });

  test('what is told of a session that is not there changes nothing', () => {
    const { rules } = new Script(filedUnder);
    const state = rules.empty();
    rules.apply(state, { is: 'delivered', key: 'k', next: 1, digest: 0 });
    rules.apply(state, { is: 'resumed', key: 'k' });
    rules.apply(state, { is: 'idle', key: 'k', at: 1 });
    rules.apply(state, { is: 'closed', key: 'k' });
    rules.apply(state, { is: 'evicted', key: 'k' });
    rules.apply(state, { is: 'parted', path: 'A' });
    expect(state).toEqual(rules.empty());
  });

  // The rules count with 32 bits that wrap; the reader of this test counts on from the first byte with ordinary numbers.
  test.each([1, 2, 3])('whatever is sent, bytes come out once each and in order (seed %i)', (seed) => {
    const roll = dice(seed);
    const first = 4_294_965_000 + roll(2_000);
    const script = begun(first, filedUnder);
    let stream = '';
    const byte = (offset: number) => String.fromCharCode(97 + (offset % 26));
    for (let step = 0; step < 400; step++) {
      const from = Math.max(0, stream.length + roll(40) - 25 + (roll(20) === 0 ? 4090 : 0));
      const text = Array.from({ length: 1 + roll(30) }, (_, nth) => byte(from + nth)).join('');
      const end = from + text.length;
      const code =
        end > stream.length + 4096
          ? 'beyond'
          : from > stream.length
            ? 'gap'
            : end <= stream.length
              ? 'duplicate'
              : 'delivered';
      if (code === 'delivered') stream += text.slice(stream.length - from);
      script.hears('A', data(mod(first + from), text), {
        learns: code === 'delivered' ? ['delivered'] : [],
        says: [ack('A', code, mod(first + stream.length), stream)],
      });
    }
    expect(mod(first + stream.length), 'the numbers have wrapped').toBeLessThan(first);
    script.hears('A', close(mod(first + stream.length), stream), {
      learns: ['closed'],
      says: closed('A', mod(first + stream.length), stream),
    });
  });
});

describe('filed under a token', () => {
  test('a session survives its path: the same token brings it back from another one', () => {
    begun(4_294_967_290)
      .hears('A', data(4_294_967_290, 'hello'), {
        learns: ['delivered'],
        says: [ack('A', 'delivered', 4_294_967_295, 'hello')],
      })
      .loses('A', { learns: ['parted', 'idle'] })
      .knows({ 'session[1]': 'open, next 4294967295, 5 bytes delivered, digest 3610a686' })
      .hears('B', resume(1, tokenOf(1)), {
        learns: ['resumed', 'spoke'],
        says: [ack('B', 'delivered', 4_294_967_295, 'hello')],
      })
      .hears('B', data(4_294_967_295, ', you'), {
        learns: ['delivered'],
        says: [ack('B', 'delivered', 4, 'hello, you')],
      })
      .knows({
        'session[1]': `open, next 4, 10 bytes delivered, digest ${crc32('hello, you').toString(16).padStart(8, '0')}`,
        'path[B]': 'speaks for session[1]',
      });
  });

  test('a kill takes the paths, and what was written down is enough to go on from', () => {
    begun(100)
      .hears('A', data(100, 'hello'), { learns: ['delivered'], says: [ack('A', 'delivered', 105, 'hello')] })
      .restarts()
      .knows({ 'session[1]': 'open, next 105, 5 bytes delivered, digest 3610a686' })
      .hears('A', data(105, '!'), { says: reset('A', 'noSession') })
      .hears('B', resume(1, tokenOf(1)), { learns: ['resumed', 'spoke'], says: [ack('B', 'delivered', 105, 'hello')] })
      .hears('B', data(100, 'hello!'), { learns: ['delivered'], says: [ack('B', 'delivered', 106, 'hello!')] })
      .hears('C', open(0), {
        learns: [...OPENING.learns],
        says: [{ to: 'C', say: { type: 'OPENED', session: 2, token: tokenOf(2), next: 0, window: 4096 } }],
      });
  });

  test('the newest RESUME wins: the old connection is told so and hung up on, and there is exactly one ACK', () => {
    begun(100)
      .hears('A', data(100, 'hello'), { learns: ['delivered'], says: [ack('A', 'delivered', 105, 'hello')] })
      .hears('B', resume(1, tokenOf(1)), {
        learns: ['parted', 'resumed', 'spoke'],
        says: [...reset('A', 'takenOver'), ack('B', 'delivered', 105, 'hello')],
      })
      .hears('A', data(105, ' from A'), { says: reset('A', 'noSession') })
      .hears('B', data(105, ' from B'), { learns: ['delivered'], says: [ack('B', 'delivered', 112, 'hello from B')] })
      // The old connection's end is no end of anything any more.
      .loses('A', {})
      .hears('B', data(112, '!'), { learns: ['delivered'], says: [ack('B', 'delivered', 113, 'hello from B!')] })
      .knows({
        'session[1]': `open, next 113, 13 bytes delivered, digest ${crc32('hello from B!').toString(16).padStart(8, '0')}`,
        'path[B]': 'speaks for session[1]',
      });
  });

  test('a closed session can be resumed, so that a close whose answer was lost can be asked again', () => {
    begun(100)
      .hears('A', close(100, ''), { learns: ['closed'], says: closed('A', 100, '') })
      .loses('A', { learns: ['parted', 'idle'] })
      .hears('B', resume(1, tokenOf(1)), { learns: ['resumed', 'spoke'], says: [ack('B', 'delivered', 100, '')] })
      .hears('B', close(100, ''), { says: closed('B', 100, '') })
      .hears('B', data(100, 'more'), { says: reset('B', 'closed') });
  });

  test('a wrong token, a wrong number, an expired session and one never issued get the same answer', () => {
    const refused = { says: reset('B', 'unknownSession') };
    begun(100)
      .loses('A', { learns: ['parted', 'idle'] })
      .hears('B', resume(1, tokenOf(9)), refused)
      .hears('B', resume(2, tokenOf(1)), refused)
      .hears('B', resume(0, ''), refused)
      .hears('B', resume(1, '__proto__'), refused)
      .waits(3601)
      .hears('B', resume(1, tokenOf(1)), refused);
    new Script('token').hears('B', resume(1, tokenOf(1)), refused);
  });

  test('a number alone opens nothing, and a failed RESUME disturbs nobody who speaks', () => {
    begun(100)
      .hears('B', resume(1, tokenOf(2)), { says: reset('B', 'unknownSession') })
      .hears('A', data(100, 'x'), { learns: ['delivered'], says: [ack('A', 'delivered', 101, 'x')] });
  });

  test('a session is remembered for its lifetime to the second, counted from when its connection ended', () => {
    begun(100)
      .waits(10_000)
      .loses('A', { learns: ['parted', 'idle'] })
      .waits(3600)
      .hears('B', resume(1, tokenOf(1)), { learns: ['resumed', 'spoke'], says: [ack('B', 'delivered', 100, '')] })
      .loses('B', { learns: ['parted', 'idle'] })
      .waits(3600)
      .hears('C', resume(1, tokenOf(1)), { learns: ['resumed', 'spoke'], says: [ack('C', 'delivered', 100, '')] })
      .loses('C', { learns: ['parted', 'idle'] })
      .waits(3601)
      .hears('D', resume(1, tokenOf(1)), { says: reset('D', 'unknownSession') });
  });

  test('a session whose connection died with the process has no known end, and does not expire', () => {
    const { rules } = new Script('token');
    const lasting = [
      { is: 'opened', key: tokenOf(1), id: 1, first: 100 },
      { is: 'delivered', key: tokenOf(1), next: 101, digest: 0 },
    ] as const;
    const state = rules.empty();
    for (const event of lasting) rules.apply(state, event);
    const world = { now: () => 1e12, name: () => tokenOf(2) };
    expect(rules.decide(state, resume(1, tokenOf(1)), 'A', world).events.map(({ is }) => is)).toEqual([
      'resumed',
      'spoke',
    ]);
  });

  test('a session that a connection speaks for does not expire', () => {
    begun(100)
      .waits(10_000)
      .hears('A', data(100, 'x'), { learns: ['delivered'], says: [ack('A', 'delivered', 101, 'x')] })
      .hears('B', resume(1, tokenOf(1)), {
        learns: ['parted', 'resumed', 'spoke'],
        says: [...reset('A', 'takenOver'), ack('B', 'delivered', 101, 'x')],
      });
  });

  test('expired sessions are swept out when somebody opens a new one, never one that is spoken for', () => {
    begun(1)
      .hears('B', open(2), { learns: [...OPENING.learns], says: [opened('B', 2, 2)] })
      .hears('C', open(3), { learns: [...OPENING.learns], says: [opened('C', 3, 3)] })
      .loses('B', { learns: ['parted', 'idle'] })
      .waits(3000)
      .loses('C', { learns: ['parted', 'idle'] })
      .waits(601)
      .hears('D', open(4), { learns: ['evicted', ...OPENING.learns], says: [opened('D', 4, 4)] })
      .waits(3000)
      .hears('E', open(5), { learns: ['evicted', ...OPENING.learns], says: [opened('E', 5, 5)] })
      .knows({
        'session[1]': 'open, next 1, 0 bytes delivered, digest 00000000',
        'session[4]': 'open, next 4, 0 bytes delivered, digest 00000000',
        'session[5]': 'open, next 5, 0 bytes delivered, digest 00000000',
        'path[A]': 'speaks for session[1]',
        'path[D]': 'speaks for session[4]',
        'path[E]': 'speaks for session[5]',
      });
  });

  describe('with room for three', () => {
    const three = () =>
      begun(1, 'token', { sessions: 3, ttl: 3600 })
        .hears('B', open(2), { learns: [...OPENING.learns], says: [opened('B', 2, 2)] })
        .hears('C', open(3), { learns: [...OPENING.learns], says: [opened('C', 3, 3)] });
    const FRESH = (next: number) => `open, next ${next}, 0 bytes delivered, digest 00000000`;

    test('the oldest that nobody speaks for makes room, not an older one that is spoken for', () => {
      three()
        .loses('B', { learns: ['parted', 'idle'] })
        .loses('C', { learns: ['parted', 'idle'] })
        .hears('D', open(4), { learns: ['evicted', ...OPENING.learns], says: [opened('D', 4, 4)] })
        .knows({
          'session[1]': FRESH(1),
          'session[3]': FRESH(3),
          'session[4]': FRESH(4),
          'path[A]': 'speaks for session[1]',
          'path[D]': 'speaks for session[4]',
        })
        .hears('E', resume(2, tokenOf(2)), { says: reset('E', 'unknownSession') });
    });

    test('a session that was resumed is young again', () => {
      three()
        .loses('A', { learns: ['parted', 'idle'] })
        .loses('B', { learns: ['parted', 'idle'] })
        .hears('E', resume(1, tokenOf(1)), { learns: ['resumed', 'spoke'], says: [ack('E', 'delivered', 1, '')] })
        .loses('E', { learns: ['parted', 'idle'] })
        .loses('C', { learns: ['parted', 'idle'] })
        .hears('F', open(4), { learns: ['evicted', ...OPENING.learns], says: [opened('F', 4, 4)] })
        // It was in use until E left; the third was in use until C left, and that was later.
        .hears('G', open(5), { learns: ['evicted', ...OPENING.learns], says: [opened('G', 5, 5)] })
        .knows({
          'session[3]': FRESH(3),
          'session[4]': FRESH(4),
          'session[5]': FRESH(5),
          'path[F]': 'speaks for session[4]',
          'path[G]': 'speaks for session[5]',
        });
    });

    test('when all are spoken for nobody goes; connections have a bound of their own', () => {
      three()
        .hears('D', open(4), { learns: [...OPENING.learns], says: [opened('D', 4, 4)] })
        // As soon as there is somebody to go, as many go as there are too many.
        .loses('A', { learns: ['parted', 'idle'] })
        .loses('B', { learns: ['parted', 'idle'] })
        .hears('E', open(5), { learns: ['evicted', 'evicted', ...OPENING.learns], says: [opened('E', 5, 5)] })
        .knows({
          'session[3]': FRESH(3),
          'session[4]': FRESH(4),
          'session[5]': FRESH(5),
          'path[C]': 'speaks for session[3]',
          'path[D]': 'speaks for session[4]',
          'path[E]': 'speaks for session[5]',
        });
    });

    test('a thousand strangers who open and leave never fill it', () => {
      const script = three();
      for (let nth = 4; nth < 1004; nth++) {
        script.hears(`X${nth}`, open(nth), {
          learns: nth < 5 ? [...OPENING.learns] : ['evicted', ...OPENING.learns],
          says: [
            { to: `X${nth}`, say: { type: 'OPENED', session: nth, token: tokenOf(nth), next: nth, window: 4096 } },
          ],
        });
        script.loses(`X${nth}`, { learns: ['parted', 'idle'] });
        expect(script.state.sessions.size).toBeLessThanOrEqual(4);
      }
      expect([...script.state.speakers.keys()]).toEqual(['A', 'B', 'C']);
    });
  });
});

describe('filed under the path', () => {
  test('a session is gone with its connection, and its token brings nothing back', () => {
    begun(100, 'path')
      .hears('A', data(100, 'hello'), { learns: ['delivered'], says: [ack('A', 'delivered', 105, 'hello')] })
      .loses('A', { learns: ['parted', 'evicted'] })
      .knows({})
      .hears('B', resume(1, tokenOf(1)), { says: reset('B', 'unknownSession') });
  });

  test('even while the connection lives, RESUME gets the answer that any wrong token gets', () => {
    begun(100, 'path')
      .hears('B', resume(1, tokenOf(1)), { says: reset('B', 'unknownSession') })
      .hears('B', resume(1, 'A'), { says: reset('B', 'unknownSession') })
      .hears('A', data(100, 'x'), { learns: ['delivered'], says: [ack('A', 'delivered', 101, 'x')] });
  });

  test('the same path used again is a new session', () => {
    begun(100, 'path')
      .loses('A', { learns: ['parted', 'evicted'] })
      .hears('A', open(7), { learns: [...OPENING.learns], says: [opened('A', 2, 7)] })
      .knows({ 'session[2]': 'open, next 7, 0 bytes delivered, digest 00000000', 'path[A]': 'speaks for session[2]' });
  });
});

test('a script that fails tells the steps that led there', () => {
  const script = begun(100).hears('A', data(100, 'hi'), {
    learns: ['delivered'],
    says: [ack('A', 'delivered', 102, 'hi')],
  });
  expect(() => script.hears('A', data(100, 'hi'), { learns: ['delivered'] })).toThrow(
    /what is said.*should be \[\].*1 A says OPEN seq=100.*A says DATA seq=100 "hi".*to A: ACK next=102 \(duplicate\)/s,
  );
  expect(() => script.knows({})).toThrow(/what is known/);
});

test('while what it keeps sessions in is away, a newcomer is told so and hung up on: never that there is no session', () => {
  const { unavailable } = rulesFor('token');
  expect(unavailable?.({ type: 'RESUME', session: 1, token: 'A'.repeat(22) }, 'A')).toEqual([
    { to: 'A', say: { type: 'RESET', code: RESET.unavailable } },
    { to: 'A', hangUp: true },
  ]);
});

// The rules of the broker, clause by clause: what it hears, what it says, and what it knows afterwards.

import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { rulesFor } from '../../../src/protocols/mqtt/state.ts';
import type { Properties } from '../../../src/protocols/mqtt/wire.ts';
import { unlawful } from '../../promises.ts';
import {
  ack,
  connect,
  hangUp,
  publish,
  Script,
  say,
  sentAway,
  suback,
  subscribe,
  tell,
  turnedAway,
  unsubscribe,
  welcome,
} from './script.ts';

const STRANGE = { version: 5 } as const;

/** `A` speaks for c1 and has subscribed; `P` is a publisher. */
function two(
  filters = 'news',
  how: { version?: 4 | 5; clean?: boolean; qos?: 0 | 1 | 2; properties?: Properties } = {},
) {
  const { version = 4, clean = version === 5, qos = 1, properties = {} } = how;
  return new Script()
    .hears('A', connect('c1', { version, clean, properties }))
    .hears('A', subscribe(1, filters, { version, qos }))
    .hears('P', connect('pub', { version }));
}
const KEPT = { version: 5, properties: { sessionExpiry: 600 } } as const;

test('touches no socket, clock or dice', () => {
  expect(unlawful(fileURLToPath(new URL('../../../src/protocols/mqtt', import.meta.url)))).toEqual([]);
});

test('knows nothing when it is empty', () => {
  new Script().knows({});
});

describe('connecting', () => {
  test('a new session is not present; the keep alive is watched', () => {
    new Script()
      .hears('A', connect('c1'), { learns: ['connected', 'spoke'], says: welcome('A') })
      .knows({
        'path[A]': 'speaks for session[c1], MQTT 3.1.1, keep alive 60',
        'session[c1]': 'no subscriptions; connected',
      })
      .hears('A', { version: 4, type: 'PINGREQ' }, { learns: [], says: [say('A', { version: 4, type: 'PINGRESP' })] });
  });

  test('version 5 is told what is supported', () => {
    new Script().hears('A', connect('c1', STRANGE), { says: welcome('A', { version: 5 }) });
  });

  test('whoever does not begin with CONNECT is hung up on, and so is whoever was forgotten', () => {
    new Script()
      .hears('A', publish('a', 'x'), { learns: [], says: [hangUp('A')] })
      .hears('A', connect('c1'))
      .forgets()
      .knows({})
      .hears('A', publish('a', 'x', { version: 5 }), { learns: [], says: [hangUp('A')] })
      .loses('A', { learns: [], says: [] });
  });

  test('a second CONNECT is a protocol error (MQTT-3.1.0-2)', () => {
    new Script()
      .hears('A', connect('c1'))
      .hears('A', connect('c1'), { learns: ['ended'], says: [hangUp('A')] })
      .hears('B', connect('c2', STRANGE))
      .hears('B', connect('c2', STRANGE), {
        learns: ['ended'],
        says: sentAway('B', 0x82, 'CONNECT comes once (MQTT-3.1.0-2).'),
      })
      .knows({});
  });

  test('an empty client id: 3.1.1 only with a clean session, 5 is assigned one', () => {
    new Script()
      .hears('A', connect('', { clean: false }), { learns: [], says: turnedAway('A', 4, 2) })
      .hears('A', connect(''), { says: welcome('A') })
      .knowsOf('session[assigned-1]', 'no subscriptions; connected')
      .hears('B', connect('', KEPT), {
        says: welcome('B', { version: 5, properties: { assignedClientId: 'assigned-2' } }),
      });
  });

  test('a client id that is too long is refused, one from a prototype is not special', () => {
    new Script({ limits: { clientId: 4 } })
      .hears('A', connect('abcde'), { learns: [], says: turnedAway('A', 4, 2) })
      .hears('A', connect('abcde', STRANGE), { says: turnedAway('A', 5, 0x85, 'The client id is too long.') });
    new Script()
      .hears('A', connect('__proto__', { clean: false }), { says: welcome('A') })
      .loses('A')
      .hears('B', connect('__proto__', { clean: false }), { says: welcome('B', { present: true }) });
  });

  test('there is no other authentication than name and password', () => {
    new Script()
      .hears('A', connect('c1', { version: 5, properties: { authMethod: 'SCRAM-SHA-1' } }), {
        learns: [],
        says: turnedAway('A', 5, 0x8c, 'There is only user name and password.'),
      })
      .hears('B', connect('c2', STRANGE))
      .hears(
        'B',
        { version: 5, type: 'AUTH' },
        {
          says: sentAway('B', 0x82, 'No authentication method was agreed on.'),
        },
      );
  });

  test.each([{ receiveMaximum: 0 }, { maximumPacketSize: 0 }])('who takes nothing is not let in: %o', (properties) => {
    new Script().hears('A', connect('c1', { version: 5, properties }), {
      learns: [],
      says: turnedAway('A', 5, 0x82, 'Nothing could ever be sent to you.'),
    });
  });

  test('whoever wants no reasons, or has no room for them, is told codes only', () => {
    const refused = say('A', { version: 5, type: 'PUBACK', id: 1, code: 0x87 });
    for (const properties of [{ requestProblem: 0 }, { maximumPacketSize: 255 }])
      new Script()
        .hears('A', connect('c1', { version: 5, properties }))
        .hears('A', publish('$a', 'x', { version: 5, id: 1 }), { says: [refused] });
    new Script().hears('A', connect('c1', { version: 5, properties: { maximumPacketSize: 255 } })).hears(
      'A',
      { version: 5, type: 'PINGRESP' },
      {
        says: [say('A', { version: 5, type: 'DISCONNECT', code: 0x82 }), hangUp('A')],
      },
    );
  });

  test('what only a server says is a protocol error', () => {
    new Script()
      .hears('A', connect('c1', STRANGE))
      .hears('A', { version: 5, type: 'PINGRESP' }, { says: sentAway('A', 0x82, 'PINGRESP is for servers to say.') });
  });

  test('a keep alive that is too long is shortened where that can be said', () => {
    new Script({ limits: { keepAlive: 100 } })
      .hears('A', connect('c1', { version: 5, keepAlive: 101 }), {
        says: welcome('A', { version: 5, keepAlive: 100, properties: { serverKeepAlive: 100 } }),
      })
      .hears('B', connect('c2', { version: 5, keepAlive: 100 }), { says: welcome('B', { version: 5, keepAlive: 100 }) })
      .hears('C', connect('c3', { keepAlive: 101 }), { says: welcome('C', { keepAlive: 101 }) })
      .hears('D', connect('c4', { version: 5, keepAlive: 0 }), { says: welcome('D', { version: 5, keepAlive: 0 }) });
  });

  test('who falls silent is told so and goes, and the will is published', () => {
    two('gone')
      .hears('B', connect('c2', { version: 5, will: { topic: 'gone', text: 'c2' } }))
      .learns(
        'B',
        { is: 'silent' },
        {
          learns: ['published', 'ended'],
          says: [tell(['A'], publish('gone', 'c2')), ...sentAway('B', 0x8d, 'Nothing was heard for too long.')],
        },
      )
      .learns('B', { is: 'silent' }, { learns: [], says: [] });
  });
});

test('while the store is away nobody is told that there is no session: CONNACK 3, or 0x88 with a word on why, and good-bye', () => {
  const { unavailable } = rulesFor();
  expect(unavailable?.(connect('c1', { version: 4 }), 'A')).toEqual(turnedAway('A', 4, 3));
  expect(unavailable?.(connect('c1', { version: 5 }), 'A')).toEqual(turnedAway('A', 5, 0x88, 'The store is away.'));
  expect(unavailable?.({ version: 4, type: 'PINGREQ' }, 'A')).toEqual([hangUp('A')]);
  expect(unavailable?.(undefined, 'A')).toEqual([hangUp('A')]);
});

describe('users and rights', () => {
  const users = new Map([['anna', createHash('sha256').update('secret').digest()]]);

  test('only who is known comes in', () => {
    new Script({ users })
      .hears('A', connect('c1'), { learns: [], says: turnedAway('A', 4, 5) })
      .hears('A', connect('c1', { user: 'anna' }), { learns: [], says: turnedAway('A', 4, 4) })
      .hears('A', connect('c1', { user: 'anna', password: 'guess' }), { learns: [], says: turnedAway('A', 4, 4) })
      .hears('A', connect('c1', { user: 'bert', password: 'secret' }), { learns: [], says: turnedAway('A', 4, 4) })
      .hears('A', connect('c1', { ...STRANGE }), { says: turnedAway('A', 5, 0x87, 'Who are you?') })
      .hears('A', connect('c1', { ...STRANGE, user: 'anna', password: '' }), {
        says: turnedAway('A', 5, 0x86, 'That is not it.'),
      })
      .hears('A', connect('c1', { user: 'anna', password: 'secret' }), { says: welcome('A') })
      .knowsOf('session[c1]', 'no subscriptions; connected; of anna');
  });

  test('no password is not the empty one', () => {
    const empty = new Map([['anna', createHash('sha256').update('').digest()]]);
    new Script({ users: empty })
      .hears('A', connect('c1', { user: 'anna' }), { learns: [], says: turnedAway('A', 4, 4) })
      .hears('A', connect('c1', { user: 'anna', password: '' }), { says: welcome('A') });
  });

  test('a session belongs to its user, awake and asleep', () => {
    const both = new Map([...users, ['eve', createHash('sha256').update('x').digest()]]);
    const anna = { clean: false, user: 'anna', password: 'secret' };
    const eve = { clean: true, user: 'eve', password: 'x' };
    new Script({ users: both })
      .hears('A', connect('c1', anna))
      .hears('E', connect('c1', eve), { learns: [], says: turnedAway('E', 4, 5) })
      .loses('A')
      .hears('E', connect('c1', { ...eve, ...STRANGE }), {
        learns: [],
        says: turnedAway('E', 5, 0x87, 'That client id is somebody else’s.'),
      })
      .hears('B', connect('c1', anna), { says: welcome('B', { present: true }) });
  });

  test('the first rule that fits decides, and what no rule allows is denied', () => {
    const acl = [
      { allow: false, user: '*', may: 'write', filter: 'home/door' },
      { allow: true, user: '*', may: 'write', filter: 'home/#' },
      { allow: false, user: '*', may: 'read', filter: 'home/secret/#' },
      { allow: true, user: '*', may: 'read', filter: 'home/#' },
      { allow: true, user: 'anna', may: 'read', filter: 'anna/+' },
    ] as const;
    new Script({ acl })
      .hears('A', connect('c1', STRANGE))
      .hears('A', subscribe(1, '# home/secret/x anna/x home/+', { version: 5 }), {
        says: [suback('A', 1, [1, 0x87, 0x87, 1], 5)],
      })
      .hears('P', connect('pub'))
      .hears('P', publish('home/a', 'x', { id: 1 }), {
        says: [say('A', publish('home/a', 'x', { version: 5, id: 1 })), say('P', ack('PUBACK', 1))],
      })
      // In 3.1.1 there is no word for it: acknowledged, and not passed on.
      .hears('P', publish('home/door', 'x', { id: 2 }), { learns: [], says: [say('P', ack('PUBACK', 2))] })
      .hears('P', publish('away', 'x'), { learns: [], says: [] })
      .hears('A', publish('away', 'x', { version: 5, qos: 2, id: 3 }), {
        learns: [],
        says: [
          say('A', {
            version: 5,
            type: 'PUBREC',
            id: 3,
            code: 0x87,
            properties: { reason: 'That topic is not yours to write to.' },
          }),
        ],
      })
      .hears('P', publish('home/secret/x', 'x', { id: 4 }), { says: [say('P', ack('PUBACK', 4))] })
      .hears('W', connect('w', { will: { topic: 'home/door' } }), { learns: [], says: turnedAway('W', 4, 5) });
  });

  test('nobody writes to $ topics, and no will does', () => {
    new Script()
      .hears('A', connect('c1', STRANGE))
      .hears('A', subscribe(1, '$SYS/#', { version: 5 }), { says: [suback('A', 1, [1], 5)] })
      .hears('A', publish('$SYS/a', 'x', { version: 5, id: 1 }), {
        learns: [],
        says: [
          say('A', {
            version: 5,
            type: 'PUBACK',
            id: 1,
            code: 0x87,
            properties: { reason: 'That topic is not yours to write to.' },
          }),
        ],
      })
      .hears('A', publish('$SYS/a', 'x', { version: 5, retain: true }), { learns: [], says: [] })
      .hears('B', connect('c2', { will: { topic: '$SYS/a' } }), { learns: [], says: turnedAway('B', 4, 5) })
      .hears('B', connect('c2', { version: 5, will: { topic: '$SYS/a' } }), {
        says: turnedAway('B', 5, 0x87, 'That will is not allowed.'),
      });
  });
});

describe('subscribing', () => {
  test('each filter has its code; the same filter again replaces the first', () => {
    new Script()
      .hears('A', connect('c1'))
      .hears(
        'A',
        subscribe(1, [
          { filter: 'a', qos: 0 },
          { filter: 'b/+', qos: 2 },
          { filter: 'c#' },
          { filter: '#/d' },
          { filter: 'e+/f' },
          { filter: '' },
        ]),
        {
          learns: ['subscribed'],
          says: [suback('A', 1, [0, 2, 0x80, 0x80, 0x80, 0x80])],
        },
      )
      .hears('A', subscribe(2, 'a', { qos: 2 }), { says: [suback('A', 2, [2])] })
      .knowsOf('session[c1]', 'subscriptions: a (QoS 2), b/+ (QoS 2); connected')
      .hears('A', unsubscribe(3, 'a b/+ x'), {
        learns: ['unsubscribed'],
        says: [say('A', { version: 4, type: 'UNSUBACK', id: 3, properties: {}, codes: [] })],
      })
      .hears('A', publish('a', 'x'), { learns: [], says: [] })
      .hears('B', connect('c2', STRANGE))
      .hears('B', subscribe(1, 'a/# a/#/b', { version: 5 }), { says: [suback('B', 1, [1, 0x8f], 5)] })
      .hears('B', unsubscribe(2, 'a/# z', 5), {
        says: [say('B', { version: 5, type: 'UNSUBACK', id: 2, properties: {}, codes: [0, 0x11] })],
      });
  });

  test('wildcards, and $ topics that they do not see', () => {
    const reaches = (filter: string, topic: string) => {
      const script = two(filter, { qos: 0 }).hears('P', publish(topic, 'x'));
      return script.said.length === 1;
    };
    for (const [filter, topic, does] of [
      ['sport/tennis/player1/#', 'sport/tennis/player1', true],
      ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
      ['sport/#', 'sport', true],
      ['#', 'a/b/c', true],
      ['sport/tennis/+', 'sport/tennis/player1', true],
      ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
      ['sport/+', 'sport', false],
      ['sport/+', 'sport/', true],
      ['+/+', '/finance', true],
      ['/+', '/finance', true],
      ['+', '/finance', false],
      ['a', 'A', false],
      ['a//b', 'a//b', true],
    ] as const)
      expect([filter, topic, reaches(filter, topic)]).toEqual([filter, topic, does]);
  });

  test('limits of a session and of a filter', () => {
    new Script({ limits: { subscriptions: 2, topicLevels: 3, topicLength: 10 } })
      .hears('A', connect('c1', STRANGE))
      .hears('A', subscribe(1, 'a b b c a/b/c/d aaaaaaaaaaa', { version: 5 }), {
        says: [suback('A', 1, [1, 1, 1, 0x97, 0x8f, 0x8f], 5)],
      })
      .hears('B', connect('c2'))
      .hears('B', subscribe(1, 'a b c'), { says: [suback('B', 1, [1, 1, 0x80])] })
      .hears('B', publish('a/b/c/d', 'x', { id: 1 }), { says: [hangUp('B')] })
      .hears('A', publish('a/b/c/d', 'x', { version: 5 }), { learns: [], says: [] })
      .hears('A', publish('aaaaaaaaaaa', 'x', { version: 5, id: 1 }), {
        says: [
          say('A', {
            version: 5,
            type: 'PUBACK',
            id: 1,
            code: 0x90,
            properties: { reason: 'The topic is too long or too deep.' },
          }),
        ],
      });
  });

  test('no local, retain as published', () => {
    new Script()
      .hears('A', connect('c1', STRANGE))
      .hears(
        'A',
        subscribe(
          1,
          [
            { filter: 'a', noLocal: true },
            { filter: 'b', retainAsPublished: true },
          ],
          { version: 5 },
        ),
      )
      .hears('A', publish('a', 'own', { version: 5 }), { learns: [], says: [] })
      .hears('A', publish('a', 'own', { version: 5, id: 1 }), { says: [say('A', ack('PUBACK', 1, 5))] })
      .hears('P', connect('pub'))
      .hears('P', publish('a', 'x'), { says: [say('A', publish('a', 'x', { version: 5 }))] })
      .hears('P', publish('b', 'x', { retain: true }), {
        says: [say('A', publish('b', 'x', { version: 5, retain: true }))],
      })
      .hears('P', publish('a', 'x', { retain: true }), { says: [say('A', publish('a', 'x', { version: 5 }))] });
  });

  test('one filter, and its identifier', () => {
    new Script()
      .hears('A', connect('c1', STRANGE))
      .hears('A', subscribe(1, 'a', { version: 5, subscriptionId: 300 }))
      .hears('A', publish('a', 'x', { version: 5 }), {
        says: [say('A', publish('a', 'x', { version: 5, properties: { subscriptionId: [300] } }))],
      });
  });

  test('no local holds only where every filter that matches says so', () => {
    new Script()
      .hears('A', connect('c1', STRANGE))
      .hears('A', subscribe(1, [{ filter: 'a', noLocal: true }, { filter: '#' }], { version: 5 }))
      .hears('A', publish('a', 'own', { version: 5 }), { says: [tell(['A'], publish('a', 'own', { version: 5 }))] });
  });

  test('overlapping filters: one copy, at the highest QoS, with all identifiers', () => {
    new Script()
      .hears('A', connect('c1', STRANGE))
      .hears('A', subscribe(1, 'a/#', { version: 5, qos: 0, subscriptionId: 9 }))
      .hears('A', subscribe(2, 'a/+', { version: 5, qos: 1, subscriptionId: 7 }))
      .hears('A', subscribe(3, 'a/b', { version: 5, qos: 0, subscriptionId: 7 }))
      .hears('P', connect('pub'))
      .hears('P', publish('a/b', 'x', { qos: 2, id: 1 }), {
        learns: ['published'],
        says: [
          say('A', publish('a/b', 'x', { version: 5, id: 1, properties: { subscriptionId: [7, 9] } })),
          say('P', ack('PUBREC', 1)),
        ],
      });
  });

  describe('retained messages', () => {
    const kept = () =>
      new Script()
        .hears('P', connect('pub'))
        .hears('P', publish('a/1', 'one', { retain: true }), { learns: ['published'], says: [] })
        .hears('P', publish('a/2', 'two', { retain: true, qos: 2, id: 5 }))
        .hears('A', connect('c1', STRANGE));

    test('the last one on a topic is told to whoever subscribes later, with its QoS and no more', () => {
      kept()
        .hears('P', publish('a/1', 'uno', { retain: true }))
        .knowsOf('retained[a/1]', '"uno" (QoS 0)')
        .knowsOf('retained[a/2]', '"two" (QoS 2)')
        .hears('A', subscribe(1, 'a/+', { version: 5, qos: 2 }), {
          says: [
            suback('A', 1, [2], 5),
            say('A', publish('a/1', 'uno', { version: 5, retain: true })),
            say('A', publish('a/2', 'two', { version: 5, retain: true, qos: 2, id: 1 })),
          ],
        });
    });

    test('an empty one takes it away (MQTT-3.3.1-6)', () => {
      kept()
        .hears('P', publish('a/1', '', { retain: true }))
        .hears('P', publish('a/2', '', { retain: true }))
        .hears('A', subscribe(1, '#', { version: 5 }), { says: [suback('A', 1, [1], 5)] })
        .knowsOf('retained[a/1]', undefined);
    });

    test('retain handling: always, for a new subscription, never', () => {
      const [again, fresh, never] = ([0, 1, 2] as const).map((retainHandling) =>
        subscribe(1, [{ filter: 'a/1', retainHandling }], { version: 5 }),
      );
      if (!again || !fresh || !never) throw new Error('three');
      const told = [suback('A', 1, [1], 5), say('A', publish('a/1', 'one', { version: 5, retain: true }))];
      const silent = [suback('A', 1, [1], 5)];
      kept().hears('A', again, { says: told }).hears('A', again, { says: told }).hears('A', fresh, { says: silent });
      kept().hears('A', fresh, { says: told }).hears('A', fresh, { says: silent });
      kept().hears('A', never, { says: silent });
    });

    test('the oldest makes room', () => {
      const script = new Script({ limits: { retained: 2, retainedBytes: 20 } }).hears('P', connect('pub'));
      for (const topic of ['a', 'b', 'a', 'c']) script.hears('P', publish(topic, 'x', { retain: true }));
      expect([...script.state.retained.keys()]).toEqual(['a', 'c']);
      script.hears('P', publish('d', 'x'.repeat(18), { retain: true }));
      expect([...script.state.retained.keys()]).toEqual(['d']);
    });

    test('an expired one is not told', () => {
      new Script()
        .hears('P', connect('pub', STRANGE))
        .hears('P', publish('a', 'x', { version: 5, retain: true, properties: { messageExpiry: 10 } }))
        .waits(4)
        .hears('A', connect('c1', STRANGE))
        .hears('A', subscribe(1, 'a', { version: 5 }), {
          says: [
            suback('A', 1, [1], 5),
            say('A', publish('a', 'x', { version: 5, retain: true, properties: { messageExpiry: 6 } })),
          ],
        })
        .waits(6)
        .hears('A', subscribe(1, 'a', { version: 5 }), { says: [suback('A', 1, [1], 5)] });
    });
  });

  describe('shared', () => {
    const group = (how: { clean?: boolean } = {}) => {
      const script = new Script();
      for (const [path, client] of [
        ['A', 'c1'],
        ['B', 'c2'],
      ] as const)
        script
          .hears(path, connect(client, { clean: false, ...how }))
          .hears(path, subscribe(1, '$share/g/a/+'), { says: [suback(path, 1, [1])] });
      return script.hears('P', connect('pub'));
    };

    test('each message goes to one of them, in turn', () => {
      group()
        .hears('P', publish('a/1', '1'), { learns: ['turned'], says: [say('A', publish('a/1', '1'))] })
        .hears('P', publish('a/1', '2'), { says: [say('B', publish('a/1', '2'))] })
        .hears('P', publish('a/2', '3', { id: 3 }), {
          learns: ['published'],
          says: [say('A', publish('a/2', '3', { id: 1 })), say('P', ack('PUBACK', 3))],
        })
        .hears('P', publish('a/2', '4', { id: 4 }), {
          says: [say('B', publish('a/2', '4', { id: 1 })), say('P', ack('PUBACK', 4))],
        });
    });

    test('a sleeper has its turn only where nobody is awake', () => {
      group()
        .loses('A')
        .hears('P', publish('a/1', '1', { id: 1 }), {
          says: [say('B', publish('a/1', '1', { id: 1 })), say('P', ack('PUBACK', 1))],
        })
        .loses('B')
        .hears('P', publish('a/1', '0'), { learns: [], says: [] })
        .hears('P', publish('a/1', '2', { id: 2 }), { says: [say('P', ack('PUBACK', 2))] })
        .restarts()
        .hears('A', connect('c1', { clean: false }), {
          says: [...welcome('A', { present: true }), say('A', publish('a/1', '2', { id: 1 }))],
        });
    });

    test('a sleeper that takes only QoS 0 has no turn: nothing could wait for it', () => {
      new Script()
        .hears('A', connect('c1', { clean: false }))
        .hears('A', subscribe(1, '$share/g/a', { qos: 0 }))
        .hears('B', connect('c2', { clean: false }))
        .hears('B', subscribe(1, '$share/g/a'))
        .loses('A')
        .loses('B')
        .hears('P', connect('pub'))
        .hears('P', publish('a', 'x', { id: 1 }), { learns: ['published'] })
        .knowsOf('queue[c2]', '1 waiting: a "x" (QoS 1)');
    });

    test('in two groups and with a subscription of its own as well, a client gets all copies', () => {
      new Script()
        .hears('A', connect('c1'))
        .hears('A', subscribe(1, '$share/g/a a $share/h/+'))
        .hears('A', publish('a', 'x', { id: 1 }), {
          says: [
            say('A', publish('a', 'x', { id: 1 })),
            say('A', publish('a', 'x', { id: 2 })),
            say('A', publish('a', 'x', { id: 3 })),
            say('A', ack('PUBACK', 1)),
          ],
        });
    });

    test('no retained messages, no own messages, no crooked names', () => {
      new Script()
        .hears('P', connect('pub'))
        .hears('P', publish('a', 'x', { retain: true }))
        .hears('A', connect('c1', STRANGE))
        .hears('A', subscribe(1, '$share/g/a $share/g $share//a $share/+/a $share/g/a# $share/g/', { version: 5 }), {
          says: [suback('A', 1, [1, 0x8f, 0x8f, 0x8f, 0x8f, 0x8f], 5)],
        })
        .hears('A', subscribe(2, [{ filter: '$share/g/a', noLocal: true }], { version: 5 }), {
          says: sentAway('A', 0x82, 'A shared subscription has no own messages.'),
        });
    });

    test('who unsubscribes or ends is in no line any more', () => {
      const script = group({ clean: true }).hears('A', unsubscribe(2, '$share/g/a/+')).loses('B');
      expect(script.state.shares.size).toBe(0);
      script.hears('P', publish('a/1', '1', { id: 1 }), { learns: [], says: [say('P', ack('PUBACK', 1))] });
    });
  });
});

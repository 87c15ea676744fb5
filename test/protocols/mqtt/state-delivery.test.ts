// What becomes of a message: handshakes, letter boxes, windows, lifetimes, wills, and what a kill leaves of it all.

import { describe, expect, test } from 'vitest';
import { type Event, rulesFor } from '../../../src/protocols/mqtt/state.ts';
import {
  ack,
  connect,
  disconnect,
  hangUp,
  publish,
  Script,
  say,
  sentAway,
  subscribe,
  tell,
  welcome,
} from './script.ts';

const FIVE = { version: 5 } as const;
const KEEPS = { clean: false } as const;

/** `A` speaks for c1, which keeps its session and has subscribed; `P` is a publisher. */
function box(qos: 0 | 1 | 2 = 1, given: ConstructorParameters<typeof Script>[0] = {}) {
  return new Script(given)
    .hears('A', connect('c1', KEEPS))
    .hears('A', subscribe(1, 'news', { qos }))
    .hears('P', connect('pub', KEEPS));
}

describe('QoS 0', () => {
  test('is passed on to all who listen in one word, and nothing is remembered', () => {
    const script = new Script().hears('P', connect('pub'));
    for (const [path, version] of [
      ['A', 4],
      ['B', 4],
      ['C', 5],
    ] as const)
      script.hears(path, connect(path, { version })).hears(path, subscribe(1, 'news', { version, qos: 2 }));
    script.hears('P', publish('news', 'x'), {
      learns: [],
      says: [tell(['A', 'B'], publish('news', 'x')), tell(['C'], publish('news', 'x', FIVE))],
    });
    const list = script.said[0]?.to;
    script.hears('P', publish('news', 'y'));
    expect(script.said[0]?.to, 'the same list, so that the bytes may be joined').toBe(list);
    script.loses('A').hears('P', publish('news', 'z'));
    expect(script.said[0]?.to).toEqual(['B']);
  });

  test('is not kept for who sleeps', () => {
    box().loses('A').hears('P', publish('news', 'x'), { learns: [], says: [] });
  });
});

describe('QoS 1', () => {
  test('is on its way until it is acknowledged', () => {
    box()
      .hears('P', publish('news', 'x', { id: 7 }), {
        learns: ['published'],
        says: [say('A', publish('news', 'x', { id: 1 })), say('P', ack('PUBACK', 7))],
      })
      .knowsOf('out[c1 1]', 'PUBLISH sent: news "x" (QoS 1)')
      .hears('A', ack('PUBACK', 2), { learns: [], says: [] })
      .hears('A', ack('PUBREC', 1), { learns: [], says: [] })
      .hears('A', ack('PUBCOMP', 1), { learns: [], says: [] })
      .hears('A', ack('PUBACK', 1), { learns: ['acknowledged'], says: [] })
      .knowsOf('out[c1 1]', undefined)
      .hears('A', ack('PUBACK', 1), { learns: [], says: [] });
  });

  test('version 5 learns that nobody listens', () => {
    new Script()
      .hears('P', connect('pub', FIVE))
      .hears('P', publish('news', 'x', { ...FIVE, id: 1 }), { learns: [], says: [say('P', ack('PUBACK', 1, 5, 0x10))] })
      .hears('P', publish('news', 'x', { ...FIVE, id: 2, retain: true }), {
        learns: ['published'],
        says: [say('P', ack('PUBACK', 2, 5))],
      });
  });

  test('waits for a sleeper, and is told in order', () => {
    box()
      .loses('A', { learns: ['parted'] })
      .hears('P', publish('news', 'one', { id: 1 }), { learns: ['published'], says: [say('P', ack('PUBACK', 1))] })
      .hears('P', publish('news', 'two', { id: 2, qos: 2 }))
      .knowsOf('session[c1]', 'subscriptions: news (QoS 1); asleep, kept for 3600 s')
      .knowsOf('queue[c1]', '2 waiting: news "one" (QoS 1), news "two" (QoS 1)')
      .hears('B', connect('c1', KEEPS), {
        learns: ['connected', 'spoke'],
        says: [
          ...welcome('B', { present: true }),
          say('B', publish('news', 'one', { id: 1 })),
          say('B', publish('news', 'two', { id: 2 })),
        ],
      })
      .knowsOf('queue[c1]', undefined);
  });

  test('what was not acknowledged is sent again under its id, as a duplicate (MQTT-4.4.0-1)', () => {
    box()
      .hears('P', publish('news', 'one', { id: 1 }))
      .hears('P', publish('news', 'two', { id: 2 }))
      .hears('A', ack('PUBACK', 1))
      .loses('A')
      .hears('P', publish('news', 'three', { id: 3 }))
      .hears('B', connect('c1', KEEPS), {
        says: [
          ...welcome('B', { present: true }),
          say('B', publish('news', 'two', { id: 2, dup: true })),
          say('B', publish('news', 'three', { id: 3 })),
        ],
      });
  });

  test('packet ids go round, and step over what is still on its way', () => {
    const script = box().hears('P', publish('news', 'first', { id: 1 }));
    const session = script.state.sessions.get('c1');
    for (let nth = 2; nth <= 0xffff; nth++) {
      const decided = script.rules.decide(script.state, publish('news', 'x', { id: 9 }), 'P', {
        now: () => 1e9,
        name: () => '',
      });
      for (const event of decided.events) script.rules.apply(script.state, event);
      const done = script.rules.decide(script.state, ack('PUBACK', nth), 'A', { now: () => 1e9, name: () => '' });
      for (const event of done.events) script.rules.apply(script.state, event);
    }
    expect(session?.last).toBe(0xffff);
    const { actions } = script.rules.decide(script.state, publish('news', 'y', { id: 9 }), 'P', {
      now: () => 1e9,
      name: () => '',
    });
    expect(actions[0]).toMatchObject({ say: { id: 2 } });
  });
});

describe('QoS 2', () => {
  test('out: PUBLISH, PUBREC, PUBREL, PUBCOMP, and only the id after PUBREC', () => {
    box(2)
      .hears('P', publish('news', 'x', { id: 7, qos: 2 }), {
        learns: ['published'],
        says: [say('A', publish('news', 'x', { id: 1, qos: 2 })), say('P', ack('PUBREC', 7))],
      })
      .hears('A', ack('PUBACK', 1), { learns: [], says: [] })
      .hears('A', ack('PUBCOMP', 1), { learns: [], says: [] })
      .hears('A', ack('PUBREC', 1), { learns: ['received'], says: [say('A', ack('PUBREL', 1))] })
      .knowsOf('out[c1 1]', 'PUBREC heard')
      .hears('A', ack('PUBREC', 1), { says: [say('A', ack('PUBREL', 1))] })
      .loses('A')
      .hears('B', connect('c1', KEEPS), { says: [...welcome('B', { present: true }), say('B', ack('PUBREL', 1))] })
      .hears('B', ack('PUBCOMP', 1), { learns: ['acknowledged'], says: [] })
      .knowsOf('out[c1 1]', undefined);
  });

  test('in: the same id again is the same message, until it is released', () => {
    box()
      .hears('P', publish('news', 'x', { id: 7, qos: 2 }))
      .knowsOf('in[pub 7]', 'heard and passed on, not released')
      .hears('P', publish('news', 'x', { id: 7, qos: 2, dup: true }), {
        learns: [],
        says: [say('P', ack('PUBREC', 7))],
      })
      .restarts()
      .hears('Q', connect('pub', KEEPS), { says: welcome('Q', { present: true }) })
      .hears('Q', publish('news', 'x', { id: 7, qos: 2, dup: true }), {
        learns: [],
        says: [say('Q', ack('PUBREC', 7))],
      })
      .hears('Q', ack('PUBREL', 7), { learns: ['released'], says: [say('Q', ack('PUBCOMP', 7))] })
      .hears('Q', ack('PUBREL', 7), { learns: [], says: [say('Q', ack('PUBCOMP', 7))] })
      .hears('Q', publish('news', 'y', { id: 7, qos: 2 }), { learns: ['published'] });
  });

  test('ids that nobody knows, in version 5', () => {
    new Script()
      .hears('A', connect('c1', FIVE))
      .hears('A', ack('PUBREL', 9, 5), { says: [say('A', ack('PUBCOMP', 9, 5, 0x92))] })
      .hears('A', ack('PUBREC', 9, 5), { says: [say('A', ack('PUBREL', 9, 5, 0x92))] })
      .hears('A', ack('PUBREC', 9, 5, 0x92), { learns: [], says: [] });
  });

  test('a PUBREC that says no ends it', () => {
    box(2)
      .hears('P', publish('news', 'x', { id: 7, qos: 2 }))
      .hears('A', { version: 5, type: 'PUBREC', id: 1, code: 0x97 }, { learns: ['acknowledged'], says: [] })
      .knowsOf('out[c1 1]', undefined);
  });

  test('no more than may be unreleased', () => {
    const script = new Script({ limits: { unreleased: 2 } })
      .hears('P', connect('pub', FIVE))
      .hears('Q', connect('old'));
    for (const id of [1, 2])
      script.hears('P', publish('a', 'x', { ...FIVE, qos: 2, id })).hears('Q', publish('a', 'x', { qos: 2, id }));
    script
      .hears('P', publish('a', 'x', { ...FIVE, qos: 2, id: 3 }), {
        learns: ['ended'],
        says: sentAway('P', 0x93, '2 messages are not released yet.'),
      })
      .hears('Q', publish('a', 'x', { qos: 2, id: 3 }), { says: [hangUp('Q')] });
  });
});

describe('windows', () => {
  test('beyond the Receive Maximum messages wait, and an acknowledgement lets the next go', () => {
    const script = new Script()
      .hears('A', connect('c1', { ...FIVE, properties: { receiveMaximum: 2 } }))
      .hears('A', subscribe(1, 'news', { ...FIVE, qos: 2 }))
      .hears('P', connect('pub'));
    for (const id of [1, 2, 3, 4]) script.hears('P', publish('news', `${id}`, { id }));
    script
      .knowsOf('queue[c1]', '2 waiting: news "3" (QoS 1), news "4" (QoS 1)')
      .hears('A', ack('PUBACK', 2, 5), {
        learns: ['acknowledged'],
        says: [say('A', publish('news', '3', { ...FIVE, id: 3 }))],
      })
      .hears('P', publish('news', '0'), { says: [tell(['A'], publish('news', '0', FIVE))] });
  });

  test('a smaller window on the next connection: the rest of what was sent waits, before all that is new', () => {
    const script = box(2);
    for (const id of [1, 2, 3]) script.hears('P', publish('news', `${id}`, { id }));
    script
      .loses('A')
      .hears('P', publish('news', '4', { id: 4 }))
      .hears('B', connect('c1', { version: 5, clean: false, properties: { receiveMaximum: 1, sessionExpiry: 9 } }), {
        says: [
          ...welcome('B', { ...FIVE, present: true }),
          say('B', publish('news', '1', { ...FIVE, id: 1, dup: true })),
        ],
      })
      .knowsOf('out[c1 2]', 'PUBLISH to be sent again: news "2" (QoS 1)')
      .hears('B', ack('PUBACK', 1, 5), { says: [say('B', publish('news', '2', { ...FIVE, id: 2, dup: true }))] })
      .hears('B', ack('PUBACK', 2, 5), { says: [say('B', publish('news', '3', { ...FIVE, id: 3, dup: true }))] })
      .hears('B', ack('PUBACK', 3, 5), { says: [say('B', publish('news', '4', { ...FIVE, id: 4 }))] });
  });

  test('what waits for its turn may be answered all the same, and is then not sent again', () => {
    const script = box(2);
    for (const id of [1, 2]) script.hears('P', publish('news', `${id}`, { id, qos: 2 }));
    script
      .loses('A')
      .hears('B', connect('c1', { version: 5, clean: false, properties: { receiveMaximum: 1, sessionExpiry: 9 } }))
      .hears('B', ack('PUBREC', 2, 5), { says: [say('B', ack('PUBREL', 2, 5))] })
      .hears('B', ack('PUBREC', 1, 5), { says: [say('B', ack('PUBREL', 1, 5))] })
      .hears('B', ack('PUBCOMP', 1, 5), { learns: ['acknowledged'], says: [] })
      .hears('B', ack('PUBCOMP', 2, 5), { learns: ['acknowledged'], says: [] });
  });

  test('who does not read misses QoS 0, and the rest waits', () => {
    box()
      .hears('P', publish('news', '-1'), { says: [tell(['A'], publish('news', '-1'))] })
      .learns('A', { is: 'lagging' }, { learns: ['lagging'], says: [] })
      .learns('A', { is: 'lagging' }, { learns: [], says: [] })
      .hears('P', publish('news', '0'), { learns: ['missed'], says: [] })
      .hears('P', publish('news', '1', { id: 1 }), { says: [say('P', ack('PUBACK', 1))] })
      .knowsOf('session[c1]', 'subscriptions: news (QoS 1); connected; not reading; missed 1 of QoS 0')
      .learns('A', { is: 'caughtUp' }, { learns: ['caughtUp'], says: [say('A', publish('news', '1', { id: 1 }))] })
      .learns('A', { is: 'caughtUp' }, { learns: [], says: [] });
  });

  test('a queue is bounded, by number and by bytes: the oldest goes, and is counted', () => {
    const script = box(1, { limits: { queue: 2, queueBytes: 100 } }).loses('A');
    for (const id of [1, 2, 3]) script.hears('P', publish('news', `${id}`, { id }));
    script.knowsOf('queue[c1]', '2 waiting: news "2" (QoS 1), news "3" (QoS 1); 1 dropped');
    script.hears('P', publish('news', 'x'.repeat(92), { id: 4 }));
    expect(script.state.sessions.get('c1')).toMatchObject({ queued: 96, dropped: 3 });
    script.hears('P', publish('news', 'x'.repeat(97), { id: 5 }));
    script.knowsOf('queue[c1]', '0 waiting; 5 dropped');
    expect(script.state.sessions.get('c1')).toMatchObject({ queued: 0, queue: null });
  });

  test('what is larger than the client takes is not sent, and counts as done (MQTT-3.1.2-25)', () => {
    const long = 'x'.repeat(20);
    new Script()
      .hears('A', connect('c1', { version: 5, clean: false, properties: { maximumPacketSize: 30, sessionExpiry: 60 } }))
      .hears('A', subscribe(1, 'news', FIVE))
      .hears('P', connect('pub'))
      // 2 header, 6 topic, 2 id, 1 properties: 11 and the payload.
      .hears('P', publish('news', 'x'.repeat(19), { id: 1 }), {
        says: [say('A', publish('news', 'x'.repeat(19), { ...FIVE, id: 1 })), say('P', ack('PUBACK', 1))],
      })
      .hears('P', publish('news', long, { id: 2 }), { says: [say('P', ack('PUBACK', 2))] })
      .hears('P', publish('news', long), { says: [say('A', publish('news', long, FIVE))] })
      .hears('P', publish('news', `${long}xx`), { says: [] })
      .loses('A')
      .hears('P', publish('news', long, { id: 3 }))
      .hears('P', publish('news', 'end', { id: 4 }))
      .hears(
        'B',
        connect('c1', { version: 5, clean: false, properties: { maximumPacketSize: 30, sessionExpiry: 60 } }),
        {
          says: [
            ...welcome('B', { ...FIVE, present: true }),
            say('B', publish('news', 'x'.repeat(19), { ...FIVE, id: 1, dup: true })),
            say('B', publish('news', 'end', { ...FIVE, id: 2 })),
          ],
        },
      );
  });
});

describe('topic aliases and properties', () => {
  test('an alias stands for a topic as long as the connection lasts', () => {
    new Script()
      .hears('A', connect('c1'))
      .hears('A', subscribe(1, '#'))
      .hears('P', connect('pub', { ...FIVE, properties: { sessionExpiry: 60 } }))
      .hears('P', publish('news', '1', { ...FIVE, properties: { topicAlias: 3 } }), {
        learns: ['aliased'],
        says: [tell(['A'], publish('news', '1'))],
      })
      .hears('P', publish('', '2', { ...FIVE, properties: { topicAlias: 3 } }), {
        learns: [],
        says: [tell(['A'], publish('news', '2'))],
      })
      .loses('P')
      .hears('P', connect('pub', { ...FIVE, clean: false }))
      .hears('P', publish('', '2', { ...FIVE, properties: { topicAlias: 3 } }), {
        says: sentAway('P', 0x82, 'There is no topic.'),
      });
  });

  test.each([0, 17])('alias %i is beyond what was announced', (topicAlias) => {
    new Script()
      .hears('P', connect('pub', FIVE))
      .hears('P', publish('news', '1', { ...FIVE, properties: { topicAlias } }), {
        says: sentAway('P', 0x94, 'Aliases go from 1 to 16.'),
      });
  });

  test('a topic with wildcards, or none', () => {
    for (const topic of ['a/+', '#', ''])
      new Script().hears('P', connect('pub')).hears('P', publish(topic, '1'), { says: [hangUp('P')] });
    new Script()
      .hears('P', connect('pub', FIVE))
      .hears('P', publish('a/+', '1', FIVE), { says: sentAway('P', 0x90, 'A topic has no wildcards.') })
      .hears('Q', connect('q', FIVE))
      .hears('Q', publish('a', '1', { ...FIVE, properties: { responseTopic: 'a/#' } }), {
        says: sentAway('Q', 0x82, 'A response topic has no wildcards.'),
      })
      .hears('R', connect('r', FIVE))
      .hears('R', publish('a', '1', { ...FIVE, properties: { subscriptionId: [1] } }), {
        says: sentAway('R', 0x82, 'Only servers say subscription identifiers.'),
      });
  });

  test('request and response: what is not ours to read is passed on as it is, through a kill', () => {
    const properties = {
      payloadFormat: 1,
      contentType: 'text/plain',
      responseTopic: 'answers/7',
      correlationData: Buffer.from([0, 255, 1]),
      user: [
        ['b', '2'],
        ['a', '1'],
        ['b', '3'],
      ] as [string, string][],
    };
    new Script()
      .hears('A', connect('c1', { version: 5, clean: false, properties: { sessionExpiry: 60 } }))
      .hears('A', subscribe(1, 'news', FIVE))
      .hears('P', connect('pub', FIVE))
      .hears('P', publish('news', 'x', { ...FIVE, properties: { ...properties, topicAlias: 1 } }), {
        says: [tell(['A'], publish('news', 'x', { ...FIVE, properties }))],
      })
      .hears('P', publish('news', 'x', { ...FIVE, id: 1, properties }), {
        says: [say('A', publish('news', 'x', { ...FIVE, id: 1, properties })), say('P', ack('PUBACK', 1, 5))],
      })
      .restarts({ snapshot: true })
      .hears('B', connect('c1', { version: 5, clean: false }), {
        says: [
          ...welcome('B', { ...FIVE, present: true }),
          say('B', publish('news', 'x', { ...FIVE, id: 1, dup: true, properties })),
        ],
      });
  });

  test('a message that waited has less time left, and one whose time is over is not sent', () => {
    box()
      .hears('V', connect('v5', FIVE))
      .loses('A')
      .hears('V', publish('news', 'short', { ...FIVE, id: 1, properties: { messageExpiry: 10 } }))
      .hears('V', publish('news', 'long', { ...FIVE, id: 2, properties: { messageExpiry: 20 } }))
      .waits(11.5)
      .hears('B', connect('c1', { ...FIVE, clean: false }), {
        says: [
          ...welcome('B', { ...FIVE, present: true }),
          say('B', publish('news', 'long', { ...FIVE, id: 1, properties: { messageExpiry: 9 } })),
        ],
      });
  });
});

describe('the life of a session', () => {
  test('a clean one ends with its connection', () => {
    new Script()
      .hears('A', connect('c1'))
      .hears('A', subscribe(1, 'news'))
      .loses('A', { learns: ['ended'], says: [] })
      .knows({})
      .hears('A', connect('c1', KEEPS), { says: welcome('A') });
  });

  test('a clean start discards what there was', () => {
    box()
      .loses('A')
      .hears('P', publish('news', 'x', { id: 1 }))
      .hears('A', connect('c1'), { learns: ['ended', 'connected', 'spoke'], says: welcome('A') })
      .hears('P', publish('news', 'y', { id: 2 }), { learns: [], says: [say('P', ack('PUBACK', 2))] });
  });

  test('a session is kept for its time to the second; more than the server keeps is said so', () => {
    new Script()
      .hears('A', connect('c1', { ...FIVE, properties: { sessionExpiry: 7200 } }), {
        says: welcome('A', { ...FIVE, properties: { sessionExpiry: 3600 } }),
      })
      .hears('A', disconnect(5, 0, { sessionExpiry: 10 }), { learns: ['parted'], says: [hangUp('A')] })
      .waits(9, { learns: [], says: [] })
      .knowsOf('session[c1]', 'no subscriptions; asleep, kept for 10 s')
      .waits(1, { learns: ['ended'], says: [] })
      .knows({})
      .hears('A', connect('c1', { ...FIVE, clean: false }), { says: welcome('A', FIVE) })
      .hears('A', disconnect(5, 0, { sessionExpiry: 10 }), {
        says: sentAway('A', 0x82, 'The session was to end with this connection.'),
      });
  });

  test('a client may say in the end that nothing is to be kept', () => {
    new Script()
      .hears('A', connect('c1', { ...FIVE, properties: { sessionExpiry: 60 } }))
      .hears('A', disconnect(5, 0, { sessionExpiry: 0 }), { learns: ['ended'], says: [hangUp('A')] })
      .restarts()
      .knows({});
  });

  test('3.1.1 names no time: it is kept as long as the server keeps any', () => {
    box()
      .hears('A', disconnect())
      .waits(3599, { learns: [] })
      .hears('A', connect('c1', KEEPS), { says: welcome('A', { present: true }) })
      .loses('A')
      .waits(3600, { learns: ['ended'] });
  });

  test('what is due is known without a search', () => {
    const script = new Script();
    for (const [path, expiry] of [
      ['A', 30],
      ['B', 10],
      ['C', 20],
    ] as const)
      script.hears(path, connect(path, { ...FIVE, properties: { sessionExpiry: expiry } })).loses(path);
    const due = () => (script.rules.due?.(script.state) ?? 0) / 1000 - 1_000_000;
    expect(due()).toBe(10);
    script.hears('B', connect('B', { ...FIVE, clean: false }));
    expect(due()).toBe(20);
    script.waits(20, { learns: ['ended'] });
    expect(due()).toBe(30);
    script.waits(10, { learns: ['ended'] });
    expect(script.rules.due?.(script.state)).toBeUndefined();
  });

  test('the newest connection wins: the older one is told so and hung up on', () => {
    new Script()
      .hears('A', connect('c1', { ...FIVE, properties: { sessionExpiry: 60 } }))
      .hears('A', subscribe(1, 'news', FIVE))
      .hears('B', connect('c1', { ...FIVE, clean: false, properties: { sessionExpiry: 60 } }), {
        learns: ['parted', 'connected', 'spoke'],
        says: [...sentAway('A', 0x8e, 'Taken over.'), ...welcome('B', { ...FIVE, present: true })],
      })
      .hears('A', publish('news', 'x', FIVE), { says: [hangUp('A')] })
      .loses('A', { learns: [], says: [] })
      .hears('B', publish('news', 'x', FIVE), { says: [tell(['B'], publish('news', 'x', FIVE))] })
      .hears('C', connect('c1'), {
        learns: ['ended', 'connected', 'spoke'],
        says: [...sentAway('B', 0x8e, 'Taken over.'), ...welcome('C')],
      })
      .hears('D', connect('c1', KEEPS), {
        learns: ['ended', 'connected', 'spoke'],
        says: [hangUp('C'), ...welcome('D')],
      });
  });

  test('when there are too many, the one that has slept longest makes room; when none sleeps, nobody comes in', () => {
    const script = new Script({ limits: { sessions: 3 } });
    for (const path of ['A', 'B', 'C']) script.hears(path, connect(path, KEEPS));
    script
      .loses('B')
      .loses('A')
      .hears('D', connect('d'), { learns: ['ended', 'connected', 'spoke'] })
      .knowsOf('session[B]', undefined)
      .hears('E', connect('e'), { learns: ['ended', 'connected', 'spoke'] })
      .knowsOf('session[A]', undefined)
      .hears('F', connect('f', FIVE), { learns: [] });
    expect(script.said[0]).toMatchObject({ say: { type: 'CONNACK', code: 0x97 } });
  });
});

describe('wills', () => {
  const will = (how: { delay?: number; qos?: 0 | 1; expiry?: number } = {}) => {
    const { delay, qos = 1, expiry } = how;
    return {
      topic: 'news',
      text: 'gone',
      qos,
      properties: {
        ...(delay === undefined ? {} : { willDelay: delay }),
        ...(expiry === undefined ? {} : { messageExpiry: expiry }),
      },
    };
  };
  const GONE = [say('A', publish('news', 'gone', { id: 1 }))];

  test('is published when the connection is lost, not when it is ended', () => {
    box()
      .hears('W', connect('w', { will: will() }))
      .knowsOf('will[w]', 'news "gone" (QoS 1)')
      .loses('W', { learns: ['published', 'ended'], says: GONE });
    box()
      .hears('W', connect('w', { will: will() }))
      .hears('W', disconnect(), { learns: ['ended'], says: [hangUp('W')] });
    box()
      .hears('W', connect('w', { ...FIVE, will: will() }))
      .hears('W', disconnect(5, 4), { learns: ['published', 'ended'], says: [...GONE, hangUp('W')] });
  });

  test('may be retained', () => {
    box()
      .hears('W', connect('w', { will: { ...will(), retain: true } }))
      .loses('W', { says: GONE })
      .knowsOf('retained[news]', '"gone" (QoS 1)');
  });

  const DELAYED = connect('w', { ...FIVE, will: will({ delay: 10, expiry: 5 }), properties: { sessionExpiry: 60 } });

  test('waits for its delay, with a lifetime that begins when it is published', () => {
    box()
      .hears('W', DELAYED)
      .knowsOf('will[w]', 'news "gone" (QoS 1), 10 s after its connection')
      .loses('W', { learns: ['parted'], says: [] })
      .waits(9, { learns: [] })
      .waits(1, { learns: ['published'], says: GONE })
      .knowsOf('will[w]', undefined)
      .waits(50, { learns: ['ended'], says: [] });
  });

  test('is not published when the client is back in time (MQTT-3.1.3-9)', () => {
    box()
      .hears('W', DELAYED)
      .loses('W')
      .waits(9)
      .hears('W', connect('w', { ...FIVE, clean: false, properties: { sessionExpiry: 60 } }))
      .waits(10, { learns: [] });
  });

  test('comes with the end of the session at the latest', () => {
    box()
      .hears('W', connect('w', { ...FIVE, will: will({ delay: 100 }), properties: { sessionExpiry: 10 } }))
      .loses('W')
      .waits(10, { learns: ['published', 'ended'], says: GONE });
    box()
      .hears('W', DELAYED)
      .loses('W')
      .hears('W', connect('w', FIVE), {
        learns: ['published', 'ended', 'connected', 'spoke'],
        says: [...GONE, ...welcome('W', FIVE)],
      });
    box()
      .hears('W', connect('w', { ...FIVE, will: will({ delay: 100 }) }))
      .loses('W', { learns: ['published', 'ended'], says: GONE });
  });

  test('of who is taken over is published, also to the session itself', () => {
    new Script()
      .hears('A', connect('c1', { ...KEEPS, will: will() }))
      .hears('A', subscribe(1, 'news'))
      .hears('B', connect('c1', KEEPS), {
        learns: ['published', 'parted', 'connected', 'spoke'],
        says: [
          hangUp('A'),
          say('A', publish('news', 'gone', { id: 1 })),
          ...welcome('B', { present: true }),
          say('B', publish('news', 'gone', { id: 1, dup: true })),
        ],
      })
      .hears('B', ack('PUBACK', 1), { learns: ['acknowledged'] });
  });

  test('two at once: one after the other', () => {
    box()
      .hears('W', DELAYED)
      .hears('X', connect('x', { ...FIVE, will: will({ delay: 10 }), properties: { sessionExpiry: 60 } }))
      .loses('W')
      .loses('X')
      .waits(10, { learns: ['published', 'published'], says: [...GONE, say('A', publish('news', 'gone', { id: 2 }))] });
  });
});

describe('a kill', () => {
  for (const snapshot of [false, true]) {
    const from = snapshot ? 'a snapshot' : 'the journal';
    test(`takes the connections; sessions, messages and retained ones come back from ${from}`, () => {
      box(2)
        .hears('P', publish('news', 'one', { id: 1 }))
        .hears('P', publish('news', 'two', { id: 2, qos: 2 }))
        .hears('P', publish('news', 'three', { id: 3, qos: 2, retain: true }))
        .hears('A', ack('PUBREC', 3))
        .restarts({ snapshot })
        .knowsOf('path[A]', undefined)
        .knowsOf('session[c1]', 'subscriptions: news (QoS 2); asleep, kept for 3600 s')
        .knowsOf('retained[news]', '"three" (QoS 2)')
        .hears('B', connect('c1', KEEPS), {
          says: [
            ...welcome('B', { present: true }),
            say('B', publish('news', 'one', { id: 1, dup: true })),
            say('B', publish('news', 'two', { id: 2, qos: 2, dup: true })),
            say('B', ack('PUBREL', 3)),
          ],
        });
    });

    test(`what was acknowledged in one go is gone from ${from}, and nothing beside it`, () => {
      box(2)
        .hears('P', publish('news', 'one', { id: 1 }))
        .hears('P', publish('news', 'two', { id: 2 }))
        .hears('P', publish('news', 'three', { id: 3 }))
        .hears('A', ack('PUBACK', 1))
        .hears('A', ack('PUBACK', 3))
        .restarts({ snapshot })
        .hears('B', connect('c1', KEEPS), {
          says: [...welcome('B', { present: true }), say('B', publish('news', 'two', { id: 2, dup: true }))],
        });
    });

    test(`sessions that end with their connection are not in ${from}`, () => {
      new Script()
        .hears('A', connect('c1', { will: { topic: 'a' } }))
        .hears('A', subscribe(1, 'news $share/g/news'))
        .hears('A', publish('news', 'x', { id: 1 }))
        .restarts({ snapshot, rings: false })
        .knows({});
    });

    test(`what only the sender's session knows, or only the topic, is in ${from}`, () => {
      new Script()
        .hears('P', connect('pub', KEEPS))
        .hears('P', publish('nowhere', 'x', { id: 7, qos: 2 }))
        .hears('Q', connect('clean'))
        .hears('Q', publish('news', 'last', { retain: true }))
        .restarts({ snapshot })
        .knowsOf('in[pub 7]', 'heard and passed on, not released')
        .knowsOf('retained[news]', '"last" (QoS 0)');
    });

    test(`the will of a kept session that was connected is published when ${from} is read`, () => {
      box()
        .hears(
          'W',
          connect('w', { ...FIVE, will: { topic: 'news', text: 'gone', qos: 1 }, properties: { sessionExpiry: 60 } }),
        )
        .restarts({ snapshot })
        .knowsOf('queue[c1]', '1 waiting: news "gone" (QoS 1)')
        .knowsOf('will[w]', undefined);
    });

    test(`the time of a session whose connection died begins when ${from} is read`, () => {
      box()
        .restarts({ snapshot })
        .waits(3599, { learns: [] })
        .waits(1, { learns: ['ended', 'ended'] })
        .knows({});
    });
  }

  test('however many were connected, one look at the clock sees to a thousand at most', () => {
    const { rules } = new Script();
    const state = rules.empty();
    const world = { now: () => 1e12, name: () => '' };
    for (let nth = 0; nth < 2500; nth++)
      for (const event of rules.decide(state, connect(`c${nth}`, KEEPS), `p${nth}`, world).events)
        if (rules.lasting(event)) rules.apply(state, event);
    const seen: number[] = [];
    for (let due = rules.due?.(state) ?? Number.NaN; due <= 1e12; due = rules.due?.(state) ?? Number.NaN) {
      const { events } = rules.pass?.(state, world) ?? { events: [] };
      seen.push(events.length);
      for (const event of events) rules.apply(state, event);
    }
    expect(seen).toEqual([1000, 1000, 500]);
  });

  test('before the alarm has rung, a client that is back is not taken for its own ghost', () => {
    box()
      .hears('P', publish('news', 'one', { id: 1 }))
      .restarts({ rings: false })
      .hears('A', connect('c1', KEEPS), {
        learns: ['parted', 'connected', 'spoke'],
        says: [...welcome('A', { present: true }), say('A', publish('news', 'one', { id: 1, dup: true }))],
      });
  });

  test('a session that was kept and is no more: its end is written down', () => {
    new Script()
      .hears('A', connect('c1', KEEPS))
      .hears('A', subscribe(1, 'news'))
      .loses('A')
      .hears('A', connect('c1', { ...FIVE, clean: false }), { says: welcome('A', { ...FIVE, present: true }) })
      .loses('A', { learns: ['ended'] })
      .restarts()
      .knows({});
    new Script().hears('A', connect('c1', KEEPS)).loses('A').hears('A', connect('c1')).restarts().knows({});
  });
});

test('acknowledgements of one client in a row are written down as one, but for those that let others leave', () => {
  const { join } = rulesFor();
  const of = (client: string, id: number, at?: number): Event => ({
    ...{ is: 'acknowledged', client, ids: [id], kept: true },
    ...(at === undefined ? {} : { at }),
  });
  const first = of('c1', 1);
  expect(join?.(first, of('c1', 2))).toBe(true);
  expect(join?.(first, of('c1', 7))).toBe(true);
  expect(join?.(first, of('c2', 3))).toBe(false);
  expect(join?.(first, of('c1', 3, 1000))).toBe(false);
  expect(join?.(of('c1', 3, 1000), of('c1', 4))).toBe(false);
  expect(join?.(first, { is: 'received', client: 'c1', id: 3, kept: true })).toBe(false);
  expect(first).toEqual({ is: 'acknowledged', client: 'c1', ids: [1, 2, 7], kept: true });
});

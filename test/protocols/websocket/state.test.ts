// The rules of the chat, as scripts of what is heard and what must be said. On every line deciding changes nothing, and what was
// learned, told again as a journal has it, leads to the same rooms, also through a snapshot.

import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { decodeState, encodeState } from '../../../src/lab/journals/encode.ts';
import type { Decision } from '../../../src/protocols/shapes.ts';
import { acceptFor } from '../../../src/protocols/websocket/rules/upgrading.ts';
import { type Event, type Limits, type Outcome, rulesFor, type State } from '../../../src/protocols/websocket/state.ts';
import type { Chat } from '../../../src/protocols/websocket/wire/chat.ts';
import { type Message, wire } from '../../../src/protocols/websocket/wire.ts';
import { headerOf } from '../../../src/wire/http.ts';
import { asking, frame, join, MASK, said, say } from './frames.ts';

const WORLD = { now: () => 0, name: () => 'x' };

class Script {
  readonly rules: ReturnType<typeof rulesFor>;
  state: State;
  private readonly events: Event[] = [];
  private readonly steps: string[] = [];

  constructor(keeps: boolean, limits?: Limits) {
    this.rules = rulesFor(keeps, limits);
    this.state = this.rules.empty();
  }

  hears(from: string, message: Message | Chat, ...says: string[]): this {
    const whole = 'is' in message ? said(message) : message;
    return this.carryOut(`${from} says ${wire.kind(whole)} ${wire.says(whole)}`, says, () =>
      this.rules.decide(this.state, whole, from, WORLD),
    );
  }

  loses(from: string, ...says: string[]): this {
    return this.carryOut(`${from} is gone`, says, () => this.rules.part?.(this.state, from, WORLD));
  }

  learns(from: string, is: Outcome['is'], ...says: string[]): this {
    return this.carryOut(`${from} is ${is}`, says, () => this.rules.learn?.(this.state, { is }, from, WORLD));
  }

  /** The process dies, and the next one folds what was written down. */
  dies(): this {
    this.state = this.rules.empty();
    for (const event of this.events) this.rules.apply(this.state, event);
    return this;
  }

  /** `says`: `ada WELCOME …`, `ada, bob SAID …`, `bob hung up`, `ada frames`. */
  private carryOut(step: string, says: string[], decide: () => Decision<Message, Event, never> | unknown): this {
    this.steps.push(step);
    const before = structuredClone(this.state);
    const { events, actions } = decide() as ReturnType<typeof this.rules.decide>;
    if (!isDeepStrictEqual(this.state, before)) throw new Error(`deciding changed the state: ${this.steps.join('; ')}`);
    for (const event of events) {
      this.rules.apply(this.state, event);
      if (this.rules.lasting(event)) this.events.push(JSON.parse(JSON.stringify(event)) as Event);
    }
    const heard = actions.map((action) => {
      const to = typeof action.to === 'string' ? action.to : action.to.join(', ');
      if ('say' in action) return `${to} ${wire.kind(action.say)} ${wire.says(action.say)}`.trimEnd();
      return `${to} ${'hangUp' in action ? 'hung up' : action.does.is}`;
    });
    expect(heard, this.steps.join('\n')).toEqual(says);
    const replayed = this.rules.empty();
    for (const event of this.events) this.rules.apply(replayed, event);
    const snapshot = decodeState<State>(encodeState(this.rules.outlives?.(this.state)));
    expect(snapshot, this.steps.join('\n')).toEqual(replayed);
    return this;
  }
}

const talk = (keeps: boolean, limits?: Limits) =>
  new Script(keeps, limits)
    .hears('A', join('ada'), 'A WELCOME ada; last 0, missed 0')
    .hears('B', join('bob'), 'A JOINED bob', 'B WELCOME ada, bob; last 0, missed 0')
    .hears('B', say('Do', 1), 'A, B SAID 1 from bob “Do”');

test('a request is answered by 101 with the digest of RFC 6455 §1.3, and the connection goes on in frames', () => {
  expect(acceptFor('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  new Script(false).hears('A', asking('localhost'), 'A 101 Switching Protocols', 'A frames');
  const { actions } = rulesFor(false).decide(rulesFor(false).empty(), asking('localhost'), 'A', WORLD);
  const [first] = actions;
  const answer = first && 'say' in first ? first.say : undefined;
  expect(answer?.type === 'response' && headerOf(answer, 'sec-websocket-accept')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test.each([
  ['no key', { 'Sec-WebSocket-Key': undefined }, '400 Bad Request'],
  ['a key of 15 bytes', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j' }, '400 Bad Request'],
  ['another version', { 'Sec-WebSocket-Version': '8' }, '426 Upgrade Required'],
  ['no Connection', { Connection: 'keep-alive' }, '400 Bad Request'],
  ['no Upgrade: the page', { Upgrade: undefined }, '200 OK'],
])('a request with %s', (_title, change, answer) => {
  new Script(true).hears('A', asking('localhost', change), `A ${answer}`, 'A hung up');
});

test('another method, or another target, is not served', () => {
  const page = asking('localhost', { Upgrade: undefined });
  new Script(true)
    .hears('A', { ...page, method: 'POST' }, 'A 405 Method Not Allowed', 'A hung up')
    .hears('A', { ...page, target: '/etc/passwd' }, 'A 404 Not Found', 'A hung up');
});

test('memory: who comes back hears nothing of what was said meanwhile, and cannot know it', () => {
  talk(false)
    .loses('A', 'B LEFT ada')
    .hears('B', say('not', 2), 'B SAID 2 from bob “not”')
    .hears('A2', join('ada', 1), 'B JOINED ada', 'A2 WELCOME bob, ada; last 2, missed 0');
});

test('memory: a room that nobody is in is no room, and numbers begin anew', () => {
  const script = talk(false).loses('A', 'B LEFT ada').loses('B');
  expect(script.state).toEqual(script.rules.empty());
  script.hears('B', join('bob', 1), 'B WELCOME bob; last 0, missed 0');
});

test('resume: who comes back hears exactly what it missed, also after a kill', () => {
  talk(true)
    .loses('A', 'B LEFT ada')
    .hears('B', say('not', 2), 'B SAID 2 from bob “not”')
    .hears('B', say('forget me.', 3), 'B SAID 3 from bob “forget me.”')
    .dies()
    .hears(
      'A',
      join('ada', 1),
      'A WELCOME ada; last 3, missed 2',
      'A SAID 2 from bob “not”',
      'A SAID 3 from bob “forget me.”',
    )
    .hears(
      'C',
      join('cy', 0),
      'A JOINED cy',
      'C WELCOME ada, cy; last 3, missed 3',
      'C SAID 1 from bob “Do”',
      'C SAID 2 from bob “not”',
      'C SAID 3 from bob “forget me.”',
    )
    .hears('D', join('dan'), 'A, C JOINED dan', 'D WELCOME ada, cy, dan; last 3, missed 0');
});

test('resume: a message said again under its number is acknowledged, and not said twice', () => {
  talk(true)
    .hears('B', say('Do', 1), 'B ACK nr 1 is 1')
    .dies()
    .hears('B', join('bob', 0), 'B WELCOME bob; last 1, missed 1', 'B SAID 1 from bob “Do”')
    .hears('B', say('Do', 1), 'B ACK nr 1 is 1')
    .hears('B', say('not', 2), 'B SAID 2 from bob “not”');
});

test('resume: nobody silences a name by a number that nothing can follow: only the next one is taken', () => {
  const refused = (next: number) => `B ERROR this is not your next number: ${next} is`;
  talk(true)
    .hears('B', say('x', Number.MAX_SAFE_INTEGER), refused(2))
    .hears('B', say('x', 3), refused(2))
    .hears('B', say('not', 2), 'A, B SAID 2 from bob “not”')
    // Whoever comes under this name is told where to go on.
    .hears('C', join('bob'), 'B CLOSE 4001', 'B hung up', 'C WELCOME ada, bob; last 2, missed 0')
    .hears('C', say('forget me.', 3), 'A, C SAID 3 from bob “forget me.”');
  // Where nothing is kept, no number means anything.
  talk(false)
    .hears('B', say('x', Number.MAX_SAFE_INTEGER), 'A, B SAID 2 from bob “x”')
    .hears('B', say('y', 1), 'A, B SAID 3 from bob “y”');
});

test('resume: what is kept has a bound, and who has missed more is told how much', () => {
  const limits = { rooms: 2, members: 3, kept: 2, numbers: 2 };
  const script = talk(true, limits);
  for (let nr = 2; nr <= 5; nr++) script.hears('B', say('x', nr), `A, B SAID ${nr} from bob “x”`);
  script.hears(
    'C',
    join('cy', 1),
    'A, B JOINED cy',
    'C WELCOME ada, bob, cy; last 5, missed 2, 2 gone',
    'C SAID 4 from bob “x”',
    'C SAID 5 from bob “x”',
  );
  script.hears('B', say('x', 1), 'B ACK nr 1 is 0').hears('D', join('dan'), 'D ERROR this room is full');
  expect(script.state.rooms.get('kitchen')?.kept.size).toBe(2);
});

test('resume: who has seen more than was ever said is told that the room begins anew', () => {
  new Script(true)
    .hears('A', join('ada', 7), 'A WELCOME ada; last 0, missed 0, anew')
    .hears('A', say('Do', 1), 'A SAID 1 from ada “Do”')
    .hears('B', join('bob', 7), 'A JOINED bob', 'B WELCOME ada, bob; last 1, missed 1, anew', 'B SAID 1 from ada “Do”');
});

test('rooms have a bound: the oldest that nobody is in makes room, and when somebody is in all, nobody does', () => {
  const script = new Script(true, { rooms: 2, members: 9, kept: 9, numbers: 1 })
    .hears('A', join('ada', undefined, 'one'), 'A WELCOME ada; last 0, missed 0')
    .hears('A', say('x', 1), 'A SAID 1 from ada “x”')
    .loses('A')
    .hears('B', join('bob', undefined, 'two'), 'B WELCOME bob; last 0, missed 0')
    .hears('C', join('cy', undefined, 'three'), 'C WELCOME cy; last 0, missed 0')
    .hears('D', join('dan', undefined, 'four'), 'D ERROR there are too many rooms')
    .hears('C', say('x', 1), 'C SAID 1 from cy “x”')
    .hears('E', join('eve', undefined, 'three'), 'C JOINED eve', 'E WELCOME cy, eve; last 1, missed 0')
    .hears('E', say('y', 1), 'C, E SAID 2 from eve “y”');
  expect([...script.state.rooms.keys()]).toEqual(['two', 'three']);
  expect([...(script.state.rooms.get('three')?.numbers ?? [])]).toEqual([['eve', 1]]);
});

test.each([false, true])('the newest connection of a name wins, and nobody else hears of it (keeps: %s)', (keeps) => {
  talk(keeps)
    .hears(
      'A2',
      join('ada', keeps ? 1 : undefined),
      'A CLOSE 4001',
      'A hung up',
      'A2 WELCOME ada, bob; last 1, missed 0',
    )
    .loses('A')
    .hears('B', say('not', 2), 'B, A2 SAID 2 from bob “not”');
});

test('who is silent is asked, and who does not answer is here no more', () => {
  talk(true)
    .learns('A', 'quiet', 'A PING 0 B')
    .hears('A', frame('PONG', '', { mask: MASK }))
    .learns('A', 'quiet', 'A PING 0 B')
    .learns('A', 'silent', 'B LEFT ada', 'A CLOSE 4002', 'A hung up')
    .loses('A')
    .hears('B', say('not', 2), 'B SAID 2 from bob “not”');
});

test('what is said before a join, in another room, or by a server, is an error and changes nothing', () => {
  new Script(true)
    .hears('A', say('x', 1), 'A ERROR join a room first')
    .hears('A', { is: 'leave', room: 'kitchen' }, 'A ERROR join a room first')
    .hears('A', join('ada'), 'A WELCOME ada; last 0, missed 0')
    .hears('A', join('eve'), 'A ERROR you are in a room: leave it first')
    .hears('A', { is: 'leave', room: 'hall' }, 'A ERROR this is not the room you are in')
    .hears('A', { is: 'joined', name: 'bob' }, 'A ERROR only a server says that')
    .hears('A', frame('TEXT', 'Hello', { mask: MASK }), 'A ERROR this is no message of the chat')
    .hears('A', { is: 'leave', room: 'kitchen' }, 'A LEFT ada')
    .hears('A', say('x', 1), 'A ERROR join a room first');
});

test('ping, close and bytes: the words of RFC 6455', () => {
  talk(true)
    .hears('A', frame('PING', 'x', { mask: MASK }), 'A PONG 1 B')
    .hears('A', frame('CLOSE', Buffer.from('03e8', 'hex'), { mask: MASK }), 'B LEFT ada', 'A CLOSE 1000', 'A hung up')
    .hears('B', frame('BINARY', 'x', { mask: MASK }), 'B CLOSE 1003', 'B hung up');
  new Script(true).hears('A', frame('CLOSE', '', { mask: MASK }), 'A CLOSE 1005', 'A hung up');
});

test('while the store is away a newcomer is told to come again', () => {
  const [action] = rulesFor(true).unavailable?.(asking('localhost'), 'A') ?? [];
  expect(action && 'say' in action && wire.kind(action.say)).toBe('503');
});

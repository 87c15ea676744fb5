// The list of servers as a person writes it, and what is wrong with it in words.

import { expect, test } from 'vitest';
import { hostAndPort, type Member, membersIn } from '../../../src/protocols/balancer/rules/members.ts';

test('one a line or with commas between them, with names, remarks and what is to be drained', () => {
  const text = '# the shop\n127.0.0.1:8001, blue=localhost:8002 drain\r\n\n[::1]:8003\n';
  expect(membersIn(text)).toEqual({
    members: [
      { name: '1', address: '127.0.0.1:8001', draining: false },
      { name: 'blue', address: 'localhost:8002', draining: true },
      { name: '3', address: '[::1]:8003', draining: false },
    ],
  });
  expect(hostAndPort('[::1]:8003')).toEqual({ host: '::1', port: 8003 });
  expect(hostAndPort('localhost:8002')).toEqual({ host: 'localhost', port: 8002 });
});

test.each([
  ['', 'no server is listed'],
  ['# nobody\n', 'no server is listed'],
  ['127.0.0.1', 'entry 1'],
  ['127.0.0.1:0', 'entry 1'],
  ['127.0.0.1:65536', 'entry 1'],
  ['http://127.0.0.1:80', 'entry 1'],
  ['a b=127.0.0.1:80', 'entry 1'],
  ['x=127.0.0.1:80,x=127.0.0.1:81', 'x is listed twice'],
  ['127.0.0.1:80,127.0.0.1:80', '127.0.0.1:80 is listed twice'],
  ['127.0.0.1:80 down', 'only drain may follow'],
  ['127.0.0.1:80 drain now', 'only drain may follow'],
  ['\u001b[2J:80', '\\x1b'],
  [Array.from({ length: 65 }, (_none, nth) => `127.0.0.1:${8000 + nth}`).join('\n'), '64 servers'],
])('%j is refused', (text, why) => {
  expect((membersIn(text) as { wrong: string }).wrong).toContain(why);
});

test('in a list that changes each has a name: by its place it would be called like another one, once that is taken out', () => {
  const changes = { changes: true };
  expect(membersIn('a=127.0.0.1:8001\n127.0.0.1:8002', changes)).toEqual({
    wrong: 'entry 2: 127.0.0.1:8002 needs a name that it keeps when others come and go, such as blue=127.0.0.1:8002',
  });
  // An address that is none would not get better by a name.
  expect(membersIn('oops', changes)).toEqual({ wrong: 'entry 1: “oops” is no address such as 127.0.0.1:8001' });
  const both = membersIn('a=127.0.0.1:8001\nb=127.0.0.1:8002', changes) as { members: Member[] };
  const one = membersIn('b=127.0.0.1:8002', changes) as { members: Member[] };
  expect(one.members).toEqual(both.members.slice(1));
});

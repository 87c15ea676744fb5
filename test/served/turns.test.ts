// A bounded queue in front of what only a few can do at a time, and passwords behind it: whoever floods it crowds out themselves.

import { expect, test } from 'vitest';
import { digest } from '../../src/protocols/settings.ts';
import { passwordsOf } from '../../src/served/passwords.ts';
import { turns } from '../../src/served/turns.ts';

/** Who has been told what by now. */
function queue(options: { atOnce: number; waiting: number }) {
  const { come, over } = turns(options);
  const told: string[] = [];
  return {
    over,
    told,
    come: (who: string, ...of: string[]) => void come(of).then((its) => told.push(`${who} ${its ? 'in' : 'out'}`)),
    /** All that was set going has come about. */
    settled: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

test('one after the other, in order of arrival, and no more at once than there are places', async () => {
  const { come, over, told, settled } = queue({ atOnce: 2, waiting: 3 });
  for (const who of ['a', 'b', 'c', 'd']) come(who, who);
  await settled();
  expect(told).toEqual(['a in', 'b in']);
  over();
  await settled();
  expect(told).toEqual(['a in', 'b in', 'c in']);
  for (let times = 0; times < 3; times++) over();
  come('e', 'e');
  await settled();
  expect(told).toEqual(['a in', 'b in', 'c in', 'd in', 'e in']);
});

test('when it is full, the last of those who are most goes', async () => {
  const { come, told, settled } = queue({ atOnce: 1, waiting: 4 });
  for (const nth of [0, 1, 2, 3, 4]) come(`flood${nth}`, 'from x', `as ${nth}`);
  come('ann', 'from y', 'as ann');
  come('bob', 'from z', 'as bob');
  await settled();
  expect(told).toEqual(['flood0 in', 'flood4 out', 'flood3 out']);
  // As many of one name, whatever addresses they come from.
  come('bob2', 'from u', 'as bob');
  await settled();
  expect(told.at(-1)).toBe('bob2 out');
});

test('where nobody is more than others, whoever comes to a full house is turned away', async () => {
  const { come, told, settled } = queue({ atOnce: 1, waiting: 1 });
  for (const who of ['a', 'b', 'c']) come(who, who);
  await settled();
  expect(told).toEqual(['a in', 'c out']);
});

const passwords = () => passwordsOf(new Map([['ann', digest('secret')]]), digest, 16);
const secret = Buffer.from('secret');

test.each([
  ['one address under many names', (nth: number) => ({ user: `user${nth}`, from: '10.0.0.1' })],
  ['many addresses under one name', (nth: number) => ({ user: 'bob', from: `10.0.1.${nth}` })],
])('%s: who comes from elsewhere under another name gets in all the same', async (_name, who) => {
  const { check } = passwords();
  const flood = Array.from({ length: 200 }, (_none, nth) => check({ ...who(nth), password: secret }));
  expect(await check({ user: 'ann', password: secret, from: '10.0.0.2' })).toBe('right');
  const came = await Promise.all(flood);
  expect([came.filter((is) => is === 'busy').length, came.filter((is) => is === 'wrong').length]).toEqual([167, 33]);
});

test('one user from one address has as many tries under way as anybody has in a minute', async () => {
  const { check } = passwords();
  const tries = (from: string) => Array.from({ length: 8 }, () => check({ user: 'ann', password: secret, from }));
  const came = await Promise.all([...tries('10.0.0.1'), ...tries('10.0.0.2')]);
  expect(came.map((is) => is === 'right')).toEqual([...yes(5), ...yes(3, false), ...yes(5), ...yes(3, false)]);
  expect(await Promise.all(tries('10.0.0.1').slice(0, 5))).toEqual(yes(5).map(() => 'right'));
});

const yes = (count: number, is = true) => Array.from({ length: count }, () => is);

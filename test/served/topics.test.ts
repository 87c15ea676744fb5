// The topic tree against the plain definition of what a filter matches.

import { describe, expect, test } from 'vitest';
import { dice } from '../../src/lab/world.ts';
import { maySubscribe, mayUse } from '../../src/served/access.ts';
import { clearAlarm, noAlarms, setAlarm } from '../../src/served/alarms.ts';
import {
  addSubscriber,
  eachSubscriber,
  noSubscribers,
  removeSubscriber,
  sharesFor,
} from '../../src/served/subscribers.ts';
import {
  covers,
  eachMatching,
  eachWithin,
  emptyTree,
  isTopicFilter,
  isTopicName,
  levelsIn,
  overlaps,
  plantAt,
  prune,
  sharedIn,
  valueAt,
} from '../../src/served/topics.ts';

/** MQTT 5 §4.7 as a regular expression. */
function matches(filter: string, topic: string): boolean {
  if (/^[+#]/.test(filter) && topic.startsWith('$')) return false;
  const source = filter
    .split('/')
    .map((level) => (level === '+' ? '[^/]*' : level.replace(/[$]/g, '\\$&')))
    .join('/')
    .replace(/(^|\/)#$/, (_all, slash) => (slash ? '(/.*)?' : '.*'));
  return new RegExp(`^${source}$`).test(topic);
}

const LEVELS = ['a', 'b', '', '$x', '+'];

function rolledFilter(roll: (below: number) => number): string {
  const levels = Array.from({ length: 1 + roll(4) }, () => LEVELS[roll(LEVELS.length)] ?? 'a');
  if (roll(3) === 0) levels[levels.length - 1] = '#';
  return levels.join('/') || 'a';
}

function rolledTopic(roll: (below: number) => number): string {
  return Array.from({ length: 1 + roll(4) }, () => LEVELS[roll(4)] ?? 'a').join('/') || 'a';
}

describe.each([1, 2, 3])('seed %i', (seed) => {
  test('the tree finds what the definition says, also after much has been taken out', () => {
    const roll = dice(seed);
    const filters = new Set<string>();
    const topics = new Set<string>();
    const [filterTree, topicTree] = [emptyTree<string>(), emptyTree<string>()];
    for (let step = 0; step < 1500; step++) {
      const [filter, topic] = [rolledFilter(roll), rolledTopic(roll)];
      for (const [name, names, tree] of [
        [filter, filters, filterTree],
        [topic, topics, topicTree],
      ] as const) {
        if (roll(2) === 0) {
          names.add(name);
          plantAt(tree, name, name);
        } else {
          names.delete(name);
          prune(tree, name);
        }
        expect(valueAt(tree, name)).toBe(names.has(name) ? name : undefined);
      }
      const found: string[] = [];
      eachMatching(filterTree, topic, (each) => found.push(each));
      expect(found.sort(), topic).toEqual([...filters].filter((each) => matches(each, topic)).sort());
      const within: string[] = [];
      eachWithin(topicTree, filter, (each) => within.push(each));
      expect(within.sort(), filter).toEqual([...topics].filter((each) => matches(filter, each)).sort());
      expect(covers(filter, topic), `${filter} covers ${topic}`).toBe(matches(filter, topic));
      // A filter that covers another, or overlaps it, does so for some topic, and for all of them.
      const other = rolledFilter(roll);
      const both = [...topics].some((each) => matches(filter, each) && matches(other, each));
      if (both) expect(overlaps(filter, other), `${filter} overlaps ${other}`).toBe(true);
      if (covers(filter, other))
        for (const each of topics)
          if (matches(other, each)) expect(matches(filter, each), `${filter} ${other} ${each}`).toBe(true);
    }
    for (const filter of filters) prune(filterTree, filter);
    expect(filterTree, 'no branch is left').toEqual(emptyTree());
  });

  test('the next alarm is the first of all', () => {
    const roll = dice(seed);
    const alarms = noAlarms();
    const set = new Map<string, number>();
    for (let step = 0; step < 2000; step++) {
      const name = `n${roll(20)}`;
      const before = set.get(name);
      if (before !== undefined) clearAlarm(alarms, before, name);
      set.delete(name);
      if (roll(3) > 0) {
        const second = 100 + roll(30);
        set.set(name, second);
        setAlarm(alarms, second, name);
      }
      expect(alarms.soonest).toBe(set.size === 0 ? undefined : Math.min(...set.values()));
    }
  });
});

test('names and filters', () => {
  for (const name of ['a', '/', 'a//b', ' ', '$SYS/a']) expect(isTopicName(name), name).toBe(true);
  for (const name of ['', 'a/+', '#', 'a#', 'a\0b']) expect(isTopicName(name), name).toBe(false);
  for (const filter of ['#', '+', 'a/#', '+/a/+', '/', '+/#']) expect(isTopicFilter(filter), filter).toBe(true);
  for (const filter of ['', 'a#', '#/a', 'a+', 'a/+b', 'a/#/b', '\0'])
    expect(isTopicFilter(filter), filter).toBe(false);
  expect(levelsIn('a/b//')).toBe(4);
  expect(sharedIn('$share/g/a/+')).toEqual({ group: 'g', filter: 'a/+' });
  expect(sharedIn('a/b')).toBeUndefined();
  for (const filter of ['$share/g', '$share/g/', '$share//a', '$share/+/a', '$share/g/a#'])
    expect(sharedIn(filter), filter).toBe('invalid');
});

test('what covers and what overlaps', () => {
  expect(covers('a/#', 'a/+/b')).toBe(true);
  expect(covers('a/+', 'a/#')).toBe(false);
  expect(covers('#', '$SYS/#')).toBe(false);
  expect(overlaps('a/+', '+/b')).toBe(true);
  expect(overlaps('a/#', 'b/#')).toBe(false);
  expect(overlaps('a/b', 'a')).toBe(false);
  expect(overlaps('#', '$SYS/a')).toBe(false);
});

test('subscribers of a filter: one, many, and one again', () => {
  const subscribers = noSubscribers<number>();
  const found = () => {
    const all: [string, number][] = [];
    eachSubscriber(subscribers, 'a', (client, subscription) => all.push([client, subscription]));
    return all;
  };
  addSubscriber(subscribers, 'a', 'c1', 1);
  addSubscriber(subscribers, 'a', 'c1', 2);
  expect(found()).toEqual([['c1', 2]]);
  addSubscriber(subscribers, '+', 'c1', 5);
  addSubscriber(subscribers, 'a', 'c2', 3);
  addSubscriber(subscribers, 'a', 'c2', 4);
  expect(found()).toEqual([
    ['c1', 2],
    ['c2', 4],
    ['c1', 5],
  ]);
  removeSubscriber(subscribers, 'a', 'c1');
  removeSubscriber(subscribers, '+', 'c1');
  expect(found()).toEqual([['c2', 4]]);
  removeSubscriber(subscribers, 'a', 'c2');
  addSubscriber(subscribers, '$share/g/+', 'c1', 0);
  addSubscriber(subscribers, '$share/f/a', 'c1', 0);
  expect(sharesFor(subscribers, 'a')).toEqual(['$share/f/a', '$share/g/+']);
  removeSubscriber(subscribers, '$share/g/+', 'c1');
  removeSubscriber(subscribers, '$share/f/a', 'c1');
  expect(subscribers).toEqual(noSubscribers());
});

test('rights: the first rule that speaks of it', () => {
  const rules = [
    { allow: false, user: 'eve', may: 'read', filter: '#' },
    { allow: true, user: '*', may: 'read', filter: 'open/#' },
    { allow: true, user: 'anna', may: 'write', filter: 'open/+' },
  ] as const;
  expect(mayUse(rules, 'eve', 'read', 'open/a')).toBe(false);
  expect(mayUse(rules, null, 'read', 'open/a')).toBe(true);
  expect(mayUse(rules, null, 'write', 'open/a')).toBe(false);
  expect(mayUse(rules, 'anna', 'write', 'open/a')).toBe(true);
  expect(maySubscribe(rules, 'anna', '#')).toBe(true);
  expect(maySubscribe(rules, 'anna', 'closed/#')).toBe(false);
  expect(maySubscribe(rules, 'eve', 'open/a')).toBe(false);
});

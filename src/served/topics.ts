// Which topic filters match a topic, and which topics a filter matches, without looking at all of them. A tree of topic levels:
// what it costs grows with how deep a topic is, not with how many filters or topics there are (MQTT 5 §4.7).
// Clauses as 5.0 counts them.

/** What is filed under topic filters, or under topic names: one branch a level. */
export interface TopicTree<V> {
  value: V | undefined;
  /** Made when first needed: most branches end here. */
  branches: Map<string, TopicTree<V>> | undefined;
}

export function emptyTree<V>(): TopicTree<V> {
  return { value: undefined, branches: undefined };
}

/** What is filed under exactly this filter or name; `make` makes it where nothing is. */
export function growAt<V>(tree: TopicTree<V>, name: string, make: () => V): V {
  const branch = branchAt(tree, name);
  branch.value ??= make();
  return branch.value;
}

/** Files something under exactly this filter or name, in place of what was there. */
export function plantAt<V>(tree: TopicTree<V>, name: string, value: V): void {
  branchAt(tree, name).value = value;
}

function branchAt<V>(tree: TopicTree<V>, name: string): TopicTree<V> {
  let branch = tree;
  for (const level of name.split('/')) {
    branch.branches ??= new Map();
    let next = branch.branches.get(level);
    if (!next) {
      next = emptyTree();
      branch.branches.set(level, next);
    }
    branch = next;
  }
  return branch;
}

/** What is filed under exactly this filter or name. */
export function valueAt<V>(tree: TopicTree<V>, name: string): V | undefined {
  let branch: TopicTree<V> | undefined = tree;
  for (const level of name.split('/')) branch = branch?.branches?.get(level);
  return branch?.value;
}

/** Takes out what is filed there, and every branch that bears nothing any more. */
export function prune<V>(tree: TopicTree<V>, name: string): void {
  pruneFrom(tree, name.split('/'), 0);
}

function pruneFrom<V>(branch: TopicTree<V>, levels: readonly string[], depth: number): void {
  const level = levels[depth];
  if (level === undefined) {
    branch.value = undefined;
    return;
  }
  const next = branch.branches?.get(level);
  if (!next) return;
  pruneFrom(next, levels, depth + 1);
  if (next.value !== undefined || next.branches) return;
  branch.branches?.delete(level);
  if (branch.branches?.size === 0) branch.branches = undefined;
}

/** Visits what is filed under every filter that matches this topic name. */
export function eachMatching<V>(filters: TopicTree<V>, topic: string, visit: (value: V) => void): void {
  matchingFrom(filters, topic.split('/'), 0, visit);
}

function matchingFrom<V>(
  branch: TopicTree<V>,
  levels: readonly string[],
  depth: number,
  visit: (value: V) => void,
): void {
  const { branches } = branch;
  const level = levels[depth];
  if (level === undefined) {
    if (branch.value !== undefined) visit(branch.value);
    // MQTT 5 §4.7.1.2: `sport/#` matches `sport` as well.
    const rest = branches?.get('#')?.value;
    if (rest !== undefined) visit(rest);
    return;
  }
  if (!branches) return;
  const exact = branches.get(level);
  if (exact) matchingFrom(exact, levels, depth + 1, visit);
  // MQTT-4.7.2-1: a wildcard at the beginning does not match a topic that begins with $.
  if (depth === 0 && level.startsWith('$')) return;
  const any = branches.get('+');
  if (any) matchingFrom(any, levels, depth + 1, visit);
  const rest = branches.get('#')?.value;
  if (rest !== undefined) visit(rest);
}

/** Visits what is filed under every topic name that this filter matches. */
export function eachWithin<V>(names: TopicTree<V>, filter: string, visit: (value: V) => void): void {
  withinFrom(names, filter.split('/'), 0, visit);
}

function withinFrom<V>(
  branch: TopicTree<V>,
  levels: readonly string[],
  depth: number,
  visit: (value: V) => void,
): void {
  const level = levels[depth];
  if (level === undefined) {
    if (branch.value !== undefined) visit(branch.value);
    return;
  }
  if (level === '#') {
    everything(branch, depth === 0, visit);
    return;
  }
  if (level !== '+') {
    const exact = branch.branches?.get(level);
    if (exact) withinFrom(exact, levels, depth + 1, visit);
    return;
  }
  for (const [name, next] of branch.branches ?? [])
    if (depth > 0 || !name.startsWith('$')) withinFrom(next, levels, depth + 1, visit);
}

/** The branch and all above it; from the trunk, without the topics that begin with $. */
function everything<V>(branch: TopicTree<V>, isTrunk: boolean, visit: (value: V) => void): void {
  if (branch.value !== undefined) visit(branch.value);
  for (const [name, next] of branch.branches ?? [])
    if (!isTrunk || !name.startsWith('$')) everything(next, false, visit);
}

/** How many levels a topic has: `a/b` has two. */
export function levelsIn(topic: string): number {
  let levels = 1;
  for (let at = topic.indexOf('/'); at !== -1; at = topic.indexOf('/', at + 1)) levels++;
  return levels;
}

/** MQTT-4.7.0-1, MQTT-4.7.3-1: a topic name has at least one character, and no wildcard. */
export function isTopicName(topic: string): boolean {
  return topic !== '' && !topic.includes('+') && !topic.includes('#') && !topic.includes('\0');
}

/** MQTT-4.7.1-1, MQTT-4.7.1-2: a wildcard fills its level, and `#` is the last one. */
export function isTopicFilter(filter: string): boolean {
  if (filter === '' || filter.includes('\0')) return false;
  const levels = filter.split('/');
  return levels.every(
    (level, depth) =>
      level === '+' || (level === '#' && depth === levels.length - 1) || (!level.includes('+') && !level.includes('#')),
  );
}

/** The group and the filter of `$share/group/filter` (MQTT 5 §4.8.2); undefined of any other, `invalid` of one that is none. */
export function sharedIn(filter: string): { group: string; filter: string } | 'invalid' | undefined {
  if (!filter.startsWith('$share/')) return undefined;
  const end = filter.indexOf('/', 7);
  const group = filter.slice(7, end);
  // MQTT-4.8.2-1, MQTT-4.8.2-2.
  if (end === -1 || group === '' || /[+#]/.test(group)) return 'invalid';
  const rest = filter.slice(end + 1);
  return isTopicFilter(rest) ? { group, filter: rest } : 'invalid';
}

/** Whether every topic that `narrow` matches is matched by `wide`; a topic name counts as a filter for itself. */
export function covers(wide: string, narrow: string): boolean {
  const [ours, theirs] = [wide.split('/'), narrow.split('/')];
  if (hidden(ours[0], theirs[0])) return false;
  for (let depth = 0; ; depth++) {
    const [our, their] = [ours[depth], theirs[depth]];
    if (our === '#') return true;
    if (our === undefined || their === undefined) return our === their;
    if (their === '#') return false;
    if (our !== '+' && our !== their) return false;
  }
}

/** Whether there can be a topic that both filters match. */
export function overlaps(one: string, other: string): boolean {
  const [ours, theirs] = [one.split('/'), other.split('/')];
  if (hidden(ours[0], theirs[0]) || hidden(theirs[0], ours[0])) return false;
  for (let depth = 0; ; depth++) {
    const [our, their] = [ours[depth], theirs[depth]];
    if (our === '#' || their === '#') return true;
    if (our === undefined || their === undefined) return our === their;
    if (our !== '+' && their !== '+' && our !== their) return false;
  }
}

/** MQTT-4.7.2-1, for a wildcard and what stands in its place. */
function hidden(wildcard: string | undefined, level: string | undefined): boolean {
  return (wildcard === '+' || wildcard === '#') && level?.startsWith('$') === true;
}

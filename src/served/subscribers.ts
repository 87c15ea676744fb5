// Who subscribed to what, so that the subscribers of a topic are found without looking at all of them.

import { eachMatching, emptyTree, growAt, plantAt, prune, sharedIn, type TopicTree, valueAt } from './topics.ts';

/** Subscriptions `S`, and the names of shared ones, whose members are none of its business. */
export interface Subscribers<S> {
  /** Filed under the filter. Most filters have one subscriber, and a Map of one is large. */
  filters: TopicTree<{ one: string; subscription: S } | { many: Map<string, S> }>;
  /** Filed under the filter without its group: whole `$share/group/filter`s. */
  shares: TopicTree<Set<string>>;
}

export function noSubscribers<S>(): Subscribers<S> {
  return { filters: emptyTree(), shares: emptyTree() };
}

/** In place of an earlier subscription of the same client to the same filter. */
export function addSubscriber<S>(
  { filters, shares }: Subscribers<S>,
  filter: string,
  client: string,
  subscription: S,
): void {
  const share = sharedIn(filter);
  if (typeof share === 'object') {
    growAt(shares, share.filter, () => new Set()).add(filter);
    return;
  }
  const before = valueAt(filters, filter);
  if (before && 'many' in before) before.many.set(client, subscription);
  else if (before && before.one !== client)
    plantAt(filters, filter, {
      many: new Map([
        [before.one, before.subscription],
        [client, subscription],
      ]),
    });
  else plantAt(filters, filter, { one: client, subscription });
}

/** Of a shared one, the last member is gone. */
export function removeSubscriber<S>({ filters, shares }: Subscribers<S>, filter: string, client: string): void {
  const share = sharedIn(filter);
  if (typeof share === 'object') {
    const names = valueAt(shares, share.filter);
    names?.delete(filter);
    if (names?.size === 0) prune(shares, share.filter);
    return;
  }
  const subscribers = valueAt(filters, filter);
  if (subscribers && 'many' in subscribers) subscribers.many.delete(client);
  if (subscribers && ('one' in subscribers || subscribers.many.size === 0)) prune(filters, filter);
}

/** Visits every subscription that matches this topic: a client with several more than once. */
export function eachSubscriber<S>(
  { filters }: Subscribers<S>,
  topic: string,
  visit: (client: string, subscription: S) => void,
): void {
  eachMatching(filters, topic, (subscribers) => {
    if ('one' in subscribers) visit(subscribers.one, subscribers.subscription);
    else for (const [client, subscription] of subscribers.many) visit(client, subscription);
  });
}

/** The names of the shared subscriptions that match this topic, sorted. */
export function sharesFor<S>({ shares }: Subscribers<S>, topic: string): string[] {
  const found: string[] = [];
  eachMatching(shares, topic, (names) => found.push(...names));
  return found.sort();
}

// Orders: done twice, there are two. An Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) is how a client says that it is the
// same one again; and it helps for as long as somebody remembers it.

import { createHash } from 'node:crypto';
import { headerOf } from '../../../wire/http.ts';
import type { Event } from '../state.ts';
import { type Answer, problem } from './answers.ts';
import type { Service } from './asking.ts';
import { itemIn } from './things.ts';

/** Characters of a key that are taken. */
const LONGEST = 64;

export function order({ state, known, request, world, how }: Service): Answer {
  if (how.things === 'token') return forgetful();
  const wanted = itemIn(request.body);
  if (!wanted) return problem(422, 'an order is an item and a count from 1 to 999');
  const key = headerOf(request, 'idempotency-key');
  if (key !== undefined && (key === '' || key.length > LONGEST))
    return problem(400, `an Idempotency-Key has up to ${LONGEST} characters`);
  const { user } = known;
  const number = state.counted.orders + 1;
  const events: Event[] = [{ is: 'ordered', user, ...wanted }];
  if (key === undefined) return { ...made(number, wanted), events };

  const under = `${user} ${key}`;
  const print = createHash('sha256').update(request.body).digest('base64url');
  const now = world.now();
  const before = state.keys.get(under);
  if (before && before.ends > now) {
    if (before.print !== print) return problem(422, 'this Idempotency-Key came with another order before');
    // What was answered then: the order as it was asked for, which is the same now. It cannot be still under way, since an order and its
    // key are remembered in one step.
    return made(before.order, wanted);
  }
  if (before) events.push({ is: 'gone', from: 'keys', under });
  events.push({ is: 'kept', under, print, order: number, ends: now + how.limits.lifetime });
  return { ...made(number, wanted), events };
}

function made(order: number, wanted: { item: string; count: number }): Answer {
  return { status: 201, json: { order, ...wanted }, headers: [['Location', `/orders/${order}`]] };
}

export function listOrders({ state, known, how }: Service): Answer {
  if (how.things === 'token') return forgetful();
  const own = [...state.orders].filter(([, { user }]) => user === known.user);
  return { status: 200, json: { orders: own.map(([order, { item, count }]) => ({ order, item, count })) } };
}

/** Whoever remembers nothing cannot know what it has taken already. */
export function forgetful(): Answer {
  return problem(501, 'this server remembers nothing, so it takes no orders and opens no cursors');
}

// What a user puts aside: a cart, and how far films have been watched. Done twice, it is the same: PUT and DELETE (RFC 9110 §9.2.2).

import { FILMS } from '../../../served/films.ts';
import type { Event, Things } from '../state.ts';
import type { Claims } from '../wire.ts';
import { type Answer, problem } from './answers.ts';
import type { Known, Service } from './asking.ts';

/** An item's name: letters, digits, spaces and a few marks. */
const ITEM = /^[\p{L}\p{N}][\p{L}\p{N} _.-]{0,39}$/u;
/** Of one item, and minutes of a film. */
const MOST = 999;
/** What a token may say, in bytes: signed and in base64 it is a third longer, and browsers keep no cookie of more than 4,096 characters. */
const CARRIED = 2_900;

export function showCart({ known }: Service): Answer {
  return { status: 200, json: { cart: [...known.things.cart].map(([item, count]) => ({ item, count })) } };
}

export function showItem({ known, name }: Service): Answer {
  const count = known.things.cart.get(name);
  return count === undefined ? notThere() : { status: 200, json: { item: name, count } };
}

export function putItem(service: Service): Answer {
  const { known, name, request, how } = service;
  const count = numberIn(request.body, 'count');
  if (!ITEM.test(name) || count === undefined) return problem(422, 'an item needs a name and a count from 1 to 999');
  if (!known.things.cart.has(name) && known.things.cart.size >= how.limits.items)
    return problem(422, `a cart takes ${how.limits.items} items`);
  const answer: Answer = { status: 200, json: { item: name, count } };
  return kept(known, answer, { is: 'put', item: name, count }, ({ cart }) => cart.set(name, count));
}

export function dropItem({ known, name }: Service): Answer {
  if (!known.things.cart.has(name)) return { status: 204 };
  return kept(known, { status: 204 }, { is: 'put', item: name, count: 0 }, ({ cart }) => cart.delete(name));
}

export function showWatch({ known, name }: Service): Answer {
  const minute = known.things.watch.get(name);
  return minute === undefined ? notThere() : { status: 200, json: { film: name, minute } };
}

export function watch({ known, name, request }: Service): Answer {
  const minute = numberIn(request.body, 'minute');
  if (!FILMS.some((film) => film.name === name)) return problem(404, 'there is no such film');
  if (minute === undefined) return problem(422, 'tell a minute from 1 to 999');
  const answer: Answer = { status: 200, json: { film: name, minute } };
  return kept(known, answer, { is: 'left', film: name, minute }, (things) => things.watch.set(name, minute));
}

type Change = Event extends infer E ? (E extends { is: 'put' | 'left' } ? Omit<E, 'under'> : never) : never;

/**
 * The change is remembered here, or written into a new token. A token does not live longer for being written anew; and of two that
 * are made from one, the client keeps the last and loses what is in the other.
 */
function kept(
  { under, claims, things }: Known,
  answer: Answer,
  change: Change,
  make: (things: Things) => void,
): Answer {
  if (under !== undefined) return { ...answer, events: [{ ...change, under } as Event] };
  if (!claims) throw new Error('who is known by neither a session nor a token?');
  make(things);
  const sign: Claims = { ...claims, cart: [...things.cart], watch: [...things.watch] };
  if (Buffer.byteLength(JSON.stringify(sign)) > CARRIED) return problem(422, 'a token does not carry as much as this');
  return { ...answer, sign };
}

function notThere(): Answer {
  return problem(404, 'there is nothing under this name');
}

/** A JSON object; undefined for any other body. */
export function objectIn(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A whole number from 1 to {@link MOST} under this name. */
function numberIn(body: Buffer, name: string): number | undefined {
  const value = objectIn(body)?.[name];
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MOST ? value : undefined;
}

/** An item and how many of it, where a body tells that. */
export function itemIn(body: Buffer): { item: string; count: number } | undefined {
  const item = objectIn(body)?.item;
  const count = numberIn(body, 'count');
  return typeof item === 'string' && ITEM.test(item) && count !== undefined ? { item, count } : undefined;
}

// Who is asked: the four ways to answer that question, and what each of them must remember for it.

import { addressOf } from '../../../bounds/paths.ts';
import { headerOf, type Request } from '../../../wire/http.ts';
import type { Path } from '../../shapes.ts';
import type { Backend, Event, State } from '../state.ts';
import { ownersOf, type Ring, ringOf } from './ring.ts';
import { ledTo } from './way.ts';

export type Policy = 'round-robin' | 'cookie' | 'address' | 'hash';

/** Servers to be asked, in order: the second one only when the first fails and the request may be made twice. */
export interface Choice {
  to: Backend[];
  /** What choosing has changed. */
  events: Event[];
}

/** Chooses among the servers that are well and not draining. `now`: seconds since the epoch. */
export type Choosing = (state: State, request: Request, from: Path, now: number) => Choice;

/** Addresses that are remembered; the one that was heard of longest ago makes room. */
const PLACES = 10_000;
/** How long an address is remembered after its last request, in seconds. */
const LIFETIME = 3_600;
/** An address that goes on asking is put down again no more often than this, in seconds. */
const NEWS = 60;

/** `key`: of sticky cookies. */
export function choosing(policy: Policy, key: Buffer): Choosing {
  switch (policy) {
    case 'round-robin':
      return byTurn;
    case 'cookie':
      return (state, request) => byCookie(state, request, key);
    case 'address':
      return byAddress;
    case 'hash':
      return byHash();
  }
}

/** The next one in turn, whoever asks: one number for all clients together. */
function byTurn(state: State): Choice {
  const fit = fitOf(state);
  const { turn = 0 } = state;
  const events: Event[] = fit.length > 0 ? [{ is: 'turned', turn: (turn + 1) % fit.length }] : [];
  return { to: inOrder(fit, turn), events };
}

/** The one that the client's cookie leads to; in turn for who has none, or one that leads nowhere any more. */
function byCookie(state: State, request: Request, key: Buffer): Choice {
  const fit = fitOf(state);
  const led = ledTo(
    request,
    fit.map(({ name }) => name),
    key,
  );
  if (led === undefined) return byTurn(state);
  return { to: startingWith(fit, led), events: [] };
}

/**
 * The one that this address was led to before; in turn for an address not heard of. Whoever shares an address shares a server:
 * behind a NAT that is a whole town, and on one machine everybody is 127.0.0.1.
 */
function byAddress(state: State, _request: Request, from: Path, now: number): Choice {
  const fit = fitOf(state);
  const { address } = addressOf(from);
  const place = state.places.get(address);
  const known = place && now - place.at <= LIFETIME && fit.some(({ name }) => name === place.name);
  if (known) {
    const events: Event[] = now - place.at >= NEWS ? [{ is: 'placed', address, name: place.name, at: now }] : [];
    return { to: startingWith(fit, place.name), events };
  }
  const choice = byTurn(state);
  const [first] = choice.to;
  if (!first) return choice;
  return {
    to: choice.to,
    events: [
      ...choice.events,
      ...dropped(state, now, PLACES - 1),
      { is: 'placed', address, name: first.name, at: now },
    ],
  };
}

/** The one whose arc of the ring the user falls on: worked out each time, so there is nothing to forget. */
function byHash(): Choosing {
  // A ring says the same for the same names. It is made again only when they are others.
  let made: { names: string; ring: Ring } = { names: '', ring: ringOf([]) };
  return (state, request, from) => {
    const fit = fitOf(state);
    const names = fit.map(({ name }) => name);
    if (names.join(' ') !== made.names) made = { names: names.join(' '), ring: ringOf(names) };
    const owners = ownersOf(made.ring, keyOf(request, from), 2);
    return { to: owners.flatMap((owner) => fit.filter(({ name }) => name === owner)), events: [] };
  };
}

/** Whose request it is, in a client's own words. Nobody proves it, and nobody gains by another name than another place on the ring. */
export const USER = 'x-user';

/** What a request is known by on the ring: its user where it names one, else the address that it comes from. */
export function keyOf(request: Request, from: Path): string {
  const user = headerOf(request, USER) ?? '';
  return user === '' ? `address ${addressOf(from).address}` : `user ${user}`;
}

/** When the first address is forgotten, in milliseconds since the epoch. */
export function firstToGo({ places }: State): number | undefined {
  const [oldest] = places.values();
  return oldest && (oldest.at + LIFETIME + 1) * 1000;
}

/** The addresses whose time is over, or for whom there is no room among so many. They stand in the order of their last word. */
export function dropped({ places }: State, now: number, most = PLACES): Event[] {
  const events: Event[] = [];
  for (const [address, { at }] of places) {
    if (now - at <= LIFETIME && places.size - events.length <= most) break;
    events.push({ is: 'dropped', address });
  }
  return events;
}

function fitOf(state: State): Backend[] {
  return [...state.backends.values()].filter(({ health, draining }) => health === 'well' && !draining);
}

/** The one at this turn, and who would be next. */
function inOrder(fit: readonly Backend[], turn: number): Backend[] {
  const at = fit.length > 0 ? turn % fit.length : 0;
  return [...fit.slice(at), ...fit.slice(0, at)].slice(0, 2);
}

function startingWith(fit: readonly Backend[], name: string): Backend[] {
  return inOrder(
    fit,
    fit.findIndex((each) => each.name === name),
  );
}

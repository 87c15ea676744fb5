// What does the end of a connection, or of a session, bring about? (MQTT 5 §3.14, §3.1.2.5)

import { draftOf, place } from '../../../served/letter-box.ts';
import type { World } from '../../shapes.ts';
import type { Awake, ClientId, Event, Session, State, Will } from '../state.ts';
import { CODE, type Message } from '../wire.ts';
import { routed, type Spread } from './delivering.ts';
import { type Acts, type By, type Decided, type House, NOTHING, SILENCE } from './house.ts';
import { POST, WORDY } from './letters.ts';
import { indexOf } from './lookup.ts';

/** For ever, in a Session Expiry Interval (§3.1.2.11.2). */
export const FOR_EVER = 0xffffffff;
/** Endings that one look at the clock brings about. */
const AT_ONCE = 1000;

/** The client says good-bye. */
export function disconnect(by: By, { code = CODE.success, properties }: Message & { type: 'DISCONNECT' }): Decided {
  const expiry = properties?.sessionExpiry;
  // §3.14.2.2.2: what was to end with the connection cannot be kept after all.
  if (expiry !== undefined && expiry > 0 && by.session.expiry === 0)
    return expel(by, CODE.protocolError, 'The session was to end with this connection.');
  // MQTT-3.14.4-3: the will is of no use any more; with any other code it is published.
  const gone = leave(by.house, by.state, by.client, by.world.now(), {
    will: code !== CODE.success,
    ...(expiry === undefined ? {} : { expiry: Math.min(expiry, by.house.limits.sessionExpiry) }),
  });
  return { events: gone.events, actions: [...gone.actions, { to: by.from, hangUp: true }] };
}

/** A client that breaks the rules, or has fallen silent, has to go (MQTT-4.13.1-1, MQTT-3.1.2-22); its will is published (MQTT-3.1.2-8). */
export function expel(by: By, code: number, reason: string): Decided {
  const gone = leave(by.house, by.state, by.client, by.world.now(), { will: true });
  return { events: gone.events, actions: [...gone.actions, ...goodbye(by.awake, code, reason)] };
}

/** The last word to a client. In 3.1.1 a server has none. */
export function goodbye({ path, version, largest }: Awake, code: number, reason: string): Acts {
  const properties = largest >= WORDY && reason !== '' ? { properties: { reason } } : {};
  const word: Acts = version === 5 ? [{ to: path, say: { version, type: 'DISCONNECT', code, ...properties } }] : [];
  return [...word, { to: path, hangUp: true }];
}

/**
 * What the end of a connection brings about. A will that is due at once is published while its client still counts as there,
 * so that what `decide` sees is what `apply` will see. `draft`: the session as it then is; undefined when it has ended.
 */
export function leave(
  house: House,
  state: State,
  client: ClientId,
  at: number,
  how: { will: boolean; expiry?: number; ends?: boolean },
): Decided & { draft: Session | undefined } {
  const session = state.sessions.get(client);
  if (!session) return { ...NOTHING, draft: undefined };
  const { kept } = session;
  const expiry = how.expiry ?? session.expiry;
  const ends = expiry === 0 || how.ends === true;
  const will = how.will ? session.will : null;
  // MQTT-3.1.2-8: the will comes after its delay, or with the end of the session, whichever is first.
  const now = will && (ends || will.delay === 0) ? publishWill(house, state, client, will, at) : undefined;
  const events: Event[] = now ? [...now.events] : [];
  events.push(
    ends ? { is: 'ended', client, kept } : parting(client, session, expiry, Math.ceil(at / 1000), now ? null : will),
  );
  if (ends) return { events, actions: now?.actions ?? SILENCE, draft: undefined };
  const draft = draftOf(session);
  for (const letter of now?.own ?? []) place(draft, letter, POST, house.limits);
  return { events, actions: now?.actions ?? SILENCE, draft };
}

/** Falls asleep at this second, and is kept from then on. */
function parting(client: ClientId, { kept }: Session, expiry: number, second: number, will: Will | null): Event {
  return {
    is: 'parted',
    client,
    expiry,
    ends: expiry === FOR_EVER ? null : second + expiry,
    will: will && second + will.delay,
    kept,
  };
}

/** A sleeping session ends, and its will with it. */
export function end(house: House, state: State, client: ClientId, session: Session, at: number): Decided {
  const will = session.will ? publishWill(house, state, client, session.will, at) : NOTHING;
  return { events: [...will.events, { is: 'ended', client, kept: session.kept }], actions: will.actions };
}

/** A will is a publication of who left it, like any other. */
function publishWill(house: House, state: State, client: ClientId, will: Will, at: number): Spread {
  const { topic, payload, qos, retain, properties, expiry } = will;
  const expires = expiry === null ? null : at + expiry * 1000;
  const publication = { topic, payload, qos, properties, expires };
  return routed(house, state, publication, { retain, from: client, at, id: 0, isWill: true });
}

/** Time has passed. One will at a time, since it may change where the next one goes; the alarm rings again for the rest. */
export function pass(house: House, state: State, world: World): Decided {
  const at = world.now();
  const second = Math.floor(at / 1000);
  const events: Event[] = [];
  // When the process before died nobody knows: for its connections, that is now. Their wills are due like any others.
  for (const client of state.orphans) {
    const session = state.sessions.get(client);
    if (events.length >= AT_ONCE) break;
    if (session) events.push(parting(client, session, session.expiry, second, session.will));
  }
  if (events.length > 0) return { events, actions: SILENCE };
  const { buckets, soonest } = indexOf(house, state).alarms;
  if (soonest === undefined || soonest > second) return NOTHING;
  for (const [when, clients] of buckets) {
    if (when > second) continue;
    for (const client of clients) {
      const session = state.sessions.get(client);
      if (!session) continue;
      const isOver = session.ends !== null && session.ends <= second;
      if (session.will && events.length > 0) return { events, actions: SILENCE };
      if (session.will)
        return isOver ? end(house, state, client, session, at) : publishWill(house, state, client, session.will, at);
      events.push({ is: 'ended', client, kept: session.kept });
      if (events.length >= AT_ONCE) return { events, actions: SILENCE };
    }
  }
  return { events, actions: SILENCE };
}

// Who comes, and is there a letter box under that name? (MQTT 5 §3.1)

import { isPassword } from '../../../served/access.ts';
import { draftOf, resume } from '../../../served/letter-box.ts';
import type { Action, Path, World } from '../../shapes.ts';
import type { Awake, Event, State } from '../state.ts';
import { CODE, CONNACK4, LARGEST, type Message, NO_PROPERTIES, type Properties, type Version } from '../wire.ts';
import { leavingTo } from './delivering.ts';
import { type Acts, type Decided, type House, isTopic, mayWrite, NONE } from './house.ts';
import { end, FOR_EVER, goodbye, leave } from './leaving.ts';
import { POST } from './letters.ts';
import { indexOf } from './lookup.ts';
import { toldWill } from './told.ts';

/** The largest packet that MQTT knows: what a client takes that does not say. */
const ANY_SIZE = 268_435_460;

/** A CONNECT on a path that speaks for nobody yet: in, with what was kept, or out. */
export function connect(
  house: House,
  state: State,
  asked: Message & { type: 'CONNECT' },
  from: Path,
  world: World,
): Decided {
  const { version, properties, clean, will } = asked;
  const { limits } = house;
  const objection = objectionTo(house, asked);
  if (objection) return refuse(asked, from, ...objection);
  const owner = ownerOf(house, asked);
  const client = asked.client === '' ? world.name() : asked.client;
  const before = state.sessions.get(client);
  // Whoever knows the name of a session is not yet the one it belongs to.
  if (before && before.user !== owner)
    return refuse(asked, from, CODE.notAuthorized, CONNACK4.notAuthorized, 'That client id is somebody else’s.');

  const at = world.now();
  const events: Event[] = [];
  const actions: Acts = [];
  let session = before;
  if (before?.awake) {
    // MQTT-3.1.4-3: the newest wins. An orphan's path may belong to anybody by now, and is not spoken to.
    if (!state.orphans.has(client)) actions.push(...goodbye(before.awake, CODE.sessionTakenOver, 'Taken over.'));
    const gone = leave(house, state, client, at, { will: true, ends: clean });
    events.push(...gone.events);
    actions.push(...gone.actions);
    session = gone.draft;
  } else if (before && clean) {
    // MQTT-3.1.2-4: a clean start discards what there was; a session that ends has its will published (MQTT-3.1.2-8).
    const gone = end(house, state, client, before, at);
    events.push(...gone.events);
    actions.push(...gone.actions);
    session = undefined;
  } else if (!before && state.sessions.size >= limits.sessions) {
    const [oldest] = indexOf(house, state).asleep;
    const kept = oldest !== undefined && state.sessions.get(oldest)?.kept === true;
    if (oldest === undefined)
      return refuse(asked, from, CODE.quotaExceeded, CONNACK4.serverUnavailable, 'The house is full.');
    events.push({ is: 'ended', client: oldest, kept });
  }

  const wanted = version === 5 ? (properties.sessionExpiry ?? 0) : clean ? 0 : FOR_EVER;
  const expiry = Math.min(wanted, limits.sessionExpiry);
  const awake = awakeOn(from, version, properties, limits.inFlight);
  const connected: Event = {
    is: 'connected',
    client,
    user: owner,
    expiry,
    path: from,
    version,
    window: awake.window,
    largest: awake.largest,
    will: will ? toldWill(will) : null,
    at,
    kept: expiry > 0 || session?.kept === true,
  };
  const problem = properties.requestProblem !== 0;
  const { keepAlive } = asked;
  const seconds = version === 5 && keepAlive > limits.keepAlive ? limits.keepAlive : keepAlive;
  events.push(connected, { is: 'spoke', path: from, client, version, keepAlive: seconds, problem });
  const granted: Properties = {
    ...(expiry === wanted ? {} : { sessionExpiry: expiry }),
    ...(asked.client === '' ? { assignedClientId: client } : {}),
    ...(seconds === keepAlive ? {} : { serverKeepAlive: seconds }),
    receiveMaximum: limits.unreleased,
    topicAliasMaximum: limits.topicAliases,
    maximumPacketSize: LARGEST.other,
  };
  actions.push(
    {
      to: from,
      say: {
        version,
        type: 'CONNACK',
        // MQTT-3.2.2-2, MQTT-3.2.2-3.
        sessionPresent: session !== undefined,
        code: CODE.success,
        properties: version === 4 ? NO_PROPERTIES : granted,
      },
    },
    { to: from, does: { is: 'keepAlive', seconds } },
  );
  if (session) actions.push(...leavingTo(awake, resume(draftOf(session), awake, at, POST), at));
  return { events, actions };
}

/** Whose session it will be; null where there are no users. */
function ownerOf({ users }: House, { user }: Message & { type: 'CONNECT' }): string | null {
  return (users && user) ?? null;
}

/** What is wrong with who comes, whatever is kept here: a code of 5.0, one of 3.1.1, and words. */
function objectionTo(house: House, asked: Message & { type: 'CONNECT' }): Objection | undefined {
  const { version, properties, client, clean, user, password, will } = asked;
  const { limits, users } = house;
  if (properties.authMethod !== undefined)
    return [CODE.badAuthMethod, CONNACK4.notAuthorized, 'There is only user name and password.'];
  // §3.1.2.11.3, §3.1.2.11.4.
  if (properties.receiveMaximum === 0 || properties.maximumPacketSize === 0)
    return [CODE.protocolError, CONNACK4.notAuthorized, 'Nothing could ever be sent to you.'];
  if (users && user === undefined) return [CODE.notAuthorized, CONNACK4.notAuthorized, 'Who are you?'];
  if (users && user !== undefined && !isPassword(users, user, password))
    return [CODE.badUserOrPassword, CONNACK4.badUserOrPassword, 'That is not it.'];
  // MQTT-3.1.3-7, MQTT-3.1.3-8 of 3.1.1: who has no name cannot be remembered under it. In version 5 one is assigned (MQTT-3.1.3-6).
  if (client === '' && version === 4 && !clean) return [CODE.clientIdNotValid, CONNACK4.identifierRejected, ''];
  if (client.length > limits.clientId)
    return [CODE.clientIdNotValid, CONNACK4.identifierRejected, 'The client id is too long.'];
  if (will && !isTopic(house, will.topic))
    return [CODE.topicNameInvalid, CONNACK4.notAuthorized, 'That is no topic for a will.'];
  if (will && !mayWrite(house, ownerOf(house, asked), will.topic))
    return [CODE.notAuthorized, CONNACK4.notAuthorized, 'That will is not allowed.'];
  return undefined;
}

type Objection = [code: number, code4: number, reason: string];

function refuse(asked: Message, from: Path, code: number, code4: number, reason: string): Decided {
  return { events: NONE, actions: refusal(asked, from, code, code4, reason) };
}

/** No, and why, and the end. `code4`: what 3.1.1 says for it. */
export function refusal(
  { version }: Message,
  to: Path,
  code: number,
  code4: number,
  reason: string,
): Action<Message>[] {
  const properties = version === 5 && reason !== '' ? { reason } : NO_PROPERTIES;
  // MQTT-3.2.2-5 of 3.1.1: and then the connection is closed.
  return [
    { to, say: { version, type: 'CONNACK', sessionPresent: false, code: version === 5 ? code : code4, properties } },
    { to, hangUp: true },
  ];
}

/** `most`: messages that this house lets be unacknowledged. */
function awakeOn(path: Path, version: Version, asked: Properties, most: number): Awake {
  const window = Math.min(asked.receiveMaximum ?? 0xffff, most);
  return { path, version, window, largest: asked.maximumPacketSize ?? ANY_SIZE, lagging: false, missed: 0 };
}

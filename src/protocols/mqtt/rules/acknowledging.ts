// How far has a message got, now that its receiver or its sender has said so? (MQTT 5 §3.4 to §3.7, §4.3)

import { acknowledge, draftOf } from '../../../served/letter-box.ts';
import { CODE, type Message } from '../wire.ts';
import { leavingTo } from './delivering.ts';
import { type By, type Decided, NONE, NOTHING, SILENCE } from './house.ts';
import { acknowledgement, POST } from './letters.ts';

type Acknowledgement = Message & { type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP' };

/** QoS 1: the client has it. */
export function puback(by: By, { id }: Acknowledgement): Decided {
  // Of what was never sent, or is finished: nothing to do (§4.13.2 leaves it open).
  return by.session.out?.get(id)?.qos === 1 ? acknowledged(by, id) : NOTHING;
}

/** QoS 2: the client has it, and from now on only the id is on its way. */
export function pubrec(by: By, { id, code = 0 }: Acknowledgement): Decided {
  const { session, client, connection, from } = by;
  const letter = session.out?.get(id);
  if (letter?.qos === 1) return NOTHING;
  // MQTT-4.4.0-2: it was not taken, and that is the end of it.
  if (letter && code >= 0x80) return acknowledged(by, id);
  // MQTT-4.3.3-4: PUBREL, also again. For an id that is not known version 5 says so; the peer is free to forget it.
  const unknown = letter === undefined && connection.version === 5 ? CODE.packetIdNotFound : CODE.success;
  if (unknown !== CODE.success && code >= 0x80) return NOTHING;
  return {
    events: letter ? [{ is: 'received', client, id, kept: session.kept }] : NONE,
    actions: [{ to: from, say: acknowledgement(connection.version, 'PUBREL', id, unknown) }],
  };
}

/** QoS 2 from the client: it will not send this one again, so its id may be forgotten. */
export function pubrel(by: By, { id }: Acknowledgement): Decided {
  const { session, client, connection, from } = by;
  const isKnown = session.in?.has(id) === true;
  const code = isKnown || connection.version === 4 ? CODE.success : CODE.packetIdNotFound;
  return {
    events: isKnown ? [{ is: 'released', client, id, kept: session.kept }] : NONE,
    // MQTT-4.3.3-11: answered in any case, or the peer would say it for ever.
    actions: [{ to: from, say: acknowledgement(connection.version, 'PUBCOMP', id, code) }],
  };
}

/** QoS 2: the client has forgotten the id. */
export function pubcomp(by: By, { id }: Acknowledgement): Decided {
  return by.session.out?.get(id) === null ? acknowledged(by, id) : NOTHING;
}

/** A message has arrived for good: there is room for the next (§4.9). */
function acknowledged({ session, client, awake, world }: By, id: number): Decided {
  const { kept, queue, held } = session;
  if (queue === null && held === null)
    return { events: [{ is: 'acknowledged', client, ids: [id], kept }], actions: SILENCE };
  const at = world.now();
  return {
    events: [{ is: 'acknowledged', client, ids: [id], at, kept }],
    actions: leavingTo(awake, acknowledge(draftOf(session), id, at, POST), at),
  };
}

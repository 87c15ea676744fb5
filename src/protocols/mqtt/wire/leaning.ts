// What must somebody remember for a packet to mean what it means? Clauses as the version of the packet counts them.

import { printable } from '../../../wire/printable.ts';
import type { Lean, Seen, Side } from '../../../wire/wire.ts';
import type { Message, Of } from '../wire.ts';
import { CODE } from './codes.ts';
import { inOrder } from './properties.ts';
import { clause, standard } from './refusing.ts';

/** What a packet leans on: who must remember what for it to mean anything. `seen`: what the packets before it have told. */
export function leansOf(message: Message, from: Side, seen: Seen): Lean[] {
  const { version } = message;
  const client = seen.get('client') ?? '?';
  const session = `session[${client}]`;
  const to: Side = from === 'client' ? 'server' : 'client';
  switch (message.type) {
    case 'CONNECT':
      return connectLeans(message, client);
    case 'CONNACK':
      return connackLeans(message, session, seen);
    case 'PUBLISH':
      return publishLeans(message, from, client);
    case 'PUBACK':
      return [
        {
          field: 'id',
          op: 'clears',
          holder: to,
          key: `out[${client} ${message.id}]`,
          why: 'only who sent the message knows that this number stands for it, and may now forget it',
          cite: clause(version, 'MQTT-4.3.2-1', 'MQTT-4.3.2-3'),
        },
      ];
    case 'PUBREC': {
      const failed = (message.code ?? 0) >= 0x80;
      const out: Lean = {
        field: 'id',
        op: failed ? 'clears' : 'reads',
        holder: to,
        key: `out[${client} ${message.id}]`,
        why: failed
          ? 'only who sent the message knows that it was the one refused, and may now forget it'
          : 'only who sent the message knows that this number stands for it; from now on the number is all it needs',
        cite: clause(version, 'MQTT-4.3.3-1', failed ? 'MQTT-4.4.0-2' : 'MQTT-4.3.3-4'),
      };
      if (failed) return [out];
      return [
        out,
        {
          field: 'id',
          op: 'reads',
          holder: from,
          key: `in[${client} ${message.id}]`,
          why: 'the receiver must know this number again, so that the same message sent twice counts once',
          cite: clause(version, 'MQTT-4.3.3-2', 'MQTT-4.3.3-10'),
        },
      ];
    }
    case 'PUBREL': {
      const heard = `in[${client} ${message.id}]`;
      if (message.code === CODE.packetIdNotFound)
        return [idDenied(from, `out[${client} ${message.id}]`, 'MQTT 5 §3.6.2.1')];
      return [
        {
          field: 'id',
          op: 'clears',
          holder: to,
          key: heard,
          why: 'only the receiver knows which message came under this number; another one may have it from now on',
          cite: clause(version, 'MQTT-4.3.3-2', 'MQTT-4.3.3-12'),
        },
        {
          field: 'id',
          op: 'reads',
          holder: from,
          key: `out[${client} ${message.id}]`,
          why: 'who sends it must remember how far it got: after this the message itself is never sent again',
          cite: clause(version, 'MQTT-4.3.3-1', 'MQTT-4.3.3-6'),
        },
      ];
    }
    case 'PUBCOMP':
      if (message.code === CODE.packetIdNotFound)
        return [idDenied(from, `in[${client} ${message.id}]`, 'MQTT 5 §3.7.2.1')];
      return [
        {
          field: 'id',
          op: 'clears',
          holder: to,
          key: `out[${client} ${message.id}]`,
          why: 'both have agreed to forget this number',
          cite: clause(version, 'MQTT-4.3.3-1', 'MQTT-4.3.3-5'),
        },
      ];
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE':
      return [
        {
          field: 'filter1',
          op: 'writes',
          holder: 'server',
          key: session,
          why: 'what a client wants to hear is said once; the broker must remember it',
          cite: `${standard(version)} ${message.type === 'SUBSCRIBE' ? '§3.8.4' : '§3.10.4'}`,
        },
        speaker('id'),
      ];
    case 'SUBACK':
    case 'UNSUBACK':
      return [
        {
          field: 'id',
          op: 'writes',
          holder: 'client',
          key: session,
          why: 'only the client knows what it asked for under this number; it may count on it from now on',
          cite: message.type === 'SUBACK' ? 'MQTT-3.8.4-2' : clause(version, 'MQTT-3.10.4-4', 'MQTT-3.10.4-5'),
        },
      ];
    case 'PINGREQ':
      return [speaker('type')];
    case 'DISCONNECT':
      return disconnectLeans(message, from, client, seen);
    default:
      return [];
  }
}

/** Nothing in a packet after CONNECT says who speaks. */
function speaker(field: string): Lean {
  return {
    field,
    op: 'reads',
    holder: 'server',
    key: 'path[path]',
    why: 'no packet after CONNECT says who speaks: the broker must remember it for this connection',
    cite: 'MQTT-3.1.0-1',
  };
}

function idDenied(holder: Side, key: string, cite: string): Lean {
  return {
    field: 'code',
    op: 'denies',
    holder,
    key,
    why: 'nothing is remembered under this number',
    cite,
  };
}

function connectLeans({ version, clean, client, will }: Of<'CONNECT'>, shown: string): Lean[] {
  const session = `session[${shown}]`;
  const leans: Lean[] = [];
  if (client !== '') {
    leans.push({
      field: 'client',
      op: clean ? 'clears' : 'reads',
      holder: 'server',
      key: session,
      why: clean
        ? 'whatever is filed under this name is thrown away first'
        : 'the name alone is sent; what was subscribed and what is still to be delivered the broker must have kept under it',
      cite: clean ? clause(version, 'MQTT-3.1.2-6', 'MQTT-3.1.2-4') : clause(version, 'MQTT-3.1.2-4', 'MQTT-3.1.2-5'),
    });
    leans.push({
      field: 'client',
      op: 'writes',
      holder: 'server',
      key: session,
      why: 'what the client asks for from now on is filed under this name',
      cite: 'MQTT-3.1.3-2',
    });
  }
  if (will) {
    leans.push({
      field: 'will.topic',
      op: 'writes',
      holder: 'server',
      key: `will[${shown}]`,
      why: 'the broker must keep the will until the connection ends: who is gone cannot say it any more',
      cite: clause(version, 'MQTT-3.1.2-8', 'MQTT-3.1.2-7'),
    });
  }
  leans.push({
    field: client === '' ? 'client.length' : 'client',
    op: 'writes',
    holder: 'server',
    key: 'path[path]',
    why: 'who speaks on this connection is said here and will not be said again',
    cite: 'MQTT-3.1.0-1',
  });
  return leans;
}

function connackLeans(message: Of<'CONNACK'>, session: string, seen: Seen): Lean[] {
  const { version, code, sessionPresent, properties } = message;
  if (code !== 0) return [];
  const leans: Lean[] = [];
  if (sessionPresent) {
    leans.push({
      field: 'sessionPresent',
      op: 'reads',
      holder: 'server',
      key: session,
      why: 'the broker goes on from what it has filed under this name',
      cite: clause(version, 'MQTT-3.2.2-2', 'MQTT-3.2.2-3'),
    });
  } else if (seen.get('clean') === '0' && properties.assignedClientId === undefined) {
    leans.push({
      field: 'sessionPresent',
      op: 'denies',
      holder: 'server',
      key: session,
      why: 'the broker has nothing filed under this name; the code is still 0, so nothing here is an error',
      cite: 'MQTT-3.2.2-3',
    });
  }
  const assigned = inOrder(properties).findIndex(([{ key }]) => key === 'assignedClientId');
  if (assigned >= 0) {
    leans.push({
      field: `prop${assigned + 1}.value`,
      op: 'writes',
      holder: 'client',
      key: session,
      why: 'the client must keep this name: without it there is no way back to the session',
      cite: 'MQTT-3.2.2-16',
    });
  }
  return leans;
}

function publishLeans(message: Of<'PUBLISH'>, from: Side, client: string): Lean[] {
  const { version, qos, id, dup, retain, topic, payload, properties } = message;
  const to: Side = from === 'client' ? 'server' : 'client';
  const leans: Lean[] = [];
  const retainedKey = `retained[${printable(topic)}]`;
  if (retain && topic !== '') {
    const empty = payload.length === 0;
    leans.push(
      from === 'client'
        ? {
            field: 'retain',
            op: empty ? 'clears' : 'writes',
            holder: 'server',
            key: retainedKey,
            why: empty
              ? 'an empty payload empties the place that is kept for this topic'
              : 'the broker must keep the last message of this topic, for clients that it has not met yet',
            cite: empty ? clause(version, 'MQTT-3.3.1-10', 'MQTT-3.3.1-6') : 'MQTT-3.3.1-5',
          }
        : {
            field: 'retain',
            op: 'reads',
            holder: 'server',
            key: retainedKey,
            why: 'who published it need not be there any more: the broker had kept it',
            cite: clause(version, 'MQTT-3.3.1-8', 'MQTT-3.3.1-9'),
          },
    );
  }
  if (qos > 0) {
    leans.push({
      field: 'id',
      // The broker has filed the message under this number before it leaves, with whatever made it send it.
      op: dup || from === 'server' ? 'reads' : 'writes',
      holder: from,
      key: `out[${client} ${id}]`,
      why: dup
        ? 'only who has kept the message can send it again'
        : `who sends it must keep it under this number until ${qos === 1 ? 'PUBACK' : 'PUBREC'} comes`,
      cite: dup ? 'MQTT-4.4.0-1' : clause(version, `MQTT-4.3.${qos + 1}-1`, `MQTT-4.3.${qos + 1}-3`),
    });
  }
  if (qos === 2) {
    leans.push({
      field: 'id',
      op: dup ? 'reads' : 'writes',
      holder: to,
      key: `in[${client} ${id}]`,
      why: 'the receiver must know this number again, so that the same message sent twice counts once',
      cite: clause(version, 'MQTT-4.3.3-2', 'MQTT-4.3.3-10'),
    });
  }
  const alias = inOrder(properties).findIndex(([{ key }]) => key === 'topicAlias');
  if (alias >= 0) {
    const known = topic === '';
    leans.push({
      field: `prop${alias + 1}.value`,
      op: known ? 'reads' : 'writes',
      holder: to,
      key: 'path[path]',
      why: known
        ? 'the topic is not said: this number stands for it, on this connection only'
        : 'from now on this number may stand for the topic, on this connection only',
      cite: 'MQTT 5 §3.3.2.3.4',
    });
  }
  const first = topic === '' ? 'topic.length' : 'topic';
  if (leans.length > 0) return leans;
  if (from === 'client') return [speaker(first)];
  return [
    {
      field: first,
      op: 'reads',
      holder: 'server',
      key: `session[${client}]`,
      why: 'nobody asked for this on this connection just now: the broker remembers who wants to hear what',
      cite: `${standard(version)} §3.8.4`,
    },
  ];
}

function disconnectLeans(message: Of<'DISCONNECT'>, from: Side, client: string, seen: Seen): Lean[] {
  const { version, code = CODE.success, properties } = message;
  const field = message.code === undefined ? 'type' : 'code';
  if (from === 'server') {
    if (code !== CODE.sessionTakenOver) return [];
    return [
      {
        field,
        op: 'clears',
        holder: 'server',
        key: 'path[path]',
        why: 'this connection speaks for nobody any more: a newer one goes by the same name',
        cite: 'MQTT-3.1.4-3',
      },
    ];
  }
  const leans: Lean[] = [];
  if (seen.get('will') === '1' && code === CODE.success) {
    leans.push({
      field,
      op: 'clears',
      holder: 'server',
      key: `will[${client}]`,
      why: 'the client has said good-bye: its will is thrown away, not published',
      cite: 'MQTT-3.14.4-3',
    });
  }
  const expiry = properties?.sessionExpiry;
  const lasts = expiry === undefined ? seen.get('lasts') === '1' : expiry > 0;
  leans.push({
    field,
    op: lasts ? 'reads' : 'clears',
    holder: 'server',
    key: `session[${client}]`,
    why: lasts
      ? 'the connection ends and the session does not: the broker goes on keeping messages under this name'
      : 'the session ends with the connection',
    cite: clause(version, lasts ? 'MQTT-3.1.2-5' : 'MQTT-3.1.2-6', lasts ? 'MQTT-3.1.2-23' : 'MQTT 5 §3.1.2.11.2'),
  });
  return leans;
}

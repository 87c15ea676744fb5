// What does the broker know, in words that a person can read? Nothing rolled by dice, and no secret.

import { printable, quoted } from '../../../wire/printable.ts';
import type { Facts } from '../../shapes.ts';
import type { Session, State } from '../state.ts';
import type { QoS } from '../wire.ts';

/** How much of a queue is told, and of a payload, in characters. */
const TOLD = { letters: 3, payload: 24, name: 64 } as const;

/** Filed under the subject, as the packets that lean on it name it. */
export function facts(state: State): Facts {
  const known: Facts = {};
  for (const [path, { client, version, keepAlive }] of state.connections)
    known[`path[${path}]`] =
      `speaks for session[${name(client)}], MQTT ${version === 4 ? '3.1.1' : '5'}, keep alive ${keepAlive}`;
  for (const [client, session] of state.sessions) {
    const c = name(client);
    known[`session[${c}]`] = sessionInWords(session);
    if (session.queue || session.dropped > 0) known[`queue[${c}]`] = queueInWords(session);
    for (const [id, letter] of session.out ?? [])
      known[`out[${c} ${id}]`] = !letter
        ? 'PUBREC heard'
        : `${session.held?.has(id) ? 'PUBLISH to be sent again' : 'PUBLISH sent'}: ${inWords(letter.publication, letter.qos)}`;
    for (const id of session.in ?? []) known[`in[${c} ${id}]`] = 'heard and passed on, not released';
    if (session.will) {
      const { will } = session;
      const delay = will.delay === 0 ? '' : `, ${will.delay} s after its connection`;
      known[`will[${c}]`] = `${inWords(will, will.qos)}${delay}`;
    }
  }
  for (const [topic, publication] of state.retained)
    known[`retained[${name(topic)}]`] = `${quoted(publication.payload, TOLD.payload)} (QoS ${publication.qos})`;
  return known;
}

function sessionInWords({ subscriptions, awake, expiry, user }: Session): string {
  const filters = Array.from(subscriptions ?? [], ([filter, { qos }]) => `${name(filter)} (QoS ${qos})`);
  const parts = [
    filters.length === 0 ? 'no subscriptions' : `subscriptions: ${filters.join(', ')}`,
    awake ? 'connected' : `asleep, kept for ${expiry} s`,
    ...(user === null ? [] : [`of ${name(user)}`]),
    ...(awake?.lagging ? ['not reading'] : []),
    ...(awake && awake.missed > 0 ? [`missed ${awake.missed} of QoS 0`] : []),
  ];
  return parts.join('; ');
}

function queueInWords({ queue, dropped }: Session): string {
  const letters = (queue ?? []).slice(0, TOLD.letters).map(({ publication, qos }) => inWords(publication, qos));
  const more = (queue?.length ?? 0) - letters.length;
  return [
    `${queue?.length ?? 0} waiting${letters.length > 0 ? `: ${letters.join(', ')}` : ''}${more > 0 ? ` and ${more} more` : ''}`,
    ...(dropped > 0 ? [`${dropped} dropped`] : []),
  ].join('; ');
}

function inWords({ topic, payload }: { topic: string; payload: Buffer }, qos: QoS): string {
  return `${name(topic)} ${quoted(payload, TOLD.payload)} (QoS ${qos})`;
}

function name(text: string): string {
  return printable(text, TOLD.name);
}

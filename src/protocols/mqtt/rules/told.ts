// How is a publication written into an event, and read out of it again? Events are plain JSON, and whoever opens a journal should be
// able to read the letters in it.

import { isUtf8 } from 'node:buffer';
import type { ClientId, Passed, Publication, Published, Will } from '../state.ts';
import type { Will as Left, Properties, QoS } from '../wire.ts';

/** Bytes as plain JSON: the text that they are, or base64 of what is no text. */
export type ToldBytes = string | { base64: string };

export type ToldProperties = {
  payloadFormat?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: ToldBytes;
  user?: [name: string, value: string][];
};
export type ToldWill = {
  topic: string;
  payload: ToldBytes;
  qos: QoS;
  retain: boolean;
  properties: ToldProperties | null;
  expiry: number | null;
  delay: number;
};

/** What of the properties of a publication is passed on with it; null for nothing. */
export function passedOn({
  payloadFormat,
  contentType,
  responseTopic,
  correlationData,
  user,
}: Properties): Passed | null {
  if (
    payloadFormat === undefined &&
    contentType === undefined &&
    responseTopic === undefined &&
    correlationData === undefined &&
    user === undefined
  )
    return null;
  return {
    ...(payloadFormat === undefined ? {} : { payloadFormat }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData }),
    ...(user === undefined ? {} : { user }),
  };
}

function toldBytes(bytes: Buffer): ToldBytes {
  return isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString('base64') };
}

function heardBytes(told: ToldBytes): Buffer {
  return typeof told === 'string' ? Buffer.from(told) : Buffer.from(told.base64, 'base64');
}

function toldProperties({ correlationData, ...rest }: Passed): ToldProperties {
  return correlationData === undefined ? rest : { ...rest, correlationData: toldBytes(correlationData) };
}

function heardProperties({ correlationData, ...rest }: ToldProperties): Passed {
  return correlationData === undefined ? rest : { ...rest, correlationData: heardBytes(correlationData) };
}

/** A publication as an event. `how`: what else there is to say of it. */
export function told(
  { topic, payload, qos, properties, expires }: Publication,
  from: ClientId,
  kept: boolean,
  how: { retain: boolean; id: number; isWill: boolean; chosen: [share: string, client: ClientId][] },
): Published {
  const event: Published = { is: 'published', topic, payload: toldBytes(payload), qos, from, kept };
  if (how.retain) event.retain = true;
  if (properties) event.properties = toldProperties(properties);
  if (expires !== null) event.expires = expires;
  if (how.id !== 0) event.id = how.id;
  if (how.isWill) event.isWill = true;
  if (how.chosen.length > 0) event.chosen = how.chosen;
  return event;
}

export function heard({ topic, payload, qos, properties, expires }: Published): Publication {
  return {
    topic,
    payload: heardBytes(payload),
    qos,
    properties: properties ? heardProperties(properties) : null,
    expires: expires ?? null,
  };
}

/** A will as it was left in CONNECT (MQTT 5 §3.1.3.2 to §3.1.3.4). */
export function toldWill({ topic, payload, qos, retain, properties }: Left): ToldWill {
  const passed = passedOn(properties);
  return {
    topic,
    payload: toldBytes(payload),
    qos,
    retain,
    properties: passed && toldProperties(passed),
    expiry: properties.messageExpiry ?? null,
    delay: properties.willDelay ?? 0,
  };
}

export function heardWill({ payload, properties, ...rest }: ToldWill): Will {
  return {
    ...rest,
    payload: heardBytes(payload),
    properties: properties && heardProperties(properties),
    due: null,
  };
}

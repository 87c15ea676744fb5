// How is a publication written into an event, and read out of it again? Events are plain JSON, so bytes are told in base64.

import type { ClientId, Passed, Publication, Published, Will } from '../state.ts';
import type { Will as Left, Properties, QoS } from '../wire.ts';

/** Plain JSON: bytes are in base64. */
export type ToldProperties = {
  payloadFormat?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: string;
  user?: [name: string, value: string][];
};
export type ToldWill = {
  topic: string;
  payload: string;
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

function toldProperties({ correlationData, ...rest }: Passed): ToldProperties {
  return correlationData === undefined ? rest : { ...rest, correlationData: correlationData.toString('base64') };
}

function heardProperties({ correlationData, ...rest }: ToldProperties): Passed {
  return correlationData === undefined ? rest : { ...rest, correlationData: Buffer.from(correlationData, 'base64') };
}

/** A publication as an event. `how`: what else there is to say of it. */
export function told(
  { topic, payload, qos, properties, expires }: Publication,
  from: ClientId,
  kept: boolean,
  how: { retain: boolean; id: number; isWill: boolean; chosen: [share: string, client: ClientId][] },
): Published {
  const event: Published = { is: 'published', topic, payload: payload.toString('base64'), qos, from, kept };
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
    payload: Buffer.from(payload, 'base64'),
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
    payload: payload.toString('base64'),
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
    payload: Buffer.from(payload, 'base64'),
    properties: properties && heardProperties(properties),
    due: null,
  };
}

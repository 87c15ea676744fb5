import { expect, test } from 'vitest';
import { heard, heardWill, type ToldBytes, told, toldWill } from '../../../src/protocols/mqtt/rules/told.ts';

const HOW = { retain: false, id: 0, isWill: false, chosen: [] };
/** As a journal gives it back. */
const kept = <T>(event: T): T => JSON.parse(JSON.stringify(event));

test.each<[name: string, bytes: Buffer, as: ToldBytes]>([
  ['text', Buffer.from('Do not forget me.'), 'Do not forget me.'],
  ['text beyond ASCII', Buffer.from('Vergiss mich nicht: ü, 忘, 🐘'), 'Vergiss mich nicht: ü, 忘, 🐘'],
  ['lines, quotes and NUL', Buffer.from('a\n"b"\0'), 'a\n"b"\0'],
  ['text with a mark before it', Buffer.from('\ufeffa'), '\ufeffa'],
  ['nothing', Buffer.alloc(0), ''],
  ['bytes that are no text', Buffer.from([0, 0xff, 0x80]), { base64: 'AP+A' }],
  ['text that is cut off', Buffer.from('忘').subarray(0, 2), { base64: '5b8=' }],
  ['half of a pair', Buffer.from([0xed, 0xa0, 0x80]), { base64: '7aCA' }],
])('%s: an event tells a payload as it can be read, and gives back the same bytes', (_name, bytes, as) => {
  const publication = {
    topic: 't',
    payload: bytes,
    qos: 1,
    properties: { correlationData: bytes },
    expires: 5,
  } as const;
  const event = kept(told(publication, 'ada', true, HOW));
  expect([event.payload, event.properties?.correlationData]).toEqual([as, as]);
  expect(heard(event)).toEqual(publication);

  const properties = { correlationData: bytes };
  const will = kept(toldWill({ topic: 't', payload: bytes, qos: 1, retain: true, properties }));
  expect(will.payload).toEqual(as);
  expect(heardWill(will)).toMatchObject({ topic: 't', payload: bytes, properties, due: null });
});

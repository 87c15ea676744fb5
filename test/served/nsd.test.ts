// The same zones served by NSD, which nobody here wrote: every question gets the same answer.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { EXAMPLE_ZONE } from '../../src/served/example.zone.ts';
import { needs } from '../peers.ts';
import { messageFor, TYPES, walk, wireName, zoneOf } from './ask.ts';
import { nsdWith } from './nsd.ts';
import { type RandomZone, randomZone } from './random-zone.ts';

const EXAMPLE: RandomZone = {
  origin: 'example.test.',
  text: EXAMPLE_ZONE,
  names: [
    ...[
      '',
      'ns1.',
      'ns2.',
      'mail.',
      'www.',
      'alias.',
      'alias-of-alias.',
      'away.',
      'hen.',
      'egg.',
      '_sip._tcp.',
      '_tcp.',
    ],
    ...['wild.', '*.wild.', 'x.wild.', 'x.y.wild.', 'tame.wild.', 'x.tame.wild.', 'empty.', 'full.empty.', 'x.empty.'],
    ...['sub.', 'ns1.sub.', 'ns2.sub.', 'x.y.sub.', '80.2.0.192.rev.', 'rev.', 'texts.', 'a\\046dot.', 'nothing.'],
  ].map((name) => `${name}example.test.`),
};

/** All but ANY, which NSD answers with all there is, and `big`, which is asked over UDP here. */
const ASKED = [...Object.values(TYPES), 65_280].filter((type) => type !== TYPES.ANY);

test('an answer like NSD’s to every question, in zones written and zones rolled', async (context) => {
  const nsd = needs(context, 'nsd');
  const zones = [EXAMPLE, ...Array.from({ length: 24 }, (_none, seed) => randomZone(1000 + seed))];
  const port = await nsdWith(nsd, zones);
  const asking = dgram.createSocket('udp4');
  onTestFinished(() => void asking.close());
  asking.connect(port, '127.0.0.1');
  await once(asking, 'connect');

  const differing: unknown[] = [];
  let asked = 0;
  for (const { text, names, origin } of zones) {
    const zone = zoneOf(text);
    for (const name of names) {
      for (const type of ASKED) {
        const wire = wireName(name);
        const ours = messageFor(zone, wire, type);
        const header = Buffer.from([asked >>> 8, asked & 255, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        asking.send(Buffer.concat([header, ours.subarray(12, 12 + wire.length + 4)]));
        const [theirs] = (await once(asking, 'message')) as [Buffer];
        expect(theirs.readUInt16BE()).toBe(asked & 0xffff);
        asked++;
        const [one, other] = [meaning(ours), meaning(theirs)];
        if (JSON.stringify(one) !== JSON.stringify(other))
          differing.push({ origin, name, type, ours: one, nsd: other, text });
      }
    }
  }
  expect(differing.slice(0, 2)).toEqual([]);
  expect(asked).toBeGreaterThan(15_000);
});

/** What a reply means: the order of records within a section and the case of names in them are nobody's promise. */
function meaning(message: Buffer) {
  const records = walk(message).map(({ owner, type, ttl, rdata }) =>
    `${owner.toLowerCase()} ${type} ${ttl} ${rdata.toString('latin1').toLowerCase()}`.replace(/[^ -~]/g, '.'),
  );
  const [answers, authority] = [message.readUInt16BE(6), message.readUInt16BE(8)];
  return {
    rcode: message.readUInt16BE(2) & 15,
    authoritative: (message.readUInt16BE(2) & 0x400) !== 0,
    answers: records.slice(0, answers).sort(),
    authority: records.slice(answers, answers + authority).sort(),
    // What comes along with a full answer is a kindness (NSD adds the addresses of name servers); in a referral it is needed.
    additional: authority === 0 ? [] : records.slice(answers + authority).sort(),
  };
}

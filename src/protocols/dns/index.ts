// The card of DNS: answers that need no memory, and three ways to know a client again all the same.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EXAMPLE_ZONE } from '../../served/example.zone.ts';
import { parseMasterFile, ZoneError } from '../../served/master-file.ts';
import { buildZone, type Zone } from '../../served/zone.ts';
import { type Card, SettingError, type Settings } from '../shapes.ts';
import type { DnsClient } from './client.ts';
import { serve } from './server.ts';
import { type Event, rulesFor, type State } from './state.ts';
import { type Message, wire } from './wire.ts';

type DnsCard = Card<State, Message, Event, DnsClient>;

/** Answers over UDP per network and second: far more than a person asks, far less than a flood needs. */
const RATE = 200;

/** The key of a card that nobody has configured, and so nobody serves. A server that is to share one must be given it. */
const NOBODYS = '0'.repeat(32);

export const card: DnsCard = {
  name: 'dns',
  calls: 'dns',
  title: 'DNS',
  transport: 'udp+tcp',
  port: 5300,
  registered: 53,
  cites: 'RFC 1035',
  wire,
  // The zone that comes with it is read when the first question is asked: who only lists the designs need not wait.
  designs: designsFor(
    once(() => zoneIn(EXAMPLE_ZONE, 'example.zone')),
    RATE,
    NOBODYS,
  ),
  serve,
  // A server's process has no use for a client.
  connect: async (options) => (await import('./client.ts')).connect(options),
  takes: ['zone', 'rate'],
  async configure(settings) {
    const zone = zoneOf(settings);
    const from = settings.zone ?? 'the one that comes with it; ask for www.example.test, or big.example.test TXT';
    return {
      ...card,
      designs: designsFor(() => zone, rateOf(settings), secretOf(settings)),
      opening: [`the zone ${zone.origin} with ${zone.names} names and ${zone.records} records: ${from}`],
    };
  },
};

function designsFor(zone: () => Zone, rate: number, secret: string | undefined): DnsCard['designs'] {
  return {
    plain: {
      rules: rulesFor(zone, { cookies: 'none', rate }),
      holds: 'memory',
      tells: 'answers from a zone; every query carries all that its answer needs',
      promises: 'an answer promises what the zone said, for as many seconds as its TTL',
    },
    cookie: {
      rules: rulesFor(zone, { cookies: 'own', rate }),
      holds: 'memory',
      tells: 'knows its clients again by cookies that they keep; the key to them is held by the process',
      promises: 'a cookie promises that this process will know the client again, for an hour',
    },
    'cookie-shared': {
      rules: rulesFor(zone, { cookies: { secret }, rate }),
      holds: 'memory',
      takes: ['secret'],
      tells: 'the same cookies; the key to them is given to every instance (--secret)',
      promises: 'a cookie promises that every instance with this key will know the client again, for an hour',
    },
  };
}

function zoneOf({ zone: file }: Settings): Zone {
  if (file === undefined) return zoneIn(EXAMPLE_ZONE, 'example.zone');
  try {
    // What a zone includes is named as seen from its own folder.
    return zoneIn(readFileSync(file, 'utf8'), file, (path) => readFileSync(resolve(dirname(file), path), 'utf8'));
  } catch (cause) {
    if (cause instanceof ZoneError) throw new SettingError(cause.message, { cause });
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause;
    throw new SettingError(
      `${file ?? 'the zone'} cannot be read (${(cause as NodeJS.ErrnoException).code}): give --zone a master file`,
      {
        cause,
      },
    );
  }
}

function zoneIn(text: string, file: string, include?: (path: string) => string): Zone {
  return buildZone(parseMasterFile(text, { file, ...(include ? { include } : {}) }), file);
}

function rateOf({ rate }: Settings): number {
  if (rate === undefined) return RATE;
  if (/^\d{1,9}$/.test(rate)) return Number(rate);
  throw new SettingError(`"${rate}" is no rate: --rate takes a whole number of answers per second, and 0 for no limit`);
}

function secretOf({ secret }: Settings): string | undefined {
  if (secret === undefined || /^[0-9a-f]{32}$/i.test(secret)) return secret;
  throw new SettingError('--secret takes 32 hexadecimal digits, the same for every instance: openssl rand -hex 16');
}

/** Made when it is first asked for, and then the same. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

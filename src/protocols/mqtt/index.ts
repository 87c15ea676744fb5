// The card of mqtt: one broker, and what holds the letters that nobody has fetched yet.

import { aedesInMemory, aedesOnLevel, aedesOnRedis } from '../../beside/aedes.ts';
import type { AccessRule } from '../../served/access.ts';
import { isTopicFilter } from '../../served/topics.ts';
import { printable } from '../../wire/printable.ts';
import { certificateIn, readSetting, throwaway, usersIn } from '../settings.ts';
import { type Card, SettingError, type Settings } from '../shapes.ts';
import type { LettersClient } from './client.ts';
import { type Doors, serveFrom } from './server.ts';
import { type Deed, type Event, type Given, type Outcome, rulesFor, type State } from './state.ts';
import { type Message, wire } from './wire.ts';

type MqttCard = Card<State, Message, Event, LettersClient, Deed, Outcome>;

export const card: MqttCard = {
  name: 'mqtt',
  calls: 'broker',
  title: 'MQTT',
  transport: 'tcp',
  port: 1883,
  registered: 1883,
  cites: 'MQTT 5.0 and 3.1.1 (OASIS)',
  wire,
  designs: designsFor({}),
  serve: serveFrom(),

  // A server's process has no use for a client.
  connect: async (options) => (await import('./client.ts')).connect(options),

  /**
   * `users`: `name:password,name2:password2`, or a file with one of them a line; nobody else may connect. `acl`: a file of lines
   * `allow|deny user|* read|write filter`, of which the first that fits decides. `tls` and `ws`: ports to listen on as well. `cert` and `key`: PEM files for TLS.
   */
  takes: ['users', 'acl', 'tls', 'ws', 'cert', 'key'],
  configure: configured,
};

function designsFor(given: Given): MqttCard['designs'] {
  const rules = rulesFor(given);
  return {
    memory: {
      rules,
      holds: 'memory',
      tells: 'sessions and their letters filed under the client id, held by the process',
      promises: 'a PUBACK or PUBCOMP promises that the letter is in this process, and is forgotten with it',
    },
    disk: {
      rules,
      holds: 'disk',
      takes: ['sync'],
      tells: 'the same rules; every change is written down and synced before a PUBACK, PUBREC or PUBCOMP leaves',
      promises:
        'a PUBACK, PUBREC or PUBCOMP promises that the letter is on the disk: it survives a kill and, as far as the disk keeps its word, a power cut',
    },
    redis: {
      rules,
      holds: 'redis',
      takes: ['store'],
      tells: 'the same rules; what is heard goes into a Redis stream that all brokers follow: they are one',
      promises:
        'a PUBACK, PUBREC or PUBCOMP promises what Redis promises: with appendfsync always, that the letter is on its disk; with everysec, all but the last second; with no append-only file, its default, that Redis lives',
    },
    aedes: aedesInMemory(),
    'aedes-level': aedesOnLevel(),
    'aedes-redis': aedesOnRedis(),
  };
}

async function configured(settings: Settings): Promise<MqttCard> {
  const users = settings.users === undefined ? undefined : await usersIn(settings.users);
  const acl = settings.acl === undefined ? undefined : await accessIn(settings.acl);
  return {
    ...card,
    designs: designsFor({ ...(users ? { users } : {}), ...(acl ? { acl } : {}) }),
    serve: serveFrom(await doorsOf(settings)),
    opening: openingOf(settings, users?.size),
  };
}

/** Who may come in, by which door, and what they may do. */
function openingOf({ acl, tls, cert, ws }: Settings, users: number | undefined): string[] {
  const who = users === undefined ? 'anybody may connect' : `${users} ${users === 1 ? 'user' : 'users'} may connect`;
  const signed = cert === undefined ? ', with a certificate that nobody has signed' : '';
  return [
    `${who}${acl === undefined ? '' : `; what they may read and write is in ${acl}`}`,
    ...(tls === undefined ? [] : [`TLS on port ${tls}${signed}`]),
    ...(ws === undefined ? [] : [`WebSocket on port ${ws}, subprotocol mqtt`]),
    ...(tls === undefined && ws === undefined
      ? []
      : ['of what comes by other doors than the first a log shows what it changes, and no packets']),
  ];
}

async function doorsOf(settings: Settings): Promise<Doors> {
  const { tls, ws, cert, key } = settings;
  const given = await certificateIn(settings);
  if (tls === undefined && (cert ?? key) !== undefined)
    throw new SettingError('a certificate is for TLS, and nothing listens for it: give a port with --tls');
  return {
    ...(tls === undefined ? {} : { tls: { port: portIn(tls, 'tls'), ...(given ?? (await throwaway())) } }),
    ...(ws === undefined ? {} : { ws: { port: portIn(ws, 'ws') } }),
  };
}

function portIn(text: string, setting: string): number {
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new SettingError(`“${printable(text, 40)}” is no port: give a number from 1 to 65535 with --${setting}`);
}

/** Who may read and write what: a file of lines `allow|deny user|* read|write filter`. What begins with # is a remark. */
async function accessIn(path: string): Promise<AccessRule[]> {
  const lines = (await readSetting(path, 'acl')).split(/\r?\n/);
  return lines.flatMap((line, nth) => {
    if (/^\s*(#|$)/.test(line)) return [];
    const wrong = (why: string) =>
      new SettingError(
        `${path} line ${nth + 1}: ${why}: write allow or deny, a user or *, read or write, and a filter`,
      );
    const [verdict, user, may, filter, ...rest] = line.trim().split(/\s+/);
    if (user === undefined || filter === undefined || rest.length > 0) throw wrong('a rule has four words');
    if (verdict !== 'allow' && verdict !== 'deny')
      throw wrong(`“${printable(verdict ?? '', 40)}” is neither allow nor deny`);
    if (may !== 'read' && may !== 'write') throw wrong(`“${printable(may ?? '', 40)}” is neither read nor write`);
    if (!isTopicFilter(filter)) throw wrong(`“${printable(filter, 80)}” is no topic filter`);
    return [{ allow: verdict === 'allow', user, may, filter }];
  });
}

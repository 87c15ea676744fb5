// The card of balancer: one service behind it, and four ways to find again the server that knows a user.

import { readFile } from 'node:fs/promises';
import { printable } from '../../wire/printable.ts';
import { readSetting } from '../settings.ts';
import { type Card, SettingError, type Settings } from '../shapes.ts';
import type { UsersClient } from './client.ts';
import { type Member, membersIn } from './rules/members.ts';
import { serveFrom } from './server.ts';
import { type Deed, type Event, type Given, type Outcome, rulesFor, type State } from './state.ts';
import { type Message, wire } from './wire.ts';

type BalancerCard = Card<State, Message, Event, UsersClient, Deed, Outcome>;

export const card: BalancerCard = {
  name: 'balancer',
  calls: 'balancer',
  title: 'HTTP balancer',
  transport: 'tcp',
  port: 8088,
  registered: 80,
  cites: 'RFC 9110 and RFC 9112',
  wire,
  designs: designsFor({ members: [], key: Buffer.alloc(0) }),
  serve: serveFrom(),
  connect: async (options) => (await import('./client.ts')).connect(options),

  /**
   * `to`: the servers behind, as `127.0.0.1:8001,blue=127.0.0.1:8002`. `to-file`: a file that lists them, one a line, each with a name, and is read
   * again every second: so servers are added, drained (`blue=127.0.0.1:8002 drain`) and removed while users are active.
   */
  takes: ['to', 'to-file'],
  configure: configured,

  behind: {
    protocol: 'http',
    design: 'memory',
    count: 3,
    // They see nobody but the balancer, and believe it when it says whose request it brings.
    settings: { users: 'ann:tea,bob:milk', cost: '16', trust: '127.0.0.1' },
  },
};

function designsFor(given: Given): BalancerCard['designs'] {
  const promises = 'an answer promises what the server behind it promises, and nothing of the balancer';
  return {
    'round-robin': {
      rules: rulesFor('round-robin', given),
      holds: 'memory',
      tells: 'each request to the next server: one number for all, held by the process',
      promises,
    },
    cookie: {
      rules: rulesFor('cookie', given),
      holds: 'memory',
      takes: ['secret'],
      tells: 'the client carries which server it belongs to, in a cookie that only the balancer can make',
      promises,
    },
    address: {
      rules: rulesFor('address', given),
      holds: 'memory',
      tells: 'a table of who belongs where, filed under the address of the client, held by the process',
      promises,
    },
    hash: {
      rules: rulesFor('hash', given),
      holds: 'memory',
      tells:
        'who belongs where is worked out each time from the user that a request names, else from its address (consistent hashing): nothing is remembered',
      promises,
    },
  };
}

async function configured(settings: Settings): Promise<BalancerCard> {
  const { to, 'to-file': file } = settings;
  if (to !== undefined && file !== undefined)
    throw new SettingError('the servers behind are listed once: give --to or --to-file');
  const members =
    file === undefined
      ? listed(membersIn(to ?? ''), '--to')
      : listed(membersIn(await readSetting(file, 'to-file'), { changes: true }), file);
  return {
    ...card,
    designs: designsFor({ members, key: keyOf(settings) }),
    serve: serveFrom(file === undefined ? undefined : () => readFile(file, 'utf8')),
    opening: openingOf(members, file),
  };
}

function listed(found: ReturnType<typeof membersIn>, where: string): Member[] {
  if ('members' in found) return found.members;
  throw new SettingError(
    `${printable(where, 200)}: ${found.wrong}. List the servers behind, such as ${where === '--to' ? '--to 127.0.0.1:8001,127.0.0.1:8002' : 'blue=127.0.0.1:8001, one a line'}`,
  );
}

function keyOf({ secret }: Settings): Buffer {
  if (secret === undefined) return Buffer.alloc(0);
  if (/^[0-9a-f]{32}$/i.test(secret)) return Buffer.from(secret, 'hex');
  throw new SettingError('--secret takes 32 hexadecimal digits, the same for every instance: openssl rand -hex 16');
}

function openingOf(members: readonly Member[], file: string | undefined): string[] {
  const list = members.map(({ name, address }) => `${name} at ${address}`).join(', ');
  return [
    `behind it: ${list}`,
    ...(file === undefined
      ? []
      : [`${file} is read again every second: add a line, take one out, or write drain behind an address`]),
    'on one machine everybody comes from 127.0.0.1, so by address all are led to one server, and by hash all who name no X-User',
  ];
}

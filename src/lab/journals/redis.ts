// The shared stream of the `redis` designs: what all instances of a server have heard, in one order, in a Redis that none of them is.
//
// All keys begin with `amnesia:{protocol/design}:`. Under `epoch` stands a name rolled when the first instance found nothing; the
// other keys carry it, so that whoever followed a stream that has been wiped can never mistake a new one for it:
//
//     …:<epoch>:stream            the entries, numbered 0-1, 0-2, 0-3 …: a number that is missing has been trimmed
//     …:<epoch>:snapshot          a hash: the state as it stood `at` an entry, as `text`
//     …:<epoch>:lease:<instance>  there while an instance lives; its value is the number of the entry it has come to
//
// Needs Redis 7.0 (ids of the form `0-*`). What an answer promises is what Redis promises: with `appendfsync always` that it is on
// its disk; with `everysec`, its default once `appendonly` is on, all but the last second; with neither, that Redis lives.

import net from 'node:net';
import { connect as sealed } from 'node:tls';
import type { Redis } from 'ioredis';
import { keepOut } from '../../capture/tap.ts';
import type { Link, Numbered, Shared } from '../replica.ts';
import type { Moment } from './disk.ts';
import { JournalError } from './error.ts';

/** How long Redis may take to take a connection, and to answer, before the connection is given up, in milliseconds. */
const DIALLING = 2_000;
const ANSWERING = 10_000;
/** Entries read at a time. */
const BATCH = 512;

/** KEYS: epoch. ARGV: the prefix of all keys, a name for a new epoch. Returns the epoch that is. */
const FOUND = `
local epoch = redis.call('GET', KEYS[1])
if epoch and redis.call('EXISTS', ARGV[1] .. epoch .. ':stream') == 1 then return epoch end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('XADD', ARGV[1] .. ARGV[2] .. ':stream', '0-1', 'e', '')
return ARGV[2]`;

/**
 * KEYS: stream, snapshot, then the leases of all instances. ARGV: the number of the last entry in the snapshot, its text. An older
 * one never replaces a newer one, and nothing is trimmed that it does not cover or that a living instance has still to read.
 */
const REPLACE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local at = tonumber(ARGV[1])
local was = redis.call('HGET', KEYS[2], 'at')
if not was or tonumber(was) < at then redis.call('HSET', KEYS[2], 'at', ARGV[1], 'text', ARGV[2]) end
local keep = at
for i = 3, #KEYS do
  local read = redis.call('GET', KEYS[i])
  if read and tonumber(read) < keep then keep = tonumber(read) end
end
redis.call('XTRIM', KEYS[1], 'MINID', string.format('0-%d', keep))
return keep`;

export interface RedisOptions {
  /** `redis://[[user]:password@]host[:port][/database]`, or `rediss://…` for TLS. */
  url: string;
  /** Instances of the same name are one server: `tcp-session/shared`. */
  name: string;
  /** Called at each moment of an append: `write` when it is handed to the system, `sync` when Redis has answered. */
  at?: ((moment: Moment) => void) | undefined;
}

/** The stream of a server in a Redis. Dials nothing yet. Throws a {@link JournalError} when the address makes no sense. */
export function redisStream({ url, name, at }: RedisOptions): Shared {
  const where = addressIn(url);
  const prefix = `amnesia:{${name}}:`;

  return {
    where: `Redis at ${where.host} port ${where.port}`,

    async open(fresh): Promise<Link> {
      // Writing must not wait behind a reading that blocks, so there are two connections.
      const writing = await dial(where);
      const reading = await dial(where).catch((error) => {
        writing.disconnect();
        throw error;
      });
      const close = () => {
        writing.disconnect();
        reading.disconnect();
      };
      try {
        const epoch = String(await writing.eval(FOUND, 1, `${prefix}epoch`, prefix, fresh));
        return link(writing, reading, `${prefix}${epoch}:`, epoch, close, at);
      } catch (error) {
        close();
        throw error;
      }
    },
  };
}

function link(
  writing: Redis,
  reading: Redis,
  prefix: string,
  epoch: string,
  close: () => void,
  at: RedisOptions['at'],
): Link {
  const stream = `${prefix}stream`;
  const snapshot = `${prefix}snapshot`;
  const lease = (instance: string) => `${prefix}lease:${instance}`;

  return {
    epoch,
    close,

    async append(text, counts) {
      // NOMKSTREAM: where there is no stream any more, none must begin in the middle of things.
      const answer = writing.xadd(stream, 'NOMKSTREAM', '0-*', 'e', text);
      if (counts) at?.('write');
      const id = await answer;
      if (counts && id !== null) at?.('sync');
      return id !== null;
    },

    async read(after, patience) {
      const [most, from] = ['COUNT', BATCH] as const;
      const found =
        patience > 0
          ? await reading.xread(most, from, 'BLOCK', patience, 'STREAMS', stream, `0-${after}`)
          : await reading.xread(most, from, 'STREAMS', stream, `0-${after}`);
      return (found?.[0]?.[1] ?? []).map(numbered);
    },

    async reach() {
      const told = (await writing.xinfo('STREAM', stream).catch((error: Error) => {
        if (/no such key/i.test(error.message)) return [];
        throw error;
      })) as unknown[];
      const id = told[told.indexOf('last-generated-id') + 1];
      return typeof id === 'string' && told.includes('last-generated-id')
        ? numbered([id, ['e', '']]).number
        : undefined;
    },

    async entry(number) {
      const [found] = await reading.xrange(stream, `0-${number}`, `0-${number}`);
      return found && numbered(found).text;
    },

    async exists() {
      return (await writing.exists(stream)) === 1;
    },

    async snapshot() {
      const [number, text] = await reading.hmget(snapshot, 'at', 'text');
      return number == null || text == null ? undefined : { number: Number(number), text };
    },

    async replace({ number, text }, instances) {
      return Number(
        await writing.eval(REPLACE, 2 + instances.length, stream, snapshot, ...instances.map(lease), number, text),
      );
    },

    async renew(instance, number, lifetime) {
      await writing.set(lease(instance), number, 'PX', lifetime);
    },

    async release(instance) {
      await writing.del(lease(instance));
    },

    async lapsed(instances) {
      if (instances.length === 0) return [];
      const found = await writing.mget(instances.map(lease));
      return instances.filter((_each, index) => found[index] === null);
    },
  };
}

function numbered([id, [, text = '']]: [id: string, fields: string[]]): Numbered {
  return { number: Number(id.slice(id.indexOf('-') + 1)), text };
}

interface Where {
  host: string;
  port: number;
  secure: boolean;
  username: string;
  password: string;
  db: number;
}

function addressIn(url: string): Where {
  const shape = '--store takes redis://host:port, such as redis://127.0.0.1:6379';
  let parts: URL;
  try {
    parts = new URL(url);
  } catch (error) {
    throw new JournalError(`that is no address of a store. ${shape}`, { cause: error });
  }
  const { protocol, hostname, port, pathname, username, password } = parts;
  if ((protocol !== 'redis:' && protocol !== 'rediss:') || hostname === '' || !/^\/?\d{0,4}$/.test(pathname))
    throw new JournalError(`that is no address of a Redis. ${shape}`);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    secure: protocol === 'rediss:',
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
    db: Number(pathname.slice(1)),
  };
}

/**
 * One connection that is ready, for as long as it lasts: whoever uses it decides what to do when it ends. A client that dials again
 * by itself, and says again by itself what has not been answered, would do so in an order that nobody here knows.
 */
async function dial({ host, port, secure, username, password, db }: Where): Promise<Redis> {
  // The default export: a bundle knows no other names of it.
  const { Redis } = (await import('ioredis')).default;
  const redis = new Redis({
    lazyConnect: true,
    retryStrategy: () => null,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    disableClientInfo: true,
    connectTimeout: DIALLING,
    commandTimeout: ANSWERING,
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
    db,
    ...(secure ? { tls: {} } : {}),
    Connector: connectorTo(host, port, secure) as never,
  });
  let reason: Error | undefined;
  redis.on('error', (error) => {
    reason ??= error;
  });
  let late: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      redis.connect(),
      new Promise((_resolve, reject) => {
        late = setTimeout(() => reject(new Error('it takes a connection and does not answer')), DIALLING);
      }),
    ]);
    return redis;
  } catch (error) {
    redis.disconnect();
    throw reason ?? error;
  } finally {
    clearTimeout(late);
  }
}

/** Opens sockets that no tap sees: what instances and their store say to each other is no part of the protocol. */
function connectorTo(host: string, port: number, secure: boolean) {
  let socket: net.Socket | undefined;
  return class {
    check(): boolean {
      return true;
    }
    async connect(): Promise<net.Socket> {
      const plain = keepOut(new net.Socket());
      plain.connect({ host, port, noDelay: true });
      socket = secure ? sealed({ socket: plain, servername: net.isIP(host) ? '' : host }) : plain;
      return socket;
    }
    /** Nothing that is still unsaid would be answered. */
    disconnect(): void {
      socket?.destroy();
    }
  };
}

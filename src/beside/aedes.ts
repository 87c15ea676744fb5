// What does a broker remember that nobody wrote here? Aedes 1.2.0 as it comes, with three of its own ways to hold sessions: in
// memory, in a Level database on the disk, in a Redis that several brokers share. Nothing in it is mended or made stricter by us.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Aedes, AedesOptions } from 'aedes';
import { type Address, type Beside, type Server, SettingError } from '../protocols/shapes.ts';

/** Sessions, subscriptions, queues and retained messages in the process. */
export function aedesInMemory(): Beside {
  return {
    holds: 'memory',
    tells: 'Aedes 1.2.0 as it comes, with its memory persistence: everything is held by the process',
    promises: 'an acknowledgement promises that this process has the message, for as long as it lives',
    runs: (at) => listening(at, {}, async () => {}),
  };
}

/** The same in a Level database in the server's folder. */
export function aedesOnLevel(): Beside {
  return {
    holds: 'disk',
    tells: 'Aedes 1.2.0 as it comes, with aedes-persistence-level 9.2.0 on Level: sessions are held on the disk',
    promises:
      'an acknowledgement promises that the broker has the message; for a subscriber that has just vanished it may leave before Level has it, and Level does not sync',
    async runs(at, { folder }) {
      const [{ Level }, { default: persistence }] = await Promise.all([
        import('level'),
        import('aedes-persistence-level'),
      ]);
      const level = new Level(folder);
      return listening(at, { persistence: persistence(level) }, () => level.close());
    },
  };
}

/** The same in the Redis that the setting `store` names, and messages between brokers through it. */
export function aedesOnRedis(): Beside {
  return {
    holds: 'redis',
    takes: ['store'],
    tells:
      'Aedes 1.2.0 as it comes, with aedes-persistence-redis 11.2.2 and mqemitter-redis 7.2.1: sessions are held in a Redis',
    promises:
      'an acknowledgement promises that the broker has the message; for a subscriber that has just vanished it may leave before Redis has it',
    async runs(at, { settings: { store } }) {
      if (store === undefined)
        throw new SettingError(
          'this broker keeps its sessions in a Redis: --store takes its address, such as redis://127.0.0.1:6379',
        );
      const [{ Redis }, { default: persistence }, { default: emitter }] = await Promise.all([
        import('ioredis'),
        import('aedes-persistence-redis'),
        import('mqemitter-redis'),
      ]);
      const redis = new Redis(store);
      const options = { persistence: persistence({ conn: redis }), mq: emitter({ connectionString: store }) };
      return listening(at, options, async () => redis.disconnect());
    },
  };
}

/** Aedes on a plain socket, as its own examples have it. `leave`: lets go of what it was given to hold things in. */
async function listening(
  { host, port }: Address,
  options: Partial<AedesOptions>,
  leave: () => Promise<void>,
): Promise<Server> {
  const { Aedes } = await import('aedes');
  const broker: Aedes = await Aedes.createBroker(options as AedesOptions);
  const server = createServer(broker.handle);
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      await new Promise<void>((done) => broker.close(done));
      await closed;
      await leave();
    },
  };
}

// aedes as its README has it, alone or with one of its persistences, in a process of its own: `aedes`, `aedes-level`, `aedes-redis`.
// It has read its code when it is told where to listen and where its persistence is.

import { type AddressInfo, createServer } from 'node:net';
import { Aedes, type AedesOptions } from 'aedes';

process.on('disconnect', () => process.exit(0));

const [kind] = process.argv.slice(2);

/** What makes a persistence for a folder or a URL. None of these packages has types for what is handed over here. */
async function persistences(): Promise<(where: string) => object> {
  if (kind === 'aedes-level') {
    const { Level } = await import('level');
    const { default: level } = await import('aedes-persistence-level' as string);
    return (where) => ({ persistence: level(new Level(where)) });
  }
  if (kind === 'aedes-redis') {
    const { default: redis } = await import('aedes-persistence-redis' as string);
    const { default: emitter } = await import('mqemitter-redis' as string);
    return (where) => {
      const { hostname: host, port } = new URL(where);
      const at = { host, port: Number(port) };
      return { persistence: redis(at), mq: emitter(at) };
    };
  }
  return () => ({});
}

const made = persistences();
process.once('message', async ({ port, where }: { port: number; where: string }) => {
  const broker = await Aedes.createBroker((await made)(where) as AedesOptions);
  const server = createServer({ noDelay: true }, broker.handle);
  server.listen(port, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
});

// aedes as its README has it, alone or with one of its persistences, in a process of its own: `aedes`, `aedes-level FOLDER` or
// `aedes-redis URL`, and the port, 0 for any free one.

import { type AddressInfo, createServer } from 'node:net';
import { Aedes, type AedesOptions } from 'aedes';

process.on('disconnect', () => process.exit(0));

const [kind, port = '0', where = ''] = process.argv.slice(2);

/** None of these packages has types for what is handed over here. */
async function persistence(): Promise<object> {
  if (kind === 'aedes-level') {
    const { Level } = await import('level');
    const { default: level } = await import('aedes-persistence-level' as string);
    return { persistence: level(new Level(where)) };
  }
  if (kind === 'aedes-redis') {
    const { default: redis } = await import('aedes-persistence-redis' as string);
    const { default: emitter } = await import('mqemitter-redis' as string);
    const { hostname, port: at } = new URL(where);
    const server = { host: hostname, port: Number(at) };
    return { persistence: redis(server), mq: emitter(server) };
  }
  return {};
}

const broker = await Aedes.createBroker((await persistence()) as AedesOptions);
const server = createServer({ noDelay: true }, broker.handle);
server.listen(Number(port), '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));

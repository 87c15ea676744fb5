// A relay in a process of its own, for the bench: `relay.ts <protocol> <port> [log]`. With `log` what passes is made into records, as the
// live log is, and thrown away.

import { Recorder } from '../../src/capture/records.ts';
import { clockSince } from '../../src/capture/trace.ts';
import { relay } from '../../src/lab/relay/relay.ts';
import { loadCard } from '../../src/protocols/index.ts';

process.on('disconnect', () => process.exit(0));

const [protocol = '', port, log] = process.argv.slice(2);
const card = await loadCard(protocol);
if (!card) throw new Error(`there is no protocol ${protocol}`);
const recorder = new Recorder({ card });
const at = { host: '127.0.0.1', port: 0 };
const link = await relay({
  card,
  at,
  to: { ...at, port: Number(port) },
  probes: false,
  clock: clockSince(process.hrtime.bigint()),
  ...(log ? { sink: (trace) => recorder.push(trace) } : {}),
});
if (log) setInterval(() => recorder.take(), 25);
process.send?.(link.port);

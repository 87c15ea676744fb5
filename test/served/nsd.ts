// NSD, a name server that nobody here wrote.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from '../../src/lab/ports.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import type { RandomZone } from './random-zone.ts';

/** NSD with these zones on a free port of its own, until the test is over. Resolves to the port. */
export async function nsdWith(nsd: string, zones: readonly Pick<RandomZone, 'origin' | 'text'>[]): Promise<number> {
  const { path, remove } = await temporaryFolder();
  onTestFinished(remove);
  const port = await freePort();
  await Promise.all(zones.map(({ origin, text }) => writeFile(join(path, `${origin}zone`), text)));
  const config = join(path, 'nsd.conf');
  await writeFile(
    config,
    `server:
  ip-address: 127.0.0.1@${port}
  username: ""
  chroot: ""
  zonesdir: "${path}"
  database: ""
  pidfile: ""
  xfrdir: "${path}"
  xfrdfile: "${join(path, 'xfrd.state')}"
  zonelistfile: "${join(path, 'zone.list')}"
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  server-count: 1
  verbosity: 1
remote-control:
  control-enable: no
${zones.map(({ origin }) => `zone:\n  name: "${origin}"\n  zonefile: "${origin}zone"\n`).join('')}`,
  );
  const server = spawn(nsd, ['-d', '-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const over = once(server, 'exit');
  onTestFinished(async () => {
    server.kill('SIGTERM');
    await over;
  });
  let said = '';
  for await (const chunk of server.stderr) {
    said += chunk;
    if (said.includes('nsd started')) break;
  }
  if (!said.includes('nsd started')) throw new Error(`NSD does not start: ${said}`);
  return port;
}

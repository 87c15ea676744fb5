// DNS under `dnsperf`, a load that nobody here wrote: ours beside a bare echo of the same sizes, JavaScript servers and native ones.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beginLife } from '../../src/lab/lives.ts';
import { freePort } from '../../src/lab/ports.ts';
import { missing, program } from '../peers.ts';
import { type Contender, installed, native, script } from './contenders.ts';
import { median, promised, rounds, say, spread } from './rounds.ts';

const run = promisify(execFile);

/** A zone of `names` names with one address each, and a list of queries for them. */
async function zoneOf(folder: string, names: number): Promise<{ zone: string; queries: string }> {
  const zone = join(folder, `zone-${names}`);
  const queries = join(folder, `queries-${names}`);
  const lines = [
    'bench.test. 3600 IN SOA ns.bench.test. admin.bench.test. 1 7200 3600 1209600 3600',
    'bench.test. 3600 IN NS ns.bench.test.',
    'ns.bench.test. 3600 IN A 10.0.0.1',
  ];
  const nameOf = (nth: number) => `h${String(nth).padStart(7, '0')}.bench.test.`;
  for (let nth = 0; nth < names; nth++)
    lines.push(`${nameOf(nth)} 3600 IN A 10.${(nth >> 16) & 255}.${(nth >> 8) & 255}.${nth & 255}`);
  await writeFile(zone, `${lines.join('\n')}\n`);
  // Strides through the zone, so that no name is asked twice before many others were.
  const asked = Array.from({ length: 20_000 }, (_none, nth) => `${nameOf((nth * 7919) % names)} A`);
  await writeFile(queries, `${asked.join('\n')}\n`);
  return { zone, queries };
}

function resolver(name: string, kind: 'echo' | 'packet' | 'dns2', zone: string): Promise<Contender> {
  return script(name, './resolvers.ts', [kind, zone]);
}

async function ours(name: string, zone: string, folder: string): Promise<Contender> {
  const life = await beginLife({
    protocol: 'dns',
    design: 'plain',
    who: 'dns/1',
    host: '127.0.0.1',
    port: 0,
    folder,
    // Answers are counted, and nobody comes near the limit.
    settings: { zone, rate: '100000000' },
    origin: String(process.hrtime.bigint()),
  });
  return { name, pid: life.pid, port: life.port, stop: () => life.stop() };
}

/** A program that serves the zone on a free port. */
async function zoned(name: string, path: string, args: (port: number) => Promise<string[]>): Promise<Contender> {
  const port = await freePort();
  return native(name, path, await args(port), port, answering);
}

async function answering(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const { stdout } = await run(
      'dig',
      ['@127.0.0.1', '-p', `${port}`, '+tries=1', '+time=1', 'h0000000.bench.test'],
      {},
    ).catch(() => ({ stdout: '' }));
    if (stdout.includes('NOERROR')) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nobody answers on port ${port}`);
}

/** Queries answered per second; whatever was lost or wrong is an error, since it would flatter. */
async function dnsperf(port: number, queries: string): Promise<number> {
  const { stdout } = await run('dnsperf', [
    ...['-s', '127.0.0.1', '-p', `${port}`, '-d', queries, '-n', '4', '-c', '1', '-T', '1', '-q', '64', '-t', '5'],
  ]);
  const [, lost] = /Queries lost:\s+(\d+)/.exec(stdout) ?? [];
  const [, right] = /Response codes:\s+NOERROR \d+ \((\d+\.\d+)%\)/.exec(stdout) ?? [];
  if (lost !== '0' || right !== '100.00') throw new Error(`dnsperf was not answered in full:\n${stdout}`);
  return Number(/Queries per second:\s+([\d.]+)/.exec(stdout)?.[1]);
}

const SMALL = 1_000;
const LARGE = 1_000_000;

export async function dns(folder: string): Promise<boolean[]> {
  if (!program('dnsperf') || !program('dig')) {
    say(`\ndns: ${missing('dnsperf')}`);
    return [];
  }
  const { zone, queries } = await zoneOf(folder, SMALL);
  const contenders = [
    await resolver('bare dgram, same sizes', 'echo', zone),
    await resolver('bare dgram (control)', 'echo', zone),
    await ours('dns/plain', zone, folder),
    await resolver('dns-packet each way', 'packet', zone),
  ];
  const others: [string, () => Promise<Contender>][] = [];
  if (installed('dns2')) others.push(['dns2', () => resolver('dns2', 'dns2', zone)]);
  else say('\ndns: dns2 is not installed here; npm install --no-save dns2 puts it beside the others');
  const [dnsmasq, nsd] = [program('dnsmasq'), program('nsd')];
  if (dnsmasq) others.push(['dnsmasq', () => zoned('dnsmasq', dnsmasq, (port) => dnsmasqFor(port, zone, folder))]);
  else say(`dns: ${missing('dnsmasq')}`);
  if (nsd) others.push(['nsd', () => zoned('nsd', nsd, (port) => nsdFor(port, zone, folder))]);
  else say(`dns: ${missing('nsd')}`);
  for (const [, begin] of others) contenders.push(await begin());

  const outcomes = await rounds(
    'dns: dnsperf, one client, 64 outstanding, 80,000 queries for A over 1,000 names a round',
    contenders,
    ({ port }) => dnsperf(port, queries),
  );
  for (const each of contenders) await each.stop();
  const rateOf = (name: string) => outcomes.find((each) => each.name === name);
  const own = rateOf('dns/plain');
  const against = (name: string) => {
    const other = rateOf(name);
    return own && other ? own.rates.map((rate, round) => rate / (other.rates[round] ?? Number.NaN)) : [];
  };
  const cpu = (name: string) => (rateOf(name)?.cpu ?? Number.NaN) / (own?.cpu ?? Number.NaN);
  const kept = [
    promised('dns/plain / bare dgram of the same sizes', median(own?.ratios ?? []), { least: 0.95 }),
    promised('dns/plain / dns-packet each way', median(against('dns-packet each way')), { least: 1.35 }),
  ];
  if (rateOf('dns2')) {
    kept.push(promised('dns/plain / dns2, rate', median(against('dns2')), { least: 6 }));
    kept.push(promised('dns2 / dns/plain, processor time a query', cpu('dns2'), { least: 12 }));
  }
  if (rateOf('dnsmasq')) kept.push(promised('dns/plain / dnsmasq', median(against('dnsmasq')), { least: 0.75 }));
  if (rateOf('nsd'))
    say(`  dns/plain / nsd: ${spread(against('nsd'))} (one system call a datagram cannot do more than 0.5)`);
  return [...kept, ...(await large(folder, zone, queries))];
}

/** A zone of a million names: what it takes to load, to hold, and to answer from. */
async function large(folder: string, small: string, queries: string): Promise<boolean[]> {
  const million = await zoneOf(folder, LARGE);
  const begun = performance.now();
  const big = await ours('a million names', million.zone, folder);
  const took = performance.now() - begun;
  const little = await ours('a thousand names', small, folder);
  const memory = (pid: number) => {
    const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib) / 1024;
  };
  const [held, base] = existsSync('/proc') ? [memory(big.pid), memory(little.pid)] : [Number.NaN, Number.NaN];
  say(
    `\ndns: a zone of ${LARGE.toLocaleString('en')} names: ${(took / 1000).toFixed(1)} s from start to listening, ${held.toFixed(0)} MiB resident (${base.toFixed(0)} with a thousand): ${Math.round(((held - base) * 1024 * 1024) / LARGE)} bytes a name`,
  );
  await rounds('dns: the same load on both zones', [little, big], ({ name, port }) =>
    dnsperf(port, name === 'a million names' ? million.queries : queries),
  );
  await little.stop();
  await big.stop();
  return [];
}

async function dnsmasqFor(port: number, zone: string, folder: string): Promise<string[]> {
  const hosts = join(folder, 'dnsmasq-hosts');
  const lines = readFileSync(zone, 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , , type]) => type === 'A')
    .map(([name = '', , , , address = '']) => `${address} ${name.replace(/\.$/, '')}`);
  await writeFile(hosts, `${lines.join('\n')}\n`);
  const rest = ['--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--bind-interfaces', '--pid-file='];
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  return [
    '--keep-in-foreground',
    `--port=${port}`,
    '--listen-address=127.0.0.1',
    `--addn-hosts=${hosts}`,
    ...rest,
    ...user,
  ];
}

async function nsdFor(port: number, zone: string, folder: string): Promise<string[]> {
  const config = join(folder, 'nsd.conf');
  const at = (name: string) => `"${join(folder, name)}"`;
  await writeFile(
    config,
    `server:
  ip-address: 127.0.0.1
  port: ${port}
  server-count: 1
  username: ""
  zonesdir: ${at('')}
  database: ""
  pidfile: ${at('nsd.pid')}
  xfrdfile: ${at('xfrd')}
  zonelistfile: ${at('zonelist')}
  logfile: ${at('nsd.log')}
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: bench.test
  zonefile: "${zone}"
`,
  );
  return ['-d', '-c', config];
}

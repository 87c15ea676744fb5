// Peers that nobody here wrote: dig, kdig, dnsperf, and the resolver that Node brings along. They speak to the default zone.

import { spawn } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { needs } from '../../peers.ts';
import { liveDesign } from './live.ts';

async function run(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
  const [out] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  clearTimeout(late);
  return out;
}

/** dig against a server of this design; resolves to what it prints. */
async function dig(context: TestContext, ...args: string[]): Promise<string> {
  const { port } = await liveDesign('plain');
  return run(needs(context, 'dig'), ['@127.0.0.1', '-p', String(port), '+tries=1', '+time=5', '+norec', ...args]);
}

const status = (out: string) => /status: (\w+)/.exec(out)?.[1];
const flags = (out: string) => /flags: ([a-z ]+);/.exec(out)?.[1]?.trim();
const lines = (out: string) => out.trim().split('\n');

describe('dig', () => {
  test.for<[string, string, string[]]>([
    ['www.example.test', 'A', ['192.0.2.80']],
    ['www.example.test', 'AAAA', ['2001:db8::80']],
    ['example.test', 'NS', ['ns1.example.test.', 'ns2.example.test.']],
    ['example.test', 'SOA', ['ns1.example.test. hostmaster.example.test. 2026010100 7200 1800 1209600 300']],
    ['example.test', 'MX', ['10 mail.example.test.']],
    ['example.test', 'TXT', ['"v=spf1 mx -all"']],
    ['example.test', 'CAA', ['0 issue "ca.example.net"']],
    ['_sip._tcp.example.test', 'SRV', ['10 60 5060 mail.example.test.']],
    ['80.2.0.192.rev.example.test', 'PTR', ['www.example.test.']],
    ['alias.example.test', 'CNAME', ['www.example.test.']],
    ['alias-of-alias.example.test', 'A', ['alias.example.test.', 'www.example.test.', '192.0.2.80']],
    ['away.example.test', 'A', ['www.example.net.']],
    ['what.ever.wild.example.test', 'A', ['192.0.2.42']],
    ['www.example.test', 'TYPE65', ['1 . alpn="h2"']],
    ['texts.example.test', 'TXT', ['"one" "two" "and; three" "a \\"quote\\", a \\\\ and byte \\007"']],
    ['a\\.dot.example.test', 'A', ['192.0.2.46']],
    ['www.example.test', 'ANY', ['"RFC8482" ""']],
  ])('%s %s', async ([name, type, expected], context) => {
    const out = await dig(context, '+short', '+notcp', name, type);
    expect(lines(out)).toEqual(expected);
  });

  test('answers in the case that was asked', async (context) => {
    expect(await dig(context, 'wWw.exAmple.TEST', 'A')).toMatch(
      /^wWw\.exAmple\.TEST\.\s+3600\s+IN\s+A\s+192\.0\.2\.80$/m,
    );
  });

  test.for<[string, string[], string, string]>([
    ['a name that does not exist', ['nothing.example.test', 'A'], 'NXDOMAIN', 'qr aa'],
    ['a type that a name does not have', ['mail.example.test', 'AAAA'], 'NOERROR', 'qr aa'],
    ['a name that is only on the way to others', ['empty.example.test', 'A'], 'NOERROR', 'qr aa'],
    ['a delegation', ['host.sub.example.test', 'A'], 'NOERROR', 'qr'],
    ['another zone', ['www.example.net', 'A'], 'REFUSED', 'qr'],
    ['another class', ['-c', 'CH', 'www.example.test', 'A'], 'REFUSED', 'qr'],
    ['recursion wanted and not to be had', ['+rec', 'www.example.test', 'A'], 'NOERROR', 'qr aa rd'],
    ['EDNS version 1', ['+edns=1', '+noednsneg', 'www.example.test', 'A'], 'BADVERS', 'qr'],
    ['no EDNS', ['+noedns', 'www.example.test', 'A'], 'NOERROR', 'qr aa'],
    ['a name server id wanted', ['+nsid', 'www.example.test', 'A'], 'NOERROR', 'qr aa'],
    ['an option nobody knows', ['+ednsopt=65001:abcd', 'www.example.test', 'A'], 'NOERROR', 'qr aa'],
    ['a cookie of 7 bytes', ['+nocookie', '+ednsopt=10:00112233445566', 'www.example.test', 'A'], 'FORMERR', 'qr'],
    ['STATUS', ['+opcode=STATUS', 'www.example.test', 'A'], 'NOTIMP', 'qr'],
    ['NOTIFY', ['+opcode=NOTIFY', 'www.example.test', 'A'], 'NOTIMP', 'qr'],
    ['UPDATE', ['+opcode=UPDATE', 'www.example.test', 'A'], 'NOTIMP', 'qr'],
    ['over TCP', ['+tcp', 'www.example.test', 'A'], 'NOERROR', 'qr aa'],
    ['with DO', ['+dnssec', 'www.example.test', 'A'], 'NOERROR', 'qr aa'],
    ['header bits of all kinds', ['+adflag', '+cdflag', 'www.example.test', 'A'], 'NOERROR', 'qr aa'],
  ])('%s: %s is %s', async ([_name, args, code, bits], context) => {
    const out = await dig(context, ...args);
    expect(status(out)).toBe(code);
    expect(flags(out)).toBe(bits);
    expect(out).not.toMatch(/malformed|extra bytes|mismatch|short|MALFORMED/i);
  });

  test('a negative answer brings the SOA, with the time for which it may be remembered', async (context) => {
    const out = await dig(context, 'nothing.example.test', 'A');
    expect(out).toMatch(/^example\.test\.\s+300\s+IN\s+SOA\s/m);
  });

  test('a delegation brings the servers and their addresses', async (context) => {
    const out = await dig(context, 'host.sub.example.test', 'A');
    expect(out).toMatch(/^sub\.example\.test\.\s+\d+\s+IN\s+NS\s+ns1\.sub\.example\.test\.$/m);
    expect(out).toMatch(/^ns1\.sub\.example\.test\.\s+\d+\s+IN\s+A\s+192\.0\.2\.153$/m);
  });

  test('DO comes back as it was sent', async (context) => {
    expect(await dig(context, '+dnssec', 'www.example.test')).toMatch(/EDNS: version: 0, flags: do; udp: 1232/);
  });

  test('a whole zone is not given away', async (context) => {
    expect(await dig(context, 'example.test', 'AXFR')).toContain('Transfer failed.');
  });

  test('what does not fit into a datagram is asked again over TCP, and is whole', async (context) => {
    for (const size of ['512', '1232', '4096']) {
      const out = await dig(context, `+bufsize=${size}`, 'big.example.test', 'TXT');
      expect(out).toMatch(/SERVER: .*\(TCP\)/);
      expect(out.match(/"\d\/8 /g)).toHaveLength(8);
      expect(flags(out)).toBe('qr aa');
    }
    expect(flags(await dig(context, '+ignore', 'big.example.test', 'TXT'))).toBe('qr aa tc');
  });

  test('several questions on one connection', async (context) => {
    const asked = ['www', 'mail', 'ns1'].flatMap((host) => ['+tcp', '+keepopen', `${host}.example.test`, 'A']);
    const out = await dig(context, '+noall', '+answer', ...asked);
    expect(lines(out).map((line) => line.split(/\s+/)[4])).toEqual(['192.0.2.80', '192.0.2.25', '192.0.2.53']);
  });

  test('cookies: learned, shown, and good; a false one is refused, and dig asks again', async (context) => {
    const program = needs(context, 'dig');
    const { port } = await liveDesign('cookie');
    const ask = (...args: string[]) =>
      run(program, ['@127.0.0.1', '-p', String(port), '+tries=1', '+time=5', '+norec', ...args, 'www.example.test']);
    const first = await ask('+cookie=0011223344556677');
    const cookie = /COOKIE: ([0-9a-f]{48}) \(good\)/.exec(first)?.[1] ?? '';
    expect(cookie.slice(0, 16)).toBe('0011223344556677');
    const again = await ask(`+cookie=${cookie}`, '+nobadcookie');
    expect(status(again)).toBe('NOERROR');
    expect(again).toContain(`COOKIE: ${cookie} (good)`);
    const forged = `${cookie.slice(0, -2)}${cookie.endsWith('00') ? '01' : '00'}`;
    expect(status(await ask(`+cookie=${forged}`, '+nobadcookie'))).toBe('BADCOOKIE');
    expect(status(await ask(`+cookie=${forged}`, '+badcookie'))).toBe('NOERROR');
    expect(status(await ask(`+cookie=${forged}`, '+tcp'))).toBe('NOERROR');
  });
});

describe('kdig', () => {
  async function kdig(context: TestContext, design: string, ...args: string[]): Promise<string> {
    const program = needs(context, 'kdig');
    const { port } = await liveDesign(design);
    return run(program, ['@127.0.0.1', '-p', String(port), '+retry=0', '+time=5', ...args]);
  }

  test.for<[string, string, RegExp]>([
    ['www.example.test', 'A', /IN\s+A\s+192\.0\.2\.80/],
    ['www.example.test', 'AAAA', /IN\s+AAAA\s+2001:db8::80/],
    ['example.test', 'MX', /IN\s+MX\s+10 mail\.example\.test\./],
    ['example.test', 'SOA', /IN\s+SOA\s+ns1\.example\.test\. hostmaster/],
    ['example.test', 'CAA', /IN\s+CAA\s+0 issue "ca\.example\.net"/],
    ['_sip._tcp.example.test', 'SRV', /IN\s+SRV\s+10 60 5060 mail\.example\.test\./],
    ['big.example.test', 'TXT', /"8\/8 /],
  ])('%s %s', async ([name, type, expected], context) => {
    expect(await kdig(context, 'plain', name, type)).toMatch(expected);
  });

  test('several questions on one connection, cookies, and no complaint', async (context) => {
    const out = await kdig(
      context,
      'cookie',
      '+tcp',
      '+keepopen',
      '+cookie',
      'www.example.test',
      'A',
      'mail.example.test',
      'A',
    );
    expect(out.match(/status: NOERROR/g)).toHaveLength(2);
    expect(out).toMatch(/COOKIE: [0-9A-F]{48}/);
    expect(out).not.toMatch(/WARNING|ERROR:/);
  });

  test('+nsid, +bufsize and a padding that is long', async (context) => {
    const out = await kdig(context, 'plain', '+nsid', '+bufsize=512', '+padding=400', 'www.example.test', 'A');
    expect(out).toMatch(/status: NOERROR/);
    expect(out).not.toMatch(/WARNING|ERROR:/);
  });
});

describe('the resolver of Node', () => {
  async function resolver(): Promise<Resolver> {
    const { port } = await liveDesign('plain');
    const fresh = new Resolver({ tries: 1, timeout: 5000 });
    fresh.setServers([`127.0.0.1:${port}`]);
    return fresh;
  }

  test('every type that it knows', async () => {
    const asking = await resolver();
    expect(await asking.resolve4('www.example.test', { ttl: true })).toEqual([{ address: '192.0.2.80', ttl: 3600 }]);
    expect(await asking.resolve6('www.example.test')).toEqual(['2001:db8::80']);
    expect(await asking.resolve4('alias-of-alias.example.test')).toEqual(['192.0.2.80']);
    expect(await asking.resolveCname('alias.example.test')).toEqual(['www.example.test']);
    expect(await asking.resolveMx('example.test')).toEqual([{ priority: 10, exchange: 'mail.example.test' }]);
    expect(await asking.resolveTxt('example.test')).toEqual([['v=spf1 mx -all']]);
    expect((await asking.resolveTxt('big.example.test'))[0]?.join('')).toHaveLength(8 * 255);
    expect(await asking.resolveSrv('_sip._tcp.example.test')).toEqual([
      { priority: 10, weight: 60, port: 5060, name: 'mail.example.test' },
    ]);
    expect(await asking.resolveCaa('example.test')).toEqual([{ critical: 0, issue: 'ca.example.net' }]);
    expect((await asking.resolveNs('example.test')).sort()).toEqual(['ns1.example.test', 'ns2.example.test']);
    expect(await asking.resolveSoa('example.test')).toMatchObject({
      nsname: 'ns1.example.test',
      serial: 2026010100,
      minttl: 300,
    });
    expect(await asking.resolvePtr('80.2.0.192.rev.example.test')).toEqual(['www.example.test']);
  });

  test('no such name, and no such record', async () => {
    const asking = await resolver();
    await expect(asking.resolve4('nothing.example.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(asking.resolve6('mail.example.test')).rejects.toMatchObject({ code: 'ENODATA' });
  });
});

test('dnsperf: many questions at a time, and every one is answered', async (context) => {
  const program = needs(context, 'dnsperf');
  const { port } = await liveDesign('plain');
  const folder = await mkdtemp(join(tmpdir(), 'amnesia-dnsperf-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const questions = join(folder, 'questions');
  await writeFile(
    questions,
    'www.example.test A\nmail.example.test A\nnothing.example.test A\nexample.test MX\n'.repeat(500),
  );
  const out = await run(program, [
    '-s',
    '127.0.0.1',
    '-p',
    String(port),
    '-d',
    questions,
    '-c',
    '4',
    '-q',
    '64',
    '-n',
    '1',
  ]);
  expect(out).toMatch(/Queries sent:\s+2000/);
  expect(out).toMatch(/Queries completed:\s+2000 \(100\.00%\)/);
  expect(out).toMatch(/NOERROR 1500 \(75\.00%\), NXDOMAIN 500 \(25\.00%\)/);
});

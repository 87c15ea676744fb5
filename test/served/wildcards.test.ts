// RFC 4592 §2.2.1: its zone in full, and every question that it asks of it.

import { expect, test } from 'vitest';
import { ask, zoneOf } from './ask.ts';

const zone = zoneOf(`$ORIGIN example.
example.                 3600 IN  SOA   ns.example.com. host.example.com. 1 7200 1800 1209600 300
example.                 3600     NS    ns.example.com.
example.                 3600     NS    ns.example.net.
*.example.               3600     TXT   "this is a wildcard"
*.example.               3600     MX    10 host1.example.
sub.*.example.           3600     TXT   "this is not a wildcard"
host1.example.           3600     A     192.0.2.1
_ssh._tcp.host1.example. 3600     SRV   0 0 22 host1.example.
_ssh._tcp.host2.example. 3600     SRV   0 0 22 host1.example.
subdel.example.          3600     NS    ns.example.com.
subdel.example.          3600     NS    ns.example.net.
`);
const DENIAL = 'authority example 300 SOA ns.example.com host.example.com 1 7200 1800 1209600 300';
const NODATA = ['NOERROR authoritative', DENIAL];
const NXDOMAIN = ['NXDOMAIN authoritative', DENIAL];

test.each<[name: string, type: string, why: string, reply: string[]]>([
  [
    'host3.example',
    'MX',
    'made of the wildcard',
    ['NOERROR authoritative', 'answer host3.example 3600 MX 10 host1.example'],
  ],
  ['host3.example', 'A', 'the wildcard has no A', NODATA],
  [
    'foo.bar.example',
    'TXT',
    'bar.example does not exist',
    ['NOERROR authoritative', 'answer foo.bar.example 3600 TXT "this is a wildcard"'],
  ],
  ['host1.example', 'MX', 'host1.example exists', NODATA],
  ['sub.*.example', 'MX', 'sub.*.example exists', NODATA],
  ['_telnet._tcp.host1.example', 'SRV', '_tcp.host1.example exists, without data', NXDOMAIN],
  [
    'host.subdel.example',
    'A',
    'subdel.example exists, and is a cut',
    ['NOERROR', 'authority subdel.example 3600 NS ns.example.com', 'authority subdel.example 3600 NS ns.example.net'],
  ],
  ['ghost.*.example', 'MX', '*.example exists', NXDOMAIN],
  // And what the rest of the RFC says of the same zone.
  ['*.example', 'MX', 'asked literally (§2.3)', ['NOERROR authoritative', 'answer *.example 3600 MX 10 host1.example']],
  ['*.example', 'A', 'asked literally', NODATA],
  [
    'sub.*.example',
    'TXT',
    'a name like any other (§2.1.3)',
    ['NOERROR authoritative', 'answer sub.*.example 3600 TXT "this is not a wildcard"'],
  ],
  ['_tcp.host2.example', 'TXT', 'exists without data (§2.2.2)', NODATA],
  ['host2.example', 'TXT', 'exists without data', NODATA],
  ['a.host2.example', 'TXT', 'its closest encloser is host2.example, which has no wildcard (§3.3.1)', NXDOMAIN],
  [
    'host3.example',
    'ANY',
    'a name that a wildcard makes has whatever it has',
    ['NOERROR authoritative', 'answer host3.example 3600 HINFO RFC8482 '],
  ],
  [
    'HOST3.Example',
    'MX',
    'in the case it was asked in',
    ['NOERROR authoritative', 'answer HOST3.Example 3600 MX 10 host1.Example'],
  ],
])('%s %s: %s', (name, type, _why, reply) => {
  for (let times = 0; times < 2; times++) expect(ask(zone, name, type)).toEqual(reply);
});

test('a wildcard that itself only has names below it denies the type, not the name (§4.9)', () => {
  const empty = zoneOf('$TTL 1\nexample. SOA . . 1 2 3 4 5\nexample. NS a.\nsub.*.example. A 192.0.2.1\n');
  expect(ask(empty, 'x.example', 'A')).toEqual(['NOERROR authoritative', 'authority example 1 SOA . . 1 2 3 4 5']);
  expect(ask(empty, 'x.example', 'ANY')).toEqual(['NOERROR authoritative', 'authority example 1 SOA . . 1 2 3 4 5']);
});

test('names made of a wildcard of one length and of any other point to what they should', () => {
  const zone = zoneOf(`$TTL 1
example. SOA . . 1 2 3 4 5
example. NS a.
*.w.example. MX 1 mail.w.example.
*.w.example. MX 2 mail.example.
*.w.example. MX 3 mail.example.net.
*.w.example. MX 4 other.example.net.
*.w.example. MX 5 *.w.example.
`);
  for (const first of ['x', '*', 'xy', 'x'.repeat(63), 'a.b.c.d', 'W', 'mail', 'mail.w']) {
    expect(ask(zone, `${first}.w.example`, 'MX').slice(1)).toEqual(
      ['mail.w.example', 'mail.example', 'mail.example.net', 'other.example.net', '*.w.example'].map(
        (exchange, at) => `answer ${first}.w.example 1 MX ${at + 1} ${exchange}`,
      ),
    );
  }
});

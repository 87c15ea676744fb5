// What a zone answers, question by question, and what is no zone at all.

import { describe, expect, test } from 'vitest';
import { parseMasterFile, ZoneError } from '../../src/served/master-file.ts';
import { buildZone } from '../../src/served/zone.ts';
import { stretchOf, viewOf } from '../../src/wire/fields.ts';
import { ask, messageFor, TYPES, wireName, zoneOf } from './ask.ts';

const HEAD = `$ORIGIN example.test.
$TTL 3600
@ SOA ns1 host 1 7200 1800 1209600 300
@ NS ns1
ns1 A 192.0.2.53
`;
const SOA_WORDS = 'ns1.example.test host.example.test 1 7200 1800 1209600 300';
/** The SOA as negative answers have it. */
const DENIAL = `authority example.test 300 SOA ${SOA_WORDS}`;

describe('an answer from the zone', () => {
  const zone = zoneOf(`${HEAD}
@     A 192.0.2.1
      AAAA 2001:db8::1
      MX 10 mail
      MX 20 mail.example.net.
      TXT "one" "two"
      CAA 0 issue "ca.example.net"
mail  A 192.0.2.25
www   60 A 192.0.2.80
www   60 A 192.0.2.81
_sip._tcp SRV 1 2 5060 www
80.rev PTR www
odd   TYPE65 \\# 3 010203
bytes TXT "\\000\\255"
`);

  test('says what it is', () => {
    expect({ ...zone, answer: undefined }).toEqual({
      origin: 'example.test.',
      names: 8,
      records: 16,
      answer: undefined,
    });
  });

  test.each<[string, string, string[]]>([
    ['example.test', 'SOA', [`answer example.test 3600 SOA ${SOA_WORDS}`]],
    ['example.test', 'NS', ['answer example.test 3600 NS ns1.example.test']],
    ['example.test', 'A', ['answer example.test 3600 A 192.0.2.1']],
    ['example.test', 'AAAA', ['answer example.test 3600 AAAA 2001:db8::1']],
    [
      'example.test',
      'MX',
      ['answer example.test 3600 MX 10 mail.example.test', 'answer example.test 3600 MX 20 mail.example.net'],
    ],
    ['example.test', 'TXT', ['answer example.test 3600 TXT "one" "two"']],
    ['example.test', 'CAA', ['answer example.test 3600 CAA 0 issue ca.example.net false']],
    ['www.example.test', 'A', ['answer www.example.test 60 A 192.0.2.80', 'answer www.example.test 60 A 192.0.2.81']],
    ['_sip._tcp.example.test', 'SRV', ['answer _sip._tcp.example.test 3600 SRV 1 2 5060 www.example.test']],
    ['80.rev.example.test', 'PTR', ['answer 80.rev.example.test 3600 PTR www.example.test']],
    ['odd.example.test', 'HTTPS', ['answer odd.example.test 3600 UNKNOWN_65 010203']],
  ])('%s %s', (name, type, answers) => {
    expect(ask(zone, name, type)).toEqual(['NOERROR authoritative', ...answers]);
    // The second time it is a ready one.
    expect(ask(zone, name, type)).toEqual(['NOERROR authoritative', ...answers]);
    expect(zone.answer(wireName(name.toUpperCase()), TYPES[type] ?? 0)).toBe(
      zone.answer(wireName(name), TYPES[type] ?? 0),
    );
  });

  test('names are compared without case and come back in the case they were asked in (RFC 4343)', () => {
    expect(ask(zone, 'wWw.eXAMPLE.tEST', 'A')[1]).toBe('answer wWw.eXAMPLE.tEST 60 A 192.0.2.80');
    expect(ask(zone, 'nO.eXAMPLE.tEST', 'A')).toEqual([
      'NXDOMAIN authoritative',
      'authority eXAMPLE.tEST 300 SOA ns1.eXAMPLE.tEST host.eXAMPLE.tEST 1 7200 1800 1209600 300',
    ]);
    expect(zoneOf(HEAD.replaceAll('ns1', 'NS1').replace('example', 'EXAMPLE')).origin).toBe('example.test.');
  });

  test('only A to Z have a case: a byte 0xC1 is not 0xE1', () => {
    const other = zoneOf(`${HEAD}\\225 A 192.0.2.1\n{@ A 192.0.2.1`);
    // `[` and backquote stand right behind Z and before a; `@` and `{` are their neighbours on the other side.
    for (const name of ['[@', '{`', '[`'])
      expect(ask(other, `${name}.example.test`, 'A')[0]).toBe('NXDOMAIN authoritative');
    expect(ask(other, '{@.example.test', 'A')[0]).toBe('NOERROR authoritative');
    expect(ask(other, '\\225.example.test', 'A')[0]).toBe('NOERROR authoritative');
    expect(ask(other, '\\193.example.test', 'A')[0]).toBe('NXDOMAIN authoritative');
  });

  test('what is kept ready stands close together, and keeps nothing else alive', () => {
    const many = zoneOf(`${HEAD}${Array.from({ length: 500 }, (_none, at) => `host${at} A 192.0.2.1`).join('\n')}`);
    const slabs = new Set<unknown>();
    for (let at = 0; at < 500; at++) {
      slabs.add(many.answer(wireName(`host${at}.example.test`), 1).bytes);
      for (const name of ['no', 'nobody', 'nothing']) many.answer(wireName(`${name}.example.test`), 1);
    }
    // 500 answers of 16 bytes.
    expect(slabs.size).toBeLessThanOrEqual(3);
  });

  test('the bytes: the owner is a pointer to the question, and so is every name that ends like it (RFC 1035 §4.1.4)', () => {
    expect(messageFor(zone, wireName('www.example.test'), 1).subarray(12).toString('hex')).toBe(
      [
        '03777777076578616d706c65047465737400', // www.example.test
        '00010001', // A IN
        'c00c00010001', // the name at byte 12, A IN
        '0000003c0004c0000250', // 60 s, 4 bytes, 192.0.2.80
        'c00c000100010000003c0004c0000251', // and 192.0.2.81
      ].join(''),
    );
    expect(messageFor(zone, wireName('example.test'), 15).subarray(12).toString('hex')).toBe(
      [
        '076578616d706c650474657374 00', // example.test: `test` stands at byte 20
        '000f0001', // MX IN
        'c00c000f000100000e10', // the name at byte 12, MX IN, 3600 s
        '0009 000a 046d61696c c00c', // 9 bytes: preference 10, `mail` at byte 44 and then what stands at byte 12
        'c00c000f000100000e10', // the same again
        '0014 0014 046d61696c 076578616d706c65 036e657400', // 20 bytes: preference 20, mail.example.net in full
      ]
        .join('')
        .replaceAll(' ', ''),
    );
    // SRV is younger than RFC 1035: not every reader would follow a pointer in it (RFC 2782, RFC 3597 §4).
    expect(viewOf(zone.answer(wireName('_sip._tcp.example.test'), 33)).toString('hex')).toBe(
      ['c00c0021000100000e100018', '0001000213c4', '03777777076578616d706c65047465737400'].join(''),
    );
    // A denial for a longer name: the origin stands further on in the question, and what stands behind it has moved as far.
    expect(viewOf(zone.answer(wireName('no.example.test'), 1)).toString('hex')).toBe(
      [
        'c00f00060001', // example.test at byte 15, SOA IN
        '0000012c 0021', // 300 s, 33 bytes
        '036e7331 c00f', // ns1 and then what stands at byte 15
        '04686f7374 c00f', // host likewise
        '00000001 00001c20 00000708 00127500 0000012c',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  test('bytes that are no text stay what they are', () => {
    expect(
      viewOf(zone.answer(wireName('bytes.example.test'), 16))
        .subarray(-3)
        .toString('hex'),
    ).toBe('0200ff');
  });
});

describe('no such name, no such type', () => {
  const zone = zoneOf(`${HEAD}
www A 192.0.2.80
a.b.deep A 192.0.2.1
leaf.x\\.y A 192.0.2.2
`);

  test('a name that is not there is NXDOMAIN, with the SOA for as long as that may be remembered (RFC 2308 §2.1)', () => {
    expect(ask(zone, 'no.example.test', 'A')).toEqual(['NXDOMAIN authoritative', DENIAL]);
    expect(ask(zone, 'a.b.c.d.example.test', 'TXT')).toEqual(['NXDOMAIN authoritative', DENIAL]);
    expect(ask(zone, 'below.www.example.test', 'A')).toEqual(['NXDOMAIN authoritative', DENIAL]);
    expect(ask(zone, 'no.example.test', 'ANY')).toEqual(['NXDOMAIN authoritative', DENIAL]);
  });

  test('a type that is not there is NOERROR with nothing in it (RFC 2308 §2.2)', () => {
    expect(ask(zone, 'www.example.test', 'AAAA')).toEqual(['NOERROR authoritative', DENIAL]);
    expect(ask(zone, 'example.test', 'A')).toEqual(['NOERROR authoritative', DENIAL]);
    expect(ask(zone, 'example.test', '65280')).toEqual(['NOERROR authoritative', DENIAL]);
  });

  test('a name that only has names below it exists (RFC 8020)', () => {
    for (const name of ['b.deep.example.test', 'deep.example.test', 'x\\046y.example.test']) {
      expect(ask(zone, name, 'A')).toEqual(['NOERROR authoritative', DENIAL]);
      expect(ask(zone, name, 'ANY')).toEqual(['NOERROR authoritative', DENIAL]);
    }
    // A dot inside a label ends nothing: these are other names.
    expect(ask(zone, 'y.example.test', 'A')[0]).toBe('NXDOMAIN authoritative');
    expect(ask(zone, 'x.y.example.test', 'A')[0]).toBe('NXDOMAIN authoritative');
  });

  test('the SOA is told with the lower of its TTL and its MINIMUM (RFC 2308 §3)', () => {
    const short = zoneOf(HEAD.replace('@ SOA', '@ 60 SOA'));
    expect(ask(short, 'no.example.test', 'A')[1]).toBe(`authority example.test 60 SOA ${SOA_WORDS}`);
    expect(ask(short, 'example.test', 'SOA')[1]).toBe(`answer example.test 60 SOA ${SOA_WORDS}`);
    expect(ask(zone, 'example.test', 'SOA')[1]).toBe(`answer example.test 3600 SOA ${SOA_WORDS}`);
  });

  test('a name outside the zone is refused, even one that ends in the same bytes', () => {
    const refused = {
      rcode: 5,
      authoritative: false,
      answers: 0,
      authority: 0,
      additional: 0,
      ...stretchOf(Buffer.alloc(0)),
    };
    for (const name of [
      'test',
      'example.net',
      'www.example.net',
      'badexample.test',
      'example.test.net',
      'bad\\007example.test',
      '.',
    ])
      for (const type of [1, 6, 255]) expect(zone.answer(wireName(name), type), name).toEqual(refused);
  });

  test('whatever is handed over as a name, it comes to an end', () => {
    for (const bytes of [
      '',
      '03',
      '00',
      '0377',
      'c00c',
      'ffffffff',
      '3f'.repeat(300),
      '01'.repeat(255),
      '00'.repeat(300),
    ])
      expect(zone.answer(Buffer.from(bytes, 'hex'), 1).rcode).toBe(5);
  });
});

describe('aliases', () => {
  const links = Array.from({ length: 20 }, (_none, at) => `link${at} CNAME link${at + 1}`).join('\n');
  const zone = zoneOf(`${HEAD}
www    A 192.0.2.80
       A 192.0.2.81
alias  60 CNAME www
chain  CNAME alias
away   CNAME www.example.net.
gone   CNAME nobody
hen    CNAME egg
egg    CNAME hen
self   CNAME self
tosub  CNAME host.sub
cut    CNAME sub
up     CNAME @
*.star CNAME www
*.eat  CNAME x.eat
tostar CNAME any.star
toall  CNAME any.all
*.all  A 192.0.2.9
${links}
link20 A 192.0.2.20
sub    NS ns.sub
ns.sub A 192.0.2.153
sub    TYPE43 \\# 4 00010203
`);
  const WWW = ['answer www.example.test 3600 A 192.0.2.80', 'answer www.example.test 3600 A 192.0.2.81'];
  const ALIAS = 'answer alias.example.test 60 CNAME www.example.test';
  const REFERRAL = [
    'authority sub.example.test 3600 NS ns.sub.example.test',
    'additional ns.sub.example.test 3600 A 192.0.2.153',
  ];

  test.each<[what: string, name: string, type: string, reply: string[]]>([
    ['is followed', 'alias', 'A', ['NOERROR', ALIAS, ...WWW]],
    [
      'and followed on',
      'chain',
      'A',
      ['NOERROR', 'answer chain.example.test 3600 CNAME alias.example.test', ALIAS, ...WWW],
    ],
    ['to a name without this type', 'alias', 'AAAA', ['NOERROR', ALIAS, DENIAL]],
    [
      'to a name that does not exist (RFC 6604)',
      'gone',
      'A',
      ['NXDOMAIN', 'answer gone.example.test 3600 CNAME nobody.example.test', DENIAL],
    ],
    ['out of the zone', 'away', 'A', ['NOERROR', 'answer away.example.test 3600 CNAME www.example.net']],
    [
      'to the zone itself',
      'up',
      'NS',
      ['NOERROR', 'answer up.example.test 3600 CNAME example.test', 'answer example.test 3600 NS ns1.example.test'],
    ],
    [
      'below a delegation',
      'tosub',
      'A',
      ['NOERROR', 'answer tosub.example.test 3600 CNAME host.sub.example.test', ...REFERRAL],
    ],
    ['to a delegation', 'cut', 'A', ['NOERROR', 'answer cut.example.test 3600 CNAME sub.example.test', ...REFERRAL]],
    [
      'to a delegation, for its DS',
      'cut',
      'DS',
      ['NOERROR', 'answer cut.example.test 3600 CNAME sub.example.test', 'answer sub.example.test 3600 DS 1 2 3 '],
    ],
    ['out of the zone, for a DS', 'away', 'DS', ['NOERROR', 'answer away.example.test 3600 CNAME www.example.net']],
    [
      'in a circle of two',
      'hen',
      'A',
      [
        'NOERROR',
        'answer hen.example.test 3600 CNAME egg.example.test',
        'answer egg.example.test 3600 CNAME hen.example.test',
      ],
    ],
    ['in a circle of one', 'self', 'A', ['NOERROR', 'answer self.example.test 3600 CNAME self.example.test']],
    ['is itself, asked as such', 'alias', 'CNAME', ['NOERROR', ALIAS]],
    ['is all there is (RFC 8482 §4.2)', 'alias', 'ANY', ['NOERROR', ALIAS]],
    ['of a wildcard', 'x.y.star', 'A', ['NOERROR', 'answer x.y.star.example.test 3600 CNAME www.example.test', ...WWW]],
    [
      'of a wildcard, asked as such',
      'x.star',
      'CNAME',
      ['NOERROR', 'answer x.star.example.test 3600 CNAME www.example.test'],
    ],
    [
      'of a wildcard, for all there is',
      'x.star',
      'ANY',
      ['NOERROR', 'answer x.star.example.test 3600 CNAME www.example.test'],
    ],
    [
      'of a wildcard by its own name',
      '*.star',
      'A',
      ['NOERROR', 'answer *.star.example.test 3600 CNAME www.example.test', ...WWW],
    ],
    [
      'to a wildcard that is an alias',
      'tostar',
      'A',
      [
        'NOERROR',
        'answer tostar.example.test 3600 CNAME any.star.example.test',
        'answer any.star.example.test 3600 CNAME www.example.test',
        ...WWW,
      ],
    ],
    [
      'to a wildcard',
      'toall',
      'A',
      [
        'NOERROR',
        'answer toall.example.test 3600 CNAME any.all.example.test',
        'answer any.all.example.test 3600 A 192.0.2.9',
      ],
    ],
    [
      'of a wildcard, into itself',
      'y.eat',
      'A',
      [
        'NOERROR',
        'answer y.eat.example.test 3600 CNAME x.eat.example.test',
        'answer x.eat.example.test 3600 CNAME x.eat.example.test',
      ],
    ],
    [
      'of a wildcard, to the name asked',
      'x.eat',
      'A',
      ['NOERROR', 'answer x.eat.example.test 3600 CNAME x.eat.example.test'],
    ],
  ])('an alias %s: %s %s', (_what, name, type, [rcode = '', ...records]) => {
    // Whoever else has asked before, and however often: what is kept ready changes no answer.
    for (const before of [type, 'A', 'DS', 'TXT', 'CNAME', 'ANY', type]) {
      ask(zone, `${name}.example.test`, before);
      expect(ask(zone, `${name}.example.test`, type)).toEqual([`${rcode} authoritative`, ...records]);
    }
  });

  test('sixteen links are followed, and the reader goes on from there', () => {
    const [, ...answers] = ask(zone, 'link0.example.test', 'A');
    expect(answers).toHaveLength(16);
    expect(answers.at(-1)).toBe('answer link15.example.test 3600 CNAME link16.example.test');
    expect(ask(zone, 'link16.example.test', 'A').at(-1)).toBe('answer link20.example.test 3600 A 192.0.2.20');
    // Sixteen and their end.
    expect(ask(zone, 'link4.example.test', 'A')).toHaveLength(1 + 16 + 1);
  });

  test('what is there is kept ready, what is not is made anew: memory grows with the zone, never with questions', () => {
    const answer = (name: string, type: number) => zone.answer(wireName(`${name}.example.test`), type);
    for (const [name, type] of [
      ['www', 1],
      ['alias', 1],
      ['alias', 5],
      ['sub', 1],
    ] as const)
      expect(answer(name, type)).toBe(answer(name, type));
    for (const [name, type] of [
      ['no', 1],
      ['alias', 99],
      ['x.star', 1],
      ['xy.all', 1],
    ] as const)
      expect(answer(name, type)).not.toBe(answer(name, type));
    // Wherever it leads that the type makes no difference, the same bytes serve every type.
    expect(zone.answer(wireName('away.example.test'), 1)).toBe(zone.answer(wireName('away.example.test'), 28));
    expect(zone.answer(wireName('gone.example.test'), 1)).toBe(zone.answer(wireName('gone.example.test'), 28));
  });
});

describe('delegations', () => {
  const zone = zoneOf(`${HEAD}
sub          NS ns.sub
sub          NS ns1
sub          NS ns.example.net.
ns.sub       A 192.0.2.153
             AAAA 2001:db8::153
deep.sub     NS ns.deep.sub
ns.deep.sub  A 192.0.2.154
*.sub        A 192.0.2.155
sub          TYPE43 \\# 4 00010203
bare.ent     NS ns.example.net.
`);
  const REFERRAL = [
    'NOERROR',
    'authority sub.example.test 3600 NS ns.sub.example.test',
    'authority sub.example.test 3600 NS ns1.example.test',
    'authority sub.example.test 3600 NS ns.example.net',
    'additional ns.sub.example.test 3600 A 192.0.2.153',
    'additional ns.sub.example.test 3600 AAAA 2001:db8::153',
    'additional ns1.example.test 3600 A 192.0.2.53',
  ];

  test.each([
    ['sub', 'A'],
    ['sub', 'NS'],
    ['sub', 'SOA'],
    ['sub', 'ANY'],
    ['ns.sub', 'A'],
    ['no.sub', 'A'],
    ['a.b.c.sub', 'TXT'],
    ['deep.sub', 'NS'],
    ['deep.sub', 'DS'],
    ['ns.deep.sub', 'A'],
    ['*.sub', 'A'],
  ])('%s %s is another’s to answer, and here is who (RFC 1034 §4.3.2, step 3b)', (name, type) => {
    for (let times = 0; times < 2; times++) expect(ask(zone, `${name}.example.test`, type)).toEqual(REFERRAL);
  });

  test('the DS of a delegation is told from above it, and no other name’s (RFC 4035 §3.1.4.1)', () => {
    expect(ask(zone, 'sub.example.test', 'DS')).toEqual([
      'NOERROR authoritative',
      'answer sub.example.test 3600 DS 1 2 3 ',
    ]);
    expect(ask(zone, 'bare.ent.example.test', 'DS')).toEqual(['NOERROR authoritative', DENIAL]);
    // And it makes nothing else of the name ours.
    expect(ask(zone, 'sub.example.test', 'A')).toEqual(REFERRAL);
  });

  test('between the zone and a delegation names exist as everywhere', () => {
    expect(ask(zone, 'ent.example.test', 'A')).toEqual(['NOERROR authoritative', DENIAL]);
    expect(ask(zone, 'x.bare.ent.example.test', 'A')).toEqual([
      'NOERROR',
      'authority bare.ent.example.test 3600 NS ns.example.net',
    ]);
  });

  test('the root zone of RFC 1034 §6.1, and its questions', () => {
    const root = zoneOf(`
.                     86400 IN SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. ( 870611 1800 300 604800 86400 )
                      86400    NS A.ISI.EDU.
                      86400    NS C.ISI.EDU.
                      86400    NS SRI-NIC.ARPA.
MIL.                  86400    NS SRI-NIC.ARPA.
                      86400    NS A.ISI.EDU.
SRI-NIC.ARPA.         86400    A 26.0.0.73
                      86400    A 10.0.0.51
                      86400    MX 0 SRI-NIC.ARPA.
USC-ISIC.ARPA.        86400    CNAME C.ISI.EDU.
A.ISI.EDU.            86400    A 26.3.0.103
C.ISI.EDU.            86400    A 10.0.0.52
`);
    expect(root.origin).toBe('.');
    expect(ask(root, 'SRI-NIC.ARPA', 'A')).toEqual([
      'NOERROR authoritative',
      'answer SRI-NIC.ARPA 86400 A 26.0.0.73',
      'answer SRI-NIC.ARPA 86400 A 10.0.0.51',
    ]);
    expect(ask(root, 'SRI-NIC.ARPA', 'MX')).toEqual([
      'NOERROR authoritative',
      'answer SRI-NIC.ARPA 86400 MX 0 SRI-NIC.ARPA',
    ]);
    const denial = 'authority . 86400 SOA SRI-NIC.ARPA HOSTMASTER.SRI-NIC.ARPA 870611 1800 300 604800 86400';
    expect(ask(root, 'SRI-NIC.ARPA', 'NS')).toEqual(['NOERROR authoritative', denial]);
    expect(ask(root, 'SIR-NIC.ARPA', 'A')).toEqual(['NXDOMAIN authoritative', denial]);
    expect(ask(root, 'SRI-NIC.ARPA', 'ANY')).toEqual([
      'NOERROR authoritative',
      'answer SRI-NIC.ARPA 3600 HINFO RFC8482 ',
    ]);
    expect(ask(root, 'BRL.MIL', 'A')).toEqual([
      'NOERROR',
      'authority MIL 86400 NS SRI-NIC.ARPA',
      'authority MIL 86400 NS A.ISI.EDU',
      'additional SRI-NIC.ARPA 86400 A 26.0.0.73',
      'additional SRI-NIC.ARPA 86400 A 10.0.0.51',
      'additional A.ISI.EDU 86400 A 26.3.0.103',
    ]);
    expect(ask(root, 'USC-ISIC.ARPA', 'A')).toEqual([
      'NOERROR authoritative',
      'answer USC-ISIC.ARPA 86400 CNAME C.ISI.EDU',
      'answer C.ISI.EDU 86400 A 10.0.0.52',
    ]);
    expect(ask(root, 'USC-ISIC.ARPA', 'CNAME')).toEqual([
      'NOERROR authoritative',
      'answer USC-ISIC.ARPA 86400 CNAME C.ISI.EDU',
    ]);
    expect(ask(root, '.', 'NS')).toHaveLength(4);
    expect(ask(root, '.', 'A')).toEqual(['NOERROR authoritative', denial]);
    expect(ask(root, '.', 'ANY')).toEqual(['NOERROR authoritative', 'answer . 3600 HINFO RFC8482 ']);
  });
});

describe('sizes', () => {
  const label = 'a'.repeat(63);
  const long = `${label}.${label}.${label}.${'b'.repeat(48)}`;

  test('names of 255 bytes are asked, answered, denied and referred', () => {
    const zone = zoneOf(`${HEAD}${long} MX 10 mail\n${long.slice(0, -1)} MX 10 mail\nd NS ns.d\nns.d A 192.0.2.1`);
    expect(wireName(`${long}.example.test`)).toHaveLength(255);
    expect(ask(zone, `${long}.example.test`, 'MX')).toEqual([
      'NOERROR authoritative',
      `answer ${long}.example.test 3600 MX 10 mail.example.test`,
    ]);
    expect(ask(zone, `c${long.slice(1)}.example.test`, 'MX')[0]).toBe('NXDOMAIN authoritative');
    expect(ask(zone, `${long.slice(0, -2)}.d.example.test`, 'MX')[1]).toBe(
      'authority d.example.test 3600 NS ns.d.example.test',
    );
  });

  test('127 labels, each of which exists', () => {
    const zone = zoneOf(`$TTL 1\nt. SOA . . 1 1 1 1 1\nt. NS a.\n${'a.'.repeat(125)}t. A 192.0.2.1`);
    expect(ask(zone, `${'a.'.repeat(125)}t`, 'A')[1]).toMatch(/ A 192\.0\.2\.1$/);
    expect(ask(zone, `${'a.'.repeat(124)}t`, 'A')[0]).toBe('NOERROR authoritative');
    expect(ask(zone, `${'a.'.repeat(124)}b.t`, 'A')[0]).toBe('NXDOMAIN authoritative');
    expect(ask(zone, `b.${'a.'.repeat(124)}t`, 'A')[0]).toBe('NXDOMAIN authoritative');
  });

  test('an answer of more than 16 KiB points no further than 14 bits reach, one of more than 64 KiB is whole', () => {
    // Each name but the first ends like the one before it, so there is something to point at everywhere.
    const exchanges = (count: number) =>
      Array.from({ length: count }, (_none, at) => `MX ${at} mail${at}.host-${at >> 1}.example.net.`).join('\n ');
    const zone = zoneOf(`${HEAD}many ${exchanges(1000)}\nmore ${exchanges(4000)}\n*.wild ${exchanges(1000)}`);
    expect(viewOf(zone.answer(wireName('many.example.test'), 15)).length).toBeGreaterThan(0x4000);
    expect(ask(zone, 'many.example.test', 'MX')).toHaveLength(1001);
    expect(ask(zone, 'many.example.test', 'MX').at(-1)).toBe(
      'answer many.example.test 3600 MX 999 mail999.host-499.example.net',
    );
    expect(zone.answer(wireName('more.example.test'), 15)).toMatchObject({ answers: 4000 });
    expect(viewOf(zone.answer(wireName('more.example.test'), 15)).length).toBeGreaterThan(0xffff);
    // The longest name a wildcard can match: all pointers have moved, and still fit.
    const far = `${label}.${label}.${label}.${'b'.repeat(43)}.wild.example.test`;
    expect(ask(zone, far, 'MX').at(-1)).toBe(`answer ${far} 3600 MX 999 mail999.host-499.example.net`);
  });

  test('twenty thousand names, each with its own answer', () => {
    function* text() {
      yield HEAD;
      for (let at = 0; at < 20_000; at++) yield `host${at} A 10.0.${at >>> 8}.${at & 255}\n`;
    }
    const zone = zoneOf([...text()].join(''));
    expect(zone.names).toBe(20_002);
    for (const at of [0, 1, 9_999, 19_999])
      expect(ask(zone, `host${at}.example.test`, 'A')[1]).toBe(
        `answer host${at}.example.test 3600 A 10.0.${at >>> 8}.${at & 255}`,
      );
    expect(ask(zone, 'host20000.example.test', 'A')[0]).toBe('NXDOMAIN authoritative');
  });
});

describe('what is read but said once', () => {
  test('exact duplicates are dropped, even the SOA at the end of a zone transfer', () => {
    const zone = zoneOf(
      `${HEAD}www A 192.0.2.1\nWWW A 192.0.2.1\nwww A 192.0.2.2\nwww A 192.0.2.2\nal CNAME www\nal CNAME www\n@ SOA ns1 host 1 7200 1800 1209600 300\n`,
    );
    expect(zone.records).toBe(6);
    expect(ask(zone, 'www.example.test', 'A')).toHaveLength(3);
    expect(ask(zone, 'al.example.test', 'CNAME')).toHaveLength(2);
    expect(ask(zone, 'example.test', 'SOA')).toHaveLength(2);
  });

  test('the TTLs of one RRset become the lowest of them (RFC 2181 §5.2)', () => {
    const zone = zoneOf(`${HEAD}www 60 A 192.0.2.1\nwww 30 A 192.0.2.2\nwww 90 A 192.0.2.3\nwww 90 AAAA ::1`);
    expect(ask(zone, 'www.example.test', 'A').slice(1)).toEqual([
      'answer www.example.test 30 A 192.0.2.1',
      'answer www.example.test 30 A 192.0.2.2',
      'answer www.example.test 30 A 192.0.2.3',
    ]);
    expect(ask(zone, 'www.example.test', 'AAAA')[1]).toBe('answer www.example.test 90 AAAA ::1');
  });

  test('the SOA need not come first', () => {
    const zone = zoneOf(`$TTL 60\n$ORIGIN example.test.\nwww A 192.0.2.1\n@ NS www\n@ SOA ns1 host 1 2 3 4 5\n`);
    expect(zone).toMatchObject({ origin: 'example.test.', names: 2, records: 3 });
    expect(ask(zone, 'www.example.test', 'A')).toHaveLength(2);
  });
});

describe('what is no zone', () => {
  const ALIAS_RULE = 'is an alias (CNAME) and can have no other record (RFC 1034 §3.6.2)';
  test.each<[string, string]>([
    [
      '$ORIGIN example.test.\n$TTL 1\n\n@ NS ns1',
      'z:4: the zone has no SOA record, which says where it begins (RFC 1035 §5.2)',
    ],
    ['', 'z:1: the zone has no SOA record, which says where it begins (RFC 1035 §5.2)'],
    [
      '$TTL 1\nexample.test. SOA . . 1 2 3 4 5',
      'z:2: example.test. has no NS record: a zone names its own servers (RFC 1034 §4.2.1)',
    ],
    ['$TTL 1\n*.test. SOA . . 1 2 3 4 5', 'z:2: *.test. is a wildcard, and no zone begins there'],
    [`${HEAD}www.example.net. A 192.0.2.1`, 'z:6: www.example.net. is outside the zone example.test.'],
    [`${HEAD}badexample.test. A 192.0.2.1`, 'z:6: badexample.test. is outside the zone example.test.'],
    [`${HEAD}bad\\007example.test. A 192.0.2.1`, 'z:6: bad\\007example.test. is outside the zone example.test.'],
    [`${HEAD}test. A 192.0.2.1`, 'z:6: test. is outside the zone example.test.'],
    [`www.example.net. 1 A 192.0.2.1\n${HEAD}`, 'z:1: www.example.net. is outside the zone example.test.'],
    [`${HEAD}@ SOA ns1 host 2 7200 1800 1209600 300`, 'z:6: a second SOA, which is not the same as the first'],
    [
      `${HEAD}sub SOA ns1 host 1 7200 1800 1209600 300`,
      'z:6: sub.example.test. has an SOA inside example.test.: another zone is a file of its own',
    ],
    [
      `${HEAD}@ CNAME www`,
      'z:6: example.test. is the zone itself and no alias (CNAME): it has an SOA (RFC 1034 §3.6.2)',
    ],
    [
      `${HEAD}@ TYPE43 \\# 4 00010203`,
      'z:6: example.test. is the zone itself: its DS belongs to the zone above (RFC 4035 §2.4)',
    ],
    [`${HEAD}www CNAME a\nwww A 192.0.2.1`, `z:7: www.example.test. ${ALIAS_RULE}`],
    [`${HEAD}www A 192.0.2.1\nWWW CNAME a`, `z:7: www.example.test. ${ALIAS_RULE}`],
    [
      `${HEAD}www CNAME a\nwww CNAME b`,
      'z:7: www.example.test. has a second CNAME: an alias stands for one name (RFC 1034 §3.6.2)',
    ],
    [`${HEAD}*.sub NS ns1`, 'z:6: *.sub.example.test.: a wildcard cannot be delegated (RFC 4592 §4.2)'],
    [
      `${HEAD}@ MX 10 (\n www )\nwww CNAME ns1`,
      'z:6: this MX names www.example.test., which is an alias (CNAME): name the host itself (RFC 2181 §10.3)',
    ],
    [
      `${HEAD}www CNAME ns1\n@ NS WWW`,
      'z:7: this NS names www.example.test., which is an alias (CNAME): name the host itself (RFC 2181 §10.3)',
    ],
    [
      `${HEAD}_x._tcp SRV 1 2 3 www\nwww CNAME ns1`,
      'z:6: this SRV names www.example.test., which is an alias (CNAME): name the host itself (RFC 2782)',
    ],
  ])('%j', (text, message) => {
    let thrown: unknown;
    try {
      buildZone(parseMasterFile(text, { file: 'z' }), 'z');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ZoneError);
    expect((thrown as ZoneError).message).toBe(message);
  });

  test('a target outside the zone, or that only has no address, is nobody’s fault here', () => {
    expect(zoneOf(`${HEAD}@ MX 10 mail.example.net.\n@ MX 20 nobody\n@ MX 0 .`).records).toBe(6);
  });
});

// What Wireshark makes of a run: tshark is its dissectors without the window.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Entry, PacketRow } from '../../src/capture/records.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { noteInWords } from '../../src/log/events.ts';
import { pcapng } from '../../src/log/pcapng.ts';
import { needs, program } from '../peers.ts';
import { type PlayedRun, playedRun } from './runs.ts';

/** Where our fields of HTTP are finer than those of tshark, with the reason. */
const HEADERS: [ids: RegExp, why: string][] = [
  [/^((method|target|version|status)\.space|host\.colon|start\.end)$/, 'tshark gives what separates no range'],
  [
    /^(host|port|date|connection|upgrade|cookie|set-cookie|cache-control|content-|sec-websocket-)/,
    'tshark gives a header one range from its name to the end of its line, we its name, its parts and that end',
  ],
];

/** Stories that are told by tshark, the layers it gives the protocol, and where our fields are finer than its own, with the reason. */
const STORIES: { named: string; layers: string[]; finer: [ids: RegExp, why: string][] }[] = [
  { named: 'udp-echo/plain', layers: ['echo'], finer: [] },
  {
    named: 'dns/cookie',
    layers: ['dns'],
    finer: [
      [/^(qr|opcode|aa|tc|rd|ra|z|ad|cd|rcode)$/, 'tshark gives each bit of the flags the range of both their bytes'],
      [/^opt\.(do|z2?)$/, 'likewise the flags of OPT'],
      [/^opt\.cookie\.\w+$/, 'tshark reads a server cookie as one value, which RFC 9018 §4 takes apart'],
      [
        /\.(target|mname|rname)(\.pointer)?$/,
        'tshark gives a compressed name one range, we its labels and its pointer',
      ],
      [/\.text\d*$/, 'tshark gives the length of a character-string a range of its own'],
    ],
  },
  { named: 'mqtt/disk', layers: ['mqtt'], finer: [] },
  {
    named: 'ftp/memory',
    layers: ['ftp'],
    finer: [
      [/^(first|second|third)$/, 'tshark gives a reply code one range, we each digit, since each says something'],
      [/^(space|end)$/, 'tshark gives what separates no range'],
      [/^(before|after)$/, 'the text around the port of EPSV'],
    ],
  },
  {
    named: 'http/hybrid',
    layers: ['http'],
    finer: [
      ...HEADERS,
      [/^query/, 'tshark gives the query of a target one range, we each parameter'],
      [
        /^(body|password)/,
        'tshark gives a body one range, and what it makes of JSON lies in other layers; we tell the secrets in it',
      ],
    ],
  },
  {
    named: 'websocket/resume',
    layers: ['http', 'websocket'],
    finer: [
      ...HEADERS,
      [
        /^(join|as|after|say|nr|welcome|members|last|missed|id|from|text)$/,
        'tshark gives a payload one range, we each member of the object in it',
      ],
    ],
  },
];

const CHECKS = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum'].flatMap((each) => [
  '-o',
  `${each}:TRUE`,
]);

function written({ header, card, entries, arms }: PlayedRun): string {
  const { path, remove } = temporaryFolder();
  onTestFinished(remove);
  const file = join(path, 'run.pcapng');
  const ledgers = new Map(arms.map(({ entries: [first], ledger }) => [first?.arm ?? 0, ledger]));
  const port = card.registered ?? card.port;
  writeFileSync(file, pcapng({ title: `${header.protocol}/${header.design}`, port, entries, ledgers }));
  return file;
}

function tshark(...words: string[]): string {
  const { stdout, stderr, status } = spawnSync('tshark', words, { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`tshark ended with ${status}: ${stderr}`);
  return stdout;
}

const messages = (entries: readonly Entry[]) =>
  entries.filter((entry) => entry.is === 'packet' && !entry.unsent) as (PacketRow & { row: number; arm: number })[];

interface Dissected {
  row: number;
  comments: string[];
  /** Ranges by layer: from its first byte on, `start end`. */
  ranges: Set<string>;
  /** The ends of all of them. */
  bounds: Set<number>;
  layers: string[];
}

/** The packets of a PDML file that have a row of ours. */
function dissected(pdml: string, layers: readonly string[]): Dissected[] {
  return pdml.split('<packet>').flatMap((packet): Dissected[] => {
    const elements = [...packet.matchAll(/<(proto|field) ([^>]*?)\/?>/g)].map(([, kind = '', words = '']) => {
      const word = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(words)?.[1] ?? '';
      const number = (name: string) => Number(word(name) || -1);
      return { kind, name: word('name'), show: word('show'), pos: number('pos'), size: number('size') };
    });
    const comments = elements.filter(({ name }) => name === 'frame.comment').map(({ show }) => unescaped(show));
    const row = Number(/^#(\d+) /.exec(comments[0] ?? '')?.[1]);
    if (!row) return [];
    const all = elements.filter(({ kind }) => kind === 'proto').map(({ name }) => name);
    let inside = false;
    let base = -1;
    const ranges = new Set<string>();
    const bounds = new Set<number>();
    // What was masked it unmasks into a buffer of its own, and counts from there: those places are none of the packet's.
    const unmasked = elements.findIndex(({ name }) => name === 'websocket.masked_payload');
    for (const [index, { kind, name, pos, size }] of elements.entries()) {
      if (kind === 'proto') inside = layers.includes(name);
      if (unmasked >= 0 && index > unmasked) break;
      // Without a length it is a remark of tshark's about the whole, not a place in it.
      if (!inside || pos < 0 || size === 0) continue;
      // Text that it has decoded stands in such a buffer as well.
      if (base >= 0 && pos < base) continue;
      if (base < 0) base = pos;
      ranges.add(`${pos - base} ${pos - base + size}`);
      bounds.add(pos - base).add(pos - base + size);
    }
    return [{ row, comments, ranges, bounds, layers: all }];
  });
}

function unescaped(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(\w+);/g, (whole, name: string) => named[name] ?? whole);
}

const runs = new Map<string, Promise<PlayedRun>>();

/** The same run for whoever asks: nobody here changes it. */
function playedOnce(named: string): Promise<PlayedRun> {
  const run = runs.get(named) ?? playedRun(named);
  runs.set(named, run);
  return run;
}

describe.each(STORIES)('$named', ({ named, layers, finer }) => {
  test('tshark finds nothing malformed, no bad checksum and no odd sequence number', async (context) => {
    needs(context, 'tshark');
    const file = written(await playedOnce(named));
    const odd =
      '_ws.malformed or ip.checksum.status == 0 or tcp.checksum.status == 0 or udp.checksum.status == 0 or tcp.analysis.flags or (_ws.expert.severity >= 6291456 and not tcp.flags.reset == 1)';
    expect(tshark('-r', file, ...CHECKS, '-Y', odd)).toBe('');
    // And it did look.
    const good = 'ip.checksum.status == 1 and (tcp.checksum.status == 1 or udp.checksum.status == 1)';
    expect(
      tshark('-r', file, ...CHECKS, '-Y', good)
        .trim()
        .split('\n').length,
    ).toBeGreaterThan(10);
  });

  test('each message is one packet of its protocol, with its notes as comments, and the fields where tshark has them', async (context) => {
    needs(context, 'tshark');
    const run = await playedOnce(named);
    const found = dissected(tshark('-r', written(run), '-T', 'pdml'), layers);
    const expected = messages(run.entries);
    expect(found.map(({ row }) => row)).toEqual(expect.arrayContaining(expected.map(({ row }) => row)));
    const used = new Set<string>();
    for (const message of expected) {
      const packet = found.find(({ row }) => row === message.row) as Dissected;
      const notes = run.arms
        .find(({ entries }) => entries.some((each) => each === message))
        ?.ledger.notes.get(message.row);
      expect(packet.comments.slice(1)).toEqual((notes ?? []).map(noteInWords));
      if (message.kind === 'DATA' && message.opened !== undefined) {
        expect(packet.layers).toContain('ftp-data');
        continue;
      }
      expect(layers.some((layer) => packet.layers.includes(layer))).toBe(true);
      for (const { id, start, end } of message.fields) {
        if (packet.ranges.has(`${start} ${end}`)) continue;
        const reason = finer.find(([ids]) => ids.test(id));
        expect(
          reason,
          `#${message.row} ${message.kind} ${id} [${start}, ${end}) is no range of tshark's`,
        ).toBeDefined();
        used.add(String(reason?.[0]));
      }
      // The other way round: wherever tshark begins or ends something, so do we.
      const ours = new Set(message.fields.flatMap(({ start, end }) => [start, end]));
      for (const bound of packet.bounds) {
        if (ours.has(bound)) continue;
        const inside = message.fields.find(({ start, end }) => start < bound && bound < end);
        const explained = finer.some(([ids]) => ids.test(inside?.id ?? ''));
        expect(explained, `tshark has a border at byte ${bound} of #${message.row}, in our ${inside?.id}`).toBe(true);
      }
    }
    // A reason that explains nothing is out of date.
    expect([...used].sort()).toEqual(finer.map(([ids]) => String(ids)).sort());
  });
});

test('one interface a life, names for addresses, kills as rows of a journal, and a word on what is made up', async (context) => {
  needs(context, 'tshark');
  const file = written(await playedOnce('mqtt/memory'));
  const interfaces = tshark('-r', file, '-T', 'fields', '-e', 'frame.interface_name').trim().split('\n');
  expect([...new Set(interfaces)].filter(Boolean)).toEqual([
    'broker/1 control',
    'broker/1 severed',
    'broker/2 severed',
  ]);
  const packets = tshark('-r', file, '-N', 'n');
  expect(packets).toMatch(/sleeper\.severed → broker-2\.severed MQTT .*Connect Command/);
  expect(packets).toMatch(/severed: SIGKILL broker\/1 \(pid \d+\): gone with its memory: session\[sleeper\]/);
  if (program('capinfos')) {
    const { stdout } = spawnSync('capinfos', [file], { encoding: 'utf8' });
    expect(stdout).toContain('Everything around them is made up');
  }
});

test('a refused connection and a refused datagram look like what they were', async (context) => {
  needs(context, 'tshark');
  const tcp = tshark('-r', written(await playedOnce('tcp-session/memory')), '-Y', 'tcp.flags.reset == 1');
  expect(tcp).toMatch(/\[RST, ACK\] Seq=\d+ Ack=1 /);
  const udp = tshark('-r', written(await playedOnce('udp-echo/plain')), '-Y', 'icmp');
  expect(udp).toMatch(/Destination unreachable \(Port unreachable\)/);
});

test('a chunk of data of which only the beginning was kept is as long as it was', async (context) => {
  needs(context, 'tshark');
  const run = await playedOnce('ftp/memory');
  const file = written(run);
  const data = messages(run.entries).filter(({ opened }) => opened !== undefined);
  const lengths = tshark('-r', file, '-Y', 'ftp-data', '-T', 'fields', '-e', 'tcp.len').trim().split('\n').map(Number);
  expect(lengths).toEqual(data.map(({ length }) => length));
});

test('no secret of a message is in it', async () => {
  const run = await playedOnce('tcp-session/memory');
  const opened = messages(run.entries).find(({ kind }) => kind === 'OPENED');
  expect(opened?.hex).toContain('****');
  const ledgers = new Map(run.arms.map(({ entries: [first], ledger }) => [first?.arm ?? 0, ledger]));
  const bytes = pcapng({ title: 't', port: 7070, entries: run.entries, ledgers });
  const veiled = Buffer.from((opened?.hex ?? '').replaceAll('**', '2a'), 'hex');
  expect(bytes.includes(veiled)).toBe(true);
});

// What a zone has to say to a question: RFC 1034 §4.3.2, with wildcards by RFC 4592 and negative answers by RFC 2308.

import { byteAt, type Stretch, stretchOf, Writer } from '../wire/fields.ts';
import type { ZoneRecord } from './master-file.ts';
import { ASTERISK, lower, NAME, type Name, nameText, parentOf } from './name.ts';
import { A, AAAA, ANY, CNAME, DS, HINFO, SOA } from './rdata.ts';
import { type Movable, moved, Sections } from './sections.ts';
import {
  type Answer,
  type Cut,
  growTree,
  type Node,
  type Ready,
  type RRset,
  rdataOf,
  readyFor,
  setOf,
} from './tree.ts';
import { u8 } from './words.ts';

export type { Answer };

export interface Zone {
  /** Absolute, as text: `example.test.` */
  origin: string;
  /** Names that own records. */
  names: number;
  records: number;
  /** At `start` of `bytes` the name stands in wire format, in the case it was asked in, without pointers; what follows is not looked at. */
  answer(bytes: Buffer, type: number, start?: number): Answer;
}

/** Where a question for a name comes to its end. */
type Found =
  | { is: 'outside' }
  | { is: 'missing' }
  | { is: 'cut'; cut: Cut }
  /** `source` is the name asked, or the wildcard that stands in for it. */
  | { is: 'name'; source: Name; node: Node };

/** How many CNAMEs are followed. A reader can go on by itself: it asks for the last one. */
const CHAIN = 16;
/** No type of question. It stands for all but CNAME and ANY, where an alias comes to nothing in this zone and the type makes no difference. */
const WHATEVER = -1;
const NONE: readonly number[] = [];
const REFUSED: Answer = answered(5, 0, 0, 0, stretchOf(Buffer.alloc(0)));

/** A to Z as a to z. The lengths of labels are below `A`, so a whole name may go through it. */
const LOWER = Uint8Array.from({ length: 256 }, (_none, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte));

/**
 * The zone of these records, which `parseMasterFile` reads from a file; `file` is how errors call it. Throws a `ZoneError` with file,
 * line and reason where they make no zone.
 */
export function buildZone(records: Iterable<ZoneRecord>, file: string): Zone {
  const { origin, soa, nodes, ...count } = growTree(records, file);
  const scratch = Buffer.alloc(NAME);
  /** Ready answers stand in slabs of their own: in one shared with answers soon forgotten, each would keep all of those alive. */
  const kept = new Writer(4096);
  const denial = soaSection(origin, soa);
  const anything = hinfo(origin);

  /** The name in lower case, as a key. Of all that a question needs, only this is made anew each time. */
  function keyOf(bytes: Buffer, start: number): Name {
    let at = 0;
    for (let length = byteAt(bytes, start); length > 0; length = byteAt(bytes, start + at))
      for (const end = at + 1 + length; at < end; at++) scratch[at] = LOWER[byteAt(bytes, start + at)] as number;
    scratch[at++] = 0;
    return scratch.toString('latin1', 0, at);
  }

  function respond(asked: Name, type: number, known: Node | undefined): Answer {
    const found = find(asked, type, known);
    if (found.is === 'outside') return REFUSED;
    if (found.is === 'missing') return denied(3, asked);
    if (found.is === 'cut') return referred(found.cut, asked);
    const { source, node } = found;
    if (!node.sets) return denied(0, asked);
    const canonical = setOf(node, CNAME);
    if (canonical && type !== CNAME && type !== ANY) return followed(asked, type, source, node);
    if (type === ANY && !canonical) return anything;
    const set = canonical ?? setOf(node, type);
    if (!set) return denied(0, asked);
    const ready = readyFor(node, set.type) ?? positive(source, node, set);
    return source === asked ? ready : { ...ready, ...moved(ready, asked.length - source.length) };
  }

  function find(name: Name, type: number, node: Node | undefined): Found {
    if (node) {
      // DS is the one type that belongs to the side above a cut (RFC 4035 §3.1.4.1).
      const { cut } = node;
      return cut && !(type === DS && cut.name === name) ? { is: 'cut', cut } : { is: 'name', source: name, node };
    }
    // The longest name above it that exists is its closest encloser (RFC 4592 §3.3.1).
    let encloser = name;
    while (encloser.length > origin.length) {
      encloser = parentOf(encloser);
      const above = nodes.get(encloser);
      if (!above) continue;
      if (above.cut) return { is: 'cut', cut: above.cut };
      const source = ASTERISK + encloser;
      const wildcard = nodes.get(source);
      return wildcard ? { is: 'name', source, node: wildcard } : { is: 'missing' };
    }
    return { is: 'outside' };
  }

  /** NXDOMAIN, or NOERROR with no answer in it. The SOA tells for how long that may be remembered (RFC 2308 §2). */
  function denied(rcode: 0 | 3, asked: Name): Answer {
    return answered(rcode, 0, 1, 0, moved(denial, asked.length - origin.length));
  }

  /** “Not me, ask these”, and no authority over what is said (RFC 1034 §4.3.2, step 3b). */
  function referred(cut: Cut, asked: Name): Answer {
    if (!cut.referral) {
      const out = new Sections(cut.name);
      const [authority, additional] = writeReferral(out, cut);
      cut.referral = {
        ...answered(0, 0, authority, additional, keep(out)),
        authoritative: false,
        pointers: out.pointers,
      };
    }
    const by = asked.length - cut.name.length;
    return by === 0 ? cut.referral : { ...cut.referral, ...moved(cut.referral, by) };
  }

  /** The servers of a delegation, and those addresses that this zone knows: without glue nobody could reach a server below the cut. */
  function writeReferral(out: Sections, { name, servers }: Cut): [authority: number, additional: number] {
    const authority = writeSet(out, name, servers);
    let additional = 0;
    for (const server of rdataOf(servers)) {
      const host = lower(server);
      const node = nodes.get(host);
      for (const type of [A, AAAA]) {
        const addresses = node && setOf(node, type);
        if (addresses) additional += writeSet(out, host, addresses);
      }
    }
    return [authority, additional];
  }

  /** All records of one type. */
  function positive(source: Name, node: Node, set: RRset): Ready {
    const out = new Sections(source);
    const answers = writeSet(out, source, set);
    // Only what a wildcard says is ever moved.
    const pointers = source.startsWith(ASTERISK) ? out.pointers : NONE;
    return remember(node, set.type, answered(0, answers, 0, 0, keep(out)), pointers);
  }

  /** An alias, what it leads to, and so on, as far as this zone knows (RFC 1034 §4.3.2, step 3a). */
  function followed(asked: Name, type: number, source: Name, node: Node): Answer {
    const known = source === asked && readyFor(node, WHATEVER);
    if (known) return known;
    const out = new Sections(asked);
    const met = new Set<Name>();
    let [rcode, answers, authority, additional]: [0 | 3, number, number, number] = [0, 0, 0, 0];
    /** For which type asked of the same name this is the answer too. Without one it is not worth keeping. */
    let keptFor: number | undefined;
    for (let name = asked; ; ) {
      const found = find(name, type, nodes.get(name));
      if (found.is === 'cut') {
        [authority, additional] = writeReferral(out, found.cut);
      } else if (found.is === 'outside') {
        keptFor = WHATEVER;
      } else if (found.is === 'missing') {
        keptFor = WHATEVER;
        rcode = 3;
        authority = writeSoa(out, origin, soa);
      } else {
        const set = setOf(found.node, type);
        const alias = setOf(found.node, CNAME);
        if (set) {
          keptFor = type;
          answers += writeSet(out, name, set);
        } else if (!alias) {
          authority = writeSoa(out, origin, soa);
        } else if (met.size < CHAIN && !met.has(name)) {
          met.add(name);
          answers += writeSet(out, name, alias);
          for (const target of rdataOf(alias)) name = lower(target);
          continue;
        } else {
          keptFor = WHATEVER;
        }
      }
      break;
    }
    // Kept only where both the name and the type are in the zone: memory grows with the zone, never with the questions.
    if (source !== asked || keptFor === undefined) return answered(rcode, answers, authority, additional, out.take());
    return remember(node, keptFor, answered(rcode, answers, authority, additional, keep(out)), NONE);
  }

  function keep(out: Sections): Stretch {
    const { bytes, start, end } = out.take();
    kept.raw(bytes, start, end);
    return kept.takeStretch();
  }

  return {
    origin: nameText(origin),
    ...count,
    answer(bytes, type, start = 0) {
      const key = keyOf(bytes, start);
      const node = nodes.get(key);
      // The usual case: one look into the Map, and the bytes are there.
      return (node && readyFor(node, type)) ?? respond(key, type, node);
    },
  };
}

function answered(
  rcode: Answer['rcode'],
  answers: number,
  authority: number,
  additional: number,
  { bytes, start, end }: Stretch,
): Answer {
  return { rcode, authoritative: rcode !== 5, answers, authority, additional, bytes, start, end };
}

/** The SOA for negative answers, behind a question for the origin: {@link moved} puts it behind any other. */
function soaSection(origin: Name, soa: RRset): Movable {
  const out = new Sections(origin);
  writeSoa(out, origin, soa);
  return { ...out.take(), pointers: out.pointers };
}

/** The SOA as negative answers have it: its TTL is how long they hold, the lower of its own and MINIMUM (RFC 2308 §3). */
function writeSoa(out: Sections, origin: Name, soa: RRset): number {
  let count = 0;
  for (const rdata of rdataOf(soa)) {
    const minimum = Buffer.from(rdata.slice(-4), 'latin1').readUInt32BE();
    out.record(origin, SOA, Math.min(soa.ttl, minimum), rdata);
    count++;
  }
  return count;
}

/** The shortest true answer to “whatever you have” (RFC 8482 §4.2): with all there is, ANY would hit others hardest. */
function hinfo(origin: Name): Answer {
  const [cpu, os] = ['RFC8482', ''];
  const name = ASTERISK + origin;
  // As a wildcard's, its owner is a pointer to whatever was asked, and there is no other pointer in it.
  const out = new Sections(name);
  out.record(name, HINFO, 3600, u8(cpu.length) + cpu + u8(os.length) + os);
  return answered(0, 1, 0, 0, out.take());
}

function writeSet(out: Sections, owner: Name, set: RRset): number {
  let count = 0;
  for (const rdata of rdataOf(set)) {
    out.record(owner, set.type, set.ttl, rdata);
    count++;
  }
  return count;
}

/** Keeps an answer with its name. */
function remember(node: Node, type: number, answer: Answer, pointers: readonly number[]): Ready {
  const { rcode, authoritative, answers, authority, additional, bytes, start, end } = answer;
  // Written out, not spread: V8 then packs it tight, and there may be a million of them.
  const { ready: next } = node;
  const ready: Ready = {
    rcode,
    authoritative,
    answers,
    authority,
    additional,
    bytes,
    start,
    end,
    pointers,
    type,
    next,
  };
  node.ready = ready;
  return ready;
}

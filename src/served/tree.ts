// All names of a zone and what stands at each: the records put in order, and every rule a zone must keep to be served.

import type { Stretch } from '../wire/fields.ts';
import type { ZoneRecord } from './master-file.ts';
import { ASTERISK, type Bytes, lower, type Name, nameText, parentOf } from './name.ts';
import { CNAME, DS, layoutOf, MX, NS, SOA, SRV } from './rdata.ts';
import type { Movable } from './sections.ts';
import { ZoneError } from './words.ts';

/**
 * What the zone says to one question. Its bytes are the sections as they stand on the wire in a message whose question's name begins
 * at byte 12 (a TCP length prefix not counted), compressed against it, with nothing between the question and them. They may be more
 * than a message holds: whoever sends them decides what then. Never to be written to: the same bytes may answer the next question.
 */
export interface Answer extends Stretch {
  /** NOERROR, NXDOMAIN, REFUSED. */
  rcode: 0 | 3 | 5;
  authoritative: boolean;
  /** Records in each section. */
  answers: number;
  authority: number;
  additional: number;
}

/** The records of one name and type. Their TTLs are one: the lowest that was written (RFC 2181 §5.2). */
export interface RRset {
  type: number;
  ttl: number;
  /** One record, as nearly everywhere, or several: a Set keeps them in order and every one only once. */
  rdata: Bytes | Set<Bytes>;
  next: RRset | undefined;
}

/**
 * What is known of one name. A million of them fit because they are this small: a name has a few types at most, so lists that go
 * from one to the next serve better here than Maps.
 */
export interface Node {
  /** None at all: the name only exists because others stand below it (an empty non-terminal, RFC 8020). */
  sets: RRset | undefined;
  /** The delegation that the name is at or below: not ours to answer for. */
  cut: Cut | undefined;
  /** Answers to questions for this name, made when they were first asked: no more than there are types to ask for. */
  ready: Ready | undefined;
}

export interface Ready extends Answer, Movable {
  /** The type asked. */
  type: number;
  next: Ready | undefined;
}

/** A delegation: from here on down another zone answers, and this one only says where to ask (RFC 1034 §4.2.1). */
export interface Cut {
  name: Name;
  servers: RRset;
  /** Made when it is first needed. */
  referral: (Answer & Movable) | undefined;
}

export interface Tree {
  /** In lower case, as all names are here. */
  origin: Name;
  soa: RRset;
  /** Filed under the name in lower case: names are compared without case (RFC 4343). Those between these and the origin are in it too. */
  nodes: Map<Name, Node>;
  /** Names that own records. */
  names: number;
  records: number;
}

interface Growing extends Tree {
  cuts: Map<Name, Cut>;
  /** Records that name a host, which must not be an alias: only when all is read can that be known. */
  targets: { type: number; target: Name; file: string; line: number }[];
}

/**
 * Puts the records of a zone in order, and checks them. `file` names the zone in the error that belongs to no line. Throws a
 * {@link ZoneError}. Exact duplicates are dropped without a word, so that a zone transfer, which ends with its SOA again, can be read.
 */
export function growTree(records: Iterable<ZoneRecord>, file: string): Tree {
  let tree: Growing | undefined;
  /** What stands before the SOA, which says where the zone begins. */
  let early: ZoneRecord[] = [];
  let apex: ZoneRecord | undefined;
  for (const record of records) {
    if (tree) {
      add(tree, record);
    } else if (record.type === SOA) {
      apex = record;
      tree = begin(record);
      for (const each of early) add(tree, each);
      early = [];
    } else early.push(record);
  }
  if (!tree || !apex) {
    const { file: where = file, line = 1 } = early[0] ?? {};
    throw new ZoneError(where, line, 'the zone has no SOA record, which says where it begins (RFC 1035 §5.2)');
  }
  const { origin, soa, nodes, names, records: count } = tree;
  const top = nodes.get(origin);
  if (!top || !setOf(top, NS))
    throw wrong(apex, `${nameText(origin)} has no NS record: a zone names its own servers (RFC 1034 §4.2.1)`);
  checkTargets(tree);
  delegate(tree);
  return { origin, soa, nodes, names, records: count };
}

function begin(record: ZoneRecord): Growing {
  const origin = lower(record.owner);
  if (origin.startsWith(ASTERISK)) throw wrong(record, `${nameText(origin)} is a wildcard, and no zone begins there`);
  const soa: RRset = { type: SOA, ttl: record.ttl, rdata: record.rdata, next: undefined };
  return {
    origin,
    soa,
    nodes: new Map([[origin, { sets: soa, cut: undefined, ready: undefined }]]),
    cuts: new Map(),
    targets: [],
    names: 1,
    records: 1,
  };
}

function add(tree: Growing, record: ZoneRecord): void {
  const { type, rdata } = record;
  const owner = lower(record.owner);
  const node = tree.nodes.get(owner) ?? plant(tree, owner, record);
  const set = setOf(node, type);
  if (set) {
    set.ttl = Math.min(set.ttl, record.ttl);
    if (set.rdata === rdata || (typeof set.rdata === 'object' && set.rdata.has(rdata))) return;
    if (type === SOA) throw wrong(record, 'a second SOA, which is not the same as the first');
    if (type === CNAME)
      throw wrong(record, `${nameText(owner)} has a second CNAME: an alias stands for one name (RFC 1034 §3.6.2)`);
    if (typeof set.rdata === 'object') set.rdata.add(rdata);
    else set.rdata = new Set([set.rdata, rdata]);
  } else {
    checkNewSet(tree, owner, node, record);
    if (!node.sets) tree.names++;
    node.sets = { type, ttl: record.ttl, rdata, next: node.sets };
    if (type === NS && owner !== tree.origin)
      tree.cuts.set(owner, { name: owner, servers: node.sets, referral: undefined });
  }
  tree.records++;
  if (type !== NS && type !== MX && type !== SRV) return;
  const target = lower(rdata.slice(layoutOf(type)?.before));
  if (target.endsWith(tree.origin)) tree.targets.push({ type, target, file: record.file, line: record.line });
}

/** A new name, which must end in the origin, and where a label begins: `badexample.test` is not within `example.test`. */
function plant({ origin, nodes }: Growing, owner: Name, record: ZoneRecord): Node {
  let name = owner;
  while (name.length > origin.length) name = parentOf(name);
  if (name !== origin) throw wrong(record, `${nameText(owner)} is outside the zone ${nameText(origin)}`);
  const node: Node = { sets: undefined, cut: undefined, ready: undefined };
  nodes.set(owner, node);
  // The names between this one and the first that is known exist from now on, if only as empty non-terminals.
  for (let above = parentOf(owner); !nodes.has(above); above = parentOf(above))
    nodes.set(above, { sets: undefined, cut: undefined, ready: undefined });
  return node;
}

/** The rules on what may begin to stand at a name. */
function checkNewSet({ origin }: Growing, owner: Name, node: Node, record: ZoneRecord): void {
  const { type } = record;
  if (type === SOA)
    throw wrong(record, `${nameText(owner)} has an SOA inside ${nameText(origin)}: another zone is a file of its own`);
  if (type === CNAME && owner === origin)
    throw wrong(record, `${nameText(owner)} is the zone itself and no alias (CNAME): it has an SOA (RFC 1034 §3.6.2)`);
  if (type === DS && owner === origin)
    throw wrong(record, `${nameText(owner)} is the zone itself: its DS belongs to the zone above (RFC 4035 §2.4)`);
  if (node.sets && (type === CNAME || node.sets.type === CNAME))
    throw wrong(record, `${nameText(owner)} is an alias (CNAME) and can have no other record (RFC 1034 §3.6.2)`);
  if (type === NS && owner.startsWith(ASTERISK))
    throw wrong(record, `${nameText(owner)}: a wildcard cannot be delegated (RFC 4592 §4.2)`);
}

/** A name server, a mail exchange or the host of a service must be named by its own name. */
function checkTargets({ targets, nodes }: Growing): void {
  for (const { type, target, file, line } of targets) {
    const node = nodes.get(target);
    if (!node || !setOf(node, CNAME)) continue;
    const what = type === NS ? 'NS' : type === MX ? 'MX' : 'SRV';
    const clause = type === SRV ? 'RFC 2782' : 'RFC 2181 §10.3';
    throw new ZoneError(
      file,
      line,
      `this ${what} names ${nameText(target)}, which is an alias (CNAME): name the host itself (${clause})`,
    );
  }
}

/** Tells every name at or below a delegation so. The one nearest to the origin counts: below it nothing is ours. */
function delegate({ origin, nodes, cuts }: Growing): void {
  if (cuts.size === 0) return;
  for (const [owner, node] of nodes) {
    for (let name = owner; name.length > origin.length; name = parentOf(name)) node.cut = cuts.get(name) ?? node.cut;
  }
}

export function setOf(node: Node, type: number): RRset | undefined {
  let set = node.sets;
  while (set && set.type !== type) set = set.next;
  return set;
}

export function readyFor(node: Node, type: number): Ready | undefined {
  let ready = node.ready;
  while (ready && ready.type !== type) ready = ready.next;
  return ready;
}

export function rdataOf({ rdata }: RRset): Iterable<Bytes> {
  return typeof rdata === 'object' ? rdata : [rdata];
}

function wrong({ file, line }: ZoneRecord, reason: string): ZoneError {
  return new ZoneError(file, line, reason);
}

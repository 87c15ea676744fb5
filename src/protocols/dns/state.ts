// Everything this server remembers between two messages.
//
// What the zone says of a name does not depend on any of it: the zone is read once and never changes, and each query carries all
// the rest. And yet there are two memories here, a contradiction in a stateless server. One counts answers, so that a flood of forged queries cannot be
// turned on somebody else: it decides nothing until there is a flood. The other is one key, with which the server can tell
// again whom it has met although it keeps no list: each client carries its own line of that list, and the key makes it genuine.

// @ts-expect-error: the package comes without types
import siphash from 'siphash';
import { addressBytes, networkOf } from '../../bounds/networks.ts';
import { addressOf } from '../../bounds/paths.ts';
import type { Zone } from '../../served/zone.ts';
import type { Stretch } from '../../wire/fields.ts';
import { type Decision, type Facts, type Path, type Rules, SettingError, type World } from '../shapes.ts';
import { CLASS_IN, FLAG, HEADER, LONGEST, type Message, optRecord, RCODE, TYPE } from './wire.ts';

interface Rate {
  /** The second that is counted, since the epoch. */
  second: number;
  /** Answers over UDP that this network asked for in it, given or not. */
  asked: number;
}

export interface State {
  /**
   * Filed under the client's network, `127.0.0.0/24` or an IPv6 /56: whoever forges one source address can forge its
   * neighbours'. A Map, because it keeps the order in which their seconds began: the first is the next to make room.
   */
  rates: Map<string, Rate>;
  /** The key of the server cookies, 16 bytes in base64url: filed under nothing, since there is one for all clients. */
  secret: string | undefined;
}

export type Event =
  | { is: 'counted'; network: string; second: number; asked: number }
  | { is: 'rolled'; secret: string };

export interface Options {
  /** `none` passes cookies over; `own` rolls a key when it first needs one; a key of 32 hexadecimal digits may be handed over. */
  cookies: 'none' | 'own' | { secret: string | undefined };
  /** Answers over UDP per network and second; 0 answers all. */
  rate: number;
}

/** Of the answers over the rate, each second one tells to come back over TCP: nobody can forge that from outside. */
const SLIP = 2;
const NETWORKS = 4096;
/** The longest datagram that is sent, in bytes: it passes nearly everywhere in one piece (DNS flag day 2020). */
const DATAGRAM = 1232;
/** The longest datagram that one takes who has not said otherwise (RFC 1035 §4.2.1). */
const UNSAID = 512;
/** RFC 9018 §4.3, in seconds: how old a server cookie may be, from when on it is renewed, how far a clock may be ahead. */
const COOKIE = { lives: 3600, renewed: 1800, ahead: 300 } as const;

/** The rules of an authoritative server for one zone (RFC 1034 §4.3, RFC 1035 §6). */
export function rulesFor(zone: () => Zone, { cookies, rate }: Options): Rules<State, Message, Event> {
  return {
    empty() {
      if (typeof cookies === 'object' && cookies.secret === undefined) {
        throw new SettingError(
          'instances share a secret here, and none was given: --secret takes 32 hexadecimal digits',
        );
      }
      return { rates: new Map(), secret: undefined };
    },

    decide(state, query, from, world) {
      // QR says that it is a response (RFC 1035 §4.1.1): two servers that answered those would never stop.
      if (query.flags & FLAG.response) return NOTHING;
      const second = Math.floor(world.now() / 1000);
      const events: Event[] = [];
      const proof = cookies === 'none' ? NO_PROOF : meet(state, query, from, second, world, events);
      // A connection, and a cookie that we made for this address, prove that the source is not forged.
      if (rate > 0 && query.over === 'udp' && proof.is !== 'genuine') {
        const network = networkOf(from);
        const before = state.rates.get(network);
        const asked = before?.second === second ? before.asked + 1 : 1;
        events.push({ is: 'counted', network, second, asked });
        if (asked > rate) {
          const slips = (asked - rate) % SLIP === 0;
          return { events, actions: slips ? [{ to: from, say: reply(query, proof, RCODE.NOERROR, CUT_SHORT) }] : [] };
        }
      }
      return { events, actions: [{ to: from, say: respond(query, proof) }] };
    },

    apply(state, event) {
      if (event.is === 'rolled') {
        state.secret = event.secret;
        return;
      }
      const { network, second, asked } = event;
      const rate = state.rates.get(network);
      if (rate?.second === second) {
        rate.asked = asked;
        return;
      }
      state.rates.delete(network);
      if (state.rates.size >= NETWORKS) {
        const oldest = state.rates.keys().next().value;
        if (oldest !== undefined) state.rates.delete(oldest);
      }
      state.rates.set(network, { second, asked });
    },

    // Counts of a second that has passed tell nobody anything, and a key on the disk could be stolen.
    lasting: () => false,

    facts(state) {
      const known: Facts = {};
      if (state.secret !== undefined) known.secret = 'a key that nobody else has';
      for (const [network, { asked }] of state.rates) {
        const over = asked > rate ? `, ${asked - rate} too many` : '';
        known[`rate[${network}]`] = `${Math.min(asked, rate)} of ${rate} answers in this second${over}`;
      }
      return known;
    },
  };

  function respond(query: Message, proof: Proof): Message {
    const { over, flags, questions, question, edns } = query;
    if (flags & FLAG.opcode) return reply(query, proof, RCODE.NOTIMP);
    if (query.wrong) return reply(query, proof, RCODE.FORMERR);
    if (edns && edns.version > 0) return reply(query, proof, RCODE.BADVERS);
    // Over TCP the connection itself proves the address, so no question is sent away for a cookie (RFC 7873 §5.2.3); who asks nothing
    // wants to know whether theirs is good.
    if (proof.is === 'false' && (over === 'udp' || questions === 0)) return reply(query, proof, RCODE.BADCOOKIE);
    // Who only wants a cookie need not ask anything (RFC 7873 §5.4); otherwise one question a query (RFC 9619).
    if (questions === 0 && proof.is !== 'none') return reply(query, proof, RCODE.NOERROR);
    if (questions !== 1 || !question) return reply(query, proof, RCODE.FORMERR);
    // Whole zones are not given away: not even to who asks in the proper form, which for IXFR has a record in it.
    if (question.type === TYPE.AXFR || question.type === TYPE.IXFR) return reply(query, proof, RCODE.REFUSED);
    // OPT and TSIG are all that a query may bring along.
    if (query.answers + query.authority > 0 || query.additional > 2) return reply(query, proof, RCODE.FORMERR);
    if (question.class !== CLASS_IN) return reply(query, proof, RCODE.REFUSED);

    const found = zone().answer(question.bytes, question.type, question.start);
    const whole = reply(query, proof, found.rcode, found);
    const length = lengthOf(whole);
    if (over === 'tcp') return length > LONGEST ? reply(query, proof, RCODE.SERVFAIL) : whole;
    const takes = edns ? Math.min(DATAGRAM, Math.max(UNSAID, edns.size)) : UNSAID;
    if (length <= takes) return whole;
    return reply(query, proof, found.rcode, { ...CUT_SHORT, authoritative: found.authoritative });
  }

  /** Whether the client shows a cookie that was made here for this address, and the cookie it is to be sent (RFC 7873 §5.2). */
  function meet(state: State, query: Message, from: Path, second: number, world: World, events: Event[]): Proof {
    const shown = query.edns?.cookie;
    if (!shown || query.edns?.version !== 0) return NO_PROOF;
    const key = typeof cookies === 'object' ? Buffer.from(cookies.secret ?? '', 'hex') : ownKey(state, world, events);
    const address = addressBytes(addressOf(from).address);
    const fresh = (): Buffer => serverCookie(shown.subarray(0, 8), Buffer.alloc(3), second, address, key);
    if (shown.length === 8) return { is: 'stranger', cookie: fresh() };
    if (shown.length !== 24 || shown[8] !== 1) return { is: 'false', cookie: fresh() };
    const made = shown.readUInt32BE(12);
    // Times are compared modulo 2^32 (RFC 9018 §4.3, RFC 1982).
    const age = (second - made) | 0;
    const again = serverCookie(shown.subarray(0, 8), shown.subarray(9, 12), made, address, key);
    if (!again.equals(shown) || age > COOKIE.lives || age < -COOKIE.ahead) return { is: 'false', cookie: fresh() };
    return { is: 'genuine', cookie: age > COOKIE.renewed ? fresh() : shown };
  }
}

/** What a query proves of its sender, and the cookie that goes back with the answer. */
type Proof = { is: 'none'; cookie: undefined } | { is: 'stranger' | 'false' | 'genuine'; cookie: Buffer };

/** Its bytes are the records. */
interface Found extends Stretch {
  authoritative: boolean;
  truncated?: true;
  answers: number;
  authority: number;
  additional: number;
}

const NO_PROOF: Proof = { is: 'none', cookie: undefined };
const NOTHING: Decision<Message, Event> = { events: [], actions: [] };
const NO_BYTES = Buffer.alloc(0);
const NO_RECORDS: Found = {
  authoritative: false,
  answers: 0,
  authority: 0,
  additional: 0,
  bytes: NO_BYTES,
  start: 0,
  end: 0,
};
const CUT_SHORT: Found = { ...NO_RECORDS, truncated: true };

/** An answer: the question as it was asked, byte for byte, then the records, then an OPT record where there was one. */
function reply(query: Message, { cookie }: Proof, rcode: number, found: Found = NO_RECORDS): Message {
  const { question, edns } = query;
  // Of several questions none is answered, so none is repeated.
  const repeated = query.questions === 1 && question !== undefined;
  const body: Stretch[] = [repeated ? question : NO_RECORDS, found];
  if (edns) body.push(optRecord(DATAGRAM, rcode >>> 4, edns.dnssec, cookie));
  return {
    over: query.over,
    id: query.id,
    flags:
      FLAG.response |
      (query.flags & (FLAG.opcode | FLAG.recursionDesired)) |
      (found.authoritative ? FLAG.authoritative : 0) |
      (found.truncated ? FLAG.truncated : 0) |
      (rcode & FLAG.rcode),
    questions: repeated ? 1 : 0,
    answers: found.answers,
    authority: found.authority,
    additional: found.additional + (edns ? 1 : 0),
    body,
    question: undefined,
    edns: undefined,
    wrong: undefined,
  };
}

/** Bytes of a message without the length that comes before it on a stream. */
function lengthOf({ body }: Message): number {
  let length = HEADER;
  for (const { start, end } of body) length += end - start;
  return length;
}

/** The key that only this process has. The first cookie makes it necessary. */
function ownKey(state: State, world: World, events: Event[]): Buffer {
  if (state.secret !== undefined) return Buffer.from(state.secret, 'base64url');
  const secret = world.name();
  events.push({ is: 'rolled', secret });
  return Buffer.from(secret, 'base64url');
}

/**
 * Client cookie and server cookie together (RFC 9018 §4): version 1, three reserved bytes, the time, and a hash over all of it
 * and the client's address. Without its port: the next question may come from another one.
 */
function serverCookie(client: Buffer, reserved: Buffer, second: number, address: Buffer, key: Buffer): Buffer {
  const cookie = Buffer.concat([client, VERSION_1, reserved, Buffer.alloc(12)], 24);
  cookie.writeUInt32BE(second >>> 0, 12);
  const words = Uint32Array.from({ length: 4 }, (_none, at) => key.readUInt32LE(4 * at));
  const { h, l } = sipHash(words, Buffer.concat([cookie.subarray(0, 16), address]));
  cookie.writeUInt32LE(l >>> 0, 16);
  cookie.writeUInt32LE(h >>> 0, 20);
  return cookie;
}

const VERSION_1 = Buffer.of(1);
/** SipHash-2-4: the key as four little-endian words, the hash as its upper and lower half. */
const sipHash: (key: Uint32Array, message: Uint8Array) => { h: number; l: number } = siphash.hash;

// Packets around messages: IPv4 (RFC 791), TCP (RFC 9293), UDP (RFC 768) and ICMP (RFC 792) headers with checksums that are right.

/** One end: `10.1.0.1`, port. */
export interface Socket {
  address: string;
  port: number;
}

/** A packet. `length` is what it was long, of which `bytes` may be only the beginning. */
export interface Packet {
  bytes: Buffer;
  length: number;
}

export interface Numbers {
  seq: number;
  /** Without it no ACK is sent, as in a first SYN. */
  ack?: number;
  syn?: boolean;
  fin?: boolean;
  reset?: boolean;
  push?: boolean;
}

const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;
const FLAG = { fin: 0x01, syn: 0x02, reset: 0x04, push: 0x08, ack: 0x10 } as const;
/** The window that every segment names: the largest that needs no scaling. */
const WINDOW = 65_535;

/** A segment without data. */
export function segment(from: Socket, to: Socket, numbers: Numbers): Packet {
  return tcp(from, to, numbers, Buffer.alloc(0), 0);
}

/** A segment that carries `length` bytes, of which those in `data` are known. */
export function tcp(from: Socket, to: Socket, numbers: Numbers, data: Buffer, length: number): Packet {
  const { seq, ack, syn, fin, reset, push } = numbers;
  const header = Buffer.alloc(20);
  header.writeUInt16BE(from.port, 0);
  header.writeUInt16BE(to.port, 2);
  header.writeUInt32BE(seq >>> 0, 4);
  header.writeUInt32BE((ack ?? 0) >>> 0, 8);
  header[12] = 5 << 4;
  header[13] =
    (ack === undefined ? 0 : FLAG.ack) |
    (syn ? FLAG.syn : 0) |
    (fin ? FLAG.fin : 0) |
    (reset ? FLAG.reset : 0) |
    (push ? FLAG.push : 0);
  header.writeUInt16BE(reset ? 0 : WINDOW, 14);
  const whole = Buffer.concat([header, data]);
  // The sum over bytes that are not here cannot be known; a reader does not check that of a packet that was cut.
  whole.writeUInt16BE(data.length === length ? sumWith(from, to, PROTOCOL.tcp, whole) : 0, 16);
  return ip(from, to, PROTOCOL.tcp, whole, header.length + length);
}

export function udp(from: Socket, to: Socket, data: Buffer): Packet {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(from.port, 0);
  header.writeUInt16BE(to.port, 2);
  header.writeUInt16BE(8 + data.length, 4);
  const whole = Buffer.concat([header, data]);
  // A sum of 0 means that there is none, so that one is written the other way (RFC 768).
  whole.writeUInt16BE(sumWith(from, to, PROTOCOL.udp, whole) || 0xffff, 6);
  return ip(from, to, PROTOCOL.udp, whole, whole.length);
}

/** Port unreachable: quotes the header and the first 8 bytes behind it of the datagram that nobody wanted. */
export function icmpUnreachable(from: Socket, to: Socket, { bytes }: Packet): Packet {
  const whole = Buffer.concat([Buffer.from([3, 3, 0, 0, 0, 0, 0, 0]), bytes.subarray(0, 28)]);
  whole.writeUInt16BE(sum(whole), 2);
  return ip(from, to, PROTOCOL.icmp, whole, whole.length);
}

function ip(from: Socket, to: Socket, protocol: number, data: Buffer, length: number): Packet {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + length, 2);
  // Not to be fragmented.
  header[6] = 0x40;
  header[8] = 64;
  header[9] = protocol;
  addressOf(from).copy(header, 12);
  addressOf(to).copy(header, 16);
  header.writeUInt16BE(sum(header), 10);
  return { bytes: Buffer.concat([header, data]), length: 20 + length };
}

function addressOf({ address }: Socket): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** The checksum of TCP and UDP takes in the addresses as well (RFC 9293 §3.1). */
function sumWith(from: Socket, to: Socket, protocol: number, whole: Buffer): number {
  const pseudo = Buffer.alloc(12);
  addressOf(from).copy(pseudo, 0);
  addressOf(to).copy(pseudo, 4);
  pseudo[9] = protocol;
  pseudo.writeUInt16BE(whole.length, 10);
  return sum(Buffer.concat([pseudo, whole]));
}

/** The ones' complement of the ones' complement sum of 16-bit words (RFC 1071). */
function sum(bytes: Buffer): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

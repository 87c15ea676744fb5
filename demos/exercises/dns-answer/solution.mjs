// A DNS server in charge of example.test, over UDP.
//
//   header: id (2), flags (2), then how many questions, answers, authority and additional records there are (2 each)
//   question: name, type (2), class (2)     record: name, type (2), class (2), TTL in seconds (4), length (2), data
//   name: each label after a byte of its length, and a zero behind the last one

import dgram from 'node:dgram';

const { PORT, HOST = '127.0.0.1' } = process.env;
const [A, SOA, IN] = [1, 6, 1];
const [NOERROR, NXDOMAIN] = [0, 3];

/** Who is in charge of the zone. Its last number is how long a "no" may be remembered, in seconds. */
const inCharge = [
  ...nameBytes('ns1.example.test'),
  ...nameBytes('hostmaster.example.test'),
  ...[1, 7200, 1800, 1_209_600, 300].flatMap((number) => [...u32(number)]),
];
const soa = record(nameBytes('example.test'), SOA, 300, inCharge);

/** Each name with its record: each has one here. @type {Map<string, { type: number, ttl: number, data: number[] }>} */
const zone = new Map([
  ['www.example.test', { type: A, ttl: 300, data: [192, 0, 2, 80] }],
  ['mail.example.test', { type: A, ttl: 3600, data: [192, 0, 2, 25] }],
  ['example.test', { type: SOA, ttl: 300, data: inCharge }],
]);

const socket = dgram.createSocket('udp4');

socket.on('message', (query, sender) => {
  const end = query.indexOf(0, 12) + 1;
  // What has no whole question is no query, and an answer is not answered.
  if (end === 0 || query.length < end + 4 || query.readUInt8(2) & 0x80) return;
  const question = query.subarray(12, end + 4);
  // The case of a name makes no difference where it is looked up, and is left as it is where it is sent back.
  const known = zone.get(nameText(query.subarray(12, end)).toLowerCase());
  const found = query.readUInt16BE(end) === known?.type ? known : undefined;

  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // QR and AA are ours to set, RD is copied.
  header.writeUInt8(0x84 | (query.readUInt8(2) & 1), 2);
  header.writeUInt8(known ? NOERROR : NXDOMAIN, 3);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found ? 1 : 0, 6);
  header.writeUInt16BE(found ? 0 : 1, 8);
  const section = found ? record(query.subarray(12, end), found.type, found.ttl, found.data) : soa;
  socket.send(Buffer.concat([header, question, section]), sender.port, sender.address);
});

socket.bind(Number(PORT), HOST);

/** @param {Buffer} owner @param {number} type @param {number} ttl @param {number[]} data */
function record(owner, type, ttl, data) {
  return Buffer.concat([owner, Buffer.of(0, type, 0, IN), u32(ttl), Buffer.of(0, data.length, ...data)]);
}

/** @param {string} name */
function nameBytes(name) {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.of(0)]);
}

/** @param {Buffer} bytes */
function nameText(bytes) {
  const labels = [];
  for (let at = 0; at < bytes.length - 1; at += 1 + bytes.readUInt8(at))
    labels.push(bytes.toString('latin1', at + 1, at + 1 + bytes.readUInt8(at)));
  return labels.join('.');
}

/** @param {number} value */
function u32(value) {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(value);
  return four;
}

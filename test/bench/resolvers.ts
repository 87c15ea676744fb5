// The DNS servers that ours is measured against, in JavaScript: each in a process of its own, answering from the same names.
// `echo` looks nothing up: it says as many bytes as an answer has. `packet` decodes and encodes every message with dns-packet.

import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';
import packet from 'dns-packet';

process.on('disconnect', () => process.exit(0));

const [kind, zone = ''] = process.argv.slice(2);
/** Filed under the name: its address. Lines such as `h0001.bench.test. 3600 IN A 10.0.0.1`. */
const addresses = new Map(
  readFileSync(zone, 'utf8')
    .split('\n')
    .map((line) => line.split(/\s+/))
    .filter(([, , , type]) => type === 'A')
    .map(([name = '', , , , address = '']) => [name.replace(/\.$/, ''), address]),
);
/** A pointer to the question, type A, class IN, an hour, four bytes. */
const RECORD = Buffer.from('c00c0001000100000e1000040a000001', 'hex');
const ready = (port: number) => process.send?.(port);

if (kind === 'dns2') {
  // Not a dependency of this project: measured where somebody has installed it.
  const { default: dns2 } = await import('dns2' as string);
  const { Packet, createServer } = dns2;
  const server = createServer({
    udp: true,
    handle(request: { questions: { name: string }[] }, send: (response: unknown) => void) {
      const response = Packet.createResponseFromRequest(request);
      const [{ name } = { name: '' }] = request.questions;
      response.header.aa = 1;
      response.answers.push({
        name,
        type: Packet.TYPE.A,
        class: Packet.CLASS.IN,
        ttl: 3600,
        address: addresses.get(name),
      });
      send(response);
    },
  });
  server.on('listening', () => ready(server.addresses().udp.port));
  server.listen({ udp: { port: 0, address: '127.0.0.1' } });
} else {
  const socket = dgram.createSocket({ type: 'udp4', lookup: (address, _options, found) => found(null, address, 4) });
  if (kind === 'echo') {
    socket.on('message', (query, { port, address }) => {
      const answer = Buffer.concat([query, RECORD]);
      answer.writeUInt16BE(0x8500, 2);
      answer.writeUInt16BE(1, 6);
      socket.send(answer, port, address);
    });
  } else {
    socket.on('message', (bytes, { port, address }) => {
      const query = packet.decode(bytes);
      const [question] = query.questions ?? [];
      const name = question?.name ?? '';
      const answer = packet.encode({
        type: 'response',
        id: query.id ?? 0,
        flags: packet.AUTHORITATIVE_ANSWER | (query.flags ?? 0),
        questions: query.questions ?? [],
        answers: [{ type: 'A', name, ttl: 3600, data: addresses.get(name) ?? '' }],
      });
      socket.send(answer, port, address);
    });
  }
  socket.bind(0, '127.0.0.1', () => ready(socket.address().port));
}

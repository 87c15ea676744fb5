// A server that sends every datagram back to whoever sent it. Almost.

import dgram from 'node:dgram';

const { PORT, HOST = '127.0.0.1' } = process.env;
const socket = dgram.createSocket('udp4');

socket.on('message', (received, sender) => {
  let payload = received;
  payload = payload.subarray(0, 8); // Remove this line: an echo keeps nothing back.
  socket.send(payload, sender.port, sender.address);
});

socket.bind(Number(PORT), HOST);

// A server that sends every datagram back to whoever sent it.

import dgram from 'node:dgram';

const { PORT, HOST = '127.0.0.1' } = process.env;
const socket = dgram.createSocket('udp4');

// The datagram carries all that its answer needs, so nothing is remembered, and nothing can be lost.
socket.on('message', (payload, sender) => {
  socket.send(payload, sender.port, sender.address);
});

socket.bind(Number(PORT), HOST);

// Wrong: it takes an empty datagram for no datagram.

import dgram from 'node:dgram';

const { PORT, HOST = '127.0.0.1' } = process.env;
const socket = dgram.createSocket('udp4');

socket.on('message', (payload, sender) => {
  if (payload.length === 0) return;
  socket.send(payload, sender.port, sender.address);
});

socket.bind(Number(PORT), HOST);

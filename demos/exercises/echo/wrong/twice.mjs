// Wrong: it answers twice, in case the first one is lost. With a forged sender it is a weapon.

import dgram from 'node:dgram';

const { PORT, HOST = '127.0.0.1' } = process.env;
const socket = dgram.createSocket('udp4');

socket.on('message', (payload, sender) => {
  socket.send(payload, sender.port, sender.address);
  socket.send(payload, sender.port, sender.address);
});

socket.bind(Number(PORT), HOST);

// Wrong: it takes the payload for text. Bytes that are no UTF-8 come back as something else.

import dgram from 'node:dgram';

const { PORT, HOST = '127.0.0.1' } = process.env;
const socket = dgram.createSocket('udp4');

socket.on('message', (payload, sender) => {
  socket.send(payload.toString('utf8'), sender.port, sender.address);
});

socket.bind(Number(PORT), HOST);

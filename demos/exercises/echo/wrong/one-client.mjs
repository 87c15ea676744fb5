// Wrong: it remembers its first client, and answers to where that was.

import dgram from 'node:dgram';

const { PORT, HOST = '127.0.0.1' } = process.env;
const socket = dgram.createSocket('udp4');

/** @type {dgram.RemoteInfo | undefined} */
let client;

socket.on('message', (payload, sender) => {
  client ??= sender;
  socket.send(payload, client.port, client.address);
});

socket.bind(Number(PORT), HOST);

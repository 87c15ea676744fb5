// Somebody else at a server of tcp-session: on a connection of their own, with one message, of which they wait for the answer.

import type { ClientOptions } from '../../src/protocols/shapes.ts';
import { type Message, wire } from '../../src/protocols/tcp-session/wire.ts';
import { dialUntilAnswered } from '../../src/sockets/dial.ts';
import { encode, Inbox } from '../../src/wire/wire.ts';

/** Says it, and leaves. Resolves to the first message that comes back. `called`: their name in the log. */
export async function answerTo(message: Message, called: string, options: ClientOptions): Promise<Message> {
  const socket = await dialUntilAnswered(options, ({ localAddress, localPort }) =>
    options.introduce?.(`${localAddress}:${localPort}`, called),
  );
  const inbox = new Inbox(wire, 'server');
  socket.write(encode(wire, message));
  try {
    return await new Promise<Message>((resolve, reject) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        const { messages, error } = inbox.push(chunk);
        if (messages[0]) resolve(messages[0]);
        else if (error) reject(error);
      });
      socket.on('close', () => reject(new Error('the connection was lost before an answer came')));
    });
  } finally {
    socket.destroy();
  }
}

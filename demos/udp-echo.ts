// UDP echo: a server that cannot forget, because it never remembered.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { ranDirectly } from '../src/lab/direct.ts';
import type { Step, Story } from '../src/lab/story.ts';
import type { Address } from '../src/protocols/shapes.ts';
import type { EchoClient } from '../src/protocols/udp-echo/client.ts';
import { card } from '../src/protocols/udp-echo/index.ts';

/** How long to listen for an answer that should not come, in milliseconds. Silence can only be waited for. */
const SILENCE = 150;

const say = (text: string): Step<EchoClient> => ({
  name: `say "${text}"`,
  act: async (client) => `"${await client.say(text)}" came back`,
});

/** Sends one datagram from a socket of its own, and tells what came of it. */
async function ask({ host, port }: Address, connected: boolean): Promise<string> {
  const socket = dgram.createSocket('udp4');
  const outcome = new Promise<string>((resolve) => {
    socket.on('message', (reply) => resolve(`an answer: ${reply.length} bytes`));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve(`${error.code}: the machine says that nobody listens`),
    );
    setTimeout(() => resolve(`silence (listened for ${SILENCE} ms)`), SILENCE);
  });
  if (connected) {
    socket.connect(port, host);
    await once(socket, 'connect');
    socket.send('anybody there?');
  } else {
    socket.send('anybody there?', port, host);
  }
  const heard = await outcome;
  socket.close();
  return heard;
}

export const story: Story<EchoClient> = {
  card,
  protocol: 'udp-echo',
  about: 'A client says four things to a server that sends everything back. Between two of them the server is killed.',
  steps: [say('one'), say('two'), say('three'), say('four')],
  whileDead: [
    { name: 'a connected socket asks the dead server', act: (where) => ask(where, true) },
    { name: 'an unconnected socket asks the dead server', act: (where) => ask(where, false) },
  ],
  designs: {
    plain: {
      cut: { is: 'kill', at: { after: 2 } },
      verdict: 'untouched',
      predict: {
        ask: 'After "two" has come back the server is killed and started again. What does the client notice when it says "three"?',
        choices: [
          'an error: it has to connect again',
          'nothing: "three" comes back as ever',
          '"three" comes back, but "one" and "two" are lost',
        ],
        right: 1,
      },
      claims: {
        forget: 'untouched',
        path: 'untouched',
        kill: 'untouched',
        swap: 'untouched',
        silence: 'recovered',
        expire: 'untouched',
      },
      why: [
        'Each datagram carries all that its answer needs: the payload, and the address it came from.',
        'So the server files its state under nothing, and nobody holds it: there is nothing to kill.',
        'The one memory in this story is the client\'s: pending["three"]. Without it the same reply would mean nothing.',
      ],
      next: 'amnesia demo tcp-session',
    },
  },
};

if (ranDirectly(import.meta.url, 'udp-echo')) await (await import('../src/cli/amnesia.ts')).runStory(story);

// FTP: the connection is the session, and a file that is half here when it ends.

import { ranDirectly } from '../src/lab/direct.ts';
import type { Cut, Story, Telling } from '../src/lab/story.ts';
import type { FtpClient } from '../src/protocols/ftp/client.ts';
import { card } from '../src/protocols/ftp/index.ts';

/** The listing is the first chunk on a data connection; the second is the beginning of the file. */
const midway: Cut = { is: 'kill', at: { on: { moment: 'sent', nth: 2, kind: 'DATA' } } };

const designs: Record<'memory' | 'carried', Telling> = {
  memory: {
    cut: midway,
    verdict: 'broken',
    predict: {
      ask: 'The server is killed when the first 16 KiB of the file have left. It starts again at once, and the client dials again and asks for the file. And then?',
      choices: [
        'the file goes on where it stopped',
        'the file is sent again from its beginning',
        'the server does not know who is asking',
      ],
      right: 2,
    },
    claims: {
      forget: 'broken',
      path: 'broken',
      kill: 'broken',
      swap: 'broken',
      silence: 'broken',
      expire: 'untouched',
    },
    why: [
      'No command says who speaks, where names are meant from, or how a file is to travel: USER, CWD and TYPE were said once.',
      'All of that is filed under the connection. It ends with it: by a kill, by another address, even at a server that lives on.',
      'The server is as good as before and the files are all there. What is missing is everything that had been agreed.',
    ],
    next: 'amnesia demo ftp/carried',
  },
  carried: {
    cut: midway,
    verdict: 'recovered',
    predict: {
      ask: 'The same server, killed at the same byte. This client has kept its user, folder and type, and counts what it has of the file. And then?',
      choices: [
        'the file is complete: it says all of it again, and where to go on',
        'the file is complete, fetched again from its beginning',
        'the file is broken: two halves of two connections do not fit',
      ],
      right: 0,
    },
    claims: {
      forget: 'recovered',
      path: 'recovered',
      kill: 'recovered',
      swap: 'recovered',
      silence: 'recovered',
      expire: 'untouched',
    },
    why: [
      'The server forgets as much as before: not one line of it is different.',
      'But whatever it was told it can be told again, by whoever has kept it: USER, PASS, CWD, TYPE, and the offset with REST.',
      'Who carries the state can lose the connection, the process and the machine at the other end, and go on.',
    ],
    next: 'amnesia litmus ftp',
  },
};

export const story: Story<FtpClient> = {
  card,
  protocol: 'ftp',
  about: 'A client logs in, goes to a folder, asks for bytes as they are, looks around and fetches a file of 100 KiB.',
  steps: [
    { name: 'log in as anonymous', act: (client) => client.logIn('anonymous', 'guest@example.test') },
    { name: 'go to pub', act: (client) => client.cd('pub') },
    { name: 'ask for bytes as they are', act: (client) => client.type('I') },
    { name: 'look around', act: (client) => client.list() },
    { name: 'fetch long.txt', act: (client) => client.download('long.txt') },
  ],
  designs,
};

if (ranDirectly(import.meta.url, 'ftp')) await (await import('../src/cli/amnesia.ts')).runStory(story);

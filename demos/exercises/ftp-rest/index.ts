// FTP REST: a file that is half here when the connection is lost, and who knows how much of it.

import type { Build, Check, Finding, Packet, Run } from '../../../src/lab/exercise.ts';
import { answers, during, survived } from '../../../src/lab/exercise.ts';
import { card } from '../../../src/protocols/ftp/index.ts';
import { connect, type Fetcher } from './fetcher.ts';

/** Thirty bytes a line, and each says where it stands: what is doubled or missing can be read. */
function text(lines: number): Buffer {
  const line = (_none: unknown, index: number) =>
    `line ${String(index + 1).padStart(3, '0')} begins at byte ${String(index * 30).padStart(4, '0')}.\n`;
  return Buffer.from(Array.from({ length: lines }, line).join(''));
}

const WHOLE = text(100);
/** How much had come when the first connection was lost, and how much had gone when the second was; then where the client goes on. */
const FETCHED = 1200;
const STORED = 1800;
const AGAIN = 1500;
const [GO_ON, ANEW, COMPARE] = [4, 5, 8];

/** What there is after a transfer, in words; a refusal is words already. */
function compared(bytes: Buffer | string): string {
  if (typeof bytes === 'string') return bytes;
  const at = firstWrong(bytes);
  if (at === undefined) return `${bytes.length} bytes: the whole file`;
  return `${bytes.length} bytes, and from byte ${at} on they are not those of the file`;
}

function firstWrong(bytes: Buffer): number | undefined {
  for (let at = 0; at < Math.max(bytes.length, WHOLE.length); at++) if (bytes[at] !== WHOLE[at]) return at;
  return undefined;
}

/** What came on the data connection of a step; undefined when nothing did. */
function dataOf(run: Run, step: number): Packet | undefined {
  return during(run, step).find(
    (entry): entry is Packet => entry.is === 'packet' && entry.side === 'server' && entry.kind === 'DATA',
  );
}

/** Looks whether a fetch has brought the whole file. `from`: which byte of the file the first one that came should be. */
function whole(step: number, from: number, why: string): Check['look'] {
  return (run): Finding | undefined => {
    const finding = answers(step, `${WHOLE.length} bytes: the whole file`, why, 'code')(run);
    const data = dataOf(run, step);
    if (!finding || !data) return finding;
    const came = Buffer.from(data.hex, 'hex');
    const at = came.findIndex((byte, index) => byte !== WHOLE[from + index]);
    return { ...finding, row: data.row, at: at === -1 ? undefined : at };
  };
}

export const exercise: Build<Fetcher> = {
  id: 'ftp-rest',
  kind: 'feature',
  cites: 'RFC 959 and RFC 3659',
  card,
  async connect(options) {
    const fetcher = await connect(options);
    let here = Buffer.alloc(0);
    return {
      ...fetcher,
      async fetchSome(name, least) {
        const got = await fetcher.fetchSome(name, least);
        if (typeof got !== 'string') here = Buffer.from(got);
        return got;
      },
      async fetch(name, from = 0) {
        const got = await fetcher.fetch(name, from);
        return typeof got === 'string' ? got : Buffer.concat([here.subarray(0, from), got]);
      },
      facts: () => (here.length > 0 ? { fetching: `tale.txt up to byte ${here.length}` } : {}),
    };
  },
  steps: [
    { name: 'log in, and ask for bytes as they are', act: (client) => client.logIn() },
    { name: `store tale.txt, ${WHOLE.length} bytes`, act: (client) => client.store('tale.txt', WHOLE) },
    {
      name: `fetch it, and lose the connection when ${FETCHED} bytes are here`,
      async act(client) {
        const got = await client.fetchSome('tale.txt', FETCHED);
        return typeof got === 'string' ? got : `${got.length} bytes are here`;
      },
    },
    {
      name: `come back, and fetch it from byte ${FETCHED} on`,
      act: async (client) => compared(await client.fetch('tale.txt', FETCHED)),
    },
    {
      name: 'fetch all of it, on the same connection',
      act: async (client) => compared(await client.fetch('tale.txt')),
    },
    {
      name: `store the first ${STORED} bytes as copy.txt, and lose the connection`,
      async act(client) {
        const stored = await client.store('copy.txt', WHOLE.subarray(0, STORED));
        await client.lose();
        return stored;
      },
    },
    {
      name: `come back, and store it from byte ${AGAIN} on, to be sure`,
      act: (client) => client.store('copy.txt', WHOLE.subarray(AGAIN), AGAIN),
    },
    { name: 'fetch all of copy.txt', act: async (client) => compared(await client.fetch('copy.txt')) },
  ],
  arms: {
    'kill-fetching': { is: 'kill', at: { after: 3 } },
    'kill-storing': { is: 'kill', at: { after: 6 } },
  },
  checks: [
    {
      id: 'rest',
      stage: 'right',
      sentence: 'REST is answered by 350: the next transfer begins there.',
      cite: 'RFC 3659 §5.3',
      look: (run) =>
        run.steps[GO_ON - 1]?.answer.startsWith('REST')
          ? answers(GO_ON, '', 'the code 350: what REST means is done by the command after it', 'code')(run)
          : undefined,
      ask: 'What does the client carry over from the lost connection, and which command tells it to you?',
      hint: 'REST sends nothing yet. Keep its number until the next RETR or STOR, and answer 350.',
    },
    {
      id: 'fetch',
      stage: 'right',
      sentence: 'RETR after REST sends the file from that byte on, and nothing before it.',
      cite: 'RFC 3659 §5.1: bytes count from 0',
      look: whole(GO_ON, FETCHED, `the bytes from number ${FETCHED} on, which is the beginning of line 041`),
      ask: 'The client has the bytes 0 to 1199. Which one does it ask for with REST 1200?',
      hint: 'createReadStream takes { start }: the number of the first byte to read, counted from 0 as REST does.',
    },
    {
      id: 'once',
      stage: 'right',
      sentence: 'REST holds for one transfer: the next one begins at byte 0 again.',
      cite: 'RFC 3659 §5.3',
      look: whole(ANEW, 0, 'the whole file, from byte 0 on: nobody has said REST before this RETR'),
      ask: 'How long do you remember an offset, and who takes it away?',
      hint: 'Whoever uses the offset sets it back to 0 at once, before the transfer begins: it may fail.',
    },
    {
      id: 'stored',
      stage: 'right',
      sentence: 'STOR after REST goes on in the file, and leaves alone what stands before that byte.',
      cite: 'RFC 3659 §5.3; problem.md',
      look: whole(COMPARE, 0, `what was stored in two parts: bytes 0 to ${STORED - 1}, then from ${AGAIN} on`),
      ask: 'What does your STOR do to a file that is there already?',
      hint: "createWriteStream with flags 'w' empties the file and with 'a' begins at its end. To write in the middle there is 'r+' with { start }.",
    },
    {
      id: 'kill-fetching',
      stage: 'survives',
      arm: 'kill-fetching',
      sentence: 'A fetch goes on after a kill: the client says where, and the file is still there.',
      cite: 'RFC 3659 §5: the offset comes from the client',
      look: survived,
      ask: 'What of this transfer has to be remembered, and by whom?',
      hint: 'The offset comes with REST, so the process may forget it. The file it must not: 226 has promised it.',
    },
    {
      id: 'kill-storing',
      stage: 'survives',
      arm: 'kill-storing',
      sentence: 'A store goes on after a kill, in what was stored before it.',
      cite: 'RFC 959 §5.4, reply 226',
      look: survived,
      ask: 'Where are the first bytes when the process that took them is gone?',
      hint: 'Write to a file in STATE_DIR, and say 226 when it is closed.',
    },
  ],
  hints: [
    `The server is told where to go on, and says 502. Which of its commands would have to know that number later?`,
    'One variable for each connection: REST sets it, RETR and STOR use it and set it back to 0.',
    "case 'REST': offset = Number(argument), say 350. In transfer(): const from = offset; offset = 0. Read with { start: from }; write with { flags: 'r+', start: from } if from > 0, and with 'w' if not.",
  ],
  wrong: {
    'one-too-far': 'fetch',
    sticks: 'once',
    truncates: 'stored',
    appends: 'stored',
    'in-memory': 'kill-fetching',
  },
};

// A chat that resumes: who comes back says what it has seen last, and the server knows what came after that.

import {
  answers,
  type Build,
  type Check,
  during,
  type Finding,
  type Packet,
  type Run,
  survived,
} from '../../../src/lab/exercise.ts';
import type { ChatClient } from '../../../src/protocols/websocket/client.ts';
import { card } from '../../../src/protocols/websocket/index.ts';

const [HELLO, TEA, COFFEE] = ['Hello', 'Tea?', 'Or coffee?'];
const [HEARS, SAYS, BACK] = [3, 5, 6];
const MISSED = `ada: “${TEA}”, ada: “${COFFEE}”`;

/** The first message of the server in the step in which Bob is back that is such, with a field marked. */
function whenBack(run: Run, field: string, isIt: (packet: Packet) => boolean): Pick<Finding, 'row' | 'at' | 'count'> {
  const packet = during(run, BACK).find(
    (entry): entry is Packet => entry.is === 'packet' && entry.side === 'server' && isIt(entry),
  );
  const place = packet?.fields.find(({ id }) => id === field);
  return { row: packet?.row, ...(place ? { at: place.start, count: place.end - place.start } : {}) };
}

const isTold: Check['look'] = (run) =>
  // A step that failed the frame tells of.
  run.steps[HEARS - 1]?.failed ? undefined : answers(HEARS, `ada: “${HELLO}”`, 'what Ada has said, once', 'text')(run);

const isMissedHeard: Check['look'] = (run) => {
  const { answer = '', failed = false } = run.steps[BACK - 1] ?? {};
  if (failed || run.steps.length < BACK || (answer.includes(TEA) && answer.includes(COFFEE))) return undefined;
  return {
    ...whenBack(run, 'missed', ({ kind }) => kind === 'WELCOME'),
    expected: 'a welcome with "missed":2, and the two messages that Ada has said meanwhile',
    found: `Bob has heard: ${answer}`,
  };
};

const isHeardOnce: Check['look'] = (run) => {
  const { answer = MISSED, failed = false } = run.steps[BACK - 1] ?? {};
  if (failed || answer === MISSED) return undefined;
  return {
    ...whenBack(run, 'id', ({ says }) => says.includes(HELLO)),
    expected: 'the two messages that he has not seen, in the order in which they were said, and no other',
    found: `Bob has heard: ${answer}`,
  };
};

const isKept: Check['look'] = (run) => {
  const finding = survived(run);
  return finding && { ...finding, ...whenBack(run, 'missed', ({ kind }) => kind === 'WELCOME') };
};

/** What Ada says after the kill must have a number that nobody has seen. */
const isNumberedOn: Check['look'] = (run) => {
  const finding = survived(run);
  const told = during(run, SAYS).find((entry) => entry.is === 'packet' && entry.kind === 'SAID');
  if (!finding || told?.is !== 'packet' || Number.parseInt(told.says, 10) > 1) return finding;
  const place = told.fields.find(({ id }) => id === 'id');
  return {
    row: told.row,
    ...(place ? { at: place.start, count: place.end - place.start } : {}),
    expected: `another number than 1, which is that of “${HELLO}”: Bob has seen it, and will ask for what comes after it`,
    found: `number ${Number.parseInt(told.says, 10)} for “${TEA}”, and so in the end: ${finding.found}`,
  };
};

export const exercise: Build<ChatClient> = {
  id: 'chat-resume',
  kind: 'feature',
  cites: 'RFC 6455, and src/protocols/websocket/wire/chat.ts',
  card,
  steps: [
    {
      name: 'ada comes into the kitchen, and bob',
      async act(client) {
        await client.join('ada', 'kitchen');
        return client.join('bob', 'kitchen');
      },
    },
    { name: `ada says “${HELLO}”`, act: (client) => client.say('ada', HELLO) },
    { name: 'bob listens', act: (client) => client.hear('bob') },
    { name: 'bob loses his connection', act: (client) => client.vanish('bob') },
    {
      name: `ada says “${TEA}” and “${COFFEE}”`,
      async act(client) {
        await client.say('ada', TEA);
        return client.say('ada', COFFEE);
      },
    },
    { name: 'bob comes back, and listens', act: (client) => client.hear('bob') },
  ],
  arms: {
    kill: { is: 'kill', at: { after: 5 } },
    'kill-between': { is: 'kill', at: { after: 4 } },
  },
  checks: [
    {
      id: 'told',
      stage: 'right',
      sentence: 'What is said is told to everybody who is there.',
      cite: 'problem.md: What is said',
      look: isTold,
      ask: 'Who is in the room when Ada speaks, and does each of them get a frame?',
      hint: 'The starter tells it to everybody: begin again from there, with reset.',
    },
    {
      id: 'missed',
      stage: 'right',
      sentence: 'Who comes back hears all that was said meanwhile.',
      cite: 'problem.md: after and missed',
      look: isMissedHeard,
      ask: 'What does Bob say of himself when he joins again, and what would you need to have kept for that?',
      hint: 'Keep every message that was told in a list; when somebody joins with "after", what follows is in there.',
    },
    {
      id: 'once',
      stage: 'right',
      sentence: 'Who comes back hears nothing again, and all in order.',
      cite: 'problem.md: those with numbers above after',
      look: isHeardOnce,
      ask: 'Bob says after 1. Which is the first number that he has not seen?',
      hint: 'Only messages whose id is greater than after, and as many as "missed" has announced.',
    },
    {
      id: 'kill',
      stage: 'survives',
      arm: 'kill',
      sentence: 'What was said is not forgotten when the server is killed.',
      cite: 'problem.md: Who may forget',
      look: isKept,
      ask: 'Ada has seen her own message come back. What has that promised her?',
      hint: 'Append each message to a file in STATE_DIR before anybody is told, and read the file when you start.',
    },
    {
      id: 'kill-between',
      stage: 'survives',
      arm: 'kill-between',
      sentence: 'A number that was given to a message is never given to another one.',
      cite: 'problem.md: Who may forget',
      look: isNumberedOn,
      ask: 'Which number has the first message after the kill, and what does Bob know of that number?',
      hint: 'Go on counting where the last message in the file stopped: the next id is one more than that.',
    },
  ],
  hints: [
    'Bob knows the number of the last message that he has seen, and says so. What does the server lack to make use of it?',
    'A list of all messages, each with its number. On join: those above after, announced in missed and sent after the welcome. The list has to be found again after a kill.',
    'history.filter(({ id }) => id > after) is what was missed; appendFileSync a line of JSON for each message before telling it; at the start, read the lines back, and number on from the last.',
  ],
  wrong: {
    'last-only': 'missed',
    'all-of-it': 'once',
    'in-memory': 'kill',
    'counts-anew': 'kill-between',
  },
};

// What every exercise asks of every server, whatever its protocol: that it listens, answers, speaks the protocol, and does not take one
// read for one message. The checks of an exercise's author come between these.

import type { AnyCard } from '../protocols/index.ts';
import { type Check, during, type Finding, firstDifference, type Run, said } from './exercise.ts';

/** The frame's own checks: those before an author's within their stage, and those after. */
export function frameOf(card: AnyCard): { before: readonly Check[]; after: readonly Check[] } {
  const isStream = card.transport !== 'udp';
  return {
    before: [listens, stays, answers, whole, formed(card), ...(isStream ? [bytewise] : [])],
    after: [completes(card)],
  };
}

const ENVIRONMENT = 'the port is in the environment variable PORT, the address in HOST';

const listens: Check = {
  id: 'listens',
  stage: 'reachable',
  sentence: 'The server starts and listens on the port that it is told.',
  cite: ENVIRONMENT,
  look(run) {
    if (run.died === undefined || born(run)) return undefined;
    return { expected: 'a process that listens on PORT and goes on', found: run.died };
  },
  ask: 'Does the file do anything at all when you start it by hand with PORT=7777 before the command?',
  hint: 'Read PORT with process.env.PORT (os.environ["PORT"] in Python, getenv("PORT") in C), bind to 127.0.0.1, and do not end.',
};

const stays: Check = {
  id: 'stays',
  stage: 'reachable',
  sentence: 'The server goes on when a client has come and gone.',
  cite: ENVIRONMENT,
  look(run) {
    if (run.died === undefined) return undefined;
    return { expected: 'a process that lives until it is killed', found: run.died };
  },
  ask: 'What did your server read last, and what does your code do with that?',
  hint: 'Its own output is shown above, if it said anything: an exception that nobody catches ends a process.',
};

const answers: Check = {
  id: 'answers',
  stage: 'reachable',
  sentence: 'The server answers.',
  cite: 'silence proves nothing, and is never a pass',
  look(run) {
    if (run.heard > 0 || said(run, 'server').length > 0) return undefined;
    const asked = said(run, 'client').at(-1);
    return {
      row: asked?.row,
      expected: 'an answer, of whatever kind',
      found: 'not one byte came back',
      unknown: true,
    };
  },
  ask: 'What did the client say last, and which line of yours should have answered it?',
  hint: 'Print what arrives: it is shown beside the log. If nothing is printed, nothing listens to what arrives.',
};

const whole: Check = {
  id: 'whole',
  stage: 'framed',
  sentence: 'What the server says comes in whole messages.',
  cite: 'a client waits until a message is whole',
  look(run) {
    if (said(run, 'server').length > 0) return undefined;
    return {
      row: said(run, 'client').at(-1)?.row,
      expected: 'a whole message',
      found: `${run.heard} bytes came back, which are the beginning of a message and not all of it`,
    };
  },
  ask: 'How does the client know where your message ends?',
  hint: 'A length in a header counts exactly what follows it: write the header last, when you know.',
};

function formed({ title, cites }: AnyCard): Check {
  return {
    id: 'formed',
    stage: 'framed',
    sentence: `The server speaks ${title}: none of its messages is malformed.`,
    cite: cites,
    look: malformed,
    ask: 'Which line of yours wrote the byte that is marked?',
    hint: 'Compare your message with the drawing in problem.md, field by field, up to the byte that is marked.',
  };
}

function malformed(run: Run): Finding | undefined {
  const wrong = said(run, 'server').find((packet) => packet.malformed);
  if (!wrong?.malformed) return undefined;
  const { at, why, cite } = wrong.malformed;
  return {
    row: wrong.row,
    at: Math.min(at, wrong.length - 1),
    expected: `a message that a ${wrong.side} may say${cite ? ` [${cite}]` : ''}`,
    found: why,
  };
}

const bytewise: Check = {
  id: 'bytewise',
  stage: 'framed',
  sentence: 'A message that arrives one byte at a time is the same message.',
  cite: 'RFC 9293 §2.2: TCP carries a stream of bytes, and knows of no messages',
  arm: 'bytewise',
  look(run) {
    const { control } = run;
    if (!control) throw new Error('the bytewise arm is compared with the control arm, and there is none');
    const wrong = malformed(run);
    if (wrong) return wrong;
    const difference = firstDifference({ ...control, steps: control.steps.slice(0, run.steps.length) }, run);
    if (difference === undefined) return undefined;
    const last = during(run, difference).findLast((entry) => entry.is === 'packet');
    return {
      row: last?.is === 'packet' ? last.row : undefined,
      expected: `“${control.steps[difference - 1]?.answer}”, as when it arrives in one piece`,
      found: run.steps[difference - 1]?.answer ?? 'nothing',
    };
  },
  ask: 'What does your code do when a read brings half a message? And when it brings one and a half?',
  hint: 'Keep what has arrived in a buffer of the connection; take whole messages from its front, and leave the rest where it is.',
};

/** The last of its stage: whatever an author's checks did not look at, every step must have come to its end. */
function completes({ cites }: AnyCard): Check {
  return {
    id: 'completes',
    stage: 'right',
    sentence: 'Every step of the workload is answered.',
    cite: cites,
    look(run) {
      const index = run.steps.findIndex((step) => step.failed);
      const failed = run.steps[index];
      if (!failed) return undefined;
      const rows = during(run, index + 1).filter((entry) => 'row' in entry);
      const last = rows.findLast((entry) => entry.is === 'packet') ?? rows.at(-1);
      return {
        row: last && 'row' in last ? last.row : undefined,
        expected: `“${failed.name}” comes to its end`,
        found: failed.answer,
      };
    },
    ask: 'What was the client waiting for when it gave up?',
    hint: 'Read the story from the step that failed: the message that the client sent last is the one that wants an answer.',
  };
}

/** Whether a life ever listened. */
function born({ entries }: Run): boolean {
  return entries.some((entry) => entry.is === 'life');
}

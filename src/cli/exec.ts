// `amnesia litmus --exec`: the verdict on a server that is not ours, in any language, started by a command.

import { writeFileSync } from 'node:fs';
import { SYLLABUS } from '../../demos/index.ts';
import { ledger } from '../capture/ledger.ts';
import { type Entry, record } from '../capture/records.ts';
import { RUN_VERSION, type RunHeader } from '../capture/run.ts';
import { browser, type HttpClient, roomy } from '../lab/exec/browser.ts';
import { oneSelector } from '../lab/exec/http-steps.ts';
import { type ExecResult, execLitmus, type Worst } from '../lab/exec/litmus.ts';
import {
  type Answer,
  answerTo,
  type Following,
  following,
  REQUIREMENTS,
  type Requirement,
  requirementOf,
} from '../lab/exec/requiring.ts';
import { type Workload, workloadIn } from '../lab/exec/workload.ts';
import { type Foreign, foreignCard } from '../lab/foreign.ts';
import { missingStore, StoreError } from '../lab/store.ts';
import { CUTS, type CutKind, cutsOf, placeInWords } from '../lab/story.ts';
import { jsonLines } from '../log/jsonl.ts';
import { matrixLines, matrixMarkdown } from '../log/matrix.ts';
import { heading } from '../log/terminal.ts';
import { wrap } from '../log/text.ts';
import { type AnyCard, SPOKEN } from '../protocols/index.ts';
import { type ClientOptions, SettingError } from '../protocols/shapes.ts';
import { printableJson } from '../wire/printable.ts';
import { EXIT, UsageError } from './errors.ts';
import { keepRun } from './runs.ts';
import { type Screen, screen } from './screen.ts';
import { typed } from './typed.ts';

export interface ExecOptions {
  exec: string;
  protocol?: string | undefined;
  workload?: string | undefined;
  as: string;
  cuts?: string | undefined;
  store?: string | undefined;
  require?: readonly string[] | undefined;
  leaveOut?: readonly string[] | undefined;
  records?: string | undefined;
  patience?: number | undefined;
  showOutput?: boolean | undefined;
  seed: number;
  json?: boolean | undefined;
  markdown?: boolean | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
}

/** Whether the client itself would hold state depends on the design; here it is the server that is asked. */
const PLAINEST = new Map([
  ['dns', 'plain'],
  ['ftp', 'memory'],
]);

const EXAMPLE = 'amnesia litmus --exec "node server.js" --protocol mqtt';

/** Plays it all, and returns the exit code. */
export async function exec(options: ExecOptions): Promise<number> {
  const { protocol } = options;
  const lesson = SYLLABUS.find((each) => each.protocol === protocol && SPOKEN.includes(each.protocol));
  if (!lesson) throw new UsageError(`--protocol says what the server speaks: ${SPOKEN.join(', ')}. Type: ${EXAMPLE}`);
  const required = requirementsIn(options);
  const store = options.store === 'redis';
  const leaveOut = await theirs(() =>
    (options.leaveOut ?? []).map((words) => oneSelector(words, '--leave-out', 'the command line')),
  );
  const { card: own, steps: ownSteps } = await lesson.load();
  const rolled = new Map<string, string>();
  let latest: unknown;
  const bare = foreignCard(own, options.as, store ? 'redis' : 'disk');
  const isHttp = own.name === 'http';
  const connect = isHttp ? browser(own.wire, rolled) : own.connect;
  const card: AnyCard = {
    ...bare,
    ...(isHttp ? { wire: roomy(own.wire, rolled) } : {}),
    async connect(given: ClientOptions) {
      const client = await connect({ ...given, design: PLAINEST.get(own.name) ?? given.design });
      latest = client;
      return client;
    },
  };
  const missing = missingStore(card, options.as);
  if (missing !== undefined) throw new StoreError(missing);
  const workload = await workloadOf(options, own.name, ownSteps as Workload['steps'], leaveOut);
  const cuts = cutsIn(options, cutsOf(card.designs[options.as] as never));
  const out = screen(options);
  if (workload.told) process.stderr.write(`amnesia: ${workload.told}\n`);

  const result = await execLitmus({
    story: { card, protocol: own.name, steps: workload.steps },
    design: options.as,
    foreign: program(options),
    cuts,
    seed: options.seed,
    origin: process.hrtime.bigint(),
    ...(options.patience === undefined ? {} : { patience: options.patience * 1000 }),
    ...(isHttp ? { compared: () => (latest as HttpClient | undefined)?.compared ?? [] } : {}),
    progress: (done, of) => out.progress(`${own.name}/${options.as}: run ${done + 1} of ${of}…`),
  });
  out.progress('');
  const follows = following(result.row, store);
  const answers = required.map(([words, requirement]) => ({ words, ...answerTo(requirement, result.row, follows) }));
  const kept = keepAll(options, card, result);
  const row = { ...result.row, filedUnder: follows.filedUnder, heldBy: follows.heldBy };
  if (options.json) {
    const { proviso } = follows;
    const { unsteady } = result;
    const more = { ...(proviso ? { proviso } : {}), ...(unsteady ? { unsteady } : {}) };
    process.stdout.write(`${printableJson({ ...row, ...more, required: answers })}\n`);
  } else if (options.markdown) {
    process.stdout.write(`${matrixMarkdown([row])}\n`);
  } else {
    tell(result, row, follows, kept, out);
    tellRequired(answers, out);
  }
  if (options.json || options.markdown)
    for (const { is, words, found } of answers)
      if (is !== 'met') process.stderr.write(`amnesia: ${is}: ${words}: ${found}\n`);
  return exitCode(result, answers);
}

function requirementsIn({ require = [] }: ExecOptions): [string, Requirement][] {
  return require.map((words) => {
    const requirement = requirementOf(words);
    if (!requirement)
      throw new UsageError(
        `--require ${JSON.stringify(words)} is none that is known here: ${REQUIREMENTS}. Type: ${EXAMPLE} --require "kill: recovered"`,
      );
    return [words, requirement];
  });
}

function cutsIn({ cuts }: ExecOptions, possible: readonly CutKind[]): CutKind[] {
  if (cuts === undefined) return [...possible];
  return cuts.split(',').map((word) => {
    const cut = possible.find((each) => each === word.trim());
    if (cut) return cut;
    const why = CUTS.includes(word.trim() as CutKind)
      ? 'nobody can reach into a server that is not ours'
      : 'there is no such cut';
    throw new UsageError(
      `--cuts ${word}: ${why}; there are ${possible.join(', ')}. Type: ${EXAMPLE} --cuts ${possible.slice(0, 2).join(',')}`,
    );
  });
}

/** What stands in their file, or in a word of theirs, is for them to mend: it is no fault of ours. */
async function theirs<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof SettingError)
      throw new UsageError(`${error.message}. Type: amnesia litmus --help`, { cause: error });
    throw error;
  }
}

async function workloadOf(
  { workload }: ExecOptions,
  protocol: string,
  own: Workload['steps'],
  leaveOut: Parameters<typeof workloadIn>[2],
): Promise<Workload> {
  if (workload !== undefined) return theirs(() => workloadIn(workload, protocol, leaveOut));
  // Every service has paths of its own.
  if (protocol === 'http')
    throw new UsageError(
      'http needs a workload: what is asked of your service, in a file. Type: amnesia litmus --exec "node server.js" --protocol http --workload workload.json',
    );
  return { steps: own };
}

function program({ exec, showOutput, patience }: ExecOptions): Foreign {
  return {
    command: exec,
    ...(patience === undefined ? {} : { patience: patience * 1000 }),
    ...(showOutput
      ? { printed: (who, _stream, line) => void process.stderr.write(`${who.padEnd(12)} | ${line}\n`) }
      : {}),
  };
}

/** The runs in which each cut did its worst, kept for `show`, and in one file where somebody wants them. Resolves to their numbers. */
function keepAll(options: ExecOptions, card: AnyCard, { control, worst }: ExecResult): Map<CutKind, number> {
  const before = record(control.traces, { card });
  const firstRow = before.reduce((last, entry) => ('row' in entry ? entry.row + 1 : last), 1);
  const header = (at?: Worst): RunHeader => ({
    is: 'run',
    version: RUN_VERSION,
    protocol: card.name,
    design: options.as,
    seed: options.seed,
    cut: at?.cut.is ?? null,
    at: at ? placeInWords(at.cut.at) : null,
    ...(at ? { verdict: at.judgement.verdict, because: at.judgement.because } : {}),
    ...(at && at.judgement.more.length > 0 ? { more: at.judgement.more } : {}),
    ...(at && at.judgement.less.length > 0 ? { less: at.judgement.less } : {}),
    exec: commandIn(options),
  });
  const lines = (entries: readonly Entry[]) => jsonLines(entries, ledger(entries));
  const severed = (at: Worst, arm: number) => lines(record(at.arm.traces, { card, arm, firstRow }));
  const first = lines(before);
  if (options.records !== undefined) {
    const arms = worst.flatMap((each, index) => severed(each, index + 2));
    writeFileSync(options.records, `${[printableJson(header()), ...first, ...arms].join('\n')}\n`, { mode: 0o600 });
  }
  const numbers = new Map<CutKind, number>();
  try {
    // A run is kept under its time, in milliseconds, and these would all have the same.
    const now = Date.now();
    for (const [index, each] of worst.entries())
      keepRun(header(each), [printableJson(header(each)), ...first, ...severed(each, 2)], new Date(now + index));
    // The last one kept is number 1.
    worst.forEach(({ cut }, index) => {
      numbers.set(cut.is, worst.length - index);
    });
  } catch (error) {
    // What they say has been seen, and that is what they are for.
    process.stderr.write(`amnesia: these runs cannot be kept for show: ${(error as Error).message}\n`);
  }
  return numbers;
}

/** The command that plays it again. */
function commandIn({ exec, protocol, workload, as, cuts, store, leaveOut = [], patience }: ExecOptions): string {
  const word = (text: string) => (/^[\w./:,@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
  return [
    `amnesia litmus --exec ${word(exec)} --protocol ${protocol}`,
    ...(workload === undefined ? [] : [`--workload ${word(workload)}`]),
    ...(as === 'yours' ? [] : [`--as ${word(as)}`]),
    ...(cuts === undefined ? [] : [`--cuts ${cuts}`]),
    ...(store === undefined ? [] : [`--store ${store}`]),
    ...leaveOut.map((words) => `--leave-out ${word(words)}`),
    ...(patience === undefined ? [] : [`--patience ${patience}`]),
  ].join(' ');
}

type Row = Parameters<typeof matrixLines>[0][number];

function tell(
  { row, unsteady, worst }: ExecResult,
  shown: Row,
  follows: Following,
  kept: Map<CutKind, number>,
  out: Screen,
): void {
  const { look } = out;
  const say = (...spans: Parameters<typeof wrap>[0]) => out.print(...wrap(spans, look, 4));
  if (unsteady) {
    out.print(heading('two runs without a cut', look));
    for (const each of unsteady) say({ text: `  ${each}`, style: 'warn' });
    say({ text: '  unknown: there is nothing to compare a cut with' });
    return;
  }
  const arms = 2 + row.cuts.reduce((sum, { places }) => sum + places.length, 0);
  out.print(heading(`what ${arms} runs say, each cut at its worst place`, look), ...matrixLines([shown], look), []);
  for (const { cut, judgement } of worst) {
    const { verdict, because, more } = judgement;
    const style = verdict === 'unknown' ? 'warn' : verdict === 'lost' || verdict === 'broken' ? 'bad' : 'good';
    const also =
      more.length > 0 && verdict === 'recovered'
        ? ` (${more.slice(0, 4).join(', ')}${more.length > 4 ? ', …' : ''})`
        : '';
    say(
      { text: `  ${cut.is} after step ${placeInWords(cut.at)}: ` },
      { text: verdict, style },
      { text: `: ${because}${also}` },
    );
  }
  if (follows.proviso) say({ text: `  ${follows.proviso}`, style: 'warn' });
  const bad = worst.find(({ judgement }) => ['lost', 'broken'].includes(judgement.verdict)) ?? worst[0];
  const number = bad && kept.get(bad.cut.is);
  const numbers = [...kept].map(([cut, nth]) => `${nth} is ${cut}`).join(', ');
  if (number !== undefined)
    out.print(
      [],
      ...wrap(
        [
          { text: '  next: ', style: 'dim' },
          { text: typed(`amnesia show ${number}`), style: 'bold' },
          { text: `  (${numbers})`, style: 'dim' },
        ],
        look,
        4,
      ),
    );
}

function tellRequired(answers: readonly (Answer & { words: string })[], out: Screen): void {
  if (answers.length > 0) out.print([]);
  for (const { is, words, found } of answers) {
    const style = is === 'met' ? 'good' : is === 'unknown' ? 'warn' : 'bad';
    out.print(
      ...wrap(
        [{ text: '  required: ' }, { text: words }, { text: ': ' }, { text: is, style }, { text: ` (${found})` }],
        out.look,
        4,
      ),
    );
  }
}

/** One that is not met is a failure, whatever else is unknown; what is unknown is never a pass. */
function exitCode({ row, unsteady }: ExecResult, answers: readonly Answer[]): number {
  if (unsteady) return EXIT.unknown;
  if (answers.some(({ is }) => is === 'not met')) return EXIT.notAsClaimed;
  if (answers.some(({ is }) => is === 'unknown')) return EXIT.unknown;
  // Who has required something has said what must be known.
  return answers.length === 0 && row.cuts.some(({ verdict }) => verdict === 'unknown') ? EXIT.unknown : EXIT.asClaimed;
}

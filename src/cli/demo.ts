// `amnesia demo`: the control arm, the cut, what it did and why.

import { type Ledger, ledger } from '../capture/ledger.ts';
import { type Entry, record } from '../capture/records.ts';
import { RUN_VERSION, type RunHeader } from '../capture/run.ts';
import type { Trace } from '../capture/trace.ts';
import { type Arm, playArm } from '../lab/arm.ts';
import { promiseOf } from '../lab/journals/sync.ts';
import { type Judgement, judge, timesOf } from '../lab/litmus.ts';
import { discardHost, type Host, startHost } from '../lab/lives.ts';
import { missingStore, StoreError } from '../lab/store.ts';
import {
  CUTS,
  type Cut,
  type CutKind,
  middleOf,
  type Place,
  placeFromWords,
  placeInWords,
  VERDICTS,
  type Verdict,
} from '../lab/story.ts';
import { jsonLines } from '../log/jsonl.ts';
import { accountLines, type Bytes, heading, type Level, TerminalLog } from '../log/terminal.ts';
import { type Line, wrap } from '../log/text.ts';
import type { Settings } from '../protocols/shapes.ts';
import { printableJson } from '../wire/printable.ts';
import { EXIT, UsageError } from './errors.ts';
import { type ExportOptions, exportRun, possible } from './exports.ts';
import { ask, waitForKey } from './keys.ts';
import type { Picked } from './pick.ts';
import { keepRun } from './runs.ts';
import { type Screen, screen } from './screen.ts';
import { typed } from './typed.ts';

export interface DemoOptions extends ExportOptions {
  cut?: string | undefined;
  at?: string | undefined;
  seed: number;
  sync?: string | undefined;
  step?: boolean | undefined;
  predict?: boolean | undefined;
  log: Level;
  bytes: Bytes;
  json?: boolean | undefined;
  ascii?: boolean | undefined;
  color?: boolean | undefined;
  showSecrets?: boolean | undefined;
}

/** Plays one demo and returns the exit code. */
export async function demo(picked: Picked, options: DemoOptions): Promise<number> {
  const { story, design, telling } = picked;
  const { card } = story;
  attended(options);
  possible(options);
  const settings = settingsOf(picked, options);
  const cut = cutAsked(picked, options, settings);
  if (cut) promisePossible(picked, cut, settings);
  const missing = missingStore(card, design);
  if (missing !== undefined) throw new StoreError(missing);
  const out = screen(options);
  // Both arms' first processes start at once; the life after a kill starts when it has to, as it would anywhere.
  const ahead: Host[] = cut ? [startHost(), startHost()] : [startHost()];
  const origin = process.hrtime.bigint();
  const log = new TerminalLog({ level: options.log, bytes: options.bytes, look: out.look });
  const lines: string[] = [];
  const everyEntry: Entry[] = [];
  let row = 1;
  let written = () => {};
  let predicted: { chosen: number; choices: readonly string[]; right?: number } | undefined;

  try {
    if (!options.json) out.print(...introduction(picked, options, settings, out));
    const control = await show();
    let severed: Arm | undefined;
    if (cut && !control.fault) {
      if (options.predict) await predict();
      severed = await show(cut);
    }
    const judgement = severed && judge(card, control, severed);
    const header: RunHeader = {
      is: 'run',
      version: RUN_VERSION,
      protocol: card.name,
      design,
      seed: options.seed,
      cut: cut?.is ?? null,
      at: cut ? placeInWords(cut.at) : null,
      ...(judgement ? judged(judgement) : {}),
      ...(Object.keys(settings).length > 0 ? { settings } : {}),
    };
    const everything = [printableJson(header), ...lines];
    if (options.json) process.stdout.write(`${everything.join('\n')}\n`);
    try {
      keepRun(header, everything);
    } catch (error) {
      // The demo has been seen, and that is what it is for.
      process.stderr.write(`amnesia: this run cannot be kept for explain: ${(error as Error).message}\n`);
    }

    const files = await exportRun({ header, entries: everyEntry }, options);
    written = () => {
      for (const line of files) process[options.json ? 'stderr' : 'stdout'].write(`  written: ${line}\n`);
    };

    const fault = control.fault ?? severed?.fault;
    if (fault) throw fault;
    if (!judgement || !cut) {
      const failed = control.steps.some((step) => step.failed);
      if (!options.json)
        out.print(
          [],
          ...ending(
            failed
              ? 'The control arm failed: there is nothing to compare a cut with.'
              : 'Nothing was cut, and every step was answered.',
            `amnesia demo ${card.name}/${design} --cut ${telling.cut.is}`,
            out,
          ),
        );
      return failed ? EXIT.unknown : EXIT.asClaimed;
    }
    const claim = claimed(picked, cut);
    const code = compare(judgement.verdict, claim);
    if (!options.json) conclude(judgement, claim, code);
    return code;
  } finally {
    written();
    for (const host of ahead) await discardHost(host);
  }

  /** Plays one arm and shows it: as it goes with `--step`, at its end otherwise. */
  async function show(withCut?: Cut): Promise<Arm> {
    let shown = 0;
    let entries: Entry[] = [];
    let known: Ledger | undefined;
    const showNew = (traces: Trace[]) => {
      entries = record(traces, {
        card,
        firstRow: row,
        arm: withCut ? 2 : 1,
        ...(options.showSecrets ? { showSecrets: true } : {}),
      });
      known = ledger(entries);
      if (options.json) return;
      for (const entry of entries.slice(shown))
        out.print(...log.lines(entry, 'row' in entry ? known.notes.get(entry.row) : []));
      shown = entries.length;
    };
    out.progress(withCut ? `playing the severed arm (${withCut.is})…` : 'playing the control arm…');
    const arm = await playArm({
      story,
      design,
      seed: options.seed,
      origin,
      settings,
      asides: true,
      host: () => ahead.shift() ?? startHost(),
      ...(withCut ? { cut: withCut } : {}),
      ...(options.step && !options.json
        ? {
            async pause(traces: Trace[]) {
              showNew(traces);
              await waitForKey('      (any key for the next step)');
            },
          }
        : {}),
    });
    out.progress('');
    showNew(arm.traces);
    row = entries.reduce((last, entry) => ('row' in entry ? entry.row + 1 : last), row);
    if (known) {
      everyEntry.push(...entries);
      lines.push(...jsonLines(entries, known));
      if (!options.json) for (const account of known.accounts) out.print(...accountLines(account, out.look));
    }
    return arm;
  }

  async function predict(): Promise<void> {
    const own = cut?.is === telling.cut.is && placeInWords(cut.at) === placeInWords(telling.cut.at);
    const question = own
      ? telling.predict
      : {
          ask: `The cut: ${cut?.is} ${cut ? inWords(cut.at) : ''}. What will it do?`,
          choices: VERDICTS.slice(0, 4).map((verdict) => `${verdict}: ${MEANINGS[verdict]}`),
        };
    out.print([], ...wrap([{ text: '  predict  ', style: 'warn' }, { text: question.ask }], out.look, 11));
    question.choices.forEach((choice, index) => {
      out.print(...wrap([{ text: `    ${index + 1}  `, style: 'mark' }, { text: choice }], out.look, 7));
    });
    const chosen = await ask(`  your answer (1 to ${question.choices.length}): `, question.choices.length);
    if (chosen !== undefined) predicted = { chosen: chosen - 1, ...question };
  }

  /** What the person who predicted is told when it has been seen. */
  function told(verdict: Verdict): Line[] {
    if (!predicted) return [];
    const { chosen, choices } = predicted;
    const right = predicted.right ?? VERDICTS.indexOf(verdict);
    if (chosen === right) return [[{ text: '  You predicted this.', style: 'good' }]];
    const text = `  You predicted ${chosen + 1}; it is ${right + 1}: ${choices[right]}.`;
    return wrap([{ text, style: 'warn' }], out.look, 4);
  }

  function conclude(judged: Judgement, claim: Claim, code: number): void {
    const { look } = out;
    const style =
      judged.verdict === 'broken' || judged.verdict === 'lost' ? 'bad' : judged.verdict === 'unknown' ? 'warn' : 'good';
    out.print([], heading('verdict', look));
    out.print(...wrap([{ text: `  ${judged.verdict}`, style }, { text: `: ${judged.because}` }], look, 4));
    if (judged.more.length > 0)
      out.print(...wrap([{ text: '  the client also had to: ' }, { text: grouped(judged.more) }], look, 4));
    if (judged.less.length > 0)
      out.print(...wrap([{ text: '  and never sent: ' }, { text: grouped(judged.less) }], look, 4));
    if (code === EXIT.notAsClaimed)
      out.print([{ text: `  NOT AS CLAIMED: its author claims ${claim.verdict}`, style: 'bad' }]);
    if (code === EXIT.asClaimed) out.print(...told(judged.verdict));
    // The reasons of its author are reasons for what was claimed, and for nothing else.
    if (claim.own && code === EXIT.asClaimed)
      for (const why of telling.why) out.print(...wrap([{ text: '  · ' }, { text: why }], look, 4));
    out.print([], ...ending(undefined, claim.own ? telling.next : `amnesia litmus ${card.name}/${design}`, out));
  }
}

const MEANINGS: Record<Verdict, string> = {
  untouched: 'same answers, same packets',
  recovered: 'same answers, but the client has to do more',
  lost: 'it goes on, but an answer differs',
  broken: 'a step cannot be completed',
  unknown: 'the run does not tell',
};

/** What a run's first line says of the verdict. */
function judged({ verdict, because, more, less }: Judgement): Partial<RunHeader> {
  return { verdict, because, ...(more.length > 0 ? { more } : {}), ...(less.length > 0 ? { less } : {}) };
}

interface Claim {
  /** Undefined where nobody claims anything about this place. */
  verdict: Verdict | undefined;
  /** Whether this is the cut that the story is about. */
  own: boolean;
}

function claimed({ telling }: Picked, cut: Cut): Claim {
  const own = cut.is === telling.cut.is && placeInWords(cut.at) === placeInWords(telling.cut.at);
  if (own) return { verdict: telling.verdict, own };
  return { verdict: 'after' in cut.at ? telling.claims[cut.is] : undefined, own };
}

/** The claim about a cut is about its worst place: a better verdict at one place keeps it. */
function compare(verdict: Verdict, { verdict: claim, own }: Claim): number {
  if (verdict === 'unknown') return EXIT.unknown;
  if (claim === undefined) return EXIT.asClaimed;
  const kept = own ? verdict === claim : VERDICTS.indexOf(verdict) <= VERDICTS.indexOf(claim);
  return kept ? EXIT.asClaimed : EXIT.notAsClaimed;
}

/** Refuses what needs a person where there is none. */
function attended({ json, step, predict }: DemoOptions): void {
  if (json && (step || predict))
    throw new UsageError(
      `--${step ? 'step' : 'predict'} is for a person, and --json for a program: choose one. Type: amnesia demo --help`,
    );
  if (step && !process.stdin.isTTY)
    throw new UsageError(
      '--step waits for a key, and there is no keyboard here: leave it out. Type: amnesia demo --help',
    );
}

function cutAsked({ story, design, telling }: Picked, { cut, at }: DemoOptions, { sync }: Settings): Cut | undefined {
  if (cut === 'none') {
    if (at !== undefined)
      throw new UsageError(
        `--at says where to cut, and --cut none cuts nothing. Type: amnesia demo ${story.card.name}/${design} --cut kill --at ${at}`,
      );
    return undefined;
  }
  const is = (cut as CutKind | undefined) ?? telling.cut.is;
  if (at === undefined) {
    // Where nothing is synced, the last moment before an answer is that of the write.
    if (is === telling.cut.is && sync === 'os' && 'on' in telling.cut.at && telling.cut.at.on.moment === 'sync')
      return { is, at: { on: { ...telling.cut.at.on, moment: 'write' } } };
    if (is === telling.cut.is) return telling.cut;
    return { is, at: { after: middleOf(story) } };
  }
  const place = placeFromWords(at);
  const example = `amnesia demo ${story.card.name}/${design} --cut ${is} --at 2`;
  if (!place)
    throw new UsageError(
      `--at ${JSON.stringify(at)} is no place: a step's number, or an event such as "read 2 DATA", "send 1 ACK", "sync 2". Type: ${example}`,
    );
  if ('after' in place && place.after >= story.steps.length) {
    throw new UsageError(
      `--at ${place.after}: a cut after the last step shows nothing, and there are ${story.steps.length} steps. Type: ${example}`,
    );
  }
  if ('on' in place && is !== 'kill')
    throw new UsageError(
      `only a kill can wait for an event. Type: amnesia demo ${story.card.name}/${design} --cut kill --at ${JSON.stringify(at)}`,
    );
  return { is, at: place };
}

/** What the server is told. */
function settingsOf({ story: { card }, design }: Picked, { sync }: DemoOptions): Settings {
  if (sync === undefined) return {};
  if (!card.designs[design]?.takes?.includes('sync'))
    throw new UsageError(`--sync means nothing to ${card.name}/${design}. Type: amnesia demo ${card.name}/${design}`);
  return { sync };
}

function promisePossible({ story, design }: Picked, { is, at }: Cut, { sync }: Settings): void {
  if (sync === 'os' && 'on' in at && at.on.moment === 'sync')
    throw new UsageError(
      `with --sync os nothing is synced before an answer, so there is no such moment. Type: amnesia demo ${story.card.name}/${design} --sync os --at "write ${at.on.nth}"`,
    );
  const held = story.card.designs[design];
  const holds = held?.holds;
  const onJournal = 'on' in at && (at.on.moment === 'write' || at.on.moment === 'sync');
  const name = `${story.card.name}/${design}`;
  if (held?.runs && (is === 'forget' || is === 'expire'))
    throw new UsageError(
      `${name} is not a server of ours: nobody can reach into it and ${is === 'forget' ? 'empty its memory' : 'move its clock'}. Type: amnesia demo ${name} --cut kill`,
    );
  if (held?.runs && onJournal)
    throw new UsageError(
      `${name} is not a server of ours: nobody can see when it writes. Type: amnesia demo ${name} --cut kill`,
    );
  if (holds !== 'memory' || (is !== 'store' && !onJournal)) return;
  const written = Object.entries(story.card.designs).find(([, each]) => each.holds === 'disk')?.[0];
  const advice = written
    ? `amnesia demo ${story.card.name}/${written} --cut ${is}`
    : `amnesia demo ${story.card.name} --cut ${CUTS[2]}`;
  throw new UsageError(
    `${story.card.name}/${design} writes nothing down, so there is no ${is === 'store' ? 'store to lose' : 'journal to wait for'}. Type: ${advice}`,
  );
}

function introduction({ story, design }: Picked, options: DemoOptions, settings: Settings, { look }: Screen): Line[] {
  const { card } = story;
  const held = card.designs[design];
  return [
    heading(`${card.title} · ${card.name}/${design} · seed ${options.seed}`, look),
    ...wrap([{ text: `  ${story.about}` }], look, 2),
    ...wrap([{ text: '  design: ', style: 'dim' }, { text: held?.tells ?? '' }], look, 10),
    ...wrap([{ text: '  promise: ', style: 'dim' }, { text: held ? promiseOf(held, settings) : '' }], look, 11),
  ];
}

function ending(text: string | undefined, next: string, { look }: Screen): Line[] {
  return [
    ...(text ? wrap([{ text: `  ${text}` }], look, 2) : []),
    [
      { text: '  next: ', style: 'dim' },
      { text: typed(next), style: 'bold' },
    ],
  ];
}

function inWords(place: Place): string {
  return 'after' in place ? `after step ${place.after}` : `on event “${placeInWords(place)}”`;
}

/** `connect, connect` as `connect (2 times)`. */
function grouped(list: readonly string[]): string {
  return [...timesOf(list)].map(([each, count]) => (count === 1 ? each : `${each} (${count} times)`)).join(', ');
}

// Runs for those who test what is made of them: a story played once, both arms, as `amnesia demo` keeps them.

import { SYLLABUS } from '../../demos/index.ts';
import { type Entry, record } from '../../src/capture/records.ts';
import { RUN_VERSION, type RunHeader } from '../../src/capture/run.ts';
import { type ArmRecords, armsOf } from '../../src/cli/exports.ts';
import { playArm } from '../../src/lab/arm.ts';
import { judge } from '../../src/lab/litmus.ts';
import { type Cut, placeInWords } from '../../src/lab/story.ts';
import type { AnyCard } from '../../src/protocols/index.ts';

export interface PlayedRun {
  card: AnyCard;
  header: RunHeader;
  entries: Entry[];
  arms: ArmRecords[];
}

/** Plays the control arm and the severed one; the cut is the story's own unless given. */
export async function playedRun(named: string, cut?: Cut): Promise<PlayedRun> {
  const [protocol = '', design = ''] = named.split('/');
  const story = await SYLLABUS.find((each) => each.protocol === protocol)?.load();
  const telling = story?.designs[design];
  if (!story || !telling) throw new Error(`there is no story of ${named}`);
  const severing = cut ?? telling.cut;
  const origin = process.hrtime.bigint();
  const options = { story, design, seed: 1, origin, asides: true };
  const control = await playArm(options);
  const severed = await playArm({ ...options, cut: severing });
  const fault = control.fault ?? severed.fault;
  if (fault) throw fault;
  const entries = record(control.traces, { card: story.card, arm: 1 });
  const firstRow = entries.reduce((last, entry) => ('row' in entry ? entry.row + 1 : last), 1);
  entries.push(...record(severed.traces, { card: story.card, arm: 2, firstRow }));
  const { verdict, because } = judge(story.card, control, severed);
  const header: RunHeader = {
    is: 'run',
    version: RUN_VERSION,
    ...{ protocol, design, seed: 1, cut: severing.is, at: placeInWords(severing.at), verdict, because },
  };
  return { card: story.card, header, entries, arms: armsOf(entries) };
}

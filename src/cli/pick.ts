// What the user named, found: a story and a design of it.

import { SYLLABUS } from '../../demos/index.ts';
import type { Story, Telling } from '../lab/story.ts';
import { UsageError } from './errors.ts';

export interface Picked {
  story: Story;
  design: string;
  telling: Telling;
}

/** `tcp-session/disk`, or `tcp-session` for its first design. `command`: who asks, and is to be typed again where there is none. */
export async function pick(named: string, command = 'demo'): Promise<Picked> {
  const [protocol = '', wanted] = named.split('/');
  const lesson = SYLLABUS.find((each) => each.protocol === protocol);
  if (!lesson) {
    throw new UsageError(
      `there is no protocol ${JSON.stringify(protocol)}; there are ${SYLLABUS.map((each) => each.protocol).join(', ')}. Type: amnesia list`,
    );
  }
  const story = await lesson.load();
  const designs = Object.keys(story.designs);
  const design = wanted ?? designs[0] ?? '';
  const telling = Object.hasOwn(story.designs, design) ? story.designs[design] : undefined;
  if (!telling) {
    throw new UsageError(
      `${protocol} has no design ${JSON.stringify(design)}; it has ${designs.join(', ')}. Type: amnesia ${command} ${protocol}/${designs[0]}`,
    );
  }
  return { story, design, telling };
}

/**
 * Every design of every protocol named; of all protocols, those that are ours. `tcp-session` means all its designs, also those
 * that nobody here wrote.
 */
export async function pickAll(named: readonly string[], command?: string): Promise<Picked[]> {
  const names = named.length > 0 ? named : SYLLABUS.map((each) => each.protocol);
  const picked: Picked[] = [];
  for (const name of names) {
    const one = await pick(name, command);
    if (name.includes('/')) picked.push(one);
    else
      for (const [design, telling] of Object.entries(one.story.designs))
        if (named.length > 0 || one.story.card.designs[design]?.rules)
          picked.push({ story: one.story, design, telling });
  }
  return picked;
}

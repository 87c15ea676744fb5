// A story told wrongly, as its author might: run as a process of its own, to see what it ends with.

import { story } from '../../demos/udp-echo.ts';
import { demo } from '../../src/cli/demo.ts';
import type { Picked } from '../../src/cli/pick.ts';
import type { Story } from '../../src/lab/story.ts';

const { plain } = story.designs;
if (!plain) throw new Error('the story of udp-echo has a design named plain');
const telling = process.argv[2] === 'wrong-verdict' ? { ...plain, verdict: 'broken' as const } : plain;
const steps =
  process.argv[2] === 'impatient'
    ? [{ name: 'ask for too much', act: () => Promise.reject(new Error('no answer')) }, ...story.steps]
    : story.steps;
const picked: Picked = { story: { ...story, steps } as unknown as Story, design: 'plain', telling };

process.exitCode = await demo(picked, { seed: 1, log: 'line', bytes: 'none' });

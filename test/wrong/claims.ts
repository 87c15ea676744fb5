// A right server with a wrong claim: the author says that a kill takes nothing.

import { story as told } from '../../demos/tcp-session.ts';
import type { Story, Telling } from '../../src/lab/story.ts';

const { memory } = told.designs as Record<string, Telling>;
if (!memory) throw new Error('the story has lost its design memory');

export const story = {
  ...told,
  designs: {
    ...told.designs,
    memory: { ...memory, verdict: 'recovered', claims: { ...memory.claims, kill: 'recovered' } },
  },
} as unknown as Story;

#!/usr/bin/env node
// The command line as a process: errors in words, exit codes, nothing left behind.

import { ranDirectly } from '../lab/direct.ts';
import type { Story } from '../lab/story.ts';
import { EXIT, UsageError } from './errors.ts';
import { typed } from './typed.ts';

/** What wrong arguments end with (EX_USAGE of sysexits.h). */
const USAGE = 64;

/** Signals that end a command, and what a shell calls an end by them: 128 and the signal's number. */
const ENDED_BY = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;

/** Runs a command line as a whole process: errors in words, exit code set. */
export async function main(args: readonly string[]): Promise<void> {
  // A reader that has seen enough (`| head`) is no fault of anybody.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.asClaimed);
    throw error;
  });
  // What runs until it is stopped ends in its own time. Everything else ends at once, and takes its children and folders along.
  if (args[0] !== 'serve' && args[0] !== 'tap')
    for (const [signal, code] of ENDED_BY) process.once(signal, () => process.exit(code));
  try {
    // The one command that must answer at once needs no parser: loading that takes longer than all the rest.
    if (args.length === 1 && args[0] === 'list') process.exitCode = await (await import('./list.ts')).list({});
    else process.exitCode = await (await import('./commands.ts')).run(args);
  } catch (error) {
    process.exitCode = tell(error as Error & { ours?: boolean });
  }
}

function tell(error: Error & { ours?: boolean }): number {
  if (error instanceof UsageError) {
    process.stderr.write(`amnesia: ${error.message.replace(/(?<=Type: )amnesia.*$/, typed)}\n`);
    return USAGE;
  }
  if (error.ours === false) {
    process.stderr.write(`amnesia: ${error.message}\n`);
    return EXIT.fault;
  }
  process.stderr.write(`amnesia: a fault of ours: ${error.stack}\n${error.cause ? `caused by: ${error.cause}\n` : ''}`);
  return EXIT.fault;
}

/**
 * What a demo file does when it is run by itself: `npx tsx demos/tcp-session.ts disk --cut kill`. Returns at once: the story is
 * found through the syllabus, which imports the very file that called, and so must not be waited for by it.
 */
export function runStory(story: Story<never>): void {
  const [first, ...rest] = process.argv.slice(2);
  const named = first !== undefined && first in story.designs;
  const args = first === undefined ? [] : named ? rest : [first, ...rest];
  void main(['demo', named ? `${story.card.name}/${first}` : story.card.name, ...args]);
}

if (ranDirectly(import.meta.url, 'amnesia')) await main(process.argv.slice(2));

// A person at the keyboard: one key, or one line.

import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { UsageError } from './errors.ts';

/** Waits for a key; Ctrl-C ends the program as it always does. */
export async function waitForKey(prompt: string): Promise<void> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY)
    throw new UsageError('--step waits for a key, and there is no keyboard here. Type the command without --step');
  stderr.write(prompt);
  stdin.setRawMode(true).resume();
  const [key] = (await once(stdin, 'data')) as [Buffer];
  stdin.setRawMode(false).pause();
  stderr.write('\r\u001b[K');
  if (key[0] === 3) process.kill(process.pid, 'SIGINT');
}

/** A number from 1 to `most`; undefined when the input ends. Asks again until it gets one. */
export async function ask(prompt: string, most: number): Promise<number | undefined> {
  const lines = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal: process.stdin.isTTY === true,
  });
  try {
    lines.setPrompt(prompt);
    lines.prompt();
    for await (const line of lines) {
      const chosen = Number(line.trim());
      if (Number.isInteger(chosen) && chosen >= 1 && chosen <= most) return chosen;
      lines.prompt();
    }
    return undefined;
  } finally {
    lines.close();
  }
}

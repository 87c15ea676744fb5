// A person at the keyboard: one key, or one line.

import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';

/** Waits for a key; Ctrl-C ends the program as it always does. */
export async function waitForKey(prompt: string): Promise<void> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true).resume();
  const [key] = (await once(stdin, 'data')) as [Buffer];
  stdin.setRawMode(false).pause();
  stderr.write('\r\u001b[K');
  if (key[0] !== 3) return;
  process.emit('SIGINT', 'SIGINT');
  await new Promise(() => {});
}

/** A number from 1 to `most`; undefined when the input ends. Asks again until it gets one. */
export function ask(question: string, most: number): Promise<number | undefined> {
  return asked(question, (line) => {
    const chosen = Number(line.trim());
    return Number.isInteger(chosen) && chosen >= 1 && chosen <= most ? chosen : undefined;
  });
}

/** A line of text; undefined when the input ends. */
export function askLine(question: string): Promise<string | undefined> {
  return asked(question, (line) => line);
}

/** What `taken` makes of the first line that it takes; undefined when the input ends. Asks again after each other line. */
async function asked<T>(question: string, taken: (line: string) => T | undefined): Promise<T | undefined> {
  const terminal = process.stdin.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal,
  });
  // Piped input may have ended long before its lines are looked at, and a readline that has ended prompts no more.
  const prompt = () => (terminal ? lines.prompt() : process.stderr.write(question));
  // In raw mode the terminal leaves Ctrl-C to us, and readline would take it for the end of the input.
  let interrupted = false;
  lines.on('SIGINT', () => {
    interrupted = true;
    process.stderr.write('\n');
    lines.close();
    process.emit('SIGINT', 'SIGINT');
  });
  try {
    lines.setPrompt(question);
    prompt();
    for await (const line of lines) {
      const answer = taken(line);
      if (answer !== undefined) return answer;
      prompt();
    }
    // The signal is on its way; until it ends us, nothing may go on.
    if (interrupted) await new Promise(() => {});
    return undefined;
  } finally {
    lines.close();
  }
}

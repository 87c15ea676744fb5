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
export async function ask(question: string, most: number): Promise<number | undefined> {
  const answers = await asked([question], (line) => {
    const chosen = Number(line.trim());
    return Number.isInteger(chosen) && chosen >= 1 && chosen <= most ? chosen : undefined;
  });
  return answers?.[0];
}

/** A line of text for each question, in turn; undefined when the input ends before the last. */
export function askLines(questions: readonly string[]): Promise<string[] | undefined> {
  return asked(questions, (line) => line);
}

/**
 * What `taken` makes of the first line that it takes, for each question in turn; undefined when the input ends before the last. Asks
 * again after each other line. One reader for all of them: what was typed ahead, or pasted, belongs to the questions that follow.
 */
async function asked<T>(
  questions: readonly string[],
  taken: (line: string) => T | undefined,
): Promise<T[] | undefined> {
  const terminal = process.stdin.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal,
  });
  const answers: T[] = [];
  // Piped input may have ended long before its lines are looked at, and a readline that has ended prompts no more.
  const prompt = () => {
    const question = questions[answers.length] ?? '';
    if (!terminal) return process.stderr.write(question);
    lines.setPrompt(question);
    lines.prompt();
  };
  // In raw mode the terminal leaves Ctrl-C to us, and readline would take it for the end of the input.
  let interrupted = false;
  lines.on('SIGINT', () => {
    interrupted = true;
    process.stderr.write('\n');
    lines.close();
    process.emit('SIGINT', 'SIGINT');
  });
  try {
    prompt();
    for await (const line of lines) {
      const answer = taken(line);
      if (answer !== undefined) answers.push(answer);
      if (answers.length === questions.length) return answers;
      prompt();
    }
    // The signal is on its way; until it ends us, nothing may go on.
    if (interrupted) await new Promise(() => {});
    return undefined;
  } finally {
    lines.close();
  }
}

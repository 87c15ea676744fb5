// How long is an answer waited for on a stream? A link that swallows everything tells nobody: no end, no error, and every write
// succeeds. So whoever waits on a connection must have a patience of their own, and leave when it has run out.

import type { Waits } from '../protocols/shapes.ts';

/** The connection that an answer is waited for on, whichever that is at the moment. */
export interface WaitedOn {
  /** Bytes heard so far: where some have come meanwhile, the answer is only slow. */
  heard(): number;
  /** Leaves it. Whoever waits for `answer` must learn of that as of any other end. */
  giveUp(): void;
}

/** Settles as `answer` does. Until then a connection is left each time that an answer is overdue and not a byte has come meanwhile. */
export async function patiently<T>(answer: Promise<T>, waits: Waits, line: WaitedOn): Promise<T> {
  const answered = new AbortController();
  void watch(answered.signal, waits, line);
  return answer.finally(() => answered.abort());
}

async function watch(answered: AbortSignal, waits: Waits, line: WaitedOn): Promise<void> {
  for (;;) {
    const before = line.heard();
    await waits.overdue(answered, 'tcp');
    if (answered.aborted) return;
    if (line.heard() === before) line.giveUp();
  }
}

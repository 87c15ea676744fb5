// Which message was it? An observer calls messages by their path, and by how many had come along it: a change of memory is put
// down to one of them.

import type { Path } from '../protocols/shapes.ts';

/** Paths whose messages are counted. */
const COUNTED = 4096;

export class Tally {
  private readonly counts = new Map<Path, number>();

  /** One more message has come along this path. */
  next(path: Path): { path: Path; nth: number } {
    const nth = (this.counts.get(path) ?? 0) + 1;
    // A datagram's path never says that it is gone, and there are more paths than anybody should count.
    const oldest = nth === 1 && this.counts.size >= COUNTED ? this.counts.keys().next().value : undefined;
    if (oldest !== undefined) this.counts.delete(oldest);
    this.counts.set(path, nth);
    return { path, nth };
  }

  /** What a deed brings about is put down to the message that was heard last on its path: it asked for it. */
  later(path: Path): { path: Path; nth: number; later: true } | undefined {
    const nth = this.counts.get(path);
    return nth === undefined ? undefined : { path, nth, later: true };
  }

  /** The path is gone. */
  drop(path: Path): void {
    this.counts.delete(path);
  }
}

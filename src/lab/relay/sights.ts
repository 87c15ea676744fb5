// What a relay writes down: not its own doings, but what either end did and what reached the other, in the same traces that the lab's
// taps at both ends take. The relay's own addresses are left out of them.

import type { LinkEvent, Sink, Swallowed } from '../../capture/trace.ts';
import type { Path } from '../../protocols/shapes.ts';
import type { Over, Side } from '../../wire/wire.ts';

/** The two ends of a connection, or of an exchange of datagrams, as if nobody stood between them. */
export interface Ends {
  client: Path;
  server: Path;
  over: Over;
  /** A file's bytes pass here, and no messages: only the beginning of each chunk is written down. */
  isData?: true;
  /** TLS has begun: nothing that passes can be read any more. */
  sealed?: boolean;
}

export interface Sights {
  /** `by` has sent or has been handed these bytes. */
  bytes(by: Side, way: 'sent' | 'read', ends: Ends, bytes: Buffer): void;
  link(by: Side, what: LinkEvent, ends: Ends): void;
  /** Something that no packet shows. */
  note(text: string): void;
  born(server: Path, notes: string[]): void;
  moved(): void;
  silenced(): void;
  healed(swallowed: Swallowed): void;
  halfOpen(ends: Ends, at: Side): void;
}

/** How much of a chunk of data is written down, in bytes. */
const BEGINNING = 512;

/** `who`: the server's name in the log. */
export function sights(who: string, sink: Sink, clock: () => number): Sights {
  const seen = (by: Side, { client, server, over }: Ends) =>
    by === 'client'
      ? { t: clock(), who: 'client', over, local: client, remote: server }
      : { t: clock(), who, over, local: server, remote: client };
  return {
    bytes(by, way, ends, bytes) {
      if (ends.sealed || bytes.length === 0) return;
      const isCut = ends.isData && bytes.length > BEGINNING;
      const base64 = bytes.toString('base64', 0, isCut ? BEGINNING : bytes.length);
      sink({ ...seen(by, ends), is: 'bytes', way, base64, ...(isCut ? { length: bytes.length } : {}) });
    },
    link: (by, what, ends) => sink({ ...seen(by, ends), is: 'link', what }),
    note: (text) => sink({ t: clock(), who, is: 'note', text }),
    born: (path, notes) => sink({ t: clock(), who, is: 'born', path, facts: {}, notes, unseen: true }),
    moved: () => sink({ t: clock(), who: 'client', is: 'moved' }),
    silenced: () => sink({ t: clock(), who: 'link', is: 'silenced' }),
    healed: (swallowed) => sink({ t: clock(), who: 'link', is: 'healed', swallowed }),
    halfOpen: ({ client }, at) => sink({ t: clock(), who: 'link', is: 'half-open', near: client, at }),
  };
}

/** For a relay that nobody watches. */
export const UNSEEN: Sights = {
  bytes() {},
  link() {},
  note() {},
  born() {},
  moved() {},
  silenced() {},
  healed() {},
  halfOpen() {},
};

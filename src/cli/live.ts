// The live log: entries as they come about, for a person or for a program.

import { Book, type Note } from '../capture/ledger.ts';
import { type Entry, Recorder } from '../capture/records.ts';
import { RUN_VERSION } from '../capture/run.ts';
import type { Trace } from '../capture/trace.ts';
import { jsonLine } from '../log/jsonl.ts';
import { type Bytes, type Level, TerminalLog } from '../log/terminal.ts';
import type { AnyCard } from '../protocols/index.ts';
import { printableJson } from '../wire/printable.ts';
import type { Screen } from './screen.ts';

/** How often the log looks for news, in milliseconds. */
export const LOOK = 25;

export interface LiveOptions {
  card: AnyCard;
  design: string;
  options: {
    log?: Level | undefined;
    bytes: Bytes;
    json?: boolean | undefined;
    showSecrets?: boolean | undefined;
  };
  out: Screen;
  /** Told of each entry when it is complete. */
  also?: (entry: Entry, notes: readonly Note[]) => void;
}

export interface LiveView {
  /** Traces come in order of time. Returns the entries that came of it, which are still completed. */
  push(trace: Trace): readonly Entry[];
  /** Shows what was pushed before the last call. */
  show(): void;
}

export function liveView({ card, design, options, out, also }: LiveOptions): LiveView {
  const recorder = new Recorder({ card, ...(options.showSecrets ? { showSecrets: true } : {}) });
  const book = new Book({ seesClient: false });
  const terminal = new TerminalLog({ level: options.log ?? 'default', bytes: options.bytes, look: out.look }, 0);
  let pending: Entry[] = [];
  if (options.json)
    process.stdout.write(
      `${printableJson({ is: 'run', version: RUN_VERSION, protocol: card.name, design, seed: null, cut: null, at: null })}\n`,
    );
  return {
    push(trace) {
      const before = recorder.entries.length;
      recorder.push(trace);
      return recorder.entries.slice(before);
    },
    // An entry is shown one look later than it came: by then it knows what it changed.
    show() {
      for (const entry of pending) {
        const notes = 'row' in entry ? book.add(entry) : [];
        if (options.json) process.stdout.write(`${jsonLine(entry, notes)}\n`);
        else out.print(...terminal.lines(entry, notes));
        also?.(entry, notes);
      }
      pending = recorder.take();
    },
  };
}

// What does a program print that nobody here wrote? Line by line, each drawn so that a terminal may show it, and never more than it takes to
// know what is the matter.

import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { printable } from '../wire/printable.ts';

/** Lines that are passed on, and how long each may be when it is shown, and while it has no end yet, in characters. */
const LINES = 10_000;
const LINE = 400;
const LONG = 64 << 10;

/** Reads what is printed, line by line: a server that nobody reads would wait for ever. Resolves when all is read and told. */
export function linesOf(stream: Readable, told: (line: string) => void): Promise<void> {
  let lines = 0;
  const reading = createInterface({ input: Readable.from(cut(stream)), crlfDelay: Number.POSITIVE_INFINITY }).on(
    'line',
    (line) => {
      if (++lines < LINES) told(printable(line, LINE));
      else if (lines === LINES) told('… more is not shown');
    },
  );
  return new Promise((resolve) => reading.once('close', resolve));
}

/** What is printed, with an end put to lines that have none: nobody keeps a line of a gigabyte. */
async function* cut(stream: Readable): AsyncGenerator<string> {
  let length = 0;
  for await (const chunk of stream.setEncoding('utf8')) {
    const text = chunk as string;
    const newline = text.lastIndexOf('\n');
    length = newline === -1 ? length + text.length : text.length - newline;
    yield length > LONG ? `${text}\n` : text;
    if (length > LONG) length = 0;
  }
}

// Where output goes: lines on stdout, progress on stderr while a person is watching.

import { type Line, type Look, lookOf, paint } from '../log/text.ts';

export interface Screen {
  look: Look;
  print(...lines: Line[]): void;
  text(text?: string): void;
  /** One line that is written over by the next; only on a terminal. */
  progress(text: string): void;
}

export function screen(wanted: { color?: boolean | undefined; ascii?: boolean | undefined } = {}): Screen {
  const look = lookOf(process.stdout, wanted);
  const watching = process.stderr.isTTY === true && process.stdout.isTTY === true;
  let shown = false;
  const clear = () => {
    if (shown) process.stderr.write('\r\u001b[K');
    shown = false;
  };
  return {
    look,
    print(...lines) {
      clear();
      process.stdout.write(lines.map((line) => `${paint(line, look)}\n`).join(''));
    },
    text(text = '') {
      clear();
      process.stdout.write(`${paint([{ text }], look)}\n`);
    },
    progress(text) {
      if (!watching) return;
      process.stderr.write(`\r\u001b[K${text.slice(0, look.width - 1)}`);
      shown = true;
      if (text === '') clear();
    },
  };
}

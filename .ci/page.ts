// Writes src/log/html/inlined.ts: the style of a run's page, and its script as a browser takes it. Both are read, checked and mended
// in files of their own; a page has to carry them, and a program that was packed has no such files.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';

const FOLDER = new URL('../src/log/html/', import.meta.url);

/** In this order: what comes later has the last word. */
const STYLES = ['page.css', 'memory.css', 'ladder.css', 'opened.css', 'places.css'];

/** What the file should be. A test compares. */
export function inlined(): string {
  const read = (name: string) => readFileSync(new URL(name, FOLDER), 'utf8').replaceAll('\r\n', '\n');
  const { code } = transformSync(read('browser.ts'), { loader: 'ts', format: 'iife', target: 'es2022' });
  return `// Made from the style sheets and browser.ts by: npm run page

export const STYLE = ${literal(STYLES.map(read).join('\n'))};

export const SCRIPT = ${literal(code)};
`;
}

/** In an HTML file nothing in a script may look like its end. */
function literal(text: string): string {
  if (/<\/(script|style)|<!--/i.test(text)) throw new Error('the page would end in the middle of its own code');
  return `\`${text.replace(/[\\`]|\$\{/g, (special) => `\\${special}`)}\``;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(new URL('inlined.ts', FOLDER), inlined());

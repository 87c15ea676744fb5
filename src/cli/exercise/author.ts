// For authors: a skeleton of an exercise, and what the course still lacks.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { COURSE } from '../../../demos/exercises/index.ts';
import { flagsFor } from '../../lab/lives.ts';
import { adopt } from '../../lab/tidy.ts';
import { wrap } from '../../log/text.ts';
import { EXIT, UsageError } from '../errors.ts';
import type { Screen } from '../screen.ts';
import { typed } from '../typed.ts';
import { next } from './check.ts';
import { COURSE_FOLDER, entryOf } from './folder.ts';
import { GAP, gapsOf, registryGaps } from './lint.ts';

/** Says what an exercise lacks, or all of them. */
export async function lint(id: string | undefined, out: Screen): Promise<number> {
  const entries = id === undefined ? COURSE : [entryOf(id)];
  const gaps = id === undefined ? registryGaps(COURSE_FOLDER) : [];
  for (const entry of entries) {
    const progress = (doing: string) => out.progress(`${entry.id}: ${doing}…`);
    const found = await gapsOf(entry, await entry.load(), { course: COURSE_FOLDER, types, progress });
    gaps.push(...found.map((gap) => `${entry.id}: ${gap}`));
    out.progress('');
    if (found.length === 0) out.print([{ text: '  ✓ ', style: 'good' }, { text: entry.id }]);
  }
  for (const gap of gaps) out.print(...wrap([{ text: '  ✗ ', style: 'bad' }, { text: gap }], out.look, 4));
  return gaps.length === 0 ? EXIT.asClaimed : EXIT.notAsClaimed;
}

const PROGRAM = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../amnesia.ts' : './amnesia.js', import.meta.url),
);

/** Types `amnesia` as a learner does who has nothing yet. */
async function types(words: readonly string[], cwd: string): Promise<{ code: number | null; err: string }> {
  const child = spawn(process.execPath, [...flagsFor(PROGRAM), PROGRAM, ...words], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, XDG_CACHE_HOME: join(cwd, 'cache') },
  });
  adopt(child);
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  return { code, err };
}

/** Writes a skeleton, whose gaps {@link lint} names. */
export function write(id: string | undefined, out: Screen): number {
  if (!import.meta.url.endsWith('.ts'))
    throw new UsageError(
      'an exercise is written in a checkout of the source, and this is the package. Type: amnesia exercise list',
    );
  if (id === undefined || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(id))
    throw new UsageError('an exercise needs a name in lower case. Type: amnesia exercise new my-exercise');
  const folder = join(COURSE_FOLDER, id);
  if (existsSync(folder)) throw new UsageError(`${folder} is there already. Type: amnesia exercise lint ${id}`);
  for (const [name, text] of Object.entries(skeleton(id))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
    out.text(`  written  ${relative(process.cwd(), join(folder, name))}`);
  }
  out.print(
    ...wrap([{ text: '  Add it to demos/exercises/index.ts, where it belongs in the course:' }], out.look, 2),
    [{ text: `    { id: '${id}', title: '…', teaches: '…',` }],
    [{ text: `      load: async () => (await import('./${id}/index.ts')).exercise },` }],
    next(typed(`amnesia exercise lint ${id}`)),
  );
  return EXIT.asClaimed;
}

/** The files of a new exercise, by name. */
export function skeleton(id: string): Record<string, string> {
  const server = (what: string) => `// ${GAP}: ${what}

import net from 'node:net';

const { PORT, HOST = '127.0.0.1' } = process.env;

net
  .createServer((socket) => {
    socket.on('error', () => {});
  })
  .listen(Number(PORT), HOST);
`;
  return {
    'index.ts': `// ${GAP}: what this exercise is about, in a line.

import type { Build } from '../../../src/lab/exercise.ts';
import { survived } from '../../../src/lab/exercise.ts';
import type { SessionClient } from '../../../src/protocols/tcp-session/client.ts';
import { card } from '../../../src/protocols/tcp-session/index.ts';

export const exercise: Build<SessionClient> = {
  id: '${id}',
  kind: 'feature',
  cites: 'src/protocols/tcp-session/wire.ts',
  card,
  steps: [
    { name: 'open a session', act: (client) => client.open(1000) },
    { name: 'send "a"', act: (client) => client.send('a') },
    { name: 'close it', act: (client) => client.finish() },
  ],
  arms: { kill: { is: 'kill', at: { after: 2 } } },
  checks: [
    {
      id: 'kill',
      stage: 'survives',
      arm: 'kill',
      sentence: '${GAP}: a sentence that is true of a right server.',
      cite: 'tcp-session §6',
      look: survived,
      ask: '${GAP}: one question that leads on?',
      hint: '${GAP}: for whoever fails this check.',
    },
  ],
  hints: ['${GAP}: a nudge', '${GAP}: a direction', '${GAP}: nearly the answer'],
  wrong: { one: 'kill', other: 'kill' },
};
`,
    'problem.md': `# ${id}

${GAP}: the problem, in two or three sentences.

## What is said

${GAP}

## What is remembered

- **The session key** is ${GAP}.
- **How long it lives**: ${GAP}.
- **Who may forget**: ${GAP}.

## What must survive

${GAP}

## Your turn

${GAP}
`,
    'starter.mjs': server('what the learner is given'),
    'solution.mjs': server('a right server'),
    'wrong/one.diff': `${GAP}: diff -u solution.mjs OTHER.mjs, of a server with a mistake that people make\n`,
    'wrong/other.diff': `${GAP}: the same, of a server with another one\n`,
  };
}

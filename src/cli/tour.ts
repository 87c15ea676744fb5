// `amnesia`: the tour. Every demo in short, then the matrix, then what to type next.

import { SYLLABUS } from '../../demos/index.ts';
import { matrixLines } from '../log/matrix.ts';
import { heading } from '../log/terminal.ts';
import { type Line, wrap } from '../log/text.ts';
import { demo } from './demo.ts';
import { matrix, possible, report } from './litmus.ts';
import { pick, pickAll } from './pick.ts';
import { screen } from './screen.ts';
import { typed } from './typed.ts';

export async function tour(options: { ascii?: boolean | undefined; color?: boolean | undefined }): Promise<number> {
  const out = screen(options);
  const say = (text: string) => out.print(...wrap([{ text }], out.look, 0));
  say(
    'Amnesia: small protocol servers that you can make forget. Each demo is played twice: once as it should go, and once with something severed. The question is never whether there is state, but what it is filed under and who holds it.',
  );
  let worst = 0;
  for (const { protocol } of SYLLABUS) {
    out.text();
    worst = Math.max(worst, await demo(await pick(protocol), { seed: 1, log: 'line', bytes: 'none', ...options }));
  }
  const picked = possible(await pickAll([]));
  out.print([], heading('the matrix: every cut of every design, in the middle of its workload', out.look));
  const rows = await matrix(picked, 1, out, { brief: true });
  out.print(...matrixLines(rows, out.look), []);
  say(
    'forget: the live process empties its memory. path: the client comes back from another address. kill: SIGKILL, and a new process on the same port. swap: a balancer leads to another instance. silence: the link swallows everything, then heals. expire: a lifetime passes. store: killed, and what it had written down, or a store that it shares, is wiped.',
  );
  out.print([]);
  out.print(...onwards());
  return Math.max(worst, report(picked, rows, out));
}

/** What to type after the tour. */
export function onwards(): Line[] {
  const commands = [
    ['amnesia demo udp-echo', 'with its bytes explained'],
    ['amnesia demo tcp-session/disk', 'the session that survives'],
    ['amnesia explain 5', 'one row of the last run in full'],
    ['amnesia exercise', 'servers for you to extend'],
    ['amnesia serve udp-echo --log full', 'for your own client'],
    ['amnesia litmus', 'each cut after every step'],
    ['amnesia --help', 'everything else'],
  ] as const;
  return commands.map(([command, what]) => [
    { text: `  ${typed(command).padEnd(47)}`, style: 'bold' },
    { text: what, style: 'dim' },
  ]);
}

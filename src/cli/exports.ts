// A run as files that other programs read: Wireshark, a browser, a README. All made from the same records.

import { existsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Ledger, ledger } from '../capture/ledger.ts';
import type { Entry } from '../capture/records.ts';
import { commandOf, type RunHeader } from '../capture/run.ts';
import { placeInWords } from '../lab/story.ts';
import { loadCard } from '../protocols/index.ts';
import { UsageError } from './errors.ts';
import { pick } from './pick.ts';
import { typed } from './typed.ts';

export interface ExportOptions {
  pcap?: string | undefined;
  html?: string | undefined;
  mermaid?: string | undefined;
  markdown?: string | undefined;
}

/** The records of one arm, and what its ledger makes of them. */
export interface ArmRecords {
  entries: Entry[];
  ledger: Ledger;
}

/** The arms of a run, in order. */
export function armsOf(entries: readonly Entry[]): ArmRecords[] {
  const arms = [...new Set(entries.map(({ arm }) => arm))].sort((a, b) => a - b);
  return arms.map((arm) => {
    const own = entries.filter((entry) => entry.arm === arm);
    return { entries: own, ledger: ledger(own) };
  });
}

/** Refuses what cannot be written, before anybody has waited for it. */
export function possible({ pcap, html, mermaid, markdown }: ExportOptions): void {
  if (pcap !== undefined && !pcap.endsWith('.pcapng'))
    throw new UsageError(
      `--pcap ${pcap}: the file is in the format pcapng, and other programs go by its name. Type: --pcap ${pcap.replace(/\.\w*$/, '')}.pcapng`,
    );
  for (const path of [pcap, html, mermaid, markdown])
    if (path !== undefined && !existsSync(dirname(resolve(path))))
      throw new UsageError(`there is no folder ${dirname(path)} for ${path}. Type: mkdir -p ${dirname(path)}`);
}

/** Writes the files that were asked for, and resolves to a line for each. */
export async function exportRun(
  { header, entries }: { header: RunHeader; entries: readonly Entry[] },
  { pcap, html, mermaid, markdown }: ExportOptions,
): Promise<string[]> {
  const told: string[] = [];
  const put = (path: string, text: string | Buffer, what: string) => {
    try {
      // There may be names and contents in it that are nobody else's business.
      writeFileSync(path, text, { mode: 0o600 });
    } catch (error) {
      throw new UsageError(`${path} cannot be written (${(error as Error).message}): name another file`, {
        cause: error,
      });
    }
    told.push(`${path}: ${what}`);
  };
  const arms = armsOf(entries);
  const title = titleOf(header);
  if (pcap !== undefined) {
    const { pcapng } = await import('../log/pcapng.ts');
    const card = await loadCard(header.protocol);
    const port = card?.registered ?? card?.port ?? 0;
    put(pcap, pcapng({ title, port, entries, ledgers: byArm(arms) }), 'for Wireshark, or: tshark -r');
  }
  if (html !== undefined) {
    const page = await import('../log/html.ts');
    put(html, page.html({ header, entries, ledgers: byArm(arms), ...(await saidOf(header)) }), 'for a browser');
  }
  if (mermaid !== undefined) {
    const diagram = await import('../log/mermaid.ts');
    const last = arms.at(-1);
    // A README takes fenced diagrams, as many as there are arms; a diagram's own file holds one.
    if (/\.(md|markdown)$/.test(mermaid)) put(mermaid, diagram.mermaidMarkdown(title, arms), 'a diagram of each arm');
    else if (last) put(mermaid, diagram.mermaid(last.entries, last.ledger), 'a diagram of the last arm');
  }
  if (markdown !== undefined) {
    const report = await import('../log/markdown.ts');
    put(markdown, report.markdown({ header, title, arms }), 'a report, with a diagram of each arm');
  }
  return told;
}

/** What a page says beside the records. */
async function saidOf(header: RunHeader) {
  const { protocol, design, because, more, less, verdict, cut, at } = header;
  const command = commandOf(header);
  const common = {
    ...(because === undefined ? {} : { because }),
    ...(more ? { more } : {}),
    ...(less ? { less } : {}),
    ...(command === undefined ? {} : { command: typed(command) }),
  };
  if (header.exec !== undefined)
    return { about: 'A server that is not ours: nobody can look into its memory.', ...common };
  const { story, telling } = await pick(`${protocol}/${design}`);
  // The reasons of its author are reasons for what was claimed, and for nothing else.
  const own = cut === telling.cut.is && at === placeInWords(telling.cut.at) && verdict === telling.verdict;
  return {
    about: story.about,
    ...common,
    ...(own ? { why: telling.why } : {}),
  };
}

function byArm(arms: readonly ArmRecords[]): Map<number, Ledger> {
  return new Map(arms.map(({ entries: [first], ledger }) => [first?.arm ?? 0, ledger]));
}

/** What was played, in a line. */
export function titleOf({ protocol, design, seed, cut, at }: RunHeader): string {
  const how = seed === null ? 'as it was served' : `seed ${seed}`;
  return `amnesia ${protocol}/${design}, ${how}${cut === null ? '' : `, ${cut} at ${at}`}`;
}

// A run as a report that a README, an issue or a lesson can take as it is.

import type { Ledger } from '../capture/ledger.ts';
import type { Entry } from '../capture/records.ts';
import type { RunHeader } from '../capture/run.ts';
import { printable } from '../wire/printable.ts';
import { eventInWords, noteInWords } from './events.ts';
import { mermaidMarkdown } from './mermaid.ts';
import { asMarkdown } from './text.ts';

export interface Report {
  header: RunHeader;
  title: string;
  arms: readonly { entries: readonly Entry[]; ledger: Ledger }[];
}

export function markdown({ header, title, arms }: Report): string {
  const parts = [`# ${asMarkdown(title)}`];
  if (header.verdict) parts.push(`**${header.verdict}**${header.because ? `: ${asMarkdown(header.because)}` : ''}`);
  parts.push(answers(arms), ...changes(arms), mermaidMarkdown('The messages', arms).trimEnd());
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** Each step with its answer, the arms beside one another. */
function answers(arms: Report['arms']): string {
  const steps = arms.map(({ entries }) => {
    const names = new Map<number, string>();
    const given = new Map<number, string>();
    for (const entry of entries) {
      if (entry.is === 'step' && !entry.aside) names.set(entry.step, entry.name);
      // What is asked while a server is dead has numbers of its own, and comes first.
      if (entry.is === 'answer' && names.has(entry.step) && !given.has(entry.step))
        given.set(entry.step, entry.failed ? `failed: ${entry.answer}` : entry.answer);
    }
    return { names, given };
  });
  const [first] = steps;
  if (!first || first.names.size === 0) return '';
  const heads = arms.map(({ entries: [begin] }) => (begin?.is === 'arm' ? asMarkdown(begin.name) : 'answer'));
  const rows = [...first.names].map(([step, name]) => {
    const cells = steps.map(({ given }) => asMarkdown(given.get(step) ?? 'no answer'));
    const same = cells.every((cell) => cell === cells[0]);
    return `| ${step} | ${asMarkdown(name)} | ${cells.map((cell) => (same ? cell : `**${cell}**`)).join(' | ')} |`;
  });
  return [`| | step | ${heads.join(' | ')} |`, `|---|---|${heads.map(() => '---|').join('')}`, ...rows].join('\n');
}

/** What each cut did to memory. */
function changes(arms: Report['arms']): string[] {
  return arms.flatMap(({ entries, ledger }) =>
    ledger.accounts.map(({ cut, outcomes }) => {
      const what = asMarkdown(
        eventInWords(entries.find((entry) => 'row' in entry && entry.row === cut.row) ?? { ...cut, t_ns: 0, arm: 0 }) ??
          '',
      );
      const fates = outcomes.map(
        ({ subject, known, fate }) => `- **${fate}** \`${code(subject)}\`: ${asMarkdown(known)}`,
      );
      const lost = [...ledger.notes].flatMap(([row, notes]) =>
        notes.filter(({ word }) => word === 'LOST').map((note) => `- #${row} ${asMarkdown(noteInWords(note))}`),
      );
      return [`**#${cut.row}** ${what}`, '', ...fates, ...lost].join('\n').trimEnd();
    }),
  );
}

function code(text: string): string {
  return printable(text, 120).replace(/[`|]/g, ' ');
}

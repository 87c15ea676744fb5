// A run as sequence diagrams that a README renders: a killed server is destroyed, and its next life is created.

import type { Ledger } from '../capture/ledger.ts';
import type { CutRow, Entry, LinkRow, PacketRow } from '../capture/records.ts';
import { drawn } from '../wire/printable.ts';
import { armInWords, eventInWords, linkInWords, noteInWords } from './events.ts';
import { asMarkdown } from './text.ts';

/** Longest text on an arrow: a diagram is no wider for a long answer. */
const LONGEST = 72;

/** One arm as a `sequenceDiagram`. */
export function mermaid(entries: readonly Entry[], { notes }: Ledger): string {
  const lines = ['sequenceDiagram'];
  /** Names as Mermaid can take them, by those of the log. */
  const ids = new Map<string, string>();
  /** Participants that stand at this point. Whoever is destroyed can neither say nor hear anything. */
  const standing = new Set<string>();
  /** The life that began last. */
  let life = '';
  const say = (line: string) => lines.push(`  ${line}`);
  const idOf = (who: string) => {
    const known = ids.get(who);
    if (known !== undefined) return known;
    const id = `p${ids.size}`;
    ids.set(who, id);
    return id;
  };
  const beside = (who: string) => [...standing].find((each) => each === who) ?? [...standing][0];
  const note = (text: string, who?: string) => {
    const at = beside(who ?? LAB);
    if (at !== undefined) say(`Note over ${idOf(at)}: ${broken(text)}`);
  };

  const across = (text: string) => {
    const [first] = clients;
    if (first !== undefined) say(`Note over ${idOf(first)},${idOf(LAB)}: ${broken(text)}`);
  };

  // Whoever is there from the beginning stands in this order: clients, then the lab, which kills and starts servers.
  const clients = new Set(
    entries.flatMap((entry) =>
      entry.is === 'packet' || entry.is === 'link' ? [nameOf(entry.side === 'client' ? entry.from : entry.to)] : [],
    ),
  );
  for (const who of [...clients, LAB]) {
    say(`${who === LAB ? 'actor' : 'participant'} ${idOf(who)} as ${escaped(who)}`);
    standing.add(who);
  }

  for (const entry of entries) {
    switch (entry.is) {
      case 'step':
        across(eventInWords(entry) ?? '');
        break;
      case 'answer':
        across(`answer: ${entry.answer}`);
        break;
      case 'life':
        life = entry.life;
        if (standing.has(life)) break;
        standing.add(life);
        say(`create participant ${idOf(life)} as ${escaped(life)}`);
        say(
          `${idOf(LAB)}->>${idOf(life)}: ${escaped(empty(entry.facts) ? 'starts, memory empty' : 'starts, remembers')}`,
        );
        break;
      case 'packet':
        arrow(entry);
        break;
      case 'link':
        // Ends in good order say nothing that the next message does not.
        if (entry.dead || entry.swallowed || !ORDERLY.has(entry.what))
          note(`${nameOf(entry.from)}: ${linkInWords(entry)}`, nameOf(entry.from));
        break;
      case 'cut':
        cut(entry);
        break;
      case 'died':
        if (standing.delete(entry.life)) {
          say(`destroy ${idOf(entry.life)}`);
          say(`${idOf(LAB)}-x${idOf(entry.life)}: ${escaped(eventInWords(entry) ?? '')}`);
        }
        break;
      case 'healed':
      case 'note':
      case 'gap':
        note(eventInWords(entry) ?? '', life);
    }
    if ('row' in entry)
      for (const each of notes.get(entry.row) ?? []) if (each.word === 'LOST') note(noteInWords(each), life);
  }
  return `${lines.join('\n')}\n`;

  function arrow(entry: PacketRow): void {
    const [from, to] = [nameOf(entry.from), nameOf(entry.to)];
    const text = shortened(`${entry.kind} ${entry.says}`.trim());
    if (entry.unsent || !standing.has(from) || !standing.has(to)) {
      const why = entry.unsent ? 'never left' : `reaches nobody`;
      return note(`${text}: ${why}`, standing.has(from) ? from : to);
    }
    // Nobody has read what is drawn with a cross.
    const head = entry.read === false || entry.swallowed ? '-x' : entry.side === 'client' ? '->>' : '-->>';
    say(`${idOf(from)}${head}${idOf(to)}: ${escaped(text)}`);
  }

  function cut(entry: CutRow): void {
    const text = shortened(eventInWords({ ...entry, t_ns: 0, arm: 0, row: 0 }) ?? '', 3 * LONGEST);
    if (entry.cut === 'kill' && standing.delete(entry.who)) {
      say(`destroy ${idOf(entry.who)}`);
      say(`${idOf(LAB)}-x${idOf(entry.who)}: ${broken(text)}`);
    } else note(text, entry.who);
  }
}

/** Every arm of a run under a heading, with its diagram fenced: to be pasted into a README. */
export function mermaidMarkdown(title: string, arms: readonly { entries: readonly Entry[]; ledger: Ledger }[]): string {
  const parts = arms.map(({ entries, ledger }) => {
    const [first] = entries;
    const heading = first?.is === 'arm' ? armInWords(first) : 'as it was served';
    return `### ${asMarkdown(heading)}\n\n\`\`\`mermaid\n${mermaid(entries, ledger)}\`\`\`\n`;
  });
  return `## ${title}\n\n${parts.join('\n')}`;
}

const ORDERLY: ReadonlySet<LinkRow['what']> = new Set(['connected', 'accepted', 'fin sent', 'fin read', 'sealed']);

/** Who kills and starts servers. */
const LAB = 'the lab';

/** Paths of one client, and data connections of one end, are one participant. */
function nameOf(who: string): string {
  return who.replace(/:data$/, '').replace(/@\d+$/, '');
}

function empty(facts: object): boolean {
  return Object.keys(facts).length === 0;
}

function shortened(text: string, most = LONGEST): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** In lines of about {@link LONGEST} characters: a diagram is as wide as its longest line. */
function broken(text: string): string {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length >= LONGEST) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map(escaped).join('<br/>');
}

/** Mermaid takes `;` for the end of a line, `#` for the beginning of an entity, and HTML for HTML. */
function escaped(text: string): string {
  return drawn(text).replace(/[#;<>&%]/g, (character) => `#${character.codePointAt(0)};`);
}

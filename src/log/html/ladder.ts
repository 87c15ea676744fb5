// The sequence ladder of one arm: a column for each participant, in which a life begins and ends, and an arrow for each message.

import type { Entry, LinkRow, PacketRow } from '../../capture/records.ts';
import { type Markup, markup } from './markup.ts';

export interface Ladder {
  columns: string[];
  /** What is drawn behind an entry, as high as its line is. */
  drawing(entry: Entry): Markup;
  /** The same between that entry and the next, where only the other arm has something. */
  after(entry: Entry | undefined): Markup;
  /** The column that a line's words begin at: where its arrow has its left end. */
  startOf(entry: Entry): number;
}

/** Clients beyond these share a column. */
const CLIENTS = 8;
const OTHERS = 'others';
/** Where an arrow runs, in pixels from the top of its line: under the words. */
const ARROW = 25;
/** Half of a cross. */
const ARM = 5;

export function ladder(entries: readonly Entry[]): Ladder {
  const { clients, lives, others } = participants(entries);
  const columns = [...clients, ...lives, ...others];
  const drawings = new Map<Entry, Markup>();
  const afters = new Map<Entry, Markup>();
  const starts = new Map<Entry, number>();
  // A store outlives the lives that it serves: it was there before, and is there when it has been wiped.
  const alive = new Set<string>(others);
  let life: string | undefined;

  for (const entry of entries) {
    const marks: Markup[] = [];
    let fresh: string | undefined;
    let ended: string | undefined;
    switch (entry.is) {
      case 'packet':
      case 'link': {
        const [from, to] = [participant(entry.from, life), participant(entry.to, life)].map(columnOf);
        if (from === undefined || to === undefined) break;
        for (const column of [from, to]) if (clients.includes(columns[column] ?? '')) alive.add(columns[column] ?? '');
        starts.set(entry, Math.min(from, to));
        marks.push(arrow(entry, from, to));
        break;
      }
      case 'life':
        life = fresh = entry.life;
        break;
      case 'died':
        ended = entry.life;
        break;
      case 'cut':
        if (entry.cut === 'kill') ended = entry.who;
        if (entry.cut === 'store') marks.push(end(columnOf(entry.who)));
        break;
      case 'memory':
        // Where several clients speak, what one of them remembers is told of all of them together.
        if (columns.includes(entry.holder)) marks.push(dot(columnOf(entry.holder)));
        break;
    }
    if (ended !== undefined) {
      alive.delete(ended);
      marks.push(end(columnOf(ended)));
    }
    if (fresh !== undefined) marks.push(head(columnOf(fresh), fresh));
    const lines = [...alive].map((name) => line(columnOf(name)));
    if (fresh !== undefined) alive.add(fresh);
    if (fresh !== undefined) lines.push(lineBelow(columnOf(fresh)));
    drawings.set(entry, drawn([...lines, ...marks]));
    afters.set(entry, drawn([...alive].map((name) => line(columnOf(name)))));
  }
  const none = markup``;
  return {
    columns,
    drawing: (entry) => drawings.get(entry) ?? none,
    after: (entry) => (entry && afters.get(entry)) ?? none,
    startOf: (entry) => starts.get(entry) ?? 0,
  };

  function drawn(parts: readonly Markup[]): Markup {
    return markup`<svg class="ladder" aria-hidden="true">${parts}</svg>`;
  }

  function columnOf(name: string): number {
    const column = columns.indexOf(name);
    return column === -1 ? Math.max(0, columns.indexOf(OTHERS)) : column;
  }

  function x(column: number): string {
    return `${(((column + 0.5) / columns.length) * 100).toFixed(2)}%`;
  }

  function line(column: number): Markup {
    return markup`<line class="alive" x1="${x(column)}" x2="${x(column)}" y2="100%"/>`;
  }

  function lineBelow(column: number): Markup {
    return markup`<line class="alive" x1="${x(column)}" x2="${x(column)}" y1="20" y2="100%"/>`;
  }

  function head(column: number, name: string): Markup {
    const width = name.length * 7 + 12;
    return markup`<svg x="${x(column)}"><rect class="head" x="${-width / 2}" y="2" width="${width}" height="19" rx="3"/><text class="head" y="15">${name}</text></svg>`;
  }

  /** A life's violent end. */
  function end(column: number): Markup {
    return markup`<svg x="${x(column)}"><path class="end" d="M0 0V12M-7 5L7 19M-7 19L7 5"/></svg>`;
  }

  function dot(column: number): Markup {
    return markup`<circle class="dot" cx="${x(column)}" cy="11" r="3"/>`;
  }

  function arrow(entry: PacketRow | LinkRow, from: number, to: number): Markup {
    const style = entry.is === 'packet' ? `said${entry.opened === undefined ? '' : ' data'}` : linkStyle(entry);
    const [x1, x2] = [x(from), x(to)];
    if (from === to) return dot(from);
    const lost = entry.is === 'packet' && (entry.unsent || entry.read === false);
    // What never left ends where it began; what nobody read, shortly before whom it was meant for.
    const reach = entry.is === 'packet' && entry.unsent ? 0.12 : 0.86;
    const stop = lost ? x(from + (to - from) * reach) : x2;
    const tip = lost ? 'cross' : TIPS[style];
    return markup`<line class="${style}${lost ? ' bad' : ''}" x1="${x1}" x2="${stop}" y1="${ARROW}" y2="${ARROW}" marker-end="url(#${tip ?? 'tip'})"/>`;
  }
}

const TIPS: Record<string, string> = { begins: 'ring', ends: 'stop', bad: 'cross' };

function linkStyle({ what, dead }: LinkRow): string {
  if (what === 'connected' || what === 'accepted' || what === 'sealed') return 'begins';
  return what.startsWith('fin') && !dead ? 'ends' : 'bad';
}

/** The tips of arrows, once for the page. */
export const TIPS_DRAWN = markup`<svg class="tips" width="0" height="0" aria-hidden="true"><defs>
<marker id="tip" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path class="tip" d="M0 1L10 5L0 9z"/></marker>
<marker id="ring" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><circle class="ring" cx="5" cy="5" r="3.5"/></marker>
<marker id="stop" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path class="stop" d="M8 0V10"/></marker>
<marker id="cross" viewBox="0 0 ${ARM * 2} ${ARM * 2}" refX="${ARM}" refY="${ARM}" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path class="cross" d="M1 1L9 9M1 9L9 1"/></marker>
</defs></svg>`;

function participants(entries: readonly Entry[]): { clients: string[]; lives: string[]; others: string[] } {
  const [clients, lives, others] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const entry of entries) {
    if (entry.is === 'life') lives.add(entry.life);
    if (entry.is === 'cut' && entry.cut === 'store') others.add(entry.who);
    if (entry.is !== 'packet' && entry.is !== 'link') continue;
    const client = nameOf(entry.side === 'client' ? entry.from : entry.to);
    const server = nameOf(entry.side === 'client' ? entry.to : entry.from);
    clients.add(clients.has(client) || clients.size < CLIENTS ? client : OTHERS);
    if (server !== 'nobody') lives.add(server);
  }
  return { clients: [...clients], lives: [...lives], others: [...others] };
}

/** Who that is, on whatever path or connection: `client@2:data` is `client`. */
function nameOf(name: string): string {
  return name.replace(/:data$/, '').replace(/@\d+$/, '');
}

/** Where nobody is, there was a life, or will be. */
function participant(name: string, life: string | undefined): string {
  return name === 'nobody' ? (life ?? name) : nameOf(name);
}

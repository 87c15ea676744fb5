// What happened, in words: the same in the terminal, in a packet's comment, in a diagram and on a page.

import { type Account, hash, type Note, type Outcome } from '../capture/ledger.ts';
import type { CutRow, DiedRow, Entry, HealedRow, LifeRow, LinkRow, PacketRow } from '../capture/records.ts';
import type { Facts } from '../protocols/shapes.ts';

export const GAP = 'GAP: more passed than could be written down; what follows is not all that happened';

/** An entry in one line of plain text, without its row's number and time. Undefined for what only its notes tell. */
export function eventInWords(entry: Entry): string | undefined {
  switch (entry.is) {
    case 'arm':
      return armInWords(entry);
    case 'step':
      return `${entry.aside ? 'meanwhile' : `step ${entry.step}`}: ${entry.name}`;
    case 'answer':
      return `answer: ${entry.answer}`;
    case 'packet':
      return `${entry.kind} ${entry.says}`.trim() + (entry.swallowed ? ' (swallowed)' : '');
    case 'link':
      return `${ends(entry)} ${linkInWords(entry)}`;
    case 'life':
      return `${lifeInWords(entry)}${factsInWords(entry.facts)}`;
    case 'cut':
      return `${cutInWords(entry).trim()}${entry.cut === 'path' ? '' : factsInWords(entry.facts)}`;
    case 'healed':
      return healedInWords(entry);
    case 'died':
      return diedInWords(entry);
    case 'note':
      return `${entry.life}: ${entry.text}`;
    case 'gap':
      return GAP;
    case 'memory':
      return undefined;
  }
}

/** A note in one line. */
export function noteInWords({ word, text, cite }: Note): string {
  return `${word}: ${text}${cite ? ` [${cite}]` : ''}`;
}

export function lifeInWords({ life, pid, port, facts, unseen }: LifeRow): string {
  const empty = Object.keys(facts).length === 0;
  const seen = empty ? 'memory empty' : 'memory as it was written down:';
  if (pid === undefined) return `${life} on port ${port} is not ours: neither its process nor its memory can be seen`;
  return `${life} (pid ${pid}) listens on port ${port}, ${unseen ? 'as it comes: nobody can look into its memory' : seen}`;
}

export function diedInWords({ life, signal, code }: DiedRow): string {
  return `${life} ended by itself (${signal ?? `exit code ${code}`})`;
}

function factsInWords(facts: Facts): string {
  return Object.entries(facts)
    .map(([subject, known], index) => `${index === 0 ? ' ' : '; '}${subject}: ${known}`)
    .join('');
}

export function armInWords(entry: Entry & { is: 'arm' }): string {
  if (entry.name === 'control') return 'control arm: nothing is cut';
  const at = entry.at ?? '';
  return `severed arm: ${entry.cut} ${/^\d+$/.test(at) ? `after step ${at}` : `on event “${at}”`}`;
}

/** Clients stand on the left. */
export function ends({ from, to, side }: Pick<PacketRow, 'from' | 'to' | 'side'>): string {
  return side === 'server' ? `${to} ◀── ${from}` : `${from} ──▶ ${to}`;
}

export function linkInWords({ what, dead, from, to, opened, swallowed, unknown }: LinkRow): string {
  // Whoever gives up a connection says so; only that nobody hears it.
  if (swallowed && /sent$/.test(what))
    return `${what === 'fin sent' ? 'FIN' : 'RST'}, swallowed: ${from} gives it up, and ${to} does not hear of it`;
  switch (what) {
    case 'swallowed':
      return 'SYN, swallowed: neither a connection nor a refusal comes back';
    case 'half-open':
      return `HALF-OPEN: ${to} has given this path up, and ${from} holds it still`;
    case 'connected':
    case 'accepted':
      return opened === undefined ? 'connects: a new path' : `connects: the data connection of ${hash(opened)}`;
    case 'refused':
      return 'refused: nobody listens there (ECONNREFUSED)';
    case 'fin sent':
    case 'fin read':
      if (from === 'balancer') return 'FIN: the balancer ends what led to the instance before';
      if (opened !== undefined && !dead) return 'FIN: the data ends here';
      return dead ? `FIN: the kernel closes what dead ${from} left open` : 'FIN: nothing more will be said';
    case 'reset sent':
    case 'reset read':
      if (unknown) return `RST: the machine of ${from} knows no such connection any more`;
      return dead ? `RST: dead ${from} left bytes unread (ECONNRESET)` : 'RST: the path is gone, without a good-bye';
    case 'sealed':
      return 'TLS begins: what is said from here on is encrypted, and not in this log';
    case 'broken pipe':
      return 'EPIPE: written to a path that had ended';
  }
}

export function cutInWords(entry: CutRow): string {
  const knew = Object.keys(entry.facts).length > 0;
  const nothing = entry.unseen ? 'nobody can look into it' : 'nothing';
  switch (entry.cut) {
    case 'kill':
      return `SIGKILL ${entry.who} (pid ${entry.pid})${entry.on ? ` ${momentInWords(entry.on)}` : ''}: gone with its memory: ${knew ? '' : nothing}`;
    case 'forget':
      return entry.left
        ? `${entry.who} was told to forget and did not`
        : `FORGET ${entry.who}: all that it remembers is emptied, and what it wrote down of it; its sockets stay open: ${knew ? '' : 'there was nothing'}`;
    case 'path':
      return 'NEW PATH: the client comes back from another address';
    case 'swap':
      return `SWAP ${entry.who}: it lives on, and from here the lab’s balancer leads to another instance; what is left behind: ${knew ? '' : nothing}`;
    case 'expire':
      return `${durationInWords(entry.by ?? 0)} for ${entry.who} and all its clients; what it remembered until now: ${knew ? '' : 'nothing'}`;
    case 'silence':
      return `SILENCE: from here the link swallows everything, both ways; what is remembered at its other end: ${knew ? '' : nothing}`;
    case 'store':
      return `STORE LOST: everything that was written down is wiped${knew ? ':' : ''}`;
  }
}

/** What went into the void, in its field's words. */
export function healedInWords({ life, swallowed }: HealedRow): string {
  const said = ({ datagrams, dials, ends, bytes }: HealedRow['swallowed']['client']) =>
    [
      ...(datagrams > 0 ? [counted(datagrams, 'datagram')] : []),
      ...(dials > 0 ? [counted(dials, 'SYN')] : []),
      ...(bytes > 0 ? [counted(bytes, 'byte')] : []),
      ...(ends > 0 ? [counted(ends, 'end')] : []),
    ].join(', ') || 'nothing';
  return `THE LINK HEALS, and has swallowed from the client: ${said(swallowed.client)}; from ${life}: ${said(swallowed.server)}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** What took memory, as the account of it is headed. */
export function takenInWords({ cut, store }: Account): string {
  return {
    kill: `the SIGKILL in ${hash(cut.row)}${store === undefined ? '' : ` and the lost store in ${hash(store)}`}`,
    forget: `the forgetting in ${hash(cut.row)}`,
    path: `the new address in ${hash(cut.row)}`,
    store: `the wiping in ${hash(cut.row)}`,
    swap: `the swap in ${hash(cut.row)}`,
    silence: `the silence from ${hash(cut.row)} on`,
    expire: `the passing of time in ${hash(cut.row)}`,
  }[cut.cut];
}

/** An account with nothing in it. */
export function untakenInWords({ cut }: Account): string {
  const who = cut.who === 'client' || cut.who === 'link' ? 'the server' : cut.who;
  return cut.unseen
    ? `unknown: nobody can look into ${who}; what it remembered shows only in what is said after it`
    : `nothing: ${who} remembered nothing, so there was nothing to take`;
}

/** Which rows wrote, took and rebuilt what a cut was about. */
export function outcomeInWords({ fate, written, gone, leftBehind, rebuilt }: Outcome): string {
  const since = [`last written by ${hash(written)}`];
  if (gone !== undefined) since.push(`${leftBehind ? 'left behind' : 'gone'} with ${hash(gone)}`);
  if (rebuilt !== undefined)
    since.push(`${fate === 'REBUILT' ? 'rebuilt' : 'another one written'} by ${hash(rebuilt)}`);
  return since.join(', ');
}

/** `A DAY PASSES`, in the largest unit that is whole. */
function durationInWords(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000);
  const [count, unit] =
    minutes >= 1440
      ? [Math.floor(minutes / 1440), 'DAY']
      : minutes >= 60
        ? [Math.floor(minutes / 60), 'HOUR']
        : [minutes, 'MINUTE'];
  if (count === 1) return `${unit === 'HOUR' ? 'AN' : 'A'} ${unit} PASSES`;
  return `${count} ${unit}S PASS`;
}

/** `read 2 DATA` as a clause. */
function momentInWords(on: string): string {
  const [moment, nth, kind] = on.split(' ');
  switch (moment) {
    case 'read':
      return `when it had read ${kind} no. ${nth}, before it answered`;
    case 'send':
      return `when ${kind} no. ${nth} was about to leave`;
    case 'sent':
      return `right after ${kind} no. ${nth} had left`;
    case 'write':
      return `between write and sync no. ${nth} of its journal`;
    default:
      return `right after sync no. ${nth} of its journal, before it answered`;
  }
}

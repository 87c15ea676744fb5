// Who stands behind the balancer, as a person writes it down.

import { printable } from '../../../wire/printable.ts';

/** One server behind the balancer, as it is listed. */
export type Member = {
  /** What it is called in answers, in logs, by sticky cookies and on the ring: its place in the list, unless it was given a name. */
  name: string;
  /** `host:port`. Never told to a client. */
  address: string;
  /** It finishes what it has begun, and is led nobody any more. */
  draining: boolean;
};

/** Servers behind one balancer. A ring of so many is still made in a moment. */
const MOST = 64;
const NAME = /^[A-Za-z0-9_-]{1,32}$/;
const ADDRESS = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([1-9]\d{0,4})$/;

/**
 * The servers that a text lists, one a line or with commas between them: `127.0.0.1:8001`, `blue=127.0.0.1:8001`, and
 * `blue=127.0.0.1:8001 drain` for one that is to be taken out. What begins with # is a remark. Says in words what is wrong instead.
 * `changes`: the list will be another one some day, and then a place in it is no name: whoever came after a server that was taken out
 * would be called by the name of another, and all its users be led elsewhere.
 */
export function membersIn(text: string, { changes = false } = {}): { members: Member[] } | { wrong: string } {
  const members: Member[] = [];
  for (const [nth, line] of text.split(/\r?\n|,/).entries()) {
    const entry = line.trim();
    if (entry === '' || entry.startsWith('#')) continue;
    const wrong = (why: string) => ({ wrong: `entry ${nth + 1}: ${why}` });
    const [server = '', ...words] = entry.split(/[ \t]+/);
    const equals = server.indexOf('=');
    const name = equals === -1 ? String(members.length + 1) : server.slice(0, equals);
    const address = server.slice(equals + 1);
    if (!NAME.test(name)) return wrong(`“${printable(name, 40)}” is no name of letters and digits`);
    const port = Number(ADDRESS.exec(address)?.[1]);
    if (!(port <= 65_535)) return wrong(`“${printable(address, 80)}” is no address such as 127.0.0.1:8001`);
    if (changes && equals === -1)
      return wrong(
        `${printable(server, 80)} needs a name that it keeps when others come and go, such as blue=${printable(server, 80)}`,
      );
    if (words.length > 1 || (words[0] ?? 'drain') !== 'drain')
      return wrong(`“${printable(words.join(' '), 40)}” means nothing: only drain may follow an address`);
    if (members.some((each) => each.name === name)) return wrong(`${name} is listed twice`);
    if (members.some((each) => each.address === address)) return wrong(`${printable(address, 80)} is listed twice`);
    if (members.length === MOST) return wrong(`${MOST} servers are the most`);
    members.push({ name, address, draining: words.length === 1 });
  }
  return members.length > 0 ? { members } : { wrong: 'no server is listed' };
}

/** Host and port of a member's address. IPv6 addresses stand in brackets. */
export function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

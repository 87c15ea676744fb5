// Every protocol by name. Each is loaded only when it is asked for, so that a server starts with its own code alone.

import type { Card } from './shapes.ts';

/** A card of any protocol, where nobody looks into its state, messages or events. */
// biome-ignore lint/suspicious/noExplicitAny: state, messages and events are each protocol's own; only it may look inside
export type AnyCard = Card<any, any, any, any, any, any>;

const LOADERS = {
  'udp-echo': async () => (await import('./udp-echo/index.ts')).card as AnyCard,
  dns: async () => (await import('./dns/index.ts')).card as AnyCard,
  'tcp-session': async () => (await import('./tcp-session/index.ts')).card as AnyCard,
  ftp: async () => (await import('./ftp/index.ts')).card as AnyCard,
  mqtt: async () => (await import('./mqtt/index.ts')).card as AnyCard,
  http: async () => (await import('./http/index.ts')).card as AnyCard,
  balancer: async () => (await import('./balancer/index.ts')).card as AnyCard,
  websocket: async () => (await import('./websocket/index.ts')).card as AnyCard,
} satisfies Record<string, () => Promise<AnyCard>>;

export const PROTOCOLS = Object.keys(LOADERS);

/** Those that a server can speak that stands alone: a balancer needs others behind it. */
export const SPOKEN = PROTOCOLS.filter((name) => name !== 'balancer');

/**
 * The card of a protocol, by its name or by the `file:` address of a module that exports one as `card`: a protocol under
 * construction need not be in this list. Undefined when there is no such protocol.
 */
export async function loadCard(name: string): Promise<AnyCard | undefined> {
  if (name.startsWith('file:')) return ((await import(name)) as { card?: AnyCard }).card;
  return Object.hasOwn(LOADERS, name) ? await LOADERS[name as keyof typeof LOADERS]() : undefined;
}

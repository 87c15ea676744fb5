// What stands behind a server that is of no use alone: servers of another protocol, each a process of its own, which no cut hits.

import type { AnyCard } from '../protocols/index.ts';
import type { Settings } from '../protocols/shapes.ts';
import { beginLife, type Host, type Life, startHost } from './lives.ts';
import type { LifeOptions } from './messages.ts';

export interface Behind {
  /** What the server in front is told of them. */
  settings: Settings;
  /** Has them forget everybody, so that the next run finds them as the one before did: to start others takes longer. */
  renew(): Promise<void>;
  stop(): Promise<void>;
}

/** What a card needs behind it, started; undefined where it needs nothing. Nothing they say is written down. */
export async function startBehind(
  { behind }: Pick<AnyCard, 'behind'>,
  { seed, origin }: Pick<LifeOptions, 'origin'> & { seed: number },
  host: () => Host = startHost,
): Promise<Behind | undefined> {
  if (!behind) return undefined;
  const { protocol, design, settings = {} } = behind;
  const begun = await Promise.allSettled(
    Array.from({ length: behind.count }, (_none, nth) =>
      beginLife(
        { protocol, design, settings, seed, origin, who: `${protocol}/${nth + 1}`, host: '127.0.0.1', port: 0 },
        host(),
      ),
    ),
  );
  const lives = begun.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const stop = async () => void (await Promise.all(lives.map((life) => life.stop())));
  const failure = begun.find((each) => each.status === 'rejected');
  if (failure) {
    await stop();
    throw failure.reason;
  }
  return {
    settings: { to: addressesOf(lives) },
    renew: async () => void (await Promise.all(lives.map((life) => life.forget()))),
    stop,
  };
}

/** The list that `--to` takes. */
export function addressesOf(lives: readonly Pick<Life, 'port'>[]): string {
  return lives.map(({ port }) => `127.0.0.1:${port}`).join(',');
}

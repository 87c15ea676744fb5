// A command that runs until it is told to stop: by Ctrl-C, SIGTERM, or a key. And what it says when others can reach it.

import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface StopSignals {
  come: Promise<void>;
  /** Whether one has come. */
  have(): boolean;
  ignore(): void;
}

/** Waits for Ctrl-C and its kind from the first moment: one that comes while a server starts must not leave anything behind. */
export function stopSignals(): StopSignals {
  let some = false;
  let stop = () => {};
  const come = new Promise<void>((resolve) => {
    stop = () => {
      some = true;
      resolve();
    };
  });
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, stop);
  return {
    come,
    have: () => some,
    ignore() {
      for (const name of names) process.off(name, stop);
    },
  };
}

export interface Running {
  signal: Promise<void>;
  /** What a key does; `q` and Ctrl-C stop it. Without it no key is read. */
  keys: Record<string, () => void | Promise<void>> | undefined;
  /** Why it cannot go on. */
  fault: () => Error | undefined;
}

/** Resolves when somebody wants it to stop; rejects when it stops by itself. */
export function untilStopped({ signal, keys, fault }: Running): Promise<void> {
  return new Promise((resolve, reject) => {
    const { stdin } = process;
    let busy = false;
    const act = async (does: () => void | Promise<void>) => {
      if (busy) return;
      busy = true;
      await does();
      busy = false;
    };
    // Keys pressed in quick succession come as one piece.
    const press = (pressed: Buffer) => {
      for (const key of pressed.toString()) one(key);
    };
    const one = (key: string) => {
      if (key === 'q' || key === '\u0003') return stop();
      const does = keys && Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (does) act(does).catch(fail);
    };
    const watch = setInterval(() => {
      const found = fault();
      if (found) fail(found);
    }, 100);
    const done = () => {
      clearInterval(watch);
      if (keys) stdin.off('data', press).setRawMode(false).pause();
    };
    const stop = () => {
      done();
      resolve();
    };
    const fail = (error: Error) => {
      done();
      reject(error);
    };
    void signal.then(stop);
    if (keys) stdin.setRawMode(true).resume().on('data', press);
  });
}

/** Whether only this machine reaches what is there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** The addresses at which a server that listens there can be reached: all of its family, or the one that was named. */
export function interfaces(host: string): string {
  const family = isIPv4(host) ? 'IPv4' : 'IPv6';
  const found = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter((each) => (host === '0.0.0.0' || host === '::' ? each.family === family : each.address === host))
      .map(({ address }) => `${name} ${address}`),
  );
  return found.join(', ') || host;
}

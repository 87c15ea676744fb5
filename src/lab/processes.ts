// Which processes belong to a command that somebody has given us, and where do they listen? A command may start others, and those may
// leave its group (a daemon does). On Linux the kernel knows all of them by what they have inherited; elsewhere nobody asks.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const ON_LINUX = process.platform === 'linux';

/** The numbers of all processes that have inherited this from the command they come from: `NAME=value`. None where nobody can tell. */
export function heirsOf(inherited: string): number[] {
  if (!ON_LINUX) return [];
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    return look(`/proc/${name}/environ`).split('\0').includes(inherited) ? [pid] : [];
  });
}

/** The ports at which these processes take connections. */
export function portsOf(pids: readonly number[]): number[] {
  const own = new Set(pids.flatMap(socketsOf));
  const listening = ['tcp', 'tcp6'].flatMap(sockets).filter(({ state, inode }) => state === LISTEN && own.has(inode));
  return [...new Set(listening.map(({ port }) => port))].sort((a, b) => a - b);
}

/** Whether somebody waits for datagrams at this port; undefined where only asking would tell. */
export function takesDatagrams(port: number): boolean | undefined {
  if (!ON_LINUX) return undefined;
  return ['udp', 'udp6'].flatMap(sockets).some((socket) => socket.port === port);
}

/** As `/proc/net/tcp` has it: TCP_LISTEN of the kernel. */
const LISTEN = '0A';

/** The lines of one of the kernel's tables of sockets (proc_pid_net(5)). */
function sockets(table: string): { port: number; state: string; inode: string }[] {
  const [, ...lines] = look(`/proc/net/${table}`).trimEnd().split('\n');
  return lines.map((line) => {
    const [, local = '', , state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
    return { port: Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16), state, inode };
  });
}

/** The inodes of the sockets that a process holds. */
function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${fd}`))?.[1] ?? []);
  } catch {
    // It is gone, or somebody else's: then nobody can tell.
    return [];
  }
}

/** Empty when the process is gone, or not ours to look at. */
function look(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

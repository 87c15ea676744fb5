// FTP under curl and lftp, loads that nobody here wrote: ours beside vsftpd and, where somebody has installed it, ftp-srv.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beginLife } from '../../src/lab/lives.ts';
import { freePort } from '../../src/lab/ports.ts';
import { temporaryFolder } from '../../src/lab/tidy.ts';
import { missing, program } from '../peers.ts';
import { type Contender, installed, native, script } from './contenders.ts';
import { median, promised, rounds, say } from './rounds.ts';

const run = promisify(execFile);
const SIZE = 256 << 20;
const SMALL_FILES = 10_000;
const IDLE = 5_000;
/** Where a file system in memory is: what is measured there is the server, and not the disk. */
const IN_MEMORY = '/dev/shm';

export async function ftp(folder: string): Promise<boolean[]> {
  if (!program('curl')) {
    say(`\nftp: ${missing('curl')}`);
    return [];
  }
  const { path: root, remove } = temporaryFolder(existsSync(IN_MEMORY) ? IN_MEMORY : undefined);
  try {
    return await on(root, folder);
  } finally {
    await remove();
  }
}

async function on(root: string, folder: string): Promise<boolean[]> {
  await mkdir(join(root, 'incoming'));
  await filled(join(root, 'large'), SIZE);
  const contenders = [await ours(root, folder)];
  const vsftpd = program('vsftpd');
  if (vsftpd) contenders.push(await theirs(vsftpd, root, folder));
  else say(`\nftp: ${missing('vsftpd')}`);
  if (installed('ftp-srv')) contenders.push(await script('ftp-srv', './ftp-srv.ts', [root, `${await freePort()}`]));
  else say('\nftp: ftp-srv is not installed here; npm install --no-save ftp-srv puts it beside the others');

  const at = ({ port }: Contender, path: string) => `ftp://127.0.0.1:${port}/${path}`;
  const where = root.startsWith(IN_MEMORY) ? 'files in memory' : 'files on a disk';
  const curl = async (...args: string[]) => {
    const begun = process.hrtime.bigint();
    await run('curl', ['--silent', '--show-error', '--fail', ...args]);
    return (SIZE / (1 << 20)) * (1e9 / Number(process.hrtime.bigint() - begun));
  };
  const fetched = await rounds(`ftp: RETR of 256 MiB by curl, MiB a second, ${where}`, contenders, (each) =>
    curl('--output', '/dev/null', at(each, 'large')),
  );
  let nth = 0;
  const stored = await rounds(`ftp: STOR of 256 MiB by curl, MiB a second, ${where}`, contenders, async (each) => {
    const name = `incoming/upload-${nth++}`;
    const rate = await curl('--upload-file', join(root, 'large'), at(each, name));
    // Not behind the server's back: it counts what uploads have taken.
    await run('curl', ['--silent', '--list-only', '--quote', `DELE ${name}`, at(each, 'incoming/')]);
    return rate;
  });
  const kept: boolean[] = [];
  for (const [what, outcomes, vs] of [
    ['RETR', fetched, 1.15],
    ['STOR', stored, 1.1],
  ] as const) {
    // Ratios are to the first contender, which is ours.
    const times = (name: string) =>
      median(outcomes.find((each) => each.name === name)?.ratios.map((ratio) => 1 / ratio) ?? []);
    if (vsftpd) kept.push(promised(`${what}: ours / vsftpd`, times('vsftpd'), { least: vs }));
    if (installed('ftp-srv')) kept.push(promised(`${what}: ours / ftp-srv`, times('ftp-srv'), { least: 2.5 }));
  }
  await rm(join(root, 'large'));
  // ftp-srv would take minutes for what is printed and not promised.
  await mirrored(
    root,
    folder,
    contenders.filter(({ name }) => name !== 'ftp-srv'),
  );
  for (const each of contenders) await each.stop();
  await idle(root, folder);
  return kept;
}

/** Ten thousand small files by `lftp mirror`: what a server does between two files. */
async function mirrored(root: string, folder: string, contenders: readonly Contender[]): Promise<void> {
  if (!program('lftp')) return say(`\nftp: ${missing('lftp')}`);
  await mkdir(join(root, 'many'));
  for (let nth = 0; nth < SMALL_FILES; nth++)
    await writeFile(join(root, 'many', `file-${nth}`), `${nth}\n`.repeat(100));
  let nth = 0;
  await rounds(
    `ftp: lftp mirror of ${SMALL_FILES.toLocaleString('en')} small files, files a second`,
    contenders,
    async ({ port }) => {
      const target = join(folder, `mirror-${nth++}`);
      const begun = process.hrtime.bigint();
      await run('lftp', ['-c', `set ftp:ssl-allow no; mirror --parallel=4 ftp://127.0.0.1:${port}/many ${target}`]);
      const rate = (SMALL_FILES * 1e9) / Number(process.hrtime.bigint() - begun);
      await rm(target, { recursive: true });
      return rate;
    },
    3,
  );
}

/** Memory of control connections that have logged in and say nothing. */
async function idle(root: string, folder: string): Promise<void> {
  if (!existsSync('/proc')) return;
  const server = await ours(root, folder);
  const memory = () => {
    const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8')) ?? [];
    return Number(kib) * 1024;
  };
  const sockets: net.Socket[] = [];
  const join100 = () =>
    Promise.all(
      Array.from({ length: 100 }, async () => {
        const socket = net.connect(server.port, '127.0.0.1');
        sockets.push(socket);
        for (const words of ['USER anonymous\r\n', 'PASS x\r\n']) {
          await once(socket, 'data');
          socket.write(words);
        }
        await once(socket, 'data');
      }),
    );
  // The first ones pay for what the server loads only when somebody comes.
  for (let hundreds = 0; hundreds < 5; hundreds++) await join100();
  const before = memory();
  const counted = IDLE - sockets.length;
  while (sockets.length < IDLE) await join100();
  const each = (memory() - before) / counted;
  say(
    `\nftp: ${IDLE.toLocaleString('en')} idle control connections, logged in: ${(each / 1024).toFixed(1)} KiB resident each`,
  );
  for (const socket of sockets) socket.destroy();
  await server.stop();
}

async function filled(path: string, size: number): Promise<void> {
  const file = await open(path, 'w');
  const block = Buffer.alloc(1 << 20, 'It is remembered by the disk. ');
  for (let at = 0; at < size; at += block.length) await file.write(block);
  await file.close();
}

async function ours(root: string, folder: string): Promise<Contender> {
  const life = await beginLife({
    protocol: 'ftp',
    design: 'memory',
    who: 'ftp/1',
    host: '127.0.0.1',
    port: 0,
    folder,
    settings: { root, anonymous: 'write' },
    bounds: { connections: IDLE + 100 },
    origin: String(process.hrtime.bigint()),
  });
  return { name: 'ftp', pid: life.pid, port: life.port, stop: () => life.stop() };
}

async function theirs(path: string, root: string, folder: string): Promise<Contender> {
  const port = await freePort();
  const config = join(folder, 'vsftpd.conf');
  const lines = [
    'listen=YES',
    'listen_address=127.0.0.1',
    `listen_port=${port}`,
    'background=NO',
    'run_as_launching_user=YES',
    'anonymous_enable=YES',
    'no_anon_password=YES',
    `anon_root=${root}`,
    'write_enable=YES',
    'anon_upload_enable=YES',
    'anon_other_write_enable=YES',
    'anon_umask=022',
    'allow_writeable_chroot=YES',
    'seccomp_sandbox=NO',
    'xferlog_enable=NO',
    `vsftpd_log_file=${join(folder, 'vsftpd.log')}`,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  return native('vsftpd', path, [config], port, greeted);
}

/** Resolves when somebody on this port has said 220. */
async function greeted(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const socket = net.connect(port, '127.0.0.1');
    const said = await once(socket, 'data').catch(() => undefined);
    socket.destroy();
    if (said) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nobody greets on port ${port}`);
}

// The other end: basic-ftp, as people use it. In the design `carried` it also keeps what the server might forget, and says it again.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { enterPassiveModeIPv6, FTPError, Client as Ftp } from 'basic-ftp';
import { patiently, type WaitedOn } from '../../sockets/patience.ts';
import { printable } from '../../wire/printable.ts';
import type { Client, ClientOptions } from '../shapes.ts';

/** How often a client dials in a row, and how often one command may lose its connection or its log-in, before it gives up. */
const DIALS = 20;
const RETURNS = 5;
/** The largest file that is kept in memory, in bytes. */
const MOST = 64 << 20;

export interface FtpClient extends Client {
  logIn(user: string, password: string): Promise<string>;
  cd(path: string): Promise<string>;
  /** A sends files as text, I as they are. */
  type(type: 'A' | 'I'): Promise<string>;
  /** The names in the folder. */
  list(): Promise<string>;
  /** Fetches a file, and resolves to its size and its SHA-256. */
  download(path: string): Promise<string>;
}

/** What the client would have to say again to a server that has forgotten it. */
interface Carried {
  login: { user: string; password: string } | undefined;
  folder: string | undefined;
  type: 'A' | 'I' | undefined;
  /** The file whose connection was lost, and how much of it is here: where a REST goes on. */
  fetching: { path: string; got: number } | undefined;
}

export async function connect({ host, port, waits, design }: ClientOptions): Promise<FtpClient> {
  const carries = design === 'carried';
  const carried: Carried = { login: undefined, folder: undefined, type: undefined, fetching: undefined };
  let line: Ftp | undefined;

  /** Dials until somebody answers. The server knows nothing of whoever comes by a new connection. */
  async function dial(): Promise<Ftp> {
    for (let attempt = 1; ; attempt++) {
      // How long to wait is not for a timer of the library to say.
      const ftp = new Ftp(0);
      ftp.prepareTransfer = enterPassiveModeIPv6;
      const welcome = ftp.connect(host, port);
      // basic-ftp says QUIT even to a server that has hung up; on a socket that is gone it cannot.
      const { socket } = ftp.ftp;
      socket.prependOnceListener('end', () => socket.destroy());
      try {
        await patiently(welcome, waits, lineOf(ftp));
        return ftp;
      } catch (error) {
        ftp.close();
        if (!isLost(error)) throw error;
        if (attempt >= DIALS) throw new Error(`no answer from ${host}:${port} after ${DIALS} tries`, { cause: error });
        await waits.redial(attempt);
      }
    }
  }

  /** Says again all that the server does not know any more. */
  async function tellAgain(ftp: Ftp): Promise<void> {
    const { login, folder, type } = carried;
    if (login) await ftp.login(login.user, login.password);
    if (folder !== undefined) await ftp.cd(folder);
    if (type !== undefined) await ftp.send(`TYPE ${type}`);
  }

  /** Says something, if need be on a new connection: whoever has lost one dials again and says it again. */
  async function insist<T>(say: (ftp: Ftp) => Promise<T>): Promise<T> {
    for (let returns = 0; ; returns++) {
      let ftp: Ftp | undefined;
      try {
        if (!line || line.closed) {
          line = await dial();
          if (carries) await patiently(tellAgain(line), waits, lineOf(line));
        }
        ftp = line;
        return await patiently(say(ftp), waits, lineOf(ftp));
      } catch (error) {
        if (returns >= RETURNS || !ftp) throw error;
        if (ftp.closed && isLost(error)) await waits.redial(0);
        // The connection is the same, and the server does not know us any more.
        else if (carries && carried.login && error instanceof FTPError && error.code === 530)
          await patiently(tellAgain(ftp), waits, lineOf(ftp));
        else throw error;
      }
    }
  }

  return {
    async logIn(user, password) {
      const { message } = await insist((ftp) => ftp.login(user, password));
      if (carries) carried.login = { user, password };
      return words(message);
    },

    async cd(path) {
      const { message } = await insist((ftp) => ftp.cd(path));
      // As the server understood it: a relative name would mean another place the next time.
      if (carries) carried.folder = await insist((ftp) => ftp.pwd());
      return words(message);
    },

    async type(type) {
      const { message } = await insist((ftp) => ftp.send(`TYPE ${type}`));
      if (carries) carried.type = type;
      return words(message);
    },

    async list() {
      const entries = await insist((ftp) => ftp.list());
      const names = entries.map(({ name, isDirectory }) => printable(isDirectory ? `${name}/` : name, 80));
      return `${names.length} names: ${names.join(', ')}`;
    },

    async download(path) {
      let got: Buffer[] = [];
      let size = 0;
      await insist((ftp) => {
        // As text, the same number would mean another byte here than there. And who carries nothing begins anew.
        if (!carries || carried.type !== 'I') {
          got = [];
          size = 0;
        }
        const here = new Writable({
          write(chunk: Buffer, _encoding, taken) {
            size += chunk.length;
            if (size > MOST) return taken(new Error(`${path} is longer than ${MOST} bytes, and is not kept`));
            got.push(chunk);
            taken();
          },
        });
        return ftp.downloadTo(here, path, size).catch((error: Error) => {
          if (carries) carried.fetching = { path, got: size };
          throw error;
        });
      });
      carried.fetching = undefined;
      const digest = createHash('sha256');
      for (const chunk of got) digest.update(chunk);
      return `${size} bytes, SHA-256 ${digest.digest('hex').slice(0, 16)}…`;
    },

    facts() {
      const { login, folder, type, fetching } = carried;
      if (!login) return {};
      const known = [
        `user ${printable(login.user, 40)}`,
        ...(folder === undefined ? [] : [`in ${printable(folder, 80)}`]),
        ...(type === undefined ? [] : [`type ${type}`]),
        ...(fetching ? [`${printable(fetching.path, 80)} up to byte ${fetching.got}`] : []),
      ];
      return { carried: known.join(', ') };
    },

    async move() {
      if (!line || line.closed) return;
      const { socket } = line.ftp;
      const closed = once(socket, 'close');
      socket.resetAndDestroy();
      await closed;
    },

    async close() {
      const leaving = line;
      line = undefined;
      if (!leaving || leaving.closed) return;
      const { socket } = leaving.ftp;
      await patiently(leaving.send('QUIT'), waits, lineOf(leaving));
      // The server hangs up now, and goes first. That is no news any more, so basic-ftp need not hear of it.
      socket.removeAllListeners().on('error', () => {});
      socket.once('end', () => socket.destroy());
      const closed = once(socket, 'close');
      socket.resume();
      await patiently(closed, waits, { heard: () => 0, giveUp: () => socket.destroy() });
    },
  };
}

/** Both connections, as one waits on them. basic-ftp would say QUIT when it gives up; on a socket that is gone it cannot. */
function lineOf({ ftp }: Ftp): WaitedOn {
  return {
    heard: () => ftp.socket.bytesRead + (ftp.dataSocket?.bytesRead ?? 0),
    giveUp() {
      ftp.socket.destroy();
      ftp.close();
    },
  };
}

/** The other end is gone: dialling again may help. What it said, or said too much of, would be no better the next time. */
function isLost(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return (
    /^(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE)$/.test(String(code)) ||
    /FIN packet|closed (connection|client)/.test(message)
  );
}

/** A reply without its code. */
function words(message: string): string {
  return printable(message.replace(/^\d{3} /, ''), 120);
}

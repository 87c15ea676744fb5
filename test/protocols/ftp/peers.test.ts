// Peers that nobody here wrote: basic-ftp, curl, lftp, ncftp and Python's ftplib, against a server as people set it up.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Client } from 'basic-ftp';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { beginLife, type Life } from '../../../src/lab/lives.ts';
import { temporaryFolder } from '../../../src/lab/tidy.ts';
import { needs } from '../../peers.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

let made = 0;
/** A folder of this test. */
function fresh(): string {
  const path = join(folder.path, String(++made));
  mkdirSync(path);
  return path;
}

/** Bytes that no end of line may touch, more than fit into one chunk. */
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_none, at) => (at * 7919) >>> 3));

/** A tree to serve: bytes, text, a folder in a folder, and names that are not easy. */
function tree(): string {
  const root = fresh();
  mkdirSync(join(root, 'pub', 'deep'), { recursive: true });
  mkdirSync(join(root, 'in'));
  writeFileSync(join(root, 'pub', 'bytes'), BYTES);
  writeFileSync(join(root, 'pub', 'text'), 'one\ntwo\n');
  writeFileSync(join(root, 'pub', 'deep', 'a b ü.txt'), 'found');
  for (let at = 0; at < 30; at++) writeFileSync(join(root, 'pub', 'deep', `file-${at}`), `${at}`.repeat(at));
  return root;
}

/** A server in a process of its own; ann may write. */
async function serve(root: string): Promise<Life> {
  const life = await beginLife({
    protocol: 'ftp',
    design: 'memory',
    who: 'ftp/1',
    host: '127.0.0.1',
    port: 0,
    origin: '0',
    folder: join(root, '..', `state-${++made}`),
    settings: { root, users: 'ann:secret' },
  });
  onTestFinished(() => life.stop());
  return life;
}

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

/** Runs a program to its end; what it has not said within twenty seconds it is not going to say. */
async function run(program: string, args: readonly string[], cwd: string, input = ''): Promise<Ran> {
  const child = spawn(program, args, { stdio: 'pipe', cwd, env: { ...process.env, HOME: cwd } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [[code], out, err] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  clearTimeout(late);
  return { code, out, err };
}

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Every file below a folder, by name, with its digest. */
function contents(path: string, prefix = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(path)) {
    const own = join(path, name);
    if (statSync(own).isDirectory()) Object.assign(found, contents(own, `${prefix}${name}/`));
    else found[`${prefix}${name}`] = sha(readFileSync(own));
  }
  return found;
}

describe('basic-ftp', () => {
  for (const secure of [false, true]) {
    test(`its whole repertoire${secure ? ', through TLS' : ''}`, async () => {
      const root = tree();
      const { port } = await serve(root);
      const ftp = new Client(5000);
      onTestFinished(() => ftp.close());
      await ftp.access({
        host: '127.0.0.1',
        port,
        user: 'ann',
        password: 'secret',
        secure,
        secureOptions: { rejectUnauthorized: false },
      });
      expect((await ftp.list()).map(({ name, isDirectory }) => [name, isDirectory])).toEqual([
        ['in', true],
        ['pub', true],
      ]);
      const got: Buffer[] = [];
      const sink = () => new Writable({ write: (chunk, _encoding, done) => done(void got.push(chunk)) });
      await ftp.downloadTo(sink(), 'pub/bytes');
      expect(Buffer.concat(got).equals(BYTES)).toBe(true);
      got.length = 0;
      await ftp.downloadTo(sink(), 'pub/bytes', 299_000);
      expect(Buffer.concat(got).equals(BYTES.subarray(299_000))).toBe(true);
      await ftp.uploadFrom(Readable.from([BYTES.subarray(0, 1000)]), 'in/up');
      await ftp.appendFrom(Readable.from([BYTES.subarray(1000)]), 'in/up');
      expect(readFileSync(join(root, 'in', 'up')).equals(BYTES)).toBe(true);
      expect(await ftp.size('in/up')).toBe(BYTES.length);
      await ftp.rename('in/up', 'in/other');
      expect((await ftp.lastMod('in/other')).getTime()).toBeCloseTo(
        Math.floor(statSync(join(root, 'in/other')).mtimeMs / 1000) * 1000,
      );
      const away = fresh();
      await ftp.downloadToDir(away, 'pub');
      expect(contents(away)).toEqual(contents(join(root, 'pub')));
      // Of a file without a byte, basic-ftp may end the data connection before TLS is agreed on, and hears 425.
      if (secure) rmSync(join(away, 'deep', 'file-0'));
      await ftp.uploadFromDir(away, 'in/copy/of');
      expect(contents(join(root, 'in', 'copy', 'of'))).toEqual(contents(away));
      await ftp.removeDir('in/copy');
      await ftp.remove('in/other');
      expect(readdirSync(join(root, 'in'))).toEqual([]);
    });
  }
});

describe('curl', () => {
  const user = ['--silent', '--show-error', '--user', 'ann:secret'];

  test('fetch, as text, a part, a resumed one, a listing', async (context) => {
    const curl = needs(context, 'curl');
    const { port } = await serve(tree());
    const at = `ftp://127.0.0.1:${port}`;
    const here = fresh();
    expect(await run(curl, [...user, '-o', 'bytes', `${at}/pub/bytes`], here)).toEqual({ code: 0, out: '', err: '' });
    expect(readFileSync(join(here, 'bytes')).equals(BYTES)).toBe(true);
    expect((await run(curl, [...user, `${at}/pub/text`], here)).out).toBe('one\ntwo\n');
    // As text it travels with CRLF, which curl makes LF again: ten bytes have come, and eight are written.
    const ascii = [...user, '--use-ascii', '--write-out', '%{size_download}', `${at}/pub/text`];
    expect((await run(curl, ascii, here)).out).toMatch(/^one\ntwo\n(8|10)$/);
    writeFileSync(join(here, 'part'), BYTES.subarray(0, 123_456));
    expect((await run(curl, [...user, '-C', '-', '-o', 'part', `${at}/pub/bytes`], here)).code).toBe(0);
    expect(readFileSync(join(here, 'part')).equals(BYTES)).toBe(true);
    expect((await run(curl, [...user, '--range', '4-6', `${at}/pub/text`], here)).out).toBe('two');
    expect((await run(curl, [...user, '--list-only', `${at}/`], here)).out).toBe('in\npub\n');
    expect((await run(curl, [...user, '--head', `${at}/pub/text`], here)).out).toMatch(/Content-Length: 8/);
    // 78: the file is not there; 67: the log-in was refused.
    expect((await run(curl, [...user, `${at}/pub/nothing`], here)).code).toBe(78);
    expect((await run(curl, ['--silent', '--user', 'ann:wrong', `${at}/pub/text`], here)).code).toBe(67);
  });

  test('active mode, and PASV', async (context) => {
    const curl = needs(context, 'curl');
    const { port } = await serve(tree());
    const url = `ftp://127.0.0.1:${port}/pub/text`;
    for (const how of [['--ftp-port', '-'], ['--ftp-port', '127.0.0.1', '--disable-eprt'], ['--disable-epsv']])
      expect(await run(curl, [...user, ...how, url], folder.path)).toEqual({ code: 0, out: 'one\ntwo\n', err: '' });
  });

  test('upload, append, resume, make folders, rename and remove', async (context) => {
    const curl = needs(context, 'curl');
    const root = tree();
    const { port } = await serve(root);
    const here = fresh();
    const at = `ftp://127.0.0.1:${port}/in`;
    writeFileSync(join(here, 'bytes'), BYTES);
    writeFileSync(join(here, 'more'), 'and more');
    expect((await run(curl, [...user, '-T', 'bytes', `${at}/up`], here)).err).toBe('');
    expect((await run(curl, [...user, '--append', '-T', 'more', `${at}/up`], here)).err).toBe('');
    expect(readFileSync(join(root, 'in', 'up')).equals(Buffer.concat([BYTES, Buffer.from('and more')]))).toBe(true);
    writeFileSync(join(root, 'in', 'part'), BYTES.subarray(0, 54_321));
    expect((await run(curl, [...user, '-C', '-', '-T', 'bytes', `${at}/part`], here)).err).toBe('');
    expect(readFileSync(join(root, 'in', 'part')).equals(BYTES)).toBe(true);
    expect((await run(curl, [...user, '--ftp-create-dirs', '-T', 'more', `${at}/new/one/file`], here)).err).toBe('');
    const quote = ['-Q', 'RNFR in/up', '-Q', 'RNTO in/new/up', '-Q', 'DELE in/part', '-Q', 'RMD in/none'];
    expect((await run(curl, [...user, ...quote, `${at}/`], here)).code).toBe(21);
    expect(Object.keys(contents(join(root, 'in'))).sort()).toEqual(['new/one/file', 'new/up']);
    expect((await run(curl, ['--silent', '-T', 'more', `${at}/guest`], here)).code).not.toBe(0);
  });

  test('TLS, which it insists on: fetch and upload', async (context) => {
    const curl = needs(context, 'curl');
    const root = tree();
    const { port } = await serve(root);
    const here = fresh();
    const at = `ftp://127.0.0.1:${port}`;
    const secure = [...user, '--ssl-reqd', '--insecure'];
    expect(await run(curl, [...secure, '-o', 'bytes', `${at}/pub/bytes`], here)).toMatchObject({ code: 0, err: '' });
    expect(readFileSync(join(here, 'bytes')).equals(BYTES)).toBe(true);
    expect(await run(curl, [...secure, '-T', 'bytes', `${at}/in/up`], here)).toMatchObject({ code: 0, err: '' });
    expect(readFileSync(join(root, 'in', 'up')).equals(BYTES)).toBe(true);
    // Only the commands in private, and the files in clear.
    expect((await run(curl, [...user, '--ftp-ssl-control', '--insecure', `${at}/pub/text`], here)).out).toBe(
      'one\ntwo\n',
    );
  });
});

describe('lftp', () => {
  /** lftp reads its settings from the folder that it thinks is its home, where there are none. */
  const lftp = (program: string, port: number, script: string, cwd: string) =>
    run(
      program,
      [
        '-c',
        `set net:max-retries 1; set net:timeout 5; set ssl:verify-certificate no; open -u ann,secret ftp://127.0.0.1:${port}; ${script}`,
      ],
      cwd,
    );

  for (const [name, setting] of [
    ['in clear', 'set ftp:ssl-allow no'],
    ['through TLS', 'set ftp:ssl-force yes; set ftp:ssl-protect-data yes'],
    ['by LIST, without MLSD', 'set ftp:ssl-allow no; set ftp:use-mlsd no'],
  ] as const) {
    test(`mirror there and back, four at a time, ${name}`, async (context) => {
      const program = needs(context, 'lftp');
      const root = tree();
      const { port } = await serve(root);
      const here = fresh();
      const script = `${setting}; mirror --parallel=4 pub here; mirror --reverse --parallel=4 here in/back; ls in/back`;
      const { code, out, err } = await lftp(program, port, script, here);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(/ bytes\n/);
      expect(contents(join(here, 'here'))).toEqual(contents(join(root, 'pub')));
      expect(contents(join(root, 'in', 'back'))).toEqual(contents(join(root, 'pub')));
    });
  }

  test('a file in segments, each on its own connection and from its own offset', async (context) => {
    const program = needs(context, 'lftp');
    const { port } = await serve(tree());
    const here = fresh();
    const { code, err } = await lftp(program, port, 'set ftp:ssl-allow no; pget -n 4 pub/bytes', here);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(readFileSync(join(here, 'bytes')).equals(BYTES)).toBe(true);
  });
});

describe('ncftp', () => {
  test('ncftpls, ncftpget, ncftpput', async (context) => {
    const [ls, get, put] = [needs(context, 'ncftpls'), needs(context, 'ncftpget'), needs(context, 'ncftpput')];
    const root = tree();
    const { port } = await serve(root);
    const here = fresh();
    const user = ['-u', 'ann', '-p', 'secret', '-P', String(port)];
    expect((await run(ls, [...user, 'ftp://127.0.0.1/pub/'], here)).out.split(/\s+/).filter(Boolean)).toEqual([
      'bytes',
      'deep',
      'text',
    ]);
    expect((await run(get, [...user, '-R', '127.0.0.1', '.', '/pub'], here)).code).toBe(0);
    expect(contents(join(here, 'pub'))).toEqual(contents(join(root, 'pub')));
    expect((await run(put, [...user, '-R', '127.0.0.1', '/in', 'pub'], here)).code).toBe(0);
    expect(contents(join(root, 'in', 'pub'))).toEqual(contents(join(root, 'pub')));
  });
});

/** ftplib has never learnt to reuse a TLS session; this is the way that its users go. */
const PYTHON = `
import ftplib, io, json, ssl, sys

class Reusing(ftplib.FTP_TLS):
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            conn = self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session)
        return conn, size

port, how = int(sys.argv[1]), sys.argv[2]
said = {}
if how == 'clear':
    ftp = ftplib.FTP()
else:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    ftp = (ftplib.FTP_TLS if how == 'not reused' else Reusing)(context=context)
ftp.connect('127.0.0.1', port, timeout=10)
ftp.login('ann', 'secret')
if how != 'clear': ftp.prot_p()
if how == 'not reused':
    try: ftp.nlst()
    except Exception as error: said['refused'] = str(error)[:3]
    print(json.dumps(said)); sys.exit(0)
said['names'] = ftp.nlst()
said['mlsd'] = [(name, facts['type']) for name, facts in ftp.mlsd('pub', ['type'])]
ftp.cwd('pub')
said['pwd'] = ftp.pwd()
lines = []
ftp.retrlines('RETR text', lines.append)
said['lines'] = lines
parts = []
ftp.retrbinary('RETR bytes', parts.append, rest=299999)
said['rest'] = len(b''.join(parts))
said['size'] = ftp.size('bytes')
ftp.storbinary('STOR /in/up', io.BytesIO(bytes(range(256)) * 1000))
ftp.storlines('STOR /in/lines', io.BytesIO(b'a\\nb\\n'))
ftp.rename('/in/up', '/in/other')
said['made'] = ftp.mkd('/in/a "b"')
conn = ftp.transfercmd('RETR bytes')
conn.recv(10)
# Two replies in any case: what became of the transfer, and what of the ABOR.
said['abort'] = [ftp.abort()[:3], ftp.getresp()[:3]]
conn.close()
said['quit'] = ftp.quit()[:3]
print(json.dumps(said))
`;

describe('Python', () => {
  async function played(python: string, port: number, how: string): Promise<Record<string, unknown>> {
    const { out, err } = await run(python, ['-c', PYTHON, String(port), how], folder.path);
    expect(err).toBe('');
    return JSON.parse(out);
  }

  for (const how of ['clear', 'reused']) {
    test(`ftplib, ${how === 'clear' ? 'in clear' : 'through TLS with its session reused'}`, async (context) => {
      const root = tree();
      const { port } = await serve(root);
      expect(await played(needs(context, 'python3'), port, how)).toMatchObject({
        names: ['in', 'pub'],
        mlsd: [
          ['bytes', 'file'],
          ['deep', 'dir'],
          ['text', 'file'],
        ],
        pwd: '/pub',
        lines: ['one', 'two'],
        rest: 1,
        size: 300_000,
        made: '/in/a "b"',
        abort: [expect.stringMatching(/^(426|226)$/), '226'],
        quit: '221',
      });
      expect(readFileSync(join(root, 'in', 'other'))).toHaveLength(256_000);
      expect(readFileSync(join(root, 'in', 'lines'), 'utf8')).toBe('a\nb\n');
    });
  }

  test('ftplib as it is reuses no TLS session: its data connections are refused', async (context) => {
    const { port } = await serve(tree());
    expect(await played(needs(context, 'python3'), port, 'not reused')).toEqual({ refused: '522' });
  });
});

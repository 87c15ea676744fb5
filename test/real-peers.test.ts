// Peers that nobody here wrote: netcat, socat, and Python's socket module. They speak to a server as a person would set it up.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { readTraces } from '../src/capture/trace.ts';
import { beginLife, type Life } from '../src/lab/lives.ts';
import type { LifeOptions } from '../src/lab/messages.ts';
import { temporaryFolder } from '../src/lab/tidy.ts';
import { needs } from './peers.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

let made = 0;
async function serve(protocol: string, design: string, options: Partial<LifeOptions> = {}): Promise<Life> {
  const life = await beginLife({
    protocol,
    design,
    who: 'it/1',
    host: '127.0.0.1',
    port: 0,
    origin: '0',
    folder: join(folder.path, `state-${++made}`),
    ...options,
  });
  onTestFinished(() => life.stop());
  return life;
}

interface Ran {
  code: number | null;
  out: Buffer;
  err: string;
}

/** Runs a program to its end; what it has not said within ten seconds it is not going to say. */
async function run(program: string, args: readonly string[], input: string | Buffer = ''): Promise<Ran> {
  const child = spawn(program, args, { stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  const [[code], err] = await Promise.all([once(child, 'close') as Promise<[number | null]>, text(child.stderr)]);
  clearTimeout(late);
  return { code, out: Buffer.concat(parts), err };
}

describe('netcat', () => {
  test('nc -u: what is typed comes back', async (context) => {
    const nc = needs(context, 'nc');
    const { port } = await serve('udp-echo', 'plain');
    const { out } = await run(nc, ['-u', '-w1', '127.0.0.1', String(port)], 'hello, echo\n');
    expect(out.toString()).toBe('hello, echo\n');
  });

  test('nc to the session server, with no idea of the protocol: a RESET that says malformed, and the end', async (context) => {
    const nc = needs(context, 'nc');
    const { port } = await serve('tcp-session', 'memory');
    const { out } = await run(nc, ['-w2', '127.0.0.1', String(port)], 'GET / HTTP/1.0\r\n\r\n');
    expect(out.toString('hex')).toBe('17040000');
  });
});

describe('socat', () => {
  test('a datagram there and back, with bytes that are no text', async (context) => {
    const socat = needs(context, 'socat');
    const { port } = await serve('udp-echo', 'plain');
    const bytes = Buffer.from('00ff0d0a1b5b', 'hex');
    const { out } = await run(socat, ['-t', '0.5', '-', `UDP4:127.0.0.1:${port}`], bytes);
    expect(out.toString('hex')).toBe(bytes.toString('hex'));
  });

  test('frames typed in a shell: printf | socat opens a session, sends three bytes and is acknowledged', async (context) => {
    const socat = needs(context, 'socat');
    const { port } = await serve('tcp-session', 'memory');
    const open = String.raw`\21\00\00\04\00\00\03\350`;
    const data = String.raw`\24\00\00\07\00\00\03\350abc`;
    const typed = `printf '${open}${data}' | ${socat} -t 5 - TCP4:127.0.0.1:${port}`;
    const { out, code } = await run('sh', ['-c', typed]);
    expect(code).toBe(0);
    expect(out.toString('hex', 0, 8)).toBe('1200001c00000001');
    // ACK, delivered, next 1003; the digest of "abc" as anybody computes it.
    expect(out.toString('hex', 32)).toMatch(/^1500000c000003eb[0-9a-f]{8}352441c2$/);
  });
});

/** A client in another language, by somebody who has read the head of `wire.ts` and nothing else. */
const PYTHON = `
import json, socket, struct, sys, zlib

def ask(line, message, length):
    line.sendall(message)
    return hear(line, length)

def hear(line, length):
    got = b''
    while len(got) < length:
        part = line.recv(length - len(got))
        if not part: raise EOFError(f'{len(got)} of {length} bytes')
        got += part
    return got

def dial(port):
    line = socket.create_connection(('127.0.0.1', port), timeout=10)
    return line

def message(kind, code, body):
    return struct.pack('>BBH', 0x10 | kind, code, len(body)) + body

def ack(got):
    kind, code, length, next, window, digest = struct.unpack('>BBHIII', got)
    assert (kind, length) == (0x15, 12), got
    return {'code': code, 'next': next, 'digest': digest}

port = int(sys.argv[1])
first = 0xfffffffe
text = b'Do not forget me.'
line = dial(port)
opened = ask(line, message(1, 0, struct.pack('>I', first)), 32)
session, token, next, window = struct.unpack('>4xI16sII', opened)
said = {'opened': next == first, 'half': ack(ask(line, message(4, 0, struct.pack('>I', first) + text[:7]), 16))}
print(json.dumps(said), flush=True)

# Whoever started this kills the server now, starts it again on the same port, and says so.
sys.stdin.readline()
try:
    gone = hear(line, 1)
except (EOFError, ConnectionError) as error:
    gone = None
line = dial(port)
line.sendall(message(3, 0, struct.pack('>I', session) + token))
answer = hear(line, 4)
if answer[0] == 0x17:
    print(json.dumps({'gone': gone is None, 'reset': answer[1]}), flush=True)
    sys.exit(0)
resumed = ack(answer + hear(line, 12))
again = ack(ask(line, message(4, 0, struct.pack('>I', first) + text[:7]), 16))
rest = ack(ask(line, message(4, 0, struct.pack('>I', resumed['next']) + text[7:]), 16))
end = ask(line, message(6, 0, struct.pack('>II', rest['next'], zlib.crc32(text))), 12)
print(json.dumps({'gone': gone is None, 'resumed': resumed, 'again': again, 'rest': rest,
                  'digest': zlib.crc32(text), 'closed': struct.unpack('>4xII', end)}), flush=True)
`;

describe('Python', () => {
  /** Plays the client against a server that is killed and started again in the middle; resolves to what it reports. */
  async function played(python: string, design: string): Promise<[Record<string, unknown>, Record<string, unknown>]> {
    const state = join(folder.path, `state-${++made}`);
    const first = await serve('tcp-session', design, { folder: state });
    const child = spawn(python, ['-c', PYTHON, String(first.port)], { stdio: 'pipe' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const err = text(child.stderr);
    const ended = once(child, 'close');
    child.stdout.setEncoding('utf8');
    const [before] = await Promise.race([once(child.stdout, 'data'), ended.then(async () => [`"${await err}"`])]);
    await first.kill();
    await serve('tcp-session', design, { folder: state, port: first.port, who: 'it/2' });
    const after = once(child.stdout, 'data');
    child.stdin.end('go on\n');
    const [report] = await Promise.race([after, ended.then(async () => [`"${await err}"`])]);
    await ended;
    expect(await err).toBe('');
    return [JSON.parse(before), JSON.parse(report)];
  }

  test('over a kill with tcp-session/disk: resumed where it was, nothing lost and nothing delivered twice', async (context) => {
    const [before, after] = await played(needs(context, 'python3'), 'disk');
    // The numbers wrap: 0xfffffffe and seven bytes make 5.
    expect(before).toMatchObject({ opened: true, half: { code: 0, next: 5 } });
    const { digest } = before.half as { digest: number };
    expect(after).toMatchObject({
      gone: true,
      resumed: { code: 0, next: 5, digest },
      again: { code: 1, next: 5, digest },
      rest: { code: 0, next: 15, digest: after.digest },
      closed: [15, after.digest],
    });
  });

  test('over a kill with tcp-session/memory: nobody knows it any more, and says so', async (context) => {
    const [before, after] = await played(needs(context, 'python3'), 'memory');
    expect(before).toMatchObject({ opened: true, half: { code: 0, next: 5 } });
    // RESET 2: nothing is filed under this token.
    expect(after).toEqual({ gone: true, reset: 2 });
  });

  test('udp-echo: a killed server is an error to a connected socket, and its next life answers as ever', async (context) => {
    const python = needs(context, 'python3');
    const script = `
import socket, sys
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.settimeout(10)
line.connect(('127.0.0.1', int(sys.argv[1])))
def ask(text):
    try:
        line.send(text.encode()); return line.recv(100).decode()
    except ConnectionRefusedError: return 'refused'
print(ask('one'), flush=True)
sys.stdin.readline(); print(ask('two'), flush=True)
sys.stdin.readline(); print(ask('three'), flush=True)
`;
    const trace = join(folder.path, `trace-${++made}`);
    const first = await serve('udp-echo', 'plain');
    const child = spawn(python, ['-c', script, String(first.port)], { stdio: 'pipe' });
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdout.setEncoding('utf8');
    const says = async () => String((await once(child.stdout, 'data'))[0]).trim();
    expect(await says()).toBe('one');
    await first.kill();
    child.stdin.write('\n');
    expect(await says()).toBe('refused');
    const second = await serve('udp-echo', 'plain', { port: first.port, trace });
    child.stdin.end('\n');
    expect(await says()).toBe('three');
    await once(child, 'close');
    await second.stop();
    // And the log of the second life holds exactly this one exchange.
    const seen = readTraces(readFileSync(trace, 'utf8')).flatMap((each) =>
      each.is === 'bytes' ? [`${each.way} ${Buffer.from(each.base64, 'base64')}`] : [],
    );
    expect(seen).toEqual(['read three', 'sent three']);
  });
});

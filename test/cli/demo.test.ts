import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SYLLABUS } from '../../demos/index.ts';
import { needs } from '../peers.ts';
import { amnesia, home, type Ran, records, start, terminal } from './amnesia.ts';

const newHome = home();
const env = await newHome();
// biome-ignore lint/suspicious/noControlCharactersInRegex: the character that begins every escape code is what is looked for
const ESCAPE = /\u001b/;

/** A demo that ends as claimed, without a word of complaint. */
async function demo(...args: string[]): Promise<string> {
  const { code, out, err } = await amnesia(['demo', ...args], { env });
  expect({ code, err }, out).toEqual({ code: 0, err: '' });
  return out;
}

describe('a demo tells its story', () => {
  test('without options: the control arm, the kill that the story is about, the ledger, the verdict and the next command', async () => {
    const out = await demo('udp-echo');
    const parts = [
      'control arm: nothing is cut',
      'severed arm',
      'SIGKILL echo/1',
      'echo/2',
      'ledger',
      'untouched',
      'next: ',
    ];
    let at = 0;
    for (const part of parts) {
      expect(out.indexOf(part, at), `“${part}” comes in its turn in:\n${out}`).toBeGreaterThanOrEqual(at);
      at = out.indexOf(part, at);
    }
    expect(out).toContain('0000  6f 6e 65');
  });

  test('not a terminal: no escape codes, no line wider than 80 columns, no progress', async () => {
    const { out, err } = await amnesia(['demo', 'tcp-session', '--log', 'full'], { env });
    expect(out).not.toMatch(ESCAPE);
    expect(err).toBe('');
    expect(out.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
  });

  test('FORCE_COLOR colours, and --no-color has the last word', async () => {
    const args = ['demo', 'udp-echo', '--log', 'line', '--cut', 'none'];
    const colour = { ...env, FORCE_COLOR: '1' };
    expect((await amnesia(args, { env: colour })).out).toMatch(ESCAPE);
    expect((await amnesia([...args, '--no-color'], { env: colour })).out).not.toMatch(ESCAPE);
    expect((await amnesia(['list'], { env: colour })).out).toMatch(ESCAPE);
    expect((await amnesia(['list'], { env: { ...colour, NO_COLOR: '1' } })).out).not.toMatch(ESCAPE);
  });

  test('--ascii prints nothing else', async () => {
    const out = await demo('tcp-session/disk', '--ascii', '--log', 'full', '--bytes', 'all');
    expect(out).toMatch(/^[\n -~]+$/);
    expect(out).toContain('SIGKILL session/1');
  });

  test('--cut none plays the control arm alone', async () => {
    const out = await demo('tcp-session', '--cut', 'none', '--log', 'line');
    expect(out).toContain('control arm');
    expect(out).not.toMatch(/severed|SIGKILL/);
    expect(out).toContain('Nothing was cut');
  });

  test.each([
    ['udp-echo', 'path', '3', 'untouched'],
    ['tcp-session/memory', 'forget', '2', 'broken'],
    ['tcp-session/disk', 'kill', 'send 2 ACK', 'recovered'],
    ['tcp-session/disk', 'store', '2', 'broken'],
    ['tcp-session/disk', 'swap', '2', 'broken'],
    ['dns/cookie', 'swap', '2', 'recovered'],
    ['ftp/carried', 'silence', '3', 'recovered'],
    ['dns', 'kill', 'send 6 RESPONSE', 'recovered'],
    ['ftp', 'forget', '2', 'broken'],
    ['ftp/carried', 'path', '4', 'recovered'],
  ])('%s --cut %s --at "%s" is %s', async (protocol, cut, at, verdict) => {
    const [run, ...entries] = records(await demo(protocol, '--cut', cut, '--at', at, '--json'));
    expect(run).toMatchObject({ is: 'run', cut, at, verdict });
    expect(entries.filter((entry) => entry.is === 'cut')[0]).toMatchObject(
      cut === 'path' ? { who: 'client', cut } : { cut: cut === 'store' ? 'kill' : cut },
    );
  });

  test('--log line shows no bytes, --bytes all shows every one, --bytes none shows none at any level', async () => {
    const [line, all, none] = await Promise.all([
      demo('udp-echo', '--cut', 'none', '--log', 'line'),
      demo('udp-echo', '--cut', 'none', '--bytes', 'all'),
      demo('udp-echo', '--cut', 'none', '--log', 'full', '--bytes', 'none'),
    ]);
    expect(line).not.toMatch(/^ +0000 {2}/m);
    expect(all.match(/^ +0000 {2}/gm)).toHaveLength(8);
    expect(none).not.toMatch(/^ +0000 {2}/m);
    expect(none).toContain('Payload = ');
  });

  test('tokens are not shown, unless somebody asks for them; another seed rolls another token', async () => {
    const token = (out: string) => hexOf(out, 'OPENED').slice(16, 48);
    const [veiled, one, two] = await Promise.all([
      demo('tcp-session', '--cut', 'none', '--json'),
      demo('tcp-session', '--cut', 'none', '--json', '--show-secrets'),
      demo('tcp-session', '--cut', 'none', '--json', '--show-secrets', '--seed', '2'),
    ]);
    expect(token(veiled)).toBe('**'.repeat(16));
    expect(token(one)).toMatch(/^[0-9a-f]{32}$/);
    expect(token(two)).toMatch(/^[0-9a-f]{32}$/);
    expect(token(two)).not.toBe(token(one));
  });
});

function hexOf(out: string, kind: string): string {
  return String(records(out).find((entry) => entry.is === 'packet' && entry.kind === kind)?.hex);
}

describe('--json', () => {
  /** What each kind of record always has, beside `t_ns` and `arm`. */
  const KEYS: Record<string, string[]> = {
    arm: ['name'],
    step: ['step', 'name', 'aside'],
    answer: ['step', 'answer', 'failed'],
    packet: ['row', 'from', 'to', 'side', 'protocol', 'kind', 'says', 'hex', 'length', 'fields', 'leans', 'memory'],
    link: ['row', 'what', 'from', 'to'],
    life: ['row', 'life', 'pid', 'port', 'facts', 'notes'],
    cut: ['row', 'cut', 'who', 'facts'],
    memory: ['row', 'holder', 'changes'],
  };

  test.each(['udp-echo', 'tcp-session/disk'])(
    '%s: one record a line, the run first, every byte named',
    async (protocol) => {
      const out = await demo(protocol, '--json');
      // Nothing that a terminal could obey, and nothing that breaks a line for anybody.
      expect(out).toMatch(/^[\n\u0020-\u007e\u00a0-\u2027\u202f-\uffff]+$/);
      const [run, ...entries] = records(out);
      expect(run).toMatchObject({
        is: 'run',
        version: 2,
        protocol: protocol.split('/')[0],
        design: protocol.split('/')[1] ?? 'plain',
        seed: 1,
        cut: 'kill',
        at: protocol === 'udp-echo' ? '2' : 'sync 3',
        verdict: protocol === 'udp-echo' ? 'untouched' : 'recovered',
        because: protocol === 'udp-echo' ? 'same answers, same packets' : 'same answers, but the client had to do more',
        ...(protocol === 'udp-echo' ? {} : { more: ['be refused', 'connect', 'RESUME session=1'] }),
      });
      expect(Object.hasOwn(run as object, 'settings')).toBe(false);
      for (const entry of entries) {
        expect(Object.keys(entry)).toEqual(
          expect.arrayContaining(['t_ns', 'arm', ...(KEYS[String(entry.is)] ?? ['?'])]),
        );
        expect(Number.isSafeInteger(entry.t_ns)).toBe(true);
        expect([1, 2]).toContain(entry.arm);
        if (entry.is === 'packet') expect(tiled(entry)).toBe(entry.length);
      }
      const rows = entries.filter((entry) => 'row' in entry).map((entry) => entry.row);
      expect(rows).toEqual(rows.map((_row, index) => index + 1));
      for (const [is, least] of [
        ['arm', 2],
        ['life', 3],
        ['cut', 1],
        ['packet', 16],
      ] as const)
        expect(entries.filter((entry) => entry.is === is).length, is).toBeGreaterThanOrEqual(least);
    },
  );

  /** Up to which byte the fields cover a message without a hole. */
  function tiled(packet: Record<string, unknown>): number {
    return (packet.fields as { start: number; end: number; mask?: number }[]).reduce(
      (covered, { start, end, mask }) =>
        start === covered || (mask !== undefined && end === covered) ? end : Number.NaN,
      0,
    );
  }
});

describe('--predict asks before it shows', () => {
  const predict = (input: string): Promise<Ran> =>
    amnesia(['demo', 'udp-echo', '--predict', '--log', 'line'], { env, input });

  test('a right answer is told so, after the log; what is no answer is asked again', async () => {
    const { code, out, err } = await predict('what?\n0\n4\n\n2\n');
    expect(code, err).toBe(0);
    expect(out.indexOf('predict')).toBeGreaterThan(out.indexOf('control arm'));
    expect(out.indexOf('predict')).toBeLessThan(out.indexOf('SIGKILL'));
    expect(out.indexOf('You predicted this.')).toBeGreaterThan(out.indexOf('verdict'));
    expect(err.match(/your answer \(1 to 3\)/g)).toHaveLength(5);
  });

  test('a wrong one is told what it is; being wrong is no failure', async () => {
    const { code, out } = await predict('3\n');
    expect(code).toBe(0);
    expect(out).toContain('You predicted 3; it is 2:');
  });

  test('the end of the input is no answer: the demo goes on without one', async () => {
    const { code, out } = await predict('');
    expect(code).toBe(0);
    expect(out).toContain('untouched');
    expect(out).not.toContain('You predicted');
  });

  test("a cut of one's own is asked about as well, and told", async () => {
    const { code, out } = await amnesia(['demo', 'udp-echo', '--cut', 'path', '--predict', '--log', 'line'], {
      env,
      input: '4\n',
    });
    expect(code).toBe(0);
    expect(out).toContain('What will it do?');
    expect(out).toContain('You predicted 4; it is 1: untouched');
  });
});

describe('at a terminal', () => {
  test('--step waits for a key after each step; Ctrl-C ends it there, and nothing more is played', async (context) => {
    const args = ['demo', 'udp-echo', '--step', '--log', 'line'];
    const { type, shows, ended } = terminal(needs(context, 'python3'), args, env);
    await shows(/step 1[\s\S]*any key for the next step/);
    type(' ');
    await shows(/any key[\s\S]*step 2[\s\S]*any key/);
    type('\u0003');
    const { code, out } = await ended;
    expect(code, out).toBe(130);
    expect(out).not.toContain('step 3');
  });

  test('Ctrl-C at a question is no answer: it ends there', async (context) => {
    const args = ['demo', 'udp-echo', '--predict', '--log', 'line'];
    const { type, shows, ended } = terminal(needs(context, 'python3'), args, env);
    await shows(/your answer/);
    type('\u0003');
    const { code, out } = await ended;
    expect(code, out).toBe(130);
    expect(out).not.toContain('severed');
  });
});

describe('exit codes', () => {
  test('2 when the cut never happened: nothing is known', async () => {
    const { code, out } = await amnesia(['demo', 'udp-echo', '--at', 'read 9 ECHO', '--log', 'line'], { env });
    expect(code).toBe(2);
    expect(out).toContain('unknown');
    expect(out).toContain('no “read 9 ECHO” came');
  });

  test.each([
    ['wrong-verdict', 1, 'NOT AS CLAIMED: its author claims broken'],
    ['impatient', 2, 'the control arm failed at “ask for too much”'],
  ])('a story that is %s ends with %i, and gives no reasons for what was not seen', async (how, code, words) => {
    const ran = await amnesia([how], { env, script: fileURLToPath(new URL('./told.ts', import.meta.url)) });
    expect(ran).toMatchObject({ code, err: '' });
    expect(ran.out).toContain(words);
    expect(ran.out).not.toContain('nobody holds it');
  });

  test('a reader that has seen enough ends it quietly, and no server lives on', async () => {
    const { child, ended, prints } = start(['demo', 'tcp-session/disk', '--log', 'full'], { env });
    await prints(/TCP session/);
    child.stdout.destroy();
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });

  test('a run that cannot be kept has still been played', async () => {
    const { code, out, err } = await amnesia(['demo', 'udp-echo', '--cut', 'none', '--log', 'line'], {
      env: { ...env, XDG_CACHE_HOME: process.execPath },
    });
    expect(code).toBe(0);
    expect(out).toContain('Nothing was cut');
    expect(err).toMatch(/^amnesia: this run cannot be kept for explain: .*\n$/);
  });
});

describe('a demo file runs by itself', () => {
  const file = (name: string) => fileURLToPath(new URL(`../../demos/${name}.ts`, import.meta.url));

  test.each(SYLLABUS.map(({ protocol }) => protocol))('demos/%s.ts, from any folder', async (name) => {
    const { code, out, err } = await amnesia(['--cut', 'none', '--log', 'line'], {
      env,
      script: file(name),
      cwd: '/',
    });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`${name}/`);
    expect(out).toContain('Nothing was cut');
  });

  test('its first word may be a design', async () => {
    const { code, out } = await amnesia(['disk', '--log', 'line'], { env, script: file('tcp-session') });
    expect(code).toBe(0);
    expect(out).toContain('tcp-session/disk');
    expect(out).toContain('recovered');
  });
});

describe('--sync', () => {
  test('os: said at the start, and a kill right after the write keeps what was promised', async () => {
    const ran = await amnesia(['demo', 'tcp-session/disk', '--sync', 'os', '--no-color'], {
      env: await newHome(),
    });
    const out = ran.out.replace(/\s+/g, ' ');
    expect(ran.code).toBe(0);
    expect(out).toContain('promise: with --sync os an answer promises that what it says is written');
    expect(out).toContain('between write and sync no. 3 of its journal');
    expect(out).toMatch(/KEPT session\[1\]: /);
    expect(out).toMatch(/ recovered: /);
  });

  test('device: the same as without', async () => {
    const ran = await amnesia(['demo', 'tcp-session/disk', '--sync', 'device', '--no-color'], {
      env: await newHome(),
    });
    const out = ran.out.replace(/\s+/g, ' ');
    expect(out).toContain('promise: an ACK promises that the bytes are on the disk');
    expect(out).toContain('right after sync no. 3 of its journal');
  });
});

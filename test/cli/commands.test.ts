import { describe, expect, test } from 'vitest';
import { run } from '../../src/cli/commands.ts';
import { UsageError } from '../../src/cli/errors.ts';
import { amnesia, home, records } from './amnesia.ts';

const newHome = home();
const env = await newHome();

describe('wrong arguments: one clear line that ends with what to type', () => {
  test.each([
    ['bogus', 'there is no command "bogus"', 'amnesia --help'],
    ['--bogus', 'Unknown argument: bogus', 'amnesia --help'],
    ['list extra', 'Unknown argument: extra', 'amnesia list --help'],
    ['demo', 'demo needs a protocol', 'amnesia demo udp-echo'],
    ['demo gopher', 'there is no protocol "gopher"; there are udp-echo, dns, tcp-session, ftp', 'amnesia list'],
    ['demo tcp-session/paper', 'tcp-session has no design "paper"', 'amnesia demo tcp-session/memory'],
    ['demo tcp-session/', 'tcp-session has no design ""', 'amnesia demo tcp-session/memory'],
    ['demo udp-echo/__proto__', 'udp-echo has no design "__proto__"', 'amnesia demo udp-echo/plain'],
    ['serve tcp-session/paper', 'tcp-session has no design "paper"', 'amnesia serve tcp-session/memory'],
    ['points', 'points needs a protocol', 'amnesia points mqtt'],
    ['points tcp-session/paper', 'tcp-session has no design "paper"', 'amnesia points tcp-session/memory'],
    ['litmus tcp-session/paper', 'tcp-session has no design "paper"', 'amnesia litmus tcp-session/memory'],
    ['demo udp-echo --cut hair', 'Given: "hair"', 'amnesia demo --help'],
    ['demo udp-echo --log loud', 'Given: "loud"', 'amnesia demo --help'],
    ['demo udp-echo --sed 2', 'Unknown argument: sed', 'amnesia demo --help'],
    ['demo udp-echo --seed two', '--seed takes one whole number from 0 on', 'amnesia demo --help'],
    ['demo udp-echo --seed', 'Not enough arguments following: seed', 'amnesia demo --help'],
    ['demo udp-echo --seed 1.5', '--seed takes one whole number', 'amnesia demo --help'],
    ['demo udp-echo --at', 'Not enough arguments following: at', 'amnesia demo --help'],
    ['demo udp-echo --at noon', '--at "noon" is no place', 'amnesia demo udp-echo/plain --cut kill --at 2'],
    ['demo udp-echo --at 0', '--at "0" is no place', 'amnesia demo udp-echo/plain --cut kill --at 2'],
    [
      'demo udp-echo --at 4',
      'a cut after the last step shows nothing',
      'amnesia demo udp-echo/plain --cut kill --at 2',
    ],
    ['demo ftp --cut silence --at 5', 'and there are 5 steps', 'amnesia demo ftp/memory --cut silence --at 2'],
    ['demo udp-echo --cut none --at 2', '--cut none cuts nothing', 'amnesia demo udp-echo/plain --cut kill --at 2'],
    ['demo udp-echo --cut store', 'there is no store to lose', 'amnesia demo udp-echo --cut kill'],
    ['demo tcp-session --cut store', 'no store to lose', 'amnesia demo tcp-session/disk --cut store'],
    ['demo tcp-session/disk --sync never', 'Given: "never"', 'amnesia demo --help'],
    ['demo tcp-session --sync os', '--sync means nothing to tcp-session/memory', 'amnesia demo tcp-session/memory'],
    ['serve tcp-session/disk --sync never', 'Given: "never"', 'amnesia serve --help'],
    ['serve tcp-session --sync os', '--sync means nothing to tcp-session/memory', 'amnesia serve tcp-session/memory'],
    [
      'demo tcp-session/disk --sync os --at "sync 2"',
      'nothing is synced before an answer',
      'amnesia demo tcp-session/disk --sync os --at "write 2"',
    ],
    ['fleet', 'fleet needs the servers behind a balancer', 'amnesia fleet http/memory'],
    ['fleet mqtt', 'a balancer leads to servers of http', 'amnesia fleet http/memory'],
    ['fleet http/memory --act store', 'has no shared store to lose', 'amnesia fleet http/redis'],
    ['fleet http/memory --act quake', 'Given: "quake"', 'amnesia fleet --help'],
    ['fleet http/memory --users 0', '--users takes one whole number from 1 to 5000', 'amnesia fleet --help'],
    ['demo udp-echo --step', 'there is no keyboard here', 'amnesia demo --help'],
    ['demo udp-echo --json --predict', '--predict is for a person', 'amnesia demo --help'],
    ['litmus tcp-session udp', 'there is no protocol "udp"', 'amnesia list'],
    ['litmus udp tcp-session', 'there is no protocol "udp"', 'amnesia list'],
    ['serve', 'serve needs a protocol', 'amnesia serve udp-echo --log default'],
    ['serve udp-echo --port 65536', '--port takes one whole number from 0 to 65535', 'amnesia serve --help'],
    ['serve udp-echo --port http', '--port takes one whole number', 'amnesia serve --help'],
    ['serve udp-echo --rate -1', '--rate takes one whole number from 0 on', 'amnesia serve --help'],
    [
      'serve udp-echo --host 0.0.0.0',
      'anybody there could use this server',
      'amnesia serve udp-echo/plain --host 0.0.0.0 --expose',
    ],
    [
      'serve udp-echo --host 127.example.org',
      'anybody there',
      'amnesia serve udp-echo/plain --host 127.example.org --expose',
    ],
    ['serve udp-echo --zone z', '--zone means nothing to udp-echo/plain', 'amnesia serve udp-echo/plain'],
    ['serve dns --root .', '--root means nothing to dns/plain', 'amnesia serve dns/plain'],
    ['serve dns/cookie --secret 00', '--secret means nothing to dns/cookie', 'amnesia serve dns/cookie'],
    ['serve ftp --rate 5', '--rate is for datagrams', 'amnesia serve ftp/memory'],
    ['tap', 'tap needs a protocol', 'amnesia tap mqtt --listen 1884 --to 127.0.0.1:1883'],
    ['explain', 'explain needs the number of a row', 'amnesia explain 5'],
    ['explain first', 'explain takes one whole number from 1 on', 'amnesia explain --help'],
  ])('amnesia %s', async (typed, says, advice) => {
    // What stands in quotes is one word.
    const words = (typed.match(/"[^"]*"|\S+/g) ?? []).map((each) => each.replaceAll('"', ''));
    const fault = await run(words).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(UsageError);
    const { message } = fault as UsageError;
    expect(message).toContain(says);
    expect(message).not.toContain('\n');
    expect(message.slice(message.lastIndexOf('. Type: '))).toBe(`. Type: ${advice}`);
  });

  test('as a process: on stderr, with exit code 64, and in English wherever it runs', async () => {
    const { code, out, err } = await amnesia(['demo', 'udp-echo', '--sed', '2'], {
      env: { ...env, LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' },
    });
    expect({ code, out, err }).toEqual({
      code: 64,
      out: '',
      err: 'amnesia: Unknown argument: sed. Type: amnesia demo --help\n',
    });
  });
});

describe('amnesia list', () => {
  test('names every protocol and design, one line each', async () => {
    const { code, out, err } = await amnesia(['list'], { env });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const name of ['udp-echo/plain', 'dns/cookie-shared', 'tcp-session/memory', 'tcp-session/disk', 'ftp/carried'])
      expect(out.match(new RegExp(`^ +${name} `, 'gm')), name).toHaveLength(1);
  });

  test('--json says the same to a program, --ascii to an old printer', async () => {
    const { out } = await amnesia(['list', '--json'], { env });
    expect(
      records(out).map(({ protocol, transport, designs }) => [
        protocol,
        transport,
        (designs as { name: string }[]).map(({ name }) => name),
      ]),
    ).toEqual([
      ['udp-echo', 'udp', ['plain']],
      ['dns', 'udp+tcp', ['plain', 'cookie', 'cookie-shared']],
      ['tcp-session', 'tcp', ['memory', 'connection', 'disk', 'shared']],
      ['ftp', 'tcp', ['memory', 'carried']],
      ['mqtt', 'tcp', ['memory', 'disk', 'redis', 'aedes', 'aedes-level', 'aedes-redis']],
      ['http', 'tcp', ['memory', 'store', 'redis', 'careless', 'token', 'rolled', 'hybrid']],
      ['balancer', 'tcp', ['round-robin', 'cookie', 'address', 'hash']],
      ['websocket', 'tcp', ['memory', 'resume', 'redis']],
    ]);
    expect((await amnesia(['list', '--ascii'], { env })).out).toMatch(/^[\n -~]+$/);
  });
});

describe('amnesia litmus udp-echo', () => {
  test('--json: one row, nothing filed, nobody holds it, each cut judged after each step but the last', async () => {
    const { code, out, err } = await amnesia(['litmus', 'udp-echo', '--json'], { env });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const [row, ...more] = records(out);
    expect(more).toEqual([]);
    expect(row).toMatchObject({ protocol: 'udp-echo', design: 'plain', filedUnder: 'nothing', heldBy: 'nobody' });
    expect(
      ((row?.cuts ?? []) as { cut: string; verdict: string; places: { place: string }[] }[]).map(
        ({ cut, verdict, places }) => [cut, verdict, places.map(({ place }) => place)],
      ),
    ).toEqual([
      ['forget', 'untouched', ['1', '2', '3']],
      ['path', 'untouched', ['1', '2', '3']],
      ['kill', 'untouched', ['1', '2', '3']],
      ['swap', 'untouched', ['1', '2', '3']],
      ['silence', 'recovered', ['1', '2', '3']],
      ['expire', 'untouched', ['1', '2', '3']],
    ]);
  });

  test('--markdown: a table for a README', async () => {
    const { code, out } = await amnesia(['litmus', 'udp-echo', '--markdown'], { env });
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines[1]).toMatch(/^\|( ?-+ ?\|)+$/);
    expect(lines.at(-1)).toContain('udp-echo');
    expect(new Set(lines.map((line) => line.split('|').length)).size).toBe(1);
  });
});

describe('help and completion', () => {
  test('every command has a help text with a description for each of its options', async () => {
    for (const command of ['demo', 'serve', 'tap']) {
      const { code, out } = await amnesia([command, '--help'], { env });
      expect(code).toBe(0);
      expect(out).toContain(`amnesia ${command} <protocol>`);
      expect(out).toContain('Examples:');
      expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    }
  });

  test('completion prints a script for the shell, and nothing else', async () => {
    const { code, out, err } = await amnesia(['completion'], { env: { ...env, SHELL: '/bin/bash' } });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^###-begin-amnesia-completions-###\n[\s\S]*\n###-end-amnesia-completions-###\n+$/);
    expect(out).toContain('complete ');
  });

  test('commands, protocols, options and their values are completed', async () => {
    const complete = async (...words: string[]) => {
      const { out } = await amnesia(['--get-yargs-completions', 'amnesia', ...words], {
        env: { ...env, SHELL: '/bin/bash' },
      });
      return out.trimEnd().split('\n');
    };
    expect(await complete('')).toEqual([
      'list',
      'demo',
      'exercise',
      'litmus',
      'points',
      'fleet',
      'tradeoffs',
      'serve',
      'tap',
      'explain',
      'show',
      'runs',
      'replay',
      'completion',
    ]);
    expect(await complete('serve', 'tcp')).toEqual([
      'tcp-session',
      'tcp-session/memory',
      'tcp-session/connection',
      'tcp-session/disk',
      'tcp-session/shared',
    ]);
    expect(await complete('tap', 'tcp')).toEqual(['tcp-session']);
    expect(await complete('demo', 'udp-echo', '--cut', '')).toEqual([
      'kill',
      'forget',
      'path',
      'swap',
      'silence',
      'expire',
      'store',
      'none',
    ]);
    // The shell chooses among them.
    expect(await complete('demo', 'udp-echo', '--pre')).toContain('--predict');
  });
});
